/* SPDX-License-Identifier: MIT */
/*
 * fifo_kernel_fault.c - every system call and allocation of the verbs of hepta/fifo.h fails in
 * turn, on the kernel's own FIFO
 *
 * After each failure: a documented errno, a NULL handle, nothing left open (a writer that
 * doesn't wait finds nobody), and a FIFO that still works.
 */
#define _GNU_SOURCE
#include "../lib/t.h"
#include "inject.h"

#include <errno.h>
#include <hepta/fifo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define READ HEPTA_FIFO_READ
#define WRITE HEPTA_FIFO_WRITE

static char dir[64], name[96], buf[8192];
static struct hepta_fifo *f, *r, *w;
static struct hepta_pipe_stat st;
static struct hepta_fifo_options opt = {.size = sizeof(opt)};

static void have_fifo(void)
{
    opt = (struct hepta_fifo_options){.size = sizeof(opt)};
    if (hepta_fifo_make(name, 0600, NULL) < 0)
        t_die("hepta_fifo_make");
}

static struct hepta_fifo *opened(uint32_t access)
{
    struct hepta_fifo *h;

    if (hepta_fifo_open(&h, name, access, NULL, HEPTA_NOW) < 0)
        t_die("hepta_fifo_open");
    return h;
}

static void have_reader(void)
{
    have_fifo();
    r = opened(READ);
}

static void have_both(void)
{
    have_reader();
    w = opened(WRITE);
}

static void have_data(void)
{
    have_both();
    if (hepta_fifo_write(w, "abc", 3, HEPTA_NOW) != 3)
        t_die("hepta_fifo_write");
}

static void have_full(void)
{
    have_both();
    while (hepta_fifo_write(w, buf, 4096, HEPTA_NOW) > 0)
        ;
}

static void have_options(void)
{
    have_fifo();
    opt.flags = HEPTA_FIFO_PACKET;
    opt.capacity = 8192;
}

static void undo(void)
{
    f = hepta_fifo_close(f);
    r = hepta_fifo_close(r);
    w = hepta_fifo_close(w);
    hepta_fifo_unlink(name);
}

static long run_make(void)
{
    return hepta_fifo_make(name, 0600, NULL);
}

static bool check_make(long result)
{
    struct hepta_fifo *h;
    int rc = hepta_fifo_open(&h, name, READ, NULL, HEPTA_NOW);

    hepta_fifo_close(h);
    return rc == (result < 0 ? -ENOENT : 0);
}

static long run_unlink(void)
{
    return hepta_fifo_unlink(name);
}

static bool check_unlink(long result)
{
    return check_make(result < 0 ? 0 : -1);
}

static long open_by(uint32_t access, int64_t deadline)
{
    f = (struct hepta_fifo *)buf; /* must be NULL afterwards */
    return hepta_fifo_open(&f, name, access, &opt, deadline);
}

static long run_open_now(void) { return open_by(READ, HEPTA_NOW); }
static long run_open_both(void) { return open_by(READ | WRITE, HEPTA_NOW); }
static long run_open_reader(void) { return open_by(READ, hepta_in_ms(10)); }
static long run_open_writer(void) { return open_by(WRITE, hepta_in_ms(10)); }
static long run_open_waiting(void) { return open_by(WRITE, HEPTA_FOREVER); }

/* Nobody is there but those that setup() and a successful run() opened. */
static bool check_open(long result)
{
    if ((result < 0) != (f == NULL))
        return false;
    f = hepta_fifo_close(f);
    r = hepta_fifo_close(r);
    struct hepta_fifo *h;
    int rc = hepta_fifo_open(&h, name, WRITE, NULL, HEPTA_NOW);
    hepta_fifo_close(h);
    return rc == -ENXIO;
}

static long run_write(void) { return hepta_fifo_write(w, "x", 1, hepta_in_ms(5)); }
static long run_write_much(void) { return hepta_fifo_write(w, buf, sizeof(buf), HEPTA_NOW); }
static long run_read(void) { return hepta_fifo_read(r, buf, sizeof(buf), hepta_in_ms(5)); }
static long run_stat(void) { return hepta_fifo_stat(r, &st, sizeof(st)); }

static bool still_works(long result)
{
    (void)result;
    while (hepta_fifo_read(r, buf, sizeof(buf), HEPTA_NOW) > 0)
        ;
    return hepta_fifo_write(w, "ok!", 3, HEPTA_NOW) == 3 &&
           hepta_fifo_read(r, buf, sizeof(buf), HEPTA_NOW) == 3 && !memcmp(buf, "ok!", 3);
}

static bool check_read(long result)
{
    if (result < 0) /* nothing is lost */
        result = hepta_fifo_read(r, buf, sizeof(buf), HEPTA_NOW);
    return result == 3 && !memcmp(buf, "abc", 3);
}

static long run_close(void)
{
    r = hepta_fifo_close(r);
    w = hepta_fifo_close(w);
    return 0;
}

#define PATH_ERRORS {ENOENT, EACCES, ENOMEM, ENOSPC, EEXIST, EMFILE, ENFILE}
#define OPEN_ERRORS                                                                                \
    {ENOENT, EACCES, ENOMEM, EMFILE, ENFILE, ENXIO, ETIMEDOUT, EINTR, EPERM, EBUSY}
#define IO_ERRORS {EAGAIN, ETIMEDOUT, EINTR, ENOMEM}

static const struct inject_op ops[] = {
    {"make", PATH_ERRORS, NULL, run_make, check_make, undo, 1},
    {"unlink", PATH_ERRORS, have_fifo, run_unlink, check_unlink, undo, 1},
    {"open a reader, now", OPEN_ERRORS, have_fifo, run_open_now, check_open, undo, 1},
    {"open both", OPEN_ERRORS, have_fifo, run_open_both, check_open, undo, 1},
    {"open both, with options", OPEN_ERRORS, have_options, run_open_both, check_open, undo, 1},
    {"open a reader, nobody comes", OPEN_ERRORS, have_fifo, run_open_reader, check_open, undo, 1},
    {"open a writer, nobody comes", OPEN_ERRORS, have_fifo, run_open_writer, check_open, undo, 1},
    {"open a writer", OPEN_ERRORS, have_reader, run_open_waiting, check_open, undo, 1},
    {"write", IO_ERRORS, have_both, run_write, still_works, undo, 1},
    {"write, full", IO_ERRORS, have_full, run_write, still_works, undo, 1},
    {"write much", IO_ERRORS, have_both, run_write_much, still_works, undo, 1},
    {"read", IO_ERRORS, have_data, run_read, check_read, undo, 1},
    {"read, empty", IO_ERRORS, have_both, run_read, still_works, undo, 1},
    {"stat", {ENOMEM, EINTR, EMFILE, ENFILE}, have_both, run_stat, still_works, undo, 1},
    {"close", {0}, have_data, run_close, NULL, undo, 1},
};

/* The directory goes away whatever happens. */
int main(void)
{
    int status = 1;

    snprintf(dir, sizeof(dir), "/dev/shm/hepta-fault.XXXXXX");
    if (!mkdtemp(dir))
        t_die("mkdtemp");
    snprintf(name, sizeof(name), "kernel.fifo:%s/f", dir);
    pid_t pid = t_fork();
    if (pid == 0) {
        t_limit(180);
        exit(inject_all(ops, T_COUNT(ops)) != 0);
    }
    waitpid(pid, &status, 0);
    hepta_fifo_unlink(name);
    return rmdir(dir) < 0 || status != 0;
}
