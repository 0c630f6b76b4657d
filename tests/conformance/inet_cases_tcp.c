/* SPDX-License-Identifier: MIT */
/*
 * inet_cases_tcp.c - connecting, accepting, and the order of bytes
 *
 * A peer that never answers is a listener whose backlog is full: the kernel drops what
 * comes then, without a word.
 */
#define _GNU_SOURCE
#include "inet_room.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LARGE (8 << 20)

static const char *const v4_and_v6[] = {"tcp:127.0.0.1:0", "tcp:[::1]:0"};

static void in_order(struct conf *c)
{
    net_begin(c);
    for (int i = 0; i < 2; i++) {
        struct net_pair p;

        net_pair(c, &p, v4_and_v6[i], 0);
        for (size_t pos = 0, n = 1; n < 20000; pos += n, n = n * 2 + 1) {
            EQ(c, net_put(c, p.a, pos, n, NET_EVER), n);
            net_get_all(c, p.b, pos, n);
        }
        net_unpair(c, &p);
    }
}

/* Both directions at once, more than any buffer holds. */
static void both_ways(struct conf *c)
{
    struct net_pair p;
    uint64_t pos;

    net_begin(c);
    net_pair(c, &p, "tcp:127.0.0.1:0", 0);
    pid_t child = conf_fork(c);
    for (pos = 0; child == 0 && pos < LARGE; pos += NET_MAX_PUT)
        EQ(c, net_put(c, p.a, pos, NET_MAX_PUT, NET_EVER), NET_MAX_PUT);
    if (child == 0)
        conf_exit();
    pid_t other = conf_fork(c);
    for (pos = 0; other == 0 && pos < LARGE; pos += NET_MAX_PUT)
        EQ(c, net_put(c, p.b, pos, NET_MAX_PUT, NET_EVER), NET_MAX_PUT);
    if (other == 0)
        conf_exit();
    net_get_all(c, p.b, 0, LARGE);
    net_get_all(c, p.a, 0, LARGE);
    conf_join(c, child);
    conf_join(c, other);
    net_unpair(c, &p);
}

static void no_boundaries(struct conf *c)
{
    struct net_pair p;

    net_begin(c);
    net_pair(c, &p, "tcp:127.0.0.1:0", HEPTA_SOCK_NODELAY);
    EQ(c, net_put(c, p.a, 0, 100, NET_EVER), 100);
    EQ(c, net_put(c, p.a, 100, 100, NET_EVER), 100);
    net_get_all(c, p.b, 0, 150);
    EQ(c, net_get(c, p.b, 150, 1000, NET_EVER), 50); /* the rest stayed; no wait for more */
    net_unpair(c, &p);
}

static void nothing_sent(struct conf *c)
{
    struct net_pair p;

    net_begin(c);
    net_pair(c, &p, "tcp:127.0.0.1:0", 0);
    EQ(c, net_put(c, p.a, 0, 0, NET_EVER), 0);
    EQ(c, net_get(c, p.b, 0, 10, NET_NOW), -EAGAIN);
    net_unpair(c, &p);
}

static void scattered(struct conf *c)
{
    struct net_pair p;
    char one[4] = "abc", two[4] = "def", got[6];
    struct iovec out[] = {{one, 3}, {NULL, 0}, {two, 3}}, in[] = {{got, 2}, {got + 2, 4}};
    struct hepta_sock_msg msg = {.size = sizeof(msg), .iov = out, .n_iov = 3};

    net_begin(c);
    net_pair(c, &p, "tcp:127.0.0.1:0", 0);
    EQ(c, net_ops(c)->sendmsg(p.a, &msg, NET_EVER), 6);
    msg = (struct hepta_sock_msg){.size = sizeof(msg), .iov = in, .n_iov = 2};
    EQ(c, net_ops(c)->recvmsg(p.b, &msg, hepta_in_ms(NET_LONG_MS)), 6);
    OK(c, !memcmp(got, "abcdef", 6));
    EQ(c, msg.flags, 0);
    net_unpair(c, &p);
}

static void accept_waits(struct conf *c)
{
    struct hepta_sock *l, *s = NULL;

    net_begin(c);
    l = net_listen(c, "tcp:127.0.0.1:0", 0);
    EQ(c, net_ops(c)->accept(l, &s, NET_NOW), -EAGAIN);
    EQ(c, net_ops(c)->accept(l, &s, hepta_in_ms(NET_SHORT_MS)), -ETIMEDOUT);
    pid_t child = conf_fork(c);
    if (child == 0) {
        conf_set(c, 0, 1);
        EQ(c, net_ops(c)->accept(l, &s, NET_EVER), 0);
        net_get_all(c, s, 0, 10);
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    s = net_connect(c, net_local(c, l), 0);
    EQ(c, net_put(c, s, 0, 10, NET_EVER), 10);
    conf_join(c, child);
    net_close(c, s);
    net_close(c, l);
}

/* Connected and sent to before anybody accepts. */
static void before_accept(struct conf *c)
{
    struct hepta_sock *l, *a, *b;

    net_begin(c);
    l = net_listen(c, "tcp:127.0.0.1:0", 0);
    a = net_connect(c, net_local(c, l), 0);
    EQ(c, net_put(c, a, 0, 10, NET_EVER), 10);
    net_close(c, a);
    b = net_accept(c, l);
    net_get_all(c, b, 0, 10);
    EQ(c, net_get(c, b, 0, 10, hepta_in_ms(NET_LONG_MS)), 0);
    net_close(c, b);
    net_close(c, l);
}

static void in_turn(struct conf *c)
{
    enum { N = 20 };
    struct hepta_sock *l, *a[N], *b;

    net_begin(c);
    l = net_listen(c, "tcp:127.0.0.1:0", 0);
    for (int i = 0; i < N; i++)
        a[i] = net_connect(c, net_local(c, l), 0);
    for (int i = 0; i < N; i++) {
        b = net_accept(c, l);
        OK(c, !strcmp(net_peer(c, b), net_local(c, a[i])));
        net_close(c, b);
        net_close(c, a[i]);
    }
    net_close(c, l);
}

static void refused(struct conf *c)
{
    net_begin(c);
    EQ(c, net_try_connect(c, "tcp:127.0.0.1:7000", NULL, hepta_in_ms(NET_LONG_MS)),
       -ECONNREFUSED);
    EQ(c, net_try_connect(c, "tcp:[::1]:7000", NULL, NET_EVER), -ECONNREFUSED);
}

static void refused_after_close(struct conf *c)
{
    struct hepta_sock *l;

    net_begin(c);
    l = net_listen(c, "tcp:127.0.0.1:7000", 0);
    net_close(c, l);
    EQ(c, net_try_connect(c, "tcp:127.0.0.1:7000", NULL, NET_EVER), -ECONNREFUSED);
}

/* A plain listener on port 7000 that takes nobody any more; descriptors to close. */
static void black_hole(struct conf *c, int fds[3])
{
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(7000), .sin_addr = {htonl(INADDR_LOOPBACK)},
    };

    fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    OK(c, bind(fds[0], (struct sockaddr *)&at, sizeof(at)) == 0 && listen(fds[0], 0) == 0);
    for (int i = 1; i < 3; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        connect(fds[i], (struct sockaddr *)&at, sizeof(at));
    }
    OK(c, poll(&(struct pollfd){.fd = fds[0], .events = POLLIN}, 1, NET_LONG_MS) == 1);
}

static void close_hole(int fds[3])
{
    for (int i = 0; i < 3; i++)
        close(fds[i]);
}

static void timed_out(struct conf *c)
{
    int hole[3];

    net_begin(c);
    black_hole(c, hole);
    EQ(c, net_try_connect(c, "tcp:127.0.0.1:7000", NULL, NET_NOW), -EAGAIN);
    int64_t deadline = hepta_in_ms(NET_SHORT_MS);
    EQ(c, net_try_connect(c, "tcp:127.0.0.1:7000", NULL, deadline), -ETIMEDOUT);
    OK(c, hepta_now_ns() >= deadline);
    EQ(c, net_try_connect(c, "tcp:127.0.0.1:7000", NULL, 1), -ETIMEDOUT);
    close_hole(hole);
}

/* The kernel gives up by itself, too: here after one more try, 3 s. */
static void kernel_gives_up(struct conf *c)
{
    int hole[3];

    net_begin(c);
    net_sysctl(c, "ipv4/tcp_syn_retries", "1");
    black_hole(c, hole);
    EQ(c, net_try_connect(c, "tcp:127.0.0.1:7000", NULL, NET_EVER), -ETIMEDOUT);
    close_hole(hole);
}

/* The way becomes free while connect waits. */
static void taken_late(struct conf *c)
{
    int hole[3];

    net_begin(c);
    black_hole(c, hole);
    pid_t child = conf_fork(c);
    if (child == 0) {
        struct hepta_sock *s = NULL;

        conf_set(c, 0, 1);
        EQ(c, net_ops(c)->connect(&s, "tcp:127.0.0.1:7000", NULL, NET_EVER), 0);
        conf_set(c, 1, 1);
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    EQ(c, conf_get(c, 1), 0);
    for (; !conf_get(c, 1); conf_pause_ms(1)) {
        int fd = accept(hole[0], NULL, NULL);

        if (fd >= 0)
            close(fd);
    }
    conf_join(c, child);
    close_hole(hole);
}

static void full(struct conf *c)
{
    struct net_pair p;

    net_begin(c);
    net_pair(c, &p, "tcp:127.0.0.1:0", 0);
    size_t n = net_fill(c, p.a);
    OK(c, n > 0);
    EQ(c, net_put(c, p.a, n, 100, NET_NOW), -EAGAIN);
    OK(c, !(net_poll(c, p.a, POLLOUT, 0) & POLLOUT));
    net_get_all(c, p.b, 0, n);
    OK(c, net_poll(c, p.a, POLLOUT, NET_LONG_MS) & POLLOUT);
    EQ(c, net_put(c, p.a, n, 100, hepta_in_ms(NET_LONG_MS)), 100);
    net_get_all(c, p.b, n, 100);
    net_unpair(c, &p);
}

/* A send that waits is whole, one that is cut short says how much went. */
static void send_waits(struct conf *c)
{
    struct net_pair p;
    uint64_t pos = 0;

    net_begin(c);
    net_pair(c, &p, "tcp:127.0.0.1:0", 0);
    pid_t child = conf_fork(c);
    if (child == 0) {
        for (; pos < LARGE; pos += NET_MAX_PUT) {
            conf_set(c, 0, 1);
            EQ(c, net_put(c, p.a, pos, NET_MAX_PUT, NET_EVER), NET_MAX_PUT);
        }
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    net_get_all(c, p.b, 0, LARGE);
    conf_join(c, child);
    net_unpair(c, &p);
}

static void cut_short(struct conf *c)
{
    struct net_pair p;
    uint64_t pos = 0;
    ssize_t n;

    net_begin(c);
    net_pair(c, &p, "tcp:127.0.0.1:0", 0);
    do { /* until one is cut short, or falls on the very end */
        n = net_put(c, p.a, pos, NET_MAX_PUT, hepta_in_ms(NET_SHORT_MS));
        pos += n > 0 ? (uint64_t)n : 0;
    } while (n == NET_MAX_PUT);
    OK(c, n > 0 || n == -ETIMEDOUT);
    net_get_all(c, p.b, 0, pos);
    EQ(c, net_get(c, p.b, pos, 10, NET_NOW), -EAGAIN);
    net_unpair(c, &p);
}

static void recv_waits(struct conf *c)
{
    struct net_pair p;

    net_begin(c);
    net_pair(c, &p, "tcp:127.0.0.1:0", 0);
    EQ(c, net_get(c, p.b, 0, 10, NET_NOW), -EAGAIN);
    int64_t deadline = hepta_in_ms(NET_SHORT_MS);
    EQ(c, net_get(c, p.b, 0, 10, deadline), -ETIMEDOUT);
    OK(c, hepta_now_ns() >= deadline);
    pid_t child = conf_fork(c);
    if (child == 0) {
        conf_set(c, 0, 1);
        EQ(c, net_get(c, p.b, 0, 1000, NET_EVER), 10);
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    EQ(c, net_put(c, p.a, 0, 10, NET_EVER), 10);
    conf_join(c, child);
    net_unpair(c, &p);
}

static void ready(struct conf *c)
{
    struct net_pair p;
    struct hepta_sock *s;

    net_begin(c);
    net_pair(c, &p, "tcp:127.0.0.1:0", 0);
    EQ(c, net_poll(c, p.l, POLLIN, 0), 0);
    s = net_connect(c, net_local(c, p.l), 0);
    OK(c, net_poll(c, p.l, POLLIN, NET_LONG_MS) & POLLIN);
    net_close(c, s);
    EQ(c, net_poll(c, p.b, POLLIN, 0), 0);
    OK(c, net_poll(c, p.a, POLLOUT, 0) & POLLOUT);
    EQ(c, net_put(c, p.a, 0, 10, NET_EVER), 10);
    OK(c, net_poll(c, p.b, POLLIN, NET_LONG_MS) & POLLIN);
    net_get_all(c, p.b, 0, 10);
    EQ(c, net_poll(c, p.b, POLLIN, 0), 0);
    net_close(c, p.a);
    OK(c, net_poll(c, p.b, POLLIN, NET_LONG_MS) & POLLIN);
    net_close(c, p.b);
    net_close(c, p.l);
}

static void stat_of(struct conf *c)
{
    struct net_pair p;

    net_begin(c);
    net_pair(c, &p, "tcp:127.0.0.1:0", 0);
    EQ(c, net_stat(c, p.l).listening, 1);
    EQ(c, net_stat(c, p.a).listening, 0);
    EQ(c, net_stat(c, p.a).type, HEPTA_SOCK_STREAM);
    EQ(c, net_stat(c, p.b).memory, 0);
    EQ(c, net_stat(c, p.b).to_read, 0);
    EQ(c, net_put(c, p.a, 0, 77, NET_EVER), 77);
    OK(c, net_poll(c, p.b, POLLIN, NET_LONG_MS) & POLLIN);
    EQ(c, net_stat(c, p.b).to_read, 77);
    net_get_all(c, p.b, 0, 77);
    EQ(c, net_stat(c, p.b).to_read, 0);
    net_unpair(c, &p);
}

const struct conf_case net_tcp_cases[] = {
    NET_CASE(tcp, in_order),
    NET_CASE(tcp, both_ways),
    NET_CASE(tcp, no_boundaries),
    NET_CASE(tcp, nothing_sent),
    NET_CASE(tcp, scattered),
    NET_CASE(tcp, accept_waits),
    NET_CASE(tcp, before_accept),
    NET_CASE(tcp, in_turn),
    NET_CASE(tcp, refused),
    NET_CASE(tcp, refused_after_close),
    NET_CASE(tcp, timed_out),
    NET_CASE(tcp, kernel_gives_up),
    NET_CASE(tcp, taken_late),
    NET_CASE(tcp, full),
    NET_CASE(tcp, send_waits),
    NET_CASE(tcp, cut_short),
    NET_CASE(tcp, recv_waits),
    NET_CASE(tcp, ready),
    NET_CASE(tcp, stat_of),
    {0},
};
