/* SPDX-License-Identifier: MIT */
/*
 * socket/socket_internal.h - one socket inside the library
 *
 * Two kinds behind the same verbs: in memory (memory*.c: a connection is two conduits, with
 * a real AF_UNIX socket underneath) and the kernel's own (kernel*.c). The verbs in open.c
 * and socket.c check the arguments, then call the operations of the handle's kind, but for
 * plain send and recv in memory, which go straight to memory_io.c. Records (frame.c) lie
 * between the two: they are made of sends and recvs of a stream of either kind.
 *
 * Reading order: open.c (making handles), socket.c (verbs), address.c (text to address) and
 * address_text.c, unix_path.c (socket files); memory.h, memory.c, hello.c, backlog.c
 * (rendezvous), memory_io.c (data), rights.c (descriptors); kernel.h, kernel_open.c, kernel.c,
 * kernel_msg.c; frame.c, frame_level.c; room.c.
 */
#ifndef H7_SOCKET_SOCKET_INTERNAL_H
#define H7_SOCKET_SOCKET_INTERNAL_H

#include <hepta/sock.h>
#include <sys/socket.h>

#include "base/handle.h"
#include "base/self.h"

/* Which family of addresses, and whose socket. */
enum h7_sock_via { H7_VIA_MEMORY, H7_VIA_KERNEL };

/* An address, parsed and resolved. Several, where a host name has several. */
#define H7_SOCK_RESOLVED_MAX 8
struct h7_sock_address {
    int family;   /* AF_UNIX, AF_INET, AF_INET6, AF_PACKET; of a name's first address */
    int protocol; /* raw: of the packets; else 0 */
    uint32_t type; /* the caller's, or what the address suggests: enum hepta_sock_type */
    int kernel;   /* "kernel.unix:" was said, or there is no other way */
    int n;        /* how many below */
    struct h7_sock_sa {
        socklen_t len;
        union {
            struct sockaddr sa;
            struct sockaddr_storage room;
        };
    } at[H7_SOCK_RESOLVED_MAX];
};

/* Parse and resolve. passive: to listen. The errors of hepta_sock_listen()/_connect(). */
int h7_sock_address(struct h7_sock_address *a, const char *text, uint32_t type, int passive);
/* "tcp:127.0.0.1:80"; "" for none. scheme: with the colon, as the address was given ("udp:",
 * "kernel.unix:", "raw:icmp@"). */
void h7_sock_address_text(char text[HEPTA_SOCK_ADDRESS_MAX], const char *scheme,
                          const struct sockaddr *sa, socklen_t len);

struct h7_frame;  /* frame.c */
struct h7_memory; /* memory.h: what a connection or listener in memory has */

struct hepta_sock {
    struct h7_handle handle;
    struct h7_a64 gen; /* fork generation in which the handle was last found valid */
    uint64_t pidns;
    const struct h7_sock_ops *ops;
    int direct; /* a connection in memory without records: send and recv ask nothing else */
    struct hepta_sock_options opt; /* as given, defaults filled in; local is NULL */
    uint32_t type;                 /* enum hepta_sock_type, never DEFAULT */
    int listening;                 /* accept is what it is for */
    int family, protocol;
    int fd;                        /* the kernel's socket */
    struct h7_frame *frame;        /* HEPTA_SOCK_RECORDS on a connection */
    struct h7_memory *memory;      /* via memory, NULL otherwise */
    char scheme[32];               /* for h7_sock_address_text() */
    char path[HEPTA_SOCK_ADDRESS_MAX]; /* listener by path: the file to remove at close, or "" */
    uint64_t path_dev, path_ino;       /* which one it was, */
    uint64_t path_gen;                 /* and in which fork generation: of the process's own */
};

/* One way of carrying messages. The verbs have checked the arguments, the handle and the
 * fork. deadline is h7_deadline()'s. NULL where the verb is -EOPNOTSUPP. */
struct h7_sock_ops {
    int (*accept)(struct hepta_sock *l, struct hepta_sock **out, int64_t deadline);
    ssize_t (*send)(struct hepta_sock *s, const void *buf, size_t len, int64_t deadline);
    ssize_t (*recv)(struct hepta_sock *s, void *buf, size_t len, int64_t deadline);
    /* total: bytes in all of msg->iov. recvmsg has zeroed what is out. */
    ssize_t (*sendmsg)(struct hepta_sock *s, const struct hepta_sock_msg *msg, size_t total,
                       int64_t deadline);
    ssize_t (*recvmsg)(struct hepta_sock *s, struct hepta_sock_msg *msg, size_t total,
                       int64_t deadline);
    int (*shutdown)(struct hepta_sock *s, uint32_t how);
    int (*pollfd)(struct hepta_sock *s, short want, struct pollfd *p);
    /* Everything but local and peer address, flags and type. */
    void (*stat)(struct hepta_sock *s, struct hepta_sock_stat *st);
    /* Give up what the kind has, s->fd too. Not the handle itself, the frame, or the file. */
    void (*close)(struct hepta_sock *s);
};

extern const struct h7_sock_ops h7_sock_memory_ops, h7_sock_kernel_ops;

/* A zeroed handle, kind still 0 (h7_sock_ready() makes it valid), fd -1, or NULL. */
struct hepta_sock *h7_sock_new(const struct hepta_sock_options *opt, uint32_t type);
void h7_sock_ready(struct hepta_sock *s);
/* What both kinds need once they are ready: the scheme (of address), records. 0, -ENOMEM. */
int h7_sock_finish(struct hepta_sock *s, const char *address);
void h7_sock_drop(struct hepta_sock *s); /* not ready yet: close fd, remove the file, free */

/* kernel_open.c: make, bind and listen (or only bind); connect. a is resolved. */
int h7_kernel_listen(struct hepta_sock **out, const struct h7_sock_address *a,
                     const struct hepta_sock_options *opt, uint32_t type);
int h7_kernel_connect(struct hepta_sock **out, const struct h7_sock_address *a,
                      const struct h7_sock_address *local, const struct hepta_sock_options *opt,
                      uint32_t type, int64_t deadline);

/* unix_path.c: bind s->fd to an AF_UNIX address and listen (backlog < 0: only bind), taking
 * over a file that no socket has any more; and remove what s->path says (socket.c does, before
 * ops->close). Both kinds use it. */
int h7_unix_bind(struct hepta_sock *s, const struct h7_sock_sa *sa, int backlog);
void h7_unix_unbind(struct hepta_sock *s);
/* Connect fd within the deadline; a full backlog is waited for. */
int h7_unix_connect(int fd, const struct h7_sock_sa *sa, int64_t deadline);
/* SO_PEERCRED. Leaves pid 0 where the kernel doesn't know. */
void h7_unix_cred(int fd, int32_t *pid, uint32_t *uid, uint32_t *gid);

/* memory.c */
int h7_memory_listen(struct hepta_sock **out, const struct h7_sock_address *a,
                     const struct hepta_sock_options *opt, uint32_t type);
int h7_memory_connect(struct hepta_sock **out, const struct h7_sock_address *a,
                      const struct hepta_sock_options *opt, uint32_t type, int64_t deadline);
int h7_memory_pair(struct hepta_sock **a, struct hepta_sock **b,
                   const struct hepta_sock_options *opt, uint32_t type);
/* 0, or -EBADMSG and why. */
int h7_memory_check(const struct hepta_sock *s, char *why, size_t n);
/* memory_io.c: s->direct; the operations of the same name. */
ssize_t h7_memory_send(struct hepta_sock *s, const void *buf, size_t len, int64_t deadline);
ssize_t h7_memory_recv(struct hepta_sock *s, void *buf, size_t len, int64_t deadline);
/* Zero copy. */
int h7_memory_reserve(struct hepta_sock *s, size_t len, void **ptr, int64_t deadline);
int h7_memory_commit(struct hepta_sock *s, size_t len);
ssize_t h7_memory_peek(struct hepta_sock *s, const void **ptr, int64_t deadline);
int h7_memory_release(struct hepta_sock *s, size_t len);

/* frame.c: records over s->ops, a stream. */
int h7_frame_new(struct hepta_sock *s); /* 0, -ENOMEM */
void h7_frame_free(struct hepta_sock *s, int64_t deadline); /* sends what is left, if it can */
ssize_t h7_frame_sendmsg(struct hepta_sock *s, const struct hepta_sock_msg *msg, size_t total,
                         int64_t deadline);
ssize_t h7_frame_recvmsg(struct hepta_sock *s, struct hepta_sock_msg *msg, size_t total,
                         int64_t deadline);
/* Before shutdown(WR): what is left of a record. 0, or as send. */
int h7_frame_flush(struct hepta_sock *s, int64_t deadline);
/* Ready for POLLIN also while a whole record is buffered. */
int h7_frame_pollfd(struct hepta_sock *s, short want, struct pollfd *p);
/* Bytes that lie here: received and not given out, or of a record and not sent. */
size_t h7_frame_buffered(const struct hepta_sock *s);
size_t h7_frame_unsent(const struct hepta_sock *s);

#endif
