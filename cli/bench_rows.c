/* SPDX-License-Identifier: MIT */
/*
 * cli/bench_rows.c - from a request to cells
 *
 * A request is the product of its lists (tests, sizes, cpus) with all back ends that fit. What is
 * compared must be measured one right after the other, so back ends are the innermost.
 */
#define _GNU_SOURCE
#include "cli/bench_rows.h"

#include "bench/targets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool wanted(const struct bench_request *q, const char *name)
{
    size_t len = strlen(name);

    if (!q->backends)
        return true;
    for (const char *s = q->backends; s; s = strchr(s, ',') ? strchr(s, ',') + 1 : NULL)
        if (!strncmp(s, name, len) && (s[len] == ',' || !s[len]))
            return true;
    return false;
}

static void add_backends(const struct bench_request *q, const struct bench_case *on,
                         struct bench_part *part)
{
    for (const struct bench_backend *const *b = part->mechanism->backends; *b; b++)
        if (wanted(q, (*b)->name) && bench_fits(*b, on))
            part->cells[part->n++] = (struct bench_cell){.backend = *b, .on = *on};
}

/* Those that were asked for; else a kind's own; else 64, and of a stream in a report four. */
static struct bench_sizes sizes(const struct bench_request *q, const struct bench_mechanism *m,
                                enum bench_test test)
{
    struct bench_sizes s = {{64, 1024, 4096, 65536}, q->report && test == BENCH_STREAM ? 4 : 1};

    if (!bench_has_bytes(m, test))
        return (struct bench_sizes){{0}, 1};
    if (q->bytes.n > 0)
        return q->bytes;
    if (m->bytes[0])
        return (struct bench_sizes){{m->bytes[0], m->bytes[1]}, m->bytes[1] ? 2 : 1};
    for (int i = 0; i < s.n; i++)
        if (m->most && s.at[i] > m->most)
            s.at[i] = m->most;
    return s;
}

static void add_case(const struct bench_request *q, struct bench_case on, struct bench_part *part)
{
    bool select = on.test == BENCH_SELECT, alone = !bench_shapes[on.test].n[BENCH_SECOND];

    on.capacity = bench_capacity(part->mechanism, on.bytes);
    for (int i = 0; i < (select ? q->queued.n : 1); i++) {
        on.queued = select ? q->queued.at[i] : 0;
        for (int cpus = BENCH_APART; cpus >= BENCH_SAME; cpus--) {
            on.cpus = (enum bench_cpus)cpus;
            if (alone ? cpus == BENCH_SAME : q->cpus[cpus])
                add_backends(q, &on, part);
        }
    }
}

static void add_test(const struct bench_request *q, enum bench_test test, struct bench_part *part)
{
    struct bench_sizes s = sizes(q, part->mechanism, test);

    for (int i = 0; i < s.n; i++)
        add_case(q, (struct bench_case){.test = test, .bytes = s.at[i], .mode = q->mode}, part);
}

static bool has(const struct bench_part *part, const struct bench_cell *cell)
{
    for (size_t i = 0; i < part->n_asked; i++)
        if (part->cells[i].backend == cell->backend &&
            bench_same_case(&part->cells[i].on, &cell->on))
            return true;
    return false;
}

/* A case whose rivals were asked for is there as a whole, so its order stays. */
static int add_targets(struct bench_part *part)
{
    size_t n;
    struct bench_cell *cells = target_cells(part->mechanism, &n);
    struct bench_cell *all =
        cells ? realloc(part->cells, (part->n + n + 1) * sizeof(*all)) : NULL;

    if (all) {
        part->cells = all;
        for (size_t i = 0; i < n; i++)
            if (!has(part, &cells[i]))
                part->cells[part->n++] = cells[i];
    }
    free(cells);
    return all ? 0 : -ENOMEM;
}

static int product(const struct bench_request *q, struct bench_part *part)
{
    size_t n_all = 0, n_sizes = (size_t)(q->bytes.n > 4 ? q->bytes.n : 4);

    while (part->mechanism->backends[n_all])
        n_all++;
    size_t n_cases = 2 * n_sizes * (size_t)(BENCH_N_TESTS + q->queued.n);
    part->cells = calloc(n_cases * n_all, sizeof(*part->cells));
    if (!part->cells)
        return -ENOMEM;
    for (int test = 0; test < BENCH_N_TESTS; test++)
        if ((q->test < 0 || q->test == test) &&
            bench_has_test(part->mechanism, (enum bench_test)test))
            add_test(q, (enum bench_test)test, part);
    part->n_asked = part->n;
    return 0;
}

int bench_rows(const struct bench_request *q, const struct bench_mechanism *m,
               struct bench_part *part)
{
    *part = (struct bench_part){.mechanism = m};
    if (q->targets) {
        part->cells = target_cells(m, &part->n);
        part->n_asked = part->n;
        return part->cells ? 0 : -ENOMEM;
    }
    int rc = product(q, part);
    return !rc && q->report && !q->narrowed ? add_targets(part) : rc;
}
