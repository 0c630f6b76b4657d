/* SPDX-License-Identifier: MIT */
/* idle.c - see idle.h */
#define _GNU_SOURCE
#include "idle.h"

#include "../lib/t.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define SETTLE_MS 300
#define WATCH_MS  1000
#define PLAIN_US  100 /* nothing at all; a little accounting is forgiven */
#define SLOW      3 /* times the bare timer, on a machine on which that alone is dear */
#define TRIES     3

struct child {
    pid_t pid;
    clockid_t clock;
    int64_t used; /* us */
    char state;   /* at the end */
};

static int bare_tick_ms;

static void bare_timer(void)
{
    for (;;)
        t_sleep_ns(bare_tick_ms * T_MS);
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

/* One try. Whether it sleeps, and used no more than it may. */
static int try(const struct idle_case *c)
{
    struct child child[2];
    int64_t most = PLAIN_US;

    if (c->before)
        c->before();
    begin(&child[0], c->wait);
    bare_tick_ms = c->tick_ms;
    if (c->tick_ms)
        begin(&child[1], bare_timer);
    watch(child, c->tick_ms ? 2 : 1);
    if (c->tick_ms) {
        most = c->ticks_us + child[1].used;
        most = most > SLOW * child[1].used ? most : SLOW * child[1].used;
    }
    printf("%-32s %6lld us in %d ms, at most %lld; state %c\n", c->name, (long long)child[0].used,
           WATCH_MS, (long long)most, child[0].state);
    return child[0].used <= most && child[0].state == 'S';
}

int idle_run(const struct idle_case *cases, size_t n, void (*make)(void), void (*unmake)(void))
{
    int n_failed = 0;

    for (size_t i = 0; i < n; i++) {
        int tries = 0, ok = 0;
        while (!ok && tries++ < TRIES) {
            make();
            ok = try(&cases[i]);
            unmake();
        }
        n_failed += !ok;
    }
    printf("%d passed, %d failed\n", (int)n - n_failed, n_failed);
    return n_failed != 0;
}
