/* SPDX-License-Identifier: MIT */
/* cli/channel_args.c - the options of the verbs that move messages */
#define _GNU_SOURCE
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli/channel.h"

const char channel_form_help[] =
    "  --lines        a message is a line (default)\n"
    "  --file         a message is a whole file; of a stream of bytes, all that comes\n"
    "  --size N       a message is N bytes; K, M and G are powers of two\n"
    "  --prefixed     before each message 4 bytes, big-endian: its length\n"
    "  --jsonl        a message is a line of JSON: \"data\" (or \"base64\"), and what else is\n"
    "                 known\n";

void channel_print_kinds(uint32_t can)
{
    struct hepta_channel_kind kind;

    puts("Addresses (more in hepta_channel(3); what a kind takes stands in brackets):");
    for (size_t i = 0; hepta_channel_kinds(i, &kind) == 0; i++)
        if ((kind.can & can) == can)
            printf("  %-22s %s%s%s%s\n", kind.form, kind.help, *kind.options ? " [" : "",
                   kind.options, *kind.options ? "]" : "");
}

char **channel_rest(int argc)
{
    return calloc((size_t)argc + 1, sizeof(char *));
}

static const struct option all[] = {
    {"lines", no_argument, NULL, 'l'},     {"file", no_argument, NULL, 'f'},
    {"size", required_argument, NULL, 's'}, {"prefixed", no_argument, NULL, 'p'},
    {"jsonl", no_argument, NULL, 'j'},     {"follow", no_argument, NULL, 'F'},
    {"count", required_argument, NULL, 'c'}, {"timeout", required_argument, NULL, 't'},
    {"lease", no_argument, NULL, 'L'},     {"once", no_argument, NULL, '1'},
    {"one-way", no_argument, NULL, 'w'},   {"help", no_argument, NULL, 'h'},
};
#define N_ALL (sizeof(all) / sizeof(*all))

/* A verb's own: the others are unknown to it. */
static void choose(struct option out[N_ALL + 1], const char *letters)
{
    size_t n = 0;

    for (size_t i = 0; i < N_ALL; i++)
        if (all[i].val == 'h' || strchr(letters, all[i].val))
            out[n++] = all[i];
    out[n] = (struct option){0};
}

static int set_count(struct channel_request *rq)
{
    char *end;

    rq->count = strtoull(optarg, &end, 10);
    return *optarg >= '0' && *optarg <= '9' && !*end && rq->count > 0
               ? CLI_OK
               : cli_usage("--count takes a number of messages, not '%s'", optarg);
}

static int set_timeout(struct channel_request *rq)
{
    double s;

    if (strcmp(optarg, "0") == 0)
        s = 0;
    else if (!cli_number(optarg, 1e9, &s))
        return cli_usage("--timeout takes seconds, as 0.5, not '%s'", optarg);
    rq->timeout_ns = (int64_t)(s * 1e9);
    return CLI_OK;
}

static int set(struct channel_request *rq, int letter)
{
    switch (letter) {
    case 'l':
        rq->form = FORM_LINES;
        return CLI_OK;
    case 'f':
        rq->form = FORM_FILE;
        return CLI_OK;
    case 's':
        rq->form = FORM_SIZE;
        return cli_size(optarg, 1, HEPTA_CHANNEL_RECORD_MAX, &rq->size)
                   ? CLI_OK
                   : cli_usage("--size takes 1 to 1G bytes, not '%s'", optarg);
    case 'p':
        rq->form = FORM_PREFIXED;
        return CLI_OK;
    case 'j':
        rq->form = FORM_JSONL;
        return CLI_OK;
    case 'F':
        rq->follow = true;
        return CLI_OK;
    case 'L':
        rq->lease = true;
        return CLI_OK;
    case '1':
        rq->once = true;
        return CLI_OK;
    case 'w':
        rq->one_way = true;
        return CLI_OK;
    case 'c':
        return set_count(rq);
    default:
        return set_timeout(rq);
    }
}

int channel_args(int argc, char **argv, const char *options, void (*help)(void),
                 struct channel_request *rq, bool *done)
{
    struct option own[N_ALL + 1];
    int letter;

    *done = false;
    choose(own, options);
    opterr = 0;
    optind = 1;
    while ((letter = getopt_long(argc, argv, "+:h", own, NULL)) != -1 || optind < argc) {
        if (letter == -1) { /* an argument: kept in order, options may follow */
            if (argv[optind - 1] && optind > 1 && !strcmp(argv[optind - 1], "--"))
                break;
            rq->rest[rq->n_rest++] = argv[optind++];
            continue;
        }
        if (letter == 'h') {
            help();
            *done = true;
            return cli_finish(CLI_OK);
        }
        if (letter == ':')
            return cli_usage("the option '%s' needs a value", argv[optind - 1]);
        if (letter == '?')
            return cli_usage("there is no option '%s'", argv[optind - 1]);
        int status = set(rq, letter);
        if (status != CLI_OK)
            return status;
    }
    while (optind < argc)
        rq->rest[rq->n_rest++] = argv[optind++];
    rq->rest[rq->n_rest] = NULL;
    return CLI_OK;
}
