/* SPDX-License-Identifier: MIT */
/*
 * bench/semset_hepta.c - Hepta's System V semaphore sets
 *
 * A set of two, each a direction. It lies in HEPTA_DIR as the environment says, and has no name to
 * remove early; the guard removes that of a run that is killed. The number of the message lies in
 * memory beside.
 */
#include "bench/backends.h"
#include "bench/guard.h"
#include "bench/hepta_io.h"
#include "bench/message.h"
#include "bench/shared.h"

#include <hepta/semset.h>
#include <stdlib.h>

/* Of one direction. */
struct set_number {
    _Alignas(128) uint64_t number;
};

struct set_link {
    int id;                    /* negative: none */
    struct set_number *beside; /* two, shared */
    int in, out;
    short flags;
    struct guard guard;
};

static void remove_set(void *link)
{
    const struct set_link *l = link;
    union hepta_semun none = {.val = 0};

    if (l->id >= 0)
        hepta_semset_ctl(l->id, 0, IPC_RMID, none);
}

static void set_close(void *link)
{
    struct set_link *l = link;

    guard_end(&l->guard);
    if (l->id >= 0)
        hepta_semset_detach(l->id);
    shared_free(l->beside, 2 * sizeof(*l->beside));
    free(l);
}

static int make(struct set_link *l, const struct bench_case *c)
{
    struct hepta_semset_options opt = {.size = sizeof(opt), .wait = hepta_wait_of(c)};

    l->id = hepta_semset_get(IPC_PRIVATE, 2, 0600, &opt);
    if (l->id < 0)
        return l->id;
    l->beside = shared_new(2 * sizeof(*l->beside));
    int rc = l->beside ? guard_start(&l->guard, remove_set, l) : -ENOMEM;
    if (rc)
        remove_set(l); /* nobody else will */
    return rc;
}

static int set_open(void **link, const struct bench_case *c)
{
    struct set_link *l = calloc(1, sizeof(*l));

    if (!l)
        return -ENOMEM;
    l->flags = c->test == BENCH_UNDO ? SEM_UNDO : 0;
    int rc = make(l, c);
    if (rc)
        set_close(l);
    else
        *link = l;
    return rc;
}

/* The first side posts 0 and waits for 1. */
static int set_enter(void *link, enum bench_side side)
{
    struct set_link *l = link;

    l->out = side;
    l->in = !side;
    return 0;
}

static int change(const struct set_link *l, int num, short by)
{
    struct sembuf op = {(unsigned short)num, by, l->flags};
    int rc;

    do
        rc = hepta_semset_op(l->id, &op, 1, HEPTA_FOREVER);
    while (hepta_again(rc));
    return rc;
}

static int set_send(void *link, const void *buf, size_t len)
{
    struct set_link *l = link;
    (void)len;

    l->beside[l->out].number = message_get(buf);
    return change(l, l->out, 1);
}

static int set_recv(void *link, void *buf, size_t len)
{
    struct set_link *l = link;
    int rc = change(l, l->in, -1);

    message_stamp(buf, len, l->beside[l->in].number);
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
    union hepta_semun none = {.val = 0};
    int value = hepta_semset_ctl(((struct set_link *)link)->id, 0, GETVAL, none);

    if (value < 0)
        return value;
    return value == 0 ? 0 : -EBADMSG;
}

const struct bench_backend bench_semset_hepta = {
    .name = "hepta",
    .what = "Hepta's set",
    .named = true,
    .open = set_open,
    .enter = set_enter,
    .send = set_send,
    .recv = set_recv,
    .repeat = set_repeat,
    .check = set_check,
    .close = set_close,
};
