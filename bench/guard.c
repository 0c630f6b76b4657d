/* SPDX-License-Identifier: MIT */
/* bench/guard.c - see guard.h */
#define _GNU_SOURCE
#include "bench/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* Out of reach of what a terminal, or somebody who kills the group, sends to the run. */
static _Noreturn void keep_watch(int fd, void (*undo)(void *arg), void *arg)
{
    sigset_t all;
    char byte;

    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    setsid();
    while (read(fd, &byte, 1) < 0 && errno == EINTR)
        ;
    undo(arg);
    _exit(0);
}

int guard_start(struct guard *g, void (*undo)(void *arg), void *arg)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC))
        return -errno;
    g->pid = fork();
    if (g->pid == 0) {
        close(ends[1]);
        keep_watch(ends[0], undo, arg);
    }
    int rc = g->pid < 0 ? -errno : 0;
    close(ends[0]);
    if (rc)
        close(ends[1]);
    else
        g->fd = ends[1];
    return rc;
}

void guard_end(struct guard *g)
{
    if (g->pid <= 0)
        return;
    close(g->fd);
    while (waitpid(g->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    g->pid = 0;
}
