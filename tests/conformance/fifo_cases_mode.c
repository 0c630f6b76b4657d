/* SPDX-License-Identifier: MIT */
/*
 * fifo_cases_mode.c - permission bits: who may open for reading, for writing, for both
 *
 * Made by one user and tried by others, so all but one need root.
 */
#define _GNU_SOURCE
#include "fifo_room.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define OWNER 40001
#define OWNERS_GROUP 40002
#define STRANGER 40003
#define N_MODES 64 /* read and write, for three classes: the execute bits mean nothing */

static const struct pipe_want usual;

static mode_t mode_of(int i)
{
    return (mode_t)((i & 3) << 1 | (i >> 2 & 3) << 4 | (i >> 4 & 3) << 7);
}

static struct fifo name_of(int i)
{
    struct fifo f;

    snprintf(f.name, sizeof(f.name), "/mode-%03o", (unsigned)mode_of(i));
    return f;
}

static void make_all(struct conf *c)
{
    pid_t child = conf_fork(c);

    if (child == 0) {
        conf_become(c, OWNER, OWNERS_GROUP);
        umask(0);
        for (int i = 0; i < N_MODES; i++)
            EQ(c, fops(c)->make(name_of(i).name, mode_of(i), &usual), 0);
        conf_exit();
    }
    conf_join(c, child);
}

static void remove_all(struct conf *c)
{
    for (int i = 0; i < N_MODES; i++)
        EQ(c, fops(c)->unlink(name_of(i).name), 0);
}

/* Every mode and access, for somebody whose bits are @shift from the right. */
static void try_all(struct conf *c, int shift)
{
    for (int i = 0; i < N_MODES; i++) {
        struct fifo f = name_of(i);
        bool r = mode_of(i) >> shift & 4, w = mode_of(i) >> shift & 2;
        int got[] = {try_open(c, &f, FOR_READ, NOW), try_open(c, &f, FOR_WRITE, NOW),
                     try_open(c, &f, FOR_BOTH, NOW)};

        if (got[0] != (r ? 0 : -EACCES) || got[1] != (w ? -ENXIO : -EACCES) ||
            got[2] != (r && w ? 0 : -EACCES))
            conf_fail(c, "mode %03o, bits %d: for reading %d, writing %d, both %d",
                      (unsigned)mode_of(i), shift, got[0], got[1], got[2]);
    }
}

static void every_mode(struct conf *c, uid_t uid, gid_t gid, gid_t second, int shift)
{
    make_all(c);
    pid_t child = conf_fork(c);
    if (child == 0) {
        EQ(c, setgroups(second != 0, &second), 0);
        EQ(c, setresgid(gid, gid, gid), 0);
        EQ(c, setresuid(uid, uid, uid), 0);
        try_all(c, shift);
        conf_exit();
    }
    conf_join(c, child);
    remove_all(c);
}

static void owner(struct conf *c)
{
    every_mode(c, OWNER, STRANGER, OWNERS_GROUP, 6); /* the group's bits don't add to it */
}

static void group(struct conf *c)
{
    every_mode(c, STRANGER, OWNERS_GROUP, 0, 3);
}

static void second_group(struct conf *c)
{
    every_mode(c, STRANGER, STRANGER, OWNERS_GROUP, 3);
}

static void others(struct conf *c)
{
    every_mode(c, STRANGER, STRANGER, 0, 0);
}

static void root_may(struct conf *c)
{
    make_all(c);
    for (int i = 0; i < N_MODES; i++) {
        struct fifo f = name_of(i);

        EQ(c, try_open(c, &f, FOR_READ, NOW), 0);
        EQ(c, try_open(c, &f, FOR_WRITE, NOW), -ENXIO);
        EQ(c, try_open(c, &f, FOR_BOTH, NOW), 0);
    }
    remove_all(c);
}

/* What another user gets of one made with @mode under @mask: 0 or -EACCES for each access. */
static void with_umask(struct conf *c, mode_t mode, mode_t mask, int reading, int writing)
{
    struct fifo f;

    name_it(&f);
    umask(mask);
    EQ(c, fops(c)->make(f.name, mode, &usual), 0);
    EQ(c, umask(022), mask); /* the process's own is as before */
    pid_t child = conf_fork(c);
    if (child == 0) {
        conf_become(c, STRANGER, STRANGER);
        EQ(c, try_open(c, &f, FOR_READ, NOW), reading);
        EQ(c, try_open(c, &f, FOR_WRITE, NOW), writing == 0 ? -ENXIO : writing);
        conf_exit();
    }
    conf_join(c, child);
    remove_fifo(c, &f);
}

static void umask_applies(struct conf *c)
{
    with_umask(c, 0666, 0, 0, 0);
    with_umask(c, 0666, 022, 0, -EACCES);
    with_umask(c, 0666, 044, -EACCES, 0);
    with_umask(c, 0666, 077, -EACCES, -EACCES);
    with_umask(c, 0666, 0770, 0, 0);
    with_umask(c, 0644, 0, 0, -EACCES);
    with_umask(c, 0777, 0777, -EACCES, -EACCES);
}

/* Without root there is still the owner. */
static void owner_of_nothing(struct conf *c)
{
    struct fifo f;

    name_it(&f);
    EQ(c, fops(c)->make(f.name, 0, &usual), 0);
    int err = try_open(c, &f, FOR_READ, NOW);
    EQ(c, err, geteuid() == 0 ? 0 : -EACCES);
    remove_fifo(c, &f); /* that is a matter of the directory */
}

/* Permission is a matter of opening: a handle stays what it is when its user changes. */
static void checked_on_opening(struct conf *c)
{
    struct fifo f;
    struct pipe_pair p;

    name_it(&f);
    EQ(c, fops(c)->make(f.name, 0600, &usual), 0);
    open_pair(c, &f, &p);
    pid_t child = conf_fork(c);
    if (child == 0) {
        conf_become(c, STRANGER, STRANGER);
        EQ(c, put(c, &p, 1000, EVER), 1000);
        EQ(c, get(c, &p, 1000, EVER), 1000);
        OK(c, !r_ready(c, &p));
        EQ(c, try_open(c, &f, FOR_READ, NOW), -EACCES);
        conf_exit();
    }
    conf_join(c, child);
    close_both(c, &p);
    remove_fifo(c, &f);
}

/* Two users who have nothing in common but the name; neither of them made it. */
static void users_meet(struct conf *c)
{
    struct fifo f;
    struct pipe_pair p = {0};

    make_fifo(c, &f);
    pid_t child = conf_fork(c);
    if (child == 0) {
        conf_become(c, STRANGER, STRANGER);
        p.w = must_open(c, &f, FOR_WRITE, EVER);
        for (int i = 0; i < 100; i++)
            EQ(c, put(c, &p, 3000, EVER), 3000);
        conf_exit();
    }
    pid_t reader = conf_fork(c);
    if (reader == 0) {
        conf_become(c, NOBODY, NOBODY);
        p.r = must_open(c, &f, FOR_READ, EVER);
        get_all(c, &p, 100 * 3000);
        EQ(c, get(c, &p, 10, EVER), 0);
        conf_exit();
    }
    conf_join(c, child);
    conf_join(c, reader);
    remove_fifo(c, &f);
}

/* In a sticky directory only the owner, the directory's owner and root remove a name. */
static void sticky(struct conf *c)
{
    struct fifo f;

    make_fifo(c, &f);
    pid_t child = conf_fork(c);
    if (child == 0) {
        conf_become(c, STRANGER, STRANGER);
        EQ(c, fops(c)->unlink(f.name), -EPERM);
        EQ(c, try_open(c, &f, FOR_BOTH, NOW), 0);
        make_fifo(c, &f);
        remove_fifo(c, &f);
        EQ(c, fops(c)->make("/of-another", 0600, &usual), 0);
        conf_exit();
    }
    conf_join(c, child);
    remove_fifo(c, &f);
    EQ(c, fops(c)->unlink("/of-another"), 0);
}

/* mkfifo() takes set-user-ID and the like, though they do nothing here. */
static void other_bits(struct conf *c)
{
    static const mode_t modes[] = {01600, 02600, 04600, 07777};
    struct fifo f;

    for (int i = 0; i < 4; i++) {
        name_it(&f);
        EQ(c, fops(c)->make(f.name, modes[i], &usual), DIFFERS(c, 0, -EINVAL));
        EQ(c, fops(c)->unlink(f.name), DIFFERS(c, 0, -ENOENT));
    }
}

const struct conf_case fifo_mode_cases[] = {
    {"mode.owner", owner, CONF_AS_ROOT, NULL, NULL, 20},
    {"mode.group", group, CONF_AS_ROOT, NULL, NULL, 20},
    {"mode.second_group", second_group, CONF_AS_ROOT, NULL, NULL, 20},
    {"mode.others", others, CONF_AS_ROOT, NULL, NULL, 20},
    {"mode.root", root_may, CONF_AS_ROOT, NULL, NULL, 20},
    {"mode.umask", umask_applies, CONF_AS_ROOT, NULL, NULL, 0},
    {"mode.owner_of_nothing", owner_of_nothing, NEEDS_NOTHING, NULL, NULL, 0},
    {"mode.checked_on_opening", checked_on_opening, CONF_AS_ROOT, NULL, NULL, 0},
    {"mode.users_meet", users_meet, CONF_AS_ROOT, NULL, NULL, 0},
    {"mode.sticky", sticky, CONF_AS_ROOT, NULL, NULL, 0},
    {"mode.other_bits", other_bits, NEEDS_NOTHING, "mode-bits-only", NULL, 0},
    {0},
};
