/* SPDX-License-Identifier: MIT */
/*
 * cli/scan.h - what there is: Hepta's objects and the kernel's, found without touching them
 *
 * `ls`, `show`, `doctor` and `clean` look at the same list. It is made in one pass over each
 * source: the directory of names (scan_hepta.c, scan_sysv_names.c), /dev/shm (scan_shm.c), the
 * mqueue file system (scan_mq.c), /proc/sysvipc (scan_sysv.c), sock_diag (scan_sock.c); and then
 * one over /proc (scan_proc.c, scan_wait.c), which says who has what open or mapped and who sleeps
 * on it, and shows what is nowhere else: pipes, FIFOs, memory without a name (scan_memory.c).
 *
 * Nothing that is looked at notices. Shared memory is read into private memory (scan_read.c),
 * never mapped, so that no peer can make the tool fault, and no lock is taken. No FIFO is opened;
 * what is in a pipe is asked of a copy of somebody's descriptor.
 *
 * An object is found by keys: the inode of each of its files, of a pipe, of a socket, or an id.
 * Start at scan_all() in scan.c.
 */
#ifndef CLI_SCAN_H
#define CLI_SCAN_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum object_state {
    OBJECT_OK,
    OBJECT_UNUSED,  /* nobody has it; that may be meant so */
    OBJECT_STALE,   /* nobody has it, and who made it is gone: rubbish */
    OBJECT_DEAD,    /* something of it is held by a dead process */
    OBJECT_CORRUPT,
    OBJECT_UNKNOWN, /* this user can't see */
};
extern const char *const object_states[]; /* "ok", "unused", ... ended by NULL */

enum { USE_READ = 1, USE_WRITE = 2, USE_MAP = 4, USE_WAIT = 8, USE_HOLD = 16 };

/* A process that has the object, or a thread that waits for it. */
struct object_user {
    pid_t pid, tid;   /* tid: of who waits; else 0 */
    unsigned how;     /* USE_* */
    bool dead;        /* it holds something, and is dead */
    int64_t since_ns; /* CLOCK_MONOTONIC; 0 unknown */
    const char *call; /* of who waits: "read" */
};

/* What only `show` tells. */
struct object_fact {
    struct object_fact *next;
    const char *name;
    char *text;
};

#define UNKNOWN (-1)
#define NEARLY(n, max) ((max) > 0 && (n) >= (max) - (max) / 5) /* 80 % */

struct object {
    const char *kind; /* "fifo" */
    char *name;       /* "/jobs"; "0x2a", "id:7"; a socket's addresses; an inode's number */
    bool kernel;
    bool hidden;      /* part of another object, which is listed */
    bool socket;
    bool has_waiters; /* its own table says how many */
    int64_t uid, gid, mode;
    int64_t depth, size; /* messages or bytes in it, a semaphore's value; and how many at most */
    int64_t n_users;     /* processes; UNKNOWN: it isn't opened, as a System V queue */
    int64_t n_waiters;
    int64_t id;          /* System V's */
    int64_t key;
    int64_t msg_max;     /* of a POSIX queue of the kernel's */
    int64_t peer;        /* a connected socket's: its inode */
    enum object_state state;
    char *why;           /* of a state that isn't ok */
    bool automatic;      /* a segment that lives as long as somebody has it */
    bool maker_gone;     /* who made it is dead, for certain */
    const char *idle;    /* why it is unused if nobody sleeps on it: of what isn't opened */
    char *path;          /* its file or directory */
    uint64_t ino;
    uint64_t bells[2];   /* of Hepta's pipe or FIFO: inodes of what its writers ring, its readers */
    pid_t at_pid;        /* of memory without a name: a process that has it, and where: */
    uint64_t at_head, at_data;
    bool keeps_data;     /* messages that would be lost with it */
    struct object_user *users;
    size_t n_used, room;
    pid_t last_user;     /* of the pass over /proc */
    struct object_fact *facts, **facts_end;
};

/* A process that has nearly all of something it may have. */
struct crowd {
    pid_t pid;
    const char *what; /* "descriptors" */
    int64_t n, max;
};

/* Number spaces of keys. */
enum key_space { KEY_FILE, KEY_PIPE, KEY_SOCKET, KEY_MSG, KEY_SEM, KEY_SHM };

struct scan {
    struct object **all;
    size_t n, room;
    bool details;      /* facts are wanted, too */
    int64_t n_hidden;  /* processes that this user can't look into */
    int64_t n_unread;  /* objects of others that can't be read */
    char **gaps;       /* what else couldn't be seen: one line each */
    size_t n_gaps;
    struct crowd *crowds;
    size_t n_crowds;
    int proc;          /* /proc */
    void *keys;        /* tsearch(3) */
    uint64_t pidns;
    char names[4096];  /* the directory of names; "": there is none */
};

/* Everything. 0, or negative errno (no memory); what can't be seen is in gaps. */
int scan_all(struct scan *s, bool details);
void scan_free(struct scan *s);
/* Sorted by kind, backend, name; for what is printed. */
void scan_sort(struct scan *s);
/* Is what was seen all there is? */
bool scan_is_whole(const struct scan *s);

/* --- scan.c: objects --- */

struct object *scan_add(struct scan *s, const char *kind, bool kernel, const char *name_form, ...)
    __attribute__((format(printf, 4, 5)));
/* The key leads to it now. */
void scan_key(struct scan *s, enum key_space space, uint64_t dev, uint64_t ino, struct object *o);
struct object *scan_find(const struct scan *s, enum key_space space, uint64_t dev, uint64_t ino);
/* Only where it is nearly all. */
void scan_crowd(struct scan *s, pid_t pid, const char *what, int64_t n, int64_t max);
void scan_gap(struct scan *s, const char *form, ...) __attribute__((format(printf, 2, 3)));
/* A worse state than it has; why is one line. */
void object_is(struct object *o, enum object_state state, const char *form, ...)
    __attribute__((format(printf, 3, 4)));
void object_fact(const struct scan *s, struct object *o, const char *name, const char *form, ...)
    __attribute__((format(printf, 4, 5)));
/* Seconds since 1970, as a fact; 0 is "never". */
void object_time(const struct scan *s, struct object *o, const char *name, int64_t when);
struct object_user *object_user(struct object *o, pid_t pid, pid_t tid, unsigned how);
/* Is there such a process or thread, and not a zombie? Of the tool's own PID namespace. */
bool scan_lives(pid_t tid);

/* --- the sources --- */

void scan_hepta(struct scan *s);
void scan_shm(struct scan *s);
void scan_mq(struct scan *s);
void scan_sysv(struct scan *s);
void scan_sock(struct scan *s);
void scan_proc(struct scan *s);

#endif
