/* SPDX-License-Identifier: MIT */
/* channel/nearest.c - what somebody most likely meant who mistyped a word */
#include <string.h>

#include "channel/address.h"

#define WORD_MAX 32

static unsigned least(unsigned a, unsigned b, unsigned c)
{
    unsigned m = a < b ? a : b;
    return m < c ? m : c;
}

/* How many letters have to be changed, added or taken out, or pairs of neighbours swapped. Three
 * rows of the usual table: the one that is made, and the two before. */
static unsigned distance(const char *a, size_t n_a, const char *b, size_t n_b)
{
    unsigned rows[3][WORD_MAX + 1];
    unsigned *now = rows[0], *last = rows[1], *before = rows[2];

    for (unsigned j = 0; j <= n_b; j++)
        now[j] = j;
    for (unsigned i = 1; i <= n_a; i++) {
        unsigned *made = before;
        before = last;
        last = now;
        now = made;
        now[0] = i;
        for (unsigned j = 1; j <= n_b; j++) {
            now[j] = least(last[j] + 1, now[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = least(now[j], now[j], before[j - 2] + 1);
        }
    }
    return now[n_b];
}

const char *h7_nearest(const char *text, size_t len, const char *const *words)
{
    const char *best = NULL, *begun = NULL; /* the one that begins like it, with the least beyond */
    unsigned best_distance = 3;
    size_t least_beyond = WORD_MAX + 1;

    if (len == 0 || len > WORD_MAX)
        return NULL;
    for (; *words; words++) {
        size_t n = strlen(*words);
        if (n > WORD_MAX)
            continue;
        size_t less = n < len ? n : len;
        if (less >= 3 && !memcmp(text, *words, less)) { /* one begins with the other */
            size_t beyond = n + len - 2 * less;
            begun = beyond < least_beyond ? *words : begun;
            least_beyond = beyond < least_beyond ? beyond : least_beyond;
        }
        unsigned d = distance(text, len, *words, n);
        /* A short word has to share something with what was written. */
        if (d < best_distance && d < n && d < len) {
            best = *words;
            best_distance = d;
        }
    }
    return begun ? begun : best;
}
