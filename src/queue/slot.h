/* SPDX-License-Identifier: MIT */
/*
 * queue/slot.h - the place of one message in a queue's segment
 *
 * Slots are the truth about a queue: what their state words say, together with the number of
 * messages published and the numbers of the slots in the outbox (queue/store.h), is what the
 * queue holds. All else is derived from them and can be rebuilt. A slot in the outbox is free
 * whatever its state says: so that a receiver doesn't have to write to the lines that he reads
 * and the next sender writes.
 *
 * Shared layout, 128 bytes, so that the header and a short message cross in one pair of lines:
 *   field       written by             meaning
 *   state       owner of the slot      H7_SLOT_*; the last field written in each transition
 *   place       sender                 where the bytes are: H7_PLACE_*, or a first block
 *   len         sender                 bytes of the message (of a reservation: reserved)
 *   n_blocks    sender                 length of the chain of blocks, if there is one
 *   seq         sender                 which message of the queue it is, from 0
 *   key         sender                 what is received first: the lowest (queue/index.h)
 *   deliveries  receiver               how often it was given to somebody
 *   by          owner                  which of the owner's handles (h7_store.number)
 *   pid, mark   owner                  the owning process (prim/life.h)
 *   claim       owner                  where its side's array of claims has this slot
 *   text        sender                 the bytes of a short message
 *
 * States, and what leads from one to the next:
 *   FREE -> QUEUED       send, under P; it counts once seq is below the published number
 *   FREE -> RESERVED     under P: a place that a sender fills without the lock
 *   RESERVED -> QUEUED   commit, under P, by its owner
 *   RESERVED -> FREE     cancel, under P, by its owner; or his heir
 *   QUEUED, in outbox    received, under C. The store of `freed` is the receive
 *   QUEUED -> TAKEN      leased, or being copied out, under C
 *   TAKEN -> FREE        acknowledged, under C, and into the outbox
 *   TAKEN -> QUEUED      given back, under P and C, by its owner or his heir
 */
#ifndef H7_QUEUE_SLOT_H
#define H7_QUEUE_SLOT_H

#include "base/atomic.h"

enum { H7_SLOT_FREE = 0, H7_SLOT_RESERVED = 1, H7_SLOT_QUEUED = 2, H7_SLOT_TAKEN = 3 };

#define H7_SLOT_TEXT     72
#define H7_SLOTS_MAX     (1u << 20)
#define H7_NO_SLOT       0xffffffffu
#define H7_PLACE_INLINE  0xffffffffu /* in text */
#define H7_PLACE_CELL    0xfffffffeu /* in the cell that belongs to the slot */

struct h7_slot {
    struct h7_a32 state;
    struct h7_a32 place;
    struct h7_a32 len;
    struct h7_a32 n_blocks;
    struct h7_a64 seq;
    struct h7_a64 key;
    struct h7_a32 deliveries;
    struct h7_a32 by;
    struct h7_a32 pid;
    struct h7_a32 claim;
    struct h7_a64 mark;
    char text[H7_SLOT_TEXT];
} __attribute__((aligned(H7_APART)));

_Static_assert(sizeof(struct h7_slot) == H7_APART, "a slot is a pair of lines");

#endif
