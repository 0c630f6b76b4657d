/* SPDX-License-Identifier: MIT */
/* mq_kernel.c - the kernel's POSIX queue behind the table of mq_room.h */
#define _GNU_SOURCE
#include <poll.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "mq_room.h"

struct mqh {
    mqd_t d;
};

static int k_open(struct mqh **h, const char *name, int flags, mode_t mode,
                  const struct mq_attr *attr)
{
    mqd_t d = mq_open(name, flags, mode, attr);
    if (d < 0)
        return -errno;
    *h = malloc(sizeof(**h));
    (*h)->d = d;
    return 0;
}

/* On CLOCK_REALTIME, which nobody sets meanwhile. NOW has passed long ago: O_NONBLOCK would be
 * everybody's who shares the descriptor. */
static struct timespec real(int64_t deadline)
{
    struct timespec now;
    if (deadline == NOW || deadline == EVER)
        return (struct timespec){0};
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t ns = now.tv_sec * 1000000000LL + now.tv_nsec + deadline - hepta_now_ns();
    return (struct timespec){ns / 1000000000, ns % 1000000000};
}

static int error_of(int64_t deadline)
{
    return errno == ETIMEDOUT && deadline == NOW ? -EAGAIN : -errno;
}

/* System calls, since libc's declarations, and so the sanitizers, forbid NULL. */
static int k_send(struct mqh *h, const void *msg, size_t len, unsigned prio, int64_t deadline)
{
    struct timespec ts = real(deadline);
    long r = syscall(SYS_mq_timedsend, h->d, msg, len, prio, deadline == EVER ? NULL : &ts);
    return r < 0 ? error_of(deadline) : 0;
}

static ssize_t k_receive(struct mqh *h, void *buf, size_t len, unsigned *prio, int64_t deadline)
{
    struct timespec ts = real(deadline);
    long n = syscall(SYS_mq_timedreceive, h->d, buf, len, prio, deadline == EVER ? NULL : &ts);
    return n < 0 ? error_of(deadline) : n;
}

static int k_getattr(struct mqh *h, struct mq_attr *attr)
{
    return mq_getattr(h->d, attr) < 0 ? -errno : 0;
}

static int k_setattr(struct mqh *h, const struct mq_attr *now, struct mq_attr *old)
{
    return mq_setattr(h->d, now, old) < 0 ? -errno : 0;
}

static int k_notify(struct mqh *h, const struct sigevent *ev)
{
    return mq_notify(h->d, ev) < 0 ? -errno : 0;
}

static int k_fd(struct mqh *h, int access)
{
    (void)access;
    return h->d;
}

static int k_ready(struct mqh *h, int access, int ms)
{
    struct pollfd p = {.fd = h->d, .events = access == O_RDONLY ? POLLIN : POLLOUT};
    return poll(&p, 1, ms);
}

static int k_unlink(const char *name)
{
    return mq_unlink(name) < 0 ? -errno : 0;
}

static void k_close(struct mqh *h)
{
    mq_close(h->d);
    free(h);
}

const struct mq_ops mq_kernel_ops = {
    .open = k_open,
    .send = k_send,
    .receive = k_receive,
    .getattr = k_getattr,
    .setattr = k_setattr,
    .notify = k_notify,
    .fd = k_fd,
    .ready = k_ready,
    .unlink = k_unlink,
    .close = k_close,
};
