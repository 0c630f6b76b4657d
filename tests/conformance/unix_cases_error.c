/* SPDX-License-Identifier: MIT */
/*
 * unix_cases_error.c - wrong arguments, wrong handles, no descriptors left
 */
#define _GNU_SOURCE
#include "unix_room.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void closed(struct conf *c)
{
    struct two t, u;
    struct hepta_sock_stat st;
    struct pollfd p;
    struct usock *s;
    char buf[4];

    meet(c, &t);
    u = t;
    part(c, &t);
    EQ(c, uops(c)->send(u.a, "abc", 3, NOW), -EBADF);
    EQ(c, uops(c)->recv(u.b, buf, 3, EVER), -EBADF);
    EQ(c, uops(c)->shutdown(u.a, WR), -EBADF);
    EQ(c, uops(c)->accept(u.b, &s, NOW), -EBADF);
    EQ(c, uops(c)->stat(u.a, &st), -EBADF);
    if (c->be->side == CONF_HEPTA)
        EQ(c, uops(c)->pollfd(u.a, POLLIN, &p), -EBADF);
}

static void null_buffer(struct conf *c)
{
    struct two t;

    meet(c, &t);
    EQ(c, uops(c)->send(t.a, NULL, 10, EVER), -EFAULT);
    EQ(c, give(c, &t, t.a, 10, EVER), 10);
    EQ(c, uops(c)->recv(t.b, NULL, 10, EVER), -EFAULT);
    part(c, &t);
}

/* A stream's bytes stay; a message is gone, for the kernel had taken it out. */
static void null_buffer_then(struct conf *c)
{
    struct two t;
    bool kept = uops(c)->type == HEPTA_SOCK_STREAM;

    meet(c, &t);
    EQ(c, give(c, &t, t.a, 10, EVER), 10);
    EQ(c, uops(c)->recv(t.b, NULL, 10, EVER), -EFAULT);
    EQ(c, take(c, &t, t.b, 10, NOW), kept ? 10 : DIFFERS(c, -EAGAIN, 10));
    (void)DIFFERS(c, -EAGAIN, 10);
    part(c, &t);
}

static void null_buffer_empty(struct conf *c)
{
    struct two t;

    meet(c, &t);
    EQ(c, uops(c)->recv(t.b, NULL, 10, NOW), DIFFERS(c, -EAGAIN, -EFAULT));
    part(c, &t);
}

/* The kernel takes what fits for the length; Hepta takes it for a mistake. */
static void too_long(struct conf *c)
{
    static char buf[16]; /* with enough addresses behind it, which a stack may lack */
    struct two t;

    meet(c, &t);
    if (uops(c)->type != HEPTA_SOCK_STREAM)
        EQ(c, uops(c)->send(t.a, buf, SIZE_MAX, NOW), DIFFERS(c, -EMSGSIZE, -EINVAL));
    EQ(c, give(c, &t, t.a, 10, EVER), 10);
    EQ(c, uops(c)->recv(t.b, buf, SIZE_MAX, NOW), DIFFERS(c, 10, -EINVAL));
    part(c, &t);
}

static void too_many_pieces(struct conf *c)
{
    static struct iovec iov[1025];
    struct hepta_sock_msg m = {.size = sizeof(m), .iov = iov, .n_iov = 1025};
    struct two t;
    char byte = 'x';

    for (int i = 0; i < 1025; i++)
        iov[i] = (struct iovec){&byte, 1};
    meet(c, &t);
    EQ(c, uops(c)->sendmsg(t.a, &m, EVER), -EMSGSIZE);
    m.n_iov = 1024;
    EQ(c, uops(c)->sendmsg(t.a, &m, EVER), 1024);
    m.n_iov = 1025;
    EQ(c, uops(c)->recvmsg(t.b, &m, EVER), -EMSGSIZE);
    part(c, &t);
}

static void null_piece(struct conf *c)
{
    struct iovec iov[2] = {{"abc", 3}, {NULL, 3}};
    struct hepta_sock_msg m = {.size = sizeof(m), .iov = iov, .n_iov = 2};
    struct two t;

    meet(c, &t);
    EQ(c, uops(c)->sendmsg(t.a, &m, EVER), -EFAULT);
    EQ(c, uops(c)->recv(t.b, &(char){0}, 1, NOW), -EAGAIN); /* nothing of it was sent */
    part(c, &t);
}

/* No piece at all: an empty message, or nothing in a stream. */
static void no_piece(struct conf *c)
{
    struct hepta_sock_msg m = {.size = sizeof(m)};
    struct two t;

    meet(c, &t);
    EQ(c, uops(c)->sendmsg(t.a, &m, EVER), 0);
    EQ(c, uops(c)->recv(t.b, &(char){0}, 1, NOW),
       uops(c)->type == HEPTA_SOCK_STREAM ? -EAGAIN : 0);
    part(c, &t);
}

/* A connection has its peer: the kernel takes an address for a mistake, but ignores it when
 * it is with a message. */
static void address_on_connection(struct conf *c)
{
    struct iovec iov = {"abc", 3};
    struct hepta_sock_msg m = {.size = sizeof(m), .iov = &iov, .n_iov = 1};
    struct two t;

    meet(c, &t);
    strcpy(m.address, abstract("elsewhere"));
    ssize_t of_message = (ssize_t)DIFFERS(c, 3, -EISCONN);
    EQ(c, uops(c)->sendmsg(t.a, &m, EVER),
       uops(c)->type == HEPTA_SOCK_STREAM ? -EISCONN : of_message);
    part(c, &t);
}

/* Leaves @n descriptors; the old limit. */
static struct rlimit limit_to(struct conf *c, int n)
{
    struct rlimit old, rl;
    int free_ones[64], next = 0;

    for (int i = 0; i <= n; i++)
        next = free_ones[i] = dup(0);
    for (int i = 0; i <= n; i++)
        close(free_ones[i]);
    EQ(c, getrlimit(RLIMIT_NOFILE, &old), 0);
    rl = old;
    rl.rlim_cur = (rlim_t)next;
    EQ(c, setrlimit(RLIMIT_NOFILE, &rl), 0);
    return old;
}

static void no_descriptors(struct conf *c)
{
    struct hepta_sock_options opt = options(c);
    struct usock *l = listener(c, abstract("s")), *s, *u;
    struct rlimit old = limit_to(c, 0);

    EQ(c, listen_at(c, &s, abstract("t")), -EMFILE);
    OK(c, s == NULL);
    EQ(c, connect_to(c, &s, abstract("s"), EVER), -EMFILE);
    OK(c, s == NULL);
    if (c->be->has & NEEDS_PAIR)
        EQ(c, uops(c)->pair(&s, &u, &opt), -EMFILE);
    EQ(c, setrlimit(RLIMIT_NOFILE, &old), 0);
    s = connector(c, abstract("s")); /* all is as before */
    shut(c, &s);
    shut(c, &l);
}

/* A pair that gets only a part of what it needs gives that back. */
static void few_descriptors(struct conf *c)
{
    struct hepta_sock_options opt = options(c);
    struct usock *a, *b;
    int n = 0, err, before = conf_n_fds();

    do {
        struct rlimit old = limit_to(c, n++);

        err = uops(c)->pair(&a, &b, &opt);
        EQ(c, setrlimit(RLIMIT_NOFILE, &old), 0);
        OK(c, err == 0 || err == -EMFILE);
        if (err < 0)
            EQ(c, conf_n_fds(), before);
    } while (err < 0 && n < 64);
    OK(c, err == 0 && n > 2);
    shut(c, &a);
    shut(c, &b);
}

/* What can't be accepted for want of a descriptor waits on. */
static void accept_without(struct conf *c)
{
    const char *at = abstract("s");
    struct usock *l = listener(c, at), *a = connector(c, at), *b;

    say(c, a, "patience");
    OK(c, can(c, l, POLLIN));
    struct rlimit old = limit_to(c, 0);
    int err = uops(c)->accept(l, &b, NOW);
    EQ(c, setrlimit(RLIMIT_NOFILE, &old), 0);
    EQ(c, err, -EMFILE);
    OK(c, b == NULL);
    EQ(c, uops(c)->accept(l, &b, EVER), 0);
    hear(c, b, "patience");
    shut(c, &a);
    shut(c, &b);
    shut(c, &l);
}

/* However few there are: the connection is accepted whole, or waits on whole. */
static void accept_with_few(struct conf *c)
{
    const char *at = abstract("s");
    struct usock *l = listener(c, at), *a, *b;
    int err = -EMFILE, before = conf_n_fds();

    for (int n = 0; err < 0 && n < 16; n++) {
        a = connector(c, at);
        say(c, a, "patience");
        struct rlimit old = limit_to(c, n);
        err = uops(c)->accept(l, &b, NOW);
        EQ(c, setrlimit(RLIMIT_NOFILE, &old), 0);
        OK(c, err == 0 || err == -EMFILE);
        if (err < 0)
            EQ(c, uops(c)->accept(l, &b, hepta_in_ms(LONG_MS)), 0);
        hear(c, b, "patience");
        shut(c, &a);
        shut(c, &b);
        EQ(c, conf_n_fds(), before);
    }
    EQ(c, err, 0);
    shut(c, &l);
}

/* Everything that was made is given back (the frame counts). */
static void no_leaks(struct conf *c)
{
    const char *at = path("s");
    int before = conf_n_fds();

    for (int i = 0; i < 30; i++) {
        struct usock *l = listener(c, at), *s;
        struct two t;

        EQ(c, listen_at(c, &s, at), -EADDRINUSE);
        s = connector(c, at);
        can(c, s, POLLOUT);
        shut(c, &s);
        shut(c, &l);
        unlink(at);
        EQ(c, connect_to(c, &s, at, EVER), -ENOENT);
        meet(c, &t);
        can(c, t.a, POLLIN);
        part(c, &t);
        EQ(c, conf_n_fds(), before);
    }
}

const struct conf_case unix_error_cases[] = {
    {"error.closed", closed, NEEDS_ANY, NULL, NULL, 0},
    {"error.null_buffer", null_buffer, NEEDS_ANY, NULL, NULL, 0},
    {"error.null_buffer_then", null_buffer_then, NEEDS_ANY, "unix-address-first", NULL, 0},
    {"error.null_buffer_empty", null_buffer_empty, NEEDS_ANY, "unix-address-first", NULL, 0},
    {"error.too_long", too_long, NEEDS_ANY, "unix-too-long", NULL, 0},
    {"error.too_many_pieces", too_many_pieces, NEEDS_ANY, NULL, NULL, 0},
    {"error.null_piece", null_piece, NEEDS_ANY, NULL, NULL, 0},
    {"error.no_piece", no_piece, NEEDS_ANY, NULL, NULL, 0},
    {"error.address_on_connection", address_on_connection, NEEDS_CONNECTION, "unix-isconn",
     NULL, 0},
    {"error.no_descriptors", no_descriptors, NEEDS_ANY, NULL, NULL, 0},
    {"error.few_descriptors", few_descriptors, NEEDS_PAIR, NULL, NULL, 0},
    {"error.accept_without", accept_without, NEEDS_CONNECTION, NULL, NULL, 0},
    {"error.accept_with_few", accept_with_few, NEEDS_CONNECTION, NULL, NULL, 0},
    {"error.no_leaks", no_leaks, NEEDS_ANY, NULL, NULL, 0},
    {0},
};
