/* SPDX-License-Identifier: MIT */
/*
 * badinput.h - between badinput.c (verbs, handles, limits) and badinput_attach.c (what
 * hepta_pipe_attach() is offered)
 */
#ifndef HEPTA_TESTS_BADINPUT_H
#define HEPTA_TESTS_BADINPUT_H

#include "expect.h"

#include <hepta/pipe.h>
#include <stdint.h>

extern struct hepta_pipe *r, *w; /* the pipe of the test that runs */
extern char buf[64];

void fresh(uint32_t flags);
void done(void);

/* Attach, which must leave the descriptors alone and leak nothing when it refuses. */
int attach_refused(const int fds[HEPTA_PIPE_NFDS]);

void test_attach_descriptors(void);
void test_attach_segment(void);

#endif
