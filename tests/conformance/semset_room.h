/* SPDX-License-Identifier: MIT */
/*
 * semset_room.h - the operations that cases of System V semaphore sets are written against
 *
 * The table is sys/sem.h's, with negative errnos and Hepta's deadlines: on the kernel's side
 * HEPTA_NOW is semtimedop() with a time of 0, HEPTA_FOREVER semop().
 */
#ifndef CONFORMANCE_SEMSET_ROOM_H
#define CONFORMANCE_SEMSET_ROOM_H

#include <errno.h>
#include <hepta/semset.h>

#include "frame.h"
#include "own_ipc.h"

#define NOW HEPTA_NOW
#define EVER HEPTA_FOREVER

#define NEEDS_HEPTA 1u /* an ability */

#define NOBODY 65534
#define LONG_MS 8000 /* a wait that must end: below the frame's time limit */

struct semset_ops {
    int (*get)(key_t key, int n, int flags);
    int (*op)(int id, const struct sembuf *ops, size_t n, int64_t deadline);
    int (*ctl)(int id, int num, int cmd, union hepta_semun arg);
};

extern const struct semset_ops semset_kernel_ops, semset_hepta_ops;
extern const struct conf_room semset_room;

static inline const struct semset_ops *tops(const struct conf *c)
{
    return c->be->ops;
}

/* A set of @n of mode 0666, with a key, so that what a failed case leaves is found. */
int make_set(struct conf *c, int n);
void remove_set(struct conf *c, int id);
/* The id leads nowhere; who had used it forgets it then. */
void expect_set_gone(struct conf *c, int id);
struct semid_ds set_status(struct conf *c, int id);

/* One operation, or a few; until NOW without waiting. */
int one_op(struct conf *c, int id, int num, int op, int flags, int64_t deadline);
#define OPS(c, id, deadline, ...) \
    tops(c)->op(id, (const struct sembuf[]){__VA_ARGS__}, \
                sizeof((const struct sembuf[]){__VA_ARGS__}) / sizeof(struct sembuf), deadline)
int get_of(struct conf *c, int id, int num, int cmd); /* GETVAL, GETPID, GETNCNT, GETZCNT */
int set_val(struct conf *c, int id, int num, int value);
/* The values of the set, @n of them, are these. */
void expect_values(struct conf *c, int id, int n, const unsigned short *want);
#define VALUES(c, id, ...) \
    expect_values(c, id, sizeof((unsigned short[]){__VA_ARGS__}) / sizeof(unsigned short), \
                  (const unsigned short[]){__VA_ARGS__})

static inline int64_t in_some_ms(int ms)
{
    return hepta_now_ns() + ms * 1000000LL;
}

/* A child asleep in these operations, which ends after them; what they said in cell RESULT + i, and
 * ORDER + i says as which of all it came back, from 1. */
enum { RESULT = 8, ORDER = 20, COUNTER = 32, BEFORE = 34 };
pid_t set_sleeper(struct conf *c, int id, int i, const struct sembuf *ops, size_t n,
                  int64_t deadline);
pid_t sleeper(struct conf *c, int id, int i, int num, int op);

/* A child that has done this operation, and waits in conf_await() for cell GO + i; it ends then. */
enum { DONE = 40, GO = 46 };
pid_t set_doer(struct conf *c, int id, int i, int num, int op, int flags);

extern const struct conf_case semset_get_cases[], semset_op_cases[], semset_wait_cases[],
    semset_count_cases[], semset_undo_cases[], semset_adjust_cases[], semset_ctl_cases[],
    semset_list_cases[], semset_more_cases[];

#endif
