/* SPDX-License-Identifier: MIT */
/*
 * scratch.h - a directory on tmpfs for what the scenarios of a program name
 */
#ifndef HEPTA_TESTS_SCRATCH_H
#define HEPTA_TESTS_SCRATCH_H

#include <stdbool.h>

/* Makes it, and puts Hepta's own names into it (HEPTA_DIR). A program that steps calls it only
 * when step_main() runs it for the second time. It is removed with all that is in it by
 * scratch_end(), or when the program ends in another way. */
void scratch_begin(void);
void scratch_end(void);

/* What an earlier pass that failed has left. */
void scratch_empty(void);

/* Is there nothing in it? */
bool scratch_is_empty(void);
/* Of what is in it, one name; "" if there is nothing. */
const char *scratch_first(void);

/* Its path; a part of it that no other path contains. */
extern char scratch_dir[64];
#define SCRATCH_MARK "/hepta-crash-"

#endif
