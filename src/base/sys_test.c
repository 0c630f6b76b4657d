/* SPDX-License-Identifier: MIT */
/* base/sys_test.c - what the raw calls return, and the way around a kernel without them */
#define _GNU_SOURCE
#include "base/unit_test.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/clock.h"
#include "base/sys.h"

static void test_futex_word_differs(void **state)
{
    struct h7_a32 w = {5};
    (void)state;
    assert_int_equal(h7_sys_futex_wait(&w, 4, HEPTA_FOREVER), -EAGAIN);
    assert_int_equal(h7_sys_futex_nap(&w, 4, 1000 * H7_MS), -EAGAIN);
    assert_int_equal(h7_sys_futex_wake(&w, 1), 0);
}

static void test_futex_times_out(void **state)
{
    struct h7_a32 w = {5};
    (void)state;
    int64_t end = hepta_in_ms(5);
    assert_int_equal(h7_sys_futex_wait(&w, 5, end), -ETIMEDOUT);
    assert_true(hepta_now_ns() >= end);
    assert_int_equal(h7_sys_futex_wait(&w, 5, 1), -ETIMEDOUT);
    int64_t start = hepta_now_ns();
    assert_int_equal(h7_sys_futex_nap(&w, 5, 3 * H7_MS), -ETIMEDOUT);
    assert_true(hepta_now_ns() - start >= 3 * H7_MS);
}

static int wait_on_word(void *arg)
{
    struct h7_a32 *w = arg;
    while (h7_load32_relaxed(w) == 0)
        h7_sys_futex_wait(w, 0, HEPTA_FOREVER);
    return 0;
}

/* Between processes: the calls must not be the private ones. */
static void test_futex_wakes_a_process(void **state)
{
    struct h7_a32 *w = unit_shared(sizeof *w);
    (void)state;
    pid_t pid = unit_start(wait_on_word, w);
    int woken = 0;
    for (int i = 0; i < 5000 && woken == 0; i++) {
        woken = h7_sys_futex_wake(w, 1);
        unit_sleep_ms(1);
    }
    h7_store32_relaxed(w, 1);
    h7_sys_futex_wake(w, 1);
    assert_int_equal(unit_reap(pid), 0);
    assert_int_equal(woken, 1);
    munmap(w, sizeof *w);
}

static void on_signal(int sig)
{
    (void)sig;
}

static int interrupted(void *arg)
{
    struct h7_a32 w = {0};
    struct pollfd none = {.fd = -1};
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct itimerspec every = {.it_interval = {0, 5000000}, .it_value = {0, 5000000}};
    timer_t timer;
    (void)arg;
    sigaction(SIGUSR1, &sa, NULL);
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    CHILD_CHECK(timer_create(CLOCK_MONOTONIC, &ev, &timer) == 0);
    CHILD_CHECK(timer_settime(timer, 0, &every, NULL) == 0);
    CHILD_CHECK(h7_sys_futex_wait(&w, 0, hepta_in_ms(60000)) == -EINTR);
    CHILD_CHECK(h7_sys_futex_nap(&w, 0, 60000 * H7_MS) == -EINTR);
    CHILD_CHECK(h7_sys_poll(&none, 1, HEPTA_FOREVER) == -EINTR);
    return 0;
}

static void test_handlers_interrupt(void **state)
{
    (void)state;
    unit_in_child(interrupted, NULL);
}

static void test_poll(void **state)
{
    int fds[2];
    (void)state;
    assert_int_equal(pipe(fds), 0);
    struct pollfd p = {.fd = fds[0], .events = POLLIN};
    assert_int_equal(h7_sys_poll(&p, 1, HEPTA_NOW), 0);
    assert_int_equal(h7_sys_poll(&p, 1, 1), 0); /* passed */
    int64_t end = hepta_in_ms(5);
    assert_int_equal(h7_sys_poll(&p, 1, end), 0);
    assert_true(hepta_now_ns() >= end);
    assert_int_equal(write(fds[1], "x", 1), 1);
    assert_int_equal(h7_sys_poll(&p, 1, HEPTA_FOREVER), 1);
    h7_sys_close(fds[0]);
    h7_sys_close(fds[1]);
}

static void test_memfd(void **state)
{
    (void)state;
    int fd = h7_sys_memfd("hepta-test");
    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(fcntl(fd, F_GET_SEALS) & (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW), 0);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
    h7_sys_close(fd);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    h7_sys_close(-1);
}

static void test_duplicates(void **state)
{
    (void)state;
    int fd = h7_sys_memfd("hepta-test");
    int inherited = h7_sys_dup(fd, 0), closed = h7_sys_dup(fd, 1);
    assert_true(inherited >= 3 && closed >= 3);
    assert_int_equal(fcntl(inherited, F_GETFD) & FD_CLOEXEC, 0);
    assert_int_equal(fcntl(closed, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    h7_sys_close(fd);
    h7_sys_close(inherited);
    h7_sys_close(closed);
    assert_int_equal(h7_sys_dup(closed, 1), -EBADF);
}

static void test_nonblock(void **state)
{
    int fds[2];
    char c;
    (void)state;
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(h7_sys_nonblock(fds[0], 1), 0);
    assert_int_equal(h7_sys_read(fds[0], &c, 1), -EAGAIN);
    assert_int_equal(h7_sys_nonblock(fds[0], 1), 0);
    assert_int_equal(h7_sys_nonblock(fds[0], 0), 0);
    assert_int_equal(fcntl(fds[0], F_GETFL) & O_NONBLOCK, 0);
    h7_sys_close(fds[1]);
    assert_int_equal(h7_sys_read(fds[0], &c, 1), 0);
    h7_sys_close(fds[0]);
    assert_int_equal(h7_sys_nonblock(fds[0], 1), -EBADF);
    assert_int_equal(h7_sys_read(fds[0], &c, 1), -EBADF);
}

static int probe_of_the_dead(void *arg)
{
    (void)arg;
    CHILD_CHECK(h7_sys_thread_probe(h7_sys_gettid()) == 0);
    CHILD_CHECK(h7_sys_thread_probe(getppid()) == 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    siginfo_t info;
    CHILD_CHECK(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0);
    int pidfd = h7_sys_pidfd_open(pid); /* without pidfds a zombie can't be told */
    CHILD_CHECK(h7_sys_thread_probe(pid) == (pidfd >= 0 ? -ESRCH : 0));
    h7_sys_close(pidfd);
    CHILD_CHECK(unit_reap(pid) == 0);
    CHILD_CHECK(h7_sys_thread_probe(pid) == -ESRCH);
    if (setgid(65534) != 0 || setuid(65534) != 0)
        return UNIT_SKIP;                        /* the last of it needs root */
    CHILD_CHECK(h7_sys_thread_probe(1) == 0); /* another user's: it exists */
    return 0;
}

static void test_thread_probe(void **state)
{
    (void)state;
    unit_in_child(probe_of_the_dead, NULL);
}

/* What must not happen is a wait, though the descriptor may, and a SIGPIPE, pending or
 * delivered: its default would kill. */
static int write_to_nobody(void *forbid)
{
    int fds[2];
    sigset_t pending, mask;
    if (forbid && unit_forbid(SYS_pwritev2, *(int *)forbid) != 0)
        return UNIT_SKIP;
    CHILD_CHECK(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    CHILD_CHECK(pipe(fds) == 0);
    CHILD_CHECK(h7_sys_write_nowait(fds[1], "ab", 2) == 2);
    CHILD_CHECK(fcntl(fds[1], F_SETPIPE_SZ, 4096) == 4096);
    while (h7_sys_write_nowait(fds[1], "x", 1) == 1)
        ;
    CHILD_CHECK(h7_sys_write_nowait(fds[1], "x", 1) == -EAGAIN);
    close(fds[0]);
    CHILD_CHECK(h7_sys_write_nowait(fds[1], "x", 1) == -EPIPE);
    CHILD_CHECK(h7_sys_write_nowait(fds[1], "x", 1) == -EPIPE);
    CHILD_CHECK(sigpending(&pending) == 0 && !sigismember(&pending, SIGPIPE));
    CHILD_CHECK(sigprocmask(SIG_BLOCK, NULL, &mask) == 0 && !sigismember(&mask, SIGPIPE));
    return 0;
}

static void test_write_neither_waits_nor_signals(void **state)
{
    (void)state;
    unit_in_child(write_to_nobody, NULL);
}

static void test_write_on_an_older_kernel(void **state)
{
    int errs[] = {EOPNOTSUPP, ENOSYS};
    (void)state;
    unit_in_child(write_to_nobody, &errs[0]);
    unit_in_child(write_to_nobody, &errs[1]);
}

static int read_nothing(void *forbid)
{
    int fds[2];
    char buf[8];
    if (forbid && unit_forbid(SYS_preadv2, *(int *)forbid) != 0)
        return UNIT_SKIP;
    CHILD_CHECK(pipe(fds) == 0);
    CHILD_CHECK(h7_sys_read_nowait(fds[0], buf, sizeof buf) == -EAGAIN);
    CHILD_CHECK(write(fds[1], "abc", 3) == 3);
    CHILD_CHECK(h7_sys_read_nowait(fds[0], buf, 2) == 2);
    CHILD_CHECK(h7_sys_read_nowait(fds[0], buf, sizeof buf) == 1 && buf[0] == 'c');
    CHILD_CHECK(h7_sys_read_nowait(fds[0], buf, sizeof buf) == -EAGAIN);
    close(fds[1]);
    CHILD_CHECK(h7_sys_read_nowait(fds[0], buf, sizeof buf) == 0);
    return 0;
}

static void test_read_does_not_wait(void **state)
{
    int err = ENOSYS;
    (void)state;
    unit_in_child(read_nothing, NULL);
    unit_in_child(read_nothing, &err);
}

/* A bell of a FIFO that is open for both: reading must not become writing. */
static int read_open_for_both(void *unused)
{
    char path[64], buf[8];
    int n;
    (void)unused;
    snprintf(path, sizeof path, "/dev/shm/hepta-sys-test.%d", (int)getpid());
    CHILD_CHECK(mkfifo(path, 0600) == 0);
    int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    unlink(path);
    CHILD_CHECK(fd >= 0);
    CHILD_CHECK(h7_sys_fifo_read(fd, buf, sizeof buf) == -EAGAIN);
    CHILD_CHECK(ioctl(fd, FIONREAD, &n) == 0 && n == 0);
    CHILD_CHECK(write(fd, "abc", 3) == 3);
    CHILD_CHECK(h7_sys_fifo_read(fd, buf, sizeof buf) == 3 && buf[2] == 'c');
    CHILD_CHECK(ioctl(fd, FIONREAD, &n) == 0 && n == 0);
    CHILD_CHECK(fcntl(fd, F_SETFL, O_RDWR) == 0);
    CHILD_CHECK(h7_sys_fifo_read(fd, buf, sizeof buf) == -EAGAIN);
    return 0;
}

static void test_read_of_what_is_open_for_both(void **state)
{
    (void)state;
    unit_in_child(read_open_for_both, NULL);
}

/* A SIGPIPE that was pending before isn't ours to take away. */
static int keep_the_pending_one(void *arg)
{
    int fds[2];
    sigset_t set;
    (void)arg;
    if (unit_forbid(SYS_pwritev2, EOPNOTSUPP) != 0)
        return UNIT_SKIP;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGPIPE);
    CHILD_CHECK(pipe2(fds, O_NONBLOCK) == 0);
    close(fds[0]);
    CHILD_CHECK(h7_sys_write_nowait(fds[1], "x", 1) == -EPIPE);
    CHILD_CHECK(sigpending(&set) == 0 && sigismember(&set, SIGPIPE));
    CHILD_CHECK(sigprocmask(SIG_BLOCK, NULL, &set) == 0 && sigismember(&set, SIGPIPE));
    return 0;
}

static void test_write_keeps_a_pending_signal(void **state)
{
    (void)state;
    unit_in_child(keep_the_pending_one, NULL);
}

static int pidfd_of_the_dead(void *arg)
{
    (void)arg;
    int fd = h7_sys_pidfd_open(getpid());
    if (fd == -ENOSYS)
        return UNIT_SKIP;
    CHILD_CHECK(fd >= 0);
    h7_sys_close(fd);
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    CHILD_CHECK(unit_reap(pid) == 0);
    CHILD_CHECK(h7_sys_pidfd_open(pid) == -ESRCH);
    return 0;
}

static void test_pidfd(void **state)
{
    (void)state;
    unit_in_child(pidfd_of_the_dead, NULL);
}

/* A peer that shares the socket makes it give more than was asked for: nothing may stay. */
static void test_unwanted_descriptors(void **state)
{
    int s[2], fds[H7_SYS_FDS_MAX], on = 1, n_fds, cut, low = dup(0);
    char byte = 0;
    struct iovec iov = {&byte, 1};
    (void)state;
    close(low);
    for (int max = 1; max <= H7_SYS_FDS_MAX; max += 252) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s), 0);
        assert_int_equal(setsockopt(s[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on), 0);
        setsockopt(s[0], SOL_SOCKET, 76 /* SO_PASSPIDFD, Linux 6.5 */, &on, sizeof on);
        for (int flags = MSG_PEEK;; flags = 0) {
            if (flags)
                assert_int_equal(h7_sys_send_fds(s[1], &iov, 1, (int[]){0, 0}, 2), 1);
            assert_int_equal(h7_sys_recv_fds(s[0], &iov, 1, flags, fds, max, &n_fds, &cut), 1);
            assert_int_equal(n_fds, max == 1 ? 0 : 2);
            while (n_fds > 0)
                close(fds[--n_fds]);
            if (!flags)
                break;
        }
        close(s[0]);
        close(s[1]);
        int next = dup(0);
        close(next);
        assert_int_equal(next, low);
    }
}

static void test_chown(void **state)
{
    struct stat st;
    (void)state;
    if (geteuid() != 0)
        skip();
    int fd = h7_sys_memfd("owned");
    assert_int_equal(h7_sys_fchown(fd, 65534, 65533), 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_true(st.st_uid == 65534 && st.st_gid == 65533);
    close(fd);
    fd = open("/proc/self/exe", O_PATH | O_CLOEXEC);
    assert_int_equal(h7_sys_fchown(fd, (uid_t)-1, (gid_t)-1), 0); /* changes nothing */
    close(fd);
    assert_int_equal(h7_sys_fchown(fd, 0, 0), -EBADF);
}

static void test_membarrier(void **state)
{
    (void)state;
    int r = h7_sys_membarrier_register();
    if (r == -ENOSYS)
        skip();
    assert_int_equal(r, 0);
    assert_int_equal(h7_sys_membarrier(), 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_futex_word_differs),
    cmocka_unit_test(test_futex_times_out),
    cmocka_unit_test(test_futex_wakes_a_process),
    cmocka_unit_test(test_handlers_interrupt),
    cmocka_unit_test(test_poll),
    cmocka_unit_test(test_memfd),
    cmocka_unit_test(test_duplicates),
    cmocka_unit_test(test_nonblock),
    cmocka_unit_test(test_thread_probe),
    cmocka_unit_test(test_write_neither_waits_nor_signals),
    cmocka_unit_test(test_write_on_an_older_kernel),
    cmocka_unit_test(test_read_does_not_wait),
    cmocka_unit_test(test_read_of_what_is_open_for_both),
    cmocka_unit_test(test_write_keeps_a_pending_signal),
    cmocka_unit_test(test_pidfd),
    cmocka_unit_test(test_unwanted_descriptors),
    cmocka_unit_test(test_chown),
    cmocka_unit_test(test_membarrier),
};

UNIT_MAIN(tests)
