/* SPDX-License-Identifier: MIT */
/*
 * unix_cases_place.c - zero copy, which the kernel has as MSG_PEEK only
 *
 * Held against what the copying verbs do, on the same connection.
 */
#define _GNU_SOURCE
#include "unix_fds.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static struct hepta_sock *of(struct usock *s)
{
    return (struct hepta_sock *)s;
}

static void peek_takes_nothing(struct conf *c)
{
    struct two t;
    const void *p, *q;

    meet(c, &t);
    EQ(c, hepta_sock_peek(of(t.b), &p, NOW), -EAGAIN);
    say(c, t.a, "look at me");
    for (int i = 0; i < 3; i++) {
        EQ(c, hepta_sock_peek(of(t.b), &p, EVER), 10);
        OK(c, !memcmp(p, "look at me", 10));
        EQ(c, hepta_sock_release(of(t.b), 0), 0);
    }
    hear(c, t.b, "look at me");
    EQ(c, hepta_sock_peek(of(t.b), &q, NOW), -EAGAIN);
    part(c, &t);
}

static void release_takes(struct conf *c)
{
    struct two t;
    const void *p;

    meet(c, &t);
    say(c, t.a, "one");
    say(c, t.a, "two");
    if (uops(c)->type == HEPTA_SOCK_STREAM) {
        EQ(c, hepta_sock_peek(of(t.b), &p, EVER), 6);
        EQ(c, hepta_sock_release(of(t.b), 4), 0);
        hear(c, t.b, "wo");
    } else {
        EQ(c, hepta_sock_peek(of(t.b), &p, EVER), 3);
        EQ(c, hepta_sock_release(of(t.b), 3), 0);
        hear(c, t.b, "two");
    }
    part(c, &t);
}

static void reserve_sends(struct conf *c)
{
    struct two t;
    void *p;

    meet(c, &t);
    EQ(c, hepta_sock_reserve(of(t.a), 100, &p, EVER), 0);
    memcpy(p, "built in place", 14);
    EQ(c, uops(c)->recv(t.b, &(char){0}, 1, NOW), -EAGAIN); /* not before the commit */
    EQ(c, hepta_sock_commit(of(t.a), 14), 0);
    say(c, t.b, "answer");
    hear(c, t.b, "built in place");
    hear(c, t.a, "answer");
    part(c, &t);
}

static void at_the_end(struct conf *c)
{
    struct two t;
    const void *p;
    void *q;

    meet(c, &t);
    say(c, t.a, "rest");
    shut(c, &t.a);
    EQ(c, hepta_sock_peek(of(t.b), &p, EVER), 4);
    EQ(c, hepta_sock_release(of(t.b), 4), 0);
    EQ(c, hepta_sock_peek(of(t.b), &p, EVER), 0);
    EQ(c, hepta_sock_reserve(of(t.b), 10, &q, EVER), -EPIPE);
    shut(c, &t.b);
}

/* What was peeked at keeps its descriptors for recvmsg(); any other release closes them. */
static void descriptors(struct conf *c)
{
    struct two t;
    uint32_t n, flags;
    const void *p;
    int fd = number_fd(c, 8), got;

    meet(c, &t);
    EQ(c, give_fds(c, &t, 4, &fd, 1, EVER), 4);
    EQ(c, give_fds(c, &t, 4, &fd, 1, EVER), 4);
    close(fd);
    EQ(c, hepta_sock_peek(of(t.b), &p, EVER), 4);
    EQ(c, hepta_sock_release(of(t.b), 0), 0);
    EQ(c, take_fds(c, &t, 4, &got, 1, &n, &flags), 4);
    EQ(c, n, 1);
    EQ(c, number_of(c, got), 8);
    EQ(c, hepta_sock_peek(of(t.b), &p, EVER), 4);
    EQ(c, hepta_sock_release(of(t.b), 4), 0);
    t.n_taken[0] += 4;
    EQ(c, give(c, &t, t.a, 5, EVER), 5);
    EQ(c, take_fds(c, &t, 10, &got, 1, &n, &flags), 5);
    EQ(c, n, 0);
    part(c, &t);
}

static void kernels_cant(struct conf *c)
{
    struct two t;
    const void *p;
    void *q;

    meet(c, &t);
    say(c, t.a, "there");
    EQ(c, hepta_sock_peek(of(t.b), &p, NOW), -EOPNOTSUPP);
    EQ(c, hepta_sock_release(of(t.b), 0), -EOPNOTSUPP);
    EQ(c, hepta_sock_reserve(of(t.a), 10, &q, NOW), -EOPNOTSUPP);
    EQ(c, hepta_sock_commit(of(t.a), 0), -EOPNOTSUPP);
    hear(c, t.b, "there");
    part(c, &t);
}

const struct conf_case unix_place_cases[] = {
    {"place.peek_takes_nothing", peek_takes_nothing, NEEDS_MEMORY, NULL, NULL, 0},
    {"place.release_takes", release_takes, NEEDS_MEMORY, NULL, NULL, 0},
    {"place.reserve_sends", reserve_sends, NEEDS_MEMORY, NULL, NULL, 0},
    {"place.at_the_end", at_the_end, NEEDS_MEMORY, NULL, NULL, 0},
    {"place.descriptors", descriptors, NEEDS_MEMORY, NULL, NULL, 0},
    {"place.kernels_cant", kernels_cant, NEEDS_HEPTA | NEEDS_KERNEL, NULL, NULL, 0},
    {0},
};
