/* SPDX-License-Identifier: MIT */
/*
 * queue_world.c - the stage's verbs on a queue, and what must hold at the end
 *
 * Every message that anybody got is booked by class and number; the last ones are taken one by
 * one, in order. Start with queue_check_all().
 */
#define _GNU_SOURCE
#include "queue_flow.h"

#include "../lib/t.h"

#include <errno.h>
#include <string.h>

struct queue_world qw;

struct queue_shared *queue_shared(struct step_run *run)
{
    return (struct queue_shared *)run->room;
}

void queue_fill(unsigned char *buf, size_t len, enum queue_class class, unsigned number,
                unsigned prio)
{
    buf[0] = 0xa0 + (unsigned char)class;
    buf[1] = (unsigned char)number;
    buf[2] = (unsigned char)prio;
    for (size_t i = 3; i < len; i++)
        buf[i] = (unsigned char)(class * 67 + number * 13 + prio * 5 + len + i * 7);
}

unsigned queue_prio(unsigned number)
{
    return "\1\2\1\0"[number % 4];
}

/* Class and number of a message that is whole. */
static bool identify(struct step_run *run, const unsigned char *buf, ssize_t len, unsigned *class,
                     unsigned *number)
{
    unsigned char right[Q_LEN];

    *class = buf[0] - 0xa0U;
    *number = buf[1];
    if (len == (ssize_t)qw.c->len && *class < QC_CLASSES)
        queue_fill(right, qw.c->len, (enum queue_class)*class, *number, buf[2]);
    return step_check(run, len == (ssize_t)qw.c->len && *class < QC_CLASSES &&
                               memcmp(right, buf, qw.c->len) == 0,
                      "a torn message, %zd bytes of class %u, number %u", len, *class, *number);
}

void queue_book(struct step_run *run, const unsigned char *buf, ssize_t len)
{
    unsigned class, number;

    if (identify(run, buf, len, &class, &number))
        step_check(run, qw.n_seen[class][number]++ == 0, "message %u of class %u came twice",
                   number, class);
}

int queue_put(struct step_run *run, int64_t deadline)
{
    unsigned char buf[Q_LEN];
    int64_t start = t_now_ns();
    int rc;

    queue_fill(buf, qw.c->len, QC_STAGE, qw.n_stage, Q_PRIO);
    rc = qw.c->room->send(Q_PRIO, buf, qw.c->len, deadline);
    step_timed(run, start, deadline, "send");
    qw.n_stage += rc == 0;
    step_check(run, rc == 0 || rc == -EAGAIN || rc == -ETIMEDOUT, "send by the survivor: %d", rc);
    return rc;
}

ssize_t queue_get(struct step_run *run, int64_t deadline)
{
    unsigned char buf[Q_LEN];
    int64_t start = t_now_ns();
    ssize_t got = qw.c->room->receive(buf, sizeof(buf), deadline);

    step_timed(run, start, deadline, "receive");
    if (got >= 0)
        queue_book(run, buf, got);
    step_check(run, got >= 0 || got == -EAGAIN || got == -ETIMEDOUT, "receive by the survivor: %zd",
               got);
    return got;
}

unsigned queue_count(struct step_run *run)
{
    int64_t start = t_now_ns();
    unsigned n = 0;
    int rc = qw.c->room->count(&n);

    step_timed(run, start, 0, "stat");
    step_check(run, rc == 0, "stat by the survivor: %d", rc);
    return n;
}

struct place {
    unsigned class, number, prio;
    uint64_t seq;
};

/* May @now come right after @last? */
static bool in_order(const struct place *last, const struct place *now)
{
    if (!qw.c->room->by_age && now->prio != last->prio)
        return now->prio < last->prio;
    if (now->class == last->class ? now->number <= last->number : now->class == QC_BEFORE)
        return false;
    return qw.c->room->by_age || now->seq > last->seq;
}

static bool drain_one(struct step_run *run, struct place *last, bool first)
{
    unsigned char buf[Q_LEN];
    struct queue_got got = {0};
    struct place now;
    int64_t start = t_now_ns();
    ssize_t n = qw.c->room->take(buf, sizeof(buf), &got, hepta_in_ms(1000));

    step_timed(run, start, 0, "receive of what is there");
    if (!step_check(run, n >= 0, "messages are there, but receive gives %zd", n) ||
        !identify(run, buf, n, &now.class, &now.number))
        return false;
    queue_book(run, buf, n);
    now.prio = buf[2];
    now.seq = got.seq;
    step_check(run, got.prio == buf[2], "priority %u became %u", buf[2], got.prio);
    step_check(run, first || in_order(last, &now), "message %u of class %u out of order",
               now.number, now.class);
    qw.deliveries[now.class][now.number] = (int)got.deliveries;
    *last = now;
    return true;
}

void queue_drain(struct step_run *run)
{
    struct place last = {0};
    bool first = true;

    while (queue_count(run) > 0 && drain_one(run, &last, first))
        first = false;
    step_check(run, queue_get(run, HEPTA_NOW) == -EAGAIN, "receive with nothing inside");
}

static void book_others(struct step_run *run)
{
    struct queue_shared *s = queue_shared(run);
    bool mates_take = qw.c->mates == QM_RECEIVER || qw.c->mates == QM_POLLER_R ||
                      qw.c->mates == QM_TAKES;

    for (int i = 0; mates_take && i < Q_MATES; i++)
        if (s->mate[i].done && s->mate[i].result >= 0)
            queue_book(run, s->mate[i].data, s->mate[i].result);
    if ((qw.c->deed == QD_TAKE || qw.c->deed == QD_ACK) && run->returned && run->result >= 0)
        queue_book(run, s->data, (ssize_t)qw.c->len);
}

/* How many of @n messages of a class nobody got. */
static int missing(enum queue_class class, int n)
{
    int n_missing = 0;

    for (int i = 0; i < n; i++)
        n_missing += qw.n_seen[class][i] == 0;
    return n_missing;
}

static int seen(enum queue_class class)
{
    int n = 0;

    for (int i = 0; i < 256; i++)
        n += qw.n_seen[class][i];
    return n;
}

/* Only a process that dies with a message in its hands may take one with it. */
static void check_old(struct step_run *run)
{
    bool takes = qw.c->deed == QD_TAKE || qw.c->deed == QD_ACK;
    int n = missing(QC_BEFORE, qw.n_before) + missing(QC_STAGE, (int)qw.n_stage);
    int most = (takes && !run->returned) + (run->kind == STEP_CHAIN && qw.c->deed != QD_PUT);

    step_check(run, n <= most, "%d messages lost, at most %d may be", n, most);
    step_check(run, seen(QC_BEFORE) <= qw.n_before && seen(QC_STAGE) <= (int)qw.n_stage,
               "messages nobody sent");
}

static void check_new(struct step_run *run)
{
    bool puts = qw.c->deed == QD_PUT, sent = puts && run->returned && run->result == 0;
    bool mates_put = qw.c->mates == QM_SENDER || qw.c->mates == QM_POLLER_W ||
                     qw.c->mates == QM_PUTS;
    int n_mates = 0, n = seen(QC_VICTIM);

    step_check(run, sent ? n == 1 : n <= puts, "the victim's message came %d times", n);
    for (int i = 0; mates_put && i < Q_MATES; i++)
        n_mates += queue_shared(run)->mate[i].done && queue_shared(run)->mate[i].result == 0;
    n = seen(QC_MATE) - qw.n_seen[QC_MATE][100];
    step_check(run, n == n_mates, "%d messages of %d other senders", n, n_mates);
}

/* Who had it when the victim died is counted; nobody else had one. */
static void check_deliveries(struct step_run *run)
{
    bool had = queue_shared(run)->lease != 0;
    int n_twice = 0;

    for (int class = 0; class < QC_CLASSES; class++) {
        for (int i = 0; i < 256; i++) {
            step_check(run, qw.deliveries[class][i] <= 2, "message %d was delivered %d times", i,
                       qw.deliveries[class][i]);
            n_twice += qw.deliveries[class][i] == 2;
        }
    }
    if (qw.c->deed != QD_HOLD && qw.c->deed != QD_ACK)
        step_check(run, n_twice == 0, "%d messages came again that nobody had", n_twice);
    else
        step_check(run, n_twice <= 1, "%d messages came again", n_twice);
    if (qw.c->deed == QD_HOLD && qw.c->mates == QM_NONE && run->kind == STEP_KILL &&
        (had || (run->returned && run->result >= 0)))
        step_check(run, n_twice == 1, "the lease of the dead didn't come again");
}

void queue_check_all(struct step_run *run)
{
    char why[256] = "";
    int rc;

    book_others(run);
    check_old(run);
    check_new(run);
    if (run->kind != STEP_CHAIN)
        check_deliveries(run);
    rc = qw.c->room->check(why, sizeof(why));
    step_check(run, rc == 0, "invariant: %s (%d)", why, rc);
}

void queue_check_room(struct step_run *run)
{
    unsigned char buf[Q_LEN], right[Q_LEN];

    for (int i = 0; i < qw.n_cap; i++) {
        queue_fill(buf, qw.c->len, QC_STAGE, 200 + (unsigned)i, 3);
        step_check(run, qw.c->room->send(3, buf, qw.c->len, hepta_in_ms(200)) == 0,
                   "only %d of %d messages fit", i, qw.n_cap);
    }
    step_check(run, qw.c->room->send(3, buf, qw.c->len, HEPTA_NOW) == -EAGAIN,
               "more than %d messages fit", qw.n_cap);
    for (int i = 0; i < qw.n_cap; i++) {
        queue_fill(right, qw.c->len, QC_STAGE, 200 + (unsigned)i, 3);
        step_check(run, qw.c->room->receive(buf, sizeof(buf), HEPTA_NOW) == (ssize_t)qw.c->len &&
                            memcmp(buf, right, qw.c->len) == 0,
                   "message %d of a full queue is wrong", i);
    }
}
