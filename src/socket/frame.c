/* SPDX-License-Identifier: MIT */
/*
 * socket/frame.c - records over a stream of either kind: four bytes of length, big-endian,
 * then the bytes
 *
 * Sending: one call for head and body. When a deadline or a handler cuts it short, the rest is
 * copied and the record counts as sent; it goes before anything else, and a recv that
 * waits sends it meanwhile, or a peer that waits for the whole question never answers.
 *
 * Receiving: into a buffer of the handle's, as much as there is, so that many small records
 * come in one call and a deadline in the middle of one loses nothing. A record is given out
 * when it is whole. The buffer grows with what came, not with what the length promises.
 *
 * poll(2): what is buffered no longer shows on the stream's own descriptor. So POLLIN has one
 * of its own (frame_level.c).
 *
 * fork(): the child has a copy of what is buffered. What was to be sent stays the parent's;
 * what was received is given out in both. Don't fork while records are under way.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/sys.h"
#include "socket/frame.h"

#define PIECES_MAX 16          /* more are gathered into one */
#define BUFFER_MIN (16ul << 10)
#define BUFFER_KEEP (1ul << 20) /* an empty buffer above this is given back */
#define PUSH_AGAIN_NS (20 * H7_MS)
#define NOW_GRACE_NS  (10 * H7_MS)

int h7_frame_new(struct hepta_sock *s)
{
    struct h7_frame *f = calloc(1, sizeof *f);
    if (!f)
        return -ENOMEM;
    f->level_fd = f->event_fd = -1;
    s->frame = f;
    return 0;
}

void h7_frame_free(struct hepta_sock *s, int64_t deadline)
{
    h7_frame_flush(s, deadline);
    h7_sys_close(s->frame->level_fd);
    h7_sys_close(s->frame->event_fd);
    free(s->frame->out);
    free(s->frame->in);
    free(s->frame);
    s->frame = NULL;
}

size_t h7_frame_buffered(const struct hepta_sock *s)
{
    return (size_t)h7_load64_relaxed(&s->frame->n_buffered); /* a snapshot */
}

size_t h7_frame_unsent(const struct hepta_sock *s)
{
    return (size_t)h7_load64_relaxed(&s->frame->n_unsent); /* a hint: the lock decides */
}

/* ---- sending; f->tx is held ---- */

static void drop_out(struct h7_frame *f)
{
    free(f->out);
    f->out = NULL;
    h7_store64_relaxed(&f->n_unsent, 0);
}

static int flush(struct hepta_sock *s, int64_t deadline)
{
    struct h7_frame *f = s->frame;
    if (f->out && f->out_gen != h7_fork_gen())
        drop_out(f); /* the parent sends it */
    while (f->out) {
        size_t n = f->out_len - f->out_at;
        ssize_t r = s->ops->send(s, f->out + f->out_at, n, deadline);
        if (r < 0) {
            if (r == -EPIPE || r == -ECONNRESET)
                drop_out(f); /* nobody will ever get it */
            return (int)r;
        }
        f->out_at += (size_t)r;
        h7_store64_relaxed(&f->n_unsent, n - (size_t)r);
        if ((size_t)r == n)
            drop_out(f);
        else if (deadline == HEPTA_FOREVER)
            return -EINTR; /* what else cuts it short */
    }
    return 0;
}

int h7_frame_flush(struct hepta_sock *s, int64_t deadline)
{
    if (h7_frame_unsent(s) == 0)
        return 0;
    int r = h7_mutex_lock(&s->frame->tx, deadline);
    if (r < 0)
        return r;
    r = flush(s, deadline);
    h7_mutex_unlock(&s->frame->tx);
    return r;
}

/* Take over what is left of a record, of which `done` bytes are under way. Without memory for
 * it the stream can't go on: the peer is told, by an end inside a record. */
static int keep_rest(struct hepta_sock *s, const struct iovec *v, size_t n, size_t len,
                     size_t done)
{
    struct h7_frame *f = s->frame;
    f->out = malloc(len - done);
    if (!f->out) {
        s->ops->shutdown(s, HEPTA_SOCK_WR);
        return -ENOMEM;
    }
    f->out_len = f->out_at = 0;
    f->out_gen = h7_fork_gen();
    for (size_t i = 0; i < n; i++) {
        size_t skip = done < v[i].iov_len ? done : v[i].iov_len, left = v[i].iov_len - skip;
        if (left)
            memcpy(f->out + f->out_len, (char *)v[i].iov_base + skip, left);
        f->out_len += left;
        done -= skip;
    }
    h7_store64_relaxed(&f->n_unsent, f->out_len);
    return 0;
}

static ssize_t send_pieces(struct hepta_sock *s, const struct iovec *pieces, size_t n_pieces,
                           size_t total, int64_t deadline)
{
    uint8_t head[H7_FRAME_HEAD] = {(uint8_t)(total >> 24), (uint8_t)(total >> 16),
                                   (uint8_t)(total >> 8), (uint8_t)total};
    struct iovec v[PIECES_MAX + 1] = {{head, sizeof head}};
    memcpy(v + 1, pieces, n_pieces * sizeof *pieces);
    const struct hepta_sock_msg m = {.size = sizeof m, .iov = v, .n_iov = n_pieces + 1};
    size_t len = sizeof head + total;
    ssize_t r = s->ops->sendmsg(s, &m, len, deadline);
    if (r < 0)
        return r;
    if ((size_t)r < len) {
        int e = keep_rest(s, v, n_pieces + 1, len, (size_t)r);
        if (e < 0)
            return e;
    }
    return (ssize_t)total;
}

static ssize_t send_gathered(struct hepta_sock *s, const struct hepta_sock_msg *msg, size_t total,
                             int64_t deadline)
{
    struct iovec all = {malloc(total ? total : 1), total};
    size_t at = 0;
    if (!all.iov_base)
        return -ENOMEM;
    for (size_t i = 0; i < msg->n_iov; i++) {
        if (msg->iov[i].iov_len)
            memcpy((char *)all.iov_base + at, msg->iov[i].iov_base, msg->iov[i].iov_len);
        at += msg->iov[i].iov_len;
    }
    ssize_t r = send_pieces(s, &all, 1, total, deadline);
    free(all.iov_base);
    return r;
}

ssize_t h7_frame_sendmsg(struct hepta_sock *s, const struct hepta_sock_msg *msg, size_t total,
                         int64_t deadline)
{
    if (total > s->opt.record_max)
        return -EMSGSIZE;
    int e = h7_mutex_lock(&s->frame->tx, deadline);
    if (e < 0)
        return e;
    ssize_t r = flush(s, deadline);
    if (r == 0)
        r = msg->n_iov > PIECES_MAX
                ? send_gathered(s, msg, total, deadline)
                : send_pieces(s, msg->iov, msg->n_iov, total, deadline);
    h7_mutex_unlock(&s->frame->tx);
    return r;
}

/* ---- receiving; f->rx is held ---- */

static size_t have(const struct h7_frame *f)
{
    return f->in_end - f->in_at;
}

static size_t record_len(const struct h7_frame *f)
{
    const uint8_t *b = (const uint8_t *)f->in + f->in_at;
    return (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
}

/* Bytes that must be there before anything can be done. */
static size_t wanted(const struct h7_frame *f)
{
    return H7_FRAME_HEAD + (have(f) < H7_FRAME_HEAD ? 0 : record_len(f));
}

static bool whole(const struct h7_frame *f)
{
    return have(f) >= H7_FRAME_HEAD && have(f) >= wanted(f);
}

/* A recv would do without the stream: give one out, or say what is wrong with it. */
static bool is_ready(const struct hepta_sock *s)
{
    const struct h7_frame *f = s->frame;
    return whole(f) || (have(f) >= H7_FRAME_HEAD && record_len(f) > s->opt.record_max);
}

static int make_room(struct h7_frame *f)
{
    if (f->in_at && (f->in_end == f->in_cap || f->in_cap - f->in_at < wanted(f))) {
        memmove(f->in, f->in + f->in_at, have(f));
        f->in_end -= f->in_at;
        f->in_at = 0;
    }
    if (f->in_end < f->in_cap)
        return 0;
    size_t cap = f->in_cap ? 2 * f->in_cap : BUFFER_MIN;
    if (f->in_cap >= BUFFER_MIN && cap > wanted(f))
        cap = wanted(f); /* > in_cap: the record isn't whole, and fills it */
    char *in = realloc(f->in, cap);
    if (!in)
        return -ENOMEM;
    f->in = in;
    f->in_cap = cap;
    return 0;
}

/* Send what is left of a record, and wait until that goes on or something comes. 0: look.
 * Another error than -EAGAIN is the next send's; here it is tried again after a while. */
static int push(struct hepta_sock *s, int64_t deadline)
{
    struct pollfd p[2];
    int sent = h7_frame_flush(s, HEPTA_NOW), full = sent == -EAGAIN;
    if (sent == 0 || deadline == HEPTA_NOW)
        return 0;
    int64_t until = full ? deadline : h7_earlier(deadline, hepta_now_ns() + PUSH_AGAIN_NS);
    int r = s->ops->pollfd(s, POLLIN, &p[0]);
    if (r == 0)
        r = s->ops->pollfd(s, POLLOUT, &p[1]);
    if (r == 0)
        r = h7_sys_poll(p, full ? 2 : 1, until);
    return r < 0 ? r : r == 0 && until == deadline ? -ETIMEDOUT : 0;
}

static ssize_t receive(struct hepta_sock *s, int64_t deadline)
{
    struct h7_frame *f = s->frame;
    char *at = f->in + f->in_end;
    size_t room = f->in_cap - f->in_end;
    while (h7_unlikely(h7_frame_unsent(s))) {
        ssize_t r = s->ops->recv(s, at, room, HEPTA_NOW);
        if (r != -EAGAIN)
            return r;
        r = push(s, deadline);
        if (r < 0)
            return r;
        if (deadline == HEPTA_NOW)
            break;
    }
    return s->ops->recv(s, at, room, deadline);
}

static ssize_t give(struct hepta_sock *s, struct hepta_sock_msg *msg, size_t total)
{
    struct h7_frame *f = s->frame;
    size_t len = record_len(f), n = len < total ? len : total, at = 0;
    const char *from = f->in + f->in_at + H7_FRAME_HEAD;
    for (size_t i = 0; i < msg->n_iov && at < n; i++) {
        size_t piece = n - at < msg->iov[i].iov_len ? n - at : msg->iov[i].iov_len;
        if (piece)
            memcpy(msg->iov[i].iov_base, from + at, piece);
        at += piece;
    }
    msg->full_len = len;
    msg->flags |= len > total ? HEPTA_SOCK_MSG_TRUNC : 0;
    f->in_at += H7_FRAME_HEAD + len;
    if (f->in_at == f->in_end) {
        f->in_at = f->in_end = 0;
        if (f->in_cap > BUFFER_KEEP) {
            free(f->in);
            f->in = NULL;
            f->in_cap = 0;
        }
    }
    h7_store64_relaxed(&f->n_buffered, have(f));
    h7_frame_set_ready(s, is_ready(s));
    return (ssize_t)n;
}

/* From here on nothing can be told apart: the error stays, and pollers are told. */
static int broken(struct hepta_sock *s, int err)
{
    s->frame->error = err;
    h7_frame_set_ready(s, true);
    return err;
}

/* Of who needn't wait, since the peer goes on sending a long record. HEPTA_NOW takes what is
 * there; what comes meanwhile isn't taken for ever. */
static bool time_is_up(int64_t deadline, int64_t *end)
{
    if (deadline == HEPTA_FOREVER)
        return false;
    int64_t now = hepta_now_ns();
    if (*end == 0)
        *end = deadline == HEPTA_NOW ? now + NOW_GRACE_NS : deadline;
    return now >= *end;
}

static ssize_t recv_record(struct hepta_sock *s, struct hepta_sock_msg *msg, size_t total,
                           int64_t deadline)
{
    struct h7_frame *f = s->frame;
    int64_t end = 0;
    for (bool first = true;; first = false) {
        if (f->error)
            return f->error;
        if (have(f) >= H7_FRAME_HEAD && record_len(f) > s->opt.record_max)
            return broken(s, -EBADMSG);
        if (whole(f))
            return give(s, msg, total);
        if (f->ended) {
            msg->flags |= have(f) ? 0 : HEPTA_SOCK_MSG_EOF;
            return have(f) ? broken(s, -EPROTO) : 0;
        }
        int e = !first && time_is_up(deadline, &end) ? h7_expired(deadline) : make_room(f);
        if (e < 0)
            return e;
        ssize_t r = receive(s, deadline);
        if (r < 0)
            return r;
        f->ended = r == 0;
        f->in_end += (size_t)r;
        h7_store64_relaxed(&f->n_buffered, have(f));
    }
}

ssize_t h7_frame_recvmsg(struct hepta_sock *s, struct hepta_sock_msg *msg, size_t total,
                         int64_t deadline)
{
    int e = h7_mutex_lock(&s->frame->rx, deadline);
    if (e < 0)
        return e;
    ssize_t r = recv_record(s, msg, total, deadline);
    h7_mutex_unlock(&s->frame->rx);
    return r;
}
