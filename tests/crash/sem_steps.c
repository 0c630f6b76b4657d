/* SPDX-License-Identifier: MIT */
/*
 * sem_steps.c - the verbs of semaphores, killed and stopped in every state
 *
 * A semaphore is one number, so the check is a sum: what it was at first, plus what was posted,
 * less what was taken, is what it is now; only the victim's own verb may have happened or not.
 * And nobody may sleep while it is above 0: mates are asleep in hepta_sem_wait() when the verb
 * begins, or fall asleep behind the victim. Start with survive().
 */
#define _GNU_SOURCE
#include "../lib/t.h"
#include "scratch.h"
#include "semaphore/sem_internal.h"
#include "stepper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define NAME "/t"
#define N_MATES 3
#define PATIENCE_MS 15000 /* of a mate: the stage is over before */
#define LEN 4096

enum sem_verb { INIT, DESTROY, VALUE, POST, WAIT, TIMED, CREATE, OPEN, CLOSE, UNLINK };

struct sem_case {
    enum sem_verb verb;
    uint32_t value; /* at first */
    int mates;      /* asleep when the verb begins */
    int behind;     /* that fall asleep behind the victim */
    bool named;
    bool spins; /* the victim looks for a while before it sleeps */
};

struct sem_shared {
    volatile int got[N_MATES];
    volatile bool done[N_MATES];
};

static struct {
    hepta_sem_t *sem;
    pid_t mates[N_MATES];
    int n_mates;
    unsigned posts, takes; /* the stage's */
} w;

static const struct sem_case *sem_case(const struct step_run *run)
{
    return run->sc->arg;
}

static struct sem_shared *sem_shared(struct step_run *run)
{
    return (struct sem_shared *)run->room;
}

static struct h7_sem *inside(void)
{
    return (struct h7_sem *)(void *)w.sem;
}

/* --- the semaphore ------------------------------------------------------------------- */

/* A plain one lies in a file, so that the stepper finds the mapping. */
static void make_plain(uint32_t value)
{
    char path[sizeof(scratch_dir) + 16];
    char *p = MAP_FAILED;
    int fd;

    snprintf(path, sizeof(path), "%s/plain", scratch_dir);
    fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 && ftruncate(fd, LEN) == 0)
        p = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        t_die("can't map %s", path);
    close(fd);
    w.sem = (hepta_sem_t *)(void *)(p + H7_SEGMENT_CONTROL);
    if (hepta_sem_init(w.sem, value) < 0)
        t_die("hepta_sem_init");
}

static int open_named(uint32_t flags, uint32_t value, hepta_sem_t **sem)
{
    return hepta_sem_open(NAME, flags, 0600, value, sem);
}

static void unmap(void)
{
    if (w.sem && hepta_sem_close(w.sem) < 0)
        munmap((char *)w.sem - H7_SEGMENT_CONTROL, LEN);
    w.sem = NULL;
}

/* --- mates --------------------------------------------------------------------------- */

static void add_mate(struct step_run *run)
{
    struct sem_shared *s = sem_shared(run);
    int me = w.n_mates++;

    w.mates[me] = t_fork();
    if (w.mates[me] == 0) {
        s->got[me] = hepta_sem_wait(w.sem, hepta_in_ms(PATIENCE_MS));
        s->done[me] = true;
        _exit(0);
    }
    step_check(run, t_asleep(w.mates[me], 1000), "a mate doesn't sleep");
}

static int n_done(struct step_run *run)
{
    int n = 0;

    for (int i = 0; i < w.n_mates; i++)
        n += sem_shared(run)->done[i];
    return n;
}

/* --- hooks --------------------------------------------------------------------------- */

static void setup(struct step_run *run)
{
    const struct sem_case *c = sem_case(run);

    memset(&w, 0, sizeof(w));
    scratch_empty();
    if (c->verb == CREATE)
        return;
    if (!c->named)
        make_plain(c->value);
    else if (open_named(HEPTA_SEM_CREATE, c->value, &w.sem) < 0)
        t_die("hepta_sem_open");
    if (!c->spins) {
        h7_store32_relaxed(&inside()->spin.skip, 1u << 30);
        h7_store32_relaxed(&inside()->yield.skip, 1u << 30);
    }
    for (int i = 0; i < c->mates; i++)
        add_mate(run);
}

static void enter(struct step_run *run)
{
    if (sem_case(run)->verb == OPEN)
        unmap();
}

static void verb(struct step_run *run)
{
    const struct sem_case *c = sem_case(run);
    hepta_sem_t *sem;

    switch (c->verb) {
    case INIT:
        step_returned(run, hepta_sem_init(w.sem, c->value));
        break;
    case DESTROY:
        step_returned(run, hepta_sem_destroy(w.sem));
        break;
    case VALUE:
        step_returned(run, hepta_sem_value(w.sem));
        break;
    case POST:
        step_returned(run, hepta_sem_post(w.sem));
        break;
    case WAIT:
        step_returned(run, hepta_sem_wait(w.sem, hepta_in_ms(PATIENCE_MS)));
        break;
    case TIMED:
        step_returned(run, hepta_sem_wait(w.sem, hepta_in_ms(100)));
        break;
    case CREATE:
    case OPEN:
        step_returned(run, open_named(c->verb == CREATE ? HEPTA_SEM_CREATE : 0, c->value, &sem));
        break;
    case CLOSE:
        step_returned(run, hepta_sem_close(w.sem));
        break;
    case UNLINK:
        step_returned(run, hepta_sem_unlink(NAME));
        break;
    }
}

static void wake(struct step_run *run)
{
    const struct sem_case *c = sem_case(run);

    if (c->verb == TIMED)
        return; /* it wakes up by itself */
    while (w.n_mates < c->mates + c->behind)
        add_mate(run);
    step_check(run, hepta_sem_post(w.sem) == 0, "the post for the victim");
    w.posts++;
}

static void recover(struct step_run *run)
{
    (void)run;
    hepta_sem_post(w.sem);
}

/* --- afterwards ---------------------------------------------------------------------- */

/* The victim's verb happened or not, unless it returned; so did the recoverer's post. */
static void check_sum(struct step_run *run)
{
    const struct sem_case *c = sem_case(run);
    int happened = run->returned && run->result == 0, kept = !run->returned;
    int sum = (int)(c->value + w.posts - w.takes) - n_done(run);
    int least = sum, most = sum;
    int value = hepta_sem_value(w.sem);

    if (c->verb == POST) {
        least += happened;
        most += happened + kept;
    } else if (c->verb == WAIT || c->verb == TIMED) {
        least -= happened + kept;
        most -= happened;
    }
    most += run->kind == STEP_CHAIN;
    step_check(run, value >= least && value <= most, "its value is %d, not from %d to %d", value,
               least, most);
}

/* Nobody sleeps while it is above 0. */
static void settle(struct step_run *run)
{
    int64_t start = t_now_ns();

    while (hepta_sem_value(w.sem) > 0 && n_done(run) < w.n_mates &&
           t_now_ns() < start + 3000 * T_MS)
        t_sleep_ns(T_MS / 4);
    step_check(run, hepta_sem_value(w.sem) <= 0 || n_done(run) == w.n_mates,
               "a mate sleeps on, the value is %d", hepta_sem_value(w.sem));
    step_timed(run, start, 0, "a mate's wake-up");
}

static void end_mates(struct step_run *run)
{
    settle(run);
    check_sum(run);
    for (int i = n_done(run); i < w.n_mates; i++) {
        step_check(run, hepta_sem_post(w.sem) == 0, "a post for a mate");
        w.posts++;
        settle(run);
    }
    for (int i = 0; i < w.n_mates; i++) {
        t_reap(w.mates[i], 1000);
        step_check(run, sem_shared(run)->got[i] == 0, "a mate got %d", sem_shared(run)->got[i]);
        w.mates[i] = 0;
    }
    check_sum(run);
}

static void works(struct step_run *run)
{
    int value = hepta_sem_value(w.sem);
    char why[100] = "";

    step_check(run, hepta_sem_post(w.sem) == 0, "no post");
    step_check(run, H7_SEM_ARRIVALS(h7_load64_relaxed(&inside()->state)) == 0,
               "somebody is believed to sleep");
    step_check(run, hepta_sem_wait(w.sem, HEPTA_NOW) == 0, "no wait");
    step_check(run, hepta_sem_value(w.sem) == value, "the value");
    step_check(run, h7_sem_check(inside(), why, sizeof(why)) == 0, "invariant: %s", why);
}

/* The bytes may be half-made: whoever makes it anew has one that works. */
static void make_anew(struct step_run *run)
{
    int value = hepta_sem_value(w.sem);

    if (run->returned)
        step_check(run, sem_case(run)->verb == INIT ? value == (int)sem_case(run)->value
                                                    : value == -EINVAL, "its value: %d", value);
    step_check(run, hepta_sem_init(w.sem, 1) == 0, "it can't be made anew");
    works(run);
}

/* Another process: it looks for what the dead left half-made. */
static void make_and_remove_another(struct step_run *run)
{
    hepta_sem_t *sem;
    pid_t pid = t_fork();

    if (pid == 0)
        _exit(hepta_sem_open("/another", HEPTA_SEM_CREATE, 0600, 0, &sem) < 0 ||
              hepta_sem_unlink("/another") < 0);
    step_check(run, t_reap(pid, 5000) == 0, "another one can't be made");
}

/* Whole or absent, and removable. */
static void check_name(struct step_run *run)
{
    const struct sem_case *c = sem_case(run);
    bool was_there = c->verb != CREATE && !(c->verb == UNLINK && run->returned);
    hepta_sem_t *sem;
    int64_t start = t_now_ns();
    int rc = open_named(0, 0, &sem);

    step_timed(run, start, 0, "open");
    step_check(run, rc == 0 || rc == -ENOENT, "half a name: %d", rc);
    if (c->verb != UNLINK || run->returned)
        step_check(run, rc == (was_there || run->returned ? (c->verb == UNLINK ? -ENOENT : 0) :
                               rc), "open: %d", rc);
    if (rc == -ENOENT)
        step_check(run, open_named(HEPTA_SEM_CREATE, c->value, &sem) == 0, "it can't be made");
    step_check(run, hepta_sem_value(sem) == (int)c->value, "a value of %d", hepta_sem_value(sem));
    if (w.sem)
        works(run);
    hepta_sem_close(sem);
    make_and_remove_another(run);
    step_check(run, hepta_sem_unlink(NAME) == 0, "the name can't be removed");
    step_check(run, scratch_is_empty(), "something half-made is left");
}

static void survive(struct step_run *run)
{
    switch (sem_case(run)->verb) {
    case INIT:
    case DESTROY:
        make_anew(run);
        break;
    case VALUE:
    case POST:
    case WAIT:
    case TIMED:
        end_mates(run);
        works(run);
        break;
    default:
        check_name(run);
    }
}

static void stopped(struct step_run *run)
{
    int64_t start = t_now_ns(), deadline;
    int rc = hepta_sem_post(w.sem);

    step_timed(run, start, 0, "post");
    step_check(run, rc == 0, "post beside a stopped one: %d", rc);
    w.posts++;
    for (int i = 0; i < 2; i++) {
        start = t_now_ns();
        deadline = i ? hepta_in_ms(50) : HEPTA_NOW;
        rc = hepta_sem_wait(w.sem, deadline);
        step_timed(run, start, deadline, "wait");
        step_check(run, rc == 0 || rc == (i ? -ETIMEDOUT : -EAGAIN),
                   "wait beside a stopped one: %d", rc);
        w.takes += rc == 0;
    }
}

static void resumed(struct step_run *run)
{
    int due = sem_case(run)->verb == VALUE ? -1 : 0;

    step_check(run, run->returned && (due < 0 ? run->result >= 0 :
               run->result == 0 || (sem_case(run)->verb == TIMED && run->result == -ETIMEDOUT)),
               "the verb of the stopped process: %lld", (long long)run->result);
    survive(run);
}

static void cleanup(struct step_run *run)
{
    (void)run;
    for (int i = 0; i < w.n_mates; i++)
        if (w.mates[i])
            t_kill(w.mates[i]);
    unmap();
    scratch_empty();
}

#define K STEP_KILL
#define KS (STEP_KILL | STEP_STOP)
#define KSC (STEP_KILL | STEP_STOP | STEP_CHAIN)
#define LONG STEP_LONG

#define SOME(title, k, n, ...)                                                                     \
    &(const struct step_scenario)                                                                  \
    {                                                                                              \
        .name = title, .segment = SCRATCH_MARK, .watch = LEN, .kinds = k, .every = n,              \
        .every_slow = n, .arg = &(const struct sem_case){.verb = __VA_ARGS__}, .setup = setup,     \
        .enter = enter, .verb = verb, .wake = wake, .survive = survive, .stopped = stopped,        \
        .resumed = resumed, .recover = recover, .cleanup = cleanup                                 \
    }
#define CASE(title, k, ...) SOME(title, k, 1, __VA_ARGS__)

/* Verb, value, mates asleep before it, mates that fall asleep behind the victim */
static const struct step_scenario *const scenarios[] = {
    CASE("init", K, INIT, 3),
    CASE("destroy", K, DESTROY, 3),
    CASE("value", KS, VALUE, 3),
    CASE("post, nobody there", KSC, POST, 0),
    CASE("post, one asleep", KSC, POST, 0, 1),
    CASE("post, three asleep", KSC, POST, 0, 3),
    CASE("wait, there is one", KSC, WAIT, 1),
    CASE("wait, there are some", KS, WAIT, 2),
    CASE("wait", KSC, WAIT, 0),
    CASE("wait, one asleep in front", KS, WAIT, 0, 1),
    CASE("wait, one asleep behind", KS, WAIT, 0, 0, 1),
    CASE("wait, one in front, two behind", K, WAIT, 0, 1, 2),
    SOME("wait, with a spin", K, 7, WAIT, .spins = true),
    CASE("wait that times out", KS, TIMED, 0),
    CASE("wait that times out, one asleep", KS, TIMED, 0, 1),
    SOME("create", K, 13, CREATE, 3, .named = true),
    SOME("open", K, 5, OPEN, 3, .named = true),
    CASE("close", K, CLOSE, 3, .named = true),
    SOME("unlink", K, 3, UNLINK, 3, .named = true),
    CASE("post to a named one, one asleep", KS, POST, 0, 1, .named = true),
    CASE("wait for a named one, one asleep behind", KS, WAIT, 0, 0, 1, .named = true),
};

int main(int argc, char **argv)
{
    hepta_sem_t *sem;
    int rc;

    if (getenv(STEP_AGAIN)) {
        scratch_begin();
        /* What the library makes once per process mustn't look like a leak. */
        if (open_named(HEPTA_SEM_CREATE, 0, &sem) < 0 || hepta_sem_close(sem) < 0 ||
            hepta_sem_unlink(NAME) < 0)
            t_die("can't make a semaphore");
    }
    rc = step_main(argc, argv, scenarios, T_COUNT(scenarios));
    scratch_end();
    return rc;
}
