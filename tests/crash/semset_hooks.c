/* SPDX-License-Identifier: MIT */
/*
 * semset_hooks.c - the set before the verb, and what must hold after a death or beside a stopped
 * process; see semset_steps.c. Start with semset_survive().
 */
#define _GNU_SOURCE
#include "../lib/t.h"
#include "name/name.h"
#include "scratch.h"
#include "semaphore/semset_internal.h"
#include "semset_flow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY 0x5e7
#define PATIENCE_MS 5000

/* In step_run.room. */
struct semset_shared {
    volatile bool done;
    volatile int result;
};

static const unsigned short before[SEMS] = {1, 0};
static const union hepta_semun none;
const struct semset_case *sc;
int id = -1;
static pid_t mate;
static int woken; /* how often the stage added to semaphore 1 for the verb that sleeps */

static struct semset_shared *shared(struct step_run *run)
{
    return (struct semset_shared *)run->room;
}

int get(int flags)
{
    const struct hepta_semset_options opt = {
        .size = sizeof(opt), .undoers_max = 4, .wait = HEPTA_WAIT_SLEEP};

    return hepta_semset_get(KEY, SEMS, flags, &opt);
}

static int op(int num, int by, int flags, int64_t deadline)
{
    const struct sembuf b = {(unsigned short)num, (short)by, (short)flags};

    return hepta_semset_op(id, &b, 1, deadline);
}

int set_all(const unsigned short *values)
{
    union hepta_semun arg = {.array = (unsigned short *)(uintptr_t)values};

    return hepta_semset_ctl(id, 0, SETALL, arg);
}

static int get_all(unsigned short *values)
{
    union hepta_semun arg = {.array = values};

    return hepta_semset_ctl(id, 0, GETALL, arg);
}

int stat_it(struct semid_ds *ds)
{
    union hepta_semun arg = {.buf = ds};

    return hepta_semset_ctl(id, 0, IPC_STAT, arg);
}

int set_perm(void)
{
    struct semid_ds ds;
    union hepta_semun arg = {.buf = &ds};
    int rc = stat_it(&ds);

    return rc < 0 ? rc : hepta_semset_ctl(id, 0, IPC_SET, arg);
}

int sum_of(int sem)
{
    int v = before[sem];

    for (size_t i = 0; i < sc->n; i++)
        v += sc->ops[i].sem_num == sem ? sc->ops[i].sem_op : 0;
    return v;
}

static int list(void)
{
    struct seminfo info;
    union hepta_semun arg = {.info = &info};

    return hepta_semset_ctl(0, 0, SEM_INFO, arg);
}

/* --- before --------------------------------------------------------------------------- */

static void start_mate(struct step_run *run)
{
    mate = t_fork();
    if (mate == 0) {
        shared(run)->result = op(1, -1, 0, hepta_in_ms(PATIENCE_MS));
        shared(run)->done = true;
        _exit(0);
    }
    step_check(run, t_asleep(mate, 1000), "the mate doesn't go to sleep");
}

void semset_setup(struct step_run *run)
{
    int rc;

    sc = run->sc->arg;
    id = -1;
    mate = 0;
    woken = 0;
    scratch_empty();
    if (sc->absent)
        return;
    id = get(IPC_CREAT | 0600);
    rc = id < 0 ? id : set_all(before);
    if (rc < 0)
        t_die("no set: %d", rc);
    if (sc->mate)
        start_mate(run);
}

/* A child attaches at its first use, and otherwise that isn't what is stepped. Takes no lock. */
void semset_enter(struct step_run *run)
{
    struct h7_semset *s;

    (void)run;
    if (sc->absent)
        return;
    if (sc->forgets)
        hepta_semset_detach(id);
    else if (h7_semset_enter(id, &s) == 0)
        h7_semset_leave_with(s, 0);
}

void semset_wake(struct step_run *run)
{
    (void)run;
    woken += op(1, 1, 0, hepta_in_ms(1000)) == 0;
}

/* --- what must hold -------------------------------------------------------------------- */

static bool await_mate(struct step_run *run, int ms)
{
    int64_t end = t_now_ns() + ms * T_MS;

    while (!shared(run)->done && t_now_ns() < end)
        t_sleep_ns(200000);
    return shared(run)->done;
}

static void get_values(struct step_run *run, unsigned short values[SEMS])
{
    int64_t start = t_now_ns();
    int rc = get_all(values);

    step_timed(run, start, 0, "GETALL");
    step_check(run, rc == 0, "GETALL by the survivor: %d", rc);
}

/* It may not sleep while it could go on. 1: the stage has helped it. */
static int mate_survives(struct step_run *run)
{
    unsigned short v[SEMS] = {0};
    int64_t start = t_now_ns();
    int helped = 0;

    if (!mate)
        return 0;
    get_values(run, v);
    if (v[1] > 0) {
        step_check(run, await_mate(run, 1000), "it could go on, but nobody called it");
        step_timed(run, start, 0, "another process");
    }
    if (!await_mate(run, 5)) {
        start = t_now_ns();
        helped = op(1, 1, 0, hepta_in_ms(1000)) == 0;
        step_check(run, await_mate(run, 1000), "another process waits for ever");
        step_timed(run, start, 0, "another process");
    }
    step_check(run, shared(run)->result == 0, "another process got %d", shared(run)->result);
    return helped;
}

/* Has it happened, if the values are these? What was added, taken by the mate and then undone,
 * leaves 0, as semop(2) has it. */
static bool fits(const unsigned short v[SEMS], int helped, bool happened)
{
    for (int i = 0; i < SEMS; i++) {
        int want = happened ? sum_of(i) : before[i];

        if (i == 1)
            want += woken + helped - (mate != 0);
        if (want < 0 && sc->ops[0].sem_flg & U)
            want = 0;
        if (v[i] != want)
            return false;
    }
    return true;
}

static void check_values(struct step_run *run, int helped)
{
    bool may = sc->n > 0 && !(sc->ops[0].sem_flg & U);
    bool must = may && run->returned;
    unsigned short v[SEMS] = {0};

    get_values(run, v);
    step_check(run, (may && fits(v, helped, true)) || (!must && fits(v, helped, false)),
               "the values are %d, %d", v[0], v[1]);
}

static void check_inside(struct step_run *run)
{
    char why[256] = "";
    struct h7_semset *s;
    int rc = h7_semset_enter(id, &s);

    if (rc == 0)
        rc = h7_semset_leave_with(s, h7_semset_check(s, why, sizeof(why)));
    step_check(run, rc == 0, "invariant: %s (%d)", why, rc);
}

static void works(struct step_run *run)
{
    struct semid_ds ds;
    int rc = op(0, 1, U, HEPTA_NOW);

    step_check(run, rc == 0, "an operation with undo: %d", rc);
    rc = op(0, -1, U, HEPTA_NOW);
    step_check(run, rc == 0, "and back: %d", rc);
    rc = stat_it(&ds);
    step_check(run, rc == 0 && ds.sem_nsems == SEMS, "IPC_STAT: %d", rc);
    rc = set_perm();
    step_check(run, rc == 0, "IPC_SET: %d", rc);
    check_inside(run);
}

void tidy(void)
{
    list();
    h7_name_clean();
}

static void remove_and_look(struct step_run *run)
{
    int rc = hepta_semset_ctl(id, 0, IPC_RMID, none);

    step_check(run, rc == 0, "it can't be removed: %d", rc);
    rc = op(0, 1, 0, HEPTA_NOW);
    step_check(run, rc == -EINVAL || rc == -EIDRM, "removed, and it gives %d", rc);
    rc = get(0600);
    step_check(run, rc == -ENOENT, "removed, and its key leads to %d", rc);
    tidy();
    step_check(run, scratch_is_empty(), "something is left of it: %s", scratch_first());
}

/* If it was removed, nothing of it is left; else it can be. Who slept is told. */
static void survive_removal(struct step_run *run)
{
    int old = id, rc = op(0, 1, 0, HEPTA_NOW);

    step_check(run, rc == 0 ? !run->returned : rc == -EINVAL || rc == -EIDRM,
               "the removed set gives %d", rc);
    if (rc == 0) {
        rc = hepta_semset_ctl(old, 0, IPC_RMID, none);
        step_check(run, rc == 0, "it can't be removed: %d", rc);
    }
    if (mate) {
        step_check(run, await_mate(run, 1500), "nobody tells who sleeps that it is removed");
        step_check(run, shared(run)->result == -EIDRM, "who slept got %d", shared(run)->result);
    }
    hepta_semset_detach(old);
    id = get(IPC_CREAT | 0600);
    step_check(run, id >= 0 && id != old, "the key leads to %d, was %d", id, old);
}

/* Whole, or not at all. */
static void survive_making(struct step_run *run)
{
    int rc = get(0600);

    step_check(run, rc >= 0 ? !run->returned || rc == run->result : rc == -ENOENT && !run->returned,
               "half a set: %d, made %lld", rc, (long long)run->result);
    id = get(IPC_CREAT | 0600);
    step_check(run, id >= 0 && (rc < 0 || id == rc), "the key leads to %d, and then to %d", rc, id);
}

/* As another process, which knows the number only: half given it is nobody's, until it is given
 * again, and it can be removed, key and all. */
static void survive_giving(struct step_run *run)
{
    int rc, by_key;

    hepta_semset_detach(id);
    rc = op(0, 0, 0, HEPTA_NOW);
    by_key = get(0600);
    step_check(run, rc == -EAGAIN ? by_key == id : rc == -EBADMSG && !run->returned,
               "it gives %d, and its key %d", rc, by_key);
    if (rc == -EAGAIN)
        works(run);
    remove_and_look(run);
}

void semset_survive(struct step_run *run)
{
    if (sc->gives) {
        survive_giving(run);
        return;
    }
    if (sc->removes)
        survive_removal(run);
    else if (sc->absent)
        survive_making(run);
    else
        check_values(run, mate_survives(run));
    step_check(run, get(0600) == id, "the key leads elsewhere");
    works(run);
    remove_and_look(run);
}

/* --- a stopped victim ------------------------------------------------------------------ */

static void is_in_time(struct step_run *run, int64_t start, int64_t deadline, int rc,
                       const char *what)
{
    step_timed(run, start, deadline, what);
    step_check(run, rc >= 0 || rc == -EAGAIN || rc == -ETIMEDOUT ||
               (sc->removes && (rc == -EINVAL || rc == -EIDRM || rc == -ENOENT)),
               "%s beside a stopped one: %d", what, rc);
}

void semset_stopped(struct step_run *run)
{
    unsigned short values[SEMS];
    struct semid_ds ds;
    int64_t start = t_now_ns(), end;

    is_in_time(run, start, 0, get(sc->absent ? IPC_CREAT | 0600 : 0600), "get");
    if (sc->absent)
        return;
    start = t_now_ns();
    is_in_time(run, start, 0, get_all(values), "GETALL");
    start = t_now_ns();
    is_in_time(run, start, 0, stat_it(&ds), "IPC_STAT");
    start = t_now_ns();
    is_in_time(run, start, 0, op(0, 0, 0, HEPTA_NOW), "a wait for zero");
    start = t_now_ns();
    end = hepta_in_ms(50);
    is_in_time(run, start, end, op(0, 0, 0, end), "a wait for zero");
}

void semset_resumed(struct step_run *run)
{
    step_check(run, run->returned && run->result >= 0, "the verb of the stopped process: %s, %lld",
               run->returned ? "returned" : "lost", (long long)run->result);
    semset_survive(run);
}

/* The second victim looks by id, and then by key. */
void semset_recover(struct step_run *run)
{
    struct semid_ds ds;

    (void)run;
    if (!sc->absent)
        stat_it(&ds);
    get(sc->absent ? IPC_CREAT | 0600 : 0600);
}

void semset_cleanup(struct step_run *run)
{
    (void)run;
    if (mate)
        t_kill(mate);
    hepta_semset_detach(id);
    scratch_empty();
}
