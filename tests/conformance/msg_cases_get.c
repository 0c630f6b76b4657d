/* SPDX-License-Identifier: MIT */
/* msg_cases_get.c - keys and ids, making, permission; who keeps what until when */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "msg_room.h"

static void private_is_new(struct conf *c)
{
    int a = gops(c)->get(IPC_PRIVATE, 0600), b = gops(c)->get(IPC_PRIVATE, IPC_CREAT | 0600);
    OK(c, a >= 0 && b >= 0 && a != b);
    EQ(c, put_msg(c, a, 1, 5, IPC_NOWAIT), 0);
    EQ(c, get_msg(c, b, 0, IPC_NOWAIT), -ENOMSG);
    remove_msg(c, a);
    remove_msg(c, b);
}

static void key_leads_to_id(struct conf *c)
{
    key_t key = some_key();
    EQ(c, gops(c)->get(key, 0666), -ENOENT);
    int id = gops(c)->get(key, IPC_CREAT | 0666);
    OK(c, id >= 0);
    EQ(c, gops(c)->get(key, 0666), id);
    EQ(c, gops(c)->get(key, 0), id);
    EQ(c, gops(c)->get(key, IPC_CREAT | 0666), id);
    EQ(c, gops(c)->get(key, IPC_CREAT | IPC_EXCL | 0666), -EEXIST);
    remove_msg(c, id);
    EQ(c, gops(c)->get(key, 0666), -ENOENT);
}

static void from_ftok(struct conf *c)
{
    key_t a = ftok("/etc/passwd", 'a'), b = ftok("/etc/passwd", 'b');
    OK(c, a != -1 && a != b);
    int id = gops(c)->get(a, IPC_CREAT | 0600);
    OK(c, id >= 0);
    EQ(c, gops(c)->get(ftok("/etc/passwd", 'a'), 0600), id);
    remove_msg(c, id);
}

static void id_for_everybody(struct conf *c)
{
    int id = make_msg(c);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        char text[16];
        snprintf(text, sizeof(text), "%d", id);
        const char *argv[] = {text, NULL};
        conf_exec(c, argv); /* has never called msgget */
    }
    EQ(c, get_msg(c, id, 0, 0), 11);
    EQ(c, put_msg(c, id, 2, 12, 0), 0);
    conf_join(c, pid);
    remove_msg(c, id);
}

static void stranger(struct conf *c, int argc, char **argv)
{
    EQ(c, argc, 1);
    int id = atoi(argv[0]);
    EQ(c, put_msg(c, id, 1, 11, 0), 0);
    EQ(c, get_msg(c, id, 2, 0), 12);
    conf_exit();
}

static void contents_stay(struct conf *c)
{
    key_t key = some_key();
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        int id = gops(c)->get(key, IPC_CREAT | 0600);
        EQ(c, put_msg(c, id, 3, 1, 0), 0);
        EQ(c, put_msg(c, id, 4, 2, 0), 0);
        conf_exit();
    }
    conf_join(c, pid);
    int id = gops(c)->get(key, 0600);
    OK(c, id >= 0);
    EQ(c, msg_status(c, id).msg_qnum, 2);
    EQ(c, get_msg(c, id, 4, IPC_NOWAIT), 2);
    EQ(c, get_msg(c, id, 3, IPC_NOWAIT), 1);
    remove_msg(c, id);
}

static void removed_is_gone(struct conf *c)
{
    key_t key = some_key();
    int id = gops(c)->get(key, IPC_CREAT | 0600);
    EQ(c, put_msg(c, id, 1, 1, 0), 0);
    remove_msg(c, id);
    int r = put_msg(c, id, 1, 1, IPC_NOWAIT);
    OK(c, r == -EINVAL || r == -EIDRM);
    int again = gops(c)->get(key, IPC_CREAT | IPC_EXCL | 0600);
    OK(c, again >= 0 && again != id);
    EQ(c, get_msg(c, again, 0, IPC_NOWAIT), -ENOMSG);
    r = put_msg(c, id, 1, 1, IPC_NOWAIT);
    OK(c, r == -EINVAL || r == -EIDRM);
    EQ(c, msg_status(c, again).msg_qnum, 0);
    remove_msg(c, again);
}

static void bad_ids(struct conf *c)
{
    struct msqid_ds ds;
    EQ(c, put_msg(c, -1, 1, 1, 0), -EINVAL);
    EQ(c, get_msg(c, -1, 0, IPC_NOWAIT), -EINVAL);
    EQ(c, gops(c)->ctl(-1, IPC_STAT, &ds), -EINVAL);
    EQ(c, put_msg(c, 0x7ffffff0, 1, 1, 0), -EINVAL);
}

/* Of the bits that are asked for all must be granted. */
static void asked_bits(struct conf *c)
{
    key_t key = some_key();
    int id = gops(c)->get(key, IPC_CREAT | 0604);
    OK(c, id >= 0);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        conf_become(c, NOBODY, NOBODY);
        EQ(c, gops(c)->get(key, 0), id);
        EQ(c, gops(c)->get(key, 0004), id);
        EQ(c, gops(c)->get(key, 0002), -EACCES);
        EQ(c, gops(c)->get(key, 0006), -EACCES);
        conf_exit();
    }
    conf_join(c, pid);
    remove_msg(c, id);
}

static void permission(struct conf *c)
{
    for (int bits = 0; bits < 8; bits += 2) {
        int id = gops(c)->get(some_key(), IPC_CREAT | IPC_EXCL | 0600 | bits);
        OK(c, id >= 0);
        EQ(c, put_msg(c, id, 1, 1, IPC_NOWAIT), 0);
        pid_t pid = conf_fork(c);
        if (pid == 0) {
            struct msqid_ds ds;
            conf_become(c, NOBODY, NOBODY);
            EQ(c, put_msg(c, id, 1, 2, IPC_NOWAIT), bits & 2 ? 0 : -EACCES);
            EQ(c, gops(c)->ctl(id, IPC_STAT, &ds), bits & 4 ? 0 : -EACCES);
            EQ(c, get_msg(c, id, 0, IPC_NOWAIT), bits & 4 ? 1 : -EACCES);
            EQ(c, gops(c)->ctl(id, IPC_RMID, NULL), -EPERM);
            conf_exit();
        }
        conf_join(c, pid);
        remove_msg(c, id);
    }
}

static void umask_does_not_apply(struct conf *c)
{
    umask(0077);
    int id = gops(c)->get(some_key(), IPC_CREAT | IPC_EXCL | 0666);
    umask(022);
    OK(c, id >= 0);
    EQ(c, msg_status(c, id).msg_perm.mode & 0777, 0666);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        conf_become(c, NOBODY, NOBODY);
        EQ(c, put_msg(c, id, 1, 2, IPC_NOWAIT), 0);
        conf_exit();
    }
    conf_join(c, pid);
    remove_msg(c, id);
}

/* Many at once: one makes it, all get the same. */
static void race(struct conf *c)
{
    key_t key = some_key();
    pid_t pid[6];
    for (int i = 0; i < 6; i++)
        if ((pid[i] = conf_fork(c)) == 0) {
            conf_await(c, 0, 1);
            int id = gops(c)->get(key, IPC_CREAT | IPC_EXCL | 0600);
            OK(c, id >= 0 || id == -EEXIST);
            conf_add(c, 1, id >= 0);
            conf_exit();
        }
    conf_set(c, 0, 1);
    for (int i = 0; i < 6; i++)
        conf_join(c, pid[i]);
    EQ(c, conf_get(c, 1), 1);
    int id = gops(c)->get(key, 0600);
    remove_msg(c, id);
}

const struct conf_case msg_get_cases[] = {
    {"get.private_is_new", private_is_new, 0, NULL, NULL, 0},
    {"get.key_leads_to_id", key_leads_to_id, 0, NULL, NULL, 0},
    {"get.ftok", from_ftok, 0, NULL, NULL, 0},
    {"get.id_for_everybody", id_for_everybody, 0, NULL, stranger, 0},
    {"get.contents_stay", contents_stay, 0, NULL, NULL, 0},
    {"get.removed_is_gone", removed_is_gone, 0, NULL, NULL, 0},
    {"get.bad_ids", bad_ids, 0, NULL, NULL, 0},
    {"get.asked_bits", asked_bits, CONF_AS_ROOT, NULL, NULL, 0},
    {"get.permission", permission, CONF_AS_ROOT, NULL, NULL, 0},
    {"get.umask_does_not_apply", umask_does_not_apply, CONF_AS_ROOT, NULL, NULL, 0},
    {"get.race", race, 0, NULL, NULL, 0},
    {0},
};
