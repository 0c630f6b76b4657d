/* SPDX-License-Identifier: MIT */
/*
 * cli/send.c - `hepta send`: messages from arguments, files or standard input to an address
 *
 * Standard input is a channel, too ("-"), whose framing is the form that was asked for.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/channel.h"

#define CHUNK 65536u

struct sending {
    struct hepta_channel *to;
    const char *address;
    const struct channel_request *rq;
    bool bytes; /* a stream that takes a file in pieces */
    uint64_t sent;
};

static void help(void)
{
    puts("Examples:\n"
         "  hepta send mq:/jobs,create,prio=5 \"dig a hole\"\n"
         "  seq 1000 | hepta send unix:/tmp/numbers\n"
         "  hepta send tcp:example.org:7000 --file photo.jpg\n"
         "\n"
         "Usage: hepta send ADDRESS [OPTION...] [MESSAGE...]\n"
         "\n"
         "Sends each MESSAGE, or else what comes from standard input, message by message.\n"
         "\n"
         "  --count N      end after N messages; of semaphores: post N times (default 1)\n"
         "  --timeout S    give up if one message can't be sent within S seconds: status 4\n");
    fputs(channel_form_help, stdout);
    puts("                 --file: each MESSAGE is the name of a file\n"
         "\n"
         "Exit status: 0 sent, 1 failed, 2 wrong usage, 3 not found, 4 timed out, 5 no permission,\n"
         "7 the other side has gone.\n");
    channel_print_kinds(HEPTA_CHANNEL_SEND);
}

static int done(struct sending *s, int r)
{
    if (r == 0)
        s->sent++;
    if (r == -ECANCELED)
        return stop_end(CLI_FAILED);
    if (r == -EILSEQ) {
        cli_error("a message contains a newline, and %s sends lines: add ',framing=record'",
                  s->address);
        return CLI_FAILED;
    }
    return r == 0 ? CLI_OK : channel_failed("can't send to", s->address, r);
}

static int put(struct sending *s, struct hepta_channel_msg *msg)
{
    char why[120], *data = NULL;

    if (s->rq->form == FORM_JSONL) {
        struct hepta_channel_msg out = {.size = sizeof out, .data = ""};
        if (channel_from_json(msg->data, msg->len, &out, &data, why, sizeof why) < 0) {
            free(data);
            cli_error("message %llu: %s", (unsigned long long)s->sent + 1, why);
            return CLI_FAILED;
        }
        int status = done(s, channel_send(s->to, &out, channel_deadline(s->rq)));
        free(data);
        return status;
    }
    /* What came from elsewhere has nothing but bytes here. */
    struct hepta_channel_msg out = {.size = sizeof out, .data = msg->data, .len = msg->len};
    return done(s, channel_send(s->to, &out, channel_deadline(s->rq)));
}

static bool enough(const struct sending *s)
{
    return s->rq->count && s->sent >= s->rq->count;
}

/* --- where messages come from --- */

static int from_arguments(struct sending *s)
{
    int status = CLI_OK;

    for (int i = 1; i < s->rq->n_rest && status == CLI_OK && !enough(s); i++) {
        struct hepta_channel_msg msg = {.data = s->rq->rest[i], .len = strlen(s->rq->rest[i])};
        status = put(s, &msg);
    }
    return status;
}

static int from_input(struct sending *s)
{
    struct hepta_channel_options opt = channel_options(s->rq);
    struct hepta_channel_msg msg = {.size = sizeof msg};
    struct hepta_channel *in;
    char why[HEPTA_CHANNEL_WHY_MAX];
    int status = CLI_OK, r;

    if (s->rq->form == FORM_JSONL)
        opt.framing = HEPTA_CHANNEL_LINE;
    r = hepta_channel_open("-", HEPTA_CHANNEL_RECV, &opt, HEPTA_NOW, &in, why, sizeof why);
    if (r < 0)
        return channel_failed("can't read", "standard input", r);
    while (status == CLI_OK && !enough(s)) {
        r = channel_recv(in, &msg, HEPTA_FOREVER);
        if (r <= 0)
            break;
        status = put(s, &msg);
    }
    if (status == CLI_OK && r == -ECANCELED)
        status = stop_end(CLI_FAILED);
    else if (status == CLI_OK && r == -EPROTO)
        status = channel_failed("can't read the end of", "standard input", r);
    else if (status == CLI_OK && r < 0)
        status = channel_failed("can't read", "standard input", r);
    hepta_channel_close(in);
    return status;
}

/* All of a file in memory. The length, or negative errno. */
static ssize_t slurp(int fd, char **data)
{
    size_t len = 0, cap = 0;

    for (;;) {
        if (len == cap) {
            cap = cap ? 2 * cap : CHUNK;
            char *more = cap > 2ul * HEPTA_CHANNEL_RECORD_MAX ? NULL : realloc(*data, cap);
            if (!more)
                return -EMSGSIZE;
            *data = more;
        }
        ssize_t n = read(fd, *data + len, cap - len);
        if (n == 0)
            return (ssize_t)len;
        if (n < 0 && (errno != EINTR || stop_asked()))
            return -errno;
        len += n > 0 ? (size_t)n : 0;
    }
}

static int send_whole(struct sending *s, int fd, const char *name)
{
    char *data = NULL;
    ssize_t n = slurp(fd, &data);
    struct hepta_channel_msg msg = {.data = data, .len = n > 0 ? (size_t)n : 0};
    int status = n < 0 ? channel_failed("can't read", name, (int)n) : put(s, &msg);

    free(data);
    return status;
}

static int send_pieces(struct sending *s, int fd, const char *name)
{
    static char piece[CHUNK];
    int status = CLI_OK;

    while (status == CLI_OK && !stop_asked()) {
        ssize_t n = read(fd, piece, sizeof piece);
        if (n == 0)
            return CLI_OK;
        if (n < 0 && errno == EINTR)
            continue;
        struct hepta_channel_msg msg = {.data = piece, .len = n > 0 ? (size_t)n : 0};
        status = n < 0 ? channel_failed("can't read", name, -errno) : put(s, &msg);
    }
    return stop_asked() ? stop_end(CLI_FAILED) : status;
}

static int send_file(struct sending *s, const char *name)
{
    int input = !strcmp(name, "-"), status;
    int fd = input ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        cli_error("can't open %s: %s", name, strerror(errno));
        return channel_status(-errno);
    }
    status = s->bytes ? send_pieces(s, fd, name) : send_whole(s, fd, name);
    if (!input)
        close(fd);
    return status;
}

static int from_files(struct sending *s)
{
    int status = s->rq->n_rest == 1 ? send_file(s, "-") : CLI_OK;

    for (int i = 1; i < s->rq->n_rest && status == CLI_OK && !enough(s); i++)
        status = send_file(s, s->rq->rest[i]);
    return status;
}

static int events(struct sending *s)
{
    uint64_t n = s->rq->count ? s->rq->count : 1;
    struct hepta_channel_msg msg = {.size = sizeof msg, .data = ""};
    int status = CLI_OK;

    if (s->rq->n_rest > 1)
        return cli_usage("%s carries no message: send it nothing but --count", s->address);
    while (s->sent < n && status == CLI_OK)
        status = done(s, channel_send(s->to, &msg, channel_deadline(s->rq)));
    return status;
}

/* --- the verb --- */

static int run(struct sending *s, uint32_t can)
{
    if (can & HEPTA_CHANNEL_EVENTS && s->rq->form != FORM_JSONL)
        return events(s);
    if (s->rq->form == FORM_FILE)
        return from_files(s);
    return s->rq->n_rest > 1 ? from_arguments(s) : from_input(s);
}

int cli_send(int argc, char **argv)
{
    struct channel_request rq = {.timeout_ns = -1, .rest = channel_rest(argc)};
    struct hepta_channel_kind kind;
    bool ended;
    int status = rq.rest ? channel_args(argc, argv, "lfspjct", help, &rq, &ended) : CLI_FAILED;

    if (status != CLI_OK || ended)
        return status;
    if (rq.n_rest == 0)
        return cli_usage("an address is missing");
    struct sending s = {.address = rq.rest[0], .rq = &rq};
    status = channel_kind(s.address, &kind);
    if (status != CLI_OK)
        return status;
    stop_begin();
    s.bytes = kind.can & HEPTA_CHANNEL_BYTES && !strstr(s.address, "framing=");
    status = channel_open(s.address, HEPTA_CHANNEL_SEND, &rq, &kind, &s.to);
    if (status == CLI_OK) {
        status = run(&s, kind.can);
        hepta_channel_close(s.to);
    }
    free(rq.rest);
    return cli_finish(status);
}
