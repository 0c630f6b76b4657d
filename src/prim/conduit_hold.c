/* SPDX-License-Identifier: MIT */
/*
 * prim/conduit_hold.c - zero copy: reserve and commit, peek and release; and the check
 *
 * What is held across user code is a claim (prim/claim.h) on the side, taken under its
 * lock. While it stands, its owner is the only one to move the side's counter, so the
 * span it was given stays put. SPSC mode needs no claim.
 */
#include "prim/conduit.h"

#include <stdio.h>

#include "base/sys.h"

static int packets(const struct h7_conduit *c)
{
    return (c->flags & H7_CONDUIT_PACKET) != 0;
}

/* Is the claim still the one that this handle took? A thread that exits loses it. */
static int claim_stands(const struct h7_conduit *c)
{
    return h7_load32_relaxed(&c->mine->claim.state) == h7_load32_relaxed(&c->held_seq);
}

int h7_conduit_holding(const struct h7_conduit *c)
{
    return h7_conduit_holds(c) &&
           (h7_conduit_spsc(c) || (claim_stands(c) && h7_claim_mine(&c->mine->claim)));
}

static void hold(struct h7_conduit *c, uint64_t at, uint64_t len)
{
    h7_store64_relaxed(&c->held_at, at);
    h7_store64_relaxed(&c->held_gen, h7_fork_gen());
    h7_store32_relaxed(&c->held_seq, h7_load32_relaxed(&c->mine->claim.state));
    h7_store64_relaxed(&c->held_len, H7_HELD | len);
}

static uint64_t held(const struct h7_conduit *c)
{
    return h7_load64_relaxed(&c->held_len) & ~H7_HELD;
}

uint64_t h7_conduit_held_at(const struct h7_conduit *c)
{
    return h7_load64_relaxed(&c->held_at);
}

/* What was tagged and not published goes first, while nobody else can be in there. */
static void let_go(struct h7_conduit *c)
{
    if (c->tags && c->role == H7_WRITER)
        h7_tags_retract(c->tags, h7_conduit_index(c));
    h7_store64_relaxed(&c->held_len, 0);
    if (!h7_conduit_spsc(c))
        h7_claim_drop(&c->mine->claim);
}

/* Where the bytes begin that are to be written or read. */
static char *payload(const struct h7_conduit *c)
{
    return h7_ring_at(&c->ring, h7_load64_relaxed(&c->held_at) +
                                    (packets(c) ? sizeof(struct h7_packet) : 0));
}

/* Enter and claim. On return the lock is free. 0, 1 (nothing there: peek), -errno. */
static int claim_side(struct h7_conduit *c, int64_t deadline)
{
    int r = h7_conduit_enter(c, deadline);
    if (r < 0 || h7_conduit_spsc(c))
        return r;
    r = h7_claim_take(&c->mine->claim);
    h7_conduit_leave(c);
    return r;
}

static int wait_free(struct h7_conduit *c, uint64_t need, int64_t deadline)
{
    uint64_t at = h7_load64_relaxed(&c->held_at);
    if (packets(c) && at % 8 != 0)
        return -EBADMSG;
    for (int gone = 0;;) {
        uint64_t n_free;
        int r = h7_ring_free(&c->ring, at, &n_free);
        if (r < 0)
            return r;
        if (h7_conduit_peer_gone(c) || gone)
            return -EPIPE;
        if (n_free >= need)
            return 0;
        r = h7_conduit_wait(c, need, 0, &deadline);
        if (r < 0)
            return r;
        gone = r == H7_WAIT_HANGUP;
    }
}

int h7_conduit_reserve(struct h7_conduit *c, size_t len, void **ptr, int64_t deadline)
{
    uint64_t need = packets(c) ? h7_record_len(len) : len;
    size_t least = c->flags & H7_CONDUIT_WHOLE ? 0 : 1;
    if (len < least || len > (packets(c) ? c->packet_max : c->ring.cap))
        return -EINVAL;
    int r = claim_side(c, deadline);
    if (r < 0)
        return r;
    hold(c, h7_conduit_index(c), len);
    r = wait_free(c, need, deadline);
    if (r < 0) {
        let_go(c);
        return r;
    }
    *ptr = payload(c);
    return 0;
}

/* Move my counter, under my lock; the claim stays. */
static int advance(struct h7_conduit *c, uint64_t index)
{
    if (!h7_conduit_spsc(c)) {
        int r = h7_side_lock(c, c->mine, hepta_in_ms(H7_CONDUIT_PATIENCE_MS));
        if (r < 0)
            return r; /* a stopped process is in there: call again */
    }
    int r = h7_conduit_move(c, index);
    h7_conduit_leave(c);
    return r;
}

/* The same, and give the claim back, unless it is to be tried again. */
static int finish(struct h7_conduit *c, uint64_t index)
{
    int r = advance(c, index);
    if (r < 0 && r != -EPIPE)
        return r; /* not published: still held */
    let_go(c);
    h7_conduit_after(c);
    return r;
}

static int publish_held(struct h7_conduit *c, size_t len)
{
    uint64_t at = h7_conduit_held_at(c);
    if (packets(c)) {
        struct h7_packet *p = (struct h7_packet *)h7_ring_at(&c->ring, at);
        h7_store32_relaxed(&p->len, (uint32_t)len); /* relaxed: published with the head */
        h7_store32_relaxed(&p->check, ~(uint32_t)len);
        len = h7_record_len(len);
    }
    return finish(c, at + len);
}

int h7_conduit_commit_whole(struct h7_conduit *c, size_t len)
{
    if (!h7_conduit_holding(c) || len > held(c))
        return -EINVAL;
    if (h7_conduit_peer_gone(c)) {
        let_go(c);
        return -EPIPE;
    }
    return publish_held(c, len);
}

int h7_conduit_commit(struct h7_conduit *c, size_t len)
{
    if (len > 0)
        return h7_conduit_commit_whole(c, len);
    if (!h7_conduit_holding(c))
        return -EINVAL;
    let_go(c);
    return 0;
}

/* Bytes up to the next tag, or those of the one that is here. */
static ssize_t look_tagged(struct h7_conduit *c, uint64_t tail, uint64_t used)
{
    ssize_t n = h7_tags_fence(c->tags, tail, used);
    struct h7_tag_seen tag;
    if (n != 0)
        return n;
    int r = h7_tags_here(c->tags, tail, &tag);
    if (r <= 0)
        return r < 0 ? r : -EBADMSG;
    return tag.len > 0 && tag.len <= used ? (ssize_t)tag.len : -EBADMSG;
}

/* One look, under the lock. Bytes to show, H7_CONDUIT_EMPTY, 0 none, -errno. */
static ssize_t look(struct h7_conduit *c, uint64_t tail)
{
    uint64_t used;
    int r = h7_ring_used(&c->ring, tail, &used);
    if (r < 0 || used == 0)
        return r;
    if (!packets(c))
        return c->tags ? look_tagged(c, tail, used) : (ssize_t)used;
    ssize_t n = h7_conduit_packet_at(c, tail, used);
    return n == 0 ? H7_CONDUIT_EMPTY : n;
}

static ssize_t try_peek(struct h7_conduit *c, int64_t deadline)
{
    int r = h7_conduit_enter(c, deadline);
    if (r < 0)
        return r;
    uint64_t tail = h7_conduit_index(c);
    ssize_t n = look(c, tail);
    if (n > 0 && !h7_conduit_spsc(c)) {
        r = h7_claim_take(&c->mine->claim);
        n = r < 0 ? r : n;
    }
    if (n > 0)
        hold(c, tail, n == H7_CONDUIT_EMPTY ? 0 : (uint64_t)n);
    h7_conduit_leave(c);
    return n;
}

ssize_t h7_conduit_peek(struct h7_conduit *c, const void **ptr, int64_t deadline)
{
    ssize_t n;
    for (int gone = 0;;) {
        n = try_peek(c, deadline);
        if (n != 0 || gone)
            break;
        n = h7_conduit_wait(c, 1, 0, &deadline);
        if (n < 0)
            break;
        gone = n == H7_WAIT_HANGUP;
    }
    if (n > 0)
        *ptr = payload(c);
    return n;
}

/* Where the reader is when it has taken len bytes of what it holds; a packet goes whole. */
static uint64_t after(const struct h7_conduit *c, size_t len)
{
    return h7_conduit_held_at(c) + (packets(c) ? h7_record_len(held(c)) : len);
}

int h7_conduit_release(struct h7_conduit *c, size_t len)
{
    if (!h7_conduit_holding(c) || len > held(c))
        return -EINVAL;
    if (len == 0) {
        let_go(c);
        return 0;
    }
    return finish(c, after(c, len));
}

int h7_conduit_take(struct h7_conduit *c, size_t len)
{
    if (!h7_conduit_holding(c) || len > held(c))
        return -EINVAL;
    return advance(c, after(c, len));
}

void h7_conduit_drop(struct h7_conduit *c)
{
    if (!h7_conduit_holding(c))
        return;
    let_go(c);
    h7_conduit_after(c);
}

void h7_conduit_abandon(struct h7_conduit *c)
{
    /* Of whichever thread: nobody can end what was begun through a closed handle. */
    if (h7_conduit_holds(c) && (h7_conduit_spsc(c) || claim_stands(c)))
        let_go(c);
}

/* --- invariants ------------------------------------------------------------------ */

/* own is only as good as its last owner: D4. In SPSC mode the lock tells nothing of him. */
static int own_is_wrong(const struct h7_conduit *c, int role)
{
    const struct h7_conduit_side *s = &c->shared->side[role];
    return !h7_conduit_spsc(c) && h7_load32_relaxed(&s->lock.word) == 0 &&
           h7_load64_relaxed(&s->own) != h7_side_counter(c, s);
}

static int check_side(const struct h7_conduit *c, int role, const char *name, char *why, size_t n)
{
    const struct h7_conduit_side *s = &c->shared->side[role];
    const char *what = NULL;
    if (h7_bell_check(&s->bell) < 0)
        what = "bell";
    else if (h7_claim_check(&s->claim) < 0)
        what = "claim";
    else if (h7_load32_relaxed(&s->asym) > 1)
        what = "asym";
    else if (own_is_wrong(c, role))
        what = "own";
    if (what)
        snprintf(why, n, "%s side: %s is out of its range", name, what);
    return what ? -EBADMSG : 0;
}

/* The packets from tail on must end exactly at head. */
static int check_packets(const struct h7_conduit *c, char *why, size_t n)
{
    uint64_t tail = h7_load64_acquire(&c->ring.shared->tail);
    uint64_t used = h7_load64_acquire(&c->ring.shared->head) - tail;
    for (uint64_t at = 0; at < used && used <= c->ring.cap;) {
        ssize_t len = h7_conduit_packet_at(c, tail + at, used - at);
        if (len < 0) {
            snprintf(why, n, "no packet at index %llu", (unsigned long long)(tail + at));
            return -EBADMSG;
        }
        at += h7_record_len((uint64_t)len);
    }
    return 0;
}

int h7_conduit_check(const struct h7_conduit *c, char *why, size_t n)
{
    if (h7_ring_check(&c->ring) < 0) {
        snprintf(why, n, "ring: head and tail are further apart than the capacity");
        return -EBADMSG;
    }
    int r = check_side(c, H7_WRITER, "writers'", why, n);
    if (r == 0)
        r = check_side(c, H7_READER, "readers'", why, n);
    if (r == 0 && packets(c))
        r = check_packets(c, why, n);
    if (r == 0 && c->tags && h7_tags_check(c->tags) < 0) {
        snprintf(why, n, "tags: too many, or out of order");
        r = -EBADMSG;
    }
    return r;
}
