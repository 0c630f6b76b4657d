/* SPDX-License-Identifier: MIT */
/*
 * bench/unix_kernel.c - the kernel's AF_UNIX sockets: socketpair(2) of each type
 *
 * One pair carries both directions. The kernel counts its own overhead against SO_SNDBUF: it
 * is set so that as many messages are under way as fit into the capacity of Hepta's.
 * Above the system's limit that needs privilege; without it the buffer is smaller, and a
 * message that doesn't fit is an error.
 */
#define _GNU_SOURCE
#include "bench/backends.h"
#include "bench/kernel_io.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* The kernel's memory for a message, at most: the larger part of it is one allocation, which
 * is rounded up to a power of two. */
#define ROOM(bytes) (2 * (bytes) + 1024)
#define MESSAGE_MAX (4u << 20) /* that allocation has a limit */

struct kernel_unix {
    int fd[2];
    int own;
    int flags;
};

static void unix_close(void *link)
{
    struct kernel_unix *k = link;

    for (int i = 0; i < 2; i++)
        if (k->fd[i] >= 0)
            close(k->fd[i]);
    free(k);
}

/* The kernel doubles what it is asked for. */
static int room_for(int fd, const struct bench_case *c)
{
    size_t n = c->capacity / c->bytes > 2 ? c->capacity / c->bytes : 2;
    int bytes = (int)(n * ROOM(c->bytes) / 2);

    if (!setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) ||
        !setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)))
        return 0;
    return -errno;
}

static int open_type(void **link, const struct bench_case *c, int type)
{
    struct kernel_unix *k = calloc(1, sizeof(*k));
    int rc = 0;

    if (!k)
        return -ENOMEM;
    k->fd[0] = k->fd[1] = -1;
    k->flags = MSG_NOSIGNAL | (c->mode == BENCH_BUSY ? MSG_DONTWAIT : 0);
    if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, k->fd))
        rc = -errno;
    for (int i = 0; i < 2 && !rc; i++)
        rc = room_for(k->fd[i], c);
    if (rc)
        unix_close(k);
    else
        *link = k;
    return rc;
}

static int stream_open(void **link, const struct bench_case *c)
{
    return open_type(link, c, SOCK_STREAM);
}

static int seqpacket_open(void **link, const struct bench_case *c)
{
    return open_type(link, c, SOCK_SEQPACKET);
}

static int dgram_open(void **link, const struct bench_case *c)
{
    return open_type(link, c, SOCK_DGRAM);
}

static int unix_enter(void *link, enum bench_side side)
{
    struct kernel_unix *k = link;

    k->own = k->fd[side];
    close(k->fd[!side]);
    k->fd[!side] = -1;
    return 0;
}

static int stream_send(void *link, const void *buf, size_t len)
{
    const struct kernel_unix *k = link;

    return kernel_send(k->own, buf, len, k->flags);
}

static int stream_recv(void *link, void *buf, size_t len)
{
    const struct kernel_unix *k = link;

    return kernel_recv(k->own, buf, len, k->flags);
}

static bool message_fits(const struct bench_case *c)
{
    return c->bytes <= MESSAGE_MAX;
}

static int message_send(void *link, const void *buf, size_t len)
{
    const struct kernel_unix *k = link;

    return kernel_send_message(k->own, buf, len, k->flags);
}

static int message_recv(void *link, void *buf, size_t len)
{
    const struct kernel_unix *k = link;

    return kernel_recv_message(k->own, buf, len, k->flags);
}

const struct bench_backend bench_unix_kernel = {
    .name = "kernel",
    .what = "the kernel's stream, send(2) and recv(2)",
    .open = stream_open,
    .enter = unix_enter,
    .send = stream_send,
    .recv = stream_recv,
    .close = unix_close,
};

const struct bench_backend bench_unix_kernel_seqpacket = {
    .name = "kernel-seqpacket",
    .what = "the kernel's seqpacket; messages up to 4 MiB",
    .fits = message_fits,
    .open = seqpacket_open,
    .enter = unix_enter,
    .send = message_send,
    .recv = message_recv,
    .close = unix_close,
};

const struct bench_backend bench_unix_kernel_dgram = {
    .name = "kernel-dgram",
    .what = "the kernel's connected datagrams; messages up to 4 MiB",
    .fits = message_fits,
    .open = dgram_open,
    .enter = unix_enter,
    .send = message_send,
    .recv = message_recv,
    .close = unix_close,
};
