/* SPDX-License-Identifier: MIT */
/*
 * stepper.c - see stepper.h. Each pass starts from scratch in a new stage process, so
 * that what one pass leaves behind can't hide or cause a failure in the next; the runner
 * only counts, prints and ends stages that hang. Start with step_main() and run_plain();
 * one pass is in stage.c.
 */
#define _GNU_SOURCE
#include "stage.h"

#include "../lib/t.h"
#include "trace.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TRIES 4 /* of a pass that failed by time only */
#define MANY 40 /* states of a recoverer */
#define THIN 6  /* --thin: each so-many-th of the states, others each day */

/* How many states from one to the next, and where to begin. */
enum density { EACH_INSTRUCTION, EACH_STATE, SOME_STATES };

struct totals {
    uint64_t n_passes, n_states, n_steps, n_failed;
    int64_t worst_ns;
};

/* The status of a stage that ends by itself, or -ETIMEDOUT: it didn't get on any more. */
static int reap_stage(const struct step_run *run, pid_t pid)
{
    const int64_t patience = (run->sc->patience_ms ? run->sc->patience_ms : STAGE_MS) * T_MS;
    uint64_t beats = run->beats;
    int64_t since = t_now_ns();
    int status;

    while (t_now_ns() < since + patience) {
        if (waitpid(pid, &status, WNOHANG | __WALL) == pid)
            return status;
        if (run->beats != beats) {
            beats = run->beats;
            since = t_now_ns();
        }
        t_sleep_ns(200000);
    }
    t_kill(pid);
    return -ETIMEDOUT;
}

static void one_try(struct step_run *run)
{
    pid_t pid = t_fork();
    int status;

    if (pid == 0)
        step_stage(run);
    setpgid(pid, pid);
    status = reap_stage(run, pid);
    kill(-pid, SIGKILL);
    if (status == 0)
        return;
    step_check(run, false, "the stage %s", status == -ETIMEDOUT ? "hangs" : "died");
    if (status > 0 && WIFSIGNALED(status))
        snprintf(run->why, sizeof(run->why), "the stage %s", strsignal(WTERMSIG(status)));
}

static void explain(const struct step_run *run)
{
    char cmd[128];

    fprintf(stderr, "FAILED %s, state %llu, instruction %llu, second victim's state %llu: %s\n",
            run->sc->name, (unsigned long long)run->state, (unsigned long long)run->n_steps,
            (unsigned long long)run->chain_state, run->why);
    snprintf(cmd, sizeof(cmd), "addr2line -ipfs -e /proc/%d/exe 0x%llx >&2", (int)getpid(),
             (unsigned long long)(run->pc - 0x555555554000ULL));
    if (system(cmd) != 0)
        fprintf(stderr, "at pc 0x%llx\n", (unsigned long long)run->pc);
}

/* One pass, repeated if it was late only. */
static void pass(struct step_run *run, struct totals *sum)
{
    const struct step_run wanted = *run;

    for (int i = 0; i < TRIES; i++) {
        *run = wanted;
        one_try(run);
        if (run->n_failed || run->n_late == 0)
            break;
        t_sleep_ns(20 * T_MS);
    }
    sum->n_passes++;
    if (run->worst_ns > sum->worst_ns && !run->n_failed)
        sum->worst_ns = run->worst_ns;
    if (run->n_failed || run->n_late) {
        if (sum->n_failed++ < 5)
            explain(run);
    }
}

static void aim(struct step_run *run, const struct step_scenario *sc, enum step_kind kind)
{
    memset(run, 0, sizeof(*run));
    run->sc = sc;
    run->kind = kind;
}

/* All states have had their turn after THIN days. */
static uint64_t first(enum density density, uint64_t stride)
{
    return density == SOME_STATES ? 1 + (uint64_t)(time(NULL) / 86400) % THIN * stride / THIN : 1;
}

/* Kill or stop in each state, or after each instruction, until the verb gets through. */
static void run_plain(struct step_run *run, const struct step_scenario *sc, enum step_kind kind,
                      enum density density, struct totals *sum)
{
    unsigned every = kind == STEP_STOP && sc->every_slow ? sc->every_slow : sc->every;
    bool all = density == EACH_INSTRUCTION;
    uint64_t stride = (every && !all ? every : 1) * (density == SOME_STATES ? THIN : 1);

    for (uint64_t i = first(density, stride);; i += stride) {
        aim(run, sc, kind);
        *(all && kind == STEP_KILL ? &run->step : &run->state) = i;
        pass(run, sum);
        if (!run->reached || sum->n_failed > 50)
            break;
    }
    sum->n_states += run->n_states;
    sum->n_steps += run->n_steps;
}

/* The recoverer dies, too: in each of its states in a long run, else in two of them that
 * move on from pass to pass; where it has many, not after each state of the first victim.
 * How many it has is known from the pass before. */
static void run_chain(struct step_run *run, const struct step_scenario *sc, enum density density,
                      struct totals *sum)
{
    unsigned some = (sc->every_slow ? sc->every_slow : 1) * (density == SOME_STATES ? THIN : 1);
    bool all = density == EACH_INSTRUCTION;
    bool reached = true;
    uint64_t n;

    aim(run, sc, STEP_CHAIN);
    run->state = 1;
    pass(run, sum);
    n = run->chain_states;
    for (uint64_t i = first(density, some); reached && n && sum->n_failed <= 50;
         i += all ? 1 : some + n / MANY) {
        for (uint64_t j = 1; j <= (all ? n + 1 : 2); j++) {
            aim(run, sc, STEP_CHAIN);
            run->state = i;
            run->chain_state = all ? j : (i * 7 + j * (n / 2 + 1)) % n + 1;
            pass(run, sum);
            reached = run->reached;
            n = run->chain_reached ? n : run->chain_states;
        }
        sum->n_states += n;
    }
}

static const char *const kind_names[] = {[STEP_KILL] = "kill", [STEP_STOP] = "stop",
                                         [STEP_CHAIN] = "chain"};

static uint64_t run_scenario(struct step_run *run, const struct step_scenario *sc,
                             enum step_kind kind, enum density density, struct totals *sum)
{
    struct totals t = {0};
    int64_t start = t_now_ns();

    if (kind == STEP_CHAIN)
        run_chain(run, sc, density, &t);
    else
        run_plain(run, sc, kind, density, &t);
    printf("%-5s %-44s %4llu states %6llu instructions %5llu passes, worst %3lld ms, "
           "%llu failed (%.1f s)\n",
           kind_names[kind], sc->name, (unsigned long long)t.n_states,
           (unsigned long long)t.n_steps, (unsigned long long)t.n_passes,
           (long long)(t.worst_ns / T_MS), (unsigned long long)t.n_failed,
           (double)(t_now_ns() - start) / 1e9);
    fflush(stdout);
    sum->n_passes += t.n_passes;
    sum->n_states += t.n_states;
    sum->n_steps += t.n_steps;
    sum->n_failed += t.n_failed;
    if (t.worst_ns > sum->worst_ns)
        sum->worst_ns = t.worst_ns;
    return t.n_failed;
}

/* Without randomised addresses every pass steps through the same instructions; glibc's
 * `rep movsb` would count as one instruction for each byte. */
static void run_again_quietly(char **argv)
{
    if (getenv(STEP_AGAIN))
        return;
    setenv(STEP_AGAIN, "1", 1);
    setenv("LD_BIND_NOW", "1", 1);
    setenv("GLIBC_TUNABLES",
           "glibc.cpu.x86_rep_movsb_threshold=1073741824:"
           "glibc.cpu.x86_rep_stosb_threshold=1073741824", 1);
    personality(ADDR_NO_RANDOMIZE);
    execv("/proc/self/exe", argv);
}

static bool can_trace(void)
{
    struct tracee t;
    pid_t pid = t_fork();
    bool ok;

    if (pid == 0) {
        trace_begin();
        trace_end();
        _exit(0);
    }
    ok = trace_start(&t, pid, "none", 0, 0) && trace_run(&t, 0, 0) == TRACE_DONE;
    t_kill(pid);
    trace_free(&t);
    return ok;
}

static bool wanted(const char *name, int argc, char **argv)
{
    bool any = false;

    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--", 2) == 0)
            continue;
        any = true;
        if (strstr(name, argv[i]))
            return true;
    }
    return !any;
}

static int options(int argc, char **argv, enum density *density)
{
    int kinds = 0;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--long") == 0)
            *density = EACH_INSTRUCTION;
        if (strcmp(argv[i], "--thin") == 0)
            *density = SOME_STATES;
        for (int k = STEP_KILL; k <= STEP_CHAIN; k *= 2)
            if (strncmp(argv[i], "--", 2) == 0 && strcmp(argv[i] + 2, kind_names[k]) == 0)
                kinds |= k;
    }
    return kinds ? kinds : STEP_KILL | STEP_STOP | STEP_CHAIN;
}

int step_main(int argc, char **argv, const struct step_scenario *const *list, size_t n)
{
    struct step_run *run;
    struct totals sum = {0};
    enum density density = EACH_STATE;
    int kinds = options(argc, argv, &density);

    run_again_quietly(argv);
    if (!can_trace()) {
        fprintf(stderr, "ptrace isn't allowed here: skipped\n");
        return 77;
    }
    if (t_pin() < 0)
        fprintf(stderr, "can't pin to one processor: this will be slow\n");
    run = t_shared(sizeof(*run));
    for (size_t i = 0; i < n; i++)
        for (int k = STEP_KILL; k <= STEP_CHAIN; k *= 2)
            if ((list[i]->kinds & kinds & k) &&
                (density == EACH_INSTRUCTION || !(list[i]->kinds & STEP_LONG)) &&
                wanted(list[i]->name, argc, argv))
                run_scenario(run, list[i], k, density, &sum);
    printf("%llu states, %llu instructions, %llu kills and stops, worst %lld ms beyond a deadline, "
           "%llu failed\n",
           (unsigned long long)sum.n_states, (unsigned long long)sum.n_steps,
           (unsigned long long)sum.n_passes, (long long)(sum.worst_ns / T_MS),
           (unsigned long long)sum.n_failed);
    return sum.n_failed > 100 ? 100 : (int)sum.n_failed;
}
