/* SPDX-License-Identifier: MIT */
/*
 * semaphore/semset_internal.h - System V semaphore sets inside the library
 *
 * A set is a semaphore/set.h; its ids, keys and permissions are those of sysv/sysv.h. What is its
 * own is that a verb is given a number, not a handle. Reading order: sysv/sysv.h; semaphore/set.h;
 * this; semset.c (get, operations); semset_ctl.c; semset_family.c; semset_room.c.
 *
 * Shared layout: in the set's room, struct h7_sysv_shared, and nothing else. Beside the set the
 * object has the part `sems`, a text that says how many there are, and that nobody can write.
 */
#ifndef H7_SEMAPHORE_SEMSET_INTERNAL_H
#define H7_SEMAPHORE_SEMSET_INTERNAL_H

#include <hepta/semset.h>

#include "semaphore/set_internal.h"
#include "sysv/sysv.h"

#define H7_SEMSET_COUNT "sems"

/* An entry of the table. */
struct h7_semset {
    struct h7_sysv_entry entry; /* first */
    struct h7_set set;
};

/* What get is asked for. */
struct h7_semset_wish {
    uint32_t n;
    uint32_t undoers_max;
};

extern const struct h7_sysv_family h7_semset_family;
extern struct h7_sysv_table h7_semset_table;

static inline struct h7_semset *h7_semset_of(const struct h7_sysv_entry *e)
{
    return (struct h7_semset *)(uintptr_t)e;
}

/* As h7_sysv_enter(): 0, and h7_semset_leave_with() has to follow. */
static inline int h7_semset_enter(int id, struct h7_semset **s)
{
    struct h7_sysv_entry *e = NULL;
    int r = h7_sysv_enter(&h7_semset_table, id, &e);
    *s = h7_semset_of(e);
    return r;
}

/* With a verb's result. */
static inline int h7_semset_leave_with(struct h7_semset *s, int r)
{
    return (int)h7_sysv_leave_with(&h7_semset_table, &s->entry, r);
}

/* The invariants. 0, or -EBADMSG and one line why. */
int h7_semset_check(const struct h7_semset *s, char *why, size_t n);

#endif
