/* SPDX-License-Identifier: MIT */
/*
 * pipe_room.c - the pipe's back ends, groups of cases, and the short forms cases use
 */
#define _GNU_SOURCE
#include "pipe_room.h"

#include <errno.h>
#include <poll.h>

#define ANY_PIPE (NEEDS_EXPORT | NEEDS_ONE_CALL)

static const struct conf_backend backends[] = {
    {"kernel", CONF_KERNEL, ANY_PIPE | NEEDS_MANY, &pipe_kernel_ops},
    {"hepta", CONF_HEPTA, ANY_PIPE | NEEDS_MANY | NEEDS_HEPTA, &pipe_hepta_ops},
    {"hepta-spsc", CONF_HEPTA, ANY_PIPE | NEEDS_HEPTA, &pipe_hepta_spsc_ops},
    {0},
};

static const struct conf_case *const groups[] = {
    pipe_data_cases,   pipe_readers_cases, pipe_block_cases,    pipe_atomic_cases,
    pipe_eof_cases,    pipe_epipe_cases,   pipe_poll_cases,     pipe_poll_many_cases,
    pipe_fork_cases,   pipe_exec_cases,    pipe_capacity_cases, pipe_packet_cases,
    pipe_signal_cases, pipe_restart_cases, pipe_error_cases,    pipe_context_cases,
    pipe_deadline_cases, pipe_place_cases, NULL,
};

const struct conf_room pipe_room = {.name = "pipe", .backends = backends, .groups = groups};

#define BREAK_OFF_MS 5000

static unsigned char bytes[MAX_PUT];

static unsigned char byte_at(uint64_t pos)
{
    return (unsigned char)(pos ^ pos >> 8 ^ pos >> 16);
}

void make_as(struct conf *c, struct pipe_pair *p, unsigned flags, size_t capacity)
{
    struct pipe_want want = {flags, capacity};

    *p = (struct pipe_pair){0};
    EQ(c, ops(c)->make(&p->r, &p->w, &want), 0);
}

void make(struct conf *c, struct pipe_pair *p)
{
    make_as(c, p, 0, 0);
}

void close_r(struct conf *c, struct pipe_pair *p)
{
    ops(c)->close(p->r);
    p->r = NULL;
}

void close_w(struct conf *c, struct pipe_pair *p)
{
    ops(c)->close(p->w);
    p->w = NULL;
}

void close_both(struct conf *c, struct pipe_pair *p)
{
    close_w(c, p);
    close_r(c, p);
}

ssize_t put(struct conf *c, struct pipe_pair *p, size_t len, int64_t deadline)
{
    OK(c, len <= MAX_PUT);
    for (size_t i = 0; i < len; i++)
        bytes[i] = byte_at(p->n_put + i);
    ssize_t n = ops(c)->write(p->w, bytes, len, deadline);
    OK(c, n <= (ssize_t)len);
    if (n > 0)
        p->n_put += (size_t)n;
    return n;
}

ssize_t get(struct conf *c, struct pipe_pair *p, size_t len, int64_t deadline)
{
    OK(c, len <= MAX_PUT);
    ssize_t n = ops(c)->read(p->r, bytes, len, deadline);
    OK(c, n <= (ssize_t)len);
    for (ssize_t i = 0; i < n; i++)
        if (bytes[i] != byte_at(p->n_got++))
            conf_fail(c, "byte %llu is wrong", (unsigned long long)p->n_got - 1);
    return n;
}

void get_all(struct conf *c, struct pipe_pair *p, size_t len)
{
    while (len > 0) {
        ssize_t n = get(c, p, len < MAX_PUT ? len : MAX_PUT, HEPTA_FOREVER);

        OK(c, n > 0);
        len -= (size_t)n;
    }
}

size_t fill(struct conf *c, struct pipe_pair *p)
{
    size_t total = 0;
    ssize_t n;

    while ((n = put(c, p, ATOMIC, HEPTA_NOW)) == ATOMIC)
        total += ATOMIC;
    EQ(c, n, -EAGAIN);
    return total;
}

size_t used(struct conf *c, struct pipe_pair *p)
{
    struct pipe_seen seen = {0};

    EQ(c, ops(c)->see(p->r ? p->r : p->w, &seen), 0);
    return seen.used;
}

ssize_t put_after(struct conf *c, struct pipe_pair *p, size_t len, int i)
{
    conf_set(c, i, 1);
    return put(c, p, len, HEPTA_FOREVER);
}

ssize_t get_after(struct conf *c, struct pipe_pair *p, size_t len, int i)
{
    conf_set(c, i, 1);
    return get(c, p, len, HEPTA_FOREVER);
}

pid_t caller(struct conf *c, struct pipe_pair *p, bool reading, size_t len, int flags,
             int64_t deadline)
{
    conf_set(c, CALLING, 0);
    conf_set(c, RETURNED, 0);
    pid_t child = conf_fork(c);
    if (child == 0) {
        conf_handle(c, SIGUSR1, flags);
        conf_set(c, CALLING, 1);
        conf_set(c, RESULT, reading ? get(c, p, len, deadline) : put(c, p, len, deadline));
        conf_set(c, RETURNED, 1);
        conf_exit();
    }
    conf_asleep_after(c, child, CALLING);
    return child;
}

void interrupt(struct conf *c, pid_t child)
{
    int before = atomic_load(&c->share->n_signals);

    kill(child, SIGUSR1);
    while (atomic_load(&c->share->n_signals) == before)
        conf_pause_ms(1);
}

void break_off(struct conf *c, pid_t child)
{
    interrupt(c, child);
    for (int ms = 0; !conf_get(c, RETURNED); ms++) {
        if (ms % 50 == 49 && conf_side(c) == CONF_HEPTA)
            kill(child, SIGUSR1);
        if (ms > BREAK_OFF_MS)
            conf_fail(c, "a handler didn't break off the wait");
        conf_pause_ms(1);
    }
}

void ends_with(struct conf *c, pid_t child, ssize_t result)
{
    conf_await(c, RETURNED, 1);
    EQ(c, conf_get(c, RESULT), result);
    conf_join(c, child);
}

void still_waits(struct conf *c, pid_t child)
{
    conf_pause_ms(2);
    if (conf_get(c, RETURNED))
        conf_fail(c, "a call returned %ld that had to wait on", conf_get(c, RESULT));
    conf_asleep(c, child);
    EQ(c, conf_get(c, RETURNED), 0);
}

int poll_end(struct conf *c, struct pend *end, short events, int ms)
{
    struct pollfd f = {.fd = ops(c)->fd(end), .events = events};

    OK(c, f.fd >= 0);
    int n = poll(&f, 1, ms);
    OK(c, n >= 0);
    return n > 0 ? f.revents : 0;
}

static bool early(const struct conf *c, ssize_t res)
{
    return res == -EAGAIN && conf_side(c) == CONF_HEPTA;
}

ssize_t get_ready(struct conf *c, struct pipe_pair *p, size_t len)
{
    ssize_t n;

    do {
        OK(c, poll_end(c, p->r, ops(c)->r_ready, LONG_MS) & ops(c)->r_ready);
        n = get(c, p, len, NOW);
    } while (early(c, n));
    return n;
}

ssize_t put_ready(struct conf *c, struct pipe_pair *p, size_t len)
{
    ssize_t n;

    do {
        OK(c, poll_end(c, p->w, ops(c)->w_ready, LONG_MS) & ops(c)->w_ready);
        n = put(c, p, len, NOW);
    } while (early(c, n));
    return n;
}

bool r_ready(struct conf *c, struct pipe_pair *p)
{
    return poll_end(c, p->r, ops(c)->r_ready, 0) & ops(c)->r_ready;
}

bool w_ready(struct conf *c, struct pipe_pair *p)
{
    return poll_end(c, p->w, ops(c)->w_ready, 0) & ops(c)->w_ready;
}
