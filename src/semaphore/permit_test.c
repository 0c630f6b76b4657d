/* SPDX-License-Identifier: MIT */
/* semaphore/permit_test.c - permits: places, handles, threads, random deaths */
#define _GNU_SOURCE
#include "semaphore/permit_test.h"

static void test_take_and_give(void **state)
{
    (void)state;
    begin(2);
    assert_int_equal(hepta_permit_give(permit), -EPERM);
    assert_int_equal(try_take(), 0);
    assert_int_equal(try_take(), 0);
    assert_int_equal(try_take(), -EAGAIN);
    assert_int_equal(hepta_permit_take(permit, hepta_in_ms(20)), -ETIMEDOUT);
    struct hepta_permit_stat st = stat_now();
    assert_int_equal(st.places, 2);
    assert_int_equal(st.free, 0);
    assert_int_equal(st.holders, 1);
    check();
    assert_int_equal(hepta_permit_give(permit), 0);
    assert_int_equal(hepta_permit_give(permit), 0);
    assert_int_equal(hepta_permit_give(permit), -EPERM);
    st = stat_now();
    assert_int_equal(st.free, 2);
    assert_int_equal(st.holders, 0);
    assert_int_equal(st.taken, 2);
    assert_int_equal(st.given, 2);
    assert_int_equal(st.recovered, 0);
    end();
}

static void test_open(void **state)
{
    struct hepta_permit_options o = {.size = sizeof o};
    struct hepta_permit *p, *q;
    const uint32_t create = HEPTA_SEM_CREATE;
    (void)state;
    assert_int_equal(hepta_permit_open("/p", 0, 0, 0, NULL, &p), -ENOENT);
    assert_null(p);
    assert_int_equal(hepta_permit_open("/p", create, 0600, 0, NULL, &p), -EINVAL);
    assert_int_equal(hepta_permit_open("/p", create, 0600, 32768, NULL, &p), -EINVAL);
    assert_int_equal(hepta_permit_open("/p", create, 01600, 1, NULL, &p), -EINVAL);
    assert_int_equal(hepta_permit_open("/p", 1, 0600, 1, NULL, &p), -EINVAL);
    assert_int_equal(hepta_permit_open("p", create, 0600, 1, NULL, &p), -EINVAL);
    assert_int_equal(hepta_permit_open("/p", create, 0600, 1, NULL, NULL), -EFAULT);
    o.holders_max = 4097;
    assert_int_equal(hepta_permit_open("/p", create, 0600, 1, &o, &p), -EINVAL);
    o = (struct hepta_permit_options){0};
    assert_int_equal(hepta_permit_open("/p", create, 0600, 1, &o, &p), -EINVAL);
    assert_int_equal(hepta_permit_open("/p", create, 0600, 32767, NULL, &p), 0);
    assert_int_equal(hepta_permit_open("/p", create | HEPTA_SEM_EXCL, 0600, 1, NULL, &q), -EEXIST);
    assert_int_equal(hepta_permit_open("/p", create, 0600, 1, NULL, &q), 0);
    struct hepta_permit_stat st;
    assert_int_equal(hepta_permit_stat(q, &st), 0);
    assert_int_equal(st.places, 32767);
    assert_int_equal(hepta_permit_stat(q, NULL), -EFAULT);
    assert_int_equal(hepta_permit_close(q), 0);
    assert_int_equal(hepta_permit_close(q), -EBADF);
    assert_int_equal(hepta_permit_close(NULL), -EBADF);
    assert_int_equal(hepta_permit_take(q, HEPTA_NOW), -EBADF);
    assert_int_equal(hepta_permit_give(NULL), -EINVAL);
    assert_int_equal(hepta_permit_unlink("/p"), 0);
    assert_int_equal(hepta_permit_unlink("/p"), -ENOENT);
    assert_int_equal(hepta_permit_take(p, HEPTA_NOW), 0); /* it lasts as long as it is open */
    assert_int_equal(hepta_permit_give(p), 0);
    assert_int_equal(hepta_permit_close(p), 0);
}

static int become_nobody(void *arg)
{
    struct hepta_permit *p;
    (void)arg;
    if (names_become(NOBODY) != 0)
        return UNIT_SKIP;
    CHILD_CHECK(hepta_permit_open("/p", 0, 0, 0, NULL, &p) == -EACCES);
    return 0;
}

static void test_permission(void **state)
{
    (void)state;
    begin(1);
    assert_int_equal(fchmod(names_dir, 01777), 0);
    unit_in_child(become_nobody, NULL);
    end();
}

/* --- handles ------------------------------------------------------------------------------ */

static void test_two_handles(void **state)
{
    struct hepta_permit *other;
    (void)state;
    begin(2);
    assert_int_equal(hepta_permit_open("/p", 0, 0, 0, NULL, &other), 0);
    assert_int_equal(try_take(), 0);
    assert_int_equal(hepta_permit_take(other, HEPTA_NOW), 0);
    assert_int_equal(hepta_permit_give(permit), 0);
    assert_int_equal(hepta_permit_close(permit), 0);
    permit = other;
    assert_int_equal(stat_now().free, 1); /* still held, by the process */
    assert_int_equal(hepta_permit_open("/p", 0, 0, 0, NULL, &other), 0);
    assert_int_equal(hepta_permit_close(permit), 0);
    permit = other;
    assert_int_equal(stat_now().free, 1);
    assert_int_equal(hepta_permit_give(permit), 0);
    end();
}

static int close_and_stay(void *arg)
{
    uint32_t *said = arg;
    CHILD_CHECK(hepta_permit_take(permit, HEPTA_NOW) == 0);
    CHILD_CHECK(hepta_permit_take(permit, HEPTA_NOW) == 0);
    CHILD_CHECK(hepta_permit_close(permit) == 0);
    unit_say(said, 1);
    return unit_stay();
}

static void test_last_close_gives_back(void **state)
{
    uint32_t *said = unit_shared(sizeof *said);
    (void)state;
    begin(2);
    pid_t pid = unit_start(close_and_stay, said);
    unit_await(said, 0);
    assert_int_equal(stat_now().free, 2);
    unit_kill(pid);
    end();
}

/* The handle whose `life` was open is closed, the place stays held: who polls is told all the
 * same. */
static int close_one_and_stay(void *arg)
{
    struct hepta_permit *mine;
    CHILD_CHECK(hepta_permit_open("/p", 0, 0, 0, NULL, &mine) == 0);
    CHILD_CHECK(hepta_permit_take(mine, HEPTA_NOW) == 0);
    CHILD_CHECK(hepta_permit_close(mine) == 0);
    unit_say(arg, 1);
    return unit_stay();
}

static void test_alarm_goes_on(void **state)
{
    uint32_t *said = unit_shared(sizeof *said);
    (void)state;
    begin(1);
    int fd = hepta_permit_fd(permit);
    pid_t pid = unit_start(close_one_and_stay, said);
    unit_await(said, 0);
    while (try_take() != -EAGAIN)
        hepta_permit_give(permit);
    unit_kill(pid);
    assert_int_equal(is_readable(fd, 1000), 1);
    end();
}

/* --- threads, and random deaths ------------------------------------------------------------ */

#define ROUNDS 300

static struct h7_a32 inside;

/* Whoever is inside a verb may be kept from running for as long as a stopped one. */
static int give_it_back(void)
{
    int r;
    do
        r = hepta_permit_give(permit);
    while (r == -ETIMEDOUT);
    return r;
}

static void *use_it(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        if (hepta_permit_take(permit, HEPTA_FOREVER) != 0)
            return (void *)1;
        if (h7_add32_release(&inside, 1) >= 2)
            return (void *)2;
        h7_add32_release(&inside, (uint32_t)-1);
        if (give_it_back() != 0)
            return (void *)3;
    }
    return NULL;
}

static void test_threads(void **state)
{
    pthread_t thread[4];
    (void)state;
    begin(2);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, use_it, NULL), 0);
    for (int i = 0; i < 4; i++) {
        void *r;
        pthread_join(thread[i], &r);
        assert_null(r);
    }
    struct hepta_permit_stat st = stat_now();
    assert_int_equal(st.free, 2);
    assert_int_equal(st.taken, 4 * ROUNDS);
    assert_int_equal(st.given, 4 * ROUNDS);
    end();
}

static int take_and_give(void *arg)
{
    (void)arg;
    for (;;) {
        CHILD_CHECK(hepta_permit_take(permit, HEPTA_FOREVER) == 0);
        int r = give_it_back();
        if (r != 0)
            fprintf(stderr, "give: %d\n", r);
        CHILD_CHECK(r == 0);
    }
}

/* Killed anywhere: nothing is lost or invented. */
static void test_random_kills(void **state)
{
    pid_t pid[4] = {0};
    (void)state;
    begin(2);
    for (int i = 0; i < 200; i++) {
        pid_t *p = &pid[i % 4];
        if (*p)
            unit_kill(*p);
        *p = unit_start(take_and_give, NULL);
        struct timespec ts = {0, (i * 7919) % 3000000};
        nanosleep(&ts, NULL);
    }
    for (int i = 0; i < 4; i++)
        unit_kill(pid[i]);
    assert_int_equal(stat_now().free, 2);
    end();
}

static const struct CMUnitTest tests[] = {
    NAMES_TEST(test_take_and_give),
    NAMES_TEST(test_open),
    NAMES_TEST(test_permission),
    NAMES_TEST(test_two_handles),
    NAMES_TEST(test_last_close_gives_back),
    NAMES_TEST(test_alarm_goes_on),
    NAMES_TEST(test_threads),
    NAMES_TEST(test_random_kills),
};

NAMES_MAIN(tests)
