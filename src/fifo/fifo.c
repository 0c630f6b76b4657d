/* SPDX-License-Identifier: MIT */
/*
 * fifo/fifo.c - the verbs of hepta/fifo.h on an open FIFO
 *
 * The data path is the pipe's: check the arguments, then prim/conduit.c. What is a FIFO's
 * own, opening and the end of contents, is in open.c. The kernel's FIFOs leave it where a
 * fork is looked for (h7_fifo_enter()): what is in memory pays nothing for them.
 */
#include "fifo/fifo_internal.h"
#include "fifo/kernel.h"

int h7_fifo_revalidate(struct hepta_fifo *f)
{
    if (f->fd >= 0)
        return H7_FIFO_KERNEL;
    int r = h7_endpoint_at_home(f->pidns);
    if (r == 0)
        h7_store64_relaxed(&f->gen, h7_fork_gen());
    return r;
}

ssize_t hepta_fifo_write(struct hepta_fifo *f, const void *buf, size_t len, int64_t deadline)
{
    int r = h7_fifo_enter(f, H7_WRITER);
    if (h7_likely(r == 0))
        r = h7_endpoint_buffer(buf, len);
    if (h7_unlikely(r != 0 || len == 0))
        return r > 0 ? h7_kernel_fifo_write(f, buf, len, deadline) : r;
    return h7_conduit_write(&f->flow[H7_WRITER], buf, len, h7_deadline(deadline));
}

ssize_t hepta_fifo_read(struct hepta_fifo *f, void *buf, size_t len, int64_t deadline)
{
    int r = h7_fifo_enter(f, H7_READER);
    if (h7_likely(r == 0))
        r = h7_endpoint_buffer(buf, len);
    if (h7_unlikely(r != 0 || len == 0))
        return r > 0 ? h7_kernel_fifo_read(f, buf, len, deadline) : r;
    ssize_t n = h7_conduit_read(&f->flow[H7_READER], buf, len, h7_deadline(deadline));
    return n < (ssize_t)len ? n : (ssize_t)len; /* the rest of a packet is discarded */
}

/* For verbs that hand out addresses. */
static int enter_memory(struct hepta_fifo *f, int role)
{
    int r = h7_fifo_enter(f, role);
    return r > 0 ? -EOPNOTSUPP : r;
}

int hepta_fifo_reserve(struct hepta_fifo *f, size_t len, void **ptr, int64_t deadline)
{
    int r = enter_memory(f, H7_WRITER);
    if (r < 0)
        return r;
    return ptr ? h7_conduit_reserve(&f->flow[H7_WRITER], len, ptr, h7_deadline(deadline))
               : -EFAULT;
}

int hepta_fifo_commit(struct hepta_fifo *f, size_t len)
{
    int r = enter_memory(f, H7_WRITER);
    return r < 0 ? r : h7_conduit_commit(&f->flow[H7_WRITER], len);
}

ssize_t hepta_fifo_peek(struct hepta_fifo *f, const void **ptr, int64_t deadline)
{
    int r = enter_memory(f, H7_READER);
    if (r < 0)
        return r;
    return ptr ? h7_conduit_peek(&f->flow[H7_READER], ptr, h7_deadline(deadline)) : -EFAULT;
}

int hepta_fifo_release(struct hepta_fifo *f, size_t len)
{
    int r = enter_memory(f, H7_READER);
    return r < 0 ? r : h7_conduit_release(&f->flow[H7_READER], len);
}

int hepta_fifo_fd(struct hepta_fifo *f, uint32_t access)
{
    int role = access == HEPTA_FIFO_READ ? H7_READER : H7_WRITER;
    int r = h7_fifo_enter(f, -1);
    if (r < 0)
        return r;
    if (access != HEPTA_FIFO_READ && access != HEPTA_FIFO_WRITE)
        return -EINVAL;
    if (!(f->access & access))
        return -EBADF;
    if (r > 0)
        return f->fd;
    r = h7_conduit_keep_level(&f->flow[role]);
    return r < 0 ? r : f->flow[role].listen_fd;
}

int hepta_fifo_stat(struct hepta_fifo *f, struct hepta_pipe_stat *st, size_t st_size)
{
    int r = h7_fifo_enter(f, -1);
    if (r != 0)
        return r > 0 ? h7_kernel_fifo_stat(f, st, st_size) : r;
    /* Open for both, neither side can be gone: either tells the same. */
    return h7_endpoint_stat(&f->flow[f->access & HEPTA_FIFO_READ ? H7_READER : H7_WRITER], st,
                            st_size);
}
