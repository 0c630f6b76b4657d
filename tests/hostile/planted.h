/* SPDX-License-Identifier: MIT */
/* planted.h - what planted.c, which plants, and planted_use.c, which uses the names, share */
#ifndef HEPTA_TESTS_PLANTED_H
#define HEPTA_TESTS_PLANTED_H

#include <stdbool.h>
#include <stdint.h>

#define PLANTED_NAMES 3 /* of each kind */
enum { PLANTED_FIFO, PLANTED_MQ, PLANTED_MSG, PLANTED_MAILBOX, PLANTED_KINDS };

/* Of all processes. */
struct planted {
    volatile bool stop;
    uint64_t n_planted, n_calls, n_good, n_listed;
    int64_t worst_ns;
    int undocumented;
    char verb[16];
};
extern struct planted *planted;

uint64_t planted_random(uint64_t below);
/* One of those that this run is about. */
int planted_kind(void);

/* One call, or a few that belong together. */
void planted_use(void);
/* Once of each kind. */
void planted_use_all(void);

#endif
