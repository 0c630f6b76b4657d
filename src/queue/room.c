/* SPDX-License-Identifier: MIT */
/* queue/room.c - the POSIX queue's invariants, and its entry in the list of rooms */
#include "prim/room.h"

#include "queue/posix_internal.h"

static int check(const void *handle, char *why, size_t n)
{
    const struct hepta_mq *mq = handle;
    return h7_store_check((struct h7_store *)(uintptr_t)&mq->store, why, n);
}

const struct h7_room h7_room_mq = {
    .name = "mq",
    .kind = H7_KIND_MQ,
    .control_len = sizeof(struct h7_store_shared),
    .check = check,
};
