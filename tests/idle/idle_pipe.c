/* SPDX-License-Identifier: MIT */
/* idle_pipe.c - who waits for a pipe's other end uses no processor time; see idle.h */
#define _GNU_SOURCE
#include "../lib/t.h"
#include "idle.h"

#include <hepta/pipe.h>
#include <sys/epoll.h>

#define TICK_MS 70 /* somebody else's claim is in the way: it asks whether the owner lives */

static struct hepta_pipe *r, *w;
static char buf[4096];

static void fill(void)
{
    while (hepta_pipe_write(w, buf, 64, HEPTA_NOW) > 0)
        ;
}

static void peek(void)
{
    const void *at;

    fill();
    if (hepta_pipe_peek(r, &at, HEPTA_NOW) <= 0)
        t_die("nothing to peek at");
}

static void block_reading(void)
{
    hepta_pipe_read(r, buf, 64, HEPTA_FOREVER);
}

static void block_writing(void)
{
    hepta_pipe_write(w, buf, 64, HEPTA_FOREVER);
}

static void block_reserving(void)
{
    void *at;

    hepta_pipe_reserve(w, 30000, &at, HEPTA_FOREVER);
}

static void block_in_epoll(void)
{
    struct epoll_event ev = {.events = EPOLLIN};
    int ep = epoll_create1(0);

    if (epoll_ctl(ep, EPOLL_CTL_ADD, hepta_pipe_fd(r), &ev) == 0)
        epoll_wait(ep, &ev, 1, -1);
}

static void make(void)
{
    if (hepta_pipe_new(&r, &w, NULL) != 0)
        t_die("no pipe");
}

static void unmake(void)
{
    r = hepta_pipe_close(r);
    w = hepta_pipe_close(w);
}

int main(void)
{
    static const struct idle_case cases[] = {
        {"read of the empty pipe", NULL, block_reading, 0, 0},
        {"write to the full pipe", fill, block_writing, 0, 0},
        {"epoll of the empty pipe", NULL, block_in_epoll, 0, 0},
        {"read behind a peek", peek, block_reading, TICK_MS, IDLE_TICKS_US},
        {"large reservation", fill, block_reserving, TICK_MS, IDLE_TICKS_US},
    };

    t_limit(60);
    return idle_run(cases, T_COUNT(cases), make, unmake);
}
