/* SPDX-License-Identifier: MIT */
/*
 * cli/demo_child.c - starts the demo's other process by fork and execve
 *
 * Nothing but descriptors, and their numbers in argv, reaches the new program: what it
 * knows of the pipe it has through hepta_pipe_attach().
 */
#define _GNU_SOURCE
#include "cli/demo.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct handed {
    char text[2][DEMO_END_TEXT];
    int fds[2][DEMO_END_FDS];
};

static int hand_over(const struct demo_job *job, struct handed *h)
{
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < DEMO_END_FDS; k++)
            h->fds[i][k] = -1;
    for (int i = 0; i < 2 && job->end[i]; i++) {
        int rc = demo_end_hand(job->end[i], h->text[i], h->fds[i]);
        if (rc)
            return rc;
    }
    return 0;
}

/* The parent's copies and its own handles: else the other side never sees an end. */
static void let_go(const struct demo_job *job, struct handed *h)
{
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < DEMO_END_FDS; k++)
            if (h->fds[i][k] >= 0)
                close(h->fds[i][k]);
        if (job->end[i])
            demo_end_close(job->end[i]);
    }
}

static _Noreturn void become(const struct demo_job *job, struct handed *h, int report, pid_t parent)
{
    char number[6][24];
    char *argv[3 + 6 + 2 + 1] = {(char *)"hepta", (char *)"demo-peer", (char *)job->role};
    long long values[] = {job->cpu,  parent, (long long)job->record, (long long)job->len,
                          job->file, report};
    char *const no_environment[] = {NULL};
    int n = 3;

    for (int i = 0; i < 6; i++) {
        snprintf(number[i], sizeof(number[i]), "%lld", values[i]);
        argv[n++] = number[i];
    }
    for (int i = 0; i < 2 && job->end[i]; i++)
        argv[n++] = h->text[i];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execve("/proc/self/exe", argv, environ ? environ : no_environment);
    _exit(127);
}

int demo_child_start(struct demo_child *child, const struct demo_job *job)
{
    struct handed h;
    int report[2];
    pid_t parent = getpid();

    *child = (struct demo_child){.pid = -1, .report = -1};
    int rc = hand_over(job, &h);
    if (!rc && pipe(report)) /* the write end has to survive exec */
        rc = -errno;
    if (!rc) {
        fcntl(report[0], F_SETFD, FD_CLOEXEC);
        child->report = report[0];
        child->pid = fork();
        if (child->pid == 0)
            become(job, &h, report[1], parent);
        if (child->pid < 0)
            rc = -errno;
        close(report[1]);
    }
    let_go(job, &h);
    return rc;
}

int demo_child_report(struct demo_child *child, struct demo_report *report)
{
    ssize_t n;

    do
        n = read(child->report, report, sizeof(*report));
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    return n == sizeof(*report) ? (int)report->err : -ECHILD;
}

void demo_child_end(struct demo_child *child)
{
    if (child->pid > 0) {
        kill(child->pid, SIGKILL);
        waitpid(child->pid, NULL, 0);
    }
    if (child->report >= 0)
        close(child->report);
    *child = (struct demo_child){.pid = -1, .report = -1};
}
