/* SPDX-License-Identifier: MIT */
/*
 * name/open.c - finding an object and its parts, believing nothing; see name/name.h
 *
 * All parts are opened through one descriptor of the object's directory, so they are of one
 * object, whatever its name means by now. A part that isn't there any more was removed by
 * an unlink, or was never there: only the name tells, which is why h7_name_attach() looks
 * at it again.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sys.h"
#include "name/name_internal.h"

#define ATTACH_TRIES 1000 /* each time somebody has unlinked it meanwhile */

static int check_object(int fd)
{
    struct statx st;
    int r = h7_sys_statx(fd, "", &st);
    if (r < 0)
        return r;
    if (!S_ISDIR(st.stx_mode))
        return -EPROTO;
    return st.stx_mode & (S_IWGRP | S_IWOTH) ? -EBADMSG : 0;
}

/* O_PATH: the bits for searching decide, when a part is opened. */
static int open_object(int dir, const char *kind, const char *name)
{
    char entry[H7_NAME_ENTRY_MAX + 1];
    h7_name_entry(entry, kind, name);
    int fd = h7_sys_openat(dir, entry, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
    int r = fd < 0 ? fd : check_object(fd);
    if (r < 0 && fd >= 0)
        h7_sys_close(fd);
    return r < 0 ? r : fd;
}

int h7_name_open(const char *kind, const char *name)
{
    int dir = h7_name_dir();
    if (dir < 0)
        return dir;
    int fd = open_object(dir, kind, name);
    h7_sys_close(dir);
    return fd;
}

/* What openat(2) says of things that no part can be. */
static int open_error(int obj, const char *part, int err, mode_t type)
{
    struct statx st;
    switch (err) {
    case -ENOENT:
        return -ESTALE;
    case -ELOOP:  /* a link */
    case -EISDIR:
    case -ENODEV:
    case -EAGAIN: /* somebody has a lease on it and would make us wait */
        return -EBADMSG;
    case -ENXIO: /* a FIFO that nobody reads; but a socket gives that, too */
        if (type == S_IFIFO && h7_sys_statx(obj, part, &st) == 0 && S_ISFIFO(st.stx_mode))
            return -ENXIO;
        return -EBADMSG;
    default:
        return err;
    }
}

static int check_part(int obj, int fd, mode_t type)
{
    struct statx of, st;
    int r = h7_sys_statx(obj, "", &of);
    if (r == 0)
        r = h7_sys_statx(fd, "", &st);
    if (r < 0)
        return r;
    if ((st.stx_mode & S_IFMT) != type || st.stx_uid != of.stx_uid || st.stx_nlink > 1)
        return -EBADMSG;
    return st.stx_nlink == 0 ? -ESTALE : 0;
}

int h7_name_part(int obj, const char *part, int flags, mode_t type)
{
    if (flags & (O_CREAT | O_TRUNC))
        return -EINVAL;
    flags |= O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
    int fd = h7_sys_openat(obj, part, flags, 0);
    if (fd < 0)
        return open_error(obj, part, fd, type);
    int r = check_part(obj, fd, type);
    if (r < 0)
        h7_sys_close(fd);
    return r < 0 ? r : fd;
}

/* Does the name still lead to obj? 1, 0, or negative errno. */
static int still_named(int dir, int obj, const char *kind, const char *name)
{
    char entry[H7_NAME_ENTRY_MAX + 1];
    struct statx a, b;
    h7_name_entry(entry, kind, name);
    int r = h7_sys_statx(obj, "", &a);
    if (r == 0)
        r = h7_sys_statx(dir, entry, &b);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    return a.stx_ino == b.stx_ino && a.stx_dev_major == b.stx_dev_major &&
           a.stx_dev_minor == b.stx_dev_minor;
}

int h7_name_attach(const char *kind, const char *name, int (*fn)(int obj, void *arg), void *arg)
{
    int r = -ESTALE, dir = h7_name_dir();
    if (dir < 0)
        return dir;
    for (int i = 0; i < ATTACH_TRIES && r == -ESTALE; i++) {
        int obj = open_object(dir, kind, name);
        r = obj < 0 ? obj : fn(obj, arg);
        /* It has its name still: then nobody removed a part, one was never there. */
        int named = r == -ESTALE ? still_named(dir, obj, kind, name) : 0;
        if (named != 0)
            r = named < 0 ? named : -EBADMSG;
        h7_sys_close(obj);
    }
    h7_sys_close(dir);
    return r == -ESTALE ? -EBADMSG : r;
}
