/* SPDX-License-Identifier: MIT */
/*
 * inet_cases_tcp_end.c - how a connection ends: half of it, all of it, by death, by reset; and
 * what a signal does to a call that waits
 */
#define _GNU_SOURCE
#include "inet_room.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>

enum { CALLING, RETURNED, RESULT };

static ssize_t get_soon(struct conf *c, struct hepta_sock *s, size_t len)
{
    return net_get(c, s, 0, len, hepta_in_ms(NET_LONG_MS));
}

/* Send until it fails; the first ones after the peer's end may still be taken. */
static ssize_t put_until(struct conf *c, struct hepta_sock *s)
{
    ssize_t n;

    while ((n = net_put(c, s, 0, 10, NET_EVER)) == 10)
        conf_pause_ms(1);
    return n;
}

static void half_close(struct conf *c)
{
    struct net_pair p;

    net_begin(c);
    net_pair(c, &p, "tcp:127.0.0.1:0", 0);
    EQ(c, net_put(c, p.a, 0, 100, NET_EVER), 100);
    EQ(c, net_ops(c)->shutdown(p.a, HEPTA_SOCK_WR), 0);
    EQ(c, net_put(c, p.a, 0, 1, NET_EVER), -EPIPE);
    net_get_all(c, p.b, 0, 100);
    EQ(c, get_soon(c, p.b, 10), 0);
    EQ(c, get_soon(c, p.b, 10), 0); /* for ever */
    EQ(c, net_put(c, p.b, 0, 1000, NET_EVER), 1000); /* the other half lives */
    net_get_all(c, p.a, 0, 1000);
    net_unpair(c, &p);
}

static void shut_both(struct conf *c)
{
    struct net_pair p;

    net_begin(c);
    net_pair(c, &p, "tcp:127.0.0.1:0", 0);
    EQ(c, net_ops(c)->shutdown(p.a, HEPTA_SOCK_RD | HEPTA_SOCK_WR), 0);
    EQ(c, net_put(c, p.a, 0, 1, NET_EVER), -EPIPE);
    EQ(c, net_get(c, p.a, 0, 1, NET_EVER), 0);
    EQ(c, get_soon(c, p.b, 10), 0);
    net_unpair(c, &p);
}

static void shut_reading(struct conf *c)
{
    struct net_pair p;

    net_begin(c);
    net_pair(c, &p, "tcp:127.0.0.1:0", 0);
    EQ(c, net_put(c, p.b, 0, 10, NET_EVER), 10);
    OK(c, net_poll(c, p.a, POLLIN, NET_LONG_MS) & POLLIN);
    EQ(c, net_ops(c)->shutdown(p.a, HEPTA_SOCK_RD), 0);
    EQ(c, net_get(c, p.a, 0, 10, NET_EVER), 10); /* what was sent before */
    EQ(c, net_get(c, p.a, 0, 10, NET_EVER), 0);
    EQ(c, net_put(c, p.a, 0, 10, NET_EVER), 10);
    net_get_all(c, p.b, 0, 10);
    net_unpair(c, &p);
}

static void shut_nothing(struct conf *c)
{
    struct net_pair p;

    net_begin(c);
    net_pair(c, &p, "tcp:127.0.0.1:0", 0);
    EQ(c, net_ops(c)->shutdown(p.a, 0), -EINVAL);
    net_unpair(c, &p);
}

/* Wakes who waits in recv in another process that shares the connection. */
static void shut_wakes(struct conf *c)
{
    struct net_pair p;

    net_begin(c);
    net_pair(c, &p, "tcp:127.0.0.1:0", 0);
    pid_t child = conf_fork(c);
    if (child == 0) {
        conf_set(c, CALLING, 1);
        EQ(c, net_get(c, p.a, 0, 10, NET_EVER), 0);
        conf_exit();
    }
    conf_asleep_after(c, child, CALLING);
    EQ(c, net_ops(c)->shutdown(p.a, HEPTA_SOCK_RD), 0);
    conf_join(c, child);
    net_unpair(c, &p);
}

static void closed(struct conf *c)
{
    struct net_pair p;

    net_begin(c);
    net_pair(c, &p, "tcp:[::1]:0", 0);
    EQ(c, net_put(c, p.a, 0, 10, NET_EVER), 10);
    net_close(c, p.a);
    EQ(c, get_soon(c, p.b, 100), 10);
    EQ(c, get_soon(c, p.b, 100), 0);
    net_close(c, p.b);
    net_close(c, p.l);
}

/* Only when every process that has it has closed it. */
static void all_copies(struct conf *c)
{
    struct net_pair p;

    net_begin(c);
    net_pair(c, &p, "tcp:127.0.0.1:0", 0);
    pid_t child = conf_fork(c);
    if (child == 0) {
        conf_await(c, CALLING, 1);
        EQ(c, net_put(c, p.a, 0, 10, NET_EVER), 10);
        net_close(c, p.a);
        conf_exit();
    }
    net_close(c, p.a);
    EQ(c, net_get(c, p.b, 0, 10, hepta_in_ms(NET_SHORT_MS)), -ETIMEDOUT);
    conf_set(c, CALLING, 1);
    EQ(c, get_soon(c, p.b, 10), 10);
    EQ(c, get_soon(c, p.b, 10), 0);
    conf_join(c, child);
    net_close(c, p.b);
    net_close(c, p.l);
}

static void killed(struct conf *c)
{
    struct net_pair p = {0};

    net_begin(c);
    p.l = net_listen(c, "tcp:127.0.0.1:0", 0);
    pid_t child = conf_fork(c);
    if (child == 0) {
        p.a = net_connect(c, net_local(c, p.l), 0);
        EQ(c, net_put(c, p.a, 0, 10, NET_EVER), 10);
        conf_set(c, CALLING, 1);
        EQ(c, net_get(c, p.a, 0, 1, NET_EVER), 1);
        conf_exit();
    }
    p.b = net_accept(c, p.l);
    conf_asleep_after(c, child, CALLING);
    conf_kill(c, child);
    EQ(c, get_soon(c, p.b, 100), 10);
    EQ(c, get_soon(c, p.b, 100), 0);
    EQ(c, put_until(c, p.b), -EPIPE); /* a reset after its end-of-file */
    net_close(c, p.b);
    net_close(c, p.l);
}

/* Gone with something unread: a reset, told once. */
static void reset(struct conf *c)
{
    struct net_pair p;

    net_begin(c);
    net_pair(c, &p, "tcp:127.0.0.1:0", 0);
    EQ(c, net_put(c, p.a, 0, 10, NET_EVER), 10);
    OK(c, net_poll(c, p.b, POLLIN, NET_LONG_MS) & POLLIN);
    net_close(c, p.b);
    EQ(c, get_soon(c, p.a, 10), -ECONNRESET);
    EQ(c, get_soon(c, p.a, 10), 0);
    EQ(c, net_put(c, p.a, 0, 10, NET_EVER), -EPIPE);
    net_close(c, p.a);
    net_close(c, p.l);
}

static void reset_wakes(struct conf *c)
{
    struct net_pair p;
    struct linger hard = {.l_onoff = 1};
    struct pollfd f;

    net_begin(c);
    net_pair(c, &p, "tcp:127.0.0.1:0", 0);
    pid_t child = conf_fork(c);
    if (child == 0) {
        net_close(c, p.b);
        conf_set(c, CALLING, 1);
        EQ(c, net_get(c, p.a, 0, 10, NET_EVER), -ECONNRESET);
        conf_exit();
    }
    conf_asleep_after(c, child, CALLING);
    EQ(c, net_ops(c)->pollfd(p.b, POLLIN, &f), 0);
    OK(c, setsockopt(f.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)) == 0);
    net_close(c, p.b);
    conf_join(c, child);
    net_close(c, p.a);
    net_close(c, p.l);
}

/* A reset wakes who waits for room, too. */
static void reset_wakes_sender(struct conf *c)
{
    struct net_pair p;

    net_begin(c);
    net_pair(c, &p, "tcp:127.0.0.1:0", 0);
    net_fill(c, p.a);
    pid_t child = conf_fork(c);
    if (child == 0) {
        net_close(c, p.b);
        conf_set(c, CALLING, 1);
        EQ(c, net_put(c, p.a, 0, NET_MAX_PUT, NET_EVER), -ECONNRESET);
        conf_exit();
    }
    conf_asleep_after(c, child, CALLING);
    net_close(c, p.b);
    conf_join(c, child);
    net_close(c, p.a);
    net_close(c, p.l);
}

/* It comes while a send with a deadline is half done: the count first, then the error. */
static void reset_after_part(struct conf *c)
{
    struct net_pair p;
    ssize_t n = 0;

    net_begin(c);
    net_pair(c, &p, "tcp:127.0.0.1:0", 0);
    pid_t child = conf_fork(c);
    if (child == 0) {
        net_close(c, p.b);
        do {
            conf_set(c, CALLING, 1);
            n = net_put(c, p.a, 0, NET_MAX_PUT, hepta_in_ms(NET_LONG_MS));
        } while (n > 0);
        EQ(c, n, -ECONNRESET);
        conf_exit();
    }
    conf_asleep_after(c, child, CALLING);
    net_close(c, p.b);
    conf_join(c, child);
    net_close(c, p.a);
    net_close(c, p.l);
}

static void no_sigpipe(struct conf *c)
{
    struct net_pair p;

    net_begin(c);
    conf_handle(c, SIGPIPE, 0);
    net_pair(c, &p, "tcp:127.0.0.1:0", 0);
    EQ(c, net_ops(c)->shutdown(p.a, HEPTA_SOCK_WR), 0);
    EQ(c, net_put(c, p.a, 0, 1, NET_EVER), -EPIPE);
    EQ(c, c->share->n_signals, DIFFERS(c, 1, 0));
    net_unpair(c, &p);
}

/* A child with a handler, asleep in recv, or in accept where there is no connection. */
static pid_t waiting(struct conf *c, struct net_pair *p, int flags)
{
    pid_t child = conf_fork(c);

    if (child == 0) {
        conf_handle(c, SIGUSR1, flags);
        conf_set(c, CALLING, 1);
        struct hepta_sock *s = NULL;
        conf_set(c, RESULT, p->a ? net_get(c, p->a, 0, 10, NET_EVER)
                                 : net_ops(c)->accept(p->l, &s, NET_EVER));
        conf_set(c, RETURNED, 1);
        conf_exit();
    }
    conf_asleep_after(c, child, CALLING);
    return child;
}

/* Signals until the call is back: a verb of Hepta's can miss one before it falls asleep. */
static void break_off(struct conf *c, pid_t child)
{
    for (int ms = 0; !conf_get(c, RETURNED); ms++) {
        if (ms == 0 || (ms % 50 == 0 && c->be->side == CONF_HEPTA))
            kill(child, SIGUSR1);
        if (ms > NET_LONG_MS / 2)
            conf_fail(c, "a handler didn't break off the wait");
        conf_pause_ms(1);
    }
    EQ(c, conf_get(c, RESULT), -EINTR);
    conf_join(c, child);
}

static void interrupted(struct conf *c)
{
    struct net_pair p;

    net_begin(c);
    net_pair(c, &p, "tcp:127.0.0.1:0", 0);
    break_off(c, waiting(c, &p, 0));
    net_unpair(c, &p);
}

static void accept_interrupted(struct conf *c)
{
    struct net_pair p = {0};

    net_begin(c);
    p.l = net_listen(c, "tcp:127.0.0.1:0", 0);
    break_off(c, waiting(c, &p, 0));
    net_close(c, p.l);
}

static void no_restart(struct conf *c)
{
    struct net_pair p;

    net_begin(c);
    net_pair(c, &p, "tcp:127.0.0.1:0", 0);
    pid_t child = waiting(c, &p, SA_RESTART);
    if (DIFFERS(c, 0, 1)) {
        break_off(c, child);
    } else {
        kill(child, SIGUSR1);
        while (atomic_load(&c->share->n_signals) == 0)
            conf_pause_ms(1);
        conf_asleep(c, child);
        EQ(c, conf_get(c, RETURNED), 0);
        EQ(c, net_put(c, p.b, 0, 10, NET_EVER), 10);
        conf_join(c, child);
        EQ(c, conf_get(c, RESULT), 10);
    }
    net_unpair(c, &p);
}

const struct conf_case net_tcp_end_cases[] = {
    NET_CASE(end, half_close),
    NET_CASE(end, shut_both),
    NET_CASE(end, shut_reading),
    NET_CASE(end, shut_nothing),
    NET_CASE(end, shut_wakes),
    NET_CASE(end, closed),
    NET_CASE(end, all_copies),
    NET_CASE(end, killed),
    NET_CASE(end, reset),
    NET_CASE(end, reset_wakes),
    NET_CASE(end, reset_wakes_sender),
    NET_HEPTA_CASE(end, reset_after_part),
    NET_CASE(end, interrupted),
    NET_CASE(end, accept_interrupted),
    {"end.no_sigpipe", no_sigpipe, NET_ROOT, "inet-no-sigpipe", NULL, 0},
    {"end.no_restart", no_restart, NET_ROOT, "inet-no-restart", NULL, 0},
    {0},
};
