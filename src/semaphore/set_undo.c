/* SPDX-License-Identifier: MIT */
/*
 * semaphore/set_undo.c - what each process has to undo, and undoing the dead's; see
 * semaphore/set.h
 *
 * Reading order: h7_set_new_row(), h7_set_put_adj(); h7_set_bury(), undo_part().
 *
 * A row belongs to a process while it names it. One whose adjustments are all 0 may be given to
 * another process, whether its owner lives or not: who finds that his is gone gets another.
 */
#include "semaphore/set_internal.h"

#define AT_ONCE 64 /* adjustments in one commit; dead rows in one look */

static uint32_t owner_of(const struct h7_set *set, uint32_t i, struct h7_life *owner)
{
    const struct h7_set_row *row = h7_set_row_at(set, i);
    owner->pid = h7_load32_acquire(&row->pid); /* with the release in name_owner(): mark */
    owner->mark = h7_load64_relaxed(&row->mark);
    return owner->pid;
}

/* Another process's, as far as can be seen without the lock. */
static int is_others(const struct h7_set *set, uint32_t i)
{
    const struct h7_set_row *row = h7_set_row_at(set, i);
    return h7_load32_relaxed(&row->pid) != 0 && !h7_set_is_mine(set, row);
}

/* --- rows ------------------------------------------------------------------------------ */

int h7_set_find_row(struct h7_set *set)
{
    for (uint32_t i = 0; i < h7_set_rows_high(set); i++)
        if (h7_set_is_mine(set, h7_set_row_at(set, i))) {
            h7_store32_relaxed(&set->row, i + 1);
            return (int)i;
        }
    return H7_NO_ROW;
}

static int find_unused(const struct h7_set *set)
{
    uint32_t high = h7_set_rows_high(set);
    if (h7_load32_relaxed(&set->hot->rows) < high)
        for (uint32_t i = 0; i < high; i++)
            if (h7_load32_relaxed(&h7_set_row_at(set, i)->pid) == 0)
                return (int)i;
    if (high < set->plan.rows_max)
        return (int)high;
    for (uint32_t i = 0; i < high; i++)
        if (h7_load32_relaxed(&h7_set_row_at(set, i)->nonzero) == 0)
            return (int)i;
    return H7_NO_ROW;
}

/* In this order, so that nobody ever sees one's pid with another's mark. */
static void name_owner(struct h7_set *set, struct h7_set_row *row)
{
    h7_store32_release(&row->pid, 0);
    h7_store32_relaxed(&row->second, 0);
    h7_store64_release(&row->mark, h7_load64_relaxed(&set->mark));
    h7_store32_release(&row->pid, h7_load32_relaxed(&set->pid));
}

int h7_set_new_row(struct h7_set *set, int *everybody)
{
    struct h7_a32 *rows = &set->hot->rows;
    int i = find_unused(set);
    if (i < 0)
        return -ENOSPC;
    struct h7_set_row *row = h7_set_row_at(set, (uint32_t)i);
    if ((uint32_t)i >= h7_set_rows_high(set))
        h7_store32_release(&set->shared->high, (uint32_t)i + 1);
    /* Who sleeps may have counted on there being no row but his own. */
    *everybody = h7_load32_relaxed(rows) <= 1;
    if (h7_load32_relaxed(&row->pid) == 0)
        h7_add32(rows, 1);
    name_owner(set, row);
    h7_store32_relaxed(&set->row, (uint32_t)i + 1);
    return i;
}

static void free_row(struct h7_set *set, struct h7_set_row *row)
{
    h7_store32_release(&row->pid, 0);
    h7_add32(&set->hot->rows, (uint32_t)-1);
}

void h7_set_count_negative(struct h7_set *set, struct h7_set_row *row, int old, int adj)
{
    uint32_t was = h7_load32_relaxed(&row->negative);
    uint32_t now = was + (uint32_t)(adj < 0) - (uint32_t)(old < 0);
    h7_store32_relaxed(&row->negative, now);
    h7_add32(&set->hot->negatives, (uint32_t)(now != 0) - (uint32_t)(was != 0));
}

void h7_set_recount(struct h7_set *set, struct h7_set_row *row)
{
    uint32_t nonzero = 0, negative = 0;
    for (uint32_t i = 0; i < set->plan.n; i++) {
        int16_t adj = h7_set_adj(row, i);
        nonzero += adj != 0;
        negative += adj < 0;
    }
    h7_store32_relaxed(&row->nonzero, nonzero);
    h7_store32_relaxed(&row->negative, negative);
}

/* --- who could matter -------------------------------------------------------------------- */

int h7_set_depends(const struct h7_set *set, uint32_t sem, int sign)
{
    for (uint32_t i = 0; i < h7_set_rows_high(set); i++)
        if (is_others(set, i) && h7_set_adj(h7_set_row_at(set, i), sem) * sign > 0)
            return 1;
    return 0;
}

int64_t h7_set_tick(const struct h7_set *set)
{
    int64_t tick = 0;
    if (h7_load32_relaxed(&set->hot->rows) == 0)
        return tick;
    for (uint32_t i = 0; i < h7_set_rows_high(set); i++) {
        if (!is_others(set, i))
            continue;
        if (h7_load32_relaxed(&h7_set_row_at(set, i)->nonzero) != 0)
            return H7_SET_TICK_NS;
        tick = H7_SLEEPERS_TICK_NS; /* nothing in it now */
    }
    return tick;
}

int h7_set_holds(const struct h7_set *set)
{
    for (uint32_t i = 0; i < h7_set_rows_high(set); i++)
        if (h7_set_is_mine(set, h7_set_row_at(set, i)))
            return h7_load32_relaxed(&h7_set_row_at(set, i)->nonzero) != 0;
    return 0;
}

/* --- undoing ----------------------------------------------------------------------------- */

static int16_t clamp(int32_t value)
{
    return (int16_t)(value < 0 ? 0 : value > H7_SET_VALUE_MAX ? H7_SET_VALUE_MAX : value);
}

/* The next adjustments of a row, from *sem on, as changes. */
static uint32_t collect(const struct h7_set *set, const struct h7_set_row *row, uint32_t *sem,
                        struct h7_set_change changes[AT_ONCE], uint32_t *sum)
{
    uint32_t n = 0;
    for (; *sem < set->plan.n && n < AT_ONCE; ++*sem) {
        int32_t adj = h7_set_adj(row, *sem), value = h7_set_value(set, *sem);
        if (adj == 0)
            continue;
        if (!h7_set_is_value(value))
            value = 0; /* a peer wrote that */
        changes[n++] = (struct h7_set_change){.sem = (uint16_t)*sem, .value = clamp(value + adj)};
        *sum += (uint32_t)(adj < 0 ? -adj : adj);
    }
    return n;
}

/* A part of a row is undone, under the lock, which is given back. 1 there is more, 0 not. */
static int undo_part(struct h7_set *set, uint32_t i, uint32_t *sem, uint32_t *sum)
{
    struct h7_set_row *row = h7_set_row_at(set, i);
    struct h7_set_change changes[AT_ONCE];
    struct h7_set_calls calls = {.n = 0};
    struct h7_set_commit c = {.changes = changes,
                              .row = (int)i,
                              .pid = h7_load32_relaxed(&row->pid),
                              .but = H7_NO_SLEEPER};
    uint32_t undone = 0;
    int r = 0, lives = h7_set_is_mine(set, row);
    if (set->plan.flags & H7_SET_TIMES)
        h7_store64_relaxed(&set->hot->otime, (uint64_t)time(NULL)); /* as the kernel's does */
    c.n = collect(set, row, sem, changes, &undone);
    if (c.n > 0)
        r = h7_set_commit(set, &c, &calls);
    if (r == 0) {
        uint64_t all = h7_load64_relaxed(&set->shared->undone);
        h7_store64_relaxed(&set->shared->undone, all + (lives ? 0 : undone));
        *sum += undone;
        /* At once: whoever comes next finds no row that has nothing to undo. */
        if (h7_load32_relaxed(&row->nonzero) == 0)
            free_row(set, row);
        else
            r = *sem < set->plan.n;
    }
    h7_set_leave_calls(set, &calls);
    return r;
}

/* Who has no time left undoes something all the same, or he would never see what is there. */
static int64_t end_of(int64_t deadline)
{
    int64_t soon = hepta_in_ns(H7_LOCK_GRACE_NS);
    return deadline > soon ? deadline : soon;
}

static int is_over(int64_t end)
{
    return end != HEPTA_FOREVER && hepta_now_ns() > end;
}

/* Undo a row if it is still that process's. How much, or negative errno; what is left at the end,
 * others undo. */
static int undo_row(struct h7_set *set, uint32_t i, const struct h7_life *owner, int64_t deadline,
                    int64_t end)
{
    uint32_t sem = 0, sum = 0;
    struct h7_life now;
    int r;
    do {
        r = sem > 0 && is_over(end) ? h7_expired(deadline) : h7_set_enter_fast(set, deadline);
        if (r < 0)
            return r;
        if (owner_of(set, i, &now) != owner->pid || now.mark != owner->mark) {
            h7_unlock(&set->hot->lock);
            return (int)sum;
        }
        r = undo_part(set, i, &sem, &sum);
    } while (r > 0);
    return r < 0 ? r : (int)sum;
}

/* Rows with something in them whose owner is dead, from *from on; without the lock. */
static uint32_t find_dead(const struct h7_set *set, uint32_t *from, uint32_t row[AT_ONCE],
                          struct h7_life owner[AT_ONCE])
{
    uint32_t n = 0;
    for (; *from < h7_set_rows_high(set) && n < AT_ONCE; ++*from) {
        if (h7_load32_relaxed(&h7_set_row_at(set, *from)->nonzero) == 0 ||
            !is_others(set, *from) || owner_of(set, *from, &owner[n]) == 0 ||
            h7_life_alive(&owner[n]))
            continue;
        row[n++] = *from;
    }
    return n;
}

int h7_set_bury(struct h7_set *set, int64_t deadline)
{
    struct h7_life owner[AT_ONCE];
    uint32_t row[AT_ONCE], from = 0, n;
    int64_t end = 0;
    int sum = 0;
    if (h7_load32_relaxed(&set->hot->rows) == 0)
        return 0;
    int r = h7_set_me(set);
    if (r < 0)
        return r;
    do {
        n = find_dead(set, &from, row, owner);
        if (n > 0 && end == 0)
            end = end_of(deadline);
        for (uint32_t i = 0; i < n; i++) {
            r = i > 0 && is_over(end) ? h7_expired(deadline)
                                      : undo_row(set, row[i], &owner[i], deadline, end);
            if (r < 0)
                return r;
            sum += r;
        }
    } while (n == AT_ONCE);
    return sum;
}

int h7_set_let_go(struct h7_set *set, int64_t deadline)
{
    int r = h7_set_me(set);
    if (r == 0)
        r = h7_set_enter_fast(set, deadline);
    if (r < 0)
        return r;
    int i = h7_set_own_row(set);
    h7_unlock(&set->hot->lock);
    struct h7_life me = {.mark = h7_load64_relaxed(&set->mark),
                         .pid = h7_load32_relaxed(&set->pid)};
    return i < 0 ? 0 : undo_row(set, (uint32_t)i, &me, deadline, end_of(deadline));
}
