/* SPDX-License-Identifier: MIT */
/*
 * socket/kernel_msg.c - sendmsg and recvmsg of the kernel's own sockets: gathered pieces,
 * addresses, and over AF_UNIX descriptors and credentials
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>

#include "base/sys.h"
#include "socket/kernel.h"

#define PIECES_MAX 1024 /* UIO_MAXIOV: the verbs let no more through */

/* Control data of a message: aligned, and room for all that it can bring. */
union control {
    struct cmsghdr align;
    char room[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int) * HEPTA_SOCK_FDS_MAX)];
};

/* An IPv6 socket speaks to IPv4 addresses in the form ::ffff:1.2.3.4. */
static void map_to_ip6(struct h7_sock_sa *sa)
{
    const struct sockaddr_in in = *(const struct sockaddr_in *)&sa->room;
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = in.sin_port};
    in6.sin6_addr.s6_addr[10] = in6.sin6_addr.s6_addr[11] = 0xff;
    memcpy(&in6.sin6_addr.s6_addr[12], &in.sin_addr, 4);
    memcpy(&sa->room, &in6, sizeof in6);
    sa->len = sizeof in6;
}

/* Where a message is to go: the first of its addresses that this socket can reach. */
static int destination(const struct hepta_sock *s, const char *text, struct msghdr *m,
                       struct h7_sock_address *a)
{
    int r = h7_sock_address(a, text, s->type, 0);
    if (r < 0)
        return r;
    bool dual = s->family == AF_INET6 && s->type == HEPTA_SOCK_DGRAM &&
                !(s->opt.flags & HEPTA_SOCK_V6ONLY);
    if (a->protocol != s->protocol)
        return -EINVAL;
    for (int i = 0; i < a->n && !m->msg_name; i++) {
        struct h7_sock_sa *sa = &a->at[i];
        if (sa->sa.sa_family != s->family && !(dual && sa->sa.sa_family == AF_INET))
            continue;
        if (sa->sa.sa_family != s->family)
            map_to_ip6(sa);
        m->msg_name = &sa->room;
        m->msg_namelen = sa->len;
    }
    return m->msg_name ? 0 : -EAFNOSUPPORT;
}

static void put_fds(struct msghdr *m, union control *c, const int *fds, size_t n)
{
    m->msg_control = c;
    m->msg_controllen = CMSG_SPACE(n * sizeof *fds);
    memset(c, 0, m->msg_controllen);
    struct cmsghdr *h = CMSG_FIRSTHDR(m);
    h->cmsg_level = SOL_SOCKET;
    h->cmsg_type = SCM_RIGHTS;
    h->cmsg_len = CMSG_LEN(n * sizeof *fds);
    memcpy(CMSG_DATA(h), fds, n * sizeof *fds);
}

/* pieces, less the first `done` bytes of them. Returns how many are left. */
static size_t rest_of(struct iovec *rest, const struct iovec *pieces, size_t n, size_t done)
{
    size_t left = 0;
    for (size_t i = 0; i < n; i++) {
        size_t skip = done < pieces[i].iov_len ? done : pieces[i].iov_len;
        done -= skip;
        if (pieces[i].iov_len > skip) {
            rest[left].iov_base = (char *)pieces[i].iov_base + skip;
            rest[left++].iov_len = pieces[i].iov_len - skip;
        }
    }
    return left;
}

/* A stream took the first `done` bytes, and with them the descriptors. */
static ssize_t send_rest(struct hepta_sock *s, const struct hepta_sock_msg *msg, size_t total,
                         size_t done, int64_t deadline)
{
    struct iovec rest[PIECES_MAX];
    struct h7_try t = {.s = s, .deadline = deadline, .events = POLLOUT};
    ssize_t r = h7_try_wait(&t);
    while (r >= 0 && done < total && !(t.seen & POLLERR)) { /* as in kernel.c's send_by() */
        struct msghdr m = {.msg_iov = rest,
                           .msg_iovlen = rest_of(rest, msg->iov, msg->n_iov, done)};
        r = h7_net_sendmsg(s->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (r > 0) {
            done += (size_t)r;
            t.n = 0;
        }
        if (r == -EAGAIN || (r > 0 && done < total))
            r = h7_try_wait(&t);
    }
    return (ssize_t)done;
}

static ssize_t send_first(struct hepta_sock *s, const struct msghdr *m, int64_t deadline)
{
    struct h7_try t = {.s = s, .deadline = deadline, .events = POLLOUT};
    ssize_t r;
    if (h7_kernel_blocks(s, deadline)) {
        r = h7_net_sendmsg(s->fd, m, MSG_NOSIGNAL);
        if (r != -EAGAIN)
            return r;
    }
    do {
        r = h7_net_sendmsg(s->fd, m, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (r != -EAGAIN)
            return r;
        r = h7_try_wait(&t);
    } while (r == 0);
    return r;
}

ssize_t h7_kernel_sendmsg(struct hepta_sock *s, const struct hepta_sock_msg *msg, size_t total,
                          int64_t deadline)
{
    union control control;
    struct h7_sock_address a;
    struct msghdr m = {.msg_iov = msg->iov, .msg_iovlen = msg->n_iov};
    int e = msg->address[0] ? destination(s, msg->address, &m, &a) : 0;
    if (e < 0)
        return e;
    if (msg->n_fds)
        put_fds(&m, &control, msg->fds, msg->n_fds);
    ssize_t r = send_first(s, &m, deadline);
    if (r <= 0 || (size_t)r == total || s->type != HEPTA_SOCK_STREAM)
        return r;
    if (h7_kernel_blocks(s, deadline) && r != H7_KERNEL_CALL_MAX)
        return r; /* a handler or the peer's end cut it short */
    return send_rest(s, msg, total, (size_t)r, deadline);
}

/* Those for which the caller has room are its own, the others closed. */
static void take_fds(struct hepta_sock_msg *msg, const struct cmsghdr *h)
{
    size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < n; i++) {
        int fd;
        memcpy(&fd, CMSG_DATA(h) + i * sizeof fd, sizeof fd);
        if (msg->n_fds < msg->max_fds) {
            msg->fds[msg->n_fds++] = fd;
        } else {
            h7_sys_close(fd);
            msg->flags |= HEPTA_SOCK_MSG_CTRUNC;
        }
    }
}

/* Returns whether it was a message: those bring credentials or a time, the end doesn't. */
static bool take_control(struct hepta_sock_msg *msg, struct msghdr *m)
{
    bool message = false;
    for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
        if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS)
            take_fds(msg, h);
        if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_TIMESTAMP)
            message = true;
        if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_CREDENTIALS) {
            struct ucred who;
            memcpy(&who, CMSG_DATA(h), sizeof who);
            message = true;
            msg->pid = who.pid;
            if (who.pid) {
                msg->uid = who.uid;
                msg->gid = who.gid;
            }
        }
    }
    return message;
}

static ssize_t recv_by(struct hepta_sock *s, struct msghdr *m, int flags, int64_t deadline)
{
    const struct msghdr fresh = *m;
    struct h7_try t = {.s = s, .deadline = deadline, .events = POLLIN};
    ssize_t r;
    if (h7_kernel_blocks(s, deadline)) {
        r = h7_net_recvmsg(s->fd, m, flags);
        if (r != -EAGAIN)
            return r;
    }
    do {
        *m = fresh;
        r = h7_net_recvmsg(s->fd, m, flags | MSG_DONTWAIT);
        if (r != -EAGAIN)
            return r;
        r = h7_try_wait(&t);
    } while (r == 0);
    return r;
}

ssize_t h7_kernel_recvmsg(struct hepta_sock *s, struct hepta_sock_msg *msg, size_t total,
                          int64_t deadline)
{
    union control control;
    struct sockaddr_storage from = {.ss_family = AF_UNSPEC};
    bool is_unix = s->family == AF_UNIX, stream = s->type == HEPTA_SOCK_STREAM;
    bool named = s->type >= HEPTA_SOCK_DGRAM;
    size_t n = msg->max_fds < HEPTA_SOCK_FDS_MAX ? msg->max_fds : HEPTA_SOCK_FDS_MAX;
    struct msghdr m = {.msg_iov = msg->iov,
                       .msg_iovlen = msg->n_iov,
                       .msg_name = named ? &from : NULL,
                       .msg_namelen = named ? sizeof from : 0,
                       .msg_control = is_unix ? &control : NULL,
                       .msg_controllen = is_unix ? CMSG_SPACE(sizeof(struct ucred)) +
                                                       CMSG_LEN(n * sizeof(int))
                                                 : 0};
    /* MSG_TRUNC: the whole length of a message. Of a tcp stream it would throw it away; and
     * AF_PACKET refuses flags that mean nothing to it. */
    int flags = (is_unix ? MSG_CMSG_CLOEXEC : 0) | (stream ? 0 : MSG_TRUNC);
    ssize_t r = recv_by(s, &m, flags, deadline);
    if (r < 0)
        return r;
    bool message = is_unix && take_control(msg, &m);
    /* Sent before we asked, or not asked for. */
    if (is_unix && (r > 0 || message) && msg->pid == 0 && !named)
        h7_unix_cred(s->fd, &msg->pid, &msg->uid, &msg->gid);
    if (named && m.msg_namelen)
        h7_sock_address_text(msg->address, s->scheme, (struct sockaddr *)&from, m.msg_namelen);
    msg->full_len = (uint64_t)r;
    msg->flags |= m.msg_flags & MSG_TRUNC ? HEPTA_SOCK_MSG_TRUNC : 0;
    msg->flags |= is_unix && m.msg_flags & MSG_CTRUNC ? HEPTA_SOCK_MSG_CTRUNC : 0;
    if (r == 0 && (stream     ? total > 0
                   : is_unix  ? !message
                              : named && m.msg_namelen == 0))
        msg->flags |= HEPTA_SOCK_MSG_EOF;
    return (size_t)r < total ? r : (ssize_t)total;
}
