/* SPDX-License-Identifier: MIT */
/*
 * prim/waiter_test.c - the waiting loop with a clock that the test moves, and wake-ups
 * that are lost on purpose
 *
 * The first half runs h7_wait() on a scripted world: time goes on only when somebody
 * looks, pauses, yields or naps, and every stage leaves a letter in `trace`. The second
 * half uses the real futex.
 */
#include "base/unit_test.h"

#include <pthread.h>

#include "base/sys.h"
#include "prim/waiter.h"

static struct world {
    int64_t now;
    int64_t per_pause, per_yield; /* how far they move the clock */
    int64_t ready_at;             /* when the other side commits */
    bool peer_gone, gone_is_seen;
    int nap_gives, announce_gives, sleep_gives;
    bool wake_is_lost; /* the nap ends by its time, though the commit came */
    int64_t napped;    /* how long it was allowed to */
    char trace[64];
} w;

static struct h7_waiter waiter;

static void note(char stage)
{
    size_t n = strlen(w.trace);
    if (n + 1 < sizeof w.trace && (n == 0 || w.trace[n - 1] != stage))
        w.trace[n] = stage;
}

static int64_t fake_now(void)
{
    return w.now;
}
static void fake_pause(void)
{
    note('s');
    w.now += w.per_pause;
}
static void fake_yield(void)
{
    note('y');
    w.now += w.per_yield;
}
static bool ready(void *ctx)
{
    (void)ctx;
    return w.now >= w.ready_at;
}
static bool gone(void *ctx)
{
    (void)ctx;
    return w.gone_is_seen;
}
static int nap(void *ctx, int64_t ns)
{
    note('n');
    w.napped = ns;
    if (w.nap_gives)
        return w.nap_gives;
    bool in_time = w.ready_at - w.now <= ns;
    w.now = in_time && !w.wake_is_lost && w.ready_at > w.now ? w.ready_at : w.now + ns;
    return ready(ctx) && !w.wake_is_lost;
}
static int announce(void *ctx, int64_t deadline)
{
    (void)deadline;
    note('a');
    return w.announce_gives ? w.announce_gives : ready(ctx);
}
static int sleep_on(void *ctx, int64_t deadline)
{
    (void)ctx;
    note('z');
    w.now = h7_earlier(deadline, w.ready_at);
    return w.sleep_gives;
}
static int hangup(void *ctx)
{
    (void)ctx;
    return w.peer_gone;
}

static const struct h7_waiter_os fake_os = {fake_now, fake_pause, fake_yield};
static const struct h7_wait_ops ops = {&fake_os, ready, gone, nap, announce, sleep_on, hangup};

static int set_up(void **state)
{
    (void)state;
    w = (struct world){.now = 1000, .per_pause = 100, .per_yield = 1000, .ready_at = INT64_MAX};
    h7_waiter_init(&waiter, HEPTA_WAIT_ADAPTIVE, 0);
    return 0;
}

static int wait_until(int64_t deadline)
{
    memset(w.trace, 0, sizeof w.trace);
    return h7_wait(&waiter, &ops, NULL, deadline);
}

static void test_now_does_not_wait(void **state)
{
    (void)state;
    assert_int_equal(wait_until(HEPTA_NOW), -EAGAIN);
    assert_string_equal(w.trace, "");
    assert_int_equal(w.now, 1000);
}

static void test_commit_during_the_spin(void **state)
{
    (void)state;
    w.ready_at = w.now + 20000;
    assert_int_equal(wait_until(HEPTA_FOREVER), H7_WAIT_AGAIN);
    assert_string_equal(w.trace, "s");
}

static void test_spin_is_bounded(void **state)
{
    (void)state;
    const uint32_t limits[] = {0, 10000, H7_SPIN_MAX_NS};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        h7_waiter_init(&waiter, HEPTA_WAIT_ADAPTIVE, limits[i]);
        w.per_yield = 0;
        w.nap_gives = 1;
        int64_t start = w.now, most = limits[i] ? limits[i] : H7_SPIN_ADAPTIVE_NS;
        assert_int_equal(wait_until(HEPTA_FOREVER), H7_WAIT_AGAIN);
        /* One round without the clock, and one between two looks, come on top. */
        assert_true(w.now - start >= most);
        assert_true(w.now - start <= most + 2 * H7_SPINS_PER_LOOK * w.per_pause);
    }
}

static void test_sleep_mode_spins_little(void **state)
{
    (void)state;
    h7_waiter_init(&waiter, HEPTA_WAIT_SLEEP, H7_SPIN_MAX_NS);
    assert_int_equal(h7_load32_relaxed(&waiter.max_ns), H7_SPIN_SLEEP_NS);
    h7_waiter_init(&waiter, HEPTA_WAIT_SLEEP, 100);
    assert_int_equal(h7_load32_relaxed(&waiter.max_ns), 100);
}

static void test_commit_during_the_yields(void **state)
{
    (void)state;
    w.per_yield = 5000;
    w.ready_at = w.now + 2 * H7_SPINS_PER_LOOK * w.per_pause + H7_SPIN_ADAPTIVE_NS + 2500;
    assert_int_equal(wait_until(HEPTA_FOREVER), H7_WAIT_AGAIN);
    assert_string_equal(w.trace, "sy");
}

static void test_commit_during_the_nap(void **state)
{
    (void)state;
    w.ready_at = w.now + 1000000;
    assert_int_equal(wait_until(HEPTA_FOREVER), H7_WAIT_AGAIN);
    assert_string_equal(w.trace, "syn");
    assert_true(w.napped == H7_NAP_NS);
}

/* Dead between commit and wake-up: the nap ends by itself and the last look sees it. */
static void test_lost_wake_up(void **state)
{
    (void)state;
    w.ready_at = w.now + 1000000;
    w.wake_is_lost = true;
    assert_int_equal(wait_until(HEPTA_FOREVER), H7_WAIT_AGAIN);
    assert_string_equal(w.trace, "syna"); /* and not asleep */
}

static void test_commit_during_the_sleep(void **state)
{
    (void)state;
    w.ready_at = w.now + 2 * H7_NAP_NS;
    assert_int_equal(wait_until(HEPTA_FOREVER), H7_WAIT_AGAIN);
    assert_string_equal(w.trace, "synaz");
    assert_true(w.now == w.ready_at);
}

static void test_deadline(void **state)
{
    (void)state;
    const int64_t left[] = {1000, 30000, 1000000, 2 * H7_NAP_NS};
    for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
        h7_waiter_init(&waiter, HEPTA_WAIT_ADAPTIVE, 0);
        int64_t end = w.now + left[i];
        int r = H7_WAIT_AGAIN, rounds = 0;
        while (r == H7_WAIT_AGAIN && rounds++ < 3)
            r = wait_until(end);
        assert_int_equal(r, -ETIMEDOUT);
        assert_true(w.now >= end);
        assert_true(w.now <= end + 2 * H7_SPINS_PER_LOOK * w.per_pause + 4 * w.per_yield);
    }
}

static void test_nap_ends_at_the_deadline(void **state)
{
    (void)state;
    int64_t end = w.now + 1000000;
    wait_until(end);
    assert_true(w.napped < 1000000 && w.napped > 0);
}

static void test_hangup(void **state)
{
    (void)state;
    w.gone_is_seen = true;
    assert_int_equal(wait_until(HEPTA_FOREVER), H7_WAIT_HANGUP);
    assert_string_equal(w.trace, "sy"); /* no nap for the dead */
    w.gone_is_seen = false;
    w.sleep_gives = H7_WAIT_HANGUP;
    assert_int_equal(wait_until(HEPTA_FOREVER), H7_WAIT_HANGUP);
    w.now = 1000;
    w.peer_gone = true; /* and the time is up: both are true, the hang-up says more */
    assert_int_equal(wait_until(1), H7_WAIT_HANGUP);
}

static void test_errors_come_through(void **state)
{
    (void)state;
    w.nap_gives = -EINTR;
    assert_int_equal(wait_until(HEPTA_FOREVER), -EINTR);
    w.nap_gives = 0;
    w.announce_gives = -EBADMSG;
    assert_int_equal(wait_until(HEPTA_FOREVER), -EBADMSG);
    w.announce_gives = 0;
    w.sleep_gives = -EINTR;
    assert_int_equal(wait_until(HEPTA_FOREVER), -EINTR);
}

/* --- habits ---------------------------------------------------------------------- */

static int tries_until_next(struct h7_habit *h)
{
    int n = 0;
    while (!h7_habit_try(h))
        n++;
    return n;
}

static void test_what_never_pays_gets_rare(void **state)
{
    struct h7_habit h = {{0}, {0}};
    const int expect[] = {0, 0, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 4096, 4096};
    (void)state;
    for (size_t i = 0; i < sizeof expect / sizeof *expect; i++) {
        assert_int_equal(tries_until_next(&h), 0);
        h7_habit_learn(&h, false);
        assert_int_equal(tries_until_next(&h), expect[i]);
    }
    h7_habit_learn(&h, true); /* one that pays clears it */
    assert_int_equal(tries_until_next(&h), 0);
    h7_habit_learn(&h, false);
    assert_int_equal(tries_until_next(&h), 0);
}

static void test_waiter_stops_spinning(void **state)
{
    (void)state;
    w.sleep_gives = H7_WAIT_AGAIN;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(wait_until(HEPTA_FOREVER), H7_WAIT_AGAIN);
        assert_int_equal(w.trace[0], 's');
        w.now = 1000;
    }
    for (int i = 0; i < 4; i++) {
        wait_until(HEPTA_FOREVER);
        assert_string_equal(w.trace, "naz");
        w.now = 1000;
    }
    w.ready_at = w.now + 5000;
    assert_int_equal(wait_until(HEPTA_FOREVER), H7_WAIT_AGAIN);
    assert_string_equal(w.trace, "s"); /* tried again, and it paid */
    w.now = 1000;
    wait_until(HEPTA_FOREVER);
    assert_string_equal(w.trace, "s");
}

/* A yield that takes a whole time slice is no bargain, also if it found what it wanted. */
static void test_slow_yields_do_not_pay(void **state)
{
    (void)state;
    w.per_yield = H7_YIELD_NS;
    for (int i = 0; i < 3; i++) {
        w.ready_at = w.now + 2 * H7_SPINS_PER_LOOK * w.per_pause + H7_SPIN_ADAPTIVE_NS + 100;
        assert_int_equal(wait_until(HEPTA_FOREVER), H7_WAIT_AGAIN);
        assert_string_equal(w.trace, "sy");
    }
    assert_true(h7_load32_relaxed(&waiter.yield.skip) > 0);
}

/* --- busy ------------------------------------------------------------------------ */

static void test_busy_never_sleeps(void **state)
{
    (void)state;
    h7_waiter_init(&waiter, HEPTA_WAIT_BUSY, 0);
    w.ready_at = w.now + 50 * H7_BUSY_LOOK_NS;
    assert_int_equal(wait_until(HEPTA_FOREVER), H7_WAIT_AGAIN);
    assert_string_equal(w.trace, "s");
}

static void test_busy_deadline(void **state)
{
    (void)state;
    const int64_t left[] = {0, 1, 50000, H7_BUSY_LOOK_NS, 7 * H7_BUSY_LOOK_NS + 5};
    h7_waiter_init(&waiter, HEPTA_WAIT_BUSY, 0);
    for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
        int64_t end = w.now + left[i];
        int r = H7_WAIT_AGAIN, rounds = 0;
        while (r == H7_WAIT_AGAIN && rounds++ < 4)
            r = wait_until(end);
        assert_int_equal(r, -ETIMEDOUT);
        assert_true(w.now >= end);
        assert_true(w.now <= end + 2 * H7_BUSY_LOOK_NS);
        assert_string_equal(w.trace, "s");
    }
}

static void test_busy_looks_for_the_peer(void **state)
{
    (void)state;
    h7_waiter_init(&waiter, HEPTA_WAIT_BUSY, 0);
    w.peer_gone = true;
    int64_t start = w.now;
    assert_int_equal(wait_until(HEPTA_FOREVER), H7_WAIT_HANGUP);
    assert_true(w.now - start <= 2 * H7_BUSY_LOOK_NS);
    assert_int_equal(wait_until(w.now + 1000), H7_WAIT_HANGUP);
}

/* --- the event, on a real futex -------------------------------------------------- */

static void test_event_keeps_the_smallest_amount(void **state)
{
    struct h7_event e = {{0}};
    (void)state;
    assert_int_equal(h7_event_armed(&e), 0);
    assert_int_equal(h7_event_arm(&e, 100), 100);
    assert_int_equal(h7_event_arm(&e, 300), 100); /* there is a napper with less */
    assert_int_equal(h7_event_armed(&e), 100);
    assert_int_equal(h7_event_arm(&e, 7), 7);
    assert_int_equal(h7_event_armed(&e), 7);
    h7_event_wake(&e);
    assert_int_equal(h7_event_armed(&e), 0);
}

static void test_event_naps(void **state)
{
    struct h7_event e = {{0}};
    (void)state;
    uint32_t armed = h7_event_arm(&e, 10);
    int64_t start = hepta_now_ns();
    assert_int_equal(h7_event_nap(&e, armed, 3000000), 0); /* nobody came */
    assert_true(hepta_now_ns() - start >= 3000000);
    h7_event_wake(&e);
    assert_int_equal(h7_event_nap(&e, armed, 60000 * H7_MS), 1); /* woken before the nap */
    h7_event_arm(&e, 10);
    h7_event_arm(&e, 5); /* a smaller one changed the word: look again */
    assert_int_equal(h7_event_nap(&e, 10, 60000 * H7_MS), 1);
}

struct pair {
    struct h7_event there, room; /* the two directions' events */
    struct h7_a32 ball;
    struct h7_a32 losses;
    int lose_one_in;
};

/* Nobody waits without limit: what this counts on is only the nap's own end. */
static void wait_for_ball(struct pair *p, struct h7_event *e, uint32_t value)
{
    for (;;) {
        uint32_t armed = h7_event_arm(e, 1);
        if (h7_load32_relaxed(&p->ball) == value)
            return;
        h7_event_nap(e, armed, H7_NAP_NS);
    }
}

static void pass_ball(struct pair *p, struct h7_event *e, uint32_t value)
{
    h7_store32_release(&p->ball, value);
    h7_fence_full();
    if (p->lose_one_in && value % (uint32_t)p->lose_one_in == 0)
        h7_store32_relaxed(&p->losses, h7_load32_relaxed(&p->losses) + 1);
    else if (h7_event_armed(e))
        h7_event_wake(e);
}

static void *answer(void *arg)
{
    struct pair *p = arg;
    for (uint32_t i = 1; i < 1000; i += 2) {
        wait_for_ball(p, &p->there, i);
        pass_ball(p, &p->room, i + 1);
    }
    return NULL;
}

static int64_t play(struct pair *p)
{
    pthread_t thread;
    int64_t start = hepta_now_ns();
    assert_int_equal(pthread_create(&thread, NULL, answer, p), 0);
    for (uint32_t i = 1; i < 1000; i += 2) {
        pass_ball(p, &p->there, i);
        wait_for_ball(p, &p->room, i + 1);
    }
    pthread_join(thread, NULL);
    return hepta_now_ns() - start;
}

/* If they were lost, each of the 1,000 would cost a nap. */
static void test_no_wake_up_is_lost(void **state)
{
    struct pair p = {.lose_one_in = 0};
    (void)state;
    assert_true(play(&p) < 400 * (int64_t)H7_NAP_NS);
}

static void test_lost_ones_only_cost_time(void **state)
{
    struct pair p = {.lose_one_in = 20};
    (void)state;
    play(&p);
    assert_true(h7_load32_relaxed(&p.losses) > 0);
    assert_int_equal(h7_load32_relaxed(&p.ball), 1000);
}

#define WAITER_TEST(fn) cmocka_unit_test_setup(fn, set_up)

static const struct CMUnitTest tests[] = {
    WAITER_TEST(test_now_does_not_wait),
    WAITER_TEST(test_commit_during_the_spin),
    WAITER_TEST(test_spin_is_bounded),
    WAITER_TEST(test_sleep_mode_spins_little),
    WAITER_TEST(test_commit_during_the_yields),
    WAITER_TEST(test_commit_during_the_nap),
    WAITER_TEST(test_lost_wake_up),
    WAITER_TEST(test_commit_during_the_sleep),
    WAITER_TEST(test_deadline),
    WAITER_TEST(test_nap_ends_at_the_deadline),
    WAITER_TEST(test_hangup),
    WAITER_TEST(test_errors_come_through),
    WAITER_TEST(test_what_never_pays_gets_rare),
    WAITER_TEST(test_waiter_stops_spinning),
    WAITER_TEST(test_slow_yields_do_not_pay),
    WAITER_TEST(test_busy_never_sleeps),
    WAITER_TEST(test_busy_deadline),
    WAITER_TEST(test_busy_looks_for_the_peer),
    WAITER_TEST(test_event_keeps_the_smallest_amount),
    WAITER_TEST(test_event_naps),
    WAITER_TEST(test_no_wake_up_is_lost),
    WAITER_TEST(test_lost_ones_only_cost_time),
};

UNIT_MAIN(tests)
