/* SPDX-License-Identifier: MIT */
/* bench/targets.h - the ratios that the library promises, as a table to run */
#ifndef BENCH_TARGETS_H
#define BENCH_TARGETS_H

#include "bench/bench.h"

enum target_figure { TARGET_P50, TARGET_P99, TARGET_RATE };
enum target_bound { TARGET_AT_MOST, TARGET_AT_LEAST };

/* "The figure of @of divided by that of @by is at most (at least) @bound". */
struct target {
    const char *text;
    enum target_figure figure;
    struct target_side {
        const char *backend;
        int on; /* index into target_cases[] */
    } of, by;
    enum target_bound kind;
    double bound;
};

enum target_verdict { TARGET_MET, TARGET_MISSED, TARGET_UNKNOWN };

/* The targets of a mechanism; NULL if it has none. */
const struct target *target_list(const struct bench_mechanism *m, size_t *n);

/* All cells that the targets need, for bench_run(); the caller frees; NULL: no memory. */
struct bench_cell *target_cells(const struct bench_mechanism *m, size_t *n_cells);

/* Compares; @ratio receives what was measured, 0 if it wasn't. */
enum target_verdict target_judge(const struct target *t, const struct bench_cell *cells,
                                 size_t n_cells, double *ratio);

#endif
