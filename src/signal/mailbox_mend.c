/* SPDX-License-Identifier: MIT */
/*
 * signal/mailbox_mend.c - what the dead left in a mailbox, and its invariants
 *
 * Start at h7_mailbox_mend(). All under the lock; the letters are those of mailbox_internal.h.
 * Whoever dies in here leaves what the next one can do again.
 */
#include <stdio.h>

#include "base/sys.h"
#include "signal/mailbox_internal.h"

#define THREADS 64 /* that are asked for in one sweep; of others, in the next one */

/* A set of places. */
struct places {
    uint64_t bits[HEPTA_MAILBOX_DEPTH_MAX / 64];
};

static void none(const struct hepta_mailbox *b, struct places *p)
{
    memset(p->bits, 0, (b->depth + 63) / 64 * sizeof p->bits[0]);
}

static int has(const struct places *p, uint32_t i)
{
    return (int)(p->bits[i / 64] >> i % 64 & 1);
}

static void add(struct places *p, uint32_t i)
{
    p->bits[i / 64] |= 1ull << i % 64;
}

static void drop(struct places *p, uint32_t i)
{
    p->bits[i / 64] &= ~(1ull << i % 64);
}

/* --- B1, B7: places ---------------------------------------------------------------------- */

/* 0, -EAGAIN, -EBADMSG. */
static int move_all(struct hepta_mailbox *b)
{
    int again = 0;
    for (uint32_t q = 0; q < H7_MAILBOX_QUEUES; q++) {
        int r = h7_mailbox_move(b, q);
        if (r < 0 && r != -EAGAIN)
            return r;
        again |= r;
    }
    return again;
}

struct asked {
    int n;
    struct {
        uint32_t tid;
        int dead;
    } at[THREADS];
};

static int is_dead(struct asked *a, uint32_t tid)
{
    for (int i = 0; i < a->n; i++)
        if (a->at[i].tid == tid)
            return a->at[i].dead;
    if (a->n == THREADS)
        return 0;
    int dead = h7_sys_thread_probe((pid_t)tid) == -ESRCH;
    a->at[a->n].tid = tid;
    a->at[a->n++].dead = dead;
    return dead;
}

/* Which places are claimed is read before the first thread is asked for: a TID that is used anew
 * meanwhile claims others. None of these changes but by what is done here. */
static int find_dead(struct hepta_mailbox *b, struct places *p)
{
    struct asked asked = {.n = 0};
    int n = 0;
    none(b, p);
    for (uint32_t i = 0; i < b->depth; i++) {
        uint32_t state = h7_load32_relaxed(&b->slots[i].state);
        if (state != 0 && !(state & H7_SLOT_QUEUED))
            add(p, i);
    }
    for (uint32_t i = 0; i < b->depth; i++)
        if (has(p, i)) {
            if (is_dead(&asked, h7_load32_relaxed(&b->slots[i].state) & H7_LOCK_TID))
                n++;
            else
                drop(p, i);
        }
    return n;
}

static void free_dead(struct hepta_mailbox *b, const struct places *p)
{
    uint64_t n = h7_load64_relaxed(&b->shared->recovered);
    for (uint32_t i = 0; i < b->depth; i++)
        if (has(p, i) && !(h7_load32_relaxed(&b->slots[i].state) & H7_SLOT_QUEUED)) {
            h7_mailbox_free(b, i + 1);
            h7_store64_relaxed(&b->shared->recovered, ++n);
        }
}

/* All places in ready lists, and the one that is given. Also G1 to G3, of them. */
static int mark(const struct hepta_mailbox *b, struct places *p)
{
    uint32_t given = (uint32_t)(h7_load64_relaxed(&b->shared->given) >> 8);
    none(b, p);
    if (given && !h7_mailbox_is_place(b, given))
        return -EBADMSG;
    if (given)
        add(p, given - 1);
    for (uint32_t q = 0; q < H7_MAILBOX_QUEUES; q++)
        for (uint32_t at = h7_load32_relaxed(&b->shared->ready[q].head); at;) {
            if (!h7_mailbox_is_place(b, at) || has(p, at - 1))
                return -EBADMSG;
            const struct h7_mailbox_slot *slot = h7_mailbox_slot(b, at);
            if (h7_load32_relaxed(&slot->state) != H7_SLOT_QUEUED ||
                (h7_load32_relaxed(&slot->what) & 0xff) != q + H7_MAILBOX_FIRST)
                return -EBADMSG;
            add(p, at - 1);
            at = h7_load32_relaxed(&slot->fwd);
        }
    return 0;
}

static int free_lost(struct hepta_mailbox *b, struct places *p)
{
    int r = mark(b, p);
    for (uint32_t i = 0; r == 0 && i < b->depth; i++)
        if (!has(p, i) && h7_load32_relaxed(&b->slots[i].state) == H7_SLOT_QUEUED)
            h7_mailbox_free(b, i + 1);
    return r;
}

int h7_mailbox_sweep(struct hepta_mailbox *b)
{
    struct places p;
    int r = move_all(b);
    if (r == 0 || r == -EAGAIN) {
        int n_dead = find_dead(b, &p);
        r = move_all(b); /* after they were dead: what has their TID now, was never published */
        if (r == 0 && n_dead)
            free_dead(b, &p);
    }
    if (r == 0)
        r = free_lost(b, &p);
    h7_store64_relaxed(&b->shared->swept, (uint64_t)h7_clock_tick());
    h7_store32_release(&b->shared->starved, 0);
    return r == -EAGAIN ? 0 : r;
}

/* --- B5 to B9 ---------------------------------------------------------------------------- */

static int finish_move(struct hepta_mailbox *b)
{
    uint64_t moving = h7_load64_relaxed(&b->shared->moving);
    uint32_t q = (uint32_t)(moving & 0xff) - H7_MAILBOX_FIRST, at = (uint32_t)(moving >> 8);
    if (moving == 0)
        return 0;
    if (q >= H7_MAILBOX_QUEUES || !h7_mailbox_is_place(b, at))
        return -EBADMSG;
    int r = h7_mailbox_in_stack(b, q, at);
    if (r == 0)
        return h7_mailbox_link(b, q, at);
    h7_store64_release(&b->shared->moving, 0);
    return r < 0 ? r : 0;
}

static void took_back(struct hepta_mailbox *b)
{
    struct h7_mailbox_shared *s = b->shared;
    h7_store64_release(&s->given, 0);
    h7_store64_relaxed(&s->received, h7_load64_relaxed(&s->received) - 1);
}

/* Of 1 to 31: whether it was taken or not, it is pending now. */
static void put_back_one(struct hepta_mailbox *b, int n)
{
    struct h7_mailbox_shared *s = b->shared;
    uint64_t none_pending = 0;
    h7_cas64_acq_rel(&s->who[n], &none_pending, h7_load64_relaxed(&s->given_who));
    took_back(b);
}

static void put_back(struct hepta_mailbox *b, uint32_t q, uint32_t at)
{
    struct h7_mailbox_list *l = &b->shared->ready[q];
    struct h7_mailbox_slot *slot = h7_mailbox_slot(b, at);
    uint32_t head = h7_load32_relaxed(&l->head);
    h7_store32_relaxed(&slot->state, H7_SLOT_QUEUED);
    h7_store32_relaxed(&slot->fwd, head);
    if (head == 0)
        h7_store32_relaxed(&l->tail, at);
    h7_store32_release(&l->head, at); /* the store that counts */
    took_back(b);
}

/* again: its receiver is no more. Else it is kept, if it was given at all. */
static int finish_giving(struct hepta_mailbox *b, int again)
{
    struct h7_mailbox_shared *s = b->shared;
    uint64_t given = h7_load64_relaxed(&s->given);
    int n = (int)(given & 0xff);
    uint32_t at = (uint32_t)(given >> 8), q = (uint32_t)(n - H7_MAILBOX_FIRST);
    if (given == 0)
        return 0;
    if (at == 0 && n >= 1 && n < H7_MAILBOX_FIRST) {
        if (again)
            put_back_one(b, n);
        return 0;
    }
    if (q >= H7_MAILBOX_QUEUES || !h7_mailbox_is_place(b, at))
        return -EBADMSG;
    int r = h7_load32_relaxed(&s->ready[q].head) == at ? 1 : h7_mailbox_in_stack(b, q, at);
    if (r == 1)
        h7_store64_release(&s->given, 0);
    else if (r == 0 && again)
        put_back(b, q, at);
    return r < 0 ? r : 0;
}

int h7_mailbox_mend(struct hepta_mailbox *b, int again)
{
    int r = finish_move(b);
    if (r == 0)
        r = finish_giving(b, again);
    return r == 0 ? h7_mailbox_sweep(b) : r;
}

int h7_mailbox_lock_slow(struct hepta_mailbox *b, int r, int64_t deadline)
{
    (void)deadline;
    if (r < 0 && r != -EOWNERDEAD)
        return r;
    h7_store32_relaxed(&b->shared->dirty, 1); /* until it is mended, whoever dies meanwhile */
    r = h7_mailbox_mend(b, 0);
    if (r == 0)
        h7_store32_relaxed(&b->shared->dirty, 0);
    else
        h7_mailbox_unlock(b);
    return r;
}

/* --- invariants -------------------------------------------------------------------------- */

static int broken(char *why, size_t n, const char *what, uint64_t found)
{
    snprintf(why, n, "%s: %#llx", what, (unsigned long long)found);
    return -EBADMSG;
}

static int check_stacks(const struct hepta_mailbox *b, struct places *p, char *why, size_t n)
{
    for (uint32_t q = 0; q < H7_MAILBOX_QUEUES; q++)
        for (uint32_t at = h7_load32_acquire(&b->shared->stack[q]); at;) {
            if (!h7_mailbox_is_place(b, at))
                return broken(why, n, "G1: stack leads outside", at);
            if (has(p, at - 1))
                return broken(why, n, "G3: place in a stack and elsewhere", at);
            const struct h7_mailbox_slot *slot = h7_mailbox_slot(b, at);
            if ((h7_load32_relaxed(&slot->what) & 0xff) != q + H7_MAILBOX_FIRST)
                return broken(why, n, "G1: place in another's stack", at);
            if (h7_load32_relaxed(&slot->state) == 0)
                return broken(why, n, "G2: free place in a stack", at);
            add(p, at - 1);
            at = h7_load32_relaxed(&slot->next);
        }
    return 0;
}

int h7_mailbox_check(const struct hepta_mailbox *b, char *why, size_t n)
{
    struct places p;
    int r = mark(b, &p);
    if (r < 0)
        return broken(why, n, "G1 to G3: ready lists or given", 0);
    r = check_stacks(b, &p, why, n);
    for (uint32_t i = 0; r == 0 && i < b->depth; i++)
        if (!has(&p, i) && h7_load32_relaxed(&b->slots[i].state) == H7_SLOT_QUEUED)
            return broken(why, n, "G4: lost place", i);
    uint64_t moving = h7_load64_relaxed(&b->shared->moving);
    return r == 0 && moving ? broken(why, n, "G5: moving", moving) : r;
}
