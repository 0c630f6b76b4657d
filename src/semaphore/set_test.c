/* SPDX-License-Identifier: MIT */
/*
 * semaphore/set_test.c - the set alone: what semop(2) says of arrays, sleepers and their order,
 * undo, and deaths at chosen places. The rooms' tests and tests/crash go further.
 */
#define _GNU_SOURCE
#include "semaphore/set_internal.h"

#include <sys/stat.h>

#include "name/name.h"
#include "name/name_test.h"
#include "prim/life.h"

#define KIND "test"

static struct h7_set set;

static int attach_it(int obj, void *arg)
{
    return h7_set_attach(arg, obj, H7_KIND_TEST, HEPTA_WAIT_ADAPTIVE, 0);
}

static void begin_with(uint32_t n, uint32_t rows_max, uint32_t flags, uint32_t value)
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

static void begin(uint32_t n)
{
    begin_with(n, 8, H7_SET_TIMES, 0);
}

static void check(void)
{
    char why[128] = "";
    int r = h7_set_check(&set, why, sizeof why);
    if (r < 0)
        print_error("check: %s\n", why);
    assert_int_equal(r, 0);
}

static void end(void)
{
    check();
    h7_set_detach(&set);
    assert_int_equal(h7_name_unlink(KIND, "/s"), 0);
}

static int op1(uint32_t sem, int op, int flags)
{
    struct sembuf b = {(unsigned short)sem, (short)op, (short)flags};
    return h7_set_op(&set, &b, 1, HEPTA_FOREVER);
}

static int try1(uint32_t sem, int op)
{
    return op1(sem, op, IPC_NOWAIT);
}

static int value_of(uint32_t sem)
{
    struct h7_set_look look;
    int r = h7_set_look(&set, sem, &look);
    return r < 0 ? r : look.value;
}

static void set_to(uint32_t sem, unsigned short value)
{
    assert_int_equal(h7_set_set(&set, sem, &value, 1), 0);
}

static uint32_t n_waiting(void)
{
    return h7_load32_relaxed(&set.sleepers->n_waiting);
}

static void await_sleepers(uint32_t n)
{
    while (n_waiting() != n)
        unit_sleep_ms(1);
}

/* --- arrays ------------------------------------------------------------------------------ */

static void test_one(void **state)
{
    (void)state;
    begin(3);
    assert_int_equal(try1(1, -1), -EAGAIN);
    assert_int_equal(try1(1, 0), 0);
    assert_int_equal(try1(1, 5), 0);
    assert_int_equal(try1(1, 0), -EAGAIN);
    assert_int_equal(try1(1, -6), -EAGAIN);
    assert_int_equal(try1(1, -5), 0);
    assert_int_equal(value_of(0), 0);
    assert_int_equal(try1(2, 32767), 0);
    assert_int_equal(try1(2, 1), -ERANGE);
    assert_int_equal(value_of(2), 32767);
    assert_int_equal(try1(3, 1), -EFBIG);
    end();
}

static int array(const struct sembuf *ops, size_t n)
{
    return h7_set_op(&set, ops, n, HEPTA_NOW);
}

#define ARRAY(...)                                             \
    array((const struct sembuf[]){__VA_ARGS__},                \
          sizeof((const struct sembuf[]){__VA_ARGS__}) / sizeof(struct sembuf))

static void test_all_or_nothing(void **state)
{
    (void)state;
    begin(4);
    assert_int_equal(ARRAY({0, 2, 0}, {1, 3, 0}), 0);
    assert_int_equal(ARRAY({0, -2, 0}, {1, -4, 0}), -EAGAIN);
    assert_int_equal(value_of(0), 2);
    assert_int_equal(value_of(1), 3);
    assert_int_equal(ARRAY({0, -2, 0}, {1, 32767, 0}), -ERANGE);
    assert_int_equal(value_of(0), 2);
    assert_int_equal(ARRAY({0, -2, 0}, {0, 0, 0}, {0, 7, 0}, {1, -3, 0}), 0);
    assert_int_equal(value_of(0), 7);
    assert_int_equal(value_of(1), 0);
    /* In this order: what comes later doesn't help what comes before. */
    assert_int_equal(ARRAY({2, -1, 0}, {2, 1, 0}), -EAGAIN);
    assert_int_equal(ARRAY({2, 1, 0}, {2, -1, 0}), 0);
    assert_int_equal(ARRAY({2, 32767, 0}, {2, 1, 0}, {2, -1, 0}), -ERANGE);
    /* A wait before an error, an error before a wait. */
    assert_int_equal(ARRAY({2, -1, 0}, {0, 32767, 0}), -EAGAIN);
    assert_int_equal(ARRAY({0, 32767, 0}, {2, -1, 0}), -ERANGE);
    assert_int_equal(array(NULL, 0), -EINVAL);
    assert_int_equal(ARRAY({0, 1, 0}, {4, 1, 0}), -EFBIG);
    assert_int_equal(value_of(0), 7);
    end();
}

static void test_large_arrays(void **state)
{
    struct sembuf ops[H7_SET_OPS_MAX + 1];
    (void)state;
    begin(500);
    for (uint32_t i = 0; i <= H7_SET_OPS_MAX; i++)
        ops[i] = (struct sembuf){(unsigned short)(i % 500), (short)(i % 7), SEM_UNDO};
    assert_int_equal(array(ops, H7_SET_OPS_MAX + 1), -E2BIG);
    assert_int_equal(array(ops, H7_SET_OPS_MAX), 0);
    for (uint32_t i = 0; i < H7_SET_OPS_MAX; i++)
        assert_int_equal(value_of(i), i % 7);
    check();
    for (uint32_t i = 0; i < H7_SET_OPS_MAX; i++)
        ops[i] = (struct sembuf){(unsigned short)(i % 2 ? 64 : 128), 1, SEM_UNDO};
    assert_int_equal(array(ops, H7_SET_OPS_MAX), 0);
    assert_int_equal(value_of(64), 250 + 64 % 7);
    assert_int_equal(value_of(128), 250 + 128 % 7);
    end();
}

static void test_stamps(void **state)
{
    struct h7_set_look look;
    (void)state;
    begin(3);
    assert_int_equal(h7_set_look(&set, 0, &look), 0);
    assert_int_equal(look.pid, 0);
    assert_true(h7_load64_relaxed(&set.hot->otime) == 0);
    assert_int_equal(ARRAY({0, 0, 0}, {1, 1, 0}), 0);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(h7_set_look(&set, i, &look), 0);
        assert_int_equal(look.pid, i < 2 ? getpid() : 0);
    }
    uint64_t now = (uint64_t)time(NULL);
    assert_true(h7_load64_relaxed(&set.hot->otime) <= now + 1);
    assert_true(h7_load64_relaxed(&set.hot->otime) + 100 > now);
    assert_int_equal(h7_set_look(&set, 3, &look), -EINVAL);
    end();
}

static void test_set_values(void **state)
{
    unsigned short values[3] = {1, 32767, 3}, got[3] = {0};
    (void)state;
    begin(3);
    assert_int_equal(h7_set_set(&set, 0, values, 3), 0);
    assert_int_equal(h7_set_get_all(&set, got), 0);
    assert_memory_equal(values, got, sizeof got);
    values[1] = 32768;
    assert_int_equal(h7_set_set(&set, 0, values, 3), -ERANGE);
    assert_int_equal(h7_set_set(&set, 1, values, 3), -EINVAL);
    assert_int_equal(h7_set_get_all(&set, got), 0);
    assert_int_equal(got[1], 32767);
    assert_true(h7_load64_relaxed(&set.shared->ctime) > 0);
    end();
}

/* A large set: nothing is too far away, SETALL included. */
static void test_large_set(void **state)
{
    unsigned short *values = malloc(H7_SET_SEMS_MAX * sizeof *values);
    (void)state;
    begin(H7_SET_SEMS_MAX);
    for (uint32_t i = 0; i < H7_SET_SEMS_MAX; i++)
        values[i] = (unsigned short)i;
    assert_int_equal(h7_set_set(&set, 0, values, H7_SET_SEMS_MAX), 0);
    assert_int_equal(op1(31999, -31999, SEM_UNDO), 0);
    assert_int_equal(h7_set_get_all(&set, values), 0);
    assert_int_equal(values[31998], 31998);
    assert_int_equal(values[31999], 0);
    free(values);
    end();
}

/* --- sleeping ---------------------------------------------------------------------------- */

struct sleeper {
    struct sembuf ops[4];
    size_t n;
    int64_t ms;     /* deadline; 0 none */
    uint32_t *turn; /* counts those that have done it */
};

/* The result is its turn, from 1 on; or 100 + errno. */
static int sleep_on(void *arg)
{
    struct sleeper *s = arg;
    int r = h7_set_op(&set, s->ops, s->n, s->ms ? hepta_in_ms(s->ms) : HEPTA_FOREVER);
    if (r < 0)
        return 100 - r;
    return (int)__atomic_add_fetch(s->turn, 1, __ATOMIC_SEQ_CST);
}

static pid_t start_sleeper(struct sleeper *s)
{
    uint32_t before = n_waiting();
    pid_t pid = unit_start(sleep_on, s);
    await_sleepers(before + 1);
    return pid;
}

static void test_order(void **state)
{
    uint32_t *turn = unit_shared(sizeof *turn);
    struct sleeper s = {.ops = {{0, -1, 0}}, .n = 1, .turn = turn};
    pid_t pid[3];
    (void)state;
    begin(1);
    for (int i = 0; i < 3; i++)
        pid[i] = start_sleeper(&s);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(try1(0, 1), 0);
        assert_int_equal(unit_reap(pid[i]), i + 1);
    }
    end();
}

/* One commit is enough for several; for as many as there is something for. */
static void test_several_at_once(void **state)
{
    uint32_t *turn = unit_shared(sizeof *turn);
    struct sleeper s = {.ops = {{0, -1, 0}}, .n = 1, .turn = turn};
    pid_t pid[4];
    (void)state;
    begin(1);
    for (int i = 0; i < 4; i++)
        pid[i] = start_sleeper(&s);
    assert_int_equal(try1(0, 3), 0);
    for (int i = 0; i < 3; i++)
        assert_in_range(unit_reap(pid[i]), 1, 3);
    unit_sleep_ms(20);
    assert_int_equal(n_waiting(), 1);
    set_to(0, 1);
    assert_int_equal(unit_reap(pid[3]), 4);
    assert_int_equal(value_of(0), 0);
    end();
}

/* The first wants more than there is: the second needn't wait for him. */
static void test_small_one_passes(void **state)
{
    uint32_t *turn = unit_shared(sizeof *turn);
    struct sleeper large = {.ops = {{0, -5, 0}}, .n = 1, .turn = turn};
    struct sleeper small = {.ops = {{0, -1, 0}}, .n = 1, .turn = turn};
    (void)state;
    begin(1);
    pid_t first = start_sleeper(&large), second = start_sleeper(&small);
    assert_int_equal(try1(0, 2), 0);
    assert_int_equal(unit_reap(second), 1);
    assert_int_equal(try1(0, 4), 0);
    assert_int_equal(unit_reap(first), 2);
    assert_int_equal(value_of(0), 0);
    end();
}

static void test_zero_waiters(void **state)
{
    uint32_t *turn = unit_shared(sizeof *turn);
    struct sleeper s = {.ops = {{0, 0, 0}}, .n = 1, .turn = turn};
    struct h7_set_look look;
    pid_t pid[3];
    (void)state;
    begin(2);
    assert_int_equal(try1(0, 2), 0);
    for (int i = 0; i < 3; i++)
        pid[i] = start_sleeper(&s);
    assert_int_equal(h7_set_look(&set, 0, &look), 0);
    assert_int_equal(look.n_zero, 3);
    assert_int_equal(look.n_more, 0);
    assert_int_equal(try1(0, -1), 0);
    assert_int_equal(n_waiting(), 3);
    /* They were there when it was 0, so they proceed, though it isn't for long. */
    for (int i = 0; i < 3; i++)
        kill(pid[i], SIGSTOP);
    assert_int_equal(try1(0, -1), 0);
    assert_int_equal(try1(0, 1), 0);
    for (int i = 0; i < 3; i++)
        kill(pid[i], SIGCONT);
    for (int i = 0; i < 3; i++)
        assert_in_range(unit_reap(pid[i]), 1, 3);
    end();
}

/* A whole array: called for one, it sleeps on for the other. */
static void test_sleeping_array(void **state)
{
    uint32_t *turn = unit_shared(sizeof *turn);
    struct sleeper s = {.ops = {{0, -1, 0}, {1, -2, 0}, {2, 0, 0}}, .n = 3, .turn = turn};
    struct h7_set_look look;
    (void)state;
    begin(3);
    set_to(2, 1);
    pid_t pid = start_sleeper(&s);
    assert_int_equal(try1(0, 1), 0);
    unit_sleep_ms(30);
    assert_int_equal(value_of(0), 1);
    assert_int_equal(h7_set_look(&set, 1, &look), 0);
    assert_int_equal(look.n_more, 1);
    assert_int_equal(try1(1, 2), 0);
    unit_sleep_ms(30);
    assert_int_equal(h7_set_look(&set, 2, &look), 0);
    assert_int_equal(look.n_zero, 1);
    assert_int_equal(try1(2, -1), 0);
    assert_int_equal(unit_reap(pid), 1);
    assert_int_equal(value_of(0), 0);
    assert_int_equal(value_of(1), 0);
    end();
}

/* Who was called for what he can't take leaves it to the next. */
static void test_call_is_passed_on(void **state)
{
    uint32_t *turn = unit_shared(sizeof *turn);
    struct sleeper both = {.ops = {{0, -1, 0}, {1, -1, 0}}, .n = 2, .turn = turn};
    struct sleeper one = {.ops = {{0, -1, 0}}, .n = 1, .turn = turn};
    (void)state;
    begin(2);
    pid_t first = start_sleeper(&both), second = start_sleeper(&one);
    assert_int_equal(try1(0, 1), 0);
    assert_int_equal(unit_reap(second), 1);
    assert_int_equal(n_waiting(), 1);
    assert_int_equal(ARRAY({0, 1, 0}, {1, 1, 0}), 0);
    assert_int_equal(unit_reap(first), 2);
    end();
}

static void test_dead_sleeper(void **state)
{
    uint32_t *turn = unit_shared(sizeof *turn);
    struct sleeper s = {.ops = {{0, -1, 0}}, .n = 1, .turn = turn};
    pid_t pid[2];
    (void)state;
    begin(1);
    for (int i = 0; i < 2; i++)
        pid[i] = start_sleeper(&s);
    unit_kill(pid[0]);
    assert_int_equal(try1(0, 1), 0);
    assert_int_equal(unit_reap(pid[1]), 1);
    end();
}

/* Called, and killed before he takes it: the next looks by himself. */
static void test_dead_after_the_call(void **state)
{
    uint32_t *turn = unit_shared(sizeof *turn);
    struct sleeper s = {.ops = {{0, -1, 0}}, .n = 1, .turn = turn};
    pid_t pid[2];
    (void)state;
    begin(1);
    for (int i = 0; i < 2; i++)
        pid[i] = start_sleeper(&s);
    kill(pid[0], SIGSTOP);
    unit_sleep_ms(20);
    assert_int_equal(try1(0, 1), 0);
    unit_kill(pid[0]);
    assert_int_equal(unit_reap(pid[1]), 1);
    end();
}

static void test_deadline(void **state)
{
    struct sembuf take = {0, -1, 0};
    (void)state;
    begin(1);
    int64_t at = hepta_in_ms(30);
    assert_int_equal(h7_set_op(&set, &take, 1, at), -ETIMEDOUT);
    assert_true(hepta_now_ns() >= at);
    assert_int_equal(h7_set_op(&set, &take, 1, 1), -ETIMEDOUT);
    assert_int_equal(h7_set_op(&set, &take, 1, HEPTA_NOW), -EAGAIN);
    assert_int_equal(n_waiting(), 0);
    end();
}

static void on_signal(int sig)
{
    (void)sig;
}

static void test_interrupted(void **state)
{
    uint32_t *turn = unit_shared(sizeof *turn);
    struct sleeper s = {.ops = {{0, -1, 0}}, .n = 1, .turn = turn};
    struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, old;
    (void)state;
    begin(1);
    sigaction(SIGUSR1, &act, &old);
    pid_t pid = start_sleeper(&s);
    unit_sleep_ms(10);
    kill(pid, SIGUSR1);
    assert_int_equal(unit_reap(pid), 100 + EINTR);
    sigaction(SIGUSR1, &old, NULL);
    end();
}

static void test_removed(void **state)
{
    uint32_t *turn = unit_shared(sizeof *turn);
    struct sleeper s = {.ops = {{0, -1, 0}}, .n = 1, .turn = turn};
    pid_t pid[3];
    (void)state;
    begin(1);
    for (int i = 0; i < 3; i++)
        pid[i] = start_sleeper(&s);
    assert_int_equal(h7_set_remove(&set, NULL, NULL), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(unit_reap(pid[i]), 100 + EIDRM);
    assert_int_equal(try1(0, 1), -EIDRM);
    assert_int_equal(value_of(0), -EIDRM);
    end();
}

/* --- undo -------------------------------------------------------------------------------- */

struct doing {
    struct sembuf ops[4];
    size_t n;
    uint32_t *said;
    int stay;
};

static int do_ops(void *arg)
{
    struct doing *d = arg;
    CHILD_CHECK(h7_set_op(&set, d->ops, d->n, HEPTA_NOW) == 0);
    if (d->said)
        unit_say(d->said, 1);
    return d->stay ? unit_stay() : 0;
}

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

/* --- deaths inside ------------------------------------------------------------------------ */

static int die_before_commit(void *arg)
{
    (void)arg;
    CHILD_CHECK(h7_set_enter(&set, HEPTA_FOREVER) == 0);
    h7_store64_relaxed(&set.log->entry[0], 0 | 77ull << 16);
    raise(SIGKILL);
    return 0;
}

static int die_after_log(void *arg)
{
    (void)arg;
    CHILD_CHECK(h7_set_enter(&set, HEPTA_FOREVER) == 0);
    h7_store64_relaxed(&set.log->entry[0], 0 | 77ull << 16);
    h7_store64_relaxed(&set.log->entry[1], 1 | 78ull << 16);
    h7_store32_relaxed(&set.log->row, 0);
    h7_store32_relaxed(&set.log->pid, 4711);
    h7_store32_release(&set.log->count, 2);
    h7_store32_relaxed(&set.hot->sem[1].value, 78);
    raise(SIGKILL);
    return 0;
}

static int die_after_intent(void *arg)
{
    struct h7_set_change c = {.sem = 1, .value = 5, .adj = 3};
    int everybody;
    (void)arg;
    CHILD_CHECK(h7_set_me(&set) == 0 && h7_set_enter(&set, HEPTA_FOREVER) == 0);
    int row = h7_set_new_row(&set, &everybody);
    CHILD_CHECK(row >= 0);
    h7_store64_release(&set.hot->intent, h7_set_intent(&c, row));
    raise(SIGKILL);
    return 0;
}

static void test_death_inside(void **state)
{
    (void)state;
    begin(2);
    assert_int_equal(unit_reap(unit_start(die_before_commit, NULL)), -SIGKILL);
    assert_int_equal(value_of(0), 0);
    assert_int_equal(unit_reap(unit_start(die_after_log, NULL)), -SIGKILL);
    assert_int_equal(value_of(0), 77);
    assert_int_equal(value_of(1), 78);
    check();
    assert_int_equal(unit_reap(unit_start(die_after_intent, NULL)), -SIGKILL);
    assert_int_equal(value_of(1), 8); /* 5, and then 3 were undone */
    end();
}

/* He who undoes is killed after each store of it: in the end it was undone once. */
static int die_undoing(void *arg)
{
    int where = *(int *)arg;
    struct h7_set_log *log = set.log;
    CHILD_CHECK(h7_set_enter(&set, HEPTA_FOREVER) == 0);
    h7_store64_relaxed(&log->entry[0], 0 | 10ull << 16);
    h7_store64_relaxed(&log->entry[1], 1 | 20ull << 16);
    h7_store32_relaxed(&log->row, 1);
    h7_store32_relaxed(&log->kind, H7_SET_OPS);
    struct h7_set_row *row = h7_set_row_at(&set, 0);
    if (where > 0)
        h7_store32_release(&log->count, 2);
    if (where > 1)
        h7_store32_release(&set.hot->sem[0].value, 10);
    if (where > 2)
        h7_store32_relaxed(&row->nonzero, 1);
    if (where > 3)
        h7_store16_relaxed(&row->adj[0], 0);
    if (where > 4)
        h7_store32_release(&set.hot->sem[1].value, 20);
    if (where > 5)
        h7_store32_relaxed(&row->nonzero, 0);
    if (where > 6)
        h7_store16_relaxed(&row->adj[1], 0);
    if (where > 7)
        h7_store32_release(&log->count, 0);
    raise(SIGKILL);
    return 0;
}

static void test_recoverer_killed(void **state)
{
    struct doing d = {.ops = {{0, -3, SEM_UNDO}, {1, -4, SEM_UNDO}}, .n = 2};
    (void)state;
    for (int where = 0; where <= 8; where++) {
        begin(2);
        set_to(0, 10);
        set_to(1, 20);
        assert_int_equal(unit_reap(unit_start(do_ops, &d)), 0);
        assert_int_equal(unit_reap(unit_start(die_undoing, &where)), -SIGKILL);
        assert_int_equal(value_of(0), 10);
        assert_int_equal(value_of(1), 20);
        end();
    }
}

/* The lock is free again, the first is called, the caller is dead: the kernel wakes him. */
static int die_after_unlock(void *arg)
{
    struct h7_set_change c = {.sem = 0, .value = 2};
    struct h7_set_commit commit = {
        .changes = &c, .n = 1, .row = H7_NO_ROW, .pid = 1, .but = H7_NO_SLEEPER};
    struct h7_set_calls calls;
    int unlock = *(int *)arg;
    CHILD_CHECK(h7_set_enter(&set, HEPTA_FOREVER) == 0);
    CHILD_CHECK(h7_set_commit(&set, &commit, &calls) == 0 && calls.n == 2);
    if (unlock)
        h7_unlock_second(&set.hot->lock);
    raise(SIGKILL);
    return 0;
}

static void test_caller_killed(void **state)
{
    uint32_t *turn = unit_shared(sizeof *turn);
    struct sleeper s = {.ops = {{0, -1, 0}}, .n = 1, .turn = turn};
    pid_t pid[2];
    (void)state;
    for (int unlock = 0; unlock < 2; unlock++) {
        begin(1);
        unit_say(turn, 0);
        for (int i = 0; i < 2; i++)
            pid[i] = start_sleeper(&s);
        assert_int_equal(unit_reap(unit_start(die_after_unlock, &unlock)), -SIGKILL);
        for (int i = 0; i < 2; i++)
            assert_in_range(unit_reap(pid[i]), 1, 2);
        end();
    }
}

/* The one whose commit made it zero dies before he can grant it: the next holder does. */
static int die_at_zero(void *arg)
{
    struct sembuf take = {0, -1, 0};
    (void)arg;
    CHILD_CHECK(h7_set_enter(&set, HEPTA_FOREVER) == 0);
    h7_store32_release(&set.hot->sem[0].value, 0);
    (void)take;
    raise(SIGKILL);
    return 0;
}

static void test_grant_by_mender(void **state)
{
    uint32_t *turn = unit_shared(sizeof *turn);
    struct sleeper s = {.ops = {{0, 0, 0}}, .n = 1, .turn = turn};
    (void)state;
    begin(1);
    set_to(0, 1);
    pid_t pid = start_sleeper(&s);
    kill(pid, SIGSTOP);
    assert_int_equal(unit_reap(unit_start(die_at_zero, NULL)), -SIGKILL);
    assert_int_equal(try1(0, 1), 0);
    kill(pid, SIGCONT);
    assert_int_equal(unit_reap(pid), 1);
    end();
}

/* --- what a peer may write ------------------------------------------------------------------ */

static void test_hostile_values(void **state)
{
    (void)state;
    begin(2);
    alarm(20);
    h7_store32_relaxed(&set.hot->sem[0].value, 0x80000000u);
    assert_int_equal(try1(0, 1), -EBADMSG);
    assert_int_equal(value_of(0), -EBADMSG);
    h7_store32_relaxed(&set.hot->sem[0].value, 0);
    h7_store32_relaxed(&set.shared->high, UINT32_MAX);
    h7_store32_relaxed(&set.hot->rows, UINT32_MAX);
    assert_int_equal(op1(0, 1, SEM_UNDO), 0);
    h7_store32_relaxed(&set.hot->flags, H7_SET_DIRTY);
    h7_store32_relaxed(&set.log->count, UINT32_MAX);
    assert_int_equal(try1(0, 1), -EBADMSG);
    h7_store32_relaxed(&set.log->count, 1);
    h7_store64_relaxed(&set.log->entry[0], UINT64_MAX);
    assert_int_equal(try1(0, 1), -EBADMSG);
    h7_store32_relaxed(&set.log->count, 0);
    h7_store64_relaxed(&set.hot->intent, UINT64_MAX);
    assert_int_equal(try1(0, 1), -EBADMSG);
    h7_store64_relaxed(&set.hot->intent, 0);
    assert_int_equal(try1(0, 1), 0);
    h7_store32_relaxed(&set.shared->high, 1);
    alarm(0);
    end();
}

static void test_impossible_plan(void **state)
{
    struct h7_set_plan plan;
    struct h7_set other;
    (void)state;
    assert_int_equal(h7_set_plan(&plan, 0, 1, 0, 0), 0);
    assert_int_equal(h7_set_plan(&plan, 32001, 1, 0, 0), 0);
    assert_int_equal(h7_set_plan(&plan, 1, 0, 0, 0), 0);
    assert_int_equal(h7_set_plan(&plan, 1, 4097, 0, 0), 0);
    assert_int_equal(h7_set_plan(&plan, 1, 1, 0, 32768), 0);
    begin(2);
    set.shared->plan.n = 20000;
    assert_int_equal(h7_name_attach(KIND, "/s", attach_it, &other), -EBADMSG);
    set.shared->plan.n = 2;
    end();
}

static const struct CMUnitTest tests[] = {
    NAMES_TEST(test_one),
    NAMES_TEST(test_all_or_nothing),
    NAMES_TEST(test_large_arrays),
    NAMES_TEST(test_stamps),
    NAMES_TEST(test_set_values),
    NAMES_TEST(test_large_set),
    NAMES_TEST(test_order),
    NAMES_TEST(test_several_at_once),
    NAMES_TEST(test_small_one_passes),
    NAMES_TEST(test_zero_waiters),
    NAMES_TEST(test_sleeping_array),
    NAMES_TEST(test_call_is_passed_on),
    NAMES_TEST(test_dead_sleeper),
    NAMES_TEST(test_dead_after_the_call),
    NAMES_TEST(test_deadline),
    NAMES_TEST(test_interrupted),
    NAMES_TEST(test_removed),
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
    NAMES_TEST(test_death_inside),
    NAMES_TEST(test_recoverer_killed),
    NAMES_TEST(test_caller_killed),
    NAMES_TEST(test_grant_by_mender),
    NAMES_TEST(test_hostile_values),
    NAMES_TEST(test_impossible_plan),
};

NAMES_MAIN(tests)
