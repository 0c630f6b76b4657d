/* SPDX-License-Identifier: MIT */
/*
 * pipe/pipe_internal.h - one end of a pipe inside the library
 *
 * A pipe is one conduit (prim/conduit.h) in an anonymous sealed segment, with two kernel
 * pipes as its bells. Reading order: pipe.c (verbs), fds.c (making and handing over),
 * room.c (check and registration).
 */
#ifndef H7_PIPE_INTERNAL_H
#define H7_PIPE_INTERNAL_H

#include <hepta/pipe.h>

#include "base/handle.h"
#include "base/self.h"
#include "prim/conduit.h"
#include "prim/endpoint.h"
#include "prim/segment.h"

struct hepta_pipe {
    struct h7_handle handle;
    uint64_t pidns;     /* of the process that made the handle */
    struct h7_a64 gen;  /* fork generation in which the handle was last found valid */
    struct h7_conduit flow;
    struct h7_segment seg;
};

/* Order of descriptors in export and attach. */
enum { H7_PIPE_FD_MEMORY, H7_PIPE_FD_RING, H7_PIPE_FD_LISTEN };

int h7_pipe_revalidate(struct hepta_pipe *p, int role);

/* Is p an open end? role: enum h7_role, or -1 for either. 0, or the errno of pipe.h. */
static inline int h7_pipe_enter(struct hepta_pipe *p, int role)
{
    if (h7_unlikely(!p))
        return -EINVAL;
    if (h7_unlikely(h7_load32_relaxed(&p->handle.kind) != H7_KIND_PIPE))
        return -EBADF;
    if (h7_unlikely(role >= 0 && p->flow.role != role))
        return -EBADF;
    if (h7_unlikely(h7_load64_relaxed(&p->gen) != h7_fork_gen()))
        return h7_pipe_revalidate(p, role);
    return 0;
}

/* Every invariant of the segment and the conduit. 0, or -EBADMSG and why (room.c). */
int h7_pipe_check(const struct hepta_pipe *p, char *why, size_t n);

#endif
