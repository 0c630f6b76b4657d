/* SPDX-License-Identifier: MIT */
/*
 * cli/scan_memory.c - Hepta's objects without a name: memory that processes have mapped
 *
 * A pipe, each direction of a connection, and an anonymous segment are memfds with a label. What is
 * in the first two is read out of a process that has them. A pipe's bells are pipes of the
 * kernel's, which its memory names: they are part of it, and aren't listed for themselves.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/scan_proc.h"
#include "cli/scan_read.h"
#include "memory/memory_internal.h"
#include "prim/conduit.h"
#include "prim/room.h"

/* Whichever was seen first. */
static void take_bell(struct scan *s, struct object *o, uint64_t ino)
{
    struct object *pipe = scan_find(s, KEY_PIPE, 0, ino);
    if (ino == 0 || pipe == o)
        return;
    if (pipe && pipe->kernel) {
        for (size_t i = 0; i < pipe->n_used; i++)
            object_user(o, pipe->users[i].pid, pipe->users[i].tid, pipe->users[i].how)->call =
                pipe->users[i].call;
        pipe->hidden = true;
    }
    scan_key(s, KEY_PIPE, 0, ino, o);
}

static void look(struct scan *s, struct object *o, struct process *p, const struct region *g)
{
    struct view v;
    bool pipe = !strcmp(o->kind, "pipe");
    if (!view_process(s, o, &v, p->pid, g->start, pipe ? H7_KIND_PIPE : H7_KIND_SOCK,
                      sizeof(struct h7_conduit_shared)))
        return;
    const struct h7_conduit_shared *c = (const void *)(v.bytes + H7_SEGMENT_CONTROL);
    read_conduit(s, o, &v);
    if (o->at_pid == p->pid)
        o->at_head = g->start;
    if (o->at_pid == p->pid && g->end - g->start > v.head.data_off)
        o->at_data = g->start + v.head.data_off;
    for (int side = 0; side < 2 && pipe; side++) {
        o->bells[side] = h7_load64_relaxed(&c->bell_ino[side]);
        take_bell(s, o, o->bells[side]);
    }
}

/* The room whose label it is; its name is the kind's. */
static const struct h7_room *room_of(const char *label)
{
    for (int i = 0; h7_rooms[i]; i++) {
        size_t len = h7_rooms[i]->label ? strlen(h7_rooms[i]->label) : 0;
        if (len && !strncmp(label, h7_rooms[i]->label, len) &&
            (label[len] == ' ' || label[len] == '.' || !label[len]))
            return h7_rooms[i];
    }
    return NULL;
}

static struct object *add(struct scan *s, const struct h7_room *room, const struct region *g,
                          const char *label)
{
    bool sock = room->kind == H7_KIND_SOCK;
    struct object *o = scan_add(s, sock ? "unix" : room->name, false, "memory:%llu",
                                (unsigned long long)g->ino);
    const char *dot = strchr(label, '.');
    o->ino = g->ino;
    scan_key(s, KEY_FILE, g->dev, g->ino, o);
    if (room->kind == H7_KIND_SHM) {
        o->size = 0;
        if (dot)
            object_fact(s, o, "maker", "process %lu", strtoul(dot + 1, NULL, 16));
    }
    if (sock)
        object_fact(s, o, "connection", "one direction of it");
    return o;
}

struct object *memory_found(struct scan *s, struct object *o, struct process *p,
                            const struct region *g, const char *label)
{
    struct stat st;
    char path[64];
    const struct h7_room *room = room_of(label);
    if (!room)
        return NULL;
    if (!o) {
        o = add(s, room, g, label);
        o->at_pid = p->pid;
    }
    if (o->uid == UNKNOWN) {
        snprintf(path, sizeof path, "/proc/%d", (int)p->pid);
        if (stat(path, &st) == 0)
            o->uid = st.st_uid;
    }
    if (room->kind == H7_KIND_SHM) {
        int64_t end = (int64_t)(g->off + (g->end - g->start));
        o->size = end > o->size ? end : o->size;
    } else if (g->off == 0 && o->depth == UNKNOWN && o->state == OBJECT_OK) {
        look(s, o, p, g);
    } else if (o->at_pid == p->pid && !o->at_data && g->off > 0) {
        o->at_data = g->start; /* mapped apart, perhaps twice */
    }
    return o;
}
