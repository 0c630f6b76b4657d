/* SPDX-License-Identifier: MIT */
/* mq_cases_poll.c - the descriptor: a level, for reading and for writing */
#define _GNU_SOURCE
#include "mq_room.h"

static void readable(struct conf *c)
{
    struct queue q;
    make_queue(c, &q);
    EQ(c, mops(c)->ready(q.h, O_RDONLY, 0), 0);
    EQ(c, put_n(c, q.h, 1, 0, NOW), 0);
    EQ(c, mops(c)->ready(q.h, O_RDONLY, 1000), 1);
    EQ(c, mops(c)->ready(q.h, O_RDONLY, 0), 1); /* a level */
    EQ(c, put_n(c, q.h, 2, 0, NOW), 0);
    EQ(c, get_n(c, q.h, NULL, NOW), 1);
    EQ(c, mops(c)->ready(q.h, O_RDONLY, 0), 1);
    EQ(c, get_n(c, q.h, NULL, NOW), 2);
    EQ(c, get_n(c, q.h, NULL, NOW), -EAGAIN);
    EQ(c, mops(c)->ready(q.h, O_RDONLY, 0), 0);
    EQ(c, put_n(c, q.h, 3, 0, NOW), 0);
    EQ(c, mops(c)->ready(q.h, O_RDONLY, 1000), 1);
    remove_queue(c, &q);
}

static void writable(struct conf *c)
{
    struct queue q;
    make_queue(c, &q);
    EQ(c, mops(c)->ready(q.h, O_WRONLY, 1000), 1);
    for (int i = 0; i < N_MSGS; i++)
        EQ(c, put_n(c, q.h, i, 0, NOW), 0);
    EQ(c, put_n(c, q.h, 9, 0, NOW), -EAGAIN);
    EQ(c, mops(c)->ready(q.h, O_WRONLY, 0), 0);
    EQ(c, get_n(c, q.h, NULL, NOW), 0);
    EQ(c, mops(c)->ready(q.h, O_WRONLY, 1000), 1);
    EQ(c, put_n(c, q.h, 9, 0, NOW), 0);
    EQ(c, put_n(c, q.h, 9, 0, NOW), -EAGAIN);
    EQ(c, mops(c)->ready(q.h, O_WRONLY, 0), 0);
    remove_queue(c, &q);
}

/* A poller asleep is woken by another process. */
static void poller(struct conf *c, int access)
{
    struct queue q;
    make_queue(c, &q);
    for (int i = 0; access == O_WRONLY && i < N_MSGS; i++)
        EQ(c, put_n(c, q.h, i, 0, NOW), 0);
    EQ(c, access == O_WRONLY ? put_n(c, q.h, 9, 0, NOW) : get_n(c, q.h, NULL, NOW), -EAGAIN);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        struct mqh *h = open_queue(c, &q, O_RDWR);
        conf_set(c, BEFORE, 1);
        EQ(c, mops(c)->ready(h, access, 8000), 1);
        conf_exit();
    }
    conf_asleep_after(c, pid, BEFORE);
    EQ(c, access == O_WRONLY ? get_n(c, q.h, NULL, NOW) : put_n(c, q.h, 0, 0, NOW), 0);
    conf_join(c, pid);
    remove_queue(c, &q);
}

static void reading_poller(struct conf *c)
{
    poller(c, O_RDONLY);
}

static void writing_poller(struct conf *c)
{
    poller(c, O_WRONLY);
}

static void contents_before_open(struct conf *c)
{
    struct queue q;
    make_queue(c, &q);
    EQ(c, mops(c)->ready(q.h, O_RDONLY, 0), 0);
    EQ(c, put_n(c, q.h, 1, 0, NOW), 0);
    mops(c)->close(q.h); /* nobody has it open, and so no bell */
    q.h = open_queue(c, &q, O_RDWR);
    EQ(c, mops(c)->ready(q.h, O_RDONLY, 0), 1);
    EQ(c, get_n(c, q.h, NULL, NOW), 1);
    remove_queue(c, &q);
}

/* All in turn: one sender by poll, one receiver by poll, thousands of messages. */
static void by_poll_only(struct conf *c)
{
    struct queue q;
    make_queue(c, &q);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        for (long i = 0; i < 2000; i++) {
            int r;
            while ((r = put_n(c, q.h, i, 0, NOW)) == -EAGAIN)
                EQ(c, mops(c)->ready(q.h, O_WRONLY, 8000), 1);
            EQ(c, r, 0);
        }
        conf_exit();
    }
    for (long i = 0; i < 2000; i++) {
        long n;
        while ((n = get_n(c, q.h, NULL, NOW)) == -EAGAIN)
            EQ(c, mops(c)->ready(q.h, O_RDONLY, 8000), 1);
        EQ(c, n, i);
    }
    conf_join(c, pid);
    remove_queue(c, &q);
}

const struct conf_case mq_poll_cases[] = {
    {"poll.readable", readable, 0, NULL, NULL, 0},
    {"poll.writable", writable, 0, NULL, NULL, 0},
    {"poll.reading_poller", reading_poller, 0, NULL, NULL, 0},
    {"poll.writing_poller", writing_poller, 0, NULL, NULL, 0},
    {"poll.contents_before_open", contents_before_open, 0, NULL, NULL, 0},
    {"poll.by_poll_only", by_poll_only, 0, NULL, NULL, 30},
    {0},
};
