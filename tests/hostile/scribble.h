/* SPDX-License-Identifier: MIT */
/*
 * scribble.h - what a room tells the scribbling harness (scribble.c) about itself, and what
 * it gets from it
 */
#ifndef HEPTA_TESTS_SCRIBBLE_H
#define HEPTA_TESTS_SCRIBBLE_H

#include "../lib/t.h"

#include <hepta/base.h>
#include <stdbool.h>
#include <stdint.h>

#define BUF_MAX 12000
#define ERRORS_MAX 24

/* A verb, and what its header allows for a result below zero. */
struct verb {
    const char *name;
    int errors[ERRORS_MAX]; /* positive; 0 ends them */
};

struct room {
    const char *name;
    const char *actors[2];
    const struct verb *verbs;
    void (*make)(void);      /* in the parent, before it forks: the object under attack */
    void (*begin)(int role); /* in an actor: what it doesn't need goes */
    void (*act)(int role);   /* one or a few verbs, each between begin_verb() and end_verb() */
    void (*end)(int role);   /* in an actor: close all it has */
    void (*scribble)(void);  /* in the attacker: some thousand writes */
    void (*drop)(void);      /* in the parent */
};

extern const struct room pipe_room, fifo_room, stream_room, seqpacket_room, mq_room, msg_room,
    permit_room, set_room, sem_room, shm_room, semset_room, shmid_room, mailbox_room;

uint64_t rnd(uint64_t below);
int64_t some_deadline(void);

/* Around each call: @deadline is what the verb was given, or 0 where it takes none. */
int64_t begin_verb(int verb);
void end_verb(int verb, int64_t start, int64_t deadline, int64_t result);

/* Scribble over a mapping with the values of values.h. */
void scribble_over(void *at, size_t len);
bool stopped(void);

#endif
