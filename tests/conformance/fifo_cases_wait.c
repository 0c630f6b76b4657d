/* SPDX-License-Identifier: MIT */
/*
 * fifo_cases_wait.c - an open() that waits: deadlines, signals; and one that fails
 */
#define _GNU_SOURCE
#include "fifo_room.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHORT_MS 30

static const struct pipe_want usual;

static void times_out(struct conf *c)
{
    static const unsigned sides[] = {FOR_READ, FOR_WRITE};
    struct fifo f;

    make_fifo(c, &f);
    for (int i = 0; i < 2; i++) {
        int64_t deadline = hepta_in_ms(SHORT_MS);

        EQ(c, try_open(c, &f, sides[i], deadline), -ETIMEDOUT);
        OK(c, hepta_now_ns() >= deadline);
        EQ(c, try_open(c, &f, sides[i], 1), -ETIMEDOUT);
    }
    EQ(c, try_open(c, &f, FOR_WRITE, NOW), -ENXIO); /* and left nothing open */
    remove_fifo(c, &f);
}

static void in_time(struct conf *c)
{
    static const unsigned sides[] = {FOR_READ, FOR_WRITE};
    struct fifo f;

    make_fifo(c, &f);
    for (int i = 0; i < 2; i++) {
        pid_t child = opener(c, &f, sides[i], i, 0, hepta_in_ms(600000));

        struct pend *end = must_open(c, &f, FOR_BOTH ^ sides[i], NOW);
        conf_await(c, OPENED + i, 1);
        conf_set(c, LEAVE, 1);
        conf_join(c, child);
        conf_set(c, LEAVE, 0);
        shut_fifo(c, &end);
    }
    remove_fifo(c, &f);
}

/* Who need not wait doesn't look at the deadline. */
static void not_needed(struct conf *c)
{
    struct fifo f;

    make_fifo(c, &f);
    struct pend *r = must_open(c, &f, FOR_READ, NOW);
    EQ(c, try_open(c, &f, FOR_WRITE, 1), 0);
    struct pend *w = must_open(c, &f, FOR_WRITE, hepta_in_ms(600000));
    EQ(c, try_open(c, &f, FOR_READ, 1), 0);
    shut_fifo(c, &r);
    shut_fifo(c, &w);
    remove_fifo(c, &f);
}

static void eintr(struct conf *c)
{
    struct fifo f;

    make_fifo(c, &f);
    pid_t child = opener(c, &f, FOR_READ, 0, 0, EVER);
    break_off(c, child);
    ends_with(c, child, -EINTR);
    EQ(c, try_open(c, &f, FOR_WRITE, NOW), -ENXIO); /* it isn't open */
    child = opener(c, &f, FOR_WRITE, 0, 0, EVER);
    break_off(c, child);
    ends_with(c, child, -EINTR);
    child = opener(c, &f, FOR_READ, 0, 0, hepta_in_ms(60000));
    break_off(c, child);
    ends_with(c, child, -EINTR);
    remove_fifo(c, &f);
}

/* After a handler under SA_RESTART the kernel's open() waits on, Hepta's returns -EINTR. */
static void restarts(struct conf *c)
{
    struct fifo f;

    make_fifo(c, &f);
    pid_t child = opener(c, &f, FOR_READ, 0, SA_RESTART, EVER);
    if (conf_side(c) == CONF_KERNEL) {
        interrupt(c, child);
        still_waits(c, child);
    } else {
        break_off(c, child);
    }
    EQ(c, conf_get(c, RETURNED), DIFFERS(c, 0, 1));
    EQ(c, try_open(c, &f, FOR_WRITE, NOW), DIFFERS(c, 0, -ENXIO));
    conf_set(c, LEAVE, 1);
    ends_with(c, child, DIFFERS(c, 0, -EINTR));
    remove_fifo(c, &f);
}

/* Without a handler, ignored, blocked, stopped and continued: it waits on. */
static void not_interrupted(struct conf *c)
{
    struct fifo f;
    sigset_t set;
    int status;

    make_fifo(c, &f);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    pid_t child = opener(c, &f, FOR_WRITE, 0, 0, EVER);
    kill(child, SIGURG);
    still_waits(c, child);
    kill(child, SIGUSR1);
    still_waits(c, child);
    kill(child, SIGSTOP);
    EQ(c, waitpid(child, &status, WUNTRACED), child);
    kill(child, SIGCONT);
    still_waits(c, child);
    struct pend *r = must_open(c, &f, FOR_READ, EVER);
    conf_set(c, LEAVE, 1);
    ends_with(c, child, 0);
    shut_fifo(c, &r);
    remove_fifo(c, &f);
}

/* What one open() takes of the process's descriptors. */
static int n_taken(struct conf *c, const struct fifo *f, unsigned access)
{
    int before = conf_n_fds();
    struct pend *end = must_open(c, f, access, EVER);
    int n = conf_n_fds() - before;

    shut_fifo(c, &end);
    EQ(c, conf_n_fds(), before);
    return n;
}

static void how_many_descriptors(struct conf *c)
{
    struct fifo f;

    make_fifo(c, &f);
    struct pend *both = must_open(c, &f, FOR_BOTH, NOW);
    for (unsigned access = FOR_READ; access <= FOR_BOTH; access++)
        EQ(c, n_taken(c, &f, access), DIFFERS(c, 1, 3));
    shut_fifo(c, &both);
    remove_fifo(c, &f);
}

/* open() in a child that may have @spare descriptors more. */
static int open_with_spare(struct conf *c, const struct fifo *f, int spare)
{
    pid_t child = conf_fork(c);

    if (child == 0) {
        int lowest = dup(0);

        close(lowest);
        struct rlimit lim = {(rlim_t)(lowest + spare), (rlim_t)(lowest + spare)};
        OK(c, setrlimit(RLIMIT_NOFILE, &lim) == 0);
        int err = try_open(c, f, FOR_READ, NOW);
        EQ(c, dup(0), spare > 0 ? lowest : -1); /* nothing is left open */
        conf_set(c, 0, err);
        conf_exit();
    }
    conf_join(c, child);
    return (int)conf_get(c, 0);
}

static void no_descriptors(struct conf *c)
{
    struct fifo f;

    make_fifo(c, &f);
    EQ(c, open_with_spare(c, &f, 0), -EMFILE);
    EQ(c, try_open(c, &f, FOR_WRITE, NOW), -ENXIO);
    EQ(c, open_with_spare(c, &f, 64), 0);
    remove_fifo(c, &f);
}

/* With any number of descriptors it either opens or says that they are too few. */
static void few_descriptors(struct conf *c)
{
    struct fifo f;
    int err;

    make_fifo(c, &f);
    for (int spare = 0; (err = open_with_spare(c, &f, spare)) < 0; spare++) {
        EQ(c, err, -EMFILE);
        EQ(c, try_open(c, &f, FOR_WRITE, NOW), -ENXIO);
        OK(c, spare < 16);
    }
    remove_fifo(c, &f);
}

/* Misuse that only a function with these arguments can have. */
static void misuse(struct conf *c)
{
    struct pend *end;
    struct fifo f;

    make_fifo(c, &f);
    EQ(c, fops(c)->open(&end, f.name, 0, &usual, NOW), -EINVAL);
    EQ(c, fops(c)->open(&end, f.name, 4, &usual, NOW), -EINVAL);
    EQ(c, fops(c)->open(&end, f.name, FOR_BOTH | 4, &usual, NOW), -EINVAL);
    EQ(c, fops(c)->open(NULL, f.name, FOR_BOTH, &usual, NOW), -EFAULT);
    end = must_open(c, &f, FOR_BOTH, NOW);
    shut_fifo(c, &end);
    EQ(c, fops(c)->open(&end, "/nobody-made-this", FOR_READ, &usual, NOW), -ENOENT);
    OK(c, end == NULL);
    EQ(c, fops(c)->make("/bad", 0600, &(struct pipe_want){.flags = WANT_BAD_FLAG}), -EINVAL);
    EQ(c, fops(c)->unlink("/bad"), -ENOENT);
    remove_fifo(c, &f);
}

/* A handle that isn't open for that. */
static void wrong_side(struct conf *c)
{
    struct fifo f;
    struct pipe_pair p;
    char buf[10];

    make_fifo(c, &f);
    open_pair(c, &f, &p);
    EQ(c, put(c, &p, 5, EVER), 5);
    EQ(c, ops(c)->write(p.r, "abc", 3, EVER), -EBADF);
    EQ(c, ops(c)->read(p.w, buf, sizeof(buf), EVER), -EBADF);
    EQ(c, get(c, &p, 100, NOW), 5);
    close_both(c, &p);
    remove_fifo(c, &f);
}

const struct conf_case fifo_wait_cases[] = {
    {"open.times_out", times_out, NEEDS_NOTHING, NULL, NULL, 0},
    {"open.in_time", in_time, NEEDS_NOTHING, NULL, NULL, 0},
    {"open.deadline_not_needed", not_needed, NEEDS_NOTHING, NULL, NULL, 0},
    {"open.eintr", eintr, NEEDS_NOTHING, NULL, NULL, 0},
    {"open.restarts", restarts, NEEDS_NOTHING, "no-restart-of-open", NULL, 0},
    {"open.not_interrupted", not_interrupted, NEEDS_NOTHING, NULL, NULL, 0},
    {"open.how_many_descriptors", how_many_descriptors, NEEDS_NOTHING, "three-descriptors",
     NULL, 0},
    {"open.no_descriptors", no_descriptors, NEEDS_NOTHING, NULL, NULL, 0},
    {"open.few_descriptors", few_descriptors, NEEDS_NOTHING, NULL, NULL, 0},
    {"open.misuse", misuse, NEEDS_VERBS, NULL, NULL, 0},
    {"open.wrong_side", wrong_side, NEEDS_NOTHING, NULL, NULL, 0},
    {0},
};
