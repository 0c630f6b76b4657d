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
 * when that one is dead, h7_name_clean() removes it. PIDNS, PID, MARK and N, which is only
 * there to make it unique, are hexadecimal.
 *
 * Trust: whoever may write the directory can put anything there. What is attached must be
 * of the expected type, not a link of either kind, and an object's parts must belong to its
 * owner, who alone may write the object's directory. Anything else is refused.
 *
 * Who may remove or replace an entry is the kernel's decision: in a sticky directory the
 * entry's owner, the directory's, and root.
 *
 * Where one can die:
 *   N0 while making /dev/shm/hepta  hepta-UID.new, used by this user's next attempt
 *   N1 while building a draft       tmp.*, removed by clean-up
 *   N2 between rename and removal   tmp.*, the same: the name was gone at the rename
 * The reading order is that of this file.
 */
#ifndef H7_NAME_NAME_H
#define H7_NAME_NAME_H

#include <hepta/base.h>
#include <sys/types.h>

#include "base/atomic.h"

#define H7_NAME_ENTRY_MAX 255 /* bytes of an entry: NAME_MAX of tmpfs */
#define H7_NAME_KIND_MAX  14  /* bytes of a kind: a-z, 0-9, '_', '-'; not "tmp" */

/* Is it a name ("/jobs")? 0, -EFAULT (NULL), -EINVAL (no slash, nothing behind it, another
 * one, "/.", "/.."), -ENAMETOOLONG (over HEPTA_NAME_MAX). Any other byte is allowed, those
 * that a terminal obeys, too. */
int h7_name_check(const char *name);

/* A new descriptor (O_PATH, close-on-exec) of the directory of names, made if need be.
 * -EPERM (HEPTA_DIR is of a stranger's, or writable for others and not sticky; or neither
 * the shared nor the private one can be trusted), -ENOTDIR, -ELOOP (HEPTA_DIR is a link),
 * -ENOENT, -EACCES, -EMFILE, -ENFILE, -ENOMEM, -ENOSPC, -EROFS, -ENAMETOOLONG. */
int h7_name_dir(void);

/* "fifo", "/jobs" -> "fifo.jobs". name must have been checked. */
void h7_name_entry(char entry[H7_NAME_ENTRY_MAX + 1], const char *kind, const char *name);

/* An object directory that is being built and that nobody else sees yet. For one thread,
 * in the process that began it. */
struct h7_draft {
    int dir;                           /* the directory of names; O_PATH */
    int fd;                            /* the object's directory, to make parts in */
    char entry[H7_NAME_ENTRY_MAX + 1]; /* tmp.*; "" once it is published */
};

/* Begin; the object's directory has mode 0700 until it is published, whatever the umask is.
 * Errors as h7_name_dir(), and -ENOSYS (no PID namespace known, or a vfork() child), -ESRCH.
 * On failure nothing is left, and h7_draft_end() does no harm. Before the first one of a
 * process: h7_name_clean(), of a bounded number of entries. */
int h7_draft_begin(struct h7_draft *d);
/* Parts of it; dir is draft.fd.
 * mode: an empty file whose permission bits are the object's. Returns what umask(2) left, or a
 *   negative errno.
 * fifo, file: empty, with mode, whatever the umask is; *ino: the FIFO's inode, or NULL. */
int h7_draft_mode(int dir, const char *part, mode_t mode);
int h7_draft_fifo(int dir, const char *part, mode_t mode, struct h7_a64 *ino);
int h7_draft_file(int dir, const char *part, mode_t mode);
/* `bits` (of 07) for each class, owner, group, others, that mode lets read or write. */
mode_t h7_name_mode_for_all(mode_t mode, mode_t bits);

/* Give it its name. dir_mode is that of the object's directory (who may reach the parts at
 * all), set here; the umask doesn't apply. 0, -EEXIST, -EINVAL (dir_mode lets others write,
 * or has more than permission bits), -EACCES, -ENOSPC, -EOPNOTSUPP (the file system has no
 * RENAME_NOREPLACE), ...; on failure it is still a draft. */
int h7_draft_publish(struct h7_draft *d, const char *kind, const char *name, mode_t dir_mode);
/* Close the descriptors; if it wasn't published, remove it with all its parts. */
void h7_draft_end(struct h7_draft *d);

/* A descriptor (O_PATH) of an existing object's directory, checked. -ENOENT, -EPROTO (no
 * directory, or a link), -EBADMSG (others could write it), and as h7_name_dir(). Whether
 * this user may look into it shows when a part is opened. */
int h7_name_open(const char *kind, const char *name);
/* Open a part of it: flags as open(2) without O_CREAT and O_TRUNC (-EINVAL); O_NOFOLLOW,
 * O_CLOEXEC and O_NONBLOCK are added; type S_IFREG or S_IFIFO. -ESTALE (it isn't there: an
 * unlink has begun, or it never was; h7_name_attach() knows which), -EBADMSG (another
 * type, owner, a link, or more than one), -ENXIO (a FIFO for writing that nobody reads),
 * -EACCES, -EMFILE, ... */
int h7_name_part(int obj, const char *part, int flags, mode_t type);
/* The kernel's answer to "may I?": can the file that bears the object's permission bits be opened
 * with those flags? 0, -EACCES, and as h7_name_part(). */
int h7_name_ask(int obj, const char *part, int flags);
/* Open the object and call fn, which opens the parts that it needs, closes them again if it
 * fails, and keeps nothing of obj. Its result is returned; but if that is -ESTALE, fn is
 * called again on what has the name by then (-ENOENT: nothing), or the object still has
 * its name and so a part is missing: -EBADMSG. Bounded: a name that is unlinked and made
 * anew a thousand times meanwhile is -EBADMSG, too. */
int h7_name_attach(const char *kind, const char *name, int (*fn)(int obj, void *arg), void *arg);

/* Remove a name, at once; then what was behind it, as far as it is files: 0 even if some of
 * it resists. -ENOENT, -EACCES, -EPERM (another user's), and as h7_draft_begin(). */
int h7_name_unlink(const char *kind, const char *name);
/* Two names change what they lead to, at one moment. 0, -ENOENT (one isn't there), -EACCES, -EPERM
 * (another user's), -EOPNOTSUPP, and as h7_name_dir(). */
int h7_name_exchange(const char *kind, const char *name, const char *kind2, const char *name2);

/* What is there. fn returns 0 to go on, else h7_name_list() returns that; it may unlink. An
 * entry that isn't KIND.NAME, or a draft, is passed over; one that is made or unlinked
 * meanwhile may be seen or not, one that is both, twice. kind: NULL for all. */
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
