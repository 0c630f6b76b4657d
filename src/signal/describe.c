/* SPDX-License-Identifier: MIT */
/*
 * signal/describe.c - a signal in a line for people
 *
 * Inside a handler nothing of stdio may be called, nor strerror: text is put together by hand.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stddef.h>

#include "signal/signal_internal.h"

struct text {
    char *at;
    size_t len, room; /* room: without the final 0 */
};

static void put(struct text *t, const char *s)
{
    for (; *s && t->len < t->room; s++)
        t->at[t->len++] = *s;
}

static void put_number(struct text *t, uint64_t v, unsigned base)
{
    char digits[24], *p = digits + sizeof digits;
    *--p = 0;
    do
        *--p = "0123456789abcdef"[v % base];
    while ((v /= base) > 0);
    put(t, p);
}

static void put_hex(struct text *t, const char *before, uint64_t v)
{
    put(t, before);
    put(t, "0x");
    put_number(t, v, 16);
}

static void put_int(struct text *t, const char *before, int64_t v)
{
    put(t, before);
    if (v < 0)
        put(t, "-");
    put_number(t, v < 0 ? -(uint64_t)v : (uint64_t)v, 10);
}

static void put_name(struct text *t, int signo)
{
    const char *name = hepta_signal_name(signo);
    if (name)
        put(t, name);
    else
        put_int(t, "signal ", signo);
}

/* --- causes ------------------------------------------------------------------------------ */

struct cause {
    int signo, code;
    const char *text;
};

/* The kernel's codes of faults; sigaction(2). Numbers where libc's header has no name yet. */
static const struct cause causes[] = {
    {SIGSEGV, SEGV_MAPERR, "address not mapped"},
    {SIGSEGV, SEGV_ACCERR, "no permission for the mapping"},
    {SIGSEGV, SEGV_BNDERR, "bounds exceeded"},
    {SIGSEGV, SEGV_PKUERR, "protection key"},
    {SIGSEGV, 10, "control protection"},
    {SIGSEGV, SI_KERNEL, "not an address, or not allowed"},
    {SIGBUS, BUS_ADRALN, "address not aligned"},
    {SIGBUS, BUS_ADRERR, "nothing behind the mapping: file cut short, or no memory"},
    {SIGBUS, BUS_OBJERR, "hardware error of the object"},
    {SIGBUS, BUS_MCEERR_AR, "memory hardware error"},
    {SIGBUS, BUS_MCEERR_AO, "memory hardware error elsewhere"},
    {SIGFPE, FPE_INTDIV, "integer division by zero, or its result too large"},
    {SIGFPE, FPE_INTOVF, "integer overflow"},
    {SIGFPE, FPE_FLTDIV, "floating-point division by zero"},
    {SIGFPE, FPE_FLTOVF, "floating-point overflow"},
    {SIGFPE, FPE_FLTUND, "floating-point underflow"},
    {SIGFPE, FPE_FLTRES, "floating-point result not exact"},
    {SIGFPE, FPE_FLTINV, "floating-point operation not valid"},
    {SIGFPE, FPE_FLTSUB, "subscript out of range"},
    {SIGILL, ILL_ILLOPC, "illegal opcode"},
    {SIGILL, ILL_ILLOPN, "illegal operand"},
    {SIGILL, ILL_ILLADR, "illegal addressing mode"},
    {SIGILL, ILL_ILLTRP, "illegal trap"},
    {SIGILL, ILL_PRVOPC, "privileged opcode"},
    {SIGILL, ILL_PRVREG, "privileged register"},
    {SIGILL, ILL_COPROC, "coprocessor error"},
    {SIGILL, ILL_BADSTK, "internal stack error"},
    {SIGTRAP, TRAP_BRKPT, "breakpoint"},
    {SIGTRAP, TRAP_TRACE, "single step"},
    {SIGTRAP, 4, "hardware breakpoint"},
    {SIGTRAP, SI_KERNEL, "breakpoint"},
    {SIGSYS, 1, "system call not allowed"},
    {SIGCHLD, CLD_EXITED, "exited with status "},
    {SIGCHLD, CLD_KILLED, "killed by "},
    {SIGCHLD, CLD_DUMPED, "dumped core, "},
    {SIGCHLD, CLD_TRAPPED, "trapped, "},
    {SIGCHLD, CLD_STOPPED, "stopped by "},
    {SIGCHLD, CLD_CONTINUED, "continued by "},
};

static const char *cause_of(const struct hepta_signal_info *info)
{
    for (size_t i = 0; i < sizeof causes / sizeof *causes; i++)
        if (causes[i].signo == info->signo && causes[i].code == info->code)
            return causes[i].text;
    return NULL;
}

/* --- details ----------------------------------------------------------------------------- */

static void put_fault(struct text *t, const struct hepta_signal_info *info)
{
    const char *cause = cause_of(info);
    put(t, ": ");
    if (cause)
        put(t, cause);
    else
        put_int(t, "cause ", info->code);
    put_hex(t, ", ", info->address);
}

static void put_child(struct text *t, const struct hepta_signal_info *info)
{
    const char *what = cause_of(info);
    put_int(t, ": pid ", info->pid);
    put(t, ", ");
    put(t, what ? what : "status ");
    if (!what || info->code == CLD_EXITED)
        put_int(t, "", info->status);
    else
        put_name(t, info->status);
}

static void put_sender(struct text *t, const struct hepta_signal_info *info)
{
    put_int(t, ": pid ", info->pid);
    put_int(t, ", uid ", info->uid);
}

static void put_io(struct text *t, const struct hepta_signal_info *info)
{
    if (info->code == SI_ASYNCIO) {
        put_hex(t, ": value ", info->value);
        return;
    }
    put_int(t, ": descriptor ", info->fd);
    put_hex(t, ", band ", (uint32_t)info->band);
}

static void put_timer(struct text *t, const struct hepta_signal_info *info)
{
    put_int(t, ": timer ", info->timer);
    put_int(t, ", overrun ", info->overrun);
    put_hex(t, ", value ", info->value);
}

static void put_details(struct text *t, const struct hepta_signal_info *info)
{
    switch (info->source) {
    case HEPTA_SIGNAL_FROM_FAULT: put_fault(t, info); return;
    case HEPTA_SIGNAL_FROM_CHILD: put_child(t, info); return;
    case HEPTA_SIGNAL_FROM_KILL:
    case HEPTA_SIGNAL_FROM_TKILL: put_sender(t, info); return;
    case HEPTA_SIGNAL_FROM_MQ:
    case HEPTA_SIGNAL_FROM_QUEUE:
        put_sender(t, info);
        put_hex(t, ", value ", info->value);
        return;
    case HEPTA_SIGNAL_FROM_MAILBOX:
        put_sender(t, info);
        put_int(t, ", bytes ", info->len);
        return;
    case HEPTA_SIGNAL_FROM_IO:
        if (info->code != SI_KERNEL)
            put_io(t, info);
        return;
    case HEPTA_SIGNAL_FROM_TIMER:
        if (info->code != SI_KERNEL)
            put_timer(t, info);
        return;
    }
}

int hepta_signal_describe(const struct hepta_signal_info *info, char *text, size_t n)
{
    if (n == 0)
        return 0;
    struct text t = {text, 0, n - 1};
    put_name(&t, info->signo);
    put(&t, " from ");
    put(&t, hepta_signal_source_name(info->source));
    put_details(&t, info);
    text[t.len] = 0;
    return (int)t.len;
}
