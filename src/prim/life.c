/* SPDX-License-Identifier: MIT */
/* prim/life.c - see prim/life.h */
#define _GNU_SOURCE
#include "prim/life.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/self.h"
#include "base/sys.h"

#ifndef PID_FS_MAGIC
#define PID_FS_MAGIC 0x50494446
#endif

/* -ENOSYS where inodes of pidfds say nothing: every one is the same before pidfs. */
static int mark_from_pidfd(int fd, uint64_t *mark)
{
    struct statfs fs;
    struct stat st;
    if (fstatfs(fd, &fs) != 0 || fs.f_type != PID_FS_MAGIC || fstat(fd, &st) != 0)
        return -ENOSYS;
    *mark = st.st_ino & ~H7_LIFE_START_TIME;
    return 0;
}

static int exited(int pidfd)
{
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    return h7_sys_poll(&p, 1, HEPTA_NOW) == 1;
}

static int read_stat(pid_t pid, char *buf, size_t len)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = h7_sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (fd == -ENOENT) /* or /proc hides it (hidepid, proc(5)), or isn't mounted */
        return pid > 0 && h7_sys_thread_exists(pid, pid) ? -EACCES : -ESRCH;
    if (fd < 0)
        return fd;
    ssize_t n = h7_sys_read(fd, buf, len - 1);
    h7_sys_close(fd);
    if (n <= 0)
        return -ESRCH;
    buf[n] = 0;
    return 0;
}

/* proc(5): field 3 is the state, 20 the number of threads, 22 the start time; the name before
 * may hold anything. */
static int mark_from_proc(pid_t pid, int of_thread, uint64_t *mark)
{
    char buf[1024], *p;
    int r = read_stat(pid, buf, sizeof buf);
    if (r < 0)
        return r;
    p = strrchr(buf, ')');
    if (!p || p[1] != ' ' || p[2] == 'X')
        return -ESRCH;
    p += 2;
    int zombie = *p == 'Z';
    for (int field = 3; field < 22 && p; field++) {
        p = strchr(p, ' ');
        p = p ? p + 1 : NULL;
        /* A zombie with other threads is only a main thread that has exited. */
        if (field + 1 == 20 && zombie && p && (of_thread || strtol(p, NULL, 10) <= 1))
            return -ESRCH;
    }
    if (!p)
        return -ESRCH;
    *mark = strtoull(p, NULL, 10) | H7_LIFE_START_TIME;
    return 0;
}

/* As h7_life_of(); also -EACCES: it exists, and more can't be found out. */
static int identify(pid_t pid, struct h7_life *id)
{
    int r = -ENOSYS, fd = h7_sys_pidfd_open(pid);
    if (fd >= 0) {
        r = exited(fd) ? -ESRCH : mark_from_pidfd(fd, &id->mark);
        h7_sys_close(fd);
    } else if (fd != -ENOSYS && fd != -EPERM) {
        /* No group leader: -EINVAL, and -ENOENT from Linux 6.15 or so on. */
        r = fd == -EINVAL || fd == -ENOENT ? -ESRCH : fd;
    }
    if (r == -ENOSYS)
        r = mark_from_proc(pid, 0, &id->mark);
    id->pid = (uint32_t)pid;
    return r;
}

int h7_life_of(pid_t pid, struct h7_life *id)
{
    int r = identify(pid, id);
    return r == -EACCES ? -ESRCH : r;
}

int h7_life_of_thread(pid_t tid, uint64_t kind, uint64_t *mark)
{
    if (kind)
        return mark_from_proc(tid, 1, mark);
    int fd = h7_sys_pidfd_open_thread(tid);
    if (fd < 0) /* -EINVAL: before Linux 6.9; -EPERM: a container's filter */
        return fd == -EINVAL || fd == -EPERM ? -ENOSYS : fd;
    int r = exited(fd) ? -ESRCH : mark_from_pidfd(fd, mark);
    h7_sys_close(fd);
    /* A main thread that has exited before the others: since Linux 6.15 poll keeps quiet. */
    uint64_t start;
    if (r == 0 && h7_sys_thread_exists(tid, tid) && mark_from_proc(tid, 1, &start) == -ESRCH)
        r = -ESRCH;
    return r;
}

int h7_life_self(struct h7_life *id)
{
    static struct h7_a64 cached_gen, cached_mark, cached_pid; /* gen is released last */
    uint64_t gen = h7_fork_gen();
    if (gen != 0 && h7_load64_acquire(&cached_gen) == gen) {
        id->mark = h7_load64_relaxed(&cached_mark);
        id->pid = (uint32_t)h7_load64_relaxed(&cached_pid);
        return 0;
    }
    int r = h7_life_of(getpid(), id);
    if (r == 0 && gen != 0) {
        h7_store64_relaxed(&cached_mark, id->mark);
        h7_store64_relaxed(&cached_pid, id->pid);
        h7_store64_release(&cached_gen, gen);
    }
    return r;
}

int h7_life_know_self(void)
{
    struct h7_life me;
    int r = h7_self() ? 0 : h7_self_fill();
    if (r == 0)
        r = h7_life_self(&me);
    return r == -ESRCH ? -ENOSYS : r;
}

/* The two kinds of mark can meet: a process under a tracer without pidfds and one
 * outside. Then the start time decides. */
int h7_life_alive(const struct h7_life *id)
{
    struct h7_life now;
    int r = identify((pid_t)id->pid, &now);
    if (r == 0 && (now.mark ^ id->mark) & H7_LIFE_START_TIME) {
        if (!(id->mark & H7_LIFE_START_TIME))
            return 1; /* no way to compare: not declared dead */
        r = mark_from_proc((pid_t)id->pid, 0, &now.mark);
    }
    if (r == -ESRCH)
        return 0;
    return r < 0 || now.mark == id->mark;
}
