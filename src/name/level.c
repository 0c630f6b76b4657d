/* SPDX-License-Identifier: MIT */
/* name/level.c - see name/level.h. Reading order: make, h7_level_drain(), h7_level_rest(). */
#define _GNU_SOURCE
#include "name/level.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>

#include "base/clock.h"
#include "base/self.h"
#include "base/sys.h"
#include "name/alive.h"

#define DOUBT_NS 1000000000
#define TICK_NS 10000000
#define BLIND_TICK_NS 50000000

static int kept(const struct h7_a32 *fd)
{
    return (int)h7_load32_relaxed(fd) - 1;
}

/* Is it this process's, or its parent's? */
static int is_ours(const struct h7_level *l)
{
    return h7_load32_relaxed(&l->epoll) != 0 && h7_load64_relaxed(&l->gen) == h7_fork_gen();
}

/* --- making ---------------------------------------------------------------------------- */

static int add(int epoll, int fd)
{
    struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
    return fd < 0 ? 0 : h7_sys_epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
}

/* -1: there is none. */
static int watch_life(int obj)
{
    char path[64];
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd < 0)
        return -1;
    snprintf(path, sizeof path, "/proc/self/fd/%d/" H7_PART_LIFE, obj);
    if (inotify_add_watch(fd, path, IN_CLOSE_WRITE) >= 0)
        return fd;
    h7_sys_close(fd);
    return -1;
}

static void close_all(int epoll, int watch, int timer)
{
    h7_sys_close(epoll);
    h7_sys_close(watch);
    h7_sys_close(timer);
}

static int make(struct h7_level *l, int obj, int bell)
{
    uint32_t none = 0;
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    int r = timer < 0 ? -errno : h7_sys_epoll_create();
    int epoll = timer < 0 ? -1 : r, watch = r < 0 ? -1 : watch_life(obj);
    if (r >= 0)
        r = add(epoll, bell);
    if (r >= 0)
        r = add(epoll, watch);
    if (r >= 0)
        r = add(epoll, timer);
    if (r < 0 || !h7_cas32_acquire(&l->epoll, &none, (uint32_t)epoll + 1)) {
        close_all(epoll, watch, timer); /* a failure, or another thread was faster */
        return r;
    }
    h7_store64_relaxed(&l->gen, h7_fork_gen());
    h7_store32_relaxed(&l->watch, (uint32_t)watch + 1);
    h7_store32_relaxed(&l->timer, (uint32_t)timer + 1);
    return 0;
}

int h7_level_fd(struct h7_level *l, int obj, int bell)
{
    if (h7_load32_relaxed(&l->epoll) && !is_ours(l))
        h7_level_close(l); /* the parent has it, too, and looks into it: a new one */
    int r = h7_load32_relaxed(&l->epoll) ? 0 : make(l, obj, bell);
    return r < 0 ? r : kept(&l->epoll);
}

void h7_level_close(struct h7_level *l)
{
    close_all(kept(&l->epoll), kept(&l->watch), kept(&l->timer));
    h7_store32_relaxed(&l->watch, 0);
    h7_store32_relaxed(&l->timer, 0);
    h7_store32_relaxed(&l->ticking, 0);
    h7_store64_relaxed(&l->doubt, 0);
    h7_store32_relaxed(&l->epoll, 0);
}

/* --- looking --------------------------------------------------------------------------- */

void h7_level_drain(struct h7_level *l)
{
    char events[1024];
    if (!is_ours(l) || kept(&l->watch) < 0)
        return;
    for (int i = 0; i < 64; i++) {
        if (h7_sys_read(kept(&l->watch), events, sizeof events) <= 0) /* non-blocking */
            break;
        h7_store64_relaxed(&l->doubt, (uint64_t)hepta_in_ns(DOUBT_NS));
    }
}

/* Setting it, also to never, takes out of it that it had run down. */
static void set_timer(struct h7_level *l, long ns)
{
    const struct itimerspec at = {.it_value = {.tv_nsec = ns}};
    if (ns == 0 && !h7_load32_relaxed(&l->ticking))
        return;
    h7_store32_relaxed(&l->ticking, ns != 0);
    timerfd_settime(kept(&l->timer), 0, &at, NULL);
}

void h7_level_rest(struct h7_level *l, int holds, int may_hold)
{
    if (!is_ours(l) || kept(&l->timer) < 0)
        return;
    if (kept(&l->watch) < 0) {
        set_timer(l, may_hold ? BLIND_TICK_NS : 0);
        return;
    }
    uint64_t doubt = h7_load64_relaxed(&l->doubt);
    int doubtful = holds && doubt != 0 && (uint64_t)hepta_now_ns() < doubt;
    if (!doubtful && doubt != 0)
        h7_store64_relaxed(&l->doubt, 0);
    set_timer(l, doubtful ? TICK_NS : 0);
}
