/* SPDX-License-Identifier: MIT */
/* signal_cases_target.c - one thread, any thread, every process of a group */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "signal_room.h"

#define N 3

/* --- groups --------------------------------------------------------------------------- */

/* N children of one group, which the first leads; each takes one and counts; then all wait for
 * FREE. */
static void start_group(struct conf *c, pid_t *pid)
{
    for (int i = 0; i < N; i++) {
        pid[i] = conf_fork(c);
        if (pid[i] == 0) {
            struct inbox in;
            make_inbox(c, &in, USUAL);
            EQ(c, setpgid(0, i == 0 ? 0 : pid[0]), 0);
            conf_set(c, BEFORE, i + 1);
            struct hepta_signal_info info = await_signal(c, &in);
            conf_set(c, GOT + i, info.signo);
            conf_set(c, VALUE + i, (long)info.value);
            conf_add(c, COUNTER, 1);
            conf_await(c, FREE, 1);
            is_empty(c, &in);
            conf_exit();
        }
        conf_await(c, BEFORE, i + 1);
    }
}

static void end_group(struct conf *c, const pid_t *pid)
{
    conf_set(c, FREE, 1);
    for (int i = 0; i < N; i++)
        conf_join(c, pid[i]);
}

static void every_member(struct conf *c)
{
    pid_t pid[N];
    struct peer p;
    start_group(c, pid);
    struct where at = {.pid = pid[0]};
    find_peer(c, &p, &at);
    EQ(c, ops(c)->send(&p, 0, TO_GROUP, 0), 0);
    EQ(c, ops(c)->send(&p, SIGUSR1, TO_GROUP, 0), 0);
    conf_await(c, COUNTER, N);
    for (int i = 0; i < N; i++)
        EQ(c, conf_get(c, GOT + i), SIGUSR1);
    leave_peer(c, &p);
    end_group(c, pid);
}

static void value_for_all(struct conf *c)
{
    pid_t pid[N];
    struct peer p;
    start_group(c, pid);
    struct where at = {.pid = pid[0]};
    find_peer(c, &p, &at);
    EQ(c, ops(c)->send(&p, RT(3), TO_GROUP | WITH_VALUE, 12), 0);
    conf_await(c, COUNTER, N);
    for (int i = 0; i < N; i++)
        EQ(c, conf_get(c, VALUE + i), 12);
    leave_peer(c, &p);
    end_group(c, pid);
}

/* Who leads none. */
static void leads_none(struct conf *c)
{
    pid_t pid[N];
    struct peer p;
    start_group(c, pid);
    struct where at = {.pid = pid[1]};
    find_peer(c, &p, &at);
    EQ(c, ops(c)->send(&p, SIGUSR1, TO_GROUP, 0), -ESRCH);
    EQ(c, ops(c)->send(&p, 0, TO_GROUP, 0), -ESRCH);
    leave_peer(c, &p);
    at.pid = pid[0];
    find_peer(c, &p, &at);
    EQ(c, ops(c)->send(&p, SIGUSR1, TO_GROUP, 0), 0);
    conf_await(c, COUNTER, N);
    leave_peer(c, &p);
    end_group(c, pid);
}

/* The group outlives who led it, and is gone with its last member. */
static void leader_gone(struct conf *c)
{
    pid_t pid[N];
    struct peer p;
    start_group(c, pid);
    struct where at = {.pid = pid[0]};
    find_peer(c, &p, &at);
    conf_kill(c, pid[0]);
    EQ(c, ops(c)->send(&p, 0, 0, 0), -ESRCH);
    EQ(c, ops(c)->send(&p, SIGUSR1, TO_GROUP, 0), 0);
    conf_await(c, COUNTER, N - 1);
    conf_set(c, FREE, 1);
    conf_join(c, pid[1]);
    EQ(c, ops(c)->send(&p, 0, TO_GROUP, 0), 0);
    conf_join(c, pid[2]);
    EQ(c, ops(c)->send(&p, 0, TO_GROUP, 0), -ESRCH);
    leave_peer(c, &p);
}

/* --- threads -------------------------------------------------------------------------- */

struct thread {
    struct conf *c;
    struct inbox *in;
    pid_t tid;
};

/* With the mask of who made it; waits for cell FREE, then takes what it was sent. */
static void *other_thread(void *arg)
{
    struct thread *t = arg;
    struct conf *c = t->c;
    t->tid = gettid();
    conf_set(c, BEFORE, 1);
    conf_await(c, FREE, 1);
    EQ(c, (long long)pending(c, t->in), conf_get(c, VALUE));
    int r;
    while ((r = ops(c)->wait(t->in, NULL, NOW)) > 0)
        conf_set(c, GOT + (int)conf_add(c, COUNTER, 1) - 1, r);
    EQ(c, r, -EAGAIN);
    return NULL;
}

static pthread_t start_thread(struct conf *c, struct thread *t, struct inbox *in)
{
    pthread_t thread;
    *t = (struct thread){.c = c, .in = in};
    EQ(c, pthread_create(&thread, NULL, other_thread, t), 0);
    conf_await(c, BEFORE, 1);
    return thread;
}

/* Only it has it pending, and only it takes it; what is sent to the process, anybody. */
static void one_thread(struct conf *c)
{
    struct inbox in;
    struct peer p = {.pidfd = -1};
    struct thread t;
    make_inbox(c, &in, USUAL);
    pthread_t thread = start_thread(c, &t, &in);
    struct where at = {.pid = getpid(), .tid = t.tid};
    EQ(c, ops(c)->peer(&p, &at, true), 0);
    tell(c, &p, SIGUSR1);
    queue(c, &p, RT(1), 1);
    queue(c, &p, RT(1), 2);
    EQ(c, (long long)pending(c, &in), 0);
    is_empty(c, &in);
    conf_set(c, VALUE, (long)(BIT(SIGUSR1) | BIT(RT(1))));
    conf_set(c, FREE, 1);
    EQ(c, pthread_join(thread, NULL), 0);
    EQ(c, conf_get(c, COUNTER), 3);
    EQ(c, conf_get(c, GOT), SIGUSR1);
    EQ(c, conf_get(c, GOT + 1), RT(1));
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

static void the_process(struct conf *c)
{
    struct inbox in;
    struct peer p;
    struct thread t;
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    pthread_t thread = start_thread(c, &t, &in);
    queue(c, &p, RT(1), 1);
    queue(c, &p, RT(1), 2);
    take_value(c, &in, RT(1), 1);
    conf_set(c, VALUE, (long)BIT(RT(1)));
    conf_set(c, FREE, 1);
    EQ(c, pthread_join(thread, NULL), 0);
    EQ(c, conf_get(c, COUNTER), 1);
    is_empty(c, &in);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

/* What was pending for a thread goes with it, and nobody is there any more. */
static void thread_gone(struct conf *c)
{
    struct inbox in;
    struct peer p = {.pidfd = -1}, late = {.pidfd = -1};
    struct thread t;
    make_inbox(c, &in, USUAL);
    pthread_t thread = start_thread(c, &t, &in);
    struct where at = {.pid = getpid(), .tid = t.tid};
    EQ(c, ops(c)->peer(&p, &at, true), 0);
    EQ(c, ops(c)->send(&p, 0, 0, 0), 0);
    conf_set(c, VALUE, 0);
    conf_set(c, FREE, 1);
    EQ(c, pthread_join(thread, NULL), 0);
    int r = ops(c)->send(&p, 0, 0, 0); /* joined a moment before it is gone */
    for (int i = 0; i < 1000 && r == 0; i++) {
        conf_pause_ms(1);
        r = ops(c)->send(&p, 0, 0, 0);
    }
    EQ(c, r, -ESRCH);
    EQ(c, ops(c)->send(&p, RT(0), WITH_VALUE, 1), -ESRCH);
    r = ops(c)->peer(&late, &at, true);
    if (has(c, NEEDS_PIDFD))
        EQ(c, r, -ESRCH);
    is_empty(c, &in);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

/* A thread's number isn't a process. */
static void no_process(struct conf *c)
{
    struct inbox in;
    struct peer p = {.pidfd = -1};
    struct thread t;
    make_inbox(c, &in, USUAL);
    pthread_t thread = start_thread(c, &t, &in);
    struct where at = {.pid = t.tid};
    int r = ops(c)->peer(&p, &at, false);
    OK(c, r == -EINVAL || (!has(c, NEEDS_HEPTA) && r == -ENOENT)); /* Linux 6.16 and later */
    conf_set(c, FREE, 1);
    EQ(c, pthread_join(thread, NULL), 0);
    drop_inbox(c, &in);
}

/* Of threads that don't block it, whichever; a handler runs in one. */
static _Atomic(pid_t) handled_by;

static void who_handles(int sig)
{
    (void)sig;
    handled_by = gettid();
}

static void *lets_it_through(void *arg)
{
    struct thread *t = arg;
    struct conf *c = t->c;
    sigset_t set;
    t->tid = gettid();
    sigemptyset(&set);
    sigaddset(&set, SIGURG);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    conf_set(c, BEFORE, 1);
    while (handled_by == 0)
        sched_yield();
    return NULL;
}

static void who_doesnt_block(struct conf *c)
{
    struct peer p;
    struct inbox in;
    struct thread t = {.c = c};
    pthread_t thread;
    sigset_t set;
    make_inbox(c, &in, BIT(RT(0)));
    find_self(c, &p, &in);
    signal(SIGURG, who_handles);
    sigemptyset(&set);
    sigaddset(&set, SIGURG);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    EQ(c, pthread_create(&thread, NULL, lets_it_through, &t), 0);
    conf_await(c, BEFORE, 1);
    tell(c, &p, SIGURG);
    EQ(c, pthread_join(thread, NULL), 0);
    EQ(c, handled_by, t.tid);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

const struct conf_case signal_target_cases[] = {
    {"group.every_member", every_member, NEEDS_SIGNALS, NULL, NULL, 0},
    {"group.value_for_all", value_for_all, NEEDS_PIDFD, NULL, NULL, 0},
    {"group.leads_none", leads_none, NEEDS_SIGNALS, NULL, NULL, 0},
    {"group.leader_gone", leader_gone, NEEDS_SIGNALS, NULL, NULL, 0},
    {"thread.one", one_thread, NEEDS_SIGNALS, NULL, NULL, 0},
    {"thread.the_process", the_process, NEEDS_SIGNALS, NULL, NULL, 0},
    {"thread.gone", thread_gone, NEEDS_SIGNALS, NULL, NULL, 0},
    {"thread.no_process", no_process, NEEDS_PIDFD, NULL, NULL, 0},
    {"thread.who_doesnt_block", who_doesnt_block, NEEDS_SIGNALS, NULL, NULL, 0},
    {0},
};
