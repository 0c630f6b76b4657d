/* SPDX-License-Identifier: MIT */
/*
 * prim/tags.h - spans of a conduit's bytes that have something with them: descriptors
 *
 * Descriptors go from process to process through a kernel socket, not through memory. So
 * that they arrive with the bytes that they were sent with, and not with others, the span
 * is tagged: a plain read stops in front of a tag, and who reads at one takes the message
 * with the tag's number from the socket. A tag says nothing of what a message contains.
 *
 * Shared layout, struct h7_tags (one per direction):
 *   field    cache line  written by             meaning
 *   n_put    0           who has reserved       tags ever put
 *   last_id  0           the same               numbers ever used, those of the dead included
 *   n_taken  2           readers, R lock        tags that have been passed
 *   tag[]    4           as n_put               tag k is in tag[k % H7_TAGS]
 *
 * Only who holds the writers' reservation puts, so the span it tags begins at the head. A
 * tag counts when the head has passed its index. n_taken follows: whoever looks next, under
 * the readers' lock, counts out what lies behind the tail.
 *
 * Order: the tag, n_put (release), then the head (release, ring.h): who has seen the head
 * finds the tag.
 *
 * Where one can die:
 *   T1 last_id counted, nothing sent           a number is missing: nobody minds
 *   T2 sent, not put                           a message with a number that no tag has: passed over
 *   T3 put, head not moved                     whoever clears the dead reservation calls
 *                                              h7_tags_retract(), before anybody can write there
 *   T4 tail moved, message still in the socket the next reader at a tag passes over it
 *
 * Invariants: G1 n_put - n_taken <= H7_TAGS; G2 indices of tags not taken grow.
 */
#ifndef H7_PRIM_TAGS_H
#define H7_PRIM_TAGS_H

#include <errno.h>
#include <sys/types.h>

#include "base/atomic.h"

#define H7_TAGS 64u

struct h7_tag {
    struct h7_a64 index; /* where the span begins */
    struct h7_a32 len;   /* bytes of it */
    struct h7_a32 id;
};

struct h7_tags {
    struct h7_a32 n_put __attribute__((aligned(H7_APART)));
    struct h7_a32 last_id;
    struct h7_a32 n_taken __attribute__((aligned(H7_APART)));
    struct h7_tag tag[H7_TAGS] __attribute__((aligned(H7_APART)));
};

struct h7_tag_seen {
    uint64_t index;
    uint32_t len, id;
};

/* --- writers, holding the reservation ---------------------------------------------- */

/* A number for the message. */
uint32_t h7_tags_new_id(struct h7_tags *t);
/* Tag [index, index + len) with it. 0, -EAGAIN (H7_TAGS are under way). */
int h7_tags_put(struct h7_tags *t, uint64_t index, uint32_t len, uint32_t id);
/* Take back what was put at head or beyond. Also for who clears a dead reservation. */
void h7_tags_retract(struct h7_tags *t, uint64_t head);
/* Is there room for one more? */
int h7_tags_full(const struct h7_tags *t);

/* --- readers, under the R lock or holding the peek ----------------------------------- */

ssize_t h7_tags_fence_slow(struct h7_tags *t, uint64_t tail, uint64_t used);
/* How many of the used bytes at tail may be read plainly; 0: there is a tag at tail.
 * -EBADMSG. */
static inline ssize_t h7_tags_fence(struct h7_tags *t, uint64_t tail, uint64_t used)
{
    /* Relaxed: ordered by the acquire of the head that told of the used bytes. */
    if (h7_likely(h7_load32_relaxed(&t->n_put) == h7_load32_relaxed(&t->n_taken)))
        return (ssize_t)used;
    return h7_tags_fence_slow(t, tail, used);
}
/* The tag at tail. 1, 0 there is none, -EBADMSG. */
int h7_tags_here(struct h7_tags *t, uint64_t tail, struct h7_tag_seen *tag);

/* Invariants, while nobody is inside. 0 or -EBADMSG. */
int h7_tags_check(const struct h7_tags *t);

#endif
