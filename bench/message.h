/* SPDX-License-Identifier: MIT */
/*
 * bench/message.h - what every message carries, and how the receiver checks it
 *
 * The same work for every back end: a message is stamped where the sender builds it and
 * checked where the receiver finds it. Small ones carry their number at both ends. From
 * 4 KiB on each cache line carries it: a back end that doesn't copy still has to move
 * all lines from core to core, as it would for a user who writes and reads the message. The
 * number says in its highest byte which sender's it is.
 */
#ifndef BENCH_MESSAGE_H
#define BENCH_MESSAGE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MESSAGE_LINE  64
#define MESSAGE_WHOLE 4096 /* bytes; from here on every line is touched */
#define MESSAGE_FROM  56   /* bits of a number; the sender above them */

static inline void message_put(void *at, uint64_t word)
{
    memcpy(at, &word, sizeof(word));
}

static inline uint64_t message_get(const void *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof(word));
    return word;
}

static inline void message_stamp(void *buf, size_t len, uint64_t seq)
{
    unsigned char *p = buf;

    if (len >= MESSAGE_WHOLE) {
        for (size_t off = 0; off + MESSAGE_LINE <= len; off += MESSAGE_LINE)
            message_put(p + off, seq + off);
    } else {
        message_put(p, seq);
    }
    if (len >= 16)
        message_put(p + len - 8, ~seq);
}

/* Returns 0 if it is message @seq whole, and some other value if it isn't. */
static inline uint64_t message_check(const void *buf, size_t len, uint64_t seq)
{
    const unsigned char *p = buf;
    uint64_t wrong = 0;

    if (len >= MESSAGE_WHOLE) {
        for (size_t off = 0; off + MESSAGE_LINE <= len; off += MESSAGE_LINE)
            wrong |= message_get(p + off) ^ (seq + off);
    } else {
        wrong = message_get(p) ^ seq;
    }
    if (len >= 16)
        wrong |= message_get(p + len - 8) ^ ~seq;
    return wrong;
}

#endif
