/* SPDX-License-Identifier: MIT */
/*
 * pipe_cases_readers.c - several readers of one pipe: each byte to exactly one of them
 */
#define _GNU_SOURCE
#include "pipe_room.h"

#include <errno.h>
#include <string.h>

#define N_READERS 4
#define N_RECORDS 4000
#define RECORD 64

/* Cell 0: sum of the numbers read; cell 1: how many; 2 and up: for the case. */
static void read_records(struct conf *c, struct pipe_pair *p)
{
    uint32_t rec[RECORD / 4];
    int64_t last = -1;
    ssize_t n;

    while ((n = ops(c)->read(p->r, rec, sizeof(rec), EVER)) > 0) {
        EQ(c, n, RECORD);
        for (size_t i = 1; i < RECORD / 4; i++)
            EQ(c, rec[i], rec[0]);
        OK(c, (int64_t)rec[0] > last); /* what one reader gets is in order */
        last = rec[0];
        conf_add(c, 0, rec[0]);
        conf_add(c, 1, 1);
    }
    EQ(c, n, 0);
}

static void share_the_bytes(struct conf *c)
{
    struct pipe_pair p;
    pid_t child[N_READERS];
    uint32_t rec[RECORD / 4];

    make(c, &p);
    for (int i = 0; i < N_READERS; i++) {
        child[i] = conf_fork(c);
        if (child[i] == 0) {
            close_w(c, &p);
            read_records(c, &p);
            conf_exit();
        }
    }
    for (uint32_t i = 0; i < N_RECORDS; i++) {
        for (size_t j = 0; j < RECORD / 4; j++)
            rec[j] = i;
        EQ(c, ops(c)->write(p.w, rec, sizeof(rec), EVER), RECORD);
    }
    close_both(c, &p);
    for (int i = 0; i < N_READERS; i++)
        conf_join(c, child[i]);
    EQ(c, conf_get(c, 1), N_RECORDS);
    EQ(c, conf_get(c, 0), (long)N_RECORDS * (N_RECORDS - 1) / 2);
}

/* N_READERS children asleep in read(1); each counts in cell 20 and ends. */
static void sleepers(struct conf *c, struct pipe_pair *p, pid_t *child, ssize_t want)
{
    for (int i = 0; i < N_READERS; i++) {
        child[i] = conf_fork(c);
        if (child[i] == 0) {
            char byte;

            close_w(c, p);
            conf_set(c, i, 1);
            EQ(c, ops(c)->read(p->r, &byte, 1, EVER), want);
            conf_add(c, 20, 1);
            conf_exit();
        }
    }
    for (int i = 0; i < N_READERS; i++)
        conf_asleep_after(c, child[i], i);
}

static void one_byte_one_reader(struct conf *c)
{
    struct pipe_pair p;
    pid_t child[N_READERS];

    make(c, &p);
    sleepers(c, &p, child, 1);
    for (int i = 1; i <= N_READERS; i++) {
        EQ(c, put(c, &p, 1, EVER), 1);
        conf_await(c, 20, i);
        conf_pause_ms(5);
        EQ(c, conf_get(c, 20), i);
    }
    for (int i = 0; i < N_READERS; i++)
        conf_join(c, child[i]);
    close_both(c, &p);
}

static void one_write_feeds_all(struct conf *c)
{
    struct pipe_pair p;
    pid_t child[N_READERS];

    make(c, &p);
    sleepers(c, &p, child, 1);
    EQ(c, put(c, &p, N_READERS, EVER), N_READERS);
    for (int i = 0; i < N_READERS; i++)
        conf_join(c, child[i]);
    p.n_got = N_READERS;
    EQ(c, get(c, &p, 1, NOW), -EAGAIN);
    close_both(c, &p);
}

/* A sleeper that is killed must not take the wake-up, or a byte, with it. */
static void killed_reader_takes_nothing(struct conf *c)
{
    struct pipe_pair p;
    pid_t child[N_READERS];

    make(c, &p);
    sleepers(c, &p, child, 1);
    conf_kill(c, child[0]);
    EQ(c, put(c, &p, N_READERS - 1, EVER), N_READERS - 1);
    for (int i = 1; i < N_READERS; i++)
        conf_join(c, child[i]);
    close_both(c, &p);
}

static void end_of_file_wakes_all(struct conf *c)
{
    struct pipe_pair p;
    pid_t child[N_READERS];

    make(c, &p);
    sleepers(c, &p, child, 0);
    close_w(c, &p);
    for (int i = 0; i < N_READERS; i++)
        conf_join(c, child[i]);
    close_r(c, &p);
}

const struct conf_case pipe_readers_cases[] = {
    {"readers.share_the_bytes", share_the_bytes, NEEDS_MANY, NULL, NULL, 20},
    {"readers.one_byte_one_reader", one_byte_one_reader, NEEDS_MANY, NULL, NULL, 0},
    {"readers.one_write_feeds_all", one_write_feeds_all, NEEDS_MANY, NULL, NULL, 0},
    {"readers.killed_takes_nothing", killed_reader_takes_nothing, NEEDS_MANY, NULL, NULL, 0},
    {"readers.end_of_file_wakes_all", end_of_file_wakes_all, NEEDS_MANY, NULL, NULL, 0},
    {0},
};
