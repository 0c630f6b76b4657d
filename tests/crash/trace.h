/* SPDX-License-Identifier: MIT */
/*
 * trace.h - run a child one instruction at a time and notice when what others can see
 * of it changes
 *
 * The state of a victim is what matters to its peers if it dies now: the bytes of the
 * shared segment, the pending word of its robust list, and the system call that it is
 * about to make (or sleeps in). Between two instructions with the same state a kill
 * makes no difference. Victim: trace_begin(), the verb, trace_end(). Tracer:
 * trace_start(), trace_run() until it is where one wants it.
 */
#ifndef HEPTA_TESTS_TRACE_H
#define HEPTA_TESTS_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum trace_end {
    TRACE_TARGET, /* halted in the wanted state or after the wanted instruction */
    TRACE_DONE,   /* halted at trace_end(): the verb is complete */
    TRACE_ASLEEP, /* sleeps inside a system call; reported once for each call */
    TRACE_HUNG,   /* slept for five seconds more after that */
    TRACE_ENDLESS, /* made more than steps_max instructions, and is not through */
    TRACE_GONE    /* died by itself: a bug in the verb */
};

#define TRACE_RANGES 8

struct tracee {
    pid_t pid;
    const char *segment; /* part of the path of the mapping that is shared */
    size_t watch;        /* bytes from a mapping's start that count as state; 0 = all */
    size_t watch_data;   /* the same where the mapping isn't from the start of its file */
    bool blind;          /* don't look at the state: only count instructions */
    uint64_t n_steps, n_states;
    uint64_t steps_max;     /* 0 = any number */
    volatile uint64_t *beat; /* counts each step, for who watches whether it gets on; or NULL */
    uint64_t pc;

    uint64_t robust;     /* its robust list head, in its address space */
    struct trace_range { /* the watched ranges, in its address space */
        uint64_t from, len, inode, off;
    } range[TRACE_RANGES];
    int n_ranges;
    size_t len;          /* of all ranges */
    uint64_t pending, next_call, call;
    unsigned char *seen, *now;
    size_t size;
    bool at_call; /* the next instruction is a system call */
    bool in_call; /* it sleeps in one */
};

/* For the victim. trace_begin() exits with status 77 where ptrace isn't allowed. */
void trace_begin(void);
void trace_end(void);

/* Takes over child @pid at its trace_begin(). False if it isn't there within 5 s. */
bool trace_start(struct tracee *t, pid_t pid, const char *segment, size_t watch,
                 size_t watch_data);

/* Goes on until state number @state or instruction number @step; 0 = whatever. */
enum trace_end trace_run(struct tracee *t, uint64_t state, uint64_t step);

/* Lets the victim go, in the state that SIGSTOP gives. */
bool trace_leave_stopped(struct tracee *t);

void trace_free(struct tracee *t);

#endif
