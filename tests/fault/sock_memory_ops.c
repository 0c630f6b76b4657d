/* SPDX-License-Identifier: MIT */
/*
 * sock_memory_ops.c - see sock_memory_fault.h: the verbs of hepta/sock.h as operations whose calls
 * fail, with the errnos that the header promises. Start with the table at the end.
 */
#define _GNU_SOURCE
#include "sock_memory_fault.h"

#include "../lib/t.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct hepta_sock *never(void)
{
    return (struct hepta_sock *)buf;
}

static bool still_works(long result)
{
    (void)result;
    return works();
}

/* --- making ------------------------------------------------------------------------ */

static long run_listen(void)
{
    struct hepta_sock_options o = options();

    l = never();
    return hepta_sock_listen(&l, address, &o);
}

/* A relative path: the listener has to find out where it is. */
static long run_listen_here(void)
{
    struct hepta_sock_options o = options();
    char dir[sizeof(address)], here[sizeof(address)];
    char *slash;

    strcpy(dir, strchr(address, '/'));
    slash = strrchr(dir, '/');
    snprintf(here, sizeof(here), "unix:%s", slash + 1);
    *slash = 0;
    l = never();
    return chdir(dir) < 0 ? -EDOM : hepta_sock_listen(&l, here, &o);
}

/* A file that its owner left behind, to be taken over. */
static void have_stale_file(void)
{
    pid_t pid = t_fork();

    if (pid == 0) {
        have_listener();
        _exit(0);
    }
    if (t_reap(pid, 5000) != 0)
        t_die("no stale file");
}

static void leave_no_file(void)
{
    leave();
    unlink(strchr(address, '/'));
}

/* What the first one refused, the second one gets: nothing was left behind. */
static bool listens(long result)
{
    if ((result == 0) != (l != NULL))
        return false;
    l = hepta_sock_close(l);
    have_pending();
    return hepta_sock_accept(l, &a, hepta_in_ms(1000)) == 0 && works();
}

static long run_connect(void)
{
    struct hepta_sock_options o = options();

    c = never();
    return hepta_sock_connect(&c, address, &o, hepta_in_ms(200));
}

/* What came half is turned away; the next one is served. */
static bool serves_next(void)
{
    struct hepta_sock_options o = options();

    c = hepta_sock_close(c);
    if (hepta_sock_connect(&c, address, &o, hepta_in_ms(1000)) < 0)
        return false;
    for (int i = 0; i < 4; i++) {
        if (hepta_sock_accept(l, &a, hepta_in_ms(1000)) < 0)
            return false;
        if (hepta_sock_send(c, "!", 1, hepta_in_ms(1000)) == 1 &&
            hepta_sock_recv(a, buf, 1, hepta_in_ms(50)) == 1)
            return works();
        a = hepta_sock_close(a); /* the one that has gone */
    }
    return false;
}

static bool serves(long result)
{
    return (result == 0) == (c != NULL) && serves_next();
}

static long run_accept(void)
{
    a = never();
    return hepta_sock_accept(l, &a, hepta_in_ms(50));
}

/* Accepted or not: who comes next is served. */
static bool accepted(long result)
{
    if ((result == 0) != (a != NULL) || (result == 0 && !works()))
        return false;
    a = hepta_sock_close(a);
    return serves_next();
}

static long run_pair(void)
{
    struct hepta_sock_options o = options();

    o.mode = 0;
    c = a = never();
    return hepta_sock_pair(&c, &a, &o);
}

static bool paired(long result)
{
    return result == 0 ? works() : !c && !a;
}

/* --- using --------------------------------------------------------------------------- */

static long run_send(void)
{
    return hepta_sock_send(c, buf, 100, hepta_in_ms(200));
}

/* Naps end by themselves after some ms; then it sleeps where it has to be rung for. */
static void deep_asleep(void)
{
    t_sleep_ns(15 * T_MS);
    t_asleep(other, 1000);
}

static void have_sleeping_receiver(void)
{
    have_ends();
    other = t_fork();
    if (other == 0)
        _exit(hepta_sock_recv(a, buf, 100, hepta_in_ms(3000)) != 100);
    deep_asleep();
}

static void have_sleeping_sender(void)
{
    have_full();
    other = t_fork();
    if (other == 0)
        _exit(hepta_sock_send(c, buf, 4000, hepta_in_ms(3000)) != 4000);
    deep_asleep();
}

/* The wake-up mustn't be lost because the bell had to be rung in another way. */
static bool woken(long result)
{
    bool ok = result <= 0 || t_reap(other, 5000) == 0;

    if (result > 0)
        other = 0;
    else
        t_kill(other);
    return ok && works();
}

static long run_recv_much(void)
{
    return hepta_sock_recv(a, buf, sizeof(buf), hepta_in_ms(200));
}

static long run_send_in_vain(void)
{
    return hepta_sock_send(c, buf, 4000, hepta_in_ms(5));
}

/* More than goes in one piece under the lock: built in a reservation. */
static long run_send_large(void)
{
    return hepta_sock_send(c, buf, 8000, hepta_in_ms(200));
}

static long run_recv_in_vain(void)
{
    return hepta_sock_recv(a, buf, 100, hepta_in_ms(5));
}

static long run_recv(void)
{
    return hepta_sock_recv(a, buf, 100, hepta_in_ms(200));
}

static long send_fds(int *fds, uint32_t n_fds)
{
    struct iovec iov[2] = {{buf, 3}, {buf + 10, 5}};
    struct hepta_sock_msg m = {
        .size = sizeof(m), .iov = iov, .n_iov = 2, .fds = fds, .n_fds = n_fds};

    return hepta_sock_sendmsg(c, &m, hepta_in_ms(200));
}

static long run_sendmsg(void)
{
    return send_fds(NULL, 0);
}

static long run_sendmsg_fds(void)
{
    return send_fds((int[]){0, 1}, 2);
}

static long recv_fds(uint32_t max_fds)
{
    int fds[2];
    struct iovec iov[2] = {{buf, 3}, {buf + 10, 5}};
    struct hepta_sock_msg m = {
        .size = sizeof(m), .iov = iov, .n_iov = 2, .fds = fds, .max_fds = max_fds};
    ssize_t n = hepta_sock_recvmsg(a, &m, hepta_in_ms(50));

    for (uint32_t i = 0; i < m.n_fds; i++)
        close(fds[i]);
    return n;
}

static void have_fds(void)
{
    have_ends();
    if (send_fds((int[]){0, 1}, 2) != 8)
        t_die("descriptors not sent");
}

static long run_recvmsg(void)
{
    return recv_fds(0);
}

static long run_recvmsg_fds(void)
{
    return recv_fds(2);
}

static long run_shutdown(void)
{
    return hepta_sock_shutdown(c, HEPTA_SOCK_WR);
}

/* Ended means ended for both; if it failed, the direction still carries or, half ended, can
 * be ended again. */
static bool ended_if_shut(long result)
{
    struct hepta_sock_msg m = {.size = sizeof(m)};
    struct iovec iov = {buf, sizeof(buf)};

    if (result < 0 && hepta_sock_shutdown(c, HEPTA_SOCK_WR) < 0)
        return false;
    m.iov = &iov;
    m.n_iov = 1;
    return hepta_sock_recvmsg(a, &m, hepta_in_ms(1000)) == 0 && m.flags & HEPTA_SOCK_MSG_EOF &&
           hepta_sock_send(c, "!", 1, HEPTA_NOW) == -EPIPE &&
           hepta_sock_send(a, "!", 1, hepta_in_ms(1000)) == 1 &&
           hepta_sock_recv(c, buf, 1, hepta_in_ms(1000)) == 1;
}

static struct pollfd p;

static long run_pollin(void)
{
    return hepta_sock_pollfd(a, POLLIN, &p);
}

/* When the descriptor was given, it must be right, too. */
static bool polled(long result)
{
    if (result < 0)
        return works();
    return hepta_sock_send(c, "!", 1, hepta_in_ms(1000)) == 1 && poll(&p, 1, 1000) == 1 && works();
}

static long run_pollout(void)
{
    return hepta_sock_pollfd(c, POLLOUT, &p);
}

/* Full, and then not. */
static bool polled_out(long result)
{
    return works() && (result < 0 || poll(&p, 1, 1000) == 1);
}

static long run_poll_listener(void)
{
    return hepta_sock_pollfd(l, POLLIN, &p);
}

static bool polled_listener(long result)
{
    struct hepta_sock_options o = options();

    if (hepta_sock_connect(&c, address, &o, hepta_in_ms(1000)) < 0)
        return false;
    if (result == 0 && poll(&p, 1, 1000) != 1)
        return false;
    return hepta_sock_accept(l, &a, hepta_in_ms(1000)) == 0 && works();
}

static long run_stat(void)
{
    struct hepta_sock_stat st;

    return hepta_sock_stat(c, &st, sizeof(st));
}

static long run_close(void)
{
    leave();
    return 0;
}

static long run_reserve(void)
{
    void *at;
    int rc = hepta_sock_reserve(c, 100, &at, hepta_in_ms(5));

    if (rc == 0)
        rc = hepta_sock_commit(c, 100);
    if (rc < 0)
        hepta_sock_commit(c, 0); /* a commit that failed left it reserved */
    return rc;
}

static long run_peek(void)
{
    const void *at;
    ssize_t n = hepta_sock_peek(a, &at, hepta_in_ms(50));

    return n < 0 ? n : hepta_sock_release(a, (size_t)n);
}

/* --- the table ------------------------------------------------------------------------ */

#define LISTEN_ERRORS                                                                              \
    EADDRINUSE, EADDRNOTAVAIL, EACCES, EPERM, EPROTONOSUPPORT, EAFNOSUPPORT, ENOENT, ENOTDIR,      \
        ENODEV, ENOMEM, EMFILE, ENFILE, ENOBUFS
#define CONNECT_ERRORS                                                                             \
    LISTEN_ERRORS, ECONNREFUSED, EAGAIN, ETIMEDOUT, EINTR, ENETUNREACH, EHOSTUNREACH, ENOSPC,      \
        ENOSYS, ETOOMANYREFS
#define ACCEPT_ERRORS EAGAIN, ETIMEDOUT, EINTR, EMFILE, ENFILE, ENOMEM, ENOSYS
#define SEND_ERRORS EAGAIN, ETIMEDOUT, EINTR, ENOMEM, ENOBUFS, ENOSYS, ECONNREFUSED
#define RECV_ERRORS EAGAIN, ETIMEDOUT, EINTR, ENOSYS, ECONNREFUSED, ENOMEM
#define POLL_ERRORS ETIMEDOUT, EMFILE, ENFILE, ENOMEM

#define OP(name, setup, run, check, undo, no_records, ...)                                         \
    {{name, {__VA_ARGS__}, setup, run, check, undo, 1}, no_records}

const struct sock_op sock_ops[] = {
    OP("listen", NULL, run_listen, listens, leave, false, LISTEN_ERRORS),
    OP("listen, by a relative path", NULL, run_listen_here, listens, leave, false,
       LISTEN_ERRORS),
    OP("listen, a file left behind", have_stale_file, run_listen, listens, leave_no_file, false,
       LISTEN_ERRORS),
    OP("connect", have_listener, run_connect, serves, leave, false, CONNECT_ERRORS),
    OP("accept", have_pending, run_accept, accepted, leave, false, ACCEPT_ERRORS),
    OP("accept, nobody comes", have_listener, run_accept, accepted, leave, false,
       ACCEPT_ERRORS),
    OP("pair", NULL, run_pair, paired, leave, false, ENOMEM, ENOSPC, EMFILE, ENFILE, ENOSYS),
    OP("send", have_ends, run_send, still_works, leave, false, SEND_ERRORS),
    OP("send, no room", have_full, run_send_in_vain, still_works, leave, false,
       SEND_ERRORS),
    OP("send, a large message", have_ends, run_send_large, still_works, leave, false, SEND_ERRORS),
    OP("send to a sleeper", have_sleeping_receiver, run_send, woken, leave, false, SEND_ERRORS),
    OP("recv of what a sleeper waits for", have_sleeping_sender, run_recv_much, woken, leave, true,
       RECV_ERRORS),
    OP("recv", have_bytes, run_recv, still_works, leave, false, RECV_ERRORS),
    OP("recv, nothing there", have_ends, run_recv_in_vain, still_works, leave, false, RECV_ERRORS),
    OP("sendmsg", have_ends, run_sendmsg, still_works, leave, false, SEND_ERRORS),
    OP("sendmsg with descriptors", have_ends, run_sendmsg_fds, still_works, leave, true,
       SEND_ERRORS, ETOOMANYREFS),
    OP("recvmsg", have_bytes, run_recvmsg, still_works, leave, false, RECV_ERRORS),
    OP("recvmsg with descriptors", have_fds, run_recvmsg_fds, still_works, leave, true,
       RECV_ERRORS),
    OP("recvmsg, no room for descriptors", have_fds, run_recvmsg, still_works, leave, true,
       RECV_ERRORS),
    OP("shutdown", have_ends, run_shutdown, ended_if_shut, leave, false, ENOTCONN,
       ETIMEDOUT),
    OP("pollfd, to receive", have_ends, run_pollin, polled, leave, false, POLL_ERRORS),
    OP("pollfd, to send", have_full, run_pollout, polled_out, leave, false, POLL_ERRORS),
    OP("pollfd of a listener", have_listener, run_poll_listener, polled_listener, leave, false,
       POLL_ERRORS),
    OP("stat", have_ends, run_stat, still_works, leave, false, 0),
    OP("close", have_fds, run_close, NULL, leave, true, 0),
    OP("close, bytes inside", have_bytes, run_close, NULL, leave, false, 0),
    OP("reserve", have_ends, run_reserve, still_works, leave, true, SEND_ERRORS),
    OP("peek", have_fds, run_peek, still_works, leave, true, RECV_ERRORS),
};
const size_t n_sock_ops = T_COUNT(sock_ops);
