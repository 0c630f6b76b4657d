/* SPDX-License-Identifier: MIT */
/*
 * bench/harness.c - the coordinator: directs the processes, collects the figures
 *
 * Read from bench_run() upwards. Each measurement has fresh processes (crew.c) and a
 * fresh link, so the luck of one memory placement doesn't decide. A measurement first
 * doubles the number of messages until that takes an eighth of its bound (the warm-up,
 * which also calibrates), then takes the number that fills most of the rest. The coordinator
 * sleeps meanwhile; when it has taken too long it kills the processes.
 */
#define _GNU_SOURCE
#include "bench/bench.h"
#include "bench/cpus.h"
#include "bench/crew.h"
#include "bench/ticks.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FIRST_N  BENCH_GROUP
#define PORTIONS 16
#define WAKE_NS  120000.0 /* a round of two wake-ups of idle cores */

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

static const char *reason(int err, const struct bench_case *on)
{
    if (err == -EBADMSG)
        return on->bytes ? "a message arrived damaged" : "the count is wrong";
    if (err == -ECHILD)
        return "a process died";
    if (err == -EPIPE || err == -ENOTCONN)
        return "the other process gave up";
    return strerror(-err);
}

/* From the first message to the last: by the first side's clock, or in a stream the second's,
 * who see them arrive. Those who count together may each find that the others have done all. */
static double took(const struct crew *crew, const struct peer_reply *reply)
{
    const struct bench_shape *shape = &bench_shapes[crew->test];
    bool together = crew->test == BENCH_CONTEND;
    int first = shape->rate && !together ? shape->n[BENCH_FIRST] : 0;
    int end = shape->rate ? crew->n : 1;
    int64_t from = reply[first].start_ns, to = reply[first].end_ns;

    for (int i = first + 1; i < end; i++) {
        from = reply[i].start_ns < from ? reply[i].start_ns : from;
        to = reply[i].end_ns > to ? reply[i].end_ns : to;
    }
    return (double)(to - from);
}

/* Each sender sends @n messages, which are added to @sum. */
static int exchange(struct crew *crew, uint64_t n, struct sum *sum)
{
    const struct bench_shape *shape = &bench_shapes[crew->test];
    struct peer_reply reply[CREW_MAX];
    int rc = crew_exchange(crew, n, reply);

    if (rc)
        return rc;
    n *= (uint64_t)shape->n[BENCH_FIRST];
    sum->n += shape->rate ? n - 1 : n; /* a stream's clock starts at its first message */
    sum->ns += took(crew, reply);
    sum->ticks += (double)reply[0].ticks;
    for (int i = 0; i < crew->n; i++)
        sum->preempted += reply[i].preempted;
    return 0;
}

static void figures(const struct crew *crew, const struct sum *sum, struct bench_sample *out)
{
    double ns = sum->ns > 0 ? sum->ns : 1;
    double ways = crew->test == BENCH_PINGPONG ? 2 : 1;
    double timed = ways * bench_shapes[crew->test].group; /* messages at a time */
    double tick = sum->ticks > 0 ? sum->ns / sum->ticks / timed : 0;

    memset(out, 0, sizeof(*out));
    out->disturbed_per_s = (double)sum->preempted / ns * 1e9;
    out->msgs_per_s = (double)sum->n * ways / ns * 1e9;
    if (bench_shapes[crew->test].rate)
        return;
    out->p50_ns = histogram_percentile(crew->times, 0.5) * tick;
    out->p99_ns = histogram_percentile(crew->times, 0.99) * tick;
    out->p999_ns = histogram_percentile(crew->times, 0.999) * tick;
}

/* No more messages in a portion than would take twice the bound if each had to wake a
 * sleeper. Where waiting is learned, the two may turn from spinning to sleeping at any time. */
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
static int direct(struct crew *crew, const struct bench_cell *cell, double seconds,
                  struct bench_sample *out)
{
    double bound = seconds * 1e9;
    struct sum warm = {0}, sum = {0};
    uint64_t n = FIRST_N;

    for (;; n *= 2) {
        warm = (struct sum){0};
        int rc = exchange(crew, n, &warm);
        if (rc)
            return rc;
        if (warm.ns >= bound / 8 || n > most(cell, bound) / 2)
            break;
    }
    histogram_clear(crew->times);
    while (sum.ns < bound * 0.7) {
        double portion = (double)n * bound * 0.7 / PORTIONS / warm.ns;
        n = portion > FIRST_N ? (uint64_t)portion : FIRST_N;
        n = n < most(cell, bound) ? n : most(cell, bound);
        double before = sum.ns;
        int rc = exchange(crew, n, &sum);
        if (rc)
            return rc;
        warm.ns = sum.ns - before;
    }
    figures(crew, &sum, out);
    return 0;
}

static int with_crew(struct bench_cell *cell, const struct bench_plan *plan, const int cpu[2],
                     void *link, struct bench_sample *out)
{
    struct crew crew = {.killed_at = bench_now_ns() + (int64_t)(plan->give_up * 1e9)};
    int rc = crew_start(&crew, cell, link, cpu);

    if (!cell->backend->named)
        cell->backend->close(link); /* so that the processes see each other's end */
    if (!rc)
        rc = direct(&crew, cell, plan->seconds, out);
    crew_end(&crew);
    if (cell->backend->named)
        cell->backend->close(link);
    return rc;
}

static void measure(struct bench_cell *cell, const struct bench_plan *plan, const int cpu[2],
                    struct bench_sample *out)
{
    void *link = NULL;
    int rc = cell->backend->open(&link, &cell->on);

    if (rc) {
        tell(cell, BENCH_FAILED, "can't be set up: %s", reason(rc, &cell->on));
        return;
    }
    size_t depth = cell->backend->depth ? cell->backend->depth(link) : 0;
    cell->depth = depth < bench_depth(&cell->on) ? depth : 0;
    rc = with_crew(cell, plan, cpu, link, out);
    if (rc == -ETIMEDOUT)
        tell(cell, BENCH_TIMED_OUT, "not finished after %g s: the processes were killed",
             plan->give_up);
    else if (rc)
        tell(cell, BENCH_FAILED, "%s", reason(rc, &cell->on));
}

enum bench_status bench_measure(struct bench_cell *cell, const struct bench_plan *plan,
                                struct bench_sample *out)
{
    int cpu[2];
    int rc = bench_cpus_pick(cell->on.cpus == BENCH_APART, cpu);

    cell->status = BENCH_OK;
    if (rc)
        tell(cell, BENCH_UNAVAILABLE, "%s",
             rc == -ENODEV ? "this process may run on one cpu only" : strerror(-rc));
    else
        measure(cell, plan, cpu, out);
    return cell->status;
}

static bool late(const struct bench_plan *plan, struct bench_cell *cell)
{
    if (!plan->end_ns || bench_now_ns() < plan->end_ns)
        return false;
    if (cell->n_samples == 0)
        tell(cell, BENCH_UNAVAILABLE, "the time was up before its turn");
    return true;
}

/* One measurement more, unless it failed before or the time is up. */
static void one_more(struct bench_plan *plan, int run, struct bench_cell *cell)
{
    if (cell->status != BENCH_OK || late(plan, cell))
        return;
    if (plan->progress)
        plan->progress(run, cell, plan->arg);
    if (bench_measure(cell, plan, &cell->sample[cell->n_samples]) == BENCH_OK)
        cell->n_samples++;
}

enum bench_status bench_run(struct bench_plan *plan)
{
    enum bench_status worst = BENCH_OK;

    for (int run = 0; run < plan->runs; run++) {
        for (size_t i = 0; i < plan->n_cells; i++) {
            struct bench_cell *cell = &plan->cells[i];
            one_more(plan, run, cell);
            if (cell->status > worst)
                worst = cell->status;
        }
    }
    return worst;
}
