/* SPDX-License-Identifier: MIT */
/*
 * mailbox_steps.c - the verbs of mailboxes, killed and stopped in every state
 *
 * What was in the box before is numbered, and so is what the stage sends; the victim sends number
 * 0 of its own. At the end everything is taken and booked: what was accepted is there once and in
 * order, but for what the victim took, which can only be the first ones, as many as its case says.
 * With a mate, another process receives, asleep or in poll(2), until the stage sends it the
 * last signal. Start with survive().
 */
#define _GNU_SOURCE
#include "../lib/t.h"
#include "scratch.h"
#include "signal/mailbox_internal.h"
#include "stepper.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME "/m"
#define DEPTH 8
#define ONE 5     /* the signal that coalesces */
#define NUMBER 40 /* the one that queues */
#define LAST 64
#define HANG (hepta_in_ms(10000)) /* a victim's own deadline: longer than any pass */
#define PATIENCE_MS 5000

enum class { BEFORE, VICTIM, STAGE, CLASSES };
enum receiver { R_STAGE, R_VICTIM, R_SLEEPS, R_POLLS, R_DEAD };
#define MATE(r) ((r) == R_SLEEPS || (r) == R_POLLS)

struct mailbox_case {
    void (*verb)(struct step_run *run);
    enum receiver receiver;
    int ready, stacked; /* of NUMBER, before the verb: turned over already, or not */
    bool one;           /* ONE is pending before */
    uint32_t ack;       /* HEPTA_MAILBOX_ACK, of a victim that receives, or of the dead one */
    int given;          /* the victim, or the dead one, has been given so many before */
    int takes[2];       /* of BEFORE, that may be gone if it is killed; that are, if it returns */
    bool sends, sends_one;
    bool if_it_can;     /* ... there may be no place */
    bool dead_places;   /* some are a dead sender's, and one was refused */
    bool absent, removes;
};

/* In step_run.room: what was got, by whomever. */
struct mailbox_book {
    volatile pid_t mate;
    volatile bool done;
    volatile int result, n_one, n_last;
    volatile int n[CLASSES][DEPTH + 4];
    volatile int last[CLASSES]; /* number + 1 */
    volatile bool torn, disorder;
};

static struct hepta_mailbox *box;   /* of the stage, and until it opens its own, of all others */
static const struct mailbox_case *mc;
static pid_t mate;
static int n_sent; /* by the stage */

static struct mailbox_book *book(struct step_run *run)
{
    return (struct mailbox_book *)run->room;
}

/* --- verbs of everybody ---------------------------------------------------------------- */

static int open_as(uint32_t flags, struct hepta_mailbox **b)
{
    struct hepta_mailbox_options o = {.size = sizeof(o), .depth = DEPTH,
                                      .wait = HEPTA_WAIT_SLEEP};

    return hepta_mailbox_open(NAME, flags, 0600, &o, b);
}

static int put(enum class class, int number)
{
    unsigned char text[HEPTA_MAILBOX_PAYLOAD_MAX];

    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (unsigned char)(class * 67 + number * 13 + i * 7);
    text[0] = (unsigned char)class;
    text[1] = (unsigned char)number;
    return hepta_mailbox_send(box, NUMBER, text, sizeof(text), 0);
}

static void note(struct mailbox_book *b, const struct hepta_signal_info *info)
{
    enum class class = info->payload[0];
    int number = info->payload[1];

    if (info->signo != NUMBER) {
        b->n_one += info->signo == ONE;
        b->n_last += info->signo == LAST;
        return;
    }
    if (class >= CLASSES || number >= DEPTH + 4 || info->len != HEPTA_MAILBOX_PAYLOAD_MAX) {
        b->torn = true;
        return;
    }
    for (size_t i = 2; i < info->len; i++)
        b->torn |= info->payload[i] != (unsigned char)(class * 67 + number * 13 + i * 7);
    b->disorder |= number < b->last[class];
    b->last[class] = number + 1;
    b->n[class][number]++;
}

/* --- the victim's verb ------------------------------------------------------------------ */

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

/* --- others --------------------------------------------------------------------------------- */

static int mate_wait(struct mailbox_book *b)
{
    struct hepta_signal_info info;
    struct pollfd p = {.events = POLLIN};
    int r = 0;

    p.fd = mc->receiver == R_POLLS ? hepta_mailbox_fd(box) : -1;
    while (!b->n_last) {
        r = hepta_mailbox_wait(box, &info, p.fd < 0 ? hepta_in_ms(PATIENCE_MS) : HEPTA_NOW);
        if (r > 0)
            note(b, &info);
        else if (r != -EAGAIN || poll(&p, 1, PATIENCE_MS) != 1)
            return r == -EAGAIN ? -ETIME : r;
    }
    return 0;
}

static _Noreturn void mate_main(struct mailbox_book *b)
{
    b->result = open_as(HEPTA_MAILBOX_RECEIVE, &box);
    if (b->result == 0)
        b->result = mate_wait(b);
    b->done = true;
    _exit(0);
}

static void fill(int from, int to)
{
    for (int i = from; i < to; i++)
        if (put(BEFORE, i) < 0)
            t_die("can't fill");
}

/* Who becomes the receiver turns over what is there: the stacked come after that. */
static void receive_some(int n, uint32_t flags)
{
    struct hepta_mailbox *sender = box;

    if (open_as(HEPTA_MAILBOX_RECEIVE | flags, &box) < 0)
        t_die("can't receive");
    hepta_mailbox_close(sender);
    for (int i = 0; i < n; i++)
        if (hepta_mailbox_wait(box, NULL, HEPTA_NOW) != NUMBER)
            t_die("not %d given", n);
    fill(mc->ready, mc->ready + mc->stacked);
}

static void leave_a_dead_one(void)
{
    pid_t pid = t_fork();

    if (pid == 0) {
        receive_some(mc->given, mc->ack);
        _exit(0);
    }
    if (t_reap(pid, 2000) != 0)
        t_die("the dead one can't receive");
}

/* As a sender has them who was killed before its push, and another found the rest full. */
static void leave_dead_places(void)
{
    pid_t pid = t_fork();

    if (pid == 0) {
        for (uint32_t i = 0, none = 0; i < 3; i++, none = 0)
            h7_cas32_relaxed(&box->slots[DEPTH - 1 - i].state, &none, (uint32_t)getpid());
        _exit(0);
    }
    t_reap(pid, 2000);
    h7_store32_relaxed(&box->shared->starved, 1);
}

/* --- before and after -------------------------------------------------------------------------- */

static void setup(struct step_run *run)
{
    int r;

    mc = run->sc->arg;
    mate = 0;
    n_sent = 0;
    box = NULL;
    scratch_empty();
    r = mc->absent ? 0
                   : open_as(HEPTA_MAILBOX_CREATE |
                             (mc->receiver == R_STAGE ? HEPTA_MAILBOX_RECEIVE : 0), &box);
    if (r < 0)
        t_die("no mailbox: %d", r);
    if (box)
        fill(0, mc->ready);
    if (box && mc->receiver == R_STAGE) {
        hepta_mailbox_stat(box, &(struct hepta_mailbox_stat){0}); /* turns them over */
        fill(mc->ready, mc->ready + mc->stacked);
    }
    if (mc->one)
        hepta_mailbox_send(box, ONE, NULL, 0, 0);
    if (mc->receiver == R_DEAD)
        leave_a_dead_one();
    if (mc->dead_places)
        leave_dead_places();
    if (!MATE(mc->receiver))
        return;
    mate = t_fork();
    if (mate == 0)
        mate_main(book(run));
    book(run)->mate = mate;
}

static void enter(struct step_run *run)
{
    if (mc->receiver == R_VICTIM)
        receive_some(mc->given, mc->ack);
    if (MATE(mc->receiver))
        step_check(run, t_asleep(book(run)->mate, 1000), "the mate doesn't go to sleep");
}

static int put_as_stage(void)
{
    int r = put(STAGE, n_sent);

    n_sent += r == 0;
    return r;
}

/* The verb waits for one. */
static void wake(struct step_run *run)
{
    step_check(run, put_as_stage() == 0, "can't send to a waiting victim");
}

/* --- what must hold ------------------------------------------------------------------------------ */

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
    step_check(run, b->n_one <= 1 + (mc->one && run->kind == STEP_STOP) && b->n_one >= (mc->one || (mc->sends_one && run->returned)),
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

static void survive(struct step_run *run)
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

static void stopped(struct step_run *run)
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

static void resumed(struct step_run *run)
{
    step_check(run, run->returned && run->result == 0, "the verb of the stopped process: %s, %lld",
               run->returned ? "returned" : "lost", (long long)run->result);
    survive(run);
}

/* The next receiver; what it is given, it doesn't live to acknowledge. */
static void recover(struct step_run *run)
{
    struct hepta_mailbox *next;

    (void)run;
    if (open_as(HEPTA_MAILBOX_RECEIVE | HEPTA_MAILBOX_ACK, &next) == 0)
        hepta_mailbox_wait(next, NULL, HEPTA_NOW);
    else if (box)
        hepta_mailbox_stat(box, &(struct hepta_mailbox_stat){0});
}

static void cleanup(struct step_run *run)
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

/* --- the table ----------------------------------------------------------------------- */

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
        .arg = &(const struct mailbox_case){.verb = __VA_ARGS__}, .setup = setup, .enter = enter,  \
        .verb = run_verb, .wake = wake, .survive = survive, .stopped = stopped,                    \
        .resumed = resumed, .recover = recover, .cleanup = cleanup                                 \
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
