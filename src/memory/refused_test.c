/* SPDX-License-Identifier: MIT */
/*
 * memory/refused_test.c - segments that can't be had: no room, a file size limit, what was planted
 */
#define _GNU_SOURCE
#include "memory/memory_test.h"

/* In a mount namespace of its own, a tmpfs of one MiB. */
static int in_a_small_tmpfs(void *arg)
{
    struct hepta_shm *s, *t;
    struct hepta_shm_stat st;
    struct hepta_shm_options opt = shm_opt(128 * PAGE, 1024 * PAGE);
    (void)arg;
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", names_path, "tmpfs", 0, "size=1m,mode=700") != 0)
        return UNIT_SKIP;
    CHILD_CHECK(shm_make("/big", MAKE, 2 << 20, &s) == -ENOSPC);
    CHILD_CHECK(names_count("") == 0);
    CHILD_CHECK(hepta_shm_open("/s", MAKE, 0600, &opt, &s) == 0);
    CHILD_CHECK(shm_make("/t", MAKE, 128 * PAGE, &t) == -ENOSPC);
    CHILD_CHECK(names_count("") == 1);
    CHILD_CHECK(hepta_shm_grow(s, 512 * PAGE) == -ENOSPC);
    CHILD_CHECK(hepta_shm_len(s) == 128 * PAGE);
    CHILD_CHECK(hepta_shm_stat(s, &st) == 0 && st.len == 128 * PAGE);
    CHILD_CHECK(hepta_shm_grow(s, 200 * PAGE) == 0); /* what the failure took is back */
    CHILD_CHECK(hepta_shm_grow(s, 512 * PAGE) == -ENOSPC);
    CHILD_CHECK(shm_make("/t", MAKE, 64 * PAGE, &t) == -ENOSPC);
    memset(hepta_shm_data(s), 1, hepta_shm_len(s)); /* nothing of it was given away */
    CHILD_CHECK(shm_make("/t", MAKE, 40 * PAGE, &t) == 0);
    memset(hepta_shm_data(t), 1, hepta_shm_len(t));
    return 0;
}

static void test_no_room(void **state)
{
    (void)state;
    unit_in_child(in_a_small_tmpfs, NULL);
}

static int with_a_file_limit(void *arg)
{
    struct rlimit lim = {2 * PAGE, 2 * PAGE};
    struct hepta_shm *s;
    struct hepta_shm_options opt = shm_opt(2 * PAGE, 4 * PAGE);
    (void)arg;
    CHILD_CHECK(setrlimit(RLIMIT_FSIZE, &lim) == 0); /* to cross it is SIGXFSZ */
    CHILD_CHECK(shm_make("/t", MAKE, 3 * PAGE, &s) == -ENOSPC);
    CHILD_CHECK(hepta_shm_open("/s", MAKE, 0600, &opt, &s) == 0);
    CHILD_CHECK(hepta_shm_grow(s, 3 * PAGE) == -ENOSPC);
    CHILD_CHECK(hepta_shm_new(&opt, &s) == 0);
    CHILD_CHECK(hepta_shm_grow(s, 3 * PAGE) == -ENOSPC);
    return 0;
}

static void test_file_limit(void **state)
{
    (void)state;
    unit_in_child(with_a_file_limit, NULL);
}

/* What lies under the name and is none, or was scribbled on. */
static void test_planted(void **state)
{
    struct hepta_shm *s;
    char text[4096] = "";
    (void)state;
    assert_int_equal(shm_make("/s", MAKE, PAGE, &s), 0);
    hepta_shm_close(s);
    int dir = openat(names_dir, "shm.s", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = openat(dir, "data", O_RDWR | O_CLOEXEC);
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(hepta_shm_open("/s", 0, 0, NULL, &s), -EBADMSG);
    assert_int_equal(ftruncate(fd, 2 * (off_t)PAGE), 0); /* holes: no memory behind them */
    assert_int_equal(hepta_shm_open("/s", 0, 0, NULL, &s), -EBADMSG);
    assert_int_equal(ftruncate(fd, 100), 0);
    assert_int_equal(hepta_shm_open("/s", 0, 0, NULL, &s), -EBADMSG);
    assert_int_equal(pwrite(fd, text, sizeof text, 0), sizeof text);
    assert_int_equal(shm_look("/s", 0), 0);
    close(fd);
    fd = openat(dir, "control", O_RDWR | O_CLOEXEC);
    assert_int_equal(pwrite(fd, text, 4, 8), 4);
    assert_int_equal(hepta_shm_open("/s", 0, 0, NULL, &s), -EPROTONOSUPPORT);
    assert_int_equal(pwrite(fd, text, 4, 0), 4);
    assert_int_equal(hepta_shm_open("/s", 0, 0, NULL, &s), -EBADMSG);
    assert_int_equal(ftruncate(fd, 7), 0);
    assert_int_equal(hepta_shm_open("/s", HEPTA_SHM_CREATE, 0600,
                                    &(struct hepta_shm_options){.size = 24, .len = 1}, &s),
                     -EBADMSG);
    close(fd);
    assert_int_equal(unlinkat(dir, "data", 0), 0);
    assert_int_equal(mkdirat(dir, "data", 0700), 0);
    assert_int_equal(hepta_shm_open("/s", 0, 0, NULL, &s), -EBADMSG);
    assert_int_equal(unlinkat(dir, "control", 0), 0); /* dead, but for what is in the way */
    assert_int_equal(hepta_shm_open("/s", 0, 0, NULL, &s), -ENOENT);
    assert_true(shm_make("/s", MAKE, PAGE, &s) < 0);
    assert_int_equal(h7_shm_remove_stale("/s"), -EBADMSG); /* not -EISDIR */
    assert_int_equal(unlinkat(dir, "data", AT_REMOVEDIR), 0);
    assert_int_equal(shm_make("/s", MAKE, PAGE, &s), 0);
    hepta_shm_close(s);
    close(dir);
    assert_int_equal(hepta_shm_unlink("/s"), 0);
    assert_int_equal(symlinkat("shm.t", names_dir, "shm.s"), 0);
    assert_int_equal(hepta_shm_open("/s", 0, 0, NULL, &s), -EPROTO);
}

static const struct CMUnitTest tests[] = {
    NAMES_TEST(test_no_room),
    NAMES_TEST(test_file_limit),
    NAMES_TEST(test_planted),
};

NAMES_MAIN(tests)
