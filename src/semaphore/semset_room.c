/* SPDX-License-Identifier: MIT */
/* semaphore/semset_room.c - invariants of System V sets, and their entry in the list of rooms */
#include <stdio.h>

#include "prim/room.h"
#include "semaphore/semset_internal.h"

int h7_semset_check(const struct h7_semset *s, char *why, size_t n)
{
    /* The check takes the lock, which is in the segment. */
    int r = h7_set_check((struct h7_set *)(uintptr_t)&s->set, why, n);
    if (r < 0)
        return r;
    const char *wrong = h7_sysv_what_is_wrong(&s->entry);
    if (wrong)
        snprintf(why, n, "semset: %s", wrong);
    return wrong ? -EBADMSG : 0;
}

static int check(const void *handle, char *why, size_t n)
{
    return h7_semset_check(handle, why, n);
}

const struct h7_room h7_room_semset = {
    .name = "semset",
    .kind = H7_KIND_SEMSET,
    .control_len = sizeof(struct h7_set_shared),
    .check = check,
};
