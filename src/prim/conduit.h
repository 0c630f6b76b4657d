/* SPDX-License-Identifier: MIT */
/*
 * prim/conduit.h - one direction of bytes or packets between two sides
 *
 * What a pipe, a FIFO and one direction of a connection in memory have in common: a ring, a
 * writers' and a readers' side, two bells. The rooms add names, descriptors and
 * life-cycle. Start reading at h7_conduit_write() in conduit.c; conduit_wait.c has the waiting
 * and the hang-up, conduit_hold.c reservations, peeks and the invariants.
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
 * waits on the other side's CPU nap on its event word instead (prim/waiter.h): there a
 * ring would let the woken side run into the lock. Elsewhere that costs only a timer.
 *
 * Predicates that the bells announce: D "not empty"; S "at least level_free bytes free"
 * (PIPE_BUF, or a packet of PIPE_BUF). A reservation of more than level_free can't wait
 * for S, whose level may be rightly high: it naps in ticks, looking at the hang-up.
 *
 * Order of a commit in default mode: under the lock, ring if wanted, publish; unlock; wake
 * nappers. The swap in the unlock is the barrier between publish and the look at event.
 * In SPSC mode there is no lock around it, so: ring if wanted, publish, full barrier, look
 * again whether a ring or a wake-up is wanted. The sleeper announces, full barrier, looks
 * at the ring: one of the two sees the other. The writer's barrier can be the compiler's
 * alone if the sleeper issues membarrier(2): side.asym says so. Ringing takes the side's
 * lock; where a stopped listener has it, the ringer shouts (prim/bell.h). An SPSC writer
 * that dies between publish and the second look leaves an end-of-file, which wakes the
 * reader, too: it is the only one that has the end open.
 *
 * Shared layout, struct h7_conduit_side (one cache line pair each):
 *   field       written by           meaning
 *   lock        the side's verbs     prim/lock.h; also who listens to this side's bell
 *   bell        see prim/bell.h      the bell that this side rings
 *   own         holder of lock       the side's own counter once more: to load it from the
 *                                    line that the other side polls would move that line.
 *                                    Equal to it whenever the lock is free and clean
 *   cache       holder of lock       the other side's counter when it was last looked at
 *   claim       holder of lock       a reservation or a peek, prim/claim.h
 *   event       see prim/waiter.h    the other side's nappers: bytes there, bytes free
 *   least,      writers, R lock;     (readers' side only) one sleeping writer that waits for
 *   least_tid   the sleeper alone    fewer than level_free bytes: while it is there, S says
 *                                    "least bytes free". 0: nobody. Any other writer
 *                                    naps in ticks meanwhile
 *   asym        the side             1: its publishes are not followed by a full fence
 *   cpu         the side             1 + the CPU where it last had to wait; advice
 *   recoveries  holder of lock       times the lock came from a dead owner
 * and in the read-mostly line:
 *   closes      closers              grows with every close: look at the kernel's evidence
 *   over        who shuts it down    1: ended by one side though both are open; never goes back
 *   level_hint  listeners            [side]: a descriptor of that side's bell was given out, so
 *                                    its level has to be right between verbs; never goes back
 *
 * Crash windows beyond those of lock, bell and claim:
 *   D1 bytes copied, not published       invisible; the next writer overwrites them
 *   D2 published in part (> PIPE_BUF)    the prefix stands
 *   D3 read copied, tail not moved       the next reader gets the same bytes
 *   D4 own and its counter differ        who gets the lock from the dead sets own (SPSC: who
 *                                        attaches, or is the first after a fork)
 * What is visible changes in one store, so nothing else is to be mended.
 */
#ifndef H7_PRIM_CONDUIT_H
#define H7_PRIM_CONDUIT_H

#include <hepta/base.h>
#include <limits.h>

#include "prim/bell.h"
#include "prim/claim.h"
#include "prim/lock.h"
#include "prim/ring.h"
#include "prim/tags.h"
#include "prim/waiter.h"

#define H7_CONDUIT_BUF 4096u /* PIPE_BUF: atomic up to here, largest packet */
#define H7_CONDUIT_PACKET 1u /* flags */
#define H7_CONDUIT_SPSC 2u
/* With PACKET: a packet is one message, up to packet_max and never split; it may be empty. */
#define H7_CONDUIT_WHOLE 4u
/* Copied under one hold of a lock: a stopped holder stops the others only so long. */
#define H7_CONDUIT_HOLD 65536u
/* How long verbs without a deadline of their own wait for a lock. */
#define H7_CONDUIT_PATIENCE_MS 50

enum h7_role { H7_WRITER = 0, H7_READER = 1 };

/* Results that are no byte counts (WHOLE, or with tags): an empty message was taken, or is
 * peeked at; and what is next has to be peeked at and released (it is too large to be copied
 * under the lock, or is tagged). */
#define H7_CONDUIT_EMPTY ((ssize_t)SSIZE_MAX)
#define H7_CONDUIT_BY_PEEK ((ssize_t)-100000)

struct h7_conduit_side {
    struct h7_lock lock;
    struct h7_bell_word bell;
    struct h7_a64 own;
    struct h7_a64 cache;
    struct h7_claim claim;
    struct h7_event event;
    struct h7_a32 least;
    struct h7_a32 least_tid;
    struct h7_a32 asym;
    struct h7_a32 cpu;
    struct h7_a32 recoveries;
} __attribute__((aligned(H7_APART)));

struct h7_conduit_shared {
    struct h7_conduit_side side[2];
    struct h7_ring_shared ring;
    struct h7_a32 closes __attribute__((aligned(H7_APART)));
    struct h7_a32 level_hint[2];
    struct h7_a32 over;
    struct h7_a64 bell_ino[2]; /* pipe, FIFO: inodes, [side that rings]; written at creation */
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
    uint64_t packet_max;
    struct h7_tags *tags; /* descriptors ride along (prim/tags.h), or NULL */
    uint32_t flags;
    int role;
    int ring_fd, listen_fd;
    int gone_fd; /* its hang-up says that the other side is gone; -1: listen_fd's does */
    enum h7_bell_kind bell_kind;
    int fenced; /* SPSC: this process follows a publish with a full fence */
    struct h7_waiter waiter;
    struct h7_a64 cache; /* SPSC: instead of side.cache */
    struct h7_a64 tick_seen;
    struct h7_a32 closes_seen;
    struct h7_a32 credit;
    struct h7_a64 held_len; /* reservation or peek of this handle: H7_HELD | length, or 0; */
    struct h7_a64 held_at;  /* where it begins, */
    struct h7_a64 held_gen; /* in which fork generation it was made, */
    struct h7_a32 held_seq; /* and the state of its claim (not SPSC) */
};

#define H7_HELD (1ull << 63)

/* Bytes of data to make for what is wanted: a power of two of pages, at least one, with packets
 * two. want 0: 64 KiB, the kernel's pipe's. */
uint64_t h7_conduit_capacity(uint64_t want, uint32_t flags);

/* Set up one side over zeroed or attached shared memory. mode, spin_ns: prim/waiter.h.
 * 0 or -EBADMSG (data_len isn't a power of two or too small for the flags). */
int h7_conduit_init(struct h7_conduit *c, struct h7_conduit_shared *shared, int role,
                    uint32_t flags, char *data, uint64_t data_len);
/* SPSC: somebody else may have had this end before, and died. Others: does nothing. */
void h7_conduit_resync(struct h7_conduit *c);
/* The handle's ways: wait mode, longest spin, and for SPSC the fence. After fds are set. */
void h7_conduit_tune(struct h7_conduit *c, uint32_t mode, uint32_t spin_ns);

/* As the public verbs of hepta/pipe.h describe them; arguments are checked by the room.
 * The read side returns 0 for end-of-file; of a packet it returns the length, also where
 * that is more than was copied. */
ssize_t h7_conduit_write(struct h7_conduit *c, const char *buf, size_t len, int64_t deadline);
ssize_t h7_conduit_read(struct h7_conduit *c, char *buf, size_t len, int64_t deadline);
int h7_conduit_reserve(struct h7_conduit *c, size_t len, void **ptr, int64_t deadline);
int h7_conduit_commit(struct h7_conduit *c, size_t len);
int h7_conduit_commit_whole(struct h7_conduit *c, size_t len); /* 0 isn't giving up: WHOLE */
ssize_t h7_conduit_peek(struct h7_conduit *c, const void **ptr, int64_t deadline);
int h7_conduit_release(struct h7_conduit *c, size_t len);
/* Release in two steps, for what has to be done while nobody else gets in: take what was
 * peeked, len bytes of it (a packet whole); then drop, which also gives up what wasn't taken. */
int h7_conduit_take(struct h7_conduit *c, size_t len);
void h7_conduit_drop(struct h7_conduit *c);
/* Does this handle hold something for the calling thread? */
int h7_conduit_holding(const struct h7_conduit *c);
/* Where what this handle holds begins. */
uint64_t h7_conduit_held_at(const struct h7_conduit *c);

/* Keep the poll level of the bell this side listens on, from now on and for everybody. */
int h7_conduit_keep_level(struct h7_conduit *c);
/* Give back what this handle holds; then, after the descriptors are closed, tell others. */
void h7_conduit_abandon(struct h7_conduit *c);
void h7_conduit_closed(struct h7_conduit_shared *shared);
/* End it for both sides, though both are open: writes give -EPIPE, reads the rest and then
 * end-of-file. Under the writers' lock, so that no write is both refused and read, or the
 * reverse. The room then wakes the sleepers by shutting down the bells. 0, or as h7_lock(). */
int h7_conduit_end(struct h7_conduit *c, int64_t deadline);

/* Every invariant of ring, counters, bells, claims and packet chain; takes no lock, so call
 * it when nobody is inside a verb. 0, or -EBADMSG and why. */
int h7_conduit_check(const struct h7_conduit *c, char *why, size_t n);

/* --- between conduit.c, conduit_wait.c and conduit_hold.c ------------------------- */

int h7_conduit_wait_for_claim(struct h7_conduit *c, int64_t deadline);

/* Does this handle hold a reservation or a peek, made since the last fork? */
static inline int h7_conduit_holds(const struct h7_conduit *c)
{
    return h7_load64_relaxed(&c->held_len) != 0 &&
           h7_load64_relaxed(&c->held_gen) == h7_fork_gen();
}

static inline int h7_conduit_spsc(const struct h7_conduit *c)
{
    return h7_unlikely(c->flags & H7_CONDUIT_SPSC);
}

/* The counter that a side moves. relaxed: under its lock, or nobody inside. */
static inline uint64_t h7_side_counter(const struct h7_conduit *c,
                                       const struct h7_conduit_side *side)
{
    return h7_load64_relaxed(side == &c->shared->side[H7_WRITER] ? &c->ring.shared->head
                                                                 : &c->ring.shared->tail);
}

/* D4: make the side's copy of its counter right. Under its lock, or nobody inside. */
void h7_side_mend(const struct h7_conduit *c, struct h7_conduit_side *side);

/* Take the side's lock. As h7_lock(), never -EOWNERDEAD: what a dead owner left is mended. */
static inline int h7_side_lock(const struct h7_conduit *c, struct h7_conduit_side *side,
                               int64_t deadline)
{
    int r = h7_lock(&side->lock, deadline);
    if (h7_unlikely(r == -EOWNERDEAD)) {
        h7_side_mend(c, side);
        r = 0;
    }
    return r;
}

/* My counter. relaxed: only who is inside moves it. */
static inline uint64_t h7_conduit_index(const struct h7_conduit *c)
{
    return h7_load64_relaxed(&c->mine->own);
}

/* Enter my side for one step: lock it (not SPSC) and find no claim in the way. */
static inline int h7_conduit_enter(struct h7_conduit *c, int64_t deadline)
{
    if (h7_conduit_spsc(c))
        return h7_unlikely(h7_conduit_holds(c)) ? -EDEADLK : 0;
    int r;
    do {
        r = h7_side_lock(c, c->mine, deadline);
        if (h7_likely(r < 0 || !h7_claim_held(&c->mine->claim)))
            return r;
        r = h7_conduit_wait_for_claim(c, deadline);
    } while (r > 0);
    return r;
}

void h7_conduit_wake(struct h7_conduit *c);
static inline void h7_conduit_leave(struct h7_conduit *c)
{
    if (!h7_conduit_spsc(c)) {
        h7_unlock(&c->mine->lock);
        h7_fence_after_rmw(); /* publish before event; with h7_event_arm() */
        if (h7_unlikely(h7_event_armed(&c->mine->event)))
            h7_conduit_wake(c);
    }
}
/* A writer: was it ended? Under the writers' lock, as h7_conduit_end() is. */
static inline int h7_conduit_refused(const struct h7_conduit *c)
{
    return c->role == H7_WRITER && h7_load32_relaxed(&c->shared->over); /* relaxed: the lock */
}

/* Make [*, index) visible, or free. 0, or -EPIPE and nothing was done. */
int h7_conduit_move(struct h7_conduit *c, uint64_t index);
/* Wait until need bytes are free (writer) or any are there (reader). 0 try again,
 * H7_WAIT_HANGUP, or a negative errno. HEPTA_NOW gets one second try, if its first one met
 * the other side between ring and commit; it is H7_EXPIRED then. brief: come back after a
 * tick, to ask for less. */
int h7_conduit_wait(struct h7_conduit *c, uint64_t need, int brief, int64_t *deadline);
void h7_conduit_lower(struct h7_conduit *c);
/* After a step: bring the level down if its predicate became false. */
static inline void h7_conduit_after(struct h7_conduit *c)
{
    if (h7_unlikely(h7_load32_relaxed(&c->shared->level_hint[!c->role])))
        h7_conduit_lower(c);
}
/* The other side was found gone: the next verb must find out again, not believe in ticks. */
static inline void h7_conduit_look_again(struct h7_conduit *c)
{
    h7_store32_relaxed(&c->credit, 0);
    h7_store64_relaxed(&c->tick_seen, 0);
}
/* Has the other side gone? Asks the kernel at most once a tick, and after a close. */
int h7_conduit_peer_gone(struct h7_conduit *c);
/* The same, asking now. */
int h7_conduit_hangup(const struct h7_conduit *c);
/* What S announces: this much is free. Under the readers' lock. */
uint64_t h7_conduit_mark(const struct h7_conduit *c);
/* The packet at index: its length, or -EBADMSG. */
ssize_t h7_conduit_packet_at(const struct h7_conduit *c, uint64_t index, uint64_t used);

static inline uint64_t h7_record_len(uint64_t len)
{
    return sizeof(struct h7_packet) + ((len + 7) & ~(uint64_t)7);
}

#endif
