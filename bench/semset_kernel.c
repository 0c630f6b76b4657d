/* SPDX-License-Identifier: MIT */
/*
 * bench/semset_kernel.c - the kernel's System V semaphore sets
 *
 * Blocking in sleep and adaptive, IPC_NOWAIT and tried again in busy. The number of the message
 * lies in memory beside, as with Hepta's.
 */
#define _GNU_SOURCE
#include "bench/backends.h"
#include "bench/guard.h"
#include "bench/kernel_io.h"
#include "bench/message.h"
#include "bench/shared.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/sem.h>

/* Of one direction. */
struct set_number {
    _Alignas(128) uint64_t number;
};

struct kernel_set {
    int id;                    /* -1: none */
    struct set_number *beside; /* two, shared */
    int in, out;
    short flags;
    struct guard guard;
};

static void remove_set(void *link)
{
    const struct kernel_set *k = link;

    if (k->id >= 0)
        semctl(k->id, 0, IPC_RMID);
}

static void set_close(void *link)
{
    struct kernel_set *k = link;

    guard_end(&k->guard);
    shared_free(k->beside, 2 * sizeof(*k->beside));
    free(k);
}

static int make(struct kernel_set *k)
{
    k->id = semget(IPC_PRIVATE, 2, 0600);
    if (k->id < 0)
        return -errno;
    k->beside = shared_new(2 * sizeof(*k->beside));
    int rc = k->beside ? guard_start(&k->guard, remove_set, k) : -ENOMEM;
    if (rc)
        remove_set(k); /* nobody else will */
    return rc;
}

static int set_open(void **link, const struct bench_case *c)
{
    struct kernel_set *k = calloc(1, sizeof(*k));

    if (!k)
        return -ENOMEM;
    k->flags =
        (short)((c->test == BENCH_UNDO ? SEM_UNDO : 0) | (c->mode == BENCH_BUSY ? IPC_NOWAIT : 0));
    int rc = make(k);
    if (rc)
        set_close(k);
    else
        *link = k;
    return rc;
}

/* The first side posts 0 and waits for 1. */
static int set_enter(void *link, enum bench_side side)
{
    struct kernel_set *k = link;

    k->out = side;
    k->in = !side;
    return 0;
}

static int change(const struct kernel_set *k, int num, short by)
{
    struct sembuf op = {(unsigned short)num, by, k->flags};

    while (semop(k->id, &op, 1)) {
        int rc = kernel_again(k->flags & IPC_NOWAIT);
        if (rc)
            return rc;
    }
    return 0;
}

static int set_send(void *link, const void *buf, size_t len)
{
    struct kernel_set *k = link;
    (void)len;

    k->beside[k->out].number = message_get(buf);
    return change(k, k->out, 1);
}

static int set_recv(void *link, void *buf, size_t len)
{
    struct kernel_set *k = link;
    int rc = change(k, k->in, -1);

    message_stamp(buf, len, k->beside[k->in].number);
    return rc;
}

static int set_repeat(void *link, uint64_t n)
{
    int rc = 0;

    while (n-- > 0 && !rc) {
        rc = change(link, 0, 1);
        if (!rc)
            rc = change(link, 0, -1);
    }
    return rc;
}

static int set_check(void *link)
{
    int value = semctl(((struct kernel_set *)link)->id, 0, GETVAL);

    if (value < 0)
        return -errno;
    return value == 0 ? 0 : -EBADMSG;
}

const struct bench_backend bench_semset_kernel = {
    .name = "kernel",
    .what = "the kernel's set (semop)",
    .named = true,
    .open = set_open,
    .enter = set_enter,
    .send = set_send,
    .recv = set_recv,
    .repeat = set_repeat,
    .check = set_check,
    .close = set_close,
};
