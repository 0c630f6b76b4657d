/* SPDX-License-Identifier: MIT */
/*
 * cli/report.h - the results of `hepta bench` as one page
 *
 * The page needs nothing else: no network, no script; drawings are inline SVG. Everything that a
 * drawing shows stands in a table beside it, and all raw figures are at the end, for people and
 * as JSON. Start reading at report_write() in report.c.
 */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include "cli/bench_rows.h"

/* Times a second that are told; a quiet machine's own threads come to a few. */
#define BENCH_DISTURBED 50

struct report_facts;

struct report {
    const struct bench_request *q;
    const struct bench_part *part;
    int n;
    const struct report_facts *facts;
    double disturbed_per_s; /* at worst */
};

/* Before measuring, which takes minutes: 0, or a negative errno if @file can't be written. */
int report_try(const char *file);
/* 0, or a negative errno: the page is incomplete. */
int report_write(const char *file, const struct report *r);

/* What is known of the machine and of this run. */
#define REPORT_FACTS_MAX 32

struct report_facts {
    struct {
        const char *name;
        char *text;
    } fact[REPORT_FACTS_MAX];
    int n;
    long long start_ticks[3]; /* of all cpus: busy, stolen, all */
};

/* The verb and what follows it, before anything has reordered it; for free(). */
char *report_command(char *const *argv);
/* Before measuring. */
void report_facts_begin(struct report_facts *f, const char *command);
/* What only the end of the run tells. */
void report_facts_end(struct report_facts *f, double seconds, double disturbed_per_s);
void report_facts_free(struct report_facts *f);

#endif
