/* SPDX-License-Identifier: MIT */
/*
 * unix_room.h - the operations that the cases of AF_UNIX are written against, and short forms
 *
 * The table speaks the language of hepta/sock.h, of which it uses the structures, with
 * addresses that lack the scheme ("PATH", "@NAME"). unix_kernel.c translates it to bare system
 * calls; unix_hepta.c hands it on, to `unix:` and to `kernel.unix:`. There is a back end for
 * each type of each of the three: one case says what streams, messages and both have to do.
 *
 * put() and get() of this room are called give() and take(): what one end gives is one endless
 * known sequence of bytes for each direction, and the other end checks it.
 */
#ifndef CONFORMANCE_UNIX_ROOM_H
#define CONFORMANCE_UNIX_ROOM_H

#include "frame.h"

#include <poll.h>

#include <hepta/sock.h>

/* Abilities of a back end. A case asks for all types (0), for some, or for what only one has. */
#define NEEDS_ANY 0u
#define NEEDS_CONNECTION 1u /* stream or seqpacket */
#define NEEDS_STREAM 2u
#define NEEDS_MESSAGES 4u /* seqpacket or datagram */
#define NEEDS_SEQPACKET 8u
#define NEEDS_DGRAM 16u
#define NEEDS_MEMORY 32u /* the bytes go through shared memory */
#define NEEDS_KERNEL 64u /* they don't */
#define NEEDS_PAIR 256u  /* makes pairs: Hepta's are always in memory */
#define NEEDS_HEPTA 128u /* something that only Hepta's interface has */

#define MAX_GIVE (1 << 20)
#define MAX_FDS HEPTA_SOCK_FDS_MAX
#define LONG_MS 8000 /* a poll that must return: below the frame's time limit */
#define TICK_MS 40   /* longer than a tick of any kernel's clock */
#define NOW HEPTA_NOW
#define EVER HEPTA_FOREVER
#define RD HEPTA_SOCK_RD
#define WR HEPTA_SOCK_WR

struct usock; /* a listener, a connection, a datagram socket; what it is the back end knows */

struct unix_ops {
    enum hepta_sock_type type; /* what the options say unless the case says something else */
    bool memory;               /* the bytes go through shared memory */
    /* On failure *@s is NULL. */
    int (*listen)(struct usock **s, const char *address, const struct hepta_sock_options *opt);
    int (*accept)(struct usock *l, struct usock **s, int64_t deadline);
    int (*connect)(struct usock **s, const char *address, const struct hepta_sock_options *opt,
                   int64_t deadline);
    int (*pair)(struct usock **a, struct usock **b, const struct hepta_sock_options *opt);
    ssize_t (*send)(struct usock *s, const void *buf, size_t len, int64_t deadline);
    ssize_t (*recv)(struct usock *s, void *buf, size_t len, int64_t deadline);
    ssize_t (*sendmsg)(struct usock *s, const struct hepta_sock_msg *msg, int64_t deadline);
    ssize_t (*recvmsg)(struct usock *s, struct hepta_sock_msg *msg, int64_t deadline);
    int (*shutdown)(struct usock *s, uint32_t how);
    int (*pollfd)(struct usock *s, short want, struct pollfd *p);
    int (*stat)(struct usock *s, struct hepta_sock_stat *st);
    void (*close)(struct usock *s);
};

/* A connection as a process sees it: a has connected, b was accepted. Of datagrams a is connected
 * to b, and b is only bound and sends to a's address. */
struct two {
    struct usock *a, *b;
    const char *to_a;
    uint64_t n_given[2], n_taken[2]; /* positions in the sequences of a to b and b to a */
};

extern const struct unix_ops unix_kernel_stream_ops, unix_kernel_seqpacket_ops,
    unix_kernel_dgram_ops, unix_via_stream_ops, unix_via_seqpacket_ops, unix_via_dgram_ops,
    unix_hepta_stream_ops, unix_hepta_seqpacket_ops, unix_hepta_dgram_ops;
extern const struct conf_room unix_room;

static inline const struct unix_ops *uops(const struct conf *c)
{
    return c->be->ops;
}

/* Expected values that differ by back end; see frame.h. DIFFERS() is for all that goes through
 * the library; this one is for what only connections in memory do: the kernel's socket behind
 * Hepta's verbs has to do as the bare one. */
#define MEMORY_DIFFERS(c, theirs, ours) \
    ((void)DIFFERS(c, theirs, ours), \
     uops(c)->memory ? (long long)(ours) : (long long)(theirs))
#define MEMORY_MAY(c, got, kernel, also) \
    do { \
        if (uops(c)->memory) \
            MAY(c, got, kernel, also); \
        else \
            EQ(c, got, MEMORY_DIFFERS(c, kernel, also)); \
    } while (0)

/* ---- places ---- */

/* An abstract address of this run: "@..."; the string stays for a case's time. */
const char *abstract(const char *name);
/* A path in the directory of this run, which is emptied after it. */
const char *path(const char *name);

bool exists(const char *file);
/* A regular file with "text" in it. */
void make_file(struct conf *c, const char *file);
/* Become the user nobody, for good. */
void be_nobody(struct conf *c);

/* ---- making ---- */

struct hepta_sock_options options(struct conf *c);
/* The type's other one: stream for seqpacket and the other way round. */
enum hepta_sock_type other_type(struct conf *c);
struct usock *listener(struct conf *c, const char *address);
int listen_at(struct conf *c, struct usock **s, const char *address);
int connect_to(struct conf *c, struct usock **s, const char *address, int64_t deadline);
struct usock *connector(struct conf *c, const char *address);
struct usock *accepted(struct conf *c, struct usock *l);
/* Two ends by listen, connect and accept; the listener is closed again. */
void meet(struct conf *c, struct two *t);
/* By socketpair (datagrams: as meet()). */
void pair(struct conf *c, struct two *t);
void shut(struct conf *c, struct usock **s);
void part(struct conf *c, struct two *t);

/* ---- data; @s is one of the two ends ---- */

ssize_t give(struct conf *c, struct two *t, struct usock *s, size_t len, int64_t deadline);
ssize_t take(struct conf *c, struct two *t, struct usock *s, size_t len, int64_t deadline);
/* take() until @len bytes came; messages of a length that take() can be asked for. */
void take_all(struct conf *c, struct two *t, struct usock *s, size_t len);
/* give(@len) without waiting until there is no room; returns the bytes. */
size_t fill_up(struct conf *c, struct two *t, struct usock *s, size_t len);
/* Plain text: send all of it; receive and compare. */
void say(struct conf *c, struct usock *s, const char *text);
void hear(struct conf *c, struct usock *s, const char *text);
/* recvmsg() into one buffer; @m is set up here. */
ssize_t recv_into(struct conf *c, struct usock *s, struct hepta_sock_msg *m, void *buf, size_t len,
                  int64_t deadline);

/* ---- waiting ---- */

/* Cells that waiter() uses; cases have those below. */
enum { W_CALLING = CONF_N_CELLS - 3, W_RETURNED, W_RESULT };
enum what { W_RECV, W_SEND, W_ACCEPT, W_CONNECT };

/* A child with a handler for SIGUSR1 (@flags as in sigaction(2)), asleep in one call: recv or
 * send on @t's a, of @len bytes; accept on @t's a; connect to @address. */
pid_t waiter(struct conf *c, struct two *t, enum what what, size_t len, const char *address,
             int flags, int64_t deadline);
void wake_by_signal(struct conf *c, pid_t child);
/* Send it SIGUSR1 until its call returns; see break_off() in pipe_room.h. */
void end_by_signal(struct conf *c, pid_t child);
void returned(struct conf *c, pid_t child, ssize_t result);
void sleeps_on(struct conf *c, pid_t child);

/* What poll() shows within @ms of pollfd(@want): the events asked for, or hang-up bits. */
short poll_for(struct conf *c, struct usock *s, short want, int ms);
/* Ready for one more of these without waiting, as poll() says now. */
bool can(struct conf *c, struct usock *s, short want);

/* Again and again until @call isn't @not any more: what a dead peer may take a tick for. */
#define UNTIL_NOT(call, not) \
    ({ \
        ssize_t res_; \
        while ((res_ = (call)) == (not)) \
            conf_pause_ms(1); \
        res_; \
    })

extern const struct conf_case
    unix_name_cases[], unix_stale_cases[], unix_mode_cases[], unix_accept_cases[],
    unix_connect_cases[], unix_backlog_cases[], unix_stream_cases[], unix_message_cases[],
    unix_data_cases[], unix_eof_cases[], unix_shutdown_cases[], unix_epipe_cases[],
    unix_poll_cases[], unix_deadline_cases[], unix_signal_cases[], unix_fork_cases[],
    unix_cred_cases[], unix_fds_cases[], unix_fds_data_cases[], unix_fds_life_cases[],
    unix_pair_cases[], unix_error_cases[], unix_dgram_cases[], unix_stat_cases[],
    unix_place_cases[];

#endif
