/* SPDX-License-Identifier: MIT */
/*
 * bench/mq_kernel.c - the kernel's POSIX message queues
 *
 * Blocking in sleep and adaptive, non-blocking and tried again in busy. The processes
 * inherit the descriptors, so the names go at once. A queue is as deep as the limits allow.
 */
#define _GNU_SOURCE
#include "bench/backends.h"
#include "bench/ipc_limits.h"
#include "bench/kernel_io.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MANY_NAMES 1000 /* of killed runs with this pid, or of other PID namespaces */

struct kernel_mq {
    mqd_t queue[2];
    mqd_t in, out;
    size_t depth;
    bool busy;
};

static void queue_close(void *link)
{
    struct kernel_mq *k = link;

    for (int i = 0; i < 2; i++)
        if (k->queue[i] >= 0)
            mq_close(k->queue[i]);
    free(k);
}

static int make(const struct kernel_mq *k, struct mq_attr *attr, mqd_t *queue)
{
    int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | (k->busy ? O_NONBLOCK : 0);
    char name[48];

    for (int i = 0; i < MANY_NAMES; i++) {
        snprintf(name, sizeof(name), "/hepta-bench.%d.%d", (int)getpid(), i);
        *queue = mq_open(name, flags, 0600, attr);
        if (*queue >= 0) {
            mq_unlink(name);
            return 0;
        }
        if (errno != EEXIST)
            break;
    }
    return -errno;
}

/* EINVAL: above fs.mqueue.msg_max; EMFILE: above RLIMIT_MSGQUEUE. */
static int make_deepest(struct kernel_mq *k, const struct bench_case *c, mqd_t *queue)
{
    struct mq_attr attr = {.mq_maxmsg = (long)k->depth, .mq_msgsize = (long)c->bytes};
    int rc;

    while ((rc = make(k, &attr, queue)) && (rc == -EINVAL || rc == -EMFILE) && attr.mq_maxmsg > 1)
        attr.mq_maxmsg -= attr.mq_maxmsg / 16 + 1;
    k->depth = (size_t)attr.mq_maxmsg;
    return rc;
}

static int queue_open(void **link, const struct bench_case *c)
{
    struct kernel_mq *k = calloc(1, sizeof(*k));

    if (!k)
        return -ENOMEM;
    ipc_limits_raise();
    *k = (struct kernel_mq){
        .queue = {-1, -1}, .depth = bench_depth(c), .busy = c->mode == BENCH_BUSY};
    int rc = make_deepest(k, c, &k->queue[0]);
    if (!rc && c->test == BENCH_PINGPONG)
        rc = make_deepest(k, c, &k->queue[1]);
    if (rc)
        queue_close(k);
    else
        *link = k;
    return rc;
}

/* Of two queues the first side sends into 0 and receives out of 1, the second the other way. */
static int queue_enter(void *link, enum bench_side side)
{
    struct kernel_mq *k = link;
    bool two = k->queue[1] >= 0;

    k->out = k->queue[two ? side : 0];
    k->in = k->queue[two ? !side : 0];
    return 0;
}

static int queue_send(void *link, const void *buf, size_t len)
{
    const struct kernel_mq *k = link;

    while (mq_send(k->out, buf, len, 0)) {
        int rc = kernel_again(k->busy);
        if (rc)
            return rc;
    }
    return 0;
}

static int queue_recv(void *link, void *buf, size_t len)
{
    const struct kernel_mq *k = link;
    ssize_t n;

    while ((n = mq_receive(k->in, buf, len, NULL)) < 0) {
        int rc = kernel_again(k->busy);
        if (rc)
            return rc;
    }
    return (size_t)n == len ? 0 : -EBADMSG;
}

static size_t queue_depth(const void *link)
{
    return ((const struct kernel_mq *)link)->depth;
}

const struct bench_backend bench_mq_kernel = {
    .name = "kernel",
    .what = "the kernel's POSIX queue, as deep as its limits let this user make it",
    .open = queue_open,
    .enter = queue_enter,
    .send = queue_send,
    .recv = queue_recv,
    .close = queue_close,
    .depth = queue_depth,
};
