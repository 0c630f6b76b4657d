/* SPDX-License-Identifier: MIT */
/*
 * bench/limit_line.c - the hardware's own latency: one cache line between two cores
 *
 * No protocol can answer faster than a line takes to move to the other core and back.
 * The line holds a counter: the first side makes it odd, the second even. Nothing else
 * of the message travels; the receiver writes what it would have got, so that the loop
 * around it does the same work as for every other back end.
 */
#define _GNU_SOURCE
#include "bench/backends.h"
#include "bench/message.h"
#include "bench/ticks.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

struct line {
    _Alignas(128) _Atomic uint64_t counter; /* shared, in its own page */
};

struct limit_line {
    struct line *shared;
    uint64_t last; /* the counter as this side saw or left it */
};

/* A spinning rival on one core waits for whole time slices: that shows nothing. */
static bool line_fits(const struct bench_case *c)
{
    return c->test == BENCH_PINGPONG && c->cpus == BENCH_APART;
}

static int line_open(void **link, const struct bench_case *c)
{
    struct limit_line *l = calloc(1, sizeof(*l));
    (void)c;

    if (!l)
        return -ENOMEM;
    l->shared = mmap(NULL, sizeof(*l->shared), PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (l->shared == MAP_FAILED) {
        free(l);
        return -ENOMEM;
    }
    *link = l;
    return 0;
}

static int line_enter(void *link, enum bench_side side)
{
    (void)link;
    (void)side;
    return 0;
}

static int line_send(void *link, const void *buf, size_t len)
{
    struct limit_line *l = link;
    (void)buf;
    (void)len;

    atomic_store_explicit(&l->shared->counter, ++l->last, memory_order_release);
    return 0;
}

static int line_recv(void *link, void *buf, size_t len)
{
    struct limit_line *l = link;
    uint64_t now;

    while ((now = atomic_load_explicit(&l->shared->counter, memory_order_acquire)) == l->last)
        bench_pause();
    l->last = now;
    message_stamp(buf, len, (now - 1) / 2);
    return 0;
}

static void line_close(void *link)
{
    struct limit_line *l = link;

    munmap(l->shared, sizeof(*l->shared));
    free(l);
}

const struct bench_backend bench_limit_line = {
    .name = "limit",
    .what = "one cache line bounced between two cores, always spinning",
    .fits = line_fits,
    .open = line_open,
    .enter = line_enter,
    .send = line_send,
    .recv = line_recv,
    .close = line_close,
};
