/* SPDX-License-Identifier: MIT */
/*
 * channel/kernel_queue.c - kernel.mq: and kernel.msg: the kernel's queues
 *
 * A POSIX queue is opened non-blocking and waited for with poll(2), so that deadlines are of the
 * monotonic clock. System V's can't be waited for with a deadline: it is tried, with naps.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/sys.h"
#include "channel/channel_internal.h"

/* --- mq --- */

struct mq_own {
    int fd;
};

static int open_queue(const struct h7_address *a, int flags)
{
    struct mq_attr attr = {
        .mq_maxmsg = a->set & H7_OPT(DEPTH) ? (long)a->depth : 10,
        .mq_msgsize = a->set & H7_OPT(SIZE) ? (long)a->size : 8192,
    };
    int given = a->set & (H7_OPT(DEPTH) | H7_OPT(SIZE));
    return h7_sys_mq_open(h7_address_bare(a), flags, h7_address_mode(a), given ? &attr : NULL);
}

static int mq_open_channel(struct hepta_channel *ch, int64_t deadline)
{
    struct mq_own *own = ch->own;
    uint32_t both = ch->flags & (HEPTA_CHANNEL_SEND | HEPTA_CHANNEL_RECV);
    int flags = both == HEPTA_CHANNEL_SEND ? O_WRONLY : both == HEPTA_CHANNEL_RECV ? O_RDONLY
                                                                                  : O_RDWR;
    struct mq_attr attr;
    (void)deadline;

    own->fd = open_queue(&ch->at, flags | O_NONBLOCK | O_CLOEXEC |
                                      (ch->at.set & H7_OPT(CREATE) ? O_CREAT : 0));
    if (own->fd < 0)
        return own->fd;
    if (syscall(SYS_mq_getsetattr, own->fd, NULL, &attr) < 0)
        return -errno;
    return ch->flags & HEPTA_CHANNEL_RECV ? h7_channel_room(ch, (size_t)attr.mq_msgsize) : 0;
}

static int wait_for(int fd, short events, int64_t deadline)
{
    struct pollfd p = {.fd = fd, .events = events};
    int r = h7_sys_poll(&p, 1, deadline);

    return r > 0 ? 0 : r < 0 ? r : deadline == HEPTA_NOW ? -EAGAIN : -ETIMEDOUT;
}

static int mq_send_channel(struct hepta_channel *ch, const struct hepta_channel_msg *msg,
                           int64_t deadline)
{
    struct mq_own *own = ch->own;
    unsigned prio = msg->set & HEPTA_CHANNEL_HAS_PRIO ? msg->prio : ch->at.prio;

    for (;;) {
        if (syscall(SYS_mq_timedsend, own->fd, msg->data, msg->len, prio, NULL) == 0)
            return 0;
        int r = errno == EAGAIN ? wait_for(own->fd, POLLOUT, deadline) : -errno;
        if (r < 0)
            return r;
    }
}

static int mq_recv_channel(struct hepta_channel *ch, struct hepta_channel_msg *msg,
                           int64_t deadline)
{
    struct mq_own *own = ch->own;
    unsigned prio;

    for (;;) {
        long n = syscall(SYS_mq_timedreceive, own->fd, ch->buf, ch->buf_len, &prio, NULL);
        if (n >= 0) {
            msg->data = ch->buf;
            msg->len = (size_t)n;
            msg->prio = prio;
            msg->set = HEPTA_CHANNEL_HAS_PRIO;
            return 1;
        }
        int r = errno == EAGAIN ? wait_for(own->fd, POLLIN, deadline) : -errno;
        if (r < 0)
            return r;
    }
}

static int mq_pollfd(struct hepta_channel *ch, short want, struct pollfd *p)
{
    struct mq_own *own = ch->own;
    *p = (struct pollfd){.fd = own->fd, .events = want};
    return 0;
}

static int mq_stat(struct hepta_channel *ch, struct hepta_channel_stat *st)
{
    struct mq_own *own = ch->own;
    struct mq_attr attr;

    if (syscall(SYS_mq_getsetattr, own->fd, NULL, &attr) < 0)
        return -errno;
    st->msgs = (uint64_t)attr.mq_curmsgs;
    return 0;
}

static void mq_close_channel(struct hepta_channel *ch)
{
    struct mq_own *own = ch->own;
    if (own->fd >= 0)
        h7_sys_close(own->fd);
}

static int mq_create(const struct h7_address *a)
{
    int fd = open_queue(a, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC);
    if (fd >= 0)
        h7_sys_close(fd);
    return fd < 0 ? fd : 0;
}

static int mq_remove(const struct h7_address *a)
{
    return h7_sys_mq_unlink(h7_address_bare(a));
}

const struct h7_channel_ops h7_channel_kernel_mq = {
    .own_len = sizeof(struct mq_own),
    .open = mq_open_channel,
    .send = mq_send_channel,
    .recv = mq_recv_channel,
    .pollfd = mq_pollfd,
    .stat = mq_stat,
    .close = mq_close_channel,
    .create = mq_create,
    .remove = mq_remove,
};

/* --- msg --- */

#define TEXT_START 65536u
#define TEXT_MAX (256u << 20)

struct text { /* struct msgbuf, with a buffer of its own */
    long type;
    char bytes[];
};

struct msg_own {
    int id;
    struct text *out;
    size_t out_len;
};

static int msg_get(const struct h7_address *a, int flags)
{
    if (a->by_id)
        return flags & IPC_CREAT ? -EINVAL : a->key;
    int id = msgget(a->key, flags);
    return id < 0 ? -errno : id;
}

/* size: what the queue may hold, which takes privilege above the system's default. */
static int set_qbytes(int id, const struct h7_address *a)
{
    struct msqid_ds ds;

    if (!(a->set & H7_OPT(SIZE)))
        return 0;
    if (msgctl(id, IPC_STAT, &ds) < 0)
        return -errno;
    ds.msg_qbytes = (msglen_t)a->size;
    return msgctl(id, IPC_SET, &ds) < 0 ? -errno : 0;
}

static int msg_create(const struct h7_address *a)
{
    int id = msg_get(a, IPC_CREAT | IPC_EXCL | (int)h7_address_mode(a));
    int r = id < 0 ? id : set_qbytes(id, a);

    if (id >= 0 && r < 0)
        msgctl(id, IPC_RMID, NULL);
    return r;
}

static int msg_open(struct hepta_channel *ch, int64_t deadline)
{
    struct msg_own *own = ch->own;
    struct msqid_ds ds;
    int r = ch->at.set & H7_OPT(CREATE) ? msg_create(&ch->at) : 0;
    (void)deadline;

    if (r < 0 && r != -EEXIST)
        return r;
    own->id = msg_get(&ch->at, 0);
    if (own->id < 0)
        return own->id;
    if (msgctl(own->id, IPC_STAT, &ds) < 0 && errno != EACCES)
        return errno == EINVAL || errno == EIDRM ? -ENOENT : -errno;
    return ch->flags & HEPTA_CHANNEL_RECV ? h7_channel_room(ch, sizeof(long) + TEXT_START) : 0;
}

static int msg_put(struct hepta_channel *ch, void *arg)
{
    const struct hepta_channel_msg *msg = arg;
    struct msg_own *own = ch->own;
    return msgsnd(own->id, own->out, msg->len, IPC_NOWAIT) < 0 ? -errno : 0;
}

static int msg_send(struct hepta_channel *ch, const struct hepta_channel_msg *msg,
                    int64_t deadline)
{
    struct msg_own *own = ch->own;

    if (own->out_len < msg->len || !own->out) {
        struct text *out = realloc(own->out, sizeof *out + msg->len);
        if (!out)
            return -ENOMEM;
        own->out = out;
        own->out_len = msg->len;
    }
    own->out->type = msg->set & HEPTA_CHANNEL_HAS_TYPE ? (long)msg->type
                     : ch->at.set & H7_OPT(TYPE)       ? (long)ch->at.type
                                                       : 1;
    if (msg->len)
        memcpy(own->out->bytes, msg->data, msg->len);
    int r = h7_channel_try(ch, msg_put, (void *)(uintptr_t)msg, deadline);
    return r == -EINVAL && own->out->type > 0 ? -EMSGSIZE : r;
}

struct taking {
    struct hepta_channel_msg *msg;
    long want;
    int flags;
};

static int msg_take(struct hepta_channel *ch, void *arg)
{
    const struct taking *t = arg;
    struct msg_own *own = ch->own;

    for (;;) {
        struct text *in = (struct text *)(void *)ch->buf;
        ssize_t n = msgrcv(own->id, in, ch->buf_len - sizeof *in, t->want, t->flags | IPC_NOWAIT);
        if (n >= 0) {
            t->msg->data = in->bytes;
            t->msg->len = (size_t)n;
            t->msg->type = in->type;
            t->msg->set = HEPTA_CHANNEL_HAS_TYPE;
            return 1;
        }
        if (errno != E2BIG || ch->buf_len > TEXT_MAX)
            return errno == ENOMSG ? -EAGAIN : -errno;
        int r = h7_channel_room(ch, ch->buf_len * 4);
        if (r < 0)
            return r;
    }
}

static int msg_recv(struct hepta_channel *ch, struct hepta_channel_msg *msg, int64_t deadline)
{
    struct taking t = {msg, (long)ch->at.type, 0};
    return h7_channel_try(ch, msg_take, &t, deadline);
}

static int msg_peek(struct hepta_channel *ch, struct hepta_channel_msg *msg, int64_t deadline)
{
    struct taking t = {msg, 0, MSG_COPY};
    int r = h7_channel_try(ch, msg_take, &t, deadline);
    return r == -ENOSYS ? -EOPNOTSUPP : r; /* a kernel without CONFIG_CHECKPOINT_RESTORE */
}

static int msg_stat(struct hepta_channel *ch, struct hepta_channel_stat *st)
{
    struct msg_own *own = ch->own;
    struct msqid_ds ds;

    if (msgctl(own->id, IPC_STAT, &ds) < 0)
        return -errno;
    st->msgs = ds.msg_qnum;
    st->bytes = ds.__msg_cbytes;
    return 0;
}

static void msg_close(struct hepta_channel *ch)
{
    struct msg_own *own = ch->own;
    free(own->out);
}

static int msg_remove(const struct h7_address *a)
{
    int id = msg_get(a, 0);

    if (id < 0)
        return id;
    if (msgctl(id, IPC_RMID, NULL) == 0)
        return 0;
    return errno == EINVAL || errno == EIDRM ? -ENOENT : -errno;
}

const struct h7_channel_ops h7_channel_kernel_msg = {
    .own_len = sizeof(struct msg_own),
    .open = msg_open,
    .send = msg_send,
    .recv = msg_recv,
    .peek = msg_peek,
    .stat = msg_stat,
    .close = msg_close,
    .create = msg_create,
    .remove = msg_remove,
};
