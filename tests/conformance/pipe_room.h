/* SPDX-License-Identifier: MIT */
/*
 * pipe_room.h - the operations that pipe cases are written against, and short forms
 *
 * The table speaks Hepta's language (results are counts or negative errno, deadlines are
 * absolute); pipe_kernel.c translates it to system calls, pipe_hepta.c hands it on. What a
 * case puts into a pipe with put() is one endless known sequence of bytes, and get() checks
 * that it takes out the next ones: order, loss and doubling are checked everywhere.
 */
#ifndef CONFORMANCE_PIPE_ROOM_H
#define CONFORMANCE_PIPE_ROOM_H

#include "frame.h"

#include <hepta/base.h>

/* Abilities of a back end. */
#define NEEDS_NOTHING 0u
#define NEEDS_MANY 1u  /* more than one writer or reader at a time */
#define NEEDS_VERBS 32u /* the library's verbs, with deadlines, whatever is behind them */
#define NEEDS_HEPTA (2u | NEEDS_VERBS) /* something that only Hepta's own objects have */
#define NEEDS_EXPORT 4u /* ends as numbers for another program: give() and take() */
#define NEEDS_ONE_CALL 8u /* both ends come from one call */

/* pipe_want.flags */
#define WANT_PACKET 1u
#define WANT_BAD_FLAG 2u /* a flag that doesn't exist */
#define WANT_PLAIN 4u    /* no close-on-exec, where there is a choice */

#define ATOMIC 4096 /* PIPE_BUF */
#define CAPACITY 65536
#define N_PASSED_FDS 3
#define MAX_PUT (1 << 20)
#define LONG_MS 8000 /* a poll that must return: below the frame's time limit */
#define TICK_MS 40 /* longer than a tick of any kernel's clock */
#define NOW HEPTA_NOW
#define EVER HEPTA_FOREVER

struct pend; /* an end; what it is only the back end knows */

struct pipe_want {
    unsigned flags;
    size_t capacity; /* 0: default */
};

struct pipe_seen {
    size_t capacity, used;
    int has_writer, has_reader;
};

struct pipe_ops {
    /* On failure *@r and *@w are what that back end promises then. */
    int (*make)(struct pend **r, struct pend **w, const struct pipe_want *want);
    ssize_t (*write)(struct pend *end, const void *buf, size_t len, int64_t deadline);
    ssize_t (*read)(struct pend *end, void *buf, size_t len, int64_t deadline);
    void (*close)(struct pend *end);
    int (*fd)(struct pend *end);
    int (*see)(struct pend *end, struct pipe_seen *seen);
    /* Descriptors that survive exec, unused ones -1; they count as an open end. */
    int (*give)(struct pend *end, int fds[N_PASSED_FDS]);
    int (*take)(struct pend **end, const int fds[N_PASSED_FDS]);
    /* Only with NEEDS_HEPTA. */
    int (*reserve)(struct pend *end, size_t len, void **ptr, int64_t deadline);
    int (*commit)(struct pend *end, size_t len);
    ssize_t (*peek)(struct pend *end, const void **ptr, int64_t deadline);
    int (*release)(struct pend *end, size_t len);
    /* What poll() shows on fd(): ready for one more operation, other side gone. */
    short r_ready, r_gone, w_ready, w_gone;
};

/* What every descriptor of the kernel's can do; @fd becomes the end's. */
struct pend *kernel_end(int fd);
ssize_t kernel_write(struct pend *end, const void *buf, size_t len, int64_t deadline);
ssize_t kernel_read(struct pend *end, void *buf, size_t len, int64_t deadline);
void kernel_close(struct pend *end);
int kernel_fd(struct pend *end);
int kernel_see(struct pend *end, struct pipe_seen *seen);

/* One pipe as a process sees it. */
struct pipe_pair {
    struct pend *r, *w;
    uint64_t n_put, n_got; /* position in the sequence */
};

extern const struct pipe_ops pipe_kernel_ops, pipe_hepta_ops, pipe_hepta_spsc_ops;
extern const struct conf_room pipe_room;

static inline const struct pipe_ops *ops(const struct conf *c)
{
    return c->be->ops;
}

void make(struct conf *c, struct pipe_pair *p);
void make_as(struct conf *c, struct pipe_pair *p, unsigned flags, size_t capacity);
void close_r(struct conf *c, struct pipe_pair *p);
void close_w(struct conf *c, struct pipe_pair *p);
void close_both(struct conf *c, struct pipe_pair *p);

/* Write the next @len bytes of the sequence, advance by what was taken; at most MAX_PUT. */
ssize_t put(struct conf *c, struct pipe_pair *p, size_t len, int64_t deadline);
/* Read up to @len bytes and check that they continue the sequence. */
ssize_t get(struct conf *c, struct pipe_pair *p, size_t len, int64_t deadline);
/* get() until @len bytes came. */
void get_all(struct conf *c, struct pipe_pair *p, size_t len);
/* Writes of ATOMIC bytes until the pipe is full; returns the bytes. */
size_t fill(struct conf *c, struct pipe_pair *p);
size_t used(struct conf *c, struct pipe_pair *p);
/* put() or get() that only starts after cell @i is set, for conf_asleep_after(). */
ssize_t put_after(struct conf *c, struct pipe_pair *p, size_t len, int i);
ssize_t get_after(struct conf *c, struct pipe_pair *p, size_t len, int i);

/* Cells that caller() uses; cases have those below. */
enum { CALLING = CONF_N_CELLS - 3, RETURNED, RESULT };

/* A child with a handler for SIGUSR1, asleep in one read or write of @len bytes. */
pid_t caller(struct conf *c, struct pipe_pair *p, bool reading, size_t len, int flags,
             int64_t deadline);
/* Send it SIGUSR1 and wait until the handler has run. */
void interrupt(struct conf *c, pid_t child);
/* Send it SIGUSR1 until its call returns. Once is enough for the kernel; a verb of Hepta's can
 * miss a handler that runs in the moment before it falls asleep. */
void break_off(struct conf *c, pid_t child);
/* Its call returned @result. */
void ends_with(struct conf *c, pid_t child, ssize_t result);
/* Its call did not return: it sleeps again. */
void still_waits(struct conf *c, pid_t child);

/* poll() on one end, and what of @events and the "gone" bits came; 0 after @ms. */
int poll_end(struct conf *c, struct pend *end, short events, int ms);
/* Wait with poll() until an end is ready, then get() or put() without waiting. Hepta's can be
 * ready a moment too early (early-ready in DIFFERENCES.md), then again. */
ssize_t get_ready(struct conf *c, struct pipe_pair *p, size_t len);
ssize_t put_ready(struct conf *c, struct pipe_pair *p, size_t len);
bool r_ready(struct conf *c, struct pipe_pair *p);
bool w_ready(struct conf *c, struct pipe_pair *p);

/* Again and again until @call isn't @not any more: what a dead peer may take a tick for. */
#define UNTIL_NOT(call, not) \
    ({ \
        ssize_t res_; \
        while ((res_ = (call)) == (not)) \
            conf_pause_ms(1); \
        res_; \
    })

extern const struct conf_case pipe_data_cases[], pipe_readers_cases[], pipe_block_cases[],
    pipe_atomic_cases[], pipe_eof_cases[], pipe_epipe_cases[], pipe_poll_cases[],
    pipe_poll_many_cases[], pipe_fork_cases[], pipe_exec_cases[], pipe_capacity_cases[],
    pipe_packet_cases[], pipe_signal_cases[], pipe_restart_cases[], pipe_error_cases[],
    pipe_context_cases[], pipe_deadline_cases[], pipe_place_cases[];

#endif
