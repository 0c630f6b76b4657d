/* SPDX-License-Identifier: MIT */
/*
 * socket/socket.c - the verbs of hepta/sock.h on a handle: check, then the handle's kind
 *
 * Handles are made in open.c. In memory a plain send or recv is one branch and a direct
 * call; for the kernel's sockets the checks cost a few ns before the system call.
 */
#include <limits.h>
#include <string.h>

#include "base/clock.h"
#include "base/net.h"
#include "base/sys.h"
#include "prim/endpoint.h"
#include "prim/segment.h"
#include "socket/socket_internal.h"

#define IOV_LIMIT 1024 /* UIO_MAXIOV */
#define FLUSH_MS  1000 /* how long close and shutdown try to send the rest of a record */

/* After fork: the same connection, another process; perhaps another namespace. Only what
 * is in memory minds. */
static int revalidate(struct hepta_sock *s)
{
    int r = s->memory ? h7_endpoint_at_home(s->pidns) : h7_self() ? 0 : h7_self_fill();
    if (r == 0)
        h7_store64_relaxed(&s->gen, h7_fork_gen());
    return s->memory ? r : 0;
}

/* Is s an open handle? 0, or the errno of sock.h. */
static inline int enter(struct hepta_sock *s)
{
    if (h7_unlikely(!s))
        return -EINVAL;
    if (h7_unlikely(h7_load32_relaxed(&s->handle.kind) != H7_KIND_SOCK))
        return -EBADF;
    if (h7_unlikely(h7_load64_relaxed(&s->gen) != h7_fork_gen()))
        return revalidate(s);
    return 0;
}

int hepta_sock_accept(struct hepta_sock *l, struct hepta_sock **sock, int64_t deadline)
{
    if (sock)
        *sock = NULL;
    int r = enter(l);
    if (r < 0)
        return r;
    if (!sock)
        return -EFAULT;
    if (!l->listening)
        return l->type >= HEPTA_SOCK_DGRAM ? -EOPNOTSUPP : -EINVAL;
    r = l->ops->accept(l, sock, h7_deadline(deadline));
    if (r < 0)
        return r;
    r = h7_sock_finish(*sock, l->scheme);
    if (r < 0)
        *sock = hepta_sock_close(*sock);
    return r;
}

static ssize_t send_otherwise(struct hepta_sock *s, const void *buf, size_t len, int64_t deadline)
{
    if (h7_unlikely(s->listening))
        return -ENOTCONN;
    if (h7_likely(!s->frame))
        return s->ops->send(s, buf, len, deadline);
    struct iovec iov = {(void *)(uintptr_t)buf, len};
    const struct hepta_sock_msg m = {.size = sizeof m, .iov = &iov, .n_iov = 1};
    return h7_frame_sendmsg(s, &m, len, deadline);
}

ssize_t hepta_sock_send(struct hepta_sock *s, const void *buf, size_t len, int64_t deadline)
{
    int r = enter(s);
    if (h7_likely(r == 0))
        r = h7_endpoint_buffer(buf, len);
    if (h7_unlikely(r < 0))
        return r;
    if (h7_likely(s->direct))
        return h7_memory_send(s, buf, len, h7_deadline(deadline));
    return send_otherwise(s, buf, len, h7_deadline(deadline));
}

static ssize_t recv_otherwise(struct hepta_sock *s, void *buf, size_t len, int64_t deadline)
{
    if (h7_unlikely(s->listening))
        return -ENOTCONN;
    if (h7_likely(!s->frame))
        return s->ops->recv(s, buf, len, deadline);
    struct iovec iov = {buf, len};
    struct hepta_sock_msg m = {.size = sizeof m, .iov = &iov, .n_iov = 1};
    return h7_frame_recvmsg(s, &m, len, deadline);
}

ssize_t hepta_sock_recv(struct hepta_sock *s, void *buf, size_t len, int64_t deadline)
{
    int r = enter(s);
    if (h7_likely(r == 0))
        r = h7_endpoint_buffer(buf, len);
    if (h7_unlikely(r < 0))
        return r;
    if (h7_likely(s->direct))
        return h7_memory_recv(s, buf, len, h7_deadline(deadline));
    return recv_otherwise(s, buf, len, h7_deadline(deadline));
}

/* The number of bytes in all pieces, or negative errno. */
static ssize_t check_msg(const struct hepta_sock *s, const struct hepta_sock_msg *msg)
{
    size_t total = 0;
    if (!msg)
        return -EFAULT;
    if (msg->size < sizeof *msg || msg->size > 4096)
        return -EINVAL;
    for (size_t i = sizeof *msg; i < msg->size; i++)
        if (((const char *)msg)[i])
            return -E2BIG;
    if (s->listening)
        return -ENOTCONN;
    if (msg->n_iov > IOV_LIMIT)
        return -EMSGSIZE;
    if (!msg->iov && msg->n_iov)
        return -EFAULT;
    for (size_t i = 0; i < msg->n_iov; i++) {
        if (!msg->iov[i].iov_base && msg->iov[i].iov_len)
            return -EFAULT;
        if (__builtin_add_overflow(total, msg->iov[i].iov_len, &total) || total > SSIZE_MAX)
            return -EINVAL;
    }
    return (ssize_t)total;
}

static int check_what_goes_along(const struct hepta_sock *s, const struct hepta_sock_msg *msg,
                                 size_t total)
{
    if (!memchr(msg->address, 0, sizeof msg->address))
        return -EINVAL;
    if (msg->address[0] && s->type < HEPTA_SOCK_DGRAM)
        return -EISCONN;
    if (msg->n_fds == 0)
        return 0;
    if (s->family != AF_UNIX || s->frame || (s->type == HEPTA_SOCK_STREAM && total == 0))
        return -EINVAL;
    if (msg->n_fds > HEPTA_SOCK_FDS_MAX)
        return -E2BIG;
    return msg->fds ? 0 : -EFAULT;
}

ssize_t hepta_sock_sendmsg(struct hepta_sock *s, const struct hepta_sock_msg *msg,
                           int64_t deadline)
{
    ssize_t total = enter(s);
    if (total == 0)
        total = check_msg(s, msg);
    if (total < 0)
        return total;
    int r = check_what_goes_along(s, msg, (size_t)total);
    if (r < 0)
        return r;
    if (s->frame)
        return h7_frame_sendmsg(s, msg, (size_t)total, h7_deadline(deadline));
    return s->ops->sendmsg(s, msg, (size_t)total, h7_deadline(deadline));
}

ssize_t hepta_sock_recvmsg(struct hepta_sock *s, struct hepta_sock_msg *msg, int64_t deadline)
{
    ssize_t total = enter(s);
    if (total == 0)
        total = check_msg(s, msg);
    if (total < 0)
        return total;
    if (!msg->fds && msg->max_fds)
        return -EFAULT;
    msg->flags = msg->n_fds = msg->uid = msg->gid = 0;
    msg->full_len = 0;
    msg->pid = 0;
    msg->address[0] = 0;
    if (s->frame)
        return h7_frame_recvmsg(s, msg, (size_t)total, h7_deadline(deadline));
    return s->ops->recvmsg(s, msg, (size_t)total, h7_deadline(deadline));
}

static int enter_memory(struct hepta_sock *s)
{
    int r = enter(s);
    if (r < 0)
        return r;
    return s->direct ? 0 : s->listening ? -ENOTCONN : -EOPNOTSUPP;
}

int hepta_sock_reserve(struct hepta_sock *s, size_t len, void **ptr, int64_t deadline)
{
    int r = enter_memory(s);
    if (r < 0)
        return r;
    return ptr ? h7_memory_reserve(s, len, ptr, h7_deadline(deadline)) : -EFAULT;
}

int hepta_sock_commit(struct hepta_sock *s, size_t len)
{
    int r = enter_memory(s);
    return r < 0 ? r : h7_memory_commit(s, len);
}

ssize_t hepta_sock_peek(struct hepta_sock *s, const void **ptr, int64_t deadline)
{
    int r = enter_memory(s);
    if (r < 0)
        return r;
    return ptr ? h7_memory_peek(s, ptr, h7_deadline(deadline)) : -EFAULT;
}

int hepta_sock_release(struct hepta_sock *s, size_t len)
{
    int r = enter_memory(s);
    return r < 0 ? r : h7_memory_release(s, len);
}

int hepta_sock_shutdown(struct hepta_sock *s, uint32_t how)
{
    int r = enter(s);
    if (r < 0)
        return r;
    if (how == 0 || how & ~(HEPTA_SOCK_RD | HEPTA_SOCK_WR))
        return -EINVAL;
    if (s->listening)
        return -ENOTCONN;
    if (s->frame && how & HEPTA_SOCK_WR) {
        r = h7_frame_flush(s, hepta_in_ms(FLUSH_MS));
        if (r == -ETIMEDOUT || r == -EINTR)
            return r; /* else there is nobody to send it to */
    }
    return s->ops->shutdown(s, how);
}

int hepta_sock_pollfd(struct hepta_sock *s, short want, struct pollfd *p)
{
    int r = enter(s);
    if (r < 0)
        return r;
    if (want != POLLIN && want != POLLOUT)
        return -EINVAL;
    if (!p)
        return -EFAULT;
    return s->frame ? h7_frame_pollfd(s, want, p) : s->ops->pollfd(s, want, p);
}

static void put_name(const struct hepta_sock *s, int peer, char text[HEPTA_SOCK_ADDRESS_MAX])
{
    struct sockaddr_storage sa;
    int len = h7_net_name(s->fd, peer, &sa);
    text[0] = 0;
    if (len > 0)
        h7_sock_address_text(text, s->scheme, (const struct sockaddr *)&sa, (socklen_t)len);
}

int hepta_sock_stat(struct hepta_sock *s, struct hepta_sock_stat *st, size_t st_size)
{
    int r = enter(s);
    if (r < 0)
        return r;
    if (!st)
        return -EFAULT;
    if (st_size == 0)
        return -EINVAL;
    struct hepta_sock_stat now = {.type = s->type,
                                  .flags = s->opt.flags,
                                  .memory = s->memory != NULL,
                                  .listening = (uint32_t)s->listening};
    s->ops->stat(s, &now);
    if (s->frame) {
        now.to_read += h7_frame_buffered(s);
        now.to_send += h7_frame_unsent(s);
    }
    put_name(s, 0, now.local);
    put_name(s, 1, now.peer);
    memcpy(st, &now, st_size < sizeof now ? st_size : sizeof now);
    if (st_size > sizeof now)
        memset((char *)st + sizeof now, 0, st_size - sizeof now);
    return 0;
}

struct hepta_sock *hepta_sock_close(struct hepta_sock *s)
{
    uint32_t open = H7_KIND_SOCK;
    if (!s || !h7_cas32_acquire(&s->handle.kind, &open, 0))
        return NULL; /* closed already: leave alone */
    if (s->frame)
        h7_frame_free(s, hepta_in_ms(FLUSH_MS));
    h7_unix_unbind(s); /* while the socket still shows that the file is in use */
    s->ops->close(s);
    h7_handle_free(s, sizeof *s);
    return NULL;
}
