/* SPDX-License-Identifier: MIT */
/*
 * pipe_fault.c - every system call and allocation of the pipe's verbs fails in turn
 *
 * The verbs' slow paths are here because they make calls: sleeping, waking, looking
 * whether the owner of a claim lives. What must hold after each failure: a documented
 * errno, NULL handles, nothing leaked, and a pipe that still works.
 */
#define _GNU_SOURCE
#include "../lib/t.h"
#include "inject.h"

#include <errno.h>
#include <hepta/pipe.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

static struct hepta_pipe *r, *w, *q;
static int fds[HEPTA_PIPE_NFDS];
static pid_t other;
static char buf[HEPTA_PIPE_BUF];

static void have_pipe(void)
{
    struct hepta_pipe_options opt = {.size = sizeof(opt), .capacity = 4096,
                                     .wait = HEPTA_WAIT_SLEEP};

    if (hepta_pipe_new(&r, &w, &opt) < 0)
        t_die("hepta_pipe_new");
}

static void have_full_pipe(void)
{
    have_pipe();
    if (hepta_pipe_write(w, buf, sizeof(buf), HEPTA_NOW) != sizeof(buf))
        t_die("hepta_pipe_write");
}

static void have_exported(void)
{
    have_pipe();
    if (hepta_pipe_export(w, fds) < 0)
        t_die("hepta_pipe_export");
}

/* A child that reserves or peeks, and then lives on or dies. */
static void have_claim(bool peek, bool dies)
{
    const void *in;
    void *out;
    int go[2];
    char c;

    have_pipe();
    hepta_pipe_write(w, buf, 1, HEPTA_NOW);
    if (pipe(go) < 0)
        t_die("pipe");
    other = t_fork();
    if (other == 0) {
        if (peek ? hepta_pipe_peek(r, &in, HEPTA_NOW) < 0
                 : hepta_pipe_reserve(w, 1, &out, HEPTA_NOW) < 0)
            _exit(1);
        if (write(go[1], "", 1) != 1 || dies)
            _exit(0);
        for (;;)
            pause();
    }
    if (read(go[0], &c, 1) != 1)
        t_die("no claim");
    close(go[0]);
    close(go[1]);
    if (dies)
        t_kill(other);
}

static void have_living_reservation(void)
{
    have_claim(false, false);
}

static void have_dead_reservation(void)
{
    have_claim(false, true);
}

static void have_dead_peek(void)
{
    have_claim(true, true);
}

/* Naps end by themselves after some ms; then it sleeps where it has to be rung for. */
static void deep_asleep(void)
{
    t_sleep_ns(15 * T_MS);
    t_asleep(other, 1000);
}

/* A sleeper on the other side, so that a verb has to ring. */
static void have_sleeping_reader(void)
{
    have_pipe();
    other = t_fork();
    if (other == 0)
        _exit(hepta_pipe_read(r, buf, 1, hepta_in_ms(3000)) != 1);
    deep_asleep();
}

static void have_sleeping_writer(void)
{
    have_full_pipe();
    other = t_fork();
    if (other == 0)
        _exit(hepta_pipe_write(w, buf, 1, hepta_in_ms(3000)) != 1);
    deep_asleep();
}

static void close_all(void)
{
    if (other > 0)
        t_kill(other);
    r = hepta_pipe_close(r);
    w = hepta_pipe_close(w);
    q = hepta_pipe_close(q);
}

static bool works(struct hepta_pipe *from, struct hepta_pipe *to)
{
    struct hepta_pipe_stat st;
    char c = 0;

    if (hepta_pipe_stat(from, &st, sizeof(st)) < 0)
        return false;
    while (st.used > 0 && hepta_pipe_read(from, buf, sizeof(buf), hepta_in_ms(1000)) > 0)
        if (hepta_pipe_stat(from, &st, sizeof(st)) < 0)
            return false;
    return hepta_pipe_write(to, "!", 1, hepta_in_ms(1000)) == 1 &&
           hepta_pipe_read(from, &c, 1, hepta_in_ms(1000)) == 1 && c == '!';
}

static bool still_works(long result)
{
    (void)result;
    if (other > 0) { /* what it waits for may have been refused: end it before the check */
        t_kill(other);
        other = 0;
    }
    return works(r, w);
}

static long run_create(void)
{
    r = w = (struct hepta_pipe *)buf; /* must be NULL afterwards */
    return hepta_pipe_new(&r, &w, NULL);
}

static bool check_create(long result)
{
    return result < 0 ? r == NULL && w == NULL : works(r, w);
}

static long run_export(void)
{
    return hepta_pipe_export(r, fds);
}

static bool check_export(long result)
{
    for (int i = 0; i < HEPTA_PIPE_NFDS && result == 0; i++)
        close(fds[i]);
    return works(r, w);
}

static long run_attach(void)
{
    return hepta_pipe_attach(&q, fds, NULL);
}

/* Refused: the descriptors are the caller's still, and work when tried again. */
static bool check_attach(long result)
{
    if (result < 0 && (q != NULL || hepta_pipe_attach(&q, fds, NULL) < 0))
        return false;
    return works(r, q);
}

static long run_fd_r(void)
{
    return hepta_pipe_fd(r);
}

static long run_fd_w(void)
{
    return hepta_pipe_fd(w);
}

/* When the descriptor was given, it must be right, too. */
static bool check_fd_r(long result)
{
    struct pollfd p = {(int)result, POLLIN, 0};

    if (result < 0)
        return works(r, w);
    return hepta_pipe_write(w, "!", 1, HEPTA_NOW) == 1 && poll(&p, 1, 0) == 1 && works(r, w);
}

static bool check_fd_w(long result)
{
    struct pollfd p = {(int)result, POLLIN, 0};

    return result < 0 ? works(r, w) : poll(&p, 1, 0) == 1 && works(r, w);
}

static long run_stat(void)
{
    struct hepta_pipe_stat st;

    return hepta_pipe_stat(r, &st, sizeof(st));
}

static long run_close(void)
{
    r = hepta_pipe_close(r);
    w = hepta_pipe_close(w);
    return 0;
}

static long run_read(void)
{
    return hepta_pipe_read(r, buf, 1, hepta_in_ms(5));
}

static long run_write(void)
{
    return hepta_pipe_write(w, buf, 1, hepta_in_ms(200));
}

static long run_write_short(void)
{
    return hepta_pipe_write(w, buf, 1, hepta_in_ms(5));
}

static long run_read_long(void)
{
    return hepta_pipe_read(r, buf, 1, hepta_in_ms(200));
}

static long run_reserve(void)
{
    void *p;
    int rc = hepta_pipe_reserve(w, 16, &p, hepta_in_ms(5));

    return rc < 0 ? rc : hepta_pipe_commit(w, 0);
}

static long run_peek(void)
{
    const void *p;
    ssize_t n = hepta_pipe_peek(r, &p, hepta_in_ms(5));

    return n < 0 ? n : hepta_pipe_release(r, 0);
}

/* The wake-up mustn't be lost because the bell had to be rung in another way. */
static bool check_woken(long result)
{
    if (result > 0 && t_reap(other, 5000) != 0)
        return false;
    if (result > 0)
        other = 0;
    return still_works(result);
}

#define CREATE_ERRORS {EINVAL, E2BIG, EFAULT, ENOMEM, ENOSPC, EMFILE, ENFILE, ENOSYS}
#define ATTACH_ERRORS                                                                              \
    {EFAULT, EINVAL, E2BIG, EBADF, EPROTO, EPERM, EPROTONOSUPPORT, EMEDIUMTYPE, ENODATA, EXDEV,    \
     EBADMSG, ENOMEM, ENOSYS}
#define WAIT_ERRORS {EAGAIN, ETIMEDOUT, EINTR, ENOSYS}

static const struct inject_op first[] = {
    {"create, the first in the process", CREATE_ERRORS, NULL, run_create, check_create, close_all,
     1},
};

static const struct inject_op ops[] = {
    {"create", CREATE_ERRORS, NULL, run_create, check_create, close_all, 0},
    {"export", {EMFILE}, have_pipe, run_export, check_export, close_all, 0},
    {"attach", ATTACH_ERRORS, have_exported, run_attach, check_attach, close_all, 0},
    {"descriptor of the read end", {ETIMEDOUT}, have_pipe, run_fd_r, check_fd_r, close_all, 0},
    {"the same, with data there", {ETIMEDOUT}, have_full_pipe, run_fd_r, still_works, close_all, 0},
    {"descriptor of the write end", {ETIMEDOUT}, have_pipe, run_fd_w, check_fd_w, close_all, 0},
    {"stat", {0}, have_pipe, run_stat, still_works, close_all, 0},
    {"close", {0}, have_pipe, run_close, NULL, NULL, 0},
    {"read that finds nothing", WAIT_ERRORS, have_pipe, run_read, still_works, close_all, 0},
    {"read of what a sleeper waits for", WAIT_ERRORS, have_sleeping_writer, run_read_long,
     check_woken, close_all, 0},
    {"write that finds no room", WAIT_ERRORS, have_full_pipe, run_write_short, still_works,
     close_all, 0},
    {"write to a sleeper", WAIT_ERRORS, have_sleeping_reader, run_write, check_woken, close_all, 0},
    {"reserve", WAIT_ERRORS, have_pipe, run_reserve, still_works, close_all, 0},
    {"peek", WAIT_ERRORS, have_full_pipe, run_peek, still_works, close_all, 0},
    {"write behind a living reservation", WAIT_ERRORS, have_living_reservation, run_write_short,
     still_works, close_all, 0},
    {"write behind a dead reservation", WAIT_ERRORS, have_dead_reservation, run_write, still_works,
     close_all, 0},
    {"read behind a dead peek", WAIT_ERRORS, have_dead_peek, run_read_long, still_works, close_all,
     0},
};

int main(void)
{
    int n_bad;

    t_limit(300);
    n_bad = inject_all(first, T_COUNT(first));
    have_pipe(); /* what the library makes once per process is made now */
    close_all();
    n_bad += inject_all(ops, T_COUNT(ops));
    return n_bad != 0;
}
