/* SPDX-License-Identifier: MIT */
/* memory/room.c - a segment's invariants, and its entry in the list of rooms */
#define _GNU_SOURCE
#include "prim/room.h"

#include <errno.h>
#include <stdio.h>

#include "memory/memory_internal.h"

/* G4 and, of one that lives as long as its users, that this one counts. */
static int check(const void *handle, char *why, size_t n)
{
    const struct hepta_shm *shm = handle;
    uint64_t len;
    if (h7_shm_measure(shm->fd, &len) < 0)
        return snprintf(why, n, "it has holes, or no whole pages"), -EBADMSG;
    if (len < h7_load64_relaxed(&shm->mapped))
        return snprintf(why, n, "it is shorter than what is mapped"), -EBADMSG;
    return 0;
}

const struct h7_room h7_room_shm = {
    .name = "shm",
    .label = H7_SHM_LABEL,
    .kind = H7_KIND_SHM,
    .check = check,
};
