/* SPDX-License-Identifier: MIT */
/*
 * cli/scan_sysv.c - the kernel's System V objects, from /proc/sysvipc
 *
 * All users see all of them there, whatever the modes say. Nobody "has" a queue or a set, so they
 * are unused when those that used them last are gone and nobody sleeps on them. A queue's messages
 * are lost with it, and what a set's values mean only its programs know: neither is ever rubbish.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/msg.h>
#include <sys/sem.h>

#include "cli/scan.h"

union semun {
    int val;
    struct semid_ds *buf;
    unsigned short *array;
};

struct columns {
    long long key, id, mode;
    unsigned long long at[16]; /* the rest, in order */
};

static void each(struct scan *s, const char *path, unsigned n,
                 void (*take)(struct scan *s, const struct columns *c))
{
    char *line = NULL, *p;
    size_t room = 0;
    FILE *f = fopen(path, "re");
    if (!f) {
        if (errno != ENOENT)
            scan_gap(s, "%s can't be read: %s", path, strerror(errno));
        return;
    }
    bool head = getline(&line, &room, f) > 0;
    while (head && getline(&line, &room, f) > 0) {
        struct columns c = {.key = strtoll(line, &p, 10)};
        c.id = strtoll(p, &p, 10);
        c.mode = strtoll(p, &p, 8);
        unsigned i = 0;
        for (char *end; i < n; i++, p = end) {
            c.at[i] = strtoull(p, &end, 10);
            if (end == p)
                break;
        }
        if (i == n)
            take(s, &c);
    }
    free(line);
    fclose(f);
}

static struct object *add(struct scan *s, const char *kind, enum key_space space,
                          const struct columns *c)
{
    struct object *o = c->key ? scan_add(s, kind, true, "0x%x", (unsigned)c->key)
                              : scan_add(s, kind, true, "id:%lld", c->id);
    o->id = c->id;
    o->key = c->key ? (int64_t)(uint32_t)c->key : UNKNOWN;
    o->mode = c->mode & 0777;
    o->n_users = UNKNOWN;
    scan_key(s, space, 0, (uint64_t)c->id, o);
    return o;
}

static bool gone(unsigned long long pid)
{
    return pid != 0 && !scan_lives((pid_t)pid);
}

/* 0 cbytes, qnum, 2 lspid, lrpid, 4 uid, gid, cuid, cgid, 8 stime, rtime, ctime */
static void take_msg(struct scan *s, const struct columns *c)
{
    struct object *o = add(s, "msg", KEY_MSG, c);
    struct msqid_ds ds;
    o->uid = (int64_t)c->at[4];
    o->gid = (int64_t)c->at[5];
    o->depth = (int64_t)c->at[1];
    o->keeps_data = o->depth > 0;
    if (s->details && msgctl((int)c->id, IPC_STAT, &ds) == 0)
        object_fact(s, o, "most bytes", "%lu", (unsigned long)ds.msg_qbytes);
    object_fact(s, o, "bytes in it", "%llu", c->at[0]);
    object_fact(s, o, "last sender", "process %llu", c->at[2]);
    object_fact(s, o, "last receiver", "process %llu", c->at[3]);
    object_time(s, o, "sent", (int64_t)c->at[8]);
    object_time(s, o, "received", (int64_t)c->at[9]);
    object_time(s, o, "changed", (int64_t)c->at[10]);
    if (gone(c->at[2]) && (gone(c->at[3]) || !c->at[3]))
        o->idle = "the processes that used it last are gone";
}

static int count(const struct object *o, unsigned sem, int what)
{
    int n = semctl((int)o->id, (int)sem, what);
    return n > 0 ? n : 0;
}

/* Values, who waits, and the last pid of each; of those that this user may read. */
static bool read_set(struct scan *s, struct object *o, unsigned n)
{
    unsigned short *values = calloc(n ? n : 1, sizeof *values);
    char text[400] = "";
    size_t len = 0;
    bool all_gone = values && semctl((int)o->id, 0, GETALL, (union semun){.array = values}) == 0;
    bool any = false;
    if (all_gone && n == 1)
        o->depth = values[0];
    for (unsigned i = 0; all_gone && s->details && i < n && len < sizeof text - 10; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%u", i ? " " : "", values[i]);
    object_fact(s, o, "values", "%s", text);
    if (all_gone) {
        o->has_waiters = true;
        for (unsigned i = 0; i < n; i++)
            o->n_waiters += count(o, i, GETNCNT) + count(o, i, GETZCNT);
    }
    for (unsigned i = 0; all_gone && i < n; i++) {
        int pid = semctl((int)o->id, (int)i, GETPID);
        all_gone = pid <= 0 || !scan_lives(pid);
        any |= pid > 0;
    }
    free(values);
    return all_gone && any;
}

/* 0 nsems, 1 uid, gid, cuid, cgid, 5 otime, ctime */
static void take_sem(struct scan *s, const struct columns *c)
{
    struct object *o = add(s, "semset", KEY_SEM, c);
    o->uid = (int64_t)c->at[1];
    o->gid = (int64_t)c->at[2];
    o->size = (int64_t)c->at[0];
    if (read_set(s, o, (unsigned)c->at[0]))
        o->idle = "the processes that used it last are gone";
    object_time(s, o, "operated", (int64_t)c->at[5]);
    object_time(s, o, "changed", (int64_t)c->at[6]);
}

/* 0 size, cpid, lpid, nattch, 4 uid, gid, cuid, cgid, 8 atime, dtime, ctime, rss, swap */
static void take_shm(struct scan *s, const struct columns *c)
{
    struct object *o = add(s, "shm", KEY_SHM, c);
    o->n_users = 0;
    o->uid = (int64_t)c->at[4];
    o->gid = (int64_t)c->at[5];
    o->size = (int64_t)c->at[0];
    object_fact(s, o, "maker", "process %llu", c->at[1]);
    object_fact(s, o, "last attach", "process %llu", c->at[2]);
    object_fact(s, o, "attached", "%llu times", c->at[3]);
    object_time(s, o, "attached at", (int64_t)c->at[8]);
    object_time(s, o, "detached", (int64_t)c->at[9]);
    object_time(s, o, "changed", (int64_t)c->at[10]);
    if (c->at[3] > 0)
        o->n_users = UNKNOWN; /* until they are seen */
    else if (gone(c->at[1]))
        object_is(o, OBJECT_STALE, "nobody has it, and who made it is gone");
    else
        object_is(o, OBJECT_UNUSED, "nobody has it attached");
}

void scan_sysv(struct scan *s)
{
    each(s, "/proc/sysvipc/msg", 11, take_msg);
    each(s, "/proc/sysvipc/sem", 7, take_sem);
    each(s, "/proc/sysvipc/shm", 11, take_shm);
}
