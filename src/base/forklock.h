/* SPDX-License-Identifier: MIT */
/*
 * base/forklock.h - a lock between the threads of one process that a fork can't leave held
 *
 * The word is 0, or the fork generation (base/self.h) of the process whose thread holds it. A
 * copy that fork() took while another thread held it carries an older generation than the
 * child's, and is nobody's. Held for some instructions or system calls, never over a wait;
 * contenders yield. Call it only where h7_self() has been called in this process.
 */
#ifndef H7_BASE_FORKLOCK_H
#define H7_BASE_FORKLOCK_H

#include <sched.h>

#include "base/self.h"

struct h7_forklock {
    struct h7_a64 word;
};

static inline void h7_forklock_take(struct h7_forklock *l)
{
    uint64_t found = 0, gen = h7_fork_gen();
    while (!h7_cas64_acquire(&l->word, &found, gen)) {
        if (found != 0 && found == gen) {
            sched_yield();
            found = 0;
        }
    }
}

static inline void h7_forklock_give(struct h7_forklock *l)
{
    h7_store64_release(&l->word, 0); /* with the acquire above: what the lock guards */
}

#endif
