/* SPDX-License-Identifier: MIT */
/*
 * pipe_room.h - the pipe as flow.h wants it described
 */
#ifndef HEPTA_TESTS_PIPE_ROOM_H
#define HEPTA_TESTS_PIPE_ROOM_H

#include "flow.h"

/* flow_case.flags are HEPTA_PIPE_*. */
extern const struct flow_room pipe_room;

#endif
