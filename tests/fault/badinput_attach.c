/* SPDX-License-Identifier: MIT */
/*
 * badinput_attach.c - descriptors and segments that hepta_pipe_attach() must refuse
 *
 * What it is given comes from another program, so this is the longest list of badinput.c's.
 * FORGE() makes a copy of a good segment with one header field changed.
 */
#define _GNU_SOURCE
#include "badinput.h"

#include "../lib/t.h"
#include "prim/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static struct hepta_pipe *q;

int attach_refused(const int fds[HEPTA_PIPE_NFDS])
{
    struct t_usage before = t_usage();
    int rc;

    q = (struct hepta_pipe *)buf;
    rc = hepta_pipe_attach(&q, fds, NULL);
    if (rc < 0) {
        EXPECT(q != NULL, 0);
        EXPECT(t_usage_same("attach", before, t_usage()), 1);
    } else {
        hepta_pipe_close(q);
    }
    return rc;
}

static void close_fds(int fds[HEPTA_PIPE_NFDS])
{
    for (int i = 0; i < HEPTA_PIPE_NFDS; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

/* Attach with descriptor number @i of a good set replaced by @fd, which is closed. */
static int attach_with(int i, int fd)
{
    int fds[HEPTA_PIPE_NFDS], rc;

    if (hepta_pipe_export(r, fds) < 0)
        t_die("hepta_pipe_export");
    close(fds[i]);
    fds[i] = fd;
    rc = attach_refused(fds);
    if (rc < 0)
        close_fds(fds);
    return rc;
}

static int reopened(int fd, int flags)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open(path, flags | O_CLOEXEC);
}

void test_attach_descriptors(void)
{
    int fds[HEPTA_PIPE_NFDS], swapped[HEPTA_PIPE_NFDS], theirs[HEPTA_PIPE_NFDS], ends[2];
    struct hepta_pipe *r2, *w2;

    fresh(0);
    hepta_pipe_export(r, fds);
    EXPECT(hepta_pipe_attach(NULL, fds, NULL), -EFAULT);
    EXPECT(hepta_pipe_attach(&q, NULL, NULL), -EFAULT);
    EXPECT(hepta_pipe_attach(&q, fds, &(struct hepta_pipe_options){.size = 0}), -EINVAL);
    for (int i = 0; i < HEPTA_PIPE_NFDS; i++) {
        EXPECT(attach_with(i, -1), -EBADF);
        EXPECT(attach_with(i, 1000000), -EBADF);
    }
    EXPECT(attach_with(0, open("/dev/null", O_RDWR | O_CLOEXEC)), -EPROTO);
    EXPECT(attach_with(0, reopened(fds[0], O_RDONLY)), -EBADF);
    for (int i = 1; i < HEPTA_PIPE_NFDS; i++) {
        EXPECT(attach_with(i, open("/dev/null", O_RDWR | O_CLOEXEC)), -EPROTO);
        EXPECT(attach_with(i, dup(fds[0])), -EPROTO);
        if (pipe2(ends, O_CLOEXEC) < 0)
            t_die("pipe2");
        EXPECT(attach_with(i, ends[0]), -EPROTO);
        EXPECT(attach_with(i, ends[1]), -EPROTO);
    }
    memcpy(swapped, fds, sizeof(fds));
    swapped[1] = fds[2];
    swapped[2] = fds[1];
    EXPECT(attach_refused(swapped), -EBADF); /* each is open for the other direction */
    /* Another pipe's bells: of the right kind, but not this pipe's. */
    if (hepta_pipe_new(&r2, &w2, NULL) < 0 || hepta_pipe_export(r2, theirs) < 0)
        t_die("second pipe");
    for (int i = 1; i < HEPTA_PIPE_NFDS; i++)
        EXPECT(attach_with(i, dup(theirs[i])), -EPROTO);
    close_fds(theirs);
    hepta_pipe_close(r2);
    hepta_pipe_close(w2);
    EXPECT(attach_refused(fds), 0);
    done();
}

/* A copy of the segment as an evil maker would send it; sealed if @sealed. */
static int forged(off_t len, off_t at, const void *bytes, size_t n, bool sealed)
{
    int fds[HEPTA_PIPE_NFDS], fd = memfd_create("hepta-forged", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    struct stat st;
    char *copy;

    hepta_pipe_export(r, fds);
    if (fd < 0 || fstat(fds[0], &st) < 0)
        t_die("forged");
    copy = malloc((size_t)st.st_size);
    if (!copy || pread(fds[0], copy, (size_t)st.st_size, 0) != st.st_size)
        t_die("forged");
    if (n)
        memcpy(copy + at, bytes, n);
    if (pwrite(fd, copy, (size_t)st.st_size, 0) != st.st_size ||
        (len && ftruncate(fd, len) < 0))
        t_die("forged");
    free(copy);
    if (sealed)
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    close_fds(fds);
    return fd;
}

#define FORGE(field, value)                                                                        \
    forged(0, offsetof(struct h7_segment_header, field),                                           \
           &(__typeof__(((struct h7_segment_header *)0)->field)){value},                           \
           sizeof(((struct h7_segment_header *)0)->field), true)

void test_attach_segment(void)
{
    fresh(0);
    EXPECT(attach_with(0, forged(0, 0, NULL, 0, false)), -EPERM);
    EXPECT(attach_with(0, FORGE(magic, 0)), -EPROTO);
    EXPECT(attach_with(0, FORGE(magic, 1)), -EPROTO);
    EXPECT(attach_with(0, FORGE(version, 0)), -EPROTONOSUPPORT);
    EXPECT(attach_with(0, FORGE(version, 999)), -EPROTONOSUPPORT);
    EXPECT(attach_with(0, FORGE(kind, 999)), -EMEDIUMTYPE);
    EXPECT(attach_with(0, forged(4096, 0, NULL, 0, true)), -ENODATA);
    EXPECT(attach_with(0, forged(16384, 0, NULL, 0, true)), -ENODATA);
    EXPECT(attach_with(0, forged(1, 0, NULL, 0, true)), -EPROTO);
    EXPECT(attach_with(0, FORGE(pidns, 1)), -EXDEV);
    EXPECT(attach_with(0, FORGE(len, 1)), -EBADMSG);
    EXPECT(attach_with(0, FORGE(len, UINT64_MAX)), -ENODATA);
    EXPECT(attach_with(0, FORGE(data_off, 0)), -EBADMSG);
    EXPECT(attach_with(0, FORGE(data_off, 1)), -EBADMSG);
    EXPECT(attach_with(0, FORGE(data_off, UINT64_MAX)), -EBADMSG);
    EXPECT(attach_with(0, FORGE(data_len, 0)), -EBADMSG);
    EXPECT(attach_with(0, FORGE(data_len, 4096)), -EBADMSG);
    EXPECT(attach_with(0, FORGE(data_len, 1ULL << 62)), -EBADMSG);
    EXPECT(attach_with(0, FORGE(flags, UINT32_MAX)), -EBADMSG);
    done();
}
