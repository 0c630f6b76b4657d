/* SPDX-License-Identifier: MIT */
/*
 * signal/receiver.c - signals that a thread takes when it wants to
 *
 * They are blocked, so they stay pending in the kernel until somebody takes them. Start at
 * hepta_signal_open(); how masks are kept right where receivers overlap is in signal_internal.h.
 *
 * What is held back stays blocked just as well: it is only left out when one is taken, and of
 * the descriptor.
 */
#include <errno.h>
#include <signal.h>

#include "base/clock.h"
#include "base/signals.h"
#include "base/sys.h"
#include "signal/signal_internal.h"

/* SIGKILL and SIGSTOP can't be blocked, and blocking glibc's own breaks setuid(2) and
 * pthread_cancel(3) for all threads. */
#define NEVER                                                                   \
    (H7_SIGNAL_BIT(SIGKILL) | H7_SIGNAL_BIT(SIGSTOP) | H7_SIGNAL_BIT(32) |       \
     H7_SIGNAL_BIT(33))

static __thread struct hepta_signal *mine; /* this thread's receivers */

/* --- opening and closing ------------------------------------------------------------- */

int hepta_signal_open(uint64_t set, struct hepta_signal **sig)
{
    uint64_t old = 0;
    *sig = NULL;
    if (set == 0 || set & NEVER)
        return -EINVAL;
    struct hepta_signal *s = h7_handle_new(sizeof *s);
    if (!s)
        return -ENOMEM;
    s->set = set;
    s->fd = -1;
    h7_sys_sigmask(SIG_BLOCK, set, &old);
    s->to_unblock = set & ~old;
    s->next = mine;
    mine = s;
    h7_store32_release(&s->handle.kind, H7_KIND_SIGNAL);
    *sig = s;
    return 0;
}

/* NULL if another thread has it. */
static struct hepta_signal **place_of(const struct hepta_signal *sig)
{
    for (struct hepta_signal **at = &mine; *at; at = &(*at)->next)
        if (*at == sig)
            return at;
    return NULL;
}

/* What no other receiver of the thread wants blocked. */
static uint64_t hand_over(uint64_t to_unblock)
{
    for (struct hepta_signal *s = mine; s; s = s->next) {
        s->to_unblock |= to_unblock & s->set;
        to_unblock &= ~s->set;
    }
    return to_unblock;
}

int hepta_signal_close(struct hepta_signal *sig)
{
    int r = h7_signal_check_open(sig);
    if (r < 0)
        return r;
    struct hepta_signal **at = place_of(sig);
    if (!at)
        return -EPERM;
    *at = sig->next;
    uint64_t unblock = hand_over(sig->to_unblock);
    h7_store32_relaxed(&sig->handle.kind, 0);
    h7_sys_close(sig->fd);
    h7_handle_free(sig, sizeof *sig);
    if (unblock) /* the last: handlers of what is pending run in here */
        h7_sys_sigmask(SIG_UNBLOCK, unblock, NULL);
    return 0;
}

/* --- holding back -------------------------------------------------------------------- */

int hepta_signal_mask(struct hepta_signal *sig, int how, uint64_t set, uint64_t *old)
{
    int r = h7_signal_check_open(sig);
    if (r < 0)
        return r;
    if (set & ~sig->set || how < HEPTA_SIGNAL_BLOCK || how > HEPTA_SIGNAL_SETMASK)
        return -EINVAL;
    h7_mutex_enter(&sig->guard);
    uint64_t was = h7_load64_relaxed(&sig->held);
    uint64_t held = how == HEPTA_SIGNAL_BLOCK     ? was | set
                    : how == HEPTA_SIGNAL_UNBLOCK ? was & ~set
                                                  : set;
    h7_store64_relaxed(&sig->held, held);
    if (sig->fd >= 0 && held != was)
        h7_sys_signalfd(sig->fd, sig->set & ~held); /* of one that is there: it can't fail */
    h7_mutex_unlock(&sig->guard);
    if (old)
        *old = was;
    return 0;
}

int hepta_signal_pending(struct hepta_signal *sig, uint64_t *set)
{
    int r = h7_signal_check_open(sig);
    if (r < 0)
        return r;
    *set = h7_sys_sigpending() & sig->set;
    return 0;
}

/* --- taking -------------------------------------------------------------------------- */

int hepta_signal_wait(struct hepta_signal *sig, struct hepta_signal_info *info, int64_t deadline)
{
    siginfo_t si;
    int r = h7_signal_check_open(sig);
    if (r < 0)
        return r;
    r = h7_sys_sigwait(h7_signal_wanted(sig), &si, h7_deadline(deadline));
    if (r > 0 && info)
        h7_signal_info(&si, info);
    return r;
}

int hepta_signal_fd(struct hepta_signal *sig)
{
    int r = h7_signal_check_open(sig);
    if (r < 0)
        return r;
    h7_mutex_enter(&sig->guard);
    if (sig->fd < 0)
        sig->fd = h7_sys_signalfd(-1, h7_signal_wanted(sig));
    int fd = sig->fd;
    h7_mutex_unlock(&sig->guard);
    return fd;
}
