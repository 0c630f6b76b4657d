/* SPDX-License-Identifier: MIT */
/*
 * hepta/mq.h - POSIX message queues: priorities, deadlines, notification, and leases
 *
 * What mq_overview(7) promises, with the messages in shared memory: the one with the highest
 * priority first, and in the order of sending within one priority; any number of senders and
 * receivers; a queue keeps its contents until it is unlinked or the machine restarts, also
 * when nobody has it open. No limit needs root, and no message is lost with a receiver that
 * dies inside a call.
 *
 * Names are "/jobs", as in hepta/fifo.h; the permission bits say who may open for reading and
 * who for writing; who may do either can also corrupt what is inside, or cut the file short
 * under the others (SIGBUS).
 *
 * A message can be received with a lease: it is out of the queue, but not gone until
 * hepta_mq_ack(). If the process dies before, the message returns to its old place, by
 * priority and order of sending, and the next receiver is told how often it was delivered.
 * No timer decides that: the process is dead when the kernel says so.
 *
 * Sleeping callers are woken in the order of their threads' priority (sched(7)), then of
 * arrival; a newcomer that can proceed may. Who waits with HEPTA_WAIT_BUSY, or still spins,
 * counts as a newcomer, and for hepta_mq_notify() not as one that waits.
 *
 * What differs from the kernel, on purpose: a queue is a handle, not a descriptor, and
 * non-blocking mode is the handle's (a forked child has its own); deadlines are of
 * CLOCK_MONOTONIC; a wait that a signal handler interrupts returns -EINTR, under SA_RESTART, too;
 * a handler that runs just before the thread goes to sleep, or while it waits for a running
 * holder of the lock, doesn't end the wait. SIGSTOP inside a verb can make others wait: they
 * keep their deadlines, and HEPTA_NOW gives -EAGAIN after 10 ms.
 *
 * A process that was killed is noticed by others, after the kernel has released it: by a call
 * that finds nothing at once, by one that sleeps within 50 ms, by a receive that finds another
 * message within one tick of the kernel's clock (1 to 10 ms), by stat and getattr at once.
 *
 * Errors every verb can return, not repeated below: -EINVAL (@mq is NULL), -EBADF (closed
 * handle, another kind, or not open for that), -EBADMSG (the shared segment was corrupted by a
 * peer; unlink it), -EXDEV (after fork into another PID namespace), -EDEADLK (called from a
 * signal handler that interrupted a verb), -ENOSYS (a thread made by a raw clone() without
 * robust futexes), -ETIMEDOUT and -EAGAIN (a stopped process is inside a verb).
 *
 * Trust: who may write the queue may corrupt its contents. Whatever it writes there, others
 * never fault, never read or write outside the segment, and keep their deadlines within 100 ms.
 *
 * Threads: any number, on one handle or several, but for hepta_mq_close(): no verb may be
 * inside. No verb is async-signal-safe or a cancellation point.
 */
#ifndef HEPTA_MQ_H
#define HEPTA_MQ_H

#include <hepta/base.h>
#include <signal.h>

#ifdef __cplusplus
extern "C" {
#endif

struct hepta_mq; /* an open queue */
struct sigevent; /* <signal.h>, which shows it only with POSIX */

#define HEPTA_MQ_PRIO_MAX 32767u            /* priorities are 0 (lowest) to this one */
#define HEPTA_MQ_MSGS_MAX 65536u            /* messages in a queue */
#define HEPTA_MQ_MSG_MAX (16u << 20)        /* bytes in a message */
#define HEPTA_MQ_BUDGET_MAX (1ull << 36)    /* bytes reserved for messages */
#define HEPTA_MQ_MSGS_DEFAULT 256u
#define HEPTA_MQ_MSG_DEFAULT 8192u          /* bytes */
#define HEPTA_MQ_BUDGET_DEFAULT (64u << 20) /* bytes, at most: see struct hepta_mq_options */

/* How to open; both: HEPTA_MQ_READ | HEPTA_MQ_WRITE. */
#define HEPTA_MQ_READ 1u
#define HEPTA_MQ_WRITE 2u
#define HEPTA_MQ_CREATE 4u   /* make it if nothing has the name */
#define HEPTA_MQ_EXCL 8u     /* with CREATE: -EEXIST if something has */
#define HEPTA_MQ_NONBLOCK 16u /* whatever deadline a verb is given, it is HEPTA_NOW */

/**
 * struct hepta_mq_options - zeroed means default
 * @size:     sizeof(struct hepta_mq_options), for growth; 0 is an error
 * @msgs_max: messages it can hold, at most HEPTA_MQ_MSGS_MAX; of who makes the queue
 * @msg_max:  bytes of its largest message, at most HEPTA_MQ_MSG_MAX; of who makes it
 * @wait:     enum hepta_wait, of the handle
 * @spin_ns:  as in struct hepta_pipe_options
 * @budget:   bytes reserved for messages, of who makes it; at least one message of @msg_max.
 *            0: @msgs_max messages of @msg_max, but if that is more than
 *            HEPTA_MQ_BUDGET_DEFAULT, that much, or one message where that is larger
 *
 * All memory is allocated when the queue is made. Where the budget holds fewer than @msgs_max
 * messages of @msg_max, a message takes its length rounded up to blocks, of 256 bytes (of 1024
 * or 4096 where @msg_max is above 16 or 256 KiB), and up to 72 bytes nothing; a send waits
 * for bytes as it waits for a place.
 */
struct hepta_mq_options {
    uint32_t size;
    uint32_t msgs_max;
    uint32_t msg_max;
    uint32_t wait;
    uint32_t spin_ns;
    uint32_t reserved;
    uint64_t budget;
};

/**
 * struct hepta_mq_attr - as struct mq_attr (mq_getattr(3))
 * @flags:    HEPTA_MQ_NONBLOCK or 0: the handle's
 * @msgs_max: messages it can hold
 * @msg_max:  bytes of the largest message
 * @msgs:     messages in it now, without those leased
 */
struct hepta_mq_attr {
    uint32_t flags;
    uint32_t msgs_max;
    uint32_t msg_max;
    uint32_t msgs;
};

/**
 * struct hepta_mq_info - what a receiver is told of a message
 * @lease:      number of the lease, for hepta_mq_ack() and hepta_mq_give_back(); 0 none
 * @prio:       its priority
 * @deliveries: how often it was given to somebody, this time included: 1 the first time; 0 from
 *              hepta_mq_look() if it never was
 * @len:        its length, bytes
 * @seq:        which of all messages sent to the queue it is, from 0
 */
struct hepta_mq_info {
    uint64_t lease;
    uint32_t prio;
    uint32_t deliveries;
    uint64_t len;
    uint64_t seq;
};

/**
 * struct hepta_mq_stat - what can be seen of a queue
 * @msgs_max, @msg_max: as in struct hepta_mq_attr
 * @budget:     bytes reserved for messages
 * @bytes:      bytes of the messages in it now, leased ones too
 * @msgs:       messages that can be received now
 * @leased:     messages out on a lease, or being copied out by a receiver
 * @reserved:   places that a sender has reserved and not committed
 * @sent:       messages sent since it was made
 * @received:   messages gone for good: received or acknowledged
 * @returned:   leases that were given back, or ended by a death
 * @waiting:    threads asleep: to receive [0], to send [1]
 * @sleeps:     times a receiver [0] or a sender [1] went to sleep
 * @wakes:      times one was woken
 * @recoveries: times the queue was mended after a death inside a verb
 * @notify_pid: process registered for notification, or 0
 */
struct hepta_mq_stat {
    uint32_t msgs_max, msg_max;
    uint64_t budget, bytes;
    uint32_t msgs, leased, reserved, notify_pid;
    uint64_t sent, received, returned;
    uint32_t waiting[2];
    uint64_t sleeps[2], wakes[2], recoveries;
};

/**
 * hepta_mq_open() - open a queue, or make it
 * @mq:    receives the handle
 * @name:  "/name"
 * @flags: HEPTA_MQ_READ, _WRITE or both; _CREATE, _EXCL, _NONBLOCK
 * @mode:  with CREATE: permission bits, 0 to 0777; umask(2) applies
 * @opt:   NULL for defaults
 *
 * The name appears at once and whole, or not at all. Who makes it may open it whatever the bits
 * say. What an existing queue was made with stays as it is.
 *
 * Crash:  what a maker that died left half-made is nobody's, and removed by a later make.
 * Return: 0, or -ENOENT, -EEXIST, -EACCES, -EINVAL (@name, @flags, @mode, @opt), -ENAMETOOLONG,
 * -E2BIG (@opt), -EFAULT (@mq or @name is NULL), -ENOSPC (no room for it in the directory's file
 * system), -EMEDIUMTYPE, -EPROTO, -EPROTONOSUPPORT, -ENODATA, -EBADMSG (not a queue of
 * Hepta's, another layout, cut short, or not consistent: what lies there was refused), -EXDEV
 * (made in another PID namespace), -EPERM (the directory can't be trusted), -ENOTDIR, -ELOOP
 * (HEPTA_DIR), -EROFS, -EOPNOTSUPP, -ENOMEM, -EMFILE, -ENFILE, -ENOSYS. *@mq is NULL then.
 * Source: mq_open(3).
 */
int hepta_mq_open(struct hepta_mq **mq, const char *name, uint32_t flags, mode_t mode,
                  const struct hepta_mq_options *opt);

/**
 * hepta_mq_send() - put a message into the queue
 * @mq:       a queue open for writing
 * @msg:      message bytes, copied before return; NULL allowed if @len is 0
 * @len:      bytes, 0 to the queue's msg_max
 * @prio:     0 (lowest) to HEPTA_MQ_PRIO_MAX; higher is received first
 * @deadline: absolute CLOCK_MONOTONIC ns, HEPTA_NOW or HEPTA_FOREVER
 *
 * Waits while the queue is full. Equal priorities are received in the order of sending.
 *
 * Ordering: writes made before this call are visible to whoever receives @msg.
 * Crash:    if the sender dies in here, @msg is in the queue whole or not at all.
 * Return: 0, or -EAGAIN (full, and HEPTA_NOW or a non-blocking handle), -ETIMEDOUT, -EMSGSIZE
 * (@len), -EINVAL (@prio), -EFAULT (@msg), -EINTR (a handler ran, nothing sent).
 * Source: mq_send(3).
 */
int hepta_mq_send(struct hepta_mq *mq, const void *msg, size_t len, uint32_t prio,
                  int64_t deadline);

/**
 * hepta_mq_receive() - take the oldest message of the highest priority
 * @mq:       a queue open for reading
 * @buf:      receives the message
 * @len:      size of @buf, at least the queue's msg_max
 * @prio:     receives its priority, or NULL
 * @deadline: as of hepta_mq_send()
 *
 * Waits while the queue is empty.
 *
 * Crash:  if the receiver dies in here, the message is still in the queue, in its place, or it
 *         was received.
 * Return: its length (0: it is empty), or -EAGAIN, -ETIMEDOUT, -EMSGSIZE (@len), -EFAULT (@buf),
 * -EINTR (a handler ran, nothing taken).
 * Source: mq_receive(3).
 */
ssize_t hepta_mq_receive(struct hepta_mq *mq, void *buf, size_t len, uint32_t *prio,
                         int64_t deadline);

/**
 * hepta_mq_lease() - receive a message that isn't gone before it is acknowledged
 * @info:  receives what is known of the message, and the lease
 *
 * As hepta_mq_receive() else. The lease is the calling process's: any of its threads may end
 * it, through any of its handles of this queue; a forked child may not. There may be any number
 * at once; a leased message keeps its place in the count of msgs_max.
 *
 * A process that has leased, peeked or reserved has one descriptor more for each such handle
 * until it closes that. A child that it forks may keep pollers (not other callers) from noticing
 * its death, until the child execs, ends, or calls into Hepta.
 *
 * Crash:  the message returns to its place.
 * Return: as hepta_mq_receive(), and -EFAULT (@info is NULL), -EMFILE, -ENFILE, -ENOMEM.
 */
ssize_t hepta_mq_lease(struct hepta_mq *mq, void *buf, size_t len, struct hepta_mq_info *info,
                       int64_t deadline);

/**
 * hepta_mq_peek() - receive a message where it lies, with a lease
 * @ptr:   receives its address, valid until the lease is ended or the handle closed
 * @info:  receives what is known of it, and the lease
 *
 * As hepta_mq_lease(), but nothing is copied (a message that lies in several pieces, which
 * happens only where the budget is short, is copied into memory of the process: -ENOMEM).
 * Ended by hepta_mq_ack() or hepta_mq_give_back(). Closing the handle gives it back.
 */
ssize_t hepta_mq_peek(struct hepta_mq *mq, const void **ptr, struct hepta_mq_info *info,
                      int64_t deadline);

/**
 * hepta_mq_ack() - done with a leased or peeked message: it is gone
 * @lease: from struct hepta_mq_info
 *
 * Never waits for another verb's end longer than 50 ms (-ETIMEDOUT: call again).
 *
 * Crash:  it is gone, or returns to its place.
 * Return: 0, or -ESRCH (no such lease: it was ended), -EPERM (another process's).
 */
int hepta_mq_ack(struct hepta_mq *mq, uint64_t lease);

/* The other end of a lease: the message returns to its place at once. As hepta_mq_ack(). */
int hepta_mq_give_back(struct hepta_mq *mq, uint64_t lease);

/**
 * hepta_mq_look() - copy the message that would be received, and leave it there
 * @buf:  receives up to @len of its bytes; any @len
 * @info: receives what is known of it, lease 0; or NULL
 *
 * Waits while the queue is empty. Return: the bytes copied, or as hepta_mq_receive() but for
 * -EMSGSIZE.
 */
ssize_t hepta_mq_look(struct hepta_mq *mq, void *buf, size_t len, struct hepta_mq_info *info,
                      int64_t deadline);

/**
 * hepta_mq_reserve() - a place in the queue to build a message in
 * @len:  bytes, 0 to msg_max
 * @ptr:  receives the address of @len contiguous bytes, aligned to 8, never NULL
 *
 * Waits as hepta_mq_send(); where the budget is short, also for one contiguous piece. Others
 * send meanwhile. It counts as a message for msgs_max, and ends with hepta_mq_commit(),
 * hepta_mq_cancel(), or the handle's close.
 *
 * Crash:  the place comes back, as after a cancel.
 * Return: 0, or as hepta_mq_send(), and -EFAULT (@ptr is NULL), -EMFILE, -ENFILE, -ENOMEM.
 */
int hepta_mq_reserve(struct hepta_mq *mq, size_t len, void **ptr, int64_t deadline);

/**
 * hepta_mq_commit() - send what was built at @ptr
 * @ptr:  from hepta_mq_reserve() of this handle
 * @len:  bytes of it, at most what was reserved
 * @prio: as of hepta_mq_send()
 *
 * Return: 0, or -ESRCH (@ptr isn't reserved), -EINVAL (@prio), -EMSGSIZE (@len), -ETIMEDOUT (a
 * stopped process is inside a verb: call again), -EPERM (reserved by another process).
 */
int hepta_mq_commit(struct hepta_mq *mq, void *ptr, size_t len, uint32_t prio);

/* Give the place back, nothing sent. 0, -ESRCH, -EPERM, -ETIMEDOUT. */
int hepta_mq_cancel(struct hepta_mq *mq, void *ptr);

/**
 * hepta_mq_getattr() / hepta_mq_setattr() - attributes of queue and handle
 * @attr: receives them
 * @now:  only its flags count, HEPTA_MQ_NONBLOCK or 0; NULL changes nothing
 * @old:  receives what was before, or NULL
 *
 * Return: 0, or -EFAULT (@attr), -EINVAL (@now->flags). Source: mq_getattr(3), mq_setattr(3).
 */
int hepta_mq_getattr(struct hepta_mq *mq, struct hepta_mq_attr *attr);
int hepta_mq_setattr(struct hepta_mq *mq, const struct hepta_mq_attr *now,
                     struct hepta_mq_attr *old);

/**
 * hepta_mq_notify() - be told, once, when a message comes into the empty queue
 * @ev: SIGEV_NONE, SIGEV_SIGNAL or SIGEV_THREAD, as mq_notify(3) has them; NULL: end it
 *
 * One process at a time can be registered. The registration ends when it was told, when the
 * process closes any handle of the queue, execs, or dies. If a receiver sleeps when the message
 * comes, that one gets it and the registration stays. The signal has si_code SI_MESGQ, the
 * value, and the sender's pid and uid, also where sender and receiver are different users.
 * A message whose lease ended with a return to the empty queue counts as one that comes.
 *
 * It takes a message queue of the kernel's, of one message, per registration: RLIMIT_MSGQUEUE
 * and fs.mqueue.queues_max apply, and the sender has to be in the same IPC namespace.
 *
 * Crash:  a sender that dies inside the send that notifies may have notified and not sent.
 * Return: 0, or -EBUSY (another process is registered, or this one), -EINVAL (@ev), -EMFILE,
 * -ENFILE, -ENOSPC, -ENOMEM, -ENOSYS (no message queues in this kernel).
 * Source: mq_notify(3).
 */
int hepta_mq_notify(struct hepta_mq *mq, const struct sigevent *ev);

/**
 * hepta_mq_fd() - a descriptor for poll(2), select(2), epoll(7)
 * @access: HEPTA_MQ_READ or HEPTA_MQ_WRITE: what to wait for
 *
 * Wait for POLLIN on both. It is a level: high while a message can be received, or a message of
 * msg_max bytes sent; a verb with HEPTA_NOW that gives -EAGAIN makes it exact. It may be high
 * without a reason for a moment, never low without one. The same descriptor at every call;
 * don't read or close it. A forked child asks for its own.
 *
 * Return: the descriptor, or -EINVAL (@access), -EBADF (not open for that), -EMFILE, -ENFILE,
 * -ENOMEM, -ENOSPC, -ETIMEDOUT.
 */
int hepta_mq_fd(struct hepta_mq *mq, uint32_t access);

/* Counters; st_size is sizeof *st. 0, -EFAULT, -EINVAL. Ends what dead processes held. */
int hepta_mq_stat(struct hepta_mq *mq, struct hepta_mq_stat *st, size_t st_size);

/**
 * hepta_mq_unlink() - remove the name
 *
 * At once; who has it open goes on using it, and its memory goes with the last of them.
 *
 * Return: 0, or -ENOENT, -EACCES or -EPERM (not the owner, or the directory can't be trusted),
 * -EINVAL, -ENAMETOOLONG, -EFAULT (@name is NULL), -ELOOP, -ENOTDIR (HEPTA_DIR), -EROFS, -ENOMEM,
 * -ENOSPC, -EMFILE, -ENFILE, -ENOSYS. Source: mq_unlink(3).
 */
int hepta_mq_unlink(const char *name);

/**
 * hepta_mq_close() - give up a handle
 * @mq: any handle, or NULL
 *
 * Ends the process's notification, gives back what was leased or peeked through this handle, and
 * what was reserved. Messages stay.
 *
 * Return: NULL. Source: mq_close(3).
 */
struct hepta_mq *hepta_mq_close(struct hepta_mq *mq);

#ifdef __cplusplus
}
#endif
#endif
