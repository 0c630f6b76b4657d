/* SPDX-License-Identifier: MIT */
/*
 * mq_cases_mode.c - permission bits and umask: who may open for what, and who may unlink
 *
 * Made by one user and tried by others, so nearly all need root.
 */
#define _GNU_SOURCE
#include "mq_steps.h"

#include <errno.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#define N_MODES 64 /* read and write, for three classes */

static mode_t mode_of(int i)
{
    return (mode_t)((i & 3) << 1 | (i >> 2 & 3) << 4 | (i >> 4 & 3) << 7);
}

/* Made by the effective user MQ_OWNER; its maker's access doesn't depend on the bits. */
static void make_owned(struct conf *c, const struct mq_name *name, mode_t mode)
{
    struct mqh *q = NULL;

    umask(0);
    EQ(c, setegid(MQ_OWNERS_GROUP), 0);
    EQ(c, seteuid(MQ_OWNER), 0);
    EQ(c, mops(c)->open(&q, name->s, MQ_NEW, mode, NULL), 0);
    mq_say(c, q, "x", 0);
    mq_hear(c, q, "x", 0);
    close_mq(c, q);
    EQ(c, seteuid(0), 0);
    EQ(c, setegid(0), 0);
}

static void try_mode(struct conf *c, const struct mq_name *name, mode_t mode, int shift)
{
    bool r = mode >> shift & 4, w = mode >> shift & 2;
    int got[] = {try_mq(c, name, O_RDONLY), try_mq(c, name, O_WRONLY),
                 try_mq(c, name, O_RDWR), try_mq(c, name, O_RDWR | O_CREAT)};

    if (got[0] != (r ? 0 : -EACCES) || got[1] != (w ? 0 : -EACCES) ||
        got[2] != (r && w ? 0 : -EACCES) || got[3] != got[2])
        conf_fail(c, "mode %03o, bits %d: for reading %d, writing %d, both %d, made %d",
                  (unsigned)mode, shift, got[0], got[1], got[2], got[3]);
}

/* Every mode, tried by somebody whose bits are @shift from the right. */
static void every_mode(struct conf *c, uid_t uid, gid_t gid, int shift)
{
    struct mq_name name = mq_name();

    for (int i = 0; i < N_MODES; i++) {
        make_owned(c, &name, mode_of(i));
        pid_t child = conf_fork(c);
        if (child == 0) {
            conf_become(c, uid, gid);
            try_mode(c, &name, mode_of(i), shift);
            conf_exit();
        }
        conf_join(c, child);
        remove_mq(c, &name);
    }
}

static void owner(struct conf *c)
{
    every_mode(c, MQ_OWNER, MQ_STRANGER, 6);
}

static void group(struct conf *c)
{
    every_mode(c, MQ_STRANGER, MQ_OWNERS_GROUP, 3);
}

static void others(struct conf *c)
{
    every_mode(c, MQ_STRANGER, MQ_STRANGER, 0);
}

static void root_may(struct conf *c)
{
    struct mq_name name = mq_name();

    make_owned(c, &name, 0);
    EQ(c, try_mq(c, &name, O_RDWR), 0);
    remove_mq(c, &name);
}

static void other_bits(struct conf *c)
{
    struct mq_name name = mq_name();
    struct mqh *q = NULL;
    int err = mops(c)->open(&q, name.s, MQ_NEW, 01600, NULL);

    EQ(c, err, DIFFERS(c, 0, -EINVAL));
    if (err == 0) {
        close_mq(c, q);
        remove_mq(c, &name);
    }
}

/* Another user may write, but not remove. */
static void foreign_unlink(struct conf *c)
{
    struct mq_name name = mq_name();

    make_owned(c, &name, 0666);
    pid_t child = conf_fork(c);
    if (child == 0) {
        conf_become(c, MQ_STRANGER, MQ_STRANGER);
        int err = mops(c)->unlink(name.s);
        OK(c, err == -EACCES || err == -EPERM);
        conf_exit();
    }
    conf_join(c, child);
    EQ(c, try_mq(c, &name, O_RDWR), 0);
    child = conf_fork(c);
    if (child == 0) {
        conf_become(c, MQ_OWNER, MQ_STRANGER);
        remove_mq(c, &name);
        conf_exit();
    }
    conf_join(c, child);
}

/* Checked on opening only: who has it open goes on under another user. */
static void checked_on_opening(struct conf *c)
{
    struct mq_name name = mq_name();

    make_owned(c, &name, 0600);
    struct mqh *q = open_mq(c, &name, O_RDWR);
    pid_t child = conf_fork(c);
    if (child == 0) {
        conf_become(c, MQ_STRANGER, MQ_STRANGER);
        EQ(c, try_mq(c, &name, O_RDWR), -EACCES);
        mq_say(c, q, "mine", 4);
        conf_exit();
    }
    conf_join(c, child);
    mq_hear(c, q, "mine", 4);
    remove_mq(c, &name);
    close_mq(c, q);
}

/* Two users block and wake each other. */
static void users_talk(struct conf *c)
{
    struct mq_name name = mq_name();

    make_owned(c, &name, 0666);
    pid_t child = conf_fork(c);
    if (child == 0) {
        conf_become(c, MQ_STRANGER, MQ_STRANGER);
        struct mqh *r = open_mq(c, &name, O_RDONLY);
        conf_set(c, 0, 1);
        for (int i = 0; i < 100; i++)
            EQ(c, try_hear(c, r, EVER), 1);
        close_mq(c, r);
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    struct mqh *q = open_mq(c, &name, O_RDWR);
    for (int i = 0; i < 100; i++)
        EQ(c, try_say(c, q, "x", EVER), 0);
    conf_join(c, child);
    remove_mq(c, &name);
    close_mq(c, q);
}

const struct conf_case mq_mode_cases[] = {
    {"mode.owner", owner, CONF_AS_ROOT, NULL, NULL, 0},
    {"mode.group", group, CONF_AS_ROOT, NULL, NULL, 0},
    {"mode.others", others, CONF_AS_ROOT, NULL, NULL, 0},
    {"mode.root", root_may, CONF_AS_ROOT, NULL, NULL, 0},
    {"mode.other_bits", other_bits, 0, "mode-bits-only", NULL, 0},
    {"mode.foreign_unlink", foreign_unlink, CONF_AS_ROOT, NULL, NULL, 0},
    {"mode.checked_on_opening", checked_on_opening, CONF_AS_ROOT, NULL, NULL, 0},
    {"mode.users_talk", users_talk, CONF_AS_ROOT, NULL, NULL, 0},
    {0},
};
