/* SPDX-License-Identifier: MIT */
/* fifo/fifo_test.c - what an open FIFO does: data, end-of-file, contents, poll, fork */
#define _GNU_SOURCE
#include "name/name_test.h"

#include <poll.h>

#include "fifo/fifo_internal.h"

#define NAME "/jobs"
#define R HEPTA_FIFO_READ
#define W HEPTA_FIFO_WRITE
#define SOON hepta_in_ms(20000)

static void make(uint32_t flags, uint64_t capacity)
{
    struct hepta_fifo_options o = {.size = sizeof o, .flags = flags, .capacity = capacity};
    assert_int_equal(hepta_fifo_make(NAME, 0600, &o), 0);
}

static struct hepta_fifo *get(uint32_t access, int64_t deadline)
{
    struct hepta_fifo *f;
    assert_int_equal(hepta_fifo_open(&f, NAME, access, NULL, deadline), 0);
    return f;
}

static void healthy(const struct hepta_fifo *f)
{
    char why[100] = "";
    int r = h7_fifo_check(f, why, sizeof why);
    if (r < 0)
        fprintf(stderr, "%s\n", why);
    assert_int_equal(r, 0);
}

static void put(struct hepta_fifo *w, const char *s)
{
    assert_int_equal(hepta_fifo_write(w, s, strlen(s), SOON), strlen(s));
}

static void expect(struct hepta_fifo *r, const char *s)
{
    char buf[100];
    assert_int_equal(hepta_fifo_read(r, buf, sizeof buf, SOON), strlen(s));
    assert_memory_equal(buf, s, strlen(s));
}

static ssize_t read_now(struct hepta_fifo *r)
{
    char buf[100];
    return hepta_fifo_read(r, buf, sizeof buf, HEPTA_NOW);
}

static short polled(struct hepta_fifo *f, uint32_t access)
{
    struct pollfd p = {.fd = hepta_fifo_fd(f, access), .events = POLLIN};
    assert_true(p.fd >= 0);
    assert_true(poll(&p, 1, 0) >= 0);
    return p.revents;
}

static void test_end_of_file_and_on(void **state)
{
    (void)state;
    make(0, 0);
    struct hepta_fifo *r = get(R, HEPTA_NOW);
    assert_int_equal(read_now(r), 0); /* no writer yet */
    struct hepta_fifo *w = get(W, HEPTA_NOW);
    assert_int_equal(read_now(r), -EAGAIN);
    put(w, "one");
    put(w, "two");
    w = hepta_fifo_close(w);
    expect(r, "onetwo");
    assert_int_equal(read_now(r), 0);
    assert_int_equal(hepta_fifo_read(r, (char[1]){0}, 1, HEPTA_FOREVER), 0);
    w = get(W, HEPTA_NOW);
    put(w, "three");
    expect(r, "three");
    assert_int_equal(hepta_fifo_read(r, (char[1]){0}, 1, hepta_in_ms(5)), -ETIMEDOUT);
    healthy(r);
    hepta_fifo_close(w);
    hepta_fifo_close(r);
}

static void test_broken_and_on(void **state)
{
    (void)state;
    make(0, 0);
    struct hepta_fifo *r = get(R, HEPTA_NOW), *w = get(W, HEPTA_NOW);
    put(w, "kept");
    r = hepta_fifo_close(r);
    assert_int_equal(hepta_fifo_write(w, "x", 1, HEPTA_FOREVER), -EPIPE);
    assert_int_equal(hepta_fifo_write(w, "x", 1, HEPTA_NOW), -EPIPE);
    r = get(R, HEPTA_NOW);
    put(w, "on");
    expect(r, "kepton"); /* the writer had it open all the time */
    healthy(w);
    hepta_fifo_close(w);
    hepta_fifo_close(r);
}

static void test_contents_go_with_the_last(void **state)
{
    (void)state;
    make(0, 0);
    struct hepta_fifo *r = get(R, HEPTA_NOW), *w = get(W, HEPTA_NOW);
    put(w, "lost");
    hepta_fifo_close(r);
    hepta_fifo_close(w);
    r = get(R, HEPTA_NOW);
    assert_int_equal(read_now(r), 0);
    w = get(W, HEPTA_NOW);
    assert_int_equal(read_now(r), -EAGAIN);
    put(w, "new");
    expect(r, "new");
    hepta_fifo_close(r);
    hepta_fifo_close(w);
}

static int leave_things(void *arg)
{
    struct hepta_fifo *f;
    void *room;
    const void *seen;
    CHILD_CHECK(hepta_fifo_open(&f, NAME, R | W, NULL, HEPTA_NOW) == 0);
    CHILD_CHECK(hepta_fifo_fd(f, R) >= 0 && hepta_fifo_fd(f, W) >= 0);
    CHILD_CHECK(hepta_fifo_write(f, "left", 4, HEPTA_NOW) == 4);
    CHILD_CHECK(hepta_fifo_peek(f, &seen, HEPTA_NOW) == 4);
    CHILD_CHECK(hepta_fifo_reserve(f, 10, &room, HEPTA_NOW) == 0);
    unit_say(arg, 1);
    return unit_stay();
}

static void test_contents_go_with_the_killed(void **state)
{
    uint32_t *ready = unit_shared(4096);
    (void)state;
    make(0, 0);
    for (int i = 0; i < 50; i++) {
        unit_say(ready, 0);
        pid_t pid = unit_start(leave_things, ready);
        unit_await(ready, 0);
        unit_kill(pid);
        struct hepta_fifo *f = get(R | W, HEPTA_NOW);
        healthy(f);
        assert_int_equal(read_now(f), -EAGAIN);
        put(f, "x");
        expect(f, "x");
        hepta_fifo_close(f);
    }
    munmap(ready, 4096);
}

static void test_both(void **state)
{
    (void)state;
    make(0, 4096);
    struct hepta_fifo *f = get(R | W, HEPTA_FOREVER);
    char page[4096] = "";
    assert_int_equal(read_now(f), -EAGAIN); /* no end-of-file: it is its own writer */
    assert_int_equal(hepta_fifo_write(f, page, sizeof page, HEPTA_NOW), 4096);
    assert_int_equal(hepta_fifo_write(f, page, 1, HEPTA_NOW), -EAGAIN);
    assert_int_equal(hepta_fifo_write(f, page, 1, hepta_in_ms(5)), -ETIMEDOUT);
    assert_int_equal(hepta_fifo_read(f, page, sizeof page, HEPTA_NOW), 4096);
    struct hepta_pipe_stat st;
    assert_int_equal(hepta_fifo_stat(f, &st, sizeof st), 0);
    assert_true(st.has_reader && st.has_writer && st.capacity == 4096 && st.used == 0);
    assert_int_equal(st.bytes_in, 4096);
    healthy(f);
    hepta_fifo_close(f);
}

static void test_packets(void **state)
{
    char buf[4];
    (void)state;
    make(HEPTA_FIFO_PACKET, 0);
    struct hepta_fifo *f = get(R | W, HEPTA_NOW);
    put(f, "first");
    put(f, "2");
    assert_int_equal(hepta_fifo_read(f, buf, 4, HEPTA_NOW), 4);
    expect(f, "2");
    assert_int_equal(read_now(f), -EAGAIN);
    healthy(f);
    hepta_fifo_close(f);
}

static void test_zero_copy(void **state)
{
    void *room;
    const void *seen;
    (void)state;
    make(0, 0);
    struct hepta_fifo *r = get(R, HEPTA_NOW), *w = get(W, HEPTA_NOW);
    assert_int_equal(hepta_fifo_reserve(w, 65536, &room, HEPTA_NOW), 0);
    memcpy(room, "inside", 6);
    assert_int_equal(hepta_fifo_reserve(w, 1, &room, HEPTA_NOW), -EDEADLK);
    assert_int_equal(hepta_fifo_commit(w, 6), 0);
    assert_int_equal(hepta_fifo_peek(r, &seen, HEPTA_NOW), 6);
    assert_memory_equal(seen, "inside", 6);
    assert_int_equal(hepta_fifo_release(r, 2), 0);
    expect(r, "side");
    assert_int_equal(hepta_fifo_reserve(w, 8, &room, HEPTA_NOW), 0);
    hepta_fifo_close(w); /* gives it back */
    w = get(W, HEPTA_NOW);
    put(w, "x");
    expect(r, "x");
    hepta_fifo_close(r);
    hepta_fifo_close(w);
}

static void test_wrong_use(void **state)
{
    void *p;
    struct hepta_pipe_stat st;
    (void)state;
    make(0, 0);
    struct hepta_fifo *r = get(R, HEPTA_NOW), *w = get(W, HEPTA_NOW);
    assert_int_equal(hepta_fifo_write(r, "x", 1, HEPTA_NOW), -EBADF);
    assert_int_equal(hepta_fifo_read(w, &st, 1, HEPTA_NOW), -EBADF);
    assert_int_equal(hepta_fifo_reserve(r, 1, &p, HEPTA_NOW), -EBADF);
    assert_int_equal(hepta_fifo_commit(r, 1), -EBADF);
    assert_int_equal(hepta_fifo_peek(w, (const void **)&p, HEPTA_NOW), -EBADF);
    assert_int_equal(hepta_fifo_release(w, 1), -EBADF);
    assert_int_equal(hepta_fifo_fd(r, W), -EBADF);
    assert_int_equal(hepta_fifo_fd(w, R), -EBADF);
    assert_int_equal(hepta_fifo_fd(w, R | W), -EINVAL);
    assert_int_equal(hepta_fifo_fd(w, 0), -EINVAL);
    assert_int_equal(hepta_fifo_read(r, NULL, 1, HEPTA_NOW), -EFAULT);
    assert_int_equal(hepta_fifo_read(r, NULL, 0, HEPTA_NOW), 0);
    assert_int_equal(hepta_fifo_write(w, "", SIZE_MAX, HEPTA_NOW), -EINVAL);
    assert_int_equal(hepta_fifo_reserve(w, 1, NULL, HEPTA_NOW), -EFAULT);
    assert_int_equal(hepta_fifo_peek(r, NULL, HEPTA_NOW), -EFAULT);
    assert_int_equal(hepta_fifo_release(r, 1), -EINVAL);
    assert_int_equal(hepta_fifo_stat(r, NULL, 1), -EFAULT);
    assert_int_equal(hepta_fifo_stat(r, &st, 0), -EINVAL);
    assert_int_equal(hepta_fifo_read(NULL, NULL, 0, HEPTA_NOW), -EINVAL);
    assert_int_equal(hepta_pipe_read((void *)r, &st, 1, HEPTA_NOW), -EBADF);
    hepta_pipe_close((void *)r);
    hepta_fifo_close(w);
    assert_int_equal(hepta_fifo_write(w, "x", 1, HEPTA_NOW), -EBADF);
    assert_null(hepta_fifo_close(w));
    assert_null(hepta_fifo_close(NULL));
    assert_int_equal(read_now(r), 0);
    hepta_fifo_close(r);
}

static void test_poll_of_a_reader(void **state)
{
    (void)state;
    make(0, 0);
    struct hepta_fifo *r = get(R, HEPTA_NOW);
    assert_int_equal(polled(r, R), 0); /* no POLLHUP before the first writer */
    struct hepta_fifo *other = get(R, HEPTA_NOW);
    assert_int_equal(polled(r, R), 0);
    struct hepta_fifo *w = get(W, HEPTA_NOW);
    assert_int_equal(polled(r, R), 0);
    put(w, "x");
    assert_int_equal(polled(r, R), POLLIN);
    expect(r, "x");
    assert_int_equal(polled(r, R), 0);
    hepta_fifo_close(w);
    assert_int_equal(polled(r, R), POLLHUP);
    assert_int_equal(polled(other, R), POLLHUP);
    w = get(W, HEPTA_NOW);
    assert_int_equal(polled(r, R), 0);
    hepta_fifo_close(w);
    hepta_fifo_close(other);
    hepta_fifo_close(r);
}

static void test_poll_of_a_writer(void **state)
{
    char page[4096] = "";
    (void)state;
    make(0, 4096);
    struct hepta_fifo *r = get(R, HEPTA_NOW), *w = get(W, HEPTA_NOW);
    assert_int_equal(polled(w, W), POLLIN);
    assert_int_equal(hepta_fifo_write(w, page, sizeof page, HEPTA_NOW), 4096);
    assert_int_equal(polled(w, W), 0);
    assert_int_equal(hepta_fifo_read(r, page, sizeof page, HEPTA_NOW), 4096);
    assert_int_equal(polled(w, W), POLLIN);
    r = hepta_fifo_close(r);
    assert_true(polled(w, W) & POLLHUP);
    hepta_fifo_close(w);
}

/* F4: space that was made while there was no writer to be told. */
static void test_poll_of_a_late_writer(void **state)
{
    char page[4096] = "";
    (void)state;
    make(0, 4096);
    struct hepta_fifo *r = get(R, HEPTA_NOW), *w = get(W, HEPTA_NOW);
    assert_int_equal(hepta_fifo_write(w, page, sizeof page, HEPTA_NOW), 4096);
    assert_int_equal(polled(w, W), 0);
    hepta_fifo_close(w);
    assert_int_equal(hepta_fifo_read(r, page, sizeof page, HEPTA_NOW), 4096);
    w = get(W, HEPTA_NOW);
    assert_int_equal(polled(w, W), POLLIN);
    hepta_fifo_close(r);
    hepta_fifo_close(w);
}

/* D: a ring that reached nobody must not silence the next one. The writer finds out by
 * ringing only if it hasn't looked for the reader before: as when that one was just killed. */
static void test_poll_of_a_late_reader(void **state)
{
    (void)state;
    make(0, 0);
    struct hepta_fifo *r = get(R, HEPTA_NOW), *w = get(W, HEPTA_NOW);
    struct h7_conduit *c = &w->flow[H7_WRITER];
    assert_int_equal(polled(r, R), 0);
    r = hepta_fifo_close(r);
    h7_store32_relaxed(&c->closes_seen, h7_load32_relaxed(&c->shared->closes));
    h7_store32_relaxed(&c->credit, 1);
    assert_int_equal(hepta_fifo_write(w, "x", 1, HEPTA_NOW), -EPIPE);
    r = get(R, HEPTA_NOW);
    put(w, "x");
    assert_int_equal(polled(r, R), POLLIN);
    hepta_fifo_close(r);
    hepta_fifo_close(w);
}

static int read_all(void *arg)
{
    struct hepta_fifo *r;
    char buf[64];
    ssize_t n, sum = 0;
    (void)arg;
    CHILD_CHECK(hepta_fifo_open(&r, NAME, R, NULL, SOON) == 0);
    while ((n = hepta_fifo_read(r, buf, sizeof buf, SOON)) > 0)
        sum += n;
    CHILD_CHECK(n == 0);
    CHILD_CHECK(sum == 100);
    hepta_fifo_close(r);
    return 0;
}

static void test_fork_inherits(void **state)
{
    (void)state;
    make(0, 0);
    pid_t reader = unit_start(read_all, NULL);
    struct hepta_fifo *w = get(W, SOON);
    pid_t pid = unit_fork();
    if (pid == 0) {
        char buf[50] = "";
        unit_sleep_ms(20); /* the parent has closed by now, or not: it is the same */
        _exit(hepta_fifo_write(w, buf, 50, SOON) != 50 || hepta_fifo_close(w) != NULL);
    }
    char buf[50] = "";
    assert_int_equal(hepta_fifo_write(w, buf, 50, SOON), 50);
    hepta_fifo_close(w);
    assert_int_equal(unit_reap(pid), 0);
    assert_int_equal(unit_reap(reader), 0);
}

static int hold_open(void *arg)
{
    uint32_t *word = arg;
    struct hepta_fifo *f;
    CHILD_CHECK(hepta_fifo_open(&f, NAME, word[1], NULL, SOON) == 0);
    unit_say(word, 1);
    return unit_stay();
}

static int wait_in_a_verb(void *arg)
{
    uint32_t access = *(uint32_t *)arg;
    struct hepta_fifo *f;
    char page[4096] = "";
    CHILD_CHECK(hepta_fifo_open(&f, NAME, access, NULL, SOON) == 0);
    if (access == R)
        return hepta_fifo_read(f, page, 1, HEPTA_FOREVER) == 0 ? 0 : 1;
    while (hepta_fifo_write(f, page, sizeof page, HEPTA_FOREVER) > 0)
        ;
    return hepta_fifo_write(f, page, 1, HEPTA_FOREVER) == -EPIPE ? 0 : 1;
}

/* The other side is killed while we sleep. */
static void killed_partner(uint32_t mine)
{
    uint32_t *word = unit_shared(4096);
    make(0, 4096);
    word[1] = mine == R ? W : R;
    word[2] = mine;
    pid_t other = unit_start(hold_open, word);
    pid_t waiter = unit_start(wait_in_a_verb, &word[2]);
    unit_await(word, 0);
    unit_sleep_ms(30);
    unit_kill(other);
    assert_int_equal(unit_reap(waiter), 0);
    munmap(word, 4096);
}

static void test_killed_writer(void **state)
{
    (void)state;
    killed_partner(R);
}

static void test_killed_reader(void **state)
{
    (void)state;
    killed_partner(W);
}

#define N_WRITERS 3
#define N_RECORDS 300
#define RECORD    1000

static int write_records(void *arg)
{
    struct hepta_fifo *w;
    char buf[RECORD];
    memset(buf, *(char *)arg, sizeof buf);
    CHILD_CHECK(hepta_fifo_open(&w, NAME, W, NULL, SOON) == 0);
    for (int i = 0; i < N_RECORDS; i++)
        CHILD_CHECK(hepta_fifo_write(w, buf, RECORD, SOON) == RECORD);
    hepta_fifo_close(w);
    return 0;
}

/* Strangers: nothing is inherited but the name. */
static void test_many_writers_never_mix(void **state)
{
    char *id = unit_shared(4096), buf[RECORD];
    pid_t pid[N_WRITERS];
    int n_of[N_WRITERS] = {0};
    ssize_t n;
    (void)state;
    make(0, 4096);
    struct hepta_fifo *own = get(R | W, HEPTA_NOW); /* no end-of-file before all have come */
    struct hepta_fifo *r = get(R, SOON);
    for (int i = 0; i < N_WRITERS; i++) {
        id[i] = (char)i;
        pid[i] = unit_start(write_records, &id[i]);
    }
    for (int i = 0; i < N_WRITERS * N_RECORDS; i++) {
        for (n = 0; n < RECORD;) {
            ssize_t k = hepta_fifo_read(r, buf + n, (size_t)(RECORD - n), SOON);
            assert_true(k > 0);
            n += k;
        }
        for (int k = 0; k < RECORD; k++)
            assert_int_equal(buf[k], buf[0]);
        n_of[(int)buf[0]]++;
    }
    for (int i = 0; i < N_WRITERS; i++) {
        assert_int_equal(unit_reap(pid[i]), 0);
        assert_int_equal(n_of[i], N_RECORDS);
    }
    hepta_fifo_close(own);
    assert_int_equal(hepta_fifo_read(r, buf, 1, SOON), 0);
    healthy(r);
    hepta_fifo_close(r);
    munmap(id, 4096);
}

static const struct CMUnitTest tests[] = {
    NAMES_TEST(test_end_of_file_and_on),
    NAMES_TEST(test_broken_and_on),
    NAMES_TEST(test_contents_go_with_the_last),
    NAMES_TEST(test_contents_go_with_the_killed),
    NAMES_TEST(test_both),
    NAMES_TEST(test_packets),
    NAMES_TEST(test_zero_copy),
    NAMES_TEST(test_wrong_use),
    NAMES_TEST(test_poll_of_a_reader),
    NAMES_TEST(test_poll_of_a_writer),
    NAMES_TEST(test_poll_of_a_late_writer),
    NAMES_TEST(test_poll_of_a_late_reader),
    NAMES_TEST(test_fork_inherits),
    NAMES_TEST(test_killed_writer),
    NAMES_TEST(test_killed_reader),
    NAMES_TEST(test_many_writers_never_mix),
};

NAMES_MAIN(tests)
