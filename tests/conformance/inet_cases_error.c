/* SPDX-License-Identifier: MIT */
/*
 * inet_cases_error.c - wrong calls: what hepta/sock.h says about them, over a network
 */
#define _GNU_SOURCE
#include "inet_room.h"

#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

static void accept_on_connection(struct conf *c)
{
    struct net_pair p;
    struct hepta_sock *s = NULL;

    net_begin(c);
    net_pair(c, &p, "tcp:127.0.0.1:0", 0);
    EQ(c, net_ops(c)->accept(p.a, &s, NET_NOW), -EINVAL);
    net_unpair(c, &p);
}

static void recv_on_listener(struct conf *c)
{
    struct hepta_sock *l;
    char buf[4];

    net_begin(c);
    l = net_listen(c, "tcp:127.0.0.1:0", 0);
    EQ(c, net_ops(c)->recv(l, buf, sizeof(buf), NET_NOW), -ENOTCONN);
    net_close(c, l);
}

static void no_more_descriptors(struct conf *c)
{
    struct rlimit old, low;
    struct hepta_sock *l;
    struct net_pair p;

    net_begin(c);
    net_pair(c, &p, "tcp:127.0.0.1:0", 0);
    l = net_connect(c, net_local(c, p.l), 0);
    OK(c, getrlimit(RLIMIT_NOFILE, &old) == 0);
    low = old;
    low.rlim_cur = 0;
    OK(c, setrlimit(RLIMIT_NOFILE, &low) == 0);
    struct hepta_sock *s = NULL;
    int at = net_ops(c)->accept(p.l, &s, NET_NOW);
    int li = net_try_listen(c, "tcp:127.0.0.1:0", NULL);
    int co = net_try_connect(c, "udp:127.0.0.1:9", NULL, NET_NOW);
    OK(c, setrlimit(RLIMIT_NOFILE, &old) == 0);
    EQ(c, at, -EMFILE);
    EQ(c, li, -EMFILE);
    EQ(c, co, -EMFILE);
    EQ(c, net_ops(c)->accept(p.l, &s, hepta_in_ms(NET_LONG_MS)), 0); /* it waited */
    net_close(c, s);
    net_close(c, l);
    net_unpair(c, &p);
}

static void null_and_closed(struct conf *c)
{
    struct hepta_sock *s = NULL;
    struct hepta_sock_stat st;
    struct pollfd p;
    char buf[4];

    net_begin(c);
    EQ(c, hepta_sock_listen(NULL, "tcp:127.0.0.1:0", NULL), -EFAULT);
    EQ(c, hepta_sock_listen(&s, NULL, NULL), -EFAULT);
    EQ(c, hepta_sock_connect(&s, NULL, NULL, NET_NOW), -EFAULT);
    EQ(c, hepta_sock_send(NULL, buf, 1, NET_NOW), -EINVAL);
    EQ(c, hepta_sock_recv(NULL, buf, 1, NET_NOW), -EINVAL);
    EQ(c, hepta_sock_accept(NULL, &s, NET_NOW), -EINVAL);
    EQ(c, hepta_sock_shutdown(NULL, HEPTA_SOCK_RD), -EINVAL);
    EQ(c, hepta_sock_pollfd(NULL, POLLIN, &p), -EINVAL);
    EQ(c, hepta_sock_stat(NULL, &st, sizeof(st)), -EINVAL);
    OK(c, !hepta_sock_close(NULL));
}

static void wrong_arguments(struct conf *c)
{
    struct net_pair p;
    struct hepta_sock_stat st;
    struct pollfd f;
    struct hepta_sock_msg msg = {.size = 0};

    net_begin(c);
    net_pair(c, &p, "tcp:127.0.0.1:0", 0);
    EQ(c, hepta_sock_send(p.a, NULL, 1, NET_NOW), -EFAULT);
    EQ(c, hepta_sock_recv(p.a, NULL, 1, NET_NOW), -EFAULT);
    EQ(c, hepta_sock_send(p.a, &st, SIZE_MAX, NET_NOW), -EINVAL);
    EQ(c, hepta_sock_recv(p.a, &st, SIZE_MAX, NET_NOW), -EINVAL);
    EQ(c, hepta_sock_accept(p.l, NULL, NET_NOW), -EFAULT);
    EQ(c, hepta_sock_shutdown(p.a, 4), -EINVAL);
    EQ(c, hepta_sock_pollfd(p.a, POLLIN, NULL), -EFAULT);
    EQ(c, hepta_sock_pollfd(p.a, POLLPRI, &f), -EINVAL);
    EQ(c, hepta_sock_stat(p.a, NULL, sizeof(st)), -EFAULT);
    EQ(c, hepta_sock_stat(p.a, &st, 0), -EINVAL);
    EQ(c, hepta_sock_sendmsg(p.a, &msg, NET_NOW), -EINVAL);
    EQ(c, hepta_sock_recvmsg(p.a, &msg, NET_NOW), -EINVAL);
    net_unpair(c, &p);
}

static void fds_over_a_network(struct conf *c)
{
    struct net_pair p;
    char byte = 0;
    int fd = 0;
    struct iovec iov = {&byte, 1};
    struct hepta_sock_msg msg = {
        .size = sizeof(msg), .iov = &iov, .n_iov = 1, .fds = &fd, .n_fds = 1,
    };

    net_begin(c);
    net_pair(c, &p, "tcp:127.0.0.1:0", 0);
    EQ(c, hepta_sock_sendmsg(p.a, &msg, NET_NOW), -EINVAL);
    EQ(c, net_get(c, p.b, 0, 1, NET_NOW), -EAGAIN);
    net_unpair(c, &p);
}

static void no_zero_copy(struct conf *c)
{
    struct net_pair p;
    void *room;
    const void *seen;

    net_begin(c);
    net_pair(c, &p, "tcp:127.0.0.1:0", 0);
    EQ(c, hepta_sock_reserve(p.a, 1, &room, NET_NOW), -EOPNOTSUPP);
    EQ(c, hepta_sock_commit(p.a, 1), -EOPNOTSUPP);
    EQ(c, hepta_sock_peek(p.a, &seen, NET_NOW), -EOPNOTSUPP);
    EQ(c, hepta_sock_release(p.a, 1), -EOPNOTSUPP);
    net_unpair(c, &p);
}

static void null_after_failure(struct conf *c)
{
    struct hepta_sock *s = (struct hepta_sock *)&s;

    net_begin(c);
    EQ(c, hepta_sock_connect(&s, "tcp:127.0.0.1:7000", NULL, NET_EVER), -ECONNREFUSED);
    OK(c, !s);
    s = (struct hepta_sock *)&s;
    EQ(c, hepta_sock_listen(&s, "tcp:192.0.2.1:0", NULL), -EADDRNOTAVAIL);
    OK(c, !s);
}

static void options_size(struct conf *c)
{
    struct hepta_sock_options opt = {0};
    struct {
        struct hepta_sock_options opt;
        char more[16];
    } newer = {.opt = {.size = sizeof(newer)}};

    net_begin(c);
    EQ(c, net_try_listen(c, "tcp:127.0.0.1:0", &opt), -EINVAL);
    EQ(c, net_try_listen(c, "tcp:127.0.0.1:0", &newer.opt), 0); /* nothing new is asked for */
    newer.more[0] = 1;
    EQ(c, net_try_listen(c, "tcp:127.0.0.1:0", &newer.opt), -E2BIG);
}

static void in_range(struct conf *c)
{
    static const struct hepta_sock_options bad[] = {
        {.size = sizeof(bad[0]), .wait = 17}, {.size = sizeof(bad[0]), .mode = 01000},
        {.size = sizeof(bad[0]), .capacity = HEPTA_SOCK_CAPACITY_MAX + 1},
        {.size = sizeof(bad[0]), .handshake_ms = 60001},
    };

    net_begin(c);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        EQ(c, net_try_listen(c, "tcp:127.0.0.1:0", &bad[i]), -EINVAL);
}

const struct conf_case net_error_cases[] = {
    NET_CASE(error, accept_on_connection),
    NET_CASE(error, recv_on_listener),
    NET_CASE(error, no_more_descriptors),
    NET_HEPTA_CASE(error, null_and_closed),
    NET_HEPTA_CASE(error, wrong_arguments),
    NET_HEPTA_CASE(error, fds_over_a_network),
    NET_HEPTA_CASE(error, no_zero_copy),
    NET_HEPTA_CASE(error, null_after_failure),
    NET_HEPTA_CASE(error, options_size),
    NET_HEPTA_CASE(error, in_range),
    {0},
};
