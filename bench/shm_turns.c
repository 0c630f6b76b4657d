/* SPDX-License-Identifier: MIT */
/* bench/shm_turns.c - see shm_turns.h */
#define _GNU_SOURCE
#include "bench/shm_turns.h"

#include "bench/message.h"
#include "bench/shared.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

/* Each word of a value follows from its number, and so do the bytes behind the last whole one. */
static uint64_t word_at(uint64_t number, size_t off)
{
    return number + off;
}

static void value_put(unsigned char *at, size_t len, uint64_t number)
{
    uint64_t word;
    size_t off = 0;

    for (; off + sizeof(word) <= len; off += sizeof(word))
        message_put(at + off, word_at(number, off));
    word = word_at(number, off);
    memcpy(at + off, &word, len - off);
}

static bool value_is(const unsigned char *at, size_t len, uint64_t number)
{
    uint64_t wrong = 0, word;
    size_t off = 0;

    for (; off + sizeof(word) <= len; off += sizeof(word))
        wrong |= message_get(at + off) ^ word_at(number, off);
    word = word_at(number, off);
    return !wrong && !memcmp(at + off, &word, len - off);
}

bool shm_fits(const struct bench_case *c)
{
    return c->bytes <= SHM_VALUE_MAX;
}

void shm_close(void *link)
{
    struct shm_link *l = link;

    shared_free(l->shared, l->len);
    free(l->own);
    free(l);
}

int shm_link_new(struct shm_link **link, const struct bench_case *c, size_t value_len)
{
    struct shm_link *l = calloc(1, sizeof(*l));

    if (!l)
        return -ENOMEM;
    l->test = c->test;
    l->bytes = c->bytes;
    l->len = sizeof(*l->shared) + value_len;
    l->shared = shared_new(l->len);
    l->own = aligned_alloc(64, BENCH_GROUP * (shm_stride(l) + 64));
    if (!l->shared || !l->own) {
        shm_close(l);
        return -ENOMEM;
    }
    memset(l->own, 0, BENCH_GROUP * (shm_stride(l) + 64));
    *link = l;
    return 0;
}

void shm_stamp(struct shm_link *l)
{
    value_put(l->own, l->bytes, ++l->number);
}

int shm_enter(void *link, enum bench_side side)
{
    ((struct shm_link *)link)->side = side;
    return 0;
}

/* Where two take part, both are there before either goes on. */
int shm_begin(void *link, uint64_t n)
{
    struct shm_link *l = link;
    uint64_t all = ++l->round * 2;

    l->goal += n;
    l->left = n;
    if (bench_shapes[l->test].n[BENCH_SECOND] == 0)
        return 0;
    atomic_fetch_add_explicit(&l->shared->arrived, 1, memory_order_acq_rel);
    while (atomic_load_explicit(&l->shared->arrived, memory_order_acquire) < all)
        sched_yield();
    return 0;
}

int shm_count_check(struct shm_link *l, uint64_t mine)
{
    struct shm_shared *s = l->shared;

    atomic_fetch_add_explicit(&s->claimed, mine, memory_order_acq_rel);
    if (atomic_fetch_add_explicit(&s->finished, 1, memory_order_acq_rel) + 1 < 2 * l->round)
        return 0;
    return s->counter == l->goal && s->claimed == l->goal ? 0 : -EBADMSG;
}

/* Every value that was read: whole, and none older than the one before. */
int shm_check(void *link)
{
    struct shm_link *l = link;
    unsigned n = l->n_got;

    l->n_got = 0;
    for (unsigned i = 0; i < n; i++) {
        const unsigned char *at = l->own + i * shm_stride(l);
        uint64_t number = message_get(at);
        if (number < l->number || !value_is(at, l->bytes, number))
            return -EBADMSG;
        l->number = number;
    }
    return 0;
}
