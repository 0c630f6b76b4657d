/* SPDX-License-Identifier: MIT */
/*
 * memory/cell.c - the sequence cell: the latest value, whole, without waiting
 *
 * Four buffers, used in turn. The writer fills the one after the latest, then says that it is the
 * latest; so a reader copies from a buffer that the writer won't touch before three more values.
 * If it does all the same, the buffer's own number tells, and the reader tries again.
 *
 * Shared layout:
 *   offset            written by  meaning
 *   0    latest       writer      number of the latest value; 0 none. A cache line of its own
 *   64   buffer 0     writer      number 4, 8, ...: seq, then at 16 the bytes; to a cache line
 *   ...  buffer 3                 number 3, 7, ...
 *   seq               writer      number of the value in this buffer; 0: none, or being written
 *
 * Invariants: Q1 the buffer of `latest` has it as its seq, unless a later value is being written
 * there. Q2 a number that was the latest never stands for another value.
 *
 * Where the writer can die:
 *   Q-a before seq = 0                nothing happened
 *   Q-b before latest                 the value before stays the latest; the next writer writes the
 *                                     same number into the same buffer, which no reader had looked
 *                                     at: it wasn't the latest
 *   Q-c after latest                  written
 *
 * Order. The bytes are copied without atomics, in pieces that may tear; only what the number
 * before and after says to be whole is used:
 *   writer: seq = 0; release fence; bytes; seq = n (release); latest = n (release)
 *   reader: latest (acquire); seq == n? (acquire); bytes; acquire fence; seq == n?
 * A reader that has seen a byte of a later value sees seq as it was made before it, 0, or later:
 * fence against fence. latest's release and acquire make what the writer did before visible.
 */
#define _GNU_SOURCE
#include <hepta/shm.h>

#include <errno.h>
#include <string.h>

#include "base/atomic.h"

#define N_BUFFERS 4u
#define BYTES_AT 16u

/* Overtaken so often, a reader gives up; with large values earlier, as it has copied so much. */
#define TRIES 1000u
#define TRIES_BYTES (64ull << 20)
#define TRIES_LEAST 8u

struct buffer {
    struct h7_a64 seq;
    uint64_t reserved;
};

struct hepta_shm_cell {
    struct h7_a64 latest;
    char reserved[H7_CACHE_LINE - sizeof(struct h7_a64)];
};

/* In pieces of up to 16 bytes, each really read or written once and in this order by the
 * compiler, which knows nothing of what may change beneath it; the last ones overlap. Sanitizers
 * of data races are told not to look: this is one, and the numbers around it settle it. */
typedef uint64_t piece16 __attribute__((vector_size(16), may_alias, aligned(1)));
typedef uint64_t piece8 __attribute__((may_alias, aligned(1)));
typedef uint32_t piece4 __attribute__((may_alias, aligned(1)));

#define MOVE(type, at) (*(volatile type *)(t + (at)) = *(const volatile type *)(f + (at)))

#if defined(__SANITIZE_THREAD__)
#define UNWATCHED_CALL __attribute__((no_sanitize_thread, noinline))
#define UNWATCHED UNWATCHED_CALL
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNWATCHED_CALL __attribute__((no_sanitize("thread"), noinline))
#define UNWATCHED UNWATCHED_CALL
#endif
#endif
#ifndef UNWATCHED
#define UNWATCHED_CALL __attribute__((noinline))
#define UNWATCHED inline __attribute__((always_inline))
#endif

static UNWATCHED void copy_small(char *t, const char *f, size_t len)
{
    if (h7_likely(len > 32)) {
        MOVE(piece16, 0);
        MOVE(piece16, 16);
        MOVE(piece16, len - 32);
        MOVE(piece16, len - 16);
    } else if (len >= 16) {
        MOVE(piece16, 0);
        MOVE(piece16, len - 16);
    } else if (len >= 8) {
        MOVE(piece8, 0);
        MOVE(piece8, len - 8);
    } else if (len >= 4) {
        MOVE(piece4, 0);
        MOVE(piece4, len - 4);
    } else {
        for (size_t i = 0; i < len; i++)
            MOVE(char, i);
    }
}

static UNWATCHED_CALL void copy_large(char *t, const char *f, size_t len)
{
    for (size_t i = 0; i < len; i += 64) {
        if (h7_unlikely(i + 64 > len))
            i = len - 64;
        MOVE(piece16, i);
        MOVE(piece16, i + 16);
        MOVE(piece16, i + 32);
        MOVE(piece16, i + 48);
    }
}

static inline void copy(char *t, const char *f, size_t len)
{
    if (h7_likely(len <= 64))
        copy_small(t, f, len);
    else
        copy_large(t, f, len);
}

static size_t stride(size_t len)
{
    return (BYTES_AT + len + H7_CACHE_LINE - 1) / H7_CACHE_LINE * H7_CACHE_LINE;
}

/* Masked: whatever number is found, inside. */
static struct buffer *buffer_of(const struct hepta_shm_cell *cell, uint64_t n, size_t len)
{
    char *first = (char *)(uintptr_t)cell + sizeof *cell;
    return (struct buffer *)(first + (n & (N_BUFFERS - 1)) * stride(len));
}

/* One branch for all that is wrong with them. */
static inline int usable(const struct hepta_shm_cell *cell, const void *value, size_t len)
{
    return !((uintptr_t)cell % H7_CACHE_LINE | (cell == NULL) | (value == NULL) |
             (len - 1 >= HEPTA_SHM_CELL_MAX));
}

size_t hepta_shm_cell_size(size_t len)
{
    if (len == 0 || len > HEPTA_SHM_CELL_MAX)
        return 0;
    return sizeof(struct hepta_shm_cell) + N_BUFFERS * stride(len);
}

int hepta_shm_cell_write(struct hepta_shm_cell *cell, const void *value, size_t len)
{
    if (h7_unlikely(!usable(cell, value, len)))
        return -EINVAL;
    /* Relaxed: written by this writer, or by one before it, who is known to have finished. */
    uint64_t n = h7_load64_relaxed(&cell->latest) + 1;
    n += n == 0; /* of a cell that somebody has scribbled in */
    struct buffer *b = buffer_of(cell, n, len);
    h7_store64_relaxed(&b->seq, 0);
    h7_fence_release(); /* seq before the bytes; with the acquire fence of a reader */
    copy((char *)b + BYTES_AT, value, len);
    h7_store64_release(&b->seq, n);       /* the bytes before it */
    h7_store64_release(&cell->latest, n); /* linearization point */
    return 0;
}

static unsigned max_tries(size_t len)
{
    uint64_t n = TRIES_BYTES / len;
    return n >= TRIES ? TRIES : n > TRIES_LEAST ? (unsigned)n : TRIES_LEAST;
}

/* One try. Linearization point of one that succeeds: the load of latest. */
static inline int read_latest(const struct hepta_shm_cell *cell, void *value, size_t len,
                              uint64_t *number)
{
    uint64_t n = h7_load64_acquire(&cell->latest);
    const struct buffer *b = buffer_of(cell, n, len);
    if (h7_unlikely(h7_load64_acquire(&b->seq) != n || n == 0))
        return n == 0 ? -ENODATA : -EAGAIN;
    copy(value, (const char *)b + BYTES_AT, len);
    h7_fence_acquire(); /* the bytes before seq; with the release fence of the writer */
    if (h7_unlikely(h7_load64_relaxed(&b->seq) != n))
        return -EAGAIN;
    if (number)
        *number = n;
    return 0;
}

static __attribute__((noinline)) int read_again(const struct hepta_shm_cell *cell, void *value,
                                                size_t len, uint64_t *number)
{
    int r = -EAGAIN;
    for (unsigned i = max_tries(len); i > 0 && r == -EAGAIN; i--) {
        h7_pause();
        r = read_latest(cell, value, len, number);
    }
    return r == -ENODATA ? -EAGAIN : r;
}

int hepta_shm_cell_read(const struct hepta_shm_cell *cell, void *value, size_t len, uint64_t *n)
{
    if (h7_unlikely(!usable(cell, value, len)))
        return -EINVAL;
    int r = read_latest(cell, value, len, n);
    return h7_likely(r == 0) ? 0 : read_again(cell, value, len, n);
}

uint64_t hepta_shm_cell_number(const struct hepta_shm_cell *cell)
{
    if (!cell || (uintptr_t)cell % H7_CACHE_LINE)
        return 0;
    return h7_load64_acquire(&cell->latest); /* with the writer's release */
}
