/* SPDX-License-Identifier: MIT */
/*
 * bench/msg_hepta.c - Hepta's System V message queues
 *
 * The queues lie in HEPTA_DIR as the environment says. They have no name to remove early; the
 * guard removes those of a run that is killed.
 */
#include "bench/backends.h"
#include "bench/guard.h"
#include "bench/hepta_io.h"
#include "bench/msg_types.h"

#include <hepta/msg.h>
#include <stdlib.h>

struct msg_link {
    int queue[2]; /* negative: none */
    int in, out;
    long want;
    struct guard guard;
};

static void remove_queues(void *link)
{
    const struct msg_link *l = link;

    for (int i = 0; i < 2; i++)
        if (l->queue[i] >= 0)
            hepta_msg_ctl(l->queue[i], IPC_RMID, NULL);
}

static void queue_close(void *link)
{
    struct msg_link *l = link;

    guard_end(&l->guard);
    for (int i = 0; i < 2; i++)
        if (l->queue[i] >= 0)
            hepta_msg_detach(l->queue[i]);
    free(l);
}

static int put_in_front(int id, const struct bench_case *c)
{
    void *text = calloc(1, c->bytes);
    int rc = text ? 0 : -ENOMEM;

    for (size_t i = 0; i < c->queued && !rc; i++)
        rc = hepta_msg_send(id, msg_type_other(i), text, c->bytes, IPC_NOWAIT, HEPTA_NOW);
    free(text);
    return rc;
}

static int make_all(struct msg_link *l, const struct bench_case *c)
{
    struct hepta_msg_options opt = {.size = sizeof(opt),
                                    .msgs_max = (uint32_t)(bench_depth(c) + c->queued),
                                    .msg_max = (uint32_t)c->bytes,
                                    .wait = hepta_wait_of(c),
                                    .qbytes = c->capacity + c->queued * c->bytes};
    int n = c->test == BENCH_PINGPONG ? 2 : 1, rc = 0;

    for (int i = 0; i < n && !rc; i++)
        if ((l->queue[i] = hepta_msg_get(IPC_PRIVATE, 0600, &opt)) < 0)
            rc = l->queue[i];
    if (!rc)
        rc = guard_start(&l->guard, remove_queues, l);
    if (rc)
        remove_queues(l); /* nobody else will */
    for (int i = 0; i < n && !rc; i++)
        rc = put_in_front(l->queue[i], c);
    return rc;
}

static int queue_open(void **link, const struct bench_case *c)
{
    struct msg_link *l = calloc(1, sizeof(*l));

    if (!l)
        return -ENOMEM;
    l->queue[0] = l->queue[1] = -1;
    l->want = msg_type_to_take(c);
    int rc = make_all(l, c);
    if (rc)
        queue_close(l);
    else
        *link = l;
    return rc;
}

/* Of two queues the first side sends into 0 and receives out of 1, the second the other way. */
static int queue_enter(void *link, enum bench_side side)
{
    struct msg_link *l = link;
    bool two = l->queue[1] >= 0;

    l->out = l->queue[two ? side : 0];
    l->in = l->queue[two ? !side : 0];
    return 0;
}

static int queue_send(void *link, const void *buf, size_t len)
{
    const struct msg_link *l = link;
    int rc;

    do
        rc = hepta_msg_send(l->out, MSG_TYPE_WANTED, buf, len, 0, HEPTA_FOREVER);
    while (hepta_again(rc));
    return rc;
}

static int queue_recv(void *link, void *buf, size_t len)
{
    const struct msg_link *l = link;
    ssize_t n;

    do
        n = hepta_msg_receive(l->in, NULL, buf, len, l->want, 0, HEPTA_FOREVER);
    while (hepta_again(n));
    if (n < 0)
        return (int)n;
    return (size_t)n == len ? 0 : -EBADMSG;
}

const struct bench_backend bench_msg_hepta = {
    .name = "hepta",
    .what = "Hepta's queue",
    .named = true,
    .open = queue_open,
    .enter = queue_enter,
    .send = queue_send,
    .recv = queue_recv,
    .close = queue_close,
};
