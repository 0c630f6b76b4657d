/* SPDX-License-Identifier: MIT */
/*
 * sem_cases_mode.c - permission bits and umask of named semaphores
 *
 * Made by root or one user and tried by another, so all need root.
 */
#define _GNU_SOURCE
#include <sys/stat.h>
#include <unistd.h>

#include "sem_room.h"

#define OWNER 40001
#define OWNERS_GROUP 40002
#define STRANGER 40003

/* Made by the effective user OWNER and his group, whatever the bits. */
static struct sem_name make_owned(struct conf *c, mode_t mode, mode_t mask)
{
    struct sem_name name = sem_name();
    union semaphore *s = NULL;
    mode_t was = umask(mask);
    EQ(c, setegid(OWNERS_GROUP), 0);
    EQ(c, seteuid(OWNER), 0);
    EQ(c, sops(c)->open(name.s, O_CREAT | O_EXCL, mode, 1, &s), 0);
    EQ(c, sops(c)->wait(s, NOW), 0);
    EQ(c, sops(c)->post(s), 0);
    EQ(c, sops(c)->close(s), 0);
    EQ(c, seteuid(0), 0);
    EQ(c, setegid(0), 0);
    umask(was);
    return name;
}

static int tried_by(struct conf *c, const struct sem_name *name, uid_t uid, gid_t gid)
{
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        conf_become(c, uid, gid);
        int r = try_sem(c, name->s, 0, 0, 0);
        EQ(c, try_sem(c, name->s, O_CREAT, 0666, 1), r);
        conf_set(c, 0, r);
        conf_exit();
    }
    conf_join(c, pid);
    return (int)conf_get(c, 0);
}

/* Opening takes reading and writing, of one's own class only. */
static void each_class(struct conf *c)
{
    static const struct {
        uid_t uid;
        gid_t gid;
        int shift;
    } who[] = {{OWNER, STRANGER, 6}, {STRANGER, OWNERS_GROUP, 3}, {STRANGER, STRANGER, 0}};
    for (int w = 0; w < 3; w++)
        for (int i = 0; i < 64; i += w == 1 ? 1 : 3) {
            mode_t mode = (mode_t)((i & 3) << 1 | (i >> 2 & 3) << 4 | (i >> 4 & 3) << 7);
            struct sem_name name = make_owned(c, mode, 0);
            bool both = (mode >> who[w].shift & 6) == 6;
            EQ(c, tried_by(c, &name, who[w].uid, who[w].gid), both ? 0 : -EACCES);
            EQ(c, sops(c)->unlink(name.s), 0);
        }
}

static void umask_applies(struct conf *c)
{
    struct sem_name name = make_owned(c, 0666, 0007);
    EQ(c, tried_by(c, &name, STRANGER, OWNERS_GROUP), 0);
    EQ(c, tried_by(c, &name, STRANGER, STRANGER), -EACCES);
    EQ(c, sops(c)->unlink(name.s), 0);
    name = make_owned(c, 0666, 0022);
    EQ(c, tried_by(c, &name, OWNER, STRANGER), 0);
    EQ(c, tried_by(c, &name, STRANGER, OWNERS_GROUP), -EACCES);
    EQ(c, sops(c)->unlink(name.s), 0);
}

static void root_may(struct conf *c)
{
    struct sem_name name = make_owned(c, 0, 0);
    EQ(c, try_sem(c, name.s, 0, 0, 0), 0);
    EQ(c, sops(c)->unlink(name.s), 0);
}

static void foreign_unlink(struct conf *c)
{
    struct sem_name name = make_owned(c, 0666, 0);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        conf_become(c, STRANGER, STRANGER);
        int r = sops(c)->unlink(name.s);
        OK(c, r == -EACCES || r == -EPERM);
        conf_exit();
    }
    conf_join(c, pid);
    EQ(c, try_sem(c, name.s, 0, 0, 0), 0);
    pid = conf_fork(c);
    if (pid == 0) {
        conf_become(c, OWNER, STRANGER);
        EQ(c, sops(c)->unlink(name.s), 0);
        conf_exit();
    }
    conf_join(c, pid);
    EQ(c, try_sem(c, name.s, 0, 0, 0), -ENOENT);
}

/* Checked on opening only. */
static void checked_on_opening(struct conf *c)
{
    struct sem_name name = make_owned(c, 0600, 0);
    union semaphore *s = open_sem(c, &name);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        conf_become(c, STRANGER, STRANGER);
        EQ(c, sops(c)->wait(s, NOW), 0);
        EQ(c, sops(c)->post(s), 0);
        conf_exit();
    }
    conf_join(c, pid);
    EQ(c, sops(c)->value(s), 1);
    EQ(c, sops(c)->close(s), 0);
    EQ(c, sops(c)->unlink(name.s), 0);
}

/* Two users wake each other. */
static void users_talk(struct conf *c)
{
    struct sem_name there = make_owned(c, 0666, 0), back = make_owned(c, 0666, 0);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        conf_become(c, STRANGER, STRANGER);
        union semaphore *t = open_sem(c, &there), *b = open_sem(c, &back);
        EQ(c, sops(c)->wait(t, NOW), 0);
        for (int i = 0; i < 100; i++) {
            conf_set(c, 0, 1);
            EQ(c, sops(c)->wait(t, EVER), 0);
            EQ(c, sops(c)->post(b), 0);
        }
        conf_exit();
    }
    union semaphore *t = open_sem(c, &there), *b = open_sem(c, &back);
    EQ(c, sops(c)->wait(b, NOW), 0);
    conf_asleep_after(c, pid, 0);
    for (int i = 0; i < 100; i++) {
        EQ(c, sops(c)->post(t), 0);
        EQ(c, sops(c)->wait(b, EVER), 0);
    }
    conf_join(c, pid);
    EQ(c, sops(c)->close(t), 0);
    EQ(c, sops(c)->close(b), 0);
    EQ(c, sops(c)->unlink(there.s), 0);
    EQ(c, sops(c)->unlink(back.s), 0);
}

const struct conf_case sem_mode_cases[] = {
    {"mode.each_class", each_class, CONF_AS_ROOT, NULL, NULL, 20},
    {"mode.umask_applies", umask_applies, CONF_AS_ROOT, NULL, NULL, 0},
    {"mode.root", root_may, CONF_AS_ROOT, NULL, NULL, 0},
    {"mode.foreign_unlink", foreign_unlink, CONF_AS_ROOT, NULL, NULL, 0},
    {"mode.checked_on_opening", checked_on_opening, CONF_AS_ROOT, NULL, NULL, 0},
    {"mode.users_talk", users_talk, CONF_AS_ROOT, NULL, NULL, 0},
    {0},
};
