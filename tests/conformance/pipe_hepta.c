/* SPDX-License-Identifier: MIT */
/*
 * pipe_hepta.c - Hepta's pipe behind the table of pipe_room.h, by its public interface only
 *
 * Two back ends: the default one for any number of writers and readers, and the one that
 * promises a single writer and a single reader.
 */
#include "pipe_room.h"

#include <poll.h>

#include <hepta/pipe.h>

#define NO_SUCH_FLAG (1u << 30)

static struct hepta_pipe *handle(struct pend *end)
{
    return (struct hepta_pipe *)end;
}

static int make_with(struct pend **r, struct pend **w, const struct pipe_want *want,
                     uint32_t flags)
{
    struct hepta_pipe_options opt = {
        .size = sizeof(opt), .flags = flags, .capacity = want->capacity,
    };

    opt.flags |= want->flags & WANT_PACKET ? HEPTA_PIPE_PACKET : 0;
    opt.flags |= want->flags & WANT_BAD_FLAG ? NO_SUCH_FLAG : 0;
    return hepta_pipe_new((struct hepta_pipe **)r, (struct hepta_pipe **)w, &opt);
}

static int h_make(struct pend **r, struct pend **w, const struct pipe_want *want)
{
    return make_with(r, w, want, 0);
}

static int spsc_make(struct pend **r, struct pend **w, const struct pipe_want *want)
{
    return make_with(r, w, want, HEPTA_PIPE_SPSC);
}

static ssize_t h_write(struct pend *end, const void *buf, size_t len, int64_t deadline)
{
    return hepta_pipe_write(handle(end), buf, len, deadline);
}

static ssize_t h_read(struct pend *end, void *buf, size_t len, int64_t deadline)
{
    return hepta_pipe_read(handle(end), buf, len, deadline);
}

static void h_close(struct pend *end)
{
    hepta_pipe_close(handle(end));
}

static int h_fd(struct pend *end)
{
    return hepta_pipe_fd(handle(end));
}

static int h_see(struct pend *end, struct pipe_seen *seen)
{
    struct hepta_pipe_stat st;
    int err = hepta_pipe_stat(handle(end), &st, sizeof(st));

    if (err < 0)
        return err;
    *seen = (struct pipe_seen){st.capacity, st.used, (int)st.has_writer, (int)st.has_reader};
    return 0;
}

static int h_give(struct pend *end, int fds[N_PASSED_FDS])
{
    _Static_assert(HEPTA_PIPE_NFDS == N_PASSED_FDS, "one number for all back ends");
    return hepta_pipe_export(handle(end), fds);
}

static int h_take(struct pend **end, const int fds[N_PASSED_FDS])
{
    return hepta_pipe_attach((struct hepta_pipe **)end, fds, NULL);
}

static int h_reserve(struct pend *end, size_t len, void **ptr, int64_t deadline)
{
    return hepta_pipe_reserve(handle(end), len, ptr, deadline);
}

static int h_commit(struct pend *end, size_t len)
{
    return hepta_pipe_commit(handle(end), len);
}

static ssize_t h_peek(struct pend *end, const void **ptr, int64_t deadline)
{
    return hepta_pipe_peek(handle(end), ptr, deadline);
}

static int h_release(struct pend *end, size_t len)
{
    return hepta_pipe_release(handle(end), len);
}

#define COMMON_OPS \
    .write = h_write, .read = h_read, .close = h_close, .fd = h_fd, .see = h_see, \
    .give = h_give, .take = h_take, .reserve = h_reserve, .commit = h_commit, \
    .peek = h_peek, .release = h_release, .r_ready = POLLIN, .r_gone = POLLHUP, \
    .w_ready = POLLIN, .w_gone = POLLHUP

const struct pipe_ops pipe_hepta_ops = {.make = h_make, COMMON_OPS};
const struct pipe_ops pipe_hepta_spsc_ops = {.make = spsc_make, COMMON_OPS};
