/* SPDX-License-Identifier: MIT */
/*
 * mailbox_fault.c - every system call and allocation of the mailboxes' verbs fails in turn
 *
 * After each failure the box holds what the result says, and works. Where a name was to be made, it
 * is there whole or not at all.
 */
#define _GNU_SOURCE
#include "../lib/t.h"
#include "inject.h"

#include <errno.h>
#include <hepta/signal.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME "/m"
#define DEPTH 4
#define NUMBER 40

static char dir[] = "/dev/shm/hepta-fault-XXXXXX";
static struct hepta_mailbox *box;
static pid_t other;

static long open_it(uint32_t flags)
{
    const struct hepta_mailbox_options o = {
        .size = sizeof(o), .depth = DEPTH, .wait = HEPTA_WAIT_SLEEP};

    return hepta_mailbox_open(NAME, flags, 0600, &o, &box);
}

static int put(void)
{
    return hepta_mailbox_send(box, NUMBER, "x", 1, 0);
}

static void have_box(void)
{
    if (open_it(HEPTA_MAILBOX_CREATE | HEPTA_MAILBOX_RECEIVE) < 0)
        t_die("hepta_mailbox_open");
}

static void have_one(void)
{
    have_box();
    if (put() < 0)
        t_die("hepta_mailbox_send");
}

static void have_name(void)
{
    have_one();
    hepta_mailbox_close(box);
    box = NULL;
}

static void have_given(void)
{
    if (open_it(HEPTA_MAILBOX_CREATE | HEPTA_MAILBOX_RECEIVE | HEPTA_MAILBOX_ACK) < 0 ||
        put() < 0 || hepta_mailbox_wait(box, NULL, HEPTA_NOW) != NUMBER)
        t_die("nothing given");
}

static void have_fd(void)
{
    have_box();
    if (hepta_mailbox_fd(box) < 0)
        t_die("hepta_mailbox_fd");
}

/* One who sleeps until it has one. */
static void have_sleeper(void)
{
    have_name();
    other = t_fork();
    if (other == 0) {
        if (open_it(HEPTA_MAILBOX_RECEIVE) < 0 || hepta_mailbox_wait(box, NULL, HEPTA_NOW) < 0)
            _exit(1);
        _exit(hepta_mailbox_wait(box, NULL, hepta_in_ms(3000)) != NUMBER);
    }
    t_asleep(other, 1000);
    if (open_it(0) < 0)
        t_die("hepta_mailbox_open");
}

static void have_dead(void)
{
    have_name();
    other = t_fork();
    if (other == 0)
        _exit(open_it(HEPTA_MAILBOX_RECEIVE | HEPTA_MAILBOX_ACK) < 0 ||
              hepta_mailbox_wait(box, NULL, HEPTA_NOW) != NUMBER);
    if (t_reap(other, 2000) != 0)
        t_die("the dead one can't receive");
    other = 0;
}

static void leave(void)
{
    if (other > 0)
        t_kill(other);
    other = 0;
    if (box)
        hepta_mailbox_close(box);
    box = NULL;
    hepta_mailbox_unlink(NAME);
}

/* --- what is run ---------------------------------------------------------------------- */

static long run_create(void)
{
    return open_it(HEPTA_MAILBOX_CREATE | HEPTA_MAILBOX_EXCL | HEPTA_MAILBOX_RECEIVE);
}

static long run_open(void)
{
    return open_it(0);
}

static long run_follow(void)
{
    return open_it(HEPTA_MAILBOX_RECEIVE);
}

static long run_send(void)
{
    return put();
}

static long run_send_live(void)
{
    return hepta_mailbox_send(box, NUMBER, "x", 1, HEPTA_MAILBOX_LIVE);
}

static long run_wait(void)
{
    long rc = hepta_mailbox_wait(box, NULL, hepta_in_ms(20));

    return rc > 0 ? 0 : rc;
}

static long run_ack(void)
{
    return hepta_mailbox_ack(box);
}

static long run_mask(void)
{
    return hepta_mailbox_mask(box, HEPTA_SIGNAL_SETMASK, HEPTA_SIGNAL(NUMBER), NULL);
}

static long run_fd(void)
{
    int fd = hepta_mailbox_fd(box);
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return fd < 0 ? fd : poll(&p, 1, 0) >= 0 ? 0 : -EIO;
}

static long run_stat(void)
{
    struct hepta_mailbox_stat st;

    return hepta_mailbox_stat(box, &st);
}

static long run_close(void)
{
    long rc = hepta_mailbox_close(box);

    box = NULL;
    return rc;
}

/* --- what must hold ------------------------------------------------------------------- */

/* So many are in it, and it works. */
static bool holds(int n)
{
    if (hepta_mailbox_mask(box, HEPTA_SIGNAL_SETMASK, 0, NULL) < 0)
        return false;
    for (int i = n; i < DEPTH; i++)
        if (put() < 0)
            return false;
    if (put() != -EAGAIN)
        return false;
    for (int i = 0; i < DEPTH; i++)
        if (hepta_mailbox_wait(box, NULL, HEPTA_NOW) != NUMBER)
            return false;
    return hepta_mailbox_wait(box, NULL, HEPTA_NOW) == -EAGAIN;
}

static bool one_if_sent(long result)
{
    return holds(result == 0);
}

static bool one_unless_taken(long result)
{
    return holds(result < 0);
}

static bool still_one(long result)
{
    (void)result;
    return holds(1);
}

static bool still_none(long result)
{
    (void)result;
    return holds(0);
}

/* What is given keeps its place until the next wait. */
static bool none_after_ack(long result)
{
    (void)result;
    hepta_mailbox_wait(box, NULL, HEPTA_NOW);
    for (int i = 0; i < DEPTH; i++)
        if (put() < 0)
            return false;
    return put() == -EAGAIN;
}

static bool there_if_made(long result)
{
    if (result == 0)
        hepta_mailbox_close(box);
    box = NULL;
    long again = open_it(HEPTA_MAILBOX_RECEIVE);

    return result == 0 ? again == 0 && holds(0) : again == -ENOENT;
}

static bool opens_again(long result)
{
    if (result == 0)
        hepta_mailbox_close(box);
    return open_it(HEPTA_MAILBOX_RECEIVE) == 0 && holds(1);
}

static bool sleeper_was_woken(long result)
{
    if (result < 0)
        return true;
    bool ok = t_reap(other, 4000) == 0;

    other = 0;
    hepta_mailbox_close(box);
    return ok && open_it(HEPTA_MAILBOX_RECEIVE) == 0 && holds(0);
}

#define SYSTEM ENOMEM, EMFILE, ENFILE, ENOSYS, EPERM, EACCES, EINTR, EAGAIN, ENOSPC
#define MAKING SYSTEM, EEXIST, ENOENT, EOPNOTSUPP, EXDEV, EPROTO, EBADMSG, ENOTDIR, EBADF, ESRCH, \
               EINVAL

static const struct inject_op ops[] = {
    {"mailbox create", {MAKING}, NULL, run_create, there_if_made, leave, 1},
    {"mailbox open", {MAKING}, have_name, run_open, opens_again, leave, 1},
    {"mailbox open, follow a dead one", {MAKING, EBUSY}, have_dead, run_follow, opens_again, leave,
     1},
    {"mailbox send", {SYSTEM}, have_box, run_send, one_if_sent, leave, 1},
    {"mailbox send, polled", {SYSTEM}, have_fd, run_send, one_if_sent, leave, 1},
    {"mailbox send, live", {SYSTEM, ESRCH}, have_box, run_send_live, one_if_sent, leave, 1},
    {"mailbox send, one asleep", {SYSTEM}, have_sleeper, run_send, sleeper_was_woken, leave, 1},
    {"mailbox wait", {SYSTEM}, have_one, run_wait, one_unless_taken, leave, 1},
    {"mailbox wait for none", {SYSTEM, ETIMEDOUT}, have_box, run_wait, still_none, leave, 1},
    {"mailbox wait for none, polled", {SYSTEM, ETIMEDOUT}, have_fd, run_wait, still_none, leave, 1},
    {"mailbox ack", {SYSTEM}, have_given, run_ack, none_after_ack, leave, 1},
    {"mailbox mask", {SYSTEM}, have_one, run_mask, still_one, leave, 1},
    {"mailbox fd", {SYSTEM}, have_one, run_fd, still_one, leave, 1},
    {"mailbox stat", {SYSTEM}, have_one, run_stat, still_one, leave, 1},
    {"mailbox close", {SYSTEM}, have_one, run_close, opens_again, leave, 1},
};

int main(void)
{
    int n_bad;

    t_limit(180);
    if (!mkdtemp(dir) || setenv("HEPTA_DIR", dir, 1) != 0)
        t_die("%s", dir);
    n_bad = inject_all(ops, sizeof(ops) / sizeof(*ops));
    char cmd[100];
    snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
    if (system(cmd) != 0)
        t_die("%s", cmd);
    printf("%d failed\n", n_bad);
    return n_bad != 0;
}
