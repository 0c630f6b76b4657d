/* SPDX-License-Identifier: MIT */
/*
 * fifo_fault.c - every system call and allocation of the FIFO's verbs fails in turn
 *
 * Beside what pipe_fault.c says of an open pipe's verbs, opening is here in all its ways:
 * each with its partner there, not there, and coming while one waits. After each failure
 * the FIFO must be usable by others as if nobody had tried; whether a handle stayed
 * behind shows when it is opened for writing with nobody there.
 */
#define _GNU_SOURCE
#include "../lib/t.h"
#include "inject.h"
#include "name/name.h"

#include <errno.h>
#include <hepta/fifo.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME "/jobs"
#define BOTH (HEPTA_FIFO_READ | HEPTA_FIFO_WRITE)

static char dir[] = "/dev/shm/hepta-fault-XXXXXX";
static struct hepta_fifo *f, *g; /* in the operations on open ones: reader and writer */
static pid_t other;
static char buf[HEPTA_PIPE_BUF];

static const struct hepta_fifo_options small = {
    .size = sizeof(small), .capacity = 4096, .wait = HEPTA_WAIT_SLEEP};

static struct hepta_fifo *opened(uint32_t access)
{
    struct hepta_fifo *h;
    int rc = hepta_fifo_open(&h, NAME, access, &small, HEPTA_NOW);

    if (rc < 0)
        t_die("hepta_fifo_open: %s", strerror(-rc));
    return h;
}

static void have_fifo(void)
{
    if (hepta_fifo_make(NAME, 0600, &small) < 0)
        t_die("hepta_fifo_make");
}

static void have_reader(void)
{
    have_fifo();
    g = opened(HEPTA_FIFO_READ);
}

static void have_both(void)
{
    have_fifo();
    g = opened(BOTH);
}

static void have_ends(void)
{
    have_fifo();
    f = opened(HEPTA_FIFO_READ);
    g = opened(HEPTA_FIFO_WRITE);
}

static void have_full(void)
{
    have_ends();
    if (hepta_fifo_write(g, buf, sizeof(buf), HEPTA_NOW) != sizeof(buf))
        t_die("hepta_fifo_write");
}

/* Naps end by themselves after some ms; then it sleeps where it has to be rung for. */
static void deep_asleep(void)
{
    t_sleep_ns(15 * T_MS);
    t_asleep(other, 1000);
}

static void have_sleeping_reader(void)
{
    have_ends();
    other = t_fork();
    if (other == 0)
        _exit(hepta_fifo_read(f, buf, 1, hepta_in_ms(3000)) != 1);
    deep_asleep();
}

/* One that waits in open until somebody writes. */
static void have_waiting_opener(void)
{
    have_fifo();
    other = t_fork();
    if (other == 0) {
        int rc = hepta_fifo_open(&f, NAME, HEPTA_FIFO_READ, &small, hepta_in_ms(5000));

        _exit(rc == 0 ? hepta_fifo_close(f) != NULL : 1);
    }
    deep_asleep();
}

/* A draft that a failing removal leaves stays until its process is dead: main() looks. */
static void leave(void)
{
    if (other > 0)
        t_kill(other);
    f = hepta_fifo_close(f);
    g = hepta_fifo_close(g);
    hepta_fifo_unlink(NAME);
}

static bool works(void)
{
    struct hepta_fifo *h;
    char c = 0;
    bool ok;

    if (hepta_fifo_open(&h, NAME, BOTH, &small, HEPTA_NOW) < 0)
        return false;
    while (hepta_fifo_read(h, buf, sizeof(buf), HEPTA_NOW) > 0)
        ;
    ok = hepta_fifo_write(h, "!", 1, hepta_in_ms(1000)) == 1 &&
         hepta_fifo_read(h, &c, 1, hepta_in_ms(1000)) == 1 && c == '!';
    hepta_fifo_close(h);
    return ok;
}

static bool still_works(long result)
{
    (void)result;
    return works();
}

static bool there_if_made(long result)
{
    struct hepta_fifo *h;

    return result == 0 ? works() : hepta_fifo_open(&h, NAME, BOTH, NULL, HEPTA_NOW) == -ENOENT;
}

static bool gone_if_unlinked(long result)
{
    struct hepta_fifo *h;

    return result < 0 ? works() : hepta_fifo_open(&h, NAME, BOTH, NULL, HEPTA_NOW) == -ENOENT;
}

/* NULL and nobody there any more, or a handle that works. */
static bool open_if_opened(long result)
{
    struct hepta_fifo *h;
    int alone;

    if ((result == 0) != (f != NULL))
        return false;
    f = hepta_fifo_close(f);
    g = hepta_fifo_close(g);
    alone = hepta_fifo_open(&h, NAME, HEPTA_FIFO_WRITE, &small, HEPTA_NOW);
    return alone == -ENXIO && works();
}

/* Who waited has been let in, if we have. */
static bool partner_let_in(long result)
{
    bool ok = (result == 0) == (f != NULL);

    if (result == 0)
        ok = ok && t_reap(other, 6000) == 0;
    else
        t_kill(other);
    other = 0;
    f = hepta_fifo_close(f);
    return ok && works();
}

static long run_make(void)
{
    return hepta_fifo_make(NAME, 0640, &small);
}

static long run_unlink(void)
{
    return hepta_fifo_unlink(NAME);
}

static long open_as(uint32_t access, int64_t deadline)
{
    f = (struct hepta_fifo *)buf;
    return hepta_fifo_open(&f, NAME, access, &small, deadline);
}

static long run_open_both(void)
{
    return open_as(BOTH, HEPTA_NOW);
}

static long run_open_reader(void)
{
    return open_as(HEPTA_FIFO_READ, HEPTA_NOW);
}

static long run_open_reader_in_vain(void)
{
    return open_as(HEPTA_FIFO_READ, hepta_in_ms(5));
}

static long run_open_writer(void)
{
    return open_as(HEPTA_FIFO_WRITE, HEPTA_NOW);
}

static long run_open_writer_in_vain(void)
{
    return open_as(HEPTA_FIFO_WRITE, hepta_in_ms(5));
}

static long run_open_writer_waiting(void)
{
    return open_as(HEPTA_FIFO_WRITE, hepta_in_ms(500));
}

static long run_read(void)
{
    return hepta_fifo_read(f, buf, 1, hepta_in_ms(5));
}

static long run_write(void)
{
    return hepta_fifo_write(g, buf, 1, hepta_in_ms(200));
}

static long run_write_short(void)
{
    return hepta_fifo_write(g, buf, 1, hepta_in_ms(5));
}

static bool check_woken(long result)
{
    bool ok = result <= 0 || t_reap(other, 5000) == 0;

    other = result > 0 ? 0 : other;
    return ok && works();
}

static long run_reserve(void)
{
    void *p;
    int rc = hepta_fifo_reserve(g, 16, &p, hepta_in_ms(5));

    return rc < 0 ? rc : hepta_fifo_commit(g, 0);
}

static long run_peek(void)
{
    const void *p;
    ssize_t n = hepta_fifo_peek(f, &p, hepta_in_ms(5));

    return n < 0 ? n : hepta_fifo_release(f, 0);
}

static long run_fd(void)
{
    return hepta_fifo_fd(f, HEPTA_FIFO_READ);
}

static bool check_fd(long result)
{
    struct pollfd p = {(int)result, POLLIN, 0};

    if (result < 0)
        return works();
    return hepta_fifo_write(g, "!", 1, HEPTA_NOW) == 1 && poll(&p, 1, 0) == 1 && works();
}

static long run_fd_w(void)
{
    return hepta_fifo_fd(g, HEPTA_FIFO_WRITE);
}

static long run_stat(void)
{
    struct hepta_pipe_stat st;

    return hepta_fifo_stat(f, &st, sizeof(st));
}

static long run_close(void)
{
    f = hepta_fifo_close(f);
    g = hepta_fifo_close(g);
    return 0;
}

/* The contents go with the last close, and nobody is left. */
static bool all_closed(long result)
{
    return open_if_opened(result ? result : -1);
}

#define MAKE_ERRORS                                                                                \
    {EEXIST, EACCES, EPERM, ENOSPC, ENOMEM, EMFILE, ENFILE, EROFS, EOPNOTSUPP, ENOENT, ENOTDIR,    \
     ENOSYS}
#define OPEN_ERRORS                                                                                \
    {ENXIO, ETIMEDOUT, EINTR, EAGAIN, ENOENT, EACCES, EMEDIUMTYPE, EPROTO, EPROTONOSUPPORT,        \
     ENODATA, EBADMSG, EXDEV, EPERM, ENOMEM, EMFILE, ENFILE, ENOSYS}
#define UNLINK_ERRORS                                                                              \
    {ENOENT, EACCES, EPERM, ENOMEM, ENOSPC, EMFILE, ENFILE, EROFS, ENOSYS}
#define WAIT_ERRORS {EAGAIN, ETIMEDOUT, EINTR, ENOSYS}

static const struct inject_op ops[] = {
    {"make", MAKE_ERRORS, NULL, run_make, there_if_made, leave, 1},
    {"open for both", OPEN_ERRORS, have_fifo, run_open_both, open_if_opened, leave, 1},
    {"open for reading, at once", OPEN_ERRORS, have_fifo, run_open_reader, open_if_opened, leave,
     1},
    {"open for reading, nobody comes", OPEN_ERRORS, have_fifo, run_open_reader_in_vain,
     open_if_opened, leave, 1},
    {"open for reading, one for both is there", OPEN_ERRORS, have_both, run_open_reader_in_vain,
     open_if_opened, leave, 1},
    {"open for writing, nobody there", OPEN_ERRORS, have_fifo, run_open_writer, open_if_opened,
     leave, 1},
    {"open for writing, a reader there", OPEN_ERRORS, have_reader, run_open_writer, open_if_opened,
     leave, 1},
    {"open for writing, nobody comes", OPEN_ERRORS, have_fifo, run_open_writer_in_vain,
     open_if_opened, leave, 1},
    {"open for writing, a reader waits", OPEN_ERRORS, have_waiting_opener, run_open_writer_waiting,
     partner_let_in, leave, 1},
    {"unlink", UNLINK_ERRORS, have_fifo, run_unlink, gone_if_unlinked, leave, 1},
    {"read that finds nothing", WAIT_ERRORS, have_ends, run_read, still_works, leave, 1},
    {"write that finds no room", WAIT_ERRORS, have_full, run_write_short, still_works, leave, 1},
    {"write to a sleeper", WAIT_ERRORS, have_sleeping_reader, run_write, check_woken, leave, 1},
    {"reserve", WAIT_ERRORS, have_ends, run_reserve, still_works, leave, 1},
    {"peek", WAIT_ERRORS, have_full, run_peek, still_works, leave, 1},
    {"descriptor for reading", {ETIMEDOUT}, have_ends, run_fd, check_fd, leave, 1},
    {"descriptor for writing", {ETIMEDOUT}, have_full, run_fd_w, still_works, leave, 1},
    {"stat", {0}, have_ends, run_stat, still_works, leave, 1},
    {"close", {0}, have_full, run_close, all_closed, leave, 1},
};

static int run_all(void)
{
    int n_bad = inject_all(ops, T_COUNT(ops)), n_left = h7_name_clean();

    printf("%d drafts whose removal had failed, removed now\n", n_left);
    return n_bad != 0 || n_left < 0 || h7_name_clean() != 0;
}

/* The directory goes away whatever happens, and must be empty. */
int main(void)
{
    int status;
    pid_t pid;

    if (!mkdtemp(dir) || setenv("HEPTA_DIR", dir, 1) != 0)
        t_die("%s", dir);
    pid = t_fork();
    if (pid == 0) {
        t_limit(180);
        exit(run_all());
    }
    if (waitpid(pid, &status, 0) == pid && rmdir(dir) == 0)
        return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    if (t_fork() == 0)
        execlp("rm", "rm", "-rf", dir, NULL);
    wait(NULL);
    return 1;
}
