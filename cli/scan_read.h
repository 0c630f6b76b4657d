/* SPDX-License-Identifier: MIT */
/*
 * cli/scan_read.h - what a piece of shared memory says of its object, from a private copy
 *
 * The copy isn't of one moment: numbers that belong together may be a few messages apart. Nothing
 * in it is believed beyond what it is used for.
 */
#ifndef CLI_SCAN_READ_H
#define CLI_SCAN_READ_H

#include "cli/scan.h"
#include "prim/segment.h"

#define VIEW_MAX 40960 /* bytes: header and control block of any kind */

struct view {
    /* Reads @len bytes at @off of it; how many, or -1. */
    ssize_t (*read)(const struct view *v, void *to, size_t len, uint64_t off);
    int fd;               /* a file; or memory of another process: */
    pid_t pid;
    uint64_t address;
    uint64_t len;         /* of the whole */
    char *bytes;          /* the first VIEW_MAX of them, or fewer */
    size_t n_bytes;
    struct h7_segment_header head; /* checked */
    bool same_pids;       /* its numbers of processes are the tool's */
};

/* Read the beginning, and check the header. False: it is corrupt, which @o says now. */
bool view_file(struct scan *s, struct object *o, struct view *v, int fd, uint32_t kind,
               size_t control_len);
bool view_process(struct scan *s, struct object *o, struct view *v, pid_t pid, uint64_t address,
                  uint32_t kind, size_t control_len);

/* What lies there; they set depth, size, waiters, state, facts. */
void read_conduit(struct scan *s, struct object *o, const struct view *v);
void read_store(struct scan *s, struct object *o, const struct view *v);
void read_set(struct scan *s, struct object *o, const struct view *v);
void read_sem(struct scan *s, struct object *o, const struct view *v);
void read_mailbox(struct scan *s, struct object *o, const struct view *v);
void read_shmid(struct scan *s, struct object *o, const struct view *v);

/* Of a copy that is attached, with nobody inside: the room's invariants. 0, or -EBADMSG and why. */
struct h7_lock *mailbox_lock(struct h7_segment *seg);
int mailbox_check(struct h7_segment *seg, char *why, size_t n);

#endif
