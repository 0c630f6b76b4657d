/* SPDX-License-Identifier: MIT */
/*
 * prim/conduit_test.c - bytes and packets through a conduit: edges of the ring, waiting,
 * lost wake-ups, deaths and the poll level; zero copy is in conduit_hold_test.c
 */
#define _GNU_SOURCE
#include "prim/conduit_test.h"

#include <poll.h>
#include <pthread.h>

#define CAP     8192
#define LONG_MS 60000 /* a deadline that only a lost wake-up reaches */

static struct flow f;
static char buf[2 * CAP + 8], got[2 * CAP + 8];

static int open_bytes(void **state)
{
    (void)state;
    flow_open(&f, 0, CAP, HEPTA_WAIT_ADAPTIVE);
    return 0;
}

static int open_packets(void **state)
{
    (void)state;
    flow_open(&f, H7_CONDUIT_PACKET, CAP, HEPTA_WAIT_ADAPTIVE);
    return 0;
}

static int open_spsc(void **state)
{
    (void)state;
    flow_open(&f, H7_CONDUIT_SPSC, CAP, HEPTA_WAIT_ADAPTIVE);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    flow_close(&f);
    return 0;
}

static ssize_t put(size_t len)
{
    flow_pattern(buf, len, flow_head(&f));
    return h7_conduit_write(&f.w, buf, len, HEPTA_NOW);
}

static ssize_t get(size_t len)
{
    return h7_conduit_read(&f.r, got, len, HEPTA_NOW);
}

static void expect_bytes(size_t len, uint64_t at)
{
    assert_int_equal(get(len), len);
    assert_true(flow_is_pattern(got, len, at));
}

/* --- bytes ----------------------------------------------------------------------- */

static void test_in_order(void **state)
{
    (void)state;
    assert_int_equal(get(1), -EAGAIN);
    for (size_t len = 1; len < 60; len++)
        assert_int_equal(put(len), len);
    expect_bytes(1000, 0);
    expect_bytes(770, 1000); /* reads need not follow the writes' borders */
    assert_int_equal(get(1), -EAGAIN);
}

static void test_all_or_nothing_up_to_pipe_buf(void **state)
{
    (void)state;
    assert_int_equal(put(4096), 4096);
    assert_int_equal(put(4086), 4086);
    assert_int_equal(put(11), -EAGAIN); /* 10 are free */
    assert_int_equal(flow_head(&f), 8182);
    assert_int_equal(put(10), 10);
    assert_int_equal(put(1), -EAGAIN);
    expect_bytes(CAP, 0);
}

static void test_above_pipe_buf_in_part(void **state)
{
    (void)state;
    assert_int_equal(put(3000), 3000);
    assert_int_equal(put(8000), CAP - 3000);
    assert_int_equal(put(8000), -EAGAIN);
    expect_bytes(CAP, 0);
    int64_t end = hepta_in_ms(10); /* a deadline cuts short as well */
    flow_pattern(buf, CAP + 5, flow_head(&f));
    assert_int_equal(h7_conduit_write(&f.w, buf, CAP + 5, end), CAP);
    assert_true(hepta_now_ns() >= end);
}

/* Every length over every place of the seam. */
static void test_wraparound(void **state)
{
    const size_t lens[] = {1, 2, 8, 9, 4095, 4096, CAP - 1, CAP};
    (void)state;
    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++)
        for (size_t before = 0; before <= 10; before++) {
            uint64_t at = 5 * CAP - before;
            flow_start_at(&f, at);
            assert_int_equal(put(lens[i]), lens[i]);
            expect_bytes(lens[i], at);
            assert_int_equal(flow_tail(&f), at + lens[i]);
        }
}

static void test_large_counters(void **state)
{
    (void)state;
    const uint64_t starts[] = {UINT32_MAX - 7, 1ull << 32, (1ull << 63) - 100};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        flow_start_at(&f, starts[i]);
        for (int n = 0; n < 50; n++) {
            uint64_t at = flow_head(&f);
            assert_int_equal(put(777), 777);
            expect_bytes(777, at);
        }
    }
}

/* The caches lag behind, never run ahead: the refused look again. */
static void test_stale_caches(void **state)
{
    (void)state;
    assert_int_equal(put(CAP), CAP);
    expect_bytes(CAP, 0);
    assert_true(h7_load64_relaxed(&f.w.mine->cache) == 0); /* the writer has not seen it */
    assert_int_equal(put(4096), 4096);
    assert_true(h7_load64_relaxed(&f.w.mine->cache) == CAP);
    assert_int_equal(put(4096), 4096); /* from the cache */
    expect_bytes(CAP, CAP);
}

static int write_some(void *arg)
{
    (void)arg;
    CHILD_CHECK(put(4096) == 4096 && put(4096) == 4096);
    return 0;
}

/* The cache belongs to the side, not to the process: a writer goes on where another was. */
static void test_another_process_writes(void **state)
{
    (void)state;
    unit_in_child(write_some, NULL);
    assert_int_equal(put(1), -EAGAIN);
    expect_bytes(CAP, 0);
    assert_int_equal(put(1), 1);
}

static void test_lying_counters(void **state)
{
    (void)state;
    f.corrupt = 1;
    h7_store64_relaxed(&f.w.ring.shared->head, CAP + 1);
    assert_int_equal(get(1), -EBADMSG);
    assert_int_equal(h7_conduit_read(&f.r, got, 1, HEPTA_FOREVER), -EBADMSG);
    flow_start_at(&f, 0);
    h7_store64_relaxed(&f.w.ring.shared->tail, 1);
    h7_store64_relaxed(&f.w.mine->cache, 1);
    assert_int_equal(put(1), -EBADMSG);
    assert_int_equal(h7_conduit_write(&f.w, buf, CAP, HEPTA_FOREVER), -EBADMSG);
}

/* --- packets --------------------------------------------------------------------- */

static void test_packet_borders(void **state)
{
    const size_t lens[] = {1, 7, 8, 9, 100, 4096};
    (void)state;
    for (size_t i = 0; i < 6; i++) {
        flow_pattern(buf, lens[i], lens[i]);
        assert_int_equal(h7_conduit_write(&f.w, buf, lens[i], HEPTA_NOW), lens[i]);
    }
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(get(sizeof got), lens[i]);
        assert_true(flow_is_pattern(got, lens[i], lens[i]));
    }
    assert_int_equal(get(1), -EAGAIN);
}

static void test_packet_rest_is_dropped(void **state)
{
    (void)state;
    assert_int_equal(put(100), 100);
    assert_int_equal(put(3), 3);
    got[1] = 'k';
    assert_int_equal(get(1), 100);
    assert_int_equal(got[1], 'k'); /* not a byte more than asked for */
    assert_int_equal(get(100), 3);
}

static void test_packet_needs_its_header(void **state)
{
    (void)state;
    assert_int_equal(h7_record_len(1), 16);
    assert_int_equal(h7_record_len(8), 16);
    assert_int_equal(h7_record_len(9), 24);
    for (int i = 0; i < CAP / 16; i++)
        assert_int_equal(put(8), 8);
    assert_int_equal(put(1), -EAGAIN);
    assert_int_equal(get(8), 8);
    assert_int_equal(put(9), -EAGAIN); /* 24 don't fit into 16 */
    assert_int_equal(put(8), 8);
}

static void test_packet_split(void **state)
{
    (void)state;
    flow_pattern(buf, 5000, 0);
    assert_int_equal(h7_conduit_write(&f.w, buf, 5000, HEPTA_NOW), 5000);
    assert_int_equal(get(sizeof got), 4096);
    assert_int_equal(get(sizeof got), 904);
    assert_true(flow_is_pattern(got, 904, 4096));
}

static void test_packet_wraparound(void **state)
{
    (void)state;
    for (uint64_t before = 0; before <= 40; before += 8)
        for (size_t len = 1; len <= 4096; len += 315) {
            flow_start_at(&f, 3 * CAP - before);
            flow_pattern(buf, len, len);
            assert_int_equal(h7_conduit_write(&f.w, buf, len, HEPTA_NOW), len);
            assert_int_equal(get(sizeof got), len);
            assert_true(flow_is_pattern(got, len, len));
        }
}

/* --- the end --------------------------------------------------------------------- */

static void test_end_of_file(void **state)
{
    (void)state;
    assert_int_equal(put(10), 10);
    flow_drop(&f, &f.w);
    expect_bytes(10, 0);
    assert_int_equal(get(1), 0);
    assert_int_equal(h7_conduit_read(&f.r, got, 1, HEPTA_FOREVER), 0);
    assert_int_equal(h7_conduit_read(&f.r, got, 1, hepta_in_ms(-1)), 0);
}

static void test_no_reader(void **state)
{
    (void)state;
    assert_int_equal(put(10), 10);
    flow_drop(&f, &f.r);
    assert_int_equal(put(1), -EPIPE);
    assert_int_equal(h7_conduit_write(&f.w, buf, CAP, HEPTA_FOREVER), -EPIPE);
    assert_int_equal(flow_head(&f), 10);
}

/* --- waiting --------------------------------------------------------------------- */

static void test_deadlines(void **state)
{
    (void)state;
    int64_t end = hepta_in_ms(12); /* over the nap and into the sleep */
    assert_int_equal(h7_conduit_read(&f.r, got, 1, end), -ETIMEDOUT);
    assert_true(hepta_now_ns() >= end);
    assert_int_equal(h7_conduit_read(&f.r, got, 1, 1), -ETIMEDOUT);
    assert_int_equal(put(CAP), CAP);
    end = hepta_in_ms(12);
    assert_int_equal(h7_conduit_write(&f.w, buf, 1, end), -ETIMEDOUT);
    assert_true(hepta_now_ns() >= end);
    assert_int_equal(h7_conduit_write(&f.w, buf, 1, 1), -ETIMEDOUT);
}

static int read_one(void *arg)
{
    flow_forget(&f.w);
    unit_say(f.stage, 1);
    ssize_t r = h7_conduit_read(&f.r, got, 1, hepta_in_ms(LONG_MS));
    CHILD_CHECK(r == *(int *)arg);
    return 0;
}

static int write_one(void *arg)
{
    flow_forget(&f.r);
    unit_say(f.stage, 1);
    ssize_t r = h7_conduit_write(&f.w, buf, 100, hepta_in_ms(LONG_MS));
    CHILD_CHECK(r == *(int *)arg);
    return 0;
}

static pid_t start(int (*fn)(void *), int *expect)
{
    *f.stage = 0;
    pid_t pid = unit_start(fn, expect);
    unit_await(f.stage, 0);
    return pid;
}

/* The commit finds the waiter spinning, napping, asleep. */
static void test_reader_is_woken_in_every_stage(void **state)
{
    int one = 1;
    (void)state;
    const int after_ms[] = {0, 2, 30};
    for (size_t i = 0; i < 3; i++) {
        pid_t pid = start(read_one, &one);
        unit_sleep_ms(after_ms[i]);
        assert_int_equal(put(1), 1);
        assert_int_equal(unit_reap(pid), 0);
    }
}

static void test_writer_is_woken_in_every_stage(void **state)
{
    int all = 100;
    (void)state;
    const int after_ms[] = {0, 2, 30};
    assert_int_equal(put(CAP), CAP);
    for (size_t i = 0; i < 3; i++) {
        pid_t pid = start(write_one, &all);
        unit_sleep_ms(after_ms[i]);
        assert_int_equal(get(4200), 4200);
        assert_int_equal(unit_reap(pid), 0);
        while (put(1) == 1)
            ;
    }
}

/* Less than PIPE_BUF gets free, but enough for who waits. */
static void test_writer_is_woken_for_what_it_needs(void **state)
{
    int all = 100;
    (void)state;
    assert_int_equal(put(CAP), CAP);
    pid_t pid = start(write_one, &all);
    unit_sleep_ms(30); /* asleep by now */
    assert_int_equal(get(100), 100);
    int64_t began = hepta_now_ns();
    assert_int_equal(unit_reap(pid), 0);
    assert_true(hepta_now_ns() - began < (LONG_MS - 10000) * H7_MS);
}

/* What a side does that dies between its commit and its wake-up. */
static void move_silently(struct h7_conduit *c, uint64_t index)
{
    assert_int_equal(h7_conduit_enter(c, HEPTA_FOREVER), 0);
    assert_int_equal(h7_conduit_move(c, index), 0);
    h7_unlock(&c->mine->lock);
}

static void await_nap(const struct h7_event *e)
{
    while (!h7_event_armed(e))
        unit_sleep_ms(1);
}

static int read_one_near(void *arg)
{
    flow_stay_near_peer(&f.r);
    return read_one(arg);
}

static int write_one_near(void *arg)
{
    flow_stay_near_peer(&f.w);
    return write_one(arg);
}

static void test_lost_wake_up_of_a_reader(void **state)
{
    int one = 1;
    (void)state;
    pid_t pid = start(read_one_near, &one);
    await_nap(&f.w.mine->event);
    move_silently(&f.w, flow_head(&f) + 1);
    assert_int_equal(unit_reap(pid), 0);
}

static void test_lost_wake_up_of_a_writer(void **state)
{
    int all = 100;
    (void)state;
    assert_int_equal(put(CAP), CAP);
    pid_t pid = start(write_one_near, &all);
    await_nap(&f.r.mine->event);
    move_silently(&f.r, flow_tail(&f) + 5000);
    assert_int_equal(unit_reap(pid), 0);
}

static void test_waiting_reader_sees_the_end(void **state)
{
    int zero = 0, epipe = -EPIPE;
    (void)state;
    pid_t pid = start(read_one, &zero);
    unit_sleep_ms(20);
    flow_drop(&f, &f.w);
    assert_int_equal(unit_reap(pid), 0);
    flow_close(&f);
    open_bytes(state);
    assert_int_equal(put(CAP), CAP);
    pid = start(write_one, &epipe);
    unit_sleep_ms(20);
    flow_drop(&f, &f.r);
    assert_int_equal(unit_reap(pid), 0);
}

static void on_signal(int sig)
{
    (void)sig;
}

static int read_interrupted(void *arg)
{
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    int eintr = -EINTR;
    (void)arg;
    sigaction(SIGUSR1, &sa, NULL);
    return read_one(&eintr);
}

static void test_handlers_interrupt(void **state)
{
    (void)state;
    pid_t pid = start(read_interrupted, NULL);
    int status;
    do {
        kill(pid, SIGUSR1);
        unit_sleep_ms(2);
    } while (waitpid(pid, &status, WNOHANG) == 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* --- deaths inside --------------------------------------------------------------- */

static int die_inside(void *arg)
{
    struct h7_conduit *c = arg;
    CHILD_CHECK(h7_conduit_enter(c, HEPTA_FOREVER) == 0);
    /* W2, D1: rung and copied, not published */
    h7_bell_ring(&c->mine->bell, c->ring_fd, c->bell_kind);
    raise(SIGKILL);
    return 0;
}

static void test_death_under_the_lock(void **state)
{
    (void)state;
    h7_conduit_read(&f.r, got, 1, hepta_in_ms(10)); /* want is set: the bell is in use */
    assert_int_equal(unit_reap(unit_start(die_inside, &f.w)), -SIGKILL);
    assert_int_equal(unit_reap(unit_start(die_inside, &f.r)), -SIGKILL);
    assert_int_equal(put(5), 5);
    expect_bytes(5, 0);
    assert_int_equal(h7_load32_relaxed(&f.w.mine->recoveries), 1);
    assert_int_equal(h7_load32_relaxed(&f.r.mine->recoveries), 1);
    assert_int_equal(h7_conduit_read(&f.r, got, 1, hepta_in_ms(10)), -ETIMEDOUT);
}

/* D4: published, and killed before the side's own copy of the counter followed. */
static int die_after_publishing(void *arg)
{
    struct h7_conduit *c = arg;
    CHILD_CHECK(h7_conduit_enter(c, HEPTA_FOREVER) == 0);
    if (c->role == H7_WRITER)
        h7_ring_publish(&c->ring, flow_head(&f) + 5);
    else
        h7_ring_consume(&c->ring, flow_tail(&f) + 5);
    raise(SIGKILL);
    return 0;
}

static void test_death_after_the_commit(void **state)
{
    (void)state;
    flow_pattern(f.w.ring.data, 5, 0);
    assert_int_equal(unit_reap(unit_start(die_after_publishing, &f.w)), -SIGKILL);
    assert_int_equal(put(10), 10); /* behind the dead writer's 5 */
    assert_int_equal(unit_reap(unit_start(die_after_publishing, &f.r)), -SIGKILL);
    expect_bytes(10, 5); /* not the dead reader's 5 again */
    assert_int_equal(get(1), -EAGAIN);
}

/* --- the poll level -------------------------------------------------------------- */

static int level(const struct h7_conduit *c)
{
    struct pollfd p = {.fd = c->listen_fd, .events = POLLIN};
    return h7_sys_poll(&p, 1, HEPTA_NOW) == 1 && p.revents & POLLIN;
}

static void test_level_follows(void **state)
{
    (void)state;
    assert_int_equal(h7_conduit_keep_level(&f.r), 0);
    assert_int_equal(h7_conduit_keep_level(&f.w), 0);
    assert_false(level(&f.r)); /* empty */
    assert_true(level(&f.w));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(put(1), 1);
        assert_true(level(&f.r));
        assert_int_equal(put(CAP - 4096 - 1), CAP - 4096 - 1);
        assert_true(level(&f.w)); /* exactly PIPE_BUF are free */
        assert_int_equal(put(1), 1);
        assert_false(level(&f.w));
        assert_int_equal(get(1), 1);
        assert_true(level(&f.w));
        assert_true(level(&f.r));
        assert_int_equal(get(CAP), CAP - 4096);
        assert_false(level(&f.r));
    }
}

static void test_level_of_packets(void **state)
{
    (void)state;
    assert_int_equal(h7_conduit_keep_level(&f.w), 0);
    assert_int_equal(put(4000), 4000);
    assert_true(level(&f.w)); /* a packet of PIPE_BUF fits: 4,104 of 4,184 */
    assert_int_equal(put(80), 80);
    assert_false(level(&f.w));
    assert_int_equal(put(4096), -EAGAIN);
    assert_false(level(&f.w));
    assert_int_equal(get(1), 4000);
    assert_true(level(&f.w));
}

/* --- many ------------------------------------------------------------------------ */

#define N_WRITERS 4
#define N_RECORDS 400

struct record {
    uint32_t writer, n, len;
    char bytes[500];
};

static int write_records(void *arg)
{
    struct record rec = {.writer = (uint32_t)(uintptr_t)arg};
    flow_forget(&f.r);
    for (; rec.n < N_RECORDS; rec.n++) {
        rec.len = (uint32_t)offsetof(struct record, bytes) + rec.n * 7 % 500;
        flow_pattern(rec.bytes, sizeof rec.bytes, rec.n + rec.writer);
        CHILD_CHECK(h7_conduit_write(&f.w, (char *)&rec, rec.len, HEPTA_FOREVER) ==
                    (ssize_t)rec.len);
    }
    return 0;
}

static void read_exactly(char *to, size_t len)
{
    while (len) {
        ssize_t r = h7_conduit_read(&f.r, to, len, hepta_in_ms(LONG_MS));
        assert_true(r > 0);
        to += r;
        len -= (size_t)r;
    }
}

/* No record is torn, and each writer's come in its order. */
static void test_many_writers(void **state)
{
    const size_t head_len = offsetof(struct record, bytes);
    uint32_t next[N_WRITERS] = {0};
    struct record rec;
    pid_t pid[N_WRITERS];
    (void)state;
    for (uintptr_t i = 0; i < N_WRITERS; i++)
        pid[i] = unit_start(write_records, (void *)i);
    for (int i = 0; i < N_WRITERS * N_RECORDS; i++) {
        read_exactly((char *)&rec, head_len);
        assert_true(rec.writer < N_WRITERS && rec.len >= head_len && rec.len <= sizeof rec);
        assert_int_equal(rec.n, next[rec.writer]++);
        read_exactly(rec.bytes, rec.len - head_len);
        assert_true(flow_is_pattern(rec.bytes, rec.len - head_len, rec.n + rec.writer));
    }
    for (int i = 0; i < N_WRITERS; i++)
        assert_int_equal(unit_reap(pid[i]), 0);
    assert_int_equal(get(1), -EAGAIN);
}

#define STREAM_LEN (1u << 20)

static void *write_stream(void *arg)
{
    static char out[CAP];
    size_t at = 0;
    (void)arg;
    for (uint32_t n = 1; at < STREAM_LEN; n++) {
        size_t len = n * 37 % 5000 + 1;
        len = len < STREAM_LEN - at ? len : STREAM_LEN - at;
        flow_pattern(out, len, at);
        if (h7_conduit_write(&f.w, out, len, HEPTA_FOREVER) != (ssize_t)len)
            return "not written";
        at += len;
    }
    return NULL;
}

/* Both sides' threads look at the same memory: TSan sees what orders them. */
static void test_stream_between_threads(void **state)
{
    pthread_t thread;
    void *wrong;
    size_t at = 0;
    ssize_t n = 1;
    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, write_stream, NULL), 0);
    for (uint32_t i = 1; at < STREAM_LEN && n > 0; i++) {
        n = h7_conduit_read(&f.r, got, i * 53 % 6000 + 1, hepta_in_ms(LONG_MS));
        if (n > 0 && !flow_is_pattern(got, (size_t)n, at))
            n = -EILSEQ;
        at += n > 0 ? (size_t)n : 0;
    }
    if (n < 0) /* and the writer must not wait for ever */
        flow_drop(&f, &f.r);
    pthread_join(thread, &wrong);
    assert_true(n > 0);
    assert_null(wrong);
    assert_int_equal(get(1), -EAGAIN);
}

#define BYTES_TEST(fn)  cmocka_unit_test_setup_teardown(fn, open_bytes, tear_down)
#define PACKET_TEST(fn) cmocka_unit_test_setup_teardown(fn, open_packets, tear_down)
/* The same cases without locks. */
#define SPSC_TEST(fn)                               \
    {                                               \
#fn "_spsc", fn, open_spsc, tear_down, NULL \
    }

static const struct CMUnitTest tests[] = {
    BYTES_TEST(test_in_order),
    BYTES_TEST(test_all_or_nothing_up_to_pipe_buf),
    BYTES_TEST(test_above_pipe_buf_in_part),
    BYTES_TEST(test_wraparound),
    BYTES_TEST(test_large_counters),
    BYTES_TEST(test_stale_caches),
    BYTES_TEST(test_another_process_writes),
    BYTES_TEST(test_lying_counters),
    PACKET_TEST(test_packet_borders),
    PACKET_TEST(test_packet_rest_is_dropped),
    PACKET_TEST(test_packet_needs_its_header),
    PACKET_TEST(test_packet_split),
    PACKET_TEST(test_packet_wraparound),
    BYTES_TEST(test_end_of_file),
    BYTES_TEST(test_no_reader),
    BYTES_TEST(test_deadlines),
    BYTES_TEST(test_reader_is_woken_in_every_stage),
    BYTES_TEST(test_writer_is_woken_in_every_stage),
    BYTES_TEST(test_writer_is_woken_for_what_it_needs),
    BYTES_TEST(test_lost_wake_up_of_a_reader),
    BYTES_TEST(test_lost_wake_up_of_a_writer),
    BYTES_TEST(test_waiting_reader_sees_the_end),
    BYTES_TEST(test_handlers_interrupt),
    BYTES_TEST(test_death_under_the_lock),
    BYTES_TEST(test_death_after_the_commit),
    BYTES_TEST(test_level_follows),
    PACKET_TEST(test_level_of_packets),
    BYTES_TEST(test_many_writers),
    BYTES_TEST(test_stream_between_threads),
    SPSC_TEST(test_in_order),
    SPSC_TEST(test_all_or_nothing_up_to_pipe_buf),
    SPSC_TEST(test_above_pipe_buf_in_part),
    SPSC_TEST(test_wraparound),
    SPSC_TEST(test_large_counters),
    SPSC_TEST(test_end_of_file),
    SPSC_TEST(test_no_reader),
    SPSC_TEST(test_deadlines),
    SPSC_TEST(test_reader_is_woken_in_every_stage),
    SPSC_TEST(test_writer_is_woken_in_every_stage),
    SPSC_TEST(test_handlers_interrupt),
    SPSC_TEST(test_level_follows),
    SPSC_TEST(test_stream_between_threads),
};

UNIT_MAIN(tests)
