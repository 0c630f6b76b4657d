/* SPDX-License-Identifier: MIT */
/*
 * pipe_room.c - the pipe's verbs on the two ends that flow.h knows
 */
#define _GNU_SOURCE
#include "pipe_room.h"

#include "pipe/pipe_internal.h"

static int pipe_make(const struct flow_case *c, void **r, void **w)
{
    struct hepta_pipe_options opt = {.size = sizeof(opt),
                                     .flags = c->flags,
                                     .capacity = c->capacity,
                                     .wait = c->adaptive ? HEPTA_WAIT_ADAPTIVE
                                                          : HEPTA_WAIT_SLEEP};
    struct hepta_pipe *ends[2];
    int rc = hepta_pipe_new(&ends[0], &ends[1], &opt);

    *r = ends[0];
    *w = ends[1];
    return rc;
}

static ssize_t pipe_write(void *w, const void *buf, size_t len, int64_t deadline)
{
    return hepta_pipe_write(w, buf, len, deadline);
}

static ssize_t pipe_read(void *r, void *buf, size_t len, int64_t deadline)
{
    return hepta_pipe_read(r, buf, len, deadline);
}

static int pipe_reserve(void *w, size_t len, void **ptr, int64_t deadline)
{
    return hepta_pipe_reserve(w, len, ptr, deadline);
}

static int pipe_commit(void *w, size_t len)
{
    return hepta_pipe_commit(w, len);
}

static ssize_t pipe_peek(void *r, const void **ptr, int64_t deadline)
{
    return hepta_pipe_peek(r, ptr, deadline);
}

static int pipe_release(void *r, size_t len)
{
    return hepta_pipe_release(r, len);
}

static int pipe_pollfd(void *end, bool reading, struct pollfd *p)
{
    (void)reading;
    *p = (struct pollfd){hepta_pipe_fd(end), POLLIN, 0};
    return p->fd < 0 ? p->fd : 0;
}

static int pipe_used(void *end, bool reading, uint64_t *n)
{
    struct hepta_pipe_stat st = {0};
    int rc = hepta_pipe_stat(end, &st, sizeof(st));

    (void)reading;
    *n = st.used;
    return rc;
}

static void *pipe_close(void *end)
{
    return hepta_pipe_close(end);
}

static int pipe_check(void *end, char *why, size_t n)
{
    return h7_pipe_check(end, why, n);
}

const struct flow_room pipe_room = {
    .name = "pipe",
    .make = pipe_make,
    .write = pipe_write,
    .read = pipe_read,
    .reserve = pipe_reserve,
    .commit = pipe_commit,
    .peek = pipe_peek,
    .release = pipe_release,
    .pollfd = pipe_pollfd,
    .used = pipe_used,
    .close = pipe_close,
    .check = pipe_check,
    .single = HEPTA_PIPE_SPSC,
    .packet = HEPTA_PIPE_PACKET,
};
