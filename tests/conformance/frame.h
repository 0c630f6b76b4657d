/* SPDX-License-Identifier: MIT */
/*
 * frame.h - one set of cases, run against several back ends
 *
 * A room (pipe, fifo, ...) brings a table of operations, one instance of it for the kernel's
 * own object and one or more for Hepta's, and cases written against that table only. The
 * frame runs every case on every back end that can do it, each run in a process group of
 * its own that is killed when the run ends or its time is up, and prints one table.
 *
 * A case states one expectation for all back ends. Where Hepta differs on purpose the case
 * carries the id of a chapter of DIFFERENCES.md and states both results with DIFFERS() or
 * MAY(): both are verified, so a listed difference that is none any more fails the run.
 *
 * Start reading at struct conf_case, then pipe_cases_data.c for what a case looks like.
 */
#ifndef CONFORMANCE_FRAME_H
#define CONFORMANCE_FRAME_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* CONF_VIA: the kernel's own object through Hepta's interface. What is expected of it is the
 * kernel's results but for the differences that kit.c lists: see conf_side(). */
enum conf_side { CONF_KERNEL, CONF_HEPTA, CONF_VIA };

#define CONF_N_CELLS 64

/* An ability that the frame adds to every back end when it runs as root. */
#define CONF_AS_ROOT (1u << 31)

/* What the processes of one run share, also over exec: a memfd. */
struct conf_share {
    _Atomic int failed;    /* 1: @why is being written, by the first who failed; 2: it has been */
    _Atomic int n_differs; /* expectations evaluated that differ by back end */
    _Atomic int n_signals; /* runs of the handler of conf_handle() */
    _Atomic long cell[CONF_N_CELLS]; /* the case's own: conf_set(), conf_get(), conf_await() */
    char why[480];
};

struct conf_backend {
    const char *name;
    enum conf_side side;
    unsigned has;    /* abilities, the room's own bits; see conf_case.needs */
    const void *ops; /* the room's table of operations */
};

struct conf;

struct conf_case {
    const char *name;          /* "group.sentence" */
    void (*run)(struct conf *c);
    unsigned needs;            /* runs on back ends that have all of these bits */
    const char *differs;       /* chapter of DIFFERENCES.md, or NULL: same everywhere */
    void (*after_exec)(struct conf *c, int argc, char **argv); /* see conf_exec() */
    int timeout_s;             /* 0: 10 s */
};

/* A room may borrow another one's groups: what none of its back ends can do is no case of it. */
struct conf_room {
    const char *name;
    const struct conf_backend *backends; /* ends with a NULL name; the kernel's come first */
    const struct conf_case *const *groups; /* ends with NULL; each group ends with a NULL name */
    /* NULL, or what surrounds the room's runs: before the first; after each, remove what it
     * left behind and return how many things that were; after the last, also when the frame
     * is told to stop by SIGINT or SIGTERM. */
    void (*begin)(void);
    int (*tidy)(void);
    void (*end)(void);
};

/* One run: a case on a back end. */
struct conf {
    const struct conf_room *room;
    const struct conf_case *cs;
    const struct conf_backend *be;
    struct conf_share *share;
    int share_fd;
};

/**
 * conf_main() - run what the command line asks for
 * @rooms: ends with NULL
 *
 * Return: exit status, 0 when nothing failed.
 */
int conf_main(const struct conf_room *const *rooms, int argc, char **argv);

/* ---- expectations; the first one that fails ends the process that evaluates it ---- */

#define EQ(c, got, want) conf_eq((c), __FILE__, __LINE__, #got, (got), (want))
#define OK(c, cond) conf_ok((c), __FILE__, __LINE__, #cond, (cond))

/* What this case expects of this back end: CONF_KERNEL's results or CONF_HEPTA's. */
enum conf_side conf_side(const struct conf *c);

/* The expected value of this side. The two must not be equal. */
#define DIFFERS(c, kernel, hepta) conf_differs((c), __FILE__, __LINE__, (kernel), (hepta))

/* The kernel always gives @kernel; Hepta gives that or @also. */
#define MAY(c, got, kernel, also) \
    conf_may((c), __FILE__, __LINE__, #got, (got), (kernel), (also))

void conf_eq(struct conf *c, const char *file, int line, const char *what, long long got,
             long long want);
void conf_ok(struct conf *c, const char *file, int line, const char *what, bool cond);
long long conf_differs(struct conf *c, const char *file, int line, long long kernel,
                       long long hepta);
void conf_may(struct conf *c, const char *file, int line, const char *what, long long got,
              long long kernel, long long also);
void conf_fail(struct conf *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3), noreturn));

/* ---- processes of a case (kit.c) ---- */

/* fork() whose child dies with its parent. */
pid_t conf_fork(struct conf *c);
/* End of a child's part: status 0, no exit handlers. */
void conf_exit(void) __attribute__((noreturn));
#define NOBODY 65534
/* Become the user @uid with the group @gid and no others, for good; it still dies with its
 * parent. */
void conf_become(struct conf *c, uid_t uid, gid_t gid);
/* Wait for @pid and require that it ended with conf_exit(). */
void conf_join(struct conf *c, pid_t pid);
/* Wait for @pid; its status as from waitpid(2). */
int conf_status(struct conf *c, pid_t pid);
/* SIGKILL @pid and wait: on return the kernel has closed its descriptors. */
void conf_kill(struct conf *c, pid_t pid);
/* Become this program again and run the case's after_exec() with @argv (ends with NULL). */
void conf_exec(struct conf *c, const char *const *argv) __attribute__((noreturn));

/* Return when @pid sleeps in the kernel. It must not be in conf_await() itself. */
void conf_asleep(struct conf *c, pid_t pid);
/* The same after @pid has set cell @i: what it calls next is what it sleeps in. */
void conf_asleep_after(struct conf *c, pid_t pid, int i);

void conf_set(struct conf *c, int i, long v);
long conf_get(struct conf *c, int i);
long conf_add(struct conf *c, int i, long v);
/* Wait until cell @i is at least @v. */
void conf_await(struct conf *c, int i, long v);

/* Count @sig in share->n_signals; @flags as in sigaction(2). */
void conf_handle(struct conf *c, int sig, int flags);

/* Send @sig to @pid, and again until cell @i is at least @v: a handler that runs in the moment
 * before a sleep doesn't end that. */
void conf_break_off(struct conf *c, pid_t pid, int sig, int i, long v);

void conf_pause_ms(int ms);
int conf_n_fds(void);

#endif
