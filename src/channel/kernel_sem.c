/* SPDX-License-Identifier: MIT */
/* channel/kernel_sem.c - kernel.sem: (the C library's) and kernel.semset: (the kernel's) */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <hepta/semset.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "channel/channel_internal.h"

static struct timespec spec(int64_t ns)
{
    return (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
}

static int number(struct hepta_channel_msg *msg, int value)
{
    if (value < 0)
        return value;
    msg->value = (uint64_t)value;
    msg->set = HEPTA_CHANNEL_HAS_VALUE;
    return 1;
}

static int put(struct hepta_channel_stat *st, int value)
{
    st->msgs = value < 0 ? 0 : (uint64_t)value;
    return value < 0 ? value : 0;
}

/* --- sem --- */

struct sem_own {
    sem_t *sem;
};

static int sem_make(const struct h7_address *a, int flags, sem_t **sem)
{
    *sem = sem_open(a->name, flags, h7_address_mode(a), a->depth);
    if (*sem != SEM_FAILED)
        return 0;
    *sem = NULL;
    return -errno;
}

static int sem_open_channel(struct hepta_channel *ch, int64_t deadline)
{
    struct sem_own *own = ch->own;
    (void)deadline;
    return sem_make(&ch->at, ch->at.set & H7_OPT(CREATE) ? O_CREAT : 0, &own->sem);
}

static int sem_send(struct hepta_channel *ch, const struct hepta_channel_msg *msg,
                    int64_t deadline)
{
    struct sem_own *own = ch->own;
    (void)msg, (void)deadline;
    return sem_post(own->sem) < 0 ? -errno : 0;
}

static int sem_recv(struct hepta_channel *ch, struct hepta_channel_msg *msg, int64_t deadline)
{
    struct sem_own *own = ch->own;
    struct timespec until = spec(deadline);
    (void)msg;

    int r = deadline == HEPTA_NOW       ? sem_trywait(own->sem)
            : deadline == HEPTA_FOREVER ? sem_wait(own->sem)
                                        : sem_clockwait(own->sem, CLOCK_MONOTONIC, &until);
    return r < 0 ? -errno : 1;
}

static int sem_value(const struct hepta_channel *ch)
{
    struct sem_own *own = ch->own;
    int value;
    return sem_getvalue(own->sem, &value) < 0 ? -errno : value;
}

static int sem_peek(struct hepta_channel *ch, struct hepta_channel_msg *msg, int64_t deadline)
{
    (void)deadline;
    return number(msg, sem_value(ch));
}

static int sem_stat(struct hepta_channel *ch, struct hepta_channel_stat *st)
{
    return put(st, sem_value(ch));
}

static void sem_close_channel(struct hepta_channel *ch)
{
    struct sem_own *own = ch->own;
    if (own->sem)
        sem_close(own->sem);
}

static int sem_create(const struct h7_address *a)
{
    sem_t *sem;
    int r = sem_make(a, O_CREAT | O_EXCL, &sem);
    if (r == 0)
        sem_close(sem);
    return r;
}

static int sem_remove(const struct h7_address *a)
{
    return sem_unlink(a->name) < 0 ? -errno : 0;
}

const struct h7_channel_ops h7_channel_kernel_sem = {
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

/* --- semset --- */

struct set_own {
    int id;
};

static int set_make(const struct h7_address *a)
{
    if (a->by_id)
        return -EINVAL;
    int id = semget(a->key, (int)a->index + 1, IPC_CREAT | IPC_EXCL | (int)h7_address_mode(a));
    if (id < 0 || a->depth == 0)
        return id < 0 ? -errno : id;
    if (semctl(id, (int)a->index, SETVAL, (union hepta_semun){.val = (int)a->depth}) == 0)
        return id;
    int r = -errno;
    semctl(id, 0, IPC_RMID);
    return r;
}

static int set_value(const struct hepta_channel *ch)
{
    struct set_own *own = ch->own;
    int r = semctl(own->id, (int)ch->at.index, GETVAL);
    return r < 0 ? -errno : r;
}

static int set_open(struct hepta_channel *ch, int64_t deadline)
{
    struct set_own *own = ch->own;
    int r = ch->at.set & H7_OPT(CREATE) ? set_make(&ch->at) : 0;
    (void)deadline;

    if (r < 0 && r != -EEXIST)
        return r;
    own->id = ch->at.by_id ? ch->at.key : semget(ch->at.key, (int)ch->at.index + 1, 0);
    if (own->id < 0)
        return -errno;
    r = set_value(ch);
    return r >= 0 || r == -EACCES ? 0 : ch->at.by_id && r == -EINVAL ? -ENOENT : r;
}

/* A deadline that has passed is a time of 0; the call's own -EAGAIN then means it passed. */
static int set_op(struct hepta_channel *ch, short op, int64_t deadline)
{
    struct set_own *own = ch->own;
    struct sembuf one = {.sem_num = (unsigned short)ch->at.index,
                         .sem_op = op,
                         .sem_flg = ch->at.set & H7_OPT(UNDO) ? SEM_UNDO : 0};
    int64_t left = deadline - hepta_now_ns();
    struct timespec rest = spec(left > 0 ? left : 0);
    int waits = deadline != HEPTA_NOW && deadline != HEPTA_FOREVER;

    if (deadline == HEPTA_NOW)
        one.sem_flg |= IPC_NOWAIT;
    if (syscall(SYS_semtimedop, own->id, &one, 1, waits ? &rest : NULL) == 0)
        return 0;
    return errno == EAGAIN && waits ? -ETIMEDOUT : -errno;
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
    return put(st, set_value(ch));
}

static int set_create(const struct h7_address *a)
{
    int id = set_make(a);
    return id < 0 ? id : 0;
}

static int set_remove(const struct h7_address *a)
{
    int id = a->by_id ? a->key : semget(a->key, 0, 0);

    if (id < 0)
        return -errno;
    if (semctl(id, 0, IPC_RMID) == 0)
        return 0;
    return a->by_id && (errno == EINVAL || errno == EIDRM) ? -ENOENT : -errno;
}

const struct h7_channel_ops h7_channel_kernel_semset = {
    .own_len = sizeof(struct set_own),
    .open = set_open,
    .send = set_send,
    .recv = set_recv,
    .peek = set_peek,
    .stat = set_stat,
    .create = set_create,
    .remove = set_remove,
};
