/* SPDX-License-Identifier: MIT */
/*
 * proxy.c - datagrams through a proxy that drops, doubles and reorders: what is seen is
 * exactly what it let through, and every datagram is whole
 *
 * The proxy is a process of ours on machine A, by bare system calls; what it does to the
 * i-th datagram follows from a seed, so the receiver knows what must come. All three wait
 * for each other by counters, so nothing else is ever lost: no buffer holds more than a few.
 */
#define _GNU_SOURCE
#include "lab.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define N_DATAGRAMS 600
#define MAX_OUT (2 * N_DATAGRAMS)
#define MAX_LEN 65507
#define AHEAD 4
#define TO_B 7000
#define TO_PROXY 7001

enum { READY, PROXY_READY, PROXY_GOT, RECEIVED };
enum fate { PASS, DROP, TWICE, HOLD };

static char buf[MAX_LEN + 1];

/* A held one goes after the next that passes, once or twice. Never two in hand. */
static enum fate fate_of(uint64_t seed, int i, bool held)
{
    uint64_t s = seed + (uint64_t)i * 0x9e3779b97f4a7c15ULL;
    unsigned r = (unsigned)(t_random(&s) >> 33) % 10;

    if (r < 2)
        return DROP;
    if (r < 4)
        return TWICE;
    return r < 7 && !held ? HOLD : PASS;
}

/* The numbers of the datagrams that come out, in their order. */
static int plan(uint64_t seed, int out[MAX_OUT])
{
    int n = 0, held = -1;

    for (int i = 0; i < N_DATAGRAMS; i++) {
        enum fate f = fate_of(seed, i, held >= 0);

        if (f == HOLD)
            held = i;
        if (f == DROP || f == HOLD)
            continue;
        out[n++] = i;
        if (f == TWICE)
            out[n++] = i;
        if (held >= 0)
            out[n++] = held;
        held = -1;
    }
    return n; /* one that is still held is never let go */
}

/* From empty to the largest; most need several packets on the cable. */
static size_t size_of(int i)
{
    uint64_t seed = (uint64_t)i * 31 + 7;

    return i % 40 == 0 ? 0 : i % 40 == 1 ? MAX_LEN : i % 3 ? t_random(&seed) % 1400
                                                           : t_random(&seed) % 20000;
}

static socklen_t place(struct sockaddr_storage *sa, bool v6, int host, int port)
{
    struct sockaddr_in *in = (void *)sa;
    struct sockaddr_in6 *in6 = (void *)sa;

    memset(sa, 0, sizeof(*sa));
    if (!v6) {
        in->sin_family = AF_INET;
        in->sin_port = htons((uint16_t)port);
        in->sin_addr.s_addr = htonl(0x0a4d0000u + (unsigned)host);
        return sizeof(*in);
    }
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons((uint16_t)port);
    inet_pton(AF_INET6, host == 1 ? "fd00:77::1" : "fd00:77::2", &in6->sin6_addr);
    return sizeof(*in6);
}

struct proxy {
    struct lab *lab;
    int fd;
    struct sockaddr_storage b;
    socklen_t b_len;
    long n_out;
};

static void let_go(struct proxy *p, const void *bytes, size_t len)
{
    if (sendto(p->fd, bytes, len, 0, (void *)&p->b, p->b_len) != (ssize_t)len)
        t_die("proxy: sendto: %s", strerror(errno));
    lab_await(p->lab, RECEIVED, ++p->n_out);
}

static void be_proxy(struct lab *lab, uint64_t seed)
{
    static char held[MAX_LEN];
    struct proxy p = {.lab = lab};
    struct sockaddr_storage a;
    socklen_t a_len = place(&a, lab->v6, 1, TO_PROXY);
    ssize_t held_len = -1;

    p.b_len = place(&p.b, lab->v6, 2, TO_B);
    p.fd = socket(a.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (p.fd < 0 || bind(p.fd, (void *)&a, a_len) < 0)
        t_die("proxy: bind: %s", strerror(errno));
    atomic_store(&lab->page->cell[PROXY_READY], 1);
    for (int i = 0; i < N_DATAGRAMS; i++) {
        ssize_t n = recv(p.fd, buf, sizeof(buf), 0);

        if (n != (ssize_t)size_of(i))
            t_die("proxy: datagram %d has %zd bytes, not %zu", i, n, size_of(i));
        atomic_fetch_add(&lab->page->cell[PROXY_GOT], 1);
        enum fate f = fate_of(seed, i, held_len >= 0);
        if (f == HOLD)
            memcpy(held, buf, (size_t)(held_len = n));
        if (f == DROP || f == HOLD)
            continue;
        let_go(&p, buf, (size_t)n);
        if (f == TWICE)
            let_go(&p, buf, (size_t)n);
        if (held_len >= 0)
            let_go(&p, held, (size_t)held_len);
        held_len = -1;
    }
    _exit(0);
}

#define SEED 4711u

static void proxy_a(struct lab *lab)
{
    pid_t proxy = t_fork();

    if (proxy == 0)
        be_proxy(lab, SEED + lab->v6);
    lab_await(lab, READY, 1);
    lab_await(lab, PROXY_READY, 1);
    struct hepta_sock *s = lab_connect(lab_at(lab, "udp", 'a', TO_PROXY), 0);
    for (int i = 0; i < N_DATAGRAMS; i++) {
        lab_await(lab, PROXY_GOT, i - AHEAD / 2);
        lab_fill(buf, size_of(i), (uint64_t)i);
        lab_is("send", hepta_sock_send(s, buf, size_of(i), HEPTA_FOREVER), (long)size_of(i));
    }
    lab_is("the proxy", t_reap(proxy, LAB_LONG_MS), 0);
    hepta_sock_close(s);
}

static void proxy_b(struct lab *lab)
{
    static int out[MAX_OUT];
    int n = plan(SEED + lab->v6, out), n_dropped = N_DATAGRAMS, n_late = 0;
    struct hepta_sock *s = lab_listen(lab_at(lab, "udp", 'b', TO_B), 0);
    struct iovec iov = {buf, sizeof(buf)};
    struct hepta_sock_msg msg = {.size = sizeof(msg), .iov = &iov, .n_iov = 1};

    atomic_store(&lab->page->cell[READY], 1);
    for (int i = 0; i < n; i++) {
        ssize_t len = hepta_sock_recvmsg(s, &msg, hepta_in_ms(LAB_LONG_MS));

        lab_is("a datagram's length", len, (long)size_of(out[i]));
        lab_is("flags", msg.flags, 0);
        if (!lab_same(buf, (size_t)len, (uint64_t)out[i]))
            t_die("datagram %d, which is number %d, is wrong", i, out[i]);
        if (strcmp(msg.address, lab_at(lab, "udp", 'a', TO_PROXY)) != 0)
            t_die("it comes from %s", msg.address);
        n_late += i > 0 && out[i] < out[i - 1];
        n_dropped -= i == 0 || out[i] != out[i - 1];
        atomic_fetch_add(&lab->page->cell[RECEIVED], 1);
    }
    lab_is("one too many", hepta_sock_recv(s, buf, sizeof(buf), hepta_in_ms(100)), -ETIMEDOUT);
    if (n_late < 20 || n_dropped < 20 || n <= N_DATAGRAMS - n_dropped)
        t_die("the proxy did nothing: %d late, %d dropped, %d in all", n_late, n_dropped, n);
    hepta_sock_close(s);
}

void proxy_test(bool v6)
{
    lab_run(v6, proxy_a, proxy_b);
}
