/* SPDX-License-Identifier: MIT */
/*
 * scribble_pipe.c - the pipe under attack: its segment, and the two kernel pipes beside it
 */
#define _GNU_SOURCE
#include "scribble.h"

#include <errno.h>
#include <fcntl.h>
#include <hepta/pipe.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum verb_number { READ, PEEK, RESERVE, STAT, FD, EXPORT, REOPEN, CLOSE };

#define COMMON EBADMSG, EDEADLK, EAGAIN, ETIMEDOUT, EPIPE

static const struct verb verbs[] = {
    [READ] = {"read/write", {COMMON}},
    [PEEK] = {"peek", {COMMON, EINVAL /* release */}},
    [RESERVE] = {"reserve", {COMMON, EINVAL /* commit */}},
    [STAT] = {"stat", {COMMON}},
    [FD] = {"fd", {COMMON}},
    [EXPORT] = {"export", {COMMON}},
    [REOPEN] = {"attach", {EPROTO, EPERM, EPROTONOSUPPORT, EMEDIUMTYPE, ENODATA, EXDEV, EBADMSG,
                           ENOMEM}},
    [CLOSE] = {"close", {COMMON}},
};

static struct hepta_pipe *r, *w;

/* A heap buffer of exactly the length: ASan sees one byte too many. */
static void read_or_write(struct hepta_pipe *p, bool reading)
{
    size_t len = rnd(4) ? rnd(300) : rnd(BUF_MAX);
    unsigned char *buf = calloc(1, len + 1);
    int64_t deadline = some_deadline(), start = begin_verb(READ);
    ssize_t n = reading ? hepta_pipe_read(p, buf + 1, len, deadline)
                        : hepta_pipe_write(p, buf + 1, len, deadline);

    end_verb(READ, start, deadline, n > (ssize_t)len ? -9999 : n);
    free(buf);
}

static void peek(struct hepta_pipe *p)
{
    const void *at;
    int64_t deadline = some_deadline(), start = begin_verb(PEEK);
    ssize_t n = hepta_pipe_peek(p, &at, deadline);
    unsigned sum = 0;

    end_verb(PEEK, start, deadline, n);
    for (ssize_t i = 0; i < n; i++)
        sum += ((const unsigned char *)at)[i];
    __asm__ volatile("" ::"r"(sum)); /* they were read */
    if (n <= 0)
        return;
    start = begin_verb(PEEK);
    end_verb(PEEK, start, 0, hepta_pipe_release(p, rnd((uint64_t)n + 1)));
}

static void reserve(struct hepta_pipe *p)
{
    size_t len = 1 + rnd(HEPTA_PIPE_BUF);
    void *at;
    int64_t deadline = some_deadline(), start = begin_verb(RESERVE);
    int rc = hepta_pipe_reserve(p, len, &at, deadline);

    end_verb(RESERVE, start, deadline, rc);
    if (rc < 0)
        return;
    memset(at, 0x55, len);
    start = begin_verb(RESERVE);
    end_verb(RESERVE, start, 0, hepta_pipe_commit(p, rnd(len + 1)));
}

static void export_and_attach(struct hepta_pipe *p)
{
    struct hepta_pipe *q = NULL;
    int fds[HEPTA_PIPE_NFDS];
    int64_t start = begin_verb(EXPORT);
    int rc = hepta_pipe_export(p, fds);

    end_verb(EXPORT, start, 0, rc);
    if (rc < 0)
        return;
    start = begin_verb(REOPEN);
    rc = hepta_pipe_attach(&q, fds, NULL);
    end_verb(REOPEN, start, 0, rc);
    for (int i = 0; i < HEPTA_PIPE_NFDS && rc < 0; i++)
        close(fds[i]);
    start = begin_verb(CLOSE);
    hepta_pipe_close(q);
    end_verb(CLOSE, start, 0, 0);
}

static void fd_and_poll(struct hepta_pipe *p)
{
    int64_t start = begin_verb(FD);
    int fd = hepta_pipe_fd(p);
    struct pollfd pfd = {fd, POLLIN, 0};

    end_verb(FD, start, 100 * T_MS + start, fd);
    poll(&pfd, fd >= 0, (int)rnd(3));
}

static void act(int role)
{
    struct hepta_pipe *p = role ? r : w;
    struct hepta_pipe_stat st;
    uint64_t what = rnd(100);
    int64_t start;

    if (what < 60) {
        read_or_write(p, role);
    } else if (what < 85) {
        role ? peek(p) : reserve(p);
    } else if (what < 94) {
        start = begin_verb(STAT);
        end_verb(STAT, start, 0, hepta_pipe_stat(p, &st, sizeof(st)));
    } else if (what < 98) {
        fd_and_poll(p);
    } else {
        export_and_attach(p);
    }
}

static void begin(int role)
{
    hepta_pipe_close(role ? w : r);
}

static void end(int role)
{
    int64_t start = begin_verb(CLOSE);

    hepta_pipe_close(role ? r : w);
    end_verb(CLOSE, start, 0, 0);
}

/* The bells are a peer's as well: bytes in them, or too few. */
static void abuse_bells(const int *fds)
{
    static const char junk[5000];
    char sink[5000];

    for (int i = 1; i < HEPTA_PIPE_NFDS; i++) {
        struct pollfd p = {fds[i], POLLIN | POLLOUT, 0};

        fcntl(fds[i], F_SETFL, rnd(2) ? O_NONBLOCK : 0); /* the flags are shared, too */
        if (poll(&p, 1, 0) != 1)
            continue;
        if ((p.revents & POLLIN) && rnd(2) && read(fds[i], sink, sizeof(sink)) < 0)
            continue;
        if ((p.revents & POLLOUT) && write(fds[i], junk, rnd(2) ? 1 : 4096) < 0)
            continue;
    }
}

static void scribble(void)
{
    int fds[2][HEPTA_PIPE_NFDS];
    bool bells = rnd(4) == 0;
    struct stat st;
    unsigned char *at;

    if (hepta_pipe_export(r, fds[0]) < 0 || hepta_pipe_export(w, fds[1]) < 0)
        _exit(2);
    if (fstat(fds[0][0], &st) < 0)
        _exit(2);
    at = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fds[0][0], 0);
    if (at == MAP_FAILED)
        _exit(2);
    while (!stopped()) {
        scribble_over(at, (size_t)st.st_size);
        if (bells)
            abuse_bells(fds[rnd(2)]);
    }
}

static void make(void)
{
    struct hepta_pipe_options opt = {.size = sizeof(opt)};

    opt.flags = (uint32_t)rnd(4);
    opt.capacity = 4096U << rnd(6);
    opt.wait = (uint32_t)rnd(3);
    if (hepta_pipe_new(&r, &w, &opt) < 0)
        t_die("hepta_pipe_new");
}

static void drop(void)
{
    r = hepta_pipe_close(r);
    w = hepta_pipe_close(w);
}

const struct room pipe_room = {
    .name = "pipe",
    .actors = {"writer", "reader"},
    .verbs = verbs,
    .make = make,
    .begin = begin,
    .act = act,
    .end = end,
    .scribble = scribble,
    .drop = drop,
};
