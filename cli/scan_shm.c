/* SPDX-License-Identifier: MIT */
/*
 * cli/scan_shm.c - the kernel's POSIX segments and glibc's named semaphores: files in /dev/shm
 *
 * glibc gives a semaphore another name while it makes it, under which its maps show it for
 * ever: users are found by inode. Of a semaphore its first eight bytes are value and waiters.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/scan.h"

#define DIR_PATH "/dev/shm"

/* glibc, 64 bit: 32 bits value, 32 bits waiters. They count those who sleep, the dead too. */
static void take_sem(struct scan *s, struct object *o, int dir, const char *name)
{
    uint32_t word[2];
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        s->n_unread++;
        return;
    }
    if (pread(fd, word, sizeof word, 0) == (ssize_t)sizeof word) {
        o->depth = word[0];
        object_fact(s, o, "waiters, as it counts", "%u", word[1]);
    } else {
        object_is(o, OBJECT_CORRUPT, "it is too short for a semaphore");
    }
    close(fd);
}

static void take_file(struct scan *s, int dir, const char *name)
{
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
        return;
    bool sem = !strncmp(name, "sem.", 4) && name[4];
    struct object *o = scan_add(s, sem ? "sem" : "shm", true, "/%s", name + (sem ? 4 : 0));
    o->uid = st.st_uid;
    o->gid = st.st_gid;
    o->mode = st.st_mode & 0777;
    o->ino = st.st_ino;
    if (asprintf(&o->path, DIR_PATH "/%s", name) < 0)
        o->path = NULL;
    scan_key(s, KEY_FILE, st.st_dev, st.st_ino, o);
    object_fact(s, o, "lies in", "%s", o->path);
    object_time(s, o, "written", st.st_mtim.tv_sec);
    if (sem) {
        take_sem(s, o, dir, name);
    } else {
        o->size = st.st_size;
        object_fact(s, o, "memory", "%lld bytes", (long long)st.st_blocks * 512);
    }
}

void scan_shm(struct scan *s)
{
    DIR *d = opendir(DIR_PATH);
    if (!d) {
        if (errno != ENOENT)
            scan_gap(s, DIR_PATH " can't be read: %s", strerror(errno));
        return;
    }
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_type == DT_REG || e->d_type == DT_UNKNOWN)
            take_file(s, dirfd(d), e->d_name);
    closedir(d);
}
