/* SPDX-License-Identifier: MIT */
/*
 * semaphore/semset.c - get and op of hepta/semset.h
 *
 * Check the arguments, find the set (h7_semset_enter()), ask for permission, then semaphore/set.h.
 * Nothing here makes a system call while the operations can proceed.
 */
#define _GNU_SOURCE
#include "base/clock.h"
#include "prim/endpoint.h"
#include "semaphore/semset_internal.h"

static int check_options(struct hepta_semset_options *o, const struct hepta_semset_options *opt)
{
    int r = h7_endpoint_options(o, sizeof *o, opt);
    if (r == 0)
        r = h7_endpoint_ways(o->wait, o->spin_ns);
    if (r == 0 && o->undoers_max > HEPTA_SEMSET_UNDOERS_MAX)
        r = -EINVAL;
    if (o->undoers_max == 0)
        o->undoers_max = HEPTA_SEMSET_UNDOERS_DEFAULT;
    return r;
}

int hepta_semset_get(key_t key, int n, int flags, const struct hepta_semset_options *opt)
{
    struct hepta_semset_options o;
    int r = check_options(&o, opt);
    if (r < 0)
        return r;
    if (n < 0 || n > (int)HEPTA_SEMSET_SEMS_MAX)
        return -EINVAL;
    const struct h7_semset_wish wish = {.n = (uint32_t)n, .undoers_max = o.undoers_max};
    const struct h7_sysv_ways ways = {.wait = o.wait, .spin_ns = o.spin_ns};
    const struct h7_sysv_asked asked = {
        .key = key, .flags = flags, .ways = opt ? &ways : NULL, .arg = &wish};
    return h7_sysv_get(&h7_semset_family, &asked);
}

/* Which permission the array needs, or -EFBIG. */
static int needs(const struct h7_semset *s, const struct sembuf *ops, size_t n)
{
    int alters = 0;
    for (size_t i = 0; i < n; i++) {
        if (ops[i].sem_num >= s->set.plan.n)
            return -EFBIG;
        alters |= ops[i].sem_op != 0;
    }
    return alters ? (int)H7_SYSV_WRITE : (int)H7_SYSV_READ;
}

int hepta_semset_op(int id, const struct sembuf *ops, size_t n, int64_t deadline)
{
    struct h7_semset *s;
    if (h7_unlikely(n == 0 || n > HEPTA_SEMSET_OPS_MAX))
        return n == 0 ? -EINVAL : -E2BIG;
    if (h7_unlikely(!ops))
        return -EFAULT;
    int r = h7_semset_enter(id, &s);
    if (h7_unlikely(r < 0))
        return r;
    r = needs(s, ops, n);
    if (h7_likely(r > 0))
        r = h7_sysv_may(&s->entry, (uint32_t)r);
    if (h7_likely(r == 0))
        r = h7_set_op(&s->set, ops, n, h7_deadline(deadline));
    return h7_semset_leave_with(s, r);
}

int hepta_semset_detach(int id)
{
    return h7_sysv_detach(&h7_semset_table, id);
}
