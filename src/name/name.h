/* SPDX-License-Identifier: MIT */
/*
 * name/name.h - the names of objects: one directory, complete objects, safe clean-up
 *
 * All named objects of Hepta lie in one directory on tmpfs: the one that HEPTA_DIR names,
 * else /dev/shm/hepta, world-writable and sticky like /tmp, made on first use; where that
 * one belongs to a stranger (not root, not this user), or isn't sticky or isn't a
 * directory, /dev/shm/hepta-UID, mode 0700.
 *
 * An entry is called KIND.NAME ("fifo.jobs" for the FIFO "/jobs"), so that a queue and a
 * semaphore can have the same name. It is a directory with the object's parts, or a single
 * file. Entries appear by one rename or link when everything is in them, and disappear by
 * one rename: nobody sees a half-made or half-removed object. What is being made or taken
 * apart is called tmp.PIDNS.PID.MARK.N, after the process that does it (prim/life.h);
 * when that one is dead, h7_name_clean() removes it.
 *
 * Trust: whoever may write the directory can put anything there. What is attached must be
 * of the expected type, not a link of either kind, and an object's parts must belong to its
 * owner, who alone may write the object's directory. Anything else is refused.
 *
 * Where one can die:
 *   N1 while building a draft       tmp.*, removed by clean-up
 *   N2 between rename and removal   tmp.*, the same: the name was gone at the rename
 * The reading order is that of this file.
 */
#ifndef H7_NAME_NAME_H
#define H7_NAME_NAME_H

#include <hepta/base.h>
#include <sys/types.h>

#define H7_NAME_ENTRY_MAX 255 /* bytes of an entry: NAME_MAX of tmpfs */

/* Is it a name ("/jobs")? 0, -EFAULT (NULL), -EINVAL, -ENAMETOOLONG (over HEPTA_NAME_MAX). */
int h7_name_check(const char *name);

/* A new descriptor (O_PATH or O_RDONLY, close-on-exec) of the directory of names, made if need
 * be. -EPERM (HEPTA_DIR is of a stranger's, or writable for others and not sticky), -ENOTDIR,
 * -ELOOP, -ENOENT, -EACCES, -EMFILE, -ENFILE, -ENOMEM, -ENAMETOOLONG. */
int h7_name_dir(void);

/* "fifo", "/jobs" -> "fifo.jobs". name must have been checked. */
void h7_name_entry(char entry[H7_NAME_ENTRY_MAX + 1], const char *kind, const char *name);

/* An object directory that is being built and that nobody else sees yet. */
struct h7_draft {
    int dir;                            /* the directory of names */
    int fd;                             /* the object's directory, to make parts in */
    char entry[H7_NAME_ENTRY_MAX + 1];  /* tmp.* */
};

/* Begin; the object's directory has mode 0700 until it is published. Errors as h7_name_dir(),
 * and -ENOSPC, -EROFS. Once in a process, before the first: h7_name_clean(). */
int h7_draft_begin(struct h7_draft *d);
/* Give it its name. dir_mode is that of the object's directory (who may reach the parts at
 * all), set here. 0, -EEXIST, -EACCES, -ENOSPC, ...; on failure it is still a draft. */
int h7_draft_publish(struct h7_draft *d, const char *kind, const char *name, mode_t dir_mode);
/* Close the descriptors; if it wasn't published, remove it with all its parts. */
void h7_draft_end(struct h7_draft *d);

/* A descriptor of an existing object's directory, checked. -ENOENT, -EMEDIUMTYPE or -EPROTO
 * (no directory, a link), -EBADMSG (others could write it), -EACCES, -EMFILE, -ENFILE, ... */
int h7_name_open(const char *kind, const char *name);
/* Open a part of it: flags as open(2) (O_NOFOLLOW, O_CLOEXEC and O_NONBLOCK are added), type
 * S_IFREG or S_IFIFO. -ESTALE (it was unlinked meanwhile: begin again with h7_name_open()),
 * -EBADMSG (another type, owner, or more than one link), -ENXIO, -EACCES, -EMFILE, ... */
int h7_name_part(int obj, const char *part, int flags, mode_t type);

/* Remove a name, at once; then what was behind it. -ENOENT, -EACCES, -EPERM. */
int h7_name_unlink(const char *kind, const char *name);

/* What is there. fn returns 0 to go on, else h7_name_list() returns that. An entry that
 * isn't KIND.NAME, or a draft, is passed over. kind: NULL for all. */
struct h7_name_seen {
    const char *kind, *name; /* "fifo", "/jobs"; valid during the call */
    uint32_t uid, gid, mode; /* of the entry, with its type */
    uint64_t ino;
};
int h7_name_list(const char *kind, int (*fn)(const struct h7_name_seen *seen, void *arg),
                 void *arg);

/* Remove the drafts of dead processes of this PID namespace, as far as this user may.
 * Never those of living ones. Number of those removed, or negative errno. */
int h7_name_clean(void);

#endif
