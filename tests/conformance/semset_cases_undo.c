/* SPDX-License-Identifier: MIT */
/* semset_cases_undo.c - SEM_UNDO: what ends a process undoes, and what it doesn't */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "semset_room.h"

static void end_doer(struct conf *c, pid_t pid, int i, bool killed)
{
    if (killed) {
        conf_kill(c, pid);
    } else {
        conf_set(c, GO + i, 1);
        conf_join(c, pid);
    }
    conf_set(c, GO + i, 0);
    conf_set(c, DONE + i, 0);
}

/* At once for who looks after the process has ended, however it went. */
static void on_exit_or_death(struct conf *c)
{
    int id = make_set(c, 2);
    EQ(c, OPS(c, id, NOW, {0, 5, 0}, {1, 5, 0}), 0);
    for (int killed = 0; killed < 2; killed++) {
        pid_t takes = set_doer(c, id, 0, 0, -3, SEM_UNDO);
        pid_t gives = set_doer(c, id, 1, 1, 2, SEM_UNDO);
        VALUES(c, id, 2, 7);
        end_doer(c, takes, 0, killed);
        VALUES(c, id, 5, 7);
        end_doer(c, gives, 1, killed);
        VALUES(c, id, 5, 5);
    }
    remove_set(c, id);
}

static void without(struct conf *c)
{
    int id = make_set(c, 1);
    for (int killed = 0; killed < 2; killed++)
        end_doer(c, set_doer(c, id, 0, 0, 3, 0), 0, killed);
    VALUES(c, id, 6);
    remove_set(c, id);
}

/* The sum of all of a process's operations with it, and of none without. */
static void merged(struct conf *c)
{
    int id = make_set(c, 3);
    EQ(c, OPS(c, id, NOW, {0, 10, 0}, {1, 10, 0}, {2, 10, 0}), 0);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        EQ(c, one_op(c, id, 0, -4, SEM_UNDO, NOW), 0);
        EQ(c, one_op(c, id, 0, 1, SEM_UNDO, NOW), 0);
        EQ(c, OPS(c, id, NOW, {0, -2, SEM_UNDO}, {0, -1, 0}, {1, 7, SEM_UNDO}), 0);
        EQ(c, OPS(c, id, NOW, {1, -3, SEM_UNDO}, {2, -5, SEM_UNDO}, {1, 1, 0}), 0);
        EQ(c, one_op(c, id, 2, 5, SEM_UNDO, NOW), 0); /* the sum is 0 */
        EQ(c, one_op(c, id, 2, 1, 0, NOW), 0);
        VALUES(c, id, 4, 15, 11);
        conf_exit();
    }
    conf_join(c, pid);
    VALUES(c, id, 9, 11, 11);
    remove_set(c, id);
}

static void wakes(struct conf *c)
{
    int id = make_set(c, 2);
    EQ(c, one_op(c, id, 0, 1, 0, NOW), 0);
    for (int killed = 0; killed < 2; killed++) {
        pid_t holder = set_doer(c, id, 0, 0, -1, SEM_UNDO);
        pid_t giver = set_doer(c, id, 1, 1, 1, SEM_UNDO);
        pid_t rise = sleeper(c, id, 0, 0, -1), zero = sleeper(c, id, 1, 1, 0);
        end_doer(c, holder, 0, killed);
        conf_join(c, rise);
        conf_asleep(c, zero);
        end_doer(c, giver, 1, killed);
        conf_join(c, zero);
        VALUES(c, id, 0, 0);
        EQ(c, one_op(c, id, 0, 1, 0, NOW), 0);
    }
    remove_set(c, id);
}

/* What failed, or hasn't happened yet, leaves nothing to undo. */
static void not_done(struct conf *c)
{
    int id = make_set(c, 2);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        EQ(c, one_op(c, id, 0, -1, SEM_UNDO | IPC_NOWAIT, EVER), -EAGAIN);
        EQ(c, OPS(c, id, NOW, {0, 1, SEM_UNDO}, {1, -1, SEM_UNDO}), -EAGAIN);
        EQ(c, one_op(c, id, 0, -1, SEM_UNDO, NOW), -EAGAIN);
        conf_exit();
    }
    conf_join(c, pid);
    VALUES(c, id, 0, 0);
    const struct sembuf ops[] = {{0, 1, SEM_UNDO}, {1, -1, SEM_UNDO}};
    pid = set_sleeper(c, id, 0, ops, 2, EVER);
    conf_kill(c, pid);
    VALUES(c, id, 0, 0);
    EQ(c, OPS(c, id, NOW, {0, 0, SEM_UNDO}), 0);
    remove_set(c, id);
}

/* A sleeper's operations are undone when it ends, too: they happened when it was woken. */
static void of_a_sleeper(struct conf *c)
{
    int id = make_set(c, 1);
    const struct sembuf o = {0, -2, SEM_UNDO};
    pid_t pid = set_sleeper(c, id, 0, &o, 1, EVER);
    EQ(c, one_op(c, id, 0, 3, 0, NOW), 0);
    conf_join(c, pid);
    EQ(c, conf_get(c, RESULT), 0);
    VALUES(c, id, 3);
    remove_set(c, id);
}

/* A child of fork(2) has none: it undoes neither its parent's nor as its parent. */
static void fork_has_none(struct conf *c)
{
    int id = make_set(c, 1);
    EQ(c, one_op(c, id, 0, 10, 0, NOW), 0);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        EQ(c, one_op(c, id, 0, -3, SEM_UNDO, NOW), 0);
        pid_t inner = conf_fork(c);
        if (inner == 0)
            conf_exit();
        conf_join(c, inner);
        VALUES(c, id, 7);
        inner = conf_fork(c);
        if (inner == 0) {
            EQ(c, one_op(c, id, 0, -1, SEM_UNDO, NOW), 0);
            conf_exit();
        }
        conf_join(c, inner);
        VALUES(c, id, 7);
        conf_exit();
    }
    conf_join(c, pid);
    VALUES(c, id, 10);
    remove_set(c, id);
}

/* exec(2) keeps them. */
static void exec_keeps(struct conf *c)
{
    int id = make_set(c, 1);
    EQ(c, one_op(c, id, 0, 10, 0, NOW), 0);
    for (int killed = 0; killed < 2; killed++) {
        pid_t pid = conf_fork(c);
        if (pid == 0) {
            char text[16];
            EQ(c, one_op(c, id, 0, -3, SEM_UNDO, NOW), 0);
            snprintf(text, sizeof(text), "%d", id);
            conf_exec(c, (const char *[]){text, NULL});
        }
        conf_await(c, 0, 1);
        VALUES(c, id, 6);
        conf_set(c, 1, !killed);
        if (killed)
            conf_kill(c, pid);
        else
            conf_join(c, pid);
        VALUES(c, id, 10);
        conf_set(c, 0, 0);
        conf_set(c, 1, 0);
    }
    remove_set(c, id);
}

/* The new program's are added to the old one's. */
static void after_exec_keeps(struct conf *c, int argc, char **argv)
{
    EQ(c, argc, 1);
    int id = atoi(argv[0]);
    EQ(c, one_op(c, id, 0, 0, IPC_NOWAIT, EVER), -EAGAIN);
    EQ(c, one_op(c, id, 0, -1, SEM_UNDO, NOW), 0);
    conf_set(c, 0, 1);
    conf_await(c, 1, 1);
    conf_exit();
}

struct threaded {
    struct conf *c;
    int id;
};

static void *take_and_end(void *arg)
{
    struct threaded *t = arg;
    EQ(t->c, one_op(t->c, t->id, 0, -1, SEM_UNDO, NOW), 0);
    return NULL;
}

/* They are the process's: a thread's end undoes nothing. */
static void threads_share(struct conf *c)
{
    int id = make_set(c, 1);
    EQ(c, one_op(c, id, 0, 5, 0, NOW), 0);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        struct threaded t = {c, id};
        pthread_t thread[2];
        for (int i = 0; i < 2; i++)
            EQ(c, pthread_create(&thread[i], NULL, take_and_end, &t), 0);
        for (int i = 0; i < 2; i++)
            EQ(c, pthread_join(thread[i], NULL), 0);
        conf_pause_ms(20);
        VALUES(c, id, 3);
        EQ(c, one_op(c, id, 0, 1, SEM_UNDO, NOW), 0); /* the sum is one over all */
        conf_exit();
    }
    conf_join(c, pid);
    VALUES(c, id, 5);
    remove_set(c, id);
}

/* A process that shares its parent's by CLONE_SYSVSEM, and does nothing but be there. */
static void sharer(struct conf *c)
{
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_SYSVSEM | SIGCHLD, NULL, NULL, NULL, NULL);
    OK(c, pid >= 0);
    if (pid == 0) {
        conf_set(c, 1, 1);
        conf_await(c, 2, 1);
        _exit(0);
    }
    conf_set(c, 0, pid);
}

/* With CLONE_SYSVSEM the kernel undoes when the last process that shares has ended. */
static void shared_by_clone(struct conf *c)
{
    int id = make_set(c, 1);
    EQ(c, one_op(c, id, 0, 5, 0, NOW), 0);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        sharer(c);
        EQ(c, one_op(c, id, 0, -2, SEM_UNDO, NOW), 0);
        conf_exit();
    }
    conf_join(c, pid);
    conf_await(c, 1, 1);
    EQ(c, get_of(c, id, 0, GETVAL), DIFFERS(c, 3, 5));
    conf_set(c, 2, 1);
    conf_join(c, (pid_t)conf_get(c, 0));
    VALUES(c, id, 5);
    remove_set(c, id);
}

/* And unshare(2) undoes at once. */
static void unshared(struct conf *c)
{
    int id = make_set(c, 1);
    EQ(c, one_op(c, id, 0, 5, 0, NOW), 0);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        EQ(c, one_op(c, id, 0, -2, SEM_UNDO, NOW), 0);
        EQ(c, unshare(CLONE_SYSVSEM), 0);
        EQ(c, get_of(c, id, 0, GETVAL), DIFFERS(c, 5, 3));
        conf_exit();
    }
    conf_join(c, pid);
    VALUES(c, id, 5);
    remove_set(c, id);
}

static void several_sets(struct conf *c)
{
    int id[3];
    for (int i = 0; i < 3; i++) {
        id[i] = make_set(c, 2);
        EQ(c, one_op(c, id[i], 1, 4, 0, NOW), 0);
    }
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        for (int i = 0; i < 3; i++)
            EQ(c, one_op(c, id[i], 1, -1 - i, SEM_UNDO, NOW), 0);
        conf_set(c, DONE, 1);
        conf_await(c, GO, 1);
    }
    conf_await(c, DONE, 1);
    VALUES(c, id[2], 0, 1);
    remove_set(c, id[1]); /* what is gone needs no undo */
    conf_kill(c, pid);
    VALUES(c, id[0], 0, 4);
    VALUES(c, id[2], 0, 4);
    remove_set(c, id[0]);
    remove_set(c, id[2]);
}

/* The next set may have the same key, or place: the dead one's undo isn't its. */
static void not_the_next_set(struct conf *c)
{
    key_t key = own_ipc_key();
    int id = tops(c)->get(key, 1, IPC_CREAT | 0600);
    pid_t pid = set_doer(c, id, 0, 0, 3, SEM_UNDO);
    remove_set(c, id);
    int next = tops(c)->get(key, 1, IPC_CREAT | 0600);
    EQ(c, one_op(c, next, 0, 8, 0, NOW), 0);
    end_doer(c, pid, 0, true);
    VALUES(c, next, 8);
    remove_set(c, next);
}

const struct conf_case semset_undo_cases[] = {
    {"undo.on_exit_or_death", on_exit_or_death, 0, NULL, NULL, 0},
    {"undo.without", without, 0, NULL, NULL, 0},
    {"undo.merged", merged, 0, NULL, NULL, 0},
    {"undo.wakes", wakes, 0, NULL, NULL, 0},
    {"undo.not_done", not_done, 0, NULL, NULL, 0},
    {"undo.of_a_sleeper", of_a_sleeper, 0, NULL, NULL, 0},
    {"undo.fork_has_none", fork_has_none, 0, NULL, NULL, 0},
    {"undo.exec_keeps", exec_keeps, 0, NULL, after_exec_keeps, 0},
    {"undo.threads_share", threads_share, 0, NULL, NULL, 0},
    {"undo.shared_by_clone", shared_by_clone, 0, "semset-process-undo", NULL, 0},
    {"undo.unshared", unshared, 0, "semset-process-undo", NULL, 0},
    {"undo.several_sets", several_sets, 0, NULL, NULL, 0},
    {"undo.not_the_next_set", not_the_next_set, 0, NULL, NULL, 0},
    {0},
};
