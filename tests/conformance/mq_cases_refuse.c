/* SPDX-License-Identifier: MIT */
/*
 * mq_cases_refuse.c - what is refused, and that nothing has happened then; limits that only the
 * kernel has
 */
#define _GNU_SOURCE
#include "mq_steps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* The length is looked at before there is room. */
static void too_long_for_the_full(struct conf *c)
{
    struct mqh *q = make_mq(c);
    char msg[MSG_SIZE + 1] = "";

    fill_mq(c, q);
    EQ(c, mops(c)->send(q, msg, MSG_SIZE + 1, 0, EVER), -EMSGSIZE);
    EQ(c, mops(c)->send(q, msg, SIZE_MAX, 0, EVER), -EMSGSIZE);
    EQ(c, n_msgs(c, q), N_MSGS);
    close_mq(c, q);
}

/* It must hold the queue's largest message, not the one that is there. */
static void buffer(struct conf *c)
{
    struct mqh *q = make_mq(c);
    char buf[MSG_SIZE];

    EQ(c, mops(c)->receive(q, buf, MSG_SIZE - 1, NULL, EVER), -EMSGSIZE);
    mq_say(c, q, "x", 0);
    EQ(c, mops(c)->receive(q, buf, MSG_SIZE - 1, NULL, NOW), -EMSGSIZE);
    EQ(c, mops(c)->receive(q, buf, 0, NULL, NOW), -EMSGSIZE);
    EQ(c, n_msgs(c, q), 1);
    EQ(c, mops(c)->receive(q, buf, MSG_SIZE, NULL, NOW), 1);
    close_mq(c, q);
}

/* It is written as far as the message goes. */
static void rest_of_buffer(struct conf *c)
{
    struct mqh *q = make_mq(c);
    char buf[MSG_SIZE];

    memset(buf, '#', sizeof(buf));
    mq_say(c, q, "abc", 0);
    EQ(c, mops(c)->receive(q, buf, sizeof(buf), NULL, NOW), 3);
    OK(c, memcmp(buf, "abc#####", 8) == 0);
    close_mq(c, q);
}

static void null_message(struct conf *c)
{
    struct mqh *q = make_mq(c);
    char buf[MSG_SIZE];

    EQ(c, mops(c)->send(q, NULL, 1, 0, NOW), -EFAULT);
    EQ(c, n_msgs(c, q), 0);
    EQ(c, mops(c)->send(q, NULL, 0, 2, NOW), 0);
    EQ(c, mops(c)->receive(q, buf, sizeof(buf), NULL, NOW), 0);
    close_mq(c, q);
}

/* The kernel sees it when it copies; the message is lost then. */
static void null_buffer(struct conf *c)
{
    struct mqh *q = make_mq(c);

    EQ(c, mops(c)->receive(q, NULL, BUF_SIZE, NULL, NOW), DIFFERS(c, -EAGAIN, -EFAULT));
    mq_say(c, q, "x", 0);
    EQ(c, mops(c)->receive(q, NULL, BUF_SIZE, NULL, NOW), -EFAULT);
    EQ(c, n_msgs(c, q), DIFFERS(c, 0, 1));
    close_mq(c, q);
}

static void null_handle(struct conf *c)
{
    struct hepta_mq_attr attr;
    char b[1] = "";

    EQ(c, hepta_mq_send(NULL, b, 1, 0, NOW), -EINVAL);
    EQ(c, hepta_mq_receive(NULL, b, 1, NULL, NOW), -EINVAL);
    EQ(c, hepta_mq_getattr(NULL, &attr), -EINVAL);
    EQ(c, hepta_mq_setattr(NULL, NULL, NULL), -EINVAL);
    EQ(c, hepta_mq_notify(NULL, NULL), -EINVAL);
    EQ(c, hepta_mq_fd(NULL, HEPTA_MQ_READ), -EINVAL);
    OK(c, hepta_mq_close(NULL) == NULL);
}

static void null_results(struct conf *c)
{
    struct mqh *q = make_mq(c);
    struct hepta_mq_stat st;

    EQ(c, hepta_mq_getattr(mq_hepta(q), NULL), -EFAULT);
    EQ(c, hepta_mq_setattr(mq_hepta(q), NULL, NULL), 0);
    EQ(c, hepta_mq_stat(mq_hepta(q), NULL, sizeof(st)), -EFAULT);
    EQ(c, hepta_mq_stat(mq_hepta(q), &st, 0), -EINVAL);
    close_mq(c, q);
}

#define HEPTA_NEW (HEPTA_MQ_READ | HEPTA_MQ_WRITE | HEPTA_MQ_CREATE | HEPTA_MQ_EXCL)

/* One thing wrong, and *mq is NULL then. */
static int made_with(struct conf *c, const struct mq_name *name, uint32_t flags,
                     const struct hepta_mq_options *opt)
{
    struct hepta_mq *mq = (struct hepta_mq *)c;
    int err = hepta_mq_open(&mq, name->s, flags, 0600, opt);

    OK(c, mq == NULL);
    return err;
}

static void options(struct conf *c)
{
    struct mq_name name = mq_name();
    struct hepta_mq_options opt = {0};

    EQ(c, made_with(c, &name, HEPTA_NEW, &opt), -EINVAL);
    opt = (struct hepta_mq_options){.size = sizeof(opt), .wait = 99};
    EQ(c, made_with(c, &name, HEPTA_NEW, &opt), -EINVAL);
    opt = (struct hepta_mq_options){.size = sizeof(opt), .msgs_max = HEPTA_MQ_MSGS_MAX + 1};
    EQ(c, made_with(c, &name, HEPTA_NEW, &opt), -EINVAL);
    opt = (struct hepta_mq_options){.size = sizeof(opt), .msg_max = HEPTA_MQ_MSG_MAX + 1};
    EQ(c, made_with(c, &name, HEPTA_NEW, &opt), -EINVAL);
    opt = (struct hepta_mq_options){.size = sizeof(opt), .msg_max = 4096, .budget = 4095};
    EQ(c, made_with(c, &name, HEPTA_NEW, &opt), -EINVAL);
    opt = (struct hepta_mq_options){.size = sizeof(opt), .budget = HEPTA_MQ_BUDGET_MAX + 1};
    EQ(c, made_with(c, &name, HEPTA_NEW, &opt), -EINVAL);
    EQ(c, made_with(c, &name, HEPTA_MQ_CREATE, NULL), -EINVAL);
    EQ(c, made_with(c, &name, HEPTA_NEW | 1u << 30, NULL), -EINVAL);
    EQ(c, hepta_mq_open(NULL, name.s, HEPTA_NEW, 0600, NULL), -EFAULT);
    EQ(c, try_mq(c, &name, O_RDWR), -ENOENT);
}

static void null_name(struct conf *c)
{
    struct hepta_mq *mq = NULL;

    EQ(c, hepta_mq_open(&mq, NULL, HEPTA_NEW, 0600, NULL), -EFAULT);
    EQ(c, hepta_mq_unlink(NULL), -EFAULT);
}

/* A slash and @n more, which tell runs apart. */
static int try_length(struct conf *c, int n)
{
    char name[300];
    struct mqh *h;

    snprintf(name, sizeof(name), "/%s%0*d", getenv("MQ_PREFIX"),
             n - (int)strlen(getenv("MQ_PREFIX")), (int)getpid());
    int err = mops(c)->open(&h, name, MQ_NEW, 0600, NULL);
    if (err == 0) {
        close_mq(c, h);
        EQ(c, mops(c)->unlink(name), 0);
    }
    return err;
}

static void name_length(struct conf *c)
{
    EQ(c, try_length(c, 240), 0);
    EQ(c, try_length(c, 241), DIFFERS(c, 0, -ENAMETOOLONG));
    EQ(c, try_length(c, 255), DIFFERS(c, 0, -ENAMETOOLONG));
    EQ(c, try_length(c, 256), -ENAMETOOLONG);
}

static int made_of(const struct conf *c, long n, long size)
{
    struct mq_attr attr = {.mq_maxmsg = n, .mq_msgsize = size};
    struct mq_name name = mq_name();
    struct mqh *h;
    int err = mops(c)->open(&h, name.s, MQ_NEW, 0600, &attr);

    if (err == 0) {
        close_mq(c, h);
        mops(c)->unlink(name.s);
    }
    return err;
}

/* More than fs.mqueue.msg_max, msgsize_max and RLIMIT_MSGQUEUE allow who isn't root. */
static void unprivileged(struct conf *c)
{
    pid_t child = conf_fork(c);

    if (child == 0) {
        conf_become(c, MQ_STRANGER, MQ_STRANGER);
        EQ(c, made_of(c, 4096, 64), DIFFERS(c, -EINVAL, 0));
        EQ(c, made_of(c, 4, 1 << 20), DIFFERS(c, -EINVAL, 0));
        EQ(c, setrlimit(RLIMIT_MSGQUEUE, &(struct rlimit){0, 0}), 0);
        EQ(c, made_of(c, 4, 64), DIFFERS(c, -EMFILE, 0));
        conf_exit();
    }
    conf_join(c, child);
}

static void no_descriptors(struct conf *c)
{
    struct mq_name name;
    struct mqh *q = make_named_mq(c, &name);
    pid_t child = conf_fork(c);

    if (child == 0) {
        EQ(c, setrlimit(RLIMIT_NOFILE, &(struct rlimit){0, 0}), 0);
        EQ(c, try_mq(c, &name, O_RDWR), -EMFILE);
        conf_exit();
    }
    conf_join(c, child);
    remove_mq(c, &name);
    close_mq(c, q);
}

const struct conf_case mq_refuse_cases[] = {
    {"refuse.too_long_for_the_full", too_long_for_the_full, 0, NULL, NULL, 0},
    {"refuse.buffer", buffer, 0, NULL, NULL, 0},
    {"refuse.rest_of_buffer", rest_of_buffer, 0, NULL, NULL, 0},
    {"refuse.null_message", null_message, 0, NULL, NULL, 0},
    {"refuse.null_buffer", null_buffer, 0, "address-first", NULL, 0},
    {"refuse.null_handle", null_handle, NEEDS_LEASES, NULL, NULL, 0},
    {"refuse.null_results", null_results, NEEDS_LEASES, NULL, NULL, 0},
    {"refuse.options", options, NEEDS_LEASES, NULL, NULL, 0},
    {"refuse.null_name", null_name, NEEDS_LEASES, NULL, NULL, 0},
    {"refuse.name_length", name_length, 0, "name-length", NULL, 0},
    {"refuse.unprivileged", unprivileged, CONF_AS_ROOT, "mq-no-limits", NULL, 0},
    {"refuse.no_descriptors", no_descriptors, 0, NULL, NULL, 0},
    {0},
};
