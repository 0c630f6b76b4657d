/* SPDX-License-Identifier: MIT */
/*
 * socket/memory.h - a connection in memory: layout, hello, and what a process has of it
 *
 * A connection is four things: the AF_UNIX socket that connect and accept made ("main"),
 * two sealed segments with one conduit each, a pair of sockets that says "there is room"
 * ("space"), and a pair that carries descriptors ("rights"). The connecting side makes
 * all but main, and sends them through main in the hello, before any other byte.
 *
 *   direction             conduit in    D bell      S bell       descriptors
 *   connector to acceptor segment 0     main  ->    <- space     rights ->
 *   acceptor to connector segment 1     <- main     space ->     <- rights
 *
 * So an end costs three descriptors; the segments' are closed once they are mapped. The kernel
 * ends each of these sockets when the last process that has it is gone: that is the hang-up.
 * shutdown(2) of main and space ends one direction, with `over` in its conduit said first,
 * under the writers' lock (prim/conduit.h).
 *
 * Descriptors: the sender reserves, counts a number, sends {number, descriptors} on rights,
 * tags the span with the number (prim/tags.h), commits. The receiver peeks, takes a copy of the
 * message on rights (MSG_PEEK), moves the tail, takes the message out, drops the peek. Who
 * dies on the way has sent or taken all or nothing (T1 to T4).
 *
 * Shared layout, struct h7_sock_shared at the control block of each segment: the conduit,
 * then its tags. Their tables of who writes what are in prim/conduit.h and prim/tags.h.
 * Who finds that main has ended and that it was never accepted was reset.
 *
 * Descriptors that nobody asked for: the last close of some waits (a TCP socket that lingers),
 * and a peer can leave the last one to us. Main and space refuse descriptors (SO_PASSRIGHTS,
 * Linux 6.16; but who made space has both ends and can allow them again), and whatever is
 * received, or turned away with all that is queued in it, is discarded: h7_sys_discard_fds().
 *
 * Start at memory.c, then hello.c and backlog.c (making one), memory_io.c and rights.c (using it).
 *
 * Where one can die while a connection is being made:
 *   M1 connected, no hello                 the acceptor turns it away: end-of-file, deadline, or
 *                                          when another needs its place
 *   M2 hello sent                          complete: the acceptor finds a peer that has gone
 *   M3 acceptor, hello taken, not mapped   the connector sees the hang-up
 */
#ifndef H7_SOCKET_MEMORY_H
#define H7_SOCKET_MEMORY_H

#include "prim/conduit.h"
#include "prim/segment.h"
#include "socket/socket_internal.h"

struct h7_sock_shared {
    struct h7_conduit_shared flow;
    struct h7_tags tags;
    struct h7_a32 accepted; /* segment 0: 1 once the acceptor has mapped it; connector reads */
};

#define H7_SOCK_LABEL "hepta-sock" /* of the segments */
#define H7_HELLO_MAGIC 0x0a4b434f53370137ull /* "7", 1, "7SOCK", newline */
#define H7_HELLO_FDS 4 /* segment 0, segment 1, space, rights: the acceptor's ends */

/* What the connector says first. Fixed width; the descriptors come with it. */
struct h7_hello {
    uint64_t magic;
    uint32_t version; /* H7_SEGMENT_VERSION: the layouts are of one version */
    uint32_t type;    /* enum hepta_sock_type */
};

/* One end, private to the process. */
struct h7_memory {
    struct h7_conduit out, in;
    struct h7_segment seg[2]; /* as in the table above */
    int space_fd, rights_fd;
    int32_t pid; /* the peer, by SO_PEERCRED */
    uint32_t uid, gid;
    struct h7_a32 reset_told; /* -ECONNRESET is told once */
    struct h7_backlog *backlog; /* listener: backlog.c; then nothing above is used */
};

/* The parts of a new connection: both ends of all but main. side: 0 connector, 1 acceptor. */
struct h7_memory_parts {
    struct h7_segment seg[2];
    int space[2], rights[2];
};
/* A segment of one direction; flags follow from the type. capacity: to make, or the most to
 * attach; 0: as it is usual, or allowed. */
struct h7_segment_spec h7_memory_spec(uint64_t capacity, uint32_t type);
int h7_memory_parts(struct h7_memory_parts *p, const struct hepta_sock_options *opt,
                    uint32_t type);
void h7_memory_parts_drop(struct h7_memory_parts *p);

/* Make a handle of main_fd and the rest, which it takes over; side: 0 connector, 1 acceptor.
 * On failure everything stays the caller's. 0, -ENOMEM, -EBADMSG. */
int h7_memory_end(struct hepta_sock **out, int main_fd, struct h7_segment seg[2], int space_fd,
                  int rights_fd, int side, const struct hepta_sock_options *opt, uint32_t type);

/* hello.c: what the connector sends and the acceptor gets. send: 0, -EPIPE and so on. take: 0,
 * -EAGAIN (not yet there), -EPROTO (no hello of ours, or the peer has gone), or what attaching
 * gave: the hello, and what came with it, is there still, for another try (-EMFILE) or for
 * whoever discards main. */
int h7_hello_send(int main_fd, const struct h7_memory_parts *p, uint32_t type);
int h7_hello_take(struct hepta_sock **out, int main_fd, const struct hepta_sock_options *opt,
                  uint32_t type);

/* backlog.c: peers that have connected and not introduced themselves yet. */
struct h7_backlog *h7_backlog_new(void);
void h7_backlog_free(struct h7_backlog *b);
int h7_backlog_accept(struct hepta_sock *l, struct hepta_sock **out, int64_t deadline);
int h7_backlog_pollfd(struct hepta_sock *l);

/* rights.c: descriptors beside the bytes. send: before the commit, under the reservation of
 * len bytes. 0, -EAGAIN (no room there now), or sendmsg(2)'s. fetch: up to max copies of what
 * came with the tag, under the peek: how many, and whether there were more; finish: after the
 * bytes were taken, with those copies. */
int h7_rights_send(struct h7_memory *m, const int *fds, uint32_t n, uint32_t len);
int h7_rights_fetch(struct h7_memory *m, uint32_t id, int *fds, uint32_t max, int *cut);
void h7_rights_finish(struct h7_memory *m, uint32_t id, const int *kept, uint32_t n_kept);

ssize_t h7_memory_sendmsg(struct hepta_sock *s, const struct hepta_sock_msg *msg, size_t total,
                          int64_t deadline);
ssize_t h7_memory_recvmsg(struct hepta_sock *s, struct hepta_sock_msg *msg, size_t total,
                          int64_t deadline);
int h7_memory_shutdown(struct hepta_sock *s, uint32_t how);
int h7_memory_pollfd(struct hepta_sock *s, short want, struct pollfd *p);
void h7_memory_stat(struct hepta_sock *s, struct hepta_sock_stat *st);
void h7_memory_close(struct hepta_sock *s);

#endif
