/* SPDX-License-Identifier: MIT */
/*
 * queue/store_test.c - the store alone: order, both ways of keeping bytes, waiting, claims,
 * deaths at chosen places. The rooms' tests and tests/crash go further.
 */
#define _GNU_SOURCE
#include "queue/store_internal.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "name/name.h"
#include "name/name_test.h"
#include "prim/life.h"
#include "queue/mend.h"

#define KIND "test"

static struct h7_store store;

static void make(uint32_t n_slots, uint32_t msg_max, uint32_t flags, uint64_t budget)
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

static int attach_it(int obj, void *arg)
{
    return h7_store_attach(arg, obj, H7_KIND_TEST, HEPTA_WAIT_ADAPTIVE, 0);
}

static void begin(uint32_t n_slots, uint32_t msg_max, uint32_t flags, uint64_t budget)
{
    make(n_slots, msg_max, flags, budget);
    assert_int_equal(h7_name_attach(KIND, "/q", attach_it, &store), 0);
}

static void check(void)
{
    char why[128] = "";
    int r = h7_store_check(&store, why, sizeof why);
    if (r < 0)
        print_error("check: %s\n", why);
    assert_int_equal(r, 0);
}

static void end(void)
{
    check();
    h7_store_detach(&store);
    assert_int_equal(h7_name_unlink(KIND, "/q"), 0);
}

static int put(uint64_t key, uint32_t value)
{
    return h7_store_send(&store, key, &value, sizeof value, HEPTA_NOW);
}

static int64_t get_with(struct h7_take t)
{
    uint32_t value = 0;
    t.buf = &value;
    t.len = sizeof value;
    ssize_t n = h7_store_take(&store, &t, HEPTA_NOW);
    return n == sizeof value ? (int64_t)value : n;
}

static int64_t get(enum h7_pick pick, uint64_t key)
{
    return get_with((struct h7_take){.pick = pick, .key = key});
}

static void test_order(void **state)
{
    (void)state;
    begin(8, 64, H7_PLAN_CELLS | H7_PLAN_BY_AGE, 0);
    assert_int_equal(get(H7_PICK_FIRST, 0), -EAGAIN);
    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(put(i % 3, i), 0);
    assert_int_equal(put(0, 9), -EAGAIN);
    check();
    assert_int_equal(get(H7_PICK_NTH, 5), 5);
    assert_int_equal(get(H7_PICK_KEY, 1), 1);
    assert_int_equal(get(H7_PICK_NOT_KEY, 0), 2);
    assert_int_equal(get(H7_PICK_UP_TO, 7), 0);
    assert_int_equal(get(H7_PICK_OLDEST, 0), 3);
    assert_int_equal(get(H7_PICK_FIRST, 0), 6);
    assert_int_equal(get(H7_PICK_UP_TO, 0), -EAGAIN);
    assert_int_equal(get(H7_PICK_FIRST, 0), 4);
    assert_int_equal(get(H7_PICK_FIRST, 0), 7);
    assert_int_equal(get(H7_PICK_FIRST, 0), -EAGAIN);
    end();
}

static void test_many_rounds(void **state)
{
    (void)state;
    begin(5, 64, H7_PLAN_CELLS, 0);
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(put(0, i), 0);
        assert_int_equal(put(0, i + 1), 0);
        assert_int_equal(get(H7_PICK_FIRST, 0), i);
        assert_int_equal(get(H7_PICK_FIRST, 0), i + 1);
    }
    end();
}

static void send_text(size_t len, char c, int expect)
{
    char *text = malloc(len + 1);
    memset(text, c, len);
    assert_int_equal(h7_store_send(&store, 0, text, len, HEPTA_NOW), expect);
    free(text);
}

static void take_text(size_t len, char c)
{
    char *text = malloc(len + 1);
    struct h7_take t = {.pick = H7_PICK_FIRST, .buf = text, .len = len + 1};
    assert_int_equal(h7_store_take(&store, &t, HEPTA_NOW), len);
    for (size_t i = 0; i < len; i++)
        assert_int_equal(text[i], c);
    free(text);
}

static void test_bytes(uint32_t flags, uint64_t budget)
{
    static const size_t lens[] = {0, 1, 72, 73, 255, 256, 257, 1000, 65536, 65537, 200000};
    begin(16, 200000, flags, budget);
    for (int round = 0; round < 5; round++) {
        for (size_t i = 0; i < sizeof lens / sizeof *lens; i++)
            send_text(lens[i], (char)('a' + i), 0);
        check();
        for (size_t i = 0; i < sizeof lens / sizeof *lens; i++)
            take_text(lens[i], (char)('a' + i));
        check();
    }
    end();
}

static void test_cells(void **state)
{
    (void)state;
    test_bytes(H7_PLAN_CELLS, 0);
}

static void test_blocks(void **state)
{
    (void)state;
    test_bytes(0, 400000);
}

/* The budget is the limit, exactly, and what was freed can be had again. */
static void test_short_budget(void **state)
{
    (void)state;
    begin(16, 1024, 0, 2048);
    for (int round = 0; round < 20; round++) {
        send_text(1024, 'x', 0);
        send_text(700, 'y', 0);
        send_text(512, 'z', -EAGAIN);
        send_text(256, 'z', 0);
        send_text(73, 'z', -EAGAIN);
        send_text(72, 'w', 0);
        take_text(1024, 'x');
        send_text(1024, 'v', 0);
        take_text(700, 'y');
        take_text(256, 'z');
        take_text(72, 'w');
        take_text(1024, 'v');
    }
    end();
}

static void test_lease_returns_to_its_place(void **state)
{
    struct h7_take t = {.pick = H7_PICK_FIRST, .flags = H7_TAKE_LEASE};
    uint32_t value;
    (void)state;
    begin(8, 64, H7_PLAN_CELLS, 0);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(put(1, i), 0);
    t.buf = &value;
    t.len = sizeof value;
    assert_int_equal(h7_store_take(&store, &t, HEPTA_NOW), sizeof value);
    assert_int_equal(value, 0);
    assert_int_equal(t.deliveries, 1);
    check();
    assert_int_equal(get(H7_PICK_FIRST, 0), 1);
    uint64_t lease = t.lease;
    assert_int_equal(h7_store_give_back(&store, lease), 0);
    assert_int_equal(h7_store_give_back(&store, lease), -ESRCH);
    assert_int_equal(h7_store_take(&store, &t, HEPTA_NOW), sizeof value);
    assert_int_equal(value, 0);
    assert_int_equal(t.deliveries, 2);
    assert_int_equal(h7_store_ack(&store, lease), -ESRCH);
    assert_int_equal(h7_store_ack(&store, t.lease), 0);
    assert_int_equal(get(H7_PICK_FIRST, 0), 2);
    assert_int_equal(get(H7_PICK_FIRST, 0), 3);
    end();
}

static int lease_and_stay(void *arg)
{
    struct h7_take t = {.pick = H7_PICK_FIRST, .flags = H7_TAKE_LEASE};
    uint32_t value, *said = arg;
    t.buf = &value;
    t.len = sizeof value;
    CHILD_CHECK(h7_store_take(&store, &t, HEPTA_FOREVER) == sizeof value);
    unit_say(said, 1);
    return unit_stay();
}

static void test_lease_of_the_dead(void **state)
{
    uint32_t *said = unit_shared(sizeof *said);
    (void)state;
    begin(8, 64, H7_PLAN_CELLS, 0);
    int fd = h7_store_fd(&store, H7_P);
    assert_true(fd >= 0);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 0), 0);
    assert_int_equal(put(1, 7), 0);
    assert_int_equal(poll(&p, 1, 0), 1);
    pid_t pid = unit_start(lease_and_stay, said);
    unit_await(said, 0);
    assert_int_equal(get(H7_PICK_FIRST, 0), -EAGAIN);
    assert_int_equal(poll(&p, 1, 0), 0);
    unit_kill(pid);
    assert_int_equal(poll(&p, 1, 1000), 1);
    assert_int_equal(get(H7_PICK_FIRST, 0), 7);
    assert_int_equal(get(H7_PICK_FIRST, 0), -EAGAIN);
    assert_int_equal(poll(&p, 1, 0), 0);
    end();
}

static int take_forever(void *arg)
{
    uint32_t value = 0;
    struct h7_take t = {.pick = H7_PICK_FIRST, .buf = &value, .len = sizeof value};
    (void)arg;
    CHILD_CHECK(h7_store_take(&store, &t, HEPTA_FOREVER) == sizeof value);
    return (int)value;
}

static void test_sleeping_receivers(void **state)
{
    pid_t pid[3];
    (void)state;
    begin(8, 64, H7_PLAN_CELLS, 0);
    for (int i = 0; i < 3; i++) {
        pid[i] = unit_start(take_forever, NULL);
        while (h7_load32_relaxed(&store.shared->sleepers[H7_P].n_waiting) != (uint32_t)i + 1)
            unit_sleep_ms(1);
    }
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(put(0, i + 10), 0);
        assert_int_equal(unit_reap(pid[i]), i + 10); /* the order of arrival */
    }
    end();
}

/* The first is killed in its sleep: the call goes on to the second. */
static void test_dead_sleeper(void **state)
{
    pid_t pid[2];
    (void)state;
    begin(8, 64, H7_PLAN_CELLS, 0);
    for (int i = 0; i < 2; i++) {
        pid[i] = unit_start(take_forever, NULL);
        while (h7_load32_relaxed(&store.shared->sleepers[H7_P].n_waiting) != (uint32_t)i + 1)
            unit_sleep_ms(1);
    }
    unit_kill(pid[0]);
    assert_int_equal(put(0, 5), 0);
    assert_int_equal(unit_reap(pid[1]), 5);
    end();
}

static int send_forever(void *arg)
{
    uint32_t value = 42;
    (void)arg;
    return h7_store_send(&store, 0, &value, sizeof value, HEPTA_FOREVER);
}

static void test_sleeping_sender(void **state)
{
    (void)state;
    begin(2, 64, H7_PLAN_CELLS, 0);
    assert_int_equal(put(0, 1), 0);
    assert_int_equal(put(0, 2), 0);
    pid_t pid = unit_start(send_forever, NULL);
    while (h7_load32_relaxed(&store.shared->sleepers[H7_C].n_waiting) != 1)
        unit_sleep_ms(1);
    assert_int_equal(get(H7_PICK_FIRST, 0), 1);
    assert_int_equal(unit_reap(pid), 0);
    assert_int_equal(get(H7_PICK_FIRST, 0), 2);
    assert_int_equal(get(H7_PICK_FIRST, 0), 42);
    end();
}

static int die_inside(void *arg)
{
    int side = *(int *)arg;
    CHILD_CHECK(h7_store_enter(&store, side, HEPTA_FOREVER) == 0);
    if (side == H7_P)
        h7_store64_relaxed(&store.shared->side[H7_P].freed_seen, 12345);
    else
        h7_index_clear(&store.index);
    raise(SIGKILL);
    return 0;
}

static void test_death_inside(void **state)
{
    (void)state;
    begin(8, 64, H7_PLAN_CELLS | H7_PLAN_BY_AGE, 0);
    for (int side = 0; side < 2; side++) {
        for (uint32_t i = 0; i < 5; i++)
            assert_int_equal(put(i % 2, i), 0);
        assert_int_equal(get(H7_PICK_OLDEST, 0), 0);
        assert_int_equal(unit_reap(unit_start(die_inside, &side)), -SIGKILL);
        assert_int_equal(put(0, 9), 0);
        check();
        assert_int_equal(get(H7_PICK_FIRST, 0), 2);
        assert_int_equal(get(H7_PICK_FIRST, 0), 4);
        assert_int_equal(get(H7_PICK_FIRST, 0), 9);
        assert_int_equal(get(H7_PICK_FIRST, 0), 1);
        assert_int_equal(get(H7_PICK_FIRST, 0), 3);
    }
    end();
}

static void test_reserve(void **state)
{
    uint32_t slot[2];
    void *ptr[2];
    (void)state;
    begin(2, 1000, H7_PLAN_CELLS, 0);
    assert_int_equal(h7_store_reserve(&store, 1000, &slot[0], &ptr[0], HEPTA_NOW), 0);
    assert_int_equal(h7_store_reserve(&store, 4, &slot[1], &ptr[1], HEPTA_NOW), 0);
    assert_int_equal(put(0, 1), -EAGAIN);
    uint32_t value = 3, found;
    memcpy(ptr[1], &value, sizeof value);
    assert_int_equal(h7_store_reserved_at(&store, ptr[1], &found), 0);
    assert_int_equal(found, slot[1]);
    assert_int_equal(h7_store_commit(&store, slot[1], 0, 4), 0);
    assert_int_equal(h7_store_commit(&store, slot[1], 0, 4), -ESRCH);
    assert_int_equal(get(H7_PICK_FIRST, 0), 3);
    assert_int_equal(h7_store_cancel(&store, slot[0]), 0);
    assert_int_equal(put(0, 1), 0);
    assert_int_equal(put(0, 2), 0);
    assert_int_equal(get(H7_PICK_FIRST, 0), 1);
    assert_int_equal(get(H7_PICK_FIRST, 0), 2);
    end();
}

/* While this process fills its slot, a peer says that the bytes lie elsewhere. */
static void test_place_changed_meanwhile(void **state)
{
    static char text[1000];
    uint32_t slot;
    void *ptr;
    (void)state;
    begin(4, sizeof text, 0, 2048);
    assert_int_equal(h7_store_reserve(&store, sizeof text, &slot, &ptr, HEPTA_NOW), 0);
    struct h7_a32 *place = &store.slots[slot].place;
    const uint32_t right = h7_load32_relaxed(place), n = (uint32_t)store.plan.n_blocks;
    const uint32_t wrong[] = {H7_PLACE_INLINE, H7_PLACE_CELL, n, UINT32_MAX - 2};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        h7_store32_relaxed(place, wrong[i]);
        assert_null(h7_bytes_at(&store, slot, sizeof text));
        assert_int_equal(h7_bytes_in(&store, slot, text, sizeof text), -EBADMSG);
        assert_int_equal(h7_bytes_out(&store, slot, text, sizeof text), -EBADMSG);
    }
    h7_store32_relaxed(place, right);
    h7_store32_relaxed(&store.slots[slot].len, 1); /* whatever it says now, ptr is for 1000 */
    assert_ptr_equal(h7_bytes_at(&store, slot, sizeof text), ptr);
    assert_int_equal(h7_store_cancel(&store, slot), 0);
    end();
}

/* A plan that h7_store_plan() never makes: cells, and blocks for which there is no room. */
static void test_plan_of_both(void **state)
{
    struct h7_store other;
    (void)state;
    begin(4, 64, H7_PLAN_CELLS, 0);
    store.shared->plan.n_blocks = 1000;
    store.shared->plan.block_len = 1u << 20;
    assert_int_equal(h7_name_attach(KIND, "/q", attach_it, &other), -EBADMSG);
    store.shared->plan.flags = 0;
    store.shared->plan.n_blocks = 0;
    assert_int_equal(h7_name_attach(KIND, "/q", attach_it, &other), -EBADMSG);
    store.shared->plan = store.plan;
    end();
}

/* What a peer says was freed so far may be anything: no loop that ends in a thousand years. */
static void test_freed_far_away(void **state)
{
    (void)state;
    begin(4, 1024, 0, 1024);
    send_text(1000, 'a', 0); /* the blocks are all in use, of the slots three are free */
    const uint64_t right = h7_load64_relaxed(&store.shared->freed);
    alarm(20);
    h7_store64_relaxed(&store.shared->freed, right + (1ull << 60));
    send_text(1000, 'b', -EBADMSG);
    alarm(0);
    h7_store64_relaxed(&store.shared->freed, right);
    h7_store64_relaxed(&store.shared->side[H7_P].freed_seen, right);
    take_text(1000, 'a');
    end();
}

static int take_as_urgent(void *arg)
{
    (void)arg;
    CHILD_CHECK(setpriority(PRIO_PROCESS, 0, -10) == 0);
    return take_forever(NULL);
}

/* One of a better rank comes, is called and dies: the one that slept without a tick till then
 * has to look. */
static void test_dead_urgent_sleeper(void **state)
{
    struct h7_sleepers *t;
    pid_t pid[2];
    (void)state;
    begin(8, 64, H7_PLAN_CELLS, 0);
    t = &store.shared->sleepers[H7_P];
    pid[0] = unit_start(take_forever, NULL);
    while (h7_load32_relaxed(&t->n_waiting) != 1)
        unit_sleep_ms(1);
    unit_sleep_ms(50);
    pid[1] = unit_start(take_as_urgent, NULL);
    while (h7_load32_relaxed(&t->n_waiting) != 2)
        unit_sleep_ms(1);
    unit_sleep_ms(50);
    kill(pid[1], SIGSTOP); /* stands for: it was woken, and dies before it takes */
    unit_sleep_ms(20);
    assert_int_equal(put(0, 5), 0);
    unit_kill(pid[1]);
    for (int i = 0; i < 100 && h7_store_available(&store); i++)
        unit_sleep_ms(20);
    int left = (int)h7_store_available(&store);
    if (left)
        unit_kill(pid[0]);
    else
        assert_int_equal(unit_reap(pid[0]), 5);
    assert_int_equal(left, 0);
    end();
}

static int n_told;
static struct h7_a32 wanted;
static void tell_it(struct h7_store *st)
{
    (void)st;
    n_told++;
}

/* Who is told is told of a message: not of a commit that is refused. */
static void test_refused_commit_tells_nobody(void **state)
{
    uint32_t slot;
    void *ptr;
    (void)state;
    begin(4, 64, H7_PLAN_CELLS, 0);
    store.notify = tell_it;
    store.notify_wanted = &wanted;
    h7_store32_relaxed(&wanted, 1);
    assert_int_equal(h7_store_reserve(&store, 8, &slot, &ptr, HEPTA_NOW), 0);
    assert_int_equal(h7_store_commit(&store, slot, 0, 9), -EMSGSIZE);
    assert_int_equal(n_told, 0);
    assert_int_equal(h7_store_commit(&store, slot, 0, 8), 0);
    assert_int_equal(n_told, 1);
    h7_store32_relaxed(&wanted, 0);
    end();
}

static const struct CMUnitTest tests[] = {
    NAMES_TEST(test_order),
    NAMES_TEST(test_many_rounds),
    NAMES_TEST(test_cells),
    NAMES_TEST(test_blocks),
    NAMES_TEST(test_short_budget),
    NAMES_TEST(test_lease_returns_to_its_place),
    NAMES_TEST(test_lease_of_the_dead),
    NAMES_TEST(test_sleeping_receivers),
    NAMES_TEST(test_dead_sleeper),
    NAMES_TEST(test_sleeping_sender),
    NAMES_TEST(test_death_inside),
    NAMES_TEST(test_reserve),
    NAMES_TEST(test_place_changed_meanwhile),
    NAMES_TEST(test_plan_of_both),
    NAMES_TEST(test_freed_far_away),
    NAMES_TEST(test_dead_urgent_sleeper),
    NAMES_TEST(test_refused_commit_tells_nobody),
};

NAMES_MAIN(tests)
