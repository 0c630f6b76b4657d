/* SPDX-License-Identifier: MIT */
/*
 * socket/unix_path.c - AF_UNIX rendezvous: socket files that are taken over, connecting
 * with a deadline, who the peer is
 *
 * A socket file stays behind when its owner is killed, and the next bind(2) fails. Whether
 * a socket still has the file is asked with a datagram socket: connecting that one gives
 * -ECONNREFUSED where there is none, and never reaches a listener (-EPROTOTYPE), so nobody
 * has to accept a probe. A socket that is bound and doesn't listen yet counts as alive.
 *
 * Between the question, unlink(2) and bind(2) another process may do the same and lose its new
 * file to us. So all who use this file hold a flock(2) on the directory meanwhile. It is
 * waited for one second at most, since whoever can read the directory can hold it for ever,
 * and it is done without where the directory can't be read.
 *
 * Where one can die: with the lock (the kernel drops it), between bind and listen (the file
 * is stale, and the next one takes it over).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/net.h"
#include "base/sys.h"
#include "socket/kernel.h"
#include "socket/socket_internal.h"

#define LOCK_MS    1000
#define LOCK_NAP   (2 * H7_MS)
#define PERMISSION 0777

static int neg(int r)
{
    return r < 0 ? -errno : r;
}

/* The directory of path, locked: a descriptor, -1 to go on without, or why it can't be. */
static int lock_directory(const char *path)
{
    char dir[HEPTA_SOCK_ADDRESS_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    memcpy(dir, path, len);
    memcpy(dir + len, slash ? "/" : ".", 2);
    int fd = h7_sys_openat(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0)
        return fd == -EACCES || fd == -EPERM ? -1 : fd;
    int64_t end = hepta_in_ms(LOCK_MS);
    while (neg(flock(fd, LOCK_EX | LOCK_NB)) == -EWOULDBLOCK) {
        int64_t now = hepta_now_ns();
        if (now >= end)
            break;
        h7_sys_poll(NULL, 0, now + LOCK_NAP);
    }
    return fd; /* a file system without flock(2): as if it were locked */
}

/* Not by the close alone: a child that another thread forked meanwhile has the same open
 * file, and would keep the lock. */
static void unlock_directory(int dir)
{
    if (dir >= 0)
        flock(dir, LOCK_UN);
    h7_sys_close(dir);
}

/* Does any socket have this file? 1 yes, or nobody may say; 0 it was left behind; -ENOENT it is
 * gone by now; or why that can't be asked. */
static int in_use(const struct h7_sock_sa *sa)
{
    struct stat st;
    const struct sockaddr_un *un = (const void *)&sa->sa;
    if (lstat(un->sun_path, &st) < 0)
        return errno == ENOENT ? -ENOENT : 1;
    if (!S_ISSOCK(st.st_mode))
        return 1;
    int fd = h7_net_socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fd;
    int r = h7_net_connect(fd, &sa->sa, sa->len);
    h7_sys_close(fd);
    return r == -ENOENT ? r : r != -ECONNREFUSED;
}

/* bind(2) makes the file with what both the socket's mode and umask(2) allow: at no time
 * more open than it shall be. */
static int bind_file(struct hepta_sock *s, const struct h7_sock_sa *sa)
{
    if (s->opt.mode && fchmod(s->fd, s->opt.mode) < 0)
        return -errno;
    int r = h7_net_bind(s->fd, &sa->sa, sa->len);
    if (r != -EADDRINUSE)
        return r;
    int used = in_use(sa);
    if (used != 0 && used != -ENOENT)
        return used < 0 ? used : r;
    const struct sockaddr_un *un = (const void *)&sa->sa;
    if (used == 0 && unlink(un->sun_path) < 0 && errno != ENOENT)
        return -errno;
    return h7_net_bind(s->fd, &sa->sa, sa->len);
}

/* What umask(2) took and the caller wants. By descriptor: the file that we made, not what
 * its name leads to by now. */
static int widen(int fd, const char *path, mode_t mode)
{
    char proc[32];
    snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
    if (neg(chmod(proc, mode)) == 0)
        return 0;
    return neg(chmod(path, mode)); /* no /proc here */
}

/* Which file it is, to remove it later; and its mode. */
static int know_file(struct hepta_sock *s, const char *path)
{
    struct stat st;
    int fd = h7_sys_openat(AT_FDCWD, path, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd < 0)
        return fd;
    int r = neg(fstat(fd, &st));
    if (r == 0 && s->opt.mode && (st.st_mode & PERMISSION) != s->opt.mode)
        r = widen(fd, path, s->opt.mode);
    h7_sys_close(fd);
    s->path_dev = st.st_dev;
    s->path_ino = st.st_ino;
    s->path_gen = h7_fork_gen();
    return r;
}

/* As an absolute one, if it fits: the working directory may be another by then. */
static void keep_path(struct hepta_sock *s, const char *path)
{
    size_t len = strlen(path) + 1, at = 0;
    if (path[0] != '/' && getcwd(s->path, sizeof s->path - len - 1)) {
        at = strlen(s->path);
        s->path[at++] = '/';
    }
    memcpy(s->path + at, path, len);
}

int h7_unix_bind(struct hepta_sock *s, const struct h7_sock_sa *sa, int backlog)
{
    const struct sockaddr_un *un = (const void *)&sa->sa;
    const char *path = un->sun_path;
    bool file = sa->len > offsetof(struct sockaddr_un, sun_path) && path[0];
    int dir = file ? lock_directory(path) : -1;
    if (dir < -1)
        return dir;
    int r = file ? bind_file(s, sa) : h7_net_bind(s->fd, &sa->sa, sa->len);
    bool made = file && r == 0;
    if (made)
        r = know_file(s, path);
    if (r == 0 && backlog >= 0)
        r = h7_net_listen(s->fd, backlog);
    if (made && r == 0)
        keep_path(s, path);
    else if (made)
        unlink(path);
    unlock_directory(dir);
    return r;
}

void h7_unix_unbind(struct hepta_sock *s)
{
    struct stat st;
    if (!s->path[0] || s->path_gen != h7_fork_gen())
        return;
    int dir = lock_directory(s->path);
    if (lstat(s->path, &st) == 0 && S_ISSOCK(st.st_mode) && (uint64_t)st.st_ino == s->path_ino &&
        (uint64_t)st.st_dev == s->path_dev)
        unlink(s->path);
    unlock_directory(dir);
    s->path[0] = 0;
}

/* The kernel's own deadline: a full backlog can be waited for in no other way. */
static int connect_until(int fd, const struct h7_sock_sa *sa, int64_t deadline)
{
    for (;;) {
        int64_t left = deadline == HEPTA_FOREVER ? deadline : deadline - hepta_now_ns();
        if (left <= 0)
            return -ETIMEDOUT;
        int r = h7_kernel_send_limit(fd, left);
        if (r == 0)
            r = h7_net_connect(fd, &sa->sa, sa->len);
        if (r != -EAGAIN)
            return r;
    }
}

int h7_unix_connect(int fd, const struct h7_sock_sa *sa, int64_t deadline)
{
    int flags = fcntl(fd, F_GETFL);
    int r = flags < 0 ? -errno : h7_sys_nonblock(fd, 1);
    if (r < 0)
        return r;
    r = h7_net_connect(fd, &sa->sa, sa->len);
    if (r == -EAGAIN && deadline != HEPTA_NOW) {
        r = h7_sys_nonblock(fd, 0);
        if (r == 0)
            r = connect_until(fd, sa, deadline);
        h7_kernel_send_limit(fd, HEPTA_FOREVER);
    }
    int back = h7_sys_nonblock(fd, (flags & O_NONBLOCK) != 0);
    return r < 0 ? r : back;
}

void h7_unix_cred(int fd, int32_t *pid, uint32_t *uid, uint32_t *gid)
{
    struct ucred who = {0};
    if (h7_net_get(fd, SOL_SOCKET, SO_PEERCRED, &who, sizeof who) < 0 || who.pid == 0)
        return;
    *pid = who.pid;
    *uid = who.uid;
    *gid = who.gid;
}
