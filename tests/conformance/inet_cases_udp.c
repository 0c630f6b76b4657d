/* SPDX-License-Identifier: MIT */
/*
 * inet_cases_udp.c - datagrams: whole or not at all, from whom, how long, and nobody there
 */
#define _GNU_SOURCE
#include "inet_room.h"

#include <errno.h>
#include <string.h>

#define MAX_V4 65507 /* 65535 less an IP header of 20 and a UDP header of 8 */
#define MAX_V6 65527 /* 65535 less a UDP header: the IPv6 header doesn't count */

static const char *const v4_and_v6[] = {"udp:127.0.0.1:0", "udp:[::1]:0"};

static void udp_pair(struct conf *c, const char *at, struct hepta_sock **r, struct hepta_sock **w)
{
    *r = net_listen(c, at, 0);
    *w = net_connect(c, net_local(c, *r), 0);
}

static void close_two(struct conf *c, struct hepta_sock *r, struct hepta_sock *w)
{
    net_close(c, r);
    net_close(c, w);
}

static ssize_t get_soon(struct conf *c, struct hepta_sock *s, uint64_t pos, size_t len)
{
    return net_get(c, s, pos, len, hepta_in_ms(NET_LONG_MS));
}

static void boundaries(struct conf *c)
{
    static const size_t sizes[] = {1, 2, 999, 0, 1472, 1473, 8192, 20000};
    struct hepta_sock *r, *w;
    uint64_t pos;

    net_begin(c);
    for (int i = 0; i < 2; i++) {
        udp_pair(c, v4_and_v6[i], &r, &w);
        pos = 0;
        for (int k = 0; k < 8; pos += sizes[k++])
            EQ(c, net_put(c, w, pos, sizes[k], NET_EVER), sizes[k]);
        pos = 0;
        for (int k = 0; k < 8; pos += sizes[k++])
            EQ(c, get_soon(c, r, pos, 65536), sizes[k]);
        EQ(c, net_get(c, r, 0, 10, NET_NOW), -EAGAIN);
        close_two(c, r, w);
    }
}

static void empty(struct conf *c)
{
    struct hepta_sock *r, *w;
    char buf[4];
    struct iovec iov = {buf, sizeof(buf)};
    struct hepta_sock_msg msg = {.size = sizeof(msg), .iov = &iov, .n_iov = 1};

    net_begin(c);
    udp_pair(c, "udp:127.0.0.1:0", &r, &w);
    EQ(c, net_put(c, w, 0, 0, NET_EVER), 0);
    EQ(c, net_ops(c)->recvmsg(r, &msg, hepta_in_ms(NET_LONG_MS)), 0);
    EQ(c, msg.flags, 0); /* not an end */
    EQ(c, msg.full_len, 0);
    OK(c, !strcmp(msg.address, net_local(c, w)));
    close_two(c, r, w);
}

static void truncated(struct conf *c)
{
    struct hepta_sock *r, *w;
    char buf[100];
    struct iovec iov[2] = {{buf, 30}, {buf + 30, 20}};

    net_begin(c);
    for (int i = 0; i < 2; i++) {
        struct hepta_sock_msg msg = {.size = sizeof(msg), .iov = iov, .n_iov = 2};

        udp_pair(c, v4_and_v6[i], &r, &w);
        EQ(c, net_put(c, w, 0, 1000, NET_EVER), 1000);
        EQ(c, net_put(c, w, 7, 50, NET_EVER), 50);
        EQ(c, net_put(c, w, 0, 1000, NET_EVER), 1000);
        EQ(c, net_put(c, w, 3, 10, NET_EVER), 10);
        EQ(c, net_ops(c)->recvmsg(r, &msg, hepta_in_ms(NET_LONG_MS)), 50);
        EQ(c, msg.flags, HEPTA_SOCK_MSG_TRUNC);
        EQ(c, msg.full_len, 1000);
        EQ(c, net_ops(c)->recvmsg(r, &msg, hepta_in_ms(NET_LONG_MS)), 50); /* fits exactly */
        EQ(c, msg.flags, 0);
        EQ(c, msg.full_len, 50);
        EQ(c, get_soon(c, r, 0, 100), 100); /* the rest is lost */
        EQ(c, get_soon(c, r, 3, 100), 10);
        close_two(c, r, w);
    }
}

static void no_room_at_all(struct conf *c)
{
    struct hepta_sock *r, *w;
    struct hepta_sock_msg msg = {.size = sizeof(msg)};

    net_begin(c);
    udp_pair(c, "udp:127.0.0.1:0", &r, &w);
    EQ(c, net_put(c, w, 0, 10, NET_EVER), 10);
    EQ(c, net_put(c, w, 0, 20, NET_EVER), 20);
    EQ(c, net_ops(c)->recvmsg(r, &msg, hepta_in_ms(NET_LONG_MS)), 0);
    EQ(c, msg.flags, HEPTA_SOCK_MSG_TRUNC);
    EQ(c, msg.full_len, 10);
    EQ(c, get_soon(c, r, 0, 0), 0);
    EQ(c, net_get(c, r, 0, 10, NET_NOW), -EAGAIN); /* both are taken */
    close_two(c, r, w);
}

static void size_limit(struct conf *c)
{
    static const size_t max[] = {MAX_V4, MAX_V6};
    struct hepta_sock *r, *w;

    net_begin(c);
    for (int i = 0; i < 2; i++) {
        udp_pair(c, v4_and_v6[i], &r, &w);
        EQ(c, net_put(c, w, 0, max[i], NET_EVER), max[i]);
        EQ(c, get_soon(c, r, 0, 100000), max[i]);
        EQ(c, net_put(c, w, 0, max[i] + 1, NET_EVER), -EMSGSIZE);
        EQ(c, net_put(c, w, 0, NET_MAX_PUT, NET_NOW), -EMSGSIZE);
        EQ(c, net_get(c, r, 0, 10, NET_NOW), -EAGAIN); /* nothing of it went */
        EQ(c, net_put(c, w, 9, 5, NET_EVER), 5);
        EQ(c, get_soon(c, r, 9, 10), 5);
        close_two(c, r, w);
    }
}

/* The ICMP message that nobody listens comes back to a connected socket, told once. */
static void refused(struct conf *c)
{
    static const char *const at[] = {"udp:127.0.0.1:7000", "udp:[::1]:7000"};

    net_begin(c);
    for (int i = 0; i < 2; i++) {
        struct hepta_sock *w = net_connect(c, at[i], 0);

        EQ(c, net_put(c, w, 0, 10, NET_EVER), 10);
        EQ(c, get_soon(c, w, 0, 10), -ECONNREFUSED);
        EQ(c, net_get(c, w, 0, 10, NET_NOW), -EAGAIN);
        EQ(c, net_put(c, w, 0, 10, NET_EVER), 10);
        EQ(c, net_put(c, w, 0, 10, NET_EVER), -ECONNREFUSED);
        OK(c, net_put(c, w, 0, 10, NET_EVER) == 10); /* it can be tried again */
        net_close(c, w);
    }
}

/* It may be for any of those it sent to: an unconnected one hears nothing. */
static void refused_unconnected(struct conf *c)
{
    struct hepta_sock *w;

    net_begin(c);
    w = net_listen(c, "udp:127.0.0.1:0", 0);
    EQ(c, net_send_to(c, w, "udp:127.0.0.1:7000", "x", 1), 1);
    EQ(c, net_get(c, w, 0, 10, hepta_in_ms(NET_SHORT_MS)), -ETIMEDOUT);
    EQ(c, net_send_to(c, w, "udp:127.0.0.1:7000", "x", 1), 1);
    net_close(c, w);
}

static void refused_wakes(struct conf *c)
{
    struct hepta_sock *w;

    net_begin(c);
    w = net_connect(c, "udp:127.0.0.1:7000", 0);
    EQ(c, net_put(c, w, 0, 10, NET_EVER), 10);
    OK(c, net_poll(c, w, POLLIN, NET_LONG_MS) & (POLLIN | POLLERR));
    EQ(c, net_get(c, w, 0, 10, NET_NOW), -ECONNREFUSED);
    net_close(c, w);
}

static void no_destination(struct conf *c)
{
    struct hepta_sock *w;

    net_begin(c);
    w = net_listen(c, "udp:127.0.0.1:0", 0);
    EQ(c, net_put(c, w, 0, 10, NET_EVER), -EDESTADDRREQ);
    net_close(c, w);
    w = net_listen(c, "udp:[::1]:0", 0);
    EQ(c, net_put(c, w, 0, 10, NET_EVER), -EDESTADDRREQ);
    net_close(c, w);
}

static void from_whom(struct conf *c)
{
    char buf[8];
    struct iovec iov = {buf, sizeof(buf)};

    net_begin(c);
    for (int i = 0; i < 2; i++) {
        struct hepta_sock_msg msg = {.size = sizeof(msg), .iov = &iov, .n_iov = 1};
        struct hepta_sock *r = net_listen(c, v4_and_v6[i], 0), *w[3];

        for (int k = 0; k < 3; k++) {
            w[k] = net_listen(c, v4_and_v6[i], 0);
            EQ(c, net_send_to(c, w[k], net_local(c, r), "hello", 5), 5);
        }
        for (int k = 0; k < 3; k++) {
            EQ(c, net_ops(c)->recvmsg(r, &msg, hepta_in_ms(NET_LONG_MS)), 5);
            OK(c, !strcmp(msg.address, net_local(c, w[k])));
            EQ(c, net_send_to(c, r, msg.address, "back", 4), 4); /* as it came */
            EQ(c, net_ops(c)->recv(w[k], buf, 8, hepta_in_ms(NET_LONG_MS)), 4);
            net_close(c, w[k]);
        }
        net_close(c, r);
    }
}

static void source_address(struct conf *c)
{
    struct hepta_sock_options opt = {.size = sizeof(opt), .local = "udp:127.0.0.9:7777"};
    struct hepta_sock *r, *w = NULL;
    char buf[8];
    struct iovec iov = {buf, sizeof(buf)};
    struct hepta_sock_msg msg = {.size = sizeof(msg), .iov = &iov, .n_iov = 1};

    net_begin(c);
    r = net_listen(c, "udp:127.0.0.1:0", 0);
    EQ(c, net_ops(c)->connect(&w, net_local(c, r), &opt, NET_EVER), 0);
    EQ(c, net_put(c, w, 0, 5, NET_EVER), 5);
    EQ(c, net_ops(c)->recvmsg(r, &msg, hepta_in_ms(NET_LONG_MS)), 5);
    OK(c, !strcmp(msg.address, "udp:127.0.0.9:7777"));
    OK(c, !strcmp(net_local(c, w), "udp:127.0.0.9:7777"));
    OK(c, !strcmp(net_peer(c, w), net_local(c, r)));
    close_two(c, r, w);
}

/* A connected socket receives from its peer only. */
static void only_its_peer(struct conf *c)
{
    struct hepta_sock *r, *w, *other;

    net_begin(c);
    udp_pair(c, "udp:127.0.0.1:0", &r, &w);
    other = net_listen(c, "udp:127.0.0.1:0", 0);
    EQ(c, net_send_to(c, other, net_local(c, w), "x", 1), 1);
    EQ(c, net_send_to(c, r, net_local(c, w), "\0\1", 2), 2);
    EQ(c, get_soon(c, w, 0, 10), 2);
    EQ(c, net_get(c, w, 0, 10, NET_NOW), -EAGAIN);
    net_close(c, other);
    close_two(c, r, w);
}

/* udp(7): a connected socket may send elsewhere for once. */
static void connected_sends_elsewhere(struct conf *c)
{
    struct hepta_sock *r, *w, *other;

    net_begin(c);
    udp_pair(c, "udp:127.0.0.1:0", &r, &w);
    other = net_listen(c, "udp:127.0.0.1:0", 0);
    EQ(c, net_send_to(c, w, net_local(c, other), "\0\1\2", 3), 3);
    EQ(c, get_soon(c, other, 0, 10), 3);
    EQ(c, net_put(c, w, 0, 4, NET_EVER), 4);
    EQ(c, get_soon(c, r, 0, 10), 4);
    net_close(c, other);
    close_two(c, r, w);
}

static void wait_for_one(struct conf *c)
{
    struct hepta_sock *r, *w;

    net_begin(c);
    udp_pair(c, "udp:127.0.0.1:0", &r, &w);
    EQ(c, net_get(c, r, 0, 10, NET_NOW), -EAGAIN);
    EQ(c, net_get(c, r, 0, 10, hepta_in_ms(NET_SHORT_MS)), -ETIMEDOUT);
    EQ(c, net_poll(c, r, POLLIN, 0), 0);
    pid_t child = conf_fork(c);
    if (child == 0) {
        conf_set(c, 0, 1);
        EQ(c, net_get(c, r, 0, 100, NET_EVER), 10);
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    EQ(c, net_put(c, w, 0, 10, NET_EVER), 10);
    conf_join(c, child);
    EQ(c, net_put(c, w, 0, 10, NET_EVER), 10);
    OK(c, net_poll(c, r, POLLIN, NET_LONG_MS) & POLLIN);
    close_two(c, r, w);
}

static void gathered(struct conf *c)
{
    struct hepta_sock *r, *w;
    char one[] = {0, 1, 2}, two[] = {3, 4};
    struct iovec iov[] = {{one, 3}, {NULL, 0}, {two, 2}};
    struct hepta_sock_msg msg = {.size = sizeof(msg), .iov = iov, .n_iov = 3};

    net_begin(c);
    udp_pair(c, "udp:127.0.0.1:0", &r, &w);
    EQ(c, net_ops(c)->sendmsg(w, &msg, NET_EVER), 5);
    EQ(c, get_soon(c, r, 0, 100), 5);
    close_two(c, r, w);
}

/* What doesn't fit into the receiver's buffer is dropped, and the rest whole. */
static void overflow(struct conf *c)
{
    enum { N = 2000, LEN = 1000 };
    struct hepta_sock_options opt = {.size = sizeof(opt), .capacity = 65536};
    struct hepta_sock *r = NULL, *w;
    int n = 0;

    net_begin(c);
    EQ(c, net_ops(c)->listen(&r, "udp:127.0.0.1:0", &opt), 0);
    w = net_connect(c, net_local(c, r), 0);
    for (int i = 0; i < N; i++)
        EQ(c, net_put(c, w, 0, LEN, NET_EVER), LEN);
    while (net_get(c, r, 0, 2 * LEN, NET_NOW) == LEN)
        n++;
    OK(c, n > 0 && n < N);
    EQ(c, net_get(c, r, 0, LEN, NET_NOW), -EAGAIN);
    close_two(c, r, w);
}

static void shut(struct conf *c)
{
    struct hepta_sock *r, *w;

    net_begin(c);
    udp_pair(c, "udp:127.0.0.1:0", &r, &w);
    EQ(c, net_ops(c)->shutdown(r, HEPTA_SOCK_WR), -ENOTCONN);
    EQ(c, net_ops(c)->shutdown(w, HEPTA_SOCK_WR), 0);
    EQ(c, net_put(c, w, 0, 10, NET_EVER), -EPIPE);
    close_two(c, r, w);
}

static void not_for_accept(struct conf *c)
{
    struct hepta_sock *r, *s = NULL;

    net_begin(c);
    r = net_listen(c, "udp:127.0.0.1:0", 0);
    EQ(c, net_ops(c)->accept(r, &s, NET_NOW), -EOPNOTSUPP);
    EQ(c, net_stat(c, r).type, HEPTA_SOCK_DGRAM);
    EQ(c, net_stat(c, r).listening, 0);
    net_close(c, r);
}

const struct conf_case net_udp_cases[] = {
    NET_CASE(udp, boundaries),
    NET_CASE(udp, empty),
    NET_CASE(udp, truncated),
    NET_CASE(udp, no_room_at_all),
    NET_CASE(udp, size_limit),
    NET_CASE(udp, refused),
    NET_CASE(udp, refused_unconnected),
    NET_CASE(udp, refused_wakes),
    NET_CASE(udp, no_destination),
    NET_CASE(udp, from_whom),
    NET_CASE(udp, source_address),
    NET_CASE(udp, only_its_peer),
    NET_CASE(udp, connected_sends_elsewhere),
    NET_CASE(udp, wait_for_one),
    NET_CASE(udp, gathered),
    NET_CASE(udp, overflow),
    NET_CASE(udp, shut),
    NET_CASE(udp, not_for_accept),
    {0},
};
