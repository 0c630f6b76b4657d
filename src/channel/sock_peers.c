/* SPDX-License-Identifier: MIT */
/* channel/sock_peers.c - the connections of a channel: see sock.h */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/sys.h"
#include "channel/sock.h"

static int watch(struct h7_sock_own *own, struct h7_peer *p)
{
    struct pollfd poll;
    struct epoll_event event = {.events = EPOLLIN};

    if (own->epoll < 0)
        return 0;
    int r = hepta_sock_pollfd(p->sock, POLLIN, &poll);
    if (r == 0)
        r = h7_sys_epoll_ctl(own->epoll, EPOLL_CTL_ADD, poll.fd, &event);
    if (r == 0)
        p->poll_fd = poll.fd;
    return r;
}

static void destroy(struct h7_peer *p)
{
    h7_frames_deinit(&p->in);
    h7_outgoing_deinit(&p->out);
    hepta_sock_close(p->sock);
    free(p);
}

int h7_peers_add(struct hepta_channel *ch, struct hepta_sock *sock)
{
    struct h7_sock_own *own = ch->own;
    struct h7_peer *p = calloc(1, sizeof *p);

    if (!p) {
        hepta_sock_close(sock);
        return -ENOMEM;
    }
    p->sock = sock;
    p->poll_fd = -1;
    p->users = 1;
    h7_frames_init(&p->in, &ch->opt);
    int r = watch(own, p);
    pthread_mutex_lock(&own->lock);
    if (r == 0 && own->n_peers == HEPTA_CHANNEL_PEERS_MAX)
        r = -EMFILE;
    if (r == 0)
        own->peers[own->n_peers++] = p;
    pthread_mutex_unlock(&own->lock);
    if (r < 0)
        destroy(p);
    return r;
}

void h7_peers_put(struct h7_sock_own *own, struct h7_peer *p)
{
    pthread_mutex_lock(&own->lock);
    int gone = --p->users == 0;
    pthread_mutex_unlock(&own->lock);
    if (gone)
        destroy(p);
}

/* Both directions can find the end of one: only the first takes it out. */
void h7_peers_drop(struct h7_sock_own *own, struct h7_peer *p)
{
    uint32_t i = 0;

    pthread_mutex_lock(&own->lock);
    while (i < own->n_peers && own->peers[i] != p)
        i++;
    int found = i < own->n_peers;
    if (found) {
        own->n_peers--;
        memmove(&own->peers[i], &own->peers[i + 1], (own->n_peers - i) * sizeof *own->peers);
        if (own->next > i)
            own->next--;
        if (own->last == p)
            own->last = NULL;
        if (p->poll_fd >= 0)
            h7_sys_epoll_ctl(own->epoll, EPOLL_CTL_DEL, p->poll_fd, NULL);
    }
    pthread_mutex_unlock(&own->lock);
    if (found)
        h7_peers_put(own, p);
}

int h7_peers_accept(struct hepta_channel *ch)
{
    struct h7_sock_own *own = ch->own;
    struct hepta_sock *sock;
    int r = 0;

    while (r == 0) {
        pthread_mutex_lock(&own->lock);
        int full = own->n_peers == HEPTA_CHANNEL_PEERS_MAX;
        pthread_mutex_unlock(&own->lock);
        if (full) /* the others wait in the backlog */
            return 0;
        r = hepta_sock_accept(own->sock, &sock, HEPTA_NOW);
        if (r == 0)
            r = h7_peers_add(ch, sock);
    }
    return r == -EAGAIN ? 0 : r;
}

struct h7_peer *h7_peers_at(struct h7_sock_own *own, uint32_t i)
{
    struct h7_peer *p = NULL;

    pthread_mutex_lock(&own->lock);
    if (i < own->n_peers) {
        p = own->peers[(own->next + i) % own->n_peers];
        p->users++;
    }
    pthread_mutex_unlock(&own->lock);
    return p;
}

struct h7_peer *h7_peers_target(struct h7_sock_own *own)
{
    pthread_mutex_lock(&own->lock);
    struct h7_peer *p = own->last ? own->last : own->n_peers ? own->peers[0] : NULL;
    if (p)
        p->users++;
    pthread_mutex_unlock(&own->lock);
    return p;
}

void h7_peers_end(struct h7_sock_own *own)
{
    if (own->held)
        h7_peers_put(own, own->held);
    own->held = NULL;
    while (own->n_peers)
        h7_peers_drop(own, own->peers[own->n_peers - 1]);
}
