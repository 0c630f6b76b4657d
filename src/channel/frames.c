/* SPDX-License-Identifier: MIT */
/* channel/frames.c - see frames.h */
#include "channel/frames.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK 65536u
#define HEAD 4u /* bytes of a record's length */

void h7_frames_init(struct h7_frames *f, const struct hepta_channel_options *opt)
{
    *f = (struct h7_frames){
        .framing = opt->framing, .frame_len = opt->frame_len, .max = opt->record_max};
}

void h7_frames_deinit(struct h7_frames *f)
{
    free(f->buf);
    f->buf = NULL;
    f->cap = f->start = f->end = f->searched = 0;
}

static int give(struct h7_frames *f, size_t head, size_t len, size_t tail, const void **data,
                size_t *out)
{
    *data = f->buf + f->start + head;
    *out = len;
    f->start += head + len + tail;
    f->searched = 0;
    return 1;
}

static uint32_t record_len(const struct h7_frames *f)
{
    const unsigned char *p = f->buf + f->start;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int next_record(struct h7_frames *f, const void **data, size_t *len)
{
    if (f->end - f->start < HEAD)
        return 0;
    size_t n = record_len(f);
    if (n > f->max)
        return -EBADMSG;
    return f->end - f->start - HEAD < n ? 0 : give(f, HEAD, n, 0, data, len);
}

static int next_line(struct h7_frames *f, const void **data, size_t *len)
{
    size_t n = f->end - f->start;
    const unsigned char *from = f->buf + f->start + f->searched;
    const unsigned char *nl = n > f->searched ? memchr(from, '\n', n - f->searched) : NULL;

    if (nl) {
        n = (size_t)(nl - f->buf) - f->start;
        return n > f->max ? -EMSGSIZE : give(f, 0, n, 1, data, len);
    }
    f->searched = n;
    return n > f->max ? -EMSGSIZE : 0;
}

int h7_frames_next(struct h7_frames *f, const void **data, size_t *len)
{
    size_t n = f->end - f->start;

    if (n == 0)
        return 0;
    switch (f->framing) {
    case HEPTA_CHANNEL_RECORD:
        return next_record(f, data, len);
    case HEPTA_CHANNEL_LINE:
        return next_line(f, data, len);
    case HEPTA_CHANNEL_RAW:
        return give(f, 0, n, 0, data, len);
    default:
        return n < f->frame_len ? 0 : give(f, 0, f->frame_len, 0, data, len);
    }
}

int h7_frames_end(struct h7_frames *f, const void **data, size_t *len)
{
    size_t n = f->end - f->start;

    if (n == 0)
        return 0;
    if (f->framing == HEPTA_CHANNEL_LINE)
        return give(f, 0, n, 0, data, len);
    f->start = f->end = 0;
    return -EPROTO;
}

/* Bytes that the message at start takes, as far as that is known; but not much more than have come:
 * who only says that a long one follows must not cost its memory. */
static size_t wanted(const struct h7_frames *f)
{
    size_t n = f->end - f->start, all = n + 1;

    if (f->framing == HEPTA_CHANNEL_RECORD && n >= HEAD && record_len(f) <= f->max)
        all = HEAD + record_len(f);
    else if (f->framing == HEPTA_CHANNEL_FIXED)
        all = f->frame_len;
    return all <= n + CHUNK ? all : n + CHUNK;
}

int h7_frames_room(struct h7_frames *f, void **ptr, size_t *len)
{
    size_t need = wanted(f), n = f->end - f->start;

    /* What was given out is done with: close the gap, but not for every small message. */
    if (f->start > 0 && (n == 0 || f->start + need > f->cap)) {
        memmove(f->buf, f->buf + f->start, n);
        f->start = 0;
        f->end = n;
    }
    if (f->start + need > f->cap) {
        size_t cap = f->cap ? f->cap : CHUNK;
        while (cap < need)
            cap *= 2;
        unsigned char *buf = realloc(f->buf, cap);
        if (!buf)
            return -ENOMEM;
        f->buf = buf;
        f->cap = cap;
    }
    *ptr = f->buf + f->end;
    *len = f->cap - f->end;
    return 0;
}

void h7_frames_filled(struct h7_frames *f, size_t n)
{
    f->end += n;
}

/* --- going out --- */

void h7_outgoing_deinit(struct h7_outgoing *o)
{
    free(o->buf);
    *o = (struct h7_outgoing){0};
}

static int fits(const struct hepta_channel_options *opt, const void *data, size_t len)
{
    if (len > opt->record_max)
        return -EMSGSIZE;
    if (opt->framing == HEPTA_CHANNEL_FIXED && len != opt->frame_len)
        return -EMSGSIZE;
    if (opt->framing == HEPTA_CHANNEL_LINE && len > 0 && memchr(data, '\n', len))
        return -EILSEQ;
    return 0;
}

int h7_outgoing_put(struct h7_outgoing *o, const struct hepta_channel_options *opt,
                    const void *data, size_t len)
{
    size_t n = 0;
    int r = fits(opt, data, len);

    if (r < 0)
        return r;
    if (o->cap < len + HEAD) {
        size_t cap = len + HEAD < 4096 ? 4096 : len + HEAD;
        unsigned char *buf = realloc(o->buf, cap);
        if (!buf)
            return -ENOMEM;
        o->buf = buf;
        o->cap = cap;
    }
    if (opt->framing == HEPTA_CHANNEL_RECORD)
        for (; n < HEAD; n++)
            o->buf[n] = (unsigned char)(len >> (24 - 8 * n));
    if (len)
        memcpy(o->buf + n, data, len);
    if (opt->framing == HEPTA_CHANNEL_LINE)
        o->buf[len++] = '\n';
    o->len = n + len;
    o->done = 0;
    return 0;
}

int h7_outgoing_push(struct h7_outgoing *o, h7_write_fn *write, void *arg, int64_t deadline)
{
    while (o->done < o->len) {
        ssize_t n = write(arg, o->buf + o->done, o->len - o->done, deadline);
        if (n < 0)
            return (int)n;
        o->done += (size_t)n;
    }
    o->done = o->len = 0;
    return 0;
}

/* Nothing is wrong with the stream: the same bytes can be tried again. */
static int waits(int r)
{
    return r == -EAGAIN || r == -ETIMEDOUT || r == -EINTR || r == -ENOMEM || r == -ENOBUFS;
}

int h7_outgoing_send(struct h7_outgoing *o, const struct hepta_channel_options *opt,
                     const void *data, size_t len, h7_write_fn *write, void *arg, int keep,
                     int64_t deadline)
{
    int r = h7_outgoing_push(o, write, arg, deadline);

    if (r == 0)
        r = h7_outgoing_put(o, opt, data, len);
    else if (!waits(r) && !keep)
        o->done = o->len = 0;
    if (r < 0)
        return r;
    r = h7_outgoing_push(o, write, arg, deadline);
    /* Once a part of it is out, the rest has to follow: the message is sent. */
    if (r < 0 && o->done > 0 && (waits(r) || keep))
        return 0;
    if (r < 0)
        o->done = o->len = 0;
    return r;
}
