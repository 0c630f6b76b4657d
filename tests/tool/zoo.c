/* SPDX-License-Identifier: MIT */
/*
 * tests/tool/zoo.c - makes objects of all kinds, Hepta's and the kernel's, in all states, and runs
 * a command beside them
 *
 *   zoo EXPECTED COMMAND [ARGUMENT...]
 *
 * Some are left by processes that were killed, some are held by such, in some somebody waits. Into
 * the file EXPECTED goes a line for each: address, state, depth, waiters, processes ("-": not
 * checked). With ZOO_MANY set it is ten thousand of them instead. With ZOO_UID root becomes that
 * user first. The command runs with HEPTA_DIR set, and its exit status is passed on.
 *
 * What was made is removed in any case: the children die with this process, System V's objects and
 * POSIX queues go with their namespace (whoever can't have one makes none), files by a process that
 * outlives it.
 */
#define _GNU_SOURCE
#include "zoo.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_PATHS 32

char zoo_dir[64];
unsigned zoo_mark;
int zoo_private;
static FILE *expected;
static int janitor = -1;

int zoo_must(int r, const char *what)
{
    if (r < 0)
        t_die("%s: %s", what, strerror(r == -1 && errno ? errno : -r));
    return r;
}

static void field(int n)
{
    if (n == ANY)
        fputs("\t-", expected);
    else
        fprintf(expected, "\t%d", n);
}

void zoo_expect(const char *state, int depth, int waiters, int procs, const char *form, ...)
{
    va_list args;
    va_start(args, form);
    vfprintf(expected, form, args);
    va_end(args);
    fprintf(expected, "\t%s", state);
    field(depth);
    field(waiters);
    field(procs);
    fputc('\n', expected);
}

/* --- children --------------------------------------------------------------------------- */

static pid_t start(void (*fn)(void *arg), void *arg, int *told)
{
    int fds[2];
    zoo_must(pipe2(fds, O_CLOEXEC), "pipe");
    pid_t pid = t_fork();
    if (pid == 0) {
        if (told) {
            fn(arg);
            zoo_must((int)write(fds[1], "x", 1), "write");
        }
        close(fds[0]);
        close(fds[1]);
        if (!told)
            fn(arg);
        for (;;)
            pause();
    }
    close(fds[1]);
    if (told) {
        char c;
        *told = (int)read(fds[0], &c, 1);
    }
    close(fds[0]);
    return pid;
}

pid_t zoo_child(void (*fn)(void *arg), void *arg)
{
    int told;
    pid_t pid = start(fn, arg, &told);
    if (told != 1)
        t_die("a child failed");
    return pid;
}

void zoo_victim(void (*fn)(void *arg), void *arg)
{
    t_kill(zoo_child(fn, arg));
}

pid_t zoo_waiter(void (*fn)(void *arg), void *arg)
{
    pid_t pid = start(fn, arg, NULL);
    if (!t_asleep(pid, 5000))
        t_die("a waiter doesn't sleep");
    return pid;
}

/* --- cleaning up ------------------------------------------------------------------------ */

/* Waits for the end of this process and its children, however it comes, and removes what it was
 * told. */
static void begin_janitor(void)
{
    int fds[2];
    zoo_must(pipe2(fds, O_CLOEXEC), "pipe");
    pid_t pid = fork();
    if (pid == 0) {
        char script[100], all[MAX_PATHS * 256], *argv[MAX_PATHS + 5] = {"sh", "-c", script, "sh"};
        size_t len = 0, n = 4;
        ssize_t got;
        snprintf(script, sizeof script, "rm -rf -- \"$@\" /dev/shm/zoo-%u-*", zoo_mark);
        setsid();
        close(fds[1]);
        for (int null = open("/dev/null", O_RDWR), i = 0; i < 3; i++)
            dup2(null, i);
        while (len < sizeof all && (got = read(fds[0], all + len, sizeof all - len)) > 0)
            len += (size_t)got;
        for (size_t at = 0; at < len && n < MAX_PATHS + 4; at += strlen(all + at) + 1)
            argv[n++] = all + at;
        execvp("sh", argv);
        _exit(1);
    }
    zoo_must(pid, "fork");
    close(fds[0]);
    janitor = fds[1];
}

void zoo_remove(const char *form, ...)
{
    char path[256];
    va_list args;
    va_start(args, form);
    vsnprintf(path, sizeof path, form, args);
    va_end(args);
    zoo_must((int)write(janitor, path, strlen(path) + 1), "the janitor");
}

static int run(char **argv)
{
    int status;
    pid_t pid = t_fork();
    if (pid == 0) {
        execvp(argv[0], argv);
        t_die("%s: %s", argv[0], strerror(errno));
    }
    zoo_must(waitpid(pid, &status, 0), "wait");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* Another user's process can be looked into by him only if it says so. */
static void become(const char *uid)
{
    if (!uid)
        return;
    uid_t id = (uid_t)atoi(uid);
    zoo_must(setgroups(0, NULL), "setgroups");
    zoo_must(setresgid(id, id, id), "setresgid");
    zoo_must(setresuid(id, id, id), "setresuid");
    zoo_must(prctl(PR_SET_DUMPABLE, 1), "prctl");
}

int main(int argc, char **argv)
{
    if (argc < 3)
        t_die("usage: zoo EXPECTED COMMAND [ARGUMENT...]");
    t_limit(120);
    expected = fopen(argv[1], "we");
    if (!expected)
        t_die("%s: %s", argv[1], strerror(errno));
    zoo_private = unshare(CLONE_NEWIPC) == 0;
    become(getenv("ZOO_UID"));
    zoo_mark = (unsigned)getpid();
    begin_janitor();
    snprintf(zoo_dir, sizeof zoo_dir, "/dev/shm/hepta-zoo-XXXXXX");
    if (!mkdtemp(zoo_dir))
        t_die("%s: %s", zoo_dir, strerror(errno));
    zoo_remove("%s", zoo_dir);
    chmod(zoo_dir, 0755);
    setenv("HEPTA_DIR", zoo_dir, 1);
    if (getenv("ZOO_MANY")) {
        zoo_many();
    } else {
        zoo_hepta_others();
        zoo_kernel_others();
        zoo_hepta_own();
        zoo_kernel_own();
    }
    fclose(expected);
    return run(argv + 2);
}
