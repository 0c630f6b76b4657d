/* SPDX-License-Identifier: MIT */
/* prim/bell_test.c - the level says what the word says, and hang-up comes from the kernel */
#define _GNU_SOURCE
#include "base/unit_test.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>

#include "base/clock.h"
#include "base/sys.h"
#include "prim/bell.h"

struct fixture {
    struct h7_bell_word *w;
    int fds[2];
};

static int set_up(void **state)
{
    static struct fixture f;
    f.w = unit_shared(sizeof *f.w);
    *state = &f;
    return h7_bell_new(f.fds);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    h7_sys_close(f->fds[0]);
    h7_sys_close(f->fds[1]);
    return munmap(f->w, sizeof *f->w);
}

static void hang_up(int *fd)
{
    h7_sys_close(*fd);
    *fd = -1;
}

static int level(const struct fixture *f)
{
    struct pollfd p = {.fd = f->fds[0], .events = POLLIN};
    return h7_sys_poll(&p, 1, HEPTA_NOW) == 1 && p.revents & POLLIN;
}

static void test_new_is_high_and_silent(void **state)
{
    struct fixture *f = *state;
    assert_true(level(f));
    assert_false(h7_bell_wanted(f->w));
    assert_int_equal(h7_bell_check(f->w), 0);
    for (int i = 0; i < 2; i++) {
        assert_true(fcntl(f->fds[i], F_GETFD) & FD_CLOEXEC);
        assert_true(fcntl(f->fds[i], F_GETFL) & O_NONBLOCK);
    }
}

/* Every order of announcing, lowering and ringing, and the level after it. */
static void test_truth_table(void **state)
{
    struct fixture *f = *state;
    for (int announced = 0; announced < 2; announced++)
        for (int lowered = 0; lowered < 2; lowered++)
            for (int rung = 0; rung < 2; rung++) {
                h7_bell_ring(f->w, f->fds[1], H7_BELL_PIPE);
                if (announced)
                    h7_bell_announce(f->w);
                if (lowered)
                    h7_bell_lower(f->fds[0], 4096, H7_BELL_PIPE);
                assert_int_equal(level(f), !lowered);
                assert_int_equal(h7_bell_wanted(f->w), announced);
                if (rung)
                    assert_int_equal(h7_bell_ring(f->w, f->fds[1], H7_BELL_PIPE), 0);
                assert_int_equal(level(f), !lowered || rung);
                assert_int_equal(h7_bell_wanted(f->w), announced && !rung);
                assert_int_equal(h7_bell_check(f->w), 0);
            }
}

static void test_lowering_takes_everything(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 100; i++)
        assert_int_equal(h7_bell_ring(f->w, f->fds[1], H7_BELL_PIPE), 0);
    assert_true(level(f));
    h7_bell_lower(f->fds[0], 4096, H7_BELL_PIPE);
    assert_false(level(f));
    h7_bell_lower(f->fds[0], 4096, H7_BELL_PIPE); /* an empty one doesn't hold the caller */
    assert_false(level(f));
}

/* A full bell is rung already; whatever is in there goes with one lowering. */
static void test_full_bell(void **state)
{
    struct fixture *f = *state;
    while (h7_sys_write_nowait(f->fds[1], "x", 1) == 1)
        ;
    h7_bell_announce(f->w);
    assert_int_equal(h7_bell_ring(f->w, f->fds[1], H7_BELL_PIPE), 0);
    assert_false(h7_bell_wanted(f->w));
    h7_bell_lower(f->fds[0], 4096, H7_BELL_PIPE);
    assert_false(level(f));
}

static void test_sleep_sees_a_byte_and_leaves_it(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(h7_bell_sleep(f->w, f->fds[0], f->fds[0], HEPTA_FOREVER), H7_BELL_AGAIN);
    assert_int_equal(h7_bell_sleep(f->w, f->fds[0], f->fds[0], HEPTA_FOREVER), H7_BELL_AGAIN);
    assert_true(level(f));
    assert_int_equal(h7_load32_relaxed(&f->w->n_sleeps), 2);
}

static void test_sleep_ends_at_the_deadline(void **state)
{
    struct fixture *f = *state;
    h7_bell_lower(f->fds[0], 4096, H7_BELL_PIPE);
    int64_t end = hepta_in_ms(5);
    assert_int_equal(h7_bell_sleep(f->w, f->fds[0], f->fds[0], end), H7_BELL_AGAIN);
    assert_true(hepta_now_ns() >= end);
    assert_int_equal(h7_bell_sleep(f->w, f->fds[0], f->fds[0], 1), H7_BELL_AGAIN);
}

static int listen_once(void *arg)
{
    struct fixture *f = arg;
    hang_up(&f->fds[1]);
    return h7_bell_sleep(f->w, f->fds[0], f->fds[0], hepta_in_ms(30000)) == H7_BELL_AGAIN ? 0 : 1;
}

static void test_one_ring_wakes_all_sleepers(void **state)
{
    struct fixture *f = *state;
    pid_t pid[3];
    h7_bell_lower(f->fds[0], 4096, H7_BELL_PIPE);
    int64_t start = hepta_now_ns();
    for (int i = 0; i < 3; i++)
        pid[i] = unit_start(listen_once, f);
    unit_sleep_ms(20);
    assert_int_equal(h7_bell_ring(f->w, f->fds[1], H7_BELL_PIPE), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(unit_reap(pid[i]), 0);
    assert_true(hepta_now_ns() - start < 25000 * H7_MS);
}

static int hold_write_end(void *arg)
{
    struct fixture *f = arg;
    hang_up(&f->fds[0]);
    return unit_stay();
}

/* The last ringer counts, a forked one that is killed as well. */
static void test_hangup_of_the_last_ringer(void **state)
{
    struct fixture *f = *state;
    pid_t pid = unit_start(hold_write_end, f);
    hang_up(&f->fds[1]);
    h7_bell_lower(f->fds[0], 4096, H7_BELL_PIPE);
    assert_int_equal(h7_bell_hangup(f->fds[0]), 0);
    unit_kill(pid);
    assert_int_equal(h7_bell_hangup(f->fds[0]), 1);
    assert_int_equal(h7_bell_sleep(f->w, f->fds[0], f->fds[0], HEPTA_FOREVER), H7_BELL_HANGUP);
}

/* A byte that is still there hides no hang-up: who is told of it looks at the ring once more. */
static void test_byte_and_hangup(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(h7_bell_sleep(f->w, f->fds[0], f->fds[0], HEPTA_FOREVER), H7_BELL_AGAIN);
    hang_up(&f->fds[1]);
    assert_int_equal(h7_bell_sleep(f->w, f->fds[0], f->fds[0], HEPTA_FOREVER), H7_BELL_HANGUP);
    assert_int_equal(h7_bell_hangup(f->fds[0]), 1);
    h7_bell_lower(f->fds[0], 4096, H7_BELL_PIPE);
    assert_int_equal(h7_bell_sleep(f->w, f->fds[0], f->fds[0], HEPTA_FOREVER), H7_BELL_HANGUP);
}

static int ring_for_nobody(void *arg)
{
    struct fixture *f = arg;
    sigset_t pending;
    signal(SIGPIPE, SIG_DFL); /* would kill */
    CHILD_CHECK(h7_bell_hangup(f->fds[1]) == 1);
    h7_bell_announce(f->w);
    CHILD_CHECK(h7_bell_ring(f->w, f->fds[1], H7_BELL_PIPE) == -EPIPE);
    CHILD_CHECK(h7_bell_ring(f->w, f->fds[1], H7_BELL_PIPE) == -EPIPE);
    CHILD_CHECK(h7_bell_wanted(f->w)); /* a listener may come yet: it isn't rung */
    CHILD_CHECK(sigpending(&pending) == 0 && !sigismember(&pending, SIGPIPE));
    return 0;
}

static int ring_for_nobody_masked(void *arg)
{
    if (unit_forbid(SYS_pwritev2, EOPNOTSUPP) != 0)
        return UNIT_SKIP;
    return ring_for_nobody(arg);
}

static void test_epipe_without_a_signal(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(h7_bell_hangup(f->fds[1]), 0);
    hang_up(&f->fds[0]);
    unit_in_child(ring_for_nobody, f);
    unit_in_child(ring_for_nobody_masked, f);
}

static void test_word_out_of_range(void **state)
{
    struct fixture *f = *state;
    h7_store32_relaxed(&f->w->want, 2);
    assert_int_equal(h7_bell_check(f->w), -EBADMSG);
}

static int no_descriptors(void *arg)
{
    int fds[2] = {7, 7};
    (void)arg;
    CHILD_CHECK(unit_no_descriptors() == 0);
    CHILD_CHECK(h7_bell_new(fds) == -EMFILE);
    CHILD_CHECK(fds[0] == -1 && fds[1] == -1);
    return 0;
}

static void test_no_descriptors(void **state)
{
    (void)state;
    unit_in_child(no_descriptors, NULL);
}

#define BELL_TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

static const struct CMUnitTest tests[] = {
    BELL_TEST(test_new_is_high_and_silent),
    BELL_TEST(test_truth_table),
    BELL_TEST(test_lowering_takes_everything),
    BELL_TEST(test_full_bell),
    BELL_TEST(test_sleep_sees_a_byte_and_leaves_it),
    BELL_TEST(test_sleep_ends_at_the_deadline),
    BELL_TEST(test_one_ring_wakes_all_sleepers),
    BELL_TEST(test_hangup_of_the_last_ringer),
    BELL_TEST(test_byte_and_hangup),
    BELL_TEST(test_epipe_without_a_signal),
    BELL_TEST(test_word_out_of_range),
    cmocka_unit_test(test_no_descriptors),
};

UNIT_MAIN(tests)
