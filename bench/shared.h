/* SPDX-License-Identifier: MIT */
/* bench/shared.h - memory that the processes of a measurement inherit */
#ifndef BENCH_SHARED_H
#define BENCH_SHARED_H

#include <stddef.h>

/* Zeroed, page-aligned, with all its pages; NULL: no memory. */
void *shared_new(size_t len);
/* NULL: nothing. */
void shared_free(void *at, size_t len);

#endif
