/* SPDX-License-Identifier: MIT */
/* mq_cases_notify.c - being told of a message in the empty queue */
#define _GNU_SOURCE
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mq_room.h"

#define SIG (SIGRTMIN + 3)

static struct sigevent by_signal(int value)
{
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIG};
    ev.sigev_value.sival_int = value;
    return ev;
}

static void block(struct conf *c)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIG);
    EQ(c, sigprocmask(SIG_BLOCK, &set, NULL), 0);
}

/* The signal within ms; 0 none. */
static int told(siginfo_t *info, int ms)
{
    sigset_t set;
    struct timespec ts = {ms / 1000, ms % 1000 * 1000000L};
    sigemptyset(&set);
    sigaddset(&set, SIG);
    int r = sigtimedwait(&set, info, &ts);
    return r == SIG;
}

static void signal_says_all(struct conf *c)
{
    struct queue q;
    struct sigevent ev = by_signal(4711);
    siginfo_t info;
    make_queue(c, &q);
    block(c);
    EQ(c, mops(c)->notify(q.h, &ev), 0);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        EQ(c, put_n(c, q.h, 1, 0, NOW), 0);
        conf_exit();
    }
    conf_join(c, pid);
    OK(c, told(&info, 2000));
    EQ(c, info.si_code, SI_MESGQ);
    EQ(c, info.si_value.sival_int, 4711);
    EQ(c, info.si_pid, pid);
    EQ(c, info.si_uid, getuid());
    EQ(c, n_msgs(c, q.h), 1);
    remove_queue(c, &q);
}

static void once_only(struct conf *c)
{
    struct queue q;
    struct sigevent ev = by_signal(1);
    siginfo_t info;
    make_queue(c, &q);
    block(c);
    EQ(c, mops(c)->notify(q.h, &ev), 0);
    EQ(c, put_n(c, q.h, 1, 0, NOW), 0);
    OK(c, told(&info, 2000));
    EQ(c, get_n(c, q.h, NULL, NOW), 1);
    EQ(c, put_n(c, q.h, 2, 0, NOW), 0);
    OK(c, !told(&info, 30));
    EQ(c, get_n(c, q.h, NULL, NOW), 2);
    EQ(c, mops(c)->notify(q.h, &ev), 0); /* and can be asked for again */
    EQ(c, put_n(c, q.h, 3, 0, NOW), 0);
    OK(c, told(&info, 2000));
    remove_queue(c, &q);
}

static void only_from_empty(struct conf *c)
{
    struct queue q;
    struct sigevent ev = by_signal(1);
    siginfo_t info;
    make_queue(c, &q);
    block(c);
    EQ(c, put_n(c, q.h, 1, 0, NOW), 0);
    EQ(c, mops(c)->notify(q.h, &ev), 0);
    EQ(c, put_n(c, q.h, 2, 0, NOW), 0);
    OK(c, !told(&info, 30));
    EQ(c, get_n(c, q.h, NULL, NOW), 1);
    EQ(c, get_n(c, q.h, NULL, NOW), 2);
    EQ(c, put_n(c, q.h, 3, 0, NOW), 0); /* empty in between: now */
    OK(c, told(&info, 2000));
    remove_queue(c, &q);
}

static void not_when_a_receiver_waits(struct conf *c)
{
    struct queue q;
    struct sigevent ev = by_signal(1);
    siginfo_t info;
    make_queue(c, &q);
    block(c);
    EQ(c, mops(c)->notify(q.h, &ev), 0);
    pid_t pid = receiver(c, q.h, 0, EVER);
    EQ(c, put_n(c, q.h, 1, 0, NOW), 0);
    conf_join(c, pid);
    EQ(c, conf_get(c, RESULT), 1);
    OK(c, !told(&info, 30));
    EQ(c, put_n(c, q.h, 2, 0, NOW), 0); /* the registration has stayed */
    OK(c, told(&info, 2000));
    remove_queue(c, &q);
}

static void one_at_a_time(struct conf *c)
{
    struct queue q;
    struct sigevent ev = by_signal(1), none = {.sigev_notify = SIGEV_NONE};
    make_queue(c, &q);
    block(c);
    EQ(c, mops(c)->notify(q.h, &none), 0);
    EQ(c, mops(c)->notify(q.h, &ev), -EBUSY);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        struct mqh *h = open_queue(c, &q, O_RDWR);
        EQ(c, mops(c)->notify(h, &ev), -EBUSY);
        EQ(c, mops(c)->notify(h, NULL), 0); /* another's isn't ended */
        EQ(c, mops(c)->notify(h, &ev), -EBUSY);
        conf_exit();
    }
    conf_join(c, pid);
    EQ(c, mops(c)->notify(q.h, NULL), 0);
    EQ(c, mops(c)->notify(q.h, &ev), 0);
    remove_queue(c, &q);
}

static void none_ends_with_a_message(struct conf *c)
{
    struct queue q;
    struct sigevent none = {.sigev_notify = SIGEV_NONE};
    make_queue(c, &q);
    EQ(c, mops(c)->notify(q.h, &none), 0);
    EQ(c, mops(c)->notify(q.h, &none), -EBUSY);
    EQ(c, put_n(c, q.h, 1, 0, NOW), 0);
    EQ(c, mops(c)->notify(q.h, &none), 0);
    remove_queue(c, &q);
}

static void taken_back(struct conf *c)
{
    struct queue q;
    struct sigevent ev = by_signal(1);
    siginfo_t info;
    make_queue(c, &q);
    block(c);
    EQ(c, mops(c)->notify(q.h, NULL), 0);
    EQ(c, mops(c)->notify(q.h, &ev), 0);
    EQ(c, mops(c)->notify(q.h, NULL), 0);
    EQ(c, put_n(c, q.h, 1, 0, NOW), 0);
    OK(c, !told(&info, 30));
    remove_queue(c, &q);
}

static void ends_with_close(struct conf *c)
{
    struct queue q;
    struct sigevent ev = by_signal(1);
    siginfo_t info;
    make_queue(c, &q);
    block(c);
    struct mqh *h = open_queue(c, &q, O_RDWR);
    EQ(c, mops(c)->notify(h, &ev), 0);
    mops(c)->close(h);
    EQ(c, put_n(c, q.h, 1, 0, NOW), 0);
    OK(c, !told(&info, 30));
    EQ(c, mops(c)->notify(q.h, &ev), 0);
    remove_queue(c, &q);
}

static void ends_with_death(struct conf *c)
{
    struct queue q;
    struct sigevent ev = by_signal(1);
    make_queue(c, &q);
    block(c);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        EQ(c, mops(c)->notify(q.h, &ev), 0);
        conf_set(c, 0, 1);
        for (;;)
            pause();
    }
    conf_await(c, 0, 1);
    EQ(c, mops(c)->notify(q.h, &ev), -EBUSY);
    conf_kill(c, pid);
    EQ(c, mops(c)->notify(q.h, &ev), 0);
    remove_queue(c, &q);
}

static _Atomic int thread_value;

static void in_thread(union sigval v)
{
    thread_value = v.sival_int;
}

static void by_thread(struct conf *c)
{
    struct queue q;
    struct sigevent ev = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = in_thread};
    ev.sigev_value.sival_int = 12;
    make_queue(c, &q);
    pid_t pid = conf_fork(c); /* libc's helper thread keeps a descriptor */
    if (pid == 0) {
        EQ(c, mops(c)->notify(q.h, &ev), 0);
        EQ(c, put_n(c, q.h, 1, 0, NOW), 0);
        while (thread_value != 12)
            conf_pause_ms(1);
        conf_exit();
    }
    conf_join(c, pid);
    remove_queue(c, &q);
}

static void bad_events(struct conf *c)
{
    struct queue q;
    struct sigevent ev = {.sigev_notify = 77}, sig = by_signal(1);
    make_queue(c, &q);
    EQ(c, mops(c)->notify(q.h, &ev), -EINVAL);
    sig.sigev_signo = 1000;
    EQ(c, mops(c)->notify(q.h, &sig), -EINVAL);
    remove_queue(c, &q);
}

/* kill(2) between them would be forbidden. */
static void across_users(struct conf *c)
{
    struct queue q;
    struct sigevent ev = by_signal(9);
    siginfo_t info;
    make_queue(c, &q);
    block(c);
    EQ(c, mops(c)->notify(q.h, &ev), 0);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        conf_become(c, NOBODY, NOBODY);
        struct mqh *h = open_queue(c, &q, O_WRONLY);
        EQ(c, put_n(c, h, 1, 0, NOW), 0);
        conf_exit();
    }
    conf_join(c, pid);
    OK(c, told(&info, 2000));
    EQ(c, info.si_code, SI_MESGQ);
    EQ(c, info.si_pid, pid);
    EQ(c, info.si_uid, NOBODY);
    remove_queue(c, &q);
}

static void child_is_not_registered(struct conf *c)
{
    struct queue q;
    struct sigevent ev = by_signal(1);
    siginfo_t info;
    make_queue(c, &q);
    block(c);
    EQ(c, mops(c)->notify(q.h, &ev), 0);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        mops(c)->close(q.h); /* ends nothing of the parent's */
        conf_exit();
    }
    conf_join(c, pid);
    EQ(c, put_n(c, q.h, 1, 0, NOW), 0);
    OK(c, told(&info, 2000));
    remove_queue(c, &q);
}

const struct conf_case mq_notify_cases[] = {
    {"notify.signal_says_all", signal_says_all, 0, NULL, NULL, 0},
    {"notify.once_only", once_only, 0, NULL, NULL, 0},
    {"notify.only_from_empty", only_from_empty, 0, NULL, NULL, 0},
    {"notify.not_when_a_receiver_waits", not_when_a_receiver_waits, 0, NULL, NULL, 0},
    {"notify.one_at_a_time", one_at_a_time, 0, NULL, NULL, 0},
    {"notify.none_ends_with_a_message", none_ends_with_a_message, 0, NULL, NULL, 0},
    {"notify.taken_back", taken_back, 0, NULL, NULL, 0},
    {"notify.ends_with_close", ends_with_close, 0, NULL, NULL, 0},
    {"notify.ends_with_death", ends_with_death, 0, NULL, NULL, 0},
    {"notify.by_thread", by_thread, 0, NULL, NULL, 0},
    {"notify.bad_events", bad_events, 0, NULL, NULL, 0},
    {"notify.across_users", across_users, CONF_AS_ROOT, NULL, NULL, 0},
    {"notify.child_is_not_registered", child_is_not_registered, 0, NULL, NULL, 0},
    {0},
};
