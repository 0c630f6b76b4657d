/* SPDX-License-Identifier: MIT */
/*
 * hepta/signal.h - signals: the kernel's, sent and received without their traps; and mailboxes,
 * which are signals in memory
 *
 * What signal(7) promises: something happened, told to another process at any time. Signals 1 to
 * 31 coalesce: while one is pending, more of the same number add nothing. Real-time signals queue,
 * each with its value, in order; of several pending the lowest number is delivered first. Blocked
 * ones stay pending. A signal number n is the bit HEPTA_SIGNAL(n) of a set.
 *
 * Three things of the kernel's:
 *   peer      whom signals are sent to, held by a pidfd: what was opened is hit, or nothing; a pid
 *             that was given to another process since is -ESRCH.
 *   receiver  signals that a thread takes when it wants to: it waits with a deadline, polls a
 *             descriptor, or lets a dispatcher call functions, which are ordinary code: no
 *             handler interrupts anything. It tells who sent and why.
 *   faults    SIGSEGV, SIGBUS, SIGFPE and SIGILL of the program itself: reported with cause and
 *             address; and a guarded call, which gives -EFAULT where a mapping gave way.
 * What these change (masks, handlers) is put back when they are closed; handlers of the program's
 * own are called for all that isn't Hepta's.
 *
 * A mailbox is a named object in shared memory that one process at a time receives from. It
 * has 64 numbers of its own: 1 to 31 coalesce, 32 to 64 queue, with up to 56 bytes each. It stays
 * when its receiver goes: what is pending waits for the next one. No system call unless the
 * receiver sleeps; no RLIMIT_SIGPENDING.
 *
 * Threads: any number, but for the verbs that close something: nobody may be inside.
 */
#ifndef HEPTA_SIGNAL_H
#define HEPTA_SIGNAL_H

#include <hepta/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A set: bit n - 1 for signal n, as in /proc/PID/status. */
#define HEPTA_SIGNAL(n) (1ull << ((n)-1))
#define HEPTA_SIGNAL_MAX 64

/**
 * enum hepta_signal_source - where a signal came from
 * @HEPTA_SIGNAL_FROM_KERNEL:   the kernel, for another reason than those below
 * @HEPTA_SIGNAL_FROM_KEYBOARD: the terminal: Ctrl+C, Ctrl+\, Ctrl+Z, its size, its hang-up
 * @HEPTA_SIGNAL_FROM_KILL:     kill(2), or the kernel on behalf of the process itself (SIGPIPE)
 * @HEPTA_SIGNAL_FROM_TKILL:    tgkill(2), raise(3)
 * @HEPTA_SIGNAL_FROM_QUEUE:    sigqueue(3), hepta_signal_send() with a value: `value`
 * @HEPTA_SIGNAL_FROM_TIMER:    timer_create(2): `value`, `timer`, `overrun`; setitimer(2), alarm(2)
 * @HEPTA_SIGNAL_FROM_CHILD:    a child ended, stopped or went on: `pid`, `uid`, `code`, `status`
 * @HEPTA_SIGNAL_FROM_FAULT:    the program's own instruction: `address`, `code`
 * @HEPTA_SIGNAL_FROM_MQ:       mq_notify(3): `pid` and `uid` of who sent the message, `value`
 * @HEPTA_SIGNAL_FROM_IO:       fcntl(2) F_SETSIG, asynchronous I/O: `band`, `fd`, or `value`
 * @HEPTA_SIGNAL_FROM_MAILBOX:  hepta_mailbox_send()
 */
enum hepta_signal_source {
    HEPTA_SIGNAL_FROM_KERNEL = 0,
    HEPTA_SIGNAL_FROM_KEYBOARD = 1,
    HEPTA_SIGNAL_FROM_KILL = 2,
    HEPTA_SIGNAL_FROM_TKILL = 3,
    HEPTA_SIGNAL_FROM_QUEUE = 4,
    HEPTA_SIGNAL_FROM_TIMER = 5,
    HEPTA_SIGNAL_FROM_CHILD = 6,
    HEPTA_SIGNAL_FROM_FAULT = 7,
    HEPTA_SIGNAL_FROM_MQ = 8,
    HEPTA_SIGNAL_FROM_IO = 9,
    HEPTA_SIGNAL_FROM_MAILBOX = 10,
};

#define HEPTA_MAILBOX_PAYLOAD_MAX 56u /* bytes */

/**
 * struct hepta_signal_info - what is known of a signal that was received
 * @signo:   its number
 * @source:  enum hepta_signal_source; the fields it doesn't name are 0
 * @code:    si_code of sigaction(2)
 * @pid, @uid: who sent it (real user id). Of a process of another PID namespace: 0. Who queues a
 *           value or writes to a mailbox says himself who he is
 * @status:  of a child: exit status, or signal
 * @value:   that was sent with it, as a pointer is: sigval's sival_int is its lower half
 * @address: of a fault
 * @timer, @overrun: of a timer: its number, and expirations that weren't told separately
 * @band, @fd: of I/O
 * @len, @payload: of a mailbox
 */
struct hepta_signal_info {
    int32_t signo;
    uint32_t source;
    int32_t code;
    int32_t pid;
    uint32_t uid;
    int32_t status;
    uint64_t value;
    uint64_t address;
    int32_t timer, overrun;
    int32_t band, fd;
    uint32_t len;
    uint32_t reserved;
    unsigned char payload[HEPTA_MAILBOX_PAYLOAD_MAX];
};

/** hepta_signal_name() - "SIGINT", "SIGRTMIN+3" of a number; NULL if there is none (32 and 33, too,
 * which are the C library's: SIGRTMIN is 34). Static. */
const char *hepta_signal_name(int signo);

/**
 * hepta_signal_number() - of "INT", "SIGINT", "int", "2", "RTMIN+3", "RTMAX-1", "HUP"
 * Return: 1 to HEPTA_SIGNAL_MAX, or -EINVAL. Source: kill(1).
 */
int hepta_signal_number(const char *name);

/** hepta_signal_source_name() - "keyboard", "sigqueue", ... of a source. Static, never NULL. */
const char *hepta_signal_source_name(uint32_t source);

/* --- to another process -------------------------------------------------------------- */

struct hepta_signal_peer; /* private to the process */

#define HEPTA_SIGNAL_THREAD 1u /* of opening: the number is a thread's (Linux 6.9) */
#define HEPTA_SIGNAL_GROUP 2u  /* of sending: to the process group that it leads (Linux 6.9) */
#define HEPTA_SIGNAL_VALUE 4u  /* of sending: queued, with a value: HEPTA_SIGNAL_FROM_QUEUE */

/**
 * hepta_signal_peer_open() - hold a process, or a thread, so that signals can hit nobody else
 * @pid:   as this process sees it
 * @flags: 0 or HEPTA_SIGNAL_THREAD
 *
 * Whoever has the number now. To be sure of a child, open before waiting for it.
 * Return: 0, or -EINVAL (@flags; @pid is 0 or less; without HEPTA_SIGNAL_THREAD: it is a
 * thread's), -ESRCH, -EMFILE, -ENFILE, -ENOMEM, -ENOSYS. Source: pidfd_open(2).
 */
int hepta_signal_peer_open(pid_t pid, uint32_t flags, struct hepta_signal_peer **peer);

/**
 * hepta_signal_peer_adopt() - as hepta_signal_peer_open(), of a pidfd the caller got (clone(2),
 * SCM_PIDFD); it stays the caller's
 * Return: as there, and -EBADF (not a pidfd).
 */
int hepta_signal_peer_adopt(int pidfd, struct hepta_signal_peer **peer);

/**
 * hepta_signal_send() - send it a signal
 * @signo: 1 to 64; 0 only asks whether it could be sent
 * @flags: 0, HEPTA_SIGNAL_GROUP, HEPTA_SIGNAL_VALUE (with @signo not 0)
 * @value: with HEPTA_SIGNAL_VALUE
 *
 * Async-signal-safe, and leaves `errno` alone. Never waits. A zombie accepts signals, as the kernel
 * has it, as long as it has not been waited for. A group is still there when its leader is gone.
 * Return: 0, or -EINVAL (@signo, @flags), -EPERM, -ESRCH (it is gone, whoever has its number now;
 * HEPTA_SIGNAL_GROUP: it leads none), -EAGAIN (with a value: RLIMIT_SIGPENDING), -EBADF (closed).
 * Source: pidfd_send_signal(2), kill(2), sigqueue(3).
 */
int hepta_signal_send(struct hepta_signal_peer *peer, int signo, uint32_t flags, uint64_t value);

/** hepta_signal_peer_fd() - its pidfd: readable once it has ended. The peer's: don't close it. */
int hepta_signal_peer_fd(struct hepta_signal_peer *peer);

/** hepta_signal_peer_pid() - its number, which may be another's by now. Or -EBADF, -ESRCH (adopted
 * when it was gone, or from another PID namespace: it has none here). */
int hepta_signal_peer_pid(struct hepta_signal_peer *peer);

int hepta_signal_peer_close(struct hepta_signal_peer *peer);

/* --- the receiver -------------------------------------------------------------------- */

struct hepta_signal; /* a receiver: private to the process and the thread that opened it */

/**
 * hepta_signal_open() - receive these signals when it suits
 * @set: which; never SIGKILL, SIGSTOP and the two that the C library keeps for itself (32, 33)
 *
 * They are blocked in the calling thread from here on. Signals to the process go to any thread
 * that doesn't block them: open before other threads are started, which inherit the mask;
 * hepta_signal_unblocked() tells. A program that is executed inherits it, too, as sigprocmask(2)
 * says: unblock between fork and exec. SIGSEGV, SIGBUS, SIGFPE and SIGILL that the thread itself
 * causes can't be received so: the kernel kills it; see hepta_signal_faults().
 * Receivers of one thread may overlap: a signal is blocked while one has it.
 * Return: 0, or -EINVAL (@set), -ENOMEM.
 */
int hepta_signal_open(uint64_t set, struct hepta_signal **sig);

/* hepta_signal_mask(), hepta_mailbox_mask(): how */
#define HEPTA_SIGNAL_BLOCK 0
#define HEPTA_SIGNAL_UNBLOCK 1
#define HEPTA_SIGNAL_SETMASK 2

/**
 * hepta_signal_mask() - hold some of its set back: they stay pending until unblocked
 * @how: HEPTA_SIGNAL_BLOCK (these, too), _UNBLOCK (these no longer), _SETMASK (these, only)
 * @old: receives what was held back before; may be NULL
 *
 * Of the receiver: at first nothing is held back. A descriptor follows at once, a wait that has
 * begun in another thread doesn't. Return: 0, -EINVAL (@how; not of its set), -EBADF. Source:
 * sigprocmask(2).
 */
int hepta_signal_mask(struct hepta_signal *sig, int how, uint64_t set, uint64_t *old);

/** hepta_signal_pending() - which of its set are pending, for the thread or the process. 0. */
int hepta_signal_pending(struct hepta_signal *sig, uint64_t *set);

/**
 * hepta_signal_wait() - take the next one
 * @info: may be NULL
 *
 * In the opening thread: others get what was sent to the process, if they block it, too.
 * What was sent to the thread comes before what was sent to the process, whatever the numbers.
 * Return: its number, or -EAGAIN (HEPTA_NOW), -ETIMEDOUT, -EINTR (a handler of another signal
 * ran, or the process was stopped and went on), -EBADF. Source: sigtimedwait(2).
 */
int hepta_signal_wait(struct hepta_signal *sig, struct hepta_signal_info *info, int64_t deadline);

/**
 * hepta_signal_fd() - readable while one could be taken
 *
 * Made at the first call; the receiver's: don't close it, don't read from it. It tells of what the
 * process and thread could take that poll it; in an epoll set, of those that added it there.
 * A child that waits at an epoll set it inherited can swallow what the parent would be told.
 * Return: the descriptor, or -EBADF, -EMFILE, -ENFILE, -ENODEV, -ENOMEM. Source: signalfd(2).
 */
int hepta_signal_fd(struct hepta_signal *sig);

typedef void hepta_signal_fn(const struct hepta_signal_info *info, void *arg);

/**
 * hepta_signal_on() - what the dispatcher calls for a number
 * @fn: NULL: nothing
 * Return: 0, -EINVAL (not of its set), -EBADF.
 */
int hepta_signal_on(struct hepta_signal *sig, int signo, hepta_signal_fn *fn, void *arg);

/**
 * hepta_signal_dispatch() - wait for one, then call for it and for all that are pending
 *
 * The functions are ordinary code on the caller's stack: they may call anything, also
 * hepta_signal_on() and hepta_signal_dispatch() itself; not hepta_signal_close(). What has none is
 * taken and counts. At most 1024 in one call. Return: how many, or as hepta_signal_wait().
 */
int hepta_signal_dispatch(struct hepta_signal *sig, int64_t deadline);

/**
 * hepta_signal_unblocked() - threads of this process that have some of its set unblocked
 *
 * They could lose a signal to its default action, or a handler. Return: how many; -EACCES, ... (no
 * /proc).
 */
int hepta_signal_unblocked(struct hepta_signal *sig);

/**
 * hepta_signal_close() - put the thread's mask back
 *
 * Those that were unblocked before are again, unless another receiver has them, and are
 * delivered, if pending, as the kernel does: by then. Take what isn't wanted first. In a child of
 * fork(2) it closes the child's. A thread closes its receivers before it ends: nobody else can.
 * Return: 0, -EBADF, -EPERM (another thread than the one that opened it: nothing is done).
 */
int hepta_signal_close(struct hepta_signal *sig);

/* --- faults -------------------------------------------------------------------------- */

/**
 * hepta_signal_faults() - be told of faults before the program ends of them
 * @set: of SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS
 * @fn:  called inside the signal handler, on the thread that faulted: async-signal-safe functions
 *       only. hepta_signal_describe() is one
 *
 * A thread that blocks the signal of its own fault is killed by the kernel unheard.
 * Then what was installed before is called, or the default action taken, at the faulting
 * instruction, so that a core dump shows it. One at a time in a process. Signals of these
 * numbers that were sent (kill(2)) are reported with their source. A stack that overflowed needs
 * sigaltstack(2), which each thread has to set up; it is used where it is.
 * Return: 0, or -EINVAL (@set, @fn), -EBUSY (there is one).
 */
int hepta_signal_faults(uint64_t set, hepta_signal_fn *fn, void *arg);

/**
 * hepta_signal_faults_end() - put back the handlers that were there before
 *
 * Where somebody else has installed his own since, his stays. Return: 0, -EINVAL (there is none).
 */
int hepta_signal_faults_end(void);

/**
 * hepta_signal_describe() - a line for people: "SIGSEGV from fault: address not mapped, 0x10"
 *
 * Async-signal-safe. Return: its length without the final 0, cut to fit @n.
 */
int hepta_signal_describe(const struct hepta_signal_info *info, char *text, size_t n);

/**
 * hepta_signal_guard() - call a function that reads or writes a mapping which may give way
 * @base, @len: the mapping: whole or part
 * @fn:   what to call; it returns or ends here, it doesn't jump or throw elsewhere. No lock of its
 *        own may be held across an access, and no verb of this library called but this one
 * @info: receives the fault; may be NULL
 *
 * A SIGBUS (its file was truncated, its memory ran out) or SIGSEGV (its protection, unmapped) of
 * this thread inside the range ends @fn there. Others go to whoever handled them. Guards nest, and
 * threads have their own. The handlers are there while any guard is; a thread
 * that blocks these signals has them unblocked meanwhile.
 * Return: what @fn returns; -EFAULT; -EINVAL (@fn, a range that wraps).
 */
int hepta_signal_guard(const void *base, size_t len, int (*fn)(void *arg), void *arg,
                       struct hepta_signal_info *info);

/* --- mailboxes ----------------------------------------------------------------------- */

struct hepta_mailbox; /* an open mailbox: private to the process */

#define HEPTA_MAILBOX_DEPTH_MAX 65536u
#define HEPTA_MAILBOX_DEPTH_DEFAULT 1024u

/* How to open. */
#define HEPTA_MAILBOX_RECEIVE 1u /* be its receiver; else only send */
#define HEPTA_MAILBOX_CREATE 4u  /* make it if nothing has the name */
#define HEPTA_MAILBOX_EXCL 8u    /* with CREATE: -EEXIST if something has */
#define HEPTA_MAILBOX_ACK 16u    /* with RECEIVE: see hepta_mailbox_wait() */

/* How to send. */
#define HEPTA_MAILBOX_LIVE 1u /* -ESRCH if no living process receives */

/**
 * struct hepta_mailbox_options - zeroed means default
 * @size:    sizeof(struct hepta_mailbox_options), for growth; 0 is an error
 * @depth:   of who makes it: queued signals of 32 to 64 it can hold, all together
 * @blocked: of the receiver: its mask at first
 * @wait, @spin_ns: as in struct hepta_pipe_options, of the handle
 */
struct hepta_mailbox_options {
    uint32_t size;
    uint32_t depth;
    uint64_t blocked;
    uint32_t wait;
    uint32_t spin_ns;
};

/**
 * struct hepta_mailbox_stat
 * @pending:  numbers that are pending, blocked or not
 * @blocked:  the receiver's mask; stays when it goes
 * @depth:    see struct hepta_mailbox_options
 * @queued:   of 32 to 64, pending
 * @receiver: its pid; 0 if there is none, or it is dead
 * @sent, @coalesced, @received, @refused: since it was made; @coalesced of @sent added nothing;
 *            @refused: -EAGAIN
 * @recovered: places that senders had taken who died
 */
struct hepta_mailbox_stat {
    uint64_t pending, blocked;
    uint32_t depth, queued;
    int32_t receiver;
    uint32_t reserved;
    uint64_t sent, coalesced, received, refused, recovered;
};

/**
 * hepta_mailbox_open() - open a named mailbox, made if need be
 * @name:  "/jobs", as of hepta_sem_open(); a name of its own kind
 * @flags: HEPTA_MAILBOX_RECEIVE, _CREATE, _EXCL, _ACK
 * @mode:  of who makes it: to send, and to receive, takes reading and writing
 * @opt:   NULL for defaults
 *
 * A receiver that is dead, or has closed, is followed by the next; what is pending stays.
 * Return: 0, or -EBUSY (a living process receives: this one, too), and as hepta_permit_open().
 */
int hepta_mailbox_open(const char *name, uint32_t flags, mode_t mode,
                       const struct hepta_mailbox_options *opt, struct hepta_mailbox **box);

/**
 * hepta_mailbox_send() - make a signal pending there
 * @signo: 1 to 31: coalesces, no payload; 32 to 64: queued; 0: only asks
 * @payload, @len: up to HEPTA_MAILBOX_PAYLOAD_MAX bytes; NULL and 0 for none
 * @flags: 0, HEPTA_MAILBOX_LIVE
 *
 * Async-signal-safe; takes no lock, never waits: who is stopped inside it holds up nobody, not even
 * others' signals. Order: those of one sender and one number arrive as they were sent. Who is
 * killed inside has sent it whole or not at all; if so, a receiver asleep may see it a second late.
 * Return: 0 (accepted: it is pending until it is received, whoever dies), or -EAGAIN (as many are
 * queued as there can be; counted), -ESRCH (unlinked and without a living receiver, or
 * HEPTA_MAILBOX_LIVE), -EINVAL (@signo, @len, @flags), -EMSGSIZE (@len), -EFAULT (@payload NULL),
 * -EBADF, -EBADMSG, -EXDEV.
 */
int hepta_mailbox_send(struct hepta_mailbox *box, int signo, const void *payload, size_t len,
                       uint32_t flags);

/**
 * hepta_mailbox_wait() - the receiver takes the next one: the lowest number that isn't blocked
 *
 * Crash:  taken, or pending still. With HEPTA_MAILBOX_ACK what was given is kept until the next
 *         hepta_mailbox_wait(), hepta_mailbox_ack() or hepta_mailbox_close(): if the receiver dies
 *         before, the next one is given it again, first of its number.
 * Return: its number, or -EAGAIN (HEPTA_NOW), -ETIMEDOUT, -EINTR, -EPERM (not the receiver),
 * -EBADF, -EBADMSG, -EXDEV, -EDEADLK (from a handler that interrupted a verb), -ENOSYS.
 */
int hepta_mailbox_wait(struct hepta_mailbox *box, struct hepta_signal_info *info,
                       int64_t deadline);

/** hepta_mailbox_ack() - what was given last is done. 0; -EINVAL: nothing was given, or no _ACK. */
int hepta_mailbox_ack(struct hepta_mailbox *box);

/** hepta_mailbox_mask() - the receiver's mask, as hepta_signal_mask(): all 64 numbers, in force at
 * once. Return: 0, -EINVAL (@how), -EPERM, ... */
int hepta_mailbox_mask(struct hepta_mailbox *box, int how, uint64_t set, uint64_t *old);

/** hepta_mailbox_pending() - the numbers that are pending, blocked or not. 0. */
int hepta_mailbox_pending(struct hepta_mailbox *box, uint64_t *set);

/**
 * hepta_mailbox_fd() - of the receiver: readable while one that isn't blocked is pending
 *
 * The handle's; level-triggered; exact after a hepta_mailbox_wait(HEPTA_NOW) that gave -EAGAIN, but
 * that it is readable once more a second after the last signal, or the first call of this: a sender
 * may have been killed before he could tell.
 * Return: the descriptor, or -EPERM (not the receiver), -EMFILE, -ENFILE, -ENOMEM, -ENOSPC, ...
 */
int hepta_mailbox_fd(struct hepta_mailbox *box);

/** hepta_mailbox_stat() - numbers, of one moment */
int hepta_mailbox_stat(struct hepta_mailbox *box, struct hepta_mailbox_stat *stat);

/** hepta_mailbox_close() - the receiver's handle: another may receive now. 0, -EBADF. */
int hepta_mailbox_close(struct hepta_mailbox *box);

/** hepta_mailbox_unlink() - as hepta_sem_unlink(): the name goes at once; senders get -ESRCH once
 * no living process receives. */
int hepta_mailbox_unlink(const char *name);

#ifdef __cplusplus
}
#endif
#endif
