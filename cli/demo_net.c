/* SPDX-License-Identifier: MIT */
/*
 * cli/demo_net.c - two network namespaces with a cable between them
 *
 * A process lives in each of them and keeps it there; ip(8) makes the cable (veth(4)). All of it
 * goes with the two processes.
 */
#define _GNU_SOURCE
#include "cli/demo.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void live(int ready)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (unshare(CLONE_NEWNET) || write(ready, "y", 1) != 1)
        _exit(1);
    close(ready);
    for (;;)
        pause();
}

static int begin(pid_t *pid)
{
    int ready[2];
    char c;

    if (pipe2(ready, O_CLOEXEC))
        return -errno;
    *pid = fork();
    if (*pid == 0)
        live(ready[1]);
    close(ready[1]);
    int rc = *pid > 0 && read(ready[0], &c, 1) == 1 ? 0 : -EPERM;
    close(ready[0]);
    return rc;
}

/* ip(8), in the namespace of @pid. It says nothing where it can't. */
static int ip(pid_t pid, const char *words)
{
    char text[128], path[64], *argv[16] = {(char *)"ip"}, *rest = text;
    int n = 1, status;

    snprintf(text, sizeof(text), "%s", words);
    while (n < 15 && (argv[n] = strsep(&rest, " ")))
        n++;
    argv[n] = NULL;
    pid_t child = fork();
    if (child == 0) {
        snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
        int ns = open(path, O_RDONLY | O_CLOEXEC), null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        if (ns >= 0 && setns(ns, CLONE_NEWNET) == 0 && dup2(null, STDERR_FILENO) >= 0)
            execvp("ip", argv);
        _exit(127);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        return -ECHILD;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -ENOSYS;
}

static int set_up(const struct demo_net *net)
{
    char words[128];

    snprintf(words, sizeof(words), "link add d0 type veth peer name d1 netns %d", (int)net->pid[1]);
    int rc = ip(net->pid[0], words);
    for (int i = 0; i < 2 && !rc; i++) {
        snprintf(words, sizeof(words), "addr add 10.77.0.%d/24 dev d%d", i + 1, i);
        rc = ip(net->pid[i], words);
        snprintf(words, sizeof(words), "link set d%d up", i);
        if (!rc)
            rc = ip(net->pid[i], words);
    }
    return rc;
}

int demo_net_make(struct demo_net *net)
{
    *net = (struct demo_net){{-1, -1}};
    int rc = begin(&net->pid[0]);
    if (!rc)
        rc = begin(&net->pid[1]);
    if (!rc)
        rc = set_up(net);
    if (rc)
        demo_net_end(net);
    return rc ? DEMO_SKIPPED : 0;
}

void demo_net_end(struct demo_net *net)
{
    for (int i = 0; i < 2; i++) {
        if (net->pid[i] > 0) {
            kill(net->pid[i], SIGKILL);
            waitpid(net->pid[i], NULL, 0);
        }
        net->pid[i] = -1;
    }
}
