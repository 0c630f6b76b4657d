/* SPDX-License-Identifier: MIT */
/*
 * cli/report_promises.c - the kinds one after the other, and the promised ratios with verdicts
 *
 * Beside each ratio a small bar shows on which side of its bound it lies, and how far.
 */
#include "bench/targets.h"
#include "cli/bench_json.h"
#include "cli/report_html.h"
#include "cli/report_page.h"

#include <math.h>

static void draw_group(FILE *out, const struct report_group *g)
{
    char text[REPORT_LABEL];

    fprintf(out, "<section class=\"card\">\n<h3>%s</h3>\n<p class=\"on\">",
            report_test_title(g->test));
    html_text(out, report_case(text, g));
    fputs("</p>\n<figure>\n", out);
    if (report_over_size(g))
        report_lines_plot(out, g);
    else
        report_rows_plot(out, g);
    fputs("</figure>\n", out);
    report_group_table(out, g);
    fputs("</section>\n", out);
}

/* Of tests with two sides both placements stand beside each other. */
static void draw_tests(FILE *out, const struct bench_part *part, bool alone)
{
    struct report_group g;

    for (int test = 0; test < BENCH_N_TESTS; test++) {
        if (alone == (bench_shapes[test].n[BENCH_SECOND] > 0))
            continue;
        for (int cpus = BENCH_APART; cpus >= BENCH_SAME; cpus--) {
            report_group(&g, part, (enum bench_test)test, (enum bench_cpus)cpus);
            if (g.n > 0)
                draw_group(out, &g);
        }
    }
}

static void kind(FILE *out, const struct bench_part *part)
{
    const struct bench_mechanism *m = part->mechanism;

    fprintf(out, "<section id=\"kind-%s\">\n<h2>%s <span class=\"what\">", m->name, m->name);
    html_text(out, m->what);
    fputs("</span></h2>\n<div class=\"cards\">\n", out);
    draw_tests(out, part, false);
    draw_tests(out, part, true);
    fputs("</div>\n</section>\n", out);
}

void report_kinds(FILE *out, const struct report *r)
{
    for (int i = 0; i < r->n; i++)
        kind(out, &r->part[i]);
}

/* The bound is in the middle, better is right: each side is a factor of ten. */
static void draw_margin(FILE *out, const struct target *t, double ratio, bool met)
{
    double better = log10(ratio / t->bound) * (t->kind == TARGET_AT_MOST ? -1 : 1);
    double x = 50 + 46 * fmax(-1, fmin(1, better));

    fputs("<svg class=\"margin\" viewBox=\"0 0 100 14\" aria-hidden=\"true\">"
          "<line class=\"track\" x1=\"2\" y1=\"7\" x2=\"98\" y2=\"7\"/>",
          out);
    fprintf(out,
            "<line class=\"range %s\" x1=\"50\" y1=\"7\" x2=\"%.1f\" y2=\"7\"/>"
            "<line class=\"bound\" x1=\"50\" y1=\"1\" x2=\"50\" y2=\"13\"/></svg>",
            met ? "met" : "missed", x);
}

/* Near the bound each digit counts. */
static void ratio_cell(FILE *out, double ratio)
{
    if (ratio > 0)
        fprintf(out, "<td>%.*f</td>", ratio >= 100 ? 0 : ratio >= 10 ? 1 : 2, ratio);
    else
        fputs("<td>-</td>", out);
}

static void promise(FILE *out, const struct bench_part *part, const struct target *t)
{
    double ratio;
    enum target_verdict verdict = target_judge(t, part->cells, part->n, &ratio);

    fputs("<tr><th scope=\"row\">", out);
    html_text(out, t->text);
    fputs("</th>", out);
    ratio_cell(out, ratio);
    fprintf(out, "<td>%s&nbsp;%g</td>",
            t->kind == TARGET_AT_MOST ? "≤" : "≥", t->bound);
    fputs("<td class=\"wide\">", out);
    if (verdict != TARGET_UNKNOWN)
        draw_margin(out, t, ratio, verdict == TARGET_MET);
    fprintf(out, "</td><td class=\"word %s\">%s&nbsp;%s</td></tr>\n",
            verdict == TARGET_MET ? "good" : "bad",
            verdict == TARGET_MET      ? "✓"
            : verdict == TARGET_MISSED ? "✗"
                                       : "–",
            bench_verdict_name(verdict));
}

static void promises_of(FILE *out, const struct bench_part *part)
{
    size_t n;
    const struct target *t = target_list(part->mechanism, &n);

    if (n == 0)
        return;
    fprintf(out, "<tbody>\n<tr><th scope=\"rowgroup\" colspan=\"5\" class=\"kind\">%s</th></tr>\n",
            part->mechanism->name);
    for (size_t i = 0; i < n; i++)
        promise(out, part, &t[i]);
    fputs("</tbody>\n", out);
}

void report_promises(FILE *out, const struct report *r)
{
    fputs("<section id=\"promises\">\n<h2>Promised ratios</h2>\n", out);
    if (r->q->narrowed) {
        fputs("<p>Not measured, since the command line chose other rows.</p>\n</section>\n", out);
        return;
    }
    fputs("<p>What the library promises of its speed: ratios of two figures of one run, medians "
          "over the runs. In the bars the bound is in the middle, better is to the right, and a "
          "side is a factor of ten.</p>\n"
          "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Promised ratios\">"
          "<table class=\"promises\">\n<thead><tr><th scope=\"col\">Ratio</th>"
          "<th scope=\"col\">Measured</th><th scope=\"col\">Bound</th>"
          "<th scope=\"col\" class=\"wide\">Margin</th>"
          "<th scope=\"col\" class=\"word\">Verdict</th></tr></thead>\n",
          out);
    for (int i = 0; i < r->n; i++)
        promises_of(out, &r->part[i]);
    fputs("</table></div>\n</section>\n", out);
}
