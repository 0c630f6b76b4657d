/* SPDX-License-Identifier: MIT */
/*
 * fifo/kernel.c - the verbs of hepta/fifo.h on the kernel's own FIFO
 *
 * See kernel.h. What is open for writing shows POLLOUT while a page is free, which is when
 * PIPE_BUF bytes go in whole: who is woken need not wait again for want of room.
 */
#define _GNU_SOURCE
#include "fifo/kernel.h"

#include <fcntl.h>
#include <sys/ioctl.h>

#include "base/clock.h"
#include "base/sys.h"

/* The try gave -EAGAIN, or a part: 0 to try again, or what the verb returns. */
static int wait_to_try(const struct hepta_fifo *f, short events, int64_t deadline)
{
    if (deadline == HEPTA_NOW)
        return -EAGAIN;
    /* Before poll(2), which doesn't look at the time where there is no need to wait. */
    if (deadline != HEPTA_FOREVER && hepta_now_ns() >= deadline)
        return -ETIMEDOUT;
    if (f->wait == HEPTA_WAIT_BUSY) {
        h7_pause();
        return 0;
    }
    struct pollfd p = {.fd = f->fd, .events = events};
    int r = h7_sys_poll(&p, 1, deadline);
    return r < 0 ? r : 0;
}

ssize_t h7_kernel_fifo_write(struct hepta_fifo *f, const void *buf, size_t len, int64_t deadline)
{
    const char *from = buf;
    size_t done = 0;
    ssize_t r = h7_endpoint_buffer(buf, len);
    while (r == 0 && done < len) {
        r = h7_sys_write_quiet(f->fd, from + done, len - done);
        if (r > 0) {
            done += (size_t)r;
            r = done < len ? -EAGAIN : 0; /* it took what there was room for */
        }
        if (r == -EAGAIN)
            r = wait_to_try(f, POLLOUT, h7_deadline(deadline));
    }
    return done ? (ssize_t)done : r;
}

ssize_t h7_kernel_fifo_read(struct hepta_fifo *f, void *buf, size_t len, int64_t deadline)
{
    int r = h7_endpoint_buffer(buf, len);
    while (r == 0 && len > 0) {
        ssize_t n = h7_sys_read(f->fd, buf, len);
        if (n != -EAGAIN)
            return n;
        r = wait_to_try(f, POLLIN, h7_deadline(deadline));
    }
    return r;
}

/* Of our own side, and of both where we are both, nobody need be asked. POLLHUP says that
 * the writers have gone; that none has come yet it doesn't. */
static int who_is_there(const struct hepta_fifo *f, struct hepta_pipe_stat *s)
{
    struct pollfd p = {.fd = f->fd};
    int r = h7_sys_poll(&p, 1, HEPTA_NOW);
    if (r < 0)
        return r;
    s->has_reader = f->access & HEPTA_FIFO_READ || !(p.revents & POLLERR);
    s->has_writer = f->access & HEPTA_FIFO_WRITE || !(p.revents & POLLHUP);
    if (!(f->access & HEPTA_FIFO_WRITE) && s->has_writer && s->used == 0) {
        r = h7_kernel_fifo_has_writer(f->fd);
        s->has_writer = r > 0;
    }
    return r < 0 ? r : 0;
}

static int look(const struct hepta_fifo *f, struct hepta_pipe_stat *s)
{
    int used = 0, capacity = fcntl(f->fd, F_GETPIPE_SZ), flags = fcntl(f->fd, F_GETFL);
    if (capacity < 0 || flags < 0 || ioctl(f->fd, FIONREAD, &used) < 0)
        return -errno;
    s->capacity = (uint64_t)capacity;
    s->used = (uint64_t)used;
    s->flags = flags & O_DIRECT ? HEPTA_FIFO_PACKET : 0;
    return who_is_there(f, s);
}

int h7_kernel_fifo_stat(struct hepta_fifo *f, struct hepta_pipe_stat *st, size_t st_size)
{
    struct hepta_pipe_stat s = {0};
    int r = h7_endpoint_stat_room(st, st_size);
    if (r == 0)
        r = look(f, &s);
    if (r == 0)
        h7_endpoint_give_stat(st, st_size, &s);
    return r;
}
