/* SPDX-License-Identifier: MIT */
/*
 * bench/shm_turns.h - what is done with a mutex and a cell, whoever's they are
 *
 * A back end gives four verbs as a constant; the loops are inlined around them, so that each has
 * its own calls in it. Two processes that lock start at the same moment, and count together up
 * to a goal: neither is left alone with the mutex at the end. One that reads a cell keeps what
 * it got, up to BENCH_GROUP values, until the clock stands still and they are checked. Start
 * reading at shm_repeat().
 */
#ifndef BENCH_SHM_TURNS_H
#define BENCH_SHM_TURNS_H

#include "bench/bench.h"
#include "bench/ticks.h"

#include <errno.h>
#include <stdatomic.h>

#define SHM_MUTEX_MAX   48
#define SHM_VALUE_MAX   65536 /* bytes */
#define SHM_WRITE_GROUP 64 /* in a storm: values between two looks whether the reader has enough */
#define SHM_WRITE_NS    1000 /* else: from one value to the next */

/* What the processes share. Words that one side changes while the other is at work have lines of
 * their own; the counter lies beside the mutex that guards it. */
struct shm_shared {
    _Alignas(128) unsigned char mutex[SHM_MUTEX_MAX];
    volatile uint64_t counter;              /* under the mutex */
    _Alignas(128) _Atomic uint64_t arrived; /* beginnings, of both sides together */
    _Alignas(128) _Atomic uint64_t claimed; /* what they say that they counted */
    _Atomic uint64_t finished;              /* ends, of both sides together */
    _Alignas(128) _Atomic uint64_t done;    /* the round that the reader has finished */
    _Alignas(128) unsigned char value[];    /* the cell */
};

struct shm_link {
    struct shm_shared *shared;
    size_t len; /* of what is shared */
    enum bench_test test;
    enum bench_side side;
    size_t bytes;       /* of a value */
    uint64_t round;     /* begun so far */
    uint64_t goal;      /* of the counter in this round */
    uint64_t left;      /* reads of this round */
    uint64_t number;    /* of the value written last, or the latest one read */
    unsigned char *own; /* BENCH_GROUP values read, or the one to write */
    unsigned n_got;     /* values read, since they were checked */
};

/* 0 or negative errno each. The value of a cell is at @at, of bytes bytes. */
struct shm_verbs {
    int (*lock)(struct shm_link *l);
    int (*unlock)(struct shm_link *l);
    int (*read)(struct shm_link *l, void *at);
    int (*write)(struct shm_link *l, const void *at);
};

/* @value_len: what the cell takes. The mutex is zeroed, and there is no value yet. */
int shm_link_new(struct shm_link **link, const struct bench_case *c, size_t value_len);
/* The next value, into own. */
void shm_stamp(struct shm_link *l);

/* Of struct bench_backend. */
bool shm_fits(const struct bench_case *c);
int shm_enter(void *link, enum bench_side side);
int shm_begin(void *link, uint64_t n);
int shm_check(void *link);
void shm_close(void *link);

/* After this side's last of a round; who is last sees whether all increments are there. */
int shm_count_check(struct shm_link *l, uint64_t mine);

static inline size_t shm_stride(const struct shm_link *l)
{
    return (l->bytes + 63) / 64 * 64;
}

static inline __attribute__((always_inline)) int shm_pairs(struct shm_link *l, uint64_t n,
                                                           const struct shm_verbs *verbs)
{
    int rc = 0;

    while (n-- > 0 && !rc) {
        rc = verbs->lock(l);
        if (!rc)
            rc = verbs->unlock(l);
    }
    return rc;
}

static inline __attribute__((always_inline)) int shm_count(struct shm_link *l,
                                                           const struct shm_verbs *verbs)
{
    uint64_t mine = 0;
    bool more = true;

    while (more) {
        int rc = verbs->lock(l);
        if (rc)
            return rc;
        more = l->shared->counter < l->goal;
        if (more) {
            l->shared->counter = l->shared->counter + 1;
            mine++;
        }
        rc = verbs->unlock(l);
        if (rc)
            return rc;
    }
    return shm_count_check(l, mine);
}

static inline __attribute__((always_inline)) int shm_reads(struct shm_link *l, uint64_t n,
                                                           const struct shm_verbs *verbs)
{
    int rc = 0;

    l->left -= n;
    for (; n > 0 && !rc; n--)
        rc = verbs->read(l, l->own + l->n_got++ % BENCH_GROUP * shm_stride(l));
    if (rc || l->left == 0)
        atomic_store_explicit(&l->shared->done, l->round, memory_order_release);
    return rc;
}

static inline __attribute__((always_inline)) int shm_write(struct shm_link *l,
                                                           const struct shm_verbs *verbs)
{
    shm_stamp(l);
    return verbs->write(l, l->own);
}

static inline bool shm_reader_done(const struct shm_link *l)
{
    return atomic_load_explicit(&l->shared->done, memory_order_acquire) >= l->round;
}

/* Who was kept from writing for long doesn't make up for it. */
static inline __attribute__((always_inline)) int shm_writes(struct shm_link *l,
                                                            const struct shm_verbs *verbs)
{
    int64_t next = bench_now_ns();
    int rc = 0;

    while (!rc && !shm_reader_done(l)) {
        int64_t now = bench_now_ns();
        if (now < next) {
            bench_pause();
            continue;
        }
        next = (now - next < SHM_WRITE_NS ? next : now) + SHM_WRITE_NS;
        rc = shm_write(l, verbs);
    }
    return rc;
}

static inline __attribute__((always_inline)) int shm_storm(struct shm_link *l,
                                                           const struct shm_verbs *verbs)
{
    int rc = 0;

    while (!rc && !shm_reader_done(l))
        for (int i = 0; i < SHM_WRITE_GROUP && !rc; i++)
            rc = shm_write(l, verbs);
    return rc;
}

/* The first side reads, the second writes. */
static inline __attribute__((always_inline)) int shm_values(struct shm_link *l, uint64_t n,
                                                            const struct shm_verbs *verbs)
{
    if (l->side == BENCH_FIRST)
        return shm_reads(l, n, verbs);
    return l->test == BENCH_STORM ? shm_storm(l, verbs) : shm_writes(l, verbs);
}

static inline __attribute__((always_inline)) int shm_repeat(struct shm_link *l, uint64_t n,
                                                            const struct shm_verbs *verbs)
{
    if (l->test == BENCH_MUTEX)
        return shm_pairs(l, n, verbs);
    if (l->test == BENCH_CONTEND)
        return shm_count(l, verbs);
    return shm_values(l, n, verbs);
}

#endif
