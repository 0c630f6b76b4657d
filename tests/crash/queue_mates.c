/* SPDX-License-Identifier: MIT */
/*
 * queue_mates.c - the other processes that use the queue while the victim is halted
 *
 * Each reports through its struct queue_mate in memory shared with the stage.
 */
#define _GNU_SOURCE
#include "queue_flow.h"

#include "../lib/t.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

static bool puts_one(void)
{
    return qw.c->mates == QM_SENDER || qw.c->mates == QM_POLLER_W || qw.c->mates == QM_PUTS;
}

static bool at_once(void)
{
    return qw.c->mates != QM_TAKES && qw.c->mates != QM_PUTS;
}

static int64_t verb_of(struct queue_mate *m, int64_t deadline)
{
    if (puts_one())
        return qw.c->room->send(Q_PRIO, m->data, qw.c->len, deadline);
    return qw.c->room->receive(m->data, sizeof(m->data), deadline);
}

static int64_t poll_and(struct queue_mate *m)
{
    struct pollfd p = {.fd = qw.c->room->pollfd(!puts_one()), .events = POLLIN};
    int64_t got;

    do {
        if (p.fd < 0 || poll(&p, 1, Q_PATIENCE_MS) != 1)
            return -ETIME;
        got = verb_of(m, HEPTA_NOW);
    } while (got == -EAGAIN);
    return got;
}

static _Noreturn void mate_main(unsigned number, struct queue_mate *m)
{
    bool polls = qw.c->mates == QM_POLLER_R || qw.c->mates == QM_POLLER_W;

    if (puts_one())
        queue_fill(m->data, qw.c->len, QC_MATE, number, Q_PRIO);
    while (!m->go)
        t_sleep_ns(100000);
    m->result = polls ? poll_and(m) : verb_of(m, hepta_in_ms(Q_PATIENCE_MS));
    m->done = true;
    _exit(0);
}

/* Those that sleep before the verb begins are asleep when this returns. */
void queue_mates_start(struct step_run *run)
{
    qw.n_mates = qw.c->mates == QM_NONE ? 0 : 1;
    for (int i = 0; i < qw.n_mates; i++) {
        struct queue_mate *m = &queue_shared(run)->mate[i];

        m->go = at_once();
        qw.mate[i] = t_fork();
        if (qw.mate[i] == 0)
            mate_main((unsigned)i, m);
        if (at_once())
            step_check(run, t_asleep(qw.mate[i], 1000), "a mate doesn't go to sleep");
    }
}

void queue_mates_go(struct step_run *run)
{
    for (int i = 0; i < qw.n_mates; i++) {
        struct queue_mate *m = &queue_shared(run)->mate[i];

        if (m->go)
            continue;
        m->go = true;
        t_sleep_ns(300000);
        for (int k = 0; k < 10 && !m->done && !t_asleep(qw.mate[i], 2); k++)
            ;
    }
}

bool queue_mates_wait(struct step_run *run, int ms)
{
    int64_t end = t_now_ns() + ms * T_MS;

    for (;;) {
        int n = 0;

        for (int i = 0; i < qw.n_mates; i++)
            n += queue_shared(run)->mate[i].done;
        if (n == qw.n_mates || t_now_ns() > end)
            return n == qw.n_mates;
        t_sleep_ns(200000);
    }
}

void queue_mates_stop(void)
{
    for (int i = 0; i < qw.n_mates; i++)
        t_kill(qw.mate[i]);
    qw.n_mates = 0;
}
