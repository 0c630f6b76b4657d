/* SPDX-License-Identifier: MIT */
/*
 * cli/report_lines.c - a drawing of throughput over the size of the message
 *
 * Both axes are logarithmic. Lines differ in colour, in the shape of their marks, and the
 * kernel's are dashed; the legend is a list below, which breaks where the page is narrow.
 */
#include "cli/report_html.h"
#include "cli/report_page.h"
#include "cli/report_svg.h"

#include <string.h>

#define LEFT   70.0
#define RIGHT  (SVG_WIDTH - 22)
#define TOP    12.0
#define BOTTOM 252.0
#define HEIGHT 296.0

struct plot {
    FILE *out;
    const struct report_group *g;
    struct svg_scale x, y;
};

static double rate(const struct bench_cell *cell)
{
    return bench_median(cell).msgs_per_s * (double)cell->on.bytes;
}

static void scales(struct plot *p)
{
    const struct report_group *g = p->g;

    for (size_t i = 0; i < g->part->n_asked; i++)
        if (g->part->cells[i].on.test == g->test && g->part->cells[i].status == BENCH_OK)
            svg_scale_add(&p->y, rate(&g->part->cells[i]));
    svg_scale_round(&p->y, BOTTOM, TOP);
    for (int i = 0; i < g->n_bytes; i++)
        svg_scale_add(&p->x, (double)g->bytes[i]);
    p->x.a = LEFT + 14;
    p->x.b = RIGHT - 6;
}

static void rate_tick(double value, void *arg)
{
    const struct plot *p = arg;
    double y = svg_at(&p->y, value);
    char text[HTML_FIGURE];

    html_bytes_rate(text, value);
    svg_line(p->out, "grid", LEFT, y, RIGHT, y);
    svg_text(p->out, "tick", "end", LEFT - 6, y + 4, "%s", html_tick(text));
}

/* Labels that would touch the one before are left out. */
static void size_ticks(const struct plot *p)
{
    double last = -100;

    for (int i = 0; i < p->g->n_bytes; i++) {
        double x = svg_at(&p->x, (double)p->g->bytes[i]);
        char text[HTML_FIGURE];
        svg_line(p->out, "grid", x, TOP, x, BOTTOM + 4);
        if (x - last < 46)
            continue;
        svg_text(p->out, "tick", "middle", x, BOTTOM + 19, "%s",
                 html_size(text, p->g->bytes[i]));
        last = x;
    }
    svg_text(p->out, "tick", "middle", (LEFT + RIGHT) / 2, BOTTOM + 38, "size of a message");
}

static const struct bench_cell *next_of(const struct report_group *g, const char *backend, int *i)
{
    for (; *i < g->n; (*i)++)
        if (!strcmp(g->cell[*i]->backend->name, backend) && g->cell[*i]->status == BENCH_OK)
            return g->cell[(*i)++];
    return NULL;
}

/* Sizes come in the order in which they were asked for. */
static void draw_line(const struct plot *p, const char *backend)
{
    struct report_look look = report_look(p->g->part->mechanism, backend);
    const struct bench_cell *cell, *last = NULL;
    char class[16], hover[128], size[HTML_FIGURE], text[HTML_FIGURE];

    snprintf(class, sizeof(class), "series %s", look.class);
    for (int i = 0; (cell = next_of(p->g, backend, &i)); last = cell)
        if (last)
            svg_line(p->out, class, svg_at(&p->x, (double)last->on.bytes),
                     svg_at(&p->y, rate(last)), svg_at(&p->x, (double)cell->on.bytes),
                     svg_at(&p->y, rate(cell)));
    for (int i = 0; (cell = next_of(p->g, backend, &i));) {
        snprintf(hover, sizeof(hover), "%s, %s: %s", backend, html_size(size, cell->on.bytes),
                 html_bytes_rate(text, rate(cell)));
        svg_mark(p->out, (enum svg_shape)look.shape, look.class,
                 svg_at(&p->x, (double)cell->on.bytes), svg_at(&p->y, rate(cell)), hover);
    }
}

static bool is_first(const struct report_group *g, int i)
{
    for (int j = 0; j < i; j++)
        if (!strcmp(g->cell[j]->backend->name, g->cell[i]->backend->name))
            return false;
    return true;
}

static void legend(const struct plot *p)
{
    fputs("<ul class=\"legend\">\n", p->out);
    for (int i = 0; i < p->g->n; i++) {
        const char *name = p->g->cell[i]->backend->name;
        struct report_look look = report_look(p->g->part->mechanism, name);
        if (!is_first(p->g, i))
            continue;
        fputs("<li><svg class=\"key\" viewBox=\"0 0 30 14\" aria-hidden=\"true\">", p->out);
        fprintf(p->out, "<line class=\"series %s\" x1=\"0\" y1=\"7\" x2=\"30\" y2=\"7\"/>",
                look.class);
        svg_mark(p->out, (enum svg_shape)look.shape, look.class, 15, 7, NULL);
        fputs("</svg>", p->out);
        html_text(p->out, name);
        fputs("</li>\n", p->out);
    }
    fputs("</ul>\n", p->out);
}

void report_lines_plot(FILE *out, const struct report_group *g)
{
    struct plot p = {.out = out, .g = g};
    char on[REPORT_LABEL], title[160];

    scales(&p);
    snprintf(title, sizeof(title), "%s %s, %s", g->part->mechanism->name,
             report_test_title(g->test), report_case(on, g));
    svg_begin(out, HEIGHT, title,
              "Bytes a second over the size of a message, both on logarithmic axes; more is "
              "better. The table has the figures.");
    svg_ticks(&p.y, rate_tick, &p);
    size_ticks(&p);
    /* Hepta's lines above the others, the first one on top. */
    for (int i = g->n - 1; i >= 0; i--)
        if (is_first(g, i))
            draw_line(&p, g->cell[i]->backend->name);
    svg_end(out);
    fputs("<figcaption>Bytes a second; more is better.", out);
    legend(&p);
    fputs("</figcaption>\n", out);
}
