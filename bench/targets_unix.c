/* SPDX-License-Identifier: MIT */
/* bench/targets_unix.c - what connections in memory promise against the kernel's */
#include "bench/target_table.h"

/* clang-format off */
const struct target target_unix[] = {
    {"ping-pong 64 B, apart, busy: kernel / stream",
     RATIO(P50, "kernel", "hepta", PP_BUSY), LEAST(12)},
    {"ping-pong 64 B, apart, busy: kernel / seqpacket",
     RATIO(P50, "kernel-seqpacket", "hepta-seqpacket", PP_BUSY), LEAST(12)},
    {"stream 64 B, busy: stream / kernel",
     RATIO(RATE, "hepta", "kernel", ST64), LEAST(12)},
    {"stream 64 B, busy: seqpacket / kernel",
     RATIO(RATE, "hepta-seqpacket", "kernel-seqpacket", ST64), LEAST(12)},
    {"stream 64 KiB, busy: stream / kernel",
     RATIO(RATE, "hepta", "kernel", ST64K), LEAST(3)},
    {"stream 64 KiB, busy: seqpacket / kernel",
     RATIO(RATE, "hepta-seqpacket", "kernel-seqpacket", ST64K), LEAST(3)},
    {"stream 1 MiB, busy: stream / kernel",
     RATIO(RATE, "hepta", "kernel", ST1M), LEAST(3)},
    {"stream 1 MiB, busy: seqpacket / kernel",
     RATIO(RATE, "hepta-seqpacket", "kernel-seqpacket", ST1M), LEAST(3)},
    {.text = NULL},
};
/* clang-format on */
