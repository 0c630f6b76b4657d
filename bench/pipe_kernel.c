/* SPDX-License-Identifier: MIT */
/*
 * bench/pipe_kernel.c - the kernel's pipe: by copying, and by vmsplice(2)
 *
 * Blocking in the modes sleep and adaptive, which is how it is meant to be used; in busy
 * mode non-blocking and tried again at once, so that it never pays for a wake-up either.
 * With vmsplice the pipe refers to the sender's pages: they must not change before they
 * are read, so the sender goes round in a pool that is larger than the pipe.
 */
#define _GNU_SOURCE
#include "bench/backends.h"
#include "bench/kernel_io.h"
#include "bench/message.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

struct kernel_pipe {
    int fd[2][2]; /* one pipe each way; -1: none */
    int in, out;
    struct bench_case on;
    unsigned char *pool; /* vmsplice: messages that may still be in the pipe */
    size_t n_pool, next;
};

static void pipe_close(void *link)
{
    struct kernel_pipe *k = link;

    for (int i = 0; i < 4; i++)
        if (k->fd[i / 2][i % 2] >= 0)
            close(k->fd[i / 2][i % 2]);
    free(k);
}

static int one_pipe(int fd[2], const struct bench_case *c)
{
    int capacity = (int)c->capacity;

    if (pipe2(fd, O_CLOEXEC | (c->mode == BENCH_BUSY ? O_NONBLOCK : 0)))
        return -errno;
    return fcntl(fd[1], F_SETPIPE_SZ, capacity) < 0 ? -errno : 0;
}

static int pipe_open(void **link, const struct bench_case *c)
{
    struct kernel_pipe *k = calloc(1, sizeof(*k));
    int rc;

    if (!k)
        return -ENOMEM;
    *k = (struct kernel_pipe){.fd = {{-1, -1}, {-1, -1}}, .in = -1, .out = -1, .on = *c};
    rc = one_pipe(k->fd[0], c);
    if (!rc && c->test == BENCH_PINGPONG)
        rc = one_pipe(k->fd[1], c);
    if (rc)
        pipe_close(k);
    else
        *link = k;
    return rc;
}

/* The first side writes pipe 0 and reads pipe 1, the second the other way round. */
static int pipe_enter(void *link, enum bench_side side)
{
    struct kernel_pipe *k = link;
    int write_to = side == BENCH_FIRST ? 0 : 1;

    k->out = k->fd[write_to][1];
    k->in = k->fd[!write_to][0];
    for (int i = 0; i < 4; i++) {
        int *fd = &k->fd[i / 2][i % 2];
        if (*fd >= 0 && *fd != k->in && *fd != k->out) {
            close(*fd);
            *fd = -1;
        }
    }
    return 0;
}

static bool busy(const struct kernel_pipe *k)
{
    return k->on.mode == BENCH_BUSY;
}

static int pipe_send(void *link, const void *buf, size_t len)
{
    const struct kernel_pipe *k = link;

    return kernel_write(k->out, buf, len, busy(k));
}

static int pipe_recv(void *link, void *buf, size_t len)
{
    const struct kernel_pipe *k = link;

    return kernel_read(k->in, buf, len, busy(k));
}

static bool vmsplice_fits(const struct bench_case *c)
{
    return c->test == BENCH_STREAM && c->bytes >= MESSAGE_WHOLE;
}

static int vmsplice_enter(void *link, enum bench_side side)
{
    struct kernel_pipe *k = link;

    if (side == BENCH_FIRST) {
        /* What the pipe holds, the message being read, and the one being built. */
        k->n_pool = k->on.capacity / k->on.bytes + 2;
        k->pool = mmap(NULL, k->n_pool * k->on.bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
        if (k->pool == MAP_FAILED)
            return -ENOMEM;
    }
    return pipe_enter(link, side);
}

static int vmsplice_reserve(void *link, size_t len, void **at)
{
    struct kernel_pipe *k = link;

    *at = k->pool + k->next * len;
    k->next = (k->next + 1) % k->n_pool;
    return 0;
}

static int vmsplice_commit(void *link, size_t len)
{
    struct kernel_pipe *k = link;
    size_t last = (k->next + k->n_pool - 1) % k->n_pool;
    struct iovec iov = {k->pool + last * len, len};
    unsigned flags = busy(k) ? SPLICE_F_NONBLOCK : 0;

    while (iov.iov_len > 0) {
        ssize_t n = vmsplice(k->out, &iov, 1, flags);
        if (n < 0) {
            int rc = kernel_again(busy(k));
            if (rc)
                return rc;
            continue;
        }
        iov.iov_base = (unsigned char *)iov.iov_base + n;
        iov.iov_len -= (size_t)n;
    }
    return 0;
}

const struct bench_backend bench_pipe_kernel = {
    .name = "kernel",
    .what = "the kernel's pipe, write(2) and read(2)",
    .open = pipe_open,
    .enter = pipe_enter,
    .send = pipe_send,
    .recv = pipe_recv,
    .close = pipe_close,
};

const struct bench_backend bench_pipe_vmsplice = {
    .name = "kernel-vmsplice",
    .what = "the kernel's pipe, vmsplice(2) and read(2); streams of 4 KiB and more",
    .fits = vmsplice_fits,
    .open = pipe_open,
    .enter = vmsplice_enter,
    .reserve = vmsplice_reserve,
    .commit = vmsplice_commit,
    .recv = pipe_recv,
    .close = pipe_close,
};
