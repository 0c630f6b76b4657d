/* SPDX-License-Identifier: MIT */
/*
 * values.h - what a hostile peer writes, and where; for the segments of all rooms
 */
#ifndef HEPTA_TESTS_VALUES_H
#define HEPTA_TESTS_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Some thousand writes over [@at, @at + @len), in a style that lasts for the call: random
 * bytes everywhere, chosen words in the first page (where the control words are), one word
 * hammered, words wrong for a moment, or now and then a single one. @tids are lock owners
 * to pretend. Returns early when *@stop.
 */
void scribble_round(unsigned char *at, size_t len, const uint32_t tids[3], uint64_t *seed,
                    const volatile bool *stop);

#endif
