/* SPDX-License-Identifier: MIT */
/*
 * socket/memory_test.c - connections in memory: what goes over them, and how they end
 *
 * How they begin is in backlog_test.c, descriptors in rights_test.c.
 */
#define _GNU_SOURCE
#include "socket/memory_test.h"

#include <pthread.h>
#include <sys/resource.h>

static char buf[1 << 20], got[1 << 20];

static void fill(size_t len)
{
    for (size_t i = 0; i < len; i++)
        buf[i] = (char)(i * 7 + (i >> 8));
}

static void test_both_ways(void **state)
{
    (void)state;
    assert_int_equal(hepta_sock_send(a, "ping", 4, HEPTA_NOW), 4);
    assert_int_equal(hepta_sock_send(b, "pong!", 5, HEPTA_NOW), 5);
    assert_int_equal(hepta_sock_recv(b, got, 10, HEPTA_NOW), 4);
    assert_memory_equal(got, "ping", 4);
    assert_int_equal(hepta_sock_recv(a, got, 10, HEPTA_NOW), 5);
    assert_memory_equal(got, "pong!", 5);
    assert_int_equal(hepta_sock_recv(a, got, 10, HEPTA_NOW), -EAGAIN);
    assert_int_equal(hepta_sock_recv(a, got, 10, hepta_in_ms(20)), -ETIMEDOUT);
}

static void test_three_descriptors_an_end(void **state)
{
    (void)state;
    int before = unit_n_fds();
    b = hepta_sock_close(b);
    assert_int_equal(before - unit_n_fds(), 3);
}

static void test_stream_without_boundaries(void **state)
{
    (void)state;
    assert_int_equal(hepta_sock_send(a, "abc", 3, HEPTA_NOW), 3);
    assert_int_equal(hepta_sock_send(a, "def", 3, HEPTA_NOW), 3);
    assert_int_equal(hepta_sock_recv(b, got, 5, HEPTA_NOW), 5);
    assert_int_equal(hepta_sock_recv(b, got + 5, 5, HEPTA_NOW), 1);
    assert_memory_equal(got, "abcdef", 6);
    assert_int_equal(hepta_sock_send(a, NULL, 0, HEPTA_NOW), 0);
    assert_int_equal(hepta_sock_recv(b, got, 5, HEPTA_NOW), -EAGAIN);
}

static void test_message_sizes(void **state)
{
    (void)state;
    const size_t len[] = {1, 0, 64, 65536, 65537, 200000};
    fill(200000);
    for (size_t i = 0; i < sizeof len / sizeof *len; i++) {
        struct iovec iov = {got, sizeof got};
        struct hepta_sock_msg msg = {.size = sizeof msg, .iov = &iov, .n_iov = 1};
        assert_int_equal(hepta_sock_send(a, buf, len[i], HEPTA_NOW), len[i]);
        assert_int_equal(hepta_sock_recvmsg(b, &msg, HEPTA_NOW), len[i]);
        assert_memory_equal(got, buf, len[i]);
        assert_int_equal(msg.full_len, len[i]);
        assert_int_equal(msg.flags, 0);
        assert_int_equal(msg.pid, getpid());
    }
    struct hepta_sock_stat st;
    assert_int_equal(hepta_sock_stat(a, &st, sizeof st), 0);
    assert_int_equal(hepta_sock_send(a, buf, st.capacity - 15, HEPTA_NOW), -EMSGSIZE);
    assert_int_equal(hepta_sock_send(a, buf, st.capacity - 16, HEPTA_NOW), st.capacity - 16);
    assert_int_equal(hepta_sock_recv(b, got, 1, HEPTA_NOW), 1);
    assert_int_equal(hepta_sock_recv(b, got, 1, HEPTA_NOW), -EAGAIN); /* the rest is lost */
}

static void test_truncation_is_told(void **state)
{
    (void)state;
    for (size_t len = 100; len <= 100000; len *= 1000) {
        struct iovec iov = {got, 10};
        struct hepta_sock_msg msg = {.size = sizeof msg, .iov = &iov, .n_iov = 1};
        assert_int_equal(hepta_sock_send(a, buf, len, HEPTA_NOW), len);
        assert_int_equal(hepta_sock_recvmsg(b, &msg, HEPTA_NOW), 10);
        assert_int_equal(msg.flags, HEPTA_SOCK_MSG_TRUNC);
        assert_int_equal(msg.full_len, len);
    }
}

static void test_pieces(void **state)
{
    (void)state;
    const size_t total[] = {6, 5000, 150000};
    for (size_t i = 0; i < sizeof total / sizeof *total; i++) {
        size_t n = total[i], done = 0;
        fill(n);
        struct iovec out[4] = {
            {buf, 1}, {NULL, 0}, {buf + 1, n / 2}, {buf + 1 + n / 2, n - 1 - n / 2}};
        struct hepta_sock_msg msg = {.size = sizeof msg, .iov = out, .n_iov = 4};
        ssize_t r = hepta_sock_sendmsg(a, &msg, HEPTA_NOW);
        assert_true(r == (ssize_t)n || r == 65536); /* a stream takes what fits */
        memset(got, 0, n);
        for (size_t part = 0; done < (size_t)r; done += part) {
            struct iovec in[3] = {{got + done, 2}, {NULL, 0}, {got + done + 2, n}};
            struct hepta_sock_msg m = {.size = sizeof m, .iov = in, .n_iov = 3};
            ssize_t k = hepta_sock_recvmsg(b, &m, HEPTA_NOW);
            assert_true(k > 0);
            part = (size_t)k;
        }
        assert_memory_equal(got, buf, (size_t)r);
    }
}

static void test_zero_copy(void **state)
{
    (void)state;
    void *out;
    const void *in;
    assert_int_equal(hepta_sock_reserve(a, 100, &out, HEPTA_NOW), 0);
    memcpy(out, "in place", 8);
    assert_int_equal(hepta_sock_send(a, "x", 1, HEPTA_NOW), -EDEADLK);
    assert_int_equal(hepta_sock_commit(a, 8), 0);
    assert_int_equal(hepta_sock_peek(b, &in, HEPTA_NOW), 8);
    assert_memory_equal(in, "in place", 8);
    assert_int_equal(hepta_sock_release(b, 0), 0);
    assert_int_equal(hepta_sock_recv(b, got, 100, HEPTA_NOW), 8);
    assert_int_equal(hepta_sock_reserve(a, 0, &out, HEPTA_NOW), -EINVAL);
}

static void test_empty_message_is_not_the_end(void **state)
{
    (void)state;
    struct iovec iov = {got, sizeof got};
    struct hepta_sock_msg msg = {.size = sizeof msg, .iov = &iov, .n_iov = 1};
    const void *in;
    assert_int_equal(hepta_sock_send(a, NULL, 0, HEPTA_NOW), 0);
    assert_int_equal(hepta_sock_send(a, NULL, 0, HEPTA_NOW), 0);
    assert_int_equal(hepta_sock_recvmsg(b, &msg, HEPTA_NOW), 0);
    assert_int_equal(msg.flags, 0);
    assert_int_equal(hepta_sock_peek(b, &in, HEPTA_NOW), 0); /* takes it */
    assert_int_equal(hepta_sock_recvmsg(b, &msg, HEPTA_NOW), -EAGAIN);
    a = hepta_sock_close(a);
    assert_int_equal(hepta_sock_recvmsg(b, &msg, HEPTA_FOREVER), 0);
    assert_int_equal(msg.flags, HEPTA_SOCK_MSG_EOF);
}

/* --- the end ---------------------------------------------------------------------------- */

static void test_close(void **state)
{
    (void)state;
    struct hepta_sock_stat st;
    assert_int_equal(hepta_sock_send(a, "last", 4, HEPTA_NOW), 4);
    a = hepta_sock_close(a);
    assert_int_equal(hepta_sock_stat(b, &st, sizeof st), 0);
    assert_int_equal(st.peer_gone, 1);
    assert_int_equal(hepta_sock_send(b, "x", 1, HEPTA_NOW), -EPIPE);
    assert_int_equal(hepta_sock_recv(b, got, 10, HEPTA_FOREVER), 4);
    assert_int_equal(hepta_sock_recv(b, got, 10, HEPTA_FOREVER), 0);
    assert_int_equal(hepta_sock_recv(b, got, 10, HEPTA_NOW), 0);
}

static void test_reset_is_told_once(void **state)
{
    (void)state;
    assert_int_equal(hepta_sock_send(b, "unread", 6, HEPTA_NOW), 6);
    a = hepta_sock_close(a);
    assert_int_equal(hepta_sock_recv(b, got, 10, HEPTA_FOREVER), -ECONNRESET);
    assert_int_equal(hepta_sock_recv(b, got, 10, HEPTA_FOREVER), 0);
}

static void test_half_close(void **state)
{
    (void)state;
    assert_int_equal(hepta_sock_send(a, "rest", 4, HEPTA_NOW), 4);
    assert_int_equal(hepta_sock_shutdown(a, HEPTA_SOCK_WR), 0);
    assert_int_equal(hepta_sock_send(a, "x", 1, HEPTA_NOW), -EPIPE);
    assert_int_equal(hepta_sock_recv(b, got, 10, HEPTA_FOREVER), 4);
    assert_int_equal(hepta_sock_recv(b, got, 10, HEPTA_FOREVER), 0);
    assert_int_equal(hepta_sock_send(b, "still", 5, HEPTA_NOW), 5); /* the other direction */
    assert_int_equal(hepta_sock_recv(a, got, 10, HEPTA_FOREVER), 5);
}

static void test_no_more_reading(void **state)
{
    (void)state;
    assert_int_equal(hepta_sock_send(a, "rest", 4, HEPTA_NOW), 4);
    assert_int_equal(hepta_sock_shutdown(b, HEPTA_SOCK_RD), 0);
    assert_int_equal(hepta_sock_send(a, "x", 1, HEPTA_NOW), -EPIPE);
    assert_int_equal(hepta_sock_recv(b, got, 10, HEPTA_FOREVER), 4);
    assert_int_equal(hepta_sock_recv(b, got, 10, HEPTA_FOREVER), 0);
    assert_int_equal(hepta_sock_send(b, "back", 4, HEPTA_NOW), 4);
    assert_int_equal(hepta_sock_recv(a, got, 10, HEPTA_FOREVER), 4);
}

enum asleep { IN_RECV, IN_SEND };

static int be_asleep(void *arg)
{
    enum asleep what = *(enum asleep *)arg;
    ssize_t r;
    a = hepta_sock_close(a);
    if (what == IN_RECV)
        return (int)-hepta_sock_recv(b, got, 10, HEPTA_FOREVER);
    do
        r = hepta_sock_send(b, buf, 4096, HEPTA_FOREVER);
    while (r > 0);
    return (int)-r;
}

/* A child asleep on b, while this process does something to either end. */
static int woken(enum asleep what, void (*by)(void))
{
    pid_t pid = unit_start(be_asleep, &what);
    unit_sleep_ms(50); /* naps are over */
    by();
    return unit_reap(pid);
}

static void close_a(void)
{
    b = hepta_sock_close(b);
    a = hepta_sock_close(a);
}

static void shut_a_wr(void)
{
    hepta_sock_shutdown(a, HEPTA_SOCK_WR);
}

static void shut_a_rd(void)
{
    hepta_sock_shutdown(a, HEPTA_SOCK_RD);
}

static void shut_b_rd(void)
{
    hepta_sock_shutdown(b, HEPTA_SOCK_RD);
}

static void shut_b_wr(void)
{
    hepta_sock_shutdown(b, HEPTA_SOCK_WR);
}

static void test_recv_woken_by_close(void **state)
{
    (void)state;
    assert_int_equal(woken(IN_RECV, close_a), 0);
}

static void test_send_woken_by_close(void **state)
{
    (void)state;
    assert_int_equal(woken(IN_SEND, close_a), EPIPE);
}

static void test_recv_woken_by_shutdown(void **state)
{
    (void)state;
    assert_int_equal(woken(IN_RECV, shut_a_wr), 0);
}

static void test_recv_woken_by_own_shutdown(void **state)
{
    (void)state;
    assert_int_equal(woken(IN_RECV, shut_b_rd), 0);
}

static void test_send_woken_by_shutdown(void **state)
{
    (void)state;
    assert_int_equal(woken(IN_SEND, shut_a_rd), EPIPE);
}

static void test_send_woken_by_own_shutdown(void **state)
{
    (void)state;
    assert_int_equal(woken(IN_SEND, shut_b_wr), EPIPE);
}

/* --- waiting with poll ------------------------------------------------------------------- */

static int ready(struct hepta_sock *s, short want)
{
    struct pollfd p;
    assert_int_equal(hepta_sock_pollfd(s, want, &p), 0);
    return poll(&p, 1, 0);
}

static void test_levels(void **state)
{
    (void)state;
    assert_int_equal(ready(b, POLLIN), 0);
    assert_int_equal(ready(a, POLLOUT), 1);
    assert_int_equal(hepta_sock_send(a, buf, 4096, HEPTA_NOW), 4096);
    assert_int_equal(ready(b, POLLIN), 1);
    while (hepta_sock_send(a, buf, 4096, HEPTA_NOW) > 0)
        ;
    assert_int_equal(ready(a, POLLOUT), 0);
    assert_int_equal(hepta_sock_recv(b, got, sizeof got, HEPTA_NOW) > 0, 1);
    while (hepta_sock_recv(b, got, sizeof got, HEPTA_NOW) > 0)
        ;
    assert_int_equal(ready(a, POLLOUT), 1);
    assert_int_equal(ready(b, POLLIN), 0);
    a = hepta_sock_close(a);
    assert_int_equal(ready(b, POLLIN), 1);
    assert_int_equal(ready(b, POLLOUT), 1);
}

/* --- much of it ---------------------------------------------------------------------------- */

#define MUCH (8 << 20)

static void *send_much(void *arg)
{
    size_t done = 0, wrong = 0;
    (void)arg;
    for (unsigned i = 0; done < MUCH; i++) {
        size_t n = 1 + i * 7919 % 9000;
        static char out[9001];
        for (size_t k = 0; k < n; k++)
            out[k] = (char)((done + k) * 13 + ((done + k) >> 9));
        ssize_t r = hepta_sock_send(a, out, n, HEPTA_FOREVER);
        wrong += r != (ssize_t)n;
        done += n;
    }
    hepta_sock_shutdown(a, HEPTA_SOCK_WR);
    return (void *)wrong;
}

static void test_order_of_much(void **state)
{
    (void)state;
    pthread_t thread;
    void *wrong;
    size_t at = 0, bad = 0;
    assert_int_equal(pthread_create(&thread, NULL, send_much, NULL), 0);
    for (ssize_t n; (n = hepta_sock_recv(b, got, 20000, HEPTA_FOREVER)) > 0; at += (size_t)n)
        for (size_t k = 0; k < (size_t)n; k++)
            bad += got[k] != (char)((at + k) * 13 + ((at + k) >> 9));
    pthread_join(thread, &wrong);
    assert_null(wrong);
    assert_int_equal(bad, 0);
    assert_true(at >= MUCH);
}

static void test_nothing_leaks(void **state)
{
    (void)state;
    int before = unit_n_fds();
    for (int i = 0; i < 20; i++) {
        struct hepta_sock *c, *d;
        assert_int_equal(hepta_sock_pair(&c, &d, NULL), 0);
        assert_int_equal(hepta_sock_send(c, "x", 1, HEPTA_NOW), 1);
        hepta_sock_close(c);
        hepta_sock_close(d);
    }
    assert_int_equal(unit_n_fds(), before);
}

static int without_descriptors(void *arg)
{
    struct rlimit lim;
    (void)arg;
    int next = unit_next_fd();
    for (rlim_t n = 0; n < 30; n++) {
        struct hepta_sock *c = (void *)1, *d = (void *)1;
        getrlimit(RLIMIT_NOFILE, &lim);
        lim.rlim_cur = (rlim_t)next + n;
        setrlimit(RLIMIT_NOFILE, &lim);
        int before = unit_n_fds(), r = hepta_sock_pair(&c, &d, NULL);
        if (r == 0)
            return 0;
        CHILD_CHECK(r == -EMFILE && !c && !d);
        CHILD_CHECK(unit_n_fds() == before);
    }
    return 1;
}

static void test_out_of_descriptors(void **state)
{
    (void)state;
    unit_in_child(without_descriptors, NULL);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, open_stream, close_both)
#define P(name) cmocka_unit_test_setup_teardown(name, open_seqpacket, close_both)
    const struct CMUnitTest tests[] = {
        T(test_both_ways),
        P(test_both_ways),
        T(test_three_descriptors_an_end),
        T(test_stream_without_boundaries),
        P(test_message_sizes),
        P(test_truncation_is_told),
        T(test_pieces),
        P(test_pieces),
        T(test_zero_copy),
        P(test_zero_copy),
        P(test_empty_message_is_not_the_end),
        T(test_close),
        P(test_close),
        T(test_reset_is_told_once),
        T(test_half_close),
        P(test_half_close),
        T(test_no_more_reading),
        P(test_no_more_reading),
        T(test_recv_woken_by_close),
        P(test_recv_woken_by_close),
        T(test_send_woken_by_close),
        P(test_send_woken_by_close),
        T(test_recv_woken_by_shutdown),
        P(test_recv_woken_by_shutdown),
        T(test_recv_woken_by_own_shutdown),
        T(test_send_woken_by_shutdown),
        T(test_send_woken_by_own_shutdown),
        P(test_send_woken_by_own_shutdown),
        T(test_levels),
        P(test_levels),
        T(test_order_of_much),
        P(test_order_of_much),
        T(test_nothing_leaks),
        T(test_out_of_descriptors),
    };
    alarm(UNIT_LIMIT_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
