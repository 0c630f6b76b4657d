/* SPDX-License-Identifier: MIT */
/* prim/tags.c - see prim/tags.h. Reading order: put, next, fence. */
#include "prim/tags.h"

uint32_t h7_tags_new_id(struct h7_tags *t)
{
    uint32_t id = h7_load32_relaxed(&t->last_id) + 1; /* relaxed: the reservation excludes others */
    h7_store32_relaxed(&t->last_id, id);
    return id;
}

int h7_tags_full(const struct h7_tags *t)
{
    return h7_load32_relaxed(&t->n_put) - h7_load32_relaxed(&t->n_taken) >= H7_TAGS;
}

int h7_tags_put(struct h7_tags *t, uint64_t index, uint32_t len, uint32_t id)
{
    uint32_t n = h7_load32_relaxed(&t->n_put);
    /* Acquire, with the release in next(): the readers are done with that entry. */
    if (n - h7_load32_acquire(&t->n_taken) >= H7_TAGS)
        return -EAGAIN;
    struct h7_tag *tag = &t->tag[n % H7_TAGS];
    h7_store64_relaxed(&tag->index, index);
    h7_store32_relaxed(&tag->len, len);
    h7_store32_relaxed(&tag->id, id);
    h7_store32_release(&t->n_put, n + 1);
    return 0;
}

void h7_tags_retract(struct h7_tags *t, uint64_t head)
{
    uint32_t n = h7_load32_relaxed(&t->n_put);
    /* At most one: a reservation has one span. No reader can have counted it: the head
     * hasn't passed it. */
    if (n != h7_load32_relaxed(&t->n_taken) &&
        h7_load64_relaxed(&t->tag[(n - 1) % H7_TAGS].index) >= head)
        h7_store32_relaxed(&t->n_put, n - 1);
}

/* The first tag at tail or beyond; counts out those before. 1, 0 none, -EBADMSG. */
static int next(struct h7_tags *t, uint64_t tail, struct h7_tag_seen *tag)
{
    uint32_t n = h7_load32_relaxed(&t->n_taken), put = h7_load32_acquire(&t->n_put);
    if (put - n > H7_TAGS)
        return -EBADMSG;
    for (; n != put; n++) {
        const struct h7_tag *at = &t->tag[n % H7_TAGS];
        tag->index = h7_load64_relaxed(&at->index);
        tag->len = h7_load32_relaxed(&at->len);
        tag->id = h7_load32_relaxed(&at->id);
        if (tag->index >= tail)
            return 1;
        h7_store32_release(&t->n_taken, n + 1); /* with the acquire in h7_tags_put() */
    }
    return 0;
}

ssize_t h7_tags_fence_slow(struct h7_tags *t, uint64_t tail, uint64_t used)
{
    struct h7_tag_seen tag;
    int r = next(t, tail, &tag);
    if (r < 0)
        return r;
    if (r == 0 || tag.index - tail >= used)
        return (ssize_t)used;
    return (ssize_t)(tag.index - tail);
}

int h7_tags_here(struct h7_tags *t, uint64_t tail, struct h7_tag_seen *tag)
{
    int r = next(t, tail, tag);
    return r <= 0 ? r : tag->index == tail;
}

int h7_tags_check(const struct h7_tags *t)
{
    uint32_t n = h7_load32_relaxed(&t->n_taken), put = h7_load32_relaxed(&t->n_put);
    if (put - n > H7_TAGS)
        return -EBADMSG;
    uint64_t before = 0;
    for (; n != put; n++) {
        uint64_t index = h7_load64_relaxed(&t->tag[n % H7_TAGS].index);
        if (index < before)
            return -EBADMSG;
        before = index;
    }
    return 0;
}
