/* SPDX-License-Identifier: MIT */
/*
 * scribble.c - a peer that writes whatever it likes over the whole segment while the two
 * ends of a pipe are used: no fault, no hang, no undocumented answer
 *
 * Each round makes a pipe and three processes: one overwrites the segment (values.c) and
 * rings or drains the bells, two ("actors") call every verb with finite deadlines. Built
 * with ASan and UBSan, a read or write outside any object ends an actor. What the actors
 * are told may be nonsense; that they are told it in time and in documented words is
 * what is checked.
 */
#define _GNU_SOURCE
#include "values.h"

#include "../lib/t.h"

#include <errno.h>
#include <fcntl.h>
#include <hepta/pipe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LATE_NS (100 * T_MS)
#define BUF_MAX 12000

enum verb { READ, WRITE, PEEK, RESERVE, STAT, FD, EXPORT, REOPEN, CLOSE, VERBS };

static const char *const verb_names[VERBS] = {"read/write", "read/write", "peek", "reserve", "stat",
                                              "fd", "export", "attach", "close"};

struct actor {
    volatile int pid, verb; /* verb: what it is in now, for the report of a hang */
    uint64_t n_calls, n_corrupt, n_late, n_very_late, n_bytes;
    int64_t worst_ns;
    int undocumented, in_verb;
};

struct shared {
    volatile bool stop;
    struct actor actor[2];
};

static struct shared *shared;
static struct actor *me;
static uint64_t seed;

static uint64_t rnd(uint64_t below)
{
    return t_random(&seed) % below;
}

/* What the header allows for a result below zero. */
static bool documented(enum verb verb, int err)
{
    static const int common[] = {EBADMSG, EDEADLK, EAGAIN, ETIMEDOUT, EPIPE};
    static const int attach[] = {EPROTO, EPERM, EPROTONOSUPPORT, EMEDIUMTYPE, ENODATA, EXDEV,
                                 EBADMSG, ENOMEM};
    const int *list = verb == REOPEN ? attach : common;
    size_t n = verb == REOPEN ? T_COUNT(attach) : T_COUNT(common);

    for (size_t i = 0; i < n; i++)
        if (err == list[i])
            return true;
    return err == EINVAL && (verb == PEEK || verb == RESERVE); /* release, commit */
}

static int64_t begin(enum verb verb)
{
    me->verb = verb;
    return t_now_ns();
}

static void end(enum verb verb, int64_t start, int64_t deadline, int64_t result)
{
    int64_t over = t_now_ns() - (deadline > start ? deadline : start);

    me->n_calls++;
    me->n_late += over > LATE_NS;
    me->n_very_late += over > 10 * LATE_NS;
    if (over > me->worst_ns) {
        me->worst_ns = over;
        me->in_verb = verb;
    }
    me->n_corrupt += result == -EBADMSG;
    if (result > 0)
        me->n_bytes += (uint64_t)result;
    if (result < 0 && !documented(verb, (int)-result))
        me->undocumented = (int)-result * 100 + (int)verb;
}

static int64_t some_deadline(void)
{
    return rnd(2) ? HEPTA_NOW : hepta_in_us((int64_t)rnd(4000));
}

/* A heap buffer of exactly the length: ASan sees one byte too many. */
static void read_or_write(struct hepta_pipe *p, bool reading)
{
    size_t len = rnd(4) ? rnd(300) : rnd(BUF_MAX);
    unsigned char *buf = calloc(1, len + 1);
    int64_t deadline = some_deadline(), start = begin(READ);
    ssize_t n = reading ? hepta_pipe_read(p, buf + 1, len, deadline)
                        : hepta_pipe_write(p, buf + 1, len, deadline);

    end(READ, start, deadline, n > (ssize_t)len ? -9999 : n);
    free(buf);
}

static void peek(struct hepta_pipe *p)
{
    const void *at;
    int64_t deadline = some_deadline(), start = begin(PEEK);
    ssize_t n = hepta_pipe_peek(p, &at, deadline);
    unsigned sum = 0;

    end(PEEK, start, deadline, n);
    for (ssize_t i = 0; i < n; i++)
        sum += ((const unsigned char *)at)[i];
    __asm__ volatile("" ::"r"(sum)); /* they were read */
    if (n <= 0)
        return;
    start = begin(PEEK);
    end(PEEK, start, 0, hepta_pipe_release(p, rnd((uint64_t)n + 1)));
}

static void reserve(struct hepta_pipe *p)
{
    size_t len = 1 + rnd(HEPTA_PIPE_BUF);
    void *at;
    int64_t deadline = some_deadline(), start = begin(RESERVE);
    int rc = hepta_pipe_reserve(p, len, &at, deadline);

    end(RESERVE, start, deadline, rc);
    if (rc < 0)
        return;
    memset(at, 0x55, len);
    start = begin(RESERVE);
    end(RESERVE, start, 0, hepta_pipe_commit(p, rnd(len + 1)));
}

static void export_and_attach(struct hepta_pipe *p)
{
    struct hepta_pipe *q = NULL;
    int fds[HEPTA_PIPE_NFDS];
    int64_t start = begin(EXPORT);
    int rc = hepta_pipe_export(p, fds);

    end(EXPORT, start, 0, rc);
    if (rc < 0)
        return;
    start = begin(REOPEN);
    rc = hepta_pipe_attach(&q, fds, NULL);
    end(REOPEN, start, 0, rc);
    for (int i = 0; i < HEPTA_PIPE_NFDS && rc < 0; i++)
        close(fds[i]);
    start = begin(CLOSE);
    hepta_pipe_close(q);
    end(CLOSE, start, 0, 0);
}

static void fd_and_poll(struct hepta_pipe *p)
{
    int64_t start = begin(FD);
    int fd = hepta_pipe_fd(p);
    struct pollfd pfd = {fd, POLLIN, 0};

    end(FD, start, 100 * T_MS + start, fd);
    poll(&pfd, fd >= 0, (int)rnd(3));
}

static void one_verb(struct hepta_pipe *p, bool reading)
{
    struct hepta_pipe_stat st;
    uint64_t what = rnd(100);
    int64_t start;

    if (what < 60) {
        read_or_write(p, reading);
    } else if (what < 85) {
        reading ? peek(p) : reserve(p);
    } else if (what < 94) {
        start = begin(STAT);
        end(STAT, start, 0, hepta_pipe_stat(p, &st, sizeof(st)));
    } else if (what < 98) {
        fd_and_poll(p);
    } else {
        export_and_attach(p);
    }
}

static _Noreturn void act(struct hepta_pipe *p, struct hepta_pipe *other, bool reading)
{
    int64_t start;

    me = &shared->actor[reading];
    me->pid = getpid();
    hepta_pipe_close(other);
    while (!shared->stop)
        one_verb(p, reading);
    start = begin(CLOSE);
    hepta_pipe_close(p);
    end(CLOSE, start, 0, 0);
    exit(0); /* not _exit(): the sanitizers have a last look */
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

static _Noreturn void scribble(struct hepta_pipe *r, struct hepta_pipe *w)
{
    uint32_t tids[3] = {(uint32_t)getpid(), 0, 0};
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
    while (!shared->stop) {
        tids[1] = (uint32_t)shared->actor[0].pid;
        tids[2] = (uint32_t)shared->actor[1].pid;
        scribble_round(at, (size_t)st.st_size, tids, &seed, &shared->stop);
        if (bells)
            abuse_bells(fds[rnd(2)]);
    }
    _exit(0);
}

static struct hepta_pipe_options some_options(void)
{
    struct hepta_pipe_options opt = {.size = sizeof(opt)};

    opt.flags = (uint32_t)rnd(4);
    opt.capacity = 4096U << rnd(6);
    opt.wait = (uint32_t)rnd(3);
    return opt;
}

static bool ended_well(pid_t pid, const char *who, const struct actor *a)
{
    int status = t_reap(pid, 15000);

    if (status == 0)
        return true;
    if (status == -ETIMEDOUT)
        fprintf(stderr, "FAILED: %s hangs in %s\n", who, verb_names[a->verb]);
    else
        fprintf(stderr, "FAILED: %s, in %s, ended with status 0x%x\n", who, verb_names[a->verb],
                status);
    return false;
}

/* One pipe's life under attack. */
static bool attack(void)
{
    struct hepta_pipe_options opt = some_options();
    struct hepta_pipe *r, *w;
    pid_t pid[3];
    bool ok = true;

    shared->stop = false;
    if (hepta_pipe_new(&r, &w, &opt) < 0)
        t_die("hepta_pipe_new");
    for (int i = 0; i < 3; i++) {
        t_random(&seed);
        pid[i] = t_fork();
        if (pid[i])
            continue;
        seed += (uint64_t)i * 77;
        if (i == 2)
            scribble(r, w);
        act(i ? r : w, i ? w : r, i);
    }
    t_sleep_ns((int64_t)(5 + rnd(40)) * T_MS);
    shared->stop = true;
    for (int i = 0; i < 2; i++)
        ok &= ended_well(pid[i], i ? "the reader" : "the writer", &shared->actor[i]);
    t_kill(pid[2]);
    me = &shared->actor[0];
    hepta_pipe_close(r);
    hepta_pipe_close(w);
    return ok;
}

static bool verdict(uint64_t n_rounds)
{
    bool ok = true;

    for (int i = 0; i < 2; i++) {
        struct actor *a = &shared->actor[i];

        printf("%s: %llu calls in %llu rounds, %llu bytes, %llu answers -EBADMSG, worst %.1f ms "
               "beyond a deadline (%s), %llu beyond 100 ms\n",
               i ? "reader" : "writer", (unsigned long long)a->n_calls,
               (unsigned long long)n_rounds, (unsigned long long)a->n_bytes,
               (unsigned long long)a->n_corrupt, (double)a->worst_ns / 1e6,
               verb_names[a->in_verb], (unsigned long long)a->n_late);
        if (a->undocumented)
            fprintf(stderr, "FAILED: undocumented answer -%d from %s\n", a->undocumented / 100,
                    verb_names[a->undocumented % 100]);
        ok &= a->undocumented == 0 && a->n_corrupt > 0 && a->n_bytes > 0;
        ok &= a->n_late * 1000 <= a->n_calls && a->n_very_late == 0;
    }
    return ok;
}

int main(int argc, char **argv)
{
    unsigned seconds = argc > 1 ? (unsigned)atoi(argv[1]) : 20;
    int64_t until = t_now_ns() + seconds * 1000 * T_MS;
    struct t_usage before;
    uint64_t n = 0;
    bool ok = true;

    t_limit(seconds + 60);
    seed = t_seed();
    printf("seed %llu, %u s\n", (unsigned long long)seed, seconds);
    shared = t_shared(sizeof(*shared));
    ok = attack();
    before = t_usage();
    while (ok && t_now_ns() < until) {
        ok = attack();
        n++;
    }
    ok = verdict(n) && ok;
    ok = t_usage_same("parent", before, t_usage()) && ok;
    printf("%s\n", ok ? "ok" : "FAILED");
    return !ok;
}
