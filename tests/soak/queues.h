/* SPDX-License-Identifier: MIT */
/*
 * queues.h - between queues.c (director, workers, checks) and queue_rooms.c
 */
#ifndef HEPTA_TESTS_QUEUES_H
#define HEPTA_TESTS_QUEUES_H

#include <hepta/base.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QS_MSGS 64  /* in the queue at most, short ones */
#define QS_MAX 256  /* bytes of the longest */
#define QS_PRIOS 4

/* A message begins with this; the bytes behind follow from it. */
struct soak_message {
    uint32_t producer, prio;
    uint64_t number; /* of the producer's */
};

/* How a consumer takes one. */
enum soak_way { QS_PLAIN, QS_LEASE, QS_PEEK };

/* A kind of queue; 0, a count or a negative errno. Of a way that it hasn't, the plain one. */
struct soak_room {
    int n_producers, n_consumers;
    int (*make)(void);
    int (*open)(unsigned worker); /* in a worker: a handle of its own */
    int (*put)(const struct soak_message *m, size_t len, bool in_place, int64_t deadline);
    /* Receives, has it booked, and only then lets a lease go. */
    int (*get)(enum soak_way way, unsigned worker, void *buf,
               void (*book)(const void *buf, size_t len, unsigned deliveries), int64_t deadline);
    int (*check)(char *why, size_t n);
    int (*remove)(void);
    bool leases;
};

extern const struct soak_room soak_mq, soak_msg;

/* The message's bytes behind its head, and whether they are right. */
void soak_fill(void *buf, const struct soak_message *m, size_t len);
bool soak_right(const void *buf, size_t len);

#endif
