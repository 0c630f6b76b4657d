/* SPDX-License-Identifier: MIT */
/*
 * fifo_cases_reopen.c - end-of-file and -EPIPE are not the end: another partner can come
 *
 * What these are while both sides are one pipe's the pipe's cases say.
 */
#define _GNU_SOURCE
#include "fifo_room.h"

#include <errno.h>
#include <unistd.h>

static void before_first_writer(struct conf *c)
{
    struct fifo f;

    make_fifo(c, &f);
    struct pipe_pair p = {.r = must_open(c, &f, FOR_READ, NOW)};
    EQ(c, get(c, &p, 10, NOW), 0);
    EQ(c, get(c, &p, 10, EVER), 0); /* nobody to wait for */
    EQ(c, get(c, &p, 10, hepta_in_ms(60000)), 0);
    p.w = must_open(c, &f, FOR_WRITE, NOW);
    EQ(c, get(c, &p, 10, NOW), -EAGAIN);
    EQ(c, put(c, &p, 10, NOW), 10);
    EQ(c, get(c, &p, 10, NOW), 10);
    close_both(c, &p);
    remove_fifo(c, &f);
}

/* The same reader's handle, one writer after the other. */
static void another_writer(struct conf *c)
{
    struct fifo f;

    make_fifo(c, &f);
    struct pipe_pair p = {.r = must_open(c, &f, FOR_READ, NOW)};
    for (int i = 0; i < 20; i++) {
        p.w = must_open(c, &f, FOR_WRITE, i % 2 ? NOW : EVER);
        EQ(c, put(c, &p, 100, EVER), 100);
        EQ(c, get(c, &p, 60, EVER), 60);
        close_w(c, &p);
        EQ(c, get(c, &p, 60, EVER), 40); /* data first */
        EQ(c, get(c, &p, 60, EVER), 0);
        EQ(c, get(c, &p, 60, NOW), 0);
    }
    close_r(c, &p);
    remove_fifo(c, &f);
}

/* A reader sleeps in read() again after each writer: it is woken by the next one's data. */
static void sleeps_again(struct conf *c)
{
    enum { N = 10, OPEN = 0, GOT, SLEEPING };
    struct fifo f;
    struct pipe_pair p = {0};

    make_fifo(c, &f);
    pid_t child = conf_fork(c);
    if (child == 0) {
        p.r = must_open(c, &f, FOR_READ, EVER);
        for (int i = 1; i <= N; i++) {
            conf_await(c, OPEN, i);
            conf_set(c, SLEEPING, i);
            EQ(c, get(c, &p, 10, EVER), 5);
            EQ(c, get(c, &p, 10, EVER), 0);
            conf_set(c, GOT, i);
        }
        conf_exit();
    }
    for (int i = 1; i <= N; i++) {
        p.w = must_open(c, &f, FOR_WRITE, EVER);
        conf_set(c, OPEN, i);
        conf_await(c, SLEEPING, i);
        conf_asleep(c, child);
        EQ(c, put(c, &p, 5, EVER), 5);
        conf_asleep(c, child);
        close_w(c, &p);
        conf_await(c, GOT, i);
    }
    conf_join(c, child);
    remove_fifo(c, &f);
}

static void reader_opens_again(struct conf *c)
{
    enum { N = 10 };
    struct fifo f;
    struct pipe_pair p = {0};

    make_fifo(c, &f);
    pid_t child = conf_fork(c);
    if (child == 0) {
        for (int i = 1; i <= N; i++) {
            p.w = must_open(c, &f, FOR_WRITE, EVER);
            EQ(c, put(c, &p, 5000, EVER), 5000);
            close_w(c, &p);
            conf_await(c, 0, i); /* or it would find the old reader still there */
        }
        conf_exit();
    }
    for (int i = 1; i <= N; i++) {
        p.r = must_open(c, &f, FOR_READ, EVER);
        get_all(c, &p, 5000);
        EQ(c, get(c, &p, 10, EVER), 0);
        close_r(c, &p);
        conf_set(c, 0, i);
    }
    conf_join(c, child);
    remove_fifo(c, &f);
}

/* Handles of several processes that opened the name themselves. */
static void all_writers(struct conf *c)
{
    enum { N = 4, STARTED = 20, LEFT };
    struct fifo f;
    pid_t child[N];

    make_fifo(c, &f);
    struct pipe_pair p = {.r = must_open(c, &f, FOR_READ, NOW)};
    for (int i = 0; i < N; i++) {
        child[i] = conf_fork(c);
        if (child[i] == 0) {
            struct pend *w = must_open(c, &f, FOR_WRITE, EVER);

            close_r(c, &p);
            conf_add(c, STARTED, 1);
            conf_await(c, i, 1);
            shut_fifo(c, &w);
            conf_add(c, LEFT, 1);
            conf_await(c, 30, 1);
            conf_exit();
        }
    }
    conf_await(c, STARTED, N);
    for (int i = 0; i < N; i++) {
        EQ(c, get(c, &p, 10, NOW), -EAGAIN);
        conf_set(c, i, 1);
        conf_await(c, LEFT, i + 1);
    }
    EQ(c, get(c, &p, 10, NOW), 0);
    conf_set(c, 30, 1);
    for (int i = 0; i < N; i++)
        conf_join(c, child[i]);
    close_r(c, &p);
    remove_fifo(c, &f);
}

/* A reader asleep in read() sees the end when its only writer is killed, and reads on when
 * another one has come. */
static void killed_writer(struct conf *c)
{
    struct fifo f;
    struct pipe_pair p = {0};

    make_fifo(c, &f);
    pid_t reader = conf_fork(c);
    if (reader == 0) {
        p.r = must_open(c, &f, FOR_READ, EVER);
        conf_set(c, 0, 1);
        EQ(c, get(c, &p, 10, EVER), 0);
        conf_set(c, 1, 1);
        conf_await(c, 2, 1);
        EQ(c, get(c, &p, 10, EVER), 7);
        conf_exit();
    }
    pid_t writer = conf_fork(c);
    if (writer == 0) {
        must_open(c, &f, FOR_WRITE, EVER);
        pause();
    }
    conf_asleep_after(c, reader, 0);
    conf_kill(c, writer);
    conf_await(c, 1, 1);
    p.w = must_open(c, &f, FOR_WRITE, NOW);
    EQ(c, put(c, &p, 7, EVER), 7);
    conf_set(c, 2, 1);
    conf_join(c, reader);
    close_w(c, &p);
    remove_fifo(c, &f);
}

/* A new writer in time keeps the end away from a sleeping reader. */
static void writers_overlap(struct conf *c)
{
    struct fifo f;
    struct pipe_pair p = {0};

    make_fifo(c, &f);
    pid_t child = conf_fork(c);
    if (child == 0) {
        p.r = must_open(c, &f, FOR_READ, EVER);
        conf_set(c, 0, 1);
        EQ(c, get(c, &p, 10, EVER), 3);
        conf_exit();
    }
    struct pend *w1 = must_open(c, &f, FOR_WRITE, EVER);
    conf_asleep_after(c, child, 0);
    for (int i = 0; i < 20; i++) {
        struct pend *w2 = must_open(c, &f, FOR_WRITE, EVER);
        shut_fifo(c, &w1);
        w1 = w2;
    }
    conf_asleep(c, child);
    p.w = w1;
    EQ(c, put(c, &p, 3, EVER), 3);
    conf_join(c, child);
    close_w(c, &p);
    remove_fifo(c, &f);
}

static void another_reader(struct conf *c)
{
    struct fifo f;
    struct pipe_pair p;

    make_fifo(c, &f);
    open_pair(c, &f, &p);
    for (int i = 0; i < 20; i++) {
        EQ(c, put(c, &p, 100, EVER), 100);
        EQ(c, get(c, &p, 100, EVER), 100);
        close_r(c, &p);
        EQ(c, put(c, &p, 100, NOW), -EPIPE);
        EQ(c, put(c, &p, 100, EVER), -EPIPE);
        p.r = must_open(c, &f, FOR_READ, i % 2 ? NOW : EVER);
    }
    EQ(c, put(c, &p, 100, EVER), 100);
    EQ(c, get(c, &p, 100, EVER), 100);
    close_both(c, &p);
    remove_fifo(c, &f);
}

/* A writer asleep before a full FIFO is told, too; what is in it stays for the next reader. */
static void full_then_another_reader(struct conf *c)
{
    struct fifo f;
    struct pipe_pair p;

    make_fifo(c, &f);
    open_pair(c, &f, &p);
    EQ(c, fill(c, &p), CAPACITY);
    pid_t child = conf_fork(c);
    if (child == 0) {
        close_r(c, &p);
        EQ(c, put_after(c, &p, 10, 0), -EPIPE);
        conf_set(c, 2, 1);
        conf_await(c, 1, 1);
        EQ(c, put(c, &p, 10, EVER), 10);
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    close_r(c, &p);
    EQ(c, put(c, &p, 10, EVER), -EPIPE);
    conf_await(c, 2, 1); /* or it would wake to a new reader, and sleep on */
    p.r = must_open(c, &f, FOR_READ, EVER);
    conf_set(c, 1, 1);
    close_w(c, &p);
    get_all(c, &p, CAPACITY);
    get_all(c, &p, 10);
    EQ(c, get(c, &p, 10, EVER), 0);
    conf_join(c, child);
    close_r(c, &p);
    remove_fifo(c, &f);
}

static void both_never_ends(struct conf *c)
{
    struct fifo f;
    struct pipe_pair p;

    make_fifo(c, &f);
    struct pend *both = must_open(c, &f, FOR_BOTH, EVER);
    p = (struct pipe_pair){.r = both, .w = must_open(c, &f, FOR_WRITE, EVER)};
    close_w(c, &p);
    EQ(c, get(c, &p, 10, NOW), -EAGAIN);
    EQ(c, get(c, &p, 10, hepta_in_ms(20)), -ETIMEDOUT);
    p = (struct pipe_pair){.w = both, .r = must_open(c, &f, FOR_READ, EVER)};
    close_r(c, &p);
    EQ(c, fill(c, &p), CAPACITY);
    EQ(c, put(c, &p, 10, hepta_in_ms(20)), -ETIMEDOUT);
    p.r = both;
    get_all(c, &p, CAPACITY);
    shut_fifo(c, &both);
    remove_fifo(c, &f);
}

const struct conf_case fifo_reopen_cases[] = {
    {"eof.before_first_writer", before_first_writer, NEEDS_NOTHING, NULL, NULL, 0},
    {"eof.another_writer", another_writer, NEEDS_NOTHING, NULL, NULL, 0},
    {"eof.sleeps_again", sleeps_again, NEEDS_NOTHING, NULL, NULL, 0},
    {"eof.reader_opens_again", reader_opens_again, NEEDS_NOTHING, NULL, NULL, 0},
    {"eof.all_writers", all_writers, NEEDS_NOTHING, NULL, NULL, 0},
    {"eof.killed_writer", killed_writer, NEEDS_NOTHING, NULL, NULL, 0},
    {"eof.writers_overlap", writers_overlap, NEEDS_NOTHING, NULL, NULL, 0},
    {"eof.both_never_ends", both_never_ends, NEEDS_NOTHING, NULL, NULL, 0},
    {"epipe.another_reader", another_reader, NEEDS_NOTHING, NULL, NULL, 0},
    {"epipe.full_then_another_reader", full_then_another_reader, NEEDS_NOTHING, NULL, NULL, 0},
    {0},
};
