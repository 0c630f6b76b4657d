/* SPDX-License-Identifier: MIT */
/* cli/bench_json.h - a result as a JSON object: on standard output and in a report the same */
#ifndef CLI_BENCH_JSON_H
#define CLI_BENCH_JSON_H

#include "bench/bench.h"
#include "bench/targets.h"

struct json_object;

#define BENCH_JSON_FORM (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)

/* The caller puts them. What wasn't measured is null. */
struct json_object *bench_json_cell(const struct bench_mechanism *mechanism,
                                    const struct bench_cell *cell);
struct json_object *bench_json_target(const struct bench_mechanism *m, const struct target *t,
                                      double ratio, enum target_verdict verdict);

const char *bench_verdict_name(enum target_verdict verdict);

#endif
