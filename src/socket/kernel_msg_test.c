/* SPDX-License-Identifier: MIT */
/*
 * socket/kernel_msg_test.c - messages of the kernel's own sockets: their boundaries, limits and
 * addresses, descriptors and credentials, and raw ones
 */
#define _GNU_SOURCE
#include "base/unit_test.h"

#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/sys.h"
#include "socket/kernel.h"

#define SOON hepta_in_ms(60000)

static struct hepta_sock *a, *b, *l;
static struct hepta_sock_stat st;
static struct hepta_sock_msg m;
static struct iovec one;
static char big[70000], back[70000], abstract[40];

static int teardown(void **state)
{
    (void)state;
    a = hepta_sock_close(a);
    b = hepta_sock_close(b);
    l = hepta_sock_close(l);
    return 0;
}

static ssize_t recvmsg_from(struct hepta_sock *s, size_t len)
{
    one = (struct iovec){back, len};
    int *fds = m.fds;
    uint32_t max = m.max_fds;
    m = (struct hepta_sock_msg){.size = sizeof m, .iov = &one, .n_iov = 1, .fds = fds,
                                .max_fds = max, .flags = 99, .n_fds = 99, .full_len = 99,
                                .pid = 99, .address = "old"};
    return hepta_sock_recvmsg(s, &m, SOON);
}

static ssize_t sendmsg_to(struct hepta_sock *s, const char *text, const char *address)
{
    one = (struct iovec){(void *)(uintptr_t)text, strlen(text)};
    m = (struct hepta_sock_msg){.size = sizeof m, .iov = &one, .n_iov = 1};
    strcpy(m.address, address);
    return hepta_sock_sendmsg(s, &m, SOON);
}

static void no_fds(void)
{
    m.fds = NULL;
    m.max_fds = 0;
}

static void have_bound(struct hepta_sock **s, const char *address)
{
    struct hepta_sock_options o = {
        .size = sizeof o,
        .type = strstr(address, "unix:") ? HEPTA_SOCK_DGRAM : HEPTA_SOCK_DEFAULT};
    assert_int_equal(hepta_sock_listen(s, address, &o), 0);
    assert_int_equal(hepta_sock_stat(*s, &st, sizeof st), 0);
    assert_int_equal(st.listening, 0);
}

static void have_unix(uint32_t type)
{
    struct hepta_sock_options o = {.size = sizeof o, .type = type};
    assert_int_equal(hepta_sock_listen(&l, abstract, &o), 0);
    assert_int_equal(hepta_sock_connect(&a, abstract, &o, SOON), 0);
    if (type != HEPTA_SOCK_DGRAM) {
        assert_int_equal(hepta_sock_accept(l, &b, SOON), 0);
        return;
    }
    b = l;
    l = NULL;
}

/* Bound ones that write to one another, and one that is connected. */
static void test_addresses(void **state)
{
    static const char *const where[] = {"udp:127.0.0.1:0", "udp:[::1]:0", abstract};
    char first[HEPTA_SOCK_ADDRESS_MAX], second[HEPTA_SOCK_ADDRESS_MAX];
    no_fds();
    for (int i = 0; i < 3; i++) {
        have_bound(&a, where[i]);
        strcpy(first, st.local);
        char other[48];
        snprintf(other, sizeof other, "%s%s", where[i], i == 2 ? "-2" : "");
        have_bound(&b, other);
        strcpy(second, st.local);
        assert_int_equal(sendmsg_to(a, "question", second), 8);
        assert_int_equal(recvmsg_from(b, 100), 8);
        assert_string_equal(m.address, first);
        assert_int_equal(m.full_len, 8);
        assert_int_equal(m.flags | m.n_fds, 0);
        char reply[HEPTA_SOCK_ADDRESS_MAX];
        strcpy(reply, m.address);
        assert_int_equal(sendmsg_to(b, "answer", reply), 6);
        assert_int_equal(recvmsg_from(a, 100), 6);
        assert_string_equal(m.address, second);
        assert_int_equal(hepta_sock_send(a, "x", 1, HEPTA_NOW), i == 2 ? -ENOTCONN
                                                                       : -EDESTADDRREQ);
        struct hepta_sock_options o = {.size = sizeof o, .type = HEPTA_SOCK_DGRAM};
        assert_int_equal(hepta_sock_connect(&l, first, &o, HEPTA_NOW), 0);
        assert_int_equal(hepta_sock_send(l, "conn", 4, HEPTA_NOW), 4);
        assert_int_equal(recvmsg_from(a, 100), 4);
        assert_int_equal(hepta_sock_stat(l, &st, sizeof st), 0);
        assert_string_equal(m.address, st.local);
        assert_string_equal(st.peer, first);
        assert_int_equal(hepta_sock_accept(a, &(struct hepta_sock *){NULL}, HEPTA_NOW),
                         -EOPNOTSUPP);
        teardown(state);
    }
}

static void test_wrong_addresses(void **state)
{
    (void)state;
    have_bound(&a, "udp:127.0.0.1:0");
    assert_int_equal(sendmsg_to(a, "x", "udp:[::1]:9"), -EAFNOSUPPORT);
    assert_int_equal(sendmsg_to(a, "x", "unix:@x"), -EAFNOSUPPORT);
    assert_int_equal(sendmsg_to(a, "x", "tcp:127.0.0.1:9"), -EPROTONOSUPPORT);
    assert_int_equal(sendmsg_to(a, "x", "udp:127.0.0.1"), -EINVAL);
    memset(m.address, 'x', sizeof m.address);
    assert_int_equal(hepta_sock_sendmsg(a, &m, HEPTA_NOW), -EINVAL);
    assert_int_equal(sendmsg_to(a, "x", "udp:255.255.255.255:9"), -EACCES); /* no broadcast */
    teardown(state);
    have_unix(HEPTA_SOCK_SEQPACKET);
    assert_int_equal(sendmsg_to(a, "x", abstract), -EISCONN);
}

static void test_both_families(void **state)
{
    char to[HEPTA_SOCK_ADDRESS_MAX], from[HEPTA_SOCK_ADDRESS_MAX];
    no_fds();
    have_bound(&a, "udp::0");
    snprintf(to, sizeof to, "udp:127.0.0.1%s", strrchr(st.local, ':'));
    have_bound(&b, "udp:127.0.0.1:0");
    strcpy(from, st.local);
    assert_int_equal(sendmsg_to(b, "x", to), 1);
    assert_int_equal(recvmsg_from(a, 100), 1);
    assert_string_equal(m.address, from); /* as IPv4, which it is */
    assert_int_equal(sendmsg_to(a, "yy", from), 2);
    assert_int_equal(recvmsg_from(b, 100), 2);
    assert_string_equal(m.address, to);
    (void)state;
}

static void test_limits(void **state)
{
    static const char *const where[] = {"udp:127.0.0.1:0", "udp:[::1]:0"};
    static const size_t most[] = {65507, 65527};
    no_fds();
    for (int i = 0; i < 2; i++) {
        have_bound(&a, where[i]);
        assert_int_equal(hepta_sock_connect(&b, st.local, NULL, HEPTA_NOW), 0);
        memset(big, 'a' + i, sizeof big);
        assert_int_equal(hepta_sock_send(b, big, most[i], HEPTA_NOW), most[i]);
        assert_int_equal(hepta_sock_send(b, big, most[i] + 1, HEPTA_NOW), -EMSGSIZE);
        assert_int_equal(hepta_sock_send(b, big, sizeof big, HEPTA_FOREVER), -EMSGSIZE);
        assert_int_equal(recvmsg_from(a, sizeof back), most[i]);
        assert_memory_equal(back, big, most[i]);
        assert_int_equal(hepta_sock_send(b, big, most[i], HEPTA_NOW), most[i]);
        assert_int_equal(recvmsg_from(a, 10), 10);
        assert_int_equal(m.flags, HEPTA_SOCK_MSG_TRUNC);
        assert_int_equal(m.full_len, most[i]);
        assert_int_equal(hepta_sock_recv(a, back, 1, HEPTA_NOW), -EAGAIN); /* lost */
        teardown(state);
    }
    have_unix(HEPTA_SOCK_SEQPACKET);
    assert_int_equal(hepta_sock_stat(a, &st, sizeof st), 0);
    char *huge = calloc(1, st.capacity);
    assert_int_equal(hepta_sock_send(a, huge, st.capacity, HEPTA_FOREVER), -EMSGSIZE);
    free(huge);
}

#if SIZE_MAX > UINT32_MAX
static const size_t beyond = H7_KERNEL_CALL_MAX + 100000ul;

/* Takes it all without copying it (MSG_TRUNC, tcp(7)). */
static int swallows(void *arg)
{
    size_t n = 0;
    ssize_t r;
    hepta_sock_close(a);
    while ((r = recv(b->fd, arg, INT_MAX, MSG_TRUNC)) > 0)
        n += (size_t)r;
    CHILD_CHECK(r == 0 && n == beyond);
    return 0;
}

/* More than sendmsg(2) takes in one call. */
static void test_beyond_2gib(void **state)
{
    char *zeros = mmap(NULL, beyond, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    struct iovec pieces[2] = {{zeros, 12345}, {zeros + 12345, beyond - 12345}};
    (void)state;
    assert_true(zeros != MAP_FAILED);
    assert_int_equal(hepta_sock_listen(&l, "tcp:127.0.0.1:0", NULL), 0);
    assert_int_equal(hepta_sock_stat(l, &st, sizeof st), 0);
    assert_int_equal(hepta_sock_connect(&a, st.local, NULL, SOON), 0);
    assert_int_equal(hepta_sock_accept(l, &b, SOON), 0);
    pid_t pid = unit_start(swallows, NULL);
    m = (struct hepta_sock_msg){.size = sizeof m, .iov = pieces, .n_iov = 2};
    assert_int_equal(hepta_sock_sendmsg(a, &m, HEPTA_FOREVER), beyond);
    a = hepta_sock_close(a);
    assert_int_equal(unit_reap(pid), 0);
    munmap(zeros, beyond);
}
#endif

static void test_empty_is_not_the_end(void **state)
{
    no_fds();
    have_bound(&a, "udp:127.0.0.1:0");
    assert_int_equal(hepta_sock_connect(&b, st.local, NULL, HEPTA_NOW), 0);
    assert_int_equal(hepta_sock_send(b, NULL, 0, HEPTA_NOW), 0);
    assert_int_equal(recvmsg_from(a, 10), 0);
    assert_int_equal(m.flags, 0);
    assert_true(m.address[0] != 0);
    teardown(state);
    have_unix(HEPTA_SOCK_SEQPACKET);
    assert_int_equal(hepta_sock_send(a, NULL, 0, HEPTA_NOW), 0);
    assert_int_equal(hepta_sock_send(a, "x", 1, HEPTA_NOW), 1);
    assert_int_equal(hepta_sock_shutdown(a, HEPTA_SOCK_WR), 0);
    assert_int_equal(recvmsg_from(b, 10), 0);
    assert_int_equal(m.flags, 0);
    assert_int_equal(recvmsg_from(b, 10), 1);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(recvmsg_from(b, 10), 0);
        assert_int_equal(m.flags, HEPTA_SOCK_MSG_EOF);
    }
}

static void test_nobody_there(void **state)
{
    (void)state;
    have_bound(&a, "udp:127.0.0.1:0");
    assert_int_equal(hepta_sock_connect(&b, st.local, NULL, HEPTA_NOW), 0);
    a = hepta_sock_close(a);
    assert_int_equal(hepta_sock_send(b, "x", 1, HEPTA_NOW), 1);
    assert_int_equal(hepta_sock_recv(b, back, 1, SOON), -ECONNREFUSED);
    teardown(state);
    have_unix(HEPTA_SOCK_DGRAM);
    b = hepta_sock_close(b);
    assert_int_equal(hepta_sock_send(a, "x", 1, HEPTA_NOW), -ECONNREFUSED);
}

/* The receiver's queue is full: connected, poll(2) sees it; with an address, it doesn't. */
static void test_full_queue(void **state)
{
    for (int i = 0; i < 2; i++) {
        have_unix(HEPTA_SOCK_DGRAM);
        const char *to = i ? abstract : "";
        if (i) {
            a = hepta_sock_close(a);
            snprintf(back, sizeof back, "%s-2", abstract);
            have_bound(&a, back);
        }
        one = (struct iovec){big, 10};
        struct hepta_sock_msg out = {.size = sizeof out, .iov = &one, .n_iov = 1};
        strcpy(out.address, to);
        int n = 0;
        ssize_t r;
        while ((r = hepta_sock_sendmsg(a, &out, HEPTA_NOW)) == 10 && n < 100000)
            n++;
        assert_int_equal(r, -EAGAIN);
        int64_t end = hepta_in_ms(20);
        assert_int_equal(hepta_sock_sendmsg(a, &out, end), -ETIMEDOUT);
        assert_true(hepta_now_ns() >= end);
        pid_t pid = unit_fork();
        if (pid == 0) {
            unit_sleep_ms(20);
            _exit(hepta_sock_recv(b, back, 10, HEPTA_NOW) != 10);
        }
        assert_int_equal(hepta_sock_sendmsg(a, &out, i ? SOON : HEPTA_FOREVER), 10);
        assert_int_equal(unit_reap(pid), 0);
        teardown(state);
    }
}

static int count_fds(void)
{
    int n = 0;
    for (int fd = 0; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void test_descriptors(void **state)
{
    int out[3], in[5], before;
    for (uint32_t type = HEPTA_SOCK_STREAM; type <= HEPTA_SOCK_DGRAM; type++) {
        have_unix(type);
        for (int i = 0; i < 3; i++)
            out[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
        before = count_fds();
        one = (struct iovec){big, 1};
        struct hepta_sock_msg o = {
            .size = sizeof o, .iov = &one, .n_iov = 1, .fds = out, .n_fds = 3};
        for (uint32_t max = 0; max <= 5; max++) {
            assert_int_equal(hepta_sock_sendmsg(a, &o, max % 2 ? HEPTA_FOREVER : HEPTA_NOW), 1);
            m.fds = in;
            m.max_fds = max;
            assert_int_equal(recvmsg_from(b, 10), 1);
            one.iov_base = big;
            one.iov_len = 1;
            assert_int_equal(m.n_fds, max < 3 ? max : 3);
            assert_int_equal(m.flags, max < 3 ? HEPTA_SOCK_MSG_CTRUNC : 0);
            assert_int_equal(count_fds(), before + (int)m.n_fds);
            for (uint32_t i = 0; i < m.n_fds; i++) {
                assert_int_equal(fcntl(in[i], F_GETFD), FD_CLOEXEC);
                close(in[i]);
            }
        }
        assert_int_equal(hepta_sock_sendmsg(a, &o, HEPTA_NOW), 1);
        assert_int_equal(hepta_sock_recv(b, back, 10, HEPTA_NOW), 1); /* closes them */
        assert_int_equal(count_fds(), before);
        close(out[0]);
        assert_int_equal(hepta_sock_sendmsg(a, &o, HEPTA_NOW), -EBADF);
        close(out[1]);
        close(out[2]);
        teardown(state);
    }
}

static void test_refused_messages(void **state)
{
    static struct iovec many[1025];
    int fds[HEPTA_SOCK_FDS_MAX + 1];
    one = (struct iovec){big, 1};
    struct hepta_sock_msg o = {.size = sizeof o, .iov = &one, .n_iov = 1, .fds = fds, .n_fds = 1};
    for (int i = 0; i <= HEPTA_SOCK_FDS_MAX; i++)
        fds[i] = 2;
    have_unix(HEPTA_SOCK_STREAM);
    o.n_fds = HEPTA_SOCK_FDS_MAX + 1;
    assert_int_equal(hepta_sock_sendmsg(a, &o, HEPTA_NOW), -E2BIG);
    o.n_fds = HEPTA_SOCK_FDS_MAX;
    assert_int_equal(hepta_sock_sendmsg(a, &o, HEPTA_NOW), 1);
    o.fds = NULL;
    assert_int_equal(hepta_sock_sendmsg(a, &o, HEPTA_NOW), -EFAULT);
    o.fds = fds;
    o.n_iov = 0;
    assert_int_equal(hepta_sock_sendmsg(a, &o, HEPTA_NOW), -EINVAL); /* no byte to go with */
    o.n_fds = 0;
    o.iov = many;
    o.n_iov = 1024;
    assert_int_equal(hepta_sock_sendmsg(a, &o, HEPTA_NOW), 0);
    o.n_iov = 1025;
    assert_int_equal(hepta_sock_sendmsg(a, &o, HEPTA_NOW), -EMSGSIZE);
    assert_int_equal(hepta_sock_recvmsg(a, &o, HEPTA_NOW), -EMSGSIZE);
    o.n_iov = 2;
    many[0].iov_len = many[1].iov_len = 1;
    assert_int_equal(hepta_sock_sendmsg(a, &o, HEPTA_NOW), -EFAULT);
    many[0].iov_base = many[1].iov_base = big;
    many[0].iov_len = SSIZE_MAX;
    assert_int_equal(hepta_sock_sendmsg(a, &o, HEPTA_NOW), -EINVAL);
    many[0].iov_len = many[1].iov_len = SIZE_MAX / 2 + 1;
    assert_int_equal(hepta_sock_recvmsg(a, &o, HEPTA_NOW), -EINVAL);
    o.size--;
    assert_int_equal(hepta_sock_sendmsg(a, &o, HEPTA_NOW), -EINVAL);
    assert_int_equal(hepta_sock_recvmsg(a, NULL, HEPTA_NOW), -EFAULT);
    o = (struct hepta_sock_msg){.size = sizeof o, .max_fds = 1};
    assert_int_equal(hepta_sock_recvmsg(a, &o, HEPTA_NOW), -EFAULT);
    teardown(state);
    have_bound(&a, "udp:127.0.0.1:0");
    o = (struct hepta_sock_msg){.size = sizeof o, .fds = fds, .n_fds = 1};
    assert_int_equal(hepta_sock_sendmsg(a, &o, HEPTA_NOW), -EINVAL);
}

static int sends_as_nobody(void *arg)
{
    (void)arg;
    CHILD_CHECK(setgid(65534) == 0 && setuid(65534) == 0);
    CHILD_CHECK(hepta_sock_send(a, "x", 1, HEPTA_NOW) == 1);
    return 0;
}

/* Whoever sends it, not who made the connection. */
static void test_credentials(void **state)
{
    no_fds();
    for (uint32_t type = HEPTA_SOCK_STREAM; type <= HEPTA_SOCK_DGRAM; type++) {
        have_unix(type);
        assert_int_equal(hepta_sock_send(a, "x", 1, HEPTA_NOW), 1);
        assert_int_equal(recvmsg_from(b, 10), 1);
        assert_int_equal(m.pid, getpid());
        assert_int_equal(m.uid, getuid());
        if (getuid() == 0) {
            pid_t pid = unit_start(sends_as_nobody, NULL);
            assert_int_equal(unit_reap(pid), 0);
            assert_int_equal(recvmsg_from(b, 10), 1);
            assert_int_equal(m.pid, pid);
            assert_int_equal(m.uid, 65534);
            assert_int_equal(m.gid, 65534);
        }
        teardown(state);
    }
}

static uint16_t checksum(const void *p, size_t len)
{
    const uint8_t *byte = p;
    uint32_t sum = 0;
    for (size_t i = 0; i < len; i++)
        sum += i % 2 ? byte[i] : (uint32_t)byte[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static bool may_be_raw(void)
{
    int r = hepta_sock_listen(&l, "raw:253@127.0.0.1", NULL);
    assert_true(r == 0 || r == -EPERM);
    return r == 0;
}

static void test_echo(void **state)
{
    struct {
        struct icmphdr h;
        char data[8];
    } out = {{.type = ICMP_ECHO, .un.echo.id = htons(0x1357)}, "hepta!!"};
    (void)state;
    if (!may_be_raw())
        skip();
    no_fds();
    assert_int_equal(hepta_sock_connect(&a, "raw:icmp@127.0.0.1", NULL, HEPTA_NOW), 0);
    out.h.checksum = htons(checksum(&out, sizeof out));
    assert_int_equal(hepta_sock_send(a, &out, sizeof out, HEPTA_NOW), sizeof out);
    for (int i = 0; i < 1000; i++) { /* others may ping, too, and it sees its own question */
        ssize_t n = recvmsg_from(a, sizeof back);
        const struct iphdr *ip = (const void *)back;
        const struct icmphdr *h = (const void *)(back + ip->ihl * 4);
        assert_true(n >= (ssize_t)(sizeof *ip + sizeof *h));
        if (h->type != ICMP_ECHOREPLY || h->un.echo.id != out.h.un.echo.id)
            continue;
        assert_int_equal(n, ip->ihl * 4 + sizeof out);
        assert_int_equal(checksum(h, sizeof out), 0);
        assert_memory_equal(h + 1, out.data, sizeof out.data);
        assert_string_equal(m.address, "raw:icmp@127.0.0.1");
        return;
    }
    fail();
}

static void test_own_protocol(void **state)
{
    if (!may_be_raw())
        skip();
    no_fds();
    assert_int_equal(hepta_sock_connect(&a, "raw:253@127.0.0.1", NULL, HEPTA_NOW), 0);
    assert_int_equal(hepta_sock_send(a, "own", 3, HEPTA_NOW), 3);
    assert_int_equal(recvmsg_from(l, sizeof back), 23);
    assert_int_equal(((struct iphdr *)back)->protocol, 253);
    assert_memory_equal(back + 20, "own", 3);
    assert_int_equal(sendmsg_to(a, "x", "raw:254@127.0.0.1"), -EINVAL);
    assert_int_equal(sendmsg_to(l, "to", "raw:253@127.0.0.1"), 2);
    assert_int_equal(recvmsg_from(l, sizeof back), 22);
    assert_int_equal(hepta_sock_send(a, big, 65516, HEPTA_NOW), -EMSGSIZE);
    teardown(state);
    assert_int_equal(hepta_sock_listen(&l, "raw:253@[::1]", NULL), 0);
    assert_int_equal(sendmsg_to(l, "six", "raw:253@[::1]"), 3);
    assert_int_equal(recvmsg_from(l, sizeof back), 3); /* without a header */
    assert_string_equal(m.address, "raw:253@[::1]");
}

static void test_own_header(void **state)
{
    struct {
        struct iphdr ip;
        char data[4];
    } out = {{.version = 4, .ihl = 5, .ttl = 7, .protocol = 253,
              .saddr = htonl(INADDR_LOOPBACK), .daddr = htonl(INADDR_LOOPBACK)}, "mine"};
    struct hepta_sock_options o = {.size = sizeof o, .flags = HEPTA_SOCK_HDRINCL};
    (void)state;
    if (!may_be_raw())
        skip();
    no_fds();
    assert_int_equal(hepta_sock_connect(&a, "raw:253@127.0.0.1", &o, HEPTA_NOW), 0);
    assert_int_equal(hepta_sock_send(a, &out, sizeof out, HEPTA_NOW), sizeof out);
    assert_int_equal(recvmsg_from(l, sizeof back), sizeof out);
    assert_int_equal(((struct iphdr *)back)->ttl, 7);
    assert_int_equal(hepta_sock_send(a, "short", 5, HEPTA_NOW), -EINVAL);
}

static void test_capture(void **state)
{
    (void)state;
    if (!may_be_raw())
        skip();
    no_fds();
    assert_int_equal(hepta_sock_listen(&a, "raw:packet@lo", NULL), 0);
    assert_int_equal(hepta_sock_stat(a, &st, sizeof st), 0);
    assert_string_equal(st.local, "raw:packet@lo");
    assert_int_equal(sendmsg_to(l, "seen by all", "raw:253@127.0.0.1"), 11);
    for (int i = 0; i < 100000; i++) { /* other traffic */
        ssize_t n = recvmsg_from(a, sizeof back);
        assert_true(n >= 14);
        if (n == 14 + 20 + 11 && memcmp(back + 34, "seen by all", 11) == 0) {
            assert_memory_equal(back + 12, "\x08\0", 2); /* the link's header: IPv4 */
            assert_string_equal(m.address, "raw:packet@lo");
            assert_int_equal(hepta_sock_send(a, back, (size_t)n, HEPTA_NOW), n);
            return;
        }
    }
    fail();
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

static const struct CMUnitTest tests[] = {
    TEST(test_addresses),
    TEST(test_wrong_addresses),
    TEST(test_both_families),
    TEST(test_limits),
#if SIZE_MAX > UINT32_MAX
    TEST(test_beyond_2gib),
#endif
    TEST(test_empty_is_not_the_end),
    TEST(test_nobody_there),
    TEST(test_full_queue),
    TEST(test_descriptors),
    TEST(test_refused_messages),
    TEST(test_credentials),
    TEST(test_echo),
    TEST(test_own_protocol),
    TEST(test_own_header),
    TEST(test_capture),
};

int main(void)
{
    snprintf(abstract, sizeof abstract, "kernel.unix:@hepta-unit-%d", getpid());
    alarm(UNIT_LIMIT_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
