/* SPDX-License-Identifier: MIT */
/*
 * cli/report.c - see report.h
 *
 * The page in its order: what was measured and how it went, all kinds against the kernel, where
 * they lose, each kind, the promises, the machine, the raw figures. Each part has a file of its
 * own.
 */
#define _GNU_SOURCE
#include "cli/report.h"

#include "bench/targets.h"
#include "cli/bench_json.h"
#include "cli/report_html.h"
#include "cli/report_page.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <string.h>
#include <unistd.h>

static void tally(const struct report *r, int of[3])
{
    for (int i = 0; i < r->n; i++) {
        const struct bench_part *part = &r->part[i];
        size_t n;
        double ratio;
        const struct target *t = target_list(part->mechanism, &n);
        for (size_t j = 0; j < n && !r->q->narrowed; j++)
            of[target_judge(&t[j], part->cells, part->n, &ratio)]++;
    }
}

static void summary(FILE *out, const struct report *r)
{
    int of[3] = {0};
    size_t n = 0, bad = 0;

    tally(r, of);
    for (int i = 0; i < r->n; i++) {
        n += r->part[i].n;
        for (size_t j = 0; j < r->part[i].n; j++)
            bad += r->part[i].cells[j].status != BENCH_OK;
    }
    fprintf(out, "<p>%zu rows, each measured up to %d times for %g s at most; medians are shown.",
            n, (int)r->q->runs, r->q->seconds);
    if (bad)
        fprintf(out, " <strong class=\"bad\">Rows that couldn't be measured: %zu.</strong>", bad);
    if (of[0] + of[1] + of[2] > 0)
        fprintf(out,
                " Of %d <a href=\"#promises\">promised ratios</a> <strong>%d are met, %d "
                "missed</strong>, %d not measured.",
                of[0] + of[1] + of[2], of[TARGET_MET], of[TARGET_MISSED], of[TARGET_UNKNOWN]);
    fputs("</p>\n", out);
    if (r->disturbed_per_s > BENCH_DISTURBED)
        fprintf(out,
                "<p class=\"note\">Other programs took the processors away up to %.0f times a "
                "second: the machine wasn't quiet, and the figures are not worth much.</p>\n",
                r->disturbed_per_s);
    fputs("<p>Times are one way, half of a round trip; of both operations where one process does "
          "them. Rivals run in turns, so ratios are worth more than figures: a machine has its "
          "moods. <em>limit</em> is what the hardware allows: a bare cache line that bounces, a "
          "hand-tuned ring without any guarantee.</p>\n",
          out);
}

static const char *fact(const struct report_facts *f, const char *name)
{
    for (int i = 0; i < f->n; i++)
        if (!strcmp(f->fact[i].name, name))
            return f->fact[i].text;
    return "";
}

static void head(FILE *out, const struct report *r)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
          "<title>hepta bench: ",
          out);
    html_text(out, fact(r->facts, "Date"));
    fputs("</title>\n", out);
    report_style(out);
    fputs("</head>\n<body>\n<header>\n<h1>Inter-process communication, measured</h1>\n<p>", out);
    html_f(out, "%s. %s.", fact(r->facts, "CPU"), fact(r->facts, "Date"));
    fputs("</p>\n</header>\n<nav aria-label=\"Contents\"><ul>\n"
          "<li><a href=\"#overview\">Against the kernel</a></li>\n"
          "<li><a href=\"#losses\">Where Hepta is slower</a></li>\n",
          out);
    for (int i = 0; i < r->n; i++)
        fprintf(out, "<li><a href=\"#kind-%s\">%s</a></li>\n", r->part[i].mechanism->name,
                r->part[i].mechanism->name);
    fputs("<li><a href=\"#promises\">Promised ratios</a></li>\n"
          "<li><a href=\"#machine\">The machine</a></li>\n"
          "<li><a href=\"#raw\">Raw figures</a></li>\n</ul></nav>\n",
          out);
}

static struct json_object *all_cells(const struct report *r)
{
    struct json_object *cells = json_object_new_array();

    for (int i = 0; i < r->n; i++)
        for (size_t j = 0; j < r->part[i].n; j++)
            json_object_array_add(cells, bench_json_cell(r->part[i].mechanism,
                                                         &r->part[i].cells[j]));
    return cells;
}

static struct json_object *all_targets(const struct report *r)
{
    struct json_object *targets = json_object_new_array();

    for (int i = 0; i < r->n && !r->q->narrowed; i++) {
        const struct bench_part *part = &r->part[i];
        size_t n;
        double ratio;
        const struct target *t = target_list(part->mechanism, &n);
        for (size_t j = 0; j < n; j++) {
            enum target_verdict verdict = target_judge(&t[j], part->cells, part->n, &ratio);
            json_object_array_add(targets,
                                  bench_json_target(part->mechanism, &t[j], ratio, verdict));
        }
    }
    return targets;
}

static void raw(FILE *out, const struct report *r)
{
    struct json_object *all = json_object_new_object(), *machine = json_object_new_object();
    struct json_object *cells = all_cells(r);

    for (int i = 0; i < r->facts->n; i++)
        json_object_object_add(machine, r->facts->fact[i].name,
                               json_object_new_string(r->facts->fact[i].text));
    json_object_object_add(all, "machine", machine);
    json_object_object_add(all, "cells", cells);
    json_object_object_add(all, "targets", all_targets(r));
    report_raw(out, cells);
    fputs("<script type=\"application/json\" id=\"figures\">", out);
    html_json(out, json_object_to_json_string_ext(all, BENCH_JSON_FORM));
    fputs("</script>\n", out);
    json_object_put(all);
}

static void page(FILE *out, const struct report *r)
{
    head(out, r);
    fputs("<main>\n", out);
    summary(out, r);
    report_overview(out, r);
    report_losses(out, r);
    report_kinds(out, r);
    report_promises(out, r);
    report_machine(out, r->facts);
    raw(out, r);
    fputs("</main>\n<footer><p>Made by <code>hepta bench --report</code>.</p></footer>\n"
          "</body>\n</html>\n",
          out);
}

/* What wasn't there isn't there afterwards either: the run may be ended before its end. */
int report_try(const char *file)
{
    bool there = !access(file, F_OK);
    int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);

    if (fd < 0)
        return -errno;
    close(fd);
    if (!there)
        unlink(file);
    return 0;
}

int report_write(const char *file, const struct report *r)
{
    FILE *out = fopen(file, "we");

    if (!out)
        return -errno;
    errno = 0;
    page(out, r);
    int rc = ferror(out) ? (errno ? -errno : -EIO) : 0;
    if (fclose(out) && !rc)
        rc = -errno;
    return rc;
}
