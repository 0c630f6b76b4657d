/* SPDX-License-Identifier: MIT */
/*
 * connections.h - between connections.c (director, workers) and server.c
 */
#ifndef HEPTA_TESTS_CONNECTIONS_H
#define HEPTA_TESTS_CONNECTIONS_H

#include <errno.h>
#include <hepta/sock.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#define SOAK_BYTES (1u << 20) /* each way */

struct soak_slot {
    pid_t pid;
    volatile bool busy;        /* from connect to close */
    volatile uint64_t n_done;  /* connections carried through */
};

struct soak_shared {
    volatile bool stop;
    unsigned n_bad, n_cut;
    struct soak_slot slot[];
};

/* A connection as the server sees it; the peer's first 8 bytes are the seed. */
struct soak_link {
    struct hepta_sock *sock;
    struct soak_link *next, **self;
    uint64_t seed, n_in, n_out;
    unsigned n_seed; /* bytes of it that have come */
    int out_fd;      /* waits for room; -1 when all is sent */
};

struct soak_server {
    struct hepta_sock *listener;
    struct soak_link *links;
    int epoll_fd;
    unsigned n_accepted, n_whole;
    void (*complain)(const char *what, long long value);
};

int soak_server_open(struct soak_server *s, const char *address, uint32_t type,
                     void (*complain)(const char *what, long long value));

/* Serves until child @director has ended and all connections have. False if they don't. */
bool soak_server_run(struct soak_server *s, pid_t director);

void soak_server_close(struct soak_server *s);

#endif
