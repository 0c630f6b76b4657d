/* SPDX-License-Identifier: MIT */
/*
 * bench/shm_hepta.c - Hepta's robust mutex and its sequence cell
 *
 * Called through pointers, as sem_kernel.c says.
 */
#include "bench/backends.h"
#include "bench/shm_turns.h"

#include <hepta/shm.h>

static int (*volatile mutex_lock)(hepta_shm_mutex_t *, int64_t) = hepta_shm_mutex_lock;
static int (*volatile mutex_unlock)(hepta_shm_mutex_t *) = hepta_shm_mutex_unlock;
static int (*volatile cell_read)(const struct hepta_shm_cell *, void *, size_t,
                                 uint64_t *) = hepta_shm_cell_read;
static int (*volatile cell_write)(struct hepta_shm_cell *, const void *,
                                  size_t) = hepta_shm_cell_write;

_Static_assert(sizeof(hepta_shm_mutex_t) <= SHM_MUTEX_MAX, "the mutex has room");

static int lock(struct shm_link *l)
{
    return mutex_lock((hepta_shm_mutex_t *)l->shared->mutex, HEPTA_FOREVER);
}

static int unlock(struct shm_link *l)
{
    return mutex_unlock((hepta_shm_mutex_t *)l->shared->mutex);
}

static int read_value(struct shm_link *l, void *at)
{
    int rc;

    do
        rc = cell_read((const struct hepta_shm_cell *)l->shared->value, at, l->bytes, NULL);
    while (rc == -EAGAIN); /* overtaken */
    return rc;
}

static int write_value(struct shm_link *l, const void *at)
{
    return cell_write((struct hepta_shm_cell *)l->shared->value, at, l->bytes);
}

static const struct shm_verbs verbs = {lock, unlock, read_value, write_value};

static int hepta_repeat(void *link, uint64_t n)
{
    return shm_repeat(link, n, &verbs);
}

static int hepta_open(void **link, const struct bench_case *c)
{
    struct shm_link *l;
    int rc = shm_link_new(&l, c, c->bytes ? hepta_shm_cell_size(c->bytes) : 0);

    if (rc)
        return rc;
    if (c->bytes) {
        shm_stamp(l);
        rc = write_value(l, l->own);
    }
    if (rc)
        shm_close(l);
    else
        *link = l;
    return rc;
}

const struct bench_backend bench_shm_hepta = {
    .name = "hepta",
    .what = "Hepta's robust mutex; its sequence cell",
    .fits = shm_fits,
    .open = hepta_open,
    .enter = shm_enter,
    .begin = shm_begin,
    .repeat = hepta_repeat,
    .check = shm_check,
    .close = shm_close,
};
