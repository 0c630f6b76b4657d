/* SPDX-License-Identifier: MIT */
/*
 * memory/memory_internal.h - segments: the object, the handle, who keeps what alive
 *
 * A named segment is a directory "shm.NAME" (name/name.h) with two parts:
 *   data     the memory, and nothing else: the user's first byte is its first. Its permission
 *            bits are the segment's
 *   control  struct h7_shm_control, written before the name appears and never again; whoever
 *            may open data may read it
 * An anonymous one is a memfd, sealed against being cut short, whose label says who made it.
 *
 * Lifetime. The kernel counts: an anonymous segment goes with its last mapping and descriptor, and
 * so do the bytes of a named one that has no name any more. For HEPTA_SHM_AUTO the name has
 * to go as well, so who has the segment must be seen from outside. Each handle holds a shared lock
 * on a byte of data (far behind the end) through the very open file that it has mapped: such a lock
 * belongs to the open file, which lives as long as any mapping or descriptor of it, also after a
 * fork, also where a program closes all its descriptors; and ends with them, after exec or SIGKILL.
 * (Locks of the other kind, by process, end with any close of the same file: no use.)
 * "Nobody has it" is what the kernel says when asked for the exclusive one.
 *
 * A stale object, which nobody has, never comes back to life: opening takes a lock only where
 * somebody else has one. So that nobody does between a remover's look and its unlink, both happen
 * with the gate locked, a byte of control: by an opener shared, for as long as it takes to look and
 * lock; by a remover, who must be able to write control (its owner and root can, who alone may
 * remove the object), exclusively. The gate stops neither reading nor writing.
 *
 * Invariants:
 *   G1 an object without control is dead: nobody opens it, anybody who may finishes its removal
 *   G2 control is unlinked only by who has the gate, and with it saw that nobody has data; or after
 *      the object has lost its name
 *   G3 a name is taken away by rmdir(2), which no object with parts lets happen: never another's
 *   G4 data is never shorter than any handle has mapped it, and has no holes (but see the trust
 *      model: who may write it can change that)
 *
 * Where one can die:
 *   A1 an opener, before its lock           nothing happened; the gate ends with it
 *   A2 the last holder                      stale: removed by whoever meets it (open, make, sweep)
 *   A3 a remover, before control is gone    stale still
 *   A4 a remover, before the name is gone   dead: by whoever meets it
 *   A5 a maker                              a draft (name/name.h)
 *   A6 who grows it, in fallocate(2)        the kernel takes it all back, or it is larger
 *
 * Reading order: open.c, auto.c, map.c; sealed.c; users.c; memory.c.
 */
#ifndef H7_MEMORY_MEMORY_INTERNAL_H
#define H7_MEMORY_MEMORY_INTERNAL_H

#include <hepta/shm.h>

#include "base/handle.h"
#include "base/mutex.h"
#include "prim/segment.h"

#define H7_SHM_KIND "shm" /* of the name */
#define H7_SHM_DATA "data"
#define H7_SHM_CONTROL "control"
#define H7_SHM_LABEL "hepta-shm" /* of a memfd: this, a dot, the maker's PID in hexadecimal */

#define H7_SHM_MAGIC 0x0a534854504548ull /* "HEPTHS", newline */
#define H7_SHM_LOCK_AT ((off_t)1 << 62)  /* the byte of data that who has it locks; the gate */

/* The part `control`. */
struct h7_shm_control {
    uint64_t magic;
    uint32_t version; /* H7_SEGMENT_VERSION */
    uint32_t flags;   /* HEPTA_SHM_AUTO */
    uint64_t pidns;   /* of the maker, to which its PID belongs */
    uint32_t creator;
    uint32_t reserved;
};

struct hepta_shm {
    struct h7_handle handle;
    char *base;           /* reserved bytes of address space */
    size_t reserved;
    struct h7_a64 mapped; /* bytes of it that are the segment's; the rest can't be touched */
    struct h7_mutex guard; /* of growing */
    int fd;                /* of data or the memfd; its lock keeps an AUTO one alive */
    uint32_t flags;        /* HEPTA_SHM_WRITE, HEPTA_SHM_AUTO */
    int sealed;            /* anonymous */
    pid_t creator;         /* 0 unknown */
    char name[HEPTA_NAME_MAX + 2]; /* "": anonymous, or not known */
};

/* Is the handle open, and writable where that is asked for? 0, -EBADF, -EINVAL (NULL), -EACCES */
int h7_shm_enter(const struct hepta_shm *shm, uint32_t flags);

/* A new handle: NULL and *r, or what h7_shm_finish() is to be called with, and the result: it gives
 * *out the handle, or lets go of what is in it. */
struct hepta_shm *h7_shm_begin(int *r);
int h7_shm_finish(struct hepta_shm *shm, int r, struct hepta_shm **out);

/* --- map.c -------------------------------------------------------------------------- */

/* Options of a verb that makes something, or (len ignored, may be NULL) doesn't. Lengths come back
 * in whole pages. 0, -EINVAL, -E2BIG, -ENOMEM (more than an address space). */
int h7_shm_options(struct hepta_shm_options *ours, const struct hepta_shm_options *opt, int make);
/* Make fd, which has `from` bytes, `to` bytes long, all allocated; or nothing has changed. 0,
 * -ENOSPC, -ENOMEM, -EPERM (sealed), ... */
int h7_shm_allocate(int fd, uint64_t from, uint64_t to);
/* Its length, in whole pages and without holes: 0, or -EBADMSG, ... */
int h7_shm_measure(int fd, uint64_t *len);
/* Reserve address space for len_max bytes and map what shm->fd has. 0, -ENOMEM, -EACCES, ... */
int h7_shm_map(struct hepta_shm *shm, uint64_t len_max);
void h7_shm_unmap(struct hepta_shm *shm);

/* --- auto.c ------------------------------------------------------------------------- */

/* Say through fd (of data) that this process has the segment. 0, or negative errno. */
int h7_shm_hold(int fd);
/* With a readable descriptor of control: enter the gate. 0, -EAGAIN (somebody is removing the
 * object), -EIDRM (it has been removed). To leave it takes more than a close: a child that another
 * thread has forked meanwhile has the open file, too. */
int h7_shm_enter_gate(int control);
void h7_shm_leave_gate(int control);
/* Read control. 0, -EBADMSG, -EPROTONOSUPPORT. */
int h7_shm_read_control(int control, struct h7_shm_control *c);
/* Does anybody have the segment? 1, 0, or negative errno. */
int h7_shm_held(int fd);
/* Remove what has this name if it is stale or dead. 1 it was and is gone, 0 it isn't, or nothing
 * has the name; -EAGAIN (somebody is at it), -EACCES, -EPERM (another user's), ... */
int h7_shm_remove_stale(const char *name);
/* All that are stale, as far as this user may; at most once a second unless it is urgent. */
void h7_shm_sweep(int urgent);

#endif
