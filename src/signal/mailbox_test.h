/* SPDX-License-Identifier: MIT */
/* signal/mailbox_test.h - what the tests of mailboxes share: one receiver, short verbs */
#ifndef H7_SIGNAL_MAILBOX_TEST_H
#define H7_SIGNAL_MAILBOX_TEST_H

#include "signal/mailbox_internal.h"

#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>

#include "name/name_test.h"
#include "prim/room.h"

#define MAKE (HEPTA_MAILBOX_CREATE | HEPTA_MAILBOX_EXCL)
#define RECEIVE HEPTA_MAILBOX_RECEIVE
#define ACK (HEPTA_MAILBOX_RECEIVE | HEPTA_MAILBOX_ACK)

extern const struct h7_room h7_room_mailbox;

static struct hepta_mailbox *box;
static struct hepta_signal_info got;

static inline void begin_with(uint32_t flags, const struct hepta_mailbox_options *o)
{
    assert_int_equal(hepta_mailbox_open("/m", MAKE | flags, 0600, o, &box), 0);
}

static inline void begin(void)
{
    begin_with(RECEIVE, NULL);
}

static inline void begin_deep(uint32_t flags, uint32_t depth)
{
    const struct hepta_mailbox_options o = {.size = sizeof o, .depth = depth};
    begin_with(flags, &o);
}

static inline void check(void)
{
    char why[128] = "";
    int r = h7_room_mailbox.check(box, why, sizeof why);
    if (r < 0)
        print_error("check: %s\n", why);
    assert_int_equal(r, 0);
}

static inline void end(void)
{
    check();
    assert_int_equal(hepta_mailbox_close(box), 0);
    assert_int_equal(hepta_mailbox_unlink("/m"), 0);
}

static inline int send_number(int n, uint32_t number)
{
    return hepta_mailbox_send(box, n, &number, sizeof number, 0);
}

static inline int send_bare(int n)
{
    return hepta_mailbox_send(box, n, NULL, 0, 0);
}

static inline int take(void)
{
    return hepta_mailbox_wait(box, &got, HEPTA_NOW);
}

/* What was received with it. */
static inline uint32_t number(void)
{
    uint32_t n = 0;
    if (got.len == sizeof n)
        memcpy(&n, got.payload, sizeof n);
    return n;
}

static inline uint64_t pending(void)
{
    uint64_t set = 0;
    assert_int_equal(hepta_mailbox_pending(box, &set), 0);
    return set;
}

static inline struct hepta_mailbox_stat stat_now(void)
{
    struct hepta_mailbox_stat st;
    assert_int_equal(hepta_mailbox_stat(box, &st), 0);
    return st;
}

static inline int is_readable(int fd, int ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, ms);
}

#endif
