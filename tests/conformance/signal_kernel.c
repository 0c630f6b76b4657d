/* SPDX-License-Identifier: MIT */
/*
 * signal_kernel.c - the kernel's signals behind the table of signal_room.h, taken in three ways
 *
 * What is held back is left out of the set of sigtimedwait(2), of the signalfd, or stays blocked
 * while ppoll(2) lets the others through to a handler, one at a time: its sa_mask is full.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "signal_room.h"

#define PIDFD_OF_THREAD 0200u /* O_EXCL */
#define SIGNAL_GROUP_OF_PIDFD 4u

static int result(int r)
{
    return r < 0 ? -errno : r;
}

static sigset_t sigset_of(uint64_t set)
{
    sigset_t s;
    sigemptyset(&s);
    for (int n = 1; n <= HEPTA_SIGNAL_MAX; n++)
        if (set & BIT(n))
            sigaddset(&s, n); /* glibc refuses its own two */
    return s;
}

static uint64_t bits_of(const sigset_t *s)
{
    uint64_t set = 0;
    for (int n = 1; n <= HEPTA_SIGNAL_MAX; n++)
        if (sigismember(s, n) == 1)
            set |= BIT(n);
    return set;
}

static struct timespec *left(int64_t deadline, struct timespec *ts)
{
    int64_t ns = deadline == NOW ? 0 : deadline - hepta_now_ns();
    if (deadline == EVER)
        return NULL;
    if (ns < 0)
        ns = 0;
    *ts = (struct timespec){ns / 1000000000, ns % 1000000000};
    return ts;
}

/* --- what the kernel says ------------------------------------------------------------- */

static void say_caused(const siginfo_t *si, struct hepta_signal_info *info)
{
    if (si->si_signo == SIGCHLD) {
        info->pid = si->si_pid;
        info->uid = si->si_uid;
        info->status = si->si_status;
    } else if (si->si_signo == SIGSEGV || si->si_signo == SIGBUS || si->si_signo == SIGFPE ||
               si->si_signo == SIGILL) {
        info->address = (uint64_t)(uintptr_t)si->si_addr;
    } else {
        info->band = (int32_t)si->si_band;
        info->fd = si->si_fd;
    }
}

static void say(const siginfo_t *si, struct hepta_signal_info *info)
{
    *info = (struct hepta_signal_info){
        .signo = si->si_signo, .source = NOT_SAID, .code = si->si_code};
    if (si->si_code == SI_KERNEL)
        return;
    if (si->si_code > 0 || si->si_code == SI_SIGIO) {
        say_caused(si, info);
    } else if (si->si_code == SI_TIMER) {
        info->value = (uint64_t)(uintptr_t)si->si_value.sival_ptr;
        info->timer = si->si_timerid;
        info->overrun = si->si_overrun;
    } else {
        info->pid = si->si_pid;
        info->uid = si->si_uid;
        if (si->si_code == SI_QUEUE || si->si_code == SI_MESGQ)
            info->value = (uint64_t)(uintptr_t)si->si_value.sival_ptr;
    }
}

static void say_read(const struct signalfd_siginfo *ssi, struct hepta_signal_info *info)
{
    *info = (struct hepta_signal_info){.signo = (int32_t)ssi->ssi_signo,
                                       .source = NOT_SAID,
                                       .code = ssi->ssi_code,
                                       .pid = (int32_t)ssi->ssi_pid,
                                       .uid = ssi->ssi_uid,
                                       .status = ssi->ssi_status,
                                       .value = ssi->ssi_ptr,
                                       .address = ssi->ssi_addr,
                                       .timer = (int32_t)ssi->ssi_tid,
                                       .overrun = (int32_t)ssi->ssi_overrun,
                                       .band = (int32_t)ssi->ssi_band,
                                       .fd = ssi->ssi_fd};
}

/* --- an inbox: its set is blocked ----------------------------------------------------- */

static int k_open(struct inbox *in, uint64_t set)
{
    sigset_t s = sigset_of(set), old;
    in->at.pid = getpid();
    in->at.tid = gettid();
    in->set = bits_of(&s);
    in->held = 0;
    in->fd = -1;
    int r = pthread_sigmask(SIG_BLOCK, &s, &old);
    in->to_unblock = in->set & ~bits_of(&old);
    return -r;
}

static int k_close(struct inbox *in)
{
    sigset_t s = sigset_of(in->to_unblock);
    return -pthread_sigmask(SIG_UNBLOCK, &s, NULL);
}

static int k_mask(struct inbox *in, int how, uint64_t set, uint64_t *old)
{
    sigset_t s = sigset_of(set), blocked;
    /* Which hows there are, says the real one: of an empty set, or what is anyway. */
    sigset_t none = sigset_of(0);
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    int r = -pthread_sigmask(how, how == SIG_SETMASK ? &blocked : &none, NULL);
    if (r < 0)
        return r;
    if (old)
        *old = in->held;
    set = bits_of(&s) & in->set;
    in->held = how == SIG_BLOCK     ? in->held | set
               : how == SIG_UNBLOCK ? in->held & ~set
                                    : set;
    return 0;
}

static int k_pending(struct inbox *in, uint64_t *set)
{
    sigset_t s;
    int r = result(sigpending(&s));
    *set = bits_of(&s) & in->set;
    return r;
}

static int k_wait(struct inbox *in, struct hepta_signal_info *info, int64_t deadline)
{
    struct timespec ts;
    siginfo_t si;
    sigset_t s = sigset_of(in->set & ~in->held);
    /* glibc's says SI_USER for SI_TKILL. */
    int r = result((int)syscall(SYS_rt_sigtimedwait, &s, &si, left(deadline, &ts), 8));
    if (r > 0 && info)
        say(&si, info);
    return r;
}

/* --- signalfd ------------------------------------------------------------------------- */

static int s_set(struct inbox *in)
{
    sigset_t s = sigset_of(in->set & ~in->held);
    return result(signalfd(in->fd, &s, SFD_NONBLOCK | SFD_CLOEXEC));
}

static int s_open(struct inbox *in, uint64_t set)
{
    int r = k_open(in, set);
    if (r == 0)
        r = s_set(in);
    if (r < 0) {
        k_close(in);
        return r;
    }
    in->fd = r;
    return 0;
}

static int s_close(struct inbox *in)
{
    close(in->fd);
    return k_close(in);
}

static int s_mask(struct inbox *in, int how, uint64_t set, uint64_t *old)
{
    int r = k_mask(in, how, set, old);
    return r < 0 ? r : s_set(in) < 0 ? -errno : 0;
}

static int s_read(struct inbox *in, struct hepta_signal_info *info)
{
    struct signalfd_siginfo ssi;
    ssize_t n = read(in->fd, &ssi, sizeof(ssi));
    if (n < 0)
        return -errno;
    if (info)
        say_read(&ssi, info);
    return (int)ssi.ssi_signo;
}

static int s_wait(struct inbox *in, struct hepta_signal_info *info, int64_t deadline)
{
    struct pollfd pfd = {in->fd, POLLIN, 0};
    struct timespec ts;
    for (;;) {
        int r = s_read(in, info);
        if (r != -EAGAIN || deadline == NOW)
            return r;
        r = result(ppoll(&pfd, 1, left(deadline, &ts), NULL));
        if (r < 0)
            return r;
        if (r == 0)
            return s_read(in, info);
    }
}

static int s_fd(struct inbox *in)
{
    return in->fd;
}

/* --- a handler ------------------------------------------------------------------------ */

static __thread struct hepta_signal_info caught;

/* One only: where another handler was interrupted inside ppoll(2), its mask is still that one. The
 * kernel's set has eight bytes. */
static void catch(int sig, siginfo_t *si, void *context)
{
    (void)sig;
    say(si, &caught);
    memset(&((ucontext_t *)context)->uc_sigmask, 0xff, 8);
}

static int h_open(struct inbox *in, uint64_t set)
{
    struct sigaction sa = {.sa_sigaction = catch, .sa_flags = SA_SIGINFO};
    int r = k_open(in, set);
    sigfillset(&sa.sa_mask);
    for (int n = 1; n <= HEPTA_SIGNAL_MAX; n++)
        if (r == 0 && in->set & BIT(n) && n != SIGKILL && n != SIGSTOP)
            r = result(sigaction(n, &sa, NULL));
    return r;
}

static int h_close(struct inbox *in)
{
    for (int n = 1; n <= HEPTA_SIGNAL_MAX; n++)
        if (in->to_unblock & BIT(n))
            signal(n, SIG_DFL);
    return k_close(in);
}

static int h_wait(struct inbox *in, struct hepta_signal_info *info, int64_t deadline)
{
    struct timespec ts;
    sigset_t blocked, s;
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    s = sigset_of(bits_of(&blocked) & ~(in->set & ~in->held));
    caught.signo = 0;
    int r = result(ppoll(NULL, 0, left(deadline, &ts), &s));
    pthread_sigmask(SIG_SETMASK, &blocked, NULL);
    if (caught.signo == 0)
        return r == 0 ? -EAGAIN : r;
    if (info)
        *info = caught;
    return caught.signo;
}

/* --- a peer: a number, or a pidfd ----------------------------------------------------- */

static int k_peer(struct peer *p, const struct where *at, bool thread)
{
    *p = (struct peer){.pid = at->pid, .tid = thread ? at->tid : 0, .pidfd = -1};
    return 0;
}

static siginfo_t queued(int signo, uint64_t value)
{
    siginfo_t si;
    memset(&si, 0, sizeof(si));
    si.si_signo = signo;
    si.si_code = SI_QUEUE;
    si.si_pid = getpid();
    si.si_uid = getuid();
    si.si_value.sival_ptr = (void *)(uintptr_t)value;
    return si;
}

static int k_send(struct peer *p, int signo, uint32_t flags, uint64_t value)
{
    union sigval v = {.sival_ptr = (void *)(uintptr_t)value};
    siginfo_t si = queued(signo, value);
    if (flags & TO_GROUP)
        return flags & WITH_VALUE ? -ENOTSUP : result(kill(-p->pid, signo));
    if (p->tid)
        return result(flags & WITH_VALUE
                          ? (int)syscall(SYS_rt_tgsigqueueinfo, p->pid, p->tid, signo, &si)
                          : tgkill(p->pid, p->tid, signo));
    return result(flags & WITH_VALUE ? sigqueue(p->pid, signo, v) : kill(p->pid, signo));
}

static int k_leave(struct peer *p)
{
    (void)p;
    return 0;
}

static int s_peer(struct peer *p, const struct where *at, bool thread)
{
    k_peer(p, at, thread);
    p->pidfd = result((int)syscall(SYS_pidfd_open, thread ? at->tid : at->pid,
                                   thread ? PIDFD_OF_THREAD : 0));
    return p->pidfd < 0 ? p->pidfd : 0;
}

static int s_send(struct peer *p, int signo, uint32_t flags, uint64_t value)
{
    siginfo_t si = queued(signo, value);
    unsigned how = (flags & TO_GROUP ? SIGNAL_GROUP_OF_PIDFD : 0) |
                   (flags & ~(TO_GROUP | WITH_VALUE | IF_LIVE)); /* what it should refuse */
    return result((int)syscall(SYS_pidfd_send_signal, p->pidfd, signo,
                               flags & WITH_VALUE ? &si : NULL, how));
}

static int s_leave(struct peer *p)
{
    return result(close(p->pidfd));
}

/* --- faults --------------------------------------------------------------------------- */

static hepta_signal_fn *on_fault;

static void fault(int sig, siginfo_t *si, void *context)
{
    struct hepta_signal_info info;
    (void)context;
    say(si, &info);
    on_fault(&info, NULL);
    signal(sig, SIG_DFL); /* and again, to the end: the instruction, or the signal */
    if (si->si_code <= 0)
        raise(sig);
}

static int h_faults(uint64_t set, hepta_signal_fn *fn)
{
    struct sigaction sa = {.sa_sigaction = fault, .sa_flags = SA_SIGINFO};
    on_fault = fn;
    for (int n = 1; n <= HEPTA_SIGNAL_MAX; n++)
        if (set & BIT(n) && sigaction(n, &sa, NULL) < 0)
            return -errno;
    return 0;
}

const struct signal_ops signal_kernel_ops = {
    .open = k_open,
    .close = k_close,
    .mask = k_mask,
    .pending = k_pending,
    .wait = k_wait,
    .peer = k_peer,
    .send = k_send,
    .leave = k_leave,
};

const struct signal_ops signal_signalfd_ops = {
    .open = s_open,
    .close = s_close,
    .mask = s_mask,
    .pending = k_pending,
    .wait = s_wait,
    .fd = s_fd,
    .peer = s_peer,
    .send = s_send,
    .leave = s_leave,
};

const struct signal_ops signal_handler_ops = {
    .open = h_open,
    .close = h_close,
    .mask = k_mask,
    .pending = k_pending,
    .wait = h_wait,
    .peer = k_peer,
    .send = k_send,
    .leave = k_leave,
    .faults = h_faults,
};
