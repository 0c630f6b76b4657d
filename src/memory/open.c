/* SPDX-License-Identifier: MIT */
/*
 * memory/open.c - opening, making, unlinking named segments; see memory/memory_internal.h
 *
 * Start at hepta_shm_open(): what is there is opened first; only if nothing has the name, and
 * HEPTA_SHM_CREATE allows it, one is made; if another process is faster, its is opened. What is
 * stale or dead counts as nothing, and is removed on the way.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/self.h"
#include "base/sys.h"
#include "memory/memory_internal.h"
#include "memory/sysv_internal.h"
#include "name/name.h"

#define TRIES   1000          /* between a name that is unlinked and one that is made */
#define WAIT_NS (100 * H7_MS) /* for somebody who is removing it ... */
#define NAPS    10            /* ... and in so many pieces: we may have been stopped ourselves */

struct opening {
    struct hepta_shm *shm;
    const char *name;
    const struct hepta_shm_options *opt;
    mode_t mode;
};

/* --- opening ------------------------------------------------------------------------- */

static int open_data(int obj, struct hepta_shm *shm)
{
    int flags = shm->flags & HEPTA_SHM_WRITE ? O_RDWR : O_RDONLY;
    return shm->fd = h7_name_part(obj, H7_SHM_DATA, flags, S_IFREG);
}

/* Through the gate, and only if somebody else has it: else it is stale. */
static int join(int control, struct hepta_shm *shm)
{
    int held, gate = h7_shm_enter_gate(control);
    if (gate < 0 && gate != -EAGAIN)
        return gate;
    held = h7_shm_held(shm->fd);
    if (held <= 0)
        return held < 0 ? held : -EIDRM;
    return gate < 0 ? gate : h7_shm_hold(shm->fd);
}

static int attach(int obj, int control, struct opening *o)
{
    struct h7_shm_control c;
    struct hepta_shm *shm = o->shm;
    int r = h7_shm_read_control(control, &c);
    if (r == 0)
        r = open_data(obj, shm);
    if (r >= 0 && c.flags & HEPTA_SHM_AUTO)
        r = join(control, shm);
    if (r < 0)
        return r;
    shm->flags = (shm->flags & HEPTA_SHM_WRITE) | (c.flags & HEPTA_SHM_AUTO);
    shm->creator = c.pidns == h7_self_pidns() ? (pid_t)c.creator : 0;
    return h7_shm_map(shm, o->opt->len_max);
}

/* Somebody is removing it, who has passed the point from which on it is dead. */
static int is_dead(int control)
{
    struct statx st;
    return h7_sys_statx(control, "", &st) == 0 && st.stx_nlink == 0;
}

/* -EIDRM: stale or dead. */
static int open_object(int obj, void *arg)
{
    struct opening *o = arg;
    int control = h7_name_part(obj, H7_SHM_CONTROL, O_RDONLY, S_IFREG);
    int r = control == -ESTALE ? -EIDRM : control < 0 ? control : attach(obj, control, o);
    if (r == -ESTALE && control >= 0 && is_dead(control)) /* data is gone, the name not yet */
        r = -EIDRM;
    h7_shm_leave_gate(control);
    h7_sys_close(control);
    if (r < 0) {
        h7_sys_close(o->shm->fd);
        o->shm->fd = -1;
    }
    return r;
}

/* --- making -------------------------------------------------------------------------- */

static int write_control(int dir, uint32_t flags, mode_t mode)
{
    struct h7_shm_control c = {.magic = H7_SHM_MAGIC,
                               .version = H7_SEGMENT_VERSION,
                               .flags = flags,
                               .pidns = h7_self_pidns(),
                               .creator = (uint32_t)getpid()};
    int r = h7_draft_file(dir, H7_SHM_CONTROL, mode);
    int fd = r < 0 ? r : h7_name_part(dir, H7_SHM_CONTROL, O_WRONLY, S_IFREG);
    if (fd < 0)
        return fd;
    ssize_t n = h7_sys_write_quiet(fd, &c, sizeof c);
    h7_sys_close(fd);
    return n < 0 ? (int)n : n == (ssize_t)sizeof c ? 0 : -ENOSPC;
}

/* Opened by its maker for both, whatever mode says of others; the umask has its say. */
static int make_data(int dir, struct opening *o, mode_t *got)
{
    struct hepta_shm *shm = o->shm;
    struct statx st;
    int r = shm->fd = h7_sys_openat(dir, H7_SHM_DATA, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC,
                                    o->mode);
    if (r >= 0)
        r = h7_sys_statx(shm->fd, "", &st);
    if (r == 0)
        r = h7_shm_allocate(shm->fd, 0, o->opt->len);
    if (r == 0 && shm->flags & HEPTA_SHM_AUTO)
        r = h7_shm_hold(shm->fd); /* before anybody can find it */
    *got = r == 0 ? st.stx_mode & 0777 : 0;
    return r;
}

/* Mapped before it has its name: what fails, leaves none. */
static int make_parts(int dir, struct opening *o, mode_t *got)
{
    int r = make_data(dir, o, got);
    if (r == 0)
        r = write_control(dir, o->shm->flags & HEPTA_SHM_AUTO,
                          0600 | h7_name_mode_for_all(*got, 04));
    if (r == 0)
        r = h7_shm_map(o->shm, o->opt->len_max);
    return r == -ESTALE ? -EBADMSG : r; /* a part of what nobody else sees */
}

static int make_once(struct opening *o)
{
    struct h7_draft draft;
    mode_t got = 0;
    int r = h7_draft_begin(&draft);
    if (r == 0)
        r = make_parts(draft.fd, o, &got);
    if (r == 0)
        r = h7_draft_publish(&draft, H7_SHM_KIND, o->name, 0700 | h7_name_mode_for_all(got, 05));
    h7_draft_end(&draft);
    if (r < 0) {
        h7_shm_unmap(o->shm);
        h7_sys_close(o->shm->fd);
        o->shm->fd = -1;
    }
    o->shm->creator = getpid();
    return r;
}

/* What dead processes left could be what fills the file system. */
static int make(struct opening *o)
{
    h7_shm_sweep(0);
    int r = make_once(o);
    if (r != -ENOSPC)
        return r;
    h7_shm_sweep(1);
    h7_shmid_sweep(1);
    return make_once(o);
}

/* --- one or the other ---------------------------------------------------------------- */

/* Clear the name of what is stale: as h7_shm_remove_stale(). But who doesn't want to make one needs
 * no room: nobody has it, whoever has still to remove it. */
static int clear(struct opening *o, int create)
{
    int r = h7_shm_remove_stale(o->name);
    if (r < 0 && !create)
        return -ENOENT;
    return r == -EPERM ? -EACCES : r;
}

static int open_or_make(struct opening *o, uint32_t flags)
{
    const int create = !!(flags & HEPTA_SHM_CREATE), excl = create && flags & HEPTA_SHM_EXCL;
    const uint32_t want = o->shm->flags;
    int64_t end = 0;
    int n_naps = 0;
    for (int i = 0; i < TRIES; i++) {
        o->shm->flags = want & HEPTA_SHM_WRITE;
        int r = excl ? -ENOENT : h7_name_attach(H7_SHM_KIND, o->name, open_object, o);
        if (r == -ENOENT && create) {
            o->shm->flags = want;
            r = make(o);
        }
        if (r == -EEXIST && !excl)
            continue;
        if (r == -EIDRM || r == -EEXIST) {
            int gone = clear(o, create);
            if (gone == 1 || (gone == 0 && r == -EIDRM))
                continue;
            if (gone < 0 && (r == -EIDRM || gone == -EAGAIN))
                r = gone;
        }
        if (r != -EAGAIN)
            return r;
        if (n_naps == 0)
            end = hepta_in_ns(WAIT_NS);
        if (n_naps++ >= NAPS && hepta_now_ns() >= end) /* who is removing it has been stopped */
            return excl ? -EEXIST : -ETIMEDOUT;
        h7_sys_poll(NULL, 0, hepta_in_ms(1));
    }
    return -EBADMSG;
}

static int check_flags(uint32_t flags, mode_t mode)
{
    const uint32_t all = HEPTA_SHM_WRITE | HEPTA_SHM_CREATE | HEPTA_SHM_EXCL | HEPTA_SHM_AUTO;
    if (flags & ~all)
        return -EINVAL;
    return flags & HEPTA_SHM_CREATE && mode & ~(mode_t)0777 ? -EINVAL : 0;
}

int hepta_shm_open(const char *name, uint32_t flags, mode_t mode,
                   const struct hepta_shm_options *opt, struct hepta_shm **shm)
{
    struct hepta_shm_options ours;
    if (!shm)
        return -EFAULT;
    *shm = NULL;
    int r = h7_name_check(name);
    if (r == 0)
        r = check_flags(flags, mode);
    if (r == 0)
        r = h7_shm_options(&ours, opt, !!(flags & HEPTA_SHM_CREATE));
    struct hepta_shm *s = r == 0 ? h7_shm_begin(&r) : NULL;
    if (!s)
        return r;
    struct opening o = {.shm = s, .name = name, .opt = &ours, .mode = mode};
    s->flags = flags & (HEPTA_SHM_WRITE | HEPTA_SHM_AUTO);
    r = open_or_make(&o, flags);
    if (r == 0)
        memcpy(s->name, name, strlen(name) + 1);
    return h7_shm_finish(s, r, shm);
}

int hepta_shm_unlink(const char *name)
{
    int r = h7_name_check(name);
    if (r < 0)
        return r;
    h7_shm_remove_stale(name); /* what nobody has is there no more */
    return h7_name_unlink(H7_SHM_KIND, name);
}
