/* SPDX-License-Identifier: MIT */
/*
 * signal/dispatch.c - handlers that are ordinary code
 *
 * Called by whoever dispatches, on his stack, between two system calls: they interrupt nothing.
 * Which function it is, is looked up for each signal, so that one may change what the next does.
 */
#include <errno.h>

#include "signal/signal_internal.h"

#define MOST 1024 /* of one call: others of the caller's want their turn, too */

int hepta_signal_on(struct hepta_signal *sig, int signo, hepta_signal_fn *fn, void *arg)
{
    int r = h7_signal_check_open(sig);
    if (r < 0)
        return r;
    if (signo < 1 || signo > HEPTA_SIGNAL_MAX || !(sig->set & HEPTA_SIGNAL(signo)))
        return -EINVAL;
    h7_mutex_enter(&sig->guard);
    sig->calls[signo - 1] = (struct h7_signal_call){fn, arg};
    h7_mutex_unlock(&sig->guard);
    return 0;
}

static void call(struct hepta_signal *sig, const struct hepta_signal_info *info)
{
    h7_mutex_enter(&sig->guard);
    struct h7_signal_call c = sig->calls[info->signo - 1];
    h7_mutex_unlock(&sig->guard);
    if (c.fn)
        c.fn(info, c.arg);
}

int hepta_signal_dispatch(struct hepta_signal *sig, int64_t deadline)
{
    struct hepta_signal_info info;
    int n = 0, r = hepta_signal_wait(sig, &info, deadline);
    if (r < 0)
        return r;
    while (r > 0) {
        call(sig, &info);
        if (++n == MOST)
            break;
        r = hepta_signal_wait(sig, &info, HEPTA_NOW);
    }
    return n;
}
