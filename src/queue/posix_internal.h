/* SPDX-License-Identifier: MIT */
/*
 * queue/posix_internal.h - a POSIX message queue: its handle, and what it keeps in the store
 *
 * The object is a directory "mq.NAME" (name/name.h): the store's parts (queue/store.h), and
 * `mode`, an empty file: that the kernel lets a process open it is the permission. Reading
 * order: posix_open.c, posix.c (verbs), notify.c.
 *
 * Shared layout, struct h7_mq_shared, in the store's room; under P and C:
 *   registered   1: a process wants to be told (mq_notify(3)); looked at under P
 *   pid, mark    which one (prim/life.h)
 *   number       names its private queue of the kernel's (notify.c)
 */
#ifndef H7_QUEUE_POSIX_INTERNAL_H
#define H7_QUEUE_POSIX_INTERNAL_H

#include <hepta/mq.h>

#include "base/handle.h"
#include "base/mutex.h"
#include "base/self.h"
#include "prim/endpoint.h"
#include "queue/store_internal.h"

#define H7_MQ_KIND "mq" /* of the name */
#define H7_MQ_PART_MODE "mode"

struct h7_mq_shared {
    struct h7_a32 registered;
    struct h7_a32 pid;
    struct h7_a64 mark;
    struct h7_a64 number;
};

struct hepta_mq {
    struct h7_handle handle;
    uint64_t pidns;      /* of the process that opened it */
    struct h7_a64 gen;   /* fork generation in which the handle was last found valid */
    uint32_t access;     /* HEPTA_MQ_READ | HEPTA_MQ_WRITE */
    struct h7_a32 flags; /* HEPTA_MQ_NONBLOCK */
    struct h7_mutex guard;   /* of what follows */
    struct h7_mq_copy *copies; /* of peeked messages that lie in pieces */
    int kernel_queue;          /* notify.c: descriptor, or -1 */
    uint64_t kernel_number;
    struct h7_store store;
};

int h7_mq_revalidate(struct hepta_mq *mq);

/* Is mq open, and for this access? 0: any. */
static inline int h7_mq_enter(struct hepta_mq *mq, uint32_t access)
{
    if (h7_unlikely(!mq))
        return -EINVAL;
    if (h7_unlikely(h7_load32_relaxed(&mq->handle.kind) != H7_KIND_MQ ||
                    (mq->access & access) != access))
        return -EBADF;
    if (h7_unlikely(h7_load64_relaxed(&mq->gen) != h7_fork_gen()))
        return h7_mq_revalidate(mq);
    return 0;
}

/* notify.c: of the store, when a message comes; for close: end this process's registration, or a
 * dead one's (not at home: in another PID namespace, only let the descriptor go). */
void h7_mq_tell(struct h7_store *st);
void h7_mq_end_notify(struct hepta_mq *mq, int at_home);
/* For unlink: what a dead one left, while it can still be found. */
void h7_mq_clean_notify(struct h7_store *st);
int h7_mq_notify_pid(const struct h7_store *st); /* the living registrant, or 0 */
/* posix.c */
void h7_mq_drop_copies(struct hepta_mq *mq);

#endif
