/* SPDX-License-Identifier: MIT */
/*
 * semaphore/permit.c - the verbs of hepta/sem.h on an open permit
 *
 * Taking and giving are one operation of the set each. The rest of this file is who polls, and who
 * holds.
 */
#include <stddef.h>
#include <string.h>

#include "semaphore/permit_internal.h"

#define AGAIN_MS 30 /* for the lock once more: less than its patience */

static const struct sembuf take_one = {.sem_num = 0, .sem_op = -1, .sem_flg = SEM_UNDO};
static const struct sembuf give_one = {.sem_num = 0, .sem_op = 1, .sem_flg = SEM_UNDO};

int h7_permit_revalidate(struct hepta_permit *p)
{
    int r = h7_endpoint_at_home(p->pidns);
    if (r == 0)
        r = h7_set_know_self(&p->set);
    if (r == 0)
        h7_store64_relaxed(&p->gen, h7_fork_gen());
    return r;
}

/* --- who polls -------------------------------------------------------------------------- */

int h7_permit_raise(struct h7_set *set)
{
    struct hepta_permit *p = (struct hepta_permit *)(void *)((char *)set -
                                                             offsetof(struct hepta_permit, set));
    if (!h7_bell_wanted(&set->shared->bell))
        return 0;
    return h7_bell_ring(&set->shared->bell, p->bell, H7_BELL_FIFO);
}

static int is_polled(const struct hepta_permit *p)
{
    return (h7_load32_relaxed(&p->set.hot->flags) & H7_SET_POLLED) != 0;
}

/* Make the level what it should be, exactly. */
static int set_level(struct hepta_permit *p, int64_t deadline)
{
    struct h7_bell_word *bell = &p->set.shared->bell;
    int r = h7_set_enter(&p->set, deadline);
    if (r < 0)
        return r;
    h7_store32_relaxed(&p->set.hot->flags, H7_SET_POLLED);
    if (h7_set_value(&p->set, 0) > 0) {
        r = h7_bell_ring(bell, p->bell, H7_BELL_FIFO);
    } else {
        h7_bell_announce(bell);
        h7_bell_lower(p->bell, H7_BELL_MAX, H7_BELL_FIFO);
    }
    h7_set_leave(&p->set);
    return r;
}

/* Places that are taken come back with a death, which no bell tells. */
static void rest(struct hepta_permit *p)
{
    h7_level_rest(&p->level, h7_load32_relaxed(&p->set.hot->rows) != 0, 1);
}

int hepta_permit_fd(struct hepta_permit *p)
{
    int r = h7_permit_enter(p);
    if (r < 0)
        return r;
    int fd = h7_level_fd(&p->level, p->obj, p->bell);
    if (fd < 0)
        return fd;
    r = set_level(p, h7_set_patience());
    rest(p);
    return r < 0 ? r : fd;
}

/* --- taking and giving ------------------------------------------------------------------- */

static int take_and_lower(struct hepta_permit *p)
{
    h7_level_drain(&p->level); /* before the look: who dies after it makes another event */
    int r = h7_set_op_known(&p->set, &take_one, 1, HEPTA_NOW);
    if (r == -EAGAIN) {
        if (!h7_bell_wanted(&p->set.shared->bell))
            set_level(p, HEPTA_NOW); /* a stopped process inside: falsely high */
        rest(p);
    }
    return r;
}

int hepta_permit_take(struct hepta_permit *p, int64_t deadline)
{
    int r = h7_permit_enter(p);
    if (h7_unlikely(r == 0 && h7_load64_relaxed(&p->alive.gen) != h7_load64_relaxed(&p->gen)))
        r = h7_alive_begin(&p->alive, p->obj);
    if (h7_unlikely(r < 0))
        return r;
    if (h7_unlikely(deadline == HEPTA_NOW && is_polled(p)))
        return take_and_lower(p);
    return h7_set_op_known(&p->set, &take_one, 1, h7_deadline(deadline));
}

int hepta_permit_give(struct hepta_permit *p)
{
    int r = h7_permit_enter(p);
    if (h7_unlikely(r < 0))
        return r;
    r = h7_set_op_known(&p->set, &give_one, 1, HEPTA_NOW); /* first so: it needs no clock */
    return h7_likely(r != -EAGAIN) ? r : h7_set_op_known(&p->set, &give_one, 1, h7_set_patience());
}

/* --- who holds, who waits ------------------------------------------------------------------ */

static int held_by(const struct h7_set_row *row)
{
    int16_t adj = h7_load32_relaxed(&row->pid) ? h7_set_adj(row, 0) : 0;
    return adj > 0 ? adj : 0;
}

/* Under the lock, with the dead's given back. */
static int enter_to_look(struct hepta_permit *p)
{
    struct h7_set_look look; /* in here they are, and the dead among the sleepers go */
    int r = h7_permit_enter(p);
    if (r == 0)
        r = h7_set_look(&p->set, 0, &look);
    return r < 0 ? r : h7_set_enter(&p->set, hepta_in_ms(AGAIN_MS));
}

int hepta_permit_stat(struct hepta_permit *p, struct hepta_permit_stat *stat)
{
    if (!stat)
        return -EFAULT;
    int r = enter_to_look(p);
    if (r < 0)
        return r;
    const struct h7_set *set = &p->set;
    *stat = (struct hepta_permit_stat){.places = set->plan.begin,
                                       .free = (uint32_t)h7_set_value(set, 0),
                                       .waiters = h7_load32_relaxed(&set->sleepers->n_waiting),
                                       .taken = h7_load64_relaxed(&set->hot->taken),
                                       .given = h7_load64_relaxed(&set->hot->given),
                                       .recovered = h7_load64_relaxed(&set->shared->undone)};
    for (uint32_t i = 0; i < h7_set_rows_high(set); i++)
        stat->holders += held_by(h7_set_row_at(set, i)) > 0;
    h7_set_leave(&p->set);
    return 0;
}

struct listing {
    struct hepta_permit_user *users;
    size_t max;
    int n; /* found so far */
};

static void list(struct listing *l, const struct hepta_permit_user *user)
{
    if ((size_t)l->n < l->max)
        l->users[l->n] = *user;
    l->n++;
}

static void list_holders(const struct h7_set *set, struct listing *l)
{
    for (uint32_t i = 0; i < h7_set_rows_high(set); i++) {
        const struct h7_set_row *row = h7_set_row_at(set, i);
        const struct hepta_permit_user user = {.pid = (pid_t)h7_load32_relaxed(&row->pid),
                                               .places = (uint32_t)held_by(row),
                                               .since_ns = (int64_t)h7_load64_relaxed(&row->since)};
        if (user.places > 0)
            list(l, &user);
    }
}

static void list_waiters(const struct h7_set *set, struct listing *l)
{
    const struct h7_sleepers *t = set->sleepers;
    int i = h7_sleepers_after(t, H7_NO_SLEEPER);
    for (int k = 0; k < H7_SLEEPERS && i >= 0; k++) {
        const struct h7_sleeper *s = &t->at[i];
        const struct hepta_permit_user user = {
            .pid = (pid_t)(uint32_t)h7_load64_relaxed(&s->want[2]),
            .tid = (pid_t)h7_load32_relaxed(&s->tid),
            .places = 1,
            .since_ns = (int64_t)h7_load64_relaxed(&s->own[H7_SET_SINCE])};
        if (h7_load32_relaxed(&s->state) == H7_SLEEPER_WAITING)
            list(l, &user);
        i = h7_sleepers_after(t, i);
    }
}

int hepta_permit_users(struct hepta_permit *p, uint32_t which, struct hepta_permit_user *users,
                       size_t n)
{
    struct listing l = {.users = users, .max = n};
    if (which != HEPTA_PERMIT_HOLD && which != HEPTA_PERMIT_WAIT)
        return -EINVAL;
    if (!users && n > 0)
        return -EFAULT;
    int r = enter_to_look(p);
    if (r < 0)
        return r;
    if (which == HEPTA_PERMIT_HOLD)
        list_holders(&p->set, &l);
    else
        list_waiters(&p->set, &l);
    h7_set_leave(&p->set);
    return l.n;
}
