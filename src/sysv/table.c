/* SPDX-License-Identifier: MIT */
/*
 * sysv/table.c - from an id to its object in this process
 *
 * A verb comes in with a look at one bucket and one compare-and-swap, and leaves with one
 * addition: while it is inside, nothing is unmapped under it. Entries stay in their bucket for
 * ever and are used again, so the list needs no lock to be walked; the lock is for who puts
 * an object into the table, which happens once per process and object. System calls are made
 * outside it.
 *
 * After a fork the counts are the parent's: its other threads aren't here. The first verb in the
 * child sets them right, under the lock and before any other verb comes in (`gen`). An entry
 * that a thread of the parent was filling or closing is given up.
 *
 * Start at h7_sysv_enter() in sysv.h, then h7_sysv_enter_slow().
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "prim/life.h"
#include "sysv/sysv.h"

#define SWEEP_MIN 16

/* 0, -EDEADLK (called from a handler that interrupted the holder; the deadline is for one that
 * came between the lock and the name). */
static int lock_table(struct h7_sysv_table *t)
{
    uint32_t me = h7_self_cache.tid;
    int64_t end = hepta_in_ms(1000);
    int r;
    if (h7_load32_relaxed(&t->holder) == me)
        return -EDEADLK;
    do
        r = h7_mutex_lock(&t->lock, end);
    while (r == -EINTR);
    if (r < 0)
        return -EDEADLK;
    h7_store32_relaxed(&t->holder, me);
    return 0;
}

static void unlock_table(struct h7_sysv_table *t)
{
    h7_store32_relaxed(&t->holder, 0);
    h7_mutex_unlock(&t->lock);
}

/* --- coming and going --------------------------------------------------------------- */

/* Nobody is inside and nobody can come in. */
void h7_sysv_bury(const struct h7_sysv_table *t, struct h7_sysv_entry *e)
{
    h7_load32_acquire(&e->word); /* with h7_sysv_leave() of all before: what they did is done */
    h7_store32_relaxed(&e->word, H7_SYSV_BUSY);
    t->family->detach(e);
    h7_store32_relaxed(&e->id, 0);
    h7_store32_release(&e->word, 0); /* with the acquire in claim_free() */
}

void h7_sysv_retire(const struct h7_sysv_table *t, struct h7_sysv_entry *e, int kept)
{
    uint32_t w = h7_load32_relaxed(&e->word), next;
    do {
        if (!(w & H7_SYSV_READY) || (w & H7_SYSV_KEPT && !kept))
            return;
        next = (w & ~H7_SYSV_READY) | H7_SYSV_DYING;
    } while (!h7_cas32_acquire(&e->word, &w, next)); /* acquire: all that those before did */
    if ((next & H7_SYSV_VERBS) == 0)
        h7_sysv_bury(t, e);
}

int h7_sysv_keep(struct h7_sysv_entry *e)
{
    uint32_t w = h7_load32_relaxed(&e->word);
    do {
        if (!(w & H7_SYSV_READY))
            return -EIDRM;
    } while (!h7_cas32_relaxed(&e->word, &w, w | H7_SYSV_KEPT));
    return 0;
}

static struct h7_sysv_entry *first_of(const struct h7_sysv_table *t, int id)
{
    return __atomic_load_n(&t->bucket[(uint32_t)id % H7_SYSV_BUCKETS], __ATOMIC_ACQUIRE);
}

/* One that is ready, come in; or NULL. */
static struct h7_sysv_entry *find(const struct h7_sysv_table *t, int id)
{
    for (struct h7_sysv_entry *e = first_of(t, id); e; e = e->next) {
        if (h7_load32_relaxed(&e->id) != (uint32_t)id)
            continue;
        int got = h7_sysv_try(e, id);
        if (got == 1)
            return e;
        if (got < 0)
            h7_sysv_leave(t, e);
    }
    return NULL;
}

/* --- after a fork ------------------------------------------------------------------- */

/* Returns 1 if it has to be buried, outside the lock. */
static int set_right(struct h7_sysv_entry *e, int foreign)
{
    uint32_t w = h7_load32_relaxed(&e->word);
    if (w & H7_SYSV_READY && !foreign) {
        h7_store64_relaxed(&e->may, 0); /* the child may be somebody else by now */
        h7_store32_relaxed(&e->word, w & (H7_SYSV_READY | H7_SYSV_KEPT));
        return 0;
    }
    if (!(w & (H7_SYSV_READY | H7_SYSV_DYING)))
        return 0;
    h7_store32_relaxed(&e->word, H7_SYSV_DYING | 1); /* this thread is inside */
    return 1;
}

static void each_entry(const struct h7_sysv_table *t, int (*fn)(struct h7_sysv_entry *e, int arg),
                       int arg, struct h7_sysv_entry **dead)
{
    for (unsigned i = 0; i < H7_SYSV_BUCKETS; i++)
        for (struct h7_sysv_entry *e = first_of(t, (int)i); e; e = e->next)
            if (fn(e, arg) && dead)
                *dead = e;
}

/* The lowest count is 1 only in entries that set_right() left to be buried: no verb has come
 * into them since. One at a time, since burying is done outside the lock. */
static int is_left(struct h7_sysv_entry *e, int arg)
{
    (void)arg;
    return h7_load32_relaxed(&e->word) == (H7_SYSV_DYING | 1);
}

static int begin_generation(struct h7_sysv_table *t)
{
    struct h7_sysv_entry *dead = NULL;
    uint64_t gen = h7_fork_gen(), pidns = h7_self_pidns();
    if (pidns == 0)
        return -ENOSYS;
    int r = lock_table(t);
    if (r < 0)
        return r;
    if (h7_load64_relaxed(&t->gen) == gen) { /* another thread was faster */
        unlock_table(t);
        return 0;
    }
    uint64_t before = h7_load64_relaxed(&t->pidns);
    each_entry(t, set_right, before != 0 && before != pidns, NULL);
    for (;;) {
        dead = NULL;
        each_entry(t, is_left, 0, &dead);
        if (!dead)
            break;
        h7_sysv_leave(t, dead);
    }
    h7_store64_relaxed(&t->pidns, pidns);
    h7_store64_release(&t->gen, gen); /* from here on verbs come in */
    unlock_table(t);
    return 0;
}

/* --- attaching ---------------------------------------------------------------------- */

static struct h7_sysv_entry *new_entry(size_t size, struct h7_sysv_entry **bucket)
{
    size = (size + H7_CACHE_LINE - 1) / H7_CACHE_LINE * H7_CACHE_LINE;
    struct h7_sysv_entry *e = aligned_alloc(H7_CACHE_LINE, size);
    if (!e)
        return NULL;
    memset(e, 0, size);
    h7_store32_relaxed(&e->word, H7_SYSV_BUSY);
    e->next = *bucket;
    __atomic_store_n(bucket, e, __ATOMIC_RELEASE); /* with first_of() */
    return e;
}

/* Under the lock: an entry to fill. */
static struct h7_sysv_entry *claim_free(struct h7_sysv_table *t, int id)
{
    for (struct h7_sysv_entry *e = first_of(t, id); e; e = e->next) {
        uint32_t none = 0;
        if (h7_cas32_acquire(&e->word, &none, H7_SYSV_BUSY))
            return e;
    }
    return new_entry(t->family->entry_size, &t->bucket[(uint32_t)id % H7_SYSV_BUCKETS]);
}

static int is_gone(const struct h7_sysv_entry *e)
{
    struct stat st;
    return fstat(e->obj, &st) == 0 && st.st_nlink == 0;
}

/* What others have removed stays attached here as long as nobody uses its id: a server that is
 * given an object by each client would run out of descriptors. Looked for after as many attaches as
 * were left the last time. Its directory says it, so that nothing of it is touched. */
static void drop_removed(struct h7_sysv_table *t)
{
    uint32_t n = 0, since = h7_load32_relaxed(&t->since) + 1, wait = h7_load32_relaxed(&t->left);
    int due = since >= (wait > SWEEP_MIN ? wait : SWEEP_MIN);
    h7_store32_relaxed(&t->since, due ? 0 : since); /* two threads at once count as one: no harm */
    if (!due)
        return;
    for (unsigned i = 0; i < H7_SYSV_BUCKETS; i++)
        for (struct h7_sysv_entry *e = first_of(t, (int)i); e; e = e->next) {
            int id = (int)h7_load32_relaxed(&e->id), got = id > 0 ? h7_sysv_try(e, id) : 0;
            if (got == 0)
                continue;
            if (got == 1 && is_gone(e))
                h7_sysv_retire(t, e, 0);
            else
                n++;
            h7_sysv_leave(t, e);
        }
    h7_store32_relaxed(&t->left, n);
}

/* Another thread may have been faster: then it is its. 1 it is this one, 0 the other's. */
static int put_in(struct h7_sysv_table *t, struct h7_sysv_entry *e, int id,
                  struct h7_sysv_entry **out)
{
    int r = lock_table(t);
    struct h7_sysv_entry *other = r == 0 ? find(t, id) : NULL;
    if (r < 0) {
        h7_sysv_bury(t, e);
        return r;
    }
    if (other && h7_sysv_is_removed(t->family, other) && !h7_sysv_is_removed(t->family, e)) {
        h7_sysv_retire(t, other, 1); /* the number was used again */
        h7_sysv_leave(t, other);
        other = NULL;
    }
    if (!other) {
        h7_store32_relaxed(&e->id, (uint32_t)id);
        h7_store32_release(&e->word, H7_SYSV_READY | 1); /* with h7_sysv_try() */
    }
    unlock_table(t);
    if (other)
        h7_sysv_bury(t, e);
    *out = other ? other : e;
    return !other;
}

/* As put_in(). */
static int attach(struct h7_sysv_table *t, int id, const struct h7_sysv_ways *ways,
                  struct h7_sysv_entry **out)
{
    drop_removed(t);
    int r = lock_table(t);
    if (r < 0)
        return r;
    struct h7_sysv_entry *e = claim_free(t, id);
    unlock_table(t);
    if (!e)
        return -ENOMEM;
    r = h7_sysv_attach(t->family, e, id, ways);
    if (r < 0) {
        h7_store32_release(&e->word, 0);
        return r;
    }
    h7_store64_relaxed(&e->may, 0);
    return put_in(t, e, id, out);
}

static int make_ready(struct h7_sysv_table *t, int id)
{
    int r = id <= 0 ? -EINVAL : h7_life_know_self();
    if (r == 0 && h7_load64_relaxed(&t->gen) != h7_fork_gen())
        r = begin_generation(t);
    return r;
}

int h7_sysv_enter_or_attach(struct h7_sysv_table *t, int id, const struct h7_sysv_ways *ways,
                            struct h7_sysv_entry **e)
{
    int r = make_ready(t, id);
    if (r < 0)
        return r;
    *e = find(t, id);
    if (*e && ways && t->family->tune)
        t->family->tune(*e, ways);
    return *e ? 0 : attach(t, id, ways, e);
}

int h7_sysv_enter_slow(struct h7_sysv_table *t, int id, const struct h7_sysv_ways *ways,
                       struct h7_sysv_entry **e)
{
    int r = h7_sysv_enter_or_attach(t, id, ways, e);
    return r < 0 ? r : 0;
}

int h7_sysv_detach(struct h7_sysv_table *t, int id)
{
    int r = make_ready(t, id);
    if (r < 0)
        return r;
    struct h7_sysv_entry *e = find(t, id);
    if (!e)
        return -EINVAL;
    h7_sysv_retire(t, e, 1);
    h7_sysv_leave(t, e);
    return 0;
}
