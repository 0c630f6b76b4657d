/* SPDX-License-Identifier: MIT */
/*
 * hepta/shm.h - shared memory: named, anonymous and System V segments; a robust mutex and a
 * sequence cell to put into it
 *
 * What shm_overview(7) and svipc(7) promise: memory that several processes have in their address
 * spaces at once. All of it is allocated when it is made or grown: a full /dev/shm is -ENOSPC
 * there, and no access is SIGBUS because there was no room. A segment's bytes are 0 at first.
 *
 * How long a segment lives is chosen by who makes it: until it is unlinked (the kernel's way,
 * default), or until the last process that has it is gone, however it went (HEPTA_SHM_AUTO).
 *
 * Who may open a segment for writing may write anything into it, and may cut the file of a named
 * one short under the others (SIGBUS); an anonymous one is sealed, so that nobody can.
 *
 * Threads: any number, but for hepta_shm_close(): nobody may be inside a verb of that handle, nor
 * use its memory afterwards. No verb of segments is async-signal-safe.
 */
#ifndef HEPTA_SHM_H
#define HEPTA_SHM_H

#include <hepta/base.h>
#include <sys/ipc.h>
#include <sys/shm.h>

#ifdef __cplusplus
extern "C" {
#endif

struct hepta_shm; /* an attached segment: private to the process */

#define HEPTA_SHM_SIZE_MAX (1ull << 46)

/* How to open. Without WRITE the memory is mapped read-only, and writing to it is SIGSEGV. */
#define HEPTA_SHM_WRITE 2u
#define HEPTA_SHM_CREATE 4u /* make it if nothing has the name */
#define HEPTA_SHM_EXCL 8u   /* with CREATE: -EEXIST if something has */
#define HEPTA_SHM_AUTO 16u  /* of who makes it: it lives as long as somebody has it */

/**
 * struct hepta_shm_options - zeroed means default
 * @size:     sizeof(struct hepta_shm_options), for growth; 0 is an error
 * @reserved: 0
 * @len:      bytes, of who makes it; rounded up to pages; 1 to HEPTA_SHM_SIZE_MAX
 * @len_max:  what it can grow to without a new address: that much address space is reserved, in
 *            this process. 0: @len, or the segment's length where it exists
 */
struct hepta_shm_options {
    uint32_t size;
    uint32_t reserved;
    uint64_t len;
    uint64_t len_max;
};

/**
 * struct hepta_shm_stat
 * @len:     bytes now
 * @mapped:  bytes of it that this handle has mapped (others may have grown it since)
 * @creator: process that made it
 * @flags:   HEPTA_SHM_AUTO, HEPTA_SHM_WRITE (this handle)
 * @users:   processes that have it mapped, as far as this user can see
 */
struct hepta_shm_stat {
    uint64_t len;
    uint64_t mapped;
    pid_t creator;
    uint32_t flags;
    uint32_t users;
    uint32_t reserved;
};

/**
 * hepta_shm_open() - attach a named segment, made if need be
 * @name:  "/jobs": a slash and 1 to HEPTA_NAME_MAX bytes other than a slash
 * @flags: HEPTA_SHM_*
 * @mode:  of who makes it: permission bits, after the umask
 * @opt:   NULL only where nothing is made
 * @shm:   receives the handle
 *
 * Crash:  what a maker that died left half-made is nobody's, and removed by a later make.
 * Return: 0, or -EINVAL (@flags, @mode, @opt; the name), -E2BIG (@opt), -EFAULT, -ENOENT, -EEXIST,
 * -EACCES, -ENAMETOOLONG, -ENOSPC (no room in the directory's file system), -ENOMEM (no address
 * space), -EMFILE, -ENFILE, -EBADMSG, -EPROTO, -EPROTONOSUPPORT (what has the name was refused),
 * -EACCES (also: nobody has what has the name, but it is another user's to remove), -ETIMEDOUT (a
 * stopped process is removing it, or opening it: 100 ms), and what hepta_mq_open() says of the
 * directory. Source: shm_open(3), mmap(2).
 */
int hepta_shm_open(const char *name, uint32_t flags, mode_t mode,
                   const struct hepta_shm_options *opt, struct hepta_shm **shm);

/**
 * hepta_shm_new() - make an anonymous segment: a sealed memfd, attached for writing
 *
 * It lives as long as a process has it mapped, or its descriptor. A child of fork(2) has it; others
 * get it by descriptor. It can grow until it is exported with HEPTA_SHM_FIXED. Source:
 * memfd_create(2).
 * Return: 0, or -EINVAL, -E2BIG, -ENOSPC, -ENOMEM, -EMFILE, -ENFILE.
 */
int hepta_shm_new(const struct hepta_shm_options *opt, struct hepta_shm **shm);

/* hepta_shm_export(): how */
#define HEPTA_SHM_FIXED 32u /* nobody can grow it any more */

/**
 * hepta_shm_export() - a new descriptor of the segment, close-on-exec, to be passed on
 * @flags: HEPTA_SHM_WRITE: its owner may write; without, only read; HEPTA_SHM_FIXED
 *
 * The caller's to close. Return: the descriptor, or -EINVAL, -EACCES (WRITE of a read-only handle),
 * -EPERM (FIXED of a named one), -EMFILE, -ENFILE, -EBADF.
 */
int hepta_shm_export(struct hepta_shm *shm, uint32_t flags);

/**
 * hepta_shm_import() - attach by a descriptor from hepta_shm_export()
 * @fd:    stays the caller's
 * @flags: HEPTA_SHM_WRITE or 0
 *
 * Return: as hepta_shm_open(), and -EBADF, -EPERM (not sealed against being cut short, and no
 * named segment of Hepta's).
 */
int hepta_shm_import(int fd, uint32_t flags, const struct hepta_shm_options *opt,
                     struct hepta_shm **shm);

/** hepta_shm_data() - where the bytes are in this process; NULL: closed handle */
void *hepta_shm_data(const struct hepta_shm *shm);
/** hepta_shm_len() - how many of them this handle has mapped */
size_t hepta_shm_len(const struct hepta_shm *shm);

/**
 * hepta_shm_grow() - make it larger, or map what others have made
 * @len: bytes; 0: as large as it is by now
 *
 * Never smaller: others use it. The address stays. If others have made it larger than @len, all
 * that there is is mapped.
 * Return: 0, or -EINVAL (smaller), -ENOMEM (beyond len_max of this handle), -ENOSPC (nothing
 * changed), -EACCES (read-only handle; what others have made can be mapped), -EPERM
 * (HEPTA_SHM_FIXED), -ETIMEDOUT (for a second another process has been growing it, or was stopped
 * doing so), -EMFILE, -ENFILE, -EBADMSG (cut short, or with holes), -EBADF. Source: ftruncate(2),
 * fallocate(2).
 */
int hepta_shm_grow(struct hepta_shm *shm, uint64_t len);

int hepta_shm_stat(struct hepta_shm *shm, struct hepta_shm_stat *stat);

/**
 * hepta_shm_users() - processes that have it mapped, as far as this user can see into them
 * @pids: receives up to @n. Return: how many there are, perhaps more than @n; or negative errno.
 */
int hepta_shm_users(struct hepta_shm *shm, pid_t *pids, size_t n);

/** hepta_shm_close() - unmap and forget. Return: 0, -EBADF. Source: munmap(2) */
int hepta_shm_close(struct hepta_shm *shm);

/**
 * hepta_shm_unlink() - remove the name, at once; the memory when nobody has it
 * Return: as hepta_sem_unlink(). Source: shm_unlink(3).
 */
int hepta_shm_unlink(const char *name);

/* --- System V ------------------------------------------------------------------------------ */

/**
 * hepta_shm_get() - the id of a segment, made if need be
 * @len:   bytes; of an existing one at most its size, or 0
 * @flags: permission bits, IPC_CREAT, IPC_EXCL; SHM_NORESERVE, SHM_HUGETLB are ignored
 *
 * Return: the id, 0 or more, or -EINVAL (@len), and as hepta_msg_get(). Source: shmget(2).
 */
int hepta_shm_get(key_t key, size_t len, int flags);

/**
 * hepta_shm_at() - attach
 * @addr:  NULL: wherever there is room
 * @flags: SHM_RDONLY, SHM_EXEC, SHM_RND, SHM_REMAP
 * @ptr:   receives the address
 *
 * Return: 0, or -EINVAL (@id, @addr), -EIDRM, -EACCES, -ENOMEM, -EFAULT. Source: shmop(2).
 */
int hepta_shm_at(int id, const void *addr, int flags, void **ptr);

/** hepta_shm_dt() - detach what hepta_shm_at() gave. Return: 0, -EINVAL. Source: shmop(2) */
int hepta_shm_dt(const void *ptr);

/**
 * hepta_shm_ctl() - look at a segment, change it, remove it
 * @cmd: IPC_STAT, IPC_SET, IPC_RMID, IPC_INFO, SHM_INFO, SHM_STAT, SHM_STAT_ANY, SHM_LOCK,
 *       SHM_UNLOCK (of this process's mappings)
 *
 * After IPC_RMID the key is free at once, and the memory goes with the last process that has it;
 * until then it can be attached by its id, as with Linux's. shm_nattch counts what this user can
 * see. Return: as hepta_msg_ctl(). Source: shmctl(2).
 */
int hepta_shm_ctl(int id, int cmd, void *buf);

/* --- a robust mutex -------------------------------------------------------------------------- */

/**
 * hepta_shm_mutex_t - a mutex in any shared memory; the fields are the library's
 *
 * 32 bytes, aligned to 8, position-independent, the same for 32-bit and 64-bit processes. Zeroed
 * memory is an unlocked one. A thread may hold any number. When a holder, thread or process, dies,
 * the next one is told. A program that is replaced by exec(2) hasn't died: it holds what it held.
 */
typedef struct hepta_shm_mutex {
    uint64_t word;
    uint32_t state;
    uint32_t spins;
    uint64_t recoveries;
    uint64_t reserved;
} __attribute__((aligned(8))) hepta_shm_mutex_t;

/**
 * hepta_shm_mutex_lock() - take it, and wait while somebody living has it
 * @deadline: absolute CLOCK_MONOTONIC ns, HEPTA_NOW or HEPTA_FOREVER
 *
 * A handler that runs meanwhile doesn't end the wait, as with pthread_mutex_lock(3).
 * Crash:  a waiter of a dead holder proceeds within 100 ms, typically 10.
 * Return: 0; -EOWNERDEAD (taken; the last holder died in it: mend what it guards, then
 * hepta_shm_mutex_mended(); unlocked without that, it stays -ENOTRECOVERABLE for all);
 * or not taken: -EAGAIN, -ETIMEDOUT, -EDEADLK (this thread has it), -ENOTRECOVERABLE, -EBADMSG
 * (no state that it can have), -EXDEV (held in another PID namespace, where nobody here can see
 * whether the holder lives), -EINVAL (NULL, not aligned), -ENOMEM, -ENOSYS.
 * Source: pthread_mutexattr_setrobust(3).
 */
int hepta_shm_mutex_lock(hepta_shm_mutex_t *m, int64_t deadline);
/** Return: 0, -EPERM (this thread doesn't have it), -EINVAL. */
int hepta_shm_mutex_unlock(hepta_shm_mutex_t *m);
/** After -EOWNERDEAD, as the holder. Return: 0, -EPERM, -EINVAL (nothing to mend). */
int hepta_shm_mutex_mended(hepta_shm_mutex_t *m);

/* --- a sequence cell -------------------------------------------------------------------------- */

/**
 * struct hepta_shm_cell - the latest value of something: one writer, any readers
 *
 * A reader gets a whole value, never a torn one, and never waits for the writer, who never waits
 * for readers. A writer that dies inside leaves the value before. It lies in shared memory of the
 * user's, hepta_shm_cell_size() bytes, aligned to 64; zeroed memory is a cell without a value.
 */
struct hepta_shm_cell;

#define HEPTA_SHM_CELL_MAX (1u << 30) /* bytes of a value */

/** Bytes of memory for a value of @len; 0: @len is 0 or above HEPTA_SHM_CELL_MAX. */
size_t hepta_shm_cell_size(size_t len);

/**
 * hepta_shm_cell_write() - a new value
 * @len: of every value of this cell, the same for all who use it
 *
 * One writer at a time: a second one at the same time is an error of the program, and readers may
 * then see torn values. Async-signal-safe, unless it interrupts itself.
 * Return: 0, -EINVAL (@len, NULL, not aligned).
 */
int hepta_shm_cell_write(struct hepta_shm_cell *cell, const void *value, size_t len);

/**
 * hepta_shm_cell_read() - the latest value whose write had returned, or a newer one
 * @n: receives its number, from 1; or NULL
 *
 * Order:  what the writer did before the write is seen.
 * Return: 0, -EAGAIN (no value yet, or overtaken by writes a thousand times in a row), -EINVAL.
 */
int hepta_shm_cell_read(const struct hepta_shm_cell *cell, void *value, size_t len, uint64_t *n);

/** Number of the latest value, to see cheaply whether there is a new one; 0 none. */
uint64_t hepta_shm_cell_number(const struct hepta_shm_cell *cell);

#ifdef __cplusplus
}
#endif
#endif
