/* SPDX-License-Identifier: MIT */
/*
 * bench/hepta_io.h - whole messages through Hepta's verbs, whatever the room
 *
 * The loops around the verbs are each back end's own; what a result means is the same for
 * all of them.
 */
#ifndef BENCH_HEPTA_IO_H
#define BENCH_HEPTA_IO_H

#include "bench/bench.h"
#include "bench/ticks.h"

#include <errno.h>
#include <hepta/base.h>
#include <sys/types.h>

/* enum hepta_wait of a case. */
static inline uint32_t hepta_wait_of(const struct bench_case *c)
{
    static const uint32_t wait_of[] = {
        [BENCH_BUSY] = HEPTA_WAIT_BUSY,
        [BENCH_SLEEP] = HEPTA_WAIT_SLEEP,
        [BENCH_ADAPTIVE] = HEPTA_WAIT_ADAPTIVE,
    };

    return wait_of[c->mode];
}

/* The verb did nothing and is to be called again: a handler ran, or (HEPTA_NOW) not yet. */
static inline bool hepta_again(ssize_t n)
{
    if (n == -EAGAIN)
        bench_pause();
    return n == -EAGAIN || n == -EINTR;
}

/* Of a stream: adds what went to @done. 0 to go on; the other end's end is -EPIPE. */
static inline int hepta_part(ssize_t n, size_t *done)
{
    if (n > 0) {
        *done += (size_t)n;
        return 0;
    }
    return n == 0 ? -EPIPE : hepta_again(n) ? 0 : (int)n;
}

/* Of messages: went as a whole, or -EPIPE, -EBADMSG (another length), or the verb's error. */
static inline int hepta_whole(ssize_t n, size_t len)
{
    if (n <= 0)
        return n ? (int)n : -EPIPE;
    return (size_t)n == len ? 0 : -EBADMSG;
}

#endif
