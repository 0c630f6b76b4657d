/* SPDX-License-Identifier: MIT */
/*
 * queue/store_death_test.c - the store alone: who sleeps, who dies at chosen places, and what a
 * peer writes
 */
#define _GNU_SOURCE
#include "queue/store_test.h"

#include <poll.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "queue/mend.h"

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

static void lease_and_close_life(void *arg, int fds[2])
{
    uint32_t value;
    struct h7_take t = {
        .pick = H7_PICK_FIRST, .flags = H7_TAKE_LEASE, .buf = &value, .len = sizeof value};
    char c;
    close(fds[0]);
    if (h7_store_take(arg, &t, HEPTA_NOW) != sizeof value)
        _exit(1);
    h7_alive_end(&((struct h7_store *)arg)->alive); /* what the kernel does first */
    if (write(fds[1], "", 1) != 1 || read(fds[1], &c, 1) != 1)
        _exit(1);
    _exit(0);
}

static int is_readable(int fd, int ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, ms) == 1;
}

/* A dying process's descriptors are closed some time before it counts as dead. Who polls and looks
 * in between must be told again. */
static void test_death_after_the_alarm(void **state)
{
    int fds[2];
    char c;
    (void)state;
    begin(4, 64, H7_PLAN_CELLS, 0);
    assert_int_equal(put(1, 7), 0);
    int fd = h7_store_fd(&store, H7_P);
    assert_true(fd >= 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    pid_t pid = fork();
    if (pid == 0)
        lease_and_close_life(&store, fds);
    close(fds[1]);
    assert_int_equal(read(fds[0], &c, 1), 1);
    assert_true(is_readable(fd, 1000));
    assert_int_equal(get(H7_PICK_FIRST, 0), -EAGAIN); /* it lives */
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_true(is_readable(fd, 5000)); /* though nothing is closed any more */
    assert_int_equal(get(H7_PICK_FIRST, 0), 7);
    close(fds[0]);
    end();
}

static int stay(void *arg)
{
    (void)arg;
    return unit_stay();
}

static void set_owner(uint32_t slot, const struct h7_life *owner)
{
    h7_store64_relaxed(&store.slots[slot].mark, owner->mark);
    h7_store32_relaxed(&store.slots[slot].pid, owner->pid);
}

#define N_OWNERS 12 /* more than are remembered */

/* Leases of many owners in turn, so that each has to be asked for: no verb may be late because of
 * that. Those of the dead come back all the same, by and by. */
static void test_owners_in_turn(void **state)
{
    const uint32_t n = 60000;
    struct h7_life owner[N_OWNERS], dead;
    pid_t pid[N_OWNERS];
    (void)state;
    begin(n, 8, H7_PLAN_CELLS, 0);
    for (int i = 0; i < N_OWNERS; i++) {
        pid[i] = unit_start(stay, NULL);
        assert_int_equal(h7_life_of(pid[i], &owner[i]), 0);
    }
    dead = owner[0];
    dead.mark++;
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(put(1, i), 0);
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(get_with((struct h7_take){.flags = H7_TAKE_LEASE}), i);
    for (uint32_t i = 0; i < n; i++)
        set_owner(i, &owner[i % N_OWNERS]);
    set_owner(7, &dead);
    set_owner(n - 7, &dead);
    int64_t start = hepta_now_ns();
    int64_t got = get(H7_PICK_FIRST, 0);
    assert_true(hepta_now_ns() - start < 500000000);
    for (int i = 0, n_got = 0; n_got < 2; i++) {
        n_got += got >= 0;
        assert_true(got == -EAGAIN || got == 7 || got == n - 7);
        assert_true(i < 1000);
        got = get(H7_PICK_FIRST, 0);
    }
    for (int i = 0; i < N_OWNERS; i++)
        unit_kill(pid[i]);
    end();
}

/* On a busy machine, too; if it is allowed. */
static void run_first(void)
{
    const struct sched_param first = {.sched_priority = 1};
    sched_setscheduler(0, SCHED_FIFO, &first);
}

/* As no holder would: it takes the word from who has it. */
static int hold_again_and_again(void *arg)
{
    struct h7_a32 *word = &store.shared->side[H7_P].lock.word;
    run_first();
    for (;;) {
        for (int64_t end = hepta_in_ms(40); hepta_now_ns() < end;)
            h7_store32_relaxed(word, (uint32_t)getpid());
        unit_say(arg, 1);
        h7_store32_relaxed(word, 0);
        while (h7_load32_relaxed(word) == 0)
            h7_pause();
    }
    return 0;
}

/* A peer plants sleepers that are dead, and has the lock nearly all the time: who calls one after
 * the other waits for the lock again and again, but not for long in all. */
static void test_dead_sleepers_behind_a_lock(void **state)
{
    uint32_t *said = unit_shared(sizeof *said);
    (void)state;
    begin(8, 64, H7_PLAN_CELLS, 0);
    struct h7_sleepers *t = &store.shared->sleepers[H7_P];
    for (int i = 0; i < H7_SLEEPERS; i++) {
        h7_store32_relaxed(&t->at[i].state, H7_SLEEPER_WAITING);
        h7_store64_relaxed(&t->at[i].ticket, (uint64_t)i);
    }
    h7_store32_relaxed(&t->high, H7_SLEEPERS);
    h7_store32_relaxed(&t->n_waiting, H7_SLEEPERS);
    pid_t pid = unit_start(hold_again_and_again, said);
    unit_await(said, 0);
    int64_t start = hepta_now_ns();
    uint32_t value = 5;
    int r = h7_store_send(&store, 0, &value, sizeof value, HEPTA_FOREVER);
    int64_t took = hepta_now_ns() - start;
    unit_kill(pid);
    assert_int_equal(r, 0);
    assert_true(took < 500000000);
    end();
}

static int dirty_it_again_and_again(void *arg)
{
    (void)arg;
    run_first();
    for (;;)
        h7_store32_relaxed(&store.shared->dirty, 1);
    return 0;
}

/* Mending takes its time, and a peer lets nobody come to an end with it. */
static void test_dirty_without_end(void **state)
{
    (void)state;
    begin(60000, 64, H7_PLAN_CELLS, 0);
    for (uint32_t i = 0; i < 60000; i++)
        assert_int_equal(put(1, i), 0);
    pid_t pid = unit_start(dirty_it_again_and_again, NULL);
    while (!h7_load32_relaxed(&store.shared->dirty))
        unit_sleep_ms(1);
    int64_t start = hepta_now_ns();
    int64_t got = get(H7_PICK_FIRST, 0);
    int64_t took = hepta_now_ns() - start;
    unit_kill(pid);
    assert_true(got == 0 || got == -EAGAIN);
    assert_true(took < 500000000);
    end();
}

static const struct CMUnitTest tests[] = {
    NAMES_TEST(test_lease_of_the_dead),
    NAMES_TEST(test_sleeping_receivers),
    NAMES_TEST(test_dead_sleeper),
    NAMES_TEST(test_sleeping_sender),
    NAMES_TEST(test_death_inside),
    NAMES_TEST(test_place_changed_meanwhile),
    NAMES_TEST(test_plan_of_both),
    NAMES_TEST(test_freed_far_away),
    NAMES_TEST(test_dead_urgent_sleeper),
    NAMES_TEST(test_death_after_the_alarm),
    NAMES_TEST(test_owners_in_turn),
    NAMES_TEST(test_dead_sleepers_behind_a_lock),
    NAMES_TEST(test_dirty_without_end),
};

NAMES_MAIN(tests)
