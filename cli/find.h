/* SPDX-License-Identifier: MIT */
/*
 * cli/find.h - which object is meant by an address, or a name
 *
 * "[kernel.]KIND:NAME", as `ls -o ADDRESS` prints it; of System V's also the key in any notation,
 * or "id:N". What can only be the kernel's needs no "kernel." A name alone, "/jobs", is any object
 * that is called so.
 */
#ifndef CLI_FIND_H
#define CLI_FIND_H

#include "cli/scan.h"

/* All kinds of objects, ended by NULL. */
extern const char *const object_kinds[];

/* NULL, or what is wrong with it, with the nearest right one. */
const char *find_wrong(const char *address);
/* Files that no list of the kernel's has, since nobody has them open: a FIFO, or the socket file of
 * a listener that is gone. If the address names one, it is added. */
void find_file(struct scan *s, const char *address);
bool find_matches(const struct object *o, const char *address);
/* On standard error: there is none, and what there is of that name. */
void find_complain(const struct scan *s, const char *address);

#endif
