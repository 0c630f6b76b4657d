/* SPDX-License-Identifier: MIT */
/* semaphore/permit_room.c - the permit's invariants, and its entry in the list of rooms */
#include "prim/room.h"

#include "semaphore/permit_internal.h"

static int check(const void *handle, char *why, size_t n)
{
    const struct hepta_permit *p = handle;
    return h7_set_check((struct h7_set *)(uintptr_t)&p->set, why, n);
}

const struct h7_room h7_room_permit = {
    .name = "permit",
    .kind = H7_KIND_PERMIT,
    .control_len = sizeof(struct h7_set_shared),
    .check = check,
};
