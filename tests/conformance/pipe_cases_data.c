/* SPDX-License-Identifier: MIT */
/*
 * pipe_cases_data.c - what goes in comes out: order, boundaries, counts, one reader
 */
#define _GNU_SOURCE
#include "pipe_room.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>

static void in_order(struct conf *c)
{
    static const size_t sizes[] = {1, 7, 4096, 100, 4095, 3, 2048, 1000};
    struct pipe_pair p;

    make(c, &p);
    for (int round = 0; round < 50; round++) {
        for (size_t i = 0; i < 8; i++)
            EQ(c, put(c, &p, sizes[i], EVER), sizes[i]);
        for (size_t i = 0; i < 8; i++)
            EQ(c, get(c, &p, sizes[7 - i], EVER), sizes[7 - i]);
    }
    EQ(c, get(c, &p, 1, NOW), -EAGAIN);
    close_both(c, &p);
}

static void across_processes(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    pid_t child = conf_fork(c);
    if (child == 0) {
        close_r(c, &p);
        for (int i = 0; i < 500; i++)
            EQ(c, put(c, &p, 3001, EVER), 3001);
        conf_exit();
    }
    close_w(c, &p);
    get_all(c, &p, 500 * 3001);
    EQ(c, get(c, &p, 1, EVER), 0);
    conf_join(c, child);
    close_r(c, &p);
}

static void no_boundaries(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    for (int i = 0; i < 3; i++)
        EQ(c, put(c, &p, 10, EVER), 10);
    EQ(c, get(c, &p, 100, EVER), 30);
    EQ(c, put(c, &p, 30, EVER), 30);
    EQ(c, get(c, &p, 7, EVER), 7);
    EQ(c, get(c, &p, 100, EVER), 23);
    close_both(c, &p);
}

static void read_after_write(struct conf *c)
{
    enum { WRITTEN, READ, N = 300 };
    struct pipe_pair p;

    make(c, &p);
    pid_t child = conf_fork(c);
    if (child == 0) {
        for (int i = 1; i <= N; i++) {
            conf_await(c, WRITTEN, i);
            EQ(c, get(c, &p, 100, NOW), 10);
            conf_set(c, READ, i);
        }
        conf_exit();
    }
    for (int i = 1; i <= N; i++) {
        EQ(c, put(c, &p, 10, EVER), 10);
        conf_set(c, WRITTEN, i);
        conf_await(c, READ, i);
    }
    conf_join(c, child);
    close_both(c, &p);
}

static void buffered(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    pid_t child = conf_fork(c);
    if (child == 0) {
        EQ(c, put(c, &p, 20000, EVER), 20000);
        conf_exit();
    }
    conf_join(c, child);
    get_all(c, &p, 20000);
    EQ(c, get(c, &p, 1, NOW), -EAGAIN);
    close_both(c, &p);
}

static void short_read(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    EQ(c, put(c, &p, 100, EVER), 100);
    EQ(c, get(c, &p, 4096, EVER), 100);
    EQ(c, put(c, &p, 5000, EVER), 5000);
    EQ(c, get(c, &p, MAX_PUT, EVER), 5000);
    EQ(c, put(c, &p, 5000, EVER), 5000);
    EQ(c, get(c, &p, MAX_PUT, NOW), 5000);
    close_both(c, &p);
}

static void rest_stays(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    EQ(c, put(c, &p, 9000, EVER), 9000);
    for (int i = 0; i < 9; i++)
        EQ(c, get(c, &p, 1000, EVER), 1000);
    EQ(c, get(c, &p, 1000, NOW), -EAGAIN);
    close_both(c, &p);
}

static void zero_read(struct conf *c)
{
    struct pipe_pair p;
    char byte;

    make(c, &p);
    EQ(c, ops(c)->read(p.r, &byte, 0, EVER), 0);
    EQ(c, ops(c)->read(p.r, NULL, 0, NOW), 0);
    EQ(c, put(c, &p, 10, EVER), 10);
    EQ(c, ops(c)->read(p.r, &byte, 0, EVER), 0);
    EQ(c, get(c, &p, 20, EVER), 10);
    close_both(c, &p);
}

static void zero_write(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    EQ(c, ops(c)->write(p.w, NULL, 0, EVER), 0);
    EQ(c, put(c, &p, 0, NOW), 0);
    EQ(c, get(c, &p, 10, NOW), -EAGAIN);
    EQ(c, fill(c, &p), CAPACITY);
    EQ(c, put(c, &p, 0, EVER), 0);
    close_r(c, &p);
    EQ(c, put(c, &p, 0, NOW), 0);
    close_w(c, &p);
}

static void wraps(struct conf *c)
{
    struct pipe_pair p;
    size_t n_in = 0;

    make_as(c, &p, 0, ATOMIC);
    for (int i = 0; i < 3000; i++) {
        size_t len = 1 + (size_t)i * 37 % 1000;
        ssize_t n = put(c, &p, len, NOW);

        if (n == -EAGAIN) {
            n_in -= (size_t)get(c, &p, ATOMIC, EVER);
            EQ(c, n_in, 0);
            n = put(c, &p, len, NOW);
        }
        EQ(c, n, len);
        n_in += len;
    }
    close_both(c, &p);
}

struct threads {
    struct conf *c;
    struct pipe_pair *p;
};

static void *write_in_thread(void *arg)
{
    struct threads *t = arg;
    static char page[1000]; /* zeroes: put() is for one thread of a process */

    for (int i = 0; i < 500; i++)
        EQ(t->c, ops(t->c)->write(t->p->w, page, sizeof(page), EVER), sizeof(page));
    close_w(t->c, t->p);
    return NULL;
}

static void threads(struct conf *c)
{
    struct pipe_pair p;
    struct threads arg = {c, &p};
    pthread_t thread;
    char buf[3000];
    ssize_t n, total = 0;

    make(c, &p);
    OK(c, pthread_create(&thread, NULL, write_in_thread, &arg) == 0);
    while ((n = ops(c)->read(p.r, buf, sizeof(buf), EVER)) > 0)
        total += n;
    EQ(c, n, 0);
    EQ(c, total, 500 * 1000);
    OK(c, pthread_join(thread, NULL) == 0);
    close_r(c, &p);
}

/* Untouched anonymous memory is all one page of zeroes: 2 GiB cost page tables only. */
static void beyond_2gib(struct conf *c)
{
    const size_t limit = 0x7ffff000, len = limit + 3 * ATOMIC;
    struct pipe_pair p;
    static char sink[MAX_PUT];
    void *big = mmap(NULL, len, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    OK(c, big != MAP_FAILED);
    make_as(c, &p, 0, MAX_PUT);
    pid_t child = conf_fork(c);
    if (child == 0) {
        close_w(c, &p);
        while (ops(c)->read(p.r, sink, sizeof(sink), EVER) > 0)
            continue;
        conf_exit();
    }
    EQ(c, ops(c)->write(p.w, big, len, EVER), DIFFERS(c, limit, len));
    close_both(c, &p);
    conf_join(c, child);
    munmap(big, len);
}

const struct conf_case pipe_data_cases[] = {
    {"data.in_order", in_order, NEEDS_NOTHING, NULL, NULL, 0},
    {"data.across_processes", across_processes, NEEDS_NOTHING, NULL, NULL, 0},
    {"data.no_boundaries", no_boundaries, NEEDS_NOTHING, NULL, NULL, 0},
    {"data.read_after_write", read_after_write, NEEDS_NOTHING, NULL, NULL, 0},
    {"data.buffered", buffered, NEEDS_NOTHING, NULL, NULL, 0},
    {"data.short_read", short_read, NEEDS_NOTHING, NULL, NULL, 0},
    {"data.rest_stays", rest_stays, NEEDS_NOTHING, NULL, NULL, 0},
    {"data.zero_read", zero_read, NEEDS_NOTHING, NULL, NULL, 0},
    {"data.zero_write", zero_write, NEEDS_NOTHING, NULL, NULL, 0},
    {"data.wraps", wraps, NEEDS_NOTHING, NULL, NULL, 0},
    {"data.threads", threads, NEEDS_NOTHING, NULL, NULL, 0},
    {"data.beyond_2gib", beyond_2gib, NEEDS_NOTHING, "no-2gib-limit", NULL, 60},
    {0},
};
