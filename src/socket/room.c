/* SPDX-License-Identifier: MIT */
/* socket/room.c - the socket's invariants, and its entry in the list of rooms */
#include "prim/room.h"
#include "prim/segment.h"
#include "socket/memory.h"
#include "socket/socket_internal.h"

/* The kernel's own sockets keep theirs themselves. */
static int check(const void *handle, char *why, size_t n)
{
    const struct hepta_sock *s = handle;
    return s->memory ? h7_memory_check(s, why, n) : 0;
}

const struct h7_room h7_room_sock = {
    .name = "sock",
    .label = H7_SOCK_LABEL,
    .kind = H7_KIND_SOCK,
    .check = check,
};
