/* SPDX-License-Identifier: MIT */
/*
 * semaphore/set_internal.h - what the set's own files share; the protocol is in semaphore/set.h
 *
 * Fields are read and written under the lock, hence relaxed, where nothing else is said.
 */
#ifndef H7_SEMAPHORE_SET_INTERNAL_H
#define H7_SEMAPHORE_SET_INTERNAL_H

#include <errno.h>
#include <time.h>

#include "base/clock.h"
#include "semaphore/set.h"

#define H7_NO_ROW (-1)

static inline void h7_add32(struct h7_a32 *n, uint32_t by)
{
    h7_store32_relaxed(n, h7_load32_relaxed(n) + by);
}

static inline int32_t h7_set_value(const struct h7_set *set, uint32_t sem)
{
    return (int32_t)h7_load32_relaxed(&set->hot->sem[sem].value);
}

/* Whatever a peer wrote there. */
static inline int h7_set_is_value(int32_t v)
{
    return v >= 0 && v <= H7_SET_VALUE_MAX;
}

/* --- set.c: the lock --- */

int h7_set_enter_slow(struct h7_set *set, int r, int64_t deadline);

static inline int h7_set_enter_fast(struct h7_set *set, int64_t deadline)
{
    int r = h7_lock(&set->hot->lock, deadline);
    if (h7_likely(r == 0 && h7_load32_relaxed(&set->hot->flags) == 0))
        return 0;
    return h7_set_enter_slow(set, r, deadline);
}

static inline int64_t h7_set_patience(void)
{
    return hepta_in_ms(H7_SET_PATIENCE_MS);
}

/* For a verb without a deadline; HEPTA_NOW first, which needs no clock. */
static inline int h7_set_enter_patiently(struct h7_set *set)
{
    int r = h7_set_enter_fast(set, HEPTA_NOW);
    return h7_likely(r != -EAGAIN) ? r : h7_set_enter_fast(set, h7_set_patience());
}

/* Is set->pid this process? Before the lock. */
static inline int h7_set_me(struct h7_set *set)
{
    if (h7_likely(h7_load64_acquire(&set->gen) == h7_fork_gen()))
        return 0;
    return h7_set_know_self(set);
}

/* --- set_wait.c: calling, sleeping --- */

/* Sleepers that were called under the lock and are to be woken after it, in order. */
struct h7_set_calls {
    int n;
    int at[H7_SLEEPERS];
};

/* A value that is about to be stored, and an adjustment. */
struct h7_set_change {
    uint16_t sem;
    int16_t value;
    int16_t adj;
};

/* Before a commit: call whom it lets proceed, but for the record `but`. changes: what will be; the
 * other values are as they are. */
void h7_set_call_slow(struct h7_set *set, const struct h7_set_change *changes, uint32_t n, int but,
                      struct h7_set_calls *calls);
static inline void h7_set_call(struct h7_set *set, const struct h7_set_change *changes,
                               uint32_t n, int but, struct h7_set_calls *calls)
{
    calls->n = 0;
    if (h7_unlikely(h7_sleepers_any(set->sleepers)))
        h7_set_call_slow(set, changes, n, but, calls);
}
/* Call all, whatever they wait for. */
void h7_set_call_everybody(struct h7_set *set, int but, struct h7_set_calls *calls);
/* After it, still under the lock: grant those of them who waited for just that value. */
void h7_set_grant(struct h7_set *set, const struct h7_set_calls *calls);
/* The unlock of who has called everybody: wake them; none is called instead of one that is dead. */
void h7_set_leave_to_all(struct h7_set *set, const struct h7_set_calls *calls);
/* Instead of the unlock: wake them. */
void h7_set_leave_slow(struct h7_set *set, struct h7_set_calls *calls);
static inline void h7_set_leave_calls(struct h7_set *set, struct h7_set_calls *calls)
{
    if (h7_likely(calls->n == 0))
        h7_unlock(&set->hot->lock);
    else
        h7_set_leave_slow(set, calls);
}

/* want[] of a sleeper, and own[]. */
#define H7_SET_WANTS_EXACTLY (1ull << 32) /* want[0], else at least; with the semaphore */
#define H7_SET_CAN_GRANT     (1ull << 32) /* want[2]; with the pid */
enum { H7_SET_GRANTED = 0, H7_SET_SINCE = 1 };

/* One verb's wait. */
struct h7_set_waiting {
    struct h7_set *set;
    int at;             /* record, once asleep */
    int blocked;        /* it is known what for: */
    int nowait;         /* the operation has IPC_NOWAIT */
    int looked;         /* whom the result depends on, lives */
    int n_buried;       /* how often something of the dead's came back */
    int n_early;        /* ticks in a row at which it let one in front go first */
    uint64_t want[3];
};

/* Nothing could be done. 0 look again; or -EAGAIN, -ETIMEDOUT, -EINTR, ... */
int h7_set_wait(struct h7_set_waiting *w, int64_t *deadline);
/* It isn't its turn yet. Under the lock. */
int h7_set_is_early(const struct h7_set_waiting *w);
/* Still in the table at the end, with empty hands. 1: not quite, it was granted meanwhile. */
int h7_set_give_up(struct h7_set_waiting *w);

/* --- set_undo.c --- */

static inline struct h7_set_row *h7_set_row_at(const struct h7_set *set, uint32_t i)
{
    return (struct h7_set_row *)(void *)(set->rows + (size_t)i * set->row_len);
}

static inline int16_t h7_set_adj(const struct h7_set_row *row, uint32_t sem)
{
    return (int16_t)h7_load16_relaxed(&row->adj[sem]);
}

static inline uint32_t h7_set_rows_high(const struct h7_set *set)
{
    uint32_t high = h7_load32_relaxed(&set->shared->high);
    return high < set->plan.rows_max ? high : set->plan.rows_max;
}

static inline int h7_set_is_mine(const struct h7_set *set, const struct h7_set_row *row)
{
    return h7_load32_relaxed(&row->pid) == h7_load32_relaxed(&set->pid) &&
           h7_load64_relaxed(&row->mark) == h7_load64_relaxed(&set->mark);
}

int h7_set_find_row(struct h7_set *set);

/* This process's row, or H7_NO_ROW. */
static inline int h7_set_own_row(struct h7_set *set)
{
    uint32_t i = h7_load32_relaxed(&set->row);
    if (h7_likely(i != 0 && h7_set_is_mine(set, h7_set_row_at(set, i - 1))))
        return (int)i - 1;
    return h7_load32_relaxed(&set->hot->rows) ? h7_set_find_row(set) : H7_NO_ROW;
}

/* A row for this process. -ENOSPC. *everybody: who sleeps has to be called with the commit, since
 * from now on there is somebody whose death he has to look for. */
int h7_set_new_row(struct h7_set *set, int *everybody);
/* Has another process's row an adjustment of sem above 0 (sign 1), or below (sign -1)? */
int h7_set_depends(const struct h7_set *set, uint32_t sem, int sign);
/* When to look for the death of another that has a row. 0: there is none. */
int64_t h7_set_tick(const struct h7_set *set);
void h7_set_count_negative(struct h7_set *set, struct h7_set_row *row, int old, int adj);

/* Since when does it hold? The finer clock takes as long as all the rest, so it is read once a
 * second: who takes and gives all the time has held since the first time in this one. */
static inline void h7_set_begin_to_hold(struct h7_set_row *row)
{
    uint32_t second = (uint32_t)time(NULL);
    if (h7_likely(h7_load32_relaxed(&row->second) == second))
        return;
    h7_store32_relaxed(&row->second, second);
    h7_store64_relaxed(&row->since, (uint64_t)h7_clock_tick());
}

/* Store an adjustment; the row's counts and `negatives` follow. */
static inline void h7_set_put_adj(struct h7_set *set, struct h7_set_row *row, uint32_t sem,
                                  int16_t adj)
{
    int16_t old = h7_set_adj(row, sem);
    uint32_t nonzero = h7_load32_relaxed(&row->nonzero);
    if (set->plan.flags & H7_SET_HELD && nonzero == 0)
        h7_set_begin_to_hold(row);
    h7_store32_relaxed(&row->nonzero, nonzero + (uint32_t)(adj != 0) - (uint32_t)(old != 0));
    if (h7_unlikely((old ^ adj) < 0))
        h7_set_count_negative(set, row, old, adj);
    h7_store16_relaxed(&row->adj[sem], (uint16_t)adj);
}

/* The counts of a row, anew. */
void h7_set_recount(struct h7_set *set, struct h7_set_row *row);

/* --- set_op.c: the commit --- */

struct h7_set_commit {
    const struct h7_set_change *changes;
    uint32_t n;
    int row;       /* whose adjustments change, or H7_NO_ROW */
    uint32_t kind; /* enum h7_set_kind */
    uint32_t pid;  /* who did it */
    int but;       /* its record in the table */
    int everybody; /* call all who sleep */
};
/* Removed; under the lock, which h7_set_leave_calls() gives back. */
void h7_set_remove_locked(struct h7_set *set, struct h7_set_calls *calls);
/* It happens. 0, -ENOMEM (the bell). Then h7_set_leave_calls(). */
int h7_set_commit(struct h7_set *set, const struct h7_set_commit *c, struct h7_set_calls *calls);
/* An entry of the log, carried out. */
void h7_set_apply(struct h7_set *set, const struct h7_set_change *c, int row, uint32_t kind,
                  uint32_t pid);
/* The note in one word. */
uint64_t h7_set_intent(const struct h7_set_change *c, int row);

/* --- set_mend.c --- */

/* Under the lock, after a holder died. 0, -EBADMSG. */
int h7_set_mend(struct h7_set *set);

#endif
