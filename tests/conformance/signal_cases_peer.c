/* SPDX-License-Identifier: MIT */
/* signal_cases_peer.c - pidfds: whom they hold, who has the number next, what isn't one */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "signal_room.h"

#define N_ROUNDS 20

/* A child that ends when cell i is 1. */
static pid_t idle(struct conf *c, int i)
{
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        conf_await(c, i, 1);
        conf_exit();
    }
    return pid;
}

/* A child with this number, if it is free; else negative. It ends by SIGKILL only. */
static pid_t child_with(pid_t pid)
{
    struct clone_args args;
    memset(&args, 0, sizeof(args));
    args.exit_signal = SIGCHLD;
    args.set_tid = (uint64_t)(uintptr_t)&pid;
    args.set_tid_size = 1;
    pid_t r = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
    if (r == 0)
        for (;;)
            pause();
    return r < 0 ? -errno : r;
}

/* The number goes to somebody else: who has it now isn't hit, whatever is sent. */
static void number_taken(struct conf *c)
{
    int n_done = 0;
    for (int i = 0; i < N_ROUNDS * 5 && n_done < N_ROUNDS; i++) {
        struct peer p;
        conf_set(c, FREE, 0);
        struct where at = {.pid = idle(c, FREE)};
        find_peer(c, &p, &at);
        conf_set(c, FREE, 1);
        conf_join(c, at.pid);
        pid_t next = child_with(at.pid);
        if (next < 0 && next != -EEXIST)
            conf_fail(c, "clone3 with a number: %s", strerror(-next));
        if (next == at.pid) {
            EQ(c, kill(next, 0), 0); /* somebody has it */
            EQ(c, ops(c)->send(&p, 0, 0, 0), -ESRCH);
            EQ(c, ops(c)->send(&p, SIGTERM, 0, 0), -ESRCH);
            EQ(c, ops(c)->send(&p, RT(0), WITH_VALUE, 1), -ESRCH);
            EQ(c, kill(next, SIGKILL), 0);
            int status = conf_status(c, next);
            OK(c, WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
            n_done++;
        }
        leave_peer(c, &p);
    }
    EQ(c, n_done, N_ROUNDS);
}

static void nobody(struct conf *c)
{
    struct peer p = {.pidfd = -1};
    struct where at = {.pid = idle(c, FREE)};
    conf_set(c, FREE, 1);
    conf_join(c, at.pid);
    EQ(c, ops(c)->peer(&p, &at, false), -ESRCH);
    for (pid_t bad = -1; bad <= 0; bad++) {
        at.pid = bad;
        EQ(c, ops(c)->peer(&p, &at, false), -EINVAL);
    }
}

static void bad_flags(struct conf *c)
{
    struct inbox in;
    struct peer p;
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    for (uint32_t bit = 16; bit; bit <<= 1)
        if (bit != IF_LIVE) {
            EQ(c, ops(c)->send(&p, SIGUSR1, bit, 0), -EINVAL);
            EQ(c, ops(c)->send(&p, RT(0), WITH_VALUE | bit, 1), -EINVAL);
        }
    EQ(c, (long long)pending(c, &in), 0);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

/* Readable once the process has ended, waited for or not. */
static int pidfd_of(struct conf *c, struct peer *p)
{
    return has(c, NEEDS_HEPTA) ? hepta_signal_peer_fd(p->h) : p->pidfd;
}

static void tells_of_the_end(struct conf *c)
{
    struct peer p;
    struct where at = {.pid = idle(c, FREE)};
    find_peer(c, &p, &at);
    struct pollfd pfd = {pidfd_of(c, &p), POLLIN, 0};
    EQ(c, poll(&pfd, 1, 0), 0);
    conf_set(c, FREE, 1);
    EQ(c, poll(&pfd, 1, LONG_MS), 1);
    conf_join(c, at.pid);
    EQ(c, poll(&pfd, 1, 0), 1);
    leave_peer(c, &p);
}

/* --- where a pidfd comes from --------------------------------------------------------- */

/* Adopt it, as Hepta does; what sending says then. */
static int through(struct conf *c, int fd, int signo)
{
    struct peer p = {.pidfd = fd};
    if (!has(c, NEEDS_HEPTA))
        return ops(c)->send(&p, signo, 0, 0);
    int r = hepta_signal_peer_adopt(fd, &p.h);
    if (r == 0) {
        r = ops(c)->send(&p, signo, 0, 0);
        leave_peer(c, &p);
    }
    return r;
}

static pid_t with_pidfd(struct conf *c, int *fd)
{
    struct clone_args args;
    memset(&args, 0, sizeof(args));
    args.flags = CLONE_PIDFD;
    args.pidfd = (uint64_t)(uintptr_t)fd;
    args.exit_signal = SIGCHLD;
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
    if (pid < 0)
        conf_fail(c, "clone3: %s", strerror(errno));
    if (pid == 0)
        for (;;)
            pause();
    return pid;
}

static void of_clone(struct conf *c)
{
    int fd = -1;
    pid_t pid = with_pidfd(c, &fd);
    EQ(c, through(c, fd, 0), 0);
    EQ(c, through(c, fd, SIGTERM), 0);
    int status = conf_status(c, pid);
    OK(c, WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    EQ(c, through(c, fd, 0), -ESRCH);
    close(fd);
}

/* The kernel takes a directory of /proc, too. */
static void of_proc(struct conf *c)
{
    char path[32];
    snprintf(path, sizeof(path), "/proc/%d", (int)getpid());
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
    OK(c, fd >= 0);
    EQ(c, through(c, fd, 0), DIFFERS(c, 0, -EBADF));
    close(fd);
}

static void not_one(struct conf *c)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    OK(c, fd >= 0);
    EQ(c, through(c, fd, 0), -EBADF);
    EQ(c, through(c, fd, SIGUSR1), -EBADF);
    close(fd);
    EQ(c, through(c, fd, 0), -EBADF);
    EQ(c, through(c, -1, 0), -EBADF);
}

/* A handle that is closed. */
static void closed(struct conf *c)
{
    struct peer p = {.pidfd = -1};
    EQ(c, hepta_signal_send(NULL, 0, 0, 0), -EBADF);
    EQ(c, hepta_signal_peer_fd(NULL), -EBADF);
    EQ(c, hepta_signal_peer_close(NULL), -EBADF);
    EQ(c, hepta_signal_peer_open(getpid(), 0, &p.h), 0);
    EQ(c, hepta_signal_peer_pid(p.h), getpid());
    leave_peer(c, &p);
}

/* --- other namespaces ----------------------------------------------------------------- */

/* A grandchild with numbers of its own, in which it is 1: 0 there. Its number here in cell FREE; it
 * has ended when the child that is returned has. */
static pid_t in_own_numbers(struct conf *c)
{
    pid_t pid = conf_fork(c);
    if (pid != 0)
        return pid;
    EQ(c, unshare(CLONE_NEWPID), 0);
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        return 0;
    }
    OK(c, pid > 0);
    conf_set(c, FREE, pid);
    conf_join(c, pid);
    conf_exit();
}

/* What it sees from outside has no number there. */
static void from_above(struct conf *c)
{
    struct receiver r = {.in = {.fd = -1}};
    struct peer p;
    r.pid = in_own_numbers(c);
    if (r.pid == 0) {
        EQ(c, ops(c)->open(&r.in, USUAL), 0);
        conf_set(c, BEFORE, 1);
        for (int i = 0; i < 2; i++) {
            struct hepta_signal_info info = await_signal(c, &r.in);
            EQ(c, info.pid, 0);
            EQ(c, info.uid, getuid());
        }
        conf_exit();
    }
    conf_await(c, BEFORE, 1);
    conf_await(c, FREE, 1);
    r.in.at.pid = (pid_t)conf_get(c, FREE);
    find_peer(c, &p, &r.in.at);
    tell(c, &p, SIGUSR1);
    queue(c, &p, RT(0), 1);
    conf_join(c, r.pid);
    leave_peer(c, &p);
}

/* Nobody can be hit from below, also through a pidfd that was made above. */
static void from_below(struct conf *c)
{
    struct inbox in;
    struct peer p;
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    pid_t pid = in_own_numbers(c);
    if (pid == 0) {
        struct peer late = {.pidfd = -1};
        int no = (int)DIFFERS(c, -EINVAL, -EXDEV);
        if (has(c, NEEDS_MAILBOX))
            EQ(c, ops(c)->peer(&late, &in.at, false), -EXDEV); /* nor be opened */
        EQ(c, ops(c)->send(&p, SIGUSR1, 0, 0), no);
        EQ(c, ops(c)->send(&p, RT(0), WITH_VALUE, 1), no);
        conf_exit();
    }
    conf_join(c, pid);
    EQ(c, (long long)pending(c, &in), 0);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

static void no_descriptors(struct conf *c)
{
    struct rlimit was, none;
    struct peer p = {.pidfd = -1};
    struct where at = {.pid = getpid()};
    getrlimit(RLIMIT_NOFILE, &was);
    none = was;
    none.rlim_cur = 3;
    EQ(c, setrlimit(RLIMIT_NOFILE, &none), 0);
    int r = ops(c)->peer(&p, &at, false);
    EQ(c, setrlimit(RLIMIT_NOFILE, &was), 0);
    EQ(c, r, -EMFILE);
}

const struct conf_case signal_peer_cases[] = {
    {"peer.number_taken", number_taken, NEEDS_PIDFD | CONF_AS_ROOT, NULL, NULL, 20},
    {"peer.nobody", nobody, NEEDS_PIDFD, NULL, NULL, 0},
    {"peer.bad_flags", bad_flags, NEEDS_PIDFD, NULL, NULL, 0},
    {"peer.tells_of_the_end", tells_of_the_end, NEEDS_PIDFD, NULL, NULL, 0},
    {"peer.of_clone", of_clone, NEEDS_PIDFD, NULL, NULL, 0},
    {"peer.of_proc", of_proc, NEEDS_PIDFD, "signal-pidfds-only", NULL, 0},
    {"peer.not_one", not_one, NEEDS_PIDFD, NULL, NULL, 0},
    {"peer.closed", closed, NEEDS_HEPTA, NULL, NULL, 0},
    {"peer.from_above", from_above, NEEDS_PIDFD | CONF_AS_ROOT, NULL, NULL, 0},
    {"peer.from_below", from_below, NEEDS_FD | CONF_AS_ROOT, "signal-one-pid-namespace", NULL, 0},
    {"peer.no_descriptors", no_descriptors, NEEDS_PIDFD, NULL, NULL, 0},
    {0},
};
