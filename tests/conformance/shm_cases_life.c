/* SPDX-License-Identifier: MIT */
/* shm_cases_life.c - who has a System V segment attached; fork, exec and exit; its end */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shm_room.h"

#define LEN (4 * PAGE)

static long n_attached(struct conf *c, int id)
{
    return (long)shm_status(c, id).shm_nattch;
}

/* A child that has it attached until cell 1 is 1, or it is killed. */
static pid_t attacher(struct conf *c, int id)
{
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        char *p = attach(c, id, 0);
        conf_add(c, 0, 1);
        conf_await(c, 1, 1);
        detach(c, p);
        conf_exit();
    }
    return pid;
}

/* The same, once cell 2 is 1; it lets go of what it has from its parent before. */
static pid_t late_attacher(struct conf *c, int id, const char *inherited)
{
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        detach(c, inherited);
        conf_await(c, 2, 1);
        char *p = attach(c, id, 0);
        conf_add(c, 0, 1);
        conf_await(c, 1, 1);
        detach(c, p);
        conf_exit();
    }
    return pid;
}

static void counted(struct conf *c)
{
    int id = make_shm(c, LEN);
    EQ(c, n_attached(c, id), 0);
    pid_t pid = attacher(c, id);
    conf_await(c, 0, 1);
    EQ(c, n_attached(c, id), 1);
    char *p = attach(c, id, 0);
    EQ(c, n_attached(c, id), 2);
    conf_set(c, 1, 1);
    conf_join(c, pid);
    EQ(c, n_attached(c, id), 1);
    detach(c, p);
    EQ(c, n_attached(c, id), 0);
    remove_shm(c, id);
}

/* The same process twice counts twice: shmop(2) says so, shmctl(2) counts processes. */
static void twice(struct conf *c)
{
    int id = make_shm(c, LEN);
    char *p = attach(c, id, 0), *q = attach(c, id, SHM_RDONLY);
    EQ(c, n_attached(c, id), 2);
    detach(c, p);
    EQ(c, n_attached(c, id), 1);
    detach(c, q);
    EQ(c, n_attached(c, id), 0);
    remove_shm(c, id);
}

/* A child of fork(2) has it attached, and detaches its own. */
static void fork_inherits(struct conf *c)
{
    int id = make_shm(c, LEN);
    char *p = attach(c, id, 0);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        p[0] = 3;
        conf_set(c, 0, 1);
        conf_await(c, 1, 1);
        detach(c, p);
        EQ(c, read_faults(c, p), SIGSEGV);
        conf_set(c, 0, 2);
        conf_await(c, 1, 2);
        conf_exit();
    }
    conf_await(c, 0, 1);
    EQ(c, p[0], 3);
    EQ(c, n_attached(c, id), 2);
    conf_set(c, 1, 1);
    conf_await(c, 0, 2);
    EQ(c, n_attached(c, id), 1);
    p[0] = 4;
    conf_set(c, 1, 2);
    conf_join(c, pid);
    EQ(c, n_attached(c, id), 1);
    detach(c, p);
    remove_shm(c, id);
}

/* exec(2) detaches. */
static void exec_detaches(struct conf *c)
{
    int id = make_shm(c, LEN);
    char *p = attach(c, id, 0);
    pid_t pid = conf_fork(c);
    if (pid == 0)
        conf_exec(c, (const char *[]){NULL});
    conf_await(c, 0, 1);
    EQ(c, n_attached(c, id), 1);
    detach(c, p);
    EQ(c, n_attached(c, id), 0);
    conf_set(c, 1, 1);
    conf_join(c, pid);
    remove_shm(c, id);
}

static void after_exec_detaches(struct conf *c, int argc, char **argv)
{
    (void)argc, (void)argv;
    conf_set(c, 0, 1);
    conf_await(c, 1, 1);
    conf_exit();
}

/* So does the end of a process, however it comes. */
static void exit_detaches(struct conf *c)
{
    int id = make_shm(c, LEN);
    for (int killed = 0; killed < 2; killed++) {
        pid_t pid = attacher(c, id);
        conf_await(c, 0, 1);
        EQ(c, n_attached(c, id), 1);
        if (killed) {
            conf_kill(c, pid);
        } else {
            conf_set(c, 1, 1);
            conf_join(c, pid);
        }
        EQ(c, n_attached(c, id), 0);
        conf_set(c, 0, 0);
        conf_set(c, 1, 0);
    }
    remove_shm(c, id);
}

static void removed_at_once(struct conf *c)
{
    int id = make_shm(c, LEN);
    key_t key = shm_status(c, id).shm_perm.__key;
    detach(c, attach(c, id, 0));
    remove_shm(c, id);
    expect_gone(c, id);
    EQ(c, yops(c)->get(key, LEN, 0), -ENOENT);
    int r = yops(c)->ctl(id, IPC_RMID, NULL);
    OK(c, r == -EINVAL || r == -EIDRM);
    int next = yops(c)->get(key, LEN, IPC_CREAT | 0600);
    OK(c, next >= 0 && next != id);
    expect_gone(c, id);
    remove_shm(c, next);
}

/* While somebody has it, it is only marked: SHM_DEST; its key is free at once. */
static void marked(struct conf *c)
{
    int id = make_shm(c, LEN);
    key_t key = shm_status(c, id).shm_perm.__key;
    char *p = attach(c, id, 0);
    p[0] = 8;
    EQ(c, shm_status(c, id).shm_perm.mode, 0666);
    remove_shm(c, id);
    struct shmid_ds ds = shm_status(c, id);
    EQ(c, ds.shm_perm.mode, 0666 | SHM_DEST);
    EQ(c, ds.shm_nattch, 1);
    EQ(c, ds.shm_perm.__key, IPC_PRIVATE);
    EQ(c, yops(c)->get(key, LEN, 0), -ENOENT);
    int next = yops(c)->get(key, LEN, IPC_CREAT | IPC_EXCL | 0600);
    OK(c, next >= 0 && next != id);
    char *q = attach(c, next, 0);
    EQ(c, q[0], 0);
    EQ(c, p[0], 8);
    detach(c, q);
    remove_shm(c, next);
    EQ(c, yops(c)->ctl(id, IPC_RMID, NULL), 0); /* once more changes nothing */
    detach(c, p);
    expect_gone(c, id);
}

/* Linux: it can still be attached by its id, and lives as long as anybody has it. */
static void attached_when_marked(struct conf *c)
{
    int id = make_shm(c, LEN);
    char *p = attach(c, id, 0);
    strcpy(p, "still here");
    pid_t pid = late_attacher(c, id, p);
    remove_shm(c, id);
    char *q = attach(c, id, 0);
    EQ(c, strcmp(q, "still here"), 0);
    conf_set(c, 2, 1);
    conf_await(c, 0, 1);
    detach(c, p);
    EQ(c, strcmp(q, "still here"), 0);
    detach(c, q);
    EQ(c, n_attached(c, id), 1);
    q = attach(c, id, SHM_RDONLY);
    EQ(c, strcmp(q, "still here"), 0);
    detach(c, q);
    conf_set(c, 1, 1);
    conf_join(c, pid);
    expect_gone(c, id);
}

/* The last one that has it may be killed: it goes then. */
static void last_is_killed(struct conf *c)
{
    int id = make_shm(c, LEN);
    pid_t pid = attacher(c, id);
    conf_await(c, 0, 1);
    remove_shm(c, id);
    EQ(c, shm_status(c, id).shm_perm.mode & SHM_DEST, SHM_DEST);
    conf_kill(c, pid);
    expect_gone(c, id);
}

/* So may be who had it by fork(2). */
static void last_is_a_child(struct conf *c)
{
    int id = make_shm(c, LEN);
    char *p = attach(c, id, 0);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        conf_set(c, 0, 1);
        conf_await(c, 1, 1);
        EQ(c, p[1], 6);
        conf_exit();
    }
    conf_await(c, 0, 1);
    p[1] = 6;
    remove_shm(c, id);
    detach(c, p);
    EQ(c, n_attached(c, id), 1);
    conf_set(c, 1, 1);
    conf_join(c, pid);
    expect_gone(c, id);
}

const struct conf_case shm_life_cases[] = {
    {"life.counted", counted, 0, NULL, NULL, 0},
    {"life.twice", twice, 0, NULL, NULL, 0},
    {"life.fork_inherits", fork_inherits, 0, NULL, NULL, 0},
    {"life.exec_detaches", exec_detaches, 0, NULL, after_exec_detaches, 0},
    {"life.exit_detaches", exit_detaches, 0, NULL, NULL, 0},
    {"life.removed_at_once", removed_at_once, 0, NULL, NULL, 0},
    {"life.marked", marked, 0, NULL, NULL, 0},
    {"life.attached_when_marked", attached_when_marked, 0, NULL, NULL, 0},
    {"life.last_is_killed", last_is_killed, 0, NULL, NULL, 0},
    {"life.last_is_a_child", last_is_a_child, 0, NULL, NULL, 0},
    {0},
};
