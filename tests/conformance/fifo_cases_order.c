/* SPDX-License-Identifier: MIT */
/*
 * fifo_cases_order.c - first in, first out, over writers and readers that share only the name;
 * and what belongs to the name: capacity and packet mode
 */
#define _GNU_SOURCE
#include "fifo_room.h"

#include <errno.h>
#include <string.h>

#define N_WRITERS 4

struct record {
    uint32_t writer, number;
    char rest[56];
};

/* Writers take turns: what one wrote after another one's write had returned comes after it. */
static void turns(struct conf *c)
{
    enum { N_TURNS = 400 };
    struct fifo f;
    pid_t child[N_WRITERS];
    struct record rec;

    make_fifo(c, &f);
    struct pend *r = must_open(c, &f, FOR_READ, NOW);
    for (int w = 0; w < N_WRITERS; w++) {
        child[w] = conf_fork(c);
        if (child[w] == 0) {
            struct pend *end = must_open(c, &f, FOR_WRITE, EVER);
            for (int n = w; n < N_TURNS; n += N_WRITERS) {
                rec = (struct record){.writer = (uint32_t)w, .number = (uint32_t)n};
                conf_await(c, 0, n);
                EQ(c, ops(c)->write(end, &rec, sizeof(rec), EVER), sizeof(rec));
                conf_set(c, 0, n + 1);
            }
            shut_fifo(c, &end);
            conf_exit();
        }
    }
    conf_await(c, 0, 1);
    for (int n = 0; n < N_TURNS; n++) {
        EQ(c, ops(c)->read(r, &rec, sizeof(rec), EVER), sizeof(rec));
        EQ(c, rec.number, n);
        EQ(c, rec.writer, n % N_WRITERS);
    }
    EQ(c, ops(c)->read(r, &rec, sizeof(rec), EVER), 0);
    for (int w = 0; w < N_WRITERS; w++)
        conf_join(c, child[w]);
    shut_fifo(c, &r);
    remove_fifo(c, &f);
}

/* All at once: no record is torn, and those of each writer are in its order. */
static void each_writers_own(struct conf *c)
{
    enum { N = 2000, OPEN = 20 };
    struct fifo f;
    pid_t child[N_WRITERS];
    struct record rec, same;
    uint32_t next[N_WRITERS] = {0};

    make_fifo(c, &f);
    struct pend *r = must_open(c, &f, FOR_READ, NOW);
    for (int w = 0; w < N_WRITERS; w++) {
        child[w] = conf_fork(c);
        if (child[w] == 0) {
            struct pend *end = must_open(c, &f, FOR_WRITE, EVER);
            conf_add(c, OPEN, 1);
            conf_await(c, OPEN, N_WRITERS);
            memset(&rec, w, sizeof(rec));
            rec.writer = (uint32_t)w;
            for (rec.number = 0; rec.number < N; rec.number++)
                EQ(c, ops(c)->write(end, &rec, sizeof(rec), EVER), sizeof(rec));
            conf_exit(); /* without close() */
        }
    }
    conf_await(c, OPEN, N_WRITERS);
    for (int n = 0; n < N * N_WRITERS; n++) {
        EQ(c, ops(c)->read(r, &rec, sizeof(rec), EVER), sizeof(rec));
        OK(c, rec.writer < N_WRITERS);
        EQ(c, rec.number, next[rec.writer]++);
        memset(&same, (int)rec.writer, sizeof(same));
        OK(c, memcmp(rec.rest, same.rest, sizeof(rec.rest)) == 0);
    }
    for (int w = 0; w < N_WRITERS; w++)
        conf_join(c, child[w]);
    EQ(c, ops(c)->read(r, &rec, sizeof(rec), EVER), 0);
    shut_fifo(c, &r);
    remove_fifo(c, &f);
}

/* Readers that opened the name themselves share what comes: each byte to one of them. */
static void readers_share(struct conf *c)
{
    enum { N = 2000, N_READERS = 3, SUM = 0, COUNT, HERE };
    struct fifo f;
    pid_t child[N_READERS];

    make_fifo(c, &f);
    for (int i = 0; i < N_READERS; i++) {
        child[i] = conf_fork(c);
        if (child[i] == 0) {
            struct pend *r = must_open(c, &f, FOR_READ, EVER);
            int32_t last = -1, number;
            ssize_t n;

            conf_add(c, HERE, 1);
            while ((n = ops(c)->read(r, &number, sizeof(number), EVER)) == sizeof(number)) {
                OK(c, number > last);
                last = number;
                conf_add(c, SUM, number);
                conf_add(c, COUNT, 1);
            }
            EQ(c, n, 0);
            shut_fifo(c, &r);
            conf_exit();
        }
    }
    struct pend *w = must_open(c, &f, FOR_WRITE, EVER);
    conf_await(c, HERE, N_READERS);
    for (int32_t i = 0; i < N; i++)
        EQ(c, ops(c)->write(w, &i, sizeof(i), EVER), sizeof(i));
    shut_fifo(c, &w);
    for (int i = 0; i < N_READERS; i++)
        conf_join(c, child[i]);
    EQ(c, conf_get(c, COUNT), N);
    EQ(c, conf_get(c, SUM), (long)N * (N - 1) / 2);
    remove_fifo(c, &f);
}

static struct pend *open_with(struct conf *c, const struct fifo *f, const struct pipe_want *want)
{
    struct pend *end = NULL;

    EQ(c, fops(c)->open(&end, f->name, FOR_BOTH, want, EVER), 0);
    return end;
}

/* The kernel's capacity is set on what is open and forgotten with it; Hepta's is the name's. */
static void capacity_of_the_name(struct conf *c)
{
    static const struct pipe_want small = {.capacity = 2 * ATOMIC}, usual;
    struct pipe_seen seen;
    struct fifo f;

    name_it(&f);
    EQ(c, fops(c)->make(f.name, 0600, &small), 0);
    struct pend *end = open_with(c, &f, &small), *second = open_with(c, &f, &usual);
    EQ(c, ops(c)->see(second, &seen), 0);
    EQ(c, seen.capacity, 2 * ATOMIC);
    shut_fifo(c, &second);
    shut_fifo(c, &end);
    end = open_with(c, &f, &usual);
    EQ(c, ops(c)->see(end, &seen), 0);
    EQ(c, seen.capacity, DIFFERS(c, CAPACITY, 2 * ATOMIC));
    shut_fifo(c, &end);
    remove_fifo(c, &f);
}

/* The kernel's packets are a matter of each writer's open file, Hepta's of the name. */
static void packets_of_the_name(struct conf *c)
{
    static const struct pipe_want packets = {.flags = WANT_PACKET}, usual;
    struct fifo f;

    name_it(&f);
    EQ(c, fops(c)->make(f.name, 0600, &packets), 0);
    struct pend *one = open_with(c, &f, &packets), *other = open_with(c, &f, &usual);
    struct pipe_pair p = {.w = one, .r = other};
    EQ(c, put(c, &p, 10, EVER), 10);
    EQ(c, put(c, &p, 10, EVER), 10);
    EQ(c, get(c, &p, 100, EVER), 10);
    EQ(c, get(c, &p, 100, EVER), 10);
    p = (struct pipe_pair){.w = other, .r = one};
    EQ(c, put(c, &p, 10, EVER), 10);
    EQ(c, put(c, &p, 10, EVER), 10);
    EQ(c, get(c, &p, 100, EVER), DIFFERS(c, 20, 10));
    shut_fifo(c, &one);
    shut_fifo(c, &other);
    remove_fifo(c, &f);
}

const struct conf_case fifo_order_cases[] = {
    {"order.turns", turns, NEEDS_NOTHING, NULL, NULL, 20},
    {"order.each_writers_own", each_writers_own, NEEDS_NOTHING, NULL, NULL, 30},
    {"order.readers_share", readers_share, NEEDS_NOTHING, NULL, NULL, 20},
    {"capacity.of_the_name", capacity_of_the_name, NEEDS_NOTHING, "made-not-opened", NULL, 0},
    {"packet.of_the_name", packets_of_the_name, NEEDS_NOTHING, "made-not-opened", NULL, 0},
    {0},
};
