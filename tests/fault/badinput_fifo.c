/* SPDX-License-Identifier: MIT */
/*
 * badinput_fifo.c - every verb of the FIFO with arguments and handles that it must refuse,
 * each with the errno that the header promises, and nothing made or left
 *
 * Start with the table-like functions test_*.
 */
#define _GNU_SOURCE
#include "badinput_fifo.h"

#include "../lib/t.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

char dir[64] = "/dev/shm/hepta-badinput-XXXXXX";
static struct hepta_fifo *r, *w;
static char buf[64];

int n_entries(const char *path)
{
    DIR *d = opendir(path);
    int n = -2; /* . and .. */

    if (!d)
        return -1;
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

int try_open(const char *name)
{
    struct hepta_fifo *f = (struct hepta_fifo *)buf;
    struct t_usage before = t_usage();
    int rc = hepta_fifo_open(&f, name, BOTH, NULL, HEPTA_NOW);

    if (rc == 0)
        hepta_fifo_close(f);
    else
        EXPECT(f != NULL, 0);
    EXPECT(t_usage_same("open", before, t_usage()), 1);
    return rc;
}

static void fresh(void)
{
    if (hepta_fifo_make(NAME, 0600, NULL) < 0 ||
        hepta_fifo_open(&r, NAME, HEPTA_FIFO_READ, NULL, HEPTA_NOW) < 0 ||
        hepta_fifo_open(&w, NAME, HEPTA_FIFO_WRITE, NULL, HEPTA_NOW) < 0)
        t_die("no FIFO");
}

static void done(void)
{
    r = hepta_fifo_close(r);
    w = hepta_fifo_close(w);
    EXPECT(hepta_fifo_unlink(NAME), 0);
    EXPECT(n_entries(dir), 0);
}

static void refuse_name(const char *name, int err)
{
    EXPECT(hepta_fifo_make(name, 0600, NULL), err);
    EXPECT(try_open(name), err);
    EXPECT(hepta_fifo_unlink(name), err);
    EXPECT(n_entries(dir), 0);
}

static void test_names(void)
{
    static const char *const bad[] = {"",    "a",     "/",    "//",   "/a/b", "/a/",
                                      "//a", "./a",   "/.",   "/..",  ".",    " /a",
                                      "\n",  "/../a", "/a/.", "fifo.a"};
    char longest[HEPTA_NAME_MAX + 3];

    for (size_t i = 0; i < T_COUNT(bad); i++)
        refuse_name(bad[i], -EINVAL);
    refuse_name(NULL, -EFAULT);
    memset(longest, 'x', sizeof(longest));
    longest[0] = '/';
    longest[HEPTA_NAME_MAX + 2] = 0;
    refuse_name(longest, -ENAMETOOLONG);
    longest[HEPTA_NAME_MAX + 1] = 0;
    EXPECT(try_open(longest), -ENOENT);
    EXPECT(hepta_fifo_unlink(longest), -ENOENT);
    EXPECT(hepta_fifo_make(longest, 0600, NULL), 0);
    EXPECT(hepta_fifo_make(longest, 0600, NULL), -EEXIST);
    EXPECT(try_open(longest), 0);
    EXPECT(hepta_fifo_unlink(longest), 0);
    EXPECT(n_entries(dir), 0);
}

static int make_with(struct hepta_fifo_options opt)
{
    int rc = hepta_fifo_make(NAME, 0600, &opt);

    EXPECT(n_entries(dir), rc == 0);
    if (rc == 0)
        EXPECT(hepta_fifo_unlink(NAME), 0);
    return rc;
}

static int open_with(struct hepta_fifo_options opt)
{
    struct hepta_fifo *f = (struct hepta_fifo *)buf;
    int rc = hepta_fifo_open(&f, NAME, BOTH, &opt, HEPTA_NOW);

    EXPECT(rc == 0 ? hepta_fifo_close(f) != NULL : f != NULL, 0);
    return rc;
}

static void test_options(void)
{
    const uint32_t size = sizeof(struct hepta_fifo_options);
    struct {
        struct hepta_fifo_options opt;
        uint64_t more;
    } newer = {{.size = sizeof(newer)}, 1};
    struct hepta_fifo *f = (struct hepta_fifo *)buf;

    EXPECT(make_with((struct hepta_fifo_options){.size = size}), 0);
    EXPECT(make_with((struct hepta_fifo_options){.size = size, .capacity = 1}), 0);
    EXPECT(make_with((struct hepta_fifo_options){.size = 0}), -EINVAL);
    EXPECT(make_with((struct hepta_fifo_options){.size = 3}), -EINVAL);
    EXPECT(make_with((struct hepta_fifo_options){.size = UINT32_MAX}), -EINVAL);
    EXPECT(make_with((struct hepta_fifo_options){.size = size, .flags = 2}), -EINVAL);
    EXPECT(make_with((struct hepta_fifo_options){.size = size, .flags = 1u << 31}), -EINVAL);
    EXPECT(make_with((struct hepta_fifo_options){.size = size, .capacity = UINT64_MAX}), -EINVAL);
    EXPECT(make_with((struct hepta_fifo_options){
               .size = size, .capacity = HEPTA_PIPE_CAPACITY_MAX + 1}), -EINVAL);
    EXPECT(hepta_fifo_make(NAME, 0600, &newer.opt), -E2BIG);
    EXPECT(hepta_fifo_make(NAME, 01600, NULL), -EINVAL);
    EXPECT(hepta_fifo_make(NAME, 04000, NULL), -EINVAL);
    EXPECT(hepta_fifo_make(NAME, (mode_t)-1, NULL), -EINVAL);
    EXPECT(n_entries(dir), 0);
    fresh();
    EXPECT(open_with((struct hepta_fifo_options){.size = size}), 0);
    EXPECT(open_with((struct hepta_fifo_options){.size = 0}), -EINVAL);
    EXPECT(open_with((struct hepta_fifo_options){.size = size, .wait = 3}), -EINVAL);
    EXPECT(open_with((struct hepta_fifo_options){.size = size, .spin_ns = 1000001}), -EINVAL);
    EXPECT(open_with((struct hepta_fifo_options){.size = size, .spin_ns = 1000000}), 0);
    EXPECT(hepta_fifo_open(&f, NAME, BOTH, &newer.opt, HEPTA_NOW), -E2BIG);
    EXPECT(f != NULL, 0);
    done();
}

static void test_access(void)
{
    struct hepta_fifo *f;

    fresh();
    EXPECT(hepta_fifo_open(NULL, NAME, BOTH, NULL, HEPTA_NOW), -EFAULT);
    EXPECT(hepta_fifo_open(&f, NAME, 0, NULL, HEPTA_NOW), -EINVAL);
    EXPECT(hepta_fifo_open(&f, NAME, 4, NULL, HEPTA_NOW), -EINVAL);
    EXPECT(hepta_fifo_open(&f, NAME, UINT32_MAX, NULL, HEPTA_NOW), -EINVAL);
    EXPECT(f != NULL, 0);
    r = hepta_fifo_close(r);
    w = hepta_fifo_close(w);
    EXPECT(hepta_fifo_open(&f, NAME, HEPTA_FIFO_WRITE, NULL, HEPTA_NOW), -ENXIO);
    EXPECT(hepta_fifo_open(&f, NAME, HEPTA_FIFO_WRITE, NULL, 1), -ETIMEDOUT);
    EXPECT(hepta_fifo_open(&f, NAME, HEPTA_FIFO_READ, NULL, -5), -ETIMEDOUT);
    EXPECT(f != NULL, 0);
    done();
}

/* All verbs on something that isn't open for them. */
static void refused(struct hepta_fifo *no_writer, struct hepta_fifo *no_reader, int err)
{
    const void *in;
    void *out;

    EXPECT(hepta_fifo_write(no_writer, buf, 1, HEPTA_NOW), err);
    EXPECT(hepta_fifo_reserve(no_writer, 1, &out, HEPTA_NOW), err);
    EXPECT(hepta_fifo_commit(no_writer, 0), err);
    EXPECT(hepta_fifo_fd(no_writer, HEPTA_FIFO_WRITE), err);
    EXPECT(hepta_fifo_read(no_reader, buf, 1, HEPTA_NOW), err);
    EXPECT(hepta_fifo_peek(no_reader, &in, HEPTA_NOW), err);
    EXPECT(hepta_fifo_release(no_reader, 0), err);
    EXPECT(hepta_fifo_fd(no_reader, HEPTA_FIFO_READ), err);
}

static void no_handle(struct hepta_fifo *f, int err)
{
    struct hepta_pipe_stat st;

    refused(f, f, err);
    EXPECT(hepta_fifo_stat(f, &st, sizeof(st)), err);
    EXPECT(hepta_fifo_close(f) != NULL, 0);
}

static void test_handles(void)
{
    _Alignas(64) char foreign[512] = "a handle of quite another kind";
    struct hepta_pipe *pr, *pw;
    struct hepta_fifo *old;

    fresh();
    refused(r, w, -EBADF);
    no_handle(NULL, -EINVAL);
    no_handle((struct hepta_fifo *)foreign, -EBADF);
    if (hepta_pipe_new(&pr, &pw, NULL) < 0)
        t_die("hepta_pipe_new");
    no_handle((struct hepta_fifo *)pr, -EBADF);
    EXPECT(hepta_pipe_write((struct hepta_pipe *)w, buf, 1, HEPTA_NOW), -EBADF);
    EXPECT(hepta_pipe_close((struct hepta_pipe *)w) != NULL, 0);
    EXPECT(hepta_pipe_write(pw, buf, 1, HEPTA_NOW), 1); /* left alone */
    EXPECT(hepta_fifo_write(w, buf, 1, HEPTA_NOW), 1);
    hepta_pipe_close(pr);
    hepta_pipe_close(pw);
    old = r;
    done();
    no_handle(old, -EBADF);
}

static void test_sizes(void)
{
    struct hepta_pipe_stat st;
    const void *in;
    void *out;

    fresh();
    EXPECT(hepta_fifo_write(w, NULL, 1, HEPTA_NOW), -EFAULT);
    EXPECT(hepta_fifo_write(w, NULL, 0, HEPTA_NOW), 0);
    EXPECT(hepta_fifo_read(r, NULL, 1, HEPTA_NOW), -EFAULT);
    EXPECT(hepta_fifo_reserve(w, 1, NULL, HEPTA_NOW), -EFAULT);
    EXPECT(hepta_fifo_peek(r, NULL, HEPTA_NOW), -EFAULT);
    EXPECT(hepta_fifo_stat(r, NULL, sizeof(st)), -EFAULT);
    EXPECT(hepta_fifo_stat(r, &st, 0), -EINVAL);
    EXPECT(hepta_fifo_fd(r, 0), -EINVAL);
    EXPECT(hepta_fifo_fd(r, BOTH), -EINVAL);
    EXPECT(hepta_fifo_write(w, buf, (size_t)SSIZE_MAX + 1, HEPTA_NOW), -EINVAL);
    EXPECT(hepta_fifo_read(r, buf, SIZE_MAX, HEPTA_NOW), -EINVAL);
    EXPECT(hepta_fifo_reserve(w, 0, &out, HEPTA_NOW), -EINVAL);
    EXPECT(hepta_fifo_reserve(w, HEPTA_PIPE_CAPACITY_DEFAULT + 1, &out, HEPTA_NOW), -EINVAL);
    EXPECT(hepta_fifo_commit(w, 1), -EINVAL);
    EXPECT(hepta_fifo_release(r, 1), -EINVAL);
    EXPECT(hepta_fifo_reserve(w, 8, &out, HEPTA_NOW), 0);
    EXPECT(hepta_fifo_write(w, buf, 1, HEPTA_NOW), -EDEADLK);
    EXPECT(hepta_fifo_commit(w, 9), -EINVAL);
    EXPECT(hepta_fifo_commit(w, 8), 0);
    EXPECT(hepta_fifo_peek(r, &in, HEPTA_NOW), 8);
    EXPECT(hepta_fifo_read(r, buf, 1, HEPTA_NOW), -EDEADLK);
    EXPECT(hepta_fifo_release(r, 9), -EINVAL);
    EXPECT(hepta_fifo_release(r, 8), 0);
    EXPECT(hepta_fifo_read(r, buf, 1, 1), -ETIMEDOUT);
    EXPECT(hepta_fifo_read(r, buf, 1, HEPTA_NOW), -EAGAIN);
    done();
}

static void run_all(void)
{
    struct t_usage before;

    fresh(); /* what the library makes once per process is made now */
    done();
    before = t_usage();
    test_names();
    test_options();
    test_access();
    test_handles();
    test_sizes();
    test_forged();
    EXPECT(t_usage_same("all", before, t_usage()), 1);
    test_places(); /* with threads, whose stacks libc keeps */
    EXPECT(t_usage().n_fds, before.n_fds);
}

/* The directory goes away whatever happens. */
int main(void)
{
    int status;
    pid_t pid;

    if (!mkdtemp(dir) || setenv("HEPTA_DIR", dir, 1) != 0)
        t_die("%s", dir);
    pid = t_fork();
    if (pid == 0) {
        t_limit(60);
        run_all();
        exit(expect_verdict());
    }
    if (waitpid(pid, &status, 0) == pid && rmdir(dir) == 0)
        return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    if (t_fork() == 0)
        execlp("rm", "rm", "-rf", dir, NULL);
    wait(NULL);
    return 1;
}
