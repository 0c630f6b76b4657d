/* SPDX-License-Identifier: MIT */
/* cli/ls.c - hepta ls: what there is, Hepta's and the kernel's, in one table */
#define _GNU_SOURCE
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/find.h"
#include "cli/ls_print.h"
#include "channel/address.h"

static const char *const backends[] = {"hepta", "kernel", NULL};

struct request {
    struct print_options print;
    bool kind[32]; /* of object_kinds */
    int backend; /* of backends, or -1 */
    bool any;
};

static void help(void)
{
    puts("Examples:\n"
         "  hepta ls                          everything: Hepta's objects and the kernel's\n"
         "  hepta ls mq msg --backend kernel  the kernel's message queues\n"
         "  hepta ls --json | jq '.objects[] | select(.state != \"ok\")'\n"
         "\n"
         "Usage: hepta ls [OPTION...] [KIND...]\n"
         "\n"
         "Lists what programs talk through, and disturbs nothing that it looks at.\n"
         "Kinds: fifo, mailbox, mq, msg, packet, permit, pipe, raw, sem, semset, shm, signal, tcp,\n"
         "udp, unix; and draft, what a dead process left half-made.\n"
         "\n"
         "  --backend NAME       hepta or kernel: only these\n"
         "  -o COLUMN[,COLUMN]   these columns (below; those with a * are the usual ones)\n"
         "  --json               one JSON object, with what couldn't be seen\n"
         "  --jsonl              one JSON object a line\n"
         "  --no-headings        no line of headings\n"
         "  --color WHEN         auto, always or never\n"
         "\n"
         "Columns:");
    print_columns();
    puts("\nExit status: 0 done, 6 done, but this user can't see everything.");
}

static int take_kinds(struct request *r, char **argv)
{
    for (; *argv; argv++) {
        const char *word = *argv;
        if (!strncmp(word, "kernel.", 7))
            word += 7;
        int i = cli_word(word, object_kinds);
        if (i < 0) {
            const char *near = h7_nearest(word, strlen(word), object_kinds);
            return near ? cli_usage("there is no kind '%s'; did you mean '%s'?", *argv, near)
                        : cli_usage("there is no kind '%s'", *argv);
        }
        r->kind[i] = r->any = true;
    }
    return CLI_OK;
}

static int take_option(struct request *r, int c, char *value)
{
    const char *wrong;
    switch (c) {
    case 'o':
        wrong = print_choose(&r->print, value);
        return wrong ? cli_usage("there is no column '%s'", wrong) : CLI_OK;
    case 'b':
        r->backend = cli_word(value, backends);
        return r->backend < 0 ? cli_usage("--backend is hepta or kernel, not '%s'", value) : CLI_OK;
    case 'c':
        return print_colour(&r->print, value)
                   ? CLI_OK : cli_usage("--color is auto, always or never, not '%s'", value);
    case 'j':
        r->print.form = PRINT_JSON;
        return CLI_OK;
    case 'l':
        r->print.form = PRINT_JSONL;
        return CLI_OK;
    case 'n':
        r->print.no_headings = true;
        return CLI_OK;
    default:
        return cli_usage("wrong option");
    }
}

static bool is_wanted(const struct request *r, const struct object *o)
{
    if (r->backend >= 0 && o->kernel != (r->backend == 1))
        return false;
    int kind = cli_word(o->kind, object_kinds);
    return !r->any || (kind >= 0 && r->kind[kind]);
}

static int list(const struct request *r)
{
    struct scan s;
    cli_progress("looking ...");
    scan_all(&s, false);
    scan_sort(&s);
    bool *wanted = calloc(s.n + 1, sizeof *wanted);
    for (size_t i = 0; wanted && i < s.n; i++)
        wanted[i] = is_wanted(r, s.all[i]);
    cli_progress_clear();
    print_objects(&s, &r->print, wanted);
    int status = cli_finish(scan_is_whole(&s) ? CLI_OK : CLI_INCOMPLETE);
    print_gaps(&s);
    free(wanted);
    scan_free(&s);
    return status;
}

int cli_ls(int argc, char **argv)
{
    static const struct option options[] = {
        {"backend", required_argument, NULL, 'b'}, {"color", required_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},          {"json", no_argument, NULL, 'j'},
        {"jsonl", no_argument, NULL, 'l'},         {"no-headings", no_argument, NULL, 'n'},
        {NULL, 0, NULL, 0}};
    struct request r = {.backend = -1};
    for (int c; (c = getopt_long(argc, argv, "ho:", options, NULL)) != -1;) {
        if (c == 'h') {
            help();
            return cli_finish(CLI_OK);
        }
        int status = take_option(&r, c, optarg);
        if (status)
            return status;
    }
    int status = take_kinds(&r, argv + optind);
    return status ? status : list(&r);
}
