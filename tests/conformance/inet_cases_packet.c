/* SPDX-License-Identifier: MIT */
/*
 * inet_cases_packet.c - all packets of an interface: raw:packet@lo
 *
 * packet(7): with the link level's header, for lo 14 bytes of an Ethernet's. lo shows each
 * packet twice, going out and coming in.
 */
#define _GNU_SOURCE
#include "inet_room.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <string.h>

struct frame {
    struct ether_header eth;
    struct iphdr ip;
    struct udphdr udp;
    char data[2000];
} __attribute__((packed));

static void no_packets(struct conf *c, struct hepta_sock *s)
{
    struct frame f;

    while (net_ops(c)->recv(s, &f, sizeof(f), NET_NOW) >= 0)
        continue;
}

/* The next packet that is UDP over IPv4 to @port; its length. */
static ssize_t capture(struct conf *c, struct hepta_sock *s, struct frame *f, int port)
{
    for (;;) {
        ssize_t n = net_ops(c)->recv(s, f, sizeof(*f), hepta_in_ms(NET_LONG_MS));

        if (n < 0)
            conf_fail(c, "nothing captured: %zd", n);
        if (n >= (ssize_t)offsetof(struct frame, data) && f->eth.ether_type == htons(ETH_P_IP) &&
            f->ip.protocol == IPPROTO_UDP && f->udp.dest == htons((uint16_t)port))
            return n;
    }
}

static void own_datagram(struct conf *c)
{
    struct hepta_sock *s, *r, *w;
    struct frame f;

    net_begin(c);
    s = net_listen(c, "raw:packet@lo", 0);
    EQ(c, net_stat(c, s).type, HEPTA_SOCK_RAW);
    r = net_listen(c, "udp:127.0.0.1:7000", 0);
    w = net_connect(c, "udp:127.0.0.1:7000", 0);
    for (int i = 0; i < 3; i++) {
        EQ(c, net_ops(c)->send(w, "a datagram to be found", 22, NET_EVER), 22);
        EQ(c, capture(c, s, &f, 7000), offsetof(struct frame, data) + 22);
        EQ(c, ntohl(f.ip.saddr), 0x7f000001);
        EQ(c, ntohs(f.ip.tot_len), 20 + 8 + 22);
        EQ(c, net_checksum(&f.ip, sizeof(f.ip), 0), 0);
        EQ(c, ntohs(f.udp.source), net_port(net_local(c, w)));
        EQ(c, ntohs(f.udp.len), 8 + 22);
        OK(c, !memcmp(f.data, "a datagram to be found", 22));
        no_packets(c, s);
    }
    net_close(c, s);
    net_close(c, r);
    net_close(c, w);
}

static void truncated(struct conf *c)
{
    struct hepta_sock *s, *w;
    struct frame f;
    struct iovec iov = {&f, 50};
    struct hepta_sock_msg msg = {.size = sizeof(msg), .iov = &iov, .n_iov = 1};

    net_begin(c);
    s = net_listen(c, "raw:packet@lo", 0);
    w = net_connect(c, "udp:127.0.0.1:7000", 0);
    EQ(c, net_put(c, w, 0, 1000, NET_EVER), 1000);
    EQ(c, net_ops(c)->recvmsg(s, &msg, hepta_in_ms(NET_LONG_MS)), 50);
    EQ(c, msg.flags, HEPTA_SOCK_MSG_TRUNC);
    EQ(c, msg.full_len, offsetof(struct frame, data) + 1000);
    net_close(c, s);
    net_close(c, w);
}

/* What was captured is sent again and arrives as the same datagram: as one from outside, so
 * addresses of lo must be allowed there. Its checksum was left to the interface: 0 is none. */
static void sent_again(struct conf *c)
{
    struct hepta_sock *s, *r, *w;
    struct frame f;

    net_begin(c);
    net_sysctl(c, "ipv4/conf/lo/route_localnet", "1");
    net_sysctl(c, "ipv4/conf/lo/accept_local", "1");
    s = net_listen(c, "raw:packet@lo", 0);
    r = net_listen(c, "udp:127.0.0.1:7000", 0);
    w = net_connect(c, "udp:127.0.0.1:7000", 0);
    EQ(c, net_put(c, w, 0, 100, NET_EVER), 100);
    ssize_t n = capture(c, s, &f, 7000);
    f.udp.check = 0;
    EQ(c, net_get(c, r, 0, 200, hepta_in_ms(NET_LONG_MS)), 100);
    EQ(c, net_ops(c)->send(s, &f, (size_t)n, NET_EVER), n);
    EQ(c, net_get(c, r, 0, 200, hepta_in_ms(NET_LONG_MS)), 100);
    net_close(c, s);
    net_close(c, r);
    net_close(c, w);
}

static void waits(struct conf *c)
{
    struct hepta_sock *s, *w;
    struct frame f;

    net_begin(c);
    w = net_connect(c, "udp:127.0.0.1:7000", 0);
    s = net_listen(c, "raw:packet@lo", 0);
    no_packets(c, s);
    EQ(c, net_ops(c)->recv(s, &f, sizeof(f), NET_NOW), -EAGAIN);
    EQ(c, net_poll(c, s, POLLIN, 0), 0);
    EQ(c, net_put(c, w, 0, 10, NET_EVER), 10);
    OK(c, net_poll(c, s, POLLIN, NET_LONG_MS) & POLLIN);
    net_close(c, s);
    net_close(c, w);
}

static void unknown_interface(struct conf *c)
{
    net_begin(c);
    EQ(c, net_try_listen(c, "raw:packet@nosuch0", NULL), -ENODEV);
    EQ(c, net_try_listen(c, "raw:packet@an-interface-with-a-long-name", NULL), -ENODEV);
}

const struct conf_case net_packet_cases[] = {
    NET_CASE(packet, own_datagram),
    NET_CASE(packet, truncated),
    NET_CASE(packet, sent_again),
    NET_CASE(packet, waits),
    NET_CASE(packet, unknown_interface),
    {0},
};
