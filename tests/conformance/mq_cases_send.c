/* SPDX-License-Identifier: MIT */
/* mq_cases_send.c - what is sent is received: order, priorities, sizes, errors */
#define _GNU_SOURCE
#include <string.h>

#include "mq_room.h"

static void fifo_within_priority(struct conf *c)
{
    struct queue q;
    make_queue(c, &q);
    for (int i = 0; i < N_MSGS; i++)
        EQ(c, put_n(c, q.h, i, 3, NOW), 0);
    for (int i = 0; i < N_MSGS; i++)
        EQ(c, get_n(c, q.h, NULL, NOW), i);
    remove_queue(c, &q);
}

static void highest_first(struct conf *c)
{
    struct queue q;
    static const unsigned prio[] = {5, 32767, 0, 5};
    static const long order[] = {1, 0, 3, 2};
    make_queue(c, &q);
    for (int i = 0; i < N_MSGS; i++)
        EQ(c, put_n(c, q.h, i, prio[i], NOW), 0);
    for (int i = 0; i < N_MSGS; i++) {
        unsigned got = 1;
        EQ(c, get_n(c, q.h, &got, NOW), order[i]);
        EQ(c, got, prio[order[i]]);
    }
    remove_queue(c, &q);
}

/* Against a model: thousands of messages of random priorities come and go. */
static void random_priorities(struct conf *c)
{
    struct queue q;
    struct {
        unsigned prio;
        long n;
    } model[10];
    int n_model = 0;
    unsigned seed = 7;
    make_sized(c, &q, 10, MSG_SIZE);
    for (long n = 0; n < 5000; n++) {
        seed = seed * 1103515245 + 12345;
        if (n_model < 10 && (seed >> 16) % 5 < 3) {
            model[n_model].prio = (seed >> 20) % 4;
            model[n_model].n = n;
            EQ(c, put_n(c, q.h, n, model[n_model].prio, NOW), 0);
            n_model++;
        } else if (n_model > 0) {
            int best = 0;
            unsigned prio;
            for (int i = 1; i < n_model; i++)
                if (model[i].prio > model[best].prio)
                    best = i;
            EQ(c, get_n(c, q.h, &prio, NOW), model[best].n);
            EQ(c, prio, model[best].prio);
            memmove(&model[best], &model[best + 1], sizeof(*model) * (size_t)(--n_model - best));
        }
    }
    remove_queue(c, &q);
}

static void sizes(struct conf *c)
{
    struct queue q;
    char out[MSG_SIZE], in[MSG_SIZE + 10];
    make_queue(c, &q);
    memset(out, 'o', sizeof(out));
    for (size_t len = 0; len <= MSG_SIZE; len++) {
        memset(in, 'i', sizeof(in));
        EQ(c, mops(c)->send(q.h, out, len, 0, NOW), 0);
        EQ(c, mops(c)->receive(q.h, in, sizeof(in), NULL, NOW), (long long)len);
        OK(c, memcmp(in, out, len) == 0);
        OK(c, in[len] == 'i');
    }
    EQ(c, mops(c)->send(q.h, NULL, 0, 0, NOW), 0);
    EQ(c, mops(c)->receive(q.h, in, sizeof(in), NULL, NOW), 0);
    remove_queue(c, &q);
}

static void too_long(struct conf *c)
{
    struct queue q;
    char buf[MSG_SIZE + 1] = "";
    make_queue(c, &q);
    EQ(c, mops(c)->send(q.h, buf, sizeof(buf), 0, NOW), -EMSGSIZE);
    EQ(c, n_msgs(c, q.h), 0);
    EQ(c, put_n(c, q.h, 1, 0, NOW), 0);
    EQ(c, mops(c)->receive(q.h, buf, MSG_SIZE - 1, NULL, NOW), -EMSGSIZE);
    EQ(c, n_msgs(c, q.h), 1);
    EQ(c, get_n(c, q.h, NULL, NOW), 1);
    remove_queue(c, &q);
}

static void bad_priority(struct conf *c)
{
    struct queue q;
    make_queue(c, &q);
    EQ(c, put_n(c, q.h, 1, 32767, NOW), 0);
    EQ(c, put_n(c, q.h, 1, 32768, NOW), -EINVAL);
    EQ(c, put_n(c, q.h, 1, (unsigned)-1, NOW), -EINVAL);
    EQ(c, n_msgs(c, q.h), 1);
    remove_queue(c, &q);
}

static void full(struct conf *c)
{
    struct queue q;
    make_queue(c, &q);
    for (int i = 0; i < N_MSGS; i++) {
        EQ(c, n_msgs(c, q.h), i);
        EQ(c, put_n(c, q.h, i, 0, NOW), 0);
    }
    EQ(c, put_n(c, q.h, 9, 0, NOW), -EAGAIN);
    EQ(c, put_n(c, q.h, 9, 9, NOW), -EAGAIN); /* no priority jumps that */
    EQ(c, n_msgs(c, q.h), N_MSGS);
    EQ(c, get_n(c, q.h, NULL, NOW), 0);
    EQ(c, put_n(c, q.h, 9, 0, NOW), 0);
    remove_queue(c, &q);
}

static void empty(struct conf *c)
{
    struct queue q;
    make_queue(c, &q);
    EQ(c, get_n(c, q.h, NULL, NOW), -EAGAIN);
    EQ(c, put_n(c, q.h, 1, 0, NOW), 0);
    EQ(c, get_n(c, q.h, NULL, NOW), 1);
    EQ(c, get_n(c, q.h, NULL, NOW), -EAGAIN);
    remove_queue(c, &q);
}

static void between_strangers(struct conf *c)
{
    struct queue q;
    make_queue(c, &q);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        struct mqh *h = open_queue(c, &q, O_WRONLY);
        for (long i = 0; i < 200; i++)
            EQ(c, put_n(c, h, i, 0, EVER), 0);
        conf_exit();
    }
    for (long i = 0; i < 200; i++)
        EQ(c, get_n(c, q.h, NULL, EVER), i);
    conf_join(c, pid);
    remove_queue(c, &q);
}

/* Four senders, two receivers: each message once, each sender's in order at each receiver. */
static void many_to_many(struct conf *c)
{
    struct queue q;
    pid_t pid[6];
    make_queue(c, &q);
    for (int i = 0; i < 6; i++)
        if ((pid[i] = conf_fork(c)) == 0) {
            long last[4] = {-1, -1, -1, -1};
            for (long n = 0; i < 4 && n < 500; n++)
                EQ(c, put_n(c, q.h, i * 1000 + n, 0, EVER), 0);
            for (long n = 0; i >= 4 && n < 1000; n++) {
                long got = get_n(c, q.h, NULL, EVER);
                OK(c, got >= 0 && got < 4000 && got % 1000 > last[got / 1000]);
                last[got / 1000] = got % 1000;
                conf_add(c, (int)(got / 1000), 1);
            }
            conf_exit();
        }
    for (int i = 0; i < 6; i++)
        conf_join(c, pid[i]);
    for (int i = 0; i < 4; i++)
        EQ(c, conf_get(c, i), 500);
    EQ(c, n_msgs(c, q.h), 0);
    remove_queue(c, &q);
}

const struct conf_case mq_send_cases[] = {
    {"send.fifo_within_priority", fifo_within_priority, 0, NULL, NULL, 0},
    {"send.highest_first", highest_first, 0, NULL, NULL, 0},
    {"send.random_priorities", random_priorities, 0, NULL, NULL, 0},
    {"send.sizes", sizes, 0, NULL, NULL, 0},
    {"send.too_long", too_long, 0, NULL, NULL, 0},
    {"send.bad_priority", bad_priority, 0, NULL, NULL, 0},
    {"send.full", full, 0, NULL, NULL, 0},
    {"send.empty", empty, 0, NULL, NULL, 0},
    {"send.between_strangers", between_strangers, 0, NULL, NULL, 0},
    {"send.many_to_many", many_to_many, 0, NULL, NULL, 0},
    {0},
};
