/* SPDX-License-Identifier: MIT */
/*
 * name_dir.h - a directory of names of the room's own, that HEPTA_DIR names
 */
#ifndef CONFORMANCE_NAME_DIR_H
#define CONFORMANCE_NAME_DIR_H

/* For everybody, like /tmp, since some cases change users. */
void name_dir_make(void);
/* Remove what is in it; how many entries that were. */
int name_dir_tidy(void);
void name_dir_remove(void);

#endif
