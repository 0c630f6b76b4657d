/* SPDX-License-Identifier: MIT */
/*
 * memory/mutex_internal.h - the robust mutex: what its words say; the verbs are in mutex.c
 *
 * Any number of these can be held at once and for as long as the user likes, so the kernel's
 * "pending" word (prim/lock.h) can't tell of a holder's death: who waits asks by itself. What
 * is asked is whether the thread that wrote the word still lives; the word is all there is.
 * It names its owner in one 64-bit compare-and-swap, so that no death can come between "held"
 * and "by whom".
 *
 * Shared layout (hepta_shm_mutex_t):
 *   field       written by    meaning
 *   word        owner, waiter its low half is the futex word
 *   state       owner         0 fine; 1 inconsistent: an owner died; 2 not recoverable
 *   spins       anybody       advice: how long a spin paid last, 0 to MAX_SPINS
 *   recoveries  owner         how often an owner's death was found
 *
 * States of word (futex word: the low half):
 *   0                    free
 *   OWNER                held, nobody sleeps
 *   OWNER | WAITERS      held, somebody may sleep
 * OWNER is a thread, h7_mutex_owner(): its TID (22 bits: the kernel's limit), 20 bits of its PID
 * namespace, 21 bits of its mark (prim/life.h), by which a later thread with the same TID is told
 * from it: 0 unknown, else one bit for the kind of mark and a hash.
 *
 * Where an owner can die, and who mends it: all of them are found by the next one who has waited
 * for a tick, or who comes with HEPTA_NOW; he replaces the dead one's word by his own, so only one
 * does.
 *   M1 holding it                     -EOWNERDEAD
 *   M2 taken over, state not yet 1    the heir is dead, too: as M1
 *   M3 state 2 written, not unlocked  the state stays 2
 *   M4 unlocked, nobody woken         sleepers look again after a tick
 *   M5 woken, and killed              as M4
 */
#ifndef H7_MEMORY_MUTEX_INTERNAL_H
#define H7_MEMORY_MUTEX_INTERNAL_H

#include <hepta/shm.h>

#include "base/atomic.h"

#define H7_MUTEX_TID 0x3fffffu
#define H7_MUTEX_WAITERS 0x80000000u

enum { H7_MUTEX_FINE = 0, H7_MUTEX_INCONSISTENT = 1, H7_MUTEX_LOST = 2 };

struct h7_mutex_shared {
    struct h7_a64 word;
    struct h7_a32 state;
    struct h7_a32 spins;
    struct h7_a64 recoveries;
    struct h7_a64 reserved;
};

_Static_assert(sizeof(struct h7_mutex_shared) == sizeof(hepta_shm_mutex_t), "layout");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the low half of a word comes first");

/* What a thread writes; mark as h7_life_of_thread() says, 0 unknown. */
uint64_t h7_mutex_owner(uint32_t tid, uint64_t mark, uint64_t pidns);
/* Is the thread that wrote the word dead? 1, 0 (alive, or it can't be found out), -EXDEV (of
 * another PID namespace). */
int h7_mutex_orphaned(uint64_t word);

#endif
