/* SPDX-License-Identifier: MIT */
/* base/mutex.c - see base/mutex.h */
#include "base/mutex.h"

#include <errno.h>
#include <hepta/base.h>

#include "base/self.h"
#include "base/sys.h"

#define SLEEPERS 1u

static uint32_t my_word(void)
{
    uint32_t word = (uint32_t)h7_fork_gen() << 1;
    return word ? word : ~SLEEPERS; /* a process that has no generation, yet or ever */
}

int h7_mutex_lock(struct h7_mutex *m, int64_t deadline)
{
    uint32_t mine = my_word(), found = 0, slept = 0;
    for (;;) {
        if ((found & ~SLEEPERS) != mine) { /* free, or the holder stayed in the parent */
            /* Acquire, with the release in unlock. Who has slept can't know who else does. */
            if (h7_cas32_acquire(&m->word, &found, mine | slept))
                return 0;
            continue;
        }
        if (deadline == HEPTA_NOW)
            return -EAGAIN;
        if (!(found & SLEEPERS) && !h7_cas32_relaxed(&m->word, &found, found | SLEEPERS))
            continue;
        /* No wake-up is lost: unlock swaps the word that we compare, then looks at the bit. */
        int r = h7_sys_futex_wait(&m->word, mine | SLEEPERS, deadline);
        if (r < 0 && r != -EAGAIN)
            return r;
        slept = SLEEPERS;
        found = h7_load32_relaxed(&m->word); /* only what the next compare-and-swap expects */
    }
}

void h7_mutex_unlock(struct h7_mutex *m)
{
    if (h7_swap32_release(&m->word, 0) & SLEEPERS)
        h7_sys_futex_wake(&m->word, 1);
}
