/* SPDX-License-Identifier: MIT */
/*
 * main.c - the list of rooms
 *
 * `conformance` runs everything; `--case 'pipe.eof.*' --backend kernel` a part of it;
 * `--list` prints each case with the difference it is about.
 */
#include "frame.h"
#include "inet_room.h"
#include "pipe_room.h"

int main(int argc, char **argv)
{
    const struct conf_room *const rooms[] = {&pipe_room, &inet_room, NULL};

    return conf_main(rooms, argc, argv);
}
