/* SPDX-License-Identifier: MIT */
/*
 * channel/shm.c - shm: the latest value, in a sequence cell
 *
 *   0    struct board: a mutex that writers take in turns; a number that each write makes higher,
 *        a futex word that readers sleep on
 *   64   the cell: values of one size, as large as the segment allows: a length, then the bytes
 *
 * A segment of zeros is a board without a value, so whoever makes it has nothing to set up. Readers
 * map it read-only and never wait for a writer. What they read is checked: a length that is larger
 * than the cell is a peer's doing.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <hepta/shm.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/sys.h"
#include "channel/channel_internal.h"

#define SIZE_DEFAULT 4096u
#define LOOK_NS 100000000 /* a sleeping reader looks as often: a writer can die before it calls */

struct board {
    hepta_shm_mutex_t writer;
    struct h7_a32 event; /* futex */
    uint32_t reserved[7];
};
_Static_assert(sizeof(struct board) == 64, "the cell is aligned to a cache line");

struct value {
    uint32_t len;
    unsigned char bytes[];
};

struct shm_own {
    struct hepta_shm *shm;
    struct board *board;
    struct hepta_shm_cell *cell;
    size_t cell_len; /* of a value with its length */
    struct value *out;
    uint64_t seen; /* number of the value received last */
};

/* The largest value of which a cell fits into so many bytes. */
static size_t cell_len_in(size_t room)
{
    size_t low = 0, high = room < HEPTA_SHM_CELL_MAX ? room : HEPTA_SHM_CELL_MAX;

    while (low < high) {
        size_t mid = high - (high - low) / 2;
        if (hepta_shm_cell_size(mid) <= room)
            low = mid;
        else
            high = mid - 1;
    }
    return low;
}

static int shm_make(const struct h7_address *a, uint32_t flags, struct hepta_shm **shm)
{
    uint64_t size = a->set & H7_OPT(SIZE) ? a->size : SIZE_DEFAULT;
    struct hepta_shm_options opt = {.size = sizeof opt};

    if (size > HEPTA_SHM_CELL_MAX - sizeof(struct value))
        return -EINVAL;
    opt.len = sizeof(struct board) + hepta_shm_cell_size(size + sizeof(struct value));
    return hepta_shm_open(a->name, flags, h7_address_mode(a), &opt, shm);
}

static int shm_open_channel(struct hepta_channel *ch, int64_t deadline)
{
    struct shm_own *own = ch->own;
    uint32_t flags = (ch->flags & HEPTA_CHANNEL_SEND ? HEPTA_SHM_WRITE : 0) |
                     (ch->at.set & H7_OPT(CREATE) ? HEPTA_SHM_CREATE | HEPTA_SHM_WRITE : 0);
    (void)deadline;

    int r = shm_make(&ch->at, flags, &own->shm);
    if (r < 0)
        return r;
    size_t len = hepta_shm_len(own->shm);
    own->board = hepta_shm_data(own->shm);
    own->cell = (struct hepta_shm_cell *)(void *)((char *)own->board + sizeof *own->board);
    own->cell_len = len > sizeof *own->board ? cell_len_in(len - sizeof *own->board) : 0;
    if (own->cell_len <= sizeof(struct value))
        return -EBADMSG;
    own->out = calloc(1, own->cell_len);
    return own->out ? h7_channel_room(ch, own->cell_len) : -ENOMEM;
}

static int shm_send(struct hepta_channel *ch, const struct hepta_channel_msg *msg,
                    int64_t deadline)
{
    struct shm_own *own = ch->own;

    if (msg->len > own->cell_len - sizeof *own->out)
        return -EMSGSIZE;
    /* What is behind a short value is left of a longer one: nobody looks at it. */
    own->out->len = (uint32_t)msg->len;
    if (msg->len)
        memcpy(own->out->bytes, msg->data, msg->len);
    int r = hepta_shm_mutex_lock(&own->board->writer, deadline);
    if (r == -EOWNERDEAD) /* a writer that dies in the cell leaves the value before */
        r = hepta_shm_mutex_mended(&own->board->writer);
    if (r < 0)
        return r;
    r = hepta_shm_cell_write(own->cell, own->out, own->cell_len);
    hepta_shm_mutex_unlock(&own->board->writer);
    /* Pairs with the acquire of the readers, who look at the cell after the word. */
    h7_add32_release(&own->board->event, 1);
    h7_sys_futex_wake(&own->board->event, INT_MAX);
    return r;
}

/* The value as it is now: 1, -EAGAIN, -EBADMSG. */
static int shm_read(struct hepta_channel *ch, struct hepta_channel_msg *msg)
{
    struct shm_own *own = ch->own;
    uint64_t n;
    int r = hepta_shm_cell_read(own->cell, ch->buf, own->cell_len, &n);

    if (r < 0)
        return r;
    const struct value *v = (const struct value *)(const void *)ch->buf;
    if (v->len > own->cell_len - sizeof *v)
        return -EBADMSG;
    msg->data = v->bytes;
    msg->len = v->len;
    msg->value = n;
    msg->set = HEPTA_CHANNEL_HAS_VALUE;
    return 1;
}

/* No wake-up is lost: the word is read before the cell, and a writer changes it after the cell. */
static int shm_recv(struct hepta_channel *ch, struct hepta_channel_msg *msg, int64_t deadline)
{
    struct shm_own *own = ch->own;

    for (;;) {
        uint32_t event = h7_load32_acquire(&own->board->event);
        int r = hepta_shm_cell_number(own->cell) == own->seen ? -EAGAIN : shm_read(ch, msg);
        if (r == 1)
            own->seen = msg->value;
        if (r != -EAGAIN || deadline == HEPTA_NOW)
            return r;
        if (hepta_now_ns() >= deadline)
            return -ETIMEDOUT;
        int64_t look = hepta_in_ns(LOOK_NS);
        r = h7_sys_futex_wait(&own->board->event, event, look < deadline ? look : deadline);
        if (r == -EINTR)
            return r;
    }
}

static int shm_peek(struct hepta_channel *ch, struct hepta_channel_msg *msg, int64_t deadline)
{
    struct shm_own *own = ch->own;
    uint64_t seen = own->seen;

    own->seen = 0;
    int r = shm_recv(ch, msg, deadline);
    own->seen = seen;
    return r;
}

static int shm_stat_channel(struct hepta_channel *ch, struct hepta_channel_stat *st)
{
    struct shm_own *own = ch->own;
    st->bytes = hepta_shm_len(own->shm);
    return 0;
}

static void shm_close_channel(struct hepta_channel *ch)
{
    struct shm_own *own = ch->own;

    free(own->out);
    if (own->shm)
        hepta_shm_close(own->shm);
}

static int shm_create(const struct h7_address *a)
{
    struct hepta_shm *shm;
    int r = shm_make(a, HEPTA_SHM_WRITE | HEPTA_SHM_CREATE | HEPTA_SHM_EXCL, &shm);
    return r < 0 ? r : hepta_shm_close(shm);
}

static int shm_remove(const struct h7_address *a)
{
    return hepta_shm_unlink(a->name);
}

const struct h7_channel_ops h7_channel_shm = {
    .own_len = sizeof(struct shm_own),
    .open = shm_open_channel,
    .send = shm_send,
    .recv = shm_recv,
    .peek = shm_peek,
    .stat = shm_stat_channel,
    .close = shm_close_channel,
    .create = shm_create,
    .remove = shm_remove,
};
