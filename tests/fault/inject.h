/* SPDX-License-Identifier: MIT */
/*
 * inject.h - make the Nth system call or allocation of an operation fail, for every N
 *
 * The test is linked with the static library and `-Wl,--wrap` for each libc function that
 * the library uses and that can fail (tests/fault/meson.build has the list, wrapped.sh
 * checks that it is complete): the library itself isn't changed. A room gives one
 * const struct inject_op per operation. Each attempt runs in a child of its own:
 *
 *   setup, count what is held, arm, run, disarm, check, undo, count again
 *
 * first with the 1st call failing, then with the 2nd ... until one attempt runs through
 * without meeting its failure; all this again for each errno that the functions can give.
 */
#ifndef HEPTA_TESTS_INJECT_H
#define HEPTA_TESTS_INJECT_H

#include <stdbool.h>
#include <stddef.h>

#define INJECT_ERRORS 32

struct inject_op {
    const char *name;
    int documented[INJECT_ERRORS]; /* positive; the results below zero that are allowed */
    void (*setup)(void);
    long (*run)(void);        /* result of the verb: 0, a count or a negative errno */
    bool (*check)(long result); /* is everything as the result says? NULL = yes */
    void (*undo)(void);       /* give back what setup() and run() made */
    int n_maps_once;          /* mappings that the library makes once per process in here */
};

/* All attempts for all operations. Number of those that failed; prints a line for each. */
int inject_all(const struct inject_op *ops, size_t n);

/* Of one that makes as many calls as there are processes: only the first few. */
int inject_first(const struct inject_op *op, int n_calls);

/* One attempt is in progress and this is where it failed; for messages. */
const char *inject_where(void);

#endif
