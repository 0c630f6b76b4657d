/* SPDX-License-Identifier: MIT */
/*
 * badinput_sock.h - between badinput_sock.c (options, handles, arguments, contexts) and
 * badinput_address.c (addresses, and what doesn't fit them)
 */
#ifndef HEPTA_TESTS_BADINPUT_SOCK_H
#define HEPTA_TESTS_BADINPUT_SOCK_H

#include "expect.h"

#include <hepta/sock.h>

/* The result; NULL where it failed, nothing left, and closed again where it didn't. */
int try_listen(const char *address, const struct hepta_sock_options *opt);
int try_connect(const char *address, const struct hepta_sock_options *opt);

void test_addresses(void);
void test_types(void);
void test_flags(void);

#endif
