/* SPDX-License-Identifier: MIT */
/*
 * signal/hook_test.c - our handler among those of others: beneath, above, in a row; and what
 * those were promised by sigaction(2)
 */
#define _GNU_SOURCE
#include "signal/guard_test.h"

static char *gives_way, *outside; /* pages: the guard's, and one for the host */

static int guarded(void)
{
    return hepta_signal_guard(gives_way, PAGE, read_byte, gives_way, NULL);
}

static int guarded_outside(void)
{
    return hepta_signal_guard(gives_way, PAGE, write_byte, outside, NULL);
}

static void forbid_again(void)
{
    mprotect(outside, PAGE, PROT_NONE);
}

static void expect_handler(void (*fn)(int, siginfo_t *, void *))
{
    struct sigaction now;
    sigaction(SIGSEGV, NULL, &now);
    assert_ptr_equal(now.sa_sigaction, fn);
}

/* --- somebody who comes after us, and calls what he found ---------------------------- */

#define LATERS 12

static struct later {
    struct sigaction found;
    int n_calls;
} laters[LATERS];

static void later(int i, int signo, siginfo_t *si, void *context)
{
    struct sigaction *next = &laters[i].found;
    if (++laters[i].n_calls > 100)
        _exit(9); /* in a circle */
    if (next->sa_flags & SA_SIGINFO)
        next->sa_sigaction(signo, si, context);
    else if (next->sa_handler != SIG_DFL && next->sa_handler != SIG_IGN)
        next->sa_handler(signo);
}

#define LATER(n)                                               \
    static void later_##n(int signo, siginfo_t *si, void *ctx) \
    {                                                          \
        later(n, signo, si, ctx);                              \
    }
LATER(0) LATER(1) LATER(2) LATER(3) LATER(4) LATER(5)
LATER(6) LATER(7) LATER(8) LATER(9) LATER(10) LATER(11)

static void (*const later_fns[LATERS])(int, siginfo_t *, void *) = {
    later_0, later_1, later_2, later_3, later_4, later_5,
    later_6, later_7, later_8, later_9, later_10, later_11};

static void install_later(int i)
{
    struct sigaction sa = {.sa_sigaction = later_fns[i], .sa_flags = SA_SIGINFO};
    laters[i].n_calls = 0;
    sigaction(SIGSEGV, &sa, &laters[i].found);
}

static int install_and_read(void *arg)
{
    install_later(*(int *)arg);
    return read_byte(gives_way);
}

static int guarded_with_later(int i)
{
    return hepta_signal_guard(gives_way, PAGE, install_and_read, &i, NULL);
}

/* His stays when the guard ends; through him ours is still called, and passes on. */
static int one_later(void *arg)
{
    (void)arg;
    host_installs(SIGSEGV, host_mends, 0);
    CHILD_CHECK(guarded_with_later(0) == -EFAULT);
    expect_handler(later_0);
    CHILD_CHECK(laters[0].n_calls == 1 && host_calls == 0);
    CHILD_CHECK(write_byte(outside) == 7);
    CHILD_CHECK(laters[0].n_calls == 2 && host_calls == 1);
    return 0;
}

/* A guard after that goes above him, and leaves him there again. */
static int above_a_later(void *arg)
{
    one_later(arg);
    for (int i = 0; i < 5; i++) {
        CHILD_CHECK(guarded() == -EFAULT);
        CHILD_CHECK(laters[0].n_calls == 2 + i && host_calls == 1 + i);
        forbid_again();
        CHILD_CHECK(guarded_outside() == 7);
        CHILD_CHECK(laters[0].n_calls == 3 + i && host_calls == 2 + i);
        expect_handler(later_0);
    }
    return 0;
}

/* More of them than we have functions: guards work through them. */
static int many_laters(void *arg)
{
    (void)arg;
    host_installs(SIGSEGV, host_mends, 0);
    for (int i = 0; i < LATERS; i++) {
        CHILD_CHECK(guarded_with_later(i) == -EFAULT);
        expect_handler(later_fns[i]);
    }
    CHILD_CHECK(guarded() == -EFAULT);
    for (int i = 0; i < LATERS; i++)
        laters[i].n_calls = 0;
    host_calls = 0;
    CHILD_CHECK(guarded_outside() == 7);
    CHILD_CHECK(host_calls == 1);
    for (int i = 0; i < LATERS; i++)
        CHILD_CHECK(laters[i].n_calls == 1);
    return 0;
}

/* Who puts ours back when it isn't needed any more: it passes on, and is used again. */
static int put_back_by_another(void *arg)
{
    (void)arg;
    host_installs(SIGSEGV, host_mends, 0);
    CHILD_CHECK(guarded_with_later(0) == -EFAULT);
    sigaction(SIGSEGV, &laters[0].found, NULL);
    CHILD_CHECK(write_byte(outside) == 7 && host_calls == 1);
    CHILD_CHECK(guarded() == -EFAULT);
    expect_handler(host_mends);
    return 0;
}

/* --- what was reported, and how often ------------------------------------------------ */

static int n_reports;

static void report(const struct hepta_signal_info *info, void *arg)
{
    (void)info;
    (void)arg;
    n_reports++;
}

static int reported_once(void *arg)
{
    (void)arg;
    host_installs(SIGSEGV, host_mends, 0);
    CHILD_CHECK(hepta_signal_faults(HEPTA_SIGNAL(SIGSEGV), report, NULL) == 0);
    install_later(0);
    for (int i = 1; i <= 3; i++) {
        forbid_again();
        CHILD_CHECK(guarded_outside() == 7); /* ours, his, ours */
        CHILD_CHECK(n_reports == i && laters[0].n_calls == i && host_calls == i);
    }
    CHILD_CHECK(guarded() == -EFAULT && n_reports == 3);
    CHILD_CHECK(hepta_signal_faults_end() == 0);
    expect_handler(later_0);
    forbid_again();
    CHILD_CHECK(write_byte(outside) == 7 && n_reports == 3 && host_calls == 4);
    return 0;
}

/* --- what sigaction(2) promised the one beneath -------------------------------------- */

static uint64_t mask_inside;
static int plain_signo;

static void plain_mends(int signo)
{
    plain_signo = signo;
    mask_inside = mask_now();
    host_calls++;
    mprotect(outside, PAGE, PROT_READ | PROT_WRITE);
}

static int plain_handler(void *arg)
{
    const int flags = *(int *)arg;
    struct sigaction sa = {.sa_handler = plain_mends, .sa_flags = flags};
    sigaddset(&sa.sa_mask, SIGUSR1);
    sigaction(SIGSEGV, &sa, NULL);
    CHILD_CHECK(guarded_outside() == 7);
    CHILD_CHECK(host_calls == 1 && plain_signo == SIGSEGV);
    uint64_t want = H7_SIGNAL_BIT(SIGUSR1) | (flags & SA_NODEFER ? 0 : H7_SIGNAL_BIT(SIGSEGV));
    CHILD_CHECK(mask_inside == want);
    CHILD_CHECK(mask_now() == 0);
    return 0;
}

/* Once, then the default action: also when the handler is back in its place. */
static int resets(void *arg)
{
    may_die();
    struct sigaction sa = {.sa_handler = plain_mends, .sa_flags = (int)SA_RESETHAND}, now;
    sigaction(SIGSEGV, &sa, NULL);
    CHILD_CHECK(guarded_outside() == 7);
    sigaction(SIGSEGV, NULL, &now);
    CHILD_CHECK(now.sa_handler == SIG_DFL);
    sigaction(SIGSEGV, &sa, NULL);
    CHILD_CHECK(hepta_signal_faults(HEPTA_SIGNAL(SIGSEGV), report, NULL) == 0);
    forbid_again();
    CHILD_CHECK(write_byte(outside) == 7);
    forbid_again();
    write_byte(outside);
    (void)arg;
    return 0;
}

/* A handler that jumps out, as interpreters do: the next fault goes to it as well. */
static sigjmp_buf out;

static void jumps(int signo)
{
    (void)signo;
    host_calls++;
    siglongjmp(out, 1);
}

static int jumping_handler(void *arg)
{
    (void)arg;
    struct sigaction sa = {.sa_handler = jumps};
    sigaction(SIGSEGV, &sa, NULL);
    CHILD_CHECK(hepta_signal_faults(HEPTA_SIGNAL(SIGSEGV), report, NULL) == 0);
    for (volatile int i = 1; i <= 3; i++) {
        if (sigsetjmp(out, 1) == 0)
            write_byte(outside);
        CHILD_CHECK(host_calls == i && n_reports == i);
        CHILD_CHECK(guarded() == -EFAULT);
    }
    return 0;
}

/* --- all in children: what is buried stays so ---------------------------------------- */

static void in_child(int (*fn)(void *), int arg)
{
    gives_way = no_access(1);
    outside = no_access(1);
    host_calls = n_reports = 0;
    unit_in_child(fn, &arg);
    munmap(gives_way, PAGE);
    munmap(outside, PAGE);
}

#define IN_CHILD(fn)                      \
    static void test_##fn(void **state)   \
    {                                     \
        (void)state;                      \
        in_child(fn, 0);                  \
    }
IN_CHILD(one_later)
IN_CHILD(above_a_later)
IN_CHILD(many_laters)
IN_CHILD(put_back_by_another)
IN_CHILD(reported_once)
IN_CHILD(jumping_handler)

static void test_flags(void **state)
{
    (void)state;
    h7_sys_sigmask(SIG_SETMASK, 0, NULL);
    in_child(plain_handler, 0);
    in_child(plain_handler, SA_NODEFER);
    in_child(plain_handler, SA_NODEFER | SA_ONSTACK | SA_RESTART);
}

static void test_resets(void **state)
{
    (void)state;
    outside = no_access(1);
    gives_way = no_access(1);
    assert_int_equal(unit_reap(unit_start(resets, NULL)), -SIGSEGV);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_one_later),           cmocka_unit_test(test_above_a_later),
    cmocka_unit_test(test_many_laters),         cmocka_unit_test(test_put_back_by_another),
    cmocka_unit_test(test_reported_once),       cmocka_unit_test(test_jumping_handler),
    cmocka_unit_test(test_flags),               cmocka_unit_test(test_resets),
};

UNIT_MAIN(tests)
