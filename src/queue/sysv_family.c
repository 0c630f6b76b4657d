/* SPDX-License-Identifier: MIT */
/*
 * queue/sysv_family.c - what sysv/sysv.h asks of message queues
 */
#define _GNU_SOURCE
#include <sys/stat.h>
#include <time.h>

#include "queue/store_internal.h"
#include "queue/sysv_internal.h"

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

static int attach(struct h7_sysv_entry *e, int obj, const struct h7_sysv_ways *ways)
{
    struct h7_store *st = &h7_msg_of(e)->st;
    int r = h7_store_attach(st, obj, H7_KIND_MSG, ways ? ways->wait : 0,
                            ways ? ways->spin_ns : 0);
    if (r < 0)
        return r;
    st->stamp = stamp;
    e->sh = &h7_msg_room(st)->common;
    e->removed = &st->shared->removed;
    e->obj = st->obj;
    return 0;
}

static void detach(struct h7_sysv_entry *e)
{
    h7_store_detach(&h7_msg_of(e)->st);
}

static void tune(struct h7_sysv_entry *e, const struct h7_sysv_ways *ways)
{
    struct h7_store *st = &h7_msg_of(e)->st;
    for (int side = 0; side < 2; side++)
        h7_waiter_init(&st->waiter[side], ways->wait, ways->spin_ns); /* advice: at any time */
}

/* --- removal ------------------------------------------------------------------------ */

static int remove_id(struct h7_sysv_entry *e, int id)
{
    struct h7_store *st = &h7_msg_of(e)->st;
    int r = h7_store_enter_both(st, h7_store_patience());
    if (r < 0)
        return r;
    if (h7_sysv_is_owner(e->sh)) {
        h7_store_remove(st);
        h7_sysv_let_go(&h7_msg_family, id); /* Y3 */
    } else {
        r = -EPERM;
    }
    h7_store_leave_both(st);
    return r;
}

/* P, of a removed one. Only the names are at stake, so a dead holder's lock is as good as any; what
 * he left is never used again. */
static int lock_names(struct h7_sysv_entry *e)
{
    struct h7_store_shared *sh = h7_msg_of(e)->st.shared;
    int r = h7_lock(&sh->side[H7_P].lock, h7_store_patience());
    if (r != -EOWNERDEAD)
        return r;
    h7_store32_relaxed(&sh->dirty, 1);
    return 0;
}

static void unlock_names(struct h7_sysv_entry *e)
{
    h7_unlock(&h7_msg_of(e)->st.shared->side[H7_P].lock);
}

/* --- all ---------------------------------------------------------------------------- */

struct h7_sysv_table h7_msg_table = {.family = &h7_msg_family};

const struct h7_sysv_family h7_msg_family = {
    .id_kind = "msg",
    .key_kind = "msgkey",
    .table = &h7_msg_table,
    .entry_size = sizeof(struct h7_msg),
    .main = H7_STORE_DATA,
    .parts = {{H7_STORE_R, S_IFIFO, H7_SYSV_SHARED},
              {H7_STORE_W, S_IFIFO, H7_SYSV_SHARED},
              {H7_PART_LIFE, S_IFREG, H7_SYSV_SHARED},
              {H7_STORE_DATA, S_IFREG, H7_SYSV_SHARED}},
    .removed_bits = ~0u,
    .make = h7_msg_make,
    .attach = attach,
    .detach = detach,
    .tune = tune,
    .remove = remove_id,
    .lock_names = lock_names,
    .unlock_names = unlock_names,
};
