/* SPDX-License-Identifier: MIT */
/*
 * semset_cases_list.c - IPC_INFO, SEM_INFO, SEM_STAT, SEM_STAT_ANY: limits, and what there is
 *
 * Other sets may be there where the run has no IPC namespace of its own: numbers are compared with
 * what they were.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "semset_room.h"

static int info(struct conf *c, int cmd, struct seminfo *i)
{
    return tops(c)->ctl(0, 0, cmd, (union hepta_semun){.info = i});
}

static int by_index(struct conf *c, int cmd, int index, struct semid_ds *ds)
{
    return tops(c)->ctl(index, 0, cmd, (union hepta_semun){.buf = ds});
}

/* The index that leads to @id; -1 none. */
static int index_of(struct conf *c, int id, int last)
{
    struct semid_ds ds;
    for (int i = 0; i <= last; i++)
        if (by_index(c, SEM_STAT, i, &ds) == id)
            return i;
    return -1;
}

static void limits(struct conf *c)
{
    struct seminfo i = {0};
    int id = make_set(c, 1);
    OK(c, info(c, IPC_INFO, &i) >= 0);
    EQ(c, i.semmsl, HEPTA_SEMSET_SEMS_MAX);
    EQ(c, i.semopm, HEPTA_SEMSET_OPS_MAX);
    EQ(c, i.semvmx, HEPTA_SEMSET_VALUE_MAX);
    EQ(c, i.semaem, HEPTA_SEMSET_UNDO_MAX);
    OK(c, i.semmni >= 32000);
    EQ(c, info(c, IPC_INFO, NULL), -EFAULT);
    EQ(c, info(c, SEM_INFO, NULL), -EFAULT);
    remove_set(c, id);
}

static void in_use(struct conf *c)
{
    struct seminfo before = {0}, now = {0};
    OK(c, info(c, SEM_INFO, &before) >= 0);
    int a = make_set(c, 3), b = make_set(c, 40);
    OK(c, info(c, SEM_INFO, &now) >= 1);
    if (own_ipc_alone()) {
        EQ(c, before.semusz, 0);
        EQ(c, before.semaem, 0);
        EQ(c, now.semusz, 2);
        EQ(c, now.semaem, 43);
    }
    EQ(c, now.semvmx, HEPTA_SEMSET_VALUE_MAX);
    remove_set(c, a);
    OK(c, info(c, SEM_INFO, &now) >= 0);
    if (own_ipc_alone()) {
        EQ(c, now.semusz, 1);
        EQ(c, now.semaem, 40);
    }
    remove_set(c, b);
}

static void indices(struct conf *c)
{
    struct seminfo i;
    struct semid_ds ds = {0};
    int id[3];
    for (int n = 0; n < 3; n++)
        id[n] = make_set(c, n + 1);
    int last = info(c, IPC_INFO, &i);
    OK(c, last >= 2);
    EQ(c, info(c, SEM_INFO, &i), last);
    for (int n = 0; n < 3; n++) {
        int at = index_of(c, id[n], last);
        OK(c, at >= 0);
        EQ(c, by_index(c, SEM_STAT, at, &ds), id[n]);
        EQ(c, ds.sem_nsems, n + 1);
        EQ(c, ds.sem_perm.mode & 0777, 0666);
        EQ(c, by_index(c, SEM_STAT_ANY, at, &ds), id[n]);
        remove_set(c, id[n]);
        int r = by_index(c, SEM_STAT, at, &ds);
        OK(c, r == -EINVAL || r == -EIDRM || (r >= 0 && r != id[n]));
    }
    EQ(c, by_index(c, SEM_STAT, 0x7ffffff, &ds), -EINVAL);
    EQ(c, by_index(c, SEM_STAT_ANY, -1, &ds), -EINVAL);
}

/* SEM_STAT takes read permission, SEM_STAT_ANY none. Hepta shows nobody what he can't open. */
static void any(struct conf *c)
{
    struct seminfo i;
    int id = tops(c)->get(own_ipc_key(), 2, IPC_CREAT | IPC_EXCL | 0600);
    int at = index_of(c, id, info(c, IPC_INFO, &i));
    OK(c, at >= 0);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        struct semid_ds ds = {0};
        conf_become(c, NOBODY, NOBODY);
        EQ(c, by_index(c, SEM_STAT, at, &ds), DIFFERS(c, -EACCES, -EINVAL));
        EQ(c, by_index(c, SEM_STAT_ANY, at, &ds), DIFFERS(c, id, -EINVAL));
        EQ(c, ds.sem_nsems, DIFFERS(c, 2, 0));
        conf_exit();
    }
    conf_join(c, pid);
    struct semid_ds ds = {0};
    EQ(c, by_index(c, SEM_STAT_ANY, at, &ds), id);
    EQ(c, ds.sem_nsems, 2);
    remove_set(c, id);
}

static void set_limits(struct conf *c, const char *text)
{
    int fd = open("/proc/sys/kernel/sem", O_WRONLY | O_CLOEXEC);
    OK(c, fd >= 0);
    EQ(c, dprintf(fd, "%s", text), (long)snprintf(NULL, 0, "%s", text));
    close(fd);
}

/* Root's limits of the kernel's sets, in an IPC namespace that ends with the child. */
static void roots_limits(struct conf *c)
{
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        EQ(c, unshare(CLONE_NEWIPC), 0);
        set_limits(c, "10 25 3 2");
        int large = tops(c)->get(own_ipc_key(), 11, IPC_CREAT | 0600);
        EQ(c, large < 0 ? large : 0, DIFFERS(c, -EINVAL, 0));
        if (large >= 0)
            remove_set(c, large);
        int id = tops(c)->get(own_ipc_key(), 10, IPC_CREAT | 0600);
        OK(c, id >= 0);
        EQ(c, OPS(c, id, NOW, {0, 1, 0}, {1, 1, 0}, {2, 1, 0}, {3, 1, 0}),
           DIFFERS(c, -E2BIG, 0));
        int second = tops(c)->get(own_ipc_key(), 10, IPC_CREAT | 0600);
        int third = tops(c)->get(own_ipc_key(), 1, IPC_CREAT | 0600);
        EQ(c, third < 0 ? third : 0, DIFFERS(c, -ENOSPC, 0));
        remove_set(c, id);
        remove_set(c, second);
        if (third >= 0)
            remove_set(c, third);
        conf_exit();
    }
    conf_join(c, pid);
}

const struct conf_case semset_list_cases[] = {
    {"list.limits", limits, 0, NULL, NULL, 0},
    {"list.in_use", in_use, 0, NULL, NULL, 0},
    {"list.indices", indices, 0, NULL, NULL, 0},
    {"list.any", any, CONF_AS_ROOT, "sysv-unseen", NULL, 0},
    {"list.roots_limits", roots_limits, CONF_AS_ROOT, "semset-no-limits", NULL, 0},
    {0},
};
