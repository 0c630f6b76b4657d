/* SPDX-License-Identifier: MIT */
/*
 * bench/fifo_kernel.c - the kernel's FIFO, which both processes open by its name
 *
 * As for its pipe: blocking in sleep and adaptive, non-blocking and tried again in busy.
 * Both open in the same order, so that each open finds the other side's. When the second
 * side has opened all it needs the first one has, too, and the names can go at once; the
 * coordinator removes what is left where it didn't come to that.
 */
#define _GNU_SOURCE
#include "bench/backends.h"
#include "bench/kernel_io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct kernel_fifo {
    char dir[PATH_MAX];
    int in, out;
    struct bench_case on;
};

static void name_of(const struct kernel_fifo *k, int i, char path[PATH_MAX + 2])
{
    snprintf(path, PATH_MAX + 2, "%s/%d", k->dir, i);
}

static void remove_names(const struct kernel_fifo *k)
{
    char path[PATH_MAX + 2];

    for (int i = 0; i < 2; i++) {
        name_of(k, i, path);
        unlink(path);
    }
    rmdir(k->dir);
}

static void fifo_close(void *link)
{
    struct kernel_fifo *k = link;

    remove_names(k);
    if (k->in >= 0)
        close(k->in);
    if (k->out >= 0)
        close(k->out);
    free(k);
}

static int fifo_open(void **link, const struct bench_case *c)
{
    struct kernel_fifo *k = calloc(1, sizeof(*k));
    const char *tmp = getenv("TMPDIR");
    char path[PATH_MAX + 2];

    if (!k)
        return -ENOMEM;
    k->in = k->out = -1;
    k->on = *c;
    int len = snprintf(k->dir, sizeof(k->dir), "%s/hepta-bench-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (len >= (int)sizeof(k->dir) || !mkdtemp(k->dir)) {
        int rc = len >= (int)sizeof(k->dir) ? -ENAMETOOLONG : -errno;
        free(k);
        return rc;
    }
    for (int i = 0; i < (c->test == BENCH_PINGPONG ? 2 : 1); i++) {
        name_of(k, i, path);
        if (mkfifo(path, 0600)) {
            int rc = -errno;
            fifo_close(k);
            return rc;
        }
    }
    *link = k;
    return 0;
}

static int open_end(const struct kernel_fifo *k, int i, int flags, int *fd)
{
    char path[PATH_MAX + 2];

    name_of(k, i, path);
    do
        *fd = open(path, flags | O_CLOEXEC);
    while (*fd < 0 && errno == EINTR);
    if (*fd < 0 || fcntl(*fd, F_SETPIPE_SZ, (int)k->on.capacity) < 0)
        return -errno;
    if (k->on.mode == BENCH_BUSY && fcntl(*fd, F_SETFL, O_NONBLOCK))
        return -errno;
    return 0;
}

/* The first side writes FIFO 0 and reads FIFO 1, the second the other way round. */
static int fifo_enter(void *link, enum bench_side side)
{
    struct kernel_fifo *k = link;
    bool first = side == BENCH_FIRST;
    int rc = open_end(k, 0, first ? O_WRONLY : O_RDONLY, first ? &k->out : &k->in);

    if (!rc && k->on.test == BENCH_PINGPONG)
        rc = open_end(k, 1, first ? O_RDONLY : O_WRONLY, first ? &k->in : &k->out);
    if (!rc && !first)
        remove_names(k);
    return rc;
}

static int fifo_send(void *link, const void *buf, size_t len)
{
    const struct kernel_fifo *k = link;

    return kernel_write(k->out, buf, len, k->on.mode == BENCH_BUSY);
}

static int fifo_recv(void *link, void *buf, size_t len)
{
    const struct kernel_fifo *k = link;

    return kernel_read(k->in, buf, len, k->on.mode == BENCH_BUSY);
}

const struct bench_backend bench_fifo_kernel = {
    .name = "kernel",
    .what = "the kernel's FIFO, write(2) and read(2)",
    .named = true,
    .open = fifo_open,
    .enter = fifo_enter,
    .send = fifo_send,
    .recv = fifo_recv,
    .close = fifo_close,
};
