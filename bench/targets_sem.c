/* SPDX-License-Identifier: MIT */
/* bench/targets_sem.c - what semaphores, sets of them and shared memory promise about speed */
#include "bench/target_table.h"

/* clang-format off */
const struct target target_sem[] = {
    {"post and wait, nobody else: hepta / glibc",
     RATIO(P50, "hepta", "kernel", PAIR), MOST(1.1)},
    {"take and give, with a holder: permit / glibc",
     RATIO(P50, "hepta", "kernel", PERMIT), MOST(4)},
    {"ping-pong, apart, adaptive: glibc / hepta",
     RATIO(P50, "kernel", "hepta", PP_BARE), LEAST(50)},
    {"ping-pong, same core, adaptive: hepta / glibc",
     RATIO(P50, "hepta", "kernel", SAME_BARE), MOST(1.1)},
    {.text = NULL},
};

const struct target target_semset[] = {
    {"one up, one down, nobody else: kernel / hepta",
     RATIO(P50, "kernel", "hepta", PAIR), LEAST(20)},
    {"the same with undo: kernel / hepta",
     RATIO(P50, "kernel", "hepta", UNDO), LEAST(15)},
    {"ping-pong, apart, adaptive: kernel / hepta",
     RATIO(P50, "kernel", "hepta", PP_BARE), LEAST(50)},
    {.text = NULL},
};

const struct target target_shm[] = {
    {"robust mutex, lock and unlock, nobody else: hepta / glibc",
     RATIO(P50, "hepta", "kernel", MUTEX), MOST(1)},
    {"cell, read of 64 B, a million writes/s: hepta / plain copy",
     RATIO(P50, "hepta", "limit", CELL64), MOST(2)},
    {.text = NULL},
};
/* clang-format on */
