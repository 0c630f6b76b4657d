/* SPDX-License-Identifier: MIT */
/* bench/kernel_io.c - see kernel_io.h */
#include "bench/kernel_io.h"

#include "bench/ticks.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

int kernel_again(bool busy)
{
    if (errno == EAGAIN && busy) {
        bench_pause();
        return 0;
    }
    return errno == EINTR ? 0 : -errno;
}

int kernel_write(int fd, const void *buf, size_t len, bool busy)
{
    const unsigned char *p = buf;

    while (len > 0) {
        ssize_t n = write(fd, p, len);
        int rc = n < 0 ? kernel_again(busy) : 0;
        if (rc)
            return rc;
        if (n > 0) {
            p += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

int kernel_read(int fd, void *buf, size_t len, bool busy)
{
    unsigned char *p = buf;

    while (len > 0) {
        ssize_t n = read(fd, p, len);
        int rc = n < 0 ? kernel_again(busy) : n == 0 ? -EPIPE : 0;
        if (rc)
            return rc;
        if (n > 0) {
            p += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

int kernel_send(int fd, const void *buf, size_t len, int flags)
{
    const unsigned char *p = buf;

    while (len > 0) {
        ssize_t n = send(fd, p, len, flags);
        int rc = n < 0 ? kernel_again(flags & MSG_DONTWAIT) : 0;
        if (rc)
            return rc;
        if (n > 0) {
            p += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

int kernel_recv(int fd, void *buf, size_t len, int flags)
{
    unsigned char *p = buf;

    while (len > 0) {
        ssize_t n = recv(fd, p, len, flags);
        int rc = n < 0 ? kernel_again(flags & MSG_DONTWAIT) : n == 0 ? -EPIPE : 0;
        if (rc)
            return rc;
        if (n > 0) {
            p += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

int kernel_send_message(int fd, const void *buf, size_t len, int flags)
{
    ssize_t n;

    while ((n = send(fd, buf, len, flags)) < 0) {
        int rc = kernel_again(flags & MSG_DONTWAIT);
        if (rc)
            return rc;
    }
    return (size_t)n == len ? 0 : -EBADMSG;
}

int kernel_recv_message(int fd, void *buf, size_t len, int flags)
{
    ssize_t n;

    while ((n = recv(fd, buf, len, flags)) < 0) {
        int rc = kernel_again(flags & MSG_DONTWAIT);
        if (rc)
            return rc;
    }
    if (n == 0)
        return -EPIPE;
    return (size_t)n == len ? 0 : -EBADMSG;
}
