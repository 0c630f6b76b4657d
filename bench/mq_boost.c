/* SPDX-License-Identifier: MIT */
/*
 * bench/mq_boost.c - boost's message_queue, the nearest that others have in shared memory
 *
 * It blocks in sleep and adaptive; in busy it is tried again, as the kernel's.
 */
#include "bench/backends.h"
#include "bench/peer_boost.h"
#include "bench/ticks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct boost_link {
    struct peer_boost *queue[2];
    struct peer_boost *in, *out;
    bool busy;
};

static void boost_close(void *link)
{
    struct boost_link *l = link;

    for (int i = 0; i < 2; i++)
        if (l->queue[i])
            peer_boost_free(l->queue[i]);
    free(l);
}

static struct peer_boost *make(const struct bench_case *c)
{
    char name[48];

    snprintf(name, sizeof(name), "hepta-bench.boost.%d", (int)getpid());
    return peer_boost_new(name, bench_depth(c), c->bytes);
}

static int boost_open(void **link, const struct bench_case *c)
{
    struct boost_link *l = calloc(1, sizeof(*l));
    int n = c->test == BENCH_PINGPONG ? 2 : 1, rc = 0;

    if (!l)
        return -ENOMEM;
    l->busy = c->mode == BENCH_BUSY;
    for (int i = 0; i < n && !rc; i++) {
        l->queue[i] = make(c);
        rc = l->queue[i] ? 0 : -EIO;
    }
    if (rc)
        boost_close(l);
    else
        *link = l;
    return rc;
}

/* Of two queues the first side sends into 0 and receives out of 1, the second the other way. */
static int boost_enter(void *link, enum bench_side side)
{
    struct boost_link *l = link;

    l->out = l->queue[l->queue[1] ? side : 0];
    l->in = l->queue[l->queue[1] ? !side : 0];
    return 0;
}

static int boost_send(void *link, const void *buf, size_t len)
{
    const struct boost_link *l = link;
    int rc;

    while ((rc = peer_boost_send(l->out, buf, len, l->busy)) == -EAGAIN)
        bench_pause();
    return rc;
}

static int boost_recv(void *link, void *buf, size_t len)
{
    const struct boost_link *l = link;
    int rc;

    while ((rc = peer_boost_receive(l->in, buf, len, l->busy)) == -EAGAIN)
        bench_pause();
    return rc;
}

const struct bench_backend bench_mq_boost = {
    .name = "boost",
    .what = "boost's message_queue",
    .open = boost_open,
    .enter = boost_enter,
    .send = boost_send,
    .recv = boost_recv,
    .close = boost_close,
};
