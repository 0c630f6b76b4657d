/* SPDX-License-Identifier: MIT */
/*
 * mailbox_hooks.c - what must hold when the victim of mailbox_steps.c is dead, or stopped
 *
 * Everything is taken and booked: what was accepted is there once and in order, but for what the
 * victim took, which can only be the first ones, as many as its case says. Start with
 * mailbox_survive().
 */
#define _GNU_SOURCE
#include "mailbox_flow.h"

#include "../lib/t.h"
#include "scratch.h"

/* --- what must hold ---------------------------------------------------------------------- */

static void drain(struct step_run *run)
{
    struct hepta_signal_info info;
    int r;

    for (int i = 0; i <= DEPTH + 1; i++) {
        int64_t start = t_now_ns();
        r = hepta_mailbox_wait(box, &info, HEPTA_NOW);
        step_timed(run, start, 0, "wait");
        if (r < 0)
            break;
        note(book(run), &info);
    }
    step_check(run, r == -EAGAIN, "at the end wait gives %d", r);
}

/* The first ones may be gone; a stage's, that the victim was woken with, is like them. */
static void check_book(struct step_run *run, bool waited)
{
    const struct mailbox_book *b = book(run);
    int n_before = mc->ready + mc->stacked, gone = 0, most = mc->takes[run->returned];

    step_check(run, !b->torn, "a torn one");
    step_check(run, !b->disorder, "one out of order");
    for (int i = 0; i < n_before; i++) {
        step_check(run, b->n[BEFORE][i] <= 1, "%d came twice", i);
        step_check(run, b->n[BEFORE][i] == 1 || gone == i, "%d is gone, the one before isn't", i);
        gone += b->n[BEFORE][i] == 0;
    }
    step_check(run, gone <= most && (!run->returned || gone == most), "%d are gone, of %d", gone,
               most);
    for (int i = 0; i < n_sent; i++)
        step_check(run, b->n[STAGE][i] == 1 || (i == 0 && waited && b->n[STAGE][i] == 0),
                   "%d of the stage's came %d times", i, b->n[STAGE][i]);
    step_check(run, b->n[VICTIM][0] <= mc->sends, "the victim's came %d times", b->n[VICTIM][0]);
    step_check(run, !mc->sends || !run->returned || b->n[VICTIM][0] == 1 || mc->if_it_can,
               "the victim's is gone");
    /* A stage beside a stopped one may take the first of two. */
    step_check(run, b->n_one <= 1 + (mc->one && run->kind == STEP_STOP) &&
                        b->n_one >= (mc->one || (mc->sends_one && run->returned)),
               "the one came %d times", b->n_one);
}

static void check_invariants(struct step_run *run)
{
    char why[256] = "";
    int r = h7_mailbox_check(box, why, sizeof(why));

    step_check(run, r == 0, "invariant: %s (%d)", why, r);
}

/* All places come back, also those of the victim. */
static void check_places(struct step_run *run)
{
    int n = 0, r;

    h7_store64_relaxed(&box->shared->swept, 0); /* long ago */
    for (int again = 0; again < 2; again++) {
        while ((r = hepta_mailbox_send(box, LAST - 1, NULL, 0, 0)) == 0 && n <= DEPTH)
            n++;
        if (again == 0)
            n -= hepta_mailbox_wait(box, NULL, HEPTA_NOW) > 0;
    }
    step_check(run, n == DEPTH, "%d places are left", n);
    step_check(run, r == -EAGAIN, "send with none left: %d", r);
    while (n-- > 0)
        step_check(run, hepta_mailbox_wait(box, NULL, HEPTA_NOW) == LAST - 1, "one is lost");
}

static void mate_survives(struct step_run *run)
{
    int64_t start, end = t_now_ns() + 1000 * T_MS;

    if (run->returned)
        while (book(run)->n[VICTIM][0] + book(run)->n_one < 1 && t_now_ns() < end)
            t_sleep_ns(100000);
    step_check(run, put_as_stage() == 0, "send by the survivor");
    step_check(run, hepta_mailbox_send(box, LAST, NULL, 0, 0) == 0, "send of the last one");
    start = t_now_ns();
    while (!book(run)->done && t_now_ns() < start + 1000 * T_MS)
        t_sleep_ns(200000);
    step_check(run, book(run)->done, "the receiver waits for ever");
    step_timed(run, start, 0, "the receiver");
    step_check(run, book(run)->result == 0, "the receiver got %d", book(run)->result);
    t_kill(mate);
    mate = 0;
}

static void receive(struct step_run *run)
{
    struct hepta_mailbox *sender = box;
    int64_t start = t_now_ns();
    int r = open_as(HEPTA_MAILBOX_RECEIVE | (mc->absent || mc->removes ? HEPTA_MAILBOX_CREATE : 0),
                    &box);

    step_timed(run, start, 0, "open");
    step_check(run, r == 0, "nobody can receive any more: %d", r);
    if (sender && r == 0)
        hepta_mailbox_close(sender);
    else if (r < 0)
        box = sender;
}

void mailbox_survive(struct step_run *run)
{
    if (mate)
        mate_survives(run);
    if (!box || mc->receiver != R_STAGE)
        receive(run);
    if (!box)
        return;
    drain(run);
    check_book(run, mc->receiver == R_VICTIM && mc->ready + mc->stacked == 0 && !mc->one);
    check_invariants(run);
    check_places(run);
    check_invariants(run);
    step_check(run, hepta_mailbox_unlink(NAME) == 0, "it can't be removed");
}

void mailbox_stopped(struct step_run *run)
{
    int64_t start, end;
    int r;

    if (!box || mc->removes)
        return;
    start = t_now_ns();
    r = put_as_stage();
    step_timed(run, start, 0, "send");
    step_check(run, r == 0 || mc->ready + mc->stacked == DEPTH, "send beside a stopped one: %d",
               r);
    start = t_now_ns();
    hepta_mailbox_stat(box, &(struct hepta_mailbox_stat){0});
    step_timed(run, start, 0, "stat");
    for (int i = 0; i < 2 && mc->receiver == R_STAGE; i++) {
        struct hepta_signal_info info;
        start = t_now_ns();
        end = i ? hepta_in_ms(50) : HEPTA_NOW;
        if (hepta_mailbox_wait(box, &info, end) > 0)
            note(book(run), &info);
        step_timed(run, start, end, "wait");
    }
}

void mailbox_resumed(struct step_run *run)
{
    step_check(run, run->returned && run->result == 0, "the verb of the stopped process: %s, %lld",
               run->returned ? "returned" : "lost", (long long)run->result);
    mailbox_survive(run);
}

/* The next receiver; what it is given, it doesn't live to acknowledge. */
void mailbox_recover(struct step_run *run)
{
    struct hepta_mailbox *next;

    (void)run;
    if (open_as(HEPTA_MAILBOX_RECEIVE | HEPTA_MAILBOX_ACK, &next) == 0)
        hepta_mailbox_wait(next, NULL, HEPTA_NOW);
    else if (box)
        hepta_mailbox_stat(box, &(struct hepta_mailbox_stat){0});
}

void mailbox_cleanup(struct step_run *run)
{
    (void)run;
    if (mate)
        t_kill(mate);
    mate = 0;
    if (box)
        hepta_mailbox_close(box);
    box = NULL;
    scratch_empty();
}
