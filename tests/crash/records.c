/* SPDX-License-Identifier: MIT */
/*
 * records.c - see records.h
 */
#define _GNU_SOURCE
#include "records.h"

#include <stdio.h>
#include <string.h>

static void make(unsigned char rec[REC], unsigned class, unsigned number)
{
    rec[0] = 0xa0 + (unsigned char)class;
    rec[1] = (unsigned char)number;
    rec[2] = (unsigned char)(number >> 8);
    for (unsigned i = 3; i < REC; i++)
        rec[i] = (unsigned char)(class * 67 + number * 13 + i * 7);
}

void rec_fill(void *buf, size_t len, enum rec_class class, unsigned first)
{
    for (size_t off = 0; off < len; off += REC)
        make((unsigned char *)buf + off, class, first + (unsigned)(off / REC));
}

void ledger_reader(struct ledger *l)
{
    l->last_class = l->last_number = -1;
}

static void wrong(struct ledger *l, const char *what, unsigned class, unsigned number)
{
    if (!l->wrong[0])
        snprintf(l->wrong, sizeof(l->wrong), "%s: class %u, record %u", what, class, number);
}

static void add_one(struct ledger *l, const unsigned char *rec)
{
    unsigned class = rec[0] - 0xa0U, number = rec[1] + 256U * rec[2];
    unsigned char right[REC];

    make(right, class, number);
    if (class >= REC_CLASSES || number >= REC_MAX || memcmp(rec, right, REC) != 0) {
        wrong(l, "torn record", class, number);
        return;
    }
    if (l->seen[class][number])
        wrong(l, "record twice", class, number);
    if (l->last_class == (int)class && (int)number <= l->last_number)
        wrong(l, "record out of order", class, number);
    if (class == REC_BEFORE && l->last_class > REC_BEFORE)
        wrong(l, "an older record after a newer one", class, number);
    if (class == REC_VICTIM && l->victim_whole && number > 0 && l->last_class >= 0 &&
        !(l->last_class == REC_VICTIM && l->last_number == (int)number - 1))
        wrong(l, "an atomic write was mixed with others", class, number);
    l->seen[class][number] = true;
    l->n_seen[class]++;
    l->last_class = (int)class;
    l->last_number = (int)number;
}

void ledger_add(struct ledger *l, const void *buf, size_t len)
{
    if (len % REC)
        wrong(l, "half a record", 0, (unsigned)len);
    for (size_t off = 0; off + REC <= len; off += REC)
        add_one(l, (const unsigned char *)buf + off);
}

int ledger_prefix(const struct ledger *l, enum rec_class class)
{
    int n = 0;

    while (n < REC_MAX && l->seen[class][n])
        n++;
    return n == l->n_seen[class] ? n : -1;
}

int ledger_suffix(const struct ledger *l, enum rec_class class, int n)
{
    int first = 0;

    while (first < n && !l->seen[class][first])
        first++;
    return n - first == l->n_seen[class] ? first : -1;
}
