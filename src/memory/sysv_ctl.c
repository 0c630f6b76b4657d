/* SPDX-License-Identifier: MIT */
/*
 * memory/sysv_ctl.c - hepta_shm_ctl(): looking at a segment, changing and removing it; see
 * memory/sysv_internal.h
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/sys.h"
#include "memory/sysv_internal.h"

/* In the mode that IPC_STAT gives: removed, but still attached somewhere; SHM_LOCK. shmctl(2). */
#ifndef SHM_DEST
#define SHM_DEST 01000
#define SHM_LOCKED 02000
#endif

/* --- IPC_STAT and so on ----------------------------------------------------------------- */

/* Mappings in the processes that this user can see. Whoever can look at the file at all, can so. */
static unsigned long n_attached(const struct h7_shmid *m)
{
    struct stat st;
    int fd = h7_shmid_open_data(m, O_PATH);
    int n = fd >= 0 && fstat(fd, &st) == 0 ? h7_shm_count(&st, 1, NULL, 0) : 0;
    h7_sys_close(fd);
    return n > 0 ? (unsigned long)n : 0;
}

static int snapshot(struct h7_shmid *m, struct shmid_ds *ds)
{
    const struct h7_shmid_shared *sh = m->shared;
    int r = h7_shmid_lock(m);
    if (r < 0)
        return r;
    memset(ds, 0, sizeof *ds);
    h7_sysv_read_perm(&sh->common, &ds->shm_perm);
    if (h7_load32_relaxed(&sh->removed)) {
        ds->shm_perm.mode |= SHM_DEST;
        ds->shm_perm.__key = IPC_PRIVATE;
    }
    if (h7_load32_relaxed(&sh->locked))
        ds->shm_perm.mode |= SHM_LOCKED;
    ds->shm_segsz = (size_t)h7_load64_relaxed(&sh->len);
    ds->shm_atime = (time_t)h7_load64_relaxed(&sh->atime);
    ds->shm_dtime = (time_t)h7_load64_relaxed(&sh->dtime);
    ds->shm_ctime = (time_t)h7_load64_relaxed(&sh->common.ctime);
    ds->shm_cpid = (pid_t)h7_load32_relaxed(&sh->cpid);
    ds->shm_lpid = (pid_t)h7_load32_relaxed(&sh->lpid);
    h7_shmid_unlock(m);
    ds->shm_nattch = n_attached(m); /* not with the lock held: it looks at each process */
    return 0;
}

static int stat_index(int index, int any, struct shmid_ds *ds)
{
    struct h7_shmid m = {.entry = {.obj = -1}};
    int id = h7_sysv_at(&h7_shmid_family, index, any, &m.entry);
    if (id < 0)
        return id;
    int r = snapshot(&m, ds);
    h7_shmid_family.detach(&m.entry);
    return r < 0 ? r : id;
}

struct usage {
    int ids;
    uint64_t pages;
};

static void add_usage(struct h7_sysv_entry *e, void *arg)
{
    struct usage *u = arg;
    u->ids++;
    u->pages += (h7_load64_relaxed(&h7_shmid_of(e)->shared->len) + 4095) / 4096;
}

static int get_info(int cmd, void *buf)
{
    struct h7_shmid m = {.entry = {.obj = -1}};
    struct usage u = {0};
    int n = h7_sysv_each(&h7_shmid_family, &m.entry, cmd == SHM_INFO ? add_usage : NULL, &u);
    if (n < 0)
        return n;
    if (cmd == SHM_INFO) /* all of it is resident, or swapped: who knows */
        *(struct shm_info *)buf = (struct shm_info){
            .used_ids = u.ids, .shm_tot = u.pages, .shm_rss = u.pages};
    else
        *(struct shminfo *)buf = (struct shminfo){.shmmax = HEPTA_SHM_SIZE_MAX,
                                                  .shmmin = 1,
                                                  .shmmni = INT_MAX,
                                                  .shmseg = INT_MAX,
                                                  .shmall = HEPTA_SHM_SIZE_MAX / 4096};
    return n > 0 ? n - 1 : 0;
}

/* --- changing ---------------------------------------------------------------------------- */

static int set_perm(struct h7_shmid *m, const struct shmid_ds *ds)
{
    int r = h7_shmid_lock(m);
    if (r < 0)
        return r;
    r = h7_sysv_set(&h7_shmid_family, &m->entry, &ds->shm_perm);
    h7_shmid_unlock(m);
    return r;
}

static int set_locked(struct h7_shmid *m, int id, int on)
{
    if (!h7_sysv_is_owner(&m->shared->common))
        return -EPERM;
    int r = h7_shmid_lock_mappings(id, on);
    if (r == 0)
        h7_store32_relaxed(&m->shared->locked, (uint32_t)on); /* for IPC_STAT */
    return r;
}

/* --- all ---------------------------------------------------------------------------------- */

/* One that is removed, and that nobody has any more, is no more. 0 it is there, -EINVAL, or as
 * h7_shmid_lock(): then nothing else waits for that lock. */
static int bury_gone(struct h7_shmid *m, int id)
{
    if (!h7_load32_relaxed(&m->shared->removed))
        return 0;
    int r = h7_shmid_lock(m);
    if (r < 0)
        return r;
    int gone = h7_shmid_reap(m, id);
    h7_shmid_unlock(m);
    if (gone)
        h7_sysv_retire(&h7_shmid_table, &m->entry, 1);
    return gone ? -EINVAL : 0;
}

static int with_id(struct h7_shmid *m, int id, int cmd, void *buf)
{
    int r = bury_gone(m, id);
    if (r < 0)
        return r;
    switch (cmd) {
    case IPC_SET:
        return set_perm(m, buf);
    case SHM_LOCK:
    case SHM_UNLOCK:
        return set_locked(m, id, cmd == SHM_LOCK);
    default:
        r = h7_sysv_ask(&m->entry, H7_SYSV_READ);
        return r < 0 ? r : snapshot(m, buf);
    }
}

int hepta_shm_ctl(int id, int cmd, void *buf)
{
    struct h7_shmid *m;
    int lists = cmd == IPC_INFO || cmd == SHM_INFO || cmd == SHM_STAT || cmd == SHM_STAT_ANY;
    int takes = lists || cmd == IPC_STAT || cmd == IPC_SET;
    int r = h7_life_know_self();
    if (r < 0)
        return r;
    if (cmd == IPC_RMID)
        return id <= 0 ? -EINVAL : h7_sysv_remove(&h7_shmid_family, id);
    if (!takes && cmd != SHM_LOCK && cmd != SHM_UNLOCK)
        return -EINVAL;
    if (takes && !buf)
        return -EFAULT;
    if (lists) /* before one that is no more is counted */
        h7_shmid_sweep(cmd == IPC_INFO || cmd == SHM_INFO);
    if (cmd == IPC_INFO || cmd == SHM_INFO)
        return get_info(cmd, buf);
    if (lists)
        return stat_index(id, cmd == SHM_STAT_ANY, buf);
    r = h7_shmid_enter(id, &m);
    return r < 0 ? r : h7_shmid_leave_with(m, with_id(m, id, cmd, buf));
}
