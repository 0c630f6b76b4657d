/* SPDX-License-Identifier: MIT */
/*
 * main.c - the list of rooms
 *
 * `conformance` runs everything; `--case 'pipe.eof.*' --backend kernel` a part of it;
 * `--list` prints each case with the difference it is about.
 */
#include "frame.h"

/* Not by their headers, whose short forms have the same names. */
extern const struct conf_room pipe_room, fifo_room, unix_room, inet_room, mq_room, msg_room,
    sem_room, semset_room, shm_room, signal_room;

int main(int argc, char **argv)
{
    const struct conf_room *const rooms[] = {&pipe_room, &fifo_room,   &unix_room,
                                             &inet_room, &mq_room,     &msg_room,
                                             &sem_room,  &semset_room, &shm_room,
                                             &signal_room, NULL};

    return conf_main(rooms, argc, argv);
}
