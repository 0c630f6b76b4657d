/* SPDX-License-Identifier: MIT */
/*
 * fifo_cases_partner.c - partners that came and went while somebody waited in open()
 *
 * To be sure that the waiting one sees nothing in between, it is bound to the processor of its
 * visitor, who has a priority that lets nobody else run there (as far as it may have one; if
 * not, luck decides, and the result must be the same). Stopping it would not do: to the kernel
 * a stopped one doesn't wait, see stopped().
 */
#define _GNU_SOURCE
#include "fifo_room.h"

#include <errno.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

/* This process, and those that it forks, on the processor that it is on. */
static void stay_here(struct conf *c)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)sched_getcpu(), &set);
    EQ(c, sched_setaffinity(0, sizeof(set), &set), 0);
}

static void hurry(bool on)
{
    struct sched_param prio = {.sched_priority = on};

    sched_setscheduler(0, on ? SCHED_FIFO : SCHED_OTHER, &prio);
}

static void gone_again(struct conf *c, unsigned waiting, unsigned other)
{
    struct fifo f;

    make_fifo(c, &f);
    stay_here(c);
    pid_t child = opener(c, &f, waiting, 0, 0, EVER);
    hurry(true);
    EQ(c, try_open(c, &f, other, NOW), 0);
    hurry(false);
    conf_await(c, OPENED, 1);
    conf_set(c, LEAVE, 1);
    conf_join(c, child);
    remove_fifo(c, &f);
}

static void writer_gone_again(struct conf *c)
{
    gone_again(c, FOR_READ, FOR_WRITE);
}

static void reader_gone_again(struct conf *c)
{
    gone_again(c, FOR_WRITE, FOR_READ);
}

static void both_gone_again(struct conf *c)
{
    gone_again(c, FOR_READ, FOR_BOTH);
}

/* The same without stopping: whether the partner is still there or gone when the waiting one
 * wakes is a matter of luck, that it is released is not. */
static void short_visits(struct conf *c, unsigned waiting, unsigned other)
{
    enum { N = 100, DONE = 0, ROUND };
    struct fifo f;

    make_fifo(c, &f);
    pid_t child = conf_fork(c);
    if (child == 0) {
        for (int i = 1; i <= N; i++) {
            EQ(c, try_open(c, &f, waiting, EVER), 0);
            conf_set(c, DONE, i);
            conf_await(c, ROUND, i);
        }
        conf_exit();
    }
    for (int i = 1; i <= N; i++) {
        for (; conf_get(c, DONE) < i; conf_pause_ms(1)) {
            int err = try_open(c, &f, other, NOW);
            OK(c, err == 0 || (err == -ENXIO && other == FOR_WRITE));
        }
        conf_set(c, ROUND, i);
    }
    conf_join(c, child);
    remove_fifo(c, &f);
}

static void short_visits_of_writers(struct conf *c)
{
    short_visits(c, FOR_READ, FOR_WRITE);
}

static void short_visits_of_readers(struct conf *c)
{
    short_visits(c, FOR_WRITE, FOR_READ);
}

/* What the visitor wrote is there for the one who waited, and end-of-file behind it. */
static void what_it_left(struct conf *c)
{
    struct fifo f;

    make_fifo(c, &f);
    stay_here(c);
    pid_t child = conf_fork(c);
    if (child == 0) {
        struct pipe_pair p = {0};

        conf_set(c, 0, 1);
        p.r = must_open(c, &f, FOR_READ, EVER);
        EQ(c, get(c, &p, 100, EVER), 50);
        EQ(c, get(c, &p, 100, EVER), 0);
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    hurry(true);
    struct pipe_pair p = {.w = must_open(c, &f, FOR_WRITE, NOW)};
    EQ(c, put(c, &p, 50, NOW), 50);
    close_w(c, &p);
    hurry(false);
    conf_join(c, child);
    remove_fifo(c, &f);
}

/* A child that opens @access and is killed at once. */
static void visit_and_die(struct conf *c, const struct fifo *f, unsigned access)
{
    pid_t child = conf_fork(c);

    if (child == 0) {
        hurry(true);
        must_open(c, f, access, NOW);
        kill(getpid(), SIGKILL);
    }
    int status = conf_status(c, child);
    OK(c, WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* A partner that was killed has been there, too. */
static void killed_visitor(struct conf *c)
{
    struct fifo f;

    make_fifo(c, &f);
    stay_here(c);
    pid_t child = opener(c, &f, FOR_READ, 0, 0, EVER);
    visit_and_die(c, &f, FOR_WRITE);
    conf_await(c, OPENED, 1);
    conf_set(c, LEAVE, 1);
    conf_join(c, child);
    remove_fifo(c, &f);
}

/* But not for those who come later. */
static void dead_is_gone(struct conf *c)
{
    struct fifo f;

    make_fifo(c, &f);
    visit_and_die(c, &f, FOR_READ);
    EQ(c, try_open(c, &f, FOR_WRITE, NOW), -ENXIO);
    EQ(c, try_open(c, &f, FOR_WRITE, hepta_in_ms(20)), -ETIMEDOUT);
    visit_and_die(c, &f, FOR_BOTH);
    EQ(c, try_open(c, &f, FOR_READ, hepta_in_ms(20)), -ETIMEDOUT);
    remove_fifo(c, &f);
}

/* Who is killed while it waits in open() counts as closed. */
static void killed_while_waiting(struct conf *c)
{
    struct fifo f;

    make_fifo(c, &f);
    pid_t child = opener(c, &f, FOR_READ, 0, 0, EVER);
    conf_kill(c, child);
    EQ(c, try_open(c, &f, FOR_WRITE, NOW), -ENXIO);
    child = opener(c, &f, FOR_WRITE, 0, 0, EVER);
    conf_kill(c, child);
    struct pipe_pair p = {.r = must_open(c, &f, FOR_READ, NOW)};
    EQ(c, get(c, &p, 10, EVER), 0);
    close_r(c, &p);
    remove_fifo(c, &f);
}

/* One of two that wait is killed: the other one waits on, and is released. */
static void killed_beside_another(struct conf *c)
{
    struct fifo f;

    make_fifo(c, &f);
    pid_t first = opener(c, &f, FOR_READ, 0, 0, EVER);
    pid_t second = opener(c, &f, FOR_READ, 1, 0, EVER);
    conf_kill(c, first);
    conf_asleep(c, second);
    EQ(c, conf_get(c, OPENED + 1), 0);
    struct pend *w = must_open(c, &f, FOR_WRITE, NOW);
    conf_await(c, OPENED + 1, 1);
    conf_set(c, LEAVE, 1);
    conf_join(c, second);
    shut_fifo(c, &w);
    remove_fifo(c, &f);
}

/* Who was released keeps its side open after its partner has gone. */
static void released_reader_stays(struct conf *c)
{
    struct fifo f;

    make_fifo(c, &f);
    pid_t child = opener(c, &f, FOR_READ, 0, 0, EVER);
    EQ(c, try_open(c, &f, FOR_WRITE, NOW), 0);
    conf_await(c, OPENED, 1);
    EQ(c, try_open(c, &f, FOR_WRITE, NOW), 0);
    EQ(c, try_open(c, &f, FOR_WRITE, EVER), 0);
    conf_set(c, LEAVE, 1);
    conf_join(c, child);
    EQ(c, try_open(c, &f, FOR_WRITE, NOW), -ENXIO);
    remove_fifo(c, &f);
}

/* SIGSTOP breaks the kernel's wait off, which begins anew after SIGCONT: a stopped opener
 * doesn't count. Hepta's goes on. */
static void stopped(struct conf *c)
{
    struct fifo f;
    int status;

    make_fifo(c, &f);
    pid_t child = opener(c, &f, FOR_READ, 0, 0, EVER);
    kill(child, SIGSTOP);
    EQ(c, waitpid(child, &status, WUNTRACED), child);
    OK(c, WIFSTOPPED(status));
    EQ(c, try_open(c, &f, FOR_WRITE, NOW), DIFFERS(c, -ENXIO, 0));
    kill(child, SIGCONT);
    struct pend *w = must_open(c, &f, FOR_WRITE, EVER);
    conf_await(c, OPENED, 1);
    conf_set(c, LEAVE, 1);
    conf_join(c, child);
    shut_fifo(c, &w);
    remove_fifo(c, &f);
}

const struct conf_case fifo_partner_cases[] = {
    {"partner.writer_gone_again", writer_gone_again, NEEDS_NOTHING, NULL, NULL, 0},
    {"partner.reader_gone_again", reader_gone_again, NEEDS_NOTHING, NULL, NULL, 0},
    {"partner.both_gone_again", both_gone_again, NEEDS_NOTHING, NULL, NULL, 0},
    {"partner.short_visits_of_writers", short_visits_of_writers, NEEDS_NOTHING, NULL, NULL, 30},
    {"partner.short_visits_of_readers", short_visits_of_readers, NEEDS_NOTHING, NULL, NULL, 30},
    {"partner.what_it_left", what_it_left, NEEDS_NOTHING, NULL, NULL, 0},
    {"partner.killed_visitor", killed_visitor, NEEDS_NOTHING, NULL, NULL, 0},
    {"partner.dead_is_gone", dead_is_gone, NEEDS_NOTHING, NULL, NULL, 0},
    {"partner.killed_while_waiting", killed_while_waiting, NEEDS_NOTHING, NULL, NULL, 0},
    {"partner.killed_beside_another", killed_beside_another, NEEDS_NOTHING, NULL, NULL, 0},
    {"partner.released_reader_stays", released_reader_stays, NEEDS_NOTHING, NULL, NULL, 0},
    {"partner.stopped", stopped, NEEDS_NOTHING, "stopped-opener", NULL, 0},
    {0},
};
