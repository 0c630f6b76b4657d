/* SPDX-License-Identifier: MIT */
/*
 * shmid_hooks.c - the segment before the verb, and what must hold after a death or beside a stopped
 * process; see shmid_steps.c. Start with shmid_survive().
 */
#define _GNU_SOURCE
#include "../lib/t.h"
#include "memory/sysv_internal.h"
#include "name/name.h"
#include "scratch.h"
#include "shmid_flow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define KEY 0x5e8
#define LEN 8192u
#define MARK 0x5a
#define DEST 01000 /* SHM_DEST: removed, and in use */

const struct shmid_case *sc;
int id = -1;
unsigned char *victims;
static unsigned char *held; /* where the stage has it */

int get(int flags)
{
    return hepta_shm_get(KEY, LEN, flags);
}

int at(int of, unsigned char **p)
{
    void *v = NULL;
    int rc = hepta_shm_at(of, NULL, 0, &v);

    *p = v;
    return rc;
}

static void drop(unsigned char **p)
{
    if (*p)
        hepta_shm_dt(*p);
    *p = NULL;
}

int remove_id(int of)
{
    return hepta_shm_ctl(of, IPC_RMID, NULL);
}

int list(void)
{
    struct shm_info info;

    return hepta_shm_ctl(0, SHM_INFO, &info);
}

int set_perm(int of)
{
    struct shmid_ds ds = {.shm_perm = {.uid = geteuid(), .gid = getegid(), .mode = 0600}};

    return hepta_shm_ctl(of, IPC_SET, &ds);
}

/* --- before --------------------------------------------------------------------------- */

/* Removed by a process that has it still, and dies. */
static void leave_corpse(void)
{
    pid_t pid = t_fork();

    if (pid == 0) {
        unsigned char *p;

        _exit(at(id, &p) < 0 || remove_id(id) < 0);
    }
    if (t_reap(pid, 5000) != 0)
        t_die("no segment can be left");
}

void shmid_setup(struct step_run *run)
{
    sc = run->sc->arg;
    id = -1;
    held = victims = NULL;
    scratch_empty();
    if (sc->absent)
        return;
    id = get(IPC_CREAT | 0600);
    if (id < 0 || at(id, &held) < 0)
        t_die("no segment: %d", id);
    memset(held, MARK, LEN);
    if (sc->mine && at(id, &victims) < 0)
        t_die("it can't be attached twice");
    if (!sc->holder)
        drop(&held);
    if (sc->removed && remove_id(id) < 0)
        t_die("it can't be removed");
    if (sc->corpse)
        leave_corpse();
}

/* The victim's is the victim's only. */
void shmid_depart(struct step_run *run)
{
    (void)run;
    drop(&victims);
}

/* The first verb after a fork sets the table right: that isn't what is stepped. The stage's mapping
 * goes without a verb, which could mend something. */
void shmid_enter(struct step_run *run)
{
    struct h7_shmid *m;

    (void)run;
    if (held)
        munmap(held, LEN);
    if (sc->absent)
        list(); /* another process's look at what there is: nothing */
    else if (sc->forgets)
        h7_sysv_detach(&h7_shmid_table, id);
    else if (h7_shmid_enter(id, &m) == 0)
        h7_shmid_leave_with(m, 0);
}

void shmid_enter_second(struct step_run *run)
{
    (void)run;
    if (held)
        munmap(held, LEN);
}

/* --- what must hold -------------------------------------------------------------------- */

static void check_bytes(struct step_run *run, const unsigned char *p, unsigned char is)
{
    for (size_t i = 0; i < LEN; i += LEN - 1)
        step_check(run, p[i] == is, "byte %zu is %u", i, p[i]);
}

/* What is attached anew has these bytes, and can be written. */
static void check_attach(struct step_run *run, int of, unsigned char is)
{
    unsigned char *p;
    int64_t start = t_now_ns();
    int rc = at(of, &p);

    step_timed(run, start, 0, "attach");
    if (!step_check(run, rc == 0, "it can't be attached: %d", rc))
        return;
    check_bytes(run, p, is);
    memset(p, is, LEN);
    rc = hepta_shm_dt(p);
    step_check(run, rc == 0, "detach: %d", rc);
}

static void check_inside(struct step_run *run, int of)
{
    struct h7_shmid *m;
    const char *wrong = NULL;
    int rc = h7_shmid_enter(of, &m);

    if (rc == 0) {
        wrong = h7_sysv_what_is_wrong(&m->entry);
        h7_shmid_leave_with(m, 0);
    }
    step_check(run, rc == 0 && !wrong, "invariant: %s (%d)", wrong ? wrong : "", rc);
}

static void works(struct step_run *run, int of, unsigned char is)
{
    int rc;

    check_attach(run, of, is);
    rc = set_perm(of);
    step_check(run, rc == 0, "IPC_SET: %d", rc);
    check_inside(run, of);
}

static unsigned long n_attached(struct step_run *run, int of, mode_t *mode)
{
    struct shmid_ds ds = {0};
    int rc = hepta_shm_ctl(of, IPC_STAT, &ds);

    step_check(run, rc == 0, "IPC_STAT: %d", rc);
    *mode = ds.shm_perm.mode;
    return ds.shm_nattch;
}

static void is_gone(struct step_run *run, int of)
{
    struct shmid_ds ds;
    unsigned char *p;
    int rc = at(of, &p);

    step_check(run, rc == -EINVAL, "nobody has it, and attaching it gives %d", rc);
    if (rc == 0)
        hepta_shm_dt(p);
    rc = hepta_shm_ctl(of, IPC_STAT, &ds);
    step_check(run, rc == -EINVAL, "nobody has it, and IPC_STAT gives %d", rc);
}

/* Another process, which looks for the first time, makes another segment. */
static void make_another(struct step_run *run)
{
    pid_t pid = t_fork();

    if (pid == 0) {
        int other = hepta_shm_get(IPC_PRIVATE, LEN, 0600);

        _exit(other < 0 || remove_id(other) < 0);
    }
    step_check(run, t_reap(pid, 5000) == 0, "another segment can't be made");
}

/* Nobody meets the id of the removed segment that the dead one had last. */
static void nobody_looks(struct step_run *run)
{
    bool removed = sc->removed || sc->corpse || (sc->removes && run->returned);

    if (!removed || sc->holder || sc->absent || run->state % 3)
        return;
    make_another(run);
    step_check(run, scratch_is_empty(), "the memory stays: %s", scratch_first());
}

/* It is removed; its key is anybody's. */
static void check_key_is_free(struct step_run *run)
{
    int rc = get(0600), other = get(IPC_CREAT | 0600);

    step_check(run, rc == -ENOENT, "the key of the removed segment leads to %d, which was %d", rc,
               id);
    if (!step_check(run, other >= 0 && other != id, "its key gives %d", other))
        return;
    works(run, other, 0);
    rc = remove_id(other);
    step_check(run, rc == 0, "the next can't be removed: %d", rc);
    is_gone(run, other);
}

/* One that is to be removed may not be yet. */
static void see_it_removed(struct step_run *run)
{
    struct h7_shmid *m;
    int rc = h7_shmid_enter(id, &m);
    bool there = rc == 0 && !h7_load32_relaxed(&m->shared->removed);

    if (rc == 0)
        h7_shmid_leave_with(m, 0);
    if (!there)
        return;
    step_check(run, !run->returned, "it was removed, and isn't");
    rc = remove_id(id);
    step_check(run, rc == 0, "it can't be removed: %d", rc);
}

static void survive_removed(struct step_run *run)
{
    mode_t mode = 0;

    nobody_looks(run);
    if (sc->removes)
        see_it_removed(run);
    check_key_is_free(run);
    if (held) {
        unsigned long n = n_attached(run, id, &mode);

        step_check(run, n == 1 && mode & DEST, "%lu have it attached, mode %o", n, mode);
        check_bytes(run, held, MARK);
        check_attach(run, id, MARK);
        drop(&held);
    }
    is_gone(run, id);
}

static void survive_there(struct step_run *run)
{
    mode_t mode = 0;
    unsigned long n = n_attached(run, id, &mode);
    int rc = get(0600);

    step_check(run, n == (held != NULL) && !(mode & DEST), "%lu have it attached, mode %o", n,
               mode);
    step_check(run, rc == id, "the key leads to %d, was %d", rc, id);
    works(run, id, MARK);
    drop(&held);
    rc = remove_id(id);
    step_check(run, rc == 0, "it can't be removed: %d", rc);
    is_gone(run, id);
}

static void survive_making(struct step_run *run)
{
    int rc = get(0600);

    step_check(run, rc >= 0 ? !run->returned || rc == run->result : rc == -ENOENT && !run->returned,
               "half a segment: %d, made %lld", rc, (long long)run->result);
    id = get(IPC_CREAT | 0600);
    step_check(run, id >= 0 && (rc < 0 || id == rc), "the key leads to %d, and then to %d", rc, id);
    works(run, id, 0);
    rc = remove_id(id);
    step_check(run, rc == 0, "it can't be removed: %d", rc);
    is_gone(run, id);
}

void shmid_survive(struct step_run *run)
{
    if (sc->absent)
        survive_making(run);
    else if (sc->removed || sc->removes || sc->corpse)
        survive_removed(run);
    else
        survive_there(run);
    list();
    h7_name_clean();
    step_check(run, scratch_is_empty(), "something is left: %s", scratch_first());
}

/* --- a stopped victim ------------------------------------------------------------------ */

/* IPC_STAT that goes well looks at each process of the machine, which takes its time. */
static void is_in_time(struct step_run *run, int64_t start, int rc, const char *what)
{
    bool goes = sc->removes || sc->removed || sc->corpse;

    if (rc < 0 || strcmp(what, "IPC_STAT") != 0)
        step_timed(run, start, 0, what);
    step_check(run, rc >= 0 || rc == -EAGAIN || rc == -ETIMEDOUT ||
               (goes && (rc == -EINVAL || rc == -ENOENT)), "%s beside a stopped one: %d", what, rc);
}

void shmid_stopped(struct step_run *run)
{
    struct shmid_ds ds;
    unsigned char *p;
    int64_t start = t_now_ns();
    int rc = get(sc->absent ? IPC_CREAT | 0600 : 0600);

    is_in_time(run, start, rc, "get");
    if (sc->absent)
        return;
    if (held)
        check_bytes(run, held, MARK);
    start = t_now_ns();
    is_in_time(run, start, hepta_shm_ctl(id, IPC_STAT, &ds), "IPC_STAT");
    start = t_now_ns();
    rc = at(id, &p);
    is_in_time(run, start, rc, "attach");
    step_check(run, rc != -EINVAL || !held, "it is attached, and can't be");
    if (rc == 0) {
        check_bytes(run, p, MARK);
        start = t_now_ns();
        is_in_time(run, start, hepta_shm_dt(p), "detach");
    }
}

void shmid_resumed(struct step_run *run)
{
    step_check(run, run->returned && run->result >= 0, "the verb of the stopped process: %s, %lld",
               run->returned ? "returned" : "lost", (long long)run->result);
    shmid_survive(run);
}

/* The second victim comes by id, and then by key. */
void shmid_recover(struct step_run *run)
{
    unsigned char *p;

    (void)run;
    if (!sc->absent && at(id, &p) == 0)
        hepta_shm_dt(p);
    get(sc->absent ? IPC_CREAT | 0600 : 0600);
}

void shmid_cleanup(struct step_run *run)
{
    (void)run;
    drop(&held);
    if (id > 0)
        h7_sysv_detach(&h7_shmid_table, id);
    scratch_empty();
}
