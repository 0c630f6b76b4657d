/* SPDX-License-Identifier: MIT */
/*
 * sock_memory_fault.h - between sock_memory_fault.c (the world of an operation: listener,
 * two ends) and sock_memory_ops.c (the operations)
 */
#ifndef HEPTA_TESTS_SOCK_MEMORY_FAULT_H
#define HEPTA_TESTS_SOCK_MEMORY_FAULT_H

#include "inject.h"

#include <hepta/sock.h>

struct kind {
    const char *name;
    uint32_t type, flags;
};

/* An operation; with records not all make sense. */
struct sock_op {
    struct inject_op op;
    bool no_records;
};

extern const struct sock_op sock_ops[];
extern const size_t n_sock_ops;

extern const struct kind *kind;      /* of the attempts that run now */
extern char address[64];             /* by path */
extern struct hepta_sock *l, *c, *a; /* listener, connecting end, accepted end */
extern pid_t other;                  /* a child that sleeps in a verb, or 0 */
extern char buf[65536];

struct hepta_sock_options options(void);

void have_listener(void);
void have_pending(void); /* listener, and c that has connected */
void have_ends(void);
void have_full(void);    /* c has sent all it can */
void have_bytes(void);   /* c has sent one message */
void leave(void);

/* Both ends carry bytes both ways, after what was there has been taken out. */
bool works(void);

#endif
