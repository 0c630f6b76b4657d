/* SPDX-License-Identifier: MIT */
/* bench/targets_fifo.c - the FIFO is as fast as the pipe, to within 5 % */
#include "bench/target_table.h"

/* clang-format off */
const struct target target_fifo[] = {
    {"ping-pong 64 B, apart, busy: FIFO / pipe",
     RATIO(P50, "hepta", "hepta-pipe", PP_BUSY), MOST(1.05)},
    {"ping-pong 64 B, apart, adaptive: FIFO / pipe",
     RATIO(P50, "hepta", "hepta-pipe", PP_ADAPT), MOST(1.05)},
    {"ping-pong 64 KiB, apart, busy: FIFO / pipe",
     RATIO(P50, "hepta", "hepta-pipe", PP64K), MOST(1.05)},
    {"stream 64 B, busy: FIFO / pipe",
     RATIO(RATE, "hepta", "hepta-pipe", ST64), LEAST(0.95)},
    {"stream 64 KiB, busy: FIFO / pipe",
     RATIO(RATE, "hepta", "hepta-pipe", ST64K), LEAST(0.95)},
    {.text = NULL},
};
/* clang-format on */
