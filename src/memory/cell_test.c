/* SPDX-License-Identifier: MIT */
/*
 * memory/cell_test.c - the sequence cell: whole values, the latest, whatever becomes of the writer
 */
#define _GNU_SOURCE
#include "base/unit_test.h"

#include <hepta/shm.h>
#include <pthread.h>

#include "base/atomic.h"

#define LEN 4096

/* A value of which every word says which one it is. */
static void fill(void *value, size_t len, uint64_t n)
{
    unsigned char *p = value;
    for (size_t i = 0; i < len; i++)
        p[i] = (unsigned char)(n * 31 + i);
}

static int is_whole(const void *value, size_t len)
{
    const unsigned char *p = value;
    for (size_t i = 0; i < len; i++)
        if (p[i] != (unsigned char)(p[0] + i))
            return 0;
    return 1;
}

static struct hepta_shm_cell *fresh(size_t len)
{
    return unit_shared(hepta_shm_cell_size(len));
}

static void test_sizes(void **state)
{
    (void)state;
    assert_int_equal(hepta_shm_cell_size(0), 0);
    assert_int_equal(hepta_shm_cell_size((size_t)HEPTA_SHM_CELL_MAX + 1), 0);
    assert_true(hepta_shm_cell_size(HEPTA_SHM_CELL_MAX) > HEPTA_SHM_CELL_MAX);
    for (size_t len = 1; len < 300; len++) {
        assert_true(hepta_shm_cell_size(len) >= 4 * len);
        assert_int_equal(hepta_shm_cell_size(len) % 64, 0);
    }
}

/* Every length, at the end of the memory that it says it needs. */
static void test_lengths(void **state)
{
    (void)state;
    for (size_t len = 1; len < 700; len++) {
        size_t size = hepta_shm_cell_size(len), whole = (size + 4095) / 4096 * 4096;
        char *map = unit_shared(whole + 4096);
        char in[700], out[702];
        uint64_t n = 77;
        assert_int_equal(mprotect(map + whole, 4096, PROT_NONE), 0);
        struct hepta_shm_cell *c = (struct hepta_shm_cell *)(map + whole - size);
        assert_int_equal(hepta_shm_cell_number(c), 0);
        assert_int_equal(hepta_shm_cell_read(c, out, len, &n), -EAGAIN);
        assert_int_equal(n, 77);
        for (uint64_t i = 1; i <= 9; i++) {
            fill(in, len, i);
            memset(out, 1, sizeof out);
            assert_int_equal(hepta_shm_cell_write(c, in, len), 0);
            assert_int_equal(hepta_shm_cell_read(c, out + 1, len, &n), 0);
            assert_int_equal(n, i);
            assert_int_equal(hepta_shm_cell_number(c), i);
            assert_memory_equal(out + 1, in, len);
            assert_int_equal(out[0], 1);
            assert_int_equal(out[len + 1], 1);
        }
        munmap(map, whole + 4096);
    }
}

static void test_arguments(void **state)
{
    struct hepta_shm_cell *c = fresh(100);
    char v[100] = {0};
    (void)state;
    struct hepta_shm_cell *crooked = (struct hepta_shm_cell *)((char *)c + 8);
    assert_int_equal(hepta_shm_cell_write(NULL, v, 100), -EINVAL);
    assert_int_equal(hepta_shm_cell_write(c, NULL, 100), -EINVAL);
    assert_int_equal(hepta_shm_cell_write(crooked, v, 100), -EINVAL);
    assert_int_equal(hepta_shm_cell_write(c, v, 0), -EINVAL);
    assert_int_equal(hepta_shm_cell_write(c, v, (size_t)HEPTA_SHM_CELL_MAX + 1), -EINVAL);
    assert_int_equal(hepta_shm_cell_read(NULL, v, 100, NULL), -EINVAL);
    assert_int_equal(hepta_shm_cell_read(c, NULL, 100, NULL), -EINVAL);
    assert_int_equal(hepta_shm_cell_read(crooked, v, 100, NULL), -EINVAL);
    assert_int_equal(hepta_shm_cell_read(c, v, 0, NULL), -EINVAL);
    assert_int_equal(hepta_shm_cell_read(c, v, SIZE_MAX, NULL), -EINVAL);
    assert_int_equal(hepta_shm_cell_number(NULL), 0);
    assert_int_equal(hepta_shm_cell_number(crooked), 0);
    assert_int_equal(hepta_shm_cell_read(c, v, 100, NULL), -EAGAIN);
    assert_int_equal(hepta_shm_cell_write(c, v, 100), 0);
    assert_int_equal(hepta_shm_cell_read(c, v, 100, NULL), 0);
}

/* What a writer that died in each of its places leaves: the value before, and the next writer
 * goes on. The second word of the cell is the buffer of number 4, and so on. */
static void test_dead_writer(void **state)
{
    struct hepta_shm_cell *c = fresh(LEN);
    char *memory = (char *)c;
    size_t stride = (hepta_shm_cell_size(LEN) - 64) / 4;
    static char in[LEN], out[LEN];
    uint64_t n;
    (void)state;
    for (uint64_t i = 1; i <= 12; i++) {
        struct h7_a64 *seq = (struct h7_a64 *)(memory + 64 + i % 4 * stride);
        for (int place = 0; place < 3; place++) {
            if (place == 0)
                h7_store64_relaxed(seq, 0);
            else if (place == 1)
                memset((char *)seq + 16, 0xee, LEN / 2);
            else
                h7_store64_relaxed(seq, i);
            int r = hepta_shm_cell_read(c, out, LEN, &n);
            assert_int_equal(r, i == 1 ? -EAGAIN : 0);
            assert_int_equal(hepta_shm_cell_number(c), i - 1);
            if (i > 1) {
                assert_int_equal(n, i - 1);
                assert_memory_equal(in, out, LEN);
            }
        }
        fill(in, LEN, i);
        assert_int_equal(hepta_shm_cell_write(c, in, LEN), 0);
        assert_int_equal(hepta_shm_cell_read(c, out, LEN, &n), 0);
        assert_int_equal(n, i);
        assert_memory_equal(in, out, LEN);
    }
}

/* Whatever stands there: an answer, and nothing outside is touched. */
static void test_scribbled(void **state)
{
    static const uint64_t values[] = {1, 2, 3, 4, 0x7fffffffffffffff, UINT64_MAX - 1, UINT64_MAX};
    struct hepta_shm_cell *c = fresh(64);
    char v[64] = {0};
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        *(uint64_t *)c = values[i];
        assert_int_equal(hepta_shm_cell_read(c, v, 64, NULL), -EAGAIN);
        assert_int_equal(hepta_shm_cell_write(c, v, 64), 0);
        assert_int_equal(hepta_shm_cell_read(c, v, 64, NULL), 0);
        memset(c, 0, hepta_shm_cell_size(64));
    }
    assert_int_equal(hepta_shm_cell_write(c, v, 64), 0);
}

struct shared {
    uint32_t stop, pad[15];
    uint64_t reads;
    char cell[] __attribute__((aligned(64)));
};

static struct shared *fresh_shared(size_t len)
{
    return unit_shared(sizeof(struct shared) + hepta_shm_cell_size(len));
}

static void write_on(struct shared *s, size_t len)
{
    struct hepta_shm_cell *c = (struct hepta_shm_cell *)s->cell;
    static __thread char in[LEN];
    while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
        fill(in, len, hepta_shm_cell_number(c) + 1);
        hepta_shm_cell_write(c, in, len);
    }
}

/* 0: all were whole, what their numbers say, and never an older one than before. */
static int read_some(struct shared *s, size_t len, uint64_t count)
{
    const struct hepta_shm_cell *c = (const struct hepta_shm_cell *)s->cell;
    static __thread char out[LEN];
    uint64_t n = 0, before = 0;
    for (uint64_t i = 0; i < count; i++) {
        int r = hepta_shm_cell_read(c, out, len, &n);
        if (r == -EAGAIN)
            continue;
        if (r != 0 || !is_whole(out, len) || (unsigned char)out[0] != (unsigned char)(n * 31) ||
            n < before || hepta_shm_cell_number(c) < n)
            return 1;
        before = n;
    }
    return before == 0;
}

static void *writer_thread(void *arg)
{
    write_on(arg, LEN);
    return NULL;
}

static void *reader_thread(void *arg)
{
    return read_some(arg, LEN, 20000) ? arg : NULL;
}

static void test_threads(void **state)
{
    struct shared *s = fresh_shared(LEN);
    pthread_t writer, readers[3];
    void *bad;
    (void)state;
    pthread_create(&writer, NULL, writer_thread, s);
    while (hepta_shm_cell_number((struct hepta_shm_cell *)s->cell) == 0)
        unit_sleep_ms(1);
    for (int i = 0; i < 3; i++)
        pthread_create(&readers[i], NULL, reader_thread, s);
    for (int i = 0; i < 3; i++) {
        pthread_join(readers[i], &bad);
        assert_null(bad);
    }
    unit_say(&s->stop, 1);
    pthread_join(writer, NULL);
}

static int writer_process(void *arg)
{
    write_on(arg, LEN);
    return 0;
}

static int reader_process(void *arg)
{
    struct shared *s = arg;
    while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED))
        CHILD_CHECK(read_some(s, LEN, 1000) == 0);
    return 0;
}

/* A writer killed anywhere: what is read stays whole, and the next one goes on. */
static void test_killed_writers(void **state)
{
    struct shared *s = fresh_shared(LEN);
    struct hepta_shm_cell *c = (struct hepta_shm_cell *)s->cell;
    char in[LEN];
    pid_t readers[3];
    unsigned seed = 815;
    (void)state;
    fill(in, LEN, 1);
    assert_int_equal(hepta_shm_cell_write(c, in, LEN), 0);
    for (int i = 0; i < 3; i++)
        readers[i] = unit_start(reader_process, s);
    for (int i = 0; i < 200; i++) {
        struct timespec ts = {0, rand_r(&seed) % 4000000};
        pid_t pid = unit_start(writer_process, s);
        nanosleep(&ts, NULL);
        unit_kill(pid);
        assert_int_equal(read_some(s, LEN, 1), 0);
    }
    unit_say(&s->stop, 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(unit_reap(readers[i]), 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_sizes),       cmocka_unit_test(test_lengths),
    cmocka_unit_test(test_arguments),   cmocka_unit_test(test_dead_writer),
    cmocka_unit_test(test_scribbled),   cmocka_unit_test(test_threads),
    cmocka_unit_test(test_killed_writers),
};

UNIT_MAIN(tests)
