/* SPDX-License-Identifier: MIT */
/* name/name_internal.h - what the files of this module share; start at name.h */
#ifndef H7_NAME_NAME_INTERNAL_H
#define H7_NAME_NAME_INTERNAL_H

#include <stdint.h>

#include "name/name.h"

#define H7_NAME_TRIES 64 /* at a name that strangers could have planted before us */

/* A new name for what this process makes or takes apart. 0, -ENOSYS, -ESRCH, -EMFILE,
 * -ENFILE, -ENOMEM. */
int h7_name_tmp(char entry[H7_NAME_ENTRY_MAX + 1]);
/* 1 if entry is such a name and its process, of this PID namespace, is dead. */
int h7_name_orphan(const char *entry);

/* Call fn for at most max entries of the directory, "." and ".." left out; stop when it
 * returns another value than 0, and return that. -EACCES, -ENOENT, -EMFILE, ... */
int h7_name_entries(int dirfd, unsigned max, int (*fn)(int dirfd, const char *entry, void *arg),
                    void *arg);

/* Open an entry that should be a directory, of any mode, and give it the mode bits 0700 if
 * it is ours. A descriptor, -ENOTDIR or -ELOOP (something else), -EACCES, -ENOENT, ... */
int h7_name_own(int dirfd, const char *entry);
/* Remove an entry, and if it is a directory, what lies directly in it. 1 removed, 0 not
 * there, -ENOTEMPTY (it has directories in it, or gets new entries all the time), -EPERM,
 * -EACCES, ... */
int h7_name_remove(int dirfd, const char *entry);

/* Remove what dead processes left, looking at no more than max entries. */
int h7_name_clean_some(int dirfd, unsigned max);

#endif
