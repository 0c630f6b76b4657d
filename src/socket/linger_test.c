/* SPDX-License-Identifier: MIT */
/*
 * socket/linger_test.c - descriptors that a hostile peer sends so that their last close, which
 * waits, is ours: a TCP socket that lingers, with data that nobody reads
 */
#define _GNU_SOURCE
#include "socket/memory_test.h"

#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/clock.h"

#define LINGER_S 4
#define SOON_NS (2000 * H7_MS) /* 100 ms, and a busy machine */

static struct hepta_sock *l;
static char big[1000];
static int far_end[2] = {-1, -1}, n_far, eof_fd = -1;

static int tear_down(void **state)
{
    (void)state;
    while (n_far > 0)
        close(far_end[--n_far]); /* what it sent is refused now: the linger ends */
    close(eof_fd);
    eof_fd = -1;
    a = hepta_sock_close(a);
    b = hepta_sock_close(b);
    l = hepta_sock_close(l);
    return 0;
}

static int open_listener(void **state)
{
    (void)state;
    return hepta_sock_listen(&l, unit_address(), NULL);
}

static int lingering(void)
{
    static char full[65536];
    const struct linger linger = {1, LINGER_S};
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof sa;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&sa, len), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&sa, &len), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, len), 0);
    int far = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(far >= 0);
    far_end[n_far++] = far;
    close(listener);
    while (send(fd, full, sizeof full, MSG_DONTWAIT) > 0)
        ;
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
    return fd;
}

/* One that lingers, and a pair's end that shows when the last copy of the other is gone. */
static void make_fds(int fds[2])
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    eof_fd = pair[0];
    fds[0] = pair[1];
    fds[1] = lingering();
}

/* Send those and close our own: the other side has the last. */
static ssize_t leave(int fd, const void *data, size_t len)
{
    struct iovec iov = {(void *)(uintptr_t)data, len};
    int fds[2];
    make_fds(fds);
    ssize_t r = h7_sys_send_fds(fd, &iov, 1, fds, 2);
    if (r < 0) /* no last close of ours shall wait */
        close(far_end[--n_far]);
    close(fds[0]);
    close(fds[1]);
    return r;
}

static void expect_released(void)
{
    struct pollfd p = {.fd = eof_fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 2 * LINGER_S * 1000), 1);
    assert_true(p.revents & POLLHUP);
}

/* --- base/sys ------------------------------------------------------------------------- */

static void test_discard(void **state)
{
    int fds[2], before = unit_n_fds();
    (void)state;
    make_fds(fds);
    int64_t begin = hepta_now_ns();
    h7_sys_discard_fds(fds, 2);
    assert_true(hepta_now_ns() - begin < SOON_NS);
    assert_int_equal(unit_n_fds(), before + 2); /* far_end[0], eof_fd */
    expect_released();
}

/* More than one message carries; and without room for the socket that carries them. */
static void test_discard_many(void **state)
{
    enum { N = 2 * H7_SYS_FDS_MAX };
    int fds[N], pair[2], before = unit_n_fds();
    struct rlimit old, tight;
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    for (int full = 0; full < 2; full++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        eof_fd = pair[0];
        fds[0] = pair[1];
        for (int i = 1; i < N; i++)
            fds[i] = fcntl(pair[1], F_DUPFD_CLOEXEC, 0);
        tight = (struct rlimit){full ? 1 : old.rlim_cur, old.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
        h7_sys_discard_fds(fds, N);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
        expect_released();
        close(eof_fd);
        eof_fd = -1;
        assert_int_equal(unit_n_fds(), before);
    }
}

static void test_differ(void **state)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int other = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int same = h7_sys_dup(fd, 1);
    (void)state;
    assert_int_equal(h7_sys_differ(fd, same), 0);
    if (fcntl(fd, 1024 + 3 /* F_DUPFD_QUERY */, fd) == 1)
        assert_int_equal(h7_sys_differ(fd, other), 1);
    close(fd);
    close(other);
    close(same);
}

/* --- the hello, and what comes behind it ---------------------------------------------------- */

/* No hello, in two messages: the second is never looked at. */
static void test_hello(void **state)
{
    int fd = stranger(), more;
    (void)state;
    assert_int_equal(leave(fd, "nonsense", 8), 8);
    more = eof_fd;
    assert_int_equal(leave(fd, "nonsense", 8), 8);
    int before = unit_n_fds();
    int64_t begin = hepta_now_ns();
    assert_int_equal(hepta_sock_accept(l, &b, HEPTA_NOW), -EAGAIN);
    assert_true(hepta_now_ns() - begin < SOON_NS);
    assert_int_equal(unit_n_fds(), before);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 0), 1); /* turned away */
    close(fd);
    expect_released();
    close(eof_fd);
    eof_fd = more;
    expect_released();
}

/* Behind an honest hello; the connection is used, and its bells with it. */
static void test_behind_the_hello(void **state)
{
    struct hepta_sock_options o = {.size = sizeof o};
    struct h7_memory_parts parts;
    char byte;
    (void)state;
    assert_int_equal(h7_memory_parts(&parts, &o, HEPTA_SOCK_STREAM), 0);
    int fd = stranger();
    assert_int_equal(h7_hello_send(fd, &parts, HEPTA_SOCK_STREAM), 0);
    assert_int_equal(leave(fd, "", 1), 1);
    int64_t begin = hepta_now_ns();
    assert_int_equal(hepta_sock_accept(l, &b, HEPTA_NOW), 0);
    assert_int_equal(hepta_sock_recv(b, &byte, 1, hepta_in_ms(20)), -ETIMEDOUT);
    assert_true(hepta_now_ns() - begin < SOON_NS);
    expect_released();
    close(fd);
    h7_memory_parts_drop(&parts);
}

/* --- a connection --------------------------------------------------------------------------- */

/* Main and space: refused, or (an older kernel, or by who has both ends) lowered with the bell. */
static void at_a_bell(int by, int of, int allow)
{
    struct pollfd p;
    char byte;
    if (allow)
        setsockopt(of, SOL_SOCKET, 83 /* SO_PASSRIGHTS */, &allow, sizeof allow);
    ssize_t r = leave(by, "", 1);
    assert_true(r == 1 || (r == -EPERM && !allow));
    int64_t begin = hepta_now_ns();
    assert_int_equal(hepta_sock_recv(b, &byte, 1, hepta_in_ms(20)), -ETIMEDOUT);
    assert_int_equal(hepta_sock_pollfd(b, POLLOUT, &p), 0);
    while (hepta_sock_send(b, big, sizeof big, hepta_in_ms(20)) > 0)
        ;
    assert_true(hepta_now_ns() - begin < SOON_NS);
    expect_released();
}

static void test_main(void **state)
{
    (void)state;
    at_a_bell(a->fd, b->fd, 0);
}

static void test_main_allowed(void **state)
{
    (void)state;
    at_a_bell(a->fd, b->fd, 1);
}

static void test_space(void **state)
{
    (void)state;
    at_a_bell(a->memory->space_fd, b->memory->space_fd, 0);
}

static void test_space_allowed(void **state)
{
    (void)state;
    at_a_bell(a->memory->space_fd, b->memory->space_fd, 1);
}

/* On rights, without a tag: passed over by who looks for what has one. */
static void test_untagged(void **state)
{
    const uint32_t id = 0;
    int own = open("/dev/null", O_RDONLY | O_CLOEXEC), came = -1;
    struct iovec iov = {big, 1};
    struct hepta_sock_msg msg = {
        .size = sizeof msg, .iov = &iov, .n_iov = 1, .fds = &own, .n_fds = 1};
    (void)state;
    assert_int_equal(leave(a->memory->rights_fd, &id, sizeof id), sizeof id);
    assert_int_equal(hepta_sock_sendmsg(a, &msg, HEPTA_NOW), 1);
    int64_t begin = hepta_now_ns();
    msg = (struct hepta_sock_msg){
        .size = sizeof msg, .iov = &iov, .n_iov = 1, .fds = &came, .max_fds = 1};
    assert_int_equal(hepta_sock_recvmsg(b, &msg, HEPTA_NOW), 1);
    assert_true(hepta_now_ns() - begin < SOON_NS);
    assert_int_equal(msg.n_fds, 1);
    close(came);
    close(own);
    expect_released();
}

/* With a tag, for whom room has room descriptors: 0 or the first only. */
static void tagged(uint32_t room)
{
    int fds[2], came[1], before = unit_n_fds();
    struct iovec iov = {big, 1};
    struct hepta_sock_msg msg = {
        .size = sizeof msg, .iov = &iov, .n_iov = 1, .fds = fds, .n_fds = 2};
    make_fds(fds);
    assert_int_equal(hepta_sock_sendmsg(a, &msg, HEPTA_NOW), 1);
    close(fds[0]);
    close(fds[1]);
    msg = (struct hepta_sock_msg){
        .size = sizeof msg, .iov = &iov, .n_iov = 1, .fds = came, .max_fds = room};
    int64_t begin = hepta_now_ns();
    assert_int_equal(hepta_sock_recvmsg(b, &msg, HEPTA_NOW), 1);
    assert_true(hepta_now_ns() - begin < SOON_NS);
    assert_int_equal(msg.flags, HEPTA_SOCK_MSG_CTRUNC);
    assert_int_equal(msg.n_fds, room);
    if (room)
        close(came[0]);
    assert_int_equal(unit_n_fds(), before + 2); /* far_end[0], eof_fd */
    expect_released();
}

static void test_no_room(void **state)
{
    (void)state;
    tagged(0);
}

static void test_little_room(void **state)
{
    (void)state;
    tagged(1);
}

int main(void)
{
#define T(name, how) cmocka_unit_test_setup_teardown(name, how, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_discard, NULL),
        T(test_discard_many, NULL),
        T(test_differ, NULL),
        T(test_hello, open_listener),
        T(test_behind_the_hello, open_listener),
        T(test_main, open_stream),
        T(test_main_allowed, open_stream),
        T(test_main_allowed, open_seqpacket),
        T(test_space, open_stream),
        T(test_space_allowed, open_stream),
        T(test_untagged, open_stream),
        T(test_no_room, open_stream),
        T(test_little_room, open_seqpacket),
    };
    alarm(UNIT_LIMIT_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
