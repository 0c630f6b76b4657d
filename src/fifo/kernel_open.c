/* SPDX-License-Identifier: MIT */
/*
 * fifo/kernel_open.c - making, opening and unlinking the kernel's own FIFO
 *
 * What isn't a FIFO is not opened at all, since to open a device or a file can do something:
 * the path is looked up once without opening (O_PATH), and what was found is opened through
 * /proc/self/fd.
 *
 * HEPTA_FOREVER is the kernel's open that waits, which misses no partner. It knows no
 * deadline. With one, a writer tries again and again not to wait; a reader is open already, and
 * finds out whether a writer has come:
 *   has come and gone   poll(2) shows POLLHUP
 *   has written         poll(2) shows POLLIN
 *   is there, silent    tee(2) gives -EAGAIN, where without a writer it gives 0. It takes
 *                       nothing out, and nobody sees it.
 * Nobody is woken for the last, so both look every few ms.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sys.h"
#include "fifo/kernel.h"

#define NAP_MIN_NS (H7_MS / 8)
#define NAP_MAX_NS (4 * H7_MS)

struct search {
    const char *path;
    int found; /* O_PATH */
};

/* --- what lies there ---------------------------------------------------------------- */

/* 0, or -EMEDIUMTYPE. */
static int must_be_fifo(int dirfd, const char *path)
{
    struct statx st;
    int r = h7_sys_statx(dirfd, path, &st);
    return r < 0 ? r : S_ISFIFO(st.stx_mode) ? 0 : -EMEDIUMTYPE;
}

/* fd, or why it isn't one; closed then. */
static int keep_fifo(int fd)
{
    int r = fd < 0 ? fd : must_be_fifo(fd, "");
    if (r == 0)
        return fd;
    h7_sys_close(fd);
    return r;
}

static int open_found(const struct search *s, int flags)
{
    char proc[32];
    snprintf(proc, sizeof proc, "/proc/self/fd/%d", s->found);
    int fd = h7_sys_openat(AT_FDCWD, proc, flags | O_CLOEXEC, 0);
    if (fd != -ENOENT)
        return fd;
    /* No /proc here: once more by its path. What has taken its place meanwhile is refused, too,
     * though only after it was opened. */
    return keep_fifo(h7_sys_openat(AT_FDCWD, s->path, flags | O_CLOEXEC | O_NOCTTY, 0));
}

/* --- waiting for a partner ------------------------------------------------------------ */

int h7_kernel_fifo_has_writer(int fd)
{
    int scratch[2];
    if (pipe2(scratch, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    ssize_t n = h7_sys_tee(fd, scratch[1], 1);
    h7_sys_close(scratch[0]);
    h7_sys_close(scratch[1]);
    return n == -EAGAIN || n > 0 ? 1 : (int)n;
}

/* A bit longer each time. 0, or 1: p showed something; -ETIMEDOUT, -EINTR. */
static int nap(struct pollfd *p, int64_t *ns, int64_t deadline)
{
    int64_t now = hepta_now_ns();
    if (now >= deadline)
        return -ETIMEDOUT;
    int r = h7_sys_poll(p, p ? 1 : 0, h7_earlier(deadline, now + *ns));
    *ns = h7_earlier(2 * *ns, NAP_MAX_NS);
    return r;
}

static int wait_for_writer(int fd, int64_t deadline)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int64_t ns = NAP_MIN_NS;
    int r;
    do {
        r = h7_kernel_fifo_has_writer(fd);
        if (r == 0)
            r = nap(&p, &ns, deadline);
    } while (r == 0);
    return r < 0 ? r : 0;
}

static int open_reader(const struct search *s, int64_t deadline)
{
    int fd = open_found(s, O_RDONLY | O_NONBLOCK);
    if (fd < 0 || deadline == HEPTA_NOW)
        return fd;
    int r = wait_for_writer(fd, deadline);
    if (r == 0)
        return fd;
    h7_sys_close(fd);
    return r;
}

static int open_writer(const struct search *s, int64_t deadline)
{
    int64_t ns = NAP_MIN_NS;
    for (;;) {
        int fd = open_found(s, O_WRONLY | O_NONBLOCK);
        if (fd != -ENXIO || deadline == HEPTA_NOW)
            return fd;
        int r = nap(NULL, &ns, deadline);
        if (r < 0)
            return r;
    }
}

static int open_and_wait(const struct search *s, int flags)
{
    int fd = open_found(s, flags);
    int r = fd < 0 ? fd : h7_sys_nonblock(fd, 1);
    if (r == 0)
        return fd;
    h7_sys_close(fd);
    return r;
}

static int open_for(const struct search *s, uint32_t access, int64_t deadline)
{
    const bool reads = access & HEPTA_FIFO_READ, writes = access & HEPTA_FIFO_WRITE;
    if (reads && writes)
        return open_found(s, O_RDWR | O_NONBLOCK);
    if (deadline == HEPTA_FOREVER)
        return open_and_wait(s, reads ? O_RDONLY : O_WRONLY);
    return reads ? open_reader(s, deadline) : open_writer(s, deadline);
}

/* --- the verbs -------------------------------------------------------------------------- */

/* Both belong to what is open, the first to this one, the second to the pipe. */
static int tune(int fd, const struct hepta_fifo_options *opt)
{
    if (opt->flags & HEPTA_FIFO_PACKET) {
        int flags = fcntl(fd, F_GETFL);
        if (flags < 0 || fcntl(fd, F_SETFL, flags | O_DIRECT) < 0)
            return -errno;
    }
    if (opt->capacity && fcntl(fd, F_SETPIPE_SZ, (unsigned)opt->capacity) < 0)
        return -errno;
    return 0;
}

int h7_kernel_fifo_open(struct hepta_fifo *f, const char *path,
                        const struct hepta_fifo_options *opt, int64_t deadline)
{
    /* Packets are made where they are written. */
    if (opt->flags & HEPTA_FIFO_PACKET && !(f->access & HEPTA_FIFO_WRITE))
        return -EINVAL;
    struct search s = {path, keep_fifo(h7_sys_openat(AT_FDCWD, path, O_PATH | O_CLOEXEC, 0))};
    if (s.found < 0)
        return s.found;
    f->fd = open_for(&s, f->access, h7_deadline(deadline));
    h7_sys_close(s.found);
    int r = f->fd < 0 ? f->fd : tune(f->fd, opt);
    if (r < 0) {
        h7_sys_close(f->fd);
        return r;
    }
    f->wait = opt->wait;
    h7_store64_relaxed(&f->gen, H7_FIFO_NO_GEN);
    return 0;
}

int h7_kernel_fifo_make(const char *path, mode_t mode, const struct hepta_fifo_options *opt)
{
    /* A name can't keep these. */
    if (opt->flags || opt->capacity)
        return -EINVAL;
    return h7_sys_mkfifoat(AT_FDCWD, path, mode);
}

int h7_kernel_fifo_unlink(const char *path)
{
    int r = must_be_fifo(AT_FDCWD, path);
    return r < 0 ? r : h7_sys_unlinkat(AT_FDCWD, path, 0);
}
