/* SPDX-License-Identifier: MIT */
/*
 * bench/fifo_hepta.c - Hepta's FIFO, which both processes open by its name
 *
 * The name lies in HEPTA_DIR as the environment says. Both open in the same order, so that
 * each open finds the other side's. Then the first side sends a greeting: when the second
 * has read it both have opened all they need, and the names can go at once. The
 * coordinator removes what is left where it didn't come to that.
 */
#include "bench/backends.h"
#include "bench/hepta_io.h"
#include "bench/message.h"

#include <hepta/fifo.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NAME_MAX_LEN 48
#define MANY_NAMES   1000 /* of killed runs with this pid, or of other PID namespaces */

struct fifo_link {
    char name[2][NAME_MAX_LEN]; /* "": none */
    struct hepta_fifo *in, *out;
    struct bench_case on;
};

static void remove_names(const struct fifo_link *l)
{
    for (int i = 0; i < 2; i++)
        if (l->name[i][0])
            hepta_fifo_unlink(l->name[i]);
}

static void fifo_close(void *link)
{
    struct fifo_link *l = link;

    remove_names(l);
    hepta_fifo_close(l->in);
    hepta_fifo_close(l->out);
    free(l);
}

static int make(char name[NAME_MAX_LEN], const struct bench_case *c)
{
    struct hepta_fifo_options opt = {.size = sizeof(opt), .capacity = c->capacity};
    int rc = -EEXIST;

    for (int i = 0; i < MANY_NAMES && rc == -EEXIST; i++) {
        snprintf(name, NAME_MAX_LEN, "/hepta-bench.%d.%d", (int)getpid(), i);
        rc = hepta_fifo_make(name, 0600, &opt);
    }
    if (rc)
        name[0] = 0;
    return rc;
}

static int fifo_open(void **link, const struct bench_case *c)
{
    struct fifo_link *l = calloc(1, sizeof(*l));

    if (!l)
        return -ENOMEM;
    l->on = *c;
    int rc = make(l->name[0], c);
    if (!rc && c->test == BENCH_PINGPONG)
        rc = make(l->name[1], c);
    if (rc)
        fifo_close(l);
    else
        *link = l;
    return rc;
}

static int fifo_send(void *link, const void *buf, size_t len)
{
    struct fifo_link *l = link;
    size_t done = 0;
    int rc = 0;

    while (done < len && !rc)
        rc = hepta_part(
            hepta_fifo_write(l->out, (const char *)buf + done, len - done, HEPTA_FOREVER), &done);
    return rc;
}

static int fifo_recv(void *link, void *buf, size_t len)
{
    struct fifo_link *l = link;
    size_t done = 0;
    int rc = 0;

    while (done < len && !rc)
        rc = hepta_part(hepta_fifo_read(l->in, (char *)buf + done, len - done, HEPTA_FOREVER),
                        &done);
    return rc;
}

static int open_end(struct fifo_link *l, int i, uint32_t access)
{
    struct hepta_fifo_options opt = {.size = sizeof(opt), .wait = hepta_wait_of(&l->on)};
    struct hepta_fifo **end = access == HEPTA_FIFO_READ ? &l->in : &l->out;
    int rc;

    do
        rc = hepta_fifo_open(end, l->name[i], access, &opt, HEPTA_FOREVER);
    while (rc == -EINTR);
    return rc;
}

/* The first side writes FIFO 0 and reads FIFO 1, the second the other way round. */
static int fifo_enter(void *link, enum bench_side side)
{
    struct fifo_link *l = link;
    bool first = side == BENCH_FIRST;
    static char greeting[HEPTA_PIPE_BUF]; /* a page: what follows is aligned as in a new pipe */
    int rc = open_end(l, 0, first ? HEPTA_FIFO_WRITE : HEPTA_FIFO_READ);

    if (!rc && l->on.test == BENCH_PINGPONG)
        rc = open_end(l, 1, first ? HEPTA_FIFO_READ : HEPTA_FIFO_WRITE);
    if (!rc)
        rc = first ? fifo_send(l, greeting, sizeof(greeting))
                   : fifo_recv(l, greeting, sizeof(greeting));
    if (!rc && !first)
        remove_names(l);
    return rc;
}

static bool zerocopy_fits(const struct bench_case *c)
{
    return c->test == BENCH_STREAM && c->bytes >= MESSAGE_WHOLE && c->bytes <= c->capacity;
}

static int fifo_reserve(void *link, size_t len, void **at)
{
    struct fifo_link *l = link;

    return hepta_fifo_reserve(l->out, len, at, HEPTA_FOREVER);
}

static int fifo_commit(void *link, size_t len)
{
    struct fifo_link *l = link;

    return hepta_fifo_commit(l->out, len);
}

/* Whole messages are committed and released, so at least one is there or none. */
static int fifo_peek(void *link, size_t len, const void **at)
{
    struct fifo_link *l = link;
    ssize_t n = hepta_fifo_peek(l->in, at, HEPTA_FOREVER);

    if (n <= 0)
        return n ? (int)n : -EPIPE;
    return (size_t)n < len ? -EBADMSG : 0;
}

static int fifo_release(void *link, size_t len)
{
    struct fifo_link *l = link;

    return hepta_fifo_release(l->in, len);
}

const struct bench_backend bench_fifo_hepta = {
    .name = "hepta",
    .what = "Hepta's FIFO",
    .named = true,
    .open = fifo_open,
    .enter = fifo_enter,
    .send = fifo_send,
    .recv = fifo_recv,
    .close = fifo_close,
};

const struct bench_backend bench_fifo_hepta_zerocopy = {
    .name = "hepta-zerocopy",
    .what = "Hepta's FIFO, reserve/commit and peek/release; streams of 4 KiB and more",
    .named = true,
    .fits = zerocopy_fits,
    .open = fifo_open,
    .enter = fifo_enter,
    .reserve = fifo_reserve,
    .commit = fifo_commit,
    .peek = fifo_peek,
    .release = fifo_release,
    .close = fifo_close,
};
