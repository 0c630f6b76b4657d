/* SPDX-License-Identifier: MIT */
/*
 * pipe_cases_error.c - misuse: wrong ends, bad addresses, bad sizes, no descriptors left
 */
#define _GNU_SOURCE
#include "pipe_room.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAULTED 77 /* exit status of a child that a bad address killed */

static void wrong_end(struct conf *c)
{
    struct pipe_pair p;
    char buf[10];

    make(c, &p);
    EQ(c, put(c, &p, 10, EVER), 10);
    EQ(c, ops(c)->read(p.w, buf, sizeof(buf), EVER), -EBADF);
    EQ(c, ops(c)->read(p.w, buf, sizeof(buf), NOW), -EBADF);
    EQ(c, ops(c)->write(p.r, "abc", 3, EVER), -EBADF);
    EQ(c, ops(c)->write(p.r, "abc", 3, NOW), -EBADF);
    EQ(c, get(c, &p, 100, NOW), 10); /* neither took nor added anything */
    close_both(c, &p);
}

static void closed_end(struct conf *c)
{
    struct pipe_pair p;
    char buf[10];

    make(c, &p);
    struct pend *r = p.r, *w = p.w;
    close_both(c, &p);
    EQ(c, ops(c)->read(r, buf, sizeof(buf), EVER), -EBADF);
    EQ(c, ops(c)->write(w, "abc", 3, EVER), -EBADF);
}

static void null_buffer(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    EQ(c, ops(c)->write(p.w, NULL, 10, EVER), -EFAULT);
    EQ(c, ops(c)->write(p.w, NULL, 10, NOW), -EFAULT);
    EQ(c, used(c, &p), 0);
    EQ(c, put(c, &p, 10, EVER), 10);
    EQ(c, ops(c)->read(p.r, NULL, 10, EVER), -EFAULT);
    EQ(c, used(c, &p), 10);
    EQ(c, get(c, &p, 100, NOW), 10); /* the bytes are still there */
    close_both(c, &p);
}

/* The kernel notices the address when it copies, Hepta before anything else. */
static void null_buffer_empty(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    EQ(c, ops(c)->read(p.r, NULL, 10, NOW), DIFFERS(c, -EAGAIN, -EFAULT));
    close_both(c, &p);
}

static void on_fault(int sig)
{
    (void)sig;
    _exit(FAULTED);
}

/* Exit status of a child that makes one call with an address that can't be used. */
static int bad_call(struct conf *c, struct pipe_pair *p, void *bad, bool reading)
{
    pid_t child = conf_fork(c);

    if (child == 0) {
        signal(SIGSEGV, on_fault);
        ssize_t n = reading ? ops(c)->read(p->r, bad, 10, NOW)
                            : ops(c)->write(p->w, bad, 10, NOW);
        EQ(c, n, -EFAULT);
        conf_exit();
    }
    return WEXITSTATUS(conf_status(c, child));
}

/* An address is checked by using it: in the kernel, or by the caller's own processor. In
 * both cases the pipe is as if the call had not been made. */
static void bad_address(struct conf *c)
{
    struct pipe_pair p;
    void *bad = mmap(NULL, ATOMIC, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    OK(c, bad != MAP_FAILED);
    make(c, &p);
    EQ(c, bad_call(c, &p, bad, false), DIFFERS(c, 0, FAULTED));
    EQ(c, put(c, &p, 10, EVER), 10);
    EQ(c, bad_call(c, &p, bad, true), DIFFERS(c, 0, FAULTED));
    EQ(c, put(c, &p, 10, EVER), 10);
    EQ(c, get(c, &p, 100, EVER), 20);
    close_both(c, &p);
    munmap(bad, ATOMIC);
}

/* Implementation-defined; Linux finds that no buffer can be so long. */
static void too_long(struct conf *c)
{
    static const size_t lens[] = {(size_t)SSIZE_MAX + 1, SIZE_MAX};
    struct pipe_pair p;
    char buf[10] = "";

    make(c, &p);
    EQ(c, put(c, &p, 10, EVER), 10);
    for (int i = 0; i < 2; i++) {
        EQ(c, ops(c)->write(p.w, buf, lens[i], NOW), DIFFERS(c, -EFAULT, -EINVAL));
        EQ(c, ops(c)->read(p.r, buf, lens[i], NOW), DIFFERS(c, -EFAULT, -EINVAL));
    }
    EQ(c, get(c, &p, 100, NOW), 10);
    close_both(c, &p);
}

static void bad_flag(struct conf *c)
{
    struct pend *r, *w;
    struct pipe_want want = {.flags = WANT_BAD_FLAG};

    EQ(c, ops(c)->make(&r, &w, &want), -EINVAL);
}

static void no_place_for_result(struct conf *c)
{
    struct pend *end;
    struct pipe_want want = {0};

    EQ(c, ops(c)->make(NULL, NULL, &want), -EFAULT);
    EQ(c, ops(c)->make(&end, NULL, &want), -EFAULT);
    EQ(c, ops(c)->make(NULL, &end, &want), -EFAULT);
}

/* What a failed call leaves where its result would be. */
static void after_failure(struct conf *c)
{
    static char before;
    struct pend *r = (struct pend *)&before, *w = r;
    struct pipe_want want = {.flags = WANT_BAD_FLAG};

    EQ(c, ops(c)->make(&r, &w, &want), -EINVAL);
    EQ(c, r == (struct pend *)&before, DIFFERS(c, 1, 0));
    OK(c, c->be->side == CONF_KERNEL || (!r && !w));
    OK(c, c->be->side == CONF_HEPTA || r == w);
}

/* make() in a child that may open @spare descriptors more. */
static int make_with_spare(struct conf *c, int spare)
{
    pid_t child = conf_fork(c);

    if (child == 0) {
        struct pipe_want want = {0};
        struct pend *r, *w;
        int lowest = dup(0);

        close(lowest);
        struct rlimit lim = {(rlim_t)(lowest + spare), (rlim_t)(lowest + spare)};
        OK(c, setrlimit(RLIMIT_NOFILE, &lim) == 0);
        int res = ops(c)->make(&r, &w, &want);
        if (res == 0) {
            ops(c)->close(r);
            ops(c)->close(w);
        }
        EQ(c, dup(0), lowest); /* nothing is left open */
        conf_set(c, 0, res);
        conf_exit();
    }
    conf_join(c, child);
    return (int)conf_get(c, 0);
}

static void no_descriptors(struct conf *c)
{
    EQ(c, make_with_spare(c, 1), -EMFILE);
    EQ(c, make_with_spare(c, 64), 0);
}

static void how_many_descriptors(struct conf *c)
{
    EQ(c, make_with_spare(c, 2), DIFFERS(c, 0, -EMFILE));
    EQ(c, make_with_spare(c, 5), DIFFERS(c, 0, -EMFILE));
    EQ(c, make_with_spare(c, 7), 0);
}

const struct conf_case pipe_error_cases[] = {
    {"error.wrong_end", wrong_end, NEEDS_NOTHING, NULL, NULL, 0},
    {"error.closed_end", closed_end, NEEDS_NOTHING, NULL, NULL, 0},
    {"error.null_buffer", null_buffer, NEEDS_NOTHING, NULL, NULL, 0},
    {"error.null_buffer_empty", null_buffer_empty, NEEDS_NOTHING, "address-first", NULL, 0},
    {"error.bad_address", bad_address, NEEDS_NOTHING, "address-faults", NULL, 0},
    {"error.too_long", too_long, NEEDS_NOTHING, "too-long", NULL, 0},
    {"error.bad_flag", bad_flag, NEEDS_ONE_CALL, NULL, NULL, 0},
    {"error.no_place_for_result", no_place_for_result, NEEDS_ONE_CALL, NULL, NULL, 0},
    {"error.after_failure", after_failure, NEEDS_ONE_CALL, "null-after-failure", NULL, 0},
    {"error.no_descriptors", no_descriptors, NEEDS_NOTHING, NULL, NULL, 0},
    {"error.how_many_descriptors", how_many_descriptors, NEEDS_ONE_CALL, "three-descriptors",
     NULL, 0},
    {0},
};
