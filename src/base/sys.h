/* SPDX-License-Identifier: MIT */
/*
 * base/sys.h - system calls that libc doesn't wrap, or wraps with something we must not have
 *
 * Each returns a count or 0, or a negative errno. None is a cancellation point: a thread
 * that was cancelled inside a verb would leave a lock behind.
 */
#ifndef H7_BASE_SYS_H
#define H7_BASE_SYS_H

#include <poll.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/atomic.h"

struct statx; /* sys/stat.h */

/* Wait while *word == expected; deadline is absolute CLOCK_MONOTONIC ns. 0, -EAGAIN (the
 * word differs), -ETIMEDOUT, -EINTR. Shared between processes. futex(2). */
int h7_sys_futex_wait(struct h7_a32 *word, uint32_t expected, int64_t deadline);
/* The same for at most ns from now: needs no look at the clock. */
int h7_sys_futex_nap(struct h7_a32 *word, uint32_t expected, int64_t ns);
/* Wake up to n waiters. Return how many. */
int h7_sys_futex_wake(struct h7_a32 *word, int n);

/* Register this process for, or issue, the expedited global barrier. membarrier(2). */
int h7_sys_membarrier_register(void);
int h7_sys_membarrier(void);

/* An anonymous sealable file, close-on-exec and not executable. memfd_create(2). */
int h7_sys_memfd(const char *name);
/* A descriptor for a process. pidfd_open(2). */
int h7_sys_pidfd_open(pid_t pid);
/* For one thread of a process, from Linux 6.9 on; before: -EINVAL, unless it leads its group. */
int h7_sys_pidfd_open_thread(pid_t tid);
pid_t h7_sys_gettid(void);
/* Is there a thread tid in process pid, if only a zombie? One system call. tgkill(2). */
int h7_sys_thread_exists(pid_t pid, pid_t tid);
/* 0 if the thread runs, another user's too; -ESRCH if not, or its process is a zombie. */
int h7_sys_thread_probe(pid_t tid);
/* The list head that the kernel walks when the calling thread dies. get_robust_list(2). */
int h7_sys_robust_head(void **head);

/* read(2) and ppoll(2) without the cancellation point. */
ssize_t h7_sys_read(int fd, void *buf, size_t len);
int h7_sys_poll(struct pollfd *fds, unsigned n, int64_t deadline);
/* Read or write a pipe without waiting, whatever its flags are (they belong to the open
 * file, which others may share and change), and without SIGPIPE: a count, or -EAGAIN,
 * -EPIPE. What is written must be constant memory. */
ssize_t h7_sys_read_nowait(int fd, void *buf, size_t len);
ssize_t h7_sys_write_nowait(int fd, const void *buf, size_t len);
/* The same for a FIFO that this process opened by its name, without waiting: its flags are
 * ours, and it knows no RWF_NOWAIT. One call each. */
ssize_t h7_sys_fifo_read(int fd, void *buf, size_t len);
ssize_t h7_sys_fifo_write(int fd, const void *buf, size_t len);
/* write(2) as the descriptor is, but without SIGPIPE. */
ssize_t h7_sys_write_quiet(int fd, const void *buf, size_t len);
/* Copy up to len bytes from one pipe's read end to another's write end without taking them,
 * never waiting: a count, 0 (empty, and nobody can write), -EAGAIN (empty). tee(2). */
ssize_t h7_sys_tee(int from, int to, size_t len);
/* As the first two, of a socket: recv(2), where descriptors that come with it are discarded as
 * below, and send(2). A count, or -EAGAIN, -EPIPE, ... */
ssize_t h7_sys_recv_nowait(int fd, void *buf, size_t len);
ssize_t h7_sys_send_nowait(int fd, const void *buf, size_t len);

/* sendmsg(2) and recvmsg(2) without waiting, with descriptors (SCM_RIGHTS; at most
 * H7_SYS_FDS_MAX, those received are close-on-exec). flags: of recvmsg, MSG_PEEK. *cut: there
 * were more than fit, or this process had no room for them. */
#define H7_SYS_FDS_MAX 253
ssize_t h7_sys_send_fds(int fd, struct iovec *iov, size_t n_iov, const int *fds, int n_fds);
ssize_t h7_sys_recv_fds(int fd, struct iovec *iov, size_t n_iov, int flags, int *fds, int max_fds,
                        int *n_fds, int *cut);
/* Close a stranger's descriptors without waiting for what a socket's last close waits for (TCP
 * lingers; others are queued in it): since Linux 6.10 the kernel closes sockets later then, in
 * a thread of its own. The rest goes at once: what waits there does so at any close. */
void h7_sys_discard_fds(const int *fds, int n_fds);
/* 1: two descriptors aren't of one open file; 0 they are, or (before Linux 6.10) it is unknown. */
int h7_sys_differ(int fd, int other);

/* pread(2), openat(2), fallocate(2) of all len bytes, without the cancellation point. */
ssize_t h7_sys_pread(int fd, void *buf, size_t len, off_t at);
int h7_sys_openat(int dirfd, const char *path, int flags, mode_t mode);
int h7_sys_allocate(int fd, off_t len);
/* Only what lies between; on tmpfs all of it, or nothing has changed. fallocate(2). */
int h7_sys_extend(int fd, off_t from, off_t to);
/* mlock(2), or munlock(2). Not libc's, which a sanitizer replaces by nothing. */
int h7_sys_mlock(const void *p, size_t len, int lock);

/* epoll_create1(2), close-on-exec, and epoll_ctl(2). */
int h7_sys_epoll_create(void);
struct epoll_event;
int h7_sys_epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event);
/* Entries of directories: mkdirat(2), mknodat(2) of a FIFO, renameat2(2) within one directory
 * that never replaces, or exchanges two (-EOPNOTSUPP where the file system can't), unlinkat(2). */
int h7_sys_mkdirat(int dirfd, const char *path, mode_t mode);
int h7_sys_mkfifoat(int dirfd, const char *path, mode_t mode);
int h7_sys_rename_new(int dirfd, const char *from, const char *to);
int h7_sys_rename_swap(int dirfd, const char *a, const char *b);
int h7_sys_unlinkat(int dirfd, const char *path, int flags);
/* Raw records, struct linux_dirent64; 0 at the end. getdents64(2). */
ssize_t h7_sys_getdents(int fd, void *buf, size_t len);
/* What an entry is, never following a link; path "": the descriptor itself. statx(2). */
int h7_sys_statx(int dirfd, const char *path, struct statx *st);
/* Where a link leads, ended by 0 and cut at len - 1 bytes: how many, or -ENOENT, ... readlink(2) */
ssize_t h7_sys_readlink(const char *path, char *buf, size_t len);
/* fchmod(2); fd may be O_PATH, which then needs /proc. */
int h7_sys_fchmod(int fd, mode_t mode);
/* fchown(2); fd may be O_PATH. */
int h7_sys_fchown(int fd, uid_t uid, gid_t gid);

/* A lock on the byte `at` of a file, held by an open file (all its descriptors and mappings, a
 * child's, too), without waiting: F_RDLCK (fd must be readable), F_WRLCK (writable), F_UNLCK.
 * 0, -EAGAIN, -EBADF, -ENOMEM. The second: would F_WRLCK, by another open file, be refused? 1, 0,
 * negative errno. fcntl(2), F_OFD_SETLK. */
int h7_sys_lock_byte(int fd, int type, off_t at);
int h7_sys_byte_locked(int fd, off_t at);
/* A lock on an open file, without waiting: LOCK_SH, LOCK_EX, LOCK_UN. 0, -EAGAIN, -ENOMEM.
 * One that is refused has lost what it had. flock(2). */
int h7_sys_flock(int fd, int how);

/* A queue of the kernel's; name without its slash; attr as in mq_open(3). mq_overview(7). */
struct mq_attr;
int h7_sys_mq_open(const char *name, int flags, mode_t mode, struct mq_attr *attr);
int h7_sys_mq_send(int fd, const void *msg, size_t len); /* as the descriptor is: non-blocking */
int h7_sys_mq_unlink(const char *name);

/* close(2) that keeps quiet about -1. */
void h7_sys_close(int fd);
/* A duplicate, close-on-exec or not. */
int h7_sys_dup(int fd, int cloexec);
/* Set or clear O_NONBLOCK. */
int h7_sys_nonblock(int fd, int on);

#endif
