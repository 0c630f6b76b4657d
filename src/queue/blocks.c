/* SPDX-License-Identifier: MIT */
/*
 * queue/blocks.c - see queue/blocks.h. Reading order: take, give, mark, run.
 *
 * Shared layout, all guarded by the lock but for `next`, which belongs to who owns the chain:
 *   n_free     blocks whose bit is 0
 *   cursor     where the next search begins
 *   bits[]     one a block, 1 in use
 *   next[]     of each block in use, the one that follows it in its chain
 */
#include "queue/blocks.h"

#include <errno.h>
#include <stdio.h>

struct h7_blocks_shared {
    struct h7_a32 n_free;
    struct h7_a32 cursor;
} __attribute__((aligned(H7_APART)));

static size_t round_up(size_t len)
{
    return (len + H7_APART - 1) / H7_APART * H7_APART;
}

static size_t bits_len(uint32_t n)
{
    return round_up(((size_t)n + 63) / 64 * sizeof(struct h7_a64));
}

size_t h7_blocks_len(uint32_t n)
{
    return sizeof(struct h7_blocks_shared) + bits_len(n) +
           round_up((size_t)n * sizeof(struct h7_a32));
}

void h7_blocks_init(struct h7_blocks *b, void *mem, uint32_t n)
{
    char *at = mem;
    b->shared = mem;
    b->n = n;
    b->bits = (struct h7_a64 *)(void *)(at + sizeof(struct h7_blocks_shared));
    b->next = (struct h7_a32 *)(void *)(at + sizeof(struct h7_blocks_shared) + bits_len(n));
}

/* relaxed, all of them: under the lock; links are ordered by what publishes their slot */
static uint64_t word(const struct h7_blocks *b, uint32_t i)
{
    return h7_load64_relaxed(&b->bits[i / 64]);
}

static int in_use(const struct h7_blocks *b, uint32_t i)
{
    return word(b, i) >> i % 64 & 1;
}

static void flip(struct h7_blocks *b, uint32_t i)
{
    h7_store64_relaxed(&b->bits[i / 64], word(b, i) ^ 1ull << i % 64);
}

static void add_free(struct h7_blocks *b, uint32_t by)
{
    h7_store32_relaxed(&b->shared->n_free, h7_load32_relaxed(&b->shared->n_free) + by);
}

void h7_blocks_clear(struct h7_blocks *b)
{
    for (uint32_t i = 0; i < b->n; i += 64)
        h7_store64_relaxed(&b->bits[i / 64], 0);
    h7_store32_relaxed(&b->shared->n_free, b->n);
    h7_store32_relaxed(&b->shared->cursor, 0);
}

uint32_t h7_blocks_n_free(const struct h7_blocks *b)
{
    return h7_load32_relaxed(&b->shared->n_free);
}

/* The first free block from i on, or n. */
static uint32_t next_free(const struct h7_blocks *b, uint32_t i)
{
    while (i < b->n) {
        uint64_t rest = ~word(b, i) >> i % 64;
        if (rest) {
            i += (uint32_t)__builtin_ctzll(rest);
            return i < b->n ? i : b->n;
        }
        i = (i / 64 + 1) * 64;
    }
    return b->n;
}

/* How many free ones in a row from i on, at most n. */
static uint32_t free_run(const struct h7_blocks *b, uint32_t i, uint32_t n)
{
    uint32_t found = 0;
    while (found < n && i < b->n) {
        uint64_t rest = word(b, i) >> i % 64;
        uint32_t here = rest ? (uint32_t)__builtin_ctzll(rest) : 64 - i % 64;
        found += here;
        i += here;
        if (rest)
            break;
    }
    if (i > b->n) /* bits of the last word that stand for no block */
        found -= i - b->n;
    return found < n ? found : n;
}

static void use_run(struct h7_blocks *b, uint32_t at, uint32_t n)
{
    for (uint32_t i = at; i < at + n; i++) {
        flip(b, i);
        h7_store32_relaxed(&b->next[i], i + 1);
    }
}

static uint32_t cursor(const struct h7_blocks *b)
{
    uint32_t at = h7_load32_relaxed(&b->shared->cursor);
    return at < b->n ? at : 0;
}

/* From `from` up to `to`. */
static uint32_t find_run(const struct h7_blocks *b, uint32_t n, uint32_t from, uint32_t to)
{
    for (uint32_t i = next_free(b, from); i < to; i = next_free(b, i)) {
        uint32_t run = free_run(b, i, n);
        if (run == n)
            return i;
        i += run ? run : 1; /* 0: a peer changed it in between */
    }
    return b->n;
}

static int take_run(struct h7_blocks *b, uint32_t n, uint32_t *first)
{
    uint32_t at = find_run(b, n, cursor(b), b->n);
    if (at == b->n)
        at = find_run(b, n, 0, cursor(b));
    if (at == b->n)
        return -EAGAIN;
    use_run(b, at, n);
    h7_store32_relaxed(&b->shared->cursor, at + n);
    *first = at;
    return 0;
}

/* Free ones as they come, from the cursor on and once round. */
static int take_pieces(struct h7_blocks *b, uint32_t n, uint32_t *first)
{
    uint32_t at = cursor(b), last = b->n, left = n;
    for (int round = 0; round < 3 && left > 0;) {
        at = next_free(b, at);
        if (at == b->n) {
            at = 0;
            round++;
            continue;
        }
        uint32_t run = free_run(b, at, left);
        if (run == 0)
            return -EBADMSG; /* a peer changed it in between */
        use_run(b, at, run);
        if (last == b->n)
            *first = at;
        else
            h7_store32_relaxed(&b->next[last], at);
        at += run;
        last = at - 1;
        left -= run;
    }
    if (left > 0)
        return -EBADMSG; /* fewer than n_free says */
    h7_store32_relaxed(&b->shared->cursor, at);
    return 0;
}

int h7_blocks_take(struct h7_blocks *b, uint32_t n, int whole, uint32_t *first)
{
    uint32_t n_free = h7_blocks_n_free(b);
    if (n == 0 || n_free > b->n)
        return -EBADMSG;
    if (n > n_free)
        return -EAGAIN;
    uint32_t at = cursor(b);
    int r;
    if (free_run(b, at, n) == n) { /* the common case: the next ones */
        use_run(b, at, n);
        h7_store32_relaxed(&b->shared->cursor, at + n);
        *first = at;
        r = 0;
    } else {
        r = whole || n <= 64 ? take_run(b, n, first) : -EAGAIN;
        if (r == -EAGAIN && !whole)
            r = take_pieces(b, n, first);
    }
    if (r == 0)
        h7_store32_relaxed(&b->shared->n_free, n_free - n);
    return r;
}

/* Along a chain of n, each block's bit must be `used`. */
static int walk(const struct h7_blocks *b, uint32_t first, uint32_t n, int used)
{
    uint32_t at = first;
    for (uint32_t i = 0; i < n; i++) {
        if (at >= b->n || in_use(b, at) != used)
            return -EBADMSG;
        at = h7_load32_relaxed(&b->next[at]);
    }
    return 0;
}

/* Change the bits of a chain, as far as they are not `to` yet. How many. */
static uint32_t change(struct h7_blocks *b, uint32_t first, uint32_t n, int to)
{
    uint32_t at = first, i;
    for (i = 0; i < n && at < b->n && in_use(b, at) != to; i++) {
        flip(b, at);
        at = h7_load32_relaxed(&b->next[at]);
    }
    return i;
}

int h7_blocks_give(struct h7_blocks *b, uint32_t first, uint32_t n)
{
    if (n == 0 || n > b->n || walk(b, first, n, 1) < 0)
        return -EBADMSG;
    uint32_t done = change(b, first, n, 0);
    if (done < n) { /* a chain that runs in a circle */
        change(b, first, done, 1);
        return -EBADMSG;
    }
    add_free(b, done);
    return 0;
}

int h7_blocks_mark(struct h7_blocks *b, uint32_t first, uint32_t n)
{
    if (n == 0 || n > b->n || first >= b->n)
        return -EBADMSG;
    uint32_t done = change(b, first, n, 1);
    add_free(b, 0u - done);
    return done == n ? 0 : -EBADMSG;
}

uint32_t h7_blocks_run(const struct h7_blocks *b, uint32_t at, uint32_t n, uint32_t *next)
{
    uint32_t run = 0;
    *next = at;
    if (at >= b->n || n == 0)
        return 0;
    do {
        run++;
        *next = h7_load32_relaxed(&b->next[at + run - 1]);
    } while (run < n && at + run < b->n && *next == at + run);
    return run;
}

int h7_blocks_check(const struct h7_blocks *b, char *why, size_t n)
{
    uint64_t used = 0;
    for (uint32_t i = 0; i < b->n; i += 64)
        used += (uint64_t)__builtin_popcountll(word(b, i));
    if (used + h7_blocks_n_free(b) == b->n)
        return 0;
    snprintf(why, n, "blocks: %llu in use, %u free, of %u", (unsigned long long)used,
             h7_blocks_n_free(b), b->n);
    return -EBADMSG;
}
