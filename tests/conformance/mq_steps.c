/* SPDX-License-Identifier: MIT */
/* mq_steps.c - the short forms of mq_steps.h */
#define _GNU_SOURCE
#include "mq_steps.h"

#include <string.h>

struct mq_name mq_name(void)
{
    struct queue q;
    struct mq_name name;

    mq_name_it(&q);
    memcpy(name.s, q.name, sizeof(name.s));
    return name;
}

struct mqh *make_named_mq(struct conf *c, struct mq_name *name)
{
    struct queue q;

    make_queue(c, &q);
    memcpy(name->s, q.name, sizeof(name->s));
    return q.h;
}

struct mqh *make_mq(struct conf *c)
{
    struct mq_name name;
    struct mqh *h = make_named_mq(c, &name);

    remove_mq(c, &name);
    return h;
}

struct mqh *make_mq_of(struct conf *c, uint32_t msgs_max, uint32_t msg_max, uint64_t budget)
{
    struct hepta_mq_options opt = {
        .size = sizeof(opt), .msgs_max = msgs_max, .msg_max = msg_max, .budget = budget};
    const uint32_t how = HEPTA_MQ_READ | HEPTA_MQ_WRITE | HEPTA_MQ_CREATE | HEPTA_MQ_EXCL;
    struct mq_name name = mq_name();
    struct hepta_mq *mq = NULL;

    EQ(c, hepta_mq_open(&mq, name.s, how, 0600, &opt), 0);
    EQ(c, hepta_mq_unlink(name.s), 0);
    return mq_wrap(mq);
}

struct mqh *open_mq(struct conf *c, const struct mq_name *name, int flags)
{
    struct mqh *h = NULL;

    EQ(c, mops(c)->open(&h, name->s, flags, 0600, NULL), 0);
    return h;
}

int try_mq(const struct conf *c, const struct mq_name *name, int flags)
{
    struct mqh *h = NULL;
    int err = mops(c)->open(&h, name->s, flags, 0600, NULL);

    if (err == 0)
        close_mq(c, h);
    return err;
}

void close_mq(const struct conf *c, struct mqh *h)
{
    mops(c)->close(h);
}

void remove_mq(struct conf *c, const struct mq_name *name)
{
    EQ(c, mops(c)->unlink(name->s), 0);
}

int try_say(const struct conf *c, struct mqh *h, const char *text, int64_t deadline)
{
    return mops(c)->send(h, text, strlen(text), 0, deadline);
}

ssize_t try_hear(const struct conf *c, struct mqh *h, int64_t deadline)
{
    char buf[BUF_SIZE];

    return mops(c)->receive(h, buf, sizeof(buf), NULL, deadline);
}

void mq_say(struct conf *c, struct mqh *h, const char *text, unsigned prio)
{
    EQ(c, mops(c)->send(h, text, strlen(text), prio, NOW), 0);
}

void mq_hear(struct conf *c, struct mqh *h, const char *text, unsigned prio)
{
    char buf[BUF_SIZE];
    unsigned got = ~0u;
    ssize_t len = mops(c)->receive(h, buf, sizeof(buf), &got, NOW);

    EQ(c, len, (ssize_t)strlen(text));
    if (memcmp(buf, text, strlen(text)) != 0)
        conf_fail(c, "'%.*s' came where '%s' was expected", (int)len, buf, text);
    EQ(c, got, prio);
}

void fill_mq(struct conf *c, struct mqh *h)
{
    int err;

    while ((err = try_say(c, h, "0", NOW)) == 0)
        continue;
    EQ(c, err, -EAGAIN);
}

pid_t hearer(struct conf *c, struct mqh *h, int i)
{
    pid_t child = conf_fork(c);

    if (child == 0) {
        char buf[BUF_SIZE] = "";

        conf_set(c, ASLEEP + i, 1);
        EQ(c, mops(c)->receive(h, buf, sizeof(buf), NULL, EVER), 1);
        conf_set(c, HEARD + i, buf[0] - '0');
        conf_exit();
    }
    conf_asleep_after(c, child, ASLEEP + i);
    return child;
}

pid_t sayer(struct conf *c, struct mqh *h, int i)
{
    pid_t child = conf_fork(c);

    if (child == 0) {
        conf_set(c, ASLEEP + i, 1);
        EQ(c, try_say(c, h, (char[]){(char)('0' + i), 0}, EVER), 0);
        conf_set(c, SAID + i, 1);
        conf_exit();
    }
    conf_asleep_after(c, child, ASLEEP + i);
    return child;
}

bool mq_ready(struct conf *c, struct mqh *h, int access, int ms)
{
    int n = mops(c)->ready(h, access, ms);

    OK(c, n >= 0);
    return n > 0;
}
