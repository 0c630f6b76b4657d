/* SPDX-License-Identifier: MIT */
/*
 * scribble_fifo.c - the FIFO under attack: its segment, and the kernel's FIFOs beside it,
 * which the attacker fills, empties, holds open and locks
 *
 * What the pipe's room has is here for the FIFO's verbs; opening it again and again, which
 * trusts the segment most, is its own. The name directory and the parts in it stay as they
 * are: planted.c changes those.
 */
#define _GNU_SOURCE
#include "scribble.h"

#include <errno.h>
#include <fcntl.h>
#include <hepta/fifo.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "/jobs"

enum verb_number { READ, PEEK, RESERVE, STAT, FD, OPEN, CLOSE };

#define COMMON EBADMSG, EDEADLK, EAGAIN, ETIMEDOUT, EPIPE

static const struct verb verbs[] = {
    [READ] = {"read/write", {COMMON}},
    [PEEK] = {"peek", {COMMON, EINVAL /* release */}},
    [RESERVE] = {"reserve", {COMMON, EINVAL /* commit */}},
    [STAT] = {"stat", {COMMON}},
    [FD] = {"fd", {COMMON}},
    [OPEN] = {"open", {ENXIO, ETIMEDOUT, EAGAIN, EMEDIUMTYPE, EPROTO, EPROTONOSUPPORT, ENODATA,
                       EBADMSG, EXDEV, EPERM, ENOMEM, EDEADLK}},
    [CLOSE] = {"close", {COMMON}},
};

static char dir[] = "/dev/shm/hepta-hostile-XXXXXX";
static struct hepta_fifo *r, *w;

/* A heap buffer of exactly the length: ASan sees one byte too many. */
static void read_or_write(struct hepta_fifo *f, bool reading)
{
    size_t len = rnd(4) ? rnd(300) : rnd(BUF_MAX);
    unsigned char *buf = calloc(1, len + 1);
    int64_t deadline = some_deadline(), start = begin_verb(READ);
    ssize_t n = reading ? hepta_fifo_read(f, buf + 1, len, deadline)
                        : hepta_fifo_write(f, buf + 1, len, deadline);

    end_verb(READ, start, deadline, n > (ssize_t)len ? -9999 : n);
    free(buf);
}

static void peek(struct hepta_fifo *f)
{
    const void *at;
    int64_t deadline = some_deadline(), start = begin_verb(PEEK);
    ssize_t n = hepta_fifo_peek(f, &at, deadline);
    unsigned sum = 0;

    end_verb(PEEK, start, deadline, n);
    for (ssize_t i = 0; i < n; i++)
        sum += ((const unsigned char *)at)[i];
    __asm__ volatile("" ::"r"(sum)); /* they were read */
    if (n <= 0)
        return;
    start = begin_verb(PEEK);
    end_verb(PEEK, start, 0, hepta_fifo_release(f, rnd((uint64_t)n + 1)));
}

static void reserve(struct hepta_fifo *f)
{
    size_t len = 1 + rnd(HEPTA_PIPE_BUF);
    void *at;
    int64_t deadline = some_deadline(), start = begin_verb(RESERVE);
    int rc = hepta_fifo_reserve(f, len, &at, deadline);

    end_verb(RESERVE, start, deadline, rc);
    if (rc < 0)
        return;
    memset(at, 0x55, len);
    start = begin_verb(RESERVE);
    end_verb(RESERVE, start, 0, hepta_fifo_commit(f, rnd(len + 1)));
}

static void fd_and_poll(struct hepta_fifo *f, bool reading)
{
    int64_t start = begin_verb(FD);
    int fd = hepta_fifo_fd(f, reading ? HEPTA_FIFO_READ : HEPTA_FIFO_WRITE);
    struct pollfd pfd = {fd, POLLIN, 0};

    end_verb(FD, start, 100 * T_MS + start, fd);
    poll(&pfd, fd >= 0, (int)rnd(3));
}

static void close_one(struct hepta_fifo *f)
{
    int64_t start = begin_verb(CLOSE);

    hepta_fifo_close(f);
    end_verb(CLOSE, start, 0, 0);
}

/* Another handle, or this one anew: contents can begin again in between. */
static void open_again(struct hepta_fifo **f, bool reading)
{
    struct hepta_fifo *q;
    uint32_t same = reading ? HEPTA_FIFO_READ : HEPTA_FIFO_WRITE;
    bool instead = rnd(3) == 0;
    int64_t deadline = some_deadline(), start = begin_verb(OPEN);
    int rc = hepta_fifo_open(&q, NAME, instead ? same : 1 + (uint32_t)rnd(3), NULL, deadline);

    end_verb(OPEN, start, deadline, rc);
    if (rc < 0)
        return;
    close_one(instead ? *f : q);
    if (instead)
        *f = q;
}

static void act(int role)
{
    struct hepta_fifo **f = role ? &r : &w;
    struct hepta_pipe_stat st;
    uint64_t what = rnd(100);
    int64_t start;

    if (what < 55) {
        read_or_write(*f, role);
    } else if (what < 80) {
        role ? peek(*f) : reserve(*f);
    } else if (what < 86) {
        start = begin_verb(STAT);
        end_verb(STAT, start, 0, hepta_fifo_stat(*f, &st, sizeof(st)));
    } else if (what < 90) {
        fd_and_poll(*f, role);
    } else {
        open_again(f, role);
    }
}

static void begin(int role)
{
    hepta_fifo_close(role ? w : r);
}

static void end(int role)
{
    close_one(role ? r : w);
}

static int part(const char *name, int flags)
{
    char path[80];

    snprintf(path, sizeof(path), "%s/fifo.%s/%s", dir, &NAME[1], name);
    return open(path, flags | O_CLOEXEC | O_NONBLOCK);
}

/* Bytes in the bells or too few, more ends open than there are users, and their lock. */
static void abuse_bell(const char *name)
{
    static const int ways[] = {O_RDWR, O_RDONLY, O_WRONLY};
    static const char junk[5000];
    char sink[5000];
    ssize_t n = 0;
    int fd = part(name, ways[rnd(3)]);

    if (fd < 0)
        return;
    if (rnd(2))
        flock(fd, (rnd(2) ? LOCK_EX : LOCK_SH) | LOCK_NB);
    if (rnd(2))
        n += read(fd, sink, sizeof(sink));
    if (rnd(2))
        n += write(fd, junk, rnd(2) ? 1 : 4096);
    if (n >= 0 && rnd(4) == 0)
        t_sleep_ns((int64_t)rnd(3) * T_MS);
    close(fd);
}

static void scribble(void)
{
    bool bells = rnd(3) == 0;
    struct stat st;
    unsigned char *at;
    int fd = part("data", O_RDWR);

    signal(SIGPIPE, SIG_IGN);
    if (fd < 0 || fstat(fd, &st) < 0)
        _exit(2);
    at = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        _exit(2);
    while (!stopped()) {
        scribble_over(at, (size_t)st.st_size);
        for (int i = 0; i < 8 && bells; i++)
            abuse_bell(rnd(2) ? "d" : "s");
    }
}

static struct hepta_fifo *opened(uint32_t access)
{
    struct hepta_fifo_options opt = {.size = sizeof(opt), .wait = (uint32_t)rnd(3)};
    struct hepta_fifo *f;
    int rc = hepta_fifo_open(&f, NAME, access, &opt, HEPTA_NOW);

    if (rc < 0)
        t_die("hepta_fifo_open: %s", strerror(-rc));
    return f;
}

static void make(void)
{
    struct hepta_fifo_options opt = {.size = sizeof(opt)};

    if (!mkdtemp(dir) || setenv("HEPTA_DIR", dir, 1) != 0)
        t_die("%s", dir);
    opt.flags = (uint32_t)rnd(2);
    opt.capacity = 4096U << rnd(6);
    if (hepta_fifo_make(NAME, 0600, &opt) < 0)
        t_die("hepta_fifo_make");
    r = opened(HEPTA_FIFO_READ);
    w = opened(HEPTA_FIFO_WRITE);
}

static void drop(void)
{
    r = hepta_fifo_close(r);
    w = hepta_fifo_close(w);
    if (hepta_fifo_unlink(NAME) < 0 || rmdir(dir) < 0)
        t_die("something was left in %s", dir);
    memset(strchr(dir, 0) - 6, 'X', 6);
}

const struct room fifo_room = {
    .name = "fifo",
    .actors = {"writer", "reader"},
    .verbs = verbs,
    .make = make,
    .begin = begin,
    .act = act,
    .end = end,
    .scribble = scribble,
    .drop = drop,
};
