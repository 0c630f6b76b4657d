/* SPDX-License-Identifier: MIT */
/* bench/histogram.c - see histogram.h */
#include "bench/histogram.h"

#include <string.h>

void histogram_clear(struct histogram *h)
{
    memset(h, 0, sizeof(*h));
}

/* The middle of a bucket: the value that is wrong by the least. */
static double middle(unsigned index)
{
    if (index < 2 * HISTOGRAM_SUB)
        return index;
    unsigned shift = (index >> HISTOGRAM_SUB_BITS) - 1;
    uint64_t low = (uint64_t)(HISTOGRAM_SUB + (index & (HISTOGRAM_SUB - 1))) << shift;
    return (double)low + (double)(1ull << shift) / 2;
}

double histogram_percentile(const struct histogram *h, double part)
{
    uint64_t rank = (uint64_t)(part * (double)h->n + 0.5);
    uint64_t seen = 0;

    if (h->n == 0)
        return 0;
    if (rank == 0)
        rank = 1;
    for (unsigned i = 0; i < HISTOGRAM_OCTAVES * HISTOGRAM_SUB; i++) {
        seen += h->counts[i];
        if (seen >= rank)
            return middle(i);
    }
    return middle(HISTOGRAM_OCTAVES * HISTOGRAM_SUB - 1);
}
