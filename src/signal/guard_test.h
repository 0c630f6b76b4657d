/* SPDX-License-Identifier: MIT */
/*
 * signal/guard_test.h - what the tests of faults share: memory that gives way, functions that
 * touch it, and a handler of the host program's
 */
#ifndef H7_SIGNAL_GUARD_TEST_H
#define H7_SIGNAL_GUARD_TEST_H

#include "base/unit_test.h"

#include <hepta/signal.h>
#include <setjmp.h>

#include "base/signals.h"
#include "base/sys.h"

#define PAGE ((size_t)sysconf(_SC_PAGESIZE))

/* Not inlined: the compiler knows that some addresses can't be. */
static __attribute__((noinline, unused)) int read_byte(void *p)
{
    return *(volatile unsigned char *)p;
}

static __attribute__((noinline, unused)) int write_byte(void *p)
{
    *(volatile unsigned char *)p = 1;
    return 7;
}

/* n pages of a file, which was then cut to `left` pages. */
static inline char *cut_file(size_t n, size_t left)
{
    int fd = h7_sys_memfd("cut");
    assert_true(fd >= 0 && ftruncate(fd, (off_t)(n * PAGE)) == 0);
    char *p = mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(p != MAP_FAILED);
    memset(p, 3, n * PAGE);
    assert_int_equal(ftruncate(fd, (off_t)(left * PAGE)), 0);
    close(fd);
    return p;
}

/* n pages that nobody may touch. */
static inline char *no_access(size_t n)
{
    char *p = mmap(NULL, n * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(p != MAP_FAILED);
    return p;
}

/* --- the host program's ------------------------------------------------------------------- */

static volatile int host_calls, host_code;
static void *volatile host_address;

/* Notes what it is given, and lets the instruction work when it is repeated. */
static inline void host_mends(int signo, siginfo_t *si, void *context)
{
    (void)signo;
    (void)context;
    host_calls++;
    host_code = si->si_code;
    host_address = si->si_addr;
    if (si->si_code > 0)
        mprotect((void *)((uintptr_t)si->si_addr & ~(PAGE - 1)), PAGE, PROT_READ | PROT_WRITE);
}

static inline void host_installs(int signo, void (*fn)(int, siginfo_t *, void *), int flags)
{
    struct sigaction sa = {.sa_sigaction = fn, .sa_flags = SA_SIGINFO | flags};
    sigemptyset(&sa.sa_mask);
    host_calls = 0;
    assert_int_equal(sigaction(signo, &sa, NULL), 0);
}

static inline void plain(int signo)
{
    signal(signo, SIG_DFL);
}

/* For children that end of a signal: without a core, and not by the sanitizer's handler. */
static inline void may_die(void)
{
    prctl(PR_SET_DUMPABLE, 0);
    plain(SIGSEGV);
    plain(SIGBUS);
    plain(SIGFPE);
    plain(SIGILL);
    plain(SIGTRAP);
    plain(SIGSYS);
}

static inline int same_action(const struct sigaction *a, const struct sigaction *b)
{
    return a->sa_handler == b->sa_handler && a->sa_flags == b->sa_flags &&
           memcmp(&a->sa_mask, &b->sa_mask, 8) == 0;
}

static inline uint64_t mask_now(void)
{
    uint64_t set;
    h7_sys_sigmask(SIG_BLOCK, 0, &set);
    return set;
}

#endif
