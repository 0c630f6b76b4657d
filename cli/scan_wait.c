/* SPDX-License-Identifier: MIT */
/*
 * cli/scan_wait.c - who waits: threads that are asleep in a system call, and signals that wait
 *
 * /proc/PID/task/TID/syscall tells number and arguments of the call in which a thread sleeps. The
 * object follows from a descriptor, an id, or for a futex from the mapping in which it lies. A
 * FIFO that nobody has open, because somebody waits for a partner, is seen only here. Threads that
 * wait with epoll or io_uring aren't found, and those of 32-bit programs neither.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "cli/scan_proc.h"

#define POLLED_MAX 64 /* descriptors of one poll(2) that are looked at */

struct call {
    long number;
    unsigned long long arg[6];
};

enum arg { ARG_FD, ARG_MSG, ARG_SEM, ARG_FUTEX, ARG_POLL, ARG_OPENAT, ARG_OPEN };
static const struct {
    long number;
    enum arg arg;
    const char *name;
} calls[] = {
    {SYS_read, ARG_FD, "read"},
    {SYS_readv, ARG_FD, "read"},
    {SYS_preadv2, ARG_FD, "read"},
    {SYS_write, ARG_FD, "write"},
    {SYS_writev, ARG_FD, "write"},
    {SYS_pwritev2, ARG_FD, "write"},
    {SYS_splice, ARG_FD, "splice"},
    {SYS_sendfile, ARG_FD, "sendfile"},
    {SYS_sendto, ARG_FD, "send"},
    {SYS_sendmsg, ARG_FD, "send"},
    {SYS_sendmmsg, ARG_FD, "send"},
    {SYS_recvfrom, ARG_FD, "receive"},
    {SYS_recvmsg, ARG_FD, "receive"},
    {SYS_recvmmsg, ARG_FD, "receive"},
    {SYS_connect, ARG_FD, "connect"},
    {SYS_accept, ARG_FD, "accept"},
    {SYS_accept4, ARG_FD, "accept"},
    {SYS_mq_timedsend, ARG_FD, "send"},
    {SYS_mq_timedreceive, ARG_FD, "receive"},
    {SYS_msgsnd, ARG_MSG, "send"},
    {SYS_msgrcv, ARG_MSG, "receive"},
    {SYS_semtimedop, ARG_SEM, "op"},
    {SYS_semop, ARG_SEM, "op"},
    {SYS_futex, ARG_FUTEX, "futex"},
    {SYS_ppoll, ARG_POLL, "poll"},
    {SYS_openat, ARG_OPENAT, "open"},
#ifdef SYS_poll
    {SYS_poll, ARG_POLL, "poll"},
#endif
#ifdef SYS_open
    {SYS_open, ARG_OPEN, "open"},
#endif
};
#define N_CALLS (sizeof(calls) / sizeof(*calls))

static void waits(struct process *p, pid_t tid, struct object *o, const char *name)
{
    if (!o)
        return;
    for (size_t i = 0; o->has_waiters && i < o->n_used; i++)
        if (o->users[i].tid == tid) { /* from its own table, without the process */
            o->users[i].pid = p->pid;
            return;
        }
    if (!o->has_waiters || o->kernel)
        object_user(o, p->pid, tid, USE_WAIT)->call = name;
}

static struct object *by_fd(const struct process *p, unsigned long long fd)
{
    for (size_t i = 0; i < p->n_held; i++)
        if (p->held[i].fd == (int)fd)
            return p->held[i].object;
    return NULL;
}

static struct object *by_address(const struct process *p, unsigned long long at)
{
    for (size_t i = 0; i < p->n_regions; i++)
        if (p->regions[i].start <= at && at < p->regions[i].end)
            return p->regions[i].object;
    return NULL;
}

static ssize_t peek(const struct process *p, void *to, size_t len, unsigned long long from)
{
    struct iovec here = {to, len}, there = {(void *)(uintptr_t)from, len};
    return process_vm_readv(p->pid, &here, 1, &there, 1, 0);
}

static void take_poll(struct process *p, pid_t tid, const struct call *c)
{
    struct pollfd fds[POLLED_MAX];
    size_t n = c->arg[1] < POLLED_MAX ? (size_t)c->arg[1] : POLLED_MAX;
    ssize_t got = n ? peek(p, fds, n * sizeof *fds, c->arg[0]) : 0;
    for (size_t i = 0; got > 0 && i < (size_t)got / sizeof *fds; i++)
        if (fds[i].fd >= 0)
            waits(p, tid, by_fd(p, (unsigned)fds[i].fd), "poll");
}

/* A string of another process, up to the end of a page at a time. */
static bool peek_path(const struct process *p, char *to, size_t room, unsigned long long from)
{
    size_t len = 0;
    while (len < room) {
        size_t n = 4096 - (size_t)((from + len) & 4095);
        n = n < room - len ? n : room - len;
        if (peek(p, to + len, n, from + len) != (ssize_t)n)
            return false;
        if (memchr(to + len, 0, n))
            return true;
        len += n;
    }
    return false;
}

/* Does it wait for the other side of a FIFO? Who waits for a file server would make us wait,
 * too. */
static bool waits_for_partner(const struct process *p, pid_t tid)
{
    char path[64], text[64];
    snprintf(path, sizeof path, "task/%d/wchan", (int)tid);
    int fd = openat(p->dir, path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = 0;
    return !strcmp(text, "wait_for_partner");
}

/* Who waits in open(2) for the other side of a FIFO. */
static void take_open(struct scan *s, struct process *p, pid_t tid, int dir,
                      unsigned long long path_at)
{
    char path[4096], full[4200], real[4200];
    struct stat st;
    if (!waits_for_partner(p, tid) || !peek_path(p, path, sizeof path, path_at))
        return;
    if (path[0] == '/')
        snprintf(full, sizeof full, "/proc/%d/root%s", (int)p->pid, path);
    else if (dir == AT_FDCWD)
        snprintf(full, sizeof full, "/proc/%d/cwd/%s", (int)p->pid, path);
    else
        snprintf(full, sizeof full, "/proc/%d/fd/%d/%s", (int)p->pid, dir, path);
    if (stat(full, &st) < 0 || !S_ISFIFO(st.st_mode))
        return;
    struct object *o = scan_find(s, KEY_FILE, st.st_dev, st.st_ino);
    if (!o) {
        int fd = open(full, O_PATH | O_CLOEXEC);
        snprintf(full, sizeof full, "/proc/self/fd/%d", fd);
        ssize_t n = fd < 0 ? -1 : readlink(full, real, sizeof real - 1);
        if (n > 0)
            real[n] = 0;
        o = fifo_found(s, &st, n > 0 ? real : path);
        if (fd >= 0)
            close(fd);
    }
    waits(p, tid, o, "open");
}

static bool is_futex_wait(const struct call *c)
{
    int op = (int)c->arg[1] & FUTEX_CMD_MASK;
    return op == FUTEX_WAIT || op == FUTEX_WAIT_BITSET || op == FUTEX_LOCK_PI ||
           op == FUTEX_LOCK_PI2 || op == FUTEX_WAIT_REQUEUE_PI;
}

static void take_call(struct scan *s, struct process *p, pid_t tid, const struct call *c)
{
    size_t i = 0;
    while (i < N_CALLS && calls[i].number != c->number)
        i++;
    if (i == N_CALLS)
        return;
    switch (calls[i].arg) {
    case ARG_FD:
        waits(p, tid, by_fd(p, c->arg[0]), calls[i].name);
        break;
    case ARG_MSG:
        waits(p, tid, scan_find(s, KEY_MSG, 0, (uint32_t)c->arg[0]), calls[i].name);
        break;
    case ARG_SEM:
        waits(p, tid, scan_find(s, KEY_SEM, 0, (uint32_t)c->arg[0]), calls[i].name);
        break;
    case ARG_FUTEX:
        if (is_futex_wait(c))
            waits(p, tid, by_address(p, c->arg[0]), calls[i].name);
        break;
    case ARG_POLL:
        take_poll(p, tid, c);
        break;
    case ARG_OPENAT:
        take_open(s, p, tid, (int)c->arg[0], c->arg[1]);
        break;
    case ARG_OPEN:
        take_open(s, p, tid, AT_FDCWD, c->arg[0]);
        break;
    }
}

/* "202 0x7f.. 0x80 ..."; "running" and "-1 ..." are in no call. */
static void take_thread(struct scan *s, struct process *p, const char *tid)
{
    char path[64], text[256];
    struct call c;
    snprintf(path, sizeof path, "task/%.20s/syscall", tid);
    int fd = openat(p->dir, path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = 0;
    if (n > 0 && sscanf(text, "%ld %llx %llx %llx %llx %llx %llx", &c.number, &c.arg[0], &c.arg[1],
                        &c.arg[2], &c.arg[3], &c.arg[4], &c.arg[5]) == 7)
        take_call(s, p, (pid_t)atoi(tid), &c);
}

void take_threads(struct scan *s, struct process *p)
{
    int fd = openat(p->dir, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d && fd >= 0)
        close(fd);
    for (struct dirent *e; d && (e = readdir(d));)
        if (isdigit((unsigned char)e->d_name[0]))
            take_thread(s, p, e->d_name);
    if (d)
        closedir(d);
}

/* --- signals ---------------------------------------------------------------------------- */

static unsigned long long mask_after(const char *text, const char *label)
{
    const char *at = strstr(text, label);
    return at ? strtoull(at + strlen(label), NULL, 16) : 0;
}

/* A process for which signals are pending, of whichever user. */
void take_signals(struct scan *s, struct process *p)
{
    char text[4096];
    struct stat st;
    int fd = openat(p->dir, "status", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = 0;
    const char *queued = strstr(text, "\nSigQ:");
    long long n_queued, max_queued;
    if (queued && sscanf(queued + 6, "%lld/%lld", &n_queued, &max_queued) == 2)
        scan_crowd(s, p->pid, "queued signals", n_queued, max_queued);
    unsigned long long pending = mask_after(text, "\nSigPnd:") | mask_after(text, "\nShdPnd:");
    if (!pending)
        return;
    struct object *o = scan_add(s, "signal", true, "%d", (int)p->pid);
    o->depth = __builtin_popcountll(pending);
    o->n_users = 1;
    if (fstat(p->dir, &st) == 0)
        o->uid = st.st_uid;
    char names[300] = "";
    size_t len = 0;
    for (int i = 1; i <= 64 && len < sizeof names - 12; i++)
        if (pending >> (i - 1) & 1)
            len += (size_t)snprintf(names + len, sizeof names - len, "%s%s", len ? " " : "",
                                    sigabbrev_np(i) ? sigabbrev_np(i) : "RT");
    object_fact(s, o, "pending", "%s", names);
    object_fact(s, o, "blocked", "%#llx", mask_after(text, "\nSigBlk:"));
}
