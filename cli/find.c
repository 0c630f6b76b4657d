/* SPDX-License-Identifier: MIT */
/* cli/find.c - see find.h */
#define _GNU_SOURCE
#include "cli/find.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/ls_print.h"
#include "channel/address.h"

const char *const object_kinds[] = {"draft", "fifo",   "mailbox", "mq",     "msg",  "packet",
                                    "permit", "pipe",  "raw",     "sem",    "semset", "shm",
                                    "signal", "tcp",   "udp",     "unix",   NULL};

struct parsed {
    bool kernel;
    char kind[16];    /* "": a name alone */
    const char *name;
};

static struct parsed parse(const char *address)
{
    struct parsed p = {.name = address};
    const char *at = strncmp(address, "kernel.", 7) ? address : address + 7;
    size_t len = strspn(at, "abcdefghijklmnopqrstuvwxyz");
    p.kernel = at != address;
    if (address[0] != '/' && len && at[len] == ':' && len < sizeof p.kind) {
        memcpy(p.kind, at, len);
        p.name = at + len + 1;
        if (!p.kernel && !strcmp(p.kind, "id")) /* "id:7" is a name */
            p = (struct parsed){.name = address};
    }
    return p;
}

const char *find_wrong(const char *address)
{
    static char text[200];
    struct parsed p = parse(address);
    if (!*address || !*p.name)
        return "a name is missing";
    if (!p.kind[0] || cli_word(p.kind, object_kinds) >= 0)
        return NULL;
    const char *near = h7_nearest(p.kind, strlen(p.kind), object_kinds);
    if (near)
        snprintf(text, sizeof text, "there is no kind '%s'; did you mean '%s:%.100s'?", p.kind,
                 near, p.name);
    else
        snprintf(text, sizeof text, "there is no kind '%s'; `hepta ls --help` lists them", p.kind);
    return text;
}

/* A key or a number in any notation. */
static bool same_number(const struct object *o, const char *name)
{
    char *end;
    unsigned long long n = strtoull(name, &end, 0);
    return o->key != UNKNOWN && *name >= '0' && *name <= '9' && !*end && n == (uint64_t)o->key;
}

static bool same_id(const struct object *o, const char *name)
{
    char *end;
    if (strncmp(name, "id:", 3) || o->id == UNKNOWN)
        return false;
    return strtoll(name + 3, &end, 10) == o->id && !*end && end != name + 3;
}

/* Kinds of which Hepta has none of its own with a name. */
static bool is_kernels(const char *kind)
{
    static const char *const kinds[] = {"packet", "raw", "signal", "tcp", "udp", "unix", NULL};
    return cli_word(kind, kinds) >= 0;
}

bool find_matches(const struct object *o, const char *address)
{
    struct parsed p = parse(address);
    if (!p.kernel && !strcmp(p.kind, "signal") && p.name[0] == '/')
        strcpy(p.kind, "mailbox"); /* so its address is */
    if (p.kind[0] && strcmp(o->kind, p.kind))
        return false;
    if (p.kind[0] && o->kernel != p.kernel && !(o->kernel && is_kernels(p.kind)))
        return false;
    return !strcmp(o->name, p.name) || same_number(o, p.name) || same_id(o, p.name) ||
           (!p.kind[0] && o->path && !strcmp(o->path, p.name));
}

void find_file(struct scan *s, const char *address)
{
    struct parsed p = parse(address);
    struct stat st;
    bool fifo = p.kernel && !strcmp(p.kind, "fifo"), sock = !strcmp(p.kind, "unix");
    for (size_t i = 0; i < s->n; i++)
        if (find_matches(s->all[i], address))
            return;
    if (!(fifo || sock) || p.name[0] != '/' || lstat(p.name, &st) < 0 ||
        !(fifo ? S_ISFIFO(st.st_mode) : S_ISSOCK(st.st_mode)))
        return;
    struct object *o = scan_add(s, fifo ? "fifo" : "unix", true, "%s", p.name);
    o->path = strdup(p.name);
    o->uid = st.st_uid;
    o->gid = st.st_gid;
    o->mode = st.st_mode & 0777;
    o->ino = st.st_ino;
    if (fifo)
        object_is(o, OBJECT_UNUSED, "nobody has it open");
    else
        object_is(o, OBJECT_STALE, "nobody of this network namespace listens at this socket file");
}

void find_complain(const struct scan *s, const char *address)
{
    struct parsed p = parse(address);
    char text[4600];
    cli_error("there is no '%s' that this user can see", address);
    for (size_t i = 0, n = 0; i < s->n && n < 5; i++)
        if (!strcmp(s->all[i]->name, p.name) || same_number(s->all[i], p.name)) {
            cli_error("there is '%s'", print_address(s->all[i], text, sizeof text));
            n++;
        }
}
