/* SPDX-License-Identifier: MIT */
/* msg_cases_ctl.c - looking at a queue, changing it, removing it */
#define _GNU_SOURCE
#include <time.h>
#include <unistd.h>

#include "msg_room.h"

static void fresh(struct conf *c)
{
    key_t key = some_key();
    time_t before = time(NULL);
    int id = gops(c)->get(key, IPC_CREAT | IPC_EXCL | 0640);
    OK(c, id >= 0);
    struct msqid_ds ds = msg_status(c, id);
    EQ(c, ds.msg_perm.__key, key);
    EQ(c, ds.msg_perm.uid, geteuid());
    EQ(c, ds.msg_perm.cuid, geteuid());
    EQ(c, ds.msg_perm.gid, getegid());
    EQ(c, ds.msg_perm.cgid, getegid());
    EQ(c, ds.msg_perm.mode & 0777, 0640);
    EQ(c, ds.msg_stime, 0);
    EQ(c, ds.msg_rtime, 0);
    OK(c, ds.msg_ctime >= before - 1 && ds.msg_ctime <= time(NULL));
    EQ(c, ds.msg_qnum, 0);
    EQ(c, ds.__msg_cbytes, 0);
    EQ(c, ds.msg_lspid, 0);
    EQ(c, ds.msg_lrpid, 0);
    OK(c, ds.msg_qbytes > 0);
    remove_msg(c, id);
}

static void default_qbytes(struct conf *c)
{
    int id = make_msg(c);
    struct msginfo info; /* the kernel's, on both sides */
    OK(c, msgctl(0, IPC_INFO, (struct msqid_ds *)(void *)&info) >= 0);
    EQ(c, (long long)msg_status(c, id).msg_qbytes, DIFFERS(c, info.msgmnb, 1 << 20));
    remove_msg(c, id);
}

static void who_and_when(struct conf *c)
{
    int id = make_msg(c);
    time_t before = time(NULL) - 1;
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        EQ(c, put_msg(c, id, 1, 1, 0), 0);
        EQ(c, put_msg(c, id, 1, 2, 0), 0);
        conf_exit();
    }
    conf_join(c, pid);
    struct msqid_ds ds = msg_status(c, id);
    EQ(c, ds.msg_lspid, pid);
    OK(c, ds.msg_stime >= before && ds.msg_stime <= time(NULL));
    EQ(c, ds.msg_rtime, 0);
    EQ(c, ds.msg_qnum, 2);
    EQ(c, ds.__msg_cbytes, 2 * sizeof(long));
    EQ(c, get_msg(c, id, 0, 0), 1);
    ds = msg_status(c, id);
    EQ(c, ds.msg_lrpid, getpid());
    OK(c, ds.msg_rtime >= before && ds.msg_rtime <= time(NULL));
    EQ(c, ds.msg_qnum, 1);
    EQ(c, ds.__msg_cbytes, sizeof(long));
    remove_msg(c, id);
}

static void set(struct conf *c)
{
    int id = make_msg(c);
    struct msqid_ds ds = msg_status(c, id), now;
    ds.msg_perm.mode = 0600;
    ds.msg_qbytes = 100;
    EQ(c, gops(c)->ctl(id, IPC_SET, &ds), 0);
    now = msg_status(c, id);
    EQ(c, now.msg_perm.mode & 0777, 0600);
    EQ(c, now.msg_qbytes, 100);
    OK(c, now.msg_ctime >= ds.msg_ctime);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        conf_become(c, NOBODY, NOBODY);
        EQ(c, put_msg(c, id, 1, 1, IPC_NOWAIT), -EACCES);
        EQ(c, gops(c)->ctl(id, IPC_SET, &ds), -EPERM);
        conf_exit();
    }
    conf_join(c, pid);
    remove_msg(c, id);
}

static void new_owner(struct conf *c)
{
    int id = make_msg(c);
    struct msqid_ds ds = msg_status(c, id);
    ds.msg_perm.uid = 65534;
    ds.msg_perm.gid = 65534;
    ds.msg_perm.mode = 0600;
    EQ(c, gops(c)->ctl(id, IPC_SET, &ds), 0);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        conf_become(c, NOBODY, NOBODY);
        EQ(c, put_msg(c, id, 1, 1, IPC_NOWAIT), 0);
        ds = msg_status(c, id);
        EQ(c, ds.msg_perm.uid, 65534);
        EQ(c, ds.msg_perm.cuid, 0);
        EQ(c, gops(c)->ctl(id, IPC_RMID, NULL), 0); /* an owner may */
        conf_exit();
    }
    conf_join(c, pid);
    int r = put_msg(c, id, 1, 1, IPC_NOWAIT);
    OK(c, r == -EINVAL || r == -EIDRM);
}

static void lowered_limit(struct conf *c)
{
    int id = make_msg(c);
    for (int i = 0; i < 10; i++)
        EQ(c, put_msg(c, id, 1, i, IPC_NOWAIT), 0);
    struct msqid_ds ds = msg_status(c, id);
    ds.msg_qbytes = 16;
    EQ(c, gops(c)->ctl(id, IPC_SET, &ds), 0);
    EQ(c, put_msg(c, id, 1, 10, IPC_NOWAIT), -EAGAIN); /* what is inside stays */
    for (int i = 0; i < 10; i++)
        EQ(c, get_msg(c, id, 0, IPC_NOWAIT), i);
    EQ(c, put_msg(c, id, 1, 10, IPC_NOWAIT), 0);
    remove_msg(c, id);
}

static void bad_command(struct conf *c)
{
    int id = make_msg(c);
    struct msqid_ds ds;
    EQ(c, gops(c)->ctl(id, 9999, &ds), -EINVAL);
    EQ(c, gops(c)->ctl(id, IPC_STAT, NULL), -EFAULT);
    EQ(c, gops(c)->ctl(id, IPC_SET, NULL), -EFAULT);
    remove_msg(c, id);
}

static void listing(struct conf *c)
{
    int a = make_msg(c), b = make_msg(c), found = 0;
    struct msginfo info;
    struct msqid_ds ds;
    int last = gops(c)->ctl(0, MSG_INFO, &info);
    OK(c, last >= 1);
    OK(c, info.msgpool >= 2); /* queues */
    for (int i = 0; i <= last; i++) {
        int id = gops(c)->ctl(i, MSG_STAT, &ds);
        OK(c, id >= 0 || id == -EINVAL || id == -EACCES);
        int any = gops(c)->ctl(i, MSG_STAT_ANY, &ds);
        OK(c, any == id || id < 0);
        found += id == a || id == b;
    }
    EQ(c, found, 2);
    EQ(c, gops(c)->ctl(0, IPC_INFO, &info), last);
    OK(c, info.msgmax > 0 && info.msgmnb > 0 && info.msgmni > 0);
    remove_msg(c, a);
    remove_msg(c, b);
}

static void removed_at_once(struct conf *c)
{
    int id = make_msg(c);
    EQ(c, put_msg(c, id, 1, 1, IPC_NOWAIT), 0);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        EQ(c, get_msg(c, id, 0, 0), 1); /* attached here, too */
        conf_set(c, 0, 1);
        conf_await(c, 1, 1);
        int r = put_msg(c, id, 1, 1, IPC_NOWAIT);
        OK(c, r == -EINVAL || r == -EIDRM);
        conf_exit();
    }
    conf_await(c, 0, 1);
    remove_msg(c, id);
    conf_set(c, 1, 1);
    conf_join(c, pid);
    int r = gops(c)->ctl(id, IPC_RMID, NULL);
    OK(c, r == -EINVAL || r == -EIDRM);
}

const struct conf_case msg_ctl_cases[] = {
    {"ctl.fresh", fresh, 0, NULL, NULL, 0},
    {"ctl.default_qbytes", default_qbytes, 0, "msg-defaults", NULL, 0},
    {"ctl.who_and_when", who_and_when, 0, NULL, NULL, 0},
    {"ctl.set", set, CONF_AS_ROOT, NULL, NULL, 0},
    {"ctl.new_owner", new_owner, CONF_AS_ROOT, NULL, NULL, 0},
    {"ctl.lowered_limit", lowered_limit, 0, NULL, NULL, 0},
    {"ctl.bad_command", bad_command, 0, NULL, NULL, 0},
    {"ctl.listing", listing, 0, NULL, NULL, 0},
    {"ctl.removed_at_once", removed_at_once, 0, NULL, NULL, 0},
    {0},
};
