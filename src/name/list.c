/* SPDX-License-Identifier: MIT */
/*
 * name/list.c - what is in the directory, and what shouldn't be there any more; see
 * name/name.h
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sys.h"
#include "name/name_internal.h"

#define LIST_MAX 10000000u /* some kernels show what is renamed meanwhile again and again */

/* What getdents64(2) gives. */
struct record {
    uint64_t ino;
    int64_t off;
    uint16_t len;
    uint8_t type;
    char name[];
};

/* The descriptor of a directory can be O_PATH, and would share its position with others. */
int h7_name_entries(int dirfd, unsigned max, int (*fn)(int dirfd, const char *entry, void *arg),
                    void *arg)
{
    _Alignas(struct record) char buf[8192];
    ssize_t r = 0, n = 0;
    int fd = h7_sys_openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0)
        return fd;
    while (r == 0 && max > 0 && (n = h7_sys_getdents(fd, buf, sizeof buf)) > 0) {
        for (ssize_t at = 0; at < n && r == 0 && max > 0; max--) {
            const struct record *e = (const struct record *)(buf + at);
            at += e->len;
            if (strcmp(e->name, ".") != 0 && strcmp(e->name, "..") != 0)
                r = fn(fd, e->name, arg);
        }
    }
    h7_sys_close(fd);
    return (int)(r == 0 && n < 0 ? n : r);
}

struct lister {
    const char *kind;
    int (*fn)(const struct h7_name_seen *seen, void *arg);
    void *arg;
};

/* "fifo.jobs" -> kind "fifo", name "/jobs". 0 where it isn't an object's name. */
static int split(const char *entry, char kind[H7_NAME_KIND_MAX + 1],
                 char name[H7_NAME_ENTRY_MAX + 1])
{
    const char *dot = strchr(entry, '.');
    size_t len = dot ? (size_t)(dot - entry) : 0;
    if (len == 0 || len > H7_NAME_KIND_MAX || strlen(dot) > H7_NAME_ENTRY_MAX)
        return 0;
    for (size_t i = 0; i < len; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789_-", entry[i]))
            return 0;
    memcpy(kind, entry, len);
    kind[len] = 0;
    memcpy(name, dot, strlen(dot) + 1);
    name[0] = '/';
    return strcmp(kind, "tmp") != 0 && h7_name_check(name) == 0;
}

static int list_one(int dirfd, const char *entry, void *arg)
{
    const struct lister *l = arg;
    char kind[H7_NAME_KIND_MAX + 1], name[H7_NAME_ENTRY_MAX + 1];
    struct statx st;
    if (!split(entry, kind, name) || (l->kind && strcmp(l->kind, kind) != 0))
        return 0;
    int r = h7_sys_statx(dirfd, entry, &st);
    if (r < 0)
        return r == -ENOENT ? 0 : r; /* unlinked meanwhile */
    struct h7_name_seen seen = {.kind = kind,
                                .name = name,
                                .uid = st.stx_uid,
                                .gid = st.stx_gid,
                                .mode = st.stx_mode,
                                .ino = st.stx_ino};
    return l->fn(&seen, l->arg);
}

int h7_name_list(const char *kind, int (*fn)(const struct h7_name_seen *seen, void *arg),
                 void *arg)
{
    struct lister l = {kind, fn, arg};
    int dir = h7_name_dir();
    if (dir < 0)
        return dir;
    int r = h7_name_entries(dir, LIST_MAX, list_one, &l);
    h7_sys_close(dir);
    return r;
}

struct cleaner {
    uint32_t dir_uid;
    int n;
};

/* Whose it is comes first: a stranger could have planted any number, and to ask about a
 * process takes longer. */
static int clean_one(int dirfd, const char *entry, void *arg)
{
    struct cleaner *c = arg;
    struct statx st;
    uid_t me = geteuid();
    if (strncmp(entry, "tmp.", 4) != 0 || h7_sys_statx(dirfd, entry, &st) < 0)
        return 0;
    if (me != 0 && me != st.stx_uid && me != c->dir_uid)
        return 0;
    if (h7_name_orphan(entry))
        c->n += h7_name_remove(dirfd, entry) == 1;
    return 0;
}

int h7_name_clean_some(int dirfd, unsigned max)
{
    struct statx st;
    int r = h7_sys_statx(dirfd, "", &st);
    if (r < 0)
        return r;
    struct cleaner c = {.dir_uid = st.stx_uid};
    r = h7_name_entries(dirfd, max, clean_one, &c);
    return r < 0 ? r : c.n;
}

int h7_name_clean(void)
{
    int dir = h7_name_dir();
    if (dir < 0)
        return dir;
    int r = h7_name_clean_some(dir, LIST_MAX);
    h7_sys_close(dir);
    return r;
}
