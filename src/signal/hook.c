/* SPDX-License-Identifier: MIT */
/*
 * signal/hook.c - a handler in a place that belongs to the whole program
 *
 * There is one handler for a signal in a process, and anybody may change it at any time: the
 * host program, its sanitizer, its crash reporter. So ours keeps what it found, calls that for
 * whatever isn't Hepta's, and puts it back at the end, unless somebody has come after us: then he
 * may have kept ours, to call it, and it must stay able to pass things on for ever.
 *
 * If we are needed again, ours goes above his. That it would then be called by the one that it
 * calls, in a circle, is why there are several, level by level: each function is installed at one
 * place of such a chain, and knows the one beneath. Level n is above level n - 1:
 *
 *     kernel -> level 1 -> his -> level 0 -> what the program had at first
 *
 * What to pass on means is what the kernel would have done: the mask, SA_NODEFER, SA_RESETHAND,
 * and SIG_IGN, which doesn't hold for a fault. The default action is left to the kernel: SIG_DFL
 * is set, and the same signal made pending for this thread, which ends of it on leaving the
 * handler, before another instruction, so that a core dump shows the right one.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/self.h"
#include "base/signals.h"
#include "base/sys.h"
#include "signal/signal_internal.h"

#define LEVELS 8u /* then ours isn't put above any more: it may still be called from there */

struct hook {
    int signo;
    unsigned n_users;       /* under change */
    unsigned n_levels;      /* installed and not put back; under change */
    struct h7_a32 spent[LEVELS]; /* what is beneath was SA_RESETHAND, and has been called */
    struct sigaction beneath[LEVELS];
};

static struct h7_mutex change;
static struct hook hooks[] = {{.signo = SIGSEGV}, {.signo = SIGBUS},  {.signo = SIGFPE},
                              {.signo = SIGILL},  {.signo = SIGTRAP}, {.signo = SIGSYS}};

/* The delivery that this thread saw last, and where: to report it once, though it comes by at
 * each level. */
static __thread struct {
    const void *context;
    unsigned level;
} seen;

static struct hook *hook_of(int signo)
{
    for (size_t i = 0; i < sizeof hooks / sizeof *hooks; i++)
        if (hooks[i].signo == signo)
            return &hooks[i];
    return NULL;
}

/* --- passing on -------------------------------------------------------------------------- */

static void take_default(const siginfo_t *si)
{
    const struct sigaction plain = {.sa_handler = SIG_DFL};
    sigaction(si->si_signo, &plain, NULL);
    /* Where that is forbidden a fault comes again by itself, if its instruction is repeated. */
    if (h7_sys_sigqueue_self(si) < 0)
        h7_sys_thread_signal(h7_sys_gettid(), si->si_signo);
}

/* Memory that went bad, but that nobody has touched yet: a warning. */
static int is_warning(const siginfo_t *si)
{
    return si->si_signo == SIGBUS && si->si_code == BUS_MCEERR_AO;
}

/* The kernel unblocks it for who said SA_NODEFER, unless it was blocked before. */
static void let_nest(int signo, const ucontext_t *context)
{
    if (!sigismember(&context->uc_sigmask, signo))
        h7_sys_sigmask(SIG_UNBLOCK, H7_SIGNAL_BIT(signo), NULL);
}

static void pass_on(struct hook *h, unsigned level, siginfo_t *si, void *context)
{
    const struct sigaction *sa = &h->beneath[level];
    uint32_t fresh = 0;
    if (sa->sa_handler == SIG_IGN && (!h7_signal_is_fault(si) || is_warning(si)))
        return;
    int is_default = sa->sa_handler == SIG_DFL || sa->sa_handler == SIG_IGN;
    if (is_default ||
        (sa->sa_flags & SA_RESETHAND && !h7_cas32_relaxed(&h->spent[level], &fresh, 1))) {
        take_default(si);
        return;
    }
    if (sa->sa_flags & SA_NODEFER)
        let_nest(si->si_signo, context);
    if (sa->sa_flags & SA_SIGINFO)
        sa->sa_sigaction(si->si_signo, si, context);
    else
        sa->sa_handler(si->si_signo);
}

/* --- our handlers ------------------------------------------------------------------------ */

static void handle(unsigned level, siginfo_t *si, void *context)
{
    int saved = errno;
    int passed_down = seen.context == context && level < seen.level;
    seen.context = context;
    seen.level = level;
    int done = h7_guard_fault(si, context);
    if (!done && !passed_down)
        h7_faults_report(si);
    errno = saved;
    if (!done)
        pass_on(hook_of(si->si_signo), level, si, context);
}

#define LEVEL(n)                                                   \
    static void level_##n(int signo, siginfo_t *si, void *context) \
    {                                                              \
        (void)signo;                                               \
        handle(n, si, context);                                    \
    }
LEVEL(0)
LEVEL(1)
LEVEL(2)
LEVEL(3)
LEVEL(4)
LEVEL(5)
LEVEL(6)
LEVEL(7)

static void (*const levels[LEVELS])(int, siginfo_t *, void *) = {
    level_0, level_1, level_2, level_3, level_4, level_5, level_6, level_7};

/* --- installing and putting back --------------------------------------------------------- */

/* Is what is installed the highest of ours? */
static int is_top(const struct hook *h, const struct sigaction *sa)
{
    return h->n_levels > 0 && sa->sa_flags & SA_SIGINFO &&
           sa->sa_sigaction == levels[h->n_levels - 1];
}

/* The mask beyond what the kernel has is whatever lay on libc's stack. */
static int is_same(const struct sigaction *a, const struct sigaction *b)
{
    return a->sa_sigaction == b->sa_sigaction && a->sa_flags == b->sa_flags &&
           memcmp(&a->sa_mask, &b->sa_mask, sizeof(uint64_t)) == 0;
}

/* What is beneath is known before ours can be called. It may be read at this moment by a handler
 * that began when ours was there before; mostly nothing has changed, and then nothing is written.
 */
static void keep(struct hook *h, const struct sigaction *was)
{
    struct sigaction *beneath = &h->beneath[h->n_levels];
    if (!is_same(beneath, was))
        *beneath = *was;
    h7_store32_relaxed(&h->spent[h->n_levels], 0);
}

static void install(struct hook *h, const struct sigaction *was)
{
    int has_handler = was->sa_handler != SIG_DFL && was->sa_handler != SIG_IGN;
    struct sigaction sa;
    memset(&sa, 0, sizeof sa);
    sa.sa_sigaction = levels[h->n_levels];
    sa.sa_flags = SA_SIGINFO | SA_ONSTACK | (was->sa_flags & SA_RESTART);
    if (has_handler)
        sa.sa_mask = was->sa_mask;
    keep(h, was);
    h->n_levels++;
    sigaction(h->signo, &sa, NULL);
}

void h7_hook(int signo)
{
    struct hook *h = hook_of(signo);
    struct sigaction was;
    h7_self(); /* the lock wants to know the fork generation; without, it does what it can */
    h7_mutex_enter(&change);
    h->n_users++;
    sigaction(signo, NULL, &was);
    if (!is_top(h, &was) && h->n_levels < LEVELS)
        install(h, &was);
    h7_mutex_unlock(&change);
}

static struct sigaction as_left(const struct hook *h, unsigned level)
{
    struct sigaction sa = h->beneath[level];
    if (h7_load32_relaxed(&h->spent[level]))
        sa.sa_handler = SIG_DFL;
    return sa;
}

/* Somebody may install his own between the look and the change: his comes back. */
static void put_back(struct hook *h)
{
    struct sigaction sa, now;
    sigaction(h->signo, NULL, &now);
    while (is_top(h, &now)) {
        sa = as_left(h, h->n_levels - 1);
        sigaction(h->signo, &sa, &now);
        if (!is_top(h, &now)) {
            sigaction(h->signo, &now, NULL);
            return;
        }
        h->n_levels--;
        now = sa;
    }
}

void h7_unhook(int signo)
{
    struct hook *h = hook_of(signo);
    h7_mutex_enter(&change);
    if (--h->n_users == 0)
        put_back(h);
    h7_mutex_unlock(&change);
}
