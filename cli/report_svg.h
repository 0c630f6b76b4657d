/* SPDX-License-Identifier: MIT */
/*
 * cli/report_svg.h - drawings inside a page: lines, texts, marks, logarithmic axes
 *
 * Colours come from the page's style by class, so that a drawing follows light and dark. The
 * unit is a pixel of a phone's width: drawings are SVG_WIDTH wide and are scaled by the page.
 */
#ifndef CLI_REPORT_SVG_H
#define CLI_REPORT_SVG_H

#include <stdio.h>

#define SVG_WIDTH 400.0

/* @title and @desc are what is read to those who don't see it. */
void svg_begin(FILE *out, double height, const char *title, const char *desc);
void svg_end(FILE *out);

void svg_line(FILE *out, const char *class, double x1, double y1, double x2, double y2);
/* @anchor: "start", "middle", "end" */
void svg_text(FILE *out, const char *class, const char *anchor, double x, double y,
              const char *form, ...) __attribute__((format(printf, 6, 7)));

enum svg_shape {
    SVG_CIRCLE,
    SVG_SQUARE,
    SVG_TRIANGLE,
    SVG_DIAMOND,
    SVG_CROSS,
    SVG_TICK,
};

/* Around a point, of the colour of the class, and named by a hover's text. */
void svg_mark(FILE *out, enum svg_shape shape, const char *class, double x, double y,
              const char *hover);

/* A logarithmic axis from value @from at pixel @a to @to at @b. */
struct svg_scale {
    double from, to, a, b;
};

/* Takes a value in; begins empty as {0}. Values up to 0 don't count. */
void svg_scale_add(struct svg_scale *s, double value);
/* Widens it to ends that are easy to read, and gives it its pixels. */
void svg_scale_round(struct svg_scale *s, double a, double b);
double svg_at(const struct svg_scale *s, double value);
/* Calls for each tick: 1, 10, 100; of a short axis 2 and 5 of each, too. */
void svg_ticks(const struct svg_scale *s, void (*tick)(double value, void *arg), void *arg);

#endif
