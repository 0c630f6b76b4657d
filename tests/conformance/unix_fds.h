/* SPDX-License-Identifier: MIT */
/*
 * unix_fds.h - short forms of the cases about descriptors that are passed (unix_cases_fds*.c)
 */
#ifndef CONFORMANCE_UNIX_FDS_H
#define CONFORMANCE_UNIX_FDS_H

#include "unix_room.h"

/* A memfd that says @number. */
int number_fd(struct conf *c, int number);
/* What it says; closes it. */
int number_of(struct conf *c, int fd);
/* sendmsg() of @len bytes of the sequence that give() sends, with descriptors. */
ssize_t give_fds(struct conf *c, struct two *t, size_t len, int *fds, uint32_t n_fds,
                 int64_t deadline);
/* The same for take(): at b, room for @max_fds, how many came in *@n_fds, flags in *@flags. */
ssize_t take_fds(struct conf *c, struct two *t, size_t len, int *fds, uint32_t max_fds,
                 uint32_t *n_fds, uint32_t *flags);
/* Is nothing left that could write into the pipe of read end @r? */
bool closed_everywhere(struct conf *c, int r);

#endif
