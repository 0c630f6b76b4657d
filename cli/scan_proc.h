/* SPDX-License-Identifier: MIT */
/* cli/scan_proc.h - the pieces of the pass over /proc; start at scan_proc.c */
#ifndef CLI_SCAN_PROC_H
#define CLI_SCAN_PROC_H

#include <sys/stat.h>

#include "cli/scan.h"

/* A shared mapping of something that is listed. */
struct region {
    uint64_t start, end, off, dev, ino;
    unsigned how;
    struct object *object;
};

struct descriptor {
    int fd;
    struct object *object;
};

struct process {
    pid_t pid;
    bool self;
    int dir, fds, pidfd;
    struct region *regions;
    size_t n_regions, regions_room;
    struct descriptor *held;
    size_t n_held, held_room;
};

/* scan_pipe.c: a copy of somebody's descriptor, to be closed at once; -1 */
int descriptor_copy(struct process *p, int fd);
/* What is in a pipe or FIFO, through it. */
void pipe_fill(struct scan *s, struct object *o, struct process *p, int fd);
/* A FIFO of the kernel's, seen the first time. */
struct object *fifo_found(struct scan *s, const struct stat *st, const char *path);

/* scan_memory.c: memory without a name, "hepta-pipe ..."; o is NULL at its first mapping. NULL: not
 * listed. */
struct object *memory_found(struct scan *s, struct object *o, struct process *p,
                            const struct region *g, const char *label);

/* scan_wait.c */
void take_threads(struct scan *s, struct process *p);
void take_signals(struct scan *s, struct process *p);

#endif
