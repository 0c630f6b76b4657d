/* SPDX-License-Identifier: MIT */
/*
 * prim/room.h - what every room tells about itself
 *
 * One const descriptor at the end of each room registers it with listing, `hepta doctor`
 * and the tests. The data path never goes through it.
 */
#ifndef H7_PRIM_ROOM_H
#define H7_PRIM_ROOM_H

#include <stddef.h>
#include <stdint.h>

struct h7_room {
    const char *name;  /* "pipe" */
    const char *label; /* of its memfds in /proc/PID/maps; NULL if it has none */
    uint32_t kind;     /* enum h7_kind */
    size_t control_len;
    /* Invariants of an object of this room through a handle of it: 0, or -EBADMSG and
     * one line why. Call it while nobody is inside a verb. */
    int (*check)(const void *handle, char *why, size_t n);
};

/* All rooms, ended by NULL. */
extern const struct h7_room *const h7_rooms[];

#endif
