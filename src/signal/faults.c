/* SPDX-License-Identifier: MIT */
/*
 * signal/faults.c - being told of faults before the program ends of them
 *
 * One for the process. state says what the rest is worth:
 *   NONE     nothing                             READY    valid
 *   FILLING  being filled in; nobody reads it    ENDING   valid, handlers are being put back
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>

#include "base/signals.h"
#include "signal/signal_internal.h"

#define ALLOWED                                                                  \
    (H7_SIGNAL_BIT(SIGSEGV) | H7_SIGNAL_BIT(SIGBUS) | H7_SIGNAL_BIT(SIGFPE) |    \
     H7_SIGNAL_BIT(SIGILL) | H7_SIGNAL_BIT(SIGTRAP) | H7_SIGNAL_BIT(SIGSYS))

enum { NONE, FILLING, READY, ENDING };

static struct {
    struct h7_a32 state;
    uint64_t set;
    hepta_signal_fn *fn;
    void *arg;
} told;

void h7_faults_report(const siginfo_t *si)
{
    struct hepta_signal_info info;
    /* Acquire, with the release in hepta_signal_faults(): the rest. */
    if (h7_load32_acquire(&told.state) < READY || !(told.set & H7_SIGNAL_BIT(si->si_signo)))
        return;
    h7_signal_info(si, &info);
    told.fn(&info, told.arg);
}

static void for_each(uint64_t set, void (*fn)(int signo))
{
    for (int signo = 1; signo <= HEPTA_SIGNAL_MAX; signo++)
        if (set & H7_SIGNAL_BIT(signo))
            fn(signo);
}

int hepta_signal_faults(uint64_t set, hepta_signal_fn *fn, void *arg)
{
    uint32_t none = NONE;
    if (!fn || set == 0 || set & ~ALLOWED)
        return -EINVAL;
    if (!h7_cas32_acquire(&told.state, &none, FILLING))
        return -EBUSY;
    told.set = set;
    told.fn = fn;
    told.arg = arg;
    h7_store32_release(&told.state, READY);
    for_each(set, h7_hook);
    return 0;
}

int hepta_signal_faults_end(void)
{
    uint32_t ready = READY;
    if (!h7_cas32_acquire(&told.state, &ready, ENDING))
        return -EINVAL;
    for_each(told.set, h7_unhook);
    h7_store32_release(&told.state, NONE);
    return 0;
}
