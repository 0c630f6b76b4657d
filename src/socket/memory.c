/* SPDX-License-Identifier: MIT */
/*
 * socket/memory.c - sockets in memory: not yet; each entry says so with -EOPNOTSUPP
 */
#include <errno.h>

#include "socket/socket_internal.h"

int h7_memory_listen(struct hepta_sock **out, const struct h7_sock_address *a,
                     const struct hepta_sock_options *opt, uint32_t type)
{
    (void)out, (void)a, (void)opt, (void)type;
    return -EOPNOTSUPP;
}

int h7_memory_connect(struct hepta_sock **out, const struct h7_sock_address *a,
                      const struct hepta_sock_options *opt, uint32_t type, int64_t deadline)
{
    (void)out, (void)a, (void)opt, (void)type, (void)deadline;
    return -EOPNOTSUPP;
}

int h7_memory_pair(struct hepta_sock **a, struct hepta_sock **b,
                   const struct hepta_sock_options *opt, uint32_t type)
{
    (void)a, (void)b, (void)opt, (void)type;
    return -EOPNOTSUPP;
}

int h7_memory_check(const struct hepta_sock *s, char *why, size_t n)
{
    (void)s, (void)why, (void)n;
    return 0;
}

ssize_t h7_memory_send(struct hepta_sock *s, const void *buf, size_t len, int64_t deadline)
{
    (void)s, (void)buf, (void)len, (void)deadline;
    return -EOPNOTSUPP;
}

ssize_t h7_memory_recv(struct hepta_sock *s, void *buf, size_t len, int64_t deadline)
{
    (void)s, (void)buf, (void)len, (void)deadline;
    return -EOPNOTSUPP;
}

int h7_memory_reserve(struct hepta_sock *s, size_t len, void **ptr, int64_t deadline)
{
    (void)s, (void)len, (void)ptr, (void)deadline;
    return -EOPNOTSUPP;
}

int h7_memory_commit(struct hepta_sock *s, size_t len)
{
    (void)s, (void)len;
    return -EOPNOTSUPP;
}

ssize_t h7_memory_peek(struct hepta_sock *s, const void **ptr, int64_t deadline)
{
    (void)s, (void)ptr, (void)deadline;
    return -EOPNOTSUPP;
}

int h7_memory_release(struct hepta_sock *s, size_t len)
{
    (void)s, (void)len;
    return -EOPNOTSUPP;
}

const struct h7_sock_ops h7_sock_memory_ops = {0};
