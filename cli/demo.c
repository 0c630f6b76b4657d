/* SPDX-License-Identifier: MIT */
/*
 * cli/demo.c - `hepta demo`: a file through all seven mechanisms
 *
 * One after another, each by the kernel's object and by Hepta's, between separately executed
 * programs; each does what it is for, which is checked, and so is the file. At the end a
 * worker is killed, and nothing is lost. An alarm ends the demo if anything hangs; however it ends,
 * nothing is left behind, since the other programs go with this one (PR_SET_PDEATHSIG).
 */
#define _GNU_SOURCE
#include "cli/demo.h"

#include "bench/cpus.h"
#include "cli/cli.h"
#include "cli/table.h"

#include <getopt.h>
#include <hepta/base.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ALARM_S 120

#define SCENES_MAX 32

static volatile sig_atomic_t stopped;

struct demo {
    struct demo_file file;
    int cpu[2];
    struct demo_result result[SCENES_MAX][DEMO_WAYS];
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
         "program to another through pipe, FIFO, signals, message queues, shared memory,\n"
         "semaphores and sockets: the kernel's, then Hepta's. Each does before what only it can\n"
         "do. The SHA-256 is checked on the other side. At last a worker is killed. Takes less\n"
         "than a minute. Signals, raw sockets and semaphores carry the beginning of the file.\n"
         "\n"
         "Exit status: 0 all of it is as it should be, 1 not so, 3 there is no such FILE.");
    return cli_finish(CLI_OK);
}

/* What waits notices it (demo_stopped()), and clears up. */
static void on_signal(int signo)
{
    stopped = signo;
}

int demo_stopped(void)
{
    return stopped;
}

static void listen_for_signals(void)
{
    static const int signos[] = {SIGALRM, SIGINT, SIGTERM, SIGHUP};
    struct sigaction sa = {.sa_handler = on_signal}; /* not SA_RESTART: what waits is to notice */

    for (size_t i = 0; i < sizeof(signos) / sizeof(*signos); i++)
        sigaction(signos[i], &sa, NULL);
    alarm(ALARM_S);
}

static const char *rate(char text[64], const struct demo_result *r)
{
    char messages[FIGURE_LEN];

    if (r->messages > 1 && r->bytes / r->messages < 1024)
        snprintf(text, 64, "%s/s", figure_rate(messages, r->messages / r->seconds));
    else
        snprintf(text, 64, "%.0f MB/s", r->bytes / r->seconds / 1e6);
    return text;
}

/* "pipe: one way only...  Hepta 1234 MB/s, 5.6 times the kernel's" */
static void say_line(const struct demo_scene *s, const struct demo_result r[DEMO_WAYS])
{
    const struct demo_result *hepta = &r[DEMO_HEPTA], *kernel = &r[DEMO_KERNEL];
    char text[64];

    printf("%-29s", s->title);
    if (hepta->err == DEMO_SKIPPED) {
        puts("left out: it takes root and ip(8) to make a network");
    } else if (hepta->err || kernel->err) {
        printf("FAILED: %s: %s\n", hepta->err ? "Hepta's" : "the kernel's",
               hepta_strerror(hepta->err ? hepta->err : kernel->err));
    } else if (!s->from[DEMO_KERNEL]) {
        printf("%s; %s\n", s->shows, rate(text, hepta));
    } else {
        printf("%s; %s, %.1f times the kernel's\n", s->shows, rate(text, hepta),
               kernel->seconds / hepta->seconds);
    }
    fflush(stdout);
}

static void play_all(struct demo *d)
{
    for (size_t i = 0; i < demo_n_scenes && !stopped; i++) {
        const struct demo_scene *s = &demo_scenes[i];
        for (int way = 0; way < DEMO_WAYS; way++) {
            struct demo_result *r = &d->result[i][way];
            if (!s->from[way])
                continue;
            cli_progress("%s: %s", s->title, way == DEMO_KERNEL ? "the kernel's" : "Hepta's");
            demo_play(s, (enum demo_way)way, &d->file, d->cpu, r);
            d->failed |= (r->err && r->err != DEMO_SKIPPED) || r->wrong;
        }
        cli_progress_clear();
        say_line(s, d->result[i]);
    }
}

static void table_row(struct libscols_table *table, const struct demo_scene *s,
                      const struct demo_result r[DEMO_WAYS])
{
    const struct demo_result *hepta = &r[DEMO_HEPTA], *kernel = &r[DEMO_KERNEL];
    struct libscols_line *line = table_line(table);
    bool wrong = hepta->wrong || kernel->wrong || hepta->err < 0 || kernel->err < 0;
    char text[64];

    table_set(line, 0, "%s", s->title);
    table_set(line, 5, "%s", hepta->err == DEMO_SKIPPED ? "-" : wrong ? "WRONG" : "right");
    if (wrong)
        table_colour(line, "red");
    if (wrong || hepta->err)
        return;
    table_set(line, 1, "%.1f", hepta->bytes / 1e6);
    table_set(line, 3, "%s", rate(text, hepta));
    if (s->from[DEMO_KERNEL]) {
        table_set(line, 2, "%s", rate(text, kernel));
        table_set(line, 4, "%.1f x", kernel->seconds / hepta->seconds);
    }
}

static void print_table(struct demo *d)
{
    static const char *const columns[] = {"MECHANISM", ">MB",     ">KERNEL", ">HEPTA",
                                          ">FASTER",   "SHA-256", NULL};
    struct libscols_table *table = table_new(columns);

    puts("");
    for (size_t i = 0; i < demo_n_scenes; i++)
        table_row(table, &demo_scenes[i], d->result[i]);
    table_end(table);
    puts("\nFrom the first byte sent to the last one received, once each, blocking calls on both\n"
         "sides; where KERNEL is empty Hepta's object is the kernel's own.");
}

static void last_act(struct demo *d)
{
    struct demo_lease r;

    cli_progress("a worker is killed");
    demo_lease_play(&d->file, d->cpu, &r);
    cli_progress_clear();
    d->failed |= r.err || r.wrong;
    printf("\nA worker that takes blocks of the file from a queue on a lease was killed (SIGKILL)\n"
           "after %zu of %zu; another went on",
           r.before, r.messages);
    if (r.err)
        printf(": FAILED: %s\n", hepta_strerror(r.err));
    else
        printf(". %u came again; the file is %s.\n", r.again, r.wrong ? "WRONG" : "whole");
}

static void introduce(const struct demo *d)
{
    printf("Sending %s%s (%zu bytes) from program to program, %s.\n\n",
           d->file.cut ? "the beginning of " : "", d->file.path, d->file.len,
           d->cpu[0] != d->cpu[1] ? "on two cores" : "both on one cpu");
    fflush(stdout);
}

static int act(struct demo *d)
{
    if (bench_cpus_pick(true, d->cpu) && bench_cpus_pick(false, d->cpu)) {
        cli_error("can't find out which cpus this process may use; is /proc mounted?");
        return CLI_FAILED;
    }
    introduce(d);
    play_all(d);
    if (!stopped)
        last_act(d);
    if (stopped) {
        cli_error(stopped == SIGALRM ? "it hangs: stopped after 120 s" : "stopped");
        return stopped == SIGALRM ? CLI_TIMED_OUT : CLI_FAILED;
    }
    print_table(d);
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
    listen_for_signals();
    int rc = demo_file_open(&d.file, argv[optind]);
    if (!rc)
        rc = act(&d);
    demo_file_close(&d.file);
    return cli_finish(rc);
}
