/* SPDX-License-Identifier: MIT */
/*
 * bench/sem_hepta.c - Hepta's semaphores, and its permits
 *
 * Semaphores have no wait mode: in busy they are tried again and again, as the rival's. In
 * ping-pong the number of the message lies beside the semaphore: what a post publishes, a wait must
 * show. Called through pointers, as sem_kernel.c says.
 */
#include "bench/backends.h"
#include "bench/hepta_io.h"
#include "bench/message.h"
#include "bench/shared.h"

#include <hepta/sem.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MANY_NAMES 1000 /* of killed runs with this pid, or of other PID namespaces */

static int (*volatile post)(hepta_sem_t *) = hepta_sem_post;
static int (*volatile wait_one)(hepta_sem_t *, int64_t) = hepta_sem_wait;
static int (*volatile take)(struct hepta_permit *, int64_t) = hepta_permit_take;
static int (*volatile give)(struct hepta_permit *) = hepta_permit_give;

/* One direction, in a cache line of its own. */
struct sem_line {
    _Alignas(128) hepta_sem_t sem;
    uint64_t number;
};

struct sem_link {
    struct sem_line *line; /* two, shared */
    struct sem_line *in, *out;
    int64_t deadline;
    struct hepta_permit *permit;
};

static void link_close(void *link)
{
    struct sem_link *l = link;

    if (l->permit)
        hepta_permit_close(l->permit);
    shared_free(l->line, 2 * sizeof(*l->line));
    free(l);
}

static int sem_make(struct sem_link *l, const struct bench_case *c)
{
    int rc = 0;

    l->deadline = c->mode == BENCH_BUSY ? HEPTA_NOW : HEPTA_FOREVER;
    l->line = shared_new(2 * sizeof(*l->line));
    if (!l->line)
        return -ENOMEM;
    for (int i = 0; i < 2 && !rc; i++)
        rc = hepta_sem_init(&l->line[i].sem, 0);
    return rc;
}

static int permit_make(struct sem_link *l, const struct bench_case *c)
{
    struct hepta_permit_options opt = {.size = sizeof(opt), .wait = hepta_wait_of(c)};
    char name[48];
    int rc = -EEXIST;

    for (int i = 0; i < MANY_NAMES && rc == -EEXIST; i++) {
        snprintf(name, sizeof(name), "/hepta-bench.%d.%d", (int)getpid(), i);
        rc = hepta_permit_open(name, HEPTA_SEM_CREATE | HEPTA_SEM_EXCL, 0600, 1, &opt, &l->permit);
    }
    return rc ? rc : hepta_permit_unlink(name);
}

static int open_as(int (*make)(struct sem_link *, const struct bench_case *), void **link,
                   const struct bench_case *c)
{
    struct sem_link *l = calloc(1, sizeof(*l));
    int rc = l ? make(l, c) : -ENOMEM;

    if (rc && l)
        link_close(l);
    else
        *link = l;
    return rc;
}

static int sem_open_line(void **link, const struct bench_case *c)
{
    return open_as(sem_make, link, c);
}

static int permit_open(void **link, const struct bench_case *c)
{
    return open_as(permit_make, link, c);
}

/* The first side posts 0 and waits for 1. */
static int link_enter(void *link, enum bench_side side)
{
    struct sem_link *l = link;

    if (l->line) {
        l->out = &l->line[side];
        l->in = &l->line[!side];
    }
    return 0;
}

static int sem_send(void *link, const void *buf, size_t len)
{
    struct sem_link *l = link;
    (void)len;

    l->out->number = message_get(buf);
    return post(&l->out->sem);
}

static int sem_recv(void *link, void *buf, size_t len)
{
    struct sem_link *l = link;
    int rc;

    do
        rc = wait_one(&l->in->sem, l->deadline);
    while (hepta_again(rc));
    message_stamp(buf, len, l->in->number);
    return rc;
}

static int sem_repeat(void *link, uint64_t n)
{
    struct sem_link *l = link;
    hepta_sem_t *sem = &l->line->sem;
    int64_t deadline = l->deadline;
    int rc = 0;

    while (n-- > 0 && !rc) {
        rc = post(sem);
        if (!rc)
            rc = wait_one(sem, deadline);
    }
    return rc;
}

static int sem_check(void *link)
{
    struct sem_link *l = link;

    return hepta_sem_value(&l->line->sem) == 0 ? 0 : -EBADMSG;
}

static int permit_repeat(void *link, uint64_t n)
{
    struct hepta_permit *permit = ((struct sem_link *)link)->permit;
    int rc = 0;

    while (n-- > 0 && !rc) {
        rc = take(permit, HEPTA_FOREVER);
        if (!rc)
            rc = give(permit);
    }
    return rc;
}

static int permit_check(void *link)
{
    struct hepta_permit_stat stat;
    int rc = hepta_permit_stat(((struct sem_link *)link)->permit, &stat);

    if (rc)
        return rc;
    return stat.free == 1 && stat.taken == stat.given ? 0 : -EBADMSG;
}

static bool permit_fits(const struct bench_case *c)
{
    return c->test == BENCH_PERMIT;
}

static bool sem_fits(const struct bench_case *c)
{
    return !permit_fits(c);
}

const struct bench_backend bench_sem_hepta = {
    .name = "hepta",
    .what = "Hepta's semaphore, in memory",
    .fits = sem_fits,
    .open = sem_open_line,
    .enter = link_enter,
    .send = sem_send,
    .recv = sem_recv,
    .repeat = sem_repeat,
    .check = sem_check,
    .close = link_close,
};

const struct bench_backend bench_sem_permit = {
    .name = "hepta",
    .what = "Hepta's permit, which returns when its holder dies (pair-permit)",
    .fits = permit_fits,
    .open = permit_open,
    .enter = link_enter,
    .repeat = permit_repeat,
    .check = permit_check,
    .close = link_close,
};
