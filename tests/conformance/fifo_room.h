/* SPDX-License-Identifier: MIT */
/*
 * fifo_room.h - the operations that FIFO cases are written against, and short forms
 *
 * A FIFO moves data as a pipe does, so the table begins with the pipe's, whose make() is "make
 * a FIFO, open both sides, unlink it": the pipe's groups of cases run on it unchanged. The
 * FIFO's own cases are about what comes before and after: names, modes, opening, and what is
 * left when a side has gone and another one comes.
 *
 * Names are Hepta's ("/jobs"), in a directory of the room's own that HEPTA_DIR names; the
 * kernel's FIFO is the file of that name in there, also where it is reached through the library.
 */
#ifndef CONFORMANCE_FIFO_ROOM_H
#define CONFORMANCE_FIFO_ROOM_H

#include "pipe_room.h"

#define FOR_READ 1u
#define FOR_WRITE 2u
#define FOR_BOTH 3u

#define NAME_SIZE 300 /* longer than any that can be made */

/* An ability: unlink() removes whatever has the name. */
#define NEEDS_UNLINK_ANY 16u

struct fifo_ops {
    struct pipe_ops pipe; /* first: ops() finds it there */
    /* What of @want the kernel's FIFO gets on opening, Hepta's gets on making. */
    int (*make)(const char *name, mode_t mode, const struct pipe_want *want);
    /* On failure *@end is what that back end promises then. */
    int (*open)(struct pend **end, const char *name, unsigned access,
                const struct pipe_want *want, int64_t deadline);
    int (*unlink)(const char *name);
    /* Where in the file system the name lies. */
    void (*entry)(const char *name, char *path, size_t n);
    /* pipe.fd is for ends with one direction. */
    int (*fd_for)(struct pend *end, unsigned access);
};

extern const struct fifo_ops fifo_kernel_ops, fifo_hepta_ops, fifo_via_ops;
extern const struct conf_room fifo_room;

static inline const struct fifo_ops *fops(const struct conf *c)
{
    return c->be->ops;
}

/* A name that no other case uses, with a FIFO of mode 0666 behind it. */
struct fifo {
    char name[NAME_SIZE];
};

void name_it(struct fifo *f);
void make_fifo(struct conf *c, struct fifo *f);
void remove_fifo(struct conf *c, struct fifo *f);

/* Open, and require that it succeeds; or open and close, and return what open said. */
struct pend *must_open(struct conf *c, const struct fifo *f, unsigned access, int64_t deadline);
int try_open(struct conf *c, const struct fifo *f, unsigned access, int64_t deadline);
/* Close *@end and clear it. */
void shut_fifo(struct conf *c, struct pend **end);
/* A pair of two handles of @f, reader first; close_both() of the pipe's ends it. */
void open_pair(struct conf *c, const struct fifo *f, struct pipe_pair *p);
/* Is there a reader, as a non-blocking writer sees it? */
bool has_reader(struct conf *c, const struct fifo *f);

/* A child asleep in open(), with a handler for SIGUSR1. When it is open it sets cell OPENED + @i,
 * waits for cell LEAVE and ends. The same cells as caller()'s tell what open returned. */
pid_t opener(struct conf *c, const struct fifo *f, unsigned access, int i, int flags,
             int64_t deadline);
enum { OPENED = 40, LEAVE = 56 };

extern const struct conf_case fifo_open_cases[], fifo_wait_cases[], fifo_partner_cases[],
    fifo_names_cases[], fifo_spelling_cases[], fifo_dir_cases[], fifo_mode_cases[],
    fifo_reopen_cases[], fifo_contents_cases[], fifo_order_cases[], fifo_poll_cases[],
    fifo_inherit_cases[];

#endif
