/* SPDX-License-Identifier: MIT */
/*
 * hepta/fifo.h - a pipe with a name, between processes that need not be related
 *
 * What fifo(7) promises, with the bytes in shared memory: opening for reading waits for a
 * writer and the other way round; first in, first out; writes of up to PIPE_BUF bytes are
 * atomic; end-of-file when the last writer has gone, -EPIPE when the last reader has, and
 * whoever opens later goes on from there; the contents live only as long as some process
 * has the FIFO open; there is no seeking. The name stays until it is unlinked, or until
 * the machine restarts.
 *
 * Names are "/jobs": a slash, then 1 to HEPTA_NAME_MAX bytes other than a slash, and not
 * "/." or "/..". They live in the directory that the environment variable HEPTA_DIR names,
 * else in /dev/shm/hepta (hepta(7)). The permission bits say who may open for reading and
 * who for writing, as the kernel's do; who may do either can also corrupt what is inside,
 * or cut the file short under the others (SIGBUS).
 *
 * A name may also be "kernel.fifo:PATH": the kernel's own FIFO, at any path that the kernel
 * takes, behind the same handle and verbs, for peers that know nothing of Hepta. Then the
 * kernel says what happens (fifo(7)), each verb costs a system call, and HEPTA_DIR, PID
 * namespaces and the trust below play no part. What is different is said at each verb.
 *
 * What hepta/pipe.h says holds here too, word for word, where nothing else is said: the
 * differences from the kernel, the errors that every verb can return, how fast a peer's
 * death is noticed, trust, signals and threads. SPSC mode and export don't exist here.
 */
#ifndef HEPTA_FIFO_H
#define HEPTA_FIFO_H

#include <hepta/pipe.h>

#ifdef __cplusplus
extern "C" {
#endif

struct hepta_fifo; /* an open FIFO */

/* How to open; both: HEPTA_FIFO_READ | HEPTA_FIFO_WRITE. */
#define HEPTA_FIFO_READ 1u
#define HEPTA_FIFO_WRITE 2u

/* hepta_fifo_options.flags */
#define HEPTA_FIFO_PACKET 1u /* one read returns one write; the maker decides (of a
                              * kernel.fifo: each writer) */

/**
 * struct hepta_fifo_options - zeroed means default
 * @size:     sizeof(struct hepta_fifo_options), for growth; 0 is an error
 * @flags:    HEPTA_FIFO_*; of hepta_fifo_make(), ignored by open
 * @capacity: bytes, as in struct hepta_pipe_options; of make, ignored by open
 * @wait:     enum hepta_wait, of the handle; ignored by make
 * @spin_ns:  as in struct hepta_pipe_options; ignored by make
 *
 * kernel.fifo: a name can't keep @flags and @capacity, so they are open's there, and make
 * refuses them (-EINVAL). @capacity is F_SETPIPE_SZ: of the pipe that all share, until its last
 * close; up to 2 GiB, as far as pipe(7) lets this user. HEPTA_FIFO_PACKET is O_DIRECT: of what
 * this handle writes; -EINVAL for reading only. @wait: BUSY tries again and again, the others
 * poll(2).
 */
struct hepta_fifo_options {
    uint32_t size;
    uint32_t flags;
    uint64_t capacity;
    uint32_t wait;
    uint32_t spin_ns;
};

/**
 * hepta_fifo_make() - make a FIFO, without opening it
 * @name: "/name" or "kernel.fifo:PATH"
 * @mode: permission bits, 0 to 0777; umask(2) applies
 * @opt:  NULL for defaults
 *
 * The name appears at once and whole, or not at all. All memory is allocated here.
 *
 * Crash:  what a maker that died left half-made is nobody's, and removed by a later make.
 * Return: 0, or -EEXIST, -EINVAL (@name, @mode, @opt), -ENAMETOOLONG, -E2BIG (@opt),
 * -EFAULT (@name is NULL), -EACCES, -EPERM (the directory can't be trusted), -ENOSPC,
 * -ENOMEM, -EMFILE, -ENFILE, -EROFS, -EOPNOTSUPP (the directory's file system can't),
 * -ENOENT, -ENOTDIR, -ELOOP (HEPTA_DIR), -ENOSYS. kernel.fifo: -EINVAL (@mode, @opt), and what
 * mkfifo(3) says, -EPERM and -EOPNOTSUPP where the file system has no FIFOs.
 * Source: mkfifo(3).
 */
int hepta_fifo_make(const char *name, mode_t mode, const struct hepta_fifo_options *opt);

/**
 * hepta_fifo_open() - open a FIFO for reading, writing, or both
 * @fifo:     receives the handle
 * @name:     "/name" or "kernel.fifo:PATH"
 * @access:   HEPTA_FIFO_READ, HEPTA_FIFO_WRITE, or both
 * @opt:      NULL for defaults
 * @deadline: absolute ns, HEPTA_NOW or HEPTA_FOREVER
 *
 * Waits until the other side is open, too, or has been since this call began; opening for
 * both never waits. HEPTA_NOW is O_NONBLOCK: for reading it succeeds at once, for writing
 * it gives -ENXIO where nobody reads. A handle takes three descriptors.
 *
 * What differs from the kernel: while another process is inside an open for the same side
 * as ours, the other side can seem to be there for that moment although it isn't; then a
 * read with HEPTA_NOW gives -EAGAIN instead of 0, and a write goes in instead of -EPIPE, as
 * if a partner had come and gone. And the wait ends with -EINTR under SA_RESTART, too. A
 * child that another thread forks meanwhile can count as having both sides open, until it
 * execs or ends.
 *
 * kernel.fifo: links are followed; what is no FIFO is refused, without having been opened. One
 * descriptor, and with a deadline three more for the moment. HEPTA_FOREVER is the kernel's open
 * that waits, and goes on waiting after a handler under SA_RESTART. With a deadline it looks
 * every few ms (at most 4): a writer doesn't count as open meanwhile, and misses a reader
 * that came and went between two looks; a reader misses nobody, and takes what is already in
 * there, from whomever, for a writer.
 *
 * Crash:  an opener that dies counts as one that has closed.
 * Return: 0, or -ENXIO, -ETIMEDOUT, -EINTR (a handler ran, not opened), -EAGAIN (HEPTA_NOW,
 * while another process that opens it is stopped or being killed), -ENOENT, -EACCES, -EINVAL
 * (@name, @access, @opt), -ENAMETOOLONG, -E2BIG (@opt), -EFAULT (@fifo or @name is NULL),
 * -EMEDIUMTYPE, -EPROTO, -EPROTONOSUPPORT, -ENODATA, -EBADMSG (not a FIFO of Hepta's, another
 * layout, cut short, or not consistent: what lies there was refused), -EXDEV (made in
 * another PID namespace), -EPERM (the directory can't be trusted), -ENOTDIR, -ELOOP
 * (HEPTA_DIR), -EROFS, -ENOSPC, -ENOMEM, -EMFILE, -ENFILE, -ENOSYS. kernel.fifo: -ENXIO,
 * -ETIMEDOUT, -EINTR, -EINVAL, -EFAULT, -E2BIG, -EMEDIUMTYPE (not a FIFO), -EPERM (@capacity is
 * above /proc/sys/fs/pipe-max-size, or this user has too many pages in pipes), -EBUSY
 * (@capacity is below what is in there), and what open(2) says of paths. *@fifo is NULL then.
 * Source: fifo(7), open(2).
 */
int hepta_fifo_open(struct hepta_fifo **fifo, const char *name, uint32_t access,
                    const struct hepta_fifo_options *opt, int64_t deadline);

/**
 * hepta_fifo_unlink() - remove the name
 * @name: "/name" or "kernel.fifo:PATH"
 *
 * Who has it open goes on using it. kernel.fifo: only if it is a FIFO, else -EMEDIUMTYPE, also
 * if it is a link to one. What takes its place between that look and the removal is removed:
 * no call of the kernel's does both.
 *
 * Return: 0, or -ENOENT, -EACCES or -EPERM (not the owner, or the directory can't be trusted),
 * -EINVAL, -ENAMETOOLONG, -EFAULT (@name is NULL), -ELOOP, -ENOTDIR (HEPTA_DIR), -EROFS, -ENOMEM,
 * -ENOSPC, -EMFILE, -ENFILE, -ENOSYS. kernel.fifo: -EMEDIUMTYPE, and what unlink(2) says.
 * Source: unlink(2).
 */
int hepta_fifo_unlink(const char *name);

/* The verbs of an open FIFO are those of hepta/pipe.h, with the same results; -EBADF where
 * the handle isn't open for that. One that is open for both never sees end-of-file or
 * -EPIPE.
 *
 * kernel.fifo: the capacity counts pages, and a death is seen at once; a bad address is
 * -EFAULT; a child in another PID namespace may go on. reserve, commit, peek and release are
 * -EOPNOTSUPP: there is no place in the kernel to hand out. */
ssize_t hepta_fifo_write(struct hepta_fifo *fifo, const void *buf, size_t len, int64_t deadline);
/* As hepta_pipe_read(); 0 also while no writer has come yet. */
ssize_t hepta_fifo_read(struct hepta_fifo *fifo, void *buf, size_t len, int64_t deadline);
/* As hepta_pipe_reserve(). */
int hepta_fifo_reserve(struct hepta_fifo *fifo, size_t len, void **ptr, int64_t deadline);
/* As hepta_pipe_commit(). */
int hepta_fifo_commit(struct hepta_fifo *fifo, size_t len);
/* As hepta_pipe_peek(). */
ssize_t hepta_fifo_peek(struct hepta_fifo *fifo, const void **ptr, int64_t deadline);
/* As hepta_pipe_release(). */
int hepta_fifo_release(struct hepta_fifo *fifo, size_t len);

/**
 * hepta_fifo_fd() - a descriptor for poll(2), select(2), epoll(7)
 * @fifo:   any handle
 * @access: HEPTA_FIFO_READ or HEPTA_FIFO_WRITE: what to wait for
 *
 * Wait for POLLIN on both; as hepta_pipe_fd(). As with the kernel's FIFO, POLLHUP of a
 * reader comes only after the first writer has come and gone.
 *
 * kernel.fifo: it is the FIFO itself, the same for both, with the kernel's events: POLLIN for
 * reading, POLLOUT for writing; POLLHUP says that the writers have gone, POLLERR that the
 * readers have. Who waits to write for POLLIN | POLLOUT is right with either kind, unless the
 * handle is open for both. Leave its flags alone: it is non-blocking.
 *
 * Return: the descriptor, or -EINVAL (@access), -EBADF (not open for that), -ETIMEDOUT (a
 * stopped process held the lock for 50 ms).
 */
int hepta_fifo_fd(struct hepta_fifo *fifo, uint32_t access);

/* As hepta_pipe_stat(); bytes in and out are since the contents were last given up, the other
 * counts since the FIFO was made. kernel.fifo: capacity, used, flags, and who is there; all counts
 * are 0. What is in there counts as a writer until POLLHUP. Where it is empty a reader needs two
 * spare descriptors to know (-EMFILE, -ENFILE). */
int hepta_fifo_stat(struct hepta_fifo *fifo, struct hepta_pipe_stat *st, size_t st_size);

/**
 * hepta_fifo_close() - give up a handle
 * @fifo: any handle, or NULL
 *
 * As hepta_pipe_close(). When the last process has closed it, what was inside is gone.
 */
struct hepta_fifo *hepta_fifo_close(struct hepta_fifo *fifo);

#ifdef __cplusplus
}
#endif
#endif
