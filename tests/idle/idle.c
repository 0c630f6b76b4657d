/* SPDX-License-Identifier: MIT */
/*
 * idle.c - who waits for a living peer uses no processor time
 *
 * A child blocks in a verb; after it has settled, its processor time over two seconds is
 * read from its clock (clock_getcpuclockid(3)). Where somebody else's claim is in the way
 * it wakes in ticks to ask whether the owner lives; what a bare timer costs at that pace
 * is measured in the same two seconds, since on a virtual machine that is most of it, and
 * another amount in every minute. A case fails if it used too much in each of three tries:
 * what others do to the machine passes, a wait that costs something doesn't.
 */
#define _GNU_SOURCE
#include "../lib/t.h"

#include <hepta/pipe.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define SETTLE_MS 300
#define WATCH_MS  2000
#define PLAIN_US  200  /* nothing at all; one tick of an accounting clock is forgiven */
#define CLAIM_US  2000 /* beyond the bare timer's */
#define TICK_MS   70
#define TRIES     3

struct child {
    pid_t pid;
    clockid_t clock;
    int64_t used; /* us */
    char state;   /* at the end */
};

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

static void bare_timer(void)
{
    for (;;)
        t_sleep_ns(TICK_MS * T_MS);
}

static void nothing(void)
{
}

static int64_t cpu_us(clockid_t clock)
{
    struct timespec ts;

    if (clock_gettime(clock, &ts) != 0)
        t_die("the child is gone");
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void begin(struct child *c, void (*wait)(void))
{
    c->pid = t_fork();
    if (c->pid == 0) {
        wait();
        _exit(1); /* nothing ends the wait but the kill */
    }
    if (clock_getcpuclockid(c->pid, &c->clock) != 0)
        t_die("the child has no clock");
}

/* Processor time over WATCH_MS of the children, which wait already. */
static void watch(struct child *c, int n)
{
    t_sleep_ns(SETTLE_MS * T_MS);
    for (int i = 0; i < n; i++)
        c[i].used = -cpu_us(c[i].clock);
    t_sleep_ns(WATCH_MS * T_MS);
    for (int i = 0; i < n; i++)
        c[i].used += cpu_us(c[i].clock);
    for (int i = 0; i < n; i++) {
        c[i].state = t_state(c[i].pid);
        t_kill(c[i].pid);
    }
}

struct idle_case {
    const char *name;
    void (*before)(void), (*wait)(void);
    int claim;
};

/* One try. Whether it sleeps, and used no more than it may. */
static int try(const struct idle_case *c)
{
    struct child child[2];
    int64_t most = PLAIN_US;

    if (hepta_pipe_new(&r, &w, NULL) != 0)
        t_die("no pipe");
    c->before();
    begin(&child[0], c->wait);
    if (c->claim)
        begin(&child[1], bare_timer);
    watch(child, c->claim ? 2 : 1);
    r = hepta_pipe_close(r);
    w = hepta_pipe_close(w);
    if (c->claim)
        most = CLAIM_US + child[1].used;
    printf("%-26s %6lld us in %d ms, at most %lld; state %c\n", c->name, (long long)child[0].used,
           WATCH_MS, (long long)most, child[0].state);
    return child[0].used <= most && child[0].state == 'S';
}

int main(void)
{
    static const struct idle_case cases[] = {
        {"read of the empty pipe", nothing, block_reading, 0},
        {"write to the full pipe", fill, block_writing, 0},
        {"epoll of the empty pipe", nothing, block_in_epoll, 0},
        {"read behind a peek", peek, block_reading, 1},
        {"large reservation", fill, block_reserving, 1},
    };
    int n_failed = 0;

    t_limit(60);
    for (size_t i = 0; i < T_COUNT(cases); i++) {
        int tries = 0;
        while (tries < TRIES && !try(&cases[i]))
            tries++;
        n_failed += tries == TRIES;
    }
    printf("%d passed, %d failed\n", (int)T_COUNT(cases) - n_failed, n_failed);
    return n_failed != 0;
}
