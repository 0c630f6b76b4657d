/* SPDX-License-Identifier: MIT */
/* fifo/room.c - the FIFO's invariants, and its entry in the list of rooms */
#include <stdio.h>

#include "fifo/fifo_internal.h"
#include "prim/room.h"

/* F5 */
static int check_bells(const struct hepta_fifo *f, const struct h7_conduit_shared *flow)
{
    return h7_endpoint_inode(f->d) == h7_load64_relaxed(&flow->bell_ino[H7_WRITER]) &&
                   h7_endpoint_inode(f->s) == h7_load64_relaxed(&flow->bell_ino[H7_READER])
               ? 0
               : -EBADMSG;
}

int h7_fifo_check(const struct hepta_fifo *f, char *why, size_t n)
{
    const struct h7_fifo_shared *sh = h7_segment_control(&f->seg);
    if (h7_segment_check(&f->seg, H7_KIND_FIFO) < 0) {
        snprintf(why, n, "segment: the header was changed");
        return -EBADMSG;
    }
    if (check_bells(f, &sh->flow) < 0) {
        snprintf(why, n, "bells: not those that the segment names");
        return -EBADMSG;
    }
    return h7_conduit_check(&f->flow[f->access & HEPTA_FIFO_READ ? H7_READER : H7_WRITER], why, n);
}

static int check(const void *handle, char *why, size_t n)
{
    const struct hepta_fifo *f = handle;
    return f->fd < 0 ? h7_fifo_check(f, why, n) : 0; /* the kernel's keeps its own */
}

const struct h7_room h7_room_fifo = {
    .name = "fifo",
    .kind = H7_KIND_FIFO,
    .control_len = sizeof(struct h7_fifo_shared),
    .check = check,
};
