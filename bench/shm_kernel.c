/* SPDX-License-Identifier: MIT */
/*
 * bench/shm_kernel.c - glibc's robust mutex in shared memory, on the kernel's robust list; as a
 * cell a plain copy: under that mutex, and without any protection
 *
 * Called through pointers, as sem_kernel.c says.
 */
#define _GNU_SOURCE
#include "bench/backends.h"
#include "bench/shm_turns.h"

#include <pthread.h>
#include <string.h>

_Static_assert(sizeof(pthread_mutex_t) <= SHM_MUTEX_MAX, "the mutex has room");

static int (*volatile mutex_lock)(pthread_mutex_t *) = pthread_mutex_lock;
static int (*volatile mutex_unlock)(pthread_mutex_t *) = pthread_mutex_unlock;

static int lock(struct shm_link *l)
{
    return -mutex_lock((pthread_mutex_t *)l->shared->mutex);
}

static int unlock(struct shm_link *l)
{
    return -mutex_unlock((pthread_mutex_t *)l->shared->mutex);
}

/* The compiler is not to know what others write. */
static int copy_out(struct shm_link *l, void *at)
{
    __asm__ volatile("" ::: "memory");
    memcpy(at, l->shared->value, l->bytes);
    return 0;
}

static int copy_in(struct shm_link *l, const void *at)
{
    memcpy(l->shared->value, at, l->bytes);
    __asm__ volatile("" ::: "memory");
    return 0;
}

static int read_locked(struct shm_link *l, void *at)
{
    int rc = lock(l);

    if (rc)
        return rc;
    copy_out(l, at);
    return unlock(l);
}

static int write_locked(struct shm_link *l, const void *at)
{
    int rc = lock(l);

    if (rc)
        return rc;
    copy_in(l, at);
    return unlock(l);
}

static const struct shm_verbs locked = {lock, unlock, read_locked, write_locked};
static const struct shm_verbs bare = {NULL, NULL, copy_out, copy_in};

static int locked_repeat(void *link, uint64_t n)
{
    return shm_repeat(link, n, &locked);
}

static int bare_repeat(void *link, uint64_t n)
{
    return shm_values(link, n, &bare);
}

/* The same work; but values may be torn, that is what no protection means. */
static int bare_check(void *link)
{
    struct shm_link *l = link;

    shm_check(l);
    l->number = 0;
    return 0;
}

static bool bare_fits(const struct bench_case *c)
{
    return (c->test == BENCH_CELL || c->test == BENCH_STORM) && shm_fits(c);
}

static int mutex_init(struct shm_link *l)
{
    pthread_mutexattr_t attr;
    int rc = pthread_mutexattr_init(&attr);

    if (rc)
        return -rc;
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    rc = pthread_mutex_init((pthread_mutex_t *)l->shared->mutex, &attr);
    pthread_mutexattr_destroy(&attr);
    return -rc;
}

static int shm_open_link(void **link, const struct bench_case *c)
{
    struct shm_link *l;
    int rc = shm_link_new(&l, c, c->bytes);

    if (rc)
        return rc;
    rc = mutex_init(l);
    if (rc) {
        shm_close(l);
        return rc;
    }
    if (c->bytes) {
        shm_stamp(l);
        copy_in(l, l->own);
    }
    *link = l;
    return 0;
}

const struct bench_backend bench_shm_kernel = {
    .name = "kernel",
    .what = "glibc's robust mutex; a plain copy under it",
    .fits = shm_fits,
    .open = shm_open_link,
    .enter = shm_enter,
    .begin = shm_begin,
    .repeat = locked_repeat,
    .check = shm_check,
    .close = shm_close,
};

const struct bench_backend bench_shm_limit = {
    .name = "limit",
    .what = "a plain copy without any protection",
    .fits = bare_fits,
    .open = shm_open_link,
    .enter = shm_enter,
    .begin = shm_begin,
    .repeat = bare_repeat,
    .check = bare_check,
    .close = shm_close,
};
