/* SPDX-License-Identifier: MIT */
/*
 * channel/bytes.c - pipe, FIFO, standard input and output: one stream each way, with frames
 *
 * What differs is how a stream is opened, read, written and polled; struct stream_ops says so. A
 * FIFO outlives its writers: after an end the next recv waits for a new one, and keeps its own
 * handle open meanwhile, so that nothing is lost that somebody writes and leaves.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <hepta/fifo.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sys.h"
#include "channel/channel_internal.h"
#include "channel/frames.h"

#define REOPEN_MS 100 /* how often a FIFO without writers is looked into meanwhile */

struct stream {
    const struct stream_ops *ops;
    struct h7_frames in;
    struct h7_outgoing out;
    struct hepta_pipe *pipe;
    struct hepta_fifo *fifo;
    int fds[2]; /* to read, to write; -1 */
    int ended;  /* the other side was gone when we last read */
};

struct stream_ops {
    ssize_t (*read)(struct hepta_channel *ch, void *buf, size_t len, int64_t deadline);
    h7_write_fn *write;
    int (*poll)(struct stream *s, short want, struct pollfd *p);
    int keep; /* see h7_outgoing_send() */
};

/* --- descriptors --- */

static int wait_fd(int fd, short events, int64_t deadline)
{
    struct pollfd p = {.fd = fd, .events = events};
    int r = h7_sys_poll(&p, 1, deadline);

    return r > 0 ? 0 : r == 0 ? (deadline == HEPTA_NOW ? -EAGAIN : -ETIMEDOUT) : r;
}

static int is_pipe(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

/* Of a pipe others may be faster than we are after a poll: never read blocking. */
static ssize_t read_fd(struct hepta_channel *ch, void *buf, size_t len, int64_t deadline)
{
    struct stream *s = ch->own;

    for (;;) {
        int r = wait_fd(s->fds[0], POLLIN, deadline);
        if (r < 0)
            return r;
        ssize_t n = is_pipe(s->fds[0]) ? h7_sys_read_nowait(s->fds[0], buf, len)
                                       : h7_sys_read(s->fds[0], buf, len);
        if (n != -EAGAIN)
            return n;
    }
}

/* What poll calls writable takes PIPE_BUF bytes without waiting, whatever it is. */
static ssize_t write_fd(void *arg, const void *buf, size_t len, int64_t deadline)
{
    struct stream *s = ((struct hepta_channel *)arg)->own;
    int quick = is_pipe(s->fds[1]);

    for (;;) {
        ssize_t n = quick ? h7_sys_write_nowait(s->fds[1], buf, len) : -EAGAIN;
        if (n != -EAGAIN)
            return n;
        int r = wait_fd(s->fds[1], POLLOUT, deadline);
        if (r < 0)
            return r;
        if (!quick)
            return h7_sys_write_quiet(s->fds[1], buf, len < 4096 ? len : 4096);
    }
}

static int poll_fd(struct stream *s, short want, struct pollfd *p)
{
    *p = (struct pollfd){.fd = s->fds[want == POLLOUT], .events = want};
    return 0;
}

static const struct stream_ops descriptors = {read_fd, write_fd, poll_fd, 0};

/* --- Hepta's pipe --- */

static ssize_t read_pipe(struct hepta_channel *ch, void *buf, size_t len, int64_t deadline)
{
    struct stream *s = ch->own;
    return hepta_pipe_read(s->pipe, buf, len, deadline);
}

static ssize_t write_pipe(void *arg, const void *buf, size_t len, int64_t deadline)
{
    struct stream *s = ((struct hepta_channel *)arg)->own;
    return hepta_pipe_write(s->pipe, buf, len, deadline);
}

static int poll_pipe(struct stream *s, short want, struct pollfd *p)
{
    int fd = hepta_pipe_fd(s->pipe);
    (void)want;
    *p = (struct pollfd){.fd = fd, .events = POLLIN};
    return fd < 0 ? fd : 0;
}

static const struct stream_ops pipes = {read_pipe, write_pipe, poll_pipe, 0};

/* --- FIFOs --- */

/* "kernel.fifo:PATH" is a name of hepta/fifo.h's, too. */
static void fifo_name(const struct h7_address *a, char name[HEPTA_CHANNEL_ADDRESS_MAX + 16])
{
    const char *kernel = a->kind->name[0] == 'k' ? "kernel.fifo:" : "";
    char *end = __builtin_stpcpy(name, kernel);
    __builtin_strcpy(end, a->name);
}

static int open_fifo(struct hepta_channel *ch, struct hepta_fifo **fifo, int64_t deadline)
{
    char name[HEPTA_CHANNEL_ADDRESS_MAX + 16];
    uint32_t access = (ch->flags & HEPTA_CHANNEL_RECV ? HEPTA_FIFO_READ : 0) |
                      (ch->flags & HEPTA_CHANNEL_SEND ? HEPTA_FIFO_WRITE : 0);

    fifo_name(&ch->at, name);
    return hepta_fifo_open(fifo, name, access, NULL, deadline);
}

/* Waits until a writer is there, or has left something. */
static int reopen_fifo(struct hepta_channel *ch, void *buf, size_t len, int64_t deadline)
{
    struct stream *s = ch->own;
    struct hepta_fifo *fresh;

    for (;;) {
        ssize_t n = hepta_fifo_read(s->fifo, buf, len, HEPTA_NOW);
        if (n != 0)
            return n > 0 ? (int)n : n == -EAGAIN ? 0 : (int)n;
        if (deadline == HEPTA_NOW)
            return -EAGAIN;
        int64_t look = hepta_in_ms(REOPEN_MS);
        int r = open_fifo(ch, &fresh, look < deadline ? look : deadline);
        if (r == 0) {
            hepta_fifo_close(s->fifo);
            s->fifo = fresh;
            return 0;
        }
        if (r != -ETIMEDOUT || hepta_now_ns() >= deadline)
            return r;
    }
}

static ssize_t read_fifo(struct hepta_channel *ch, void *buf, size_t len, int64_t deadline)
{
    struct stream *s = ch->own;

    if (s->ended) {
        int r = reopen_fifo(ch, buf, len < 65536 ? len : 65536, deadline);
        if (r < 0)
            return r;
        s->ended = 0;
        if (r > 0)
            return r;
    }
    return hepta_fifo_read(s->fifo, buf, len, deadline);
}

static ssize_t write_fifo(void *arg, const void *buf, size_t len, int64_t deadline)
{
    struct stream *s = ((struct hepta_channel *)arg)->own;
    return hepta_fifo_write(s->fifo, buf, len, deadline);
}

static int poll_fifo(struct stream *s, short want, struct pollfd *p)
{
    int fd = hepta_fifo_fd(s->fifo, want == POLLIN ? HEPTA_FIFO_READ : HEPTA_FIFO_WRITE);
    *p = (struct pollfd){.fd = fd, .events = POLLIN};
    return fd < 0 ? fd : 0;
}

static const struct stream_ops fifos = {read_fifo, write_fifo, poll_fifo, 1};

static int make_fifo(const struct h7_address *a)
{
    char name[HEPTA_CHANNEL_ADDRESS_MAX + 16];
    struct hepta_fifo_options opt = {.size = sizeof opt, .capacity = a->size};

    fifo_name(a, name);
    return hepta_fifo_make(name, h7_address_mode(a), a->set & H7_OPT(SIZE) ? &opt : NULL);
}

static int remove_fifo(const struct h7_address *a)
{
    char name[HEPTA_CHANNEL_ADDRESS_MAX + 16];

    fifo_name(a, name);
    return hepta_fifo_unlink(name);
}

/* --- opening --- */

static void begin(struct hepta_channel *ch, const struct stream_ops *ops)
{
    struct stream *s = ch->own;

    s->ops = ops;
    s->fds[0] = s->fds[1] = -1;
    h7_frames_init(&s->in, &ch->opt);
}

static int open_pipe_end(struct hepta_channel *ch, int64_t deadline)
{
    struct stream *s = ch->own;
    struct hepta_pipe_stat st;
    (void)deadline;

    begin(ch, &pipes);
    int r = hepta_pipe_attach(&s->pipe, ch->at.fds, NULL);
    if (r < 0)
        return r;
    /* Which end it is shows when it is used for the other: a write of nothing asks. */
    r = ch->flags & HEPTA_CHANNEL_SEND ? (int)hepta_pipe_write(s->pipe, "", 0, HEPTA_NOW)
                                       : (int)hepta_pipe_read(s->pipe, &st, 0, HEPTA_NOW);
    return r;
}

static int open_kernel_pipe(struct hepta_channel *ch, int64_t deadline)
{
    struct stream *s = ch->own;
    int fd = ch->at.fds[0], mode = fcntl(fd, F_GETFL);
    (void)deadline;

    begin(ch, &descriptors);
    if (mode < 0)
        return -errno;
    if (((ch->flags & HEPTA_CHANNEL_RECV) && (mode & O_ACCMODE) == O_WRONLY) ||
        ((ch->flags & HEPTA_CHANNEL_SEND) && (mode & O_ACCMODE) == O_RDONLY))
        return -EBADF;
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return -errno;
    s->fds[0] = s->fds[1] = fd;
    return 0;
}

static int open_standard(struct hepta_channel *ch, int64_t deadline)
{
    struct stream *s = ch->own;
    (void)deadline;

    begin(ch, &descriptors);
    s->fds[0] = STDIN_FILENO;
    s->fds[1] = STDOUT_FILENO;
    return 0;
}

static int open_named(struct hepta_channel *ch, int64_t deadline)
{
    struct stream *s = ch->own;
    int r = 0;

    begin(ch, &fifos);
    if (ch->at.set & H7_OPT(CREATE))
        r = make_fifo(&ch->at);
    return r < 0 && r != -EEXIST ? r : open_fifo(ch, &s->fifo, deadline);
}

/* --- the operations --- */

static int send_bytes(struct hepta_channel *ch, const struct hepta_channel_msg *msg,
                      int64_t deadline)
{
    struct stream *s = ch->own;
    return h7_outgoing_send(&s->out, &ch->opt, msg->data, msg->len, s->ops->write, ch,
                            s->ops->keep, deadline);
}

static int flush_bytes(struct hepta_channel *ch, int64_t deadline)
{
    struct stream *s = ch->own;
    return h7_outgoing_push(&s->out, s->ops->write, ch, deadline);
}

static int recv_bytes(struct hepta_channel *ch, struct hepta_channel_msg *msg, int64_t deadline)
{
    struct stream *s = ch->own;

    for (;;) {
        void *room;
        size_t len;
        int r = h7_frames_next(&s->in, &msg->data, &msg->len);
        if (r == 0)
            r = h7_frames_room(&s->in, &room, &len);
        if (r != 0)
            return r;
        ssize_t n = s->ops->read(ch, room, len, deadline);
        if (n < 0)
            return (int)n;
        if (n == 0) {
            s->ended = 1;
            return h7_frames_end(&s->in, &msg->data, &msg->len);
        }
        h7_frames_filled(&s->in, (size_t)n);
    }
}

static int pollfd_bytes(struct hepta_channel *ch, short want, struct pollfd *p)
{
    struct stream *s = ch->own;
    return s->ops->poll(s, want, p);
}

/* Bytes may be half a message: then a try says so. */
static int buffered_bytes(struct hepta_channel *ch)
{
    struct stream *s = ch->own;
    struct h7_frames look = s->in;
    const void *data;
    size_t len;
    return h7_frames_next(&look, &data, &len) != 0;
}

static int stat_bytes(struct hepta_channel *ch, struct hepta_channel_stat *st)
{
    struct stream *s = ch->own;
    struct hepta_pipe_stat ps = {0};
    int r = s->pipe   ? hepta_pipe_stat(s->pipe, &ps, sizeof ps)
            : s->fifo ? hepta_fifo_stat(s->fifo, &ps, sizeof ps)
                      : 0;
    st->bytes = ps.used;
    return r;
}

static void close_bytes(struct hepta_channel *ch)
{
    struct stream *s = ch->own;

    h7_frames_deinit(&s->in);
    h7_outgoing_deinit(&s->out);
    hepta_pipe_close(s->pipe);
    hepta_fifo_close(s->fifo);
    if (ch->at.kind->ops == &h7_channel_kernel_pipe)
        h7_sys_close(s->fds[0]);
}

#define STREAM                                                                                 \
    .own_len = sizeof(struct stream), .send = send_bytes, .flush = flush_bytes,                \
    .recv = recv_bytes, .pollfd = pollfd_bytes, .buffered = buffered_bytes, .stat = stat_bytes, \
    .close = close_bytes

const struct h7_channel_ops h7_channel_pipe = {STREAM, .open = open_pipe_end};
const struct h7_channel_ops h7_channel_kernel_pipe = {STREAM, .open = open_kernel_pipe};
const struct h7_channel_ops h7_channel_standard = {STREAM, .open = open_standard};
const struct h7_channel_ops h7_channel_fifo = {
    STREAM, .open = open_named, .create = make_fifo, .remove = remove_fifo};
