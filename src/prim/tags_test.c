/* SPDX-License-Identifier: MIT */
/* prim/tags_test.c - spans with something beside them, and what the dead leave of them */
#define _GNU_SOURCE
#include "base/unit_test.h"

#include "prim/tags.h"

static struct h7_tags t;

static int clear(void **state)
{
    (void)state;
    memset(&t, 0, sizeof t);
    return 0;
}

static int check(void **state)
{
    (void)state;
    return h7_tags_check(&t);
}

static uint32_t put(uint64_t index, uint32_t len)
{
    uint32_t id = h7_tags_new_id(&t);
    assert_int_equal(h7_tags_put(&t, index, len, id), 0);
    return id;
}

static void test_no_tag_no_fence(void **state)
{
    (void)state;
    struct h7_tag_seen seen;
    assert_int_equal(h7_tags_fence(&t, 0, 100), 100);
    assert_int_equal(h7_tags_here(&t, 0, &seen), 0);
}

static void test_fence_stops_before_a_tag(void **state)
{
    (void)state;
    struct h7_tag_seen seen;
    uint32_t id = put(50, 10);
    assert_int_equal(h7_tags_fence(&t, 0, 100), 50);
    assert_int_equal(h7_tags_fence(&t, 49, 51), 1);
    assert_int_equal(h7_tags_fence(&t, 50, 50), 0);
    assert_int_equal(h7_tags_here(&t, 49, &seen), 0);
    assert_int_equal(h7_tags_here(&t, 50, &seen), 1);
    assert_int_equal(seen.id, id);
    assert_int_equal(seen.len, 10);
    /* Passed, if only in part: what is left is bytes like others. */
    assert_int_equal(h7_tags_fence(&t, 51, 49), 49);
    assert_int_equal(h7_tags_here(&t, 50, &seen), 0);
}

static void test_a_tag_beyond_the_head_is_no_fence(void **state)
{
    (void)state;
    put(100, 5);
    assert_int_equal(h7_tags_fence(&t, 40, 60), 60);
}

static void test_retract_takes_back_what_the_head_has_not_passed(void **state)
{
    (void)state;
    struct h7_tag_seen seen;
    put(10, 5);
    put(15, 5);
    h7_tags_retract(&t, 15); /* T3: the second was put, nothing was published */
    assert_int_equal(h7_tags_fence(&t, 10, 100), 0);
    assert_int_equal(h7_tags_fence(&t, 11, 100), 100);
    uint32_t id = put(15, 7);
    h7_tags_retract(&t, 22); /* published: it stays */
    h7_tags_retract(&t, 16);
    assert_int_equal(h7_tags_here(&t, 15, &seen), 1);
    assert_int_equal(seen.id, id);
    assert_int_equal(id, 3); /* no number is used twice */
}

static void test_retract_of_nothing(void **state)
{
    (void)state;
    h7_tags_retract(&t, 0);
    put(10, 1);
    assert_int_equal(h7_tags_fence(&t, 11, 1), 1); /* counts it out */
    h7_tags_retract(&t, 0);
    assert_int_equal(h7_load32_relaxed(&t.n_put), 1);
}

static void test_full_until_passed(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < H7_TAGS; i++)
        put(i, 1);
    assert_true(h7_tags_full(&t));
    assert_int_equal(h7_tags_put(&t, H7_TAGS, 1, h7_tags_new_id(&t)), -EAGAIN);
    assert_int_equal(h7_tags_fence(&t, 0, 10), 0);
    assert_true(h7_tags_full(&t));
    assert_int_equal(h7_tags_fence(&t, 1, 10), 0); /* one has been passed */
    assert_false(h7_tags_full(&t));
    put(H7_TAGS, 1);
}

/* The counters wrap. */
static void test_many_rounds(void **state)
{
    (void)state;
    h7_store32_relaxed(&t.n_put, UINT32_MAX - 5);
    h7_store32_relaxed(&t.n_taken, UINT32_MAX - 5);
    for (uint64_t i = 0; i < 1000; i++) {
        struct h7_tag_seen seen;
        uint32_t id = put(i * 8, 8);
        assert_int_equal(h7_tags_here(&t, i * 8, &seen), 1);
        assert_int_equal(seen.id, id);
    }
}

static void test_nonsense_is_told(void **state)
{
    (void)state;
    struct h7_tag_seen seen;
    h7_store32_relaxed(&t.n_put, H7_TAGS + 1);
    assert_int_equal(h7_tags_fence(&t, 0, 10), -EBADMSG);
    assert_int_equal(h7_tags_here(&t, 0, &seen), -EBADMSG);
    assert_int_equal(h7_tags_check(&t), -EBADMSG);
    clear(NULL);
    put(20, 1);
    put(10, 1);
    assert_int_equal(h7_tags_check(&t), -EBADMSG);
    clear(NULL);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, clear, check)
    const struct CMUnitTest tests[] = {
        T(test_no_tag_no_fence),
        T(test_fence_stops_before_a_tag),
        T(test_a_tag_beyond_the_head_is_no_fence),
        T(test_retract_takes_back_what_the_head_has_not_passed),
        T(test_retract_of_nothing),
        T(test_full_until_passed),
        T(test_many_rounds),
        T(test_nonsense_is_told),
    };
    alarm(UNIT_LIMIT_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
