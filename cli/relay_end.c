/* SPDX-License-Identifier: MIT */
/* cli/relay_end.c - an end of a relay, and its return: see relay.h */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <time.h>

#include "cli/relay.h"

/* Descriptors that were handed to us don't come back. */
static bool is_final(const struct relay_end *e)
{
    static const char *const words[] = {"-", "pipe", "kernel.pipe", NULL};
    return cli_word(e->kind.name, words) >= 0;
}

int relay_open(struct relay_end *e, const struct channel_request *rq)
{
    pthread_rwlockattr_t attr;

    pthread_rwlockattr_init(&attr);
    /* Who wants to replace it must not wait behind an endless row of verbs. */
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&e->lock, &attr);
    pthread_rwlockattr_destroy(&attr);
    e->final = is_final(e);
    return channel_open(e->address, e->flags, rq, &e->kind, &e->ch);
}

void relay_close(struct relay_end *e)
{
    e->ch = hepta_channel_close(e->ch);
}

bool relay_lost(int r)
{
    switch (-r) {
    case EPIPE:
    case ECONNRESET:
    case ECONNREFUSED:
    case ENOTCONN:
    case EIDRM:
    case EBADF: /* it could not be opened again before a stop */
        return true;
    default:
        return false;
    }
}

int relay_reopen(struct relay_end *e, unsigned generation, const bool *quit, int64_t deadline)
{
    struct timespec nap = {.tv_nsec = 20000000};
    char why[HEPTA_CHANNEL_WHY_MAX];
    int r = 0;

    pthread_rwlock_wrlock(&e->lock);
    if (e->generation == generation) {
        e->ch = hepta_channel_close(e->ch);
        do {
            if (r < 0)
                nanosleep(&nap, NULL);
            r = hepta_channel_open(e->address, e->flags, &e->opt, stop_slice(HEPTA_FOREVER),
                                   &e->ch, why, sizeof why);
        } while (r < 0 && !stop_asked() && !__atomic_load_n(quit, __ATOMIC_RELAXED) &&
                 hepta_now_ns() < deadline);
        e->generation++;
    }
    pthread_rwlock_unlock(&e->lock);
    return r == 0 ? 0 : hepta_now_ns() < deadline ? -ECANCELED : -ETIMEDOUT;
}
