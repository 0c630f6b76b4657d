/* SPDX-License-Identifier: MIT */
/*
 * bench/unix_hepta.c - Hepta's connections in memory: stream and seqpacket
 *
 * One pair of ends carries both directions. By copying and in place; of a seqpacket each
 * verb carries one message.
 */
#include "bench/backends.h"
#include "bench/hepta_io.h"
#include "bench/message.h"

#include <hepta/sock.h>
#include <stdlib.h>

struct unix_link {
    struct hepta_sock *end[2];
    struct hepta_sock *own;
};

static void unix_close(void *link)
{
    struct unix_link *l = link;

    for (int i = 0; i < 2; i++)
        hepta_sock_close(l->end[i]);
    free(l);
}

static int open_type(void **link, const struct bench_case *c, uint32_t type)
{
    struct hepta_sock_options opt = {
        .size = sizeof(opt), .type = type, .capacity = c->capacity, .wait = hepta_wait_of(c)};
    struct unix_link *l = calloc(1, sizeof(*l));

    if (!l)
        return -ENOMEM;
    int rc = hepta_sock_pair(&l->end[0], &l->end[1], &opt);
    if (rc)
        free(l);
    else
        *link = l;
    return rc;
}

static int stream_open(void **link, const struct bench_case *c)
{
    return open_type(link, c, HEPTA_SOCK_STREAM);
}

static int seqpacket_open(void **link, const struct bench_case *c)
{
    return open_type(link, c, HEPTA_SOCK_SEQPACKET);
}

static int unix_enter(void *link, enum bench_side side)
{
    struct unix_link *l = link;

    l->own = l->end[side];
    l->end[!side] = hepta_sock_close(l->end[!side]);
    return 0;
}

static int stream_send(void *link, const void *buf, size_t len)
{
    struct unix_link *l = link;
    size_t done = 0;
    int rc = 0;

    while (done < len && !rc)
        rc = hepta_part(
            hepta_sock_send(l->own, (const char *)buf + done, len - done, HEPTA_FOREVER), &done);
    return rc;
}

static int stream_recv(void *link, void *buf, size_t len)
{
    struct unix_link *l = link;
    size_t done = 0;
    int rc = 0;

    while (done < len && !rc)
        rc = hepta_part(hepta_sock_recv(l->own, (char *)buf + done, len - done, HEPTA_FOREVER),
                        &done);
    return rc;
}

static int packet_send(void *link, const void *buf, size_t len)
{
    struct unix_link *l = link;
    ssize_t n;

    do
        n = hepta_sock_send(l->own, buf, len, HEPTA_FOREVER);
    while (hepta_again(n));
    return hepta_whole(n, len);
}

static int packet_recv(void *link, void *buf, size_t len)
{
    struct unix_link *l = link;
    ssize_t n;

    do
        n = hepta_sock_recv(l->own, buf, len, HEPTA_FOREVER);
    while (hepta_again(n));
    return hepta_whole(n, len);
}

static bool zerocopy_fits(const struct bench_case *c)
{
    return c->test == BENCH_STREAM && c->bytes >= MESSAGE_WHOLE;
}

static int unix_reserve(void *link, size_t len, void **at)
{
    struct unix_link *l = link;

    return hepta_sock_reserve(l->own, len, at, HEPTA_FOREVER);
}

static int unix_commit(void *link, size_t len)
{
    struct unix_link *l = link;

    return hepta_sock_commit(l->own, len);
}

/* Whole messages are committed and released, so at least one is there or none. */
static int unix_peek(void *link, size_t len, const void **at)
{
    struct unix_link *l = link;
    ssize_t n = hepta_sock_peek(l->own, at, HEPTA_FOREVER);

    if (n <= 0)
        return n ? (int)n : -EPIPE;
    return (size_t)n < len ? -EBADMSG : 0;
}

static int unix_release(void *link, size_t len)
{
    struct unix_link *l = link;

    return hepta_sock_release(l->own, len);
}

const struct bench_backend bench_unix_hepta = {
    .name = "hepta",
    .what = "Hepta's stream in memory",
    .open = stream_open,
    .enter = unix_enter,
    .send = stream_send,
    .recv = stream_recv,
    .close = unix_close,
};

const struct bench_backend bench_unix_seqpacket = {
    .name = "hepta-seqpacket",
    .what = "Hepta's seqpacket in memory",
    .rival = "kernel-seqpacket",
    .open = seqpacket_open,
    .enter = unix_enter,
    .send = packet_send,
    .recv = packet_recv,
    .close = unix_close,
};

const struct bench_backend bench_unix_hepta_zerocopy = {
    .name = "hepta-zerocopy",
    .what = "Hepta's stream, in place; streams of 4 KiB and more",
    .fits = zerocopy_fits,
    .open = stream_open,
    .enter = unix_enter,
    .reserve = unix_reserve,
    .commit = unix_commit,
    .peek = unix_peek,
    .release = unix_release,
    .close = unix_close,
};

const struct bench_backend bench_unix_seqpacket_zerocopy = {
    .name = "hepta-seqpacket-zerocopy",
    .what = "the same of a seqpacket",
    .rival = "kernel-seqpacket",
    .fits = zerocopy_fits,
    .open = seqpacket_open,
    .enter = unix_enter,
    .reserve = unix_reserve,
    .commit = unix_commit,
    .peek = unix_peek,
    .release = unix_release,
    .close = unix_close,
};
