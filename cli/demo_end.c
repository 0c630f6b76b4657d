/* SPDX-License-Identifier: MIT */
/*
 * cli/demo_end.c - one end of a pipe, the kernel's or Hepta's, and its way over exec
 *
 * Both travel alike: descriptors that aren't close-on-exec, their numbers in argv.
 */
#define _GNU_SOURCE
#include "cli/demo.h"

#include <errno.h>
#include <fcntl.h>
#include <hepta/pipe.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

_Static_assert(DEMO_END_FDS >= HEPTA_PIPE_NFDS, "an exported end has to fit");

static const char *const names[DEMO_WAYS] = {"kernel", "hepta", "hepta-spsc"};

const char *demo_way_name(enum demo_way way)
{
    return names[way];
}

size_t demo_capacity(size_t record)
{
    return record < 65536 ? 65536 : 1u << 20;
}

static int kernel_pair(size_t capacity, struct demo_end *reader, struct demo_end *writer)
{
    int fd[2];

    if (pipe2(fd, O_CLOEXEC))
        return -errno;
    reader->fd = fd[0];
    writer->fd = fd[1];
    return fcntl(fd[1], F_SETPIPE_SZ, (int)capacity) < 0 ? -errno : 0;
}

int demo_pair(enum demo_way way, size_t capacity, struct demo_end *reader, struct demo_end *writer)
{
    struct hepta_pipe_options opt = {
        .size = sizeof(opt), .capacity = capacity, .flags = way == DEMO_SPSC ? HEPTA_PIPE_SPSC : 0};

    *reader = *writer = (struct demo_end){.way = way, .fd = -1};
    if (way == DEMO_KERNEL)
        return kernel_pair(capacity, reader, writer);
    return hepta_pipe_new(&reader->pipe, &writer->pipe, &opt);
}

int demo_end_hand(const struct demo_end *end, char text[DEMO_END_TEXT], int fds[DEMO_END_FDS])
{
    if (end->way == DEMO_KERNEL) {
        fds[0] = dup(end->fd);
        snprintf(text, DEMO_END_TEXT, "%s:%d", names[end->way], fds[0]);
        return fds[0] < 0 ? -errno : 0;
    }
    int rc = hepta_pipe_export(end->pipe, fds);
    snprintf(text, DEMO_END_TEXT, "%s:%d,%d,%d", names[end->way], fds[0], fds[1], fds[2]);
    return rc;
}

int demo_end_take(const char *text, struct demo_end *end)
{
    const char *colon = strchr(text, ':');
    int fds[HEPTA_PIPE_NFDS], way = 0;

    if (!colon)
        return -EINVAL;
    while (way < DEMO_WAYS && (strlen(names[way]) != (size_t)(colon - text) ||
                               strncmp(text, names[way], (size_t)(colon - text)) != 0))
        way++;
    *end = (struct demo_end){.way = (enum demo_way)way, .fd = -1};
    if (way == DEMO_WAYS)
        return -EINVAL;
    if (way == DEMO_KERNEL)
        return sscanf(colon + 1, "%d", &end->fd) == 1 ? 0 : -EINVAL;
    if (sscanf(colon + 1, "%d,%d,%d", &fds[0], &fds[1], &fds[2]) != HEPTA_PIPE_NFDS)
        return -EINVAL;
    return hepta_pipe_attach(&end->pipe, fds, NULL);
}

static ssize_t write_some(struct demo_end *end, const void *buf, size_t len)
{
    if (end->way != DEMO_KERNEL)
        return hepta_pipe_write(end->pipe, buf, len, HEPTA_FOREVER);
    ssize_t n = write(end->fd, buf, len);
    return n < 0 ? -errno : n;
}

int demo_write(struct demo_end *end, const void *buf, size_t len)
{
    const unsigned char *p = buf;

    while (len > 0) {
        ssize_t n = write_some(end, p, len);
        if (n < 0 && n != -EINTR)
            return (int)n;
        if (n > 0) {
            p += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

ssize_t demo_read(struct demo_end *end, void *buf, size_t len)
{
    ssize_t n;

    do {
        if (end->way != DEMO_KERNEL) {
            n = hepta_pipe_read(end->pipe, buf, len, HEPTA_FOREVER);
        } else {
            n = read(end->fd, buf, len);
            n = n < 0 ? -errno : n;
        }
    } while (n == -EINTR);
    return n;
}

int demo_read_all(struct demo_end *end, void *buf, size_t len)
{
    unsigned char *p = buf;

    while (len > 0) {
        ssize_t n = demo_read(end, p, len);
        if (n <= 0)
            return n < 0 ? (int)n : -EPIPE;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

void demo_end_close(struct demo_end *end)
{
    if (end->fd >= 0)
        close(end->fd);
    end->fd = -1;
    end->pipe = hepta_pipe_close(end->pipe);
}
