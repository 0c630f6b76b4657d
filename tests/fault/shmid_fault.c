/* SPDX-License-Identifier: MIT */
/*
 * shmid_fault.c - every system call and allocation of System V segments fails in turn
 *
 * After each failure a segment is there with its bytes, or it isn't, as the result says; nothing is
 * mapped that nobody was told of; and what is removed goes with its last user, at once or when
 * somebody looks.
 */
#define _GNU_SOURCE
#include "../lib/t.h"
#include "inject.h"

#include <errno.h>
#include <hepta/shm.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memory/sysv_internal.h"
#include "name/name.h"

#define KEY 89
#define LEN 8192

static char dir[] = "/dev/shm/hepta-fault-XXXXXX";
static int id;
static void *mine, *more; /* what is there anyway; what the verb gave */

static int get(int flags)
{
    return hepta_shm_get(KEY, LEN, flags);
}

static void have(void)
{
    id = get(IPC_CREAT | 0600);
    int rc = id < 0 ? id : hepta_shm_at(id, NULL, 0, &mine);
    if (rc < 0)
        t_die("no segment: %s", strerror(-rc));
    strcpy(mine, "mine");
}

static void have_unattached(void)
{
    have();
    hepta_shm_dt(mine);
    mine = NULL;
}

static void have_unknown(void)
{
    have_unattached();
    h7_sysv_detach(&h7_shmid_table, id);
}

static void have_removed(void)
{
    have();
    hepta_shm_ctl(id, IPC_RMID, NULL);
}

/* Removed, and its last user was killed. */
static void have_corpse(void)
{
    have_unknown();
    pid_t pid = t_fork();
    if (pid == 0) {
        void *p;

        if (hepta_shm_at(id, NULL, 0, &p) < 0 || hepta_shm_ctl(id, IPC_RMID, NULL) < 0)
            _exit(1);
        raise(SIGKILL);
    }
    t_reap(pid, 5000);
}

static void drop(void **p)
{
    if (*p)
        hepta_shm_dt(*p);
    *p = NULL;
}

static void leave(void)
{
    drop(&mine);
    drop(&more);
    hepta_shm_ctl(id, IPC_RMID, NULL);
    h7_sysv_detach(&h7_shmid_table, id);
    id = get(0);
    if (id >= 0)
        hepta_shm_ctl(id, IPC_RMID, NULL);
    h7_sysv_detach(&h7_shmid_table, id);
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

static long run_attach(void)
{
    return hepta_shm_at(id, NULL, 0, &more);
}

static long run_detach(void)
{
    long rc = hepta_shm_dt(mine);

    mine = NULL;
    return rc;
}

static long run_set(void)
{
    struct shmid_ds ds = {.shm_perm = {.uid = geteuid(), .gid = getegid(), .mode = 0640}};

    return hepta_shm_ctl(id, IPC_SET, &ds);
}

static long run_give_away(void)
{
    struct shmid_ds ds = {.shm_perm = {.uid = 65534, .gid = 65534, .mode = 0666}};

    return hepta_shm_ctl(id, IPC_SET, &ds);
}

static long run_lock(void)
{
    return hepta_shm_ctl(id, SHM_LOCK, NULL);
}

static long run_info(void)
{
    struct shm_info info;

    return hepta_shm_ctl(0, SHM_INFO, &info);
}

static long run_remove(void)
{
    return hepta_shm_ctl(id, IPC_RMID, NULL);
}

static long run_stat(void)
{
    struct shmid_ds ds;

    return hepta_shm_ctl(id, IPC_STAT, &ds);
}

/* --- what must hold ------------------------------------------------------------------- */

/* A removed one whose memory isn't there is no more, who could know better? Who has it, has it. */
static bool lied(void)
{
    return mine && strcmp(mine, "mine") == 0 && strstr(inject_where(), "ENOENT");
}

/* It has these bytes, and can be attached by its id. */
static bool usable(int of, const char *text)
{
    void *p;

    if (hepta_shm_at(of, NULL, 0, &p) < 0)
        return false;
    bool ok = strcmp(p, text) == 0;
    strcpy(p, text);
    return hepta_shm_dt(p) == 0 && ok;
}

static bool is_there(long result)
{
    (void)result;
    return (!mine || strcmp(mine, "mine") == 0) && get(0600) == id && usable(id, "mine");
}

/* That the text isn't there is a lie that nobody can see through: what belongs to two then, can
 * be removed, and is nobody's any more. */
static bool there_or_removable(long result)
{
    if (!strstr(inject_where(), "ENOENT") || get(0600) == id)
        return is_there(result);
    drop(&mine);
    return hepta_shm_ctl(id, IPC_RMID, NULL) == 0 && get(0600) == -ENOENT;
}

static bool is_known_or_not_kept(long result)
{
    bool kept = h7_sysv_detach(&h7_shmid_table, id) == 0;

    return kept == (result >= 0) && is_there(result);
}

static bool whole_or_none(long result)
{
    int again = get(0600);

    if (result >= 0 ? again != result : again != -ENOENT)
        return false;
    id = get(IPC_CREAT | 0600);
    return id >= 0 && (result < 0 || id == result) && usable(id, "");
}

static bool attached_if_said(long result)
{
    if (result == 0 ? !more || strcmp(more, "mine") != 0 : more != NULL)
        return false;
    return usable(id, "mine") || lied();
}

/* Nobody has it, and it is removed: whoever looks is told so. */
static bool is_no_more(long result)
{
    void *p;

    (void)result;
    return hepta_shm_at(id, NULL, 0, &p) == -EINVAL && get(0600) == -ENOENT;
}

static bool is_detached(long result)
{
    return result == 0 && is_no_more(result);
}

/* Removed it can be again: where nobody knows whether somebody has it, it stays until the next. */
static bool is_gone(long result)
{
    int rc = hepta_shm_ctl(id, IPC_RMID, NULL);

    return (rc == 0 || rc == -EINVAL) && is_no_more(result);
}

/* The key is free; who has it, keeps it. */
static bool lingers(long result)
{
    if (result < 0 && hepta_shm_ctl(id, IPC_RMID, NULL) < 0)
        return false;
    if (get(0600) != -ENOENT || strcmp(mine, "mine") != 0 ||
        (!usable(id, "mine") && !lied()))
        return false;
    drop(&mine);
    return is_no_more(result);
}

#define SYSTEM ENOMEM, EMFILE, ENFILE, ENOSYS, EPERM, EACCES, EINTR, EAGAIN, ENOSPC
#define MAKING SYSTEM, EEXIST, ENOENT, EOPNOTSUPP, EXDEV, EPROTO, EBADMSG, ENOTDIR, EBADF, ESRCH, \
               EINVAL, ETIMEDOUT

static const struct inject_op ops[] = {
    {"shm get, made", {MAKING}, NULL, run_make, whole_or_none, leave, 1},
    {"shm get, found", {MAKING, EIDRM}, have_unknown, run_find, is_known_or_not_kept, leave, 1},
    {"shm get, exclusively", {MAKING, EIDRM}, have_unknown, run_find_exclusively,
     is_known_or_not_kept, leave, 1},
    {"shm attach", {MAKING}, have_unattached, run_attach, attached_if_said, leave, 1},
    {"shm attach, first use", {MAKING}, have_unknown, run_attach, attached_if_said, leave, 1},
    {"shm attach, removed", {MAKING}, have_removed, run_attach, attached_if_said, leave, 1},
    {"shm detach, removed", {0}, have_removed, run_detach, is_detached, leave, 1},
    {"shm IPC_SET", {MAKING, EIDRM}, have, run_set, is_there, leave, 1},
    {"shm IPC_SET, another owner", {MAKING, EIDRM}, have, run_give_away, there_or_removable, leave,
     1},
    {"shm SHM_LOCK", {MAKING}, have, run_lock, is_there, leave, 1},
    {"shm SHM_INFO", {MAKING}, have, run_info, is_there, leave, 1},
    {"shm IPC_RMID", {MAKING}, have_unattached, run_remove, is_gone, leave, 1},
    {"shm IPC_RMID, first use", {MAKING}, have_unknown, run_remove, is_gone, leave, 1},
    {"shm IPC_RMID, attached", {MAKING}, have, run_remove, lingers, leave, 1},
    {"shm SHM_INFO, one that nobody has", {MAKING}, have_corpse, run_info, is_no_more, leave, 1},
    {"shm IPC_STAT, one that nobody has", {MAKING}, have_corpse, run_stat, is_no_more, leave, 1},
};

/* It looks at each process. */
static const struct inject_op stat_op = {
    "shm IPC_STAT", {MAKING}, have, run_stat, is_there, leave, 1};

/* What a failing removal or making has left, is of processes that are dead. */
int main(void)
{
    int n_bad;

    t_limit(180);
    if (!mkdtemp(dir) || setenv("HEPTA_DIR", dir, 1) != 0)
        t_die("%s", dir);
    n_bad = inject_all(ops, T_COUNT(ops)) + inject_first(&stat_op, 30);
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
