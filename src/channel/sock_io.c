/* SPDX-License-Identifier: MIT */
/* channel/sock_io.c - messages through sockets, one way and the other: see sock.h */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include "base/sys.h"
#include "channel/sock.h"

void h7_sock_channel_drop_fds(struct h7_sock_own *own)
{
    for (uint32_t i = 0; i < own->n_fds; i++)
        h7_sys_close(own->fds[i]);
    own->n_fds = 0;
}

/* --- receiving --- */

static void fill(struct h7_sock_own *own, struct hepta_channel_msg *msg,
                 const struct hepta_sock_msg *sm)
{
    if (sm->pid > 0) {
        msg->pid = sm->pid;
        msg->uid = sm->uid;
        msg->set |= HEPTA_CHANNEL_HAS_PID | HEPTA_CHANNEL_HAS_UID;
    }
    if (sm->address[0]) {
        memcpy(msg->peer, sm->address, sizeof sm->address);
        msg->set |= HEPTA_CHANNEL_HAS_PEER;
    }
    if (own->n_fds) {
        msg->fds = own->fds;
        msg->n_fds = own->n_fds;
        msg->set |= HEPTA_CHANNEL_HAS_FDS;
    }
}

/* recvmsg; what comes with it is kept in own and sm. */
static ssize_t take(struct h7_sock_own *own, struct hepta_sock *sock, void *buf, size_t len,
                    struct hepta_sock_msg *sm, int64_t deadline)
{
    struct iovec iov = {buf, len};

    sm->size = sizeof *sm;
    sm->iov = &iov;
    sm->n_iov = 1;
    sm->fds = own->fds + own->n_fds;
    sm->max_fds = HEPTA_SOCK_FDS_MAX - own->n_fds;
    sm->n_fds = 0;
    ssize_t n = hepta_sock_recvmsg(sock, sm, deadline);
    sm->iov = NULL;
    if (n >= 0)
        own->n_fds += sm->n_fds;
    return n;
}

/* One message of a seqpacket connection or a datagram socket: 1, 0 the end, negative errno. */
static int take_message(struct hepta_channel *ch, struct hepta_sock *sock,
                        struct hepta_channel_msg *msg, int64_t deadline)
{
    struct h7_sock_own *own = ch->own;
    struct hepta_sock_msg sm = {0};
    ssize_t n = take(own, sock, ch->buf, ch->buf_len, &sm, deadline);

    if (n < 0)
        return (int)n;
    if (sm.flags & HEPTA_SOCK_MSG_EOF)
        return 0;
    if (sm.flags & HEPTA_SOCK_MSG_TRUNC)
        return -EMSGSIZE;
    msg->data = ch->buf;
    msg->len = (size_t)n;
    fill(own, msg, &sm);
    return 1;
}

/* One message of a stream; -EAGAIN and the like leave what came in part in its frames. */
static int take_frame(struct h7_sock_own *own, struct h7_peer *p, struct hepta_channel_msg *msg,
                      int64_t deadline)
{
    struct hepta_sock_msg sm = {0};

    for (;;) {
        void *room;
        size_t len;
        int r = h7_frames_next(&p->in, &msg->data, &msg->len);
        if (r == 0)
            r = h7_frames_room(&p->in, &room, &len);
        if (r == 0) {
            ssize_t n = take(own, p->sock, room, len, &sm, deadline);
            if (n > 0) {
                h7_frames_filled(&p->in, (size_t)n);
                continue;
            }
            r = n < 0 ? (int)n : h7_frames_end(&p->in, &msg->data, &msg->len);
        }
        if (r == 1)
            fill(own, msg, &sm);
        return r;
    }
}

static int take_from(struct hepta_channel *ch, struct h7_peer *p, struct hepta_channel_msg *msg,
                     int64_t deadline)
{
    struct h7_sock_own *own = ch->own;
    int r = own->stream ? take_frame(own, p, msg, deadline)
                        : take_message(ch, p->sock, msg, deadline);

    if (r == 1) {
        pthread_mutex_lock(&own->lock);
        p->users++;
        own->held = p;
        own->last = p; /* if it left the table meanwhile, sending finds that out */
        int there = 0;
        for (uint32_t i = 0; i < own->n_peers; i++)
            there |= own->peers[i] == p;
        if (!there)
            own->last = NULL;
        own->next++;
        pthread_mutex_unlock(&own->lock);
    }
    return r;
}

/* What says nothing of the peer: it was a signal, or this host is short of something. */
static int is_ours(int r)
{
    return r == -EINTR || r == -ENOMEM || r == -ENOBUFS;
}

/* Once round the table. 1, -EAGAIN: nothing; 0: the last one has ended. A peer that sends what it
 * mustn't, or was reset, has ended. */
static int round_of_peers(struct hepta_channel *ch, struct hepta_channel_msg *msg)
{
    struct h7_sock_own *own = ch->own;
    struct h7_peer *p;

    for (uint32_t i = 0; (p = h7_peers_at(own, i));) {
        int r = take_from(ch, p, msg, HEPTA_NOW);
        if (r != 1 && r != -EAGAIN && !is_ours(r))
            h7_peers_drop(own, p);
        h7_peers_put(own, p);
        if (r == 1 || is_ours(r))
            return r;
        if (r == -EAGAIN)
            i++;
        else if (own->n_peers == 0)
            return 0;
    }
    return -EAGAIN;
}

static int recv_listening(struct hepta_channel *ch, struct hepta_channel_msg *msg,
                          int64_t deadline)
{
    struct h7_sock_own *own = ch->own;
    struct pollfd p = {.fd = own->epoll, .events = POLLIN};

    for (;;) {
        int r = h7_peers_accept(ch);
        if (r == 0)
            r = round_of_peers(ch, msg);
        if (r != -EAGAIN)
            return r;
        r = h7_sys_poll(&p, 1, deadline);
        if (r <= 0)
            return r < 0 ? r : deadline == HEPTA_NOW ? -EAGAIN : -ETIMEDOUT;
    }
}

static int recv_datagram(struct hepta_channel *ch, struct hepta_channel_msg *msg,
                         int64_t deadline)
{
    struct h7_sock_own *own = ch->own;
    int r = take_message(ch, own->sock, msg, deadline);

    if (r == 1 && msg->set & HEPTA_CHANNEL_HAS_PEER) {
        pthread_mutex_lock(&own->lock);
        memcpy(own->from, msg->peer, sizeof own->from);
        pthread_mutex_unlock(&own->lock);
    }
    return r;
}

int h7_sock_channel_recv(struct hepta_channel *ch, struct hepta_channel_msg *msg, int64_t deadline)
{
    struct h7_sock_own *own = ch->own;

    h7_sock_channel_drop_fds(own);
    if (own->held)
        h7_peers_put(own, own->held);
    own->held = NULL;
    if (!own->connected)
        return recv_datagram(ch, msg, deadline);
    if (own->sock)
        return recv_listening(ch, msg, deadline);
    return own->n_peers ? take_from(ch, own->peers[0], msg, deadline) : 0;
}

/* --- sending --- */

struct going {
    struct h7_peer *peer;
    const struct hepta_channel_msg *msg; /* whose descriptors go with the first byte; or NULL */
};

static ssize_t write_peer(void *arg, const void *buf, size_t len, int64_t deadline)
{
    struct going *g = arg;

    if (!g->msg || !(g->msg->set & HEPTA_CHANNEL_HAS_FDS))
        return hepta_sock_send(g->peer->sock, buf, len, deadline);
    struct iovec iov = {(void *)(uintptr_t)buf, len};
    struct hepta_sock_msg sm = {.size = sizeof sm, .iov = &iov, .n_iov = 1,
                                .fds = (int *)(uintptr_t)g->msg->fds, .n_fds = g->msg->n_fds};
    ssize_t n = hepta_sock_sendmsg(g->peer->sock, &sm, deadline);
    if (n > 0)
        g->msg = NULL;
    return n;
}

static int send_packet(struct hepta_sock *sock, const struct hepta_channel_msg *msg,
                       const char *to, int64_t deadline)
{
    struct iovec iov = {(void *)(uintptr_t)msg->data, msg->len};
    struct hepta_sock_msg sm = {.size = sizeof sm, .iov = &iov, .n_iov = 1};

    if (msg->set & HEPTA_CHANNEL_HAS_FDS) {
        sm.fds = (int *)(uintptr_t)msg->fds;
        sm.n_fds = msg->n_fds;
    }
    memcpy(sm.address, to, strlen(to) + 1);
    ssize_t n = hepta_sock_sendmsg(sock, &sm, deadline);
    return n < 0 ? (int)n : 0;
}

static int send_datagram(struct hepta_channel *ch, const struct hepta_channel_msg *msg,
                         int64_t deadline)
{
    struct h7_sock_own *own = ch->own;
    char to[HEPTA_SOCK_ADDRESS_MAX] = "";

    if (msg->set & HEPTA_CHANNEL_HAS_PEER && ch->at.set & H7_OPT(LISTEN)) {
        if (!memchr(msg->peer, 0, sizeof msg->peer))
            return -EINVAL;
        memcpy(to, msg->peer, sizeof to);
    } else if (ch->at.set & H7_OPT(LISTEN)) {
        pthread_mutex_lock(&own->lock);
        memcpy(to, own->from, sizeof to);
        pthread_mutex_unlock(&own->lock);
        if (!to[0])
            return -EDESTADDRREQ;
    }
    return send_packet(own->sock, msg, to, deadline);
}

/* The one to send to, waited for; in use. */
static int target(struct hepta_channel *ch, struct h7_peer **p, int64_t deadline)
{
    struct h7_sock_own *own = ch->own;
    struct pollfd poll;

    for (;;) {
        *p = h7_peers_target(own);
        if (*p)
            return 0;
        if (!own->sock)
            return -EPIPE;
        int r = h7_peers_accept(ch);
        if (r < 0)
            return r;
        if (own->n_peers)
            continue;
        r = hepta_sock_pollfd(own->sock, POLLIN, &poll);
        if (r == 0)
            r = h7_sys_poll(&poll, 1, deadline);
        if (r <= 0)
            return r < 0 ? r : deadline == HEPTA_NOW ? -EAGAIN : -ETIMEDOUT;
    }
}

int h7_sock_channel_send(struct hepta_channel *ch, const struct hepta_channel_msg *msg,
                     int64_t deadline)
{
    struct h7_sock_own *own = ch->own;
    struct h7_peer *p;

    if (!own->connected)
        return send_datagram(ch, msg, deadline);
    int r = target(ch, &p, deadline);
    if (r < 0)
        return r;
    struct going g = {p, msg};
    if (own->stream)
        r = h7_outgoing_send(&p->out, &ch->opt, msg->data, msg->len, write_peer, &g, 0, deadline);
    else
        r = send_packet(p->sock, msg, "", deadline);
    if (own->sock && (r == -EPIPE || r == -ECONNRESET))
        h7_peers_drop(own, p);
    h7_peers_put(own, p);
    return r;
}

int h7_sock_channel_flush(struct hepta_channel *ch, int64_t deadline)
{
    struct h7_sock_own *own = ch->own;
    struct h7_peer *p = own->stream ? h7_peers_target(own) : NULL;

    if (!p)
        return 0;
    struct going g = {p, NULL};
    int r = h7_outgoing_push(&p->out, write_peer, &g, deadline);
    h7_peers_put(own, p);
    return r;
}
