/* SPDX-License-Identifier: MIT */
/*
 * socket/hello.c - how a connection in memory is introduced: see socket/memory.h
 *
 * The connector sends one message with four descriptors; nothing comes back. Whoever gets it
 * believes none of it: segments are checked as prim/segment.h does, sockets must be sockets of
 * the right kind. Whatever else a peer does with its ends only harms this connection.
 */
#define _GNU_SOURCE
#include <string.h>

#include "base/sys.h"
#include "socket/memory.h"

#define ROOM_FDS (H7_HELLO_FDS + 4) /* to see, and close, what is too many */

int h7_hello_send(int main_fd, const struct h7_memory_parts *p, uint32_t type)
{
    struct h7_hello hello = {H7_HELLO_MAGIC, H7_SEGMENT_VERSION, type};
    const int fds[H7_HELLO_FDS] = {p->seg[0].fd, p->seg[1].fd, p->space[1], p->rights[1]};
    struct iovec iov = {&hello, sizeof hello};
    ssize_t r = h7_sys_send_fds(main_fd, &iov, 1, fds, H7_HELLO_FDS);
    return r < 0 ? (int)r : r == (ssize_t)sizeof hello ? 0 : -EPIPE;
}

/* An AF_UNIX socket of that type? */
static int is_socket(int fd, int want_type)
{
    int domain = 0, type = 0;
    socklen_t len = sizeof domain;
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) != 0)
        return 0;
    len = sizeof type;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && domain == AF_UNIX &&
           type == want_type;
}

static int attach(struct h7_segment seg[2], int fds[H7_HELLO_FDS],
                  const struct hepta_sock_options *opt, uint32_t type)
{
    const struct h7_segment_spec spec = h7_memory_spec(opt->capacity, type);
    for (int i = 0; i < 2; i++) {
        int r = h7_segment_attach(&seg[i], fds[i], &spec, 1);
        if (r < 0)
            return r;
        fds[i] = -1; /* the segment's */
        if (seg[i].flags != spec.flags)
            return -EBADMSG;
    }
    return 0;
}

static int build(struct hepta_sock **out, int main_fd, int fds[H7_HELLO_FDS],
                 const struct hepta_sock_options *opt, uint32_t type)
{
    struct h7_segment seg[2] = {{.fd = -1}, {.fd = -1}};
    if (!is_socket(fds[2], SOCK_STREAM) || !is_socket(fds[3], SOCK_SEQPACKET))
        return -EPROTO;
    int r = attach(seg, fds, opt, type);
    if (r == 0)
        r = h7_memory_end(out, main_fd, seg, fds[2], fds[3], 1, opt, type);
    if (r < 0) {
        h7_segment_close(&seg[0]);
        h7_segment_close(&seg[1]);
        return r;
    }
    fds[2] = fds[3] = -1;
    return 0;
}

/* Out-of-band data make poll(2) say readable, for ever, of what a peeking recv(2) can't see. */
static int is_urgent(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLPRI};
    return h7_sys_poll(&p, 1, HEPTA_NOW) == 1 && p.revents & POLLPRI;
}

int h7_hello_take(struct hepta_sock **out, int main_fd, const struct hepta_sock_options *opt,
                  uint32_t type)
{
    struct h7_hello hello;
    int fds[ROOM_FDS], n_fds = 0, cut = 0;
    struct iovec iov = {&hello, sizeof hello};
    ssize_t n = h7_sys_recv_fds(main_fd, &iov, 1, MSG_PEEK, fds, ROOM_FDS, &n_fds, &cut);
    if (n == -EAGAIN || n == -EINTR)
        return is_urgent(main_fd) ? -EPROTO : -EAGAIN;
    int r = n < 0 ? (int)n : -EPROTO;
    if (n == (ssize_t)sizeof hello && hello.magic == H7_HELLO_MAGIC)
        r = hello.version != H7_SEGMENT_VERSION ? -EPROTONOSUPPORT
            : hello.type != type                ? -EPROTOTYPE
            : n_fds < H7_HELLO_FDS && cut       ? -EMFILE
            : n_fds != H7_HELLO_FDS             ? -EPROTO
                                                : build(out, main_fd, fds, opt, type);
    for (int i = 0; i < n_fds; i++)
        h7_sys_close(fds[i]);
    /* Those were copies. Of a hello that is taken all that came is ours by now, so that the
     * message, with its own, goes without a last close; any other goes with main. */
    if (r == 0)
        h7_sys_recv_fds(main_fd, &iov, 1, 0, NULL, 0, &n_fds, &cut);
    return r;
}
