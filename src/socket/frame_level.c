/* SPDX-License-Identifier: MIT */
/*
 * socket/frame_level.c - a descriptor that is readable while there is something to receive,
 * on the stream or in the buffer of records
 *
 * An epoll descriptor over two: the stream's own, and an eventfd that is raised while a whole
 * record is buffered. Made when somebody first asks; before that nothing costs anything, and
 * after it two small calls for each time that the buffer gets or loses its last whole record.
 *
 * fork() shares both descriptors with the parent, whose buffer is another: the child makes new
 * ones when it asks.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/net.h"
#include "base/sys.h"
#include "socket/frame.h"

/* Under f->level. The eventfd never blocks, and can't overflow: raised once. */
static void sync_level(struct h7_frame *f)
{
    uint64_t one = 1;
    int ready = (int)h7_load32_relaxed(&f->ready); /* written under the same lock */
    if (f->level_fd < 0 || f->level_gen != h7_fork_gen() || f->raised == ready)
        return;
    if (ready)
        syscall(SYS_write, f->event_fd, &one, sizeof one);
    else
        h7_sys_read(f->event_fd, &one, sizeof one);
    f->raised = ready;
}

/* Nobody keeps this lock longer than two system calls. */
static void lock_level(struct h7_frame *f)
{
    while (h7_mutex_lock(&f->level, HEPTA_FOREVER) != 0)
        ;
}

void h7_frame_set_ready(struct hepta_sock *s, bool ready)
{
    struct h7_frame *f = s->frame;
    if (h7_load32_relaxed(&f->ready) == ready) /* only who holds rx changes it */
        return;
    lock_level(f);
    h7_store32_relaxed(&f->ready, ready);
    sync_level(f);
    h7_mutex_unlock(&f->level);
}

static int watch(int epoll_fd, int fd, short events)
{
    struct epoll_event e = {.events = (uint32_t)events};
    return (int)h7_net_result(syscall(SYS_epoll_ctl, epoll_fd, EPOLL_CTL_ADD, fd, &e));
}

static void drop_level(struct h7_frame *f)
{
    h7_sys_close(f->level_fd);
    h7_sys_close(f->event_fd);
    f->level_fd = f->event_fd = -1;
}

static int make_level(struct h7_frame *f, const struct pollfd *stream)
{
    drop_level(f); /* the parent's */
    f->level_fd = (int)h7_net_result(syscall(SYS_epoll_create1, EPOLL_CLOEXEC));
    f->event_fd = (int)h7_net_result(syscall(SYS_eventfd2, 0, EFD_CLOEXEC | EFD_NONBLOCK));
    int r = f->level_fd < 0   ? f->level_fd
            : f->event_fd < 0 ? f->event_fd
                              : watch(f->level_fd, f->event_fd, POLLIN);
    if (r == 0)
        r = watch(f->level_fd, stream->fd, stream->events);
    if (r < 0) {
        drop_level(f);
        return r == -ENOSPC ? -ENOMEM : r; /* max_user_watches */
    }
    f->level_gen = h7_fork_gen();
    f->raised = 0;
    return 0;
}

int h7_frame_pollfd(struct hepta_sock *s, short want, struct pollfd *p)
{
    struct h7_frame *f = s->frame;
    struct pollfd stream;
    int r = s->ops->pollfd(s, want, &stream);
    if (r < 0)
        return r;
    if (want == POLLOUT) {
        *p = stream;
        return 0;
    }
    lock_level(f);
    if (f->level_fd < 0 || f->level_gen != h7_fork_gen())
        r = make_level(f, &stream);
    if (r == 0) {
        sync_level(f);
        *p = (struct pollfd){.fd = f->level_fd, .events = POLLIN};
    }
    h7_mutex_unlock(&f->level);
    return r;
}
