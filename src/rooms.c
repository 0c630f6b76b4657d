/* SPDX-License-Identifier: MIT */
/* rooms.c - the list of rooms: the one place that knows them all */
#include "prim/room.h"

extern const struct h7_room h7_room_pipe, h7_room_fifo, h7_room_sock, h7_room_mq, h7_room_msg,
    h7_room_sem, h7_room_permit, h7_room_semset, h7_room_shm, h7_room_mailbox;

const struct h7_room *const h7_rooms[] = {
    &h7_room_pipe, &h7_room_fifo,   &h7_room_sock,   &h7_room_mq,  &h7_room_msg,
    &h7_room_sem,  &h7_room_permit, &h7_room_semset, &h7_room_shm, &h7_room_mailbox,
    NULL,
};
