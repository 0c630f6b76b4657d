/* SPDX-License-Identifier: MIT */
/*
 * queue/blocks.h - bytes for messages, in blocks of one size
 *
 * Where a queue's budget is less than a full-sized cell for every slot, a message gets as many
 * blocks as it needs: in one run if there is one, else in several, chained. So there is room
 * exactly if enough blocks are free, whatever was taken and given before.
 *
 * It lies in the segment, guarded by the producers' lock. Which blocks are free is derived:
 * h7_blocks_clear(), then h7_blocks_mark() for each message, makes it again after a holder of
 * the lock died. A chain's links are not: they are written before the slot that refers to them is
 * made to count, and stay until its blocks are given back. What a hostile peer writes must not
 * lead out of the arrays nor into an endless loop: every number read is checked, -EBADMSG.
 */
#ifndef H7_QUEUE_BLOCKS_H
#define H7_QUEUE_BLOCKS_H

#include <stddef.h>

#include "base/atomic.h"

#define H7_BLOCKS_MAX 0xfffffff0u

struct h7_blocks_shared; /* in the segment; blocks.c has the layout */

/* Private to the process. */
struct h7_blocks {
    struct h7_blocks_shared *shared;
    uint32_t n;
    struct h7_a64 *bits;
    struct h7_a32 *next;
};

/* Bytes of bookkeeping for n blocks, a multiple of H7_APART. */
size_t h7_blocks_len(uint32_t n);
/* A view of it at mem (aligned to H7_APART). Looks at nothing there. */
void h7_blocks_init(struct h7_blocks *b, void *mem, uint32_t n);

/* All that follow: under the lock, but for next and run, which who owns the chain may call
 * without. */

/* All free, whatever is in there. */
void h7_blocks_clear(struct h7_blocks *b);
uint32_t h7_blocks_n_free(const struct h7_blocks *b);
/* n blocks, 1 or more, chained; whole: in one run. Goes round (next fit), so that a queue in
 * which the first in is the first out gets runs. 0, -EAGAIN (not so many free, or no such run),
 * -EBADMSG. */
int h7_blocks_take(struct h7_blocks *b, uint32_t n, int whole, uint32_t *first);
/* Give back a chain of n, as taken. 0, -EBADMSG (then nothing of it was given back). */
int h7_blocks_give(struct h7_blocks *b, uint32_t first, uint32_t n);
/* After clear: the chain of n is in use. 0, -EBADMSG (a block twice, or out of range). */
int h7_blocks_mark(struct h7_blocks *b, uint32_t first, uint32_t n);

/* How many blocks from `at` on, at most n, lie in a row; *next: what follows them in the chain
 * (anything, if n was reached). At least 1; 0: `at` is out of range. */
uint32_t h7_blocks_run(const struct h7_blocks *b, uint32_t at, uint32_t n, uint32_t *next);

/* Invariants: the bitmap counts n_free. 0, or -EBADMSG and one line why. */
int h7_blocks_check(const struct h7_blocks *b, char *why, size_t n);

#endif
