/* SPDX-License-Identifier: MIT */
/* signal_cases_wait.c - waiting: who is woken, deadlines, handlers, stops, several that wait */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "signal_room.h"

#define N_THREADS 4

/* A child's wait is over: what it said. */
static int said(struct conf *c, int i)
{
    conf_await(c, COUNTER, i + 1);
    return (int)conf_get(c, GOT + i);
}

static void send_wakes(struct conf *c)
{
    struct receiver r;
    struct peer p;
    start_receiver(c, &r, 3, EVER);
    find_peer(c, &p, &r.in.at);
    tell(c, &p, SIGUSR1);
    EQ(c, said(c, 0), SIGUSR1);
    conf_asleep(c, r.pid);
    queue(c, &p, RT(7), 1234);
    EQ(c, said(c, 1), RT(7));
    EQ(c, conf_get(c, VALUE + 1), 1234);
    queue(c, &p, RT(8), 1);
    EQ(c, said(c, 2), RT(8));
    leave_peer(c, &p);
    end_receiver(c, &r);
}

/* Without sleeping, whatever the deadline says; and the info needn't be asked for. */
static void already_pending(struct conf *c)
{
    static const int64_t deadlines[] = {NOW, EVER, 1};
    struct inbox in;
    struct peer p;
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    for (int i = 0; i < 3; i++) {
        queue(c, &p, RT(1), 1);
        EQ(c, ops(c)->wait(&in, NULL, deadlines[i]), RT(1));
    }
    is_empty(c, &in);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

static void deadlines(struct conf *c)
{
    struct inbox in;
    make_inbox(c, &in, USUAL);
    const int over = (int)DIFFERS(c, -EAGAIN, -ETIMEDOUT);
    int64_t until = in_some_ms(30);
    EQ(c, ops(c)->wait(&in, NULL, until), over);
    OK(c, hepta_now_ns() >= until);
    EQ(c, ops(c)->wait(&in, NULL, in_some_ms(-1000)), over);
    EQ(c, ops(c)->wait(&in, NULL, 1), over);
    EQ(c, ops(c)->wait(&in, NULL, NOW), -EAGAIN); /* looks only */
    drop_inbox(c, &in);
}

static void before_its_deadline(struct conf *c)
{
    struct receiver r;
    struct peer p;
    start_receiver(c, &r, 1, in_some_ms(LONG_MS));
    find_peer(c, &p, &r.in.at);
    queue(c, &p, RT(2), 5);
    EQ(c, said(c, 0), RT(2));
    leave_peer(c, &p);
    end_receiver(c, &r);
}

/* What isn't in the set, or is held back, wakes nobody. */
static void only_its_set(struct conf *c)
{
    struct receiver r = {.in = {.at = new_place(), .fd = -1}};
    struct peer p;
    r.pid = conf_fork(c);
    if (r.pid == 0) {
        sigset_t other;
        sigemptyset(&other);
        sigaddset(&other, SIGUSR2);
        pthread_sigmask(SIG_BLOCK, &other, NULL);
        EQ(c, ops(c)->open(&r.in, USUAL), 0);
        EQ(c, ops(c)->mask(&r.in, HEPTA_SIGNAL_BLOCK, BIT(RT(1)), NULL), 0);
        conf_set(c, BEFORE, 1);
        EQ(c, await_signal(c, &r.in).signo, RT(2));
        EQ(c, (long long)pending(c, &r.in), (long long)BIT(RT(1)));
        is_empty(c, &r.in);
        let_go(c, &r.in);
        take_one(c, &r.in, RT(1));
        is_empty(c, &r.in);
        conf_exit();
    }
    r.in.at.pid = r.pid;
    conf_asleep_after(c, r.pid, BEFORE);
    find_peer(c, &p, &r.in.at);
    tell(c, &p, SIGUSR2);
    tell(c, &p, RT(1));
    conf_asleep(c, r.pid);
    tell(c, &p, RT(2));
    leave_peer(c, &p);
    end_receiver(c, &r);
}

/* --- interrupted ---------------------------------------------------------------------- */

static void interrupted_with(struct conf *c, int flags, int64_t deadline)
{
    struct inbox in = {.at = new_place(), .fd = -1};
    for (int i = 0; i < CONF_N_CELLS; i++)
        conf_set(c, i, 0);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        conf_handle(c, SIGURG, flags);
        EQ(c, ops(c)->open(&in, USUAL), 0);
        conf_set(c, BEFORE, 1);
        EQ(c, ops(c)->wait(&in, NULL, deadline), -EINTR);
        conf_set(c, 2, 1);
        is_empty(c, &in);
        conf_exit();
    }
    conf_asleep_after(c, pid, BEFORE);
    conf_break_off(c, pid, SIGURG, 2, 1);
    conf_join(c, pid);
    OK(c, atomic_load(&c->share->n_signals) > 0);
    unlink_place(c, &in.at);
}

static void interrupted(struct conf *c)
{
    interrupted_with(c, 0, EVER);
    interrupted_with(c, 0, in_some_ms(LONG_MS));
}

/* Waits for signals never go on after a handler. */
static void not_restarted(struct conf *c)
{
    interrupted_with(c, SA_RESTART, EVER);
    interrupted_with(c, SA_RESTART, in_some_ms(LONG_MS));
}

/* Handlers all the time: nothing is lost, or comes twice. */
static void among_handlers(struct conf *c)
{
    struct inbox in;
    make_inbox(c, &in, USUAL);
    conf_handle(c, SIGURG, 0);
    pid_t parent = getpid(), pid = conf_fork(c);
    if (pid == 0) {
        struct peer p;
        find_peer(c, &p, &in.at);
        for (uint64_t i = 0; i < 1000; i++) {
            queue(c, &p, RT(0), i);
            EQ(c, kill(parent, SIGURG), 0);
            conf_await(c, COUNTER, (long)i - 20);
        }
        conf_exit();
    }
    for (uint64_t i = 0; i < 1000; i++) {
        EQ(c, (long long)await_signal(c, &in).value, (long long)i);
        conf_set(c, COUNTER, (long)i);
    }
    conf_join(c, pid);
    is_empty(c, &in);
    OK(c, atomic_load(&c->share->n_signals) > 0);
    drop_inbox(c, &in);
}

/* SIGSTOP and SIGCONT end it, as signal(7) lists for sigtimedwait(2), although no handler ran. */
static void stopped(struct conf *c)
{
    struct receiver r;
    struct peer p;
    int status;
    start_receiver(c, &r, 1, EVER);
    for (int i = 0; i < 20 && conf_get(c, COUNTER) == 0; i++) {
        EQ(c, kill(r.pid, SIGSTOP), 0);
        EQ(c, waitpid(r.pid, &status, WUNTRACED), r.pid);
        EQ(c, kill(r.pid, SIGCONT), 0);
        conf_pause_ms(20);
        if (conf_side(c) == CONF_HEPTA && i == 3)
            break;
    }
    EQ(c, conf_get(c, COUNTER), DIFFERS(c, 1, 0));
    if (conf_side(c) == CONF_KERNEL) {
        EQ(c, conf_get(c, GOT), -EINTR);
    } else {
        find_peer(c, &p, &r.in.at);
        tell(c, &p, SIGUSR1);
        leave_peer(c, &p);
        EQ(c, said(c, 0), SIGUSR1);
    }
    end_receiver(c, &r);
}

/* An ignored signal is no interruption. */
static void ignored(struct conf *c)
{
    struct receiver r;
    struct peer p;
    start_receiver(c, &r, 1, EVER);
    for (int i = 0; i < 3; i++) {
        EQ(c, kill(r.pid, SIGWINCH), 0);
        conf_asleep(c, r.pid);
    }
    find_peer(c, &p, &r.in.at);
    tell(c, &p, SIGUSR1);
    EQ(c, said(c, 0), SIGUSR1);
    leave_peer(c, &p);
    end_receiver(c, &r);
}

/* --- several -------------------------------------------------------------------------- */

struct waiting_thread {
    struct conf *c;
    struct inbox *in;
    int i;
};

static void *wait_once(void *arg)
{
    struct waiting_thread *t = arg;
    conf_add(t->c, BEFORE, 1);
    struct hepta_signal_info info = await_signal(t->c, t->in);
    conf_add(t->c, COUNTER, 1);
    conf_set(t->c, VALUE + t->i, (long)info.value);
    return NULL;
}

/* Of threads that wait for the same, exactly one gets each; which one, nobody says. */
static void one_of_several(struct conf *c)
{
    struct inbox in;
    struct peer p;
    struct waiting_thread t[N_THREADS];
    pthread_t thread[N_THREADS];
    long sum = 0;
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    for (int i = 0; i < N_THREADS; i++) {
        t[i] = (struct waiting_thread){c, &in, i};
        EQ(c, pthread_create(&thread[i], NULL, wait_once, &t[i]), 0);
    }
    conf_await(c, BEFORE, N_THREADS);
    conf_pause_ms(10);
    for (int i = 0; i < N_THREADS; i++) {
        queue(c, &p, RT(9), 1ull << i);
        conf_await(c, COUNTER, i + 1);
        conf_pause_ms(5);
        EQ(c, conf_get(c, COUNTER), i + 1);
    }
    for (int i = 0; i < N_THREADS; i++) {
        EQ(c, pthread_join(thread[i], NULL), 0);
        sum += conf_get(c, VALUE + i);
    }
    EQ(c, sum, (1 << N_THREADS) - 1);
    is_empty(c, &in);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

static void let_go_once(struct conf *c, struct inbox *in, struct peer *p)
{
    pthread_t thread;
    struct waiting_thread t = {c, in, 0};
    conf_set(c, BEFORE, 0);
    conf_set(c, COUNTER, 0);
    hold(c, in);
    queue(c, p, RT(9), 3);
    EQ(c, pthread_create(&thread, NULL, wait_once, &t), 0);
    conf_await(c, BEFORE, 1);
    conf_pause_ms(20);
    EQ(c, conf_get(c, COUNTER), 0);
    let_go(c, in);
    EQ(c, pthread_join(thread, NULL), 0);
    EQ(c, conf_get(c, VALUE), 3);
}

/* A mask that another thread changes: of a mailbox the sleeper is woken, and needn't wait for the
 * look that it takes once a second. */
static void let_go_meanwhile(struct conf *c)
{
    struct inbox in;
    struct peer p;
    const int n_rounds = 5;
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    int64_t start = hepta_now_ns();
    for (int i = 0; i < n_rounds; i++)
        let_go_once(c, &in, &p);
    OK(c, hepta_now_ns() - start < n_rounds * 700000000LL);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

static void ping_pong(struct conf *c)
{
    struct inbox mine;
    struct receiver r = {.in = {.at = new_place(), .fd = -1}};
    struct peer p;
    make_inbox(c, &mine, USUAL);
    r.pid = conf_fork(c);
    if (r.pid == 0) {
        struct inbox in = r.in;
        EQ(c, ops(c)->open(&in, USUAL), 0);
        find_peer(c, &p, &mine.at);
        conf_set(c, BEFORE, 1);
        for (uint64_t i = 0; i < 1000; i++) {
            EQ(c, (long long)await_signal(c, &in).value, (long long)i);
            queue(c, &p, RT(0), i);
        }
        conf_exit();
    }
    r.in.at.pid = r.pid;
    conf_await(c, BEFORE, 1);
    find_peer(c, &p, &r.in.at);
    for (uint64_t i = 0; i < 1000; i++) {
        queue(c, &p, RT(1), i);
        EQ(c, (long long)await_signal(c, &mine).value, (long long)i);
    }
    leave_peer(c, &p);
    end_receiver(c, &r);
    drop_inbox(c, &mine);
}

const struct conf_case signal_wait_cases[] = {
    {"wait.send_wakes", send_wakes, 0, NULL, NULL, 0},
    {"wait.already_pending", already_pending, 0, NULL, NULL, 0},
    {"wait.deadlines", deadlines, 0, "signal-timed-out", NULL, 0},
    {"wait.before_its_deadline", before_its_deadline, 0, NULL, NULL, 0},
    {"wait.only_its_set", only_its_set, 0, NULL, NULL, 0},
    {"wait.interrupted", interrupted, 0, NULL, NULL, 0},
    {"wait.not_restarted", not_restarted, 0, NULL, NULL, 0},
    {"wait.among_handlers", among_handlers, 0, NULL, NULL, 20},
    {"wait.stopped", stopped, NEEDS_SLEEP, "signal-stopped", NULL, 0},
    {"wait.ignored", ignored, 0, NULL, NULL, 0},
    {"wait.one_of_several", one_of_several, 0, NULL, NULL, 0},
    {"wait.let_go_meanwhile", let_go_meanwhile, NEEDS_MAILBOX, NULL, NULL, 0},
    {"wait.ping_pong", ping_pong, 0, NULL, NULL, 0},
    {0},
};
