/* SPDX-License-Identifier: MIT */
/*
 * leaks.c - every way in which listen, connect and accept fail, many times: no descriptor, no
 * mapping, no file is left, and the socket that was asked for is NULL
 */
#define _GNU_SOURCE
#include "enter.h"

#include <errno.h>
#include <hepta/sock.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define N_TIMES 20
#define N_MORE 12 /* descriptors that any of it needs, and some more */
#define LIMIT_S 60
#define LONG_MS 10000
#define ANY 1 /* whatever error it is */

static int n_passed, n_failed;
static struct hepta_sock *const poison = (void *)&n_passed;

enum verb { LISTEN, CONNECT };

struct failure {
    enum verb verb;
    const char *address;
    int want;
    struct hepta_sock_options opt; /* size is filled in */
    int ms;                        /* of the deadline; 0: LONG_MS, -1: NOW */
};

static const struct failure failures[] = {
    {LISTEN, "tcp:127.0.0.1:7000", -EADDRINUSE, {0}, 0},
    {LISTEN, "tcp:192.0.2.1:0", -EADDRNOTAVAIL, {0}, 0},
    {LISTEN, "tcp:[2001:db8::1]:0", -EADDRNOTAVAIL, {0}, 0},
    {LISTEN, "udp:192.0.2.1:0", -EADDRNOTAVAIL, {0}, 0},
    {LISTEN, "tcp:127.0.0.1:99999", -EINVAL, {0}, 0},
    {LISTEN, "tcp:127.0.0.1:0", -EINVAL, {.flags = HEPTA_SOCK_BROADCAST}, 0},
    {LISTEN, "tcp:127.0.0.1:0", -EINVAL, {.wait = 9}, 0},
    {LISTEN, "raw:packet@nosuch0", -ENODEV, {0}, 0},
    {LISTEN, "raw:0@127.0.0.1", -EPROTONOSUPPORT, {0}, 0},
    {LISTEN, "kernel.unix:/nonexistent/directory/s", -ENOENT, {0}, 0},
    {LISTEN, "kernel.unix:/dev/null", -EADDRINUSE, {0}, 0},
    {LISTEN, "kernel.unix:/dev/null/s", -ENOTDIR, {0}, 0},
    {LISTEN, "unix:/nonexistent/directory/s", -ENOENT, {0}, 0},
    {LISTEN, "unix:/dev/null", -EADDRINUSE, {0}, 0},
    {LISTEN, "nonsense", -EINVAL, {0}, 0},
    {CONNECT, "tcp:127.0.0.1:7001", -ECONNREFUSED, {0}, 0},
    {CONNECT, "tcp:[::1]:7001", -ECONNREFUSED, {0}, 0},
    {CONNECT, "tcp:localhost:7001", -ECONNREFUSED, {0}, 0},
    {CONNECT, "tcp:127.0.0.1:7001", -ECONNREFUSED, {.flags = HEPTA_SOCK_RECORDS}, 0},
    {CONNECT, HOLE, -ETIMEDOUT, {0}, 3},
    {CONNECT, HOLE, -EAGAIN, {0}, -1},
    {CONNECT, HOLE, -ETIMEDOUT, {.flags = HEPTA_SOCK_RECORDS}, 3},
    {CONNECT, "tcp:192.0.2.1:1", -ENETUNREACH, {0}, 0},
    {CONNECT, "udp:192.0.2.1:1", -ENETUNREACH, {0}, 0},
    {CONNECT, "udp:127.255.255.255:1", -EACCES, {0}, 0},
    {CONNECT, "tcp:127.0.0.1:1", -EADDRNOTAVAIL, {.local = "tcp:192.0.2.1:0"}, 0},
    {CONNECT, "tcp:127.0.0.1:1", -EADDRINUSE, {.local = "tcp:127.0.0.1:7000"}, 0},
    {CONNECT, "tcp:127.0.0.1:1", ANY, {.local = "nonsense"}, 0},
    {CONNECT, "tcp:127.0.0.1:1", ANY, {.local = "tcp:[::1]:0"}, 0},
    {CONNECT, "kernel.unix:/nonexistent/s", -ENOENT, {0}, 0},
    {CONNECT, "kernel.unix:@hepta-nobody", -ECONNREFUSED, {0}, 0},
    {CONNECT, "kernel.unix:@hepta-nobody", -ECONNREFUSED, {.type = HEPTA_SOCK_DGRAM}, 0},
    {CONNECT, "kernel.unix:@hepta-nobody", -ECONNREFUSED, {.type = HEPTA_SOCK_SEQPACKET}, 0},
    {CONNECT, "unix:@hepta-nobody", -ECONNREFUSED, {0}, 0},
    {CONNECT, "unix:/nonexistent/s", -ENOENT, {0}, 0},
};

static int64_t deadline_of(const struct failure *f)
{
    return f->ms < 0 ? HEPTA_NOW : hepta_in_ms(f->ms ? f->ms : LONG_MS);
}

static int try_it(const struct failure *f)
{
    struct hepta_sock_options opt = f->opt;
    struct hepta_sock *s = poison;

    opt.size = sizeof(opt);
    int err = f->verb == LISTEN ? hepta_sock_listen(&s, f->address, &opt)
                                : hepta_sock_connect(&s, f->address, &opt, deadline_of(f));
    if (err == 0)
        hepta_sock_close(s);
    else if (s)
        t_die("%s fails and leaves *sock as it was", f->address);
    return err;
}

static void count(bool good, const char *what, const char *address)
{
    n_passed += good;
    n_failed += !good;
    if (!good)
        printf("not ok %s %s\n", what, address);
}

static void fail_often(const struct failure *f)
{
    bool good = true;
    int err = try_it(f); /* the first one may set something up for good */
    struct t_usage before = t_usage();

    for (int i = 0; i < N_TIMES && good; i++) {
        err = try_it(f);
        good = f->want == ANY ? err < 0 : err == f->want;
    }
    if (!good)
        printf("%s: %s, not %s\n", f->address, strerrorname_np(-err), strerrorname_np(-f->want));
    good = t_usage_same(f->address, before, t_usage()) && good;
    count(good, f->verb == LISTEN ? "listen" : "connect", f->address);
}

/* ---- descriptors run out at each place in turn ---- */

static void allow(int n)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        t_die("getrlimit: %s", strerror(errno));
    limit.rlim_cur = n < 0 ? limit.rlim_max : (rlim_t)n;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        t_die("setrlimit: %s", strerror(errno));
}

/* The number that the next descriptor gets. */
static int next_fd(void)
{
    int fd = dup(0);

    close(fd);
    return fd;
}

static const char *const places[] = {
    "tcp:127.0.0.1:7100", "udp:127.0.0.1:7100", "raw:253@127.0.0.1", "raw:packet@lo",
    "kernel.unix:@hepta-leaks", "unix:@hepta-leaks", "tcp:localhost:7100",
};

static void run_out_of_descriptors(const char *address, uint32_t flags)
{
    struct failure l = {LISTEN, address, 0, {.flags = flags}, 0};
    struct failure k = {CONNECT, address, 0, {.flags = flags}, 0};
    struct hepta_sock *s = NULL, *peer = NULL;
    int n_ok = 0, n_bad = 0;

    l.opt.flags |= !strncmp(address, "tcp", 3) ? HEPTA_SOCK_REUSEADDR : 0;
    struct hepta_sock_options opt = l.opt;
    opt.size = sizeof(opt);
    if (try_it(&l) == -EOPNOTSUPP)
        return;
    struct t_usage before = t_usage();
    for (int n = next_fd(), i = 0; i < N_MORE; i++) {
        allow(n + i);
        int err = try_it(&l);
        allow(-1);
        n_ok += err == 0;
        n_bad += err != 0 && err != -EMFILE && err != -ENOENT; /* resolvers say "no such host" */
    }
    if (hepta_sock_listen(&s, address, &opt) < 0)
        t_die("listen %s", address);
    for (int n = next_fd(), i = 0; i < N_MORE; i++) {
        allow(n + i);
        int err = try_it(&k);
        int got = hepta_sock_accept(s, &peer, HEPTA_NOW);
        allow(-1);
        n_ok += err == 0;
        n_bad += err != 0 && err != -EMFILE && err != -ENOENT;
        n_bad += got != 0 && got != -EMFILE && got != -EAGAIN && got != -EOPNOTSUPP;
        peer = hepta_sock_close(peer);
    }
    hepta_sock_close(s);
    bool good = t_usage_same(address, before, t_usage()) && n_ok > 0 && n_bad == 0;
    count(good, "out of descriptors", address);
}

int main(void)
{
    int hole[2];

    t_limit(LIMIT_S);
    net_enter();
    net_hole(hole);
    for (size_t i = 0; i < T_COUNT(failures); i++)
        fail_often(&failures[i]);
    for (size_t i = 0; i < T_COUNT(places); i++) {
        run_out_of_descriptors(places[i], 0);
        if (strstr(places[i], "tcp:") || strstr(places[i], "unix:"))
            run_out_of_descriptors(places[i], HEPTA_SOCK_RECORDS);
    }
    printf("%d passed, %d failed\n", n_passed, n_failed);
    return n_failed != 0;
}
