/* SPDX-License-Identifier: MIT */
/*
 * sysv/ctl.c - what the families' ctl() share: IPC_STAT's part, IPC_SET, IPC_RMID, the invariants
 *
 * Here the identity of the caller is asked for each time. What changes is changed under the
 * object's locks; the calls to the system that are made inside don't wait.
 */
#define _GNU_SOURCE
#include <time.h>

#include "sysv/sysv_internal.h"

void h7_sysv_read_perm(const struct h7_sysv_shared *sh, struct ipc_perm *p)
{
    p->__key = (key_t)h7_load32_relaxed(&sh->key);
    p->uid = h7_load32_relaxed(&sh->uid);
    p->gid = h7_load32_relaxed(&sh->gid);
    p->cuid = h7_load32_relaxed(&sh->cuid);
    p->cgid = h7_load32_relaxed(&sh->cgid);
    p->mode = h7_load32_relaxed(&sh->mode) & 0777;
    p->__seq = (unsigned short)h7_load32_relaxed(&sh->seq);
}

/* The files first: where this user may not, nothing is changed. */
int h7_sysv_set(const struct h7_sysv_family *f, struct h7_sysv_entry *e, const struct ipc_perm *p)
{
    struct h7_sysv_shared *sh = e->sh;
    if (p->uid == (uid_t)-1 || p->gid == (gid_t)-1)
        return -EINVAL;
    if (!h7_sysv_is_owner(sh))
        return -EPERM;
    int r = h7_sysv_set_files(f, e, p->mode & 0777, p->uid, p->gid);
    if (r < 0)
        return r;
    h7_store32_relaxed(&sh->uid, p->uid); /* Y5 */
    h7_store32_relaxed(&sh->gid, p->gid);
    h7_store32_relaxed(&sh->mode, p->mode & 0777);
    h7_store64_relaxed(&sh->ctime, (uint64_t)time(NULL));
    h7_store32_release(&sh->changes, h7_load32_relaxed(&sh->changes) + 1); /* others ask anew */
    return 0;
}

/* --- IPC_RMID ----------------------------------------------------------------------- */

/* What was refused, or can't be trusted any more, can still be removed; the kernel says by whom. */
static int is_broken(int err)
{
    return err == -EBADMSG || err == -EPROTO || err == -EPROTONOSUPPORT || err == -EMEDIUMTYPE ||
           err == -ENODATA;
}

static int remove_broken(const struct h7_sysv_family *f, int id)
{
    int r = h7_sysv_unlink(f, id);
    return r == -EACCES ? -EPERM : r;
}

int h7_sysv_remove(const struct h7_sysv_family *f, int id)
{
    struct h7_sysv_entry *e;
    int r = h7_sysv_enter(f->table, id, &e);
    if (r == 0) {
        r = f->remove(e, id);
        if ((r == 0 && !f->lingers) || is_broken(r))
            h7_sysv_retire(f->table, e, 0);
        h7_sysv_leave(f->table, e);
    } else if (r == -EACCES) {
        r = -EPERM; /* its owner could attach it */
    }
    return is_broken(r) ? remove_broken(f, id) : r;
}

/* --- invariants --------------------------------------------------------------------- */

/* Y-numbered deaths leave none of these broken. */
const char *h7_sysv_what_is_wrong(const struct h7_sysv_entry *e)
{
    if (h7_load32_relaxed(&e->sh->id) != h7_load32_relaxed(&e->id))
        return "another id than its name";
    if (h7_load32_relaxed(&e->sh->mode) & ~0777u)
        return "the mode has more than permission bits";
    if (h7_load32_relaxed(&e->sh->changes) == 0)
        return "the count of changes was never set";
    return NULL;
}
