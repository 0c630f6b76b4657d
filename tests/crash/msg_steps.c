/* SPDX-License-Identifier: MIT */
/*
 * msg_steps.c - the verbs of System V queues, killed and stopped in every state
 *
 * The cases are in the table at the end; their hooks are in queue_hooks.c.
 */
#define _GNU_SOURCE
#include "../lib/t.h"
#include "queue/sysv_internal.h"
#include "queue_flow.h"
#include "scratch.h"

#include <hepta/msg.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY 0x7e57
#define MSGS 4

static int id = -1;

/* --- the room: the type is the priority + 1 ------------------------------------------ */

static int get(uint32_t len, int flags)
{
    struct hepta_msg_options opt = {.size = sizeof(opt),
                                    .msgs_max = MSGS,
                                    .msg_max = len,
                                    .qbytes = MSGS * len - (len > 64 ? len / 2 : 0),
                                    .wait = HEPTA_WAIT_SLEEP};

    return hepta_msg_get(KEY, flags, &opt);
}

/* An id is its maker's until that one is dead, if its removal was cut short. */
static void make_by_another(uint32_t len)
{
    pid_t pid = t_fork();

    if (pid == 0)
        _exit(get(len, IPC_CREAT | 0600) < 0);
    if (t_reap(pid, 2000) != 0)
        t_die("another process can't make a queue");
}

static int msg_make(const struct queue_case *c)
{
    if (c->removes)
        make_by_another(c->len);
    id = get(c->len, IPC_CREAT | 0600);
    return id < 0 ? id : 0;
}

static void msg_close(void)
{
    if (id >= 0)
        hepta_msg_detach(id);
    id = -1;
}

static int msg_remove(void)
{
    int rc = hepta_msg_ctl(id, IPC_RMID, NULL);

    if (rc == 0)
        msg_close(); /* one that is polled stays until then */
    return rc;
}

static int msg_send(unsigned prio, const void *buf, size_t len, int64_t deadline)
{
    return hepta_msg_send(id, (long)prio + 1, buf, len, 0, deadline);
}

static ssize_t msg_receive(void *buf, size_t len, int64_t deadline)
{
    return hepta_msg_receive(id, NULL, buf, len, 0, 0, deadline);
}

static ssize_t msg_take(void *buf, size_t len, struct queue_got *got, int64_t deadline)
{
    long type = 0;
    ssize_t n = hepta_msg_receive(id, &type, buf, len, 0, 0, deadline);

    got->prio = (unsigned)type - 1;
    return n;
}

/* A child attaches at its first use: that isn't what is stepped. Takes no lock. */
static void warm(void)
{
    struct h7_msg *m;

    if (h7_msg_enter(id, &m) == 0)
        h7_msg_leave(m);
}

/* An id that a maker took and died is free again when somebody lists them. */
static void tidy(void)
{
    struct msginfo info;

    hepta_msg_ctl(0, MSG_INFO, &info);
}

static int msg_count(unsigned *n)
{
    struct msqid_ds ds;
    int rc = hepta_msg_ctl(id, IPC_STAT, &ds);

    *n = rc < 0 ? 0 : (unsigned)ds.msg_qnum;
    return rc;
}

static int msg_pollfd(bool reading)
{
    return hepta_msg_fd(id, reading ? HEPTA_MSG_READ : HEPTA_MSG_WRITE);
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

static const struct queue_room msg_room = {
    .make = msg_make,
    .close = msg_close,
    .remove = msg_remove,
    .send = msg_send,
    .receive = msg_receive,
    .take = msg_take,
    .count = msg_count,
    .pollfd = msg_pollfd,
    .check = msg_check,
    .warm = warm,
    .tidy = tidy,
    .by_age = true,
};

/* --- verbs --------------------------------------------------------------------------- */

static void make(struct step_run *run)
{
    step_returned(run, msg_make(run->sc->arg));
}

static void get_again(struct step_run *run)
{
    step_returned(run, get(64, 0) == id ? 0 : -EINVAL);
}

/* The victim has never used it. */
static void forget(struct step_run *run)
{
    (void)run;
    if (hepta_msg_detach(id) < 0)
        t_die("hepta_msg_detach");
}

static void send_one(struct step_run *run)
{
    unsigned char buf[Q_LEN];

    queue_fill(buf, qw.c->len, QC_VICTIM, 0, Q_PRIO);
    step_returned(run, hepta_msg_send(id, Q_PRIO + 1, buf, qw.c->len, 0, Q_HANG));
}

static void receive(struct step_run *run)
{
    step_returned(run, hepta_msg_receive(id, NULL, queue_shared(run)->data, Q_LEN, qw.c->want,
                                         qw.c->flags, Q_HANG));
}

static void copy(struct step_run *run)
{
    step_returned(run, hepta_msg_receive(id, NULL, queue_shared(run)->data, Q_LEN, 1,
                                         MSG_COPY | IPC_NOWAIT, Q_HANG));
}

static void set(struct step_run *run)
{
    struct msqid_ds ds;
    int rc = hepta_msg_ctl(id, IPC_STAT, &ds);

    if (rc == 0)
        rc = hepta_msg_ctl(id, IPC_SET, &ds);
    step_returned(run, rc);
}

static void remove_it(struct step_run *run)
{
    step_returned(run, hepta_msg_ctl(id, IPC_RMID, NULL));
}

static void detach(struct step_run *run)
{
    step_returned(run, hepta_msg_detach(id));
}

/* --- before and after ---------------------------------------------------------------- */

static void set_bytes(struct step_run *run, unsigned long n)
{
    struct msqid_ds ds;
    int rc = hepta_msg_ctl(id, IPC_STAT, &ds);

    ds.msg_qbytes = n;
    if (rc == 0)
        rc = hepta_msg_ctl(id, IPC_SET, &ds);
    step_check(run, rc == 0, "IPC_SET: %d", rc);
}

/* Others can set it after the dead. */
static void set_again(struct step_run *run)
{
    set_bytes(run, 64);
    set_bytes(run, MSGS * 64);
}

/* If it was removed, nothing of it is left; else it can be. The key leads to a new one. */
static void removed(struct step_run *run)
{
    struct msqid_ds ds;
    int old = id, rc = hepta_msg_ctl(old, IPC_STAT, &ds);

    step_check(run, rc == 0 ? !run->returned : rc == -EINVAL || rc == -EIDRM,
               "the removed queue gives %d", rc);
    if (rc == 0) {
        rc = hepta_msg_ctl(old, IPC_RMID, NULL);
        step_check(run, rc == 0 || rc == -EIDRM, "it can't be removed: %d", rc);
    }
    rc = hepta_msg_send(old, 1, "x", 1, 0, HEPTA_NOW);
    step_check(run, rc == -EINVAL || rc == -EIDRM, "send to the removed queue: %d", rc);
    rc = get(64, IPC_CREAT | IPC_EXCL | 0600);
    if (!step_check(run, rc >= 0 && rc != old, "the key leads to %d, was %d", rc, old))
        return;
    id = rc;
    step_check(run, msg_send(0, "x", 1, HEPTA_NOW) == 0, "the next can't be used");
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
        .arg = &(const struct queue_case){.room = &msg_room, .verb = __VA_ARGS__}, QUEUE_HOOKS     \
    }
#define CASE(title, k, ...) SOME(title, k, 1, __VA_ARGS__)

/* Those that go through many states are left to the long run, or each so-many-th state is taken.
 * Verb, what it does, messages before, their length, mates, the victim's hook */
static const struct step_scenario *const scenarios[] = {
    SOME("get, it is made", K, 23, make, QD_NONE, 0, 64, .absent = true),
    SOME("get, it is there", K, 17, get_again, QD_NONE, 2, 64, QM_NONE, forget),
    CASE("detach", K, detach, QD_NONE, 2, 64),
    CASE("send to the empty queue", KSC, send_one, QD_PUT, 0, 64),
    CASE("send, one place left", KS | LONG, send_one, QD_PUT, Q_FULL_1, 64),
    SOME("send to the full queue", KS, 4, send_one, QD_PUT, Q_FULL, 64),
    CASE("send, receiver asleep", KSC, send_one, QD_PUT, 0, 64, QM_RECEIVER),
    CASE("send, poller", K, send_one, QD_PUT, 0, 64, QM_POLLER_R),
    CASE("send, another sends", KS | LONG, send_one, QD_PUT, 1, 64, QM_PUTS),
    CASE("send, blocks", KSC, send_one, QD_PUT, 1, 300),
    CASE("receive the oldest", KSC, receive, QD_TAKE, 4, 64),
    CASE("receive type 3", KSC, receive, QD_TAKE, 4, 64, .want = 3),
    CASE("receive up to type 3", KS, receive, QD_TAKE, 4, 64, .want = -3),
    CASE("receive all but type 2", KS | LONG, receive, QD_TAKE, 4, 64, .want = 2, .flags =
         MSG_EXCEPT),
    SOME("receive of the empty queue", KS, 3, receive, QD_TAKE, 0, 64),
    CASE("receive type 2 of the empty queue", K | LONG, receive, QD_TAKE, 0, 64, .want = 2),
    CASE("receive of the full queue, sender asleep", KSC, receive, QD_TAKE, Q_FULL, 64, QM_SENDER),
    SOME("receive of the full queue, poller", K, 3, receive, QD_TAKE, Q_FULL, 64, QM_POLLER_W),
    CASE("receive, another receives", KS | LONG, receive, QD_TAKE, 3, 64, QM_TAKES),
    CASE("receive, blocks", KSC, receive, QD_TAKE, 3, 300, .want = 3),
    CASE("receive, blocks, sender asleep", K | LONG, receive, QD_TAKE, Q_FULL, 300, QM_SENDER),
    CASE("copy", K, copy, QD_NONE, 3, 64),
    SOME("IPC_SET", KSC, 7, set, QD_NONE, 2, 64, .end = set_again),
    SOME("IPC_RMID", K, 11, remove_it, QD_NONE, 2, 64, .end = removed, .removes = true),
};

/* What the library makes once per process mustn't look like a leak. */
static void warm_up(void)
{
    const struct queue_case c = {.len = 64};

    if (msg_make(&c) < 0 || msg_remove() < 0)
        t_die("can't make a queue");
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
