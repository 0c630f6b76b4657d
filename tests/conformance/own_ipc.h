/* SPDX-License-Identifier: MIT */
/*
 * own_ipc.h - System V objects that nobody else sees
 *
 * As root a room's runs have an IPC namespace of their own, which takes with it whatever is left;
 * without, a range of keys of their own.
 */
#ifndef CONFORMANCE_OWN_IPC_H
#define CONFORMANCE_OWN_IPC_H

#include <stdbool.h>
#include <sys/types.h>

/* Once in the frame, before the room's first run. */
void own_ipc_begin(void);
/* A key that no other object has. */
key_t own_ipc_key(void);
/* Whether an object with this key is ours. */
bool own_ipc_is(key_t key);
/* Nobody else's objects are there: what is listed is all ours. */
bool own_ipc_alone(void);

#endif
