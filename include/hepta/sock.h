/* SPDX-License-Identifier: MIT */
/*
 * hepta/sock.h - connections and datagrams, in memory on one host, or over a network
 *
 * One handle and one set of verbs over all of these addresses:
 *
 *   unix:PATH  unix:@NAME         on this host, by path or abstract name. Stream and
 *                                 seqpacket: the bytes go through shared memory, and the
 *                                 real AF_UNIX socket underneath carries rendezvous,
 *                                 permission, credentials, descriptors, wake-ups and
 *                                 hang-up. Datagram: the kernel's own.
 *   kernel.unix:PATH or @NAME     the kernel's own AF_UNIX socket, every type: for peers that
 *                                 don't use Hepta
 *   tcp:HOST:PORT                 stream; HOST is a name, an IPv4 address, an IPv6 address
 *                                 in brackets, or empty (to listen: all; to connect: this host)
 *   udp:HOST:PORT                 datagrams
 *   raw:PROTOCOL@HOST             IP packets of a protocol: icmp, icmp6, or 0 to 255
 *   raw:packet@INTERFACE          all packets of an interface (AF_PACKET)
 *
 * Text is taken strictly. PORT is 0 to 65535 in decimal. An IPv6 address can have a scope
 * ("[fe80::1%eth0]"). Only what is neither a number nor malformed is resolved as a name, and
 * its addresses are tried in turn. unix: a path that begins with '@' is written "./@...".
 *
 * Raw sockets see what the kernel's do (raw(7), packet(7)): over IPv4 what is received begins
 * with the IP header, over IPv6 it doesn't; what is sent begins with it only with
 * HEPTA_SOCK_HDRINCL; ICMPv6's checksum is the kernel's work, ICMP's is not. Of an interface
 * the link's header is part of the data both ways, listen and connect are the same, and
 * what a host sends to itself over lo is seen twice: going out and coming in.
 *
 * Two ends of `unix:` must both be Hepta's; a listener turns away what doesn't speak its
 * handshake. A stream keeps the order of bytes, seqpacket and datagrams keep the boundaries
 * of messages, and HEPTA_SOCK_RECORDS gives boundaries to any stream. Records and fork() don't
 * mix while one is under way: what was received in part is in both processes then.
 *
 * A unix datagram socket that connects without options.local has no name, so nobody can
 * answer it.
 *
 * What differs from the kernel's sockets, on purpose: a handle, not a descriptor (but see
 * hepta_sock_pollfd()); every wait has a deadline; no SIGPIPE; all descriptors are
 * close-on-exec; a wait that a handler interrupts returns -EINTR, under SA_RESTART, too.
 *
 * Of `unix:` in memory: the peer is noticed to be gone as hepta/pipe.h says for a pipe's
 * (killed: at once by a sleeper, 2 ms after a wait began, one tick of the kernel's clock
 * otherwise); what had been sent before stays readable. A fork()ed child shares the
 * connection. Both ends must be in one PID namespace. Who holds one end may corrupt the
 * contents, never more: nobody faults, and deadlines hold within 100 ms (but descriptors whose
 * close waits can hold up hepta_sock_close(), before Linux 6.10 or where descriptors are short
 * all verbs, and those of a file system in user space always).
 *
 * Also in memory: who sends a message of more than 64 KiB, one with hepta_sock_sendmsg(), or
 * descriptors holds its end's reservation while it waits for room; others who send on the same
 * end wait for it, and so they do while it is stopped. And a peer that has connected, but not
 * introduced itself yet when the listener's process forks, is the child's, too, until the
 * child uses or closes the listener: until then it may not see the end of its connection.
 *
 * Errors every verb can return, not repeated below: -EINVAL (@sock is NULL), -EBADF (closed
 * handle, another kind), and in memory -EBADMSG (a peer corrupted the connection; close it),
 * -EXDEV (after fork into another PID namespace), -EDEADLK (this thread holds a
 * reservation or peek on this direction, or is inside a verb), -ENOSYS (a thread made by
 * a raw clone()).
 *
 * Threads: any number, on one handle too, unless said otherwise. No verb is
 * async-signal-safe; none is a cancellation point, but for those that resolve host names.
 */
#ifndef HEPTA_SOCK_H
#define HEPTA_SOCK_H

#include <hepta/base.h>
#include <poll.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

struct hepta_sock; /* a listener, a connection, or a datagram socket */

#define HEPTA_SOCK_ADDRESS_MAX 272 /* bytes of an address in text, with the final 0 */
#define HEPTA_SOCK_FDS_MAX 253     /* descriptors in one message (SCM_MAX_FD) */
#define HEPTA_SOCK_CAPACITY_MAX (64UL << 20)
#define HEPTA_SOCK_RECORD_MAX (1UL << 30)

/* Types; 0 takes what the address suggests: stream for unix and tcp, datagram for udp, raw. */
enum hepta_sock_type {
    HEPTA_SOCK_DEFAULT = 0,
    HEPTA_SOCK_STREAM,
    HEPTA_SOCK_SEQPACKET,
    HEPTA_SOCK_DGRAM,
    HEPTA_SOCK_RAW
};

/* hepta_sock_options.flags */
#define HEPTA_SOCK_RECORDS 1u    /* stream: each send is one record, each recv takes one: a
                                  * length of 4 bytes, big-endian, goes before it */
#define HEPTA_SOCK_NODELAY 2u    /* tcp: send small pieces at once (TCP_NODELAY) */
#define HEPTA_SOCK_REUSEADDR 4u  /* tcp, udp: SO_REUSEADDR */
#define HEPTA_SOCK_REUSEPORT 8u  /* tcp, udp: SO_REUSEPORT */
#define HEPTA_SOCK_HDRINCL 16u   /* raw IPv4 only: the program brings the IP header (raw(7)) */
#define HEPTA_SOCK_V6ONLY 32u    /* tcp, udp on an IPv6 address: not IPv4, too */
#define HEPTA_SOCK_BROADCAST 64u /* udp: may send to broadcast addresses */

/**
 * struct hepta_sock_options - zeroed means default
 * @size:         sizeof(struct hepta_sock_options), for growth; 0 is an error
 * @flags:        HEPTA_SOCK_*; one that doesn't fit the address is -EINVAL
 * @type:         enum hepta_sock_type; one that doesn't fit the address is -EPROTONOSUPPORT
 * @mode:         permission bits of a socket file that listen makes, 0 to 0777, whatever
 *                umask(2) is; 0 = what umask(2) leaves of 0777
 * @capacity:     in memory: bytes of each direction, rounded up to a power of two of pages;
 *                the connecting side decides; 0 = 64 KiB for stream, 256 KiB for seqpacket. Of
 *                a listener: the most it takes, who brings more is turned away; 0 = no limit
 *                but HEPTA_SOCK_CAPACITY_MAX. Kernel's: SO_SNDBUF and SO_RCVBUF; 0 = the
 *                system's
 * @wait:         enum hepta_wait
 * @spin_ns:      as in struct hepta_pipe_options
 * @backlog:      connections that may wait for accept (listen(2)); 0 = 128
 * @handshake_ms: in memory, listener: how long a peer that has connected may take to
 *                introduce itself; 0 = 1000; at most 60,000
 * @silence_ms:   tcp, else -EINVAL: a connection whose peer acknowledges nothing for so long is
 *                given up: -ETIMEDOUT once, then as after a close; an idle one is probed, by
 *                the second. 0 = the system's ways (minutes, or never if idle); at most a day
 * @reserved:     0
 * @record_max:   HEPTA_SOCK_RECORDS: longest record taken from or sent to the peer; 0 = 16 MiB
 * @local:        connect: address to send from (udp, tcp, raw, unix datagram), NULL: any
 */
struct hepta_sock_options {
    uint32_t size;
    uint32_t flags;
    uint32_t type;
    uint32_t mode;
    uint64_t capacity;
    uint32_t wait;
    uint32_t spin_ns;
    uint32_t backlog;
    uint32_t handshake_ms;
    uint32_t silence_ms;
    uint32_t reserved;
    uint64_t record_max;
    const char *local;
};

/* hepta_sock_msg.flags, set by hepta_sock_recvmsg() */
#define HEPTA_SOCK_MSG_TRUNC 1u  /* the message was longer than the room: see full_len */
#define HEPTA_SOCK_MSG_CTRUNC 2u /* it had more descriptors than room for them: closed */
#define HEPTA_SOCK_MSG_EOF 4u    /* 0 bytes because the peer has ended, not an empty message */

/**
 * struct hepta_sock_msg - a message and what comes with it; zeroed but for size, iov, n_iov
 * @size:     sizeof(struct hepta_sock_msg)
 * @flags:    out: HEPTA_SOCK_MSG_*
 * @iov:      pieces, 0 to 1024 of them: gathered or scattered in this order
 * @fds:      unix: descriptors. In: to send (copies; they stay the caller's). Out: room for
 *            max_fds; those received are the caller's, close-on-exec
 * @n_fds:    in send: how many. Out of recv: how many came
 * @max_fds:  recv: room in @fds
 * @full_len: out of recv: length of the message, also where it was cut short
 * @pid, uid, gid: out of recv, unix: who sent it, by the kernel's word; in memory, who had
 *             connected or listened; a pid of 0: unknown
 * @address:  datagrams. In: where to, "" = where it is connected to. Out: where from, "" = unknown
 */
struct hepta_sock_msg {
    uint32_t size;
    uint32_t flags;
    struct iovec *iov;
    size_t n_iov;
    int *fds;
    uint32_t n_fds, max_fds;
    uint64_t full_len;
    int32_t pid;
    uint32_t uid, gid;
    char address[HEPTA_SOCK_ADDRESS_MAX];
};

/**
 * struct hepta_sock_stat - what can be seen of a socket
 * @type:      enum hepta_sock_type
 * @flags:     HEPTA_SOCK_*
 * @memory:    1: the bytes go through shared memory
 * @listening: 1: a listener
 * @capacity:  bytes of a direction; kernel's: of the send buffer, by the kernel's count
 * @to_read:   bytes to be received (in memory with heads of packets; kernel's: SIOCINQ)
 * @to_send:   bytes sent that the peer has not taken (in memory the same; kernel's: SIOCOUTQ)
 * @peer_gone: 1: the peer has closed or died; tcp: or has ended its direction
 * @pid, uid, gid: unix: the peer when it connected, or listened (SO_PEERCRED); pid 0: unknown
 * @local, @peer: addresses in text, "" where there is none
 */
struct hepta_sock_stat {
    uint32_t type, flags, memory, listening;
    uint64_t capacity, to_read, to_send;
    uint32_t peer_gone;
    int32_t pid;
    uint32_t uid, gid;
    char local[HEPTA_SOCK_ADDRESS_MAX], peer[HEPTA_SOCK_ADDRESS_MAX];
};

/**
 * hepta_sock_listen() - bind to an address: accept connections, or receive datagrams
 * @sock:    receives the listener (stream, seqpacket) or the socket (datagram, raw)
 * @address: where
 * @opt:     NULL for defaults
 *
 * unix by path: a socket file that no socket has any more is taken over; one that is in use,
 * or a file of another type, is -EADDRINUSE and left alone. Two that try at once can't take
 * it from one another, if they may read the directory. Closing the listener in the process
 * that made it removes the file. Port 0 takes a free one: hepta_sock_stat() tells which.
 *
 * Return: 0, or -EADDRINUSE, -EADDRNOTAVAIL, -EACCES (a port below 1024, or a directory,
 * without permission), -EPERM (raw without CAP_NET_RAW), -EINVAL (@address, @opt),
 * -EPROTONOSUPPORT (type, or protocol), -EAFNOSUPPORT (an unknown scheme, or a host without an
 * address of the family), -ENOENT (directory, or host name), -ENOTDIR, -ENODEV (interface,
 * scope), -ENAMETOOLONG (over 107 bytes of path, 253 of a host), -E2BIG (@opt), -EFAULT (@sock or
 * @address is NULL), -ENOMEM, -EMFILE, -ENFILE, -ENOBUFS. *@sock is NULL then.
 * Source: socket(2), bind(2), listen(2), unix(7), ip(7), raw(7), packet(7).
 */
int hepta_sock_listen(struct hepta_sock **sock, const char *address,
                      const struct hepta_sock_options *opt);

/**
 * hepta_sock_accept() - take the next connection
 * @listener: from hepta_sock_listen()
 * @sock:     receives the connection, with the listener's options
 * @deadline: absolute ns, HEPTA_NOW or HEPTA_FOREVER
 *
 * In memory: peers that don't introduce themselves within handshake_ms, or wrongly, are
 * turned away; they never hold up others.
 *
 * Return: 0, or -EAGAIN, -ETIMEDOUT, -EINTR, -EINVAL (not listening), -EOPNOTSUPP (datagrams),
 * -EMFILE, -ENFILE, -ENOMEM, -ENOBUFS, -EFAULT (@sock is NULL).
 * Source: accept(2).
 */
int hepta_sock_accept(struct hepta_sock *listener, struct hepta_sock **sock, int64_t deadline);

/**
 * hepta_sock_connect() - connect to a listener, or fix the peer of a datagram socket
 * @sock:     receives the connection
 * @address:  where to
 * @opt:      NULL for defaults
 * @deadline: absolute ns, HEPTA_NOW or HEPTA_FOREVER; resolving a host name is not bounded by it
 *
 * unix: returns when the listener's backlog has taken it, before it is accepted; one can
 * send from then on. A full backlog is waited for.
 *
 * Return: 0, or -ECONNREFUSED (nobody listens), -ENOENT (no such file, or host name),
 * -EAGAIN (HEPTA_NOW: backlog full, or tcp under way), -ETIMEDOUT, -EINTR, -EACCES,
 * -EPROTOTYPE (by path: the listener has another type; abstract names are apart by type, so
 * there it is -ECONNREFUSED), -ENETUNREACH, -EHOSTUNREACH, -EADDRNOTAVAIL, -EADDRINUSE
 * (@local), in memory -ETOOMANYREFS (too many descriptors under way), -ENOSPC and -ENOSYS,
 * and as for listen.
 * Source: connect(2).
 */
int hepta_sock_connect(struct hepta_sock **sock, const char *address,
                       const struct hepta_sock_options *opt, int64_t deadline);

/**
 * hepta_sock_pair() - two ends of a connection without a name, for related processes
 * @a, @b: receive the ends
 * @opt:   NULL for defaults: type stream or seqpacket; in memory
 *
 * Return: 0, or -EINVAL, -E2BIG (@opt), -EFAULT, -ENOMEM, -ENOSPC, -EMFILE, -ENFILE, -ENOSYS.
 * Source: socketpair(2).
 */
int hepta_sock_pair(struct hepta_sock **a, struct hepta_sock **b,
                    const struct hepta_sock_options *opt);

/**
 * hepta_sock_send() - send bytes, or one message
 * @sock:     connection, or connected datagram socket
 * @buf:      bytes, copied before return; NULL allowed if @len is 0
 * @len:      stream: 0 to SSIZE_MAX. Messages: up to what fits (seqpacket in memory: the
 *            capacity less 16 bytes; udp: 65,507 over IPv4, 65,527 over IPv6)
 * @deadline: absolute ns, HEPTA_NOW or HEPTA_FOREVER
 *
 * Waits while there is no room. A message goes whole or not at all. A stream's bytes go in
 * order; a deadline, a handler or the peer's end can cut a long send short: then the count
 * so far is returned. Records: once its first byte is under way, a record is taken over
 * whole, and what is left of it goes before anything else (also in hepta_sock_close(), for up
 * to a second).
 *
 * Ordering: in memory, writes made before this call are visible to whoever receives @buf.
 * Crash:    in memory, a message whole or not at all, of a stream a prefix.
 * Return:   bytes sent; or -EAGAIN, -ETIMEDOUT, -EINTR (nothing sent), -EPIPE (the peer has
 * closed, or a direction was shut down), -ECONNRESET, -ENOTCONN, -EDESTADDRREQ,
 * -ECONNREFUSED (datagrams: nobody there), -EMSGSIZE, -EINVAL (@len), -EFAULT, -ENOMEM,
 * -ENOBUFS, -ENETUNREACH, -EHOSTUNREACH.
 * Source:   send(2), unix(7), tcp(7), udp(7).
 */
ssize_t hepta_sock_send(struct hepta_sock *sock, const void *buf, size_t len, int64_t deadline);

/**
 * hepta_sock_recv() - receive what is there, at most @len bytes, or one message
 * @sock:     connection, or datagram socket
 * @buf:      receives the bytes
 * @len:      0 to SSIZE_MAX
 * @deadline: absolute ns, HEPTA_NOW or HEPTA_FOREVER
 *
 * Waits only while nothing is there. The rest of a message that is longer than @len is
 * lost (hepta_sock_recvmsg() tells). Descriptors that come with it are closed.
 *
 * Crash:  in memory, who dies in here has taken all or nothing (stream: of more than 64 KiB a
 *         prefix).
 * Return: bytes received; 0 at the peer's end, or an empty message; or -EAGAIN, -ETIMEDOUT,
 * -EINTR, -ECONNRESET (once: the peer has gone without reading all that was sent),
 * -ENOTCONN, -ECONNREFUSED, -EFAULT, -EINVAL (@len), -ENOMEM, -EBADMSG (a record longer than
 * record_max: from then on always), -EPROTO (the stream ended inside a record).
 * Source: recv(2).
 */
ssize_t hepta_sock_recv(struct hepta_sock *sock, void *buf, size_t len, int64_t deadline);

/**
 * hepta_sock_sendmsg() - send gathered pieces, descriptors, or to an address
 * @msg: see struct hepta_sock_msg
 *
 * As hepta_sock_send(). Descriptors go with the first byte (a stream needs at least one) or the
 * message. Also -EINVAL (descriptors over a network, or with records), -E2BIG (over
 * HEPTA_SOCK_FDS_MAX, or what this version doesn't know in @msg), -EBADF (a descriptor isn't
 * open), -ETOOMANYREFS (too many under way), -EISCONN (an address for a stream or seqpacket),
 * -EMSGSIZE (over 1024 pieces), and for the address as hepta_sock_connect().
 * Source: sendmsg(2), unix(7).
 */
ssize_t hepta_sock_sendmsg(struct hepta_sock *sock, const struct hepta_sock_msg *msg,
                           int64_t deadline);

/**
 * hepta_sock_recvmsg() - receive, and all that comes with it
 * @msg: see struct hepta_sock_msg
 *
 * As hepta_sock_recv(). In a stream, a recv never goes beyond the bytes with which
 * descriptors were sent. Source: recvmsg(2), unix(7).
 */
ssize_t hepta_sock_recvmsg(struct hepta_sock *sock, struct hepta_sock_msg *msg, int64_t deadline);

/* Zero copy, in memory only (else -EOPNOTSUPP; with records, too). As the verbs of
 * hepta/pipe.h, on the outgoing and the incoming direction: a reservation of up to the
 * capacity (seqpacket: less 16 bytes), one message or all bytes in one peek. Descriptors that
 * come with what was peeked stay for hepta_sock_recvmsg() after a release of 0, and are
 * closed by any other release. An empty message peeks as 0, like the end. */
int hepta_sock_reserve(struct hepta_sock *sock, size_t len, void **ptr, int64_t deadline);
/* As hepta_pipe_commit(). */
int hepta_sock_commit(struct hepta_sock *sock, size_t len);
/* As hepta_pipe_peek(). */
ssize_t hepta_sock_peek(struct hepta_sock *sock, const void **ptr, int64_t deadline);
/* As hepta_pipe_release(). */
int hepta_sock_release(struct hepta_sock *sock, size_t len);

/* What to end. */
#define HEPTA_SOCK_RD 1u
#define HEPTA_SOCK_WR 2u

/**
 * hepta_sock_shutdown() - end one direction, or both, for all who share the connection
 * @sock: connection
 * @how:  HEPTA_SOCK_RD, HEPTA_SOCK_WR, or both
 *
 * After WR the peer reads what was sent and then end-of-file, and sends here give -EPIPE. After
 * RD recv gives what was sent before, then 0; unix: the peer's sends give -EPIPE.
 *
 * Crash:  has happened, or not; never half.
 * Return: 0, or -EINVAL (@how), -ENOTCONN (not of unix datagrams), -ETIMEDOUT (a stopped
 * process held the lock for 50 ms; call again).
 * Source: shutdown(2).
 */
int hepta_sock_shutdown(struct hepta_sock *sock, uint32_t how);

/**
 * hepta_sock_pollfd() - what to wait for with poll(2), select(2), epoll(7)
 * @sock: any
 * @want: POLLIN (to recv or accept) or POLLOUT (to send)
 * @p:    receives the descriptor and the events to wait for: poll(p, 1, ...)
 *
 * Level-triggered; any of the events, or POLLHUP or POLLERR, means: try with HEPTA_NOW. In
 * memory the events can be POLLIN for POLLOUT, too, the two descriptors differ, and it can
 * show ready too early or when another was faster; POLLOUT says that 4096 bytes are free,
 * or the largest message up to that. The descriptor belongs to the handle: don't read, write
 * or close it. After fork() the child asks again.
 *
 * Return: 0, or -EINVAL (@want), -EFAULT (@p is NULL), -ETIMEDOUT (a stopped process held the
 * lock for 50 ms), -EMFILE, -ENFILE, -ENOMEM.
 */
int hepta_sock_pollfd(struct hepta_sock *sock, short want, struct pollfd *p);

/**
 * hepta_sock_stat() - a snapshot
 * @sock: any
 * @st:   receives it; @st_size is sizeof(*@st), older and smaller sizes are filled in part
 *
 * Return: 0, or -EFAULT (@st is NULL), -EINVAL (@st_size is 0).
 */
int hepta_sock_stat(struct hepta_sock *sock, struct hepta_sock_stat *st, size_t st_size);

/**
 * hepta_sock_close() - give up a handle
 * @sock: any, or NULL
 *
 * A reservation or peek of this handle is given back. No other thread may be inside a
 * verb on this handle. The connection ends when every process that has it has closed it or
 * is gone. A handle that is closed already, or isn't a socket's, is left alone.
 *
 * Return: NULL, so that `s = hepta_sock_close(s)` clears.
 */
struct hepta_sock *hepta_sock_close(struct hepta_sock *sock);

#ifdef __cplusplus
}
#endif
#endif
