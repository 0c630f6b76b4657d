/* SPDX-License-Identifier: MIT */
/*
 * bench/msg_kernel.c - the kernel's System V message queues
 *
 * Blocking in sleep and adaptive, IPC_NOWAIT and tried again in busy. A message's type stands
 * in front of its text, in the room that the buffer has there, so nothing is copied for it.
 */
#define _GNU_SOURCE
#include "bench/backends.h"
#include "bench/guard.h"
#include "bench/ipc_limits.h"
#include "bench/kernel_io.h"
#include "bench/msg_types.h"
#include "bench/ticks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>

struct kernel_msg {
    int queue[2]; /* -1: none */
    int in, out;
    size_t depth;
    long want;
    int flags;
    struct guard guard;
};

static void remove_queues(void *link)
{
    const struct kernel_msg *k = link;

    for (int i = 0; i < 2; i++)
        if (k->queue[i] >= 0)
            msgctl(k->queue[i], IPC_RMID, NULL);
}

static void queue_close(void *link)
{
    struct kernel_msg *k = link;

    guard_end(&k->guard);
    free(k);
}

/* The text is behind its type. */
static void *with_type(const void *text)
{
    return (char *)(uintptr_t)text - sizeof(long);
}

static int queue_send(void *link, const void *buf, size_t len)
{
    const struct kernel_msg *k = link;
    void *message = with_type(buf);

    *(long *)message = MSG_TYPE_WANTED;
    while (msgsnd(k->out, message, len, k->flags)) {
        int rc = kernel_again(k->flags & IPC_NOWAIT);
        if (rc)
            return rc;
    }
    return 0;
}

static int queue_recv(void *link, void *buf, size_t len)
{
    const struct kernel_msg *k = link;
    ssize_t n;

    while ((n = msgrcv(k->in, with_type(buf), len, k->want, k->flags)) < 0) {
        if (errno == ENOMSG)
            errno = EAGAIN;
        int rc = kernel_again(k->flags & IPC_NOWAIT);
        if (rc)
            return rc;
    }
    return (size_t)n == len ? 0 : -EBADMSG;
}

/* The queue's limit is in bytes; without the right to raise it it stays. */
static int set_room(struct kernel_msg *k, int id, const struct bench_case *c)
{
    struct msqid_ds ds;

    if (msgctl(id, IPC_STAT, &ds))
        return -errno;
    ds.msg_qbytes = c->capacity + c->queued * c->bytes;
    if (msgctl(id, IPC_SET, &ds) && (errno != EPERM || msgctl(id, IPC_STAT, &ds)))
        return -errno;
    if (ds.msg_qbytes < (c->queued + 1) * c->bytes)
        return -EPERM;
    k->depth = ds.msg_qbytes / c->bytes - c->queued;
    return 0;
}

static int put_in_front(int id, const struct bench_case *c)
{
    struct {
        long type;
        char text[];
    } *message = calloc(1, sizeof(*message) + c->bytes);
    int rc = message ? 0 : -ENOMEM;

    for (size_t i = 0; i < c->queued && !rc; i++) {
        message->type = msg_type_other(i);
        if (msgsnd(id, message, c->bytes, IPC_NOWAIT))
            rc = -errno;
    }
    free(message);
    return rc;
}

static int make(struct kernel_msg *k, const struct bench_case *c)
{
    int n = c->test == BENCH_PINGPONG ? 2 : 1, rc = 0;

    for (int i = 0; i < n; i++)
        if ((k->queue[i] = msgget(IPC_PRIVATE, 0600)) < 0)
            rc = -errno;
    if (!rc)
        rc = guard_start(&k->guard, remove_queues, k);
    if (rc)
        remove_queues(k); /* nobody else will */
    for (int i = 0; i < n && !rc; i++) {
        rc = set_room(k, k->queue[i], c);
        if (!rc)
            rc = put_in_front(k->queue[i], c);
    }
    return rc;
}

static int queue_open(void **link, const struct bench_case *c)
{
    struct kernel_msg *k = calloc(1, sizeof(*k));

    if (!k)
        return -ENOMEM;
    ipc_limits_raise();
    k->queue[0] = k->queue[1] = -1;
    k->flags = c->mode == BENCH_BUSY ? IPC_NOWAIT : 0;
    k->want = msg_type_to_take(c);
    int rc = make(k, c);
    if (rc)
        queue_close(k);
    else
        *link = k;
    return rc;
}

/* Of two queues the first side sends into 0 and receives out of 1, the second the other way. */
static int queue_enter(void *link, enum bench_side side)
{
    struct kernel_msg *k = link;
    bool two = k->queue[1] >= 0;

    k->out = k->queue[two ? side : 0];
    k->in = k->queue[two ? !side : 0];
    return 0;
}

static size_t queue_depth(const void *link)
{
    return ((const struct kernel_msg *)link)->depth;
}

const struct bench_backend bench_msg_kernel = {
    .name = "kernel",
    .what = "the kernel's System V queue, as deep as its limits let this user make it",
    .named = true,
    .open = queue_open,
    .enter = queue_enter,
    .send = queue_send,
    .recv = queue_recv,
    .close = queue_close,
    .depth = queue_depth,
};
