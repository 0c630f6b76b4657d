/* SPDX-License-Identifier: MIT */
/* name/alive_test.c - what is open while a process has something: once, whoever begins it */
#define _GNU_SOURCE
#include "name/alive.h"

#include <pthread.h>
#include <sched.h>

#include "name/name_test.h"
#include "prim/life.h"

#define ROUNDS 50000u
#define LONGEST_MS 2000 /* where both threads share a core, or under TSan */

static int obj;
static struct h7_alive alive;
static uint32_t round_no, n_done; /* of the other thread */

static void make(void)
{
    struct h7_draft d;
    assert_int_equal(h7_life_know_self(), 0);
    assert_int_equal(h7_draft_begin(&d), 0);
    assert_int_equal(h7_draft_file(d.fd, H7_PART_LIFE, 0600), 0);
    assert_int_equal(h7_draft_publish(&d, "test", "/a", 0700), 0);
    h7_draft_end(&d);
    obj = h7_name_open("test", "/a");
    assert_true(obj >= 0);
}

static void await(const uint32_t *n, uint32_t at_least)
{
    for (int i = 0; __atomic_load_n(n, __ATOMIC_SEQ_CST) < at_least; i++)
        if (i < 1000)
            h7_pause();
        else
            sched_yield();
}

static void *begin_each_round(void *arg)
{
    (void)arg;
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        await(&round_no, i);
        if (__atomic_load_n(&round_no, __ATOMIC_SEQ_CST) == UINT32_MAX)
            break;
        if (h7_alive_begin(&alive, obj) != 0)
            return &alive;
        __atomic_store_n(&n_done, i, __ATOMIC_SEQ_CST);
    }
    return NULL;
}

static void pause_for(uint32_t n)
{
    while (n-- > 0)
        h7_pause();
}

/* A second descriptor would be lost. */
static void test_begun_by_two_threads(void **state)
{
    pthread_t thread;
    void *r;
    (void)state;
    make();
    assert_int_equal(pthread_create(&thread, NULL, begin_each_round, NULL), 0);
    int64_t end = hepta_in_ms(LONGEST_MS);
    for (uint32_t i = 1; i <= ROUNDS && hepta_now_ns() < end; i++) {
        __atomic_store_n(&round_no, i, __ATOMIC_SEQ_CST);
        pause_for(i % 200);
        assert_int_equal(h7_alive_begin(&alive, obj), 0);
        await(&n_done, i);
        h7_alive_end(&alive);
        h7_store64_relaxed(&alive.gen, 0); /* another object's */
    }
    __atomic_store_n(&round_no, UINT32_MAX, __ATOMIC_SEQ_CST);
    assert_int_equal(pthread_join(thread, &r), 0);
    assert_null(r);
    close(obj);
    assert_int_equal(h7_name_unlink("test", "/a"), 0);
}

static const struct CMUnitTest tests[] = {
    NAMES_TEST(test_begun_by_two_threads),
};

NAMES_MAIN(tests)
