/* SPDX-License-Identifier: MIT */
/* bench/targets_queue.c - what the message queues promise about speed */
#include "bench/target_table.h"

/* clang-format off */
const struct target target_mq[] = {
    {"pair 64 B, nobody else: kernel / hepta",
     RATIO(P50, "kernel", "hepta", PAIR64), LEAST(20)},
    {"ping-pong 64 B, apart, busy: hepta / limit",
     RATIO(P50, "hepta", "limit", PP_BUSY), MOST(4)},
    {"stream 64 B, busy: hepta / kernel",
     RATIO(RATE, "hepta", "kernel", ST64), LEAST(10)},
    {"stream 64 B, busy: with leases / without",
     RATIO(RATE, "hepta-lease", "hepta", ST64), LEAST(0.7)},
    {"four to one, 64 B: hepta / kernel",
     RATIO(RATE, "hepta", "kernel", FAN64), LEAST(12)},
#ifdef BENCH_BOOST
    {"stream 64 B, busy: hepta / boost",
     RATIO(RATE, "hepta", "boost", ST64), LEAST(2)},
    {"four to one, 64 B: hepta / boost",
     RATIO(RATE, "hepta", "boost", FAN64), LEAST(2.5)},
#endif
    {.text = NULL},
};

const struct target target_msg[] = {
    {"pair 64 B, nobody else: kernel / hepta",
     RATIO(P50, "kernel", "hepta", PAIR64), LEAST(20)},
    {"stream 64 B, busy: hepta / kernel",
     RATIO(RATE, "hepta", "kernel", ST64), LEAST(10)},
    {"four to one, 64 B: hepta / kernel",
     RATIO(RATE, "hepta", "kernel", FAN64), LEAST(12)},
    {"exact type, 100,000 others queued: kernel / hepta",
     RATIO(P50, "kernel", "hepta", SELECT_100K), LEAST(1000)},
    {.text = NULL},
};
/* clang-format on */
