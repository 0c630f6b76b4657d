/* SPDX-License-Identifier: MIT */
/* signal/mailbox_room.c - the mailbox's entry in the list of rooms */
#include "prim/room.h"

#include "signal/mailbox_internal.h"

static int check(const void *handle, char *why, size_t n)
{
    return h7_mailbox_check(handle, why, n);
}

const struct h7_room h7_room_mailbox = {
    .name = "mailbox",
    .kind = H7_KIND_MAILBOX,
    .control_len = sizeof(struct h7_mailbox_shared),
    .check = check,
};
