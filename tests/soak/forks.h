/* SPDX-License-Identifier: MIT */
/* forks.h - between philosophers.c (who eats when) and forks.c (what they eat with) */
#ifndef HEPTA_TESTS_FORKS_H
#define HEPTA_TESTS_FORKS_H

#include <stdint.h>

#define FORKS 40
#define FORKS_PATIENCE_MS 10000 /* who waits longer is stuck */

/* All return 0 or a negative errno, if nothing else is said. */
struct forks {
    int (*make)(void);
    int (*open)(unsigned seat); /* in a philosopher: between forks @seat and @seat + 1 */
    int (*take)(const unsigned fork[2], int64_t deadline);
    int (*give)(const unsigned fork[2]);
    int (*lying)(unsigned fork); /* 1: on the table, and nobody waits for it */
    int (*remove)(void);
};

extern const struct forks forks_set, forks_permits;

#endif
