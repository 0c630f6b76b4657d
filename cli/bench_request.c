/* SPDX-License-Identifier: MIT */
/* cli/bench_request.c - the options of `hepta bench` */
#define _GNU_SOURCE
#include "cli/bench_request.h"

#include "cli/cli.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define WATCHDOG 10 /* times the bound of a measurement */

static const char *const modes[] = {"busy", "sleep", "adaptive", NULL};
static const char *const placements[] = {"same", "apart", NULL};

static void print_tests(const struct bench_mechanism *m)
{
    const char *before = "";

    for (int test = 0; test < BENCH_N_TESTS; test++) {
        if (!bench_has_test(m, (enum bench_test)test))
            continue;
        printf("%s%s", before, bench_shapes[test].name);
        before = ", ";
    }
}

int bench_help(void)
{
    puts("Examples:\n"
         "  hepta bench pipe\n"
         "  hepta bench pipe --bytes 64,4K,64K --mode busy --test stream\n"
         "  hepta bench pipe --targets --json | jq -c 'select(.verdict == \"missed\")'\n"
         "\n"
         "Usage: hepta bench MECHANISM [OPTION...]\n"
         "\n"
         "Measures a mechanism between pinned processes: Hepta, the kernel's own, and what the\n"
         "hardware allows (limit). Rivals run in turns; figures are medians over the runs.\n"
         "\n"
         "  --bytes N[,N...]             message sizes, 8 to 16M (default 64; shm: 64,4K); K\n"
         "                               and M are binary\n"
         "  --test TEST                  one of those below, or all (default)\n"
         "  --mode busy|sleep|adaptive   how Hepta waits (default adaptive); the kernel's side\n"
         "                               spins without blocking in busy, and blocks otherwise\n"
         "  --cpus same|apart            both sides on one cpu or on two cores (default apart)\n"
         "  --queued N[,N...]            select: messages in front, up to 1000000 (default 10,\n"
         "                               1000,100000)\n"
         "  --backends NAME[,NAME...]    only these; names below\n"
         "  --seconds S                  bound of one measurement (default 0.1)\n"
         "  --give-up S                  when it is killed (default ten times --seconds)\n"
         "  --runs N                     measurements of each row, 1 to 101 (default 9)\n"
         "  --targets                    the cases of the promised ratios, and whether they hold;\n"
         "                               exit status 1 if one is missed\n"
         "  --json                       one object a line instead of tables\n"
         "\n"
         "Tests:\n"
         "  pingpong   round trips; times are one way, half of it; MSGS/S counts both ways\n"
         "  stream     one process to another; fan-in: four to one; many: four to four\n"
         "  pair       one process sends and receives: the time of both, with nobody else there;\n"
         "             of semaphores: posts and waits, or one up and one down\n"
         "  select     the same, by its type, behind --queued messages of as many other types\n"
         "  pair-undo  pair, both operations with SEM_UNDO\n"
         "  pair-permit\n"
         "             of a permit, which returns when its holder dies; the kernel's is pair\n"
         "  mutex      one process locks and unlocks: the time of both\n"
         "  mutex-contended\n"
         "             two processes lock, count in shared memory, and unlock\n"
         "  cell       one process reads a value, the time of that; another writes a million new\n"
         "             ones a second; cell-storm: as many as it can\n"
         "\n"
         "Receivers check every message, from 4 KiB on every cache line of it; of a cell every\n"
         "byte, but for the limit's. Rivals have the same capacity: 64 KiB, for messages of\n"
         "64 KiB and more 1 MiB. The four processes of a side share its cpu. Mutexes and cells\n"
         "have no mode.");
    for (const struct bench_mechanism *m = bench_mechanisms; m->name; m++) {
        printf("\nBack ends of %s (%s; ", m->name, m->what);
        print_tests(m);
        puts("):");
        for (const struct bench_backend *const *b = m->backends; *b; b++)
            printf("  %-24s %s\n", (*b)->name, (*b)->what);
    }
    return cli_finish(CLI_OK);
}

static int read_sizes(struct bench_sizes *sizes, const char *option, size_t min, size_t max)
{
    char *rest = NULL;

    sizes->n = 0;
    for (char *s = strtok_r(optarg, ",", &rest); s; s = strtok_r(NULL, ",", &rest)) {
        if (sizes->n == BENCH_SIZES_MAX)
            return cli_usage("--%s takes %d sizes at most", option, BENCH_SIZES_MAX);
        if (!cli_size(s, min, max, &sizes->at[sizes->n++]))
            return cli_usage("--%s can't be '%s'; it is %zu to %zu", option, s, min, max);
    }
    return sizes->n ? CLI_OK : cli_usage("--%s needs a number", option);
}

/* The word "all" is -1. */
static int read_test(int *test)
{
    *test = -1;
    if (!strcmp(optarg, "all"))
        return CLI_OK;
    for (*test = 0; *test < BENCH_N_TESTS; (*test)++)
        if (!strcmp(optarg, bench_shapes[*test].name))
            return CLI_OK;
    return cli_usage("there is no test '%s'", optarg);
}

static int read_word(const char *option, const char *const *words, int *out)
{
    *out = cli_word(optarg, words);
    if (*out >= 0)
        return CLI_OK;
    return cli_usage("--%s can't be '%s'; it is %s, %s%s%s", option, optarg, words[0], words[1],
                     words[2] ? " or " : "", words[2] ? words[2] : "");
}

static int read_seconds(const char *option, int max, double *out)
{
    if (cli_number(optarg, max, out))
        return CLI_OK;
    return cli_usage("--%s is more than 0 and at most %d, not '%s'", option, max, optarg);
}

/* Only when the mechanism is known, which may be named last. */
static int check_backends(const struct bench_request *q)
{
    char *copy = strdup(q->backends), *rest = NULL;
    int rc = CLI_OK;

    for (char *s = strtok_r(copy, ",", &rest); s && !rc; s = strtok_r(NULL, ",", &rest))
        if (!bench_backend(q->mechanism, s, NULL))
            rc = cli_usage("%s has no back end '%s'", q->mechanism->name, s);
    free(copy);
    return rc;
}

/* A mechanism's own sizes, if none are asked for. */
static int settle_bytes(struct bench_request *q)
{
    const struct bench_mechanism *m = q->mechanism;
    bool sized = q->test >= 0 ? bench_has_bytes(m, (enum bench_test)q->test) : m->tests & ~m->bare;

    if (q->bytes.n > 0)
        return sized ? CLI_OK : cli_usage("%s: nothing that has a size is carried", m->name);
    for (int i = 0; i < 2; i++)
        if (m->bytes[i])
            q->bytes.at[q->bytes.n++] = m->bytes[i];
    if (q->bytes.n == 0)
        q->bytes = (struct bench_sizes){{64}, 1};
    return CLI_OK;
}

/* "pipe, fifo or tcp" into @text. */
static const char *mechanism_names(char text[160])
{
    size_t len = 0;

    for (const struct bench_mechanism *m = bench_mechanisms; m->name; m++) {
        const char *before = m == bench_mechanisms ? "" : m[1].name ? ", " : " or ";
        len += (size_t)snprintf(text + len, 160 - len, "%s%s", before, m->name);
    }
    return text;
}

static int read_mechanism(struct bench_request *q, const char *name)
{
    char names[160];

    if (!name)
        return cli_usage("name a mechanism: %s", mechanism_names(names));
    q->mechanism = bench_mechanism(name);
    if (!q->mechanism)
        return cli_usage("there is no mechanism '%s'; it is %s", name, mechanism_names(names));
    if (q->test >= 0 && !bench_has_test(q->mechanism, (enum bench_test)q->test))
        return cli_usage("%s has no test '%s'", name, bench_shapes[q->test].name);
    int rc = q->backends ? check_backends(q) : CLI_OK;
    return rc ? rc : settle_bytes(q);
}

enum {
    OPT_BYTES = 256,
    OPT_TEST,
    OPT_MODE,
    OPT_CPUS,
    OPT_QUEUED,
    OPT_BACKENDS,
    OPT_SECONDS,
    OPT_GIVE_UP,
    OPT_RUNS,
    OPT_TARGETS,
    OPT_JSON
};

static const struct option options[] = {
    {"bytes", required_argument, NULL, OPT_BYTES},
    {"test", required_argument, NULL, OPT_TEST},
    {"mode", required_argument, NULL, OPT_MODE},
    {"cpus", required_argument, NULL, OPT_CPUS},
    {"queued", required_argument, NULL, OPT_QUEUED},
    {"backends", required_argument, NULL, OPT_BACKENDS},
    {"seconds", required_argument, NULL, OPT_SECONDS},
    {"give-up", required_argument, NULL, OPT_GIVE_UP},
    {"runs", required_argument, NULL, OPT_RUNS},
    {"targets", no_argument, NULL, OPT_TARGETS},
    {"json", no_argument, NULL, OPT_JSON},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static int read_option(struct bench_request *q, int opt)
{
    int word = 0, rc = CLI_OK;

    q->narrowed |= opt >= OPT_BYTES && opt <= OPT_BACKENDS;
    switch (opt) {
    case OPT_BYTES:
        return read_sizes(&q->bytes, "bytes", BENCH_BYTES_MIN, BENCH_BYTES_MAX);
    case OPT_QUEUED:
        return read_sizes(&q->queued, "queued", 0, BENCH_QUEUED_MAX);
    case OPT_TEST:
        return read_test(&q->test);
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
        return read_seconds("seconds", 600, &q->seconds);
    case OPT_GIVE_UP:
        return read_seconds("give-up", 600 * WATCHDOG, &q->give_up);
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

int bench_request_read(struct bench_request *q, int argc, char **argv)
{
    int opt, rc;

    *q = (struct bench_request){.queued = {{10, 1000, 100000}, 3},
                                .test = -1,
                                .mode = BENCH_ADAPTIVE,
                                .cpus = BENCH_APART,
                                .seconds = 0.1,
                                .runs = 9};

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
    if (!(q->give_up > 0))
        q->give_up = q->seconds * WATCHDOG;
    rc = read_mechanism(q, argv[optind]); /* argv ends with NULL */
    if (!rc && q->targets && q->narrowed)
        rc = cli_usage("--targets has its own sizes, tests, modes and back ends");
    return rc;
}
