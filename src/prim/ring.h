/* SPDX-License-Identifier: MIT */
/*
 * prim/ring.h - a byte ring in shared memory: two counters and a twice-mapped buffer
 *
 * One producer and one consumer at a time; who they are is settled elsewhere (a lock, or
 * a promise). The data are mapped twice in a row, so every span up to the capacity is
 * contiguous: copying, reserving and peeking need no second piece.
 *
 * Shared layout, struct h7_ring_shared:
 *   field  cache line  written by  read by   meaning
 *   head   0           producer    consumer  bytes ever published; the word that says "ready"
 *   tail   2           consumer    producer  bytes ever consumed
 * Each counter has its line to itself: a consumer that polls head takes nothing else away
 * from the producer. 64-bit counts never wrap (5,000 years at 100 GB/s).
 *
 * Invariants:
 *   R1 tail <= head <= tail + capacity, at every moment, for an observer that reads tail
 *      first or holds both sides.
 *   R2 bytes in [tail, head) are the consumer's, those in [head, tail + capacity) the
 *      producer's.
 *
 * Linearization: publish is the store to head, consume the store to tail. A process that
 * dies before its store has done nothing; a span half-written beyond head is invisible.
 *
 * Trust: a counter that a peer wrote is loaded once, and a distance above the capacity is
 * -EBADMSG. Offsets are masked, so no value of a counter leads outside the mapping.
 */
#ifndef H7_PRIM_RING_H
#define H7_PRIM_RING_H

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/atomic.h"

struct h7_ring_shared {
    struct h7_a64 head __attribute__((aligned(H7_APART)));
    struct h7_a64 tail __attribute__((aligned(H7_APART)));
};

/* Private to the process. */
struct h7_ring {
    struct h7_ring_shared *shared;
    char *data;   /* mapped twice in a row */
    uint64_t cap; /* bytes, a power of two */
};

static inline char *h7_ring_at(const struct h7_ring *r, uint64_t index)
{
    return r->data + (index & (r->cap - 1));
}

/* The consumer's view of what is there. head >= tail + 2^63 also ends up above cap.
 * Acquire, with the release in h7_ring_publish(): the bytes before head. */
static inline int h7_ring_used(const struct h7_ring *r, uint64_t tail, uint64_t *used)
{
    *used = h7_load64_acquire(&r->shared->head) - tail;
    return h7_likely(*used <= r->cap) ? 0 : -EBADMSG;
}

/* The producer's view of what is free. Acquire, with the release in h7_ring_consume():
 * the consumer is done with the bytes before tail. */
static inline int h7_ring_free(const struct h7_ring *r, uint64_t head, uint64_t *n_free)
{
    uint64_t used = head - h7_load64_acquire(&r->shared->tail);
    *n_free = r->cap - used;
    return h7_likely(used <= r->cap) ? 0 : -EBADMSG;
}

/* Release, with the acquire in h7_ring_used(). */
static inline void h7_ring_publish(const struct h7_ring *r, uint64_t head)
{
    h7_store64_release(&r->shared->head, head);
}

/* Release, with the acquire in h7_ring_free(). */
static inline void h7_ring_consume(const struct h7_ring *r, uint64_t tail)
{
    h7_store64_release(&r->shared->tail, tail);
}

/* Set up for len bytes of data at `data`, mapped twice. -EBADMSG if len isn't a power of two. */
int h7_ring_init(struct h7_ring *r, struct h7_ring_shared *shared, char *data, uint64_t len);
/* Invariant R1, as a snapshot that may race with both sides. 0 or -EBADMSG. */
int h7_ring_check(const struct h7_ring *r);

#endif
