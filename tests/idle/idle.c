/* SPDX-License-Identifier: MIT */
/*
 * idle.c - who waits for a living peer uses no processor time
 *
 * A child blocks in a verb; after it has settled, its processor time over two seconds is
 * read from its clock (clock_getcpuclockid(3)). Where somebody else's claim is in the way
 * it wakes in ticks to ask whether the owner lives; what a bare timer costs at that pace
 * is measured beside it, since on a virtual machine that is most of it.
 */
#define _GNU_SOURCE
#include "../lib/t.h"

#include <hepta/pipe.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define SETTLE_MS 300
#define WATCH_MS 2000
#define PLAIN_US 200 /* nothing at all; one tick of an accounting clock is forgiven */
#define CLAIM_US 2000 /* beyond the bare timer's */
#define TICK_MS 70

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

/* Processor time of a child that does `wait`, in us over WATCH_MS. */
static int64_t watch(void (*before)(void), void (*wait)(void))
{
    clockid_t clock;

    if (hepta_pipe_new(&r, &w, NULL) != 0)
        t_die("no pipe");
    before();
    pid_t pid = t_fork();
    if (pid == 0) {
        wait();
        _exit(1); /* nothing ends the wait but the kill */
    }
    t_sleep_ns(SETTLE_MS * T_MS);
    if (clock_getcpuclockid(pid, &clock) != 0)
        t_die("the child doesn't wait");
    int64_t start = cpu_us(clock);
    t_sleep_ns(WATCH_MS * T_MS);
    int64_t used = cpu_us(clock) - start;
    char state = t_state(pid);
    t_kill(pid);
    if (state != 'S')
        t_die("the child doesn't sleep: state %c", state);
    r = hepta_pipe_close(r);
    w = hepta_pipe_close(w);
    return used;
}

int main(void)
{
    static const struct {
        const char *name;
        void (*before)(void), (*wait)(void);
        int claim;
    } cases[] = {
        {"read of the empty pipe", nothing, block_reading, 0},
        {"write to the full pipe", fill, block_writing, 0},
        {"epoll of the empty pipe", nothing, block_in_epoll, 0},
        {"read behind a peek", peek, block_reading, 1},
        {"large reservation", fill, block_reserving, 1},
    };
    int n_failed = 0;

    t_limit(60);
    int64_t bare = watch(nothing, bare_timer);
    printf("%-26s %6lld us in %d ms\n", "a bare timer", (long long)bare, WATCH_MS);
    for (size_t i = 0; i < T_COUNT(cases); i++) {
        int64_t used = watch(cases[i].before, cases[i].wait);
        int64_t most = cases[i].claim ? CLAIM_US + bare : PLAIN_US;
        printf("%-26s %6lld us in %d ms, at most %lld\n", cases[i].name, (long long)used, WATCH_MS,
               (long long)most);
        n_failed += used > most;
    }
    printf("%d passed, %d failed\n", (int)T_COUNT(cases) - n_failed, n_failed);
    return n_failed != 0;
}
