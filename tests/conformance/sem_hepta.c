/* SPDX-License-Identifier: MIT */
/* sem_hepta.c - Hepta's POSIX semaphore behind the table of sem_room.h */
#define _GNU_SOURCE
#include "sem_room.h"

/* One kind for threads and processes. @s may be no address of one: no access to a member. */
static int h_init(union semaphore *s, int shared, uint32_t value)
{
    (void)shared;
    return hepta_sem_init((hepta_sem_t *)s, value);
}

static int h_destroy(union semaphore *s)
{
    return hepta_sem_destroy(&s->hepta);
}

static int h_wait(union semaphore *s, int64_t deadline)
{
    return hepta_sem_wait(&s->hepta, deadline);
}

static int h_post(union semaphore *s)
{
    return hepta_sem_post(&s->hepta);
}

static int h_value(union semaphore *s)
{
    return hepta_sem_value(&s->hepta);
}

static int h_open(const char *name, int flags, mode_t mode, uint32_t value, union semaphore **s)
{
    hepta_sem_t *sem;
    uint32_t f = (flags & O_CREAT ? HEPTA_SEM_CREATE : 0) | (flags & O_EXCL ? HEPTA_SEM_EXCL : 0);
    int r = hepta_sem_open(name, f, mode, value, &sem);
    if (r == 0)
        *s = (union semaphore *)sem;
    return r;
}

static int h_close(union semaphore *s)
{
    return hepta_sem_close(&s->hepta);
}

const struct sem_ops sem_hepta_ops = {
    .init = h_init,
    .destroy = h_destroy,
    .wait = h_wait,
    .post = h_post,
    .value = h_value,
    .open = h_open,
    .close = h_close,
    .unlink = hepta_sem_unlink,
};
