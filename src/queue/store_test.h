/* SPDX-License-Identifier: MIT */
/* queue/store_test.h - one store to try: made, filled, taken from, checked and removed */
#ifndef H7_QUEUE_STORE_TEST_H
#define H7_QUEUE_STORE_TEST_H

#include "name/name.h"
#include "name/name_test.h"
#include "prim/life.h"
#include "queue/store_internal.h"

#define KIND "test"

static struct h7_store store;

static inline void make(uint32_t n_slots, uint32_t msg_max, uint32_t flags, uint64_t budget)
{
    struct h7_draft d;
    struct h7_store_plan plan;
    assert_true(h7_store_plan(&plan, n_slots, msg_max, flags, budget) > 0);
    assert_int_equal(h7_life_know_self(), 0);
    assert_int_equal(h7_draft_begin(&d), 0);
    assert_int_equal(h7_store_make(d.fd, H7_KIND_TEST, 0600, &plan, 0, "", 1), 0);
    assert_int_equal(h7_draft_publish(&d, KIND, "/q", 0700), 0);
    h7_draft_end(&d);
}

static inline int attach_it(int obj, void *arg)
{
    return h7_store_attach(arg, obj, H7_KIND_TEST, HEPTA_WAIT_ADAPTIVE, 0);
}

static inline void begin(uint32_t n_slots, uint32_t msg_max, uint32_t flags, uint64_t budget)
{
    make(n_slots, msg_max, flags, budget);
    assert_int_equal(h7_name_attach(KIND, "/q", attach_it, &store), 0);
}

static inline void check(void)
{
    char why[128] = "";
    int r = h7_store_check(&store, why, sizeof why);
    if (r < 0)
        print_error("check: %s\n", why);
    assert_int_equal(r, 0);
}

static inline void end(void)
{
    check();
    h7_store_detach(&store);
    assert_int_equal(h7_name_unlink(KIND, "/q"), 0);
}

static inline int put(uint64_t key, uint32_t value)
{
    return h7_store_send(&store, key, &value, sizeof value, HEPTA_NOW);
}

static inline int64_t get_with(struct h7_take t)
{
    uint32_t value = 0;
    t.buf = &value;
    t.len = sizeof value;
    ssize_t n = h7_store_take(&store, &t, HEPTA_NOW);
    return n == sizeof value ? (int64_t)value : n;
}

static inline int64_t get(enum h7_pick pick, uint64_t key)
{
    return get_with((struct h7_take){.pick = pick, .key = key});
}

static inline void send_text(size_t len, char c, int expect)
{
    char *text = malloc(len + 1);
    memset(text, c, len);
    assert_int_equal(h7_store_send(&store, 0, text, len, HEPTA_NOW), expect);
    free(text);
}

static inline void take_text(size_t len, char c)
{
    char *text = malloc(len + 1);
    struct h7_take t = {.pick = H7_PICK_FIRST, .buf = text, .len = len + 1};
    assert_int_equal(h7_store_take(&store, &t, HEPTA_NOW), len);
    for (size_t i = 0; i < len; i++)
        assert_int_equal(text[i], c);
    free(text);
}

#endif
