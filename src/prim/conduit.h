/* SPDX-License-Identifier: MIT */
/*
 * prim/conduit.h - one direction of bytes or packets between two sides
 *
 * What a pipe, a FIFO and one direction of a stream socket have in common: a ring, a
 * writers' and a readers' side, two bells. The rooms add names, descriptors and
 * life-cycle. Start reading at h7_conduit_write() in conduit.c.
 *
 * Each side has a lock that its verbs take (not in SPSC mode), and rings the bell that
 * the other side listens on:
 *
 *             takes lock     moves   rings     listens on
 *   writer    side[WRITER]   head    D, data   S
 *   reader    side[READER]   tail    S, space  D
 *
 * Who is about to sleep takes the *other* side's lock to say so: then nobody can commit
 * between its last look and its announcement. A thread never holds both locks. Short
 * waits nap on the other side's event word instead (prim/waiter.h).
 *
 * Predicates that the bells announce: D "not empty"; S "at least level_free bytes free"
 * (PIPE_BUF, or a packet of PIPE_BUF). A reservation of more than level_free can't wait
 * for S, whose level may be rightly high: it naps in ticks, looking at the hang-up.
 *
 * Order of a commit in default mode: under the lock, ring if wanted, publish; unlock; wake
 * nappers. The swap in the unlock is the barrier between publish and the look at event.
 * In SPSC mode there is no lock, so: publish, full barrier, look whether a ring or a
 * wake-up is wanted, then lock, ring. The sleeper announces, full barrier, looks at the
 * ring: one of the two sees the other. The writer's barrier can be the compiler's alone
 * if the sleeper issues membarrier(2): side.asym says so. A lone SPSC writer that dies
 * between publish and ring leaves an end-of-file, which wakes the reader, too.
 *
 * Shared layout, struct h7_conduit_side (one cache line pair each):
 *   field       written by           meaning
 *   lock        the side's verbs     prim/lock.h; also who listens to this side's bell
 *   bell        see prim/bell.h      the bell that this side rings
 *   cache       holder of lock       the other side's counter when it was last looked at
 *   claim       holder of lock       a reservation or a peek, prim/claim.h
 *   event       see prim/waiter.h    the other side's nappers: bytes there, bytes free
 *   least       writers, R lock      (readers' side only) the smallest amount that a sleeping
 *                                    writer waits for, if below level_free: S rings for it,
 *                                    too; 0 none. Advice: forgotten where several writers
 *                                    wait for different amounts, level_free then counts
 *   asym        the side             1: its publishes are not followed by a full fence
 *   recoveries  holder of lock       times the lock came from a dead owner
 * and in the read-mostly line:
 *   closes      closers              grows with every close: look at the kernel's evidence
 *   level_hint  listeners            [side]: a descriptor of that side's bell was given out, so
 *                                    its level has to be right between verbs; never goes back
 *
 * Crash windows beyond those of lock, bell and claim:
 *   D1 bytes copied, not published       invisible; the next writer overwrites them
 *   D2 published in part (> PIPE_BUF)    the prefix stands
 *   D3 read copied, tail not moved       the next reader gets the same bytes
 * Nothing to mend: what is visible changes in one store.
 */
#ifndef H7_PRIM_CONDUIT_H
#define H7_PRIM_CONDUIT_H

#include <hepta/base.h>

#include "prim/bell.h"
#include "prim/claim.h"
#include "prim/lock.h"
#include "prim/ring.h"
#include "prim/waiter.h"

#define H7_CONDUIT_BUF 4096u /* PIPE_BUF: atomic up to here, largest packet */
#define H7_CONDUIT_PACKET 1u /* flags */
#define H7_CONDUIT_SPSC 2u
/* Copied under one hold of a lock: a stopped holder stops the others only so long. */
#define H7_CONDUIT_HOLD 65536u
/* How long verbs without a deadline of their own wait for a lock. */
#define H7_CONDUIT_PATIENCE_MS 50

enum h7_role { H7_WRITER = 0, H7_READER = 1 };

struct h7_conduit_side {
    struct h7_lock lock;
    struct h7_bell_word bell;
    struct h7_a64 cache;
    struct h7_claim claim;
    struct h7_event event;
    struct h7_a32 least;
    struct h7_a32 asym;
    struct h7_a32 recoveries;
} __attribute__((aligned(H7_APART)));

struct h7_conduit_shared {
    struct h7_conduit_side side[2];
    struct h7_ring_shared ring;
    struct h7_a32 closes __attribute__((aligned(H7_APART)));
    struct h7_a32 level_hint[2];
    struct h7_a32 reserved;
    struct h7_a64 bell_ino[2]; /* the kernel pipes, [side that rings]; written at creation */
};

/* In front of every packet; the record is padded to 8 bytes. */
struct h7_packet {
    struct h7_a32 len;
    struct h7_a32 check; /* ~len */
};

/* One side as a process sees it. Threads may share it: what changes is advice (atomic). */
struct h7_conduit {
    struct h7_conduit_shared *shared;
    struct h7_conduit_side *mine, *peer;
    struct h7_ring ring;
    uint64_t level_free;
    uint32_t flags;
    int role;
    int ring_fd, listen_fd;
    int fenced; /* SPSC: this process follows a publish with a full fence */
    struct h7_waiter waiter;
    struct h7_a64 cache; /* SPSC: instead of side.cache */
    struct h7_a64 tick_seen;
    struct h7_a32 closes_seen;
    struct h7_a32 credit;
    struct h7_a64 held_len; /* reservation or peek of this handle, 0 none */
    struct h7_a64 held_at;
};

/* Set up one side over zeroed or attached shared memory. mode, spin_ns: prim/waiter.h.
 * 0 or -EBADMSG (data_len isn't a power of two or too small for the flags). */
int h7_conduit_init(struct h7_conduit *c, struct h7_conduit_shared *shared, int role,
                    uint32_t flags, char *data, uint64_t data_len);
/* The handle's ways: wait mode, longest spin, and for SPSC the fence. After fds are set. */
void h7_conduit_tune(struct h7_conduit *c, uint32_t mode, uint32_t spin_ns);

/* As the public verbs of hepta/pipe.h describe them; arguments are checked by the room.
 * The read side returns 0 for end-of-file. */
ssize_t h7_conduit_write(struct h7_conduit *c, const char *buf, size_t len, int64_t deadline);
ssize_t h7_conduit_read(struct h7_conduit *c, char *buf, size_t len, int64_t deadline);
int h7_conduit_reserve(struct h7_conduit *c, size_t len, void **ptr, int64_t deadline);
int h7_conduit_commit(struct h7_conduit *c, size_t len);
ssize_t h7_conduit_peek(struct h7_conduit *c, const void **ptr, int64_t deadline);
int h7_conduit_release(struct h7_conduit *c, size_t len);

/* Keep the poll level of the bell this side listens on, from now on and for everybody. */
int h7_conduit_keep_level(struct h7_conduit *c);
/* Give back what this handle holds; then, after the descriptors are closed, tell others. */
void h7_conduit_abandon(struct h7_conduit *c);
void h7_conduit_closed(struct h7_conduit_shared *shared);

/* Every invariant of ring, locks, bells, claims and packet chain; takes no lock, so call
 * it when nobody is inside a verb. 0, or -EBADMSG and why. */
int h7_conduit_check(const struct h7_conduit *c, char *why, size_t n);

/* --- between conduit.c, conduit_wait.c and conduit_hold.c ------------------------- */

/* Take the side's lock; mend what a dead owner left. As h7_lock(), never -EOWNERDEAD. */
int h7_side_lock(struct h7_conduit_side *side, int64_t deadline);
/* Enter my side for one step: lock it (not SPSC) and find no claim in the way. */
int h7_conduit_enter(struct h7_conduit *c, int64_t deadline);
void h7_conduit_wake(struct h7_conduit *c);
static inline void h7_conduit_leave(struct h7_conduit *c)
{
    if (!(c->flags & H7_CONDUIT_SPSC)) {
        h7_unlock(&c->mine->lock);
        h7_fence_after_rmw(); /* publish before event; with h7_event_arm() */
        if (h7_unlikely(h7_event_armed(&c->mine->event)))
            h7_conduit_wake(c);
    }
}
/* Make [*, index) visible, or free. 0, or -EPIPE and nothing was done. */
int h7_conduit_move(struct h7_conduit *c, uint64_t index);
/* Wait until need bytes are free (writer) or any are there (reader). 0 try again,
 * H7_WAIT_HANGUP, or a negative errno. */
int h7_conduit_wait(struct h7_conduit *c, uint64_t need, int64_t deadline);
/* After a step: bring the level down if its predicate became false. */
void h7_conduit_after(struct h7_conduit *c);
/* Has the other side gone? Asks the kernel at most once a tick, and after a close. */
int h7_conduit_peer_gone(struct h7_conduit *c);
/* Both sides' counters: *used bytes, or -EBADMSG. mine is this side's own counter. */
int h7_conduit_look(const struct h7_conduit *c, uint64_t *mine, uint64_t *used);
/* The packet at index: its length, or -EBADMSG. */
ssize_t h7_conduit_packet_at(const struct h7_conduit *c, uint64_t index, uint64_t used);

static inline uint64_t h7_record_len(uint64_t len)
{
    return sizeof(struct h7_packet) + ((len + 7) & ~(uint64_t)7);
}

#endif
