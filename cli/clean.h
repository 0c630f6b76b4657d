/* SPDX-License-Identifier: MIT */
/* cli/clean.h - removing one object, or what the dead hold of it */
#ifndef CLI_CLEAN_H
#define CLI_CLEAN_H

#include "cli/scan.h"

enum clean_how { CLEAN_NOT, CLEAN_REMOVE, CLEAN_MEND };

/* What could be done about it, as it is. */
enum clean_how clean_how(const struct object *o);
/* Do that. 0, or negative errno: -EBUSY it is in use by now. */
int clean_object(const struct scan *s, const struct object *o);

#endif
