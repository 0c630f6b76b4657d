/* SPDX-License-Identifier: MIT */
/* channel/address_test.c - what is an address, what isn't, and what is said of the latter */
#define _GNU_SOURCE
#include "base/unit_test.h"

#include <hepta/sock.h>

#include "channel/channel_internal.h"

static char name[HEPTA_CHANNEL_ADDRESS_MAX];
static char text[HEPTA_CHANNEL_WHY_MAX];
static struct h7_address at;

static int parse(const char *address)
{
    struct h7_why why = {text, sizeof text};
    memset(text, 0, sizeof text);
    return h7_address_parse(&at, address, name, &why);
}

static void refused(const char *address, const char *said)
{
    assert_int_equal(parse(address), -EINVAL);
    if (!strstr(text, said))
        fail_msg("%s: \"%s\" doesn't say \"%s\"", address, text, said);
}

static void is(const char *address, const char *kind, const char *behind)
{
    if (parse(address) != 0)
        fail_msg("%s: %s", address, text);
    assert_string_equal(at.kind->name, kind);
    assert_string_equal(at.name, behind);
}

static void test_kinds(void **state)
{
    (void)state;
    is("mq:/jobs", "mq", "/jobs");
    is("kernel.mq:/jobs", "kernel.mq", "/jobs");
    is("fifo:/a b", "fifo", "/a b");
    is("kernel.fifo:some/path", "kernel.fifo", "some/path");
    is("unix:/run/a:b", "unix", "/run/a:b");
    is("unix:@name", "unix", "@name");
    is("tcp:[::1]:7000", "tcp", "[::1]:7000");
    is("udp::7000", "udp", ":7000");
    is("raw:icmp@localhost", "raw", "icmp@localhost");
    is("-", "-", "");
    is("-,framing=raw", "-", "");
    assert_int_equal(at.framing, HEPTA_CHANNEL_RAW);
    is("permit:/seats", "permit", "/seats");
    is("shm:/v,,1", "shm", "/v,1");
    is("mq:/a,,b,,,,c,prio=1", "mq", "/a,b,,c");
    assert_int_equal(at.prio, 1);
}

static void test_keys(void **state)
{
    (void)state;
    is("msg:4711", "msg", "4711");
    assert_int_equal(at.key, 4711);
    is("kernel.msg:0xffffffff", "kernel.msg", "0xffffffff");
    assert_int_equal(at.key, -1);
    is("msg:@32769", "msg", "@32769");
    assert_true(at.by_id);
    assert_int_equal(at.key, 32769);
    is("semset:7[3]", "semset", "7[3]");
    assert_int_equal(at.key, 7);
    assert_int_equal(at.index, 3);
    is("semset:7", "semset", "7");
    assert_int_equal(at.index, 0);
    is("kernel.semset:@5[1],undo", "kernel.semset", "@5[1]");
    is("pipe:3.4.500", "pipe", "3.4.500");
    assert_int_equal(at.fds[2], 500);
    is("kernel.pipe:7", "kernel.pipe", "7");
    assert_int_equal(at.fds[0], 7);
    refused("msg:0", "isn't a key");
    refused("msg:4294967296", "isn't a key");
    refused("msg:", "isn't a key");
    refused("msg:@", "isn't a key");
    refused("msg:@4294967295", "isn't a key");
    refused("msg:-5", "isn't a key");
    refused("msg:0x", "isn't a key");
    refused("msg:1e3", "isn't a key");
    refused("semset:7[]", "semaphore of a set");
    refused("semset:7[32000]", "semaphore of a set");
    refused("semset:7[1", "semaphore of a set");
    refused("semset:7[1]x", "semaphore of a set");
    refused("semset:[1]", "isn't a key");
    refused("pipe:3.4", "pipe:A.B.C");
    refused("pipe:3.4.5.6", "pipe:A.B.C");
    refused("pipe:3.4.", "pipe:A.B.C");
    refused("kernel.pipe:x", "descriptor");
    refused("kernel.pipe:2147483648", "descriptor");
}

static void test_signals(void **state)
{
    (void)state;
    is("signal:1234/USR1", "signal", "1234/USR1");
    assert_int_equal(at.pid, 1234);
    assert_int_equal(at.signals, 1 << 9);
    assert_true(at.kind->can & HEPTA_CHANNEL_EVENTS);
    is("signal:self/USR1.2.RTMIN+1,value=0x10", "signal", "self/USR1.2.RTMIN+1");
    assert_int_equal(at.pid, 0);
    assert_int_equal(at.signals, 1ull << 9 | 1 << 1 | 1ull << 34);
    assert_int_equal(at.value, 16);
    is("signal:/box,create,depth=9,lease", "signal", "/box");
    assert_int_equal(at.kind->can & HEPTA_CHANNEL_EVENTS, 0);
    assert_int_equal(at.signals, 0);
    is("signal:/box/HUP", "signal", "/box");
    assert_int_equal(at.signals, 1);
    refused("signal:1234", "no signal");
    refused("signal:1234/", "no signal");
    refused("signal:1234/FROG", "no signal");
    refused("signal:1234/USR1.USR2", "one signal");
    refused("signal:0/USR1", "no process");
    refused("signal:-1/USR1", "no process");
    refused("signal:me/USR1", "no process");
    refused("signal:self/USR1.", "no signal");
    refused("signal:/box/", "no signal");
    refused("signal://USR1", "missing");
    refused("signal:/box,value=3", "create");
    refused("signal:7/USR1,create", "value");
}

static void test_options(void **state)
{
    (void)state;
    is("mq:/q,create,mode=0640,size=64K,depth=1K,prio=32767,lease", "mq", "/q");
    assert_int_equal(at.mode, 0640);
    assert_int_equal(at.size, 65536);
    assert_int_equal(at.depth, 1024);
    assert_int_equal(at.prio, 32767);
    assert_true(at.set & H7_OPT(CREATE));
    assert_true(at.set & H7_OPT(LEASE));
    is("msg:5,type=-3", "msg", "5");
    assert_int_equal(at.type, -3);
    is("unix:/s,type=seqpacket,listen", "unix", "/s");
    assert_int_equal(at.sock_type, HEPTA_SOCK_SEQPACKET);
    is("tcp:h:1,framing=fixed:4K", "tcp", "h:1");
    assert_int_equal(at.framing, HEPTA_CHANNEL_FIXED);
    assert_int_equal(at.frame_len, 4096);
    is("fifo:/f,framing=line", "fifo", "/f");
    assert_int_equal(at.framing, HEPTA_CHANNEL_LINE);
}

static void test_bad_options(void **state)
{
    (void)state;
    refused("mq:/q,prio=32768", "prio=5");
    refused("mq:/q,prio=-1", "prio=5");
    refused("mq:/q,prio=", "prio=5");
    refused("mq:/q,prio", "prio=5");
    refused("mq:/q,mode=0778", "mode=0660");
    refused("mq:/q,mode=1777", "mode=0660");
    refused("mq:/q,size=0", "size=64K");
    refused("mq:/q,size=1T", "size=64K");
    refused("mq:/q,size=K", "size=64K");
    refused("mq:/q,size=9223372036854775808", "size=64K");
    refused("mq:/q,size=9999999999999999999999", "size=64K");
    refused("mq:/q,size=8589934592G", "size=64K");
    refused("mq:/q,create=1", "takes no value");
    refused("mq:/q,lease,lease", "twice");
    refused("mq:/q,", "has no option ''");
    refused("mq:/q,create,", "has no option ''");
    refused("mq:/q,listen", "has create");
    refused("tcp:h:1,prio=4", "listen");
    refused("unix:/s,type=7", "seqpacket");
    refused("msg:5,type=stream", "type=7");
    refused("fifo:/f,framing=fixed", "fixed:64");
    refused("fifo:/f,framing=fixed:0", "fixed:64");
    refused("fifo:/f,framing=fixed:2G", "fixed:64");
    refused("udp:h:1,framing=line", "listen");
}

static void test_names(void **state)
{
    char longest[HEPTA_NAME_MAX + 16];

    (void)state;
    refused("mq:jobs", "mq:/jobs");
    refused("mq:/", "missing");
    refused("mq:", "slash");
    refused("mq:/a/b", "isn't a name");
    refused("mq:/.", "isn't a name");
    refused("mq:/..", "isn't a name");
    refused("unix:", "missing");
    refused("kernel.fifo:", "missing");
    refused("-x", "isn't an address");
    refused("-:x", "stands alone");
    snprintf(longest, sizeof longest, "mq:/%0*d", HEPTA_NAME_MAX, 0);
    assert_int_equal(parse(longest), 0);
    strcat(longest, "0");
    assert_int_equal(parse(longest), -ENAMETOOLONG);
    char *huge = malloc(2 * HEPTA_CHANNEL_ADDRESS_MAX);
    memset(huge, 'a', 2 * HEPTA_CHANNEL_ADDRESS_MAX);
    memcpy(huge, "unix:", 5);
    huge[HEPTA_CHANNEL_ADDRESS_MAX - 1] = 0;
    assert_int_equal(parse(huge), 0);
    huge[HEPTA_CHANNEL_ADDRESS_MAX - 1] = 'a';
    huge[HEPTA_CHANNEL_ADDRESS_MAX] = 0;
    assert_int_equal(parse(huge), -ENAMETOOLONG);
    free(huge);
}

static void test_nearest(void **state)
{
    (void)state;
    refused("mqq:/jobs", "'mq:'");
    refused("ffio:/jobs", "'fifo:'");
    refused("kernal.mq:/jobs", "'kernel.mq:'");
    refused("semaphore:/x", "'sem:'");
    refused("TCP:h:1", "kinds are");
    refused("zzzzzz:/x", "kinds are");
    refused(":/x", "kinds are");
    refused("jobs", "KIND:NAME");
    refused("", "KIND:NAME");
    refused("mq:/q,priority=3", "'prio'");
    refused("mq:/q,creat", "'create'");
    refused("mq:/q,dept=3", "'depth'");
    refused("mq:/q,\033[31m", "?[31m");
}

/* Every prefix of something right, and every byte changed: refused or taken, never worse. */
static void test_mangled(void **state)
{
    static const char *const right[] = {
        "mq:/q,create,mode=0640,size=64K,depth=1K,prio=32767,lease",
        "unix:/s,type=seqpacket,listen,mode=7,size=1G", "semset:0x7[31999],undo,depth=4",
        "tcp:[fe80::1%eth0]:7000,framing=fixed:1M", "pipe:1.22.333,framing=record",
        "signal:self/USR1.HUP.RTMIN+3,value=9", "signal:/box/USR2,create,depth=7",
    };
    char copy[128];

    (void)state;
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        size_t len = strlen(right[i]);
        assert_int_equal(parse(right[i]), 0);
        for (size_t k = 0; k < len; k++) {
            memcpy(copy, right[i], len + 1);
            copy[k] = 0;
            int r = parse(copy);
            assert_true(r == 0 || (r == -EINVAL && text[0]));
            for (int c = 1; c < 256; c++) {
                memcpy(copy, right[i], len + 1);
                copy[k] = (char)c;
                r = parse(copy);
                assert_true(r == 0 || (r == -EINVAL && text[0]));
            }
        }
    }
}

/* Whatever room there is for the sentence, none at all too. */
static void test_room(void **state)
{
    char small[8];
    struct h7_why why = {small, sizeof small}, none = {NULL, 0};

    (void)state;
    assert_int_equal(h7_address_parse(&at, "nonsense:/x", name, &why), -EINVAL);
    assert_int_equal(strlen(small), sizeof small - 1);
    assert_int_equal(h7_address_parse(&at, "nonsense:/x", name, &none), -EINVAL);
    assert_int_equal(h7_address_parse(&at, "nonsense:/x", name, NULL), -EINVAL);
}

/* All kinds: the form that the help shows is told when the name is missing, or any name goes. */
static void test_table(void **state)
{
    struct hepta_channel_kind kind;
    size_t n = 0;

    (void)state;
    for (; hepta_channel_kinds(n, &kind) == 0; n++) {
        size_t len = strlen(kind.name);
        assert_int_equal(strncmp(kind.form, kind.name, len), 0);
        assert_true(kind.help[0]);
        assert_true(kind.can & (HEPTA_CHANNEL_SEND | HEPTA_CHANNEL_RECV));
        /* Every kind has options, and the list of them isn't forgotten. */
        assert_true(kind.options[0]);
    }
    assert_true(n >= 21);
    assert_int_equal(hepta_channel_kinds(n, &kind), -ENOENT);
    assert_int_equal(hepta_channel_kinds(0, NULL), -EFAULT);
    assert_int_equal(hepta_channel_lookup("unix:/s,type=dgram", &kind, NULL, 0), 0);
    assert_int_equal(kind.can & HEPTA_CHANNEL_BYTES, 0);
    assert_int_equal(hepta_channel_lookup("unix:/s", &kind, NULL, 0), 0);
    assert_int_not_equal(kind.can & HEPTA_CHANNEL_BYTES, 0);
    assert_int_equal(hepta_channel_lookup(NULL, NULL, NULL, 0), -EFAULT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),   cmocka_unit_test(test_keys),
        cmocka_unit_test(test_options), cmocka_unit_test(test_bad_options),
        cmocka_unit_test(test_names),   cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_mangled), cmocka_unit_test(test_room),
        cmocka_unit_test(test_table),   cmocka_unit_test(test_signals),
    };
    alarm(UNIT_LIMIT_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
