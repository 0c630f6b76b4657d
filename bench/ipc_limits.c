/* SPDX-License-Identifier: MIT */
/* bench/ipc_limits.c - see ipc_limits.h */
#define _GNU_SOURCE
#include "bench/ipc_limits.h"

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* The highest values that the kernel takes. Where one can't be written it stays. */
static const struct {
    const char *path, *value;
} limits[] = {
    {"/proc/sys/fs/mqueue/msg_max", "65536"},
    {"/proc/sys/fs/mqueue/msgsize_max", "16777216"},
    {"/proc/sys/kernel/msgmax", "2147483647"},
    {"/proc/sys/kernel/msgmnb", "2147483647"},
};

static void write_value(const char *path, const char *value)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return;
    if (write(fd, value, strlen(value)) < 0) { /* then the depth of the queues tells */
    }
    close(fd);
}

/* What all queues of this user may take together is the process's limit. */
static void raise_bytes(void)
{
    struct rlimit r = {RLIM_INFINITY, RLIM_INFINITY};

    if (!setrlimit(RLIMIT_MSGQUEUE, &r) || getrlimit(RLIMIT_MSGQUEUE, &r))
        return;
    r.rlim_cur = r.rlim_max;
    setrlimit(RLIMIT_MSGQUEUE, &r);
}

void ipc_limits_raise(void)
{
    static bool done;

    if (done)
        return;
    done = true;
    raise_bytes();
    if (unshare(CLONE_NEWIPC))
        return;
    for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++)
        write_value(limits[i].path, limits[i].value);
}
