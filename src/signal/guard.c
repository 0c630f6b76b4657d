/* SPDX-License-Identifier: MIT */
/*
 * signal/guard.c - a call that a fault in a given range ends
 *
 * The guards of a thread are a list on its stack. The handler looks for the innermost one whose
 * range has the address, and jumps there: out of the function, out of the guards inside, and off
 * the alternate stack, if it ran on that. What the kernel would have put back when the handler
 * returned, the landing does: the mask, and an alternate stack that was disarmed.
 *
 * A fault whose signal is blocked kills, whatever handlers there are; threads often block all. So a
 * guard unblocks its two. Then one that somebody sent, and that was to stay pending, comes in here:
 * it is kept, and made pending again when the thread's outermost guard is over.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <ucontext.h>

#include "base/signals.h"
#include "signal/signal_internal.h"

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif

#define OURS (H7_SIGNAL_BIT(SIGSEGV) | H7_SIGNAL_BIT(SIGBUS))

struct guard {
    struct guard *outer;
    uintptr_t base;
    size_t len;
    uint64_t mask;     /* the thread's, before */
    siginfo_t kept[2]; /* SIGSEGV, SIGBUS: si_signo is 0 if there is none; of the outermost */
    /* If it has ended so: */
    int faulted, disarmed;
    siginfo_t fault;
    stack_t stack;
    sigjmp_buf landing;
};

static __thread struct guard *innermost;

/* --- in the handler ---------------------------------------------------------------------- */

static _Noreturn void end(struct guard *g, const siginfo_t *si, const ucontext_t *context)
{
    g->fault = *si;
    g->faulted = 1;
    g->disarmed = ((unsigned)context->uc_stack.ss_flags & SS_AUTODISARM) != 0;
    g->stack = context->uc_stack;
    siglongjmp(g->landing, 1);
}

/* A signal that was sent: 1 if it was blocked, and is ours to keep. */
static int keep(struct guard *g, const siginfo_t *si)
{
    uint64_t blocked = g->mask;
    for (; g->outer; g = g->outer)
        blocked |= g->outer->mask;
    if (!(blocked & H7_SIGNAL_BIT(si->si_signo) & OURS))
        return 0;
    g->kept[si->si_signo == SIGBUS] = *si;
    return 1;
}

int h7_guard_fault(const siginfo_t *si, void *context)
{
    struct guard *g = innermost;
    if (!g || !(H7_SIGNAL_BIT(si->si_signo) & OURS))
        return 0;
    if (!h7_signal_is_fault(si))
        return keep(g, si);
    if (si->si_signo == SIGBUS && si->si_code == BUS_MCEERR_AO)
        return 0; /* about memory that nobody has touched yet */
    for (; g; g = g->outer)
        if ((uintptr_t)si->si_addr - g->base < g->len)
            end(g, si, context);
    return 0;
}

/* --- around the call --------------------------------------------------------------------- */

static void enter(struct guard *g)
{
    g->outer = innermost;
    if (!g->outer) {
        h7_hook(SIGSEGV);
        h7_hook(SIGBUS);
    }
    /* Before: what is pending comes on the way out of the call, when the mask is known. */
    innermost = g;
    h7_fence_compiler();
    h7_sys_sigmask(SIG_UNBLOCK, OURS, &g->mask);
}

/* On a frame of its own: nothing in it changes between setting and landing. */
static __attribute__((noinline)) int run(struct guard *g, int (*fn)(void *arg), void *arg)
{
    if (sigsetjmp(g->landing, 0) != 0)
        return -EFAULT;
    return fn(arg);
}

static void restore_mask(const struct guard *g)
{
    if (g->faulted)
        h7_sys_sigmask(SIG_SETMASK, g->mask, NULL);
    else if (g->mask & OURS)
        h7_sys_sigmask(SIG_BLOCK, g->mask & OURS, NULL);
}

/* The mask before the list: what was sent is kept until it is blocked. The list before the
 * handlers: they must be there as long as a guard is. */
static void leave(struct guard *g)
{
    if (g->disarmed)
        h7_sys_sigaltstack(&g->stack);
    innermost = g; /* those inside are gone */
    h7_fence_compiler();
    restore_mask(g);
    innermost = g->outer;
    if (g->outer)
        return;
    h7_unhook(SIGBUS);
    h7_unhook(SIGSEGV);
    for (int i = 0; i < 2; i++)
        if (g->kept[i].si_signo)
            h7_sys_sigqueue_self(&g->kept[i]);
}

int hepta_signal_guard(const void *base, size_t len, int (*fn)(void *arg), void *arg,
                       struct hepta_signal_info *info)
{
    struct guard g;
    if (!fn || (uintptr_t)base + len < (uintptr_t)base)
        return -EINVAL;
    g.base = (uintptr_t)base;
    g.len = len;
    g.faulted = g.disarmed = 0;
    g.kept[0].si_signo = g.kept[1].si_signo = 0;
    enter(&g);
    int r = run(&g, fn, arg);
    leave(&g);
    if (g.faulted && info)
        h7_signal_info(&g.fault, info);
    return r;
}
