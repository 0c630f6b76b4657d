/* SPDX-License-Identifier: MIT */
/* queue/sysv_room.c - the invariants of System V queues, and their entry in the list of rooms */
#include <stdio.h>

#include "prim/room.h"
#include "queue/sysv_internal.h"

static const char *what_is_wrong(const struct h7_msg *m)
{
    const struct h7_msg_shared *sh = h7_msg_room(&m->st);
    if (h7_load64_relaxed(&m->st.shared->qbytes) > h7_load64_relaxed(&sh->qbytes_max))
        return "more bytes allowed than reserved";
    return h7_sysv_what_is_wrong(&m->entry);
}

int h7_msg_check(const struct h7_msg *m, char *why, size_t n)
{
    /* The check takes both locks, which are in the segment. */
    int r = h7_store_check((struct h7_store *)(uintptr_t)&m->st, why, n);
    if (r < 0)
        return r;
    const char *wrong = what_is_wrong(m);
    if (wrong)
        snprintf(why, n, "msg: %s", wrong);
    return wrong ? -EBADMSG : 0;
}

static int check(const void *handle, char *why, size_t n)
{
    return h7_msg_check(handle, why, n);
}

const struct h7_room h7_room_msg = {
    .name = "msg",
    .kind = H7_KIND_MSG,
    .control_len = sizeof(struct h7_store_shared),
    .check = check,
};
