/* SPDX-License-Identifier: MIT */
/*
 * sem_room.h - the operations that cases of POSIX semaphores are written against, and short forms
 *
 * The table is semaphore.h's, with Hepta's deadlines: on the kernel's side, which is glibc's
 * semaphore on the kernel's futex, HEPTA_NOW is sem_trywait(), HEPTA_FOREVER sem_wait(), and any
 * other deadline sem_timedwait() until that time of CLOCK_REALTIME.
 */
#ifndef CONFORMANCE_SEM_ROOM_H
#define CONFORMANCE_SEM_ROOM_H

#include <errno.h>
#include <fcntl.h>
#include <hepta/sem.h>
#include <limits.h>
#include <semaphore.h>

#include "frame.h"

#define NOW HEPTA_NOW
#define EVER HEPTA_FOREVER

#define NEEDS_PERMITS 1u /* an ability: what only Hepta has */

#define NOBODY 65534
#define LONG_MS 8000 /* a wait that must end: below the frame's time limit */

union semaphore {
    sem_t kernel;
    hepta_sem_t hepta;
};

struct sem_ops {
    int (*init)(union semaphore *s, int shared, uint32_t value);
    int (*destroy)(union semaphore *s);
    int (*wait)(union semaphore *s, int64_t deadline);
    int (*post)(union semaphore *s);
    int (*value)(union semaphore *s);
    /* flags: O_CREAT, O_EXCL. */
    int (*open)(const char *name, int flags, mode_t mode, uint32_t value, union semaphore **s);
    int (*close)(union semaphore *s);
    int (*unlink)(const char *name);
};

extern const struct sem_ops sem_kernel_ops, sem_hepta_ops;
extern const struct conf_room sem_room;

static inline const struct sem_ops *sops(const struct conf *c)
{
    return c->be->ops;
}

/* A name that nothing else has. */
struct sem_name {
    char s[64];
};
struct sem_name sem_name(void);

/* One of either kind, whose verbs are the same: in a mapping that children share; or named and
 * open. */
struct one_sem {
    union semaphore *s;
    struct sem_name name; /* "" of the first kind */
};
void make_unnamed(struct conf *c, struct one_sem *one, uint32_t value);
void make_named(struct conf *c, struct one_sem *one, uint32_t value);
void drop_sem(struct conf *c, struct one_sem *one);
/* Run @run with one of each kind, of @value, in a child each. */
void with_both(struct conf *c, uint32_t value, void (*run)(struct conf *c, union semaphore *s));

/* Open and close; what open said. */
int try_sem(struct conf *c, const char *name, int flags, mode_t mode, uint32_t value);
/* Of a name that exists. */
union semaphore *open_sem(struct conf *c, const struct sem_name *name);
static inline int64_t in_some_ms(int ms)
{
    return hepta_now_ns() + ms * 1000000LL;
}

/* A child asleep in wait; what wait said in cell RESULT + i, and ORDER + i says as which of all it
 * came back, from 1. */
enum { RESULT = 8, ORDER = 20, COUNTER = 32, BEFORE = 34 };
pid_t sem_waiter(struct conf *c, union semaphore *s, int i, int64_t deadline);

extern const struct conf_case sem_value_cases[], sem_wait_cases[], sem_signal_cases[],
    sem_place_cases[], sem_open_cases[], sem_mode_cases[], sem_permit_cases[];

#endif
