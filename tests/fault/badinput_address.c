/* SPDX-License-Identifier: MIT */
/*
 * badinput_address.c - see badinput_sock.h: addresses that must be refused, and types and
 * flags that don't fit one. Nothing here may reach a resolver: what is malformed is refused
 * before.
 */
#define _GNU_SOURCE
#include "badinput_sock.h"

#include "../lib/t.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *text;
    int err;
} bad[] = {
    {"", -EINVAL}, {"x", -EINVAL}, {"unix", -EINVAL}, {"tcp", -EINVAL}, {" ", -EINVAL},
    {":", -EAFNOSUPPORT}, {":80", -EAFNOSUPPORT}, {"http://localhost:80", -EAFNOSUPPORT},
    {"TCP:127.0.0.1:80", -EAFNOSUPPORT}, {"tcp4:127.0.0.1:80", -EAFNOSUPPORT},
    {" tcp:127.0.0.1:80", -EAFNOSUPPORT}, {"kernel.tcp:127.0.0.1:80", -EAFNOSUPPORT},
    {"kernel.:x", -EAFNOSUPPORT}, {"unix@x:", -EAFNOSUPPORT},
    {"unix:", -EINVAL}, {"unix:@", -EINVAL}, {"kernel.unix:", -EINVAL}, {"kernel.unix:@", -EINVAL},
    {"tcp:", -EINVAL}, {"tcp:localhost", -EINVAL}, {"tcp:80", -EINVAL}, {"tcp::", -EINVAL},
    {"tcp:127.0.0.1", -EINVAL}, {"tcp:127.0.0.1:", -EINVAL}, {"tcp:127.0.0.1:x", -EINVAL},
    {"tcp:127.0.0.1:-1", -EINVAL}, {"tcp:127.0.0.1:+1", -EINVAL}, {"tcp:127.0.0.1: 1", -EINVAL},
    {"tcp:127.0.0.1:1 ", -EINVAL}, {"tcp:127.0.0.1:01", -EINVAL}, {"tcp:127.0.0.1:0x1", -EINVAL},
    {"tcp:127.0.0.1:65536", -EINVAL}, {"tcp:127.0.0.1:99999999999999999999", -EINVAL},
    {"tcp:127.0.0.1:1.5", -EINVAL}, {"tcp:127.0.0.1:80:90", -EINVAL},
    {"tcp:127.0.0.1\n:1", -EINVAL},
    {"tcp:127.1:80", -EINVAL}, {"tcp:1:80", -EINVAL}, {"tcp:0x7f000001:80", -EINVAL},
    {"tcp:0x7f.1:80", -EINVAL}, {"tcp:127.0.0.256:80", -EINVAL}, {"tcp:1.2.3.4.5:80", -EINVAL},
    {"tcp:127.0.0.1.:80", -EINVAL}, {"tcp:.:80", -EINVAL}, {"tcp:..:80", -EINVAL},
    {"tcp:a..b:80", -EINVAL}, {"tcp:.a:80", -EINVAL}, {"tcp:a b:80", -EINVAL},
    {"tcp:a/b:80", -EINVAL}, {"tcp:a@b:80", -EINVAL}, {"tcp:*:80", -EINVAL},
    {"tcp:\xff:80", -EINVAL},
    {"tcp:::1:80", -EINVAL}, {"tcp:fe80::1:80", -EINVAL}, {"tcp:[::1]", -EINVAL},
    {"tcp:[::1]80", -EINVAL}, {"tcp:[::1:80", -EINVAL}, {"tcp:::1]:80", -EINVAL},
    {"tcp:[]:80", -EINVAL}, {"tcp:[:80", -EINVAL}, {"tcp:]:80", -EINVAL},
    {"tcp:[[::1]]:80", -EINVAL},
    {"tcp:[127.0.0.1]:80", -EINVAL}, {"tcp:[::g]:80", -EINVAL}, {"tcp:[::1%]:80", -EINVAL},
    {"tcp:[%lo]:80", -EINVAL}, {"tcp:[::1%nosuchif0]:80", -ENODEV},
    {"tcp:[fe80::1%aninterfacewithalongname]:80", -ENODEV}, {"tcp:[1:2:3:4:5:6:7:8:9]:80", -EINVAL},
    {"udp:", -EINVAL}, {"udp:127.0.0.1:70000", -EINVAL}, {"udp:[::1]:", -EINVAL},
    {"raw:", -EINVAL}, {"raw:icmp", -EINVAL}, {"raw:@127.0.0.1", -EINVAL},
    {"raw:256@127.0.0.1", -EINVAL}, {"raw:-1@127.0.0.1", -EINVAL}, {"raw:01@127.0.0.1", -EINVAL},
    {"raw:icmp6@127.0.0.1", -EAFNOSUPPORT}, {"raw:icmp@[::1]", -EAFNOSUPPORT},
    {"raw:nonsense@127.0.0.1", -EPROTONOSUPPORT}, {"raw:icmp@127.0.0.1:80", -EINVAL},
    {"raw:packet@", -EINVAL}, {"raw:packet@nosuchif0", -ENODEV},
    {"raw:packet@aninterfacewithalongname", -ENODEV},
};

static void refuse(const char *text, int err)
{
    struct t_usage before = t_usage();
    bool ok = IS(try_listen(text, NULL), err);

    if (!IS(try_connect(text, NULL), err) || !ok || !t_usage_same(text, before, t_usage()))
        EXPECT(fprintf(stderr, "with the address \"%s\"\n", text), 0);
}

void test_addresses(void)
{
    char text[400];

    EXPECT(try_listen(NULL, NULL), -EFAULT);
    EXPECT(try_connect(NULL, NULL), -EFAULT);
    EXPECT(hepta_sock_listen(NULL, "tcp::0", NULL), -EFAULT);
    EXPECT(hepta_sock_connect(NULL, "tcp::0", NULL, HEPTA_NOW), -EFAULT);
    for (size_t i = 0; i < T_COUNT(bad); i++)
        refuse(bad[i].text, bad[i].err);
    memset(text, 'x', sizeof(text));
    memcpy(text, "unix:", 5);
    text[5 + 108] = 0;
    refuse(text, -ENAMETOOLONG);
    text[5] = '@';
    text[5 + 108] = 'x';
    text[5 + 109] = 0;
    refuse(text, -ENAMETOOLONG);
    memset(text, 'x', sizeof(text));
    memcpy(text, "tcp:", 4);
    memcpy(text + 4 + 254, ":80", 4);
    refuse(text, -ENAMETOOLONG);
    EXPECT(try_listen("unix:/nowhere/at/all", NULL), -ENOENT);
    EXPECT(try_listen("unix:/dev/null/x", NULL), -ENOTDIR);
    EXPECT(try_listen("unix:/dev/null", NULL), -EADDRINUSE);
    EXPECT(access("/dev/null", F_OK), 0);
    EXPECT(try_connect("unix:/nowhere/at/all", NULL), -ENOENT);
    EXPECT(try_connect("unix:/dev/null", NULL), -ECONNREFUSED);
    EXPECT(try_connect("unix:@hepta-nobody-listens", NULL), -ECONNREFUSED);
    EXPECT(try_connect("kernel.unix:@hepta-nobody-listens", NULL), -ECONNREFUSED);
    EXPECT(try_listen("tcp:192.0.2.1:0", NULL), -EADDRNOTAVAIL); /* for documentation: nobody's */
}

static int of_type(const char *address, uint32_t type)
{
    struct hepta_sock_options o = {.size = sizeof(o), .type = type};
    int rc = try_listen(address, &o), rc2;

    if (rc == -EPROTONOSUPPORT) {
        rc2 = try_connect(address, &o);
        EXPECT(rc2, rc);
    }
    return rc;
}

/* Which of the types 1 to 4 (stream, seqpacket, datagram, raw) an address has. */
static void expect_types(const char *address, const char *fits)
{
    for (uint32_t type = HEPTA_SOCK_STREAM; type <= HEPTA_SOCK_RAW; type++)
        EXPECT(of_type(address, type), fits[type - 1] == 'y' ? 0 : -EPROTONOSUPPORT);
}

void test_types(void)
{
    expect_types("unix:@hepta-badinput", "yyyn");
    expect_types("kernel.unix:@hepta-badinput", "yyyn");
    expect_types("tcp:127.0.0.1:0", "ynnn");
    expect_types("udp:127.0.0.1:0", "nnyn");
    if (geteuid() == 0)
        expect_types("raw:253@127.0.0.1", "nnny");
}

static void expect_flags(const char *address, uint32_t type, uint32_t fits)
{
    for (uint32_t flag = 1; flag != 0; flag <<= 1) {
        struct hepta_sock_options o = {.size = sizeof(o), .type = type, .flags = flag};

        if (!IS(try_listen(address, &o), flag & fits ? 0 : -EINVAL))
            EXPECT(fprintf(stderr, "flag %u at %s\n", flag, address), 0);
        if (!(flag & fits))
            EXPECT(try_connect(address, &o), -EINVAL);
    }
}

void test_flags(void)
{
    const uint32_t reuse = HEPTA_SOCK_REUSEADDR | HEPTA_SOCK_REUSEPORT;

    expect_flags("unix:@hepta-badinput", HEPTA_SOCK_STREAM, HEPTA_SOCK_RECORDS);
    expect_flags("unix:@hepta-badinput", HEPTA_SOCK_SEQPACKET, 0);
    expect_flags("unix:@hepta-badinput", HEPTA_SOCK_DGRAM, 0);
    expect_flags("kernel.unix:@hepta-badinput", HEPTA_SOCK_STREAM, HEPTA_SOCK_RECORDS);
    expect_flags("tcp:127.0.0.1:0", 0, HEPTA_SOCK_RECORDS | HEPTA_SOCK_NODELAY | reuse);
    expect_flags("tcp:[::1]:0", 0,
                 HEPTA_SOCK_RECORDS | HEPTA_SOCK_NODELAY | reuse | HEPTA_SOCK_V6ONLY);
    expect_flags("udp:127.0.0.1:0", 0, HEPTA_SOCK_BROADCAST | reuse);
    if (geteuid() == 0)
        expect_flags("raw:253@127.0.0.1", 0, HEPTA_SOCK_HDRINCL);
}
