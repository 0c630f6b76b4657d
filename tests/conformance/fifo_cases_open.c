/* SPDX-License-Identifier: MIT */
/*
 * fifo_cases_open.c - opening: who waits for whom, who need not, and what ends the wait
 */
#define _GNU_SOURCE
#include "fifo_room.h"

#include <errno.h>
#include <pthread.h>

#define N_OPENERS 6

/* @waiting sleeps in open(), then this process opens the other side. */
static void other_side_releases(struct conf *c, unsigned waiting, unsigned other,
                                int64_t deadline)
{
    struct fifo f;

    make_fifo(c, &f);
    pid_t child = opener(c, &f, waiting, 0, 0, EVER);
    EQ(c, conf_get(c, OPENED), 0);
    struct pend *end = must_open(c, &f, other, deadline);
    conf_await(c, OPENED, 1);
    conf_set(c, LEAVE, 1);
    conf_join(c, child);
    shut_fifo(c, &end);
    remove_fifo(c, &f);
}

static void reader_waits(struct conf *c)
{
    other_side_releases(c, FOR_READ, FOR_WRITE, EVER);
}

static void writer_waits(struct conf *c)
{
    other_side_releases(c, FOR_WRITE, FOR_READ, EVER);
}

static void waiting_reader_counts(struct conf *c)
{
    other_side_releases(c, FOR_READ, FOR_WRITE, NOW);
}

static void waiting_writer_counts(struct conf *c)
{
    other_side_releases(c, FOR_WRITE, FOR_READ, NOW);
}

static void both_releases_reader(struct conf *c)
{
    other_side_releases(c, FOR_READ, FOR_BOTH, EVER);
}

static void both_releases_writer(struct conf *c)
{
    other_side_releases(c, FOR_WRITE, FOR_BOTH, EVER);
}

/* One partner is enough for any number. */
static void many_are_released(struct conf *c, unsigned waiting, unsigned other)
{
    struct fifo f;
    pid_t child[N_OPENERS];

    make_fifo(c, &f);
    for (int i = 0; i < N_OPENERS; i++)
        child[i] = opener(c, &f, waiting, i, 0, EVER);
    for (int i = 0; i < N_OPENERS; i++)
        EQ(c, conf_get(c, OPENED + i), 0); /* those of one side don't release each other */
    struct pend *end = must_open(c, &f, other, EVER);
    for (int i = 0; i < N_OPENERS; i++)
        conf_await(c, OPENED + i, 1);
    conf_set(c, LEAVE, 1);
    for (int i = 0; i < N_OPENERS; i++)
        conf_join(c, child[i]);
    shut_fifo(c, &end);
    remove_fifo(c, &f);
}

static void many_readers(struct conf *c)
{
    many_are_released(c, FOR_READ, FOR_WRITE);
}

static void many_writers(struct conf *c)
{
    many_are_released(c, FOR_WRITE, FOR_READ);
}

static void one_round(struct conf *c, const struct fifo *f, bool reading, int i)
{
    struct pend *end = must_open(c, f, reading ? FOR_READ : FOR_WRITE, EVER);
    char byte = (char)i;

    if (reading) {
        EQ(c, ops(c)->read(end, &byte, 1, EVER), 1);
        EQ(c, byte, (char)i);
        EQ(c, ops(c)->read(end, &byte, 1, EVER), 0);
    } else {
        EQ(c, ops(c)->write(end, &byte, 1, EVER), 1);
    }
    shut_fifo(c, &end);
}

/* Two that come at the same time find each other, whoever is first by how little. */
static void no_lost_meetings(struct conf *c)
{
    enum { N = 300, READER = 0, WRITER };
    struct fifo f;

    make_fifo(c, &f);
    pid_t child = conf_fork(c);
    if (child == 0) {
        for (int i = 1; i <= N; i++) {
            one_round(c, &f, true, i);
            conf_set(c, READER, i);
            conf_await(c, WRITER, i);
        }
        conf_exit();
    }
    for (int i = 1; i <= N; i++) {
        one_round(c, &f, false, i);
        conf_set(c, WRITER, i);
        conf_await(c, READER, i);
    }
    conf_join(c, child);
    remove_fifo(c, &f);
}

static void nonblocking_reader(struct conf *c)
{
    struct fifo f;

    make_fifo(c, &f);
    EQ(c, try_open(c, &f, FOR_READ, NOW), 0);
    struct pipe_pair p = {.r = must_open(c, &f, FOR_READ, NOW)};
    EQ(c, try_open(c, &f, FOR_READ, NOW), 0);
    p.w = must_open(c, &f, FOR_WRITE, EVER); /* there is a reader: no wait */
    EQ(c, put(c, &p, 10, EVER), 10);
    EQ(c, get(c, &p, 100, EVER), 10);
    close_both(c, &p);
    remove_fifo(c, &f);
}

static void nonblocking_writer(struct conf *c)
{
    struct fifo f;

    make_fifo(c, &f);
    EQ(c, try_open(c, &f, FOR_WRITE, NOW), -ENXIO);
    struct pend *r = must_open(c, &f, FOR_READ, NOW);
    EQ(c, try_open(c, &f, FOR_WRITE, NOW), 0);
    EQ(c, try_open(c, &f, FOR_WRITE, NOW), 0);
    struct pend *w = must_open(c, &f, FOR_WRITE, NOW);
    shut_fifo(c, &r);
    EQ(c, try_open(c, &f, FOR_WRITE, NOW), -ENXIO); /* other writers are no readers */
    shut_fifo(c, &w);
    EQ(c, try_open(c, &f, FOR_WRITE, NOW), -ENXIO);
    remove_fifo(c, &f);
}

static void both_never_waits(struct conf *c)
{
    struct fifo f;

    make_fifo(c, &f);
    EQ(c, try_open(c, &f, FOR_BOTH, EVER), 0);
    EQ(c, try_open(c, &f, FOR_BOTH, NOW), 0);
    EQ(c, try_open(c, &f, FOR_BOTH, 1), 0);
    struct pend *both = must_open(c, &f, FOR_BOTH, EVER);
    EQ(c, try_open(c, &f, FOR_WRITE, NOW), 0); /* it is a reader, and a writer */
    EQ(c, try_open(c, &f, FOR_WRITE, EVER), 0);
    EQ(c, try_open(c, &f, FOR_READ, EVER), 0);
    shut_fifo(c, &both);
    EQ(c, try_open(c, &f, FOR_WRITE, NOW), -ENXIO);
    remove_fifo(c, &f);
}

/* A process that talks to itself: what it writes it can read, nobody else is needed. */
static void both_talks_to_itself(struct conf *c)
{
    struct fifo f;

    make_fifo(c, &f);
    struct pend *both = must_open(c, &f, FOR_BOTH, EVER);
    struct pipe_pair p = {.r = both, .w = both};
    for (int i = 0; i < 50; i++) {
        EQ(c, put(c, &p, 1 + (size_t)i * 71, EVER), 1 + i * 71);
        EQ(c, get(c, &p, CAPACITY, EVER), 1 + i * 71);
    }
    EQ(c, get(c, &p, 10, NOW), -EAGAIN); /* its own write side is open: no end-of-file */
    EQ(c, fill(c, &p), CAPACITY);
    get_all(c, &p, CAPACITY);
    shut_fifo(c, &both);
    remove_fifo(c, &f);
}

struct thread {
    struct conf *c;
    const struct fifo *f;
};

static void *write_in_thread(void *arg)
{
    struct thread *t = arg;
    struct pend *w = must_open(t->c, t->f, FOR_WRITE, EVER);

    EQ(t->c, ops(t->c)->write(w, "hello", 5, EVER), 5);
    shut_fifo(t->c, &w);
    return NULL;
}

/* The other side may be another thread. */
static void threads_meet(struct conf *c)
{
    struct fifo f;
    struct thread arg = {c, &f};
    pthread_t thread;
    char buf[10];

    make_fifo(c, &f);
    OK(c, pthread_create(&thread, NULL, write_in_thread, &arg) == 0);
    struct pend *r = must_open(c, &f, FOR_READ, EVER);
    EQ(c, ops(c)->read(r, buf, sizeof(buf), EVER), 5);
    EQ(c, ops(c)->read(r, buf, sizeof(buf), EVER), 0);
    OK(c, pthread_join(thread, NULL) == 0);
    shut_fifo(c, &r);
    remove_fifo(c, &f);
}

/* Each open() is an end of its own: closing one leaves the others. */
static void each_its_own(struct conf *c)
{
    struct fifo f;
    struct pipe_pair p;

    make_fifo(c, &f);
    open_pair(c, &f, &p);
    struct pend *w2 = must_open(c, &f, FOR_WRITE, NOW), *r2 = must_open(c, &f, FOR_READ, NOW);
    shut_fifo(c, &p.w);
    EQ(c, get(c, &p, 10, NOW), -EAGAIN); /* there is another writer */
    p.w = w2;
    shut_fifo(c, &p.r);
    EQ(c, put(c, &p, 10, NOW), 10); /* and another reader */
    p.r = r2;
    EQ(c, get(c, &p, 10, NOW), 10);
    close_w(c, &p);
    EQ(c, get(c, &p, 10, EVER), 0);
    close_r(c, &p);
    remove_fifo(c, &f);
}

const struct conf_case fifo_open_cases[] = {
    {"open.reader_waits", reader_waits, NEEDS_NOTHING, NULL, NULL, 0},
    {"open.writer_waits", writer_waits, NEEDS_NOTHING, NULL, NULL, 0},
    {"open.waiting_reader_counts", waiting_reader_counts, NEEDS_NOTHING, NULL, NULL, 0},
    {"open.waiting_writer_counts", waiting_writer_counts, NEEDS_NOTHING, NULL, NULL, 0},
    {"open.both_releases_reader", both_releases_reader, NEEDS_NOTHING, NULL, NULL, 0},
    {"open.both_releases_writer", both_releases_writer, NEEDS_NOTHING, NULL, NULL, 0},
    {"open.many_readers", many_readers, NEEDS_NOTHING, NULL, NULL, 0},
    {"open.many_writers", many_writers, NEEDS_NOTHING, NULL, NULL, 0},
    {"open.no_lost_meetings", no_lost_meetings, NEEDS_NOTHING, NULL, NULL, 30},
    {"open.nonblocking_reader", nonblocking_reader, NEEDS_NOTHING, NULL, NULL, 0},
    {"open.nonblocking_writer", nonblocking_writer, NEEDS_NOTHING, NULL, NULL, 0},
    {"open.both_never_waits", both_never_waits, NEEDS_NOTHING, NULL, NULL, 0},
    {"open.both_talks_to_itself", both_talks_to_itself, NEEDS_NOTHING, NULL, NULL, 0},
    {"open.threads_meet", threads_meet, NEEDS_NOTHING, NULL, NULL, 0},
    {"open.each_its_own", each_its_own, NEEDS_NOTHING, NULL, NULL, 0},
    {0},
};
