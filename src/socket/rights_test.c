/* SPDX-License-Identifier: MIT */
/* socket/rights_test.c - descriptors arrive with the bytes that they were sent with */
#define _GNU_SOURCE
#include "socket/memory_test.h"

#include <sys/stat.h>

static char got[200000];
static int own[3]; /* descriptors that can be told apart */

static int make_files(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        own[i] = memfd_create("hepta-unit", MFD_CLOEXEC);
    return 0;
}

static int close_files(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        close(own[i]);
    return 0;
}

static ssize_t send_fds(const char *text, size_t len, int from, uint32_t n, int64_t deadline)
{
    struct iovec iov = {(void *)(uintptr_t)text, len};
    struct hepta_sock_msg msg = {
        .size = sizeof msg, .iov = &iov, .n_iov = 1, .fds = own + from, .n_fds = n};
    return hepta_sock_sendmsg(a, &msg, deadline);
}

static int same_file(int x, int y)
{
    struct stat p, q;
    return fstat(x, &p) == 0 && fstat(y, &q) == 0 && p.st_ino == q.st_ino && p.st_dev == q.st_dev;
}

/* Receive up to len bytes and require n descriptors, own[from] and on. */
static ssize_t recv_fds(size_t len, int from, uint32_t n)
{
    int fds[8];
    struct iovec iov = {got, len};
    struct hepta_sock_msg msg = {
        .size = sizeof msg, .iov = &iov, .n_iov = 1, .fds = fds, .max_fds = 8};
    ssize_t r = hepta_sock_recvmsg(b, &msg, HEPTA_NOW);
    assert_int_equal(msg.n_fds, n);
    assert_int_equal(msg.flags & HEPTA_SOCK_MSG_CTRUNC, 0);
    for (uint32_t i = 0; i < n; i++) {
        assert_true(same_file(fds[i], own[from + (int)i]));
        assert_true(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
        close(fds[i]);
    }
    return r;
}

static void test_with_their_message(void **state)
{
    (void)state;
    assert_int_equal(hepta_sock_send(a, "before", 6, HEPTA_NOW), 6);
    assert_int_equal(send_fds("two", 3, 0, 2, HEPTA_NOW), 3);
    assert_int_equal(hepta_sock_send(a, "after", 5, HEPTA_NOW), 5);
    assert_int_equal(send_fds("one", 3, 2, 1, HEPTA_NOW), 3);
    assert_int_equal(recv_fds(100, 0, 0), 6);
    assert_int_equal(recv_fds(100, 0, 2), 3); /* a stream stops here, too */
    assert_int_equal(recv_fds(100, 0, 0), 5);
    assert_int_equal(recv_fds(100, 2, 1), 3);
    assert_int_equal(recv_fds(100, 0, 0), -EAGAIN);
}

static void test_with_the_first_byte(void **state)
{
    (void)state;
    assert_int_equal(send_fds("four", 4, 0, 1, HEPTA_NOW), 4);
    assert_int_equal(recv_fds(1, 0, 1), 1);
    assert_int_equal(recv_fds(100, 0, 0), 3);
}

static void test_large_message(void **state)
{
    (void)state;
    static char text[150000];
    assert_int_equal(send_fds(text, sizeof text, 0, 3, HEPTA_NOW), sizeof text);
    assert_int_equal(recv_fds(sizeof got, 0, 3), sizeof text);
}

static void test_long_stream(void **state)
{
    (void)state;
    static char text[20000];
    memset(text, 'x', sizeof text);
    assert_int_equal(send_fds(text, sizeof text, 0, 1, HEPTA_NOW), sizeof text);
    ssize_t n = recv_fds(sizeof got, 0, 1);
    assert_in_range(n, 1, sizeof text);
    assert_int_equal(recv_fds(sizeof got, 0, 0), (ssize_t)sizeof text - n);
}

static void test_empty_message_carries_them(void **state)
{
    (void)state;
    assert_int_equal(send_fds("", 0, 0, 1, HEPTA_NOW), 0);
    assert_int_equal(recv_fds(10, 0, 1), 0);
}

static void test_a_stream_needs_a_byte(void **state)
{
    (void)state;
    assert_int_equal(send_fds("", 0, 0, 1, HEPTA_NOW), -EINVAL);
}

static void test_surplus_is_closed_and_told(void **state)
{
    (void)state;
    int before = unit_n_fds(), fds[1];
    struct iovec iov = {got, 10};
    struct hepta_sock_msg msg = {
        .size = sizeof msg, .iov = &iov, .n_iov = 1, .fds = fds, .max_fds = 1};
    assert_int_equal(send_fds("x", 1, 0, 3, HEPTA_NOW), 1);
    assert_int_equal(hepta_sock_recvmsg(b, &msg, HEPTA_NOW), 1);
    assert_int_equal(msg.flags, HEPTA_SOCK_MSG_CTRUNC);
    assert_int_equal(msg.n_fds, 1);
    close(fds[0]);
    assert_int_equal(send_fds("x", 1, 0, 3, HEPTA_NOW), 1);
    assert_int_equal(hepta_sock_recv(b, got, 10, HEPTA_NOW), 1);
    assert_int_equal(unit_n_fds(), before);
}

/* Is there a copy left of the write end of this pipe? */
static int pipe_ended(int r)
{
    char c;
    return read(r, &c, 1) == 0;
}

/* Nothing stays in the kernel's queue: end-of-file comes when the receiver closes. */
static void test_no_copy_stays_behind(void **state)
{
    (void)state;
    int p[2], fds[1];
    struct iovec iov = {got, 10};
    struct hepta_sock_msg msg = {.size = sizeof msg, .iov = &iov, .n_iov = 1, .fds = fds,
                                 .n_fds = 1, .max_fds = 1};
    const void *in;
    for (int how = 0; how < 3; how++) {
        assert_int_equal(pipe2(p, O_CLOEXEC | O_NONBLOCK), 0);
        fds[0] = p[1];
        msg.n_fds = 1;
        iov.iov_len = 1;
        assert_int_equal(hepta_sock_sendmsg(a, &msg, HEPTA_NOW), 1);
        close(p[1]);
        assert_false(pipe_ended(p[0]));
        if (how == 0) {
            assert_int_equal(hepta_sock_recvmsg(b, &msg, HEPTA_NOW), 1);
            close(fds[0]);
        } else if (how == 1) {
            assert_int_equal(hepta_sock_recv(b, got, 1, HEPTA_NOW), 1);
        } else {
            assert_int_equal(hepta_sock_peek(b, &in, HEPTA_NOW), 1);
            assert_int_equal(hepta_sock_release(b, 1), 0);
        }
        assert_true(pipe_ended(p[0]));
        close(p[0]);
    }
}

/* An empty message that is peeked at is taken: its descriptors, too. */
static void test_empty_message_peeked_at(void **state)
{
    (void)state;
    int p[2];
    const void *in;
    assert_int_equal(pipe2(p, O_CLOEXEC | O_NONBLOCK), 0);
    struct hepta_sock_msg msg = {.size = sizeof msg, .fds = &p[1], .n_fds = 1};
    assert_int_equal(hepta_sock_sendmsg(a, &msg, HEPTA_NOW), 0);
    close(p[1]);
    assert_false(pipe_ended(p[0]));
    assert_int_equal(hepta_sock_peek(b, &in, HEPTA_NOW), 0);
    assert_true(pipe_ended(p[0]));
    assert_int_equal(hepta_sock_peek(b, &in, HEPTA_NOW), -EAGAIN);
    close(p[0]);
}

static void test_not_received_goes_with_the_connection(void **state)
{
    (void)state;
    int p[2];
    assert_int_equal(pipe2(p, O_CLOEXEC | O_NONBLOCK), 0);
    struct iovec iov = {got, 1};
    struct hepta_sock_msg msg = {
        .size = sizeof msg, .iov = &iov, .n_iov = 1, .fds = &p[1], .n_fds = 1};
    assert_int_equal(hepta_sock_sendmsg(a, &msg, HEPTA_NOW), 1);
    close(p[1]);
    a = hepta_sock_close(a);
    assert_false(pipe_ended(p[0])); /* the sender's end is not the receiver's */
    b = hepta_sock_close(b);
    assert_true(pipe_ended(p[0]));
    close(p[0]);
}

static void test_peek_leaves_them(void **state)
{
    (void)state;
    const void *in;
    assert_int_equal(send_fds("x", 1, 1, 2, HEPTA_NOW), 1);
    assert_int_equal(hepta_sock_peek(b, &in, HEPTA_NOW), 1);
    assert_int_equal(hepta_sock_release(b, 0), 0);
    assert_int_equal(recv_fds(10, 1, 2), 1);
}

/* More messages with descriptors than there is room for: the sender waits for the reader. */
static void test_many_under_way(void **state)
{
    (void)state;
    int n = 0;
    while (send_fds("x", 1, n % 3, 1, HEPTA_NOW) == 1)
        n++;
    assert_in_range(n, 16, H7_TAGS);
    assert_int_equal(send_fds("x", 1, 0, 1, HEPTA_NOW), -EAGAIN);
    assert_int_equal(send_fds("x", 1, 0, 1, hepta_in_ms(30)), -ETIMEDOUT);
    assert_int_equal(hepta_sock_send(a, "plain", 5, HEPTA_NOW), 5); /* others go on */
    for (int i = 0; i < n; i++)
        assert_int_equal(recv_fds(100, i % 3, 1), 1);
    assert_int_equal(recv_fds(100, 0, 0), 5);
    for (int i = 0; i < 500; i++) {
        assert_int_equal(send_fds("x", 1, i % 3, 1, HEPTA_NOW), 1);
        assert_int_equal(recv_fds(100, i % 3, 1), 1);
    }
}

static void test_bad_descriptors_send_nothing(void **state)
{
    (void)state;
    int bad[2] = {own[0], 1023};
    struct iovec iov = {got, 1};
    struct hepta_sock_msg msg = {
        .size = sizeof msg, .iov = &iov, .n_iov = 1, .fds = bad, .n_fds = 2};
    assert_int_equal(hepta_sock_sendmsg(a, &msg, HEPTA_NOW), -EBADF);
    assert_int_equal(send_fds("y", 1, 2, 1, HEPTA_NOW), 1);
    assert_int_equal(recv_fds(10, 2, 1), 1);
}

/* T2: sent and died before the tag. The next one's are found behind it. */
static void test_message_of_a_dead_sender(void **state)
{
    (void)state;
    struct h7_memory *m = a->memory;
    uint32_t id = h7_tags_new_id(m->out.tags);
    struct iovec iov = {&id, sizeof id};
    assert_int_equal(h7_sys_send_fds(m->rights_fd, &iov, 1, own, 1), sizeof id);
    assert_int_equal(send_fds("x", 1, 1, 1, HEPTA_NOW), 1);
    assert_int_equal(recv_fds(10, 1, 1), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, open_stream, close_both)
#define P(name) cmocka_unit_test_setup_teardown(name, open_seqpacket, close_both)
    const struct CMUnitTest tests[] = {
        T(test_with_their_message),
        P(test_with_their_message),
        T(test_with_the_first_byte),
        P(test_large_message),
        T(test_long_stream),
        P(test_empty_message_carries_them),
        T(test_a_stream_needs_a_byte),
        T(test_surplus_is_closed_and_told),
        P(test_surplus_is_closed_and_told),
        T(test_no_copy_stays_behind),
        P(test_no_copy_stays_behind),
        P(test_empty_message_peeked_at),
        T(test_not_received_goes_with_the_connection),
        T(test_peek_leaves_them),
        P(test_peek_leaves_them),
        T(test_many_under_way),
        P(test_many_under_way),
        T(test_bad_descriptors_send_nothing),
        P(test_bad_descriptors_send_nothing),
        T(test_message_of_a_dead_sender),
        P(test_message_of_a_dead_sender),
    };
    alarm(UNIT_LIMIT_S);
    return cmocka_run_group_tests(tests, make_files, close_files);
}
