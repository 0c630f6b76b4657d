/* SPDX-License-Identifier: MIT */
/* signal_cases_queue.c - what coalesces, what queues, and what comes with it */
#include "signal_room.h"

#include <unistd.h>

/* --- 1 to 31 -------------------------------------------------------------------------- */

static void one_pending(struct conf *c)
{
    struct inbox in;
    struct peer p;
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    for (int i = 0; i < 5; i++)
        tell(c, &p, SIGUSR1);
    EQ(c, (long long)pending(c, &in), (long long)BIT(SIGUSR1));
    take_one(c, &in, SIGUSR1);
    is_empty(c, &in);
    tell(c, &p, SIGUSR1); /* and it can be again */
    take_one(c, &in, SIGUSR1);
    is_empty(c, &in);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

/* Nor is anything lost of another number. */
static void each_for_itself(struct conf *c)
{
    struct inbox in;
    struct peer p;
    uint64_t seen = 0;
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    for (int i = 0; i < 3; i++) {
        tell(c, &p, SIGTERM);
        tell(c, &p, SIGHUP);
        tell(c, &p, SIGUSR1);
    }
    for (int i = 0; i < 3; i++) { /* in what order, no page says */
        int n = ops(c)->wait(&in, NULL, NOW);
        OK(c, n > 0 && !(seen & BIT(n)));
        seen |= BIT(n);
    }
    EQ(c, (long long)seen, (long long)(BIT(SIGTERM) | BIT(SIGHUP) | BIT(SIGUSR1)));
    is_empty(c, &in);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

/* All 31, but for those that stop and go on, which cancel one another. */
static void every_number(struct conf *c)
{
    struct inbox in;
    struct peer p;
    uint64_t set = ((1ull << 31) - 1) & ~(BIT(SIGKILL) | BIT(SIGSTOP) | BIT(SIGCONT) |
                                          BIT(SIGTSTP) | BIT(SIGTTIN) | BIT(SIGTTOU));
    uint64_t seen = 0;
    make_inbox(c, &in, set);
    find_self(c, &p, &in);
    for (int n = 1; n <= 31; n++)
        if (set & BIT(n)) {
            tell(c, &p, n);
            tell(c, &p, n);
        }
    EQ(c, (long long)pending(c, &in), (long long)set);
    while (seen != set) {
        int n = ops(c)->wait(&in, NULL, NOW);
        OK(c, n > 0 && !(seen & BIT(n)));
        seen |= BIT(n);
    }
    is_empty(c, &in);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

/* What is told is who sent the first. */
static void first_is_told(struct conf *c)
{
    struct inbox in;
    make_inbox(c, &in, USUAL);
    pid_t first = tell_from_child(c, &in.at, (int[]){SIGUSR1}, 1);
    pid_t second = tell_from_child(c, &in.at, (int[]){SIGUSR1, SIGTERM}, 2);
    bool before = false;
    for (int i = 0; i < 2; i++) {
        struct hepta_signal_info info = {.signo = 0};
        OK(c, ops(c)->wait(&in, &info, NOW) > 0);
        EQ(c, info.pid, info.signo == SIGUSR1 ? first : second);
        before |= info.signo == SIGUSR1;
    }
    OK(c, before);
    is_empty(c, &in);
    drop_inbox(c, &in);
}

/* A pending SIGTSTP goes when a SIGCONT comes, and the other way. Numbers of a mailbox mean
 * nothing. */
static void stop_and_go(struct conf *c)
{
    struct inbox in;
    struct peer p;
    make_inbox(c, &in, BIT(SIGTSTP) | BIT(SIGCONT));
    find_self(c, &p, &in);
    tell(c, &p, SIGTSTP);
    tell(c, &p, SIGCONT);
    EQ(c, (long long)pending(c, &in),
       DIFFERS(c, (long long)BIT(SIGCONT), (long long)(BIT(SIGCONT) | BIT(SIGTSTP))));
    tell(c, &p, SIGTSTP);
    EQ(c, (long long)pending(c, &in),
       DIFFERS(c, (long long)BIT(SIGTSTP), (long long)(BIT(SIGCONT) | BIT(SIGTSTP))));
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

/* --- 34 to 64 ------------------------------------------------------------------------- */

static void each_instance(struct conf *c)
{
    struct inbox in;
    struct peer p;
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    for (int i = 0; i < 40; i++) /* POSIX: 32 at least */
        queue(c, &p, RT(3), (uint64_t)i);
    EQ(c, (long long)pending(c, &in), (long long)BIT(RT(3)));
    for (int i = 0; i < 40; i++)
        take_value(c, &in, RT(3), (uint64_t)i);
    is_empty(c, &in);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

/* A value isn't what makes them queue. */
static void without_a_value(struct conf *c)
{
    struct inbox in;
    struct peer p;
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    for (int i = 0; i < 5; i++)
        tell(c, &p, RT(0));
    for (int i = 0; i < 5; i++)
        take_value(c, &in, RT(0), 0);
    is_empty(c, &in);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

/* From SIGRTMIN to SIGRTMAX; of eight at least, as POSIX has it. */
static void every_realtime(struct conf *c)
{
    struct inbox in;
    struct peer p;
    OK(c, SIGRTMAX - SIGRTMIN >= 8 && SIGRTMAX == HEPTA_SIGNAL_MAX);
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    for (int n = SIGRTMIN; n <= SIGRTMAX; n++)
        for (int i = 0; i < 2; i++)
            queue(c, &p, n, (uint64_t)(n * 10 + i));
    EQ(c, (long long)pending(c, &in), (long long)(~0ull << (SIGRTMIN - 1)));
    for (int n = SIGRTMIN; n <= SIGRTMAX; n++)
        for (int i = 0; i < 2; i++)
            take_value(c, &in, n, (uint64_t)(n * 10 + i));
    is_empty(c, &in);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

/* 32 and 33 are glibc's own: its functions leave them out of a set, a receiver says so. */
static void libcs_own(struct conf *c)
{
    struct inbox in = {.fd = -1};
    EQ(c, SIGRTMIN, 34);
    for (int n = 32; n <= 33; n++) {
        int r = ops(c)->open(&in, BIT(n) | BIT(RT(0)));
        EQ(c, r, DIFFERS(c, 0, -EINVAL));
        if (r == 0) {
            EQ(c, (long long)in.set, (long long)BIT(RT(0)));
            drop_inbox(c, &in);
        }
    }
}

/* --- what comes with it --------------------------------------------------------------- */

static const uint64_t values[] = {0,          1,           0x7fffffff, 0x80000000,
                                  0xffffffff, 0x100000000, 1ull << 63, ~0ull};
#define N_VALUES (int)(sizeof(values) / sizeof(*values))

/* All bits of a pointer. */
static void whole_value(struct conf *c)
{
    struct inbox in;
    struct peer p;
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    for (int i = 0; i < N_VALUES; i++)
        queue(c, &p, RT(1), values[i]);
    for (int i = 0; i < N_VALUES; i++)
        take_value(c, &in, RT(1), values[i]);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

/* sigqueue(3) takes any number; the value is the first one's. */
static void value_of_standard(struct conf *c)
{
    struct inbox in;
    struct peer p;
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    int r = ops(c)->send(&p, SIGUSR1, WITH_VALUE, 77);
    EQ(c, r, DIFFERS(c, 0, -EINVAL));
    if (r == 0) {
        queue(c, &p, SIGUSR1, 78);
        take_value(c, &in, SIGUSR1, 77);
    }
    is_empty(c, &in);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

static void from_a_child(struct conf *c)
{
    struct inbox in;
    make_inbox(c, &in, USUAL);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        struct peer p;
        find_peer(c, &p, &in.at);
        for (int i = 0; i < N_VALUES; i++)
            queue(c, &p, RT(2), values[i]);
        conf_exit();
    }
    conf_join(c, pid); /* they stay, whoever sent them */
    for (int i = 0; i < N_VALUES; i++) {
        struct hepta_signal_info info = take_one(c, &in, RT(2));
        OK(c, info.value == values[i]);
        EQ(c, info.pid, pid);
    }
    is_empty(c, &in);
    drop_inbox(c, &in);
}

/* A handler may send. */
static struct conf *of_handler;
static struct peer *told_by_handler;

static void send_in_handler(int sig)
{
    (void)sig;
    tell(of_handler, told_by_handler, SIGUSR1);
    queue(of_handler, told_by_handler, RT(4), 9);
}

static void in_a_handler(struct conf *c)
{
    struct inbox in;
    struct peer p;
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    hold(c, &in);
    of_handler = c;
    told_by_handler = &p;
    signal(SIGURG, send_in_handler);
    EQ(c, raise(SIGURG), 0);
    let_go(c, &in);
    signal(SIGURG, SIG_DFL);
    EQ(c, take_one(c, &in, SIGUSR1).pid, getpid());
    take_value(c, &in, RT(4), 9);
    is_empty(c, &in);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

const struct conf_case signal_queue_cases[] = {
    {"coalesce.one_pending", one_pending, 0, NULL, NULL, 0},
    {"coalesce.each_for_itself", each_for_itself, 0, NULL, NULL, 0},
    {"coalesce.every_number", every_number, 0, NULL, NULL, 0},
    {"coalesce.first_is_told", first_is_told, 0, NULL, NULL, 0},
    {"coalesce.stop_and_go", stop_and_go, 0, "signal-only-numbers", NULL, 0},
    {"queue.each_instance", each_instance, 0, NULL, NULL, 0},
    {"queue.without_a_value", without_a_value, 0, NULL, NULL, 0},
    {"queue.every_realtime", every_realtime, 0, NULL, NULL, 0},
    {"queue.libcs_own", libcs_own, NEEDS_SIGNALS, "signal-says-no", NULL, 0},
    {"value.whole", whole_value, 0, NULL, NULL, 0},
    {"value.of_standard", value_of_standard, 0, "signal-no-value", NULL, 0},
    {"value.from_a_child", from_a_child, 0, NULL, NULL, 0},
    {"value.in_a_handler", in_a_handler, 0, NULL, NULL, 0},
    {0},
};
