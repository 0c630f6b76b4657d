/* SPDX-License-Identifier: MIT */
/*
 * prim/conduit_message_test.c - what sockets need of a conduit: whole messages, tags, bells
 * that are sockets, and an end that comes while both sides are open
 */
#define _GNU_SOURCE
#include "prim/conduit_test.h"

#include <poll.h>
#include <pthread.h>

#define CAP  262144
#define WHOLE (H7_CONDUIT_PACKET | H7_CONDUIT_WHOLE)

static struct flow f;
static struct h7_tags tags;
static char buf[CAP], got[CAP];

static int open_messages(void **state)
{
    (void)state;
    flow_open_on(&f, WHOLE, CAP, HEPTA_WAIT_ADAPTIVE, H7_BELL_SOCKET, SOCK_SEQPACKET);
    return 0;
}

static int open_stream(void **state)
{
    (void)state;
    flow_open_on(&f, 0, CAP, HEPTA_WAIT_ADAPTIVE, H7_BELL_SOCKET, SOCK_STREAM);
    memset(&tags, 0, sizeof tags);
    f.w.tags = f.r.tags = &tags;
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
    flow_pattern(buf, len, 7);
    return h7_conduit_write(&f.w, buf, len, HEPTA_NOW);
}

static ssize_t get(size_t len)
{
    return h7_conduit_read(&f.r, got, len, HEPTA_NOW);
}

static bool level(const struct h7_conduit *c)
{
    struct pollfd p = {.fd = c->listen_fd, .events = POLLIN};
    return h7_sys_poll(&p, 1, HEPTA_NOW) == 1;
}

/* --- messages ------------------------------------------------------------------------- */

static void test_boundaries(void **state)
{
    (void)state;
    const size_t len[] = {1, 4096, 5000, 8, 65536, 0, 64};
    for (size_t i = 0; i < sizeof len / sizeof *len; i++)
        assert_int_equal(put(len[i]), len[i]);
    for (size_t i = 0; i < sizeof len / sizeof *len; i++) {
        ssize_t want = len[i] ? (ssize_t)len[i] : H7_CONDUIT_EMPTY;
        assert_int_equal(get(sizeof got), want);
        assert_true(flow_is_pattern(got, len[i], 7));
    }
    assert_int_equal(get(sizeof got), -EAGAIN);
}

static void test_length_of_what_was_cut(void **state)
{
    (void)state;
    assert_int_equal(put(5000), 5000);
    assert_int_equal(put(3), 3);
    got[10] = 'k';
    assert_int_equal(get(10), 5000);
    assert_int_equal(got[10], 'k');
    assert_int_equal(get(10), 3);
}

static void send_in_place(size_t len)
{
    void *p;
    assert_int_equal(h7_conduit_reserve(&f.w, len, &p, HEPTA_NOW), 0);
    flow_pattern(p, len, 7);
    assert_int_equal(h7_conduit_commit_whole(&f.w, len), 0);
}

static void take_by_peek(size_t len)
{
    const void *p;
    assert_int_equal(get(10), H7_CONDUIT_BY_PEEK);
    assert_int_equal(h7_conduit_peek(&f.r, &p, HEPTA_NOW), len);
    assert_true(flow_is_pattern(p, len, 7));
    assert_int_equal(h7_conduit_take(&f.r, len), 0);
    h7_conduit_drop(&f.r);
}

static void test_large_ones_go_in_place(void **state)
{
    (void)state;
    send_in_place(H7_CONDUIT_HOLD + 1);
    take_by_peek(H7_CONDUIT_HOLD + 1);
    send_in_place(f.w.packet_max);
    take_by_peek(f.w.packet_max);
    void *p;
    assert_int_equal(h7_conduit_reserve(&f.w, f.w.packet_max + 1, &p, HEPTA_NOW), -EINVAL);
    assert_int_equal(get(10), -EAGAIN);
}

static void test_empty_in_place(void **state)
{
    (void)state;
    const void *p;
    send_in_place(0);
    assert_int_equal(h7_conduit_peek(&f.r, &p, HEPTA_NOW), H7_CONDUIT_EMPTY);
    assert_int_equal(h7_conduit_release(&f.r, 0), 0); /* stays */
    assert_int_equal(h7_conduit_peek(&f.r, &p, HEPTA_NOW), H7_CONDUIT_EMPTY);
    assert_int_equal(h7_conduit_take(&f.r, 0), 0);
    h7_conduit_drop(&f.r);
    assert_int_equal(get(10), -EAGAIN);
}

static int send_large(void *arg)
{
    (void)arg;
    flow_forget(&f.r);
    flow_pattern(buf, 60000, 7);
    for (int i = 0; i < 40; i++)
        CHILD_CHECK(h7_conduit_write(&f.w, buf, 60000, HEPTA_FOREVER) == 60000);
    return 0;
}

/* A large message waits for more than the bell announces. */
static void test_large_ones_wait_for_room(void **state)
{
    (void)state;
    pid_t pid = unit_start(send_large, NULL);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(h7_conduit_read(&f.r, got, sizeof got, HEPTA_FOREVER), 60000);
        assert_true(flow_is_pattern(got, 60000, 7));
    }
    assert_int_equal(unit_reap(pid), 0);
}

static void test_corrupt_lengths(void **state)
{
    (void)state;
    f.corrupt = 1;
    assert_int_equal(put(100), 100);
    struct h7_packet *p = (struct h7_packet *)f.r.ring.data;
    h7_store32_relaxed(&p->len, (uint32_t)f.r.packet_max + 1);
    h7_store32_relaxed(&p->check, ~((uint32_t)f.r.packet_max + 1));
    assert_int_equal(get(10), -EBADMSG);
}

/* --- bells that are sockets -------------------------------------------------------------- */

static void test_level_on_sockets(void **state)
{
    (void)state;
    assert_int_equal(h7_conduit_keep_level(&f.r), 0);
    assert_false(level(&f.r));
    assert_int_equal(put(100), 100);
    assert_true(level(&f.r));
    assert_true(get(50) > 0);
    while (get(50) > 0)
        ;
    assert_false(level(&f.r));
    assert_int_equal(put(1), 1);
    assert_true(level(&f.r));
}

static int read_one(void *arg)
{
    ssize_t want = *(ssize_t *)arg;
    flow_forget(&f.w);
    unit_say(f.stage, 1);
    CHILD_CHECK(h7_conduit_read(&f.r, got, 10, HEPTA_FOREVER) == want);
    return 0;
}

static void asleep_in_read(pid_t *pid, ssize_t *want)
{
    *pid = unit_start(read_one, want);
    unit_await(f.stage, 0);
    unit_sleep_ms(20); /* naps are over */
}

static void test_sleeper_is_rung(void **state)
{
    (void)state;
    ssize_t want = 10;
    pid_t pid;
    asleep_in_read(&pid, &want);
    assert_int_equal(put(10), 10);
    assert_int_equal(unit_reap(pid), 0);
}

static void test_sleeper_sees_the_close(void **state)
{
    (void)state;
    ssize_t want = 0;
    pid_t pid;
    asleep_in_read(&pid, &want);
    flow_drop(&f, &f.w);
    assert_int_equal(unit_reap(pid), 0);
}

static void test_half_close_is_a_hangup(void **state)
{
    (void)state;
    assert_int_equal(put(10), 10);
    shutdown(f.w.ring_fd, SHUT_WR);
    assert_true(h7_conduit_hangup(&f.r));
    assert_false(h7_conduit_hangup(&f.w));
    assert_int_equal(h7_conduit_read(&f.r, got, 10, HEPTA_FOREVER), 10);
    assert_int_equal(h7_conduit_read(&f.r, got, 10, HEPTA_FOREVER), 0);
}

/* --- over --------------------------------------------------------------------------------- */

static void test_ended_by_either_side(void **state)
{
    (void)state;
    assert_int_equal(put(10), 10);
    assert_int_equal(h7_conduit_end(&f.r, hepta_in_ms(1000)), 0);
    assert_int_equal(put(10), -EPIPE);
    void *p;
    assert_int_equal(h7_conduit_reserve(&f.w, 10, &p, HEPTA_FOREVER), -EPIPE);
    assert_int_equal(get(10), 10); /* what was written before */
    assert_int_equal(get(10), 0);
    assert_int_equal(h7_conduit_read(&f.r, got, 10, HEPTA_FOREVER), 0);
}

static void test_no_commit_after_the_end(void **state)
{
    (void)state;
    void *p;
    assert_int_equal(h7_conduit_reserve(&f.w, 10, &p, HEPTA_NOW), 0);
    assert_int_equal(h7_conduit_end(&f.w, hepta_in_ms(1000)), 0);
    assert_int_equal(h7_conduit_commit(&f.w, 10), -EPIPE);
    assert_int_equal(get(10), 0);
}

/* Writes that succeeded are read, those after the end are not: in every interleaving. */
static void *write_until_refused(void *arg)
{
    size_t *n = arg;
    ssize_t r;
    while ((r = h7_conduit_write(&f.w, buf, 8, HEPTA_FOREVER)) == 8)
        ++*n;
    return (void *)(r == -EPIPE ? NULL : &f);
}

static void test_the_end_divides_the_writes(void **state)
{
    (void)state;
    size_t written = 0, taken = 0;
    void *wrong;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, write_until_refused, &written), 0);
    for (ssize_t n; taken < 100000; taken += (size_t)n)
        assert_true((n = h7_conduit_read(&f.r, got, 4096, HEPTA_FOREVER)) > 0);
    assert_int_equal(h7_conduit_end(&f.r, hepta_in_ms(1000)), 0);
    for (ssize_t n; (n = h7_conduit_read(&f.r, got, 4096, HEPTA_FOREVER)) > 0;)
        taken += (size_t)n;
    pthread_join(thread, &wrong);
    assert_null(wrong);
    assert_int_equal(get(10), 0);
    assert_int_equal(taken, written * 8);
}

/* --- tags --------------------------------------------------------------------------------- */

static uint32_t put_tagged(size_t len)
{
    void *p;
    uint32_t id = h7_tags_new_id(&tags);
    assert_int_equal(h7_conduit_reserve(&f.w, len, &p, HEPTA_NOW), 0);
    memset(p, 't', len);
    assert_int_equal(h7_tags_put(&tags, h7_conduit_held_at(&f.w), (uint32_t)len, id), 0);
    assert_int_equal(h7_conduit_commit(&f.w, len), 0);
    return id;
}

static void test_reads_stop_at_a_tag(void **state)
{
    (void)state;
    const void *p;
    assert_int_equal(put(100), 100);
    put_tagged(10);
    assert_int_equal(put(50), 50);
    assert_int_equal(get(1000), 100);
    assert_int_equal(get(1000), H7_CONDUIT_BY_PEEK);
    assert_int_equal(h7_conduit_peek(&f.r, &p, HEPTA_NOW), 10); /* the span, and no more */
    assert_int_equal(h7_conduit_take(&f.r, 4), 0);
    h7_conduit_drop(&f.r);
    assert_int_equal(get(1000), 56); /* the rest of it is bytes like others */
}

static void test_peek_stops_before_a_tag(void **state)
{
    (void)state;
    const void *p;
    assert_int_equal(put(100), 100);
    put_tagged(10);
    assert_int_equal(h7_conduit_peek(&f.r, &p, HEPTA_NOW), 100);
    assert_int_equal(h7_conduit_release(&f.r, 0), 0);
}

static void test_given_up_with_its_tag(void **state)
{
    (void)state;
    void *p;
    assert_int_equal(h7_conduit_reserve(&f.w, 10, &p, HEPTA_NOW), 0);
    assert_int_equal(h7_tags_put(&tags, h7_conduit_held_at(&f.w), 10, 1), 0);
    assert_int_equal(h7_conduit_commit(&f.w, 0), 0);
    assert_int_equal(put(10), 10);
    assert_int_equal(get(100), 10);
}

static int tag_and_die(void *arg)
{
    void *p;
    (void)arg;
    CHILD_CHECK(h7_conduit_reserve(&f.w, 10, &p, HEPTA_NOW) == 0);
    CHILD_CHECK(h7_tags_put(f.w.tags, h7_conduit_held_at(&f.w), 10, 1) == 0);
    raise(SIGKILL);
    return 1;
}

/* T3: whoever clears the dead one's reservation takes his tag away first. */
static void test_tag_of_the_dead(void **state)
{
    (void)state;
    struct h7_tags *shared = unit_shared(sizeof *shared);
    f.w.tags = f.r.tags = shared;
    assert_int_equal(unit_reap(unit_start(tag_and_die, NULL)), -SIGKILL);
    assert_int_equal(h7_load32_relaxed(&shared->n_put), 1);
    assert_int_equal(h7_conduit_write(&f.w, buf, 10, hepta_in_ms(5000)), 10);
    assert_int_equal(h7_load32_relaxed(&shared->n_put), 0);
    assert_int_equal(get(100), 10);
    f.w.tags = f.r.tags = NULL;
    munmap(shared, sizeof *shared);
}

int main(void)
{
#define M(name) cmocka_unit_test_setup_teardown(name, open_messages, tear_down)
#define S(name) cmocka_unit_test_setup_teardown(name, open_stream, tear_down)
    const struct CMUnitTest tests[] = {
        M(test_boundaries),
        M(test_length_of_what_was_cut),
        M(test_large_ones_go_in_place),
        M(test_empty_in_place),
        M(test_large_ones_wait_for_room),
        M(test_corrupt_lengths),
        M(test_level_on_sockets),
        S(test_level_on_sockets),
        M(test_sleeper_is_rung),
        S(test_sleeper_is_rung),
        M(test_sleeper_sees_the_close),
        S(test_sleeper_sees_the_close),
        S(test_half_close_is_a_hangup),
        M(test_half_close_is_a_hangup),
        S(test_ended_by_either_side),
        S(test_no_commit_after_the_end),
        S(test_the_end_divides_the_writes),
        S(test_reads_stop_at_a_tag),
        S(test_peek_stops_before_a_tag),
        S(test_given_up_with_its_tag),
        S(test_tag_of_the_dead),
    };
    alarm(UNIT_LIMIT_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
