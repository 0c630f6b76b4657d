/* SPDX-License-Identifier: MIT */
/*
 * stage.c - one pass of the stepper: make the object, step the victim, kill or stop it,
 * survive. Start with step_stage().
 */
#define _GNU_SOURCE
#include "stage.h"

#include "../lib/t.h"
#include "trace.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LATE_NS (100 * T_MS)

bool step_check(struct step_run *run, bool ok, const char *fmt, ...)
{
    va_list ap;

    if (ok)
        return true;
    if (run->n_failed++ == 0) {
        va_start(ap, fmt);
        vsnprintf(run->why, sizeof(run->why), fmt, ap);
        va_end(ap);
    }
    return false;
}

void step_timed(struct step_run *run, int64_t start, int64_t deadline, const char *what)
{
    int64_t now = t_now_ns();
    int64_t over = now - (deadline > start ? deadline : start);

    if (over > run->worst_ns)
        run->worst_ns = over;
    if (over <= LATE_NS)
        return;
    if (run->n_late++ == 0 && run->n_failed == 0)
        snprintf(run->why, sizeof(run->why), "%s: %lld ms beyond its deadline", what,
                 (long long)(over / T_MS));
}

void step_returned(struct step_run *run, int64_t result)
{
    run->result = result;
    run->returned = true;
}

static void call(void (*hook)(struct step_run *), struct step_run *run)
{
    run->beats++;
    if (hook)
        hook(run);
}

/* Steps a victim to where it is to be halted, waking it where it sleeps. */
static enum trace_end drive(struct step_run *run, struct tracee *t, uint64_t state, uint64_t step)
{
    for (;;) {
        enum trace_end end = trace_run(t, state, step);

        if (end == TRACE_HUNG)
            step_check(run, false, "the verb sleeps in call %lld for ever", (long long)t->call);
        if (end == TRACE_ENDLESS)
            step_check(run, false, "the verb doesn't end");
        if (end == TRACE_GONE)
            step_check(run, false, "the victim died by itself");
        if (end != TRACE_ASLEEP)
            return end;
        call(run->sc->wake, run);
    }
}

static pid_t start_victim(struct step_run *run, struct tracee *t, bool second, bool blind)
{
    pid_t pid = t_fork();

    if (pid == 0) {
        call(second ? run->sc->enter_second : run->sc->enter, run);
        trace_begin();
        (second ? run->sc->recover : run->sc->verb)(run);
        trace_end();
        _exit(0);
    }
    if (!trace_start(t, pid, run->sc->segment, run->sc->watch, run->sc->watch_data))
        step_check(run, false, "the victim can't be traced");
    t->blind = blind;
    t->beat = &run->beats;
    t->steps_max = run->sc->steps_max ? run->sc->steps_max : STEPS_MAX;
    return pid;
}

/* The victim is dead when this returns: the time of the survivors starts. */
static void kill_pass(struct step_run *run, struct tracee *t)
{
    enum trace_end end = drive(run, t, run->state, run->step);

    run->reached = end == TRACE_TARGET;
    run->n_states = t->n_states;
    run->n_steps = t->n_steps;
    run->pc = t->pc;
    call(run->sc->press, run);
    t_kill(run->victim);
}

static void chain_pass(struct step_run *run)
{
    struct tracee t;
    pid_t pid = start_victim(run, &t, true, run->chain_step != 0);

    run->chain_reached = drive(run, &t, run->chain_state, run->chain_step) == TRACE_TARGET;
    run->chain_states = t.n_states;
    t_kill(pid);
    trace_free(&t);
}

/* The victim runs freely now; where it sleeps it needs the others as before. */
static bool see_it_end(struct step_run *run)
{
    int64_t end = t_now_ns() + 6000 * T_MS;
    int status;

    while (t_now_ns() < end) {
        if (waitpid(run->victim, &status, WNOHANG | __WALL) == run->victim && WIFEXITED(status))
            return WEXITSTATUS(status) == 0;
        if (t_asleep(run->victim, 2))
            call(run->sc->wake, run);
    }
    t_kill(run->victim);
    return false;
}

static void stop_pass(struct step_run *run, struct tracee *t)
{
    enum trace_end end = drive(run, t, run->state, run->step);

    run->reached = end == TRACE_TARGET;
    run->n_states = t->n_states;
    run->n_steps = t->n_steps;
    run->pc = t->pc;
    if (end == TRACE_GONE || !step_check(run, trace_leave_stopped(t), "can't stop the victim")) {
        t_kill(run->victim);
        return;
    }
    call(run->sc->stopped, run);
    kill(run->victim, SIGCONT);
    step_check(run, see_it_end(run), "the victim doesn't end after SIGCONT");
    call(run->sc->resumed, run);
}

_Noreturn void step_stage(struct step_run *run)
{
    struct t_usage before;
    struct tracee t;
    char what[128];

    setpgid(0, 0);
    before = t_usage();
    call(run->sc->setup, run);
    run->victim = start_victim(run, &t, false, run->step != 0);
    call(run->sc->depart, run);
    if (run->kind == STEP_STOP) {
        stop_pass(run, &t);
    } else {
        kill_pass(run, &t);
        if (run->kind == STEP_CHAIN)
            chain_pass(run);
        call(run->sc->survive, run);
    }
    call(run->sc->cleanup, run);
    trace_free(&t);
    snprintf(what, sizeof(what), "%s, state %llu", run->sc->name, (unsigned long long)run->state);
    step_check(run, t_usage_same(what, before, t_usage()), "something leaked in the survivor");
    _exit(0);
}
