/* SPDX-License-Identifier: MIT */
/*
 * shm_names.h - names of glibc's semaphores and shared memory, which lie in /dev/shm
 *
 * All of a run begin with a prefix of its own, so that what a failed case left is found.
 */
#ifndef CONFORMANCE_SHM_NAMES_H
#define CONFORMANCE_SHM_NAMES_H

#include <stddef.h>

/* Once in the frame; its children have the prefix in their environment, over exec, too. */
void shm_names_begin(void);
/* The next name: a slash, the prefix, this process and a number. */
void shm_names_next(char *name, size_t n);
/* Remove what is left of the run's names; how many those were. */
int shm_names_tidy(void);

#endif
