/* SPDX-License-Identifier: MIT */
/*
 * queue_rooms.c - both kinds of queues, for queues.c
 *
 * The budget is short, so that long messages lie in blocks and a sender waits for those, too.
 */
#define _GNU_SOURCE
#include "queues.h"

#include "queue/posix_internal.h"
#include "queue/sysv_internal.h"

#include <hepta/mq.h>
#include <hepta/msg.h>
#include <errno.h>
#include <string.h>

#define NAME "/soak"
#define BUDGET (QS_MSGS * QS_MAX / 2)

void soak_fill(void *buf, const struct soak_message *m, size_t len)
{
    unsigned char *b = buf;

    memcpy(b, m, sizeof(*m));
    for (size_t i = sizeof(*m); i < len; i++)
        b[i] = (unsigned char)(m->producer * 31 + m->prio * 7 + m->number * 13 + len + i);
}

bool soak_right(const void *buf, size_t len)
{
    unsigned char right[QS_MAX];
    struct soak_message m;

    if (len < sizeof(m) || len > QS_MAX)
        return false;
    memcpy(&m, buf, sizeof(m));
    soak_fill(right, &m, len);
    return memcmp(buf, right, len) == 0;
}

static uint32_t wait_of(unsigned worker)
{
    return worker % 2 ? HEPTA_WAIT_SLEEP : HEPTA_WAIT_ADAPTIVE;
}

/* --- POSIX --------------------------------------------------------------------------- */

static struct hepta_mq *mq;

static int mq_open_as(uint32_t flags, uint32_t wait)
{
    struct hepta_mq_options opt = {.size = sizeof(opt), .msgs_max = QS_MSGS, .msg_max = QS_MAX,
                                   .budget = BUDGET, .wait = wait};

    return hepta_mq_open(&mq, NAME, HEPTA_MQ_READ | HEPTA_MQ_WRITE | flags, 0600, &opt);
}

static int mq_make(void)
{
    return mq_open_as(HEPTA_MQ_CREATE, HEPTA_WAIT_SLEEP);
}

static int mq_open_own(unsigned worker)
{
    hepta_mq_close(mq);
    return mq_open_as(0, wait_of(worker));
}

static int mq_put(const struct soak_message *m, size_t len, bool in_place, int64_t deadline)
{
    unsigned char buf[QS_MAX];
    void *p;
    int rc;

    if (!in_place) {
        soak_fill(buf, m, len);
        return hepta_mq_send(mq, buf, len, m->prio, deadline);
    }
    rc = hepta_mq_reserve(mq, len, &p, deadline);
    if (rc < 0)
        return rc;
    soak_fill(p, m, len);
    return hepta_mq_commit(mq, p, len, m->prio);
}

static int mq_get(enum soak_way way, unsigned worker, void *buf,
                  void (*book)(const void *buf, size_t len, unsigned deliveries), int64_t deadline)
{
    struct hepta_mq_info info = {0};
    const void *p = buf;
    ssize_t n;

    (void)worker;
    if (way == QS_PLAIN)
        n = hepta_mq_receive(mq, buf, QS_MAX, NULL, deadline);
    else if (way == QS_LEASE)
        n = hepta_mq_lease(mq, buf, QS_MAX, &info, deadline);
    else
        n = hepta_mq_peek(mq, &p, &info, deadline);
    if (n < 0)
        return (int)n;
    book(p, (size_t)n, info.deliveries);
    return way == QS_PLAIN ? 0 : hepta_mq_ack(mq, info.lease);
}

static int mq_check(char *why, size_t n)
{
    return h7_store_check(&mq->store, why, n);
}

static int mq_remove(void)
{
    mq = hepta_mq_close(mq);
    return hepta_mq_unlink(NAME);
}

const struct soak_room soak_mq = {
    .n_producers = 8, .n_consumers = 8, .make = mq_make, .open = mq_open_own, .put = mq_put,
    .get = mq_get, .check = mq_check, .remove = mq_remove, .leases = true,
};

/* --- System V -------------------------------------------------------------------------- */

static int id = -1;

static int msg_make(void)
{
    struct hepta_msg_options opt = {.size = sizeof(opt), .msgs_max = QS_MSGS, .msg_max = QS_MAX,
                                    .qbytes = BUDGET, .wait = HEPTA_WAIT_SLEEP};

    id = hepta_msg_get(IPC_PRIVATE, 0600, &opt);
    return id < 0 ? id : 0;
}

static int msg_open(unsigned worker)
{
    (void)worker; /* an id needs no opening */
    return 0;
}

static int msg_put(const struct soak_message *m, size_t len, bool in_place, int64_t deadline)
{
    unsigned char buf[QS_MAX];

    (void)in_place;
    soak_fill(buf, m, len);
    return hepta_msg_send(id, (long)m->prio + 1, buf, len, 0, deadline);
}

/* One consumer in four leaves a type to the others, one takes the lowest first. */
static int msg_get(enum soak_way way, unsigned worker, void *buf,
                   void (*book)(const void *buf, size_t len, unsigned deliveries),
                   int64_t deadline)
{
    long want = worker % 4 == 1 ? -QS_PRIOS : worker % 4 == 3 ? 2 : 0;
    ssize_t n = hepta_msg_receive(id, NULL, buf, QS_MAX, want, worker % 4 == 3 ? MSG_EXCEPT : 0,
                                  deadline);

    (void)way;
    if (n < 0)
        return (int)n;
    book(buf, (size_t)n, 0);
    return 0;
}

static int msg_check(char *why, size_t n)
{
    struct h7_msg *m;
    int rc = h7_msg_enter(id, &m);

    if (rc < 0)
        return rc;
    rc = h7_msg_check(m, why, n);
    h7_msg_leave(m);
    return rc;
}

static int msg_remove(void)
{
    return hepta_msg_ctl(id, IPC_RMID, NULL);
}

const struct soak_room soak_msg = {
    .n_producers = 4, .n_consumers = 4, .make = msg_make, .open = msg_open, .put = msg_put,
    .get = msg_get, .check = msg_check, .remove = msg_remove,
};
