/* SPDX-License-Identifier: MIT */
/* base/handle_test.c - handles are zeroed, aligned, reused and never given back to malloc */
#include "base/unit_test.h"

#include <pthread.h>

#include "base/handle.h"
#include "base/self.h"

#define LEN 200

static void *new_handle(size_t len)
{
    void *h = h7_handle_new(len);
    assert_non_null(h);
    assert_true((uintptr_t)h % H7_CACHE_LINE == 0);
    return h;
}

static void test_zeroed_also_when_reused(void **state)
{
    static const char zero[LEN];
    (void)state;
    char *h = new_handle(LEN);
    assert_memory_equal(h, zero, LEN);
    memset(h, 0x5a, LEN);
    h7_store32_relaxed(&((struct h7_handle *)h)->kind, 0);
    h7_handle_free(h, LEN);
    assert_ptr_equal(new_handle(LEN), h);
    assert_memory_equal(h, zero, LEN);
    h7_handle_free(h, LEN);
}

/* What a closed handle's verb reads: the kind word, still mapped and still 0. */
static void test_closed_can_be_read(void **state)
{
    (void)state;
    struct h7_handle *h = new_handle(LEN);
    h7_store32_relaxed(&h->kind, 7);
    h7_store32_relaxed(&h->kind, 0);
    h7_handle_free(h, LEN);
    assert_int_equal(h7_load32_relaxed(&h->kind), 0);
}

static void test_sizes_do_not_mix(void **state)
{
    (void)state;
    char *small = new_handle(64), *large = new_handle(640);
    h7_handle_free(small, 64);
    char *other = new_handle(640);
    assert_ptr_not_equal(other, small);
    h7_handle_free(large, 640);
    h7_handle_free(other, 640);
    assert_ptr_equal(new_handle(640), other);
    assert_ptr_equal(new_handle(640), large);
    assert_ptr_equal(new_handle(33), small); /* the same class: one line */
    h7_handle_free(large, 640);
    h7_handle_free(other, 640);
    h7_handle_free(small, 64);
}

static void test_too_large(void **state)
{
    (void)state;
    assert_null(h7_handle_new(1 << 20));
    assert_null(h7_handle_new(24 * H7_CACHE_LINE));
}

/* Each owner writes its mark all over: two owners of one handle would see it. */
static void *churn(void *arg)
{
    unsigned char mark = (unsigned char)(uintptr_t)arg;
    for (int i = 0; i < 2000; i++) {
        unsigned char *h = h7_handle_new(LEN);
        if (!h)
            return "no handle";
        memset(h + sizeof(struct h7_handle), mark, LEN - sizeof(struct h7_handle));
        for (size_t k = sizeof(struct h7_handle); k < LEN; k++)
            if (h[k] != mark)
                return "shared with another thread";
        h7_handle_free(h, LEN);
    }
    return NULL;
}

static void test_threads(void **state)
{
    pthread_t t[3];
    void *wrong;
    (void)state;
    for (uintptr_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&t[i], NULL, churn, (void *)(i + 1)), 0);
    for (int i = 0; i < 3; i++) {
        pthread_join(t[i], &wrong);
        assert_null(wrong);
    }
}

static int stop;

static void *churn_until_stopped(void *arg)
{
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
        churn(arg);
    return NULL;
}

static int use_one(void *arg)
{
    (void)arg;
    void *h = h7_handle_new(LEN);
    CHILD_CHECK(h);
    h7_handle_free(h, LEN);
    return unit_leave(0);
}

/* A child that was forked while another thread was in the free list must not hang. */
static void test_fork_while_others_are_inside(void **state)
{
    pthread_t t;
    (void)state;
    __atomic_store_n(&stop, 0, __ATOMIC_RELAXED);
    assert_int_equal(pthread_create(&t, NULL, churn_until_stopped, (void *)9), 0);
    int bad = 0;
    for (int i = 0; i < 30; i++)
        bad += unit_reap(unit_start(use_one, NULL)) != -SIGKILL;
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    pthread_join(t, NULL);
    assert_int_equal(bad, 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_zeroed_also_when_reused),
    cmocka_unit_test(test_closed_can_be_read),
    cmocka_unit_test(test_sizes_do_not_mix),
    cmocka_unit_test(test_too_large),
    cmocka_unit_test(test_threads),
    cmocka_unit_test(test_fork_while_others_are_inside),
};

UNIT_MAIN(tests)
