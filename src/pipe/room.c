/* SPDX-License-Identifier: MIT */
/* pipe/room.c - the pipe's invariants, and its entry in the list of rooms */
#include <stdio.h>

#include "pipe/pipe_internal.h"
#include "prim/room.h"

int h7_pipe_check(const struct hepta_pipe *p, char *why, size_t n)
{
    if (h7_segment_check(&p->seg, H7_KIND_PIPE) < 0) {
        snprintf(why, n, "segment: the header was changed");
        return -EBADMSG;
    }
    return h7_conduit_check(&p->flow, why, n);
}

static int check(const void *handle, char *why, size_t n)
{
    return h7_pipe_check(handle, why, n);
}

const struct h7_room h7_room_pipe = {
    .name = "pipe",
    .label = "hepta-pipe",
    .kind = H7_KIND_PIPE,
    .control_len = sizeof(struct h7_conduit_shared),
    .check = check,
};
