/* SPDX-License-Identifier: MIT */
/*
 * mq_steps.c - the verbs of POSIX queues, killed and stopped in every state
 *
 * The cases are in the table at the end; their hooks are in queue_hooks.c.
 */
#define _GNU_SOURCE
#include "../lib/t.h"
#include "queue/posix_internal.h"
#include "queue_flow.h"
#include "scratch.h"

#include <hepta/mq.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME "/t"
#define MSGS 4
#define BLOCKS 1024 /* bytes for messages, where they lie in blocks: less than MSGS * Q_LEN */

static struct hepta_mq *mq;

/* --- the room ------------------------------------------------------------------------ */

static int mq_make(const struct queue_case *c)
{
    struct hepta_mq_options opt = {.size = sizeof(opt),
                                   .msgs_max = MSGS,
                                   .msg_max = c->len > 64 ? 300 : 64,
                                   .budget = c->len > 64 ? BLOCKS : 0,
                                   .wait = HEPTA_WAIT_SLEEP};

    return hepta_mq_open(&mq, NAME, HEPTA_MQ_READ | HEPTA_MQ_WRITE | HEPTA_MQ_CREATE, 0600, &opt);
}

static void mq_close(void)
{
    mq = hepta_mq_close(mq);
}

static int mq_remove(void)
{
    return hepta_mq_unlink(NAME);
}

static int mq_send(unsigned prio, const void *buf, size_t len, int64_t deadline)
{
    return hepta_mq_send(mq, buf, len, prio, deadline);
}

static ssize_t mq_receive(void *buf, size_t len, int64_t deadline)
{
    return hepta_mq_receive(mq, buf, len, NULL, deadline);
}

static ssize_t mq_take(void *buf, size_t len, struct queue_got *got, int64_t deadline)
{
    struct hepta_mq_info info;
    ssize_t n = hepta_mq_lease(mq, buf, len, &info, deadline);
    int rc;

    if (n < 0)
        return n;
    *got = (struct queue_got){info.prio, info.deliveries, info.seq};
    rc = hepta_mq_ack(mq, info.lease);
    return rc < 0 ? rc : n;
}

static int mq_count(unsigned *n)
{
    struct hepta_mq_stat st;
    int rc = hepta_mq_stat(mq, &st, sizeof(st));

    *n = rc < 0 ? 0 : st.msgs;
    return rc;
}

static int mq_pollfd(bool reading)
{
    return hepta_mq_fd(mq, reading ? HEPTA_MQ_READ : HEPTA_MQ_WRITE);
}

static int mq_check(char *why, size_t n)
{
    return h7_store_check(&mq->store, why, n);
}

static const struct queue_room mq_room = {
    .make = mq_make,
    .close = mq_close,
    .remove = mq_remove,
    .send = mq_send,
    .receive = mq_receive,
    .take = mq_take,
    .count = mq_count,
    .pollfd = mq_pollfd,
    .check = mq_check,
};

/* --- verbs --------------------------------------------------------------------------- */

static void create(struct step_run *run)
{
    step_returned(run, mq_make(qw.c ? qw.c : run->sc->arg));
}

static void open_it(struct step_run *run)
{
    struct hepta_mq *other;

    step_returned(run, hepta_mq_open(&other, NAME, HEPTA_MQ_READ, 0, NULL));
}

static void send_one(struct step_run *run)
{
    unsigned char buf[Q_LEN];

    queue_fill(buf, qw.c->len, QC_VICTIM, 0, Q_PRIO);
    step_returned(run, hepta_mq_send(mq, buf, qw.c->len, Q_PRIO, Q_HANG));
}

static void receive(struct step_run *run)
{
    step_returned(run, hepta_mq_receive(mq, queue_shared(run)->data, Q_LEN, NULL, Q_HANG));
}

static void lease(struct step_run *run)
{
    struct hepta_mq_info info;

    step_returned(run, hepta_mq_lease(mq, queue_shared(run)->data, Q_LEN, &info, Q_HANG));
}

static void peek(struct step_run *run)
{
    struct hepta_mq_info info;
    const void *p;

    step_returned(run, hepta_mq_peek(mq, &p, &info, Q_HANG));
}

/* Before the verb: the victim has a lease. */
static void have_lease(struct step_run *run)
{
    struct hepta_mq_info info;

    if (hepta_mq_lease(mq, queue_shared(run)->data, Q_LEN, &info, HEPTA_NOW) < 0)
        t_die("no lease");
    queue_shared(run)->lease = info.lease;
}

static void ack(struct step_run *run)
{
    step_returned(run, hepta_mq_ack(mq, queue_shared(run)->lease));
}

static void give_back(struct step_run *run)
{
    step_returned(run, hepta_mq_give_back(mq, queue_shared(run)->lease));
}

static void look(struct step_run *run)
{
    step_returned(run, hepta_mq_look(mq, queue_shared(run)->data, Q_LEN, NULL, Q_HANG));
}

static void *place; /* reserved */

static int reserve_at(void)
{
    int rc = hepta_mq_reserve(mq, qw.c->len, &place, Q_HANG);

    if (rc == 0)
        queue_fill(place, qw.c->len, QC_VICTIM, 0, Q_PRIO);
    return rc;
}

static void have_place(struct step_run *run)
{
    (void)run;
    if (reserve_at() < 0)
        t_die("no reservation");
}

/* One more of each, so that close has something to end. */
static void have_both(struct step_run *run)
{
    have_lease(run);
    have_place(run);
}

static void reserve(struct step_run *run)
{
    step_returned(run, reserve_at());
}

static void commit(struct step_run *run)
{
    step_returned(run, hepta_mq_commit(mq, place, qw.c->len, Q_PRIO));
}

static void cancel(struct step_run *run)
{
    step_returned(run, hepta_mq_cancel(mq, place));
}

static void close_it(struct step_run *run)
{
    step_returned(run, hepta_mq_close(mq) ? -EBADF : 0);
}

static void unlink_it(struct step_run *run)
{
    step_returned(run, hepta_mq_unlink(NAME));
}

static void fd_read(struct step_run *run)
{
    int fd = hepta_mq_fd(mq, HEPTA_MQ_READ);

    step_returned(run, fd < 0 ? fd : 0);
}

/* --- notification -------------------------------------------------------------------- */

static const struct sigevent by_signal = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};

static void notify(struct step_run *run)
{
    struct sigevent none = {.sigev_notify = SIGEV_NONE};

    step_returned(run, hepta_mq_notify(mq, &none));
}

/* The dead aren't registered, and a message for them stays a message. */
static void notify_again(struct step_run *run)
{
    int rc = hepta_mq_notify(mq, &by_signal);

    step_check(run, rc == 0, "a registration after the dead one's: %d", rc);
    rc = hepta_mq_notify(mq, NULL);
    step_check(run, rc == 0, "the end of a registration: %d", rc);
}

/* The stage wants to be told. */
static void be_told(struct step_run *run)
{
    sigset_t set;

    (void)run;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    if (hepta_mq_notify(mq, &by_signal) < 0)
        t_die("hepta_mq_notify");
}

/* A message that came was told; then another can be registered for. */
static void was_told(struct step_run *run)
{
    struct timespec second = {1, 0}, now = {0, 0};
    bool came = queue_count(run) > 0;
    sigset_t set;
    int got, rc;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    got = sigtimedwait(&set, NULL, came ? &second : &now);
    step_check(run, !came || got == SIGUSR1, "a message came, but nobody told");
    rc = hepta_mq_notify(mq, NULL);
    step_check(run, rc == 0, "the end of a registration: %d", rc);
    rc = hepta_mq_notify(mq, &by_signal);
    step_check(run, rc == 0, "one more registration: %d", rc);
    hepta_mq_notify(mq, NULL);
}

/* --- the table ----------------------------------------------------------------------- */

#define K STEP_KILL
#define KS (STEP_KILL | STEP_STOP)
#define LONG STEP_LONG
#define KSC (STEP_KILL | STEP_STOP | STEP_CHAIN)

#define SOME(title, k, n, ...)                                                                     \
    &(const struct step_scenario)                                                                  \
    {                                                                                              \
        .name = title, .segment = SCRATCH_MARK, .kinds = k, .every = n, .every_slow = 5 * n,       \
        .arg = &(const struct queue_case){.room = &mq_room, .verb = __VA_ARGS__}, QUEUE_HOOKS      \
    }
#define CASE(title, k, ...) SOME(title, k, 1, __VA_ARGS__)

/* Those that go through many states are left to the long run, or each so-many-th state is taken.
 * Verb, what it does, messages before, their length, mates, the victim's hook */
static const struct step_scenario *const scenarios[] = {
    SOME("create", K, 31, create, QD_NONE, 0, 64, .absent = true),
    SOME("open", K, 9, open_it, QD_NONE, 2, 64),
    SOME("unlink", K, 7, unlink_it, QD_NONE, 2, 64, .removes = true),
    CASE("close", KS | LONG, close_it, QD_NONE, 2, 64),
    SOME("close with a lease and a reservation", KS, 3, close_it, QD_HOLD, 2, 64, QM_NONE,
         have_both),
    CASE("send to the empty queue", KSC, send_one, QD_PUT, 0, 64),
    CASE("send, one place left", KSC | LONG, send_one, QD_PUT, Q_FULL_1, 64),
    SOME("send to the full queue", KS, 4, send_one, QD_PUT, Q_FULL, 64),
    CASE("send, receiver asleep", KSC, send_one, QD_PUT, 0, 64, QM_RECEIVER),
    CASE("send, poller", KS, send_one, QD_PUT, 0, 64, QM_POLLER_R),
    CASE("send, another sends", KS, send_one, QD_PUT, 1, 64, QM_PUTS),
    CASE("send, another receives", K | LONG, send_one, QD_PUT, 1, 64, QM_TAKES),
    SOME("send, told", K, 3, send_one, QD_PUT, 0, 64, .begin = be_told, .end = was_told),
    CASE("send, blocks", KSC, send_one, QD_PUT, 1, 300),
    CASE("send to the full queue, blocks", K | LONG, send_one, QD_PUT, Q_FULL, 300),
    CASE("receive", KSC, receive, QD_TAKE, 3, 64),
    SOME("receive of the empty queue", KS, 3, receive, QD_TAKE, 0, 64),
    CASE("receive of the full queue, sender asleep", KSC, receive, QD_TAKE, Q_FULL, 64, QM_SENDER),
    SOME("receive of the full queue, poller", KS, 3, receive, QD_TAKE, Q_FULL, 64, QM_POLLER_W),
    CASE("receive, another receives", KS | LONG, receive, QD_TAKE, 3, 64, QM_TAKES),
    CASE("receive, another sends", K | LONG, receive, QD_TAKE, 3, 64, QM_PUTS),
    CASE("receive, blocks", KSC, receive, QD_TAKE, 2, 300),
    CASE("receive, blocks, sender asleep", K | LONG, receive, QD_TAKE, Q_FULL, 300, QM_SENDER),
    CASE("lease", KSC, lease, QD_HOLD, 3, 64),
    CASE("lease of the only one, another receives", KS, lease, QD_HOLD, 1, 64, QM_TAKES),
    CASE("lease, blocks", K | LONG, lease, QD_HOLD, 2, 300),
    CASE("ack", KSC, ack, QD_ACK, 3, 64, QM_NONE, have_lease),
    CASE("ack, sender asleep", KS, ack, QD_ACK, Q_FULL, 64, QM_SENDER, have_lease),
    CASE("ack, blocks", K, ack, QD_ACK, 2, 300, QM_NONE, have_lease),
    CASE("give back", KSC, give_back, QD_HOLD, 3, 64, QM_NONE, have_lease),
    CASE("give back the only one, another receives", KS, give_back, QD_HOLD, 1, 64, QM_TAKES,
         have_lease),
    SOME("peek", KS, 3, peek, QD_HOLD, 3, 64),
    CASE("peek, blocks", K | LONG, peek, QD_HOLD, 2, 300),
    CASE("look", KS, look, QD_NONE, 3, 64),
    CASE("look, blocks", K | LONG, look, QD_NONE, 2, 300),
    CASE("reserve", KSC, reserve, QD_NONE, 2, 64),
    CASE("reserve the last place, another sends", KS | LONG, reserve, QD_NONE, Q_FULL_1, 64,
         QM_PUTS),
    CASE("reserve, blocks", K | LONG, reserve, QD_NONE, 1, 300),
    CASE("commit", KSC, commit, QD_PUT, 2, 64, QM_NONE, have_place),
    CASE("commit, receiver asleep", KS, commit, QD_PUT, 0, 64, QM_RECEIVER, have_place),
    CASE("commit, blocks", K, commit, QD_PUT, 1, 300, QM_NONE, have_place),
    CASE("cancel", KSC, cancel, QD_NONE, 2, 64, QM_NONE, have_place),
    CASE("cancel, another sends", KS, cancel, QD_NONE, Q_FULL_1, 64, QM_PUTS, have_place),
    CASE("cancel, blocks", K, cancel, QD_NONE, 1, 300, QM_NONE, have_place),
    SOME("notify", K, 5, notify, QD_NONE, 0, 64, .end = notify_again),
    SOME("fd", K, 3, fd_read, QD_NONE, 1, 64),
};

/* What the library makes once per process mustn't look like a leak. */
static void warm_up(void)
{
    const struct queue_case c = {.len = 64};

    if (mq_make(&c) < 0)
        t_die("can't make a queue");
    mq_close();
    mq_remove();
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
