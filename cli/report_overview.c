/* SPDX-License-Identifier: MIT */
/*
 * cli/report_overview.c - all kinds in one drawing: how many times faster than the kernel
 *
 * Of each kind Hepta's first back end is taken, and of its cases the first that is about times
 * on different cores, and so on: five figures at most. Where Hepta is slower stands below, of all
 * its back ends and in all cases.
 */
#include "cli/bench_print.h"
#include "cli/report_html.h"
#include "cli/report_page.h"
#include "cli/report_svg.h"

#include <stdlib.h>
#include <string.h>

#define LEFT  74.0
#define RIGHT (SVG_WIDTH - 14)
#define ROW   26.0
#define TOP   6.0
#define SHOWN 10 /* of what is slower; the rest opens */

enum view { TIME_APART, TIME_SAME, SMALL, LARGE, ALONE, N_VIEWS };

/* A mark each, which the table's heads explain; the colours are those of back ends. */
static const struct {
    const char *name, *class;
    enum svg_shape shape;
} views[N_VIEWS] = {
    [TIME_APART] = {"time, two cores", "h0", SVG_CIRCLE},
    [TIME_SAME] = {"time, one core", "k0", SVG_SQUARE},
    [SMALL] = {"rate, small", "h1", SVG_TRIANGLE},
    [LARGE] = {"rate, large", "h2", SVG_DIAMOND},
    [ALONE] = {"time, alone", "k1", SVG_CROSS},
};

static enum view view_of(const struct bench_case *on)
{
    if (!bench_shapes[on->test].n[BENCH_SECOND])
        return ALONE;
    if (bench_shapes[on->test].rate)
        return SMALL;
    return on->cpus == BENCH_APART ? TIME_APART : TIME_SAME;
}

/* The first of each view; of streams also the last size. Rates are those of different cores. */
static void look(const struct bench_part *part, double faster[N_VIEWS])
{
    const struct bench_cell *first = NULL;

    memset(faster, 0, N_VIEWS * sizeof(*faster));
    for (size_t i = 0; i < part->n_asked; i++) {
        const struct bench_cell *cell = &part->cells[i];
        enum view view = view_of(&cell->on);
        bool other = strcmp(cell->backend->name, "hepta") != 0;
        if (other || (view == SMALL && cell->on.cpus != BENCH_APART))
            continue;
        double f = report_faster(part, cell);
        if (view == SMALL && !first)
            first = cell;
        if (view == SMALL && first != cell && first->on.test == cell->on.test &&
            cell->on.bytes > first->on.bytes)
            faster[LARGE] = f;
        if (faster[view] <= 0)
            faster[view] = f;
    }
}

struct overview {
    FILE *out;
    struct svg_scale scale;
    double bottom;
};

static void tick(double value, void *arg)
{
    const struct overview *o = arg;
    double x = svg_at(&o->scale, value);

    svg_line(o->out, value > 0.999 && value < 1.001 ? "even" : "grid", x, TOP, x, o->bottom);
    svg_text(o->out, "tick", "middle", x, o->bottom + 16, "%g ×", value);
}

static void draw_row(const struct overview *o, const struct bench_part *part, double y)
{
    double faster[N_VIEWS];
    char hover[96], text[HTML_FIGURE];

    look(part, faster);
    svg_text(o->out, "label", "start", 2, y + 4, "%s", part->mechanism->name);
    svg_line(o->out, "track", LEFT, y, RIGHT, y);
    for (int v = 0; v < N_VIEWS; v++) {
        if (!(faster[v] > 0))
            continue;
        snprintf(hover, sizeof(hover), "%s, %s: %s ×", part->mechanism->name, views[v].name,
                 html_ratio(text, faster[v]));
        svg_mark(o->out, views[v].shape, views[v].class, svg_at(&o->scale, faster[v]), y, hover);
    }
}

static void draw(FILE *out, const struct report *r)
{
    struct overview o = {.out = out, .bottom = TOP + ROW * r->n};
    double faster[N_VIEWS];

    svg_scale_add(&o.scale, 1);
    for (int i = 0; i < r->n; i++) {
        look(&r->part[i], faster);
        for (int v = 0; v < N_VIEWS; v++)
            svg_scale_add(&o.scale, faster[v]);
    }
    svg_scale_round(&o.scale, LEFT + 8, RIGHT - 8);
    svg_begin(out, o.bottom + 24, "How many times faster than the kernel's, by kind",
              "Ratios on a logarithmic axis with a line at 1; right of it Hepta is faster. The "
              "table has the figures.");
    svg_ticks(&o.scale, tick, &o);
    for (int i = 0; i < r->n; i++)
        draw_row(&o, &r->part[i], TOP + ROW * (i + 0.5));
    svg_end(out);
}

static void table_row(FILE *out, const struct bench_part *part)
{
    double faster[N_VIEWS];
    char text[HTML_FIGURE];

    look(part, faster);
    fprintf(out, "<tr><th scope=\"row\"><a href=\"#kind-%s\">%s</a></th>", part->mechanism->name,
            part->mechanism->name);
    for (int v = 0; v < N_VIEWS; v++) {
        bool known = faster[v] > 0;
        fprintf(out, "<td%s>%s%s</td>", report_is_slower(faster[v]) ? " class=\"bad\"" : "",
                known ? html_ratio(text, faster[v]) : "-", known ? " ×" : "");
    }
    fputs("</tr>\n", out);
}

static void table(FILE *out, const struct report *r)
{
    fputs("<div class=\"scroll\" role=\"region\" tabindex=\"0\" "
          "aria-label=\"Times faster than the kernel's\"><table>\n"
          "<thead><tr><th scope=\"col\">Kind</th>",
          out);
    for (int v = 0; v < N_VIEWS; v++) {
        fputs("<th scope=\"col\"><svg class=\"key\" viewBox=\"0 0 14 14\" aria-hidden=\"true\">",
              out);
        svg_mark(out, views[v].shape, views[v].class, 7, 7, NULL);
        fprintf(out, "</svg><br>%s</th>", views[v].name);
    }
    fputs("</tr></thead>\n<tbody>\n", out);
    for (int i = 0; i < r->n; i++)
        table_row(out, &r->part[i]);
    fputs("</tbody></table></div>\n", out);
}

void report_overview(FILE *out, const struct report *r)
{
    fputs("<section id=\"overview\">\n<h2>Against the kernel</h2>\n"
          "<p>How many times faster Hepta's plain form of each kind is than the kernel's own, or "
          "glibc's; below 1 it is slower. Over a network (tcp, udp) both are the kernel's, so 1 is "
          "all there is to reach. Rates are of the smallest and of the largest messages, on two "
          "cores; alone is one process that does both sides.</p>\n<div class=\"cards\">\n"
          "<section class=\"card\"><figure>\n",
          out);
    draw(out, r);
    fputs("<figcaption>The table has a key to the marks. More is better.</figcaption>\n</figure>"
          "</section>\n<section class=\"card\">\n",
          out);
    table(out, r);
    fputs("</section>\n</div>\n</section>\n", out);
}

struct loss {
    const struct bench_part *part;
    const struct bench_cell *cell;
    double faster;
};

static int worst_first(const void *a, const void *b)
{
    double x = ((const struct loss *)a)->faster, y = ((const struct loss *)b)->faster;

    return (x > y) - (x < y);
}

/* The caller frees. */
static struct loss *find_losses(const struct report *r, size_t *n)
{
    size_t n_cells = 1;

    *n = 0;
    for (int i = 0; i < r->n; i++)
        n_cells += r->part[i].n;
    struct loss *loss = calloc(n_cells, sizeof(*loss));
    for (int i = 0; i < r->n && loss; i++) {
        for (size_t j = 0; j < r->part[i].n; j++) {
            const struct bench_cell *cell = &r->part[i].cells[j];
            double faster = report_is_ours(cell) ? report_faster(&r->part[i], cell) : 0;
            if (report_is_slower(faster))
                loss[(*n)++] = (struct loss){&r->part[i], cell, faster};
        }
    }
    if (loss)
        qsort(loss, *n, sizeof(*loss), worst_first);
    return loss;
}

static void loss_row(FILE *out, const struct loss *l)
{
    const struct bench_case *on = &l->cell->on;
    char text[HTML_FIGURE];

    fputs("<tr><th scope=\"row\">", out);
    html_f(out, "%s: %s", l->part->mechanism->name, l->cell->backend->name);
    fprintf(out, "</th><td class=\"word\">%s</td><td>%s</td>", bench_test_name(on->test),
            on->bytes ? html_size(text, on->bytes) : "-");
    fprintf(out, "<td class=\"word\">%s, %s</td><td class=\"bad\">%.2f ×</td></tr>\n",
            bench_cpus_name(on->cpus), bench_mode_name(on->mode), l->faster);
}

static void loss_table(FILE *out, const struct loss *loss, size_t n, const char *name)
{
    fprintf(out,
            "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"%s\"><table>\n"
            "<thead><tr><th scope=\"col\">Kind: back end</th>"
            "<th scope=\"col\" class=\"word\">Test</th><th scope=\"col\">Size</th>"
            "<th scope=\"col\" class=\"word\">Cores, mode</th>"
            "<th scope=\"col\">Times the kernel's speed</th></tr></thead>\n<tbody>\n",
            name);
    for (size_t i = 0; i < n; i++)
        loss_row(out, &loss[i]);
    fputs("</tbody></table></div>\n", out);
}

void report_losses(FILE *out, const struct report *r)
{
    size_t n, first;
    struct loss *loss = find_losses(r, &n);

    first = n < SHOWN ? n : SHOWN;
    fputs("<section id=\"losses\">\n<h2>Where Hepta is slower than the kernel</h2>\n<p>", out);
    if (n)
        fprintf(out, "The worst first, of %zu rows.", n);
    else
        fputs("In none of the cases that were measured.", out);
    fputs(r->q->narrowed ? "</p>\n"
                         : " Promises that were missed are <a href=\"#promises\">with the "
                           "promises</a>.</p>\n",
          out);
    if (n)
        loss_table(out, loss, first, "Where Hepta is slower");
    if (n > first) {
        fprintf(out, "<details>\n<summary>%zu more</summary>\n", n - first);
        loss_table(out, loss + first, n - first, "Where Hepta is slower, the rest");
        fputs("</details>\n", out);
    }
    fputs("</section>\n", out);
    free(loss);
}
