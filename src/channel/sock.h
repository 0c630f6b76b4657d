/* SPDX-License-Identifier: MIT */
/*
 * channel/sock.h - sockets behind a channel
 *
 * Three shapes: datagrams and packets (one socket, any number of peers by address); a connection
 * that we made; a listener with the connections that it accepted (sock_peers.c). A connection of a
 * stream has frames of its own, both ways.
 *
 * One thread can be receiving while another sends: the table of connections is under a lock, and
 * each connection counts who uses it. Who finds it ended takes it out of the table; the last
 * user frees it.
 */
#ifndef H7_CHANNEL_SOCK_H
#define H7_CHANNEL_SOCK_H

#include <hepta/sock.h>
#include <pthread.h>

#include "channel/channel_internal.h"
#include "channel/frames.h"

struct h7_peer {
    struct hepta_sock *sock;
    struct h7_frames in;
    struct h7_outgoing out;
    unsigned users; /* the table is one */
    int poll_fd;    /* in the listener's epoll; -1 */
};

struct h7_sock_own {
    struct hepta_sock *sock; /* a listener, or the datagram socket */
    int connected; /* streams and seqpackets: messages come from peers */
    int stream;    /* frames are needed */
    int memory;
    int epoll; /* of a listener; -1 */
    pthread_mutex_t lock;
    struct h7_peer *peers[HEPTA_CHANNEL_PEERS_MAX];
    uint32_t n_peers;
    uint32_t next;          /* where the next recv looks first */
    struct h7_peer *last;   /* whom the last message came from; in the table, or NULL */
    struct h7_peer *held;   /* whose buffer the caller looks into; a user of it */
    char from[HEPTA_SOCK_ADDRESS_MAX]; /* datagrams: where the last one came from */
    int fds[HEPTA_SOCK_FDS_MAX];
    uint32_t n_fds;
    char *text; /* the address, for hepta/sock.h */
};

/* A connection joins the table; on failure it is closed. 0, -ENOMEM, -EMFILE (it is full), ... */
int h7_peers_add(struct hepta_channel *ch, struct hepta_sock *sock);
/* It has ended: out of the table. */
void h7_peers_drop(struct h7_sock_own *own, struct h7_peer *p);
/* Stop using it. */
void h7_peers_put(struct h7_sock_own *own, struct h7_peer *p);
/* Take in who waits, without waiting. 0, or why not. */
int h7_peers_accept(struct hepta_channel *ch);
/* The one at place i; or the one to send to. Somebody who uses it, or NULL. */
struct h7_peer *h7_peers_at(struct h7_sock_own *own, uint32_t i);
struct h7_peer *h7_peers_target(struct h7_sock_own *own);
void h7_peers_end(struct h7_sock_own *own);

/* Operations of struct h7_channel_ops (sock_io.c); and close what came with the last message. */
int h7_sock_channel_send(struct hepta_channel *ch, const struct hepta_channel_msg *msg,
                         int64_t deadline);
int h7_sock_channel_flush(struct hepta_channel *ch, int64_t deadline);
int h7_sock_channel_recv(struct hepta_channel *ch, struct hepta_channel_msg *msg,
                         int64_t deadline);
void h7_sock_channel_drop_fds(struct h7_sock_own *own);

#endif
