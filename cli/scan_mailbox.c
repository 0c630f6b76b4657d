/* SPDX-License-Identifier: MIT */
/* cli/scan_mailbox.c - what a mailbox's memory says, and whether it is in order; see scan_read.h */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/scan_part.h"
#include "signal/mailbox_internal.h"

/* Of the queued numbers: places that aren't free. One that is just being filled counts, too. */
static int64_t count_places(const struct view *v, uint32_t depth)
{
    struct h7_mailbox_slot *all = calloc(depth, sizeof *all);
    int64_t n = 0;
    if (all && v->read(v, all, depth * sizeof *all, v->head.data_off) ==
                   (ssize_t)(depth * sizeof *all))
        for (uint32_t i = 0; i < depth; i++)
            n += h7_load32_relaxed(&all[i].state) != 0;
    free(all);
    return n;
}

static void read_receiver(struct scan *s, struct object *o, const struct view *v,
                          const struct h7_mailbox_shared *m)
{
    uint32_t receiver = h7_load32_relaxed(&m->receiver), half = receiver >> 1 & 1;
    uint32_t pid = h7_load32_relaxed(&m->life[half].pid);
    const struct h7_life life = {.mark = h7_load64_relaxed(&m->life[half].mark), .pid = pid};
    if (!(receiver & 1))
        return;
    bool dead = v->same_pids && pid && pid <= INT32_MAX && !h7_life_alive(&life);
    object_fact(s, o, "receiver", "process %u%s", pid, dead ? " (dead)" : "");
    if (h7_load64_relaxed(&m->given))
        part_holder(o, v, pid, life.mark, 0, "a signal that was given");
}

void read_mailbox(struct scan *s, struct object *o, const struct view *v)
{
    static struct h7_mailbox_shared m;
    if (v->read(v, &m, sizeof m, H7_SEGMENT_CONTROL) != (ssize_t)sizeof m || m.depth == 0 ||
        m.depth > HEPTA_MAILBOX_DEPTH_MAX ||
        m.depth * sizeof(struct h7_mailbox_slot) > v->head.data_len) {
        object_is(o, OBJECT_CORRUPT, "its depth fits no mailbox");
        return;
    }
    o->size = m.depth;
    o->depth = count_places(v, m.depth);
    for (int i = 1; i < 32; i++)
        o->depth += h7_load64_relaxed(&m.who[i]) != 0;
    o->keeps_data = o->depth > 0;
    if (h7_load32_relaxed(&m.dirty))
        object_is(o, OBJECT_DEAD, "a process died inside a verb; the next one mends it");
    part_lock(s, o, v, &m.lock, "receiver's");
    read_receiver(s, o, v, &m);
    object_fact(s, o, "blocked", "%#llx", (unsigned long long)h7_load64_relaxed(&m.blocked));
    object_fact(s, o, "so far", "%llu received, %llu merged, %llu refused, %llu of dead receivers'",
                (unsigned long long)h7_load64_relaxed(&m.received),
                (unsigned long long)h7_load64_relaxed(&m.coalesced),
                (unsigned long long)h7_load64_relaxed(&m.refused),
                (unsigned long long)h7_load64_relaxed(&m.recovered));
}

struct h7_lock *mailbox_lock(struct h7_segment *seg)
{
    struct h7_mailbox_shared *m = h7_segment_control(seg);
    return &m->lock;
}

int mailbox_check(struct h7_segment *seg, char *why, size_t n)
{
    struct h7_mailbox_shared *m = h7_segment_control(seg);
    struct hepta_mailbox b = {.depth = m->depth, .shared = m,
                              .slots = (struct h7_mailbox_slot *)(void *)seg->data};
    if (b.depth == 0 || b.depth > HEPTA_MAILBOX_DEPTH_MAX ||
        b.depth * sizeof *b.slots > seg->data_len) {
        snprintf(why, n, "its depth fits no mailbox");
        return -EBADMSG;
    }
    return h7_mailbox_check(&b, why, n);
}
