/* SPDX-License-Identifier: MIT */
/*
 * scribble_sock.c - connections in memory under attack, stream and seqpacket: both segments
 * with their tags, and the three sockets (main, space, rights) from both of their ends
 *
 * The attacker is a fork of the process that has both ends, so it has what a peer has, and
 * the other side's besides. Where the library says what an end consists of (socket/memory.h)
 * is all that this test knows of its inside.
 */
#define _GNU_SOURCE
#include "scribble.h"

#include "socket/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <hepta/sock.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum verb_number {
    SEND, RECV, SENDMSG, RECVMSG, RESERVE, PEEK, SHUTDOWN, POLLFD, STAT, ANEW, CLOSE
};

#define COMMON EBADMSG, EDEADLK, EAGAIN, ETIMEDOUT
#define SENDS COMMON, EPIPE, ECONNRESET, EMSGSIZE, ENOMEM, ENOBUFS

static const struct verb verbs[] = {
    [SEND] = {"send", {SENDS}},
    [RECV] = {"recv", {COMMON, ECONNRESET}},
    [SENDMSG] = {"sendmsg", {SENDS, ETOOMANYREFS}},
    [RECVMSG] = {"recvmsg", {COMMON, ECONNRESET}},
    [RESERVE] = {"reserve/commit", {SENDS, EINVAL /* commit */}},
    [PEEK] = {"peek/release", {COMMON, ECONNRESET, EINVAL /* release */}},
    [SHUTDOWN] = {"shutdown", {EBADMSG, EDEADLK, ETIMEDOUT}},
    [POLLFD] = {"pollfd", {EBADMSG, EDEADLK, ETIMEDOUT}},
    [STAT] = {"stat", {EBADMSG}},
    [ANEW] = {"connect/accept", {EAGAIN, ETIMEDOUT, ECONNREFUSED}},
    [CLOSE] = {"close", {0}},
};

static struct hepta_sock *listener, *end_of[2]; /* [role]: connected, accepted */
static struct hepta_sock_options opt;
static char address[64];

/* --- the actors ---------------------------------------------------------------------- */

/* Heap buffers of exactly the length: ASan sees one byte too many. */
static void send_or_recv(struct hepta_sock *s, bool receive)
{
    size_t len = rnd(4) ? rnd(300) : rnd(BUF_MAX);
    char *buf = calloc(1, len + 1);
    int verb = receive ? RECV : SEND;
    int64_t deadline = some_deadline(), start = begin_verb(verb);
    ssize_t n = receive ? hepta_sock_recv(s, buf + 1, len, deadline)
                        : hepta_sock_send(s, buf + 1, len, deadline);

    end_verb(verb, start, deadline, n > (ssize_t)len ? -9999 : n);
    free(buf);
}

#define PIECES 7

static size_t make_pieces(struct iovec *iov, size_t n)
{
    size_t total = 0;

    for (size_t i = 0; i < n; i++) {
        iov[i].iov_len = rnd(3) ? rnd(200) : rnd(BUF_MAX / PIECES);
        iov[i].iov_base = calloc(1, iov[i].iov_len + 1);
        total += iov[i].iov_len;
    }
    return total;
}

static void free_pieces(struct iovec *iov, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(iov[i].iov_base);
}

static void sendmsg_some(struct hepta_sock *s)
{
    struct iovec iov[PIECES];
    int fds[4] = {0, 0, 0, 0};
    struct hepta_sock_msg m = {.size = sizeof(m), .iov = iov, .n_iov = rnd(PIECES + 1), .fds = fds};
    size_t total = make_pieces(iov, m.n_iov);
    int64_t deadline = some_deadline(), start;
    ssize_t n;

    if (rnd(2) && total > 0)
        m.n_fds = (uint32_t)rnd(5);
    start = begin_verb(SENDMSG);
    n = hepta_sock_sendmsg(s, &m, deadline);
    end_verb(SENDMSG, start, deadline, n > (ssize_t)total ? -9999 : n);
    free_pieces(iov, m.n_iov);
}

static void recvmsg_some(struct hepta_sock *s)
{
    struct iovec iov[PIECES];
    uint32_t max_fds = (uint32_t)(rnd(2) ? rnd(4) : rnd(300));
    int *fds = calloc(max_fds + 1, sizeof(*fds));
    struct hepta_sock_msg m = {
        .size = sizeof(m), .iov = iov, .n_iov = rnd(PIECES + 1), .fds = fds, .max_fds = max_fds};
    size_t total = make_pieces(iov, m.n_iov);
    int64_t deadline = some_deadline(), start = begin_verb(RECVMSG);
    ssize_t n = hepta_sock_recvmsg(s, &m, deadline);
    bool wrong = n > (ssize_t)total || m.n_fds > max_fds;

    end_verb(RECVMSG, start, deadline, wrong ? -9999 : n);
    for (uint32_t i = 0; i < m.n_fds; i++)
        if (close(fds[i]) < 0) /* what it gave is the caller's */
            end_verb(RECVMSG, start, deadline, -9998);
    free_pieces(iov, m.n_iov);
    free(fds);
}

static void reserve(struct hepta_sock *s)
{
    size_t len = 1 + rnd(4000);
    void *at;
    int64_t deadline = some_deadline(), start = begin_verb(RESERVE);
    int rc = hepta_sock_reserve(s, len, &at, deadline);

    end_verb(RESERVE, start, deadline, rc);
    if (rc < 0)
        return;
    memset(at, 0x55, len);
    start = begin_verb(RESERVE);
    end_verb(RESERVE, start, 0, hepta_sock_commit(s, rnd(len + 1)));
}

static void peek(struct hepta_sock *s)
{
    const void *at;
    int64_t deadline = some_deadline(), start = begin_verb(PEEK);
    ssize_t n = hepta_sock_peek(s, &at, deadline);
    unsigned sum = 0;

    end_verb(PEEK, start, deadline, n);
    for (ssize_t i = 0; i < n; i++)
        sum += ((const unsigned char *)at)[i];
    __asm__ volatile("" ::"r"(sum)); /* they were read */
    if (n <= 0)
        return;
    start = begin_verb(PEEK);
    end_verb(PEEK, start, 0, hepta_sock_release(s, rnd((uint64_t)n + 1)));
}

static void pollfd_and_poll(struct hepta_sock *s)
{
    struct pollfd p;
    int64_t start = begin_verb(POLLFD);
    int rc = hepta_sock_pollfd(s, rnd(2) ? POLLIN : POLLOUT, &p);

    end_verb(POLLFD, start, 100 * T_MS + start, rc);
    if (rc == 0)
        poll(&p, 1, (int)rnd(3));
}

static void close_one(struct hepta_sock *s)
{
    int64_t start = begin_verb(CLOSE);

    hepta_sock_close(s);
    end_verb(CLOSE, start, 0, 0);
}

/* Connections beside the one that is attacked. */
static void anew(int role)
{
    struct hepta_sock *s;
    int64_t deadline = some_deadline(), start = begin_verb(ANEW);
    int rc = role ? hepta_sock_accept(listener, &s, deadline)
                  : hepta_sock_connect(&s, address, &opt, deadline);

    end_verb(ANEW, start, deadline, rc);
    if (rc == 0)
        close_one(s);
}

static void shut(struct hepta_sock *s)
{
    int64_t start = begin_verb(SHUTDOWN);

    end_verb(SHUTDOWN, start, 100 * T_MS + start, hepta_sock_shutdown(s, 1 + (uint32_t)rnd(3)));
}

static void act(int role)
{
    struct hepta_sock *s = end_of[role];
    struct hepta_sock_stat st;
    uint64_t what = rnd(1000);
    int64_t start;

    if (what < 400) {
        send_or_recv(s, rnd(2));
    } else if (what < 550) {
        sendmsg_some(s);
    } else if (what < 700) {
        recvmsg_some(s);
    } else if (what < 870) {
        rnd(2) ? peek(s) : reserve(s);
    } else if (what < 930) {
        start = begin_verb(STAT);
        end_verb(STAT, start, 0, hepta_sock_stat(s, &st, sizeof(st)));
    } else if (what < 970) {
        pollfd_and_poll(s);
    } else if (what < 999) {
        anew(role);
    } else {
        shut(s);
    }
}

static void begin(int role)
{
    hepta_sock_close(end_of[!role]);
}

static void end(int role)
{
    close_one(end_of[role]);
    hepta_sock_close(listener);
}

/* --- the attacker -------------------------------------------------------------------- */

/* A segment in one piece, as a file would show it: shared mappings can be had twice. */
static unsigned char *in_one_piece(const struct h7_segment *seg, size_t *len)
{
    unsigned char *at;

    *len = seg->data_off + seg->data_len;
    at = mmap(NULL, *len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED ||
        mremap(seg->base, 0, seg->data_off, MREMAP_MAYMOVE | MREMAP_FIXED, at) == MAP_FAILED ||
        mremap(seg->data, 0, seg->data_len, MREMAP_MAYMOVE | MREMAP_FIXED, at + seg->data_off) ==
            MAP_FAILED)
        _exit(2);
    return at;
}

/* Bytes, or a message, perhaps with a number that a tag has, perhaps with descriptors. */
static void send_junk(int fd)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(HEPTA_SOCK_FDS_MAX * sizeof(int))];
    } control = {0};
    uint32_t junk[1024] = {(uint32_t)rnd(100)};
    struct iovec iov = {junk, rnd(2) ? 4 : rnd(2) ? 0 : rnd(sizeof(junk))};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    size_t n_fds = rnd(2) ? 0 : rnd(8) ? 1 + rnd(4) : HEPTA_SOCK_FDS_MAX;

    if (n_fds) {
        m.msg_control = &control;
        m.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
        control.head = (struct cmsghdr){CMSG_LEN(n_fds * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
        memset(CMSG_DATA(&control.head), 0, n_fds * sizeof(int)); /* of its standard input */
    }
    sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void change_options(int fd)
{
    static const int names[] = {SO_PASSCRED, 76 /* SO_PASSPIDFD */, SO_PEEK_OFF, SO_RCVBUF,
                                SO_SNDBUF, SO_TIMESTAMP, SO_RCVLOWAT, SO_PASSSEC};
    int value = rnd(2) ? (int)rnd(2) : (int)rnd(100000) - 1;

    setsockopt(fd, SOL_SOCKET, names[rnd(T_COUNT(names))], &value, sizeof(value));
    fcntl(fd, F_SETFL, rnd(2) ? O_NONBLOCK : 0);
}

/* Gently: nothing that is sent is lost, so that much of it arrives at what was changed. */
static void abuse_socket(int fd, bool gently, bool may_end)
{
    char sink[5000];

    switch (gently ? 3 + rnd(2) : rnd(may_end ? 6 : 5)) {
    case 0: send_junk(fd); break;
    case 1:
        for (int i = 0; i < 50; i++)
            send_junk(fd);
        break;
    case 2: recv(fd, sink, rnd(sizeof(sink)), MSG_DONTWAIT); break;
    case 3: change_options(fd); break;
    case 4: t_sleep_ns((int64_t)rnd(500) * 1000); break;
    default: shutdown(fd, (int)rnd(3)); break;
    }
}

static void scribble(void)
{
    struct h7_memory *m[2] = {end_of[0]->memory, end_of[1]->memory};
    int fds[] = {end_of[0]->fd, m[0]->space_fd, m[0]->rights_fd,
                 end_of[1]->fd, m[1]->space_fd, m[1]->rights_fd};
    bool memory = rnd(2), gently = !memory && rnd(2), sockets = !memory || rnd(2);
    bool may_end = !gently && rnd(6) == 0;
    unsigned char *at[2];
    size_t len[2];

    for (int i = 0; i < 2; i++)
        at[i] = in_one_piece(&m[0]->seg[i], &len[i]);
    while (!stopped()) {
        size_t which = rnd(2);

        if (memory)
            scribble_over(at[which], len[which]);
        for (int i = 0; i < 8 && sockets; i++)
            abuse_socket(fds[rnd(T_COUNT(fds))], gently, may_end);
        if (may_end && rnd(50) == 0)
            close(fds[rnd(T_COUNT(fds))]);
    }
}

/* --- the parent ---------------------------------------------------------------------- */

static void make(uint32_t type)
{
    opt = (struct hepta_sock_options){.size = sizeof(opt), .type = type};
    opt.capacity = 4096U << rnd(6);
    opt.wait = (uint32_t)rnd(3);
    snprintf(address, sizeof(address), "unix:@hepta-hostile-%d", (int)getpid());
    if (hepta_sock_listen(&listener, address, &opt) < 0 ||
        hepta_sock_connect(&end_of[0], address, &opt, hepta_in_ms(1000)) < 0 ||
        hepta_sock_accept(listener, &end_of[1], hepta_in_ms(1000)) < 0)
        t_die("no connection");
}

static void make_stream(void)
{
    make(HEPTA_SOCK_STREAM);
}

static void make_seqpacket(void)
{
    make(HEPTA_SOCK_SEQPACKET);
}

static void drop(void)
{
    end_of[0] = hepta_sock_close(end_of[0]);
    end_of[1] = hepta_sock_close(end_of[1]);
    listener = hepta_sock_close(listener);
}

#define ROOM(text, maker)                                                                          \
    {.name = text, .actors = {"connected end", "accepted end"}, .verbs = verbs, .make = maker,     \
     .begin = begin, .act = act, .end = end, .scribble = scribble, .drop = drop}

const struct room stream_room = ROOM("stream", make_stream);
const struct room seqpacket_room = ROOM("seqpacket", make_seqpacket);
