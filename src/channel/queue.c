/* SPDX-License-Identifier: MIT */
/* channel/queue.c - mq: and msg: Hepta's queues */
#define _GNU_SOURCE
#include <errno.h>
#include <hepta/mq.h>
#include <hepta/msg.h>

#include "channel/channel_internal.h"

/* --- mq --- */

struct mq_own {
    struct hepta_mq *mq;
    size_t msg_max;
};

static struct hepta_mq_options mq_options(const struct h7_address *a)
{
    return (struct hepta_mq_options){
        .size = sizeof(struct hepta_mq_options),
        .msgs_max = a->set & H7_OPT(DEPTH) ? a->depth : 0,
        /* What is out of range stays out of range. */
        .msg_max = a->size > UINT32_MAX ? UINT32_MAX : (uint32_t)a->size,
    };
}

static int mq_open(struct hepta_channel *ch, int64_t deadline)
{
    struct mq_own *own = ch->own;
    struct hepta_mq_options opt = mq_options(&ch->at);
    struct hepta_mq_attr attr;
    uint32_t flags = (ch->flags & HEPTA_CHANNEL_SEND ? HEPTA_MQ_WRITE : 0) |
                     (ch->flags & HEPTA_CHANNEL_RECV ? HEPTA_MQ_READ : 0) |
                     (ch->at.set & H7_OPT(CREATE) ? HEPTA_MQ_CREATE : 0);
    (void)deadline;

    int r = hepta_mq_open(&own->mq, ch->at.name, flags, h7_address_mode(&ch->at), &opt);
    if (r == 0)
        r = hepta_mq_getattr(own->mq, &attr);
    if (r < 0)
        return r;
    own->msg_max = attr.msg_max;
    return ch->flags & HEPTA_CHANNEL_RECV ? h7_channel_room(ch, attr.msg_max + 1) : 0;
}

static int mq_send(struct hepta_channel *ch, const struct hepta_channel_msg *msg, int64_t deadline)
{
    struct mq_own *own = ch->own;
    uint32_t prio = msg->set & HEPTA_CHANNEL_HAS_PRIO ? msg->prio : ch->at.prio;
    return hepta_mq_send(own->mq, msg->data, msg->len, prio, deadline);
}

static int mq_fill(struct hepta_channel *ch, struct hepta_channel_msg *msg,
                   const struct hepta_mq_info *info)
{
    msg->data = ch->buf;
    msg->len = info->len;
    msg->prio = info->prio;
    msg->deliveries = info->deliveries;
    msg->lease = info->lease;
    msg->set = HEPTA_CHANNEL_HAS_PRIO;
    if (info->deliveries)
        msg->set |= HEPTA_CHANNEL_HAS_DELIVERIES;
    if (info->lease)
        msg->set |= HEPTA_CHANNEL_HAS_LEASE;
    return 1;
}

static int mq_recv(struct hepta_channel *ch, struct hepta_channel_msg *msg, int64_t deadline)
{
    struct mq_own *own = ch->own;
    struct hepta_mq_info info = {0};
    ssize_t n;

    if (ch->flags & HEPTA_CHANNEL_LEASE)
        n = hepta_mq_lease(own->mq, ch->buf, own->msg_max, &info, deadline);
    else
        n = hepta_mq_receive(own->mq, ch->buf, own->msg_max, &info.prio, deadline);
    if (n < 0)
        return (int)n;
    info.len = (uint64_t)n;
    return mq_fill(ch, msg, &info);
}

static int mq_peek(struct hepta_channel *ch, struct hepta_channel_msg *msg, int64_t deadline)
{
    struct mq_own *own = ch->own;
    struct hepta_mq_info info;
    ssize_t n = hepta_mq_look(own->mq, ch->buf, own->msg_max, &info, deadline);

    if (n < 0)
        return (int)n;
    info.len = (uint64_t)n;
    return mq_fill(ch, msg, &info);
}

/* A verb of another's can be stopped inside: try for a second. */
static int mq_end_lease(struct hepta_channel *ch, uint64_t lease, int done)
{
    struct mq_own *own = ch->own;
    int r = -ETIMEDOUT;

    for (int i = 0; r == -ETIMEDOUT && i < 20; i++)
        r = done ? hepta_mq_ack(own->mq, lease) : hepta_mq_give_back(own->mq, lease);
    return r;
}

static int mq_pollfd(struct hepta_channel *ch, short want, struct pollfd *p)
{
    struct mq_own *own = ch->own;
    int fd = hepta_mq_fd(own->mq, want == POLLIN ? HEPTA_MQ_READ : HEPTA_MQ_WRITE);
    *p = (struct pollfd){.fd = fd, .events = POLLIN};
    return fd < 0 ? fd : 0;
}

static int mq_stat(struct hepta_channel *ch, struct hepta_channel_stat *st)
{
    struct mq_own *own = ch->own;
    struct hepta_mq_stat ms;
    int r = hepta_mq_stat(own->mq, &ms, sizeof ms);

    if (r == 0) {
        st->msgs = ms.msgs;
        st->bytes = ms.bytes;
    }
    return r;
}

static void mq_close(struct hepta_channel *ch)
{
    struct mq_own *own = ch->own;
    hepta_mq_close(own->mq);
}

static int mq_create(const struct h7_address *a)
{
    struct hepta_mq_options opt = mq_options(a);
    struct hepta_mq *mq;
    int r = hepta_mq_open(&mq, a->name, HEPTA_MQ_READ | HEPTA_MQ_CREATE | HEPTA_MQ_EXCL,
                          h7_address_mode(a), &opt);
    if (r == 0)
        hepta_mq_close(mq);
    return r;
}

static int mq_remove(const struct h7_address *a)
{
    return hepta_mq_unlink(a->name);
}

const struct h7_channel_ops h7_channel_mq = {
    .own_len = sizeof(struct mq_own),
    .open = mq_open,
    .send = mq_send,
    .recv = mq_recv,
    .peek = mq_peek,
    .end_lease = mq_end_lease,
    .pollfd = mq_pollfd,
    .stat = mq_stat,
    .close = mq_close,
    .create = mq_create,
    .remove = mq_remove,
};

/* --- msg --- */

struct msg_own {
    int id;
};

static int msg_get(const struct h7_address *a, int flags)
{
    struct hepta_msg_options opt = {
        .size = sizeof opt,
        .msgs_max = a->set & H7_OPT(DEPTH) ? a->depth : 0,
        .msg_max = a->size > UINT32_MAX ? UINT32_MAX : (uint32_t)a->size,
        /* Room for a few of the longest, where the default has none. */
        .qbytes = a->size > HEPTA_MSG_QBYTES_DEFAULT / 4 ? a->size * 4 : 0,
    };
    if (a->by_id)
        return flags & IPC_CREAT ? -EINVAL : a->key;
    return hepta_msg_get(a->key, flags, &opt);
}

static int msg_open(struct hepta_channel *ch, int64_t deadline)
{
    struct msg_own *own = ch->own;
    struct msqid_ds ds;
    int create = ch->at.set & H7_OPT(CREATE) ? IPC_CREAT | (int)h7_address_mode(&ch->at) : 0;
    (void)deadline;

    own->id = msg_get(&ch->at, create);
    if (own->id < 0)
        return own->id;
    int r = hepta_msg_ctl(own->id, IPC_STAT, &ds);
    if (r < 0 && r != -EACCES) /* who may only send may not look */
        return r == -EINVAL || r == -EIDRM ? -ENOENT : r;
    return ch->flags & HEPTA_CHANNEL_RECV ? h7_channel_room(ch, HEPTA_MSG_MSG_DEFAULT) : 0;
}

static int msg_send(struct hepta_channel *ch, const struct hepta_channel_msg *msg,
                    int64_t deadline)
{
    struct msg_own *own = ch->own;
    int64_t type = msg->set & HEPTA_CHANNEL_HAS_TYPE ? msg->type
                   : ch->at.set & H7_OPT(TYPE)       ? ch->at.type
                                                     : 1;
    int r = hepta_msg_send(own->id, (long)type, msg->data, msg->len, 0, deadline);
    return r == -EINVAL && type > 0 ? -EMSGSIZE : r;
}

/* A text that is too long for the buffer stays in the queue: make it larger, call again. */
static int msg_take(struct hepta_channel *ch, struct hepta_channel_msg *msg, long want, int flags,
                    int64_t deadline)
{
    struct msg_own *own = ch->own;
    long type;

    for (;;) {
        ssize_t n = hepta_msg_receive(own->id, &type, ch->buf, ch->buf_len, want, flags, deadline);
        if (n >= 0) {
            msg->data = ch->buf;
            msg->len = (size_t)n;
            msg->type = type;
            msg->set = HEPTA_CHANNEL_HAS_TYPE;
            return 1;
        }
        if (n != -E2BIG || ch->buf_len >= HEPTA_MSG_MSG_MAX)
            return n == -ENOMSG ? -EAGAIN : (int)n;
        int r = h7_channel_room(ch, ch->buf_len * 4);
        if (r < 0)
            return r;
    }
}

static int msg_recv(struct hepta_channel *ch, struct hepta_channel_msg *msg, int64_t deadline)
{
    return msg_take(ch, msg, (long)ch->at.type, 0, deadline);
}

static int msg_look(struct hepta_channel *ch, void *arg)
{
    return msg_take(ch, arg, 0, MSG_COPY | IPC_NOWAIT, HEPTA_NOW);
}

static int msg_peek(struct hepta_channel *ch, struct hepta_channel_msg *msg, int64_t deadline)
{
    return h7_channel_try(ch, msg_look, msg, deadline);
}

static int msg_pollfd(struct hepta_channel *ch, short want, struct pollfd *p)
{
    struct msg_own *own = ch->own;
    int fd = hepta_msg_fd(own->id, want == POLLIN ? HEPTA_MSG_READ : HEPTA_MSG_WRITE);
    *p = (struct pollfd){.fd = fd, .events = POLLIN};
    return fd < 0 ? fd : 0;
}

static int msg_stat(struct hepta_channel *ch, struct hepta_channel_stat *st)
{
    struct msg_own *own = ch->own;
    struct msqid_ds ds;
    int r = hepta_msg_ctl(own->id, IPC_STAT, &ds);

    if (r < 0)
        return r;
    st->msgs = ds.msg_qnum;
    st->bytes = ds.__msg_cbytes;
    return 0;
}

static int msg_create(const struct h7_address *a)
{
    int id = msg_get(a, IPC_CREAT | IPC_EXCL | (int)h7_address_mode(a));
    return id < 0 ? id : 0;
}

static int msg_remove(const struct h7_address *a)
{
    int id = msg_get(a, 0);
    int r = id < 0 ? id : hepta_msg_ctl(id, IPC_RMID, NULL);
    return a->by_id && (r == -EINVAL || r == -EIDRM) ? -ENOENT : r;
}

const struct h7_channel_ops h7_channel_msg = {
    .own_len = sizeof(struct msg_own),
    .open = msg_open,
    .send = msg_send,
    .recv = msg_recv,
    .peek = msg_peek,
    .pollfd = msg_pollfd,
    .stat = msg_stat,
    .create = msg_create,
    .remove = msg_remove,
};
