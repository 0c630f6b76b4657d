/* SPDX-License-Identifier: MIT */
/*
 * hepta/sem.h - POSIX semaphores, unnamed and named; and permits, which return when their holder
 * dies
 *
 * What sem_overview(7) promises. A semaphore (hepta_sem_t) is 32 bytes in any memory that its users
 * share, at whatever address each of them has it: threads of one process, a mapping that is passed
 * to a child, a segment of hepta/shm.h. A named one lies in memory of its own, and
 * hepta_sem_open() says where; the verbs are the same. It keeps its value until it is unlinked
 * and nobody has it open, or the machine restarts. Nobody owns what a semaphore counts: who took
 * and dies has taken.
 *
 * A permit is the other kind: a named object with a number of places, each of which belongs to the
 * process that took it. When that one dies, however it goes, its places are free again, and
 * who waits for one proceeds. How many are free and how many are held always make the same sum.
 *
 * The fast path of both makes no system call. Sleepers wake in the order of their threads'
 * priority, then roughly (permits: exactly) of arrival; a newcomer that can proceed may.
 *
 * What differs from POSIX, on purpose: deadlines are of CLOCK_MONOTONIC; a wait that a signal
 * handler interrupts returns -EINTR, under SA_RESTART, too. A poster killed inside
 * hepta_sem_post() has posted or not; if he has, the one he would have woken proceeds, at once or
 * within a second. What a killed waiter was woken for, another waiter gets within 100 ms; within a
 * second where the killed one had overtaken it (by priority, or in the same instant).
 *
 * Trust: who may write the memory may corrupt it: values, never more. Whatever is written
 * there, others never fault, never touch memory outside, and keep their deadlines within 100 ms.
 *
 * Threads: any number, but for the verbs that end something (destroy, close): nobody may be inside.
 */
#ifndef HEPTA_SEM_H
#define HEPTA_SEM_H

#include <hepta/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HEPTA_SEM_VALUE_MAX 2147483647u /* SEM_VALUE_MAX */

/* How to open, a semaphore or a permit. */
#define HEPTA_SEM_CREATE 4u /* make it if nothing has the name */
#define HEPTA_SEM_EXCL 8u   /* with CREATE: -EEXIST if something has */

/**
 * hepta_sem_t - a semaphore; the fields are the library's
 *
 * 32 bytes, aligned to 8, position-independent, the same for 32-bit and 64-bit processes: it fits
 * into glibc's sem_t. Never copy one that is in use.
 */
typedef struct hepta_sem {
    uint64_t state;
    uint32_t event;
    uint32_t kind;
    uint64_t reserved[2];
} __attribute__((aligned(8))) hepta_sem_t;

/**
 * hepta_sem_init() - make a semaphore in memory of the caller's
 * @sem:   where; shared with whoever is to use it, before or after
 * @value: at first, at most HEPTA_SEM_VALUE_MAX
 *
 * Return: 0, or -EINVAL (@value; @sem is NULL or not aligned). Source: sem_init(3).
 */
int hepta_sem_init(hepta_sem_t *sem, uint32_t value);

/**
 * hepta_sem_destroy() - nobody will use it any more
 *
 * Its memory stays the caller's. Later verbs give -EINVAL until hepta_sem_init().
 * Return: 0, -EINVAL (not a semaphore, or a named one). Source: sem_destroy(3).
 */
int hepta_sem_destroy(hepta_sem_t *sem);

/**
 * hepta_sem_wait() - take one, and wait while there is none
 * @deadline: absolute CLOCK_MONOTONIC ns, HEPTA_NOW (sem_trywait) or HEPTA_FOREVER
 *
 * Order:  all that was done before the post that is taken is seen.
 * Crash:  taken, or not; a sleeper that dies takes nothing with it.
 * Return: 0, or -EAGAIN (HEPTA_NOW: it is 0), -ETIMEDOUT, -EINTR (a handler ran), -EINVAL (not a
 * semaphore). Source: sem_wait(3).
 */
int hepta_sem_wait(hepta_sem_t *sem, int64_t deadline);

/**
 * hepta_sem_post() - give one
 *
 * Async-signal-safe. Never waits.
 * Return: 0, or -EOVERFLOW (it is HEPTA_SEM_VALUE_MAX: nothing changed), -EINVAL (not a
 * semaphore). Source: sem_post(3).
 */
int hepta_sem_post(hepta_sem_t *sem);

/**
 * hepta_sem_value() - its value at some moment during the call
 *
 * 0 while somebody waits. Return: 0 or more, or -EINVAL. Source: sem_getvalue(3).
 */
int hepta_sem_value(const hepta_sem_t *sem);

/**
 * hepta_sem_open() - open a named semaphore, made if need be
 * @name:  "/jobs": a slash and 1 to HEPTA_NAME_MAX bytes other than a slash
 * @flags: 0, HEPTA_SEM_CREATE, HEPTA_SEM_EXCL
 * @mode:  of who makes it: permission bits, after the umask; to open it takes reading and writing
 * @value: of who makes it; of one that exists, @mode and @value are ignored, whatever they are
 * @sem:   receives where it is; the same address each time this process opens it, until it has
 *         closed it as often
 *
 * Return: 0, or -EINVAL (@flags, @mode, @value; the name), -EFAULT, -ENOENT, -EEXIST, -EACCES,
 * -ENAMETOOLONG, -ENOSPC, -EMFILE, -ENFILE, -ENOMEM, -EMEDIUMTYPE, -EPROTO, -EPROTONOSUPPORT,
 * -ENODATA, -EBADMSG (what has the name was refused), -EXDEV (made in another PID namespace), and
 * what hepta_mq_open() says of the directory. Source: sem_open(3).
 */
int hepta_sem_open(const char *name, uint32_t flags, mode_t mode, uint32_t value,
                   hepta_sem_t **sem);

/**
 * hepta_sem_close() - undo one hepta_sem_open()
 *
 * The last one unmaps it. Return: 0, -EINVAL (not a named one that this process has open).
 * Source: sem_close(3).
 */
int hepta_sem_close(hepta_sem_t *sem);

/**
 * hepta_sem_unlink() - remove the name, at once; the semaphore when nobody has it open
 *
 * Return: 0, or -ENOENT, -EACCES, -EPERM, -EINVAL, -ENAMETOOLONG, -EFAULT. Source: sem_unlink(3).
 */
int hepta_sem_unlink(const char *name);

/* --- permits ----------------------------------------------------------------------------- */

struct hepta_permit; /* an open permit: private to the process */

#define HEPTA_PERMIT_MAX 32767u         /* places */
#define HEPTA_PERMIT_HOLDERS_MAX 4096u  /* processes that hold some at one time */
#define HEPTA_PERMIT_HOLDERS_DEFAULT 256u

/**
 * struct hepta_permit_options - zeroed means default
 * @size:        sizeof(struct hepta_permit_options), for growth; 0 is an error
 * @holders_max: of who makes it: processes that can hold places at one time
 * @wait, @spin_ns: as in struct hepta_pipe_options, of the handle
 */
struct hepta_permit_options {
    uint32_t size;
    uint32_t holders_max;
    uint32_t wait;
    uint32_t spin_ns;
};

/**
 * struct hepta_permit_user - a process that holds places, or a thread that waits
 * @pid:      the process
 * @tid:      of who waits; 0 of a holder
 * @places:   held by the process, or wanted
 * @since_ns: hepta_now_ns() when it began to wait, or to hold (from none on; of who takes and gives
 *            all the time, the first time within a second): of a holder, it can be a tick of the
 *            kernel's (1 to 10 ms) too early
 */
struct hepta_permit_user {
    pid_t pid;
    pid_t tid;
    uint32_t places;
    uint32_t reserved;
    int64_t since_ns;
};

/**
 * struct hepta_permit_stat
 * @places:    in all
 * @free:      now
 * @holders:   processes that hold some
 * @waiters:   threads that sleep for one
 * @taken, @given: how often, since it was made
 * @recovered: places that dead processes had held
 */
struct hepta_permit_stat {
    uint32_t places, free;
    uint32_t holders, waiters;
    uint64_t taken, given, recovered;
};

/* hepta_permit_users(): whom to list */
#define HEPTA_PERMIT_HOLD 1u
#define HEPTA_PERMIT_WAIT 2u

/**
 * hepta_permit_open() - open a named permit, made if need be
 * @name, @flags, @mode: as of hepta_sem_open(); a name of its own kind
 * @places: of who makes it: 1 to HEPTA_PERMIT_MAX
 * @opt:    NULL for defaults
 * @permit: receives the handle
 *
 * Return: as hepta_sem_open(), and -E2BIG (@opt).
 */
int hepta_permit_open(const char *name, uint32_t flags, mode_t mode, uint32_t places,
                      const struct hepta_permit_options *opt, struct hepta_permit **permit);

/**
 * hepta_permit_take() - take one place, and wait while none is free
 *
 * It is the process's: any thread may give it back, a child doesn't have it, exec(2) keeps it.
 * Crash:  whatever the process held is free again; who waits sees it within 100 ms, typically 10.
 * Return: 0, or -EAGAIN (HEPTA_NOW), -ETIMEDOUT, -EINTR, -ENOSPC (as many processes hold some as
 * there can be), -EBADF (closed), -EBADMSG (corrupted by a peer), -EXDEV (after a fork into another
 * PID namespace), -EDEADLK (called from a handler that interrupted a verb), -ENOSYS.
 */
int hepta_permit_take(struct hepta_permit *permit, int64_t deadline);

/**
 * hepta_permit_give() - give one place back
 *
 * Not async-signal-safe. Waits only for a verb that runs, 50 ms at most.
 * Return: 0, or -EPERM (this process holds none), -ETIMEDOUT (a stopped process is inside a verb:
 * it is still held), and as hepta_permit_take().
 */
int hepta_permit_give(struct hepta_permit *permit);

/**
 * hepta_permit_fd() - a descriptor for poll(2), select(2), epoll(7): readable: one may be free
 *
 * The handle's; level-triggered; exact after a hepta_permit_take(HEPTA_NOW) that gave -EAGAIN. Of a
 * holder that has called exec(2) a poller may not be told; who sleeps or looks finds its death.
 * Return: the descriptor, or -EMFILE, -ENFILE, -ENOMEM, -ENOSPC, -ETIMEDOUT, and as above.
 */
int hepta_permit_fd(struct hepta_permit *permit);

/**
 * hepta_permit_stat() - numbers, of one moment
 */
int hepta_permit_stat(struct hepta_permit *permit, struct hepta_permit_stat *stat);

/**
 * hepta_permit_users() - who holds, who waits
 * @which: HEPTA_PERMIT_HOLD, HEPTA_PERMIT_WAIT (in the order in which they will be woken)
 * @users: receives up to @n
 *
 * Return: how many there are, perhaps more than @n; or negative errno.
 */
int hepta_permit_users(struct hepta_permit *permit, uint32_t which,
                       struct hepta_permit_user *users, size_t n);

/**
 * hepta_permit_close() - close the handle
 *
 * Places stay held, by the process, if it has another handle of the same permit; with its
 * last handle closed they are given back. Return: 0, -EBADF, -ETIMEDOUT (closed all the same: a
 * stopped process is inside a verb; the places return when this process ends).
 */
int hepta_permit_close(struct hepta_permit *permit);

/** hepta_permit_unlink() - as hepta_sem_unlink() */
int hepta_permit_unlink(const char *name);

#ifdef __cplusplus
}
#endif
#endif
