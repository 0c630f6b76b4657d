/* SPDX-License-Identifier: MIT */
/*
 * unix_cases_epipe.c - the end of a connection, as who sends sees it
 *
 * A sender that waits while its peer goes leaves bytes unread: that is ECONNRESET for the
 * socket, which the first call that looks takes away.
 */
#define _GNU_SOURCE
#include "unix_room.h"

#include <errno.h>
#include <unistd.h>

static void after_close(struct conf *c)
{
    struct two t;

    meet(c, &t);
    shut(c, &t.b);
    EQ(c, give(c, &t, t.a, 10, EVER), -EPIPE);
    EQ(c, give(c, &t, t.a, 10, EVER), -EPIPE);
    shut(c, &t.a);
    meet(c, &t);
    shut(c, &t.a);
    EQ(c, give(c, &t, t.b, 10, EVER), -EPIPE);
    shut(c, &t.b);
}

static void not_eagain(struct conf *c)
{
    struct two t;

    meet(c, &t);
    shut(c, &t.b);
    EQ(c, give(c, &t, t.a, 10, NOW), -EPIPE);
    EQ(c, give(c, &t, t.a, 10, 1), -EPIPE);
    shut(c, &t.a);
}

/* No signal, with the default action of SIGPIPE in force. */
static void no_signal(struct conf *c)
{
    struct two t;

    meet(c, &t);
    pid_t child = conf_fork(c);
    if (child == 0) {
        signal(SIGPIPE, SIG_DFL);
        shut(c, &t.b);
        conf_await(c, 0, 1);
        EQ(c, UNTIL_NOT(give(c, &t, t.a, 10, EVER), 10), -EPIPE);
        struct iovec iov = {"x", 1};
        struct hepta_sock_msg m = {.size = sizeof(m), .iov = &iov, .n_iov = 1};
        EQ(c, uops(c)->sendmsg(t.a, &m, EVER), -EPIPE);
        conf_exit();
    }
    shut(c, &t.b);
    conf_set(c, 0, 1);
    conf_join(c, child);
    shut(c, &t.a);
}

static ssize_t full_result(struct conf *c)
{
    /* The kernel's send of a stream looks at the end first, that of a message at the error. */
    ssize_t of_message = (ssize_t)MEMORY_DIFFERS(c, -ECONNRESET, -EPIPE);

    return uops(c)->type == HEPTA_SOCK_STREAM ? -EPIPE : of_message;
}

static void after_unread(struct conf *c)
{
    struct two t;

    meet(c, &t);
    fill_up(c, &t, t.a, 1000);
    shut(c, &t.b);
    EQ(c, give(c, &t, t.a, 10, EVER), full_result(c));
    EQ(c, give(c, &t, t.a, 10, EVER), -EPIPE);
    shut(c, &t.a);
}

static void wakes(struct conf *c)
{
    struct two t;

    meet(c, &t);
    fill_up(c, &t, t.a, 1000);
    pid_t child = conf_fork(c);
    if (child == 0) {
        shut(c, &t.b);
        conf_set(c, 0, 1);
        ssize_t n = give(c, &t, t.a, 1000, EVER);
        OK(c, n == -ECONNRESET || n == -EPIPE);
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    shut(c, &t.b);
    conf_join(c, child);
    shut(c, &t.a);
}

/* A stream's send that was under way says how far it came. */
static void wakes_partial(struct conf *c)
{
    struct two t;

    meet(c, &t);
    pid_t child = conf_fork(c);
    if (child == 0) {
        shut(c, &t.b);
        conf_set(c, 0, 1);
        ssize_t n = give(c, &t, t.a, MAX_GIVE, EVER);
        OK(c, n >= 5000 && n < MAX_GIVE);
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    take_all(c, &t, t.b, 5000);
    conf_asleep(c, child);
    shut(c, &t.b);
    conf_join(c, child);
    shut(c, &t.a);
}

static void all_copies(struct conf *c)
{
    struct two t;

    meet(c, &t);
    pid_t child = conf_fork(c);
    if (child == 0) {
        shut(c, &t.a);
        conf_set(c, 0, 1);
        pause();
    }
    shut(c, &t.b);
    conf_await(c, 0, 1);
    EQ(c, give(c, &t, t.a, 10, NOW), 10); /* the child's copy is open */
    EQ(c, give(c, &t, t.a, 10, EVER), 10);
    conf_kill(c, child);
    conf_pause_ms(TICK_MS);
    EQ(c, UNTIL_NOT(give(c, &t, t.a, 10, EVER), 10), full_result(c));
    shut(c, &t.a);
}

static void killed_before(struct conf *c)
{
    struct two t;

    meet(c, &t);
    pid_t child = conf_fork(c);
    if (child == 0) {
        conf_set(c, 0, 1);
        pause();
    }
    conf_await(c, 0, 1);
    shut(c, &t.b);
    conf_kill(c, child);
    MEMORY_MAY(c, give(c, &t, t.a, 10, NOW), -EPIPE, 10);
    ssize_t n = UNTIL_NOT(give(c, &t, t.a, 10, NOW), 10);
    OK(c, n == -EPIPE || (uops(c)->memory && n == -ECONNRESET));
    shut(c, &t.a);
}

static void killed_wakes(struct conf *c)
{
    struct two t;

    meet(c, &t);
    fill_up(c, &t, t.a, 1000);
    pid_t peer = conf_fork(c);
    if (peer == 0) {
        shut(c, &t.a);
        conf_set(c, 0, 1);
        pause();
    }
    shut(c, &t.b);
    conf_await(c, 0, 1);
    pid_t child = waiter(c, &t, W_SEND, 1000, NULL, 0, EVER);
    conf_kill(c, peer);
    conf_await(c, W_RETURNED, 1);
    OK(c, conf_get(c, W_RESULT) == -EPIPE || conf_get(c, W_RESULT) == -ECONNRESET);
    conf_join(c, child);
    shut(c, &t.a);
}

const struct conf_case unix_epipe_cases[] = {
    {"epipe.after_close", after_close, NEEDS_CONNECTION, NULL, NULL, 0},
    {"epipe.not_eagain", not_eagain, NEEDS_CONNECTION, NULL, NULL, 0},
    {"epipe.no_signal", no_signal, NEEDS_CONNECTION, NULL, NULL, 0},
    {"epipe.after_unread", after_unread, NEEDS_CONNECTION, "unix-reset-order", NULL, 0},
    {"epipe.wakes", wakes, NEEDS_CONNECTION, NULL, NULL, 0},
    {"epipe.wakes_partial", wakes_partial, NEEDS_STREAM, NULL, NULL, 0},
    {"epipe.all_copies", all_copies, NEEDS_CONNECTION, "unix-reset-order", NULL, 0},
    {"epipe.killed_before", killed_before, NEEDS_CONNECTION, "unix-one-tick", NULL, 0},
    {"epipe.killed_wakes", killed_wakes, NEEDS_CONNECTION, NULL, NULL, 0},
    {0},
};
