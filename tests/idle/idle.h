/* SPDX-License-Identifier: MIT */
/*
 * idle.h - who waits for a living peer uses no processor time: what the rooms' tests share
 *
 * A child blocks in a verb; after it has settled, its processor time over a second is
 * read from its clock (clock_getcpuclockid(3)). Where it wakes in ticks to look for itself, what
 * a bare timer costs at that pace is measured in the same second, since on a virtual
 * machine that is most of it, and another amount in every minute. A case fails if it used too
 * much in each of three tries: what others do to the machine passes, a wait that costs something
 * doesn't.
 */
#ifndef HEPTA_TESTS_IDLE_H
#define HEPTA_TESTS_IDLE_H

#include <stddef.h>

#define IDLE_TICKS_US 1000 /* of who ticks, beyond the bare timer's */

struct idle_case {
    const char *name;
    void (*before)(void); /* in the parent, which has the object open; NULL: nothing */
    void (*wait)(void);   /* in the child; never returns */
    int tick_ms;          /* 0: it just sleeps */
    int ticks_us;         /* of who ticks: so much beyond the bare timer's */
};

/* Run all, each between make() and unmake(), which end what a try needs. The exit status. */
int idle_run(const struct idle_case *cases, size_t n, void (*make)(void), void (*unmake)(void));

#endif
