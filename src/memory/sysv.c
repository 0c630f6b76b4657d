/* SPDX-License-Identifier: MIT */
/*
 * memory/sysv.c - get, attach and detach of System V segments; see memory/sysv_internal.h
 *
 * What this process has attached is in a list of its own, for shmdt, which is given an address
 * only. A forked child inherits the list with the mappings.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/sys.h"
#include "memory/memory_internal.h"
#include "memory/sysv_internal.h"

/* --- the list ------------------------------------------------------------------------- */

struct mapping {
    char *at;
    size_t len;
    int id;
};

static struct h7_mutex guard;
static struct mapping *list;
static size_t n_list, room;

/* Under the guard: a place for one more. */
static int make_room(void)
{
    if (n_list < room)
        return 0;
    size_t more = room ? room * 2 : 16;
    struct mapping *p = realloc(list, more * sizeof *p);
    if (!p)
        return -ENOMEM;
    list = p;
    room = more;
    return 0;
}

/* What was mapped over by SHM_REMAP isn't attached there any more. */
static void forget(const char *at, size_t len)
{
    for (size_t i = 0; i < n_list; i++)
        if (list[i].at < at + len && at < list[i].at + list[i].len)
            list[i--] = list[--n_list];
}

static int take_out(const void *at, struct mapping *found)
{
    for (size_t i = 0; i < n_list; i++)
        if (list[i].at == at) {
            *found = list[i];
            list[i] = list[--n_list];
            return 0;
        }
    return -EINVAL;
}

int h7_shmid_lock_mappings(int id, int lock)
{
    int r = 0;
    h7_mutex_enter(&guard);
    for (size_t i = 0; i < n_list && r == 0; i++)
        if (list[i].id == id)
            r = h7_sys_mlock(list[i].at, list[i].len, lock);
    h7_mutex_unlock(&guard);
    return r;
}

/* --- get ------------------------------------------------------------------------------- */

int hepta_shm_get(key_t key, size_t len, int flags)
{
    const uint64_t want = len;
    if (want > HEPTA_SHM_SIZE_MAX)
        return -EINVAL;
    const struct h7_sysv_asked asked = {.key = key, .flags = flags, .arg = &want};
    return h7_sysv_get(&h7_shmid_family, &asked);
}

/* --- attach ---------------------------------------------------------------------------- */

/* Where to. 0, -EINVAL. */
static int choose(const void *addr, int flags, void **at)
{
    uintptr_t a = (uintptr_t)addr, lba = (uintptr_t)SHMLBA;
    if (!addr && flags & SHM_REMAP)
        return -EINVAL;
    if (a % lba && !(flags & SHM_RND))
        return -EINVAL;
    a -= a % lba;
    *at = (void *)a;
    return addr && a == 0 && flags & SHM_REMAP ? -EINVAL : 0;
}

static int protection(int flags)
{
    return PROT_READ | (flags & SHM_RDONLY ? 0 : PROT_WRITE) | (flags & SHM_EXEC ? PROT_EXEC : 0);
}

/* Under the guard. */
static int map_data(int fd, int id, void *at, int flags, void **ptr)
{
    uint64_t len;
    int how = MAP_SHARED | (!at ? 0 : flags & SHM_REMAP ? MAP_FIXED : MAP_FIXED_NOREPLACE);
    int r = h7_shm_measure(fd, &len);
    if (r == 0)
        r = make_room();
    if (r < 0)
        return r;
    char *p = mmap(at, (size_t)len, protection(flags), how, fd, 0);
    if (p == MAP_FAILED)
        return errno == EEXIST ? -EINVAL : errno == EPERM || errno == EACCES ? -EACCES : -ENOMEM;
    forget(p, (size_t)len);
    list[n_list++] = (struct mapping){.at = p, .len = (size_t)len, .id = id};
    *ptr = p;
    return 0;
}

static void stamp(struct h7_shmid *m, struct h7_a64 *when)
{
    struct h7_life me;
    h7_store64_relaxed(when, (uint64_t)time(NULL));
    if (h7_life_self(&me) == 0)
        h7_store32_relaxed(&m->shared->lpid, me.pid);
}

/* Under the lock of control, from the look at `removed` to the lock of the byte. */
static int attach_locked(struct h7_shmid *m, int id, void *at, int flags, void **ptr)
{
    int fd = h7_shmid_open_data(m, flags & SHM_RDONLY ? O_RDONLY : O_RDWR);
    if (fd < 0)
        return fd;
    int r = h7_shm_hold(fd);
    if (r == 0) {
        h7_mutex_enter(&guard);
        r = map_data(fd, id, at, flags, ptr);
        h7_mutex_unlock(&guard);
    }
    h7_sys_close(fd); /* the mapping keeps the open file, and its lock: M1 */
    if (r == 0)
        stamp(m, &m->shared->atime);
    return r;
}

static int attach(struct h7_shmid *m, int id, void *at, int flags, void **ptr)
{
    uint32_t bits = H7_SYSV_READ | (flags & SHM_RDONLY ? 0 : H7_SYSV_WRITE) |
                    (flags & SHM_EXEC ? 01u : 0);
    int r = h7_sysv_ask(&m->entry, bits);
    if (r == 0)
        r = h7_shmid_lock(m);
    if (r < 0)
        return r;
    int gone = h7_shmid_reap(m, id);
    if (!gone)
        r = attach_locked(m, id, at, flags, ptr);
    h7_shmid_unlock(m);
    if (gone || r == -EIDRM) {
        h7_sysv_retire(&h7_shmid_table, &m->entry, 1);
        return -EINVAL; /* nobody had it any more: there is no such id */
    }
    return r;
}

int hepta_shm_at(int id, const void *addr, int flags, void **ptr)
{
    struct h7_shmid *m;
    void *at;
    if (!ptr)
        return -EFAULT;
    int r = choose(addr, flags, &at);
    if (r == 0)
        r = h7_shmid_enter(id, &m);
    return r < 0 ? r : h7_shmid_leave_with(m, attach(m, id, at, flags, ptr));
}

/* --- detach ---------------------------------------------------------------------------- */

/* The last one of a removed segment takes its names with it. */
static void note_detach(int id)
{
    struct h7_shmid *m;
    if (h7_shmid_enter(id, &m) < 0)
        return;
    if (h7_shmid_lock(m) == 0) {
        stamp(m, &m->shared->dtime);
        if (h7_shmid_reap(m, id))
            h7_sysv_retire(&h7_shmid_table, &m->entry, 1);
        h7_shmid_unlock(m);
    }
    h7_shmid_leave_with(m, 0);
}

int hepta_shm_dt(const void *ptr)
{
    struct mapping m;
    h7_mutex_enter(&guard);
    int r = take_out(ptr, &m);
    if (r == 0)
        munmap(m.at, m.len);
    h7_mutex_unlock(&guard);
    if (r == 0)
        note_detach(m.id);
    return r;
}
