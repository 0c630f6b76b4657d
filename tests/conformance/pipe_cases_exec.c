/* SPDX-License-Identifier: MIT */
/*
 * pipe_cases_exec.c - ends over exec: handed over by number, closed unless handed over
 *
 * The program executes itself. What is handed over are the descriptors that give() made: the
 * kernel's end is one, Hepta's three; take() makes an end of them on the other side.
 */
#define _GNU_SOURCE
#include "pipe_room.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct numbers {
    char text[2 * N_PASSED_FDS][12];
    const char *argv[2 * N_PASSED_FDS + 2];
    int n;
};

static void add_end(struct conf *c, struct numbers *nr, struct pend *end)
{
    int fds[N_PASSED_FDS];

    EQ(c, ops(c)->give(end, fds), 0);
    for (int i = 0; i < N_PASSED_FDS; i++, nr->n++) {
        snprintf(nr->text[nr->n], sizeof(nr->text[0]), "%d", fds[i]);
        nr->argv[nr->n] = nr->text[nr->n];
    }
}

static struct pend *end_from(struct conf *c, char **argv)
{
    struct pend *end = NULL;
    int fds[N_PASSED_FDS];

    for (int i = 0; i < N_PASSED_FDS; i++)
        fds[i] = atoi(argv[i]);
    EQ(c, ops(c)->take(&end, fds), 0);
    for (int i = 0; i < N_PASSED_FDS && fds[i] >= 0; i++)
        OK(c, fcntl(fds[i], F_GETFD) & FD_CLOEXEC); /* the handle's own from now on */
    return end;
}

static pid_t exec_with_end(struct conf *c, struct pend *end)
{
    pid_t child = conf_fork(c);

    if (child == 0) {
        struct numbers nr = {0};

        add_end(c, &nr, end);
        conf_exec(c, nr.argv);
    }
    return child;
}

static void writes(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    pid_t child = exec_with_end(c, p.w);
    close_w(c, &p);
    get_all(c, &p, 100 * 3000);
    EQ(c, get(c, &p, 1, EVER), 0);
    conf_join(c, child);
    close_r(c, &p);
}

static void writes_after(struct conf *c, int argc, char **argv)
{
    struct pipe_pair p = {0};

    OK(c, argc == N_PASSED_FDS);
    p.w = end_from(c, argv);
    for (int i = 0; i < 100; i++)
        EQ(c, put(c, &p, 3000, EVER), 3000);
    close_w(c, &p);
}

static void reads(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    pid_t child = exec_with_end(c, p.r);
    for (int i = 0; i < 100; i++)
        EQ(c, put(c, &p, 3000, EVER), 3000);
    close_w(c, &p);
    conf_join(c, child);
    close_r(c, &p);
}

static void reads_after(struct conf *c, int argc, char **argv)
{
    struct pipe_pair p = {0};

    OK(c, argc == N_PASSED_FDS);
    p.r = end_from(c, argv);
    get_all(c, &p, 100 * 3000);
    EQ(c, get(c, &p, 1, EVER), 0);
    close_r(c, &p);
}

/* What was in the pipe before exec is there after it, and so is its mode. */
static void packets_over_exec(struct conf *c)
{
    struct pipe_pair p;

    make_as(c, &p, WANT_PACKET, 0);
    EQ(c, put(c, &p, 10, EVER), 10);
    EQ(c, put(c, &p, 20, EVER), 20);
    close_w(c, &p);
    pid_t child = exec_with_end(c, p.r);
    close_r(c, &p);
    conf_join(c, child);
}

static void packets_after(struct conf *c, int argc, char **argv)
{
    struct pipe_pair p = {0};

    OK(c, argc == N_PASSED_FDS);
    p.r = end_from(c, argv);
    EQ(c, get(c, &p, 100, EVER), 10);
    EQ(c, get(c, &p, 100, EVER), 20);
    EQ(c, get(c, &p, 100, EVER), 0);
    close_r(c, &p);
}

/* Readiness, too: asked for before exec, waited for after it. */
static void polls(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    OK(c, !r_ready(c, &p));
    pid_t child = exec_with_end(c, p.r);
    close_r(c, &p);
    for (int i = 1; i <= 20; i++) {
        EQ(c, put(c, &p, 10, EVER), 10);
        conf_await(c, 0, i);
    }
    conf_asleep(c, child);
    close_w(c, &p);
    conf_join(c, child);
}

static void polls_after(struct conf *c, int argc, char **argv)
{
    struct pipe_pair p = {0};

    OK(c, argc == N_PASSED_FDS);
    p.r = end_from(c, argv);
    for (int i = 1; i <= 20; i++) {
        EQ(c, get_ready(c, &p, 100), 10);
        conf_set(c, 0, i);
    }
    OK(c, poll_end(c, p.r, ops(c)->r_ready, LONG_MS) & ops(c)->r_gone);
    EQ(c, get(c, &p, 100, NOW), 0);
    close_r(c, &p);
}

/* Both ends, and once more: whoever was handed an end can hand it on. */
static void twice(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    EQ(c, put(c, &p, 1000, EVER), 1000);
    pid_t child = conf_fork(c);
    if (child == 0) {
        struct numbers nr = {0};

        add_end(c, &nr, p.r);
        add_end(c, &nr, p.w);
        conf_exec(c, nr.argv);
    }
    conf_join(c, child);
    p.n_put = p.n_got = 1000;
    EQ(c, get(c, &p, 5000, EVER), 500);
    close_both(c, &p);
}

static void twice_after(struct conf *c, int argc, char **argv)
{
    struct pipe_pair p = {.n_put = 1000};

    OK(c, argc == 2 * N_PASSED_FDS);
    p.r = end_from(c, argv);
    p.w = end_from(c, argv + N_PASSED_FDS);
    if (conf_add(c, 0, 1) == 1) {
        struct numbers nr = {0};

        add_end(c, &nr, p.r);
        add_end(c, &nr, p.w);
        conf_exec(c, nr.argv);
    }
    EQ(c, get(c, &p, 5000, EVER), 1000);
    EQ(c, put(c, &p, 500, EVER), 500);
    close_both(c, &p);
}

/* A program that was not handed the write end doesn't have it: end-of-file while it runs. */
static void not_handed_over(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    pid_t child = conf_fork(c);
    if (child == 0) {
        conf_set(c, 0, 1);
        conf_await(c, 1, 1);
        conf_exec(c, (const char *[]){NULL});
    }
    conf_await(c, 0, 1);
    close_w(c, &p);
    EQ(c, get(c, &p, 1, NOW), -EAGAIN);
    conf_set(c, 1, 1);
    EQ(c, get(c, &p, 1, EVER), 0);
    conf_set(c, 2, 1);
    conf_join(c, child);
    close_r(c, &p);
}

static void not_handed_over_after(struct conf *c, int argc, char **argv)
{
    (void)argv;
    EQ(c, argc, 0);
    conf_await(c, 2, 1);
}

/* pipe() leaves its descriptors open over exec; a handle's always close. */
static void without_cloexec(struct conf *c)
{
    struct pipe_pair p;
    char number[12];

    make_as(c, &p, WANT_PLAIN, 0);
    snprintf(number, sizeof(number), "%d", ops(c)->fd(p.r));
    pid_t child = conf_fork(c);
    if (child == 0)
        conf_exec(c, (const char *[]){number, NULL});
    conf_join(c, child);
    close_both(c, &p);
}

static void without_cloexec_after(struct conf *c, int argc, char **argv)
{
    EQ(c, argc, 1);
    EQ(c, fcntl(atoi(argv[0]), F_GETFD) < 0 ? -errno : 0, DIFFERS(c, 0, -EBADF));
}

const struct conf_case pipe_exec_cases[] = {
    {"exec.writes", writes, NEEDS_EXPORT, NULL, writes_after, 0},
    {"exec.reads", reads, NEEDS_EXPORT, NULL, reads_after, 0},
    {"exec.packets", packets_over_exec, NEEDS_EXPORT, NULL, packets_after, 0},
    {"exec.polls", polls, NEEDS_EXPORT, NULL, polls_after, 0},
    {"exec.twice", twice, NEEDS_EXPORT, NULL, twice_after, 0},
    {"exec.not_handed_over", not_handed_over, NEEDS_NOTHING, NULL, not_handed_over_after, 0},
    {"exec.without_cloexec", without_cloexec, NEEDS_NOTHING, "always-cloexec",
     without_cloexec_after, 0},
    {0},
};
