/* SPDX-License-Identifier: MIT */
/*
 * semaphore/set_op.c - arrays of operations; see semaphore/set.h
 *
 * Reading order: h7_set_op(), try_one() for the common case; op_slow(), try_any(), simulate(),
 * h7_set_commit() for the rest.
 */
#include <stddef.h>

#include "semaphore/set_internal.h"

#define LOOK 1 /* it would happen, if those whom that depends on live */

/* What an array would do, on a copy. */
struct sim {
    uint64_t seen; /* bit sem % 64: it may be among changes */
    uint32_t n;
    int row;
    struct h7_set_change changes[H7_SET_OPS_MAX];
};

/* --- the commit ------------------------------------------------------------------------ */

uint64_t h7_set_intent(const struct h7_set_change *c, int row)
{
    return 1ull << 63 | (uint64_t)(uint32_t)row << 47 | (uint64_t)(uint16_t)c->adj << 31 |
           (uint64_t)(uint16_t)c->value << 16 | c->sem;
}

static uint64_t entry_of(const struct h7_set_change *c)
{
    return c->sem | (uint64_t)(uint16_t)c->value << 16 | (uint64_t)(uint16_t)c->adj << 32;
}

void h7_set_apply(struct h7_set *set, const struct h7_set_change *c, int row, uint32_t kind,
                  uint32_t pid)
{
    struct h7_set_sem *sem = &set->hot->sem[c->sem];
    h7_store32_relaxed(&sem->pid, pid);
    h7_store32_release(&sem->value, (uint32_t)c->value); /* spinners look without the lock */
    if (row >= 0)
        h7_set_put_adj(set, h7_set_row_at(set, (uint32_t)row), c->sem, c->adj);
    for (uint32_t i = 0; kind == H7_SET_VALUES && i < h7_set_rows_high(set); i++)
        if (h7_load32_relaxed(&h7_set_row_at(set, i)->nonzero))
            h7_set_put_adj(set, h7_set_row_at(set, i), c->sem, 0);
}

/* One change, with its undo. */
static void commit_one(struct h7_set *set, const struct h7_set_change *c, int row, uint32_t pid)
{
    struct h7_set_hot *hot = set->hot;
    h7_store32_relaxed(&hot->sem[c->sem].pid, pid); /* the note has no room for it */
    if (row >= 0) /* Linearization point, with undo. V1 before, V2 after. */
        h7_store64_release(&hot->intent, h7_set_intent(c, row));
    h7_set_apply(set, c, row, H7_SET_OPS, pid); /* without: the store of the value */
    if (row >= 0)
        h7_store64_release(&hot->intent, 0); /* after what it stands for */
}

static void commit_many(struct h7_set *set, const struct h7_set_commit *c)
{
    struct h7_set_log *log = set->log;
    for (uint32_t i = 0; i < c->n; i++)
        h7_store64_relaxed(&log->entry[i], entry_of(&c->changes[i]));
    h7_store32_relaxed(&log->row, (uint32_t)(c->row + 1));
    h7_store32_relaxed(&log->kind, c->kind);
    h7_store32_relaxed(&log->pid, c->pid);
    h7_store32_release(&log->count, c->n); /* Linearization point. V1 before, V2 after. */
    for (uint32_t i = 0; i < c->n; i++)
        h7_set_apply(set, &c->changes[i], c->row, c->kind, c->pid);
    h7_store32_release(&log->count, 0); /* after what it stands for */
}

/* A poller waits for semaphore 0. */
static int raise_level(struct h7_set *set, const struct h7_set_commit *c)
{
    for (uint32_t i = 0; i < c->n; i++)
        if (c->changes[i].sem == 0 && c->changes[i].value > 0 && set->raise)
            return set->raise(set);
    return 0;
}

int h7_set_commit(struct h7_set *set, const struct h7_set_commit *c, struct h7_set_calls *calls)
{
    calls->n = 0;
    if (h7_unlikely(h7_load32_relaxed(&set->hot->flags) & H7_SET_POLLED)) {
        int r = raise_level(set, c);
        if (r < 0)
            return r;
    }
    if (h7_unlikely(c->everybody))
        h7_set_call_everybody(set, c->but, calls);
    else
        h7_set_call(set, c->changes, c->n, c->but, calls);
    if (c->n == 1 && c->kind == H7_SET_OPS)
        commit_one(set, c->changes, c->row, c->pid);
    else
        commit_many(set, c);
    if (h7_unlikely(calls->n > 0))
        h7_set_grant(set, calls);
    return 0;
}

/* --- would it? ------------------------------------------------------------------------- */

static struct h7_set_change *change_of(const struct h7_set *set, struct sim *s, uint32_t sem)
{
    uint64_t bit = 1ull << sem % 64;
    if (s->seen & bit)
        for (uint32_t i = 0; i < s->n; i++)
            if (s->changes[i].sem == sem)
                return &s->changes[i];
    int32_t value = h7_set_value(set, sem);
    if (!h7_set_is_value(value))
        return NULL;
    struct h7_set_change *c = &s->changes[s->n++];
    s->seen |= bit;
    *c = (struct h7_set_change){.sem = (uint16_t)sem, .value = (int16_t)value};
    if (s->row >= 0)
        c->adj = h7_set_adj(h7_set_row_at(set, (uint32_t)s->row), sem);
    return c;
}

/* What the real value has to be, so that this operation can proceed after those before it. */
static int blocks(struct h7_set_waiting *w, const struct h7_set_change *c, const struct sembuf *op,
                  size_t n)
{
    const struct h7_set *set = w->set;
    int64_t before = h7_set_value(set, c->sem) - c->value; /* those before it took */
    w->blocked = 1;
    w->nowait = (op->sem_flg & IPC_NOWAIT) != 0;
    w->want[0] = c->sem | (op->sem_op == 0 ? H7_SET_WANTS_EXACTLY : 0);
    w->want[1] = (uint64_t)(before - op->sem_op);
    w->want[2] = h7_load32_relaxed(&set->pid);
    if (n == 1 && op->sem_op == 0)
        w->want[2] |= H7_SET_CAN_GRANT;
    return -EAGAIN;
}

/* In the order and with the errors of the kernel. */
static int simulate(struct h7_set_waiting *w, const struct sembuf *ops, size_t n, struct sim *s)
{
    const int held = (w->set->plan.flags & H7_SET_HELD) != 0;
    for (size_t i = 0; i < n; i++) {
        const struct sembuf *op = &ops[i];
        struct h7_set_change *c = change_of(w->set, s, op->sem_num);
        if (!c)
            return -EBADMSG;
        int32_t value = c->value + op->sem_op, adj = c->adj - op->sem_op;
        if (value < 0 || (op->sem_op == 0 && value != 0))
            return blocks(w, c, op, n);
        if (held && op->sem_op > 0 && adj < 0)
            return -EPERM;
        if (value > H7_SET_VALUE_MAX)
            return held ? -EBADMSG : -ERANGE; /* what is held has been there before */
        if (op->sem_flg & SEM_UNDO) {
            if (adj != (int16_t)adj)
                return held ? -EBADMSG : -ERANGE;
            c->adj = (int16_t)adj;
        }
        c->value = (int16_t)value;
    }
    return 0;
}

/* Does it hang on the adjustment of somebody who may be dead? */
static int depends(const struct h7_set *set, const struct sembuf *ops, size_t n)
{
    if (h7_likely(!h7_load32_relaxed(&set->hot->rows)))
        return 0;
    for (size_t i = 0; i < n; i++)
        if ((ops[i].sem_op == 0 && h7_set_depends(set, ops[i].sem_num, 1)) ||
            (ops[i].sem_op < 0 && h7_load32_relaxed(&set->hot->negatives) &&
             h7_set_depends(set, ops[i].sem_num, -1)))
            return 1;
    return 0;
}

static int has_undo(const struct sembuf *ops, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (ops[i].sem_flg & SEM_UNDO && ops[i].sem_op != 0)
            return 1;
    return 0;
}

/* --- doing it -------------------------------------------------------------------------- */

/* Times, pids and counts: of who dies before it happens, too. */
static inline void stamp(struct h7_set *set, const struct sembuf *op)
{
    struct h7_set_hot *hot = set->hot;
    if (set->plan.flags & H7_SET_TIMES)
        h7_store64_relaxed(&hot->otime, (uint64_t)time(NULL));
    if (set->plan.flags & H7_SET_HELD) {
        struct h7_a64 *n = op->sem_op < 0 ? &hot->taken : &hot->given;
        h7_store64_relaxed(n, h7_load64_relaxed(n) + 1);
    }
    h7_store32_relaxed(&hot->sem[op->sem_num].pid, h7_load32_relaxed(&set->pid));
}

/* What a commit has granted a sleeper has happened. */
static int was_granted(const struct h7_set_waiting *w)
{
    return w->at >= 0 && h7_load64_relaxed(&w->set->sleepers->at[w->at].own[H7_SET_GRANTED]);
}

/* Under the lock. */
static int do_it(struct h7_set_waiting *w, const struct sembuf *ops, size_t n, struct sim *s,
                 struct h7_set_calls *calls)
{
    struct h7_set *set = w->set;
    const int undo = has_undo(ops, n);
    s->row = undo ? h7_set_own_row(set) : H7_NO_ROW;
    int r = simulate(w, ops, n, s);
    if (r < 0)
        return r;
    if (!w->looked && depends(set, ops, n))
        return LOOK;
    struct h7_set_commit c = {.changes = s->changes,
                              .n = s->n,
                              .row = s->row,
                              .pid = h7_load32_relaxed(&set->pid),
                              .but = w->at};
    if (undo && s->row < 0)
        c.row = r = h7_set_new_row(set, &c.everybody);
    if (r < 0)
        return r;
    stamp(set, &ops[0]); /* the other pids come with the commit */
    return h7_set_commit(set, &c, calls);
}

static __attribute__((noinline)) int try_any(struct h7_set_waiting *w, const struct sembuf *ops,
                                             size_t n)
{
    struct h7_set_calls calls;
    struct sim s;
    s.seen = s.n = 0;
    calls.n = 0;
    w->blocked = h7_set_is_early(w);
    int r = was_granted(w) ? 0 : w->blocked ? -EAGAIN : do_it(w, ops, n, &s, &calls);
    if (w->at >= 0 && r == 0)
        h7_sleepers_leave(w->set->sleepers, &w->at);
    h7_set_leave_calls(w->set, &calls);
    return r;
}

/* What one operation makes of a value, if there is nobody to be told, and nobody whose death could
 * matter: `negatives` is how many rows may go below 0. Under the lock. Below 0: it can't be done,
 * or it isn't that simple. */
static inline int32_t simple_result(const struct h7_set *set, const struct sembuf *op,
                                    uint32_t negatives)
{
    const struct h7_set_hot *hot = set->hot;
    int32_t old = h7_set_value(set, op->sem_num), value = old + op->sem_op;
    if (h7_unlikely(!h7_set_is_value(old) || !h7_set_is_value(value) ||
                    h7_sleepers_any(set->sleepers) || h7_load32_relaxed(&hot->flags)))
        return -1;
    if (op->sem_op == 0 ? value != 0 || h7_load32_relaxed(&hot->rows)
                        : op->sem_op < 0 && h7_load32_relaxed(&hot->negatives) != negatives)
        return -1;
    return value;
}


/* Without undo it is one store. 1: it is done. */
static inline int try_simply(struct h7_set *set, const struct sembuf *op)
{
    int32_t value = simple_result(set, op, 0);
    if (h7_unlikely(value < 0 || set->plan.flags & H7_SET_HELD))
        return 0;
    stamp(set, op);
    /* Linearization point. Release: spinners look without the lock. */
    h7_store32_release(&set->hot->sem[op->sem_num].value, (uint32_t)value);
    return 1;
}

/* With undo, where this process has a row. As commit_one(). */
static inline int try_simply_with_undo(struct h7_set *set, const struct sembuf *op)
{
    uint32_t i = h7_load32_relaxed(&set->row);
    if (h7_unlikely(i == 0))
        return 0;
    struct h7_set_row *row = h7_set_row_at(set, i - 1);
    int32_t value = simple_result(set, op, h7_load32_relaxed(&row->negative) != 0);
    int32_t adj = h7_set_adj(row, op->sem_num) - op->sem_op;
    if (h7_unlikely(value < 0 || !h7_set_is_mine(set, row) || adj != (int16_t)adj ||
                    (adj < 0 && set->plan.flags & H7_SET_HELD)))
        return 0;
    const struct h7_set_change c = {op->sem_num, (int16_t)value, (int16_t)adj};
    stamp(set, op);
    h7_store64_release(&set->hot->intent, h7_set_intent(&c, (int)i - 1)); /* V1 before, V2 after */
    h7_store32_release(&set->hot->sem[op->sem_num].value, (uint32_t)value);
    h7_set_put_adj(set, row, op->sem_num, (int16_t)adj);
    h7_store64_release(&set->hot->intent, 0);
    return 1;
}

/* Under the lock. 1: it is done. */
static inline int try_one(struct h7_set *set, const struct sembuf *op)
{
    return op->sem_flg & SEM_UNDO ? try_simply_with_undo(set, op) : try_simply(set, op);
}

/* It didn't happen, because of r. 0: try again. */
static int after(struct h7_set_waiting *w, int r, int64_t *deadline)
{
    if (r == -EAGAIN && w->blocked)
        return h7_set_wait(w, deadline);
    if ((r == LOOK || r == -ERANGE || r == -ENOSPC) && !w->looked) {
        int n = h7_set_bury(w->set, *deadline);
        w->looked = 1;
        return n < 0 ? n : n > 0 || r == LOOK ? 0 : r;
    }
    return r;
}

static int check_args(const struct h7_set *set, const struct sembuf *ops, size_t n)
{
    if (n == 0 || n > H7_SET_OPS_MAX)
        return n ? -E2BIG : -EINVAL;
    for (size_t i = 0; i < n; i++)
        if (ops[i].sem_num >= set->plan.n)
            return -EFBIG;
    return 0;
}

static int never_waits(const struct sembuf *ops, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!(ops[i].sem_flg & IPC_NOWAIT))
            return 0;
    return 1;
}

/* entered: 1 the lock is held, 0 not yet, else why it couldn't be had. */
static __attribute__((noinline)) int op_slow(struct h7_set *set, const struct sembuf *ops, size_t n,
                                             int64_t deadline, int entered)
{
    struct h7_set_waiting w = {.set = set, .at = H7_NO_SLEEPER};
    int r;
    if (ops[0].sem_flg & IPC_NOWAIT && never_waits(ops, n))
        deadline = HEPTA_NOW;
    do {
        w.blocked = 0;
        r = entered ? entered : h7_set_enter_fast(set, deadline);
        if (r >= 0)
            r = try_any(&w, ops, n);
        if (r == 0)
            return 0;
        entered = 0;
        r = after(&w, r, &deadline);
    } while (r == 0);
    return w.at >= 0 && h7_set_give_up(&w) ? 0 : r;
}

int h7_set_op_known(struct h7_set *set, const struct sembuf *ops, size_t n, int64_t deadline)
{
    if (h7_unlikely(n != 1))
        return op_slow(set, ops, n, deadline, 0);
    if (ops->sem_flg & IPC_NOWAIT)
        deadline = HEPTA_NOW; /* not for the lock either */
    int r = h7_set_enter_fast(set, deadline);
    if (h7_unlikely(r < 0 || !try_one(set, ops)))
        return op_slow(set, ops, n, deadline, r < 0 ? r : 1);
    h7_unlock(&set->hot->lock);
    return 0;
}

int h7_set_op(struct h7_set *set, const struct sembuf *ops, size_t n, int64_t deadline)
{
    int r = h7_likely(n == 1 && ops->sem_num < set->plan.n) ? 0 : check_args(set, ops, n);
    if (h7_likely(r == 0))
        r = h7_set_me(set);
    return h7_likely(r == 0) ? h7_set_op_known(set, ops, n, deadline) : r;
}
