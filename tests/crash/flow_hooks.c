/* SPDX-License-Identifier: MIT */
/*
 * flow_hooks.c - the hooks that are the same for all scenarios of flow.h
 *
 * Reading order: flow_verb() is what the victim does, flow_survive() what must hold
 * afterwards, flow_stopped() what must hold while it is stopped.
 */
#define _GNU_SOURCE
#include "flow.h"

#include "../lib/t.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static unsigned char out[FLOW_MAX]; /* what the victim writes */

static void reserve(struct step_run *run, bool commit)
{
    const struct flow_case *c = case_of(run);
    void *p;
    int rc = world.room->reserve(world.w, c->len, &p, hepta_in_ns(HANG_NS));

    if (rc == 0)
        memcpy(p, out, c->len);
    if (rc == 0 && commit)
        rc = world.room->commit(world.w, c->len);
    step_returned(run, rc < 0 ? rc : commit ? (int64_t)c->len : 0);
}

static void peek(struct step_run *run, bool release)
{
    const struct flow_case *c = case_of(run);
    const void *p;
    ssize_t got = world.room->peek(world.r, &p, hepta_in_ns(HANG_NS));
    ssize_t take = got < (ssize_t)c->len ? got : (ssize_t)c->len;

    if (got > 0 && release) {
        memcpy(room_of(run)->data, p, (size_t)take);
        got = world.room->release(world.r, (size_t)take);
        step_returned(run, got < 0 ? got : take);
        return;
    }
    step_returned(run, got < 0 ? got : 0);
}

static void put(struct step_run *run,
                ssize_t (*verb)(void *w, const void *buf, size_t len, int64_t deadline))
{
    step_returned(run, verb(world.w, out, case_of(run)->len, hepta_in_ns(HANG_NS)));
}

static void get(struct step_run *run,
                ssize_t (*verb)(void *r, void *buf, size_t len, int64_t deadline))
{
    step_returned(run, verb(world.r, room_of(run)->data, case_of(run)->len, hepta_in_ns(HANG_NS)));
}

void flow_verb(struct step_run *run)
{
    const struct flow_case *c = case_of(run);
    struct pollfd p;

    switch (c->verb) {
    case V_WRITE:
        put(run, world.room->write);
        break;
    case V_WRITE_PARTS:
        put(run, world.room->write_parts);
        break;
    case V_RESERVE:
    case V_COMMIT:
        reserve(run, c->verb == V_COMMIT);
        break;
    case V_READ:
        get(run, world.room->read);
        break;
    case V_READ_PARTS:
        get(run, world.room->read_parts);
        break;
    case V_PEEK:
    case V_RELEASE:
        peek(run, c->verb == V_RELEASE);
        break;
    case V_CLOSE_W:
        step_returned(run, world.room->close(world.w) != NULL);
        break;
    case V_CLOSE_R:
        step_returned(run, world.room->close(world.r) != NULL);
        break;
    case V_FD_W:
        step_returned(run, world.room->pollfd(world.w, false, &p));
        break;
    case V_FD_R:
        step_returned(run, world.room->pollfd(world.r, true, &p));
        break;
    case V_OWN_W:
    case V_OWN_R:
        break; /* the scenario has its own hook */
    }
}

void flow_enter(struct step_run *run)
{
    const struct flow_case *c = case_of(run);

    rec_fill(out, (c->len + REC - 1) / REC * REC, REC_VICTIM, 0);
    flow_close(victim_reads(c) ? &world.w : &world.r);
}

void flow_depart(struct step_run *run)
{
    const struct flow_case *c = case_of(run);

    if (c->sole)
        flow_close(victim_reads(c) ? &world.r : &world.w);
}

/* A nap ends by itself, and a short one may not even have been noticed. */
static bool sleeps_in_poll(pid_t pid)
{
    char path[32];
    long call = -1;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/syscall", (int)pid);
    f = fopen(path, "re");
    if (!f)
        return false;
    if (fscanf(f, "%ld", &call) != 1)
        call = -1;
    fclose(f);
    return call == SYS_ppoll;
}

void flow_wake(struct step_run *run)
{
    if (case_of(run)->deep && !sleeps_in_poll(run->victim))
        return;
    if (victim_reads(case_of(run)))
        stage_write(run, hepta_in_ms(1000));
    else if (world.r)
        stage_take(run);
}

/* The mates' turn after the victim is gone: each must end within 100 ms. */
static void mates_survive(struct step_run *run)
{
    const struct flow_case *c = case_of(run);
    int64_t start = t_now_ns();
    uint64_t used;

    mates_go(run);
    used = stage_used(run);
    if (mates_sleep_reading(c)) {
        if (used > 0)
            step_check(run, mates_wait(run, 1, 1000), "data are there, but no reader wakes up");
        for (int i = 0; i < world.n_mates && !c->sole; i++)
            stage_write(run, hepta_in_ms(1000));
    }
    if (c->mates == M_POLLER_W && world.r)
        stage_take(run);
    step_check(run, mates_wait(run, world.n_mates, 1000), "another process waits for ever");
    step_timed(run, start, 0, "another process");
    for (int i = 0; i < world.n_mates; i++)
        step_check(run, room_of(run)->mate[i].result == REC || c->sole,
                   "another process got %lld", (long long)room_of(run)->mate[i].result);
    if (c->mates != M_NONE)
        mates_stop();
}

/* A writer that doesn't sleep notices within a tick of the kernel's clock. */
static void expect_epipe(struct step_run *run)
{
    int64_t start = t_now_ns();
    ssize_t n;

    do
        n = stage_write(run, hepta_in_ms(1000));
    while (n == REC && t_now_ns() < start + 1000 * T_MS);
    step_timed(run, start, 0, "-EPIPE");
    step_check(run, n == -EPIPE, "no -EPIPE, but %zd", n);
}

void flow_survive(struct step_run *run)
{
    const struct flow_case *c = case_of(run);
    bool level = c->mates == M_POLLER_R || c->mates == M_POLLER_W || c->verb == V_FD_R ||
                 c->verb == V_FD_W;

    mates_survive(run);
    if (level)
        check_levels(run);
    if (c->sole && victim_reads(c)) {
        expect_epipe(run);
    } else if (c->sole) {
        stage_drain(run, true);
    } else {
        stage_drain(run, false);
        step_check(run, stage_write(run, HEPTA_NOW) == REC, "nothing can be written");
        stage_drain(run, false);
    }
    if (level)
        check_levels(run);
    if (world.r)
        check_ledger(run);
    check_inside(run);
}

void flow_stopped(struct step_run *run)
{
    const struct flow_case *c = case_of(run);
    bool closes = c->verb == V_CLOSE_R || c->verb == V_CLOSE_W;
    size_t piece = c->piece ? c->piece : REC;
    int64_t start;
    ssize_t n;

    mates_go(run);
    start = t_now_ns();
    stage_used(run);
    step_timed(run, start, 0, "stat");
    if ((c->flags & c->room->single) && c->mates != M_NONE)
        return; /* the mate is the one reader or writer */
    if (world.w) {
        n = stage_write(run, HEPTA_NOW);
        if (n == -EAGAIN)
            n = stage_write(run, hepta_in_ms(50));
        step_check(run, n != -EPIPE || (closes && c->sole), "-EPIPE, but a reader is stopped only");
    }
    if (world.r) {
        n = stage_read(run, piece, HEPTA_NOW);
        if (n == -EAGAIN)
            n = stage_read(run, piece, hepta_in_ms(50));
        step_check(run, n != 0 || (closes && c->sole), "end-of-file, but a writer is stopped only");
    }
}

void flow_resumed(struct step_run *run)
{
    const struct flow_case *c = case_of(run);

    step_check(run, run->returned, "the verb of the stopped process didn't return");
    step_check(run, victim_puts(c) ? run->result == c->len : run->result >= 0,
               "the verb of the stopped process: %lld", (long long)run->result);
    flow_survive(run);
}

/* The second victim does what a survivor would do first. */
void flow_recover(struct step_run *run)
{
    unsigned char rec[REC];

    rec_fill(rec, REC, REC_MATE, 100);
    if (victim_reads(case_of(run)))
        world.room->read(world.r, rec, REC, hepta_in_ns(HANG_NS));
    else
        world.room->write(world.w, rec, REC, hepta_in_ns(HANG_NS));
}
