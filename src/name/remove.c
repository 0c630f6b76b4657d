/* SPDX-License-Identifier: MIT */
/*
 * name/remove.c - taking objects apart; see name/name.h
 *
 * An object has files in it and nothing deeper. So removal looks one level deep and at a
 * bounded number of entries: whatever somebody planted, it ends, and what it can't remove
 * stays under its tmp.* name, out of everybody's way. Several may remove the same thing.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sys.h"
#include "name/name_internal.h"

#define PARTS_MAX 1024 /* entries per pass */
#define PASSES    4    /* a file system may skip entries when others are removed */

#define DIR_FLAGS (O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* Its owner needs all three bits to list and empty it. Only added to: somebody who is just
 * opening the parts must find them gone, not forbidden. */
static int own_mode(int fd)
{
    struct statx st;
    int r = h7_sys_statx(fd, "", &st);
    if (r < 0 || st.stx_uid != geteuid() || (st.stx_mode & 0700) == 0700)
        return r;
    return h7_sys_fchmod(fd, (st.stx_mode & 07777) | 0700);
}

int h7_name_own(int dirfd, const char *entry)
{
    int fd = h7_sys_openat(dirfd, entry, O_RDONLY | DIR_FLAGS, 0);
    if (fd == -EACCES) { /* not readable: O_PATH asks for nothing */
        int path = h7_sys_openat(dirfd, entry, O_PATH | DIR_FLAGS, 0);
        if (path < 0)
            return path;
        int r = own_mode(path);
        h7_sys_close(path);
        fd = r < 0 ? r : h7_sys_openat(dirfd, entry, O_RDONLY | DIR_FLAGS, 0);
    }
    int r = fd < 0 ? fd : own_mode(fd);
    if (r < 0 && fd >= 0)
        h7_sys_close(fd);
    return r < 0 ? r : fd;
}

/* A file or an empty directory. 1, 0 (not there), or negative errno. */
static int remove_flat(int dirfd, const char *entry, int flags)
{
    int r = h7_sys_unlinkat(dirfd, entry, flags);
    if (r == 0)
        return 1;
    return r == -ENOENT ? 0 : r;
}

static int remove_part(int dirfd, const char *part, void *n_removed)
{
    int r = remove_flat(dirfd, part, 0);
    if (r == -EISDIR || r == -EPERM) /* what it says of a directory, here and in POSIX */
        r = remove_flat(dirfd, part, AT_REMOVEDIR);
    *(int *)n_removed += r == 1;
    return 0;
}

static int remove_parts(int dirfd, const char *entry)
{
    int n = 0, fd = h7_name_own(dirfd, entry);
    if (fd < 0)
        return fd;
    int r = h7_name_entries(fd, PARTS_MAX, remove_part, &n);
    h7_sys_close(fd);
    return r < 0 ? r : n;
}

int h7_name_remove(int dirfd, const char *entry)
{
    int r = remove_flat(dirfd, entry, AT_REMOVEDIR);
    if (r == -ENOTDIR)
        return remove_flat(dirfd, entry, 0);
    for (int i = 0; i < PASSES && (r == -ENOTEMPTY || r == -EEXIST); i++) {
        int n = remove_parts(dirfd, entry);
        if (n < 0)
            return n == -ENOENT ? 0 : n;
        r = remove_flat(dirfd, entry, AT_REMOVEDIR);
    }
    return r == -EEXIST ? -ENOTEMPTY : r;
}

int h7_name_unlink(const char *kind, const char *name)
{
    char entry[H7_NAME_ENTRY_MAX + 1], away[H7_NAME_ENTRY_MAX + 1];
    int r = -EEXIST, dir = h7_name_dir();
    if (dir < 0)
        return dir;
    h7_name_entry(entry, kind, name);
    for (int i = 0; i < H7_NAME_TRIES && r == -EEXIST; i++) {
        r = h7_name_tmp(away);
        if (r == 0)
            r = h7_sys_rename_new(dir, entry, away); /* linearization point: it's gone */
    }
    if (r == 0)
        h7_name_remove(dir, away); /* N2 */
    h7_sys_close(dir);
    return r == -EEXIST ? -EPERM : r;
}

int h7_name_exchange(const char *kind, const char *name, const char *kind2, const char *name2)
{
    char entry[H7_NAME_ENTRY_MAX + 1], entry2[H7_NAME_ENTRY_MAX + 1];
    int dir = h7_name_dir();
    if (dir < 0)
        return dir;
    h7_name_entry(entry, kind, name);
    h7_name_entry(entry2, kind2, name2);
    int r = h7_sys_rename_swap(dir, entry, entry2); /* linearization point */
    h7_sys_close(dir);
    return r;
}
