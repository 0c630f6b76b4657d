/* SPDX-License-Identifier: MIT */
/*
 * fifo_room.h - the FIFO as flow.h wants it described
 */
#ifndef HEPTA_TESTS_FIFO_ROOM_H
#define HEPTA_TESTS_FIFO_ROOM_H

#include "flow.h"

#include <hepta/fifo.h>

#define FIFO_NAME "/t"

/* flow_case.flags are HEPTA_FIFO_*. Needs scratch.h. */
extern const struct flow_room fifo_room;

/* What the library makes once per process mustn't look like a leak. */
void fifo_warm_up(void);

#endif
