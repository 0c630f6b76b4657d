/* SPDX-License-Identifier: MIT */
/*
 * badinput_fifo.h - between badinput_fifo.c (arguments and handles) and
 * badinput_fifo_place.c (directories, namespaces, threads, and what lies where a FIFO should)
 */
#ifndef HEPTA_TESTS_BADINPUT_FIFO_H
#define HEPTA_TESTS_BADINPUT_FIFO_H

#include "expect.h"

#include <hepta/fifo.h>

#define NAME "/jobs"
#define BOTH (HEPTA_FIFO_READ | HEPTA_FIFO_WRITE)

extern char dir[64]; /* HEPTA_DIR */

/* Open for both, close again: the result, and NULL where it failed. */
int try_open(const char *name);
int n_entries(const char *path);

void test_places(void);
void test_forged(void);

#endif
