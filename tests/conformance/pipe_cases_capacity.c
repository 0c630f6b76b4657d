/* SPDX-License-Identifier: MIT */
/*
 * pipe_cases_capacity.c - how much fits, how it is rounded, and what can be seen of it
 */
#define _GNU_SOURCE
#include "pipe_room.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define HEPTA_MAX (64UL << 20)
#define SOMEBODY 65534

static void default_size(struct conf *c)
{
    struct pipe_pair p;
    struct pipe_seen seen;

    make(c, &p);
    EQ(c, ops(c)->see(p.r, &seen), 0);
    EQ(c, seen.capacity, CAPACITY);
    EQ(c, fill(c, &p), CAPACITY);
    get_all(c, &p, CAPACITY);
    EQ(c, get(c, &p, 1, NOW), -EAGAIN);
    close_both(c, &p);
}

static void rounding(struct conf *c)
{
    static const struct {
        size_t want, is;
    } sizes[] = {
        {1, 4096}, {4096, 4096}, {4097, 8192}, {12288, 16384}, {65537, 131072},
        {100000, 131072}, {1 << 20, 1 << 20},
    };

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct pipe_pair p;
        struct pipe_seen seen;

        make_as(c, &p, 0, sizes[i].want);
        EQ(c, ops(c)->see(p.w, &seen), 0);
        EQ(c, seen.capacity, sizes[i].is);
        EQ(c, fill(c, &p), sizes[i].is);
        get_all(c, &p, sizes[i].is);
        close_both(c, &p);
    }
}

static void one_page(struct conf *c)
{
    struct pipe_pair p;

    make_as(c, &p, 0, 1);
    pid_t child = conf_fork(c);
    if (child == 0) {
        close_r(c, &p);
        EQ(c, put(c, &p, 100000, EVER), 100000);
        conf_exit();
    }
    close_w(c, &p);
    get_all(c, &p, 100000);
    EQ(c, get(c, &p, 1, EVER), 0);
    conf_join(c, child);
    close_r(c, &p);
}

static void used_bytes(struct conf *c)
{
    struct pipe_pair p;
    struct pipe_seen r, w;

    make(c, &p);
    for (size_t n = 0; n <= 3000; n += 1000) {
        EQ(c, ops(c)->see(p.r, &r), 0);
        EQ(c, ops(c)->see(p.w, &w), 0);
        EQ(c, r.used, n);
        EQ(c, w.used, n);
        EQ(c, put(c, &p, 1000, EVER), 1000);
    }
    EQ(c, get(c, &p, 1500, EVER), 1500);
    EQ(c, used(c, &p), 2500);
    close_w(c, &p);
    EQ(c, used(c, &p), 2500);
    close_r(c, &p);
}

static void who_is_there(struct conf *c)
{
    struct pipe_pair p;
    struct pipe_seen seen;

    make(c, &p);
    EQ(c, ops(c)->see(p.r, &seen), 0);
    OK(c, seen.has_reader && seen.has_writer);
    EQ(c, ops(c)->see(p.w, &seen), 0);
    OK(c, seen.has_reader && seen.has_writer);
    close_w(c, &p);
    EQ(c, ops(c)->see(p.r, &seen), 0);
    OK(c, seen.has_reader && !seen.has_writer);
    close_r(c, &p);
    make(c, &p);
    close_r(c, &p);
    EQ(c, ops(c)->see(p.w, &seen), 0);
    OK(c, !seen.has_reader && seen.has_writer);
    close_w(c, &p);
}

static void single_bytes(struct conf *c)
{
    struct pipe_pair p;
    size_t n = 0;
    ssize_t res;

    make(c, &p);
    while ((res = put(c, &p, 1, NOW)) == 1)
        n++;
    EQ(c, res, -EAGAIN);
    EQ(c, n, CAPACITY);
    close_both(c, &p);
}

/* A write that doesn't fit into the rest of the kernel's last page leaves that rest empty. */
static void odd_sizes(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    for (int i = 0; i < 16; i++)
        EQ(c, put(c, &p, 3000, NOW), 3000);
    EQ(c, put(c, &p, 3000, NOW), DIFFERS(c, -EAGAIN, 3000));
    close_both(c, &p);
}

static void partly_read_page(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    EQ(c, fill(c, &p), CAPACITY);
    EQ(c, get(c, &p, 4000, EVER), 4000);
    EQ(c, put(c, &p, 4000, NOW), DIFFERS(c, -EAGAIN, 4000));
    close_both(c, &p);
}

static size_t unprivileged_max(void)
{
    unsigned long max = 0;
    FILE *f = fopen("/proc/sys/fs/pipe-max-size", "re");

    if (f && fscanf(f, "%lu", &max) != 1)
        max = 0;
    if (f)
        fclose(f);
    return max;
}

/* In a child that has no privileges any more. */
static ssize_t make_unprivileged(struct conf *c, size_t capacity)
{
    pid_t child = conf_fork(c);

    if (child == 0) {
        struct pipe_want want = {0, capacity};
        struct pipe_pair p;

        OK(c, geteuid() != 0 || setresuid(SOMEBODY, SOMEBODY, SOMEBODY) == 0);
        conf_set(c, 0, ops(c)->make(&p.r, &p.w, &want));
        conf_exit();
    }
    conf_join(c, child);
    return conf_get(c, 0);
}

static void unprivileged(struct conf *c)
{
    size_t max = unprivileged_max();

    OK(c, max > 0 && max < HEPTA_MAX);
    EQ(c, make_unprivileged(c, max), 0);
    EQ(c, make_unprivileged(c, 2 * max), DIFFERS(c, -EPERM, 0));
}

/* To the kernel this size is a matter of privilege, its own end is 2 GiB; to Hepta it is
 * too large for everybody. */
static void largest(struct conf *c)
{
    struct pipe_want want = {0, HEPTA_MAX + 1};
    struct pipe_pair p;
    int res = ops(c)->make(&p.r, &p.w, &want);

    EQ(c, res == -EINVAL, DIFFERS(c, 0, 1));
    OK(c, conf_side(c) == CONF_HEPTA || res == 0 || res == -EPERM);
    if (res == 0)
        close_both(c, &p);
}

static void absurd(struct conf *c)
{
    static const size_t sizes[] = {0x80000001UL, 0xffffffffUL};
    struct pipe_pair p;

    for (int i = 0; i < 2; i++)
        EQ(c, ops(c)->make(&p.r, &p.w, &(struct pipe_want){0, sizes[i]}), -EINVAL);
}

const struct conf_case pipe_capacity_cases[] = {
    {"capacity.default_size", default_size, NEEDS_NOTHING, NULL, NULL, 0},
    {"capacity.rounding", rounding, NEEDS_NOTHING, NULL, NULL, 0},
    {"capacity.one_page", one_page, NEEDS_NOTHING, NULL, NULL, 0},
    {"capacity.used_bytes", used_bytes, NEEDS_NOTHING, NULL, NULL, 0},
    {"capacity.who_is_there", who_is_there, NEEDS_NOTHING, NULL, NULL, 0},
    {"capacity.single_bytes", single_bytes, NEEDS_NOTHING, NULL, NULL, 0},
    {"capacity.odd_sizes", odd_sizes, NEEDS_NOTHING, "bytes-not-pages", NULL, 0},
    {"capacity.partly_read_page", partly_read_page, NEEDS_NOTHING, "bytes-not-pages", NULL, 0},
    {"capacity.unprivileged", unprivileged, NEEDS_NOTHING, "capacity-limit", NULL, 0},
    {"capacity.largest", largest, NEEDS_NOTHING, "capacity-limit", NULL, 0},
    {"capacity.absurd", absurd, NEEDS_NOTHING, NULL, NULL, 0},
    {0},
};
