/* SPDX-License-Identifier: MIT */
/* signal_cases_order.c - which of several pending ones is the next */
#include "signal_room.h"

#include <pthread.h>
#include <sched.h>

#define N_SENDERS 4
#define N_EACH 150

static void lowest_first(struct conf *c)
{
    static const int order[] = {9, 2, 30, 0, 17, 1};
    struct inbox in;
    struct peer p;
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    for (int i = 0; i < 6; i++)
        queue(c, &p, RT(order[i]), (uint64_t)i);
    for (int n = 0; n < 31; n++)
        for (int i = 0; i < 6; i++)
            if (order[i] == n)
                take_value(c, &in, RT(n), (uint64_t)i);
    is_empty(c, &in);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

static void as_they_were_sent(struct conf *c)
{
    struct inbox in;
    struct peer p;
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    for (int i = 0; i < 90; i++)
        queue(c, &p, RT(i % 3), (uint64_t)i);
    for (int n = 0; n < 3; n++)
        for (int i = n; i < 90; i += 3)
            take_value(c, &in, RT(n), (uint64_t)i);
    is_empty(c, &in);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

/* What comes in between, with a lower number, is next; with the same, last. */
static void between(struct conf *c)
{
    struct inbox in;
    struct peer p;
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    queue(c, &p, RT(5), 1);
    queue(c, &p, RT(5), 2);
    take_value(c, &in, RT(5), 1);
    queue(c, &p, RT(5), 3);
    queue(c, &p, RT(4), 4);
    take_value(c, &in, RT(4), 4);
    take_value(c, &in, RT(5), 2);
    take_value(c, &in, RT(5), 3);
    is_empty(c, &in);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

/* POSIX doesn't say; Linux: before all real-time ones. */
static void standard_first(struct conf *c)
{
    struct inbox in;
    struct peer p;
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    queue(c, &p, RT(0), 5);
    tell(c, &p, SIGTERM);
    take_one(c, &in, SIGTERM);
    take_value(c, &in, RT(0), 5);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

/* No page says it of these; a mailbox does. */
static void standard_by_number(struct conf *c)
{
    struct inbox in;
    struct peer p;
    make_inbox(c, &in, (1ull << 31) - 1);
    find_self(c, &p, &in);
    for (int n = 31; n >= 1; n--)
        tell(c, &p, n);
    for (int n = 1; n <= 31; n++)
        take_one(c, &in, n);
    is_empty(c, &in);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

/* Sender i's are i * N_EACH + 0, 1, ...: each in order, none missing. */
static void check_senders(struct conf *c, struct inbox *in)
{
    uint64_t next[N_SENDERS] = {0};
    for (int k = 0; k < N_SENDERS * N_EACH; k++) {
        uint64_t v = await_signal(c, in).value, i = v / N_EACH;
        OK(c, i < N_SENDERS);
        EQ(c, (long long)(v % N_EACH), (long long)next[i]++);
    }
    is_empty(c, in);
}

static void of_each_sender(struct conf *c)
{
    struct inbox in;
    pid_t pid[N_SENDERS];
    make_inbox(c, &in, USUAL);
    for (int i = 0; i < N_SENDERS; i++)
        if ((pid[i] = conf_fork(c)) == 0) {
            struct peer p;
            find_peer(c, &p, &in.at);
            conf_add(c, 0, 1);
            conf_await(c, 0, N_SENDERS);
            for (int k = 0; k < N_EACH; k++) {
                queue(c, &p, RT(6), (uint64_t)(i * N_EACH + k));
                if (k % 16 == 0)
                    sched_yield();
            }
            conf_exit();
        }
    check_senders(c, &in);
    for (int i = 0; i < N_SENDERS; i++)
        conf_join(c, pid[i]);
    drop_inbox(c, &in);
}

struct sender {
    struct conf *c;
    struct peer *p;
    int i;
};

static void *send_all(void *arg)
{
    struct sender *s = arg;
    conf_add(s->c, 0, 1);
    conf_await(s->c, 0, N_SENDERS);
    for (int k = 0; k < N_EACH; k++)
        queue(s->c, s->p, RT(6), (uint64_t)(s->i * N_EACH + k));
    return NULL;
}

/* Threads that share a handle. */
static void of_each_thread(struct conf *c)
{
    struct inbox in;
    struct peer p;
    struct sender s[N_SENDERS];
    pthread_t thread[N_SENDERS];
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    for (int i = 0; i < N_SENDERS; i++) {
        s[i] = (struct sender){c, &p, i};
        EQ(c, pthread_create(&thread[i], NULL, send_all, &s[i]), 0);
    }
    check_senders(c, &in);
    for (int i = 0; i < N_SENDERS; i++)
        EQ(c, pthread_join(thread[i], NULL), 0);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

const struct conf_case signal_order_cases[] = {
    {"order.lowest_first", lowest_first, 0, NULL, NULL, 0},
    {"order.as_they_were_sent", as_they_were_sent, 0, NULL, NULL, 0},
    {"order.between", between, 0, NULL, NULL, 0},
    {"order.standard_first", standard_first, 0, NULL, NULL, 0},
    {"order.standard_by_number", standard_by_number, NEEDS_MAILBOX, NULL, NULL, 0},
    {"order.of_each_sender", of_each_sender, 0, NULL, NULL, 20},
    {"order.of_each_thread", of_each_thread, 0, NULL, NULL, 20},
    {0},
};
