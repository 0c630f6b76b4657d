/* SPDX-License-Identifier: MIT */
/*
 * mailbox_steps.c - the verbs of mailboxes, killed and stopped in every state
 *
 * The box as it is before, and who else receives, is in mailbox_world.c; what must hold, in
 * mailbox_hooks.c. With a mate, another process receives, asleep or in poll(2), until the stage
 * sends it the last signal.
 */
#define _GNU_SOURCE
#include "mailbox_flow.h"

#include "../lib/t.h"
#include "scratch.h"

#include <stdlib.h>

#define HANG (hepta_in_ms(10000)) /* a victim's own deadline: longer than any pass */

/* --- the victim's verb ------------------------------------------------------------------- */

static void create(struct step_run *run)
{
    step_returned(run, open_as(HEPTA_MAILBOX_CREATE | HEPTA_MAILBOX_RECEIVE, &box));
}

static void open_it(struct step_run *run)
{
    struct hepta_mailbox *other;

    step_returned(run, open_as(0, &other));
}

static void follow(struct step_run *run)
{
    struct hepta_mailbox *other;

    step_returned(run, open_as(HEPTA_MAILBOX_RECEIVE | HEPTA_MAILBOX_ACK, &other));
}

static void unlink_it(struct step_run *run)
{
    step_returned(run, hepta_mailbox_unlink(NAME));
}

static void send_queued(struct step_run *run)
{
    step_returned(run, put(VICTIM, 0));
}

static void send_one(struct step_run *run)
{
    step_returned(run, hepta_mailbox_send(box, ONE, NULL, 0, 0));
}

static void send_refused(struct step_run *run)
{
    int r = put(VICTIM, 0);

    step_returned(run, r == -EAGAIN ? 0 : r);
}

static void wait_long(struct step_run *run)
{
    int r = hepta_mailbox_wait(box, NULL, HANG);

    step_returned(run, r > 0 ? 0 : r);
}

static void try_wait(struct step_run *run)
{
    int r = hepta_mailbox_wait(box, NULL, HEPTA_NOW);

    step_returned(run, r > 0 || r == -EAGAIN ? 0 : r);
}

static void ack(struct step_run *run)
{
    step_returned(run, hepta_mailbox_ack(box));
}

static void mask(struct step_run *run)
{
    step_returned(run, hepta_mailbox_mask(box, HEPTA_SIGNAL_SETMASK, HEPTA_SIGNAL(NUMBER), NULL));
}

static void pending(struct step_run *run)
{
    uint64_t set;

    step_returned(run, hepta_mailbox_pending(box, &set));
}

static void fd(struct step_run *run)
{
    int r = hepta_mailbox_fd(box);

    step_returned(run, r < 0 ? r : 0);
}

static void stat(struct step_run *run)
{
    struct hepta_mailbox_stat st;

    step_returned(run, hepta_mailbox_stat(box, &st));
}

static void close_it(struct step_run *run)
{
    step_returned(run, hepta_mailbox_close(box));
}

/* --- the table --------------------------------------------------------------------------- */

#define K STEP_KILL
#define KS (STEP_KILL | STEP_STOP)
#define KSC (STEP_KILL | STEP_STOP | STEP_CHAIN)
#define A HEPTA_MAILBOX_ACK

static void run_verb(struct step_run *run)
{
    mc->verb(run);
}

#define SOME(title, k, n, ...)                                                                     \
    &(const struct step_scenario)                                                                  \
    {                                                                                              \
        .name = title, .segment = SCRATCH_MARK, .kinds = k, .every = n, .every_slow = 3 * n,       \
        .arg = &(const struct mailbox_case){.verb = __VA_ARGS__}, .setup = mailbox_setup,          \
        .enter = mailbox_enter, .verb = run_verb, .wake = mailbox_wake,                           \
        .survive = mailbox_survive, .stopped = mailbox_stopped, .resumed = mailbox_resumed,        \
        .recover = mailbox_recover, .cleanup = mailbox_cleanup                                     \
    }
#define CASE(title, k, ...) SOME(title, k, 1, __VA_ARGS__)

/* Verb, receiver, ready, stacked */
static const struct step_scenario *const scenarios[] = {
    SOME("create", K, 31, create, R_STAGE, .absent = true),
    SOME("open", K, 9, open_it, R_STAGE, 1, 1),
    SOME("unlink", K, 7, unlink_it, R_VICTIM, .removes = true),
    CASE("send", KSC, send_queued, R_STAGE, .sends = true),
    CASE("send behind others", KSC, send_queued, R_STAGE, 2, 2, .sends = true),
    CASE("send, full", KS, send_refused, R_STAGE, 4, 4, .sends = true, .if_it_can = true),
    CASE("send, one sleeps", KS, send_queued, R_SLEEPS, .sends = true),
    CASE("send, one polls", KS, send_queued, R_POLLS, .sends = true),
    CASE("send of 1 to 31", KS, send_one, R_STAGE, 1, .sends_one = true),
    CASE("send that coalesces", KS, send_one, R_STAGE, 1, .one = true, .sends_one = true),
    CASE("send of 1 to 31, one sleeps", KS, send_one, R_SLEEPS, .sends_one = true),
    CASE("wait, one there", KSC, wait_long, R_VICTIM, 0, 1, .takes = {1, 1}),
    CASE("wait, three there", KSC, wait_long, R_VICTIM, 0, 3, .takes = {1, 1}),
    CASE("wait, some ready", KSC, wait_long, R_VICTIM, 2, 2, .takes = {1, 1}),
    CASE("wait, sleeps", KS, wait_long, R_VICTIM),
    CASE("wait, none there", KS, try_wait, R_VICTIM),
    CASE("wait, dead places", KSC, try_wait, R_VICTIM, 0, 3, .takes = {1, 1}, .dead_places = true),
    CASE("wait with ack, one there", KSC, wait_long, R_VICTIM, 0, 1, .ack = A),
    CASE("wait with ack, three there", KSC, wait_long, R_VICTIM, 0, 3, .ack = A),
    CASE("wait with ack, one given", KSC, wait_long, R_VICTIM, 1, 2, .ack = A, .given = 1,
         .takes = {1, 1}),
    CASE("wait with ack, 1 to 31", KSC, wait_long, R_VICTIM, 1, .one = true, .ack = A),
    CASE("ack", KSC, ack, R_VICTIM, 1, 2, .ack = A, .given = 1, .takes = {1, 1}),
    CASE("mask", KSC, mask, R_VICTIM, 1, 1),
    CASE("pending", K, pending, R_VICTIM, 1, 1),
    SOME("fd", KS, 3, fd, R_VICTIM, 1, 1),
    CASE("stat", KSC, stat, R_STAGE, 1, 3),
    CASE("close", KS, close_it, R_VICTIM, 1, 1),
    CASE("close with one given", KSC, close_it, R_VICTIM, 1, 1, .ack = A, .given = 1,
         .takes = {1, 1}),
    SOME("follow a dead one", KSC, 3, follow, R_DEAD, 1, 2),
    SOME("follow one that was given", KSC, 3, follow, R_DEAD, 1, 2, .ack = A, .given = 1),
    SOME("follow one that was given the last", KSC, 3, follow, R_DEAD, 2, 0, .ack = A, .given = 2,
         .takes = {1, 1}),
};

/* What the library makes once per process mustn't look like a leak. */
static void warm_up(void)
{
    if (open_as(HEPTA_MAILBOX_CREATE | HEPTA_MAILBOX_RECEIVE, &box) < 0)
        t_die("can't make a mailbox");
    hepta_mailbox_close(box);
    box = NULL;
    scratch_empty();
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