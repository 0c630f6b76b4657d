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

int h7_bell_ring(struct h7_bell_word *w, int ring_fd)
{
    ssize_t r = h7_sys_write_nowait(ring_fd, "", 1);
    if (r < 0 && r != -EAGAIN && r != -EPIPE)
        return -ENOMEM;
    /* -EAGAIN: full of bytes, so it is rung already. W1 until here. */
    h7_store32_relaxed(&w->want, 0);
    count(&w->n_rings);
    return r == -EPIPE ? -EPIPE : 0;
}

void h7_bell_shout(int ring_fd)
{
    h7_sys_write_nowait(ring_fd, "", 1);
}

void h7_bell_announce(struct h7_bell_word *w)
{
    h7_store32_relaxed(&w->want, 1);
}

void h7_bell_lower(int listen_fd, size_t n)
{
    char bytes[H7_BELL_MAX];
    /* One call: what a hostile ringer adds only makes the level falsely high. */
    if (n > 0)
        h7_sys_read_nowait(listen_fd, bytes, n < sizeof bytes ? n : sizeof bytes);
}

size_t h7_bell_bytes(int listen_fd)
{
    int n = 0;
    return ioctl(listen_fd, FIONREAD, &n) == 0 && n > 0 ? (size_t)n : 0;
}

int h7_bell_sleep(struct h7_bell_word *w, int listen_fd, int64_t deadline)
{
    struct pollfd p = {.fd = listen_fd, .events = POLLIN};
    count(&w->n_sleeps);
    int r = h7_sys_poll(&p, 1, deadline);
    if (r < 0)
        return r == -EINTR ? r : H7_BELL_AGAIN;
    return r == 1 && !(p.revents & POLLIN) ? H7_BELL_HANGUP : H7_BELL_AGAIN;
}

int h7_bell_hangup(int fd)
{
    struct pollfd p = {.fd = fd};
    return h7_sys_poll(&p, 1, HEPTA_NOW) == 1 && p.revents & (POLLHUP | POLLERR);
}

int h7_bell_check(const struct h7_bell_word *w)
{
    return h7_load32_relaxed(&w->want) <= 1 ? 0 : -EBADMSG;
}
