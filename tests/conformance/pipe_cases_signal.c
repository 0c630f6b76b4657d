/* SPDX-License-Identifier: MIT */
/*
 * pipe_cases_signal.c - calls that a signal interrupts
 *
 * Each case has a child asleep in a call, sends it a signal when it sleeps, and lets it tell
 * what came back. signal(7) has the rules that read(2) and write(2) point to.
 */
#define _GNU_SOURCE
#include "pipe_room.h"

#include <errno.h>

static void read_eintr(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    pid_t child = caller(c, &p, true, 10, 0, EVER);
    break_off(c, child);
    ends_with(c, child, -EINTR);
    EQ(c, put(c, &p, 10, EVER), 10); /* and the pipe is as before */
    EQ(c, get(c, &p, 10, NOW), 10);
    close_both(c, &p);
}

static void write_eintr(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    fill(c, &p);
    pid_t child = caller(c, &p, false, 10, 0, EVER);
    break_off(c, child);
    ends_with(c, child, -EINTR);
    EQ(c, used(c, &p), CAPACITY);
    get_all(c, &p, CAPACITY);
    EQ(c, get(c, &p, 1, NOW), -EAGAIN);
    close_both(c, &p);
}

static void partial_write(struct conf *c, int flags)
{
    struct pipe_pair p;

    make(c, &p);
    pid_t child = caller(c, &p, false, 200000, flags, EVER);
    get_all(c, &p, 2 * ATOMIC);
    conf_asleep(c, child);
    break_off(c, child);
    ends_with(c, child, CAPACITY + 2 * ATOMIC);
    get_all(c, &p, CAPACITY);
    EQ(c, get(c, &p, 1, NOW), -EAGAIN);
    close_both(c, &p);
}

static void write_partial(struct conf *c)
{
    partial_write(c, 0);
}

static void write_partial_restart(struct conf *c)
{
    partial_write(c, SA_RESTART);
}

/* The rest of a partial write goes with another call. */
static void write_goes_on(struct conf *c)
{
    enum { LEN = 200000 };
    struct pipe_pair p;

    make(c, &p);
    pid_t child = conf_fork(c);
    if (child == 0) {
        conf_handle(c, SIGUSR1, 0);
        while (p.n_put < LEN) {
            conf_set(c, CALLING, 1);
            ssize_t n = put(c, &p, LEN - p.n_put, EVER);
            OK(c, n > 0 || n == -EINTR);
        }
        conf_exit();
    }
    for (size_t left = LEN; left > 0;) {
        if (left > CAPACITY + ATOMIC) {
            conf_asleep_after(c, child, CALLING);
            interrupt(c, child);
        }
        ssize_t n = get(c, &p, 10 * ATOMIC, EVER);
        OK(c, n > 0);
        left -= (size_t)n;
    }
    conf_join(c, child);
    close_both(c, &p);
}

/* With a finite deadline nothing restarts on either side: the kernel's is poll(2). */
static void deadline_eintr(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    pid_t child = caller(c, &p, true, 10, SA_RESTART, hepta_in_ms(60000));
    break_off(c, child);
    ends_with(c, child, -EINTR);
    fill(c, &p);
    child = caller(c, &p, false, 10, SA_RESTART, hepta_in_ms(60000));
    break_off(c, child);
    ends_with(c, child, -EINTR);
    close_both(c, &p);
}

/* Handlers that run all the time neither lose nor double a byte. */
static void storm(struct conf *c)
{
    enum { LEN = 1000000 };
    struct pipe_pair p;

    make(c, &p);
    pid_t child = conf_fork(c);
    if (child == 0) {
        conf_handle(c, SIGUSR1, 0);
        conf_set(c, CALLING, 1);
        while (p.n_got < LEN) {
            ssize_t n = get(c, &p, 1000, EVER);
            OK(c, n > 0 || n == -EINTR);
        }
        conf_exit();
    }
    conf_await(c, CALLING, 1);
    while (p.n_put < LEN) {
        EQ(c, put(c, &p, 500, EVER), 500);
        if (p.n_put < LEN && p.n_put / 500 % 4 == 0)
            kill(child, SIGUSR1);
    }
    conf_join(c, child);
    close_both(c, &p);
}

const struct conf_case pipe_signal_cases[] = {
    {"signal.read_eintr", read_eintr, NEEDS_NOTHING, NULL, NULL, 0},
    {"signal.write_eintr", write_eintr, NEEDS_NOTHING, NULL, NULL, 0},
    {"signal.write_partial", write_partial, NEEDS_NOTHING, NULL, NULL, 0},
    {"signal.write_partial_restart", write_partial_restart, NEEDS_NOTHING, NULL, NULL, 0},
    {"signal.write_goes_on", write_goes_on, NEEDS_NOTHING, NULL, NULL, 0},
    {"signal.deadline_eintr", deadline_eintr, NEEDS_NOTHING, NULL, NULL, 0},
    {"signal.storm", storm, NEEDS_NOTHING, NULL, NULL, 20},
    {0},
};
