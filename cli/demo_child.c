/* SPDX-License-Identifier: MIT */
/*
 * cli/demo_child.c - starts the demo's programs by fork and execve
 *
 * Nothing but what is in argv reaches them: an address, and the numbers of descriptors: of the
 * file, of a pipe to report by, of one to be told to go on by, and, in the scene of the pipe, of
 * its ends.
 */
#define _GNU_SOURCE
#include "cli/demo.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define REPORT_MS 25000
#define N_NUMBERS 9

static _Noreturn void become(const struct demo_job *job, int report, int go, pid_t parent)
{
    char number[N_NUMBERS][24];
    char *argv[4 + N_NUMBERS + 2] = {(char *)"hepta", (char *)"demo-peer", (char *)job->role,
                                     (char *)job->scene};
    long long values[N_NUMBERS] = {job->way,  job->cpu, parent, (long long)job->len,
                                   job->file, report,   go,     job->net, parent};
    char *const no_environment[] = {NULL};
    int n = 4;

    for (int i = 0; i < N_NUMBERS; i++) {
        snprintf(number[i], sizeof(number[i]), "%lld", values[i]);
        argv[n++] = number[i];
    }
    argv[n] = (char *)job->address;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execve("/proc/self/exe", argv, environ ? environ : no_environment);
    _exit(127);
}

int demo_child_start(struct demo_child *child, const struct demo_job *job)
{
    int report[2] = {-1, -1}, go[2] = {-1, -1}, rc = 0;
    pid_t parent = getpid();

    *child = (struct demo_child){.pid = -1, .report = -1, .go = -1};
    if (pipe(report) || pipe(go)) /* their other ends have to survive exec */
        rc = -errno;
    if (!rc) {
        fcntl(report[0], F_SETFD, FD_CLOEXEC);
        fcntl(go[1], F_SETFD, FD_CLOEXEC);
        child->pid = fork();
        if (child->pid == 0)
            become(job, report[1], go[0], parent);
        rc = child->pid < 0 ? -errno : 0;
    }
    child->report = report[0];
    child->go = go[1];
    close(report[1]);
    close(go[0]);
    return rc;
}

int demo_child_report(struct demo_child *child, enum demo_step step, struct demo_report *report)
{
    struct pollfd p = {.fd = child->report, .events = POLLIN};
    int n;

    do
        n = poll(&p, 1, REPORT_MS);
    while (n < 0 && errno == EINTR && !demo_stopped());
    if (n <= 0)
        return n < 0 ? -errno : -ETIMEDOUT;
    ssize_t got = read(child->report, report, sizeof(*report));
    if (got != sizeof(*report))
        return got < 0 ? -errno : -ECHILD;
    return report->err ? report->err : report->step == (int32_t)step ? 0 : -EPROTO;
}

int demo_child_go(struct demo_child *child)
{
    return write(child->go, "g", 1) == 1 ? 0 : -errno;
}

void demo_child_end(struct demo_child *child)
{
    if (child->pid > 0) {
        kill(child->pid, SIGKILL);
        waitpid(child->pid, NULL, 0);
    }
    if (child->report >= 0)
        close(child->report);
    if (child->go >= 0)
        close(child->go);
    *child = (struct demo_child){.pid = -1, .report = -1, .go = -1};
}
