/* SPDX-License-Identifier: MIT */
/*
 * fifo/fifo_internal.h - a FIFO inside the library: its parts, its memory, who has it open
 *
 * A FIFO is one conduit (prim/conduit.h) in a named segment, with two kernel FIFOs as its
 * bells. The kernel's counts of who has those open are the FIFO's own: they say who is
 * there, and go with a process that dies. Reading order: this; open.c (the heart), make.c,
 * fifo.c (verbs), room.c (check and registration). Beside that stands "kernel.fifo:PATH", the
 * kernel's own FIFO behind the same handle (kernel.h, kernel_open.c, kernel.c): nothing of what
 * follows concerns it.
 *
 * The object is a directory "fifo.NAME" (name/name.h) with four parts:
 *   part   what         mode               opened by a reader     a writer       for both
 *   mode   empty file   the FIFO's         read, closed again     write          read, write
 *   data   segment      rw for all in it   read, write
 *   d      bell D       rw for all in it   read  (listens)        write (rings)  read, write
 *   s      bell S       rw for all in it   write (rings)          read (listens) read, write
 * "All in it": each class, owner, group and others, that may read or write the FIFO. That
 * the kernel lets a process open `mode` is the permission. The bells can't carry it: to get
 * the write end of one that nobody reads one has to be its reader for a moment.
 *
 * Who has it open, seen from a handle:
 *   a reader is there   d has a reader: d opens for writing, d's write end shows no POLLERR
 *   a writer is there   s has a reader: s opens for writing, s's write end shows no POLLERR
 * So both look at the end that they ring with (gone_fd). POLLERR tells how it is now, while
 * POLLHUP of a read end, which is what a user's poll(2) sees, waits for a first partner.
 *
 * Shared layout, struct h7_fifo_shared (its own cache line pair behind the conduit's):
 *   field       written by        meaning
 *   lock        openers           robust lock (prim/lock.h); system calls are made inside, but
 *                                 none that waits
 *   n_opens     holder of lock    [role] futex words: opens so far, those of both in both
 *   recoveries  holder of lock    times the lock came from a dead opener
 *
 * Invariants:
 *   F1 A handle has d and s open from inside the lock until it is closed: while there is one,
 *      the bells lose no byte.
 *   F2 Each handle's open file of d has a shared flock(2). An opener that gets the exclusive
 *      one, having d open itself, is alone: no handle is left, so memory is nobody's. One
 *      that is refused knows that the bells were there all the time since it opened d. (A
 *      second file that says "open" wouldn't do: when a process is killed the kernel closes
 *      its files in no order to rely on, and between the two closes an opener would find old
 *      contents with new bells.)
 *   F3 Memory is in its first state when the exclusive lock becomes a shared one.
 *   F4 S has its byte when a writer leaves the lock, or it is wanted and comes with the next
 *      read: bell.h's B2 for whoever polls. A reader that freed space while no writer was
 *      there rang for nobody. (D needs nothing: a writer without readers can't commit.)
 *   F5 d and s are the inodes that flow.bell_ino says.
 *
 * Where an opener can die, and what the next one finds:
 *   O1 in the lock, parts open         the kernel closes them: it never was there
 *   O2 while resetting                 the exclusive lock goes with it: reset once more. Until
 *                                      then the next opener is refused both locks, and tries
 *                                      again later, without the open lock
 *   O3 counted, partner not woken      a waiting partner looks once a second, or is woken by the
 *                                      next opener: this one's open had not returned
 *   O4 temporary end of a bell open    for as long as the kernel takes to close it the other
 *                                      side seems to be there; then it is gone again, which
 *                                      wakes who sleeps
 * A living opener's temporary end (open.c, ringing_end()) looks the same for a moment: others
 * of its side then find the other side there. A read gives -EAGAIN instead of 0, a write goes
 * in instead of -EPIPE: as if a partner had come and gone.
 */
#ifndef H7_FIFO_INTERNAL_H
#define H7_FIFO_INTERNAL_H

#include <hepta/fifo.h>

#include "base/handle.h"
#include "base/self.h"
#include "prim/conduit.h"
#include "prim/endpoint.h"
#include "prim/segment.h"

#define H7_FIFO_KIND "fifo" /* of the name */
#define H7_FIFO_PART_MODE "mode"
#define H7_FIFO_PART_DATA "data"
#define H7_FIFO_PART_D "d"
#define H7_FIFO_PART_S "s"

#define H7_FIFO_FLAGS HEPTA_FIFO_PACKET

struct h7_fifo_shared {
    struct h7_conduit_shared flow;
    struct h7_lock lock __attribute__((aligned(H7_APART)));
    struct h7_a32 n_opens[2];
    struct h7_a32 recoveries;
};

struct hepta_fifo {
    struct h7_handle handle;
    uint64_t pidns;     /* of the process that opened it */
    struct h7_a64 gen;  /* fork generation in which the handle was last found valid */
    uint32_t access;    /* HEPTA_FIFO_READ | HEPTA_FIFO_WRITE */
    uint32_t wait;      /* of the kernel's */
    int fd;             /* the kernel's, whose gen stays H7_FIFO_NO_GEN; of Hepta's own -1 */
    int d, s;
    struct h7_conduit flow[2]; /* [role]; one that isn't open has no shared */
    struct h7_segment seg;
};

/* HEPTA_FIFO_READ and HEPTA_FIFO_WRITE are bits; this is the one of a role. */
static inline uint32_t h7_fifo_bit(int role)
{
    return role == H7_READER ? HEPTA_FIFO_READ : HEPTA_FIFO_WRITE;
}

int h7_fifo_options(struct hepta_fifo_options *o, const struct hepta_fifo_options *opt,
                    uint64_t capacity_max);
/* What a FIFO's segment is; to attach, o's values don't count. */
struct h7_segment_spec h7_fifo_spec(const struct hepta_fifo_options *o);

#define H7_FIFO_NO_GEN ((uint64_t)-1) /* so that one look at gen tells both, and forks */
#define H7_FIFO_KERNEL 1

int h7_fifo_revalidate(struct hepta_fifo *f);

/* Is f open, and for this role? -1 for any. 0, H7_FIFO_KERNEL, or the errno of fifo.h. */
static inline int h7_fifo_enter(struct hepta_fifo *f, int role)
{
    if (h7_unlikely(!f))
        return -EINVAL;
    if (h7_unlikely(h7_load32_relaxed(&f->handle.kind) != H7_KIND_FIFO))
        return -EBADF;
    if (h7_unlikely(role >= 0 && !(f->access & h7_fifo_bit(role))))
        return -EBADF;
    if (h7_unlikely(h7_load64_relaxed(&f->gen) != h7_fork_gen()))
        return h7_fifo_revalidate(f);
    return 0;
}

/* Every invariant of the segment, the conduit and the bells. 0, or -EBADMSG and why (room.c). */
int h7_fifo_check(const struct hepta_fifo *f, char *why, size_t n);

#endif
