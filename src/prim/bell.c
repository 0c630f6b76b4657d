/* SPDX-License-Identifier: MIT */
/* prim/bell.c - see prim/bell.h. Reading order: ring, announce, lower, sleep. */
#define _GNU_SOURCE
#include "prim/bell.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sys.h"

static void count(struct h7_a32 *n)
{
    h7_store32_relaxed(n, h7_load32_relaxed(n) + 1); /* statistics */
}

int h7_bell_new(int fds[2])
{
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0) {
        int err = errno;
        fds[0] = fds[1] = -1;
        return -err;
    }
    /* One page is plenty, and a user's quota of pipe pages (pipe(7)) is small. */
    fcntl(fds[1], F_SETPIPE_SZ, H7_BELL_MAX);
    ssize_t r = h7_sys_write_nowait(fds[1], "", 1);
    if (r == 1)
        return 0;
    h7_sys_close(fds[0]);
    h7_sys_close(fds[1]);
    fds[0] = fds[1] = -1;
    return r < 0 ? (int)r : -ENFILE;
}

static ssize_t put_byte(int fd, enum h7_bell_kind kind)
{
    switch (kind) {
    case H7_BELL_SOCKET:
        return h7_sys_send_nowait(fd, "", 1);
    case H7_BELL_FIFO:
        return h7_sys_fifo_write(fd, "", 1);
    default:
        return h7_sys_write_nowait(fd, "", 1);
    }
}

int h7_bell_ring(struct h7_bell_word *w, int ring_fd, enum h7_bell_kind kind)
{
    ssize_t r = put_byte(ring_fd, kind);
    int gone = r == -EPIPE || r == -ECONNRESET;
    if (r < 0 && r != -EAGAIN && !gone)
        return -ENOMEM;
    if (gone)
        return -EPIPE; /* not rung: want stays, for a listener who may come later (a FIFO) */
    /* -EAGAIN: full of bytes, so it is rung already. W1 until here. */
    h7_store32_relaxed(&w->want, 0);
    count(&w->n_rings);
    return 0;
}

void h7_bell_shout(int ring_fd, enum h7_bell_kind kind)
{
    put_byte(ring_fd, kind);
}

void h7_bell_announce(struct h7_bell_word *w)
{
    h7_store32_relaxed(&w->want, 1);
}

void h7_bell_lower(int listen_fd, size_t n, enum h7_bell_kind kind)
{
    char bytes[H7_BELL_MAX];
    if (n > sizeof bytes)
        n = sizeof bytes;
    /* A pipe: one call. A socket gives one message a call. What a hostile ringer adds
     * meanwhile only makes the level falsely high. */
    if (kind == H7_BELL_PIPE && n > 0)
        h7_sys_read_nowait(listen_fd, bytes, n);
    if (kind == H7_BELL_FIFO && n > 0)
        h7_sys_fifo_read(listen_fd, bytes, n);
    while (kind == H7_BELL_SOCKET && n > 0) {
        ssize_t r = h7_sys_recv_nowait(listen_fd, bytes, n);
        if (r <= 0)
            break;
        n -= (size_t)r;
    }
}

size_t h7_bell_bytes(int listen_fd)
{
    int n = 0;
    return ioctl(listen_fd, FIONREAD, &n) == 0 && n > 0 ? (size_t)n : 0;
}

#define HUNG_UP (POLLHUP | POLLERR | POLLRDHUP) /* the last: a socket's other side shut down */

int h7_bell_sleep(struct h7_bell_word *w, int listen_fd, int gone_fd, int64_t deadline)
{
    struct pollfd p[2] = {{.fd = listen_fd, .events = POLLIN | POLLRDHUP},
                          {.fd = gone_fd, .events = POLLRDHUP}};
    count(&w->n_sleeps);
    int r = h7_sys_poll(p, gone_fd == listen_fd ? 1 : 2, deadline);
    if (r < 0)
        return r == -EINTR ? r : H7_BELL_AGAIN;
    return r > 0 && (p[0].revents | p[1].revents) & HUNG_UP ? H7_BELL_HANGUP : H7_BELL_AGAIN;
}

int h7_bell_hangup(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLRDHUP};
    return h7_sys_poll(&p, 1, HEPTA_NOW) == 1 && p.revents & HUNG_UP;
}

int h7_bell_check(const struct h7_bell_word *w)
{
    return h7_load32_relaxed(&w->want) <= 1 ? 0 : -EBADMSG;
}
