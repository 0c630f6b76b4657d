/* SPDX-License-Identifier: MIT */
/*
 * pipe_cases_packet.c - packet mode, O_DIRECT in pipe(2): one read returns one write
 */
#define _GNU_SOURCE
#include "pipe_room.h"

#include <errno.h>

static void one_each(struct conf *c)
{
    struct pipe_pair p;

    make_as(c, &p, WANT_PACKET, 0);
    EQ(c, put(c, &p, 10, EVER), 10);
    EQ(c, put(c, &p, 1, EVER), 1);
    EQ(c, put(c, &p, ATOMIC, EVER), ATOMIC);
    EQ(c, get(c, &p, MAX_PUT, EVER), 10);
    EQ(c, get(c, &p, MAX_PUT, EVER), 1);
    EQ(c, get(c, &p, ATOMIC, EVER), ATOMIC); /* PIPE_BUF bytes are enough for any packet */
    EQ(c, get(c, &p, MAX_PUT, NOW), -EAGAIN);
    close_both(c, &p);
}

static void many_rounds(struct conf *c)
{
    struct pipe_pair p;

    make_as(c, &p, WANT_PACKET, 0);
    for (size_t i = 1; i < 3000; i++) {
        EQ(c, put(c, &p, i, EVER), i);
        EQ(c, put(c, &p, 3000 - i, EVER), 3000 - i);
        EQ(c, get(c, &p, ATOMIC, EVER), i);
        EQ(c, get(c, &p, ATOMIC, EVER), 3000 - i);
    }
    close_both(c, &p);
}

static void split(struct conf *c)
{
    struct pipe_pair p;

    make_as(c, &p, WANT_PACKET, 0);
    EQ(c, put(c, &p, 10000, EVER), 10000);
    EQ(c, get(c, &p, MAX_PUT, EVER), ATOMIC);
    EQ(c, get(c, &p, MAX_PUT, EVER), ATOMIC);
    EQ(c, get(c, &p, MAX_PUT, EVER), 10000 - 2 * ATOMIC);
    EQ(c, get(c, &p, MAX_PUT, NOW), -EAGAIN);
    close_both(c, &p);
}

static void rest_is_discarded(struct conf *c)
{
    struct pipe_pair p;

    make_as(c, &p, WANT_PACKET, 0);
    for (int i = 0; i < 3; i++)
        EQ(c, put(c, &p, 100, EVER), 100);
    for (int i = 0; i < 3; i++) {
        EQ(c, get(c, &p, 30, EVER), 30);
        p.n_got += 70;
    }
    EQ(c, get(c, &p, 30, NOW), -EAGAIN);
    close_both(c, &p);
}

static void no_zero_length(struct conf *c)
{
    struct pipe_pair p;

    make_as(c, &p, WANT_PACKET, 0);
    EQ(c, put(c, &p, 0, EVER), 0);
    EQ(c, get(c, &p, 10, NOW), -EAGAIN);
    EQ(c, put(c, &p, 5, EVER), 5);
    EQ(c, put(c, &p, 0, EVER), 0);
    EQ(c, put(c, &p, 6, EVER), 6);
    EQ(c, get(c, &p, 0, EVER), 0); /* no packet is taken or cut */
    EQ(c, get(c, &p, 10, EVER), 5);
    EQ(c, get(c, &p, 10, EVER), 6);
    close_both(c, &p);
}

static void end_of_file(struct conf *c)
{
    struct pipe_pair p;

    make_as(c, &p, WANT_PACKET, 0);
    EQ(c, put(c, &p, 5, EVER), 5);
    EQ(c, put(c, &p, 6, EVER), 6);
    close_w(c, &p);
    EQ(c, get(c, &p, 10, EVER), 5);
    EQ(c, get(c, &p, 10, EVER), 6);
    EQ(c, get(c, &p, 10, EVER), 0);
    close_r(c, &p);
}

static void waits(struct conf *c)
{
    struct pipe_pair p;

    make_as(c, &p, WANT_PACKET, 0);
    pid_t child = conf_fork(c);
    if (child == 0) {
        close_w(c, &p);
        EQ(c, get_after(c, &p, 100, 0), 7);
        for (ssize_t n = 1; n > 0;)
            n = get(c, &p, ATOMIC, EVER);
        EQ(c, p.n_got, 7 + 500000);
        conf_exit();
    }
    close_r(c, &p);
    conf_asleep_after(c, child, 0);
    EQ(c, put(c, &p, 7, EVER), 7);
    EQ(c, put(c, &p, 500000, EVER), 500000);
    close_w(c, &p);
    conf_join(c, child);
}

static void poll_level(struct conf *c)
{
    struct pipe_pair p;

    make_as(c, &p, WANT_PACKET, 0);
    OK(c, !r_ready(c, &p) && w_ready(c, &p));
    EQ(c, put(c, &p, 5, EVER), 5);
    EQ(c, put(c, &p, 5, EVER), 5);
    OK(c, r_ready(c, &p));
    EQ(c, get(c, &p, 10, EVER), 5);
    OK(c, r_ready(c, &p));
    EQ(c, get(c, &p, 1, EVER), 1);
    p.n_got += 4;
    OK(c, !r_ready(c, &p)); /* the rest is gone, nothing is left to read */
    while (w_ready(c, &p))
        EQ(c, put(c, &p, ATOMIC, NOW), ATOMIC);
    EQ(c, put(c, &p, ATOMIC, NOW), -EAGAIN);
    EQ(c, get(c, &p, ATOMIC, EVER), ATOMIC);
    OK(c, w_ready(c, &p));
    EQ(c, put(c, &p, ATOMIC, NOW), ATOMIC);
    close_both(c, &p);
}

/* The kernel has as many packets as pages; Hepta counts bytes, 8 and padding for each. */
static void how_many_fit(struct conf *c)
{
    struct pipe_pair p;
    int small = 0, large = 0;

    make_as(c, &p, WANT_PACKET, 0);
    while (put(c, &p, 1, NOW) == 1)
        small++;
    EQ(c, small, DIFFERS(c, CAPACITY / ATOMIC, CAPACITY / 16));
    for (int i = 0; i < small; i++)
        EQ(c, get(c, &p, 10, EVER), 1);
    while (put(c, &p, ATOMIC, NOW) == ATOMIC)
        large++;
    EQ(c, large, DIFFERS(c, CAPACITY / ATOMIC, CAPACITY / (ATOMIC + 8)));
    close_both(c, &p);
}

static void now_partial(struct conf *c)
{
    struct pipe_pair p;

    make_as(c, &p, WANT_PACKET, 4 * ATOMIC);
    EQ(c, put(c, &p, 100000, NOW), DIFFERS(c, 4 * ATOMIC, 3 * ATOMIC));
    EQ(c, put(c, &p, ATOMIC, NOW), -EAGAIN);
    EQ(c, get(c, &p, ATOMIC, EVER), ATOMIC);
    EQ(c, put(c, &p, 100000, NOW), ATOMIC);
    close_both(c, &p);
}

static void used_bytes(struct conf *c)
{
    struct pipe_pair p;

    make_as(c, &p, WANT_PACKET, 0);
    EQ(c, put(c, &p, 10, EVER), 10);
    EQ(c, used(c, &p), DIFFERS(c, 10, 8 + 16));
    EQ(c, get(c, &p, 1, EVER), 1);
    EQ(c, used(c, &p), 0);
    close_both(c, &p);
}

/* One page is a whole packet to the kernel; Hepta's head needs room, so it takes two. */
static void smallest(struct conf *c)
{
    struct pipe_pair p;
    struct pipe_seen seen;

    make_as(c, &p, WANT_PACKET, 1);
    EQ(c, ops(c)->see(p.r, &seen), 0);
    EQ(c, seen.capacity, DIFFERS(c, ATOMIC, 2 * ATOMIC));
    EQ(c, put(c, &p, ATOMIC, NOW), ATOMIC);
    EQ(c, put(c, &p, ATOMIC, NOW), -EAGAIN);
    EQ(c, get(c, &p, ATOMIC, NOW), ATOMIC);
    close_both(c, &p);
}

const struct conf_case pipe_packet_cases[] = {
    {"packet.one_each", one_each, NEEDS_NOTHING, NULL, NULL, 0},
    {"packet.many_rounds", many_rounds, NEEDS_NOTHING, NULL, NULL, 0},
    {"packet.split", split, NEEDS_NOTHING, NULL, NULL, 0},
    {"packet.rest_is_discarded", rest_is_discarded, NEEDS_NOTHING, NULL, NULL, 0},
    {"packet.no_zero_length", no_zero_length, NEEDS_NOTHING, NULL, NULL, 0},
    {"packet.end_of_file", end_of_file, NEEDS_NOTHING, NULL, NULL, 0},
    {"packet.waits", waits, NEEDS_NOTHING, NULL, NULL, 0},
    {"packet.poll_level", poll_level, NEEDS_NOTHING, NULL, NULL, 0},
    {"packet.how_many_fit", how_many_fit, NEEDS_NOTHING, "packet-heads", NULL, 0},
    {"packet.now_partial", now_partial, NEEDS_NOTHING, "packet-heads", NULL, 0},
    {"packet.used_bytes", used_bytes, NEEDS_NOTHING, "packet-heads", NULL, 0},
    {"packet.smallest", smallest, NEEDS_NOTHING, "packet-heads", NULL, 0},
    {0},
};
