/* SPDX-License-Identifier: MIT */
/* cli/report_page.h - what the parts of a report share */
#ifndef CLI_REPORT_PAGE_H
#define CLI_REPORT_PAGE_H

#include "cli/report.h"

#include <stdio.h>

struct json_object;

/* How a back end looks in all drawings: the class has its colour, and it has a shape, too. */
struct report_look {
    char class[8];
    int shape; /* enum svg_shape */
};

struct report_look report_look(const struct bench_mechanism *m, const char *backend);

/* What one drawing shows: cells of one test on the same, or on different, cores. */
#define REPORT_GROUP_MAX 256

struct report_group {
    const struct bench_part *part;
    enum bench_test test;
    enum bench_mode mode;
    enum bench_cpus cpus;
    const struct bench_cell *cell[REPORT_GROUP_MAX];
    int n;
    size_t bytes[BENCH_SIZES_MAX]; /* the sizes that occur */
    int n_bytes;
};

/* Empty if there is none. */
void report_group(struct report_group *g, const struct bench_part *part, enum bench_test test,
                  enum bench_cpus cpus);
/* Whether it is drawn over the size of the message. */
bool report_over_size(const struct report_group *g);
/* "hepta", or where there are several of the name "hepta, 4 KiB". */
#define REPORT_LABEL 64
const char *report_label(char text[REPORT_LABEL], const struct report_group *g,
                         const struct bench_cell *cell);
const char *report_test_title(enum bench_test test);
/* "64 B, different cores, adaptive" */
const char *report_case(char text[REPORT_LABEL], const struct report_group *g);

/* How many times faster than its rival @cell is, 0 if that isn't known. */
double report_faster(const struct bench_part *part, const struct bench_cell *cell);
/* By what can be read: 0.996 is shown, and counts, as 1.0. */
bool report_is_slower(double faster);
bool report_is_ours(const struct bench_cell *cell);

/* The drawing, and what its marks mean. */
void report_rows_plot(FILE *out, const struct report_group *g);
void report_lines_plot(FILE *out, const struct report_group *g);
/* The table beside it. */
void report_group_table(FILE *out, const struct report_group *g);

void report_style(FILE *out);
void report_overview(FILE *out, const struct report *r);
void report_losses(FILE *out, const struct report *r);
void report_kinds(FILE *out, const struct report *r);
void report_promises(FILE *out, const struct report *r);
void report_machine(FILE *out, const struct report_facts *f);
/* All cells, as an array of objects: the same text in both. */
void report_raw(FILE *out, struct json_object *cells);

#endif
