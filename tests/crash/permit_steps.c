/* SPDX-License-Identifier: MIT */
/*
 * permit_steps.c - the verbs of permits, killed and stopped in every state
 *
 * There are PLACES places; the stage and the victim may hold some before the verb begins. When the
 * victim is dead, all but the stage's are free, whatever it did; another process, the mate, that
 * sleeps or polls for one, has it within 100 ms. The cases are in the table at the end.
 */
#define _GNU_SOURCE
#include "../lib/t.h"
#include "scratch.h"
#include "semaphore/permit_internal.h"
#include "stepper.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME "/p"
#define PLACES 2
#define HANG (hepta_in_ms(10000)) /* a victim's own deadline: longer than any pass */
#define PATIENCE_MS 5000

enum mates { M_NONE, M_SLEEPS, M_POLLS, M_MEETS }; /* before the verb; or when it is halted */

struct permit_case {
    void (*verb)(struct step_run *run);
    int stage, victim; /* places that they hold before */
    enum mates mates;
    bool dead;   /* before the verb: a process died that held one */
    bool absent; /* there is no permit before the verb */
    bool removes; /* ... or after it */
};

/* In step_run.room. */
struct permit_shared {
    volatile bool go, done;
    volatile int result;
    volatile pid_t mate;
};

static struct hepta_permit *permit;
static const struct permit_case *pc;
static pid_t mate;
static int n_held; /* by the stage */

static struct permit_shared *shared(struct step_run *run)
{
    return (struct permit_shared *)run->room;
}

static int make(void)
{
    struct hepta_permit_options o = {
        .size = sizeof(o), .holders_max = 4, .wait = HEPTA_WAIT_SLEEP};

    return hepta_permit_open(NAME, HEPTA_SEM_CREATE, 0600, PLACES, &o, &permit);
}

static int take(int64_t deadline)
{
    return hepta_permit_take(permit, deadline);
}

static void take_first(int n)
{
    for (int i = 0; i < n; i++)
        if (take(HEPTA_NOW) < 0)
            t_die("not %d places", n);
}

/* --- verbs --------------------------------------------------------------------------- */

static void create(struct step_run *run)
{
    step_returned(run, make());
}

static void open_it(struct step_run *run)
{
    struct hepta_permit *other;

    step_returned(run, hepta_permit_open(NAME, 0, 0, 0, NULL, &other));
}

static void unlink_it(struct step_run *run)
{
    step_returned(run, hepta_permit_unlink(NAME));
}

static void take_one(struct step_run *run)
{
    step_returned(run, take(HANG));
}

static void try_take(struct step_run *run)
{
    int r = take(HEPTA_NOW);

    step_returned(run, r == -EAGAIN ? 0 : r);
}

static void give(struct step_run *run)
{
    step_returned(run, hepta_permit_give(permit));
}

static void close_it(struct step_run *run)
{
    step_returned(run, hepta_permit_close(permit));
}

static void fd(struct step_run *run)
{
    int r = hepta_permit_fd(permit);

    step_returned(run, r < 0 ? r : 0);
}

static void stat(struct step_run *run)
{
    struct hepta_permit_stat st;

    step_returned(run, hepta_permit_stat(permit, &st));
}

/* --- others -------------------------------------------------------------------------- */

static int poll_and_take(void)
{
    struct pollfd p = {.fd = hepta_permit_fd(permit), .events = POLLIN};
    int r;

    do {
        if (p.fd < 0 || poll(&p, 1, PATIENCE_MS) != 1)
            return -ETIME;
        r = take(HEPTA_NOW);
    } while (r == -EAGAIN);
    return r;
}

static _Noreturn void mate_main(struct permit_shared *s)
{
    while (!s->go)
        t_sleep_ns(100000);
    s->result = pc->mates == M_POLLS ? poll_and_take() : take(hepta_in_ms(PATIENCE_MS));
    if (s->result == 0)
        s->result = hepta_permit_give(permit);
    s->done = true;
    _exit(0);
}

static void mate_go(struct step_run *run)
{
    if (!mate || shared(run)->go)
        return;
    shared(run)->go = true;
    t_sleep_ns(300000);
    for (int k = 0; k < 10 && !shared(run)->done && !t_asleep(mate, 2); k++)
        ;
}

static void leave_a_dead_one(void)
{
    pid_t pid = t_fork();

    if (pid == 0)
        _exit(take(HEPTA_NOW) == 0 ? 0 : 1);
    if (t_reap(pid, 2000) != 0)
        t_die("the dead one can't take");
}

static void setup(struct step_run *run)
{
    int r;

    pc = run->sc->arg;
    n_held = pc->stage;
    mate = 0;
    permit = NULL;
    scratch_empty();
    r = pc->absent ? 0 : make();
    if (r < 0)
        t_die("no permit: %d", r);
    if (pc->dead)
        leave_a_dead_one();
    take_first(pc->stage);
    if (pc->mates == M_NONE)
        return;
    mate = t_fork();
    if (mate == 0)
        mate_main(shared(run));
    shared(run)->mate = mate;
}

/* First its own places, then the mate's sleep. */
static void enter(struct step_run *run)
{
    take_first(pc->victim);
    if (pc->mates != M_SLEEPS && pc->mates != M_POLLS)
        return;
    shared(run)->go = true;
    step_check(run, t_asleep(shared(run)->mate, 1000), "the mate doesn't go to sleep");
}

/* A place for a verb that sleeps. */
static void wake(struct step_run *run)
{
    int r = n_held > 0 ? hepta_permit_give(permit) : 0;

    step_check(run, r == 0, "give by the stage: %d", r);
    n_held -= n_held > 0;
}

/* --- what must hold -------------------------------------------------------------------- */

static struct hepta_permit_stat look(struct step_run *run)
{
    struct hepta_permit_stat st = {0};
    int64_t start = t_now_ns();
    int r = hepta_permit_stat(permit, &st);

    step_timed(run, start, 0, "stat");
    step_check(run, r == 0, "stat by the survivor: %d", r);
    return st;
}

static void check_all(struct step_run *run)
{
    struct hepta_permit_stat st = look(run);
    char why[256] = "";
    int n = 0, r = h7_set_check(&permit->set, why, sizeof(why));

    step_check(run, r == 0, "invariant: %s (%d)", why, r);
    step_check(run, st.free == (uint32_t)(PLACES - n_held) && st.holders == (uint32_t)(n_held > 0),
               "%u free, %u holders, the stage has %d", st.free, st.holders, n_held);
    while (take(HEPTA_NOW) == 0)
        n++;
    step_check(run, n == PLACES - n_held, "%d places could be taken, the stage had %d", n, n_held);
    for (n += n_held; n > 0; n--)
        step_check(run, hepta_permit_give(permit) == 0, "a place can't be given back");
    n_held = 0;
    step_check(run, hepta_permit_give(permit) == -EPERM, "one more was given back than taken");
}

/* The level can't be low while there is a reason. */
static void check_level(struct step_run *run)
{
    struct pollfd p = {.fd = hepta_permit_fd(permit), .events = POLLIN};

    step_check(run, poll(&p, 1, 200) == 1, "places are free, but poll is silent");
}

/* There is a place for it, now that the victim is dead. */
static void mate_survives(struct step_run *run)
{
    int64_t start = t_now_ns(), end = start + 1000 * T_MS;

    mate_go(run);
    while (!shared(run)->done && t_now_ns() < end)
        t_sleep_ns(200000);
    step_check(run, shared(run)->done, "another process waits for ever");
    step_timed(run, start, 0, "another process");
    step_check(run, shared(run)->result == 0, "another process got %d", shared(run)->result);
}

static void survive_permit(struct step_run *run)
{
    if (n_held == PLACES)
        wake(run);
    if (mate)
        mate_survives(run);
    check_all(run);
    check_level(run);
}

static void survive(struct step_run *run)
{
    int r;

    if (pc->absent || pc->removes) {
        if (permit)
            hepta_permit_close(permit);
        r = make();
        if (!step_check(run, r == 0, "no permit can be made any more: %d", r))
            return;
        n_held = 0;
    }
    survive_permit(run);
    r = hepta_permit_unlink(NAME);
    step_check(run, r == 0, "it can't be removed: %d", r);
}

static void stopped(struct step_run *run)
{
    int64_t start, end;
    int r;

    if (pc->absent || pc->removes)
        return;
    start = t_now_ns();
    hepta_permit_stat(permit, &(struct hepta_permit_stat){0});
    step_timed(run, start, 0, "stat");
    start = t_now_ns();
    r = take(HEPTA_NOW);
    step_timed(run, start, 0, "take");
    n_held += r == 0;
    end = hepta_in_ms(50);
    if (r != 0)
        n_held += take(end) == 0;
    step_timed(run, start, end, "take");
}

static void resumed(struct step_run *run)
{
    step_check(run, run->returned && run->result == 0, "the verb of the stopped process: %s, %lld",
               run->returned ? "returned" : "lost", (long long)run->result);
    survive(run);
}

static void recover(struct step_run *run)
{
    (void)run;
    if (permit && take(HEPTA_NOW) == 0)
        hepta_permit_give(permit);
}

static void cleanup(struct step_run *run)
{
    (void)run;
    if (mate)
        t_kill(mate);
    mate = 0;
    if (permit)
        hepta_permit_close(permit);
    permit = NULL;
    scratch_empty();
}

/* --- the table ----------------------------------------------------------------------- */

#define K STEP_KILL
#define KS (STEP_KILL | STEP_STOP)
#define KSC (STEP_KILL | STEP_STOP | STEP_CHAIN)

static void run_verb(struct step_run *run)
{
    pc->verb(run);
}

#define SOME(title, k, n, ...)                                                                     \
    &(const struct step_scenario)                                                                  \
    {                                                                                              \
        .name = title, .segment = SCRATCH_MARK, .kinds = k, .every = n, .every_slow = 3 * n,       \
        .arg = &(const struct permit_case){.verb = __VA_ARGS__}, .setup = setup, .enter = enter,   \
        .verb = run_verb, .wake = wake, .press = mate_go, .survive = survive, .stopped = stopped,  \
        .resumed = resumed, .recover = recover, .cleanup = cleanup                                 \
    }
#define CASE(title, k, ...) SOME(title, k, 1, __VA_ARGS__)

/* Verb, places of the stage and of the victim, mates */
static const struct step_scenario *const scenarios[] = {
    SOME("create", K, 31, create, 0, 0, .absent = true),
    SOME("open", K, 9, open_it, 1, 0),
    SOME("unlink", K, 7, unlink_it, 0, 0, .removes = true),
    CASE("take", KSC, take_one, 0, 0),
    CASE("take the second", KSC, take_one, 0, 1),
    CASE("take, another takes", KS, take_one, 1, 0, M_MEETS),
    CASE("take, sleeps", KS, take_one, 2, 0),
    CASE("take of none, polled", KS, try_take, 1, 1, M_POLLS),
    CASE("take what a dead one had", KSC, take_one, 1, 0, .dead = true),
    CASE("take what a dead one had, another takes", KS, take_one, 1, 0, M_MEETS, .dead = true),
    CASE("give", KSC, give, 1, 1),
    CASE("give one of two", KSC, give, 0, 2),
    CASE("give, one sleeps", KSC, give, 1, 1, M_SLEEPS),
    CASE("give, one polls", KSC, give, 1, 1, M_POLLS),
    CASE("give, another takes", KS, give, 1, 1, M_MEETS),
    CASE("close", KS, close_it, 1, 0),
    CASE("close with one", KSC, close_it, 1, 1),
    CASE("close with two, one sleeps", KS, close_it, 0, 2, M_SLEEPS),
    CASE("close with one, one polls", KS, close_it, 1, 1, M_POLLS),
    SOME("fd", KS, 3, fd, 2, 0),
    CASE("stat", KSC, stat, 1, 0, .dead = true),
};

/* What the library makes once per process mustn't look like a leak. */
static void warm_up(void)
{
    if (make() < 0)
        t_die("can't make a permit");
    take_first(1);
    hepta_permit_close(permit);
    permit = NULL;
    scratch_empty();
}

int main(int argc, char **argv)
{
    int rc;

    if (getenv(STEP_AGAIN)) {
        scratch_begin();
        warm_up();
    }
    rc = step_main(argc, argv, scenarios, T_COUNT(scenarios));
    scratch_end();
    return rc;
}
