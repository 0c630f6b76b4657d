/* SPDX-License-Identifier: MIT */
/*
 * handshake.c - peers that connect to a listener in memory and don't introduce themselves as
 * they should: each is turned away, none holds up an honest one, nothing grows
 *
 * handshake SECONDS. Half the time for each type. 50 processes do their worst against one
 * listener, again and again: say nothing, say something else, stop in the middle, bring
 * wrong descriptors or segments (handshake_tricks.c). Meanwhile an honest client connects,
 * and must have been accepted and answered within a second, every time; unless the machine
 * kept it from saying its word as long as the listener waits for one, which is rare. The listener,
 * which is built with ASan and UBSan, counts its descriptors. Both look at who was accepted: only
 * an honest client says so.
 */
#define _GNU_SOURCE
#include "handshake.h"

#include "../lib/t.h"

#include <errno.h>
#include <hepta/sock.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_HOSTILE 50
#define WORD "honest"
#define N_GUESTS 100
#define ROOM_FDS (3 * N_GUESTS + 100) /* of the listener: guests, those it lets wait, some more */
#define ROOM_PAGES (64UL << 20 >> 12) /* data of the listener, ASan's included: in pages */

struct shared {
    volatile bool stop;
    uint64_t n_tricks[N_TRICKS], n_honest, n_late, n_accepted_hostile;
    int64_t worst_ns;
    int n_fds_most, failed_with;
};

static struct shared *shared;
static struct hepta_sock_options opt = {.size = sizeof(opt), .handshake_ms = HANDSHAKE_MS};
static char address[64];
static uint64_t seed;

static uint64_t rnd(uint64_t below)
{
    return t_random(&seed) % below;
}

bool hostility_over(void)
{
    return shared->stop;
}

static _Noreturn void hostile(void)
{
    while (!shared->stop)
        __atomic_add_fetch(&shared->n_tricks[play_a_trick(address, opt.type, &seed)], 1,
                           __ATOMIC_RELAXED);
    _exit(0);
}

/* --- the listener and the honest ones ---------------------------------------------------- */

static struct guest {
    struct hepta_sock *sock;
    int64_t until;
} guests[N_GUESTS];

static void send_away(struct guest *g)
{
    shared->n_accepted_hostile += g->sock != NULL;
    g->sock = hepta_sock_close(g->sock);
}

/* In the place of an empty one or of the oldest. */
static void welcome(struct hepta_sock *s)
{
    struct guest *g = guests;

    for (struct guest *i = guests; i < guests + N_GUESTS; i++)
        if (!i->sock || (g->sock && i->until < g->until))
            g = i;
    send_away(g);
    *g = (struct guest){s, t_now_ns() + 1000 * T_MS};
}

/* Who isn't honest gets no answer; the honest one may need a moment for his word. */
static void serve(struct guest *g)
{
    char got[sizeof(WORD)] = "";
    ssize_t n = g->sock ? hepta_sock_recv(g->sock, got, sizeof(got), HEPTA_NOW) : 0;

    if (n == sizeof(WORD) && strcmp(got, WORD) == 0) {
        hepta_sock_send(g->sock, WORD, sizeof(WORD), HEPTA_NOW);
        g->sock = hepta_sock_close(g->sock);
    } else if (n != -EAGAIN || t_now_ns() > g->until) {
        send_away(g);
    }
}

static bool memory_bounded(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    unsigned long size = 0, resident = 0, of_files = 0;
    bool ok = f && fscanf(f, "%lu %lu %lu", &size, &resident, &of_files) == 3 &&
              of_files < ROOM_PAGES;

    if (f)
        fclose(f);
    return ok;
}

static _Noreturn void listen_to_all(struct hepta_sock *l)
{
    int n_fds = t_usage().n_fds, round = 0;
    struct hepta_sock *s;
    struct pollfd p;

    while (!shared->stop) {
        int rc = rnd(2) ? hepta_sock_accept(l, &s, hepta_in_ms(5)) : -EAGAIN;

        if (rc == -EAGAIN && hepta_sock_pollfd(l, POLLIN, &p) == 0 && poll(&p, 1, 5) > 0)
            rc = hepta_sock_accept(l, &s, HEPTA_NOW);
        if (rc == 0)
            welcome(s);
        else if (rc != -EAGAIN && rc != -ETIMEDOUT)
            shared->failed_with = rc;
        for (int i = 0; i < N_GUESTS; i++)
            serve(&guests[i]);
        if (round++ % 64 == 0 && t_usage().n_fds - n_fds > shared->n_fds_most)
            shared->n_fds_most = t_usage().n_fds - n_fds;
    }
    for (int i = 0; i < N_GUESTS; i++)
        send_away(&guests[i]);
    if (!memory_bounded())
        shared->failed_with = -ENOMEM;
    hepta_sock_close(l);
    exit(t_usage().n_fds >= n_fds); /* and the sanitizers have a last look */
}

static int be_honest(void)
{
    int64_t start = t_now_ns(), took;
    char got[sizeof(WORD)] = "";
    struct hepta_sock *s;
    int rc = hepta_sock_connect(&s, address, &opt, hepta_in_ms(5000));

    if (rc == -ECONNREFUSED && t_now_ns() - start > HANDSHAKE_MS * T_MS) {
        shared->n_late++; /* turned away, as who says nothing in time has to be */
        return 0;
    }
    if (rc < 0)
        return rc;
    rc = (int)hepta_sock_send(s, WORD, sizeof(WORD), hepta_in_ms(5000));
    if (rc > 0)
        rc = (int)hepta_sock_recv(s, got, sizeof(got), hepta_in_ms(5000));
    took = t_now_ns() - start;
    shared->worst_ns = took > shared->worst_ns ? took : shared->worst_ns;
    shared->n_honest++;
    hepta_sock_close(s);
    return rc == sizeof(WORD) ? 0 : rc < 0 ? rc : -EPROTO;
}

static bool verdict(int failed)
{
    uint64_t n = 0;
    bool ok = failed == 0 && shared->failed_with == 0 && shared->n_honest > 10 * shared->n_late;

    for (size_t i = 0; i < N_TRICKS; i++) {
        n += shared->n_tricks[i];
        ok &= shared->n_tricks[i] > 0;
    }
    printf("%s: %llu tricks, %llu accepted that said nothing, %llu honest ones, the slowest "
           "%.0f ms; at most %d descriptors\n",
           opt.type == HEPTA_SOCK_STREAM ? "stream" : "seqpacket", (unsigned long long)n,
           (unsigned long long)shared->n_accepted_hostile, (unsigned long long)shared->n_honest,
           (double)shared->worst_ns / 1e6, shared->n_fds_most);
    if (failed || shared->failed_with)
        fprintf(stderr, "FAILED: an honest client: %s; the listener: %s\n", strerror(-failed),
                strerror(-shared->failed_with));
    return ok && shared->worst_ns < 1000 * T_MS && shared->n_fds_most < ROOM_FDS;
}

static bool run(uint32_t type, int64_t until)
{
    pid_t pid[N_HOSTILE], server;
    struct hepta_sock *l;
    int failed = 0, status;

    memset(shared, 0, sizeof(*shared));
    opt.type = type;
    snprintf(address, sizeof(address), "unix:@hepta-handshake-%d", (int)getpid());
    if (hepta_sock_listen(&l, address, &opt) < 0)
        t_die("hepta_sock_listen");
    server = t_fork();
    if (server == 0)
        listen_to_all(l);
    l = hepta_sock_close(l);
    for (int i = 0; i < N_HOSTILE; i++) {
        t_random(&seed);
        pid[i] = t_fork();
        if (pid[i] == 0)
            hostile();
    }
    while (failed == 0 && t_now_ns() < until) {
        failed = be_honest();
        t_sleep_ns((int64_t)rnd(20) * T_MS);
    }
    shared->stop = true;
    status = t_reap(server, 20000);
    for (int i = 0; i < N_HOSTILE; i++)
        t_kill(pid[i]);
    if (status != 0)
        fprintf(stderr, "FAILED: the listener ended with 0x%x\n", status);
    return verdict(failed) && status == 0;
}

int main(int argc, char **argv)
{
    unsigned seconds = argc > 1 ? (unsigned)atoi(argv[1]) : 10;
    int64_t half = seconds * 500 * T_MS, start = t_now_ns();
    struct t_usage before;
    bool ok;

    t_limit(seconds + 60);
    seed = t_seed();
    printf("seed %llu, %u s\n", (unsigned long long)seed, seconds);
    shared = t_shared(sizeof(*shared));
    before = t_usage();
    ok = run(HEPTA_SOCK_STREAM, start + half);
    ok = run(HEPTA_SOCK_SEQPACKET, start + 2 * half) && ok;
    ok = t_usage_same("parent", (struct t_usage){before.n_fds, 0, 0},
                      (struct t_usage){t_usage().n_fds, 0, t_usage().n_children}) && ok;
    printf("%s\n", ok ? "ok" : "FAILED");
    return !ok;
}
