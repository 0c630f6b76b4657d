/* SPDX-License-Identifier: MIT */
/*
 * memory/map.c - a segment's bytes: allocated, mapped, grown; see memory/memory_internal.h
 *
 * Address space is reserved once, without access, as much as the segment can grow to; what the
 * file has is mapped over its beginning, and later what has been added, behind it. So the address
 * stays, and a byte that isn't the segment's can't be touched.
 *
 * A length is only ever changed by fallocate(2) from the old end on: on tmpfs that either
 * allocates every page and then moves the end, or gives back what it had taken. Two that
 * overlapped would undo each other's pages, so who grows holds a flock(2).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sys.h"
#include "memory/memory_internal.h"
#include "prim/endpoint.h"

#define ASK_FROM (64ull << 20) /* less than this isn't asked for beforehand */
#define WAIT_NS (1000 * H7_MS) /* while another process grows it */

static uint64_t page_len(void)
{
    return (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t whole_pages(uint64_t len)
{
    uint64_t page = page_len();
    return (len + page - 1) / page * page;
}

/* --- options ------------------------------------------------------------------------- */

int h7_shm_options(struct hepta_shm_options *ours, const struct hepta_shm_options *opt, int make)
{
    int r = h7_endpoint_options(ours, sizeof *ours, opt);
    if (r < 0)
        return r;
    if (ours->reserved)
        return -E2BIG;
    if (!make)
        ours->len = 0;
    else if (ours->len == 0 || (ours->len_max && ours->len_max < ours->len))
        return -EINVAL;
    if (ours->len > HEPTA_SHM_SIZE_MAX || ours->len_max > HEPTA_SHM_SIZE_MAX)
        return -EINVAL;
    ours->len = whole_pages(ours->len);
    ours->len_max = whole_pages(ours->len_max);
    return ours->len > SIZE_MAX / 2 || ours->len_max > SIZE_MAX / 2 ? -ENOMEM : 0;
}

/* --- allocation ---------------------------------------------------------------------- */

/* "MemAvailable:    123 kB", in bytes; UINT64_MAX: not said. */
static uint64_t line_of(const char *text, const char *key)
{
    const char *p = strstr(text, key);
    return p ? strtoull(p + strlen(key), NULL, 10) * 1024 : UINT64_MAX;
}

/* A memfd has no limit of its own: to try would let the kernel kill processes, to no use. */
static int there_is_memory(uint64_t len)
{
    char text[2048];
    if (len < ASK_FROM)
        return 1;
    int fd = h7_sys_openat(AT_FDCWD, "/proc/meminfo", O_RDONLY | O_CLOEXEC, 0);
    ssize_t n = fd < 0 ? fd : h7_sys_read(fd, text, sizeof text - 1);
    h7_sys_close(fd);
    if (n <= 0)
        return 1;
    text[n] = 0;
    uint64_t memory = line_of(text, "MemAvailable:"), swap = line_of(text, "SwapFree:");
    return memory == UINT64_MAX || len <= memory + (swap == UINT64_MAX ? 0 : swap);
}

int h7_shm_allocate(int fd, uint64_t from, uint64_t to)
{
    /* Asked first: to cross this limit is a signal (setrlimit(2)), SIGXFSZ. */
    struct rlimit lim;
    if (getrlimit(RLIMIT_FSIZE, &lim) == 0 && lim.rlim_cur < to)
        return -ENOSPC;
    if (!there_is_memory(to - from))
        return -ENOSPC;
    int r = h7_sys_extend(fd, (off_t)from, (off_t)to);
    return r == -EFBIG ? -ENOSPC : r;
}

int h7_shm_measure(int fd, uint64_t *len)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return -errno;
    *len = (uint64_t)st.st_size;
    /* A hole would be filled at the first touch, when there may be no room. */
    if (*len == 0 || *len % page_len() || (uint64_t)st.st_blocks * 512 < *len)
        return -EBADMSG;
    return *len > SIZE_MAX / 2 ? -ENOMEM : 0;
}

/* --- mapping ------------------------------------------------------------------------- */

static int map_range(struct hepta_shm *shm, uint64_t from, uint64_t to)
{
    int prot = shm->flags & HEPTA_SHM_WRITE ? PROT_READ | PROT_WRITE : PROT_READ;
    void *p = mmap(shm->base + from, (size_t)(to - from), prot, MAP_SHARED | MAP_FIXED, shm->fd,
                   (off_t)from);
    if (p != MAP_FAILED)
        return 0;
    return errno == EACCES || errno == EPERM ? -EACCES : -ENOMEM;
}

/* Back to address space without access; failing that, what is mapped there lies behind the end. */
static void unmap_range(struct hepta_shm *shm, uint64_t from, uint64_t to)
{
    mmap(shm->base + from, (size_t)(to - from), PROT_NONE,
         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

int h7_shm_map(struct hepta_shm *shm, uint64_t len_max)
{
    uint64_t len;
    int r = h7_shm_measure(shm->fd, &len);
    if (r < 0)
        return r;
    shm->reserved = (size_t)(len_max > len ? len_max : len);
    void *p = mmap(NULL, shm->reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                   0);
    if (p == MAP_FAILED)
        return -ENOMEM;
    shm->base = p;
    r = map_range(shm, 0, len);
    if (r < 0)
        h7_shm_unmap(shm);
    else
        h7_store64_relaxed(&shm->mapped, len); /* the caller publishes the handle */
    return r;
}

void h7_shm_unmap(struct hepta_shm *shm)
{
    if (shm->base)
        munmap(shm->base, shm->reserved);
    shm->base = NULL;
}

/* --- growing ------------------------------------------------------------------------- */

/* A descriptor with a flock(2) of its own: a forked child has our open file, too, and would share
 * its lock. Where it can't be opened anew, ours has to do. */
static int lock_growth(struct hepta_shm *shm, int *fd)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", shm->fd);
    *fd = h7_sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (*fd == -EMFILE || *fd == -ENFILE || *fd == -ENOMEM)
        return *fd;
    int64_t end = hepta_in_ns(WAIT_NS);
    int r = h7_sys_flock(*fd < 0 ? shm->fd : *fd, LOCK_EX);
    while (r == -EAGAIN && hepta_now_ns() < end) {
        h7_sys_poll(NULL, 0, hepta_in_ms(1));
        r = h7_sys_flock(*fd < 0 ? shm->fd : *fd, LOCK_EX);
    }
    if (r < 0)
        h7_sys_close(*fd);
    return r == -EAGAIN ? -ETIMEDOUT : r;
}

static void unlock_growth(struct hepta_shm *shm, int fd)
{
    if (fd < 0)
        h7_sys_flock(shm->fd, LOCK_UN);
    h7_sys_close(fd);
}

static int grow_file(struct hepta_shm *shm, uint64_t len)
{
    uint64_t now;
    int fd, r = lock_growth(shm, &fd);
    if (r < 0)
        return r;
    r = h7_shm_measure(shm->fd, &now);
    if (r == 0 && now < len)
        r = h7_shm_allocate(shm->fd, now, len);
    unlock_growth(shm, fd);
    return r;
}

/* Mapped first, behind the end as yet, where nobody may touch it: what fails then has changed
 * nothing, and the file grows only if all of it can be used. */
static int grow(struct hepta_shm *shm, uint64_t len)
{
    uint64_t mapped = h7_load64_relaxed(&shm->mapped), now = 0; /* relaxed: under the guard */
    int r = h7_shm_measure(shm->fd, &now);
    if (r < 0)
        return r;
    uint64_t want = len ? len : now;
    if (want < mapped)
        return len ? -EINVAL : -EBADMSG; /* somebody has cut it short */
    if (now > want)
        want = now < shm->reserved ? now : shm->reserved;
    if (want > shm->reserved || (len == 0 && now > shm->reserved))
        return -ENOMEM;
    if (want > now && !(shm->flags & HEPTA_SHM_WRITE))
        return -EACCES;
    if (want == mapped)
        return 0;
    r = map_range(shm, mapped, want);
    if (r == 0 && want > now)
        r = grow_file(shm, want);
    if (r == 0)
        h7_store64_release(&shm->mapped, want); /* with the load in hepta_shm_len() */
    else
        unmap_range(shm, mapped, want);
    return r;
}

int hepta_shm_grow(struct hepta_shm *shm, uint64_t len)
{
    int r = h7_shm_enter(shm, 0);
    if (r < 0)
        return r;
    if (len > HEPTA_SHM_SIZE_MAX)
        return -ENOMEM;
    h7_mutex_enter(&shm->guard);
    r = grow(shm, whole_pages(len));
    h7_mutex_unlock(&shm->guard);
    return r;
}
