/* SPDX-License-Identifier: MIT */
/*
 * records.h - a stream made of 64-byte records that can be told apart, and the check
 * that nothing of it was lost, doubled, torn or reordered
 *
 * Each record has a class (who wrote it) and a number, and all its bytes follow from
 * these. Whoever reads adds what it got to a ledger; at the end the ledger says which
 * records arrived.
 */
#ifndef HEPTA_TESTS_RECORDS_H
#define HEPTA_TESTS_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REC 64 /* bytes of a record */
#define REC_MAX 2048 /* numbers that a ledger knows */

enum rec_class { REC_BEFORE, REC_VICTIM, REC_MATE, REC_STAGE, REC_CLASSES };

struct ledger {
    uint16_t n_seen[REC_CLASSES];
    bool seen[REC_CLASSES][REC_MAX];
    bool victim_whole; /* the victim's records came in one atomic write */
    int last_class, last_number; /* within one reader's stream */
    char wrong[160];             /* "" or what was wrong first */
};

/* Fills @len bytes (a multiple of REC) with records @first, @first + 1 ... */
void rec_fill(void *buf, size_t len, enum rec_class class, unsigned first);

/* A reader of whom nothing was added before: the order starts anew. */
void ledger_reader(struct ledger *l);

/* Adds what one read returned. */
void ledger_add(struct ledger *l, const void *buf, size_t len);

/* How many records of @class arrived from number 0 on without a gap, -1 if others did, too. */
int ledger_prefix(const struct ledger *l, enum rec_class class);

/* Number of the first record of @class that arrived; -1 if those after it up to @n didn't. */
int ledger_suffix(const struct ledger *l, enum rec_class class, int n);

#endif
