/* SPDX-License-Identifier: MIT */
/* channel/frames_test.c - messages in a stream of bytes, however it is cut into pieces */
#define _GNU_SOURCE
#include "base/unit_test.h"

#include "channel/frames.h"

static struct hepta_channel_options options(uint32_t framing, uint32_t frame_len, uint32_t max)
{
    return (struct hepta_channel_options){.size = sizeof(struct hepta_channel_options),
                                          .framing = framing,
                                          .frame_len = frame_len,
                                          .record_max = max};
}

static void put(struct h7_frames *f, const void *bytes, size_t n)
{
    while (n > 0) {
        void *room;
        size_t len;
        assert_int_equal(h7_frames_room(f, &room, &len), 0);
        assert_true(len > 0);
        len = len < n ? len : n;
        memcpy(room, bytes, len);
        h7_frames_filled(f, len);
        bytes = (const char *)bytes + len;
        n -= len;
    }
}

static void expect(struct h7_frames *f, const char *want)
{
    const void *data;
    size_t len;
    assert_int_equal(h7_frames_next(f, &data, &len), 1);
    assert_int_equal(len, strlen(want));
    assert_memory_equal(data, want, len);
}

static void nothing(struct h7_frames *f, int r)
{
    const void *data;
    size_t len;
    assert_int_equal(h7_frames_next(f, &data, &len), r);
}

static int end(struct h7_frames *f, size_t *len)
{
    const void *data;
    return h7_frames_end(f, &data, len);
}

static void test_lines(void **state)
{
    struct hepta_channel_options opt = options(HEPTA_CHANNEL_LINE, 0, 8);
    struct h7_frames f;
    size_t len;

    (void)state;
    h7_frames_init(&f, &opt);
    nothing(&f, 0);
    put(&f, "one\n\ntw", 7);
    expect(&f, "one");
    expect(&f, "");
    nothing(&f, 0);
    put(&f, "o\n", 2);
    expect(&f, "two");
    assert_int_equal(end(&f, &len), 0);
    put(&f, "rest", 4);
    nothing(&f, 0);
    assert_int_equal(end(&f, &len), 1);
    assert_int_equal(len, 4);
    put(&f, "12345678\n", 9);
    expect(&f, "12345678");
    put(&f, "123456789", 9);
    nothing(&f, -EMSGSIZE);
    h7_frames_deinit(&f);
}

static void test_records(void **state)
{
    struct hepta_channel_options opt = options(HEPTA_CHANNEL_RECORD, 0, 1000);
    struct h7_frames f;
    size_t len;

    (void)state;
    h7_frames_init(&f, &opt);
    put(&f, "\0\0\0\3abc\0\0\0\0\0\0\0\1", 15);
    expect(&f, "abc");
    expect(&f, "");
    nothing(&f, 0);
    put(&f, "x", 1);
    expect(&f, "x");
    put(&f, "\0\0", 2);
    nothing(&f, 0);
    assert_int_equal(end(&f, &len), -EPROTO);
    assert_int_equal(end(&f, &len), 0);
    put(&f, "\0\0\3\xe9", 4); /* 1001 */
    nothing(&f, -EBADMSG);
    h7_frames_deinit(&f);
}

static void test_raw_and_fixed(void **state)
{
    struct hepta_channel_options opt = options(HEPTA_CHANNEL_RAW, 0, 1000);
    struct h7_frames f;
    size_t len;

    (void)state;
    h7_frames_init(&f, &opt);
    put(&f, "a\nb", 3);
    expect(&f, "a\nb");
    nothing(&f, 0);
    assert_int_equal(end(&f, &len), 0);
    h7_frames_deinit(&f);
    opt = options(HEPTA_CHANNEL_FIXED, 3, 3);
    h7_frames_init(&f, &opt);
    put(&f, "abcdefgh", 8);
    expect(&f, "abc");
    expect(&f, "def");
    nothing(&f, 0);
    assert_int_equal(end(&f, &len), -EPROTO);
    h7_frames_deinit(&f);
}

/* A peer that announces much and sends nothing gets no memory for it. */
static void test_announced(void **state)
{
    struct hepta_channel_options opt = options(HEPTA_CHANNEL_RECORD, 0, 1u << 30);
    struct h7_frames f;
    void *room;
    size_t len;

    (void)state;
    h7_frames_init(&f, &opt);
    put(&f, "\x3f\xff\xff\xff", 4);
    nothing(&f, 0);
    assert_int_equal(h7_frames_room(&f, &room, &len), 0);
    assert_true(f.cap <= 1u << 20);
    h7_frames_deinit(&f);
}

/* A pipe of bytes that takes any number of them at a time. */
struct pipe_of_bytes {
    unsigned char bytes[1 << 16];
    size_t len, take;
    int refuse;
};

static ssize_t take_some(void *arg, const void *buf, size_t len, int64_t deadline)
{
    struct pipe_of_bytes *p = arg;
    (void)deadline;
    if (p->refuse)
        return p->refuse;
    len = len < p->take ? len : p->take;
    memcpy(p->bytes + p->len, buf, len);
    p->len += len;
    if (p->take < 7)
        p->refuse = -EAGAIN;
    return (ssize_t)len;
}

/* What was put in one end comes out of the other, for every size of piece. */
static void test_round_trip(void **state)
{
    static const uint32_t framings[] = {HEPTA_CHANNEL_RECORD, HEPTA_CHANNEL_LINE};
    static struct pipe_of_bytes p;
    char want[512];

    (void)state;
    for (size_t k = 0; k < 2; k++) {
        for (size_t piece = 7; piece < 40; piece += 3) {
            struct hepta_channel_options opt = options(framings[k], 0, 1000);
            struct h7_outgoing out = {0};
            struct h7_frames f;
            h7_frames_init(&f, &opt);
            p = (struct pipe_of_bytes){.take = piece};
            for (int i = 0; i < 100; i++) {
                int len = snprintf(want, sizeof want, "%0*d", i * 3 % 400 + 1, i);
                assert_int_equal(h7_outgoing_send(&out, &opt, want, (size_t)len, take_some, &p, 0,
                                                  HEPTA_NOW), 0);
            }
            for (size_t at = 0, i = 0; at < p.len; at += piece) {
                const void *data;
                size_t len;
                put(&f, p.bytes + at, p.len - at < piece ? p.len - at : piece);
                for (; h7_frames_next(&f, &data, &len) == 1; i++) {
                    int n = snprintf(want, sizeof want, "%0*d", (int)i * 3 % 400 + 1, (int)i);
                    assert_int_equal(len, n);
                    assert_memory_equal(data, want, len);
                }
                assert_true(at + piece < p.len || i == 100);
            }
            h7_outgoing_deinit(&out);
            h7_frames_deinit(&f);
        }
    }
}

/* A message that is under way is sent; the rest of it goes first; what never began isn't sent. */
static void test_under_way(void **state)
{
    struct hepta_channel_options opt = options(HEPTA_CHANNEL_RECORD, 0, 1000);
    static struct pipe_of_bytes p;
    struct h7_outgoing out = {0};

    (void)state;
    p = (struct pipe_of_bytes){.take = 5, .refuse = -EAGAIN};
    assert_int_equal(h7_outgoing_send(&out, &opt, "abc", 3, take_some, &p, 0, HEPTA_NOW), -EAGAIN);
    assert_int_equal(h7_outgoing_push(&out, take_some, &p, HEPTA_NOW), 0);
    assert_int_equal(p.len, 0);
    p.refuse = 0;
    assert_int_equal(h7_outgoing_send(&out, &opt, "abc", 3, take_some, &p, 0, HEPTA_NOW), 0);
    assert_int_equal(p.len, 5);
    assert_int_equal(h7_outgoing_send(&out, &opt, "no", 2, take_some, &p, 0, HEPTA_NOW), -EAGAIN);
    p.refuse = 0;
    assert_int_equal(h7_outgoing_push(&out, take_some, &p, HEPTA_NOW), 0);
    assert_int_equal(p.len, 7);
    assert_memory_equal(p.bytes, "\0\0\0\3abc", 7);
    /* A shortage of ours is no end: the rest follows as soon as there is memory. */
    p = (struct pipe_of_bytes){.take = 5};
    assert_int_equal(h7_outgoing_send(&out, &opt, "abc", 3, take_some, &p, 0, HEPTA_NOW), 0);
    p.refuse = -ENOMEM;
    assert_int_equal(h7_outgoing_send(&out, &opt, "no", 2, take_some, &p, 0, HEPTA_NOW), -ENOMEM);
    p.refuse = 0;
    assert_int_equal(h7_outgoing_push(&out, take_some, &p, HEPTA_NOW), 0);
    assert_int_equal(p.len, 7);
    /* An end that goes for good takes what was under way with it, unless there is a place. */
    p = (struct pipe_of_bytes){.take = 5};
    assert_int_equal(h7_outgoing_send(&out, &opt, "abc", 3, take_some, &p, 1, HEPTA_NOW), 0);
    p.refuse = -EPIPE;
    assert_int_equal(h7_outgoing_push(&out, take_some, &p, HEPTA_NOW), -EPIPE);
    p.refuse = 0;
    assert_int_equal(h7_outgoing_push(&out, take_some, &p, HEPTA_NOW), 0);
    assert_int_equal(p.len, 7);
    h7_outgoing_deinit(&out);
}

static void test_refused(void **state)
{
    struct hepta_channel_options line = options(HEPTA_CHANNEL_LINE, 0, 5);
    struct hepta_channel_options fixed = options(HEPTA_CHANNEL_FIXED, 4, 4);
    static struct pipe_of_bytes p;
    struct h7_outgoing out = {0};

    (void)state;
    p = (struct pipe_of_bytes){.take = 100};
    assert_int_equal(h7_outgoing_send(&out, &line, "a\nb", 3, take_some, &p, 0, 0), -EILSEQ);
    assert_int_equal(h7_outgoing_send(&out, &line, "123456", 6, take_some, &p, 0, 0), -EMSGSIZE);
    assert_int_equal(h7_outgoing_send(&out, &line, NULL, 0, take_some, &p, 0, 0), 0);
    assert_int_equal(h7_outgoing_send(&out, &fixed, "123", 3, take_some, &p, 0, 0), -EMSGSIZE);
    assert_int_equal(h7_outgoing_send(&out, &fixed, "1234", 4, take_some, &p, 0, 0), 0);
    assert_int_equal(p.len, 5);
    assert_memory_equal(p.bytes, "\n1234", 5);
    h7_outgoing_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),      cmocka_unit_test(test_records),
        cmocka_unit_test(test_raw_and_fixed), cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_announced),
        cmocka_unit_test(test_under_way),  cmocka_unit_test(test_refused),
    };
    alarm(UNIT_LIMIT_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
