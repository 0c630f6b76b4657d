/* SPDX-License-Identifier: MIT */
/*
 * unix_cases_fds.c - descriptors with messages: what arrives
 */
#define _GNU_SOURCE
#include "unix_fds.h"

#include <errno.h>
#include <fcntl.h>
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

const struct conf_case unix_fds_cases[] = {
    {"fds.one", one, NEEDS_ANY, NULL, NULL, 0},
    {"fds.same_description", same_description, NEEDS_ANY, NULL, NULL, 0},
    {"fds.several", several, NEEDS_ANY, NULL, NULL, 0},
    {"fds.most", most, NEEDS_ANY, NULL, NULL, 0},
    {"fds.too_many", too_many, NEEDS_ANY, "unix-too-many-fds", NULL, 0},
    {"fds.not_open", not_open, NEEDS_ANY, NULL, NULL, 0},
    {"fds.kinds", kinds, NEEDS_ANY, NULL, NULL, 0},
    {0},
};
