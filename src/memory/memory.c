/* SPDX-License-Identifier: MIT */
/*
 * memory/memory.c - a segment's handle: where it is, closing it; see memory/memory_internal.h
 */
#define _GNU_SOURCE
#include <errno.h>

#include "base/self.h"
#include "base/sys.h"
#include "memory/memory_internal.h"

int h7_shm_enter(const struct hepta_shm *shm, uint32_t flags)
{
    if (!shm)
        return -EINVAL;
    /* Acquire, with the release in h7_shm_finish(). */
    if (h7_load32_acquire(&shm->handle.kind) != H7_KIND_SHM)
        return -EBADF;
    return (shm->flags & flags) == flags ? 0 : -EACCES;
}

struct hepta_shm *h7_shm_begin(int *r)
{
    *r = h7_self() ? 0 : h7_self_fill();
    struct hepta_shm *shm = *r == 0 ? h7_handle_new(sizeof *shm) : NULL;
    if (shm)
        shm->fd = -1;
    else if (*r == 0)
        *r = -ENOMEM;
    return shm;
}

int h7_shm_finish(struct hepta_shm *shm, int r, struct hepta_shm **out)
{
    if (r < 0) {
        h7_shm_unmap(shm);
        h7_sys_close(shm->fd);
        h7_handle_free(shm, sizeof *shm);
        return r;
    }
    h7_store32_release(&shm->handle.kind, H7_KIND_SHM);
    *out = shm;
    return 0;
}

void *hepta_shm_data(const struct hepta_shm *shm)
{
    return h7_shm_enter(shm, 0) == 0 ? shm->base : NULL;
}

size_t hepta_shm_len(const struct hepta_shm *shm)
{
    /* Acquire, with the release in grow(): what is mapped. */
    return h7_shm_enter(shm, 0) == 0 ? (size_t)h7_load64_acquire(&shm->mapped) : 0;
}

/* The lock goes with the open file: with this, unless a child or a duplicate has it. */
int hepta_shm_close(struct hepta_shm *shm)
{
    uint32_t open = H7_KIND_SHM;
    if (!shm || !h7_cas32_acquire(&shm->handle.kind, &open, 0))
        return -EBADF; /* closed already: leave alone */
    h7_shm_unmap(shm);
    h7_sys_close(shm->fd);
    if (shm->flags & HEPTA_SHM_AUTO && shm->name[0])
        h7_shm_remove_stale(shm->name);
    h7_handle_free(shm, sizeof *shm);
    return 0;
}
