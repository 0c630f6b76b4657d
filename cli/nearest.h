/* SPDX-License-Identifier: MIT */
/* cli/nearest.h - what somebody may have meant */
#ifndef CLI_NEAREST_H
#define CLI_NEAREST_H

/* The one of the NULL-ended @words to which the fewest letters have to change. */
const char *nearest(const char *word, const char *const *words);

#endif
