/* SPDX-License-Identifier: MIT */
/*
 * queue/index.h - which of the messages is received first
 *
 * Slots by key, the oldest of each key first, and the keys in a heap, the lowest first; on
 * demand also all slots by age. A POSIX queue has HEPTA_MQ_PRIO_MAX - priority as key and takes
 * the first of the lowest; a System V queue has the type. To find the oldest of a given key,
 * of the lowest key, or of all takes constant time but for the heap's logarithm, which counts
 * the different keys, not the messages.
 *
 * It lies in the segment, guarded by the consumers' lock, and is derived: what it holds can be
 * made again from the slots (h7_index_rebuild()), which is what happens when a holder of the lock
 * died. So nothing in here needs care about where one dies. But what a hostile peer writes must
 * not lead out of the arrays nor into an endless loop: every number that is read is checked,
 * and -EBADMSG is the answer; every loop is bounded by the number of slots.
 */
#ifndef H7_QUEUE_INDEX_H
#define H7_QUEUE_INDEX_H

#include <stddef.h>

#include "queue/slot.h"

struct h7_index_shared; /* in the segment; index.c has the layout */

/* Private to the process: where it lies. */
struct h7_index {
    struct h7_index_shared *shared;
    const struct h7_slot *slots; /* key and seq are read from here */
    uint32_t n_slots;
    int by_age; /* the order of all is kept, too */
    uint32_t bucket_mask;
    struct h7_index_link *links, *ages;
    struct h7_index_key *keys;
    struct h7_a32 *heap, *buckets;
};

/* Bytes for n slots, a multiple of H7_APART. */
size_t h7_index_len(uint32_t n_slots, int by_age);
/* A view of it at mem (aligned to H7_APART). Looks at nothing there. */
void h7_index_init(struct h7_index *ix, void *mem, const struct h7_slot *slots, uint32_t n_slots,
                   int by_age);

/* All that follow: under the lock. Slot numbers given in must be below n_slots. */

/* Empty, whatever is in there. */
void h7_index_clear(struct h7_index *ix);
/* Slots in it. */
uint32_t h7_index_count(const struct h7_index *ix);
/* Add a slot that is newer than all others of its key (and, by age, than all). 0, -EBADMSG. */
int h7_index_push(struct h7_index *ix, uint32_t slot);
/* Add a slot in its place by seq. Looks from the oldest on: that is where a returned one
 * belongs. 0, -EBADMSG. */
int h7_index_put_back(struct h7_index *ix, uint32_t slot);
/* Take a slot out that is in it. 0, -EBADMSG. */
int h7_index_remove(struct h7_index *ix, uint32_t slot);

/* Find: a slot number, H7_NO_SLOT (none), in *slot. 0, -EBADMSG. */
int h7_index_first(const struct h7_index *ix, uint32_t *slot);   /* oldest of the lowest key */
int h7_index_first_of(const struct h7_index *ix, uint64_t key, uint32_t *slot);
/* by_age only: */
int h7_index_oldest(const struct h7_index *ix, uint32_t *slot);
int h7_index_oldest_but(const struct h7_index *ix, uint64_t key, uint32_t *slot);
int h7_index_nth(const struct h7_index *ix, uint64_t n, uint32_t *slot); /* by age, from 0 */

/* From the slots: those that are QUEUED with a seq below end, in the order of seq. Sorts in
 * place (no memory is asked for). Two of one seq: -EBADMSG, and then it is empty. */
int h7_index_rebuild(struct h7_index *ix, uint64_t end);

/* Invariants (numbered in index.c), against the slots, too. 0, or -EBADMSG and one line why. */
int h7_index_check(const struct h7_index *ix, uint64_t end, char *why, size_t n);

#endif
