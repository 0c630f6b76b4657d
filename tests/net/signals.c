/* SPDX-License-Identifier: MIT */
/*
 * signals.c - handlers that run while a socket verb waits: -EINTR, nothing lost, nothing leaked
 *
 * A timer sends SIGUSR1 every so often, with SA_RESTART and without. A verb that missed the
 * one gets the next.
 */
#define _GNU_SOURCE
#include "enter.h"

#include <errno.h>
#include <hepta/sock.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define N_TIMES 20
#define TOTAL (4u << 20)
#define N_RECORDS 400
#define MAX_RECORD 30000
#define LONG_MS 20000
#define LIMIT_S 60

static char buf[65536];
static volatile sig_atomic_t n_handled;

static void handler(int sig)
{
    (void)sig;
    n_handled++;
}

/* SIGUSR1: SIGALRM is the limit of t.h. */
static timer_t timer;

static void every_us(long us, int flags)
{
    struct sigaction sa = {.sa_handler = handler, .sa_flags = flags};
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct itimerspec at = {{0, us * 1000}, {0, us * 1000}};

    if (sigaction(SIGUSR1, &sa, NULL) < 0 || timer_create(CLOCK_MONOTONIC, &ev, &timer) < 0 ||
        timer_settime(timer, 0, &at, NULL) < 0)
        t_die("timer: %s", strerror(errno));
}

static void no_more(void)
{
    timer_delete(timer);
    n_handled = 0;
}

static void is(const char *what, long got, long want)
{
    if (got != want)
        t_die("%s: %ld, not %ld", what, got, want);
}

/* ---- each call that waits for a peer ---- */

static void connecting(int flags)
{
    struct hepta_sock *s;
    int hole[2];

    net_hole(hole);
    is("connect", hepta_sock_connect(&s, HOLE, NULL, HEPTA_NOW), -EAGAIN); /* sets up for good */
    struct t_usage before = t_usage();
    every_us(5000, flags);
    for (int i = 0; i < N_TIMES; i++) {
        is("connect", hepta_sock_connect(&s, HOLE, NULL, HEPTA_FOREVER), -EINTR);
        is("and *sock", s != NULL, 0);
        is("connect", hepta_sock_connect(&s, HOLE, NULL, hepta_in_ms(LONG_MS)), -EINTR);
    }
    no_more();
    if (!t_usage_same("connect", before, t_usage()))
        t_die("connect leaks");
    close(hole[0]);
    close(hole[1]);
}

static void accepting(int flags)
{
    struct hepta_sock *l, *s;

    is("listen", hepta_sock_listen(&l, "tcp:127.0.0.1:7001", NULL), 0);
    struct t_usage before = t_usage();
    every_us(5000, flags);
    for (int i = 0; i < N_TIMES; i++) {
        is("accept", hepta_sock_accept(l, &s, HEPTA_FOREVER), -EINTR);
        is("accept", hepta_sock_accept(l, &s, hepta_in_ms(LONG_MS)), -EINTR);
    }
    no_more();
    if (!t_usage_same("accept", before, t_usage()))
        t_die("accept leaks");
    hepta_sock_close(l);
}

static void two_ends(uint32_t flags, struct hepta_sock **a, struct hepta_sock **b)
{
    struct hepta_sock_options opt = {.size = sizeof(opt), .flags = flags};
    struct hepta_sock *l;

    opt.flags |= HEPTA_SOCK_REUSEADDR;
    is("listen", hepta_sock_listen(&l, "tcp:127.0.0.1:7002", &opt), 0);
    is("connect", hepta_sock_connect(a, "tcp:127.0.0.1:7002", &opt, hepta_in_ms(LONG_MS)), 0);
    is("accept", hepta_sock_accept(l, b, hepta_in_ms(LONG_MS)), 0);
    hepta_sock_close(l);
}

static void moving(int flags)
{
    struct hepta_sock *a, *b;
    ssize_t n;

    two_ends(0, &a, &b);
    every_us(5000, flags);
    for (int i = 0; i < N_TIMES; i++) {
        is("recv", hepta_sock_recv(b, buf, 1, HEPTA_FOREVER), -EINTR);
        is("recv", hepta_sock_recv(b, buf, 1, hepta_in_ms(LONG_MS)), -EINTR);
    }
    while ((n = hepta_sock_send(a, buf, sizeof(buf), HEPTA_FOREVER)) > 0)
        continue; /* what is cut short says how much */
    is("send", n, -EINTR);
    is("send", hepta_sock_send(a, buf, sizeof(buf), hepta_in_ms(LONG_MS)), -EINTR);
    no_more();
    hepta_sock_close(a);
    hepta_sock_close(b);
}

/* ---- a storm: everything arrives once, in order ---- */

static void stream_sender(struct hepta_sock *s, int flags)
{
    uint64_t seed = 5;

    every_us(300, flags);
    for (size_t at = 0; at < TOTAL;) {
        size_t len = 1 + t_random(&seed) % sizeof(buf);

        len = len < TOTAL - at ? len : TOTAL - at;
        for (size_t i = 0; i < len; i++)
            buf[i] = (char)((at + i) * 31 >> 3);
        ssize_t n = hepta_sock_send(s, buf, len,
                                    at % 2 ? HEPTA_FOREVER : hepta_in_ms(LONG_MS));
        if (n < 0)
            is("send", n, -EINTR);
        at += n > 0 ? (size_t)n : 0;
    }
    _exit(0);
}

static void stream_storm(int flags)
{
    struct hepta_sock *a, *b;

    two_ends(0, &a, &b);
    pid_t pid = t_fork();
    if (pid == 0)
        stream_sender(a, flags);
    hepta_sock_close(a);
    every_us(300, flags);
    size_t at = 0;
    for (;;) {
        ssize_t n = hepta_sock_recv(b, buf, sizeof(buf),
                                    at % 2 ? HEPTA_FOREVER : hepta_in_ms(LONG_MS));
        if (n == -EINTR)
            continue;
        if (n <= 0) {
            is("recv", n, 0);
            break;
        }
        for (ssize_t i = 0; i < n; i++, at++)
            if (buf[i] != (char)(at * 31 >> 3))
                t_die("byte %zu is wrong", at);
    }
    no_more();
    is("bytes", (long)at, TOTAL);
    is("the sender", t_reap(pid, LONG_MS), 0);
    hepta_sock_close(b);
}

static size_t size_of(uint64_t i)
{
    uint64_t seed = i + 99;

    return i % 20 == 0 ? 0 : t_random(&seed) % MAX_RECORD;
}

static void record_sender(struct hepta_sock *s, int flags)
{
    every_us(300, flags);
    for (uint64_t i = 0; i < N_RECORDS;) {
        memset(buf, (int)i, size_of(i));
        ssize_t n = hepta_sock_send(s, buf, size_of(i),
                                    i % 2 ? HEPTA_FOREVER : hepta_in_ms(LONG_MS));
        if (n != -EINTR)
            is("send", n, (long)size_of(i++));
    }
    no_more();
    hepta_sock_close(s); /* sends what is left */
    _exit(0);
}

static void record_storm(int flags)
{
    struct hepta_sock *a, *b;

    two_ends(HEPTA_SOCK_RECORDS, &a, &b);
    pid_t pid = t_fork();
    if (pid == 0)
        record_sender(a, flags);
    hepta_sock_close(a);
    every_us(300, flags);
    for (uint64_t i = 0; i < N_RECORDS;) {
        ssize_t n = hepta_sock_recv(b, buf, sizeof(buf),
                                    i % 3 ? HEPTA_FOREVER : hepta_in_ms(LONG_MS));
        if (n == -EINTR)
            continue;
        is("a record", n, (long)size_of(i));
        for (ssize_t k = 0; k < n; k++)
            if (buf[k] != (char)i)
                t_die("record %llu is wrong", (unsigned long long)i);
        i++;
    }
    no_more();
    is("the end", hepta_sock_recv(b, buf, 1, hepta_in_ms(LONG_MS)), 0);
    is("the sender", t_reap(pid, LONG_MS), 0);
    hepta_sock_close(b);
}

int main(void)
{
    static const struct {
        const char *name;
        void (*run)(int flags);
    } tests[] = {
        {"connecting", connecting}, {"accepting", accepting}, {"moving", moving},
        {"stream in a storm", stream_storm}, {"records in a storm", record_storm},
    };
    int n = 0;

    t_limit(LIMIT_S);
    net_enter();
    for (size_t i = 0; i < T_COUNT(tests); i++)
        for (int restart = 0; restart < 2; restart++, n++) {
            tests[i].run(restart ? SA_RESTART : 0);
            printf("ok %s%s\n", tests[i].name, restart ? ", SA_RESTART" : "");
            fflush(stdout);
        }
    printf("%d passed, 0 failed\n", n);
    return 0;
}
