/* SPDX-License-Identifier: MIT */
/*
 * inet_cases_record_end.c - records at their limits: too long, cut short, half sent
 */
#define _GNU_SOURCE
#include "inet_room.h"

#include <errno.h>
#include <string.h>

#define MIB (1 << 20)

static const char *const streams[] = {
    "kernel.unix:@hepta-records", "tcp:127.0.0.1:7000", "tcp:[::1]:7000", "unix:@hepta-records",
};

#define FOR_STREAMS(i) for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++)

/* Only @records of the two ends take the stream for records; both have @record_max. */
enum { SENDER = 1, RECEIVER = 2 };

static void two_ends(struct conf *c, struct net_pair *p, const char *at, int records,
                     uint64_t record_max)
{
    struct hepta_sock_options plain = {.size = sizeof(plain)};
    struct hepta_sock_options framed = {
        .size = sizeof(framed), .flags = HEPTA_SOCK_RECORDS, .record_max = record_max,
    };

    EQ(c, net_ops(c)->listen(&p->l, at, records & RECEIVER ? &framed : &plain), 0);
    EQ(c, net_ops(c)->connect(&p->a, at, records & SENDER ? &framed : &plain,
                              hepta_in_ms(NET_LONG_MS)), 0);
    p->b = net_accept(c, p->l);
}

static void longest(struct conf *c)
{
    net_begin(c);
    FOR_STREAMS(i) {
        struct net_pair p;

        two_ends(c, &p, streams[i], SENDER | RECEIVER, 1000);
        EQ(c, net_put(c, p.a, 0, 1000, NET_EVER), 1000);
        EQ(c, net_put(c, p.a, 0, 1001, NET_EVER), -EMSGSIZE);
        EQ(c, net_put(c, p.a, 7, 10, NET_EVER), 10); /* nothing of it went */
        EQ(c, net_get(c, p.b, 0, 2000, hepta_in_ms(NET_LONG_MS)), 1000);
        EQ(c, net_get(c, p.b, 7, 2000, hepta_in_ms(NET_LONG_MS)), 10);
        net_unpair(c, &p);
    }
}

/* The peer says more than we allow: an error, and again, for the boundary is lost. */
static void peer_too_long(struct conf *c)
{
    static const char *const heads[] = {"\0\0\3\351", "\377\377\377\377", "\200\0\0\0"};

    net_begin(c);
    FOR_STREAMS(i)
        for (int k = 0; k < 3; k++) {
            struct net_pair p;

            two_ends(c, &p, streams[i], RECEIVER, 1000);
            EQ(c, net_ops(c)->send(p.a, "\0\0\0\2\0\1", 6, NET_EVER), 6);
            EQ(c, net_ops(c)->send(p.a, heads[k], 4, NET_EVER), 4);
            EQ(c, net_get(c, p.b, 0, 2000, hepta_in_ms(NET_LONG_MS)), 2); /* the one before */
            EQ(c, net_get(c, p.b, 0, 2000, hepta_in_ms(NET_LONG_MS)), -EBADMSG);
            EQ(c, net_get(c, p.b, 0, 2000, hepta_in_ms(NET_LONG_MS)), -EBADMSG);
            net_unpair(c, &p);
        }
}

static void impossible_max(struct conf *c)
{
    struct hepta_sock_options opt = {
        .size = sizeof(opt), .flags = HEPTA_SOCK_RECORDS,
        .record_max = HEPTA_SOCK_RECORD_MAX + 1,
    };

    net_begin(c);
    FOR_STREAMS(i)
        EQ(c, net_try_listen(c, streams[i], &opt), -EINVAL);
}

static void ends_inside(struct conf *c)
{
    static const char wire[] = {0, 0, 0, 3, 0, 1, 2, 0, 0, 0, 5, 9, 9};
    const size_t whole = 7;

    net_begin(c);
    FOR_STREAMS(i)
        for (size_t n = whole; n <= sizeof(wire); n++) {
            struct net_pair p;
            int want = n == whole ? 0 : -EPROTO;

            two_ends(c, &p, streams[i], RECEIVER, 0);
            EQ(c, net_ops(c)->send(p.a, wire, n, NET_EVER), n);
            net_close(c, p.a);
            EQ(c, net_get(c, p.b, 0, 10, hepta_in_ms(NET_LONG_MS)), 3);
            EQ(c, net_get(c, p.b, 0, 10, hepta_in_ms(NET_LONG_MS)), want);
            net_close(c, p.b);
            net_close(c, p.l);
        }
}

/* Sent without waiting into a full stream: whole, or not at all. */
static void whole_or_not(struct conf *c)
{
    net_begin(c);
    FOR_STREAMS(i) {
        struct net_pair p;
        int n_sent = 0;

        two_ends(c, &p, streams[i], SENDER | RECEIVER, 0);
        for (ssize_t n; (n = net_put(c, p.a, 0, 100000, NET_NOW)) == 100000; n_sent++)
            continue;
        EQ(c, net_put(c, p.a, 0, 100000, NET_NOW), -EAGAIN);
        EQ(c, net_put(c, p.a, 0, 100000, hepta_in_ms(NET_SHORT_MS)), -ETIMEDOUT);
        OK(c, n_sent > 0);
        pid_t child = conf_fork(c);
        if (child == 0) {
            for (; n_sent > 0; n_sent--)
                EQ(c, net_get(c, p.b, 0, 200000, hepta_in_ms(NET_LONG_MS)), 100000);
            EQ(c, net_get(c, p.b, 3, 200000, hepta_in_ms(NET_LONG_MS)), 10);
            conf_exit();
        }
        EQ(c, net_put(c, p.a, 3, 10, NET_EVER), 10); /* what is left goes before it */
        conf_join(c, child);
        net_close(c, p.b);
        net_close(c, p.a);
        net_close(c, p.l);
    }
}

/* Taken over, and then closed: close sends the rest. */
static void close_sends_the_rest(struct conf *c)
{
    net_begin(c);
    FOR_STREAMS(i) {
        struct net_pair p;

        two_ends(c, &p, streams[i], SENDER | RECEIVER, 0);
        pid_t child = conf_fork(c);
        if (child == 0) {
            net_close(c, p.b);
            while (net_put(c, p.a, 0, MIB, NET_NOW) == MIB)
                conf_add(c, 0, 1);
            conf_set(c, 1, 1);
            net_close(c, p.a);
            conf_exit();
        }
        net_close(c, p.a);
        conf_await(c, 1, 1);
        for (long k = conf_get(c, 0); k > 0; k--)
            EQ(c, net_get(c, p.b, 0, MIB, hepta_in_ms(NET_LONG_MS)), MIB);
        EQ(c, net_get(c, p.b, 0, MIB, hepta_in_ms(NET_LONG_MS)), 0);
        conf_join(c, child);
        conf_set(c, 0, 0);
        conf_set(c, 1, 0);
        net_close(c, p.b);
        net_close(c, p.l);
    }
}

/* The same with shutdown; the other direction goes on. */
static void shutdown_sends_the_rest(struct conf *c)
{
    net_begin(c);
    FOR_STREAMS(i) {
        struct net_pair p;
        int n = 0;

        two_ends(c, &p, streams[i], SENDER | RECEIVER, 0);
        while (net_put(c, p.a, 0, MIB, NET_NOW) == MIB)
            n++;
        pid_t child = conf_fork(c);
        if (child == 0) {
            for (; n > 0; n--)
                EQ(c, net_get(c, p.b, 0, MIB, hepta_in_ms(NET_LONG_MS)), MIB);
            EQ(c, net_get(c, p.b, 0, MIB, hepta_in_ms(NET_LONG_MS)), 0);
            EQ(c, net_put(c, p.b, 0, 500, NET_EVER), 500);
            conf_exit();
        }
        int err;
        while ((err = net_ops(c)->shutdown(p.a, HEPTA_SOCK_WR)) == -ETIMEDOUT)
            continue;
        EQ(c, err, 0);
        EQ(c, net_get(c, p.a, 0, 1000, hepta_in_ms(NET_LONG_MS)), 500);
        conf_join(c, child);
        net_unpair(c, &p);
    }
}

/* No zero copy, no descriptors. */
static void not_with_records(struct conf *c)
{
    int fd = 0;
    char byte = 0;
    struct iovec iov = {&byte, 1};

    net_begin(c);
    FOR_STREAMS(i) {
        struct net_pair p;
        struct hepta_sock_msg msg = {
            .size = sizeof(msg), .iov = &iov, .n_iov = 1, .fds = &fd, .n_fds = 1,
        };
        void *room;
        const void *seen;

        two_ends(c, &p, streams[i], SENDER | RECEIVER, 0);
        EQ(c, net_ops(c)->sendmsg(p.a, &msg, NET_EVER), -EINVAL);
        EQ(c, hepta_sock_reserve(p.a, 1, &room, NET_NOW), -EOPNOTSUPP);
        EQ(c, hepta_sock_peek(p.b, &seen, NET_NOW), -EOPNOTSUPP);
        EQ(c, net_put(c, p.a, 0, 10, NET_EVER), 10);
        EQ(c, net_get(c, p.b, 0, 100, hepta_in_ms(NET_LONG_MS)), 10);
        net_unpair(c, &p);
    }
}

const struct conf_case net_record_end_cases[] = {
    NET_HEPTA_CASE(record, longest),
    NET_HEPTA_CASE(record, peer_too_long),
    NET_HEPTA_CASE(record, impossible_max),
    NET_HEPTA_CASE(record, ends_inside),
    NET_HEPTA_CASE(record, whole_or_not),
    NET_HEPTA_CASE(record, close_sends_the_rest),
    NET_HEPTA_CASE(record, shutdown_sends_the_rest),
    NET_HEPTA_CASE(record, not_with_records),
    {0},
};
