/* SPDX-License-Identifier: MIT */
/*
 * queue/posix_open.c - opening, making, unlinking, closing a POSIX queue
 *
 * Start at hepta_mq_open(): what is there is opened first; only if nothing has the name, and
 * HEPTA_MQ_CREATE allows it, one is made; if another process is faster, its is opened.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/sys.h"
#include "name/name.h"
#include "prim/life.h"
#include "queue/posix_internal.h"

#define TRIES 1000 /* between a name that is unlinked and one that is made, again and again */

struct opening {
    struct hepta_mq *mq;
    const struct hepta_mq_options *opt;
    int ask; /* for permission: not the maker */
};

/* --- options ------------------------------------------------------------------------- */

static int default_to(uint32_t *v, uint32_t if_zero, uint32_t max)
{
    if (*v == 0)
        *v = if_zero;
    return *v <= max ? 0 : -EINVAL;
}

/* Cells of a full-sized message each, where the budget is enough for them. */
static int make_plan(const struct hepta_mq_options *o, struct h7_store_plan *plan)
{
    uint64_t cells = (uint64_t)o->msgs_max * o->msg_max, budget = o->budget;
    if (budget == 0) {
        budget = cells < HEPTA_MQ_BUDGET_DEFAULT ? cells : HEPTA_MQ_BUDGET_DEFAULT;
        if (budget < o->msg_max)
            budget = o->msg_max;
    }
    if (budget < o->msg_max || budget > HEPTA_MQ_BUDGET_MAX)
        return -EINVAL;
    uint32_t flags = cells <= budget ? H7_PLAN_CELLS : 0;
    return h7_store_plan(plan, o->msgs_max, o->msg_max, flags, budget) ? 0 : -ENOSPC;
}

static int check_options(struct hepta_mq_options *o, const struct hepta_mq_options *opt,
                         struct h7_store_plan *plan)
{
    int r = h7_endpoint_options(o, sizeof *o, opt);
    if (r == 0)
        r = h7_endpoint_ways(o->wait, o->spin_ns);
    if (r == 0 && o->reserved)
        r = -E2BIG;
    if (r == 0)
        r = default_to(&o->msgs_max, HEPTA_MQ_MSGS_DEFAULT, HEPTA_MQ_MSGS_MAX);
    if (r == 0)
        r = default_to(&o->msg_max, HEPTA_MQ_MSG_DEFAULT, HEPTA_MQ_MSG_MAX);
    return r == 0 ? make_plan(o, plan) : r;
}

static int check_flags(uint32_t flags, mode_t mode)
{
    const uint32_t all = HEPTA_MQ_READ | HEPTA_MQ_WRITE | HEPTA_MQ_CREATE | HEPTA_MQ_EXCL |
                         HEPTA_MQ_NONBLOCK;
    if (flags & ~all || !(flags & (HEPTA_MQ_READ | HEPTA_MQ_WRITE)))
        return -EINVAL;
    return flags & HEPTA_MQ_CREATE && mode & ~(mode_t)0777 ? -EINVAL : 0;
}

/* --- opening ------------------------------------------------------------------------- */

static int access_flags(uint32_t access)
{
    return access == (HEPTA_MQ_READ | HEPTA_MQ_WRITE) ? O_RDWR
           : access == HEPTA_MQ_READ                  ? O_RDONLY
                                                      : O_WRONLY;
}

static int open_object(int obj, void *arg)
{
    struct opening *o = arg;
    struct hepta_mq *mq = o->mq;
    int r = o->ask ? h7_name_ask(obj, H7_MQ_PART_MODE, access_flags(mq->access)) : 0;
    if (r < 0)
        return r;
    r = h7_store_attach(&mq->store, obj, H7_KIND_MQ, o->opt->wait, o->opt->spin_ns);
    if (r < 0)
        return r;
    if (mq->store.plan.n_slots > HEPTA_MQ_MSGS_MAX ||
        mq->store.plan.msg_max > HEPTA_MQ_MSG_MAX) {
        h7_store_detach(&mq->store);
        return -EBADMSG;
    }
    return 0;
}

/* --- making -------------------------------------------------------------------------- */

/* Attached before it has its name: what fails, leaves none. */
static int make(struct opening *o, const char *name, mode_t mode,
                const struct h7_store_plan *plan)
{
    struct h7_draft draft;
    const struct h7_mq_shared room = {.registered = {0}};
    int r = h7_draft_begin(&draft);
    int got = r < 0 ? r : h7_draft_mode(draft.fd, H7_MQ_PART_MODE, mode);
    /* Its owner always: `mode` is what forbids, and the maker opens it whatever that says. */
    r = got < 0 ? got
                : h7_store_make(draft.fd, H7_KIND_MQ, 0600 | h7_name_mode_for_all((mode_t)got, 06),
                                plan, UINT64_MAX, &room, sizeof room);
    o->ask = 0;
    if (r == 0)
        r = open_object(draft.fd, o);
    if (r == -ESTALE) /* a part of what nobody else sees */
        r = -EBADMSG;
    if (r == 0) {
        r = h7_draft_publish(&draft, H7_MQ_KIND, name,
                             0700 | h7_name_mode_for_all((mode_t)got, 05));
        if (r < 0)
            h7_store_detach(&o->mq->store);
    }
    h7_draft_end(&draft);
    return r;
}

static int open_or_make(struct opening *o, const char *name, uint32_t flags, mode_t mode,
                        const struct h7_store_plan *plan)
{
    for (int i = 0; i < TRIES; i++) {
        int excl = flags & HEPTA_MQ_EXCL && flags & HEPTA_MQ_CREATE;
        o->ask = 1;
        int r = excl ? -ENOENT : h7_name_attach(H7_MQ_KIND, name, open_object, o);
        if (r != -ENOENT || !(flags & HEPTA_MQ_CREATE))
            return r;
        r = make(o, name, mode, plan);
        if (r != -EEXIST || excl)
            return r;
    }
    return -EBADMSG;
}

static uint32_t new_number(void)
{
    static struct h7_a64 last;
    return (uint32_t)h7_add64_relaxed(&last, 1) + 1;
}

static int open_named(struct hepta_mq *mq, const char *name, uint32_t flags, mode_t mode,
                      const struct hepta_mq_options *opt, const struct h7_store_plan *plan)
{
    struct opening o = {.mq = mq, .opt = opt, .ask = 1};
    int r = h7_life_know_self();
    if (r == 0)
        r = open_or_make(&o, name, flags, mode, plan);
    if (r < 0)
        return r;
    struct h7_mq_shared *sh = h7_store_room(&mq->store);
    mq->store.number = new_number();
    mq->store.notify = h7_mq_tell;
    mq->store.notify_wanted = &sh->registered;
    mq->pidns = h7_self_pidns();
    h7_store64_relaxed(&mq->gen, h7_fork_gen());
    return 0;
}

int hepta_mq_open(struct hepta_mq **mq, const char *name, uint32_t flags, mode_t mode,
                  const struct hepta_mq_options *opt)
{
    struct hepta_mq_options o;
    struct h7_store_plan plan;
    if (!mq)
        return -EFAULT;
    *mq = NULL;
    int r = h7_name_check(name);
    if (r == 0)
        r = check_flags(flags, mode);
    if (r == 0)
        r = check_options(&o, opt, &plan);
    if (r == 0 && !h7_self())
        r = h7_self_fill();
    if (r < 0)
        return r;
    struct hepta_mq *m = h7_handle_new(sizeof *m);
    if (!m)
        return -ENOMEM;
    m->kernel_queue = -1;
    m->access = flags & (HEPTA_MQ_READ | HEPTA_MQ_WRITE);
    h7_store32_relaxed(&m->flags, flags & HEPTA_MQ_NONBLOCK);
    r = open_named(m, name, flags, mode, &o, &plan);
    if (r < 0) {
        h7_handle_free(m, sizeof *m);
        return r;
    }
    h7_store32_release(&m->handle.kind, H7_KIND_MQ);
    *mq = m;
    return 0;
}

static int clean_object(int obj, void *arg)
{
    struct h7_store st;
    (void)arg;
    if (h7_store_attach(&st, obj, H7_KIND_MQ, 0, 0) == 0) {
        h7_mq_clean_notify(&st);
        h7_store_detach(&st);
    }
    return 0;
}

int hepta_mq_unlink(const char *name)
{
    int r = h7_name_check(name);
    if (r < 0)
        return r;
    h7_name_attach(H7_MQ_KIND, name, clean_object, NULL); /* as far as this user can */
    return h7_name_unlink(H7_MQ_KIND, name);
}

/* --- closing ------------------------------------------------------------------------- */

struct hepta_mq *hepta_mq_close(struct hepta_mq *mq)
{
    uint32_t open = H7_KIND_MQ;
    if (!mq || !h7_cas32_acquire(&mq->handle.kind, &open, 0))
        return NULL; /* closed already: leave alone */
    int at_home = h7_load64_relaxed(&mq->gen) == h7_fork_gen() || h7_mq_revalidate(mq) == 0;
    if (at_home)
        h7_store_let_go(&mq->store); /* who is stopped inside a verb keeps it until we die */
    h7_mq_end_notify(mq, at_home);
    h7_mq_drop_copies(mq);
    h7_store_detach(&mq->store);
    h7_handle_free(mq, sizeof *mq);
    return NULL;
}
