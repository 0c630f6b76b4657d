/* SPDX-License-Identifier: MIT */
/*
 * bench/signal_kernel.c - the kernel's real-time signals, with a value
 *
 * sigqueue(3) to the other process, which blocks the signal and takes it with sigtimedwait(2), or
 * reads it from a descriptor (signalfd(2)). The value carries the message, so that has 8 bytes.
 * In busy nothing blocks. A full queue (RLIMIT_SIGPENDING) is tried again.
 */
#define _GNU_SOURCE
#include "bench/backends.h"
#include "bench/kernel_io.h"
#include "bench/message.h"
#include "bench/shared.h"
#include "bench/ticks.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct kernel_signal {
    volatile pid_t *receiver; /* of the first side, of the second; shared; 0: not ready yet */
    sigset_t set;
    enum bench_side to;
    int fd; /* -1: none */
    bool busy, alone, by_fd;
};

static void signal_close(void *link)
{
    struct kernel_signal *k = link;

    shared_free((void *)k->receiver, 2 * sizeof(*k->receiver));
    if (k->fd >= 0)
        close(k->fd);
    free(k);
}

static int open_it(void **link, const struct bench_case *c, bool by_fd)
{
    struct kernel_signal *k = calloc(1, sizeof(*k));

    if (!k)
        return -ENOMEM;
    *k = (struct kernel_signal){.fd = -1,
                                .busy = c->mode == BENCH_BUSY,
                                .alone = bench_shapes[c->test].n[BENCH_SECOND] == 0,
                                .by_fd = by_fd};
    sigemptyset(&k->set);
    sigaddset(&k->set, SIGRTMIN);
    k->receiver = shared_new(2 * sizeof(*k->receiver));
    if (!k->receiver) {
        signal_close(k);
        return -ENOMEM;
    }
    *link = k;
    return 0;
}

static int signal_open(void **link, const struct bench_case *c)
{
    return open_it(link, c, false);
}

static int fd_open(void **link, const struct bench_case *c)
{
    return open_it(link, c, true);
}

/* Nobody sends before the other has blocked the signal, which would end it otherwise. */
static int signal_enter(void *link, enum bench_side side)
{
    struct kernel_signal *k = link;

    if (sigprocmask(SIG_BLOCK, &k->set, NULL))
        return -errno;
    if (k->by_fd) {
        k->fd = signalfd(-1, &k->set, SFD_CLOEXEC | (k->busy ? SFD_NONBLOCK : 0));
        if (k->fd < 0)
            return -errno;
    }
    k->to = k->alone ? side : !side;
    __atomic_store_n(&k->receiver[side], getpid(), __ATOMIC_RELEASE);
    return 0;
}

static int signal_send(void *link, const void *buf, size_t len)
{
    struct kernel_signal *k = link;
    pid_t pid;
    (void)len;

    while ((pid = __atomic_load_n(&k->receiver[k->to], __ATOMIC_ACQUIRE)) == 0)
        sched_yield();
    union sigval value = {.sival_ptr = (void *)(uintptr_t)message_get(buf)};
    while (sigqueue(pid, SIGRTMIN, value)) {
        if (errno != EAGAIN)
            return -errno;
        if (k->busy)
            bench_pause();
        else
            sched_yield();
    }
    return 0;
}

static int signal_recv(void *link, void *buf, size_t len)
{
    static const struct timespec at_once;
    struct kernel_signal *k = link;
    siginfo_t info;

    while (sigtimedwait(&k->set, &info, k->busy ? &at_once : NULL) < 0) {
        int rc = kernel_again(k->busy);
        if (rc)
            return rc;
    }
    message_stamp(buf, len, (uint64_t)(uintptr_t)info.si_value.sival_ptr);
    return 0;
}

static int fd_recv(void *link, void *buf, size_t len)
{
    struct kernel_signal *k = link;
    struct signalfd_siginfo info;
    int rc = kernel_read(k->fd, &info, sizeof(info), k->busy);

    message_stamp(buf, len, info.ssi_ptr);
    return rc;
}

static bool signal_fits(const struct bench_case *c)
{
    return c->bytes == sizeof(uint64_t);
}

const struct bench_backend bench_signal_kernel = {
    .name = "kernel",
    .what = "sigqueue and sigtimedwait; 8 bytes",
    .fits = signal_fits,
    .open = signal_open,
    .enter = signal_enter,
    .send = signal_send,
    .recv = signal_recv,
    .close = signal_close,
};

const struct bench_backend bench_signal_kernel_fd = {
    .name = "kernel-signalfd",
    .what = "sigqueue and signalfd; 8 bytes",
    .fits = signal_fits,
    .open = fd_open,
    .enter = signal_enter,
    .send = signal_send,
    .recv = fd_recv,
    .close = signal_close,
};
