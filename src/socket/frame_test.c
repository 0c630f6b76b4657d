/* SPDX-License-Identifier: MIT */
/*
 * socket/frame_test.c - records: against a peer that sends byte by byte, or reads not at all,
 * or lies; deadlines in the middle of one; poll(2); threads
 *
 * The peer is a bare socket, so that the test decides where a record is cut.
 */
#define _GNU_SOURCE
#include "base/unit_test.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/clock.h"
#include "base/sys.h"
#include "socket/kernel.h"

#define RECORD_MAX 100000

static struct hepta_sock *s;
static int peer;
static char big[400000], back[400000];

/* A connection with records, whose other end is bare. */
static int setup(void **state)
{
    int fds[2];
    struct hepta_sock_options o = {
        .size = sizeof o, .flags = HEPTA_SOCK_RECORDS, .record_max = RECORD_MAX};
    (void)state;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return -1;
    s = h7_sock_new(&o, HEPTA_SOCK_STREAM);
    if (!s)
        return -1;
    s->fd = fds[0];
    s->family = AF_UNIX;
    s->ops = &h7_sock_kernel_ops;
    peer = fds[1];
    if (h7_kernel_tune(s, 0) < 0)
        return -1;
    h7_sock_ready(s);
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (char)(i * 7 + i / 251);
    return h7_sock_finish(s, "unix:");
}

static int teardown(void **state)
{
    (void)state;
    close(peer); /* first: nothing is left to be sent then */
    s = hepta_sock_close(s);
    return 0;
}

static void peer_sends(const void *bytes, size_t len)
{
    assert_int_equal(send(peer, bytes, len, MSG_NOSIGNAL), len);
}

static void peer_sends_record(const void *bytes, uint32_t len)
{
    uint8_t head[4] = {(uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8),
                       (uint8_t)len};
    peer_sends(head, 4);
    if (len)
        peer_sends(bytes, len);
}

static bool readable(void)
{
    struct pollfd p;
    assert_int_equal(hepta_sock_pollfd(s, POLLIN, &p), 0);
    return poll(&p, 1, 0) == 1;
}

static ssize_t recvmsg_into(void *buf, size_t len, struct hepta_sock_msg *m, int64_t deadline)
{
    static struct iovec v;
    v = (struct iovec){buf, len};
    *m = (struct hepta_sock_msg){.size = sizeof *m, .iov = &v, .n_iov = 1};
    return hepta_sock_recvmsg(s, m, deadline);
}

static void test_layout(void **state)
{
    char b[16];
    (void)state;
    assert_int_equal(hepta_sock_send(s, "hello", 5, HEPTA_FOREVER), 5);
    assert_int_equal(recv(peer, b, sizeof b, 0), 9); /* in one call */
    assert_memory_equal(b, "\0\0\0\5hello", 9);
    assert_int_equal(hepta_sock_send(s, NULL, 0, HEPTA_FOREVER), 0);
    assert_int_equal(recv(peer, b, sizeof b, 0), 4);
    assert_memory_equal(b, "\0\0\0\0", 4);
    assert_int_equal(hepta_sock_send(s, big, 70000, HEPTA_FOREVER), 70000);
    assert_int_equal(recv(peer, b, 4, 0), 4);
    assert_memory_equal(b, "\0\1\x11\x70", 4);
}

static void test_byte_by_byte(void **state)
{
    static const char wire[] = "\0\0\0\5hello\0\0\0\0\0\0\0\1x";
    static const int whole_at[] = {9, 13, 18};
    char b[16];
    int next = 0;
    (void)state;
    for (int i = 0; i < 18; i++) {
        assert_int_equal(hepta_sock_recv(s, b, sizeof b, HEPTA_NOW), -EAGAIN);
        assert_int_equal(hepta_sock_recv(s, b, sizeof b, 1), -ETIMEDOUT);
        peer_sends(wire + i, 1);
        if (i + 1 == whole_at[next]) {
            static const int len[] = {5, 0, 1};
            assert_int_equal(hepta_sock_recv(s, b, sizeof b, HEPTA_NOW), len[next]);
            assert_memory_equal(b, wire + whole_at[next] - len[next], (size_t)len[next]);
            next++;
        }
    }
    assert_int_equal(next, 3);
}

static void test_many_in_one(void **state)
{
    struct hepta_sock_stat st;
    char b[32];
    (void)state;
    for (int i = 0; i < 100; i++)
        peer_sends_record(big, (uint32_t)i);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(hepta_sock_recv(s, back, sizeof back, HEPTA_NOW), i);
        assert_memory_equal(back, big, (size_t)i);
        if (i == 50) { /* what is here counts */
            assert_int_equal(hepta_sock_stat(s, &st, sizeof st), 0);
            assert_int_equal(st.to_read, (51 + 99) * 49 / 2 + 49 * 4);
        }
    }
    assert_int_equal(hepta_sock_recv(s, b, sizeof b, HEPTA_NOW), -EAGAIN);
}

static void test_truncated(void **state)
{
    struct hepta_sock_msg m;
    char b[4];
    (void)state;
    peer_sends_record("0123456789", 10);
    peer_sends_record("ab", 2);
    assert_int_equal(recvmsg_into(b, 4, &m, HEPTA_NOW), 4);
    assert_memory_equal(b, "0123", 4);
    assert_int_equal(m.full_len, 10);
    assert_int_equal(m.flags, HEPTA_SOCK_MSG_TRUNC);
    assert_int_equal(recvmsg_into(b, 4, &m, HEPTA_NOW), 2); /* the rest is lost */
    assert_int_equal(m.flags, 0);
    assert_int_equal(m.full_len, 2);
}

static void test_scattered(void **state)
{
    char x[3], y[1], z[10];
    struct iovec in[] = {{x, 3}, {NULL, 0}, {y, 1}, {z, 10}};
    struct iovec out[40];
    struct hepta_sock_msg m = {.size = sizeof m, .iov = in, .n_iov = 4};
    (void)state;
    peer_sends_record("abcdefg", 7);
    assert_int_equal(hepta_sock_recvmsg(s, &m, HEPTA_NOW), 7);
    assert_memory_equal(x, "abc", 3);
    assert_memory_equal(y, "d", 1);
    assert_memory_equal(z, "efg", 3);
    for (int i = 0; i < 40; i++)
        out[i] = (struct iovec){big + i, i % 3 ? 1 : 0};
    for (size_t n = 0; n <= 40; n += 20) { /* few go as they are, many gathered */
        size_t len = n * 2 / 3;
        m = (struct hepta_sock_msg){.size = sizeof m, .iov = out, .n_iov = n};
        ssize_t r = hepta_sock_sendmsg(s, &m, HEPTA_NOW);
        assert_true(r >= 0 && (size_t)r >= len && (size_t)r <= len + 1);
        assert_int_equal(recv(peer, back, sizeof back, 0), r + 4);
        for (int i = 0, at = 4; i < (int)n; i++)
            if (i % 3)
                assert_int_equal(back[at++], big[i]);
    }
}

static void test_ends(void **state)
{
    struct hepta_sock_msg m;
    char b[4];
    (void)state;
    peer_sends_record("", 0);
    shutdown(peer, SHUT_WR);
    assert_int_equal(recvmsg_into(b, 4, &m, HEPTA_NOW), 0);
    assert_int_equal(m.flags, 0); /* an empty record */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(recvmsg_into(b, 4, &m, HEPTA_NOW), 0);
        assert_int_equal(m.flags, HEPTA_SOCK_MSG_EOF);
    }
}

static void test_ends_inside(void **state)
{
    static const char *const cut[] = {"\0", "\0\0\0", "\0\0\0\2", "\0\0\0\2x"};
    static const size_t len[] = {1, 3, 4, 5};
    char b[4];
    for (int i = 0; i < 4; i++) {
        if (i)
            assert_int_equal(setup(state), 0);
        peer_sends_record("ok", 2);
        peer_sends(cut[i], len[i]);
        shutdown(peer, SHUT_WR);
        assert_int_equal(hepta_sock_recv(s, b, 4, HEPTA_FOREVER), 2);
        assert_int_equal(hepta_sock_recv(s, b, 4, HEPTA_FOREVER), -EPROTO);
        assert_int_equal(hepta_sock_recv(s, b, 4, HEPTA_NOW), -EPROTO);
        assert_true(readable());
        if (i < 3)
            teardown(state);
    }
}

static void test_too_long(void **state)
{
    struct hepta_sock_msg m;
    char b[4];
    (void)state;
    assert_int_equal(hepta_sock_send(s, big, RECORD_MAX + 1, HEPTA_NOW), -EMSGSIZE);
    assert_int_equal(recv(peer, b, 4, MSG_DONTWAIT), -1);
    peer_sends_record("ok", 2);
    peer_sends("\0\1\x86\xa1", 4); /* RECORD_MAX + 1: known by its head */
    assert_int_equal(hepta_sock_recv(s, b, 4, HEPTA_NOW), 2);
    assert_int_equal(recvmsg_into(b, 4, &m, HEPTA_FOREVER), -EBADMSG);
    assert_int_equal(recvmsg_into(b, 4, &m, HEPTA_NOW), -EBADMSG);
    assert_true(readable());
    assert_int_equal(hepta_sock_send(s, "still", 5, HEPTA_NOW), 5);
}

/* A byte is always there, and each takes its time. */
static ssize_t dribbles(struct hepta_sock *of, void *buf, size_t len, int64_t deadline)
{
    unit_sleep_ms(1);
    return h7_sock_kernel_ops.recv(of, buf, len > 1 ? 1 : len, deadline);
}

static void test_a_deadline_in_what_never_waits(void **state)
{
    struct h7_sock_ops slow = h7_sock_kernel_ops;
    (void)state;
    peer_sends_record(big, 1000);
    slow.recv = dribbles;
    s->ops = &slow;
    assert_int_equal(hepta_sock_recv(s, back, sizeof back, hepta_in_ms(5)), -ETIMEDOUT);
    assert_int_equal(hepta_sock_recv(s, back, sizeof back, HEPTA_NOW), -EAGAIN);
    s->ops = &h7_sock_kernel_ops;
    assert_int_equal(hepta_sock_recv(s, back, sizeof back, HEPTA_NOW), 1000); /* nothing lost */
    assert_memory_equal(back, big, 1000);
}

/* A head that promises much makes no memory. */
static void test_a_promise(void **state)
{
    char b[4];
    (void)state;
    s->opt.record_max = HEPTA_SOCK_RECORD_MAX;
    peer_sends("\x40\0\0\0x", 5);
    struct rlimit lim = {64ul << 20, 64ul << 20}, old;
    assert_int_equal(getrlimit(RLIMIT_DATA, &old), 0);
    lim.rlim_max = old.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_DATA, &lim), 0);
    assert_int_equal(hepta_sock_recv(s, b, 4, HEPTA_NOW), -EAGAIN);
    assert_int_equal(setrlimit(RLIMIT_DATA, &old), 0);
}

static void test_longest(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        pid_t pid = unit_fork();
        if (pid == 0) {
            uint8_t head[4] = {0, RECORD_MAX >> 16, RECORD_MAX >> 8 & 255, RECORD_MAX & 255};
            CHILD_CHECK(send(peer, head, 4, 0) == 4);
            for (size_t at = 0; at < RECORD_MAX; at += 1000)
                CHILD_CHECK(send(peer, big + at, 1000, 0) == 1000);
            _exit(0);
        }
        memset(back, 0, sizeof back);
        assert_int_equal(hepta_sock_recv(s, back, sizeof back, HEPTA_FOREVER), RECORD_MAX);
        assert_memory_equal(back, big, RECORD_MAX);
        assert_int_equal(unit_reap(pid), 0);
    }
}

static size_t drain(char *to, size_t room)
{
    size_t n = 0;
    ssize_t r;
    while ((r = recv(peer, to + n, room - n, MSG_DONTWAIT)) > 0)
        n += (size_t)r;
    return n;
}

static void small_buffer(void)
{
    int size = 8192;
    assert_int_equal(setsockopt(s->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
}

/* Takes records until the last one is under way and not sent. Returns how many. */
static int fill(size_t len)
{
    int n = 0;
    while (h7_frame_unsent(s) == 0) {
        ssize_t r = hepta_sock_send(s, big, len, HEPTA_NOW);
        if (r == -EAGAIN) { /* cut just at its end: make room for a few bytes */
            assert_int_equal(recv(peer, back, 4096, 0), 4096);
            fail_msg("the buffer ends with a record");
        }
        assert_int_equal(r, len);
        n++;
        assert_true(n < 1000);
    }
    return n;
}

static void check_wire(size_t n_bytes, size_t len, size_t n)
{
    assert_int_equal(n_bytes, n * (len + 4));
    for (size_t i = 0; i < n; i++)
        assert_memory_equal(back + i * (len + 4) + 4, big, len);
}

static void test_taken_over_whole(void **state)
{
    struct hepta_sock_stat st;
    (void)state;
    small_buffer();
    int n = fill(50000);
    assert_int_equal(hepta_sock_send(s, "x", 1, HEPTA_NOW), -EAGAIN);
    assert_int_equal(hepta_sock_send(s, "x", 1, hepta_in_ms(5)), -ETIMEDOUT);
    assert_int_equal(hepta_sock_stat(s, &st, sizeof st), 0);
    assert_true(st.to_send > h7_frame_unsent(s));
    size_t got = 0;
    while (hepta_sock_send(s, "x", 1, HEPTA_NOW) == -EAGAIN) /* sends the rest first */
        got += drain(back + got, sizeof back - got);
    got += drain(back + got, sizeof back - got);
    assert_memory_equal(back + got - 5, "\0\0\0\1x", 5);
    check_wire(got - 5, 50000, (size_t)n);
}

static void test_close_sends_the_rest(void **state)
{
    (void)state;
    small_buffer();
    int n = fill(50000);
    pid_t pid = unit_fork();
    if (pid == 0) { /* reads all there is until the end */
        size_t got = 0;
        ssize_t r;
        h7_sys_close(s->fd);
        while ((r = recv(peer, back + got, sizeof back - got, 0)) > 0)
            got += (size_t)r;
        CHILD_CHECK(r == 0 && got == (size_t)n * 50004);
        for (int i = 0; i < n; i++)
            CHILD_CHECK(memcmp(back + i * 50004 + 4, big, 50000) == 0);
        _exit(0);
    }
    s = hepta_sock_close(s);
    assert_int_equal(unit_reap(pid), 0);
}

static void test_shutdown_sends_the_rest(void **state)
{
    (void)state;
    small_buffer();
    int n = fill(20000);
    assert_int_equal(hepta_sock_shutdown(s, HEPTA_SOCK_WR), -ETIMEDOUT); /* nobody reads */
    size_t got = drain(back, sizeof back);
    while (h7_frame_unsent(s) && hepta_sock_shutdown(s, HEPTA_SOCK_WR) == -ETIMEDOUT)
        got += drain(back + got, sizeof back - got);
    got += drain(back + got, sizeof back - got);
    check_wire(got, 20000, (size_t)n);
    assert_int_equal(hepta_sock_send(s, "x", 1, HEPTA_NOW), -EPIPE);
}

/* The peer answers only when it has the whole question. */
static void test_recv_sends_the_rest(void **state)
{
    char b[8];
    (void)state;
    small_buffer();
    size_t all = (size_t)fill(50000) * 50004;
    pid_t pid = unit_fork();
    if (pid == 0) {
        for (size_t got = 0; got < all;) {
            ssize_t r = recv(peer, back, sizeof back, 0);
            CHILD_CHECK(r > 0);
            got += (size_t)r;
        }
        CHILD_CHECK(send(peer, "\0\0\0\3yes", 7, 0) == 7);
        _exit(0);
    }
    assert_int_equal(hepta_sock_recv(s, b, sizeof b, HEPTA_FOREVER), 3);
    assert_int_equal(h7_frame_unsent(s), 0);
    assert_int_equal(unit_reap(pid), 0);
}

static void test_recv_with_a_rest_ends_in_time(void **state)
{
    char b[8];
    (void)state;
    small_buffer();
    fill(50000);
    assert_int_equal(hepta_sock_recv(s, b, sizeof b, HEPTA_NOW), -EAGAIN);
    assert_int_equal(hepta_sock_recv(s, b, sizeof b, hepta_in_ms(5)), -ETIMEDOUT);
    peer_sends_record("yes", 3);
    assert_int_equal(hepta_sock_recv(s, b, sizeof b, HEPTA_FOREVER), 3);
    close(peer);
    assert_int_equal(hepta_sock_recv(s, b, sizeof b, HEPTA_FOREVER), -ECONNRESET);
    assert_int_equal(hepta_sock_recv(s, b, sizeof b, HEPTA_FOREVER), 0);
    assert_int_equal(hepta_sock_send(s, b, 1, HEPTA_FOREVER), -EPIPE);
    peer = -1;
}

static void on_alarm(int sig)
{
    (void)sig;
}

static int interrupted(void *arg)
{
    struct sigaction sa = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    struct itimerval often = {.it_interval.tv_usec = 20000, .it_value.tv_usec = 20000};
    char b[4];
    (void)arg;
    CHILD_CHECK(sigaction(SIGALRM, &sa, NULL) == 0 && setitimer(ITIMER_REAL, &often, NULL) == 0);
    CHILD_CHECK(hepta_sock_recv(s, b, 4, HEPTA_FOREVER) == -EINTR);
    CHILD_CHECK(send(peer, "\0\0", 2, 0) == 2);
    CHILD_CHECK(hepta_sock_recv(s, b, 4, HEPTA_FOREVER) == -EINTR); /* inside one */
    CHILD_CHECK(send(peer, "\0\1x", 3, 0) == 3);
    CHILD_CHECK(hepta_sock_recv(s, b, 4, HEPTA_FOREVER) == 1);
    /* A send that is cut short has taken the record. */
    int size = 8192;
    CHILD_CHECK(setsockopt(s->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size) == 0);
    CHILD_CHECK(hepta_sock_send(s, big, 90000, HEPTA_FOREVER) == 90000);
    CHILD_CHECK(h7_frame_unsent(s) > 0);
    CHILD_CHECK(hepta_sock_send(s, "x", 1, HEPTA_FOREVER) == -EINTR);
    return 0;
}

static void test_interrupted(void **state)
{
    (void)state;
    unit_in_child(interrupted, NULL);
}

static void test_poll(void **state)
{
    struct epoll_event e = {.events = EPOLLIN}, got;
    struct pollfd p;
    char b[8];
    (void)state;
    assert_int_equal(hepta_sock_pollfd(s, POLLOUT, &p), 0);
    assert_int_equal(poll(&p, 1, 0), 1);
    peer_sends_record("early", 5);
    peer_sends_record("x", 1);
    assert_int_equal(hepta_sock_recv(s, b, 8, HEPTA_NOW), 5); /* and has buffered the other */
    assert_int_equal(hepta_sock_pollfd(s, POLLIN, &p), 0);
    int ep = epoll_create1(EPOLL_CLOEXEC);
    assert_int_equal(epoll_ctl(ep, EPOLL_CTL_ADD, p.fd, &e), 0);
    for (int i = 0; i < 3; i++) { /* once registered, for ever */
        assert_int_equal(epoll_wait(ep, &got, 1, 0), 1);
        assert_int_equal(hepta_sock_recv(s, b, 8, HEPTA_NOW), 1);
        assert_int_equal(epoll_wait(ep, &got, 1, 0), 0);
        peer_sends("\0\0\0\1x\0\0\0\1y", 10);
        assert_int_equal(epoll_wait(ep, &got, 1, 0), 1);
        assert_int_equal(hepta_sock_recv(s, b, 8, HEPTA_NOW), 1);
    }
    assert_int_equal(hepta_sock_recv(s, b, 8, HEPTA_NOW), 1);
    peer_sends("\0", 1); /* too early is allowed, never is not */
    assert_int_equal(hepta_sock_recv(s, b, 8, HEPTA_NOW), -EAGAIN);
    assert_int_equal(epoll_wait(ep, &got, 1, 0), 0);
    shutdown(peer, SHUT_WR);
    assert_int_equal(epoll_wait(ep, &got, 1, 0), 1);
    close(ep);
}

static int ask_again(void *arg)
{
    char b[8];
    (void)arg;
    CHILD_CHECK(hepta_sock_recv(s, b, 8, HEPTA_NOW) == 1); /* its own copy */
    struct pollfd p;
    CHILD_CHECK(hepta_sock_pollfd(s, POLLIN, &p) == 0);
    CHILD_CHECK(poll(&p, 1, 0) == 0);
    return 0;
}

/* What is wrong with the next record is told at once, so poll must say so. */
static void test_poll_before_an_error(void **state)
{
    (void)state;
    assert_false(readable());
    char both[5 + 4] = {0, 0, 0, 1, 'x', 0x7f, 0, 0, 0};
    peer_sends(both, sizeof both);
    assert_int_equal(hepta_sock_recv(s, back, 10, HEPTA_NOW), 1);
    assert_true(readable());
    assert_int_equal(hepta_sock_recv(s, back, 10, HEPTA_NOW), -EBADMSG);
}

static void test_poll_after_fork(void **state)
{
    char b[8];
    (void)state;
    assert_false(readable());
    peer_sends("\0\0\0\1x\0\0\0\1y", 10);
    assert_int_equal(hepta_sock_recv(s, b, 8, HEPTA_NOW), 1);
    unit_in_child(ask_again, NULL);
    assert_true(readable()); /* the child's buffer was another */
    assert_int_equal(hepta_sock_recv(s, b, 8, HEPTA_NOW), 1);
    assert_false(readable());
}

static int child_closes(void *arg)
{
    (void)arg;
    s = hepta_sock_close(s);
    return 0;
}

/* What the parent began, the child doesn't send once more. */
static void test_rest_after_fork(void **state)
{
    (void)state;
    small_buffer();
    int n = fill(50000);
    size_t got = drain(back, sizeof back);
    unit_in_child(child_closes, NULL);
    while (h7_frame_flush(s, HEPTA_NOW) == -EAGAIN)
        got += drain(back + got, sizeof back - got);
    got += drain(back + got, sizeof back - got);
    check_wire(got, 50000, (size_t)n);
}

static void test_no_descriptors_no_zero_copy(void **state)
{
    int fd = peer;
    struct iovec v = {big, 1};
    struct hepta_sock_msg m = {
        .size = sizeof m, .iov = &v, .n_iov = 1, .fds = &fd, .n_fds = 1};
    const void *p;
    void *q;
    (void)state;
    assert_int_equal(hepta_sock_sendmsg(s, &m, HEPTA_NOW), -EINVAL);
    assert_int_equal(hepta_sock_peek(s, &p, HEPTA_NOW), -EOPNOTSUPP);
    assert_int_equal(hepta_sock_reserve(s, 1, &q, HEPTA_NOW), -EOPNOTSUPP);
}

/* ---- threads on one handle ---- */

#define N_THREADS 4
#define N_EACH 500

static struct hepta_sock *other;

static size_t length_of(uint32_t i)
{
    return 8 + i * 37 % 3000;
}

static void *sends(void *arg)
{
    char b[4000];
    for (uint32_t i = 0; i < N_EACH; i++) {
        memset(b, (int)(i * 13 + (uintptr_t)arg), sizeof b);
        memcpy(b, &arg, sizeof arg);
        if (hepta_sock_send(s, b, length_of(i), HEPTA_FOREVER) != (ssize_t)length_of(i))
            return s;
    }
    return NULL;
}

static void *receives(void *arg)
{
    char b[4000];
    struct h7_a64 *sum = arg;
    for (;;) {
        ssize_t n = hepta_sock_recv(other, b, sizeof b, HEPTA_FOREVER);
        if (n <= 0)
            return n == 0 ? NULL : arg;
        for (ssize_t i = 9; i < n; i++)
            if (b[i] != b[8])
                return arg;
        h7_add64_relaxed(sum, (uint64_t)n << 32 | 1);
    }
}

static void test_threads(void **state)
{
    struct hepta_sock_options o = {
        .size = sizeof o, .flags = HEPTA_SOCK_RECORDS, .record_max = RECORD_MAX};
    struct h7_a64 sum = {0};
    pthread_t out[N_THREADS], in[N_THREADS];
    uint64_t expected = 0;
    void *bad;
    (void)state;
    other = h7_sock_new(&o, HEPTA_SOCK_STREAM);
    assert_non_null(other);
    other->fd = h7_sys_dup(peer, 1);
    other->family = AF_UNIX;
    other->ops = &h7_sock_kernel_ops;
    h7_sock_ready(other);
    assert_int_equal(h7_sock_finish(other, "unix:"), 0);
    for (uintptr_t i = 0; i < N_THREADS; i++) {
        assert_int_equal(pthread_create(&out[i], NULL, sends, (void *)i), 0);
        assert_int_equal(pthread_create(&in[i], NULL, receives, &sum), 0);
    }
    for (int i = 0; i < N_THREADS; i++) {
        pthread_join(out[i], &bad);
        assert_null(bad);
    }
    assert_int_equal(hepta_sock_shutdown(s, HEPTA_SOCK_WR), 0);
    for (int i = 0; i < N_THREADS; i++) {
        pthread_join(in[i], &bad);
        assert_null(bad);
    }
    for (uint32_t i = 0; i < N_EACH; i++)
        expected += N_THREADS * ((uint64_t)length_of(i) << 32 | 1);
    assert_int_equal(h7_load64_relaxed(&sum), expected);
    other = hepta_sock_close(other);
}

static void *receives_one(void *arg)
{
    char b[8];
    (void)arg;
    return hepta_sock_recv(s, b, 8, HEPTA_FOREVER) == 1 ? NULL : s;
}

/* A thread that waits holds the other direction's users up only until their deadlines. */
static void test_threads_and_deadlines(void **state)
{
    pthread_t t;
    void *bad;
    char b[8];
    (void)state;
    assert_int_equal(pthread_create(&t, NULL, receives_one, NULL), 0);
    unit_sleep_ms(20);
    ssize_t r = hepta_sock_recv(s, b, 8, HEPTA_NOW);
    assert_int_equal(r, -EAGAIN);
    assert_int_equal(hepta_sock_recv(s, b, 8, hepta_in_ms(5)), -ETIMEDOUT);
    assert_false(readable());
    assert_int_equal(hepta_sock_send(s, "x", 1, HEPTA_NOW), 1);
    peer_sends_record("x", 1);
    pthread_join(t, &bad);
    assert_null(bad);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static const struct CMUnitTest tests[] = {
    TEST(test_layout),
    TEST(test_byte_by_byte),
    TEST(test_many_in_one),
    TEST(test_truncated),
    TEST(test_scattered),
    TEST(test_ends),
    TEST(test_ends_inside),
    TEST(test_too_long),
    TEST(test_a_deadline_in_what_never_waits),
    TEST(test_a_promise),
    TEST(test_longest),
    TEST(test_taken_over_whole),
    TEST(test_close_sends_the_rest),
    TEST(test_shutdown_sends_the_rest),
    TEST(test_recv_sends_the_rest),
    TEST(test_recv_with_a_rest_ends_in_time),
    TEST(test_interrupted),
    TEST(test_poll),
    TEST(test_poll_before_an_error),
    TEST(test_poll_after_fork),
    TEST(test_rest_after_fork),
    TEST(test_no_descriptors_no_zero_copy),
    TEST(test_threads),
    TEST(test_threads_and_deadlines),
};

UNIT_MAIN(tests)
