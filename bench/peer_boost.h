/* SPDX-License-Identifier: MIT */
/* bench/peer_boost.h - boost's message_queue for C: calls that don't throw */
#ifndef BENCH_PEER_BOOST_H
#define BENCH_PEER_BOOST_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct peer_boost; /* a queue, inherited by forked processes */

/* NULL if it can't be made; its name is removed at once. */
struct peer_boost *peer_boost_new(const char *name, size_t depth, size_t bytes);
struct peer_boost *peer_boost_free(struct peer_boost *q);

/* 0, -EAGAIN (@busy, and full or empty), -EBADMSG (another length), -EIO. */
int peer_boost_send(struct peer_boost *q, const void *buf, size_t len, bool busy);
int peer_boost_receive(struct peer_boost *q, void *buf, size_t len, bool busy);

#ifdef __cplusplus
}
#endif
#endif
