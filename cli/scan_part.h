/* SPDX-License-Identifier: MIT */
/* cli/scan_part.h - pieces that several kinds of shared memory have; see scan_read.h */
#ifndef CLI_SCAN_PART_H
#define CLI_SCAN_PART_H

#include "cli/scan_read.h"
#include "prim/lock.h"
#include "prim/sleepers.h"
#include "sysv/sysv.h"

/* A lock's holder, dead or not. */
void part_lock(struct scan *s, struct object *o, const struct view *v, const struct h7_lock *lock,
               const char *what);
/* A process that holds something of it: true, it is dead. */
bool part_holder(struct object *o, const struct view *v, uint32_t pid, uint64_t mark,
                 int64_t since_ns, const char *what);
/* Who sleeps there, the living. has_since: own[1] says since when. */
void part_sleepers(struct scan *s, struct object *o, const struct view *v,
                   const struct h7_sleepers *t, const char *call, bool has_since);
void part_sysv(struct scan *s, struct object *o, const struct h7_sysv_shared *sh);

#endif
