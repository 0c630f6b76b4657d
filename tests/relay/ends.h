/* SPDX-License-Identifier: MIT */
/*
 * ends.h - the ends that a relay is tested between: each kind of address, at both sides
 *
 *   producer -> [ near | A ] relay [ B | near ] -> consumer
 *
 * An end has the address that the relay is given, and the one by which this program reaches what is
 * behind it. They are the same but for pipes, whose ends differ, and sockets, where one listens.
 */
#ifndef HEPTA_TESTS_RELAY_ENDS_H
#define HEPTA_TESTS_RELAY_ENDS_H

#include <hepta/channel.h>
#include <hepta/pipe.h>
#include <stdbool.h>

struct kind {
    const char *name;
    const char *far;        /* "%d": a number of its own; NULL: a pipe */
    bool object;            /* to be made and removed */
    bool lossy;             /* what is sent too fast is lost: udp */
    bool listens;           /* far of a source, near of a destination: with ",listen" */
    bool unlink;            /* a file is left behind the colon */
    unsigned max;           /* bytes of a record; 0: as many as the test wants */
};

extern const struct kind kinds[];
extern const int n_kinds;

struct end {
    const struct kind *kind;
    bool source;
    char far[160], near[160];
    int inherited[HEPTA_PIPE_NFDS]; /* of the relay's end of a pipe; -1 */
    struct hepta_channel *ch;       /* ours, once it is open */
};

/* Make what is needed; a destination that listens, and a pipe, are open then. Dies on failure. */
void end_make(struct end *e, const struct kind *kind, bool source, int number);
/* The relay has its descriptors by now. */
void end_handed_over(struct end *e);
/* Open ours if it isn't: wait for the relay. */
void end_open(struct end *e);
void end_remove(struct end *e);

#endif
