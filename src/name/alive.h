/* SPDX-License-Identifier: MIT */
/*
 * name/alive.h - a sign that a process which holds something of an object lives
 *
 * Who takes more of an object than a verb lasts (a lease, a permit) keeps its part `life` open
 * for writing. The kernel closes it when the process ends, however it ends, and with that tells
 * who watches the part (name/level.h). The record of what was taken names its owner
 * (prim/life.h); this is only the alarm.
 *
 * A child of fork(2) would hold the parent's descriptor open: it is closed there
 * (pthread_atfork). vfork(2) and a raw clone don't run that; exec closes it.
 */
#ifndef H7_NAME_ALIVE_H
#define H7_NAME_ALIVE_H

#include "base/atomic.h"

#define H7_PART_LIFE "life"

/* Private to the process; one of each attached object. Zeroed: not begun. */
struct h7_alive {
    struct h7_a32 fd;  /* descriptor + 1 ... */
    struct h7_a64 gen; /* ... in this fork generation (base/self.h) */
};

/* Before something is taken; again in a child. obj: the object's directory. 0 also where it is
 * unlinked: nobody can begin to watch it by name any more. Else as h7_name_part(). */
int h7_alive_begin(struct h7_alive *a, int obj);
void h7_alive_end(struct h7_alive *a);

#endif
