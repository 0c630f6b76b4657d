/* SPDX-License-Identifier: MIT */
/* socket/memory_test.h - what the tests of connections in memory share */
#ifndef H7_SOCKET_MEMORY_TEST_H
#define H7_SOCKET_MEMORY_TEST_H

#include "base/unit_test.h"

#include "base/sys.h"

#include <fcntl.h>
#include <hepta/sock.h>

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

/* An abstract address of this process. */
static inline const char *unit_address(void)
{
    static char text[64];
    snprintf(text, sizeof text, "unix:@hepta-unit-%d", (int)getpid());
    return text;
}

#endif
