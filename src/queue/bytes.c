/* SPDX-License-Identifier: MIT */
/*
 * queue/bytes.c - where the bytes of a message lie, and copying them; see queue/slot.h
 *
 * In the slot itself, in the cell that belongs to it, or in a chain of blocks (queue/blocks.h).
 * What a slot says of that is a peer's word: it is checked wherever it is followed.
 */
#include <string.h>

#include "queue/store_internal.h"

static char *cell(const struct h7_store *st, uint32_t slot)
{
    return st->bytes + (size_t)slot * st->cell_len;
}

/* A cell there is, and it holds len bytes. */
static int fits_cell(const struct h7_store *st, size_t len)
{
    return st->plan.flags & H7_PLAN_CELLS && len <= st->plan.msg_max;
}

static char *block(const struct h7_store *st, uint32_t i)
{
    return st->bytes + (size_t)i * st->plan.block_len;
}

uint32_t h7_blocks_for(const struct h7_store *st, size_t len)
{
    return (uint32_t)((len + st->plan.block_len - 1) / st->plan.block_len);
}

/* relaxed: of a slot that is this thread's, or under the lock that guards it */
int h7_slot_sane(const struct h7_store *st, uint32_t slot)
{
    const struct h7_slot *s = &st->slots[slot];
    uint32_t place = h7_load32_relaxed(&s->place), len = h7_load32_relaxed(&s->len);
    if (len > st->plan.msg_max)
        return -EBADMSG;
    if (place == H7_PLACE_INLINE)
        return len <= H7_SLOT_TEXT ? 0 : -EBADMSG;
    if (place == H7_PLACE_CELL)
        return st->plan.flags & H7_PLAN_CELLS ? 0 : -EBADMSG;
    uint32_t n = h7_load32_relaxed(&s->n_blocks);
    return place < st->plan.n_blocks && n >= h7_blocks_for(st, len) && n <= st->plan.n_blocks
               ? 0
               : -EBADMSG;
}

char *h7_bytes_at(const struct h7_store *st, uint32_t slot, size_t len)
{
    struct h7_slot *s = &st->slots[slot];
    uint32_t place = h7_load32_relaxed(&s->place), next;
    if (place == H7_PLACE_INLINE)
        return len <= H7_SLOT_TEXT ? s->text : NULL;
    if (place == H7_PLACE_CELL)
        return fits_cell(st, len) ? cell(st, slot) : NULL;
    uint32_t n = h7_blocks_for(st, len);
    if (place >= st->plan.n_blocks)
        return NULL;
    return n <= 1 || h7_blocks_run(&st->blocks, place, n, &next) == n ? block(st, place) : NULL;
}

/* Piece by piece; the chain's numbers are checked on the way. */
static int copy_pieces(const struct h7_store *st, uint32_t slot, char *buf, size_t len, int in)
{
    uint32_t at = h7_load32_relaxed(&st->slots[slot].place);
    uint32_t left = h7_blocks_for(st, len);
    while (left > 0) {
        uint32_t next = 0, run = h7_blocks_run(&st->blocks, at, left, &next);
        if (run == 0 || run > left || run > st->plan.n_blocks - at)
            return -EBADMSG;
        size_t n = (size_t)run * st->plan.block_len;
        if (n > len)
            n = len;
        if (in)
            memcpy(block(st, at), buf, n);
        else
            memcpy(buf, block(st, at), n);
        buf += n;
        len -= n;
        left -= run;
        at = next;
    }
    return 0;
}

int h7_bytes_in(struct h7_store *st, uint32_t slot, const void *buf, size_t len)
{
    uint32_t place = h7_load32_relaxed(&st->slots[slot].place);
    if (len == 0)
        return 0;
    if (place == H7_PLACE_INLINE && len <= H7_SLOT_TEXT)
        memcpy(st->slots[slot].text, buf, len);
    else if (place == H7_PLACE_CELL && fits_cell(st, len))
        memcpy(cell(st, slot), buf, len);
    else if (place < st->plan.n_blocks)
        return copy_pieces(st, slot, (char *)(uintptr_t)buf, len, 1);
    else
        return -EBADMSG; /* a peer has changed it meanwhile */
    return 0;
}

int h7_bytes_out(const struct h7_store *st, uint32_t slot, void *buf, size_t len)
{
    uint32_t place = h7_load32_relaxed(&st->slots[slot].place);
    if (len == 0)
        return 0;
    if (place == H7_PLACE_INLINE && len <= H7_SLOT_TEXT)
        memcpy(buf, st->slots[slot].text, len);
    else if (place == H7_PLACE_CELL && fits_cell(st, len))
        memcpy(buf, cell(st, slot), len);
    else if (place < st->plan.n_blocks)
        return copy_pieces(st, slot, buf, len, 0);
    else
        return -EBADMSG; /* a peer has changed it meanwhile */
    return 0;
}
