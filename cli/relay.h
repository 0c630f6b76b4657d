/* SPDX-License-Identifier: MIT */
/*
 * cli/relay.h - what the parts of `hepta relay` share
 *
 * An end is a channel that may be opened anew when its other side has gone. Two threads can use it
 * at once, one each way; who finds it dead replaces it, with nobody inside: a lock for reading is
 * held around every verb, and for writing around the replacement.
 */
#ifndef CLI_RELAY_H
#define CLI_RELAY_H

#include <pthread.h>

#include "cli/channel.h"

struct relay_end {
    const char *address;
    struct hepta_channel_kind kind;
    uint32_t flags; /* to open it with */
    struct hepta_channel_options opt;
    struct hepta_channel *ch;
    unsigned generation; /* how often it was replaced */
    bool final;          /* what has ended never comes back */
    pthread_rwlock_t lock;
};

/* CLI_OK, or a message and a status. Waits up to the deadline for a FIFO's other side. */
int relay_open(struct relay_end *e, const struct channel_request *rq);
void relay_close(struct relay_end *e);
/* Replace what generation names, and go on trying until it works, *quit or the deadline. 0,
 * -ECANCELED, -ETIMEDOUT. */
int relay_reopen(struct relay_end *e, unsigned generation, const bool *quit, int64_t deadline);
/* Can this result of a verb be mended by opening anew? */
bool relay_lost(int r);

/* One way of it: its own copy of the message under way. */
struct relay_way {
    struct relay_end *from, *to;
    const struct channel_request *rq;
    bool *quit;   /* shared: all ways end */
    const struct relay_way *back; /* the other one, if there is one */
    bool counted; /* --count is of this one */
    pthread_t thread;
    int status;
    bool over;
    uint64_t messages, bytes; /* atomically: for the display */
    struct hepta_channel_msg msg;
    char *copy;
    size_t copy_len;
};

void *relay_run(void *way);

#endif
