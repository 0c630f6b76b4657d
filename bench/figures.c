/* SPDX-License-Identifier: MIT */
/* bench/figures.c - medians and names: everything about results that needs no process */
#include "bench/bench.h"

#include <stdlib.h>

/* clang-format off */
const struct bench_shape bench_shapes[BENCH_N_TESTS] = {
    [BENCH_PINGPONG] = {"pingpong", {1, 1}, false, 1},
    [BENCH_STREAM] = {"stream", {1, 1}, true, 1},
    [BENCH_PAIR] = {"pair", {1, 0}, false, BENCH_GROUP},
    [BENCH_FANIN] = {"fan-in", {4, 1}, true, 1},
    [BENCH_MANY] = {"many", {4, 4}, true, 1},
    [BENCH_SELECT] = {"select", {1, 0}, false, 1},
    [BENCH_UNDO] = {"pair-undo", {1, 0}, false, BENCH_GROUP},
    [BENCH_PERMIT] = {"pair-permit", {1, 0}, false, BENCH_GROUP},
    [BENCH_MUTEX] = {"mutex", {1, 0}, false, BENCH_GROUP},
    [BENCH_CONTEND] = {"mutex-contended", {1, 1}, true, 1},
    [BENCH_CELL] = {"cell", {1, 1}, false, BENCH_GROUP},
    [BENCH_STORM] = {"cell-storm", {1, 1}, false, BENCH_GROUP},
};
/* clang-format on */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values, int n)
{
    if (n == 0)
        return 0;
    qsort(values, (size_t)n, sizeof(*values), ascending);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

static double figure_at(const struct bench_cell *cell, int run, size_t offset)
{
    return *(const double *)((const char *)&cell->sample[run] + offset);
}

static double median_of(const struct bench_cell *cell, size_t offset)
{
    double values[BENCH_RUNS_MAX];

    for (int i = 0; i < cell->n_samples; i++)
        values[i] = figure_at(cell, i, offset);
    return median(values, cell->n_samples);
}

struct bench_sample bench_median(const struct bench_cell *cell)
{
    struct bench_sample m = {
        .p50_ns = median_of(cell, offsetof(struct bench_sample, p50_ns)),
        .p99_ns = median_of(cell, offsetof(struct bench_sample, p99_ns)),
        .p999_ns = median_of(cell, offsetof(struct bench_sample, p999_ns)),
        .msgs_per_s = median_of(cell, offsetof(struct bench_sample, msgs_per_s)),
        .disturbed_per_s = median_of(cell, offsetof(struct bench_sample, disturbed_per_s)),
    };
    return m;
}

double bench_ratio(const struct bench_cell *of, const struct bench_cell *by, size_t offset)
{
    int n = of->n_samples < by->n_samples ? of->n_samples : by->n_samples;
    double ratios[BENCH_RUNS_MAX];

    if (of->status != BENCH_OK || by->status != BENCH_OK)
        return 0;
    for (int i = 0; i < n; i++)
        ratios[i] = figure_at(of, i, offset) / figure_at(by, i, offset);
    return median(ratios, n);
}

double bench_figure(const struct bench_cell *cell, const struct bench_sample *s)
{
    return bench_shapes[cell->on.test].rate ? s->msgs_per_s : s->p50_ns;
}

double bench_spread(const struct bench_cell *cell)
{
    struct bench_sample m = bench_median(cell);
    double low = bench_figure(cell, &cell->sample[0]), high = low;

    for (int i = 1; i < cell->n_samples; i++) {
        double v = bench_figure(cell, &cell->sample[i]);
        low = v < low ? v : low;
        high = v > high ? v : high;
    }
    double middle = bench_figure(cell, &m);
    return middle > 0 ? (high - low) / middle : 0;
}

/* The capacity follows from the rest. */
bool bench_same_case(const struct bench_case *a, const struct bench_case *b)
{
    return a->test == b->test && a->bytes == b->bytes && a->mode == b->mode && a->cpus == b->cpus &&
           a->queued == b->queued;
}

const char *bench_test_name(enum bench_test test)
{
    return bench_shapes[test].name;
}

const char *bench_mode_name(enum bench_mode mode)
{
    static const char *const names[] = {"busy", "sleep", "adaptive"};

    return names[mode];
}

const char *bench_cpus_name(enum bench_cpus cpus)
{
    return cpus == BENCH_APART ? "apart" : "same";
}

const char *bench_status_name(enum bench_status status)
{
    static const char *const names[] = {"ok", "unavailable", "failed", "timed out"};

    return names[status];
}
