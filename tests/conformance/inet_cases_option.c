/* SPDX-License-Identifier: MIT */
/*
 * inet_cases_option.c - the flags of hepta/sock.h that are socket options, what they do, and
 * what is so without them
 */
#define _GNU_SOURCE
#include "inet_room.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

static void nodelay(struct conf *c)
{
    struct net_pair p;

    net_begin(c);
    net_pair(c, &p, "tcp:127.0.0.1:0", 0);
    EQ(c, net_sockopt(c, p.a, IPPROTO_TCP, TCP_NODELAY), 0);
    EQ(c, net_sockopt(c, p.b, IPPROTO_TCP, TCP_NODELAY), 0);
    net_unpair(c, &p);
    net_pair(c, &p, "tcp:[::1]:0", HEPTA_SOCK_NODELAY);
    OK(c, net_sockopt(c, p.a, IPPROTO_TCP, TCP_NODELAY) != 0);
    OK(c, net_sockopt(c, p.b, IPPROTO_TCP, TCP_NODELAY) != 0); /* the listener's options */
    net_unpair(c, &p);
}

/* Leave a connection in TIME_WAIT on the listener's port: its side closes first. */
static int wait_state(struct conf *c, uint32_t flags)
{
    struct net_pair p;

    net_pair(c, &p, "tcp:127.0.0.1:0", flags);
    int port = net_port(net_local(c, p.l));
    net_close(c, p.b);
    EQ(c, net_get(c, p.a, 0, 1, hepta_in_ms(NET_LONG_MS)), 0);
    net_close(c, p.a);
    net_close(c, p.l);
    return port;
}

static void reuseaddr(struct conf *c)
{
    struct hepta_sock_options opt = {.size = sizeof(opt), .flags = HEPTA_SOCK_REUSEADDR};

    net_begin(c);
    EQ(c, net_try_listen(c, net_at("tcp:127.0.0.1", wait_state(c, 0)), NULL), -EADDRINUSE);
    int port = wait_state(c, HEPTA_SOCK_REUSEADDR);
    EQ(c, net_try_listen(c, net_at("tcp:127.0.0.1", port), &opt), 0);
    /* Somebody who listens is still in the way. */
    struct hepta_sock *l = net_listen(c, net_at("tcp:127.0.0.1", port), HEPTA_SOCK_REUSEADDR);
    EQ(c, net_try_listen(c, net_at("tcp:127.0.0.1", port), &opt), -EADDRINUSE);
    net_close(c, l);
}

static void reuseaddr_udp(struct conf *c)
{
    struct hepta_sock_options opt = {.size = sizeof(opt), .flags = HEPTA_SOCK_REUSEADDR};
    struct hepta_sock *s;

    net_begin(c);
    s = net_listen(c, "udp:127.0.0.1:0", HEPTA_SOCK_REUSEADDR);
    const char *at = net_at("udp:127.0.0.1", net_port(net_local(c, s)));
    EQ(c, net_try_listen(c, at, NULL), -EADDRINUSE);
    EQ(c, net_try_listen(c, at, &opt), 0);
    net_close(c, s);
}

static void reuseport(struct conf *c)
{
    struct hepta_sock_options opt = {.size = sizeof(opt), .flags = HEPTA_SOCK_REUSEPORT};
    static const char *const heads[] = {"tcp:127.0.0.1", "tcp:[::1]", "udp:127.0.0.1",
                                        "udp:[::1]"};

    net_begin(c);
    for (int i = 0; i < 4; i++) {
        struct hepta_sock *s = net_listen(c, net_at(heads[i], 0), HEPTA_SOCK_REUSEPORT);
        const char *at = net_at(heads[i], net_port(net_local(c, s)));

        EQ(c, net_try_listen(c, at, NULL), -EADDRINUSE); /* all must have it */
        EQ(c, net_try_listen(c, at, &opt), 0);
        net_close(c, s);
    }
}

/* Two listeners on one port: what is connected to goes to the one or the other. */
static void reuseport_shares(struct conf *c)
{
    enum { N = 40 };
    struct hepta_sock *l[2], *a[N], *b;
    int n[2] = {0, 0};
    struct pollfd p;

    net_begin(c);
    l[0] = net_listen(c, "tcp:127.0.0.1:0", HEPTA_SOCK_REUSEPORT);
    l[1] = net_listen(c, net_local(c, l[0]), HEPTA_SOCK_REUSEPORT);
    for (int i = 0; i < N; i++)
        a[i] = net_connect(c, net_local(c, l[0]), 0);
    for (int i = 0; i < 2; i++)
        while (net_ops(c)->pollfd(l[i], POLLIN, &p) == 0 && poll(&p, 1, 0) == 1) {
            b = net_accept(c, l[i]);
            net_close(c, b);
            n[i]++;
        }
    EQ(c, n[0] + n[1], N);
    OK(c, n[0] > 0 && n[1] > 0);
    for (int i = 0; i < N; i++)
        net_close(c, a[i]);
    net_close(c, l[0]);
    net_close(c, l[1]);
}

static void v6only(struct conf *c)
{
    struct hepta_sock *l;
    int port;

    net_begin(c);
    l = net_listen(c, "tcp:[::]:0", 0);
    port = net_port(net_local(c, l));
    EQ(c, net_try_connect(c, net_at("tcp:127.0.0.1", port), NULL, hepta_in_ms(NET_LONG_MS)), 0);
    EQ(c, net_try_listen(c, net_at("tcp:0.0.0.0", port), NULL), -EADDRINUSE);
    net_close(c, l);
    l = net_listen(c, "tcp:[::]:0", HEPTA_SOCK_V6ONLY);
    port = net_port(net_local(c, l));
    EQ(c, net_try_connect(c, net_at("tcp:127.0.0.1", port), NULL, hepta_in_ms(NET_LONG_MS)),
       -ECONNREFUSED);
    EQ(c, net_try_connect(c, net_at("tcp:[::1]", port), NULL, hepta_in_ms(NET_LONG_MS)), 0);
    EQ(c, net_try_listen(c, net_at("tcp:0.0.0.0", port), NULL), 0);
    net_close(c, l);
}

/* The default is the interface's, not what bindv6only of the host says. */
static void v6only_default(struct conf *c)
{
    struct hepta_sock *l;

    net_begin(c);
    net_sysctl(c, "ipv6/bindv6only", "1");
    l = net_listen(c, "udp:[::]:0", 0);
    EQ(c, net_sockopt(c, l, IPPROTO_IPV6, IPV6_V6ONLY), 0);
    net_close(c, l);
    l = net_listen(c, "udp:[::]:0", HEPTA_SOCK_V6ONLY);
    EQ(c, net_sockopt(c, l, IPPROTO_IPV6, IPV6_V6ONLY), 1);
    net_close(c, l);
}

/* An IPv4 peer of an IPv6 socket has a mapped address, in text or underneath; it can be sent
 * back to. */
static void v4_mapped(struct conf *c)
{
    struct hepta_sock *r, *w;
    char buf[8];
    struct iovec iov = {buf, sizeof(buf)};
    struct hepta_sock_msg msg = {.size = sizeof(msg), .iov = &iov, .n_iov = 1};

    net_begin(c);
    r = net_listen(c, "udp:[::]:0", 0);
    w = net_connect(c, net_at("udp:127.0.0.1", net_port(net_local(c, r))), 0);
    EQ(c, net_put(c, w, 0, 4, NET_EVER), 4);
    EQ(c, net_ops(c)->recvmsg(r, &msg, hepta_in_ms(NET_LONG_MS)), 4);
    EQ(c, strncmp(msg.address, "udp:[::ffff:127.0.0.1]:", 23) != 0, DIFFERS(c, 0, 1));
    EQ(c, strncmp(msg.address, "udp:127.0.0.1:", 14) != 0, DIFFERS(c, 1, 0));
    EQ(c, net_send_to(c, r, msg.address, "back", 4), 4);
    EQ(c, net_ops(c)->recv(w, buf, sizeof(buf), hepta_in_ms(NET_LONG_MS)), 4);
    OK(c, !memcmp(buf, "back", 4));
    net_close(c, r);
    net_close(c, w);
}

/* 127.255.255.255 is the broadcast address of lo. */
static void broadcast(struct conf *c)
{
    struct hepta_sock *w;
    struct hepta_sock_options opt = {.size = sizeof(opt), .flags = HEPTA_SOCK_BROADCAST};

    net_begin(c);
    w = net_listen(c, "udp:127.0.0.1:0", 0);
    EQ(c, net_send_to(c, w, "udp:127.255.255.255:7000", "x", 1), -EACCES);
    EQ(c, net_try_connect(c, "udp:127.255.255.255:7000", NULL, hepta_in_ms(NET_LONG_MS)),
       -EACCES);
    net_close(c, w);
    w = net_listen(c, "udp:127.0.0.1:0", HEPTA_SOCK_BROADCAST);
    EQ(c, net_send_to(c, w, "udp:127.255.255.255:7000", "x", 1), 1);
    EQ(c, net_try_connect(c, "udp:127.255.255.255:7000", &opt, hepta_in_ms(NET_LONG_MS)), 0);
    net_close(c, w);
}

static void broadcast_arrives(struct conf *c)
{
    struct hepta_sock *r, *w;

    net_begin(c);
    r = net_listen(c, "udp:0.0.0.0:7000", 0);
    w = net_listen(c, "udp:127.0.0.1:0", HEPTA_SOCK_BROADCAST);
    EQ(c, net_send_to(c, w, "udp:127.255.255.255:7000", "\0\1\2", 3), 3);
    EQ(c, net_get(c, r, 0, 10, hepta_in_ms(NET_LONG_MS)), 3);
    net_close(c, r);
    net_close(c, w);
}

/* The kernel doubles what is asked for (socket(7)). */
static void buffers(struct conf *c)
{
    struct hepta_sock_options opt = {.size = sizeof(opt), .capacity = 32768};
    struct hepta_sock *s = NULL;

    net_begin(c);
    EQ(c, net_ops(c)->listen(&s, "udp:127.0.0.1:0", &opt), 0);
    EQ(c, net_sockopt(c, s, SOL_SOCKET, SO_SNDBUF), 65536);
    EQ(c, net_sockopt(c, s, SOL_SOCKET, SO_RCVBUF), 65536);
    EQ(c, net_stat(c, s).capacity, 65536);
    net_close(c, s);
}

static void connect_from(struct conf *c)
{
    struct hepta_sock_options opt = {.size = sizeof(opt), .local = "tcp:127.0.0.5:7123"};
    struct hepta_sock *l, *a = NULL, *b;

    net_begin(c);
    l = net_listen(c, "tcp:127.0.0.1:0", 0);
    EQ(c, net_ops(c)->connect(&a, net_local(c, l), &opt, hepta_in_ms(NET_LONG_MS)), 0);
    b = net_accept(c, l);
    OK(c, !strcmp(net_local(c, a), "tcp:127.0.0.5:7123"));
    OK(c, !strcmp(net_peer(c, b), "tcp:127.0.0.5:7123"));
    opt.local = "tcp:192.0.2.1:0";
    EQ(c, net_try_connect(c, net_local(c, l), &opt, hepta_in_ms(NET_LONG_MS)), -EADDRNOTAVAIL);
    opt.local = net_at("tcp:127.0.0.1", net_port(net_local(c, l)));
    EQ(c, net_try_connect(c, "tcp:127.0.0.1:7", &opt, hepta_in_ms(NET_LONG_MS)), -EADDRINUSE);
    net_close(c, a);
    net_close(c, b);
    net_close(c, l);
}

static void not_for_this_address(struct conf *c)
{
    static const struct {
        const char *at;
        uint32_t flags;
    } bad[] = {
        {"udp:127.0.0.1:0", HEPTA_SOCK_NODELAY},      {"udp:127.0.0.1:0", HEPTA_SOCK_RECORDS},
        {"tcp:127.0.0.1:0", HEPTA_SOCK_BROADCAST},    {"tcp:127.0.0.1:0", HEPTA_SOCK_HDRINCL},
        {"tcp:127.0.0.1:0", 1u << 30},                {"raw:icmp@127.0.0.1", HEPTA_SOCK_NODELAY},
        {"raw:icmp@127.0.0.1", HEPTA_SOCK_RECORDS},   {"udp:127.0.0.1:0", HEPTA_SOCK_HDRINCL},
        {"raw:253@[::1]", HEPTA_SOCK_HDRINCL},          {"raw:packet@lo", HEPTA_SOCK_HDRINCL},
        {"kernel.unix:@x", HEPTA_SOCK_NODELAY},       {"kernel.unix:@x", HEPTA_SOCK_V6ONLY},
    };

    net_begin(c);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct hepta_sock_options opt = {.size = sizeof(opt), .flags = bad[i].flags};
        int err = net_try_listen(c, bad[i].at, &opt);

        if (err != -EINVAL)
            conf_fail(c, "%s with flag %u: %d", bad[i].at, bad[i].flags, err);
    }
}

static void wrong_type(struct conf *c)
{
    static const struct {
        const char *at;
        uint32_t type;
    } bad[] = {
        {"tcp:127.0.0.1:0", HEPTA_SOCK_DGRAM},     {"tcp:127.0.0.1:0", HEPTA_SOCK_SEQPACKET},
        {"udp:127.0.0.1:0", HEPTA_SOCK_STREAM},    {"raw:icmp@127.0.0.1", HEPTA_SOCK_STREAM},
        {"tcp:127.0.0.1:0", HEPTA_SOCK_RAW},       {"tcp:127.0.0.1:0", 17},
    };

    net_begin(c);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct hepta_sock_options opt = {.size = sizeof(opt), .type = bad[i].type};
        int err = net_try_listen(c, bad[i].at, &opt);

        if (err != -EINVAL && err != -EPROTONOSUPPORT)
            conf_fail(c, "%s with type %u: %d", bad[i].at, bad[i].type, err);
    }
}

const struct conf_case net_option_cases[] = {
    NET_CASE(option, nodelay),
    NET_CASE(option, reuseaddr),
    NET_CASE(option, reuseaddr_udp),
    NET_CASE(option, reuseport),
    NET_CASE(option, reuseport_shares),
    NET_CASE(option, v6only),
    NET_CASE(option, v6only_default),
    {"option.v4_mapped", v4_mapped, NET_ROOT, "inet-v4-as-such", NULL, 0},
    NET_CASE(option, broadcast),
    NET_CASE(option, broadcast_arrives),
    NET_CASE(option, buffers),
    NET_CASE(option, connect_from),
    NET_HEPTA_CASE(option, not_for_this_address),
    NET_HEPTA_CASE(option, wrong_type),
    {0},
};
