/* SPDX-License-Identifier: MIT */
/* bench/inet.c - see inet.h */
#define _GNU_SOURCE
#include "bench/inet.h"

#include <errno.h>
#include <sys/socket.h>

/* The kernel's memory for a datagram, at most. */
#define ROOM(bytes) (2 * (bytes) + 1536)

static uint64_t at_least_one(uint64_t n)
{
    return n ? n : 1;
}

/* What a reader has taken is given back late, when it has become a quarter of the buffer
 * (udp_rmem_release() in net/ipv4/udp.c), so only three quarters are there to fill. The kernel
 * doubles what it is asked for, and says so. */
int inet_window_init(struct inet_window *w, int fd, const struct bench_case *c)
{
    uint64_t n = at_least_one(c->capacity / c->bytes);
    int bytes = (int)(n * ROOM(c->bytes) / 2 * 4 / 3);
    socklen_t len = sizeof(bytes);

    *w = (struct inet_window){0};
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) &&
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)))
        return -errno;
    if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, &len))
        return -errno;
    if (c->test != BENCH_STREAM)
        return 0;
    uint64_t room = at_least_one((uint64_t)bytes * 3 / 4 / ROOM(c->bytes));
    w->size = n < room ? n : room;
    w->batch = at_least_one(w->size / 2);
    return 0;
}
