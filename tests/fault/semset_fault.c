/* SPDX-License-Identifier: MIT */
/*
 * semset_fault.c - every system call and allocation of System V sets fails in turn
 *
 * After each failure the set has the values that the result says, and works; where it was to be
 * made or removed, its key leads to a whole set or to none.
 */
#define _GNU_SOURCE
#include "../lib/t.h"
#include "inject.h"

#include <errno.h>
#include <hepta/semset.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "name/name.h"

#define KEY 88
#define SEMS 2

static char dir[] = "/dev/shm/hepta-fault-XXXXXX";
static const union hepta_semun none;
static int id;
static pid_t other;

static int get(int flags)
{
    const struct hepta_semset_options o = {
        .size = sizeof(o), .undoers_max = 4, .wait = HEPTA_WAIT_SLEEP};

    return hepta_semset_get(KEY, SEMS, flags, &o);
}

static int op(int num, int by, int flags, int64_t deadline)
{
    const struct sembuf b = {(unsigned short)num, (short)by, (short)flags};

    return hepta_semset_op(id, &b, 1, deadline);
}

/* The values are 1 and 0. */
static void have_set(void)
{
    id = get(IPC_CREAT | 0600);
    if (id < 0 || op(0, 1, 0, HEPTA_NOW) < 0)
        t_die("no set: %s", strerror(-id));
}

static void have_unattached(void)
{
    have_set();
    hepta_semset_detach(id);
}

static void have_sleeper(void)
{
    have_set();
    other = t_fork();
    if (other == 0)
        _exit(op(1, -1, 0, hepta_in_ms(3000)) != 0);
    t_asleep(other, 1000);
}

/* A process died that had taken one. */
static void have_dead(void)
{
    have_set();
    pid_t pid = t_fork();
    if (pid == 0)
        _exit(op(0, -1, SEM_UNDO, HEPTA_NOW) != 0);
    if (t_reap(pid, 2000) != 0)
        t_die("the dead one can't take");
}

static void remove_by_key(void)
{
    int at = hepta_semset_get(KEY, 0, 0, NULL);

    if (at >= 0)
        hepta_semset_ctl(at, 0, IPC_RMID, none);
    hepta_semset_detach(at);
}

static void leave(void)
{
    if (other > 0)
        t_kill(other);
    other = 0;
    hepta_semset_ctl(id, 0, IPC_RMID, none);
    hepta_semset_detach(id);
    remove_by_key();
}

/* --- what is run ---------------------------------------------------------------------- */

static long run_make(void)
{
    return id = get(IPC_CREAT | 0600);
}

static long run_find(void)
{
    return get(0600);
}

static long run_find_exclusively(void)
{
    return get(IPC_CREAT | IPC_EXCL | 0600);
}

static long run_take(void)
{
    return op(0, -1, 0, hepta_in_ms(20));
}

static long run_take_undo(void)
{
    return op(0, -1, SEM_UNDO, hepta_in_ms(20));
}

static long run_sleep(void)
{
    return op(1, -1, 0, hepta_in_ms(20));
}

static long run_add(void)
{
    return op(1, 1, 0, hepta_in_ms(20));
}

static long run_setall(void)
{
    unsigned short values[SEMS] = {0, 0};

    return hepta_semset_ctl(id, 0, SETALL, (union hepta_semun){.array = values});
}

static long run_getval(void)
{
    return hepta_semset_ctl(id, 0, GETVAL, none);
}

static long run_set(void)
{
    struct semid_ds ds = {.sem_perm = {.uid = geteuid(), .gid = getegid(), .mode = 0640}};

    return hepta_semset_ctl(id, 0, IPC_SET, (union hepta_semun){.buf = &ds});
}

static long run_give_away(void)
{
    struct semid_ds ds = {.sem_perm = {.uid = 65534, .gid = 65534, .mode = 0666}};

    return hepta_semset_ctl(id, 0, IPC_SET, (union hepta_semun){.buf = &ds});
}

static long run_stat(void)
{
    struct semid_ds ds;
    long rc = hepta_semset_ctl(0, 0, SEM_STAT, (union hepta_semun){.buf = &ds});

    return rc < 0 ? rc : hepta_semset_ctl(id, 0, IPC_STAT, (union hepta_semun){.buf = &ds});
}

static long run_info(void)
{
    struct seminfo info;

    return hepta_semset_ctl(0, 0, SEM_INFO, (union hepta_semun){.info = &info});
}

static long run_remove(void)
{
    return hepta_semset_ctl(id, 0, IPC_RMID, none);
}

/* --- what must hold ------------------------------------------------------------------- */

/* Semaphore 0 has this value, 1 has 0, and all works, by key and by id. */
static bool holds(int value)
{
    unsigned short v[SEMS];

    if (hepta_semset_ctl(id, 0, GETALL, (union hepta_semun){.array = v}) < 0 || v[0] != value ||
        v[1] != 0)
        return false;
    if (op(0, 1, SEM_UNDO, HEPTA_NOW) < 0 || op(0, -1, SEM_UNDO, HEPTA_NOW) < 0)
        return false;
    return op(1, -1, 0, HEPTA_NOW) == -EAGAIN && get(0600) == id;
}

static bool still_one(long result)
{
    (void)result;
    return holds(1);
}

/* That the text isn't there is a lie that nobody can see through: what belongs to two then, can
 * be removed, and is nobody's any more. */
static bool one_or_removable(long result)
{
    if (!strstr(inject_where(), "ENOENT") || get(0600) == id)
        return still_one(result);
    return hepta_semset_ctl(id, 0, IPC_RMID, none) == 0 && get(0600) == -ENOENT;
}

static bool one_unless_taken(long result)
{
    return holds(result < 0);
}

static bool sleeper_was_woken(long result)
{
    if (result < 0)
        return holds(1);
    bool ok = t_reap(other, 4000) == 0;

    other = 0;
    return ok && holds(1);
}

/* Found or not, what it looked at isn't kept unless the caller knows it. */
static bool is_known_or_not_kept(long result)
{
    bool kept = hepta_semset_detach(id) == 0;

    return kept == (result >= 0) && holds(1);
}

static bool whole_or_none(long result)
{
    int again = get(0600);

    if (result >= 0 ? again != result : again != -ENOENT)
        return false;
    id = get(IPC_CREAT | 0600);
    return id >= 0 && (result < 0 || id == result) && holds(0);
}

/* Removed, or as it was: then it can be removed again. */
static bool is_gone(long result)
{
    int rc = hepta_semset_ctl(id, 0, IPC_RMID, none);

    if (result == 0 ? rc != -EINVAL && rc != -EIDRM : rc != 0 && rc != -EINVAL && rc != -EIDRM)
        return false;
    return get(0600) == -ENOENT;
}

#define SYSTEM ENOMEM, EMFILE, ENFILE, ENOSYS, EPERM, EACCES, EINTR, EAGAIN, ENOSPC
#define MAKING SYSTEM, EEXIST, ENOENT, EOPNOTSUPP, EXDEV, EPROTO, EBADMSG, ENOTDIR, EBADF, ESRCH, \
               EINVAL, ETIMEDOUT

static const struct inject_op ops[] = {
    {"semset get, made", {MAKING}, NULL, run_make, whole_or_none, leave, 1},
    {"semset get, found", {MAKING, EIDRM}, have_unattached, run_find, is_known_or_not_kept, leave,
     1},
    {"semset get, exclusively", {MAKING, EIDRM}, have_unattached, run_find_exclusively,
     is_known_or_not_kept, leave, 1},
    {"semset first operation", {MAKING, EIDRM}, have_unattached, run_take, one_unless_taken, leave,
     1},
    {"semset take", {SYSTEM, ETIMEDOUT}, have_set, run_take, one_unless_taken, leave, 1},
    {"semset take with undo", {SYSTEM, ETIMEDOUT}, have_set, run_take_undo, one_unless_taken, leave,
     1},
    {"semset sleep", {SYSTEM, ETIMEDOUT}, have_set, run_sleep, still_one, leave, 1},
    {"semset add, one asleep", {SYSTEM, ETIMEDOUT}, have_sleeper, run_add, sleeper_was_woken, leave,
     1},
    {"semset take what the dead had", {SYSTEM, ETIMEDOUT}, have_dead, run_take, one_unless_taken,
     leave, 1},
    {"semset SETALL", {SYSTEM, ETIMEDOUT}, have_set, run_setall, one_unless_taken, leave, 1},
    {"semset GETVAL after a death", {SYSTEM, ETIMEDOUT}, have_dead, run_getval, still_one,
     leave, 1},
    {"semset IPC_SET", {MAKING, EIDRM}, have_set, run_set, still_one, leave, 1},
    {"semset IPC_SET, another owner", {MAKING, EIDRM}, have_set, run_give_away, one_or_removable,
     leave, 1},
    {"semset IPC_STAT, SEM_STAT", {MAKING, EIDRM}, have_set, run_stat, still_one, leave, 1},
    {"semset SEM_INFO", {MAKING}, have_set, run_info, still_one, leave, 1},
    {"semset IPC_RMID", {MAKING, EIDRM}, have_set, run_remove, is_gone, leave, 1},
    {"semset IPC_RMID, first use", {MAKING, EIDRM}, have_unattached, run_remove, is_gone, leave, 1},
};

/* What a failing removal or making has left, is of processes that are dead. */
int main(void)
{
    int n_bad;

    t_limit(180);
    if (!mkdtemp(dir) || setenv("HEPTA_DIR", dir, 1) != 0)
        t_die("%s", dir);
    n_bad = inject_all(ops, T_COUNT(ops));
    run_info();
    h7_name_clean();
    if (rmdir(dir) != 0) {
        printf("something is left in %s\n", dir);
        n_bad++;
        char cmd[100];
        snprintf(cmd, sizeof(cmd), "ls -lR %s; rm -rf %s", dir, dir);
        if (system(cmd) != 0)
            t_die("%s", cmd);
    }
    printf("%d failed\n", n_bad);
    return n_bad != 0;
}
