/* SPDX-License-Identifier: MIT */
/*
 * handshake_tricks.c - see handshake.h: ways of connecting to a listener and not introducing
 * oneself as one should. Start with the table at the end.
 */
#define _GNU_SOURCE
#include "handshake.h"

#include "../lib/t.h"
#include "socket/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char *address;
static uint32_t type;
static uint64_t *seed;

static uint64_t rnd(uint64_t below)
{
    return t_random(seed) % below;
}

static int connected(void)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    const char *name = strchr(address, '@') + 1;
    int kind = type == HEPTA_SOCK_STREAM ? SOCK_STREAM : SOCK_SEQPACKET;
    int fd = socket(AF_UNIX, kind | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    strcpy(un.sun_path + 1, name);
    if (fd < 0)
        _exit(2);
    while (connect(fd, (struct sockaddr *)&un,
                   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name))) < 0) {
        if (hostility_over())
            _exit(0);
        t_sleep_ns(T_MS); /* the backlog is full */
    }
    return fd;
}

static void say(int fd, const void *buf, size_t len, const int *fds, size_t n_fds)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(HEPTA_SOCK_FDS_MAX * sizeof(int))];
    } control = {0};
    struct iovec iov = {(void *)(uintptr_t)buf, len};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

    if (n_fds) {
        m.msg_control = &control;
        m.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
        control.head = (struct cmsghdr){CMSG_LEN(n_fds * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.head), fds, n_fds * sizeof(int));
    }
    sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Good parts, to be spoilt. */
static struct h7_hello hello;
static struct h7_memory_parts parts;
static int fds[HEPTA_SOCK_FDS_MAX];

static void get_parts(void)
{
    struct hepta_sock_options small = {.size = sizeof(small), .capacity = 4096};

    if (h7_memory_parts(&parts, &small, type) < 0)
        _exit(2);
    hello = (struct h7_hello){H7_HELLO_MAGIC, H7_SEGMENT_VERSION, type};
    for (int i = 0; i < HEPTA_SOCK_FDS_MAX; i++)
        fds[i] = parts.space[1];
    fds[0] = parts.seg[0].fd;
    fds[1] = parts.seg[1].fd;
    fds[3] = parts.rights[1];
}

enum segment_fault { UNSEALED, SHORT, EMPTY, HUGE_HEADER, SPARSE, READ_ONLY, NOISE, FAULTS };

/* A segment that must be refused. */
static int spoilt(enum segment_fault fault)
{
    struct h7_segment_header h;
    int fd = memfd_create("hepta-spoilt", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    off_t len = (off_t)(parts.seg[0].data_off + parts.seg[0].data_len);
    char path[40];

    if (pread(parts.seg[0].fd, &h, sizeof(h), 0) != sizeof(h))
        _exit(2);
    if (fault == NOISE)
        for (size_t i = 8; i < sizeof(h); i++)
            ((unsigned char *)&h)[i] ^= (unsigned char)(rnd(8) ? 0 : 1 + rnd(255));
    if (fault == HUGE_HEADER || fault == SPARSE) {
        h.data_len = fault == SPARSE ? 1UL << 24 : HEPTA_SOCK_CAPACITY_MAX * 2;
        h.len = h.data_off + h.data_len;
        len = (off_t)h.len;
    }
    len = fault == SHORT ? len - 4096 : fault == EMPTY ? 0 : len;
    if (ftruncate(fd, len) < 0 || (len && pwrite(fd, &h, sizeof(h), 0) < 0))
        _exit(2);
    if (fault != UNSEALED)
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    if (fault != READ_ONLY)
        return fd;
    close(fd);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", parts.seg[0].fd);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* --- tricks: each gets a connection, which is closed after it ---------------------------- */

static void silent(int fd)
{
    struct pollfd p = {fd, POLLIN, 0};

    poll(&p, 1, 3 * HANDSHAKE_MS); /* until it is turned away */
}

static void noise(int fd)
{
    char junk[5000];

    for (size_t i = 0; i < sizeof(junk); i++)
        junk[i] = (char)rnd(256);
    say(fd, junk, rnd(2) ? 1 + rnd(sizeof(junk)) : sizeof(hello), NULL, 0);
}

static void empty_message(int fd)
{
    say(fd, "", 0, NULL, 0);
    silent(fd);
}

static void half_hello(int fd)
{
    say(fd, &hello, 1 + rnd(sizeof(hello) - 1), fds, rnd(2) ? H7_HELLO_FDS : 0);
    silent(fd);
}

static void no_descriptors(int fd)
{
    say(fd, &hello, sizeof(hello), NULL, 0);
    silent(fd);
}

static void few_descriptors(int fd)
{
    say(fd, &hello, sizeof(hello), fds, 1 + rnd(3));
}

static void many_descriptors(int fd)
{
    say(fd, &hello, sizeof(hello), fds, rnd(2) ? HEPTA_SOCK_FDS_MAX : 5 + rnd(10));
}

static void wrong_order(int fd)
{
    const int mixed[] = {fds[3], fds[2], fds[1], fds[0]};

    say(fd, &hello, sizeof(hello), mixed, 4);
}

static void wrong_words(int fd)
{
    unsigned char *at = (unsigned char *)&hello;

    at[rnd(sizeof(hello))] ^= (unsigned char)(1 + rnd(255));
    say(fd, &hello, sizeof(hello), fds, H7_HELLO_FDS);
}

static void wrong_sockets(int fd)
{
    int ends[2], at = 2 + (int)rnd(2);

    if (pipe2(ends, O_CLOEXEC) < 0)
        _exit(2);
    fds[at] = rnd(2) ? ends[rnd(2)] : rnd(2) ? fds[5 - at] : 0;
    say(fd, &hello, sizeof(hello), fds, H7_HELLO_FDS);
    close(ends[0]);
    close(ends[1]);
}

static void wrong_segment(int fd)
{
    int bad = spoilt((enum segment_fault)rnd(FAULTS));

    fds[rnd(2)] = bad;
    say(fd, &hello, sizeof(hello), fds, H7_HELLO_FDS);
    close(bad);
}

/* Itself among the descriptors: a circle that only the kernel can undo. */
static void itself(int fd)
{
    fds[2 + rnd(2)] = fd;
    say(fd, &hello, sizeof(hello), fds, H7_HELLO_FDS);
}

static void ends_at_once(int fd)
{
    shutdown(fd, (int)rnd(3));
    silent(fd);
}

static void flood(int fd)
{
    for (int i = 0; i < 100 && !hostility_over(); i++)
        close(connected());
    (void)fd;
}

static void crowd(int fd)
{
    int more[40];

    for (size_t i = 0; i < T_COUNT(more); i++)
        more[i] = connected();
    silent(fd);
    for (size_t i = 0; i < T_COUNT(more); i++)
        close(more[i]);
}

/* A good hello, and then gone, or no word: this one may be accepted. */
static void good_but_mute(int fd)
{
    say(fd, &hello, sizeof(hello), fds, H7_HELLO_FDS);
    if (rnd(2))
        silent(fd);
}

static void (*const tricks[])(int fd) = {
    silent,      noise,       empty_message, half_hello,    no_descriptors, few_descriptors,
    many_descriptors, wrong_order, wrong_words, wrong_sockets, wrong_segment, itself,
    ends_at_once, flood,      crowd,         good_but_mute,
};
_Static_assert(T_COUNT(tricks) == N_TRICKS, "the main program counts them");

size_t play_a_trick(const char *at, uint32_t of_type, uint64_t *random)
{
    size_t which;
    int fd;

    address = at;
    type = of_type;
    seed = random;
    which = rnd(T_COUNT(tricks));
    fd = connected();
    get_parts();
    tricks[which](fd);
    h7_memory_parts_drop(&parts);
    close(fd);
    return which;
}
