/* SPDX-License-Identifier: MIT */
/*
 * inet_cases_record.c - HEPTA_SOCK_RECORDS: what sends records over memory sends them over
 * a network unchanged
 *
 * One sequence of records, one body of each case, and every stream that there is. A record's
 * bytes depend on its number, so that a lost, doubled or torn one shows.
 */
#define _GNU_SOURCE
#include "inet_room.h"

#include <errno.h>
#include <string.h>

#define N_RECORDS 60
#define BIG (1 << 20)

static const char *const streams[] = {
    "kernel.unix:@hepta-records", "tcp:127.0.0.1:7000", "tcp:[::1]:7000", "unix:@hepta-records",
};

#define FOR_STREAMS(i) for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++)

/* 0 and 1 MiB, around what frames and buffers are long, and in between. */
static size_t size_of(int i)
{
    static const size_t edges[] = {0, 1, 3, 4, 5, 4091, 4092, 4096, 65531, 65532, 65536, 65537,
                                   BIG, 0, 0, BIG - 1};
    const int n = sizeof(edges) / sizeof(edges[0]);

    return i < n ? edges[i] : (size_t)(i * 7919 % 100003);
}

static void send_all(struct conf *c, struct hepta_sock *s)
{
    for (int i = 0; i < N_RECORDS; i++)
        EQ(c, net_put(c, s, (uint64_t)i * 13, size_of(i), NET_EVER), size_of(i));
}

static void receive_all(struct conf *c, struct hepta_sock *s)
{
    for (int i = 0; i < N_RECORDS; i++)
        EQ(c, net_get(c, s, (uint64_t)i * 13, NET_MAX_PUT, hepta_in_ms(NET_LONG_MS)), size_of(i));
}

static void same_sequence(struct conf *c)
{
    net_begin(c);
    FOR_STREAMS(i) {
        struct net_pair p;

        net_pair(c, &p, streams[i], HEPTA_SOCK_RECORDS);
        pid_t child = conf_fork(c);
        if (child == 0) {
            send_all(c, p.a);
            receive_all(c, p.a);
            conf_exit();
        }
        receive_all(c, p.b);
        send_all(c, p.b);
        conf_join(c, child);
        net_unpair(c, &p);
    }
}

static void gathered(struct conf *c)
{
    char one[] = {0, 1, 2}, two[] = {3, 4}, got[8];
    struct iovec out[] = {{one, 3}, {NULL, 0}, {two, 2}}, in[] = {{got, 1}, {got + 1, 7}};

    net_begin(c);
    FOR_STREAMS(i) {
        struct net_pair p;
        struct hepta_sock_msg msg = {.size = sizeof(msg), .iov = out, .n_iov = 3};

        net_pair(c, &p, streams[i], HEPTA_SOCK_RECORDS);
        EQ(c, net_ops(c)->sendmsg(p.a, &msg, NET_EVER), 5);
        msg = (struct hepta_sock_msg){.size = sizeof(msg), .iov = in, .n_iov = 2};
        EQ(c, net_ops(c)->recvmsg(p.b, &msg, hepta_in_ms(NET_LONG_MS)), 5);
        EQ(c, msg.full_len, 5);
        EQ(c, msg.flags, 0);
        OK(c, !memcmp(got, "\0\1\2\3\4", 5));
        net_unpair(c, &p);
    }
}

static void truncated(struct conf *c)
{
    static char buf[100];
    struct iovec iov = {buf, sizeof(buf)};

    net_begin(c);
    FOR_STREAMS(i) {
        struct net_pair p;
        struct hepta_sock_msg msg = {.size = sizeof(msg), .iov = &iov, .n_iov = 1};

        net_pair(c, &p, streams[i], HEPTA_SOCK_RECORDS);
        EQ(c, net_put(c, p.a, 0, 20000, NET_EVER), 20000);
        EQ(c, net_put(c, p.a, 0, 20000, NET_EVER), 20000);
        EQ(c, net_put(c, p.a, 5, 7, NET_EVER), 7);
        EQ(c, net_ops(c)->recvmsg(p.b, &msg, hepta_in_ms(NET_LONG_MS)), 100);
        EQ(c, msg.flags, HEPTA_SOCK_MSG_TRUNC);
        EQ(c, msg.full_len, 20000);
        EQ(c, net_get(c, p.b, 0, 0, hepta_in_ms(NET_LONG_MS)), 0); /* no room: lost whole */
        EQ(c, net_get(c, p.b, 5, 100, hepta_in_ms(NET_LONG_MS)), 7);
        net_unpair(c, &p);
    }
}

static void empty_is_no_end(struct conf *c)
{
    char buf[4];
    struct iovec iov = {buf, sizeof(buf)};

    net_begin(c);
    FOR_STREAMS(i) {
        struct net_pair p;
        struct hepta_sock_msg msg = {.size = sizeof(msg), .iov = &iov, .n_iov = 1};

        net_pair(c, &p, streams[i], HEPTA_SOCK_RECORDS);
        EQ(c, net_put(c, p.a, 0, 0, NET_EVER), 0);
        EQ(c, net_ops(c)->shutdown(p.a, HEPTA_SOCK_WR), 0);
        EQ(c, net_ops(c)->recvmsg(p.b, &msg, hepta_in_ms(NET_LONG_MS)), 0);
        EQ(c, msg.flags, 0);
        EQ(c, net_ops(c)->recvmsg(p.b, &msg, hepta_in_ms(NET_LONG_MS)), 0);
        EQ(c, msg.flags, HEPTA_SOCK_MSG_EOF);
        net_unpair(c, &p);
    }
}

/* The length of 4 bytes, big-endian, and nothing else: read without HEPTA_SOCK_RECORDS. */
static void on_the_wire(struct conf *c)
{
    unsigned char got[12];
    struct hepta_sock *a, *b, *l;

    net_begin(c);
    FOR_STREAMS(i) {
        l = net_listen(c, streams[i], 0);
        a = net_connect(c, streams[i], HEPTA_SOCK_RECORDS);
        b = net_accept(c, l);
        EQ(c, net_ops(c)->send(a, "abc", 3, NET_EVER), 3);
        EQ(c, net_ops(c)->send(a, NULL, 0, NET_EVER), 0);
        EQ(c, net_ops(c)->shutdown(a, HEPTA_SOCK_WR), 0);
        for (size_t n = 0; n < 11;) {
            ssize_t res = net_ops(c)->recv(b, got + n, 12 - n, hepta_in_ms(NET_LONG_MS));

            OK(c, res > 0);
            n += (size_t)res;
        }
        OK(c, !memcmp(got, "\0\0\0\3abc\0\0\0\0", 11));
        EQ(c, net_ops(c)->recv(b, got, 12, hepta_in_ms(NET_LONG_MS)), 0);
        net_close(c, a);
        net_close(c, b);
        net_close(c, l);
    }
}

/* A record that comes in single bytes: nothing until it is whole. */
static void in_pieces(struct conf *c)
{
    static const char wire[] = {0, 0, 0, 3, 0, 1, 2};
    struct hepta_sock *a, *b, *l;

    net_begin(c);
    FOR_STREAMS(i) {
        l = net_listen(c, streams[i], HEPTA_SOCK_RECORDS);
        a = net_connect(c, streams[i], 0);
        b = net_accept(c, l);
        for (int round = 0; round < 2; round++)
            for (size_t n = 0; n < sizeof(wire); n++) {
                EQ(c, net_get(c, b, 0, 10, NET_NOW), -EAGAIN);
                EQ(c, net_ops(c)->send(a, wire + n, 1, NET_EVER), 1);
                EQ(c, net_get(c, b, 0, 10, hepta_in_ms(n < sizeof(wire) - 1 ? 3 : NET_LONG_MS)),
                   n < sizeof(wire) - 1 ? -ETIMEDOUT : 3);
            }
        net_close(c, a);
        net_close(c, b);
        net_close(c, l);
    }
}

/* Several records in one piece of the stream: poll says so until the last is taken. */
static void several_at_once(struct conf *c)
{
    static const char wire[] = {0, 0, 0, 1, 0, 0, 0, 0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 3, 0, 1, 2};
    static const int sizes[] = {1, 2, 0, 3};
    struct hepta_sock *a, *b, *l;

    net_begin(c);
    FOR_STREAMS(i) {
        l = net_listen(c, streams[i], HEPTA_SOCK_RECORDS);
        a = net_connect(c, streams[i], 0);
        b = net_accept(c, l);
        EQ(c, net_ops(c)->send(a, wire, sizeof(wire), NET_EVER), sizeof(wire));
        for (int k = 0; k < 4; k++) {
            OK(c, net_poll(c, b, POLLIN, NET_LONG_MS) != 0);
            EQ(c, net_get(c, b, 0, 10, hepta_in_ms(NET_LONG_MS)), sizes[k]);
        }
        EQ(c, net_get(c, b, 0, 10, NET_NOW), -EAGAIN);
        net_close(c, a);
        net_close(c, b);
        net_close(c, l);
    }
}

static void stat_says_so(struct conf *c)
{
    net_begin(c);
    FOR_STREAMS(i) {
        struct net_pair p;

        net_pair(c, &p, streams[i], HEPTA_SOCK_RECORDS);
        EQ(c, net_stat(c, p.a).flags & HEPTA_SOCK_RECORDS, HEPTA_SOCK_RECORDS);
        EQ(c, net_stat(c, p.b).flags & HEPTA_SOCK_RECORDS, HEPTA_SOCK_RECORDS);
        EQ(c, net_stat(c, p.a).memory, !strncmp(streams[i], "unix:", 5));
        net_unpair(c, &p);
    }
}

const struct conf_case net_record_cases[] = {
    {"record.same_sequence", same_sequence, NET_ROOT | NET_HEPTA, NULL, NULL, 40},
    NET_HEPTA_CASE(record, gathered),
    NET_HEPTA_CASE(record, truncated),
    NET_HEPTA_CASE(record, empty_is_no_end),
    NET_HEPTA_CASE(record, on_the_wire),
    NET_HEPTA_CASE(record, in_pieces),
    NET_HEPTA_CASE(record, several_at_once),
    NET_HEPTA_CASE(record, stat_says_so),
    {0},
};
