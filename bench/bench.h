/* SPDX-License-Identifier: MIT */
/*
 * bench/bench.h - how rivals are measured against each other
 *
 * A back end is one const struct bench_backend; a cell is a back end in one case (test,
 * message size, wait mode, placement). bench_run() measures all cells of a run in turns,
 * so that a noisy minute of the machine hits every rival alike, and only ratios within a
 * run are worth anything. To add a mechanism: write its back ends, list them in
 * backends.c, and its promises in targets.c; nothing else knows them. Start reading at
 * bench_run() in harness.c.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum bench_test {
    BENCH_PINGPONG, /* one process to another and back */
    BENCH_STREAM,   /* one to another, as fast as it goes */
    BENCH_PAIR,     /* one process sends and receives, nobody else is there */
    BENCH_FANIN,    /* four senders to one receiver */
    BENCH_MANY,     /* four to four */
    BENCH_SELECT,   /* as pair, behind messages that aren't wanted */
    BENCH_UNDO,     /* as pair, of a semaphore set, with SEM_UNDO */
    BENCH_PERMIT,   /* as pair, of a semaphore that knows its holders */
    BENCH_MUTEX,    /* one process locks and unlocks */
    BENCH_CONTEND,  /* two processes lock, count in shared memory, unlock */
    BENCH_CELL,     /* one process reads a value, another writes a million new ones a second */
    BENCH_STORM,    /* the same, as many as it can */
    BENCH_N_TESTS,
};
enum bench_mode { BENCH_BUSY, BENCH_SLEEP, BENCH_ADAPTIVE };
enum bench_cpus { BENCH_SAME, BENCH_APART };

/* The side that starts (ping, producer) and the side that answers (pong, consumer). */
enum bench_side { BENCH_FIRST, BENCH_SECOND };
#define BENCH_SIDE_MAX 4 /* processes of a side */

/**
 * struct bench_shape - who takes part in a test, and what it is about
 * @n:     processes of each side; where the second has none the first does both
 * @rate:  messages a second; else the time of one
 * @group: messages, or turns, that are timed together
 */
struct bench_shape {
    const char *name;
    int n[2];
    bool rate;
    int group;
};

/* The cycle counter takes 10 to 20 ns, and a fast pair of a queue 60, of a semaphore 9. */
#define BENCH_GROUP 16

extern const struct bench_shape bench_shapes[BENCH_N_TESTS];

#define BENCH_BYTES_MIN  8           /* a message carries its 8-byte sequence number */
#define BENCH_BYTES_MAX  (16u << 20) /* bytes */
#define BENCH_RUNS_MAX   101
#define BENCH_HEAD_MAX   16 /* bytes that a mechanism may put before a message */
#define BENCH_QUEUED_MAX 1000000

struct bench_case {
    enum bench_test test;
    size_t bytes; /* 0: nothing is carried */
    enum bench_mode mode;
    enum bench_cpus cpus;
    size_t capacity; /* room for messages under way, equal for all rivals: bytes */
    size_t queued;   /* select: messages of other types that stay in the queue */
};

/* The capacity as a number of messages. */
static inline size_t bench_depth(const struct bench_case *c)
{
    return c->bytes ? c->capacity / c->bytes : 0;
}

/**
 * struct bench_backend - one way of carrying messages; all calls 0 or negative errno
 * @rival:   the back end that the tables hold it against; NULL: "kernel"
 * @named:   the pair finds the link by name: the coordinator closes, which removes what is
 *           left of the name, only when the pair has ended
 * @fits:    whether the case makes sense here; NULL: every case does
 * @open:    makes the link in the coordinator, before it forks the pair; two directions
 *           for ping-pong
 * @enter:   in each process of the pair: keep this side's ends, close the others
 * @send:    a whole message out of @buf; BENCH_HEAD_MAX bytes in front of it are free for use
 * @recv:    a whole message into @buf, the same way
 * @reserve: instead of send, with commit: where the message is built in place
 * @peek:    instead of recv, with release: where the message lies
 * @begin:   in each process, before the clock runs: @n turns come; NULL: nothing to do
 * @repeat:  instead of all these: this side's part of @n turns of the test, in a loop of its own,
 *           since the calls in between would be much of the time. Ping-pong sends and receives
 * @check:   with repeat, after each group of at most BENCH_GROUP that is timed, while the clock
 *           doesn't run: -EBADMSG if they did the wrong thing; NULL: the loop knows
 * @close:   gives up everything the calling process has of the link
 * @depth:   messages that really fit, where that is limited; NULL: as the case has it
 */
struct bench_backend {
    const char *name;
    const char *what;
    const char *rival;
    bool named;
    bool (*fits)(const struct bench_case *c);
    int (*open)(void **link, const struct bench_case *c);
    int (*enter)(void *link, enum bench_side side);
    int (*send)(void *link, const void *buf, size_t len);
    int (*recv)(void *link, void *buf, size_t len);
    int (*reserve)(void *link, size_t len, void **at);
    int (*commit)(void *link, size_t len);
    int (*peek)(void *link, size_t len, const void **at);
    int (*release)(void *link, size_t len);
    int (*begin)(void *link, uint64_t n);
    int (*repeat)(void *link, uint64_t n);
    int (*check)(void *link);
    void (*close)(void *link);
    size_t (*depth)(const void *link);
};

/**
 * struct bench_mechanism - what is measured together
 * @tests:    those that make sense: a bit (1 << enum bench_test) each
 * @whole:    a message needs room as a whole: the capacity is at least two messages
 * @bare:     those of them that carry nothing: their cases have 0 bytes
 * @bytes:    sizes that are measured if none is asked for; all 0: 64
 * @most:     the largest size; 0: BENCH_BYTES_MAX
 * @backends: all of them, ended by NULL; some may share a name, where each fits other cases
 */
struct bench_mechanism {
    const char *name;
    const char *what;
    unsigned tests, bare;
    bool whole;
    size_t bytes[2], most;
    const struct bench_backend *const *backends;
};

extern const struct bench_mechanism bench_mechanisms[]; /* ended by a NULL name */

/* NULL if there is no such mechanism. */
const struct bench_mechanism *bench_mechanism(const char *name);
bool bench_fits(const struct bench_backend *backend, const struct bench_case *c);
bool bench_has_test(const struct bench_mechanism *m, enum bench_test test);
/* Whether its messages have a size. */
bool bench_has_bytes(const struct bench_mechanism *m, enum bench_test test);
/* The back end of that name that fits the case (any case if NULL), or NULL. */
const struct bench_backend *bench_backend(const struct bench_mechanism *m, const char *name,
                                          const struct bench_case *c);
/* The capacity that belongs into a case. */
size_t bench_capacity(const struct bench_mechanism *m, size_t bytes);

enum bench_status {
    BENCH_OK,
    BENCH_UNAVAILABLE, /* this machine can't (one cpu, no permission) */
    BENCH_FAILED,
    BENCH_TIMED_OUT,
};

/* One measurement; times one way, half a round trip, of pair and select of sending and
 * receiving together, of mutex of both calls, of cells of a read; 0 where the test doesn't tell.
 * Every time that another program takes a cpu away from the processes disturbs them. */
struct bench_sample {
    double p50_ns, p99_ns, p999_ns, msgs_per_s;
    double disturbed_per_s;
};

struct bench_cell {
    const struct bench_backend *backend;
    struct bench_case on;
    enum bench_status status;
    char why[160];
    size_t depth; /* messages that fit, where that is less than the case says; else 0 */
    int n_samples;
    struct bench_sample sample[BENCH_RUNS_MAX];
};

struct bench_plan {
    struct bench_cell *cells;
    size_t n_cells;
    int runs;       /* measurements of each cell, 1 to BENCH_RUNS_MAX */
    double seconds; /* bound of one measurement */
    double give_up; /* seconds after which it is killed */
    int64_t end_ns; /* CLOCK_MONOTONIC; none begins later; 0: no such bound */
    void (*progress)(int run, const struct bench_cell *cell, void *arg); /* or NULL */
    void *arg;
};

/* Measures; what failed, or wasn't reached, is told in each cell. Returns the worst status of all
 * cells. */
enum bench_status bench_run(struct bench_plan *plan);

/* One measurement of one cell with fresh processes; fills status and @out. */
enum bench_status bench_measure(struct bench_cell *cell, const struct bench_plan *plan,
                                struct bench_sample *out);

/* Medians over the samples, each figure by itself. */
struct bench_sample bench_median(const struct bench_cell *cell);
/* A figure of @of divided by the same of @by; @offset is its place in struct bench_sample.
 * 0 if either wasn't measured. The median of the ratios run by run, not the ratio of the
 * medians: two rivals that run one after the other find the machine in the same mood. */
double bench_ratio(const struct bench_cell *of, const struct bench_cell *by, size_t offset);
/* The figure that the test is about, and (max - min) / median of it. */
double bench_figure(const struct bench_cell *cell, const struct bench_sample *s);
double bench_spread(const struct bench_cell *cell);

bool bench_same_case(const struct bench_case *a, const struct bench_case *b);
const char *bench_test_name(enum bench_test test);
const char *bench_mode_name(enum bench_mode mode);
const char *bench_cpus_name(enum bench_cpus cpus);
const char *bench_status_name(enum bench_status status);

#endif
