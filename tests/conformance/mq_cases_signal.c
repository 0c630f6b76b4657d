/* SPDX-License-Identifier: MIT */
/*
 * mq_cases_signal.c - what a notification brings: the signal's contents, or a thread
 */
#define _GNU_SOURCE
#include "mq_steps.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SIG (SIGRTMIN + 3)
#define VALUE 0x5eed

static siginfo_t must_be_told(struct conf *c)
{
    siginfo_t info = {0};
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIG);
    EQ(c, sigtimedwait(&set, &info, &(struct timespec){LONG_MS / 1000, 0}), SIG);
    return info;
}

static void ask(struct conf *c, struct mqh *q)
{
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIG};
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIG);
    EQ(c, sigprocmask(SIG_BLOCK, &set, NULL), 0);
    ev.sigev_value.sival_int = VALUE;
    EQ(c, mops(c)->notify(q, &ev), 0);
}

static void check(struct conf *c, const siginfo_t *info, pid_t pid, uid_t uid)
{
    EQ(c, info->si_code, SI_MESGQ);
    EQ(c, info->si_value.sival_int, VALUE);
    EQ(c, info->si_pid, pid);
    EQ(c, info->si_uid, uid);
}

static void from_itself(struct conf *c)
{
    struct mqh *q = make_mq(c);

    ask(c, q);
    mq_say(c, q, "x", 0);
    siginfo_t info = must_be_told(c);
    check(c, &info, getpid(), getuid());
    close_mq(c, q);
}

static volatile sig_atomic_t handled;

static void note(int sig, siginfo_t *info, void *context)
{
    (void)context;
    handled = sig == SIG && info->si_code == SI_MESGQ && info->si_value.sival_int == VALUE;
}

/* The manual's way: the handler runs, whatever the process does just then. */
static void handler(struct conf *c)
{
    struct sigaction sa = {.sa_sigaction = note, .sa_flags = SA_SIGINFO};
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIG};
    struct mqh *q = make_mq(c);

    EQ(c, sigaction(SIG, &sa, NULL), 0);
    ev.sigev_value.sival_int = VALUE;
    EQ(c, mops(c)->notify(q, &ev), 0);
    mq_say(c, q, "x", 0);
    for (int ms = 0; !handled && ms < LONG_MS; ms++)
        conf_pause_ms(1);
    OK(c, handled);
    close_mq(c, q);
}

/* @uid sends to who is registered as @to, neither of which may signal the other. */
static void between(struct conf *c, uid_t to, uid_t from)
{
    struct mq_name name;
    struct mqh *q = make_named_mq(c, &name);
    pid_t parent = conf_fork(c);

    if (parent == 0) {
        conf_become(c, to, to);
        ask(c, q);
        conf_set(c, 0, 1);
        siginfo_t info = must_be_told(c);
        check(c, &info, (pid_t)conf_get(c, 1), from);
        conf_exit();
    }
    conf_await(c, 0, 1);
    pid_t child = conf_fork(c);
    if (child == 0) {
        conf_become(c, from, from);
        EQ(c, kill(parent, 0), -1);
        conf_set(c, 1, getpid());
        struct mqh *w = open_mq(c, &name, O_WRONLY);
        mq_say(c, w, "x", 0);
        close_mq(c, w);
        conf_exit();
    }
    conf_join(c, child);
    conf_join(c, parent);
    remove_mq(c, &name);
    close_mq(c, q);
}

static void to_root(struct conf *c)
{
    between(c, 0, MQ_STRANGER);
}

/* One registration for all users. */
static void users_registration_busy(struct conf *c)
{
    struct mqh *q = make_mq(c);

    ask(c, q);
    pid_t child = conf_fork(c);
    if (child == 0) {
        struct sigevent ev = {.sigev_notify = SIGEV_NONE};

        conf_become(c, MQ_STRANGER, MQ_STRANGER);
        EQ(c, mops(c)->notify(q, &ev), -EBUSY);
        conf_exit();
    }
    conf_join(c, child);
    close_mq(c, q);
}

struct thread_seen {
    _Atomic int runs, value;
    _Atomic bool other_thread;
    pthread_t registrar;
};

static struct thread_seen thread_seen;

static void in_a_thread(union sigval value)
{
    thread_seen.other_thread = !pthread_equal(pthread_self(), thread_seen.registrar);
    thread_seen.value = value.sival_int;
    thread_seen.runs++;
}

static void await_runs(struct conf *c, int n)
{
    for (int ms = 0; thread_seen.runs < n && ms < LONG_MS; ms++)
        conf_pause_ms(1);
    EQ(c, thread_seen.runs, n);
}

/* Each of them in a process of its own: the thread's helper keeps descriptors. */
static void thread_part(struct conf *c)
{
    struct sigevent ev = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = in_a_thread};
    struct mqh *q = make_mq(c);

    thread_seen.registrar = pthread_self();
    ev.sigev_value.sival_int = VALUE;
    EQ(c, mops(c)->notify(q, &ev), 0);
    EQ(c, mops(c)->notify(q, &ev), -EBUSY);
    mq_say(c, q, "x", 0);
    await_runs(c, 1);
    EQ(c, thread_seen.value, VALUE);
    OK(c, thread_seen.other_thread);
    mq_hear(c, q, "x", 0);
    mq_say(c, q, "y", 0);
    conf_pause_ms(20);
    EQ(c, thread_seen.runs, 1);
    mq_hear(c, q, "y", 0);
    EQ(c, mops(c)->notify(q, &ev), 0);
    mq_say(c, q, "z", 0);
    await_runs(c, 2);
    close_mq(c, q);
}

static void thread(struct conf *c)
{
    pid_t child = conf_fork(c);

    if (child == 0) {
        thread_part(c);
        conf_exit();
    }
    conf_join(c, child);
}

static void thread_ended_part(struct conf *c)
{
    struct sigevent ev = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = in_a_thread};
    struct mqh *q = make_mq(c);

    EQ(c, mops(c)->notify(q, &ev), 0);
    EQ(c, mops(c)->notify(q, NULL), 0);
    mq_say(c, q, "x", 0);
    conf_pause_ms(20);
    EQ(c, thread_seen.runs, 0);
    close_mq(c, q);
}

static void thread_ended(struct conf *c)
{
    pid_t child = conf_fork(c);

    if (child == 0) {
        thread_ended_part(c);
        conf_exit();
    }
    conf_join(c, child);
}

const struct conf_case mq_signal_cases[] = {
    {"signal.from_itself", from_itself, 0, NULL, NULL, 0},
    {"signal.handler", handler, 0, NULL, NULL, 0},
    {"signal.to_root", to_root, CONF_AS_ROOT, NULL, NULL, 0},
    {"signal.busy_between_users", users_registration_busy, CONF_AS_ROOT, NULL, NULL, 0},
    {"signal.thread", thread, 0, NULL, NULL, 0},
    {"signal.thread_ended", thread_ended, 0, NULL, NULL, 0},
    {0},
};
