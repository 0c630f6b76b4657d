/* SPDX-License-Identifier: MIT */
/* semset_cases_ctl.c - semctl(2): values, owners, times, permission, removal */
#define _GNU_SOURCE
#include <time.h>
#include <unistd.h>

#include "semset_room.h"

#define MAX HEPTA_SEMSET_VALUE_MAX

static const union hepta_semun none;

static int ipc_set(struct conf *c, int id, struct semid_ds *ds)
{
    return tops(c)->ctl(id, 0, IPC_SET, (union hepta_semun){.buf = ds});
}

static void values(struct conf *c)
{
    int id = make_set(c, 3);
    unsigned short all[] = {7, 0, MAX};
    EQ(c, set_val(c, id, 1, MAX), 0);
    VALUES(c, id, 0, MAX, 0);
    EQ(c, tops(c)->ctl(id, 0, SETALL, (union hepta_semun){.array = all}), 0);
    VALUES(c, id, 7, 0, MAX);
    EQ(c, tops(c)->ctl(id, 99, SETALL, (union hepta_semun){.array = all}), 0); /* num is ignored */
    EQ(c, set_val(c, id, 0, 0), 0);
    VALUES(c, id, 0, 0, MAX);
    remove_set(c, id);
}

static void range(struct conf *c)
{
    int id = make_set(c, 2);
    unsigned short all[] = {5, MAX + 1};
    EQ(c, set_val(c, id, 0, 3), 0);
    EQ(c, set_val(c, id, 0, -1), -ERANGE);
    EQ(c, set_val(c, id, 0, MAX + 1), -ERANGE);
    EQ(c, tops(c)->ctl(id, 0, SETALL, (union hepta_semun){.array = all}), -ERANGE);
    VALUES(c, id, 3, 0); /* nothing of it */
    remove_set(c, id);
}

static void bad_numbers(struct conf *c)
{
    static const int cmds[] = {GETVAL, GETPID, GETNCNT, GETZCNT};
    int id = make_set(c, 2);
    for (int i = 0; i < 4; i++) {
        EQ(c, get_of(c, id, 2, cmds[i]), -EINVAL);
        EQ(c, get_of(c, id, -1, cmds[i]), -EINVAL);
    }
    EQ(c, set_val(c, id, 2, 1), -EINVAL);
    EQ(c, set_val(c, id, -1, 1), -EINVAL);
    EQ(c, tops(c)->ctl(id, 0, 12345, none), -EINVAL);
    EQ(c, tops(c)->ctl(id, 0, -1, none), -EINVAL);
    VALUES(c, id, 0, 0);
    remove_set(c, id);
}

static void null_addresses(struct conf *c)
{
    static const int cmds[] = {IPC_STAT, IPC_SET, GETALL, SETALL};
    int id = make_set(c, 2);
    for (int i = 0; i < 4; i++)
        EQ(c, tops(c)->ctl(id, 0, cmds[i], none), -EFAULT);
    remove_set(c, id);
}

/* Who set it was the last. */
static void who(struct conf *c)
{
    int id = make_set(c, 3);
    EQ(c, set_val(c, id, 1, 4), 0);
    EQ(c, get_of(c, id, 0, GETPID), 0);
    EQ(c, get_of(c, id, 1, GETPID), getpid());
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        unsigned short all[] = {1, 2, 3};
        EQ(c, tops(c)->ctl(id, 0, SETALL, (union hepta_semun){.array = all}), 0);
        conf_exit();
    }
    conf_join(c, pid);
    for (int i = 0; i < 3; i++)
        EQ(c, get_of(c, id, i, GETPID), pid);
    remove_set(c, id);
}

static void times(struct conf *c)
{
    int id = make_set(c, 1);
    unsigned short all[] = {2};
    struct semid_ds ds = set_status(c, id);
    for (int i = 0; i < 3; i++) {
        conf_pause_ms(1100);
        time_t before = time(NULL);
        OK(c, set_status(c, id).sem_ctime < before); /* looking changes nothing */
        if (i == 0)
            EQ(c, set_val(c, id, 0, 1), 0);
        else if (i == 1)
            EQ(c, tops(c)->ctl(id, 0, SETALL, (union hepta_semun){.array = all}), 0);
        else
            EQ(c, ipc_set(c, id, &ds), 0);
        ds = set_status(c, id);
        OK(c, ds.sem_ctime >= before && ds.sem_ctime <= time(NULL));
        EQ(c, ds.sem_otime, 0);
    }
    remove_set(c, id);
}

/* uid, gid and nine bits of the mode; the rest of the structure is ignored. */
static void set(struct conf *c)
{
    int id = make_set(c, 2);
    struct semid_ds ds = set_status(c, id), was = ds;
    ds.sem_perm.mode = 0177640;
    ds.sem_perm.cuid = ds.sem_perm.cgid = 40009;
    ds.sem_perm.__key = 5;
    ds.sem_nsems = 77;
    ds.sem_otime = 1;
    EQ(c, ipc_set(c, id, &ds), 0);
    ds = set_status(c, id);
    EQ(c, ds.sem_perm.mode & 0777, 0640);
    EQ(c, ds.sem_perm.cuid, was.sem_perm.cuid);
    EQ(c, ds.sem_perm.cgid, was.sem_perm.cgid);
    EQ(c, ds.sem_perm.__key, was.sem_perm.__key);
    EQ(c, ds.sem_nsems, 2);
    EQ(c, ds.sem_otime, 0);
    remove_set(c, id);
}

/* The new owner, and the maker still, may alter and remove it. */
static void new_owner(struct conf *c)
{
    for (int removes = 0; removes < 2; removes++) {
        int id = tops(c)->get(own_ipc_key(), 1, IPC_CREAT | IPC_EXCL | 0600);
        struct semid_ds ds = set_status(c, id);
        ds.sem_perm.uid = 40001;
        ds.sem_perm.gid = 40002;
        EQ(c, ipc_set(c, id, &ds), 0);
        ds = set_status(c, id);
        EQ(c, ds.sem_perm.uid, 40001);
        EQ(c, ds.sem_perm.gid, 40002);
        EQ(c, ds.sem_perm.cuid, 0);
        pid_t pid = conf_fork(c);
        if (pid == 0) {
            conf_become(c, 40001, 40009);
            EQ(c, one_op(c, id, 0, 1, 0, NOW), 0);
            EQ(c, ipc_set(c, id, &ds), 0);
            if (removes)
                remove_set(c, id);
            conf_exit();
        }
        conf_join(c, pid);
        if (removes)
            expect_set_gone(c, id);
        else
            remove_set(c, id);
    }
}

/* An owner who isn't root gives it to another: the kernel lets him, chown(2) wouldn't. */
static void given_away(struct conf *c)
{
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        conf_become(c, 40001, 40002);
        int id = make_set(c, 1);
        struct semid_ds ds = set_status(c, id);
        ds.sem_perm.uid = 40003;
        EQ(c, ipc_set(c, id, &ds), DIFFERS(c, 0, -EPERM));
        EQ(c, set_status(c, id).sem_perm.uid, DIFFERS(c, 40003, 40001));
        remove_set(c, id); /* its maker may still */
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
        int id = tops(c)->get(key, 1, IPC_CREAT | 0600);
        OK(c, id >= 0);
        struct semid_ds ds = set_status(c, id);
        ds.sem_perm.mode = 0;
        EQ(c, ipc_set(c, id, &ds), 0);
        EQ(c, one_op(c, id, 0, 1, 0, NOW), -EACCES);
        EQ(c, get_of(c, id, 0, GETVAL), -EACCES);
        EQ(c, tops(c)->ctl(id, 0, IPC_STAT, (union hepta_semun){.buf = &ds}), -EACCES);
        EQ(c, tops(c)->get(key, 1, 0600), -EACCES);
        EQ(c, tops(c)->get(key, 1, 0), id);
        conf_set(c, 0, id + 1);
        conf_await(c, 1, 1);
        ds.sem_perm.mode = 0600;
        EQ(c, ipc_set(c, id, &ds), 0);
        EQ(c, one_op(c, id, 0, -1, 0, NOW), 0);
        ds.sem_perm.mode = 0;
        EQ(c, ipc_set(c, id, &ds), 0);
        remove_set(c, id);
        conf_exit();
    }
    conf_await(c, 0, 1);
    int id = (int)conf_get(c, 0) - 1;
    EQ(c, tops(c)->get(key, 1, 0600), id);
    EQ(c, one_op(c, id, 0, 1, 0, NOW), 0);
    EQ(c, get_of(c, id, 0, GETVAL), 1);
    conf_set(c, 1, 1);
    conf_join(c, pid);
    expect_set_gone(c, id);
}

static void foreign(struct conf *c)
{
    int id = make_set(c, 1);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        conf_become(c, NOBODY, NOBODY);
        struct semid_ds ds = set_status(c, id);
        EQ(c, ipc_set(c, id, &ds), -EPERM);
        EQ(c, tops(c)->ctl(id, 0, IPC_RMID, none), -EPERM);
        conf_exit();
    }
    conf_join(c, pid);
    VALUES(c, id, 0);
    remove_set(c, id);
}

static void permission(struct conf *c)
{
    static const int reading[] = {GETVAL, GETPID, GETNCNT, GETZCNT};
    for (int bits = 0; bits < 8; bits += 2) {
        int id = tops(c)->get(own_ipc_key(), 1, IPC_CREAT | IPC_EXCL | 0600 | bits);
        OK(c, id >= 0);
        pid_t pid = conf_fork(c);
        if (pid == 0) {
            int r = bits & 4 ? 0 : -EACCES, w = bits & 2 ? 0 : -EACCES;
            unsigned short all[1] = {0};
            struct semid_ds ds;
            conf_become(c, NOBODY, NOBODY);
            for (int i = 0; i < 4; i++)
                EQ(c, get_of(c, id, 0, reading[i]), r);
            EQ(c, tops(c)->ctl(id, 0, GETALL, (union hepta_semun){.array = all}), r);
            EQ(c, tops(c)->ctl(id, 0, IPC_STAT, (union hepta_semun){.buf = &ds}), r);
            EQ(c, set_val(c, id, 0, 1), w);
            all[0] = 0;
            EQ(c, tops(c)->ctl(id, 0, SETALL, (union hepta_semun){.array = all}), w);
            conf_exit();
        }
        conf_join(c, pid);
        remove_set(c, id);
    }
}

static void removed_at_once(struct conf *c)
{
    int id = make_set(c, 1), other = make_set(c, 1);
    key_t key = set_status(c, id).sem_perm.__key;
    EQ(c, tops(c)->ctl(id, 99, IPC_RMID, none), 0); /* num is ignored */
    expect_set_gone(c, id);
    int r = set_val(c, id, 0, 1);
    OK(c, r == -EINVAL || r == -EIDRM);
    EQ(c, tops(c)->get(key, 1, 0), -ENOENT);
    EQ(c, one_op(c, other, 0, 1, 0, NOW), 0);
    remove_set(c, other);
}

const struct conf_case semset_ctl_cases[] = {
    {"ctl.values", values, 0, NULL, NULL, 0},
    {"ctl.range", range, 0, NULL, NULL, 0},
    {"ctl.bad_numbers", bad_numbers, 0, NULL, NULL, 0},
    {"ctl.null_addresses", null_addresses, 0, NULL, NULL, 0},
    {"ctl.who", who, 0, NULL, NULL, 0},
    {"ctl.times", times, 0, NULL, NULL, 0},
    {"ctl.set", set, 0, NULL, NULL, 0},
    {"ctl.new_owner", new_owner, CONF_AS_ROOT, NULL, NULL, 0},
    {"ctl.given_away", given_away, CONF_AS_ROOT, "sysv-no-giving", NULL, 0},
    {"ctl.no_bits", no_bits, CONF_AS_ROOT, NULL, NULL, 0},
    {"ctl.foreign", foreign, CONF_AS_ROOT, NULL, NULL, 0},
    {"ctl.permission", permission, CONF_AS_ROOT, NULL, NULL, 0},
    {"ctl.removed_at_once", removed_at_once, 0, NULL, NULL, 0},
    {0},
};
