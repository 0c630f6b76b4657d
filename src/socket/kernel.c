/* SPDX-License-Identifier: MIT */
/*
 * socket/kernel.c - the operations of the kernel's own sockets, but for sendmsg and recvmsg
 *
 * Start at kernel.h, which says in which mode the sockets are and why.
 */
#define _GNU_SOURCE
#include "socket/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/clock.h"
#include "base/sys.h"

#define TRIES_PER_LOOK 16          /* of who is busy: a try costs ten times a look at the clock */
#define NAP_MIN_NS     20000
#define NAP_DOUBLINGS  6           /* to 1.3 ms */

/* Ready, said poll(2), and yet the try failed: another thread was faster, or it is a
 * datagram to an address whose queue is full, which poll doesn't know. Don't spin. */
static int nap(const struct h7_try *t)
{
    unsigned doublings = t->n - 2 < NAP_DOUBLINGS ? t->n - 2 : NAP_DOUBLINGS;
    int64_t now = hepta_now_ns();
    if (now >= t->deadline)
        return -ETIMEDOUT;
    return h7_sys_poll(NULL, 0, h7_earlier(t->deadline, now + (NAP_MIN_NS << doublings)));
}

int h7_try_wait(struct h7_try *t)
{
    if (t->deadline == HEPTA_NOW)
        return -EAGAIN;
    if (t->s->opt.wait == HEPTA_WAIT_BUSY) {
        h7_pause();
        bool look = t->deadline != HEPTA_FOREVER && t->n++ % TRIES_PER_LOOK == 0;
        return look && hepta_now_ns() >= t->deadline ? -ETIMEDOUT : 0;
    }
    /* Of who can go on for ever, too: a long send to a peer that takes all the time. */
    if (t->deadline != HEPTA_FOREVER && hepta_now_ns() >= t->deadline)
        return -ETIMEDOUT;
    if (++t->n > 2) {
        int r = nap(t);
        if (r < 0)
            return r;
    }
    struct pollfd p = {.fd = t->s->fd, .events = t->events};
    int r = h7_sys_poll(&p, 1, t->deadline);
    t->seen = p.revents;
    return r < 0 ? r : r == 0 ? -ETIMEDOUT : 0;
}

/* An error of the socket's is told once: after a part has been sent, it is the next call's. */
static ssize_t send_by(struct hepta_sock *s, const char *buf, size_t len, size_t done,
                       int64_t deadline)
{
    struct h7_try t = {.s = s, .deadline = deadline, .events = POLLOUT};
    for (;;) {
        const char *rest = done ? buf + done : buf; /* buf may be NULL, of an empty message */
        ssize_t r = h7_net_send(s->fd, rest, len - done, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (r >= 0) {
            done += (size_t)r;
            if (done >= len || s->type != HEPTA_SOCK_STREAM)
                return (ssize_t)done;
            t.n = 0;
            r = -EAGAIN; /* it took what there was room for */
        }
        if (r == -EAGAIN)
            r = h7_try_wait(&t);
        if (r < 0 || (done && t.seen & POLLERR))
            return done ? (ssize_t)done : r;
    }
}

static ssize_t kernel_send(struct hepta_sock *s, const void *buf, size_t len, int64_t deadline)
{
    ssize_t r = 0;
    if (h7_likely(h7_kernel_blocks(s, deadline))) {
        r = h7_net_send(s->fd, buf, len, MSG_NOSIGNAL);
        /* Short by a handler, or the peer's end; or the kernel took all it ever takes. */
        if (h7_likely(r != -EAGAIN && (r != H7_KERNEL_CALL_MAX || s->type != HEPTA_SOCK_STREAM)))
            return r;
    }
    return send_by(s, buf, len, r > 0 ? (size_t)r : 0, deadline);
}

static ssize_t kernel_recv(struct hepta_sock *s, void *buf, size_t len, int64_t deadline)
{
    ssize_t r;
    if (h7_likely(h7_kernel_blocks(s, deadline))) {
        r = h7_net_recv(s->fd, buf, len, 0);
        if (h7_likely(r != -EAGAIN))
            return r;
    }
    struct h7_try t = {.s = s, .deadline = deadline, .events = POLLIN};
    do {
        r = h7_net_recv(s->fd, buf, len, MSG_DONTWAIT);
        if (r != -EAGAIN)
            return r;
        r = h7_try_wait(&t);
    } while (r == 0);
    return r;
}

/* Errors of a connection that ended while it waited are nobody's: accept(2) says to go on. */
static bool concerns_listener(int r)
{
    switch (r) {
    case -ECONNABORTED:
    case -EPROTO:
    case -ENETDOWN:
    case -ENOPROTOOPT:
    case -EHOSTDOWN:
    case -ENONET:
    case -EHOSTUNREACH:
    case -ENETUNREACH:
        return false;
    default:
        return true;
    }
}

static int kernel_accept(struct hepta_sock *l, struct hepta_sock **out, int64_t deadline)
{
    struct h7_try t = {.s = l, .deadline = deadline, .events = POLLIN};
    struct hepta_sock *s = h7_sock_new(&l->opt, l->type);
    int r = s ? 0 : -ENOMEM;
    while (r == 0) {
        r = h7_net_accept(l->fd);
        if (r >= 0) {
            s->fd = r;
            s->family = l->family;
            s->ops = &h7_sock_kernel_ops;
            r = h7_kernel_tune(s, 1);
            if (r < 0)
                break;
            h7_sock_ready(s);
            *out = s;
            return 0;
        }
        r = r == -EAGAIN ? h7_try_wait(&t) : concerns_listener(r) ? r : 0;
    }
    h7_sock_drop(s);
    return r;
}

static int kernel_shutdown(struct hepta_sock *s, uint32_t how)
{
    return h7_net_shutdown(s->fd, (int)how - 1); /* RD, WR, both: SHUT_* is one less */
}

static int kernel_pollfd(struct hepta_sock *s, short want, struct pollfd *p)
{
    *p = (struct pollfd){.fd = s->fd, .events = want};
    return 0;
}

static uint64_t queued(int fd, unsigned long request)
{
    int n = 0;
    return ioctl(fd, request, &n) == 0 && n > 0 ? (uint64_t)n : 0;
}

/* Of tcp, that a peer has ended its direction and that it has gone look the same. */
static uint32_t peer_gone(const struct hepta_sock *s)
{
    short gone = POLLHUP | POLLERR;
    struct pollfd p = {.fd = s->fd, .events = POLLRDHUP};
    if (s->listening || s->type >= HEPTA_SOCK_DGRAM || h7_sys_poll(&p, 1, HEPTA_NOW) != 1)
        return 0;
    return (p.revents & (s->family == AF_UNIX ? gone : gone | POLLRDHUP)) != 0;
}

static void kernel_stat(struct hepta_sock *s, struct hepta_sock_stat *st)
{
    int size = 0;
    if (h7_net_get(s->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size) == 0)
        st->capacity = (uint64_t)size;
    if (!s->listening) {
        st->to_read = queued(s->fd, SIOCINQ);
        st->to_send = queued(s->fd, SIOCOUTQ);
    }
    st->peer_gone = peer_gone(s);
    if (s->family == AF_UNIX && !s->listening)
        h7_unix_cred(s->fd, &st->pid, &st->uid, &st->gid);
}

static void kernel_close(struct hepta_sock *s)
{
    h7_sys_close(s->fd);
}

const struct h7_sock_ops h7_sock_kernel_ops = {
    .accept = kernel_accept,
    .send = kernel_send,
    .recv = kernel_recv,
    .sendmsg = h7_kernel_sendmsg,
    .recvmsg = h7_kernel_recvmsg,
    .shutdown = kernel_shutdown,
    .pollfd = kernel_pollfd,
    .stat = kernel_stat,
    .close = kernel_close,
};
