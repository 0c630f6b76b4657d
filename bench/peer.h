/* SPDX-License-Identifier: MIT */
/* bench/peer.h - one of the measured processes, and what the coordinator tells it */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include "bench/bench.h"
#include "bench/histogram.h"

#include <sys/types.h>

/* Coordinator to peer: each sender sends @n messages, the receivers share them evenly; or @n turns
 * of the test. No more commands: leave. */
struct peer_command {
    uint64_t n;
};

/* Peer to coordinator, after the last of them. */
struct peer_reply {
    int64_t err;                  /* 0 or negative errno; -EBADMSG: a message arrived damaged */
    int64_t start_ns, end_ns;     /* first and last message of this side, CLOCK_MONOTONIC */
    uint64_t ticks;               /* the same by the clock of the histogram */
    uint64_t preempted;           /* times that another program took the cpu away */
    uint64_t n[BENCH_SIDE_MAX];   /* messages that it ever received of each sender */
    uint64_t sum[BENCH_SIDE_MAX]; /* of their numbers */
};

struct peer {
    const struct bench_backend *backend;
    const struct bench_case *on;
    enum bench_side side;
    int rank; /* on its side, from 0 */
    void *link;
    int control; /* socket to the coordinator */
    int cpu;
    pid_t parent;
    struct histogram *times; /* shared: filled by a first side of one that also receives */
};

/* Never returns: the process is the peer from here on. */
_Noreturn void bench_peer_run(const struct peer *p);

#endif
