/* SPDX-License-Identifier: MIT */
/*
 * prim/life.h - which process is this, and is it still alive
 *
 * A pid alone lies: it is reused. An identity is the pid and the inode of its pidfd in
 * the kernel's pidfs (unique since boot from Linux 6.9 on), or where the kernel has no
 * pidfs the start time from /proc. The same over exec; a zombie counts as dead, unless only
 * its main thread has exited; works for other users' processes. A check costs some 7 us.
 */
#ifndef H7_PRIM_LIFE_H
#define H7_PRIM_LIFE_H

#include <stdint.h>
#include <sys/types.h>

struct h7_life {
    uint64_t mark; /* pidfs inode, or H7_LIFE_START_TIME | start time in ticks since boot */
    uint32_t pid;
};

#define H7_LIFE_START_TIME (1ull << 63)

/* Identity of the calling process; cached until fork. 0, -ESRCH (no pidfd and no /proc),
 * -EMFILE, -ENFILE, -ENOMEM. */
int h7_life_self(struct h7_life *id);
/* Before anything is made: asking takes a descriptor for a moment, and the first claim must not
 * ask under a lock. As h7_life_self(), and -ENOSYS (no robust list, or no way to know). */
int h7_life_know_self(void);
/* Identity of pid now. 0, -ESRCH, -EMFILE, -ENFILE, -ENOMEM. */
int h7_life_of(pid_t pid, struct h7_life *id);
/* The mark of one thread, of the kind asked for: 0, or H7_LIFE_START_TIME. 0, -ESRCH (dead), and
 * what says nothing of that: -ENOSYS (no such kind here), -EACCES, -EMFILE, -ENFILE, -ENOMEM. */
int h7_life_of_thread(pid_t tid, uint64_t kind, uint64_t *mark);
/* 1 alive, 0 dead or another process by now; 1 also where that can't be found out (no
 * descriptor left): the living are never declared dead. */
int h7_life_alive(const struct h7_life *id);

#endif
