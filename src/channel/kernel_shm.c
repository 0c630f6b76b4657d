/* SPDX-License-Identifier: MIT */
/*
 * channel/kernel_shm.c - kernel.shm: a segment of the kernel's, its bytes as they are
 *
 * There is no protocol in it: a message is written over its beginning, and all its bytes are
 * received. A receiver that waits for another value compares, every few ms. Bytes are copied by
 * pread(2) and pwrite(2), so that who cuts the segment short does nobody harm; a value that is
 * written meanwhile can be seen in part, which shm: prevents.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sys.h"
#include "channel/channel_internal.h"

#define SIZE_DEFAULT 4096

struct shm_own {
    int fd;
    unsigned char *seen; /* what was received last */
    size_t seen_len;
    int any;
};

static int shm_make(const struct h7_address *a, int flags)
{
    int fd = shm_open(a->name, flags | O_CLOEXEC, h7_address_mode(a));

    return fd < 0 ? -errno : fd;
}

static int shm_create_fd(const struct h7_address *a)
{
    int fd = shm_make(a, O_RDWR | O_CREAT | O_EXCL);
    int r = fd < 0 ? fd
                   : h7_sys_allocate(fd, a->set & H7_OPT(SIZE) ? (off_t)a->size : SIZE_DEFAULT);

    if (fd >= 0 && r < 0) {
        shm_unlink(a->name);
        h7_sys_close(fd);
    }
    return r < 0 ? r : fd;
}

static int shm_open_channel(struct hepta_channel *ch, int64_t deadline)
{
    struct shm_own *own = ch->own;
    int fd = ch->at.set & H7_OPT(CREATE) ? shm_create_fd(&ch->at) : -EEXIST;
    (void)deadline;

    if (fd == -EEXIST)
        fd = shm_make(&ch->at, ch->flags & HEPTA_CHANNEL_SEND ? O_RDWR : O_RDONLY);
    own->fd = fd;
    return fd < 0 ? fd : 0;
}

static int shm_send(struct hepta_channel *ch, const struct hepta_channel_msg *msg,
                    int64_t deadline)
{
    struct shm_own *own = ch->own;
    struct stat st;
    (void)deadline;

    if (fstat(own->fd, &st) < 0)
        return -errno;
    if (msg->len > (size_t)st.st_size)
        return -EMSGSIZE;
    for (size_t done = 0; done < msg->len;) {
        ssize_t n = pwrite(own->fd, (const char *)msg->data + done, msg->len - done, (off_t)done);
        if (n < 0)
            return -errno;
        done += (size_t)n;
    }
    return 0;
}

static int shm_read(struct hepta_channel *ch, struct hepta_channel_msg *msg)
{
    struct shm_own *own = ch->own;
    struct stat st;

    if (fstat(own->fd, &st) < 0)
        return -errno;
    int r = h7_channel_room(ch, (size_t)st.st_size + 1);
    if (r < 0)
        return r;
    ssize_t n = h7_sys_pread(own->fd, ch->buf, (size_t)st.st_size, 0);
    if (n < 0)
        return (int)n;
    msg->data = ch->buf;
    msg->len = (size_t)n;
    return 1;
}

static int shm_changed(struct hepta_channel *ch, void *arg)
{
    struct hepta_channel_msg *msg = arg;
    struct shm_own *own = ch->own;
    int r = shm_read(ch, msg);

    if (r < 0)
        return r;
    if (own->any && own->seen_len == msg->len && !memcmp(own->seen, msg->data, msg->len))
        return -EAGAIN;
    unsigned char *seen = realloc(own->seen, msg->len + 1);
    if (!seen)
        return -ENOMEM;
    memcpy(seen, msg->data, msg->len);
    own->seen = seen;
    own->seen_len = msg->len;
    own->any = 1;
    return 1;
}

static int shm_recv(struct hepta_channel *ch, struct hepta_channel_msg *msg, int64_t deadline)
{
    return h7_channel_try(ch, shm_changed, msg, deadline);
}

static int shm_peek(struct hepta_channel *ch, struct hepta_channel_msg *msg, int64_t deadline)
{
    (void)deadline;
    return shm_read(ch, msg);
}

static int shm_stat_channel(struct hepta_channel *ch, struct hepta_channel_stat *st)
{
    struct shm_own *own = ch->own;
    struct stat fs;

    if (fstat(own->fd, &fs) < 0)
        return -errno;
    st->bytes = (uint64_t)fs.st_size;
    return 0;
}

static void shm_close_channel(struct hepta_channel *ch)
{
    struct shm_own *own = ch->own;

    free(own->seen);
    if (own->fd >= 0)
        h7_sys_close(own->fd);
}

static int shm_create(const struct h7_address *a)
{
    int fd = shm_create_fd(a);
    if (fd >= 0)
        h7_sys_close(fd);
    return fd < 0 ? fd : 0;
}

static int shm_remove(const struct h7_address *a)
{
    return shm_unlink(a->name) < 0 ? -errno : 0;
}

const struct h7_channel_ops h7_channel_kernel_shm = {
    .own_len = sizeof(struct shm_own),
    .open = shm_open_channel,
    .send = shm_send,
    .recv = shm_recv,
    .peek = shm_peek,
    .stat = shm_stat_channel,
    .close = shm_close_channel,
    .create = shm_create,
    .remove = shm_remove,
};
