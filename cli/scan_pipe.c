/* SPDX-License-Identifier: MIT */
/*
 * cli/scan_pipe.c - how full the kernel's pipes and FIFOs are
 *
 * To open one would wake who waits for a partner. A copy of a descriptor that somebody has
 * (pidfd_getfd(2), where ptrace(2) is allowed) changes nothing but who closes it last, for as long
 * as two questions take.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/scan_proc.h"

int descriptor_copy(struct process *p, int fd)
{
    if (p->pidfd == -1) {
        long r = syscall(SYS_pidfd_open, p->pid, 0);
        p->pidfd = r < 0 ? -2 : (int)r;
    }
    if (p->self)
        return fcntl(fd, F_DUPFD_CLOEXEC, 3);
    return p->pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, p->pidfd, fd, 0);
}

void pipe_fill(struct scan *s, struct object *o, struct process *p, int fd)
{
    int n = 0, copy = descriptor_copy(p, fd);
    if (copy < 0)
        return;
    if (ioctl(copy, FIONREAD, &n) == 0) {
        o->depth = n;
        o->keeps_data = n > 0;
    }
    int size = fcntl(copy, F_GETPIPE_SZ);
    if (size > 0)
        o->size = size;
    close(copy);
    object_fact(s, o, "capacity", "%d bytes, in %d pages", size, size / (int)sysconf(_SC_PAGESIZE));
}

struct object *fifo_found(struct scan *s, const struct stat *st, const char *path)
{
    static const char gone[] = " (deleted)";
    size_t len = strlen(path);
    bool deleted = len > sizeof gone && !strcmp(path + len - (sizeof gone - 1), gone);
    struct object *o = scan_add(s, "fifo", true, "%.*s",
                                (int)(deleted ? len - (sizeof gone - 1) : len), path);
    o->uid = st->st_uid;
    o->gid = st->st_gid;
    o->mode = st->st_mode & 0777;
    o->ino = st->st_ino;
    scan_key(s, KEY_FILE, st->st_dev, st->st_ino, o);
    if (deleted)
        object_fact(s, o, "name", "removed");
    return o;
}
