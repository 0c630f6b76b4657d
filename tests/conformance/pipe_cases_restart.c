/* SPDX-License-Identifier: MIT */
/*
 * pipe_cases_restart.c - calls that go on after a signal: SA_RESTART, no handler, stopped
 *
 * What a handler under SA_RESTART does must not depend on how the sleeper sleeps: alone, with
 * others, or on a pipe whose descriptor somebody polls.
 */
#define _GNU_SOURCE
#include "pipe_room.h"

#include <errno.h>
#include <sys/wait.h>

/* After a handler under SA_RESTART the kernel's call waits on, Hepta's returns -EINTR. */
static bool waits_on(struct conf *c, pid_t child)
{
    if (conf_side(c) == CONF_KERNEL) {
        interrupt(c, child);
        still_waits(c, child);
    } else {
        break_off(c, child);
    }
    EQ(c, conf_get(c, RETURNED), DIFFERS(c, 0, 1));
    return !conf_get(c, RETURNED);
}

/* @child sleeps in a read of an empty pipe: interrupt it, then let it, or us, read. */
static void check_read(struct conf *c, struct pipe_pair *p, pid_t child)
{
    bool on = waits_on(c, child) && waits_on(c, child);

    EQ(c, put(c, p, 10, EVER), 10);
    ends_with(c, child, on ? 10 : -EINTR);
    if (!on)
        EQ(c, get(c, p, 100, NOW), 10); /* the interrupted call took nothing */
}

/* @child sleeps in a write of 10 bytes to a full pipe. */
static void check_write(struct conf *c, struct pipe_pair *p, pid_t child)
{
    bool on = waits_on(c, child) && waits_on(c, child);

    get_all(c, p, ATOMIC);
    ends_with(c, child, on ? 10 : -EINTR);
    get_all(c, p, CAPACITY - ATOMIC + (on ? 10 : 0));
    EQ(c, get(c, p, 1, NOW), -EAGAIN); /* and put nothing in */
}

static void read_restarts(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    check_read(c, &p, caller(c, &p, true, 10, SA_RESTART, EVER));
    close_both(c, &p);
}

static void write_restarts(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    fill(c, &p);
    check_write(c, &p, caller(c, &p, false, 10, SA_RESTART, EVER));
    close_both(c, &p);
}

static void read_restarts_polled(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    OK(c, !r_ready(c, &p));
    check_read(c, &p, caller(c, &p, true, 10, SA_RESTART, EVER));
    OK(c, !r_ready(c, &p));
    close_both(c, &p);
}

static void write_restarts_polled(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    fill(c, &p);
    OK(c, !w_ready(c, &p));
    check_write(c, &p, caller(c, &p, false, 10, SA_RESTART, EVER));
    OK(c, w_ready(c, &p));
    close_both(c, &p);
}

/* One of two sleepers is interrupted; the other one must not notice. */
static void read_restarts_many(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    pid_t other = conf_fork(c);
    if (other == 0) {
        close_w(c, &p);
        conf_set(c, 0, 1);
        EQ(c, get(c, &p, 10, EVER), 5);
        conf_exit();
    }
    conf_asleep_after(c, other, 0);
    pid_t child = caller(c, &p, true, 10, SA_RESTART, EVER);
    bool on = waits_on(c, child);
    conf_asleep(c, other);
    EQ(c, put(c, &p, 5, EVER), 5);
    if (!on) {
        ends_with(c, child, -EINTR);
        conf_join(c, other);
    } else {
        kill(child, SIGKILL); /* either of the two took the bytes */
        kill(other, SIGKILL);
        conf_status(c, child);
        conf_status(c, other);
    }
    close_both(c, &p);
}

static void read_ignored(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    pid_t child = caller(c, &p, true, 10, 0, EVER);
    kill(child, SIGURG); /* ignored by default: no handler, no interruption */
    still_waits(c, child);
    EQ(c, put(c, &p, 4, EVER), 4);
    ends_with(c, child, 4);
    close_both(c, &p);
}

static void read_stop_continue(struct conf *c)
{
    struct pipe_pair p;
    int status;

    make(c, &p);
    pid_t child = caller(c, &p, true, 10, 0, EVER);
    kill(child, SIGSTOP);
    EQ(c, waitpid(child, &status, WUNTRACED), child);
    OK(c, WIFSTOPPED(status));
    kill(child, SIGCONT);
    still_waits(c, child);
    EQ(c, put(c, &p, 4, EVER), 4);
    ends_with(c, child, 4);
    close_both(c, &p);
}

/* What arrives while the process is stopped is there when it goes on. */
static void write_while_stopped(struct conf *c)
{
    struct pipe_pair p;
    int status;

    make(c, &p);
    pid_t child = caller(c, &p, true, 10, 0, EVER);
    kill(child, SIGSTOP);
    EQ(c, waitpid(child, &status, WUNTRACED), child);
    EQ(c, put(c, &p, 4, EVER), 4);
    EQ(c, put(c, &p, 4, hepta_in_ms(2000)), 4);
    kill(child, SIGCONT);
    conf_await(c, RETURNED, 1);
    OK(c, conf_get(c, RESULT) == 4 || conf_get(c, RESULT) == 8);
    conf_join(c, child);
    close_both(c, &p);
}

static void blocked_signal(struct conf *c)
{
    struct pipe_pair p;
    sigset_t set;

    make(c, &p);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    pid_t child = caller(c, &p, true, 10, 0, EVER);
    kill(child, SIGUSR1);
    still_waits(c, child);
    EQ(c, atomic_load(&c->share->n_signals), 0);
    EQ(c, put(c, &p, 4, EVER), 4);
    ends_with(c, child, 4);
    close_both(c, &p);
}

const struct conf_case pipe_restart_cases[] = {
    {"signal.read_restarts", read_restarts, NEEDS_NOTHING, "no-restart", NULL, 0},
    {"signal.write_restarts", write_restarts, NEEDS_NOTHING, "no-restart", NULL, 0},
    {"signal.read_restarts_polled", read_restarts_polled, NEEDS_NOTHING, "no-restart", NULL, 0},
    {"signal.write_restarts_polled", write_restarts_polled, NEEDS_NOTHING, "no-restart", NULL, 0},
    {"signal.read_restarts_many", read_restarts_many, NEEDS_MANY, "no-restart", NULL, 0},
    {"signal.read_ignored", read_ignored, NEEDS_NOTHING, NULL, NULL, 0},
    {"signal.read_stop_continue", read_stop_continue, NEEDS_NOTHING, NULL, NULL, 0},
    {"signal.write_while_stopped", write_while_stopped, NEEDS_NOTHING, NULL, NULL, 0},
    {"signal.blocked", blocked_signal, NEEDS_NOTHING, NULL, NULL, 0},
    {0},
};
