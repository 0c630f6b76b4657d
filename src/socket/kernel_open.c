/* SPDX-License-Identifier: MIT */
/*
 * socket/kernel_open.c - making the kernel's own sockets: listen or bind, connect
 *
 * A host name has several addresses: they are tried in their order until one works. Raw
 * sockets differ only in how they are made: a protocol of IP, or all packets of an
 * interface, which is bound to and never connected.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/time.h>

#include "base/clock.h"
#include "base/sys.h"
#include "socket/kernel.h"

/* Three weeks: below the longest timeout of a 32-bit kernel, above which it means for ever. */
#define WEEKS_NS ((int64_t)2000000 * 1000000000)

static int set_limit(int fd, int name, int64_t ns)
{
    int64_t us = h7_earlier(ns, WEEKS_NS) / 1000;
    struct timeval tv = {.tv_sec = (time_t)(us / 1000000), .tv_usec = us % 1000000};
    if (us == 0)
        tv.tv_usec = 1; /* 0 would be without limit */
    return h7_net_set(fd, SOL_SOCKET, name, &tv, sizeof tv);
}

int h7_kernel_send_limit(int fd, int64_t ns)
{
    return set_limit(fd, SO_SNDTIMEO, ns);
}

static int set_size(int fd, uint64_t capacity)
{
    int r = 0;
    if (capacity) /* SO_SNDBUF counts twice, and the system's maximum bounds it */
        r = h7_net_set_int(fd, SOL_SOCKET, SO_SNDBUF, (int)capacity);
    if (capacity && r == 0)
        r = h7_net_set_int(fd, SOL_SOCKET, SO_RCVBUF, (int)capacity);
    return r;
}

/* So that messages come with something that their end doesn't (kernel_msg.c): who sent them. But
 * a socket without a name that asks for that is given one, when it connects or sends its
 * next message: then the time, which tells a message from the end, too. */
static int ask_for_senders(const struct hepta_sock *s, int named)
{
    bool would_be_named = !named && s->type != HEPTA_SOCK_STREAM;
    return h7_net_set_int(s->fd, SOL_SOCKET, would_be_named ? SO_TIMESTAMP : SO_PASSCRED, 1);
}

/* What waits for an acknowledgement is given up by TCP_USER_TIMEOUT; where nothing does,
 * keepalive has something to ask, and the same time bounds its answer (tcp(7)). */
static int bound_silence(const struct hepta_sock *s)
{
    uint32_t ms = s->opt.silence_ms;
    int probe_s = ms >= 3000 ? (int)(ms / 3000) : 1;
    if (ms == 0)
        return 0;
    int r = h7_net_set_int(s->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)ms);
    if (r == 0)
        r = h7_net_set_int(s->fd, IPPROTO_TCP, TCP_KEEPIDLE, probe_s);
    if (r == 0)
        r = h7_net_set_int(s->fd, IPPROTO_TCP, TCP_KEEPINTVL, probe_s);
    return r < 0 ? r : h7_net_set_int(s->fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

int h7_kernel_tune(struct hepta_sock *s, int named)
{
    int r = set_limit(s->fd, SO_SNDTIMEO, HEPTA_FOREVER);
    if (r == 0)
        r = set_limit(s->fd, SO_RCVTIMEO, HEPTA_FOREVER);
    if (r == 0)
        r = set_size(s->fd, s->opt.capacity);
    if (r == 0 && s->opt.flags & HEPTA_SOCK_NODELAY)
        r = h7_net_set_int(s->fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (r == 0)
        r = bound_silence(s);
    if (r == 0 && s->family == AF_UNIX)
        r = ask_for_senders(s, named);
    return r;
}

/* What must be set before bind(2) or connect(2). */
static int set_flags(const struct hepta_sock *s)
{
    static const struct {
        uint32_t flag;
        int level, name;
    } table[] = {
        {HEPTA_SOCK_REUSEADDR, SOL_SOCKET, SO_REUSEADDR},
        {HEPTA_SOCK_REUSEPORT, SOL_SOCKET, SO_REUSEPORT},
        {HEPTA_SOCK_BROADCAST, SOL_SOCKET, SO_BROADCAST},
        {HEPTA_SOCK_HDRINCL, IPPROTO_IP, IP_HDRINCL},
    };
    int r = 0;
    for (size_t i = 0; r == 0 && i < sizeof table / sizeof *table; i++)
        if (s->opt.flags & table[i].flag)
            r = h7_net_set_int(s->fd, table[i].level, table[i].name, 1);
    if (r == 0 && s->family == AF_INET6 && s->type != HEPTA_SOCK_RAW)
        r = h7_net_set_int(s->fd, IPPROTO_IPV6, IPV6_V6ONLY,
                           (s->opt.flags & HEPTA_SOCK_V6ONLY) != 0);
    return r;
}

static int socket_type(const struct hepta_sock *s)
{
    switch (s->type) {
    case HEPTA_SOCK_STREAM:
        return SOCK_STREAM;
    case HEPTA_SOCK_SEQPACKET:
        return SOCK_SEQPACKET;
    case HEPTA_SOCK_DGRAM:
        return SOCK_DGRAM;
    default:
        return SOCK_RAW;
    }
}

/* A socket of the family, with its flags: 0, or negative errno and *out NULL. A packet socket
 * has no protocol until it is bound, or it would see every interface meanwhile. */
static int make(struct hepta_sock **out, const struct h7_sock_address *a, int family,
                const struct hepta_sock_options *opt)
{
    struct hepta_sock *s = h7_sock_new(opt, a->type);
    *out = NULL;
    if (!s)
        return -ENOMEM;
    s->family = family;
    s->protocol = a->protocol;
    s->ops = &h7_sock_kernel_ops;
    s->fd = h7_net_socket(family, socket_type(s), a->protocol);
    int r = s->fd < 0 ? s->fd : set_flags(s);
    if (r < 0)
        h7_sock_drop(s);
    else
        *out = s;
    return r;
}

/* Who wants IPv6 alone doesn't get IPv4 instead, where this host has no IPv6. */
static bool unwanted(const struct h7_sock_sa *sa, const struct hepta_sock_options *opt)
{
    return opt->flags & HEPTA_SOCK_V6ONLY && sa->sa.sa_family != AF_INET6;
}

/* Another address may do where this host hasn't this family. */
static bool try_another(int r)
{
    return r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL;
}

static int listen_at(struct hepta_sock *s, const struct h7_sock_sa *sa)
{
    int backlog = s->type <= HEPTA_SOCK_SEQPACKET ? (int)s->opt.backlog : -1;
    int r = h7_kernel_tune(s, 1);
    s->listening = backlog >= 0;
    if (r == 0 && s->family == AF_UNIX)
        r = h7_unix_bind(s, sa, backlog);
    else if (r == 0)
        r = h7_net_bind(s->fd, &sa->sa, sa->len);
    if (r == 0 && s->family != AF_UNIX && s->listening)
        r = h7_net_listen(s->fd, backlog);
    return r == 0 && s->listening ? h7_sys_nonblock(s->fd, 1) : r;
}

int h7_kernel_listen(struct hepta_sock **out, const struct h7_sock_address *a,
                     const struct hepta_sock_options *opt, uint32_t type)
{
    struct hepta_sock *s;
    int r = -EAFNOSUPPORT;
    (void)type; /* a->type by now */
    for (int i = 0; i < a->n && try_another(r); i++) {
        if (unwanted(&a->at[i], opt))
            continue;
        r = make(&s, a, a->at[i].sa.sa_family, opt);
        if (r < 0)
            continue;
        r = listen_at(s, &a->at[i]);
        if (r == 0) {
            h7_sock_ready(s);
            *out = s;
        } else {
            h7_sock_drop(s);
        }
    }
    return r;
}

/* tcp: begun without waiting, and then waited for. */
static int connect_inet(int fd, const struct h7_sock_sa *sa, int64_t deadline)
{
    int error = 0, r = h7_sys_nonblock(fd, 1);
    if (r == 0)
        r = h7_net_connect(fd, &sa->sa, sa->len);
    if (r == -EINPROGRESS) {
        struct pollfd p = {.fd = fd, .events = POLLOUT};
        r = h7_sys_poll(&p, 1, deadline);
        if (r == 0)
            return h7_expired(deadline);
        if (r > 0)
            r = h7_net_get(fd, SOL_SOCKET, SO_ERROR, &error, sizeof error);
        if (r == 0)
            r = -error;
    }
    return r < 0 ? r : h7_sys_nonblock(fd, 0);
}

static int bind_local(struct hepta_sock *s, const struct h7_sock_address *local)
{
    for (int i = 0; local && i < local->n; i++) {
        const struct h7_sock_sa *sa = &local->at[i];
        if (sa->sa.sa_family == s->family)
            return s->family == AF_UNIX ? h7_unix_bind(s, sa, -1)
                                        : h7_net_bind(s->fd, &sa->sa, sa->len);
    }
    return local ? -EAFNOSUPPORT : 0;
}

static int connect_at(struct hepta_sock *s, const struct h7_sock_sa *sa,
                      const struct h7_sock_address *local, int64_t deadline)
{
    int r = bind_local(s, local);
    if (r == 0 && s->family != AF_UNIX)
        r = h7_kernel_tune(s, 0);
    if (r < 0)
        return r;
    if (s->family == AF_PACKET)
        return h7_net_bind(s->fd, &sa->sa, sa->len);
    if (s->family != AF_UNIX)
        return connect_inet(s->fd, sa, deadline);
    r = h7_unix_connect(s->fd, sa, deadline);
    return r < 0 ? r : h7_kernel_tune(s, local != NULL); /* not before connect(2) */
}

/* HEPTA_NOW has no time either way: an address that refuses at once is no reason to stop. */
static bool time_is_up(int64_t deadline)
{
    return deadline != HEPTA_FOREVER && deadline != HEPTA_NOW && hepta_now_ns() >= deadline;
}

int h7_kernel_connect(struct hepta_sock **out, const struct h7_sock_address *a,
                      const struct h7_sock_address *local, const struct hepta_sock_options *opt,
                      uint32_t type, int64_t deadline)
{
    struct hepta_sock *s;
    int r = -EAFNOSUPPORT;
    (void)type; /* a->type by now */
    for (int i = 0; i < a->n; i++) {
        if (unwanted(&a->at[i], opt))
            continue;
        r = make(&s, a, a->at[i].sa.sa_family, opt);
        if (r == 0)
            r = connect_at(s, &a->at[i], local, deadline);
        else if (r != -EAFNOSUPPORT)
            return r;
        if (r == 0) {
            h7_sock_ready(s);
            *out = s;
            return 0;
        }
        h7_sock_drop(s);
        if (r == -EINTR || r == -EAGAIN || time_is_up(deadline))
            return r;
    }
    return r;
}
