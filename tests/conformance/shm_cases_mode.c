/* SPDX-License-Identifier: MIT */
/*
 * shm_cases_mode.c - permission bits and umask of named segments
 *
 * Made by one user and tried by another, so all need root.
 */
#define _GNU_SOURCE
#include <sys/stat.h>
#include <unistd.h>

#include "shm_room.h"

#define OWNER 40001
#define OWNERS_GROUP 40002
#define STRANGER 40003

/* Made by the effective user OWNER and his group, whatever the bits. */
static struct shm_name make_owned(struct conf *c, mode_t mode, mode_t mask)
{
    struct shm_name name = shm_name();
    mode_t was = umask(mask);
    EQ(c, setegid(OWNERS_GROUP), 0);
    EQ(c, seteuid(OWNER), 0);
    EQ(c, try_seg(c, name.s, O_RDWR | O_CREAT | O_EXCL, mode, PAGE), 0);
    EQ(c, seteuid(0), 0);
    EQ(c, setegid(0), 0);
    umask(was);
    return name;
}

/* 4: may read, 2: may read and write. */
static int tried_by(struct conf *c, const struct shm_name *name, uid_t uid, gid_t gid)
{
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        conf_become(c, uid, gid);
        int r = try_seg(c, name->s, O_RDONLY, 0, 0), w = try_seg(c, name->s, O_RDWR, 0, 0);
        EQ(c, try_seg(c, name->s, O_RDWR | O_CREAT, 0666, PAGE), w);
        OK(c, (r == 0 || r == -EACCES) && (w == 0 || w == -EACCES));
        conf_set(c, 0, (r == 0) * 4 + (w == 0) * 2);
        conf_exit();
    }
    conf_join(c, pid);
    return (int)conf_get(c, 0);
}

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
            struct shm_name name = make_owned(c, mode, 0);
            int bits = mode >> who[w].shift & 6;
            EQ(c, tried_by(c, &name, who[w].uid, who[w].gid), bits == 2 ? 0 : bits);
            unlink_seg(c, &name);
        }
}

static void umask_applies(struct conf *c)
{
    struct shm_name name = make_owned(c, 0666, 0027);
    EQ(c, tried_by(c, &name, OWNER, STRANGER), 6);
    EQ(c, tried_by(c, &name, STRANGER, OWNERS_GROUP), 4);
    EQ(c, tried_by(c, &name, STRANGER, STRANGER), 0);
    unlink_seg(c, &name);
}

static void root_may(struct conf *c)
{
    struct shm_name name = make_owned(c, 0, 0);
    EQ(c, try_seg(c, name.s, O_RDWR, 0, 0), 0);
    unlink_seg(c, &name);
}

static void foreign_unlink(struct conf *c)
{
    struct shm_name name = make_owned(c, 0666, 0);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        conf_become(c, STRANGER, STRANGER);
        int r = yops(c)->unlink(name.s);
        OK(c, r == -EACCES || r == -EPERM);
        conf_exit();
    }
    conf_join(c, pid);
    EQ(c, try_seg(c, name.s, O_RDWR, 0, 0), 0);
    pid = conf_fork(c);
    if (pid == 0) {
        conf_become(c, OWNER, STRANGER);
        unlink_seg(c, &name);
        conf_exit();
    }
    conf_join(c, pid);
    EQ(c, try_seg(c, name.s, O_RDWR, 0, 0), -ENOENT);
}

/* Checked on opening only. */
static void checked_on_opening(struct conf *c)
{
    struct shm_name name = make_owned(c, 0600, 0);
    struct seg *s = open_seg(c, &name, O_RDWR);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        conf_become(c, STRANGER, STRANGER);
        EQ(c, try_seg(c, name.s, O_RDONLY, 0, 0), -EACCES);
        yops(c)->data(s)[0] = 1;
        EQ(c, yops(c)->grow(s, 2 * PAGE), 0);
        conf_exit();
    }
    conf_join(c, pid);
    EQ(c, yops(c)->data(s)[0], 1);
    EQ(c, yops(c)->size(s), 2 * PAGE);
    close_seg(c, s);
    unlink_seg(c, &name);
}

const struct conf_case shm_mode_cases[] = {
    {"mode.each_class", each_class, CONF_AS_ROOT, NULL, NULL, 20},
    {"mode.umask_applies", umask_applies, CONF_AS_ROOT, NULL, NULL, 0},
    {"mode.root", root_may, CONF_AS_ROOT, NULL, NULL, 0},
    {"mode.foreign_unlink", foreign_unlink, CONF_AS_ROOT, NULL, NULL, 0},
    {"mode.checked_on_opening", checked_on_opening, CONF_AS_ROOT, NULL, NULL, 0},
    {0},
};
