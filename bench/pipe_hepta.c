/* SPDX-License-Identifier: MIT */
/*
 * bench/pipe_hepta.c - Hepta's pipe: by copying and in place, with locks and without
 *
 * Four back ends of one set of functions; they differ in the flag of the pipe and in
 * which verbs the loop is given. One more shows the pipe beside the FIFO.
 */
#include "bench/backends.h"
#include "bench/hepta_io.h"
#include "bench/message.h"

#include <hepta/pipe.h>
#include <stdlib.h>

struct hepta_link {
    struct hepta_pipe *reader[2], *writer[2]; /* one pipe each way */
    struct hepta_pipe *in, *out;
};

static void link_close(void *link)
{
    struct hepta_link *l = link;

    for (int i = 0; i < 2; i++) {
        hepta_pipe_close(l->reader[i]);
        hepta_pipe_close(l->writer[i]);
    }
    free(l);
}

static int link_open(void **link, const struct bench_case *c, uint32_t flags)
{
    struct hepta_pipe_options opt = {.size = sizeof(opt),
                                     .flags = flags,
                                     .capacity = c->capacity,
                                     .wait = hepta_wait_of(c)};
    struct hepta_link *l = calloc(1, sizeof(*l));

    if (!l)
        return -ENOMEM;
    int rc = hepta_pipe_new(&l->reader[0], &l->writer[0], &opt);
    if (!rc && c->test == BENCH_PINGPONG)
        rc = hepta_pipe_new(&l->reader[1], &l->writer[1], &opt);
    if (rc)
        link_close(l);
    else
        *link = l;
    return rc;
}

static int locked_open(void **link, const struct bench_case *c)
{
    return link_open(link, c, 0);
}

static int spsc_open(void **link, const struct bench_case *c)
{
    return link_open(link, c, HEPTA_PIPE_SPSC);
}

/* The first side writes pipe 0 and reads pipe 1, the second the other way round. */
static int link_enter(void *link, enum bench_side side)
{
    struct hepta_link *l = link;
    int to = side == BENCH_FIRST ? 0 : 1;

    l->out = l->writer[to];
    l->in = l->reader[!to];
    l->reader[to] = hepta_pipe_close(l->reader[to]);
    l->writer[!to] = hepta_pipe_close(l->writer[!to]);
    return 0;
}

static int link_send(void *link, const void *buf, size_t len)
{
    struct hepta_link *l = link;
    size_t done = 0;
    int rc = 0;

    while (done < len && !rc)
        rc = hepta_part(
            hepta_pipe_write(l->out, (const char *)buf + done, len - done, HEPTA_FOREVER), &done);
    return rc;
}

static int link_recv(void *link, void *buf, size_t len)
{
    struct hepta_link *l = link;
    size_t done = 0;
    int rc = 0;

    while (done < len && !rc)
        rc = hepta_part(hepta_pipe_read(l->in, (char *)buf + done, len - done, HEPTA_FOREVER),
                        &done);
    return rc;
}

static bool zerocopy_fits(const struct bench_case *c)
{
    return c->test == BENCH_STREAM && c->bytes >= MESSAGE_WHOLE && c->bytes <= c->capacity;
}

static int link_reserve(void *link, size_t len, void **at)
{
    struct hepta_link *l = link;

    return hepta_pipe_reserve(l->out, len, at, HEPTA_FOREVER);
}

static int link_commit(void *link, size_t len)
{
    struct hepta_link *l = link;

    return hepta_pipe_commit(l->out, len);
}

/* Whole messages are committed and released, so at least one is there or none. */
static int link_peek(void *link, size_t len, const void **at)
{
    struct hepta_link *l = link;
    ssize_t n = hepta_pipe_peek(l->in, at, HEPTA_FOREVER);

    if (n < 0)
        return (int)n;
    if (n == 0)
        return -EPIPE;
    return (size_t)n < len ? -EBADMSG : 0;
}

static int link_release(void *link, size_t len)
{
    struct hepta_link *l = link;

    return hepta_pipe_release(l->in, len);
}

const struct bench_backend bench_pipe_hepta = {
    .name = "hepta",
    .what = "Hepta's pipe as it comes: any number of writers and readers",
    .open = locked_open,
    .enter = link_enter,
    .send = link_send,
    .recv = link_recv,
    .close = link_close,
};

/* Beside the FIFO, whose data path is the pipe's. */
const struct bench_backend bench_fifo_pipe = {
    .name = "hepta-pipe",
    .what = "Hepta's pipe, the same without a name",
    .open = locked_open,
    .enter = link_enter,
    .send = link_send,
    .recv = link_recv,
    .close = link_close,
};

const struct bench_backend bench_pipe_spsc = {
    .name = "hepta-spsc",
    .what = "Hepta's pipe for one writer and one reader (HEPTA_PIPE_SPSC)",
    .open = spsc_open,
    .enter = link_enter,
    .send = link_send,
    .recv = link_recv,
    .close = link_close,
};

const struct bench_backend bench_pipe_hepta_zerocopy = {
    .name = "hepta-zerocopy",
    .what = "Hepta's pipe, reserve/commit and peek/release; streams of 4 KiB and more",
    .fits = zerocopy_fits,
    .open = locked_open,
    .enter = link_enter,
    .reserve = link_reserve,
    .commit = link_commit,
    .peek = link_peek,
    .release = link_release,
    .close = link_close,
};

const struct bench_backend bench_pipe_spsc_zerocopy = {
    .name = "hepta-spsc-zerocopy",
    .what = "the same for one writer and one reader (HEPTA_PIPE_SPSC)",
    .fits = zerocopy_fits,
    .open = spsc_open,
    .enter = link_enter,
    .reserve = link_reserve,
    .commit = link_commit,
    .peek = link_peek,
    .release = link_release,
    .close = link_close,
};
