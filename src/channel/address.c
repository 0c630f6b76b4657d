/* SPDX-License-Identifier: MIT */
/* channel/address.c - see address.h: the kind, the name, the options */
#define _GNU_SOURCE
#include "channel/address.h"

#include <errno.h>
#include <hepta/sock.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "channel/channel_internal.h"

/* In the order of enum h7_option. form: what an example of it looks like. */
static const struct {
    const char *name, *form;
} options[H7_N_OPTIONS] = {
    [H7_OPTION_LISTEN] = {"listen", NULL},
    [H7_OPTION_CREATE] = {"create", NULL},
    [H7_OPTION_MODE] = {"mode", "mode=0660"},
    [H7_OPTION_SIZE] = {"size", "size=64K"},
    [H7_OPTION_DEPTH] = {"depth", "depth=16"},
    [H7_OPTION_PRIO] = {"prio", "prio=5"},
    [H7_OPTION_TYPE] = {"type", "type=7"},
    [H7_OPTION_SOCK_TYPE] = {"type", "type=stream, seqpacket or dgram"},
    [H7_OPTION_VALUE] = {"value", "value=42"},
    [H7_OPTION_LEASE] = {"lease", NULL},
    [H7_OPTION_UNDO] = {"undo", NULL},
    [H7_OPTION_FRAMING] = {"framing", "framing=line, record, raw or fixed:64"},
};

int h7_why(struct h7_why *why, int err, const char *form, ...)
{
    va_list args;

    if (!why || !why->text || why->n == 0)
        return err;
    va_start(args, form);
    vsnprintf(why->text, why->n, form, args);
    va_end(args);
    for (char *c = why->text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            *c = '?';
    return err;
}

/* --- values --- */

static int digit(char c, unsigned base)
{
    unsigned d = c >= '0' && c <= '9' ? (unsigned)(c - '0')
                 : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                 : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
                                        : base;
    return d < base ? (int)d : -1;
}

static int parse_base(const char *text, size_t len, unsigned base, uint64_t max, uint64_t *out)
{
    uint64_t n = 0;

    if (len == 0)
        return 0;
    for (size_t i = 0; i < len; i++) {
        int d = digit(text[i], base);
        if (d < 0 || __builtin_mul_overflow(n, base, &n) ||
            __builtin_add_overflow(n, (unsigned)d, &n))
            return 0;
    }
    *out = n;
    return n <= max;
}

int h7_parse_number(const char *text, size_t len, uint64_t max, uint64_t *out)
{
    if (len > 2 && text[0] == '0' && text[1] == 'x')
        return parse_base(text + 2, len - 2, 16, max, out);
    return parse_base(text, len, 10, max, out);
}

int h7_parse_size(const char *text, size_t len, uint64_t max, uint64_t *out)
{
    static const char units[] = "KMG";
    const char *unit = len > 1 ? memchr(units, text[len - 1], 3) : NULL;
    unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;

    if (!parse_base(text, len - !!unit, 10, max >> shift, out))
        return 0;
    *out <<= shift;
    return 1;
}

static int is(const char *text, size_t len, const char *word)
{
    return strlen(word) == len && !memcmp(text, word, len);
}

/* A type of System V's can be negative: the lowest up to that. */
static int parse_type(struct h7_address *a, const char *v, size_t len)
{
    uint64_t n;
    int minus = len > 0 && *v == '-';

    if (!parse_base(v + minus, len - (size_t)minus, 10, INT64_MAX, &n))
        return 0;
    a->type = minus ? -(int64_t)n : (int64_t)n;
    return 1;
}

static int parse_framing(struct h7_address *a, const char *v, size_t len)
{
    static const char *const words[] = {"record", "line", "raw"};
    uint64_t n;

    for (uint32_t i = 0; i < 3; i++) {
        a->framing = i;
        if (is(v, len, words[i]))
            return 1;
    }
    if (len <= 6 || memcmp(v, "fixed:", 6) != 0 ||
        !h7_parse_size(v + 6, len - 6, HEPTA_CHANNEL_RECORD_MAX, &n) || n == 0)
        return 0;
    a->framing = HEPTA_CHANNEL_FIXED;
    a->frame_len = (uint32_t)n;
    return 1;
}

static int parse_sock_type(struct h7_address *a, const char *v, size_t len)
{
    a->sock_type = is(v, len, "stream")      ? HEPTA_SOCK_STREAM
                   : is(v, len, "seqpacket") ? HEPTA_SOCK_SEQPACKET
                   : is(v, len, "dgram")     ? HEPTA_SOCK_DGRAM
                                             : HEPTA_SOCK_DEFAULT;
    return a->sock_type != HEPTA_SOCK_DEFAULT;
}

static int parse_value(struct h7_address *a, unsigned option, const char *v, size_t len)
{
    uint64_t n = 0;
    int ok;

    switch (option) {
    case H7_OPTION_MODE:
        ok = parse_base(v, len, 8, 0777, &n);
        a->mode = (mode_t)n;
        return ok;
    case H7_OPTION_SIZE:
        return h7_parse_size(v, len, INT64_MAX, &a->size) && a->size > 0;
    case H7_OPTION_DEPTH:
        ok = h7_parse_size(v, len, INT32_MAX, &n);
        a->depth = (uint32_t)n;
        return ok;
    case H7_OPTION_PRIO:
        ok = parse_base(v, len, 10, 32767, &n);
        a->prio = (uint32_t)n;
        return ok;
    case H7_OPTION_TYPE:
        return parse_type(a, v, len);
    case H7_OPTION_SOCK_TYPE:
        return parse_sock_type(a, v, len);
    case H7_OPTION_VALUE:
        return h7_parse_number(v, len, UINT64_MAX, &a->value);
    default:
        return parse_framing(a, v, len);
    }
}

/* --- options --- */

static int unknown_option(const struct h7_address *a, const char *text, size_t len,
                          struct h7_why *why)
{
    const char *words[H7_N_OPTIONS + 1];
    char all[160] = "";
    size_t n = 0;

    for (unsigned i = 0; i < H7_N_OPTIONS; i++) {
        if (!(a->kind->options & 1u << i))
            continue;
        snprintf(all + strlen(all), sizeof all - strlen(all), n ? ", %s" : "%s", options[i].name);
        words[n++] = options[i].name;
    }
    words[n] = NULL;
    const char *near = h7_nearest(text, len, words);
    int shown = len < 40 ? (int)len : 40;
    if (near)
        return h7_why(why, -EINVAL, "%s has no option '%.*s': did you mean '%s'?", a->kind->name,
                      shown, text, near);
    if (n == 0)
        return h7_why(why, -EINVAL, "%s takes no options, and '%.*s' is none: a comma of the "
                      "name's own is written twice", a->kind->name, shown, text);
    return h7_why(why, -EINVAL, "%s has no option '%.*s': it has %s (a comma of the name's own is "
                  "written twice)", a->kind->name, shown, text, all);
}

static int parse_option(struct h7_address *a, const char *text, size_t len, struct h7_why *why)
{
    const char *eq = memchr(text, '=', len);
    size_t name_len = eq ? (size_t)(eq - text) : len;
    unsigned i = 0;

    while (i < H7_N_OPTIONS &&
           !(a->kind->options & 1u << i && is(text, name_len, options[i].name)))
        i++;
    if (i == H7_N_OPTIONS)
        return unknown_option(a, text, name_len, why);
    if (a->set & 1u << i)
        return h7_why(why, -EINVAL, "the option '%s' is there twice: leave one of them out",
                      options[i].name);
    a->set |= 1u << i;
    if (!options[i].form)
        return !eq ? 0
                   : h7_why(why, -EINVAL, "the option '%s' takes no value: write only '%s'",
                            options[i].name, options[i].name);
    if (eq && parse_value(a, i, eq + 1, len - name_len - 1))
        return 0;
    return h7_why(why, -EINVAL, "'%.*s' isn't a value of the option: write it as %s",
                  len < 60 ? (int)len : 60, text, options[i].form);
}

/* --- the whole --- */

static int unknown_kind(const char *text, size_t len, struct h7_why *why)
{
    const char *words[64];
    size_t n = 0;

    for (; n < h7_channel_n_kinds && n < 63; n++)
        words[n] = h7_channel_kinds[n].name;
    words[n] = NULL;
    const char *near = h7_nearest(text, len, words);
    int shown = len < 40 ? (int)len : 40;
    if (near)
        return h7_why(why, -EINVAL, "there is no kind '%.*s' of address: did you mean '%s:'?",
                      shown, text, near);
    return h7_why(why, -EINVAL, "there is no kind '%.*s' of address: kinds are pipe, fifo, mq, "
                  "msg, shm, sem, permit, semset, unix, tcp, udp, raw, signal, and - for standard "
                  "input and output", shown, text);
}

static int find_kind(struct h7_address *a, const char *text, const char **rest,
                     struct h7_why *why)
{
    size_t len = strcspn(text, ":");

    if (text[0] == '-' && (text[1] == 0 || text[1] == ',')) {
        len = 1;
        *rest = text + 1;
    } else if (text[len] == ':') {
        *rest = text + len + 1;
    } else {
        return h7_why(why, -EINVAL, "'%.60s' isn't an address: write KIND:NAME, as mq:/jobs or "
                      "tcp:localhost:7000", text);
    }
    for (size_t i = 0; i < h7_channel_n_kinds; i++) {
        if (is(text, len, h7_channel_kinds[i].name)) {
            a->kind = &h7_channel_kinds[i];
            return 0;
        }
    }
    return unknown_kind(text, len, why);
}

/* The name ends at a comma that isn't doubled. Returns what follows. */
static const char *take_name(struct h7_address *a, const char *text)
{
    size_t n = 0;

    while (*text && (*text != ',' || text[1] == ',')) {
        text += *text == ',';
        a->name[n++] = *text++;
    }
    a->name[n] = 0;
    return text;
}

int h7_address_parse(struct h7_address *a, const char *text, char name[HEPTA_CHANNEL_ADDRESS_MAX],
                     struct h7_why *why)
{
    memset(a, 0, sizeof *a);
    a->name = name;
    if (strnlen(text, HEPTA_CHANNEL_ADDRESS_MAX) == HEPTA_CHANNEL_ADDRESS_MAX)
        return h7_why(why, -ENAMETOOLONG, "the address is longer than %d bytes",
                      HEPTA_CHANNEL_ADDRESS_MAX - 1);
    int r = find_kind(a, text, &text, why);
    if (r < 0)
        return r;
    text = take_name(a, text);
    r = a->kind->parse(a, why);
    while (r == 0 && *text == ',') {
        size_t len = strcspn(++text, ",");
        r = parse_option(a, text, len, why);
        text += len;
    }
    return r;
}
