/* SPDX-License-Identifier: MIT */
/* own_ipc.c - see own_ipc.h */
#define _GNU_SOURCE
#include "own_ipc.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define N_KEYS 4096

static int first_key(void)
{
    const char *text = getenv("OWN_IPC_KEY");
    return text ? atoi(text) : 0;
}

/* Rooms follow one another: once is enough. */
void own_ipc_begin(void)
{
    char text[24];
    if (getenv("OWN_IPC_KEY"))
        return;
    snprintf(text, sizeof(text), "%d", 0x49000000 + (getpid() & 0x7fff) * N_KEYS);
    setenv("OWN_IPC_KEY", text, 1);
    if (unshare(CLONE_NEWIPC) == 0)
        setenv("OWN_IPC_ALONE", "1", 1);
}

key_t own_ipc_key(void)
{
    static int n;
    return first_key() + (getpid() * 17 + n++) % N_KEYS;
}

bool own_ipc_alone(void)
{
    return getenv("OWN_IPC_ALONE") != NULL;
}

bool own_ipc_is(key_t key)
{
    return own_ipc_alone() || (key >= first_key() && key < first_key() + N_KEYS);
}
