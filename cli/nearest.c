/* SPDX-License-Identifier: MIT */
/* cli/nearest.c - see nearest.h */
#include "cli/nearest.h"

#include <string.h>

#define LONGEST 32

/* Letters to add, drop or change (Levenshtein), row by row. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[LONGEST + 1];
    size_t n = strnlen(b, LONGEST);
    for (unsigned j = 0; j <= n; j++)
        row[j] = j;
    for (unsigned i = 1; a[i - 1] && i <= LONGEST; i++) {
        unsigned corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            unsigned change = corner + (a[i - 1] != b[j - 1]);
            corner = row[j];
            unsigned least = row[j - 1] < row[j] ? row[j - 1] + 1 : row[j] + 1;
            row[j] = change < least ? change : least;
        }
    }
    return row[n];
}

const char *nearest(const char *word, const char *const *words)
{
    const char *best = words[0];
    for (; *words; words++)
        if (distance(word, *words) < distance(word, best))
            best = *words;
    return best;
}
