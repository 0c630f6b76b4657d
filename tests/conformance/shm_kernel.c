/* SPDX-License-Identifier: MIT */
/* shm_kernel.c - the kernel's shared memory behind the table of shm_room.h */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm_room.h"

struct seg {
    void *p; /* NULL: it is empty */
    size_t len;
    int fd;
    int prot;
};

static int64_t k_size(struct seg *s)
{
    struct stat st;
    return fstat(s->fd, &st) < 0 ? -errno : st.st_size;
}

static int map(struct seg *s, size_t len)
{
    if (s->p)
        munmap(s->p, s->len);
    s->p = NULL;
    s->len = 0;
    if (len == 0)
        return 0;
    void *p = mmap(NULL, len, s->prot, MAP_SHARED, s->fd, 0);
    if (p == MAP_FAILED)
        return -errno;
    s->p = p;
    s->len = len;
    return 0;
}

static int k_close(struct seg *s)
{
    if (s->p)
        munmap(s->p, s->len);
    close(s->fd);
    free(s);
    return 0;
}

/* Of @fd, which is closed when this fails. */
static int wrap(struct seg **out, int fd, int access, size_t new_len)
{
    struct seg *s = calloc(1, sizeof(*s));
    s->fd = fd;
    s->prot = access == O_RDWR ? PROT_READ | PROT_WRITE : PROT_READ;
    int r = 0;
    if (new_len > 0 && k_size(s) == 0)
        r = ftruncate(fd, (off_t)new_len) < 0 ? -errno : 0;
    if (r == 0)
        r = map(s, (size_t)k_size(s));
    if (r < 0)
        k_close(s);
    else
        *out = s;
    return r;
}

static int k_open(struct seg **s, const char *name, int flags, mode_t mode, size_t len)
{
    int fd = shm_open(name, flags, mode);
    return fd < 0 ? -errno : wrap(s, fd, flags & O_ACCMODE, flags & O_CREAT ? len : 0);
}

static int k_anonymous(struct seg **s, size_t len)
{
    int fd = memfd_create("conformance", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK);
    return wrap(s, fd, O_RDWR, len);
}

static int k_export(struct seg *s, int access)
{
    char path[32];
    if (access == O_RDWR && !(s->prot & PROT_WRITE))
        return -EACCES;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", s->fd);
    int fd = open(path, access | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int k_import(struct seg **s, int fd, int access)
{
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return own < 0 ? -errno : wrap(s, own, access, 0);
}

static char *k_data(struct seg *s)
{
    return s->p;
}

static size_t k_len(struct seg *s)
{
    return s->len;
}

static int k_grow(struct seg *s, size_t len)
{
    if (len > 0 && ftruncate(s->fd, (off_t)len) < 0)
        return -errno;
    return map(s, (size_t)k_size(s));
}

static int k_unlink(const char *name)
{
    return shm_unlink(name) < 0 ? -errno : 0;
}

static int k_get(key_t key, size_t len, int flags)
{
    int id = shmget(key, len, flags);
    return id < 0 ? -errno : id;
}

static int k_at(int id, const void *addr, int flags, char **ptr)
{
    void *p = shmat(id, addr, flags);
    if (p == (void *)-1)
        return -errno;
    *ptr = p;
    return 0;
}

static int k_dt(const void *ptr)
{
    return shmdt(ptr) < 0 ? -errno : 0;
}

static int k_ctl(int id, int cmd, void *buf)
{
    int r = shmctl(id, cmd, buf);
    return r < 0 ? -errno : r;
}

const struct shm_ops shm_kernel_ops = {
    .open = k_open,
    .anonymous = k_anonymous,
    .export = k_export,
    .import = k_import,
    .data = k_data,
    .len = k_len,
    .size = k_size,
    .grow = k_grow,
    .close = k_close,
    .unlink = k_unlink,
    .get = k_get,
    .at = k_at,
    .dt = k_dt,
    .ctl = k_ctl,
};
