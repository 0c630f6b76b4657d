/* SPDX-License-Identifier: MIT */
/*
 * cli/cli.h - what the verbs of the tool share
 *
 * Data goes to standard output, messages and progress to standard error, progress only
 * to a terminal. A message says what failed, why, and what to do next.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum cli_status {
    CLI_OK = 0,
    CLI_FAILED = 1,
    CLI_USAGE = 2,
    CLI_NOT_FOUND = 3,
    CLI_TIMED_OUT = 4,
    CLI_DENIED = 5,
    CLI_INCOMPLETE = 6,
    CLI_PEER_DIED = 7,
    CLI_FOUND = 10, /* `doctor` found something */
};

/* The verbs; argv[0] is the verb's name. They return an enum cli_status. */
int cli_bench(int argc, char **argv);
int cli_clean(int argc, char **argv);
int cli_demo(int argc, char **argv);
int cli_demo_peer(int argc, char **argv); /* hidden: the demo's other process */
int cli_doctor(int argc, char **argv);
int cli_lock(int argc, char **argv);
int cli_ls(int argc, char **argv);
int cli_new(int argc, char **argv);
int cli_peek(int argc, char **argv);
int cli_recv(int argc, char **argv);
int cli_relay(int argc, char **argv);
int cli_rm(int argc, char **argv);
int cli_send(int argc, char **argv);
int cli_show(int argc, char **argv);

/* Prefix of messages: "hepta bench". */
void cli_name(const char *verb);
/* One line on standard error, after clearing a line of progress. */
void cli_error(const char *form, ...) __attribute__((format(printf, 1, 2)));
/* The same, and a pointer to --help; returns CLI_USAGE. */
int cli_usage(const char *form, ...) __attribute__((format(printf, 1, 2)));
/* One line that the next one overwrites; only on a terminal. NULL clears it. */
void cli_progress(const char *form, ...) __attribute__((format(printf, 1, 2)));
void cli_progress_clear(void);

/* Whether @out is a terminal that wants colours (NO_COLOR, TERM=dumb). */
bool cli_colour(FILE *out);

/* Flushes standard output. A closed pipe ends the tool as SIGPIPE would have; another
 * error is told. Returns @status, or CLI_FAILED if the output isn't complete. */
int cli_finish(int status);

/* "64", "4K", "1M" (powers of two); false if it isn't one or out of @min to @max. */
bool cli_size(const char *text, size_t min, size_t max, size_t *out);
/* Index of @word in the NULL-ended @words, or -1. */
int cli_word(const char *word, const char *const *words);
/* A positive decimal number up to @max. */
bool cli_number(const char *text, double max, double *out);

#endif
