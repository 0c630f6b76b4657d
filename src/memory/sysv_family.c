/* SPDX-License-Identifier: MIT */
/* memory/sysv_family.c - what sysv/sysv.h asks of shared memory; see memory/sysv_internal.h */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>

#include "base/clock.h"
#include "base/sys.h"
#include "memory/memory_internal.h"
#include "memory/sysv_internal.h"
#include "name/name.h"

#define PATIENCE_MS 50 /* for a stopped holder of the lock */
#define NAMES_MS    20 /* the same, on the way to what a verb wants; which then waits once more */

/* --- making --------------------------------------------------------------------------- */

static int make_data(int dir, mode_t mode, uint64_t len)
{
    uint64_t page = 4096;
    int fd = h7_sys_openat(dir, H7_SHMID_DATA, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        return fd;
    len = (len + page - 1) / page * page;
    int r = h7_shm_allocate(fd, 0, len);
    if (r == -ENOSPC) { /* what dead processes left could be what fills the file system */
        h7_shm_sweep(1);
        h7_shmid_sweep(1);
        r = h7_shm_allocate(fd, 0, len);
    }
    if (r == 0)
        r = h7_sys_fchmod(fd, mode);
    h7_sys_close(fd);
    return r;
}

static int make_control(int dir, const struct h7_sysv_shared *common, uint64_t len)
{
    const struct h7_segment_spec spec = {
        .kind = H7_KIND_SHM, .control_len = sizeof(struct h7_shmid_shared), .data_len = 4096};
    struct h7_segment seg;
    struct h7_life me;
    int r = h7_life_self(&me);
    if (r == 0)
        r = h7_segment_new_in(&seg, &spec, dir, 0600);
    if (r < 0)
        return r;
    struct h7_shmid_shared *sh = h7_segment_control(&seg);
    sh->common = *common;
    h7_store64_relaxed(&sh->len, len); /* relaxed: published with the name */
    h7_store32_relaxed(&sh->cpid, me.pid);
    r = h7_sys_fchmod(seg.fd, h7_sysv_file_mode((mode_t)h7_load32_relaxed(&common->mode)));
    if (r == 0)
        r = h7_segment_publish(&seg, dir, H7_SHMID_CONTROL);
    h7_segment_close(&seg);
    return r;
}

static int make(int dir, const struct h7_sysv_shared *common, const void *arg)
{
    const uint64_t *len = arg;
    if (*len == 0)
        return -EINVAL;
    h7_shmid_sweep(0);
    int r = make_data(dir, (mode_t)h7_load32_relaxed(&common->mode), *len);
    return r < 0 ? r : make_control(dir, common, *len);
}

static int fits(const struct h7_sysv_entry *e, const void *arg)
{
    const uint64_t *len = arg;
    return *len <= h7_load64_relaxed(&h7_shmid_of(e)->shared->len) ? 0 : -EINVAL;
}

/* --- attaching ------------------------------------------------------------------------ */

static int attach(struct h7_sysv_entry *e, int obj, const struct h7_sysv_ways *ways)
{
    struct h7_shmid *m = h7_shmid_of(e);
    const struct h7_segment_spec spec = {.kind = H7_KIND_SHM,
                                         .control_len = sizeof(struct h7_shmid_shared)};
    (void)ways;
    int fd = h7_name_part(obj, H7_SHMID_CONTROL, O_RDWR, S_IFREG);
    int r = fd < 0 ? fd : h7_segment_attach(&m->seg, fd, &spec, 0);
    if (r < 0) {
        h7_sys_close(fd);
        return r;
    }
    e->obj = h7_sys_dup(obj, 1);
    if (e->obj < 0) {
        h7_segment_close(&m->seg);
        return e->obj;
    }
    m->shared = h7_segment_control(&m->seg);
    e->sh = &m->shared->common;
    e->removed = &m->shared->removed;
    return 0;
}

static void detach(struct h7_sysv_entry *e)
{
    h7_segment_close(&h7_shmid_of(e)->seg);
    h7_sys_close(e->obj);
    e->obj = -1;
}

/* --- removal --------------------------------------------------------------------------- */

static int lock_within(struct h7_shmid *m, int ms)
{
    int r = h7_lock(&m->shared->lock, hepta_in_ms(ms));
    return r == -EOWNERDEAD ? 0 : r;
}

int h7_shmid_lock(struct h7_shmid *m)
{
    return lock_within(m, PATIENCE_MS);
}

void h7_shmid_unlock(struct h7_shmid *m)
{
    h7_unlock(&m->shared->lock);
}

int h7_shmid_open_data(const struct h7_shmid *m, int flags)
{
    int fd = h7_name_part(m->entry.obj, H7_SHMID_DATA, flags, S_IFREG);
    return fd == -ESTALE ? -EIDRM : fd;
}

/* Whoever can't read data may be able to write it; who can do neither leaves it to others. */
static int is_held(const struct h7_shmid *m)
{
    int fd = h7_shmid_open_data(m, O_RDONLY);
    if (fd == -EACCES)
        fd = h7_shmid_open_data(m, O_WRONLY);
    int r = fd == -EIDRM ? 0 : fd < 0 ? fd : h7_shm_held(fd);
    h7_sys_close(fd);
    return r;
}

int h7_shmid_reap(struct h7_shmid *m, int id)
{
    if (!h7_load32_relaxed(&m->shared->removed) || is_held(m) != 0)
        return 0;
    return h7_sysv_unlink(&h7_shmid_family, id) == 0;
}

static int remove_id(struct h7_sysv_entry *e, int id)
{
    struct h7_shmid *m = h7_shmid_of(e);
    int r = h7_shmid_lock(m);
    if (r < 0)
        return r;
    if (h7_sysv_is_owner(e->sh)) {
        h7_store32_release(&m->shared->removed, 1); /* linearization point of IPC_RMID */
        h7_sysv_let_go(&h7_shmid_family, id);
        if (h7_shmid_reap(m, id))
            h7_sysv_retire(&h7_shmid_table, e, 1);
    } else {
        r = -EPERM;
    }
    h7_shmid_unlock(m);
    return r;
}

static int lock_names(struct h7_sysv_entry *e)
{
    return lock_within(h7_shmid_of(e), NAMES_MS);
}

static void unlock_names(struct h7_sysv_entry *e)
{
    h7_shmid_unlock(h7_shmid_of(e));
}

struct h7_sysv_table h7_shmid_table = {.family = &h7_shmid_family};

const struct h7_sysv_family h7_shmid_family = {
    .id_kind = "shmid",
    .key_kind = "shmkey",
    .table = &h7_shmid_table,
    .entry_size = sizeof(struct h7_shmid),
    .main = H7_SHMID_CONTROL,
    .parts = {{H7_SHMID_DATA, S_IFREG, H7_SYSV_EXACT},
              {H7_SHMID_CONTROL, S_IFREG, H7_SYSV_SHARED}},
    .removed_bits = ~0u,
    .lingers = 1,
    .make = make,
    .fits = fits,
    .attach = attach,
    .detach = detach,
    .remove = remove_id,
    .lock_names = lock_names,
    .unlock_names = unlock_names,
};
