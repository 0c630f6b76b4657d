/* SPDX-License-Identifier: MIT */
/*
 * cli/channel_json.c - messages as lines of JSON
 *
 *   {"data":"dig","prio":9,"pid":4711,"uid":0}
 *
 * Bytes that aren't UTF-8 are "base64" instead of "data". Reading is as strict as addresses are.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <hepta/sock.h>
#include <json-c/json.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "cli/channel.h"

/* Length of the UTF-8 sequence at p, as RFC 3629 has it; 0: there is none. */
static size_t sequence(const unsigned char *p, size_t len)
{
    static const struct {
        unsigned char first_min, first_max, second_min, second_max;
        size_t len;
    } forms[] = {
        {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
        if (p[0] < forms[i].first_min || p[0] > forms[i].first_max || len < forms[i].len)
            continue;
        if (forms[i].len > 1 && (p[1] < forms[i].second_min || p[1] > forms[i].second_max))
            continue;
        for (size_t k = 2; k < forms[i].len; k++)
            if ((p[k] & 0xc0) != 0x80)
                return 0;
        return forms[i].len;
    }
    return 0;
}

static bool is_utf8(const unsigned char *p, size_t len)
{
    while (len > 0) {
        size_t n = sequence(p, len);
        if (n == 0)
            return false;
        p += n;
        len -= n;
    }
    return true;
}

/* --- writing --- */

static void add_bytes(struct json_object *o, const void *data, size_t len)
{
    if (is_utf8(data, len) && len < INT32_MAX) {
        json_object_object_add(o, "data", json_object_new_string_len(data, (int)len));
        return;
    }
    char *text = malloc(len / 3 * 4 + 5);
    if (!text)
        return;
    EVP_EncodeBlock((unsigned char *)text, data, (int)len);
    json_object_object_add(o, "base64", json_object_new_string(text));
    free(text);
}

static void add(struct json_object *o, const char *name, uint64_t value)
{
    json_object_object_add(o, name, json_object_new_uint64(value));
}

void channel_to_json(const struct hepta_channel_msg *msg, bool events)
{
    struct json_object *o = json_object_new_object();

    if (!events)
        add_bytes(o, msg->data, msg->len);
    if (msg->set & HEPTA_CHANNEL_HAS_PRIO)
        add(o, "prio", msg->prio);
    if (msg->set & HEPTA_CHANNEL_HAS_TYPE)
        json_object_object_add(o, "type", json_object_new_int64(msg->type));
    if (msg->set & HEPTA_CHANNEL_HAS_SIGNO)
        add(o, "signo", (uint64_t)msg->signo);
    if (msg->set & HEPTA_CHANNEL_HAS_VALUE)
        add(o, "value", msg->value);
    if (msg->set & HEPTA_CHANNEL_HAS_PEER)
        json_object_object_add(o, "peer", json_object_new_string(msg->peer));
    if (msg->set & HEPTA_CHANNEL_HAS_PID)
        add(o, "pid", (uint64_t)msg->pid);
    if (msg->set & HEPTA_CHANNEL_HAS_UID)
        add(o, "uid", msg->uid);
    if (msg->set & HEPTA_CHANNEL_HAS_FDS)
        add(o, "fds", msg->n_fds);
    if (msg->set & HEPTA_CHANNEL_HAS_DELIVERIES)
        add(o, "deliveries", msg->deliveries);
    puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
                                               JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(o);
}

/* --- reading --- */

static int take_base64(const char *text, size_t len, struct hepta_channel_msg *msg, char **data)
{
    size_t pad = len > 1 && text[len - 2] == '=' ? 2 : len > 0 && text[len - 1] == '=';

    if (len % 4 != 0 || strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                     "0123456789+/") != len - pad)
        return -1;
    *data = malloc(len / 4 * 3 + 1);
    if (!*data || EVP_DecodeBlock((unsigned char *)*data, (const unsigned char *)text,
                                  (int)len) < 0)
        return -1;
    msg->data = *data;
    msg->len = len / 4 * 3 - pad;
    return 0;
}

static int take_data(struct json_object *v, struct hepta_channel_msg *msg, char **data)
{
    size_t len = (size_t)json_object_get_string_len(v);

    *data = malloc(len + 1);
    if (!*data)
        return -1;
    memcpy(*data, json_object_get_string(v), len);
    msg->data = *data;
    msg->len = len;
    return 0;
}

static int take_number(const char *key, struct json_object *v, struct hepta_channel_msg *msg)
{
    int64_t n = json_object_get_int64(v);

    if (!strcmp(key, "type")) {
        msg->type = n;
        msg->set |= HEPTA_CHANNEL_HAS_TYPE;
    } else if (n < 0) {
        return -1;
    } else if (!strcmp(key, "value")) {
        msg->value = json_object_get_uint64(v);
        msg->set |= HEPTA_CHANNEL_HAS_VALUE;
    } else if (!strcmp(key, "prio") && n <= UINT32_MAX) {
        msg->prio = (uint32_t)n;
        msg->set |= HEPTA_CHANNEL_HAS_PRIO;
    } else if (!strcmp(key, "signo") && n <= 64) {
        msg->signo = (int32_t)n;
        msg->set |= HEPTA_CHANNEL_HAS_SIGNO;
    } else {
        return -1;
    }
    return 0;
}

/* What recv prints and only the mechanism can know is read and passed over. */
static bool told_only(const char *key)
{
    static const char *const words[] = {"pid", "uid", "fds", "deliveries", NULL};
    return cli_word(key, words) >= 0;
}

static int take(const char *key, struct json_object *v, struct hepta_channel_msg *msg, char **data)
{
    bool string = json_object_is_type(v, json_type_string);
    const char *text = string ? json_object_get_string(v) : NULL;

    if (told_only(key))
        return 0;
    if (!strcmp(key, "data") || !strcmp(key, "base64")) {
        if (!string || *data)
            return -1;
        return *key == 'd' ? take_data(v, msg, data)
                           : take_base64(text, (size_t)json_object_get_string_len(v), msg, data);
    }
    if (!strcmp(key, "peer") && string && strlen(text) < sizeof msg->peer) {
        strcpy(msg->peer, text);
        msg->set |= HEPTA_CHANNEL_HAS_PEER;
        return 0;
    }
    return json_object_is_type(v, json_type_int) ? take_number(key, v, msg) : -1;
}

int channel_from_json(const char *line, size_t len, struct hepta_channel_msg *msg, char **data,
                      char *why, size_t n)
{
    struct json_tokener *tok = json_tokener_new();
    struct json_object *o = NULL;
    int r = -1;

    *data = NULL;
    if (tok && len < INT32_MAX) {
        json_tokener_set_flags(tok, JSON_TOKENER_STRICT);
        o = json_tokener_parse_ex(tok, line, (int)len);
        if (o && json_tokener_get_parse_end(tok) != len)
            snprintf(why, n, "something follows the object");
        else if (!o || !json_object_is_type(o, json_type_object))
            snprintf(why, n, "it isn't a JSON object: write {\"data\":\"text\"}");
        else
            r = 0;
    }
    if (r == 0) {
        json_object_object_foreach(o, key, v)
        {
            if (r == 0 && (r = take(key, v, msg, data)) < 0)
                snprintf(why, n, "'%.40s' can't be, or can't be that", key);
        }
    }
    json_object_put(o);
    json_tokener_free(tok);
    return r;
}
