/* SPDX-License-Identifier: MIT */
/* cli/ls_print.h - objects as a table, as JSON, and what their verbs say of what can't be seen */
#ifndef CLI_LS_PRINT_H
#define CLI_LS_PRINT_H

#include "cli/scan.h"

struct json_object;

enum print_form { PRINT_TABLE, PRINT_JSON, PRINT_JSONL };

#define COLUMNS_MAX 32
struct print_options {
    enum print_form form;
    int columns[COLUMNS_MAX], n_columns; /* 0: the usual ones */
    bool no_headings;
    int colour; /* 0: as the terminal wants; 1 always, -1 never */
};

/* "KIND,NAME", in any case. NULL, or the word that is no column. */
const char *print_choose(struct print_options *p, char *list);
/* For --help: one line each. */
void print_columns(void);
/* "auto", "always", "never". */
bool print_colour(struct print_options *p, const char *when);
bool print_wants_colour(const struct print_options *p);

/* Those for which @wanted is true, all if NULL. */
void print_objects(const struct scan *s, const struct print_options *p, const bool *wanted);
/* All that a table could show of it, as JSON. */
struct json_object *print_object_json(const struct object *o);
/* Standard error: what couldn't be seen, if anything. */
void print_gaps(const struct scan *s);
/* Into a JSON object: how much couldn't be seen. */
void print_gaps_json(const struct scan *s, struct json_object *to);
/* A string of JSON, whatever bytes a name has: those that aren't UTF-8 as \xNN. */
struct json_object *print_text_json(const char *text);
/* The address by which the tool's verbs know it: "kernel.fifo:/tmp/x". */
const char *print_address(const struct object *o, char *buf, size_t len);
/* A user's name, or number. */
const char *print_user(int64_t uid);

#endif
