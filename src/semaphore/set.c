/* SPDX-License-Identifier: MIT */
/*
 * semaphore/set.c - making, attaching, the lock; see semaphore/set.h
 *
 * Reading order: plan and layout; make, attach; enter. What a holder that died leaves is mended
 * in set_mend.c.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/sys.h"
#include "name/name.h"
#include "semaphore/set_internal.h"

#define ROUNDS 1000 /* of mending, for one who wants to enter */

/* --- where things lie --------------------------------------------------------------- */

struct layout {
    uint64_t log, rows, row_len, end;
};

static uint64_t up_to(uint64_t n, uint64_t unit)
{
    return (n + unit - 1) / unit * unit;
}

static uint32_t log_max(const struct h7_set_plan *p)
{
    return p->n > H7_SET_OPS_MAX ? p->n : H7_SET_OPS_MAX;
}

static void lay_out(const struct h7_set_plan *p, struct layout *l)
{
    l->log = up_to(sizeof(struct h7_set_hot) + (uint64_t)p->n * sizeof(struct h7_set_sem),
                   H7_APART);
    l->rows = up_to(l->log + sizeof(struct h7_set_log) + log_max(p) * sizeof(struct h7_a64),
                    H7_APART);
    l->row_len = up_to(sizeof(struct h7_set_row) + (uint64_t)p->n * sizeof(struct h7_a16),
                       H7_CACHE_LINE);
    l->end = l->rows + p->rows_max * l->row_len;
}

static int is_possible(const struct h7_set_plan *p)
{
    return p->n > 0 && p->n <= H7_SET_SEMS_MAX && p->rows_max > 0 &&
           p->rows_max <= H7_SET_ROWS_MAX && !(p->flags & ~(H7_SET_HELD | H7_SET_TIMES)) &&
           p->begin <= H7_SET_VALUE_MAX;
}

uint64_t h7_set_plan(struct h7_set_plan *p, uint32_t n, uint32_t rows_max, uint32_t flags,
                     uint32_t begin)
{
    struct layout l;
    *p = (struct h7_set_plan){.n = n, .rows_max = rows_max, .flags = flags, .begin = begin};
    if (!is_possible(p))
        return 0;
    lay_out(p, &l);
    return l.end;
}

uint64_t h7_set_rows_at(const struct h7_set_plan *p, uint64_t *row_len)
{
    struct layout l;
    if (!is_possible(p))
        return 0;
    lay_out(p, &l);
    *row_len = l.row_len;
    return l.rows;
}

static void view(struct h7_set *set)
{
    struct layout l;
    char *d = set->seg.data;
    lay_out(&set->plan, &l);
    set->hot = (struct h7_set_hot *)(void *)d;
    set->log = (struct h7_set_log *)(void *)(d + l.log);
    set->rows = d + l.rows;
    set->row_len = (uint32_t)l.row_len;
    set->sleepers = &set->shared->sleepers;
}

/* --- making ------------------------------------------------------------------------- */

int h7_set_make(int dir, uint32_t kind, mode_t mode, const struct h7_set_plan *plan,
                const void *room, size_t room_len)
{
    struct layout l;
    struct h7_set set = {.plan = *plan};
    lay_out(plan, &l);
    const struct h7_segment_spec spec = {
        .kind = kind, .control_len = sizeof(struct h7_set_shared), .data_len = l.end};
    int r = room_len > H7_SET_ROOM ? -EINVAL : h7_segment_new_in(&set.seg, &spec, dir, 0600);
    if (r < 0)
        return r;
    set.shared = h7_segment_control(&set.seg);
    set.shared->plan = *plan;
    h7_bell_announce(&set.shared->bell);
    memcpy(set.shared->room, room, room_len);
    view(&set);
    for (uint32_t i = 0; i < plan->n; i++)
        h7_store32_relaxed(&set.hot->sem[i].value, plan->begin); /* published below */
    r = h7_sys_fchmod(set.seg.fd, mode);
    if (r == 0)
        r = h7_segment_publish(&set.seg, dir, H7_SET_DATA);
    h7_segment_close(&set.seg);
    return r;
}

/* --- attaching ---------------------------------------------------------------------- */

static int attach_data(struct h7_set *set, int obj, uint32_t kind)
{
    struct layout l;
    const struct h7_segment_spec spec = {.kind = kind, .control_len = sizeof(struct h7_set_shared)};
    int fd = h7_name_part(obj, H7_SET_DATA, O_RDWR, S_IFREG);
    int r = fd < 0 ? fd : h7_segment_attach(&set->seg, fd, &spec, 0);
    if (r < 0) {
        if (fd >= 0)
            h7_sys_close(fd);
        return r;
    }
    set->shared = h7_segment_control(&set->seg);
    memcpy(&set->plan, &set->shared->plan, sizeof set->plan); /* once; checked, and then ours */
    if (!is_possible(&set->plan))
        return -EBADMSG;
    lay_out(&set->plan, &l);
    if (l.end > set->seg.data_len)
        return -EBADMSG;
    view(set);
    return 0;
}

int h7_set_attach(struct h7_set *set, int obj, uint32_t kind, uint32_t wait, uint32_t spin_ns)
{
    *set = (struct h7_set){.kind = kind, .seg = {.fd = -1}};
    int r = attach_data(set, obj, kind);
    if (r == 0)
        r = h7_set_know_self(set);
    if (r < 0)
        h7_set_detach(set);
    else
        h7_waiter_init(&set->waiter, wait, spin_ns);
    return r;
}

void h7_set_detach(struct h7_set *set)
{
    if (set->seg.base)
        h7_segment_close(&set->seg);
    set->seg.base = NULL;
}

int h7_set_know_self(struct h7_set *set)
{
    struct h7_life me;
    int r = h7_self() ? 0 : h7_self_fill();
    uint64_t gen = h7_fork_gen();
    if (r == 0)
        r = h7_life_self(&me);
    if (r < 0)
        return r == -ESRCH ? -ENOSYS : r;
    h7_store32_relaxed(&set->pid, me.pid);
    h7_store64_relaxed(&set->mark, me.mark);
    h7_store64_release(&set->gen, gen); /* with h7_set_me() */
    return 0;
}

/* --- the lock ----------------------------------------------------------------------- */

/* The last holder died inside. That stays written until it is mended, whoever dies meanwhile. */
static int note_death(struct h7_set *set, int r)
{
    if (r != -EOWNERDEAD)
        return r;
    h7_store32_relaxed(&set->hot->flags, h7_load32_relaxed(&set->hot->flags) | H7_SET_DIRTY);
    h7_add32(&set->shared->recoveries, 1);
    return 0;
}

/* A permit is never removed, only its name: somebody has written that. */
static int removed(const struct h7_set *set)
{
    return set->kind == H7_KIND_PERMIT ? -EBADMSG : -EIDRM;
}

/* Under the lock, which is given back, and not taken again in here: a peer could make it look dirty
 * each time. All are called, so nobody has to be called instead of one that is dead. */
static int mend(struct h7_set *set)
{
    struct h7_set_calls calls = {.n = 0};
    int r = h7_set_mend(set);
    if (r == 0 && set->raise && h7_load32_relaxed(&set->hot->flags) & H7_SET_POLLED)
        r = set->raise(set); /* he may have rung, or lowered it, by half: prim/bell.h, W1, W3 */
    if (r == 0) {
        h7_set_call_everybody(set, H7_NO_SLEEPER, &calls);
        h7_set_grant(set, &calls);
        uint32_t flags = h7_load32_relaxed(&set->hot->flags);
        h7_store32_relaxed(&set->hot->flags, flags & (H7_SET_REMOVED | H7_SET_POLLED));
    }
    h7_set_leave_to_all(set, &calls);
    return r;
}

/* Each round begins with another's death, or with what a peer wrote, who can't keep us here: when
 * the time is up, or with a bound. */
int h7_set_enter_slow(struct h7_set *set, int r, int64_t deadline)
{
    int64_t end = 0;
    for (int i = 0; i < ROUNDS; i++) {
        r = note_death(set, r);
        if (r < 0)
            return r;
        uint32_t flags = h7_load32_relaxed(&set->hot->flags);
        if (!(flags & ~(H7_SET_REMOVED | H7_SET_POLLED))) {
            if (!(flags & H7_SET_REMOVED))
                return 0;
            h7_unlock(&set->hot->lock);
            return removed(set);
        }
        r = mend(set);
        if (r < 0)
            return r;
        if (i == 1)
            end = deadline < 0 || deadline == HEPTA_NOW ? hepta_in_ns(H7_LOCK_GRACE_NS) : deadline;
        else if (i > 1 && hepta_now_ns() > end)
            return h7_expired(deadline);
        r = h7_lock(&set->hot->lock, deadline);
    }
    return -EBADMSG;
}

int h7_set_enter(struct h7_set *set, int64_t deadline)
{
    return h7_set_enter_fast(set, deadline);
}

void h7_set_leave(struct h7_set *set)
{
    h7_unlock(&set->hot->lock);
}

void h7_set_remove_locked(struct h7_set *set, struct h7_set_calls *calls)
{
    h7_set_call_everybody(set, H7_NO_SLEEPER, calls);
    /* Linearization point of IPC_RMID. Release: spinners look without the lock. */
    h7_store32_release(&set->hot->flags, H7_SET_REMOVED);
}

int h7_set_remove(struct h7_set *set)
{
    struct h7_set_calls calls;
    int r = h7_set_enter_patiently(set);
    if (r < 0)
        return r;
    h7_set_remove_locked(set, &calls);
    h7_set_leave_calls(set, &calls);
    return 0;
}
