/* SPDX-License-Identifier: MIT */
/*
 * hepta/base.h - what every Hepta header shares: deadlines, wait modes, errors
 *
 * The rules that hold for every verb of the library:
 *
 *   Result      0 or a count on success, a negative errno on failure; `errno` itself
 *               is never read and its value is unspecified after a call.
 *   Deadline    a verb that can wait takes an absolute CLOCK_MONOTONIC time in
 *               nanoseconds; HEPTA_NOW does not wait, HEPTA_FOREVER waits for ever.
 *   Handle      opaque, private to the process, valid in the child after fork().
 *               A handle that is closed, or belongs to another kind, is -EBADF.
 *   vfork       a vfork() child may call nothing but execve() and _exit() (POSIX);
 *               Hepta relies on that.
 */
#ifndef HEPTA_BASE_H
#define HEPTA_BASE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HEPTA_VERSION_MAJOR 0
#define HEPTA_VERSION_MINOR 1
#define HEPTA_VERSION_PATCH 0
#define HEPTA_VERSION "0.1.0"

/* Deadlines. Any other value is an absolute CLOCK_MONOTONIC time in ns; one that has
 * passed makes a verb that would wait return -ETIMEDOUT, HEPTA_NOW makes it -EAGAIN. */
#define HEPTA_NOW ((int64_t)0)
#define HEPTA_FOREVER ((int64_t)INT64_MAX)

/* Names of objects: "/jobs", a slash and 1 to so many bytes other than a slash. */
#define HEPTA_NAME_MAX 240

/**
 * enum hepta_wait - how a handle waits before it sleeps in the kernel
 * @HEPTA_WAIT_ADAPTIVE: spin for a learned time, at most some tens of microseconds
 *                       (`spin_ns`), then sleep; the default
 * @HEPTA_WAIT_BUSY:     never sleep; the other side's death is looked for every 2 ms
 * @HEPTA_WAIT_SLEEP:    spin a few microseconds at most, and only where it paid
 */
enum hepta_wait { HEPTA_WAIT_ADAPTIVE = 0, HEPTA_WAIT_BUSY = 1, HEPTA_WAIT_SLEEP = 2 };

/**
 * hepta_now_ns() - the clock of all deadlines
 *
 * Threads: any; async-signal-safe.
 * Return: CLOCK_MONOTONIC in nanoseconds (clock_gettime(2)).
 */
int64_t hepta_now_ns(void);

/**
 * hepta_in_ns() / hepta_in_us() / hepta_in_ms() - a deadline that far from now
 * @n: the distance in the unit of the name; 0 or less gives a deadline that has passed
 *
 * Saturates below HEPTA_FOREVER, never wraps. Threads: any; async-signal-safe.
 * Return: an absolute deadline.
 */
int64_t hepta_in_ns(int64_t n);
int64_t hepta_in_us(int64_t n);
int64_t hepta_in_ms(int64_t n);

/**
 * hepta_strerror() - what a result means in Hepta, and what to do about it
 * @err: a result of any verb, negative or positive errno
 *
 * Threads: any. Return: a static string, never NULL.
 */
const char *hepta_strerror(int err);

/**
 * hepta_version() - version of the library that is running
 * Return: a static string such as "0.1.0".
 */
const char *hepta_version(void);

#ifdef __cplusplus
}
#endif
#endif
