/* SPDX-License-Identifier: MIT */
/* enter.c - see enter.h */
#define _GNU_SOURCE
#include "enter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

void net_enter(void)
{
    struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};

    if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) {
        printf("no network namespace is permitted here\n");
        fflush(NULL);
        _exit(NET_SKIP);
    }
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo) < 0)
        t_die("lo: %s", strerror(errno));
    close(fd);
}

void net_hole(int fds[2])
{
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(7000), .sin_addr = {htonl(INADDR_LOOPBACK)},
    };

    for (int i = 0; i < 2; i++)
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (bind(fds[0], (void *)&at, sizeof(at)) < 0 || listen(fds[0], 0) < 0)
        t_die("the hole: %s", strerror(errno));
    connect(fds[1], (void *)&at, sizeof(at));
    if (poll(&(struct pollfd){.fd = fds[0], .events = POLLIN}, 1, 5000) != 1)
        t_die("the hole doesn't fill");
}
