/* SPDX-License-Identifier: MIT */
/*
 * cli/relay_way.c - one direction of a relay: receive, hand on, acknowledge, again
 *
 * The message under way is copied, so that its end can be replaced meanwhile. It is given up only
 * where the other end can't take it at all; then a lease that it has is not acknowledged, and it
 * returns.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/relay.h"

#define LAST_NS 1000000000 /* how long a stop waits for a message that was received already */

static bool quitting(const struct relay_way *w)
{
    return stop_asked() || __atomic_load_n(w->quit, __ATOMIC_RELAXED);
}

static void quit(struct relay_way *w, int status)
{
    w->status = status;
    __atomic_store_n(w->quit, true, __ATOMIC_RELAXED);
}

static void nap(void)
{
    struct timespec t = {.tv_nsec = 10000000};
    nanosleep(&t, NULL);
}

/* --- receiving --- */

static int keep(struct relay_way *w)
{
    if (w->copy_len < w->msg.len || !w->copy) {
        char *copy = realloc(w->copy, w->msg.len + 1);
        if (!copy)
            return -ENOMEM;
        w->copy = copy;
        w->copy_len = w->msg.len;
    }
    if (w->msg.len)
        memcpy(w->copy, w->msg.data, w->msg.len);
    w->msg.data = w->copy;
    /* Descriptors are the channel's; a peer's address means nothing at the other end. */
    w->msg.set &= ~(HEPTA_CHANNEL_HAS_FDS | HEPTA_CHANNEL_HAS_PEER);
    return 1;
}

/* *ended: it said twice that nobody is there, so nobody will come. */
static int receive(struct relay_way *w, int64_t deadline, unsigned *generation, bool *ended)
{
    struct relay_end *e = w->from;

    pthread_rwlock_rdlock(&e->lock);
    *generation = e->generation;
    w->msg.size = sizeof w->msg;
    int r = e->ch ? hepta_channel_recv(e->ch, &w->msg, stop_slice(deadline)) : -EBADF;
    *ended = false;
    if (r == 0) {
        r = hepta_channel_recv(e->ch, &w->msg, HEPTA_NOW);
        *ended = r == 0;
        if (r == -EAGAIN)
            r = 0;
    }
    if (r == 1)
        r = keep(w);
    pthread_rwlock_unlock(&e->lock);
    return r;
}

/* The way back has ended for good: with its next end this one has nothing to wait for. */
static bool alone(const struct relay_way *w)
{
    return w->back && __atomic_load_n(&w->back->over, __ATOMIC_ACQUIRE);
}

static int too_late(struct relay_way *w)
{
    cli_error("nothing came from %s in time", w->from->address);
    quit(w, CLI_TIMED_OUT);
    return 0;
}

/* The next message: 1; 0: this way is over, with w->status. */
static int next(struct relay_way *w)
{
    int64_t deadline = channel_deadline(w->rq);
    unsigned generation;
    bool ended;

    while (!quitting(w)) {
        int r = receive(w, deadline, &generation, &ended);
        if (r == 1)
            return 1;
        if (r == -EINTR || ((r == -ETIMEDOUT || r == -EAGAIN) && hepta_now_ns() < deadline))
            continue;
        if (r == -ETIMEDOUT || r == -EAGAIN || hepta_now_ns() >= deadline)
            return too_late(w);
        if (r == -EPROTO)
            cli_error("%s ended inside a message, which is incomplete", w->from->address);
        else if (r < 0 && !relay_lost(r)) {
            quit(w, channel_failed("can't receive from", w->from->address, r));
            return 0;
        }
        if (w->rq->once)
            quit(w, CLI_OK);
        else if ((ended || r < 0) && (w->from->final || alone(w)))
            return 0;
        else if (ended || r < 0)
            relay_reopen(w->from, generation, w->quit, deadline);
    }
    return 0;
}

/* --- sending --- */

static int hand_on(struct relay_way *w, unsigned *generation)
{
    struct relay_end *e = w->to;

    pthread_rwlock_rdlock(&e->lock);
    *generation = e->generation;
    int r = e->ch ? hepta_channel_send(e->ch, &w->msg, stop_slice(HEPTA_FOREVER)) : -EBADF;
    pthread_rwlock_unlock(&e->lock);
    return r;
}

/* What of it is left in the channel has to go, too, before it counts as handed on. */
static int push(struct relay_way *w, unsigned *generation)
{
    struct relay_end *e = w->to;

    pthread_rwlock_rdlock(&e->lock);
    int r = e->generation != *generation ? -EPIPE
                                         : hepta_channel_flush(e->ch, stop_slice(HEPTA_FOREVER));
    *generation = e->generation;
    pthread_rwlock_unlock(&e->lock);
    return r;
}

static bool waits(int r)
{
    return r == -EAGAIN || r == -ETIMEDOUT || r == -EINTR;
}

/* In a FIFO, and behind a listener, there is a place to wait for somebody new. */
static bool comes_back(const struct relay_end *e)
{
    return strstr(e->kind.name, "fifo") || strstr(e->address, ",listen");
}

static int refused(struct relay_way *w, int r)
{
    if (r == -EILSEQ)
        cli_error("a message contains a newline, and %s takes lines: add ',framing=record'",
                  w->to->address);
    quit(w, r == -EILSEQ ? CLI_FAILED : channel_failed("can't send to", w->to->address, r));
    return -1;
}

/* 0: the other end has it; -1: it hasn't, and this way is over. */
static int deliver(struct relay_way *w)
{
    int64_t last = HEPTA_FOREVER;
    unsigned generation;
    bool sent = false;

    for (;;) {
        int r = sent ? push(w, &generation) : hand_on(w, &generation);
        if (r == 0 && sent)
            return 0;
        sent = sent || r == 0;
        if (last == HEPTA_FOREVER && quitting(w))
            last = hepta_in_ns(LAST_NS);
        if (last != HEPTA_FOREVER && hepta_now_ns() >= last) {
            cli_error("a message from %s could not be handed on in time", w->from->address);
            quit(w, CLI_FAILED);
            return -1;
        }
        if (r == 0 || waits(r))
            continue;
        if (!relay_lost(r))
            return refused(w, r);
        if (w->rq->once || w->to->final) {
            cli_error("%s has gone", w->to->address);
            quit(w, CLI_PEER_DIED);
            return -1;
        }
        if (comes_back(w->to)) {
            nap();
        } else {
            sent = false;
            relay_reopen(w->to, generation, w->quit, HEPTA_FOREVER);
        }
    }
}

static void acknowledge(struct relay_way *w)
{
    struct relay_end *e = w->from;

    if (!(w->msg.set & HEPTA_CHANNEL_HAS_LEASE))
        return;
    pthread_rwlock_rdlock(&e->lock);
    int r = e->ch ? hepta_channel_ack(e->ch, w->msg.lease) : 0;
    pthread_rwlock_unlock(&e->lock);
    if (r < 0 && r != -ESRCH)
        quit(w, channel_failed("can't acknowledge a message of", e->address, r));
}

void *relay_run(void *way)
{
    struct relay_way *w = way;

    while (next(w) == 1 && deliver(w) == 0) {
        acknowledge(w);
        __atomic_add_fetch(&w->messages, 1, __ATOMIC_RELAXED);
        __atomic_add_fetch(&w->bytes, w->msg.len, __ATOMIC_RELAXED);
        if (w->counted && w->rq->count && w->messages == w->rq->count)
            quit(w, CLI_OK);
    }
    __atomic_store_n(&w->over, true, __ATOMIC_RELEASE);
    return NULL;
}
