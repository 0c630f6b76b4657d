/* SPDX-License-Identifier: MIT */
/* semset_cases_op.c - what arrays of operations do at once, or refuse whole */
#define _GNU_SOURCE
#include <time.h>
#include <unistd.h>

#include "semset_room.h"

#define MAX HEPTA_SEMSET_VALUE_MAX

static void adds_and_subtracts(struct conf *c)
{
    int id = make_set(c, 2);
    EQ(c, one_op(c, id, 0, 5, 0, EVER), 0);
    VALUES(c, id, 5, 0);
    EQ(c, one_op(c, id, 0, -2, 0, EVER), 0);
    EQ(c, one_op(c, id, 0, -3, IPC_NOWAIT, EVER), 0);
    VALUES(c, id, 0, 0);
    EQ(c, one_op(c, id, 0, -1, IPC_NOWAIT, EVER), -EAGAIN);
    EQ(c, one_op(c, id, 0, -1, 0, NOW), -EAGAIN);
    EQ(c, one_op(c, id, 1, 1, 0, NOW), 0);
    EQ(c, one_op(c, id, 1, -2, IPC_NOWAIT, EVER), -EAGAIN);
    VALUES(c, id, 0, 1);
    remove_set(c, id);
}

static void zero(struct conf *c)
{
    int id = make_set(c, 1);
    EQ(c, one_op(c, id, 0, 0, 0, EVER), 0);
    EQ(c, one_op(c, id, 0, 1, 0, EVER), 0);
    EQ(c, one_op(c, id, 0, 0, IPC_NOWAIT, EVER), -EAGAIN);
    EQ(c, one_op(c, id, 0, 0, 0, NOW), -EAGAIN);
    EQ(c, one_op(c, id, 0, -1, 0, EVER), 0);
    EQ(c, one_op(c, id, 0, 0, IPC_NOWAIT, EVER), 0);
    VALUES(c, id, 0);
    remove_set(c, id);
}

/* The manual's example: wait until it is zero, and take it. */
static void zero_then_one(struct conf *c)
{
    int id = make_set(c, 1);
    EQ(c, OPS(c, id, EVER, {0, 0, 0}, {0, 1, 0}), 0);
    VALUES(c, id, 1);
    EQ(c, OPS(c, id, EVER, {0, 0, IPC_NOWAIT}, {0, 1, IPC_NOWAIT}), -EAGAIN);
    VALUES(c, id, 1);
    remove_set(c, id);
}

/* Performed in array order: what an earlier one gives, a later one may take. */
static void in_array_order(struct conf *c)
{
    int id = make_set(c, 2);
    EQ(c, OPS(c, id, EVER, {0, 3, 0}, {0, -1, 0}, {0, -2, 0}, {0, 0, 0}), 0);
    EQ(c, OPS(c, id, NOW, {0, -1, 0}, {0, 1, 0}), -EAGAIN);
    EQ(c, OPS(c, id, NOW, {0, 1, 0}, {0, 0, 0}), -EAGAIN);
    EQ(c, OPS(c, id, NOW, {0, 0, 0}, {0, 1, 0}, {1, 1, 0}, {0, -1, 0}, {1, 2, 0}), 0);
    VALUES(c, id, 0, 3);
    remove_set(c, id);
}

static void all_or_nothing(struct conf *c)
{
    int id = make_set(c, 3);
    EQ(c, OPS(c, id, NOW, {0, 2, 0}, {1, 2, 0}), 0);
    EQ(c, OPS(c, id, NOW, {0, -1, 0}, {1, 1, 0}, {2, -1, 0}), -EAGAIN);
    EQ(c, OPS(c, id, EVER, {0, -1, 0}, {1, 1, 0}, {2, -1, IPC_NOWAIT}), -EAGAIN);
    EQ(c, OPS(c, id, NOW, {0, -1, SEM_UNDO}, {1, 0, 0}), -EAGAIN);
    EQ(c, OPS(c, id, NOW, {0, 1, 0}, {3, 1, 0}), -EFBIG);
    EQ(c, OPS(c, id, NOW, {0, 1, 0}, {1, MAX, 0}), -ERANGE);
    VALUES(c, id, 2, 2, 0);
    EQ(c, get_of(c, id, 2, GETPID), 0);
    EQ(c, OPS(c, id, NOW, {2, 1, 0}, {0, -1, 0}, {1, 1, 0}, {2, -1, 0}), 0);
    VALUES(c, id, 1, 3, 0);
    remove_set(c, id);
}

/* It is the flag of the operation that can't be done now that counts. */
static void whose_nowait(struct conf *c)
{
    int id = make_set(c, 2);
    EQ(c, OPS(c, id, EVER, {0, 1, 0}, {1, -1, IPC_NOWAIT}), -EAGAIN);
    EQ(c, one_op(c, id, 1, 1, 0, NOW), 0);
    const struct sembuf ops[] = {{0, -1, 0}, {1, -1, IPC_NOWAIT}};
    pid_t pid = set_sleeper(c, id, 0, ops, 2, EVER); /* for semaphore 0, in spite of the second */
    EQ(c, OPS(c, id, NOW, {0, 1, 0}), 0);
    conf_join(c, pid);
    EQ(c, conf_get(c, RESULT), 0);
    VALUES(c, id, 0, 0);
    pid = set_sleeper(c, id, 1, ops, 2, EVER); /* asleep, it finds the second one */
    EQ(c, OPS(c, id, NOW, {0, 1, 0}), 0);
    conf_join(c, pid);
    EQ(c, conf_get(c, RESULT + 1), -EAGAIN);
    VALUES(c, id, 1, 0);
    remove_set(c, id);
}

static void how_many(struct conf *c)
{
    enum { N = HEPTA_SEMSET_OPS_MAX };
    static struct sembuf ops[N + 1];
    int id = make_set(c, 2);
    for (int i = 0; i <= N; i++)
        ops[i] = (struct sembuf){(unsigned short)(i % 2), 1, 0};
    EQ(c, tops(c)->op(id, ops, N + 1, NOW), -E2BIG);
    EQ(c, tops(c)->op(id, ops, 1u << 20, NOW), -E2BIG);
    EQ(c, tops(c)->op(id, ops, 0, NOW), -EINVAL);
    VALUES(c, id, 0, 0);
    EQ(c, tops(c)->op(id, ops, N, NOW), 0);
    VALUES(c, id, N / 2, N / 2);
    for (int i = 0; i < N; i++)
        ops[i].sem_op = -1;
    ops[N - 1].sem_op = -2;
    EQ(c, tops(c)->op(id, ops, N, NOW), -EAGAIN);
    VALUES(c, id, N / 2, N / 2);
    ops[N - 1].sem_op = -1;
    EQ(c, tops(c)->op(id, ops, N, NOW), 0);
    VALUES(c, id, 0, 0);
    remove_set(c, id);
}

static void bad_number(struct conf *c)
{
    int id = make_set(c, 2);
    EQ(c, one_op(c, id, 2, 1, 0, NOW), -EFBIG);
    EQ(c, one_op(c, id, 65535, 0, 0, NOW), -EFBIG);
    EQ(c, OPS(c, id, EVER, {0, -1, 0}, {2, 1, 0}), -EFBIG); /* before it would wait */
    VALUES(c, id, 0, 0);
    EQ(c, tops(c)->op(id, NULL, 1, NOW), -EFAULT);
    remove_set(c, id);
}

/* A value stays at most SEMVMX, in the middle of an array, too. */
static void range(struct conf *c)
{
    int id = make_set(c, 2);
    EQ(c, one_op(c, id, 0, MAX, 0, NOW), 0);
    VALUES(c, id, MAX, 0);
    EQ(c, one_op(c, id, 0, 1, 0, NOW), -ERANGE);
    EQ(c, OPS(c, id, NOW, {1, 1, 0}, {0, 1, 0}, {0, -1, 0}), -ERANGE);
    EQ(c, OPS(c, id, NOW, {0, -1, 0}, {0, 1, 0}), 0);
    VALUES(c, id, MAX, 0);
    EQ(c, one_op(c, id, 0, -MAX, 0, NOW), 0);
    EQ(c, one_op(c, id, 1, -32768, 0, NOW), -EAGAIN);
    EQ(c, OPS(c, id, EVER, {0, -1, IPC_NOWAIT}, {1, MAX, 0}, {1, 1, 0}), -EAGAIN); /* the first */
    VALUES(c, id, 0, 0);
    remove_set(c, id);
}

/* What a process may undo is limited, too. */
static void undo_range(struct conf *c)
{
    int id = make_set(c, 1);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        EQ(c, one_op(c, id, 0, MAX, 0, NOW), 0);
        EQ(c, one_op(c, id, 0, -MAX, SEM_UNDO, NOW), 0);
        EQ(c, one_op(c, id, 0, 1, 0, NOW), 0);
        EQ(c, one_op(c, id, 0, -1, SEM_UNDO, NOW), -ERANGE);
        VALUES(c, id, 1);
        EQ(c, one_op(c, id, 0, 1, SEM_UNDO, NOW), 0);
        EQ(c, one_op(c, id, 0, -1, SEM_UNDO, NOW), 0);
        EQ(c, one_op(c, id, 0, -1, 0, NOW), 0);
        conf_exit();
    }
    conf_join(c, pid);
    VALUES(c, id, MAX);
    remove_set(c, id);
}

/* The other way one more, as with any 16 bits. */
static void undo_range_below(struct conf *c)
{
    int id = make_set(c, 1);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        EQ(c, one_op(c, id, 0, MAX, SEM_UNDO, NOW), 0);
        EQ(c, one_op(c, id, 0, -2, 0, NOW), 0);
        EQ(c, one_op(c, id, 0, 1, SEM_UNDO, NOW), 0);
        EQ(c, one_op(c, id, 0, 1, SEM_UNDO, NOW), -ERANGE);
        VALUES(c, id, MAX - 1);
        conf_exit();
    }
    conf_join(c, pid);
    VALUES(c, id, 0);
    remove_set(c, id);
}

static void who(struct conf *c)
{
    int id = make_set(c, 4);
    EQ(c, OPS(c, id, NOW, {0, 1, 0}, {1, 1, 0}), 0);
    EQ(c, get_of(c, id, 0, GETPID), getpid());
    EQ(c, get_of(c, id, 1, GETPID), getpid());
    EQ(c, get_of(c, id, 2, GETPID), 0);
    pid_t pid = set_doer(c, id, 0, 1, -1, 0);
    EQ(c, get_of(c, id, 1, GETPID), pid);
    EQ(c, get_of(c, id, 0, GETPID), getpid());
    conf_set(c, GO, 1);
    conf_join(c, pid);
    EQ(c, get_of(c, id, 1, GETPID), pid);
    EQ(c, one_op(c, id, 2, 0, 0, NOW), 0); /* each one in the array, a wait for zero, too */
    EQ(c, get_of(c, id, 2, GETPID), getpid());
    EQ(c, one_op(c, id, 3, -1, 0, NOW), -EAGAIN);
    EQ(c, get_of(c, id, 3, GETPID), 0);
    pid = sleeper(c, id, 0, 3, -1);
    EQ(c, one_op(c, id, 3, 1, 0, NOW), 0);
    conf_join(c, pid);
    EQ(c, get_of(c, id, 3, GETPID), pid); /* the sleeper's was after */
    remove_set(c, id);
}

static void times(struct conf *c)
{
    int id = make_set(c, 1);
    struct semid_ds was = set_status(c, id);
    EQ(c, one_op(c, id, 0, -1, 0, NOW), -EAGAIN);
    EQ(c, set_status(c, id).sem_otime, 0);
    conf_pause_ms(1100);
    time_t before = time(NULL);
    EQ(c, one_op(c, id, 0, 1, 0, NOW), 0);
    struct semid_ds ds = set_status(c, id);
    OK(c, ds.sem_otime >= before && ds.sem_otime <= time(NULL));
    EQ(c, ds.sem_ctime, was.sem_ctime);
    conf_pause_ms(1100);
    before = time(NULL);
    EQ(c, OPS(c, id, NOW, {0, -1, 0}, {0, 0, 0}), 0);
    EQ(c, one_op(c, id, 0, 0, 0, NOW), 0);
    OK(c, set_status(c, id).sem_otime >= before);
    remove_set(c, id);
}

/* Altering takes write permission, waiting for zero read permission. */
static void permission(struct conf *c)
{
    for (int bits = 0; bits < 8; bits += 2) {
        int id = tops(c)->get(own_ipc_key(), 1, IPC_CREAT | IPC_EXCL | 0600 | bits);
        OK(c, id >= 0);
        pid_t pid = conf_fork(c);
        if (pid == 0) {
            conf_become(c, NOBODY, NOBODY);
            EQ(c, one_op(c, id, 0, 0, 0, NOW), bits & 4 ? 0 : -EACCES);
            EQ(c, one_op(c, id, 0, 1, 0, NOW), bits & 2 ? 0 : -EACCES);
            EQ(c, one_op(c, id, 0, -1, 0, NOW), bits & 2 ? 0 : -EACCES);
            EQ(c, one_op(c, id, 0, -1, 0, NOW), bits & 2 ? -EAGAIN : -EACCES);
            conf_exit();
        }
        conf_join(c, pid);
        VALUES(c, id, 0);
        remove_set(c, id);
    }
}

/* Linux asks for one of both: an array that alters needs no permission to read. */
static void mixed_permission(struct conf *c)
{
    int id = tops(c)->get(own_ipc_key(), 2, IPC_CREAT | IPC_EXCL | 0602);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        conf_become(c, NOBODY, NOBODY);
        EQ(c, OPS(c, id, NOW, {0, 0, 0}, {1, 1, 0}), 0);
        conf_exit();
    }
    conf_join(c, pid);
    VALUES(c, id, 0, 1);
    remove_set(c, id);
}

const struct conf_case semset_op_cases[] = {
    {"op.adds_and_subtracts", adds_and_subtracts, 0, NULL, NULL, 0},
    {"op.zero", zero, 0, NULL, NULL, 0},
    {"op.zero_then_one", zero_then_one, 0, NULL, NULL, 0},
    {"op.in_array_order", in_array_order, 0, NULL, NULL, 0},
    {"op.all_or_nothing", all_or_nothing, 0, NULL, NULL, 0},
    {"op.whose_nowait", whose_nowait, 0, NULL, NULL, 0},
    {"op.how_many", how_many, 0, NULL, NULL, 0},
    {"op.bad_number", bad_number, 0, NULL, NULL, 0},
    {"op.range", range, 0, NULL, NULL, 0},
    {"op.undo_range", undo_range, 0, NULL, NULL, 0},
    {"op.undo_range_below", undo_range_below, 0, NULL, NULL, 0},
    {"op.who", who, 0, NULL, NULL, 0},
    {"op.times", times, 0, NULL, NULL, 0},
    {"op.permission", permission, CONF_AS_ROOT, NULL, NULL, 0},
    {"op.mixed_permission", mixed_permission, CONF_AS_ROOT, NULL, NULL, 0},
    {0},
};
