/* SPDX-License-Identifier: MIT */
/*
 * cli/channel.h - what send, recv, peek and relay share: options, waiting, how messages look
 *
 * Lines, whole files, pieces of one size, records behind their length, JSON: each is a framing of
 * standard input and output, and, where the address doesn't say another one, of a stream of
 * bytes at the other end, too.
 */
#ifndef CLI_CHANNEL_H
#define CLI_CHANNEL_H

#include <hepta/channel.h>

#include "cli/cli.h"

enum channel_form { FORM_LINES, FORM_FILE, FORM_SIZE, FORM_PREFIXED, FORM_JSONL };

struct channel_request {
    enum channel_form form;
    size_t size;        /* FORM_SIZE */
    bool follow, lease, once, one_way;
    uint64_t count;     /* 0: not given */
    int64_t timeout_ns; /* -1: not given */
    char **rest;        /* arguments, ended by NULL */
    int n_rest;
};

/* Room for all arguments, or NULL. */
char **channel_rest(int argc);
/* Which options a verb has: their letters, as in channel_args.c. Returns CLI_OK, or a status to end
 * with; *done: --help was printed. */
int channel_args(int argc, char **argv, const char *options, void (*help)(void),
                 struct channel_request *rq, bool *done);
/* The kinds of address that can do all of `can`, for --help. */
void channel_print_kinds(uint32_t can);
extern const char channel_form_help[];

/* An address's channel, with the request's framing; a message if it can't be. */
int channel_open(const char *address, uint32_t flags, const struct channel_request *rq,
                 const struct hepta_channel_kind *kind, struct hepta_channel **ch);
/* What an address is; a message if it isn't one. CLI_OK, CLI_USAGE. */
int channel_kind(const char *address, struct hepta_channel_kind *kind);
/* The options of a stream of bytes in the request's form. */
struct hepta_channel_options channel_options(const struct channel_request *rq);

/* The exit status for a result of the library's; and a message of what failed. */
int channel_status(int err);
int channel_failed(const char *what, const char *address, int err);

/* SIGINT and SIGTERM set a flag; verbs are called in slices of time, and look at it. */
void stop_begin(void);
bool stop_asked(void);
/* As the signal would have ended us; a status if nothing was asked. */
int stop_end(int status);
/* The nearer of now + slice and the deadline. */
int64_t stop_slice(int64_t deadline);
/* Deadline of one wait. */
int64_t channel_deadline(const struct channel_request *rq);
/* recv, send with slices. As the library's; -ECANCELED: a stop was asked. */
int channel_recv(struct hepta_channel *ch, struct hepta_channel_msg *msg, int64_t deadline);
int channel_send(struct hepta_channel *ch, const struct hepta_channel_msg *msg, int64_t deadline);

/* A line of JSON to a message, whose bytes are in *data, to be freed. 0, or -1 and why. */
int channel_from_json(const char *line, size_t len, struct hepta_channel_msg *msg, char **data,
                      char *why, size_t n);
/* A message as a line on standard output. */
void channel_to_json(const struct hepta_channel_msg *msg, bool events);

#endif
