/* SPDX-License-Identifier: MIT */
/*
 * socket/memory_io.c - what goes over a connection in memory: see socket/memory.h
 *
 * A plain send or recv is the conduit's write or read. What doesn't fit under its lock
 * (large messages, several pieces, descriptors) is built in a reservation, and received from a
 * peek. Start at h7_memory_send(), then receive_by_peek().
 */
#define _GNU_SOURCE
#include <string.h>

#include "base/clock.h"
#include "base/net.h"
#include "base/sys.h"
#include "socket/memory.h"

#define RETRY_NS (10 * H7_MS) /* how often a full rights socket is looked at: it can't tell all */

static int is_stream(const struct hepta_sock *s)
{
    return s->type == HEPTA_SOCK_STREAM;
}

/* --- ending ------------------------------------------------------------------------- */

/* The kernel's part of a shutdown: wakes who sleeps on either side of the direction. */
static void shut_kernel(struct hepta_sock *s, uint32_t how)
{
    struct h7_memory *m = s->memory;
    if (how & HEPTA_SOCK_WR) {
        h7_net_shutdown(s->fd, SHUT_WR);
        h7_net_shutdown(m->space_fd, SHUT_RD);
    }
    if (how & HEPTA_SOCK_RD) {
        h7_net_shutdown(s->fd, SHUT_RD);
        h7_net_shutdown(m->space_fd, SHUT_WR);
    }
}

static int end_direction(struct hepta_sock *s, struct h7_conduit *c, uint32_t how)
{
    int r = h7_conduit_end(c, hepta_in_ms(H7_CONDUIT_PATIENCE_MS));
    if (r == 0)
        shut_kernel(s, how);
    return r == -EAGAIN ? -ETIMEDOUT : r;
}

int h7_memory_shutdown(struct hepta_sock *s, uint32_t how)
{
    int r = how & HEPTA_SOCK_WR ? end_direction(s, &s->memory->out, HEPTA_SOCK_WR) : 0;
    if (r == 0 && how & HEPTA_SOCK_RD)
        r = end_direction(s, &s->memory->in, HEPTA_SOCK_RD);
    return r;
}

/* Whoever shut this direction down may have died before the kernel's part of it. */
static ssize_t refused(struct hepta_sock *s)
{
    if (h7_load32_acquire(&s->memory->out.shared->over))
        shut_kernel(s, HEPTA_SOCK_WR);
    return -EPIPE;
}

static uint64_t unread(const struct h7_conduit *c)
{
    uint64_t tail = h7_load64_acquire(&c->ring.shared->tail);
    uint64_t used = h7_load64_acquire(&c->ring.shared->head) - tail;
    return used <= c->ring.cap ? used : 0;
}

/* The peer has closed without reading all, or nobody has ever accepted us: then it can't be the
 * peer who said that this direction is over. */
static bool was_reset(const struct h7_memory *m)
{
    const struct h7_sock_shared *first = h7_segment_control(&m->seg[0]);
    if (!h7_load32_relaxed(&first->accepted) && !h7_load32_acquire(&m->in.shared->over))
        return true;
    /* In this order: what is unread then stays so. */
    return h7_bell_hangup(m->rights_fd) && unread(&m->out) > 0;
}

/* End-of-file; as from the kernel an error, once, if the connection was reset. */
static ssize_t at_end(struct hepta_sock *s)
{
    struct h7_memory *m = s->memory;
    uint32_t told = 0;
    h7_conduit_look_again(&m->out); /* the peer may be gone altogether: the next send asks */
    if (h7_load32_acquire(&m->in.shared->over))
        shut_kernel(s, HEPTA_SOCK_RD);
    if (was_reset(m) && h7_cas32_relaxed(&m->reset_told, &told, 1))
        return -ECONNRESET;
    return 0;
}

/* --- sending ------------------------------------------------------------------------- */

/* The next n bytes of the pieces, from byte `from` on, into one place. */
static void gather(char *to, const struct iovec *iov, size_t from, size_t n)
{
    for (; n > 0; iov++) {
        if (from >= iov->iov_len) {
            from -= iov->iov_len;
            continue;
        }
        size_t part = iov->iov_len - from < n ? iov->iov_len - from : n;
        memcpy(to, (const char *)iov->iov_base + from, part);
        to += part;
        n -= part;
        from = 0;
    }
}

/* Rights are full of what the peer has not taken. 0 try again, or why not. */
static int wait_for_rights(struct h7_memory *m, int64_t deadline)
{
    if (deadline == HEPTA_NOW)
        return -EAGAIN;
    if (deadline != HEPTA_FOREVER && hepta_now_ns() >= deadline)
        return -ETIMEDOUT;
    /* POLLOUT would be there at once where only the tags are used up. */
    struct pollfd p = {.fd = m->rights_fd, .events = POLLRDHUP};
    int r = h7_sys_poll(&p, 1, h7_earlier(deadline, hepta_now_ns() + RETRY_NS));
    return r == -EINTR ? r : r > 0 ? -EPIPE : 0;
}

/* After the last step of what a verb does in place. Did it meet a stopped process inside the
 * lock, and is there time to try again? If there isn't, *r becomes what the verb says. The
 * claim can't have ended inside the verb but by a peer that wrote over it. */
static bool stopped(int *r, int64_t deadline)
{
    if (*r == -EINVAL)
        *r = -EBADMSG;
    if (*r != -ETIMEDOUT)
        return false;
    if (deadline != HEPTA_NOW && (deadline == HEPTA_FOREVER || hepta_now_ns() < deadline))
        return true;
    *r = h7_expired(deadline);
    return false;
}

/* One attempt at a message, or the first len bytes of a stream, built in place. */
static int put_reserved(struct hepta_sock *s, const struct iovec *iov, size_t len,
                        const struct hepta_sock_msg *msg, int64_t deadline)
{
    struct h7_conduit *c = &s->memory->out;
    void *at;
    int r = h7_conduit_reserve(c, len, &at, deadline);
    if (r < 0)
        return r;
    gather(at, iov, 0, len);
    if (msg && msg->n_fds > 0)
        r = h7_rights_send(s->memory, msg->fds, msg->n_fds, (uint32_t)len);
    if (r == 0)
        do
            r = h7_conduit_commit_whole(c, len);
        while (stopped(&r, deadline));
    if (r < 0)
        h7_conduit_drop(c); /* and the tag with it, if it was put */
    return r;
}

static ssize_t send_reserved(struct hepta_sock *s, const struct iovec *iov, size_t len,
                             const struct hepta_sock_msg *msg, int64_t deadline)
{
    int r;
    do {
        int peer_full = 0;
        r = put_reserved(s, iov, len, msg, deadline);
        peer_full = r == -EAGAIN && msg && msg->n_fds > 0;
        if (!peer_full)
            break;
        r = wait_for_rights(s->memory, deadline);
    } while (r == 0);
    return r == -EPIPE ? refused(s) : r < 0 ? r : (ssize_t)len;
}

ssize_t h7_memory_send(struct hepta_sock *s, const void *buf, size_t len, int64_t deadline)
{
    struct h7_conduit *c = &s->memory->out;
    if (!is_stream(s)) {
        if (len > c->packet_max)
            return -EMSGSIZE;
        if (len > H7_CONDUIT_HOLD) {
            struct iovec iov = {(void *)(uintptr_t)buf, len};
            return send_reserved(s, &iov, len, NULL, deadline);
        }
    } else if (len == 0) {
        return 0;
    }
    ssize_t r = h7_conduit_write(c, buf, len, deadline);
    return h7_unlikely(r == -EPIPE) ? refused(s) : r;
}

/* A stream's pieces from byte `from` on, small ones together: each send that leaves little
 * room may wait a little for the other side's lock (h7_conduit_after()), whatever the deadline.
 * Who sends at the same time may come in between. */
static ssize_t send_rest(struct hepta_sock *s, const struct hepta_sock_msg *msg, size_t total,
                         size_t from, int64_t deadline)
{
    char together[2 * H7_CONDUIT_BUF]; /* more than is sent all or not at all */
    const struct iovec *iov = msg->iov;
    size_t done = from, skip = from;
    while (done < total) {
        for (; skip >= iov->iov_len; iov++)
            skip -= iov->iov_len;
        const char *at = (const char *)iov->iov_base + skip;
        size_t left = total - done, len = iov->iov_len - skip;
        if (len < H7_CONDUIT_BUF && len < left) {
            len = left < sizeof together ? left : sizeof together;
            gather(together, iov, skip, len);
            at = together;
        }
        ssize_t r = h7_memory_send(s, at, len, deadline);
        if (r < 0)
            return done ? (ssize_t)done : r;
        done += (size_t)r;
        skip += (size_t)r;
        if ((size_t)r < len)
            break;
    }
    return (ssize_t)done;
}

ssize_t h7_memory_sendmsg(struct hepta_sock *s, const struct hepta_sock_msg *msg, size_t total,
                          int64_t deadline)
{
    struct h7_conduit *c = &s->memory->out;
    char together[H7_CONDUIT_BUF];
    if (!is_stream(s)) {
        if (total > c->packet_max)
            return -EMSGSIZE;
        return send_reserved(s, msg->iov, total, msg, deadline);
    }
    if (msg->n_fds > 0) { /* with the first bytes; the rest is a stream like any other */
        size_t n = total < H7_CONDUIT_BUF ? total : H7_CONDUIT_BUF;
        ssize_t r = total ? send_reserved(s, msg->iov, n, msg, deadline) : -EINVAL;
        return r < 0 ? r : send_rest(s, msg, total, n, deadline);
    }
    if (total > sizeof together)
        return send_rest(s, msg, total, 0, deadline);
    gather(together, msg->iov, 0, total); /* whole or not at all, as a write of that length is */
    return h7_memory_send(s, together, total, deadline);
}

/* --- receiving ------------------------------------------------------------------------- */

static void scatter(const struct iovec *iov, const char *from, size_t n)
{
    for (; n > 0; iov++) {
        size_t part = iov->iov_len < n ? iov->iov_len : n;
        if (part > 0)
            memcpy(iov->iov_base, from, part);
        from += part;
        n -= part;
    }
}

static void close_fds(struct hepta_sock_msg *msg)
{
    h7_sys_discard_fds(msg->fds, (int)msg->n_fds);
    msg->n_fds = 0;
}

/* Copies of the descriptors that came with a tag; kept only if the bytes are taken, too. */
static void fetch(struct h7_memory *m, const struct h7_tag_seen *tag, struct hepta_sock_msg *msg)
{
    int cut;
    msg->n_fds = (uint32_t)h7_rights_fetch(m, tag->id, msg->fds, msg->max_fds, &cut);
    if (cut)
        msg->flags |= HEPTA_SOCK_MSG_CTRUNC;
}

/* Up to total bytes, or a message, from a peek; msg has been zeroed where it is out. */
static ssize_t receive_by_peek(struct hepta_sock *s, struct hepta_sock_msg *msg, size_t total,
                               int64_t deadline)
{
    struct h7_memory *m = s->memory;
    struct h7_tag_seen tag;
    const void *at;
    ssize_t n = h7_conduit_peek(&m->in, &at, deadline);
    if (n <= 0)
        return n;
    size_t len = n == H7_CONDUIT_EMPTY ? 0 : (size_t)n;
    size_t copy = len < total ? len : total;
    scatter(msg->iov, at, copy);
    int r = h7_tags_here(m->in.tags, h7_conduit_held_at(&m->in), &tag);
    int tagged = r > 0;
    if (tagged)
        fetch(m, &tag, msg);
    if (r >= 0)
        do
            r = h7_conduit_take(&m->in, is_stream(s) ? copy : len);
        while (stopped(&r, deadline));
    if (r < 0)
        close_fds(msg);
    else if (tagged)
        h7_rights_finish(m, tag.id, msg->fds, msg->n_fds);
    h7_conduit_drop(&m->in);
    return r < 0 ? r : n;
}

/* What the conduit gave, in the words of recv: n is the length of a message. */
static ssize_t told(struct hepta_sock *s, struct hepta_sock_msg *msg, ssize_t n, size_t total)
{
    if (n < 0)
        return n;
    if (n == 0) {
        ssize_t r = at_end(s);
        msg->flags |= r == 0 ? HEPTA_SOCK_MSG_EOF : 0;
        return r;
    }
    msg->full_len = n == H7_CONDUIT_EMPTY ? 0 : (uint64_t)n;
    if (msg->full_len <= total)
        return (ssize_t)msg->full_len;
    if (is_stream(s))
        msg->full_len = total; /* the rest is still there */
    else
        msg->flags |= HEPTA_SOCK_MSG_TRUNC;
    return (ssize_t)total;
}

ssize_t h7_memory_recvmsg(struct hepta_sock *s, struct hepta_sock_msg *msg, size_t total,
                          int64_t deadline)
{
    ssize_t n = H7_CONDUIT_BY_PEEK;
    if (total == 0 && is_stream(s))
        return 0;
    if (msg->n_iov == 1)
        n = h7_conduit_read(&s->memory->in, msg->iov->iov_base, total, deadline);
    if (n == H7_CONDUIT_BY_PEEK)
        n = receive_by_peek(s, msg, total, deadline);
    n = told(s, msg, n, total);
    if (n >= 0 && !(msg->flags & HEPTA_SOCK_MSG_EOF)) {
        msg->pid = s->memory->pid;
        msg->uid = s->memory->uid;
        msg->gid = s->memory->gid;
    }
    return n;
}

ssize_t h7_memory_recv(struct hepta_sock *s, void *buf, size_t len, int64_t deadline)
{
    if (len == 0 && is_stream(s))
        return 0;
    ssize_t n = h7_conduit_read(&s->memory->in, buf, len, deadline);
    if (h7_likely(n > 0 && n <= (ssize_t)len))
        return n;
    struct iovec iov = {buf, len};
    struct hepta_sock_msg msg = {.iov = &iov, .n_iov = 1};
    if (n == H7_CONDUIT_BY_PEEK)
        n = receive_by_peek(s, &msg, len, deadline);
    return told(s, &msg, n, len);
}

/* --- zero copy -------------------------------------------------------------------------- */

int h7_memory_reserve(struct hepta_sock *s, size_t len, void **ptr, int64_t deadline)
{
    if (len == 0)
        return -EINVAL;
    int r = h7_conduit_reserve(&s->memory->out, len, ptr, deadline);
    return r == -EPIPE ? (int)refused(s) : r;
}

int h7_memory_commit(struct hepta_sock *s, size_t len)
{
    int r = h7_conduit_commit(&s->memory->out, len);
    return r == -EPIPE ? (int)refused(s) : r;
}

/* Take what was peeked, and its descriptors out of the socket, then let the next one in. */
static int take_and_drop(struct h7_memory *m, size_t len)
{
    struct h7_tag_seen tag;
    if (!h7_conduit_holding(&m->in))
        return -EINVAL; /* the tags are its owner's */
    int tagged = h7_tags_here(m->in.tags, h7_conduit_held_at(&m->in), &tag) > 0;
    int r = h7_conduit_take(&m->in, len);
    if (r < 0)
        return r;
    if (tagged)
        h7_rights_finish(m, tag.id, NULL, 0);
    h7_conduit_drop(&m->in);
    return 0;
}

ssize_t h7_memory_peek(struct hepta_sock *s, const void **ptr, int64_t deadline)
{
    struct h7_conduit *c = &s->memory->in;
    ssize_t n = h7_conduit_peek(c, ptr, deadline);
    if (n == 0)
        return at_end(s);
    if (n != H7_CONDUIT_EMPTY)
        return n;
    int r = take_and_drop(s->memory, 0);
    if (r == -EINVAL) /* a peer wrote over the claim */
        r = -EBADMSG;
    h7_conduit_drop(c); /* if it couldn't be taken */
    return r;
}

int h7_memory_release(struct hepta_sock *s, size_t len)
{
    return len ? take_and_drop(s->memory, len) : h7_conduit_release(&s->memory->in, 0);
}

/* --- the rest ----------------------------------------------------------------------------- */

int h7_memory_pollfd(struct hepta_sock *s, short want, struct pollfd *p)
{
    struct h7_conduit *c = want == POLLIN ? &s->memory->in : &s->memory->out;
    int r = s->listening ? h7_backlog_pollfd(s) : h7_conduit_keep_level(c);
    if (r < 0)
        return r == -EAGAIN ? -ETIMEDOUT : r;
    *p = (struct pollfd){.fd = s->listening ? r : c->listen_fd, .events = POLLIN};
    return 0;
}

void h7_memory_stat(struct hepta_sock *s, struct hepta_sock_stat *st)
{
    struct h7_memory *m = s->memory;
    st->memory = 1;
    if (s->listening)
        return;
    st->capacity = m->out.ring.cap;
    st->to_read = unread(&m->in);
    st->to_send = unread(&m->out);
    st->peer_gone = h7_bell_hangup(m->rights_fd) != 0;
    st->pid = m->pid;
    st->uid = m->uid;
    st->gid = m->gid;
}

const struct h7_sock_ops h7_sock_memory_ops = {
    .accept = h7_backlog_accept,
    .send = h7_memory_send,
    .recv = h7_memory_recv,
    .sendmsg = h7_memory_sendmsg,
    .recvmsg = h7_memory_recvmsg,
    .shutdown = h7_memory_shutdown,
    .pollfd = h7_memory_pollfd,
    .stat = h7_memory_stat,
    .close = h7_memory_close,
};
