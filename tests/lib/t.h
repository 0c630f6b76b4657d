/* SPDX-License-Identifier: MIT */
/*
 * t.h - what the crash, fault and hostile tests share: children that die with their
 * parent, time limits, and counting of what a process holds
 *
 * A test must never hang and never leave a process behind, also when it fails: each
 * program calls t_limit() first and makes children only with t_fork(). Leaks are found
 * by taking t_usage() before and after.
 */
#ifndef HEPTA_TESTS_T_H
#define HEPTA_TESTS_T_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define T_MS 1000000LL
#define T_COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* What a process holds and could leak. */
struct t_usage {
    int n_fds;
    int n_maps; /* lines of /proc/self/maps, the heap left out */
    int n_children;
};

int64_t t_now_ns(void);
void t_sleep_ns(int64_t ns);

/* Kills the whole process (and so, by their death signal, its children) after @seconds. */
void t_limit(unsigned seconds);

/* Prints and exits with status 1. */
_Noreturn void t_die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* fork() whose child gets SIGKILL when the parent ends. Dies on failure. */
pid_t t_fork(void);

/* Waits at most @ms for child @pid, then kills it. Its wait status, or -ETIMEDOUT. */
int t_reap(pid_t pid, int ms);

/* Kills and reaps child @pid; fine when it has ended by itself. */
void t_kill(pid_t pid);

/* The letter of /proc/PID/stat ('R', 'S', 't', 'T', 'Z' ...), 0 if there is no such process. */
char t_state(pid_t pid);

/* Waits at most @ms until @pid sleeps in the kernel: seen twice in a row, a little apart. */
bool t_asleep(pid_t pid, int ms);

/* Binds this process to one processor; returns its number, or -1 if that isn't allowed. */
int t_pin(void);

/* Zeroed memory that children share; dies on failure. */
void *t_shared(size_t len);

struct t_usage t_usage(void);

/* Whether both are equal; if not, says on stderr what @what has too many of. */
bool t_usage_same(const char *what, struct t_usage before, struct t_usage after);

/* xorshift64*: repeatable random numbers; *@seed must not be 0. */
uint64_t t_random(uint64_t *seed);

/* Seed from the environment variable HEPTA_SEED or the clock; printed by the caller. */
uint64_t t_seed(void);

/* Sorts @v and returns the value below which @percent of it lie. */
int64_t t_percentile(int64_t *v, size_t n, int percent);

#endif
