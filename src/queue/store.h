/* SPDX-License-Identifier: MIT */
/*
 * queue/store.h - a queue in shared memory: what POSIX and System V queues have in common
 *
 * Reading order: this; slot.h; store.c (making, attaching, locks), mend.c, send.c, bytes.c,
 * take.c, wait.c (sleeping, calling, the poll level), claim.c (leases, reservations, the dead's).
 *
 * Two locks, so that who sends and who receives don't wait for each other: P for producers, C
 * for consumers. A send: free slot from the outbox, bytes in, one store of `head`: sent. A
 * receive: what `head` has made known goes into the index, the first out, bytes out, the slot into
 * the outbox, one store of `freed`: received. Who needs both takes P first.
 *
 * Who is about to sleep enters the table of the other side under the other side's lock, looks
 * again, and sleeps (prim/sleepers.h). So a receiver can't miss a send, nor the other way
 * round: `head` changes only under P, `freed` only under C. What changes both sides' view (a lease
 * given back, a reservation cancelled, removal, mending) happens under both, and moves `turns`.
 *
 * Shared layout, struct h7_store_shared; each part on cache lines of its own:
 *   field            lock   meaning
 *   plan             -      written once, before the object is published
 *   dirty            any    1: a holder of a lock died; who takes one next mends first
 *   removed          P C    1: IPC_RMID; all verbs give -EIDRM
 *   claimed          any    1: there was a lease or reservation once: sleepers look every tick
 *   turns            P C    changes that are neither sends nor receives
 *   qbytes           P C    bytes of all messages at most, and messages; all ones: no limit
 *   p.lock, c.lock          prim/lock.h
 *   p.fetched        P      slots taken out of the outbox so far
 *   p.reclaimed      P      of them and those behind, the ones whose blocks were given back
 *   p.bytes          P      bytes sent so far
 *   p.freed_seen ... P      the consumers' counters as last read: a line less to fetch
 *   p.bell, c.bell   P, C   prim/bell.h: r is rung by producers, w by consumers
 *   p.polled ...     any    1: somebody asked for the descriptor: the bell is kept
 *   head             P      messages published << 20 | slot of the last: a send is its store
 *   key_turns        P      messages sent with another key than the one before: as long as it stays
 *                           the same, what is in the inbox has the key of what was drained last
 *   freed            C      slots put into the outbox so far
 *   c.drained        C      messages that went into the index, or were taken at once
 *   c.bytes          C      bytes that left for good
 *   c.gone           C      messages that left for good
 *   p.claims, c.claims      how many slots are RESERVED, TAKEN; their numbers are in arrays
 *   sleepers[P]      P      receivers that wait for producers
 *   sleepers[C]      C      senders that wait for consumers
 *   room             P C    what the room keeps here (times, pids, notification)
 * and in the data: slots, inbox, outbox, claims of both, index, blocks, cells or blocks' bytes.
 *
 * Invariants (h7_store_check(), under both locks, not dirty):
 *   Q1 each slot is in exactly one of: outbox; inbox or index (QUEUED, seq < published); claims
 *   Q2 the seqs of QUEUED and TAKEN slots not in the outbox are different, and below published
 *   Q3 p.bytes - c.bytes is the sum of the lengths of QUEUED and TAKEN slots
 *   Q4 the blocks in use are those of slots that aren't FREE, each once
 *   Q5 the index's and the blocks' own
 *
 * Where one can die (with a lock held, it becomes dirty; all derived parts are made anew):
 *   K1 sender before head           the slot is free again
 *   K2 sender after head            it was sent; whom it had called, the kernel wakes
 *   K3 receiver before freed        the message is there, in its place
 *   K4 receiver after freed         it was received; the same
 *   K5 owner of a claim             his heir, whoever would wait or give up next, ends it
 *   K6 heir, or mender              all that he does can be done again by the next
 */
#ifndef H7_QUEUE_STORE_H
#define H7_QUEUE_STORE_H

#include <hepta/base.h>
#include <sys/types.h>

#include "name/alive.h"
#include "name/level.h"
#include "prim/bell.h"
#include "prim/lock.h"
#include "prim/segment.h"
#include "prim/sleepers.h"
#include "prim/waiter.h"
#include "queue/blocks.h"
#include "queue/index.h"
#include "queue/slot.h"

enum { H7_P = 0, H7_C = 1 };

#define H7_STORE_COPY_MAX 65536u /* bytes copied under a lock */
#define H7_STORE_PATIENCE_MS 50  /* verbs without a deadline, for a stopped holder */
#define H7_STORE_ROOM 512        /* bytes for the room's own fields */

/* What was decided when it was made. */
#define H7_PLAN_BY_AGE 1u /* the index keeps the order of all, too */
#define H7_PLAN_CELLS  2u /* a cell of msg_max for each slot; else blocks */
struct h7_store_plan {
    uint32_t n_slots;
    uint32_t msg_max;
    uint32_t flags;
    uint32_t block_len; /* bytes, a multiple of 256; of blocks */
    uint64_t n_blocks;
};

struct h7_store_side {
    struct h7_lock lock;
    struct h7_a32 polled;
    struct h7_a32 claims;
    struct h7_bell_word bell;
    struct h7_a32 recoveries;
    struct h7_a64 fetched;   /* P */
    struct h7_a64 reclaimed; /* P: slots of the outbox whose blocks were given back so far */
    struct h7_a64 bytes;     /* P: in; C: out */
    struct h7_a64 last_key;  /* P: of the last message sent; C: of the last drained */
    struct h7_a64 turns_seen; /* C: key_turns, when the inbox was last drained */
    struct h7_a64 freed_seen, bytes_seen, gone_seen; /* P: of the other side's, when last read */
    struct h7_a64 drained;   /* C */
    struct h7_a64 gone;      /* C */
    struct h7_a64 returned;  /* C */
} __attribute__((aligned(H7_APART)));

struct h7_store_shared {
    struct h7_store_plan plan;
    struct h7_a32 dirty, removed, claimed;
    struct h7_a32 turns;
    struct h7_a64 qbytes;
    struct h7_store_side side[2];
    struct h7_a64 head __attribute__((aligned(H7_APART)));
    struct h7_a64 key_turns __attribute__((aligned(H7_APART)));
    struct h7_a64 freed __attribute__((aligned(H7_APART)));
    struct h7_sleepers sleepers[2] __attribute__((aligned(H7_APART)));
    char room[H7_STORE_ROOM] __attribute__((aligned(H7_APART)));
};

/* The parts of the object's directory that the store makes and opens, and H7_PART_LIFE; the room
 * adds its own. */
#define H7_STORE_DATA "data"
#define H7_STORE_R    "r"    /* bell: a message is there */
#define H7_STORE_W    "w"    /* bell: there is room */

/* An attached queue, private to the process. */
struct h7_store {
    struct h7_segment seg;
    uint32_t kind;
    uint32_t number; /* of this one among the process's, for what is claimed through it */
    struct h7_store_shared *shared;
    struct h7_store_plan plan; /* checked copy */
    struct h7_slot *slots;
    struct h7_a32 *inbox, *outbox, *claims[2];
    uint32_t ring_mask;
    struct h7_index index;
    struct h7_blocks blocks;
    char *bytes;     /* cells, or the blocks' bytes */
    size_t cell_len; /* of cells: msg_max rounded up to 64 */
    struct h7_waiter waiter[2]; /* [H7_P] of receivers, [H7_C] of senders: as in sleepers[] */
    int bell[2];     /* r, w; opened for reading and writing, so that they never hang up */
    int obj;         /* O_PATH, the object's directory */
    struct h7_a64 tick;      /* of the kernel's clock, when the dead were last looked for */
    struct h7_a32 claims_from[2]; /* behind the entry of claims[] where the next look begins */
    struct h7_alive alive;   /* of who holds claims */
    struct h7_level level[2];
    /* Called under P and C, before a message comes into the empty queue and nobody sleeps for
     * it; NULL: never. notify_wanted is the room's word in shared->room that says whether. */
    void (*notify)(struct h7_store *st);
    struct h7_a32 *notify_wanted;
    /* Called under the side's lock (P after a send, C after a receive), before the store that
     * makes it so; NULL: never. For times and pids; it may be done and the operation not. */
    void (*stamp)(struct h7_store *st, int side);
};

/* What a receiver asks for. */
enum h7_pick { H7_PICK_FIRST, H7_PICK_KEY, H7_PICK_NOT_KEY, H7_PICK_UP_TO, H7_PICK_OLDEST,
               H7_PICK_NTH };
#define H7_TAKE_LEASE 1u /* it stays, TAKEN, until acknowledged */
#define H7_TAKE_PEEK  2u /* the same, and nothing is copied: *ptr */
#define H7_TAKE_LOOK  4u /* a copy; it stays where it is; cut to len */
#define H7_TAKE_CUT   8u /* a longer message is cut to len; else -E2BIG, and it stays */
struct h7_take {
    enum h7_pick pick;
    uint32_t flags;
    uint64_t key; /* or the number, of H7_PICK_NTH */
    void *buf;
    size_t len;
    /* answers */
    const void *ptr; /* PEEK; NULL: it lies in pieces, h7_store_gather() it */
    uint64_t got_key, seq, lease;
    uint32_t deliveries;
    size_t full_len;
};

/* Decide the plan: n_slots, msg_max, flags, and budget for blocks (ignored with cells). Returns
 * the bytes of data that it needs, 0: too much. */
uint64_t h7_store_plan(struct h7_store_plan *plan, uint32_t n_slots, uint32_t msg_max,
                       uint32_t flags, uint64_t budget);
/* Make the parts data, r, w and life in a draft's directory, with mode (of those in the data:
 * h7_name_mode_for_all()); room_len bytes of room begin the room's part. qbytes 0: no limit.
 * 0, -ENOSPC, ... */
int h7_store_make(int dir, uint32_t kind, mode_t mode, const struct h7_store_plan *plan,
                  uint64_t qbytes, const void *room, size_t room_len);
/* Attach to those in obj, an object's directory (kept as a duplicate). 0, or as
 * h7_name_part() and h7_segment_attach(). */
int h7_store_attach(struct h7_store *st, int obj, uint32_t kind, uint32_t wait, uint32_t spin_ns);
/* Close all. What was claimed through st is the room's to end before. */
void h7_store_detach(struct h7_store *st);

/* The verbs. Deadlines as in the public headers, H7_EXPIRED too. All: -EBADMSG, -EIDRM, -EDEADLK,
 * -ENOSYS, -EAGAIN, -ETIMEDOUT; those that wait: -EINTR. */

/* len is at most msg_max. A message that can never fit (qbytes) waits for ever. */
int h7_store_send(struct h7_store *st, uint64_t key, const void *buf, size_t len,
                  int64_t deadline);
/* Bytes copied (PEEK: the length). -E2BIG. */
ssize_t h7_store_take(struct h7_store *st, struct h7_take *take, int64_t deadline);
/* Copy a peeked message that lies in pieces. 0, -ESRCH, -EPERM, -EBADMSG. */
int h7_store_gather(struct h7_store *st, uint64_t lease, void *buf, size_t len);

/* A place: *slot and *ptr, len contiguous bytes. 0 ... */
int h7_store_reserve(struct h7_store *st, size_t len, uint32_t *slot, void **ptr,
                     int64_t deadline);
/* Which slot ptr is in, reserved by this process. 0, -ESRCH, -EPERM. */
int h7_store_reserved_at(struct h7_store *st, const void *ptr, uint32_t *slot);
int h7_store_commit(struct h7_store *st, uint32_t slot, uint64_t key, size_t len);
int h7_store_cancel(struct h7_store *st, uint32_t slot);

/* End a lease, of this process. 0, -ESRCH, -EPERM. */
int h7_store_ack(struct h7_store *st, uint64_t lease);
int h7_store_give_back(struct h7_store *st, uint64_t lease);

/* End all that this process has claimed through st. 0 ... */
int h7_store_let_go(struct h7_store *st);
/* End the claims of dead processes. How many, or negative errno. */
int h7_store_bury(struct h7_store *st, int64_t deadline);

/* A pollable level: H7_P "a message is there", H7_C "there is room for the largest". */
int h7_store_fd(struct h7_store *st, int side);

/* Both locks, for what the room changes in shared->room, or reads as a whole. Not dirty. 0 ... */
int h7_store_enter_both(struct h7_store *st, int64_t deadline);
void h7_store_leave_both(struct h7_store *st);
/* Under both: removed, and all who sleep are called. Or (again): all look once more. */
void h7_store_remove(struct h7_store *st);
void h7_store_call_all(struct h7_store *st);

/* Numbers. Without locks: each true for itself. */
uint64_t h7_store_sent(const struct h7_store *st);
uint64_t h7_store_held(const struct h7_store *st);      /* messages, leased ones too */
uint64_t h7_store_available(const struct h7_store *st); /* that could be received */
uint64_t h7_store_bytes(const struct h7_store *st);
uint64_t h7_store_blocks_free(const struct h7_store *st);

/* The invariants. Takes both locks. 0, or -EBADMSG and one line why. */
int h7_store_check(struct h7_store *st, char *why, size_t n);

static inline void *h7_store_room(const struct h7_store *st)
{
    return st->shared->room;
}

#endif
