/* SPDX-License-Identifier: MIT */
/*
 * signal/peer.c - sending to a process that a pidfd holds
 *
 * A pid is a number that is given to another process once its own has been waited for; a pidfd
 * stays with the process that it was made of. So kill(2) hits whoever has the number, and
 * pidfd_send_signal(2) the one that was meant, or nobody.
 *
 * With a value, the sender fills in the siginfo itself, as sigqueue(3) does, and the kernel lets
 * it say of itself what it likes: who it really is, here.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/signals.h"
#include "base/sys.h"
#include "signal/signal_internal.h"

#define PROCESS_GROUP 4u /* PIDFD_SIGNAL_PROCESS_GROUP, Linux 6.9 */

static int check_open(const struct hepta_signal_peer *peer)
{
    return peer && h7_load32_relaxed(&peer->handle.kind) == H7_KIND_SIGNAL_PEER ? 0 : -EBADF;
}

/* --- opening ----------------------------------------------------------------------------- */

/* Takes the descriptor, also if it fails. */
static int make_handle(int pidfd, pid_t pid, struct hepta_signal_peer **peer)
{
    struct hepta_signal_peer *p = h7_handle_new(sizeof *p);
    if (!p) {
        h7_sys_close(pidfd);
        return -ENOMEM;
    }
    p->pidfd = pidfd;
    p->pid = pid;
    h7_store32_release(&p->handle.kind, H7_KIND_SIGNAL_PEER);
    *peer = p;
    return 0;
}

int hepta_signal_peer_open(pid_t pid, uint32_t flags, struct hepta_signal_peer **peer)
{
    *peer = NULL;
    if (pid <= 0 || flags & ~HEPTA_SIGNAL_THREAD)
        return -EINVAL;
    int thread = (flags & HEPTA_SIGNAL_THREAD) != 0;
    int fd = thread ? h7_sys_pidfd_open_thread(pid) : h7_sys_pidfd_open(pid);
    if (fd < 0)
        return fd == -ENOENT ? -EINVAL : fd; /* newer kernels, of a thread's number */
    return make_handle(fd, pid, peer);
}

/* The number behind the "Pid:" line of what /proc says about a descriptor: 0 of a process outside
 * this namespace, -1 of one that is gone. A plain file has no such line: -EBADF. */
static int pid_of(int fd, pid_t *pid)
{
    char text[512], path[40];
    *pid = 0;
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    int info = h7_sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (info < 0)
        return info == -EMFILE || info == -ENFILE || info == -ENOMEM ? info : 0; /* no /proc */
    ssize_t n = h7_sys_read(info, text, sizeof text - 1);
    h7_sys_close(info);
    if (n < 0)
        return (int)n;
    text[n] = 0;
    const char *line = strstr(text, "\nPid:");
    if (!line)
        return -EBADF;
    *pid = (pid_t)strtol(line + 5, NULL, 10);
    return 0;
}

int hepta_signal_peer_adopt(int pidfd, struct hepta_signal_peer **peer)
{
    pid_t pid;
    *peer = NULL;
    int fd = h7_sys_dup(pidfd, 1);
    if (fd < 0)
        return fd;
    /* The first says no to all but pidfds and directories of /proc, the second to those. */
    int r = h7_sys_pidfd_signal(fd, 0, NULL, 0) == -EBADF ? -EBADF : pid_of(fd, &pid);
    if (r == 0)
        return make_handle(fd, pid, peer);
    h7_sys_close(fd);
    return r;
}

/* --- sending ----------------------------------------------------------------------------- */

static int send_value(const struct hepta_signal_peer *peer, int signo, unsigned flags,
                      uint64_t value)
{
    siginfo_t si;
    memset(&si, 0, sizeof si); /* the kernel copies all of it */
    si.si_signo = signo;
    si.si_code = SI_QUEUE;
    si.si_pid = getpid();
    si.si_uid = getuid();
    si.si_value.sival_ptr = (void *)(uintptr_t)value;
    return h7_sys_pidfd_signal(peer->pidfd, signo, &si, flags);
}

/* errno: a handler that sends mustn't change what it interrupted. */
int hepta_signal_send(struct hepta_signal_peer *peer, int signo, uint32_t flags, uint64_t value)
{
    int saved = errno, queued = (flags & HEPTA_SIGNAL_VALUE) != 0;
    int r = check_open(peer);
    if (r < 0)
        return r;
    if (signo < 0 || signo > HEPTA_SIGNAL_MAX || (signo == 0 && queued) ||
        flags & ~(HEPTA_SIGNAL_GROUP | HEPTA_SIGNAL_VALUE))
        return -EINVAL;
    unsigned how = flags & HEPTA_SIGNAL_GROUP ? PROCESS_GROUP : 0;
    r = queued ? send_value(peer, signo, how, value)
               : h7_sys_pidfd_signal(peer->pidfd, signo, NULL, how);
    errno = saved;
    return r;
}

/* --- the rest ---------------------------------------------------------------------------- */

int hepta_signal_peer_fd(struct hepta_signal_peer *peer)
{
    int r = check_open(peer);
    return r < 0 ? r : peer->pidfd;
}

int hepta_signal_peer_pid(struct hepta_signal_peer *peer)
{
    int r = check_open(peer);
    if (r < 0)
        return r;
    return peer->pid > 0 ? peer->pid : -ESRCH;
}

int hepta_signal_peer_close(struct hepta_signal_peer *peer)
{
    int r = check_open(peer);
    if (r < 0)
        return r;
    h7_store32_relaxed(&peer->handle.kind, 0);
    h7_sys_close(peer->pidfd);
    h7_handle_free(peer, sizeof *peer);
    return 0;
}
