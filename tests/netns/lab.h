/* SPDX-License-Identifier: MIT */
/*
 * lab.h - two machines in one test: two network namespaces joined by a veth pair
 *
 * Neither has a name, so they and the cable vanish with the processes that live in them,
 * however these end. Side A is the process that calls lab_run() and can pull the cable; side B
 * is its child.
 */
#ifndef HEPTA_TESTS_NETNS_LAB_H
#define HEPTA_TESTS_NETNS_LAB_H

#include "../lib/t.h"

#include <hepta/sock.h>
#include <stdatomic.h>

#define LAB_SKIP 77
#define LAB_LONG_MS 20000

/* What both sides share; zero at the start. */
struct lab_page {
    _Atomic int step; /* of building the lab */
    _Atomic long cell[8];
};

struct lab {
    bool v6;
    struct lab_page *page;
    pid_t b;
};

/* Exits with LAB_SKIP where it can't be built. Returns when both sides have done their part. */
void lab_run(bool v6, void (*a)(struct lab *), void (*b)(struct lab *));

/* "tcp:HOST:PORT" of side 'a' or 'b'; a static buffer. */
const char *lab_at(const struct lab *lab, const char *scheme, char side, int port);
/* Only on side A: pull the cable, put it back. */
void lab_cable(bool up);
/* ip(8) with these words, in this process's namespace; dies if it fails. */
void lab_ip(const char *words);
/* Write @text to /proc/sys/net/@path. */
void lab_sysctl(const char *path, const char *text);
/* Wait until cell @i is at least @v; dies after LAB_LONG_MS. */
void lab_await(struct lab *lab, int i, long v);

/* Dies unless @got is @want, with both in words. */
void lab_is(const char *what, long got, long want);
struct hepta_sock *lab_listen(const char *address, uint32_t flags);
struct hepta_sock *lab_listen_as(const char *address, const struct hepta_sock_options *opt);
/* Tries again while nobody listens yet. */
struct hepta_sock *lab_connect(const char *address, uint32_t flags);
struct hepta_sock *lab_connect_as(const char *address, const struct hepta_sock_options *opt);
struct hepta_sock *lab_accept(struct hepta_sock *l);

/* @len bytes that belong to @seed, and whether these are they. */
void lab_fill(void *buf, size_t len, uint64_t seed);
bool lab_same(const void *buf, size_t len, uint64_t seed);

/* The tests, one file each. */
void stream_test(bool v6);
void records_test(bool v6);
void cable_test(bool v6);
void silence_test(bool v6);
void unreachable_test(bool v6);
void link_local_test(bool v6);
void proxy_test(bool v6);

#endif
