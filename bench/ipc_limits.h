/* SPDX-License-Identifier: MIT */
/*
 * bench/ipc_limits.h - the kernel's message queues without the limits of an ordinary system
 *
 * A queue of ten messages, the default, would lose against anything. Deeper ones take higher
 * limits, and those are of the IPC namespace: this process moves into one of its own and
 * raises them there. So there is nothing to put back, and what a killed run leaves is gone
 * with its processes. It takes root; without it the limits stay as they are.
 */
#ifndef BENCH_IPC_LIMITS_H
#define BENCH_IPC_LIMITS_H

/* The first call does it, later ones nothing; the processes forked afterwards inherit it. No
 * kernel object of System V or POSIX message queues may be in use at the first call. */
void ipc_limits_raise(void);

#endif
