/* SPDX-License-Identifier: MIT */
/*
 * inet_room.h - what cases of tcp:, udp: and raw: are written against, and short forms
 *
 * The table has the shape of hepta/sock.h. inet_kernel.c fills it with bare system calls and
 * its own reading of addresses (inet_kernel_address.c), so that the two back ends share
 * nothing but the structures. Every case runs in a network namespace of its own, made by
 * net_begin(): all ports are free, lo is the only interface, and sysctls can be set.
 *
 * What a case sends with net_put() is one endless known sequence of bytes; net_get()
 * checks that what arrives continues it.
 */
#ifndef CONFORMANCE_INET_ROOM_H
#define CONFORMANCE_INET_ROOM_H

#include "frame.h"

#include <hepta/sock.h>
#include <stdio.h>

/* Abilities of a back end. NET_ROOT: capabilities over a network namespace. */
#define NET_ROOT 1u
#define NET_HEPTA 2u

#define NET_NOW HEPTA_NOW
#define NET_EVER HEPTA_FOREVER
#define NET_LONG_MS 8000 /* what must come: below the frame's time limit */
#define NET_SHORT_MS 30  /* what must not come isn't waited for longer */
#define NET_MAX_PUT (1 << 20)
#define NET_CASE(group, fn) {#group "." #fn, fn, NET_ROOT, NULL, NULL, 0}
#define NET_HEPTA_CASE(group, fn) {#group "." #fn, fn, NET_ROOT | NET_HEPTA, NULL, NULL, 0}

struct net_ops {
    int (*listen)(struct hepta_sock **s, const char *address,
                  const struct hepta_sock_options *opt);
    int (*accept)(struct hepta_sock *l, struct hepta_sock **s, int64_t deadline);
    int (*connect)(struct hepta_sock **s, const char *address,
                   const struct hepta_sock_options *opt, int64_t deadline);
    ssize_t (*send)(struct hepta_sock *s, const void *buf, size_t len, int64_t deadline);
    ssize_t (*recv)(struct hepta_sock *s, void *buf, size_t len, int64_t deadline);
    ssize_t (*sendmsg)(struct hepta_sock *s, const struct hepta_sock_msg *msg, int64_t deadline);
    ssize_t (*recvmsg)(struct hepta_sock *s, struct hepta_sock_msg *msg, int64_t deadline);
    int (*shutdown)(struct hepta_sock *s, uint32_t how);
    int (*pollfd)(struct hepta_sock *s, short want, struct pollfd *p);
    int (*stat)(struct hepta_sock *s, struct hepta_sock_stat *st);
    void (*close)(struct hepta_sock *s);
};

extern const struct net_ops net_kernel_ops, net_hepta_ops;
extern const struct conf_room inet_room;

static inline const struct net_ops *net_ops(const struct conf *c)
{
    return c->be->ops;
}

/* One listener, a connection to it and what it accepted. */
struct net_pair {
    struct hepta_sock *l, *a, *b;
};

/* A namespace with lo up. */
void net_begin(struct conf *c);
/* Write @text to /proc/sys/net/@path: of this namespace. */
void net_sysctl(struct conf *c, const char *path, const char *text);
/* In a child: become nobody, without any capability. */
void net_drop(struct conf *c);
/* Run @fn in such a child and return its result. */
long net_unprivileged(struct conf *c, long (*fn)(struct conf *c));

/* These fail the case when they don't succeed. */
struct hepta_sock *net_listen(struct conf *c, const char *address, uint32_t flags);
struct hepta_sock *net_connect(struct conf *c, const char *address, uint32_t flags);
struct hepta_sock *net_accept(struct conf *c, struct hepta_sock *l);
void net_close(struct conf *c, struct hepta_sock *s);
/* A listener at @address (with port 0), connected to and accepted. */
void net_pair(struct conf *c, struct net_pair *p, const char *address, uint32_t flags);
void net_unpair(struct conf *c, struct net_pair *p);
/* Its address in text; a static buffer, one for each function. */
const char *net_local(struct conf *c, struct hepta_sock *s);
const char *net_peer(struct conf *c, struct hepta_sock *s);
struct hepta_sock_stat net_stat(struct conf *c, struct hepta_sock *s);
/* The number behind the last colon, and a static text "HEAD:PORT". */
int net_port(const char *address);
const char *net_at(const char *head, int port);

/* Results only: listen or connect, and close what came of it. */
int net_try_listen(struct conf *c, const char *address, const struct hepta_sock_options *opt);
int net_try_connect(struct conf *c, const char *address, const struct hepta_sock_options *opt,
                    int64_t deadline);

/* @len bytes of the sequence from @pos; results as of the verbs. */
ssize_t net_put(struct conf *c, struct hepta_sock *s, uint64_t pos, size_t len,
                int64_t deadline);
ssize_t net_get(struct conf *c, struct hepta_sock *s, uint64_t pos, size_t len,
                int64_t deadline);
/* Until all has come. */
void net_get_all(struct conf *c, struct hepta_sock *s, uint64_t pos, size_t len);
/* Sends of 4096 bytes until there is no room: how many bytes. */
size_t net_fill(struct conf *c, struct hepta_sock *s);
/* poll(2) on it for at most @ms: what of @want, POLLHUP and POLLERR came. */
int net_poll(struct conf *c, struct hepta_sock *s, short want, int ms);
/* An integer option of the descriptor underneath. */
int net_sockopt(struct conf *c, struct hepta_sock *s, int level, int name);
/* To @address in one piece. */
ssize_t net_send_to(struct conf *c, struct hepta_sock *s, const char *address, const void *buf,
                    size_t len);

/* RFC 1071 over @len bytes, with @sum from before. */
uint16_t net_checksum(const void *bytes, size_t len, uint32_t sum);

extern const struct conf_case net_address_cases[], net_option_cases[], net_tcp_cases[],
    net_tcp_end_cases[], net_udp_cases[], net_raw_cases[], net_packet_cases[],
    net_record_cases[], net_record_end_cases[], net_error_cases[];

#endif
