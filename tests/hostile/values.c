/* SPDX-License-Identifier: MIT */
/*
 * values.c - see values.h. The chosen values are those that break code that trusts: a
 * lock that one doesn't hold, indices that cross or lie a lap apart, lengths just beyond.
 */
#define _GNU_SOURCE
#include "values.h"

#include "../lib/t.h"

#include <linux/futex.h>
#include <string.h>

#define CONTROL 4096
#define N_WRITES 2000

static uint64_t random_word(uint64_t *seed)
{
    static const uint64_t huge[] = {1ULL << 63, 1ULL << 40, INT64_MAX, UINT32_MAX, 1ULL << 32};

    return t_random(seed) % 2 ? t_random(seed) : huge[t_random(seed) % T_COUNT(huge)];
}

/* A new value for a word that holds @old. */
static uint64_t chosen(uint64_t old, const uint32_t tids[3], uint64_t *seed)
{
    uint64_t tid = tids[t_random(seed) % 3];
    uint64_t size = 4096ULL << t_random(seed) % 6;

    switch (t_random(seed) % 14) {
    case 0: return 0;
    case 1: return UINT64_MAX;
    case 2: return tid;
    case 3: return tid | FUTEX_WAITERS;
    case 4: return FUTEX_OWNER_DIED | tid;
    case 5: return FUTEX_WAITERS | FUTEX_OWNER_DIED;
    case 6: return old + 1;
    case 7: return old - 1;
    case 8: return old + size;
    case 9: return old - size;
    case 10: return old ^ (1ULL << t_random(seed) % 64);
    case 11: return old + t_random(seed) % 4096;
    case 12: return t_random(seed) % 8192;
    default: return random_word(seed);
    }
}

static void write_word(unsigned char *at, size_t off, bool wide, const uint32_t tids[3],
                       uint64_t *seed)
{
    uint64_t old = 0, new;
    size_t n = wide ? 8 : 4;

    off -= off % n;
    memcpy(&old, at + off, n);
    new = chosen(old, tids, seed);
    memcpy(at + off, &new, n);
}

/* Wrong for a moment only: the others pass their checks, and meet it in between. */
static void glitch(unsigned char *at, size_t off, const uint32_t tids[3], uint64_t *seed)
{
    uint64_t old;

    off -= off % 8;
    memcpy(&old, at + off, 8);
    write_word(at, off, t_random(seed) % 2, tids, seed);
    for (unsigned i = t_random(seed) % 500; i > 0; i--)
        __asm__ volatile("" ::: "memory");
    memcpy(at + off, &old, 8);
}

static void write_byte(unsigned char *at, size_t len, uint64_t *seed)
{
    ((volatile unsigned char *)at)[t_random(seed) % len] = (unsigned char)t_random(seed);
}

void scribble_round(unsigned char *at, size_t len, const uint32_t tids[3], uint64_t *seed,
                    const volatile bool *stop)
{
    unsigned style = t_random(seed) % 8;
    size_t one = t_random(seed) % CONTROL, control = len < 2 * CONTROL ? len : 2 * CONTROL;
    bool wide = t_random(seed) % 2;

    for (int i = 0; i < N_WRITES && !*stop; i++) {
        switch (style) {
        case 0: /* everywhere, bytes */
            write_byte(at, len, seed);
            break;
        case 1: /* everywhere, words */
            write_word(at, t_random(seed) % (len - 8), t_random(seed) % 2, tids, seed);
            break;
        case 2: /* the control words */
            write_word(at, t_random(seed) % (CONTROL - 8), t_random(seed) % 2, tids, seed);
            break;
        case 3: /* one word, hammered: what was checked changes before it is used */
            write_word(at, one, wide, tids, seed);
            break;
        case 4: /* the start of the data, if there are any: packet headers */
            write_word(at, control > CONTROL ? CONTROL + t_random(seed) % (control - CONTROL) : one,
                       false, tids, seed);
            break;
        case 5: /* glitches everywhere among the control words, and in one */
        case 6:
            glitch(at, (style == 5 ? t_random(seed) : one) % (CONTROL - 8), tids, seed);
            if (i % 64 == 0)
                t_sleep_ns(20000);
            break;
        default: /* seldom, so that the others get far before they meet it */
            write_word(at, t_random(seed) % (CONTROL - 8), t_random(seed) % 2, tids, seed);
            t_sleep_ns(300000);
            i += 100;
            break;
        }
    }
}
