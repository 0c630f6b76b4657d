/* SPDX-License-Identifier: MIT */
/*
 * fifo_hepta.c - Hepta's FIFO behind the table of fifo_room.h, by its public interface only;
 * and the kernel's by the same interface ("via")
 */
#include "fifo_room.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include <hepta/fifo.h>

#define MAX_ENDS 4096
#define NO_SUCH_FLAG (1u << 30)

/* A handle, and for what it was opened: the pipe's cases ask for "the" descriptor of an end.
 * Never freed, so that a case can call a verb with a closed handle. */
struct pend {
    struct hepta_fifo *fifo;
    unsigned access;
};

static struct pend ends[MAX_ENDS];
static _Atomic unsigned n_ends; /* threads open, too */

static struct hepta_fifo_options options(const struct pipe_want *want)
{
    struct hepta_fifo_options opt = {.size = sizeof(opt), .capacity = want->capacity};

    opt.flags |= want->flags & WANT_PACKET ? HEPTA_FIFO_PACKET : 0;
    opt.flags |= want->flags & WANT_BAD_FLAG ? NO_SUCH_FLAG : 0;
    return opt;
}

static int h_make(const char *name, mode_t mode, const struct pipe_want *want)
{
    struct hepta_fifo_options opt = options(want);

    return hepta_fifo_make(name, mode, &opt);
}

static int open_with(struct pend **end, const char *name, unsigned access,
                     const struct hepta_fifo_options *opt, int64_t deadline)
{
    struct pend *e = &ends[n_ends++ % MAX_ENDS];
    uint32_t how = 0;

    how |= access & FOR_READ ? HEPTA_FIFO_READ : 0;
    how |= access & FOR_WRITE ? HEPTA_FIFO_WRITE : 0;
    how |= access & ~FOR_BOTH;
    if (!end)
        return hepta_fifo_open(NULL, name, how, opt, deadline);
    e->access = access;
    int err = hepta_fifo_open(&e->fifo, name, how, opt, deadline);
    *end = e->fifo ? e : NULL;
    return err;
}

static int h_open(struct pend **end, const char *name, unsigned access,
                  const struct pipe_want *want, int64_t deadline)
{
    (void)want;
    return open_with(end, name, access, NULL, deadline);
}

static int h_unlink(const char *name)
{
    return hepta_fifo_unlink(name);
}

static void h_close(struct pend *end)
{
    if (end)
        hepta_fifo_close(end->fifo);
}

static int open_both(const struct fifo_ops *o, struct pend **r, struct pend **w,
                     const char *name, const struct pipe_want *want)
{
    int err = o->open(r, name, FOR_READ, want, HEPTA_NOW);

    if (err < 0)
        return err;
    err = o->open(w, name, FOR_WRITE, want, HEPTA_NOW);
    if (err < 0)
        h_close(*r);
    return err;
}

static int pair_of(const struct fifo_ops *o, struct pend **r, struct pend **w,
                   const struct pipe_want *want)
{
    struct fifo f;

    name_it(&f);
    int err = o->make(f.name, 0600, want);
    if (err < 0)
        return err;
    err = open_both(o, r, w, f.name, want);
    int gone = o->unlink(f.name);
    return err < 0 ? err : gone;
}

static int h_pair(struct pend **r, struct pend **w, const struct pipe_want *want)
{
    return pair_of(&fifo_hepta_ops, r, w, want);
}

static void h_entry(const char *name, char *path, size_t n)
{
    snprintf(path, n, "%s/fifo.%s", getenv("HEPTA_DIR"), name + 1);
}

static ssize_t h_write(struct pend *end, const void *buf, size_t len, int64_t deadline)
{
    return hepta_fifo_write(end->fifo, buf, len, deadline);
}

static ssize_t h_read(struct pend *end, void *buf, size_t len, int64_t deadline)
{
    return hepta_fifo_read(end->fifo, buf, len, deadline);
}

static int h_fd_for(struct pend *end, unsigned access)
{
    return hepta_fifo_fd(end->fifo, access == FOR_READ ? HEPTA_FIFO_READ : HEPTA_FIFO_WRITE);
}

static int h_fd(struct pend *end)
{
    return h_fd_for(end, end->access);
}

static int h_see(struct pend *end, struct pipe_seen *seen)
{
    struct hepta_pipe_stat st;
    int err = hepta_fifo_stat(end->fifo, &st, sizeof(st));

    if (err < 0)
        return err;
    *seen = (struct pipe_seen){st.capacity, st.used, (int)st.has_writer, (int)st.has_reader};
    return 0;
}

static int h_reserve(struct pend *end, size_t len, void **ptr, int64_t deadline)
{
    return hepta_fifo_reserve(end->fifo, len, ptr, deadline);
}

static int h_commit(struct pend *end, size_t len)
{
    return hepta_fifo_commit(end->fifo, len);
}

static ssize_t h_peek(struct pend *end, const void **ptr, int64_t deadline)
{
    return hepta_fifo_peek(end->fifo, ptr, deadline);
}

static int h_release(struct pend *end, size_t len)
{
    return hepta_fifo_release(end->fifo, len);
}

/* The library's name for the file of a name; what isn't a name is handed on as a path. */
static const char *via(const char *name, char *to, size_t n)
{
    if (!name)
        return NULL;
    snprintf(to, n, "kernel.fifo:%s%s", name[0] == '/' ? getenv("HEPTA_DIR") : "", name);
    return to;
}

/* The name keeps no options there. */
static int v_make(const char *name, mode_t mode, const struct pipe_want *want)
{
    struct pipe_want none = {.flags = want->flags & ~WANT_PACKET};
    char to[NAME_SIZE + 100];

    return h_make(via(name, to, sizeof(to)), mode, &none);
}

/* Packets are the writer's. */
static int v_open(struct pend **end, const char *name, unsigned access,
                  const struct pipe_want *want, int64_t deadline)
{
    struct hepta_fifo_options opt = options(want);
    char to[NAME_SIZE + 100];

    if (!(access & FOR_WRITE))
        opt.flags &= ~HEPTA_FIFO_PACKET;
    return open_with(end, via(name, to, sizeof(to)), access, &opt, deadline);
}

static int v_unlink(const char *name)
{
    char to[NAME_SIZE + 100];

    return h_unlink(via(name, to, sizeof(to)));
}

static int v_pair(struct pend **r, struct pend **w, const struct pipe_want *want)
{
    return pair_of(&fifo_via_ops, r, w, want);
}

static void v_entry(const char *name, char *path, size_t n)
{
    snprintf(path, n, "%s%s", getenv("HEPTA_DIR"), name);
}

#define VERBS \
    .write = h_write, .read = h_read, .close = h_close, .fd = h_fd, .see = h_see, \
    .reserve = h_reserve, .commit = h_commit, .peek = h_peek, .release = h_release

const struct fifo_ops fifo_hepta_ops = {
    .pipe = {
        VERBS, .make = h_pair, .r_ready = POLLIN, .r_gone = POLLHUP, .w_ready = POLLIN,
        .w_gone = POLLHUP,
    },
    .make = h_make, .open = h_open, .unlink = h_unlink, .entry = h_entry,
    .fd_for = h_fd_for,
};

const struct fifo_ops fifo_via_ops = {
    .pipe = {
        VERBS, .make = v_pair, .r_ready = POLLIN, .r_gone = POLLHUP, .w_ready = POLLOUT,
        .w_gone = POLLERR,
    },
    .make = v_make, .open = v_open, .unlink = v_unlink, .entry = v_entry,
    .fd_for = h_fd_for,
};
