/* SPDX-License-Identifier: MIT */
/* cli/bench_print.c - see bench_print.h */
#include "cli/bench_print.h"

#include "bench/targets.h"
#include "cli/bench_json.h"
#include "cli/cli.h"
#include "cli/table.h"

#include <json-c/json.h>
#include <string.h>

static void print_object(struct json_object *o)
{
    puts(json_object_to_json_string_ext(o, BENCH_JSON_FORM));
    json_object_put(o);
}

void bench_print_json(const struct bench_mechanism *m, const struct bench_cell *cells, size_t n)
{
    for (size_t i = 0; i < n; i++)
        print_object(bench_json_cell(m, &cells[i]));
}

static void describe(struct libscols_line *line, const struct bench_cell *cell)
{
    if (cell->on.test == BENCH_SELECT)
        table_set(line, 0, "%s %zu", bench_test_name(cell->on.test), cell->on.queued);
    else
        table_set(line, 0, "%s", bench_test_name(cell->on.test));
    if (cell->on.bytes)
        table_set(line, 1, "%zu", cell->on.bytes);
    table_set(line, 2, "%s", bench_mode_name(cell->on.mode));
    table_set(line, 3, "%s", bench_cpus_name(cell->on.cpus));
    table_set(line, 4, "%s", cell->backend->name);
}

static void figures_line(struct libscols_table *table, const struct bench_cell *cell)
{
    struct libscols_line *line = table_line(table);
    struct bench_sample m = bench_median(cell);
    char text[FIGURE_LEN];

    describe(line, cell);
    if (cell->status != BENCH_OK) {
        table_set(line, 5, "%s", bench_status_name(cell->status));
        table_colour(line, "red");
        return;
    }
    table_set(line, 5, "%s", figure_time(text, m.p50_ns));
    table_set(line, 6, "%s", figure_time(text, m.p99_ns));
    table_set(line, 7, "%s", figure_time(text, m.p999_ns));
    table_set(line, 8, "%s", figure_rate(text, m.msgs_per_s));
    if (cell->on.bytes)
        table_set(line, 9, "%sB", figure_rate(text, m.msgs_per_s * (double)cell->on.bytes));
    table_set(line, 10, "%.0f %%", bench_spread(cell) * 100);
}

const struct bench_cell *bench_rival(const struct bench_cell *cells, size_t n,
                                     const struct bench_case *on, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (cells[i].status == BENCH_OK && !strcmp(cells[i].backend->name, name) &&
            bench_same_case(&cells[i].on, on))
            return &cells[i];
    return NULL;
}

double bench_faster(const struct bench_cell *cell, const struct bench_cell *than)
{
    if (bench_shapes[cell->on.test].rate)
        return bench_ratio(cell, than, offsetof(struct bench_sample, msgs_per_s));
    return bench_ratio(than, cell, offsetof(struct bench_sample, p50_ns));
}

static void ratio_line(struct libscols_table *table, const struct bench_cell *cell,
                       const struct bench_cell *kernel, const struct bench_cell *limit)
{
    struct libscols_line *line = table_line(table);

    describe(line, cell);
    if (kernel)
        table_set(line, 5, "%.2f x", bench_faster(cell, kernel));
    if (limit)
        table_set(line, 6, "%.0f %%", bench_faster(cell, limit) * 100);
}

static void print_ratios(const struct bench_cell *cells, size_t n)
{
    static const char *const columns[] = {
        "TEST", ">BYTES", "MODE", "CPUS", "BACKEND", ">VS KERNEL", ">SPEED OF LIMIT", NULL};
    struct libscols_table *table = table_new(columns);

    for (size_t i = 0; i < n; i++) {
        const char *against = cells[i].backend->rival;
        const struct bench_cell *kernel =
            bench_rival(cells, n, &cells[i].on, against ? against : "kernel");
        const struct bench_cell *limit = bench_rival(cells, n, &cells[i].on, "limit");
        bool is_rival = &cells[i] == kernel || &cells[i] == limit;
        if (cells[i].status == BENCH_OK && !is_rival && (kernel || limit))
            ratio_line(table, &cells[i], kernel, limit);
    }
    puts("\nHow many times faster than the kernel, and how near the limit (medians of the ratios, "
         "run\n"
         "by run):");
    table_end(table);
}

void bench_print_title(const struct bench_mechanism *m)
{
    static bool again;

    printf("%s%s, %s:\n\n", again ? "\n\n" : "", m->name, m->what);
    again = true;
}

void bench_print_tables(const struct bench_cell *cells, size_t n)
{
    static const char *const columns[] = {"TEST",    ">BYTES",   "MODE",    "CPUS",
                                          "BACKEND", ">P50",     ">P99",    ">P99.9",
                                          ">MSGS/S", ">BYTES/S", ">SPREAD", NULL};
    struct libscols_table *table = table_new(columns);

    for (size_t i = 0; i < n; i++)
        figures_line(table, &cells[i]);
    table_end(table);
    print_ratios(cells, n);
}

static void target_line(struct libscols_table *table, const struct target *t, double ratio,
                        enum target_verdict verdict)
{
    struct libscols_line *line = table_line(table);

    table_set(line, 0, "%s", t->text);
    if (verdict != TARGET_UNKNOWN)
        table_set(line, 1, "%.3f", ratio);
    table_set(line, 2, "%s %g", t->kind == TARGET_AT_MOST ? "at most" : "at least", t->bound);
    table_set(line, 3, "%s", bench_verdict_name(verdict));
    table_colour(line, verdict == TARGET_MET ? "green" : "red");
}

struct bench_tally bench_print_targets(const struct bench_mechanism *m,
                                       const struct bench_cell *cells, size_t n, bool json)
{
    static const char *const columns[] = {"TARGET", ">MEASURED", "BOUND", "VERDICT", NULL};
    struct libscols_table *table = json ? NULL : table_new(columns);
    struct bench_tally tally = {0};
    size_t n_targets;
    const struct target *t = target_list(m, &n_targets);

    for (size_t i = 0; i < n_targets; i++) {
        double ratio;
        enum target_verdict verdict = target_judge(&t[i], cells, n, &ratio);
        tally.met += verdict == TARGET_MET;
        tally.missed += verdict == TARGET_MISSED;
        tally.unknown += verdict == TARGET_UNKNOWN;
        if (json)
            print_object(bench_json_target(m, &t[i], ratio, verdict));
        else
            target_line(table, &t[i], ratio, verdict);
    }
    if (json)
        return tally;
    putchar('\n');
    table_end(table);
    printf("\n%d met, %d missed, %d not measured\n", tally.met, tally.missed, tally.unknown);
    return tally;
}
