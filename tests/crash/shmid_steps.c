/* SPDX-License-Identifier: MIT */
/*
 * shmid_steps.c - System V segments, their verbs killed and stopped in every state
 *
 * What must hold afterwards: a key leads to a whole segment or to none; who has a segment attached
 * keeps it with its bytes, also when it is removed, and can attach it again by its id; when the
 * last one is gone, however, it is gone, name and all: at once for who looks, and when the next one
 * makes a segment, if nobody does. The cases are in the table at the end; what must hold is in
 * shmid_hooks.c.
 */
#define _GNU_SOURCE
#include "../lib/t.h"
#include "memory/sysv_internal.h"
#include "name/name.h"
#include "scratch.h"
#include "shmid_flow.h"

#include <errno.h>
#include <stdlib.h>

/* --- verbs --------------------------------------------------------------------------- */

static void make(struct step_run *run)
{
    step_returned(run, get(IPC_CREAT | 0600));
}

static void get_again(struct step_run *run)
{
    step_returned(run, get(0600) == id ? 0 : -EINVAL);
}

static void attach(struct step_run *run)
{
    unsigned char *p;

    step_returned(run, at(id, &p));
}

static void detach(struct step_run *run)
{
    step_returned(run, hepta_shm_dt(victims));
}

static void look(struct step_run *run)
{
    struct shmid_ds ds;
    int rc = hepta_shm_ctl(id, IPC_STAT, &ds);

    step_returned(run, rc == -EINVAL && sc->corpse ? 0 : rc);
}

static void set(struct step_run *run)
{
    step_returned(run, set_perm(id));
}

static void lock(struct step_run *run)
{
    step_returned(run, hepta_shm_ctl(id, SHM_LOCK, NULL));
}

static void remove_it(struct step_run *run)
{
    step_returned(run, remove_id(id));
}

static void sweep(struct step_run *run)
{
    h7_shmid_sweep(1);
    step_returned(run, 0);
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

#define CASE(title, k, n, ...)                                                                     \
    &(const struct step_scenario)                                                                  \
    {                                                                                              \
        .name = title, .segment = SCRATCH_MARK, .kinds = k, .every = n, .every_slow = 3 * n,       \
        .arg = &(const struct shmid_case){.verb = __VA_ARGS__}, .setup = shmid_setup,              \
        .enter = shmid_enter, .enter_second = shmid_enter_second, .verb = verb,                    \
        .depart = shmid_depart, .survive = shmid_survive, .stopped = shmid_stopped,                \
        .resumed = shmid_resumed, .recover = shmid_recover, .cleanup = shmid_cleanup               \
    }

/* each so-many-th state; verb, and what is before it. IPC_STAT of what is there looks at each
 * process of the machine: its lock is that of IPC_SET. */
static const struct step_scenario *const scenarios[] = {
    CASE("get, it is made", KS, 29, make, .absent = true),
    CASE("get, it is there", K, 5, get_again, .forgets = true),
    CASE("attach", KS, 1, attach),
    CASE("attach, first use", K, 7, attach, .forgets = true),
    CASE("attach, others have it", K | LONG, 1, attach, .holder = true),
    CASE("attach a removed one", KS, 2, attach, .holder = true, .removed = true),
    CASE("detach", K, 1, detach, .mine = true),
    CASE("detach, others have it", K | LONG, 1, detach, .mine = true, .holder = true),
    CASE("detach the last of a removed one", KSC, 5, detach, .mine = true, .removed = true),
    CASE("detach, not the last of a removed one", KS, 1, detach, .mine = true, .holder = true,
         .removed = true),
    CASE("IPC_STAT of what is no more", KSC, 11, look, .corpse = true),
    CASE("IPC_SET", KS, 2, set),
    CASE("SHM_LOCK", K | LONG, 1, lock, .mine = true),
    CASE("IPC_RMID", KS, 15, remove_it, .removes = true),
    CASE("IPC_RMID, attached", KSC, 11, remove_it, .removes = true, .mine = true),
    CASE("IPC_RMID, others have it", KSC, 11, remove_it, .removes = true, .holder = true),
    CASE("sweep", K, 13, sweep, .corpse = true),
};

/* What the library makes once per process mustn't look like a leak. */
static void warm_up(void)
{
    unsigned char *p;

    id = get(IPC_CREAT | 0600);
    if (id < 0 || at(id, &p) < 0 || hepta_shm_dt(p) < 0 || remove_id(id) < 0)
        t_die("can't make a segment");
    list();
    h7_name_clean();
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
