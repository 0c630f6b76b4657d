/* SPDX-License-Identifier: MIT */
/*
 * pipe/fds.c - making a pipe, handing an end over, closing it
 *
 * An end owns three descriptors: the segment, the write end of the bell that its side
 * rings, and the read end of the bell that it listens on. That they belong together is
 * checked by the inode numbers in the segment; which end it is follows from them.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>

#include "base/sys.h"
#include "pipe/pipe_internal.h"
#include "prim/life.h"

#define ALL_FLAGS (HEPTA_PIPE_PACKET | HEPTA_PIPE_SPSC)

static int read_options(struct hepta_pipe_options *o, const struct hepta_pipe_options *opt)
{
    int r = h7_endpoint_options(o, sizeof *o, opt);
    if (r == 0)
        r = h7_endpoint_ways(o->wait, o->spin_ns);
    if (r == 0 && (o->flags & ~ALL_FLAGS || o->capacity > HEPTA_PIPE_CAPACITY_MAX))
        r = -EINVAL;
    return r;
}

static struct h7_segment_spec spec_of(const struct hepta_pipe_options *o)
{
    return (struct h7_segment_spec){
        .label = "hepta-pipe",
        .kind = H7_KIND_PIPE,
        .flags = o->flags,
        .control_len = sizeof(struct h7_conduit_shared),
        .data_len = h7_conduit_capacity(o->capacity, o->flags),
        .ring = 1,
    };
}

/* Takes over seg, ring_fd and listen_fd; on failure they are the caller's. */
static int make_end(struct hepta_pipe **out, const struct h7_segment *seg, int role, int ring_fd,
                    int listen_fd, const struct hepta_pipe_options *o)
{
    struct hepta_pipe *p = h7_handle_new(sizeof *p);
    if (!p)
        return -ENOMEM;
    int r = h7_conduit_init(&p->flow, h7_segment_control(seg), role, seg->flags, seg->data,
                            seg->data_len);
    if (r < 0) {
        h7_handle_free(p, sizeof *p);
        return r;
    }
    p->seg = *seg;
    p->flow.ring_fd = ring_fd;
    p->flow.listen_fd = listen_fd;
    p->pidns = h7_self_pidns();
    h7_store64_relaxed(&p->gen, h7_fork_gen());
    h7_conduit_tune(&p->flow, o->wait, o->spin_ns);
    h7_conduit_resync(&p->flow);
    h7_store32_release(&p->handle.kind, H7_KIND_PIPE);
    *out = p;
    return 0;
}

/* The second end's own mapping of the same segment: each end can be closed alone. */
static int map_again(struct h7_segment *again, const struct h7_segment *seg,
                     const struct h7_segment_spec *spec)
{
    int fd = h7_sys_dup(seg->fd, 1);
    int r = fd < 0 ? fd : h7_segment_attach(again, fd, spec, 1);
    if (r < 0)
        h7_sys_close(fd);
    return r;
}

struct parts {
    struct h7_segment seg[2];
    int bell[2][2]; /* [side that rings][0 listen, 1 ring] */
};

static void drop_parts(struct parts *t)
{
    for (int i = 0; i < 2; i++) {
        h7_segment_close(&t->seg[i]);
        h7_sys_close(t->bell[i][0]);
        h7_sys_close(t->bell[i][1]);
    }
}

/* What pipe.h says of hepta_pipe_new(). The rest can only come from a system that
 * refuses a call on a descriptor which it has just given us. */
static int creation_error(int r)
{
    switch (r) {
    case 0:
    case -ENOMEM:
    case -ENOSPC:
    case -EMFILE:
    case -ENFILE:
        return r;
    default:
        return -ENOSYS;
    }
}

static int make_parts(struct parts *t, const struct h7_segment_spec *spec)
{
    *t = (struct parts){.seg = {{.fd = -1}, {.fd = -1}}, .bell = {{-1, -1}, {-1, -1}}};
    int r = h7_segment_new(&t->seg[0], spec);
    for (int side = 0; r == 0 && side < 2; side++) {
        struct h7_conduit_shared *shared = h7_segment_control(&t->seg[0]);
        r = h7_bell_new(t->bell[side]);
        if (r == 0)
            h7_store64_relaxed(&shared->bell_ino[side], h7_endpoint_inode(t->bell[side][0]));
    }
    if (r == 0)
        r = h7_segment_seal(&t->seg[0]);
    return r < 0 ? r : map_again(&t->seg[1], &t->seg[0], spec);
}

int hepta_pipe_new(struct hepta_pipe **reader, struct hepta_pipe **writer,
                   const struct hepta_pipe_options *opt)
{
    struct hepta_pipe_options o;
    struct parts t;
    if (reader)
        *reader = NULL;
    if (writer)
        *writer = NULL;
    if (!reader || !writer)
        return -EFAULT;
    int r = read_options(&o, opt);
    if (r < 0)
        return r;
    r = h7_life_know_self();
    if (r < 0)
        return creation_error(r);
    struct h7_segment_spec spec = spec_of(&o);
    r = creation_error(make_parts(&t, &spec));
    if (r == 0)
        r = make_end(writer, &t.seg[0], H7_WRITER, t.bell[H7_WRITER][1], t.bell[H7_READER][0], &o);
    if (r < 0) {
        drop_parts(&t);
        return r;
    }
    r = make_end(reader, &t.seg[1], H7_READER, t.bell[H7_READER][1], t.bell[H7_WRITER][0], &o);
    if (r < 0) {
        *writer = hepta_pipe_close(*writer);
        h7_segment_close(&t.seg[1]);
        h7_sys_close(t.bell[H7_READER][1]);
        h7_sys_close(t.bell[H7_WRITER][0]);
    }
    return r;
}

int hepta_pipe_export(struct hepta_pipe *p, int fds[HEPTA_PIPE_NFDS])
{
    int r = h7_pipe_enter(p, -1);
    if (r < 0)
        return r;
    if (!fds)
        return -EFAULT;
    const int own[HEPTA_PIPE_NFDS] = {p->seg.fd, p->flow.ring_fd, p->flow.listen_fd};
    for (int i = 0; i < HEPTA_PIPE_NFDS; i++) {
        fds[i] = h7_sys_dup(own[i], 0);
        if (fds[i] < 0) {
            r = fds[i];
            while (i > 0)
                h7_sys_close(fds[--i]);
            fds[0] = fds[1] = fds[2] = -1;
            return r;
        }
    }
    return 0;
}

/* Which end are these two, by the bells of this segment? */
static int role_of(const struct h7_conduit_shared *shared, int ring_fd, int listen_fd)
{
    uint64_t ring = h7_endpoint_inode(ring_fd), listen = h7_endpoint_inode(listen_fd);
    int fl_ring = fcntl(ring_fd, F_GETFL), fl_listen = fcntl(listen_fd, F_GETFL);
    if (fl_ring < 0 || fl_listen < 0)
        return -EBADF;
    for (int role = 0; role < 2 && ring && listen; role++)
        if (ring == h7_load64_relaxed(&shared->bell_ino[role]) &&
            listen == h7_load64_relaxed(&shared->bell_ino[!role]))
            return (fl_ring & O_ACCMODE) == O_WRONLY && (fl_listen & O_ACCMODE) == O_RDONLY
                       ? role
                       : -EBADF;
    return -EPROTO;
}

int hepta_pipe_attach(struct hepta_pipe **out, const int fds[HEPTA_PIPE_NFDS],
                      const struct hepta_pipe_options *opt)
{
    struct hepta_pipe_options o;
    if (out)
        *out = NULL;
    if (!out || !fds)
        return -EFAULT;
    int r = read_options(&o, opt);
    if (r < 0)
        return r;
    r = h7_life_know_self();
    if (r < 0)
        return r;
    const struct h7_segment_spec spec = spec_of(&o);
    struct h7_segment seg;
    r = h7_segment_attach(&seg, fds[H7_PIPE_FD_MEMORY], &spec, 1);
    if (r < 0)
        return r;
    int ring_fd = fds[H7_PIPE_FD_RING], listen_fd = fds[H7_PIPE_FD_LISTEN];
    int role = role_of(h7_segment_control(&seg), ring_fd, listen_fd);
    r = role < 0                                           ? role
        : seg.flags & ~ALL_FLAGS                           ? -EBADMSG
        : seg.data_len > HEPTA_PIPE_CAPACITY_MAX           ? -EBADMSG
                                                           : 0;
    if (r == 0)
        r = make_end(out, &seg, role, ring_fd, listen_fd, &o);
    if (r < 0) {
        seg.fd = -1; /* the caller's */
        h7_segment_close(&seg);
        return r;
    }
    for (int i = 0; i < HEPTA_PIPE_NFDS; i++)
        fcntl(fds[i], F_SETFD, FD_CLOEXEC);
    h7_sys_nonblock(ring_fd, 1);   /* they are already, unless a peer is hostile */
    h7_sys_nonblock(listen_fd, 1);
    return 0;
}

struct hepta_pipe *hepta_pipe_close(struct hepta_pipe *p)
{
    uint32_t open = H7_KIND_PIPE;
    if (!p || !h7_cas32_acquire(&p->handle.kind, &open, 0))
        return NULL; /* closed already: leave alone */
    h7_conduit_abandon(&p->flow);
    h7_sys_close(p->flow.ring_fd);
    h7_sys_close(p->flow.listen_fd);
    h7_conduit_closed(p->flow.shared); /* after the close, before the mapping goes */
    h7_segment_close(&p->seg);
    h7_handle_free(p, sizeof *p);
    return NULL;
}
