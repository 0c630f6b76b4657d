/* SPDX-License-Identifier: MIT */
/* expect.c - see expect.h */
#define _GNU_SOURCE
#include "expect.h"

#include "../lib/t.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOT_ALLOWED 77

static int n_checks, n_failed;

static const char *name_of(long result)
{
    const char *name = result < 0 ? strerrorname_np((int)-result) : "";

    return name ? name : "?";
}

bool is_at(int line, const char *what, long got, long wanted)
{
    if (got != wanted)
        fprintf(stderr, "line %d: %s: %ld (%s), expected %ld (%s)\n", line, what, got,
                name_of(got), wanted, name_of(wanted));
    return got == wanted;
}

void expect_at(int line, const char *what, long got, long wanted)
{
    n_checks++;
    n_failed += !is_at(line, what, got, wanted);
}

int expect_verdict(void)
{
    printf("%d checks, %d failed\n", n_checks, n_failed);
    return n_failed != 0;
}

/* fork() and the wait for it, so that a namespace ends with the child. */
static int elsewhere(int flags, bool (*fn)(void))
{
    pid_t pid = t_fork();
    int status;

    if (pid == 0) {
        if (unshare(flags) < 0)
            _exit(NOT_ALLOWED);
        if (flags & CLONE_NEWNS && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
            _exit(NOT_ALLOWED);
        if (!(flags & CLONE_NEWPID))
            _exit(!fn());
        pid = t_fork();
        if (pid == 0)
            _exit(!fn());
        status = t_reap(pid, 10000);
        _exit(!(WIFEXITED(status) && WEXITSTATUS(status) == 0));
    }
    return t_reap(pid, 12000);
}

static void judge(const char *what, int status)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_ALLOWED)
        printf("%s: not allowed here, skipped\n", what);
    else
        expect_at(0, what, status, 0);
}

void in_new_pidns(const char *what, bool (*fn)(void))
{
    judge(what, elsewhere(CLONE_NEWPID, fn));
}

void in_new_mounts(const char *what, bool (*fn)(void))
{
    judge(what, elsewhere(CLONE_NEWNS, fn));
}

static void *without_robust_list(void *arg)
{
    bool (**fn)(void) = arg;

    if (syscall(SYS_set_robust_list, NULL, sizeof(struct robust_list_head)) < 0)
        return NULL;
    return (*fn)() ? arg : NULL;
}

void in_raw_thread(const char *what, bool (*fn)(void))
{
    pthread_t thread;
    void *result = NULL;

    if (pthread_create(&thread, NULL, without_robust_list, &fn) != 0)
        t_die("pthread_create");
    pthread_join(thread, &result);
    expect_at(0, what, result == &fn, 1);
}

static int call(void *arg)
{
    bool (**fn)(void) = arg;

    return !(*fn)();
}

void in_vfork_child(const char *what, bool (*fn)(void))
{
    size_t len = 256 << 10;
    char *stack = aligned_alloc(64, len);
    pid_t pid = clone(call, stack + len, CLONE_VM | CLONE_VFORK | SIGCHLD, &fn);

    expect_at(0, what, pid < 0 ? -errno : t_reap(pid, 10000), 0);
    free(stack);
}
