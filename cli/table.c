/* SPDX-License-Identifier: MIT */
/* cli/table.c - see table.h */
#define _GNU_SOURCE
#include "cli/table.h"

#include "cli/cli.h"

#include <libsmartcols.h>
#include <stdarg.h>
#include <stdlib.h>

struct libscols_table *table_new(const char *const *columns)
{
    struct libscols_table *table = scols_new_table();

    if (!table)
        return NULL;
    for (; *columns; columns++) {
        bool right = **columns == '>';
        struct libscols_column *column =
            scols_table_new_column(table, *columns + right, 0, right ? SCOLS_FL_RIGHT : 0);
        if (column)
            scols_cell_set_color(scols_column_get_header(column), "bold");
    }
    scols_table_enable_colors(table, cli_colour(stdout));
    /* A table that is cut to the terminal's width hides figures. */
    scols_table_enable_nowrap(table, 1);
    scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER);
    return table;
}

struct libscols_line *table_line(struct libscols_table *table)
{
    return table ? scols_table_new_line(table, NULL) : NULL;
}

void table_set(struct libscols_line *line, size_t column, const char *form, ...)
{
    char *text = NULL;
    va_list args;

    if (!line)
        return;
    va_start(args, form);
    if (vasprintf(&text, form, args) < 0)
        text = NULL;
    va_end(args);
    if (text && scols_line_refer_data(line, column, text))
        free(text);
}

void table_colour(struct libscols_line *line, const char *colour)
{
    if (line)
        scols_line_set_color(line, colour);
}

void table_end(struct libscols_table *table)
{
    cli_progress_clear();
    if (table) {
        scols_print_table(table);
        scols_unref_table(table);
    }
}

const char *figure_time(char text[FIGURE_LEN], double ns)
{
    if (ns <= 0)
        snprintf(text, FIGURE_LEN, "-");
    else if (ns < 1000)
        snprintf(text, FIGURE_LEN, "%.0f ns", ns);
    else if (ns < 1e6)
        snprintf(text, FIGURE_LEN, "%.*f us", ns < 1e5 ? 1 : 0, ns / 1e3);
    else
        snprintf(text, FIGURE_LEN, "%.*f ms", ns < 1e8 ? 1 : 0, ns / 1e6);
    return text;
}

const char *figure_rate(char text[FIGURE_LEN], double per_s)
{
    static const char units[] = " kMGT";
    int unit = 0;

    for (; per_s >= 1000 && units[unit + 1]; unit++)
        per_s /= 1000;
    if (per_s <= 0)
        snprintf(text, FIGURE_LEN, "-");
    else if (unit == 0)
        snprintf(text, FIGURE_LEN, "%.0f", per_s);
    else
        snprintf(text, FIGURE_LEN, "%.*f %c", per_s < 100 ? 1 : 0, per_s, units[unit]);
    return text;
}
