/* SPDX-License-Identifier: MIT */
/*
 * pipe/pipe.c - the verbs of hepta/pipe.h: check the arguments, then prim/conduit.c
 *
 * Kernel and memory share the work: two kernel pipes ("bells") say who is there and carry
 * sleep, wake-up and end-of-file; the bytes go through a ring in a sealed memfd that both
 * sides map. See prim/conduit.h for the protocol and the crash windows.
 */
#include "pipe/pipe_internal.h"

/* After fork: same mapping and descriptors, another process; perhaps another namespace.
 * What the parent's threads had reserved or peeked isn't ours: held_gen says so. */
int h7_pipe_revalidate(struct hepta_pipe *p, int role)
{
    int r = h7_endpoint_at_home(p->pidns);
    if (r < 0 || role < 0)
        return r; /* stat, fd, export: who moves the counter puts it right */
    h7_conduit_resync(&p->flow);
    h7_store64_relaxed(&p->gen, h7_fork_gen());
    return 0;
}

ssize_t hepta_pipe_write(struct hepta_pipe *p, const void *buf, size_t len, int64_t deadline)
{
    int r = h7_pipe_enter(p, H7_WRITER);
    if (h7_likely(r == 0))
        r = h7_endpoint_buffer(buf, len);
    if (h7_unlikely(r < 0 || len == 0))
        return r;
    return h7_conduit_write(&p->flow, buf, len, h7_deadline(deadline));
}

ssize_t hepta_pipe_read(struct hepta_pipe *p, void *buf, size_t len, int64_t deadline)
{
    int r = h7_pipe_enter(p, H7_READER);
    if (h7_likely(r == 0))
        r = h7_endpoint_buffer(buf, len);
    if (h7_unlikely(r < 0 || len == 0))
        return r;
    ssize_t n = h7_conduit_read(&p->flow, buf, len, h7_deadline(deadline));
    return n < (ssize_t)len ? n : (ssize_t)len; /* the rest of a packet is discarded */
}

int hepta_pipe_reserve(struct hepta_pipe *p, size_t len, void **ptr, int64_t deadline)
{
    int r = h7_pipe_enter(p, H7_WRITER);
    if (r < 0)
        return r;
    return ptr ? h7_conduit_reserve(&p->flow, len, ptr, h7_deadline(deadline)) : -EFAULT;
}

int hepta_pipe_commit(struct hepta_pipe *p, size_t len)
{
    int r = h7_pipe_enter(p, H7_WRITER);
    return r < 0 ? r : h7_conduit_commit(&p->flow, len);
}

ssize_t hepta_pipe_peek(struct hepta_pipe *p, const void **ptr, int64_t deadline)
{
    int r = h7_pipe_enter(p, H7_READER);
    if (r < 0)
        return r;
    return ptr ? h7_conduit_peek(&p->flow, ptr, h7_deadline(deadline)) : -EFAULT;
}

int hepta_pipe_release(struct hepta_pipe *p, size_t len)
{
    int r = h7_pipe_enter(p, H7_READER);
    return r < 0 ? r : h7_conduit_release(&p->flow, len);
}

int hepta_pipe_fd(struct hepta_pipe *p)
{
    int r = h7_pipe_enter(p, -1);
    if (r == 0)
        r = h7_conduit_keep_level(&p->flow);
    return r < 0 ? r : p->flow.listen_fd;
}

int hepta_pipe_stat(struct hepta_pipe *p, struct hepta_pipe_stat *st, size_t st_size)
{
    int r = h7_pipe_enter(p, -1);
    return r < 0 ? r : h7_endpoint_stat(&p->flow, st, st_size);
}
