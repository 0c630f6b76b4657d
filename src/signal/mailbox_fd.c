/* SPDX-License-Identifier: MIT */
/*
 * signal/mailbox_fd.c - who polls a mailbox: its bell, without a lock among the ringers
 *
 * The bell is a FIFO, as prim/bell.h has it, but its ringers hold no lock, so the word `want` says
 * more: bit 0, it may be silent; and a number that changes whenever it is lowered, so that a
 * ringer who was slow can't say of the new silence that he has rung.
 *
 * A ringer rings first, then says so. Who sends rings before his commit, so that who polls knows
 * that something is on its way, then looks again after it: the receiver may have looked, and
 * lowered, in between. Killed just there (B2), he has left something that no bell will tell of. So
 * there is a timer beside the bell, which runs down a second after the last sign of life, and
 * then makes the receiver look once more; again, as long as somebody has a place that he hasn't
 * published. An idle mailbox has none running. The limit: who sends 1 to 31, is held up for longer
 * than that right before his commit, and is killed right after it, has told nobody who polls.
 */
#define _GNU_SOURCE
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include "base/sys.h"
#include "prim/bell.h"
#include "signal/mailbox_internal.h"

void h7_mailbox_ring(struct hepta_mailbox *b)
{
    uint32_t want = h7_load32_relaxed(&b->shared->want);
    if (!(want & 1))
        return;
    h7_bell_shout(b->bell, H7_BELL_FIFO);
    h7_cas32_release(&b->shared->want, &want, want & ~1u);
}

/* --- the timer --------------------------------------------------------------------------- */

static void set_timer(struct hepta_mailbox *b, int64_t ns)
{
    const struct itimerspec at = {.it_value = h7_timespec(ns)};
    timerfd_settime((int)h7_load32_relaxed(&b->timer) - 1, 0, &at, NULL);
    h7_store64_relaxed(&b->tick_at, ns ? (uint64_t)(hepta_now_ns() + ns) : 0);
}

/* Somebody has a place and hasn't published it. */
static int is_under_way(const struct hepta_mailbox *b)
{
    for (uint32_t i = 0; i < b->depth; i++) {
        uint32_t state = h7_load32_relaxed(&b->slots[i].state);
        if (state != 0 && !(state & H7_SLOT_QUEUED))
            return 1;
    }
    return 0;
}

/* After a look in vain. One that runs is left to run down, whatever has been heard meanwhile. */
static void rest(struct hepta_mailbox *b)
{
    uint64_t tick_at = h7_load64_relaxed(&b->tick_at);
    if (tick_at && (uint64_t)hepta_now_ns() < tick_at)
        return;
    if (h7_load32_relaxed(&b->heard) || (tick_at && is_under_way(b))) {
        h7_store32_relaxed(&b->heard, 0);
        set_timer(b, H7_MAILBOX_TICK_NS);
    } else if (tick_at) {
        set_timer(b, 0);
    }
}

/* --- the level --------------------------------------------------------------------------- */

/* Lowered, then wanted, full fence, then looked: a commit that isn't seen here sees the want. */
void h7_mailbox_level(struct hepta_mailbox *b)
{
    struct h7_mailbox_shared *s = b->shared;
    size_t n = h7_bell_bytes(b->bell);
    if (n > 0) {
        h7_bell_lower(b->bell, n, H7_BELL_FIFO);
        h7_store32_relaxed(&b->heard, 1);
    }
    h7_store32_relaxed(&s->want, (h7_load32_relaxed(&s->want) + 2) | 1);
    h7_fence_full();
    if (h7_mailbox_ready(s))
        h7_mailbox_ring(b);
    else
        rest(b);
}

void h7_mailbox_no_level(struct h7_mailbox_shared *s)
{
    h7_store32_relaxed(&s->want, (h7_load32_relaxed(&s->want) + 2) & ~1u);
}

/* --- the descriptor ---------------------------------------------------------------------- */

static int add(int epoll, int fd)
{
    struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
    return h7_sys_epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
}

/* Under the lock: another thread may want one, too. */
static int make(struct hepta_mailbox *b)
{
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    int r = timer < 0 ? -errno : h7_sys_epoll_create();
    int epoll = r < 0 ? -1 : r;
    if (r >= 0)
        r = add(epoll, b->bell);
    if (r >= 0)
        r = add(epoll, timer);
    if (r < 0) {
        h7_sys_close(epoll);
        h7_sys_close(timer < 0 ? -1 : timer);
        return r;
    }
    /* A sender may be on his way who hasn't seen yet that the bell is wanted. */
    h7_store32_relaxed(&b->heard, 1);
    h7_store32_relaxed(&b->timer, (uint32_t)timer + 1);
    h7_store32_relaxed(&b->epoll, (uint32_t)epoll + 1);
    return 0;
}

int hepta_mailbox_fd(struct hepta_mailbox *b)
{
    int r = h7_mailbox_enter(b);
    if (r == 0 && h7_load32_relaxed(&b->turn) == 0)
        r = -EPERM;
    if (r == 0)
        r = h7_mailbox_lock(b, h7_mailbox_patience());
    if (r < 0)
        return r;
    if (!h7_mailbox_is_polled(b))
        r = make(b);
    if (r == 0)
        h7_mailbox_level(b);
    h7_mailbox_unlock(b);
    return r < 0 ? r : (int)h7_load32_relaxed(&b->epoll) - 1;
}

void h7_mailbox_close_fd(struct hepta_mailbox *b)
{
    h7_sys_close((int)h7_load32_relaxed(&b->timer) - 1);
    h7_sys_close((int)h7_load32_relaxed(&b->epoll) - 1);
}
