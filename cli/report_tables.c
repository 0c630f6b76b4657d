/* SPDX-License-Identifier: MIT */
/* cli/report_tables.c - the tables beside the drawings, and that of all raw figures */
#include "cli/bench_print.h"
#include "cli/report_html.h"
#include "cli/report_page.h"

#include <json-c/json.h>
#include <string.h>

static void cell_f(FILE *out, const char *text)
{
    fputs("<td>", out);
    html_text(out, text);
    fputs("</td>", out);
}

/* "12 ×", or nothing where there is no rival; slower than that is told by more than colour. */
static void faster_cell(FILE *out, double faster)
{
    char text[HTML_FIGURE];

    if (!(faster > 0))
        fputs("<td></td>", out);
    else
        fprintf(out, "<td%s>%s ×</td>", report_is_slower(faster) ? " class=\"bad\"" : "",
                html_ratio(text, faster));
}

/* Across the columns that have no figures. */
static bool failed(FILE *out, const struct bench_cell *cell, int columns)
{
    if (cell->status == BENCH_OK)
        return false;
    fprintf(out, "<td class=\"bad why\" colspan=\"%d\">", columns);
    html_f(out, "%s: %s", bench_status_name(cell->status), cell->why);
    fputs("</td>", out);
    return true;
}

static void row_head(FILE *out, const char *text)
{
    fputs("<tr><th scope=\"row\">", out);
    html_text(out, text);
    fputs("</th>", out);
}

static void row(FILE *out, const struct report_group *g, const struct bench_cell *cell)
{
    char label[REPORT_LABEL], text[HTML_FIGURE];
    struct bench_sample m = bench_median(cell);
    bool rate = bench_shapes[g->test].rate, sized = cell->on.bytes > 0;

    row_head(out, report_label(label, g, cell));
    if (!failed(out, cell, rate ? 2 + sized : 4)) {
        cell_f(out, rate ? html_rate(text, m.msgs_per_s) : html_time(text, m.p50_ns));
        if (rate && sized) {
            cell_f(out, html_bytes_rate(text, m.msgs_per_s * (double)cell->on.bytes));
        } else if (!rate) {
            cell_f(out, html_time(text, m.p99_ns));
            cell_f(out, html_time(text, m.p999_ns));
        }
        faster_cell(out, report_faster(g->part, cell));
    }
    fputs("</tr>\n", out);
}

static void rows_table(FILE *out, const struct report_group *g)
{
    fputs("<thead><tr><th scope=\"col\">Back end</th>", out);
    if (bench_shapes[g->test].rate)
        fputs("<th scope=\"col\">A second</th>", out);
    else
        fputs("<th scope=\"col\">p50</th><th scope=\"col\">p99</th>"
              "<th scope=\"col\">p99.9</th>",
              out);
    if (bench_shapes[g->test].rate && g->bytes[0])
        fputs("<th scope=\"col\">Bytes</th>", out);
    fputs("<th scope=\"col\">Times the kernel's speed</th></tr></thead>\n<tbody>\n", out);
    for (int i = 0; i < g->n; i++)
        row(out, g, g->cell[i]);
    fputs("</tbody>", out);
}

static const struct bench_cell *of_size(const struct report_group *g, const char *backend,
                                        size_t bytes)
{
    for (int i = 0; i < g->n; i++)
        if (g->cell[i]->on.bytes == bytes && !strcmp(g->cell[i]->backend->name, backend))
            return g->cell[i];
    return NULL;
}

static void size_cell(FILE *out, const struct report_group *g, const struct bench_cell *cell)
{
    char text[HTML_FIGURE];

    if (!cell) {
        fputs("<td>-</td>", out);
        return;
    }
    if (failed(out, cell, 1))
        return;
    double rate = bench_median(cell).msgs_per_s, faster = report_faster(g->part, cell);
    fprintf(out, "<td>%s", html_bytes_rate(text, rate * (double)cell->on.bytes));
    if (faster > 0)
        fprintf(out, "<br><small%s>%s ×</small>", report_is_slower(faster) ? " class=\"bad\"" : "",
                html_ratio(text, faster));
    fputs("</td>", out);
}

/* A row for each back end, a column for each size. */
static void sizes_table(FILE *out, const struct report_group *g)
{
    char text[HTML_FIGURE];

    fputs("<thead><tr><th scope=\"col\">Back end</th>", out);
    for (int i = 0; i < g->n_bytes; i++)
        fprintf(out, "<th scope=\"col\">%s</th>", html_size(text, g->bytes[i]));
    fputs("</tr></thead>\n<tbody>\n", out);
    for (const struct bench_backend *const *b = g->part->mechanism->backends; *b; b++) {
        int n = 0, again = 0;
        for (const struct bench_backend *const *c = g->part->mechanism->backends; c < b; c++)
            again += !strcmp((*c)->name, (*b)->name);
        for (int i = 0; i < g->n; i++)
            n += !strcmp(g->cell[i]->backend->name, (*b)->name);
        if (n == 0 || again)
            continue;
        row_head(out, (*b)->name);
        for (int i = 0; i < g->n_bytes; i++)
            size_cell(out, g, of_size(g, (*b)->name, g->bytes[i]));
        fputs("</tr>\n", out);
    }
    fputs("</tbody>", out);
}

void report_group_table(FILE *out, const struct report_group *g)
{
    char text[REPORT_LABEL];

    fputs("<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"", out);
    html_f(out, "Figures of %s, %s, %s", g->part->mechanism->name, report_test_title(g->test),
           report_case(text, g));
    fputs("\"><table>\n", out);
    if (report_over_size(g)) {
        fputs("<caption>Bytes a second; below: times the kernel's speed</caption>\n", out);
        sizes_table(out, g);
    } else {
        rows_table(out, g);
    }
    fputs("</table></div>\n", out);
}

static const char *const raw_columns[] = {
    "mechanism", "backend",  "test",       "bytes",       "queued", "depth",
    "mode",      "cpus",     "p50_ns",     "p99_ns",      "p999_ns", "msgs_per_s",
    "bytes_per_s", "runs",   "spread",     "disturbed_per_s", "status",
};
#define N_RAW (sizeof(raw_columns) / sizeof(*raw_columns))

/* The numbers as they stand in the JSON. */
static void raw_row(FILE *out, struct json_object *cell)
{
    fputs("<tr>", out);
    for (size_t i = 0; i < N_RAW; i++) {
        struct json_object *value = NULL;
        json_object_object_get_ex(cell, raw_columns[i], &value);
        bool word = json_object_is_type(value, json_type_string);
        fputs(word ? "<td class=\"word\">" : "<td>", out);
        if (value)
            html_text(out, json_object_get_string(value));
        fputs("</td>", out);
    }
    fputs("</tr>\n", out);
}

void report_raw(FILE *out, struct json_object *cells)
{
    fputs("<section id=\"raw\">\n<h2>Raw figures</h2>\n<details>\n<summary>", out);
    html_f(out, "All %zu rows; medians over the runs", json_object_array_length(cells));
    fputs("</summary>\n<div class=\"scroll\" role=\"region\" tabindex=\"0\" "
          "aria-label=\"Raw figures\"><table class=\"raw\">\n<thead><tr>",
          out);
    for (size_t i = 0; i < N_RAW; i++)
        fprintf(out, "<th scope=\"col\">%s</th>", raw_columns[i]);
    fputs("</tr></thead>\n<tbody>\n", out);
    for (size_t i = 0; i < json_object_array_length(cells); i++)
        raw_row(out, json_object_array_get_idx(cells, i));
    fputs("</tbody></table></div>\n</details>\n</section>\n", out);
}
