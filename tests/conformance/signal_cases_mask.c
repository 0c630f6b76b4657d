/* SPDX-License-Identifier: MIT */
/* signal_cases_mask.c - what is held back stays pending until it no longer is */
#define _GNU_SOURCE
#include "signal_room.h"

#include <pthread.h>
#include <sys/wait.h>

static void held_back(struct conf *c)
{
    struct inbox in;
    struct peer p;
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    hold(c, &in);
    tell(c, &p, SIGUSR1);
    tell(c, &p, SIGUSR1);
    queue(c, &p, RT(1), 1);
    queue(c, &p, RT(1), 2);
    is_empty(c, &in);
    EQ(c, (long long)pending(c, &in), (long long)(BIT(SIGUSR1) | BIT(RT(1))));
    is_empty(c, &in);
    let_go(c, &in);
    take_one(c, &in, SIGUSR1);
    take_value(c, &in, RT(1), 1);
    take_value(c, &in, RT(1), 2);
    is_empty(c, &in);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

static void others_pass(struct conf *c)
{
    struct inbox in;
    struct peer p;
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    EQ(c, ops(c)->mask(&in, HEPTA_SIGNAL_BLOCK, BIT(SIGHUP) | BIT(RT(0)), NULL), 0);
    tell(c, &p, SIGHUP);
    queue(c, &p, RT(0), 1);
    queue(c, &p, RT(1), 2);
    tell(c, &p, SIGTERM);
    take_one(c, &in, SIGTERM);
    take_value(c, &in, RT(1), 2);
    is_empty(c, &in);
    EQ(c, ops(c)->mask(&in, HEPTA_SIGNAL_UNBLOCK, BIT(RT(0)), NULL), 0);
    take_value(c, &in, RT(0), 1);
    is_empty(c, &in);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

/* Union, difference, the set itself; and what it was before. */
static void three_ways(struct conf *c)
{
    const uint64_t a = BIT(SIGHUP), b = BIT(RT(2)), d = BIT(RT(3));
    struct inbox in;
    uint64_t old = ~0ull;
    make_inbox(c, &in, USUAL);
    EQ(c, ops(c)->mask(&in, HEPTA_SIGNAL_BLOCK, a, &old), 0);
    EQ(c, (long long)old, 0);
    EQ(c, ops(c)->mask(&in, HEPTA_SIGNAL_BLOCK, b, &old), 0);
    EQ(c, (long long)old, (long long)a);
    EQ(c, ops(c)->mask(&in, HEPTA_SIGNAL_UNBLOCK, a | d, &old), 0); /* d isn't */
    EQ(c, (long long)old, (long long)(a | b));
    EQ(c, ops(c)->mask(&in, HEPTA_SIGNAL_SETMASK, a | d, &old), 0);
    EQ(c, (long long)old, (long long)b);
    EQ(c, ops(c)->mask(&in, HEPTA_SIGNAL_BLOCK, 0, &old), 0); /* only asks */
    EQ(c, (long long)old, (long long)(a | d));
    EQ(c, ops(c)->mask(&in, HEPTA_SIGNAL_SETMASK, 0, NULL), 0);
    EQ(c, ops(c)->mask(&in, HEPTA_SIGNAL_BLOCK, 0, &old), 0);
    EQ(c, (long long)old, 0);
    drop_inbox(c, &in);
}

static void wrong_way(struct conf *c)
{
    struct inbox in;
    uint64_t old = 0;
    make_inbox(c, &in, USUAL);
    EQ(c, HEPTA_SIGNAL_BLOCK, SIG_BLOCK);
    EQ(c, HEPTA_SIGNAL_UNBLOCK, SIG_UNBLOCK);
    EQ(c, HEPTA_SIGNAL_SETMASK, SIG_SETMASK);
    EQ(c, ops(c)->mask(&in, 3, BIT(SIGHUP), NULL), -EINVAL);
    EQ(c, ops(c)->mask(&in, -1, BIT(SIGHUP), NULL), -EINVAL);
    EQ(c, ops(c)->mask(&in, HEPTA_SIGNAL_BLOCK, 0, &old), 0);
    EQ(c, (long long)old, 0);
    drop_inbox(c, &in);
}

static void order_when_let_go(struct conf *c)
{
    struct inbox in;
    struct peer p;
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    hold(c, &in);
    for (int i = 0; i < 20; i++)
        queue(c, &p, RT(19 - i), (uint64_t)i);
    for (int i = 0; i < 20; i++)
        queue(c, &p, RT(19 - i), (uint64_t)i + 100);
    let_go(c, &in);
    for (int n = 0; n < 20; n++) {
        take_value(c, &in, RT(n), (uint64_t)(19 - n));
        take_value(c, &in, RT(n), (uint64_t)(119 - n));
    }
    is_empty(c, &in);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

/* --- pending -------------------------------------------------------------------------- */

static void pending_exactly(struct conf *c)
{
    struct inbox in;
    struct peer p;
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    EQ(c, (long long)pending(c, &in), 0);
    tell(c, &p, SIGHUP);
    queue(c, &p, RT(0), 1);
    queue(c, &p, RT(0), 2);
    queue(c, &p, RT(30), 3);
    for (int i = 0; i < 2; i++) /* looking takes nothing */
        EQ(c, (long long)pending(c, &in), (long long)(BIT(SIGHUP) | BIT(RT(0)) | BIT(RT(30))));
    take_one(c, &in, SIGHUP);
    EQ(c, (long long)pending(c, &in), (long long)(BIT(RT(0)) | BIT(RT(30))));
    take_value(c, &in, RT(0), 1);
    EQ(c, (long long)pending(c, &in), (long long)(BIT(RT(0)) | BIT(RT(30))));
    take_value(c, &in, RT(0), 2);
    EQ(c, (long long)pending(c, &in), (long long)BIT(RT(30)));
    take_value(c, &in, RT(30), 3);
    EQ(c, (long long)pending(c, &in), 0);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

/* The thread's and the process's: two queues, of which the thread's is emptied first, whatever the
 * numbers. */
static void of_thread_and_process(struct conf *c)
{
    struct inbox in;
    struct peer process, thread = {.pidfd = -1};
    make_inbox(c, &in, USUAL);
    find_self(c, &process, &in);
    EQ(c, ops(c)->peer(&thread, &in.at, true), 0);
    queue(c, &process, RT(1), 1);
    queue(c, &thread, RT(2), 2);
    tell(c, &thread, SIGUSR1);
    tell(c, &process, SIGUSR1); /* pending twice: each has its own */
    EQ(c, (long long)pending(c, &in), (long long)(BIT(RT(1)) | BIT(RT(2)) | BIT(SIGUSR1)));
    take_one(c, &in, SIGUSR1);
    take_value(c, &in, RT(2), 2);
    EQ(c, (long long)pending(c, &in), (long long)(BIT(RT(1)) | BIT(SIGUSR1)));
    take_one(c, &in, SIGUSR1);
    take_value(c, &in, RT(1), 1);
    is_empty(c, &in);
    leave_peer(c, &thread);
    leave_peer(c, &process);
    drop_inbox(c, &in);
}

/* sigpending(2) says that one which is blocked and ignored isn't added. Linux adds it; as long as
 * it is blocked, it counts. */
static void blocked_and_ignored(struct conf *c)
{
    struct inbox in;
    struct peer p;
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    signal(SIGHUP, SIG_IGN);
    tell(c, &p, SIGHUP);
    EQ(c, (long long)pending(c, &in), (long long)BIT(SIGHUP));
    take_one(c, &in, SIGHUP);
    signal(SIGHUP, SIG_DFL);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

/* --- what can't be held back ---------------------------------------------------------- */

/* The kernel ignores them in a set without a word; Hepta says so. */
static void kill_and_stop(struct conf *c)
{
    struct inbox in = {.fd = -1};
    sigset_t here;
    int r = ops(c)->open(&in, BIT(SIGKILL) | BIT(SIGSTOP) | BIT(RT(0)));
    EQ(c, r, DIFFERS(c, 0, -EINVAL));
    pthread_sigmask(SIG_BLOCK, NULL, &here);
    EQ(c, sigismember(&here, SIGKILL), 0);
    EQ(c, sigismember(&here, SIGSTOP), 0);
    if (r == 0)
        drop_inbox(c, &in);
}

/* Of a mailbox they are numbers like others. */
static void kill_is_a_number(struct conf *c)
{
    struct inbox in;
    make_inbox(c, &in, BIT(SIGKILL) | BIT(SIGSTOP) | BIT(32) | BIT(33));
    tell_from_child(c, &in.at, (int[]){33, 33, SIGSTOP, SIGKILL, 32}, 5);
    hold(c, &in);
    is_empty(c, &in);
    let_go(c, &in);
    take_one(c, &in, SIGKILL);
    take_one(c, &in, SIGSTOP);
    take_one(c, &in, 32);
    take_one(c, &in, 33);
    take_one(c, &in, 33);
    is_empty(c, &in);
    drop_inbox(c, &in);
}

/* Nor does a receiver of everything else save its process. */
static void kill_kills(struct conf *c)
{
    struct receiver r;
    struct peer p;
    start_receiver(c, &r, 1, EVER);
    find_peer(c, &p, &r.in.at);
    tell(c, &p, SIGSTOP);
    int status;
    EQ(c, waitpid(r.pid, &status, WUNTRACED), r.pid);
    OK(c, WIFSTOPPED(status));
    tell(c, &p, SIGKILL);
    status = conf_status(c, r.pid);
    OK(c, WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    EQ(c, conf_get(c, COUNTER), 0);
    leave_peer(c, &p);
}

/* --- threads -------------------------------------------------------------------------- */

struct other_thread {
    struct conf *c;
    struct inbox *in;
    sigset_t mask;
};

static void *see_mask(void *arg)
{
    struct other_thread *t = arg;
    pthread_sigmask(SIG_BLOCK, NULL, &t->mask);
    return NULL;
}

static void *unblock_all(void *arg)
{
    struct other_thread *t = arg;
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_UNBLOCK, &all, NULL);
    pthread_sigmask(SIG_BLOCK, NULL, &t->mask);
    conf_set(t->c, 0, 1);
    conf_await(t->c, 1, 1);
    return NULL;
}

/* A thread begins with the mask of who made it; then it is its own. */
static void of_each_thread(struct conf *c)
{
    struct inbox in;
    sigset_t here;
    struct other_thread t = {.c = c, .in = &in};
    pthread_t thread;
    make_inbox(c, &in, USUAL);
    EQ(c, pthread_create(&thread, NULL, see_mask, &t), 0);
    EQ(c, pthread_join(thread, NULL), 0);
    EQ(c, sigismember(&t.mask, SIGUSR1), 1);
    EQ(c, pthread_create(&thread, NULL, unblock_all, &t), 0);
    conf_await(c, 0, 1);
    EQ(c, sigismember(&t.mask, SIGUSR1), 0);
    pthread_sigmask(SIG_BLOCK, NULL, &here);
    EQ(c, sigismember(&here, SIGUSR1), 1);
    if (has(c, NEEDS_HEPTA)) /* who could lose one */
        EQ(c, hepta_signal_unblocked(in.sig), 1);
    conf_set(c, 1, 1);
    EQ(c, pthread_join(thread, NULL), 0);
    if (has(c, NEEDS_HEPTA))
        EQ(c, hepta_signal_unblocked(in.sig), 0);
    drop_inbox(c, &in);
}

/* --- unblocked for good --------------------------------------------------------------- */

/* What is pending when the thread's mask lets it through is delivered by the time the call returns:
 * at least one of them. */
static void delivered_when_unblocked(struct conf *c)
{
    struct inbox in;
    struct peer p;
    conf_handle(c, SIGUSR1, 0);
    conf_handle(c, RT(0), 0);
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    tell(c, &p, SIGUSR1);
    queue(c, &p, RT(0), 1);
    queue(c, &p, RT(0), 2);
    EQ(c, atomic_load(&c->share->n_signals), 0);
    leave_peer(c, &p);
    EQ(c, ops(c)->close(&in), 0);
    EQ(c, atomic_load(&c->share->n_signals), 3);
    sigset_t here;
    pthread_sigmask(SIG_BLOCK, NULL, &here);
    EQ(c, sigismember(&here, SIGUSR1), 0);
}

/* What was blocked before stays so. */
static void blocked_before(struct conf *c)
{
    struct inbox in;
    struct peer p;
    sigset_t mine, here;
    sigemptyset(&mine);
    sigaddset(&mine, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &mine, NULL);
    make_inbox(c, &in, BIT(SIGUSR1) | BIT(RT(0)));
    find_self(c, &p, &in);
    tell(c, &p, SIGUSR1);
    leave_peer(c, &p);
    EQ(c, ops(c)->close(&in), 0);
    pthread_sigmask(SIG_BLOCK, NULL, &here);
    EQ(c, sigismember(&here, SIGUSR1), 1);
    EQ(c, sigismember(&here, RT(0)), 0);
    sigpending(&here);
    EQ(c, sigismember(&here, SIGUSR1), 1); /* and what is pending, too */
}

const struct conf_case signal_mask_cases[] = {
    {"mask.held_back", held_back, 0, NULL, NULL, 0},
    {"mask.others_pass", others_pass, 0, NULL, NULL, 0},
    {"mask.three_ways", three_ways, 0, NULL, NULL, 0},
    {"mask.wrong_way", wrong_way, 0, NULL, NULL, 0},
    {"mask.order_when_let_go", order_when_let_go, 0, NULL, NULL, 0},
    {"mask.kill_and_stop", kill_and_stop, NEEDS_SIGNALS, "signal-says-no", NULL, 0},
    {"mask.kill_is_a_number", kill_is_a_number, NEEDS_MAILBOX, NULL, NULL, 0},
    {"mask.kill_kills", kill_kills, NEEDS_SIGNALS, NULL, NULL, 0},
    {"mask.of_each_thread", of_each_thread, NEEDS_SIGNALS, NULL, NULL, 0},
    {"mask.delivered_when_unblocked", delivered_when_unblocked, NEEDS_WAIT, NULL, NULL, 0},
    {"mask.blocked_before", blocked_before, NEEDS_WAIT, NULL, NULL, 0},
    {"pending.exactly", pending_exactly, 0, NULL, NULL, 0},
    {"pending.of_thread_and_process", of_thread_and_process, NEEDS_SIGNALS, NULL, NULL, 0},
    {"pending.blocked_and_ignored", blocked_and_ignored, NEEDS_WAIT, NULL, NULL, 0},
    {0},
};
