/* SPDX-License-Identifier: MIT */
/*
 * prim/bell.h - wake-up, poll level and end-of-file in one kernel pipe, or socket
 *
 * Ringers hold the write end, listeners the read end. One direction of a connected pair of
 * AF_UNIX sockets (stream or seqpacket) does as well: what is said of a pipe below is true
 * of it, shutdown(2) included. A listener that sleeps in poll(2)
 * on it is woken by a byte, and by the kernel itself when the last ringer is gone,
 * however it went. While nobody sleeps and nobody polls, no byte is written.
 *
 * What a bell announces is a predicate over shared memory ("not empty", "room for
 * PIPE_BUF"), the same for all its listeners: the byte is its level. A woken listener
 * leaves the byte where it is, so that one which dies or is slow takes nothing from the
 * others; whoever finds the predicate false takes it out. Every change of level happens
 * under the ringers' lock, but for the shout: a byte too many from a ringer that can't
 * wait for the lock, which a listener inside it leaves alone (h7_bell_bytes()).
 *
 * Shared layout, struct h7_bell_word (written under the ringers' lock):
 *   field    written by         meaning
 *   want     listener, ringer   1: the bell may be silent, so who makes the predicate
 *                               true must ring first; 0: it has been rung and not lowered
 *   n_rings, n_sleeps           statistics
 *
 * Invariants:
 *   B1 want is 0 or 1.
 *   B2 if the predicate holds and nobody is inside the lock, the byte is there: the level
 *      may be falsely high, never falsely low. A new bell is high. (Where the predicate
 *      changes with who waits, it counts for those who wait.)
 *
 * Where one can die inside the lock, and what the others find:
 *   W1 ringer: rung, want still 1            the next one rings once more: harmless
 *   W2 ringer: rung, want 0, not committed   falsely high: a listener looks, lowers again
 *   W3 listener: want 1, byte not taken      falsely high
 * Nothing to mend. Ring before commit makes it so: the other order has a state
 * "committed and silent" that nobody would ever hear of.
 */
#ifndef H7_PRIM_BELL_H
#define H7_PRIM_BELL_H

#include <stddef.h>
#include <stdint.h>

#include "base/atomic.h"

#define H7_BELL_MAX 4096 /* bytes a bell holds: one page */

/* FIFO: a kernel FIFO whose ends were opened by name, each by its own process. */
enum h7_bell_kind { H7_BELL_PIPE = 0, H7_BELL_SOCKET = 1, H7_BELL_FIFO = 2 };

struct h7_bell_word {
    struct h7_a32 want;
    struct h7_a32 n_rings;
    struct h7_a32 n_sleeps;
};

enum { H7_BELL_AGAIN = 0, H7_BELL_HANGUP = 1 };

/* Make the kernel pipe, rung: fds[0] for listeners, fds[1] for ringers, close-on-exec and
 * non-blocking. 0, -EMFILE, -ENFILE, -ENOMEM; then both are -1. */
int h7_bell_new(int fds[2]);

/* Ringer, under the lock: must I ring? The fast path's only question. */
static inline int h7_bell_wanted(const struct h7_bell_word *w)
{
    return h7_load32_relaxed(&w->want) != 0; /* relaxed: under the lock */
}
/* Ringer, under the lock, before the commit. 0, -EPIPE (no listener is left), or -ENOMEM
 * (the kernel has no page for the byte): then it isn't rung, and want stays as it was. */
int h7_bell_ring(struct h7_bell_word *w, int ring_fd, enum h7_bell_kind kind);
/* Ringer without the lock, after the commit: a byte too many at worst, want stays. */
void h7_bell_shout(int ring_fd, enum h7_bell_kind kind);

/* Listener, under the lock: want a ring. Then look at the predicate, and if it is false: */
void h7_bell_announce(struct h7_bell_word *w);
/* Listener, under the lock, predicate false: take out up to n bytes. */
void h7_bell_lower(int listen_fd, size_t n, enum h7_bell_kind kind);
/* Bytes in it. Where ringers may shout, what lower takes out must be counted before the
 * look at the predicate: a byte that came later belongs to a commit that came later. */
size_t h7_bell_bytes(int listen_fd);
/* Listener, without the lock: sleep until the level is high. gone_fd: a second descriptor
 * whose hang-up says that the ringers are gone, or listen_fd. H7_BELL_AGAIN (look again),
 * H7_BELL_HANGUP (no ringer is left: look once more), -EINTR. Returns at the deadline. */
int h7_bell_sleep(struct h7_bell_word *w, int listen_fd, int gone_fd, int64_t deadline);

/* Is the other side gone? For either end. 1 gone, 0 not. Never waits. */
int h7_bell_hangup(int fd);
/* Invariant B1. 0 or -EBADMSG. */
int h7_bell_check(const struct h7_bell_word *w);

#endif
