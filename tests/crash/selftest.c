/* SPDX-License-Identifier: MIT */
/*
 * selftest.c - shows that the stepper can fail: toys with planted bugs must be caught,
 * and the same toys without them, and the kernel's pipe, must pass
 *
 * The toy is a mailbox in a memfd: a length and a text. Right: text first, then length.
 * Planted: length first (half a record), a lock word that dies with its owner (a hang),
 * a descriptor that the survivor forgets (a leak), a verb and a survivor that don't end.
 */
#define _GNU_SOURCE
#include "../lib/t.h"
#include "stepper.h"

#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct toy {
    _Atomic uint32_t lock, len;
    _Atomic char text[16];
};

enum bug { NONE, LEN_FIRST, LOCK_STAYS, LEAK, ENDLESS, SURVIVOR_ENDLESS, LONG };

#define N_LONG 5000 /* rounds: longer than PATIENCE_MS */
#define PATIENCE_MS 1000
#define STEPS 20000 /* of an endless verb */

static struct toy *toy;
static int toy_fd, ends[2];

static enum bug bug_of(struct step_run *run)
{
    return *(const enum bug *)run->sc->arg;
}

static void toy_setup(struct step_run *run)
{
    (void)run;
    toy_fd = memfd_create("stepper-toy", MFD_CLOEXEC);
    if (toy_fd < 0 || ftruncate(toy_fd, 4096) < 0)
        t_die("memfd");
    toy = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, toy_fd, 0);
}

static void toy_verb(struct step_run *run)
{
    if (bug_of(run) == LOCK_STAYS)
        toy->lock = 1;
    for (int i = 0; bug_of(run) == ENDLESS || (bug_of(run) == LONG && i < N_LONG); i++)
        atomic_signal_fence(memory_order_seq_cst);
    if (bug_of(run) == LEN_FIRST)
        toy->len = 5;
    for (int i = 0; i < 5; i++)
        toy->text[i] = "hello"[i];
    toy->len = 5;
    toy->lock = 0;
    step_returned(run, 5);
}

static void toy_survive(struct step_run *run)
{
    int64_t start = t_now_ns();

    while (bug_of(run) == SURVIVOR_ENDLESS)
        atomic_signal_fence(memory_order_seq_cst);
    while (toy->lock && t_now_ns() < start + 150 * T_MS)
        ;
    step_timed(run, start, 0, "lock");
    if (toy->len)
        step_check(run, memcmp((const void *)toy->text, "hello", 5) == 0, "half a record");
    step_check(run, toy->len || !run->returned, "a committed record is lost");
}

static void toy_cleanup(struct step_run *run)
{
    munmap(toy, 4096);
    if (bug_of(run) != LEAK)
        close(toy_fd);
}

/* The kernel's own pipe, as a room would describe it. */
static void kernel_setup(struct step_run *run)
{
    (void)run;
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        t_die("pipe");
}

static void kernel_enter(struct step_run *run)
{
    (void)run;
    close(ends[0]);
}

static void kernel_verb(struct step_run *run)
{
    step_returned(run, write(ends[1], "hello", 5));
}

static void kernel_depart(struct step_run *run)
{
    (void)run;
    close(ends[1]);
}

static void kernel_survive(struct step_run *run)
{
    char buf[16];
    ssize_t got = read(ends[0], buf, sizeof(buf));

    step_check(run, got == 0 || (got == 5 && memcmp(buf, "hello", 5) == 0), "half a write");
    step_check(run, got == 5 || !run->returned, "a committed write is lost");
    if (got > 0)
        step_check(run, read(ends[0], buf, sizeof(buf)) == 0, "no end-of-file");
}

static void kernel_stopped(struct step_run *run)
{
    struct pollfd p = {ends[0], POLLIN, 0};
    int64_t start = t_now_ns();

    poll(&p, 1, 20);
    step_timed(run, start, start + 20 * T_MS, "poll");
}

static void kernel_cleanup(struct step_run *run)
{
    (void)run;
    close(ends[0]);
}

/* A verb that sleeps: the stage must wake it, and be able to kill it asleep. */
static void reader_enter(struct step_run *run)
{
    (void)run;
    close(ends[1]);
    fcntl(ends[0], F_SETFL, 0);
}

static void reader_verb(struct step_run *run)
{
    char c;

    step_returned(run, read(ends[0], &c, 1));
}

static void reader_wake(struct step_run *run)
{
    step_check(run, write(ends[1], "x", 1) == 1, "can't wake");
}

static void reader_resumed(struct step_run *run)
{
    step_check(run, run->returned && run->result == 1, "the reader didn't get its byte");
}

static void reader_cleanup(struct step_run *run)
{
    (void)run;
    close(ends[0]);
    close(ends[1]);
}

static const enum bug bugs[] = {NONE,    LEN_FIRST,        LOCK_STAYS, LEAK,
                                ENDLESS, SURVIVOR_ENDLESS, LONG};

#define TOY(title, i)                                                                             \
    {                                                                                              \
        .name = title, .segment = "/memfd:stepper-toy", .arg = &bugs[i], .kinds = STEP_KILL,       \
        .setup = toy_setup, .verb = toy_verb, .survive = toy_survive, .cleanup = toy_cleanup,      \
        .patience_ms = PATIENCE_MS, .steps_max = (i) == ENDLESS ? STEPS : 0,                       \
        .every = (i) > LEAK ? 100 : 1                                                              \
    }

static const struct step_scenario good[] = {
    TOY("toy mailbox, right", NONE),
    TOY("toy mailbox, right, and slow", LONG),
    {.name = "kernel pipe, write", .segment = "none", .kinds = STEP_KILL | STEP_STOP,
     .setup = kernel_setup, .enter = kernel_enter, .verb = kernel_verb, .depart = kernel_depart,
     .survive = kernel_survive, .stopped = kernel_stopped, .cleanup = kernel_cleanup},
    {.name = "kernel pipe, read that sleeps", .segment = "none", .kinds = STEP_KILL | STEP_STOP,
     .setup = kernel_setup, .enter = reader_enter, .verb = reader_verb, .wake = reader_wake,
     .resumed = reader_resumed, .cleanup = reader_cleanup},
};

static const struct step_scenario planted[] = {
    TOY("toy mailbox, length first", LEN_FIRST),
    TOY("toy mailbox, lock stays", LOCK_STAYS),
    TOY("toy mailbox, leak", LEAK),
    TOY("toy mailbox, verb doesn't end", ENDLESS),
    TOY("toy mailbox, survivor doesn't end", SURVIVOR_ENDLESS),
};

static int run_planted(int argc, char **argv, const struct step_scenario *sc)
{
    int keep = dup(2), null = open("/dev/null", O_WRONLY | O_CLOEXEC), n_failed;

    dup2(null, 2); /* its reports of failures would look like ours */
    n_failed = step_main(argc, argv, &sc, 1);
    dup2(keep, 2);
    close(keep);
    close(null);
    printf("%s: %s\n", sc->name, n_failed ? "caught" : "NOT CAUGHT");
    return n_failed == 0;
}

int main(int argc, char **argv)
{
    const struct step_scenario *list[T_COUNT(good)];
    int n_failed;

    for (size_t i = 0; i < T_COUNT(good); i++)
        list[i] = &good[i];
    n_failed = step_main(argc, argv, list, T_COUNT(good));
    if (n_failed == 77)
        return 77;
    for (size_t i = 0; i < T_COUNT(planted); i++)
        n_failed += run_planted(argc, argv, &planted[i]);
    return n_failed != 0;
}
