/* SPDX-License-Identifier: MIT */
/*
 * bench/targets.c - the promises about speed: which cases they need, and whether they hold
 *
 * The rows stand in targets_*.c, by mechanism; how they are written, in target_table.h.
 */
#include "bench/targets.h"

#include "bench/target_table.h"

#include <stdlib.h>
#include <string.h>

#define CASE(test, bytes, mode, cpus) {test, bytes, mode, cpus, 0, 0}

/* What is compared stands close together. */
const struct bench_case target_cases[N_CASES] = {
    [PP_BUSY] = CASE(BENCH_PINGPONG, 64, BENCH_BUSY, BENCH_APART),
    [PP_ADAPT] = CASE(BENCH_PINGPONG, 64, BENCH_ADAPTIVE, BENCH_APART),
    [PP_SLEEP] = CASE(BENCH_PINGPONG, 64, BENCH_SLEEP, BENCH_APART),
    [SAME_ADAPT] = CASE(BENCH_PINGPONG, 64, BENCH_ADAPTIVE, BENCH_SAME),
    [SAME_SLEEP] = CASE(BENCH_PINGPONG, 64, BENCH_SLEEP, BENCH_SAME),
    [PP64K] = CASE(BENCH_PINGPONG, 65536, BENCH_BUSY, BENCH_APART),
    [ST64] = CASE(BENCH_STREAM, 64, BENCH_BUSY, BENCH_APART),
    [ST64K] = CASE(BENCH_STREAM, 65536, BENCH_BUSY, BENCH_APART),
    [ST64_SLEEP] = CASE(BENCH_STREAM, 64, BENCH_SLEEP, BENCH_APART),
    [ST64K_SLEEP] = CASE(BENCH_STREAM, 65536, BENCH_SLEEP, BENCH_APART),
    [ST_UDP] = CASE(BENCH_STREAM, 65507, BENCH_BUSY, BENCH_APART),
    [ST_UDP_SLEEP] = CASE(BENCH_STREAM, 65507, BENCH_SLEEP, BENCH_APART),
    [ST1M] = CASE(BENCH_STREAM, 1u << 20, BENCH_BUSY, BENCH_APART),
    [PAIR64] = CASE(BENCH_PAIR, 64, BENCH_ADAPTIVE, BENCH_SAME),
    [PAIR8] = CASE(BENCH_PAIR, 8, BENCH_ADAPTIVE, BENCH_SAME),
    [PP8] = CASE(BENCH_PINGPONG, 8, BENCH_ADAPTIVE, BENCH_APART),
    [FAN64] = CASE(BENCH_FANIN, 64, BENCH_ADAPTIVE, BENCH_APART),
    [SELECT_100K] = {BENCH_SELECT, 64, BENCH_ADAPTIVE, BENCH_SAME, 0, 100000},
    [PAIR] = CASE(BENCH_PAIR, 0, BENCH_ADAPTIVE, BENCH_SAME),
    [UNDO] = CASE(BENCH_UNDO, 0, BENCH_ADAPTIVE, BENCH_SAME),
    [PERMIT] = CASE(BENCH_PERMIT, 0, BENCH_ADAPTIVE, BENCH_SAME),
    [PP_BARE] = CASE(BENCH_PINGPONG, 0, BENCH_ADAPTIVE, BENCH_APART),
    [SAME_BARE] = CASE(BENCH_PINGPONG, 0, BENCH_ADAPTIVE, BENCH_SAME),
    [MUTEX] = CASE(BENCH_MUTEX, 0, BENCH_ADAPTIVE, BENCH_SAME),
    [CELL64] = CASE(BENCH_CELL, 64, BENCH_ADAPTIVE, BENCH_APART),
};

static const struct {
    const char *mechanism;
    const struct target *targets;
} tables[] = {
    {"pipe", target_pipe}, {"fifo", target_fifo}, {"unix", target_unix},
    {"tcp", target_tcp},   {"udp", target_udp},   {"mq", target_mq},
    {"msg", target_msg},   {"sem", target_sem},   {"semset", target_semset},
    {"shm", target_shm},   {"signal", target_signal},
};

const struct target *target_list(const struct bench_mechanism *m, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
        if (strcmp(tables[i].mechanism, m->name))
            continue;
        const struct target *t = tables[i].targets;
        while (t[*n].text)
            (*n)++;
        return t;
    }
    return NULL;
}

static struct bench_cell *find(const struct bench_cell *cells, size_t n,
                               const struct target_side *side)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(cells[i].backend->name, side->backend) &&
            bench_same_case(&cells[i].on, &target_cases[side->on]))
            return (struct bench_cell *)&cells[i];
    return NULL;
}

static void add(struct bench_cell *cells, size_t *n, const struct bench_mechanism *m,
                const struct target_side *side)
{
    struct bench_case on = target_cases[side->on];

    on.capacity = bench_capacity(m, on.bytes);
    const struct bench_backend *backend = bench_backend(m, side->backend, &on);
    if (backend && !find(cells, *n, side))
        cells[(*n)++] = (struct bench_cell){.backend = backend, .on = on};
}

struct bench_cell *target_cells(const struct bench_mechanism *m, size_t *n_cells)
{
    size_t n;
    const struct target *t = target_list(m, &n);
    struct bench_cell *cells = calloc(2 * n + 1, sizeof(*cells));

    *n_cells = 0;
    if (!cells)
        return NULL;
    /* By case, so that rivals run one right after the other. */
    for (int on = 0; on < N_CASES; on++) {
        for (size_t i = 0; i < n; i++) {
            if (t[i].of.on == on)
                add(cells, n_cells, m, &t[i].of);
            if (t[i].by.on == on)
                add(cells, n_cells, m, &t[i].by);
        }
    }
    return cells;
}

enum target_verdict target_judge(const struct target *t, const struct bench_cell *cells,
                                 size_t n_cells, double *ratio)
{
    static const size_t offsets[] = {
        [TARGET_P50] = offsetof(struct bench_sample, p50_ns),
        [TARGET_P99] = offsetof(struct bench_sample, p99_ns),
        [TARGET_RATE] = offsetof(struct bench_sample, msgs_per_s),
    };
    const struct bench_cell *of = find(cells, n_cells, &t->of);
    const struct bench_cell *by = find(cells, n_cells, &t->by);

    *ratio = of && by ? bench_ratio(of, by, offsets[t->figure]) : 0;
    if (*ratio <= 0)
        return TARGET_UNKNOWN;
    bool met = t->kind == TARGET_AT_MOST ? *ratio <= t->bound : *ratio >= t->bound;
    return met ? TARGET_MET : TARGET_MISSED;
}
