/* SPDX-License-Identifier: MIT */
/* bench/targets_inet.c - over a network Hepta costs no more than 3 % of the bare system calls */
#include "bench/target_table.h"

/* clang-format off */
const struct target target_tcp[] = {
    {"ping-pong 64 B, apart, busy: Hepta / kernel",
     RATIO(P50, "hepta", "kernel", PP_BUSY), MOST(1.03)},
    {"ping-pong 64 B, apart, blocking: Hepta / kernel",
     RATIO(P50, "hepta", "kernel", PP_SLEEP), MOST(1.03)},
    {"ping-pong 64 B, same core, blocking: Hepta / kernel",
     RATIO(P50, "hepta", "kernel", SAME_SLEEP), MOST(1.03)},
    {"stream 64 B, busy: Hepta / kernel",
     RATIO(RATE, "hepta", "kernel", ST64), LEAST(0.97)},
    {"stream 64 B, blocking: Hepta / kernel",
     RATIO(RATE, "hepta", "kernel", ST64_SLEEP), LEAST(0.97)},
    {"stream 64 KiB, busy: Hepta / kernel",
     RATIO(RATE, "hepta", "kernel", ST64K), LEAST(0.97)},
    {"stream 64 KiB, blocking: Hepta / kernel",
     RATIO(RATE, "hepta", "kernel", ST64K_SLEEP), LEAST(0.97)},
    {.text = NULL},
};

const struct target target_udp[] = {
    {"ping-pong 64 B, apart, busy: Hepta / kernel",
     RATIO(P50, "hepta", "kernel", PP_BUSY), MOST(1.03)},
    {"ping-pong 64 B, apart, blocking: Hepta / kernel",
     RATIO(P50, "hepta", "kernel", PP_SLEEP), MOST(1.03)},
    {"ping-pong 64 B, same core, blocking: Hepta / kernel",
     RATIO(P50, "hepta", "kernel", SAME_SLEEP), MOST(1.03)},
    {"stream 64 B, busy: Hepta / kernel",
     RATIO(RATE, "hepta", "kernel", ST64), LEAST(0.97)},
    {"stream 64 B, blocking: Hepta / kernel",
     RATIO(RATE, "hepta", "kernel", ST64_SLEEP), LEAST(0.97)},
    {"stream 65,507 B, busy: Hepta / kernel",
     RATIO(RATE, "hepta", "kernel", ST_UDP), LEAST(0.97)},
    {"stream 65,507 B, blocking: Hepta / kernel",
     RATIO(RATE, "hepta", "kernel", ST_UDP_SLEEP), LEAST(0.97)},
    {.text = NULL},
};
/* clang-format on */
