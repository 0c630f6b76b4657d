/* SPDX-License-Identifier: MIT */
/*
 * unix_kernel.c - the kernel's AF_UNIX sockets behind the table of unix_room.h
 *
 * The oracle: bare system calls, which share no line with the library. HEPTA_NOW is
 * MSG_DONTWAIT, or O_NONBLOCK for accept and connect; HEPTA_FOREVER is the plain call, so
 * that what the kernel does while it waits can be seen; any other deadline is poll() and the
 * call that doesn't wait. What comes with messages is in unix_kernel_msg.c.
 */
#define _GNU_SOURCE
#include "unix_kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_SOCKS 4096

/* Never freed, never used again: a closed one keeps its number, so that calls on it reach the
 * kernel as the misuse they are. */
static struct usock socks[MAX_SOCKS];
static atomic_int n_socks;

struct usock *k_sock(int fd)
{
    struct usock *s = &socks[atomic_fetch_add(&n_socks, 1) % MAX_SOCKS];

    s->fd = fd;
    return s;
}

int k_type(uint32_t type)
{
    switch (type) {
    case HEPTA_SOCK_SEQPACKET:
        return SOCK_SEQPACKET;
    case HEPTA_SOCK_DGRAM:
        return SOCK_DGRAM;
    default:
        return SOCK_STREAM;
    }
}

int k_address(struct sockaddr_un *sa, socklen_t *len, const char *text)
{
    size_t n = strlen(text);

    *sa = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (n > sizeof(sa->sun_path))
        return -ENAMETOOLONG; /* no structure has room for it: the kernel can't be asked */
    memcpy(sa->sun_path, text, n);
    *len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    if (text[0] == '@')
        sa->sun_path[0] = 0;
    else if (n > 0 && n < sizeof(sa->sun_path))
        ++*len;
    return 0;
}

void k_text(char *text, size_t size, const struct sockaddr_un *sa, socklen_t len)
{
    size_t head = offsetof(struct sockaddr_un, sun_path);
    int n = len > head ? (int)(len - head) : 0;

    text[0] = 0;
    if (n > 0 && sa->sun_path[0] == 0)
        snprintf(text, size, "@%.*s", n - 1, sa->sun_path + 1);
    else if (n > 0)
        snprintf(text, size, "%.*s", n, sa->sun_path);
}

int k_set_nonblock(int fd, bool on)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0)
        return -errno;
    if (!(flags & O_NONBLOCK) == !on)
        return 0;
    return fcntl(fd, F_SETFL, flags ^ O_NONBLOCK) < 0 ? -errno : 0;
}

int k_wait(int fd, short events, int64_t deadline)
{
    struct pollfd p = {.fd = fd, .events = events};
    int64_t now = hepta_now_ns();

    if (deadline <= now)
        return -ETIMEDOUT;
    struct timespec ts = {(deadline - now) / 1000000000, (deadline - now) % 1000000000};
    return ppoll(&p, 1, &ts, NULL) < 0 ? -errno : 0;
}

static int drop(int fd, int err)
{
    close(fd);
    return err;
}

/* A socket, bound to @address if there is one. */
static int bound(const char *address, const struct hepta_sock_options *opt)
{
    struct sockaddr_un sa;
    socklen_t len = 0;
    int size = (int)opt->capacity, fd = socket(AF_UNIX, k_type(opt->type) | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    if (size > 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    if (opt->type == HEPTA_SOCK_DGRAM && address) /* one without a name would be given one */
        setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &(int){1}, sizeof(int));
    if (!address)
        return fd;
    int err = k_address(&sa, &len, address);
    if (err < 0)
        return drop(fd, err);
    if (bind(fd, (struct sockaddr *)&sa, len) < 0)
        return drop(fd, -errno);
    if (opt->mode && address[0] != '@' && chmod(address, opt->mode) < 0)
        return drop(fd, -errno);
    return fd;
}

static int k_listen(struct usock **s, const char *address, const struct hepta_sock_options *opt)
{
    int fd = bound(address, opt);

    *s = NULL;
    if (fd < 0)
        return fd;
    if (opt->type != HEPTA_SOCK_DGRAM && listen(fd, opt->backlog ? (int)opt->backlog : 128) < 0)
        return drop(fd, -errno);
    *s = k_sock(fd);
    return 0;
}

static int k_accept(struct usock *l, struct usock **s, int64_t deadline)
{
    int err = k_set_nonblock(l->fd, deadline != HEPTA_FOREVER);

    *s = NULL;
    while (err == 0) {
        int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);

        if (fd >= 0) {
            *s = k_sock(fd);
            return 0;
        }
        if (deadline == HEPTA_NOW || deadline == HEPTA_FOREVER || errno != EAGAIN)
            return -errno;
        err = k_wait(l->fd, POLLIN, deadline);
    }
    return err;
}

/* Nothing tells when a backlog has room, but for the call itself: SO_SNDTIMEO bounds it. */
static int connect_by(int fd, const struct sockaddr_un *sa, socklen_t len, int64_t deadline)
{
    bool bounded = deadline != HEPTA_NOW && deadline != HEPTA_FOREVER;
    struct timeval tv = {0};

    k_set_nonblock(fd, deadline == HEPTA_NOW);
    do {
        int64_t now = hepta_now_ns(), least = 1000;

        if (bounded) {
            int64_t left = deadline > now + least ? deadline - now : least;

            tv = (struct timeval){left / 1000000000, left % 1000000000 / 1000};
        }
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
        if (connect(fd, (const struct sockaddr *)sa, len) == 0) {
            setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){0}, sizeof(tv));
            return 0;
        }
        if (errno != EAGAIN || !bounded)
            return -errno;
    } while (hepta_now_ns() < deadline);
    return -ETIMEDOUT;
}

static int k_connect(struct usock **s, const char *address, const struct hepta_sock_options *opt,
                     int64_t deadline)
{
    struct sockaddr_un sa;
    socklen_t len = 0;
    int err = k_address(&sa, &len, address);

    *s = NULL;
    if (err < 0)
        return err;
    int fd = bound(opt->local, opt);
    if (fd < 0)
        return fd;
    err = connect_by(fd, &sa, len, deadline);
    if (err < 0)
        return drop(fd, err);
    k_set_nonblock(fd, false);
    *s = k_sock(fd);
    return 0;
}

static int k_pair(struct usock **a, struct usock **b, const struct hepta_sock_options *opt)
{
    int fds[2], size = (int)opt->capacity;

    *a = *b = NULL;
    if (socketpair(AF_UNIX, k_type(opt->type) | SOCK_CLOEXEC, 0, fds) < 0)
        return -errno;
    for (int i = 0; i < 2 && size > 0; i++)
        setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    *a = k_sock(fds[0]);
    *b = k_sock(fds[1]);
    return 0;
}

static int k_shutdown(struct usock *s, uint32_t how)
{
    static const int hows[] = {-1, SHUT_RD, SHUT_WR, SHUT_RDWR};

    return shutdown(s->fd, hows[how & 3]) < 0 ? -errno : 0;
}

static int k_pollfd(struct usock *s, short want, struct pollfd *p)
{
    *p = (struct pollfd){.fd = s->fd, .events = want};
    return 0;
}

void k_cred(int fd, int32_t *pid, uint32_t *uid, uint32_t *gid)
{
    struct ucred cred = {0};
    socklen_t len = sizeof(cred);

    *pid = 0;
    *uid = *gid = (uint32_t)-1;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
        return;
    *pid = cred.pid;
    *uid = cred.uid;
    *gid = cred.gid;
}

static int int_option(int fd, int name)
{
    int value = 0;
    socklen_t len = sizeof(value);

    getsockopt(fd, SOL_SOCKET, name, &value, &len);
    return value;
}

static int k_stat(struct usock *s, struct hepta_sock_stat *st)
{
    struct sockaddr_un sa;
    struct pollfd p = {.fd = s->fd};
    socklen_t len = sizeof(sa);
    int in = 0, out = 0, type = int_option(s->fd, SO_TYPE);

    *st = (struct hepta_sock_stat){0};
    if (getsockname(s->fd, (struct sockaddr *)&sa, &len) < 0)
        return -errno;
    k_text(st->local, sizeof(st->local), &sa, len);
    len = sizeof(sa);
    if (getpeername(s->fd, (struct sockaddr *)&sa, &len) == 0)
        k_text(st->peer, sizeof(st->peer), &sa, len);
    st->type = type == SOCK_STREAM ? HEPTA_SOCK_STREAM
               : type == SOCK_DGRAM ? HEPTA_SOCK_DGRAM
                                    : HEPTA_SOCK_SEQPACKET;
    st->listening = (uint32_t)int_option(s->fd, SO_ACCEPTCONN);
    st->capacity = (uint64_t)int_option(s->fd, SO_SNDBUF);
    if (!st->listening && ioctl(s->fd, SIOCINQ, &in) == 0)
        st->to_read = (uint64_t)in;
    if (!st->listening && ioctl(s->fd, SIOCOUTQ, &out) == 0)
        st->to_send = (uint64_t)out;
    st->peer_gone = poll(&p, 1, 0) > 0 && (p.revents & POLLHUP);
    k_cred(s->fd, &st->pid, &st->uid, &st->gid);
    return 0;
}

static void k_close(struct usock *s)
{
    if (s)
        close(s->fd);
}

#define COMMON_OPS \
    .listen = k_listen, .accept = k_accept, .connect = k_connect, .pair = k_pair, \
    .send = k_send, .recv = k_recv, .sendmsg = k_sendmsg, .recvmsg = k_recvmsg, \
    .shutdown = k_shutdown, .pollfd = k_pollfd, .stat = k_stat, .close = k_close

const struct unix_ops unix_kernel_stream_ops = {HEPTA_SOCK_STREAM, false, COMMON_OPS};
const struct unix_ops unix_kernel_seqpacket_ops = {HEPTA_SOCK_SEQPACKET, false, COMMON_OPS};
const struct unix_ops unix_kernel_dgram_ops = {HEPTA_SOCK_DGRAM, false, COMMON_OPS};
