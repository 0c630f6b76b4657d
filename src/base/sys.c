/* SPDX-License-Identifier: MIT */
/* base/sys.c - see base/sys.h */
#define _GNU_SOURCE
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif
#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x00000008
#endif
#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL /* Linux 6.9 */
#endif
#ifndef SCM_PIDFD
#define SCM_PIDFD 0x04 /* Linux 6.5 */
#endif
#ifndef F_DUPFD_QUERY
#define F_DUPFD_QUERY (1024 + 3) /* Linux 6.10 */
#endif
#ifndef RWF_NOSIGNAL
#define RWF_NOSIGNAL 0x00000100 /* Linux 6.18 */
#endif

static long neg(long r)
{
    return r < 0 ? -(long)errno : r;
}

int h7_sys_futex_wait(struct h7_a32 *word, uint32_t expected, int64_t deadline)
{
    struct timespec ts, *tsp = NULL;
    if (deadline != HEPTA_FOREVER) {
        ts = h7_timespec(deadline);
        tsp = &ts;
    }
    /* WAIT_BITSET because its timeout is absolute. */
    return (int)neg(syscall(SYS_futex, &word->raw, FUTEX_WAIT_BITSET, expected, tsp, NULL,
                            FUTEX_BITSET_MATCH_ANY));
}

int h7_sys_futex_nap(struct h7_a32 *word, uint32_t expected, int64_t ns)
{
    struct timespec ts = h7_timespec(ns);
    return (int)neg(syscall(SYS_futex, &word->raw, FUTEX_WAIT, expected, &ts, NULL, 0));
}

int h7_sys_futex_wake(struct h7_a32 *word, int n)
{
    return (int)neg(syscall(SYS_futex, &word->raw, FUTEX_WAKE, n, NULL, NULL, 0));
}

int h7_sys_membarrier_register(void)
{
    return (int)neg(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0));
}

int h7_sys_membarrier(void)
{
    return (int)neg(syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0));
}

int h7_sys_memfd(const char *name)
{
    int fd = (int)neg(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL));
    if (fd == -EINVAL) /* before Linux 6.3 */
        fd = (int)neg(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    return fd;
}

int h7_sys_pidfd_open(pid_t pid)
{
    return (int)neg(syscall(SYS_pidfd_open, pid, 0));
}

int h7_sys_pidfd_open_thread(pid_t tid)
{
    return (int)neg(syscall(SYS_pidfd_open, tid, PIDFD_THREAD));
}

pid_t h7_sys_gettid(void)
{
    return (pid_t)syscall(SYS_gettid);
}

int h7_sys_thread_exists(pid_t pid, pid_t tid)
{
    return neg(syscall(SYS_tgkill, pid, tid, 0)) != -ESRCH;
}

int h7_sys_thread_probe(pid_t tid)
{
    if (neg(syscall(SYS_tkill, tid, 0)) == -ESRCH)
        return -ESRCH;
    /* A zombie can be signalled. Only a group leader becomes one, and has a pidfd; for
     * any other thread, and on kernels without pidfds, that it exists has to do. */
    struct pollfd p = {.fd = h7_sys_pidfd_open(tid), .events = POLLIN};
    if (p.fd < 0)
        return 0;
    int exited = h7_sys_poll(&p, 1, HEPTA_NOW) == 1;
    h7_sys_close(p.fd);
    return exited ? -ESRCH : 0;
}

int h7_sys_robust_head(void **head)
{
    size_t len = 0;
    *head = NULL;
    return (int)neg(syscall(SYS_get_robust_list, 0, head, &len));
}

ssize_t h7_sys_read(int fd, void *buf, size_t len)
{
    return neg(syscall(SYS_read, fd, buf, len));
}

int h7_sys_poll(struct pollfd *fds, unsigned n, int64_t deadline)
{
    struct timespec ts, *tsp = NULL;
    if (deadline != HEPTA_FOREVER) {
        int64_t left = deadline == HEPTA_NOW ? 0 : deadline - hepta_now_ns();
        ts = h7_timespec(left > 0 ? left : 0);
        tsp = &ts;
    }
    return (int)neg(syscall(SYS_ppoll, fds, n, tsp, NULL, (size_t)0));
}

static int supported(ssize_t r)
{
    return r != -EOPNOTSUPP && r != -ENOSYS && r != -EINVAL;
}

static ssize_t write_flags(int fd, const void *buf, size_t len, int flags)
{
    struct iovec iov = {(void *)(uintptr_t)buf, len};
    return neg(syscall(SYS_pwritev2, fd, &iov, 1L, -1L, -1L, flags));
}

/* Where RWF_NOWAIT isn't supported (before Linux 6.5, and on a pipe that was opened through
 * /proc): vmsplice(2) heeds its own flag and not the open file's. Both ways it copies, or
 * as good as: what we write is constant. */
static ssize_t splice_nowait(int fd, const void *buf, size_t len)
{
    struct iovec iov = {(void *)(uintptr_t)buf, len};
    return neg(syscall(SYS_vmsplice, fd, &iov, 1L, SPLICE_F_NONBLOCK));
}

static ssize_t write_or_splice(int fd, const void *buf, size_t len)
{
    ssize_t r = write_flags(fd, buf, len, RWF_NOWAIT);
    return supported(r) ? r : splice_nowait(fd, buf, len);
}

static ssize_t write_plain(int fd, const void *buf, size_t len)
{
    return neg(syscall(SYS_write, fd, buf, len));
}

/* Kernels before RWF_NOSIGNAL: block SIGPIPE, write, and take back the one we caused. */
static ssize_t write_masked(ssize_t (*write_it)(int, const void *, size_t), int fd,
                            const void *buf, size_t len)
{
    sigset_t pipe_set, pending, old;
    sigemptyset(&pipe_set);
    sigaddset(&pipe_set, SIGPIPE);
    sigpending(&pending);
    int was_pending = sigismember(&pending, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_set, &old);
    ssize_t r = write_it(fd, buf, len);
    if (r == -EPIPE && !was_pending) {
        struct timespec zero = {0, 0};
        syscall(SYS_rt_sigtimedwait, &pipe_set, NULL, &zero, (size_t)8);
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return r;
}

/* What is supported is asked each time: the answer belongs to the open file, which a peer
 * may have chosen, not to the process. */
ssize_t h7_sys_write_nowait(int fd, const void *buf, size_t len)
{
    ssize_t r = write_flags(fd, buf, len, RWF_NOSIGNAL | RWF_NOWAIT);
    return supported(r) ? r : write_masked(write_or_splice, fd, buf, len);
}

ssize_t h7_sys_read_nowait(int fd, void *buf, size_t len)
{
    struct iovec iov = {buf, len};
    ssize_t r = neg(syscall(SYS_preadv2, fd, &iov, 1L, -1L, -1L, RWF_NOWAIT));
    if (supported(r))
        return r;
    return splice_nowait(fd, buf, len);
}

/* Not read(2): even if somebody has cleared O_NONBLOCK, an empty bell must not hold who reads
 * it under a lock. But vmsplice(2) writes to what is open for both; its flag, that of an open
 * file of our own, is looked at instead. */
ssize_t h7_sys_fifo_read(int fd, void *buf, size_t len)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) != O_RDWR)
        return splice_nowait(fd, buf, len);
    return flags & O_NONBLOCK ? neg(syscall(SYS_read, fd, buf, len)) : -EAGAIN;
}

ssize_t h7_sys_fifo_write(int fd, const void *buf, size_t len)
{
    ssize_t r = write_flags(fd, buf, len, RWF_NOSIGNAL);
    return supported(r) ? r : write_masked(write_or_splice, fd, buf, len);
}

ssize_t h7_sys_write_quiet(int fd, const void *buf, size_t len)
{
    ssize_t r = write_flags(fd, buf, len, RWF_NOSIGNAL);
    return supported(r) ? r : write_masked(write_plain, fd, buf, len);
}

ssize_t h7_sys_tee(int from, int to, size_t len)
{
    return neg(syscall(SYS_tee, from, to, len, SPLICE_F_NONBLOCK));
}

/* Without room for descriptors the kernel would close them at once, in our call. */
ssize_t h7_sys_recv_nowait(int fd, void *buf, size_t len)
{
    struct iovec iov = {buf, len};
    int fds[H7_SYS_FDS_MAX], n_fds, cut;
    ssize_t r = h7_sys_recv_fds(fd, &iov, 1, 0, fds, H7_SYS_FDS_MAX, &n_fds, &cut);
    if (h7_unlikely(n_fds > 0))
        h7_sys_discard_fds(fds, n_fds);
    return r;
}

ssize_t h7_sys_send_nowait(int fd, const void *buf, size_t len)
{
    return neg(syscall(SYS_sendto, fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0));
}

/* Room for the control message, aligned for its header. */
union rights {
    struct cmsghdr head;
    char room[CMSG_SPACE(H7_SYS_FDS_MAX * sizeof(int))];
};

ssize_t h7_sys_send_fds(int fd, struct iovec *iov, size_t n_iov, const int *fds, int n_fds)
{
    union rights control;
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = n_iov};
    if (n_fds > 0) {
        size_t len = (size_t)n_fds * sizeof(int);
        memset(&control, 0, sizeof control);
        control.head.cmsg_level = SOL_SOCKET;
        control.head.cmsg_type = SCM_RIGHTS;
        control.head.cmsg_len = CMSG_LEN(len);
        memcpy(CMSG_DATA(&control.head), fds, len);
        msg.msg_control = &control;
        msg.msg_controllen = CMSG_SPACE(len);
    }
    return neg(syscall(SYS_sendmsg, fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL));
}

/* The descriptors of one control message. Who shares the socket's open file can have set
 * options that put others beside it, a pidfd among them. */
static void take_fds(struct cmsghdr *c, int *fds, int max_fds, int *n_fds, int *cut)
{
    if (c->cmsg_type != SCM_RIGHTS && c->cmsg_type != SCM_PIDFD)
        return;
    /* By the kernel's count; the alignment leaves room for one more than was asked for. */
    int got = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    const int *in = (const int *)CMSG_DATA(c);
    int room = c->cmsg_type == SCM_RIGHTS ? max_fds - *n_fds : 0;
    int n = got < room ? got : room;
    memcpy(fds + *n_fds, in, (size_t)n * sizeof(int));
    *n_fds += n;
    h7_sys_discard_fds(in + n, got - n);
    *cut |= c->cmsg_type == SCM_RIGHTS && got > room;
}

ssize_t h7_sys_recv_fds(int fd, struct iovec *iov, size_t n_iov, int flags, int *fds, int max_fds,
                        int *n_fds, int *cut)
{
    union rights control;
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = n_iov};
    *n_fds = 0;
    if (max_fds > 0) {
        msg.msg_control = &control;
        msg.msg_controllen = CMSG_SPACE((size_t)max_fds * sizeof(int));
    }
    ssize_t n = neg(syscall(SYS_recvmsg, fd, &msg, flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC));
    *cut = n >= 0 && (msg.msg_flags & MSG_CTRUNC) != 0;
    struct cmsghdr *c = n >= 0 && max_fds > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
    for (; c; c = CMSG_NXTHDR(&msg, c))
        if (c->cmsg_level == SOL_SOCKET)
            take_fds(c, fds, max_fds, n_fds, cut);
    return n;
}

static void close_fds(const int *fds, int n_fds)
{
    for (int i = 0; i < n_fds; i++)
        h7_sys_close(fds[i]);
}

/* The far end of a pair is sent to itself, and the descriptors with it. Once nobody has that end
 * any more only the kernel's garbage collector can find it; the near end's last close, which must
 * come last, starts it. Where something is missing for that, a plain close has to do. */
static void discard(const int *fds, int n_fds)
{
    int pair[2], sent[H7_SYS_FDS_MAX];
    struct iovec iov = {(char[]){0}, 1};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        close_fds(fds, n_fds);
        return;
    }
    sent[0] = pair[1];
    memcpy(sent + 1, fds, (size_t)n_fds * sizeof(int));
    h7_sys_send_fds(pair[0], &iov, 1, sent, n_fds + 1);
    close_fds(fds, n_fds);
    h7_sys_close(pair[1]);
    h7_sys_close(pair[0]);
}

static int is_socket(int fd)
{
    int type;
    socklen_t len = sizeof type;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 || errno != ENOTSOCK;
}

void h7_sys_discard_fds(const int *fds, int n_fds)
{
    int sockets[H7_SYS_FDS_MAX - 1], n = 0;
    for (int i = 0; i < n_fds; i++) {
        if (!is_socket(fds[i])) {
            h7_sys_close(fds[i]);
            continue;
        }
        sockets[n++] = fds[i];
        if (n == H7_SYS_FDS_MAX - 1) {
            discard(sockets, n);
            n = 0;
        }
    }
    if (n > 0)
        discard(sockets, n);
}

int h7_sys_differ(int fd, int other)
{
    return fcntl(fd, F_DUPFD_QUERY, other) == 0;
}

ssize_t h7_sys_pread(int fd, void *buf, size_t len, off_t at)
{
    return neg(syscall(SYS_pread64, fd, buf, len, at));
}

int h7_sys_openat(int dirfd, const char *path, int flags, mode_t mode)
{
    return (int)neg(syscall(SYS_openat, dirfd, path, flags, mode));
}

int h7_sys_extend(int fd, off_t from, off_t to)
{
    int r;
    do
        r = (int)neg(syscall(SYS_fallocate, fd, 0, from, to - from));
    while (r == -EINTR);
    return r;
}

int h7_sys_mlock(const void *p, size_t len, int lock)
{
    return (int)neg(syscall(lock ? SYS_mlock : SYS_munlock, p, len));
}

int h7_sys_allocate(int fd, off_t len)
{
    return h7_sys_extend(fd, 0, len);
}

int h7_sys_epoll_create(void)
{
    return (int)neg(syscall(SYS_epoll_create1, EPOLL_CLOEXEC));
}

int h7_sys_epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event)
{
    return (int)neg(syscall(SYS_epoll_ctl, epoll_fd, op, fd, event));
}

int h7_sys_mkdirat(int dirfd, const char *path, mode_t mode)
{
    return (int)neg(syscall(SYS_mkdirat, dirfd, path, mode));
}

int h7_sys_mkfifoat(int dirfd, const char *path, mode_t mode)
{
    return (int)neg(syscall(SYS_mknodat, dirfd, path, (mode & 07777) | S_IFIFO, 0L));
}

int h7_sys_rename_new(int dirfd, const char *from, const char *to)
{
    int r = (int)neg(syscall(SYS_renameat2, dirfd, from, dirfd, to, RENAME_NOREPLACE));
    return r == -EINVAL ? -EOPNOTSUPP : r;
}

int h7_sys_rename_swap(int dirfd, const char *a, const char *b)
{
    int r = (int)neg(syscall(SYS_renameat2, dirfd, a, dirfd, b, RENAME_EXCHANGE));
    return r == -EINVAL ? -EOPNOTSUPP : r;
}

int h7_sys_unlinkat(int dirfd, const char *path, int flags)
{
    return (int)neg(syscall(SYS_unlinkat, dirfd, path, flags));
}

ssize_t h7_sys_getdents(int fd, void *buf, size_t len)
{
    return neg(syscall(SYS_getdents64, fd, buf, len));
}

int h7_sys_statx(int dirfd, const char *path, struct statx *st)
{
    int flags = AT_SYMLINK_NOFOLLOW | (*path ? 0 : AT_EMPTY_PATH);
    return (int)neg(syscall(SYS_statx, dirfd, path, flags, STATX_BASIC_STATS, st));
}

ssize_t h7_sys_readlink(const char *path, char *buf, size_t len)
{
    ssize_t n = neg(syscall(SYS_readlinkat, AT_FDCWD, path, buf, len - 1));
    if (n >= 0)
        buf[n] = 0;
    return n;
}

int h7_sys_fchmod(int fd, mode_t mode)
{
    int r = (int)neg(syscall(SYS_fchmod, fd, mode));
    if (r != -EBADF)
        return r;
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return (int)neg(syscall(SYS_fchmodat, AT_FDCWD, path, mode));
}

int h7_sys_fchown(int fd, uid_t uid, gid_t gid)
{
    return (int)neg(syscall(SYS_fchownat, fd, "", uid, gid, AT_EMPTY_PATH));
}

/* fcntl() knows what struct flock this machine's kernel wants. */
int h7_sys_lock_byte(int fd, int type, off_t at)
{
    struct flock l = {.l_type = (short)type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};
    int r = (int)neg(fcntl(fd, F_OFD_SETLK, &l));
    return r == -EACCES ? -EAGAIN : r == -ENOLCK ? -ENOMEM : r;
}

int h7_sys_byte_locked(int fd, off_t at)
{
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};
    int r = (int)neg(fcntl(fd, F_OFD_GETLK, &l));
    return r < 0 ? r : l.l_type != F_UNLCK;
}

int h7_sys_flock(int fd, int how)
{
    int r = (int)neg(syscall(SYS_flock, fd, how | LOCK_NB));
    return r == -ENOLCK ? -ENOMEM : r;
}

int h7_sys_mq_open(const char *name, int flags, mode_t mode, struct mq_attr *attr)
{
    return (int)neg(syscall(SYS_mq_open, name, flags, mode, attr));
}

int h7_sys_mq_send(int fd, const void *msg, size_t len)
{
    return (int)neg(syscall(SYS_mq_timedsend, fd, msg, len, 0, NULL));
}

int h7_sys_mq_unlink(const char *name)
{
    return (int)neg(syscall(SYS_mq_unlink, name));
}

void h7_sys_close(int fd)
{
    if (fd >= 0)
        syscall(SYS_close, fd);
}

int h7_sys_dup(int fd, int cloexec)
{
    return (int)neg(fcntl(fd, cloexec ? F_DUPFD_CLOEXEC : F_DUPFD, 3));
}

int h7_sys_nonblock(int fd, int on)
{
    int fl = fcntl(fd, F_GETFL);
    if (fl < 0)
        return -errno;
    int want = on ? fl | O_NONBLOCK : fl & ~O_NONBLOCK;
    return want == fl ? 0 : (int)neg(fcntl(fd, F_SETFL, want));
}
