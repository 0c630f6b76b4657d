/* SPDX-License-Identifier: MIT */
/*
 * mq_cases_lease.c - what only Hepta's queues have: leases, looking, places to build a message
 * in, large messages, a short budget, counters
 */
#define _GNU_SOURCE
#include <hepta/mq.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mq_room.h"

static long lease_n(struct conf *c, struct mqh *h, struct hepta_mq_info *info, int64_t deadline)
{
    char buf[MSG_SIZE];
    long n;
    ssize_t len = hepta_mq_lease(mq_hepta(h), buf, sizeof(buf), info, deadline);
    if (len < 0)
        return len;
    EQ(c, len, sizeof(n));
    memcpy(&n, buf, sizeof(n));
    return n;
}

static void ack(struct conf *c)
{
    struct queue q;
    struct hepta_mq_info info;
    make_queue(c, &q);
    EQ(c, put_n(c, q.h, 1, 3, NOW), 0);
    EQ(c, lease_n(c, q.h, &info, NOW), 1);
    EQ(c, info.prio, 3);
    EQ(c, info.deliveries, 1);
    EQ(c, info.seq, 0);
    EQ(c, n_msgs(c, q.h), 0);
    EQ(c, get_n(c, q.h, NULL, NOW), -EAGAIN);
    EQ(c, hepta_mq_ack(mq_hepta(q.h), info.lease), 0);
    EQ(c, hepta_mq_ack(mq_hepta(q.h), info.lease), -ESRCH);
    EQ(c, hepta_mq_give_back(mq_hepta(q.h), info.lease), -ESRCH);
    EQ(c, get_n(c, q.h, NULL, NOW), -EAGAIN);
    remove_queue(c, &q);
}

static void give_back(struct conf *c)
{
    struct queue q;
    struct hepta_mq_info info, again;
    make_queue(c, &q);
    for (int i = 0; i < 3; i++)
        EQ(c, put_n(c, q.h, i, 3, NOW), 0);
    EQ(c, put_n(c, q.h, 9, 2, NOW), 0);
    EQ(c, lease_n(c, q.h, &info, NOW), 0);
    EQ(c, get_n(c, q.h, NULL, NOW), 1);
    EQ(c, hepta_mq_give_back(mq_hepta(q.h), info.lease), 0);
    EQ(c, lease_n(c, q.h, &again, NOW), 0);
    EQ(c, again.deliveries, 2);
    EQ(c, again.seq, 0);
    EQ(c, hepta_mq_ack(mq_hepta(q.h), info.lease), -ESRCH); /* a stale one ends nothing */
    EQ(c, hepta_mq_ack(mq_hepta(q.h), again.lease), 0);
    EQ(c, get_n(c, q.h, NULL, NOW), 2);
    EQ(c, get_n(c, q.h, NULL, NOW), 9);
    remove_queue(c, &q);
}

/* A leased message keeps its place in the count of messages. */
static void leased_count(struct conf *c)
{
    struct queue q;
    struct hepta_mq_info info[N_MSGS];
    make_queue(c, &q);
    for (int i = 0; i < N_MSGS; i++)
        EQ(c, put_n(c, q.h, i, 0, NOW), 0);
    for (int i = 0; i < N_MSGS; i++)
        EQ(c, lease_n(c, q.h, &info[i], NOW), i);
    EQ(c, put_n(c, q.h, 9, 0, NOW), -EAGAIN);
    EQ(c, hepta_mq_ack(mq_hepta(q.h), info[2].lease), 0);
    EQ(c, put_n(c, q.h, 9, 0, NOW), 0);
    EQ(c, hepta_mq_give_back(mq_hepta(q.h), info[3].lease), 0);
    EQ(c, hepta_mq_give_back(mq_hepta(q.h), info[0].lease), 0);
    EQ(c, hepta_mq_give_back(mq_hepta(q.h), info[1].lease), 0);
    EQ(c, get_n(c, q.h, NULL, NOW), 0);
    EQ(c, get_n(c, q.h, NULL, NOW), 1);
    EQ(c, get_n(c, q.h, NULL, NOW), 3);
    EQ(c, get_n(c, q.h, NULL, NOW), 9);
    remove_queue(c, &q);
}

static pid_t leaser(struct conf *c, struct mqh *h, int n)
{
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        struct hepta_mq_info info;
        for (int i = 0; i < n; i++)
            OK(c, lease_n(c, h, &info, EVER) >= 0);
        conf_set(c, 0, 1);
        for (;;)
            pause();
    }
    conf_await(c, 0, 1);
    return pid;
}

/* Right after waitpid(). */
static void dead_consumer(struct conf *c)
{
    struct queue q;
    struct hepta_mq_info info;
    make_queue(c, &q);
    for (int i = 0; i < 3; i++)
        EQ(c, put_n(c, q.h, i, (unsigned)(i == 2), NOW), 0);
    pid_t pid = leaser(c, q.h, 2);
    EQ(c, n_msgs(c, q.h), 1);
    conf_kill(c, pid);
    conf_pause_ms(40); /* longer than a tick: there is another message meanwhile */
    EQ(c, lease_n(c, q.h, &info, NOW), 2);
    EQ(c, info.deliveries, 2);
    EQ(c, lease_n(c, q.h, &info, NOW), 0);
    EQ(c, info.deliveries, 2);
    EQ(c, lease_n(c, q.h, &info, NOW), 1);
    EQ(c, info.deliveries, 1);
    remove_queue(c, &q);
}

static void dead_consumer_wakes(struct conf *c)
{
    struct queue q;
    make_queue(c, &q);
    EQ(c, put_n(c, q.h, 5, 0, NOW), 0);
    pid_t pid = leaser(c, q.h, 1);
    pid_t other = receiver(c, q.h, 0, EVER);
    conf_kill(c, pid);
    conf_join(c, other);
    EQ(c, conf_get(c, RESULT), 5);
    remove_queue(c, &q);
}

/* Asleep from before the first lease that this queue has seen. */
static void first_lease_reaches_sleepers(struct conf *c)
{
    struct queue q;
    make_queue(c, &q);
    pid_t other = receiver(c, q.h, 0, EVER);
    pid_t later = receiver(c, q.h, 1, EVER);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        struct hepta_mq_info info;
        long n;
        while ((n = lease_n(c, q.h, &info, NOW)) == -EAGAIN)
            EQ(c, put_n(c, q.h, 5, 0, NOW), 0); /* until one is ours, and not a sleeper's */
        conf_set(c, 0, 1);
        for (;;)
            pause();
    }
    conf_await(c, 0, 1);
    conf_kill(c, pid);
    /* Whoever of the two still waits, gets it; a third message ends the other's wait. */
    EQ(c, put_n(c, q.h, 6, 0, NOW), 0);
    EQ(c, put_n(c, q.h, 7, 0, NOW), 0);
    conf_join(c, other);
    conf_join(c, later);
    remove_queue(c, &q);
}

static void dead_consumer_raises_level(struct conf *c)
{
    struct queue q;
    make_queue(c, &q);
    EQ(c, put_n(c, q.h, 5, 0, NOW), 0);
    EQ(c, mops(c)->ready(q.h, O_RDONLY, 0), 1);
    pid_t pid = leaser(c, q.h, 1);
    EQ(c, get_n(c, q.h, NULL, NOW), -EAGAIN);
    EQ(c, mops(c)->ready(q.h, O_RDONLY, 0), 0);
    conf_kill(c, pid);
    EQ(c, mops(c)->ready(q.h, O_RDONLY, 2000), 1);
    EQ(c, get_n(c, q.h, NULL, NOW), 5);
    EQ(c, get_n(c, q.h, NULL, NOW), -EAGAIN);
    EQ(c, mops(c)->ready(q.h, O_RDONLY, 0), 0);
    remove_queue(c, &q);
}

static void child_may_not_ack(struct conf *c)
{
    struct queue q;
    struct hepta_mq_info info;
    make_queue(c, &q);
    EQ(c, put_n(c, q.h, 5, 0, NOW), 0);
    EQ(c, lease_n(c, q.h, &info, NOW), 5);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        EQ(c, hepta_mq_ack(mq_hepta(q.h), info.lease), -EPERM);
        EQ(c, hepta_mq_give_back(mq_hepta(q.h), info.lease), -EPERM);
        mops(c)->close(q.h); /* gives back nothing */
        conf_exit();
    }
    conf_join(c, pid);
    EQ(c, get_n(c, q.h, NULL, NOW), -EAGAIN);
    EQ(c, hepta_mq_ack(mq_hepta(q.h), info.lease), 0);
    remove_queue(c, &q);
}

static void close_gives_back(struct conf *c)
{
    struct queue q;
    struct hepta_mq_info info;
    void *ptr;
    make_queue(c, &q);
    struct mqh *h = open_queue(c, &q, O_RDWR);
    EQ(c, put_n(c, q.h, 5, 0, NOW), 0);
    EQ(c, put_n(c, q.h, 6, 0, NOW), 0);
    EQ(c, lease_n(c, h, &info, NOW), 5);
    EQ(c, lease_n(c, q.h, &info, NOW), 6);
    EQ(c, hepta_mq_reserve(mq_hepta(h), 8, &ptr, NOW), 0);
    mops(c)->close(h);
    EQ(c, get_n(c, q.h, NULL, NOW), 5);
    EQ(c, get_n(c, q.h, NULL, NOW), -EAGAIN); /* the other handle's stays */
    EQ(c, hepta_mq_ack(mq_hepta(q.h), info.lease), 0);
    for (int i = 0; i < N_MSGS; i++)
        EQ(c, put_n(c, q.h, i, 0, NOW), 0);
    remove_queue(c, &q);
}

static void peek(struct conf *c)
{
    struct queue q;
    struct hepta_mq_info info;
    const void *ptr;
    long n = 5;
    make_queue(c, &q);
    EQ(c, put_n(c, q.h, n, 1, NOW), 0);
    EQ(c, hepta_mq_peek(mq_hepta(q.h), &ptr, &info, NOW), sizeof(n));
    OK(c, memcmp(ptr, &n, sizeof(n)) == 0);
    EQ(c, get_n(c, q.h, NULL, NOW), -EAGAIN);
    EQ(c, hepta_mq_give_back(mq_hepta(q.h), info.lease), 0);
    EQ(c, hepta_mq_peek(mq_hepta(q.h), &ptr, &info, NOW), sizeof(n));
    EQ(c, info.deliveries, 2);
    EQ(c, hepta_mq_ack(mq_hepta(q.h), info.lease), 0);
    EQ(c, n_msgs(c, q.h), 0);
    remove_queue(c, &q);
}

static void look(struct conf *c)
{
    struct queue q;
    struct hepta_mq_info info;
    long n = 0;
    make_queue(c, &q);
    EQ(c, hepta_mq_look(mq_hepta(q.h), &n, sizeof(n), &info, NOW), -EAGAIN);
    EQ(c, put_n(c, q.h, 5, 1, NOW), 0);
    EQ(c, put_n(c, q.h, 6, 2, NOW), 0);
    for (int i = 0; i < 3; i++) {
        EQ(c, hepta_mq_look(mq_hepta(q.h), &n, sizeof(n), &info, NOW), sizeof(n));
        EQ(c, n, 6);
        EQ(c, info.prio, 2);
        EQ(c, info.lease, 0);
        EQ(c, info.len, sizeof(n));
    }
    EQ(c, hepta_mq_look(mq_hepta(q.h), &n, 2, NULL, NOW), 2); /* cut */
    EQ(c, get_n(c, q.h, NULL, NOW), 6);
    EQ(c, get_n(c, q.h, NULL, NOW), 5);
    remove_queue(c, &q);
}

static void reserve(struct conf *c)
{
    struct queue q;
    void *a, *b;
    long n = 7;
    make_queue(c, &q);
    EQ(c, hepta_mq_reserve(mq_hepta(q.h), sizeof(n), &a, NOW), 0);
    EQ(c, hepta_mq_reserve(mq_hepta(q.h), MSG_SIZE, &b, NOW), 0);
    EQ(c, hepta_mq_reserve(mq_hepta(q.h), MSG_SIZE + 1, &b, NOW), -EMSGSIZE);
    EQ(c, put_n(c, q.h, 1, 0, NOW), 0); /* others send meanwhile */
    memcpy(b, &n, sizeof(n));
    EQ(c, hepta_mq_commit(mq_hepta(q.h), b, MSG_SIZE + 1, 0), -EMSGSIZE);
    EQ(c, hepta_mq_commit(mq_hepta(q.h), b, sizeof(n), 32768), -EINVAL);
    EQ(c, hepta_mq_commit(mq_hepta(q.h), b, sizeof(n), 0), 0);
    EQ(c, hepta_mq_commit(mq_hepta(q.h), b, sizeof(n), 0), -ESRCH);
    EQ(c, hepta_mq_cancel(mq_hepta(q.h), a), 0);
    EQ(c, hepta_mq_cancel(mq_hepta(q.h), a), -ESRCH);
    EQ(c, hepta_mq_commit(mq_hepta(q.h), &n, sizeof(n), 0), -ESRCH);
    EQ(c, get_n(c, q.h, NULL, NOW), 1);
    EQ(c, get_n(c, q.h, NULL, NOW), 7);
    remove_queue(c, &q);
}

static void dead_reserver(struct conf *c)
{
    struct queue q;
    make_queue(c, &q);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        void *ptr;
        for (int i = 0; i < N_MSGS; i++)
            EQ(c, hepta_mq_reserve(mq_hepta(q.h), 8, &ptr, NOW), 0);
        conf_set(c, 0, 1);
        for (;;)
            pause();
    }
    conf_await(c, 0, 1);
    EQ(c, put_n(c, q.h, 1, 0, NOW), -EAGAIN);
    pid_t waiting = sender(c, q.h, 0, 5, EVER);
    conf_kill(c, pid);
    conf_join(c, waiting);
    EQ(c, conf_get(c, RESULT), 0);
    for (int i = 1; i < N_MSGS; i++)
        EQ(c, put_n(c, q.h, i, 0, NOW), 0);
    remove_queue(c, &q);
}

static char *pattern(size_t len, unsigned seed)
{
    char *p = malloc(len + 1);
    for (size_t i = 0; i < len; i++)
        p[i] = (char)(i * 31 + seed);
    return p;
}

static void open_with(struct conf *c, struct queue *q, uint32_t n, uint32_t size, uint64_t budget,
                      struct hepta_mq **mq)
{
    struct hepta_mq_options opt = {
        .size = sizeof(opt), .msgs_max = n, .msg_max = size, .budget = budget};
    mq_name_it(q);
    EQ(c, hepta_mq_open(mq, q->name, HEPTA_MQ_READ | HEPTA_MQ_WRITE | HEPTA_MQ_CREATE, 0600, &opt),
       0);
}

static void large(struct conf *c)
{
    struct queue q;
    struct hepta_mq *mq;
    const size_t len = 16 << 20;
    open_with(c, &q, 2, 16 << 20, 0, &mq);
    char *out = pattern(len, 1), *in = malloc(len);
    for (int i = 0; i < 3; i++) {
        EQ(c, hepta_mq_send(mq, out, len, 0, NOW), 0);
        EQ(c, hepta_mq_send(mq, out, len - 5, 0, NOW), 0);
        EQ(c, hepta_mq_send(mq, out, len, 0, NOW), -EAGAIN);
        EQ(c, hepta_mq_receive(mq, in, len, NULL, NOW), (long long)len);
        OK(c, memcmp(in, out, len) == 0);
        EQ(c, hepta_mq_receive(mq, in, len, NULL, NOW), (long long)len - 5);
    }
    free(in);
    free(out);
    hepta_mq_close(mq);
    EQ(c, hepta_mq_unlink(q.name), 0);
}

/* Lengths of all kinds in a budget of 64 KiB, a message in many pieces among them. */
static void short_budget(struct conf *c)
{
    struct queue q;
    struct hepta_mq *mq;
    struct hepta_mq_info info;
    const void *ptr;
    char in[8192];
    open_with(c, &q, 64, 8192, 65536, &mq);
    char *out = pattern(8192, 3);
    for (int i = 0; i < 8; i++)
        EQ(c, hepta_mq_send(mq, out, 8192, 0, NOW), 0);
    EQ(c, hepta_mq_send(mq, out, 73, 0, NOW), -EAGAIN);
    EQ(c, hepta_mq_send(mq, out, 72, 0, NOW), 0); /* takes nothing */
    for (int i = 0; i < 8; i++)
        EQ(c, hepta_mq_receive(mq, in, sizeof(in), NULL, NOW), 8192);
    EQ(c, hepta_mq_receive(mq, in, sizeof(in), NULL, NOW), 72);
    for (unsigned i = 0; i < 64; i++) /* every second one goes: holes of 1 KiB */
        EQ(c, hepta_mq_send(mq, out, 1024, i % 2, NOW), 0);
    for (unsigned i = 0; i < 32; i++)
        EQ(c, hepta_mq_receive(mq, in, sizeof(in), NULL, NOW), 1024);
    EQ(c, hepta_mq_send(mq, out, 8192, 9, NOW), 0);
    EQ(c, hepta_mq_peek(mq, &ptr, &info, NOW), 8192);
    OK(c, memcmp(ptr, out, 8192) == 0);
    EQ(c, hepta_mq_ack(mq, info.lease), 0);
    void *place;
    EQ(c, hepta_mq_reserve(mq, 8192, &place, NOW), -EAGAIN); /* no such piece in one */
    for (unsigned i = 0; i < 32; i++)
        EQ(c, hepta_mq_receive(mq, in, sizeof(in), NULL, NOW), 1024);
    EQ(c, hepta_mq_reserve(mq, 8192, &place, NOW), 0);
    EQ(c, hepta_mq_cancel(mq, place), 0);
    free(out);
    hepta_mq_close(mq);
    EQ(c, hepta_mq_unlink(q.name), 0);
}

static void deep(struct conf *c)
{
    struct queue q;
    struct hepta_mq *mq;
    uint32_t n;
    open_with(c, &q, 65536, 16, 0, &mq);
    for (uint32_t i = 0; i < 65536; i++)
        EQ(c, hepta_mq_send(mq, &i, sizeof(i), i % 7, NOW), 0);
    EQ(c, hepta_mq_send(mq, &n, sizeof(n), 0, NOW), -EAGAIN);
    uint32_t last = 0, prio_last = 7;
    for (uint32_t i = 0; i < 65536; i++) {
        unsigned prio;
        char buf[16];
        EQ(c, hepta_mq_receive(mq, buf, sizeof(buf), &prio, NOW), sizeof(n));
        memcpy(&n, buf, sizeof(n));
        EQ(c, n % 7, prio);
        OK(c, prio < prio_last || (prio == prio_last && n > last));
        last = n;
        prio_last = prio;
    }
    hepta_mq_close(mq);
    EQ(c, hepta_mq_unlink(q.name), 0);
}

static void counters(struct conf *c)
{
    struct queue q;
    struct hepta_mq_info info;
    struct hepta_mq_stat st;
    void *ptr;
    make_queue(c, &q);
    struct hepta_mq *mq = mq_hepta(q.h);
    EQ(c, put_n(c, q.h, 1, 0, NOW), 0);
    EQ(c, put_n(c, q.h, 2, 0, NOW), 0);
    EQ(c, get_n(c, q.h, NULL, NOW), 1);
    EQ(c, put_n(c, q.h, 3, 0, NOW), 0);
    EQ(c, lease_n(c, q.h, &info, NOW), 2);
    EQ(c, hepta_mq_reserve(mq, 8, &ptr, NOW), 0);
    pid_t pid = leaser(c, q.h, 1); /* has 3 */
    pid_t waiting = receiver(c, q.h, 0, EVER);
    EQ(c, hepta_mq_stat(mq, &st, sizeof(st)), 0);
    EQ(c, st.msgs_max, N_MSGS);
    EQ(c, st.msg_max, MSG_SIZE);
    EQ(c, st.sent, 3);
    EQ(c, st.received, 1);
    EQ(c, st.msgs, 0);
    EQ(c, st.leased, 2);
    EQ(c, st.reserved, 1);
    EQ(c, st.bytes, 16);
    EQ(c, st.waiting[0], 1);
    EQ(c, st.waiting[1], 0);
    EQ(c, st.returned, 0);
    conf_kill(c, pid);
    conf_join(c, waiting);
    EQ(c, conf_get(c, RESULT), 3);
    EQ(c, hepta_mq_stat(mq, &st, sizeof(st)), 0);
    EQ(c, st.returned, 1);
    EQ(c, st.received, 2);
    EQ(c, st.leased, 1);
    remove_queue(c, &q);
}

const struct conf_case mq_lease_cases[] = {
    {"lease.ack", ack, NEEDS_LEASES, NULL, NULL, 0},
    {"lease.give_back", give_back, NEEDS_LEASES, NULL, NULL, 0},
    {"lease.leased_count", leased_count, NEEDS_LEASES, NULL, NULL, 0},
    {"lease.dead_consumer", dead_consumer, NEEDS_LEASES, NULL, NULL, 0},
    {"lease.dead_consumer_wakes", dead_consumer_wakes, NEEDS_LEASES, NULL, NULL, 0},
    {"lease.first_lease_reaches_sleepers", first_lease_reaches_sleepers, NEEDS_LEASES, NULL, NULL,
     0},
    {"lease.dead_consumer_raises_level", dead_consumer_raises_level, NEEDS_LEASES, NULL, NULL, 0},
    {"lease.child_may_not_ack", child_may_not_ack, NEEDS_LEASES, NULL, NULL, 0},
    {"lease.close_gives_back", close_gives_back, NEEDS_LEASES, NULL, NULL, 0},
    {"lease.peek", peek, NEEDS_LEASES, NULL, NULL, 0},
    {"lease.look", look, NEEDS_LEASES, NULL, NULL, 0},
    {"lease.reserve", reserve, NEEDS_LEASES, NULL, NULL, 0},
    {"lease.dead_reserver", dead_reserver, NEEDS_LEASES, NULL, NULL, 0},
    {"lease.large", large, NEEDS_LEASES, NULL, NULL, 30},
    {"lease.short_budget", short_budget, NEEDS_LEASES, NULL, NULL, 0},
    {"lease.deep", deep, NEEDS_LEASES, NULL, NULL, 30},
    {"lease.counters", counters, NEEDS_LEASES, NULL, NULL, 0},
    {0},
};
