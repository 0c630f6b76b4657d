/* SPDX-License-Identifier: MIT */
/*
 * inet_cases_address.c - hosts, names and ports
 */
#define _GNU_SOURCE
#include "inet_room.h"

#include <errno.h>
#include <string.h>

static const char *const first_bytes = "0123456789";

/* A few bytes each way over whatever @address says, port 0 given. */
static void talk(struct conf *c, const char *address)
{
    struct net_pair p;

    net_pair(c, &p, address, 0);
    EQ(c, net_put(c, p.a, 0, 1000, NET_EVER), 1000);
    net_get_all(c, p.b, 0, 1000);
    EQ(c, net_put(c, p.b, 5, 1000, NET_EVER), 1000);
    net_get_all(c, p.a, 5, 1000);
    net_unpair(c, &p);
}

static void talk_udp(struct conf *c, const char *address)
{
    struct hepta_sock *r = net_listen(c, address, 0);
    struct hepta_sock *w = net_connect(c, net_local(c, r), 0);
    char buf[16];

    EQ(c, net_ops(c)->send(w, first_bytes, 10, NET_EVER), 10);
    EQ(c, net_ops(c)->recv(r, buf, sizeof(buf), hepta_in_ms(NET_LONG_MS)), 10);
    OK(c, !memcmp(buf, first_bytes, 10));
    net_close(c, r);
    net_close(c, w);
}

static void ipv4(struct conf *c)
{
    net_begin(c);
    talk(c, "tcp:127.0.0.1:0");
    talk_udp(c, "udp:127.0.0.1:0");
}

static void ipv6(struct conf *c)
{
    net_begin(c);
    talk(c, "tcp:[::1]:0");
    talk_udp(c, "udp:[::1]:0");
}

static void localhost(struct conf *c)
{
    net_begin(c);
    talk(c, "tcp:localhost:0");
    talk_udp(c, "udp:localhost:0");
}

/* A server on one family only is found behind a name that may have both. */
static void name_tries_all(struct conf *c)
{
    struct hepta_sock *l;

    net_begin(c);
    l = net_listen(c, "tcp:127.0.0.1:0", 0);
    EQ(c, net_try_connect(c, net_at("tcp:localhost", net_port(net_local(c, l))), NULL,
                          hepta_in_ms(NET_LONG_MS)), 0);
    net_close(c, l);
}

/* Nobody there by any of its addresses: the reason is told, not "no such name". */
static void name_refused(struct conf *c)
{
    net_begin(c);
    EQ(c, net_try_connect(c, "tcp:localhost:9", NULL, hepta_in_ms(NET_LONG_MS)), -ECONNREFUSED);
}

/* Without a host a listener takes everything, and connecting means this host. */
static void no_host(struct conf *c)
{
    struct hepta_sock *l;
    int port;

    net_begin(c);
    l = net_listen(c, "tcp::0", 0);
    port = net_port(net_local(c, l));
    OK(c, port > 0);
    EQ(c, net_try_connect(c, net_at("tcp:127.0.0.1", port), NULL, hepta_in_ms(NET_LONG_MS)), 0);
    EQ(c, net_try_connect(c, net_at("tcp:[::1]", port), NULL, hepta_in_ms(NET_LONG_MS)), 0);
    EQ(c, net_try_connect(c, net_at("tcp:", port), NULL, hepta_in_ms(NET_LONG_MS)), 0);
    net_close(c, l);
}

static void no_host_udp(struct conf *c)
{
    struct hepta_sock *r, *w;
    char buf[16], at[HEPTA_SOCK_ADDRESS_MAX];
    const char *const hosts[] = {"udp:127.0.0.1", "udp:[::1]", "udp:"};

    net_begin(c);
    r = net_listen(c, "udp::0", 0);
    snprintf(at, sizeof(at), "%s", net_local(c, r));
    for (int i = 0; i < 3; i++) {
        w = net_connect(c, net_at(hosts[i], net_port(at)), 0);
        EQ(c, net_ops(c)->send(w, first_bytes, 3, NET_EVER), 3);
        EQ(c, net_ops(c)->recv(r, buf, sizeof(buf), hepta_in_ms(NET_LONG_MS)), 3);
        net_close(c, w);
    }
    net_close(c, r);
}

static void port_zero(struct conf *c)
{
    static const char *const at[] = {
        "tcp:127.0.0.1:0", "tcp:[::1]:0", "udp:127.0.0.1:0", "udp:[::1]:0",
    };

    net_begin(c);
    for (int i = 0; i < 4; i++) {
        struct hepta_sock *a = net_listen(c, at[i], 0), *b = net_listen(c, at[i], 0);
        int one = net_port(net_local(c, a)), two = net_port(net_local(c, b));

        OK(c, one >= 1024 && one <= 65535 && two >= 1024 && two <= 65535 && one != two);
        net_close(c, a);
        net_close(c, b);
    }
}

static void ports(struct conf *c)
{
    static const int all[] = {1, 22, 1023, 1024, 32768, 49152, 65534, 65535};
    static const char *const heads[] = {"tcp:127.0.0.1", "tcp:[::1]", "udp:127.0.0.1",
                                        "udp:[::1]"};

    net_begin(c);
    for (int i = 0; i < 4; i++)
        for (size_t k = 0; k < sizeof(all) / sizeof(all[0]); k++) {
            struct hepta_sock *s = net_listen(c, net_at(heads[i], all[k]), 0);

            EQ(c, net_port(net_local(c, s)), all[k]);
            EQ(c, net_try_connect(c, net_at(heads[i], all[k]), NULL, hepta_in_ms(NET_LONG_MS)),
               0);
            net_close(c, s);
        }
}

static long listen_at_1023(struct conf *c)
{
    long tcp = net_try_listen(c, "tcp:127.0.0.1:1023", NULL);

    EQ(c, net_try_listen(c, "tcp:[::1]:1", NULL), tcp);
    EQ(c, net_try_listen(c, "udp:127.0.0.1:1023", NULL), tcp);
    EQ(c, net_try_listen(c, "udp:[::1]:53", NULL), tcp);
    EQ(c, net_try_listen(c, "tcp:127.0.0.1:1024", NULL), 0);
    EQ(c, net_try_listen(c, "udp:[::1]:1024", NULL), 0);
    return tcp;
}

/* The limit is this namespace's own, 1024 unless somebody sets it. */
static void below_1024(struct conf *c)
{
    net_begin(c);
    net_sysctl(c, "ipv4/ip_unprivileged_port_start", "1024");
    EQ(c, net_unprivileged(c, listen_at_1023), -EACCES);
    net_sysctl(c, "ipv4/ip_unprivileged_port_start", "1");
    EQ(c, net_unprivileged(c, listen_at_1023), 0);
}

static long connect_from_1023(struct conf *c)
{
    struct hepta_sock_options opt = {.size = sizeof(opt), .local = "tcp:127.0.0.1:1023"};

    return net_try_connect(c, "tcp:127.0.0.1:7000", &opt, hepta_in_ms(NET_LONG_MS));
}

static void below_1024_local(struct conf *c)
{
    struct hepta_sock *l;

    net_begin(c);
    l = net_listen(c, "tcp:127.0.0.1:7000", 0);
    EQ(c, net_unprivileged(c, connect_from_1023), -EACCES);
    EQ(c, connect_from_1023(c), 0);
    net_close(c, l);
}

static void in_use(struct conf *c)
{
    static const char *const at[] = {"tcp:127.0.0.1", "tcp:[::1]", "udp:127.0.0.1", "udp:[::1]"};

    net_begin(c);
    for (int i = 0; i < 4; i++) {
        struct hepta_sock *s = net_listen(c, net_at(at[i], 0), 0);
        const char *again = net_at(at[i], net_port(net_local(c, s)));

        EQ(c, net_try_listen(c, again, NULL), -EADDRINUSE);
        net_close(c, s);
        EQ(c, net_try_listen(c, again, NULL), 0);
    }
}

/* 192.0.2.0/24 and 2001:db8::/32 are for documentation: nobody's. */
static void not_ours(struct conf *c)
{
    net_begin(c);
    EQ(c, net_try_listen(c, "tcp:192.0.2.1:0", NULL), -EADDRNOTAVAIL);
    EQ(c, net_try_listen(c, "udp:192.0.2.1:0", NULL), -EADDRNOTAVAIL);
    EQ(c, net_try_listen(c, "tcp:[2001:db8::1]:0", NULL), -EADDRNOTAVAIL);
    EQ(c, net_try_listen(c, "udp:[2001:db8::1]:0", NULL), -EADDRNOTAVAIL);
}

static void no_route(struct conf *c)
{
    net_begin(c);
    EQ(c, net_try_connect(c, "tcp:192.0.2.1:7", NULL, hepta_in_ms(NET_LONG_MS)), -ENETUNREACH);
    EQ(c, net_try_connect(c, "udp:192.0.2.1:7", NULL, hepta_in_ms(NET_LONG_MS)), -ENETUNREACH);
    EQ(c, net_try_connect(c, "tcp:[2001:db8::1]:7", NULL, hepta_in_ms(NET_LONG_MS)),
       -ENETUNREACH);
}

static void in_text(struct conf *c)
{
    struct net_pair p;

    net_begin(c);
    net_pair(c, &p, "tcp:127.0.0.1:0", 0);
    OK(c, !strncmp(net_local(c, p.l), "tcp:127.0.0.1:", 14));
    OK(c, !strcmp(net_peer(c, p.a), net_local(c, p.l)));
    OK(c, !strcmp(net_peer(c, p.b), net_local(c, p.a)));
    OK(c, !strcmp(net_peer(c, p.l), ""));
    net_unpair(c, &p);
    net_pair(c, &p, "tcp:[::1]:0", 0);
    OK(c, !strncmp(net_local(c, p.l), "tcp:[::1]:", 10));
    OK(c, !strcmp(net_peer(c, p.b), net_local(c, p.a)));
    net_unpair(c, &p);
}

static void malformed(struct conf *c)
{
    static const char *const bad[] = {
        "", "tcp", "tcp:", "tcp:127.0.0.1", "tcp:127.0.0.1:", "tcp:127.0.0.1:65536",
        "tcp:127.0.0.1:-1", "tcp:127.0.0.1:80x", "tcp:127.0.0.1: 80", "tcp:127.0.0.1:+80",
        "tcp:127.0.0.1:99999999999", "tcp:[::1]", "tcp:[::1", "tcp:[::1:80", "tcp:[::1]80",
        "tcp:[]:80", "tcp:::1:80", "tcp:127.0.0.1:http", "udp:", "udp:127.0.0.1", "raw:", "raw:icmp", "raw:@127.0.0.1", "raw:256@127.0.0.1",
        "raw:-1@127.0.0.1", "raw:packet@",
    };

    net_begin(c);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int l = net_try_listen(c, bad[i], NULL);
        int k = net_try_connect(c, bad[i], NULL, hepta_in_ms(NET_LONG_MS));

        if (l != -EINVAL || k != -EINVAL)
            conf_fail(c, "'%s' gives %d to listen, %d to connect", bad[i], l, k);
    }
}

static void unknown_scheme(struct conf *c)
{
    static const char *const bad[] = {"sctp:127.0.0.1:80", "TCP:127.0.0.1:80",
                                      "kernel.tcp:127.0.0.1:80", ":127.0.0.1:80"};

    net_begin(c);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        EQ(c, net_try_listen(c, bad[i], NULL), -EAFNOSUPPORT);
        EQ(c, net_try_connect(c, bad[i], NULL, NET_EVER), -EAFNOSUPPORT);
    }
}

/* Every prefix of good addresses, and one with each byte changed: an error or a socket, and
 * nothing left behind (the frame counts descriptors). */
static void garbled(struct conf *c)
{
    static const char *const good[] = {"tcp:127.0.0.1:7001", "udp:[::1]:7001",
                                       "raw:icmp@127.0.0.1", "raw:packet@lo"};
    char text[HEPTA_SOCK_ADDRESS_MAX];

    net_begin(c);
    for (int g = 0; g < 4; g++)
        for (size_t i = 0; i < strlen(good[g]); i++) {
            snprintf(text, sizeof(text), "%.*s", (int)i, good[g]);
            OK(c, net_try_listen(c, text, NULL) <= 0);
            snprintf(text, sizeof(text), "%s", good[g]);
            text[i] = '[';
            OK(c, net_try_listen(c, text, NULL) <= 0);
        }
}

static void long_host(struct conf *c)
{
    char text[2 * HEPTA_SOCK_ADDRESS_MAX] = "tcp:";
    size_t head = strlen(text);

    net_begin(c);
    memset(text + head, 'a', sizeof(text) - head - 4);
    memcpy(text + sizeof(text) - 4, ":80", 4);
    int err = net_try_connect(c, text, NULL, hepta_in_ms(NET_LONG_MS));
    OK(c, err == -ENAMETOOLONG || err == -EINVAL || err == -ENOENT);
}

static void unknown_name(struct conf *c)
{
    net_begin(c);
    EQ(c, net_try_connect(c, "tcp:no-such-host.invalid:80", NULL, hepta_in_ms(NET_LONG_MS)),
       -ENOENT);
    EQ(c, net_try_listen(c, "udp:no-such-host.invalid:80", NULL), -ENOENT);
}

const struct conf_case net_address_cases[] = {
    NET_CASE(address, ipv4),
    NET_CASE(address, ipv6),
    NET_CASE(address, localhost),
    NET_CASE(address, name_tries_all),
    NET_CASE(address, name_refused),
    NET_CASE(address, no_host),
    NET_CASE(address, no_host_udp),
    NET_CASE(address, port_zero),
    NET_CASE(address, ports),
    NET_CASE(address, below_1024),
    NET_CASE(address, below_1024_local),
    NET_CASE(address, in_use),
    NET_CASE(address, not_ours),
    NET_CASE(address, no_route),
    NET_CASE(address, in_text),
    NET_CASE(address, unknown_name),
    NET_HEPTA_CASE(address, malformed),
    NET_HEPTA_CASE(address, unknown_scheme),
    NET_HEPTA_CASE(address, garbled),
    NET_HEPTA_CASE(address, long_host),
    {0},
};
