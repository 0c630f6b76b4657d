/* SPDX-License-Identifier: MIT */
/* mq_cases_open.c - names, making, modes, attributes, unlinking; who keeps what until when */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mq_room.h"

static void absent(struct conf *c)
{
    struct queue q;
    mq_name_it(&q);
    EQ(c, try_queue(c, q.name, O_RDWR, 0), -ENOENT);
    EQ(c, mops(c)->unlink(q.name), -ENOENT);
}

static void created_then_opened(struct conf *c)
{
    struct queue q;
    make_queue(c, &q);
    EQ(c, try_queue(c, q.name, O_RDWR, 0), 0);
    EQ(c, try_queue(c, q.name, O_RDWR | O_CREAT, 0600), 0);
    remove_queue(c, &q);
}

static void excl(struct conf *c)
{
    struct queue q;
    make_queue(c, &q);
    EQ(c, try_queue(c, q.name, O_RDWR | O_CREAT | O_EXCL, 0600), -EEXIST);
    remove_queue(c, &q);
}

static void existing_keeps_attributes(struct conf *c)
{
    struct queue q;
    struct mqh *h;
    struct mq_attr other = {.mq_maxmsg = 2, .mq_msgsize = 8}, got;
    make_queue(c, &q);
    EQ(c, mops(c)->open(&h, q.name, O_RDWR | O_CREAT, 0600, &other), 0);
    EQ(c, mops(c)->getattr(h, &got), 0);
    EQ(c, got.mq_maxmsg, N_MSGS);
    EQ(c, got.mq_msgsize, MSG_SIZE);
    mops(c)->close(h);
    remove_queue(c, &q);
}

static void bad_attributes(struct conf *c)
{
    static const struct mq_attr bad[] = {
        {.mq_maxmsg = 0, .mq_msgsize = 8},  {.mq_maxmsg = -1, .mq_msgsize = 8},
        {.mq_maxmsg = 4, .mq_msgsize = 0},  {.mq_maxmsg = 4, .mq_msgsize = -1},
        {.mq_maxmsg = 1 << 20, .mq_msgsize = 8}, {.mq_maxmsg = 4, .mq_msgsize = 1 << 30},
    };
    struct queue q;
    mq_name_it(&q);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        EQ(c, mops(c)->open(&q.h, q.name, O_RDWR | O_CREAT, 0600, &bad[i]), -EINVAL);
    EQ(c, try_queue(c, q.name, O_RDWR, 0), -ENOENT); /* nothing half-made is left */
}

static void default_attributes(struct conf *c)
{
    struct queue q;
    struct mq_attr got;
    mq_name_it(&q);
    EQ(c, mops(c)->open(&q.h, q.name, O_RDWR | O_CREAT, 0600, NULL), 0);
    EQ(c, mops(c)->getattr(q.h, &got), 0);
    EQ(c, got.mq_maxmsg, DIFFERS(c, 10, 256));
    EQ(c, got.mq_msgsize, 8192);
    EQ(c, got.mq_curmsgs, 0);
    EQ(c, got.mq_flags, 0);
    remove_queue(c, &q);
}

static void bad_names(struct conf *c)
{
    char longest[300];
    memset(longest, 'x', sizeof(longest));
    longest[0] = '/';
    longest[sizeof(longest) - 1] = 0;
    EQ(c, try_queue(c, "no-slash", O_RDWR | O_CREAT, 0600), -EINVAL);
    EQ(c, try_queue(c, longest, O_RDWR | O_CREAT, 0600), -ENAMETOOLONG);
    EQ(c, mops(c)->unlink(longest), -ENAMETOOLONG);
}

static void other_bad_names(struct conf *c)
{
    EQ(c, try_queue(c, "/", O_RDWR | O_CREAT, 0600), DIFFERS(c, -ENOENT, -EINVAL));
    EQ(c, try_queue(c, "/two/slashes", O_RDWR | O_CREAT, 0600), DIFFERS(c, -EACCES, -EINVAL));
}

static void wrong_access(struct conf *c)
{
    struct queue q;
    unsigned prio;
    char buf[MSG_SIZE];
    make_queue(c, &q);
    struct mqh *r = open_queue(c, &q, O_RDONLY), *w = open_queue(c, &q, O_WRONLY);
    EQ(c, put_n(c, r, 1, 0, NOW), -EBADF);
    EQ(c, mops(c)->receive(w, buf, sizeof(buf), &prio, NOW), -EBADF);
    EQ(c, put_n(c, w, 1, 0, NOW), 0);
    EQ(c, get_n(c, r, NULL, NOW), 1);
    mops(c)->close(r);
    mops(c)->close(w);
    remove_queue(c, &q);
}

static void umask_applies(struct conf *c)
{
    struct queue q;
    struct mq_attr attr = {.mq_maxmsg = N_MSGS, .mq_msgsize = MSG_SIZE};
    mq_name_it(&q);
    umask(0077);
    EQ(c, mops(c)->open(&q.h, q.name, O_RDWR | O_CREAT, 0666, &attr), 0);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        conf_become(c, NOBODY, NOBODY);
        EQ(c, try_queue(c, q.name, O_RDONLY, 0), -EACCES);
        conf_exit();
    }
    conf_join(c, pid);
    umask(022);
    remove_queue(c, &q);
}

static void mode_bits(struct conf *c)
{
    struct mq_attr attr = {.mq_maxmsg = N_MSGS, .mq_msgsize = MSG_SIZE};
    for (unsigned bits = 0; bits < 8; bits += 2) {
        struct queue q;
        mode_t mask = umask(0);
        mq_name_it(&q);
        EQ(c, mops(c)->open(&q.h, q.name, O_RDWR | O_CREAT, 0600 | bits, &attr), 0);
        umask(mask);
        pid_t pid = conf_fork(c);
        if (pid == 0) {
            conf_become(c, NOBODY, NOBODY);
            EQ(c, try_queue(c, q.name, O_RDONLY, 0), bits & 4 ? 0 : -EACCES);
            EQ(c, try_queue(c, q.name, O_WRONLY, 0), bits & 2 ? 0 : -EACCES);
            EQ(c, try_queue(c, q.name, O_RDWR, 0), bits == 6 ? 0 : -EACCES);
            int r = mops(c)->unlink(q.name);
            OK(c, r == -EACCES || r == -EPERM);
            conf_exit();
        }
        conf_join(c, pid);
        remove_queue(c, &q);
    }
}

/* Who makes it may open it whatever the bits say. */
static void maker_opens(struct conf *c)
{
    struct mq_attr attr = {.mq_maxmsg = N_MSGS, .mq_msgsize = MSG_SIZE};
    struct queue q;
    mq_name_it(&q);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        conf_become(c, NOBODY, NOBODY);
        EQ(c, mops(c)->open(&q.h, q.name, O_RDWR | O_CREAT, 0, &attr), 0);
        EQ(c, put_n(c, q.h, 5, 0, NOW), 0);
        EQ(c, try_queue(c, q.name, O_RDONLY, 0), -EACCES);
        remove_queue(c, &q);
        conf_exit();
    }
    conf_join(c, pid);
}

static void contents_stay(struct conf *c)
{
    struct queue q;
    pid_t pid;
    mq_name_it(&q);
    if ((pid = conf_fork(c)) == 0) {
        struct mq_attr attr = {.mq_maxmsg = N_MSGS, .mq_msgsize = MSG_SIZE};
        EQ(c, mops(c)->open(&q.h, q.name, O_RDWR | O_CREAT, 0600, &attr), 0);
        EQ(c, put_n(c, q.h, 1, 0, NOW), 0);
        EQ(c, put_n(c, q.h, 2, 7, NOW), 0);
        conf_exit(); /* without close */
    }
    conf_join(c, pid);
    unsigned prio = 99;
    q.h = open_queue(c, &q, O_RDWR);
    EQ(c, n_msgs(c, q.h), 2);
    EQ(c, get_n(c, q.h, &prio, NOW), 2);
    EQ(c, prio, 7);
    EQ(c, get_n(c, q.h, &prio, NOW), 1);
    remove_queue(c, &q);
}

static void unlink_is_lazy(struct conf *c)
{
    struct queue q;
    make_queue(c, &q);
    struct mqh *other = open_queue(c, &q, O_RDONLY);
    EQ(c, put_n(c, q.h, 1, 0, NOW), 0);
    EQ(c, mops(c)->unlink(q.name), 0);
    EQ(c, try_queue(c, q.name, O_RDWR, 0), -ENOENT);
    EQ(c, put_n(c, q.h, 2, 0, NOW), 0);
    EQ(c, get_n(c, other, NULL, NOW), 1);
    EQ(c, get_n(c, other, NULL, NOW), 2);
    mops(c)->close(other);
    mops(c)->close(q.h);
}

static void unlinked_name_is_free(struct conf *c)
{
    struct queue q, again;
    make_queue(c, &q);
    EQ(c, put_n(c, q.h, 1, 0, NOW), 0);
    EQ(c, mops(c)->unlink(q.name), 0);
    struct mq_attr attr = {.mq_maxmsg = N_MSGS, .mq_msgsize = MSG_SIZE};
    again = q;
    EQ(c, mops(c)->open(&again.h, q.name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr), 0);
    EQ(c, n_msgs(c, again.h), 0);
    EQ(c, n_msgs(c, q.h), 1);
    remove_queue(c, &again);
    mops(c)->close(q.h);
}

static void setattr_changes_nonblock_only(struct conf *c)
{
    struct queue q;
    struct mq_attr now = {.mq_flags = O_NONBLOCK, .mq_maxmsg = 99, .mq_msgsize = 99}, old, got;
    make_queue(c, &q);
    struct mqh *other = open_queue(c, &q, O_RDWR);
    EQ(c, put_n(c, q.h, 1, 0, NOW), 0);
    EQ(c, mops(c)->setattr(q.h, &now, &old), 0);
    EQ(c, old.mq_flags, 0);
    EQ(c, old.mq_curmsgs, 1);
    EQ(c, mops(c)->getattr(q.h, &got), 0);
    EQ(c, got.mq_flags, O_NONBLOCK);
    EQ(c, got.mq_maxmsg, N_MSGS);
    EQ(c, got.mq_msgsize, MSG_SIZE);
    EQ(c, mops(c)->getattr(other, &got), 0); /* each open has its own */
    EQ(c, got.mq_flags, 0);
    now.mq_flags = O_APPEND;
    EQ(c, mops(c)->setattr(q.h, &now, NULL), -EINVAL);
    EQ(c, get_n(c, q.h, NULL, EVER), 1);
    EQ(c, get_n(c, q.h, NULL, EVER), -EAGAIN);
    now.mq_flags = 0;
    EQ(c, mops(c)->setattr(q.h, &now, &old), 0);
    EQ(c, old.mq_flags, O_NONBLOCK);
    mops(c)->close(other);
    remove_queue(c, &q);
}

static void open_nonblock(struct conf *c)
{
    struct queue q;
    struct mq_attr got;
    make_queue(c, &q);
    struct mqh *h = open_queue(c, &q, O_RDWR | O_NONBLOCK);
    EQ(c, mops(c)->getattr(h, &got), 0);
    EQ(c, got.mq_flags, O_NONBLOCK);
    EQ(c, get_n(c, h, NULL, EVER), -EAGAIN);
    for (int i = 0; i < N_MSGS; i++)
        EQ(c, put_n(c, h, i, 0, EVER), 0);
    EQ(c, put_n(c, h, 9, 0, EVER), -EAGAIN);
    mops(c)->close(h);
    remove_queue(c, &q);
}

static void fork_inherits(struct conf *c)
{
    struct queue q;
    make_queue(c, &q);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        EQ(c, put_n(c, q.h, 3, 0, NOW), 0);
        conf_await(c, 0, 1);
        EQ(c, get_n(c, q.h, NULL, EVER), 4);
        mops(c)->close(q.h); /* the parent's stays open */
        conf_exit();
    }
    EQ(c, get_n(c, q.h, NULL, EVER), 3);
    EQ(c, put_n(c, q.h, 4, 0, EVER), 0);
    conf_set(c, 0, 1);
    conf_join(c, pid);
    EQ(c, n_msgs(c, q.h), 0);
    remove_queue(c, &q);
}

/* The child's setattr is the parent's, too, in the kernel: one open file description. */
static void fork_shares_flags(struct conf *c)
{
    struct queue q;
    struct mq_attr now = {.mq_flags = O_NONBLOCK}, got;
    make_queue(c, &q);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        EQ(c, mops(c)->setattr(q.h, &now, NULL), 0);
        conf_exit();
    }
    conf_join(c, pid);
    EQ(c, mops(c)->getattr(q.h, &got), 0);
    EQ(c, got.mq_flags, DIFFERS(c, O_NONBLOCK, 0));
    remove_queue(c, &q);
}

static void many_queues(struct conf *c)
{
    struct queue q[20];
    for (int i = 0; i < 20; i++)
        make_sized(c, &q[i], 2, 16);
    for (int i = 0; i < 20; i++)
        EQ(c, mops(c)->send(q[i].h, &i, sizeof(i), 0, NOW), 0);
    for (int i = 0; i < 20; i++) {
        int n = -1;
        char buf[16];
        EQ(c, mops(c)->receive(q[i].h, buf, sizeof(buf), NULL, NOW), sizeof(i));
        memcpy(&n, buf, sizeof(n));
        EQ(c, n, i);
        remove_queue(c, &q[i]);
    }
}

const struct conf_case mq_open_cases[] = {
    {"open.absent", absent, 0, NULL, NULL, 0},
    {"open.created_then_opened", created_then_opened, 0, NULL, NULL, 0},
    {"open.excl", excl, 0, NULL, NULL, 0},
    {"open.existing_keeps_attributes", existing_keeps_attributes, 0, NULL, NULL, 0},
    {"open.bad_attributes", bad_attributes, 0, NULL, NULL, 0},
    {"open.default_attributes", default_attributes, 0, "mq-defaults", NULL, 0},
    {"open.bad_names", bad_names, 0, NULL, NULL, 0},
    {"open.other_bad_names", other_bad_names, 0, "mq-names", NULL, 0},
    {"open.wrong_access", wrong_access, 0, NULL, NULL, 0},
    {"open.umask", umask_applies, CONF_AS_ROOT, NULL, NULL, 0},
    {"open.mode_bits", mode_bits, CONF_AS_ROOT, NULL, NULL, 0},
    {"open.maker_opens", maker_opens, CONF_AS_ROOT, NULL, NULL, 0},
    {"open.contents_stay", contents_stay, 0, NULL, NULL, 0},
    {"open.unlink_is_lazy", unlink_is_lazy, 0, NULL, NULL, 0},
    {"open.unlinked_name_is_free", unlinked_name_is_free, 0, NULL, NULL, 0},
    {"open.setattr_changes_nonblock_only", setattr_changes_nonblock_only, 0, NULL, NULL, 0},
    {"open.nonblock", open_nonblock, 0, NULL, NULL, 0},
    {"open.fork_inherits", fork_inherits, 0, NULL, NULL, 0},
    {"open.fork_shares_flags", fork_shares_flags, 0, "mq-own-flags", NULL, 0},
    {"open.many_queues", many_queues, 0, NULL, NULL, 0},
    {0},
};
