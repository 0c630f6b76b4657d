/* SPDX-License-Identifier: MIT */
/* cli/scan_queue.c - queues and sets in shared memory; see scan_read.h */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/scan_part.h"
#include "queue/posix_internal.h"
#include "queue/sysv_internal.h"
#include "semaphore/set_internal.h"

#define SLOTS_AT_ONCE 512

/* --- queues ----------------------------------------------------------------------------- */

/* Leased, reserved: by whom? Slots are the first of the data. */
static void read_claims(struct object *o, const struct view *v, uint32_t n_slots)
{
    struct h7_slot *slots = malloc(SLOTS_AT_ONCE * sizeof *slots);
    uint64_t len = v->head.data_len / sizeof *slots;
    if (n_slots > len)
        n_slots = (uint32_t)len;
    for (uint32_t at = 0; slots && at < n_slots;) {
        uint32_t n = n_slots - at < SLOTS_AT_ONCE ? n_slots - at : SLOTS_AT_ONCE;
        ssize_t got = v->read(v, slots, n * sizeof *slots, v->head.data_off + at * sizeof *slots);
        if (got < (ssize_t)(n * sizeof *slots))
            break;
        for (uint32_t i = 0; i < n; i++) {
            uint32_t state = h7_load32_relaxed(&slots[i].state);
            if (state == H7_SLOT_TAKEN || state == H7_SLOT_RESERVED)
                part_holder(o, v, h7_load32_relaxed(&slots[i].pid),
                            h7_load64_relaxed(&slots[i].mark), 0,
                            state == H7_SLOT_TAKEN ? "a leased message" : "a reserved place");
        }
        at += n;
    }
    free(slots);
}

static void store_facts(struct scan *s, struct object *o, const struct h7_store_shared *sh)
{
    uint64_t sent = h7_head_count(h7_load64_relaxed(&sh->head));
    uint64_t bytes = h7_load64_relaxed(&sh->side[H7_P].bytes) -
                     h7_load64_relaxed(&sh->side[H7_C].bytes);
    object_fact(s, o, "largest message", "%u bytes", sh->plan.msg_max);
    object_fact(s, o, "bytes in it", "%llu", (unsigned long long)bytes);
    object_fact(s, o, "leased", "%u", h7_load32_relaxed(&sh->side[H7_C].claims));
    object_fact(s, o, "reserved", "%u", h7_load32_relaxed(&sh->side[H7_P].claims));
    object_fact(s, o, "messages so far", "%llu sent, %llu received, %llu returned",
                (unsigned long long)sent,
                (unsigned long long)h7_load64_relaxed(&sh->side[H7_C].gone),
                (unsigned long long)h7_load64_relaxed(&sh->side[H7_C].returned));
    object_fact(s, o, "deaths", "%u inside a verb, mended",
                h7_load32_relaxed(&sh->side[H7_P].recoveries) +
                    h7_load32_relaxed(&sh->side[H7_C].recoveries));
}

static void read_msg(struct scan *s, struct object *o, const struct h7_store_shared *sh)
{
    const struct h7_msg_shared *m = (const void *)sh->room;
    uint64_t most = h7_load64_relaxed(&sh->qbytes);
    part_sysv(s, o, &m->common);
    if (most != UINT64_MAX)
        object_fact(s, o, "most bytes", "%llu", (unsigned long long)most);
    object_fact(s, o, "last sender", "process %u", h7_load32_relaxed(&m->lspid));
    object_fact(s, o, "last receiver", "process %u", h7_load32_relaxed(&m->lrpid));
    object_time(s, o, "sent", (int64_t)h7_load64_relaxed(&m->stime));
    object_time(s, o, "received", (int64_t)h7_load64_relaxed(&m->rtime));
}

static void read_notify(struct scan *s, struct object *o, const struct view *v,
                        const struct h7_store_shared *sh)
{
    const struct h7_mq_shared *m = (const void *)sh->room;
    uint32_t pid = h7_load32_relaxed(&m->pid);
    const struct h7_life life = {.pid = pid, .mark = h7_load64_relaxed(&m->mark)};
    if (!h7_load32_relaxed(&m->registered))
        return;
    bool dead = v->same_pids && pid && pid <= INT32_MAX && !h7_life_alive(&life);
    object_fact(s, o, "notifies", "process %u%s", pid, dead ? " (dead)" : "");
}

void read_store(struct scan *s, struct object *o, const struct view *v)
{
    const struct h7_store_shared *sh = (const void *)(v->bytes + H7_SEGMENT_CONTROL);
    uint64_t sent = h7_head_count(h7_load64_relaxed(&sh->head));
    uint64_t gone = h7_load64_relaxed(&sh->side[H7_C].gone);
    uint32_t taken = h7_load32_relaxed(&sh->side[H7_C].claims);
    uint32_t reserved = h7_load32_relaxed(&sh->side[H7_P].claims);
    int64_t n = (int64_t)(sent - gone);
    o->size = sh->plan.n_slots;
    if (n < 0 || n > o->size)
        object_is(o, OBJECT_CORRUPT, "%lld messages, of at most %lld", (long long)n,
                  (long long)o->size);
    else
        o->depth = n > taken ? n - taken : 0;
    o->keeps_data = n != 0;
    if (h7_load32_relaxed(&sh->dirty))
        object_is(o, OBJECT_DEAD, "a process died inside a verb; the next one mends it");
    part_lock(s, o, v, &sh->side[H7_P].lock, "senders'");
    part_lock(s, o, v, &sh->side[H7_C].lock, "receivers'");
    store_facts(s, o, sh);
    part_sleepers(s, o, v, &sh->sleepers[H7_P], "receive", false);
    part_sleepers(s, o, v, &sh->sleepers[H7_C], "send", false);
    if (v->head.kind == H7_KIND_MSG)
        read_msg(s, o, sh);
    else if (v->head.kind == H7_KIND_MQ)
        read_notify(s, o, v, sh);
    if (h7_load32_relaxed(&sh->removed))
        object_is(o, OBJECT_STALE, "it was removed, but its remover died before its names went");
    if (taken || reserved)
        read_claims(o, v, sh->plan.n_slots);
}

/* --- sets ------------------------------------------------------------------------------- */

/* Whom places are of, or undo. */
static void read_rows(struct object *o, const struct view *v, const struct h7_set_plan *plan,
                      uint32_t high)
{
    uint64_t row_len, at = h7_set_rows_at(plan, &row_len);
    struct h7_set_row row;
    for (uint32_t i = 0; at && i < high && i < plan->rows_max; i++) {
        if (v->read(v, &row, sizeof row, v->head.data_off + at + i * row_len) !=
            (ssize_t)sizeof row)
            return;
        if (h7_load32_relaxed(&row.pid) && h7_load32_relaxed(&row.nonzero))
            part_holder(o, v, h7_load32_relaxed(&row.pid), h7_load64_relaxed(&row.mark),
                        plan->flags & H7_SET_HELD ? (int64_t)h7_load64_relaxed(&row.since) : 0,
                        plan->flags & H7_SET_HELD ? "a place" : "something to be undone");
    }
}

static void read_values(struct scan *s, struct object *o, const struct view *v, uint32_t n)
{
    char text[400] = "";
    size_t len = 0;
    struct h7_set_sem sem;
    for (uint32_t i = 0; s->details && i < n && len < sizeof text - 40; i++) {
        uint64_t at = v->head.data_off + offsetof(struct h7_set_hot, sem) + i * sizeof sem;
        if (v->read(v, &sem, sizeof sem, at) != (ssize_t)sizeof sem)
            break;
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%d", i ? " " : "",
                                (int)h7_load32_relaxed(&sem.value));
    }
    object_fact(s, o, "values", "%s", text);
}

void read_set(struct scan *s, struct object *o, const struct view *v)
{
    const struct h7_set_shared *sh = (const void *)(v->bytes + H7_SEGMENT_CONTROL);
    struct h7_set_hot hot;
    struct h7_set_sem first;
    const uint64_t at = v->head.data_off;
    uint64_t row_len;
    if (!h7_set_rows_at(&sh->plan, &row_len) ||
        v->read(v, &hot, sizeof hot, at) != (ssize_t)sizeof hot ||
        v->read(v, &first, sizeof first, at + sizeof hot) != (ssize_t)sizeof first) {
        object_is(o, OBJECT_CORRUPT, "its plan is none that can be");
        return;
    }
    int32_t value = (int32_t)h7_load32_relaxed(&first.value);
    uint32_t flags = h7_load32_relaxed(&hot.flags);
    bool permit = v->head.kind == H7_KIND_PERMIT;
    o->depth = permit || sh->plan.n == 1 ? value : UNKNOWN;
    o->size = permit ? sh->plan.begin : sh->plan.n;
    if (!h7_set_is_value(value))
        object_is(o, OBJECT_CORRUPT, "U1: a value of %d", value);
    if (flags & H7_SET_DIRTY)
        object_is(o, OBJECT_DEAD, "a process died inside a verb; the next one mends it");
    part_lock(s, o, v, &hot.lock, "all");
    part_sleepers(s, o, v, &sh->sleepers, permit ? "take" : "op", true);
    if (!permit) {
        part_sysv(s, o, (const void *)sh->room);
        object_time(s, o, "operated", (int64_t)h7_load64_relaxed(&hot.otime));
    }
    read_values(s, o, v, sh->plan.n);
    object_fact(s, o, "undone", "%llu, of dead processes",
                (unsigned long long)h7_load64_relaxed(&sh->undone));
    if (flags & H7_SET_REMOVED)
        object_is(o, OBJECT_STALE, "it was removed, but its remover died before its names went");
    if (h7_load32_relaxed(&hot.rows))
        read_rows(o, v, &sh->plan, h7_load32_relaxed(&sh->high));
}
