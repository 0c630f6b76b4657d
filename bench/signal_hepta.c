/* SPDX-License-Identifier: MIT */
/*
 * bench/signal_hepta.c - Hepta's mailboxes
 *
 * One mailbox for each direction, in HEPTA_DIR as the environment says. The process that receives
 * opens it by its name, so the names stay until the end; the guard removes those of a run that is
 * killed. A full one is tried again.
 */
#include "bench/backends.h"
#include "bench/guard.h"
#include "bench/hepta_io.h"
#include "bench/message.h"

#include <hepta/signal.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NUMBER 40
#define NAME_MAX_LEN 48
#define MANY_NAMES   1000 /* of killed runs with this pid, or of other PID namespaces */

struct signal_link {
    char name[2][NAME_MAX_LEN];   /* "": none */
    struct hepta_mailbox *box[2]; /* to send */
    struct hepta_mailbox *in, *out;
    struct bench_case on;
    struct guard guard;
};

static void remove_names(void *link)
{
    const struct signal_link *l = link;

    for (int i = 0; i < 2; i++)
        if (l->name[i][0])
            hepta_mailbox_unlink(l->name[i]);
}

static void signal_close(void *link)
{
    struct signal_link *l = link;

    guard_end(&l->guard);
    for (int i = 0; i < 2; i++)
        hepta_mailbox_close(l->box[i]);
    hepta_mailbox_close(l->in);
    free(l);
}

static void options(const struct bench_case *c, struct hepta_mailbox_options *opt)
{
    size_t depth = bench_depth(c);

    *opt = (struct hepta_mailbox_options){
        .size = sizeof(*opt),
        .depth = (uint32_t)(depth < HEPTA_MAILBOX_DEPTH_MAX ? depth : HEPTA_MAILBOX_DEPTH_MAX),
        .wait = hepta_wait_of(c)};
}

static int make(struct signal_link *l, int i)
{
    struct hepta_mailbox_options opt;
    int rc = -EEXIST;

    options(&l->on, &opt);
    for (int k = 0; k < MANY_NAMES && rc == -EEXIST; k++) {
        snprintf(l->name[i], NAME_MAX_LEN, "/hepta-bench.%d.%d", (int)getpid(), k);
        rc = hepta_mailbox_open(l->name[i], HEPTA_MAILBOX_CREATE | HEPTA_MAILBOX_EXCL, 0600, &opt,
                                &l->box[i]);
    }
    if (rc)
        l->name[i][0] = 0;
    return rc;
}

static int signal_open(void **link, const struct bench_case *c)
{
    struct signal_link *l = calloc(1, sizeof(*l));

    if (!l)
        return -ENOMEM;
    l->on = *c;
    int rc = make(l, 0);
    if (!rc && c->test == BENCH_PINGPONG)
        rc = make(l, 1);
    if (!rc)
        rc = guard_start(&l->guard, remove_names, l);
    if (rc) {
        remove_names(l); /* nobody else will */
        signal_close(l);
    } else {
        *link = l;
    }
    return rc;
}

/* Of two mailboxes the first side sends to 0 and receives from 1; of one the second receives, or,
 * if there is none, the first. */
static int signal_enter(void *link, enum bench_side side)
{
    struct signal_link *l = link;
    struct hepta_mailbox_options opt;
    bool two = l->name[1][0] != 0;
    int in = two ? !side : 0;

    options(&l->on, &opt);
    l->out = l->box[two ? side : 0];
    if (!two && side == BENCH_FIRST && bench_shapes[l->on.test].n[BENCH_SECOND] > 0)
        return 0;
    return hepta_mailbox_open(l->name[in], HEPTA_MAILBOX_RECEIVE, 0, &opt, &l->in);
}

static int signal_send(void *link, const void *buf, size_t len)
{
    const struct signal_link *l = link;
    int rc;

    while ((rc = hepta_mailbox_send(l->out, NUMBER, buf, len, 0)) == -EAGAIN)
        if (l->on.mode == BENCH_BUSY)
            bench_pause();
        else
            sched_yield();
    return rc;
}

static int signal_recv(void *link, void *buf, size_t len)
{
    const struct signal_link *l = link;
    struct hepta_signal_info info;
    int rc;

    do
        rc = hepta_mailbox_wait(l->in, &info, HEPTA_FOREVER);
    while (hepta_again(rc));
    if (rc < 0)
        return rc;
    if (rc != NUMBER || info.len != len)
        return -EBADMSG;
    memcpy(buf, info.payload, len);
    return 0;
}

static bool signal_fits(const struct bench_case *c)
{
    return c->bytes <= HEPTA_MAILBOX_PAYLOAD_MAX;
}

const struct bench_backend bench_signal_hepta = {
    .name = "hepta",
    .what = "Hepta's mailbox; at most 56 bytes",
    .named = true,
    .fits = signal_fits,
    .open = signal_open,
    .enter = signal_enter,
    .send = signal_send,
    .recv = signal_recv,
    .close = signal_close,
};
