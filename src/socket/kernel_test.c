/* SPDX-License-Identifier: MIT */
/*
 * socket/kernel_test.c - the verbs over the kernel's own streams: arguments, deadlines, handlers,
 * ends, and what needs permission. Messages are in kernel_msg_test.c.
 */
#define _GNU_SOURCE
#include "base/unit_test.h"

#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "base/clock.h"
#include "base/sys.h"
#include "socket/kernel.h"

#define SOON hepta_in_ms(60000) /* a deadline that only bounds a failure */

static struct hepta_sock *l, *c, *s; /* listener, connector, what was accepted */
static struct hepta_sock_stat st;
static char big[1 << 20];

static void have_listener(const char *address, const struct hepta_sock_options *o)
{
    assert_int_equal(hepta_sock_listen(&l, address, o), 0);
    assert_int_equal(hepta_sock_stat(l, &st, sizeof st), 0);
    assert_int_equal(st.listening, 1);
    assert_int_equal(st.memory, 0);
}

static void have_connection(const char *address, const struct hepta_sock_options *o)
{
    have_listener(address, o);
    assert_int_equal(hepta_sock_connect(&c, st.local, o, SOON), 0);
    assert_int_equal(hepta_sock_accept(l, &s, SOON), 0);
}

static int teardown(void **state)
{
    (void)state;
    l = hepta_sock_close(l);
    c = hepta_sock_close(c);
    s = hepta_sock_close(s);
    return 0;
}

/* Until nothing more goes in. Of tcp that takes a while: bytes find room where poll(2) sees
 * none, and the receiver packs what it has more densely. */
static int fill(const void *what, size_t len, int64_t ms)
{
    ssize_t r;
    do
        r = hepta_sock_send(c, what, len, ms > 0 ? hepta_in_ms(ms) : ms);
    while (r > 0);
    return (int)r;
}

static char abstract[40];
static const char *const streams[] = {"tcp:127.0.0.1:0", "tcp:[::1]:0", abstract};

static void test_both_ways(void **state)
{
    char b[8] = "";
    for (int i = 0; i < 3; i++) {
        struct hepta_sock_stat sc, ss;
        have_connection(streams[i], NULL);
        assert_int_equal(hepta_sock_send(c, "ping", 4, HEPTA_FOREVER), 4);
        assert_int_equal(hepta_sock_recv(s, b, 8, HEPTA_FOREVER), 4);
        assert_memory_equal(b, "ping", 4);
        assert_int_equal(hepta_sock_send(s, "pong", 4, HEPTA_NOW), 4);
        assert_int_equal(hepta_sock_recv(c, b, 2, SOON), 2);
        assert_int_equal(hepta_sock_stat(c, &sc, sizeof sc), 0);
        assert_int_equal(hepta_sock_stat(s, &ss, sizeof ss), 0);
        assert_int_equal(sc.to_read, 2);
        assert_int_equal(sc.type, HEPTA_SOCK_STREAM);
        assert_int_equal(sc.listening | sc.memory | sc.peer_gone, 0);
        assert_true(sc.capacity > 0);
        assert_string_equal(sc.peer, st.local);
        assert_string_equal(ss.local, st.local);
        assert_string_equal(sc.local, ss.peer);
        assert_int_equal(ss.pid, i == 2 ? getpid() : 0);
        teardown(state);
    }
}

static void test_nobody_listens(void **state)
{
    char address[HEPTA_SOCK_ADDRESS_MAX];
    for (int i = 0; i < 3; i++) {
        have_listener(streams[i], NULL);
        strcpy(address, st.local);
        teardown(state);
        assert_int_equal(hepta_sock_connect(&c, address, NULL, HEPTA_FOREVER), -ECONNREFUSED);
        assert_null(c);
        assert_int_equal(hepta_sock_connect(&c, address, NULL, HEPTA_NOW), -ECONNREFUSED);
    }
}

static void test_in_use(void **state)
{
    struct hepta_sock *other;
    (void)state;
    for (int i = 0; i < 3; i++) {
        have_listener(streams[i], NULL);
        assert_int_equal(hepta_sock_listen(&other, st.local, NULL), -EADDRINUSE);
        assert_null(other);
        teardown(state);
    }
    assert_int_equal(hepta_sock_listen(&l, "tcp:192.0.2.1:0", NULL), -EADDRNOTAVAIL);
}

static void test_accept_waits(void **state)
{
    int64_t end = hepta_in_ms(20);
    (void)state;
    for (uint32_t wait = 0; wait <= HEPTA_WAIT_SLEEP; wait++) {
        struct hepta_sock_options o = {.size = sizeof o, .wait = wait};
        have_listener(streams[0], &o);
        assert_int_equal(hepta_sock_accept(l, &s, HEPTA_NOW), -EAGAIN);
        assert_null(s);
        assert_int_equal(hepta_sock_accept(l, &s, end), -ETIMEDOUT);
        assert_true(hepta_now_ns() >= end);
        assert_int_equal(hepta_sock_accept(l, &s, -5), -ETIMEDOUT);
        assert_int_equal(hepta_sock_connect(&c, st.local, &o, HEPTA_NOW), 0);
        assert_int_equal(hepta_sock_accept(l, &s, HEPTA_NOW), 0);
        teardown(state);
    }
}

static void test_deadlines(void **state)
{
    char b[8] = "";
    for (int i = 0; i < 9; i++) {
        struct hepta_sock_options o = {.size = sizeof o, .wait = (uint32_t)i / 3};
        int64_t end = hepta_in_ms(10);
        have_connection(streams[i % 3], &o);
        assert_int_equal(hepta_sock_recv(s, b, 8, HEPTA_NOW), -EAGAIN);
        assert_int_equal(hepta_sock_recv(s, b, 8, end), -ETIMEDOUT);
        assert_true(hepta_now_ns() >= end);
        assert_int_equal(hepta_sock_recv(s, b, 8, 1), -ETIMEDOUT);
        assert_int_equal(fill(big, sizeof big, 20), -ETIMEDOUT);
        assert_int_equal(fill(b, 1, 2), -ETIMEDOUT);
        assert_int_equal(fill(b, 1, HEPTA_NOW), -EAGAIN);
        assert_int_equal(fill(b, 1, INT64_MIN), -ETIMEDOUT);
        assert_int_equal(hepta_sock_recv(s, b, 8, 1), 8); /* late, but it is there */
        teardown(state);
    }
}

/* A long send against a slow reader: the count so far, whatever cuts it. */
/* Ready or not: what goes on from wait to wait ends at its deadline. */
static void test_time_is_up(void **state)
{
    (void)state;
    have_connection(streams[0], NULL);
    struct h7_try t = {.s = c, .deadline = hepta_in_ms(1), .events = POLLOUT};
    int r = h7_try_wait(&t);
    assert_true(r == 0 || r == -ETIMEDOUT); /* 1 ms can pass at once */
    unit_sleep_ms(2);
    t.n = 0; /* as after each part that went in */
    assert_int_equal(h7_try_wait(&t), -ETIMEDOUT);
}

static void test_partial_send(void **state)
{
    static char back[sizeof big];
    struct iovec v[3] = {{big, 1000}, {big + 1000, 0}, {big + 1000, sizeof big - 1000}};
    struct hepta_sock_msg m = {.size = sizeof m, .iov = v, .n_iov = 3};
    struct hepta_sock_options o = {.size = sizeof o, .capacity = 16384};
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (char)(i * 31 + i / 253);
    for (int i = 0; i < 4; i++) {
        have_connection(i % 2 ? streams[0] : streams[2], &o);
        ssize_t sent = i < 2 ? hepta_sock_send(c, big, sizeof big, hepta_in_ms(20))
                             : hepta_sock_sendmsg(c, &m, hepta_in_ms(20));
        assert_true(sent > 0 && sent < (ssize_t)sizeof big);
        assert_int_equal(hepta_sock_stat(c, &st, sizeof st), 0);
        assert_true(st.to_send > 0);
        pid_t pid = unit_fork();
        if (pid == 0) {
            size_t rest = sizeof big - (size_t)sent;
            v[2] = (struct iovec){big + sent + 1, rest - 1};
            v[0] = (struct iovec){big + sent, 1};
            ssize_t r = i < 2 ? hepta_sock_send(c, big + sent, rest, SOON)
                              : hepta_sock_sendmsg(c, &m, SOON);
            _exit(r != (ssize_t)rest);
        }
        for (size_t got = 0; got < sizeof big;) {
            ssize_t r = hepta_sock_recv(s, back + got, sizeof back - got, SOON);
            assert_true(r > 0);
            got += (size_t)r;
        }
        assert_int_equal(unit_reap(pid), 0);
        assert_memory_equal(back, big, sizeof big);
        teardown(state);
    }
}

static void on_alarm(int sig)
{
    (void)sig;
}

static int interrupted(void *arg)
{
    struct sigaction sa = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    struct itimerval often = {.it_interval.tv_usec = 10000, .it_value.tv_usec = 10000};
    struct hepta_sock *n;
    char b[8] = "";
    struct iovec v = {b, 8};
    struct hepta_sock_msg m = {.size = sizeof m, .iov = &v, .n_iov = 1};
    (void)arg;
    CHILD_CHECK(sigaction(SIGALRM, &sa, NULL) == 0 && setitimer(ITIMER_REAL, &often, NULL) == 0);
    for (int i = 0; i < 2; i++) {
        int64_t until = i ? SOON : HEPTA_FOREVER;
        CHILD_CHECK(hepta_sock_recv(s, b, 8, until) == -EINTR);
        CHILD_CHECK(hepta_sock_recvmsg(s, &m, until) == -EINTR);
        CHILD_CHECK(hepta_sock_accept(l, &n, until) == -EINTR && !n);
    }
    ssize_t r = hepta_sock_send(c, big, sizeof big, HEPTA_FOREVER); /* short: cut by one */
    while (r > 0)
        r = hepta_sock_send(c, big, sizeof big, HEPTA_FOREVER);
    CHILD_CHECK(r == -EINTR);
    CHILD_CHECK(hepta_sock_send(c, big, 1, SOON) == -EINTR);
    CHILD_CHECK(hepta_sock_sendmsg(c, &m, HEPTA_FOREVER) == -EINTR);
    return 0;
}

static void test_interrupted(void **state)
{
    for (int i = 0; i < 3; i++) {
        have_connection(streams[i], NULL);
        unit_in_child(interrupted, NULL);
        teardown(state);
    }
}

static void test_ends(void **state)
{
    char b[8] = "";
    struct iovec v = {b, 8};
    struct hepta_sock_msg m = {.size = sizeof m, .iov = &v, .n_iov = 1};
    for (int i = 0; i < 3; i++) {
        have_connection(streams[i], NULL);
        assert_int_equal(hepta_sock_send(c, "last", 4, HEPTA_NOW), 4);
        assert_int_equal(hepta_sock_shutdown(c, HEPTA_SOCK_WR), 0);
        assert_int_equal(hepta_sock_send(c, "x", 1, HEPTA_FOREVER), -EPIPE); /* and no signal */
        assert_int_equal(hepta_sock_recvmsg(s, &m, SOON), 4);
        assert_int_equal(m.flags, 0);
        assert_int_equal(m.full_len, 4);
        assert_int_equal(hepta_sock_recvmsg(s, &m, SOON), 0);
        assert_int_equal(m.flags, HEPTA_SOCK_MSG_EOF);
        assert_int_equal(hepta_sock_send(s, "half", 4, HEPTA_NOW), 4); /* the other way lives */
        assert_int_equal(hepta_sock_recv(c, b, 8, SOON), 4);
        s = hepta_sock_close(s);
        assert_int_equal(hepta_sock_recv(c, b, 8, SOON), 0);
        assert_int_equal(hepta_sock_stat(c, &st, sizeof st), 0);
        assert_int_equal(st.peer_gone, 1);
        teardown(state);
    }
}

static void test_reset(void **state)
{
    char b[8] = "";
    for (int i = 0; i < 3; i++) {
        have_connection(streams[i], NULL);
        assert_int_equal(hepta_sock_send(c, "unread", 6, HEPTA_NOW), 6);
        struct pollfd p;
        assert_int_equal(hepta_sock_pollfd(s, POLLIN, &p), 0);
        assert_int_equal(poll(&p, 1, 60000), 1);
        s = hepta_sock_close(s);
        assert_int_equal(hepta_sock_recv(c, b, 8, SOON), -ECONNRESET);
        assert_int_equal(hepta_sock_recv(c, b, 8, SOON), 0);
        assert_int_equal(hepta_sock_send(c, b, 8, SOON), -EPIPE);
        teardown(state);
    }
}

static void test_shutdown_of_reading(void **state)
{
    char b[8] = "";
    have_connection(streams[2], NULL);
    assert_int_equal(hepta_sock_send(c, "x", 1, HEPTA_NOW), 1);
    assert_int_equal(hepta_sock_shutdown(s, HEPTA_SOCK_RD), 0);
    assert_int_equal(hepta_sock_send(c, "x", 1, HEPTA_FOREVER), -EPIPE);
    assert_int_equal(hepta_sock_recv(s, b, 8, HEPTA_FOREVER), 1);
    assert_int_equal(hepta_sock_recv(s, b, 8, HEPTA_FOREVER), 0);
    assert_int_equal(hepta_sock_shutdown(c, HEPTA_SOCK_RD | HEPTA_SOCK_WR), 0);
    assert_int_equal(hepta_sock_shutdown(l, HEPTA_SOCK_RD), -ENOTCONN);
    assert_int_equal(hepta_sock_shutdown(c, 0), -EINVAL);
    assert_int_equal(hepta_sock_shutdown(c, 4), -EINVAL);
    (void)state;
}

static int uses_it(void *arg)
{
    char b[8] = "";
    (void)arg;
    CHILD_CHECK(hepta_sock_recv(s, b, 8, HEPTA_FOREVER) == 3);
    CHILD_CHECK(hepta_sock_send(s, b, 3, HEPTA_FOREVER) == 3);
    hepta_sock_close(s);
    return 0;
}

static void test_fork(void **state)
{
    char b[8] = "";
    have_connection(streams[0], NULL);
    pid_t pid = unit_start(uses_it, NULL);
    s = hepta_sock_close(s);
    assert_int_equal(hepta_sock_send(c, "abc", 3, HEPTA_FOREVER), 3);
    assert_int_equal(hepta_sock_recv(c, b, 8, SOON), 3);
    assert_int_equal(hepta_sock_recv(c, b, 8, SOON), 0);
    assert_int_equal(unit_reap(pid), 0);
    (void)state;
}

static void test_every_host(void **state)
{
    char address[64];
    have_listener("tcp::0", NULL);
    const char *port = strrchr(st.local, ':');
    static const char *const hosts[] = {"127.0.0.1", "[::1]", "", "localhost"};
    for (int i = 0; i < 4; i++) {
        snprintf(address, sizeof address, "tcp:%s%s", hosts[i], port);
        assert_int_equal(hepta_sock_connect(&c, address, NULL, SOON), 0);
        assert_int_equal(hepta_sock_accept(l, &s, SOON), 0);
        c = hepta_sock_close(c);
        s = hepta_sock_close(s);
    }
    teardown(state);
    struct hepta_sock_options o = {.size = sizeof o, .flags = HEPTA_SOCK_V6ONLY};
    have_listener("tcp::0", &o);
    snprintf(address, sizeof address, "tcp:127.0.0.1%s", strrchr(st.local, ':'));
    assert_int_equal(hepta_sock_connect(&c, address, NULL, SOON), -ECONNREFUSED);
}

/* From here on this host has no IPv6. */
static int no_ip6(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAFNOSUPPORT),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog prog = {sizeof code / sizeof *code, code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

static int without_ip6(void *arg)
{
    struct hepta_sock_options o = {.size = sizeof o, .flags = HEPTA_SOCK_V6ONLY};
    char address[HEPTA_SOCK_ADDRESS_MAX];
    (void)arg;
    if (no_ip6() != 0)
        return UNIT_SKIP;
    CHILD_CHECK(hepta_sock_listen(&l, "tcp:[::1]:0", NULL) == -EAFNOSUPPORT);
    CHILD_CHECK(hepta_sock_listen(&l, "tcp::0", &o) == -EAFNOSUPPORT);
    CHILD_CHECK(hepta_sock_listen(&l, "tcp::0", NULL) == 0);
    CHILD_CHECK(hepta_sock_stat(l, &st, sizeof st) == 0);
    CHILD_CHECK(strncmp(st.local, "tcp:0.0.0.0:", 12) == 0);
    snprintf(address, sizeof address, "tcp:%s", strrchr(st.local, ':'));
    CHILD_CHECK(hepta_sock_connect(&c, address, NULL, SOON) == 0);
    teardown(NULL);
    return 0;
}

static void test_no_ip6(void **state)
{
    (void)state;
    unit_in_child(without_ip6, NULL);
}

static int option(struct hepta_sock *of, int level, int name)
{
    int v = -1;
    socklen_t len = sizeof v;
    assert_int_equal(getsockopt(of->fd, level, name, &v, &len), 0);
    return v;
}

/* No host: 127.0.0.1, where nobody listens, then ::1. */
static void test_every_address(void **state)
{
    const int64_t deadlines[] = {HEPTA_NOW, SOON, HEPTA_FOREVER};
    struct hepta_sock_options o = {.size = sizeof o, .flags = HEPTA_SOCK_V6ONLY};
    char address[HEPTA_SOCK_ADDRESS_MAX];
    (void)state;
    have_listener("tcp:[::1]:0", &o);
    snprintf(address, sizeof address, "tcp::%s", strrchr(st.local, ':') + 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(hepta_sock_connect(&c, address, NULL, deadlines[i]), 0);
        c = hepta_sock_close(c);
    }
}

static void test_options(void **state)
{
    struct hepta_sock_options o = {.size = sizeof o,
                                   .capacity = 50000,
                                   .flags = HEPTA_SOCK_NODELAY | HEPTA_SOCK_REUSEADDR |
                                            HEPTA_SOCK_REUSEPORT};
    have_connection(streams[0], &o);
    assert_int_equal(option(l, SOL_SOCKET, SO_REUSEADDR), 1);
    assert_int_equal(option(l, SOL_SOCKET, SO_REUSEPORT), 1);
    assert_int_equal(option(c, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(option(s, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(option(s, SOL_SOCKET, SO_SNDBUF), 100000);
    assert_int_equal(option(c, SOL_SOCKET, SO_RCVBUF), 100000);
    assert_int_equal(hepta_sock_stat(s, &st, sizeof st), 0);
    assert_int_equal(st.flags, o.flags);
    assert_int_equal(st.capacity, 100000);
    struct hepta_sock *second; /* both have asked for it */
    assert_int_equal(hepta_sock_listen(&second, st.local, &o), 0);
    hepta_sock_close(second);
    teardown(state);
    have_connection(streams[1], NULL);
    assert_int_equal(option(c, IPPROTO_TCP, TCP_NODELAY), 0);
    assert_int_equal(option(l, SOL_SOCKET, SO_REUSEADDR), 0);
    for (int i = 0; i < 3; i++) {
        struct hepta_sock *one = i == 0 ? l : i == 1 ? c : s;
        assert_int_equal(fcntl(one->fd, F_GETFD), FD_CLOEXEC);
        assert_int_equal(fcntl(one->fd, F_GETFL) & O_NONBLOCK, one == l ? O_NONBLOCK : 0);
    }
}

static void test_refused_options(void **state)
{
    static const struct {
        const char *address;
        struct hepta_sock_options o;
        int err;
    } table[] = {
        {"tcp:127.0.0.1:0", {.flags = 1u << 7}, -EINVAL},
        {"tcp:127.0.0.1:0", {.flags = HEPTA_SOCK_HDRINCL}, -EINVAL},
        {"tcp:127.0.0.1:0", {.flags = HEPTA_SOCK_V6ONLY}, -EINVAL},
        {"tcp:127.0.0.1:0", {.flags = HEPTA_SOCK_BROADCAST}, -EINVAL},
        {"udp:127.0.0.1:0", {.flags = HEPTA_SOCK_NODELAY}, -EINVAL},
        {"udp:127.0.0.1:0", {.flags = HEPTA_SOCK_RECORDS}, -EINVAL},
        {"kernel.unix:@h", {.flags = HEPTA_SOCK_REUSEADDR}, -EINVAL},
        {"kernel.unix:@h", {.flags = HEPTA_SOCK_NODELAY}, -EINVAL},
        {"kernel.unix:@h", {.flags = HEPTA_SOCK_RECORDS, .type = HEPTA_SOCK_SEQPACKET}, -EINVAL},
        {"raw:icmp6@[::1]", {.flags = HEPTA_SOCK_HDRINCL}, -EINVAL},
        {"raw:icmp@127.0.0.1", {.flags = HEPTA_SOCK_REUSEADDR}, -EINVAL},
        {"raw:packet@lo", {.flags = HEPTA_SOCK_HDRINCL}, -EINVAL},
        {"tcp:127.0.0.1:0", {.type = 5}, -EINVAL},
        {"tcp:127.0.0.1:0", {.type = HEPTA_SOCK_SEQPACKET}, -EPROTONOSUPPORT},
        {"tcp:127.0.0.1:0", {.mode = 01000}, -EINVAL},
        {"tcp:127.0.0.1:0", {.capacity = HEPTA_SOCK_CAPACITY_MAX + 1}, -EINVAL},
        {"tcp:127.0.0.1:0", {.wait = 3}, -EINVAL},
        {"tcp:127.0.0.1:0", {.spin_ns = 1000001}, -EINVAL},
        {"tcp:127.0.0.1:0", {.backlog = 1u << 31}, -EINVAL},
        {"tcp:127.0.0.1:0", {.handshake_ms = 60001}, -EINVAL},
        {"tcp:127.0.0.1:0", {.record_max = HEPTA_SOCK_RECORD_MAX + 1}, -EINVAL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct hepta_sock_options o = table[i].o;
        o.size = sizeof o;
        l = (void *)&o;
        assert_int_equal(hepta_sock_listen(&l, table[i].address, &o), table[i].err);
        assert_null(l);
        assert_int_equal(hepta_sock_connect(&c, table[i].address, &o, HEPTA_NOW), table[i].err);
        assert_null(c);
    }
    struct hepta_sock_options small = {.size = 8, .type = 99};
    assert_int_equal(hepta_sock_listen(&l, streams[0], &small), 0); /* not in what it has */
    l = hepta_sock_close(l);
    small.size = 0;
    assert_int_equal(hepta_sock_listen(&l, streams[0], &small), -EINVAL);
    struct {
        struct hepta_sock_options o;
        uint64_t more;
    } later = {{.size = sizeof later}, 0};
    assert_int_equal(hepta_sock_listen(&l, streams[0], &later.o), 0);
    l = hepta_sock_close(l);
    later.more = 1;
    assert_int_equal(hepta_sock_listen(&l, streams[0], &later.o), -E2BIG);
}

static void test_refused_arguments(void **state)
{
    struct pollfd p;
    char b[1];
    void *q;
    const void *r;
    have_connection(streams[2], NULL);
    assert_int_equal(hepta_sock_listen(NULL, streams[0], NULL), -EFAULT);
    assert_int_equal(hepta_sock_listen(&(struct hepta_sock *){NULL}, NULL, NULL), -EFAULT);
    assert_int_equal(hepta_sock_connect(NULL, streams[0], NULL, HEPTA_NOW), -EFAULT);
    assert_int_equal(hepta_sock_accept(l, NULL, HEPTA_NOW), -EFAULT);
    assert_int_equal(hepta_sock_accept(c, &(struct hepta_sock *){NULL}, HEPTA_NOW), -EINVAL);
    assert_int_equal(hepta_sock_send(l, "x", 1, HEPTA_NOW), -ENOTCONN);
    assert_int_equal(hepta_sock_recv(l, b, 1, HEPTA_NOW), -ENOTCONN);
    assert_int_equal(hepta_sock_send(c, NULL, 1, HEPTA_NOW), -EFAULT);
    assert_int_equal(hepta_sock_send(c, "x", (size_t)SSIZE_MAX + 1, HEPTA_NOW), -EINVAL);
    assert_int_equal(hepta_sock_recv(c, NULL, 1, HEPTA_NOW), -EFAULT);
    assert_int_equal(hepta_sock_recv(c, b, SIZE_MAX, HEPTA_NOW), -EINVAL);
    assert_int_equal(hepta_sock_send(c, NULL, 0, HEPTA_NOW), 0);
    assert_int_equal(hepta_sock_pollfd(c, POLLIN | POLLOUT, &p), -EINVAL);
    assert_int_equal(hepta_sock_pollfd(c, POLLIN, NULL), -EFAULT);
    assert_int_equal(hepta_sock_stat(c, NULL, 1), -EFAULT);
    assert_int_equal(hepta_sock_stat(c, &st, 0), -EINVAL);
    assert_int_equal(hepta_sock_reserve(c, 1, &q, HEPTA_NOW), -EOPNOTSUPP);
    assert_int_equal(hepta_sock_commit(c, 1), -EOPNOTSUPP);
    assert_int_equal(hepta_sock_peek(c, &r, HEPTA_NOW), -EOPNOTSUPP);
    assert_int_equal(hepta_sock_release(c, 1), -EOPNOTSUPP);
    struct hepta_sock *closed = c;
    c = hepta_sock_close(c);
    assert_null(hepta_sock_close(closed));
    assert_int_equal(hepta_sock_send(closed, "x", 1, HEPTA_NOW), -EBADF);
    assert_int_equal(hepta_sock_recv(NULL, b, 1, HEPTA_NOW), -EINVAL);
    assert_null(hepta_sock_close(NULL));
    (void)state;
}

static int as_nobody(void *arg)
{
    (void)arg;
    CHILD_CHECK(setgid(65534) == 0 && setuid(65534) == 0);
    CHILD_CHECK(hepta_sock_listen(&l, "tcp:127.0.0.1:0", NULL) == 0);
    hepta_sock_close(l);
    CHILD_CHECK(hepta_sock_listen(&l, "raw:icmp@127.0.0.1", NULL) == -EPERM && !l);
    CHILD_CHECK(hepta_sock_connect(&l, "raw:253@127.0.0.1", NULL, HEPTA_NOW) == -EPERM);
    CHILD_CHECK(hepta_sock_listen(&l, "raw:icmp6@[::1]", NULL) == -EPERM);
    CHILD_CHECK(hepta_sock_listen(&l, "raw:packet@lo", NULL) == -EPERM);
    FILE *f = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "re");
    int first = 1024;
    if (f && fscanf(f, "%d", &first) != 1)
        first = 1024;
    if (first <= 1)
        return UNIT_SKIP; /* a container in which every port is free for all */
    CHILD_CHECK(hepta_sock_listen(&l, "tcp:127.0.0.1:1", NULL) == -EACCES && !l);
    CHILD_CHECK(hepta_sock_listen(&l, "udp:[::1]:1", NULL) == -EACCES);
    CHILD_CHECK(hepta_sock_listen(&l, "tcp::1", NULL) == -EACCES);
    return 0;
}

static void test_permission(void **state)
{
    (void)state;
    if (getuid() != 0)
        skip();
    unit_in_child(as_nobody, NULL);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

static const struct CMUnitTest tests[] = {
    TEST(test_both_ways),
    TEST(test_nobody_listens),
    TEST(test_in_use),
    TEST(test_accept_waits),
    TEST(test_deadlines),
    TEST(test_time_is_up),
    TEST(test_partial_send),
    TEST(test_interrupted),
    TEST(test_ends),
    TEST(test_reset),
    TEST(test_shutdown_of_reading),
    TEST(test_fork),
    TEST(test_every_host),
    TEST(test_every_address),
    TEST(test_no_ip6),
    TEST(test_options),
    TEST(test_refused_options),
    TEST(test_refused_arguments),
    TEST(test_permission),
};

int main(void)
{
    snprintf(abstract, sizeof abstract, "kernel.unix:@hepta-unit-%d", getpid());
    alarm(UNIT_LIMIT_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
