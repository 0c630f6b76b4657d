/* SPDX-License-Identifier: MIT */
/* channel/channel.c - the verbs of hepta/channel.h: check the arguments, then ask the kind */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/sys.h"
#include "channel/channel_internal.h"

#define LINGER_MS 1000 /* of closing, for the rest of a message */
#define RECORD_DEFAULT (16u << 20)

int h7_channel_room(struct hepta_channel *ch, size_t len)
{
    if (len <= ch->buf_len)
        return 0;
    unsigned char *buf = realloc(ch->buf, len);
    if (!buf)
        return -ENOMEM;
    ch->buf = buf;
    ch->buf_len = len;
    return 0;
}

int h7_channel_try(struct hepta_channel *ch, int (*try)(struct hepta_channel *ch, void *arg),
                   void *arg, int64_t deadline)
{
    for (int64_t nap = 50000;; nap = nap < 5000000 ? nap * 2 : nap) {
        int r = try(ch, arg);
        if (r != -EAGAIN || deadline == HEPTA_NOW)
            return r;
        int64_t until = hepta_in_ns(nap);
        if (hepta_now_ns() >= deadline)
            return -ETIMEDOUT;
        r = h7_sys_poll(NULL, 0, until < deadline ? until : deadline);
        if (r < 0)
            return r;
    }
}

/* --- opening --- */

/* What an errno means where an address was opened, and what to do. */
static int explain(struct h7_why *why, const char *verb, const struct h7_address *a,
                   const char *address, int err)
{
    const char *create = a->kind->options & H7_OPT(CREATE) ? ", or add ',create'" : "";

    if (err == -ENOENT && a->kind->ops->create)
        return h7_why(why, err, "can't %s %.200s: there is nothing of that name: make it with "
                      "'hepta new %.200s'%s", verb, address, address, create);
    if (err == -EXDEV)
        return h7_why(why, err, "can't %s %.200s: it was made in another PID namespace: only the "
                      "kernel's kinds reach across those", verb, address);
    if (err == -ENXIO && a->kind->ops == &h7_channel_fifo)
        return h7_why(why, err, "can't %s %.200s: nobody reads there: start the reader, or give "
                      "more time", verb, address);
    if (err == -ETIMEDOUT && a->kind->ops == &h7_channel_fifo)
        return h7_why(why, err, "can't %s %.200s: nobody opened the other side in time: start it",
                      verb, address);
    if (err == -EOPNOTSUPP && a->kind->ops == &h7_channel_signal)
        return h7_why(why, err, "can't %s %.200s: signals are sent to signal:PID/USR1, and "
                      "received with signal:self/USR1", verb, address);
    return h7_why(why, err, "can't %s %.200s: %s", verb, address, hepta_strerror(err));
}

static int check_open(const struct h7_address *a, uint32_t flags, const char *address,
                      struct h7_why *why)
{
    uint32_t both = HEPTA_CHANNEL_SEND | HEPTA_CHANNEL_RECV;

    if (!(flags & both) || flags & ~(both | HEPTA_CHANNEL_LEASE))
        return h7_why(why, -EINVAL, "open it with HEPTA_CHANNEL_SEND, HEPTA_CHANNEL_RECV or both");
    uint32_t missing = flags & ~a->kind->can;
    if (!missing)
        return 0;
    return h7_why(why, -EOPNOTSUPP, "%s can't %s: %.200s", a->kind->name,
                  missing & HEPTA_CHANNEL_LEASE  ? "lease"
                  : missing & HEPTA_CHANNEL_SEND ? "be sent to"
                                                 : "be received from",
                  missing & HEPTA_CHANNEL_LEASE ? "mq:/NAME and signal:/NAME can" : address);
}

static int take_options(struct hepta_channel *ch, const struct hepta_channel_options *opt,
                        struct h7_why *why)
{
    ch->opt = (struct hepta_channel_options){.size = sizeof ch->opt};
    if (opt && (opt->size < sizeof *opt || opt->framing > HEPTA_CHANNEL_FIXED ||
                opt->record_max > HEPTA_CHANNEL_RECORD_MAX ||
                opt->frame_len > HEPTA_CHANNEL_RECORD_MAX ||
                (opt->framing == HEPTA_CHANNEL_FIXED) != (opt->frame_len > 0)))
        return h7_why(why, -EINVAL, "the options of hepta_channel_open() are out of range");
    if (opt)
        ch->opt = *opt;
    if (!ch->opt.record_max)
        ch->opt.record_max = RECORD_DEFAULT;
    if (ch->at.set & H7_OPT(FRAMING)) {
        ch->opt.framing = ch->at.framing;
        ch->opt.frame_len = ch->at.frame_len;
    }
    if (ch->opt.frame_len > ch->opt.record_max)
        ch->opt.record_max = ch->opt.frame_len;
    return 0;
}

static int start(struct hepta_channel *ch, const char *address,
                 const struct hepta_channel_options *opt, int64_t deadline, struct h7_why *why)
{
    int r = check_open(&ch->at, ch->flags, address, why);

    if (r == 0)
        r = take_options(ch, opt, why);
    if (r < 0)
        return r;
    ch->own = calloc(1, ch->at.kind->ops->own_len);
    if (!ch->own)
        return -ENOMEM;
    r = ch->at.kind->ops->open(ch, deadline);
    if (r == 0)
        return 0;
    if (ch->at.kind->ops->close)
        ch->at.kind->ops->close(ch);
    return explain(why, "open", &ch->at, address, r);
}

static void give_up(struct hepta_channel *ch)
{
    free(ch->own);
    free(ch->buf);
    free(ch->at.name);
    h7_handle_free(ch, sizeof *ch);
}

int hepta_channel_open(const char *address, uint32_t flags,
                       const struct hepta_channel_options *opt, int64_t deadline,
                       struct hepta_channel **out, char *text, size_t n)
{
    struct h7_why why = {text, n};
    char name[HEPTA_CHANNEL_ADDRESS_MAX] = "";

    h7_why(&why, 0, "no memory, or no address");
    if (out)
        *out = NULL;
    if (!out || !address)
        return -EFAULT;
    struct hepta_channel *ch = h7_handle_new(sizeof *ch);
    if (!ch)
        return -ENOMEM;
    int r = h7_address_parse(&ch->at, address, name, &why);
    ch->at.name = strdup(name);
    if (r == 0 && !ch->at.name)
        r = -ENOMEM;
    if (r == 0) {
        ch->flags = flags | (ch->at.set & H7_OPT(LEASE) ? HEPTA_CHANNEL_LEASE : 0);
        r = start(ch, address, opt, deadline, &why);
    }
    if (r < 0) {
        give_up(ch);
        return r;
    }
    h7_store32_relaxed(&ch->handle.kind, H7_CHANNEL_MARK);
    *out = ch;
    return 0;
}

struct hepta_channel *hepta_channel_close(struct hepta_channel *ch)
{
    if (!ch || h7_load32_relaxed(&ch->handle.kind) != H7_CHANNEL_MARK)
        return NULL;
    const struct h7_channel_ops *ops = ch->at.kind->ops;
    if (ops->flush && ch->flags & HEPTA_CHANNEL_SEND)
        ops->flush(ch, hepta_in_ms(LINGER_MS));
    if (ops->close)
        ops->close(ch);
    h7_store32_relaxed(&ch->handle.kind, 0);
    give_up(ch);
    return NULL;
}

/* --- messages --- */

static int enter(const struct hepta_channel *ch, uint32_t flag)
{
    if (!ch)
        return -EINVAL;
    if (h7_load32_relaxed(&ch->handle.kind) != H7_CHANNEL_MARK || (flag && !(ch->flags & flag)))
        return -EBADF;
    return 0;
}

int hepta_channel_send(struct hepta_channel *ch, const struct hepta_channel_msg *msg,
                       int64_t deadline)
{
    int r = enter(ch, HEPTA_CHANNEL_SEND);

    if (r < 0)
        return r;
    if (!msg || msg->size < sizeof *msg || (!msg->data && msg->len))
        return -EINVAL;
    r = ch->at.kind->ops->send(ch, msg, deadline);
    ch->sent += r == 0;
    return r;
}

int hepta_channel_flush(struct hepta_channel *ch, int64_t deadline)
{
    int r = enter(ch, HEPTA_CHANNEL_SEND);
    return r < 0 || !ch->at.kind->ops->flush ? r : ch->at.kind->ops->flush(ch, deadline);
}

static int receive(struct hepta_channel *ch, struct hepta_channel_msg *msg, int64_t deadline,
                   int (*op)(struct hepta_channel *, struct hepta_channel_msg *, int64_t))
{
    int r = enter(ch, HEPTA_CHANNEL_RECV);

    if (r < 0)
        return r;
    if (!msg || msg->size < sizeof *msg)
        return -EINVAL;
    if (!op)
        return -EOPNOTSUPP;
    *msg = (struct hepta_channel_msg){.size = msg->size, .data = ""};
    return op(ch, msg, deadline);
}

int hepta_channel_recv(struct hepta_channel *ch, struct hepta_channel_msg *msg, int64_t deadline)
{
    int r = receive(ch, msg, deadline, ch ? ch->at.kind->ops->recv : NULL);
    if (r == 1)
        ch->received++;
    return r;
}

int hepta_channel_peek(struct hepta_channel *ch, struct hepta_channel_msg *msg, int64_t deadline)
{
    return receive(ch, msg, deadline, ch ? ch->at.kind->ops->peek : NULL);
}

static int end_lease(struct hepta_channel *ch, uint64_t lease, int done)
{
    int r = enter(ch, 0);

    if (r < 0)
        return r;
    return ch->at.kind->ops->end_lease ? ch->at.kind->ops->end_lease(ch, lease, done)
                                       : -EOPNOTSUPP;
}

int hepta_channel_ack(struct hepta_channel *ch, uint64_t lease)
{
    return end_lease(ch, lease, 1);
}

int hepta_channel_give_back(struct hepta_channel *ch, uint64_t lease)
{
    return end_lease(ch, lease, 0);
}

/* --- waiting, looking --- */

int hepta_channel_pollfd(struct hepta_channel *ch, short want, struct pollfd *p)
{
    if (want != POLLIN && want != POLLOUT)
        return -EINVAL;
    int r = enter(ch, want == POLLIN ? HEPTA_CHANNEL_RECV : HEPTA_CHANNEL_SEND);
    if (r < 0)
        return r;
    if (!p)
        return -EFAULT;
    return ch->at.kind->ops->pollfd ? ch->at.kind->ops->pollfd(ch, want, p) : -EOPNOTSUPP;
}

int hepta_channel_wait(struct hepta_channel *ch, short want, int64_t deadline)
{
    struct pollfd p;
    int r = hepta_channel_pollfd(ch, want, &p);

    if (r < 0)
        return r;
    if (want == POLLIN && ch->at.kind->ops->buffered && ch->at.kind->ops->buffered(ch))
        return 0;
    r = h7_sys_poll(&p, 1, deadline);
    return r > 0 ? 0 : r < 0 ? r : deadline == HEPTA_NOW ? -EAGAIN : -ETIMEDOUT;
}

int hepta_channel_stat(struct hepta_channel *ch, struct hepta_channel_stat *st, size_t st_size)
{
    struct hepta_channel_stat all = {0};
    int r = enter(ch, 0);

    if (r < 0)
        return r;
    if (!st)
        return -EFAULT;
    if (st_size == 0)
        return -EINVAL;
    all.kind = ch->at.kind->name;
    all.can = ch->flags | (ch->at.kind->can & ~(HEPTA_CHANNEL_SEND | HEPTA_CHANNEL_RECV |
                                                HEPTA_CHANNEL_LEASE));
    all.sent = ch->sent;
    all.received = ch->received;
    if (ch->at.kind->ops->stat)
        r = ch->at.kind->ops->stat(ch, &all);
    memcpy(st, &all, st_size < sizeof all ? st_size : sizeof all);
    return r;
}
