/* SPDX-License-Identifier: MIT */
/*
 * queue/posix.c - the verbs of hepta/mq.h on an open queue
 *
 * They check their arguments, then call the store (queue/store.h). Its keys are received lowest
 * first: a message's is HEPTA_MQ_PRIO_MAX - priority.
 */
#include <stdlib.h>
#include <string.h>

#include "queue/posix_internal.h"

/* A peeked message that lies in pieces, in one. */
struct h7_mq_copy {
    struct h7_mq_copy *next;
    uint64_t lease;
    char bytes[];
};

int h7_mq_revalidate(struct hepta_mq *mq)
{
    int r = h7_endpoint_at_home(mq->pidns);
    if (r == 0)
        h7_store64_relaxed(&mq->gen, h7_fork_gen());
    return r;
}

static int64_t deadline_of(const struct hepta_mq *mq, int64_t deadline)
{
    return h7_load32_relaxed(&mq->flags) & HEPTA_MQ_NONBLOCK ? HEPTA_NOW : h7_deadline(deadline);
}

/* --- sending and receiving ------------------------------------------------------------ */

int hepta_mq_send(struct hepta_mq *mq, const void *msg, size_t len, uint32_t prio,
                  int64_t deadline)
{
    int r = h7_mq_enter(mq, HEPTA_MQ_WRITE);
    if (h7_unlikely(r < 0))
        return r;
    if (h7_unlikely(prio > HEPTA_MQ_PRIO_MAX))
        return -EINVAL;
    if (h7_unlikely(len > mq->store.plan.msg_max))
        return -EMSGSIZE;
    if (h7_unlikely(!msg && len > 0))
        return -EFAULT;
    return h7_store_send(&mq->store, HEPTA_MQ_PRIO_MAX - prio, msg, len, deadline_of(mq, deadline));
}

static ssize_t take(struct hepta_mq *mq, struct h7_take *t, int64_t deadline)
{
    t->pick = H7_PICK_FIRST;
    return h7_store_take(&mq->store, t, deadline_of(mq, deadline));
}

static int receive_args(struct hepta_mq *mq, const void *buf, size_t len)
{
    int r = h7_mq_enter(mq, HEPTA_MQ_READ);
    if (h7_unlikely(r < 0))
        return r;
    if (h7_unlikely(len < mq->store.plan.msg_max))
        return -EMSGSIZE;
    return h7_likely(buf != NULL) ? 0 : -EFAULT;
}

static uint32_t prio_of(const struct h7_take *t)
{
    return HEPTA_MQ_PRIO_MAX - (uint32_t)t->got_key;
}

ssize_t hepta_mq_receive(struct hepta_mq *mq, void *buf, size_t len, uint32_t *prio,
                         int64_t deadline)
{
    struct h7_take t = {.buf = buf, .len = len};
    int r = receive_args(mq, buf, len);
    if (h7_unlikely(r < 0))
        return r;
    ssize_t n = take(mq, &t, deadline);
    if (n >= 0 && prio)
        *prio = prio_of(&t);
    return n;
}

static void tell(struct hepta_mq_info *info, const struct h7_take *t)
{
    *info = (struct hepta_mq_info){.lease = t->lease,
                                   .prio = prio_of(t),
                                   .deliveries = t->deliveries,
                                   .len = t->full_len,
                                   .seq = t->seq};
}

ssize_t hepta_mq_lease(struct hepta_mq *mq, void *buf, size_t len, struct hepta_mq_info *info,
                       int64_t deadline)
{
    struct h7_take t = {.buf = buf, .len = len, .flags = H7_TAKE_LEASE};
    int r = receive_args(mq, buf, len);
    if (h7_likely(r == 0) && !info)
        r = -EFAULT;
    if (h7_unlikely(r < 0))
        return r;
    ssize_t n = take(mq, &t, deadline);
    if (n >= 0)
        tell(info, &t);
    return n;
}

ssize_t hepta_mq_look(struct hepta_mq *mq, void *buf, size_t len, struct hepta_mq_info *info,
                      int64_t deadline)
{
    struct h7_take t = {.buf = buf, .len = len, .flags = H7_TAKE_LOOK};
    int r = h7_mq_enter(mq, HEPTA_MQ_READ);
    if (h7_likely(r == 0))
        r = h7_endpoint_buffer(buf, len);
    if (h7_unlikely(r < 0))
        return r;
    ssize_t n = take(mq, &t, deadline);
    if (n >= 0 && info)
        tell(info, &t);
    return n;
}

/* --- peeks ---------------------------------------------------------------------------- */

static void drop_copy(struct hepta_mq *mq, uint64_t lease)
{
    struct h7_mq_copy *found = NULL;
    if (h7_likely(!mq->copies))
        return;
    h7_mutex_enter(&mq->guard);
    for (struct h7_mq_copy **at = &mq->copies; *at && !found; )
        if ((*at)->lease == lease) {
            found = *at;
            *at = found->next;
        } else {
            at = &(*at)->next;
        }
    h7_mutex_unlock(&mq->guard);
    free(found);
}

void h7_mq_drop_copies(struct hepta_mq *mq)
{
    while (mq->copies) { /* the handle is closed: nobody else is here */
        struct h7_mq_copy *next = mq->copies->next;
        free(mq->copies);
        mq->copies = next;
    }
}

static int make_whole(struct hepta_mq *mq, struct h7_take *t)
{
    struct h7_mq_copy *copy = malloc(sizeof *copy + t->full_len);
    int r = copy ? h7_store_gather(&mq->store, t->lease, copy->bytes, t->full_len) : -ENOMEM;
    if (r < 0) {
        free(copy);
        h7_store_give_back(&mq->store, t->lease);
        return h7_claims_still(r);
    }
    copy->lease = t->lease;
    h7_mutex_enter(&mq->guard);
    copy->next = mq->copies;
    mq->copies = copy;
    h7_mutex_unlock(&mq->guard);
    t->ptr = copy->bytes;
    return 0;
}

ssize_t hepta_mq_peek(struct hepta_mq *mq, const void **ptr, struct hepta_mq_info *info,
                      int64_t deadline)
{
    struct h7_take t = {.flags = H7_TAKE_PEEK};
    int r = h7_mq_enter(mq, HEPTA_MQ_READ);
    if (h7_unlikely(r < 0))
        return r;
    if (!ptr || !info)
        return -EFAULT;
    ssize_t n = take(mq, &t, deadline);
    if (n < 0)
        return n;
    r = t.ptr ? 0 : make_whole(mq, &t);
    if (r < 0)
        return r;
    tell(info, &t);
    *ptr = t.ptr;
    return (ssize_t)t.full_len;
}

int hepta_mq_ack(struct hepta_mq *mq, uint64_t lease)
{
    int r = h7_mq_enter(mq, HEPTA_MQ_READ);
    if (r == 0)
        r = h7_store_ack(&mq->store, lease);
    if (r == 0)
        drop_copy(mq, lease);
    return r;
}

int hepta_mq_give_back(struct hepta_mq *mq, uint64_t lease)
{
    int r = h7_mq_enter(mq, HEPTA_MQ_READ);
    if (r == 0)
        r = h7_store_give_back(&mq->store, lease);
    if (r == 0)
        drop_copy(mq, lease);
    return r;
}

/* --- reservations --------------------------------------------------------------------- */

int hepta_mq_reserve(struct hepta_mq *mq, size_t len, void **ptr, int64_t deadline)
{
    uint32_t slot;
    int r = h7_mq_enter(mq, HEPTA_MQ_WRITE);
    if (r < 0)
        return r;
    if (len > mq->store.plan.msg_max)
        return -EMSGSIZE;
    return ptr ? h7_store_reserve(&mq->store, len, &slot, ptr, deadline_of(mq, deadline))
               : -EFAULT;
}

int hepta_mq_commit(struct hepta_mq *mq, void *ptr, size_t len, uint32_t prio)
{
    uint32_t slot;
    int r = h7_mq_enter(mq, HEPTA_MQ_WRITE);
    if (r < 0)
        return r;
    if (prio > HEPTA_MQ_PRIO_MAX)
        return -EINVAL;
    r = h7_store_reserved_at(&mq->store, ptr, &slot);
    return r < 0 ? r : h7_store_commit(&mq->store, slot, HEPTA_MQ_PRIO_MAX - prio, len);
}

int hepta_mq_cancel(struct hepta_mq *mq, void *ptr)
{
    uint32_t slot;
    int r = h7_mq_enter(mq, HEPTA_MQ_WRITE);
    if (r < 0)
        return r;
    r = h7_store_reserved_at(&mq->store, ptr, &slot);
    return r < 0 ? r : h7_store_cancel(&mq->store, slot);
}

/* --- attributes, descriptor, counters ---------------------------------------------------- */

static void get_attr(struct hepta_mq *mq, struct hepta_mq_attr *attr)
{
    const struct h7_store_plan *plan = &mq->store.plan;
    uint64_t msgs = h7_store_available(&mq->store);
    *attr = (struct hepta_mq_attr){.flags = h7_load32_relaxed(&mq->flags),
                                   .msgs_max = plan->n_slots,
                                   .msg_max = plan->msg_max,
                                   .msgs = (uint32_t)(msgs < plan->n_slots ? msgs : plan->n_slots)};
}

int hepta_mq_getattr(struct hepta_mq *mq, struct hepta_mq_attr *attr)
{
    int r = h7_mq_enter(mq, 0);
    if (r < 0)
        return r;
    if (!attr)
        return -EFAULT;
    h7_store_bury(&mq->store, HEPTA_NOW); /* what the dead had leased is there again */
    get_attr(mq, attr);
    return 0;
}

int hepta_mq_setattr(struct hepta_mq *mq, const struct hepta_mq_attr *now,
                     struct hepta_mq_attr *old)
{
    int r = h7_mq_enter(mq, 0);
    if (r < 0)
        return r;
    if (now && now->flags & ~HEPTA_MQ_NONBLOCK)
        return -EINVAL;
    if (old)
        get_attr(mq, old);
    if (now)
        h7_store32_relaxed(&mq->flags, now->flags);
    return 0;
}

int hepta_mq_fd(struct hepta_mq *mq, uint32_t access)
{
    int r = h7_mq_enter(mq, 0);
    if (r < 0)
        return r;
    if (access != HEPTA_MQ_READ && access != HEPTA_MQ_WRITE)
        return -EINVAL;
    if (!(mq->access & access))
        return -EBADF;
    return h7_store_fd(&mq->store, access == HEPTA_MQ_READ ? H7_P : H7_C);
}

static uint64_t budget_of(const struct h7_store_plan *plan)
{
    return plan->flags & H7_PLAN_CELLS ? (uint64_t)plan->n_slots * plan->msg_max
                                       : plan->n_blocks * plan->block_len;
}

static void count(struct hepta_mq *mq, struct hepta_mq_stat *st)
{
    const struct h7_store *store = &mq->store;
    const struct h7_store_shared *sh = store->shared;
    *st = (struct hepta_mq_stat){
        .msgs_max = store->plan.n_slots,
        .msg_max = store->plan.msg_max,
        .budget = budget_of(&store->plan),
        .bytes = h7_store_bytes(store),
        .msgs = (uint32_t)h7_store_available(store),
        .leased = h7_load32_relaxed(&sh->side[H7_C].claims),
        .reserved = h7_load32_relaxed(&sh->side[H7_P].claims),
        .notify_pid = (uint32_t)h7_mq_notify_pid(store),
        .sent = h7_store_sent(store),
        .received = h7_load64_relaxed(&sh->side[H7_C].gone),
        .returned = h7_load64_relaxed(&sh->side[H7_C].returned),
    };
    for (int side = 0; side < 2; side++) {
        const struct h7_sleepers *t = &sh->sleepers[side];
        st->waiting[side] = h7_load32_relaxed(&t->n_waiting);
        st->sleeps[side] = h7_load64_relaxed(&t->n_sleeps);
        st->wakes[side] = h7_load64_relaxed(&t->n_wakes);
        st->recoveries += h7_load32_relaxed(&sh->side[side].recoveries);
    }
}

int hepta_mq_stat(struct hepta_mq *mq, struct hepta_mq_stat *st, size_t st_size)
{
    struct hepta_mq_stat ours;
    int r = h7_mq_enter(mq, 0);
    if (r < 0)
        return r;
    if (!st)
        return -EFAULT;
    if (st_size == 0)
        return -EINVAL;
    r = h7_store_enter_both(&mq->store, h7_store_patience());
    if (r < 0)
        return r;
    r = h7_claims_bury(&mq->store); /* mended by now: before, a lease may not have been listed */
    count(mq, &ours);
    h7_store_leave_both(&mq->store);
    if (r < 0)
        return r;
    memset(st, 0, st_size);
    memcpy(st, &ours, st_size < sizeof ours ? st_size : sizeof ours);
    return 0;
}
