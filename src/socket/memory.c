/* SPDX-License-Identifier: MIT */
/*
 * socket/memory.c - making, joining and closing connections in memory: see socket/memory.h
 *
 * Start at h7_memory_connect(): parts, then the kernel's connect, then the hello. The other
 * side is in backlog.c and hello.c; what goes over the connection in memory_io.c.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>

#include "base/net.h"
#include "base/sys.h"
#include "prim/life.h"
#include "socket/memory.h"

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83 /* Linux 6.16 */
#endif

#define CAPACITY_STREAM 65536u
#define CAPACITY_SEQPACKET 262144u /* the kernel's largest default message fits */

static struct h7_sock_shared *shared_of(const struct h7_segment *seg)
{
    return h7_segment_control(seg);
}

static int kernel_type(uint32_t type)
{
    return type == HEPTA_SOCK_SEQPACKET ? SOCK_SEQPACKET : SOCK_STREAM;
}

struct h7_segment_spec h7_memory_spec(uint64_t capacity, uint32_t type)
{
    int packets = type == HEPTA_SOCK_SEQPACKET;
    uint32_t flags = packets ? H7_CONDUIT_PACKET | H7_CONDUIT_WHOLE : 0;
    uint64_t usual = capacity ? capacity : packets ? CAPACITY_SEQPACKET : CAPACITY_STREAM;
    return (struct h7_segment_spec){
        .label = H7_SOCK_LABEL,
        .kind = H7_KIND_SOCK,
        .flags = flags,
        .control_len = sizeof(struct h7_sock_shared),
        .data_len = h7_conduit_capacity(usual, flags),
        .data_max = h7_conduit_capacity(capacity ? capacity : HEPTA_SOCK_CAPACITY_MAX, flags),
        .ring = 1,
    };
}

/* --- parts ------------------------------------------------------------------------- */

void h7_memory_parts_drop(struct h7_memory_parts *p)
{
    for (int i = 0; i < 2; i++) {
        h7_segment_close(&p->seg[i]);
        h7_sys_close(p->space[i]);
        h7_sys_close(p->rights[i]);
    }
}

static int make_segment(struct h7_segment *seg, const struct h7_segment_spec *spec)
{
    int r = h7_segment_new(seg, spec);
    if (r < 0)
        return r;
    /* D is silent and says so; S has its byte: see make_space(). */
    h7_bell_announce(&shared_of(seg)->flow.side[H7_WRITER].bell);
    return h7_segment_seal(seg) == 0 ? 0 : -ENOSYS; /* our own, and can't be sealed? */
}

static int make_pair(int fds[2], int type)
{
    if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) == 0)
        return 0;
    int err = errno;
    fds[0] = fds[1] = -1;
    return -err;
}

/* Both bells of it begin rung: all the room is free. */
static int make_space(int fds[2])
{
    int r = make_pair(fds, SOCK_STREAM);
    for (int i = 0; r == 0 && i < 2; i++)
        if (h7_sys_send_nowait(fds[i], "", 1) != 1)
            r = -ENOMEM;
    return r;
}

int h7_memory_parts(struct h7_memory_parts *p, const struct hepta_sock_options *opt, uint32_t type)
{
    const struct h7_segment_spec spec = h7_memory_spec(opt->capacity, type);
    *p = (struct h7_memory_parts){
        .seg = {{.fd = -1}, {.fd = -1}}, .space = {-1, -1}, .rights = {-1, -1}};
    int r = h7_life_know_self();
    for (int i = 0; r == 0 && i < 2; i++)
        r = make_segment(&p->seg[i], &spec);
    if (r == 0)
        r = make_space(p->space);
    if (r == 0)
        r = make_pair(p->rights, SOCK_SEQPACKET);
    if (r < 0)
        h7_memory_parts_drop(p);
    return r;
}

/* --- an end ------------------------------------------------------------------------ */

static int begin(struct h7_conduit *c, struct h7_segment *seg, enum h7_role role, int ring_fd,
                 int listen_fd, const struct hepta_sock_options *opt)
{
    struct h7_sock_shared *shared = shared_of(seg);
    int r = h7_conduit_init(c, &shared->flow, role, seg->flags, seg->data, seg->data_len);
    if (r < 0)
        return r;
    c->ring_fd = ring_fd;
    c->listen_fd = listen_fd;
    c->bell_kind = H7_BELL_SOCKET;
    c->tags = &shared->tags;
    h7_conduit_tune(c, opt->wait, opt->spin_ns);
    return 0;
}

/* Descriptors never come this way from now on. What an older kernel says is no matter. */
static void refuse_fds(int fd)
{
    h7_net_set_int(fd, SOL_SOCKET, SO_PASSRIGHTS, 0);
}

int h7_memory_end(struct hepta_sock **out, int main_fd, struct h7_segment seg[2], int space_fd,
                  int rights_fd, int side, const struct hepta_sock_options *opt, uint32_t type)
{
    struct hepta_sock *s = h7_sock_new(opt, type);
    struct h7_memory *m = s ? calloc(1, sizeof *m) : NULL;
    int r = m ? begin(&m->out, &seg[side], H7_WRITER, main_fd, space_fd, opt) : -ENOMEM;
    if (r == 0)
        r = begin(&m->in, &seg[!side], H7_READER, space_fd, main_fd, opt);
    if (r < 0) {
        free(m);
        if (s)
            h7_sock_drop(s);
        return r;
    }
    for (int i = 0; i < 2; i++) { /* a mapping needs no descriptor */
        h7_sys_close(seg[i].fd);
        seg[i].fd = -1;
        m->seg[i] = seg[i];
        seg[i] = (struct h7_segment){.fd = -1};
    }
    if (side == 1)
        h7_store32_relaxed(&shared_of(&m->seg[0])->accepted, 1); /* main's hang-up comes later */
    refuse_fds(main_fd);
    refuse_fds(space_fd);
    m->space_fd = space_fd;
    m->rights_fd = rights_fd;
    h7_unix_cred(main_fd, &m->pid, &m->uid, &m->gid);
    s->ops = &h7_sock_memory_ops;
    s->memory = m;
    s->family = AF_UNIX;
    s->fd = main_fd;
    h7_sock_ready(s);
    *out = s;
    return 0;
}

/* The parts' side of it; what an end takes over is no longer the parts'. */
static int take_end(struct hepta_sock **out, int main_fd, struct h7_memory_parts *p, int side,
                    const struct hepta_sock_options *opt, uint32_t type)
{
    int r = h7_memory_end(out, main_fd, p->seg, p->space[side], p->rights[side], side, opt, type);
    if (r == 0)
        p->space[side] = p->rights[side] = -1;
    return r;
}

/* --- pair, connect, listen ----------------------------------------------------------- */

/* The second end's own mapping: each end can be closed alone. What attaching finds wrong with a
 * segment that we have just made is the system's fault. */
static int map_again(struct h7_segment again[2], const struct h7_memory_parts *p, uint32_t type)
{
    const struct h7_segment_spec spec = h7_memory_spec(0, type);
    again[0] = again[1] = (struct h7_segment){.fd = -1};
    for (int i = 0; i < 2; i++) {
        int fd = h7_sys_dup(p->seg[i].fd, 1);
        int r = fd < 0 ? fd : h7_segment_attach(&again[i], fd, &spec, 1);
        if (r < 0) {
            h7_sys_close(fd);
            h7_segment_close(&again[0]);
            return r == -EMFILE || r == -ENOMEM ? r : -ENOSYS;
        }
    }
    return 0;
}

int h7_memory_pair(struct hepta_sock **a, struct hepta_sock **b,
                   const struct hepta_sock_options *opt, uint32_t type)
{
    struct h7_memory_parts p;
    struct h7_segment again[2];
    int main_fd[2];
    int r = make_pair(main_fd, kernel_type(type));
    if (r < 0)
        return r;
    r = h7_memory_parts(&p, opt, type);
    if (r == 0) {
        r = map_again(again, &p, type);
        if (r == 0)
            r = take_end(a, main_fd[0], &p, 0, opt, type);
        if (r == 0) {
            main_fd[0] = p.space[0] = -1;
            r = h7_memory_end(b, main_fd[1], again, p.space[1], p.rights[1], 1, opt, type);
            if (r == 0)
                main_fd[1] = p.space[1] = p.rights[1] = -1;
            else
                *a = hepta_sock_close(*a);
        }
        if (r < 0) {
            h7_segment_close(&again[0]);
            h7_segment_close(&again[1]);
        }
        h7_memory_parts_drop(&p);
    }
    h7_sys_close(main_fd[0]);
    h7_sys_close(main_fd[1]);
    return r;
}

int h7_memory_connect(struct hepta_sock **out, const struct h7_sock_address *a,
                      const struct hepta_sock_options *opt, uint32_t type, int64_t deadline)
{
    struct h7_memory_parts p;
    int fd = h7_net_socket(AF_UNIX, kernel_type(type), 0); /* before rights: h7_memory_close() */
    if (fd < 0)
        return fd;
    int r = h7_memory_parts(&p, opt, type);
    if (r < 0) {
        h7_sys_close(fd);
        return r;
    }
    r = h7_unix_connect(fd, &a->at[0], deadline);
    if (r == 0) /* M1 until it is sent */
        r = h7_hello_send(fd, &p, type);
    if (r == -EPIPE || r == -ECONNRESET)
        r = -ECONNREFUSED; /* the listener was closed in between */
    if (r == 0)
        r = take_end(out, fd, &p, 0, opt, type);
    if (r < 0)
        h7_sys_close(fd);
    h7_memory_parts_drop(&p);
    return r;
}

int h7_memory_listen(struct hepta_sock **out, const struct h7_sock_address *a,
                     const struct hepta_sock_options *opt, uint32_t type)
{
    struct hepta_sock *s = h7_sock_new(opt, type);
    if (!s)
        return -ENOMEM;
    struct h7_memory *m = calloc(1, sizeof *m);
    int r = m && (m->backlog = h7_backlog_new()) ? h7_life_know_self() : -ENOMEM;
    if (r == 0) {
        s->fd = h7_net_socket(AF_UNIX, kernel_type(type) | SOCK_NONBLOCK, 0);
        r = s->fd < 0 ? s->fd : h7_unix_bind(s, &a->at[0], (int)opt->backlog);
    }
    if (r < 0) {
        if (m)
            h7_backlog_free(m->backlog);
        free(m);
        h7_sock_drop(s);
        return r;
    }
    s->ops = &h7_sock_memory_ops;
    s->memory = m;
    s->family = AF_UNIX;
    s->listening = 1;
    h7_sock_ready(s);
    *out = s;
    return 0;
}

void h7_memory_close(struct hepta_sock *s)
{
    struct h7_memory *m = s->memory;
    if (s->listening) {
        h7_backlog_free(m->backlog);
        h7_sys_close(s->fd);
    } else {
        h7_conduit_abandon(&m->out);
        h7_conduit_abandon(&m->in);
        /* Main last: who is woken by its end finds rights closed, too (was_reset()). When a
         * process dies, the kernel closes the later descriptors first, as a rule. */
        h7_sys_close(m->rights_fd);
        h7_sys_close(m->space_fd);
        h7_sys_close(s->fd);
        h7_conduit_closed(m->out.shared); /* after the close, before the mapping goes */
        h7_conduit_closed(m->in.shared);
        h7_segment_close(&m->seg[0]);
        h7_segment_close(&m->seg[1]);
    }
    free(m);
}

int h7_memory_check(const struct hepta_sock *s, char *why, size_t n)
{
    const struct h7_memory *m = s->memory;
    if (s->listening)
        return 0;
    for (int i = 0; i < 2; i++)
        if (h7_segment_check(&m->seg[i], H7_KIND_SOCK) < 0) {
            snprintf(why, n, "segment %d: the header was changed", i);
            return -EBADMSG;
        }
    int r = h7_conduit_check(&m->out, why, n);
    return r < 0 ? r : h7_conduit_check(&m->in, why, n);
}
