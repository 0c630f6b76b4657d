/* SPDX-License-Identifier: MIT */
/*
 * hepta/msg.h - System V message queues: integer ids and keys, selection by type
 *
 * What svipc(7), msgget(2), msgop(2) and msgctl(2) promise, with the messages in shared
 * memory. An id is an int that every process may use without opening anything; a key leads to
 * an id. The structures, flags and constants are those of <sys/ipc.h> and <sys/msg.h>, keys
 * come from ftok(3). A queue keeps its contents until it is removed or the machine restarts.
 * To receive a given type takes the same time however many messages of other types are in front.
 *
 * Ids of Hepta's and ids of the kernel's are two worlds: one knows nothing of the other.
 *
 * Sleeping callers are woken in the order of arrival, a receiver only for a message that it
 * asked for; a newcomer that can proceed may.
 *
 * What differs from the kernel, on purpose: limits are of each queue, chosen by who makes it
 * (struct hepta_msg_options), and need no root; the number of messages is limited apart from
 * their bytes; the deadline; -EINTR under SA_RESTART, which the kernel's has, too. IPC_SET can't
 * give a queue to another user without the right to (chown(2)), and can't set msg_qbytes above
 * what was reserved.
 *
 * Whether this process may use an id is asked at its first use, and again by hepta_msg_get() and
 * hepta_msg_ctl(), after a fork, after IPC_SET and after a refusal; not after seteuid(2).
 *
 * Errors every verb can return, not repeated below: -EBADMSG (the shared segment was corrupted
 * by a peer; remove the queue), -EDEADLK (called from a signal handler that interrupted a verb),
 * -ENOSYS (a thread made by a raw clone() without robust futexes), -ENOMEM, -EMFILE, -ENFILE (at
 * the first use of an id in a process), -EXDEV (made in another PID namespace), -EPROTO,
 * -EPROTONOSUPPORT, -EMEDIUMTYPE, -ENODATA (then, too: what lies there was refused), -ETIMEDOUT and
 * -EAGAIN (a stopped process is inside a verb).
 *
 * Deaths, trust, SIGSTOP: as in hepta/mq.h. Threads: any number. No verb is async-signal-safe or
 * a cancellation point.
 */
#ifndef HEPTA_MSG_H
#define HEPTA_MSG_H

#include <hepta/base.h>
#include <sys/ipc.h>
#include <sys/msg.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HEPTA_MSG_MSGS_MAX (1u << 20)        /* messages in a queue */
#define HEPTA_MSG_MSG_MAX (16u << 20)        /* bytes of a message's text */
#define HEPTA_MSG_QBYTES_MAX (1ull << 32)    /* bytes of all texts in a queue */
#define HEPTA_MSG_MSGS_DEFAULT 4096u
#define HEPTA_MSG_MSG_DEFAULT 65536u         /* the kernel's msgmax: 8192 */
#define HEPTA_MSG_QBYTES_DEFAULT (1u << 20)  /* the kernel's msgmnb: 16384 */

/* hepta_msg_fd(): what to wait for */
#define HEPTA_MSG_READ 1u
#define HEPTA_MSG_WRITE 2u

/**
 * struct hepta_msg_options - the limits, of who makes the queue; zeroed means default
 * @size:     sizeof(struct hepta_msg_options), for growth; 0 is an error
 * @msgs_max: messages that it can hold (the kernel: as many as msg_qbytes)
 * @msg_max:  bytes of the longest text (the kernel: msgmax)
 * @wait, @spin_ns: as in struct hepta_pipe_options, of this process's use of the id
 * @qbytes:   what msg_qbytes is at first, and the most that IPC_SET can set (the kernel: msgmnb);
 *            that much memory and some more is allocated at once
 *
 * The environment variables HEPTA_MSGMAX, HEPTA_MSGMNB and HEPTA_MSGTQL, decimal numbers, stand
 * for @msg_max, @qbytes and @msgs_max where those are 0 or @opt is NULL: the limits of programs
 * that don't know these options. One that isn't a number within the limits above is -EINVAL.
 */
struct hepta_msg_options {
    uint32_t size;
    uint32_t msgs_max;
    uint32_t msg_max;
    uint32_t wait;
    uint32_t spin_ns;
    uint32_t reserved;
    uint64_t qbytes;
};

/**
 * hepta_msg_get() - the id of a queue, made if need be
 * @key:   IPC_PRIVATE (a new queue), or a key (ftok(3))
 * @flags: permission bits, IPC_CREAT, IPC_EXCL
 * @opt:   NULL for defaults; ignored, but for wait and spin_ns, where the queue exists
 *
 * umask(2) doesn't apply. Of an existing queue @flags' bits ask for permission: all of them
 * must be granted.
 *
 * Crash:  what a maker that died left half-made is nobody's, and removed by a later make.
 * Return: the id, 0 or more; or -ENOENT, -EEXIST, -EACCES, -ENOSPC (no room for it in the
 * directory's file system, or no id left), -EINVAL, -E2BIG (@opt), and what hepta_mq_open() says
 * of the directory and of what was refused.
 * Source: msgget(2).
 */
int hepta_msg_get(key_t key, int flags, const struct hepta_msg_options *opt);

/**
 * hepta_msg_send() - append a message
 * @id:       from hepta_msg_get(), of any process
 * @type:     1 or more (mtype)
 * @text:     bytes, copied before return; NULL allowed if @len is 0
 * @len:      0 to the queue's msg_max
 * @flags:    IPC_NOWAIT, or 0
 * @deadline: absolute CLOCK_MONOTONIC ns, HEPTA_NOW or HEPTA_FOREVER
 *
 * Waits while the text, or one more message, doesn't fit into msg_qbytes.
 *
 * Crash:  the message is in the queue whole or not at all.
 * Return: 0, or -EAGAIN, -ETIMEDOUT, -EINVAL (@id, @type, @len), -EFAULT, -EACCES, -EIDRM (it
 * was removed), -EINTR (a handler ran, nothing sent). Source: msgop(2).
 */
int hepta_msg_send(int id, long type, const void *text, size_t len, int flags,
                   int64_t deadline);

/**
 * hepta_msg_receive() - take a message by its type
 * @id:       from hepta_msg_get(), of any process
 * @type:     receives its type, or NULL
 * @text:     receives its text
 * @len:      size of @text
 * @want:     0: the oldest; t > 0: the oldest of type t, with MSG_EXCEPT the oldest of another
 *            type; t < 0: the oldest of the lowest type that is at most |t|. With MSG_COPY: the
 *            number of the message, from 0
 * @flags:    IPC_NOWAIT, MSG_EXCEPT, MSG_NOERROR (cut a longer text), MSG_COPY (a copy of the
 *            @want-th, which stays; only with IPC_NOWAIT)
 * @deadline: as of hepta_msg_send()
 *
 * Crash:  the message is still in the queue, in its place, or it was received.
 * Return: bytes of the text in @text, or -ENOMSG (IPC_NOWAIT: none), -EAGAIN (HEPTA_NOW: none),
 * -ETIMEDOUT, -E2BIG (longer than @len, without MSG_NOERROR: it stays), -EINVAL (@id, @flags,
 * @len), -EFAULT, -EACCES, -EIDRM (it was removed), -EINTR (a handler ran, nothing taken).
 * Source: msgop(2).
 */
ssize_t hepta_msg_receive(int id, long *type, void *text, size_t len, long want, int flags,
                          int64_t deadline);

/**
 * hepta_msg_ctl() - look at a queue, change it, remove it
 * @cmd: IPC_STAT, IPC_SET (struct msqid_ds), IPC_RMID (@buf unused), IPC_INFO, MSG_INFO
 *       (struct msginfo), MSG_STAT, MSG_STAT_ANY (struct msqid_ds; @id is an index)
 * @buf: as the command has it
 *
 * IPC_RMID wakes all who wait, with -EIDRM, and frees the memory when no process uses it. Indices
 * are of the queues that this user can see, in the order of their ids. MSG_INFO counts only
 * queues that this user may read. IPC_SET wakes senders that fit by now.
 *
 * Return: 0, for MSG_STAT and MSG_STAT_ANY the id, for IPC_INFO and MSG_INFO the highest index
 * in use; or -EINVAL (@id, @cmd), -EIDRM (it was removed), -EACCES, -EPERM (not the owner or
 * maker; or more qbytes than were reserved), -EFAULT.
 * Source: msgctl(2).
 */
int hepta_msg_ctl(int id, int cmd, void *buf);

/**
 * hepta_msg_fd() - a descriptor for poll(2), select(2), epoll(7)
 * @access: HEPTA_MSG_READ (some message is there) or HEPTA_MSG_WRITE (a text of msg_max bytes, or
 *          of msg_qbytes if that is less, would fit)
 *
 * As hepta_mq_fd(). It stays this process's until hepta_msg_detach() or exit; of a queue that is
 * removed it is high.
 *
 * Return: the descriptor, or -EINVAL, -EIDRM, -EACCES, -EMFILE, -ENFILE, -ENOMEM, -ENOSPC,
 * -ETIMEDOUT.
 */
int hepta_msg_fd(int id, uint32_t access);

/**
 * hepta_msg_detach() - let this process forget an id: unmap it, close its descriptors
 *
 * For programs that use many queues; the id stays valid and attaches again when it is used. A
 * verb that another thread is inside goes on. Return: 0, -EINVAL (not attached).
 */
int hepta_msg_detach(int id);

#ifdef __cplusplus
}
#endif
#endif
