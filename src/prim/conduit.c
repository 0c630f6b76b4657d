/* SPDX-License-Identifier: MIT */
/*
 * prim/conduit.c - write and read of prim/conduit.h
 *
 * A verb is a loop: enter my side, do one step, leave, and if the step could not be done,
 * wait. Steps are put_bytes(), put_packet(), get_bytes(), get_packet(): they know nothing
 * of locks. What they make visible goes through h7_conduit_move().
 */
#include "prim/conduit.h"


/* Writes of a fast writer between two looks at the clock for the reader's life. */
#define CREDIT 8u

static struct h7_a64 *cache_of(struct h7_conduit *c)
{
    return h7_conduit_spsc(c) ? &c->cache : &c->mine->cache;
}

/* --- telling the other side ------------------------------------------------------ */

/* What the other side could use if my counter were index: bytes there, or bytes free. */
static uint64_t offer(const struct h7_conduit *c, uint64_t index)
{
    if (c->role == H7_WRITER)
        return index - h7_load64_relaxed(&c->ring.shared->tail); /* only compared */
    uint64_t used = h7_load64_relaxed(&c->ring.shared->head) - index;
    return used <= c->ring.cap ? c->ring.cap - used : 0;
}

/* Under my lock, a ring is wanted. S has a threshold. */
static int ring(struct h7_conduit *c, uint64_t index)
{
    if (c->role == H7_READER && offer(c, index) < h7_conduit_mark(c))
        return 0;
    int r = h7_bell_ring(&c->mine->bell, c->ring_fd, c->bell_kind);
    return c->role == H7_READER ? 0 : r; /* no writer left, or the next read rings */
}

/* After a commit, without the lock. */
void h7_conduit_wake(struct h7_conduit *c)
{
    uint32_t amount = h7_event_armed(&c->mine->event);
    if (amount && offer(c, h7_conduit_index(c)) >= amount)
        h7_event_wake(&c->mine->event);
}

static void publish(struct h7_conduit *c, uint64_t index)
{
    if (c->role == H7_WRITER)
        h7_ring_publish(&c->ring, index);
    else
        h7_ring_consume(&c->ring, index);
    h7_store64_relaxed(&c->mine->own, index); /* D4 until here */
}

/* The lock only keeps a listener's announcement whole. A listener that was stopped inside
 * can't keep us: it takes out only bytes that were there before its last look. */
static int ring_spsc(struct h7_conduit *c, uint64_t index)
{
    int r = h7_side_lock(c, c->mine, H7_EXPIRED); /* it spins a little */
    if (r < 0) {
        h7_bell_shout(c->ring_fd, c->bell_kind);
        return 0;
    }
    r = h7_bell_wanted(&c->mine->bell) ? ring(c, index) : 0;
    h7_unlock(&c->mine->lock);
    return r;
}

static int move_spsc(struct h7_conduit *c, uint64_t index)
{
    /* Before: as in default mode, so that a death leaves no commit silent. After: for who
     * announced himself in between; a death between the two is told by the hang-up. */
    if (h7_unlikely(h7_bell_wanted(&c->mine->bell))) {
        int r = ring_spsc(c, index);
        if (r < 0)
            return r;
    }
    publish(c, index);
    if (c->fenced)
        h7_fence_full(); /* with the fences in h7_event_arm() and order(), conduit_wait.c */
    else
        h7_fence_compiler(); /* with the membarrier there */
    if (h7_unlikely(h7_event_armed(&c->mine->event)))
        h7_conduit_wake(c);
    if (h7_unlikely(h7_bell_wanted(&c->mine->bell)))
        ring_spsc(c, index); /* it has happened: no error from here on */
    return 0;
}

int h7_conduit_move(struct h7_conduit *c, uint64_t index)
{
    if (h7_unlikely(h7_conduit_refused(c)))
        return -EPIPE;
    if (h7_conduit_spsc(c))
        return move_spsc(c, index);
    if (h7_unlikely(h7_bell_wanted(&c->mine->bell))) {
        int r = ring(c, index);
        if (r < 0)
            return r;
    }
    publish(c, index);
    return 0;
}

/* --- one step of a writer -------------------------------------------------------- */

/* *n_free is at least `want` if that much is free, and may be old if it is enough. */
static int look_free(struct h7_conduit *c, uint64_t head, uint64_t want, uint64_t *n_free)
{
    struct h7_a64 *cache = cache_of(c);
    uint64_t used = head - h7_load64_relaxed(cache); /* relaxed: ours, under the lock */
    *n_free = c->ring.cap - used;
    if (h7_likely(used <= c->ring.cap && *n_free >= want))
        return 0;
    int r = h7_ring_free(&c->ring, head, n_free);
    if (r == 0)
        h7_store64_relaxed(cache, head - (c->ring.cap - *n_free));
    return r;
}

static ssize_t put_bytes(struct h7_conduit *c, const char *buf, size_t len)
{
    uint64_t n_free, head = h7_conduit_index(c);
    size_t want = len < H7_CONDUIT_HOLD ? len : H7_CONDUIT_HOLD;
    int r = look_free(c, head, want, &n_free);
    if (h7_unlikely(r < 0))
        return r;
    size_t n = n_free < want ? n_free : want;
    if (h7_unlikely(n < want && len <= H7_CONDUIT_BUF))
        return 0; /* atomic: all or nothing */
    if (n == 0)
        return 0;
    memcpy(h7_ring_at(&c->ring, head), buf, n);
    r = h7_conduit_move(c, head + n);
    return h7_unlikely(r < 0) ? r : (ssize_t)n;
}

/* What a step that took n bytes of a packet returns: "nothing" is 0 already. */
static ssize_t whole(ssize_t n)
{
    return h7_unlikely(n == 0) ? H7_CONDUIT_EMPTY : n;
}

static ssize_t put_packet(struct h7_conduit *c, const char *buf, size_t len)
{
    uint64_t n_free, head = h7_conduit_index(c);
    size_t n = len < c->packet_max ? len : c->packet_max;
    int r = look_free(c, head, h7_record_len(n), &n_free);
    if (r < 0 || n_free < h7_record_len(n))
        return r;
    if (h7_unlikely(head % 8 != 0))
        return -EBADMSG;
    struct h7_packet *p = (struct h7_packet *)h7_ring_at(&c->ring, head);
    h7_store32_relaxed(&p->len, (uint32_t)n); /* relaxed: published with the head */
    h7_store32_relaxed(&p->check, ~(uint32_t)n);
    if (h7_likely(n > 0))
        memcpy(p + 1, buf, n);
    r = h7_conduit_move(c, head + h7_record_len(n));
    return r < 0 ? r : whole((ssize_t)n);
}

/* --- one step of a reader -------------------------------------------------------- */

static int look_used(struct h7_conduit *c, uint64_t tail, uint64_t want, uint64_t *used)
{
    struct h7_a64 *cache = cache_of(c);
    *used = h7_load64_relaxed(cache) - tail; /* relaxed: ours, under the lock */
    if (h7_likely(*used <= c->ring.cap && *used >= want))
        return 0;
    int r = h7_ring_used(&c->ring, tail, used);
    if (r == 0)
        h7_store64_relaxed(cache, tail + *used);
    return r;
}

static ssize_t get_bytes(struct h7_conduit *c, char *buf, size_t len)
{
    uint64_t used, tail = h7_conduit_index(c);
    size_t want = len < H7_CONDUIT_HOLD ? len : H7_CONDUIT_HOLD;
    int r = look_used(c, tail, want, &used);
    if (h7_unlikely(r < 0))
        return r;
    size_t n = used < want ? used : want;
    if (n == 0)
        return 0;
    if (h7_unlikely(c->tags != NULL)) {
        ssize_t fence = h7_tags_fence(c->tags, tail, n);
        if (fence <= 0)
            return fence < 0 ? fence : H7_CONDUIT_BY_PEEK;
        n = (size_t)fence;
    }
    memcpy(buf, h7_ring_at(&c->ring, tail), n);
    r = h7_conduit_move(c, tail + n);
    return r < 0 ? r : (ssize_t)n;
}

ssize_t h7_conduit_packet_at(const struct h7_conduit *c, uint64_t index, uint64_t used)
{
    const struct h7_packet *p = (const struct h7_packet *)h7_ring_at(&c->ring, index);
    if (used < sizeof *p || index % 8 != 0)
        return -EBADMSG;
    uint32_t len = h7_load32_relaxed(&p->len); /* once: a hostile writer may change it */
    if (len > c->packet_max || h7_load32_relaxed(&p->check) != ~len || h7_record_len(len) > used)
        return -EBADMSG;
    return len > 0 || c->flags & H7_CONDUIT_WHOLE ? (ssize_t)len : -EBADMSG;
}

/* Must the packet at tail be peeked at? 1, 0, -errno. */
static int by_peek(const struct h7_conduit *c, uint64_t tail, ssize_t len)
{
    if (len > (ssize_t)H7_CONDUIT_HOLD)
        return 1;
    ssize_t fence = c->tags ? h7_tags_fence(c->tags, tail, 1) : 1;
    return fence < 0 ? (int)fence : fence == 0;
}

static ssize_t get_packet(struct h7_conduit *c, char *buf, size_t len)
{
    uint64_t used, tail = h7_conduit_index(c);
    int r = look_used(c, tail, 1, &used);
    if (r < 0 || used == 0)
        return r;
    ssize_t n = h7_conduit_packet_at(c, tail, used);
    if (n < 0)
        return n;
    r = by_peek(c, tail, n);
    if (h7_unlikely(r != 0))
        return r < 0 ? r : H7_CONDUIT_BY_PEEK;
    size_t copy = (size_t)n < len ? (size_t)n : len;
    if (h7_likely(copy > 0))
        memcpy(buf, h7_ring_at(&c->ring, tail + sizeof(struct h7_packet)), copy);
    r = h7_conduit_move(c, tail + h7_record_len((uint64_t)n));
    return r < 0 ? r : whole(n);
}

/* --- the verbs ------------------------------------------------------------------- */

/* A writer that finds room makes no system call, so it must look for the last reader's
 * death of its own accord: after a close, and when the kernel's clock has ticked. A fast
 * writer looks at the clock once in CREDIT writes. */
static int reader_gone(struct h7_conduit *c)
{
    uint32_t credit = h7_load32_relaxed(&c->credit);
    uint32_t closes = h7_load32_acquire(&c->shared->closes); /* with h7_conduit_closed() */
    if (h7_likely(credit > 0 && closes == h7_load32_relaxed(&c->closes_seen))) {
        h7_store32_relaxed(&c->credit, credit - 1);
        return 0;
    }
    int ticked = h7_clock_tick() != (int64_t)h7_load64_relaxed(&c->tick_seen);
    h7_store32_relaxed(&c->credit, ticked ? 0 : CREDIT);
    return h7_conduit_peer_gone(c);
}

static ssize_t put(struct h7_conduit *c, const char *buf, size_t len, int64_t deadline)
{
    int r = h7_conduit_enter(c, deadline);
    if (h7_unlikely(r < 0))
        return r;
    ssize_t n = c->flags & H7_CONDUIT_PACKET ? put_packet(c, buf, len) : put_bytes(c, buf, len);
    h7_conduit_leave(c);
    return n;
}

/* Wait for all of an atomic write; of a larger one for as much as is worth waking up for,
 * and if that doesn't come within a tick, for any byte: the reader may keep the rest. */
static int wait_room(struct h7_conduit *c, size_t len, int *n_waits, int64_t *deadline)
{
    int packet = c->flags & H7_CONDUIT_PACKET;
    int again = (*n_waits)++ > 0;
    if (packet)
        len = h7_record_len(len < c->packet_max ? len : c->packet_max);
    if (packet || len <= H7_CONDUIT_BUF)
        return h7_conduit_wait(c, len, 0, deadline);
    return h7_conduit_wait(c, again ? 1 : c->level_free, !again, deadline);
}

ssize_t h7_conduit_write(struct h7_conduit *c, const char *buf, size_t len, int64_t deadline)
{
    size_t done = 0;
    ssize_t r;
    int n_waits = 0; /* in a row without a byte */
    if (h7_unlikely(reader_gone(c)))
        return -EPIPE;
    for (;;) {
        r = put(c, buf + done, len - done, deadline);
        if (h7_unlikely(r == H7_CONDUIT_EMPTY)) {
            r = 0;
            break;
        }
        if (h7_likely(r > 0)) {
            done += (size_t)r;
            if (h7_likely(done == len))
                break;
            n_waits = 0;
            if (deadline == HEPTA_NOW)
                deadline = H7_EXPIRED; /* its grace for a running lock holder is spent */
            continue;
        }
        if (r == 0)
            r = wait_room(c, len - done, &n_waits, &deadline);
        if (r == H7_WAIT_HANGUP)
            r = -EPIPE;
        if (r < 0)
            break;
    }
    if (h7_unlikely(r == -EPIPE))
        h7_conduit_look_again(c);
    h7_conduit_after(c);
    return done ? (ssize_t)done : r;
}

static ssize_t get(struct h7_conduit *c, char *buf, size_t len, int64_t deadline)
{
    int r = h7_conduit_enter(c, deadline);
    if (h7_unlikely(r < 0))
        return r;
    ssize_t n = c->flags & H7_CONDUIT_PACKET ? get_packet(c, buf, len) : get_bytes(c, buf, len);
    h7_conduit_leave(c);
    return n;
}

/* More than one hold's worth: take what else is there, without waiting for it. */
static ssize_t get_rest(struct h7_conduit *c, char *buf, size_t len, size_t done)
{
    ssize_t r = H7_CONDUIT_HOLD;
    while (r == H7_CONDUIT_HOLD && done < len) {
        r = get(c, buf + done, len - done, H7_EXPIRED);
        done += r > 0 ? (size_t)r : 0;
    }
    return (ssize_t)done;
}

ssize_t h7_conduit_read(struct h7_conduit *c, char *buf, size_t len, int64_t deadline)
{
    ssize_t r;
    int gone = 0;
    for (;;) {
        r = get(c, buf, len, deadline);
        if (h7_likely(r != 0) || gone)
            break; /* gone: looked again after the hang-up was seen: end-of-file */
        r = h7_conduit_wait(c, 1, 0, &deadline);
        if (r < 0)
            break;
        gone = r == H7_WAIT_HANGUP;
    }
    if (h7_unlikely(r == H7_CONDUIT_HOLD && len > H7_CONDUIT_HOLD) &&
        !(c->flags & H7_CONDUIT_PACKET))
        r = get_rest(c, buf, len, (size_t)r);
    h7_conduit_after(c);
    return r;
}
