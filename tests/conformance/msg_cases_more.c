/* SPDX-License-Identifier: MIT */
/* msg_cases_more.c - what only Hepta's have: descriptor, detach, limits of each queue, deadlines */
#define _GNU_SOURCE
#include <hepta/msg.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "msg_room.h"

static int ready(int id, uint32_t access, int ms)
{
    struct pollfd p = {.fd = hepta_msg_fd(id, access), .events = POLLIN};
    return p.fd < 0 ? p.fd : poll(&p, 1, ms);
}

static void descriptor(struct conf *c)
{
    int id = make_msg(c);
    EQ(c, ready(id, HEPTA_MSG_READ, 0), 0);
    EQ(c, ready(id, HEPTA_MSG_WRITE, 0), 1);
    EQ(c, put_msg(c, id, 3, 1, IPC_NOWAIT), 0);
    EQ(c, ready(id, HEPTA_MSG_READ, 1000), 1);
    EQ(c, get_msg(c, id, 3, IPC_NOWAIT), 1);
    EQ(c, get_msg(c, id, 3, IPC_NOWAIT), -ENOMSG);
    EQ(c, ready(id, HEPTA_MSG_READ, 0), 0);
    struct msqid_ds ds = msg_status(c, id);
    ds.msg_qbytes = sizeof(long);
    EQ(c, hepta_msg_ctl(id, IPC_SET, &ds), 0);
    EQ(c, put_msg(c, id, 3, 1, IPC_NOWAIT), 0);
    EQ(c, put_msg(c, id, 3, 1, IPC_NOWAIT), -EAGAIN);
    EQ(c, ready(id, HEPTA_MSG_WRITE, 0), 0);
    EQ(c, get_msg(c, id, 3, IPC_NOWAIT), 1);
    EQ(c, ready(id, HEPTA_MSG_WRITE, 1000), 1);
    EQ(c, hepta_msg_fd(id, 0), -EINVAL);
    EQ(c, hepta_msg_fd(id, 3), -EINVAL);
    remove_msg(c, id);
    hepta_msg_detach(id);
}

static void removal_raises_level(struct conf *c)
{
    int id = make_msg(c);
    struct pollfd p = {.fd = hepta_msg_fd(id, HEPTA_MSG_READ), .events = POLLIN};
    EQ(c, poll(&p, 1, 0), 0);
    remove_msg(c, id);
    EQ(c, poll(&p, 1, 1000), 1);
    EQ(c, get_msg(c, id, 0, IPC_NOWAIT), -EIDRM);
    hepta_msg_detach(id);
}

static void detach(struct conf *c)
{
    int id = make_msg(c);
    EQ(c, put_msg(c, id, 3, 1, IPC_NOWAIT), 0);
    EQ(c, hepta_msg_detach(id), 0);
    EQ(c, hepta_msg_detach(id), -EINVAL);
    EQ(c, get_msg(c, id, 0, IPC_NOWAIT), 1);
    remove_msg(c, id);
}

static void deadlines(struct conf *c)
{
    int id = make_msg(c);
    char b[8];
    EQ(c, hepta_msg_receive(id, NULL, b, sizeof(b), 0, 0, NOW), -EAGAIN);
    int64_t end = hepta_in_ms(20);
    EQ(c, hepta_msg_receive(id, NULL, b, sizeof(b), 0, 0, end), -ETIMEDOUT);
    OK(c, hepta_now_ns() >= end);
    struct msqid_ds ds = msg_status(c, id);
    ds.msg_qbytes = 4;
    EQ(c, hepta_msg_ctl(id, IPC_SET, &ds), 0);
    EQ(c, hepta_msg_send(id, 1, b, 8, 0, hepta_in_ms(20)), -ETIMEDOUT);
    EQ(c, hepta_msg_send(id, 1, b, 8, 0, NOW), -EAGAIN);
    remove_msg(c, id);
}

static void options(struct conf *c)
{
    struct hepta_msg_options opt = {
        .size = sizeof(opt), .msgs_max = 3, .msg_max = 100, .qbytes = 250};
    char b[101] = "";
    int id = hepta_msg_get(some_key(), IPC_CREAT | IPC_EXCL | 0600, &opt);
    OK(c, id >= 0);
    EQ(c, hepta_msg_send(id, 1, b, 101, IPC_NOWAIT, EVER), -EINVAL);
    EQ(c, hepta_msg_send(id, 1, b, 100, IPC_NOWAIT, EVER), 0);
    EQ(c, hepta_msg_send(id, 1, b, 100, IPC_NOWAIT, EVER), 0);
    EQ(c, hepta_msg_send(id, 1, b, 51, IPC_NOWAIT, EVER), -EAGAIN);
    EQ(c, hepta_msg_send(id, 1, b, 50, IPC_NOWAIT, EVER), 0);
    EQ(c, hepta_msg_send(id, 1, b, 0, IPC_NOWAIT, EVER), -EAGAIN); /* three messages */
    EQ(c, msg_status(c, id).msg_qbytes, 250);
    struct msqid_ds ds = msg_status(c, id);
    ds.msg_qbytes = 251;
    EQ(c, hepta_msg_ctl(id, IPC_SET, &ds), -EPERM);
    remove_msg(c, id);
}

static void environment(struct conf *c)
{
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        char b[51] = "";
        setenv("HEPTA_MSGMAX", "50", 1);
        setenv("HEPTA_MSGMNB", "120", 1);
        setenv("HEPTA_MSGTQL", "2", 1);
        int id = hepta_msg_get(some_key(), IPC_CREAT | IPC_EXCL | 0600, NULL);
        OK(c, id >= 0);
        EQ(c, msg_status(c, id).msg_qbytes, 120);
        EQ(c, hepta_msg_send(id, 1, b, 51, IPC_NOWAIT, EVER), -EINVAL);
        EQ(c, hepta_msg_send(id, 1, b, 50, IPC_NOWAIT, EVER), 0);
        EQ(c, hepta_msg_send(id, 1, b, 50, IPC_NOWAIT, EVER), 0);
        EQ(c, hepta_msg_send(id, 1, b, 0, IPC_NOWAIT, EVER), -EAGAIN);
        remove_msg(c, id);
        setenv("HEPTA_MSGMAX", "many", 1);
        EQ(c, hepta_msg_get(some_key(), IPC_CREAT | IPC_EXCL | 0600, NULL), -EINVAL);
        conf_exit();
    }
    conf_join(c, pid);
}

static void deep(struct conf *c)
{
    struct hepta_msg_options opt = {
        .size = sizeof(opt), .msgs_max = 100001, .msg_max = 64, .qbytes = 1 << 20};
    int id = hepta_msg_get(some_key(), IPC_CREAT | IPC_EXCL | 0600, &opt);
    OK(c, id >= 0);
    for (long i = 0; i < 100000; i++)
        EQ(c, put_msg(c, id, 1 + i % 3, i, IPC_NOWAIT), 0);
    EQ(c, put_msg(c, id, 77, 777, IPC_NOWAIT), 0);
    EQ(c, get_msg(c, id, 77, IPC_NOWAIT), 777);
    EQ(c, get_msg(c, id, -2, IPC_NOWAIT), 0);
    EQ(c, get_msg(c, id, 3, IPC_NOWAIT), 2);
    EQ(c, get_msg(c, id, 0, IPC_NOWAIT), 1);
    EQ(c, get_msg(c, id, 1, MSG_EXCEPT | IPC_NOWAIT), 4);
    EQ(c, msg_status(c, id).msg_qnum, 100000 - 4);
    remove_msg(c, id);
}

static void large(struct conf *c)
{
    const size_t len = 16 << 20;
    struct hepta_msg_options opt = {
        .size = sizeof(opt), .msgs_max = 8, .msg_max = 16 << 20, .qbytes = 40 << 20};
    char *out = malloc(len), *in = malloc(len);
    for (size_t i = 0; i < len; i++)
        out[i] = (char)(i * 13);
    int id = hepta_msg_get(some_key(), IPC_CREAT | IPC_EXCL | 0600, &opt);
    OK(c, id >= 0);
    for (int i = 0; i < 3; i++) {
        EQ(c, hepta_msg_send(id, 1, out, len, IPC_NOWAIT, EVER), 0);
        EQ(c, hepta_msg_send(id, 2, out, 1 << 20, IPC_NOWAIT, EVER), 0);
        EQ(c, hepta_msg_receive(id, NULL, in, len, 2, IPC_NOWAIT, EVER), 1 << 20);
        EQ(c, hepta_msg_receive(id, NULL, in, len - 1, 1, IPC_NOWAIT, EVER), -E2BIG);
        EQ(c, hepta_msg_receive(id, NULL, in, len, 1, IPC_NOWAIT, EVER), (long long)len);
        OK(c, memcmp(in, out, len) == 0);
    }
    free(in);
    free(out);
    remove_msg(c, id);
}

const struct conf_case msg_more_cases[] = {
    {"more.descriptor", descriptor, NEEDS_HEPTA, NULL, NULL, 0},
    {"more.removal_raises_level", removal_raises_level, NEEDS_HEPTA, NULL, NULL, 0},
    {"more.detach", detach, NEEDS_HEPTA, NULL, NULL, 0},
    {"more.deadlines", deadlines, NEEDS_HEPTA, NULL, NULL, 0},
    {"more.options", options, NEEDS_HEPTA, NULL, NULL, 0},
    {"more.environment", environment, NEEDS_HEPTA, NULL, NULL, 0},
    {"more.deep", deep, NEEDS_HEPTA, NULL, NULL, 30},
    {"more.large", large, NEEDS_HEPTA, NULL, NULL, 30},
    {0},
};
