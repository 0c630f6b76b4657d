/* SPDX-License-Identifier: MIT */
/* socket/frame.h - what a stream with records has besides; see frame.c */
#ifndef H7_SOCKET_FRAME_H
#define H7_SOCKET_FRAME_H

#include "base/mutex.h"
#include "socket/socket_internal.h"

#define H7_FRAME_HEAD 4u

/*
 * field                        under      meaning
 * out, out_len, out_at         tx         rest of a record that goes before all else, or NULL
 * out_gen                      tx         fork generation that began it
 * n_unsent                     tx         bytes of it; anybody may look
 * in, in_cap, in_at, in_end    rx         what came, from in_at to in_end
 * ended, error                 rx         the stream has ended; what every recv returns
 * n_buffered                   rx         bytes of it; anybody may look
 * ready                        level      a recv wouldn't look at the stream: 1
 * level_fd, event_fd           level      epoll over the stream and an eventfd; or -1
 * level_gen                    level      fork generation that made them
 * raised                       level      what the eventfd says
 */
struct h7_frame {
    struct h7_mutex tx, rx, level; /* level is taken last */
    char *out;
    size_t out_len, out_at;
    uint64_t out_gen;
    struct h7_a64 n_unsent;
    char *in;
    size_t in_cap, in_at, in_end;
    int ended, error;
    struct h7_a64 n_buffered;
    struct h7_a32 ready;
    int level_fd, event_fd;
    uint64_t level_gen;
    int raised;
};

/* frame_level.c: say whether a record, or an error, is there already. Under rx. */
void h7_frame_set_ready(struct hepta_sock *s, bool ready);

#endif
