/* SPDX-License-Identifier: MIT */
/*
 * fifo_cases_dir.c - the directory that names live in: missing, closed, full, read-only
 *
 * Each case moves HEPTA_DIR, in a child, to a directory of its own below the room's.
 */
#define _GNU_SOURCE
#include "fifo_room.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct pipe_want usual;

/* In a child: HEPTA_DIR is @name below the room's directory. */
static pid_t in_dir(struct conf *c, const char *name)
{
    pid_t child = conf_fork(c);
    char path[200];

    if (child == 0) {
        snprintf(path, sizeof(path), "%s/%s", getenv("HEPTA_DIR"), name);
        setenv("HEPTA_DIR", path, 1);
    }
    return child;
}

static void all_say(struct conf *c, int err)
{
    struct fifo f = {"/x"};

    EQ(c, fops(c)->make(f.name, 0600, &usual), err);
    EQ(c, try_open(c, &f, FOR_READ, NOW), err);
    EQ(c, fops(c)->unlink(f.name), err);
}

static void no_directory(struct conf *c)
{
    pid_t child = in_dir(c, "nowhere/deep");

    if (child == 0) {
        all_say(c, -ENOENT);
        conf_exit();
    }
    conf_join(c, child);
}

/* The last component of HEPTA_DIR is made on first use, for its user alone. */
static void made_on_first_use(struct conf *c)
{
    pid_t child = in_dir(c, "fresh");

    if (child == 0) {
        struct fifo f = {"/x"};

        umask(0);
        EQ(c, try_open(c, &f, FOR_READ, NOW), -ENOENT);
        int err = fops(c)->make(f.name, 0666, &usual);
        EQ(c, err, DIFFERS(c, -ENOENT, 0));
        if (err == 0) {
            struct stat st;

            EQ(c, stat(getenv("HEPTA_DIR"), &st), 0);
            EQ(c, st.st_mode & 07777, 0700);
            remove_fifo(c, &f);
            EQ(c, rmdir(getenv("HEPTA_DIR")), 0);
        }
        conf_exit();
    }
    conf_join(c, child);
}

static void not_a_directory(struct conf *c)
{
    pid_t child = in_dir(c, "file");

    if (child == 0) {
        int fd = open(getenv("HEPTA_DIR"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

        OK(c, fd >= 0);
        all_say(c, -ENOTDIR);
        EQ(c, unlink(getenv("HEPTA_DIR")), 0);
        conf_exit();
    }
    conf_join(c, child);
}

static void make_directory(struct conf *c, mode_t mode)
{
    EQ(c, mkdir(getenv("HEPTA_DIR"), 0700), 0);
    EQ(c, chmod(getenv("HEPTA_DIR"), mode), 0);
}

/* No search permission for the directory: nothing can be reached in it. */
static void no_search(struct conf *c)
{
    pid_t child = in_dir(c, "closed");

    if (child == 0) {
        make_directory(c, 0700);
        struct fifo f = {"/x"};
        EQ(c, fops(c)->make(f.name, 0666, &usual), 0);
        pid_t other = conf_fork(c);
        if (other == 0) {
            conf_become(c, NOBODY, NOBODY);
            EQ(c, try_open(c, &f, FOR_READ, NOW), -EACCES);
            EQ(c, fops(c)->unlink(f.name), -EACCES);
            EQ(c, fops(c)->make("/y", 0666, &usual), -EACCES);
            conf_exit();
        }
        conf_join(c, other);
        remove_fifo(c, &f);
        EQ(c, rmdir(getenv("HEPTA_DIR")), 0);
        conf_exit();
    }
    conf_join(c, child);
}

/* No permission to write the directory: what is there can be used, not made or removed. */
static void not_writable(struct conf *c)
{
    pid_t child = in_dir(c, "shown");

    if (child == 0) {
        make_directory(c, 0755);
        struct fifo f = {"/x"};
        umask(0);
        EQ(c, fops(c)->make(f.name, 0666, &usual), 0);
        pid_t other = conf_fork(c);
        if (other == 0) {
            conf_become(c, NOBODY, NOBODY);
            EQ(c, try_open(c, &f, FOR_BOTH, NOW), 0);
            EQ(c, fops(c)->make("/y", 0666, &usual), -EACCES);
            EQ(c, fops(c)->unlink(f.name), -EACCES);
            conf_exit();
        }
        conf_join(c, other);
        remove_fifo(c, &f);
        EQ(c, rmdir(getenv("HEPTA_DIR")), 0);
        conf_exit();
    }
    conf_join(c, child);
}

/* In a child with its own mounts: the directory is a tmpfs of its own, which goes with it. */
static pid_t in_mount(struct conf *c, const char *name, const char *options)
{
    pid_t child = in_dir(c, name);

    if (child == 0) {
        make_directory(c, 01777);
        EQ(c, unshare(CLONE_NEWNS), 0);
        EQ(c, mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
        EQ(c, mount("conformance", getenv("HEPTA_DIR"), "tmpfs", 0, options), 0);
    }
    return child;
}

static void remove_mount(struct conf *c, const char *name)
{
    char path[200];

    snprintf(path, sizeof(path), "%s/%s", getenv("HEPTA_DIR"), name);
    EQ(c, rmdir(path), 0);
}

static void read_only(struct conf *c)
{
    pid_t child = in_mount(c, "read-only", "mode=1777");

    if (child == 0) {
        EQ(c, mount(NULL, getenv("HEPTA_DIR"), NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
        EQ(c, fops(c)->make("/x", 0600, &usual), -EROFS);
        conf_exit();
    }
    conf_join(c, child);
    remove_mount(c, "read-only");
}

/* No inode left for anybody. */
static void no_inodes(struct conf *c)
{
    pid_t child = in_mount(c, "no-inodes", "mode=1777,nr_inodes=2");

    if (child == 0) {
        char path[200];

        snprintf(path, sizeof(path), "%s/other", getenv("HEPTA_DIR"));
        EQ(c, mkdir(path, 0700), 0);
        EQ(c, fops(c)->make("/x", 0600, &usual), -ENOSPC);
        EQ(c, rmdir(path), 0); /* and a failed make leaves none */
        EQ(c, mkdir(path, 0700), 0);
        conf_exit();
    }
    conf_join(c, child);
    remove_mount(c, "no-inodes");
}

/* The kernel's FIFO needs memory when it is used, Hepta's when it is made: all of it or none. */
static void no_space(struct conf *c)
{
    pid_t child = in_mount(c, "no-space", "mode=1777,size=16k");

    if (child == 0) {
        struct fifo f = {"/x"};
        int want = (int)DIFFERS(c, 0, -ENOSPC);

        EQ(c, fops(c)->make(f.name, 0600, &usual), want);
        EQ(c, try_open(c, &f, FOR_BOTH, NOW), want == 0 ? 0 : -ENOENT);
        conf_exit();
    }
    conf_join(c, child);
    remove_mount(c, "no-space");
}

const struct conf_case fifo_dir_cases[] = {
    {"names.made_on_first_use", made_on_first_use, NEEDS_NOTHING, "directory-on-first-use", NULL,
     0},
    {"names.no_directory", no_directory, NEEDS_NOTHING, NULL, NULL, 0},
    {"names.not_a_directory", not_a_directory, NEEDS_NOTHING, NULL, NULL, 0},
    {"names.no_search", no_search, CONF_AS_ROOT, NULL, NULL, 0},
    {"names.not_writable", not_writable, CONF_AS_ROOT, NULL, NULL, 0},
    {"names.read_only", read_only, CONF_AS_ROOT, NULL, NULL, 0},
    {"names.no_inodes", no_inodes, CONF_AS_ROOT, NULL, NULL, 0},
    {"names.no_space", no_space, CONF_AS_ROOT, "memory-at-make", NULL, 0},
    {0},
};
