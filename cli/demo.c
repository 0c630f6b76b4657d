/* SPDX-License-Identifier: MIT */
/*
 * cli/demo.c - `hepta demo`: the same file through the kernel's pipe and through Hepta's
 *
 * Two acts. First the file goes from this process to one that is related to it by exec
 * only, in small, middle and large records, the rivals in turns, the median of up to
 * three runs. Then a writer is killed half-way. An alarm ends the demo if anything hangs.
 */
#define _GNU_SOURCE
#include "cli/demo.h"

#include "bench/cpus.h"
#include "bench/ticks.h"
#include "cli/cli.h"
#include "cli/table.h"

#include <getopt.h>
#include <hepta/base.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define ALARM_S   120
#define BUDGET_NS INT64_C(8000000000) /* no further run once this is used up */

static const size_t records[] = {64, 4096, 65536};
#define N_RECORDS (sizeof(records) / sizeof(*records))

struct demo {
    struct demo_file file;
    int cpu[2];
    struct demo_result result[N_RECORDS][DEMO_WAYS];
    bool failed;
};

static int help(void)
{
    puts("Examples:\n"
         "  hepta demo\n"
         "  hepta demo /usr/bin/gdb\n"
         "  NO_COLOR=1 hepta demo > demo.txt\n"
         "\n"
         "Usage: hepta demo [FILE]\n"
         "\n"
         "Sends FILE (default: a large file of this machine; at most the first 64 MiB) from one\n"
         "process to another through the kernel's pipe and through Hepta's, in records of 64 "
         "bytes,\n"
         "4 KiB and 64 KiB, and checks the SHA-256 on the other side. Then kills a writer in the\n"
         "middle of a transfer, to show what the reader sees. Takes some 10 seconds.\n"
         "\n"
         "Exit status: 0 every byte arrived as it was sent, 1 not so, 3 there is no such FILE.");
    return cli_finish(CLI_OK);
}

/* The children go with this process: PR_SET_PDEATHSIG. */
static void on_alarm(int signal)
{
    static const char text[] = "\nhepta demo: it hangs: stopped after 120 s\n";

    (void)signal;
    if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
        _exit(CLI_FAILED);
    _exit(CLI_TIMED_OUT);
}

static void transfers(struct demo *d, int run)
{
    for (size_t i = 0; i < N_RECORDS; i++) {
        for (int way = 0; way < DEMO_WAYS; way++) {
            struct demo_result *r = &d->result[i][way];
            cli_progress("run %d of %d: %zu MB in records of %zu bytes: %s", run + 1, DEMO_RUNS_MAX,
                         d->file.len / 1000000, records[i], demo_way_name((enum demo_way)way));
            if (!r->err)
                r->err = demo_transfer(&d->file, (enum demo_way)way, records[i], d->cpu,
                                       &r->seconds[run], &r->wrong);
            r->n += !r->err;
        }
    }
}

static void round_trips(struct demo *d)
{
    for (size_t i = 0; i < N_RECORDS; i++) {
        for (int way = 0; way < DEMO_WAYS; way++) {
            struct demo_result *r = &d->result[i][way];
            cli_progress("round trips of %zu bytes: %s", records[i],
                         demo_way_name((enum demo_way)way));
            if (!r->err)
                r->err = demo_round_trip((enum demo_way)way, records[i], d->cpu, &r->rtt_p50_ns,
                                         &r->rtt_p99_ns);
        }
    }
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double seconds(struct demo_result *r)
{
    qsort(r->seconds, (size_t)r->n, sizeof(*r->seconds), ascending);
    return r->n ? r->seconds[r->n / 2] : 0;
}

static void transfer_line(struct libscols_table *table, struct demo *d, size_t i, int way)
{
    struct demo_result *r = &d->result[i][way], *kernel = &d->result[i][DEMO_KERNEL];
    struct libscols_line *line = table_line(table);
    double s = seconds(r);
    char text[FIGURE_LEN];

    table_set(line, 0, "%zu B", records[i]);
    table_set(line, 1, "%s", demo_way_name((enum demo_way)way));
    if (r->err) {
        table_set(line, 8, "%s", hepta_strerror(r->err));
        table_colour(line, "red");
        return;
    }
    table_set(line, 2, "%.0f", (double)d->file.len / s / 1e6);
    table_set(line, 3, "%s",
              figure_rate(text, (double)((d->file.len + records[i] - 1) / records[i]) / s));
    table_set(line, 5, "%s", figure_time(text, r->rtt_p50_ns));
    table_set(line, 6, "%s", figure_time(text, r->rtt_p99_ns));
    if (way != DEMO_KERNEL && !kernel->err) {
        table_set(line, 4, "%.1f x", seconds(kernel) / s);
        table_set(line, 7, "%.1f x", kernel->rtt_p50_ns / r->rtt_p50_ns);
    }
    table_set(line, 8, "%s", r->wrong ? "WRONG" : "right");
    if (r->wrong)
        table_colour(line, "red");
}

static void print_transfers(struct demo *d)
{
    static const char *const columns[] = {
        ">RECORD",         "PIPE",    ">MB/S",   ">RECORDS/S", ">FASTER", ">ROUND TRIP P50",
        ">ROUND TRIP P99", ">FASTER", "SHA-256", NULL};
    struct libscols_table *table = table_new(columns);

    for (size_t i = 0; i < N_RECORDS; i++) {
        for (int way = 0; way < DEMO_WAYS; way++) {
            transfer_line(table, d, i, way);
            d->failed |= d->result[i][way].err || d->result[i][way].wrong;
        }
    }
    table_end(table);
    puts(
        "\nBlocking calls on both sides, equal capacities (64 KiB; 1 MiB for 64 KiB records). The\n"
        "clock stops when the last byte is in the receiver's buffer; the SHA-256 is computed\n"
        "after that. A round trip goes through two pipes.");
}

static void kill_line(struct libscols_table *table, struct demo *d, enum demo_way way)
{
    struct demo_kill k;
    int rc = demo_kill(&d->file, way, d->cpu, &k);
    bool exact = way == DEMO_KERNEL || k.committed == k.received;
    bool good = !rc && k.prefix && k.whole && exact;
    struct libscols_line *line = table_line(table);
    char text[FIGURE_LEN];

    d->failed |= !good;
    table_set(line, 0, "%s", demo_way_name(way));
    if (!good)
        table_colour(line, "red");
    if (rc) {
        table_set(line, 3, "%s", hepta_strerror(rc));
        return;
    }
    table_set(line, 1, "%llu", (unsigned long long)k.received);
    if (way != DEMO_KERNEL)
        table_set(line, 2, "%llu", (unsigned long long)k.committed);
    table_set(line, 3, "%s", !k.prefix ? "WRONG" : k.whole ? "as sent" : "PART OF A RECORD");
    table_set(line, 4, "%s", figure_time(text, k.eof_ns));
}

static void kills(struct demo *d)
{
    static const char *const columns[] = {"PIPE",     ">BYTES READ",        ">BYTES COMMITTED",
                                          "CONTENTS", ">END-OF-FILE AFTER", NULL};
    struct libscols_table *table = table_new(columns);

    puts("\nA writer killed with SIGKILL in the middle of a transfer; the reader then reads on:\n");
    fflush(stdout);
    for (int way = 0; way < DEMO_WAYS; way++) {
        cli_progress("killing a writer: %s", demo_way_name((enum demo_way)way));
        kill_line(table, d, (enum demo_way)way);
    }
    table_end(table);
    printf("\nRecords of %d bytes. The time includes what the kernel needs to release the victim. "
           "The\n"
           "kernel's pipe doesn't tell how much was written to it.\n",
           DEMO_KILL_RECORD);
}

static void introduce(const struct demo *d)
{
    printf("Sending %s%s (%zu bytes) from process to process, related by exec only, %s.\n\n",
           d->file.cut ? "the beginning of " : "", d->file.path, d->file.len,
           d->cpu[0] != d->cpu[1] ? "on two cores" : "both on one cpu");
    fflush(stdout);
}

static int act(struct demo *d)
{
    int64_t start = bench_now_ns();

    if (bench_cpus_pick(true, d->cpu) && bench_cpus_pick(false, d->cpu)) {
        cli_error("can't find out which cpus this process may use; is /proc mounted?");
        return CLI_FAILED;
    }
    introduce(d);
    bench_cpus_pin(d->cpu[0]);
    for (int run = 0; run < DEMO_RUNS_MAX; run++)
        if (run == 0 || bench_now_ns() - start < BUDGET_NS)
            transfers(d, run);
    round_trips(d);
    print_transfers(d);
    kills(d);
    return d->failed ? CLI_FAILED : CLI_OK;
}

int cli_demo(int argc, char **argv)
{
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    static struct demo d;
    int opt;

    argv[0] = (char *)"hepta demo";
    while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1)
        return opt == 'h' ? help() : cli_usage("can't go on");
    if (argc - optind > 1)
        return cli_usage("one file at a time; '%s' is too many", argv[optind + 1]);
    signal(SIGALRM, on_alarm);
    alarm(ALARM_S);
    int rc = demo_file_open(&d.file, argv[optind]);
    if (!rc)
        rc = act(&d);
    demo_file_close(&d.file);
    return cli_finish(rc);
}
