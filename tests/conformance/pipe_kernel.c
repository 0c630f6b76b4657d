/* SPDX-License-Identifier: MIT */
/*
 * pipe_kernel.c - the kernel's pipe behind the table of pipe_room.h, and what its FIFO shares
 *
 * The deadline of a call is translated: HEPTA_NOW sets O_NONBLOCK on the end (a property of
 * the open file description: cases don't use one end with and without waiting at the same
 * time), HEPTA_FOREVER clears it, and any other deadline is poll() and a non-blocking call.
 */
#define _GNU_SOURCE
#include "pipe_room.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_ENDS 4096
#define UNTOUCHED (-7)

/* Never freed, never used again: a closed end keeps its number, so that calls on it reach
 * the kernel as the misuse they are. */
struct pend {
    int fd;
};

static struct pend ends[MAX_ENDS];
static _Atomic unsigned n_ends; /* threads open, too */

struct pend *kernel_end(int fd)
{
    struct pend *end = &ends[n_ends++ % MAX_ENDS];

    end->fd = fd;
    return end;
}

static int set_capacity(int fds[2], size_t capacity)
{
    if (capacity == 0 || fcntl(fds[0], F_SETPIPE_SZ, capacity) >= 0)
        return 0;
    int err = -errno;
    close(fds[0]);
    close(fds[1]);
    return err;
}

static int k_make(struct pend **r, struct pend **w, const struct pipe_want *want)
{
    int fds[2] = {UNTOUCHED, UNTOUCHED};
    int flags = want->flags & WANT_PLAIN ? 0 : O_CLOEXEC;

    flags |= want->flags & WANT_PACKET ? O_DIRECT : 0;
    flags |= want->flags & WANT_BAD_FLAG ? O_APPEND : 0;
    if (!r || !w)
        return syscall(SYS_pipe2, NULL, flags) < 0 ? -errno : 0;
    if (pipe2(fds, flags) < 0) {
        if (fds[0] != UNTOUCHED || fds[1] != UNTOUCHED)
            *r = *w = NULL;
        return -errno;
    }
    int err = set_capacity(fds, want->capacity);
    if (err < 0)
        return err;
    *r = kernel_end(fds[0]);
    *w = kernel_end(fds[1]);
    return 0;
}

static int set_nonblock(int fd, bool on)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0)
        return -errno;
    if (!(flags & O_NONBLOCK) == !on)
        return 0;
    return fcntl(fd, F_SETFL, flags ^ O_NONBLOCK) < 0 ? -errno : 0;
}

/* 0: try again; the deadline has passed: -ETIMEDOUT. */
static int wait_until(int fd, short events, int64_t deadline)
{
    struct pollfd p = {.fd = fd, .events = events};
    int64_t left = deadline - hepta_now_ns();

    if (left <= 0)
        return -ETIMEDOUT;
    return poll(&p, 1, (int)((left + 999999) / 1000000)) < 0 ? -errno : 0;
}

ssize_t kernel_write(struct pend *end, const void *buf, size_t len, int64_t deadline)
{
    size_t done = 0;
    int err = set_nonblock(end->fd, deadline != HEPTA_FOREVER);

    while (err == 0) {
        ssize_t n = write(end->fd, (const char *)buf + done, len - done);

        if (deadline == HEPTA_NOW || deadline == HEPTA_FOREVER)
            return n < 0 ? -errno : n;
        done += n > 0 ? (size_t)n : 0;
        if (done == len)
            return (ssize_t)done;
        err = n < 0 && errno != EAGAIN ? -errno : wait_until(end->fd, POLLOUT, deadline);
    }
    return done > 0 ? (ssize_t)done : err;
}

ssize_t kernel_read(struct pend *end, void *buf, size_t len, int64_t deadline)
{
    int err = set_nonblock(end->fd, deadline != HEPTA_FOREVER);

    while (err == 0) {
        ssize_t n = read(end->fd, buf, len);

        if (n >= 0)
            return n;
        if (deadline == HEPTA_NOW || deadline == HEPTA_FOREVER || errno != EAGAIN)
            return -errno;
        err = wait_until(end->fd, POLLIN, deadline);
    }
    return err;
}

void kernel_close(struct pend *end)
{
    close(end->fd);
}

int kernel_fd(struct pend *end)
{
    return end->fd;
}

int kernel_see(struct pend *end, struct pipe_seen *seen)
{
    struct pollfd p = {.fd = end->fd};
    int n = 0, capacity = fcntl(end->fd, F_GETPIPE_SZ);
    bool reader = (fcntl(end->fd, F_GETFL) & O_ACCMODE) == O_RDONLY;

    if (capacity < 0 || ioctl(end->fd, FIONREAD, &n) < 0 || poll(&p, 1, 0) < 0)
        return -errno;
    seen->capacity = (size_t)capacity;
    seen->used = (size_t)n;
    seen->has_reader = reader || !(p.revents & POLLERR);
    seen->has_writer = !reader || !(p.revents & POLLHUP);
    return 0;
}

static int k_give(struct pend *end, int fds[N_PASSED_FDS])
{
    fds[0] = dup(end->fd);
    fds[1] = fds[2] = -1;
    return fds[0] < 0 ? -errno : 0;
}

static int k_take(struct pend **end, const int fds[N_PASSED_FDS])
{
    if (fcntl(fds[0], F_SETFD, FD_CLOEXEC) < 0)
        return -errno;
    *end = kernel_end(fds[0]);
    return 0;
}

const struct pipe_ops pipe_kernel_ops = {
    .make = k_make, .write = kernel_write, .read = kernel_read, .close = kernel_close,
    .fd = kernel_fd, .see = kernel_see, .give = k_give, .take = k_take,
    .r_ready = POLLIN, .r_gone = POLLHUP, .w_ready = POLLOUT, .w_gone = POLLERR,
};
