/* SPDX-License-Identifier: MIT */
/*
 * planted_shared.c - the users of planted.c, too: semaphores, permits, sets and segments, by name,
 * by id and by key, among what others have planted
 *
 * Memory that is attached is written from end to end: it must be there. Start with
 * planted_use_shared().
 */
#define _GNU_SOURCE
#include "../lib/t.h"
#include "planted.h"
#include "memory/sysv_internal.h"

#include <hepta/sem.h>
#include <hepta/semset.h>
#include <hepta/shm.h>
#include <unistd.h>

#define rnd planted_random
#define judge planted_judge
#define LEN 5000u

static const int get_flags[] = {0, IPC_CREAT, IPC_CREAT, IPC_CREAT | IPC_EXCL};

static void touch(volatile unsigned char *p, size_t len)
{
    for (size_t at = 0; at < len; at += 4096)
        p[at] = 1;
    if (len > 0)
        p[len - 1] = 1;
}

/* --- semaphores, permits ------------------------------------------------------------------ */

static uint32_t sem_flags(void)
{
    static const uint32_t flags[] = {0, HEPTA_SEM_CREATE, HEPTA_SEM_CREATE | HEPTA_SEM_EXCL};

    return flags[rnd(3)];
}

static void use_sem(const char *name)
{
    hepta_sem_t *sem;
    int64_t deadline, start = t_now_ns();

    if (rnd(5) == 0) {
        judge("sem_unlink", NAMES, start, 0, hepta_sem_unlink(name));
        return;
    }
    if (judge("sem_open", NAMES, start, 0, hepta_sem_open(name, sem_flags(), 0666, 1, &sem)) < 0)
        return;
    start = t_now_ns();
    judge("sem_post", SEM_VERBS, start, 0, hepta_sem_post(sem));
    deadline = planted_deadline();
    start = t_now_ns();
    judge("sem_wait", SEM_VERBS, start, deadline, hepta_sem_wait(sem, deadline));
    start = t_now_ns();
    judge("sem_close", SEM_VERBS, start, 0, hepta_sem_close(sem));
}

static void use_permit(const char *name)
{
    const struct hepta_permit_options opt = {.size = sizeof(opt), .holders_max = 4};
    struct hepta_permit_stat st;
    struct hepta_permit *permit;
    int64_t deadline, start = t_now_ns();

    if (rnd(5) == 0) {
        judge("permit_unlink", NAMES, start, 0, hepta_permit_unlink(name));
        return;
    }
    if (judge("permit_open", NAMES, start, 0,
              hepta_permit_open(name, sem_flags(), 0666, 2, &opt, &permit)) < 0)
        return;
    deadline = planted_deadline();
    start = t_now_ns();
    judge("permit_take", PERMIT_VERBS, start, deadline, hepta_permit_take(permit, deadline));
    start = t_now_ns();
    judge("permit_stat", PERMIT_VERBS, start, 0, hepta_permit_stat(permit, &st));
    start = t_now_ns();
    judge("permit_give", PERMIT_VERBS, start, 0, hepta_permit_give(permit));
    hepta_permit_close(permit);
}

/* --- named segments ----------------------------------------------------------------------- */

static void use_shm(const char *name)
{
    static const uint32_t flags[] = {0, HEPTA_SHM_CREATE, HEPTA_SHM_CREATE | HEPTA_SHM_AUTO,
                                     HEPTA_SHM_CREATE | HEPTA_SHM_EXCL};
    const struct hepta_shm_options opt = {.size = sizeof(opt), .len = LEN};
    struct hepta_shm *shm;
    int64_t start = t_now_ns();

    if (rnd(5) == 0) {
        judge("shm_unlink", NAMES, start, 0, hepta_shm_unlink(name));
        return;
    }
    if (judge("shm_open", NAMES, start, 0,
              hepta_shm_open(name, flags[rnd(4)] | HEPTA_SHM_WRITE, 0666, &opt, &shm)) < 0)
        return;
    touch(hepta_shm_data(shm), hepta_shm_len(shm));
    hepta_shm_close(shm);
}

/* --- sets by id and key ------------------------------------------------------------------- */

static void use_set_id(int id)
{
    const struct sembuf ops[] = {{0, (short)((int)rnd(3) - 1), SEM_UNDO}, {1, 1, 0}};
    struct semid_ds ds;
    int64_t deadline = planted_deadline(), start = t_now_ns();

    switch (rnd(5)) {
    case 0:
        judge("semset_stat", MSG_CTL, start, 0,
              hepta_semset_ctl(id, 0, IPC_STAT, (union hepta_semun){.buf = &ds}));
        break;
    case 1:
        judge("semset_setval", SET_VERBS, start, 0,
              hepta_semset_ctl(id, 1, SETVAL, (union hepta_semun){.val = 1}));
        break;
    case 2:
        judge("semset_rmid", MSG_CTL, start, 0,
              hepta_semset_ctl(id, 0, IPC_RMID, (union hepta_semun){0}));
        break;
    default:
        judge("semset_op", SET_VERBS, start, deadline,
              hepta_semset_op(id, ops, 1 + rnd(2), deadline));
        break;
    }
    hepta_semset_detach(id);
}

static void use_set_key(key_t key)
{
    const struct hepta_semset_options opt = {.size = sizeof(opt), .undoers_max = 4};
    int64_t start = t_now_ns();
    int64_t id = judge("semset_get", MSG_GET, start, 0,
                       hepta_semset_get(key, 1, get_flags[rnd(4)] | 0600, &opt));

    if (id > 0)
        use_set_id((int)id);
}

static void list_sets(void)
{
    struct semid_ds ds;
    struct seminfo info;
    int64_t id, start = t_now_ns();

    if (rnd(2)) {
        judge("sem_info", MSG_CTL, start, 0,
              hepta_semset_ctl(0, 0, SEM_INFO, (union hepta_semun){.info = &info}));
        return;
    }
    id = judge("sem_stat", MSG_CTL, start, 0,
               hepta_semset_ctl((int)rnd(2 * PLANTED_NAMES), 0, SEM_STAT,
                                (union hepta_semun){.buf = &ds}));
    if (id > 0)
        use_set_id((int)id);
}

/* --- segments by id and key --------------------------------------------------------------- */

/* Its length would be IPC_STAT's to say, which looks at each process of the machine. */
static void attach(int id)
{
    void *p;
    int64_t start = t_now_ns();

    if (judge("shm_at", MSG_CTL, start, 0, hepta_shm_at(id, NULL, 0, &p)) < 0)
        return;
    touch(p, 1);
    start = t_now_ns();
    if (rnd(3) == 0)
        judge("shm_rmid", MSG_CTL, start, 0, hepta_shm_ctl(id, IPC_RMID, NULL));
    start = t_now_ns();
    judge("shm_dt", MSG_CTL, start, 0, hepta_shm_dt(p));
}

static void use_shm_id(int id)
{
    struct shmid_ds ds = {.shm_perm = {.mode = 0600}};
    int64_t start = t_now_ns();

    ds.shm_perm.uid = geteuid();
    ds.shm_perm.gid = getegid();
    switch (rnd(6)) {
    case 0: judge("shm_set", MSG_CTL, start, 0, hepta_shm_ctl(id, IPC_SET, &ds)); break;
    case 1: judge("shm_rmid", MSG_CTL, start, 0, hepta_shm_ctl(id, IPC_RMID, NULL)); break;
    default: attach(id); break;
    }
    h7_sysv_detach(&h7_shmid_table, id);
}

static void use_shm_key(key_t key)
{
    int64_t start = t_now_ns();
    int64_t id = judge("shm_get", MSG_GET, start, 0,
                       hepta_shm_get(key, 1, get_flags[rnd(4)] | 0600));

    if (id > 0)
        use_shm_id((int)id);
}

static void list_segments(void)
{
    struct shm_info info;
    int64_t start = t_now_ns();

    judge("shm_info", MSG_CTL, start, 0, hepta_shm_ctl(0, SHM_INFO, &info));
}

/* --- all ----------------------------------------------------------------------------------- */

static void use_ids(void (*by_id)(int), void (*by_key)(key_t), void (*list)(void))
{
    switch (rnd(6)) {
    case 0: by_id(1 + (int)rnd(PLANTED_NAMES)); break;
    case 1: list(); break;
    case 2: by_key(IPC_PRIVATE); break;
    default: by_key(1 + (key_t)rnd(PLANTED_NAMES)); break;
    }
}

void planted_use_shared(int kind)
{
    char name[16];

    planted_name(name);
    switch (kind) {
    case PLANTED_SEM: use_sem(name); break;
    case PLANTED_PERMIT: use_permit(name); break;
    case PLANTED_SHM: use_shm(name); break;
    case PLANTED_SEMSET: use_ids(use_set_id, use_set_key, list_sets); break;
    default: use_ids(use_shm_id, use_shm_key, list_segments); break;
    }
}
