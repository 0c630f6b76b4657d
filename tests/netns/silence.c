/* SPDX-License-Identifier: MIT */
/*
 * silence.c - a peer that doesn't answer: what tells of it when there is no deadline
 *
 * Only the kernel can, if it was told how long to bear it (silence_ms): whether something
 * waits for an acknowledgement or nothing does.
 */
#include "lab.h"

#include <errno.h>

enum { RECEIVED, GAVE_UP };

#define PORT 7000
#define PATIENCE_MS 700

static char buf[4096];

static const struct hepta_sock_options impatient = {.size = sizeof(impatient),
                                                    .silence_ms = PATIENCE_MS};

/* A sends into the void. */
static void silence_a(struct lab *lab)
{
    struct hepta_sock *s = lab_connect_as(lab_at(lab, "tcp", 'b', PORT), &impatient);
    long n;

    lab_is("send", hepta_sock_send(s, buf, sizeof(buf), HEPTA_FOREVER), sizeof(buf));
    lab_await(lab, RECEIVED, 1);
    lab_cable(false);
    while ((n = hepta_sock_send(s, buf, sizeof(buf), HEPTA_FOREVER)) > 0)
        t_sleep_ns(20 * T_MS);
    if (n != -ENETUNREACH && n != -EHOSTUNREACH) /* the last reason that IP gave, or none */
        lab_is("send without a cable", n, -ETIMEDOUT);
    lab_is("and then", hepta_sock_send(s, buf, 1, HEPTA_FOREVER), -EPIPE);
    lab_await(lab, GAVE_UP, 1);
    hepta_sock_close(s);
}

/* B only waits. */
static void silence_b(struct lab *lab)
{
    struct hepta_sock *l = lab_listen_as(lab_at(lab, "tcp", 'b', PORT), &impatient);
    struct hepta_sock *s = lab_accept(l);
    size_t got = 0;

    while (got < sizeof(buf)) {
        ssize_t n = hepta_sock_recv(s, buf, sizeof(buf), HEPTA_FOREVER);
        if (n <= 0)
            lab_is("recv", n, 1);
        got += (size_t)n;
    }
    atomic_store(&lab->page->cell[RECEIVED], 1);
    lab_is("recv without a cable", hepta_sock_recv(s, buf, 1, HEPTA_FOREVER), -ETIMEDOUT);
    atomic_store(&lab->page->cell[GAVE_UP], 1);
    hepta_sock_close(s);
    hepta_sock_close(l);
}

void silence_test(bool v6)
{
    lab_run(v6, silence_a, silence_b);
}

/* An address of the other side's network that nobody has, and one that no route leads to. */
static void unreachable_a(struct lab *lab)
{
    struct hepta_sock *s;

    lab_sysctl("ipv4/neigh/va/retrans_time_ms", "100");
    lab_is("nobody, by a deadline",
           hepta_sock_connect(&s, "tcp:10.77.0.99:7000", NULL, hepta_in_ms(30)), -ETIMEDOUT);
    lab_is("nobody", hepta_sock_connect(&s, "tcp:10.77.0.98:7000", NULL, HEPTA_FOREVER),
           -EHOSTUNREACH);
    lab_is("no route", hepta_sock_connect(&s, "tcp:192.0.2.1:7000", NULL, HEPTA_FOREVER),
           -ENETUNREACH);
    lab_is("nobody listens", hepta_sock_connect(&s, "tcp:10.77.0.2:7001", NULL, HEPTA_FOREVER),
           -ECONNREFUSED);
    atomic_store(&lab->page->cell[GAVE_UP], 1);
}

/* The other side stays until then. */
static void unreachable_b(struct lab *lab)
{
    lab_await(lab, GAVE_UP, 1);
}

void unreachable_test(bool v6)
{
    lab_run(v6, unreachable_a, unreachable_b);
}
