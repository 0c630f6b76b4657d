/* SPDX-License-Identifier: MIT */
/*
 * fifo_kernel.c - the kernel's FIFO behind the table of fifo_room.h
 *
 * The deadline of an open is translated: HEPTA_NOW is O_NONBLOCK, HEPTA_FOREVER is not, and
 * any other deadline is an open that waits, and a timer that interrupts it from the deadline
 * on, again and again, since one signal could come just before it falls asleep.
 */
#define _GNU_SOURCE
#include "fifo_room.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#define AGAIN_US 5000

/* The file of a name; what isn't a name goes to the kernel as it is. */
static const char *path_of(const char *name, char *path, size_t n)
{
    if (!name || name[0] != '/')
        return name;
    snprintf(path, n, "%s%s", getenv("HEPTA_DIR"), name);
    return path;
}

/* System calls, since libc's declarations, and so the sanitizers, forbid NULL. */
static int mknod_at(const char *path, mode_t mode)
{
    return (int)syscall(SYS_mknodat, AT_FDCWD, path, mode | S_IFIFO, 0L);
}

static int open_at(const char *path, int flags)
{
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, 0);
}

static void k_entry(const char *name, char *path, size_t n)
{
    path_of(name, path, n);
}

static int k_make(const char *name, mode_t mode, const struct pipe_want *want)
{
    char path[NAME_SIZE + 100];

    (void)want;
    return mknod_at(path_of(name, path, sizeof(path)), mode) < 0 ? -errno : 0;
}

static int k_unlink(const char *name)
{
    char path[NAME_SIZE + 100];

    return syscall(SYS_unlinkat, AT_FDCWD, path_of(name, path, sizeof(path)), 0) < 0 ? -errno : 0;
}

static void do_nothing(int sig)
{
    (void)sig;
}

static int open_until(const char *path, int flags, int64_t deadline)
{
    struct sigaction old, sa = {.sa_handler = do_nothing};
    struct itimerval it = {.it_interval.tv_usec = AGAIN_US}, none = {0};
    int64_t us = (deadline - hepta_now_ns()) / 1000 + 1;

    us = deadline < hepta_now_ns() ? 1 : us;
    it.it_value.tv_sec = us / 1000000;
    it.it_value.tv_usec = us % 1000000;
    sigaction(SIGALRM, &sa, &old);
    setitimer(ITIMER_REAL, &it, NULL);
    int fd = open_at(path, flags);
    int err = fd < 0 ? -errno : fd;
    setitimer(ITIMER_REAL, &none, NULL);
    sigaction(SIGALRM, &old, NULL);
    return err == -EINTR && hepta_now_ns() >= deadline ? -ETIMEDOUT : err;
}

static int open_fd(const char *path, int flags, int64_t deadline)
{
    int fd;

    if (deadline != HEPTA_NOW && deadline != HEPTA_FOREVER)
        return open_until(path, flags, deadline);
    fd = open_at(path, flags | (deadline == HEPTA_NOW ? O_NONBLOCK : 0));
    return fd < 0 ? -errno : fd;
}

/* Packet mode and capacity belong to what is open, not to the name. */
static int apply(int fd, const struct pipe_want *want)
{
    if (want->flags & WANT_PACKET && fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_DIRECT) < 0)
        return -errno;
    if (want->capacity > 0 && fcntl(fd, F_SETPIPE_SZ, want->capacity) < 0)
        return -errno;
    return 0;
}

static int k_open(struct pend **end, const char *name, unsigned access,
                  const struct pipe_want *want, int64_t deadline)
{
    static const int modes[] = {[FOR_READ] = O_RDONLY, [FOR_WRITE] = O_WRONLY,
                                [FOR_BOTH] = O_RDWR};
    char path[NAME_SIZE + 100];
    int flags = modes[access] | (want->flags & WANT_PLAIN ? 0 : O_CLOEXEC);
    int fd = open_fd(path_of(name, path, sizeof(path)), flags, deadline);

    if (fd < 0)
        return fd;
    int err = apply(fd, want);
    if (err < 0) {
        close(fd);
        return err;
    }
    *end = kernel_end(fd);
    return 0;
}

static int open_both(struct pend **r, struct pend **w, const char *name,
                     const struct pipe_want *want)
{
    int err = k_open(r, name, FOR_READ, want, HEPTA_NOW);

    if (err < 0)
        return err;
    err = k_open(w, name, FOR_WRITE, want, HEPTA_NOW);
    if (err < 0)
        kernel_close(*r);
    return err;
}

static int make_pair(struct pend **r, struct pend **w, const struct pipe_want *want)
{
    struct fifo f;

    name_it(&f);
    int err = k_make(f.name, 0600, want);
    if (err < 0)
        return err;
    err = open_both(r, w, f.name, want);
    int gone = k_unlink(f.name);
    return err < 0 ? err : gone;
}

static int k_fd_for(struct pend *end, unsigned access)
{
    (void)access;
    return kernel_fd(end);
}

const struct fifo_ops fifo_kernel_ops = {
    .pipe = {
        .make = make_pair, .write = kernel_write, .read = kernel_read, .close = kernel_close,
        .fd = kernel_fd, .see = kernel_see,
        .r_ready = POLLIN, .r_gone = POLLHUP, .w_ready = POLLOUT, .w_gone = POLLERR,
    },
    .make = k_make, .open = k_open, .unlink = k_unlink, .entry = k_entry,
    .fd_for = k_fd_for,
};
