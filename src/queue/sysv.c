/* SPDX-License-Identifier: MIT */
/*
 * queue/sysv.c - send, receive and fd of hepta/msg.h
 *
 * Check the arguments, find the queue (h7_msg_enter()), ask for permission, then queue/store.h.
 * Nothing here makes a system call while there is something to receive, or room.
 */
#define _GNU_SOURCE
#include <limits.h>

#include "base/clock.h"
#include "queue/sysv_internal.h"

int hepta_msg_send(int id, long type, const void *text, size_t len, int flags, int64_t deadline)
{
    struct h7_msg *m;
    if (h7_unlikely(type < 1 || len > HEPTA_MSG_MSG_MAX))
        return -EINVAL;
    if (h7_unlikely(!text && len > 0))
        return -EFAULT;
    int r = h7_msg_enter(id, &m);
    if (h7_unlikely(r < 0))
        return r;
    r = h7_sysv_may(&m->entry, H7_SYSV_WRITE);
    if (h7_likely(r == 0))
        r = len > m->st.plan.msg_max
                ? -EINVAL
                : h7_store_send(&m->st, (uint64_t)type, text, len,
                                flags & IPC_NOWAIT ? HEPTA_NOW : h7_deadline(deadline));
    return (int)h7_msg_leave_with(m, r);
}

/* What msgrcv(2) means by msgtyp and msgflg. */
static void choose(struct h7_take *t, long want, int flags)
{
    t->key = (uint64_t)want;
    if (flags & MSG_COPY) {
        t->pick = H7_PICK_NTH;
        t->flags = H7_TAKE_LOOK;
    } else if (want == 0) {
        t->pick = H7_PICK_OLDEST;
    } else if (want < 0) {
        t->pick = H7_PICK_UP_TO;
        t->key = (uint64_t)(want == LONG_MIN ? LONG_MAX : -want);
    } else {
        t->pick = flags & MSG_EXCEPT ? H7_PICK_NOT_KEY : H7_PICK_KEY;
    }
    if (flags & MSG_NOERROR)
        t->flags |= H7_TAKE_CUT;
}

ssize_t hepta_msg_receive(int id, long *type, void *text, size_t len, long want, int flags,
                          int64_t deadline)
{
    struct h7_msg *m;
    if (h7_unlikely(len > (size_t)LONG_MAX))
        return -EINVAL;
    if (h7_unlikely(flags & MSG_COPY && (flags & MSG_EXCEPT || !(flags & IPC_NOWAIT))))
        return -EINVAL;
    if (h7_unlikely(!text && len > 0))
        return -EFAULT;
    ssize_t r = h7_msg_enter(id, &m);
    if (h7_unlikely(r < 0))
        return r;
    struct h7_take t = {.buf = text, .len = len};
    choose(&t, want, flags);
    r = h7_sysv_may(&m->entry, H7_SYSV_READ);
    if (h7_likely(r == 0))
        r = h7_store_take(&m->st, &t, flags & IPC_NOWAIT ? HEPTA_NOW : h7_deadline(deadline));
    if (r >= 0 && t.flags & H7_TAKE_LOOK && t.full_len > len && !(flags & MSG_NOERROR))
        r = -E2BIG;
    if (r >= 0 && type)
        *type = (long)t.got_key;
    if (r == -EAGAIN && flags & IPC_NOWAIT)
        r = -ENOMSG;
    return h7_msg_leave_with(m, r);
}

int hepta_msg_fd(int id, uint32_t access)
{
    struct h7_msg *m;
    if (access != HEPTA_MSG_READ && access != HEPTA_MSG_WRITE)
        return -EINVAL;
    int r = h7_msg_enter(id, &m);
    if (r < 0)
        return r;
    r = h7_sysv_may(&m->entry, access == HEPTA_MSG_READ ? H7_SYSV_READ : H7_SYSV_WRITE);
    if (r == 0)
        r = h7_store_fd(&m->st, access == HEPTA_MSG_READ ? H7_P : H7_C);
    if (r >= 0) {
        int kept = h7_sysv_keep(&m->entry);
        r = kept < 0 ? kept : r;
    }
    return (int)h7_msg_leave_with(m, r);
}
