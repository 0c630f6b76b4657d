/* SPDX-License-Identifier: MIT */
/* semaphore/set_undo_test.c - undo; deaths inside a verb are in set_death_test.c */
#define _GNU_SOURCE
#include "semaphore/set_test.h"

/* --- undo -------------------------------------------------------------------------------- */

static void test_undo_at_exit(void **state)
{
    struct doing d = {.ops = {{0, -2, SEM_UNDO}, {1, 3, SEM_UNDO}, {2, 4, 0}}, .n = 3};
    struct h7_set_look look;
    (void)state;
    begin(3);
    set_to(0, 5);
    pid_t pid = unit_start(do_ops, &d);
    assert_int_equal(unit_reap(pid), 0);
    assert_int_equal(value_of(0), 5);
    assert_int_equal(value_of(1), 0);
    assert_int_equal(value_of(2), 4);
    assert_int_equal(h7_set_look(&set, 0, &look), 0);
    assert_int_equal(look.pid, pid);
    assert_int_equal(h7_load32_relaxed(&set.hot->rows), 0);
    end();
}

/* Seen by a look, a failure, a success that hangs on it; not only by values. */
static void test_undo_is_seen_at_once(void **state)
{
    struct doing take = {.ops = {{0, -1, SEM_UNDO}}, .n = 1};
    struct doing give = {.ops = {{0, 1, SEM_UNDO}}, .n = 1};
    (void)state;
    begin(1);
    set_to(0, 1);
    assert_int_equal(unit_reap(unit_start(do_ops, &take)), 0);
    assert_int_equal(try1(0, -1), 0); /* not -EAGAIN */
    assert_int_equal(unit_reap(unit_start(do_ops, &give)), 0);
    assert_int_equal(try1(0, -1), -EAGAIN);
    assert_int_equal(unit_reap(unit_start(do_ops, &give)), 0);
    assert_int_equal(try1(0, 0), 0);
    set_to(0, 1);
    assert_int_equal(unit_reap(unit_start(do_ops, &take)), 0);
    assert_int_equal(try1(0, 0), -EAGAIN);
    set_to(0, 32766);
    assert_int_equal(unit_reap(unit_start(do_ops, &give)), 0);
    assert_int_equal(try1(0, 1), 0); /* not -ERANGE */
    end();
}

static void test_undo_wakes(void **state)
{
    uint32_t *said = unit_shared(2 * sizeof *said);
    struct doing d = {.ops = {{0, -1, SEM_UNDO}}, .n = 1, .said = said, .stay = 1};
    struct sleeper s = {.ops = {{0, -1, 0}}, .n = 1, .turn = said + 1};
    (void)state;
    begin(1);
    set_to(0, 1);
    pid_t holder = unit_start(do_ops, &d);
    unit_await(said, 0);
    pid_t waiter = start_sleeper(&s);
    int64_t from = hepta_now_ns();
    unit_kill(holder);
    assert_int_equal(unit_reap(waiter), 1);
    assert_true(hepta_now_ns() - from < 2000 * H7_MS);
    end();
}

/* The first row comes while somebody sleeps who had nobody's death to look for. */
static void test_first_row_makes_them_tick(void **state)
{
    uint32_t *said = unit_shared(2 * sizeof *said);
    struct doing d = {.ops = {{1, -1, SEM_UNDO}}, .n = 1, .said = said, .stay = 1};
    struct sleeper s = {.ops = {{0, -1, 0}, {1, -1, 0}}, .n = 2, .turn = said + 1};
    (void)state;
    begin(2);
    set_to(1, 1);
    pid_t waiter = start_sleeper(&s), holder = unit_start(do_ops, &d);
    unit_await(said, 0);
    assert_int_equal(try1(0, 1), 0);
    unit_sleep_ms(20);
    unit_kill(holder);
    assert_int_equal(unit_reap(waiter), 1);
    end();
}

/* The sum of all, and within bounds. */
static int sum_and_stay(void *arg)
{
    CHILD_CHECK(op1(0, 10, SEM_UNDO) == 0 && op1(0, -4, SEM_UNDO) == 0);
    CHILD_CHECK(op1(1, 7, SEM_UNDO) == 0);
    unit_say(arg, 1);
    return unit_stay();
}

static void test_undo_merges_and_clamps(void **state)
{
    uint32_t *said = unit_shared(sizeof *said);
    (void)state;
    begin(2);
    set_to(0, 100);
    pid_t pid = unit_start(sum_and_stay, said);
    unit_await(said, 0);
    assert_int_equal(value_of(0), 106);
    assert_int_equal(try1(1, -5), 0); /* 2 are left of 7 */
    unit_kill(pid);
    assert_int_equal(value_of(0), 100);
    assert_int_equal(value_of(1), 0);
    end();
}

static int take_all_and_stay(void *arg)
{
    CHILD_CHECK(op1(0, -30000, SEM_UNDO) == 0);
    unit_say(arg, 1);
    return unit_stay();
}

static void test_undo_clamps_above(void **state)
{
    uint32_t *said = unit_shared(sizeof *said);
    (void)state;
    begin(1);
    set_to(0, 30000);
    pid_t pid = unit_start(take_all_and_stay, said);
    unit_await(said, 0);
    assert_int_equal(try1(0, 30000), 0);
    unit_kill(pid);
    assert_int_equal(value_of(0), 32767);
    end();
}

static void test_undo_range(void **state)
{
    (void)state;
    begin(1);
    set_to(0, 32767);
    assert_int_equal(op1(0, -32767, SEM_UNDO | IPC_NOWAIT), 0);
    set_to(0, 0); /* clears */
    assert_int_equal(op1(0, 32767, SEM_UNDO | IPC_NOWAIT), 0);
    assert_int_equal(op1(0, -32767, IPC_NOWAIT), 0);
    assert_int_equal(op1(0, 1, SEM_UNDO | IPC_NOWAIT), 0); /* -32768, as in the kernel */
    assert_int_equal(op1(0, 1, SEM_UNDO | IPC_NOWAIT), -ERANGE);
    assert_int_equal(value_of(0), 1);
    end();
}

static void test_setval_clears_undo(void **state)
{
    uint32_t *said = unit_shared(sizeof *said);
    struct doing d = {.ops = {{0, 1, SEM_UNDO}, {1, 1, SEM_UNDO}, {2, 1, SEM_UNDO}},
                      .n = 3, .said = said, .stay = 1};
    unsigned short all[3] = {9, 9, 9};
    (void)state;
    begin(3);
    pid_t pid = unit_start(do_ops, &d);
    unit_await(said, 0);
    set_to(0, 5);
    check();
    unit_kill(pid);
    assert_int_equal(value_of(0), 5);
    assert_int_equal(value_of(1), 0);
    unit_say(said, 0);
    pid = unit_start(do_ops, &d);
    unit_await(said, 0);
    assert_int_equal(h7_set_set(&set, 0, all, 3), 0);
    check();
    unit_kill(pid);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(value_of(i), 9);
    end();
}

static int fork_and_exit(void *arg)
{
    (void)arg;
    CHILD_CHECK(op1(0, 1, SEM_UNDO) == 0);
    pid_t child = fork();
    if (child == 0) {
        CHILD_CHECK(op1(0, 10, SEM_UNDO) == 0);
        _exit(0);
    }
    CHILD_CHECK(unit_reap(child) == 0);
    CHILD_CHECK(value_of(0) == 1); /* the child's own went with it, and nothing else */
    return 0;
}

static void test_fork(void **state)
{
    (void)state;
    begin(1);
    unit_in_child(fork_and_exit, NULL);
    assert_int_equal(value_of(0), 0);
    end();
}

static int exec_after_undo(void *arg)
{
    uint32_t *said = arg;
    (void)said;
    CHILD_CHECK(op1(0, 1, SEM_UNDO) == 0);
    execl("/bin/sleep", "sleep", "100", NULL);
    return 1;
}

static int is_sleep(pid_t pid)
{
    char path[64], name[32] = "";
    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    FILE *f = fopen(path, "r");
    if (f) {
        if (!fgets(name, sizeof name, f))
            name[0] = 0;
        fclose(f);
    }
    return strcmp(name, "sleep\n") == 0;
}

static void test_exec_keeps(void **state)
{
    (void)state;
    begin(1);
    pid_t pid = unit_start(exec_after_undo, NULL);
    while (!is_sleep(pid))
        unit_sleep_ms(1);
    assert_int_equal(value_of(0), 1);
    unit_kill(pid);
    assert_int_equal(value_of(0), 0);
    end();
}

static int find_no_row(void *arg)
{
    (void)arg;
    CHILD_CHECK(op1(0, 1, SEM_UNDO) == -ENOSPC);
    CHILD_CHECK(op1(0, 1, 0) == 0 && op1(0, -1, 0) == 0);
    return 0;
}

/* As many processes as there are rows; one with nothing to undo gives its row to another. */
static void test_no_row(void **state)
{
    uint32_t *said = unit_shared(2 * sizeof *said);
    struct doing d = {.ops = {{0, 1, SEM_UNDO}}, .n = 1, .said = said, .stay = 1};
    struct doing nothing = {.ops = {{0, 1, SEM_UNDO}, {0, -1, SEM_UNDO}, {0, 1, 0}},
                            .n = 3, .said = said + 1, .stay = 1};
    (void)state;
    begin_with(1, 2, 0, 0);
    pid_t first = unit_start(do_ops, &d);
    unit_await(said, 0);
    pid_t second = unit_start(do_ops, &nothing);
    unit_await(said + 1, 0);
    assert_int_equal(h7_load32_relaxed(&set.hot->rows), 2);
    assert_int_equal(op1(0, 1, SEM_UNDO), 0);
    check();
    unit_in_child(find_no_row, NULL);
    unit_kill(first);
    unit_kill(second);
    assert_int_equal(value_of(0), 2);
    end();
}

/* --- more than there is time for ------------------------------------------------------------- */

#define MANY_ROWS 256u

/* Each has one to add to every second semaphore. */
static void plant_rows(void)
{
    for (uint32_t i = 0; i < MANY_ROWS; i++) {
        struct h7_set_row *row = h7_set_row_at(&set, i);
        h7_store32_relaxed(&row->pid, INT32_MAX); /* nobody's */
        h7_store32_relaxed(&row->nonzero, H7_SET_SEMS_MAX / 2);
        for (uint32_t k = 0; k < H7_SET_SEMS_MAX; k += 2)
            h7_store16_relaxed(&row->adj[k], 1);
    }
    h7_store32_relaxed(&set.shared->high, MANY_ROWS);
    h7_store32_relaxed(&set.hot->rows, MANY_ROWS);
}

/* Who has no time undoes a part of it, and the others go on there. */
static void test_undo_by_and_by(void **state)
{
    (void)state;
    begin_with(H7_SET_SEMS_MAX, MANY_ROWS, H7_SET_TIMES, 0);
    plant_rows();
    assert_int_equal(try1(1, -1), -EAGAIN);
    assert_in_range(h7_load32_relaxed(&set.hot->rows), 1, MANY_ROWS);
    check();
    while (h7_load32_relaxed(&set.hot->rows))
        assert_int_equal(try1(1, -1), -EAGAIN);
    assert_int_equal(h7_load64_relaxed(&set.shared->undone),
                     (uint64_t)MANY_ROWS * H7_SET_SEMS_MAX / 2);
    assert_int_equal(value_of(0), MANY_ROWS);
    assert_int_equal(value_of(1), 0);
    assert_int_equal(value_of(H7_SET_SEMS_MAX - 2), MANY_ROWS);
    end();
}

static const struct CMUnitTest tests[] = {
    NAMES_TEST(test_undo_at_exit),
    NAMES_TEST(test_undo_is_seen_at_once),
    NAMES_TEST(test_undo_wakes),
    NAMES_TEST(test_first_row_makes_them_tick),
    NAMES_TEST(test_undo_merges_and_clamps),
    NAMES_TEST(test_undo_clamps_above),
    NAMES_TEST(test_undo_range),
    NAMES_TEST(test_setval_clears_undo),
    NAMES_TEST(test_fork),
    NAMES_TEST(test_exec_keeps),
    NAMES_TEST(test_no_row),
    NAMES_TEST(test_undo_by_and_by),
};

NAMES_MAIN(tests)
