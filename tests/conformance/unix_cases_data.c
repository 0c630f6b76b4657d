/* SPDX-License-Identifier: MIT */
/*
 * unix_cases_data.c - data of every type: order, both directions, pieces, many processes
 */
#define _GNU_SOURCE
#include "unix_room.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static void in_order(struct conf *c)
{
    struct two t;

    meet(c, &t);
    for (size_t i = 1; i <= 300; i++) {
        EQ(c, give(c, &t, t.a, i, EVER), i);
        EQ(c, take(c, &t, t.b, MAX_GIVE, EVER), i);
    }
    part(c, &t);
}

static void both_ways(struct conf *c)
{
    struct two t;

    meet(c, &t);
    for (size_t i = 1; i < 200; i++) {
        EQ(c, give(c, &t, t.a, i, EVER), i);
        EQ(c, give(c, &t, t.b, 2 * i, EVER), 2 * i);
        EQ(c, take(c, &t, t.a, MAX_GIVE, EVER), 2 * i);
        EQ(c, take(c, &t, t.b, MAX_GIVE, EVER), i);
    }
    part(c, &t);
}

/* More than fits, both ways at once, from two processes. */
static void duplex(struct conf *c)
{
    enum { N = 3000, LEN = 1000 };
    struct two t;

    meet(c, &t);
    pid_t child = conf_fork(c);
    if (child == 0) {
        for (int i = 0; i < N; i++)
            EQ(c, give(c, &t, t.b, LEN, EVER), LEN);
        conf_exit();
    }
    pid_t second = conf_fork(c);
    if (second == 0) {
        take_all(c, &t, t.a, (size_t)N * LEN);
        conf_exit();
    }
    pid_t third = conf_fork(c);
    if (third == 0) {
        for (int i = 0; i < N; i++)
            EQ(c, give(c, &t, t.a, LEN, EVER), LEN);
        conf_exit();
    }
    take_all(c, &t, t.b, (size_t)N * LEN);
    conf_join(c, child);
    conf_join(c, second);
    conf_join(c, third);
    part(c, &t);
}

struct half {
    struct conf *c;
    struct usock *s;
    size_t total;
};

static void *sender_thread(void *arg)
{
    struct half *h = arg;
    char buf[700];

    memset(buf, 'x', sizeof(buf));
    for (size_t done = 0; done < h->total; done += sizeof(buf))
        EQ(h->c, uops(h->c)->send(h->s, buf, sizeof(buf), EVER), sizeof(buf));
    return NULL;
}

static void *receiver_thread(void *arg)
{
    struct half *h = arg;
    char buf[700];

    for (size_t done = 0; done < h->total;) {
        ssize_t n = uops(h->c)->recv(h->s, buf, sizeof(buf), EVER);

        OK(h->c, n > 0 && buf[0] == 'x');
        done += (size_t)n;
    }
    return NULL;
}

/* One handle of one process, used by a thread for each direction, at both ends. */
static void threads(struct conf *c)
{
    const size_t total = 700 * 2000;
    struct two t;
    pthread_t id[4];

    meet(c, &t);
    struct half a = {c, t.a, total}, b = {c, t.b, total};
    pthread_create(&id[0], NULL, sender_thread, &a);
    pthread_create(&id[1], NULL, receiver_thread, &b);
    if (!t.to_a) {
        pthread_create(&id[2], NULL, sender_thread, &b);
        pthread_create(&id[3], NULL, receiver_thread, &a);
    }
    for (int i = 0; i < (t.to_a ? 2 : 4); i++)
        pthread_join(id[i], NULL);
    part(c, &t);
}

static void gather(struct conf *c)
{
    struct two t;
    struct iovec iov[4] = {{"one", 3}, {"", 0}, {NULL, 0}, {"three", 5}};
    struct hepta_sock_msg m = {.size = sizeof(m), .iov = iov, .n_iov = 4};

    meet(c, &t);
    EQ(c, uops(c)->sendmsg(t.a, &m, EVER), 8);
    hear(c, t.b, "onethree");
    part(c, &t);
}

static void scatter(struct conf *c)
{
    struct two t;
    char a[4] = "", b[2] = "", d[20] = "";
    struct iovec iov[4] = {{a, 3}, {NULL, 0}, {b, 1}, {d, 10}};
    struct hepta_sock_msg m = {.size = sizeof(m), .iov = iov, .n_iov = 4};

    meet(c, &t);
    say(c, t.a, "onetwo-three");
    EQ(c, uops(c)->recvmsg(t.b, &m, EVER), 12);
    OK(c, !strcmp(a, "one") && !strcmp(b, "t") && !strcmp(d, "wo-three"));
    EQ(c, m.full_len, 12);
    EQ(c, m.flags, 0);
    part(c, &t);
}

static void many_pieces(struct conf *c)
{
    enum { N = 1024 };
    struct two t;
    static char out[N * 3], in[N * 3];
    static struct iovec iov[N];
    struct hepta_sock_msg m = {.size = sizeof(m), .iov = iov, .n_iov = N};

    meet(c, &t);
    for (int i = 0; i < N; i++) {
        iov[i] = (struct iovec){out + 3 * i, 3};
        memset(out + 3 * i, i, 3);
    }
    EQ(c, uops(c)->sendmsg(t.a, &m, EVER), sizeof(out));
    for (int i = 0; i < N; i++)
        iov[i].iov_base = in + 3 * i;
    EQ(c, uops(c)->recvmsg(t.b, &m, EVER), sizeof(in));
    EQ(c, memcmp(in, out, sizeof(in)), 0);
    part(c, &t);
}

static void nothing_there(struct conf *c)
{
    struct two t;

    meet(c, &t);
    EQ(c, take(c, &t, t.a, 10, NOW), -EAGAIN);
    EQ(c, take(c, &t, t.b, 10, NOW), -EAGAIN);
    EQ(c, give(c, &t, t.a, 10, NOW), 10);
    EQ(c, take(c, &t, t.a, 10, NOW), -EAGAIN); /* not one's own */
    EQ(c, take(c, &t, t.b, 10, NOW), 10);
    part(c, &t);
}

static void full(struct conf *c)
{
    struct two t;

    meet(c, &t);
    size_t n = fill_up(c, &t, t.a, 500);
    OK(c, n > 0);
    EQ(c, give(c, &t, t.a, 500, NOW), -EAGAIN);
    EQ(c, give(c, &t, t.b, 500, NOW), 500); /* the other direction has room of its own */
    take_all(c, &t, t.b, n);
    EQ(c, take(c, &t, t.b, 10, NOW), -EAGAIN);
    EQ(c, give(c, &t, t.a, 500, NOW), 500);
    EQ(c, take(c, &t, t.b, 500, NOW), 500);
    part(c, &t);
}

static void wakes_receiver(struct conf *c)
{
    struct two t, u;

    meet(c, &t);
    pid_t child = waiter(c, &t, W_RECV, 100, NULL, 0, EVER);
    u = t;
    EQ(c, give(c, &u, u.b, 7, EVER), 7);
    returned(c, child, 7);
    part(c, &t);
}

static void wakes_sender(struct conf *c)
{
    struct two t;

    meet(c, &t);
    size_t n = fill_up(c, &t, t.a, 1000);
    pid_t child = waiter(c, &t, W_SEND, 1000, NULL, 0, EVER);
    sleeps_on(c, child);
    take_all(c, &t, t.b, n);
    returned(c, child, 1000);
    EQ(c, take(c, &t, t.b, 1000, EVER), 1000);
    part(c, &t);
}

/* A reply to each request, for a thousand times: no wake-up is lost. */
static void ping_pong(struct conf *c)
{
    enum { N = 1000 };
    struct two t;

    meet(c, &t);
    pid_t child = conf_fork(c);
    if (child == 0) {
        for (int i = 0; i < N; i++) {
            EQ(c, take(c, &t, t.b, 8, EVER), 8);
            EQ(c, give(c, &t, t.b, 8, EVER), 8);
        }
        conf_exit();
    }
    for (int i = 0; i < N; i++) {
        EQ(c, give(c, &t, t.a, 8, EVER), 8);
        EQ(c, take(c, &t, t.a, 8, EVER), 8);
    }
    conf_join(c, child);
    part(c, &t);
}

const struct conf_case unix_data_cases[] = {
    {"data.in_order", in_order, NEEDS_ANY, NULL, NULL, 0},
    {"data.both_ways", both_ways, NEEDS_ANY, NULL, NULL, 0},
    {"data.duplex", duplex, NEEDS_ANY, NULL, NULL, 30},
    {"data.threads", threads, NEEDS_ANY, NULL, NULL, 30},
    {"data.gather", gather, NEEDS_ANY, NULL, NULL, 0},
    {"data.scatter", scatter, NEEDS_ANY, NULL, NULL, 0},
    {"data.many_pieces", many_pieces, NEEDS_ANY, NULL, NULL, 0},
    {"data.nothing_there", nothing_there, NEEDS_ANY, NULL, NULL, 0},
    {"data.full", full, NEEDS_ANY, NULL, NULL, 0},
    {"data.wakes_receiver", wakes_receiver, NEEDS_ANY, NULL, NULL, 0},
    {"data.wakes_sender", wakes_sender, NEEDS_ANY, NULL, NULL, 0},
    {"data.ping_pong", ping_pong, NEEDS_ANY, NULL, NULL, 30},
    {0},
};
