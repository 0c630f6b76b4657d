/* SPDX-License-Identifier: MIT */
/* cli/bench_json.c - see bench_json.h */
#include "cli/bench_json.h"

#include <json-c/json.h>
#include <math.h>
#include <string.h>

static void add_text(struct json_object *o, const char *key, const char *value)
{
    json_object_object_add(o, key, json_object_new_string(value));
}

static void add_count(struct json_object *o, const char *key, size_t value)
{
    json_object_object_add(o, key, json_object_new_int64((int64_t)value));
}

/* null where nothing is carried. */
static void add_bytes(struct json_object *o, const struct bench_case *on)
{
    if (on->bytes)
        add_count(o, "bytes", on->bytes);
    else
        json_object_object_add(o, "bytes", NULL);
}

/* What a test doesn't measure is null, not 0. */
static void add_figure(struct json_object *o, const char *key, double value)
{
    json_object_object_add(o, key, value > 0 ? json_object_new_double(value) : NULL);
}

static double round_to(double value, double step)
{
    return floor(value / step + 0.5) * step;
}

struct json_object *bench_json_cell(const struct bench_mechanism *mechanism,
                                    const struct bench_cell *cell)
{
    struct json_object *o = json_object_new_object();
    struct bench_sample m = bench_median(cell);
    bool ok = cell->status == BENCH_OK;

    if (!ok)
        memset(&m, 0, sizeof(m));
    add_text(o, "mechanism", mechanism->name);
    add_text(o, "backend", cell->backend->name);
    add_text(o, "test", bench_test_name(cell->on.test));
    add_bytes(o, &cell->on);
    if (cell->on.test == BENCH_SELECT)
        add_count(o, "queued", cell->on.queued);
    if (cell->depth)
        add_count(o, "depth", cell->depth);
    add_text(o, "mode", bench_mode_name(cell->on.mode));
    add_text(o, "cpus", bench_cpus_name(cell->on.cpus));
    add_figure(o, "p50_ns", round_to(m.p50_ns, 0.125));
    add_figure(o, "p99_ns", round_to(m.p99_ns, 0.125));
    add_figure(o, "p999_ns", round_to(m.p999_ns, 0.125));
    add_figure(o, "msgs_per_s", round_to(m.msgs_per_s, 0.125));
    add_figure(o, "bytes_per_s", round_to(m.msgs_per_s * (double)cell->on.bytes, 1));
    json_object_object_add(o, "runs", json_object_new_int(ok ? cell->n_samples : 0));
    json_object_object_add(
        o, "spread", ok ? json_object_new_double(round_to(bench_spread(cell), 1.0 / 1024)) : NULL);
    json_object_object_add(o, "disturbed_per_s",
                           ok ? json_object_new_double(round_to(m.disturbed_per_s, 1)) : NULL);
    add_text(o, "status", bench_status_name(cell->status));
    if (!ok)
        add_text(o, "why", cell->why);
    return o;
}

const char *bench_verdict_name(enum target_verdict verdict)
{
    static const char *const names[] = {"met", "missed", "not measured"};

    return names[verdict];
}

struct json_object *bench_json_target(const struct bench_mechanism *m, const struct target *t,
                                      double ratio, enum target_verdict verdict)
{
    struct json_object *o = json_object_new_object();

    add_text(o, "mechanism", m->name);
    add_text(o, "target", t->text);
    add_figure(o, "ratio", ratio); /* not rounded: the verdict can be checked */
    add_text(o, "bound", t->kind == TARGET_AT_MOST ? "at most" : "at least");
    json_object_object_add(o, "than", json_object_new_double(t->bound));
    add_text(o, "verdict", bench_verdict_name(verdict));
    return o;
}
