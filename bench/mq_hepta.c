/* SPDX-License-Identifier: MIT */
/*
 * bench/mq_hepta.c - Hepta's POSIX message queues
 *
 * Plain, with a lease for each message, and in place. The name lies in HEPTA_DIR as the
 * environment says; the processes inherit the handles, so it goes at once.
 */
#include "bench/backends.h"
#include "bench/hepta_io.h"
#include "bench/message.h"

#include <hepta/mq.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MANY_NAMES 1000 /* of killed runs with this pid, or of other PID namespaces */

struct mq_link {
    struct hepta_mq *queue[2];
    struct hepta_mq *in, *out;
    void *reserved;
    uint64_t peeked;
};

static void queue_close(void *link)
{
    struct mq_link *l = link;

    for (int i = 0; i < 2; i++)
        hepta_mq_close(l->queue[i]);
    free(l);
}

static int make(struct hepta_mq **queue, const struct bench_case *c)
{
    struct hepta_mq_options opt = {.size = sizeof(opt),
                                   .msgs_max = (uint32_t)bench_depth(c),
                                   .msg_max = (uint32_t)c->bytes,
                                   .wait = hepta_wait_of(c)};
    uint32_t flags = HEPTA_MQ_READ | HEPTA_MQ_WRITE | HEPTA_MQ_CREATE | HEPTA_MQ_EXCL;
    char name[48];
    int rc = -EEXIST;

    for (int i = 0; i < MANY_NAMES && rc == -EEXIST; i++) {
        snprintf(name, sizeof(name), "/hepta-bench.%d.%d", (int)getpid(), i);
        rc = hepta_mq_open(queue, name, flags, 0600, &opt);
    }
    return rc ? rc : hepta_mq_unlink(name);
}

static int queue_open(void **link, const struct bench_case *c)
{
    struct mq_link *l = calloc(1, sizeof(*l));

    if (!l)
        return -ENOMEM;
    int rc = make(&l->queue[0], c);
    if (!rc && c->test == BENCH_PINGPONG)
        rc = make(&l->queue[1], c);
    if (rc)
        queue_close(l);
    else
        *link = l;
    return rc;
}

/* Of two queues the first side sends into 0 and receives out of 1, the second the other way. */
static int queue_enter(void *link, enum bench_side side)
{
    struct mq_link *l = link;

    l->out = l->queue[l->queue[1] ? side : 0];
    l->in = l->queue[l->queue[1] ? !side : 0];
    return 0;
}

static int queue_send(void *link, const void *buf, size_t len)
{
    struct mq_link *l = link;
    int rc;

    do
        rc = hepta_mq_send(l->out, buf, len, 0, HEPTA_FOREVER);
    while (hepta_again(rc));
    return rc;
}

/* Of bytes received, or an error; no message here is empty. */
static int whole(ssize_t n, size_t len)
{
    if (n < 0)
        return (int)n;
    return (size_t)n == len ? 0 : -EBADMSG;
}

static int queue_recv(void *link, void *buf, size_t len)
{
    struct mq_link *l = link;
    ssize_t n;

    do
        n = hepta_mq_receive(l->in, buf, len, NULL, HEPTA_FOREVER);
    while (hepta_again(n));
    return whole(n, len);
}

static int acknowledge(struct mq_link *l, uint64_t lease)
{
    int rc;

    do
        rc = hepta_mq_ack(l->in, lease);
    while (rc == -ETIMEDOUT);
    return rc;
}

static int lease_recv(void *link, void *buf, size_t len)
{
    struct mq_link *l = link;
    struct hepta_mq_info info;
    ssize_t n;

    do
        n = hepta_mq_lease(l->in, buf, len, &info, HEPTA_FOREVER);
    while (hepta_again(n));
    int rc = whole(n, len);
    return rc ? rc : acknowledge(l, info.lease);
}

static bool zerocopy_fits(const struct bench_case *c)
{
    return bench_shapes[c->test].rate && c->bytes >= MESSAGE_WHOLE;
}

static int queue_reserve(void *link, size_t len, void **at)
{
    struct mq_link *l = link;
    int rc;

    do
        rc = hepta_mq_reserve(l->out, len, at, HEPTA_FOREVER);
    while (hepta_again(rc));
    l->reserved = *at;
    return rc;
}

static int queue_commit(void *link, size_t len)
{
    struct mq_link *l = link;

    return hepta_mq_commit(l->out, l->reserved, len, 0);
}

static int queue_peek(void *link, size_t len, const void **at)
{
    struct mq_link *l = link;
    struct hepta_mq_info info;
    ssize_t n;

    do
        n = hepta_mq_peek(l->in, at, &info, HEPTA_FOREVER);
    while (hepta_again(n));
    l->peeked = info.lease;
    return whole(n, len);
}

static int queue_release(void *link, size_t len)
{
    struct mq_link *l = link;
    (void)len;

    return acknowledge(l, l->peeked);
}

const struct bench_backend bench_mq_hepta = {
    .name = "hepta",
    .what = "Hepta's queue",
    .open = queue_open,
    .enter = queue_enter,
    .send = queue_send,
    .recv = queue_recv,
    .close = queue_close,
};

const struct bench_backend bench_mq_lease = {
    .name = "hepta-lease",
    .what = "the same, each message received with a lease and acknowledged",
    .open = queue_open,
    .enter = queue_enter,
    .send = queue_send,
    .recv = lease_recv,
    .close = queue_close,
};

const struct bench_backend bench_mq_zerocopy = {
    .name = "hepta-zerocopy",
    .what = "the same, reserve/commit and peek/ack; streams of 4 KiB and more",
    .fits = zerocopy_fits,
    .open = queue_open,
    .enter = queue_enter,
    .reserve = queue_reserve,
    .commit = queue_commit,
    .peek = queue_peek,
    .release = queue_release,
    .close = queue_close,
};
