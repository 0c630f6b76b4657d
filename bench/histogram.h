/* SPDX-License-Identifier: MIT */
/*
 * bench/histogram.h - counts of durations in buckets that grow with the value
 *
 * Log-linear: each power of two is split into 128 buckets, so a percentile is right to
 * within 0.8 % whether it is 50 ns or 50 ms. Fixed size and no pointers: it lives in
 * memory shared between the measured process and the coordinator.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_SUB_BITS 7
#define HISTOGRAM_SUB      (1u << HISTOGRAM_SUB_BITS)
#define HISTOGRAM_OCTAVES  36 /* up to 2^42: 25 minutes in ticks of 3 GHz */

struct histogram {
    uint64_t n;
    uint64_t counts[HISTOGRAM_OCTAVES * HISTOGRAM_SUB];
};

/* Below 2 * SUB the index is the value itself; above, octave and the next 7 bits. */
static inline unsigned histogram_index(uint64_t value)
{
    if (value < HISTOGRAM_SUB)
        return (unsigned)value;
    unsigned shift = (unsigned)(63 - __builtin_clzll(value)) - HISTOGRAM_SUB_BITS;
    unsigned index = ((shift + 1) << HISTOGRAM_SUB_BITS) + ((value >> shift) & (HISTOGRAM_SUB - 1));
    unsigned last = HISTOGRAM_OCTAVES * HISTOGRAM_SUB - 1;
    return index < last ? index : last;
}

static inline void histogram_add(struct histogram *h, uint64_t value)
{
    h->n++;
    h->counts[histogram_index(value)]++;
}

void histogram_clear(struct histogram *h);

/* The value that @part (0 to 1) of all values don't exceed; 0 if there are none. */
double histogram_percentile(const struct histogram *h, double part);

#endif
