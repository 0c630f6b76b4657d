/* SPDX-License-Identifier: MIT */
/*
 * channel/sem.c - sem:, permit:, semset: messages without bytes
 *
 * To send is to make the number one higher, to receive is to make it one lower, to peek is to look
 * at it. What was taken of a permit is this process's until it gives it back, closes, or ends.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <hepta/sem.h>
#include <hepta/semset.h>

#include "channel/channel_internal.h"

static int number(struct hepta_channel_msg *msg, int value)
{
    if (value < 0)
        return value;
    msg->value = (uint64_t)value;
    msg->set = HEPTA_CHANNEL_HAS_VALUE;
    return 1;
}

/* --- sem --- */

struct sem_own {
    hepta_sem_t *sem;
};

static int sem_open_channel(struct hepta_channel *ch, int64_t deadline)
{
    struct sem_own *own = ch->own;
    uint32_t flags = ch->at.set & H7_OPT(CREATE) ? HEPTA_SEM_CREATE : 0;
    (void)deadline;
    return hepta_sem_open(ch->at.name, flags, h7_address_mode(&ch->at), ch->at.depth, &own->sem);
}

static int sem_send(struct hepta_channel *ch, const struct hepta_channel_msg *msg,
                    int64_t deadline)
{
    struct sem_own *own = ch->own;
    (void)msg, (void)deadline;
    return hepta_sem_post(own->sem);
}

static int sem_recv(struct hepta_channel *ch, struct hepta_channel_msg *msg, int64_t deadline)
{
    struct sem_own *own = ch->own;
    int r = hepta_sem_wait(own->sem, deadline);
    (void)msg;
    return r < 0 ? r : 1;
}

static int sem_peek(struct hepta_channel *ch, struct hepta_channel_msg *msg, int64_t deadline)
{
    struct sem_own *own = ch->own;
    (void)deadline;
    return number(msg, hepta_sem_value(own->sem));
}

static int sem_stat(struct hepta_channel *ch, struct hepta_channel_stat *st)
{
    struct sem_own *own = ch->own;
    int value = hepta_sem_value(own->sem);

    st->msgs = value < 0 ? 0 : (uint64_t)value;
    return value < 0 ? value : 0;
}

static void sem_close_channel(struct hepta_channel *ch)
{
    struct sem_own *own = ch->own;
    if (own->sem)
        hepta_sem_close(own->sem);
}

static int sem_create(const struct h7_address *a)
{
    hepta_sem_t *sem;
    int r = hepta_sem_open(a->name, HEPTA_SEM_CREATE | HEPTA_SEM_EXCL, h7_address_mode(a),
                           a->depth, &sem);
    return r < 0 ? r : hepta_sem_close(sem);
}

static int sem_remove(const struct h7_address *a)
{
    return hepta_sem_unlink(a->name);
}

const struct h7_channel_ops h7_channel_sem = {
    .own_len = sizeof(struct sem_own),
    .open = sem_open_channel,
    .send = sem_send,
    .recv = sem_recv,
    .peek = sem_peek,
    .stat = sem_stat,
    .close = sem_close_channel,
    .create = sem_create,
    .remove = sem_remove,
};

/* --- permit --- */

struct permit_own {
    struct hepta_permit *permit;
};

static int permit_make(const struct h7_address *a, uint32_t flags, struct hepta_permit **permit)
{
    uint32_t places = a->set & H7_OPT(DEPTH) ? a->depth : 1;
    return hepta_permit_open(a->name, flags, h7_address_mode(a), places, NULL, permit);
}

static int permit_open(struct hepta_channel *ch, int64_t deadline)
{
    struct permit_own *own = ch->own;
    (void)deadline;
    return permit_make(&ch->at, ch->at.set & H7_OPT(CREATE) ? HEPTA_SEM_CREATE : 0, &own->permit);
}

static int permit_send(struct hepta_channel *ch, const struct hepta_channel_msg *msg,
                       int64_t deadline)
{
    struct permit_own *own = ch->own;
    (void)msg, (void)deadline;
    return hepta_permit_give(own->permit);
}

static int permit_recv(struct hepta_channel *ch, struct hepta_channel_msg *msg, int64_t deadline)
{
    struct permit_own *own = ch->own;
    int r = hepta_permit_take(own->permit, deadline);
    (void)msg;
    return r < 0 ? r : 1;
}

static int permit_free(struct permit_own *own)
{
    struct hepta_permit_stat st;
    int r = hepta_permit_stat(own->permit, &st);
    return r < 0 ? r : (int)st.free;
}

static int permit_peek(struct hepta_channel *ch, struct hepta_channel_msg *msg, int64_t deadline)
{
    (void)deadline;
    return number(msg, permit_free(ch->own));
}

static int permit_stat(struct hepta_channel *ch, struct hepta_channel_stat *st)
{
    int value = permit_free(ch->own);

    st->msgs = value < 0 ? 0 : (uint64_t)value;
    return value < 0 ? value : 0;
}

static int permit_pollfd(struct hepta_channel *ch, short want, struct pollfd *p)
{
    struct permit_own *own = ch->own;

    if (want == POLLOUT)
        return -EOPNOTSUPP;
    int fd = hepta_permit_fd(own->permit);
    *p = (struct pollfd){.fd = fd, .events = POLLIN};
    return fd < 0 ? fd : 0;
}

static void permit_close(struct hepta_channel *ch)
{
    struct permit_own *own = ch->own;
    if (own->permit)
        hepta_permit_close(own->permit);
}

static int permit_create(const struct h7_address *a)
{
    struct hepta_permit *permit;
    int r = permit_make(a, HEPTA_SEM_CREATE | HEPTA_SEM_EXCL, &permit);
    return r < 0 ? r : hepta_permit_close(permit);
}

static int permit_remove(const struct h7_address *a)
{
    return hepta_permit_unlink(a->name);
}

const struct h7_channel_ops h7_channel_permit = {
    .own_len = sizeof(struct permit_own),
    .open = permit_open,
    .send = permit_send,
    .recv = permit_recv,
    .peek = permit_peek,
    .pollfd = permit_pollfd,
    .stat = permit_stat,
    .close = permit_close,
    .create = permit_create,
    .remove = permit_remove,
};

/* --- semset --- */

struct set_own {
    int id;
};

static int set_make(const struct h7_address *a)
{
    if (a->by_id)
        return -EINVAL;
    int id = hepta_semset_get(a->key, (int)a->index + 1,
                              IPC_CREAT | IPC_EXCL | (int)h7_address_mode(a), NULL);
    if (id < 0 || a->depth == 0)
        return id;
    int r = hepta_semset_ctl(id, (int)a->index, SETVAL, (union hepta_semun){.val = (int)a->depth});
    if (r < 0)
        hepta_semset_ctl(id, 0, IPC_RMID, (union hepta_semun){0});
    return r < 0 ? r : id;
}

static int set_get(const struct h7_address *a)
{
    return a->by_id ? a->key : hepta_semset_get(a->key, (int)a->index + 1, 0, NULL);
}

static int set_value(const struct hepta_channel *ch)
{
    struct set_own *own = ch->own;
    return hepta_semset_ctl(own->id, (int)ch->at.index, GETVAL, (union hepta_semun){0});
}

static int set_open(struct hepta_channel *ch, int64_t deadline)
{
    struct set_own *own = ch->own;
    int r = ch->at.set & H7_OPT(CREATE) ? set_make(&ch->at) : 0;
    (void)deadline;

    if (r < 0 && r != -EEXIST)
        return r;
    own->id = set_get(&ch->at);
    if (own->id < 0)
        return own->id;
    r = set_value(ch);
    return r >= 0 || r == -EACCES ? 0 : ch->at.by_id && r == -EINVAL ? -ENOENT : r;
}

static int set_op(struct hepta_channel *ch, short op, int64_t deadline)
{
    struct set_own *own = ch->own;
    struct sembuf one = {.sem_num = (unsigned short)ch->at.index,
                         .sem_op = op,
                         .sem_flg = ch->at.set & H7_OPT(UNDO) ? SEM_UNDO : 0};
    return hepta_semset_op(own->id, &one, 1, deadline);
}

static int set_send(struct hepta_channel *ch, const struct hepta_channel_msg *msg,
                    int64_t deadline)
{
    (void)msg;
    return set_op(ch, 1, deadline);
}

static int set_recv(struct hepta_channel *ch, struct hepta_channel_msg *msg, int64_t deadline)
{
    int r = set_op(ch, -1, deadline);
    (void)msg;
    return r < 0 ? r : 1;
}

static int set_peek(struct hepta_channel *ch, struct hepta_channel_msg *msg, int64_t deadline)
{
    (void)deadline;
    return number(msg, set_value(ch));
}

static int set_stat(struct hepta_channel *ch, struct hepta_channel_stat *st)
{
    int value = set_value(ch);

    st->msgs = value < 0 ? 0 : (uint64_t)value;
    return value < 0 ? value : 0;
}

static int set_create(const struct h7_address *a)
{
    int id = set_make(a);
    return id < 0 ? id : 0;
}

static int set_remove(const struct h7_address *a)
{
    int id = a->by_id ? a->key : hepta_semset_get(a->key, 0, 0, NULL);
    int r = id < 0 ? id : hepta_semset_ctl(id, 0, IPC_RMID, (union hepta_semun){0});
    return a->by_id && (r == -EINVAL || r == -EIDRM) ? -ENOENT : r;
}

const struct h7_channel_ops h7_channel_semset = {
    .own_len = sizeof(struct set_own),
    .open = set_open,
    .send = set_send,
    .recv = set_recv,
    .peek = set_peek,
    .stat = set_stat,
    .create = set_create,
    .remove = set_remove,
};
