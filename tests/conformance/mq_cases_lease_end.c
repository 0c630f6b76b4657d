/* SPDX-License-Identifier: MIT */
/*
 * mq_cases_lease_end.c - leases and reservations that end with a handle or a process
 *
 * The message returns to its place, for whoever waits, calls without waiting, or polls; a place
 * that was reserved comes back.
 */
#define _GNU_SOURCE
#include "mq_steps.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum what { LEASE, PEEK, RESERVE };

static void hold(struct conf *c, struct mqh *q, enum what what)
{
    struct hepta_mq_info info;
    char buf[BUF_SIZE];
    const void *at;
    void *place;

    if (what == LEASE)
        OK(c, hepta_mq_lease(mq_hepta(q), buf, sizeof(buf), &info, NOW) > 0);
    else if (what == PEEK)
        OK(c, hepta_mq_peek(mq_hepta(q), &at, &info, NOW) > 0);
    else
        EQ(c, hepta_mq_reserve(mq_hepta(q), 5, &place, NOW), 0);
}

/* A process that leases, peeks or reserves with a handle of its own, and stays. */
static pid_t holder(struct conf *c, const struct mq_name *name, enum what what)
{
    pid_t child;

    conf_set(c, 0, 0);
    child = conf_fork(c);
    if (child == 0) {
        hold(c, open_mq(c, name, O_RDWR), what);
        conf_set(c, 0, 1);
        for (;;)
            pause();
    }
    conf_await(c, 0, 1);
    return child;
}

static void leased_again(struct conf *c, struct mqh *q, const char *text, unsigned deliveries)
{
    struct hepta_mq_info info;
    char buf[BUF_SIZE];

    EQ(c, hepta_mq_lease(mq_hepta(q), buf, sizeof(buf), &info, NOW), strlen(text));
    OK(c, memcmp(buf, text, strlen(text)) == 0);
    EQ(c, info.deliveries, deliveries);
    EQ(c, hepta_mq_ack(mq_hepta(q), info.lease), 0);
}

/* To a call that doesn't wait, right after waitpid(): in its old place. */
static void returns(struct conf *c, enum what what)
{
    struct mq_name name;
    struct mqh *q = make_named_mq(c, &name);

    mq_say(c, q, "first", 3);
    pid_t child = holder(c, &name, what);
    mq_say(c, q, "second", 3);
    mq_say(c, q, "low", 1);
    conf_kill(c, child);
    leased_again(c, q, "first", 2);
    mq_hear(c, q, "second", 3);
    mq_hear(c, q, "low", 1);
    remove_mq(c, &name);
    close_mq(c, q);
}

static void killed(struct conf *c)
{
    returns(c, LEASE);
}

static void killed_peek(struct conf *c)
{
    returns(c, PEEK);
}

static void killed_twice(struct conf *c)
{
    struct mq_name name;
    struct mqh *q = make_named_mq(c, &name);

    mq_say(c, q, "x", 0);
    conf_kill(c, holder(c, &name, LEASE));
    conf_kill(c, holder(c, &name, PEEK));
    leased_again(c, q, "x", 3);
    remove_mq(c, &name);
    close_mq(c, q);
}

/* To a receiver that sleeps. */
static void to_a_sleeper(struct conf *c)
{
    struct mq_name name;
    struct mqh *q = make_named_mq(c, &name);

    mq_say(c, q, "6", 0);
    pid_t child = holder(c, &name, LEASE), sleeper = hearer(c, q, 0);
    conf_kill(c, child);
    conf_join(c, sleeper);
    EQ(c, conf_get(c, HEARD), 6);
    remove_mq(c, &name);
    close_mq(c, q);
}

/* To a process that polls. */
static void to_a_poller(struct conf *c)
{
    struct mq_name name;
    struct mqh *q = make_named_mq(c, &name);
    char buf[MSG_SIZE];
    ssize_t n;

    mq_say(c, q, "x", 0);
    pid_t child = holder(c, &name, LEASE);
    EQ(c, try_hear(c, q, NOW), -EAGAIN);
    OK(c, !mq_ready(c, q, O_RDONLY, 0));
    conf_kill(c, child);
    do {
        OK(c, mq_ready(c, q, O_RDONLY, LONG_MS));
        n = hepta_mq_receive(mq_hepta(q), buf, sizeof(buf), NULL, NOW);
    } while (n == -EAGAIN);
    EQ(c, n, 1);
    remove_mq(c, &name);
    close_mq(c, q);
}

/* The killed one's place is free for senders: who sleeps, and who polls. */
static void reserver_killed(struct conf *c)
{
    struct mq_name name;
    struct mqh *q = make_named_mq(c, &name);

    for (int i = 1; i < N_MSGS; i++)
        mq_say(c, q, "0", 0);
    pid_t child = holder(c, &name, RESERVE);
    EQ(c, try_say(c, q, "x", NOW), -EAGAIN);
    conf_kill(c, child);
    EQ(c, try_say(c, q, "x", NOW), 0);
    EQ(c, n_msgs(c, q), N_MSGS);
    remove_mq(c, &name);
    close_mq(c, q);
}

static void reserver_killed_sleeper(struct conf *c)
{
    struct mq_name name;
    struct mqh *q = make_named_mq(c, &name);

    for (int i = 1; i < N_MSGS; i++)
        mq_say(c, q, "0", 0);
    pid_t child = holder(c, &name, RESERVE), sleeper = sayer(c, q, 1);
    conf_kill(c, child);
    conf_join(c, sleeper);
    remove_mq(c, &name);
    close_mq(c, q);
}

static void reserver_killed_poller(struct conf *c)
{
    struct mq_name name;
    struct mqh *q = make_named_mq(c, &name);
    int err;

    for (int i = 1; i < N_MSGS; i++)
        mq_say(c, q, "0", 0);
    pid_t child = holder(c, &name, RESERVE);
    EQ(c, try_say(c, q, "x", NOW), -EAGAIN);
    OK(c, !mq_ready(c, q, O_WRONLY, 0));
    conf_kill(c, child);
    do {
        OK(c, mq_ready(c, q, O_WRONLY, LONG_MS));
        err = try_say(c, q, "x", NOW);
    } while (err == -EAGAIN);
    EQ(c, err, 0);
    remove_mq(c, &name);
    close_mq(c, q);
}

/* The handle's close gives back what was held through it, and only that. */
static void closed(struct conf *c)
{
    struct mq_name name;
    struct mqh *q = make_named_mq(c, &name), *other = open_mq(c, &name, O_RDWR);
    struct hepta_mq_info info;
    char buf[MSG_SIZE];

    remove_mq(c, &name);
    mq_say(c, q, "a", 9);
    mq_say(c, q, "b", 5);
    mq_say(c, q, "c", 1);
    EQ(c, hepta_mq_lease(mq_hepta(q), buf, sizeof(buf), &info, NOW), 1);
    hold(c, other, LEASE);
    hold(c, other, PEEK);
    hold(c, other, RESERVE);
    EQ(c, n_msgs(c, q), 0);
    close_mq(c, other);
    EQ(c, n_msgs(c, q), 2);
    leased_again(c, q, "b", 2);
    mq_hear(c, q, "c", 1);
    EQ(c, hepta_mq_ack(mq_hepta(q), info.lease), 0);
    fill_mq(c, q);
    EQ(c, n_msgs(c, q), N_MSGS);
    close_mq(c, q);
}

/* Nobody has the queue open then: the next who opens finds it. */
static void last_one_killed(struct conf *c)
{
    struct mq_name name;
    struct mqh *q = make_named_mq(c, &name);

    mq_say(c, q, "x", 2);
    close_mq(c, q);
    conf_kill(c, holder(c, &name, LEASE));
    q = open_mq(c, &name, O_RDWR);
    mq_hear(c, q, "x", 2);
    remove_mq(c, &name);
    close_mq(c, q);
}

/* Counted by who asks for the counters. */
static void seen(struct conf *c)
{
    struct mq_name name;
    struct mqh *q = make_named_mq(c, &name);
    struct hepta_mq_stat st;

    mq_say(c, q, "x", 0);
    pid_t leaser = holder(c, &name, LEASE), reserver = holder(c, &name, RESERVE);
    EQ(c, hepta_mq_stat(mq_hepta(q), &st, sizeof(st)), 0);
    EQ(c, st.leased, 1);
    EQ(c, st.reserved, 1);
    conf_kill(c, leaser);
    conf_kill(c, reserver);
    EQ(c, hepta_mq_stat(mq_hepta(q), &st, sizeof(st)), 0);
    EQ(c, st.leased, 0);
    EQ(c, st.reserved, 0);
    EQ(c, st.msgs, 1);
    EQ(c, st.returned, 1);
    remove_mq(c, &name);
    close_mq(c, q);
}

const struct conf_case mq_lease_end_cases[] = {
    {"lease_end.killed", killed, NEEDS_LEASES, NULL, NULL, 0},
    {"lease_end.killed_peek", killed_peek, NEEDS_LEASES, NULL, NULL, 0},
    {"lease_end.killed_twice", killed_twice, NEEDS_LEASES, NULL, NULL, 0},
    {"lease_end.to_a_sleeper", to_a_sleeper, NEEDS_LEASES, NULL, NULL, 0},
    {"lease_end.to_a_poller", to_a_poller, NEEDS_LEASES, NULL, NULL, 0},
    {"lease_end.reserver_killed", reserver_killed, NEEDS_LEASES, NULL, NULL, 0},
    {"lease_end.reserver_killed_sleeper", reserver_killed_sleeper, NEEDS_LEASES, NULL, NULL, 0},
    {"lease_end.reserver_killed_poller", reserver_killed_poller, NEEDS_LEASES, NULL, NULL, 0},
    {"lease_end.closed", closed, NEEDS_LEASES, NULL, NULL, 0},
    {"lease_end.last_one_killed", last_one_killed, NEEDS_LEASES, NULL, NULL, 0},
    {"lease_end.seen", seen, NEEDS_LEASES, NULL, NULL, 0},
    {0},
};
