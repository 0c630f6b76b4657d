/* SPDX-License-Identifier: MIT */
/*
 * unix_cases_dgram.c - what only datagrams have: addresses, many peers, nobody there
 */
#define _GNU_SOURCE
#include "unix_room.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static ssize_t send_to(struct conf *c, struct usock *s, const char *at, const char *text,
                       int64_t deadline)
{
    struct iovec iov = {(char *)text, strlen(text)};
    struct hepta_sock_msg m = {.size = sizeof(m), .iov = &iov, .n_iov = 1};

    strcpy(m.address, at);
    return uops(c)->sendmsg(s, &m, deadline);
}

static void from_where(struct conf *c)
{
    const char *names[] = {path("a"), abstract("a")};
    struct usock *b = listener(c, path("b")), *a;
    struct hepta_sock_msg m = {0};
    char buf[10];

    for (int i = 0; i < 2; i++) {
        a = listener(c, names[i]);
        EQ(c, send_to(c, a, path("b"), "ask", EVER), 3);
        EQ(c, recv_into(c, b, &m, buf, 10, EVER), 3);
        OK(c, !strcmp(m.address, names[i]));
        EQ(c, send_to(c, b, m.address, "reply", EVER), 5);
        hear(c, a, "reply");
        shut(c, &a);
    }
    shut(c, &b);
}

static void from_nowhere(struct conf *c)
{
    const char *at = path("b");
    struct usock *b = listener(c, at);
    struct hepta_sock_msg m = {0};
    char buf[10];
    pid_t child = conf_fork(c);

    if (child == 0) {
        say(c, connector(c, at), "anon");
        conf_exit();
    }
    conf_join(c, child);
    EQ(c, recv_into(c, b, &m, buf, 10, EVER), 4);
    EQ(c, m.address[0], 0);
    shut(c, &b);
}

static void nobody_there(struct conf *c)
{
    struct usock *b = listener(c, path("b")), *a = connector(c, path("b"));

    EQ(c, send_to(c, a, path("none"), "x", EVER), -ENOENT);
    EQ(c, send_to(c, a, abstract("none"), "x", EVER), -ECONNREFUSED);
    make_file(c, path("file"));
    EQ(c, send_to(c, a, path("file"), "x", EVER), -ECONNREFUSED);
    say(c, a, "good");
    hear(c, b, "good");
    shut(c, &b);
    EQ(c, uops(c)->send(a, "x", 1, EVER), -ECONNREFUSED);
    shut(c, &a);
}

/* Who was connected to the old one isn't to the new one of the same name. */
static void replaced(struct conf *c)
{
    struct usock *b = listener(c, abstract("b")), *a = connector(c, abstract("b"));

    shut(c, &b);
    b = listener(c, abstract("b"));
    EQ(c, uops(c)->send(a, "x", 1, EVER), -ECONNREFUSED);
    EQ(c, send_to(c, a, abstract("b"), "by name", EVER), 7);
    hear(c, b, "by name");
    shut(c, &a);
    shut(c, &b);
}

static void no_peer(struct conf *c)
{
    struct usock *b = listener(c, abstract("b"));

    EQ(c, uops(c)->send(b, "x", 1, EVER), -ENOTCONN);
    EQ(c, uops(c)->shutdown(b, WR), 0);
    EQ(c, send_to(c, b, abstract("b"), "x", EVER), -EPIPE);
    shut(c, &b);
}

/* An address in a message goes before the one that is connected to. */
static void address_wins(struct conf *c)
{
    struct usock *b = listener(c, abstract("b")), *d = listener(c, abstract("d")),
                 *a = connector(c, abstract("b"));

    EQ(c, send_to(c, a, abstract("d"), "to d", EVER), 4);
    say(c, a, "to b");
    hear(c, d, "to d");
    hear(c, b, "to b");
    shut(c, &a);
    shut(c, &b);
    shut(c, &d);
}

/* Who is connected hears nobody else. */
static void only_its_peer(struct conf *c)
{
    struct two t;
    struct usock *x = listener(c, abstract("x"));

    meet(c, &t);
    EQ(c, send_to(c, x, t.to_a, "x", EVER), -EPERM);
    EQ(c, give(c, &t, t.b, 10, EVER), 10);
    EQ(c, take(c, &t, t.a, 10, EVER), 10);
    shut(c, &x);
    part(c, &t);
}

static void many_to_one(struct conf *c)
{
    enum { N = 5, EACH = 100 };
    struct usock *b = listener(c, abstract("b"));
    int next[N] = {0}, got[2];
    pid_t child[N];

    for (int i = 0; i < N; i++) {
        child[i] = conf_fork(c);
        if (child[i] == 0) {
            struct usock *a = connector(c, abstract("b"));

            for (int k = 0; k < EACH; k++)
                EQ(c, uops(c)->send(a, (int[]){i, k}, sizeof(got), EVER), sizeof(got));
            conf_exit();
        }
    }
    for (int n = 0; n < N * EACH; n++) { /* none is lost, each one's come in order */
        EQ(c, uops(c)->recv(b, got, sizeof(got), EVER), sizeof(got));
        OK(c, got[0] >= 0 && got[0] < N);
        EQ(c, got[1], next[got[0]]++);
    }
    for (int i = 0; i < N; i++)
        conf_join(c, child[i]);
    shut(c, &b);
}

/* A full queue is waited for; the receiver's end ends the wait. */
static void receiver_ends_wait(struct conf *c)
{
    struct two t;

    meet(c, &t);
    fill_up(c, &t, t.a, 10);
    pid_t child = conf_fork(c);
    if (child == 0) {
        shut(c, &t.b);
        conf_set(c, 0, 1);
        ssize_t n = give(c, &t, t.a, 10, EVER);
        OK(c, n == -ECONNREFUSED || n == -EPIPE);
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    shut(c, &t.b);
    conf_join(c, child);
    shut(c, &t.a);
}

static void no_end(struct conf *c)
{
    struct two t;

    meet(c, &t);
    shut(c, &t.a);
    EQ(c, take(c, &t, t.b, 10, NOW), -EAGAIN); /* others may send */
    EQ(c, take(c, &t, t.b, 10, hepta_in_ms(10)), -ETIMEDOUT);
    struct usock *x = connector(c, abstract("meet.b"));
    say(c, x, "other");
    hear(c, t.b, "other");
    shut(c, &x);
    shut(c, &t.b);
}

static void permission(struct conf *c)
{
    struct usock *b = listener(c, path("b"));

    EQ(c, chmod(path("b"), 0600), 0);
    pid_t child = conf_fork(c);
    if (child == 0) {
        struct usock *a = listener(c, abstract("a"));

        be_nobody(c);
        EQ(c, send_to(c, a, path("b"), "x", EVER), -EACCES);
        conf_set(c, 0, 1);
        conf_await(c, 1, 1);
        EQ(c, send_to(c, a, path("b"), "now", EVER), 3);
        conf_exit();
    }
    conf_await(c, 0, 1);
    EQ(c, chmod(path("b"), 0622), 0);
    conf_set(c, 1, 1);
    conf_join(c, child);
    hear(c, b, "now");
    shut(c, &b);
}

static void to_a_stream(struct conf *c)
{
    struct hepta_sock_options opt = options(c);
    struct usock *a = listener(c, abstract("a")), *l;

    opt.type = HEPTA_SOCK_STREAM;
    EQ(c, uops(c)->listen(&l, path("s"), &opt), 0);
    EQ(c, send_to(c, a, path("s"), "x", EVER), -EPROTOTYPE);
    shut(c, &l);
    shut(c, &a);
}

const struct conf_case unix_dgram_cases[] = {
    {"dgram.from_where", from_where, NEEDS_DGRAM, NULL, NULL, 0},
    {"dgram.from_nowhere", from_nowhere, NEEDS_DGRAM, NULL, NULL, 0},
    {"dgram.nobody_there", nobody_there, NEEDS_DGRAM, NULL, NULL, 0},
    {"dgram.replaced", replaced, NEEDS_DGRAM, NULL, NULL, 0},
    {"dgram.no_peer", no_peer, NEEDS_DGRAM, NULL, NULL, 0},
    {"dgram.address_wins", address_wins, NEEDS_DGRAM, NULL, NULL, 0},
    {"dgram.only_its_peer", only_its_peer, NEEDS_DGRAM, NULL, NULL, 0},
    {"dgram.many_to_one", many_to_one, NEEDS_DGRAM, NULL, NULL, 0},
    {"dgram.receiver_ends_wait", receiver_ends_wait, NEEDS_DGRAM, NULL, NULL, 0},
    {"dgram.no_end", no_end, NEEDS_DGRAM, NULL, NULL, 0},
    {"dgram.permission", permission, NEEDS_DGRAM, NULL, NULL, 0},
    {"dgram.to_a_stream", to_a_stream, NEEDS_DGRAM, NULL, NULL, 0},
    {0},
};
