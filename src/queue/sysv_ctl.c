/* SPDX-License-Identifier: MIT */
/*
 * queue/sysv_ctl.c - hepta_msg_ctl(): looking at a queue, changing and removing it
 *
 * Who may is asked for each time (sysv/ctl.c). What changes is changed under both locks; the
 * calls to the system that are made inside don't wait.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <string.h>

#include "queue/store_internal.h"
#include "queue/sysv_internal.h"

/* --- IPC_STAT, MSG_STAT ------------------------------------------------------------- */

static int snapshot(struct h7_store *st, struct msqid_ds *ds)
{
    const struct h7_msg_shared *sh = h7_msg_room(st);
    int r = h7_store_enter_both(st, h7_store_patience());
    if (r < 0)
        return r;
    memset(ds, 0, sizeof *ds);
    h7_sysv_read_perm(&sh->common, &ds->msg_perm);
    ds->msg_stime = (time_t)h7_load64_relaxed(&sh->stime);
    ds->msg_rtime = (time_t)h7_load64_relaxed(&sh->rtime);
    ds->msg_ctime = (time_t)h7_load64_relaxed(&sh->common.ctime);
    ds->msg_cbytes = h7_store_bytes(st);
    ds->msg_qnum = h7_store_held(st);
    ds->msg_qbytes = h7_load64_relaxed(&st->shared->qbytes);
    ds->msg_lspid = (pid_t)h7_load32_relaxed(&sh->lspid);
    ds->msg_lrpid = (pid_t)h7_load32_relaxed(&sh->lrpid);
    h7_store_leave_both(st);
    return 0;
}

static int stat_id(struct h7_msg *m, struct msqid_ds *ds)
{
    int r = h7_sysv_ask(&m->entry, H7_SYSV_READ);
    return r < 0 ? r : snapshot(&m->st, ds);
}

static int stat_index(int index, int any, struct msqid_ds *ds)
{
    struct h7_msg m = {.entry = {.obj = -1}};
    int id = h7_sysv_at(&h7_msg_family, index, any, &m.entry);
    if (id < 0)
        return id;
    int r = snapshot(&m.st, ds);
    h7_msg_family.detach(&m.entry);
    return r < 0 ? r : id;
}

/* --- IPC_SET ------------------------------------------------------------------------ */

/* Under both locks. */
static int set_locked(struct h7_msg *m, const struct msqid_ds *ds)
{
    struct h7_store *st = &m->st;
    if (ds->msg_qbytes > h7_load64_relaxed(&h7_msg_room(st)->qbytes_max))
        return -EPERM;
    int r = h7_sysv_set(&h7_msg_family, &m->entry, &ds->msg_perm);
    if (r < 0)
        return r;
    h7_level_raise(st, H7_C); /* before it can be true */
    h7_store64_relaxed(&st->shared->qbytes, ds->msg_qbytes);
    h7_store_call_all(st);
    return 0;
}

static int set(struct h7_msg *m, const struct msqid_ds *ds)
{
    int r = h7_store_enter_both(&m->st, h7_store_patience());
    if (r < 0)
        return r;
    r = set_locked(m, ds);
    h7_store_leave_both(&m->st);
    return r;
}

/* --- IPC_INFO, MSG_INFO ------------------------------------------------------------- */

static int as_int(uint64_t n)
{
    return n > INT_MAX ? INT_MAX : (int)n;
}

/* The limits that a queue gets by default. */
static int limits(struct msginfo *info)
{
    struct hepta_msg_options o;
    int r = h7_msg_options(&o, NULL);
    if (r < 0)
        return r;
    *info = (struct msginfo){.msgpool = as_int(o.qbytes / 1024),
                             .msgmap = as_int(o.msgs_max),
                             .msgmax = as_int(o.msg_max),
                             .msgmnb = as_int(o.qbytes),
                             .msgmni = INT_MAX,
                             .msgssz = 256,
                             .msgtql = as_int(o.msgs_max),
                             .msgseg = USHRT_MAX};
    return 0;
}

/* What is in use. */
struct usage {
    uint64_t queues, messages, bytes;
};

static void add_usage(struct h7_sysv_entry *e, void *arg)
{
    const struct h7_store *st = &h7_msg_of(e)->st;
    struct usage *u = arg;
    u->queues++;
    u->messages += h7_store_held(st);
    u->bytes += h7_store_bytes(st);
}

static int get_info(int cmd, struct msginfo *info)
{
    struct h7_msg m = {.entry = {.obj = -1}};
    struct usage u = {0};
    int r = limits(info);
    if (r < 0)
        return r;
    int n = h7_sysv_each(&h7_msg_family, &m.entry, cmd == MSG_INFO ? add_usage : NULL, &u);
    if (n < 0)
        return n;
    if (cmd == MSG_INFO) {
        info->msgpool = as_int(u.queues);
        info->msgmap = as_int(u.messages);
        info->msgtql = as_int(u.bytes);
    }
    return n > 0 ? n - 1 : 0;
}

/* --- all ---------------------------------------------------------------------------- */

static int with_id(int id, int cmd, struct msqid_ds *ds)
{
    struct h7_msg *m;
    int r = h7_msg_enter(id, &m);
    if (r < 0)
        return r;
    r = cmd == IPC_SET ? set(m, ds) : stat_id(m, ds);
    return (int)h7_msg_leave_with(m, r);
}

int hepta_msg_ctl(int id, int cmd, void *buf)
{
    if (cmd == IPC_RMID)
        return id <= 0 ? -EINVAL : h7_sysv_remove(&h7_msg_family, id);
    if (cmd != IPC_STAT && cmd != IPC_SET && cmd != IPC_INFO && cmd != MSG_INFO &&
        cmd != MSG_STAT && cmd != MSG_STAT_ANY)
        return -EINVAL;
    if (!buf)
        return -EFAULT;
    int r = h7_life_know_self();
    if (r < 0)
        return r;
    if (cmd == IPC_INFO || cmd == MSG_INFO)
        return get_info(cmd, buf);
    if (cmd == MSG_STAT || cmd == MSG_STAT_ANY)
        return stat_index(id, cmd == MSG_STAT_ANY, buf);
    return with_id(id, cmd, buf);
}
