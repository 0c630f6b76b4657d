/* SPDX-License-Identifier: MIT */
/*
 * pipe_cases_place.c - reserve/commit and peek/release beside write and read
 *
 * Only Hepta has them; what they must keep are the promises that the copying calls make:
 * order, boundaries, waiting, end-of-file, -EPIPE, and that a death leaves the pipe usable.
 */
#define _GNU_SOURCE
#include "pipe_room.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static void mixed_with_copying(struct conf *c)
{
    struct pipe_pair p;
    char buf[32];
    void *room;
    const void *next;

    make(c, &p);
    EQ(c, ops(c)->write(p.w, "one ", 4, EVER), 4);
    EQ(c, ops(c)->reserve(p.w, 100, &room, EVER), 0);
    memcpy(room, "two ", 4);
    EQ(c, used(c, &p), 4); /* invisible before commit */
    EQ(c, ops(c)->commit(p.w, 4), 0);
    EQ(c, ops(c)->write(p.w, "three", 5, EVER), 5);
    EQ(c, ops(c)->peek(p.r, &next, EVER), 13);
    OK(c, memcmp(next, "one two three", 13) == 0);
    EQ(c, ops(c)->release(p.r, 4), 0);
    EQ(c, ops(c)->read(p.r, buf, sizeof(buf), NOW), 9);
    OK(c, memcmp(buf, "two three", 9) == 0);
    EQ(c, ops(c)->read(p.r, buf, sizeof(buf), NOW), -EAGAIN);
    close_both(c, &p);
}

static void given_up(struct conf *c)
{
    struct pipe_pair p;
    void *room;
    const void *next;

    make(c, &p);
    EQ(c, ops(c)->reserve(p.w, 100, &room, EVER), 0);
    memset(room, 'x', 100);
    EQ(c, ops(c)->commit(p.w, 0), 0);
    EQ(c, get(c, &p, 10, NOW), -EAGAIN);
    EQ(c, put(c, &p, 10, EVER), 10);
    EQ(c, ops(c)->peek(p.r, &next, EVER), 10);
    EQ(c, ops(c)->release(p.r, 0), 0);
    EQ(c, get(c, &p, 10, NOW), 10);
    close_both(c, &p);
}

/* Contiguous wherever in the ring it begins. */
static void contiguous(struct conf *c)
{
    struct pipe_pair p;
    void *room;
    const void *next;

    make_as(c, &p, 0, ATOMIC);
    for (int i = 0; i < 500; i++) {
        size_t len = 1 + (size_t)i * 61 % ATOMIC;

        EQ(c, ops(c)->reserve(p.w, len, &room, EVER), 0);
        memset(room, i, len);
        EQ(c, ops(c)->commit(p.w, len), 0);
        EQ(c, ops(c)->peek(p.r, &next, EVER), len);
        for (size_t j = 0; j < len; j++)
            EQ(c, ((const unsigned char *)next)[j], i & 255);
        EQ(c, ops(c)->release(p.r, len), 0);
    }
    close_both(c, &p);
}

static void waits_and_wakes(struct conf *c)
{
    struct pipe_pair p;
    const void *next;
    void *room;

    make(c, &p);
    pid_t child = conf_fork(c);
    if (child == 0) {
        close_w(c, &p);
        conf_set(c, 0, 1);
        EQ(c, ops(c)->peek(p.r, &next, EVER), 10);
        EQ(c, ops(c)->release(p.r, 10), 0);
        EQ(c, ops(c)->peek(p.r, &next, EVER), 0);
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    EQ(c, ops(c)->reserve(p.w, 10, &room, EVER), 0);
    memset(room, 'x', 10);
    EQ(c, ops(c)->commit(p.w, 10), 0);
    conf_asleep(c, child);
    close_w(c, &p);
    conf_join(c, child);
    close_r(c, &p);
}

static void deadlines(struct conf *c)
{
    struct pipe_pair p;
    const void *next;
    void *room;

    make(c, &p);
    EQ(c, ops(c)->peek(p.r, &next, NOW), -EAGAIN);
    EQ(c, ops(c)->peek(p.r, &next, hepta_in_ms(20)), -ETIMEDOUT);
    fill(c, &p);
    EQ(c, ops(c)->reserve(p.w, 10, &room, NOW), -EAGAIN);
    EQ(c, ops(c)->reserve(p.w, 10, &room, hepta_in_ms(20)), -ETIMEDOUT);
    close_r(c, &p);
    EQ(c, ops(c)->reserve(p.w, 10, &room, EVER), -EPIPE);
    close_w(c, &p);
}

static void packets(struct conf *c)
{
    struct pipe_pair p;
    const void *next;
    void *room;

    make_as(c, &p, WANT_PACKET, 0);
    EQ(c, ops(c)->reserve(p.w, ATOMIC + 1, &room, EVER), -EINVAL);
    EQ(c, ops(c)->reserve(p.w, ATOMIC, &room, EVER), 0);
    memcpy(room, "abc", 3);
    EQ(c, ops(c)->commit(p.w, 3), 0);
    EQ(c, ops(c)->write(p.w, "defgh", 5, EVER), 5);
    EQ(c, ops(c)->peek(p.r, &next, EVER), 3);
    EQ(c, ops(c)->release(p.r, 0), 0);
    EQ(c, ops(c)->peek(p.r, &next, EVER), 3);
    OK(c, memcmp(next, "abc", 3) == 0);
    EQ(c, ops(c)->release(p.r, 1), 0); /* the packet is gone whole */
    EQ(c, ops(c)->peek(p.r, &next, EVER), 5);
    OK(c, memcmp(next, "defgh", 5) == 0);
    EQ(c, ops(c)->release(p.r, 5), 0);
    close_both(c, &p);
}

static void misuse(struct conf *c)
{
    struct pipe_pair p;
    const void *next;
    void *room;

    make(c, &p);
    EQ(c, ops(c)->commit(p.w, 0), -EINVAL);
    EQ(c, ops(c)->release(p.r, 0), -EINVAL);
    EQ(c, ops(c)->reserve(p.w, 0, &room, EVER), -EINVAL);
    EQ(c, ops(c)->reserve(p.w, CAPACITY + 1, &room, EVER), -EINVAL);
    EQ(c, ops(c)->reserve(p.w, 10, NULL, EVER), -EFAULT);
    EQ(c, ops(c)->reserve(p.r, 10, &room, EVER), -EBADF);
    EQ(c, ops(c)->peek(p.w, &next, EVER), -EBADF);
    EQ(c, ops(c)->reserve(p.w, 10, &room, EVER), 0);
    EQ(c, ops(c)->reserve(p.w, 10, &room, EVER), -EDEADLK);
    EQ(c, put(c, &p, 5, EVER), -EDEADLK);
    EQ(c, ops(c)->commit(p.w, 11), -EINVAL);
    EQ(c, ops(c)->commit(p.w, 10), 0);
    EQ(c, ops(c)->peek(p.r, &next, EVER), 10);
    EQ(c, ops(c)->peek(p.r, &next, EVER), -EDEADLK);
    EQ(c, get(c, &p, 5, EVER), -EDEADLK);
    EQ(c, ops(c)->release(p.r, 11), -EINVAL);
    EQ(c, ops(c)->release(p.r, 10), 0);
    close_both(c, &p);
}

static void others_wait(struct conf *c)
{
    struct pipe_pair p;
    void *room;

    make(c, &p);
    EQ(c, ops(c)->reserve(p.w, 10, &room, EVER), 0);
    pid_t child = conf_fork(c);
    if (child == 0) {
        EQ(c, ops(c)->write(p.w, "abc", 3, NOW), -EAGAIN);
        EQ(c, ops(c)->write(p.w, "abc", 3, hepta_in_ms(20)), -ETIMEDOUT);
        conf_set(c, 0, 1);
        EQ(c, ops(c)->write(p.w, "abc", 3, EVER), 3);
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    memset(room, 'x', 10);
    EQ(c, ops(c)->commit(p.w, 10), 0);
    conf_join(c, child);
    EQ(c, used(c, &p), 13);
    close_both(c, &p);
}

/* A holder is killed: its reservation is void, what it peeked stays, the others go on. */
static void holder_killed(struct conf *c)
{
    struct pipe_pair p;
    void *room;
    const void *next;

    make(c, &p);
    EQ(c, put(c, &p, 10, EVER), 10);
    pid_t child = conf_fork(c);
    if (child == 0) {
        EQ(c, ops(c)->peek(p.r, &next, EVER), 10);
        EQ(c, ops(c)->reserve(p.w, 100, &room, EVER), 0);
        memset(room, 'x', 100);
        conf_set(c, 0, 1);
        pause();
    }
    conf_await(c, 0, 1);
    conf_kill(c, child);
    EQ(c, put(c, &p, 10, hepta_in_ms(5000)), 10);
    EQ(c, get(c, &p, 100, hepta_in_ms(5000)), 20);
    close_both(c, &p);
}

const struct conf_case pipe_place_cases[] = {
    {"place.mixed_with_copying", mixed_with_copying, NEEDS_HEPTA, NULL, NULL, 0},
    {"place.given_up", given_up, NEEDS_HEPTA, NULL, NULL, 0},
    {"place.contiguous", contiguous, NEEDS_HEPTA, NULL, NULL, 0},
    {"place.waits_and_wakes", waits_and_wakes, NEEDS_HEPTA, NULL, NULL, 0},
    {"place.deadlines", deadlines, NEEDS_HEPTA, NULL, NULL, 0},
    {"place.packets", packets, NEEDS_HEPTA, NULL, NULL, 0},
    {"place.misuse", misuse, NEEDS_HEPTA, NULL, NULL, 0},
    {"place.others_wait", others_wait, NEEDS_HEPTA | NEEDS_MANY, NULL, NULL, 0},
    {"place.holder_killed", holder_killed, NEEDS_HEPTA | NEEDS_MANY, NULL, NULL, 0},
    {0},
};
