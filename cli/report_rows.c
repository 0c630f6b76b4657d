/* SPDX-License-Identifier: MIT */
/*
 * cli/report_rows.c - a drawing with a row for each back end
 *
 * Of times a row has a line from the median to the 99.9th percentile, of rates one mark: a bar
 * would have no beginning on a logarithmic axis. Names and figures stand above it: long names
 * would take half of a phone's width.
 */
#include "cli/report_html.h"
#include "cli/report_page.h"
#include "cli/report_svg.h"

#include <string.h>

#define LEFT  12.0
#define RIGHT (SVG_WIDTH - 16)
#define ROW   40.0
#define FOOT  26.0

#define CHARACTER 7.5 /* of a tick's label; wide enough for most fonts */

struct axis {
    FILE *out;
    struct svg_scale scale;
    double bottom;
    bool rate;
    double labelled; /* where the last label ends */
};

/* The same for both placements, so that they can be compared. */
static struct svg_scale scale_of(const struct report_group *g)
{
    struct svg_scale s = {0};

    for (size_t i = 0; i < g->part->n_asked; i++) {
        const struct bench_cell *cell = &g->part->cells[i];
        if (cell->on.test != g->test || cell->status != BENCH_OK)
            continue;
        struct bench_sample m = bench_median(cell);
        if (bench_shapes[g->test].rate) {
            svg_scale_add(&s, m.msgs_per_s);
        } else {
            svg_scale_add(&s, m.p50_ns);
            svg_scale_add(&s, m.p999_ns);
        }
    }
    svg_scale_round(&s, LEFT, RIGHT);
    return s;
}

/* A label that would touch the one before is left out. Those at the ends stay inside. */
static void tick_label(struct axis *axis, double x, const char *text)
{
    double half = CHARACTER * (double)strlen(text) / 2;

    if (x - half < 2)
        x = 2 + half;
    if (x + half > SVG_WIDTH - 2)
        x = SVG_WIDTH - 2 - half;
    if (x - half < axis->labelled + CHARACTER)
        return;
    axis->labelled = x + half;
    svg_text(axis->out, "tick", "middle", x, axis->bottom + 16, "%s", text);
}

static void tick(double value, void *arg)
{
    struct axis *axis = arg;
    double x = svg_at(&axis->scale, value);
    char text[HTML_FIGURE];

    if (axis->rate)
        html_rate(text, value);
    else
        html_time(text, value);
    svg_line(axis->out, "grid", x, 4, x, axis->bottom);
    tick_label(axis, x, html_tick(text));
}

static void draw_times(const struct axis *axis, const struct report_look *look, double y,
                       const struct bench_sample *m)
{
    double x = svg_at(&axis->scale, m->p50_ns);
    char p50[HTML_FIGURE], p99[HTML_FIGURE], p999[HTML_FIGURE], line[16];

    html_time(p50, m->p50_ns);
    html_time(p99, m->p99_ns);
    html_time(p999, m->p999_ns);
    svg_text(axis->out, "value", "end", RIGHT + 12, y + 14, "%s · %s · %s", p50, p99, p999);
    snprintf(line, sizeof(line), "range %s", look->class);
    svg_line(axis->out, line, x, y + 27, svg_at(&axis->scale, m->p999_ns), y + 27);
    svg_mark(axis->out, SVG_TICK, look->class, svg_at(&axis->scale, m->p99_ns), y + 27, p99);
    snprintf(line, sizeof(line), "hollow %s", look->class);
    svg_mark(axis->out, SVG_CIRCLE, line, svg_at(&axis->scale, m->p999_ns), y + 27, p999);
    svg_mark(axis->out, (enum svg_shape)look->shape, look->class, x, y + 27, p50);
}

static void draw_rate(const struct axis *axis, const struct report_look *look, double y,
                      const struct bench_sample *m)
{
    char text[HTML_FIGURE];

    html_rate(text, m->msgs_per_s);
    svg_text(axis->out, "value", "end", RIGHT + 12, y + 14, "%s", text);
    svg_mark(axis->out, (enum svg_shape)look->shape, look->class,
             svg_at(&axis->scale, m->msgs_per_s), y + 27, text);
}

static void draw_row(const struct axis *axis, const struct report_group *g,
                     const struct bench_cell *cell, double y)
{
    struct report_look look = report_look(g->part->mechanism, cell->backend->name);
    struct bench_sample m = bench_median(cell);
    char label[REPORT_LABEL];

    svg_text(axis->out, "label", "start", 2, y + 14, "%s", report_label(label, g, cell));
    svg_line(axis->out, "track", LEFT, y + 27, RIGHT, y + 27);
    if (cell->status != BENCH_OK)
        svg_text(axis->out, "value", "end", RIGHT + 12, y + 14, "%s",
                 bench_status_name(cell->status));
    else if (axis->rate)
        draw_rate(axis, &look, y, &m);
    else
        draw_times(axis, &look, y, &m);
}

void report_rows_plot(FILE *out, const struct report_group *g)
{
    struct axis axis = {.out = out,
                        .scale = scale_of(g),
                        .bottom = 6 + ROW * g->n,
                        .rate = bench_shapes[g->test].rate,
                        .labelled = -CHARACTER};
    char on[REPORT_LABEL], title[160];

    snprintf(title, sizeof(title), "%s %s, %s", g->part->mechanism->name,
             report_test_title(g->test), report_case(on, g));
    svg_begin(out, axis.bottom + FOOT, title,
              axis.rate ? "Rates on a logarithmic axis, a row for each; more is better. The table "
                          "has the figures."
                        : "Percentiles of times on a logarithmic axis, a row for each; less is "
                          "better. The table has the figures.");
    svg_ticks(&axis.scale, tick, &axis);
    for (int i = 0; i < g->n; i++)
        draw_row(&axis, g, g->cell[i], 6 + ROW * i);
    svg_end(out);
    fputs(axis.rate ? "<figcaption>A second; more is better.</figcaption>\n"
                    : "<figcaption>Filled mark: median; bar: 99 %; ring: 99.9 % of the times are "
                      "shorter. Less is better.</figcaption>\n",
          out);
}
