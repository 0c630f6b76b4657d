/* SPDX-License-Identifier: MIT */
/*
 * set_steps.c - a set of semaphores (semaphore/set.h), its verbs killed and stopped in every state
 *
 * What the victim does has happened whole or not at all, and what it did with undo is undone when
 * it is dead: set_survive() finds one of both, for all semaphores together. Another process, the
 * mate, may sleep in an operation of its own, or begin one when the victim is halted: if it can
 * proceed it must, within 100 ms. The cases are in the table at the end.
 */
#define _GNU_SOURCE
#include "../lib/t.h"
#include "name/name.h"
#include "scratch.h"
#include "semaphore/set_internal.h"
#include "stepper.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEMS 3
#define ROWS 4
#define KIND "test"
#define HANG (hepta_in_ms(10000)) /* a victim's own deadline: longer than any pass */
#define PATIENCE_MS 5000

enum mates { M_NONE, M_ASLEEP, M_MEETS }; /* before the verb; or when the victim is halted */

struct set_case {
    void (*verb)(struct step_run *run);
    unsigned short before[SEMS];
    struct sembuf ops[SEMS]; /* the victim's; what SETVAL and SETALL change, as sums */
    size_t n;
    enum mates mates;
    struct sembuf mate_op;
    struct sembuf dead[2]; /* before the verb: of a process that died without being undone */
    struct sembuf wake;    /* by the stage, if the verb sleeps */
    bool gone;             /* the set is removed by it */
};

/* In step_run.room. */
struct set_shared {
    volatile bool go, done;
    volatile int result;
};

static struct h7_set set;
static const struct set_case *sc;
static pid_t mate;
static int woken; /* how often the stage did sc->wake */

static struct set_shared *shared(struct step_run *run)
{
    return (struct set_shared *)run->room;
}

/* --- the set ------------------------------------------------------------------------- */

static int attach_it(int obj, void *arg)
{
    return h7_set_attach(arg, obj, H7_KIND_TEST, HEPTA_WAIT_SLEEP, 0);
}

static int make(void)
{
    struct h7_draft d;
    struct h7_set_plan plan;
    int r = h7_life_know_self();

    h7_set_plan(&plan, SEMS, ROWS, 0, 0);
    if (r == 0)
        r = h7_draft_begin(&d);
    if (r < 0)
        return r;
    r = h7_set_make(d.fd, H7_KIND_TEST, 0600, &plan, "", 0);
    if (r == 0)
        r = h7_draft_publish(&d, KIND, "/s", 0700);
    h7_draft_end(&d);
    return r < 0 ? r : h7_name_attach(KIND, "/s", attach_it, &set);
}

static int op(const struct sembuf *b, int64_t deadline)
{
    return h7_set_op(&set, b, 1, deadline);
}

/* --- verbs --------------------------------------------------------------------------- */

static void operate(struct step_run *run)
{
    step_returned(run, h7_set_op(&set, sc->ops, sc->n, HANG));
}

/* The value that the verb makes of the one before. */
static int sum_of(int sem)
{
    int v = sc->before[sem];

    for (size_t i = 0; i < sc->n; i++)
        v += sc->ops[i].sem_num == sem ? sc->ops[i].sem_op : 0;
    return v;
}

static void set_one(struct step_run *run)
{
    unsigned short v = (unsigned short)sum_of(sc->ops[0].sem_num);

    step_returned(run, h7_set_set(&set, sc->ops[0].sem_num, &v, 1));
}

static void set_all(struct step_run *run)
{
    unsigned short v[SEMS];

    for (int i = 0; i < SEMS; i++)
        v[i] = (unsigned short)sum_of(i);
    step_returned(run, h7_set_set(&set, 0, v, SEMS));
}

/* It finds what the dead process had. */
static void bury(struct step_run *run)
{
    int r = h7_set_bury(&set, HANG);

    step_returned(run, r < 0 ? r : 0);
}

static void look(struct step_run *run)
{
    struct h7_set_look l;

    step_returned(run, h7_set_look(&set, 0, &l));
}

static void remove_it(struct step_run *run)
{
    step_returned(run, h7_set_remove(&set));
}

/* --- others -------------------------------------------------------------------------- */

static _Noreturn void mate_main(struct set_shared *s)
{
    while (!s->go)
        t_sleep_ns(100000);
    s->result = op(&sc->mate_op, hepta_in_ms(PATIENCE_MS));
    s->done = true;
    _exit(0);
}

static void start_mate(struct step_run *run)
{
    mate = 0;
    if (sc->mates == M_NONE)
        return;
    shared(run)->go = sc->mates == M_ASLEEP;
    mate = t_fork();
    if (mate == 0)
        mate_main(shared(run));
    if (sc->mates == M_ASLEEP)
        step_check(run, t_asleep(mate, 1000), "the mate doesn't go to sleep");
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
    size_t n = sc->dead[1].sem_op ? 2 : 1;
    pid_t pid;

    if (!sc->dead[0].sem_op)
        return;
    pid = t_fork();
    if (pid == 0)
        _exit(h7_set_op(&set, sc->dead, n, HEPTA_NOW) == 0 ? 0 : 1);
    if (t_reap(pid, 2000) != 0)
        t_die("the dead one can't have its way");
}

static void setup(struct step_run *run)
{
    int r;

    sc = run->sc->arg;
    woken = 0;
    scratch_empty();
    r = make();
    if (r == 0)
        r = h7_set_set(&set, 0, sc->before, SEMS);
    if (r < 0)
        t_die("no set: %d", r);
    leave_a_dead_one();
    start_mate(run);
}

static void wake(struct step_run *run)
{
    (void)run;
    woken += op(&sc->wake, hepta_in_ms(1000)) == 0;
}

/* --- what must hold -------------------------------------------------------------------- */

static void get(struct step_run *run, int v[SEMS])
{
    unsigned short values[SEMS] = {0};
    int64_t start = t_now_ns();
    int r = h7_set_get_all(&set, values);

    step_timed(run, start, 0, "GETALL");
    step_check(run, r == 0, "GETALL by the survivor: %d", r);
    for (int i = 0; i < SEMS; i++)
        v[i] = values[i];
}

static bool await_mate(struct step_run *run, int ms)
{
    int64_t end = t_now_ns() + ms * T_MS;

    while (!shared(run)->done && t_now_ns() < end)
        t_sleep_ns(200000);
    return shared(run)->done;
}

static bool mate_can(const int v[SEMS])
{
    int value = v[sc->mate_op.sem_num];

    return sc->mate_op.sem_op ? value + sc->mate_op.sem_op >= 0 : value == 0;
}

/* None may sleep while it could go on. 1: the stage has helped it. */
static int mate_survives(struct step_run *run)
{
    struct sembuf help = sc->mate_op;
    int v[SEMS], helped = 0;
    int64_t start = t_now_ns();

    if (!mate)
        return 0;
    mate_go(run);
    get(run, v);
    if (!shared(run)->done && mate_can(v)) {
        step_check(run, await_mate(run, 1000), "it could go on, but nobody called it");
        step_timed(run, start, 0, "another process");
    }
    if (!shared(run)->done) {
        help.sem_op = (short)(help.sem_op ? -help.sem_op : -v[help.sem_num]);
        start = t_now_ns();
        helped = op(&help, hepta_in_ms(1000)) == 0 ? help.sem_op : 0;
        step_check(run, helped && await_mate(run, 1000), "another process waits for ever");
        step_timed(run, start, 0, "another process");
    }
    step_check(run, shared(run)->result == 0, "another process got %d", shared(run)->result);
    return helped;
}

/* Has it happened, if the values are these? */
static bool fits(const int v[SEMS], int helped, bool happened)
{
    for (int i = 0; i < SEMS; i++) {
        int want = happened ? sum_of(i) : sc->before[i];

        want += woken && sc->wake.sem_num == i ? woken * sc->wake.sem_op : 0;
        want += mate && sc->mate_op.sem_num == i ? sc->mate_op.sem_op + helped : 0;
        if (v[i] != want)
            return false;
    }
    return true;
}

static bool has_undo(void)
{
    return sc->n > 0 && sc->ops[0].sem_flg & SEM_UNDO;
}

static void check_values(struct step_run *run, int helped)
{
    bool may = !has_undo() && sc->n > 0;
    bool must = may && run->returned && run->result == 0;
    int v[SEMS];

    get(run, v);
    step_check(run, (may && fits(v, helped, true)) || (!must && fits(v, helped, false)),
               "the values are %d, %d, %d", v[0], v[1], v[2]);
}

static void check_gone(struct step_run *run)
{
    unsigned short values[SEMS];
    int r = h7_set_get_all(&set, values);

    if (r == 0) /* not yet: V1 */
        r = h7_set_remove(&set) < 0 ? 0 : h7_set_get_all(&set, values);
    step_check(run, r == -EIDRM, "it was removed, and gives %d", r);
    if (!mate)
        return;
    step_check(run, await_mate(run, 1500), "nobody tells who sleeps that it is removed");
    step_check(run, shared(run)->result == -EIDRM, "who slept got %d", shared(run)->result);
}

static void check_room(struct step_run *run)
{
    const struct sembuf all[] = {{0, 1, SEM_UNDO}, {1, 1, SEM_UNDO}, {2, 1, SEM_UNDO}};
    struct sembuf back[] = {{0, -1, SEM_UNDO}, {1, -1, SEM_UNDO}, {2, -1, SEM_UNDO}};
    char why[256] = "";
    int r = h7_set_check(&set, why, sizeof(why));

    step_check(run, r == 0, "invariant: %s (%d)", why, r);
    r = h7_set_op(&set, all, SEMS, HEPTA_NOW);
    step_check(run, r == 0, "an operation with undo: %d", r);
    r = h7_set_op(&set, back, SEMS, HEPTA_NOW);
    step_check(run, r == 0, "and back: %d", r);
}

static void survive(struct step_run *run)
{
    if (sc->gone) {
        check_gone(run);
        return;
    }
    check_values(run, mate_survives(run));
    check_room(run);
}

static void stopped(struct step_run *run)
{
    const struct sembuf zero = {SEMS - 1, 0, 0};
    unsigned short values[SEMS];
    int64_t start, end;
    int r;

    mate_go(run);
    start = t_now_ns();
    h7_set_get_all(&set, values);
    step_timed(run, start, 0, "GETALL");
    start = t_now_ns();
    r = op(&zero, HEPTA_NOW);
    step_timed(run, start, 0, "a wait for zero");
    end = hepta_in_ms(50);
    if (r == -EAGAIN)
        op(&zero, end);
    step_timed(run, start, end, "a wait for zero");
}

static void resumed(struct step_run *run)
{
    step_check(run, run->returned && run->result == 0, "the verb of the stopped process: %s, %lld",
               run->returned ? "returned" : "lost", (long long)run->result);
    survive(run);
}

static void recover(struct step_run *run)
{
    struct h7_set_look l;

    (void)run;
    h7_set_look(&set, 0, &l);
    h7_set_bury(&set, HANG);
}

static void cleanup(struct step_run *run)
{
    (void)run;
    if (mate)
        t_kill(mate);
    mate = 0;
    h7_set_detach(&set);
    scratch_empty();
}

/* --- the table ----------------------------------------------------------------------- */

#define K STEP_KILL
#define KS (STEP_KILL | STEP_STOP)
#define KSC (STEP_KILL | STEP_STOP | STEP_CHAIN)
#define U SEM_UNDO

#define CASE(title, k, ...)                                                                        \
    &(const struct step_scenario)                                                                  \
    {                                                                                              \
        .name = title, .segment = SCRATCH_MARK, .kinds = k, .every = 1, .every_slow = 3,           \
        .arg = &(const struct set_case){.verb = __VA_ARGS__}, .setup = setup, .verb = run_verb,    \
        .wake = wake, .press = mate_go, .survive = survive, .stopped = stopped,                    \
        .resumed = resumed, .recover = recover, .cleanup = cleanup                                 \
    }

static void run_verb(struct step_run *run)
{
    sc->verb(run);
}

static const struct step_scenario *const scenarios[] = {
    CASE("add", KSC, operate, {0, 0, 1}, {{0, 1, 0}}, 1),
    CASE("add, one sleeps for it", KSC, operate, {0, 0, 1}, {{0, 1, 0}}, 1, M_ASLEEP, {0, -1, 0}),
    CASE("add, another takes", KS, operate, {0, 0, 1}, {{0, 1, 0}}, 1, M_MEETS, {0, -1, 0}),
    CASE("subtract, one sleeps for zero", KSC, operate, {1, 0, 1}, {{0, -1, 0}}, 1, M_ASLEEP,
         {0, 0, 0}),
    CASE("array", KSC, operate, {1, 0, 1}, {{0, -1, 0}, {1, 2, 0}, {2, 5, 0}}, 3),
    CASE("array, one sleeps for it", KSC, operate, {1, 0, 1}, {{0, -1, 0}, {1, 2, 0}, {2, 5, 0}}, 3,
         M_ASLEEP, {1, -2, 0}),
    CASE("array, one sleeps for zero", KS, operate, {1, 0, 1}, {{0, -1, 0}, {1, 2, 0}}, 2,
         M_ASLEEP, {0, 0, 0}),
    CASE("subtract with undo", KSC, operate, {1, 0, 1}, {{0, -1, U}}, 1),
    CASE("subtract with undo, another takes", KS, operate, {1, 0, 1}, {{0, -1, U}}, 1, M_MEETS,
         {0, -1, 0}, .wake = {0, 1, 0}),
    CASE("add with undo, one sleeps", KS, operate, {0, 1, 1}, {{1, 1, U}}, 1, M_ASLEEP, {0, -1, 0}),
    CASE("array with undo", KSC, operate, {1, 4, 1}, {{0, -1, U}, {1, 2, U}, {2, -1, U}}, 3),
    CASE("array with undo, another takes", KS, operate, {1, 4, 1}, {{0, -1, U}, {2, -1, U}}, 2,
         M_MEETS, {0, -1, 0}, .wake = {0, 1, 0}),
    CASE("sleep", KSC, operate, {0, 0, 1}, {{0, -1, 0}}, 1, .wake = {0, 1, 0}),
    CASE("sleep, another behind", KS, operate, {0, 0, 1}, {{0, -1, 0}}, 1, M_MEETS, {0, -1, 0},
         .wake = {0, 1, 0}),
    CASE("sleep with undo", KS, operate, {0, 0, 1}, {{0, -1, U}, {2, -1, U}}, 2,
         .wake = {0, 1, 0}),
    CASE("undo", KSC, bury, {1, 3, 1}, .dead = {{0, -1, U}}),
    CASE("undo, one sleeps for it", KSC, bury, {1, 3, 1}, .dead = {{0, -1, U}}, .mates = M_MEETS,
         .mate_op = {0, -1, 0}),
    CASE("undo of two", KSC, bury, {1, 3, 1}, .dead = {{0, -1, U}, {1, 2, U}}),
    CASE("look", KS, look, {1, 3, 1}, .dead = {{0, -1, U}, {1, 2, U}}),
    CASE("set a value, one sleeps for it", KSC, set_one, {0, 0, 1}, {{0, 1, 0}}, 1, M_ASLEEP,
         {0, -1, 0}),
    CASE("set all values", KSC, set_all, {0, 3, 1}, {{0, 7, 0}, {1, -2, 0}, {2, 4, 0}}, 3),
    CASE("set all values, one sleeps for it", KS, set_all, {0, 3, 1},
         {{0, 7, 0}, {1, -2, 0}, {2, 4, 0}}, 3, M_ASLEEP, {0, -3, 0}),
    CASE("remove, one sleeps", KS, remove_it, {0, 0, 0}, .mates = M_ASLEEP, .mate_op = {0, -1, 0},
         .gone = true),
};

/* What the library makes once per process mustn't look like a leak. */
static void warm_up(void)
{
    if (make() < 0)
        t_die("can't make a set");
    h7_set_detach(&set);
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
