/* SPDX-License-Identifier: MIT */
/*
 * shm_cases_list.c - IPC_INFO, SHM_INFO, SHM_STAT, SHM_STAT_ANY: limits, and what there is
 *
 * Other segments may be there where the run has no IPC namespace of its own: then numbers of what
 * is in use aren't compared.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shm_room.h"

/* The index that leads to @id; -1 none. */
static int index_of(struct conf *c, int id, int last)
{
    struct shmid_ds ds;
    for (int i = 0; i <= last; i++)
        if (yops(c)->ctl(i, SHM_STAT, &ds) == id)
            return i;
    return -1;
}

static void limits(struct conf *c)
{
    struct shminfo i = {0};
    int id = make_shm(c, PAGE);
    OK(c, yops(c)->ctl(0, IPC_INFO, &i) >= 0);
    EQ(c, i.shmmin, 1);
    OK(c, i.shmmni >= 4096);
    OK(c, i.shmmax >= (1ul << 46));
    OK(c, i.shmall >= (1ul << 34));
    EQ(c, yops(c)->ctl(0, IPC_INFO, NULL), -EFAULT);
    EQ(c, yops(c)->ctl(0, SHM_INFO, NULL), -EFAULT);
    remove_shm(c, id);
}

static void in_use(struct conf *c)
{
    struct shm_info before = {0}, now = {0};
    OK(c, yops(c)->ctl(0, SHM_INFO, &before) >= 0);
    int a = make_shm(c, 3 * PAGE), b = make_shm(c, 10 * PAGE - 5);
    char *p = attach(c, b, 0);
    memset(p, 1, 10 * PAGE);
    OK(c, yops(c)->ctl(0, SHM_INFO, &now) >= 1);
    if (own_ipc_alone()) {
        EQ(c, before.used_ids, 0);
        EQ(c, before.shm_tot, 0);
        EQ(c, now.used_ids, 2);
        EQ(c, now.shm_tot, 13);
        OK(c, now.shm_rss + now.shm_swp >= 10 && now.shm_rss + now.shm_swp <= 13);
    }
    detach(c, p);
    remove_shm(c, a);
    remove_shm(c, b);
    OK(c, yops(c)->ctl(0, SHM_INFO, &now) >= 0);
    if (own_ipc_alone())
        EQ(c, now.used_ids, 0);
}

static void indices(struct conf *c)
{
    struct shminfo i;
    struct shm_info used;
    struct shmid_ds ds = {0};
    int id[3];
    for (int n = 0; n < 3; n++)
        id[n] = make_shm(c, (size_t)(n + 1) * PAGE);
    int last = yops(c)->ctl(0, IPC_INFO, &i);
    OK(c, last >= 2);
    EQ(c, yops(c)->ctl(0, SHM_INFO, &used), last);
    for (int n = 0; n < 3; n++) {
        int at = index_of(c, id[n], last);
        OK(c, at >= 0);
        EQ(c, yops(c)->ctl(at, SHM_STAT, &ds), id[n]);
        EQ(c, ds.shm_segsz, (n + 1) * PAGE);
        EQ(c, ds.shm_perm.mode, 0666);
        EQ(c, yops(c)->ctl(at, SHM_STAT_ANY, &ds), id[n]);
        remove_shm(c, id[n]);
        int r = yops(c)->ctl(at, SHM_STAT, &ds);
        OK(c, r == -EINVAL || r == -EIDRM || (r >= 0 && r != id[n]));
    }
    EQ(c, yops(c)->ctl(0x7ffffff, SHM_STAT, &ds), -EINVAL);
    EQ(c, yops(c)->ctl(-1, SHM_STAT_ANY, &ds), -EINVAL);
}

/* SHM_STAT takes read permission, SHM_STAT_ANY none. Hepta shows nobody what he can't open. */
static void any(struct conf *c)
{
    struct shminfo i;
    int id = yops(c)->get(own_ipc_key(), 2 * PAGE, IPC_CREAT | IPC_EXCL | 0600);
    int at = index_of(c, id, yops(c)->ctl(0, IPC_INFO, &i));
    OK(c, at >= 0);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        struct shmid_ds ds = {0};
        conf_become(c, NOBODY, NOBODY);
        EQ(c, yops(c)->ctl(at, SHM_STAT, &ds), DIFFERS(c, -EACCES, -EINVAL));
        EQ(c, yops(c)->ctl(at, SHM_STAT_ANY, &ds), DIFFERS(c, id, -EINVAL));
        EQ(c, ds.shm_segsz, DIFFERS(c, 2 * PAGE, 0));
        conf_exit();
    }
    conf_join(c, pid);
    struct shmid_ds ds = {0};
    EQ(c, yops(c)->ctl(at, SHM_STAT_ANY, &ds), id);
    EQ(c, ds.shm_segsz, 2 * PAGE);
    remove_shm(c, id);
}

static void limit(struct conf *c, const char *name, const char *value)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/sys/kernel/%s", name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    OK(c, fd >= 0);
    EQ(c, write(fd, value, strlen(value)), (long)strlen(value));
    close(fd);
}

/* Make one, and remove it again if that went well. */
static int try_shm(struct conf *c, size_t len)
{
    int id = yops(c)->get(own_ipc_key(), len, IPC_CREAT | 0600);
    if (id < 0)
        return id;
    remove_shm(c, id);
    return 0;
}

/* Root's limits of the kernel's segments, in an IPC namespace that ends with the child. */
static void roots_limits(struct conf *c)
{
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        EQ(c, unshare(CLONE_NEWIPC), 0);
        limit(c, "shmmax", "8192");
        limit(c, "shmmni", "2");
        limit(c, "shmall", "3");
        EQ(c, try_shm(c, 8193), DIFFERS(c, -EINVAL, 0));
        int a = make_shm(c, 8192);
        EQ(c, try_shm(c, 8192), DIFFERS(c, -ENOSPC, 0));
        int b = make_shm(c, PAGE);
        EQ(c, try_shm(c, 1), DIFFERS(c, -ENOSPC, 0));
        remove_shm(c, a);
        remove_shm(c, b);
        conf_exit();
    }
    conf_join(c, pid);
}

const struct conf_case shm_list_cases[] = {
    {"list.limits", limits, 0, NULL, NULL, 0},
    {"list.in_use", in_use, 0, NULL, NULL, 0},
    {"list.indices", indices, 0, NULL, NULL, 0},
    {"list.any", any, CONF_AS_ROOT, "sysv-unseen", NULL, 0},
    {"list.roots_limits", roots_limits, CONF_AS_ROOT, "shm-no-limits", NULL, 0},
    {0},
};
