/* SPDX-License-Identifier: MIT */
/* signal_cases_process.c - what a child of fork(2) has, and a program after execve(2) */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "signal_room.h"

/* --- fork ----------------------------------------------------------------------------- */

/* Its mask is the parent's; nothing is pending; what it is sent is its own. */
static void child_begins_empty(struct conf *c)
{
    struct inbox in;
    struct peer p;
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    tell(c, &p, SIGUSR1);
    queue(c, &p, RT(0), 1);
    EQ(c, ops(c)->mask(&in, HEPTA_SIGNAL_BLOCK, BIT(RT(1)), NULL), 0);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        struct peer own;
        struct where here = {.pid = getpid(), .tid = gettid()};
        uint64_t old = 0;
        EQ(c, (long long)pending(c, &in), 0);
        is_empty(c, &in);
        EQ(c, (long long)(blocked_here() & USUAL), (long long)USUAL);
        EQ(c, ops(c)->mask(&in, HEPTA_SIGNAL_BLOCK, 0, &old), 0);
        EQ(c, (long long)old, (long long)BIT(RT(1)));
        find_peer(c, &own, &here);
        queue(c, &own, RT(2), 7);
        take_value(c, &in, RT(2), 7);
        conf_exit();
    }
    conf_join(c, pid);
    EQ(c, (long long)pending(c, &in), (long long)(BIT(SIGUSR1) | BIT(RT(0))));
    take_one(c, &in, SIGUSR1);
    take_value(c, &in, RT(0), 1);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

/* A child may close its copy: its own mask is back, the parent's isn't touched. */
static void child_closes(struct conf *c)
{
    struct inbox in;
    struct peer p;
    uint64_t before = blocked_here();
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        EQ(c, ops(c)->close(&in), 0);
        EQ(c, (long long)blocked_here(), (long long)before);
        conf_exit();
    }
    conf_join(c, pid);
    EQ(c, (long long)blocked_here(), (long long)(before | USUAL));
    queue(c, &p, RT(2), 7);
    take_value(c, &in, RT(2), 7);
    leave_peer(c, &p);
    drop_inbox(c, &in);
    EQ(c, (long long)blocked_here(), (long long)before);
}

/* --- exec ----------------------------------------------------------------------------- */

/* The mask stays, what is pending stays pending, and can be received. */
static void exec_keeps(struct conf *c)
{
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        struct inbox in;
        struct peer p;
        make_inbox(c, &in, USUAL);
        find_self(c, &p, &in);
        tell(c, &p, SIGUSR1);
        queue(c, &p, RT(0), 1);
        queue(c, &p, RT(0), 2);
        conf_exec(c, (const char *[]){in.at.name, NULL});
    }
    conf_join(c, pid);
    if (has(c, NEEDS_MAILBOX)) {
        struct where at = {.name = ""};
        snprintf(at.name, sizeof(at.name), "/box-%d-0", (int)pid);
        unlink_place(c, &at);
    }
}

static void after_exec_keeps(struct conf *c, int argc, char **argv)
{
    struct inbox in = {.fd = -1};
    EQ(c, argc, 1);
    snprintf(in.at.name, sizeof(in.at.name), "%s", argv[0]);
    if (!has(c, NEEDS_MAILBOX))
        EQ(c, (long long)(blocked_here() & USUAL), (long long)USUAL);
    EQ(c, ops(c)->open(&in, USUAL), 0);
    EQ(c, (long long)pending(c, &in), (long long)(BIT(SIGUSR1) | BIT(RT(0))));
    take_one(c, &in, SIGUSR1);
    take_value(c, &in, RT(0), 1);
    take_value(c, &in, RT(0), 2);
    is_empty(c, &in);
    EQ(c, ops(c)->close(&in), 0);
}

/* A signalfd without close-on-exec is read by the new program: what was there, is. */
static void exec_keeps_descriptor(struct conf *c)
{
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        struct inbox in;
        struct peer p;
        char text[16];
        make_inbox(c, &in, USUAL);
        find_self(c, &p, &in);
        queue(c, &p, RT(0), 1);
        int fd = fcntl(ops(c)->fd(&in), F_DUPFD, 0);
        snprintf(text, sizeof(text), "%d", fd);
        conf_exec(c, (const char *[]){text, NULL});
    }
    conf_join(c, pid);
}

static void after_exec_descriptor(struct conf *c, int argc, char **argv)
{
    char buf[4 * 128]; /* room for four signalfd_siginfo */
    EQ(c, argc, 1);
    EQ(c, read(atoi(argv[0]), buf, sizeof(buf)), 128);
    EQ(c, *(int *)(void *)buf, RT(0));
    EQ(c, read(atoi(argv[0]), buf, sizeof(buf)), -1);
    EQ(c, errno, EAGAIN);
}

/* Handlers go to the default at exec, ignored ones stay ignored: as the host program had it. */
static void exec_dispositions(struct conf *c)
{
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        struct inbox in;
        make_inbox(c, &in, BIT(RT(0)));
        conf_handle(c, SIGURG, 0);
        signal(SIGHUP, SIG_IGN);
        conf_exec(c, (const char *[]){"", NULL});
    }
    conf_join(c, pid);
}

static void after_exec_dispositions(struct conf *c, int argc, char **argv)
{
    struct sigaction sa;
    (void)argv;
    EQ(c, argc, 1);
    EQ(c, sigaction(SIGURG, NULL, &sa), 0);
    OK(c, sa.sa_handler == SIG_DFL);
    EQ(c, sigaction(SIGHUP, NULL, &sa), 0);
    OK(c, sa.sa_handler == SIG_IGN);
}

const struct conf_case signal_process_cases[] = {
    {"fork.child_begins_empty", child_begins_empty, NEEDS_SIGNALS, NULL, NULL, 0},
    {"fork.child_closes", child_closes, NEEDS_SIGNALS, NULL, NULL, 0},
    {"exec.keeps", exec_keeps, 0, NULL, after_exec_keeps, 0},
    {"exec.keeps_descriptor", exec_keeps_descriptor, NEEDS_PIDFD, NULL, after_exec_descriptor, 0},
    {"exec.dispositions", exec_dispositions, NEEDS_SIGNALS, NULL, after_exec_dispositions, 0},
    {0},
};
