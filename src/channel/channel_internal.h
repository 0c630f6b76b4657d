/* SPDX-License-Identifier: MIT */
/*
 * channel/channel_internal.h - one channel inside the library
 *
 * A channel is an address, parsed (address.c), and the operations of its kind, which are made of
 * the public verbs of its room; a kind that begins with "kernel." uses the kernel's objects, by
 * libc or bare calls. Nothing here looks into a room: what a room promises holds, and no more.
 *
 * Reading order: address.h, address.c (text to address), names.c, kinds.c (the table), channel.c
 * (verbs); then a family: frames.h and frames.c (messages in streams of bytes), bytes.c (pipe,
 * FIFO, -), sock.h, sock.c, sock_peers.c and sock_io.c, queue.c, kernel_queue.c, sem.c,
 * kernel_sem.c, shm.c, kernel_shm.c, signal.c.
 */
#ifndef H7_CHANNEL_CHANNEL_INTERNAL_H
#define H7_CHANNEL_CHANNEL_INTERNAL_H

#include <hepta/channel.h>

#include "base/handle.h"
#include "channel/address.h"

#define H7_CHANNEL_MARK 0x6368616eu /* handle.kind of an open channel */

/* What kinds do. NULL: it can't (-EOPNOTSUPP); flush, close: nothing to do. The channel's `own` is
 * own_len zeroed bytes before open, and close is called after an open that failed, too. */
struct h7_channel_ops {
    size_t own_len;
    int (*open)(struct hepta_channel *ch, int64_t deadline);
    int (*send)(struct hepta_channel *ch, const struct hepta_channel_msg *msg, int64_t deadline);
    int (*flush)(struct hepta_channel *ch, int64_t deadline);
    int (*recv)(struct hepta_channel *ch, struct hepta_channel_msg *msg, int64_t deadline);
    int (*peek)(struct hepta_channel *ch, struct hepta_channel_msg *msg, int64_t deadline);
    /* done: acknowledged, else given back. */
    int (*end_lease)(struct hepta_channel *ch, uint64_t lease, int done);
    int (*pollfd)(struct hepta_channel *ch, short want, struct pollfd *p);
    /* 1: something is in the channel's own buffer. */
    int (*buffered)(struct hepta_channel *ch);
    int (*stat)(struct hepta_channel *ch, struct hepta_channel_stat *st);
    void (*close)(struct hepta_channel *ch);
    int (*create)(const struct h7_address *a);
    int (*remove)(const struct h7_address *a);
};

/* A line of the table. */
struct h7_channel_kind {
    const char *name, *form, *help;
    uint32_t can;     /* HEPTA_CHANNEL_* */
    uint32_t options; /* bits of enum h7_option */
    /* What is behind the colon: 0, or -EINVAL and why not. Fills what the family needs. Two lines
     * with one name stand one behind the other, and the first's parser may choose the second. */
    int (*parse)(struct h7_address *a, struct h7_why *why);
    const struct h7_channel_ops *ops;
};

extern const struct h7_channel_kind h7_channel_kinds[];
extern const size_t h7_channel_n_kinds;

extern const struct h7_channel_ops h7_channel_pipe, h7_channel_kernel_pipe, h7_channel_fifo,
    h7_channel_standard, h7_channel_mq, h7_channel_kernel_mq, h7_channel_msg,
    h7_channel_kernel_msg, h7_channel_sock, h7_channel_sem, h7_channel_permit, h7_channel_semset,
    h7_channel_kernel_sem, h7_channel_kernel_semset, h7_channel_shm, h7_channel_kernel_shm,
    h7_channel_signal, h7_channel_mailbox;

struct hepta_channel {
    struct h7_handle handle;
    uint32_t flags; /* SEND, RECV, LEASE: as it was opened */
    struct hepta_channel_options opt;
    uint64_t sent, received;
    void *own; /* the kind's */
    unsigned char *buf; /* of recv: h7_channel_room() */
    size_t buf_len;
    struct h7_address at;
};

/* At least len bytes in ch->buf. 0, -ENOMEM. */
int h7_channel_room(struct hepta_channel *ch, size_t len);

/* For mechanisms that can't wait with a deadline, or not for what we want: call try until it
 * gives something else than -EAGAIN, after naps that grow to 5 ms. */
int h7_channel_try(struct hepta_channel *ch, int (*try)(struct hepta_channel *ch, void *arg),
                   void *arg, int64_t deadline);

/* "/jobs" -> "jobs" is what the raw calls of the kernel's take. */
static inline const char *h7_address_bare(const struct h7_address *a)
{
    return a->name + 1;
}

static inline mode_t h7_address_mode(const struct h7_address *a)
{
    return a->set & H7_OPT(MODE) ? a->mode : 0600;
}

#endif
