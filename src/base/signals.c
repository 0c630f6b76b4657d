/* SPDX-License-Identifier: MIT */
/* base/signals.c - see base/signals.h */
#define _GNU_SOURCE
#include "base/signals.h"

#include <fcntl.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sys.h"

static int neg(long r)
{
    return r < 0 ? -errno : (int)r;
}

void h7_sys_sigmask(int how, uint64_t set, uint64_t *old)
{
    syscall(SYS_rt_sigprocmask, how, &set, old, sizeof set);
}

uint64_t h7_sys_sigpending(void)
{
    uint64_t set = 0;
    syscall(SYS_rt_sigpending, &set, sizeof set);
    return set;
}

/* The kernel counts from now on. Its EAGAIN: the time is over, or a little less. */
int h7_sys_sigwait(uint64_t set, siginfo_t *info, int64_t deadline)
{
    for (;;) {
        struct timespec ts, *tsp = NULL;
        int64_t left = 0;
        if (deadline != HEPTA_FOREVER) {
            left = deadline == HEPTA_NOW ? 0 : deadline - hepta_now_ns();
            ts = h7_timespec(left > 0 ? left : 0);
            tsp = &ts;
        }
        int r = neg(syscall(SYS_rt_sigtimedwait, &set, info, tsp, sizeof set));
        if (r != -EAGAIN)
            return r;
        if (deadline != HEPTA_FOREVER && left <= 0)
            return h7_expired(deadline);
    }
}

int h7_sys_signalfd(int fd, uint64_t set)
{
    return neg(syscall(SYS_signalfd4, fd, &set, sizeof set, SFD_CLOEXEC | SFD_NONBLOCK));
}

int h7_sys_pidfd_signal(int pidfd, int signo, const siginfo_t *info, unsigned flags)
{
    return neg(syscall(SYS_pidfd_send_signal, pidfd, signo, info, flags));
}

int h7_sys_sigqueue_self(const siginfo_t *info)
{
    return neg(syscall(SYS_rt_tgsigqueueinfo, getpid(), h7_sys_gettid(), info->si_signo, info));
}

int h7_sys_thread_signal(pid_t tid, int signo)
{
    return neg(syscall(SYS_tgkill, getpid(), tid, signo));
}

void h7_sys_sigaltstack(const stack_t *stack)
{
    syscall(SYS_sigaltstack, stack, NULL);
}
