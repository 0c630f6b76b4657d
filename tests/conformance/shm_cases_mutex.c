/* SPDX-License-Identifier: MIT */
/* shm_cases_mutex.c - the robust mutex, which only Hepta has, in every kind of shared memory */
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>

#include "shm_room.h"

#define LONG_MS 8000 /* a wait that must end: below the frame's time limit */

enum { RESULT = 8, BEFORE = 20 };

/* A mutex in a named segment that children have, too. */
struct guarded {
    struct seg *s;
    hepta_shm_mutex_t *m;
    long *n; /* what it guards */
};

static struct guarded make(struct conf *c)
{
    struct guarded g = {0};
    EQ(c, yops(c)->anonymous(&g.s, PAGE), 0);
    g.m = (hepta_shm_mutex_t *)(void *)(yops(c)->data(g.s) + 128);
    g.n = (long *)(void *)(yops(c)->data(g.s) + 1024);
    return g;
}

/* A child that has it; it ends when cell 1 is 1, without unlocking. */
static pid_t holder(struct conf *c, const struct guarded *g)
{
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        EQ(c, hepta_shm_mutex_lock(g->m, NOW), 0);
        conf_set(c, 0, 1);
        conf_await(c, 1, 1);
        conf_exit();
    }
    conf_await(c, 0, 1);
    conf_set(c, 0, 0);
    return pid;
}

/* A child asleep in lock; it ends with the mutex unlocked, and mended if need be. */
static pid_t waiter(struct conf *c, const struct guarded *g, int i)
{
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        conf_set(c, BEFORE, 1);
        int r = hepta_shm_mutex_lock(g->m, HEPTA_FOREVER);
        if (r == -EOWNERDEAD)
            EQ(c, hepta_shm_mutex_mended(g->m), 0);
        conf_set(c, RESULT + i, r);
        EQ(c, hepta_shm_mutex_unlock(g->m), 0);
        conf_exit();
    }
    conf_asleep_after(c, pid, BEFORE);
    conf_set(c, BEFORE, 0);
    return pid;
}

static void locked_and_unlocked(struct conf *c)
{
    struct guarded g = make(c);
    EQ(c, hepta_shm_mutex_unlock(g.m), -EPERM);
    EQ(c, hepta_shm_mutex_lock(g.m, HEPTA_FOREVER), 0); /* zeroed is unlocked */
    EQ(c, hepta_shm_mutex_lock(g.m, HEPTA_FOREVER), -EDEADLK);
    EQ(c, hepta_shm_mutex_mended(g.m), -EINVAL);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        EQ(c, hepta_shm_mutex_lock(g.m, NOW), -EAGAIN);
        EQ(c, hepta_shm_mutex_lock(g.m, hepta_in_ms(20)), -ETIMEDOUT);
        EQ(c, hepta_shm_mutex_unlock(g.m), -EPERM);
        EQ(c, hepta_shm_mutex_mended(g.m), -EPERM);
        conf_exit();
    }
    conf_join(c, pid);
    EQ(c, hepta_shm_mutex_unlock(g.m), 0);
    EQ(c, hepta_shm_mutex_unlock(g.m), -EPERM);
    EQ(c, hepta_shm_mutex_lock(NULL, NOW), -EINVAL);
    EQ(c, hepta_shm_mutex_lock((hepta_shm_mutex_t *)(void *)((char *)g.m + 1), NOW), -EINVAL);
    close_seg(c, g.s);
}

static void unlock_wakes(struct conf *c)
{
    struct guarded g = make(c);
    pid_t pid[3];
    EQ(c, hepta_shm_mutex_lock(g.m, NOW), 0);
    for (int i = 0; i < 3; i++)
        pid[i] = waiter(c, &g, i);
    EQ(c, hepta_shm_mutex_unlock(g.m), 0);
    for (int i = 0; i < 3; i++) {
        conf_join(c, pid[i]);
        EQ(c, conf_get(c, RESULT + i), 0);
    }
    close_seg(c, g.s);
}

static void excludes(struct conf *c)
{
    struct guarded g = make(c);
    pid_t pid[4];
    for (int i = 0; i < 4; i++)
        if ((pid[i] = conf_fork(c)) == 0) {
            for (int n = 0; n < 3000; n++) {
                EQ(c, hepta_shm_mutex_lock(g.m, n % 2 ? HEPTA_FOREVER : hepta_in_ms(LONG_MS)), 0);
                ++*g.n;
                EQ(c, hepta_shm_mutex_unlock(g.m), 0);
            }
            conf_exit();
        }
    for (int i = 0; i < 4; i++)
        conf_join(c, pid[i]);
    EQ(c, *g.n, 4 * 3000);
    close_seg(c, g.s);
}

/* The next one is told; mended, it is a mutex again; unlocked without that, it is none any more. */
static void owner_dies(struct conf *c)
{
    struct guarded g = make(c);
    for (int killed = 0; killed < 2; killed++) {
        pid_t pid = holder(c, &g);
        EQ(c, hepta_shm_mutex_lock(g.m, NOW), -EAGAIN);
        if (killed) {
            conf_kill(c, pid);
        } else {
            conf_set(c, 1, 1);
            conf_join(c, pid);
        }
        EQ(c, hepta_shm_mutex_lock(g.m, NOW), -EOWNERDEAD);
        EQ(c, hepta_shm_mutex_mended(g.m), 0);
        EQ(c, hepta_shm_mutex_mended(g.m), -EINVAL);
        EQ(c, hepta_shm_mutex_unlock(g.m), 0);
        EQ(c, hepta_shm_mutex_lock(g.m, NOW), 0);
        EQ(c, hepta_shm_mutex_unlock(g.m), 0);
        conf_set(c, 1, 0);
    }
    conf_kill(c, holder(c, &g));
    EQ(c, hepta_shm_mutex_lock(g.m, HEPTA_FOREVER), -EOWNERDEAD);
    EQ(c, hepta_shm_mutex_unlock(g.m), 0);
    EQ(c, hepta_shm_mutex_lock(g.m, HEPTA_FOREVER), -ENOTRECOVERABLE);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        EQ(c, hepta_shm_mutex_lock(g.m, NOW), -ENOTRECOVERABLE);
        conf_exit();
    }
    conf_join(c, pid);
    close_seg(c, g.s);
}

/* One that dies before it has mended leaves that to the next. */
static void mender_dies(struct conf *c)
{
    struct guarded g = make(c);
    conf_kill(c, holder(c, &g));
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        EQ(c, hepta_shm_mutex_lock(g.m, HEPTA_FOREVER), -EOWNERDEAD);
        conf_exit();
    }
    conf_join(c, pid);
    EQ(c, hepta_shm_mutex_lock(g.m, NOW), -EOWNERDEAD);
    EQ(c, hepta_shm_mutex_mended(g.m), 0);
    EQ(c, hepta_shm_mutex_unlock(g.m), 0);
    close_seg(c, g.s);
}

/* Who sleeps proceeds when the holder is killed; one of them is told. */
static void waiters_of_a_dead(struct conf *c)
{
    struct guarded g = make(c);
    pid_t h = holder(c, &g), pid[3];
    int n_told = 0;
    for (int i = 0; i < 3; i++)
        pid[i] = waiter(c, &g, i);
    conf_kill(c, h);
    for (int i = 0; i < 3; i++) {
        conf_join(c, pid[i]);
        OK(c, conf_get(c, RESULT + i) == 0 || conf_get(c, RESULT + i) == -EOWNERDEAD);
        n_told += conf_get(c, RESULT + i) != 0;
    }
    EQ(c, n_told, 1);
    close_seg(c, g.s);
}

/* Any number at once; all of them return. */
static void many_held(struct conf *c)
{
    enum { N = 64 };
    struct seg *s = NULL;
    EQ(c, yops(c)->anonymous(&s, PAGE), 0);
    hepta_shm_mutex_t *m = (hepta_shm_mutex_t *)(void *)yops(c)->data(s);
    for (int round = 0; round < 2; round++) {
        pid_t pid = conf_fork(c);
        if (pid == 0) {
            for (int i = 0; i < N; i++)
                EQ(c, hepta_shm_mutex_lock(&m[i], NOW), 0);
            for (int i = 0; i < N; i += 2)
                EQ(c, hepta_shm_mutex_unlock(&m[i]), 0);
            conf_exit();
        }
        conf_join(c, pid);
        for (int i = 0; i < N; i++) {
            EQ(c, hepta_shm_mutex_lock(&m[i], NOW), i % 2 ? -EOWNERDEAD : 0);
            if (i % 2)
                EQ(c, hepta_shm_mutex_mended(&m[i]), 0);
        }
        for (int i = 0; i < N; i++)
            EQ(c, hepta_shm_mutex_unlock(&m[i]), 0);
    }
    close_seg(c, s);
}

/* A handler doesn't end the wait, as with pthread_mutex_lock(3). */
static void handlers(struct conf *c)
{
    struct guarded g = make(c);
    EQ(c, hepta_shm_mutex_lock(g.m, NOW), 0);
    conf_handle(c, SIGUSR1, 0);
    pid_t pid = waiter(c, &g, 0);
    EQ(c, kill(pid, SIGUSR1), 0);
    conf_asleep(c, pid);
    EQ(c, hepta_shm_mutex_unlock(g.m), 0);
    conf_join(c, pid);
    EQ(c, conf_get(c, RESULT), 0);
    EQ(c, atomic_load(&c->share->n_signals), 1);
    close_seg(c, g.s);
}

/* Between processes that share nothing but a name, and a segment of System V. */
static void by_name(struct conf *c)
{
    struct shm_name name = shm_name();
    struct seg *s = make_seg(c, &name, PAGE);
    int id = make_shm(c, PAGE);
    char *p = attach(c, id, 0);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        struct seg *own = open_seg(c, &name, O_RDWR);
        char *q = attach(c, id, 0);
        EQ(c, hepta_shm_mutex_lock((hepta_shm_mutex_t *)(void *)yops(c)->data(own), NOW), 0);
        EQ(c, hepta_shm_mutex_lock((hepta_shm_mutex_t *)(void *)q, NOW), 0);
        conf_exit();
    }
    conf_join(c, pid);
    EQ(c, hepta_shm_mutex_lock((hepta_shm_mutex_t *)(void *)yops(c)->data(s), NOW), -EOWNERDEAD);
    EQ(c, hepta_shm_mutex_lock((hepta_shm_mutex_t *)(void *)p, NOW), -EOWNERDEAD);
    detach(c, p);
    remove_shm(c, id);
    close_seg(c, s);
    unlink_seg(c, &name);
}

const struct conf_case shm_mutex_cases[] = {
    {"mutex.locked_and_unlocked", locked_and_unlocked, NEEDS_HEPTA, NULL, NULL, 0},
    {"mutex.unlock_wakes", unlock_wakes, NEEDS_HEPTA, NULL, NULL, 0},
    {"mutex.excludes", excludes, NEEDS_HEPTA, NULL, NULL, 20},
    {"mutex.owner_dies", owner_dies, NEEDS_HEPTA, NULL, NULL, 0},
    {"mutex.mender_dies", mender_dies, NEEDS_HEPTA, NULL, NULL, 0},
    {"mutex.waiters_of_a_dead", waiters_of_a_dead, NEEDS_HEPTA, NULL, NULL, 0},
    {"mutex.many_held", many_held, NEEDS_HEPTA, NULL, NULL, 0},
    {"mutex.handlers", handlers, NEEDS_HEPTA, NULL, NULL, 0},
    {"mutex.by_name", by_name, NEEDS_HEPTA, NULL, NULL, 0},
    {0},
};
