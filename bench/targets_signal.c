/* SPDX-License-Identifier: MIT */
/* bench/targets_signal.c - what signals in memory promise about speed */
#include "bench/target_table.h"

/* clang-format off */
const struct target target_signal[] = {
    {"pair, nobody else: sigqueue, sigtimedwait / hepta",
     RATIO(P50, "kernel", "hepta", PAIR8), LEAST(25)},
    {"ping-pong, apart, adaptive: sigqueue, sigtimedwait / hepta",
     RATIO(P50, "kernel", "hepta", PP8), LEAST(50)},
    {.text = NULL},
};
/* clang-format on */
