/* SPDX-License-Identifier: MIT */
/* cli/bench_rows.h - which cells a request comes to */
#ifndef CLI_BENCH_ROWS_H
#define CLI_BENCH_ROWS_H

#include "cli/bench_request.h"

/* The cells of one kind: first what was asked for, then, for a report, what only the targets
 * need. */
struct bench_part {
    const struct bench_mechanism *mechanism;
    struct bench_cell *cells;
    size_t n, n_asked;
};

/* 0 or -ENOMEM; free @part->cells. */
int bench_rows(const struct bench_request *q, const struct bench_mechanism *m,
               struct bench_part *part);

#endif
