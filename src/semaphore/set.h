/* SPDX-License-Identifier: MIT */
/*
 * semaphore/set.h - a set of semaphores in shared memory, with arrays of operations that happen
 * whole, and with undo: what System V sets and permits have in common
 *
 * Reading order: this; set_internal.h; set.c (making, attaching, the lock), set_op.c (operations,
 * the commit), set_undo.c (rows, the dead's), set_wait.c (sleeping, calling), set_ctl.c (SETVAL and
 * so on), set_mend.c (what a dead holder of the lock left; the invariants).
 *
 * One lock guards all. An operation without undo is one store of one value. Everything else is
 * written down first: one change with its undo in the word `intent`, several in the log; the store
 * that makes the note count is the moment at which all of it has happened. Then it is carried out
 * with absolute values, so that whoever takes the lock from a dead holder can do it again.
 *
 * Whoever can't proceed names the operation that stops him, as a condition on one value: at least
 * so much, or exactly so much. He spins on it, or enters the table of sleepers under the lock.
 * Whoever commits calls, in order, all whose condition holds, less what those in front of them
 * will take; they look at their whole array again. Who waits for an exact value (zero) must not
 * miss it because it is gone again when he wakes: if that is all he waits for, the commit grants
 * it, in his record.
 *
 * Undo: each process that has some has a row, with an adjustment for each semaphore: what is to be
 * added when it ends. A row whose owner is dead (prim/life.h) is applied by whoever looks: before a
 * failure or a sleep and at each tick of it, before a wait for zero or a subtraction succeeds that
 * depends on another's row, before the numbers are read.
 *
 * Shared layout. In the control block, struct h7_set_shared:
 *   plan        -      written once, before the object is published
 *   bell        lock   prim/bell.h, of who polls
 *   ctime       lock   seconds since 1970 of the last SETVAL or SETALL, 0 none; the maker's and
 *                      IPC_SET's is the room's
 *   high        lock   rows beyond this one were never used
 *   undone      lock   how much of dead processes' was undone so far, without sign
 *   looked      -      ns, when one who sleeps last found none dead
 *   recoveries  lock   holders of the lock that died
 *   sleepers    lock   prim/sleepers.h; want[]: semaphore and kind, value, pid and whether it
 *                      can be granted; own[]: granted, since when
 *   room        lock   what the room keeps here
 * in the data: struct h7_set_hot with the semaphores, the log, the rows:
 *   lock               prim/lock.h; with all that a simple operation needs on its line
 *   flags       lock   DIRTY: a holder died, who takes the lock mends first; REMOVED; POLLED:
 *                      somebody asked for the descriptor, the bell is kept
 *   rows        lock   rows in use
 *   negatives   lock   of them, with an adjustment below 0
 *   intent      lock   0, or a change that has happened: row, semaphore, value, adjustment
 *   otime       lock   seconds since 1970 of the last operation
 *   taken, given  lock   how often, with H7_SET_HELD: statistics
 *   sem[]       lock   value, and pid of the last who changed it; spun on without the lock
 *   log         lock   count: 0, or so many entries have happened; row, kind, pid of all of them
 *   row         lock   pid (0: free), mark, since when, how many adjustments aren't 0, and how
 *                      many are below
 *
 * Invariants (h7_set_check(), under the lock, not dirty):
 *   U1 0 <= value <= 32767
 *   U2 intent and the log's count are 0
 *   U3 a free row's adjustments are 0; a used one's counts are those of its adjustments
 *   U4 rows, negatives and sleepers' n_waiting are what they count
 *   U5 with H7_SET_HELD: value plus all adjustments of a semaphore is what it began with
 *
 * Where one can die:
 *   V1 before the store that counts    nothing happened; whom he had called, the kernel wakes
 *   V2 after it                        it has happened; set_mend.c carries it out, and grants
 *   V3 between unlock and wake-ups     the first is woken by the kernel, those behind look by
 *                                      themselves (prim/sleepers.h)
 *   V4 owner of a row                  see above
 *   V5 while undoing                   as V1, V2: each part of it is a commit
 */
#ifndef H7_SEMAPHORE_SET_H
#define H7_SEMAPHORE_SET_H

#include <hepta/base.h>
#include <sys/sem.h>
#include <sys/types.h>

#include "prim/bell.h"
#include "prim/life.h"
#include "prim/lock.h"
#include "prim/segment.h"
#include "prim/sleepers.h"
#include "prim/waiter.h"

#define H7_SET_SEMS_MAX  32000u
#define H7_SET_OPS_MAX   500u
#define H7_SET_VALUE_MAX 32767 /* SEMVMX; an adjustment is an int16_t, as the kernel's */
#define H7_SET_ROWS_MAX  4096u
#define H7_SET_ROOM      512 /* bytes for the room's own fields */
#define H7_SET_PATIENCE_MS 50 /* verbs without a deadline, for a stopped holder */
#define H7_SET_TICK_NS   10000000 /* how often the first sleeper looks for the dead */

/* What was decided when it was made. */
#define H7_SET_HELD  1u /* what is added with undo must have been taken by the same process */
#define H7_SET_TIMES 2u /* keep otime */
struct h7_set_plan {
    uint32_t n;
    uint32_t rows_max;
    uint32_t flags;
    uint32_t begin; /* value of each */
};

struct h7_set_shared {
    struct h7_set_plan plan;
    struct h7_bell_word bell;
    struct h7_a32 recoveries;
    struct h7_a32 high, reserved;
    struct h7_a64 ctime;
    struct h7_a64 undone;
    struct h7_a64 looked;
    struct h7_sleepers sleepers __attribute__((aligned(H7_APART)));
    char room[H7_SET_ROOM] __attribute__((aligned(H7_APART)));
};

struct h7_set_sem {
    struct h7_a32 value;
    struct h7_a32 pid;
};

#define H7_SET_DIRTY   1u
#define H7_SET_REMOVED 2u
#define H7_SET_POLLED  4u
struct h7_set_hot {
    struct h7_lock lock;
    struct h7_a32 flags;
    struct h7_a32 rows;
    struct h7_a32 negatives;
    struct h7_a64 intent;
    struct h7_a64 otime;
    struct h7_a64 taken, given;
    struct h7_set_sem sem[]; /* two of them on the same line */
} __attribute__((aligned(8)));

enum h7_set_kind {
    H7_SET_OPS = 0, /* entries of one row, or of none */
    H7_SET_VALUES,  /* of no row: and all rows' adjustments of these semaphores are 0 */
};
struct h7_set_log {
    struct h7_a32 count;
    struct h7_a32 row; /* index + 1, or 0 */
    struct h7_a32 kind;
    struct h7_a32 pid;
    struct h7_a64 entry[]; /* semaphore | value << 16 | adjustment << 32 */
};

struct h7_set_row {
    struct h7_a32 pid;
    struct h7_a32 nonzero, negative;
    struct h7_a32 second; /* of CLOCK_REALTIME, when since was written */
    struct h7_a64 mark;
    struct h7_a64 since; /* ns, when the first adjustment became other than 0: H7_SET_HELD */
    struct h7_a16 adj[];
};

#define H7_SET_DATA "data" /* the part of the object's directory */

/* An attached set, private to the process. */
struct h7_set {
    struct h7_segment seg;
    uint32_t kind;
    struct h7_set_plan plan; /* checked copy */
    struct h7_set_shared *shared;
    struct h7_set_hot *hot;
    struct h7_sleepers *sleepers;
    struct h7_set_log *log;
    char *rows;
    uint32_t row_len;
    struct h7_a32 pid;    /* this process, as of fork generation gen */
    struct h7_a64 mark;
    struct h7_a64 gen;
    struct h7_a32 row;    /* index + 1 of its row, when last seen */
    struct h7_waiter waiter;
    /* Under the lock, before a value that was 0 rises while the set is polled: 0, -ENOMEM. */
    int (*raise)(struct h7_set *set);
};

/* Decide the plan. Returns the bytes of data that it needs, 0: not possible. */
uint64_t h7_set_plan(struct h7_set_plan *plan, uint32_t n, uint32_t rows_max, uint32_t flags,
                     uint32_t begin);
/* For who reads a copy of one, and trusts nothing: where in the data the rows begin, and how long
 * each is. 0: no plan that h7_set_plan() has made. */
uint64_t h7_set_rows_at(const struct h7_set_plan *plan, uint64_t *row_len);
/* Make the part data in a draft's directory, with mode; room_len bytes of room begin the room's
 * part. 0, -ENOSPC, ... */
int h7_set_make(int dir, uint32_t kind, mode_t mode, const struct h7_set_plan *plan,
                const void *room, size_t room_len);
/* Attach to it in obj, an object's directory, which stays the caller's. 0, or as h7_name_part() and
 * h7_segment_attach(). The process must know itself: h7_life_know_self(). */
int h7_set_attach(struct h7_set *set, int obj, uint32_t kind, uint32_t wait, uint32_t spin_ns);
void h7_set_detach(struct h7_set *set);

/* The verbs. All: -EBADMSG, -EIDRM, -EDEADLK, -ENOSYS, and -EAGAIN or -ETIMEDOUT (a stopped process
 * holds the lock). */

/* 1 to H7_SET_OPS_MAX operations, as semop(2). -EFBIG, -ERANGE, -EAGAIN, -ETIMEDOUT, -EINTR,
 * -ENOSPC (no row is free), -ENOMEM (the bell's); with H7_SET_HELD -EPERM (not held). */
int h7_set_op(struct h7_set *set, const struct sembuf *ops, size_t n, int64_t deadline);

/* The same, of arguments that are right, after h7_set_know_self() in this process. */
int h7_set_op_known(struct h7_set *set, const struct sembuf *ops, size_t n, int64_t deadline);
/* After a fork, before h7_set_op_known(). 0, -EMFILE, -ENFILE, -ENOMEM, -ENOSYS. */
int h7_set_know_self(struct h7_set *set);

/* n values from sem on; the adjustments of all processes for them become 0. -ERANGE, -EINVAL. */
int h7_set_set(struct h7_set *set, uint32_t sem, const unsigned short *values, uint32_t n);
/* All values, of one moment. */
int h7_set_get_all(struct h7_set *set, unsigned short *values);

/* One semaphore, of one moment. -EINVAL. */
struct h7_set_look {
    int value;
    pid_t pid;       /* the last that changed it, or waited for zero in it; 0 none */
    uint32_t n_more; /* threads that wait for more */
    uint32_t n_zero; /* ... for zero */
};
int h7_set_look(struct h7_set *set, uint32_t sem, struct h7_set_look *look);

/* Undo what the dead had. How much was done, or negative errno: at the deadline, or after 10 ms if
 * that is later, the rest is left to others. */
int h7_set_bury(struct h7_set *set, int64_t deadline);
/* The calling process's adjustments are undone as if it had ended. How many it had. */
int h7_set_let_go(struct h7_set *set, int64_t deadline);
/* Does it have any? */
int h7_set_holds(const struct h7_set *set);

/* The lock, for what the room changes in shared->room, or reads as a whole. Not dirty. 0 ... */
int h7_set_enter(struct h7_set *set, int64_t deadline);
void h7_set_leave(struct h7_set *set);
/* Removed, and all who sleep are called. 0 ... */
int h7_set_remove(struct h7_set *set);

/* The invariants. 0, or -EBADMSG and one line why. */
int h7_set_check(struct h7_set *set, char *why, size_t n);

static inline void *h7_set_room(const struct h7_set *set)
{
    return set->shared->room;
}

#endif
