/* SPDX-License-Identifier: MIT */
/*
 * unix_cases_fds_life.c - descriptors with messages: none is lost, none is left open
 *
 * What is passed is the write end of a pipe, of which no other copy is left: its read end tells
 * whether somebody, the connection included, still holds it.
 */
#define _GNU_SOURCE
#include "unix_fds.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* Send @n write ends; their read ends in @r; no copy stays here. */
static void send_pipes(struct conf *c, struct two *t, int n, int r[])
{
    int w[8], p[2];

    for (int i = 0; i < n; i++) {
        EQ(c, pipe2(p, O_CLOEXEC), 0);
        r[i] = p[0];
        w[i] = p[1];
    }
    EQ(c, give_fds(c, t, 3, w, (uint32_t)n, EVER), 3);
    for (int i = 0; i < n; i++) {
        close(w[i]);
        OK(c, !closed_everywhere(c, r[i]));
    }
}

static void all_closed(struct conf *c, int n, int r[])
{
    for (int i = 0; i < n; i++) {
        OK(c, closed_everywhere(c, r[i]));
        close(r[i]);
    }
}

static void surplus_closed(struct conf *c)
{
    struct two t;
    uint32_t n, flags;
    int r[5], got[5];

    meet(c, &t);
    send_pipes(c, &t, 5, r);
    EQ(c, take_fds(c, &t, 10, got, 2, &n, &flags), 3);
    EQ(c, n, 2);
    EQ(c, flags, HEPTA_SOCK_MSG_CTRUNC);
    OK(c, !closed_everywhere(c, r[0]) && !closed_everywhere(c, r[1]));
    all_closed(c, 3, r + 2);
    close(got[0]);
    close(got[1]);
    all_closed(c, 2, r);
    part(c, &t);
}

static void no_room_for_any(struct conf *c)
{
    struct two t;
    uint32_t n, flags;
    int r[3];

    meet(c, &t);
    send_pipes(c, &t, 3, r);
    EQ(c, take_fds(c, &t, 10, NULL, 0, &n, &flags), 3);
    EQ(c, n, 0);
    EQ(c, flags, HEPTA_SOCK_MSG_CTRUNC);
    all_closed(c, 3, r);
    part(c, &t);
}

/* recv(), which has no place for them, closes them. */
static void plain_recv(struct conf *c)
{
    struct two t;
    int r[3];

    meet(c, &t);
    send_pipes(c, &t, 3, r);
    EQ(c, take(c, &t, t.b, 10, EVER), 3);
    all_closed(c, 3, r);
    EQ(c, give(c, &t, t.a, 10, EVER), 10);
    EQ(c, take(c, &t, t.b, 10, EVER), 10);
    part(c, &t);
}

/* What the receiver can't have, for its limit, is closed, and it is told. */
static void receivers_limit(struct conf *c)
{
    struct two t;
    struct rlimit old, rl;
    uint32_t n, flags;
    int r[5], got[5];

    meet(c, &t);
    OK(c, poll_for(c, t.b, POLLIN, 0) == 0); /* what polling takes is taken */
    send_pipes(c, &t, 5, r);
    int first = dup(0), second = dup(0); /* the two free ones that are to be left */
    close(first);
    close(second);
    EQ(c, getrlimit(RLIMIT_NOFILE, &old), 0);
    rl = old;
    rl.rlim_cur = (rlim_t)second + 1;
    EQ(c, setrlimit(RLIMIT_NOFILE, &rl), 0);
    ssize_t len = take_fds(c, &t, 10, got, 5, &n, &flags);
    EQ(c, setrlimit(RLIMIT_NOFILE, &old), 0);
    EQ(c, len, 3);
    EQ(c, n, 2);
    EQ(c, flags, HEPTA_SOCK_MSG_CTRUNC);
    close(got[0]);
    close(got[1]);
    all_closed(c, 5, r);
    part(c, &t);
}

static void closed_with_receiver(struct conf *c)
{
    struct two t;
    int r[6];

    meet(c, &t);
    send_pipes(c, &t, 3, r);
    send_pipes(c, &t, 3, r + 3);
    shut(c, &t.b);
    if (uops(c)->type == HEPTA_SOCK_DGRAM)
        shut(c, &t.a);
    for (int i = 0; i < 6; i++) /* the last reference is dropped by work that is put off */
        for (int ms = 0; ms < LONG_MS && !closed_everywhere(c, r[i]); ms++)
            conf_pause_ms(1);
    all_closed(c, 6, r);
    if (t.a)
        shut(c, &t.a);
}

/* The sender's end doesn't count: they are the receiver's. */
static void survive_sender(struct conf *c)
{
    struct two t;
    uint32_t n, flags;
    int got[2], p[2];

    meet(c, &t);
    EQ(c, pipe2(p, O_CLOEXEC), 0);
    pid_t child = conf_fork(c);
    if (child == 0) {
        int fds[2] = {number_fd(c, 99), p[1]};

        EQ(c, give_fds(c, &t, 5, fds, 2, EVER), 5);
        kill(getpid(), SIGKILL);
    }
    shut(c, &t.a);
    close(p[1]);
    OK(c, conf_status(c, child) != 0);
    EQ(c, take_fds(c, &t, 10, got, 2, &n, &flags), 5);
    EQ(c, n, 2);
    EQ(c, number_of(c, got[0]), 99);
    EQ(c, write(got[1], "x", 1), 1);
    close(got[1]);
    close(p[0]);
    if (uops(c)->type != HEPTA_SOCK_DGRAM)
        EQ(c, take(c, &t, t.b, 10, EVER), 0);
    shut(c, &t.b);
}

static void before_accept(struct conf *c)
{
    const char *at = abstract("s");
    struct usock *l = listener(c, at);
    struct two t = {.a = connector(c, at)};
    uint32_t n, flags;
    int fd = number_fd(c, 3), got;

    EQ(c, give_fds(c, &t, 1, &fd, 1, EVER), 1);
    close(fd);
    t.b = accepted(c, l);
    EQ(c, take_fds(c, &t, 1, &got, 1, &n, &flags), 1);
    EQ(c, n, 1);
    EQ(c, number_of(c, got), 3);
    part(c, &t);
    shut(c, &l);
}

static void never_accepted(struct conf *c)
{
    const char *at = abstract("s");
    struct usock *l = listener(c, at);
    struct two t = {.a = connector(c, at)};
    int r[2];

    send_pipes(c, &t, 2, r);
    shut(c, &l);
    shut(c, &t.a);
    for (int i = 0; i < 2; i++)
        for (int ms = 0; ms < LONG_MS && !closed_everywhere(c, r[i]); ms++)
            conf_pause_ms(1);
    all_closed(c, 2, r);
}

/* From process to process, each adding nothing: a relay. */
static void relayed(struct conf *c)
{
    struct two t, u;
    uint32_t n, flags;
    int fd = number_fd(c, 12), got;

    pair(c, &t);
    if (uops(c)->type == HEPTA_SOCK_DGRAM)
        u = t;
    else
        pair(c, &u);
    pid_t child = conf_fork(c);
    if (child == 0) {
        EQ(c, take_fds(c, &t, 10, &got, 1, &n, &flags), 4);
        u.n_given[0] = 0;
        EQ(c, give_fds(c, &u, 4, &got, 1, EVER), 4);
        conf_exit();
    }
    EQ(c, give_fds(c, &t, 4, &fd, 1, EVER), 4);
    close(fd);
    conf_join(c, child);
    EQ(c, take_fds(c, &u, 10, &got, 1, &n, &flags), 4);
    EQ(c, n, 1);
    EQ(c, number_of(c, got), 12);
    part(c, &t);
    if (uops(c)->type != HEPTA_SOCK_DGRAM)
        part(c, &u);
}

/* Many rounds, both processes with few descriptors: nothing adds up. */
static void nothing_adds_up(struct conf *c)
{
    enum { N = 500 };
    struct two t;
    uint32_t n, flags;
    int got[2];

    meet(c, &t);
    pid_t child = conf_fork(c);
    if (child == 0) {
        for (int i = 0; i < N; i++) {
            int fd = number_fd(c, i);

            EQ(c, give_fds(c, &t, 4, &fd, 1, EVER), 4);
            close(fd);
        }
        conf_exit();
    }
    for (int i = 0; i < N; i++) {
        EQ(c, take_fds(c, &t, 4, got, 2, &n, &flags), 4);
        EQ(c, n, 1);
        EQ(c, number_of(c, got[0]), i);
    }
    conf_join(c, child);
    part(c, &t);
}

const struct conf_case unix_fds_life_cases[] = {
    {"fds.surplus_closed", surplus_closed, NEEDS_ANY, NULL, NULL, 0},
    {"fds.no_room_for_any", no_room_for_any, NEEDS_ANY, NULL, NULL, 0},
    {"fds.plain_recv", plain_recv, NEEDS_ANY, NULL, NULL, 0},
    {"fds.receivers_limit", receivers_limit, NEEDS_ANY, NULL, NULL, 0},
    {"fds.closed_with_receiver", closed_with_receiver, NEEDS_ANY, NULL, NULL, 0},
    {"fds.survive_sender", survive_sender, NEEDS_ANY, NULL, NULL, 0},
    {"fds.before_accept", before_accept, NEEDS_CONNECTION, NULL, NULL, 0},
    {"fds.never_accepted", never_accepted, NEEDS_CONNECTION, NULL, NULL, 0},
    {"fds.relayed", relayed, NEEDS_PAIR, NULL, NULL, 0},
    {"fds.nothing_adds_up", nothing_adds_up, NEEDS_ANY, NULL, NULL, 0},
    {0},
};
