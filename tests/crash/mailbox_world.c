/* SPDX-License-Identifier: MIT */
/*
 * mailbox_world.c - the box as it is before the victim's verb, and who else is there
 *
 * Start with mailbox_setup().
 */
#define _GNU_SOURCE
#include "mailbox_flow.h"

#include "../lib/t.h"
#include "scratch.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_MS 5000

struct hepta_mailbox *box;
const struct mailbox_case *mc;
pid_t mate;
int n_sent;

/* --- verbs of everybody ------------------------------------------------------------------ */

int open_as(uint32_t flags, struct hepta_mailbox **b)
{
    struct hepta_mailbox_options o = {.size = sizeof(o), .depth = DEPTH,
                                      .wait = HEPTA_WAIT_SLEEP};

    return hepta_mailbox_open(NAME, flags, 0600, &o, b);
}

int put(enum class class, int number)
{
    unsigned char text[HEPTA_MAILBOX_PAYLOAD_MAX];

    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (unsigned char)(class * 67 + number * 13 + i * 7);
    text[0] = (unsigned char)class;
    text[1] = (unsigned char)number;
    return hepta_mailbox_send(box, NUMBER, text, sizeof(text), 0);
}

void note(struct mailbox_book *b, const struct hepta_signal_info *info)
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

/* --- others ------------------------------------------------------------------------------ */

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

/* --- before and after -------------------------------------------------------------------- */

void mailbox_setup(struct step_run *run)
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

void mailbox_enter(struct step_run *run)
{
    if (mc->receiver == R_VICTIM)
        receive_some(mc->given, mc->ack);
    if (MATE(mc->receiver))
        step_check(run, t_asleep(book(run)->mate, 1000), "the mate doesn't go to sleep");
}

int put_as_stage(void)
{
    int r = put(STAGE, n_sent);

    n_sent += r == 0;
    return r;
}

/* The verb waits for one. */
void mailbox_wake(struct step_run *run)
{
    step_check(run, put_as_stage() == 0, "can't send to a waiting victim");
}
