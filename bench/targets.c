/* SPDX-License-Identifier: MIT */
/*
 * bench/targets.c - the promises about speed, as data
 *
 * Only ratios within one run count: the same machine moves a cache line in 45 ns on one
 * day and in 230 ns on another. Latencies are compared as times (a target "6 x slower"
 * puts the rival on top of the fraction), streams as rates.
 */
#include "bench/targets.h"

#include <stdlib.h>
#include <string.h>

/* In the order in which they run: what is compared stands close together. */
enum { PP_BUSY, PP_ADAPT, PP_SLEEP, SAME_ADAPT, SAME_SLEEP, ST64, ST64_SLEEP, ST64K, ST64K_SLEEP };

static const struct bench_case cases[] = {
    [PP_BUSY] = {BENCH_PINGPONG, 64, BENCH_BUSY, BENCH_APART},
    [PP_ADAPT] = {BENCH_PINGPONG, 64, BENCH_ADAPTIVE, BENCH_APART},
    [PP_SLEEP] = {BENCH_PINGPONG, 64, BENCH_SLEEP, BENCH_APART},
    [SAME_ADAPT] = {BENCH_PINGPONG, 64, BENCH_ADAPTIVE, BENCH_SAME},
    [SAME_SLEEP] = {BENCH_PINGPONG, 64, BENCH_SLEEP, BENCH_SAME},
    [ST64] = {BENCH_STREAM, 64, BENCH_BUSY, BENCH_APART},
    [ST64K] = {BENCH_STREAM, 65536, BENCH_BUSY, BENCH_APART},
    [ST64_SLEEP] = {BENCH_STREAM, 64, BENCH_SLEEP, BENCH_APART},
    [ST64K_SLEEP] = {BENCH_STREAM, 65536, BENCH_SLEEP, BENCH_APART},
};
#define N_CASES (sizeof(cases) / sizeof(*cases))

/* clang-format off */
/* One row: figures of two back ends in one case ... */
#define RATIO(figure, of, by, on) TARGET_##figure, {of, on}, {by, on}
/* ... or of one back end in two. */
#define MODES(backend, of, by) TARGET_RATE, {backend, of}, {backend, by}
#define MOST(bound) TARGET_AT_MOST, bound
#define LEAST(bound) TARGET_AT_LEAST, bound

static const struct target pipe_targets[] = {
    {"ping-pong 64 B, apart, busy: spsc / limit",
     RATIO(P50, "hepta-spsc", "limit", PP_BUSY), MOST(1.4)},
    {"ping-pong 64 B, apart, busy: default / limit",
     RATIO(P50, "hepta", "limit", PP_BUSY), MOST(2)},
    {"ping-pong 64 B, apart, busy, p99: spsc / limit",
     RATIO(P99, "hepta-spsc", "limit", PP_BUSY), MOST(2.5)},
    {"ping-pong 64 B, apart, busy, p99: default / limit",
     RATIO(P99, "hepta", "limit", PP_BUSY), MOST(2.5)},
    {"ping-pong 64 B, apart, busy: kernel / spsc",
     RATIO(P50, "kernel", "hepta-spsc", PP_BUSY), LEAST(6)},
    {"ping-pong 64 B, apart, busy: kernel / default",
     RATIO(P50, "kernel", "hepta", PP_BUSY), LEAST(6)},
    {"ping-pong 64 B, apart, adaptive: spsc / limit",
     RATIO(P50, "hepta-spsc", "limit", PP_ADAPT), MOST(3)},
    {"ping-pong 64 B, apart, adaptive: default / limit",
     RATIO(P50, "hepta", "limit", PP_ADAPT), MOST(3)},
    {"ping-pong 64 B, apart, adaptive: kernel / spsc",
     RATIO(P50, "kernel", "hepta-spsc", PP_ADAPT), LEAST(100)},
    {"ping-pong 64 B, apart, adaptive: kernel / default",
     RATIO(P50, "kernel", "hepta", PP_ADAPT), LEAST(100)},
    {"ping-pong 64 B, apart, sleep: spsc / kernel",
     RATIO(P50, "hepta-spsc", "kernel", PP_SLEEP), MOST(1.1)},
    {"ping-pong 64 B, apart, sleep: default / kernel",
     RATIO(P50, "hepta", "kernel", PP_SLEEP), MOST(1.1)},
    {"ping-pong 64 B, same core, adaptive: spsc / kernel",
     RATIO(P50, "hepta-spsc", "kernel", SAME_ADAPT), MOST(1.1)},
    {"ping-pong 64 B, same core, adaptive: default / kernel",
     RATIO(P50, "hepta", "kernel", SAME_ADAPT), MOST(1.1)},
    {"ping-pong 64 B, same core, sleep: spsc / kernel",
     RATIO(P50, "hepta-spsc", "kernel", SAME_SLEEP), MOST(1.1)},
    {"ping-pong 64 B, same core, sleep: default / kernel",
     RATIO(P50, "hepta", "kernel", SAME_SLEEP), MOST(1.1)},
    {"stream 64 B, busy: spsc / limit",
     RATIO(RATE, "hepta-spsc", "limit", ST64), LEAST(0.9)},
    {"stream 64 B, busy: spsc / kernel",
     RATIO(RATE, "hepta-spsc", "kernel", ST64), LEAST(18)},
    {"stream 64 B, busy: default / kernel",
     RATIO(RATE, "hepta", "kernel", ST64), LEAST(10)},
    {"stream 64 KiB, busy: copying / kernel",
     RATIO(RATE, "hepta", "kernel", ST64K), LEAST(4)},
    {"stream 64 KiB, busy: copying / vmsplice",
     RATIO(RATE, "hepta", "kernel-vmsplice", ST64K), LEAST(1.5)},
    {"stream 64 KiB, busy: in place / copying",
     RATIO(RATE, "hepta-zerocopy", "hepta", ST64K), LEAST(2)},
    {"stream 64 B: sleep / busy, spsc",
     MODES("hepta-spsc", ST64_SLEEP, ST64), LEAST(0.6)},
    {"stream 64 B: sleep / busy, default",
     MODES("hepta", ST64_SLEEP, ST64), LEAST(0.6)},
    {"stream 64 KiB: sleep / busy, spsc",
     MODES("hepta-spsc", ST64K_SLEEP, ST64K), LEAST(0.6)},
    {"stream 64 KiB: sleep / busy, default",
     MODES("hepta", ST64K_SLEEP, ST64K), LEAST(0.6)},
};
/* clang-format on */
#define N_PIPE (sizeof(pipe_targets) / sizeof(*pipe_targets))

const struct target *target_list(const char *mechanism, size_t *n)
{
    *n = strcmp(mechanism, "pipe") ? 0 : N_PIPE;
    return *n ? pipe_targets : NULL;
}

static bool same_case(const struct bench_case *a, const struct bench_case *b)
{
    return a->test == b->test && a->bytes == b->bytes && a->mode == b->mode && a->cpus == b->cpus;
}

static struct bench_cell *find(const struct bench_cell *cells, size_t n,
                               const struct target_side *side)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(cells[i].backend->name, side->backend) &&
            same_case(&cells[i].on, &cases[side->on]))
            return (struct bench_cell *)&cells[i];
    return NULL;
}

static void add(struct bench_cell *cells, size_t *n, const char *mechanism,
                const struct target_side *side)
{
    const struct bench_case *on = &cases[side->on];
    const struct bench_backend *backend = bench_backend(mechanism, side->backend, on);

    if (backend && !find(cells, *n, side))
        cells[(*n)++] = (struct bench_cell){.backend = backend, .on = *on};
}

struct bench_cell *target_cells(const char *mechanism, size_t *n_cells)
{
    size_t n;
    const struct target *t = target_list(mechanism, &n);
    struct bench_cell *cells = calloc(2 * n + 1, sizeof(*cells));

    *n_cells = 0;
    if (!cells)
        return NULL;
    /* By case, so that rivals run one right after the other. */
    for (int on = 0; on < (int)N_CASES; on++) {
        for (size_t i = 0; i < n; i++) {
            if (t[i].of.on == on)
                add(cells, n_cells, mechanism, &t[i].of);
            if (t[i].by.on == on)
                add(cells, n_cells, mechanism, &t[i].by);
        }
    }
    return cells;
}

enum target_verdict target_judge(const struct target *t, const struct bench_cell *cells,
                                 size_t n_cells, double *ratio)
{
    static const size_t offsets[] = {
        [TARGET_P50] = offsetof(struct bench_sample, p50_ns),
        [TARGET_P99] = offsetof(struct bench_sample, p99_ns),
        [TARGET_RATE] = offsetof(struct bench_sample, msgs_per_s),
    };
    const struct bench_cell *of = find(cells, n_cells, &t->of);
    const struct bench_cell *by = find(cells, n_cells, &t->by);

    *ratio = of && by ? bench_ratio(of, by, offsets[t->figure]) : 0;
    if (*ratio <= 0)
        return TARGET_UNKNOWN;
    bool met = t->kind == TARGET_AT_MOST ? *ratio <= t->bound : *ratio >= t->bound;
    return met ? TARGET_MET : TARGET_MISSED;
}
