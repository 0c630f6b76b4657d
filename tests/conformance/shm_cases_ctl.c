/* SPDX-License-Identifier: MIT */
/* shm_cases_ctl.c - shmctl(2): owners, times, who was last, permission, locking */
#define _GNU_SOURCE
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "shm_room.h"

#define LEN (2 * PAGE)

static int ipc_set(struct conf *c, int id, struct shmid_ds *ds)
{
    return yops(c)->ctl(id, IPC_SET, ds);
}

static void times_and_pids(struct conf *c)
{
    int id = make_shm(c, LEN);
    struct shmid_ds was = shm_status(c, id), ds;
    time_t before = time(NULL);
    char *p = attach(c, id, 0);
    ds = shm_status(c, id);
    OK(c, ds.shm_atime >= before && ds.shm_atime <= time(NULL));
    EQ(c, ds.shm_dtime, 0);
    EQ(c, ds.shm_lpid, getpid());
    conf_pause_ms(1100);
    before = time(NULL);
    detach(c, p);
    time_t attached = ds.shm_atime;
    ds = shm_status(c, id);
    OK(c, ds.shm_dtime >= before && ds.shm_dtime <= time(NULL));
    EQ(c, ds.shm_atime, attached);
    EQ(c, ds.shm_ctime, was.shm_ctime);
    EQ(c, ds.shm_cpid, getpid());
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        p = attach(c, id, SHM_RDONLY);
        conf_set(c, 0, 1);
        conf_await(c, 1, 1);
        detach(c, p);
        conf_exit();
    }
    conf_await(c, 0, 1);
    ds = shm_status(c, id);
    EQ(c, ds.shm_lpid, pid);
    OK(c, ds.shm_atime >= before);
    detach(c, attach(c, id, 0));
    EQ(c, shm_status(c, id).shm_lpid, getpid());
    conf_set(c, 1, 1);
    conf_join(c, pid);
    EQ(c, shm_status(c, id).shm_lpid, pid);
    EQ(c, shm_status(c, id).shm_cpid, getpid());
    remove_shm(c, id);
}

static void changed(struct conf *c)
{
    int id = make_shm(c, LEN);
    struct shmid_ds ds = shm_status(c, id);
    conf_pause_ms(1100);
    time_t before = time(NULL);
    OK(c, ds.shm_ctime < before);
    EQ(c, ipc_set(c, id, &ds), 0);
    ds = shm_status(c, id);
    OK(c, ds.shm_ctime >= before && ds.shm_ctime <= time(NULL));
    EQ(c, ds.shm_atime, 0);
    remove_shm(c, id);
}

/* uid, gid and nine bits of the mode; the rest of the structure is ignored. */
static void set(struct conf *c)
{
    int id = make_shm(c, LEN);
    struct shmid_ds ds = shm_status(c, id), was = ds;
    ds.shm_perm.mode = 0177640;
    ds.shm_perm.cuid = ds.shm_perm.cgid = 40009;
    ds.shm_perm.__key = 5;
    ds.shm_segsz = 77;
    ds.shm_cpid = ds.shm_lpid = 1;
    ds.shm_atime = ds.shm_dtime = 1;
    ds.shm_nattch = 9;
    EQ(c, ipc_set(c, id, &ds), 0);
    ds = shm_status(c, id);
    EQ(c, ds.shm_perm.mode, 0640);
    EQ(c, ds.shm_perm.cuid, was.shm_perm.cuid);
    EQ(c, ds.shm_perm.cgid, was.shm_perm.cgid);
    EQ(c, ds.shm_perm.__key, was.shm_perm.__key);
    EQ(c, ds.shm_segsz, LEN);
    EQ(c, ds.shm_cpid, getpid());
    EQ(c, ds.shm_lpid, 0);
    EQ(c, ds.shm_atime + ds.shm_dtime, 0);
    EQ(c, ds.shm_nattch, 0);
    remove_shm(c, id);
}

/* The new owner, and the maker still, may change and remove it. */
static void new_owner(struct conf *c)
{
    for (int removes = 0; removes < 2; removes++) {
        int id = yops(c)->get(own_ipc_key(), LEN, IPC_CREAT | IPC_EXCL | 0600);
        OK(c, id >= 0);
        struct shmid_ds ds = shm_status(c, id);
        ds.shm_perm.uid = 40001;
        ds.shm_perm.gid = 40002;
        EQ(c, ipc_set(c, id, &ds), 0);
        ds = shm_status(c, id);
        EQ(c, ds.shm_perm.uid, 40001);
        EQ(c, ds.shm_perm.gid, 40002);
        EQ(c, ds.shm_perm.cuid, 0);
        pid_t pid = conf_fork(c);
        if (pid == 0) {
            conf_become(c, 40001, 40009);
            detach(c, attach(c, id, 0));
            EQ(c, ipc_set(c, id, &ds), 0);
            if (removes)
                remove_shm(c, id);
            conf_exit();
        }
        conf_join(c, pid);
        if (removes)
            expect_gone(c, id);
        else
            remove_shm(c, id);
    }
}

/* An owner who isn't root gives it to another: the kernel lets him, chown(2) wouldn't. */
static void given_away(struct conf *c)
{
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        conf_become(c, 40001, 40002);
        int id = make_shm(c, LEN);
        struct shmid_ds ds = shm_status(c, id);
        ds.shm_perm.uid = 40003;
        EQ(c, ipc_set(c, id, &ds), DIFFERS(c, 0, -EPERM));
        EQ(c, shm_status(c, id).shm_perm.uid, DIFFERS(c, 40003, 40001));
        remove_shm(c, id); /* its maker may still */
        conf_exit();
    }
    conf_join(c, pid);
}

/* Without permission bits its owner can't use it, but change them; root can. */
static void no_bits(struct conf *c)
{
    key_t key = own_ipc_key();
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        conf_become(c, 40001, 40002);
        int id = yops(c)->get(key, LEN, IPC_CREAT | 0600);
        OK(c, id >= 0);
        struct shmid_ds ds = shm_status(c, id);
        char *p = NULL;
        ds.shm_perm.mode = 0;
        EQ(c, ipc_set(c, id, &ds), 0);
        EQ(c, yops(c)->at(id, NULL, SHM_RDONLY, &p), -EACCES);
        EQ(c, yops(c)->at(id, NULL, 0, &p), -EACCES);
        EQ(c, yops(c)->ctl(id, IPC_STAT, &ds), -EACCES);
        EQ(c, yops(c)->get(key, LEN, 0600), -EACCES);
        EQ(c, yops(c)->get(key, LEN, 0), id);
        conf_set(c, 0, id + 1);
        conf_await(c, 1, 1);
        ds.shm_perm.mode = 0600;
        EQ(c, ipc_set(c, id, &ds), 0);
        p = attach(c, id, 0);
        EQ(c, p[0], 3);
        ds.shm_perm.mode = 0;
        EQ(c, ipc_set(c, id, &ds), 0);
        p[0] = 4; /* what is attached stays attached */
        detach(c, p);
        remove_shm(c, id);
        conf_exit();
    }
    conf_await(c, 0, 1);
    int id = (int)conf_get(c, 0) - 1;
    EQ(c, yops(c)->get(key, LEN, 0600), id);
    char *p = attach(c, id, 0);
    p[0] = 3;
    detach(c, p);
    conf_set(c, 1, 1);
    conf_join(c, pid);
    expect_gone(c, id);
}

static void foreign(struct conf *c)
{
    int id = make_shm(c, LEN);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        conf_become(c, NOBODY, NOBODY);
        struct shmid_ds ds = shm_status(c, id);
        EQ(c, ipc_set(c, id, &ds), -EPERM);
        EQ(c, yops(c)->ctl(id, IPC_RMID, NULL), -EPERM);
        EQ(c, yops(c)->ctl(id, SHM_LOCK, NULL), -EPERM);
        conf_exit();
    }
    conf_join(c, pid);
    EQ(c, shm_status(c, id).shm_perm.mode, 0666);
    remove_shm(c, id);
}

static void permission(struct conf *c)
{
    for (int bits = 0; bits < 8; bits += 2) {
        int id = yops(c)->get(own_ipc_key(), LEN, IPC_CREAT | IPC_EXCL | 0600 | bits);
        OK(c, id >= 0);
        pid_t pid = conf_fork(c);
        if (pid == 0) {
            struct shmid_ds ds;
            conf_become(c, NOBODY, NOBODY);
            EQ(c, yops(c)->ctl(id, IPC_STAT, &ds), bits & 4 ? 0 : -EACCES);
            conf_exit();
        }
        conf_join(c, pid);
        remove_shm(c, id);
    }
}

static void bad_commands(struct conf *c)
{
    int id = make_shm(c, LEN);
    EQ(c, yops(c)->ctl(id, 12345, NULL), -EINVAL);
    EQ(c, yops(c)->ctl(id, -1, NULL), -EINVAL);
    EQ(c, yops(c)->ctl(id, IPC_STAT, NULL), -EFAULT);
    EQ(c, yops(c)->ctl(id, IPC_SET, NULL), -EFAULT);
    EQ(c, shm_status(c, id).shm_segsz, LEN);
    remove_shm(c, id);
}

static void locked(struct conf *c)
{
    int id = make_shm(c, LEN);
    char *p = attach(c, id, 0);
    EQ(c, yops(c)->ctl(id, SHM_LOCK, NULL), 0);
    EQ(c, shm_status(c, id).shm_perm.mode, 0666 | SHM_LOCKED);
    p[0] = 1;
    EQ(c, yops(c)->ctl(id, SHM_UNLOCK, NULL), 0);
    EQ(c, shm_status(c, id).shm_perm.mode, 0666);
    EQ(c, yops(c)->ctl(id, SHM_UNLOCK, NULL), 0);
    detach(c, p);
    remove_shm(c, id);
}

/* RLIMIT_MEMLOCK limits who isn't root. */
static void lock_limits(struct conf *c)
{
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        struct rlimit one_page = {PAGE, PAGE}, nothing = {0, 0};
        conf_become(c, NOBODY, NOBODY);
        int id = make_shm(c, LEN), small = make_shm(c, PAGE);
        char *p = attach(c, id, 0), *q = attach(c, small, 0);
        EQ(c, setrlimit(RLIMIT_MEMLOCK, &one_page), 0);
        EQ(c, yops(c)->ctl(id, SHM_LOCK, NULL), -ENOMEM);
        EQ(c, yops(c)->ctl(small, SHM_LOCK, NULL), 0);
        EQ(c, yops(c)->ctl(small, SHM_UNLOCK, NULL), 0);
        EQ(c, setrlimit(RLIMIT_MEMLOCK, &nothing), 0);
        EQ(c, yops(c)->ctl(small, SHM_LOCK, NULL), -EPERM);
        detach(c, p);
        detach(c, q);
        remove_shm(c, id);
        remove_shm(c, small);
        conf_exit();
    }
    conf_join(c, pid);
}

const struct conf_case shm_ctl_cases[] = {
    {"ctl.times_and_pids", times_and_pids, 0, NULL, NULL, 0},
    {"ctl.changed", changed, 0, NULL, NULL, 0},
    {"ctl.set", set, 0, NULL, NULL, 0},
    {"ctl.new_owner", new_owner, CONF_AS_ROOT, NULL, NULL, 0},
    {"ctl.given_away", given_away, CONF_AS_ROOT, "sysv-no-giving", NULL, 0},
    {"ctl.no_bits", no_bits, CONF_AS_ROOT, NULL, NULL, 0},
    {"ctl.foreign", foreign, CONF_AS_ROOT, NULL, NULL, 0},
    {"ctl.permission", permission, CONF_AS_ROOT, NULL, NULL, 0},
    {"ctl.bad_commands", bad_commands, 0, NULL, NULL, 0},
    {"ctl.locked", locked, 0, NULL, NULL, 0},
    {"ctl.lock_limits", lock_limits, CONF_AS_ROOT, NULL, NULL, 0},
    {0},
};
