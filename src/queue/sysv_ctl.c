/* SPDX-License-Identifier: MIT */
/*
 * queue/sysv_ctl.c - hepta_msg_ctl(): looking at a queue, changing and removing it
 *
 * Here the identity of the caller is asked for each time. What changes is changed under both
 * locks; the calls to the system that are made inside don't wait.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "queue/store_internal.h"
#include "queue/sysv_internal.h"

/* --- IPC_STAT, MSG_STAT ------------------------------------------------------------- */

static void read_perm(const struct h7_msg_shared *sh, struct ipc_perm *p)
{
    p->__key = (key_t)h7_load32_relaxed(&sh->key);
    p->uid = h7_load32_relaxed(&sh->uid);
    p->gid = h7_load32_relaxed(&sh->gid);
    p->cuid = h7_load32_relaxed(&sh->cuid);
    p->cgid = h7_load32_relaxed(&sh->cgid);
    p->mode = h7_load32_relaxed(&sh->mode) & 0777;
    p->__seq = (unsigned short)h7_load32_relaxed(&sh->seq);
}

int h7_msg_snapshot(struct h7_store *st, struct msqid_ds *ds)
{
    const struct h7_msg_shared *sh = h7_msg_room(st);
    int r = h7_store_enter_both(st, h7_store_patience());
    if (r < 0)
        return r;
    memset(ds, 0, sizeof *ds);
    read_perm(sh, &ds->msg_perm);
    ds->msg_stime = (time_t)h7_load64_relaxed(&sh->stime);
    ds->msg_rtime = (time_t)h7_load64_relaxed(&sh->rtime);
    ds->msg_ctime = (time_t)h7_load64_relaxed(&sh->ctime);
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
    int r = h7_msg_ask(m, H7_MSG_READ);
    return r < 0 ? r : h7_msg_snapshot(&m->st, ds);
}

/* --- IPC_SET ------------------------------------------------------------------------ */

/* Under both locks. The files first: where this user may not, nothing is changed. */
static int set_locked(struct h7_store *st, const struct msqid_ds *ds)
{
    struct h7_msg_shared *sh = h7_msg_room(st);
    const struct ipc_perm *p = &ds->msg_perm;
    int new_owner = p->uid != h7_load32_relaxed(&sh->uid) || p->gid != h7_load32_relaxed(&sh->gid);
    if (!h7_msg_is_owner(sh) || ds->msg_qbytes > h7_load64_relaxed(&sh->qbytes_max))
        return -EPERM;
    int r = h7_msg_set_files(st, p->mode & 0777, p->uid, p->gid, new_owner);
    if (r < 0)
        return r;
    h7_store32_relaxed(&sh->uid, p->uid); /* Y5 */
    h7_store32_relaxed(&sh->gid, p->gid);
    h7_store32_relaxed(&sh->mode, p->mode & 0777);
    h7_store64_relaxed(&sh->ctime, (uint64_t)time(NULL));
    h7_store32_release(&sh->changes, h7_load32_relaxed(&sh->changes) + 1); /* others ask anew */
    h7_level_raise(st, H7_C); /* before it can be true */
    h7_store64_relaxed(&st->shared->qbytes, ds->msg_qbytes);
    h7_store_call_all(st);
    return 0;
}

static int set(struct h7_msg *m, const struct msqid_ds *ds)
{
    if (ds->msg_perm.uid == (uid_t)-1 || ds->msg_perm.gid == (gid_t)-1)
        return -EINVAL;
    int r = h7_store_enter_both(&m->st, h7_store_patience());
    if (r < 0)
        return r;
    r = set_locked(&m->st, ds);
    h7_store_leave_both(&m->st);
    return r;
}

/* --- IPC_RMID ----------------------------------------------------------------------- */

/* Whether the names went or not, it is removed. */
static int remove_attached(struct h7_msg *m, int id)
{
    int r = h7_store_enter_both(&m->st, h7_store_patience());
    if (r < 0)
        return r;
    if (h7_msg_is_owner(h7_msg_room(&m->st))) {
        h7_store_remove(&m->st);
        h7_msg_unlink(id); /* Y3 */
    } else {
        r = -EPERM;
    }
    h7_store_leave_both(&m->st);
    if (r == 0)
        h7_msg_retire(m, 0);
    return r;
}

/* What was refused, or can't be trusted any more, can still be removed; the kernel says by whom. */
static int is_broken(int err)
{
    return err == -EBADMSG || err == -EPROTO || err == -EPROTONOSUPPORT || err == -EMEDIUMTYPE ||
           err == -ENODATA;
}

static int remove_broken(int id)
{
    int r = h7_msg_unlink(id);
    return r == -EACCES ? -EPERM : r;
}

static int remove_id(int id)
{
    struct h7_msg *m;
    int r = h7_msg_enter(id, &m);
    if (r == 0) {
        r = remove_attached(m, id);
        if (is_broken(r))
            h7_msg_retire(m, 0);
        h7_msg_leave(m);
    } else if (r == -EACCES) {
        r = -EPERM; /* its owner could attach it */
    }
    return is_broken(r) ? remove_broken(id) : r;
}

/* --- all ---------------------------------------------------------------------------- */

static int with_id(int id, int cmd, struct msqid_ds *ds)
{
    struct h7_msg *m;
    int r = h7_msg_enter(id, &m);
    if (r < 0)
        return r;
    r = cmd == IPC_SET ? set(m, ds) : stat_id(m, ds);
    if (r == -EIDRM)
        h7_msg_retire(m, 0);
    h7_msg_leave(m);
    return r;
}

/* Not through the table: who lists all queues doesn't want to keep them. */
static int stat_index(int index, int cmd, struct msqid_ds *ds)
{
    struct h7_store st;
    int *ids, n = h7_msg_ids(&ids);
    if (n < 0)
        return n;
    int id = index >= 0 && index < n ? ids[index] : 0;
    free(ids);
    int r = id ? h7_msg_attach(&st, id, NULL) : -EINVAL;
    if (r < 0)
        return r;
    r = h7_msg_granted(h7_msg_room(&st));
    if (r >= 0)
        r = cmd == MSG_STAT_ANY || r & (int)H7_MSG_READ ? h7_msg_snapshot(&st, ds) : -EACCES;
    h7_store_detach(&st);
    return r < 0 ? r : id;
}

int hepta_msg_ctl(int id, int cmd, void *buf)
{
    if (cmd == IPC_RMID)
        return id <= 0 ? -EINVAL : remove_id(id);
    if (cmd != IPC_STAT && cmd != IPC_SET && cmd != IPC_INFO && cmd != MSG_INFO &&
        cmd != MSG_STAT && cmd != MSG_STAT_ANY)
        return -EINVAL;
    if (!buf)
        return -EFAULT;
    int r = h7_life_know_self();
    if (r < 0)
        return r;
    if (cmd == IPC_INFO || cmd == MSG_INFO)
        return h7_msg_info(cmd, buf);
    if (cmd == MSG_STAT || cmd == MSG_STAT_ANY)
        return stat_index(id, cmd, buf);
    return with_id(id, cmd, buf);
}
