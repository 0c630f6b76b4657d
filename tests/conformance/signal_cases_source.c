/* SPDX-License-Identifier: MIT */
/* signal_cases_source.c - where a signal came from: si_code, what goes with it, and Hepta's word */
#define _GNU_SOURCE
#include <fcntl.h>
#include <mqueue.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "signal_room.h"

/* The next one: its code; and its source, where that is said. */
static struct hepta_signal_info next(struct conf *c, struct inbox *in, int signo, int code,
                                     uint32_t source)
{
    struct hepta_signal_info info = await_signal(c, in);
    EQ(c, info.signo, signo);
    EQ(c, info.code, code);
    if (info.source != NOT_SAID)
        EQ(c, info.source, source);
    return info;
}

static void by_kill(struct conf *c)
{
    struct inbox in;
    struct peer p;
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    tell(c, &p, SIGUSR1);
    struct hepta_signal_info info = next(c, &in, SIGUSR1, SI_USER, HEPTA_SIGNAL_FROM_KILL);
    EQ(c, info.pid, getpid());
    EQ(c, (long long)info.value, 0);
    EQ(c, kill(getpid(), RT(0)), 0); /* nobody of Hepta's */
    info = next(c, &in, RT(0), SI_USER, HEPTA_SIGNAL_FROM_KILL);
    EQ(c, info.pid, getpid());
    EQ(c, info.uid, getuid());
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

static void by_tkill(struct conf *c)
{
    struct inbox in;
    make_inbox(c, &in, USUAL);
    EQ(c, raise(SIGUSR1), 0);
    struct hepta_signal_info info = next(c, &in, SIGUSR1, SI_TKILL, HEPTA_SIGNAL_FROM_TKILL);
    EQ(c, info.pid, getpid());
    EQ(c, info.uid, getuid());
    EQ(c, tgkill(getpid(), gettid(), RT(2)), 0);
    info = next(c, &in, RT(2), SI_TKILL, HEPTA_SIGNAL_FROM_TKILL);
    EQ(c, info.pid, getpid());
    drop_inbox(c, &in);
}

static void by_sigqueue(struct conf *c)
{
    struct inbox in;
    struct peer p;
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    queue(c, &p, RT(0), 99);
    EQ(c, sigqueue(getpid(), RT(0), (union sigval){.sival_int = -3}), 0);
    EQ(c, pthread_sigqueue(pthread_self(), SIGUSR1, (union sigval){.sival_int = 5}), 0);
    struct hepta_signal_info info = next(c, &in, SIGUSR1, SI_QUEUE, HEPTA_SIGNAL_FROM_QUEUE);
    EQ(c, (int)info.value, 5);
    info = next(c, &in, RT(0), SI_QUEUE, HEPTA_SIGNAL_FROM_QUEUE);
    EQ(c, (long long)info.value, 99);
    EQ(c, info.pid, getpid());
    EQ(c, info.uid, getuid());
    info = next(c, &in, RT(0), SI_QUEUE, HEPTA_SIGNAL_FROM_QUEUE);
    EQ(c, (int)info.value, -3); /* its lower half */
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

/* Who queues one may choose any code below zero, of which the kernel knows no more. */
static void by_any_code(struct conf *c)
{
    struct inbox in;
    siginfo_t si;
    make_inbox(c, &in, USUAL);
    for (int code = -61; code < 0; code++) {
        if (code == SI_TIMER || code == SI_MESGQ || code == SI_ASYNCIO || code == SI_SIGIO ||
            code == SI_TKILL)
            continue;
        memset(&si, 0, sizeof(si));
        si.si_code = code;
        si.si_pid = 7;
        EQ(c, syscall(SYS_rt_sigqueueinfo, getpid(), RT(0), &si), 0);
        EQ(c, next(c, &in, RT(0), code, HEPTA_SIGNAL_FROM_QUEUE).pid, 7);
    }
    drop_inbox(c, &in);
}

/* --- clocks --------------------------------------------------------------------------- */

static timer_t make_timer(struct conf *c, int signo, uint64_t value)
{
    timer_t timer;
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = signo};
    ev.sigev_value.sival_ptr = (void *)(uintptr_t)value;
    EQ(c, timer_create(CLOCK_MONOTONIC, &ev, &timer), 0);
    return timer;
}

static void set_timer(struct conf *c, timer_t timer, int first_ms, int each_ms)
{
    struct itimerspec its = {.it_value = {0, first_ms * 1000000L},
                             .it_interval = {0, each_ms * 1000000L}};
    EQ(c, timer_settime(timer, 0, &its, NULL), 0);
}

static void by_timer(struct conf *c)
{
    struct inbox in;
    make_inbox(c, &in, USUAL);
    timer_t a = make_timer(c, RT(0), 11), b = make_timer(c, SIGUSR1, ~0ull);
    set_timer(c, a, 5, 0);
    struct hepta_signal_info first = next(c, &in, RT(0), SI_TIMER, HEPTA_SIGNAL_FROM_TIMER);
    EQ(c, (long long)first.value, 11);
    EQ(c, first.overrun, 0);
    set_timer(c, b, 5, 0);
    struct hepta_signal_info info = next(c, &in, SIGUSR1, SI_TIMER, HEPTA_SIGNAL_FROM_TIMER);
    EQ(c, (long long)info.value, -1);
    OK(c, info.timer != first.timer);
    EQ(c, timer_delete(a), 0);
    EQ(c, timer_delete(b), 0);
    is_empty(c, &in);
    drop_inbox(c, &in);
}

/* One signal of a timer is pending at most; how often it ran down besides, is told with it. */
static void overrun(struct conf *c)
{
    struct inbox in;
    make_inbox(c, &in, USUAL);
    timer_t timer = make_timer(c, RT(0), 1);
    int64_t start = hepta_now_ns();
    set_timer(c, timer, 5, 5);
    conf_pause_ms(60);
    EQ(c, (long long)pending(c, &in), (long long)BIT(RT(0)));
    struct hepta_signal_info info = next(c, &in, RT(0), SI_TIMER, HEPTA_SIGNAL_FROM_TIMER);
    int64_t n_most = (hepta_now_ns() - start) / 5000000;
    OK(c, info.overrun >= 10 && info.overrun < n_most);
    EQ(c, timer_getoverrun(timer), info.overrun);
    EQ(c, timer_delete(timer), 0);
    drop_inbox(c, &in);
}

/* Two timers, one number: each has its own. */
static void two_timers(struct conf *c)
{
    struct inbox in;
    make_inbox(c, &in, USUAL);
    timer_t a = make_timer(c, RT(0), 1), b = make_timer(c, RT(0), 2);
    set_timer(c, a, 1, 0);
    conf_pause_ms(20);
    set_timer(c, b, 1, 0);
    conf_pause_ms(20);
    EQ(c, (long long)next(c, &in, RT(0), SI_TIMER, HEPTA_SIGNAL_FROM_TIMER).value, 1);
    EQ(c, (long long)next(c, &in, RT(0), SI_TIMER, HEPTA_SIGNAL_FROM_TIMER).value, 2);
    is_empty(c, &in);
    EQ(c, timer_delete(a), 0);
    EQ(c, timer_delete(b), 0);
    drop_inbox(c, &in);
}

static void by_alarm(struct conf *c)
{
    struct inbox in;
    struct itimerval soon = {.it_value = {0, 5000}};
    make_inbox(c, &in, BIT(SIGALRM) | BIT(SIGVTALRM));
    EQ(c, setitimer(ITIMER_REAL, &soon, NULL), 0);
    struct hepta_signal_info info = next(c, &in, SIGALRM, SI_KERNEL, HEPTA_SIGNAL_FROM_TIMER);
    EQ(c, info.pid, 0);
    drop_inbox(c, &in);
}

/* --- children ------------------------------------------------------------------------- */

static void child_says(struct conf *c, struct inbox *in, int code, pid_t pid, int status)
{
    struct hepta_signal_info info = next(c, in, SIGCHLD, code, HEPTA_SIGNAL_FROM_CHILD);
    EQ(c, info.pid, pid);
    EQ(c, info.status, status);
    EQ(c, info.uid, getuid());
}

static void by_child(struct conf *c)
{
    struct inbox in;
    make_inbox(c, &in, BIT(SIGCHLD));
    pid_t pid = conf_fork(c);
    if (pid == 0)
        _exit(42);
    child_says(c, &in, CLD_EXITED, pid, 42);
    EQ(c, WEXITSTATUS(conf_status(c, pid)), 42);
    pid = conf_fork(c);
    if (pid == 0)
        for (;;)
            pause();
    EQ(c, kill(pid, SIGSTOP), 0);
    child_says(c, &in, CLD_STOPPED, pid, SIGSTOP);
    EQ(c, kill(pid, SIGCONT), 0);
    child_says(c, &in, CLD_CONTINUED, pid, SIGCONT);
    EQ(c, kill(pid, SIGTERM), 0);
    child_says(c, &in, CLD_KILLED, pid, SIGTERM);
    conf_status(c, pid);
    is_empty(c, &in);
    drop_inbox(c, &in);
}

/* SIGCHLD coalesces like any other: who waits for children must ask for all. */
static void children_coalesce(struct conf *c)
{
    struct inbox in;
    make_inbox(c, &in, BIT(SIGCHLD));
    pid_t pid[3];
    siginfo_t si;
    for (int i = 0; i < 3; i++) {
        if ((pid[i] = conf_fork(c)) == 0)
            _exit(i);
        EQ(c, waitid(P_PID, (id_t)pid[i], &si, WEXITED | WNOWAIT), 0);
    }
    child_says(c, &in, CLD_EXITED, pid[0], 0);
    is_empty(c, &in);
    for (int i = 0; i < 3; i++)
        EQ(c, WEXITSTATUS(conf_status(c, pid[i])), i);
    drop_inbox(c, &in);
}

/* --- descriptors ---------------------------------------------------------------------- */

static void by_io(struct conf *c)
{
    struct inbox in;
    int fds[2];
    make_inbox(c, &in, USUAL | BIT(SIGIO));
    EQ(c, pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
    EQ(c, fcntl(fds[0], F_SETOWN, getpid()), 0);
    EQ(c, fcntl(fds[0], F_SETSIG, RT(1)), 0);
    EQ(c, fcntl(fds[0], F_SETFL, O_ASYNC | O_NONBLOCK), 0);
    EQ(c, write(fds[1], "x", 1), 1);
    struct hepta_signal_info info = next(c, &in, RT(1), POLL_IN, HEPTA_SIGNAL_FROM_IO);
    EQ(c, info.fd, fds[0]);
    OK(c, info.band & 1 /* POLLIN */);
    EQ(c, fcntl(fds[0], F_SETSIG, 0), 0); /* SIGIO, which says no more */
    EQ(c, write(fds[1], "x", 1), 1);
    next(c, &in, SIGIO, SI_KERNEL, HEPTA_SIGNAL_FROM_IO);
    close(fds[0]);
    close(fds[1]);
    drop_inbox(c, &in);
}

/* SIGPIPE: on behalf of the writer itself. */
static void by_pipe(struct conf *c)
{
    struct inbox in;
    int fds[2];
    signal(SIGPIPE, SIG_DFL);
    make_inbox(c, &in, BIT(SIGPIPE));
    EQ(c, pipe2(fds, O_CLOEXEC), 0);
    close(fds[0]);
    EQ(c, write(fds[1], "x", 1), -1);
    EQ(c, errno, EPIPE);
    EQ(c, next(c, &in, SIGPIPE, SI_USER, HEPTA_SIGNAL_FROM_KILL).pid, getpid());
    close(fds[1]);
    drop_inbox(c, &in);
}

static void by_queue(struct conf *c)
{
    struct inbox in;
    struct mq_attr attr = {.mq_maxmsg = 2, .mq_msgsize = 8};
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = RT(4)};
    char name[64];
    make_inbox(c, &in, USUAL);
    snprintf(name, sizeof(name), "/conformance-signal-%d", (int)getpid());
    mqd_t q = mq_open(name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600, &attr);
    OK(c, q >= 0);
    mq_unlink(name);
    ev.sigev_value.sival_int = 31;
    EQ(c, mq_notify(q, &ev), 0);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        EQ(c, mq_send(q, "x", 1, 0), 0);
        conf_exit();
    }
    struct hepta_signal_info info = next(c, &in, RT(4), SI_MESGQ, HEPTA_SIGNAL_FROM_MQ);
    EQ(c, info.pid, pid);
    EQ(c, info.uid, getuid());
    EQ(c, (int)info.value, 31);
    conf_join(c, pid);
    mq_close(q);
    drop_inbox(c, &in);
}

/* --- the terminal --------------------------------------------------------------------- */

static void hold_terminal(struct conf *c, const char *slave)
{
    struct inbox in;
    EQ(c, setsid(), getpid());
    int tty = open(slave, O_RDWR | O_CLOEXEC); /* the session's own */
    OK(c, tty >= 0);
    make_inbox(c, &in, BIT(SIGINT) | BIT(SIGQUIT) | BIT(SIGTSTP) | BIT(SIGWINCH));
    conf_set(c, BEFORE, 1);
    static const int signo[] = {SIGINT, SIGQUIT, SIGTSTP, SIGWINCH};
    for (int i = 0; i < 4; i++) {
        next(c, &in, signo[i], SI_KERNEL, HEPTA_SIGNAL_FROM_KEYBOARD);
        conf_set(c, COUNTER, i + 1);
    }
    conf_exit();
}

static void by_keyboard(struct conf *c)
{
    static const char keys[] = "\003\034\032"; /* Ctrl with C, \ and Z */
    struct winsize size = {.ws_row = 7, .ws_col = 77};
    char slave[64];
    int ptm = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    OK(c, ptm >= 0 && grantpt(ptm) == 0 && unlockpt(ptm) == 0);
    EQ(c, ptsname_r(ptm, slave, sizeof(slave)), 0);
    pid_t pid = conf_fork(c);
    if (pid == 0)
        hold_terminal(c, slave);
    conf_await(c, BEFORE, 1);
    for (int i = 0; i < 3; i++) {
        EQ(c, write(ptm, keys + i, 1), 1);
        conf_await(c, COUNTER, i + 1);
    }
    EQ(c, ioctl(ptm, TIOCSWINSZ, &size), 0);
    conf_await(c, COUNTER, 4);
    conf_join(c, pid);
    close(ptm);
}

/* Of a mailbox, always the same. */
static void by_mailbox(struct conf *c)
{
    struct inbox in;
    struct peer p;
    make_inbox(c, &in, ~0ull);
    find_self(c, &p, &in);
    tell(c, &p, SIGSEGV);
    queue(c, &p, RT(0), 5);
    EQ(c, take_one(c, &in, SIGSEGV).source, HEPTA_SIGNAL_FROM_MAILBOX);
    struct hepta_signal_info info = take_one(c, &in, RT(0));
    EQ(c, info.source, HEPTA_SIGNAL_FROM_MAILBOX);
    EQ(c, info.code, 0);
    EQ(c, info.len, 8);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

const struct conf_case signal_source_cases[] = {
    {"source.kill", by_kill, NEEDS_SIGNALS, NULL, NULL, 0},
    {"source.tkill", by_tkill, NEEDS_SIGNALS, NULL, NULL, 0},
    {"source.sigqueue", by_sigqueue, NEEDS_SIGNALS, NULL, NULL, 0},
    {"source.any_code", by_any_code, NEEDS_SIGNALS, NULL, NULL, 0},
    {"source.timer", by_timer, NEEDS_SIGNALS, NULL, NULL, 0},
    {"source.timer_overrun", overrun, NEEDS_SIGNALS, NULL, NULL, 0},
    {"source.two_timers", two_timers, NEEDS_SIGNALS, NULL, NULL, 0},
    {"source.alarm", by_alarm, NEEDS_SIGNALS, NULL, NULL, 0},
    {"source.child", by_child, NEEDS_SIGNALS, NULL, NULL, 0},
    {"source.children_coalesce", children_coalesce, NEEDS_SIGNALS, NULL, NULL, 0},
    {"source.io", by_io, NEEDS_SIGNALS, NULL, NULL, 0},
    {"source.pipe", by_pipe, NEEDS_SIGNALS, NULL, NULL, 0},
    {"source.mq", by_queue, NEEDS_SIGNALS, NULL, NULL, 0},
    {"source.keyboard", by_keyboard, NEEDS_SIGNALS, NULL, NULL, 0},
    {"source.mailbox", by_mailbox, NEEDS_MAILBOX, NULL, NULL, 0},
    {0},
};
