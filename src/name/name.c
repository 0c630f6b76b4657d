/* SPDX-License-Identifier: MIT */
/*
 * name/name.c - what a name is, and the directory of names; see name/name.h
 *
 * The directory is opened first and looked at afterwards, through the descriptor: what was
 * checked is what is used, whatever happens to its path. Start at h7_name_dir().
 */
#define _GNU_SOURCE
#include "name/name.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sys.h"

#define SHARED "/dev/shm/hepta"

int h7_name_check(const char *name)
{
    if (!name)
        return -EFAULT;
    if (name[0] != '/')
        return -EINVAL;
    size_t len = strnlen(name + 1, HEPTA_NAME_MAX + 1);
    if (len == 0 || memchr(name + 1, '/', len))
        return -EINVAL;
    if (len > HEPTA_NAME_MAX)
        return -ENAMETOOLONG;
    return strcmp(name, "/.") == 0 || strcmp(name, "/..") == 0 ? -EINVAL : 0;
}

void h7_name_entry(char entry[H7_NAME_ENTRY_MAX + 1], const char *kind, const char *name)
{
    snprintf(entry, H7_NAME_ENTRY_MAX + 1, "%s.%s", kind, name + 1);
}

static int fail(int fd, int err)
{
    h7_sys_close(fd);
    return err;
}

/* A link isn't followed: who planted it would choose where we work. */
static int open_dir(const char *path, struct statx *st)
{
    int fd = h7_sys_openat(AT_FDCWD, path, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd < 0)
        return fd;
    int r = h7_sys_statx(fd, "", st);
    if (r == 0 && S_ISLNK(st->stx_mode))
        r = -ELOOP;
    else if (r == 0 && !S_ISDIR(st->stx_mode))
        r = -ENOTDIR;
    return r < 0 ? fail(fd, r) : fd;
}

/* Can nobody but root and this user take away or replace what this user puts there? */
static int trusted(const struct statx *st)
{
    if (st->stx_uid != 0 && st->stx_uid != geteuid())
        return 0;
    return (st->stx_mode & S_ISVTX) || !(st->stx_mode & (S_IWGRP | S_IWOTH));
}

/* The directory at path, made with mode 0700 if it isn't there. The umask may have taken
 * even its owner's bits. */
static int open_or_make(const char *path, struct statx *st)
{
    int fd = open_dir(path, st);
    if (fd != -ENOENT)
        return fd;
    int made = h7_sys_mkdirat(AT_FDCWD, path, 0700);
    if (made < 0 && made != -EEXIST)
        return made;
    fd = open_dir(path, st);
    if (fd < 0 || made < 0 || st->stx_uid != geteuid() || (st->stx_mode & 07777) == 0700)
        return fd;
    int r = h7_sys_fchmod(fd, 0700);
    st->stx_mode = S_IFDIR | 0700;
    return r < 0 ? fail(fd, r) : fd;
}

static int from_environment(const char *value)
{
    char path[PATH_MAX];
    struct statx st;
    size_t len = strnlen(value, sizeof path);
    if (len == sizeof path)
        return -ENAMETOOLONG;
    memcpy(path, value, len + 1);
    while (len > 1 && path[len - 1] == '/') /* with one, a link would be followed */
        path[--len] = 0;
    int fd = open_or_make(path, &st);
    if (fd >= 0 && !trusted(&st))
        return fail(fd, -EPERM);
    return fd;
}

/* Made under another name, so that nobody finds it with the wrong mode, ours for ever if we
 * died in between. What we left then, our next attempt takes. Other processes of this
 * user may do the same at the same time: whose rename comes first doesn't matter. */
static int make_shared(void)
{
    char fresh[64];
    struct statx st;
    snprintf(fresh, sizeof fresh, SHARED "-%u.new", (unsigned)geteuid());
    int fd = open_or_make(fresh, &st);
    if (fd < 0)
        return fd == -ENOENT ? 0 : fd;
    int r = st.stx_uid == geteuid() ? h7_sys_fchmod(fd, 01777) : -EPERM;
    h7_sys_close(fd);
    if (r == 0)
        r = h7_sys_rename_new(AT_FDCWD, fresh, SHARED);
    if (r == -EEXIST)
        h7_sys_unlinkat(AT_FDCWD, fresh, AT_REMOVEDIR);
    return r == -EEXIST || r == -ENOENT ? 0 : r;
}

static int open_shared(void)
{
    struct statx st;
    int fd = open_dir(SHARED, &st);
    if (fd == -ENOENT) {
        int r = make_shared();
        if (r < 0)
            return r;
        fd = open_dir(SHARED, &st);
    }
    if (fd >= 0 && !trusted(&st))
        return fail(fd, -EPERM);
    return fd;
}

/* Nobody else's objects are found there, but nobody else can interfere either. */
static int open_private(void)
{
    char path[64];
    struct statx st;
    snprintf(path, sizeof path, SHARED "-%u", (unsigned)geteuid());
    int fd = open_or_make(path, &st);
    if (fd < 0)
        return fd == -ELOOP || fd == -ENOTDIR ? -EPERM : fd;
    if (st.stx_uid != geteuid())
        return fail(fd, -EPERM);
    int r = (st.stx_mode & 07777) == 0700 ? 0 : h7_sys_fchmod(fd, 0700);
    return r < 0 ? fail(fd, r) : fd;
}

int h7_name_dir(void)
{
    /* A program that has more rights than its caller doesn't go where the caller says. */
    const char *value = secure_getenv("HEPTA_DIR");
    if (value && *value)
        return from_environment(value);
    int fd = open_shared();
    return fd == -EPERM || fd == -ELOOP || fd == -ENOTDIR ? open_private() : fd;
}
