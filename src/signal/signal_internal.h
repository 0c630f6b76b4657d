/* SPDX-License-Identifier: MIT */
/*
 * signal/signal_internal.h - the kernel's signals: who owns what in the process
 *
 * Nothing here is shared between processes, and there is no descriptor of a room: the kernel keeps
 * all that is pending. What has to be kept right is the host program, which has masks and handlers
 * of its own.
 *
 *   peer.c      whom signals are sent to
 *   receiver.c  taking them: masks, waiting, the descriptor; dispatch.c calls functions
 *   threads.c   which threads could lose one
 *   info.c      the kernel's siginfo in our words; names.c, describe.c in people's
 *   hook.c      handlers for faults, beneath and above those of others
 *   guard.c     a call that a fault in a range ends; faults.c: being told of faults
 *
 * Masks. A receiver blocks its set in the thread that opened it. The receivers of one thread are
 * a list; each keeps in `to_unblock` what it was the first to block. Closing one hands each of
 * those to another that has the signal in its set, or unblocks it. So, M1: a signal that was
 * unblocked before the first receiver, and that nobody else blocked, is in exactly one to_unblock
 * as long as any receiver has it.
 */
#ifndef H7_SIGNAL_SIGNAL_INTERNAL_H
#define H7_SIGNAL_SIGNAL_INTERNAL_H

#include <errno.h>
#include <hepta/signal.h>
#include <signal.h>

#include "base/handle.h"
#include "base/mutex.h"

/* Of handles; no object in shared memory has these. */
#define H7_KIND_SIGNAL_PEER 0x516e6101u
#define H7_KIND_SIGNAL 0x516e6102u

struct hepta_signal_peer {
    struct h7_handle handle;
    int pidfd;
    pid_t pid;
};

struct h7_signal_call {
    hepta_signal_fn *fn;
    void *arg;
};

struct hepta_signal {
    struct h7_handle handle;
    struct hepta_signal *next; /* of the thread's receivers; only that thread looks */
    uint64_t set;              /* constant */
    uint64_t to_unblock;       /* the opening thread's */
    struct h7_a64 held;        /* held back; changed under guard */
    struct h7_mutex guard;     /* of what follows */
    int fd;                    /* -1 until somebody asks for it */
    struct h7_signal_call calls[HEPTA_SIGNAL_MAX];
};

static inline int h7_signal_check_open(const struct hepta_signal *sig)
{
    return sig && h7_load32_relaxed(&sig->handle.kind) == H7_KIND_SIGNAL ? 0 : -EBADF;
}

/* What it takes now. Relaxed: a change that comes at the same time may be seen a look later. */
static inline uint64_t h7_signal_wanted(const struct hepta_signal *sig)
{
    return sig->set & ~h7_load64_relaxed(&sig->held);
}

/* Async-signal-safe. */
void h7_signal_info(const siginfo_t *si, struct hepta_signal_info *info);
/* The thread's own doing: SIGSEGV and the like with a cause, not sent by anybody. */
int h7_signal_is_fault(const siginfo_t *si);

/* --- handlers: hook.c -------------------------------------------------------------------- */

/* Have ours called for signo, first of all; and no longer. Counted. */
void h7_hook(int signo);
void h7_unhook(int signo);

/* What our handler asks, in this order; guard.c, faults.c. h7_guard_fault() doesn't return if
 * a guard ends, and returns 1 if the signal isn't to be passed on. */
int h7_guard_fault(const siginfo_t *si, void *context);
void h7_faults_report(const siginfo_t *si);

#endif
