/* SPDX-License-Identifier: MIT */
/*
 * shm_steps.c - making, opening, growing, closing and removing a segment, killed and stopped in
 * every state
 *
 * Afterwards the name is whole or absent; a segment that somebody has is there with its bytes, and
 * one that lives as long as its users is gone with the last, name and all, once somebody makes
 * another; a segment has grown whole or not at all. Start with survive().
 */
#define _GNU_SOURCE
#include "../lib/t.h"
#include "scratch.h"
#include "stepper.h"

#include <errno.h>
#include <fcntl.h>
#include <hepta/shm.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prim/room.h"

#define NAME "/s"
#define PAGE 4096u
#define WAIT_MS 100  /* for somebody who is removing the name */
#define GROW_MS 1000 /* for somebody who is growing it */
#define MARK 0x5a

extern const struct h7_room h7_room_shm;

enum shm_verb { MAKE, OPEN, CREATE, GROW, CLOSE, UNLINK, EXPORT };

struct shm_case {
    enum shm_verb verb;
    uint32_t flags; /* HEPTA_SHM_AUTO */
    bool holder;    /* the stage has it all the time */
    bool stale;     /* whoever had it was killed before */
};

static struct {
    struct hepta_shm *held;    /* of the stage */
    struct hepta_shm *victims; /* what it grows or closes */
} w;

static const struct shm_case *shm_case(const struct step_run *run)
{
    return run->sc->arg;
}

static int shm_open_as(uint32_t flags, struct hepta_shm **shm)
{
    struct hepta_shm_options opt = {.size = sizeof(opt), .len = PAGE, .len_max = 8 * PAGE};

    return hepta_shm_open(NAME, flags | HEPTA_SHM_WRITE, 0600, &opt, shm);
}

/* Made and left by a process that gets killed. */
static void leave_stale(const struct shm_case *c)
{
    struct hepta_shm *s;
    pid_t pid = t_fork();

    if (pid == 0) {
        if (shm_open_as(HEPTA_SHM_CREATE | c->flags, &s) < 0)
            _exit(1);
        raise(SIGKILL);
    }
    t_reap(pid, 5000);
}

static void setup(struct step_run *run)
{
    const struct shm_case *c = shm_case(run);
    struct hepta_shm **mine = c->holder ? &w.held : &w.victims;

    memset(&w, 0, sizeof(w));
    scratch_empty();
    if (c->stale)
        leave_stale(c);
    if (c->verb == MAKE || c->stale)
        return;
    if (shm_open_as(HEPTA_SHM_CREATE | c->flags, mine) < 0)
        t_die("hepta_shm_open");
    memset(hepta_shm_data(*mine), MARK, PAGE);
    if (c->holder && c->verb != OPEN && c->verb != CREATE && shm_open_as(0, &w.victims) < 0)
        t_die("hepta_shm_open, the victim's");
}

static void drop(struct hepta_shm **s)
{
    if (*s)
        hepta_shm_close(*s);
    *s = NULL;
}

/* The victim's is the victim's only. */
static void depart(struct step_run *run)
{
    (void)run;
    drop(&w.victims);
}

static void enter(struct step_run *run)
{
    (void)run;
    drop(&w.held);
}

static void verb(struct step_run *run)
{
    const struct shm_case *c = shm_case(run);
    struct hepta_shm *s;

    switch (c->verb) {
    case MAKE:
    case CREATE:
        step_returned(run, shm_open_as(HEPTA_SHM_CREATE | c->flags, &s));
        break;
    case OPEN:
        step_returned(run, shm_open_as(0, &s));
        break;
    case GROW:
        step_returned(run, hepta_shm_grow(w.victims, 4 * PAGE));
        break;
    case CLOSE:
        step_returned(run, hepta_shm_close(w.victims));
        break;
    case UNLINK:
        step_returned(run, hepta_shm_unlink(NAME));
        break;
    case EXPORT:
        step_returned(run, hepta_shm_export(w.victims, 0));
        break;
    }
}

static void check_inside(struct step_run *run, const struct hepta_shm *s)
{
    char why[256] = "";

    step_check(run, h7_room_shm.check(s, why, sizeof(why)) == 0, "invariant: %s", why);
}

/* Every byte of it can be used, and those that were written stand. */
static void works(struct step_run *run, struct hepta_shm *s, bool marked)
{
    unsigned char *p = hepta_shm_data(s);
    size_t len = hepta_shm_len(s);

    step_check(run, len >= PAGE, "%zu bytes", len);
    step_check(run, p[0] == (marked ? MARK : 0) && p[PAGE - 1] == p[0], "the bytes are lost");
    for (size_t i = PAGE; i < len; i++)
        if (!step_check(run, p[i] == 0 || (marked && p[i] == MARK), "what was added isn't 0"))
            break;
    memset(p, MARK, len);
    check_inside(run, s);
}

/* Of one that the stage has: what the victim did to it is whole. */
static void check_held(struct step_run *run)
{
    const struct shm_case *c = shm_case(run);
    struct hepta_shm_stat st;
    int rc = hepta_shm_stat(w.held, &st);

    if (!step_check(run, rc == 0, "stat: %d", rc))
        return;
    step_check(run, st.len == PAGE || (c->verb == GROW && st.len == 4 * PAGE),
               "%llu bytes", (unsigned long long)st.len);
    if (c->verb == GROW && run->returned)
        step_check(run, st.len == 4 * PAGE, "grown, and isn't");
    step_check(run, hepta_shm_grow(w.held, 0) == 0, "what is there can't be mapped");
    works(run, w.held, true);
    if (c->verb == GROW) {
        rc = hepta_shm_grow(w.held, 6 * PAGE);
        step_check(run, rc == 0 && hepta_shm_len(w.held) == 6 * PAGE, "grow: %d", rc);
        memset(hepta_shm_data(w.held), MARK, 6 * PAGE);
    }
}

/* Is it there? And if so, whole. */
static bool look(struct step_run *run, bool marked)
{
    struct hepta_shm *s;
    int64_t start = t_now_ns();
    int rc = shm_open_as(0, &s);

    step_timed(run, start, 0, "open");
    step_check(run, rc == 0 || rc == -ENOENT, "half a name: %d", rc);
    if (rc == 0) {
        works(run, s, marked);
        hepta_shm_close(s);
    }
    return rc == 0;
}

/* Another process makes a segment of another name, and looks what the dead have left. */
static void make_another(struct step_run *run)
{
    pid_t pid = t_fork();

    if (pid == 0) {
        struct hepta_shm_options opt = {.size = sizeof(opt), .len = PAGE};
        struct hepta_shm *s;
        int rc = hepta_shm_open("/another", HEPTA_SHM_CREATE | HEPTA_SHM_AUTO, 0600, &opt, &s);

        _exit(rc < 0 || hepta_shm_close(s) < 0);
    }
    step_check(run, t_reap(pid, 5000) == 0, "another segment can't be made");
}

/* Should it be there, now that the victim is dead? */
static bool expected(const struct step_run *run, bool *known)
{
    const struct shm_case *c = shm_case(run);

    *known = run->returned || (c->verb != UNLINK && c->verb != MAKE) || c->stale ||
             (c->verb == MAKE && c->flags);
    if (c->flags & HEPTA_SHM_AUTO)
        return c->holder && c->verb != UNLINK;
    return c->verb != UNLINK;
}

/* A new one under the same name. */
static void check_fresh(struct step_run *run)
{
    uint32_t flags = HEPTA_SHM_CREATE | HEPTA_SHM_EXCL | HEPTA_SHM_AUTO;
    struct hepta_shm *s;
    int64_t start = t_now_ns();
    int rc = shm_open_as(flags, &s);

    step_timed(run, start, 0, "make");
    if (!step_check(run, rc == 0, "the name can't be made: %d", rc))
        return;
    works(run, s, false);
    hepta_shm_close(s);
}

static void survive(struct step_run *run)
{
    bool known, expect = expected(run, &known);

    if (w.held)
        check_held(run);
    if (run->state % 3 == 0) /* before anybody meets the name */
        make_another(run);
    bool there = look(run, shm_case(run)->verb != MAKE);
    step_check(run, there == expect || !known, "%s",
               there ? "it is there, and nobody has it" : "somebody has it, and it is gone");
    drop(&w.held);
    if (there && !(shm_case(run)->flags & HEPTA_SHM_AUTO))
        step_check(run, hepta_shm_unlink(NAME) == 0, "the name can't be removed");
    check_fresh(run);
    make_another(run);
    step_check(run, scratch_is_empty(), "something is left: %s", scratch_first());
}

static void try_open(struct step_run *run, uint32_t flags)
{
    struct hepta_shm *s;
    int64_t start = t_now_ns();
    int rc = shm_open_as(flags, &s);

    step_timed(run, start, start + WAIT_MS * T_MS, "open");
    step_check(run, rc == 0 || rc == -ENOENT || rc == -ETIMEDOUT, "open beside a stopped one: %d",
               rc);
    step_check(run, rc != -ENOENT || !(flags & HEPTA_SHM_CREATE), "can't be made");
    step_check(run, rc != -ENOENT || !w.held || shm_case(run)->verb == UNLINK,
               "somebody has it, and it can't be opened");
    if (rc == 0)
        hepta_shm_close(s);
}

static void stopped(struct step_run *run)
{
    int64_t start = t_now_ns();

    if (w.held) {
        int rc = hepta_shm_grow(w.held, 2 * PAGE);

        step_timed(run, start, start + GROW_MS * T_MS, "grow");
        step_check(run, rc == 0 || (rc == -ETIMEDOUT && shm_case(run)->verb == GROW), "grow: %d",
                   rc);
    }
    try_open(run, 0);
    if (!(run->state % 4))
        try_open(run, HEPTA_SHM_CREATE | HEPTA_SHM_AUTO);
}

/* Whatever others did to the name meanwhile, what the victim gave back is a segment. */
static void resumed(struct step_run *run)
{
    int64_t r = run->result;
    bool named = shm_case(run)->verb == OPEN || shm_case(run)->verb == UNLINK;

    step_check(run, run->returned && (r >= 0 || (r == -ENOENT && named)),
               "the verb of the stopped process: %lld", (long long)r);
    drop(&w.held);
    look(run, shm_case(run)->verb != MAKE);
    hepta_shm_unlink(NAME);
    check_fresh(run);
    make_another(run);
    step_check(run, scratch_is_empty(), "something is left: %s", scratch_first());
}

static void recover(struct step_run *run)
{
    struct hepta_shm *s;

    (void)run;
    shm_open_as(HEPTA_SHM_CREATE | HEPTA_SHM_AUTO, &s);
}

static void cleanup(struct step_run *run)
{
    (void)run;
    drop(&w.held);
    drop(&w.victims);
}

#define K STEP_KILL
#define KS (STEP_KILL | STEP_STOP)
#define KSC (STEP_KILL | STEP_STOP | STEP_CHAIN)
#define LONG STEP_LONG
#define AUTO HEPTA_SHM_AUTO

#define CASE(title, k, n, ...)                                                                     \
    &(const struct step_scenario)                                                                  \
    {                                                                                              \
        .name = title, .segment = SCRATCH_MARK, .watch = 64, .kinds = k, .every = n,               \
        .every_slow = 2 * n,                                                                       \
        .arg = &(const struct shm_case){.verb = __VA_ARGS__}, .setup = setup, .enter = enter,      \
        .verb = verb, .depart = depart, .survive = survive, .stopped = stopped,                    \
        .resumed = resumed, .recover = recover, .cleanup = cleanup                                 \
    }

/* each so-many-th state; verb, flags, the stage has it, who had it was killed */
static const struct step_scenario *const scenarios[] = {
    CASE("make", KS, 2, MAKE),
    CASE("make, as long as it is used", KS, 2, MAKE, AUTO),
    CASE("open", K | LONG, 1, OPEN, 0, true),
    CASE("open, as long as it is used", KS, 1, OPEN, AUTO, true),
    CASE("open a stale one", KSC, 2, OPEN, AUTO, false, true),
    CASE("make in place of a stale one", KSC, 4, CREATE, AUTO, false, true),
    CASE("open instead of making", K | LONG, 1, CREATE, AUTO, true),
    CASE("grow", KS, 1, GROW, 0, true),
    CASE("close", K, 1, CLOSE, 0, true),
    CASE("close, the last user", KSC, 1, CLOSE, AUTO),
    CASE("close, not the last user", KS, 1, CLOSE, AUTO, true),
    CASE("unlink", K, 2, UNLINK),
    CASE("unlink of one that is used", K | LONG, 1, UNLINK, AUTO, true),
    CASE("unlink of a stale one", K | LONG, 1, UNLINK, AUTO, false, true),
    CASE("export", K, 1, EXPORT, AUTO, true),
};

int main(int argc, char **argv)
{
    int rc;

    if (getenv(STEP_AGAIN)) {
        struct hepta_shm *s;

        scratch_begin();
        if (shm_open_as(HEPTA_SHM_CREATE | HEPTA_SHM_AUTO, &s) == 0)
            hepta_shm_close(s);
    }
    rc = step_main(argc, argv, scenarios, T_COUNT(scenarios));
    scratch_end();
    return rc;
}
