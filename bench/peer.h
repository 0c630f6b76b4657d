/* SPDX-License-Identifier: MIT */
/* bench/peer.h - one process of the measured pair, and what the coordinator tells it */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include "bench/bench.h"
#include "bench/histogram.h"

#include <sys/types.h>

/* Coordinator to peer: exchange @n messages. No more commands: leave. */
struct peer_command {
    uint64_t n;
};

/* Peer to coordinator, after the last of them. */
struct peer_reply {
    int64_t err;        /* 0 or negative errno; -EBADMSG: a message arrived damaged */
    uint64_t ns;        /* between the first and the last message of this side */
    uint64_t ticks;     /* the same by the clock of the histogram */
    uint64_t preempted; /* times that another program took the cpu away */
};

struct peer {
    const struct bench_backend *backend;
    const struct bench_case *on;
    enum bench_side side;
    void *link;
    int control; /* socket to the coordinator */
    int cpu;
    pid_t parent;
    struct histogram *rtt; /* shared: filled by the first side of a ping-pong */
};

/* Never returns: the process is the peer from here on. */
_Noreturn void bench_peer_run(const struct peer *p);

#endif
