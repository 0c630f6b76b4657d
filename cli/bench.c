/* SPDX-License-Identifier: MIT */
/*
 * cli/bench.c - `hepta bench`: from options to cells to results
 *
 * A request is the product of its lists (sizes, tests) with all back ends that fit. What
 * is measured, and how, is in bench/.
 */
#define _GNU_SOURCE
#include "bench/bench.h"
#include "bench/targets.h"
#include "cli/bench_print.h"
#include "cli/cli.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SIZES 16
#define DISTURBED 50 /* times a second; a quiet machine's own threads come to a few */

struct request {
    const struct bench_mechanism *mechanism;
    size_t bytes[MAX_SIZES];
    int n_bytes;
    int test; /* -1: both */
    enum bench_mode mode;
    enum bench_cpus cpus;
    const char *backends; /* comma-separated; NULL: all */
    double seconds, runs;
    bool json, targets, narrowed;
};

static const char *const tests[] = {"pingpong", "stream", "all", NULL};
static const char *const modes[] = {"busy", "sleep", "adaptive", NULL};
static const char *const placements[] = {"same", "apart", NULL};

static int help(void)
{
    puts(
        "Examples:\n"
        "  hepta bench pipe\n"
        "  hepta bench pipe --bytes 64,4K,64K --mode busy --test stream\n"
        "  hepta bench pipe --targets --json | jq -c 'select(.verdict == \"missed\")'\n"
        "\n"
        "Usage: hepta bench MECHANISM [OPTION...]\n"
        "\n"
        "Measures a mechanism between two pinned processes: Hepta, the kernel's own, and what\n"
        "the hardware allows (limit). Rivals run in turns; figures are medians over the runs.\n"
        "\n"
        "  --bytes N[,N...]             message sizes, 8 to 16M (default 64); K and M are binary\n"
        "  --test pingpong|stream|all   (default all)\n"
        "  --mode busy|sleep|adaptive   how Hepta waits (default adaptive); the kernel's side\n"
        "                               spins without blocking in busy, and blocks otherwise\n"
        "  --cpus same|apart            both processes on one cpu or on two cores (default apart)\n"
        "  --backends NAME[,NAME...]    only these; names below\n"
        "  --seconds S                  bound of one measurement (default 0.1); at ten times as\n"
        "                               much the pair is killed\n"
        "  --runs N                     measurements of each row, 1 to 101 (default 9)\n"
        "  --targets                    the cases of the promised ratios, and whether they hold;\n"
        "                               exit status 1 if one is missed\n"
        "  --json                       one object a line instead of tables\n"
        "\n"
        "Times are one way, half a round trip. MSGS/S of a ping-pong counts both ways. A stream's\n"
        "receiver checks every message, from 4 KiB on every cache line of it. Rivals have the\n"
        "same capacity: 64 KiB, for messages of 64 KiB and more 1 MiB.");
    for (const struct bench_mechanism *m = bench_mechanisms; m->name; m++) {
        printf("\nBack ends of %s (%s):\n", m->name, m->what);
        for (const struct bench_backend *const *b = m->backends; *b; b++)
            printf("  %-24s %s\n", (*b)->name, (*b)->what);
    }
    return cli_finish(CLI_OK);
}

static int read_sizes(struct request *q, char *list)
{
    char *rest = NULL;

    q->n_bytes = 0;
    for (char *s = strtok_r(list, ",", &rest); s; s = strtok_r(NULL, ",", &rest)) {
        if (q->n_bytes == MAX_SIZES)
            return cli_usage("--bytes takes %d sizes at most", MAX_SIZES);
        if (!cli_size(s, BENCH_BYTES_MIN, BENCH_BYTES_MAX, &q->bytes[q->n_bytes++]))
            return cli_usage("'%s' is not a message size from %d bytes to 16M", s, BENCH_BYTES_MIN);
    }
    return q->n_bytes ? CLI_OK : cli_usage("--bytes needs a size");
}

static int read_word(const char *option, const char *const *words, int *out)
{
    *out = cli_word(optarg, words);
    if (*out >= 0)
        return CLI_OK;
    return cli_usage("--%s can't be '%s'; it is %s, %s%s%s", option, optarg, words[0], words[1],
                     words[2] ? " or " : "", words[2] ? words[2] : "");
}

/* Only when the mechanism is known, which may be named last. */
static int check_backends(const struct request *q)
{
    char *copy = strdup(q->backends), *rest = NULL;
    int rc = CLI_OK;

    for (char *s = strtok_r(copy, ",", &rest); s && !rc; s = strtok_r(NULL, ",", &rest))
        if (!bench_backend(q->mechanism, s, NULL))
            rc = cli_usage("%s has no back end '%s'", q->mechanism->name, s);
    free(copy);
    return rc;
}

/* "pipe, fifo or tcp" into @text. */
static const char *mechanism_names(char text[128])
{
    size_t len = 0;

    for (const struct bench_mechanism *m = bench_mechanisms; m->name; m++) {
        const char *before = m == bench_mechanisms ? "" : m[1].name ? ", " : " or ";
        len += (size_t)snprintf(text + len, 128 - len, "%s%s", before, m->name);
    }
    return text;
}

static int read_mechanism(struct request *q, const char *name)
{
    char names[128];

    if (!name)
        return cli_usage("name a mechanism: %s", mechanism_names(names));
    q->mechanism = bench_mechanism(name);
    if (!q->mechanism)
        return cli_usage("there is no mechanism '%s'; it is %s", name, mechanism_names(names));
    return q->backends ? check_backends(q) : CLI_OK;
}

enum {
    OPT_BYTES = 256,
    OPT_TEST,
    OPT_MODE,
    OPT_CPUS,
    OPT_BACKENDS,
    OPT_SECONDS,
    OPT_RUNS,
    OPT_TARGETS,
    OPT_JSON
};

static const struct option options[] = {
    {"bytes", required_argument, NULL, OPT_BYTES},
    {"test", required_argument, NULL, OPT_TEST},
    {"mode", required_argument, NULL, OPT_MODE},
    {"cpus", required_argument, NULL, OPT_CPUS},
    {"backends", required_argument, NULL, OPT_BACKENDS},
    {"seconds", required_argument, NULL, OPT_SECONDS},
    {"runs", required_argument, NULL, OPT_RUNS},
    {"targets", no_argument, NULL, OPT_TARGETS},
    {"json", no_argument, NULL, OPT_JSON},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static int read_option(struct request *q, int opt)
{
    int word = 0, rc = CLI_OK;

    q->narrowed |= opt >= OPT_BYTES && opt <= OPT_BACKENDS;
    switch (opt) {
    case OPT_BYTES:
        return read_sizes(q, optarg);
    case OPT_TEST:
        rc = read_word("test", tests, &word);
        q->test = word == 2 ? -1 : word;
        return rc;
    case OPT_MODE:
        rc = read_word("mode", modes, &word);
        q->mode = (enum bench_mode)word;
        return rc;
    case OPT_CPUS:
        rc = read_word("cpus", placements, &word);
        q->cpus = (enum bench_cpus)word;
        return rc;
    case OPT_BACKENDS:
        q->backends = optarg;
        return CLI_OK;
    case OPT_SECONDS:
        if (!cli_number(optarg, 600, &q->seconds))
            return cli_usage("--seconds is more than 0 and at most 600, not '%s'", optarg);
        return CLI_OK;
    case OPT_RUNS:
        if (!cli_number(optarg, BENCH_RUNS_MAX, &q->runs) || q->runs != (int)q->runs)
            return cli_usage("--runs is 1 to %d, not '%s'", BENCH_RUNS_MAX, optarg);
        return CLI_OK;
    case OPT_TARGETS:
        q->targets = true;
        return CLI_OK;
    case OPT_JSON:
        q->json = true;
        return CLI_OK;
    default:
        return CLI_USAGE;
    }
}

/* CLI_OK, CLI_USAGE, or -1 after the help text. */
static int read_request(struct request *q, int argc, char **argv)
{
    int opt, rc;

    argv[0] = (char *)"hepta bench"; /* the name in getopt's own messages */
    while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (opt == 'h')
            return -1;
        rc = opt == '?' ? cli_usage("can't go on") : read_option(q, opt);
        if (rc)
            return rc;
    }
    if (argc - optind > 1)
        return cli_usage("one mechanism at a time; '%s' is too many", argv[optind + 1]);
    rc = read_mechanism(q, argv[optind]); /* argv ends with NULL */
    if (!rc && q->targets && q->narrowed)
        rc = cli_usage("--targets has its own sizes, tests, modes and back ends");
    return rc;
}

static bool wanted(const struct request *q, const char *name)
{
    size_t len = strlen(name);

    if (!q->backends)
        return true;
    for (const char *s = q->backends; s; s = strchr(s, ',') ? strchr(s, ',') + 1 : NULL)
        if (!strncmp(s, name, len) && (s[len] == ',' || !s[len]))
            return true;
    return false;
}

static struct bench_cell *product(const struct request *q, size_t *n)
{
    const struct bench_backend *const *all = q->mechanism->backends;
    size_t n_all = 0;

    while (all[n_all])
        n_all++;
    struct bench_cell *cells = calloc(2 * (size_t)q->n_bytes * n_all, sizeof(*cells));
    *n = 0;
    if (!cells)
        return NULL;
    for (int test = BENCH_PINGPONG; test <= BENCH_STREAM; test++) {
        for (int i = 0; i < q->n_bytes && (q->test < 0 || q->test == test); i++) {
            struct bench_case on = {(enum bench_test)test, q->bytes[i], q->mode, q->cpus,
                                    bench_capacity(q->mechanism, q->bytes[i])};
            for (size_t b = 0; b < n_all; b++)
                if (wanted(q, all[b]->name) && bench_fits(all[b], &on))
                    cells[(*n)++] = (struct bench_cell){.backend = all[b], .on = on};
        }
    }
    return cells;
}

static void progress(int run, const struct bench_cell *cell, void *arg)
{
    const struct request *q = arg;

    cli_progress("run %d of %d: %s, %zu bytes, %s, %s: %s", run + 1, (int)q->runs,
                 bench_test_name(cell->on.test), cell->on.bytes, bench_mode_name(cell->on.mode),
                 bench_cpus_name(cell->on.cpus), cell->backend->name);
}

static void tell_failures(const struct bench_cell *cells, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (cells[i].status != BENCH_OK)
            cli_error("%s, %s, %zu bytes, %s, %s: %s: %s", cells[i].backend->name,
                      bench_test_name(cells[i].on.test), cells[i].on.bytes,
                      bench_mode_name(cells[i].on.mode), bench_cpus_name(cells[i].on.cpus),
                      bench_status_name(cells[i].status), cells[i].why);
}

/* Two processes on one cpu take it from each other: only rows on two tell. */
static void tell_disturbance(const struct bench_cell *cells, size_t n)
{
    double worst = 0;

    for (size_t i = 0; i < n; i++) {
        double per_s = bench_median(&cells[i]).disturbed_per_s;
        if (cells[i].on.cpus == BENCH_APART && per_s > worst)
            worst = per_s;
    }
    if (worst > DISTURBED)
        cli_error("other programs took the cpus away up to %.0f times a second: the figures are "
                  "not worth much; run it again on a quiet machine",
                  worst);
}

static int measure(struct request *q, struct bench_cell *cells, size_t n)
{
    struct bench_plan plan = {.cells = cells,
                              .n_cells = n,
                              .runs = (int)q->runs,
                              .seconds = q->seconds,
                              .progress = progress,
                              .arg = q};
    enum bench_status worst = bench_run(&plan);
    struct bench_tally tally = {0};

    cli_progress_clear();
    if (q->json)
        bench_print_json(q->mechanism, cells, n);
    else
        bench_print_tables(cells, n);
    if (q->targets)
        tally = bench_print_targets(q->mechanism, cells, n, q->json);
    fflush(stdout);
    tell_failures(cells, n);
    tell_disturbance(cells, n);
    if (worst == BENCH_TIMED_OUT)
        return CLI_TIMED_OUT;
    return worst == BENCH_OK && !tally.missed && !tally.unknown ? CLI_OK : CLI_FAILED;
}

int cli_bench(int argc, char **argv)
{
    struct request q = {.bytes = {64},
                        .n_bytes = 1,
                        .test = -1,
                        .mode = BENCH_ADAPTIVE,
                        .cpus = BENCH_APART,
                        .seconds = 0.1,
                        .runs = 9};
    size_t n;
    int rc = read_request(&q, argc, argv);

    if (rc < 0)
        return help();
    if (rc)
        return rc;
    struct bench_cell *cells = q.targets ? target_cells(q.mechanism, &n) : product(&q, &n);
    if (!cells) {
        cli_error("no memory for the results");
        return CLI_FAILED;
    }
    if (n == 0)
        rc = cli_usage("none of %s can do that case",
                       q.backends ? "the back ends in --backends" : "its back ends");
    else
        rc = cli_finish(measure(&q, cells, n));
    free(cells);
    return rc;
}
