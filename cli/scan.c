/* SPDX-License-Identifier: MIT */
/* cli/scan.c - the list of objects, their keys and users; see scan.h */
#define _GNU_SOURCE
#include "cli/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/self.h"
#include "cli/cli.h"
#include "prim/life.h"

const char *const object_states[] = {"ok",          "unused",  "stale",
                                     "dead-holder", "corrupt", "unknown", NULL};

struct key {
    enum key_space space;
    uint64_t dev, ino;
    struct object *object;
};

/* A tool that looks at everything has no use for half of it. */
static void *must(void *p)
{
    if (!p) {
        cli_error("no memory left");
        exit(CLI_FAILED);
    }
    return p;
}

static char *text_of(const char *form, va_list args)
{
    char *text = NULL;
    if (vasprintf(&text, form, args) < 0)
        text = NULL;
    return must(text);
}

static int64_t by_key(const struct key *x, const struct key *y)
{
    if (x->ino != y->ino)
        return x->ino < y->ino ? -1 : 1;
    if (x->dev != y->dev)
        return x->dev < y->dev ? -1 : 1;
    return (int64_t)x->space - (int64_t)y->space;
}

static int compare_keys(const void *a, const void *b)
{
    return (int)by_key(a, b);
}

struct object *scan_add(struct scan *s, const char *kind, bool kernel, const char *name_form, ...)
{
    va_list args;
    struct object *o = must(calloc(1, sizeof *o));
    va_start(args, name_form);
    *o = (struct object){.kind = kind, .kernel = kernel, .name = text_of(name_form, args),
                         .uid = UNKNOWN, .gid = UNKNOWN, .mode = UNKNOWN, .depth = UNKNOWN,
                         .size = UNKNOWN, .id = UNKNOWN, .key = UNKNOWN, .peer = UNKNOWN};
    va_end(args);
    o->facts_end = &o->facts;
    if (s->n == s->room) {
        s->room = s->room ? s->room * 2 : 256;
        s->all = must(realloc(s->all, s->room * sizeof(*s->all)));
    }
    return s->all[s->n++] = o;
}

void scan_key(struct scan *s, enum key_space space, uint64_t dev, uint64_t ino, struct object *o)
{
    struct key *k = must(malloc(sizeof *k));
    *k = (struct key){space, dev, ino, o};
    struct key **at = must(tsearch(k, &s->keys, compare_keys));
    if (*at != k) {
        (*at)->object = o;
        free(k);
    }
}

struct object *scan_find(const struct scan *s, enum key_space space, uint64_t dev, uint64_t ino)
{
    const struct key k = {space, dev, ino, NULL};
    struct key **at = tfind(&k, &s->keys, compare_keys);
    return at ? (*at)->object : NULL;
}

void scan_gap(struct scan *s, const char *form, ...)
{
    va_list args;
    va_start(args, form);
    char *text = text_of(form, args);
    va_end(args);
    s->gaps = must(realloc(s->gaps, (s->n_gaps + 1) * sizeof(*s->gaps)));
    s->gaps[s->n_gaps++] = text;
}

void scan_crowd(struct scan *s, pid_t pid, const char *what, int64_t n, int64_t max)
{
    if (!NEARLY(n, max))
        return;
    s->crowds = must(realloc(s->crowds, (s->n_crowds + 1) * sizeof(*s->crowds)));
    s->crowds[s->n_crowds++] = (struct crowd){pid, what, n, max};
}

void object_is(struct object *o, enum object_state state, const char *form, ...)
{
    va_list args;
    if (state <= o->state)
        return;
    o->state = state;
    free(o->why);
    va_start(args, form);
    o->why = text_of(form, args);
    va_end(args);
}

void object_fact(const struct scan *s, struct object *o, const char *name, const char *form, ...)
{
    va_list args;
    if (!s->details)
        return;
    struct object_fact *f = must(calloc(1, sizeof *f));
    f->name = name;
    va_start(args, form);
    f->text = text_of(form, args);
    va_end(args);
    *o->facts_end = f;
    o->facts_end = &f->next;
}

void object_time(const struct scan *s, struct object *o, const char *name, int64_t when)
{
    char text[64] = "never";
    const time_t t = (time_t)when;
    struct tm tm;
    if (when > 0 && localtime_r(&t, &tm))
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
    object_fact(s, o, name, "%s", text);
}

#define HAS (USE_READ | USE_WRITE | USE_MAP)
#define FEW 32

static struct object_user *find_user(struct object *o, pid_t pid, pid_t tid)
{
    for (size_t i = o->n_used; i > 0; i--) {
        if (o->users[i - 1].pid == pid && o->users[i - 1].tid == tid)
            return &o->users[i - 1];
        if (!tid && o->n_used > FEW && o->last_user != pid)
            break; /* the pass is in order: this process isn't there yet */
    }
    return NULL;
}

/* One entry for a process, however often it has the object open; one for each waiting thread. */
struct object_user *object_user(struct object *o, pid_t pid, pid_t tid, unsigned how)
{
    struct object_user *u = find_user(o, pid, tid);
    bool had = u && u->how & HAS;
    if (!u) {
        if (o->n_used == o->room) {
            o->room = o->room ? o->room * 2 : 2;
            o->users = must(realloc(o->users, o->room * sizeof(*o->users)));
        }
        u = &o->users[o->n_used++];
        *u = (struct object_user){.pid = pid, .tid = tid};
        if (how & USE_WAIT && !o->has_waiters && o->n_waiters != UNKNOWN)
            o->n_waiters++;
    }
    u->how |= how;
    if (how & HAS && !had) {
        o->n_users += o->n_users != UNKNOWN;
        o->last_user = pid;
    }
    return u;
}

bool scan_lives(pid_t tid)
{
    char path[40], text[512];
    if (tid <= 0)
        return false;
    if (kill(tid, 0) < 0 && errno == ESRCH)
        return false;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)tid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return true; /* not allowed to look: it is there */
    text[n] = 0;
    const char *after = strrchr(text, ')');
    return !after || (after[2] != 'Z' && after[2] != 'X');
}

/* --- the whole ------------------------------------------------------------------------- */

/* What follows from nobody having it, as far as this user can see; print_gaps() says how far that
 * is. A socket that nobody has is that of a process that can't be seen, or about to go. */
static void judge(const struct scan *s, struct object *o)
{
    if (o->idle && o->n_waiters <= 0)
        object_is(o, OBJECT_UNUSED, "%s", o->idle);
    if (o->n_users != 0 || o->n_waiters > 0 || o->state != OBJECT_OK)
        return;
    if (o->socket && s->n_hidden)
        object_is(o, OBJECT_UNKNOWN, "no process is seen to have it");
    else if (o->maker_gone)
        object_is(o, OBJECT_STALE, "nobody has it, and who made it is gone");
    else if (!o->socket)
        object_is(o, OBJECT_UNUSED, "nobody has it open");
}

static void free_object(struct object *o)
{
    struct object_fact *next;
    for (struct object_fact *f = o->facts; f; f = next) {
        next = f->next;
        free(f->text);
        free(f);
    }
    free(o->name);
    free(o->why);
    free(o->path);
    free(o->users);
    free(o);
}

/* No key leads to them any more. */
static void drop_hidden(struct scan *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++)
        if (s->all[i]->hidden)
            free_object(s->all[i]);
        else
            s->all[n++] = s->all[i];
    s->n = n;
}

int scan_all(struct scan *s, bool details)
{
    struct h7_life me;
    *s = (struct scan){.details = details};
    s->proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->proc < 0)
        scan_gap(s, "/proc can't be read: nobody knows who has what");
    if (h7_self_fill() == 0 && h7_life_self(&me) == 0)
        s->pidns = h7_self_pidns();
    scan_hepta(s);
    scan_shm(s);
    scan_mq(s);
    scan_sysv(s);
    scan_sock(s);
    if (s->proc >= 0)
        scan_proc(s);
    drop_hidden(s);
    for (size_t i = 0; i < s->n; i++)
        judge(s, s->all[i]);
    return 0;
}

bool scan_is_whole(const struct scan *s)
{
    return s->n_hidden == 0 && s->n_unread == 0 && s->n_gaps == 0;
}

static int compare_objects(const void *a, const void *b)
{
    const struct object *x = *(struct object *const *)a, *y = *(struct object *const *)b;
    int r = strcmp(x->kind, y->kind);
    if (r == 0)
        r = (int)x->kernel - (int)y->kernel;
    return r ? r : strverscmp(x->name, y->name);
}

void scan_sort(struct scan *s)
{
    if (s->n)
        qsort(s->all, s->n, sizeof(*s->all), compare_objects);
}

void scan_free(struct scan *s)
{
    for (size_t i = 0; i < s->n; i++)
        free_object(s->all[i]);
    for (size_t i = 0; i < s->n_gaps; i++)
        free(s->gaps[i]);
    tdestroy(s->keys, free);
    free(s->all);
    free(s->gaps);
    free(s->crowds);
    if (s->proc >= 0)
        close(s->proc);
    *s = (struct scan){.proc = -1};
}
