/* SPDX-License-Identifier: MIT */
/*
 * bytes.h - a stream of bytes that both sides can compute, and check wherever it was cut
 */
#ifndef HEPTA_TESTS_BYTES_H
#define HEPTA_TESTS_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Eight bytes of it (splitmix64's finalizer). */
static inline uint64_t bytes_word(uint64_t seed, uint64_t at)
{
    uint64_t x = seed + (at + 1) * 0x9e3779b97f4a7c15ULL;

    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

/* The @len bytes from @from on. */
static inline void bytes_fill(void *buf, uint64_t seed, uint64_t from, size_t len)
{
    unsigned char *p = buf;

    while (len > 0) {
        uint64_t word = bytes_word(seed, from / 8);
        size_t skip = from % 8, n = 8 - skip < len ? 8 - skip : len;

        memcpy(p, (const unsigned char *)&word + skip, n);
        p += n;
        from += n;
        len -= n;
    }
}

static inline bool bytes_right(const void *buf, uint64_t seed, uint64_t from, size_t len)
{
    const unsigned char *p = buf;
    unsigned char right[1024];

    while (len > 0) {
        size_t n = len < sizeof(right) ? len : sizeof(right);

        bytes_fill(right, seed, from, n);
        if (memcmp(p, right, n) != 0)
            return false;
        p += n;
        from += n;
        len -= n;
    }
    return true;
}

#endif
