/* SPDX-License-Identifier: MIT */
/*
 * fifo/make.c - making a FIFO and removing its name
 *
 * All parts are made in a draft that nobody sees (name/name.h); then it gets its name.
 * The umask is the kernel's business: the first part is created with the mode that was
 * asked for, what it got is what the others follow from.
 */
#define _GNU_SOURCE

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
        r = h7_draft_fifo(dir, H7_FIFO_PART_D, mode, &sh->flow.bell_ino[H7_WRITER]);
    if (r == 0)
        r = h7_draft_fifo(dir, H7_FIFO_PART_S, mode, &sh->flow.bell_ino[H7_READER]);
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
    int got = r < 0 ? r : h7_draft_mode(draft.fd, H7_FIFO_PART_MODE, mode);
    r = got < 0 ? got : make_data(draft.fd, h7_name_mode_for_all((mode_t)got, 06), o);
    if (r == 0)
        r = h7_draft_publish(&draft, H7_FIFO_KIND, name,
                             0700 | h7_name_mode_for_all((mode_t)got, 05));
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
