/* SPDX-License-Identifier: MIT */
/*
 * unix_cases_stat.c - what can be seen of a socket: getsockopt(2), SIOCINQ, getpeername(2)
 */
#define _GNU_SOURCE
#include "unix_room.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static struct hepta_sock_stat see(struct conf *c, struct usock *s)
{
    struct hepta_sock_stat st;

    EQ(c, uops(c)->stat(s, &st), 0);
    return st;
}

static void what_it_is(struct conf *c)
{
    const char *at = abstract("s");
    struct usock *l = listener(c, at), *a = connector(c, at), *b = accepted(c, l);
    struct usock *all[] = {l, a, b};

    for (int i = 0; i < 3; i++) {
        struct hepta_sock_stat st = see(c, all[i]);

        EQ(c, st.type, uops(c)->type);
        EQ(c, st.listening, i == 0);
        EQ(c, st.memory, uops(c)->memory);
        EQ(c, st.peer_gone, 0);
    }
    for (int i = 0; i < 3; i++)
        shut(c, &all[i]);
}

static void to_read(struct conf *c)
{
    struct two t;

    meet(c, &t);
    EQ(c, see(c, t.b).to_read, 0);
    EQ(c, give(c, &t, t.a, 100, EVER), 100);
    EQ(c, give(c, &t, t.a, 50, EVER), 50);
    EQ(c, see(c, t.b).to_read, 150);
    EQ(c, see(c, t.a).to_read, 0);
    EQ(c, take(c, &t, t.b, 30, EVER), 30);
    EQ(c, see(c, t.b).to_read, 120);
    take_all(c, &t, t.b, 120);
    EQ(c, see(c, t.b).to_read, 0);
    part(c, &t);
}

/* In memory the heads and paddings of messages count. */
static void to_read_messages(struct conf *c)
{
    struct two t;

    meet(c, &t);
    EQ(c, give(c, &t, t.a, 100, EVER), 100);
    EQ(c, give(c, &t, t.a, 50, EVER), 50);
    EQ(c, see(c, t.b).to_read, MEMORY_DIFFERS(c, 150, 8 + 104 + 8 + 56));
    EQ(c, take(c, &t, t.b, 100, EVER), 100);
    EQ(c, take(c, &t, t.b, 50, EVER), 50);
    EQ(c, see(c, t.b).to_read, 0);
    part(c, &t);
}

/* The kernel counts what its buffers take, overhead and all. */
static void to_send(struct conf *c)
{
    struct two t;
    size_t n = 0;

    meet(c, &t);
    EQ(c, see(c, t.a).to_send, 0);
    EQ(c, give(c, &t, t.a, 100, EVER), 100);
    n = see(c, t.a).to_send;
    OK(c, n >= 100);
    EQ(c, n > 200, MEMORY_DIFFERS(c, 1, 0));
    EQ(c, see(c, t.b).to_send, 0);
    EQ(c, take(c, &t, t.b, 100, EVER), 100);
    EQ(c, see(c, t.a).to_send, 0);
    part(c, &t);
}

static void peer_gone(struct conf *c)
{
    struct two t;

    meet(c, &t);
    OK(c, !see(c, t.a).peer_gone && !see(c, t.b).peer_gone);
    EQ(c, give(c, &t, t.a, 10, EVER), 10);
    shut(c, &t.a);
    OK(c, see(c, t.b).peer_gone); /* also with something to read */
    EQ(c, take(c, &t, t.b, 10, EVER), 10);
    OK(c, see(c, t.b).peer_gone);
    shut(c, &t.b);
}

static void killed_peer_gone(struct conf *c)
{
    struct two t;

    meet(c, &t);
    pid_t child = conf_fork(c);
    if (child == 0) {
        shut(c, &t.b);
        conf_set(c, 0, 1);
        pause();
    }
    shut(c, &t.a);
    conf_await(c, 0, 1);
    OK(c, !see(c, t.b).peer_gone);
    conf_kill(c, child);
    OK(c, see(c, t.b).peer_gone);
    shut(c, &t.b);
}

/* SO_SNDBUF takes effect: twice the value, less 32, is the largest message in the kernel. */
static void capacity(struct conf *c)
{
    struct hepta_sock_options opt = options(c);
    const char *at = abstract("s");
    struct usock *l = listener(c, at);
    struct two t = {0};

    opt.capacity = 8192;
    EQ(c, uops(c)->connect(&t.a, at, &opt, EVER), 0);
    t.b = accepted(c, l);
    EQ(c, see(c, t.a).capacity, MEMORY_DIFFERS(c, 16384, 8192));
    if (uops(c)->type == HEPTA_SOCK_SEQPACKET) {
        size_t max = (size_t)MEMORY_DIFFERS(c, 16384 - 32, 8192 - 16);

        EQ(c, give(c, &t, t.a, max, NOW), max);
        EQ(c, give(c, &t, t.a, max + 1, NOW), -EMSGSIZE);
    } else {
        OK(c, fill_up(c, &t, t.a, 512) <= 16384);
    }
    part(c, &t);
    shut(c, &l);
}

const struct conf_case unix_stat_cases[] = {
    {"stat.what_it_is", what_it_is, NEEDS_CONNECTION, NULL, NULL, 0},
    {"stat.to_read", to_read, NEEDS_STREAM, NULL, NULL, 0},
    {"stat.to_read_messages", to_read_messages, NEEDS_SEQPACKET, "unix-capacity", NULL, 0},
    {"stat.to_send", to_send, NEEDS_CONNECTION, "unix-capacity", NULL, 0},
    {"stat.peer_gone", peer_gone, NEEDS_CONNECTION, NULL, NULL, 0},
    {"stat.killed_peer_gone", killed_peer_gone, NEEDS_CONNECTION, NULL, NULL, 0},
    {"stat.capacity", capacity, NEEDS_CONNECTION, "unix-capacity", NULL, 0},
    {0},
};
