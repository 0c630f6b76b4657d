/* SPDX-License-Identifier: MIT */
/*
 * channel/signal.c - signals: the kernel's, to a process or to ourselves, and mailboxes
 *
 * The kernel's have no bytes; a mailbox's have up to HEPTA_MAILBOX_PAYLOAD_MAX of them if their
 * number is one that queues. What is sent to a mailbox without a number is RTMIN.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <hepta/signal.h>
#include <string.h>

#include "channel/channel_internal.h"

static int first_of(uint64_t set)
{
    return set ? __builtin_ctzll(set) + 1 : 0;
}

static int fill(struct hepta_channel_msg *msg, const struct hepta_signal_info *info)
{
    msg->signo = info->signo;
    msg->set = HEPTA_CHANNEL_HAS_SIGNO;
    if (info->source == HEPTA_SIGNAL_FROM_QUEUE) {
        msg->value = info->value;
        msg->set |= HEPTA_CHANNEL_HAS_VALUE;
    }
    if (info->pid > 0) {
        msg->pid = info->pid;
        msg->uid = info->uid;
        msg->set |= HEPTA_CHANNEL_HAS_PID | HEPTA_CHANNEL_HAS_UID;
    }
    return 1;
}

/* --- the kernel's --- */

struct signal_own {
    struct hepta_signal_peer *peer;
    struct hepta_signal *self;
};

static int signal_open(struct hepta_channel *ch, int64_t deadline)
{
    struct signal_own *own = ch->own;
    (void)deadline;

    if (ch->flags != (ch->at.pid ? HEPTA_CHANNEL_SEND : HEPTA_CHANNEL_RECV))
        return -EOPNOTSUPP;
    return ch->at.pid ? hepta_signal_peer_open(ch->at.pid, 0, &own->peer)
                      : hepta_signal_open(ch->at.signals, &own->self);
}

struct sending {
    int signo;
    uint32_t flags;
    uint64_t value;
};

static int signal_try(struct hepta_channel *ch, void *arg)
{
    const struct sending *s = arg;
    struct signal_own *own = ch->own;
    return hepta_signal_send(own->peer, s->signo, s->flags, s->value);
}

/* -EAGAIN: as many are queued as the receiver's user may have; it may take some. */
static int signal_send(struct hepta_channel *ch, const struct hepta_channel_msg *msg,
                       int64_t deadline)
{
    int has = msg->set & HEPTA_CHANNEL_HAS_VALUE || ch->at.set & H7_OPT(VALUE);
    struct sending s = {
        .signo = msg->set & HEPTA_CHANNEL_HAS_SIGNO ? msg->signo : first_of(ch->at.signals),
        .flags = has ? HEPTA_SIGNAL_VALUE : 0,
        .value = msg->set & HEPTA_CHANNEL_HAS_VALUE ? msg->value : ch->at.value,
    };
    return h7_channel_try(ch, signal_try, &s, deadline);
}

static int signal_recv(struct hepta_channel *ch, struct hepta_channel_msg *msg, int64_t deadline)
{
    struct signal_own *own = ch->own;
    struct hepta_signal_info info;
    int r = hepta_signal_wait(own->self, &info, deadline);
    return r < 0 ? r : fill(msg, &info);
}

static int signal_pollfd(struct hepta_channel *ch, short want, struct pollfd *p)
{
    struct signal_own *own = ch->own;

    if (want == POLLOUT)
        return -EOPNOTSUPP;
    int fd = hepta_signal_fd(own->self);
    *p = (struct pollfd){.fd = fd, .events = POLLIN};
    return fd < 0 ? fd : 0;
}

static void signal_close(struct hepta_channel *ch)
{
    struct signal_own *own = ch->own;

    if (own->peer)
        hepta_signal_peer_close(own->peer);
    if (own->self)
        hepta_signal_close(own->self);
}

const struct h7_channel_ops h7_channel_signal = {
    .own_len = sizeof(struct signal_own),
    .open = signal_open,
    .send = signal_send,
    .recv = signal_recv,
    .pollfd = signal_pollfd,
    .close = signal_close,
};

/* --- mailboxes --- */

struct box_own {
    struct hepta_mailbox *box;
    struct hepta_signal_info info; /* of what was received last: its bytes */
    uint64_t lease;                /* number of the last one; the mailbox has no numbers */
    int given;
};

static int box_make(const struct h7_address *a, uint32_t flags, struct hepta_mailbox **box)
{
    struct hepta_mailbox_options opt = {.size = sizeof opt};

    if (a->set & H7_OPT(DEPTH))
        opt.depth = a->depth;
    if (a->signals)
        opt.blocked = ~a->signals;
    return hepta_mailbox_open(a->name, flags, h7_address_mode(a), &opt, box);
}

static int box_open(struct hepta_channel *ch, int64_t deadline)
{
    struct box_own *own = ch->own;
    uint32_t flags = (ch->flags & HEPTA_CHANNEL_RECV ? HEPTA_MAILBOX_RECEIVE : 0) |
                     (ch->flags & HEPTA_CHANNEL_LEASE ? HEPTA_MAILBOX_ACK : 0) |
                     (ch->at.set & H7_OPT(CREATE) ? HEPTA_MAILBOX_CREATE : 0);
    (void)deadline;
    return box_make(&ch->at, flags, &own->box);
}

static int box_try(struct hepta_channel *ch, void *arg)
{
    const struct hepta_channel_msg *msg = arg;
    struct box_own *own = ch->own;
    int signo = msg->set & HEPTA_CHANNEL_HAS_SIGNO ? msg->signo
                : ch->at.signals                   ? first_of(ch->at.signals)
                                                   : hepta_signal_number("RTMIN");
    return hepta_mailbox_send(own->box, signo, msg->len ? msg->data : NULL, msg->len, 0);
}

static int box_send(struct hepta_channel *ch, const struct hepta_channel_msg *msg,
                    int64_t deadline)
{
    return h7_channel_try(ch, box_try, (void *)(uintptr_t)msg, deadline);
}

static int box_recv(struct hepta_channel *ch, struct hepta_channel_msg *msg, int64_t deadline)
{
    struct box_own *own = ch->own;
    int r = hepta_mailbox_wait(own->box, &own->info, deadline);

    if (r < 0)
        return r;
    fill(msg, &own->info);
    msg->data = own->info.payload;
    msg->len = own->info.len <= sizeof own->info.payload ? own->info.len : 0;
    if (ch->flags & HEPTA_CHANNEL_LEASE) {
        msg->lease = ++own->lease;
        msg->set |= HEPTA_CHANNEL_HAS_LEASE;
        own->given = 1;
    }
    return 1;
}

/* The last one only: those before it were acknowledged by the recv that followed. */
static int box_end_lease(struct hepta_channel *ch, uint64_t lease, int done)
{
    struct box_own *own = ch->own;

    if (!own->given || lease != own->lease)
        return -ESRCH;
    if (!done)
        return -EOPNOTSUPP;
    int r = hepta_mailbox_ack(own->box);
    own->given = r < 0;
    return r;
}

static int box_pollfd(struct hepta_channel *ch, short want, struct pollfd *p)
{
    struct box_own *own = ch->own;

    if (want == POLLOUT)
        return -EOPNOTSUPP;
    int fd = hepta_mailbox_fd(own->box);
    *p = (struct pollfd){.fd = fd, .events = POLLIN};
    return fd < 0 ? fd : 0;
}

static int box_stat(struct hepta_channel *ch, struct hepta_channel_stat *st)
{
    struct box_own *own = ch->own;
    struct hepta_mailbox_stat bs;
    int r = hepta_mailbox_stat(own->box, &bs);

    if (r == 0) /* one of each of those that coalesce */
        st->msgs = bs.queued + (unsigned)__builtin_popcountll(bs.pending & 0x7fffffff);
    return r;
}

static void box_close(struct hepta_channel *ch)
{
    struct box_own *own = ch->own;
    if (own->box)
        hepta_mailbox_close(own->box);
}

static int box_create(const struct h7_address *a)
{
    struct hepta_mailbox *box;
    int r = box_make(a, HEPTA_MAILBOX_CREATE | HEPTA_MAILBOX_EXCL, &box);
    return r < 0 ? r : hepta_mailbox_close(box);
}

static int box_remove(const struct h7_address *a)
{
    return hepta_mailbox_unlink(a->name);
}

const struct h7_channel_ops h7_channel_mailbox = {
    .own_len = sizeof(struct box_own),
    .open = box_open,
    .send = box_send,
    .recv = box_recv,
    .end_lease = box_end_lease,
    .pollfd = box_pollfd,
    .stat = box_stat,
    .close = box_close,
    .create = box_create,
    .remove = box_remove,
};
