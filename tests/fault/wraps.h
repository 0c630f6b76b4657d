/* SPDX-License-Identifier: MIT */
/*
 * wraps.h - the switch of the wrapped libc functions (wraps.c)
 */
#ifndef HEPTA_TESTS_WRAPS_H
#define HEPTA_TESTS_WRAPS_H

#define WRAPS_VARIANTS 4 /* the most errnos that one function has in wraps.c */

/* From now on in this process: the @nth call that can fail does, with its errno number
 * @variant (modulo how many it has). */
void wraps_arm(int nth, int variant);
void wraps_disarm(void);

/* "function (errno)" of the call that failed since wraps_arm(), "" if none has. */
const char *wraps_hit(void);

#endif
