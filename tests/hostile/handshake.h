/* SPDX-License-Identifier: MIT */
/*
 * handshake.h - between handshake.c (the listener, the honest peers, the verdict) and
 * handshake_tricks.c (what a hostile peer does)
 */
#ifndef HEPTA_TESTS_HANDSHAKE_H
#define HEPTA_TESTS_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HANDSHAKE_MS 200 /* the listener's */
#define N_TRICKS 16

/* Connect to "unix:@NAME" at @address and do one's worst, for at most a second or so. Which
 * trick it was, below N_TRICKS. @seed as of t_random(). */
size_t play_a_trick(const char *address, uint32_t type, uint64_t *seed);

/* Whether to stop; of the main program. */
bool hostility_over(void);

#endif
