/* SPDX-License-Identifier: MIT */
/*
 * bench/sem_kernel.c - glibc's semaphores in shared memory, on the kernel's futexes
 *
 * They wait in the kernel in sleep and adaptive, and are tried again and again in busy. The number
 * of the message lies beside the semaphore, as with Hepta's.
 *
 * The calls go through pointers, for both rivals: else Hepta's, which is part of this program,
 * would be called directly and glibc's through the linkage table. That is a tenth of such a pair.
 */
#define _GNU_SOURCE
#include "bench/backends.h"
#include "bench/kernel_io.h"
#include "bench/message.h"
#include "bench/shared.h"

#include <errno.h>
#include <semaphore.h>
#include <stdlib.h>

static int (*volatile post)(sem_t *) = sem_post;
static int (*volatile wait_one)(sem_t *) = sem_wait;
static int (*volatile try_one)(sem_t *) = sem_trywait;

/* One direction, in a cache line of its own. */
struct sem_line {
    _Alignas(128) sem_t sem;
    uint64_t number;
};

struct kernel_sem {
    struct sem_line *line; /* two, shared */
    struct sem_line *in, *out;
    bool busy;
};

static void line_close(void *link)
{
    struct kernel_sem *k = link;

    shared_free(k->line, 2 * sizeof(*k->line));
    free(k);
}

static int line_open(void **link, const struct bench_case *c)
{
    struct kernel_sem *k = calloc(1, sizeof(*k));

    if (!k)
        return -ENOMEM;
    k->busy = c->mode == BENCH_BUSY;
    k->line = shared_new(2 * sizeof(*k->line));
    if (!k->line || sem_init(&k->line[0].sem, 1, 0) || sem_init(&k->line[1].sem, 1, 0)) {
        line_close(k);
        return -ENOMEM;
    }
    *link = k;
    return 0;
}

/* The first side posts 0 and waits for 1. */
static int line_enter(void *link, enum bench_side side)
{
    struct kernel_sem *k = link;

    k->out = &k->line[side];
    k->in = &k->line[!side];
    return 0;
}

static int line_send(void *link, const void *buf, size_t len)
{
    struct kernel_sem *k = link;
    (void)len;

    k->out->number = message_get(buf);
    return post(&k->out->sem) ? -errno : 0;
}

static int line_recv(void *link, void *buf, size_t len)
{
    struct kernel_sem *k = link;

    while (k->busy ? try_one(&k->in->sem) : wait_one(&k->in->sem)) {
        int rc = kernel_again(k->busy);
        if (rc)
            return rc;
    }
    message_stamp(buf, len, k->in->number);
    return 0;
}

static int line_repeat(void *link, uint64_t n)
{
    sem_t *sem = &((struct kernel_sem *)link)->line->sem;

    while (n-- > 0)
        if (post(sem) || wait_one(sem))
            return -errno;
    return 0;
}

static int line_check(void *link)
{
    struct kernel_sem *k = link;
    int value;

    if (sem_getvalue(&k->line->sem, &value))
        return -errno;
    return value == 0 ? 0 : -EBADMSG;
}

const struct bench_backend bench_sem_kernel = {
    .name = "kernel",
    .what = "glibc's semaphore (sem_t) in shared memory",
    .open = line_open,
    .enter = line_enter,
    .send = line_send,
    .recv = line_recv,
    .repeat = line_repeat,
    .check = line_check,
    .close = line_close,
};
