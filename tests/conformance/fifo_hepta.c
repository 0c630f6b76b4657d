/* SPDX-License-Identifier: MIT */
/*
 * fifo_hepta.c - Hepta's FIFO behind the table of fifo_room.h, by its public interface only
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

static int h_make(const char *name, mode_t mode, const struct pipe_want *want)
{
    struct hepta_fifo_options opt = {.size = sizeof(opt), .capacity = want->capacity};

    opt.flags |= want->flags & WANT_PACKET ? HEPTA_FIFO_PACKET : 0;
    opt.flags |= want->flags & WANT_BAD_FLAG ? NO_SUCH_FLAG : 0;
    return hepta_fifo_make(name, mode, &opt);
}

static int h_open(struct pend **end, const char *name, unsigned access,
                  const struct pipe_want *want, int64_t deadline)
{
    struct pend *e = &ends[n_ends++ % MAX_ENDS];
    uint32_t how = 0;

    (void)want;
    how |= access & FOR_READ ? HEPTA_FIFO_READ : 0;
    how |= access & FOR_WRITE ? HEPTA_FIFO_WRITE : 0;
    how |= access & ~FOR_BOTH;
    if (!end)
        return hepta_fifo_open(NULL, name, how, NULL, deadline);
    e->access = access;
    int err = hepta_fifo_open(&e->fifo, name, how, NULL, deadline);
    *end = e->fifo ? e : NULL;
    return err;
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

static int open_both(struct pend **r, struct pend **w, const char *name,
                     const struct pipe_want *want)
{
    int err = h_open(r, name, FOR_READ, want, HEPTA_NOW);

    if (err < 0)
        return err;
    err = h_open(w, name, FOR_WRITE, want, HEPTA_NOW);
    if (err < 0)
        h_close(*r);
    return err;
}

static int make_pair(struct pend **r, struct pend **w, const struct pipe_want *want)
{
    struct fifo f;

    name_it(&f);
    int err = h_make(f.name, 0600, want);
    if (err < 0)
        return err;
    err = open_both(r, w, f.name, want);
    int gone = h_unlink(f.name);
    return err < 0 ? err : gone;
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

const struct fifo_ops fifo_hepta_ops = {
    .pipe = {
        .make = make_pair, .write = h_write, .read = h_read, .close = h_close, .fd = h_fd,
        .see = h_see, .reserve = h_reserve, .commit = h_commit, .peek = h_peek,
        .release = h_release, .r_ready = POLLIN, .r_gone = POLLHUP, .w_ready = POLLIN,
        .w_gone = POLLHUP,
    },
    .make = h_make, .open = h_open, .unlink = h_unlink, .entry = h_entry,
    .fd_for = h_fd_for,
};
