/* SPDX-License-Identifier: MIT */
/*
 * unix_cases_signal.c - signals that come while a call waits
 */
#define _GNU_SOURCE
#include "unix_room.h"

#include <errno.h>
#include <sys/wait.h>

static void recv_eintr(struct conf *c)
{
    struct two t;

    meet(c, &t);
    pid_t child = waiter(c, &t, W_RECV, 10, NULL, 0, EVER);
    end_by_signal(c, child);
    returned(c, child, -EINTR);
    EQ(c, give(c, &t, t.b, 10, EVER), 10); /* the connection is as before */
    EQ(c, take(c, &t, t.a, 10, EVER), 10);
    part(c, &t);
}

static void send_eintr(struct conf *c)
{
    struct two t;

    meet(c, &t);
    size_t n = fill_up(c, &t, t.a, 1000);
    pid_t child = waiter(c, &t, W_SEND, 1000, NULL, 0, EVER);
    end_by_signal(c, child);
    returned(c, child, -EINTR);
    take_all(c, &t, t.b, n);
    EQ(c, take(c, &t, t.b, 10, NOW), -EAGAIN);
    part(c, &t);
}

static void send_partial(struct conf *c)
{
    struct two t;

    meet(c, &t);
    pid_t child = waiter(c, &t, W_SEND, MAX_GIVE, NULL, 0, EVER);
    end_by_signal(c, child);
    long n = conf_get(c, W_RESULT);
    OK(c, n > 0 && n < MAX_GIVE);
    returned(c, child, n);
    take_all(c, &t, t.b, (size_t)n);
    EQ(c, take(c, &t, t.b, 10, NOW), -EAGAIN);
    part(c, &t);
}

static void accept_eintr(struct conf *c)
{
    const char *at = abstract("s");
    struct two t = {.a = listener(c, at)};
    pid_t child = waiter(c, &t, W_ACCEPT, 0, NULL, 0, EVER);
    struct usock *a, *b;

    end_by_signal(c, child);
    returned(c, child, -EINTR);
    a = connector(c, at);
    b = accepted(c, t.a);
    shut(c, &a);
    shut(c, &b);
    shut(c, &t.a);
}

static void deadline_eintr(struct conf *c)
{
    struct two t;

    meet(c, &t);
    pid_t child = waiter(c, &t, W_RECV, 10, NULL, SA_RESTART, hepta_in_ms(600000));
    end_by_signal(c, child);
    returned(c, child, -EINTR); /* as poll(2), whatever the flags are */
    part(c, &t);
}

/* Interrupted under SA_RESTART with nothing moved: the kernel goes on, Hepta doesn't. */
static void restarts(struct conf *c, struct two *t, pid_t child, void (*go_on)(struct conf *,
                                                                               struct two *),
                     ssize_t result)
{
    ssize_t want = DIFFERS(c, result, -EINTR);

    if (want == result) {
        wake_by_signal(c, child);
        sleeps_on(c, child);
        go_on(c, t);
    } else {
        end_by_signal(c, child);
    }
    returned(c, child, want);
}

static void send_ten(struct conf *c, struct two *t)
{
    EQ(c, give(c, t, t->b, 10, EVER), 10);
}

static void recv_restarts(struct conf *c)
{
    struct two t;

    meet(c, &t);
    restarts(c, &t, waiter(c, &t, W_RECV, 10, NULL, SA_RESTART, EVER), send_ten, 10);
    part(c, &t);
}

static void make_room(struct conf *c, struct two *t)
{
    while (take(c, t, t->b, 1000, NOW) > 0)
        continue;
}

static void send_restarts(struct conf *c)
{
    struct two t;

    meet(c, &t);
    fill_up(c, &t, t.a, 1000);
    restarts(c, &t, waiter(c, &t, W_SEND, 1000, NULL, SA_RESTART, EVER), make_room, 1000);
    part(c, &t);
}

static void connect_one(struct conf *c, struct two *t)
{
    t->b = connector(c, abstract("s"));
}

static void accept_restarts(struct conf *c)
{
    struct two t = {.a = listener(c, abstract("s"))};

    restarts(c, &t, waiter(c, &t, W_ACCEPT, 0, NULL, SA_RESTART, EVER), connect_one, 0);
    part(c, &t);
}

/* The kernel's call goes on when its process does, and poll(2) does. One that has a timeout in the
 * kernel, as those of kernel.unix: have, is interrupted by the stop itself (signal(7)). */
static void stop_and_continue(struct conf *c)
{
    bool via = c->be->side == CONF_HEPTA && !uops(c)->memory;
    struct two t;
    int status;

    meet(c, &t);
    pid_t child = waiter(c, &t, W_RECV, 10, NULL, 0, EVER);
    kill(child, SIGSTOP);
    EQ(c, waitpid(child, &status, WUNTRACED), child);
    kill(child, SIGCONT);
    (void)DIFFERS(c, 10, -EINTR);
    if (via) {
        returned(c, child, -EINTR);
        part(c, &t);
        return;
    }
    sleeps_on(c, child);
    kill(child, SIGSTOP);
    EQ(c, waitpid(child, &status, WUNTRACED), child);
    EQ(c, give(c, &t, t.b, 10, EVER), 10); /* misses nothing */
    kill(child, SIGCONT);
    returned(c, child, 10);
    part(c, &t);
}

static void ignored(struct conf *c)
{
    struct two t;

    meet(c, &t);
    pid_t child = waiter(c, &t, W_RECV, 10, NULL, 0, EVER);
    kill(child, SIGCHLD); /* no handler: goes by */
    kill(child, SIGWINCH);
    sleeps_on(c, child);
    EQ(c, give(c, &t, t.b, 10, EVER), 10);
    returned(c, child, 10);
    part(c, &t);
}

/* A storm of signals costs no byte of a conversation. */
static void storm(struct conf *c)
{
    enum { N = 2000 };
    struct two t;

    meet(c, &t);
    pid_t child = conf_fork(c);
    if (child == 0) {
        conf_handle(c, SIGUSR1, 0);
        conf_set(c, 0, 1);
        for (int i = 0; i < N;) {
            ssize_t n = take(c, &t, t.b, 100, EVER);

            OK(c, n == 100 || n == -EINTR);
            i += n == 100;
        }
        conf_set(c, 1, 1);
        conf_exit();
    }
    conf_await(c, 0, 1);
    for (int i = 0; i < N; i++) {
        EQ(c, give(c, &t, t.a, 100, EVER), 100);
        kill(child, SIGUSR1);
        if (i % 16 == 0)
            conf_pause_ms(1);
    }
    conf_join(c, child);
    part(c, &t);
}

const struct conf_case unix_signal_cases[] = {
    {"signal.recv_eintr", recv_eintr, NEEDS_ANY, NULL, NULL, 0},
    {"signal.send_eintr", send_eintr, NEEDS_ANY, NULL, NULL, 0},
    {"signal.send_partial", send_partial, NEEDS_STREAM, NULL, NULL, 0},
    {"signal.accept_eintr", accept_eintr, NEEDS_CONNECTION, NULL, NULL, 0},
    {"signal.deadline_eintr", deadline_eintr, NEEDS_ANY, NULL, NULL, 0},
    {"signal.recv_restarts", recv_restarts, NEEDS_ANY, "unix-no-restart", NULL, 0},
    {"signal.send_restarts", send_restarts, NEEDS_ANY, "unix-no-restart", NULL, 0},
    {"signal.accept_restarts", accept_restarts, NEEDS_CONNECTION, "unix-no-restart", NULL, 0},
    {"signal.stop_and_continue", stop_and_continue, NEEDS_ANY, "unix-stopped", NULL, 0},
    {"signal.ignored", ignored, NEEDS_ANY, NULL, NULL, 0},
    {"signal.storm", storm, NEEDS_ANY, NULL, NULL, 30},
    {0},
};
