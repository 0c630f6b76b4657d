/* SPDX-License-Identifier: MIT */
/*
 * flow_world.c - see flow.h: the stage's own verbs and the checks
 *
 * The rule behind check_ledger(): what a verb returned has happened; what it didn't
 * return from has happened whole or not at all (a write above PIPE_BUF: a prefix).
 */
#define _GNU_SOURCE
#include "flow.h"

#include "../lib/t.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

struct flow_world world;

const struct flow_case *case_of(const struct step_run *run)
{
    return run->sc->arg;
}

struct flow_shared *room_of(struct step_run *run)
{
    _Static_assert(sizeof(struct flow_shared) <= sizeof(run->room), "room");
    return (struct flow_shared *)run->room;
}

bool mates_sleep_reading(const struct flow_case *c)
{
    return c->mates == M_READERS || c->mates == M_SLEEPER || c->mates == M_POLLER_R;
}

bool victim_reads(const struct flow_case *c)
{
    return c->verb >= V_READ;
}

bool victim_takes(const struct flow_case *c)
{
    return c->verb == V_READ || c->verb == V_READ_PARTS || c->verb == V_RELEASE;
}

bool victim_puts(const struct flow_case *c)
{
    return c->verb == V_WRITE || c->verb == V_WRITE_PARTS || c->verb == V_COMMIT;
}

/* Is the victim's write all or nothing? */
static bool atomic(const struct flow_case *c)
{
    return c->len <= PIPE_BUF || (c->flags & c->room->packet);
}

void flow_setup(struct step_run *run)
{
    const struct flow_case *c = case_of(run);
    uint32_t piece = c->piece ? c->piece : REC;
    static unsigned char buf[FLOW_MAX];
    int rc;

    memset(&world, 0, sizeof(world));
    world.room = c->room;
    ledger_reader(&world.ledger);
    /* Only a single reader sees the write in one piece. */
    world.ledger.victim_whole = atomic(c) && !mates_sleep_reading(c);
    rc = world.room->make(c, &world.r, &world.w);
    if (rc < 0)
        t_die("can't make a %s: %d", world.room->name, rc);
    for (uint32_t off = 0; off < c->before; off += piece) {
        rec_fill(buf, piece, REC_BEFORE, off / REC);
        if (world.room->write(world.w, buf, piece, HEPTA_NOW) != (ssize_t)piece)
            t_die("the %s doesn't take %u bytes", world.room->name, c->before);
    }
    mates_start(run);
}

void flow_close(void **end)
{
    if (*end)
        *end = world.room->close(*end);
}

void flow_cleanup(struct step_run *run)
{
    mates_stop();
    flow_close(&world.r);
    flow_close(&world.w);
    if (world.room->unmake)
        world.room->unmake(run);
}

ssize_t stage_write(struct step_run *run, int64_t deadline)
{
    unsigned char rec[REC];
    int64_t start = t_now_ns();
    ssize_t put;

    rec_fill(rec, REC, REC_STAGE, room_of(run)->n_stage);
    put = world.room->write(world.w, rec, REC, deadline);
    step_timed(run, start, deadline, "write");
    if (put == REC)
        room_of(run)->n_stage++;
    step_check(run, put == REC || put == -EAGAIN || put == -ETIMEDOUT || put == -EPIPE,
               "write by the survivor: %zd", put);
    return put;
}

static ssize_t read_by(struct step_run *run, size_t len, int64_t deadline, int64_t by)
{
    static unsigned char buf[FLOW_MAX];
    int64_t start = t_now_ns();
    ssize_t got = world.room->read(world.r, buf, len < sizeof(buf) ? len : sizeof(buf), deadline);

    step_timed(run, start, by, "read");
    if (got > 0)
        ledger_add(&world.ledger, buf, (size_t)got);
    step_check(run, got >= 0 || got == -EAGAIN || got == -ETIMEDOUT, "read by the survivor: %zd",
               got);
    return got;
}

ssize_t stage_read(struct step_run *run, size_t len, int64_t deadline)
{
    return read_by(run, len, deadline, deadline);
}

uint64_t stage_used(struct step_run *run)
{
    uint64_t n = 0;
    int rc = world.room->used(world.r ? world.r : world.w, world.r != NULL, &n);

    step_check(run, rc == 0, "stat by the survivor: %d", rc);
    return n;
}

void stage_take(struct step_run *run)
{
    uint64_t n;

    while ((n = stage_used(run)) > 0) {
        ssize_t got = read_by(run, SIZE_MAX, hepta_in_ms(1000), 0);

        if (!step_check(run, got > 0, "%llu bytes are there, but read gives %zd",
                        (unsigned long long)n, got))
            return;
    }
}

void stage_drain(struct step_run *run, bool expect_eof)
{
    ssize_t got;

    stage_take(run);
    got = read_by(run, SIZE_MAX, expect_eof ? hepta_in_ms(1000) : HEPTA_NOW, 0);
    step_check(run, got == (expect_eof ? 0 : -EAGAIN), "read with nothing inside gives %zd, not %s",
               got, expect_eof ? "end-of-file" : "-EAGAIN");
}

static bool polls(void *end, bool reading, bool or_hangup)
{
    struct pollfd p = {.fd = -1};

    return world.room->pollfd(end, reading, &p) == 0 && poll(&p, 1, 0) == 1 &&
           (p.revents & (p.events | (or_hangup ? POLLHUP : 0)));
}

void check_levels(struct step_run *run)
{
    uint64_t n = stage_used(run);

    if (world.r && n > 0)
        step_check(run, polls(world.r, true, true),
                   "%llu bytes are there, but poll is silent", (unsigned long long)n);
    if (world.r && n == 0 && polls(world.r, true, false) &&
        stage_read(run, REC, HEPTA_NOW) == -EAGAIN)
        step_check(run, !polls(world.r, true, false), "poll stays readable with nothing there");
    if (world.w && n == 0)
        step_check(run, polls(world.w, false, true),
                   "nothing is inside, but poll doesn't let the writer in");
}

void check_inside(struct step_run *run)
{
    char why[256] = "";
    int rc = world.room->check(world.r ? world.r : world.w, why, sizeof(why));

    step_check(run, rc == 0, "invariant: %s", why);
}

/* What the readers other than the stage got; each reader's own stream is in order. */
static void book_others(struct step_run *run)
{
    const struct flow_case *c = case_of(run);
    struct flow_shared *room = room_of(run);
    bool mates_read = c->mates == M_READER || mates_sleep_reading(c);

    for (int i = 0; i < N_MATES && mates_read; i++) {
        if (!room->mate[i].done || room->mate[i].result <= 0)
            continue;
        ledger_reader(&world.ledger);
        ledger_add(&world.ledger, room->mate[i].data, (size_t)room->mate[i].result);
    }
    if (victim_takes(c) && run->returned && run->result > 0) {
        ledger_reader(&world.ledger);
        ledger_add(&world.ledger, room->data, (size_t)run->result);
    }
}

/* The records that a reader killed in the middle may have taken with it: all or none. */
static void check_taken(struct step_run *run, enum rec_class class, int n)
{
    const struct flow_case *c = case_of(run);
    int first = ledger_suffix(&world.ledger, class, n);
    int most = (int)c->len / REC;
    bool may_take = victim_takes(c) && !run->returned;

    if (run->kind == STEP_CHAIN && victim_reads(c)) /* the second reader takes one more */
        step_check(run, world.ledger.n_seen[class] + most + 1 >= n,
                   "of %d records of class %d only %u arrived", n, class,
                   world.ledger.n_seen[class]);
    else
        step_check(run, first == 0 || (may_take && first == (most < n ? most : n)),
                   "records of class %d lost (%d)", class, first);
}

static void check_victims(struct step_run *run)
{
    const struct flow_case *c = case_of(run);
    int n = ledger_prefix(&world.ledger, REC_VICTIM), all = (int)c->len / REC;
    bool writes = victim_puts(c);

    if (writes && run->returned)
        step_check(run, n == (int)run->result / REC, "of %lld bytes written %d records arrived",
                   (long long)run->result, n);
    else if (writes && atomic(c))
        step_check(run, n == 0 || n == all, "of an atomic write %d of %d records arrived", n, all);
    else
        step_check(run, n >= 0 && n <= (writes ? all : 0), "%d records nobody wrote", n);
}

void check_ledger(struct step_run *run)
{
    const struct flow_case *c = case_of(run);
    int n_before = (int)c->before / REC, n_mates = 0;
    bool mates_write = c->mates == M_WRITER || c->mates == M_POLLER_W;

    book_others(run);
    for (int i = 0; i < N_MATES && mates_write; i++)
        n_mates += room_of(run)->mate[i].result == REC;
    check_taken(run, REC_BEFORE, n_before);
    if (n_before == 0)
        check_taken(run, REC_STAGE, (int)room_of(run)->n_stage);
    else
        step_check(run, ledger_prefix(&world.ledger, REC_STAGE) == (int)room_of(run)->n_stage,
                   "the survivor's own records lost");
    check_victims(run);
    if (run->kind != STEP_CHAIN)
        step_check(run, ledger_prefix(&world.ledger, REC_MATE) == n_mates,
                   "another writer's records: %d of %d", ledger_prefix(&world.ledger, REC_MATE),
                   n_mates);
    step_check(run, world.ledger.wrong[0] == 0, "%s", world.ledger.wrong);
}
