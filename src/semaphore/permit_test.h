/* SPDX-License-Identifier: MIT */
/* semaphore/permit_test.h - what the tests of permits share: one permit, children that hold it */
#ifndef H7_SEMAPHORE_PERMIT_TEST_H
#define H7_SEMAPHORE_PERMIT_TEST_H

#include "semaphore/permit_internal.h"

#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>

#include "name/name_test.h"
#include "prim/room.h"

extern const struct h7_room h7_room_permit;

static struct hepta_permit *permit;

static inline void begin_with(uint32_t places, uint32_t holders_max)
{
    struct hepta_permit_options o = {.size = sizeof o, .holders_max = holders_max};
    assert_int_equal(hepta_permit_open("/p", HEPTA_SEM_CREATE | HEPTA_SEM_EXCL, 0600, places, &o,
                                       &permit), 0);
}

static inline void begin(uint32_t places)
{
    begin_with(places, 0);
}

static inline void check(void)
{
    char why[128] = "";
    int r = h7_room_permit.check(permit, why, sizeof why);
    if (r < 0)
        print_error("check: %s\n", why);
    assert_int_equal(r, 0);
}

static inline void end(void)
{
    check();
    assert_int_equal(hepta_permit_close(permit), 0);
    assert_int_equal(hepta_permit_unlink("/p"), 0);
}

static inline int try_take(void)
{
    return hepta_permit_take(permit, HEPTA_NOW);
}

static inline struct hepta_permit_stat stat_now(void)
{
    struct hepta_permit_stat st;
    assert_int_equal(hepta_permit_stat(permit, &st), 0);
    return st;
}

struct holder {
    uint32_t places;
    uint32_t said;
};

static inline int hold(void *arg)
{
    struct holder *h = arg;
    for (uint32_t i = 0; i < h->places; i++)
        CHILD_CHECK(hepta_permit_take(permit, HEPTA_NOW) == 0);
    unit_say(&h->said, 1);
    return unit_stay();
}

static inline pid_t start_holder(struct holder *h, uint32_t places)
{
    *h = (struct holder){.places = places};
    pid_t pid = unit_start(hold, h);
    unit_await(&h->said, 0);
    return pid;
}

static inline int take_forever(void *arg)
{
    (void)arg;
    return hepta_permit_take(permit, HEPTA_FOREVER) == 0 ? 7 : 1;
}

static inline int is_readable(int fd, int ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, ms);
}

#endif
