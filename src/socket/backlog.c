/* SPDX-License-Identifier: MIT */
/*
 * socket/backlog.c - accepting connections in memory from peers that may stall
 *
 * The kernel has accepted a connection before its hello has come. Such peers wait in a list of
 * this process, each with a deadline of its own (handshake_ms), so that none holds up another;
 * when the list is full the oldest gives way, but not in its first 20 ms: until then the others
 * wait in the kernel's backlog. Who polls gets an epoll descriptor over the listener and all of
 * the list.
 *
 * A child that was forked leaves its parent's list and epoll set alone: it closes its copies
 * and begins anew. Start at h7_backlog_accept().
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/net.h"
#include "base/sys.h"
#include "socket/memory.h"

#define N_WAITING 64
#define N_A_PASS 64 /* new connections taken between two looks at the deadline */
#define SAFE_NS (20 * H7_MS) /* who is slow between connect and hello isn't pushed out */

struct waiting {
    int fd;
    int64_t until;
};

struct h7_backlog {
    struct h7_mutex lock; /* of all that follows */
    uint64_t gen;            /* fork generation of the descriptors below */
    struct waiting at[N_WAITING]; /* in the order in which they came */
    int n, epoll_fd;
};

struct h7_backlog *h7_backlog_new(void)
{
    struct h7_backlog *b = calloc(1, sizeof *b);
    if (b)
        b->epoll_fd = -1;
    return b;
}

/* With all that it has sent, unread: none of that must hold us up. */
static void turn_away(int fd)
{
    h7_net_shutdown(fd, SHUT_RDWR); /* the close itself comes later */
    h7_sys_discard_fds(&fd, 1);
}

static void close_all(struct h7_backlog *b)
{
    for (int i = 0; i < b->n; i++)
        h7_sys_close(b->at[i].fd);
    b->n = 0;
    h7_sys_close(b->epoll_fd);
    b->epoll_fd = -1;
}

void h7_backlog_free(struct h7_backlog *b)
{
    if (b)
        close_all(b);
    free(b);
}

static void lock(struct h7_backlog *b)
{
    h7_mutex_enter(&b->lock);
    uint64_t gen = h7_fork_gen();
    if (b->gen != gen)
        close_all(b); /* a parent's; only our copies go */
    b->gen = gen;
}

static int watch(struct h7_backlog *b, int fd)
{
    struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
    if (b->epoll_fd < 0)
        return 0;
    int r = h7_sys_epoll_ctl(b->epoll_fd, EPOLL_CTL_ADD, fd, &e);
    return r == -ENOSPC ? -ENOMEM : r; /* max_user_watches */
}

/* Take number i out of the list; its descriptor is the caller's. */
static int take_out(struct h7_backlog *b, int i)
{
    int fd = b->at[i].fd;
    if (b->epoll_fd >= 0)
        h7_sys_epoll_ctl(b->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    b->n--;
    memmove(&b->at[i], &b->at[i + 1], (size_t)(b->n - i) * sizeof b->at[0]);
    return fd;
}

static void put_in(struct h7_backlog *b, int fd, int64_t until)
{
    b->at[b->n] = (struct waiting){fd, until};
    h7_fence_compiler(); /* a fork here, in another thread: the child closes what it counts */
    b->n++;
    watch(b, fd); /* without it the descriptor says too little for once; deadlines hold */
}

/* Not the peer's fault: the caller has to know. */
static int is_shortage(int r)
{
    return r == -EMFILE || r == -ENFILE || r == -ENOMEM || r == -ENOBUFS || r == -ENOSYS;
}

/* Those who wait: has one introduced himself by now? -EAGAIN if none. */
static int look_at_waiting(struct hepta_sock *l, struct h7_backlog *b, struct hepta_sock **out)
{
    int64_t now = hepta_now_ns();
    for (int i = 0; i < b->n;) {
        int r = h7_hello_take(out, b->at[i].fd, &l->opt, l->type);
        if (r == -EAGAIN && now < b->at[i].until) {
            i++;
            continue;
        }
        if (r == -EMFILE) { /* the hello is there still: it waits on, as in the kernel */
            b->at[i].until = hepta_in_ms(l->opt.handshake_ms);
            return r;
        }
        int fd = take_out(b, i);
        if (r == 0)
            return 0;
        turn_away(fd);
        if (is_shortage(r))
            return r;
    }
    return -EAGAIN;
}

/* Until when the oldest has its place for sure. */
static int64_t safe_until(const struct hepta_sock *l, const struct h7_backlog *b)
{
    int64_t all = (int64_t)l->opt.handshake_ms * H7_MS;
    return b->at[0].until - all + (all < SAFE_NS ? all : SAFE_NS);
}

/* The list is full: the oldest gives way to a new one, if it has had its chance and still hasn't
 * said a word. 0 it has, and is *out; 1 there is room; -EAGAIN not yet; or a shortage. */
static int make_room(struct hepta_sock *l, struct h7_backlog *b, struct hepta_sock **out)
{
    struct pollfd p = {.fd = l->fd, .events = POLLIN};
    int r = h7_hello_take(out, b->at[0].fd, &l->opt, l->type);
    if (r == -EMFILE)
        return r;
    if (r == -EAGAIN && (hepta_now_ns() < safe_until(l, b) || h7_sys_poll(&p, 1, HEPTA_NOW) != 1))
        return r;
    int fd = take_out(b, 0);
    if (r == 0)
        return 0;
    turn_away(fd);
    return is_shortage(r) ? r : 1;
}

/* What the kernel has accepted for us. -EAGAIN: nobody that is ready. */
static int look_at_new(struct hepta_sock *l, struct h7_backlog *b, struct hepta_sock **out)
{
    for (int i = 0; i < N_A_PASS; i++) {
        int room = b->n < N_WAITING ? 1 : make_room(l, b, out);
        if (room <= 0)
            return room;
        int fd = h7_net_accept(l->fd);
        if (fd == -ECONNABORTED || fd == -EINTR)
            continue;
        if (fd < 0)
            return fd;
        int r = h7_hello_take(out, fd, &l->opt, l->type);
        if (r == 0)
            return 0;
        if (r == -EAGAIN || r == -EMFILE)
            put_in(b, fd, hepta_in_ms(l->opt.handshake_ms));
        else
            turn_away(fd);
        if (is_shortage(r))
            return r;
    }
    return -EAGAIN;
}

/* Until the listener or one that waits has something, or the first of their deadlines. */
static int wait_any(struct hepta_sock *l, struct h7_backlog *b, int64_t deadline)
{
    struct pollfd p[1 + N_WAITING] = {{.fd = l->fd, .events = POLLIN}};
    lock(b);
    int n = b->n;
    for (int i = 0; i < n; i++) {
        p[1 + i] = (struct pollfd){.fd = b->at[i].fd, .events = POLLIN};
        deadline = h7_earlier(deadline, b->at[i].until);
    }
    if (n == N_WAITING && hepta_now_ns() < safe_until(l, b)) { /* no use for new ones before that */
        p[0].fd = -1;
        deadline = h7_earlier(deadline, safe_until(l, b));
    }
    h7_mutex_unlock(&b->lock);
    int r = h7_sys_poll(p, (unsigned)n + 1, deadline);
    return r == -EINTR ? r : 0;
}

int h7_backlog_accept(struct hepta_sock *l, struct hepta_sock **out, int64_t deadline)
{
    struct h7_backlog *b = l->memory->backlog;
    for (;;) {
        lock(b);
        int r = look_at_waiting(l, b, out);
        if (r == -EAGAIN)
            r = look_at_new(l, b, out);
        h7_mutex_unlock(&b->lock);
        if (r != -EAGAIN)
            return r;
        if (deadline == HEPTA_NOW)
            return -EAGAIN;
        if (deadline != HEPTA_FOREVER && hepta_now_ns() >= deadline)
            return -ETIMEDOUT;
        r = wait_any(l, b, deadline);
        if (r < 0)
            return r;
    }
}

/* An epoll set of the listener and those who wait. 0, or negative errno. */
static int make_epoll(struct hepta_sock *l, struct h7_backlog *b)
{
    int fd = h7_sys_epoll_create();
    if (fd < 0)
        return fd;
    b->epoll_fd = fd;
    int r = watch(b, l->fd);
    for (int i = 0; r == 0 && i < b->n; i++)
        r = watch(b, b->at[i].fd);
    if (r < 0) {
        h7_sys_close(fd);
        b->epoll_fd = -1;
    }
    return r;
}

int h7_backlog_pollfd(struct hepta_sock *l)
{
    struct h7_backlog *b = l->memory->backlog;
    lock(b);
    int r = b->epoll_fd < 0 ? make_epoll(l, b) : 0;
    int fd = b->epoll_fd;
    h7_mutex_unlock(&b->lock);
    return r < 0 ? r : fd;
}
