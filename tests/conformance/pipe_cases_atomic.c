/* SPDX-License-Identifier: MIT */
/*
 * pipe_cases_atomic.c - many writers: up to PIPE_BUF bytes never mix, above that they may
 *
 * A record is a head and bytes that follow from it. The reader takes pieces of a size that
 * has nothing to do with the records and puts the stream together again; a single byte out
 * of place shows, and so does a record that is lost, doubled or out of its writer's order.
 */
#define _GNU_SOURCE
#include "pipe_room.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#define N_WRITERS 8
#define N_EACH 250
#define PIECE 10007 /* bytes the reader asks for */

struct head {
    uint16_t writer, len; /* @len includes the head */
    uint32_t seq;
};

static unsigned char body_byte(const struct head *h, size_t i)
{
    return (unsigned char)(h->writer * 31 + h->seq * 7 + i);
}

static size_t random_len(unsigned *seed)
{
    *seed = *seed * 1103515245u + 12345u;
    return sizeof(struct head) + (*seed >> 8) % (ATOMIC - sizeof(struct head) + 1);
}

static size_t build(unsigned char *rec, int writer, int seq, size_t len)
{
    struct head h = {(uint16_t)writer, (uint16_t)len, (uint32_t)seq};

    memcpy(rec, &h, sizeof(h));
    for (size_t i = sizeof(h); i < len; i++)
        rec[i] = body_byte(&h, i);
    return len;
}

/* @fixed: length of all records, 0: random. */
static void write_records(struct conf *c, struct pipe_pair *p, int writer, size_t fixed,
                          int64_t deadline)
{
    unsigned char rec[ATOMIC];
    unsigned seed = 17u * (unsigned)writer + 1;

    for (int i = 0; i < N_EACH; i++) {
        size_t len = build(rec, writer, i, fixed ? fixed : random_len(&seed));

        EQ(c, UNTIL_NOT(ops(c)->write(p->w, rec, len, deadline), -EAGAIN), len);
    }
}

static void check_record(struct conf *c, const unsigned char *rec, uint32_t *next)
{
    struct head h;

    memcpy(&h, rec, sizeof(h));
    OK(c, h.writer < N_WRITERS);
    EQ(c, h.seq, next[h.writer]++);
    for (size_t i = sizeof(h); i < h.len; i++)
        EQ(c, rec[i], body_byte(&h, i));
}

static void read_stream(struct conf *c, struct pipe_pair *p)
{
    static unsigned char buf[PIECE + ATOMIC];
    uint32_t next[N_WRITERS] = {0};
    size_t have = 0;
    ssize_t n;

    while ((n = ops(c)->read(p->r, buf + have, PIECE, EVER)) > 0) {
        size_t pos = 0;
        struct head h;

        have += (size_t)n;
        for (; have - pos >= sizeof(h); pos += h.len) {
            memcpy(&h, buf + pos, sizeof(h));
            OK(c, h.len >= sizeof(h) && h.len <= ATOMIC);
            if (have - pos < h.len)
                break;
            check_record(c, buf + pos, next);
        }
        memmove(buf, buf + pos, have -= pos);
    }
    EQ(c, n, 0);
    EQ(c, have, 0);
    for (int i = 0; i < N_WRITERS; i++)
        EQ(c, next[i], N_EACH);
}

static void start_writers(struct conf *c, struct pipe_pair *p, pid_t *child, size_t fixed,
                          int64_t deadline)
{
    for (int i = 0; i < N_WRITERS; i++) {
        child[i] = conf_fork(c);
        if (child[i] == 0) {
            close_r(c, p);
            write_records(c, p, i, fixed, deadline);
            conf_exit();
        }
    }
    close_w(c, p);
}

static void eight(struct conf *c, size_t fixed, int64_t deadline)
{
    struct pipe_pair p;
    pid_t child[N_WRITERS];

    make(c, &p);
    start_writers(c, &p, child, fixed, deadline);
    read_stream(c, &p);
    for (int i = 0; i < N_WRITERS; i++)
        conf_join(c, child[i]);
    close_r(c, &p);
}

static void eight_writers(struct conf *c)
{
    eight(c, 0, EVER);
}

static void eight_writers_pipe_buf(struct conf *c)
{
    eight(c, ATOMIC, EVER);
}

static void eight_writers_now(struct conf *c)
{
    eight(c, 0, NOW);
}

static void eight_writers_packets(struct conf *c)
{
    struct pipe_pair p;
    pid_t child[N_WRITERS];
    unsigned char rec[ATOMIC];
    uint32_t next[N_WRITERS] = {0};
    struct head h;
    ssize_t n;

    make_as(c, &p, WANT_PACKET, 0);
    start_writers(c, &p, child, 0, EVER);
    while ((n = ops(c)->read(p.r, rec, sizeof(rec), EVER)) > 0) {
        memcpy(&h, rec, sizeof(h));
        EQ(c, n, h.len);
        check_record(c, rec, next);
    }
    EQ(c, n, 0);
    for (int i = 0; i < N_WRITERS; i++) {
        EQ(c, next[i], N_EACH);
        conf_join(c, child[i]);
    }
    close_r(c, &p);
}

struct writer {
    struct conf *c;
    struct pipe_pair *p;
    int number;
};

static void *writer_thread(void *arg)
{
    struct writer *w = arg;

    write_records(w->c, w->p, w->number, 0, EVER);
    if (conf_add(w->c, 0, 1) == N_WRITERS)
        close_w(w->c, w->p);
    return NULL;
}

/* The same from threads, which share one end, lock and all. */
static void eight_threads(struct conf *c)
{
    struct pipe_pair p;
    struct writer writer[N_WRITERS];
    pthread_t thread[N_WRITERS];

    make(c, &p);
    for (int i = 0; i < N_WRITERS; i++) {
        writer[i] = (struct writer){c, &p, i};
        OK(c, pthread_create(&thread[i], NULL, writer_thread, &writer[i]) == 0);
    }
    read_stream(c, &p);
    for (int i = 0; i < N_WRITERS; i++)
        OK(c, pthread_join(thread[i], NULL) == 0);
    close_r(c, &p);
}

/* Writers killed at any moment: what they wrote before is whole, and the rest go on. (Not where
 * one process at a time has an end: whoever goes on then attaches anew.) */
static void killed_writers(struct conf *c)
{
    enum { N_KILLED = 30 };
    struct pipe_pair p;
    uint32_t next[N_WRITERS];
    unsigned char rec[ATOMIC];

    make(c, &p);
    for (int i = 0; i < N_KILLED; i++) {
        pid_t child = conf_fork(c);

        if (child == 0) {
            close_r(c, &p);
            write_records(c, &p, 0, ATOMIC, EVER);
            pause();
        }
        for (int j = 0; j < i; j++)
            EQ(c, ops(c)->read(p.r, rec, ATOMIC, EVER), ATOMIC);
        conf_kill(c, child);
        while (used(c, &p) > 0)
            EQ(c, ops(c)->read(p.r, rec, ATOMIC, EVER), ATOMIC);
        next[0] = 0;
        EQ(c, ops(c)->write(p.w, rec, build(rec, 0, 0, ATOMIC), EVER), ATOMIC);
        EQ(c, ops(c)->read(p.r, rec, ATOMIC, EVER), ATOMIC);
        check_record(c, rec, next);
    }
    close_both(c, &p);
}

/* Above PIPE_BUF the writes may mix, but one writer's bytes stay in order. */
static void large_keep_order(struct conf *c)
{
    enum { N = 4, LEN = 150000, N_ROUNDS = 5, MASK = 63 };
    struct pipe_pair p;
    pid_t child[N];
    static unsigned char buf[LEN];
    long count[N] = {0};
    ssize_t n;

    make(c, &p);
    for (int w = 0; w < N; w++) {
        child[w] = conf_fork(c);
        if (child[w] == 0) {
            close_r(c, &p);
            for (long r = 0, pos = 0; r < N_ROUNDS; r++) {
                for (long i = 0; i < LEN; i++, pos++)
                    buf[i] = (unsigned char)(w << 6 | (pos & MASK));
                EQ(c, ops(c)->write(p.w, buf, LEN, EVER), LEN);
            }
            conf_exit();
        }
    }
    close_w(c, &p);
    while ((n = ops(c)->read(p.r, buf, PIECE, EVER)) > 0)
        for (ssize_t i = 0; i < n; i++)
            EQ(c, buf[i] & MASK, count[buf[i] >> 6]++ & MASK);
    for (int w = 0; w < N; w++) {
        EQ(c, count[w], (long)LEN * N_ROUNDS);
        conf_join(c, child[w]);
    }
    close_r(c, &p);
}

const struct conf_case pipe_atomic_cases[] = {
    {"atomic.eight_writers", eight_writers, NEEDS_MANY, NULL, NULL, 30},
    {"atomic.eight_writers_pipe_buf", eight_writers_pipe_buf, NEEDS_MANY, NULL, NULL, 30},
    {"atomic.eight_writers_now", eight_writers_now, NEEDS_MANY, NULL, NULL, 30},
    {"atomic.eight_writers_packets", eight_writers_packets, NEEDS_MANY, NULL, NULL, 30},
    {"atomic.eight_threads", eight_threads, NEEDS_MANY, NULL, NULL, 30},
    {"atomic.killed_writers", killed_writers, NEEDS_MANY, NULL, NULL, 30},
    {"atomic.large_keep_order", large_keep_order, NEEDS_MANY, NULL, NULL, 30},
    {0},
};
