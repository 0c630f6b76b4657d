/* SPDX-License-Identifier: MIT */
/*
 * badinput_fifo_place.c - see badinput_fifo.h: directories that can't be used, file systems
 * that are full or read-only, threads and namespaces that a FIFO isn't for, and segments
 * that aren't what they should be
 */
#define _GNU_SOURCE
#include "badinput_fifo.h"

#include "../lib/t.h"
#include "prim/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- places --------------------------------------------------------------------------- */

static void in_directory(const char *path, int for_make, int for_open)
{
    setenv("HEPTA_DIR", path, 1);
    EXPECT(hepta_fifo_make(NAME, 0600, NULL), for_make);
    EXPECT(try_open(NAME), for_open);
    EXPECT(hepta_fifo_unlink(NAME), for_open);
    setenv("HEPTA_DIR", dir, 1);
}

static void test_directories(void)
{
    char path[128], too_long[5000];

    in_directory("/dev/null", -ENOTDIR, -ENOTDIR);
    in_directory("/nowhere/at/all", -ENOENT, -ENOENT);
    memset(too_long, 'x', sizeof(too_long));
    too_long[sizeof(too_long) - 1] = 0;
    in_directory(too_long, -ENAMETOOLONG, -ENAMETOOLONG);
    snprintf(path, sizeof(path), "%s/link", dir);
    if (symlink(dir, path) < 0)
        t_die("symlink");
    in_directory(path, -ELOOP, -ELOOP);
    unlink(path);
    snprintf(path, sizeof(path), "%s/open", dir);
    if (mkdir(path, 0700) < 0 || chmod(path, 0777) < 0)
        t_die("mkdir");
    in_directory(path, -EPERM, -EPERM); /* anybody could replace what is there */
    if (geteuid() == 0) {
        chmod(path, 01777);
        if (chown(path, 65534, 65534) == 0)
            in_directory(path, -EPERM, -EPERM);
    }
    rmdir(path);
    EXPECT(n_entries(dir), 0);
}

/* A file system as small as it gets: made by this child in its own mounts, ends with them. */
static bool mounted(const char *options, unsigned long flags)
{
    return IS(mount("hepta-test", dir, "tmpfs", flags, options), 0);
}

static bool refused_when_full(void)
{
    struct hepta_fifo_options opt = {.size = sizeof(opt), .capacity = 64 << 10};
    bool ok = mounted("size=48k", 0) && IS(hepta_fifo_make(NAME, 0600, &opt), -ENOSPC) &&
              IS(n_entries(dir), 0);

    opt.capacity = 4096; /* and this much there is */
    return ok && IS(hepta_fifo_make(NAME, 0600, &opt), 0) && IS(try_open(NAME), 0) &&
           IS(hepta_fifo_unlink(NAME), 0) && IS(n_entries(dir), 0);
}

static bool refused_without_inodes(void)
{
    bool ok = true;

    for (int n = 2; ok && n < 7; n++) { /* the directory itself is one */
        char options[32];
        int rc;

        snprintf(options, sizeof(options), "nr_inodes=%d", n);
        ok = mounted(options, 0);
        rc = ok ? hepta_fifo_make(NAME, 0600, NULL) : 0;
        ok = ok && (rc == 0 || IS(rc, -ENOSPC)) && (n > 2 || IS(rc, -ENOSPC)) &&
             IS(n_entries(dir), rc == 0) && IS(umount2(dir, 0), 0);
    }
    return ok;
}

static bool refused_when_read_only(void)
{
    return mounted(NULL, 0) && IS(hepta_fifo_make(NAME, 0600, NULL), 0) &&
           IS(mount(NULL, dir, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0) &&
           IS(hepta_fifo_make("/other", 0600, NULL), -EROFS) &&
           IS(hepta_fifo_unlink(NAME), -EROFS) && IS(n_entries(dir), 1);
}

/* --- contexts ------------------------------------------------------------------------- */

static struct hepta_fifo *f;

static bool refused_in_pidns(void)
{
    char c;

    return IS(try_open(NAME), -EXDEV) && IS(hepta_fifo_read(f, &c, 1, HEPTA_NOW), -EXDEV) &&
           IS(hepta_fifo_write(f, "", 1, HEPTA_NOW), -EXDEV) &&
           IS(hepta_fifo_make("/other", 0600, NULL), 0) && IS(try_open("/other"), 0);
}

static bool refused_in_raw_thread(void)
{
    char c;

    return IS(hepta_fifo_read(f, &c, 1, HEPTA_NOW), -ENOSYS) &&
           IS(hepta_fifo_write(f, "", 1, HEPTA_NOW), -ENOSYS) && IS(try_open(NAME), -ENOSYS) &&
           IS(hepta_fifo_make("/raw", 0600, NULL), -ENOSYS) &&
           IS(hepta_fifo_unlink(NAME), -ENOSYS);
}

static bool refused_in_vfork_child(void)
{
    return IS(try_open(NAME), -ENOSYS) && IS(hepta_fifo_make("/raw", 0600, NULL), -ENOSYS) &&
           IS(hepta_fifo_unlink(NAME), -ENOSYS);
}

void test_places(void)
{
    test_directories();
    in_new_mounts("a full file system", refused_when_full);
    in_new_mounts("a file system without inodes", refused_without_inodes);
    in_new_mounts("a read-only file system", refused_when_read_only);
    EXPECT(hepta_fifo_make(NAME, 0600, NULL), 0);
    EXPECT(hepta_fifo_open(&f, NAME, BOTH, NULL, HEPTA_NOW), 0);
    in_new_pidns("another PID namespace", refused_in_pidns);
    hepta_fifo_unlink("/other");
    in_raw_thread("a thread without robust futexes", refused_in_raw_thread);
    in_vfork_child("a child that shares the memory", refused_in_vfork_child);
    EXPECT(hepta_fifo_write(f, "", 1, HEPTA_NOW), 1); /* none of which did any harm */
    f = hepta_fifo_close(f);
    EXPECT(hepta_fifo_unlink(NAME), 0);
    EXPECT(n_entries(dir), 0);
}

/* --- forged objects ------------------------------------------------------------------- */

static void path_of(char path[128], const char *part)
{
    snprintf(path, 128, "%s/fifo.%s/%s", dir, &NAME[1], part);
}

/* What open says when @n bytes at @at of the segment are others, or its length is @len. */
static int with_header(off_t at, const void *bytes, size_t n, off_t len)
{
    char path[128];
    int fd, rc;

    EXPECT(hepta_fifo_make(NAME, 0600, NULL), 0);
    path_of(path, "data");
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || pwrite(fd, bytes, n, at) != (ssize_t)n || (len && ftruncate(fd, len) < 0))
        t_die("%s", path);
    close(fd);
    rc = try_open(NAME);
    EXPECT(hepta_fifo_unlink(NAME), 0);
    return rc;
}

#define FORGE(field, value)                                                                        \
    with_header(offsetof(struct h7_segment_header, field),                                         \
                &(__typeof__(((struct h7_segment_header *)0)->field)){value},                      \
                sizeof(((struct h7_segment_header *)0)->field), 0)

/* What open says when a part is missing (@how 0) or something else is in its place. */
static int with_part(const char *part, int how)
{
    char path[128];
    int rc;

    EXPECT(hepta_fifo_make(NAME, 0600, NULL), 0);
    path_of(path, part);
    if (unlink(path) < 0)
        t_die("%s", path);
    rc = how == 1   ? mkdir(path, 0700)
         : how == 2 ? symlink("/dev/null", path)
         : how == 3 ? mkfifo(path, 0600)
         : how == 4 ? mknod(path, S_IFREG | 0600, 0)
         : how == 5 ? mknod(path, S_IFSOCK | 0600, 0)
                    : 0;
    if (rc < 0)
        t_die("%s", path);
    rc = try_open(NAME);
    EXPECT(hepta_fifo_unlink(NAME), 0);
    return rc;
}

void test_forged(void)
{
    static const char *const parts[] = {"mode", "data", "d", "s"};

    EXPECT(FORGE(magic, 0), -EPROTO);
    EXPECT(FORGE(version, 999), -EPROTONOSUPPORT);
    EXPECT(FORGE(kind, 1), -EMEDIUMTYPE);
    EXPECT(FORGE(pidns, 1), -EXDEV);
    EXPECT(FORGE(len, 1), -EBADMSG);
    EXPECT(FORGE(len, UINT64_MAX), -ENODATA);
    EXPECT(FORGE(data_off, 1), -EBADMSG);
    EXPECT(FORGE(data_len, 0), -EBADMSG);
    EXPECT(FORGE(data_len, 1ULL << 62), -EBADMSG);
    EXPECT(FORGE(flags, UINT32_MAX), -EBADMSG);
    EXPECT(with_header(0, "", 0, 4096), -ENODATA);
    EXPECT(with_header(0, "", 0, 1), -EPROTO);
    for (size_t i = 0; i < T_COUNT(parts); i++)
        for (int how = 0; how < 6; how++)
            if (!(i == 0 && how == 4)) /* a file of its own is what `mode` is */
                EXPECT(with_part(parts[i], how), i == 1 && how == 4 ? -EPROTO : -EBADMSG);
    EXPECT(n_entries(dir), 0);
}
