/* SPDX-License-Identifier: MIT */
/*
 * unix_cases_fds_data.c - descriptors with messages: which bytes they come with
 */
#define _GNU_SOURCE
#include "unix_fds.h"

#include <errno.h>
#include <unistd.h>

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

const struct conf_case unix_fds_data_cases[] = {
    {"fds.barrier", barrier, NEEDS_STREAM, "unix-barrier", NULL, 0},
    {"fds.with_their_byte", with_their_byte, NEEDS_STREAM, NULL, NULL, 0},
    {"fds.with_a_part", with_a_part, NEEDS_ANY, NULL, NULL, 0},
    {"fds.without_data", without_data, NEEDS_MESSAGES, NULL, NULL, 0},
    {"fds.stream_without_data", stream_without_data, NEEDS_STREAM, "unix-fds-need-a-byte", NULL,
     0},
    {"fds.with_much_data", with_much_data, NEEDS_STREAM, NULL, NULL, 0},
    {0},
};
