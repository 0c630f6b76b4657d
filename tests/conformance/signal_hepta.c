/* SPDX-License-Identifier: MIT */
/*
 * signal_hepta.c - Hepta's receivers and peers, and its mailboxes, behind the table of
 * signal_room.h
 *
 * A mailbox has all numbers: those outside the inbox's set are held back from the beginning. A
 * value is a payload of eight bytes.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signal_room.h"

/* --- the kernel's signals ------------------------------------------------------------- */

static int v_open(struct inbox *in, uint64_t set)
{
    in->at.pid = getpid();
    in->at.tid = gettid();
    in->set = set;
    return hepta_signal_open(set, &in->sig);
}

static int v_close(struct inbox *in)
{
    return hepta_signal_close(in->sig);
}

static int v_mask(struct inbox *in, int how, uint64_t set, uint64_t *old)
{
    return hepta_signal_mask(in->sig, how, set, old);
}

static int v_pending(struct inbox *in, uint64_t *set)
{
    return hepta_signal_pending(in->sig, set);
}

static int v_wait(struct inbox *in, struct hepta_signal_info *info, int64_t deadline)
{
    return hepta_signal_wait(in->sig, info, deadline);
}

static int v_fd(struct inbox *in)
{
    return hepta_signal_fd(in->sig);
}

static int v_peer(struct peer *p, const struct where *at, bool thread)
{
    return hepta_signal_peer_open(thread ? at->tid : at->pid, thread ? HEPTA_SIGNAL_THREAD : 0,
                                  &p->h);
}

static int v_send(struct peer *p, int signo, uint32_t flags, uint64_t value)
{
    return hepta_signal_send(p->h, signo, flags & ~IF_LIVE, value);
}

static int v_leave(struct peer *p)
{
    return hepta_signal_peer_close(p->h);
}

static int v_faults(uint64_t set, hepta_signal_fn *fn)
{
    return hepta_signal_faults(set, fn, NULL);
}

/* --- mailboxes ------------------------------------------------------------------------ */

static int m_open(struct inbox *in, uint64_t set)
{
    struct hepta_mailbox_options opt = {.size = sizeof(opt), .blocked = ~set};
    mode_t was = umask(0);
    if (!in->at.name[0])
        in->at = new_place();
    in->at.pid = getpid();
    in->at.tid = gettid();
    in->set = set;
    int r = hepta_mailbox_open(in->at.name, HEPTA_MAILBOX_RECEIVE | HEPTA_MAILBOX_CREATE, 0666,
                               &opt, &in->box);
    umask(was);
    return r;
}

static int m_close(struct inbox *in)
{
    return hepta_mailbox_close(in->box);
}

static int m_mask(struct inbox *in, int how, uint64_t set, uint64_t *old)
{
    if (how == HEPTA_SIGNAL_SETMASK)
        set |= ~in->set;
    int r = hepta_mailbox_mask(in->box, how, set, old);
    if (r == 0 && old)
        *old &= in->set;
    return r;
}

static int m_pending(struct inbox *in, uint64_t *set)
{
    int r = hepta_mailbox_pending(in->box, set);
    *set &= in->set;
    return r;
}

static int m_wait(struct inbox *in, struct hepta_signal_info *info, int64_t deadline)
{
    int r = hepta_mailbox_wait(in->box, info, deadline);
    if (r > 0 && info && info->len == sizeof(info->value))
        memcpy(&info->value, info->payload, sizeof(info->value));
    return r;
}

static int m_fd(struct inbox *in)
{
    return hepta_mailbox_fd(in->box);
}

static int m_peer(struct peer *p, const struct where *at, bool thread)
{
    return thread ? -ENOTSUP : hepta_mailbox_open(at->name, 0, 0, NULL, &p->box);
}

static int m_send(struct peer *p, int signo, uint32_t flags, uint64_t value)
{
    bool valued = (flags & WITH_VALUE) != 0;
    return hepta_mailbox_send(p->box, signo, valued ? &value : NULL, valued ? sizeof(value) : 0,
                              flags & IF_LIVE ? HEPTA_MAILBOX_LIVE : 0);
}

static int m_leave(struct peer *p)
{
    return hepta_mailbox_close(p->box);
}

const struct signal_ops signal_hepta_ops = {
    .open = v_open,
    .close = v_close,
    .mask = v_mask,
    .pending = v_pending,
    .wait = v_wait,
    .fd = v_fd,
    .peer = v_peer,
    .send = v_send,
    .leave = v_leave,
    .faults = v_faults,
};

const struct signal_ops signal_mailbox_ops = {
    .open = m_open,
    .close = m_close,
    .mask = m_mask,
    .pending = m_pending,
    .wait = m_wait,
    .fd = m_fd,
    .peer = m_peer,
    .send = m_send,
    .leave = m_leave,
};
