/* SPDX-License-Identifier: MIT */
/*
 * cli/bench.c - `hepta bench`: from options (bench_request.c) to cells (bench_rows.c) to results
 *
 * Kind after kind is measured and printed, each with its share of the time where that is bounded.
 * What is measured, and how, is in bench/.
 */
#define _GNU_SOURCE
#include "bench/bench.h"
#include "bench/ticks.h"
#include "cli/bench_print.h"
#include "cli/bench_request.h"
#include "cli/bench_rows.h"
#include "cli/cli.h"
#include "cli/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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

/* All kinds, and how far it is with them. */
struct job {
    struct bench_request q;
    struct bench_part part[BENCH_KINDS_MAX];
    int n;
    const struct bench_part *now;
    size_t rows, rows_done; /* of all kinds, of those before */
    int64_t start_ns;
    struct report_facts facts;
};

static const char *time_text(char text[CASE_LEN], double seconds)
{
    if (seconds < 90)
        snprintf(text, CASE_LEN, "%.0f s", seconds < 1 ? 1 : seconds);
    else
        snprintf(text, CASE_LEN, "%.0f min", seconds / 60);
    return text;
}

static void progress(int run, const struct bench_cell *cell, void *arg)
{
    const struct job *job = arg;
    double done = (double)job->rows_done * job->q.runs +
                  (double)((size_t)run * job->now->n + (size_t)(cell - job->now->cells));
    double part = done / ((double)job->rows * job->q.runs);
    double seconds = (double)(bench_now_ns() - job->start_ns) / 1e9;
    char text[CASE_LEN], left[CASE_LEN];

    if (job->n == 1)
        cli_progress("run %d of %d: %s: %s", run + 1, (int)job->q.runs,
                     case_text(text, &cell->on), cell->backend->name);
    else
        cli_progress("%.0f %%, %s left: %s, %s: %s", part * 100,
                     part > 0.01 ? time_text(left, seconds / part - seconds) : "a while",
                     job->now->mechanism->name, bench_test_name(cell->on.test),
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

static double disturbance(const struct bench_part *part)
{
    double worst = 0;

    for (size_t i = 0; i < part->n; i++) {
        double per_s = bench_median(&part->cells[i]).disturbed_per_s;
        if (has_cpu_alone(&part->cells[i].on) && per_s > worst)
            worst = per_s;
    }
    return worst;
}

/* The rest of the time goes to the kinds by their rows. */
static int64_t share(const struct job *job)
{
    int64_t now = bench_now_ns();
    int64_t left = job->start_ns + (int64_t)(job->q.within * 1e9) - now;

    if (!(job->q.within > 0))
        return 0;
    return now + (int64_t)((double)left * (double)job->now->n /
                           (double)(job->rows - job->rows_done));
}

static int status_of(enum bench_status worst)
{
    if (worst == BENCH_TIMED_OUT)
        return CLI_TIMED_OUT;
    return worst == BENCH_OK ? CLI_OK : CLI_FAILED;
}

static int print(const struct job *job, const struct bench_part *part)
{
    struct bench_tally tally = {0};

    if (job->q.json)
        bench_print_json(part->mechanism, part->cells, part->n);
    else if (job->n > 1)
        bench_print_title(part->mechanism);
    if (!job->q.json)
        bench_print_tables(part->cells, part->n);
    if (job->q.targets)
        tally = bench_print_targets(part->mechanism, part->cells, part->n, job->q.json);
    fflush(stdout);
    return tally.missed || tally.unknown ? CLI_FAILED : CLI_OK;
}

static int measure(struct job *job, struct bench_part *part)
{
    job->now = part;
    struct bench_plan plan = {.cells = part->cells,
                              .n_cells = part->n,
                              .runs = (int)job->q.runs,
                              .seconds = job->q.seconds,
                              .give_up = job->q.give_up,
                              .end_ns = share(job),
                              .progress = progress,
                              .arg = job};
    int rc = status_of(bench_run(&plan));

    job->rows_done += part->n;
    cli_progress_clear();
    int missed = !job->q.report || job->q.json ? print(job, part) : CLI_OK;
    tell_failures(part->cells, part->n);
    tell_depths(part->cells, part->n);
    return rc ? rc : missed;
}

/* What measuring takes, and the processes of each measurement. */
static void announce(const struct job *job)
{
    double seconds = (double)job->rows * job->q.runs * (job->q.seconds + 0.02);
    char text[CASE_LEN];

    if (job->q.within > 0 && seconds > job->q.within)
        seconds = job->q.within;
    if (job->n > 1 || job->q.report)
        cli_error("%zu rows, %d x %g s each: about %s", job->rows, (int)job->q.runs,
                  job->q.seconds, time_text(text, seconds));
}

/* Kinds without a back end that fits are left out. */
static int plan_job(struct job *job)
{
    for (int i = 0; i < job->q.n_kinds; i++) {
        struct bench_part *part = &job->part[job->n];
        if (bench_rows(&job->q, job->q.kinds[i], part)) {
            cli_error("no memory for the results");
            free(part->cells);
            return CLI_FAILED;
        }
        job->rows += part->n;
        if (part->n > 0)
            job->n++;
        else
            free(part->cells);
    }
    if (job->n > 0)
        return CLI_OK;
    return cli_usage("none of %s can do that case",
                     job->q.backends ? "the back ends in --backends" : "its back ends");
}

static double tell_disturbance(const struct job *job)
{
    double worst = 0;

    for (int i = 0; i < job->n; i++)
        worst = fmax(worst, disturbance(&job->part[i]));
    if (worst > BENCH_DISTURBED)
        cli_error("other programs took the cpus away up to %.0f times a second: the figures are "
                  "not worth much; run it again on a quiet machine",
                  worst);
    return worst;
}

static void tell_late(const struct job *job)
{
    size_t n = 0;

    for (int i = 0; i < job->n; i++)
        for (size_t j = 0; j < job->part[i].n; j++)
            n += job->part[i].cells[j].status == BENCH_OK &&
                 job->part[i].cells[j].n_samples < (int)job->q.runs;
    if (n > 0)
        cli_error("the time was up: %zu of %zu rows have less than %d runs; --within gives more", n,
                  job->rows, (int)job->q.runs);
}

static int write_report(struct job *job, double disturbed_per_s)
{
    struct report r = {.q = &job->q,
                       .part = job->part,
                       .n = job->n,
                       .facts = &job->facts,
                       .disturbed_per_s = disturbed_per_s};

    report_facts_end(&job->facts, (double)(bench_now_ns() - job->start_ns) / 1e9,
                     disturbed_per_s);
    int rc = report_write(job->q.report, &r);
    if (rc)
        cli_error("can't write %s: %s; the page is incomplete", job->q.report, strerror(-rc));
    return rc ? CLI_FAILED : CLI_OK;
}

static int run(struct job *job)
{
    int worst = CLI_OK;
    int rc = job->q.report ? report_try(job->q.report) : 0;

    if (rc) {
        cli_error("can't write %s: %s", job->q.report, strerror(-rc));
        return CLI_FAILED;
    }
    announce(job);
    job->start_ns = bench_now_ns();
    for (int i = 0; i < job->n; i++) {
        rc = measure(job, &job->part[i]);
        worst = rc > worst ? rc : worst;
    }
    tell_late(job);
    double disturbed_per_s = tell_disturbance(job);
    rc = job->q.report ? write_report(job, disturbed_per_s) : CLI_OK;
    return rc > worst ? rc : worst;
}

int cli_bench(int argc, char **argv)
{
    struct job job = {.n = 0};

    char *command = report_command(argv); /* before the options change it */
    int rc = bench_request_read(&job.q, argc, argv);

    if (!rc)
        rc = plan_job(&job);
    else if (rc < 0)
        rc = bench_help();
    if (!rc && job.n > 0) {
        if (job.q.report)
            report_facts_begin(&job.facts, command);
        rc = cli_finish(run(&job));
    }
    report_facts_free(&job.facts);
    free(command);
    while (job.n > 0)
        free(job.part[--job.n].cells);
    return rc;
}
