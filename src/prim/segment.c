/* SPDX-License-Identifier: MIT */
/* prim/segment.c - see prim/segment.h. Reading order: h7_segment_new, h7_segment_attach. */
#define _GNU_SOURCE
#include "prim/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/self.h"
#include "base/sys.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW)

static int fail(struct h7_segment *seg, int err)
{
    h7_segment_close(seg);
    return err;
}

static size_t round_up(size_t n, size_t unit)
{
    return (n + unit - 1) / unit * unit;
}

/* A ring: reserve the addresses once, then put the data there twice. */
static int map_data(struct h7_segment *seg)
{
    const int prot = PROT_READ | PROT_WRITE;
    size_t len = seg->data_len * (seg->ring ? 2 : 1);
    char *p = mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return -ENOMEM;
    seg->data = p;
    for (size_t at = 0; at < len; at += seg->data_len)
        if (mmap(p + at, seg->data_len, prot, MAP_SHARED | MAP_FIXED, seg->fd,
                 (off_t)seg->data_off) == MAP_FAILED)
            return errno == EACCES || errno == EPERM ? -EACCES : -ENOMEM;
    return 0;
}

static int map(struct h7_segment *seg)
{
    char *p = mmap(NULL, seg->data_off, PROT_READ | PROT_WRITE, MAP_SHARED, seg->fd, 0);
    if (p == MAP_FAILED)
        return errno == EACCES || errno == EPERM ? -EACCES : -ENOMEM;
    seg->base = p;
    return seg->data_len ? map_data(seg) : 0;
}

static int allocate(int fd, size_t len)
{
    /* Asked first: to cross this limit is a signal (setrlimit(2)), SIGXFSZ. */
    struct rlimit lim;
    if (getrlimit(RLIMIT_FSIZE, &lim) == 0 && lim.rlim_cur < len)
        return -ENOSPC;
    if (ftruncate(fd, (off_t)len) != 0)
        return errno == EFBIG ? -ENOSPC : -errno;
    return h7_sys_allocate(fd, (off_t)len);
}

static void write_header(struct h7_segment *seg, const struct h7_segment_spec *spec)
{
    struct h7_segment_header h = {
        .magic = H7_SEGMENT_MAGIC,
        .version = H7_SEGMENT_VERSION,
        .kind = spec->kind,
        .len = seg->data_off + seg->data_len,
        .data_off = seg->data_off,
        .data_len = seg->data_len,
        .pidns = h7_self_pidns(),
        .flags = spec->flags,
    };
    memcpy(seg->base, &h, sizeof h);
}

static int build(struct h7_segment *seg, const struct h7_segment_spec *spec, int fd)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    *seg = (struct h7_segment){.fd = fd, .ring = spec->ring, .flags = spec->flags};
    if (spec->data_len > SIZE_MAX / 4)
        return fail(seg, -EOVERFLOW);
    seg->data_off = round_up(H7_SEGMENT_CONTROL + spec->control_len, page);
    seg->data_len = round_up(spec->data_len, page);
    int r = allocate(fd, seg->data_off + seg->data_len);
    if (r == 0)
        r = map(seg);
    if (r < 0)
        return fail(seg, r);
    write_header(seg, spec);
    return 0;
}

/* The header needs the PID namespace, and not that of a vfork child's parent. */
static int usable_self(void)
{
    int r = h7_self_verify();
    return r == 0 && h7_self_pidns() == 0 ? -ENOSYS : r;
}

int h7_segment_new(struct h7_segment *seg, const struct h7_segment_spec *spec)
{
    int r = usable_self();
    int fd = r == 0 ? h7_sys_memfd(spec->label) : r;
    return fd < 0 ? fd : build(seg, spec, fd);
}

int h7_segment_seal(struct h7_segment *seg)
{
    return fcntl(seg->fd, F_ADD_SEALS, SEALS | F_SEAL_SEAL) == 0 ? 0 : -EPERM;
}

int h7_segment_new_in(struct h7_segment *seg, const struct h7_segment_spec *spec, int dirfd,
                      mode_t mode)
{
    int r = usable_self();
    if (r < 0)
        return r;
    int fd = h7_sys_openat(dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
    if (fd < 0)
        return fd == -EISDIR ? -EOPNOTSUPP : fd;
    return build(seg, spec, fd);
}

int h7_segment_publish(struct h7_segment *seg, int dirfd, const char *name)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", seg->fd);
    if (linkat(AT_FDCWD, path, dirfd, name, AT_SYMLINK_FOLLOW) != 0)
        return -errno;
    return 0;
}

/* Of a descriptor that isn't open, or of a shortage of the kernel's. */
static int not_open(void)
{
    return errno == EBADF ? -EBADF : -ENOMEM;
}

/* The real file first: what the header claims counts only within it. */
static int check_file(int fd, int require_seals, struct stat *st)
{
    if (fstat(fd, st) != 0)
        return not_open();
    if (!S_ISREG(st->st_mode) || st->st_size < (off_t)sizeof(struct h7_segment_header))
        return -EPROTO;
    int fl = fcntl(fd, F_GETFL);
    if (fl < 0)
        return not_open();
    if ((fl & O_ACCMODE) != O_RDWR || (fl & O_PATH))
        return -EBADF;
    struct statfs fs;
    int seals = require_seals ? fcntl(fd, F_GET_SEALS) : SEALS;
    if (seals < 0)
        return -EPROTO; /* not a memfd */
    /* Not a memfd of huge pages either, whose pages can run out at first touch. */
    if (require_seals && (fstatfs(fd, &fs) != 0 || fs.f_type != TMPFS_MAGIC))
        return -EPROTO;
    if ((seals & SEALS) != SEALS)
        return -EPERM;
    /* Only now can't the size change any more. */
    return fstat(fd, st) != 0 ? not_open() : 0;
}

/* No hole may be left to be filled at the first touch, when memory can have run out. A
 * stranger's aren't filled at this process's expense. */
static int check_holes(int fd, size_t len, const struct h7_segment_spec *expect)
{
    struct stat st;
    if (!expect->data_max) {
        int r = h7_sys_allocate(fd, (off_t)len);
        return r == 0 || r == -EPERM ? r : -ENOMEM;
    }
    if (fstat(fd, &st) != 0)
        return not_open();
    return (uint64_t)st.st_blocks * 512 < len ? -EBADMSG : 0;
}

static int check_header(const struct h7_segment_header *h, size_t file_len,
                        const struct h7_segment_spec *expect)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (h->magic != H7_SEGMENT_MAGIC)
        return -EPROTO;
    if (h->version != H7_SEGMENT_VERSION)
        return -EPROTONOSUPPORT;
    if (h->kind != expect->kind)
        return -EMEDIUMTYPE;
    if (h->len > file_len)
        return -ENODATA;
    if (h->pidns != h7_self_pidns())
        return -EXDEV;
    if (h->len != file_len || h->data_off > file_len || h->data_len != file_len - h->data_off ||
        h->data_off % page || h->data_len % page ||
        h->data_off < H7_SEGMENT_CONTROL + expect->control_len ||
        (expect->data_max && (h->data_len > expect->data_max ||
                              h->data_off > round_up(H7_SEGMENT_CONTROL + expect->control_len,
                                                     page))))
        return -EBADMSG;
    return 0;
}

int h7_segment_attach(struct h7_segment *seg, int fd, const struct h7_segment_spec *expect,
                      int require_seals)
{
    struct h7_segment_header h;
    struct stat st = {0};
    int r = usable_self();
    if (r == 0)
        r = check_file(fd, require_seals, &st);
    size_t file_len = (size_t)st.st_size;
    if (r == 0 && h7_sys_pread(fd, &h, sizeof h, 0) != (ssize_t)sizeof h)
        r = -EPROTO;
    if (r == 0)
        r = check_header(&h, file_len, expect);
    if (r == 0 && require_seals)
        r = check_holes(fd, file_len, expect);
    if (r < 0)
        return r;
    *seg = (struct h7_segment){.fd = fd,
                               .ring = expect->ring,
                               .data_off = h.data_off,
                               .data_len = h.data_len,
                               .flags = h.flags,
                               .ino = st.st_ino};
    r = map(seg);
    if (r < 0) {
        seg->fd = -1; /* stays the caller's */
        return fail(seg, r);
    }
    return 0;
}

int h7_segment_attach_in(struct h7_segment *seg, int dirfd, const char *name,
                         const struct h7_segment_spec *expect)
{
    /* O_NONBLOCK: a FIFO that somebody planted there must not hold us. */
    int fd = h7_sys_openat(dirfd, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0);
    if (fd < 0)
        return fd;
    int r = h7_segment_attach(seg, fd, expect, 0);
    if (r < 0)
        h7_sys_close(fd);
    return r;
}

void h7_segment_close(struct h7_segment *seg)
{
    if (seg->data)
        munmap(seg->data, seg->data_len * (seg->ring ? 2 : 1));
    if (seg->base)
        munmap(seg->base, seg->data_off);
    h7_sys_close(seg->fd);
    *seg = (struct h7_segment){.fd = -1};
}

int h7_segment_check(const struct h7_segment *seg, uint32_t kind)
{
    struct h7_segment_header h;
    memcpy(&h, seg->base, sizeof h);
    if (h.magic != H7_SEGMENT_MAGIC || h.version != H7_SEGMENT_VERSION || h.kind != kind ||
        h.len != seg->data_off + seg->data_len || h.data_off != seg->data_off ||
        h.data_len != seg->data_len || h.flags != seg->flags)
        return -EBADMSG;
    return 0;
}
