/* SPDX-License-Identifier: MIT */
/*
 * bench/limit_ring.c - what a stream costs without any guarantee
 *
 * A packed byte ring for one producer and one consumer that always spin: the data mapped
 * twice in a row, so that a copy never wraps; each side keeps its own copy of the
 * other's index and looks at the shared one only when its copy says full or empty.
 * No end-of-file, no sleep, no checks, no recovery: that is what the others pay for.
 */
#define _GNU_SOURCE
#include "bench/backends.h"
#include "bench/ticks.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct indices {
    _Alignas(128) _Atomic uint64_t head; /* bytes ever put in; the producer's */
    _Alignas(128) _Atomic uint64_t tail; /* bytes ever taken; the consumer's */
};

struct limit_ring {
    struct indices *shared;
    unsigned char *data; /* capacity bytes, twice */
    size_t capacity;
    uint64_t mine, other; /* own index; the other's as last seen */
};

static bool ring_fits(const struct bench_case *c)
{
    return c->test == BENCH_STREAM && c->cpus == BENCH_APART && c->bytes <= c->capacity;
}

static unsigned char *map_twice(size_t capacity)
{
    int fd = memfd_create("bench-limit", MFD_CLOEXEC);
    unsigned char *at = MAP_FAILED;
    int flags = MAP_SHARED | MAP_FIXED | MAP_POPULATE;

    if (fd < 0)
        return NULL;
    if (!ftruncate(fd, (off_t)capacity))
        at = mmap(NULL, capacity * 2, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at != MAP_FAILED &&
        (mmap(at, capacity, PROT_READ | PROT_WRITE, flags, fd, 0) == MAP_FAILED ||
         mmap(at + capacity, capacity, PROT_READ | PROT_WRITE, flags, fd, 0) == MAP_FAILED)) {
        munmap(at, capacity * 2);
        at = MAP_FAILED;
    }
    close(fd);
    return at == MAP_FAILED ? NULL : at;
}

static int ring_open(void **link, const struct bench_case *c)
{
    struct limit_ring *r = calloc(1, sizeof(*r));

    if (!r)
        return -ENOMEM;
    r->capacity = c->capacity;
    r->shared = mmap(NULL, sizeof(*r->shared), PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    r->data = map_twice(r->capacity);
    if (r->shared == MAP_FAILED || !r->data) {
        if (r->shared != MAP_FAILED)
            munmap(r->shared, sizeof(*r->shared));
        free(r);
        return -ENOMEM;
    }
    *link = r;
    return 0;
}

/* A mapping is populated for one process only: fault the pages in before the clock runs. */
static int ring_enter(void *link, enum bench_side side)
{
    struct limit_ring *r = link;
    (void)side;

    for (size_t off = 0; off < r->capacity * 2; off += 4096)
        (void)*(volatile unsigned char *)(r->data + off);
    return 0;
}

static int ring_send(void *link, const void *buf, size_t len)
{
    struct limit_ring *r = link;

    while (r->mine + len - r->other > r->capacity) {
        r->other = atomic_load_explicit(&r->shared->tail, memory_order_acquire);
        if (r->mine + len - r->other > r->capacity)
            bench_pause();
    }
    memcpy(r->data + (r->mine & (r->capacity - 1)), buf, len);
    r->mine += len;
    /* Pairs with the acquire in ring_recv(): the bytes are there when the index is. */
    atomic_store_explicit(&r->shared->head, r->mine, memory_order_release);
    return 0;
}

static int ring_recv(void *link, void *buf, size_t len)
{
    struct limit_ring *r = link;

    while (r->other - r->mine < len) {
        r->other = atomic_load_explicit(&r->shared->head, memory_order_acquire);
        if (r->other - r->mine < len)
            bench_pause();
    }
    memcpy(buf, r->data + (r->mine & (r->capacity - 1)), len);
    r->mine += len;
    /* Pairs with the acquire in ring_send(): the bytes are read before they are reused. */
    atomic_store_explicit(&r->shared->tail, r->mine, memory_order_release);
    return 0;
}

static void ring_close(void *link)
{
    struct limit_ring *r = link;

    munmap(r->shared, sizeof(*r->shared));
    munmap(r->data, r->capacity * 2);
    free(r);
}

const struct bench_backend bench_limit_ring = {
    .name = "limit",
    .what = "hand-tuned byte ring for one producer and one consumer, always spinning",
    .fits = ring_fits,
    .open = ring_open,
    .enter = ring_enter,
    .send = ring_send,
    .recv = ring_recv,
    .close = ring_close,
};
