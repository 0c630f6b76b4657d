/* SPDX-License-Identifier: MIT */
/* socket/backlog_test.c - how connections in memory begin, and who is turned away */
#define _GNU_SOURCE
#include "socket/memory_test.h"

#include <sys/stat.h>

static struct hepta_sock *l, *c, *s;
static char got[100];

static int listen_with(uint32_t handshake_ms)
{
    struct hepta_sock_options opt = {
        .size = sizeof opt, .handshake_ms = handshake_ms, .capacity = 1 << 20};
    return hepta_sock_listen(&l, unit_address(), &opt);
}

static int patient(void **state)
{
    (void)state;
    return listen_with(60000);
}

static int impatient(void **state)
{
    (void)state;
    return listen_with(30);
}

static int tear_down(void **state)
{
    (void)state;
    c = hepta_sock_close(c);
    s = hepta_sock_close(s);
    l = hepta_sock_close(l);
    return 0;
}

static void connect_one(void)
{
    assert_int_equal(hepta_sock_connect(&c, unit_address(), NULL, HEPTA_NOW), 0);
}

static void accept_and_talk(void)
{
    assert_int_equal(hepta_sock_accept(l, &s, hepta_in_ms(5000)), 0);
    assert_int_equal(hepta_sock_send(c, "to", 2, HEPTA_NOW), 2);
    assert_int_equal(hepta_sock_recv(s, got, 10, HEPTA_NOW), 2);
    assert_int_equal(hepta_sock_send(s, "fro", 3, HEPTA_NOW), 3);
    assert_int_equal(hepta_sock_recv(c, got, 10, HEPTA_NOW), 3);
    c = hepta_sock_close(c);
    s = hepta_sock_close(s);
}

/* The other side has closed. */
static int turned_away(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 5000) == 1 && p.revents & POLLHUP;
}

static void test_connected_before_accept(void **state)
{
    (void)state;
    assert_int_equal(hepta_sock_accept(l, &s, HEPTA_NOW), -EAGAIN);
    assert_null(s);
    connect_one();
    assert_int_equal(hepta_sock_send(c, "early", 5, HEPTA_NOW), 5);
    assert_int_equal(hepta_sock_accept(l, &s, HEPTA_NOW), 0);
    assert_int_equal(hepta_sock_recv(s, got, 10, HEPTA_NOW), 5);
}

static void test_capacity_is_the_connectors(void **state)
{
    (void)state;
    struct hepta_sock_options opt = {.size = sizeof opt, .capacity = 1 << 20};
    struct hepta_sock_stat st;
    assert_int_equal(hepta_sock_connect(&c, unit_address(), &opt, HEPTA_NOW), 0);
    assert_int_equal(hepta_sock_accept(l, &s, HEPTA_NOW), 0);
    assert_int_equal(hepta_sock_stat(s, &st, sizeof st), 0);
    assert_int_equal(st.capacity, 1 << 20);
    assert_int_equal(st.pid, getpid());
    assert_string_equal(st.local, unit_address());
}

static void test_another_type(void **state)
{
    (void)state;
    struct hepta_sock_options opt = {.size = sizeof opt, .type = HEPTA_SOCK_SEQPACKET};
    /* The kernel's word, which for a path is -EPROTOTYPE. */
    assert_int_equal(hepta_sock_connect(&c, unit_address(), &opt, HEPTA_NOW), -ECONNREFUSED);
    assert_null(c);
    assert_int_equal(hepta_sock_accept(l, &s, HEPTA_NOW), -EAGAIN);
}

static void test_silent_ones_hold_up_nobody(void **state)
{
    (void)state;
    int fd[5];
    for (int i = 0; i < 5; i++)
        fd[i] = stranger();
    assert_int_equal(hepta_sock_accept(l, &s, HEPTA_NOW), -EAGAIN);
    connect_one();
    accept_and_talk();
    for (int i = 0; i < 5; i++)
        close(fd[i]);
    assert_int_equal(hepta_sock_accept(l, &s, HEPTA_NOW), -EAGAIN);
}

static void test_silent_ones_are_turned_away(void **state)
{
    (void)state;
    int fd = stranger();
    assert_int_equal(hepta_sock_accept(l, &s, hepta_in_ms(200)), -ETIMEDOUT);
    assert_true(turned_away(fd));
    close(fd);
    connect_one();
    accept_and_talk();
}

static void test_the_oldest_gives_way(void **state)
{
    (void)state;
    int fd[100], before = unit_n_fds();
    for (int i = 0; i < 100; i++) {
        fd[i] = stranger();
        assert_int_equal(hepta_sock_accept(l, &s, HEPTA_NOW), -EAGAIN);
    }
    assert_int_equal(unit_n_fds(), before + 100 + 64); /* the others wait outside */
    unit_sleep_ms(30);
    assert_int_equal(hepta_sock_accept(l, &s, HEPTA_NOW), -EAGAIN);
    assert_true(turned_away(fd[0]));
    connect_one();
    accept_and_talk();
    for (int i = 0; i < 100; i++)
        close(fd[i]);
    assert_int_equal(hepta_sock_accept(l, &s, HEPTA_NOW), -EAGAIN);
    assert_int_equal(unit_n_fds(), before); /* those who hung up were closed, too */
}

/* A sealed segment as it should be, but with holes: who attaches it would have to fill them. */
static void punch(int fd)
{
    int sparse = memfd_create("hepta-sock", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    struct stat st;
    char page[4096];
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(pread(fd, page, sizeof page, 0), sizeof page);
    assert_int_equal(ftruncate(sparse, st.st_size), 0);
    assert_int_equal(pwrite(sparse, page, sizeof page, 0), sizeof page);
    assert_int_equal(fcntl(sparse, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
    assert_int_equal(dup2(sparse, fd), fd);
    close(sparse);
}

/* Everything that could be wrong with a hello. */
static void test_wrong_hellos(void **state)
{
    (void)state;
    struct hepta_sock_options o = {.size = sizeof o, .backlog = 1, .handshake_ms = 1000};
    int before = unit_n_fds(), any = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int kind = 0; kind < 14; kind++) {
        struct h7_memory_parts p;
        o.capacity = kind == 12 ? 2 << 20 : 0;
        struct h7_hello hello = {H7_HELLO_MAGIC, H7_SEGMENT_VERSION, HEPTA_SOCK_STREAM};
        assert_int_equal(h7_memory_parts(&p, &o, kind == 11 ? HEPTA_SOCK_SEQPACKET
                                                            : HEPTA_SOCK_STREAM), 0);
        int fds[6] = {p.seg[0].fd, p.seg[1].fd, p.space[1], p.rights[1], any, any};
        size_t len = sizeof hello;
        int n = 4, fd = stranger();
        switch (kind) {
        case 0: hello.magic++; break;
        case 1: hello.version++; break;
        case 2: hello.type = HEPTA_SOCK_SEQPACKET; break;
        case 3: len = 8; break;
        case 4: n = 3; break;
        case 5: n = 5; break;
        case 6: n = 0; break;
        case 7: fds[0] = any; break;
        case 8: fds[2] = any; break;
        case 9: fds[3] = p.space[1]; break;
        case 10: fds[1] = p.space[1]; break;
        case 13: punch(fds[1]); break;
        default: break; /* 11: segments of another type; 12: larger than the listener takes */
        }
        struct iovec iov = {&hello, len};
        assert_int_equal(h7_sys_send_fds(fd, &iov, 1, fds, n), len);
        assert_int_equal(hepta_sock_accept(l, &s, HEPTA_NOW), -EAGAIN);
        assert_null(s);
        assert_true(turned_away(fd));
        close(fd);
        h7_memory_parts_drop(&p);
    }
    close(any);
    assert_int_equal(unit_n_fds(), before);
}

/* What is told by poll: the listener, and a hello that comes late. */
static void test_pollfd(void **state)
{
    (void)state;
    struct pollfd p;
    assert_int_equal(hepta_sock_pollfd(l, POLLIN, &p), 0);
    assert_int_equal(poll(&p, 1, 0), 0);
    int fd = stranger();
    assert_int_equal(poll(&p, 1, 0), 1);
    assert_int_equal(hepta_sock_accept(l, &s, HEPTA_NOW), -EAGAIN);
    assert_int_equal(poll(&p, 1, 0), 0); /* silent: not ready */
    struct h7_memory_parts parts;
    struct hepta_sock_options o = {.size = sizeof o};
    assert_int_equal(h7_memory_parts(&parts, &o, HEPTA_SOCK_STREAM), 0);
    assert_int_equal(h7_hello_send(fd, &parts, HEPTA_SOCK_STREAM), 0);
    assert_int_equal(poll(&p, 1, 0), 1);
    assert_int_equal(hepta_sock_accept(l, &s, HEPTA_NOW), 0);
    assert_int_equal(poll(&p, 1, 0), 0);
    h7_memory_parts_drop(&parts);
    close(fd);
}

static int accept_in_child(void *arg)
{
    struct pollfd p;
    (void)arg;
    CHILD_CHECK(hepta_sock_pollfd(l, POLLIN, &p) == 0);
    CHILD_CHECK(poll(&p, 1, 5000) == 1);
    CHILD_CHECK(hepta_sock_accept(l, &s, HEPTA_FOREVER) == 0);
    CHILD_CHECK(hepta_sock_recv(s, got, 10, HEPTA_FOREVER) == 3);
    CHILD_CHECK(hepta_sock_send(s, got, 3, HEPTA_FOREVER) == 3);
    return 0;
}

/* A forked child serves the same address, and leaves its parent's waiting list alone. */
static void test_forked_listener(void **state)
{
    (void)state;
    struct pollfd p;
    int fd = stranger();
    assert_int_equal(hepta_sock_pollfd(l, POLLIN, &p), 0);
    assert_int_equal(hepta_sock_accept(l, &s, HEPTA_NOW), -EAGAIN);
    pid_t pid = unit_start(accept_in_child, NULL);
    connect_one();
    assert_int_equal(hepta_sock_send(c, "ask", 3, HEPTA_FOREVER), 3);
    assert_int_equal(hepta_sock_recv(c, got, 10, HEPTA_FOREVER), 3);
    assert_int_equal(unit_reap(pid), 0);
    c = hepta_sock_close(c);
    struct h7_memory_parts parts;
    struct hepta_sock_options o = {.size = sizeof o};
    assert_int_equal(h7_memory_parts(&parts, &o, HEPTA_SOCK_STREAM), 0);
    assert_int_equal(h7_hello_send(fd, &parts, HEPTA_SOCK_STREAM), 0);
    assert_int_equal(hepta_sock_accept(l, &s, HEPTA_NOW), 0);
    h7_memory_parts_drop(&parts);
    close(fd);
}

static void test_closed_with_connections_waiting(void **state)
{
    (void)state;
    connect_one();
    assert_int_equal(hepta_sock_send(c, "x", 1, HEPTA_NOW), 1);
    l = hepta_sock_close(l);
    assert_int_equal(hepta_sock_recv(c, got, 10, HEPTA_FOREVER), -ECONNRESET);
    assert_int_equal(hepta_sock_recv(c, got, 10, HEPTA_FOREVER), 0);
    assert_int_equal(hepta_sock_send(c, "x", 1, HEPTA_NOW), -EPIPE);
    assert_int_equal(hepta_sock_connect(&s, unit_address(), NULL, HEPTA_NOW), -ECONNREFUSED);
}

static void test_full_backlog(void **state)
{
    (void)state;
    struct hepta_sock_options opt = {.size = sizeof opt, .backlog = 1};
    struct hepta_sock *full, *many[8] = {0};
    char address[80];
    int n = 0, r;
    snprintf(address, sizeof address, "%s-full", unit_address());
    assert_int_equal(hepta_sock_listen(&full, address, &opt), 0);
    while (n < 8 && (r = hepta_sock_connect(&many[n], address, NULL, HEPTA_NOW)) == 0)
        n++;
    assert_in_range(n, 1, 4);
    assert_int_equal(r, -EAGAIN);
    assert_int_equal(hepta_sock_connect(&c, address, NULL, hepta_in_ms(30)), -ETIMEDOUT);
    assert_int_equal(hepta_sock_accept(full, &s, HEPTA_NOW), 0);
    assert_int_equal(hepta_sock_connect(&c, address, NULL, hepta_in_ms(5000)), 0);
    for (int i = 0; i < n; i++)
        hepta_sock_close(many[i]);
    hepta_sock_close(full);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, patient, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_connected_before_accept),
        T(test_capacity_is_the_connectors),
        T(test_another_type),
        T(test_silent_ones_hold_up_nobody),
        cmocka_unit_test_setup_teardown(test_silent_ones_are_turned_away, impatient, tear_down),
        T(test_the_oldest_gives_way),
        T(test_wrong_hellos),
        T(test_pollfd),
        T(test_forked_listener),
        T(test_closed_with_connections_waiting),
        T(test_full_backlog),
    };
    alarm(UNIT_LIMIT_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
