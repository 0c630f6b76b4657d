/* SPDX-License-Identifier: MIT */
/*
 * unix_cases_fds.c - descriptors with messages: what arrives, and with which byte
 */
#define _GNU_SOURCE
#include "unix_fds.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

int number_fd(struct conf *c, int number)
{
    int fd = memfd_create("conformance-number", MFD_CLOEXEC);

    OK(c, fd >= 0);
    EQ(c, pwrite(fd, &number, sizeof(number), 0), sizeof(number));
    return fd;
}

int number_of(struct conf *c, int fd)
{
    int number = -1;

    EQ(c, pread(fd, &number, sizeof(number), 0), sizeof(number));
    OK(c, fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
    return number;
}

static unsigned char at_position(uint64_t pos)
{
    return (unsigned char)(pos ^ pos >> 8 ^ pos >> 16);
}

ssize_t give_fds(struct conf *c, struct two *t, size_t len, int *fds, uint32_t n_fds,
                 int64_t deadline)
{
    static unsigned char buf[MAX_GIVE];
    struct iovec iov = {buf, len};
    struct hepta_sock_msg m = {.size = sizeof(m), .iov = &iov, .n_iov = 1, .fds = fds,
                               .n_fds = n_fds};

    for (size_t i = 0; i < len; i++)
        buf[i] = at_position(t->n_given[0] + i);
    ssize_t n = uops(c)->sendmsg(t->a, &m, deadline);
    t->n_given[0] += n > 0 ? (uint64_t)n : 0;
    return n;
}

ssize_t take_fds(struct conf *c, struct two *t, size_t len, int *fds, uint32_t max_fds,
                 uint32_t *n_fds, uint32_t *flags)
{
    static unsigned char buf[MAX_GIVE];
    struct hepta_sock_msg m = {.fds = fds, .max_fds = max_fds};
    ssize_t n = recv_into(c, t->b, &m, buf, len, EVER);

    for (ssize_t i = 0; i < n; i++)
        EQ(c, buf[i], at_position(t->n_taken[0]++));
    *n_fds = m.n_fds;
    *flags = m.flags;
    return n;
}

bool closed_everywhere(struct conf *c, int r)
{
    char byte;
    struct pollfd p = {.fd = r, .events = POLLIN};

    /* In memory a descriptor that nobody took may be closed by somebody else's next step. */
    OK(c, poll(&p, 1, 0) >= 0);
    return (p.revents & POLLHUP) && read(r, &byte, 1) == 0;
}

static void one(struct conf *c)
{
    struct two t;
    uint32_t n, flags;
    int fd = number_fd(c, 42), got = -1;

    meet(c, &t);
    EQ(c, give_fds(c, &t, 5, &fd, 1, EVER), 5);
    EQ(c, take_fds(c, &t, 10, &got, 1, &n, &flags), 5);
    EQ(c, n, 1);
    EQ(c, flags, 0);
    OK(c, got >= 0 && got != fd);
    EQ(c, number_of(c, got), 42);
    EQ(c, number_of(c, fd), 42); /* the sender's stays */
    part(c, &t);
}

static void same_description(struct conf *c)
{
    struct two t;
    uint32_t n, flags;
    int fd = number_fd(c, 1), got = -1;

    meet(c, &t);
    EQ(c, lseek(fd, 3, SEEK_SET), 3);
    EQ(c, give_fds(c, &t, 1, &fd, 1, EVER), 1);
    EQ(c, take_fds(c, &t, 10, &got, 1, &n, &flags), 1);
    EQ(c, lseek(got, 0, SEEK_CUR), 3); /* one offset */
    EQ(c, lseek(got, 1, SEEK_SET), 1);
    EQ(c, lseek(fd, 0, SEEK_CUR), 1);
    close(got);
    close(fd);
    part(c, &t);
}

static void in_order(struct conf *c, uint32_t count)
{
    struct two t;
    uint32_t n, flags;
    int fds[MAX_FDS], got[MAX_FDS];

    meet(c, &t);
    for (uint32_t i = 0; i < count; i++)
        fds[i] = number_fd(c, (int)i);
    EQ(c, give_fds(c, &t, 5, fds, count, EVER), 5);
    for (uint32_t i = 0; i < count; i++)
        close(fds[i]); /* they are on their way */
    EQ(c, take_fds(c, &t, 10, got, MAX_FDS, &n, &flags), 5);
    EQ(c, n, count);
    EQ(c, flags, 0);
    for (uint32_t i = 0; i < count; i++)
        EQ(c, number_of(c, got[i]), i);
    part(c, &t);
}

static void several(struct conf *c)
{
    in_order(c, 7);
}

static void most(struct conf *c)
{
    in_order(c, MAX_FDS);
}

static void too_many(struct conf *c)
{
    struct two t;
    int fds[MAX_FDS + 1];

    meet(c, &t);
    for (int i = 0; i <= MAX_FDS; i++)
        fds[i] = 0;
    EQ(c, give_fds(c, &t, 5, fds, MAX_FDS + 1, EVER), DIFFERS(c, -EINVAL, -E2BIG));
    EQ(c, take(c, &t, t.b, 10, NOW), -EAGAIN);
    part(c, &t);
}

static void not_open(struct conf *c)
{
    struct two t;
    int fds[2] = {number_fd(c, 1), 9999};

    meet(c, &t);
    EQ(c, give_fds(c, &t, 5, fds, 2, EVER), -EBADF);
    fds[1] = -1;
    EQ(c, give_fds(c, &t, 5, fds, 2, EVER), -EBADF);
    EQ(c, take(c, &t, t.b, 10, NOW), -EAGAIN); /* nothing was sent */
    EQ(c, give(c, &t, t.a, 5, EVER), 5);
    EQ(c, take(c, &t, t.b, 10, NOW), 5);
    close(fds[0]);
    part(c, &t);
}

/* All kinds work at the other end. */
static void kinds(struct conf *c)
{
    struct two t;
    uint32_t n, flags;
    int p[2], s[2], got[3];
    char buf[4] = "";

    meet(c, &t);
    EQ(c, pipe2(p, O_CLOEXEC), 0);
    EQ(c, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0);
    int fds[3] = {p[1], s[1], open("/dev/null", O_RDWR | O_CLOEXEC)};
    EQ(c, give_fds(c, &t, 1, fds, 3, EVER), 1);
    EQ(c, take_fds(c, &t, 1, got, 3, &n, &flags), 1);
    EQ(c, n, 3);
    EQ(c, write(got[0], "abc", 3), 3);
    EQ(c, read(p[0], buf, 3), 3);
    EQ(c, write(got[1], "def", 3), 3);
    EQ(c, read(s[0], buf, 3), 3);
    EQ(c, write(got[2], "ghi", 3), 3);
    for (int i = 0; i < 3; i++)
        close(fds[i]), close(got[i]);
    close(p[0]), close(s[0]);
    part(c, &t);
}

/* The example of unix(7): 4 bytes, 1 with a descriptor, 4. */
static void barrier(struct conf *c)
{
    struct two t;
    uint32_t n, flags;
    int fd = number_fd(c, 7), got[2];

    meet(c, &t);
    EQ(c, give(c, &t, t.a, 4, EVER), 4);
    EQ(c, give_fds(c, &t, 1, &fd, 1, EVER), 1);
    EQ(c, give(c, &t, t.a, 4, EVER), 4);
    EQ(c, take_fds(c, &t, 20, got, 2, &n, &flags), MEMORY_DIFFERS(c, 5, 4));
    if (uops(c)->memory) { /* stops before the byte, too */
        EQ(c, n, 0);
        EQ(c, take_fds(c, &t, 20, got, 2, &n, &flags), 1);
    }
    EQ(c, n, 1);
    EQ(c, number_of(c, got[0]), 7);
    EQ(c, take_fds(c, &t, 20, got, 2, &n, &flags), 4);
    EQ(c, n, 0);
    close(fd);
    part(c, &t);
}

/* Never before their byte, never after it, however the bytes are asked for. */
static void with_their_byte(struct conf *c)
{
    enum { N = 60 };
    static const size_t lens[] = {1, 3, 7, 20, 64};
    struct two t;
    uint64_t first[N];
    uint32_t n, flags;
    int got[4], next = 0;

    for (int k = 0; k < 5; k++) {
        meet(c, &t);
        for (int i = 0; i < N; i++) {
            int fd = number_fd(c, i);

            give(c, &t, t.a, (size_t)(i * 5 % 13), EVER);
            first[i] = t.n_given[0];
            EQ(c, give_fds(c, &t, (size_t)(1 + i * 7 % 11), &fd, 1, EVER), 1 + i * 7 % 11);
            close(fd);
        }
        for (next = 0; t.n_taken[0] < t.n_given[0];) {
            uint64_t before = t.n_taken[0];

            OK(c, take_fds(c, &t, lens[k], got, 4, &n, &flags) > 0);
            EQ(c, flags, 0);
            OK(c, n <= 1);
            bool has = next < N && first[next] >= before && first[next] < t.n_taken[0];
            EQ(c, n, has);
            if (has) {
                EQ(c, number_of(c, got[0]), next);
                next++;
            }
        }
        EQ(c, next, N);
        part(c, &t);
    }
}

/* A message that is cut, or comes in parts: they come with its beginning. */
static void with_a_part(struct conf *c)
{
    struct two t;
    uint32_t n, flags;
    int fd = number_fd(c, 5), got[2];

    meet(c, &t);
    EQ(c, give_fds(c, &t, 10, &fd, 1, EVER), 10);
    EQ(c, take_fds(c, &t, 3, got, 2, &n, &flags), 3);
    EQ(c, n, 1);
    EQ(c, number_of(c, got[0]), 5);
    EQ(c, flags, uops(c)->type == HEPTA_SOCK_STREAM ? 0 : HEPTA_SOCK_MSG_TRUNC);
    if (uops(c)->type == HEPTA_SOCK_STREAM) {
        EQ(c, take_fds(c, &t, 10, got, 2, &n, &flags), 7);
        EQ(c, n, 0);
    }
    close(fd);
    part(c, &t);
}

static void without_data(struct conf *c)
{
    struct two t;
    uint32_t n, flags;
    int fd = number_fd(c, 5), got[2];

    meet(c, &t);
    EQ(c, give_fds(c, &t, 0, &fd, 1, EVER), 0);
    EQ(c, take_fds(c, &t, 3, got, 2, &n, &flags), 0);
    EQ(c, n, 1);
    EQ(c, flags, 0); /* a message, not the end */
    EQ(c, number_of(c, got[0]), 5);
    close(fd);
    part(c, &t);
}

/* A stream has no byte then that they could come with. */
static void stream_without_data(struct conf *c)
{
    struct two t;
    int fd = number_fd(c, 5);

    meet(c, &t);
    EQ(c, give_fds(c, &t, 0, &fd, 1, EVER), DIFFERS(c, 0, -EINVAL));
    EQ(c, take(c, &t, t.b, 10, NOW), -EAGAIN);
    close(fd);
    part(c, &t);
}

/* A long send: they come with its first byte. */
static void with_much_data(struct conf *c)
{
    struct two t;
    uint32_t n, flags;
    int fd = number_fd(c, 5), got[2];

    meet(c, &t);
    pid_t child = conf_fork(c);
    if (child == 0) {
        EQ(c, give_fds(c, &t, MAX_GIVE, &fd, 1, EVER), MAX_GIVE);
        conf_exit();
    }
    close(fd);
    OK(c, take_fds(c, &t, 1000, got, 2, &n, &flags) > 0);
    EQ(c, n, 1);
    EQ(c, number_of(c, got[0]), 5);
    take_all(c, &t, t.b, MAX_GIVE - t.n_taken[0]);
    conf_join(c, child);
    part(c, &t);
}

const struct conf_case unix_fds_cases[] = {
    {"fds.one", one, NEEDS_ANY, NULL, NULL, 0},
    {"fds.same_description", same_description, NEEDS_ANY, NULL, NULL, 0},
    {"fds.several", several, NEEDS_ANY, NULL, NULL, 0},
    {"fds.most", most, NEEDS_ANY, NULL, NULL, 0},
    {"fds.too_many", too_many, NEEDS_ANY, "unix-too-many-fds", NULL, 0},
    {"fds.not_open", not_open, NEEDS_ANY, NULL, NULL, 0},
    {"fds.kinds", kinds, NEEDS_ANY, NULL, NULL, 0},
    {"fds.barrier", barrier, NEEDS_STREAM, "unix-barrier", NULL, 0},
    {"fds.with_their_byte", with_their_byte, NEEDS_STREAM, NULL, NULL, 0},
    {"fds.with_a_part", with_a_part, NEEDS_ANY, NULL, NULL, 0},
    {"fds.without_data", without_data, NEEDS_MESSAGES, NULL, NULL, 0},
    {"fds.stream_without_data", stream_without_data, NEEDS_STREAM, "unix-fds-need-a-byte", NULL,
     0},
    {"fds.with_much_data", with_much_data, NEEDS_STREAM, NULL, NULL, 0},
    {0},
};
