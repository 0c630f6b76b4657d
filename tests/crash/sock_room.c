/* SPDX-License-Identifier: MIT */
/*
 * sock_room.c - a pair of sockets on the two ends that flow.h knows
 */
#define _GNU_SOURCE
#include "sock_room.h"

#include "socket/memory.h"

static int sock_make(const struct flow_case *c, void **r, void **w)
{
    struct hepta_sock_options opt = {.size = sizeof(opt),
                                     .type = c->flags,
                                     .capacity = c->capacity,
                                     .wait = c->adaptive ? HEPTA_WAIT_ADAPTIVE
                                                          : HEPTA_WAIT_SLEEP};
    struct hepta_sock *a, *b;
    int rc = hepta_sock_pair(&a, &b, &opt);

    *w = a;
    *r = b;
    return rc;
}

static ssize_t sock_write(void *w, const void *buf, size_t len, int64_t deadline)
{
    return hepta_sock_send(w, buf, len, deadline);
}

static ssize_t sock_read(void *r, void *buf, size_t len, int64_t deadline)
{
    return hepta_sock_recv(r, buf, len, deadline);
}

static void cut(struct iovec iov[3], void *buf, size_t len)
{
    size_t part = len / 3;

    iov[0] = (struct iovec){buf, part};
    iov[1] = (struct iovec){(char *)buf + part, part};
    iov[2] = (struct iovec){(char *)buf + 2 * part, len - 2 * part};
}

static ssize_t sock_write_parts(void *w, const void *buf, size_t len, int64_t deadline)
{
    struct iovec iov[3];
    struct hepta_sock_msg msg = {.size = sizeof(msg), .iov = iov, .n_iov = 3};

    cut(iov, (void *)(uintptr_t)buf, len);
    return hepta_sock_sendmsg(w, &msg, deadline);
}

static ssize_t sock_read_parts(void *r, void *buf, size_t len, int64_t deadline)
{
    struct iovec iov[3];
    struct hepta_sock_msg msg = {.size = sizeof(msg), .iov = iov, .n_iov = 3};

    cut(iov, buf, len);
    return hepta_sock_recvmsg(r, &msg, deadline);
}

static int sock_reserve(void *w, size_t len, void **ptr, int64_t deadline)
{
    return hepta_sock_reserve(w, len, ptr, deadline);
}

static int sock_commit(void *w, size_t len)
{
    return hepta_sock_commit(w, len);
}

static ssize_t sock_peek(void *r, const void **ptr, int64_t deadline)
{
    return hepta_sock_peek(r, ptr, deadline);
}

static int sock_release(void *r, size_t len)
{
    return hepta_sock_release(r, len);
}

static int sock_pollfd(void *end, bool reading, struct pollfd *p)
{
    return hepta_sock_pollfd(end, reading ? POLLIN : POLLOUT, p);
}

static int sock_used(void *end, bool reading, uint64_t *n)
{
    struct hepta_sock_stat st = {0};
    int rc = hepta_sock_stat(end, &st, sizeof(st));

    *n = reading ? st.to_read : st.to_send;
    return rc;
}

static void *sock_close(void *end)
{
    return hepta_sock_close(end);
}

int sock_check(void *end, char *why, size_t n)
{
    const struct hepta_sock *s = end;
    int rc = h7_conduit_check(&s->memory->out, why, n);

    return rc < 0 ? rc : h7_conduit_check(&s->memory->in, why, n);
}

void sock_warm_up(void)
{
    struct hepta_sock *a, *b;

    if (hepta_sock_pair(&a, &b, NULL) < 0)
        return;
    hepta_sock_close(a);
    hepta_sock_close(b);
}

const struct flow_room sock_room = {
    .name = "connection",
    .make = sock_make,
    .write = sock_write,
    .read = sock_read,
    .write_parts = sock_write_parts,
    .read_parts = sock_read_parts,
    .reserve = sock_reserve,
    .commit = sock_commit,
    .peek = sock_peek,
    .release = sock_release,
    .pollfd = sock_pollfd,
    .used = sock_used,
    .close = sock_close,
    .check = sock_check,
    .packet = HEPTA_SOCK_SEQPACKET,
};
