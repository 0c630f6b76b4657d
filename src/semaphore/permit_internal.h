/* SPDX-License-Identifier: MIT */
/*
 * semaphore/permit_internal.h - a permit: its handle
 *
 * A permit is a set of one semaphore (semaphore/set.h) with as many as there are places: taking one
 * subtracts with undo, giving it back adds with undo what was subtracted, so that what a dead
 * process held is undone. Reading order: permit_open.c, permit.c (verbs), permit_room.c.
 *
 * The object is a directory "permit.NAME" (name/name.h): the set's part `data`; `r`, the bell of
 * who polls, which is kept once somebody does; `life` (name/alive.h); and `mode`, an empty file:
 * that the kernel lets a process open it for reading and writing is the permission.
 */
#ifndef H7_SEMAPHORE_PERMIT_INTERNAL_H
#define H7_SEMAPHORE_PERMIT_INTERNAL_H

#include <hepta/sem.h>

#include "base/handle.h"
#include "base/self.h"
#include "name/alive.h"
#include "name/level.h"
#include "prim/endpoint.h"
#include "semaphore/set_internal.h"

#define H7_PERMIT_KIND "permit" /* of the name */
#define H7_PERMIT_PART_MODE "mode"
#define H7_PERMIT_PART_BELL "r"

struct hepta_permit {
    struct h7_handle handle;
    uint64_t pidns;     /* of the process that opened it */
    struct h7_a64 gen;  /* fork generation in which the handle was last found valid */
    uint64_t dev, ino;  /* which object: others of this process may be of the same */
    int obj;            /* O_PATH, the object's directory */
    int bell;           /* opened for reading and writing, so that it never hangs up */
    struct h7_alive alive;
    struct h7_level level;
    struct hepta_permit *next; /* of this process's, permit_open.c */
    struct h7_set set;
};

int h7_permit_revalidate(struct hepta_permit *p);

static inline int h7_permit_enter(struct hepta_permit *p)
{
    if (h7_unlikely(!p))
        return -EINVAL;
    if (h7_unlikely(h7_load32_relaxed(&p->handle.kind) != H7_KIND_PERMIT))
        return -EBADF;
    if (h7_unlikely(h7_load64_relaxed(&p->gen) != h7_fork_gen()))
        return h7_permit_revalidate(p);
    return 0;
}

/* Of the set: before a place becomes free while somebody polls. */
int h7_permit_raise(struct h7_set *set);

#endif
