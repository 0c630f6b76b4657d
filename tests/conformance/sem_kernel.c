/* SPDX-License-Identifier: MIT */
/* sem_kernel.c - glibc's POSIX semaphore behind the table of sem_room.h */
#define _GNU_SOURCE
#include <time.h>

#include "sem_room.h"

static int result(int r)
{
    return r < 0 ? -errno : r;
}

static int k_init(union semaphore *s, int shared, uint32_t value)
{
    return result(sem_init((sem_t *)s, shared, value));
}

static int k_destroy(union semaphore *s)
{
    return result(sem_destroy(&s->kernel));
}

/* On CLOCK_REALTIME, which nobody sets meanwhile. */
static int timed_wait(union semaphore *s, int64_t deadline)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t ns = now.tv_sec * 1000000000LL + now.tv_nsec + deadline - hepta_now_ns();
    struct timespec until = {ns / 1000000000, ns % 1000000000};
    return result(sem_timedwait(&s->kernel, &until));
}

static int k_wait(union semaphore *s, int64_t deadline)
{
    if (deadline == NOW)
        return result(sem_trywait(&s->kernel));
    if (deadline == EVER)
        return result(sem_wait(&s->kernel));
    return timed_wait(s, deadline);
}

static int k_post(union semaphore *s)
{
    return result(sem_post(&s->kernel));
}

static int k_value(union semaphore *s)
{
    int value;
    return sem_getvalue(&s->kernel, &value) < 0 ? -errno : value;
}

static int k_open(const char *name, int flags, mode_t mode, uint32_t value, union semaphore **s)
{
    sem_t *sem = sem_open(name, flags, mode, value);
    if (sem == SEM_FAILED)
        return -errno;
    *s = (union semaphore *)sem;
    return 0;
}

static int k_close(union semaphore *s)
{
    return result(sem_close(&s->kernel));
}

static int k_unlink(const char *name)
{
    return result(sem_unlink(name));
}

const struct sem_ops sem_kernel_ops = {
    .init = k_init,
    .destroy = k_destroy,
    .wait = k_wait,
    .post = k_post,
    .value = k_value,
    .open = k_open,
    .close = k_close,
    .unlink = k_unlink,
};
