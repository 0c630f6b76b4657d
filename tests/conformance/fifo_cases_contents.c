/* SPDX-License-Identifier: MIT */
/*
 * fifo_cases_contents.c - what is inside lives as long as somebody has the FIFO open
 */
#define _GNU_SOURCE
#include "fifo_room.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* Opened anew: nothing is in it, and all of it can be used. */
static void is_empty(struct conf *c, const struct fifo *f)
{
    struct pipe_pair p;

    open_pair(c, f, &p);
    EQ(c, get(c, &p, 10, NOW), -EAGAIN);
    EQ(c, used(c, &p), 0);
    OK(c, !r_ready(c, &p) && w_ready(c, &p));
    EQ(c, fill(c, &p), CAPACITY);
    get_all(c, &p, CAPACITY);
    close_both(c, &p);
}

static void vanish_at_last_close(struct conf *c)
{
    struct fifo f;
    struct pipe_pair p;

    make_fifo(c, &f);
    for (int i = 0; i < 4; i++) {
        open_pair(c, &f, &p);
        EQ(c, put(c, &p, 1000 * (size_t)i + 1, EVER), 1000 * i + 1);
        if (i % 2)
            close_w(c, &p), close_r(c, &p);
        else
            close_r(c, &p), close_w(c, &p);
        is_empty(c, &f);
    }
    struct pend *both = must_open(c, &f, FOR_BOTH, EVER);
    p = (struct pipe_pair){.w = both};
    EQ(c, fill(c, &p), CAPACITY);
    shut_fifo(c, &both);
    is_empty(c, &f);
    remove_fifo(c, &f);
}

/* A child that has put something in; cell 0 tells, cell 1 lets it exit. */
static pid_t child_with_contents(struct conf *c, const struct fifo *f, size_t len)
{
    pid_t child = conf_fork(c);

    if (child == 0) {
        struct pipe_pair p;

        open_pair(c, f, &p);
        EQ(c, put(c, &p, len, EVER), len);
        conf_set(c, 0, 1);
        conf_await(c, 1, 1);
        exit(0); /* without close() */
    }
    return child;
}

static void vanish_by_kill(struct conf *c)
{
    struct fifo f;

    make_fifo(c, &f);
    for (int i = 0; i < 10; i++) {
        conf_set(c, 0, 0);
        pid_t child = child_with_contents(c, &f, i % 2 ? CAPACITY : 100);
        conf_await(c, 0, 1);
        conf_kill(c, child);
        is_empty(c, &f);
    }
    remove_fifo(c, &f);
}

static void vanish_by_exit(struct conf *c)
{
    struct fifo f;

    make_fifo(c, &f);
    pid_t child = child_with_contents(c, &f, 100);
    conf_await(c, 0, 1);
    conf_set(c, 1, 1);
    conf_join(c, child);
    is_empty(c, &f);
    remove_fifo(c, &f);
}

static void reader_holds(struct conf *c)
{
    struct fifo f;
    struct pipe_pair p;

    make_fifo(c, &f);
    open_pair(c, &f, &p);
    EQ(c, put(c, &p, 5000, EVER), 5000);
    close_w(c, &p);
    struct pend *r2 = must_open(c, &f, FOR_READ, NOW);
    close_r(c, &p);
    p.r = r2; /* another reader's handle finds them */
    EQ(c, get(c, &p, 1000, EVER), 1000);
    p.w = must_open(c, &f, FOR_WRITE, NOW);
    EQ(c, put(c, &p, 10, EVER), 10); /* and a new writer adds to them */
    EQ(c, get(c, &p, MAX_PUT, EVER), 4010);
    close_both(c, &p);
    remove_fifo(c, &f);
}

static void writer_holds(struct conf *c)
{
    struct fifo f;
    struct pipe_pair p;

    make_fifo(c, &f);
    open_pair(c, &f, &p);
    EQ(c, put(c, &p, 5000, EVER), 5000);
    close_r(c, &p);
    EQ(c, put(c, &p, 10, NOW), -EPIPE);
    p.r = must_open(c, &f, FOR_READ, EVER);
    EQ(c, get(c, &p, MAX_PUT, EVER), 5000);
    EQ(c, get(c, &p, 10, NOW), -EAGAIN);
    close_both(c, &p);
    remove_fifo(c, &f);
}

/* Who waits in open() has it open already, in this respect, too. */
static void waiting_opener_holds(struct conf *c)
{
    struct fifo f;
    struct pipe_pair p;

    make_fifo(c, &f);
    open_pair(c, &f, &p);
    EQ(c, put(c, &p, 50, EVER), 50);
    close_w(c, &p);
    pid_t child = conf_fork(c);
    if (child == 0) {
        close_r(c, &p);
        conf_set(c, 0, 1);
        p.r = must_open(c, &f, FOR_READ, EVER); /* no writer: it waits */
        EQ(c, get(c, &p, 100, EVER), 50);
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    close_r(c, &p);
    p.w = must_open(c, &f, FOR_WRITE, NOW);
    conf_join(c, child);
    close_w(c, &p);
    remove_fifo(c, &f);
}

static void killed_opener_holds_nothing(struct conf *c)
{
    struct fifo f;
    struct pipe_pair p;

    make_fifo(c, &f);
    open_pair(c, &f, &p);
    EQ(c, put(c, &p, 50, EVER), 50);
    close_w(c, &p);
    pid_t child = conf_fork(c);
    if (child == 0) {
        close_r(c, &p);
        conf_set(c, 0, 1);
        must_open(c, &f, FOR_READ, EVER);
        conf_fail(c, "the open returned");
    }
    conf_asleep_after(c, child, 0);
    close_r(c, &p);
    conf_kill(c, child);
    is_empty(c, &f);
    remove_fifo(c, &f);
}

/* So does a child that inherited a handle, whatever its parent does. */
static void child_holds(struct conf *c)
{
    struct fifo f;
    struct pipe_pair p;

    make_fifo(c, &f);
    open_pair(c, &f, &p);
    EQ(c, put(c, &p, 50, EVER), 50);
    pid_t child = conf_fork(c);
    if (child == 0) {
        close_w(c, &p);
        conf_set(c, 0, 1);
        pause();
    }
    conf_await(c, 0, 1);
    close_both(c, &p);
    p.r = must_open(c, &f, FOR_READ, NOW);
    EQ(c, get(c, &p, 20, EVER), 20);
    close_r(c, &p);
    p.r = must_open(c, &f, FOR_READ, NOW);
    EQ(c, get(c, &p, 100, EVER), 30);
    close_r(c, &p);
    conf_kill(c, child);
    is_empty(c, &f);
    remove_fifo(c, &f);
}

/* A reader that dies in read(), and the writer's data before it. */
static void readers_death_keeps_the_rest(struct conf *c)
{
    struct fifo f;
    struct pipe_pair p = {0};

    make_fifo(c, &f);
    struct pend *both = must_open(c, &f, FOR_BOTH, EVER);
    pid_t child = conf_fork(c);
    if (child == 0) {
        shut_fifo(c, &both);
        p.r = must_open(c, &f, FOR_READ, EVER);
        get_after(c, &p, 100, 0);
        conf_fail(c, "the read returned");
    }
    conf_asleep_after(c, child, 0);
    conf_kill(c, child);
    p.w = p.r = both;
    EQ(c, put(c, &p, 60, EVER), 60);
    EQ(c, get(c, &p, 100, EVER), 60);
    shut_fifo(c, &both);
    remove_fifo(c, &f);
}

const struct conf_case fifo_contents_cases[] = {
    {"contents.vanish_at_last_close", vanish_at_last_close, NEEDS_NOTHING, NULL, NULL, 0},
    {"contents.vanish_by_kill", vanish_by_kill, NEEDS_NOTHING, NULL, NULL, 0},
    {"contents.vanish_by_exit", vanish_by_exit, NEEDS_NOTHING, NULL, NULL, 0},
    {"contents.reader_holds", reader_holds, NEEDS_NOTHING, NULL, NULL, 0},
    {"contents.writer_holds", writer_holds, NEEDS_NOTHING, NULL, NULL, 0},
    {"contents.waiting_opener_holds", waiting_opener_holds, NEEDS_NOTHING, NULL, NULL, 0},
    {"contents.killed_opener", killed_opener_holds_nothing, NEEDS_NOTHING, NULL, NULL, 0},
    {"contents.child_holds", child_holds, NEEDS_NOTHING, NULL, NULL, 0},
    {"contents.readers_death", readers_death_keeps_the_rest, NEEDS_NOTHING, NULL, NULL, 0},
    {0},
};
