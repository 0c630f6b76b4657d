/* SPDX-License-Identifier: MIT */
/* prim/ring.c - see prim/ring.h */
#include "prim/ring.h"

int h7_ring_init(struct h7_ring *r, struct h7_ring_shared *shared, char *data, uint64_t len)
{
    if (len == 0 || (len & (len - 1)) != 0)
        return -EBADMSG;
    *r = (struct h7_ring){.shared = shared, .data = data, .cap = len};
    return 0;
}

int h7_ring_check(const struct h7_ring *r)
{
    /* tail, head, tail: head is bounded by what tail was before and after. */
    uint64_t tail = h7_load64_acquire(&r->shared->tail);
    uint64_t head = h7_load64_acquire(&r->shared->head);
    uint64_t later = h7_load64_acquire(&r->shared->tail);
    return head - tail <= r->cap + (later - tail) && head >= tail ? 0 : -EBADMSG;
}
