/* SPDX-License-Identifier: MIT */
/*
 * cli/relay.c - `hepta relay`: carry messages between any two addresses
 *
 * See relay.h, relay_end.c (opening anew) and relay_way.c (one direction, a thread).
 */
#define _GNU_SOURCE
#include "cli/relay.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void help(void)
{
    puts("Examples:\n"
         "  hepta relay tcp::7000,listen mq:/jobs,create    a queue that a network can send to\n"
         "  hepta relay mq:/jobs kernel.mq:/jobs            to a program that knows no Hepta\n"
         "  hepta relay - unix:/run/service                 speak with a service\n"
         "\n"
         "Usage: hepta relay A B [OPTION...]\n"
         "\n"
         "Carries messages from A to B, and from B to A if both are sockets or -, until it is\n"
         "interrupted. An end that goes away is waited for. A message of mq: is taken with a lease\n"
         "and acknowledged when the other end has it, so that none is lost if this program is killed.\n"
         "Two streams of bytes are carried as they are; a stream and anything else by lines, if\n"
         "the address has no framing.\n"
         "\n"
         "  --one-way      only from A to B\n"
         "  --once         end when an end goes away\n"
         "  --count N      end after N messages from A to B\n"
         "  --timeout S    end when nothing came for S seconds: status 4");
    fputs("  --lines, --file, --size N, --prefixed\n"
          "                 the framing of streams of bytes: by lines; as they come; N bytes;\n"
          "                 records\n",
          stdout);
    puts("\n"
         "Exit status: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 timed out, 5 no permission,\n"
         "7 an end has gone (--once).\n");
    channel_print_kinds(HEPTA_CHANNEL_SEND | HEPTA_CHANNEL_RECV);
}

static bool has_framing(const char *address)
{
    return strstr(address, ",framing=") != NULL;
}

/* As bytes come, between two streams of which neither has boundaries; but pieces from several
 * peers must not mix. */
static void choose_framing(struct relay_end ends[2], struct channel_request *rq, bool chosen)
{
    bool streams = ends[0].kind.can & ends[1].kind.can & HEPTA_CHANNEL_BYTES;
    bool alone = !strstr(ends[0].address, ",listen");

    if (!chosen && streams && alone && !has_framing(ends[0].address) &&
        !has_framing(ends[1].address))
        rq->form = FORM_FILE;
    ends[0].opt = ends[1].opt = channel_options(rq);
}

static int prepare(struct relay_end ends[2], struct channel_request *rq, bool chosen)
{
    bool both = true;

    if (rq->n_rest != 2)
        return cli_usage("relay needs two addresses");
    for (int i = 0; i < 2; i++) {
        ends[i].address = rq->rest[i];
        int status = channel_kind(ends[i].address, &ends[i].kind);
        if (status != CLI_OK)
            return status;
        if (ends[i].kind.can & HEPTA_CHANNEL_EVENTS)
            return cli_usage("%s carries no messages", ends[i].address);
        both = both && ends[i].kind.can & HEPTA_CHANNEL_DUPLEX;
    }
    rq->one_way = rq->one_way || !both;
    ends[0].flags = HEPTA_CHANNEL_RECV | (rq->one_way ? 0 : HEPTA_CHANNEL_SEND) |
                    (ends[0].kind.can & HEPTA_CHANNEL_LEASE);
    ends[1].flags = HEPTA_CHANNEL_SEND | (rq->one_way ? 0 : HEPTA_CHANNEL_RECV);
    choose_framing(ends, rq, chosen);
    return CLI_OK;
}

/* --- while it runs --- */

static void show(const struct relay_way *ways, int n, int64_t since, uint64_t *last, bool end)
{
    uint64_t messages = 0, bytes = 0;
    double s = (double)(hepta_now_ns() - since) / 1e9;

    for (int i = 0; i < n; i++) {
        messages += __atomic_load_n(&ways[i].messages, __ATOMIC_RELAXED);
        bytes += __atomic_load_n(&ways[i].bytes, __ATOMIC_RELAXED);
    }
    if (!isatty(STDERR_FILENO))
        return;
    if (end) {
        cli_progress_clear();
        fprintf(stderr, "%llu messages, %.1f MB in %.1f s\n", (unsigned long long)messages,
                (double)bytes / 1e6, s);
        return;
    }
    cli_progress("%llu messages, %.1f MB; %llu messages/s", (unsigned long long)messages,
                 (double)bytes / 1e6, (unsigned long long)(messages - *last) * 2);
    *last = messages;
}

/* Until all ways are over. */
static void watch(const struct relay_way *ways, int n)
{
    int64_t since = hepta_now_ns(), shown = since;
    uint64_t last = 0;

    for (;;) {
        int over = 0;
        for (int i = 0; i < n; i++)
            over += __atomic_load_n(&ways[i].over, __ATOMIC_ACQUIRE);
        if (over == n)
            break;
        struct timespec nap = {.tv_nsec = 5000000};
        nanosleep(&nap, NULL);
        if (hepta_now_ns() - shown < 500000000)
            continue;
        shown = hepta_now_ns();
        show(ways, n, since, &last, false);
    }
    show(ways, n, since, &last, true);
}

static int run(struct relay_end ends[2], const struct channel_request *rq)
{
    bool quit = false;
    struct relay_way ways[2] = {
        {.from = &ends[0], .to = &ends[1], .rq = rq, .quit = &quit, .counted = true},
        {.from = &ends[1], .to = &ends[0], .rq = rq, .quit = &quit},
    };
    int n = rq->one_way ? 1 : 2, status = CLI_OK, started = 0;

    for (int i = 0; n == 2 && i < 2; i++)
        ways[i].back = &ways[!i];
    while (started < n &&
           pthread_create(&ways[started].thread, NULL, relay_run, &ways[started]) == 0)
        started++;
    if (started < n) {
        cli_error("can't start a thread");
        __atomic_store_n(&quit, true, __ATOMIC_RELAXED);
        status = CLI_FAILED;
    }
    watch(ways, started);
    for (int i = 0; i < started; i++) {
        pthread_join(ways[i].thread, NULL);
        free(ways[i].copy);
        status = status == CLI_OK ? ways[i].status : status;
    }
    return status;
}

int cli_relay(int argc, char **argv)
{
    struct channel_request rq = {.timeout_ns = -1, .rest = channel_rest(argc)};
    struct relay_end ends[2] = {0};
    bool ended;

    rq.form = FORM_JSONL; /* none chosen */
    int status = rq.rest ? channel_args(argc, argv, "lfsp1wct", help, &rq, &ended) : CLI_FAILED;
    if (status != CLI_OK || ended)
        return status;
    bool chosen = rq.form != FORM_JSONL;
    if (!chosen)
        rq.form = FORM_LINES;
    status = prepare(ends, &rq, chosen);
    if (status != CLI_OK)
        return status;
    stop_begin();
    status = relay_open(&ends[0], &rq);
    if (status == CLI_OK)
        status = relay_open(&ends[1], &rq);
    if (status == CLI_OK)
        status = run(ends, &rq);
    relay_close(&ends[1]);
    relay_close(&ends[0]);
    free(rq.rest);
    return cli_finish(status);
}
