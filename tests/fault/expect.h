/* SPDX-License-Identifier: MIT */
/*
 * expect.h - what the bad-input tests of all rooms share: EXPECT() with a count, and the
 * unusual places to call a verb from
 */
#ifndef HEPTA_TESTS_EXPECT_H
#define HEPTA_TESTS_EXPECT_H

#include <stdbool.h>

void expect_at(int line, const char *what, long got, long wanted);
#define EXPECT(call, wanted) expect_at(__LINE__, #call, (long)(call), (long)(wanted))

/* How many checks there were is printed; 0 if all held: what main() returns. */
int expect_verdict(void);

/*
 * Run @fn elsewhere and require that it returns true; printed and left out where this user
 * may not. In a child whose children are in a new PID namespace, in one of those; in a
 * child with its own mounts; in a thread without robust futexes, as a raw clone() makes it;
 * in a child that shares the memory, as of vfork().
 */
void in_new_pidns(const char *what, bool (*fn)(void));
void in_new_mounts(const char *what, bool (*fn)(void));
void in_raw_thread(const char *what, bool (*fn)(void));
void in_vfork_child(const char *what, bool (*fn)(void));

/* For these functions: is @got as it should be? Says so if not. */
bool is_at(int line, const char *what, long got, long wanted);
#define IS(call, wanted) is_at(__LINE__, #call, (long)(call), (long)(wanted))

#endif
