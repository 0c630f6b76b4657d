/* SPDX-License-Identifier: MIT */
/*
 * signal/info.c - where a signal came from: the kernel's siginfo in our words
 *
 * si_code says it in three ways: 0 and below, somebody sent it; SI_KERNEL, the kernel without
 * details, which leaves the number to guess by; above 0, a cause that means something else for
 * each group of numbers. Everything here is async-signal-safe.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>

#include "base/signals.h"
#include "signal/signal_internal.h"

#define BIT(n) H7_SIGNAL_BIT(n)

static const uint64_t fault_set = BIT(SIGSEGV) | BIT(SIGBUS) | BIT(SIGFPE) | BIT(SIGILL) |
                                  BIT(SIGTRAP) | BIT(SIGSYS);
/* What a terminal sends to its processes: keys, its size, hang-up (with SIGCONT), job control. */
static const uint64_t terminal_set = BIT(SIGINT) | BIT(SIGQUIT) | BIT(SIGTSTP) | BIT(SIGHUP) |
                                     BIT(SIGCONT) | BIT(SIGWINCH) | BIT(SIGTTIN) | BIT(SIGTTOU);
static const uint64_t clock_set = BIT(SIGALRM) | BIT(SIGVTALRM) | BIT(SIGPROF);

static int is_in(uint64_t set, int signo)
{
    return signo >= 1 && signo <= HEPTA_SIGNAL_MAX && (set & BIT(signo)) != 0;
}

int h7_signal_is_fault(const siginfo_t *si)
{
    return si->si_code > 0 && is_in(fault_set, si->si_signo);
}

static uint32_t source_without_details(int signo)
{
    return is_in(terminal_set, signo) ? HEPTA_SIGNAL_FROM_KEYBOARD
           : is_in(clock_set, signo)  ? HEPTA_SIGNAL_FROM_TIMER
           : is_in(fault_set, signo)  ? HEPTA_SIGNAL_FROM_FAULT
           : signo == SIGIO           ? HEPTA_SIGNAL_FROM_IO
                                      : HEPTA_SIGNAL_FROM_KERNEL;
}

/* Above 0. F_SETSIG lets any number tell of I/O, except those whose codes mean something: there
 * it is SI_SIGIO. */
static uint32_t source_by_cause(int signo, int code)
{
    if (is_in(fault_set, signo))
        return HEPTA_SIGNAL_FROM_FAULT;
    if (signo == SIGCHLD)
        return HEPTA_SIGNAL_FROM_CHILD;
    return code <= POLL_HUP ? HEPTA_SIGNAL_FROM_IO : HEPTA_SIGNAL_FROM_KERNEL;
}

static uint32_t source_of(const siginfo_t *si)
{
    switch (si->si_code) {
    case SI_USER: return HEPTA_SIGNAL_FROM_KILL;
    case SI_TKILL: return HEPTA_SIGNAL_FROM_TKILL;
    case SI_TIMER: return HEPTA_SIGNAL_FROM_TIMER;
    case SI_MESGQ: return HEPTA_SIGNAL_FROM_MQ;
    case SI_ASYNCIO:
    case SI_SIGIO: return HEPTA_SIGNAL_FROM_IO;
    case SI_KERNEL: return source_without_details(si->si_signo);
    }
    /* Whoever queues one can choose any code below 0; the kernel takes all for SI_QUEUE. */
    return si->si_code < 0 ? HEPTA_SIGNAL_FROM_QUEUE : source_by_cause(si->si_signo, si->si_code);
}

static void take_sender(const siginfo_t *si, struct hepta_signal_info *info)
{
    info->pid = si->si_pid;
    info->uid = si->si_uid;
}

static uint64_t value_of(const siginfo_t *si)
{
    return (uint64_t)(uintptr_t)si->si_value.sival_ptr;
}

static void take_io(const siginfo_t *si, struct hepta_signal_info *info)
{
    if (si->si_code == SI_ASYNCIO) {
        info->value = value_of(si);
        return;
    }
    info->band = (int32_t)si->si_band;
    info->fd = si->si_fd;
}

static void take_details(const siginfo_t *si, struct hepta_signal_info *info)
{
    switch (info->source) {
    case HEPTA_SIGNAL_FROM_QUEUE:
    case HEPTA_SIGNAL_FROM_MQ:
        info->value = value_of(si);
        take_sender(si, info);
        break;
    case HEPTA_SIGNAL_FROM_KILL:
    case HEPTA_SIGNAL_FROM_TKILL: take_sender(si, info); break;
    case HEPTA_SIGNAL_FROM_TIMER:
        info->value = value_of(si);
        info->timer = si->si_timerid;
        info->overrun = si->si_overrun;
        break;
    case HEPTA_SIGNAL_FROM_CHILD:
        take_sender(si, info);
        info->status = si->si_status;
        break;
    case HEPTA_SIGNAL_FROM_FAULT: info->address = (uint64_t)(uintptr_t)si->si_addr; break;
    case HEPTA_SIGNAL_FROM_IO: take_io(si, info); break;
    }
}

void h7_signal_info(const siginfo_t *si, struct hepta_signal_info *info)
{
    memset(info, 0, sizeof *info);
    info->signo = si->si_signo;
    info->code = si->si_code;
    info->source = source_of(si);
    if (si->si_code != SI_KERNEL || info->source == HEPTA_SIGNAL_FROM_FAULT)
        take_details(si, info);
}
