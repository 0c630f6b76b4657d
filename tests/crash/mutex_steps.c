/* SPDX-License-Identifier: MIT */
/*
 * mutex_steps.c - the robust mutex and the sequence cell, killed and stopped in every state
 *
 * Afterwards there is one owner or none, whoever waits gets the mutex and is told of a death
 * inside, and never of one that wasn't; a reader of the cell gets the value before or the new one,
 * and the next writer goes on. Start with survive().
 */
#define _GNU_SOURCE
#include "../lib/t.h"
#include "stepper.h"

#include <errno.h>
#include <hepta/shm.h>
#include <string.h>
#include <unistd.h>

#define LEN 200
#define HANG_NS (10000 * T_MS)
#define N_BEFORE 5 /* values written before */

enum mutex_verb { LOCK, UNLOCK, MENDED, WRITE };
enum situation {
    FREE,
    HELD,  /* LOCK: by the stage, until the victim sleeps */
    DEAD,  /* the last owner died; of UNLOCK: and nobody has mended it */
    WAITED /* UNLOCK: another process sleeps on it */
};

struct mutex_case {
    enum mutex_verb verb;
    enum situation situation;
};

/* What the victim and others share: at the beginning of a segment. */
struct stage_memory {
    hepta_shm_mutex_t mutex;
    uint64_t guarded[2]; /* the same, but for who is inside */
    char cell[] __attribute__((aligned(64)));
};

struct mutex_shared {
    volatile bool go, done;
    volatile int64_t result;
};

static struct {
    struct hepta_shm *shm;
    struct stage_memory *mem;
    pid_t mate;
    bool held; /* by the stage */
} w;

static const struct mutex_case *mutex_case(const struct step_run *run)
{
    return run->sc->arg;
}

static struct mutex_shared *shared(struct step_run *run)
{
    return (struct mutex_shared *)run->room;
}

static struct hepta_shm_cell *cell(void)
{
    return (struct hepta_shm_cell *)w.mem->cell;
}

static void fill(unsigned char value[LEN], uint64_t n)
{
    for (size_t i = 0; i < LEN; i++)
        value[i] = (unsigned char)(n + i);
}

static int write_value(uint64_t n)
{
    unsigned char value[LEN];

    fill(value, n);
    return hepta_shm_cell_write(cell(), value, LEN);
}

/* Sleeps on it once somebody has it. */
static _Noreturn void mate_main(struct step_run *run)
{
    struct mutex_shared *s = shared(run);

    while (!s->go)
        t_sleep_ns(T_MS / 4);
    s->result = hepta_shm_mutex_lock(&w.mem->mutex, hepta_in_ns(HANG_NS));
    if (s->result == -EOWNERDEAD)
        hepta_shm_mutex_mended(&w.mem->mutex);
    if (s->result == 0 || s->result == -EOWNERDEAD)
        hepta_shm_mutex_unlock(&w.mem->mutex);
    s->done = true;
    _exit(0);
}

static void leave_dead(void)
{
    pid_t pid = t_fork();

    if (pid == 0)
        _exit(hepta_shm_mutex_lock(&w.mem->mutex, HEPTA_NOW) != 0);
    if (t_reap(pid, 5000) != 0)
        t_die("can't leave the mutex locked");
}

static void setup(struct step_run *run)
{
    struct hepta_shm_options opt = {.size = sizeof(opt), .len = 8192};
    const struct mutex_case *c = mutex_case(run);

    memset(&w, 0, sizeof(w));
    if (hepta_shm_new(&opt, &w.shm) < 0)
        t_die("hepta_shm_new");
    w.mem = hepta_shm_data(w.shm);
    for (uint64_t n = 1; n <= N_BEFORE; n++)
        write_value(n);
    if (c->situation == DEAD)
        leave_dead();
    if (c->situation == HELD)
        w.held = hepta_shm_mutex_lock(&w.mem->mutex, HEPTA_NOW) == 0;
    if (c->situation == WAITED) {
        w.mate = t_fork();
        if (w.mate == 0)
            mate_main(run);
    }
}

static void enter(struct step_run *run)
{
    const struct mutex_case *c = mutex_case(run);

    if (c->verb == UNLOCK || c->verb == MENDED)
        hepta_shm_mutex_lock(&w.mem->mutex, hepta_in_ns(HANG_NS));
    if (c->situation == WAITED) {
        shared(run)->go = true;
        t_asleep(w.mate, 1000);
    }
}

static void verb(struct step_run *run)
{
    switch (mutex_case(run)->verb) {
    case LOCK:
        step_returned(run, hepta_shm_mutex_lock(&w.mem->mutex, hepta_in_ns(HANG_NS)));
        break;
    case UNLOCK:
        step_returned(run, hepta_shm_mutex_unlock(&w.mem->mutex));
        break;
    case MENDED:
        step_returned(run, hepta_shm_mutex_mended(&w.mem->mutex));
        break;
    case WRITE:
        step_returned(run, write_value(N_BEFORE + 1));
        break;
    }
}

static void release(struct step_run *run)
{
    if (w.held)
        step_check(run, hepta_shm_mutex_unlock(&w.mem->mutex) == 0, "unlock by the stage");
    w.held = false;
}

/* Take it, look whether it is alone, leave it. */
static int use(struct step_run *run, int64_t deadline)
{
    int64_t start = t_now_ns();
    int rc = hepta_shm_mutex_lock(&w.mem->mutex, deadline);
    uint64_t *guarded = w.mem->guarded;

    step_timed(run, start, deadline == hepta_in_ns(HANG_NS) ? 0 : deadline, "lock");
    if (rc != 0 && rc != -EOWNERDEAD)
        return rc;
    guarded[0]++;
    step_check(run, rc == -EOWNERDEAD || guarded[0] == guarded[1] + 1, "two owners");
    guarded[1] = guarded[0];
    if (rc == -EOWNERDEAD)
        step_check(run, hepta_shm_mutex_mended(&w.mem->mutex) == 0, "it can't be mended");
    step_check(run, hepta_shm_mutex_unlock(&w.mem->mutex) == 0, "unlock by the survivor");
    return rc;
}

/* As a survivor: at most 100 ms. */
static int use_soon(struct step_run *run)
{
    int64_t start = t_now_ns();
    int rc = use(run, hepta_in_ms(5000));

    step_timed(run, start, 0, "lock after a death");
    return rc;
}

static void check_mate(struct step_run *run)
{
    struct mutex_shared *s = shared(run);
    int64_t start = t_now_ns();

    for (int i = 0; i < 2000 && !s->done; i++)
        t_sleep_ns(T_MS / 2);
    step_timed(run, start, 0, "who waited");
    step_check(run, s->done && (s->result == 0 || s->result == -EOWNERDEAD), "who waited: %lld",
               (long long)s->result);
    step_check(run, !run->returned || s->result == 0, "unlocked, and called dead");
}

static void check_mutex(struct step_run *run)
{
    const struct mutex_case *c = mutex_case(run);
    int rc;

    release(run);
    if (w.mate)
        check_mate(run);
    rc = use_soon(run);
    if (c->verb == UNLOCK && c->situation == DEAD) {
        step_check(run, rc == -ENOTRECOVERABLE || (rc == -EOWNERDEAD && !run->returned),
                   "lock of what wasn't mended: %d", rc);
        return;
    }
    if (c->verb == UNLOCK)
        step_check(run, rc == 0 || (rc == -EOWNERDEAD && !run->returned && !w.mate),
                   "lock after unlock: %d", rc);
    else
        step_check(run, rc == -EOWNERDEAD || (rc == 0 && !run->returned && c->situation != DEAD),
                   "lock after the death of an owner: %d", rc);
    step_check(run, use_soon(run) == 0 && w.mem->mutex.word == 0, "it isn't as it was");
}

static void read_cell(struct step_run *run)
{
    unsigned char value[LEN], right[LEN];
    uint64_t n = 0;
    int rc = hepta_shm_cell_read(cell(), value, LEN, &n);

    fill(right, n);
    step_check(run, rc == 0 && memcmp(value, right, LEN) == 0, "read: %d, number %llu", rc,
               (unsigned long long)n);
    step_check(run, n == N_BEFORE + 1 || (n == N_BEFORE && !run->returned), "number %llu",
               (unsigned long long)n);
}

static void check_cell(struct step_run *run)
{
    unsigned char value[LEN], right[LEN];
    uint64_t n = 0, before = hepta_shm_cell_number(cell());

    read_cell(run);
    for (uint64_t i = 1; i <= 6; i++) {
        step_check(run, write_value(before + i) == 0, "write by the next");
        fill(right, before + i);
        step_check(run, hepta_shm_cell_read(cell(), value, LEN, &n) == 0 && n == before + i &&
                   memcmp(value, right, LEN) == 0, "what the next one wrote");
    }
}

static void survive(struct step_run *run)
{
    if (mutex_case(run)->verb == WRITE)
        check_cell(run);
    else
        check_mutex(run);
}

/* It lives: nobody may say otherwise. */
static void stopped(struct step_run *run)
{
    const struct mutex_case *c = mutex_case(run);
    int rc;

    if (c->verb == WRITE) {
        read_cell(run);
        return;
    }
    release(run);
    rc = use(run, HEPTA_NOW);
    step_check(run, rc == 0 || rc == -EAGAIN || (rc == -EOWNERDEAD && c->verb == LOCK &&
               c->situation == DEAD) || (rc == -ENOTRECOVERABLE && c->verb == UNLOCK), "lock: %d",
               rc);
    rc = use(run, hepta_in_ms(50));
    step_check(run, rc == 0 || rc == -ETIMEDOUT || (rc == -ENOTRECOVERABLE && c->verb == UNLOCK),
               "lock: %d", rc);
}

/* The process has ended, so an owner is dead by now. */
static void resumed(struct step_run *run)
{
    const struct mutex_case *c = mutex_case(run);

    step_check(run, run->returned && (run->result == 0 ||
               (c->verb == LOCK && run->result == -EOWNERDEAD)),
               "the verb of the stopped process: %lld", (long long)run->result);
    survive(run);
}

static void cleanup(struct step_run *run)
{
    (void)run;
    if (w.mate)
        t_kill(w.mate);
    if (w.shm)
        hepta_shm_close(w.shm);
}

#define K STEP_KILL
#define KS (STEP_KILL | STEP_STOP)

#define CASE(title, k, v, s)                                                                       \
    &(const struct step_scenario)                                                                  \
    {                                                                                              \
        .name = title, .segment = "/memfd:hepta-shm", .watch = 2048, .kinds = k,                   \
        .arg = &(const struct mutex_case){v, s}, .setup = setup, .enter = enter, .verb = verb,     \
        .wake = release, .survive = survive, .stopped = stopped, .resumed = resumed,               \
        .cleanup = cleanup                                                                         \
    }

static const struct step_scenario *const scenarios[] = {
    CASE("lock", KS, LOCK, FREE),
    CASE("lock, and wait", KS, LOCK, HELD),
    CASE("lock after a death", KS, LOCK, DEAD),
    CASE("unlock", KS, UNLOCK, FREE),
    CASE("unlock, another sleeps", KS, UNLOCK, WAITED),
    CASE("unlock without mending", KS, UNLOCK, DEAD),
    CASE("mended", KS, MENDED, DEAD),
    CASE("write a value", KS, WRITE, FREE),
};

int main(int argc, char **argv)
{
    struct hepta_shm_options opt = {.size = sizeof(opt), .len = 1};
    struct hepta_shm *s;

    if (hepta_shm_new(&opt, &s) == 0) /* what a process has once */
        hepta_shm_close(s);
    return step_main(argc, argv, scenarios, T_COUNT(scenarios));
}
