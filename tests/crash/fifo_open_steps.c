/* SPDX-License-Identifier: MIT */
/*
 * fifo_open_steps.c - making, opening, closing and removing a FIFO, killed and stopped in
 * every state
 *
 * Afterwards whoever waits for a partner must get one, contents that nobody had open must
 * be gone and those that somebody had must be there, the name must be whole or absent, and
 * nothing half-made may stay once somebody makes another. Start with survive().
 */
#define _GNU_SOURCE
#include "../lib/t.h"
#include "fifo/fifo_internal.h"
#include "fifo_room.h"
#include "scratch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ HEPTA_FIFO_READ
#define WRITE HEPTA_FIFO_WRITE
#define BOTH (READ | WRITE)

enum open_verb { MAKE, UNLINK, OPEN, CLOSE };

struct open_case {
    enum open_verb verb;
    uint32_t access;   /* of the verb */
    bool waits;        /* it waits for a partner */
    bool mate;         /* another process waits like the victim */
    bool holder;       /* the stage has it open for both all the time */
    uint32_t contents; /* records inside when the verb begins */
};

struct open_shared {
    volatile int64_t mate_got; /* what the mate's open, then its verb returned */
    volatile bool mate_done;
};

static struct {
    struct hepta_fifo *held;    /* of the stage; or what the victim closes */
    struct hepta_fifo *partner; /* of those that wait */
    pid_t mate;
} w;

static const struct open_case *open_case(const struct step_run *run)
{
    return run->sc->arg;
}

static struct open_shared *open_shared(struct step_run *run)
{
    return (struct open_shared *)run->room;
}

static uint32_t other(uint32_t access)
{
    return access == READ ? WRITE : READ;
}

static int fifo_open(struct hepta_fifo **f, uint32_t access, int64_t deadline)
{
    struct hepta_fifo_options opt = {.size = sizeof(opt), .wait = HEPTA_WAIT_SLEEP};

    return hepta_fifo_open(f, FIFO_NAME, access, &opt, deadline);
}

static ssize_t put_one(struct hepta_fifo *f, unsigned number, int64_t deadline)
{
    unsigned char rec[REC];

    rec_fill(rec, REC, REC_STAGE, number);
    return hepta_fifo_write(f, rec, REC, deadline);
}

static ssize_t get_one(struct step_run *run, struct hepta_fifo *f, unsigned number,
                       int64_t deadline)
{
    unsigned char rec[REC], right[REC];
    ssize_t got = hepta_fifo_read(f, rec, REC, deadline);

    rec_fill(right, REC, REC_STAGE, number);
    if (got > 0)
        step_check(run, got == REC && memcmp(rec, right, REC) == 0, "not record %u", number);
    return got;
}

/* Waits as the victim does, then sends or receives one record. */
static _Noreturn void mate_main(struct step_run *run)
{
    uint32_t access = open_case(run)->access;
    struct open_shared *s = open_shared(run);
    struct hepta_fifo *f;

    s->mate_got = fifo_open(&f, access, hepta_in_ms(PATIENCE_MS));
    if (s->mate_got == 0)
        s->mate_got = access == READ ? get_one(run, f, 0, hepta_in_ms(PATIENCE_MS))
                                     : put_one(f, 0, hepta_in_ms(PATIENCE_MS));
    s->mate_done = true;
    _exit(0);
}

static void setup(struct step_run *run)
{
    const struct open_case *c = open_case(run);
    struct hepta_fifo_options opt = {.size = sizeof(opt), .capacity = 4096};

    memset(&w, 0, sizeof(w));
    scratch_empty();
    if (c->verb == MAKE)
        return;
    if (hepta_fifo_make(FIFO_NAME, 0600, &opt) < 0)
        t_die("hepta_fifo_make");
    if (c->contents || c->holder || c->verb == CLOSE)
        if (fifo_open(&w.held, BOTH, HEPTA_NOW) < 0)
            t_die("hepta_fifo_open");
    for (unsigned i = 0; i < c->contents; i++)
        if (put_one(w.held, i, HEPTA_NOW) != REC)
            t_die("hepta_fifo_write");
    if (!c->holder && c->verb != CLOSE)
        w.held = hepta_fifo_close(w.held);
    if (c->mate) {
        w.mate = t_fork();
        if (w.mate == 0)
            mate_main(run);
        step_check(run, t_asleep(w.mate, 1000), "the mate doesn't wait");
    }
}

/* A stranger to all that was inherited. */
static void enter(struct step_run *run)
{
    if (open_case(run)->verb != CLOSE)
        w.held = hepta_fifo_close(w.held);
}

static void depart(struct step_run *run)
{
    if (open_case(run)->verb == CLOSE && !open_case(run)->holder)
        w.held = hepta_fifo_close(w.held);
}

static void verb(struct step_run *run)
{
    const struct open_case *c = open_case(run);
    struct hepta_fifo *f;

    switch (c->verb) {
    case MAKE:
        step_returned(run, hepta_fifo_make(FIFO_NAME, 0600, NULL));
        break;
    case UNLINK:
        step_returned(run, hepta_fifo_unlink(FIFO_NAME));
        break;
    case OPEN:
        step_returned(run, fifo_open(&f, c->access, c->waits ? hepta_in_ns(HANG_NS) : HEPTA_NOW));
        break;
    case CLOSE:
        step_returned(run, hepta_fifo_close(w.held) != NULL);
        break;
    }
}

/* The partner that the victim waits for. Who writes gets in only while somebody reads. */
static void wake(struct step_run *run)
{
    const struct open_case *c = open_case(run);
    int rc;

    if (w.partner || !c->waits)
        return;
    rc = fifo_open(&w.partner, other(c->access), HEPTA_NOW);
    step_check(run, rc == 0 || rc == -EAGAIN || (rc == -ENXIO && c->access == READ),
               "the partner's open: %d", rc);
}

/* Another process: it looks for what the dead left half-made. */
static void make_and_remove_another(struct step_run *run)
{
    pid_t pid = t_fork();

    if (pid == 0)
        _exit(hepta_fifo_make("/another", 0600, NULL) < 0 || hepta_fifo_unlink("/another") < 0);
    step_check(run, t_reap(pid, 5000) == 0, "another FIFO can't be made");
}

static void works(struct step_run *run, struct hepta_fifo *f)
{
    char why[256] = "";

    step_check(run, put_one(f, 0, HEPTA_NOW) == REC, "nothing can be written");
    step_check(run, get_one(run, f, 0, HEPTA_NOW) == REC, "nothing can be read");
    step_check(run, h7_fifo_check(f, why, sizeof(why)) == 0, "invariant: %s", why);
}

/* Name and all: whole or absent, and removable. */
static void check_name(struct step_run *run, bool expect, bool is_known)
{
    struct hepta_fifo *f;
    int64_t start = t_now_ns();
    int rc = fifo_open(&f, BOTH, hepta_in_ms(1000));

    step_timed(run, start, 0, "open");
    if (is_known)
        step_check(run, rc == (expect ? 0 : -ENOENT), "open by name: %d", rc);
    step_check(run, rc == 0 || rc == -ENOENT, "half a name: %d", rc);
    if (rc == -ENOENT)
        step_check(run, hepta_fifo_make(FIFO_NAME, 0600, NULL) == 0, "the name can't be made");
    if (rc == 0) {
        works(run, f);
        hepta_fifo_close(f);
    }
}

/* Those who waited with the victim get their partner, and it hears when all are gone. */
static void check_partners(struct step_run *run)
{
    const struct open_case *c = open_case(run);
    struct open_shared *s = open_shared(run);
    int64_t start = t_now_ns();
    int rc = w.partner ? 0 : fifo_open(&w.partner, other(c->access),
                                       c->mate ? hepta_in_ms(1000) : HEPTA_NOW);
    ssize_t n;

    step_timed(run, start, 0, "the partner's open");
    if (!c->mate && c->access == READ && rc == -ENXIO)
        return; /* nobody reads any more: right */
    if (!step_check(run, rc == 0, "the partner's open: %d", rc))
        return;
    if (c->mate) {
        n = c->access == READ ? put_one(w.partner, 0, hepta_in_ms(1000))
                              : get_one(run, w.partner, 0, hepta_in_ms(1000));
        step_check(run, n == REC, "the partner's first verb: %zd", n);
        for (int i = 0; i < 1000 && !s->mate_done; i++)
            t_sleep_ns(T_MS);
        step_check(run, s->mate_done && s->mate_got == REC, "who waits, too: %lld",
                   (long long)s->mate_got);
        t_kill(w.mate);
        w.mate = 0;
    }
    start = t_now_ns();
    do
        n = c->access == READ ? put_one(w.partner, 1, hepta_in_ms(1000))
                              : get_one(run, w.partner, 0, hepta_in_ms(1000));
    while (n == REC && t_now_ns() < start + 1000 * T_MS);
    step_timed(run, start, 0, "the end");
    step_check(run, n == (c->access == READ ? -EPIPE : 0), "all are gone, but the partner gets %zd",
               n);
}

static void check_contents(struct step_run *run)
{
    const struct open_case *c = open_case(run);
    struct hepta_fifo *f = w.held;
    uint64_t n = 0;
    int64_t start = t_now_ns();
    int rc = f ? 0 : fifo_open(&f, BOTH, hepta_in_ms(1000));

    step_timed(run, start, 0, "open");
    if (!step_check(run, rc == 0, "open by the survivor: %d", rc))
        return;
    fifo_room.used(f, true, &n);
    step_check(run, n == (c->holder ? c->contents * REC : 0),
               "%s, but %llu bytes are inside", c->holder ? "somebody had it open" :
               "nobody had it open", (unsigned long long)n);
    for (unsigned i = 0; i < n / REC; i++)
        step_check(run, get_one(run, f, i, HEPTA_NOW) == REC, "record %u is lost", i);
    works(run, f);
    if (f != w.held)
        hepta_fifo_close(f);
}

static void survive(struct step_run *run)
{
    const struct open_case *c = open_case(run);

    if (c->waits)
        check_partners(run);
    w.partner = hepta_fifo_close(w.partner);
    if (c->verb == OPEN || c->verb == CLOSE)
        check_contents(run);
    if (w.held && c->verb == UNLINK)
        works(run, w.held);
    check_name(run, c->verb != UNLINK, c->verb == OPEN || c->verb == CLOSE || run->returned);
    make_and_remove_another(run);
    step_check(run, hepta_fifo_unlink(FIFO_NAME) == 0, "the name can't be removed");
    step_check(run, scratch_is_empty(), "something half-made is left");
}

static void try_open(struct step_run *run, int64_t deadline)
{
    struct hepta_fifo *f;
    int64_t start = t_now_ns();
    int rc = fifo_open(&f, BOTH, deadline);

    step_timed(run, start, deadline, "open");
    step_check(run, rc == 0 || rc == -EAGAIN || rc == -ETIMEDOUT ||
               (rc == -ENOENT && open_case(run)->verb != OPEN),
               "open beside a stopped one: %d", rc);
    if (rc == 0)
        hepta_fifo_close(f);
}

/* Who has it open isn't held up by somebody who stops while opening. */
static void stopped(struct step_run *run)
{
    int64_t start = t_now_ns();

    if (w.held && open_case(run)->verb != CLOSE) {
        step_check(run, put_one(w.held, open_case(run)->contents, HEPTA_NOW) == REC,
                   "a stopped opener keeps others from writing");
        for (unsigned i = 0; i <= open_case(run)->contents; i++)
            step_check(run, get_one(run, w.held, i, HEPTA_NOW) == REC, "record %u is lost", i);
        for (unsigned i = 0; i < open_case(run)->contents; i++)
            put_one(w.held, i, HEPTA_NOW);
        step_timed(run, start, 0, "write and read");
    }
    try_open(run, HEPTA_NOW);
    try_open(run, hepta_in_ms(50));
}

static void resumed(struct step_run *run)
{
    step_check(run, run->returned && run->result == 0, "the verb of the stopped process: %lld",
               (long long)run->result);
    survive(run);
}

static void recover(struct step_run *run)
{
    struct hepta_fifo *f;

    (void)run;
    fifo_open(&f, BOTH, hepta_in_ns(HANG_NS));
}

static void cleanup(struct step_run *run)
{
    (void)run;
    if (w.mate)
        t_kill(w.mate);
    w.held = hepta_fifo_close(w.held);
    w.partner = hepta_fifo_close(w.partner);
}

#define CONTROL (H7_SEGMENT_CONTROL + sizeof(struct h7_fifo_shared))

#define CASE(title, k, ...)                                                                        \
    &(const struct step_scenario)                                                                  \
    {                                                                                              \
        .name = title, .segment = SCRATCH_MARK, .watch = CONTROL, .watch_data = REC, .kinds = k,   \
        .arg = &(const struct open_case){.verb = __VA_ARGS__}, .setup = setup, .enter = enter,     \
        .verb = verb, .depart = depart, .wake = wake, .survive = survive, .stopped = stopped,      \
        .resumed = resumed, .recover = recover, .cleanup = cleanup                                 \
    }

/* verb, access, waits, a mate waits, a holder, records inside */
static const struct step_scenario *const scenarios[] = {
    CASE("make", K, MAKE),
    CASE("unlink", K | LONG, UNLINK),
    CASE("unlink of an open one", K, UNLINK, 0, false, false, true),
    CASE("open for both, the first", STEP_CHAIN, OPEN, BOTH, false, false, false, 3),
    CASE("open for both, the first, long run", KS | LONG, OPEN, BOTH, false, false, false, 3),
    CASE("open for reading at once, the first", K, OPEN, READ, false, false, false, 3),
    CASE("open for reading at once, not the first", K, OPEN, READ, false, false, true, 3),
    CASE("open for writing at once, not the first", K | LONG, OPEN, WRITE, false, false, true, 3),
    CASE("open for reading, nobody there", K, OPEN, READ, true),
    CASE("open for reading, nobody there, long run", STEP_STOP | LONG, OPEN, READ, true),
    CASE("open for writing, nobody there", STEP_STOP, OPEN, WRITE, true),
    CASE("open for reading, another waits", K | LONG, OPEN, READ, true, true),
    CASE("open for writing, nobody there, long run", K | LONG, OPEN, WRITE, true),
    CASE("open for both, not the first", KSC | LONG, OPEN, BOTH, false, false, true, 3),
    CASE("open for writing, another waits", K, OPEN, WRITE, true, true),
    CASE("close by the last", K, CLOSE, 0, false, false, false, 3),
    CASE("close, not by the last", KS, CLOSE, 0, false, false, true, 3),
};

int main(int argc, char **argv)
{
    int rc;

    if (getenv(STEP_AGAIN)) {
        scratch_begin();
        fifo_warm_up();
    }
    rc = step_main(argc, argv, scenarios, T_COUNT(scenarios));
    scratch_end();
    return rc;
}
