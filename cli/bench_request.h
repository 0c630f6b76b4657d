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

struct bench_request {
    const struct bench_mechanism *mechanism;
    struct bench_sizes bytes, queued;
    int test; /* -1: all */
    enum bench_mode mode;
    enum bench_cpus cpus;
    const char *backends; /* comma-separated; NULL: all */
    double seconds, give_up, runs;
    bool json, targets, narrowed;
};

/* CLI_OK, CLI_USAGE after a message, or -1: help is wanted. */
int bench_request_read(struct bench_request *q, int argc, char **argv);

/* Prints it; returns the status. */
int bench_help(void);

#endif
