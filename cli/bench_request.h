/* SPDX-License-Identifier: MIT */
/* cli/bench_request.h - what `hepta bench` was asked for, and its help text */
#ifndef CLI_BENCH_REQUEST_H
#define CLI_BENCH_REQUEST_H

#include "bench/bench.h"

#define BENCH_SIZES_MAX 16

struct bench_sizes {
    size_t at[BENCH_SIZES_MAX];
    int n;
};

#define BENCH_KINDS_MAX 16

struct bench_request {
    const struct bench_mechanism *kinds[BENCH_KINDS_MAX];
    int n_kinds;
    bool every; /* none was named */
    struct bench_sizes bytes, queued; /* no bytes: each kind's own */
    int test;                         /* -1: all */
    enum bench_mode mode;
    bool cpus[2];         /* by enum bench_cpus */
    const char *backends; /* comma-separated; NULL: all */
    double seconds, give_up, runs;
    double within; /* seconds for everything; 0: no bound */
    const char *report;
    bool json, targets, narrowed;
};

/* CLI_OK, CLI_USAGE after a message, or -1: help is wanted. */
int bench_request_read(struct bench_request *q, int argc, char **argv);

/* Prints it; returns the status. */
int bench_help(void);

#endif
