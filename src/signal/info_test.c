/* SPDX-License-Identifier: MIT */
/*
 * signal/info_test.c - where signals come from: each is really caused, then received. Ctrl+C and
 * other programs' doing: tests/signal. Faults: faults_test.c.
 */
#define _GNU_SOURCE
#include "base/unit_test.h"

#include <fcntl.h>
#include <hepta/signal.h>
#include <mqueue.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/signals.h"
#include "base/sys.h"
#include "signal/signal_internal.h"

#define S(n) HEPTA_SIGNAL(n)

/* The next one of set; all others of it are gone afterwards. */
static struct hepta_signal_info next_of(struct hepta_signal *sig)
{
    struct hepta_signal_info info = {0};
    int r = hepta_signal_wait(sig, &info, hepta_in_ms(20000));
    if (r != info.signo || r <= 0)
        fail_msg("wait: %d", r);
    while (hepta_signal_wait(sig, NULL, HEPTA_NOW) > 0)
        ;
    return info;
}

static struct hepta_signal *open_for(uint64_t set)
{
    struct hepta_signal *sig;
    assert_int_equal(hepta_signal_open(set, &sig), 0);
    return sig;
}

/* All that isn't named is 0. */
static void expect(const struct hepta_signal_info *got, struct hepta_signal_info want)
{
    if (memcmp(got, &want, sizeof want) != 0) {
        char text[200];
        hepta_signal_describe(got, text, sizeof text);
        fail_msg("%s; code %d, uid %u, value %llx", text, got->code, got->uid,
                 (unsigned long long)got->value);
    }
}

static void test_sent(void **state)
{
    struct hepta_signal *sig = open_for(S(SIGUSR1) | S(40));
    struct hepta_signal_info got, me = {.pid = getpid(), .uid = getuid(), .signo = SIGUSR1};
    (void)state;
    kill(getpid(), SIGUSR1);
    got = next_of(sig);
    me.source = HEPTA_SIGNAL_FROM_KILL;
    expect(&got, me);
    raise(SIGUSR1);
    got = next_of(sig);
    me.source = HEPTA_SIGNAL_FROM_TKILL;
    me.code = SI_TKILL;
    expect(&got, me);
    sigqueue(getpid(), 40, (union sigval){.sival_ptr = (void *)(uintptr_t)0x1234});
    got = next_of(sig);
    me.signo = 40;
    me.source = HEPTA_SIGNAL_FROM_QUEUE;
    me.code = SI_QUEUE;
    me.value = 0x1234;
    expect(&got, me);
    hepta_signal_close(sig);
}

static void test_pipe(void **state)
{
    struct hepta_signal *sig = open_for(S(SIGPIPE));
    int fds[2];
    (void)state;
    assert_int_equal(pipe(fds), 0);
    close(fds[0]);
    assert_int_equal(write(fds[1], "x", 1), -1);
    struct hepta_signal_info got = next_of(sig);
    expect(&got, (struct hepta_signal_info){.signo = SIGPIPE, .source = HEPTA_SIGNAL_FROM_KILL,
                                            .pid = getpid(), .uid = getuid()});
    close(fds[1]);
    hepta_signal_close(sig);
}

static void test_timers(void **state)
{
    struct hepta_signal *sig = open_for(S(41) | S(SIGALRM) | S(SIGVTALRM) | S(SIGPROF));
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = 41,
                          .sigev_value.sival_int = 12};
    const struct itimerspec soon = {.it_value = {0, 1000000}};
    const struct itimerval once = {.it_value = {0, 1000}};
    const int which[] = {ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF};
    const int signos[] = {SIGALRM, SIGVTALRM, SIGPROF};
    timer_t timer;
    (void)state;
    unsigned left = alarm(0); /* the test's own end */
    assert_int_equal(timer_create(CLOCK_MONOTONIC, &ev, &timer), 0);
    assert_int_equal(timer_settime(timer, 0, &soon, NULL), 0);
    struct hepta_signal_info got = next_of(sig);
    assert_int_equal(got.source, HEPTA_SIGNAL_FROM_TIMER);
    assert_true(got.value == 12 && got.code == SI_TIMER && got.pid == 0 && got.overrun == 0);
    assert_int_equal(got.timer, (int)(intptr_t)timer);
    timer_delete(timer);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(setitimer(which[i], &once, NULL), 0);
        for (uint64_t set = 0; !(set & S(signos[i]));)
            hepta_signal_pending(sig, &set); /* two of them count only what is used */
        got = next_of(sig);
        expect(&got, (struct hepta_signal_info){
                         .signo = signos[i], .source = HEPTA_SIGNAL_FROM_TIMER, .code = SI_KERNEL});
    }
    hepta_signal_close(sig);
    alarm(left);
}

/* So many expirations in one signal, while nobody looks. */
static void test_overrun(void **state)
{
    struct hepta_signal *sig = open_for(S(41));
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = 41};
    const struct itimerspec often = {.it_value = {0, 1000}, .it_interval = {0, 100000}};
    struct hepta_signal_info info;
    timer_t timer;
    (void)state;
    assert_int_equal(timer_create(CLOCK_MONOTONIC, &ev, &timer), 0);
    assert_int_equal(timer_settime(timer, 0, &often, NULL), 0);
    unit_sleep_ms(20);
    assert_int_equal(hepta_signal_wait(sig, &info, HEPTA_NOW), 41);
    assert_true(info.overrun > 20);
    timer_delete(timer);
    hepta_signal_close(sig);
}

static int ends_as_told(void *arg)
{
    int how = *(int *)arg;
    prctl(PR_SET_DUMPABLE, 0);
    if (how < 0)
        raise(-how);
    return how;
}

static void child(struct hepta_signal *sig, int how, int code, int status)
{
    pid_t pid = unit_start(ends_as_told, &how);
    struct hepta_signal_info got = next_of(sig);
    expect(&got, (struct hepta_signal_info){.signo = SIGCHLD, .source = HEPTA_SIGNAL_FROM_CHILD,
                                            .code = code, .pid = pid, .uid = getuid(),
                                            .status = status});
    if (code == CLD_STOPPED) {
        kill(pid, SIGCONT);
        got = next_of(sig);
        assert_true(got.code == CLD_CONTINUED || got.code == CLD_EXITED); /* one is lost */
        assert_int_equal(got.source, HEPTA_SIGNAL_FROM_CHILD);
        unit_reap(pid);
        while (hepta_signal_wait(sig, NULL, HEPTA_NOW) > 0)
            ;
        return;
    }
    unit_reap(pid);
}

static void test_children(void **state)
{
    struct hepta_signal *sig = open_for(S(SIGCHLD));
    (void)state;
    child(sig, 0, CLD_EXITED, 0);
    child(sig, 7, CLD_EXITED, 7);
    child(sig, -SIGKILL, CLD_KILLED, SIGKILL);
    child(sig, -SIGUSR2, CLD_KILLED, SIGUSR2);
    child(sig, -SIGSTOP, CLD_STOPPED, SIGSTOP);
    hepta_signal_close(sig);
}

static void test_queue(void **state)
{
    struct hepta_signal *sig = open_for(S(42));
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = 42,
                          .sigev_value.sival_int = 33};
    struct mq_attr attr = {.mq_maxmsg = 1, .mq_msgsize = 8};
    char name[40];
    (void)state;
    snprintf(name, sizeof name, "/hepta-info-test.%d", (int)getpid());
    mqd_t q = mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, &attr);
    if (q < 0)
        skip();
    mq_unlink(name);
    assert_int_equal(mq_notify(q, &ev), 0);
    assert_int_equal(mq_send(q, "x", 1, 0), 0);
    struct hepta_signal_info got = next_of(sig);
    expect(&got, (struct hepta_signal_info){.signo = 42, .source = HEPTA_SIGNAL_FROM_MQ,
                                            .code = SI_MESGQ, .pid = getpid(), .uid = getuid(),
                                            .value = 33});
    mq_close(q);
    hepta_signal_close(sig);
}

/* A pipe with signals: SIGIO itself, and numbers of our own. */
static void io(int signo, int as_told)
{
    struct hepta_signal *sig = open_for(S(SIGIO) | S(signo));
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(fcntl(fds[0], F_SETOWN, getpid()), 0);
    if (as_told)
        assert_int_equal(fcntl(fds[0], F_SETSIG, signo), 0);
    assert_int_equal(fcntl(fds[0], F_SETFL, O_ASYNC | O_NONBLOCK), 0);
    assert_int_equal(write(fds[1], "x", 1), 1);
    struct hepta_signal_info got = next_of(sig);
    assert_int_equal(got.signo, signo);
    assert_int_equal(got.source, HEPTA_SIGNAL_FROM_IO);
    if (as_told) {
        assert_int_equal(got.fd, fds[0]);
        assert_true(got.band & POLLIN);
    }
    close(fds[0]);
    close(fds[1]);
    hepta_signal_close(sig);
}

static void test_io(void **state)
{
    (void)state;
    io(SIGIO, 0);
    io(SIGIO, 1);
    io(43, 1);
    io(SIGUSR1, 1);
    io(SIGCHLD, 1); /* whose codes mean something else */
}

/* Urgent data: the kernel's, without details. */
static void test_kernel(void **state)
{
    struct hepta_signal *sig = open_for(S(SIGURG));
    int fds[2];
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_int_equal(fcntl(fds[0], F_SETOWN, getpid()), 0);
    if (send(fds[1], "x", 1, MSG_OOB) == 1) { /* Linux 5.15, if it was built so */
        struct hepta_signal_info got = next_of(sig);
        expect(&got, (struct hepta_signal_info){.signo = SIGURG, .code = SI_KERNEL});
    }
    close(fds[0]);
    close(fds[1]);
    hepta_signal_close(sig);
}

/* What can't be caused here, or not on every machine. */
static void made_up(int signo, int code, uint32_t source)
{
    siginfo_t si;
    struct hepta_signal_info info;
    memset(&si, 0, sizeof si);
    si.si_signo = signo;
    si.si_code = code;
    h7_signal_info(&si, &info);
    if (info.source != source)
        fail_msg("%d, code %d: %s", signo, code, hepta_signal_source_name(info.source));
}

static void test_made_up(void **state)
{
    (void)state;
    made_up(SIGINT, SI_KERNEL, HEPTA_SIGNAL_FROM_KEYBOARD);
    made_up(SIGWINCH, SI_KERNEL, HEPTA_SIGNAL_FROM_KEYBOARD);
    made_up(SIGTERM, SI_KERNEL, HEPTA_SIGNAL_FROM_KERNEL);
    made_up(SIGSEGV, SI_KERNEL, HEPTA_SIGNAL_FROM_FAULT);
    made_up(SIGSEGV, SI_USER, HEPTA_SIGNAL_FROM_KILL);
    made_up(SIGSEGV, SI_QUEUE, HEPTA_SIGNAL_FROM_QUEUE);
    made_up(SIGBUS, BUS_MCEERR_AO, HEPTA_SIGNAL_FROM_FAULT);
    made_up(SIGUSR1, SI_ASYNCIO, HEPTA_SIGNAL_FROM_IO);
    made_up(SIGUSR1, -60, HEPTA_SIGNAL_FROM_QUEUE); /* of getaddrinfo_a(3) */
    made_up(SIGUSR1, 77, HEPTA_SIGNAL_FROM_KERNEL);
    made_up(0, SI_KERNEL, HEPTA_SIGNAL_FROM_KERNEL);
    made_up(100, SI_KERNEL, HEPTA_SIGNAL_FROM_KERNEL);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_sent),     cmocka_unit_test(test_pipe),
    cmocka_unit_test(test_timers),   cmocka_unit_test(test_overrun),
    cmocka_unit_test(test_children), cmocka_unit_test(test_queue),
    cmocka_unit_test(test_io),       cmocka_unit_test(test_kernel),
    cmocka_unit_test(test_made_up),
};

UNIT_MAIN(tests)
