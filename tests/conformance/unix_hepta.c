/* SPDX-License-Identifier: MIT */
/*
 * unix_hepta.c - Hepta's sockets behind the table of unix_room.h, by the public interface only
 *
 * Two ways of each type: `kernel.unix:`, the kernel's own socket behind Hepta's verbs, and
 * `unix:`, where streams and seqpacket go through memory and datagrams by the kernel.
 */
#define _GNU_SOURCE
#include "unix_room.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Addresses with their scheme; one of this length is too long with any. */
#define TEXT_MAX (2 * HEPTA_SOCK_ADDRESS_MAX)

static struct hepta_sock *handle(struct usock *s)
{
    return (struct hepta_sock *)s;
}

static const char *with_scheme(char text[TEXT_MAX], const char *scheme, const char *address)
{
    snprintf(text, TEXT_MAX, "%s%s", scheme, address);
    return text;
}

/* The cases know no scheme: any of ours must be the expected one. */
static void strip(char *address, const char *scheme)
{
    size_t n = strlen(scheme);

    if (strncmp(address, scheme, n) == 0)
        memmove(address, address + n, strlen(address + n) + 1);
    else if (address[0])
        strcpy(address, "another scheme");
}

static int listen_by(const char *scheme, struct usock **s, const char *address,
                     const struct hepta_sock_options *opt)
{
    char text[TEXT_MAX];

    return hepta_sock_listen((struct hepta_sock **)s, with_scheme(text, scheme, address), opt);
}

static int connect_by(const char *scheme, struct usock **s, const char *address,
                      const struct hepta_sock_options *opt, int64_t deadline)
{
    char text[TEXT_MAX], local[TEXT_MAX];
    struct hepta_sock_options o = *opt;

    if (o.local)
        o.local = with_scheme(local, scheme, o.local);
    return hepta_sock_connect((struct hepta_sock **)s, with_scheme(text, scheme, address), &o,
                              deadline);
}

static ssize_t sendmsg_by(const char *scheme, struct usock *s, const struct hepta_sock_msg *msg,
                          int64_t deadline)
{
    struct hepta_sock_msg m = *msg;
    char text[TEXT_MAX];

    if (m.address[0]) {
        with_scheme(text, scheme, msg->address);
        memcpy(m.address, text, sizeof(m.address) - 1);
        m.address[sizeof(m.address) - 1] = 0;
    }
    return hepta_sock_sendmsg(handle(s), &m, deadline);
}

static ssize_t recvmsg_by(const char *scheme, struct usock *s, struct hepta_sock_msg *msg,
                          int64_t deadline)
{
    ssize_t n = hepta_sock_recvmsg(handle(s), msg, deadline);

    if (n >= 0)
        strip(msg->address, scheme);
    return n;
}

static int stat_by(const char *scheme, struct usock *s, struct hepta_sock_stat *st)
{
    int err = hepta_sock_stat(handle(s), st, sizeof(*st));

    if (err == 0) {
        strip(st->local, scheme);
        strip(st->peer, scheme);
    }
    return err;
}

static int h_accept(struct usock *l, struct usock **s, int64_t deadline)
{
    return hepta_sock_accept(handle(l), (struct hepta_sock **)s, deadline);
}

/* A pair is in memory: there is no address that could say something else. */
static int h_pair(struct usock **a, struct usock **b, const struct hepta_sock_options *opt)
{
    return hepta_sock_pair((struct hepta_sock **)a, (struct hepta_sock **)b, opt);
}

static ssize_t h_send(struct usock *s, const void *buf, size_t len, int64_t deadline)
{
    return hepta_sock_send(handle(s), buf, len, deadline);
}

static ssize_t h_recv(struct usock *s, void *buf, size_t len, int64_t deadline)
{
    return hepta_sock_recv(handle(s), buf, len, deadline);
}

static int h_shutdown(struct usock *s, uint32_t how)
{
    return hepta_sock_shutdown(handle(s), how);
}

static int h_pollfd(struct usock *s, short want, struct pollfd *p)
{
    return hepta_sock_pollfd(handle(s), want, p);
}

static void h_close(struct usock *s)
{
    hepta_sock_close(handle(s));
}

/* The five that speak of addresses, for one scheme. */
#define FOR_SCHEME(by, scheme) \
    static int by##_listen(struct usock **s, const char *address, \
                           const struct hepta_sock_options *opt) \
    { \
        return listen_by(scheme, s, address, opt); \
    } \
    static int by##_connect(struct usock **s, const char *address, \
                            const struct hepta_sock_options *opt, int64_t deadline) \
    { \
        return connect_by(scheme, s, address, opt, deadline); \
    } \
    static ssize_t by##_sendmsg(struct usock *s, const struct hepta_sock_msg *msg, \
                                int64_t deadline) \
    { \
        return sendmsg_by(scheme, s, msg, deadline); \
    } \
    static ssize_t by##_recvmsg(struct usock *s, struct hepta_sock_msg *msg, int64_t deadline) \
    { \
        return recvmsg_by(scheme, s, msg, deadline); \
    } \
    static int by##_stat(struct usock *s, struct hepta_sock_stat *st) \
    { \
        return stat_by(scheme, s, st); \
    }

FOR_SCHEME(kernel, "kernel.unix:")
FOR_SCHEME(own, "unix:")

#define OPS(by) \
    .listen = by##_listen, .accept = h_accept, .connect = by##_connect, .pair = h_pair, \
    .send = h_send, .recv = h_recv, .sendmsg = by##_sendmsg, .recvmsg = by##_recvmsg, \
    .shutdown = h_shutdown, .pollfd = h_pollfd, .stat = by##_stat, .close = h_close

const struct unix_ops unix_via_stream_ops = {HEPTA_SOCK_STREAM, false, OPS(kernel)};
const struct unix_ops unix_via_seqpacket_ops = {HEPTA_SOCK_SEQPACKET, false, OPS(kernel)};
const struct unix_ops unix_via_dgram_ops = {HEPTA_SOCK_DGRAM, false, OPS(kernel)};
const struct unix_ops unix_hepta_stream_ops = {HEPTA_SOCK_STREAM, true, OPS(own)};
const struct unix_ops unix_hepta_seqpacket_ops = {HEPTA_SOCK_SEQPACKET, true, OPS(own)};
const struct unix_ops unix_hepta_dgram_ops = {HEPTA_SOCK_DGRAM, false, OPS(own)};
