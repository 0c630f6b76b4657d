/* SPDX-License-Identifier: MIT */
/* socket/memory_test.h - what the tests of connections in memory share */
#ifndef H7_SOCKET_MEMORY_TEST_H
#define H7_SOCKET_MEMORY_TEST_H

#include "base/unit_test.h"

#include "base/sys.h"

#include <fcntl.h>
#include <hepta/sock.h>
#include <stddef.h>
#include <sys/un.h>

#include "socket/memory.h"

/* How many descriptors this process has; takes none itself. */
static inline int unit_n_fds(void)
{
    int n = 0;
    for (int fd = 0; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* The lowest number that is free. */
static inline int unit_next_fd(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(fd);
    return fd;
}

/* The fixture of most: a connection, checked after each test. */
static struct hepta_sock *a __attribute__((unused)), *b __attribute__((unused));

static inline int open_type(uint32_t type)
{
    struct hepta_sock_options opt = {.size = sizeof opt, .type = type};
    return hepta_sock_pair(&a, &b, &opt);
}

static inline int open_stream(void **state)
{
    (void)state;
    return open_type(HEPTA_SOCK_STREAM);
}

static inline int open_seqpacket(void **state)
{
    (void)state;
    return open_type(HEPTA_SOCK_SEQPACKET);
}

static inline int close_both(void **state)
{
    char why[128] = "";
    (void)state;
    int r = a ? h7_memory_check(a, why, sizeof why) : 0;
    a = hepta_sock_close(a);
    b = hepta_sock_close(b);
    if (r < 0)
        fail_msg("after the test: %s", why);
    return 0;
}

/* An abstract address of this process. */
static inline const char *unit_address(void)
{
    static char text[64];
    snprintf(text, sizeof text, "unix:@hepta-unit-%d", (int)getpid());
    return text;
}

/* A stranger: connected to that, and free to say anything. */
static inline int stranger(void)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const char *name = unit_address() + strlen("unix:@");
    memcpy(sa.sun_path + 1, name, strlen(name));
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, len), 0);
    return fd;
}

#endif
