/* SPDX-License-Identifier: MIT */
/* semaphore/sem_room.c - the semaphore's invariants, and its entry in the list of rooms */
#include <stdio.h>

#include "prim/lock.h"
#include "prim/room.h"
#include "semaphore/sem_internal.h"

static int broken(char *why, size_t n, const char *what, uint32_t found)
{
    snprintf(why, n, "%s: %#x", what, found);
    return -EBADMSG;
}

int h7_sem_check(const struct h7_sem *s, char *why, size_t n)
{
    uint32_t kind = h7_load32_relaxed(&s->kind), event = h7_load32_relaxed(&s->event);
    uint32_t value = H7_SEM_VALUE(h7_load64_relaxed(&s->state));
    if (kind != H7_SEM_PLAIN && kind != H7_SEM_NAMED)
        return broken(why, n, "M1: not a semaphore", kind);
    if (value > HEPTA_SEM_VALUE_MAX)
        return broken(why, n, "M2: value", value);
    uint32_t caller = event & ~H7_LOCK_WAITERS;
    if (event != 0 && (!(event & H7_LOCK_WAITERS) || caller == 0 ||
                       (caller & H7_LOCK_OWNER_DIED && caller != H7_LOCK_OWNER_DIED)))
        return broken(why, n, "M3: event", event);
    return 0;
}

static int check(const void *handle, char *why, size_t n)
{
    return h7_sem_check(handle, why, n);
}

const struct h7_room h7_room_sem = {
    .name = "sem",
    .kind = H7_KIND_SEM,
    .control_len = sizeof(struct h7_sem),
    .check = check,
};
