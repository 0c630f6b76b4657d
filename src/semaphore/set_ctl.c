/* SPDX-License-Identifier: MIT */
/* semaphore/set_ctl.c - looking at a set, and setting values; see semaphore/set.h */
#include <stdlib.h>

#include "semaphore/set_internal.h"

/* With nothing of the dead's left. First the lock alone: a dead holder may have noted what he is to
 * be undone. One deadline for all of it. */
static int enter_to_look(struct h7_set *set)
{
    int r = h7_set_me(set);
    if (r == 0)
        r = h7_set_enter_fast(set, HEPTA_NOW); /* first so: it needs no clock */
    if ((r < 0 && r != -EAGAIN) || (r == 0 && h7_load32_relaxed(&set->hot->rows) == 0))
        return r;
    int64_t end = h7_set_patience();
    if (r == -EAGAIN)
        r = h7_set_enter_fast(set, end);
    if (r < 0)
        return r;
    h7_unlock(&set->hot->lock);
    r = h7_set_bury(set, end);
    return r < 0 ? r : h7_set_enter_fast(set, end);
}

/* --- setting ------------------------------------------------------------------------------ */

static void fill(struct h7_set_change *changes, uint32_t sem, const unsigned short *values,
                 uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        changes[i] = (struct h7_set_change){(uint16_t)(sem + i), (int16_t)values[i], 0};
}

static int set_locked(struct h7_set *set, const struct h7_set_change *changes, uint32_t n)
{
    struct h7_set_calls calls;
    const struct h7_set_commit c = {.changes = changes,
                                    .n = n,
                                    .row = H7_NO_ROW,
                                    .kind = H7_SET_VALUES,
                                    .pid = h7_load32_relaxed(&set->pid),
                                    .but = H7_NO_SLEEPER};
    int r = h7_set_commit(set, &c, &calls);
    if (r == 0)
        h7_store64_relaxed(&set->shared->ctime, (uint64_t)time(NULL));
    h7_set_leave_calls(set, &calls);
    return r;
}

int h7_set_set(struct h7_set *set, uint32_t sem, const unsigned short *values, uint32_t n)
{
    struct h7_set_change one, *changes = &one;
    if (sem >= set->plan.n || n == 0 || n > set->plan.n - sem)
        return -EINVAL;
    for (uint32_t i = 0; i < n; i++)
        if (values[i] > H7_SET_VALUE_MAX)
            return -ERANGE;
    if (n > 1)
        changes = malloc(n * sizeof *changes);
    if (!changes)
        return -ENOMEM;
    fill(changes, sem, values, n);
    int r = enter_to_look(set); /* the dead's come before */
    if (r == 0)
        r = set_locked(set, changes, n);
    if (changes != &one)
        free(changes);
    return r;
}

/* --- looking ------------------------------------------------------------------------------ */

int h7_set_get_all(struct h7_set *set, unsigned short *values)
{
    int r = enter_to_look(set);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < set->plan.n; i++)
        values[i] = (unsigned short)h7_set_value(set, i);
    h7_unlock(&set->hot->lock);
    return 0;
}

/* Called, and about to proceed? */
static int is_on_his_way(const struct h7_set *set, const struct h7_sleeper *s, uint32_t sem)
{
    int64_t want = (int64_t)h7_load64_relaxed(&s->want[1]);
    int exactly = (h7_load64_relaxed(&s->want[0]) & H7_SET_WANTS_EXACTLY) != 0;
    int32_t value = h7_set_value(set, sem);
    if (h7_load32_relaxed(&s->state) == H7_SLEEPER_WAITING)
        return 0;
    return h7_load64_relaxed(&s->own[H7_SET_GRANTED]) || (exactly ? value == want : value >= want);
}

/* Those who wait for this semaphore; the dead leave the table. */
static void count_waiting(struct h7_set *set, uint32_t sem, struct h7_set_look *look)
{
    struct h7_sleepers *t = set->sleepers;
    int next = h7_sleepers_after(t, H7_NO_SLEEPER);
    for (int k = 0; k < H7_SLEEPERS && next >= 0; k++) {
        int i = next;
        next = h7_sleepers_after(t, i);
        uint64_t want = h7_load64_relaxed(&t->at[i].want[0]);
        if ((want & 0xffff) != sem || is_on_his_way(set, &t->at[i], sem))
            continue;
        if (h7_sleepers_dead(t, i))
            h7_sleepers_leave(t, &i);
        else if (want & H7_SET_WANTS_EXACTLY)
            look->n_zero++;
        else
            look->n_more++;
    }
}

int h7_set_look(struct h7_set *set, uint32_t sem, struct h7_set_look *look)
{
    if (sem >= set->plan.n)
        return -EINVAL;
    int r = enter_to_look(set);
    if (r < 0)
        return r;
    *look = (struct h7_set_look){.value = h7_set_value(set, sem),
                                 .pid = (pid_t)h7_load32_relaxed(&set->hot->sem[sem].pid)};
    if (h7_set_is_value(look->value) && look->pid >= 0)
        count_waiting(set, sem, look);
    else
        r = -EBADMSG;
    h7_unlock(&set->hot->lock);
    return r;
}
