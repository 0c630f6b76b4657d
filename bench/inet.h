/* SPDX-License-Identifier: MIT */
/*
 * bench/inet.h - what both rivals over 127.0.0.1 do alike: buffers, and UDP's flow control
 *
 * UDP drops what the receiver has no room for, and a benchmark that checks every message
 * must not lose one. So in a stream the receiver acknowledges every `batch` messages with
 * a small datagram, and the sender waits for one when `size` messages are out. As size is at
 * least batch, the acknowledgement that a waiting sender needs is always under way. The
 * window fits into the receiver's buffer by the kernel's own count.
 */
#ifndef BENCH_INET_H
#define BENCH_INET_H

#include "bench/bench.h"

#define INET_UDP_MAX   65507 /* bytes of a datagram over IPv4 */
#define INET_ACK_BYTES 8

struct inet_window {
    uint64_t size, batch; /* messages; size 0: no window */
    uint64_t sent, acked, received;
};

/* Makes room on a UDP socket for what comes in, and a window that fits into it. */
int inet_window_init(struct inet_window *w, int fd, const struct bench_case *c);

/* Before a message: an acknowledgement has to be received, then counted, first. */
static inline bool inet_window_full(const struct inet_window *w)
{
    return w->size && w->sent - w->acked >= w->size;
}

static inline void inet_window_acked(struct inet_window *w)
{
    w->acked += w->batch;
}

/* After a message was received: an acknowledgement is due. */
static inline bool inet_window_due(struct inet_window *w)
{
    return w->size && ++w->received % w->batch == 0;
}

#endif
