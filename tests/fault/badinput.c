/* SPDX-License-Identifier: MIT */
/*
 * badinput.c - every verb of the pipe with arguments, handles and descriptors that it
 * must refuse, each with the errno that the header promises
 *
 * Start with the table-like functions test_*; attach has the longest list, because what
 * it is given comes from another program.
 */
#define _GNU_SOURCE
#include "../lib/t.h"

#include <errno.h>
#include <fcntl.h>
#include <hepta/pipe.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pipe/pipe_internal.h"

static int n_checks, n_failed;

static void expect_at(int line, const char *what, long got, long wanted)
{
    n_checks++;
    if (got == wanted)
        return;
    n_failed++;
    fprintf(stderr, "line %d: %s: %ld (%s), expected %ld (%s)\n", line, what, got,
            got < 0 ? strerrorname_np((int)-got) : "", wanted,
            wanted < 0 ? strerrorname_np((int)-wanted) : "");
}

#define EXPECT(call, wanted) expect_at(__LINE__, #call, (long)(call), (long)(wanted))

static struct hepta_pipe *r, *w;
static char buf[64];

static void fresh(uint32_t flags)
{
    struct hepta_pipe_options opt = {.size = sizeof(opt), .flags = flags};

    if (hepta_pipe_new(&r, &w, &opt) < 0)
        t_die("hepta_pipe_new");
}

static void done(void)
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

static struct hepta_pipe *q;

/* Attach must refuse and leave the descriptors alone. */
static int attach_refused(const int fds[HEPTA_PIPE_NFDS])
{
    struct t_usage before = t_usage();
    int rc;

    q = (struct hepta_pipe *)buf;
    rc = hepta_pipe_attach(&q, fds, NULL);
    if (rc < 0) {
        EXPECT(q != NULL, 0);
        EXPECT(t_usage_same("attach", before, t_usage()), 1);
    } else {
        hepta_pipe_close(q);
    }
    return rc;
}

static void close_fds(int fds[HEPTA_PIPE_NFDS])
{
    for (int i = 0; i < HEPTA_PIPE_NFDS; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

/* Attach with descriptor number @i of a good set replaced by @fd, which is closed. */
static int attach_with(int i, int fd)
{
    int fds[HEPTA_PIPE_NFDS], rc;

    if (hepta_pipe_export(r, fds) < 0)
        t_die("hepta_pipe_export");
    close(fds[i]);
    fds[i] = fd;
    rc = attach_refused(fds);
    if (rc < 0)
        close_fds(fds);
    return rc;
}

static int reopened(int fd, int flags)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open(path, flags | O_CLOEXEC);
}

static void test_attach_descriptors(void)
{
    int fds[HEPTA_PIPE_NFDS], swapped[HEPTA_PIPE_NFDS], theirs[HEPTA_PIPE_NFDS], ends[2];
    struct hepta_pipe *r2, *w2;

    fresh(0);
    hepta_pipe_export(r, fds);
    EXPECT(hepta_pipe_attach(NULL, fds, NULL), -EFAULT);
    EXPECT(hepta_pipe_attach(&q, NULL, NULL), -EFAULT);
    EXPECT(hepta_pipe_attach(&q, fds, &(struct hepta_pipe_options){.size = 0}), -EINVAL);
    for (int i = 0; i < HEPTA_PIPE_NFDS; i++) {
        EXPECT(attach_with(i, -1), -EBADF);
        EXPECT(attach_with(i, 1000000), -EBADF);
    }
    EXPECT(attach_with(0, open("/dev/null", O_RDWR | O_CLOEXEC)), -EPROTO);
    EXPECT(attach_with(0, reopened(fds[0], O_RDONLY)), -EBADF);
    for (int i = 1; i < HEPTA_PIPE_NFDS; i++) {
        EXPECT(attach_with(i, open("/dev/null", O_RDWR | O_CLOEXEC)), -EPROTO);
        EXPECT(attach_with(i, dup(fds[0])), -EPROTO);
        if (pipe2(ends, O_CLOEXEC) < 0)
            t_die("pipe2");
        EXPECT(attach_with(i, ends[0]), -EPROTO);
        EXPECT(attach_with(i, ends[1]), -EPROTO);
    }
    memcpy(swapped, fds, sizeof(fds));
    swapped[1] = fds[2];
    swapped[2] = fds[1];
    EXPECT(attach_refused(swapped), -EBADF); /* each is open for the other direction */
    /* Another pipe's bells: of the right kind, but not this pipe's. */
    if (hepta_pipe_new(&r2, &w2, NULL) < 0 || hepta_pipe_export(r2, theirs) < 0)
        t_die("second pipe");
    for (int i = 1; i < HEPTA_PIPE_NFDS; i++)
        EXPECT(attach_with(i, dup(theirs[i])), -EPROTO);
    close_fds(theirs);
    hepta_pipe_close(r2);
    hepta_pipe_close(w2);
    EXPECT(attach_refused(fds), 0);
    done();
}

/* A copy of the segment as an evil maker would send it; sealed if @sealed. */
static int forged(off_t len, off_t at, const void *bytes, size_t n, bool sealed)
{
    int fds[HEPTA_PIPE_NFDS], fd = memfd_create("hepta-forged", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    struct stat st;
    char *copy;

    hepta_pipe_export(r, fds);
    if (fd < 0 || fstat(fds[0], &st) < 0)
        t_die("forged");
    copy = malloc((size_t)st.st_size);
    if (!copy || pread(fds[0], copy, (size_t)st.st_size, 0) != st.st_size)
        t_die("forged");
    if (n)
        memcpy(copy + at, bytes, n);
    if (pwrite(fd, copy, (size_t)st.st_size, 0) != st.st_size ||
        (len && ftruncate(fd, len) < 0))
        t_die("forged");
    free(copy);
    if (sealed)
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    close_fds(fds);
    return fd;
}

#define FORGE(field, value)                                                                        \
    forged(0, offsetof(struct h7_segment_header, field),                                           \
           &(__typeof__(((struct h7_segment_header *)0)->field)){value},                           \
           sizeof(((struct h7_segment_header *)0)->field), true)

static void test_attach_segment(void)
{
    fresh(0);
    EXPECT(attach_with(0, forged(0, 0, NULL, 0, false)), -EPERM);
    EXPECT(attach_with(0, FORGE(magic, 0)), -EPROTO);
    EXPECT(attach_with(0, FORGE(magic, 1)), -EPROTO);
    EXPECT(attach_with(0, FORGE(version, 0)), -EPROTONOSUPPORT);
    EXPECT(attach_with(0, FORGE(version, 999)), -EPROTONOSUPPORT);
    EXPECT(attach_with(0, FORGE(kind, 999)), -EMEDIUMTYPE);
    EXPECT(attach_with(0, forged(4096, 0, NULL, 0, true)), -ENODATA);
    EXPECT(attach_with(0, forged(16384, 0, NULL, 0, true)), -ENODATA);
    EXPECT(attach_with(0, forged(1, 0, NULL, 0, true)), -EPROTO);
    EXPECT(attach_with(0, FORGE(pidns, 1)), -EXDEV);
    EXPECT(attach_with(0, FORGE(len, 1)), -EBADMSG);
    EXPECT(attach_with(0, FORGE(len, UINT64_MAX)), -ENODATA);
    EXPECT(attach_with(0, FORGE(data_off, 0)), -EBADMSG);
    EXPECT(attach_with(0, FORGE(data_off, 1)), -EBADMSG);
    EXPECT(attach_with(0, FORGE(data_off, UINT64_MAX)), -EBADMSG);
    EXPECT(attach_with(0, FORGE(data_len, 0)), -EBADMSG);
    EXPECT(attach_with(0, FORGE(data_len, 4096)), -EBADMSG);
    EXPECT(attach_with(0, FORGE(data_len, 1ULL << 62)), -EBADMSG);
    EXPECT(attach_with(0, FORGE(flags, UINT32_MAX)), -EBADMSG);
    done();
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

/* The child of a process that has unshared its PID namespace: pids mean others there. */
static int in_namespace(void)
{
    pid_t pid;
    int fds[HEPTA_PIPE_NFDS], rc;

    if (hepta_pipe_export(r, fds) < 0)
        return 1;
    if (unshare(CLONE_NEWPID) < 0)
        return 77;
    pid = t_fork();
    if (pid == 0) {
        rc = hepta_pipe_write(w, buf, 1, HEPTA_NOW) == -EXDEV &&
             hepta_pipe_read(r, buf, 1, HEPTA_NOW) == -EXDEV &&
             attach_refused(fds) == -EXDEV;
        _exit(!rc);
    }
    return t_reap(pid, 5000);
}

static void test_namespace(void)
{
    pid_t pid;
    int status;

    fresh(0);
    pid = t_fork();
    if (pid == 0) {
        status = in_namespace();
        _exit(status == 77 ? 77 : status != 0);
    }
    status = t_reap(pid, 10000);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        printf("another PID namespace: not allowed here, skipped\n");
    else
        EXPECT(status, 0);
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
    printf("%d checks, %d failed\n", n_checks, n_failed);
    return n_failed != 0;
}
