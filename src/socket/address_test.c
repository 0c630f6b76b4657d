/* SPDX-License-Identifier: MIT */
/* socket/address_test.c - addresses: text to the kernel's form and back, and what is refused */
#define _GNU_SOURCE
#include "base/unit_test.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "socket/socket_internal.h"

static struct h7_sock_address a;

static int parse(const char *text)
{
    memset(&a, 0xa5, sizeof a);
    return h7_sock_address(&a, text, HEPTA_SOCK_DEFAULT, 0);
}

static const struct sockaddr_in *in4(int i)
{
    return (const void *)&a.at[i].room;
}

static const struct sockaddr_in6 *in6(int i)
{
    return (const void *)&a.at[i].room;
}

static void test_ip4(void **state)
{
    (void)state;
    assert_int_equal(parse("tcp:127.0.0.1:65535"), 0);
    assert_int_equal(a.n, 1);
    assert_int_equal(a.family, AF_INET);
    assert_int_equal(a.type, HEPTA_SOCK_STREAM);
    assert_int_equal(a.kernel, 1);
    assert_int_equal(a.protocol, 0);
    assert_int_equal(a.at[0].len, sizeof(struct sockaddr_in));
    assert_int_equal(in4(0)->sin_port, htons(65535));
    assert_int_equal(in4(0)->sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    assert_int_equal(parse("udp:1.2.3.4:0"), 0);
    assert_int_equal(a.type, HEPTA_SOCK_DGRAM);
    assert_int_equal(in4(0)->sin_port, 0);
    assert_int_equal(in4(0)->sin_addr.s_addr, htonl(0x01020304));
}

static void test_ip6(void **state)
{
    (void)state;
    assert_int_equal(parse("tcp:[::1]:80"), 0);
    assert_int_equal(a.n, 1);
    assert_int_equal(a.family, AF_INET6);
    assert_int_equal(a.at[0].len, sizeof(struct sockaddr_in6));
    assert_int_equal(in6(0)->sin6_port, htons(80));
    assert_memory_equal(&in6(0)->sin6_addr, &in6addr_loopback, 16);
    assert_int_equal(in6(0)->sin6_scope_id, 0);
    assert_int_equal(parse("udp:[fe80::1%lo]:7"), 0);
    assert_int_equal(in6(0)->sin6_scope_id, 1);
    assert_int_equal(parse("udp:[fe80::1%7]:7"), 0);
    assert_int_equal(in6(0)->sin6_scope_id, 7);
    assert_int_equal(parse("udp:[::ffff:1.2.3.4]:7"), 0);
    assert_int_equal(a.family, AF_INET6);
    assert_int_equal(parse("udp:[fe80::1%no-such-if]:7"), -ENODEV);
}

static void test_no_host(void **state)
{
    (void)state;
    assert_int_equal(h7_sock_address(&a, "tcp::80", 0, 1), 0);
    assert_int_equal(a.n, 2);
    assert_memory_equal(&in6(0)->sin6_addr, &in6addr_any, 16);
    assert_int_equal(in6(0)->sin6_port, htons(80));
    assert_int_equal(in4(1)->sin_addr.s_addr, htonl(INADDR_ANY));
    assert_int_equal(in4(1)->sin_port, htons(80));
    assert_int_equal(h7_sock_address(&a, "tcp::80", 0, 0), 0);
    assert_int_equal(a.n, 2);
    assert_int_equal(in4(0)->sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    assert_memory_equal(&in6(1)->sin6_addr, &in6addr_loopback, 16);
}

static void test_names(void **state)
{
    (void)state;
    assert_int_equal(parse("tcp:localhost:80"), 0);
    assert_true(a.n >= 1);
    for (int i = 0; i < a.n; i++)
        assert_int_equal(in4(i)->sin_port, htons(80));
    assert_int_equal(parse("tcp:no-such-host.invalid:80"), -ENOENT);
}

static void test_unix(void **state)
{
    const struct sockaddr_un *un = (const void *)&a.at[0].room;
    const size_t path = offsetof(struct sockaddr_un, sun_path);
    (void)state;
    assert_int_equal(parse("unix:/tmp/x"), 0);
    assert_int_equal(a.family, AF_UNIX);
    assert_int_equal(a.type, HEPTA_SOCK_STREAM);
    assert_int_equal(a.kernel, 0);
    assert_string_equal(un->sun_path, "/tmp/x");
    assert_int_equal(a.at[0].len, path + 7);
    assert_int_equal(parse("kernel.unix:@name"), 0);
    assert_int_equal(a.kernel, 1);
    assert_memory_equal(un->sun_path, "\0name", 5);
    assert_int_equal(a.at[0].len, path + 5);
    assert_int_equal(parse("unix:./@x"), 0);
    assert_string_equal(un->sun_path, "./@x");
    assert_int_equal(parse("unix:@a:b@c"), 0); /* any byte but 0 */
    assert_int_equal(a.at[0].len, path + 6);
    assert_int_equal(h7_sock_address(&a, "unix:x", HEPTA_SOCK_SEQPACKET, 1), 0);
    assert_int_equal(a.kernel, 0);
    assert_int_equal(h7_sock_address(&a, "unix:x", HEPTA_SOCK_DGRAM, 1), 0);
    assert_int_equal(a.kernel, 1);
}

static void test_unix_length(void **state)
{
    const size_t path = offsetof(struct sockaddr_un, sun_path);
    char text[200] = "unix:";
    (void)state;
    memset(text + 5, 'x', 107);
    assert_int_equal(parse(text), 0);
    assert_int_equal(a.at[0].len, path + 108);
    text[5 + 107] = 'x';
    assert_int_equal(parse(text), -ENAMETOOLONG);
    text[5] = '@'; /* and 107 bytes */
    assert_int_equal(parse(text), 0);
    assert_int_equal(a.at[0].len, path + 108);
    text[5 + 108] = 'x';
    assert_int_equal(parse(text), -ENAMETOOLONG);
}

static void test_raw(void **state)
{
    const struct sockaddr_ll *ll = (const void *)&a.at[0].room;
    (void)state;
    assert_int_equal(parse("raw:icmp@127.0.0.1"), 0);
    assert_int_equal(a.type, HEPTA_SOCK_RAW);
    assert_int_equal(a.protocol, IPPROTO_ICMP);
    assert_int_equal(a.family, AF_INET);
    assert_int_equal(parse("raw:icmp6@[::1]"), 0);
    assert_int_equal(a.protocol, IPPROTO_ICMPV6);
    assert_int_equal(parse("raw:253@[::1]"), 0);
    assert_int_equal(a.protocol, 253);
    assert_int_equal(a.family, AF_INET6);
    assert_int_equal(parse("raw:0@127.0.0.1"), 0);
    assert_int_equal(a.protocol, 0);
    assert_int_equal(h7_sock_address(&a, "raw:icmp@", 0, 1), 0);
    assert_int_equal(a.n, 1);
    assert_int_equal(in4(0)->sin_addr.s_addr, htonl(INADDR_ANY));
    assert_int_equal(h7_sock_address(&a, "raw:icmp6@", 0, 1), 0);
    assert_int_equal(a.n, 1);
    assert_int_equal(a.family, AF_INET6);
    assert_int_equal(parse("raw:packet@lo"), 0);
    assert_int_equal(a.family, AF_PACKET);
    assert_int_equal(ll->sll_ifindex, 1);
    assert_int_equal(parse("raw:packet@no-such-if"), -ENODEV);
    assert_int_equal(parse("raw:packet@a-name-that-is-too-long-for-one"), -ENODEV);
    assert_int_equal(parse("raw:icmp@[::1]"), -EAFNOSUPPORT);
    assert_int_equal(parse("raw:icmp6@127.0.0.1"), -EAFNOSUPPORT);
    assert_int_equal(parse("raw:igmpx@127.0.0.1"), -EPROTONOSUPPORT);
}

static void test_types(void **state)
{
    static const struct {
        const char *text;
        uint32_t fit; /* one bit per type */
    } table[] = {
        {"tcp:127.0.0.1:1", 1 << HEPTA_SOCK_STREAM},
        {"udp:127.0.0.1:1", 1 << HEPTA_SOCK_DGRAM},
        {"raw:1@127.0.0.1", 1 << HEPTA_SOCK_RAW},
        {"unix:x", 1 << HEPTA_SOCK_STREAM | 1 << HEPTA_SOCK_SEQPACKET | 1 << HEPTA_SOCK_DGRAM},
        {"kernel.unix:x",
         1 << HEPTA_SOCK_STREAM | 1 << HEPTA_SOCK_SEQPACKET | 1 << HEPTA_SOCK_DGRAM},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        for (uint32_t t = HEPTA_SOCK_STREAM; t <= HEPTA_SOCK_RAW; t++) {
            int r = h7_sock_address(&a, table[i].text, t, 0);
            assert_int_equal(r, table[i].fit & 1u << t ? 0 : -EPROTONOSUPPORT);
        }
}

static void test_refused(void **state)
{
    static const char *const bad[] = {
        "", "tcp", "@x", "/tmp/x", "tcp:", "tcp:80", "tcp:127.0.0.1", "tcp:127.0.0.1:",
        "tcp:127.0.0.1:65536", "tcp:127.0.0.1:99999", "tcp:127.0.0.1:100000",
        "tcp:127.0.0.1:4294967297", "tcp:127.0.0.1:-1", "tcp:127.0.0.1:+1", "tcp:127.0.0.1: 1",
        "tcp:127.0.0.1:1 ", "tcp:127.0.0.1:0x10", "tcp:127.0.0.1:080", "tcp:127.0.0.1:http",
        "tcp:127.1:80", "tcp:127:80", "tcp:256.0.0.1:80", "tcp:1.2.3.4.5:80", "tcp:1.2.3.4.:80",
        "tcp:0x7f000001:80", "tcp:0x7f.0.0.1:80", "tcp:a.0x7f:80", "tcp:2130706433:80",
        "tcp:::1:80", "tcp:::80", "tcp:fe80::1:80", "tcp:[::1]80", "tcp:[::1:80", "tcp:::1]:80",
        "tcp:[]:80", "tcp:[", "tcp:[:80", "tcp:]:80", "tcp:[127.0.0.1]:80", "tcp:[localhost]:80",
        "tcp:[::1%]:80", "tcp:[%lo]:80", "tcp:[::1]]:80", "tcp:[[::1]]:80", "tcp:[::g]:80",
        "tcp:[1:2:3:4:5:6:7:8:9]:80",
        "tcp:[11111:22222:33333:44444:55555:66666:77777:88888:99999:00000]:80",
        "tcp:a b:80", "tcp:a..b:80", "tcp:.a:80", "tcp:.:80", "tcp:a/b:80", "tcp:a@b:80",
        "tcp:a%lo:80", "tcp:h\xc3\xb6st:80", "tcp:\x01:80", "tcp:\xff\xff:80", "tcp:*:80",
        "tcp:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.b:80",
        "unix:", "unix:@", "kernel.unix:", "kernel.unix:@", "raw:", "raw:icmp", "raw:@127.0.0.1",
        "raw:256@127.0.0.1", "raw:-1@127.0.0.1", "raw:01@127.0.0.1", "raw:1 @127.0.0.1",
        "raw:packet@", "raw:icmp@127.1", "raw:icmp@127.0.0.1:80", "raw:99999999999@127.0.0.1",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int r = parse(bad[i]);
        if (r != -EINVAL)
            fail_msg("\"%s\" gives %d", bad[i], r);
    }
    assert_int_equal(parse("sctp:127.0.0.1:80"), -EAFNOSUPPORT);
    assert_int_equal(parse("TCP:127.0.0.1:80"), -EAFNOSUPPORT);
    assert_int_equal(parse("kernel.tcp:127.0.0.1:80"), -EAFNOSUPPORT);
    assert_int_equal(parse("unix :x"), -EAFNOSUPPORT);
}

static void test_long_host(void **state)
{
    static char text[100000];
    (void)state;
    memset(text, 'a', sizeof text - 1);
    memcpy(text, "tcp:", 4);
    memcpy(text + sizeof text - 4, ":80", 4);
    assert_int_equal(parse(text), -ENAMETOOLONG);
    memcpy(text, "tcp:[", 5);
    text[sizeof text - 5] = ']';
    assert_int_equal(parse(text), -EINVAL);
    memset(text + 4, '9', sizeof text - 5);
    assert_int_equal(parse(text), -EINVAL);
}

/* Nothing that anybody writes crashes it. Changes of what is right come closest to the
 * edges; none of the bytes is a letter or '-', so no host's name comes out to be resolved. */
static void test_any_bytes(void **state)
{
    static const char *const seeds[] = {
        "tcp:127.0.0.1:80", "udp:[fe80::1%lo]:7", "raw:icmp@127.0.0.1", "raw:packet@lo",
        "unix:/tmp/some/where", "kernel.unix:@abstract", "raw:253@[::1]",
    };
    uint64_t x = 88172645463325252ull;
    (void)state;
    for (int i = 0; i < 200000; i++) {
        char text[64];
        strcpy(text, seeds[i % 7]);
        size_t len = strlen(text);
        for (int n = 0; n < 1 + i % 4; n++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            text[x % len] = "\0:@[]%.0129/\xff\x01 +"[(x >> 32) % 17];
        }
        int r = h7_sock_address(&a, text, (uint32_t)(x >> 60) % 5, (int)(x >> 50) & 1);
        assert_true(r <= 0);
        if (r == 0)
            assert_true(a.n >= 1 && a.n <= H7_SOCK_RESOLVED_MAX);
    }
}

static void round_trip(const char *text, const char *scheme, const char *expected)
{
    char back[HEPTA_SOCK_ADDRESS_MAX];
    assert_int_equal(parse(text), 0);
    h7_sock_address_text(back, scheme, &a.at[0].sa, a.at[0].len);
    assert_string_equal(back, expected ? expected : text);
}

static void test_text(void **state)
{
    char long_path[120] = "kernel.unix:";
    (void)state;
    round_trip("tcp:127.0.0.1:80", "tcp:", NULL);
    round_trip("udp:255.255.255.255:65535", "udp:", NULL);
    round_trip("udp:0.0.0.0:0", "udp:", NULL);
    round_trip("tcp:[::1]:80", "tcp:", NULL);
    round_trip("tcp:[fe80::1%lo]:80", "tcp:", NULL);
    round_trip("tcp:[fe80::1%4000]:80", "tcp:", NULL);
    round_trip("udp:[::ffff:1.2.3.4]:7", "udp:", "udp:1.2.3.4:7");
    round_trip("unix:/tmp/x", "unix:", NULL);
    round_trip("kernel.unix:@name", "kernel.unix:", NULL);
    round_trip("raw:icmp@127.0.0.1", "raw:icmp@", NULL);
    round_trip("raw:253@[::1]", "raw:253@", NULL);
    round_trip("raw:packet@lo", "raw:packet@", NULL);
    memset(long_path + 12, 'x', 107);
    round_trip(long_path, "kernel.unix:", NULL);
}

static void test_text_of_none(void **state)
{
    char text[HEPTA_SOCK_ADDRESS_MAX] = "x";
    struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "\0a\0b"};
    const struct sockaddr *sa = (const void *)&un;
    (void)state;
    h7_sock_address_text(text, "unix:", sa, sizeof un.sun_family); /* has no name */
    assert_string_equal(text, "");
    h7_sock_address_text(text, "unix:", sa, 0);
    assert_string_equal(text, "");
    h7_sock_address_text(text, "tcp:", sa, 1);
    assert_string_equal(text, "");
    h7_sock_address_text(text, "unix:", sa, sizeof un.sun_family + 4);
    assert_string_equal(text, "unix:@a@b");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_ip4),
    cmocka_unit_test(test_ip6),
    cmocka_unit_test(test_no_host),
    cmocka_unit_test(test_names),
    cmocka_unit_test(test_unix),
    cmocka_unit_test(test_unix_length),
    cmocka_unit_test(test_raw),
    cmocka_unit_test(test_types),
    cmocka_unit_test(test_refused),
    cmocka_unit_test(test_long_host),
    cmocka_unit_test(test_any_bytes),
    cmocka_unit_test(test_text),
    cmocka_unit_test(test_text_of_none),
};

UNIT_MAIN(tests)
