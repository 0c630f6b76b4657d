/* SPDX-License-Identifier: MIT */
/*
 * fifo/make.c - making a FIFO and removing its name
 *
 * All parts are made in a draft that nobody sees (name/name.h); then it gets its name.
 * The umask is the kernel's business: the first part is created with the mode that was
 * asked for, what it got is what the others follow from.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>

#include "base/sys.h"
#include "fifo/fifo_internal.h"
#include "fifo/kernel.h"
#include "name/name.h"
#include "prim/life.h"

int h7_fifo_options(struct hepta_fifo_options *o, const struct hepta_fifo_options *opt,
                    uint64_t capacity_max)
{
    int r = h7_endpoint_options(o, sizeof *o, opt);
    if (r == 0)
        r = h7_endpoint_ways(o->wait, o->spin_ns);
    if (r == 0 && (o->flags & ~H7_FIFO_FLAGS || o->capacity > capacity_max))
        r = -EINVAL;
    return r;
}

struct h7_segment_spec h7_fifo_spec(const struct hepta_fifo_options *o)
{
    return (struct h7_segment_spec){
        .kind = H7_KIND_FIFO,
        .flags = o->flags,
        .control_len = sizeof(struct h7_fifo_shared),
        .data_len = h7_conduit_capacity(o->capacity, o->flags),
        .ring = 1,
    };
}

/* `bits` for each class that may read or write. */
static mode_t for_all_in(mode_t mode, mode_t bits)
{
    mode_t all = 0;
    for (int class = 0; class < 9; class += 3)
        if (mode >> class & 06)
            all |= bits << class;
    return all;
}

/* The part that is the permission. Returns the mode that umask(2) left, or negative errno. */
static int make_mode(int dir, mode_t mode)
{
    struct statx st;
    int fd = h7_sys_openat(dir, H7_FIFO_PART_MODE, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, mode);
    if (fd < 0)
        return fd;
    int r = h7_sys_statx(fd, "", &st);
    h7_sys_close(fd);
    return r < 0 ? r : st.stx_mode & 0777;
}

/* A bell. Its mode is set afterwards, past the umask, which has had its say. */
static int make_bell(int dir, const char *part, mode_t mode, struct h7_a64 *ino)
{
    struct statx st;
    int r = h7_sys_mkfifoat(dir, part, 0600);
    int fd = r < 0 ? r : h7_sys_openat(dir, part, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd < 0)
        return fd;
    r = h7_sys_fchmod(fd, mode);
    if (r == 0)
        r = h7_sys_statx(fd, "", &st);
    if (r == 0)
        h7_store64_relaxed(ino, st.stx_ino); /* published with the name */
    h7_sys_close(fd);
    return r;
}

static int make_data(int dir, mode_t mode, const struct hepta_fifo_options *o)
{
    struct h7_segment seg;
    const struct h7_segment_spec spec = h7_fifo_spec(o);
    int r = h7_segment_new_in(&seg, &spec, dir, 0600);
    if (r < 0)
        return r;
    struct h7_fifo_shared *sh = h7_segment_control(&seg);
    r = h7_sys_fchmod(seg.fd, mode);
    if (r == 0)
        r = make_bell(dir, H7_FIFO_PART_D, mode, &sh->flow.bell_ino[H7_WRITER]);
    if (r == 0)
        r = make_bell(dir, H7_FIFO_PART_S, mode, &sh->flow.bell_ino[H7_READER]);
    if (r == 0)
        r = h7_segment_publish(&seg, dir, H7_FIFO_PART_DATA);
    h7_segment_close(&seg);
    return r;
}

static int make_named(const char *name, mode_t mode, const struct hepta_fifo_options *o)
{
    struct h7_draft draft;
    int r = h7_life_know_self();
    if (r < 0)
        return r;
    r = h7_draft_begin(&draft);
    int got = r < 0 ? r : make_mode(draft.fd, mode);
    r = got < 0 ? got : make_data(draft.fd, for_all_in((mode_t)got, 06), o);
    if (r == 0)
        r = h7_draft_publish(&draft, H7_FIFO_KIND, name, 0700 | for_all_in((mode_t)got, 05));
    h7_draft_end(&draft);
    return r;
}

int hepta_fifo_make(const char *name, mode_t mode, const struct hepta_fifo_options *opt)
{
    struct hepta_fifo_options o;
    const char *path = h7_kernel_fifo_path(name);
    int r = path ? 0 : h7_name_check(name);
    if (r == 0)
        r = mode & ~(mode_t)0777 ? -EINVAL
                                 : h7_fifo_options(&o, opt, HEPTA_PIPE_CAPACITY_MAX);
    if (r < 0)
        return r;
    return path ? h7_kernel_fifo_make(path, mode, &o) : make_named(name, mode, &o);
}

int hepta_fifo_unlink(const char *name)
{
    const char *path = h7_kernel_fifo_path(name);
    if (path)
        return h7_kernel_fifo_unlink(path);
    int r = h7_name_check(name);
    return r < 0 ? r : h7_name_unlink(H7_FIFO_KIND, name);
}
