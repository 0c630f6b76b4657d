/* SPDX-License-Identifier: MIT */
/*
 * connections.c - 1,000 connections to one listener, from 50 processes of which one after
 * the other is killed
 *
 * Three parts. This process is the server: one epoll loop over everything (server.c). A
 * director starts the 50, kills one at random every few milliseconds and starts another in
 * its place, until enough connections were carried through and enough were cut off. A worker
 * connects, sends and receives 1 MiB at the same time, checks every byte, closes, again and
 * again. Afterwards nobody may be stuck and nothing left: no process, descriptor, mapping or
 * file. Argument: stream or seqpacket.
 */
#define _GNU_SOURCE
#include "connections.h"

#include "../lib/t.h"
#include "bytes.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_WORKERS 50
#define N_WANTED 1000 /* connections carried through, and those cut off: */
#define N_CUT 300
#define PIECE (32 * 1024)
#define PATIENCE_MS 20000

static struct soak_shared *shared;
static char directory[] = "/dev/shm/hepta-soak-XXXXXX";
static char address[64];
static uint32_t type;

static void complain(const char *what, long long value)
{
    if (__atomic_add_fetch(&shared->n_bad, 1, __ATOMIC_RELAXED) <= 10)
        fprintf(stderr, "FAILED: %s (%lld)\n", what, value);
}

/* --- a worker ------------------------------------------------------------------------- */

static bool take_some(struct hepta_sock *s, uint64_t seed, uint64_t *n_in, int64_t deadline)
{
    static unsigned char buf[PIECE];
    ssize_t n = hepta_sock_recv(s, buf, sizeof(buf), deadline);

    if (n == -EAGAIN && deadline == HEPTA_NOW)
        return true;
    if (n <= 0 || !bytes_right(buf, ~seed, *n_in, (size_t)n)) {
        complain(n <= 0 ? "recv by a worker" : "wrong bytes for a worker", n);
        return false;
    }
    *n_in += (uint64_t)n;
    return true;
}

/* The server never waits for one worker, so sends get on whatever is to be received. */
static bool exchange(struct hepta_sock *s, uint64_t seed)
{
    static unsigned char buf[PIECE];
    uint64_t n_in = 0, n_out = 0;
    ssize_t n = hepta_sock_send(s, &seed, sizeof(seed), hepta_in_ms(PATIENCE_MS));

    while (n > 0 && n_out < SOAK_BYTES) {
        bytes_fill(buf, seed, n_out, PIECE);
        n = hepta_sock_send(s, buf, PIECE, hepta_in_ms(PATIENCE_MS));
        n_out += n > 0 ? (uint64_t)n : 0;
        if (n_in < SOAK_BYTES && !take_some(s, seed, &n_in, HEPTA_NOW))
            return false;
    }
    if (n <= 0) {
        complain("send by a worker", n);
        return false;
    }
    while (n_in < SOAK_BYTES)
        if (!take_some(s, seed, &n_in, hepta_in_ms(PATIENCE_MS)))
            return false;
    return true;
}

static _Noreturn void work(struct soak_slot *slot, uint64_t seed)
{
    const struct hepta_sock_options opt = {.size = sizeof(opt), .type = type};

    while (!shared->stop) {
        struct hepta_sock *s;
        int rc;

        slot->busy = true;
        rc = hepta_sock_connect(&s, address, &opt, hepta_in_ms(PATIENCE_MS));
        if (rc < 0) {
            complain("connect", rc);
            _exit(1);
        }
        if (exchange(s, t_random(&seed)))
            slot->n_done++;
        hepta_sock_close(s);
        slot->busy = false;
    }
    _exit(0);
}

/* --- the director ---------------------------------------------------------------------- */

static void start(struct soak_slot *slot, uint64_t *seed)
{
    uint64_t its = t_random(seed);
    pid_t pid;

    slot->busy = false;
    pid = t_fork();
    if (pid == 0)
        work(slot, its);
    slot->pid = pid; /* here only: the memory is shared */
}

static uint64_t n_done(void)
{
    uint64_t n = 0;

    for (int i = 0; i < N_WORKERS; i++)
        n += shared->slot[i].n_done;
    return n;
}

static _Noreturn void direct(uint64_t seed)
{
    int n_left = 0;

    for (int i = 0; i < N_WORKERS; i++)
        start(&shared->slot[i], &seed);
    while ((n_done() < N_WANTED || shared->n_cut < N_CUT) && shared->n_bad == 0) {
        struct soak_slot *slot = &shared->slot[t_random(&seed) % N_WORKERS];

        t_sleep_ns((int64_t)(t_random(&seed) % (10 * T_MS)));
        t_kill(slot->pid);
        shared->n_cut += slot->busy;
        start(slot, &seed);
    }
    shared->stop = true;
    for (int i = 0; i < N_WORKERS; i++)
        n_left += t_reap(shared->slot[i].pid, PATIENCE_MS) != 0;
    _exit(n_left > 0);
}

/* --- before and after -------------------------------------------------------------------- */

static void more_descriptors(void)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void clean_up(void)
{
    unlink(address + strlen("unix:"));
    rmdir(directory);
}

static void prepare(int argc, char **argv)
{
    type = argc > 1 && strcmp(argv[1], "seqpacket") == 0 ? HEPTA_SOCK_SEQPACKET
                                                         : HEPTA_SOCK_STREAM;
    shared = t_shared(sizeof(*shared) + N_WORKERS * sizeof(shared->slot[0]));
    more_descriptors();
    if (!mkdtemp(directory))
        t_die("can't make %s", directory);
    snprintf(address, sizeof(address), "unix:%s/s", directory);
}

static int finish(struct soak_server *server, struct t_usage before, int64_t begun)
{
    if (!t_usage_same("server", before, t_usage()))
        complain("something is left in the server", 0);
    soak_server_close(server);
    if (access(address + strlen("unix:"), F_OK) == 0)
        complain("the socket file is left", 0);
    if (server->n_whole < n_done())
        complain("the server carried fewer through than the workers", (long long)server->n_whole);
    printf("%llu connections carried through, %u cut off, %u accepted, %.1f s\n",
           (unsigned long long)n_done(), shared->n_cut, server->n_accepted,
           (double)(t_now_ns() - begun) / 1e9);
    return shared->n_bad != 0;
}

int main(int argc, char **argv)
{
    struct soak_server server;
    struct t_usage before;
    int64_t begun = t_now_ns();
    uint64_t seed = t_seed();
    pid_t director;
    int rc;

    t_limit(170);
    printf("seed %llu\n", (unsigned long long)seed);
    prepare(argc, argv);
    rc = soak_server_open(&server, address, type, complain);
    if (rc < 0) {
        clean_up();
        t_die("can't listen: %d", rc);
    }
    before = t_usage();
    director = t_fork();
    if (director == 0) {
        soak_server_close(&server);
        direct(seed);
    }
    if (!soak_server_run(&server, director))
        complain("the director, or a worker, is stuck", 0);
    rc = finish(&server, before, begun);
    clean_up();
    return rc;
}
