/* SPDX-License-Identifier: MIT */
/* semaphore/set_test.h - what the tests of the set share: one set, children that sleep on it */
#ifndef H7_SEMAPHORE_SET_TEST_H
#define H7_SEMAPHORE_SET_TEST_H

#include "semaphore/set_internal.h"

#include <sys/stat.h>

#include "name/name.h"
#include "name/name_test.h"
#include "prim/life.h"

#define KIND "test"

static struct h7_set set;

static inline int attach_it(int obj, void *arg)
{
    return h7_set_attach(arg, obj, H7_KIND_TEST, HEPTA_WAIT_ADAPTIVE, 0);
}

static inline void begin_with(uint32_t n, uint32_t rows_max, uint32_t flags, uint32_t value)
{
    struct h7_draft d;
    struct h7_set_plan plan;
    assert_true(h7_set_plan(&plan, n, rows_max, flags, value) > 0);
    assert_int_equal(h7_life_know_self(), 0);
    assert_int_equal(h7_draft_begin(&d), 0);
    assert_int_equal(h7_set_make(d.fd, H7_KIND_TEST, 0600, &plan, "", 1), 0);
    assert_int_equal(h7_draft_publish(&d, KIND, "/s", 0700), 0);
    h7_draft_end(&d);
    assert_int_equal(h7_name_attach(KIND, "/s", attach_it, &set), 0);
}

static inline void begin(uint32_t n)
{
    begin_with(n, 8, H7_SET_TIMES, 0);
}

static inline void check(void)
{
    char why[128] = "";
    int r = h7_set_check(&set, why, sizeof why);
    if (r < 0)
        print_error("check: %s\n", why);
    assert_int_equal(r, 0);
}

static inline void end(void)
{
    check();
    h7_set_detach(&set);
    assert_int_equal(h7_name_unlink(KIND, "/s"), 0);
}

static inline int op1(uint32_t sem, int op, int flags)
{
    struct sembuf b = {(unsigned short)sem, (short)op, (short)flags};
    return h7_set_op(&set, &b, 1, HEPTA_FOREVER);
}

static inline int try1(uint32_t sem, int op)
{
    return op1(sem, op, IPC_NOWAIT);
}

static inline int value_of(uint32_t sem)
{
    struct h7_set_look look;
    int r = h7_set_look(&set, sem, &look);
    return r < 0 ? r : look.value;
}

static inline void set_to(uint32_t sem, unsigned short value)
{
    assert_int_equal(h7_set_set(&set, sem, &value, 1), 0);
}

static inline uint32_t n_waiting(void)
{
    return h7_load32_relaxed(&set.sleepers->n_waiting);
}

static inline void await_sleepers(uint32_t n)
{
    while (n_waiting() != n)
        unit_sleep_ms(1);
}

static inline int array(const struct sembuf *ops, size_t n)
{
    return h7_set_op(&set, ops, n, HEPTA_NOW);
}

#define ARRAY(...)                                             \
    array((const struct sembuf[]){__VA_ARGS__},                \
          sizeof((const struct sembuf[]){__VA_ARGS__}) / sizeof(struct sembuf))

struct sleeper {
    struct sembuf ops[4];
    size_t n;
    int64_t ms;     /* deadline; 0 none */
    uint32_t *turn; /* counts those that have done it */
};

/* The result is its turn, from 1 on; or 100 + errno. */
static inline int sleep_on(void *arg)
{
    struct sleeper *s = arg;
    int r = h7_set_op(&set, s->ops, s->n, s->ms ? hepta_in_ms(s->ms) : HEPTA_FOREVER);
    if (r < 0)
        return 100 - r;
    return (int)__atomic_add_fetch(s->turn, 1, __ATOMIC_SEQ_CST);
}

static inline pid_t start_sleeper(struct sleeper *s)
{
    uint32_t before = n_waiting();
    pid_t pid = unit_start(sleep_on, s);
    await_sleepers(before + 1);
    return pid;
}

struct doing {
    struct sembuf ops[4];
    size_t n;
    uint32_t *said;
    int stay;
};

static inline int do_ops(void *arg)
{
    struct doing *d = arg;
    CHILD_CHECK(h7_set_op(&set, d->ops, d->n, HEPTA_NOW) == 0);
    if (d->said)
        unit_say(d->said, 1);
    return d->stay ? unit_stay() : 0;
}

#endif
