/* SPDX-License-Identifier: MIT */
/*
 * signal_room.h - the operations that cases of signals are written against, and short forms
 *
 * One table for five back ends. Three of them are the kernel's signals as a program takes them by
 * itself: `kernel` by sigtimedwait(2), sent by kill(2) and sigqueue(3); `signalfd` by read(2) of a
 * signalfd, sent by pidfd_send_signal(2); `handler` by a handler that runs inside ppoll(2), whose
 * mask lets them through, as sigsuspend(2) does. `hepta` is hepta/signal.h's peers and receivers,
 * which are the kernel's signals, too (CONF_VIA); `mailbox` its mailboxes in memory.
 *
 * An inbox receives a set of numbers, some of which may be held back; everything in it that is
 * not held back can be taken. A peer is whom signals are sent to. What was taken is told as
 * hepta/signal.h does; of the kernel's, which don't say it, the source is NOT_SAID.
 */
#ifndef CONFORMANCE_SIGNAL_ROOM_H
#define CONFORMANCE_SIGNAL_ROOM_H

#include <errno.h>
#include <hepta/signal.h>
#include <signal.h>

#include "frame.h"

#define NOW HEPTA_NOW
#define EVER HEPTA_FOREVER

/* Abilities. */
#define NEEDS_SIGNALS 1u  /* the kernel's signals: codes, children, timers, threads, groups */
#define NEEDS_WAIT 2u     /* sigtimedwait(2) itself waits */
#define NEEDS_PIDFD 4u    /* sends through a pidfd */
#define NEEDS_FD 8u       /* has a descriptor */
#define NEEDS_HEPTA 16u   /* what only receivers and peers of Hepta's have */
#define NEEDS_MAILBOX 32u /* what only mailboxes have */
#define NEEDS_FAULTS 64u  /* is told of its own faults */
#define NEEDS_SLEEP 128u  /* no ppoll(2) sleeps instead of it */

#define LONG_MS 8000 /* a wait that must end: below the frame's time limit */
#define NOT_SAID 99u

#define RT(n) (SIGRTMIN + (n))
#define BIT(n) HEPTA_SIGNAL(n)
/* What nearly all cases receive; SIGURG and SIGUSR2 are left for handlers. */
#define USUAL (BIT(SIGHUP) | BIT(SIGUSR1) | BIT(SIGTERM) | ~0ull << (RT(0) - 1))

/* Where an inbox is. */
struct where {
    pid_t pid, tid;
    char name[64]; /* of a mailbox */
};

struct inbox {
    struct where at;
    uint64_t set, held, to_unblock;
    int fd; /* of signalfd */
    struct hepta_signal *sig;
    struct hepta_mailbox *box;
};

struct peer {
    pid_t pid, tid; /* tid: 0, or only this thread */
    int pidfd;
    struct hepta_signal_peer *h;
    struct hepta_mailbox *box;
};

/* Of sending. */
#define TO_GROUP HEPTA_SIGNAL_GROUP
#define WITH_VALUE HEPTA_SIGNAL_VALUE
#define IF_LIVE 0x100u /* of a mailbox: only if somebody receives, as it is with signals anyway */

struct signal_ops {
    /* Of the calling process and thread. Without in->at.name a mailbox is made. */
    int (*open)(struct inbox *in, uint64_t set);
    int (*close)(struct inbox *in);
    int (*mask)(struct inbox *in, int how, uint64_t set, uint64_t *old);
    int (*pending)(struct inbox *in, uint64_t *set);
    int (*wait)(struct inbox *in, struct hepta_signal_info *info, int64_t deadline);
    int (*fd)(struct inbox *in);
    /* thread: of at->tid only. */
    int (*peer)(struct peer *p, const struct where *at, bool thread);
    int (*send)(struct peer *p, int signo, uint32_t flags, uint64_t value);
    int (*leave)(struct peer *p);
    /* Be told of the program's own faults, until the process ends. */
    int (*faults)(uint64_t set, hepta_signal_fn *fn);
};

extern const struct signal_ops signal_kernel_ops, signal_signalfd_ops, signal_handler_ops,
    signal_hepta_ops, signal_mailbox_ops;
extern const struct conf_room signal_room;

static inline const struct signal_ops *ops(const struct conf *c)
{
    return c->be->ops;
}

static inline bool has(const struct conf *c, unsigned abilities)
{
    return (c->be->has & abilities) == abilities;
}

static inline int64_t in_some_ms(int ms)
{
    return hepta_now_ns() + ms * 1000000LL;
}

/* --- receiving ------------------------------------------------------------------------ */

void make_inbox(struct conf *c, struct inbox *in, uint64_t set);
/* Take what is left, close, unlink. */
void drop_inbox(struct conf *c, struct inbox *in);
/* Hold back all of it, or nothing. */
void hold(struct conf *c, struct inbox *in);
void let_go(struct conf *c, struct inbox *in);
uint64_t pending(struct conf *c, struct inbox *in);
/* The next one, which must be there: by its number. */
struct hepta_signal_info take_one(struct conf *c, struct inbox *in, int signo);
/* The next one, which must have this value, too. */
void take_value(struct conf *c, struct inbox *in, int signo, uint64_t value);
/* Nothing can be taken. */
void is_empty(struct conf *c, struct inbox *in);
/* Wait, and again if interrupted: what must come. */
struct hepta_signal_info await_signal(struct conf *c, struct inbox *in);

/* Its descriptor. */
int inbox_fd(struct conf *c, struct inbox *in);
/* 1 or 0: by poll, select and epoll, which must agree. */
int readable(struct conf *c, int fd);
/* The thread's mask. */
uint64_t blocked_here(void);

/* --- sending -------------------------------------------------------------------------- */

void find_peer(struct conf *c, struct peer *p, const struct where *at);
void find_self(struct conf *c, struct peer *p, const struct inbox *in);
void leave_peer(struct conf *c, struct peer *p);
void tell(struct conf *c, struct peer *p, int signo);
void queue(struct conf *c, struct peer *p, int signo, uint64_t value);
/* From a child: all of these, in this order; it has ended on return. Its number. */
pid_t tell_from_child(struct conf *c, const struct where *at, const int *signo, int n);

/* --- processes ------------------------------------------------------------------------ */

/* A child with an inbox of the usual set that it will wait at: what comes in goes to cells GOT + i,
 * what wait said otherwise, too; it ends after n. Asleep on return. */
enum { BEFORE = 0, COUNTER = 1, GOT = 8, VALUE = 24, FREE = 40 };
struct receiver {
    pid_t pid;
    struct inbox in; /* only its place: the child's */
};
void start_receiver(struct conf *c, struct receiver *r, int n, int64_t deadline);
void end_receiver(struct conf *c, struct receiver *r);
/* A place that the caller's inbox, or a child's, can have. */
struct where new_place(void);
void unlink_place(struct conf *c, const struct where *at);

#define SOMEBODY 40001
#define SOMEBODY_ELSE 40002

extern const struct conf_case signal_queue_cases[], signal_order_cases[], signal_mask_cases[],
    signal_wait_cases[], signal_sender_cases[], signal_peer_cases[], signal_fd_cases[],
    signal_fd_process_cases[], signal_source_cases[], signal_fault_cases[], signal_target_cases[],
    signal_process_cases[], signal_host_cases[], signal_full_cases[], signal_box_cases[],
    signal_give_cases[];

#endif
