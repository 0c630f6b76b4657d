/* SPDX-License-Identifier: MIT */
/*
 * hepta/pipe.h - a one-way channel of bytes or packets between related processes
 *
 * What pipe(7) promises, with the bytes in shared memory: first in, first out; writes of
 * up to PIPE_BUF (4096) bytes are atomic, also with many writers; a reader gets
 * end-of-file when the last writer is gone and a writer -EPIPE (no signal) when the last
 * reader is gone, however they went. The two ends are separate handles; each may be
 * shared by any number of threads and processes (fork, or export + attach over exec).
 *
 * What differs from the kernel's pipe, on purpose: an end is a handle, not a descriptor;
 * the capacity counts bytes, not pages; no SIGPIPE; a read whose process is killed
 * inside the call leaves the bytes for the next reader; a wait that a signal handler
 * interrupts returns -EINTR, under SA_RESTART, too (as poll(2) does); a handler that runs
 * just before the thread goes to sleep, or while it waits for a running holder of the
 * lock, doesn't end the wait.
 *
 * A last peer that was killed without close() is noticed at the latest: by a verb that
 * waits, 2 ms after it began to wait or at once if it has waited longer (70 ms where it
 * waits behind another's reservation or peek, for a large reservation, or as the second
 * writer that waits for less than PIPE_BUF); by HEPTA_NOW and
 * by a write that finds room, after one tick of the kernel's clock (1 to 10 ms), or, if
 * the writes before came faster than ticks, after up to 8 more.
 *
 * Errors every verb can return, not repeated below: -EINVAL (@pipe is NULL), -EBADF
 * (closed handle, another kind, or the wrong end), -EBADMSG (the shared segment was
 * corrupted by a peer; close it), -EXDEV (after fork into another PID namespace),
 * -EDEADLK (called by a thread that holds a reservation or peek on this end, or from a
 * signal handler that interrupted a verb inside its lock), -ENOSYS (a thread made by a raw
 * clone() without robust futexes).
 *
 * Trust: who holds an end may corrupt what is in the pipe. Whatever it writes there, the
 * other side never faults, never reads or writes outside the segment, and keeps its
 * deadlines within 100 ms.
 *
 * No verb is async-signal-safe, nor may a handler that interrupted one fork and return.
 * No verb is a cancellation point.
 */
#ifndef HEPTA_PIPE_H
#define HEPTA_PIPE_H

#include <hepta/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct hepta_pipe; /* one end */

#define HEPTA_PIPE_BUF 4096                    /* atomic up to here; largest packet */
#define HEPTA_PIPE_CAPACITY_DEFAULT 65536      /* bytes */
#define HEPTA_PIPE_CAPACITY_MAX (64UL << 20)   /* bytes */
#define HEPTA_PIPE_NFDS 3                      /* descriptors of an exported end */

/* hepta_pipe_options.flags */
#define HEPTA_PIPE_PACKET 1u /* one read returns one write (pipe2(2), O_DIRECT) */
#define HEPTA_PIPE_SPSC 2u   /* promise: one writing and one reading thread at a time, and
                              * one process that has each end open (close what fork()
                              * copied); no lock is taken per message. Breaking it can
                              * garble the contents, or leave the peer of a killed writer
                              * asleep, never touch memory outside the pipe. */

/**
 * struct hepta_pipe_options - zeroed means default
 * @size:     sizeof(struct hepta_pipe_options), for growth; 0 is an error
 * @flags:    HEPTA_PIPE_*; the creator decides, ignored by attach
 * @capacity: bytes, rounded up to a power of two of pages (at least one; packet mode at
 *            least two); 0 = HEPTA_PIPE_CAPACITY_DEFAULT; ignored by attach
 * @wait:     enum hepta_wait, of the handles made by this call
 * @spin_ns:  longest spin before sleeping in HEPTA_WAIT_ADAPTIVE; 0 = default (80 us);
 *            at most 1,000,000
 */
struct hepta_pipe_options {
    uint32_t size;
    uint32_t flags;
    uint64_t capacity;
    uint32_t wait;
    uint32_t spin_ns;
};

/**
 * struct hepta_pipe_stat - what can be seen of a pipe from either end
 * @capacity:    bytes it can hold (packet mode: 8 bytes and padding to 8 per packet included)
 * @used:        bytes in it now, by the same count
 * @bytes_in:    bytes committed since creation, by the same count
 * @bytes_out:   bytes consumed since creation
 * @has_writer:  1 some process has the write end open, 0 none
 * @has_reader:  1 some process has the read end open, 0 none
 * @sleeps:      times a reader [0] or a writer [1] went to sleep in the kernel
 * @wakes:       times the read side [0] or the write side [1] was rung
 * @recoveries:  times a lock was taken over from a dead process
 * @flags:       HEPTA_PIPE_* of the pipe
 */
struct hepta_pipe_stat {
    uint64_t capacity, used, bytes_in, bytes_out;
    uint32_t has_writer, has_reader;
    uint64_t sleeps[2], wakes[2], recoveries;
    uint32_t flags, reserved;
};

/**
 * hepta_pipe_new() - create a pipe
 * @reader: receives the read end
 * @writer: receives the write end
 * @opt:    NULL for defaults
 *
 * Each end takes three descriptors (close-on-exec) and a mapping of capacity * 2 bytes of
 * address space. The memory is allocated here: later use never faults for want of it.
 * On failure nothing is made and *@reader and *@writer are NULL.
 *
 * Crash:  everything goes with the last process that has an end.
 * Return: 0, or -EINVAL (flags, capacity, wait, spin_ns), -E2BIG (@opt is of a newer
 * library and uses a field that this one doesn't know), -EFAULT (@reader or @writer is
 * NULL), -ENOMEM, -ENOSPC (no memory for the segment, or RLIMIT_FSIZE is below it),
 * -EMFILE, -ENFILE, -ENOSYS (the kernel lacks or refuses a call that is needed).
 */
int hepta_pipe_new(struct hepta_pipe **reader, struct hepta_pipe **writer,
                   const struct hepta_pipe_options *opt);

/**
 * hepta_pipe_write() - append bytes, or in packet mode packets
 * @pipe:     write end
 * @buf:      bytes, copied before return; NULL allowed if @len is 0
 * @len:      0 to SSIZE_MAX; 0 does nothing and returns 0
 * @deadline: absolute ns, HEPTA_NOW or HEPTA_FOREVER
 *
 * Waits while there is no room. Up to PIPE_BUF bytes go in whole or not at all and never
 * mix with another writer's; more is written in pieces, other writers may come in
 * between, and a deadline, a signal handler or the readers' end can cut it short: then
 * the count so far is returned. Packet mode splits @len into packets of PIPE_BUF.
 *
 * Threads:  any number of threads and processes (HEPTA_PIPE_SPSC: one).
 * Ordering: writes to memory made before this call are visible to whoever reads @buf.
 * Crash:    up to PIPE_BUF whole or not at all; above that a prefix.
 * Return:   bytes written; or -EAGAIN (full, HEPTA_NOW), -ETIMEDOUT, -EINTR (a handler
 * ran, nothing written), -EPIPE (no reader), -ENOMEM (no page for the wake-up, nothing
 * written), -EFAULT (@buf is NULL), -EINVAL (@len).
 * Source:   write(2), pipe(7).
 */
ssize_t hepta_pipe_write(struct hepta_pipe *pipe, const void *buf, size_t len,
                         int64_t deadline);

/**
 * hepta_pipe_read() - take what is there, at most @len bytes, or one packet
 * @pipe:     read end
 * @buf:      receives the bytes
 * @len:      0 to SSIZE_MAX; 0 returns 0 at once
 * @deadline: absolute ns, HEPTA_NOW or HEPTA_FOREVER
 *
 * Waits only while the pipe is empty. In packet mode the rest of a packet that is longer
 * than @len is discarded.
 *
 * Threads: any number of threads and processes (HEPTA_PIPE_SPSC: one).
 * Crash:   a reader that dies in here has taken all of the bytes or none (of more than
 *          64 KiB: a prefix).
 * Return:  bytes read; 0 at end-of-file (empty and no writer); or -EAGAIN (empty,
 * HEPTA_NOW), -ETIMEDOUT, -EINTR (a handler ran), -EFAULT (@buf is NULL), -EINVAL (@len).
 * Source:  read(2), pipe(7).
 */
ssize_t hepta_pipe_read(struct hepta_pipe *pipe, void *buf, size_t len, int64_t deadline);

/**
 * hepta_pipe_reserve() - get room inside the pipe to build data in place
 * @pipe:     write end
 * @len:      bytes wanted, 1 to the capacity (packet mode: to PIPE_BUF)
 * @ptr:      receives the address of @len contiguous writable bytes
 * @deadline: as for write
 *
 * Waits until @len bytes are free. Until hepta_pipe_commit() by the same thread other
 * writers wait (HEPTA_NOW: -EAGAIN). What is written there stays invisible before commit.
 *
 * Crash:  a reservation dies with its process; waiting writers go on within 100 ms.
 *         execve() keeps the process: commit or close first.
 * Return: 0, or -EAGAIN, -ETIMEDOUT, -EINTR, -EPIPE, -EINVAL (@len), -EFAULT (@ptr NULL),
 * -EDEADLK (this thread holds a reservation already), -EMFILE, -ENFILE, -ENOMEM (the first
 * claim of a process: its identity could not be read).
 */
int hepta_pipe_reserve(struct hepta_pipe *pipe, size_t len, void **ptr, int64_t deadline);

/**
 * hepta_pipe_commit() - publish what was built in the reservation, and give it back
 * @pipe: write end with a reservation of the calling thread
 * @len:  bytes to publish, 0 (give up) to the reserved length
 *
 * Never waits for readers. Return: 0, or -EINVAL (no reservation of this thread, @len),
 * -EPIPE (no reader; the reservation is gone), -ETIMEDOUT (a stopped process held the
 * writers' lock for 50 ms) or -ENOMEM (no page for the wake-up): the reservation stands,
 * call again.
 */
int hepta_pipe_commit(struct hepta_pipe *pipe, size_t len);

/**
 * hepta_pipe_peek() - see what is next without copying it
 * @pipe:     read end
 * @ptr:      receives the address of the bytes; read only, valid until release
 * @deadline: as for read
 *
 * Gives all bytes there are (packet mode: one packet), contiguous. Until
 * hepta_pipe_release() by the same thread other readers wait (HEPTA_NOW: -EAGAIN).
 * A hostile writer can change the bytes under the reader: copy before validating.
 *
 * Crash:  what was peeked and not released stays for the next reader.
 * Return: bytes at *@ptr; 0 at end-of-file (nothing to release); or as for read, and
 * -EDEADLK (this thread holds a peek already), -EMFILE, -ENFILE, -ENOMEM (as for reserve).
 */
ssize_t hepta_pipe_peek(struct hepta_pipe *pipe, const void **ptr, int64_t deadline);

/**
 * hepta_pipe_release() - consume what was peeked
 * @pipe: read end with a peek of the calling thread
 * @len:  bytes to consume, 0 (leave all) to what peek returned; packet mode: 0 leaves
 *        the packet, anything else consumes all of it
 *
 * Return: 0, or -EINVAL (no peek of this thread, @len), -ETIMEDOUT (a stopped process
 * held the readers' lock for 50 ms; the peek stands, call again).
 */
int hepta_pipe_release(struct hepta_pipe *pipe, size_t len);

/**
 * hepta_pipe_fd() - a descriptor for poll(2), select(2), epoll(7)
 * @pipe: either end
 *
 * Wait for POLLIN on both ends, level-triggered. Read end: readable while the pipe is not
 * empty. Write end: readable while PIPE_BUF bytes are free (a packet of PIPE_BUF fits).
 * POLLHUP: the other side is gone. It can show readable when another process was faster,
 * while another thread holds a reservation or peek, or (HEPTA_PIPE_SPSC) just before a
 * commit: use HEPTA_NOW after it.
 * The descriptor belongs to the handle: don't read, write or close it.
 *
 * From the first call on, each change between empty and not empty (full and not full)
 * costs a system call, for all users of the pipe and until its end.
 *
 * Return: the descriptor, or -ETIMEDOUT (a stopped process held the lock for 50 ms).
 */
int hepta_pipe_fd(struct hepta_pipe *pipe);

/**
 * hepta_pipe_export() - descriptors with which another program can attach this end
 * @pipe: either end
 * @fds:  receives HEPTA_PIPE_NFDS new descriptors, owned by the caller, NOT close-on-exec
 *
 * Hand them over by exec (their numbers in argv or the environment) or SCM_RIGHTS. They
 * count as an open end: close them where they are not wanted.
 *
 * Return: 0, or -EFAULT (@fds is NULL), -EMFILE.
 */
int hepta_pipe_export(struct hepta_pipe *pipe, int fds[HEPTA_PIPE_NFDS]);

/**
 * hepta_pipe_attach() - make a handle from exported descriptors
 * @pipe: receives the end (which one follows from the descriptors)
 * @fds:  as hepta_pipe_export() gave them; on success they belong to the handle and are
 *        close-on-exec, on failure they are the caller's and unchanged
 * @opt:  NULL, or the wait mode and spin_ns of this handle
 *
 * Validates everything before use. Return: 0, or -EFAULT (@pipe or @fds NULL), -EINVAL
 * (@opt), -E2BIG (@opt), -EBADF (a descriptor isn't open, or not for reading and
 * writing), -EPROTO (not a Hepta segment, or the two others are not this pipe's kernel
 * pipes), -EPERM (segment isn't sealed: its maker could truncate it), -EPROTONOSUPPORT
 * (another layout version), -EMEDIUMTYPE (a segment of another kind), -ENODATA (shorter
 * than its header says), -EXDEV (made in another PID namespace), -EBADMSG (inconsistent
 * contents), -ENOMEM.
 */
int hepta_pipe_attach(struct hepta_pipe **pipe, const int fds[HEPTA_PIPE_NFDS],
                      const struct hepta_pipe_options *opt);

/**
 * hepta_pipe_stat() - a snapshot
 * @pipe: either end
 * @st:   receives it; @st_size is sizeof(*@st), older and smaller sizes are filled in part
 *
 * Return: 0, or -EFAULT (@st is NULL), -EINVAL (@st_size is 0).
 */
int hepta_pipe_stat(struct hepta_pipe *pipe, struct hepta_pipe_stat *st, size_t st_size);

/**
 * hepta_pipe_close() - give up one end
 * @pipe: either end, or NULL
 *
 * A reservation or peek of this handle is given back. No other thread may be inside a
 * verb on this handle. The end counts as open until every process that has it has
 * closed it or is gone. A handle that is closed already, or isn't a pipe's, is left alone.
 *
 * Return: NULL, so that `p = hepta_pipe_close(p)` clears.
 */
struct hepta_pipe *hepta_pipe_close(struct hepta_pipe *pipe);

#ifdef __cplusplus
}
#endif
#endif
