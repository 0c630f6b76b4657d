/* SPDX-License-Identifier: MIT */
/*
 * queue/sysv_internal.h - System V queues inside the library
 *
 * A queue is a store (queue/store.h) whose keys are the message types, found by an id or a key as
 * all of System V (sysv/sysv.h: names, memory, who dies where). Its own are limits, times and
 * pids. Reading order: this; sysv.c (send, receive, fd); sysv_family.c (what sysv/ asks of it);
 * sysv_ids.c (get: limits, making); sysv_ctl.c (msgctl); sysv_room.c.
 *
 * Shared layout, struct h7_msg_shared, in the store's room:
 *   field            written under  by                    meaning
 *   common           P C            sysv/sysv.h           `removed` is the store's
 *   qbytes_max       -              maker                 the most that msg_qbytes can be
 *   lspid, stime     P              senders               the last of them
 *   lrpid, rtime     C              receivers             the last of them
 */
#ifndef H7_QUEUE_SYSV_INTERNAL_H
#define H7_QUEUE_SYSV_INTERNAL_H

#include <hepta/msg.h>

#include "prim/life.h"
#include "queue/store.h"
#include "sysv/sysv.h"

struct h7_msg_shared {
    struct h7_sysv_shared common;
    struct h7_a64 qbytes_max;
    struct h7_a64 stime __attribute__((aligned(H7_APART)));
    struct h7_a32 lspid;
    struct h7_a64 rtime __attribute__((aligned(H7_APART)));
    struct h7_a32 lrpid;
};

_Static_assert(sizeof(struct h7_msg_shared) <= H7_STORE_ROOM, "it lies in the store's room");

/* An entry of the table. */
struct h7_msg {
    struct h7_sysv_entry entry; /* first */
    struct h7_store st;
};

extern const struct h7_sysv_family h7_msg_family;
extern struct h7_sysv_table h7_msg_table;

static inline struct h7_msg_shared *h7_msg_room(const struct h7_store *st)
{
    return h7_store_room(st);
}

static inline struct h7_msg *h7_msg_of(struct h7_sysv_entry *e)
{
    return (struct h7_msg *)e;
}

/* As h7_sysv_enter(): 0, and h7_msg_leave() has to follow. */
static inline int h7_msg_enter(int id, struct h7_msg **m)
{
    struct h7_sysv_entry *e = NULL;
    int r = h7_sysv_enter(&h7_msg_table, id, &e);
    *m = h7_msg_of(e);
    return r;
}

static inline void h7_msg_leave(struct h7_msg *m)
{
    h7_sysv_leave(&h7_msg_table, &m->entry);
}

/* With a verb's result. */
static inline ssize_t h7_msg_leave_with(struct h7_msg *m, ssize_t r)
{
    return h7_sysv_leave_with(&h7_msg_table, &m->entry, r);
}

/* --- sysv_ids.c --- */

/* The options, with the environment's and the defaults put in. 0, -EINVAL, -E2BIG. */
int h7_msg_options(struct hepta_msg_options *o, const struct hepta_msg_options *opt);
/* The parts of a queue with these options. */
int h7_msg_make(int dir, const struct h7_sysv_shared *common, const void *options);

/* --- sysv_room.c --- */

int h7_msg_check(const struct h7_msg *m, char *why, size_t n);

#endif
