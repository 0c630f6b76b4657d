/* SPDX-License-Identifier: MIT */
/*
 * socket/kernel.h - what the files of the kernel's own sockets share
 *
 * The sockets are in blocking mode, so that a send or recv without a deadline is one system
 * call. They carry a send and a receive timeout of weeks: with any timeout at all the
 * kernel returns EINTR after a handler, under SA_RESTART, too (signal(7)). With a deadline the
 * verb tries with MSG_DONTWAIT and polls between the tries. Listeners are non-blocking,
 * since accept(2) has no such flag.
 */
#ifndef H7_SOCKET_KERNEL_H
#define H7_SOCKET_KERNEL_H

#include "base/net.h"
#include "socket/socket_internal.h"

#define H7_KERNEL_CALL_MAX 0x7ffff000u /* bytes: the kernel takes no more in one call */

/* SO_SNDTIMEO; HEPTA_FOREVER: the weeks. SO_RCVTIMEO is set by h7_kernel_tune() alone. */
int h7_kernel_send_limit(int fd, int64_t ns);
/* Options that every new socket gets, accepted ones too. named: AF_UNIX: it has, or is about
 * to get, a name. 0, or negative errno. */
int h7_kernel_tune(struct hepta_sock *s, int named);

/* One verb's waiting between tries that must not wait. */
struct h7_try {
    const struct hepta_sock *s;
    int64_t deadline;
    short events;
    unsigned n; /* waits so far */
    short seen; /* what the last poll(2) said */
};

/* The try gave -EAGAIN: 0 to try again, or what the verb returns. */
int h7_try_wait(struct h7_try *t);

/* Would a verb without a deadline just block in the kernel? */
static inline int h7_kernel_blocks(const struct hepta_sock *s, int64_t deadline)
{
    return deadline == HEPTA_FOREVER && s->opt.wait != HEPTA_WAIT_BUSY;
}

/* kernel_msg.c */
ssize_t h7_kernel_sendmsg(struct hepta_sock *s, const struct hepta_sock_msg *msg, size_t total,
                          int64_t deadline);
ssize_t h7_kernel_recvmsg(struct hepta_sock *s, struct hepta_sock_msg *msg, size_t total,
                          int64_t deadline);

#endif
