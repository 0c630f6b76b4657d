/* SPDX-License-Identifier: MIT */
/* cli/report_group.c - what belongs into one drawing, what it is called, how it looks */
#include "cli/report_page.h"

#include "cli/bench_print.h"
#include "cli/report_html.h"
#include "cli/report_svg.h"

#include <string.h>

static void add_size(struct report_group *g, size_t bytes)
{
    for (int i = 0; i < g->n_bytes; i++)
        if (g->bytes[i] == bytes)
            return;
    if (g->n_bytes < BENCH_SIZES_MAX)
        g->bytes[g->n_bytes++] = bytes;
}

void report_group(struct report_group *g, const struct bench_part *part, enum bench_test test,
                  enum bench_cpus cpus)
{
    *g = (struct report_group){.part = part, .test = test, .cpus = cpus};
    for (size_t i = 0; i < part->n_asked && g->n < REPORT_GROUP_MAX; i++) {
        const struct bench_cell *cell = &part->cells[i];
        if (cell->on.test != test || cell->on.cpus != cpus)
            continue;
        g->mode = cell->on.mode;
        g->cell[g->n++] = cell;
        add_size(g, cell->on.bytes);
    }
}

bool report_over_size(const struct report_group *g)
{
    return bench_shapes[g->test].rate && g->n_bytes > 1;
}

const char *report_label(char text[REPORT_LABEL], const struct report_group *g,
                         const struct bench_cell *cell)
{
    char size[HTML_FIGURE];
    int len = snprintf(text, REPORT_LABEL, "%s", cell->backend->name);

    if (g->n_bytes > 1)
        len += snprintf(text + len, REPORT_LABEL - (size_t)len, ", %s",
                        html_size(size, cell->on.bytes));
    if (g->test == BENCH_SELECT)
        snprintf(text + len, REPORT_LABEL - (size_t)len, ", behind %zu", cell->on.queued);
    return text;
}

const char *report_test_title(enum bench_test test)
{
    static const char *const titles[BENCH_N_TESTS] = {
        [BENCH_PINGPONG] = "Ping-pong",
        [BENCH_STREAM] = "Stream",
        [BENCH_PAIR] = "Both operations in one process",
        [BENCH_FANIN] = "Four senders, one receiver",
        [BENCH_MANY] = "Four senders, four receivers",
        [BENCH_SELECT] = "A message picked by its type",
        [BENCH_UNDO] = "Up and down, with undo",
        [BENCH_PERMIT] = "Permit, taken and given",
        [BENCH_MUTEX] = "Mutex, locked and unlocked",
        [BENCH_CONTEND] = "Mutex of two processes",
        [BENCH_CELL] = "Cell, a million writes a second",
        [BENCH_STORM] = "Cell, written without a pause",
    };

    return titles[test];
}

const char *report_case(char text[REPORT_LABEL], const struct report_group *g)
{
    char size[HTML_FIGURE] = "";
    bool alone = !bench_shapes[g->test].n[BENCH_SECOND];

    if (g->n_bytes == 1 && g->bytes[0])
        html_size(size, g->bytes[0]);
    snprintf(text, REPORT_LABEL, "%s%s%s, %s", size, *size ? ", " : "",
             alone                    ? "nobody else there"
             : g->cpus == BENCH_APART ? "different cores"
                                      : "same core",
             bench_mode_name(g->mode));
    return text;
}

bool report_is_ours(const struct bench_cell *cell)
{
    return !strncmp(cell->backend->name, "hepta", 5);
}

double report_faster(const struct bench_part *part, const struct bench_cell *cell)
{
    const char *name = cell->backend->rival ? cell->backend->rival : "kernel";
    const struct bench_cell *rival = bench_rival(part->cells, part->n, &cell->on, name);

    return rival && rival != cell && cell->status == BENCH_OK ? bench_faster(cell, rival) : 0;
}

bool report_is_slower(double faster)
{
    return faster > 0 && faster < 0.995;
}

static char family(const char *name)
{
    if (!strncmp(name, "hepta", 5))
        return 'h';
    if (!strncmp(name, "kernel", 6))
        return 'k';
    return strcmp(name, "limit") ? 'o' : 'l';
}

/* The n-th of its family in the list; two of one name are one. */
struct report_look report_look(const struct bench_mechanism *m, const char *backend)
{
    struct report_look look = {.class = {family(backend)}};
    int n = 0;

    for (const struct bench_backend *const *b = m->backends; *b && strcmp((*b)->name, backend); b++)
        n += family((*b)->name) == *look.class;
    look.class[1] = (char)('0' + n % 4);
    look.shape = *look.class == 'l' ? SVG_CROSS : n % 4; /* circle, square, triangle, diamond */
    return look;
}
