/* SPDX-License-Identifier: MIT */
/*
 * cli/bench.c - `hepta bench`: from options to cells to results
 *
 * A request (bench_request.c) is the product of its lists (sizes, tests) with all back ends
 * that fit. What is measured, and how, is in bench/.
 */
#define _GNU_SOURCE
#include "bench/bench.h"
#include "bench/targets.h"
#include "cli/bench_print.h"
#include "cli/bench_request.h"
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

#define DISTURBED 50 /* times a second; a quiet machine's own threads come to a few */

static bool wanted(const struct bench_request *q, const char *name)
{
    size_t len = strlen(name);

    if (!q->backends)
        return true;
    for (const char *s = q->backends; s; s = strchr(s, ',') ? strchr(s, ',') + 1 : NULL)
        if (!strncmp(s, name, len) && (s[len] == ',' || !s[len]))
            return true;
    return false;
}

/* Adds the case for each back end that fits. */
static void add_case(const struct bench_request *q, const struct bench_case *on,
                     struct bench_cell *cells, size_t *n)
{
    for (const struct bench_backend *const *b = q->mechanism->backends; *b; b++)
        if (wanted(q, (*b)->name) && bench_fits(*b, on))
            cells[(*n)++] = (struct bench_cell){.backend = *b, .on = *on};
}

static void add_test(const struct bench_request *q, enum bench_test test, struct bench_cell *cells,
                     size_t *n)
{
    bool select = test == BENCH_SELECT, alone = !bench_shapes[test].n[BENCH_SECOND];
    bool sized = bench_has_bytes(q->mechanism, test);

    for (int i = 0; i < (sized ? q->bytes.n : 1); i++) {
        for (int j = 0; j < (select ? q->queued.n : 1); j++) {
            size_t bytes = sized ? q->bytes.at[i] : 0;
            struct bench_case on = {test,
                                    bytes,
                                    q->mode,
                                    alone ? BENCH_SAME : q->cpus,
                                    bench_capacity(q->mechanism, bytes),
                                    select ? q->queued.at[j] : 0};
            add_case(q, &on, cells, n);
        }
    }
}

static struct bench_cell *product(const struct bench_request *q, size_t *n)
{
    size_t n_all = 0, n_cases = (size_t)q->bytes.n * (size_t)(BENCH_N_TESTS + q->queued.n);

    while (q->mechanism->backends[n_all])
        n_all++;
    struct bench_cell *cells = calloc(n_cases * n_all, sizeof(*cells));
    *n = 0;
    for (int test = 0; test < BENCH_N_TESTS && cells; test++)
        if ((q->test < 0 || q->test == test) && bench_has_test(q->mechanism, (enum bench_test)test))
            add_test(q, (enum bench_test)test, cells, n);
    return cells;
}

#define CASE_LEN 96

static const char *case_text(char text[CASE_LEN], const struct bench_case *on)
{
    int len = snprintf(text, CASE_LEN, "%s", bench_test_name(on->test));

    if (on->bytes)
        len += snprintf(text + len, CASE_LEN - (size_t)len, ", %zu bytes", on->bytes);
    snprintf(text + len, CASE_LEN - (size_t)len, ", %s, %s", bench_mode_name(on->mode),
             bench_cpus_name(on->cpus));
    return text;
}

static void progress(int run, const struct bench_cell *cell, void *arg)
{
    const struct bench_request *q = arg;
    char text[CASE_LEN];

    cli_progress("run %d of %d: %s: %s", run + 1, (int)q->runs, case_text(text, &cell->on),
                 cell->backend->name);
}

static void tell_failures(const struct bench_cell *cells, size_t n)
{
    char text[CASE_LEN];

    for (size_t i = 0; i < n; i++)
        if (cells[i].status != BENCH_OK)
            cli_error("%s, %s: %s: %s", cells[i].backend->name, case_text(text, &cells[i].on),
                      bench_status_name(cells[i].status), cells[i].why);
}

/* Once for each number of messages. */
static void tell_depths(const struct bench_cell *cells, size_t n)
{
    size_t told = 0;

    for (size_t i = 0; i < n; i++) {
        if (cells[i].status != BENCH_OK || !cells[i].depth || cells[i].depth == told)
            continue;
        told = cells[i].depth;
        cli_error("%s, %zu bytes: the queue held %zu messages, not %zu; a deeper one takes the "
                  "right to raise limits",
                  cells[i].backend->name, cells[i].on.bytes, told, bench_depth(&cells[i].on));
    }
}

/* Processes on one cpu take it from each other: only those that have one each tell. */
static bool has_cpu_alone(const struct bench_case *on)
{
    const int *side = bench_shapes[on->test].n;

    return side[BENCH_FIRST] == 1 && (side[BENCH_SECOND] == 0 || on->cpus == BENCH_APART);
}

static void tell_disturbance(const struct bench_cell *cells, size_t n)
{
    double worst = 0;

    for (size_t i = 0; i < n; i++) {
        double per_s = bench_median(&cells[i]).disturbed_per_s;
        if (has_cpu_alone(&cells[i].on) && per_s > worst)
            worst = per_s;
    }
    if (worst > DISTURBED)
        cli_error("other programs took the cpus away up to %.0f times a second: the figures are "
                  "not worth much; run it again on a quiet machine",
                  worst);
}

static int measure(struct bench_request *q, struct bench_cell *cells, size_t n)
{
    struct bench_plan plan = {.cells = cells,
                              .n_cells = n,
                              .runs = (int)q->runs,
                              .seconds = q->seconds,
                              .give_up = q->give_up,
                              .progress = progress,
                              .arg = q};
    enum bench_status worst = bench_run(&plan);
    struct bench_tally tally = {0};

    cli_progress_clear();
    if (q->json)
        bench_print_json(q->mechanism, cells, n);
    else
        bench_print_tables(cells, n);
    if (q->targets)
        tally = bench_print_targets(q->mechanism, cells, n, q->json);
    fflush(stdout);
    tell_failures(cells, n);
    tell_depths(cells, n);
    tell_disturbance(cells, n);
    if (worst == BENCH_TIMED_OUT)
        return CLI_TIMED_OUT;
    return worst == BENCH_OK && !tally.missed && !tally.unknown ? CLI_OK : CLI_FAILED;
}

int cli_bench(int argc, char **argv)
{
    struct bench_request q;
    size_t n;
    int rc = bench_request_read(&q, argc, argv);

    if (rc < 0)
        return bench_help();
    if (rc)
        return rc;
    struct bench_cell *cells = q.targets ? target_cells(q.mechanism, &n) : product(&q, &n);
    if (!cells) {
        cli_error("no memory for the results");
        return CLI_FAILED;
    }
    if (n == 0)
        rc = cli_usage("none of %s can do that case",
                       q.backends ? "the back ends in --backends" : "its back ends");
    else
        rc = cli_finish(measure(&q, cells, n));
    free(cells);
    return rc;
}
