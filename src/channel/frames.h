/* SPDX-License-Identifier: MIT */
/*
 * channel/frames.h - messages in a stream of bytes
 *
 * Coming in: bytes go into a buffer that grows up to the longest message, and messages are found
 * where they lie. Going out: one buffer holds the message with its framing, so that one write can
 * take it all, and what a write leaves over. Neither knows where bytes come from or go.
 */
#ifndef H7_CHANNEL_FRAMES_H
#define H7_CHANNEL_FRAMES_H

#include <hepta/channel.h>

/* buf[start..end) has come and wasn't given out. */
struct h7_frames {
    uint32_t framing, frame_len, max;
    unsigned char *buf;
    size_t cap, start, end;
    size_t searched; /* bytes from start on in which there is no newline */
};

/* opt: as checked by hepta_channel_open(), with the address's framing. */
void h7_frames_init(struct h7_frames *f, const struct hepta_channel_options *opt);
void h7_frames_deinit(struct h7_frames *f);
/* The next message: 1, and it stays where it is until the next h7_frames_room(); 0: more bytes are
 * needed; -EMSGSIZE, -EBADMSG: it is too long, and so is all that follows. */
int h7_frames_next(struct h7_frames *f, const void **data, size_t *len);
/* The stream has ended: 1: a last message; 0; -EPROTO: inside a message, which is dropped. */
int h7_frames_end(struct h7_frames *f, const void **data, size_t *len);
/* Where to put more bytes, at least 1. 0, -ENOMEM. Then how many they were. */
int h7_frames_room(struct h7_frames *f, void **ptr, size_t *len);
void h7_frames_filled(struct h7_frames *f, size_t n);

/* buf[done..len) is still to be written. */
struct h7_outgoing {
    unsigned char *buf;
    size_t cap, len, done;
};

typedef ssize_t h7_write_fn(void *arg, const void *buf, size_t len, int64_t deadline);

void h7_outgoing_deinit(struct h7_outgoing *o);
/* Encode a message; nothing may be left of the one before. 0, -EMSGSIZE, -EILSEQ, -ENOMEM. */
int h7_outgoing_put(struct h7_outgoing *o, const struct hepta_channel_options *opt,
                    const void *data, size_t len);
/* Write what is there. 0: all; else what the write said. */
int h7_outgoing_push(struct h7_outgoing *o, h7_write_fn *write, void *arg, int64_t deadline);
/* As hepta_channel_send(): push what was left over, put, push. keep: after -EPIPE what is left of a
 * message still has a place to go to, when somebody new comes. */
int h7_outgoing_send(struct h7_outgoing *o, const struct hepta_channel_options *opt,
                     const void *data, size_t len, h7_write_fn *write, void *arg, int keep,
                     int64_t deadline);

#endif
