/* SPDX-License-Identifier: MIT */
/* cli/doctor.h - what is wrong, and what mends it */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include "cli/scan.h"

struct finding {
    const char *problem; /* "stale", "dead-holder", "corrupt", "limit" */
    char *about;         /* an address, or what is limited */
    char *why;
    char *mend;          /* a command */
};

struct findings {
    struct finding *all;
    size_t n, room;
    size_t n_checked, n_busy; /* objects whose invariants were checked; that changed all the time */
};

/* Takes @about, @why and @mend over; any may be NULL: no memory. */
void doctor_add(struct findings *f, const char *problem, char *about, char *why, char *mend);
char *doctor_text(const char *form, ...) __attribute__((format(printf, 1, 2)));
/* In the single quotes of a shell, where it needs them. */
char *doctor_quote(const char *text);

/* doctor_check.c: the rooms' own checks, on a copy. A state of @o that is worse is set. */
void doctor_check(struct scan *s, struct object *o, struct findings *f);
/* doctor_limits.c */
void doctor_limits(const struct scan *s, struct findings *f);
/* clean.c: could `hepta clean` do anything about it? */
bool clean_can(const struct object *o);

#endif
