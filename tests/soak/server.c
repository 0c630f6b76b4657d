/* SPDX-License-Identifier: MIT */
/*
 * server.c - the server of connections.c: one epoll loop, and no verb that waits
 *
 * Whatever a peer does or doesn't do any more, the others go on. Start with
 * soak_server_run().
 */
#define _GNU_SOURCE
#include "connections.h"

#include "../lib/t.h"
#include "bytes.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#define PIECE (32 * 1024)
#define N_A_TURN 4 /* pieces taken from one before the next has his turn */
#define STUCK_MS 20000

static int watch(struct soak_server *s, struct hepta_sock *sock, short want, void *whose)
{
    struct pollfd p;
    struct epoll_event e = {.data.ptr = whose};
    int rc = hepta_sock_pollfd(sock, want, &p);

    e.events = (uint32_t)p.events;
    if (rc < 0 || epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, p.fd, &e) < 0) {
        s->complain("no descriptor to wait for", rc);
        return -1;
    }
    return p.fd;
}

int soak_server_open(struct soak_server *s, const char *address, uint32_t type,
                     void (*complain)(const char *what, long long value))
{
    const struct hepta_sock_options opt = {.size = sizeof(opt), .type = type};
    int rc;

    *s = (struct soak_server){.complain = complain};
    s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    rc = hepta_sock_listen(&s->listener, address, &opt);
    if (rc == 0)
        watch(s, s->listener, POLLIN, NULL);
    return rc;
}

void soak_server_close(struct soak_server *s)
{
    close(s->epoll_fd);
    s->listener = hepta_sock_close(s->listener);
}

static void drop(struct soak_server *s, struct soak_link *l)
{
    s->n_whole += l->n_in == SOAK_BYTES && l->n_out == SOAK_BYTES;
    *l->self = l->next;
    if (l->next)
        l->next->self = l->self;
    hepta_sock_close(l->sock);
    free(l);
}

static void accept_all(struct soak_server *s)
{
    struct hepta_sock *sock;
    int rc;

    while ((rc = hepta_sock_accept(s->listener, &sock, HEPTA_NOW)) == 0) {
        struct soak_link *l = calloc(1, sizeof(*l));

        if (!l)
            t_die("no memory");
        *l = (struct soak_link){.sock = sock, .next = s->links, .self = &s->links, .out_fd = -1};
        if (l->next)
            l->next->self = &l->next;
        s->links = l;
        s->n_accepted++;
        watch(s, sock, POLLIN, l);
    }
    if (rc != -EAGAIN)
        s->complain("accept", rc);
}

/* What begins with the seed. -1: not what was sent. */
static int digest(struct soak_link *l, const unsigned char *buf, size_t n)
{
    size_t seed = sizeof(l->seed) - l->n_seed;

    if (seed > n)
        seed = n;
    memcpy((char *)&l->seed + l->n_seed, buf, seed);
    l->n_seed += (unsigned)seed;
    if (!bytes_right(buf + seed, l->seed, l->n_in, n - seed))
        return -1;
    l->n_in += n - seed;
    return l->n_in <= SOAK_BYTES ? 0 : -1;
}

/* False: the peer has ended, as it should or not. */
static bool receive(struct soak_server *s, struct soak_link *l)
{
    static unsigned char buf[PIECE];

    for (int i = 0; i < N_A_TURN; i++) {
        ssize_t n = hepta_sock_recv(l->sock, buf, sizeof(buf), HEPTA_NOW);

        if (n == -EAGAIN)
            return true;
        if (n < 0 && n != -ECONNRESET)
            s->complain("recv by the server", n);
        if (n <= 0)
            return false;
        if (digest(l, buf, (size_t)n) < 0) {
            s->complain("wrong bytes for the server", (long long)l->n_in);
            return false;
        }
    }
    return true;
}

static bool send_some(struct soak_server *s, struct soak_link *l)
{
    static unsigned char buf[PIECE];

    for (int i = 0; i < N_A_TURN && l->n_out < SOAK_BYTES; i++) {
        size_t len = SOAK_BYTES - l->n_out < PIECE ? SOAK_BYTES - l->n_out : PIECE;
        ssize_t n;

        bytes_fill(buf, ~l->seed, l->n_out, len);
        n = hepta_sock_send(l->sock, buf, len, HEPTA_NOW);
        if (n == -EAGAIN)
            break;
        if (n < 0 && n != -EPIPE)
            s->complain("send by the server", n);
        if (n <= 0)
            return false;
        l->n_out += (uint64_t)n;
    }
    if (l->n_out == SOAK_BYTES && l->out_fd >= 0) {
        epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, l->out_fd, NULL);
        l->out_fd = -1;
    }
    return true;
}

/* Something about it is ready: both directions are tried. */
static void serve(struct soak_server *s, struct soak_link *l)
{
    bool had_seed = l->n_seed == sizeof(l->seed), alive = receive(s, l);

    if (alive && l->n_seed == sizeof(l->seed)) {
        if (!had_seed)
            l->out_fd = watch(s, l->sock, POLLOUT, l);
        alive = send_some(s, l);
    }
    if (!alive)
        drop(s, l);
}

/* Both descriptors of one connection may be in a batch: it is served once. */
static bool seen_before(const struct epoll_event *e, int i)
{
    for (int k = 0; k < i; k++)
        if (e[k].data.ptr == e[i].data.ptr)
            return true;
    return false;
}

static void turn(struct soak_server *s)
{
    struct epoll_event e[32];
    int n = epoll_wait(s->epoll_fd, e, 32, 100);
    bool more = false;

    for (int i = 0; i < n; i++) {
        if (!e[i].data.ptr)
            more = true;
        else if (!seen_before(e, i))
            serve(s, e[i].data.ptr);
    }
    if (more)
        accept_all(s); /* last: new links may get the memory of those dropped */
}

bool soak_server_run(struct soak_server *s, pid_t director)
{
    int64_t end = 0;
    int status = -1;

    while (!end || (s->links && t_now_ns() < end)) {
        turn(s);
        if (!end && waitpid(director, &status, WNOHANG) == director)
            end = t_now_ns() + STUCK_MS * T_MS;
        if (end)
            accept_all(s);
    }
    while (s->links) {
        s->complain("a connection of nobody's doesn't end", (long long)s->links->n_in);
        drop(s, s->links);
    }
    return status == 0;
}
