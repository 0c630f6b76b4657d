/* SPDX-License-Identifier: MIT */
/*
 * hepta/semset.h - System V semaphore sets: arrays of operations, all or nothing, and undo
 *
 * What svipc(7), semget(2), semop(2) and semctl(2) promise, with the semaphores in shared memory.
 * Ids, keys, permissions and structures are as in hepta/msg.h: those of <sys/ipc.h> and
 * <sys/sem.h>; an id is an int that every process may use without opening anything. A set stays
 * until it is removed or the machine restarts.
 *
 * An array of operations happens whole, at one moment, or not at all; the caller sleeps until it
 * can. Sleepers are served in the order of arrival as soon as their whole array can proceed; a
 * newcomer that can proceed may.
 *
 * SEM_UNDO: what a process added and subtracted with it is undone when the process ends,
 * however it ends: within 100 ms (typically 10) for who sleeps, at once for who looks. The
 * sums are of the process, over all its threads; exec(2) keeps them, a child of fork(2) has none,
 * SETVAL and SETALL clear them. The values stay between 0 and HEPTA_SEMSET_VALUE_MAX. They are
 * undone, too, when nobody else looks: by whoever looks next.
 *
 * What differs from the kernel, on purpose: limits are of each set, and need no root; the
 * deadline; -EINTR under SA_RESTART, which the kernel's has, too; CLONE_SYSVSEM is ignored: undo
 * is of the process. IPC_SET can't give a set to another user without the right to (chown(2)).
 *
 * Errors every verb can return: as in hepta/msg.h. Deaths, trust, SIGSTOP: as in hepta/mq.h.
 * Threads: any number. No verb is async-signal-safe or a cancellation point.
 */
#ifndef HEPTA_SEMSET_H
#define HEPTA_SEMSET_H

#include <hepta/base.h>
#include <sys/ipc.h>
#include <sys/sem.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HEPTA_SEMSET_SEMS_MAX 32000u  /* semaphores in a set: the kernel's semmsl */
#define HEPTA_SEMSET_OPS_MAX 500u     /* operations in an array: the kernel's semopm */
#define HEPTA_SEMSET_VALUE_MAX 32767  /* the kernel's SEMVMX */
#define HEPTA_SEMSET_UNDO_MAX 32767   /* of one process and semaphore, either way: SEMAEM */
#define HEPTA_SEMSET_UNDOERS_DEFAULT 256u /* processes with undo at one time */
#define HEPTA_SEMSET_UNDOERS_MAX 4096u

/**
 * struct hepta_semset_options - of who makes the set; zeroed means default
 * @size:        sizeof(struct hepta_semset_options), for growth; 0 is an error
 * @undoers_max: processes that can have something to undo at one time; each takes 2 bytes for
 *               each semaphore of the set
 * @wait, @spin_ns: as in struct hepta_pipe_options, of this process's use of the id
 */
struct hepta_semset_options {
    uint32_t size;
    uint32_t undoers_max;
    uint32_t wait;
    uint32_t spin_ns;
};

/* The fourth argument of semctl(2), which a program has to declare itself. */
union hepta_semun {
    int val;               /* SETVAL */
    struct semid_ds *buf;  /* IPC_STAT, IPC_SET, SEM_STAT, SEM_STAT_ANY */
    unsigned short *array; /* GETALL, SETALL */
    struct seminfo *info;  /* IPC_INFO, SEM_INFO */
};

/**
 * hepta_semset_get() - the id of a set, made if need be
 * @key:   IPC_PRIVATE (a new set), or a key (ftok(3))
 * @n:     semaphores: 1 to HEPTA_SEMSET_SEMS_MAX of a new set; of an existing one at most as many
 *         as it has, or 0
 * @flags: permission bits, IPC_CREAT, IPC_EXCL
 * @opt:   NULL for defaults; ignored, but for wait and spin_ns, where the set exists
 *
 * A new set's values are 0. Return: the id, 0 or more; or -EINVAL (@n, @opt), and as
 * hepta_msg_get(). Source: semget(2).
 */
int hepta_semset_get(key_t key, int n, int flags, const struct hepta_semset_options *opt);

/**
 * hepta_semset_op() - carry out an array of operations
 * @id:       from hepta_semset_get(), of any process
 * @ops:      done in this order, as if nobody else were there; sem_flg IPC_NOWAIT, SEM_UNDO
 * @n:        1 to HEPTA_SEMSET_OPS_MAX
 * @deadline: absolute CLOCK_MONOTONIC ns, HEPTA_NOW (-EAGAIN, as IPC_NOWAIT) or HEPTA_FOREVER
 *
 * sem_op > 0 adds (needs write permission), < 0 subtracts once the value is that large, 0 waits
 * until the value is 0 (read permission).
 *
 * Crash:  the array has happened, with its undo, or it hasn't.
 * Return: 0, or -EAGAIN, -ETIMEDOUT, -EINTR (a handler ran), -EINVAL (@id, @n), -E2BIG (@n),
 * -EFBIG (a sem_num), -ERANGE (a value, or a sum to undo, would be too large), -EFAULT, -EACCES,
 * -EIDRM (removed), -ENOSPC (as many processes have something to undo as there can be: the
 * kernel's -ENOMEM). Source: semop(2).
 */
int hepta_semset_op(int id, const struct sembuf *ops, size_t n, int64_t deadline);

/**
 * hepta_semset_ctl() - look at a set, change it, remove it
 * @num: the semaphore, where the command has one
 * @cmd: IPC_STAT, IPC_SET, IPC_RMID, IPC_INFO, SEM_INFO, SEM_STAT, SEM_STAT_ANY, GETVAL, SETVAL,
 *       GETALL, SETALL, GETPID, GETNCNT, GETZCNT
 * @arg: as the command has it
 *
 * SETVAL and SETALL wake who can proceed, and clear the undo of all processes for what they set.
 *
 * Return: 0, what GETVAL, GETPID, GETNCNT, GETZCNT ask for, for SEM_STAT and SEM_STAT_ANY the id,
 * for IPC_INFO and SEM_INFO the highest index in use; or -EINVAL (@id, @num, @cmd), -ERANGE (a
 * value), -EIDRM, -EACCES, -EPERM, -EFAULT. Source: semctl(2).
 */
int hepta_semset_ctl(int id, int num, int cmd, union hepta_semun arg);

/** hepta_semset_detach() - let this process forget an id, as hepta_msg_detach() */
int hepta_semset_detach(int id);

#ifdef __cplusplus
}
#endif
#endif
