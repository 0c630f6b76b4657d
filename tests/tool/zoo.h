/* SPDX-License-Identifier: MIT */
/* tests/tool/zoo.h - objects in every state, and what `hepta ls` has to say of them; see zoo.c */
#ifndef HEPTA_TESTS_ZOO_H
#define HEPTA_TESTS_ZOO_H

#include <hepta/hepta.h>

#include "../lib/t.h"

#define ANY (-1)

/* One line of what is expected. */
void zoo_expect(const char *state, int depth, int waiters, int procs, const char *form, ...)
    __attribute__((format(printf, 5, 6)));
/* Dies with what failed if @r is negative (or a libc call's -1). */
int zoo_must(int r, const char *what);
/* A child that runs fn(arg), and then sleeps until the zoo closes. */
pid_t zoo_child(void (*fn)(void *arg), void *arg);
/* The same, killed when fn has returned: what it held is a dead process's. */
void zoo_victim(void (*fn)(void *arg), void *arg);
/* A child that will be asleep inside fn. */
pid_t zoo_waiter(void (*fn)(void *arg), void *arg);
/* A file or name of the kernel's that is removed at the end. */
void zoo_remove(const char *form, ...) __attribute__((format(printf, 1, 2)));

/* Made by others; then what this process has itself, which no child inherits. */
void zoo_hepta_others(void);
void zoo_hepta_own(void);
void zoo_kernel_others(void);
void zoo_kernel_own(void);

/* Instead: ten thousand, all of them unused or this process's. */
void zoo_many(void);

extern char zoo_dir[64];  /* HEPTA_DIR, and whatever else */
extern unsigned zoo_mark; /* a number for names outside of it */
extern int zoo_private;   /* 1: System V's and POSIX queues are in a namespace of their own */

#endif
