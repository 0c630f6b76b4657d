/* SPDX-License-Identifier: MIT */
/*
 * bench/harness.c - the coordinator: forks the pair, directs it, collects the figures
 *
 * Read from bench_run() upwards. Each measurement has a fresh pair of processes and a
 * fresh link, so the luck of one memory placement doesn't decide. A measurement first
 * doubles the number of messages until that takes an eighth of its bound (the warm-up,
 * which also calibrates), then takes the number that fills most of the rest. The coordinator
 * sleeps meanwhile; when ten times the bound has passed it kills the pair.
 */
#define _GNU_SOURCE
#include "bench/bench.h"
#include "bench/cpus.h"
#include "bench/peer.h"
#include "bench/ticks.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define WATCHDOG 10 /* times the bound of a measurement */
#define FIRST_N  8
#define PORTIONS 16
#define WAKE_NS  120000.0 /* a round of two wake-ups of idle cores */

struct pair {
    pid_t pid[2];
    int control[2];
    struct histogram *rtt;
    int64_t killed_at; /* CLOCK_MONOTONIC ns */
};

/* Several exchanges. */
struct sum {
    uint64_t n, preempted;
    double ns, ticks;
};

static void tell(struct bench_cell *cell, enum bench_status status, const char *form, ...)
    __attribute__((format(printf, 3, 4)));

static void tell(struct bench_cell *cell, enum bench_status status, const char *form, ...)
{
    va_list args;

    cell->status = status;
    va_start(args, form);
    vsnprintf(cell->why, sizeof(cell->why), form, args);
    va_end(args);
}

static void pair_end(struct pair *pair)
{
    for (int i = 0; i < 2; i++) {
        if (pair->pid[i] > 0) {
            kill(pair->pid[i], SIGKILL);
            waitpid(pair->pid[i], NULL, 0);
        }
        if (pair->control[i] >= 0)
            close(pair->control[i]);
    }
    if (pair->rtt)
        munmap(pair->rtt, sizeof(*pair->rtt));
}

static int pair_fork(struct pair *pair, int i, struct peer *peer)
{
    int sv[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv))
        return -errno;
    pair->control[i] = sv[0];
    pair->pid[i] = fork();
    if (pair->pid[i] == 0) {
        close(sv[0]);
        if (i == 1)
            close(pair->control[0]);
        peer->control = sv[1];
        bench_peer_run(peer);
    }
    close(sv[1]);
    return pair->pid[i] < 0 ? -errno : 0;
}

static int pair_start(struct pair *pair, const struct bench_cell *cell, void *link,
                      const int cpu[2])
{
    void *shared =
        mmap(NULL, sizeof(*pair->rtt), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int rc = 0;

    if (shared == MAP_FAILED)
        return -errno;
    pair->rtt = shared;
    for (int i = 0; i < 2 && !rc; i++) {
        struct peer peer = {.backend = cell->backend,
                            .on = &cell->on,
                            .link = link,
                            .side = i ? BENCH_SECOND : BENCH_FIRST,
                            .cpu = cpu[i],
                            .parent = getpid(),
                            .rtt = pair->rtt};
        rc = pair_fork(pair, i, &peer);
    }
    return rc;
}

/* Fills in the replies as they come. 0 when both are there and good, or what went wrong
 * first: the other side may then wait for a message that will never come. */
static int await(struct pair *pair, struct peer_reply reply[2])
{
    struct pollfd pfd[2] = {{pair->control[0], POLLIN, 0}, {pair->control[1], POLLIN, 0}};

    while (pfd[0].fd >= 0 || pfd[1].fd >= 0) {
        int64_t left = pair->killed_at - bench_now_ns();
        int n = poll(pfd, 2, left > 0 ? (int)(left / 1000000) + 1 : 0);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0 && left <= 0)
            return -ETIMEDOUT;
        for (int i = 0; i < 2 && n > 0; i++) {
            if (pfd[i].fd < 0 || !pfd[i].revents)
                continue;
            if (recv(pfd[i].fd, &reply[i], sizeof(*reply), 0) != sizeof(*reply))
                return -ECHILD;
            if (reply[i].err)
                return (int)reply[i].err;
            pfd[i].fd = -1; /* poll() passes over it */
        }
    }
    return 0;
}

static const char *reason(int err)
{
    if (err == -EBADMSG)
        return "a message arrived damaged";
    if (err == -ECHILD)
        return "a process of the pair died";
    if (err == -EPIPE || err == -ENOTCONN)
        return "the other process of the pair gave up";
    return strerror(-err);
}

/* Both sides exchange @n messages, which are added to @sum: the time by the first side's
 * clock, or in a stream the second's, who sees the last message arrive. */
static int exchange(struct pair *pair, const struct bench_cell *cell, uint64_t n, struct sum *sum)
{
    bool is_stream = cell->on.test == BENCH_STREAM;
    struct peer_command command = {.n = n};
    struct peer_reply reply[2];

    for (int i = 1; i >= 0; i--)
        if (send(pair->control[i], &command, sizeof(command), MSG_NOSIGNAL) < 0)
            return -ECHILD;
    int rc = await(pair, reply);
    if (rc)
        return rc;
    sum->n += is_stream ? n - 1 : n; /* a stream's clock starts at its first message */
    sum->ns += (double)reply[is_stream].ns;
    sum->ticks += (double)reply[is_stream].ticks;
    sum->preempted += reply[0].preempted + reply[1].preempted;
    return 0;
}

static void figures(const struct bench_cell *cell, const struct pair *pair, const struct sum *sum,
                    struct bench_sample *out)
{
    double half_tick = sum->ticks > 0 ? sum->ns / sum->ticks / 2 : 0;
    double ns = sum->ns > 0 ? sum->ns : 1;

    memset(out, 0, sizeof(*out));
    out->disturbed_per_s = (double)sum->preempted / ns * 1e9;
    out->msgs_per_s = (double)sum->n / ns * 1e9;
    if (cell->on.test == BENCH_STREAM)
        return;
    out->msgs_per_s *= 2;
    out->p50_ns = histogram_percentile(pair->rtt, 0.5) * half_tick;
    out->p99_ns = histogram_percentile(pair->rtt, 0.99) * half_tick;
    out->p999_ns = histogram_percentile(pair->rtt, 0.999) * half_tick;
}

/* No more messages in a portion than would take twice the bound if each had to wake a
 * sleeper. Where waiting is learned, a pair may turn from spinning to sleeping at any time. */
static uint64_t most(const struct bench_cell *cell, double bound)
{
    double n = 2 * bound / WAKE_NS;

    if (cell->on.test != BENCH_PINGPONG || cell->on.mode == BENCH_BUSY)
        return UINT64_MAX;
    return n > FIRST_N ? (uint64_t)n : FIRST_N;
}

/* In portions: one that turns out slow, because the machine got another mood or guest, or
 * because sleepers and spinners fall into another rhythm (a factor of a hundred), doesn't
 * make the whole many times too long. Each is as long as the one before suggests. */
static int direct(struct pair *pair, const struct bench_cell *cell, double seconds,
                  struct bench_sample *out)
{
    double bound = seconds * 1e9;
    struct sum warm = {0}, sum = {0};
    uint64_t n = FIRST_N;

    for (;; n *= 2) {
        warm = (struct sum){0};
        int rc = exchange(pair, cell, n, &warm);
        if (rc)
            return rc;
        if (warm.ns >= bound / 8 || n > most(cell, bound) / 2)
            break;
    }
    histogram_clear(pair->rtt);
    while (sum.ns < bound * 0.7) {
        double portion = (double)n * bound * 0.7 / PORTIONS / warm.ns;
        n = portion > FIRST_N ? (uint64_t)portion : FIRST_N;
        n = n < most(cell, bound) ? n : most(cell, bound);
        double before = sum.ns;
        int rc = exchange(pair, cell, n, &sum);
        if (rc)
            return rc;
        warm.ns = sum.ns - before;
    }
    figures(cell, pair, &sum, out);
    return 0;
}

static int with_pair(struct bench_cell *cell, double seconds, const int cpu[2], void *link,
                     struct bench_sample *out)
{
    struct pair pair = {.control = {-1, -1},
                        .killed_at = bench_now_ns() + (int64_t)(seconds * WATCHDOG * 1e9)};
    int rc = pair_start(&pair, cell, link, cpu);

    if (!cell->backend->named)
        cell->backend->close(link); /* so that the pair sees each other's end */
    if (!rc)
        rc = direct(&pair, cell, seconds, out);
    pair_end(&pair);
    if (cell->backend->named)
        cell->backend->close(link);
    return rc;
}

enum bench_status bench_measure(struct bench_cell *cell, double seconds, struct bench_sample *out)
{
    void *link = NULL;
    int cpu[2];
    int rc = bench_cpus_pick(cell->on.cpus == BENCH_APART, cpu);

    cell->status = BENCH_OK;
    if (rc) {
        tell(cell, BENCH_UNAVAILABLE, "%s",
             rc == -ENODEV ? "this process may run on one cpu only" : strerror(-rc));
        return cell->status;
    }
    rc = cell->backend->open(&link, &cell->on);
    if (rc) {
        tell(cell, BENCH_FAILED, "can't be set up: %s", reason(rc));
        return cell->status;
    }
    rc = with_pair(cell, seconds, cpu, link, out);
    if (rc == -ETIMEDOUT)
        tell(cell, BENCH_TIMED_OUT,
             "not finished after %g s, %d times the bound: both processes were killed",
             seconds * WATCHDOG, WATCHDOG);
    else if (rc)
        tell(cell, BENCH_FAILED, "%s", reason(rc));
    return cell->status;
}

enum bench_status bench_run(struct bench_plan *plan)
{
    enum bench_status worst = BENCH_OK;

    for (int run = 0; run < plan->runs; run++) {
        for (size_t i = 0; i < plan->n_cells; i++) {
            struct bench_cell *cell = &plan->cells[i];
            if (cell->status != BENCH_OK)
                continue;
            if (plan->progress)
                plan->progress(run, cell, plan->arg);
            if (bench_measure(cell, plan->seconds, &cell->sample[cell->n_samples]) == BENCH_OK)
                cell->n_samples++;
            if (cell->status > worst)
                worst = cell->status;
        }
    }
    return worst;
}
