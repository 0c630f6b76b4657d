/* SPDX-License-Identifier: MIT */
/*
 * prim/endpoint.h - what the handles of a pipe and of a FIFO have in common; a socket's take
 * the options, the buffer and the question after a fork from here, too
 *
 * A pipe and a FIFO are a conduit in a segment, with kernel pipes as bells, behind the same
 * verbs. The rooms keep what differs: names and descriptors, who may open, how it begins and
 * ends.
 */
#ifndef H7_PRIM_ENDPOINT_H
#define H7_PRIM_ENDPOINT_H

#include <errno.h>
#include <hepta/pipe.h>
#include <limits.h>

#include "prim/conduit.h"

/* Copy what the caller's library knew of an options struct, which begins with its size;
 * refuse what ours doesn't know. opt NULL: all zero. 0, -EINVAL, -E2BIG. */
int h7_endpoint_options(void *ours, size_t size, const void *opt);
/* Wait mode and spin are in their ranges. 0, -EINVAL. */
int h7_endpoint_ways(uint32_t wait, uint32_t spin_ns);

/* After a fork: is this process still in the PID namespace of the one that made the handle?
 * 0, -EXDEV, or as h7_self_fill(). */
int h7_endpoint_at_home(uint64_t pidns);

/* An empty conduit, as when it was made, whatever is in there: for who knows that nobody uses
 * it. Not touched are bell_ino, statistics, and closes, which somebody who has just closed
 * his descriptors may still add to. Both bells are wanted: their bytes went with their users.
 * One that dies in here has to be followed by another. */
void h7_endpoint_reset(struct h7_conduit_shared *shared);

/* The inode of a kernel pipe or FIFO; 0 if fd is no such thing. */
uint64_t h7_endpoint_inode(int fd);

/* What hepta/pipe.h says of hepta_pipe_stat(), of the side c. 0, -EFAULT, -EINVAL. */
int h7_endpoint_stat(const struct h7_conduit *c, struct hepta_pipe_stat *st, size_t st_size);

/* Its parts: is there room (0, -EFAULT, -EINVAL), and the answer of any version's size. */
int h7_endpoint_stat_room(const struct hepta_pipe_stat *st, size_t st_size);
void h7_endpoint_give_stat(struct hepta_pipe_stat *st, size_t st_size,
                           const struct hepta_pipe_stat *ours);

/* A buffer of a verb. 0, -EINVAL, -EFAULT. */
static inline int h7_endpoint_buffer(const void *buf, size_t len)
{
    if (len > SSIZE_MAX)
        return -EINVAL;
    return buf || len == 0 ? 0 : -EFAULT;
}

#endif
