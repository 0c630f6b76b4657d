/* SPDX-License-Identifier: MIT */
/*
 * name/level.h - the descriptor that a program polls for an object: its bell, and the deaths that
 * may change what the bell says
 *
 * An epoll descriptor with three things in it:
 *   bell    prim/bell.h: the level itself
 *   watch   inotify on the part `life` (name/alive.h): somebody who may hold something of the
 *           object is ending. A poller is asleep outside of the library, so it must be told.
 *   timer   the kernel closes a dying process's descriptors some time before it counts as dead.
 *           Who looks in between finds it alive, and would never be told again: so for a second
 *           from such an event on he is told to look every 10 ms, as long as anything is held.
 * Where there can be no watch (the user has too many, no /proc, the object is unlinked), the
 * timer does all of it, every 50 ms while anything may be held.
 */
#ifndef H7_NAME_LEVEL_H
#define H7_NAME_LEVEL_H

#include "base/atomic.h"

/* Private to the process; zeroed: nobody has asked yet. */
struct h7_level {
    struct h7_a32 epoll, watch, timer; /* descriptors + 1 */
    struct h7_a32 ticking;
    struct h7_a64 doubt; /* until then a death may be on its way */
    struct h7_a64 gen;   /* fork generation: a child makes its own */
};

/* The descriptor, made at the first call. bell: the end to listen at. Negative errno: -EMFILE,
 * -ENFILE, -ENOMEM, -ENOSPC. */
int h7_level_fd(struct h7_level *l, int obj, int bell);
/* Before a look that could be the last before the next poll: what dies after it is told anew. */
void h7_level_drain(struct h7_level *l);
/* After such a look in vain. holds: somebody holds something now; may_hold: or could, without that
 * the bell would tell. */
void h7_level_rest(struct h7_level *l, int holds, int may_hold);
void h7_level_close(struct h7_level *l);

#endif
