/* SPDX-License-Identifier: MIT */
/*
 * wraps.c - see wraps.h: one __wrap_ function for each libc function that the library
 * uses and that can fail
 *
 * The errnos are those that the kernel can really give for the way the library calls it:
 * shortages, signals, old kernels, seccomp. close and munmap do their work even when
 * they are made to fail, as the kernel's do.
 */
#define _GNU_SOURCE
#include "wraps.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <net/if.h>
#include <netdb.h>
#include <sched.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

static int countdown, chosen;
static char hit[64];

void wraps_arm(int nth, int variant)
{
    hit[0] = 0;
    chosen = variant;
    countdown = nth;
}

void wraps_disarm(void)
{
    countdown = 0;
}

const char *wraps_hit(void)
{
    return hit;
}

/* Counts a call; true if it is the one that fails: errno is set. @errors end with 0. */
static bool fails(const char *name, const int *errors)
{
    int n = 0;

    while (errors[n])
        n++;
    if (countdown == 0 || n == 0 || --countdown > 0)
        return false;
    errno = errors[chosen % n];
    snprintf(hit, sizeof(hit), "%s (%s)", name, strerrorname_np(errno));
    return true;
}

#define FAILS(name, ...) fails(name, (const int[]){__VA_ARGS__, 0})

/* Declares the real function and opens the wrapper of the same type. */
#define WRAP(type, name, ...)                                                                      \
    type __real_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__)

static const int none[] = {0};

static const struct {
    long nr;
    const char *name;
    int errors[5];
} calls[] = {
    {SYS_futex, "futex", {EINTR, EAGAIN}},
    {SYS_membarrier, "membarrier", {ENOSYS, EPERM}},
    {SYS_pidfd_open, "pidfd_open", {EMFILE, ENOMEM, ENOSYS, EPERM}},
    {SYS_clone, "clone", {EAGAIN, ENOMEM, EPERM}},
    {SYS_fallocate, "fallocate", {ENOSPC, EINTR, ENOMEM}},
    {SYS_tkill, "tkill", {EPERM}},
    {SYS_tgkill, "tgkill", {EPERM}},
    {SYS_rt_sigtimedwait, "rt_sigtimedwait", {EINTR, EAGAIN}},
    {SYS_rt_sigprocmask, "rt_sigprocmask", {0}},
    {SYS_rt_sigpending, "rt_sigpending", {0}},
    {SYS_rt_tgsigqueueinfo, "rt_tgsigqueueinfo", {EAGAIN, EPERM}},
    {SYS_sigaltstack, "sigaltstack", {0}},
    {SYS_signalfd4, "signalfd4", {EMFILE, ENFILE, ENODEV, ENOMEM}},
    {SYS_pidfd_send_signal, "pidfd_send_signal", {EPERM, EAGAIN, ENOSYS}},
    {SYS_get_robust_list, "get_robust_list", {EPERM, ENOSYS}},
    {SYS_read, "read", {EINTR, EAGAIN}},
    {SYS_preadv2, "preadv2", {EAGAIN, EOPNOTSUPP, ENOSYS}},
    {SYS_tee, "tee", {EINTR, ENOMEM}},
    {SYS_vmsplice, "vmsplice", {EAGAIN, ENOMEM}},
    {SYS_pread64, "pread64", {EINTR, ENOMEM}},
    {SYS_write, "write", {EAGAIN}},
    {SYS_pwritev2, "pwritev2", {EAGAIN, EOPNOTSUPP, ENOSYS}},
    {SYS_ppoll, "ppoll", {EINTR, ENOMEM}},
    {SYS_openat, "openat", {EMFILE, ENFILE, ENOENT, EACCES}},
    {SYS_mkdirat, "mkdirat", {ENOSPC, EEXIST, ENOMEM}},
    {SYS_mknodat, "mknodat", {ENOSPC, EEXIST, ENOMEM}},
    {SYS_renameat2, "renameat2", {ENOSPC, EEXIST, ENOMEM, EACCES}},
    {SYS_unlinkat, "unlinkat", {ENOENT, EACCES, ENOMEM}},
    {SYS_readlinkat, "readlinkat", {ENOENT, EACCES, ENOMEM}},
    {SYS_getdents64, "getdents64", {ENOENT, ENOMEM}},
    {SYS_statx, "statx", {ENOMEM, EACCES}},
    {SYS_fchmod, "fchmod", {EPERM}},
    {SYS_fchmodat, "fchmodat", {EPERM, ENOENT, EACCES}},
    {SYS_flock, "flock", {EAGAIN, ENOLCK}},
    {SYS_fchown, "fchown", {EPERM}},
    {SYS_fchownat, "fchownat", {EPERM, ENOMEM}},
    {SYS_mlock, "mlock", {ENOMEM, EPERM, EAGAIN}},
    {SYS_mq_open, "mq_open", {EMFILE, ENFILE, ENOSPC, ENOMEM, ENOSYS}},
    {SYS_mq_timedsend, "mq_timedsend", {EAGAIN}},
    {SYS_mq_timedreceive, "mq_timedreceive", {EAGAIN}},
    {SYS_mq_getsetattr, "mq_getsetattr", {0}}, /* of a queue's descriptor */
    {SYS_semtimedop, "semtimedop", {EINTR, ENOMEM, EIDRM, EACCES}},
    {SYS_mq_unlink, "mq_unlink", {ENOENT, EACCES}},
    {SYS_close, "close", {0}}, /* its result is nobody's business: see h7_sys_close() */
    {SYS_socket, "socket", {EMFILE, ENFILE, ENOMEM, ENOBUFS}},
    {SYS_bind, "bind", {ENOMEM, EADDRINUSE}},
    {SYS_listen, "listen", {EADDRINUSE}},
    {SYS_connect, "connect", {EINTR, EAGAIN, ECONNREFUSED}},
    {SYS_accept4, "accept4", {EMFILE, ENOMEM, EINTR, ECONNABORTED}},
    {SYS_shutdown, "shutdown", {ENOTCONN}},
    {SYS_sendto, "sendto", {EAGAIN, EINTR, ENOMEM, ENOBUFS}},
    {SYS_sendmsg, "sendmsg", {EAGAIN, EINTR, ENOMEM, ETOOMANYREFS}},
    {SYS_recvfrom, "recvfrom", {EAGAIN, EINTR, ENOMEM}},
    {SYS_recvmsg, "recvmsg", {EAGAIN, EINTR, ENOMEM}},
    {SYS_setsockopt, "setsockopt", {ENOMEM}},
    {SYS_getsockopt, "getsockopt", {ENOMEM}},
    {SYS_getsockname, "getsockname", {ENOBUFS}},
    {SYS_getpeername, "getpeername", {ENOBUFS}},
    {SYS_eventfd2, "eventfd2", {EMFILE, ENFILE, ENOMEM}},
    {SYS_epoll_create1, "epoll_create1", {EMFILE, ENFILE, ENOMEM}},
    {SYS_epoll_ctl, "epoll_ctl", {ENOMEM, ENOSPC}},
    {SYS_gettid, "gettid", {0}},
    {SYS_exit, "exit", {0}},
};

static bool call_fails(long nr)
{
    for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
        if (calls[i].nr == nr)
            return fails(calls[i].name, calls[i].errors);
    if (countdown == 0)
        return false;
    fprintf(stderr, "system call %ld: list it in wraps.c, with the errnos it can give\n", nr);
    abort();
}

WRAP(long, syscall, long nr, ...)
{
    va_list ap;
    long a[6];

    va_start(ap, nr);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(ap, long);
    va_end(ap);
    if (call_fails(nr))
        return -1;
    return __real_syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static const int *fcntl_errors(int cmd)
{
    static const int dup[] = {EMFILE, 0}, size[] = {EPERM, EBUSY, ENOMEM, 0};
    static const int seal[] = {EPERM, EBUSY, 0}, seals[] = {EINVAL, 0}, flags[] = {ENOMEM, 0};
    static const int lock[] = {ENOLCK, EAGAIN, 0}, ask[] = {EINVAL, 0};

    switch (cmd) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC: return dup;
    case F_SETPIPE_SZ: return size;
    case F_ADD_SEALS: return seal;
    case F_GET_SEALS: return seals;
    case F_GETFL:
    case F_SETFL: return flags;
    case F_OFD_SETLK: return lock;
    case F_OFD_GETLK: return ask;
    default: return none;
    }
}

WRAP(int, fcntl, int fd, int cmd, ...)
{
    va_list ap;
    long arg;

    va_start(ap, cmd);
    arg = va_arg(ap, long);
    va_end(ap);
    return fails("fcntl", fcntl_errors(cmd)) ? -1 : __real_fcntl(fd, cmd, arg);
}

WRAP(void *, mmap, void *at, size_t len, int prot, int flags, int fd, off_t off)
{
    return FAILS("mmap", ENOMEM) ? MAP_FAILED : __real_mmap(at, len, prot, flags, fd, off);
}

WRAP(int, munmap, void *at, size_t len)
{
    int rc = __real_munmap(at, len);

    return FAILS("munmap", ENOMEM) ? -1 : rc;
}

WRAP(int, madvise, void *at, size_t len, int advice)
{
    return FAILS("madvise", EINVAL, ENOMEM) ? -1 : __real_madvise(at, len, advice);
}

WRAP(int, memfd_create, const char *name, unsigned flags)
{
    return FAILS("memfd_create", EMFILE, ENFILE, ENOMEM, EINVAL) ? -1
                                                                 : __real_memfd_create(name, flags);
}

WRAP(int, ftruncate, int fd, off_t len)
{
    return FAILS("ftruncate", ENOSPC, ENOMEM, EFBIG) ? -1 : __real_ftruncate(fd, len);
}

WRAP(int, fallocate, int fd, int mode, off_t off, off_t len)
{
    return FAILS("fallocate", ENOSPC, EINTR, ENOMEM) ? -1 : __real_fallocate(fd, mode, off, len);
}

WRAP(int, fstat, int fd, struct stat *st)
{
    return FAILS("fstat", ENOMEM) ? -1 : __real_fstat(fd, st);
}

WRAP(int, stat, const char *path, struct stat *st)
{
    return FAILS("stat", ENOENT, EACCES, ENOMEM) ? -1 : __real_stat(path, st);
}

WRAP(int, fstatfs, int fd, struct statfs *st)
{
    return FAILS("fstatfs", ENOSYS, ENOMEM) ? -1 : __real_fstatfs(fd, st);
}

WRAP(int, pipe2, int fds[2], int flags)
{
    return FAILS("pipe2", EMFILE, ENFILE) ? -1 : __real_pipe2(fds, flags);
}

WRAP(int, open, const char *path, int flags, ...)
{
    va_list ap;
    int mode;

    va_start(ap, flags);
    mode = va_arg(ap, int);
    va_end(ap);
    return FAILS("open", EMFILE, ENFILE, ENOENT, EACCES) ? -1 : __real_open(path, flags, mode);
}

WRAP(int, openat, int dir, const char *path, int flags, ...)
{
    va_list ap;
    int mode;

    va_start(ap, flags);
    mode = va_arg(ap, int);
    va_end(ap);
    return FAILS("openat", EMFILE, ENFILE, ENOENT, EACCES)
               ? -1 : __real_openat(dir, path, flags, mode);
}

WRAP(int, linkat, int from, const char *old, int to, const char *new, int flags)
{
    return FAILS("linkat", EEXIST, ENOSPC, EACCES) ? -1 : __real_linkat(from, old, to, new, flags);
}

WRAP(ssize_t, pread, int fd, void *buf, size_t len, off_t off)
{
    return FAILS("pread", EINTR, ENOMEM) ? -1 : __real_pread(fd, buf, len, off);
}

WRAP(int, ioctl, int fd, unsigned long request, ...)
{
    va_list ap;
    void *arg;

    va_start(ap, request);
    arg = va_arg(ap, void *);
    va_end(ap);
    return FAILS("ioctl", ENOMEM) ? -1 : __real_ioctl(fd, request, arg);
}

/* Only the four arguments that the library uses. */
WRAP(int, clone, int (*fn)(void *), void *stack, int flags, void *arg, ...)
{
    return FAILS("clone", EAGAIN, ENOMEM, EPERM) ? -1 : __real_clone(fn, stack, flags, arg);
}

WRAP(pid_t, waitpid, pid_t pid, int *status, int options)
{
    return FAILS("waitpid", EINTR) ? -1 : __real_waitpid(pid, status, options);
}

WRAP(int, getrlimit, int resource, struct rlimit *limit)
{
    return FAILS("getrlimit", EPERM) ? -1 : __real_getrlimit(resource, limit);
}

WRAP(void *, aligned_alloc, size_t align, size_t len)
{
    return FAILS("aligned_alloc", ENOMEM) ? NULL : __real_aligned_alloc(align, len);
}

WRAP(void *, malloc, size_t len)
{
    return FAILS("malloc", ENOMEM) ? NULL : __real_malloc(len);
}

WRAP(void *, calloc, size_t n, size_t len)
{
    return FAILS("calloc", ENOMEM) ? NULL : __real_calloc(n, len);
}

WRAP(void *, realloc, void *p, size_t len)
{
    return FAILS("realloc", ENOMEM) ? NULL : __real_realloc(p, len);
}

WRAP(int, lstat, const char *path, struct stat *st)
{
    return FAILS("lstat", ENOENT, EACCES, ENOMEM) ? -1 : __real_lstat(path, st);
}

WRAP(int, chmod, const char *path, mode_t mode)
{
    return FAILS("chmod", ENOENT, EACCES) ? -1 : __real_chmod(path, mode);
}

WRAP(int, fchmod, int fd, mode_t mode)
{
    return FAILS("fchmod", ENOMEM, EPERM) ? -1 : __real_fchmod(fd, mode);
}

WRAP(int, socketpair, int domain, int type, int protocol, int fds[2])
{
    return FAILS("socketpair", EMFILE, ENFILE, ENOMEM)
               ? -1 : __real_socketpair(domain, type, protocol, fds);
}

WRAP(int, getsockopt, int fd, int level, int name, void *value, socklen_t *len)
{
    return FAILS("getsockopt", ENOMEM) ? -1 : __real_getsockopt(fd, level, name, value, len);
}

WRAP(int, flock, int fd, int operation)
{
    return FAILS("flock", EWOULDBLOCK, ENOLCK, EINTR) ? -1 : __real_flock(fd, operation);
}

WRAP(int, inotify_init1, int flags)
{
    return FAILS("inotify_init1", EMFILE, ENFILE, ENOMEM) ? -1 : __real_inotify_init1(flags);
}

WRAP(int, inotify_add_watch, int fd, const char *path, uint32_t mask)
{
    return FAILS("inotify_add_watch", ENOSPC, ENOMEM, ENOENT)
               ? -1 : __real_inotify_add_watch(fd, path, mask);
}

WRAP(int, timerfd_create, int clock, int flags)
{
    return FAILS("timerfd_create", EMFILE, ENFILE, ENOMEM)
               ? -1 : __real_timerfd_create(clock, flags);
}

WRAP(int, mq_notify, mqd_t queue, const struct sigevent *event)
{
    return FAILS("mq_notify", ENOMEM) ? -1 : __real_mq_notify(queue, event);
}

WRAP(int, unlink, const char *path)
{
    return FAILS("unlink", EACCES, ENOENT) ? -1 : __real_unlink(path);
}

WRAP(char *, getcwd, char *to, size_t len)
{
    return FAILS("getcwd", ENOENT, ERANGE) ? NULL : __real_getcwd(to, len);
}

WRAP(unsigned, if_nametoindex, const char *name)
{
    return FAILS("if_nametoindex", ENODEV, EMFILE, ENOMEM) ? 0 : __real_if_nametoindex(name);
}

WRAP(char *, if_indextoname, unsigned index, char *name)
{
    return FAILS("if_indextoname", ENXIO, EMFILE) ? NULL : __real_if_indextoname(index, name);
}

WRAP(int, getaddrinfo, const char *name, const char *service, const struct addrinfo *hints,
     struct addrinfo **list)
{
    static const int codes[] = {EAI_MEMORY, EAI_AGAIN, EAI_SYSTEM};

    return FAILS("getaddrinfo", ENOMEM, EMFILE, EAGAIN)
               ? codes[chosen % 3] : __real_getaddrinfo(name, service, hints, list);
}

WRAP(char *, strdup, const char *text)
{
    return FAILS("strdup", ENOMEM) ? NULL : __real_strdup(text);
}

/* What it leaves in *to when it fails is undefined: nothing that free(3) can take. */
WRAP(int, asprintf, char **to, const char *form, ...)
{
    va_list ap;
    int n;

    if (FAILS("asprintf", ENOMEM)) {
        *to = (char *)(uintptr_t)1;
        return -1;
    }
    va_start(ap, form);
    n = vasprintf(to, form, ap);
    va_end(ap);
    return n;
}

WRAP(ssize_t, pwrite, int fd, const void *buf, size_t len, off_t off)
{
    return FAILS("pwrite", ENOSPC, ENOMEM) ? -1 : __real_pwrite(fd, buf, len, off);
}

/* --- the kernel's objects with names, and the C library's ------------------------------- */

WRAP(int, msgget, key_t key, int flags)
{
    return FAILS("msgget", ENOMEM, ENOSPC, EACCES) ? -1 : __real_msgget(key, flags);
}

static const int *ctl_errors(int cmd)
{
    static const int look[] = {EACCES, EIDRM, 0}, set[] = {EPERM, EIDRM, 0};
    static const int value[] = {EACCES, EIDRM, ENOMEM, 0};

    return cmd == IPC_STAT || cmd == GETVAL ? look : cmd == SETVAL ? value : set;
}

WRAP(int, msgctl, int id, int cmd, struct msqid_ds *ds)
{
    return fails("msgctl", ctl_errors(cmd)) ? -1 : __real_msgctl(id, cmd, ds);
}

WRAP(int, msgsnd, int id, const void *text, size_t len, int flags)
{
    return FAILS("msgsnd", EAGAIN, ENOMEM, EIDRM, EACCES) ? -1
                                                          : __real_msgsnd(id, text, len, flags);
}

WRAP(ssize_t, msgrcv, int id, void *text, size_t len, long type, int flags)
{
    return FAILS("msgrcv", ENOMSG, ENOMEM, EIDRM, E2BIG)
               ? -1 : __real_msgrcv(id, text, len, type, flags);
}

WRAP(int, semget, key_t key, int n, int flags)
{
    return FAILS("semget", ENOMEM, ENOSPC, EACCES) ? -1 : __real_semget(key, n, flags);
}

WRAP(int, semctl, int id, int i, int cmd, ...)
{
    va_list ap;
    long arg;

    va_start(ap, cmd);
    arg = va_arg(ap, long);
    va_end(ap);
    return fails("semctl", ctl_errors(cmd)) ? -1 : __real_semctl(id, i, cmd, arg);
}

/* Real ones with a fixed number of arguments: O_CREAT's are there or are not looked at. */
WRAP(sem_t *, sem_open, const char *name, int flags, ...)
{
    va_list ap;
    mode_t mode;
    unsigned value;

    va_start(ap, flags);
    mode = va_arg(ap, mode_t);
    value = va_arg(ap, unsigned);
    va_end(ap);
    return FAILS("sem_open", EMFILE, ENFILE, ENOMEM, EACCES)
               ? SEM_FAILED : __real_sem_open(name, flags, mode, value);
}

WRAP(int, sem_post, sem_t *sem)
{
    return FAILS("sem_post", EOVERFLOW) ? -1 : __real_sem_post(sem);
}

WRAP(int, sem_trywait, sem_t *sem)
{
    return FAILS("sem_trywait", EAGAIN) ? -1 : __real_sem_trywait(sem);
}

WRAP(int, sem_wait, sem_t *sem)
{
    return FAILS("sem_wait", EINTR) ? -1 : __real_sem_wait(sem);
}

WRAP(int, sem_clockwait, sem_t *sem, clockid_t clock, const struct timespec *until)
{
    return FAILS("sem_clockwait", EINTR, ETIMEDOUT) ? -1 : __real_sem_clockwait(sem, clock, until);
}

WRAP(int, sem_unlink, const char *name)
{
    return FAILS("sem_unlink", ENOENT, EACCES) ? -1 : __real_sem_unlink(name);
}

WRAP(int, shm_open, const char *name, int flags, mode_t mode)
{
    return FAILS("shm_open", EMFILE, ENFILE, EACCES, ENOMEM)
               ? -1 : __real_shm_open(name, flags, mode);
}

WRAP(int, shm_unlink, const char *name)
{
    return FAILS("shm_unlink", ENOENT, EACCES) ? -1 : __real_shm_unlink(name);
}

/*
 * Large-file names: what the same calls are named when built with _FILE_OFFSET_BITS=64.
 */
#define ALSO64(name)                                                                               \
    extern __typeof__(__wrap_##name) __wrap_##name##64 __attribute__((alias("__wrap_" #name)))

ALSO64(fallocate);
ALSO64(fcntl);
ALSO64(fstat);
ALSO64(fstatfs);
ALSO64(ftruncate);
ALSO64(getrlimit);
ALSO64(lstat);
ALSO64(mmap);
ALSO64(open);
ALSO64(openat);
ALSO64(pread);
ALSO64(pwrite);
ALSO64(stat);
