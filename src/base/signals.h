/* SPDX-License-Identifier: MIT */
/*
 * base/signals.h - system calls about signals, whose sets are words: bit n - 1 for signal n, as
 * the kernel has them
 *
 * Raw, like those of base/sys.h: 0 or a count, or a negative errno; none is a cancellation point.
 * libc's would hide the two numbers that it keeps for itself, and do no more.
 */
#ifndef H7_BASE_SIGNALS_H
#define H7_BASE_SIGNALS_H

#include <signal.h>
#include <stdint.h>

#define H7_SIGNAL_BIT(n) (1ull << ((n) - 1))

/* Of the calling thread; how is SIG_BLOCK, SIG_UNBLOCK or SIG_SETMASK; old may be NULL.
 * rt_sigprocmask(2). */
void h7_sys_sigmask(int how, uint64_t set, uint64_t *old);
/* Pending, for the thread or the process, and blocked. rt_sigpending(2). */
uint64_t h7_sys_sigpending(void);
/* Take one of set: its number, or -EAGAIN (HEPTA_NOW), -ETIMEDOUT, -EINTR. rt_sigtimedwait(2). */
int h7_sys_sigwait(uint64_t set, siginfo_t *info, int64_t deadline);
/* A descriptor for set, close-on-exec and non-blocking; or, of one that is there, a new set.
 * signalfd(2). */
int h7_sys_signalfd(int fd, uint64_t set);
/* info may be NULL. pidfd_send_signal(2). */
int h7_sys_pidfd_signal(int pidfd, int signo, const siginfo_t *info, unsigned flags);
/* Make a signal pending for the calling thread, just as info says. rt_tgsigqueueinfo(2). */
int h7_sys_sigqueue_self(const siginfo_t *info);
/* Without a siginfo. tgkill(2). */
int h7_sys_thread_signal(pid_t tid, int signo);
/* Where the thread's handlers run. sigaltstack(2). */
void h7_sys_sigaltstack(const stack_t *stack);

#endif
