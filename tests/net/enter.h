/* SPDX-License-Identifier: MIT */
/* enter.h - a network of the test's own, and a listener in it that takes nobody any more */
#ifndef HEPTA_TESTS_NET_ENTER_H
#define HEPTA_TESTS_NET_ENTER_H

#include "../lib/t.h"

#define NET_SKIP 77
#define HOLE "tcp:127.0.0.1:7000" /* where net_hole() listens */

/* A network namespace with lo up; exits with NET_SKIP where it isn't permitted. */
void net_enter(void);
/* Fill the backlog of a plain listener: who connects now waits. Descriptors stay open. */
void net_hole(int fds[2]);

#endif
