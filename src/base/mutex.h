/* SPDX-License-Identifier: MIT */
/*
 * base/mutex.h - a lock among the threads of one process, with deadlines
 *
 * For private memory that verbs change, where a pthread mutex would do but for three things:
 * it doesn't return after a signal, doesn't know HEPTA_NOW, and a fork() while another
 * thread holds it leaves it locked in the child for ever. Here the word names the fork
 * generation of the holder, so that the child takes it over. What the holder was about to
 * change is then half changed: the user of the lock has to bear that.
 *
 * word: 0 free; else the holder's generation << 1, and bit 0 if somebody may be asleep.
 */
#ifndef H7_BASE_MUTEX_H
#define H7_BASE_MUTEX_H

#include "base/atomic.h"

struct h7_mutex {
    struct h7_a32 word; /* futex word */
};

/* 0, -EAGAIN (HEPTA_NOW), -ETIMEDOUT, -EINTR. */
int h7_mutex_lock(struct h7_mutex *m, int64_t deadline);
void h7_mutex_unlock(struct h7_mutex *m);

#endif
