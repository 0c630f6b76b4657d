/* SPDX-License-Identifier: MIT */
/*
 * mq_cases_budget.c - large messages, many messages, a short budget, and the counters
 */
#define _GNU_SOURCE
#include "mq_steps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static unsigned char byte_of(size_t i, unsigned seed)
{
    return (unsigned char)(i * 2654435761u >> 24 ^ seed);
}

static unsigned char *pattern(struct conf *c, size_t len, unsigned seed)
{
    unsigned char *p = malloc(len);

    OK(c, p != NULL);
    for (size_t i = 0; i < len; i++)
        p[i] = byte_of(i, seed);
    return p;
}

/* Each with a priority of its own, sent in a scattered order. */
static void many_priorities(struct conf *c)
{
    struct mqh *q = make_mq_of(c, HEPTA_MQ_PRIO_MAX + 1, 8, 0);
    const uint32_t n = HEPTA_MQ_PRIO_MAX + 1;
    uint32_t got[2], prio;

    for (uint32_t i = 0; i < n; i++) {
        uint32_t p = i * 12345 % n; /* odd, so every one comes once */
        EQ(c, hepta_mq_send(mq_hepta(q), &p, sizeof(p), p, NOW), 0);
    }
    for (uint32_t i = n; i-- > 0;) {
        EQ(c, hepta_mq_receive(mq_hepta(q), got, 8, &prio, NOW), sizeof(got[0]));
        EQ(c, got[0], i);
        EQ(c, prio, i);
    }
    close_mq(c, q);
}

#define SHORT_MSG 4096
#define SHORT_BUDGET 8192 /* two of the largest, whatever msgs_max says */

static struct mqh *make_short(struct conf *c)
{
    return make_mq_of(c, 64, SHORT_MSG, SHORT_BUDGET);
}

static void budget_wakes(struct conf *c)
{
    struct mqh *q = make_short(c);
    unsigned char *msg = pattern(c, SHORT_MSG, 3);

    EQ(c, hepta_mq_send(mq_hepta(q), msg, SHORT_MSG, 1, NOW), 0);
    EQ(c, hepta_mq_send(mq_hepta(q), msg, SHORT_MSG, 1, NOW), 0);
    pid_t child = conf_fork(c);
    if (child == 0) {
        conf_set(c, 0, 1);
        EQ(c, hepta_mq_send(mq_hepta(q), msg, SHORT_MSG, 1, EVER), 0);
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    EQ(c, try_hear(c, q, NOW), SHORT_MSG);
    conf_join(c, child);
    EQ(c, n_msgs(c, q), 2);
    free(msg);
    close_mq(c, q);
}

/* Messages in scattered blocks come out whole, copied or peeked. */
static void budget_pieces(struct conf *c)
{
    struct mqh *q = make_short(c);
    unsigned char *msg = pattern(c, SHORT_MSG, 4), buf[SHORT_MSG];
    struct hepta_mq_info info;
    const void *at;

    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 32; i++) /* every block, each second of which comes back */
            EQ(c, hepta_mq_send(mq_hepta(q), msg, 200, i % 2, NOW), 0);
        for (int i = 0; i < 16; i++)
            EQ(c, try_hear(c, q, NOW), 200);
        EQ(c, hepta_mq_send(mq_hepta(q), msg, SHORT_MSG, 9, NOW), 0);
        if (round % 2) {
            EQ(c, hepta_mq_peek(mq_hepta(q), &at, &info, NOW), SHORT_MSG);
            OK(c, memcmp(at, msg, SHORT_MSG) == 0);
            EQ(c, hepta_mq_ack(mq_hepta(q), info.lease), 0);
        } else {
            EQ(c, hepta_mq_receive(mq_hepta(q), buf, sizeof(buf), NULL, NOW), SHORT_MSG);
            OK(c, memcmp(buf, msg, SHORT_MSG) == 0);
        }
        for (int i = 0; i < 16; i++)
            EQ(c, try_hear(c, q, NOW), 200);
        EQ(c, n_msgs(c, q), 0);
    }
    free(msg);
    close_mq(c, q);
}

/* The write side's descriptor is high while one of the largest can be sent. */
static void budget_poll(struct conf *c)
{
    struct mqh *q = make_short(c);
    unsigned char *msg = pattern(c, SHORT_MSG, 5);

    OK(c, mq_ready(c, q, O_WRONLY, LONG_MS));
    EQ(c, hepta_mq_send(mq_hepta(q), msg, SHORT_MSG, 0, NOW), 0);
    EQ(c, hepta_mq_send(mq_hepta(q), msg, SHORT_MSG, 0, NOW), 0);
    EQ(c, hepta_mq_send(mq_hepta(q), msg, SHORT_MSG, 0, NOW), -EAGAIN);
    OK(c, !mq_ready(c, q, O_WRONLY, 0));
    EQ(c, try_hear(c, q, NOW), SHORT_MSG);
    OK(c, mq_ready(c, q, O_WRONLY, LONG_MS));
    free(msg);
    close_mq(c, q);
}

const struct conf_case mq_budget_cases[] = {
    {"budget.many_priorities", many_priorities, NEEDS_LEASES, NULL, NULL, 0},
    {"budget.wakes", budget_wakes, NEEDS_LEASES, NULL, NULL, 0},
    {"budget.pieces", budget_pieces, NEEDS_LEASES, NULL, NULL, 0},
    {"budget.poll", budget_poll, NEEDS_LEASES, NULL, NULL, 0},
    {0},
};
