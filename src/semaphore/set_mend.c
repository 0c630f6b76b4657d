/* SPDX-License-Identifier: MIT */
/*
 * semaphore/set_mend.c - what a dead holder of the lock left half done; and the invariants
 *
 * What he had noted as happened is carried out, with what is written there: it doesn't matter how
 * far he had come. The counts are made anew.
 */
#include <stdio.h>

#include "semaphore/set_internal.h"

static uint32_t log_max(const struct h7_set *set)
{
    return set->plan.n > H7_SET_OPS_MAX ? set->plan.n : H7_SET_OPS_MAX;
}

static int is_change(const struct h7_set *set, const struct h7_set_change *c, uint32_t row)
{
    return c->sem < set->plan.n && h7_set_is_value(c->value) && row <= set->plan.rows_max;
}

static int redo_intent(struct h7_set *set)
{
    uint64_t note = h7_load64_acquire(&set->hot->intent);
    struct h7_set_change c = {.sem = (uint16_t)note,
                              .value = (int16_t)(note >> 16 & 0x7fff),
                              .adj = (int16_t)(uint16_t)(note >> 31)};
    uint32_t row = (uint32_t)(note >> 47 & 0xffff);
    if (note == 0)
        return 0;
    if (!(note >> 63) || !is_change(set, &c, row + 1))
        return -EBADMSG;
    uint32_t pid = h7_load32_relaxed(&set->hot->sem[c.sem].pid); /* it came before */
    h7_set_apply(set, &c, (int)row, H7_SET_OPS, pid);
    h7_store64_release(&set->hot->intent, 0);
    return 0;
}

static int redo_log(struct h7_set *set)
{
    struct h7_set_log *log = set->log;
    uint32_t n = h7_load32_acquire(&log->count), row = h7_load32_relaxed(&log->row);
    uint32_t kind = h7_load32_relaxed(&log->kind), pid = h7_load32_relaxed(&log->pid);
    if (n > log_max(set) || kind > H7_SET_VALUES || (kind == H7_SET_VALUES && row))
        return n ? -EBADMSG : 0;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t e = h7_load64_relaxed(&log->entry[i]);
        struct h7_set_change c = {.sem = (uint16_t)e,
                                  .value = (int16_t)(uint16_t)(e >> 16),
                                  .adj = (int16_t)(uint16_t)(e >> 32)};
        if (!is_change(set, &c, row))
            return -EBADMSG;
        h7_set_apply(set, &c, (int)row - 1, kind, pid);
    }
    h7_store32_release(&log->count, 0);
    return 0;
}

/* Before the log, as far as that looks at them; and after it. */
static void recount(struct h7_set *set)
{
    uint32_t rows = 0, negatives = 0;
    for (uint32_t i = 0; i < h7_set_rows_high(set); i++) {
        struct h7_set_row *row = h7_set_row_at(set, i);
        h7_set_recount(set, row);
        rows += h7_load32_relaxed(&row->pid) != 0;
        negatives += h7_load32_relaxed(&row->negative) != 0;
    }
    h7_store32_relaxed(&set->hot->rows, rows);
    h7_store32_relaxed(&set->hot->negatives, negatives);
    h7_sleepers_mend(set->sleepers);
}

int h7_set_mend(struct h7_set *set)
{
    recount(set);
    int r = redo_intent(set);
    if (r == 0)
        r = redo_log(set);
    return r;
}

/* --- the invariants ------------------------------------------------------------------------ */

static int fail(char *why, size_t n, const char *what)
{
    snprintf(why, n, "%s", what);
    return -EBADMSG;
}

static int check_row(const struct h7_set *set, const struct h7_set_row *row, char *why, size_t n)
{
    uint32_t nonzero = 0, negative = 0;
    for (uint32_t i = 0; i < set->plan.n; i++) {
        nonzero += h7_set_adj(row, i) != 0;
        negative += h7_set_adj(row, i) < 0;
    }
    if (nonzero != 0 && h7_load32_relaxed(&row->pid) == 0)
        return fail(why, n, "U3: a free row has something to undo");
    if (nonzero != h7_load32_relaxed(&row->nonzero) ||
        negative != h7_load32_relaxed(&row->negative))
        return fail(why, n, "U3: a row's counts are wrong");
    return 0;
}

static int check_rows(const struct h7_set *set, char *why, size_t n)
{
    uint32_t rows = 0, negatives = 0;
    for (uint32_t i = 0; i < set->plan.rows_max; i++) {
        const struct h7_set_row *row = h7_set_row_at(set, i);
        int r = check_row(set, row, why, n);
        if (r < 0)
            return r;
        rows += h7_load32_relaxed(&row->pid) != 0;
        negatives += h7_load32_relaxed(&row->negative) != 0;
        if (h7_load32_relaxed(&row->pid) != 0 && i >= h7_set_rows_high(set))
            return fail(why, n, "U3: a row beyond those ever used");
    }
    if (rows != h7_load32_relaxed(&set->hot->rows) ||
        negatives != h7_load32_relaxed(&set->hot->negatives))
        return fail(why, n, "U4: the rows don't add up");
    return 0;
}

static int check_values(const struct h7_set *set, char *why, size_t n)
{
    for (uint32_t i = 0; i < set->plan.n; i++) {
        int64_t sum = h7_set_value(set, i);
        if (!h7_set_is_value((int32_t)sum))
            return fail(why, n, "U1: a value that can't be");
        for (uint32_t k = 0; set->plan.flags & H7_SET_HELD && k < h7_set_rows_high(set); k++)
            sum += h7_set_adj(h7_set_row_at(set, k), i);
        if (set->plan.flags & H7_SET_HELD && sum != set->plan.begin)
            return fail(why, n, "U5: what is free and what is held don't add up");
    }
    return 0;
}

static int check_sleepers(const struct h7_set *set, char *why, size_t n)
{
    uint32_t waiting = 0;
    for (int i = 0; i < H7_SLEEPERS; i++)
        waiting += h7_load32_relaxed(&set->sleepers->at[i].state) == H7_SLEEPER_WAITING;
    if (waiting != h7_load32_relaxed(&set->sleepers->n_waiting))
        return fail(why, n, "U4: the sleepers don't add up");
    return 0;
}

int h7_set_check(struct h7_set *set, char *why, size_t n)
{
    int r = h7_set_enter_patiently(set);
    if (r == -EIDRM)
        return 0;
    if (r < 0) {
        snprintf(why, n, "the lock: %d", r);
        return -EBADMSG;
    }
    if (h7_segment_check(&set->seg, set->kind) < 0)
        r = fail(why, n, "segment: the header was changed");
    if (r == 0 && (h7_load64_relaxed(&set->hot->intent) || h7_load32_relaxed(&set->log->count)))
        r = fail(why, n, "U2: something is noted and not carried out");
    if (r == 0)
        r = check_values(set, why, n);
    if (r == 0)
        r = check_rows(set, why, n);
    if (r == 0)
        r = check_sleepers(set, why, n);
    h7_unlock(&set->hot->lock);
    return r;
}
