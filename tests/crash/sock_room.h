/* SPDX-License-Identifier: MIT */
/*
 * sock_room.h - one direction of a connection in memory as flow.h wants it described
 */
#ifndef HEPTA_TESTS_SOCK_ROOM_H
#define HEPTA_TESTS_SOCK_ROOM_H

#include "flow.h"

#include <hepta/sock.h>

/* flow_case.flags is the type. The write end is one end of a pair, the read end the other. */
extern const struct flow_room sock_room;

/* The invariants of both directions. 0, or -EBADMSG and why. */
int sock_check(void *end, char *why, size_t n);

/* What the library makes once per process mustn't look like a leak. */
void sock_warm_up(void);

#endif
