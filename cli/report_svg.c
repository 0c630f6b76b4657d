/* SPDX-License-Identifier: MIT */
/* cli/report_svg.c - see report_svg.h */
#include "cli/report_svg.h"

#include "cli/report_html.h"

#include <math.h>
#include <stdarg.h>

void svg_begin(FILE *out, double height, const char *title, const char *desc)
{
    static unsigned n;

    n++;
    fprintf(out,
            "<svg viewBox=\"0 0 %g %g\" role=\"img\" aria-labelledby=\"t%u d%u\">\n"
            "<title id=\"t%u\">",
            SVG_WIDTH, height, n, n, n);
    html_text(out, title);
    fprintf(out, "</title>\n<desc id=\"d%u\">", n);
    html_text(out, desc);
    fputs("</desc>\n", out);
}

void svg_end(FILE *out)
{
    fputs("</svg>\n", out);
}

void svg_line(FILE *out, const char *class, double x1, double y1, double x2, double y2)
{
    fprintf(out, "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", class,
            x1, y1, x2, y2);
}

void svg_text(FILE *out, const char *class, const char *anchor, double x, double y,
              const char *form, ...)
{
    char text[256];
    va_list args;

    va_start(args, form);
    vsnprintf(text, sizeof(text), form, args);
    va_end(args);
    fprintf(out, "<text class=\"%s\" text-anchor=\"%s\" x=\"%.1f\" y=\"%.1f\">", class, anchor, x,
            y);
    html_text(out, text);
    fputs("</text>\n", out);
}

void svg_mark(FILE *out, enum svg_shape shape, const char *class, double x, double y,
              const char *hover)
{
    /* Around 0; of about the same area. */
    static const char *const paths[] = {
        [SVG_CIRCLE] = "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z",
        [SVG_SQUARE] = "M-4 -4h8v8h-8z",
        [SVG_TRIANGLE] = "M0 -5.4L5.2 3.8H-5.2z",
        [SVG_DIAMOND] = "M0 -5.6L5.6 0L0 5.6L-5.6 0z",
        [SVG_CROSS] = "M-4 -4L4 4M4 -4L-4 4",
        [SVG_TICK] = "M0 -6V6",
    };

    fprintf(out, "<path class=\"mark %s\" transform=\"translate(%.1f %.1f)\" d=\"%s\">", class, x,
            y, paths[shape]);
    if (hover) {
        fputs("<title>", out);
        html_text(out, hover);
        fputs("</title>", out);
    }
    fputs("</path>\n", out);
}

void svg_scale_add(struct svg_scale *s, double value)
{
    if (!(value > 0))
        return;
    if (!(s->from > 0) || value < s->from)
        s->from = value;
    if (value > s->to)
        s->to = value;
}

/* The next of 1, 2, 5, 10 ... below or above @value. */
static double neighbour(double value, int above)
{
    static const double steps[] = {1, 2, 5, 10};
    double decade = pow(10, floor(log10(value)));

    for (int i = 0; i < 4; i++) {
        int n = above ? i : 3 - i;
        if (above ? steps[n] * decade >= value : steps[n] * decade <= value)
            return steps[n] * decade;
    }
    return value;
}

/* A little room beyond the outermost values, which would lie on the edge. */
void svg_scale_round(struct svg_scale *s, double a, double b)
{
    if (!(s->from > 0))
        s->from = s->to = 1;
    s->from = neighbour(s->from / 1.1, 0);
    s->to = neighbour(s->to * 1.1, 1);
    s->a = a;
    s->b = b;
}

double svg_at(const struct svg_scale *s, double value)
{
    return s->a + (s->b - s->a) * log(value / s->from) / log(s->to / s->from);
}

void svg_ticks(const struct svg_scale *s, void (*tick)(double value, void *arg), void *arg)
{
    static const double steps[] = {1, 2, 5};
    double decades = log10(s->to / s->from);
    int n = decades <= 2.1 ? 3 : 1;
    int every = decades > 6.5 ? 2 : 1; /* labels need their room */

    for (int e = (int)floor(log10(s->from) + 1e-9); e <= (int)ceil(log10(s->to)); e++) {
        for (int i = 0; i < n && e % every == 0; i++) {
            double value = steps[i] * pow(10, e);
            if (value >= s->from * 0.999 && value <= s->to * 1.001)
                tick(value, arg);
        }
    }
}
