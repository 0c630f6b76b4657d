/* SPDX-License-Identifier: MIT */
/* shm_hepta.c - Hepta's shared memory behind the table of shm_room.h */
#define _GNU_SOURCE
#include "shm_room.h"

/* Room to grow in, of each handle. */
#define LEN_MAX ((size_t)4 << 20)

static struct hepta_shm *of(struct seg *s)
{
    return (struct hepta_shm *)s;
}

static struct hepta_shm_options options(size_t len)
{
    return (struct hepta_shm_options){.size = sizeof(struct hepta_shm_options),
                                      .len = len,
                                      .len_max = len > LEN_MAX ? len : LEN_MAX};
}

static uint32_t flags_of(int flags)
{
    uint32_t f = (flags & O_ACCMODE) == O_RDWR ? HEPTA_SHM_WRITE : 0;
    f |= flags & O_CREAT ? HEPTA_SHM_CREATE : 0;
    f |= flags & O_EXCL ? HEPTA_SHM_EXCL : 0;
    return f | (flags & O_TRUNC ? 1u << 31 : 0); /* what there is no flag for */
}

static int h_open(struct seg **s, const char *name, int flags, mode_t mode, size_t len)
{
    struct hepta_shm_options opt = options(len);
    return hepta_shm_open(name, flags_of(flags), mode, &opt, (struct hepta_shm **)s);
}

static int h_anonymous(struct seg **s, size_t len)
{
    struct hepta_shm_options opt = options(len);
    return hepta_shm_new(&opt, (struct hepta_shm **)s);
}

static int h_export(struct seg *s, int access)
{
    return hepta_shm_export(of(s), flags_of(access));
}

static int h_import(struct seg **s, int fd, int access)
{
    struct hepta_shm_options opt = options(0);
    return hepta_shm_import(fd, flags_of(access), &opt, (struct hepta_shm **)s);
}

static char *h_data(struct seg *s)
{
    return hepta_shm_data(of(s));
}

static size_t h_len(struct seg *s)
{
    return hepta_shm_len(of(s));
}

static int64_t h_size(struct seg *s)
{
    struct hepta_shm_stat stat;
    int r = hepta_shm_stat(of(s), &stat);
    return r < 0 ? r : (int64_t)stat.len;
}

static int h_grow(struct seg *s, size_t len)
{
    return hepta_shm_grow(of(s), len);
}

static int h_close(struct seg *s)
{
    return hepta_shm_close(of(s));
}

static int h_at(int id, const void *addr, int flags, char **ptr)
{
    void *p = NULL;
    int r = hepta_shm_at(id, addr, flags, &p);
    if (r == 0)
        *ptr = p;
    return r;
}

const struct shm_ops shm_hepta_ops = {
    .open = h_open,
    .anonymous = h_anonymous,
    .export = h_export,
    .import = h_import,
    .data = h_data,
    .len = h_len,
    .size = h_size,
    .grow = h_grow,
    .close = h_close,
    .unlink = hepta_shm_unlink,
    .get = hepta_shm_get,
    .at = h_at,
    .dt = hepta_shm_dt,
    .ctl = hepta_shm_ctl,
};
