/* SPDX-License-Identifier: MIT */
/*
 * memory/users.c - who has a segment mapped: /proc/PID/maps says so; see
 * memory/memory_internal.h
 *
 * What can't be read, of other users' processes, isn't counted: their mappings are none of this
 * user's business. Start at hepta_shm_users().
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/sys.h"
#include "memory/memory_internal.h"
#include "memory/sysv_internal.h"

/* What getdents64(2) gives. */
struct record {
    uint64_t ino;
    int64_t off;
    uint16_t len;
    uint8_t type;
    char name[];
};

/* "7f00-7f01 rw-s 00000000 00:1a 4711 /path": is it of this file? proc(5) */
static int line_is_of(const char *line, const struct stat *st)
{
    unsigned major_no, minor_no;
    unsigned long long ino;
    if (sscanf(line, "%*s %*s %*s %x:%x %llu", &major_no, &minor_no, &ino) != 3)
        return 0;
    return ino == st->st_ino && major_no == major(st->st_dev) && minor_no == minor(st->st_dev);
}

/* How many of them. Line by line through a buffer; of a line that is longer, what matters comes
 * first. */
static int count_lines(int fd, const struct stat *st)
{
    char buf[8192 + 1];
    size_t have = 0;
    ssize_t n;
    int count = 0;
    while ((n = h7_sys_read(fd, buf + have, sizeof buf - 1 - have)) > 0) {
        char *line = buf, *end;
        have += (size_t)n;
        buf[have] = 0;
        for (; (end = strchr(line, '\n')); line = end + 1)
            count += line_is_of(line, st);
        have = (size_t)(buf + have - line);
        if (have == sizeof buf - 1)
            have = 0;
        memmove(buf, line, have);
    }
    return count;
}

static int count_in_process(int proc, const char *pid, const struct stat *st)
{
    char path[32];
    snprintf(path, sizeof path, "%.16s/maps", pid);
    int fd = h7_sys_openat(proc, path, O_RDONLY | O_CLOEXEC, 0);
    int n = fd >= 0 ? count_lines(fd, st) : 0;
    h7_sys_close(fd);
    return n;
}

struct found {
    pid_t *pids;
    size_t max;
    int mappings; /* count them, not processes */
    int n;
};

static int scan(int proc, const struct stat *st, struct found *f)
{
    _Alignas(struct record) char buf[8192];
    ssize_t n;
    while ((n = h7_sys_getdents(proc, buf, sizeof buf)) > 0) {
        for (ssize_t at = 0; at < n;) {
            const struct record *e = (const struct record *)(buf + at);
            at += e->len;
            if (e->name[0] < '1' || e->name[0] > '9')
                continue;
            int has = count_in_process(proc, e->name, st);
            if (has > 0 && (size_t)f->n < f->max)
                f->pids[f->n] = (pid_t)atoi(e->name);
            f->n += f->mappings ? has : has > 0;
        }
    }
    return (int)n;
}

int h7_shm_count(const struct stat *st, int mappings, pid_t *pids, size_t n)
{
    struct found f = {.pids = pids, .max = n, .mappings = mappings};
    int proc = h7_sys_openat(AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (proc < 0)
        return proc;
    int r = scan(proc, st, &f);
    h7_sys_close(proc);
    return r < 0 ? r : f.n;
}

int hepta_shm_users(struct hepta_shm *shm, pid_t *pids, size_t n)
{
    struct stat st;
    int r = h7_shm_enter(shm, 0);
    if (r == 0 && n > 0 && !pids)
        r = -EFAULT;
    if (r == 0 && fstat(shm->fd, &st) != 0)
        r = -errno;
    return r < 0 ? r : h7_shm_count(&st, 0, pids, n);
}

int hepta_shm_stat(struct hepta_shm *shm, struct hepta_shm_stat *stat)
{
    struct stat st;
    if (!stat)
        return -EFAULT;
    int n = hepta_shm_users(shm, NULL, 0);
    if (n < 0)
        return n;
    if (fstat(shm->fd, &st) != 0)
        return -errno;
    *stat = (struct hepta_shm_stat){.len = (uint64_t)st.st_size,
                                    .mapped = hepta_shm_len(shm),
                                    .creator = shm->creator,
                                    .flags = shm->flags,
                                    .users = (uint32_t)n};
    return 0;
}
