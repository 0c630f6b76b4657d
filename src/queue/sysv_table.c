/* SPDX-License-Identifier: MIT */
/*
 * queue/sysv_table.c - from an id to its queue in this process
 *
 * A verb comes in with a look at one bucket and one compare-and-swap, and leaves with one
 * addition: while it is inside, nothing is unmapped under it. Entries stay in their bucket for
 * ever and are used again, so the list needs no lock to be walked; the lock is for who puts
 * a queue into the table, which happens once per process and queue. System calls are made
 * outside it.
 *
 * After a fork the counts are the parent's: its other threads aren't here. The first verb in the
 * child sets them right, under the lock and before any other verb comes in (h7_msg_gen). An entry
 * that a thread of the parent was filling or closing is given up.
 *
 * Start at h7_msg_enter() in sysv_internal.h, then h7_msg_enter_slow().
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/mutex.h"
#include "queue/store_internal.h"
#include "queue/sysv_internal.h"

#define SWEEP_MIN 16
#define TRIES 1000 /* each time somebody has removed or detached it meanwhile */

struct h7_a64 h7_msg_gen;
struct h7_msg *h7_msg_bucket[H7_MSG_BUCKETS];

static struct h7_mutex table_lock;
static struct h7_a32 table_holder; /* tid, so that a signal handler finds out */
static struct h7_a64 table_pidns;

/* 0, -EDEADLK (called from a handler that interrupted the holder; the deadline is for one that
 * came between the lock and the name). */
static int lock_table(void)
{
    uint32_t me = h7_self_cache.tid;
    int64_t end = hepta_in_ms(1000);
    int r;
    if (h7_load32_relaxed(&table_holder) == me)
        return -EDEADLK;
    do
        r = h7_mutex_lock(&table_lock, end);
    while (r == -EINTR);
    if (r < 0)
        return -EDEADLK;
    h7_store32_relaxed(&table_holder, me);
    return 0;
}

static void unlock_table(void)
{
    h7_store32_relaxed(&table_holder, 0);
    h7_mutex_unlock(&table_lock);
}

/* --- coming and going --------------------------------------------------------------- */

/* Nobody is inside and nobody can come in. */
void h7_msg_bury(struct h7_msg *m)
{
    h7_load32_acquire(&m->word); /* with h7_msg_leave() of all before: what they did is done */
    h7_store32_relaxed(&m->word, H7_MSG_BUSY);
    h7_store_detach(&m->st);
    h7_store32_relaxed(&m->id, 0);
    h7_store32_release(&m->word, 0); /* with the acquire in claim_free() */
}

void h7_msg_retire(struct h7_msg *m, int polled)
{
    uint32_t w = h7_load32_relaxed(&m->word), next;
    do {
        if (!(w & H7_MSG_READY) || (w & H7_MSG_POLLED && !polled))
            return;
        next = (w & ~H7_MSG_READY) | H7_MSG_DYING;
    } while (!h7_cas32_acquire(&m->word, &w, next)); /* acquire: all that those before did */
    if ((next & H7_MSG_VERBS) == 0)
        h7_msg_bury(m);
}

int h7_msg_keep(struct h7_msg *m)
{
    uint32_t w = h7_load32_relaxed(&m->word);
    do {
        if (!(w & H7_MSG_READY))
            return -EIDRM;
    } while (!h7_cas32_relaxed(&m->word, &w, w | H7_MSG_POLLED));
    return 0;
}

static struct h7_msg *first_of(int id)
{
    return __atomic_load_n(&h7_msg_bucket[(uint32_t)id % H7_MSG_BUCKETS], __ATOMIC_ACQUIRE);
}

/* One that is ready, come in; or NULL. */
static struct h7_msg *find(int id)
{
    for (struct h7_msg *m = first_of(id); m; m = m->next) {
        if (h7_load32_relaxed(&m->id) != (uint32_t)id)
            continue;
        int got = h7_msg_try(m, id);
        if (got == 1)
            return m;
        if (got < 0)
            h7_msg_leave(m);
    }
    return NULL;
}

/* --- after a fork ------------------------------------------------------------------- */

/* Returns 1 if it has to be buried, outside the lock. */
static int set_right(struct h7_msg *m, int foreign)
{
    uint32_t w = h7_load32_relaxed(&m->word);
    if (w & H7_MSG_READY && !foreign) {
        h7_store64_relaxed(&m->may, 0); /* the child may be somebody else by now */
        h7_store32_relaxed(&m->word, w & (H7_MSG_READY | H7_MSG_POLLED));
        return 0;
    }
    if (!(w & (H7_MSG_READY | H7_MSG_DYING)))
        return 0;
    h7_store32_relaxed(&m->word, H7_MSG_DYING | 1); /* this thread is inside */
    return 1;
}

static void each_entry(int (*fn)(struct h7_msg *m, int arg), int arg, struct h7_msg **dead)
{
    for (unsigned i = 0; i < H7_MSG_BUCKETS; i++)
        for (struct h7_msg *m = first_of((int)i); m; m = m->next)
            if (fn(m, arg) && dead)
                *dead = m;
}

/* The lowest count is 1 only in entries that set_right() left to be buried: no verb has come
 * into them since. One at a time, since burying is done outside the lock. */
static int is_left(struct h7_msg *m, int arg)
{
    (void)arg;
    return h7_load32_relaxed(&m->word) == (H7_MSG_DYING | 1);
}

static int begin_generation(void)
{
    struct h7_msg *dead = NULL;
    uint64_t gen = h7_fork_gen(), pidns = h7_self_pidns();
    if (pidns == 0)
        return -ENOSYS;
    int r = lock_table();
    if (r < 0)
        return r;
    if (h7_load64_relaxed(&h7_msg_gen) == gen) { /* another thread was faster */
        unlock_table();
        return 0;
    }
    uint64_t before = h7_load64_relaxed(&table_pidns);
    each_entry(set_right, before != 0 && before != pidns, NULL);
    for (;;) {
        dead = NULL;
        each_entry(is_left, 0, &dead);
        if (!dead)
            break;
        h7_msg_leave(dead);
    }
    h7_store64_relaxed(&table_pidns, pidns);
    h7_store64_release(&h7_msg_gen, gen); /* from here on verbs come in */
    unlock_table();
    return 0;
}

/* --- attaching ---------------------------------------------------------------------- */

static struct h7_msg *new_entry(struct h7_msg **bucket)
{
    struct h7_msg *m = aligned_alloc(H7_CACHE_LINE, (sizeof *m + H7_CACHE_LINE - 1) /
                                                        H7_CACHE_LINE * H7_CACHE_LINE);
    if (!m)
        return NULL;
    *m = (struct h7_msg){.word = {H7_MSG_BUSY}, .next = *bucket};
    __atomic_store_n(bucket, m, __ATOMIC_RELEASE); /* with first_of() */
    return m;
}

/* Under the lock: an entry to fill. */
static struct h7_msg *claim_free(int id)
{
    for (struct h7_msg *m = first_of(id); m; m = m->next) {
        uint32_t none = 0;
        if (h7_cas32_acquire(&m->word, &none, H7_MSG_BUSY))
            return m;
    }
    return new_entry(&h7_msg_bucket[(uint32_t)id % H7_MSG_BUCKETS]);
}

/* Last pid and time of a side. Only what differs is stored: the line stays where it is. */
static void stamp(struct h7_store *st, int side)
{
    struct h7_msg_shared *sh = h7_msg_room(st);
    struct h7_a32 *pid = side == H7_P ? &sh->lspid : &sh->lrpid;
    struct h7_a64 *when = side == H7_P ? &sh->stime : &sh->rtime;
    struct h7_life me;
    uint64_t now = (uint64_t)time(NULL); /* a load, where the vDSO has it */
    if (h7_load64_relaxed(when) != now)
        h7_store64_relaxed(when, now);
    if (h7_life_self(&me) == 0 && h7_load32_relaxed(pid) != me.pid)
        h7_store32_relaxed(pid, me.pid);
}

/* What others have removed stays attached here as long as nobody uses its id: a server that is
 * given a queue by each client would run out of descriptors. Looked for after as many attaches as
 * were left the last time. The file says it, so that nothing in it is touched. */
static void drop_removed(void)
{
    static struct h7_a32 since, left; /* only advice */
    uint32_t n = 0, wait = h7_load32_relaxed(&left);
    struct stat st;
    h7_add(&since, 1);
    if (h7_load32_relaxed(&since) < (wait > SWEEP_MIN ? wait : SWEEP_MIN))
        return;
    h7_store32_relaxed(&since, 0);
    for (unsigned i = 0; i < H7_MSG_BUCKETS; i++)
        for (struct h7_msg *m = first_of((int)i); m; m = m->next) {
            int id = (int)h7_load32_relaxed(&m->id), got = id > 0 ? h7_msg_try(m, id) : 0;
            if (got == 0)
                continue;
            if (got == 1 && fstat(m->st.seg.fd, &st) == 0 && st.st_nlink == 0)
                h7_msg_retire(m, 0);
            else
                n++;
            h7_msg_leave(m);
        }
    h7_store32_relaxed(&left, n);
}

/* Another thread may have been faster: then it is its. */
static int put_in(struct h7_msg *m, int id, struct h7_msg **out)
{
    int r = lock_table();
    struct h7_msg *other = r == 0 ? find(id) : NULL;
    if (r < 0) {
        h7_msg_bury(m);
        return r;
    }
    if (other && h7_load32_relaxed(&other->st.shared->removed)) {
        h7_msg_retire(other, 1); /* the number was used again */
        h7_msg_leave(other);
        other = NULL;
    }
    if (!other) {
        h7_store32_relaxed(&m->id, (uint32_t)id);
        h7_store32_release(&m->word, H7_MSG_READY | 1); /* with h7_msg_try() */
    }
    unlock_table();
    if (other)
        h7_msg_bury(m);
    *out = other ? other : m;
    return 0;
}

static int attach(int id, const struct h7_msg_ways *ways, struct h7_msg **out)
{
    drop_removed();
    int r = lock_table();
    if (r < 0)
        return r;
    struct h7_msg *m = claim_free(id);
    unlock_table();
    if (!m)
        return -ENOMEM;
    r = h7_msg_attach(&m->st, id, ways);
    if (r < 0) {
        h7_store32_release(&m->word, 0);
        return r;
    }
    m->st.stamp = stamp;
    h7_store64_relaxed(&m->may, 0);
    return put_in(m, id, out);
}

static void tune(struct h7_msg *m, const struct h7_msg_ways *ways)
{
    for (int side = 0; side < 2; side++)
        h7_waiter_init(&m->st.waiter[side], ways->wait, ways->spin_ns); /* advice: at any time */
}

int h7_msg_enter_slow(int id, const struct h7_msg_ways *ways, struct h7_msg **m)
{
    int r = id <= 0 ? -EINVAL : h7_life_know_self();
    if (r == 0 && h7_load64_relaxed(&h7_msg_gen) != h7_fork_gen())
        r = begin_generation();
    if (r < 0)
        return r;
    *m = find(id);
    if (*m && ways)
        tune(*m, ways);
    return *m ? 0 : attach(id, ways, m);
}

int hepta_msg_detach(int id)
{
    int r = id <= 0 ? -EINVAL : h7_life_know_self();
    if (r == 0 && h7_load64_relaxed(&h7_msg_gen) != h7_fork_gen())
        r = begin_generation();
    if (r < 0)
        return r;
    struct h7_msg *m = find(id);
    if (!m)
        return -EINVAL;
    h7_msg_retire(m, 1);
    h7_msg_leave(m);
    return 0;
}

/* --- permission --------------------------------------------------------------------- */

int h7_msg_ask(struct h7_msg *m, uint32_t bits)
{
    /* Before the fields: a change after this is seen as one. */
    uint64_t changes = h7_load32_relaxed(&h7_msg_room(&m->st)->changes);
    int granted = h7_msg_granted(h7_msg_room(&m->st));
    if (granted < 0)
        return granted;
    h7_store64_relaxed(&m->may, changes << 32 | (uint32_t)granted);
    return ((uint32_t)granted & bits) == bits ? 0 : -EACCES;
}

/* Also where it was refused before: the process may have become another user. */
int h7_msg_may_slow(struct h7_msg *m, uint32_t bits)
{
    return h7_msg_ask(m, bits);
}
