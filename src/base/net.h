/* SPDX-License-Identifier: MIT */
/*
 * base/net.h - the socket calls, as base/sys.h has the others: negative errno, and no
 * cancellation points
 *
 * Inline, because where the kernel carries the data this is all there is.
 */
#ifndef H7_BASE_NET_H
#define H7_BASE_NET_H

#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static inline long h7_net_result(long r)
{
    return r < 0 ? -(long)errno : r;
}

/* socket(2), close-on-exec; type may have SOCK_NONBLOCK in it. */
static inline int h7_net_socket(int family, int type, int protocol)
{
    return (int)h7_net_result(syscall(SYS_socket, family, type | SOCK_CLOEXEC, protocol));
}
static inline int h7_net_bind(int fd, const struct sockaddr *sa, socklen_t len)
{
    return (int)h7_net_result(syscall(SYS_bind, fd, sa, len));
}
static inline int h7_net_listen(int fd, int backlog)
{
    return (int)h7_net_result(syscall(SYS_listen, fd, backlog));
}
static inline int h7_net_connect(int fd, const struct sockaddr *sa, socklen_t len)
{
    return (int)h7_net_result(syscall(SYS_connect, fd, sa, len));
}
/* A new descriptor, close-on-exec and blocking. accept4(2). */
static inline int h7_net_accept(int fd)
{
    return (int)h7_net_result(syscall(SYS_accept4, fd, NULL, NULL, SOCK_CLOEXEC));
}
static inline int h7_net_shutdown(int fd, int how)
{
    return (int)h7_net_result(syscall(SYS_shutdown, fd, how));
}

static inline ssize_t h7_net_send(int fd, const void *buf, size_t len, int flags)
{
    return h7_net_result(syscall(SYS_sendto, fd, buf, len, flags, NULL, (size_t)0));
}
static inline ssize_t h7_net_recv(int fd, void *buf, size_t len, int flags)
{
    return h7_net_result(syscall(SYS_recvfrom, fd, buf, len, flags, NULL, NULL));
}
static inline ssize_t h7_net_sendmsg(int fd, const struct msghdr *m, int flags)
{
    return h7_net_result(syscall(SYS_sendmsg, fd, m, flags));
}
static inline ssize_t h7_net_recvmsg(int fd, struct msghdr *m, int flags)
{
    return h7_net_result(syscall(SYS_recvmsg, fd, m, flags));
}

static inline int h7_net_set(int fd, int level, int name, const void *value, socklen_t len)
{
    return (int)h7_net_result(syscall(SYS_setsockopt, fd, level, name, value, len));
}
static inline int h7_net_set_int(int fd, int level, int name, int value)
{
    return h7_net_set(fd, level, name, &value, sizeof value);
}
static inline int h7_net_get(int fd, int level, int name, void *value, socklen_t len)
{
    return (int)h7_net_result(syscall(SYS_getsockopt, fd, level, name, value, &len));
}
/* getsockname(2) or getpeername(2): the length of the address, or negative errno. */
static inline int h7_net_name(int fd, int peer, struct sockaddr_storage *sa)
{
    socklen_t len = sizeof *sa;
    long r = syscall(peer ? SYS_getpeername : SYS_getsockname, fd, sa, &len);
    return r < 0 ? -errno : (int)len;
}

#endif
