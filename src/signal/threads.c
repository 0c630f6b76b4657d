/* SPDX-License-Identifier: MIT */
/*
 * signal/threads.c - threads that could be given a signal which a receiver waits for
 *
 * Only the kernel knows other threads' masks; it tells them in /proc/self/task/TID/status, line
 * "SigBlk:". A thread that is ending takes no signals.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sys.h"
#include "signal/signal_internal.h"

/* linux_dirent64, getdents64(2) */
struct entry {
    uint64_t ino;
    int64_t off;
    unsigned short len;
    unsigned char type;
    char name[];
};

/* --- one file, line by line: its longest line can have no end of groups -------------- */

struct lines {
    int fd;
    size_t at, len;
    char buf[1024];
};

static int next_char(struct lines *l)
{
    if (l->at == l->len) {
        ssize_t n;
        do
            n = h7_sys_read(l->fd, l->buf, sizeof l->buf);
        while (n == -EINTR);
        if (n <= 0)
            return n < 0 ? (int)n : -ENODATA;
        l->at = 0;
        l->len = (size_t)n;
    }
    return (unsigned char)l->buf[l->at++];
}

/* 0, or negative errno: -ENODATA at the end. Cut to fit. */
static int next_line(struct lines *l, char *line, size_t n)
{
    size_t len = 0;
    int c;
    while ((c = next_char(l)) >= 0 && c != '\n')
        if (len < n - 1)
            line[len++] = (char)c;
    line[len] = 0;
    return c < 0 ? c : 0;
}

/* --- one thread ---------------------------------------------------------------------- */

/* 1 it has some of set unblocked, 0 not, or it is ending; negative errno. */
static int is_open_to(struct lines *l, uint64_t set)
{
    char line[64];
    int r;
    while ((r = next_line(l, line, sizeof line)) == 0) {
        if (strncmp(line, "State:", 6) == 0 && (strchr(line, 'Z') || strchr(line, 'X')))
            return 0;
        if (strncmp(line, "SigBlk:", 7) == 0)
            return (set & ~strtoull(line + 7, NULL, 16)) != 0;
    }
    return r == -ESRCH ? 0 : r;
}

static int look_at(int dir, const char *tid, uint64_t set)
{
    char path[40];
    struct lines l = {.at = 0};
    snprintf(path, sizeof path, "%.20s/status", tid);
    l.fd = h7_sys_openat(dir, path, O_RDONLY | O_CLOEXEC, 0);
    if (l.fd < 0)
        return l.fd == -ENOENT || l.fd == -ESRCH ? 0 : l.fd; /* it has ended meanwhile */
    int r = is_open_to(&l, set);
    h7_sys_close(l.fd);
    return r;
}

/* --- all ----------------------------------------------------------------------------- */

/* How many of those in one batch of entries. */
static int count(int dir, const char *buf, ssize_t len, uint64_t set)
{
    int n = 0;
    for (ssize_t at = 0; at < len;) {
        const struct entry *e = (const struct entry *)(const void *)(buf + at);
        int r = e->name[0] == '.' ? 0 : look_at(dir, e->name, set);
        if (r < 0)
            return r;
        n += r;
        at += e->len;
    }
    return n;
}

int hepta_signal_unblocked(struct hepta_signal *sig)
{
    _Alignas(uint64_t) char buf[2048];
    int n = 0, r = h7_signal_check_open(sig);
    if (r < 0)
        return r;
    int dir = h7_sys_openat(AT_FDCWD, "/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (dir < 0)
        return dir;
    ssize_t len;
    while ((len = h7_sys_getdents(dir, buf, sizeof buf)) > 0) {
        r = count(dir, buf, len, sig->set);
        if (r < 0)
            break;
        n += r;
    }
    h7_sys_close(dir);
    return r < 0 ? r : len < 0 ? (int)len : n;
}
