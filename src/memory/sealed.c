/* SPDX-License-Identifier: MIT */
/*
 * memory/sealed.c - anonymous segments, and descriptors of both kinds; see
 * memory/memory_internal.h
 *
 * A memfd that can't be cut short; its permission bits let nobody open it anew for writing who got
 * a descriptor for reading (but its owner, who can change them, and root).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/sys.h"
#include "memory/memory_internal.h"
#include "name/name.h"

#define SEALS_FIXED (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* --- making -------------------------------------------------------------------------- */

static int seal(int fd, int seals)
{
    return fcntl(fd, F_ADD_SEALS, seals) == 0 ? 0 : -errno;
}

static int make(struct hepta_shm *shm, const struct hepta_shm_options *opt)
{
    char label[32];
    snprintf(label, sizeof label, H7_SHM_LABEL ".%x", (unsigned)getpid());
    int r = shm->fd = h7_sys_memfd(label);
    if (r >= 0)
        r = h7_shm_allocate(shm->fd, 0, opt->len);
    if (r == 0)
        r = h7_sys_fchmod(shm->fd, 0444);
    if (r == 0)
        r = seal(shm->fd, F_SEAL_SHRINK);
    return r == 0 ? h7_shm_map(shm, opt->len_max) : r;
}

int hepta_shm_new(const struct hepta_shm_options *opt, struct hepta_shm **shm)
{
    struct hepta_shm_options ours;
    if (!shm)
        return -EFAULT;
    *shm = NULL;
    int r = h7_shm_options(&ours, opt, 1);
    struct hepta_shm *s = r == 0 ? h7_shm_begin(&r) : NULL;
    if (!s)
        return r;
    s->flags = HEPTA_SHM_WRITE;
    s->sealed = 1;
    s->creator = getpid();
    return h7_shm_finish(s, make(s, &ours), shm);
}

/* --- export -------------------------------------------------------------------------- */

/* An open file of its own, for reading only. One of an AUTO segment must keep it alive, too. */
static int reopen_to_read(const struct hepta_shm *shm)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", shm->fd);
    int fd = h7_sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    int r = fd >= 0 && shm->flags & HEPTA_SHM_AUTO ? h7_shm_hold(fd) : 0;
    if (r < 0)
        h7_sys_close(fd);
    if (r == -EAGAIN) /* nobody asks for the exclusive one */
        r = -EBADMSG;
    return fd == -ENOENT ? -ENOSYS : r < 0 ? r : fd;
}

static int fix(const struct hepta_shm *shm)
{
    if (!shm->sealed)
        return -EPERM;
    int seals = fcntl(shm->fd, F_GET_SEALS);
    if (seals >= 0 && (seals & F_SEAL_GROW))
        return 0;
    if (!(shm->flags & HEPTA_SHM_WRITE))
        return -EACCES;
    return seal(shm->fd, SEALS_FIXED);
}

int hepta_shm_export(struct hepta_shm *shm, uint32_t flags)
{
    int r = h7_shm_enter(shm, flags & HEPTA_SHM_WRITE);
    if (r == 0 && flags & ~(HEPTA_SHM_WRITE | HEPTA_SHM_FIXED))
        r = -EINVAL;
    if (r == 0 && flags & HEPTA_SHM_FIXED)
        r = fix(shm);
    if (r < 0)
        return r;
    int mode = fcntl(shm->fd, F_GETFL) & O_ACCMODE;
    if (flags & HEPTA_SHM_WRITE || mode == O_RDONLY)
        return h7_sys_dup(shm->fd, 1);
    return reopen_to_read(shm);
}

/* --- import -------------------------------------------------------------------------- */

/* "/memfd:hepta-shm.1a2b (deleted)": who made it? 0: it doesn't say. */
static pid_t maker_in(const char *path)
{
    const char *label = strstr(path, H7_SHM_LABEL ".");
    unsigned long pid = label ? strtoul(label + sizeof H7_SHM_LABEL, NULL, 16) : 0;
    return pid <= INT32_MAX ? (pid_t)pid : 0;
}

/* ".../shm.jobs/data", perhaps " (deleted)"; or what unlink has made of it, ".../tmp.X/data": a
 * part of an object of ours? It gives its name, or "" for that. */
static int is_part(char *path, char name[HEPTA_NAME_MAX + 2])
{
    char *end = strstr(path, "/" H7_SHM_DATA);
    while (end && strcmp(end, "/" H7_SHM_DATA) != 0 &&
           strcmp(end, "/" H7_SHM_DATA " (deleted)") != 0)
        end = strstr(end + 1, "/" H7_SHM_DATA);
    if (!end)
        return 0;
    *end = 0;
    const char *entry = strrchr(path, '/');
    *name = 0;
    if (!entry || strncmp(entry, "/tmp.", 5) == 0)
        return !!entry;
    if (strncmp(entry, "/" H7_SHM_KIND ".", sizeof H7_SHM_KIND + 1) != 0)
        return 0;
    const char *after = entry + sizeof H7_SHM_KIND + 1;
    if (strlen(after) > HEPTA_NAME_MAX)
        return 0;
    snprintf(name, HEPTA_NAME_MAX + 2, "/%s", after);
    return 1;
}

struct identity {
    struct hepta_shm *shm;
    struct stat st;
};

/* Is the object that has the name the one of this data? Then control says more of it. */
static int compare(int obj, void *arg)
{
    struct identity *id = arg;
    struct statx st;
    struct h7_shm_control c;
    int r = h7_sys_statx(obj, H7_SHM_DATA, &st);
    if (r < 0 || st.stx_ino != id->st.st_ino)
        return -ENOENT;
    int fd = h7_name_part(obj, H7_SHM_CONTROL, O_RDONLY, S_IFREG);
    r = fd < 0 ? fd : h7_shm_read_control(fd, &c);
    h7_sys_close(fd);
    if (r < 0)
        return -ENOENT;
    id->shm->flags |= c.flags & HEPTA_SHM_AUTO;
    id->shm->creator = (pid_t)c.creator;
    return 0;
}

/* Whoever has the descriptor may use it; what its name says is to tell it from any other file. */
static int recognize(struct hepta_shm *shm)
{
    char link[32], path[512];
    struct identity id = {.shm = shm};
    snprintf(link, sizeof link, "/proc/self/fd/%d", shm->fd);
    ssize_t n = h7_sys_readlink(link, path, sizeof path);
    if (shm->sealed) {
        shm->creator = n > 0 ? maker_in(path) : 0;
        return 0;
    }
    if (n <= 0 || !is_part(path, shm->name) || fstat(shm->fd, &id.st) != 0)
        return -EPERM;
    if (shm->name[0] && (h7_name_check(shm->name) < 0 ||
                         h7_name_attach(H7_SHM_KIND, shm->name, compare, &id) < 0))
        shm->name[0] = 0; /* unlinked, or out of this user's sight: only the bytes are known */
    return 0;
}

static int check_access(int fd, uint32_t flags)
{
    int fl = fcntl(fd, F_GETFL);
    if (fl < 0 || fl & O_PATH)
        return -EBADF;
    if ((fl & O_ACCMODE) == O_WRONLY)
        return -EACCES;
    return flags & HEPTA_SHM_WRITE && (fl & O_ACCMODE) != O_RDWR ? -EACCES : 0;
}

/* On tmpfs only: no other's memory is there as soon as it is allocated. */
static int check_file(struct hepta_shm *shm)
{
    struct stat st;
    struct statfs fs;
    if (fstat(shm->fd, &st) != 0 || fstatfs(shm->fd, &fs) != 0)
        return -errno;
    if (!S_ISREG(st.st_mode) || fs.f_type != TMPFS_MAGIC)
        return -EPROTO;
    /* A file with a name has F_SEAL_SEAL from birth. */
    int seals = fcntl(shm->fd, F_GET_SEALS);
    if (seals < 0)
        return -EPROTO;
    shm->sealed = !!(seals & F_SEAL_SHRINK);
    return recognize(shm);
}

int hepta_shm_import(int fd, uint32_t flags, const struct hepta_shm_options *opt,
                     struct hepta_shm **shm)
{
    struct hepta_shm_options ours;
    if (!shm)
        return -EFAULT;
    *shm = NULL;
    int r = flags & ~HEPTA_SHM_WRITE ? -EINVAL : h7_shm_options(&ours, opt, 0);
    if (r == 0)
        r = check_access(fd, flags);
    struct hepta_shm *s = r == 0 ? h7_shm_begin(&r) : NULL;
    if (!s)
        return r;
    s->flags = flags;
    r = s->fd = h7_sys_dup(fd, 1); /* the same open file: its lock is ours, too */
    if (r >= 0)
        r = check_file(s);
    if (r == 0)
        r = h7_shm_map(s, ours.len_max);
    return h7_shm_finish(s, r, shm);
}
