/* SPDX-License-Identifier: MIT */
/*
 * bench/inet_hepta.c - TCP and UDP over 127.0.0.1 through Hepta's handles
 *
 * Hepta adds nothing to the kernel's sockets here but its verbs, which is what is measured:
 * the same work as in inet_kernel.c. One blocking call in sleep and adaptive; in busy one
 * that doesn't block, tried again at once.
 */
#include "bench/backends.h"
#include "bench/hepta_io.h"
#include "bench/inet.h"

#include <hepta/sock.h>
#include <stdlib.h>
#include <string.h>

struct inet_link {
    struct hepta_sock *end[2];
    struct hepta_sock *own;
    int64_t deadline;
    struct inet_window window;
};

static void inet_close(void *link)
{
    struct inet_link *l = link;

    for (int i = 0; i < 2; i++)
        hepta_sock_close(l->end[i]);
    free(l);
}

static struct inet_link *inet_new(const struct bench_case *c)
{
    struct inet_link *l = calloc(1, sizeof(*l));

    if (l)
        l->deadline = c->mode == BENCH_BUSY ? HEPTA_NOW : HEPTA_FOREVER;
    return l;
}

static int address_of(struct hepta_sock *s, char text[HEPTA_SOCK_ADDRESS_MAX])
{
    struct hepta_sock_stat st;
    int rc = hepta_sock_stat(s, &st, sizeof(st));

    if (!rc)
        memcpy(text, st.local, HEPTA_SOCK_ADDRESS_MAX);
    return rc;
}

static int tcp_open(void **link, const struct bench_case *c)
{
    struct hepta_sock_options opt = {
        .size = sizeof(opt), .flags = HEPTA_SOCK_NODELAY, .wait = hepta_wait_of(c)};
    struct inet_link *l = inet_new(c);
    struct hepta_sock *listener = NULL;
    char at[HEPTA_SOCK_ADDRESS_MAX];

    if (!l)
        return -ENOMEM;
    int rc = hepta_sock_listen(&listener, "tcp:127.0.0.1:0", &opt);
    if (!rc)
        rc = address_of(listener, at);
    if (!rc)
        rc = hepta_sock_connect(&l->end[0], at, &opt, HEPTA_FOREVER);
    if (!rc)
        rc = hepta_sock_accept(listener, &l->end[1], HEPTA_FOREVER);
    hepta_sock_close(listener);
    if (rc)
        inet_close(l);
    else
        *link = l;
    return rc;
}

/* A port must be known before the other end can connect to it: the first end only finds one,
 * and is made anew when the second has connected. */
static int udp_connect(struct inet_link *l, struct hepta_sock_options *opt)
{
    char at[2][HEPTA_SOCK_ADDRESS_MAX];
    int rc = hepta_sock_listen(&l->end[0], "udp:127.0.0.1:0", opt);

    if (!rc)
        rc = address_of(l->end[0], at[0]);
    if (!rc)
        rc = hepta_sock_connect(&l->end[1], at[0], opt, HEPTA_FOREVER);
    if (!rc)
        rc = address_of(l->end[1], at[1]);
    l->end[0] = hepta_sock_close(l->end[0]);
    opt->local = at[0];
    if (!rc)
        rc = hepta_sock_connect(&l->end[0], at[1], opt, HEPTA_FOREVER);
    return rc;
}

static int udp_window(struct inet_link *l, const struct bench_case *c)
{
    struct pollfd p;
    int rc = 0;

    for (int i = 0; i < 2 && !rc; i++) {
        rc = hepta_sock_pollfd(l->end[i], POLLIN, &p);
        if (!rc)
            rc = inet_window_init(&l->window, p.fd, c);
    }
    return rc;
}

static int udp_open(void **link, const struct bench_case *c)
{
    struct hepta_sock_options opt = {.size = sizeof(opt), .wait = hepta_wait_of(c)};
    struct inet_link *l = inet_new(c);

    if (!l)
        return -ENOMEM;
    int rc = udp_connect(l, &opt);
    if (!rc)
        rc = udp_window(l, c);
    if (rc)
        inet_close(l);
    else
        *link = l;
    return rc;
}

static int inet_enter(void *link, enum bench_side side)
{
    struct inet_link *l = link;

    l->own = l->end[side];
    l->end[!side] = hepta_sock_close(l->end[!side]);
    return 0;
}

static int tcp_send(void *link, const void *buf, size_t len)
{
    struct inet_link *l = link;
    size_t done = 0;
    int rc = 0;

    while (done < len && !rc)
        rc = hepta_part(hepta_sock_send(l->own, (const char *)buf + done, len - done, l->deadline),
                        &done);
    return rc;
}

static int tcp_recv(void *link, void *buf, size_t len)
{
    struct inet_link *l = link;
    size_t done = 0;
    int rc = 0;

    while (done < len && !rc)
        rc =
            hepta_part(hepta_sock_recv(l->own, (char *)buf + done, len - done, l->deadline), &done);
    return rc;
}

static bool udp_fits(const struct bench_case *c)
{
    return c->bytes <= INET_UDP_MAX;
}

static int datagram_send(struct inet_link *l, const void *buf, size_t len)
{
    ssize_t n;

    do
        n = hepta_sock_send(l->own, buf, len, l->deadline);
    while (hepta_again(n));
    return hepta_whole(n, len);
}

static int datagram_recv(struct inet_link *l, void *buf, size_t len)
{
    ssize_t n;

    do
        n = hepta_sock_recv(l->own, buf, len, l->deadline);
    while (hepta_again(n));
    return hepta_whole(n, len);
}

static int udp_send(void *link, const void *buf, size_t len)
{
    struct inet_link *l = link;
    char ack[INET_ACK_BYTES];

    while (inet_window_full(&l->window)) {
        int rc = datagram_recv(l, ack, sizeof(ack));
        if (rc)
            return rc;
        inet_window_acked(&l->window);
    }
    l->window.sent++;
    return datagram_send(l, buf, len);
}

static int udp_recv(void *link, void *buf, size_t len)
{
    struct inet_link *l = link;
    static const char ack[INET_ACK_BYTES];
    int rc = datagram_recv(l, buf, len);

    if (rc || !inet_window_due(&l->window))
        return rc;
    return datagram_send(l, ack, sizeof(ack));
}

const struct bench_backend bench_tcp_hepta = {
    .name = "hepta",
    .what = "Hepta's handle of a TCP connection",
    .open = tcp_open,
    .enter = inet_enter,
    .send = tcp_send,
    .recv = tcp_recv,
    .close = inet_close,
};

const struct bench_backend bench_udp_hepta = {
    .name = "hepta",
    .what = "Hepta's handle of a UDP socket; messages up to 65,507 bytes",
    .fits = udp_fits,
    .open = udp_open,
    .enter = inet_enter,
    .send = udp_send,
    .recv = udp_recv,
    .close = inet_close,
};
