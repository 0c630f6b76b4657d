/* SPDX-License-Identifier: MIT */
/*
 * semset_steps.c - the verbs of System V sets through their ids, killed and stopped in every state
 *
 * What the operations do to a set in all its situations is in set_steps.c; here they also find the
 * set by its id or key. The victim's verb has happened whole or not at all, with undo it hasn't;
 * the key leads to a set that works; a mate that sleeps for semaphore 1 gets it, or is told that
 * the set is removed; and once it is removed, nothing is left of the names. The cases are in the
 * table at the end; what must hold is in semset_hooks.c.
 */
#define _GNU_SOURCE
#include "../lib/t.h"
#include "scratch.h"
#include "semset_flow.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define HANG (hepta_in_ms(10000)) /* a victim's own deadline: longer than any pass */
#define OTHER 65534 /* a user */

static const union hepta_semun none;

/* --- verbs --------------------------------------------------------------------------- */

static void make(struct step_run *run)
{
    step_returned(run, get(IPC_CREAT | 0600));
}

static void get_again(struct step_run *run)
{
    step_returned(run, get(0600) == id ? 0 : -EINVAL);
}

static void get_exclusively(struct step_run *run)
{
    step_returned(run, get(IPC_CREAT | IPC_EXCL | 0600) == -EEXIST ? 0 : -EINVAL);
}

static void operate(struct step_run *run)
{
    step_returned(run, hepta_semset_op(id, sc->ops, sc->n, HANG));
}

static void setval(struct step_run *run)
{
    union hepta_semun arg = {.val = sum_of(1)};

    step_returned(run, hepta_semset_ctl(id, 1, SETVAL, arg));
}

static void setall(struct step_run *run)
{
    const unsigned short v[SEMS] = {(unsigned short)sum_of(0), (unsigned short)sum_of(1)};

    step_returned(run, set_all(v));
}

static void look(struct step_run *run)
{
    struct semid_ds ds;

    step_returned(run, stat_it(&ds));
}

static void set(struct step_run *run)
{
    step_returned(run, set_perm());
}

/* Between two owners nobody can attach it; it can be removed. */
static void give_away(struct step_run *run)
{
    struct semid_ds ds = {.sem_perm = {.uid = OTHER, .gid = OTHER, .mode = 0600}};
    union hepta_semun arg = {.buf = &ds};
    int rc = hepta_semset_ctl(id, 0, IPC_SET, arg);

    step_returned(run, rc == -EPERM && geteuid() != 0 ? 0 : rc);
}

static void remove_it(struct step_run *run)
{
    step_returned(run, hepta_semset_ctl(id, 0, IPC_RMID, none));
}

static void detach(struct step_run *run)
{
    step_returned(run, hepta_semset_detach(id));
}

static void verb(struct step_run *run)
{
    sc->verb(run);
}

/* --- the table ------------------------------------------------------------------------- */

#define K STEP_KILL
#define KS (STEP_KILL | STEP_STOP)
#define KSC (STEP_KILL | STEP_STOP | STEP_CHAIN)
#define LONG STEP_LONG

#define CASE(title, k, n_th, ...)                                                                  \
    &(const struct step_scenario)                                                                  \
    {                                                                                              \
        .name = title, .segment = SCRATCH_MARK, .kinds = k, .every = n_th,                         \
        .every_slow = 4 * n_th, .arg = &(const struct semset_case){.verb = __VA_ARGS__},           \
        .setup = semset_setup, .enter = semset_enter, .enter_second = semset_enter,                \
        .verb = verb, .wake = semset_wake, .survive = semset_survive,                              \
        .stopped = semset_stopped, .resumed = semset_resumed, .recover = semset_recover,           \
        .cleanup = semset_cleanup                                                                  \
    }

/* each so-many-th state; verb, operations and how many, the mate */
static const struct step_scenario *const scenarios[] = {
    CASE("get, it is made", KSC, 23, make, .absent = true),
    CASE("get, it is there", K, 5, get_again, .forgets = true),
    CASE("get, it is there, exclusively", K | LONG, 5, get_exclusively, .forgets = true),
    CASE("first operation", KS, 7, operate, {{1, 1, 0}}, 1, .forgets = true),
    CASE("add, one sleeps for it", KSC, 1, operate, {{1, 1, 0}}, 1, true),
    CASE("subtract with undo", KSC, 1, operate, {{0, -1, U}}, 1),
    CASE("array with undo, one sleeps", KS, 2, operate, {{0, -1, U}, {1, 1, U}}, 2, true),
    CASE("array, one sleeps for it", KSC, 2, operate, {{0, -1, 0}, {1, 1, 0}}, 2, true),
    CASE("sleep", KS, 2, operate, {{1, -1, 0}}, 1),
    CASE("sleep with undo", KS | LONG, 2, operate, {{1, -1, U}}, 1),
    CASE("SETVAL, one sleeps for it", KSC, 1, setval, {{1, 1, 0}}, 1, true),
    CASE("SETALL", KSC, 2, setall, {{0, 3, 0}, {1, 2, 0}}, 2),
    CASE("IPC_STAT", K, 1, look),
    CASE("IPC_SET", KSC, 4, set),
    CASE("IPC_SET, another owner", KS, 3, give_away, .gives = true),
    CASE("IPC_RMID", KSC, 9, remove_it, .removes = true),
    CASE("IPC_RMID, one sleeps", KS, 9, remove_it, .mate = true, .removes = true),
    CASE("detach", K, 1, detach),
};

/* What the library makes once per process mustn't look like a leak. */
static void warm_up(void)
{
    id = get(IPC_CREAT | 0600);
    if (id < 0 || hepta_semset_ctl(id, 0, IPC_RMID, none) < 0)
        t_die("can't make a set");
    tidy();
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
