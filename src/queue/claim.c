/* SPDX-License-Identifier: MIT */
/*
 * queue/claim.c - what a process holds of a queue beyond a verb: leases, peeks, reservations
 *
 * A claim is a slot that is TAKEN (C guards it) or RESERVED (P does) and names its owner, a
 * process (prim/life.h). The numbers of the claimed slots are in an array of each side, so that
 * looking for dead owners costs nothing where there are no claims. It is looked for where the
 * result could change: before -EAGAIN, before a sleep, every tick of it, in stat.
 *
 * Who polls is asleep outside of the library: name/alive.h and name/level.h wake him.
 */
#include "prim/life.h"
#include "queue/store_internal.h"

int h7_claims_prepare(struct h7_store *st)
{
    int r = h7_life_know_self();
    if (r == 0)
        r = h7_alive_begin(&st->alive, st->obj);
    if (r < 0 || h7_load32_relaxed(&st->shared->claimed))
        return r;
    r = h7_store_enter_both(st, h7_store_patience());
    if (r < 0)
        return r;
    h7_store_call_all(st); /* who sleeps without a tick sleeps again, with one */
    h7_store32_relaxed(&st->shared->claimed, 1);
    h7_store_leave_both(st);
    return 0;
}

/* --- owners ----------------------------------------------------------------------------- */

int h7_claims_add(struct h7_store *st, int side, uint32_t slot, uint32_t state)
{
    struct h7_store_side *s = &st->shared->side[side];
    struct h7_slot *of = &st->slots[slot];
    struct h7_life me;
    uint32_t n = h7_load32_relaxed(&s->claims);
    int r = n < st->plan.n_slots ? h7_life_self(&me) : -EBADMSG;
    if (r < 0) {
        h7_store32_relaxed(&st->shared->dirty, 1); /* the slot was on its way */
        return r;
    }
    h7_store32_relaxed(&of->by, st->number);
    h7_store32_relaxed(&of->pid, me.pid);
    h7_store64_relaxed(&of->mark, me.mark);
    if (state == H7_SLOT_TAKEN)
        h7_add(&of->deliveries, 1);
    h7_store32_relaxed(&of->claim, n);
    h7_store32_relaxed(&st->claims[side][n], slot);
    h7_store32_relaxed(&s->claims, n + 1);
    h7_store32_release(&of->state, state); /* K5 from here on; the owner is written before */
    return 0;
}

int h7_claims_drop(struct h7_store *st, int side, uint32_t slot)
{
    struct h7_store_side *s = &st->shared->side[side];
    uint32_t n = h7_load32_relaxed(&s->claims);
    uint32_t at = h7_load32_relaxed(&st->slots[slot].claim);
    if (n == 0 || n > st->plan.n_slots || at >= n ||
        h7_load32_relaxed(&st->claims[side][at]) != slot)
        return -EBADMSG;
    uint32_t last = h7_load32_relaxed(&st->claims[side][n - 1]);
    if (last >= st->plan.n_slots)
        return -EBADMSG;
    h7_store32_relaxed(&st->claims[side][at], last);
    h7_store32_relaxed(&st->slots[last].claim, at);
    h7_store32_relaxed(&s->claims, n - 1);
    return 0;
}

static struct h7_life owner_of(const struct h7_slot *s)
{
    return (struct h7_life){.mark = h7_load64_relaxed(&s->mark), .pid = h7_load32_relaxed(&s->pid)};
}

int h7_claims_mine(const struct h7_store *st, uint32_t slot, uint32_t state)
{
    struct h7_life me, owner;
    if (slot >= st->plan.n_slots || h7_load32_acquire(&st->slots[slot].state) != state)
        return -ESRCH;
    owner = owner_of(&st->slots[slot]);
    int r = h7_life_self(&me);
    if (r < 0)
        return r;
    return owner.pid == me.pid && owner.mark == me.mark ? 0 : -EPERM;
}

void h7_claims_abandon(struct h7_store *st, uint32_t slot)
{
    h7_store32_release(&st->slots[slot].pid, 0); /* no process has that */
}

/* --- leases ----------------------------------------------------------------------------- */

/* Bit 63, 35 bits of seq, 8 of deliveries, the slot: a number that isn't used again soon. */
uint64_t h7_claims_lease(const struct h7_store *st, uint32_t slot)
{
    const struct h7_slot *s = &st->slots[slot];
    uint64_t seq = h7_load64_relaxed(&s->seq) & ((1ull << 35) - 1);
    return 1ull << 63 | seq << 28 | (uint64_t)(h7_load32_relaxed(&s->deliveries) & 0xff) << 20 |
           slot;
}

static int find_lease(const struct h7_store *st, uint64_t lease, uint32_t *slot)
{
    *slot = (uint32_t)lease & H7_SLOT_MASK;
    if (*slot >= st->plan.n_slots ||
        h7_load32_acquire(&st->slots[*slot].state) != H7_SLOT_TAKEN ||
        h7_claims_lease(st, *slot) != lease)
        return -ESRCH;
    return h7_claims_mine(st, *slot, H7_SLOT_TAKEN);
}

int h7_store_ack(struct h7_store *st, uint64_t lease)
{
    struct h7_call call = {.i = H7_NO_SLEEPER};
    uint32_t slot;
    int r = h7_store_enter_patiently(st, H7_C);
    if (r < 0)
        return r;
    r = find_lease(st, lease, &slot);
    if (r == 0)
        r = h7_claims_drop(st, H7_C, slot);
    if (r == 0)
        h7_take_free(st, slot, &call);
    h7_call_leave(st, H7_C, &call);
    return r;
}

int h7_store_gather(struct h7_store *st, uint64_t lease, void *buf, size_t len)
{
    uint32_t slot;
    int r = find_lease(st, lease, &slot);
    if (r < 0 || len > h7_load32_relaxed(&st->slots[slot].len))
        return r < 0 ? r : -EBADMSG;
    return h7_bytes_out(st, slot, buf, len);
}

int h7_claims_return(struct h7_store *st, uint32_t slot)
{
    struct h7_slot *s = &st->slots[slot];
    struct h7_store_shared *sh = st->shared;
    h7_send_tell(st);
    int r = h7_claims_drop(st, H7_C, slot);
    if (r < 0)
        return r;
    h7_add64(&sh->side[H7_C].returned, 1);
    h7_level_raise(st, H7_P);
    h7_call_now(st, H7_P, h7_load64_relaxed(&s->key));
    h7_store32_release(&s->state, H7_SLOT_QUEUED); /* it is back: the index only follows */
    r = h7_index_put_back(&st->index, slot);
    h7_add(&sh->turns, 1);
    return r;
}

int h7_store_give_back(struct h7_store *st, uint64_t lease)
{
    uint32_t slot;
    int r = h7_store_enter_both(st, h7_store_patience());
    if (r < 0)
        return r;
    r = find_lease(st, lease, &slot);
    if (r == 0)
        r = h7_claims_return(st, slot);
    h7_store_leave_both(st);
    return r;
}

/* --- reservations ----------------------------------------------------------------------- */

int h7_claims_cancel(struct h7_store *st, uint32_t slot)
{
    struct h7_store_shared *sh = st->shared;
    uint64_t freed = h7_load64_relaxed(&sh->freed);
    int r = h7_claims_drop(st, H7_P, slot);
    if (r < 0)
        return r;
    h7_store32_relaxed(&st->outbox[freed & st->ring_mask], slot);
    h7_level_raise(st, H7_C);
    h7_call_now(st, H7_C, 0);
    h7_store32_relaxed(&st->slots[slot].state, H7_SLOT_FREE); /* it is free: the rest follows */
    h7_store64_release(&sh->freed, freed + 1);
    return 0;
}

int h7_claims_any(const struct h7_store *st)
{
    return h7_load32_relaxed(&st->shared->side[H7_P].claims) != 0 ||
           h7_load32_relaxed(&st->shared->side[H7_C].claims) != 0;
}

/* --- through this handle --------------------------------------------------------------- */

static int let_go_of(struct h7_store *st, int side, uint32_t state, int locked)
{
    uint32_t n = h7_load32_relaxed(&st->shared->side[side].claims);
    if (n > st->plan.n_slots)
        return -EBADMSG;
    while (n-- > 0) { /* from the end: ending one moves the last into its place */
        uint32_t slot = h7_load32_relaxed(&st->claims[side][n]);
        if (h7_claims_mine(st, slot, state) < 0 ||
            h7_load32_relaxed(&st->slots[slot].by) != st->number)
            continue;
        if (!locked) {
            h7_claims_abandon(st, slot);
            continue;
        }
        int r = side == H7_P ? h7_claims_cancel(st, slot) : h7_claims_return(st, slot);
        if (r < 0)
            return r;
    }
    return 0;
}

int h7_store_let_go(struct h7_store *st)
{
    if (!h7_load32_relaxed(&st->shared->claimed) || !h7_claims_any(st))
        return 0;
    int r = h7_store_enter_both(st, h7_store_patience());
    int locked = r == 0;
    if (r < 0 && r != -ETIMEDOUT)
        return r;
    /* A stopped process has a lock: others will end what is abandoned. */
    r = let_go_of(st, H7_P, H7_SLOT_RESERVED, locked);
    if (r == 0)
        r = let_go_of(st, H7_C, H7_SLOT_TAKEN, locked);
    if (locked)
        h7_store_leave_both(st);
    return r;
}

/* --- the dead's ------------------------------------------------------------------------- */

static int same(const struct h7_life *a, const struct h7_life *b)
{
    return a->pid == b->pid && a->mark == b->mark;
}

#define KNOWN 8   /* living owners that are remembered during one look */
#define ASKED 500 /* owners that are asked for in one look: some microseconds each */

struct owners {
    struct h7_life living[KNOWN], dead;
    unsigned n_living, n_asked;
};

static int is_known(const struct owners *o, const struct h7_life *owner)
{
    for (unsigned i = 0; i < KNOWN && i < o->n_living; i++)
        if (same(owner, &o->living[i]))
            return 1;
    return 0;
}

/* 1 its owner is dead, 0 not; -EAGAIN: enough were asked for. */
static int is_orphan(const struct h7_slot *s, struct owners *o)
{
    struct h7_life owner = owner_of(s);
    if (same(&owner, &o->dead))
        return 1;
    if (is_known(o, &owner))
        return 0;
    if (o->n_asked++ == ASKED)
        return -EAGAIN;
    if (!h7_life_alive(&owner)) {
        o->dead = owner;
        return 1;
    }
    o->living[o->n_living++ % KNOWN] = owner;
    return 0;
}

static int is_claimed(const struct h7_store *st, uint32_t slot, int side)
{
    const uint32_t state = side == H7_P ? H7_SLOT_RESERVED : H7_SLOT_TAKEN;
    return h7_load32_acquire(&st->slots[slot].state) == state;
}

/* Slots that are claimed on that side, each once, from the end, since ending one moves the last
 * into its place. Without locks (end is NULL) it is a look for the first. It goes on where this
 * handle's last one stopped: of very many claims, with owners in turn, perhaps a peer's invention,
 * not all are asked for at once. */
static int scan(struct h7_store *st, int side, int (*end)(struct h7_store *, uint32_t))
{
    struct owners o = {.n_living = 1};
    uint32_t n = h7_load32_relaxed(&st->shared->side[side].claims);
    uint32_t at = h7_load32_relaxed(&st->claims_from[side]); /* relaxed: any place will do */
    int found = 0;
    if (h7_life_self(&o.living[0]) < 0 || n > st->plan.n_slots)
        return n > st->plan.n_slots ? -EBADMSG : 0;
    for (uint32_t left = n; left > 0; left--) {
        at = at == 0 || at > n ? n : at;
        uint32_t slot = h7_load32_relaxed(&st->claims[side][at - 1]);
        if (slot >= st->plan.n_slots)
            return end ? -EBADMSG : found;
        int r = is_claimed(st, slot, side) ? is_orphan(&st->slots[slot], &o) : 0;
        found += r > 0;
        if (r < 0 || (r > 0 && !end))
            break;
        if (r > 0) {
            r = end(st, slot);
            if (r < 0)
                return r;
            n--; /* at least `left` of them, still; the last is in this place now */
        } else {
            at--;
        }
    }
    h7_store32_relaxed(&st->claims_from[side], at);
    return found;
}

void h7_claims_look_slow(struct h7_store *st)
{
    if (h7_load32_relaxed(&st->shared->side[H7_C].claims) == 0)
        return;
    uint64_t tick = (uint64_t)h7_clock_tick();
    if (tick == h7_load64_relaxed(&st->tick))
        return;
    h7_store64_relaxed(&st->tick, tick);
    h7_store_bury(st, H7_EXPIRED); /* can't: the next one will */
}

int h7_claims_bury(struct h7_store *st)
{
    int p = scan(st, H7_P, h7_claims_cancel);
    int c = p < 0 ? 0 : scan(st, H7_C, h7_claims_return);
    return p < 0 ? p : c < 0 ? c : p + c;
}

int h7_store_bury(struct h7_store *st, int64_t deadline)
{
    if (h7_likely(!h7_load32_relaxed(&st->shared->claimed)) || !h7_claims_any(st))
        return 0;
    int p = scan(st, H7_P, NULL), c = scan(st, H7_C, NULL);
    if (p <= 0 && c <= 0)
        return p < 0 ? p : c < 0 ? c : 0;
    int r = h7_store_enter_both(st, deadline);
    if (r < 0)
        return r;
    r = h7_claims_bury(st);
    h7_store_leave_both(st);
    return r;
}
