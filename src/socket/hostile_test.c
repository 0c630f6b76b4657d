/* SPDX-License-Identifier: MIT */
/*
 * socket/hostile_test.c - connections in memory whose peer means harm: it holds its own ends
 * and copies of those that it gave away, and writes what it likes into both segments
 */
#define _GNU_SOURCE
#include "socket/memory_test.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/clock.h"

static struct hepta_sock *l;
static char big[1 << 18], got[1 << 20];

static int open_listener(void **state)
{
    struct hepta_sock_options opt = {.size = sizeof opt, .handshake_ms = 60000};
    (void)state;
    return hepta_sock_listen(&l, unit_address(), &opt);
}

static int tear_down(void **state)
{
    (void)state;
    a = hepta_sock_close(a);
    b = hepta_sock_close(b);
    l = hepta_sock_close(l);
    return 0;
}

static int64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* --- the hello ---------------------------------------------------------------------------- */

/* Out-of-band data is readable to poll(2), and nothing to a peeking recv(2). */
static void test_urgent_hello(void **state)
{
    (void)state;
    int fd = stranger();
    struct pollfd p = {.fd = fd, .events = POLLIN};
    assert_int_equal(send(fd, "x", 1, MSG_OOB), 1);
    int64_t before = cpu_ns();
    assert_int_equal(hepta_sock_accept(l, &b, hepta_in_ms(400)), -ETIMEDOUT);
    assert_true(cpu_ns() - before < 100 * H7_MS);
    assert_int_equal(poll(&p, 1, 0), 1); /* turned away */
    close(fd);
}

/* A header that says that megabytes come before the data: they would be mapped, too. */
static void test_data_far_behind(void **state)
{
    struct hepta_sock_options o = {.size = sizeof o};
    struct h7_memory_parts p;
    struct h7_segment_header h;
    struct stat st;
    (void)state;
    assert_int_equal(h7_memory_parts(&p, &o, HEPTA_SOCK_STREAM), 0);
    assert_int_equal(fstat(p.seg[0].fd, &st), 0);
    int far = memfd_create("hepta-sock", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_int_equal(pread(p.seg[0].fd, &h, sizeof h, 0), sizeof h);
    h.data_off += 64 << 20;
    h.len += 64 << 20;
    assert_int_equal(h7_sys_allocate(far, (off_t)h.len), 0);
    assert_int_equal(pwrite(far, &h, sizeof h, 0), sizeof h);
    assert_int_equal(fcntl(far, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
    assert_int_equal(dup2(far, p.seg[0].fd), p.seg[0].fd);
    close(far);
    int fd = stranger();
    assert_int_equal(h7_hello_send(fd, &p, HEPTA_SOCK_STREAM), 0);
    assert_int_equal(hepta_sock_accept(l, &b, HEPTA_NOW), -EAGAIN);
    close(fd);
    h7_memory_parts_drop(&p);
}

/* --- descriptors -------------------------------------------------------------------------- */

/* Whoever made a socket has it still, and its options are everybody's: the kernel then puts
 * other things in front of the descriptors. */
static void test_more_than_descriptors(void **state)
{
    const int option[] = {SO_PASSCRED, 76 /* SO_PASSPIDFD */};
    int one = 1, fds[HEPTA_SOCK_FDS_MAX], own = open("/dev/null", O_RDONLY | O_CLOEXEC);
    (void)state;
    for (int i = 0; i < 2; i++) {
        setsockopt(b->memory->rights_fd, SOL_SOCKET, option[i], &one, sizeof one);
        int before = unit_n_fds();
        struct iovec iov = {got, 1};
        struct hepta_sock_msg msg = {
            .size = sizeof msg, .iov = &iov, .n_iov = 1, .fds = &own, .n_fds = 1};
        assert_int_equal(hepta_sock_sendmsg(a, &msg, HEPTA_NOW), 1);
        msg.fds = fds;
        msg.max_fds = HEPTA_SOCK_FDS_MAX;
        assert_int_equal(hepta_sock_recvmsg(b, &msg, HEPTA_NOW), 1);
        assert_int_equal(unit_n_fds(), before + (int)msg.n_fds);
        assert_int_equal(msg.n_fds, 1);
        for (uint32_t k = 0; k < msg.n_fds; k++)
            close(fds[k]);
    }
    close(own);
}

/* --- deadlines ---------------------------------------------------------------------------- */

/* A message larger than the bell tells of: its sender waits with its claim, and no lock. Then a
 * stopped process has the writers' lock. */
static void *send_large(void *arg)
{
    ssize_t *r = arg;
    *r = hepta_sock_send(a, big, 200000, HEPTA_FOREVER);
    return NULL;
}

static void test_stopped_at_the_commit(void **state)
{
    struct h7_conduit *c = &a->memory->out;
    pthread_t thread;
    ssize_t r = 0;
    (void)state;
    assert_int_equal(hepta_sock_send(a, big, 100000, HEPTA_NOW), 100000);
    assert_int_equal(pthread_create(&thread, NULL, send_large, &r), 0);
    while (!h7_claim_held(&c->mine->claim))
        unit_sleep_ms(1);
    unit_sleep_ms(20);
    h7_store32_relaxed(&c->mine->lock.word, (uint32_t)getppid());
    assert_int_equal(hepta_sock_recv(b, got, sizeof got, HEPTA_NOW), 100000);
    unit_sleep_ms(200);
    h7_store32_relaxed(&c->mine->lock.word, 0);
    pthread_join(thread, NULL);
    assert_int_equal(r, 200000);
    assert_int_equal(hepta_sock_recv(b, got, sizeof got, HEPTA_NOW), 200000);
}

/* Each piece that leaves little room looks whether the poll level is right, and the peer has the
 * lock for that. */
static void test_many_pieces_and_a_lock(void **state)
{
    static struct iovec iov[1024];
    struct hepta_sock_msg msg = {.size = sizeof msg, .iov = iov, .n_iov = 1024};
    struct h7_conduit *c = &a->memory->out;
    struct pollfd p;
    (void)state;
    for (int i = 0; i < 1024; i++)
        iov[i] = (struct iovec){big, 5};
    assert_int_equal(hepta_sock_pollfd(a, POLLOUT, &p), 0);
    assert_int_equal(hepta_sock_send(a, big, 65536 - 4000, HEPTA_NOW), 65536 - 4000);
    h7_store32_relaxed(&c->peer->lock.word, (uint32_t)getppid());
    int64_t begin = hepta_now_ns();
    ssize_t n = hepta_sock_sendmsg(a, &msg, HEPTA_NOW);
    int64_t took = hepta_now_ns() - begin;
    h7_store32_relaxed(&c->peer->lock.word, 0);
    assert_true(n > 0 && n <= 4000);
    assert_true(took < 1000 * H7_MS);
}

int main(void)
{
#define T(name, how) cmocka_unit_test_setup_teardown(name, how, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_urgent_hello, open_listener),
        T(test_data_far_behind, open_listener),
        T(test_more_than_descriptors, open_stream),
        T(test_more_than_descriptors, open_seqpacket),
        T(test_stopped_at_the_commit, open_seqpacket),
        T(test_many_pieces_and_a_lock, open_stream),
    };
    alarm(UNIT_LIMIT_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
