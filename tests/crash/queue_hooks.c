/* SPDX-License-Identifier: MIT */
/*
 * queue_hooks.c - the hooks that are the same for all scenarios of queue_flow.h
 *
 * queue_survive() is what must hold after a death, queue_stopped() while the victim is stopped.
 */
#define _GNU_SOURCE
#include "queue_flow.h"

#include "../lib/t.h"
#include "scratch.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

static int put_before(unsigned number)
{
    unsigned char buf[Q_LEN];

    queue_fill(buf, qw.c->len, QC_BEFORE, number, queue_prio(number));
    return qw.c->room->send(queue_prio(number), buf, qw.c->len, HEPTA_NOW);
}

/* How many fit is found out, not assumed. */
static void find_capacity(void)
{
    unsigned char buf[Q_LEN];

    while (put_before((unsigned)qw.n_cap) == 0)
        qw.n_cap++;
    for (int i = 0; i < qw.n_cap; i++)
        if (qw.c->room->receive(buf, sizeof(buf), HEPTA_NOW) < 0)
            t_die("a queue of %d can't be emptied", qw.n_cap);
    if (qw.n_cap < 2)
        t_die("the queue holds only %d messages", qw.n_cap);
}

static void make(const struct queue_case *c)
{
    int rc = c->room->make(c);

    if (rc < 0)
        t_die("no queue: %d", rc);
}

void queue_setup(struct step_run *run)
{
    const struct queue_case *c = run->sc->arg;

    memset(&qw, 0, sizeof(qw));
    qw.c = c;
    scratch_empty();
    if (c->absent)
        return;
    make(c);
    find_capacity();
    qw.n_before = c->before == Q_FULL     ? qw.n_cap
                  : c->before == Q_FULL_1 ? qw.n_cap - 1
                                          : c->before;
    for (int i = 0; i < qw.n_before; i++)
        if (put_before((unsigned)i) < 0)
            t_die("can't send the first messages");
    if (c->begin)
        c->begin(run);
    queue_mates_start(run);
}

void queue_enter_second(struct step_run *run)
{
    (void)run;
    if (qw.c->room->warm && !qw.c->absent)
        qw.c->room->warm();
}

void queue_enter(struct step_run *run)
{
    queue_enter_second(run);
    if (qw.c->enter)
        qw.c->enter(run);
}

void queue_verb(struct step_run *run)
{
    qw.c->verb(run);
}

void queue_wake(struct step_run *run)
{
    if (qw.c->deed == QD_PUT)
        queue_get(run, hepta_in_ms(1000));
    else
        queue_put(run, hepta_in_ms(1000));
}

/* The mates' turn after the victim is gone: none may sleep while it could go on. */
static void mates_survive(struct step_run *run)
{
    bool take = qw.c->mates == QM_RECEIVER || qw.c->mates == QM_POLLER_R || qw.c->mates == QM_TAKES;
    int64_t start = t_now_ns();
    bool can;

    if (qw.c->mates == QM_NONE)
        return;
    queue_mates_go(run);
    can = take ? queue_count(run) > 0 : queue_count(run) < (unsigned)qw.n_cap;
    if (can) {
        step_check(run, queue_mates_wait(run, 1000), "it could go on, but nobody called it");
        step_timed(run, start, 0, "another process");
    }
    if (!queue_shared(run)->mate[0].done) {
        start = t_now_ns();
        if (take)
            queue_put(run, hepta_in_ms(1000));
        else
            queue_get(run, hepta_in_ms(1000));
        step_check(run, queue_mates_wait(run, 1000), "another process waits for ever");
        step_timed(run, start, 0, "another process");
    }
    step_check(run, queue_shared(run)->mate[0].result >= 0, "another process got %lld",
               (long long)queue_shared(run)->mate[0].result);
    queue_mates_stop();
}

/* The level can't be low while there is a reason. */
static void check_level(struct step_run *run)
{
    unsigned n = queue_count(run);
    struct pollfd r = {.fd = qw.c->room->pollfd(true), .events = POLLIN};
    struct pollfd w = {.fd = qw.c->room->pollfd(false), .events = POLLIN};

    if (n > 0)
        step_check(run, poll(&r, 1, 200) == 1, "%u messages are there, but poll is silent", n);
    if (n == 0)
        step_check(run, poll(&w, 1, 200) == 1, "nothing is inside, but poll lets nobody send");
}

static void survive_queue(struct step_run *run)
{
    mates_survive(run);
    if (qw.c->mates == QM_POLLER_R || qw.c->mates == QM_POLLER_W)
        check_level(run);
    queue_drain(run);
    queue_check_all(run);
    queue_check_room(run);
    if (qw.c->mates == QM_POLLER_R || qw.c->mates == QM_POLLER_W)
        check_level(run);
}

/* It is there and whole, or not at all. */
static bool make_again(struct step_run *run)
{
    int rc;

    qw.c->room->close();
    rc = qw.c->room->make(qw.c);
    if (step_check(run, rc == 0, "no queue can be made any more: %d", rc) && qw.c->absent)
        find_capacity();
    return rc == 0;
}

/* A process cleans when it makes something for the first time. */
static void make_and_remove_another(struct step_run *run)
{
    pid_t pid = t_fork();

    if (pid == 0) {
        int rc = qw.c->room->make(qw.c);

        if (qw.c->room->tidy)
            qw.c->room->tidy();
        _exit(rc == 0 && qw.c->room->remove() == 0 ? 0 : 1);
    }
    step_check(run, t_reap(pid, 2000) == 0, "another process can't make it and remove it");
}

/* What is left half-made or half-removed goes when another is made. */
void queue_survive(struct step_run *run)
{
    int rc;

    if (qw.c->end)
        qw.c->end(run);
    if ((qw.c->absent || qw.c->removes) && !make_again(run))
        return;
    if (!qw.c->removes)
        survive_queue(run);
    rc = qw.c->room->remove();
    step_check(run, rc == 0, "it can't be removed: %d", rc);
    if (qw.c->absent || qw.c->removes)
        make_and_remove_another(run);
    step_check(run, scratch_is_empty(), "something is left of the name: %s", scratch_first());
}

void queue_stopped(struct step_run *run)
{
    int64_t start;

    if (qw.c->absent || qw.c->removes)
        return;
    queue_mates_go(run);
    start = t_now_ns();
    qw.c->room->count(&(unsigned){0});
    step_timed(run, start, 0, "stat");
    if (queue_put(run, HEPTA_NOW) == -EAGAIN)
        queue_put(run, hepta_in_ms(50));
    if (queue_get(run, HEPTA_NOW) == -EAGAIN)
        queue_get(run, hepta_in_ms(50));
}

void queue_resumed(struct step_run *run)
{
    step_check(run, run->returned && run->result >= 0,
               "the verb of the stopped process: %s, %lld", run->returned ? "returned" : "lost",
               (long long)run->result);
    queue_survive(run);
}

/* The second victim does what a survivor would do first. */
void queue_recover(struct step_run *run)
{
    unsigned char buf[Q_LEN];

    (void)run;
    queue_fill(buf, qw.c->len, QC_MATE, 100, Q_PRIO);
    if (qw.c->deed == QD_PUT)
        qw.c->room->send(Q_PRIO, buf, qw.c->len, hepta_in_ms(10000));
    else
        qw.c->room->receive(buf, sizeof(buf), hepta_in_ms(10000));
}

void queue_cleanup(struct step_run *run)
{
    (void)run;
    queue_mates_stop();
    qw.c->room->close();
}
