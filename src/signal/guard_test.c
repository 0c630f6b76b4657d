/* SPDX-License-Identifier: MIT */
/*
 * signal/guard_test.c - what ends a guarded call, what doesn't, and what is left behind: masks,
 * handlers, alternate stacks. Threads: guard_threads_test.c. Others' handlers: hook_test.c.
 */
#define _GNU_SOURCE
#include "signal/guard_test.h"

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif

static void test_no_fault(void **state)
{
    struct hepta_signal_info info = {.signo = 99};
    char *p = cut_file(1, 1);
    (void)state;
    assert_int_equal(hepta_signal_guard(p, PAGE, read_byte, p, &info), 3);
    assert_int_equal(hepta_signal_guard(p, PAGE, write_byte, p, NULL), 7);
    assert_int_equal(info.signo, 99);
    munmap(p, PAGE);
}

static void test_arguments(void **state)
{
    char byte = 5;
    (void)state;
    assert_int_equal(hepta_signal_guard(&byte, 1, NULL, &byte, NULL), -EINVAL);
    assert_int_equal(hepta_signal_guard(&byte, SIZE_MAX, read_byte, &byte, NULL), -EINVAL);
    assert_int_equal(hepta_signal_guard(&byte, 0, read_byte, &byte, NULL), 5);
    assert_int_equal(hepta_signal_guard(NULL, SIZE_MAX, read_byte, &byte, NULL), 5);
}

static void test_cut_file(void **state)
{
    struct hepta_signal_info info;
    char *p = cut_file(3, 1);
    (void)state;
    assert_int_equal(hepta_signal_guard(p, 3 * PAGE, read_byte, p, &info), 3);
    for (size_t at = PAGE; at < 3 * PAGE; at += PAGE / 2) {
        assert_int_equal(hepta_signal_guard(p, 3 * PAGE, read_byte, p + at, &info), -EFAULT);
        assert_int_equal(info.signo, SIGBUS);
        assert_int_equal(info.source, HEPTA_SIGNAL_FROM_FAULT);
        assert_int_equal(info.code, BUS_ADRERR);
        assert_int_equal(info.address, (uintptr_t)p + at);
    }
    assert_int_equal(hepta_signal_guard(p, 3 * PAGE, write_byte, p + PAGE, NULL), -EFAULT);
    munmap(p, 3 * PAGE);
}

static void test_protection(void **state)
{
    struct hepta_signal_info info;
    char *p = no_access(2);
    (void)state;
    assert_int_equal(hepta_signal_guard(p, PAGE, read_byte, p + 10, &info), -EFAULT);
    assert_int_equal(info.signo, SIGSEGV);
    assert_int_equal(info.code, SEGV_ACCERR);
    assert_int_equal(info.address, (uintptr_t)p + 10);
    assert_int_equal(mprotect(p, PAGE, PROT_READ), 0);
    assert_int_equal(hepta_signal_guard(p, PAGE, read_byte, p, &info), 0);
    assert_int_equal(hepta_signal_guard(p, PAGE, write_byte, p, &info), -EFAULT);
    munmap(p, 2 * PAGE);
    assert_int_equal(hepta_signal_guard(p, PAGE, read_byte, p, &info), -EFAULT);
    assert_int_equal(info.code, SEGV_MAPERR);
}

/* --- not ours ------------------------------------------------------------------------ */

static void test_outside_goes_to_the_host(void **state)
{
    struct sigaction old;
    char *p = no_access(2);
    (void)state;
    sigaction(SIGSEGV, NULL, &old);
    host_installs(SIGSEGV, host_mends, 0);
    assert_int_equal(hepta_signal_guard(p, PAGE, write_byte, p + PAGE, NULL), 7);
    assert_int_equal(host_calls, 1);
    assert_ptr_equal(host_address, p + PAGE);
    assert_int_equal(host_code, SEGV_ACCERR);
    assert_int_equal(hepta_signal_guard(p, PAGE, write_byte, p + PAGE - 1, NULL), -EFAULT);
    assert_int_equal(host_calls, 1);
    sigaction(SIGSEGV, &old, NULL);
    munmap(p, 2 * PAGE);
}

/* The default action, as if there had been no guard. */
static int dies_outside(void *arg)
{
    may_die();
    hepta_signal_guard(arg, PAGE, read_byte, (char *)arg + PAGE, NULL);
    return 0;
}

static int dies_although_ignored(void *arg)
{
    may_die();
    signal(SIGSEGV, SIG_IGN);
    return dies_outside(arg);
}

static void test_outside_kills(void **state)
{
    char *p = no_access(2);
    (void)state;
    assert_int_equal(unit_reap(unit_start(dies_outside, p)), -SIGSEGV);
    assert_int_equal(unit_reap(unit_start(dies_although_ignored, p)), -SIGSEGV);
    munmap(p, 2 * PAGE);
}

static int sends_itself(void *arg)
{
    kill(getpid(), *(int *)arg);
    return 5;
}

static void test_sent_is_not_a_fault(void **state)
{
    int sigs[] = {SIGSEGV, SIGBUS};
    struct sigaction old[2];
    (void)state;
    for (int i = 0; i < 2; i++) {
        sigaction(sigs[i], NULL, &old[i]);
        host_installs(sigs[i], host_mends, 0);
        assert_int_equal(hepta_signal_guard(NULL, SIZE_MAX, sends_itself, &sigs[i], NULL), 5);
        assert_int_equal(host_calls, 1);
        assert_int_equal(host_code, SI_USER);
        sigaction(sigs[i], &old[i], NULL);
    }
}

static int dies_of_sent(void *arg)
{
    may_die();
    hepta_signal_guard(NULL, SIZE_MAX, sends_itself, arg, NULL);
    return 0;
}

static int ignores_sent(void *arg)
{
    signal(SIGSEGV, SIG_IGN);
    CHILD_CHECK(hepta_signal_guard(NULL, SIZE_MAX, sends_itself, arg, NULL) == 5);
    return 0;
}

static void test_sent_with_default_action(void **state)
{
    int sig = SIGSEGV;
    (void)state;
    assert_int_equal(unit_reap(unit_start(dies_of_sent, &sig)), -SIGSEGV);
    unit_in_child(ignores_sent, &sig);
}

/* --- nesting ------------------------------------------------------------------------- */

static char *outer_page, *inner_page;
static void *touched;
static volatile int inner_result; /* raise(3) is said not to call back */

static int inside(void *arg)
{
    (void)arg;
    inner_result = hepta_signal_guard(inner_page, PAGE, read_byte, touched, NULL);
    return 1;
}

static void test_nesting(void **state)
{
    struct hepta_signal_info info;
    (void)state;
    outer_page = no_access(1);
    inner_page = no_access(1);
    for (int i = 0; i < 3; i++) {
        touched = inner_page;
        inner_result = 0;
        assert_int_equal(hepta_signal_guard(outer_page, PAGE, inside, NULL, &info), 1);
        assert_int_equal(inner_result, -EFAULT);
        touched = outer_page;
        inner_result = 0;
        assert_int_equal(hepta_signal_guard(outer_page, PAGE, inside, NULL, &info), -EFAULT);
        assert_int_equal(inner_result, 0);
        assert_int_equal(info.address, (uintptr_t)outer_page);
    }
    munmap(outer_page, PAGE);
    munmap(inner_page, PAGE);
}

/* Inside a handler of the host's, which its own fault interrupts. */
static void in_handler(int sig)
{
    (void)sig;
    inner_result = hepta_signal_guard(inner_page, PAGE, read_byte, inner_page, NULL);
}

static void test_in_a_handler(void **state)
{
    uint64_t mask = mask_now();
    (void)state;
    inner_page = no_access(1);
    inner_result = 0;
    struct sigaction sa = {.sa_handler = in_handler}, old;
    sigfillset(&sa.sa_mask);
    sigaction(SIGUSR1, &sa, &old);
    raise(SIGUSR1);
    assert_int_equal(inner_result, -EFAULT);
    assert_int_equal(mask_now(), mask);
    sigaction(SIGUSR1, &old, NULL);
    munmap(inner_page, PAGE);
}

/* --- what is left -------------------------------------------------------------------- */

static void test_many_in_a_row(void **state)
{
    uint64_t mask = mask_now();
    char *cut = cut_file(1, 0), *none = no_access(1);
    (void)state;
    for (int i = 0; i < 10000; i++) {
        char *p = i % 2 ? cut : none;
        if (hepta_signal_guard(p, PAGE, i % 3 ? read_byte : write_byte, p, NULL) != -EFAULT)
            fail_msg("fault %d", i);
    }
    assert_int_equal(mask_now(), mask);
    munmap(cut, PAGE);
    munmap(none, PAGE);
}

static void other(int sig)
{
    (void)sig;
}

static void test_handlers_are_put_back(void **state)
{
    struct sigaction old[2], before[2], after;
    char *p = no_access(1);
    (void)state;
    sigaction(SIGSEGV, NULL, &old[0]);
    sigaction(SIGBUS, NULL, &old[1]);
    for (int i = 0; i < 3; i++) {
        struct sigaction sa = {.sa_flags = i == 0 ? 0 : SA_RESTART | SA_NODEFER | SA_ONSTACK};
        sa.sa_handler = i == 0 ? SIG_DFL : i == 1 ? other : SIG_IGN;
        sigaddset(&sa.sa_mask, SIGUSR2);
        sigaction(SIGSEGV, &sa, NULL);
        sigaction(SIGBUS, &sa, NULL);
        sigaction(SIGSEGV, NULL, &before[0]);
        sigaction(SIGBUS, NULL, &before[1]);
        assert_int_equal(hepta_signal_guard(p, PAGE, read_byte, p, NULL), -EFAULT);
        sigaction(SIGSEGV, NULL, &after);
        assert_true(same_action(&before[0], &after));
        sigaction(SIGBUS, NULL, &after);
        assert_true(same_action(&before[1], &after));
    }
    sigaction(SIGSEGV, &old[0], NULL);
    sigaction(SIGBUS, &old[1], NULL);
    munmap(p, PAGE);
}

static int blocks_and_reads(void *p)
{
    h7_sys_sigmask(SIG_BLOCK, H7_SIGNAL_BIT(SIGUSR1), NULL);
    return read_byte(p);
}

/* Blocked, a fault would kill. Afterwards the mask is that from before, whatever fn did. */
static void test_masks(void **state)
{
    uint64_t all = ~0ull & ~(H7_SIGNAL_BIT(SIGKILL) | H7_SIGNAL_BIT(SIGSTOP));
    uint64_t old = mask_now(), sets[] = {0, all, H7_SIGNAL_BIT(SIGBUS), H7_SIGNAL_BIT(SIGTERM)};
    char *p = no_access(2);
    (void)state;
    mprotect(p + PAGE, PAGE, PROT_READ);
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        h7_sys_sigmask(SIG_SETMASK, sets[i], NULL);
        int r = hepta_signal_guard(p, 2 * PAGE, blocks_and_reads, p, NULL);
        uint64_t after = mask_now();
        int good = hepta_signal_guard(p, 2 * PAGE, read_byte, p + PAGE, NULL);
        uint64_t after_good = mask_now();
        h7_sys_sigmask(SIG_SETMASK, old, NULL);
        assert_int_equal(r, -EFAULT);
        assert_int_equal(good, 0);
        assert_int_equal(after, sets[i]);
        assert_int_equal(after_good, sets[i]);
    }
    munmap(p, 2 * PAGE);
}

/* One that somebody sent, and that is blocked, is as pending after a guard as before. */
static int keeps_pending(void *arg)
{
    uint64_t both = H7_SIGNAL_BIT(SIGSEGV) | H7_SIGNAL_BIT(SIGBUS);
    siginfo_t si;
    char *p = arg;
    may_die();
    h7_sys_sigmask(SIG_BLOCK, both, NULL);
    sigqueue(getpid(), SIGSEGV, (union sigval){.sival_int = 77});
    kill(getpid(), SIGBUS);
    for (int i = 0; i < 3; i++) {
        CHILD_CHECK((h7_sys_sigpending() & both) == both);
        CHILD_CHECK(hepta_signal_guard(p, PAGE, read_byte, p, NULL) == -EFAULT);
    }
    CHILD_CHECK(h7_sys_sigwait(H7_SIGNAL_BIT(SIGSEGV), &si, HEPTA_NOW) == SIGSEGV);
    CHILD_CHECK(si.si_code == SI_QUEUE && si.si_value.sival_int == 77 && si.si_pid == getpid());
    CHILD_CHECK(h7_sys_sigwait(both, &si, HEPTA_NOW) == SIGBUS);
    CHILD_CHECK(si.si_code == SI_USER && si.si_pid == getpid());
    CHILD_CHECK(h7_sys_sigwait(both, &si, HEPTA_NOW) == -EAGAIN);
    return 0;
}

static void test_pending_stays(void **state)
{
    char *p = no_access(1);
    (void)state;
    unit_in_child(keeps_pending, p);
    munmap(p, PAGE);
}

static void test_alternate_stack(void **state)
{
    static char room[65536];
    const unsigned flags[] = {0, SS_AUTODISARM};
    stack_t old, now, ours = {.ss_sp = room, .ss_size = sizeof room};
    char *p = no_access(1);
    (void)state;
    sigaltstack(NULL, &old);
    for (int i = 0; i < 2; i++) {
        ours.ss_flags = (int)flags[i];
        assert_int_equal(sigaltstack(&ours, NULL), 0);
        for (int k = 0; k < 3; k++)
            assert_int_equal(hepta_signal_guard(p, PAGE, read_byte, p, NULL), -EFAULT);
        assert_int_equal(sigaltstack(NULL, &now), 0);
        assert_ptr_equal(now.ss_sp, room);
        assert_int_equal(now.ss_flags, ours.ss_flags);
    }
    sigaltstack(&old, NULL);
    munmap(p, PAGE);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_no_fault),
    cmocka_unit_test(test_arguments),
    cmocka_unit_test(test_cut_file),
    cmocka_unit_test(test_protection),
    cmocka_unit_test(test_outside_goes_to_the_host),
    cmocka_unit_test(test_outside_kills),
    cmocka_unit_test(test_sent_is_not_a_fault),
    cmocka_unit_test(test_sent_with_default_action),
    cmocka_unit_test(test_nesting),
    cmocka_unit_test(test_in_a_handler),
    cmocka_unit_test(test_many_in_a_row),
    cmocka_unit_test(test_handlers_are_put_back),
    cmocka_unit_test(test_masks),
    cmocka_unit_test(test_pending_stays),
    cmocka_unit_test(test_alternate_stack),
};

UNIT_MAIN(tests)
