/* SPDX-License-Identifier: MIT */
/*
 * inet_kernel.c - the oracle: tcp, udp and raw by bare system calls
 *
 * Deadlines are translated as in pipe_kernel.c: HEPTA_FOREVER is a call that waits, HEPTA_NOW
 * one that doesn't, any other is poll() and a call that doesn't. Flags that the interface has
 * no word for (MSG_NOSIGNAL) are not set: the kernel is judged as it is.
 */
#define _GNU_SOURCE
#include "inet_room.h"

#include "inet_kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MAX_SOCKETS 256

/* Never freed: a closed one keeps its number, so that misuse reaches the kernel. */
struct k_sock {
    int fd;
    char scheme[32];
};

static struct k_sock sockets[MAX_SOCKETS];
static int n_sockets;

static struct k_sock *of(struct hepta_sock *s)
{
    return (struct k_sock *)s;
}

static struct hepta_sock *new_sock(int fd, const char *address)
{
    struct k_sock *k = &sockets[n_sockets++ % MAX_SOCKETS];

    k->fd = fd;
    k_scheme(k->scheme, address);
    return (struct hepta_sock *)k;
}

static int set(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int set_options(int fd, const struct k_place *p, const struct hepta_sock_options *opt)
{
    const struct {
        bool on;
        int level, name, value;
    } all[] = {
        {opt->flags & HEPTA_SOCK_NODELAY, IPPROTO_TCP, TCP_NODELAY, 1},
        {opt->flags & HEPTA_SOCK_REUSEADDR, SOL_SOCKET, SO_REUSEADDR, 1},
        {opt->flags & HEPTA_SOCK_REUSEPORT, SOL_SOCKET, SO_REUSEPORT, 1},
        {opt->flags & HEPTA_SOCK_HDRINCL, IPPROTO_IP, IP_HDRINCL, 1},
        {opt->flags & HEPTA_SOCK_BROADCAST, SOL_SOCKET, SO_BROADCAST, 1},
        {p->family == AF_INET6 && p->type != SOCK_RAW, IPPROTO_IPV6, IPV6_V6ONLY,
         !!(opt->flags & HEPTA_SOCK_V6ONLY)},
        {opt->capacity > 0, SOL_SOCKET, SO_SNDBUF, (int)opt->capacity},
        {opt->capacity > 0, SOL_SOCKET, SO_RCVBUF, (int)opt->capacity},
    };
    int err = 0;

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]) && err == 0; i++)
        if (all[i].on)
            err = set(fd, all[i].level, all[i].name, all[i].value);
    return err;
}

static const struct hepta_sock_options no_options = {.backlog = 0};

/* A socket with its options, or negative errno. */
static int open_at(const struct k_place *p, const struct hepta_sock_options *opt)
{
    int fd = socket(p->family, p->type | SOCK_CLOEXEC, p->protocol);
    int err = fd < 0 ? -errno : set_options(fd, p, opt);

    if (fd >= 0 && err < 0)
        close(fd);
    return err < 0 ? err : fd;
}

static int bind_to(int fd, const struct k_place *p)
{
    return bind(fd, (const struct sockaddr *)&p->sa, p->len) < 0 ? -errno : 0;
}

static int k_listen(struct hepta_sock **s, const char *address,
                    const struct hepta_sock_options *opt)
{
    struct k_place places[K_MAX_PLACES];
    int n = k_resolve(places, address, true);

    opt = opt ? opt : &no_options;
    if (n <= 0)
        return n;
    int fd = open_at(&places[0], opt), err = fd < 0 ? fd : bind_to(fd, &places[0]);
    if (err == 0 && places[0].type == SOCK_STREAM)
        err = listen(fd, opt->backlog ? (int)opt->backlog : 128) < 0 ? -errno : 0;
    if (err == 0)
        *s = new_sock(fd, address);
    else if (fd >= 0)
        close(fd);
    return err;
}

/* 0: try again. */
static int wait_for(int fd, short events, int64_t deadline)
{
    struct pollfd p = {.fd = fd, .events = events};
    int64_t left = deadline - hepta_now_ns();

    if (left <= 0)
        return -ETIMEDOUT;
    return poll(&p, 1, (int)((left + 999999) / 1000000)) < 0 ? -errno : 0;
}

static int finish_connect(int fd, int64_t deadline)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int err = 0;
    socklen_t len = sizeof(err);

    while (poll(&p, 1, 0) == 0) {
        int res = deadline == HEPTA_NOW ? -EAGAIN : wait_for(fd, POLLOUT, deadline);
        if (res < 0)
            return res;
    }
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
    return -err;
}

static int connect_to(int fd, const struct k_place *p, int64_t deadline)
{
    int flags = deadline == HEPTA_FOREVER ? 0 : O_NONBLOCK;

    fcntl(fd, F_SETFL, flags);
    if (connect(fd, (const struct sockaddr *)&p->sa, p->len) == 0)
        return fcntl(fd, F_SETFL, 0);
    if (errno != EINPROGRESS)
        return -errno;
    int err = finish_connect(fd, deadline);
    fcntl(fd, F_SETFL, 0);
    return err;
}

static int k_connect(struct hepta_sock **s, const char *address,
                     const struct hepta_sock_options *opt, int64_t deadline)
{
    struct k_place places[K_MAX_PLACES], local[K_MAX_PLACES];
    int n = k_resolve(places, address, false), n_local = 0, err = -ENOENT;

    opt = opt ? opt : &no_options;
    if (n > 0 && opt->local)
        n_local = k_resolve(local, opt->local, true);
    if (n <= 0 || n_local < 0)
        return n <= 0 ? n : n_local;
    for (int i = 0; i < n; i++) {
        int fd = open_at(&places[i], opt);

        err = fd < 0 ? fd : n_local ? bind_to(fd, &local[0]) : 0;
        if (err == 0)
            err = connect_to(fd, &places[i], deadline);
        if (err == 0)
            *s = new_sock(fd, address);
        else if (fd >= 0)
            close(fd);
        if (err == 0 || err == -ETIMEDOUT || err == -EAGAIN || err == -EINTR)
            break;
    }
    return err;
}

static int k_accept(struct hepta_sock *l, struct hepta_sock **s, int64_t deadline)
{
    int flags = deadline == HEPTA_FOREVER ? 0 : O_NONBLOCK;

    for (;;) {
        fcntl(of(l)->fd, F_SETFL, flags);
        int fd = accept4(of(l)->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0) {
            *s = new_sock(fd, of(l)->scheme);
            return 0;
        }
        if (errno != EAGAIN || deadline == HEPTA_NOW)
            return -errno;
        int err = wait_for(of(l)->fd, POLLIN, deadline);
        if (err < 0)
            return err;
    }
}

static ssize_t k_sendmsg(struct hepta_sock *s, const struct hepta_sock_msg *msg, int64_t deadline)
{
    struct msghdr h = {.msg_iov = msg->iov, .msg_iovlen = msg->n_iov};
    struct k_place to[K_MAX_PLACES];
    int flags = deadline == HEPTA_FOREVER ? 0 : MSG_DONTWAIT;

    if (msg->address[0]) {
        int n = k_resolve(to, msg->address, false);
        if (n <= 0)
            return n;
        h.msg_name = &to[0].sa;
        h.msg_namelen = to[0].len;
    }
    for (;;) {
        ssize_t n = sendmsg(of(s)->fd, &h, flags);
        if (n >= 0)
            return n;
        if (errno != EAGAIN || deadline == HEPTA_NOW)
            return -errno;
        int err = wait_for(of(s)->fd, POLLOUT, deadline);
        if (err < 0)
            return err;
    }
}

static ssize_t k_send(struct hepta_sock *s, const void *buf, size_t len, int64_t deadline)
{
    size_t done = 0;

    do { /* only a deadline makes it go in pieces */
        struct iovec iov = {(char *)buf + done, len - done};
        struct hepta_sock_msg msg = {.iov = &iov, .n_iov = 1};
        ssize_t n = k_sendmsg(s, &msg, deadline);

        if (n < 0)
            return done > 0 ? (ssize_t)done : n;
        done += (size_t)n;
    } while (done < len && deadline != HEPTA_NOW && deadline != HEPTA_FOREVER);
    return (ssize_t)done;
}

static ssize_t k_recvmsg(struct hepta_sock *s, struct hepta_sock_msg *msg, int64_t deadline)
{
    struct sockaddr_storage from = {0};
    int flags = deadline == HEPTA_FOREVER ? 0 : MSG_DONTWAIT;

    for (;;) {
        struct msghdr h = {&from, sizeof(from), msg->iov, msg->n_iov, NULL, 0, 0};
        size_t room = 0;
        ssize_t n = recvmsg(of(s)->fd, &h, flags | (strcmp(of(s)->scheme, "tcp:") ? MSG_TRUNC : 0));

        for (size_t i = 0; i < msg->n_iov; i++)
            room += msg->iov[i].iov_len;
        if (n >= 0) {
            msg->flags = h.msg_flags & MSG_TRUNC ? HEPTA_SOCK_MSG_TRUNC : 0;
            msg->flags |= n == 0 && room && !strcmp(of(s)->scheme, "tcp:") ? HEPTA_SOCK_MSG_EOF : 0;
            msg->full_len = (uint64_t)n;
            k_address_text(msg->address, of(s)->scheme, &from);
            return n < (ssize_t)room ? n : (ssize_t)room;
        }
        if (errno != EAGAIN || deadline == HEPTA_NOW)
            return -errno;
        int err = wait_for(of(s)->fd, POLLIN, deadline);
        if (err < 0)
            return err;
    }
}

static ssize_t k_recv(struct hepta_sock *s, void *buf, size_t len, int64_t deadline)
{
    struct iovec iov = {buf, len};
    struct hepta_sock_msg msg = {.iov = &iov, .n_iov = 1};

    return k_recvmsg(s, &msg, deadline);
}

static int k_shutdown(struct hepta_sock *s, uint32_t how)
{
    const int hows[] = {-1, SHUT_RD, SHUT_WR, SHUT_RDWR};

    return shutdown(of(s)->fd, hows[how & 3]) < 0 ? -errno : 0;
}

static int k_pollfd(struct hepta_sock *s, short want, struct pollfd *p)
{
    *p = (struct pollfd){of(s)->fd, want, 0};
    return 0;
}

static uint32_t type_of(int fd)
{
    int type = 0;
    socklen_t len = sizeof(type);

    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len);
    return type == SOCK_STREAM ? HEPTA_SOCK_STREAM
           : type == SOCK_DGRAM ? HEPTA_SOCK_DGRAM
                                : HEPTA_SOCK_RAW;
}

static int k_stat(struct hepta_sock *s, struct hepta_sock_stat *st)
{
    struct sockaddr_storage sa = {0};
    int fd = of(s)->fd, n = 0, listening = 0;
    socklen_t len = sizeof(sa), int_len = sizeof(listening);

    if (getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
        return -errno;
    k_address_text(st->local, of(s)->scheme, &sa);
    len = sizeof(sa);
    if (getpeername(fd, (struct sockaddr *)&sa, &len) == 0)
        k_address_text(st->peer, of(s)->scheme, &sa);
    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &int_len);
    st->listening = (uint32_t)listening;
    st->type = type_of(fd);
    st->to_read = ioctl(fd, SIOCINQ, &n) == 0 ? (uint64_t)n : 0;
    st->to_send = ioctl(fd, SIOCOUTQ, &n) == 0 ? (uint64_t)n : 0;
    getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &n, &int_len);
    st->capacity = (uint64_t)n;
    return 0;
}

static void k_close(struct hepta_sock *s)
{
    close(of(s)->fd);
}

const struct net_ops net_kernel_ops = {
    .listen = k_listen, .accept = k_accept, .connect = k_connect, .send = k_send,
    .recv = k_recv, .sendmsg = k_sendmsg, .recvmsg = k_recvmsg, .shutdown = k_shutdown,
    .pollfd = k_pollfd, .stat = k_stat, .close = k_close,
};
