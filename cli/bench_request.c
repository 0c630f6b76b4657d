/* SPDX-License-Identifier: MIT */
/* cli/bench_request.c - the options of `hepta bench` */
#define _GNU_SOURCE
#include "cli/bench_request.h"

#include "cli/cli.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define WATCHDOG 10    /* times the bound of a measurement */
#define PATIENCE 5.0   /* seconds at least, where one late row would spoil hundreds */
#define WITHIN   600.0 /* seconds for everything, where nobody chose how much that is */

static const char *const modes[] = {"busy", "sleep", "adaptive", NULL};
static const char *const placements[] = {"same", "apart", "both", NULL};

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

static bool has_backend(const struct bench_request *q, const struct bench_mechanism *m)
{
    bool found = false;
    char *copy = strdup(q->backends), *rest = NULL;

    for (char *s = strtok_r(copy, ",", &rest); s; s = strtok_r(NULL, ",", &rest))
        found |= bench_backend(m, s, NULL) != NULL;
    free(copy);
    return found;
}

static bool has_sizes(const struct bench_request *q, const struct bench_mechanism *m)
{
    return q->test >= 0 ? bench_has_bytes(m, (enum bench_test)q->test) : m->tests & ~m->bare;
}

/* Why @m can't do what is asked, or NULL. */
static const char *unfit(const struct bench_request *q, const struct bench_mechanism *m)
{
    if (q->test >= 0 && !bench_has_test(m, (enum bench_test)q->test))
        return "it has no such test";
    if (q->backends && !has_backend(q, m))
        return "it has no such back end";
    if (q->bytes.n > 0 && !has_sizes(q, m))
        return "nothing that has a size is carried";
    return NULL;
}

/* Only when the kinds are known, which may be named last. */
static int check_backends(const struct bench_request *q)
{
    char *copy = strdup(q->backends), *rest = NULL;
    int rc = CLI_OK;

    for (char *s = strtok_r(copy, ",", &rest); s && !rc; s = strtok_r(NULL, ",", &rest)) {
        bool known = false;
        for (int i = 0; i < q->n_kinds; i++)
            known |= bench_backend(q->kinds[i], s, NULL) != NULL;
        if (!known)
            rc = cli_usage("%s has no back end '%s'", q->n_kinds == 1 ? q->kinds[0]->name : "none",
                           s);
    }
    free(copy);
    return rc;
}

/* "pipe, fifo or tcp" into @text. */
static const char *kind_names(char text[160])
{
    size_t len = 0;

    for (const struct bench_mechanism *m = bench_mechanisms; m->name; m++) {
        const char *before = m == bench_mechanisms ? "" : m[1].name ? ", " : " or ";
        len += (size_t)snprintf(text + len, 160 - len, "%s%s", before, m->name);
    }
    return text;
}

static int read_kind(struct bench_request *q, const char *name)
{
    const struct bench_mechanism *m = bench_mechanism(name);
    char names[160];

    if (!m)
        return cli_usage("there is no kind '%s'; it is %s", name, kind_names(names));
    for (int i = 0; i < q->n_kinds; i++)
        if (q->kinds[i] == m)
            return cli_usage("'%s' is named twice", name);
    if (unfit(q, m))
        return cli_usage("%s: %s", name, unfit(q, m));
    q->kinds[q->n_kinds++] = m;
    return CLI_OK;
}

/* Those named, which must be able to do what is asked, or all that are. */
static int read_kinds(struct bench_request *q, char *const *names)
{
    int rc = CLI_OK;

    q->every = !*names;
    for (; *names && !rc; names++)
        rc = read_kind(q, *names);
    for (const struct bench_mechanism *m = bench_mechanisms; q->every && m->name; m++)
        if (!unfit(q, m))
            q->kinds[q->n_kinds++] = m;
    if (!rc && q->n_kinds == 0)
        rc = cli_usage("no kind can do all of that");
    return !rc && q->backends ? check_backends(q) : rc;
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
    OPT_WITHIN,
    OPT_REPORT,
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
    {"within", required_argument, NULL, OPT_WITHIN},
    {"report", required_argument, NULL, OPT_REPORT},
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
        q->cpus[BENCH_SAME] = word != BENCH_APART;
        q->cpus[BENCH_APART] = word != BENCH_SAME;
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
    case OPT_WITHIN:
        return read_seconds("within", 24 * 3600, &q->within);
    case OPT_REPORT:
        q->report = optarg;
        return *optarg ? CLI_OK : cli_usage("--report needs the name of a file");
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

/* What wasn't said. A report needs many rows: it has fewer and shorter runs. */
static void settle(struct bench_request *q)
{
    bool page = q->report != NULL;

    if (!q->cpus[BENCH_SAME] && !q->cpus[BENCH_APART]) {
        q->cpus[BENCH_SAME] = page;
        q->cpus[BENCH_APART] = true;
    }
    if (!(q->seconds > 0))
        q->seconds = page ? 0.05 : 0.1;
    if (!(q->runs > 0))
        q->runs = page ? 5 : 9;
    if (!(q->give_up > 0)) {
        q->give_up = q->seconds * WATCHDOG;
        if ((page || q->every) && q->give_up < PATIENCE)
            q->give_up = PATIENCE;
    }
    if (!(q->within > 0) && (page || q->every))
        q->within = WITHIN;
}

static int check(const struct bench_request *q)
{
    if (q->targets && q->narrowed)
        return cli_usage("--targets has its own sizes, tests, modes and back ends");
    if (q->targets && q->report)
        return cli_usage("--report has the targets anyway");
    return CLI_OK;
}

int bench_request_read(struct bench_request *q, int argc, char **argv)
{
    int opt, rc;

    *q = (struct bench_request){
        .queued = {{10, 1000, 100000}, 3}, .test = -1, .mode = BENCH_ADAPTIVE};

    argv[0] = (char *)"hepta bench"; /* the name in getopt's own messages */
    while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (opt == 'h')
            return -1;
        rc = opt == '?' ? cli_usage("can't go on") : read_option(q, opt);
        if (rc)
            return rc;
    }
    rc = read_kinds(q, argv + optind); /* argv ends with NULL */
    settle(q);
    return rc ? rc : check(q);
}
