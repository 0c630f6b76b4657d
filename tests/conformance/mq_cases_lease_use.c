/* SPDX-License-Identifier: MIT */
/*
 * mq_cases_lease_use.c - messages received with a lease, and leases that their owner ends
 *
 * Only Hepta's queues have them. How leases end by themselves is in mq_cases_lease_end.c.
 */
#define _GNU_SOURCE
#include "mq_steps.h"

#include <errno.h>
#include <string.h>

/* Lease what is the text, without waiting. */
static struct hepta_mq_info lease(struct conf *c, struct mqh *q, const char *text)
{
    struct hepta_mq_info info = {0};
    char buf[BUF_SIZE];

    EQ(c, hepta_mq_lease(mq_hepta(q), buf, sizeof(buf), &info, NOW), strlen(text));
    OK(c, memcmp(buf, text, strlen(text)) == 0);
    EQ(c, info.len, strlen(text));
    OK(c, info.lease != 0);
    return info;
}

static struct hepta_mq_stat stat_of(struct conf *c, struct mqh *q)
{
    struct hepta_mq_stat st;

    EQ(c, hepta_mq_stat(mq_hepta(q), &st, sizeof(st)), 0);
    return st;
}

/* Several at once, ended in any order; another message's lease has another number. */
static void several(struct conf *c)
{
    struct mqh *q = make_mq(c);

    mq_say(c, q, "a", 0);
    mq_say(c, q, "b", 0);
    mq_say(c, q, "c", 0);
    struct hepta_mq_info a = lease(c, q, "a"), b = lease(c, q, "b"), last = lease(c, q, "c");
    OK(c, a.lease != b.lease && b.lease != last.lease && a.lease != last.lease);
    EQ(c, hepta_mq_give_back(mq_hepta(q), last.lease), 0);
    EQ(c, hepta_mq_ack(mq_hepta(q), b.lease), 0);
    EQ(c, hepta_mq_give_back(mq_hepta(q), a.lease), 0);
    mq_hear(c, q, "a", 0);
    mq_hear(c, q, "c", 0);
    close_mq(c, q);
}

/* A lease that was ended is none, also when the slot has another message. */
static void stale(struct conf *c)
{
    struct mqh *q = make_mq_of(c, 1, 8, 0);

    mq_say(c, q, "a", 0);
    struct hepta_mq_info old = lease(c, q, "a");
    EQ(c, hepta_mq_ack(mq_hepta(q), old.lease), 0);
    EQ(c, hepta_mq_ack(mq_hepta(q), old.lease), -ESRCH);
    EQ(c, hepta_mq_give_back(mq_hepta(q), old.lease), -ESRCH);
    mq_say(c, q, "b", 0);
    struct hepta_mq_info now = lease(c, q, "b");
    EQ(c, hepta_mq_ack(mq_hepta(q), old.lease), -ESRCH);
    EQ(c, hepta_mq_give_back(mq_hepta(q), now.lease), 0);
    EQ(c, hepta_mq_ack(mq_hepta(q), now.lease), -ESRCH);
    struct hepta_mq_info again = lease(c, q, "b");
    EQ(c, hepta_mq_ack(mq_hepta(q), now.lease), -ESRCH);
    EQ(c, hepta_mq_ack(mq_hepta(q), again.lease), 0);
    close_mq(c, q);
}

static void no_such(struct conf *c)
{
    struct mqh *q = make_mq(c);

    mq_say(c, q, "x", 0);
    EQ(c, hepta_mq_ack(mq_hepta(q), 0), -ESRCH);
    EQ(c, hepta_mq_ack(mq_hepta(q), 12345), -ESRCH);
    EQ(c, hepta_mq_give_back(mq_hepta(q), UINT64_MAX), -ESRCH);
    mq_hear(c, q, "x", 0);
    close_mq(c, q);
}

/* The process's, through any of its handles. */
static void other_handle(struct conf *c)
{
    struct mq_name name;
    struct mqh *q = make_named_mq(c, &name), *other = open_mq(c, &name, O_RDONLY);

    remove_mq(c, &name);
    mq_say(c, q, "x", 0);
    struct hepta_mq_info info = lease(c, q, "x");
    EQ(c, hepta_mq_ack(mq_hepta(other), info.lease), 0);
    EQ(c, stat_of(c, q).leased, 0);
    close_mq(c, q);
    close_mq(c, other);
}

/* A receiver that sleeps gets what is given back. */
static void wakes(struct conf *c)
{
    struct mqh *q = make_mq(c);

    mq_say(c, q, "4", 0);
    struct hepta_mq_info info = lease(c, q, "4");
    pid_t child = hearer(c, q, 0);
    EQ(c, hepta_mq_give_back(mq_hepta(q), info.lease), 0);
    conf_join(c, child);
    EQ(c, conf_get(c, HEARD), 4);
    close_mq(c, q);
}

static void wakes_poller(struct conf *c)
{
    struct mqh *q = make_mq(c);

    mq_say(c, q, "x", 0);
    struct hepta_mq_info info = lease(c, q, "x");
    EQ(c, try_hear(c, q, NOW), -EAGAIN);
    OK(c, !mq_ready(c, q, O_RDONLY, 0));
    EQ(c, hepta_mq_give_back(mq_hepta(q), info.lease), 0);
    OK(c, mq_ready(c, q, O_RDONLY, LONG_MS));
    mq_hear(c, q, "x", 0);
    close_mq(c, q);
}

static void waits(struct conf *c)
{
    struct mqh *q = make_mq(c);
    struct hepta_mq_info info;
    char buf[MSG_SIZE];

    EQ(c, hepta_mq_lease(mq_hepta(q), buf, sizeof(buf), &info, NOW), -EAGAIN);
    EQ(c, hepta_mq_lease(mq_hepta(q), buf, sizeof(buf), &info, hepta_in_ms(1)), -ETIMEDOUT);
    pid_t child = conf_fork(c);
    if (child == 0) {
        conf_set(c, 0, 1);
        EQ(c, hepta_mq_lease(mq_hepta(q), buf, sizeof(buf), &info, EVER), 2);
        EQ(c, hepta_mq_ack(mq_hepta(q), info.lease), 0);
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    mq_say(c, q, "hi", 0);
    conf_join(c, child);
    close_mq(c, q);
}

static void errors(struct conf *c)
{
    struct mqh *q = make_mq(c);
    struct hepta_mq_info info;
    char buf[MSG_SIZE];
    const void *at;

    mq_say(c, q, "x", 0);
    EQ(c, hepta_mq_lease(mq_hepta(q), buf, MSG_SIZE - 1, &info, NOW), -EMSGSIZE);
    EQ(c, hepta_mq_lease(mq_hepta(q), NULL, MSG_SIZE, &info, NOW), -EFAULT);
    EQ(c, hepta_mq_lease(mq_hepta(q), buf, MSG_SIZE, NULL, NOW), -EFAULT);
    EQ(c, hepta_mq_peek(mq_hepta(q), NULL, &info, NOW), -EFAULT);
    EQ(c, hepta_mq_peek(mq_hepta(q), &at, NULL, NOW), -EFAULT);
    EQ(c, stat_of(c, q).leased, 0);
    mq_hear(c, q, "x", 0);
    close_mq(c, q);
}

const struct conf_case mq_lease_use_cases[] = {
    {"lease_use.several", several, NEEDS_LEASES, NULL, NULL, 0},
    {"lease_use.stale", stale, NEEDS_LEASES, NULL, NULL, 0},
    {"lease_use.no_such", no_such, NEEDS_LEASES, NULL, NULL, 0},
    {"lease_use.other_handle", other_handle, NEEDS_LEASES, NULL, NULL, 0},
    {"lease_use.wakes", wakes, NEEDS_LEASES, NULL, NULL, 0},
    {"lease_use.wakes_poller", wakes_poller, NEEDS_LEASES, NULL, NULL, 0},
    {"lease_use.waits", waits, NEEDS_LEASES, NULL, NULL, 0},
    {"lease_use.errors", errors, NEEDS_LEASES, NULL, NULL, 0},
    {0},
};
