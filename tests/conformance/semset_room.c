/* SPDX-License-Identifier: MIT */
/* semset_room.c - System V sets: back ends, groups, surroundings, and the short forms cases use */
#define _GNU_SOURCE
#include "semset_room.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "name_dir.h"

/* --- the kernel's -------------------------------------------------------------------- */

static int k_get(key_t key, int n, int flags)
{
    int id = semget(key, n, flags);
    return id < 0 ? -errno : id;
}

static int k_op(int id, const struct sembuf *ops, size_t n, int64_t deadline)
{
    struct sembuf *o = (struct sembuf *)(uintptr_t)ops; /* libc's isn't const */
    if (deadline == EVER)
        return semop(id, o, n) < 0 ? -errno : 0;
    int64_t ns = deadline == NOW ? 0 : deadline - hepta_now_ns();
    struct timespec ts = {ns > 0 ? ns / 1000000000 : 0, ns > 0 ? ns % 1000000000 : 0};
    return semtimedop(id, o, n, &ts) < 0 ? -errno : 0;
}

static int k_ctl(int id, int num, int cmd, union hepta_semun arg)
{
    int r = semctl(id, num, cmd, arg);
    return r < 0 ? -errno : r;
}

const struct semset_ops semset_kernel_ops = {k_get, k_op, k_ctl};

/* --- Hepta's ------------------------------------------------------------------------- */

static int h_get(key_t key, int n, int flags)
{
    return hepta_semset_get(key, n, flags, NULL);
}

const struct semset_ops semset_hepta_ops = {h_get, hepta_semset_op, hepta_semset_ctl};

/* --- the room ------------------------------------------------------------------------ */

static const struct conf_backend backends[] = {
    {"kernel", CONF_KERNEL, 0, &semset_kernel_ops},
    {"hepta", CONF_HEPTA, NEEDS_HEPTA, &semset_hepta_ops},
    {0},
};

static const struct conf_case *const groups[] = {
    semset_get_cases,    semset_op_cases,  semset_wait_cases, semset_count_cases, semset_undo_cases,
    semset_adjust_cases, semset_ctl_cases, semset_list_cases, semset_more_cases,  NULL,
};

static int tidy(void)
{
    int n = name_dir_tidy();
    struct semid_ds ds;
    struct seminfo info;
    int last = semctl(0, 0, SEM_INFO, &info);
    for (int i = 0; i <= last; i++) {
        int id = semctl(i, 0, SEM_STAT, &ds);
        if (id >= 0 && own_ipc_is(ds.sem_perm.__key))
            n += semctl(id, 0, IPC_RMID) == 0;
    }
    return n;
}

static void begin(void)
{
    own_ipc_begin();
    name_dir_make();
}

static void end(void)
{
    tidy();
    name_dir_remove();
}

const struct conf_room semset_room = {"semset", backends, groups, begin, tidy, end};

/* --- short forms --------------------------------------------------------------------- */

int make_set(struct conf *c, int n)
{
    int id = -EEXIST;
    for (int i = 0; i < 100 && id == -EEXIST; i++)
        id = tops(c)->get(own_ipc_key(), n, IPC_CREAT | IPC_EXCL | 0666);
    OK(c, id >= 0);
    return id;
}

void remove_set(struct conf *c, int id)
{
    EQ(c, tops(c)->ctl(id, 0, IPC_RMID, (union hepta_semun){0}), 0);
}

void expect_set_gone(struct conf *c, int id)
{
    struct semid_ds ds;
    int r = tops(c)->ctl(id, 0, IPC_STAT, (union hepta_semun){.buf = &ds});
    OK(c, r == -EINVAL || r == -EIDRM);
    r = one_op(c, id, 0, 1, 0, NOW);
    OK(c, r == -EINVAL || r == -EIDRM);
}

struct semid_ds set_status(struct conf *c, int id)
{
    struct semid_ds ds;
    EQ(c, tops(c)->ctl(id, 0, IPC_STAT, (union hepta_semun){.buf = &ds}), 0);
    return ds;
}

int one_op(struct conf *c, int id, int num, int op, int flags, int64_t deadline)
{
    struct sembuf o = {(unsigned short)num, (short)op, (short)flags};
    return tops(c)->op(id, &o, 1, deadline);
}

int get_of(struct conf *c, int id, int num, int cmd)
{
    return tops(c)->ctl(id, num, cmd, (union hepta_semun){0});
}

int set_val(struct conf *c, int id, int num, int value)
{
    return tops(c)->ctl(id, num, SETVAL, (union hepta_semun){.val = value});
}

void expect_values(struct conf *c, int id, int n, const unsigned short *want)
{
    unsigned short got[64];
    OK(c, n <= 64);
    EQ(c, tops(c)->ctl(id, 0, GETALL, (union hepta_semun){.array = got}), 0);
    for (int i = 0; i < n; i++) {
        if (got[i] != want[i])
            conf_fail(c, "semaphore %d is %d, not %d", i, got[i], want[i]);
        EQ(c, get_of(c, id, i, GETVAL), want[i]);
    }
}

pid_t set_sleeper(struct conf *c, int id, int i, const struct sembuf *ops, size_t n,
                  int64_t deadline)
{
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        conf_set(c, BEFORE, i + 1);
        int r = tops(c)->op(id, ops, n, deadline);
        conf_set(c, ORDER + i, conf_add(c, COUNTER, 1));
        conf_set(c, RESULT + i, r);
        conf_exit();
    }
    conf_asleep_after(c, pid, BEFORE);
    conf_set(c, BEFORE, 0);
    return pid;
}

pid_t sleeper(struct conf *c, int id, int i, int num, int op)
{
    struct sembuf o = {(unsigned short)num, (short)op, 0};
    return set_sleeper(c, id, i, &o, 1, EVER);
}

pid_t set_doer(struct conf *c, int id, int i, int num, int op, int flags)
{
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        EQ(c, one_op(c, id, num, op, flags, NOW), 0);
        conf_set(c, DONE + i, 1);
        conf_await(c, GO + i, 1);
        conf_exit();
    }
    conf_await(c, DONE + i, 1);
    return pid;
}
