/* SPDX-License-Identifier: MIT */
/*
 * queue/store.c - making, attaching, locks; see queue/store.h
 *
 * Reading order: plan and layout; make, attach; enter. What a holder that died leaves is
 * mended in mend.c.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/sys.h"
#include "name/name.h"
#include "queue/mend.h"
#include "queue/store_internal.h"

/* --- where things lie --------------------------------------------------------------- */

struct layout {
    uint64_t slots, inbox, outbox, claims[2], index, blocks, bytes, end;
};

static uint64_t ring_len(uint32_t n_slots)
{
    uint64_t n = 1;
    while (n < n_slots)
        n *= 2;
    return n;
}

static uint64_t cell_len(const struct h7_store_plan *p)
{
    return (p->msg_max + 63ull) / 64 * 64;
}

static uint64_t apart(uint64_t at, uint64_t len)
{
    return (at + len + H7_APART - 1) / H7_APART * H7_APART;
}

static void lay_out(const struct h7_store_plan *p, struct layout *l)
{
    const uint64_t word = sizeof(struct h7_a32), page = 4096;
    l->slots = 0;
    l->inbox = apart(0, (uint64_t)p->n_slots * sizeof(struct h7_slot));
    l->outbox = apart(l->inbox, ring_len(p->n_slots) * word);
    l->claims[H7_P] = apart(l->outbox, ring_len(p->n_slots) * word);
    l->claims[H7_C] = apart(l->claims[H7_P], p->n_slots * word);
    l->index = apart(l->claims[H7_C], p->n_slots * word);
    l->blocks = apart(l->index, h7_index_len(p->n_slots, p->flags & H7_PLAN_BY_AGE ? 1 : 0));
    l->bytes = apart(l->blocks, p->n_blocks ? h7_blocks_len((uint32_t)p->n_blocks) : 0);
    l->bytes = (l->bytes + page - 1) / page * page;
    l->end = l->bytes + (p->flags & H7_PLAN_CELLS ? p->n_slots * cell_len(p)
                                                  : p->n_blocks * p->block_len);
}

/* What h7_store_plan() could have made? Nothing that overflows. */
static int is_possible(const struct h7_store_plan *p)
{
    return p->n_slots > 0 && p->n_slots <= H7_SLOTS_MAX && p->msg_max > 0 &&
           p->msg_max <= 1u << 30 && !(p->flags & ~(H7_PLAN_BY_AGE | H7_PLAN_CELLS)) &&
           p->n_blocks <= H7_BLOCKS_MAX && p->block_len > 0 && p->block_len <= 1u << 20 &&
           !(p->flags & H7_PLAN_CELLS) == (p->n_blocks > 0); /* lay_out() has room for one */
}

uint64_t h7_store_plan(struct h7_store_plan *p, uint32_t n_slots, uint32_t msg_max, uint32_t flags,
                       uint64_t budget)
{
    struct layout l;
    *p = (struct h7_store_plan){.n_slots = n_slots, .msg_max = msg_max, .flags = flags};
    p->block_len = msg_max <= 16384 ? 256 : msg_max <= 262144 ? 1024 : 4096;
    if (!(flags & H7_PLAN_CELLS)) {
        if (budget < msg_max)
            budget = msg_max;
        p->n_blocks = (budget + p->block_len - 1) / p->block_len;
    }
    if (!is_possible(p))
        return 0;
    lay_out(p, &l);
    return l.end;
}

static void view(struct h7_store *st)
{
    struct layout l;
    char *d = st->seg.data;
    int by_age = st->plan.flags & H7_PLAN_BY_AGE ? 1 : 0;
    lay_out(&st->plan, &l);
    st->slots = (struct h7_slot *)(void *)(d + l.slots);
    st->inbox = (struct h7_a32 *)(void *)(d + l.inbox);
    st->outbox = (struct h7_a32 *)(void *)(d + l.outbox);
    for (int side = 0; side < 2; side++)
        st->claims[side] = (struct h7_a32 *)(void *)(d + l.claims[side]);
    st->ring_mask = (uint32_t)ring_len(st->plan.n_slots) - 1;
    h7_index_init(&st->index, d + l.index, st->slots, st->plan.n_slots, by_age);
    h7_blocks_init(&st->blocks, d + l.blocks, (uint32_t)st->plan.n_blocks);
    st->bytes = d + l.bytes;
    st->cell_len = cell_len(&st->plan);
}

/* --- making ------------------------------------------------------------------------- */

static int make_data(int dir, uint32_t kind, mode_t mode, const struct h7_store_plan *plan,
                     uint64_t qbytes, const void *room, size_t room_len)
{
    struct layout l;
    struct h7_store st = {.plan = *plan};
    lay_out(plan, &l);
    const struct h7_segment_spec spec = {
        .kind = kind, .control_len = sizeof(struct h7_store_shared), .data_len = l.end};
    int r = h7_segment_new_in(&st.seg, &spec, dir, 0600);
    if (r < 0)
        return r;
    st.shared = h7_segment_control(&st.seg);
    st.shared->plan = *plan;
    h7_store64_relaxed(&st.shared->qbytes, qbytes ? qbytes : UINT64_MAX);
    memcpy(st.shared->room, room, room_len);
    for (int side = 0; side < 2; side++) {
        h7_bell_announce(&st.shared->side[side].bell);
    }
    view(&st);
    r = h7_mend_rebuild(&st); /* an empty one is what is left of nothing */
    if (r == 0)
        r = h7_sys_fchmod(st.seg.fd, mode);
    if (r == 0)
        r = h7_segment_publish(&st.seg, dir, H7_STORE_DATA);
    h7_segment_close(&st.seg);
    return r;
}

int h7_store_make(int dir, uint32_t kind, mode_t mode, const struct h7_store_plan *plan,
                  uint64_t qbytes, const void *room, size_t room_len)
{
    int r = room_len > H7_STORE_ROOM ? -EINVAL : 0;
    if (r == 0)
        r = make_data(dir, kind, mode, plan, qbytes, room, room_len);
    if (r == 0)
        r = h7_draft_fifo(dir, H7_STORE_R, mode, NULL);
    if (r == 0)
        r = h7_draft_fifo(dir, H7_STORE_W, mode, NULL);
    if (r == 0)
        r = h7_draft_file(dir, H7_PART_LIFE, mode);
    return r;
}

/* --- attaching ---------------------------------------------------------------------- */

static int attach_data(struct h7_store *st, int obj, uint32_t kind)
{
    struct layout l;
    const struct h7_segment_spec spec = {.kind = kind,
                                         .control_len = sizeof(struct h7_store_shared)};
    int fd = h7_name_part(obj, H7_STORE_DATA, O_RDWR, S_IFREG);
    int r = fd < 0 ? fd : h7_segment_attach(&st->seg, fd, &spec, 0);
    if (r < 0) {
        if (fd >= 0)
            h7_sys_close(fd);
        return r;
    }
    st->shared = h7_segment_control(&st->seg);
    memcpy(&st->plan, &st->shared->plan, sizeof st->plan); /* once; checked, and then ours */
    if (!is_possible(&st->plan))
        return -EBADMSG;
    lay_out(&st->plan, &l);
    if (l.end > st->seg.data_len)
        return -EBADMSG;
    view(st);
    return 0;
}

static int attach_bells(struct h7_store *st, int obj)
{
    static const char *const part[2] = {H7_STORE_R, H7_STORE_W};
    for (int side = 0; side < 2; side++) {
        int fd = h7_name_part(obj, part[side], O_RDWR, S_IFIFO);
        if (fd < 0)
            return fd;
        st->bell[side] = fd;
    }
    return 0;
}

int h7_store_attach(struct h7_store *st, int obj, uint32_t kind, uint32_t wait, uint32_t spin_ns)
{
    *st = (struct h7_store){.kind = kind, .obj = -1, .bell = {-1, -1}, .seg = {.fd = -1}};
    int r = attach_data(st, obj, kind);
    if (r == 0)
        r = attach_bells(st, obj);
    if (r == 0)
        r = st->obj = h7_sys_dup(obj, 1);
    if (r < 0) {
        h7_store_detach(st);
        return r;
    }
    for (int side = 0; side < 2; side++)
        h7_waiter_init(&st->waiter[side], wait, spin_ns);
    return 0;
}

void h7_store_detach(struct h7_store *st)
{
    for (int side = 0; side < 2; side++) {
        h7_level_close(&st->level[side]);
        h7_sys_close(st->bell[side]);
    }
    h7_alive_end(&st->alive);
    h7_sys_close(st->obj);
    if (st->seg.base)
        h7_segment_close(&st->seg);
    st->obj = st->bell[0] = st->bell[1] = -1;
}

/* --- locks -------------------------------------------------------------------------- */

/* The last holder died inside. That stays written until it is mended, whoever dies meanwhile. */
static int note_death(struct h7_store *st, int side, int r)
{
    if (r != -EOWNERDEAD)
        return r;
    h7_store32_relaxed(&st->shared->dirty, 1); /* under a lock, before its unlock */
    h7_add(&st->shared->side[side].recoveries, 1);
    return 0;
}

static int is_dirty(const struct h7_store *st)
{
    return h7_load32_relaxed(&st->shared->dirty) != 0; /* relaxed: under a lock */
}

int h7_store_enter_c_too(struct h7_store *st, int64_t deadline)
{
    int r = h7_lock_second(&st->shared->side[H7_C].lock, deadline);
    r = note_death(st, H7_C, r);
    if (r == 0 && is_dirty(st)) {
        r = h7_mend_rebuild(st); /* K6 */
        if (r < 0)
            h7_unlock_second(&st->shared->side[H7_C].lock);
    }
    return r;
}

static int enter_both(struct h7_store *st, int64_t deadline)
{
    int r = h7_lock(&st->shared->side[H7_P].lock, deadline);
    r = note_death(st, H7_P, r);
    if (r < 0)
        return r;
    r = h7_store_enter_c_too(st, deadline);
    if (r < 0)
        h7_unlock(&st->shared->side[H7_P].lock);
    return r;
}

/* A POSIX queue is never removed, only its name: somebody has written that. */
static int removed(const struct h7_store *st)
{
    return st->kind == H7_KIND_MQ ? -EBADMSG : -EIDRM;
}

int h7_store_enter_both(struct h7_store *st, int64_t deadline)
{
    int r = enter_both(st, deadline);
    if (r == 0 && h7_load32_relaxed(&st->shared->removed)) {
        h7_store_leave_both(st);
        return removed(st);
    }
    return r;
}

void h7_store_leave_both(struct h7_store *st)
{
    h7_unlock_second(&st->shared->side[H7_C].lock);
    h7_unlock(&st->shared->side[H7_P].lock);
}

/* When to stop mending: a peer that writes again and again that it is dirty mustn't make a verb
 * late. */
static int64_t mend_until(int64_t deadline)
{
    int64_t now = hepta_now_ns();
    return deadline == HEPTA_NOW ? now + H7_LOCK_GRACE_NS : deadline == H7_EXPIRED ? now : deadline;
}

/* Bounded: each round begins with another's death. */
int h7_store_enter_slow(struct h7_store *st, int side, int r, int64_t deadline)
{
    int64_t end = mend_until(deadline);
    for (int i = 0; i < 1000; i++) {
        r = note_death(st, side, r);
        if (r < 0)
            return r;
        if (h7_load32_relaxed(&st->shared->removed)) {
            h7_unlock(&st->shared->side[side].lock);
            return removed(st);
        }
        if (!is_dirty(st))
            return 0;
        h7_unlock(&st->shared->side[side].lock);
        if (i > 0 && hepta_now_ns() >= end)
            return h7_expired(deadline);
        r = enter_both(st, deadline);
        if (r < 0)
            return r;
        h7_store_leave_both(st);
        r = h7_lock(&st->shared->side[side].lock, deadline);
    }
    return -EBADMSG;
}

/* --- numbers ------------------------------------------------------------------------ */

uint64_t h7_store_sent(const struct h7_store *st)
{
    return h7_published(st);
}

uint64_t h7_store_held(const struct h7_store *st)
{
    uint64_t gone = h7_load64_acquire(&st->shared->side[H7_C].gone);
    return h7_published(st) - gone;
}

uint64_t h7_store_available(const struct h7_store *st)
{
    uint64_t drained = h7_load64_acquire(&st->shared->side[H7_C].drained);
    return h7_published(st) - drained + h7_index_count(&st->index);
}

uint64_t h7_store_bytes(const struct h7_store *st)
{
    uint64_t out = h7_load64_acquire(&st->shared->side[H7_C].bytes);
    return h7_load64_relaxed(&st->shared->side[H7_P].bytes) - out;
}

/* Blocks that could be had, those of freed slots that nobody has reclaimed yet, too. Under both. */
uint64_t h7_store_blocks_free(const struct h7_store *st)
{
    uint64_t at = h7_load64_relaxed(&st->shared->side[H7_P].reclaimed);
    uint64_t end = h7_load64_relaxed(&st->shared->freed), n = h7_blocks_n_free(&st->blocks);
    for (uint32_t i = 0; at != end && i < st->plan.n_slots; at++, i++) {
        uint32_t slot = h7_load32_relaxed(&st->outbox[at & st->ring_mask]);
        if (slot < st->plan.n_slots)
            n += h7_load32_relaxed(&st->slots[slot].n_blocks);
    }
    return n;
}

/* --- removal ------------------------------------------------------------------------ */

void h7_store_call_all(struct h7_store *st)
{
    h7_add(&st->shared->turns, 1);
    for (int side = 0; side < 2; side++)
        h7_call_everybody(st, side);
}

/* First the calls: those who wake wait for the locks, and then find it removed. If the remover
 * dies before that store, they sleep again. */
void h7_store_remove(struct h7_store *st)
{
    h7_store_call_all(st);
    for (int side = 0; side < 2; side++)
        if (h7_load32_relaxed(&st->shared->side[side].polled))
            h7_bell_ring(&st->shared->side[side].bell, st->bell[side], H7_BELL_FIFO);
    h7_store32_release(&st->shared->removed, 1); /* linearization point of IPC_RMID */
}
