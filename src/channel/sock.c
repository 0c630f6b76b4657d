/* SPDX-License-Identifier: MIT */
/* channel/sock.c - unix, kernel.unix, tcp, udp, raw: opening and looking; sock_io.c moves data */
#define _GNU_SOURCE
#include "channel/sock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sys.h"

#define MESSAGE_ROOM (1u << 20) /* for a datagram or seqpacket, if the capacity isn't more */
#define UDP_ROOM 65536u

static const char *scheme(const struct hepta_channel *ch)
{
    return ch->at.kind->name;
}

/* --- opening --- */

static void describe(struct hepta_channel *ch, struct hepta_sock_options *opt)
{
    struct h7_sock_own *own = ch->own;
    uint32_t type = ch->at.sock_type;

    *opt = (struct hepta_sock_options){
        .size = sizeof *opt, .type = type, .capacity = ch->at.size, .mode = ch->at.mode};
    if (!strcmp(scheme(ch), "tcp"))
        opt->flags = HEPTA_SOCK_NODELAY | (ch->at.set & H7_OPT(LISTEN) ? HEPTA_SOCK_REUSEADDR : 0);
    int named = strcmp(scheme(ch), "udp") != 0 && strcmp(scheme(ch), "raw") != 0;
    own->connected = named && type != HEPTA_SOCK_DGRAM;
    own->stream = own->connected && type != HEPTA_SOCK_SEQPACKET;
}

static int listen_sock(struct hepta_channel *ch, const struct hepta_sock_options *opt)
{
    struct h7_sock_own *own = ch->own;
    struct epoll_event event = {.events = EPOLLIN};
    struct pollfd p;
    int r = hepta_sock_listen(&own->sock, own->text, opt);

    if (r < 0 || !own->connected)
        return r;
    own->epoll = h7_sys_epoll_create();
    if (own->epoll < 0)
        return own->epoll;
    r = hepta_sock_pollfd(own->sock, POLLIN, &p);
    return r < 0 ? r : h7_sys_epoll_ctl(own->epoll, EPOLL_CTL_ADD, p.fd, &event);
}

static int connect_sock(struct hepta_channel *ch, const struct hepta_sock_options *opt,
                        int64_t deadline)
{
    struct h7_sock_own *own = ch->own;
    struct hepta_sock *sock;
    int r = hepta_sock_connect(&sock, own->text, opt, deadline);

    if (r < 0)
        return r;
    if (own->connected)
        return h7_peers_add(ch, sock);
    own->sock = sock;
    return 0;
}

static int open_sock(struct hepta_channel *ch, int64_t deadline)
{
    struct h7_sock_own *own = ch->own;
    struct hepta_sock_options opt;
    struct hepta_sock_stat st;
    size_t room = !strcmp(scheme(ch), "udp") ? UDP_ROOM : MESSAGE_ROOM;

    own->epoll = -1;
    pthread_mutex_init(&own->lock, NULL);
    describe(ch, &opt);
    if (asprintf(&own->text, "%s:%s", scheme(ch), ch->at.name) < 0) {
        own->text = NULL; /* what it leaves there is undefined */
        return -ENOMEM;
    }
    int r = ch->at.set & H7_OPT(LISTEN) ? listen_sock(ch, &opt) : connect_sock(ch, &opt, deadline);
    if (r == 0)
        r = hepta_sock_stat(own->sock ? own->sock : own->peers[0]->sock, &st, sizeof st);
    if (r < 0 || own->stream || !(ch->flags & HEPTA_CHANNEL_RECV))
        return r;
    return h7_channel_room(ch, st.capacity > room ? st.capacity : room);
}

static void close_sock(struct hepta_channel *ch)
{
    struct h7_sock_own *own = ch->own;

    h7_sock_channel_drop_fds(own);
    h7_peers_end(own);
    hepta_sock_close(own->sock);
    if (own->epoll >= 0)
        h7_sys_close(own->epoll);
    pthread_mutex_destroy(&own->lock);
    free(own->text);
}

/* --- looking --- */

static int pollfd_sock(struct hepta_channel *ch, short want, struct pollfd *p)
{
    struct h7_sock_own *own = ch->own;

    if (!own->connected)
        return hepta_sock_pollfd(own->sock, want, p);
    if (want == POLLIN && own->epoll >= 0) {
        *p = (struct pollfd){.fd = own->epoll, .events = POLLIN};
        return 0;
    }
    struct h7_peer *peer = h7_peers_target(own);
    if (!peer)
        return own->sock ? hepta_sock_pollfd(own->sock, POLLIN, p) : -EPIPE;
    int r = hepta_sock_pollfd(peer->sock, want, p);
    h7_peers_put(own, peer);
    return r;
}

static int buffered_sock(struct hepta_channel *ch)
{
    struct h7_sock_own *own = ch->own;
    struct h7_peer *p;
    int any = 0;

    for (uint32_t i = 0; own->stream && !any && (p = h7_peers_at(own, i)); i++) {
        struct h7_frames look = p->in;
        const void *data;
        size_t len;
        any = h7_frames_next(&look, &data, &len) != 0;
        h7_peers_put(own, p);
    }
    return any;
}

static int stat_sock(struct hepta_channel *ch, struct hepta_channel_stat *st)
{
    struct h7_sock_own *own = ch->own;
    struct hepta_sock_stat ss;
    struct h7_peer *p = own->connected ? h7_peers_target(own) : NULL;

    st->peers = own->connected ? own->n_peers : 0;
    if (!own->stream)
        st->can &= ~HEPTA_CHANNEL_BYTES;
    int r = p || own->sock ? hepta_sock_stat(p ? p->sock : own->sock, &ss, sizeof ss) : -EPIPE;
    if (r == 0)
        st->bytes = ss.to_read;
    if (p)
        h7_peers_put(own, p);
    return r == -EPIPE ? 0 : r;
}

/* Only what is a socket's file, and nobody's any more: who asks is refused. */
static int remove_sock(const struct h7_address *a)
{
    char address[HEPTA_CHANNEL_ADDRESS_MAX + 16];
    struct hepta_sock *sock;
    struct stat st;

    if (a->name[0] == '@' || a->kind->name[0] == 't' || a->kind->name[0] == 'r' ||
        !strcmp(a->kind->name, "udp"))
        return -EOPNOTSUPP;
    if (lstat(a->name, &st) < 0)
        return -errno;
    if (!S_ISSOCK(st.st_mode))
        return -EMEDIUMTYPE;
    snprintf(address, sizeof address, "kernel.unix:%s", a->name);
    int r = hepta_sock_connect(&sock, address, NULL, HEPTA_NOW);
    if (r == 0)
        hepta_sock_close(sock);
    if (r != -ECONNREFUSED)
        return r == 0 || r == -EAGAIN || r == -EPROTOTYPE ? -EBUSY : r;
    return unlink(a->name) < 0 ? -errno : 0;
}

const struct h7_channel_ops h7_channel_sock = {
    .own_len = sizeof(struct h7_sock_own),
    .open = open_sock,
    .send = h7_sock_channel_send,
    .flush = h7_sock_channel_flush,
    .recv = h7_sock_channel_recv,
    .pollfd = pollfd_sock,
    .buffered = buffered_sock,
    .stat = stat_sock,
    .close = close_sock,
    .remove = remove_sock,
};
