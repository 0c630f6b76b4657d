/* SPDX-License-Identifier: MIT */
/*
 * hepta/channel.h - one set of verbs over all mechanisms, by address
 *
 * A program that speaks to a channel moves its messages over a pipe, a queue or a network by
 * changing one string. A message is bytes, and what its mechanism knows of it. What a mechanism
 * promises is what its own header says; here are only the ways it is reached:
 *
 *   pipe:A.B.C               one end, by three inherited descriptors (hepta_pipe_export())
 *   kernel.pipe:FD           one end of the kernel's, or any descriptor of bytes
 *   fifo:/NAME  kernel.fifo:PATH
 *   mq:/NAME    kernel.mq:/NAME
 *   msg:KEY     kernel.msg:KEY        KEY: decimal, 0x..., or @ID
 *   shm:/NAME   kernel.shm:/NAME      the latest value; the kernel's: its bytes as they are
 *   sem:/NAME   kernel.sem:/NAME      to send is to post, to receive is to wait: no bytes
 *   permit:/NAME                      to send is to give back, to receive is to take
 *   semset:KEY[I]  kernel.semset:KEY[I]   one of a set; KEY alone is [0]
 *   unix:PATH   unix:@NAME   kernel.unix:...   tcp:HOST:PORT   udp:HOST:PORT
 *   raw:PROTOCOL@HOST        as in hepta/sock.h
 *   signal:PID/USR1          a signal to a process; signal:self/USR1.HUP to receive some
 *   signal:/NAME             a mailbox; signal:/NAME/USR1 to send another number than RTMIN, or to
 *                            receive some
 *   -                        standard input and output
 *
 * Options follow, separated by commas; a comma of the name's own is written twice. A size is
 * decimal, with K, M or G (powers of two).
 *
 *   listen          unix, tcp, udp, raw: be the one that others connect to, or send to
 *   create          make the object if nothing has the name: with mode, size, depth
 *   mode=OCTAL      permission bits of what is made; default 0600
 *   size=N          of what is made: bytes of the longest message, of the value, of the shared
 *                   memory, or of a pipe's or socket's capacity
 *   depth=N         of what is made: messages of a queue, semaphores' values, places of a permit
 *   prio=N          mq: of what is sent
 *   type=N          msg: of what is sent (default 1); what to receive (default 0: any), as
 *                   msgrcv(2)
 *   type=WORD       unix: stream (default), seqpacket, dgram
 *   value=N         signal:PID/...: queued, with this value
 *   lease           mq, signal:/NAME: what is received comes back if it isn't acknowledged
 *   undo            semset: what is received and sent is undone when this process ends (SEM_UNDO)
 *   framing=F       streams of bytes: record (default), line, raw, fixed:N: see enum
 *                   hepta_channel_framing
 *
 * In streams of bytes (pipe, FIFO, unix and tcp streams, -) messages need a framing. Messages of up
 * to 4096 bytes with it are written at once, so that several writers of a pipe or FIFO don't mix
 * them. A listening stream serves any number of peers up to HEPTA_CHANNEL_PEERS_MAX at once: it
 * receives from all of them, and sends to the one it received from last, or else to the one that
 * came first.
 *
 * Threads: one in a receiving verb and one in a sending verb of a channel at a time; closing:
 * nobody. After fork() one of the two uses it. No verb is async-signal-safe.
 */
#ifndef HEPTA_CHANNEL_H
#define HEPTA_CHANNEL_H

#include <hepta/base.h>
#include <poll.h>

#ifdef __cplusplus
extern "C" {
#endif

struct hepta_channel; /* an open channel: private to the process */

#define HEPTA_CHANNEL_ADDRESS_MAX 4096     /* bytes of an address, with the final 0 */
#define HEPTA_CHANNEL_WHY_MAX 512          /* bytes that hold every `why` of the library's */
#define HEPTA_CHANNEL_PEER_MAX 272         /* bytes of a peer's address, with the final 0 */
#define HEPTA_CHANNEL_PEERS_MAX 256u       /* connections of a listening stream at a time */
#define HEPTA_CHANNEL_RECORD_MAX (1u << 30) /* bytes of the longest message in a stream of bytes */

/* How to open; what a kind can. */
#define HEPTA_CHANNEL_SEND 1u
#define HEPTA_CHANNEL_RECV 2u
#define HEPTA_CHANNEL_LEASE 4u /* as the option */
/* What a kind can, only. */
#define HEPTA_CHANNEL_PEEK 8u    /* hepta_channel_peek() */
#define HEPTA_CHANNEL_DUPLEX 16u /* what is sent there doesn't come back: it has another end */
#define HEPTA_CHANNEL_BYTES 32u  /* (also) streams of bytes, which need a framing */
#define HEPTA_CHANNEL_EVENTS 64u /* messages have no bytes */
#define HEPTA_CHANNEL_NAMED 128u /* hepta_channel_create(), hepta_channel_remove() */
#define HEPTA_CHANNEL_LATEST 256u /* holds one value, which the next one replaces */

/**
 * enum hepta_channel_framing - where a message ends in a stream of bytes
 * @HEPTA_CHANNEL_RECORD: a length of 4 bytes, big-endian, goes before it (HEPTA_SOCK_RECORDS)
 * @HEPTA_CHANNEL_LINE:   a newline ends it, which isn't part of it; what comes behind the last one
 *                        is a message, too. One that contains a newline is -EILSEQ
 * @HEPTA_CHANNEL_RAW:    it doesn't: whatever has arrived is a message
 * @HEPTA_CHANNEL_FIXED:  all have one length; framing=fixed:N in an address
 */
enum hepta_channel_framing {
    HEPTA_CHANNEL_RECORD = 0,
    HEPTA_CHANNEL_LINE = 1,
    HEPTA_CHANNEL_RAW = 2,
    HEPTA_CHANNEL_FIXED = 3
};

/**
 * struct hepta_channel_options - what holds where the address doesn't say; zeroed means default
 * @size:       sizeof(struct hepta_channel_options), for growth; 0 is an error
 * @framing:    enum hepta_channel_framing
 * @frame_len:  with HEPTA_CHANNEL_FIXED: bytes, 1 to HEPTA_CHANNEL_RECORD_MAX
 * @record_max: streams of bytes: longest message taken from the peer or sent; 0 = 16 MiB. A line
 *              that is longer is -EMSGSIZE, a record -EBADMSG
 */
struct hepta_channel_options {
    uint32_t size;
    uint32_t framing;
    uint32_t frame_len;
    uint32_t record_max;
};

/* hepta_channel_msg.set: which fields mean something */
#define HEPTA_CHANNEL_HAS_PRIO 1u
#define HEPTA_CHANNEL_HAS_TYPE 2u
#define HEPTA_CHANNEL_HAS_SIGNO 4u
#define HEPTA_CHANNEL_HAS_VALUE 8u
#define HEPTA_CHANNEL_HAS_PEER 16u
#define HEPTA_CHANNEL_HAS_PID 32u
#define HEPTA_CHANNEL_HAS_UID 64u
#define HEPTA_CHANNEL_HAS_FDS 128u
#define HEPTA_CHANNEL_HAS_LEASE 256u
#define HEPTA_CHANNEL_HAS_DELIVERIES 512u

/**
 * struct hepta_channel_msg - a message and what its mechanism knows of it
 * @size:       sizeof(struct hepta_channel_msg)
 * @set:        HEPTA_CHANNEL_HAS_*. Of send: what its mechanism can't carry is ignored
 * @data, @len: the bytes. Of recv: the channel's, until its next recv, peek or close
 * @prio:       mq: priority
 * @signo:      signal: its number
 * @type:       msg: mtype
 * @value:      signal: the value it was queued with; sem, semset, permit: what is free, of a peek;
 *              shm: number of the value
 * @pid, @uid:  of the sender, by the kernel's word
 * @deliveries: how often it was given to somebody, this time included
 * @lease:      for hepta_channel_ack()
 * @fds, @n_fds: unix: descriptors. Of send: copied, they stay the caller's. Of recv: the channel's
 *              until its next recv or close: duplicate what is to be kept
 * @peer:       datagrams: where from; of send: where to
 */
struct hepta_channel_msg {
    uint32_t size;
    uint32_t set;
    const void *data;
    size_t len;
    uint32_t prio;
    int32_t signo;
    int64_t type;
    uint64_t value;
    int32_t pid;
    uint32_t uid;
    uint32_t deliveries;
    uint32_t n_fds;
    uint64_t lease;
    const int *fds;
    char peer[HEPTA_CHANNEL_PEER_MAX];
};

/**
 * struct hepta_channel_stat - what can be seen of a channel
 * @kind:      "mq": as in the table of kinds
 * @can:       HEPTA_CHANNEL_*: what this one can, as it was opened
 * @peers:     listening streams: connections now
 * @msgs:      messages in it, where the mechanism knows; a semaphore's value; else 0
 * @bytes:     bytes in it, likewise
 * @sent, @received: messages through this handle
 */
struct hepta_channel_stat {
    const char *kind;
    uint32_t can;
    uint32_t peers;
    uint64_t msgs, bytes;
    uint64_t sent, received;
};

/**
 * struct hepta_channel_kind - a line of the table of kinds
 * @name: what an address begins with, without the colon
 * @form: "mq:/NAME"
 * @help: half a sentence for people
 * @can:  HEPTA_CHANNEL_*
 * @options: the options it takes, as a list with commas
 */
struct hepta_channel_kind {
    const char *name, *form, *help, *options;
    uint32_t can;
};

/**
 * hepta_channel_kinds() - the table of kinds
 * @i: from 0
 * @kind: receives a line; its strings are static
 * Return: 0, -ENOENT (there is no line @i), -EFAULT.
 */
int hepta_channel_kinds(size_t i, struct hepta_channel_kind *kind);

/**
 * hepta_channel_lookup() - which kind an address is of, and whether it is one at all
 * @kind: receives the kind's line, with @can as far as this address can; may be NULL
 * @why:  see hepta_channel_open()
 *
 * Opens and asks nothing. Return: 0, -EINVAL, -ENAMETOOLONG, -EFAULT.
 */
int hepta_channel_lookup(const char *address, struct hepta_channel_kind *kind, char *why,
                         size_t n);

/**
 * hepta_channel_open() - open a channel by its address
 * @address:  see above
 * @flags:    HEPTA_CHANNEL_SEND, HEPTA_CHANNEL_RECV, or both; HEPTA_CHANNEL_LEASE
 * @opt:      NULL for defaults
 * @deadline: absolute ns, HEPTA_NOW or HEPTA_FOREVER: for a FIFO's other side, and for connecting
 * @ch:       receives the channel
 * @why:      receives one sentence for people where it fails: what, why, what to do; may be NULL
 * @n:        bytes of @why; HEPTA_CHANNEL_WHY_MAX is enough
 *
 * pipe: and kernel.pipe: descriptors are the channel's from here on; - is not closed.
 *
 * Return: 0, or -EINVAL (@address, @flags, @opt), -ENAMETOOLONG, -EFAULT, -EOPNOTSUPP (the kind
 * can't do what @flags ask), -ENOMEM, and what the mechanism's own open says. *@ch is NULL then.
 */
int hepta_channel_open(const char *address, uint32_t flags,
                       const struct hepta_channel_options *opt, int64_t deadline,
                       struct hepta_channel **ch, char *why, size_t n);

/**
 * hepta_channel_send() - send one message
 * @msg:      its fields beyond @data and @len count where @set says so, before the address's
 * @deadline: absolute ns, HEPTA_NOW or HEPTA_FOREVER
 *
 * A message in a stream of bytes whose first byte is under way is taken over whole: what is left
 * of it goes before anything else (see hepta_channel_flush()). A listening stream without a peer
 * waits for one.
 *
 * Return: 0, or -EAGAIN, -ETIMEDOUT, -EINTR (nothing sent), -EPIPE (the other side is gone),
 * -EMSGSIZE (too long), -EILSEQ (a newline in a line), -EINVAL (@msg), -EBADF (not open for this),
 * and what the mechanism's own verb says.
 */
int hepta_channel_send(struct hepta_channel *ch, const struct hepta_channel_msg *msg,
                       int64_t deadline);

/**
 * hepta_channel_flush() - wait until all that was sent has been handed to the mechanism
 * Return: 0, or as hepta_channel_send().
 */
int hepta_channel_flush(struct hepta_channel *ch, int64_t deadline);

/**
 * hepta_channel_recv() - receive one message
 * @msg: @size as it is; the rest is filled in
 *
 * shm: waits for a value that this channel has not received yet; values that others replaced
 * meanwhile are lost.
 *
 * Return: 1; 0: the other side has ended (where somebody new can come, as of a FIFO or a listening
 * stream, the next call waits for him); or -EAGAIN, -ETIMEDOUT, -EINTR, -EPROTO (a stream of
 * bytes ended inside a record), -EBADMSG, -EMSGSIZE, -EBADF (not open for this), -EINVAL (@msg),
 * -ENOMEM, and what the mechanism's own verb says.
 */
int hepta_channel_recv(struct hepta_channel *ch, struct hepta_channel_msg *msg, int64_t deadline);

/**
 * hepta_channel_peek() - look at what would be received, and leave it there
 *
 * sem, permit, semset: no message, but what is free, as msg->value; never waits.
 * Return: 1, -EOPNOTSUPP (the mechanism can't), or as hepta_channel_recv().
 */
int hepta_channel_peek(struct hepta_channel *ch, struct hepta_channel_msg *msg, int64_t deadline);

/**
 * hepta_channel_ack() - done with a message that came with a lease: it is gone
 * hepta_channel_give_back() - the other end of a lease: it returns to its place
 *
 * Return: 0, -ESRCH (no such lease), -EOPNOTSUPP, and as hepta_mq_ack().
 */
int hepta_channel_ack(struct hepta_channel *ch, uint64_t lease);
int hepta_channel_give_back(struct hepta_channel *ch, uint64_t lease);

/**
 * hepta_channel_pollfd() - what to wait for with poll(2), select(2), epoll(7)
 * @want: POLLIN (to receive) or POLLOUT (to send)
 * @p:    receives the descriptor and the events
 *
 * Level-triggered; any event means: try with HEPTA_NOW. Messages can lie in the channel's own
 * buffer, of which the descriptor knows nothing: receive with HEPTA_NOW until -EAGAIN before
 * waiting, or use hepta_channel_wait(). The descriptor is the channel's; msg's stays open as
 * hepta_msg_fd() says.
 *
 * Return: 0, -EOPNOTSUPP (this kind has none: give the verb a deadline), -EINVAL, -EBADF, ...
 */
int hepta_channel_pollfd(struct hepta_channel *ch, short want, struct pollfd *p);

/**
 * hepta_channel_wait() - wait until a verb with HEPTA_NOW is worth trying
 * Return: 0, -EAGAIN, -ETIMEDOUT, -EINTR, and as hepta_channel_pollfd().
 */
int hepta_channel_wait(struct hepta_channel *ch, short want, int64_t deadline);

/** hepta_channel_stat() - numbers, of one moment. @st_size is sizeof *@st. 0, -EFAULT, -EINVAL. */
int hepta_channel_stat(struct hepta_channel *ch, struct hepta_channel_stat *st, size_t st_size);

/**
 * hepta_channel_close() - give up a channel
 * @ch: any, or NULL
 *
 * Leases that aren't acknowledged are given back. What is left of a message under way goes first,
 * for up to a second. Return: NULL, so that `ch = hepta_channel_close(ch)` clears.
 */
struct hepta_channel *hepta_channel_close(struct hepta_channel *ch);

/**
 * hepta_channel_create() - make the object that an address names, without opening it
 * @why: see hepta_channel_open()
 *
 * With the address's mode, size and depth. Return: 0, -EEXIST, -EOPNOTSUPP (nothing to be made of
 * this kind), -EINVAL, and what the mechanism says.
 */
int hepta_channel_create(const char *address, char *why, size_t n);

/**
 * hepta_channel_remove() - remove the object that an address names
 *
 * Of a socket only a file that nobody listens on any more (else -EBUSY). Return: 0, -ENOENT,
 * -EOPNOTSUPP, -EACCES, -EPERM, -EINVAL, and what the mechanism says.
 */
int hepta_channel_remove(const char *address, char *why, size_t n);

#ifdef __cplusplus
}
#endif
#endif
