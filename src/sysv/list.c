/* SPDX-License-Identifier: MIT */
/*
 * sysv/list.c - all objects of a family: for MSG_STAT's indices, MSG_INFO, and so on
 *
 * Looks into the directory of names each time; nothing else knows them all. What it meets of
 * the dead it removes on the way.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/sys.h"
#include "name/name.h"
#include "sysv/sysv_internal.h"

struct ids {
    int *at;
    int n, room;
};

static int add(struct ids *ids, int id)
{
    if (ids->n == ids->room) {
        int room = ids->room ? ids->room * 2 : 64;
        int *more = realloc(ids->at, (size_t)room * sizeof *more);
        if (!more)
            return -ENOMEM;
        ids->at = more;
        ids->room = room;
    }
    ids->at[ids->n++] = id;
    return 0;
}

static int add_seen(const struct h7_name_seen *seen, void *arg)
{
    int id = h7_sysv_id_of(seen->name);
    return id ? add(arg, id) : 0;
}

/* May this user see it? A file that can be opened says so. */
static int can_open(int obj, void *arg)
{
    const struct h7_sysv_family *f = arg;
    int fd = h7_name_part(obj, f->main, O_RDWR, S_IFREG);
    h7_sys_close(fd);
    return fd < 0 ? fd : 0;
}

static int can_open_name(const struct h7_sysv_family *f, const char *kind, const char *name)
{
    return h7_name_attach(kind, name, can_open, (void *)(uintptr_t)f) == 0;
}

static int is_seen(const struct h7_sysv_family *f, int id)
{
    struct h7_sysv_stub stub;
    char name[H7_SYSV_NAME];
    int of, r = h7_sysv_read_stub(f, id, &stub);
    if (r < 0)
        return 0;
    if (r == 0) {
        h7_sysv_id_name(name, id);
        return can_open_name(f, f->id_kind, name);
    }
    if (h7_sysv_key_id(f, stub.key, &of) < 0 || of != id) {
        h7_sysv_clean(f, id);
        return 0;
    }
    h7_sysv_key_name(name, stub.key);
    return can_open_name(f, f->key_kind, name);
}

static int by_number(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

int h7_sysv_ids(const struct h7_sysv_family *f, int **out)
{
    struct ids all = {0};
    int n = 0, r = h7_name_list(f->id_kind, add_seen, &all);
    if (r < 0) {
        free(all.at);
        return r;
    }
    for (int i = 0; i < all.n; i++)
        if (is_seen(f, all.at[i]))
            all.at[n++] = all.at[i];
    if (n > 0)
        qsort(all.at, (size_t)n, sizeof *all.at, by_number);
    *out = all.at;
    return n;
}

/* Not through the table: who lists all objects doesn't want to keep them. */
static int attach_granted(const struct h7_sysv_family *f, struct h7_sysv_entry *e, int id, int any)
{
    int r = h7_sysv_attach(f, e, id, NULL);
    if (r < 0)
        return r;
    r = h7_sysv_granted(e->sh);
    if (r >= 0)
        r = any || r & (int)H7_SYSV_READ ? 0 : -EACCES;
    if (r < 0)
        f->detach(e);
    return r;
}

int h7_sysv_at(const struct h7_sysv_family *f, int index, int any, struct h7_sysv_entry *e)
{
    int *ids, n = h7_sysv_ids(f, &ids);
    if (n < 0)
        return n;
    int id = index >= 0 && index < n ? ids[index] : 0;
    free(ids);
    int r = id ? attach_granted(f, e, id, any) : -EINVAL;
    return r < 0 ? r : id;
}

int h7_sysv_each(const struct h7_sysv_family *f, struct h7_sysv_entry *e,
                 void (*fn)(struct h7_sysv_entry *e, void *arg), void *arg)
{
    int *ids, n = h7_sysv_ids(f, &ids);
    if (n < 0)
        return n;
    for (int i = 0; i < n && fn; i++) {
        if (attach_granted(f, e, ids[i], 0) < 0)
            continue;
        fn(e, arg);
        f->detach(e);
    }
    free(ids);
    return n;
}
