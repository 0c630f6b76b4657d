/* SPDX-License-Identifier: MIT */
/* mq_hepta.c - Hepta's POSIX queue behind the table of mq_room.h */
#define _GNU_SOURCE
#include <hepta/mq.h>
#include <poll.h>
#include <stdlib.h>

#include "mq_room.h"

struct mqh {
    struct hepta_mq *mq;
};

struct hepta_mq *mq_hepta(struct mqh *h)
{
    return h->mq;
}

struct mqh *mq_wrap(struct hepta_mq *mq)
{
    struct mqh *h = malloc(sizeof(*h));
    h->mq = mq;
    return h;
}

static uint32_t flags_of(int flags)
{
    uint32_t f = (flags & O_ACCMODE) == O_RDWR     ? HEPTA_MQ_READ | HEPTA_MQ_WRITE
                 : (flags & O_ACCMODE) == O_WRONLY ? HEPTA_MQ_WRITE
                                                   : HEPTA_MQ_READ;
    f |= flags & O_CREAT ? HEPTA_MQ_CREATE : 0;
    f |= flags & O_EXCL ? HEPTA_MQ_EXCL : 0;
    return f | (flags & O_NONBLOCK ? HEPTA_MQ_NONBLOCK : 0);
}

/* What a long can hold and an option can't is as wrong there as too much. */
static uint32_t small(long v)
{
    return v < 0 || v > UINT32_MAX ? UINT32_MAX : v == 0 ? UINT32_MAX : (uint32_t)v;
}

static int h_open(struct mqh **h, const char *name, int flags, mode_t mode,
                  const struct mq_attr *attr)
{
    struct hepta_mq *mq;
    struct hepta_mq_options opt = {.size = sizeof(opt)};
    if (attr) {
        opt.msgs_max = small(attr->mq_maxmsg);
        opt.msg_max = small(attr->mq_msgsize);
    }
    int r = hepta_mq_open(&mq, name, flags_of(flags), mode, attr ? &opt : NULL);
    if (r < 0)
        return r;
    *h = mq_wrap(mq);
    return 0;
}

static int h_send(struct mqh *h, const void *msg, size_t len, unsigned prio, int64_t deadline)
{
    return hepta_mq_send(h->mq, msg, len, prio, deadline);
}

static ssize_t h_receive(struct mqh *h, void *buf, size_t len, unsigned *prio, int64_t deadline)
{
    return hepta_mq_receive(h->mq, buf, len, prio, deadline);
}

static void from_hepta(struct mq_attr *attr, const struct hepta_mq_attr *a)
{
    *attr = (struct mq_attr){.mq_flags = a->flags & HEPTA_MQ_NONBLOCK ? O_NONBLOCK : 0,
                             .mq_maxmsg = a->msgs_max,
                             .mq_msgsize = a->msg_max,
                             .mq_curmsgs = a->msgs};
}

static int h_getattr(struct mqh *h, struct mq_attr *attr)
{
    struct hepta_mq_attr a;
    int r = hepta_mq_getattr(h->mq, attr ? &a : NULL);
    if (r == 0)
        from_hepta(attr, &a);
    return r;
}

static int h_setattr(struct mqh *h, const struct mq_attr *now, struct mq_attr *old)
{
    struct hepta_mq_attr to = {0}, was;
    if (now)
        to.flags = now->mq_flags == 0 ? 0
                   : now->mq_flags == O_NONBLOCK ? HEPTA_MQ_NONBLOCK : UINT32_MAX;
    int r = hepta_mq_setattr(h->mq, now ? &to : NULL, old ? &was : NULL);
    if (r == 0 && old)
        from_hepta(old, &was);
    return r;
}

static int h_notify(struct mqh *h, const struct sigevent *ev)
{
    return hepta_mq_notify(h->mq, ev);
}

static int h_fd(struct mqh *h, int access)
{
    return hepta_mq_fd(h->mq, access == O_RDONLY ? HEPTA_MQ_READ : HEPTA_MQ_WRITE);
}

static int h_ready(struct mqh *h, int access, int ms)
{
    struct pollfd p = {.fd = h_fd(h, access), .events = POLLIN};
    return p.fd < 0 ? p.fd : poll(&p, 1, ms);
}

static void h_close(struct mqh *h)
{
    hepta_mq_close(h->mq);
    free(h);
}

const struct mq_ops mq_hepta_ops = {
    .open = h_open,
    .send = h_send,
    .receive = h_receive,
    .getattr = h_getattr,
    .setattr = h_setattr,
    .notify = h_notify,
    .fd = h_fd,
    .ready = h_ready,
    .unlink = hepta_mq_unlink,
    .close = h_close,
};
