/* SPDX-License-Identifier: MIT */
/*
 * mq_cases_place.c - messages read where they lie, looked at, and built in their place
 */
#define _GNU_SOURCE
#include "mq_steps.h"

#include <errno.h>
#include <string.h>

/* Others send and receive meanwhile; what was peeked stays as it is. */
static void peek_stays(struct conf *c)
{
    struct mqh *q = make_mq(c);
    struct hepta_mq_info info;
    const void *at;

    mq_say(c, q, "stays", 9);
    EQ(c, hepta_mq_peek(mq_hepta(q), &at, &info, NOW), 5);
    for (int i = 0; i < 100; i++) {
        fill_mq(c, q);
        EQ(c, n_msgs(c, q), N_MSGS - 1);
        for (int j = 1; j < N_MSGS; j++)
            mq_hear(c, q, "0", 0);
    }
    OK(c, memcmp(at, "stays", 5) == 0);
    EQ(c, hepta_mq_ack(mq_hepta(q), info.lease), 0);
    close_mq(c, q);
}

/* Into a buffer of any size. */
static void look_short(struct conf *c)
{
    struct mqh *q = make_mq(c);
    struct hepta_mq_info info;
    char buf[MSG_SIZE] = "######";

    mq_say(c, q, "abcdef", 0);
    EQ(c, hepta_mq_look(mq_hepta(q), buf, 3, &info, NOW), 3);
    OK(c, memcmp(buf, "abc###", 6) == 0);
    EQ(c, info.len, 6);
    EQ(c, hepta_mq_look(mq_hepta(q), NULL, 0, &info, NOW), 0);
    EQ(c, info.len, 6);
    EQ(c, hepta_mq_look(mq_hepta(q), buf, sizeof(buf), NULL, NOW), 6);
    close_mq(c, q);
}

/* A look wakes with the message, and takes it from no receiver. */
static void look_waits(struct conf *c)
{
    struct mqh *q = make_mq(c);
    pid_t child = conf_fork(c);
    char buf[MSG_SIZE];

    if (child == 0) {
        conf_set(c, 0, 1);
        EQ(c, hepta_mq_look(mq_hepta(q), buf, sizeof(buf), NULL, EVER), 1);
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    mq_say(c, q, "x", 0);
    conf_join(c, child);
    mq_hear(c, q, "x", 0);
    child = conf_fork(c);
    if (child == 0) {
        conf_set(c, 1, 1);
        EQ(c, hepta_mq_look(mq_hepta(q), buf, sizeof(buf), NULL, EVER), 1);
        conf_exit();
    }
    conf_asleep_after(c, child, 1);
    pid_t receiver = hearer(c, q, 0);
    mq_say(c, q, "5", 0);
    conf_join(c, child);
    conf_join(c, receiver);
    EQ(c, conf_get(c, HEARD), 5);
    close_mq(c, q);
}

/* In the order of commits, not of reservations. */
static void commit_order(struct conf *c)
{
    struct mqh *q = make_mq(c);
    void *a, *b;

    EQ(c, hepta_mq_reserve(mq_hepta(q), 1, &a, NOW), 0);
    EQ(c, hepta_mq_reserve(mq_hepta(q), 1, &b, NOW), 0);
    OK(c, a != b);
    *(char *)a = 'a';
    *(char *)b = 'b';
    EQ(c, hepta_mq_commit(mq_hepta(q), b, 1, 0), 0);
    EQ(c, hepta_mq_commit(mq_hepta(q), a, 1, 0), 0);
    mq_hear(c, q, "b", 0);
    mq_hear(c, q, "a", 0);
    close_mq(c, q);
}

static void commit_wakes(struct conf *c)
{
    struct mqh *q = make_mq(c);
    pid_t child = hearer(c, q, 0);
    void *at;

    EQ(c, hepta_mq_reserve(mq_hepta(q), 1, &at, NOW), 0);
    *(char *)at = '8';
    conf_asleep(c, child);
    EQ(c, hepta_mq_commit(mq_hepta(q), at, 1, 0), 0);
    conf_join(c, child);
    EQ(c, conf_get(c, HEARD), 8);
    close_mq(c, q);
}

static void cancel(struct conf *c)
{
    struct mqh *q = make_mq(c);
    struct hepta_mq_stat st;
    void *at[N_MSGS], *more;

    for (int i = 0; i < N_MSGS; i++)
        EQ(c, hepta_mq_reserve(mq_hepta(q), MSG_SIZE, &at[i], NOW), 0);
    EQ(c, hepta_mq_reserve(mq_hepta(q), 0, &more, NOW), -EAGAIN);
    EQ(c, hepta_mq_reserve(mq_hepta(q), 0, &more, hepta_in_ms(1)), -ETIMEDOUT);
    EQ(c, hepta_mq_stat(mq_hepta(q), &st, sizeof(st)), 0);
    EQ(c, st.reserved, N_MSGS);
    pid_t child = sayer(c, q, 5);
    EQ(c, hepta_mq_cancel(mq_hepta(q), at[0]), 0);
    conf_join(c, child);
    EQ(c, hepta_mq_cancel(mq_hepta(q), at[0]), -ESRCH);
    for (int i = 1; i < N_MSGS; i++)
        EQ(c, hepta_mq_cancel(mq_hepta(q), at[i]), 0);
    mq_hear(c, q, "5", 0);
    EQ(c, n_msgs(c, q), 0);
    fill_mq(c, q);
    EQ(c, n_msgs(c, q), N_MSGS);
    close_mq(c, q);
}

static void errors(struct conf *c)
{
    struct mqh *q = make_mq(c);
    char none[8];
    void *at;

    EQ(c, hepta_mq_reserve(mq_hepta(q), MSG_SIZE + 1, &at, NOW), -EMSGSIZE);
    EQ(c, hepta_mq_reserve(mq_hepta(q), 1, NULL, NOW), -EFAULT);
    EQ(c, hepta_mq_commit(mq_hepta(q), none, 1, 0), -ESRCH);
    EQ(c, hepta_mq_cancel(mq_hepta(q), none), -ESRCH);
    EQ(c, hepta_mq_cancel(mq_hepta(q), NULL), -ESRCH);
    EQ(c, hepta_mq_reserve(mq_hepta(q), 8, &at, NOW), 0);
    EQ(c, hepta_mq_commit(mq_hepta(q), at, 9, 0), -EMSGSIZE);
    EQ(c, hepta_mq_commit(mq_hepta(q), at, 8, HEPTA_MQ_PRIO_MAX + 1), -EINVAL);
    EQ(c, hepta_mq_commit(mq_hepta(q), at, 0, 1), 0);
    mq_hear(c, q, "", 1);
    close_mq(c, q);
}

static void not_the_childs(struct conf *c)
{
    struct mqh *q = make_mq(c);
    void *at;

    EQ(c, hepta_mq_reserve(mq_hepta(q), 8, &at, NOW), 0);
    memcpy(at, "parent's", 8);
    pid_t child = conf_fork(c);
    if (child == 0) {
        EQ(c, hepta_mq_commit(mq_hepta(q), at, 8, 0), -EPERM);
        EQ(c, hepta_mq_cancel(mq_hepta(q), at), -EPERM);
        close_mq(c, q);
        conf_exit();
    }
    conf_join(c, child);
    EQ(c, hepta_mq_commit(mq_hepta(q), at, 8, 0), 0);
    mq_hear(c, q, "parent's", 0);
    close_mq(c, q);
}

static void direction(struct conf *c)
{
    struct mq_name name;
    struct mqh *q = make_named_mq(c, &name), *r = open_mq(c, &name, O_RDONLY);
    struct mqh *w = open_mq(c, &name, O_WRONLY);
    struct hepta_mq_info info;
    const void *at;
    char buf[MSG_SIZE];
    void *place;

    remove_mq(c, &name);
    mq_say(c, q, "x", 0);
    EQ(c, hepta_mq_reserve(mq_hepta(r), 1, &place, NOW), -EBADF);
    EQ(c, hepta_mq_lease(mq_hepta(w), buf, sizeof(buf), &info, NOW), -EBADF);
    EQ(c, hepta_mq_peek(mq_hepta(w), &at, &info, NOW), -EBADF);
    EQ(c, hepta_mq_look(mq_hepta(w), buf, sizeof(buf), &info, NOW), -EBADF);
    close_mq(c, q);
    close_mq(c, r);
    close_mq(c, w);
}

const struct conf_case mq_place_cases[] = {
    {"place.peek_stays", peek_stays, NEEDS_LEASES, NULL, NULL, 0},
    {"place.look_short", look_short, NEEDS_LEASES, NULL, NULL, 0},
    {"place.look_waits", look_waits, NEEDS_LEASES, NULL, NULL, 0},
    {"place.commit_order", commit_order, NEEDS_LEASES, NULL, NULL, 0},
    {"place.commit_wakes", commit_wakes, NEEDS_LEASES, NULL, NULL, 0},
    {"place.cancel", cancel, NEEDS_LEASES, NULL, NULL, 0},
    {"place.errors", errors, NEEDS_LEASES, NULL, NULL, 0},
    {"place.not_the_childs", not_the_childs, NEEDS_LEASES, NULL, NULL, 0},
    {"place.access", direction, NEEDS_LEASES, NULL, NULL, 0},
    {0},
};
