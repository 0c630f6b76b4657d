/* SPDX-License-Identifier: MIT */
/*
 * memory/sysv_internal.h - System V segments inside the library
 *
 * Ids, keys and permissions are those of sysv/sysv.h. An object has two parts:
 *   data     the memory, and nothing else; its permission bits are the segment's own
 *   control  a small segment (prim/segment.h) with struct h7_shmid_shared
 * An entry of the table has control mapped, not data: that is what shmat does, each time anew.
 *
 * Who has it attached is known to the kernel alone. Each attach opens data, locks a byte of it,
 * shared (memory_internal.h says why such a lock is right), maps it and closes it: the mapping
 * keeps the open file, and with it the lock, until shmdt, exec or death; a forked child has it
 * too. How many have it says /proc (users.c).
 *
 * After IPC_RMID the id leads here still, until nobody has it attached. Whether that is so is asked
 * by the remover, at each detach, and by whoever meets the id: with the lock of control, which an
 * attach holds from its look at `removed` to its lock of the byte. So nothing that is being
 * removed gets a new mapping.
 *
 * Shared layout, struct h7_shmid_shared, under lock but for len:
 *   common            sysv/sysv.h
 *   lock              prim/lock.h
 *   removed           1: IPC_RMID
 *   locked            1: SHM_LOCK
 *   len               bytes, as they were asked for; data has whole pages
 *   cpid, lpid        who made it; who attached or detached it last
 *   atime, dtime      when that was
 *
 * Where one can die:
 *   M1 attach, after its lock of the byte    the lock ends with the process
 *   M2 removed, still in use                 the last detach removes the names; or, if that one was
 *                                            killed, whoever meets the id, lists all, or makes one
 */
#ifndef H7_MEMORY_SYSV_INTERNAL_H
#define H7_MEMORY_SYSV_INTERNAL_H

#include <hepta/shm.h>
#include <sys/stat.h>

#include "prim/life.h"
#include "prim/lock.h"
#include "prim/segment.h"
#include "sysv/sysv.h"

#define H7_SHMID_DATA    "data"
#define H7_SHMID_CONTROL "control"

struct h7_shmid_shared {
    struct h7_sysv_shared common;
    struct h7_lock lock;
    struct h7_a32 removed, locked, reserved;
    struct h7_a64 len;
    struct h7_a32 cpid, lpid;
    struct h7_a64 atime, dtime;
};

/* An entry of the table. */
struct h7_shmid {
    struct h7_sysv_entry entry; /* first */
    struct h7_segment seg;
    struct h7_shmid_shared *shared;
};

extern const struct h7_sysv_family h7_shmid_family;
extern struct h7_sysv_table h7_shmid_table;

static inline struct h7_shmid *h7_shmid_of(const struct h7_sysv_entry *e)
{
    return (struct h7_shmid *)(uintptr_t)e;
}

/* As h7_sysv_enter(): 0, and h7_shmid_leave_with() has to follow. */
static inline int h7_shmid_enter(int id, struct h7_shmid **m)
{
    struct h7_sysv_entry *e = NULL;
    int r = h7_sysv_enter(&h7_shmid_table, id, &e);
    *m = h7_shmid_of(e);
    return r;
}

static inline int h7_shmid_leave_with(struct h7_shmid *m, int r)
{
    return (int)h7_sysv_leave_with(&h7_shmid_table, &m->entry, r);
}

/* --- sysv_family.c --- */

/* The lock of control. 0, -ETIMEDOUT (a stopped process has it), -EDEADLK, ... A dead holder's
 * leaves nothing to mend: each field is true for itself. */
int h7_shmid_lock(struct h7_shmid *m);
void h7_shmid_unlock(struct h7_shmid *m);
/* Under the lock: if it is removed, and nobody has it attached, its names go. 1 they are gone. */
int h7_shmid_reap(struct h7_shmid *m, int id);
/* The part data. -ESTALE is -EIDRM. */
int h7_shmid_open_data(const struct h7_shmid *m, int flags);

/* --- sysv_sweep.c --- */

/* All that are removed and that nobody has any more, as far as this user may; at most once a second
 * unless it is urgent. */
void h7_shmid_sweep(int urgent);

/* --- sysv.c: what this process has attached --- */

/* mlock(2), or munlock(2), of this process's mappings of id. 0, -EPERM, -ENOMEM, ... */
int h7_shmid_lock_mappings(int id, int lock);

/* --- users.c --- */

/* How often it is mapped in the processes that this user can see, or in how many processes; up to n
 * pids. */
int h7_shm_count(const struct stat *st, int mappings, pid_t *pids, size_t n);

#endif
