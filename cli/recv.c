/* SPDX-License-Identifier: MIT */
/*
 * cli/recv.c - `hepta recv` and `hepta peek`: messages from an address to standard output
 *
 * With a lease a message is acknowledged once standard output has taken it: if the reader of that
 * has gone, or this program is killed, it returns.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <hepta/signal.h>
#include <stdlib.h>
#include <string.h>

#include "cli/channel.h"

static void help_recv(void)
{
    puts("Examples:\n"
         "  hepta recv mq:/jobs                          one message\n"
         "  hepta recv tcp::7000,listen --follow         lines from whoever connects\n"
         "  hepta recv mq:/jobs --lease --jsonl --count 3 --timeout 2.5\n"
         "\n"
         "Usage: hepta recv ADDRESS [OPTION...]\n"
         "\n"
         "Receives one message; of a stream of bytes, all until the other side ends.\n"
         "\n"
         "  --follow       all messages, also of those who come later, until it is interrupted\n"
         "  --count N      N messages\n"
         "  --timeout S    give up if none comes within S seconds: status 4\n"
         "  --lease        a message is gone only when standard output has taken it (mq)");
    fputs(channel_form_help, stdout);
    puts("\n"
         "Exit status: 0 received, 1 failed, 2 wrong usage, 3 not found, 4 timed out, 5 no\n"
         "permission, 7 the other side has gone before --count messages came.\n");
    channel_print_kinds(HEPTA_CHANNEL_RECV);
}

static void help_peek(void)
{
    puts("Examples:\n"
         "  hepta peek mq:/jobs            the message that would be received next\n"
         "  hepta peek shm:/price --jsonl\n"
         "  hepta peek sem:/seats          how many are free\n"
         "\n"
         "Usage: hepta peek ADDRESS [OPTION...]\n"
         "\n"
         "Shows what would be received, and leaves it there.\n"
         "\n"
         "  --timeout S    wait up to S seconds for something (default: not at all)");
    fputs(channel_form_help, stdout);
    puts("\n"
         "Exit status: 0 shown, 1 failed, 2 wrong usage, 3 not found, 4 nothing is there, 5 no\n"
         "permission.\n");
    channel_print_kinds(HEPTA_CHANNEL_PEEK);
}

/* false: standard output doesn't take it; cli_finish() says why. */
static bool print(const struct channel_request *rq, const struct hepta_channel_msg *msg,
                  uint32_t can, bool peek)
{
    unsigned char head[4];

    if (rq->form == FORM_JSONL) {
        channel_to_json(msg, can & HEPTA_CHANNEL_EVENTS);
    } else if (can & HEPTA_CHANNEL_EVENTS) {
        if (peek)
            printf("%llu\n", (unsigned long long)msg->value);
        else if (msg->set & HEPTA_CHANNEL_HAS_SIGNO)
            puts(hepta_signal_name(msg->signo));
    } else {
        for (int i = 0; i < 4; i++)
            head[i] = (unsigned char)(msg->len >> (24 - 8 * i));
        if (rq->form == FORM_PREFIXED)
            fwrite(head, 1, 4, stdout);
        fwrite(msg->data, 1, msg->len, stdout);
        if (rq->form == FORM_LINES)
            putchar('\n');
    }
    return !ferror(stdout);
}

static int received(const char *address, int r)
{
    if (r == -ECANCELED)
        return stop_end(CLI_OK);
    if (r == -ETIMEDOUT || r == -EAGAIN) {
        cli_error("nothing came from %s in time", address);
        return CLI_TIMED_OUT;
    }
    if (r == -EPIPE) {
        cli_error("%s has ended before all messages came", address);
        return CLI_PEER_DIED;
    }
    return channel_failed("can't receive from", address, r);
}

/* Of an end: does somebody else come later, or is it for good? */
static bool over(struct hepta_channel *ch, struct hepta_channel_msg *msg, int *r)
{
    *r = hepta_channel_recv(ch, msg, HEPTA_NOW);
    return *r == 0;
}

/* What has come goes out before we wait for more. 1, 0 the end, negative errno. */
static int next(struct hepta_channel *ch, const struct channel_request *rq,
                struct hepta_channel_msg *msg)
{
    int r = hepta_channel_recv(ch, msg, HEPTA_NOW);

    if (r == -EAGAIN || r == -EINTR) {
        if (fflush(stdout) != 0)
            return -EPIPE;
        r = channel_recv(ch, msg, channel_deadline(rq));
    }
    while (r == 0 && rq->follow && !over(ch, msg, &r)) {
        fflush(stdout);
        if (r == -EAGAIN)
            r = channel_recv(ch, msg, channel_deadline(rq));
    }
    return r;
}

static int run(struct hepta_channel *ch, const struct channel_request *rq, uint32_t can)
{
    struct hepta_channel_msg msg = {.size = sizeof msg};
    uint64_t want = rq->count ? rq->count
                    : rq->follow || can & HEPTA_CHANNEL_BYTES ? UINT64_MAX
                                                             : 1;
    for (uint64_t n = 0; n < want; n++) {
        int r = next(ch, rq, &msg);
        if (r == 0 && !rq->count)
            return CLI_OK;
        if (ferror(stdout))
            return CLI_FAILED;
        if (r <= 0)
            return received(rq->rest[0], r == 0 ? -EPIPE : r);
        if (!print(rq, &msg, can, false))
            return CLI_FAILED;
        if (!(msg.set & HEPTA_CHANNEL_HAS_LEASE))
            continue;
        if (fflush(stdout) != 0)
            return CLI_FAILED;
        r = hepta_channel_ack(ch, msg.lease);
        if (r < 0)
            return channel_failed("can't acknowledge a message of", rq->rest[0], r);
    }
    return CLI_OK;
}

/* Opens what the arguments name. */
static int begin(int argc, char **argv, const char *options, void (*help)(void),
                 struct channel_request *rq, struct hepta_channel_kind *kind,
                 struct hepta_channel **ch)
{
    bool ended;
    int status = rq->rest ? channel_args(argc, argv, options, help, rq, &ended) : CLI_FAILED;

    if (status != CLI_OK || ended)
        return status;
    if (rq->n_rest != 1)
        return rq->n_rest ? cli_usage("one address only, not also '%s'", rq->rest[1])
                          : cli_usage("an address is missing");
    status = channel_kind(rq->rest[0], kind);
    if (status != CLI_OK)
        return status;
    stop_begin();
    uint32_t flags = HEPTA_CHANNEL_RECV | (rq->lease ? HEPTA_CHANNEL_LEASE : 0);
    return channel_open(rq->rest[0], flags, rq, kind, ch);
}

int cli_recv(int argc, char **argv)
{
    struct channel_request rq = {.timeout_ns = -1, .rest = channel_rest(argc)};
    struct hepta_channel_kind kind;
    struct hepta_channel *ch = NULL;
    int status = begin(argc, argv, "lfspjFctL", help_recv, &rq, &kind, &ch);

    if (ch) {
        status = run(ch, &rq, kind.can);
        int finished = cli_finish(status); /* before leases are given back */
        hepta_channel_close(ch);
        status = finished;
    }
    free(rq.rest);
    return status;
}

int cli_peek(int argc, char **argv)
{
    struct channel_request rq = {.timeout_ns = 0, .rest = channel_rest(argc)};
    struct hepta_channel_kind kind;
    struct hepta_channel *ch = NULL;
    struct hepta_channel_msg msg = {.size = sizeof msg};
    int status = begin(argc, argv, "lfspjt", help_peek, &rq, &kind, &ch);

    if (ch) {
        int64_t deadline = rq.timeout_ns == 0 ? HEPTA_NOW : channel_deadline(&rq);
        int r = hepta_channel_peek(ch, &msg, deadline);
        if (r == 1)
            print(&rq, &msg, kind.can, true);
        else if (r == -EOPNOTSUPP)
            status = cli_usage("%s can't be looked into without receiving", kind.name);
        else
            status = received(rq.rest[0], r == 0 ? -EPIPE : r);
        hepta_channel_close(ch);
        status = cli_finish(status);
    }
    free(rq.rest);
    return status;
}
