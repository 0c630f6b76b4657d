/* SPDX-License-Identifier: MIT */
/*
 * bench/target_table.h - how the tables of targets are written, one per mechanism
 *
 * Only ratios within one run count: the same machine moves a cache line in 45 ns on one
 * day and in 230 ns on another. Latencies are compared as times (a target "6 x slower"
 * puts the rival on top of the fraction), streams as rates.
 */
#ifndef BENCH_TARGET_TABLE_H
#define BENCH_TARGET_TABLE_H

#include "bench/targets.h"

/* The cases (target_cases[]), in the order in which they run. */
enum {
    PP_BUSY,
    PP_ADAPT,
    PP_SLEEP,
    SAME_ADAPT,
    SAME_SLEEP,
    PP64K,
    ST64,
    ST64_SLEEP,
    ST64K,
    ST64K_SLEEP,
    ST_UDP, /* the largest datagram */
    ST_UDP_SLEEP,
    ST1M,
    PAIR64,
    PAIR8,
    PP8,
    FAN64,
    SELECT_100K,
    PAIR, /* these carry nothing */
    UNDO,
    PERMIT,
    PP_BARE,
    SAME_BARE,
    MUTEX,
    CELL64,
    N_CASES,
};

extern const struct bench_case target_cases[N_CASES];

/* clang-format off */
/* One row: figures of two back ends in one case ... */
#define RATIO(figure, of, by, on) TARGET_##figure, {of, on}, {by, on}
/* ... or of one back end in two. */
#define MODES(backend, of, by) TARGET_RATE, {backend, of}, {backend, by}
#define MOST(bound) TARGET_AT_MOST, bound
#define LEAST(bound) TARGET_AT_LEAST, bound
/* clang-format on */

/* Ended by a row without text. */
extern const struct target target_pipe[], target_fifo[], target_unix[];
extern const struct target target_tcp[], target_udp[];
extern const struct target target_mq[], target_msg[];
extern const struct target target_sem[], target_semset[], target_shm[];
extern const struct target target_signal[];

#endif
