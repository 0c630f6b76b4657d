/* SPDX-License-Identifier: MIT */
/*
 * bench/inet_kernel.c - TCP and UDP over 127.0.0.1 with bare system calls
 *
 * The same as inet_hepta.c does through the library: one connection, connected datagram
 * sockets, the system's buffers for TCP, one window for UDP. TCP doesn't delay small pieces,
 * in streams neither: the end of each portion would wait 40 ms for an acknowledgement.
 */
#define _GNU_SOURCE
#include "bench/backends.h"
#include "bench/inet.h"
#include "bench/kernel_io.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct kernel_inet {
    int fd[2];
    int own;
    int flags;
    struct inet_window window;
};

static void inet_close(void *link)
{
    struct kernel_inet *k = link;

    for (int i = 0; i < 2; i++)
        if (k->fd[i] >= 0)
            close(k->fd[i]);
    free(k);
}

static struct kernel_inet *inet_new(const struct bench_case *c)
{
    struct kernel_inet *k = calloc(1, sizeof(*k));

    if (k) {
        k->fd[0] = k->fd[1] = -1;
        k->flags = MSG_NOSIGNAL | (c->mode == BENCH_BUSY ? MSG_DONTWAIT : 0);
    }
    return k;
}

/* A socket on any free port of 127.0.0.1; @at receives its address. */
static int bound(int *fd, int type, struct sockaddr_in *at)
{
    socklen_t len = sizeof(*at);

    *at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    *fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    if (*fd < 0 || bind(*fd, (struct sockaddr *)at, len) ||
        getsockname(*fd, (struct sockaddr *)at, &len))
        return -errno;
    return 0;
}

static int connected(int fd, const struct sockaddr_in *to)
{
    return connect(fd, (const struct sockaddr *)to, sizeof(*to)) ? -errno : 0;
}

static int no_delay(int fd)
{
    int on = 1;

    return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) ? -errno : 0;
}

static int tcp_connect(struct kernel_inet *k, int listener, const struct sockaddr_in *at)
{
    if (listen(listener, 1))
        return -errno;
    k->fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (k->fd[0] < 0)
        return -errno;
    int rc = connected(k->fd[0], at);
    if (rc)
        return rc;
    k->fd[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    return k->fd[1] < 0 ? -errno : 0;
}

static int tcp_open(void **link, const struct bench_case *c)
{
    struct kernel_inet *k = inet_new(c);
    struct sockaddr_in at;
    int listener;

    if (!k)
        return -ENOMEM;
    int rc = bound(&listener, SOCK_STREAM, &at);
    if (!rc)
        rc = tcp_connect(k, listener, &at);
    if (listener >= 0)
        close(listener);
    for (int i = 0; i < 2 && !rc; i++)
        rc = no_delay(k->fd[i]);
    if (rc)
        inet_close(k);
    else
        *link = k;
    return rc;
}

static int udp_open(void **link, const struct bench_case *c)
{
    struct kernel_inet *k = inet_new(c);
    struct sockaddr_in at[2];
    int rc = 0;

    if (!k)
        return -ENOMEM;
    for (int i = 0; i < 2 && !rc; i++)
        rc = bound(&k->fd[i], SOCK_DGRAM, &at[i]);
    for (int i = 0; i < 2 && !rc; i++)
        rc = connected(k->fd[i], &at[!i]);
    for (int i = 0; i < 2 && !rc; i++)
        rc = inet_window_init(&k->window, k->fd[i], c);
    if (rc)
        inet_close(k);
    else
        *link = k;
    return rc;
}

static int inet_enter(void *link, enum bench_side side)
{
    struct kernel_inet *k = link;

    k->own = k->fd[side];
    close(k->fd[!side]);
    k->fd[!side] = -1;
    return 0;
}

static int tcp_send(void *link, const void *buf, size_t len)
{
    const struct kernel_inet *k = link;

    return kernel_send(k->own, buf, len, k->flags);
}

static int tcp_recv(void *link, void *buf, size_t len)
{
    const struct kernel_inet *k = link;

    return kernel_recv(k->own, buf, len, k->flags);
}

static bool udp_fits(const struct bench_case *c)
{
    return c->bytes <= INET_UDP_MAX;
}

static int udp_send(void *link, const void *buf, size_t len)
{
    struct kernel_inet *k = link;
    char ack[INET_ACK_BYTES];

    while (inet_window_full(&k->window)) {
        int rc = kernel_recv_message(k->own, ack, sizeof(ack), k->flags);
        if (rc)
            return rc;
        inet_window_acked(&k->window);
    }
    k->window.sent++;
    return kernel_send_message(k->own, buf, len, k->flags);
}

static int udp_recv(void *link, void *buf, size_t len)
{
    struct kernel_inet *k = link;
    static const char ack[INET_ACK_BYTES];
    int rc = kernel_recv_message(k->own, buf, len, k->flags);

    if (rc || !inet_window_due(&k->window))
        return rc;
    return kernel_send_message(k->own, ack, sizeof(ack), k->flags);
}

const struct bench_backend bench_tcp_kernel = {
    .name = "kernel",
    .what = "bare system calls, send(2) and recv(2)",
    .open = tcp_open,
    .enter = inet_enter,
    .send = tcp_send,
    .recv = tcp_recv,
    .close = inet_close,
};

const struct bench_backend bench_udp_kernel = {
    .name = "kernel",
    .what = "bare system calls, send(2) and recv(2); messages up to 65,507 bytes",
    .fits = udp_fits,
    .open = udp_open,
    .enter = inet_enter,
    .send = udp_send,
    .recv = udp_recv,
    .close = inet_close,
};
