/* SPDX-License-Identifier: MIT */
/*
 * name/draft.c - building an object where nobody looks, and giving it its name; see
 * name/name.h
 *
 * The name of a draft says whose it is, so that others can tell when nobody is left who
 * could finish it. No living process uses the name of a dead one: what bears it can be
 * removed without a lock, by several at once.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/self.h"
#include "base/sys.h"
#include "name/name_internal.h"
#include "prim/life.h"

#define PREFIX     "tmp."
#define CLEAN_SOME 4096 /* entries to look at on the way: strangers can make many */

/* N comes from the clock, not from a counter, which would begin anew after exec, in the
 * same process; and is spread, so that nobody plants all that will come. */
int h7_name_tmp(char entry[H7_NAME_ENTRY_MAX + 1])
{
    struct h7_life me;
    int r = h7_self_verify(); /* not in a vfork() child: the identity is its parent's */
    uint64_t pidns = r == 0 ? h7_self_pidns() : 0;
    if (r == 0)
        r = pidns ? h7_life_self(&me) : -ENOSYS;
    if (r < 0)
        return r;
    uint64_t n = (uint64_t)hepta_now_ns() * 0x9e3779b97f4a7c15ull;
    snprintf(entry, H7_NAME_ENTRY_MAX + 1, PREFIX "%llx.%x.%llx.%llx", (unsigned long long)pidns,
             me.pid, (unsigned long long)me.mark, (unsigned long long)n);
    return 0;
}

/* One field in hexadecimal and what ends it. Returns what follows, or NULL. */
static const char *field(const char *p, char end, uint64_t *v)
{
    int n = 0;
    *v = 0;
    for (; *p && *p != end; p++, n++) {
        const char *digits = "0123456789abcdef", *d = strchr(digits, *p);
        if (!d || n == 16)
            return NULL;
        *v = *v << 4 | (uint64_t)(d - digits);
    }
    return n > 0 && *p == end ? p + (end != 0) : NULL;
}

int h7_name_orphan(const char *entry)
{
    uint64_t pidns, pid, mark, n;
    if (strncmp(entry, PREFIX, strlen(PREFIX)) != 0)
        return 0;
    const char *p = field(entry + strlen(PREFIX), '.', &pidns);
    if (p)
        p = field(p, '.', &pid);
    if (p)
        p = field(p, '.', &mark);
    if (!p || !field(p, 0, &n) || pid == 0 || pid > INT32_MAX)
        return 0;
    if (h7_self_verify() < 0 || pidns != h7_self_pidns())
        return 0;
    return !h7_life_alive(&(struct h7_life){.mark = mark, .pid = (uint32_t)pid});
}

/* Once in each process, a forked one too, and not for the sake of a result. */
static void clean_once(int dir)
{
    static struct h7_a64 cleaned; /* fork generation */
    if (h7_self_verify() < 0)
        return;
    uint64_t gen = h7_fork_gen();
    /* Relaxed: nothing is published; two threads that both clean do no harm. */
    if (h7_load64_relaxed(&cleaned) == gen)
        return;
    h7_store64_relaxed(&cleaned, gen);
    h7_name_clean_some(dir, CLEAN_SOME);
}

static int make_dir(struct h7_draft *d)
{
    int r = -EEXIST;
    for (int i = 0; i < H7_NAME_TRIES && r == -EEXIST; i++) {
        r = h7_name_tmp(d->entry);
        if (r == 0)
            r = h7_sys_mkdirat(d->dir, d->entry, 0700); /* from here on: N1 */
    }
    if (r < 0)
        d->entry[0] = 0;
    return r == -EEXIST ? -EPERM : r;
}

int h7_draft_begin(struct h7_draft *d)
{
    *d = (struct h7_draft){.fd = -1, .dir = h7_name_dir()};
    if (d->dir < 0)
        return d->dir;
    clean_once(d->dir);
    int r = make_dir(d);
    if (r == 0)
        r = d->fd = h7_name_own(d->dir, d->entry);
    if (r < 0)
        h7_draft_end(d);
    return r < 0 ? r : 0;
}

int h7_draft_publish(struct h7_draft *d, const char *kind, const char *name, mode_t dir_mode)
{
    char entry[H7_NAME_ENTRY_MAX + 1];
    if (dir_mode & ~(mode_t)0755)
        return -EINVAL;
    h7_name_entry(entry, kind, name);
    int r = h7_sys_fchmod(d->fd, dir_mode);
    if (r == 0)
        r = h7_sys_rename_new(d->dir, d->entry, entry); /* linearization point: it exists */
    if (r == 0)
        d->entry[0] = 0;
    else
        h7_sys_fchmod(d->fd, 0700);
    return r;
}

void h7_draft_end(struct h7_draft *d)
{
    if (d->entry[0])
        h7_name_remove(d->dir, d->entry);
    h7_sys_close(d->fd);
    h7_sys_close(d->dir);
    *d = (struct h7_draft){.fd = -1, .dir = -1};
}
