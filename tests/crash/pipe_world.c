/* SPDX-License-Identifier: MIT */
/*
 * pipe_world.c - see pipe_world.h: the stage's own verbs and the checks
 *
 * The rule behind check_ledger(): what a verb returned has happened; what it didn't
 * return from has happened whole or not at all (a write above PIPE_BUF: a prefix).
 */
#define _GNU_SOURCE
#include "pipe_world.h"

#include "../lib/t.h"
#include "pipe/pipe_internal.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

struct pipe_world world;

const struct pipe_case *case_of(const struct step_run *run)
{
    return run->sc->arg;
}

struct pipe_room *room_of(struct step_run *run)
{
    _Static_assert(sizeof(struct pipe_room) <= sizeof(run->room), "room");
    return (struct pipe_room *)run->room;
}

bool mates_sleep_reading(const struct pipe_case *c)
{
    return c->mates == M_READERS || c->mates == M_SLEEPER || c->mates == M_POLLER_R;
}

bool victim_reads(const struct pipe_case *c)
{
    return c->verb >= V_READ;
}

void world_setup(struct step_run *run)
{
    const struct pipe_case *c = case_of(run);
    struct hepta_pipe_options opt = {.size = sizeof(opt),
                                     .flags = c->flags,
                                     .capacity = c->capacity,
                                     .wait = HEPTA_WAIT_SLEEP};
    unsigned char rec[REC];
    int rc;

    memset(&world, 0, sizeof(world));
    world.fds[0] = -1;
    ledger_reader(&world.ledger);
    /* Only a single reader sees the write in one piece. */
    world.ledger.victim_whole = c->len <= HEPTA_PIPE_BUF && !mates_sleep_reading(c);
    if (c->verb == V_CREATE)
        return;
    rc = hepta_pipe_new(&world.r, &world.w, &opt);
    if (rc < 0)
        t_die("hepta_pipe_new: %d", rc);
    for (unsigned i = 0; i < c->before / REC; i++) {
        rec_fill(rec, REC, REC_BEFORE, i);
        if (hepta_pipe_write(world.w, rec, REC, HEPTA_NOW) != REC)
            t_die("the pipe doesn't take %u bytes", c->before);
    }
    if (c->verb == V_ATTACH_R && hepta_pipe_export(world.r, world.fds) < 0)
        t_die("hepta_pipe_export");
    mates_start(run);
}

void world_cleanup(struct step_run *run)
{
    (void)run;
    mates_stop();
    world.r = hepta_pipe_close(world.r);
    world.w = hepta_pipe_close(world.w);
}

ssize_t stage_write(struct step_run *run, int64_t deadline)
{
    unsigned char rec[REC];
    int64_t start = t_now_ns();
    ssize_t put;

    rec_fill(rec, REC, REC_STAGE, room_of(run)->n_stage);
    put = hepta_pipe_write(world.w, rec, REC, deadline);
    step_timed(run, start, deadline, "write");
    if (put == REC)
        room_of(run)->n_stage++;
    step_check(run, put == REC || put == -EAGAIN || put == -ETIMEDOUT || put == -EPIPE,
               "write by the survivor: %zd", put);
    return put;
}

static ssize_t read_by(struct step_run *run, size_t len, int64_t deadline, int64_t by)
{
    static unsigned char buf[8192];
    int64_t start = t_now_ns();
    ssize_t got = hepta_pipe_read(world.r, buf, len < sizeof(buf) ? len : sizeof(buf), deadline);

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

static uint64_t used(struct step_run *run)
{
    struct hepta_pipe_stat st = {0};
    int rc = hepta_pipe_stat(world.r ? world.r : world.w, &st, sizeof(st));

    step_check(run, rc == 0, "stat by the survivor: %d", rc);
    return st.used;
}

void stage_take(struct step_run *run)
{
    uint64_t n;

    while ((n = used(run)) > 0) {
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
    step_check(run, got == (expect_eof ? 0 : -EAGAIN), "read of the empty pipe gives %zd, not %s",
               got, expect_eof ? "end-of-file" : "-EAGAIN");
}

static bool polls(struct hepta_pipe *p, short events)
{
    struct pollfd pfd = {hepta_pipe_fd(p), POLLIN, 0};

    return poll(&pfd, 1, 0) == 1 && (pfd.revents & events);
}

void check_levels(struct step_run *run)
{
    uint64_t n = used(run);

    if (world.r && n > 0)
        step_check(run, polls(world.r, POLLIN | POLLHUP),
                   "%llu bytes are there, but poll is silent", (unsigned long long)n);
    if (world.r && n == 0 && polls(world.r, POLLIN) &&
        stage_read(run, REC, HEPTA_NOW) == -EAGAIN)
        step_check(run, !polls(world.r, POLLIN), "poll stays readable with nothing there");
    if (world.w && n == 0)
        step_check(run, polls(world.w, POLLIN | POLLHUP),
                   "the pipe is empty, but poll doesn't let the writer in");
}

void check_inside(struct step_run *run)
{
    char why[256] = "";
    int rc = h7_pipe_check(world.r ? world.r : world.w, why, sizeof(why));

    step_check(run, rc == 0, "invariant: %s", why);
}

/* What the readers other than the stage got; each reader's own stream is in order. */
static void book_others(struct step_run *run)
{
    const struct pipe_case *c = case_of(run);
    struct pipe_room *room = room_of(run);
    bool mates_read = c->mates == M_READER || mates_sleep_reading(c);

    for (int i = 0; i < N_MATES && mates_read; i++) {
        if (!room->mate[i].done || room->mate[i].result <= 0)
            continue;
        ledger_reader(&world.ledger);
        ledger_add(&world.ledger, room->mate[i].data, (size_t)room->mate[i].result);
    }
    if ((c->verb == V_READ || c->verb == V_RELEASE) && run->returned && run->result > 0) {
        ledger_reader(&world.ledger);
        ledger_add(&world.ledger, room->data, (size_t)run->result);
    }
}

/* The records that a reader killed in the middle may have taken with it: all or none. */
static void check_taken(struct step_run *run, enum rec_class class, int n)
{
    const struct pipe_case *c = case_of(run);
    int first = ledger_suffix(&world.ledger, class, n);
    int most = (int)c->len / REC;
    bool may_take = (c->verb == V_READ || c->verb == V_RELEASE) && !run->returned;

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
    const struct pipe_case *c = case_of(run);
    int n = ledger_prefix(&world.ledger, REC_VICTIM), all = (int)c->len / REC;
    bool writes = c->verb == V_WRITE || c->verb == V_COMMIT;

    if (writes && run->returned)
        step_check(run, n == (int)run->result / REC, "of %lld bytes written %d records arrived",
                   (long long)run->result, n);
    else if (writes && c->len <= HEPTA_PIPE_BUF)
        step_check(run, n == 0 || n == all, "of an atomic write %d of %d records arrived", n, all);
    else
        step_check(run, n >= 0 && n <= (writes ? all : 0), "%d records nobody wrote", n);
}

void check_ledger(struct step_run *run)
{
    const struct pipe_case *c = case_of(run);
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
