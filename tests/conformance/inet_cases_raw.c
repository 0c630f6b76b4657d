/* SPDX-License-Identifier: MIT */
/*
 * inet_cases_raw.c - IP packets: ICMP echo, a protocol of our own, headers of our own
 *
 * raw(7): over IPv4 what is received begins with the IP header, what is sent doesn't unless
 * IP_HDRINCL is on; over IPv6 there is none either way, and the kernel computes and checks
 * ICMPv6's checksum.
 */
#define _GNU_SOURCE
#include "inet_room.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#define OURS 253 /* RFC 3692: for experiments */
#define N_DATA 56

struct echo {
    struct icmphdr head;
    uint8_t data[N_DATA];
};

struct own_packet {
    struct iphdr ip;
    char data[12];
};

static ssize_t get_soon(struct conf *c, struct hepta_sock *s, void *buf, size_t len)
{
    return net_ops(c)->recv(s, buf, len, hepta_in_ms(NET_LONG_MS));
}

static void make_echo(struct echo *e, uint16_t seq)
{
    memset(e, 0, sizeof(*e));
    e->head.type = ICMP_ECHO;
    e->head.un.echo.id = htons(0x4850);
    e->head.un.echo.sequence = htons(seq);
    for (int i = 0; i < N_DATA; i++)
        e->data[i] = (uint8_t)(i * 7 + seq);
    e->head.checksum = htons(net_checksum(e, sizeof(*e), 0));
}

/* The answer to @e behind a whole IP header; requests come by, too: lo delivers both. */
static void await_answer(struct conf *c, struct hepta_sock *s, const struct echo *e)
{
    struct {
        struct iphdr ip;
        struct echo echo;
        char more[64];
    } got;

    do
        EQ(c, get_soon(c, s, &got, sizeof(got)), sizeof(got.ip) + sizeof(got.echo));
    while (got.echo.head.type == ICMP_ECHO);
    EQ(c, got.ip.version, 4);
    EQ(c, got.ip.ihl, 5);
    EQ(c, got.ip.protocol, IPPROTO_ICMP);
    EQ(c, ntohs(got.ip.tot_len), sizeof(got.ip) + sizeof(got.echo));
    EQ(c, ntohl(got.ip.saddr), INADDR_LOOPBACK);
    EQ(c, net_checksum(&got.ip, sizeof(got.ip), 0), 0);
    EQ(c, got.echo.head.type, ICMP_ECHOREPLY);
    EQ(c, net_checksum(&got.echo, sizeof(got.echo), 0), 0);
    OK(c, got.echo.head.checksum != e->head.checksum);
    EQ(c, got.echo.head.un.echo.sequence, e->head.un.echo.sequence);
    OK(c, !memcmp(got.echo.data, e->data, N_DATA));
}

static void icmp_echo(struct conf *c)
{
    struct hepta_sock *s;
    struct echo e;

    net_begin(c);
    s = net_connect(c, "raw:icmp@127.0.0.1", 0);
    EQ(c, net_stat(c, s).type, HEPTA_SOCK_RAW);
    for (uint16_t seq = 1; seq <= 5; seq++) {
        make_echo(&e, seq);
        EQ(c, net_ops(c)->send(s, &e, sizeof(e), NET_EVER), sizeof(e));
        await_answer(c, s, &e);
    }
    net_close(c, s);
}

/* Unconnected: to an address, and the answer tells from whom. */
static void icmp_to_address(struct conf *c)
{
    struct hepta_sock *s;
    struct echo e;
    char buf[128];
    struct iovec iov = {buf, sizeof(buf)};
    struct hepta_sock_msg msg = {.size = sizeof(msg), .iov = &iov, .n_iov = 1};

    net_begin(c);
    s = net_listen(c, "raw:icmp@127.0.0.1", 0);
    make_echo(&e, 1);
    EQ(c, net_ops(c)->send(s, &e, sizeof(e), NET_EVER), -EDESTADDRREQ);
    EQ(c, net_send_to(c, s, "raw:icmp@127.0.0.1", &e, sizeof(e)), sizeof(e));
    EQ(c, net_ops(c)->recvmsg(s, &msg, hepta_in_ms(NET_LONG_MS)), sizeof(e) + 20);
    OK(c, !strcmp(msg.address, "raw:icmp@127.0.0.1"));
    EQ(c, msg.full_len, sizeof(e) + 20);
    net_close(c, s);
}

static void icmp_wrong_checksum(struct conf *c)
{
    struct hepta_sock *s;
    struct echo e;
    char buf[128];

    net_begin(c);
    s = net_connect(c, "raw:icmp@127.0.0.1", 0);
    make_echo(&e, 1);
    e.head.checksum ^= 1;
    EQ(c, net_ops(c)->send(s, &e, sizeof(e), NET_EVER), sizeof(e));
    EQ(c, get_soon(c, s, buf, sizeof(buf)), sizeof(e) + 20); /* our own request, by lo */
    EQ(c, net_ops(c)->recv(s, buf, sizeof(buf), hepta_in_ms(NET_SHORT_MS)), -ETIMEDOUT);
    make_echo(&e, 2);
    EQ(c, net_ops(c)->send(s, &e, sizeof(e), NET_EVER), sizeof(e));
    await_answer(c, s, &e);
    net_close(c, s);
}

/* Over what the checksum of ICMPv6 goes: addresses, length and protocol, from ::1 to ::1. */
static uint32_t pseudo_header(size_t len)
{
    return 1 + 1 + (uint32_t)len + IPPROTO_ICMPV6;
}

static void icmp6_echo(struct conf *c)
{
    struct {
        struct icmp6_hdr head;
        uint8_t data[N_DATA];
    } e = {.head = {.icmp6_type = ICMP6_ECHO_REQUEST}}, got;
    struct hepta_sock *s;

    net_begin(c);
    s = net_connect(c, "raw:icmp6@[::1]", 0);
    e.head.icmp6_id = htons(77);
    memset(e.data, 0x5a, N_DATA);
    EQ(c, net_ops(c)->send(s, &e, sizeof(e), NET_EVER), sizeof(e));
    do
        EQ(c, get_soon(c, s, &got, sizeof(got)), sizeof(got));
    while (got.head.icmp6_type == ICMP6_ECHO_REQUEST);
    EQ(c, got.head.icmp6_type, ICMP6_ECHO_REPLY);
    EQ(c, got.head.icmp6_id, htons(77));
    EQ(c, net_checksum(&got, sizeof(got), pseudo_header(sizeof(got))), 0);
    OK(c, !memcmp(got.data, e.data, N_DATA));
    net_close(c, s);
}

static void own_protocol(struct conf *c)
{
    struct hepta_sock *r, *w, *other;
    char buf[64];

    net_begin(c);
    r = net_listen(c, "raw:253@127.0.0.1", 0);
    other = net_listen(c, "raw:254@127.0.0.1", 0);
    w = net_connect(c, "raw:253@127.0.0.1", 0);
    EQ(c, net_ops(c)->send(w, "hello", 5, NET_EVER), 5);
    EQ(c, get_soon(c, r, buf, sizeof(buf)), 25);
    struct iphdr ip;
    memcpy(&ip, buf, sizeof(ip));
    EQ(c, ip.protocol, OURS);
    EQ(c, ntohs(ip.tot_len), 25);
    OK(c, !memcmp(buf + 20, "hello", 5));
    EQ(c, net_ops(c)->recv(other, buf, sizeof(buf), NET_NOW), -EAGAIN);
    net_close(c, r);
    net_close(c, w);
    net_close(c, other);
}

static void own_protocol_v6(struct conf *c)
{
    struct hepta_sock *r, *w;
    char buf[64];

    net_begin(c);
    r = net_listen(c, "raw:253@[::1]", 0);
    w = net_connect(c, "raw:253@[::1]", 0);
    EQ(c, net_ops(c)->send(w, "hello", 5, NET_EVER), 5);
    EQ(c, get_soon(c, r, buf, sizeof(buf)), 5); /* no header */
    OK(c, !memcmp(buf, "hello", 5));
    net_close(c, r);
    net_close(c, w);
}

/* Everybody who listens for the protocol gets a copy. */
static void copies(struct conf *c)
{
    struct hepta_sock *r[3], *w;
    char buf[64];

    net_begin(c);
    for (int i = 0; i < 3; i++)
        r[i] = net_listen(c, i < 2 ? "raw:253@127.0.0.1" : "raw:253@127.0.0.2", 0);
    w = net_connect(c, "raw:253@127.0.0.1", 0);
    EQ(c, net_ops(c)->send(w, "x", 1, NET_EVER), 1);
    EQ(c, get_soon(c, r[0], buf, sizeof(buf)), 21);
    EQ(c, get_soon(c, r[1], buf, sizeof(buf)), 21);
    EQ(c, net_ops(c)->recv(r[2], buf, sizeof(buf), NET_NOW), -EAGAIN); /* another address */
    for (int i = 0; i < 3; i++)
        net_close(c, r[i]);
    net_close(c, w);
}

static struct own_packet own_header(void)
{
    struct own_packet p = {
        .ip = {.version = 4, .ihl = 5, .ttl = 33, .tos = 0x10, .protocol = OURS,
               .saddr = htonl(0x7f000009), .daddr = htonl(INADDR_LOOPBACK)},
        .data = "own header",
    };

    return p;
}

/* raw(7): checksum and total length are always the kernel's; the rest as we said. */
static void header_included(struct conf *c)
{
    struct hepta_sock *r, *w;
    struct own_packet p = own_header(), got;
    char from[HEPTA_SOCK_ADDRESS_MAX];
    struct iovec iov = {&got, sizeof(got)};
    struct hepta_sock_msg msg = {.size = sizeof(msg), .iov = &iov, .n_iov = 1};

    net_begin(c);
    r = net_listen(c, "raw:253@127.0.0.1", 0);
    w = net_connect(c, "raw:255@127.0.0.1", HEPTA_SOCK_HDRINCL);
    p.ip.tot_len = htons(7);
    p.ip.check = 0x1234;
    EQ(c, net_ops(c)->send(w, &p, sizeof(p), NET_EVER), sizeof(p));
    EQ(c, net_ops(c)->recvmsg(r, &msg, hepta_in_ms(NET_LONG_MS)), sizeof(p));
    EQ(c, got.ip.ttl, 33);
    EQ(c, got.ip.tos, 0x10);
    EQ(c, got.ip.protocol, OURS);
    EQ(c, ntohl(got.ip.saddr), 0x7f000009);
    EQ(c, ntohs(got.ip.tot_len), sizeof(p));
    EQ(c, net_checksum(&got.ip, sizeof(got.ip), 0), 0);
    OK(c, !memcmp(got.data, p.data, sizeof(p.data)));
    snprintf(from, sizeof(from), "%s", msg.address);
    OK(c, !strcmp(from, "raw:253@127.0.0.9"));
    net_close(c, r);
    net_close(c, w);
}

/* raw(7): a source of 0 and a packet id of 0 are filled in. */
static void header_filled_in(struct conf *c)
{
    struct hepta_sock *r, *w;
    struct own_packet p = own_header(), got;

    net_begin(c);
    r = net_listen(c, "raw:253@127.0.0.1", 0);
    w = net_connect(c, "raw:253@127.0.0.1", HEPTA_SOCK_HDRINCL);
    p.ip.saddr = 0;
    EQ(c, net_ops(c)->send(w, &p, sizeof(p), NET_EVER), sizeof(p));
    EQ(c, get_soon(c, r, &got, sizeof(got)), sizeof(p));
    EQ(c, ntohl(got.ip.saddr), INADDR_LOOPBACK);
    OK(c, got.ip.id != 0);
    p.ip.id = htons(4711);
    EQ(c, net_ops(c)->send(w, &p, sizeof(p), NET_EVER), sizeof(p));
    EQ(c, get_soon(c, r, &got, sizeof(got)), sizeof(p));
    EQ(c, ntohs(got.ip.id), 4711);
    net_close(c, r);
    net_close(c, w);
}

/* Too short for a header, or one that says it is longer than the packet. */
static void header_wrong(struct conf *c)
{
    struct hepta_sock *w;
    struct own_packet p = own_header();

    net_begin(c);
    w = net_connect(c, "raw:253@127.0.0.1", HEPTA_SOCK_HDRINCL);
    EQ(c, net_ops(c)->send(w, &p, 19, NET_EVER), -EINVAL);
    p.ip.ihl = 15;
    EQ(c, net_ops(c)->send(w, &p, sizeof(p), NET_EVER), -EINVAL);
    net_close(c, w);
}

static void size_limit(struct conf *c)
{
    static char buf[65536 + 100];
    struct hepta_sock *r, *w;

    net_begin(c);
    r = net_listen(c, "raw:253@127.0.0.1", 0);
    w = net_connect(c, "raw:253@127.0.0.1", 0);
    EQ(c, net_ops(c)->send(w, buf, 65516, NET_EVER), -EMSGSIZE); /* 65535 - 20 + 1 */
    EQ(c, net_ops(c)->send(w, buf, 65515, NET_EVER), 65515);
    EQ(c, get_soon(c, r, buf, sizeof(buf)), 65535);
    net_close(c, r);
    net_close(c, w);
}

static void truncated(struct conf *c)
{
    struct hepta_sock *r, *w;
    char buf[24];
    struct iovec iov = {buf, sizeof(buf)};
    struct hepta_sock_msg msg = {.size = sizeof(msg), .iov = &iov, .n_iov = 1};

    net_begin(c);
    r = net_listen(c, "raw:253@127.0.0.1", 0);
    w = net_connect(c, "raw:253@127.0.0.1", 0);
    EQ(c, net_ops(c)->send(w, "0123456789", 10, NET_EVER), 10);
    EQ(c, net_ops(c)->recvmsg(r, &msg, hepta_in_ms(NET_LONG_MS)), sizeof(buf));
    EQ(c, msg.flags, HEPTA_SOCK_MSG_TRUNC);
    EQ(c, msg.full_len, 30);
    net_close(c, r);
    net_close(c, w);
}

static long try_raw(struct conf *c)
{
    long err = net_try_listen(c, "raw:icmp@127.0.0.1", NULL);

    EQ(c, net_try_connect(c, "raw:icmp@127.0.0.1", NULL, NET_EVER), err);
    EQ(c, net_try_connect(c, "raw:icmp6@[::1]", NULL, NET_EVER), err);
    EQ(c, net_try_listen(c, "raw:253@127.0.0.1", NULL), err);
    EQ(c, net_try_listen(c, "raw:packet@lo", NULL), err);
    return err;
}

static void without_capability(struct conf *c)
{
    net_begin(c);
    EQ(c, net_unprivileged(c, try_raw), -EPERM);
    EQ(c, try_raw(c), 0);
}

static void protocol_zero(struct conf *c)
{
    net_begin(c);
    EQ(c, net_try_listen(c, "raw:0@127.0.0.1", NULL), -EPROTONOSUPPORT);
    EQ(c, net_try_connect(c, "raw:0@[::1]", NULL, NET_EVER), -EPROTONOSUPPORT);
}

static void unknown_protocol(struct conf *c)
{
    static const char *const bad[] = {"raw:nosuch@127.0.0.1", "raw:256@127.0.0.1",
                                      "raw:1x@127.0.0.1", "raw:@127.0.0.1", "raw:tcp6@[::1]"};

    net_begin(c);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int err = net_try_listen(c, bad[i], NULL);

        if (err != -EINVAL && err != -EPROTONOSUPPORT)
            conf_fail(c, "%s: %d", bad[i], err);
    }
}

/* A protocol of the other family finds no address there. */
static void wrong_family(struct conf *c)
{
    net_begin(c);
    int v6 = net_try_listen(c, "raw:icmp6@127.0.0.1", NULL);
    int v4 = net_try_listen(c, "raw:icmp@[::1]", NULL);
    OK(c, v6 == -EINVAL || v6 == -ENOENT || v6 == -EAFNOSUPPORT);
    OK(c, v4 == -EINVAL || v4 == -ENOENT || v4 == -EAFNOSUPPORT);
}

const struct conf_case net_raw_cases[] = {
    NET_CASE(raw, icmp_echo),
    NET_CASE(raw, icmp_to_address),
    NET_CASE(raw, icmp_wrong_checksum),
    NET_CASE(raw, icmp6_echo),
    NET_CASE(raw, own_protocol),
    NET_CASE(raw, own_protocol_v6),
    NET_CASE(raw, copies),
    NET_CASE(raw, header_included),
    NET_CASE(raw, header_filled_in),
    NET_CASE(raw, header_wrong),
    NET_CASE(raw, size_limit),
    NET_CASE(raw, truncated),
    NET_CASE(raw, without_capability),
    NET_CASE(raw, protocol_zero),
    NET_HEPTA_CASE(raw, unknown_protocol),
    NET_HEPTA_CASE(raw, wrong_family),
    {0},
};
