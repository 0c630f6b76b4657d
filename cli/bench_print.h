/* SPDX-License-Identifier: MIT */
/* cli/bench_print.h - the results of `hepta bench`, for people and for programs */
#ifndef CLI_BENCH_PRINT_H
#define CLI_BENCH_PRINT_H

#include "bench/bench.h"

/* One JSON object a line, one line a cell. */
void bench_print_json(const struct bench_mechanism *m, const struct bench_cell *cells, size_t n);
/* A line above the tables, where several kinds follow each other. */
void bench_print_title(const struct bench_mechanism *m);
/* A table of the figures, then one of the ratios to kernel and limit. */
void bench_print_tables(const struct bench_cell *cells, size_t n);

struct bench_tally {
    int met, missed, unknown;
};
/* Judges the targets of @m and prints each verdict. */
struct bench_tally bench_print_targets(const struct bench_mechanism *m,
                                       const struct bench_cell *cells, size_t n, bool json);

/* The cell of that back end in the same case, if it was measured, or NULL. */
const struct bench_cell *bench_rival(const struct bench_cell *cells, size_t n,
                                     const struct bench_case *on, const char *name);
/* How many times faster @cell is than @than: above 1 is better. */
double bench_faster(const struct bench_cell *cell, const struct bench_cell *than);

#endif
