/* SPDX-License-Identifier: MIT */
/*
 * flow_mates.c - the other processes that use the ends while the victim is halted
 *
 * Each reports through its struct mate in memory shared with the stage. Start with
 * mate_main().
 */
#define _GNU_SOURCE
#include "flow.h"

#include "../lib/t.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

static ssize_t wait_and(void *end, bool reading, void *buf)
{
    int ep = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event ev = {0};
    struct pollfd p;
    ssize_t got = -1;

    if (ep < 0 || world.room->pollfd(end, reading, &p) < 0)
        return -1000;
    ev.events = (uint32_t)p.events;
    if (epoll_ctl(ep, EPOLL_CTL_ADD, p.fd, &ev) < 0)
        return -1000;
    do {
        if (epoll_wait(ep, &ev, 1, PATIENCE_MS) != 1)
            return -1001;
        got = reading ? world.room->read(end, buf, REC, HEPTA_NOW)
                      : world.room->write(end, buf, REC, HEPTA_NOW);
    } while (got == -EAGAIN);
    return got;
}

static ssize_t mate_verb(enum flow_mates kind, struct mate *m)
{
    int64_t deadline = hepta_in_ms(PATIENCE_MS);

    switch (kind) {
    case M_WRITER:
        return world.room->write(world.w, m->data, REC, deadline);
    case M_POLLER_W:
        return wait_and(world.w, false, m->data);
    case M_POLLER_R:
        return wait_and(world.r, true, m->data);
    default:
        return world.room->read(world.r, m->data, REC, deadline);
    }
}

static bool mate_writes(enum flow_mates kind)
{
    return kind == M_WRITER || kind == M_POLLER_W;
}

static _Noreturn void mate_main(enum flow_mates kind, struct mate *m)
{
    if (mate_writes(kind)) {
        flow_close(&world.r);
        rec_fill(m->data, REC, REC_MATE, 0);
    } else {
        flow_close(&world.w);
    }
    while (!m->go)
        t_sleep_ns(100000);
    m->result = mate_verb(kind, m);
    m->done = true;
    _exit(0);
}

/* Those that sleep before the verb begins are asleep when this returns. */
void mates_start(struct step_run *run)
{
    enum flow_mates kind = case_of(run)->mates;
    bool at_once = mates_sleep_reading(case_of(run)) || kind == M_POLLER_W;

    world.n_mates = kind == M_NONE ? 0 : kind == M_READERS ? N_MATES : 1;
    for (int i = 0; i < world.n_mates; i++) {
        struct mate *m = &room_of(run)->mate[i];

        m->go = at_once;
        world.mate[i] = t_fork();
        if (world.mate[i] == 0)
            mate_main(kind, m);
        if (at_once)
            step_check(run, t_asleep(world.mate[i], 1000), "a mate doesn't go to sleep");
    }
}

void mates_go(struct step_run *run)
{
    for (int i = 0; i < world.n_mates; i++) {
        struct mate *m = &room_of(run)->mate[i];

        if (m->go)
            continue;
        m->go = true;
        t_sleep_ns(300000);
        for (int k = 0; k < 10 && !m->done && !t_asleep(world.mate[i], 2); k++)
            ;
    }
}

bool mates_wait(struct step_run *run, int n, int ms)
{
    int64_t end = t_now_ns() + ms * T_MS;

    for (;;) {
        int n_done = 0;

        for (int i = 0; i < world.n_mates; i++)
            n_done += room_of(run)->mate[i].done;
        if (n_done >= n || t_now_ns() > end)
            return n_done >= n;
        t_sleep_ns(200000);
    }
}

void mates_stop(void)
{
    for (int i = 0; i < world.n_mates; i++)
        t_kill(world.mate[i]);
    world.n_mates = 0;
}
