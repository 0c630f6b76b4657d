/* SPDX-License-Identifier: MIT */
/*
 * signal/peer_test.c - who is hit, with what, and who isn't: processes, threads, groups, the dead
 */
#define _GNU_SOURCE
#include "base/unit_test.h"

#include <fcntl.h>
#include <hepta/signal.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/signals.h"
#include "base/sys.h"

#define USR1 H7_SIGNAL_BIT(SIGUSR1)
#define RT H7_SIGNAL_BIT(40)

static struct hepta_signal_peer *open_peer(pid_t pid)
{
    struct hepta_signal_peer *p;
    int r = hepta_signal_peer_open(pid, 0, &p);
    if (r == -ENOSYS)
        skip(); /* valgrind, or a kernel without pidfds */
    assert_int_equal(r, 0);
    return p;
}

static int take(uint64_t set, siginfo_t *si)
{
    return h7_sys_sigwait(set, si, hepta_in_ms(20000));
}

/* A child that takes one of USR1 and RT and says which. */
static int takes_one(void *arg)
{
    siginfo_t si;
    (void)arg;
    return take(USR1 | RT, &si);
}

static pid_t taker(void)
{
    h7_sys_sigmask(SIG_BLOCK, USR1 | RT, NULL);
    return unit_start(takes_one, NULL);
}

static void test_process(void **state)
{
    (void)state;
    pid_t pid = taker();
    struct hepta_signal_peer *p = open_peer(pid);
    assert_int_equal(hepta_signal_peer_pid(p), pid);
    assert_int_equal(hepta_signal_send(p, 0, 0, 0), 0);
    assert_int_equal(hepta_signal_send(p, SIGUSR1, 0, 0), 0);
    /* A zombie still takes them, until it has been waited for. */
    struct pollfd ended = {.fd = hepta_signal_peer_fd(p), .events = POLLIN};
    assert_int_equal(h7_sys_poll(&ended, 1, hepta_in_ms(20000)), 1);
    assert_int_equal(hepta_signal_send(p, SIGUSR1, 0, 0), 0);
    assert_int_equal(unit_reap(pid), SIGUSR1);
    assert_int_equal(hepta_signal_send(p, SIGUSR1, 0, 0), -ESRCH);
    assert_int_equal(hepta_signal_send(p, 0, 0, 0), -ESRCH);
    assert_int_equal(hepta_signal_send(p, 40, HEPTA_SIGNAL_VALUE, 1), -ESRCH);
    assert_int_equal(hepta_signal_peer_close(p), 0);
}

static void test_value(void **state)
{
    const uint64_t values[] = {0, 1, 0xffffffffu, UINT64_MAX, 0x123456789abcdef0u};
    struct hepta_signal_peer *p = open_peer(getpid());
    siginfo_t si;
    (void)state;
    h7_sys_sigmask(SIG_BLOCK, RT, NULL);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        assert_int_equal(hepta_signal_send(p, 40, HEPTA_SIGNAL_VALUE, values[i]), 0);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        assert_int_equal(take(RT, &si), 40);
        assert_int_equal(si.si_code, SI_QUEUE);
        assert_int_equal((uint64_t)(uintptr_t)si.si_value.sival_ptr, values[i]);
        assert_int_equal(si.si_pid, getpid());
        assert_int_equal(si.si_uid, getuid());
    }
    assert_int_equal(hepta_signal_peer_close(p), 0);
}

static void test_arguments(void **state)
{
    struct hepta_signal_peer *p, *none;
    (void)state;
    p = open_peer(getpid());
    assert_int_equal(hepta_signal_send(p, -1, 0, 0), -EINVAL);
    assert_int_equal(hepta_signal_send(p, 65, 0, 0), -EINVAL);
    assert_int_equal(hepta_signal_send(p, 0, HEPTA_SIGNAL_VALUE, 0), -EINVAL);
    assert_int_equal(hepta_signal_send(p, SIGUSR1, HEPTA_SIGNAL_THREAD, 0), -EINVAL);
    assert_int_equal(hepta_signal_send(p, SIGUSR1, 1u << 20, 0), -EINVAL);
    assert_int_equal(hepta_signal_peer_open(0, 0, &none), -EINVAL);
    assert_int_equal(hepta_signal_peer_open(-getpid(), 0, &none), -EINVAL);
    assert_int_equal(hepta_signal_peer_open(getpid(), HEPTA_SIGNAL_GROUP, &none), -EINVAL);
    assert_null(none);
    assert_int_equal(hepta_signal_peer_open(INT32_MAX, 0, &none), -ESRCH);
    assert_int_equal(hepta_signal_peer_close(p), 0);
    assert_int_equal(hepta_signal_peer_close(p), -EBADF);
    assert_int_equal(hepta_signal_send(p, SIGUSR1, 0, 0), -EBADF);
    assert_int_equal(hepta_signal_peer_fd(p), -EBADF);
    assert_int_equal(hepta_signal_peer_pid(p), -EBADF);
    assert_int_equal(hepta_signal_send(NULL, SIGUSR1, 0, 0), -EBADF);
}

/* --- threads ------------------------------------------------------------------------- */

static uint32_t tid;
static uint32_t stop;

static void *thread_takes(void *arg)
{
    siginfo_t si;
    unit_say(&tid, (uint32_t)h7_sys_gettid());
    unit_say(arg, take(USR1, &si) == SIGUSR1 ? (uint32_t)si.si_code : 1);
    unit_await(&stop, 0);
    return NULL;
}

static void test_thread(void **state)
{
    struct hepta_signal_peer *p = open_peer(getpid());
    uint32_t code = 0;
    pthread_t t;
    siginfo_t si;
    (void)state;
    hepta_signal_peer_close(p);
    h7_sys_sigmask(SIG_BLOCK, USR1, NULL);
    assert_int_equal(pthread_create(&t, NULL, thread_takes, &code), 0);
    unit_await(&tid, 0);
    assert_int_equal(hepta_signal_peer_open((pid_t)tid, 0, &p), -EINVAL);
    int r = hepta_signal_peer_open((pid_t)tid, HEPTA_SIGNAL_THREAD, &p);
    if (r == 0) {
        assert_int_equal(hepta_signal_send(p, SIGUSR1, 0, 0), 0);
        unit_await(&code, 0);
        assert_int_equal((int)code, SI_TKILL);
        assert_int_equal(h7_sys_sigwait(USR1, &si, HEPTA_NOW), -EAGAIN);
    } else {
        assert_int_equal(r, -EINVAL); /* before Linux 6.9 */
        pthread_kill(t, SIGUSR1);
    }
    unit_say(&stop, 1);
    pthread_join(t, NULL);
    if (r < 0)
        skip();
    /* Joined a little before the kernel is done with it. */
    while ((r = hepta_signal_send(p, 0, 0, 0)) == 0)
        unit_sleep_ms(1);
    assert_int_equal(r, -ESRCH);
    hepta_signal_peer_close(p);
}

/* --- groups -------------------------------------------------------------------------- */

static int in_group(void *arg)
{
    setpgid(0, *(pid_t *)arg);
    return takes_one(NULL);
}

static void test_group(void **state)
{
    pid_t pids[3] = {0};
    (void)state;
    h7_sys_sigmask(SIG_BLOCK, USR1 | RT, NULL);
    for (int i = 0; i < 3; i++) {
        pid_t group = pids[0];
        pids[i] = unit_start(in_group, &group);
        setpgid(pids[i], pids[0]);
    }
    struct hepta_signal_peer *leader = open_peer(pids[0]), *member = open_peer(pids[1]);
    int r = hepta_signal_send(leader, 40, HEPTA_SIGNAL_GROUP | HEPTA_SIGNAL_VALUE, 5);
    if (r == -EINVAL) { /* before Linux 6.9 */
        for (int i = 0; i < 3; i++)
            unit_kill(pids[i]);
        skip();
    }
    assert_int_equal(r, 0);
    assert_int_equal(hepta_signal_send(member, SIGUSR1, HEPTA_SIGNAL_GROUP, 0), -ESRCH);
    assert_int_equal(unit_reap(pids[0]), 40);
    /* It has left a group, whose number nobody can be given. */
    assert_int_equal(hepta_signal_send(leader, SIGUSR1, 0, 0), -ESRCH);
    assert_int_equal(hepta_signal_send(leader, 0, HEPTA_SIGNAL_GROUP, 0), 0);
    assert_int_equal(unit_reap(pids[1]), 40);
    assert_int_equal(unit_reap(pids[2]), 40);
    assert_int_equal(hepta_signal_send(leader, 0, HEPTA_SIGNAL_GROUP, 0), -ESRCH);
    hepta_signal_peer_close(leader);
    hepta_signal_peer_close(member);
}

/* --- adopted ------------------------------------------------------------------------- */

static void test_adopt(void **state)
{
    struct hepta_signal_peer *p, *none;
    (void)state;
    pid_t pid = taker();
    int fd = h7_sys_pidfd_open(pid), file = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    int dir = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd == -ENOSYS) {
        unit_kill(pid);
        skip();
    }
    assert_int_equal(hepta_signal_peer_adopt(fd, &p), 0);
    assert_int_equal(close(fd), 0); /* it has its own */
    assert_int_equal(hepta_signal_peer_pid(p), pid);
    assert_int_equal(hepta_signal_send(p, SIGUSR1, 0, 0), 0);
    assert_int_equal(unit_reap(pid), SIGUSR1);
    assert_int_equal(hepta_signal_send(p, SIGUSR1, 0, 0), -ESRCH);
    assert_int_equal(hepta_signal_peer_adopt(hepta_signal_peer_fd(p), &none), 0);
    assert_int_equal(hepta_signal_peer_pid(none), -ESRCH); /* it has none any more */
    hepta_signal_peer_close(none);
    hepta_signal_peer_close(p);
    assert_int_equal(hepta_signal_peer_adopt(file, &none), -EBADF);
    assert_int_equal(hepta_signal_peer_adopt(dir, &none), -EBADF);
    assert_int_equal(hepta_signal_peer_adopt(-1, &none), -EBADF);
    assert_null(none);
    close(file);
    close(dir);
}

/* --- refused ------------------------------------------------------------------------- */

static int as_nobody(void *arg)
{
    struct hepta_signal_peer *p = arg;
    if (setresuid(65534, 65534, 65534) != 0)
        return UNIT_SKIP;
    CHILD_CHECK(hepta_signal_send(p, SIGUSR1, 0, 0) == -EPERM);
    CHILD_CHECK(hepta_signal_send(p, 40, HEPTA_SIGNAL_VALUE, 1) == -EPERM);
    CHILD_CHECK(hepta_signal_send(p, 0, 0, 0) == -EPERM);
    return 0;
}

static void test_permission(void **state)
{
    struct hepta_signal_peer *p = open_peer(getpid());
    (void)state;
    unit_in_child(as_nobody, p);
    hepta_signal_peer_close(p);
}

/* A limit is only for real-time signals with a value; the others fall back to what they were. */
static int full(void *arg)
{
    const struct rlimit none = {0, 0};
    struct hepta_signal_peer *p;
    (void)arg;
    CHILD_CHECK(hepta_signal_peer_open(getpid(), 0, &p) == 0);
    h7_sys_sigmask(SIG_BLOCK, USR1 | RT, NULL);
    CHILD_CHECK(setrlimit(RLIMIT_SIGPENDING, &none) == 0);
    CHILD_CHECK(hepta_signal_send(p, 40, HEPTA_SIGNAL_VALUE, 1) == -EAGAIN);
    CHILD_CHECK(hepta_signal_send(p, SIGUSR1, 0, 0) == 0);
    CHILD_CHECK(h7_sys_sigpending() == USR1);
    return 0;
}

static void test_limit(void **state)
{
    (void)state;
    hepta_signal_peer_close(open_peer(getpid()));
    unit_in_child(full, NULL);
}

/* Inside a handler; errno is what it was. */
static struct hepta_signal_peer *self;
static volatile int sent;

static void sends(int signo)
{
    (void)signo;
    sent = hepta_signal_send(self, 40, HEPTA_SIGNAL_VALUE, 3);
    hepta_signal_send(self, 41, HEPTA_SIGNAL_GROUP, 0);
}

static void test_in_a_handler(void **state)
{
    siginfo_t si;
    (void)state;
    self = open_peer(getpid());
    h7_sys_sigmask(SIG_BLOCK, RT | H7_SIGNAL_BIT(41), NULL);
    signal(SIGUSR2, sends);
    sent = 1;
    errno = 4711;
    raise(SIGUSR2);
    assert_int_equal(errno, 4711);
    assert_int_equal(sent, 0);
    assert_int_equal(take(RT, &si), 40);
    h7_sys_sigwait(H7_SIGNAL_BIT(41), &si, HEPTA_NOW);
    hepta_signal_peer_close(self);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_process),    cmocka_unit_test(test_value),
    cmocka_unit_test(test_arguments),  cmocka_unit_test(test_thread),
    cmocka_unit_test(test_group),      cmocka_unit_test(test_adopt),
    cmocka_unit_test(test_permission), cmocka_unit_test(test_limit),
    cmocka_unit_test(test_in_a_handler),
};

UNIT_MAIN(tests)
