/* SPDX-License-Identifier: MIT */
/*
 * semaphore/sem_named_test.c - semaphores with a name: making and opening, one address, close
 * and unlink, permission, forks, and what is refused
 */
#define _GNU_SOURCE
#include "name/name_test.h"

#include <pthread.h>

#include "semaphore/sem_internal.h"

#define CREATE HEPTA_SEM_CREATE
#define EXCL   HEPTA_SEM_EXCL

static hepta_sem_t *open_sem(const char *name, uint32_t flags, uint32_t value)
{
    hepta_sem_t *s;
    assert_int_equal(hepta_sem_open(name, flags, 0600, value, &s), 0);
    assert_non_null(s);
    return s;
}

static int try(const char *name, uint32_t flags, mode_t mode, uint32_t value)
{
    hepta_sem_t *s = (hepta_sem_t *)(void *)&s;
    int r = hepta_sem_open(name, flags, mode, value, &s);
    assert_true(r == 0 ? s != NULL : s == NULL);
    if (r == 0)
        assert_int_equal(hepta_sem_close(s), 0);
    return r;
}

static int is_mapped(const void *p)
{
    unsigned char in_core;
    uintptr_t page = (uintptr_t)p & ~(uintptr_t)4095;
    return mincore((void *)page, 4096, &in_core) == 0;
}

/* --- lifecycle -------------------------------------------------------------------------- */

static void test_life(void **state)
{
    (void)state;
    assert_int_equal(try("/s", 0, 0, 0), -ENOENT);
    hepta_sem_t *s = open_sem("/s", CREATE | EXCL, 3);
    assert_int_equal(hepta_sem_value(s), 3);
    assert_int_equal(hepta_sem_wait(s, HEPTA_NOW), 0);
    assert_int_equal(try("/s", CREATE | EXCL, 0600, 0), -EEXIST);
    assert_int_equal(try("/s", EXCL, 0600, 0), 0); /* says nothing without CREATE */
    assert_int_equal(hepta_sem_value(s), 2);
    assert_int_equal(hepta_sem_destroy(s), -EINVAL);
    assert_int_equal(hepta_sem_close(s), 0);
    assert_int_equal(hepta_sem_close(s), -EINVAL);
    s = open_sem("/s", CREATE, 9); /* it is there: with its value */
    assert_int_equal(hepta_sem_value(s), 2);
    assert_int_equal(hepta_sem_unlink("/s"), 0);
    assert_int_equal(hepta_sem_unlink("/s"), -ENOENT);
    assert_int_equal(hepta_sem_post(s), 0); /* lives on */
    assert_int_equal(hepta_sem_value(s), 3);
    assert_int_equal(hepta_sem_close(s), 0);
    assert_int_equal(names_count(""), 0);
}

static void test_one_address(void **state)
{
    (void)state;
    hepta_sem_t *a = open_sem("/a", CREATE, 0), *b = open_sem("/b", CREATE, 0);
    assert_ptr_not_equal(a, b);
    assert_ptr_equal(open_sem("/a", 0, 0), a);
    assert_ptr_equal(open_sem("/a", CREATE, 5), a);
    assert_int_equal(hepta_sem_close(a), 0);
    assert_int_equal(hepta_sem_close(b), 0);
    assert_false(is_mapped(b));
    assert_int_equal(hepta_sem_close(a), 0);
    assert_true(is_mapped(a));
    assert_int_equal(hepta_sem_post(a), 0);
    assert_int_equal(hepta_sem_close(a), 0);
    assert_false(is_mapped(a));
    assert_int_equal(hepta_sem_close(a), -EINVAL);
}

/* The name says which, the file says whether it is the same. */
static void test_anew(void **state)
{
    (void)state;
    hepta_sem_t *old = open_sem("/s", CREATE, 1);
    assert_int_equal(hepta_sem_unlink("/s"), 0);
    hepta_sem_t *new = open_sem("/s", CREATE | EXCL, 2);
    assert_ptr_not_equal(old, new);
    assert_int_equal(hepta_sem_value(old), 1);
    assert_int_equal(hepta_sem_value(new), 2);
    assert_ptr_equal(open_sem("/s", 0, 0), new);
    assert_int_equal(hepta_sem_close(old), 0);
    assert_int_equal(hepta_sem_close(new), 0);
    assert_int_equal(hepta_sem_value(new), 2);
    assert_int_equal(hepta_sem_close(new), 0);
}

static void test_arguments(void **state)
{
    hepta_sem_t *s;
    char longer[HEPTA_NAME_MAX + 3];
    (void)state;
    assert_int_equal(hepta_sem_open("/s", CREATE, 0600, 0, NULL), -EFAULT);
    assert_int_equal(try(NULL, CREATE, 0600, 0), -EFAULT);
    assert_int_equal(try("s", CREATE, 0600, 0), -EINVAL);
    assert_int_equal(try("/", CREATE, 0600, 0), -EINVAL);
    assert_int_equal(try("/a/b", CREATE, 0600, 0), -EINVAL);
    assert_int_equal(try("/s", CREATE | 1u << 31, 0600, 0), -EINVAL);
    assert_int_equal(try("/s", CREATE, 01600, 0), -EINVAL);
    assert_int_equal(try("/s", CREATE, 0600, HEPTA_SEM_VALUE_MAX + 1), -EINVAL);
    assert_int_equal(names_count(""), 0);
    s = open_sem("/s", CREATE, 3); /* where one is, mode and value are ignored */
    assert_int_equal(try("/s", CREATE, 01600, HEPTA_SEM_VALUE_MAX + 1), 0);
    assert_int_equal(try("/s", CREATE | EXCL, 0600, HEPTA_SEM_VALUE_MAX + 1), -EINVAL);
    assert_int_equal(try("/s", CREATE | EXCL, 0600, 3), -EEXIST);
    assert_int_equal(hepta_sem_value(s), 3);
    assert_int_equal(hepta_sem_close(s), 0);
    memset(longer, 'x', sizeof longer);
    longer[0] = '/';
    longer[HEPTA_NAME_MAX + 2] = 0;
    assert_int_equal(try(longer, CREATE, 0600, 0), -ENAMETOOLONG);
    assert_int_equal(hepta_sem_unlink(longer), -ENAMETOOLONG);
    longer[HEPTA_NAME_MAX + 1] = 0;
    s = open_sem(longer, CREATE, HEPTA_SEM_VALUE_MAX);
    assert_int_equal(hepta_sem_post(s), -EOVERFLOW);
    assert_int_equal(hepta_sem_close(s), 0);
    assert_int_equal(hepta_sem_unlink(NULL), -EFAULT);
    assert_int_equal(hepta_sem_unlink("x"), -EINVAL);
    hepta_sem_t plain;
    assert_int_equal(hepta_sem_init(&plain, 0), 0);
    assert_int_equal(hepta_sem_close(&plain), -EINVAL);
    assert_int_equal(hepta_sem_close(NULL), -EINVAL);
}

/* --- permission --------------------------------------------------------------------------- */

static int opens_as_nobody(void *arg)
{
    hepta_sem_t *s;
    if (names_become(NOBODY) != 0)
        return UNIT_SKIP;
    CHILD_CHECK(hepta_sem_open("/s", 0, 0, 0, &s) == *(int *)arg);
    return 0;
}

static void test_permission(void **state)
{
    static const struct {
        mode_t mode, umask;
        int others;
    } cases[] = {
        {0666, 0, 0},          {0666, 022, -EACCES},  {0660, 0, -EACCES},
        {0664, 0, -EACCES},    {0662, 0, -EACCES},    {0606, 077, -EACCES},
    };
    (void)state;
    assert_int_equal(fchmod(names_dir, 01777), 0);
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        hepta_sem_t *s;
        umask(cases[i].umask);
        assert_int_equal(hepta_sem_open("/s", CREATE | EXCL, cases[i].mode, 0, &s), 0);
        int expect = cases[i].others;
        unit_in_child(opens_as_nobody, &expect);
        assert_int_equal(hepta_sem_close(s), 0);
        assert_int_equal(hepta_sem_unlink("/s"), 0);
    }
}

/* Whoever makes one may use it, whatever the mode says; a second time he is like others. */
static int makes_for_nobody(void *arg)
{
    hepta_sem_t *s, *again;
    (void)arg;
    if (names_become(NOBODY) != 0)
        return UNIT_SKIP;
    CHILD_CHECK(hepta_sem_open("/s", CREATE, 0, 1, &s) == 0);
    CHILD_CHECK(hepta_sem_wait(s, HEPTA_NOW) == 0);
    CHILD_CHECK(hepta_sem_open("/s", 0, 0, 0, &again) == -EACCES);
    CHILD_CHECK(hepta_sem_unlink("/s") == 0);
    return 0;
}

static void test_mode_of_nobody(void **state)
{
    (void)state;
    assert_int_equal(fchmod(names_dir, 01777), 0);
    unit_in_child(makes_for_nobody, NULL);
}

static int unlinks_as_nobody(void *arg)
{
    (void)arg;
    if (names_become(NOBODY) != 0)
        return UNIT_SKIP;
    int r = hepta_sem_unlink("/s");
    CHILD_CHECK(r == -EPERM || r == -EACCES);
    return 0;
}

static void test_unlink_of_others(void **state)
{
    (void)state;
    assert_int_equal(fchmod(names_dir, 01777), 0);
    hepta_sem_t *s = open_sem("/s", CREATE, 0);
    unit_in_child(unlinks_as_nobody, NULL);
    assert_int_equal(hepta_sem_close(s), 0);
    assert_int_equal(hepta_sem_unlink("/s"), 0);
}

/* --- processes ---------------------------------------------------------------------------- */

static int takes_one(void *arg)
{
    hepta_sem_t *s = arg, *again;
    CHILD_CHECK(hepta_sem_wait(s, hepta_in_ms(60000)) == 0);
    CHILD_CHECK(hepta_sem_open("/s", 0, 0, 0, &again) == 0 && again == s);
    CHILD_CHECK(hepta_sem_close(s) == 0 && hepta_sem_post(s) == 0);
    CHILD_CHECK(hepta_sem_close(s) == 0 && hepta_sem_close(s) == -EINVAL);
    return 0;
}

/* The child has it open, too, and the parent doesn't notice what the child closes. */
static void test_fork(void **state)
{
    (void)state;
    hepta_sem_t *s = open_sem("/s", CREATE, 0);
    pid_t pid = unit_start(takes_one, s);
    assert_int_equal(hepta_sem_post(s), 0);
    assert_int_equal(unit_reap(pid), 0);
    assert_int_equal(hepta_sem_wait(s, HEPTA_NOW), 0);
    assert_int_equal(hepta_sem_close(s), 0);
}

static int opens_and_posts(void *arg)
{
    hepta_sem_t *s;
    unit_await(arg, 0);
    CHILD_CHECK(hepta_sem_open("/s", CREATE, 0600, 100, &s) == 0);
    CHILD_CHECK(hepta_sem_post(s) == 0 && hepta_sem_close(s) == 0);
    return 0;
}

/* All of them race for the name: one makes it, and every post is in the one semaphore. */
static void test_one_maker(void **state)
{
    enum { N = 6 };
    pid_t pids[N];
    uint32_t *go = unit_shared(sizeof *go);
    (void)state;
    for (int i = 0; i < N; i++)
        pids[i] = unit_start(opens_and_posts, go);
    unit_say(go, 1);
    for (int i = 0; i < N; i++)
        assert_int_equal(unit_reap(pids[i]), 0);
    munmap(go, sizeof *go);
    hepta_sem_t *s = open_sem("/s", 0, 0);
    assert_int_equal(hepta_sem_value(s), 100 + N);
    assert_int_equal(hepta_sem_close(s), 0);
}

/* Opened and closed by several threads at once: never gone while one has it, and the count is
 * right in the end. */
static void *opens_often(void *arg)
{
    for (int i = 0; i < 200; i++) {
        hepta_sem_t *s;
        if (hepta_sem_open("/s", CREATE, 0600, 0, &s) != 0 || hepta_sem_post(s) != 0 ||
            hepta_sem_wait(s, HEPTA_FOREVER) != 0 || hepta_sem_close(s) != 0)
            return arg;
    }
    return NULL;
}

static void test_threads(void **state)
{
    enum { N = 4 };
    pthread_t t[N];
    void *bad;
    int one;
    (void)state;
    for (int i = 0; i < N; i++)
        assert_int_equal(pthread_create(&t[i], NULL, opens_often, &one), 0);
    for (int i = 0; i < N; i++) {
        pthread_join(t[i], &bad);
        assert_null(bad);
    }
    hepta_sem_t *s = open_sem("/s", 0, 0);
    assert_int_equal(hepta_sem_value(s), 0);
    assert_int_equal(hepta_sem_close(s), 0);
    assert_int_equal(hepta_sem_close(s), -EINVAL);
}

/* --- what is refused --------------------------------------------------------------------- */

static int open_data(void)
{
    char path[sizeof names_path + 32];
    snprintf(path, sizeof path, "%s/sem.s/data", names_path);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void forged(off_t at, const void *bytes, size_t len, int expect)
{
    char was[16];
    assert_int_equal(try("/s", CREATE, 0600, 0), 0);
    int fd = open_data();
    assert_int_equal(pread(fd, was, len, at), len);
    assert_int_equal(pwrite(fd, bytes, len, at), len);
    assert_int_equal(try("/s", CREATE, 0600, 0), expect);
    assert_int_equal(pwrite(fd, was, len, at), len);
    assert_int_equal(try("/s", 0, 0, 0), 0);
    close(fd);
}

static void test_refused(void **state)
{
    const uint32_t other = H7_KIND_MQ, plain = H7_SEM_PLAIN, none = 0;
    const uint64_t long_data = 4096, text = 0x6464646464646464ull;
    (void)state;
#define FORGED(field, bytes, expect) \
    forged(offsetof(struct h7_segment_header, field), &(bytes), sizeof(bytes), expect)
    FORGED(magic, text, -EPROTO);
    FORGED(version, none, -EPROTONOSUPPORT);
    FORGED(kind, other, -EMEDIUMTYPE);
    FORGED(pidns, text, -EXDEV);
    FORGED(data_len, long_data, -EBADMSG);
    forged(H7_SEGMENT_CONTROL + offsetof(struct h7_sem, kind), &plain, 4, -EBADMSG);
    forged(H7_SEGMENT_CONTROL + offsetof(struct h7_sem, kind), &none, 4, -EBADMSG);
    int fd = open_data();
    assert_int_equal(ftruncate(fd, 100), 0);
    assert_int_equal(try("/s", CREATE, 0600, 0), -ENODATA);
    assert_int_equal(ftruncate(fd, 10), 0);
    assert_int_equal(try("/s", CREATE, 0600, 0), -EPROTO);
    close(fd);
}

/* A segment that claims data is no semaphore, and isn't mapped. */
static void test_too_much(void **state)
{
    struct h7_segment_header h;
    (void)state;
    assert_int_equal(try("/s", CREATE, 0600, 0), 0);
    int fd = open_data();
    assert_int_equal(ftruncate(fd, 1 << 20), 0);
    assert_int_equal(pread(fd, &h, sizeof h, 0), sizeof h);
    h.len = 1 << 20;
    h.data_len = h.len - h.data_off;
    assert_int_equal(pwrite(fd, &h, sizeof h, 0), sizeof h);
    assert_int_equal(try("/s", CREATE, 0600, 0), -EBADMSG);
    close(fd);
}

static void test_other_kinds(void **state)
{
    (void)state;
    assert_int_equal(names_make("sem", "/s", 0755), 0); /* another sort of data */
    assert_int_equal(try("/s", CREATE, 0600, 0), -EPROTO);
    assert_int_equal(hepta_sem_unlink("/s"), 0);
    assert_int_equal(mkdirat(names_dir, "sem.s", 0755), 0);
    assert_int_equal(try("/s", CREATE, 0600, 0), -EBADMSG); /* no part */
    assert_int_equal(hepta_sem_unlink("/s"), 0);
    assert_int_equal(names_make("mq", "/s", 0755), 0); /* a name of its own kind */
    assert_int_equal(try("/s", 0, 0, 0), -ENOENT);
    assert_int_equal(hepta_sem_unlink("/s"), -ENOENT);
}

static int opens_without_descriptors(void *arg)
{
    hepta_sem_t *s;
    (void)arg;
    CHILD_CHECK(unit_no_descriptors() == 0);
    CHILD_CHECK(hepta_sem_open("/s", CREATE, 0600, 0, &s) == -EMFILE && !s);
    return 0;
}

static void test_no_descriptors(void **state)
{
    (void)state;
    hepta_sem_t *s = open_sem("/s", CREATE, 0);
    unit_in_child(opens_without_descriptors, NULL);
    assert_int_equal(hepta_sem_close(s), 0);
}

static const struct CMUnitTest tests[] = {
    NAMES_TEST(test_life),       NAMES_TEST(test_one_address),
    NAMES_TEST(test_anew),       NAMES_TEST(test_arguments),
    NAMES_TEST(test_permission), NAMES_TEST(test_mode_of_nobody),
    NAMES_TEST(test_unlink_of_others),
    NAMES_TEST(test_fork),       NAMES_TEST(test_one_maker),
    NAMES_TEST(test_threads),    NAMES_TEST(test_refused),
    NAMES_TEST(test_too_much),   NAMES_TEST(test_other_kinds),
    NAMES_TEST(test_no_descriptors),
};

NAMES_MAIN(tests)
