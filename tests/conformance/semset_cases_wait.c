/* SPDX-License-Identifier: MIT */
/* semset_cases_wait.c - who sleeps, who wakes and in which order, and what ends a sleep */
#define _GNU_SOURCE
#include <signal.h>
#include <unistd.h>

#include "semset_room.h"

#define N 4

static void sleeps_until_it_can(struct conf *c)
{
    int id = make_set(c, 2);
    pid_t pid = sleeper(c, id, 0, 0, -3);
    EQ(c, one_op(c, id, 0, 2, 0, NOW), 0);
    EQ(c, one_op(c, id, 1, 9, 0, NOW), 0);
    conf_asleep(c, pid);
    VALUES(c, id, 2, 9);
    EQ(c, one_op(c, id, 0, 2, 0, NOW), 0);
    conf_join(c, pid);
    EQ(c, conf_get(c, RESULT), 0);
    VALUES(c, id, 1, 9);
    remove_set(c, id);
}

static void waits_for_zero(struct conf *c)
{
    int id = make_set(c, 1);
    EQ(c, one_op(c, id, 0, 2, 0, NOW), 0);
    pid_t a = sleeper(c, id, 0, 0, 0), b = sleeper(c, id, 1, 0, 0);
    EQ(c, one_op(c, id, 0, -1, 0, NOW), 0);
    conf_asleep(c, a);
    conf_asleep(c, b);
    EQ(c, one_op(c, id, 0, -1, 0, NOW), 0); /* wakes both */
    conf_join(c, a);
    conf_join(c, b);
    EQ(c, conf_get(c, RESULT) + conf_get(c, RESULT + 1), 0);
    remove_set(c, id);
}

/* Asleep it has taken nothing, and goes on once all of it can be done. */
static void whole_array(struct conf *c)
{
    int id = make_set(c, 3);
    const struct sembuf ops[] = {{0, -1, 0}, {1, -1, 0}, {2, 0, 0}};
    EQ(c, OPS(c, id, NOW, {0, 1, 0}, {2, 1, 0}), 0);
    pid_t pid = set_sleeper(c, id, 0, ops, 3, EVER);
    VALUES(c, id, 1, 0, 1);
    EQ(c, one_op(c, id, 1, 1, 0, NOW), 0);
    conf_asleep(c, pid);
    EQ(c, one_op(c, id, 0, -1, 0, NOW), 0); /* others may take it meanwhile */
    EQ(c, one_op(c, id, 2, -1, 0, NOW), 0);
    conf_asleep(c, pid);
    VALUES(c, id, 0, 1, 0);
    EQ(c, one_op(c, id, 0, 1, 0, NOW), 0);
    conf_join(c, pid);
    EQ(c, conf_get(c, RESULT), 0);
    VALUES(c, id, 0, 0, 0);
    remove_set(c, id);
}

static void in_order(struct conf *c)
{
    int id = make_set(c, 1);
    pid_t pid[N];
    for (int i = 0; i < N; i++)
        pid[i] = sleeper(c, id, i, 0, -1);
    for (int i = 0; i < N; i++) {
        EQ(c, one_op(c, id, 0, 1, 0, NOW), 0);
        conf_join(c, pid[i]);
        EQ(c, conf_get(c, ORDER + i), i + 1);
    }
    remove_set(c, id);
}

/* Of those whose operations can be done the first; who can't is passed over. */
static void first_that_can(struct conf *c)
{
    int id = make_set(c, 1);
    pid_t two = sleeper(c, id, 0, 0, -2), one = sleeper(c, id, 1, 0, -1);
    EQ(c, one_op(c, id, 0, 1, 0, NOW), 0);
    conf_join(c, one);
    conf_asleep(c, two);
    one = sleeper(c, id, 2, 0, -1);
    EQ(c, one_op(c, id, 0, 2, 0, NOW), 0);
    conf_join(c, two);
    conf_asleep(c, one);
    EQ(c, one_op(c, id, 0, 1, 0, NOW), 0);
    conf_join(c, one);
    VALUES(c, id, 0);
    remove_set(c, id);
}

/* Arrays over several semaphores and single operations, by arrival, too. */
static void arrays_in_order(struct conf *c)
{
    int id = make_set(c, 2);
    const struct sembuf both[] = {{0, -1, 0}, {1, -1, 0}};
    pid_t first = set_sleeper(c, id, 0, both, 2, EVER), single = sleeper(c, id, 1, 0, -1),
          third = set_sleeper(c, id, 2, both, 2, EVER);
    EQ(c, OPS(c, id, NOW, {0, 1, 0}, {1, 1, 0}), 0);
    conf_join(c, first);
    conf_asleep(c, single);
    EQ(c, OPS(c, id, NOW, {0, 1, 0}, {1, 1, 0}), 0);
    conf_join(c, single);
    conf_asleep(c, third);
    VALUES(c, id, 0, 1);
    EQ(c, OPS(c, id, NOW, {0, 1, 0}), 0);
    conf_join(c, third);
    VALUES(c, id, 0, 0);
    remove_set(c, id);
}

/* Who comes new and can go on, does, though others sleep. */
static void newcomer(struct conf *c)
{
    int id = make_set(c, 1);
    pid_t pid = sleeper(c, id, 0, 0, -2);
    EQ(c, one_op(c, id, 0, 1, 0, NOW), 0);
    EQ(c, one_op(c, id, 0, -1, 0, NOW), 0);
    conf_asleep(c, pid);
    EQ(c, one_op(c, id, 0, 2, 0, NOW), 0);
    conf_join(c, pid);
    remove_set(c, id);
}

static void several_at_once(struct conf *c)
{
    int id = make_set(c, 1);
    pid_t pid[N];
    for (int i = 0; i < N; i++)
        pid[i] = sleeper(c, id, i, 0, -1);
    EQ(c, one_op(c, id, 0, N + 1, 0, NOW), 0);
    for (int i = 0; i < N; i++)
        conf_join(c, pid[i]);
    VALUES(c, id, 1);
    remove_set(c, id);
}

/* What a woken one gives, wakes the next. */
static void chain(struct conf *c)
{
    int id = make_set(c, N + 1);
    pid_t pid[N];
    for (int i = N - 1; i >= 0; i--) {
        struct sembuf ops[] = {{(unsigned short)i, -1, 0}, {(unsigned short)(i + 1), 1, 0}};
        pid[i] = set_sleeper(c, id, i, ops, 2, EVER);
    }
    EQ(c, one_op(c, id, 0, 1, 0, NOW), 0);
    for (int i = 0; i < N; i++)
        conf_join(c, pid[i]);
    VALUES(c, id, 0, 0, 0, 0, 1);
    remove_set(c, id);
}

/* Both can go on when it becomes zero: who only looks does, before it is raised again. */
static void lookers_first(struct conf *c)
{
    int id = make_set(c, 1);
    const struct sembuf take[] = {{0, 0, 0}, {0, 1, 0}};
    EQ(c, one_op(c, id, 0, 1, 0, NOW), 0);
    pid_t taker = set_sleeper(c, id, 0, take, 2, EVER), looker = sleeper(c, id, 1, 0, 0);
    EQ(c, one_op(c, id, 0, -1, 0, NOW), 0);
    conf_join(c, looker);
    conf_join(c, taker);
    VALUES(c, id, 1);
    remove_set(c, id);
}

static void set_wakes(struct conf *c)
{
    int id = make_set(c, 2);
    unsigned short all[] = {0, 1};
    pid_t pid = sleeper(c, id, 0, 0, -1);
    EQ(c, set_val(c, id, 0, 2), 0);
    conf_join(c, pid);
    VALUES(c, id, 1, 0);
    pid_t z = sleeper(c, id, 1, 0, 0), a = sleeper(c, id, 2, 1, -1);
    EQ(c, tops(c)->ctl(id, 0, SETALL, (union hepta_semun){.array = all}), 0);
    conf_join(c, z);
    conf_join(c, a);
    VALUES(c, id, 0, 0);
    remove_set(c, id);
}

static void removal_ends_waits(struct conf *c)
{
    int id = make_set(c, 2);
    const struct sembuf both[] = {{0, -1, SEM_UNDO}, {1, -1, 0}};
    EQ(c, one_op(c, id, 0, 1, 0, NOW), 0);
    pid_t a = sleeper(c, id, 0, 1, -1), b = sleeper(c, id, 1, 0, 0),
          d = set_sleeper(c, id, 2, both, 2, EVER);
    remove_set(c, id);
    conf_join(c, a);
    conf_join(c, b);
    conf_join(c, d);
    for (int i = 0; i < 3; i++)
        EQ(c, conf_get(c, RESULT + i), -EIDRM);
}

/* Never restarted, whatever the handler's flags are (semop(2), signal(7)). */
static void interrupted(struct conf *c)
{
    int id = make_set(c, 1);
    for (int i = 0; i < 4; i++) {
        conf_handle(c, SIGUSR1, i & 1 ? SA_RESTART : 0);
        EQ(c, set_val(c, id, 0, i & 2 ? 0 : 1), 0);
        struct sembuf o = {0, (short)(i & 2 ? -1 : 0), 0};
        pid_t pid = set_sleeper(c, id, i, &o, 1, i == 3 ? in_some_ms(LONG_MS) : EVER);
        conf_break_off(c, pid, SIGUSR1, COUNTER, i + 1);
        conf_join(c, pid);
        EQ(c, conf_get(c, RESULT + i), -EINTR);
        VALUES(c, id, i & 2 ? 0 : 1);
    }
    remove_set(c, id);
}

/* A stop, and a signal that is ignored, are no handlers; a stop makes the kernel's begin anew,
 * with EINTR (signal(7)). */
static void ignored(struct conf *c)
{
    int id = make_set(c, 1);
    pid_t pid = sleeper(c, id, 0, 0, -1);
    EQ(c, kill(pid, SIGCHLD), 0);
    conf_asleep(c, pid);
    EQ(c, one_op(c, id, 0, 1, 0, NOW), 0);
    conf_join(c, pid);
    EQ(c, conf_get(c, RESULT), 0);
    remove_set(c, id);
}

static void stopped(struct conf *c)
{
    int id = make_set(c, 1);
    pid_t pid = sleeper(c, id, 0, 0, -1);
    EQ(c, kill(pid, SIGSTOP), 0);
    conf_pause_ms(5);
    EQ(c, kill(pid, SIGCONT), 0);
    if (conf_side(c) == CONF_HEPTA) {
        conf_asleep(c, pid);
        EQ(c, one_op(c, id, 0, 1, 0, NOW), 0);
    }
    conf_join(c, pid);
    EQ(c, conf_get(c, RESULT), DIFFERS(c, -EINTR, 0));
    remove_set(c, id);
}

static void deadlines(struct conf *c)
{
    int id = make_set(c, 1);
    int64_t until = in_some_ms(30);
    EQ(c, one_op(c, id, 0, -1, 0, until), DIFFERS(c, -EAGAIN, -ETIMEDOUT));
    OK(c, hepta_now_ns() >= until);
    EQ(c, one_op(c, id, 0, -1, 0, in_some_ms(-1000)), DIFFERS(c, -EAGAIN, -ETIMEDOUT));
    EQ(c, one_op(c, id, 0, -1, IPC_NOWAIT, in_some_ms(LONG_MS)), -EAGAIN);
    EQ(c, get_of(c, id, 0, GETNCNT), 0);
    const struct sembuf o = {0, -1, 0};
    pid_t pid = set_sleeper(c, id, 0, &o, 1, in_some_ms(LONG_MS));
    EQ(c, one_op(c, id, 0, 2, 0, NOW), 0);
    conf_join(c, pid);
    EQ(c, conf_get(c, RESULT), 0);
    EQ(c, one_op(c, id, 0, -1, 0, in_some_ms(-1000)), 0); /* it need not wait */
    VALUES(c, id, 0);
    remove_set(c, id);
}

static void killed_sleeper(struct conf *c)
{
    int id = make_set(c, 1);
    pid_t first = sleeper(c, id, 0, 0, -1), second = sleeper(c, id, 1, 0, -1);
    EQ(c, get_of(c, id, 0, GETNCNT), 2);
    conf_kill(c, first);
    EQ(c, get_of(c, id, 0, GETNCNT), 1);
    EQ(c, one_op(c, id, 0, 1, 0, NOW), 0);
    conf_join(c, second);
    VALUES(c, id, 0);
    remove_set(c, id);
}

/* Permission is looked at when a call begins. */
static void permission_withdrawn(struct conf *c)
{
    int id = make_set(c, 1);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        conf_become(c, NOBODY, NOBODY);
        conf_set(c, BEFORE, 1);
        EQ(c, one_op(c, id, 0, -1, 0, EVER), 0);
        EQ(c, one_op(c, id, 0, -1, 0, NOW), -EACCES);
        conf_exit();
    }
    conf_asleep_after(c, pid, BEFORE);
    struct semid_ds ds = set_status(c, id);
    ds.sem_perm.mode = 0600;
    EQ(c, tops(c)->ctl(id, 0, IPC_SET, (union hepta_semun){.buf = &ds}), 0);
    conf_asleep(c, pid);
    EQ(c, one_op(c, id, 0, 1, 0, NOW), 0);
    conf_join(c, pid);
    remove_set(c, id);
}

/* Five of them, five forks, two at once each. */
static void philosophers(struct conf *c)
{
    enum { P = 5, MEALS = 300 };
    int id = make_set(c, P);
    unsigned short ones[P] = {1, 1, 1, 1, 1};
    pid_t pid[P];
    EQ(c, tops(c)->ctl(id, 0, SETALL, (union hepta_semun){.array = ones}), 0);
    for (int i = 0; i < P; i++)
        if ((pid[i] = conf_fork(c)) == 0) {
            unsigned short l = (unsigned short)i, r = (unsigned short)((i + 1) % P);
            for (int n = 0; n < MEALS; n++) {
                EQ(c, OPS(c, id, EVER, {l, -1, SEM_UNDO}, {r, -1, SEM_UNDO}), 0);
                EQ(c, conf_add(c, l, 1), 1);
                EQ(c, conf_add(c, r, 1), 1);
                conf_add(c, l, -1);
                conf_add(c, r, -1);
                EQ(c, OPS(c, id, EVER, {l, 1, SEM_UNDO}, {r, 1, SEM_UNDO}), 0);
            }
            conf_exit();
        }
    for (int i = 0; i < P; i++)
        conf_join(c, pid[i]);
    VALUES(c, id, 1, 1, 1, 1, 1);
    remove_set(c, id);
}

const struct conf_case semset_wait_cases[] = {
    {"wait.sleeps_until_it_can", sleeps_until_it_can, 0, NULL, NULL, 0},
    {"wait.waits_for_zero", waits_for_zero, 0, NULL, NULL, 0},
    {"wait.whole_array", whole_array, 0, NULL, NULL, 0},
    {"wait.in_order", in_order, 0, NULL, NULL, 0},
    {"wait.first_that_can", first_that_can, 0, NULL, NULL, 0},
    {"wait.arrays_in_order", arrays_in_order, 0, NULL, NULL, 0},
    {"wait.newcomer", newcomer, 0, NULL, NULL, 0},
    {"wait.several_at_once", several_at_once, 0, NULL, NULL, 0},
    {"wait.chain", chain, 0, NULL, NULL, 0},
    {"wait.lookers_first", lookers_first, 0, NULL, NULL, 0},
    {"wait.set_wakes", set_wakes, 0, NULL, NULL, 0},
    {"wait.removal_ends_waits", removal_ends_waits, 0, NULL, NULL, 0},
    {"wait.interrupted", interrupted, 0, NULL, NULL, 0},
    {"wait.ignored", ignored, 0, NULL, NULL, 0},
    {"wait.stopped", stopped, 0, "semset-stopped", NULL, 0},
    {"wait.deadlines", deadlines, 0, "semset-deadline", NULL, 0},
    {"wait.killed_sleeper", killed_sleeper, 0, NULL, NULL, 0},
    {"wait.permission_withdrawn", permission_withdrawn, CONF_AS_ROOT, NULL, NULL, 0},
    {"wait.philosophers", philosophers, 0, NULL, NULL, 20},
    {0},
};
