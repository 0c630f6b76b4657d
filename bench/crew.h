/* SPDX-License-Identifier: MIT */
/*
 * bench/crew.h - the processes of one measurement, as the coordinator has them
 *
 * The first side's come first. Each has a socket for commands and replies, and sleeps on it
 * between exchanges.
 */
#ifndef BENCH_CREW_H
#define BENCH_CREW_H

#include "bench/peer.h"

#define CREW_MAX (2 * BENCH_SIDE_MAX)

struct crew {
    enum bench_test test;
    int n;
    pid_t pid[CREW_MAX];
    int control[CREW_MAX];
    struct histogram *times; /* shared with the processes */
    int64_t killed_at;       /* CLOCK_MONOTONIC ns: when crew_exchange() gives up */
    uint64_t sent;           /* messages of each sender so far */
};

/* Forks them; the sides run on a cpu each. 0 or negative errno; crew_end() in any case. */
int crew_start(struct crew *crew, const struct bench_cell *cell, void *link, const int cpu[2]);

/* Each sender sends @n messages. 0 when all have arrived and all replies, in the order of the
 * processes, are good; -ECHILD: one died; -ETIMEDOUT; -EBADMSG. */
int crew_exchange(struct crew *crew, uint64_t n, struct peer_reply reply[CREW_MAX]);

void crew_end(struct crew *crew);

#endif
