/* SPDX-License-Identifier: MIT */
/*
 * unix_steps.c - the short forms of unix_room.h for data and for waiting
 */
#define _GNU_SOURCE
#include "unix_room.h"

#include <errno.h>
#include <string.h>

#define BREAK_OFF_MS 5000

static unsigned char bytes[MAX_GIVE];

/* The sequences of the two directions differ. */
static unsigned char byte_of(int dir, uint64_t pos)
{
    return (unsigned char)(pos ^ pos >> 8 ^ pos >> 16 ^ (dir ? 0xa5 : 0));
}

static ssize_t send_to(struct conf *c, struct usock *s, const char *address, const void *buf,
                       size_t len, int64_t deadline)
{
    struct iovec iov = {(void *)buf, len};
    struct hepta_sock_msg m = {.size = sizeof(m), .iov = &iov, .n_iov = 1};

    strcpy(m.address, address);
    return uops(c)->sendmsg(s, &m, deadline);
}

ssize_t give(struct conf *c, struct two *t, struct usock *s, size_t len, int64_t deadline)
{
    int dir = s == t->a ? 0 : 1;

    OK(c, len <= MAX_GIVE);
    for (size_t i = 0; i < len; i++)
        bytes[i] = byte_of(dir, t->n_given[dir] + i);
    ssize_t n = dir == 1 && t->to_a ? send_to(c, s, t->to_a, bytes, len, deadline)
                                    : uops(c)->send(s, bytes, len, deadline);
    OK(c, n <= (ssize_t)len);
    if (n > 0)
        t->n_given[dir] += (uint64_t)n;
    return n;
}

ssize_t take(struct conf *c, struct two *t, struct usock *s, size_t len, int64_t deadline)
{
    int dir = s == t->a ? 1 : 0;

    OK(c, len <= MAX_GIVE);
    ssize_t n = uops(c)->recv(s, bytes, len, deadline);
    OK(c, n <= (ssize_t)len);
    for (ssize_t i = 0; i < n; i++)
        if (bytes[i] != byte_of(dir, t->n_taken[dir]++))
            conf_fail(c, "byte %llu is wrong", (unsigned long long)t->n_taken[dir] - 1);
    return n;
}

void take_all(struct conf *c, struct two *t, struct usock *s, size_t len)
{
    while (len > 0) {
        ssize_t n = take(c, t, s, len < MAX_GIVE ? len : MAX_GIVE, EVER);

        OK(c, n > 0);
        len -= (size_t)n;
    }
}

size_t fill_up(struct conf *c, struct two *t, struct usock *s, size_t len)
{
    size_t total = 0;
    ssize_t n;

    while ((n = give(c, t, s, len, NOW)) > 0)
        total += (size_t)n;
    EQ(c, n, -EAGAIN);
    return total;
}

void say(struct conf *c, struct usock *s, const char *text)
{
    EQ(c, uops(c)->send(s, text, strlen(text), EVER), strlen(text));
}

void hear(struct conf *c, struct usock *s, const char *text)
{
    char buf[256] = "";

    EQ(c, uops(c)->recv(s, buf, sizeof(buf) - 1, EVER), strlen(text));
    OK(c, strcmp(buf, text) == 0);
}

ssize_t recv_into(struct conf *c, struct usock *s, struct hepta_sock_msg *m, void *buf, size_t len,
                  int64_t deadline)
{
    struct iovec iov = {buf, len};
    int *fds = m->fds;
    uint32_t max_fds = m->max_fds;

    *m = (struct hepta_sock_msg){.size = sizeof(*m), .iov = &iov, .n_iov = 1, .fds = fds,
                                 .max_fds = max_fds};
    ssize_t n = uops(c)->recvmsg(s, m, deadline);
    m->iov = NULL;
    return n;
}

static ssize_t one_call(struct conf *c, struct two *t, enum what what, size_t len,
                        const char *address, int64_t deadline)
{
    struct hepta_sock_options opt = options(c);
    struct usock *s = NULL;

    switch (what) {
    case W_RECV:
        return take(c, t, t->a, len, deadline);
    case W_SEND:
        return give(c, t, t->a, len, deadline);
    case W_ACCEPT:
        return uops(c)->accept(t->a, &s, deadline);
    default:
        return uops(c)->connect(&s, address, &opt, deadline);
    }
}

pid_t waiter(struct conf *c, struct two *t, enum what what, size_t len, const char *address,
             int flags, int64_t deadline)
{
    conf_set(c, W_CALLING, 0);
    conf_set(c, W_RETURNED, 0);
    pid_t child = conf_fork(c);
    if (child == 0) {
        conf_handle(c, SIGUSR1, flags);
        conf_set(c, W_CALLING, 1);
        conf_set(c, W_RESULT, one_call(c, t, what, len, address, deadline));
        conf_set(c, W_RETURNED, 1);
        conf_exit();
    }
    conf_asleep_after(c, child, W_CALLING);
    return child;
}

void wake_by_signal(struct conf *c, pid_t child)
{
    int before = atomic_load(&c->share->n_signals);

    kill(child, SIGUSR1);
    while (atomic_load(&c->share->n_signals) == before)
        conf_pause_ms(1);
}

void end_by_signal(struct conf *c, pid_t child)
{
    wake_by_signal(c, child);
    for (int ms = 0; !conf_get(c, W_RETURNED); ms++) {
        if (ms % 50 == 49 && c->be->side == CONF_HEPTA)
            kill(child, SIGUSR1);
        if (ms > BREAK_OFF_MS)
            conf_fail(c, "a handler didn't break off the wait");
        conf_pause_ms(1);
    }
}

void returned(struct conf *c, pid_t child, ssize_t result)
{
    conf_await(c, W_RETURNED, 1);
    EQ(c, conf_get(c, W_RESULT), result);
    conf_join(c, child);
}

void sleeps_on(struct conf *c, pid_t child)
{
    conf_pause_ms(2);
    if (conf_get(c, W_RETURNED))
        conf_fail(c, "a call returned %ld that had to wait on", conf_get(c, W_RESULT));
    conf_asleep(c, child);
    EQ(c, conf_get(c, W_RETURNED), 0);
}

short poll_for(struct conf *c, struct usock *s, short want, int ms)
{
    struct pollfd p;

    EQ(c, uops(c)->pollfd(s, want, &p), 0);
    OK(c, p.fd >= 0);
    int n = poll(&p, 1, ms);
    OK(c, n >= 0);
    if (n == 0)
        return 0;
    /* In memory "room" can show as POLLIN: say what was asked for. */
    return (short)((p.revents & p.events ? want : 0) | (p.revents & ~p.events));
}

bool can(struct conf *c, struct usock *s, short want)
{
    return poll_for(c, s, want, 0) & want;
}
