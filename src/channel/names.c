/* SPDX-License-Identifier: MIT */
/* channel/names.c - what is behind an address's colon, kind by kind */
#define _GNU_SOURCE
#include <errno.h>
#include <hepta/semset.h>
#include <hepta/signal.h>
#include <limits.h>
#include <string.h>

#include "channel/channel_internal.h"

int h7_name_any(struct h7_address *a, struct h7_why *why)
{
    (void)a, (void)why;
    return 0;
}

int h7_name_none(struct h7_address *a, struct h7_why *why)
{
    return !a->name[0] ? 0 : h7_why(why, -EINVAL, "- stands alone: nothing follows but options");
}

int h7_name_path(struct h7_address *a, struct h7_why *why)
{
    return a->name[0] ? 0 : h7_why(why, -EINVAL, "%s: a path is missing: write %s", a->kind->name,
                                   a->kind->form);
}

int h7_name_slash(struct h7_address *a, struct h7_why *why)
{
    const char *name = a->name;

    if (name[0] != '/')
        return h7_why(why, -EINVAL, "the name '%.60s' has to begin with a slash: write %s:/%.60s",
                      name, a->kind->name, name);
    if (!name[1])
        return h7_why(why, -EINVAL, "a name is missing behind the slash: write %s", a->kind->form);
    if (strchr(name + 1, '/') || !strcmp(name, "/.") || !strcmp(name, "/.."))
        return h7_why(why, -EINVAL, "'%.60s' isn't a name: it is one slash, and anything else "
                      "without a slash", name);
    if (strlen(name) > HEPTA_NAME_MAX + 1)
        return h7_why(why, -ENAMETOOLONG, "the name has more than %d bytes", HEPTA_NAME_MAX);
    return 0;
}

static int no_key(struct h7_address *a, struct h7_why *why)
{
    return h7_why(why, -EINVAL, "'%.60s' isn't a key: write %s with a number, as 4711 or 0x1267, "
                  "or an id, as @32769", a->name, a->kind->form);
}

/* Keys are what ftok(3) gives: any 32 bits; 0 is IPC_PRIVATE, which names nothing. */
static int parse_key(struct h7_address *a, size_t len)
{
    uint64_t n;

    a->by_id = len > 0 && a->name[0] == '@';
    if (!h7_parse_number(a->name + a->by_id, len - (size_t)a->by_id,
                         a->by_id ? INT32_MAX : UINT32_MAX, &n))
        return 0;
    a->key = (int32_t)(uint32_t)n;
    return a->by_id || n != 0;
}

int h7_name_key(struct h7_address *a, struct h7_why *why)
{
    return parse_key(a, strlen(a->name)) ? 0 : no_key(a, why);
}

int h7_name_member(struct h7_address *a, struct h7_why *why)
{
    size_t len = strcspn(a->name, "[");
    const char *open = a->name + len;
    uint64_t i = 0;

    if (*open) {
        size_t n = strlen(open);
        if (n < 3 || open[n - 1] != ']' ||
            !h7_parse_number(open + 1, n - 2, HEPTA_SEMSET_SEMS_MAX - 1, &i))
            return h7_why(why, -EINVAL, "'%.60s' isn't a semaphore of a set: write %s", a->name,
                          a->kind->form);
    }
    a->index = (uint32_t)i;
    return parse_key(a, len) ? 0 : no_key(a, why);
}

int h7_name_fd(struct h7_address *a, struct h7_why *why)
{
    uint64_t n;

    if (!h7_parse_number(a->name, strlen(a->name), INT_MAX, &n))
        return h7_why(why, -EINVAL, "'%.60s' isn't the number of a descriptor: write %s", a->name,
                      a->kind->form);
    a->fds[0] = (int)n;
    return 0;
}

int h7_name_fds(struct h7_address *a, struct h7_why *why)
{
    const char *text = a->name;

    for (int i = 0; i < 3; i++) {
        size_t len = strcspn(text, ".");
        uint64_t n;
        if (!h7_parse_number(text, len, INT_MAX, &n) || (text[len] == '.') != (i < 2))
            return h7_why(why, -EINVAL, "'%.60s' isn't an end of a pipe: write %s, the three "
                          "descriptors of hepta_pipe_export()", a->name, a->kind->form);
        a->fds[i] = (int)n;
        text += len + (i < 2);
    }
    return 0;
}

/* "USR1", "USR1.HUP.RTMIN+3": a set; 0: one of them is none. */
static uint64_t parse_signals(const char *text)
{
    uint64_t set = 0;

    for (size_t len;; text += len + 1) {
        char word[16];
        len = strcspn(text, ".");
        if (len == 0 || len >= sizeof word)
            return 0;
        memcpy(word, text, len);
        word[len] = 0;
        int signo = hepta_signal_number(word);
        if (signo <= 0)
            return 0;
        set |= HEPTA_SIGNAL(signo);
        if (!text[len])
            return set;
    }
}

static int no_signal(struct h7_address *a, const char *text, struct h7_why *why)
{
    return h7_why(why, -EINVAL, "'%.40s' is no signal: write %s with a name or number, as USR1, "
                  "RTMIN+1, 10, or several with dots between them", text, a->kind->form);
}

int h7_name_mailbox(struct h7_address *a, struct h7_why *why)
{
    char *slash = a->name[0] ? strchr(a->name + 1, '/') : NULL;

    if (slash) {
        a->signals = parse_signals(slash + 1);
        if (!a->signals)
            return no_signal(a, slash + 1, why);
        *slash = 0;
    }
    return h7_name_slash(a, why);
}

int h7_name_signal(struct h7_address *a, struct h7_why *why)
{
    size_t len = strcspn(a->name, "/");
    uint64_t pid = 0;

    if (a->name[0] == '/') {
        a->kind++;
        return a->kind->parse(a, why);
    }
    if ((len != 4 || memcmp(a->name, "self", 4) != 0) &&
        (!h7_parse_number(a->name, len, INT_MAX, &pid) || pid == 0))
        return h7_why(why, -EINVAL, "'%.40s' names no process: write %s, signal:self/USR1, or "
                      "signal:/NAME for a mailbox", a->name, a->kind->form);
    a->pid = (int32_t)pid;
    a->signals = a->name[len] ? parse_signals(a->name + len + 1) : 0;
    if (!a->signals)
        return no_signal(a, a->name[len] ? a->name + len + 1 : "", why);
    if (a->pid && a->signals & (a->signals - 1))
        return h7_why(why, -EINVAL, "one signal can be sent at a time: write %s", a->kind->form);
    return 0;
}
