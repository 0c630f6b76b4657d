/* SPDX-License-Identifier: MIT */
/*
 * sock_link_steps.c - making connections in memory, killed and stopped in every state
 *
 * Afterwards the listener must serve others, a connection that the dead one had begun or
 * taken must show its end to the other side, and nothing may be left: no descriptor or
 * mapping in the survivor, no socket file. Start with survive().
 */
#define _GNU_SOURCE
#include "../lib/t.h"
#include "scratch.h"
#include "sock_room.h"
#include "socket/memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

enum link_verb { LISTEN, CONNECT, ACCEPT, CLOSE_LISTENER };

struct link_case {
    enum link_verb verb;
    uint32_t type;
    uint32_t before; /* connections that wait to be accepted when the verb begins */
    bool sole;       /* the listener is only the victim's */
    bool stale;      /* LISTEN: a dead one has left its file */
};

#define N_LINKS 24

static struct {
    char address[HEPTA_SOCK_ADDRESS_MAX];
    struct hepta_sock *listener;
    struct hepta_sock *made[N_LINKS];  /* by connect, */
    struct hepta_sock *taken[N_LINKS]; /* by accept: all of the stage */
    int n_made, n_taken;
    bool arrived[N_LINKS]; /* which of those made have been taken: each sends its number first */
    int n_victims; /* connections taken that the victim had made */
} w;

static const struct link_case *link_case(const struct step_run *run)
{
    return run->sc->arg;
}

static struct hepta_sock_options options(const struct link_case *c)
{
    return (struct hepta_sock_options){.size = sizeof(struct hepta_sock_options),
                                       .type = c->type, .capacity = 8192, .backlog = 1,
                                       .wait = HEPTA_WAIT_SLEEP, .handshake_ms = 20000};
}

static int make(struct step_run *run, int64_t deadline)
{
    const struct hepta_sock_options opt = options(link_case(run));
    struct hepta_sock *s;
    int rc = hepta_sock_connect(&s, w.address, &opt, deadline);

    if (rc == 0 && w.n_made == N_LINKS)
        t_die("too many connections");
    if (rc == 0) {
        unsigned char number = (unsigned char)w.n_made;
        ssize_t n = hepta_sock_send(s, &number, 1, HEPTA_NOW);

        w.made[w.n_made++] = s;
        /* A victim that goes on may have taken it and ended by now. */
        step_check(run, n == 1 || (n == -EPIPE && run->returned), "a new connection: %zd", n);
    }
    return rc;
}

static pid_t peer_of(struct hepta_sock *s)
{
    struct hepta_sock_stat st = {0};

    hepta_sock_stat(s, &st, sizeof(st));
    return st.pid;
}

static void know(struct step_run *run, struct hepta_sock *s)
{
    unsigned char number = N_LINKS;
    ssize_t n = hepta_sock_recv(s, &number, 1, HEPTA_NOW);

    if (step_check(run, n == 1 && number < w.n_made && !w.arrived[number],
                   "the first byte of a connection: %zd, %d", n, number))
        w.arrived[number] = true;
}

static int take(struct step_run *run, int64_t deadline)
{
    struct hepta_sock *s;
    int rc = hepta_sock_accept(w.listener, &s, deadline);

    if (rc == 0 && w.n_taken == N_LINKS)
        t_die("too many connections");
    if (rc == 0) {
        w.taken[w.n_taken++] = s;
        if (peer_of(s) == getpid())
            know(run, s);
        else
            w.n_victims++;
    }
    return rc;
}

static void stay_behind(const struct hepta_sock_options *opt)
{
    pid_t pid = t_fork();
    struct hepta_sock *s;

    if (pid == 0) {
        hepta_sock_listen(&s, w.address, opt);
        _exit(0);
    }
    t_reap(pid, 5000);
}

static void setup(struct step_run *run)
{
    const struct link_case *c = link_case(run);
    const struct hepta_sock_options opt = options(c);

    memset(&w, 0, sizeof(w));
    scratch_empty();
    if (c->sole) /* no file: who made the listener would remove it */
        snprintf(w.address, sizeof(w.address), "unix:@%s", scratch_dir);
    else
        snprintf(w.address, sizeof(w.address), "unix:%s/s", scratch_dir);
    if (c->stale)
        stay_behind(&opt);
    if (c->verb != LISTEN && hepta_sock_listen(&w.listener, w.address, &opt) < 0)
        t_die("can't listen");
    for (uint32_t i = 0; i < c->before; i++)
        if (make(run, HEPTA_NOW) < 0)
            t_die("can't connect");
}

static void close_all(struct hepta_sock **list, int *n)
{
    while (*n > 0)
        hepta_sock_close(list[--*n]);
}

/* A stranger to all that was inherited; who accepts has the listener. */
static void enter(struct step_run *run)
{
    close_all(w.made, &w.n_made);
    if (link_case(run)->verb == CONNECT)
        w.listener = hepta_sock_close(w.listener);
}

static void depart(struct step_run *run)
{
    if (link_case(run)->sole)
        w.listener = hepta_sock_close(w.listener);
}

static void verb(struct step_run *run)
{
    const struct link_case *c = link_case(run);
    const struct hepta_sock_options opt = options(c);
    struct hepta_sock *s;

    switch (c->verb) {
    case LISTEN:
        step_returned(run, hepta_sock_listen(&s, w.address, &opt));
        break;
    case CONNECT:
        step_returned(run, hepta_sock_connect(&s, w.address, &opt, hepta_in_ns(HANG_NS)));
        break;
    case ACCEPT:
        step_returned(run, hepta_sock_accept(w.listener, &s, hepta_in_ns(HANG_NS)));
        break;
    case CLOSE_LISTENER:
        step_returned(run, hepta_sock_close(w.listener) != NULL);
        break;
    }
}

/* An accept waits for somebody; a connect for room in the backlog. */
static void wake(struct step_run *run)
{
    int rc = 0;

    if (link_case(run)->verb == ACCEPT)
        rc = make(run, hepta_in_ms(1000));
    else if (link_case(run)->verb == CONNECT)
        rc = take(run, hepta_in_ms(1000));
    step_check(run, rc == 0, "can't wake the victim: %d", rc);
}

static void exchange(struct step_run *run, struct hepta_sock *from, struct hepta_sock *to)
{
    unsigned char rec[REC], got[REC];
    ssize_t n;

    rec_fill(rec, REC, REC_STAGE, 1);
    n = hepta_sock_send(from, rec, REC, HEPTA_NOW);
    step_check(run, n == REC, "send over a new connection: %zd", n);
    n = hepta_sock_recv(to, got, REC, HEPTA_NOW);
    step_check(run, n == REC && memcmp(rec, got, REC) == 0, "recv over a new connection: %zd", n);
}

/* Everything that waits is taken. Then there is nothing more. */
static void take_all(struct step_run *run)
{
    int64_t start = t_now_ns();
    int rc;

    while ((rc = take(run, HEPTA_NOW)) == 0)
        ;
    step_timed(run, start, 0, "accept");
    step_check(run, rc == -EAGAIN, "accept by the survivor: %d", rc);
}

static struct hepta_sock *find_taken(int first)
{
    for (int i = first; i < w.n_taken; i++)
        if (peer_of(w.taken[i]) == getpid())
            return w.taken[i];
    return NULL;
}

/* The listener serves others: a new connection comes through and works both ways. */
static void check_listener(struct step_run *run)
{
    int64_t start = t_now_ns();
    struct hepta_sock *taken;
    int first, rc;

    take_all(run);
    first = w.n_taken;
    rc = make(run, hepta_in_ms(1000));
    if (!step_check(run, rc == 0, "connect by the survivor: %d", rc))
        return;
    rc = take(run, hepta_in_ms(1000));
    step_timed(run, start, 0, "connect and accept");
    taken = find_taken(first);
    if (step_check(run, rc == 0 && taken, "accept by the survivor: %d", rc)) {
        exchange(run, w.made[w.n_made - 1], taken);
        exchange(run, taken, w.made[w.n_made - 1]);
    }
}

/* The other side of this connection is gone: both verbs say so, in time. */
static void check_end(struct step_run *run, struct hepta_sock *s)
{
    int64_t start = t_now_ns();
    unsigned char c;
    ssize_t n;

    do
        n = hepta_sock_recv(s, &c, 1, hepta_in_ms(1000));
    while (n == -ECONNRESET);
    step_check(run, n == 0, "the end of a dead one's connection: %zd", n);
    do
        n = hepta_sock_send(s, "x", 1, hepta_in_ms(1000));
    while (n == 1 && t_now_ns() < start + 1000 * T_MS);
    step_check(run, n == -EPIPE, "send to the dead: %zd", n);
    step_timed(run, start, 0, "the end");
}

/* Connections that the stage made and that nobody alive has taken: one at most. */
static void check_made(struct step_run *run)
{
    bool accepts = link_case(run)->verb == ACCEPT;
    int n_gone = 0;

    for (int i = 0; i < w.n_made; i++) {
        if (w.arrived[i])
            continue;
        n_gone++;
        check_end(run, w.made[i]);
    }
    step_check(run, n_gone <= accepts, "%d connections are lost", n_gone);
    step_check(run, n_gone == 1 || !accepts || !run->returned, "a connection was taken twice");
}

static void check_victims(struct step_run *run)
{
    if (link_case(run)->verb != CONNECT)
        return;
    step_check(run, w.n_victims <= 1 && (w.n_victims == 1 || !run->returned),
               "%d connections of the victim's", w.n_victims);
    for (int i = 0; i < w.n_taken; i++)
        if (peer_of(w.taken[i]) == run->victim)
            check_end(run, w.taken[i]);
}

static void survive_alone(struct step_run *run)
{
    for (int i = 0; i < w.n_made; i++)
        check_end(run, w.made[i]);
    step_check(run, make(run, HEPTA_NOW) == -ECONNREFUSED, "somebody listens after death");
}

static void survive(struct step_run *run)
{
    const struct link_case *c = link_case(run);
    const struct hepta_sock_options opt = options(c);
    int64_t start = t_now_ns();
    int rc;

    if (c->sole) {
        survive_alone(run);
    } else {
        if (c->verb == LISTEN) {
            rc = hepta_sock_listen(&w.listener, w.address, &opt);
            step_timed(run, start, 0, "listen");
            if (!step_check(run, rc == 0, "listen where a dead one did: %d", rc))
                return;
        }
        check_listener(run);
        check_made(run);
        check_victims(run);
    }
    w.listener = hepta_sock_close(w.listener);
    step_check(run, scratch_is_empty(), "the socket file is left");
}

/* Others connect and are accepted while one stands still in between. */
static void stopped(struct step_run *run)
{
    for (int i = 0; i < 2; i++) {
        int64_t start = t_now_ns(), until = i ? hepta_in_ms(50) : HEPTA_NOW;
        int rc = make(run, until);

        step_timed(run, start, until, "connect");
        step_check(run, rc == 0 || rc == -EAGAIN || rc == -ETIMEDOUT, "connect: %d", rc);
        start = t_now_ns();
        until = i ? hepta_in_ms(50) : HEPTA_NOW;
        rc = take(run, until);
        step_timed(run, start, until, "accept");
        step_check(run, rc == 0 || rc == -EAGAIN || rc == -ETIMEDOUT, "accept: %d", rc);
    }
}

static void resumed(struct step_run *run)
{
    step_check(run, run->returned && run->result == 0, "the verb of the stopped process: %lld",
               (long long)run->result);
    survive(run);
}

static void cleanup(struct step_run *run)
{
    (void)run;
    close_all(w.made, &w.n_made);
    close_all(w.taken, &w.n_taken);
    w.listener = hepta_sock_close(w.listener);
}

#define CONTROL (H7_SEGMENT_CONTROL + sizeof(struct h7_sock_shared))
#define STREAM HEPTA_SOCK_STREAM
#define PACKET HEPTA_SOCK_SEQPACKET

#define CASE(title, k, ...)                                                                        \
    &(const struct step_scenario)                                                                  \
    {                                                                                              \
        .name = title, .segment = "/memfd:hepta", .watch = CONTROL, .watch_data = REC, .kinds = k, \
        .arg = &(const struct link_case){.verb = __VA_ARGS__}, .setup = setup, .enter = enter,     \
        .verb = verb, .depart = depart, .wake = wake, .survive = survive, .stopped = stopped,      \
        .resumed = resumed, .cleanup = cleanup                                                     \
    }

/* verb, type, connections that wait, sole, stale */
static const struct step_scenario *const scenarios[] = {
    CASE("listen", K, LISTEN, STREAM, 0, false, false),
    CASE("listen where a dead one did", K, LISTEN, PACKET, 0, false, true),
    CASE("connect, stream", KS, CONNECT, STREAM, 0, false, false),
    CASE("connect, seqpacket", K, CONNECT, PACKET, 0, false, false),
    CASE("connect, the backlog is full", K, CONNECT, STREAM, 2, false, false),
    CASE("accept, stream", KS, ACCEPT, STREAM, 1, false, false),
    CASE("accept, seqpacket", K, ACCEPT, PACKET, 2, false, false),
    CASE("accept, nobody there", KS, ACCEPT, STREAM, 0, false, false),
    CASE("accept by the only listener", K, ACCEPT, STREAM, 2, true, false),
    CASE("close of a shared listener", K, CLOSE_LISTENER, STREAM, 1, false, false),
    CASE("close of the only listener", K, CLOSE_LISTENER, PACKET, 2, true, false),
};

int main(int argc, char **argv)
{
    int rc;

    if (getenv(STEP_AGAIN))
        scratch_begin();
    sock_warm_up();
    rc = step_main(argc, argv, scenarios, T_COUNT(scenarios));
    scratch_end();
    return rc;
}
