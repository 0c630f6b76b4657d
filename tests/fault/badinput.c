/* SPDX-License-Identifier: MIT */
/*
 * badinput.c - every verb of the pipe with arguments, handles and descriptors that it
 * must refuse, each with the errno that the header promises
 *
 * Start with the table-like functions test_*; those of attach are in badinput_attach.c.
 */
#define _GNU_SOURCE
#include "badinput.h"

#include "../lib/t.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

struct hepta_pipe *r, *w;
char buf[64];

void fresh(uint32_t flags)
{
    struct hepta_pipe_options opt = {.size = sizeof(opt), .flags = flags};

    if (hepta_pipe_new(&r, &w, &opt) < 0)
        t_die("hepta_pipe_new");
}

void done(void)
{
    r = hepta_pipe_close(r);
    w = hepta_pipe_close(w);
}

static int new_with(struct hepta_pipe_options opt)
{
    int rc;

    r = w = (struct hepta_pipe *)buf;
    rc = hepta_pipe_new(&r, &w, &opt);
    if (rc < 0)
        EXPECT(r != NULL || w != NULL, 0);
    else
        done();
    return rc;
}

static void test_options(void)
{
    const uint32_t size = sizeof(struct hepta_pipe_options);
    struct {
        struct hepta_pipe_options opt;
        uint64_t more;
    } newer = {{.size = sizeof(newer)}, 0};

    EXPECT(hepta_pipe_new(NULL, &w, NULL), -EFAULT);
    EXPECT(hepta_pipe_new(&r, NULL, NULL), -EFAULT);
    EXPECT(new_with((struct hepta_pipe_options){.size = size}), 0);
    EXPECT(new_with((struct hepta_pipe_options){.size = 0}), -EINVAL);
    EXPECT(new_with((struct hepta_pipe_options){.size = size, .flags = 1u << 31}), -EINVAL);
    EXPECT(new_with((struct hepta_pipe_options){.size = size, .wait = 77}), -EINVAL);
    EXPECT(new_with((struct hepta_pipe_options){.size = size, .spin_ns = 1000001}), -EINVAL);
    EXPECT(new_with((struct hepta_pipe_options){.size = size, .spin_ns = 1000000}), 0);
    EXPECT(new_with((struct hepta_pipe_options){.size = size, .capacity = 1}), 0);
    EXPECT(new_with((struct hepta_pipe_options){.size = size, .capacity = UINT64_MAX}), -EINVAL);
    EXPECT(new_with((struct hepta_pipe_options){
               .size = size, .capacity = HEPTA_PIPE_CAPACITY_MAX + 1}), -EINVAL);
    EXPECT(hepta_pipe_new(&r, &w, &newer.opt), 0);
    done();
    newer.more = 1;
    EXPECT(hepta_pipe_new(&r, &w, &newer.opt), -E2BIG);
}

static void test_null(void)
{
    struct hepta_pipe_stat st;
    const void *in;
    void *out;
    int fds[HEPTA_PIPE_NFDS];

    EXPECT(hepta_pipe_write(NULL, buf, 1, HEPTA_NOW), -EINVAL);
    EXPECT(hepta_pipe_read(NULL, buf, 1, HEPTA_NOW), -EINVAL);
    EXPECT(hepta_pipe_reserve(NULL, 1, &out, HEPTA_NOW), -EINVAL);
    EXPECT(hepta_pipe_commit(NULL, 1), -EINVAL);
    EXPECT(hepta_pipe_peek(NULL, &in, HEPTA_NOW), -EINVAL);
    EXPECT(hepta_pipe_release(NULL, 1), -EINVAL);
    EXPECT(hepta_pipe_fd(NULL), -EINVAL);
    EXPECT(hepta_pipe_export(NULL, fds), -EINVAL);
    EXPECT(hepta_pipe_stat(NULL, &st, sizeof(st)), -EINVAL);
    EXPECT(hepta_pipe_close(NULL) != NULL, 0);
    fresh(0);
    EXPECT(hepta_pipe_write(w, NULL, 1, HEPTA_NOW), -EFAULT);
    EXPECT(hepta_pipe_write(w, NULL, 0, HEPTA_NOW), 0);
    EXPECT(hepta_pipe_read(r, NULL, 1, HEPTA_NOW), -EFAULT);
    EXPECT(hepta_pipe_reserve(w, 1, NULL, HEPTA_NOW), -EFAULT);
    EXPECT(hepta_pipe_peek(r, NULL, HEPTA_NOW), -EFAULT);
    EXPECT(hepta_pipe_export(r, NULL), -EFAULT);
    EXPECT(hepta_pipe_stat(r, NULL, sizeof(st)), -EFAULT);
    EXPECT(hepta_pipe_stat(r, &st, 0), -EINVAL);
    done();
}

static void test_sizes(void)
{
    const void *in;
    void *out;

    fresh(0);
    EXPECT(hepta_pipe_write(w, buf, 0, HEPTA_NOW), 0);
    EXPECT(hepta_pipe_read(r, buf, 0, HEPTA_NOW), 0);
    EXPECT(hepta_pipe_write(w, buf, (size_t)SSIZE_MAX + 1, HEPTA_NOW), -EINVAL);
    EXPECT(hepta_pipe_read(r, buf, (size_t)SSIZE_MAX + 1, HEPTA_NOW), -EINVAL);
    EXPECT(hepta_pipe_write(w, buf, SIZE_MAX, HEPTA_NOW), -EINVAL);
    EXPECT(hepta_pipe_reserve(w, 0, &out, HEPTA_NOW), -EINVAL);
    EXPECT(hepta_pipe_reserve(w, HEPTA_PIPE_CAPACITY_DEFAULT + 1, &out, HEPTA_NOW), -EINVAL);
    EXPECT(hepta_pipe_reserve(w, SIZE_MAX, &out, HEPTA_NOW), -EINVAL);
    EXPECT(hepta_pipe_commit(w, 1), -EINVAL);
    EXPECT(hepta_pipe_release(r, 1), -EINVAL);
    EXPECT(hepta_pipe_reserve(w, 8, &out, HEPTA_NOW), 0);
    EXPECT(hepta_pipe_reserve(w, 8, &out, HEPTA_NOW), -EDEADLK);
    EXPECT(hepta_pipe_write(w, buf, 1, HEPTA_NOW), -EDEADLK);
    EXPECT(hepta_pipe_commit(w, 9), -EINVAL);
    EXPECT(hepta_pipe_commit(w, 8), 0);
    EXPECT(hepta_pipe_peek(r, &in, HEPTA_NOW), 8);
    EXPECT(hepta_pipe_peek(r, &in, HEPTA_NOW), -EDEADLK);
    EXPECT(hepta_pipe_read(r, buf, 1, HEPTA_NOW), -EDEADLK);
    EXPECT(hepta_pipe_release(r, 9), -EINVAL);
    EXPECT(hepta_pipe_release(r, 8), 0);
    EXPECT(hepta_pipe_read(r, buf, 1, 1), -ETIMEDOUT); /* a deadline long past */
    EXPECT(hepta_pipe_read(r, buf, 1, -5), -ETIMEDOUT);
    EXPECT(hepta_pipe_read(r, buf, 1, HEPTA_NOW), -EAGAIN);
    done();
    fresh(HEPTA_PIPE_PACKET);
    EXPECT(hepta_pipe_reserve(w, HEPTA_PIPE_BUF + 1, &out, HEPTA_NOW), -EINVAL);
    EXPECT(hepta_pipe_reserve(w, HEPTA_PIPE_BUF, &out, HEPTA_NOW), 0);
    done();
}

/* All verbs on something that is no open pipe end, or the other end. */
static void refused(struct hepta_pipe *no_writer, struct hepta_pipe *no_reader, bool closed)
{
    struct hepta_pipe_stat st;
    const void *in;
    void *out;
    int fds[HEPTA_PIPE_NFDS];

    EXPECT(hepta_pipe_write(no_writer, buf, 1, HEPTA_NOW), -EBADF);
    EXPECT(hepta_pipe_reserve(no_writer, 1, &out, HEPTA_NOW), -EBADF);
    EXPECT(hepta_pipe_commit(no_writer, 0), -EBADF);
    EXPECT(hepta_pipe_read(no_reader, buf, 1, HEPTA_NOW), -EBADF);
    EXPECT(hepta_pipe_peek(no_reader, &in, HEPTA_NOW), -EBADF);
    EXPECT(hepta_pipe_release(no_reader, 0), -EBADF);
    if (!closed)
        return;
    EXPECT(hepta_pipe_fd(no_writer), -EBADF);
    EXPECT(hepta_pipe_export(no_writer, fds), -EBADF);
    EXPECT(hepta_pipe_stat(no_writer, &st, sizeof(st)), -EBADF);
    EXPECT(hepta_pipe_close(no_writer) != NULL, 0);
}

static void test_handles(void)
{
    _Alignas(64) char foreign[512] = "a handle of quite another kind";
    struct hepta_pipe *old_r, *old_w;

    fresh(0);
    refused(r, w, false);
    old_r = r;
    old_w = w;
    done();
    refused(old_w, old_r, true);
    refused((struct hepta_pipe *)foreign, (struct hepta_pipe *)foreign, true);
}

/* With only @n descriptors left. */
static void leave_descriptors(int n, struct rlimit *old)
{
    struct rlimit low;
    int next = dup(0);

    close(next);
    getrlimit(RLIMIT_NOFILE, old);
    low = *old;
    low.rlim_cur = (rlim_t)(next + n);
    setrlimit(RLIMIT_NOFILE, &low);
}

static void test_no_descriptors(void)
{
    struct hepta_pipe *r2 = (struct hepta_pipe *)buf, *w2 = r2;
    int fds[HEPTA_PIPE_NFDS], results[2 * HEPTA_PIPE_NFDS], rc;
    struct t_usage before;
    struct rlimit old;

    fresh(0);
    before = t_usage();
    for (int n = 0; n < HEPTA_PIPE_NFDS; n++) {
        leave_descriptors(n, &old);
        rc = hepta_pipe_export(r, fds);
        setrlimit(RLIMIT_NOFILE, &old);
        EXPECT(rc, -EMFILE);
    }
    for (int n = 0; n < 2 * HEPTA_PIPE_NFDS - 1; n++) {
        leave_descriptors(n, &old);
        results[n] = hepta_pipe_new(&r2, &w2, NULL);
        setrlimit(RLIMIT_NOFILE, &old);
        EXPECT(results[n], -EMFILE);
        EXPECT(r2 != NULL || w2 != NULL, 0);
    }
    EXPECT(t_usage_same("no descriptors", before, t_usage()), 1);
    done();
}

static void test_no_memory(void)
{
#ifndef __SANITIZE_ADDRESS__ /* its shadow alone is more than any limit */
    struct hepta_pipe_options opt = {.size = sizeof(opt), .capacity = HEPTA_PIPE_CAPACITY_MAX};
    struct rlimit old, low;
    int rc;

    getrlimit(RLIMIT_AS, &old);
    low = old;
    low.rlim_cur = 64UL << 20;
    setrlimit(RLIMIT_AS, &low);
    rc = hepta_pipe_new(&r, &w, &opt);
    setrlimit(RLIMIT_AS, &old);
    EXPECT(rc, -ENOMEM);
    EXPECT(r != NULL || w != NULL, 0);
#endif
}

static int exported[HEPTA_PIPE_NFDS];

/* Pids mean others there. */
static bool refused_in_namespace(void)
{
    return IS(hepta_pipe_write(w, buf, 1, HEPTA_NOW), -EXDEV) &&
           IS(hepta_pipe_read(r, buf, 1, HEPTA_NOW), -EXDEV) &&
           IS(attach_refused(exported), -EXDEV);
}

static void test_namespace(void)
{
    fresh(0);
    if (hepta_pipe_export(r, exported) < 0)
        t_die("hepta_pipe_export");
    in_new_pidns("another PID namespace", refused_in_namespace);
    for (int i = 0; i < HEPTA_PIPE_NFDS; i++)
        close(exported[i]);
    done();
}

int main(void)
{
    struct t_usage before;

    t_limit(60);
    fresh(0); /* what the library makes once per process is made now */
    done();
    before = t_usage();
    test_options();
    test_null();
    test_sizes();
    test_handles();
    test_attach_descriptors();
    test_attach_segment();
    test_no_descriptors();
    test_no_memory();
    test_namespace();
    EXPECT(t_usage_same("all", before, t_usage()), 1);
    return expect_verdict();
}
