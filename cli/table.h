/* SPDX-License-Identifier: MIT */
/* cli/table.h - tables as the verbs print them, over libsmartcols */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stddef.h>

struct libscols_table;
struct libscols_line;

/* Columns with a leading '>' are set right. NULL: no memory. */
struct libscols_table *table_new(const char *const *columns);
struct libscols_line *table_line(struct libscols_table *table);
/* printf into a column of @line; a NULL @line is skipped. */
void table_set(struct libscols_line *line, size_t column, const char *form, ...)
    __attribute__((format(printf, 3, 4)));
/* "green", "red", "bold": only where colours are wanted. */
void table_colour(struct libscols_line *line, const char *colour);
/* Prints on standard output and frees. */
void table_end(struct libscols_table *table);

/* Text of figures in units that can be read: "71 ns", "42.1 us"; "33.1 M"; 0 is "-". */
#define FIGURE_LEN 24
const char *figure_time(char text[FIGURE_LEN], double ns);
const char *figure_rate(char text[FIGURE_LEN], double per_s);

#endif
